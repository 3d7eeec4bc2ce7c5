#!/usr/bin/env python3
"""The audit's verdicts about real calls: clean ones and transferred ones get none, and a call in which nobody could be heard or during
which Asterisk died gets exactly its own. Of packets that the network loses Asterisk 22 records silence in their place;
Asterisk 16 (PBX_ASTERISK=16) leaves out a part of them, so that a recording can be shorter than its call."""
import asyncio
import json
import os
import time

import asterisk_root
from pbx import leg_names, pbx_of_module, picks_up, wait_for
from private_asterisk import main_with_asterisk
from workdir import Case

TALK = 8        # long enough for a verdict
LONG_TALK = 40  # for one about a recording that lacks 15 %
SHORT_TALK = 2  # not long enough, but calls take their time
KINDS = ('extension', 'did', 'queue', 'outbound')
# Organizations with clean calls, all at once; calls of each, one after the other.
LANES, ROUNDS = 10, 20 if asterisk_root.IS_CURRENT else 4
# Lost packets may shorten a recording of Asterisk 16 by their length, with 15 % enough for a verdict.
LOSS = 0.15 if asterisk_root.IS_CURRENT else 0.05
SHORTENED = 0 if asterisk_root.IS_CURRENT else LOSS * LONG_TALK


class Calls:
    """Provisions the organizations and places the calls; the last one ends with Asterisk."""

    def __init__(self, pbx):
        self.pbx = pbx
        self.lossy = {}  # by its share of lost packets: the Media of who was called

    async def provision(self):
        acme = self.acme = await self.pbx.organization('acme')
        acme.route(dial_pattern='_9X.')
        for extension in range(1001, 1015):
            acme.user(str(extension))
        acme.queue('5001', [acme.phones['1002']])
        acme.did('74950001', 'extension', '1001')
        acme.did('74950002', 'queue', '5001')
        acme.did('74950003', 'extension', '1003')
        self.lanes = [await self.lane(f'lane{number}', f'749510{number:02}') for number in range(LANES)]
        self.pbx.configure()
        if (deployed := self.pbx.deploy()).status != 0:
            raise AssertionError(deployed)

    async def lane(self, prefix, number):
        lane = await self.pbx.organization(prefix)
        lane.route(dial_pattern='_9X.')
        lane.user('2001')
        lane.queue('5001', [lane.user('2002')])
        lane.did(number + '1', 'extension', '2002')
        lane.did(number + '2', 'queue', '5001')
        lane.numbers = number + '1', number + '2'
        return lane

    async def begin(self, line, number, callee, speak=True, **more):
        """A call that `callee` has answered; both ends."""
        taken = picks_up(callee, speak=speak)
        call = await line.call(number, wait=False, **more)
        call.media.speaking = speak
        return call, await asyncio.wait_for(taken, 20)

    async def whole_call(self, *how, seconds=TALK, loss=0, **more):
        """`loss` is that of what the one who was called says."""
        call, callee = await self.begin(*how, **more)
        callee.media.loss = loss
        await asyncio.sleep(seconds)
        if loss:
            self.lossy[loss] = callee.media
        await call.hang_up()
        await wait_for(callee.ended, 10, 'the other side hung up')

    async def blind_transfer(self):
        caller, agent = await self.begin(self.acme.trunk, '74950003', self.acme.phones['1003'], user='79100000003')
        target = picks_up(self.acme.phones['1004'])
        await asyncio.sleep(TALK)
        await agent.transfer('1004')
        agent.media.speaking = False
        other = await asyncio.wait_for(target, 15)
        await asyncio.sleep(TALK)
        await caller.hang_up()
        await wait_for(other.ended, 10, 'the target hung up')

    async def unanswered(self):
        async def rings(call):
            self.acme.phones['1009'].ring(call)
        self.acme.phones['1009'].on_call = rings
        call = await self.acme.phones['1008'].call('1009', wait=False)
        await asyncio.sleep(2)
        await call.hang_up()

    async def clean_calls(self, lane, place):
        """One after the other: to an extension, over a DID, over a DID and a queue, and to an outside number."""
        caller, callee, (did, queue_did) = lane.phones['2001'], lane.phones['2002'], lane.numbers
        for number in range(ROUNDS):
            kind = KINDS[(place + number) % len(KINDS)]
            line, dialled, other = {'extension': (caller, '2002', callee), 'did': (lane.trunk, did, callee),
                                    'queue': (lane.trunk, queue_did, callee),
                                    'outbound': (caller, '979300000000', lane.trunk)}[kind]
            more = {'user': f'79200{place:02}{number:04}'} if line is lane.trunk else {}
            # Most are short; a verdict needs more than three seconds that are missing.
            await self.whole_call(line, dialled, other, seconds=SHORT_TALK if number % 5 else TALK, **more)

    async def place(self):
        trunk, phones = self.acme.trunk, self.acme.phones
        await asyncio.gather(self.whole_call(trunk, '74950001', phones['1001'], user='79100000001'),
                             self.whole_call(trunk, '74950002', phones['1002'], user='79100000002'),
                             self.whole_call(phones['1005'], '1006', phones['1006']),
                             self.blind_transfer(), self.unanswered(),
                             self.whole_call(phones['1007'], '1010', phones['1010'], speak=False),
                             self.whole_call(phones['1011'], '1012', phones['1012'], seconds=LONG_TALK, loss=LOSS),
                             self.whole_call(phones['1013'], '1014', phones['1014'], seconds=LONG_TALK, loss=1))
        await self.pbx.quiet()
        await asyncio.gather(*(self.clean_calls(lane, place) for place, lane in enumerate(self.lanes)))
        await self.pbx.quiet()
        await self.begin(phones['1005'], '1006', phones['1006'])
        await asyncio.sleep(TALK)
        self.pbx.asterisk.kill()

    async def run(self):
        await self.provision()
        try:
            await self.pbx.start()
            await self.place()
        finally:
            self.pbx.stop()


class Worth(Case):
    @classmethod
    def setUpClass(cls):
        cls.pbx = pbx_of_module()
        cls.calls = Calls(cls.pbx)
        asyncio.run(cls.calls.run())
        cls.silent = cls.pbx.work.db.value("select min(linkedid) from asterisk_cdr where src = '1007'")
        rows = cls.pbx.rows("recordingfile <> ''")
        cls.named = set(leg_names(rows))
        cls.silent_leg, = {row['recordingfile'] for row in rows if row['linkedid'] == cls.silent}
        cls.orphan, = set(cls.pbx.work.legs_in_spool()) - cls.named
        os.utime(cls.pbx.work.spool / cls.orphan, (time.time() - 7200,) * 2)

    def audit(self, status):
        return json.loads(self.status(self.pbx.work.run('pbx-archive', 'audit', '--json'), status).out)

    def test_1_clean_and_transferred_calls_get_no_verdict_and_a_crash_leaves_a_cut_orphan(self):
        report = self.audit(65)  # since in one call nobody speaks
        self.assertEqual([(call['linkedid'], call['verdict']) for call in report['calls']], [(self.silent, 'silent')],
                         json.dumps(report, indent=1))
        for row in report['rows']:
            self.assertEqual(row['worth'], 'silent' if row['linkedid'] == self.silent else 'sound', row)
        # extension behind a DID; DID, queue and extension; extension; extension and the target of the transfer; the silent one; that
        # of a call whose packets are lost, and of one in a dead direction
        accounts = {account['accountcode']: account for account in report['organizations']}
        acme = accounts[self.pbx.organizations[0].id]
        self.assertEqual((acme['calls'], acme['legs']), (7, 10))
        lossy = self.pbx.call_rows('1011')[0]['linkedid']
        # Also of calls that are too short for a verdict. The talk time of a row is that of its script and, in a queue, how long the
        # agent's phone took to answer, which is seconds on a busy machine. That of a DID's leg ends where the queue answers.
        for row in report['rows']:
            talk = max((seconds for seconds in (SHORT_TALK, TALK, LONG_TALK) if seconds <= row['talk'] + 1), default=0)
            self.assertGreater(row['seconds'], talk - 1.5 - (SHORTENED if row['linkedid'] == lossy else 0), row)
        for place, lane in enumerate(self.calls.lanes):
            over_queues = sum(KINDS[(place + number) % len(KINDS)] == 'queue' for number in range(ROUNDS))
            account = accounts[lane.id]
            self.assertEqual((account['calls'], account['sound'], account['legs']), (ROUNDS, ROUNDS, ROUNDS + 2 * over_queues))
        orphan, = report['orphans']
        self.assertEqual([orphan[field] for field in ('name', 'worth', 'from', 'extension')], [self.orphan, 'cut', '1005', '1006'])

    def test_2_once_a_row_names_the_leg_after_all_its_call_is_cut(self):
        row = self.pbx.work.cdr('1776500000.1', self.orphan, self.pbx.organizations[0].id, ago=7200, dcontext='acme__internal', dst='1006',
                                billsec=TALK)
        try:
            report = self.audit(65)
            self.assertEqual([(call['linkedid'], call['verdict']) for call in report['calls']],
                             [('1776500000.1', 'cut'), (self.silent, 'silent')])
            self.assertEqual(report['orphans'], [])
        finally:
            self.pbx.work.db.sql(f'delete from asterisk_cdr where id = {row}')

    def test_2_a_recording_of_a_call_with_lost_packets_is_as_long_as_the_call(self):
        for loss, media in self.calls.lossy.items():
            self.assertAlmostEqual(media.lost / (media.lost + media.sent), loss, delta=0.05)
        for caller in ('1011', '1013'):
            with self.subTest(caller):
                leg, = leg_names(self.pbx.call_rows(caller))
                length = (self.pbx.work.spool / leg).stat().st_size / 16000
                self.assertLess(length, LONG_TALK + 1.5, leg)
                self.assertGreater(length, LONG_TALK - SHORTENED - 1.5, leg)

    def test_3_a_call_in_which_nobody_speaks_is_silent_once_it_is_archived_too(self):
        self.status(self.pbx.work.run('pbx-archive', '--min-age', '0s'), 0)
        report = self.audit(65)
        self.assertEqual([(call['linkedid'], call['verdict']) for call in report['calls']], [(self.silent, 'silent')])
        self.assertEqual({row['recordingfile'] for row in report['rows'] if row['worth'] != 'sound'}, {self.silent_leg})


if __name__ == '__main__':
    main_with_asterisk()
