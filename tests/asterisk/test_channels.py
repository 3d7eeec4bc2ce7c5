#!/usr/bin/env python3
"""Real calls in two channels: the caller says 440 Hz and the called side 1 kHz, in every codec, over lossy lines, on hold and through
transfers. sox and ffmpeg judge what is in which channel, and whether the channels stay in step.

The calls that are measured for drift take a minute; with PBX_LONG an hour, and with PBX_TALK=SECONDS as long as that. Asterisk 16
(PBX_ASTERISK=16) cannot keep two channels in step: there, one channel is recorded, and the deployment warns of
it."""
import asyncio
import functools
import json
import os
import re
import shutil
import statistics
import subprocess

import asterisk_root
import sip
import sound
from pbx import leg_names, pbx_of_module, picks_up, wait_for
from private_asterisk import main_with_asterisk
from workdir import LONG, Case

TALK = int(os.environ.get('PBX_TALK') or (3600 if LONG else 60))
SHORT = 4                # seconds of the calls that are not measured for drift
PERIOD, GAP = 2, 0.4     # seconds: what is said is interrupted this often, this long, so that its place can be found
LOSS = 0.05
ALONE = 3                # seconds at the end in which only the called side speaks, and then only the caller
CALLER, CALLED, THIRD, SECRET = 440, 1000, 1500, 3000
CODECS = ('ulaw', 'alaw', 'g722')
ENCODERS = {'ulaw': ('pcm_mulaw', 'mulaw', 8000), 'alaw': ('pcm_alaw', 'alaw', 8000), 'g722': ('g722', 'g722', 16000)}


def encoded(codec, filters):
    encoder, form, rate = ENCODERS[codec]
    done = subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', filters, '-ar', str(rate), '-ac', '1', '-c:a', encoder,
                           '-f', form, '-'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return done.stdout


@functools.lru_cache(maxsize=None)
def voice(codec, hertz):
    """A tone with gaps. The noise in it is as strong as the steps of G.711: without it, what a codec adds to a tone would gather at
    other frequencies. The tone begins slowly, because a click has other frequencies too."""
    rate = ENCODERS[codec][2]
    said = PERIOD - GAP
    tone = (f"aevalsrc='0.4*sin(2*PI*{hertz}*t)*clip(min(t,{said}-t)/0.02,0,1)+0.016*(random(0)-0.5)':s={rate}:d={PERIOD}")
    return sip.Voice(codec, encoded(codec, tone), encoded(codec, f'anullsrc=r={rate}:d=1'))


class Calls:
    """Provisions an organization for each codec, and places the calls."""

    def __init__(self, pbx):
        self.pbx = pbx
        self.legs = {}     # name of a call -> its legs, in order
        self.extra = {}    # name of a call -> a file with the same call in one channel
        self.numbers = iter(range(1001, 1100))
        self.organizations = {}
        self.paused = None

    async def provision(self):
        for prefix, codecs, settings in (
                *((codec, [codec], {'recording_channels': 2}) for codec in CODECS),
                ('mixed', ['g722', 'alaw'], {'recording_channels': '2'}),
                ('wide', ['g722'], {'recording_channels': 2, 'recording_rate': 16000}),
                ('widemono', ['g722'], {'recording_rate': 16000}),
                ('mono', ['ulaw'], {})):
            organization = await self.pbx.organization(prefix, codecs=codecs, **settings)
            organization.route(dial_pattern='_9X.')
            organization.codecs = codecs
            organization.callers = {}
            organization.trunk.voice = voice(codecs[-1], CALLER)
            self.organizations[prefix] = organization

    def phone(self, prefix, hertz):
        organization = self.organizations[prefix]
        phone = organization.user(str(next(self.numbers)))
        phone.voice = voice(organization.codecs[0], hertz)
        return phone

    async def begin(self, prefix, caller, callee, loss=0):
        """A call from a phone to a phone."""
        taken = picks_up(callee, after=0.3)
        call = await caller.call(callee.extension, wait=False)
        other = await asyncio.wait_for(taken, 20)
        call.media.loss = other.media.loss = loss
        return call, other

    async def plain(self, name, prefix, seconds, loss=0, also_in_one=False):
        caller, callee = self.pairs[name]
        call, other = await self.begin(prefix, caller, callee, loss)
        if also_in_one:
            channel = await self.channel_of(callee)
            self.extra[name] = self.pbx.work.path / f'{name}.wav'
            await self.cli(f'mixmonitor start {channel} {self.extra[name]}')
        await asyncio.sleep(seconds)
        for quiet in (call, other):  # then each side speaks alone, one after the other
            quiet.media.speaking = False
            await asyncio.sleep(ALONE)
            quiet.media.speaking = True
        await call.hang_up()
        await wait_for(other.ended, 10, 'the other side hung up')

    async def cli(self, command):
        return await asyncio.to_thread(self.pbx.asterisk.cli, command)

    async def channel_of(self, phone):
        listed = await self.cli('core show channels concise')
        return next(line.split('!')[0] for line in listed.splitlines() if line.startswith(f'PJSIP/{phone.user}-'))

    async def hold(self, name, prefix):
        caller, callee = self.pairs[name]
        call, other = await self.begin(prefix, caller, callee)
        await asyncio.sleep(SHORT)
        await other.hold()
        await asyncio.sleep(SHORT)
        await other.hold(False)
        await asyncio.sleep(SHORT)
        await call.hang_up()
        await wait_for(other.ended, 10, 'the other side hung up')

    async def blind(self, name, prefix):
        caller, callee, third = self.pairs[name]
        call, other = await self.begin(prefix, caller, callee)
        await asyncio.sleep(SHORT)
        taken = picks_up(third, after=0.3)
        await other.transfer(third.extension)
        target = await asyncio.wait_for(taken, 15)
        await asyncio.sleep(SHORT)
        await call.hang_up()
        await wait_for(target.ended, 10, 'the target hung up')

    async def attended(self, name, prefix):
        caller, callee, third = self.pairs[name]
        call, other = await self.begin(prefix, caller, callee)
        await asyncio.sleep(SHORT)
        taken = picks_up(third, after=0.3)
        await other.hold()
        consultation = await callee.call(third.extension)
        target = await asyncio.wait_for(taken, 15)
        await asyncio.sleep(1)
        await other.transfer(third.extension, replaces=consultation)
        await wait_for(consultation.ended, 10, 'the consultation ends')
        await asyncio.sleep(SHORT)
        await call.hang_up()
        await wait_for(target.ended, 10, 'the target hung up')

    async def record(self, command, extension):
        result = await asyncio.to_thread(
            self.pbx.work.run, 'pbx-record', '--asterisk-dir', self.pbx.asterisk.etc, '--asterisk', self.pbx.asterisk.program,
            command, extension, '--json' if command == 'status' else '-q')
        if result.status:
            raise AssertionError(f'{result}')
        return result

    async def pause(self, name, prefix):
        caller, callee = self.pairs[name]
        call, other = await self.begin(prefix, caller, callee)
        await asyncio.sleep(SHORT)
        await self.record('pause', callee.extension)
        usual, other.media.voice = other.media.voice, voice(self.organizations[prefix].codecs[0], SECRET)
        await asyncio.sleep(SHORT)
        other.media.voice = usual
        await asyncio.sleep(0.5)
        await self.record('resume', callee.extension)
        self.paused = json.loads((await self.record('status', callee.extension)).text)
        await asyncio.sleep(SHORT)
        await call.hang_up()
        await wait_for(other.ended, 10, 'the other side hung up')

    async def place(self):
        await asyncio.gather(*(place() for place in self.plans.values()))

    def plan(self):
        self.pairs, self.plans = {}, {}

        wanted = re.compile(os.environ.get('PBX_CALLS', ''))  # to debug a single call

        def add(name, prefix, how, *more, tones=(CALLER, CALLED), **options):
            if not wanted.search(name):
                return
            self.pairs[name] = [self.phone(prefix, hertz) for hertz in tones]
            self.plans[name] = lambda: how(name, prefix, *more, **options)
        for codec in CODECS:
            add(f'long_{codec}', codec, self.plain, TALK, also_in_one=True)
            add(f'lossy_{codec}', codec, self.plain, TALK, loss=LOSS)
            add(f'hold_{codec}', codec, self.hold)
            add(f'blind_{codec}', codec, self.blind, tones=(CALLER, CALLED, THIRD))
            add(f'attended_{codec}', codec, self.attended, tones=(CALLER, CALLED, THIRD))
        add('mixed', 'mixed', self.plain, SHORT, also_in_one=True)
        for phone in self.pairs.get('mixed', ())[:1]:
            phone.voice = voice('alaw', CALLER)
        add('wide', 'wide', self.plain, SHORT)
        add('widemono', 'widemono', self.plain, SHORT)
        add('mono', 'mono', self.plain, SHORT)
        add('paused', 'g722', self.pause)
        add('paused_wide', 'wide', self.pause)

    async def run(self):
        await self.provision()
        self.plan()
        self.pbx.configure()
        self.deployed = self.pbx.deploy('--asterisk', self.pbx.asterisk.program)
        if self.deployed.status:
            raise AssertionError(self.deployed)
        try:
            await self.pbx.start()
            await self.place()
            await self.pbx.quiet()
        finally:
            self.pbx.stop()
            if os.environ.get('PBX_KEEP'):
                shutil.copytree(self.pbx.asterisk.folder / 'log', os.environ['PBX_KEEP'], dirs_exist_ok=True)
        self.halves = sorted(path.name for path in (self.pbx.work.spool / 'halves').iterdir())
        self.complaints = self.pbx.asterisk.complaints()
        for name, phones in self.pairs.items():
            self.legs[name] = leg_names(self.pbx.call_rows(phones[0].extension))


def gaps(path, channel):
    """When what is said in a channel ends, by ffmpeg."""
    done = subprocess.run(['ffmpeg', '-hide_banner', '-nostats', '-i', path, '-af',
                           f'pan=mono|c0=c{channel - 1},silencedetect=noise=-35dB:d={GAP * 0.6}', '-f', 'null', '-'],
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, text=True)
    return [float(found) for found in re.findall(r'silence_start: (-?[\d.]+)', done.stderr)]


class TwoChannels(Case):
    @classmethod
    def setUpClass(cls):
        cls.pbx = pbx_of_module()
        cls.calls = Calls(cls.pbx)
        asyncio.run(cls.calls.run())
        cls.stitched = cls.pbx.work.run('pbx-stitch')
        cls.spool = cls.pbx.work.spool

    def leg(self, name, place=0):
        if name not in self.calls.legs:
            self.skipTest('not wanted')
        return self.spool / self.calls.legs[name][place]

    def holds(self, path, *sides):
        """Each channel has its own tones, and no trace of those of the other one."""
        self.assertEqual(sound.soxi(path)[1], 2)
        for channel, (own, foreign) in enumerate(sides, 1):
            levels = {hertz: sound.band_level(path, channel, hertz) for hertz in {*own, *foreign}}
            for hertz in foreign:
                self.assertLess(levels[hertz], max(levels[each] for each in own) - 60, f'{path.name}: {channel}: {levels}')

    def test_the_halves_are_woven_without_a_remark_and_none_are_left(self):
        self.assertEqual(self.stitched.status, 0, self.stitched)
        self.assertEqual(self.stitched.err, '')
        self.assertEqual(list((self.spool / 'halves').iterdir()), [])
        for name in ('long_ulaw', 'paused'):
            for kind in ('caller', 'called'):
                self.assertIn(self.calls.legs[name][0].replace('.wav', f'.{kind}.wav'), self.calls.halves)

    def test_no_trace_of_one_side_is_in_the_others_channel(self):
        for name in [*(f'{kind}_{codec}' for kind in ('long', 'hold') for codec in CODECS), 'mixed', 'wide', 'paused']:
            with self.subTest(name):
                self.assertEqual(len(self.calls.legs[name]), 1, self.calls.legs[name])
                self.holds(self.leg(name), ((CALLER,), (CALLED,)), ((CALLED,), (CALLER,)))

    def test_a_side_that_is_silent_has_silence_in_its_channel_while_the_other_one_speaks(self):
        """Also where packets are lost, which spreads a tone over all frequencies."""
        for name in [f'{kind}_{codec}' for kind in ('long', 'lossy') for codec in CODECS]:
            with self.subTest(name):
                path = self.leg(name)
                end = sound.soxi(path)[2] / sound.soxi(path)[0]
                for silent, hertz, begin in ((1, CALLED, end - 2 * ALONE + 1), (2, CALLER, end - ALONE + 1)):
                    stretch = ('trim', str(begin), '1.2')
                    self.assertLess(sound.band_level(path, silent, hertz, *stretch), sound.band_level(path, 3 - silent, hertz, *stretch) - 60)

    def test_the_channels_stay_in_step(self):
        """Lost packets move single gaps by up to three frames, in either direction; their mean must stay where it is."""
        for kind in ('long', 'lossy'):
            for codec in CODECS:
                with self.subTest(f'{kind}_{codec}'):
                    path = self.leg(f'{kind}_{codec}')
                    caller, called = gaps(path, 1), gaps(path, 2)
                    seconds = sound.soxi(path)[2] / sound.soxi(path)[0] - 2 * ALONE
                    offsets = [min((at - other for other in called), key=abs) for at in caller if 1 < at < seconds - 2]
                    self.assertGreater(len(offsets), TALK / PERIOD * (1 - 2 * LOSS) - 4)
                    quarter = len(offsets) // 4
                    first, last = offsets[:quarter], offsets[-quarter:]
                    drift = statistics.mean(last) - statistics.mean(first)
                    error = (statistics.variance(first) / quarter + statistics.variance(last) / quarter) ** 0.5
                    print(f'{kind}_{codec}: {len(offsets)} gaps, drift {1000 * drift:.1f} ms (standard error {1000 * error:.1f} ms), '
                          f'{seconds:.2f} of {TALK} s')
                    self.assertLess(abs(drift), 0.020 + (3 * error if kind == 'lossy' else 0), offsets)
                    # What both sides lose at once, Asterisk leaves out of both channels.
                    self.assertGreater(seconds, TALK * (1 - (LOSS if kind == 'lossy' else 0.005)) - 1.5)
                    self.assertLess(seconds, TALK + 5)

    def test_a_blind_transfer_leaves_two_legs(self):
        for codec in CODECS:
            with self.subTest(codec):
                name = f'blind_{codec}'
                self.assertEqual(len(self.calls.legs[name]), 2)
                self.holds(self.leg(name), ((CALLER,), (CALLED, THIRD)), ((CALLED,), (CALLER, THIRD)))
                self.holds(self.leg(name, 1), ((CALLER,), (CALLED, THIRD)), ((THIRD,), (CALLER, CALLED)))

    def test_an_attended_transfer_keeps_the_target_on_its_side(self):
        for codec in CODECS:
            with self.subTest(codec):
                _, callee, _ = self.calls.pairs[f'attended_{codec}']
                first = self.leg(f'attended_{codec}')
                self.holds(first, ((CALLER,), (CALLED, THIRD)), ((CALLED,), (CALLER, THIRD)))
                consultation = self.spool / leg_names(self.pbx.rows(f"src = '{callee.extension}' and recordingfile <> ''"))[-1]
                self.holds(consultation, ((CALLER, CALLED), (THIRD,)), ((THIRD,), (CALLER, CALLED)))

    def test_the_mix_is_as_loud_as_a_recording_of_the_same_call_in_one_channel(self):
        for name in (*(f'long_{codec}' for codec in CODECS), 'mixed'):
            with self.subTest(name):
                call = self.pbx.call_rows(self.calls.pairs[name][0].extension)[0]['linkedid']
                path = self.pbx.work.path / f'{name}-mix.wav'
                self.status(self.pbx.work.run('pbx-recording-fetch', call, '--channel', 'mix', '-o', path), 0)
                one = self.calls.extra[name]
                self.assertEqual(sound.soxi(one)[1], 1)
                for effects in ((), ('remix', '1', 'sinc', '-a', '80', '-t', '3', f'{CALLER - 1}-{CALLER + 1}'),
                                ('remix', '1', 'sinc', '-a', '80', '-t', '3', f'{CALLED - 1}-{CALLED + 1}')):
                    self.assertAlmostEqual(sound.level(path, *effects), sound.level(one, *effects), delta=1, msg=(name, effects))

    def test_16000_samples_per_second_are_recorded_only_where_they_are_asked_for(self):
        self.assertEqual(sound.soxi(self.leg('wide'))[:2], (16000, 2))
        self.assertEqual(sound.soxi(self.leg('widemono'))[:2], (16000, 1))
        self.assertEqual(sound.soxi(self.leg('long_g722'))[:2], (8000, 2))
        self.assertEqual(sound.soxi(self.leg('mono'))[:2], (8000, 1))
        for name in ('wide', 'widemono', 'mono'):
            self.assertAlmostEqual(sound.soxi(self.leg(name))[2] / sound.soxi(self.leg(name))[0], SHORT + 2 * ALONE, delta=1.5)

    def test_a_pause_stops_both_sides_and_both_go_on(self):
        for name in ('paused', 'paused_wide'):
            with self.subTest(name):
                path = self.leg(name)
                self.holds(path, ((CALLER,), (CALLED, SECRET)), ((CALLED,), (CALLER, SECRET)))
                self.assertAlmostEqual(sound.soxi(path)[2] / sound.soxi(path)[0], 2 * SHORT + 1, delta=4)  # a busy machine is slow to stop
        recorder, = self.calls.paused[0]['recorders']
        self.assertRegex(recorder['received'], r'/halves/.*\.called\.wav')
        self.assertRegex(recorder['transmitted'], r'/halves/.*\.caller\.wav')

    def test_asterisk_complains_about_nothing(self):
        self.assertEqual([line for line in self.calls.complaints if 'MixMonitor' in line or 'pbx-recorder' in line], [])
        self.assertEqual(self.calls.deployed.err, '')


class OneChannel(Case):
    """What an older Asterisk records."""

    def test_an_older_asterisk_records_one_channel_and_the_deployment_says_so(self):
        pbx = pbx_of_module()

        async def run():
            acme = await pbx.organization('acme', recording_channels=2)
            caller, callee = acme.user('1001'), acme.user('1002')
            pbx.configure()
            deployed = pbx.deploy('--asterisk', pbx.asterisk.program)
            try:
                await pbx.start()
                taken = picks_up(callee, after=0.3)
                call = await caller.call('1002', wait=False)
                await asyncio.wait_for(taken, 20)
                await asyncio.sleep(2)
                await call.hang_up()
                await pbx.quiet()
            finally:
                pbx.stop()
            return deployed
        deployed = asyncio.run(run())
        self.says(self.status(deployed, 0), 'calls of acme are recorded in one channel: a recorder of Asterisk 16')
        leg, = leg_names(pbx.call_rows('1001'))
        self.assertEqual(sound.soxi(pbx.work.spool / leg)[1], 1)
        self.assertFalse((pbx.work.spool / 'halves').exists())


if asterisk_root.IS_CURRENT:
    del OneChannel
else:
    del TwoChannels


if __name__ == '__main__':
    main_with_asterisk('ffmpeg', 'sox')
