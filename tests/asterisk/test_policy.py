#!/usr/bin/env python3
"""Recording is switched off while calls are in progress: what is deployed with a reload reaches each of them at its next point."""
import asyncio
import re
import time

import tones
from pbx import Pbx, leg_names, picks_up, wait_for
from private_asterisk import main_with_asterisk
from workdir import Case

SWITCHES = {  # what an operator does; {} is the organization's id
    'row': "update {table} set recording_enabled = false where org_id = '{id}'",
    'master': "update organizations set settings = settings || '{{\"recording_enabled\": false}}' where id = '{id}'",
    'suspended': "update organizations set status = 'suspended' where id = '{id}'",
}
# A suspended organization's phones are gone with the reload: a transfer finds nobody.
MOMENTS = [(switch, moment) for switch in SWITCHES for moment in ('ringing', 'queue', 'refer', 'keys', 'consultation')
           if switch != 'suspended' or moment in ('ringing', 'queue')]
TALK = 2
SLACK = 0.6  # seconds that a leg may last longer than planned, by the clock of the phones


class Calls:
    """A call for each switch and moment, in an organization of its own. `until` is when its last recorder has to stop."""

    def __init__(self, pbx):
        self.pbx = pbx
        self.organizations, self.callers, self.until, self.deployed = {}, {}, {}, asyncio.Event()

    async def provision(self):
        for number, (switch, moment) in enumerate(MOMENTS):
            organization = await self.pbx.organization(f'{switch}_{moment}')
            self.organizations[switch, moment] = organization
            organization.did_number = f'7495{number:04}'
            agent = organization.user('1001')
            organization.user('1002', party='C')
            organization.queue('5001', [agent])
            organization.did(organization.did_number, *(('queue', '5001') if moment == 'queue' else ('extension', '1001')))
        self.pbx.configure()
        return self.pbx.deploy()

    async def begin(self, switch, moment):
        """Up to the moment. Returns the caller's call and a coroutine that goes on after the reload."""
        organization = self.organizations[switch, moment]
        agent = organization.phones['1001']
        go_on = asyncio.Event()
        taken = asyncio.get_running_loop().create_future()
        rings = asyncio.Event()

        async def on_call(call):
            agent.ring(call)
            rings.set()
            if moment in ('ringing', 'queue'):
                await go_on.wait()
            await call.answer()
            if not taken.done():
                taken.set_result(call)
        agent.on_call = on_call
        caller = await organization.trunk.call(organization.did_number, user=f'79100{organization.did_number}', wait=False)
        await wait_for(rings, 15, f'{switch}, {moment}: the phone rings')
        self.callers[switch, moment] = caller
        if moment in ('ringing', 'queue'):
            return self.answered_after(go_on, taken, (switch, moment))
        return await self.talking(organization, await asyncio.wait_for(taken, 15), (switch, moment))

    async def answered_after(self, go_on, taken, call):
        go_on.set()
        answered = await asyncio.wait_for(taken, 15)
        self.until[call] = answered.answered_at
        await asyncio.sleep(TALK)

    async def talking(self, organization, agent, call):
        target = picks_up(organization.phones['1002'], after=0.5)
        await asyncio.sleep(TALK)
        consultation = None
        if call[1] == 'consultation':
            await agent.hold()
            consultation = await organization.phones['1001'].call('1002', party='D')
        return self.transferred(agent, target, consultation, call)

    async def transferred(self, agent, target, consultation, call):
        if call[1] == 'keys':
            agent.press('#')
            await asyncio.sleep(1)
            agent.press('1002')
        else:
            await agent.transfer('1002', replaces=consultation)
        await asyncio.wait_for(asyncio.shield(target), 15)
        self.until[call] = time.time()
        await asyncio.sleep(TALK)

    def switch_off(self):
        for (switch, _), organization in self.organizations.items():
            for table in ('users', 'queues', 'did_numbers') if switch == 'row' else ('',):
                self.pbx.work.db.sql(SWITCHES[switch].format(table=table, id=organization.id))

    async def run(self):
        deployed = await self.provision()
        if deployed.status:
            raise RuntimeError(f'the configuration was not deployed:\n{deployed}')
        try:
            await self.pbx.start()
            waiting = await asyncio.gather(*(self.begin(*call) for call in MOMENTS))
            self.switch_off()
            result = self.pbx.deploy('--reload', '--force', '--asterisk', self.pbx.asterisk.program)
            if result.status:
                raise RuntimeError(f'the new policy was not deployed:\n{result}')
            await asyncio.gather(*waiting)
            await asyncio.gather(*(caller.hang_up() for caller in self.callers.values()))
            for organization in self.organizations.values():
                for phone in organization.phones.values():
                    await asyncio.gather(*(call.hang_up() for call in phone.history))
            await self.pbx.quiet()
        finally:
            self.pbx.stop()


class SwitchedOff(Case):
    @classmethod
    def setUpClass(cls):
        cls.pbx = Pbx()
        cls.addClassCleanup(cls.pbx.close)
        cls.calls = Calls(cls.pbx)
        asyncio.run(cls.calls.run())

    def legs(self, call):
        """{the last part of its name: how many seconds it lasts}"""
        organization = self.calls.organizations[call]
        found = {}
        for name in leg_names(self.pbx.rows(f"accountcode = '{organization.id}'")):
            samples = tones.wav_samples((self.pbx.work.spool / name).read_bytes())
            found[re.sub(r'^(\w+-){3}|(-\d+\.\d+)?\.wav$', '', name)] = len(samples) / 8000
        return found

    def talked(self, call):
        """Seconds from the answer to the moment at which the last recorder has to stop."""
        return self.calls.until[call] - self.calls.callers[call].answered_at

    def each(self, *moments):
        return [(call, self.legs(call)) for call in MOMENTS if call[1] in moments]

    def test_a_phone_that_was_ringing_is_not_recorded_when_it_answers(self):
        for call, legs in self.each('ringing'):
            with self.subTest(call):
                self.assertEqual(legs, {})

    def test_a_caller_who_was_waiting_is_not_recorded_after_the_answer(self):
        for call, legs in self.each('queue'):
            with self.subTest(call):
                self.assertEqual(list(legs), [self.calls.organizations[call].did_number, 'queue-5001'])
                self.assertLess(sum(legs.values()), self.talked(call) + SLACK)

    def test_a_call_that_is_handed_over_is_not_recorded_from_then_on(self):
        for call, legs in self.each('refer', 'keys'):
            with self.subTest(call):
                self.assertEqual(list(legs), ['1001'])
                self.assertLess(legs['1001'], self.talked(call) + SLACK)

    def test_a_consultation_that_ends_in_a_transfer_is_not_recorded_from_then_on(self):
        for call, legs in self.each('consultation'):
            with self.subTest(call):
                self.assertEqual(sorted(legs), ['1001', '1002'])  # both had begun before
                self.assertLess(max(legs.values()), self.talked(call) + SLACK)

    def test_every_call_went_on(self):
        for call, caller in self.calls.callers.items():
            with self.subTest(call):
                heard = caller.media.heard()
                self.assertGreater(max(speech.length for party, speech in heard.items() if party in 'BC'), TALK - 0.7, heard)


if __name__ == '__main__':
    main_with_asterisk()
