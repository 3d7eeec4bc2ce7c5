#!/usr/bin/env python3
"""A call placed by SIPp, so that an error in our own SIP client would be noticed: what SIPp plays is in the legs, once and in
order, and comes back as one file."""
import asyncio
from pathlib import Path

import tones
from pbx import Pbx, leg_names, picks_up
from private_asterisk import main_with_asterisk
from workdir import Case

SPEECH = 12  # seconds that sipp could play; it hangs up before the end
SAID = 7     # seconds that it certainly played


class Sipp(Case):
    def setUp(self):
        self.pbx = Pbx()
        self.addCleanup(self.pbx.close)

    def scenario(self):
        speech = self.pbx.work.path / 'speech.ul'
        speech.write_bytes(b''.join(tones.frame('A', number) for number in range(SPEECH * 50)))
        scenario = self.pbx.work.path / 'caller.xml'
        text = (Path(__file__).parent / 'sipp_caller.xml').read_text(encoding='utf-8')
        scenario.write_text(text.replace('SPEECH', str(speech)), encoding='utf-8')
        return scenario

    async def call(self):
        """sipp calls the DID from the trunk's address; an agent of the queue picks up and says nothing."""
        pbx = self.pbx
        acme = await pbx.organization('acme')
        agent = acme.user('1001')
        acme.queue('5001', [agent])
        acme.did('74950001', 'queue', '5001')
        pbx.configure()
        self.status(pbx.deploy(), 0)

        picks_up(agent, after=2, speak=False)
        try:
            await pbx.start()
            server = ':'.join(map(str, pbx.asterisk.sip))
            sipp = await asyncio.create_subprocess_exec(
                'sipp', '-sf', str(self.scenario()), '-s', '74950001', '-i', acme.address, '-mi', acme.address, '-m', '1', '-nostdin',
                '-timeout', '30', '-timeout_error', server, cwd=pbx.work.path, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE)
            _, words = await sipp.communicate()
            self.assertEqual(sipp.returncode, 0, words.decode(errors='replace'))
            await pbx.quiet()
        finally:
            pbx.stop()

    def test_what_sipp_plays_is_in_three_legs_once_and_in_order_and_comes_back_as_one_file(self):
        asyncio.run(self.call())
        work = self.pbx.work
        rows = self.pbx.call_rows('79100000099')
        legs = leg_names(rows)
        self.assertEqual([name.split('-', 2)[2] for name in legs],
                         ['79100000099-74950001.wav', '79100000099-queue-5001.wav', '79100000099-1001.wav'])
        self.assertEqual(len({row['linkedid'] for row in rows}), 1)
        self.status(work.run('pbx-stitch'), 0)
        self.status(work.run('pbx-archive', '--min-age', '0s'), 0)
        fetched = self.status(work.run('pbx-recording-fetch', rows[0]['linkedid']), 0)
        heard = tones.speech(tones.wav_samples(fetched.out))['A']
        self.assertEqual(heard.order, sorted(set(heard.order)), heard)
        self.assertLessEqual(heard.order[0], 1, heard)
        for second in range(heard.order[0] + 1, SAID):
            self.assertAlmostEqual(heard.seconds.get(second, 0), 1, delta=0.25, msg=f'second {second} of {heard}')


if __name__ == '__main__':
    main_with_asterisk('sipp')
