#!/usr/bin/env python3
"""An operator's own part of the dialplan, with calls through a real Asterisk: a conference room, voicemail, a menu, parking, pickup and
numbers of the operator's own are recorded as legs of the call. The method is that of test_calls.py."""
import asyncio
import contextlib
import json
import os
import re
import time

import tones
from judge import Judge, Script, Seen
from pbx import Pbx, leg_names, picks_up, wait_for
from private_asterisk import PROMPT, main_with_asterisk
from test_calls import HOSTILE
from workdir import quoted

TALK = 2
MENU = 2         # seconds that a menu waits for keys
RINGS = 1.5      # seconds until the operator's number lets it go to voicemail

WAITS = 8        # seconds, during which a policy changes

# What "record" is given, by the number that is dialled
DECISIONS = {
    '851': '(acme,extension-1018,off)',
    '852': '(acme,extension-9999,no-such-row)',
    '853': '(acme,extension-1001,on)',
    '854': '(quiet,,master-off)',
    '855': '(quiet,extension-1001,master-off)',
    '856': '(asleep,,suspended)',
    '857': '(nobody,,stranger)',
    '858': '',
    '859': '(,,../../x)',
}

OPERATOR = f'''
; --- an operator's own numbers
[acme__own]
exten => 800,1,Answer()
 same => n,Gosub(pbx-recorder,record,1(acme,,room-800))
 same => n,ConfBridge(800)
exten => 820,1,Dial(PJSIP/acme_1007,20,U(pbx-recorder-dialled^acme^^lobby))
exten => 821,1,Gosub(pbx-recorder,record,1(acme,,door))
 same => n,Dial(PJSIP/acme_1010,20)
exten => 700,1,Gosub(pbx-recorder,record,1(acme,,parked))
 same => n,Park(default,s)
exten => 790,1,Park(default,s)
exten => _70X,1,ParkedCall(default,${{EXTEN}})
exten => _71X,1,Gosub(pbx-recorder,record,1(acme,,retrieved))
 same => n,ParkedCall(default,70${{EXTEN:2}})
exten => _*8X.,1,Pickup(${{FILTER(0-9,${{EXTEN:2}})}}@acme__internal)
exten => _79.,1,Answer()
 same => n,Gosub(pbx-recorder,record,1(acme,,${{EXTEN}},${{CALLERID(name)}}))
 same => n,Wait(1)
{''.join(f"""exten => {number},1,Answer()
 same => n,Gosub(pbx-recorder,record,1{arguments})
 same => n,Wait(1)
""" for number, arguments in DECISIONS.items())}
; The policy of two organizations changes during the wait.
exten => _86X,1,Answer()
 same => n,Set(PREFIX=${{IF($["${{EXTEN}}"="861"]?later:gone)}})
 same => n,Gosub(pbx-recorder,record,1(${{PREFIX}},,one))
 same => n,Wait({WAITS})
 same => n,Gosub(pbx-recorder,record,1(${{PREFIX}},,two))
 same => n,Wait(2)

[acme__own_incoming]
exten => 74950080,1,Answer()
 same => n,Gosub(pbx-recorder,record,1(acme,,menu))
 same => n,Wait({MENU})
 same => n,Gosub(pbx-recorder,stop,1)
 same => n,Goto(acme__own,800,1)
; Rings the phone of 1003, and then its voicemail.
exten => 74950081,1,Dial(Local/1003@acme__internal/n,{RINGS})
 same => n,Answer()
 same => n,Gosub(pbx-recorder,record,1(acme,extension-1003,voicemail-1003))
 same => n,VoiceMail(1003@acme,s)
 same => n,Gosub(pbx-recorder,stop,1)
 same => n,Goto(acme__internal,1004,1)
; Does not end its leg.
exten => 74950082,1,Answer()
 same => n,Gosub(pbx-recorder,record,1(acme,,menu))
 same => n,Wait({MENU})
 same => n,Goto(acme__internal,1005,1)

exten => 74950083,1,Answer()
 same => n,Gosub(pbx-recorder,record,1(acme,,${{CALLERID(name)}},${{CALLERID(all)}}))
 same => n,Wait(1)

[acme__own_unanswered]
exten => 1022,1,Answer()
 same => n,Gosub(pbx-recorder,record,1(acme,extension-1022,voicemail-1022))
 same => n,VoiceMail(1012@acme,s)
exten => 1012,1,Answer()
 same => n,Gosub(pbx-recorder,record,1(acme,extension-1012,voicemail-1012))
 same => n,VoiceMail(1012@acme,s)

; A context that has nothing to do with an organization's.
[front-desk]
exten => 1,1,Hangup()
'''

FILES = {
    'confbridge.conf': '[general]\n[default_bridge]\ntype=bridge\n[default_user]\ntype=user\nquiet=yes\n',
    'voicemail.conf': '[general]\nformat=wav\n[acme]\n1003 => 1234,User\n1012 => 1234,User\n',
    'res_parking.conf': '[general]\n[default]\ncontext => parkedcalls\nparkpos => 701-709\nparkingtime => 60\n',
}
MODULES = ('app_confbridge', 'app_voicemail', 'res_parking', 'app_directed_pickup')


async def over(call, why='the other side hung up'):
    await wait_for(call.ended, 10, why)


def is_busy(phone):
    async def on_call(call):
        call.refuse(486, 'Busy Here')
    phone.on_call = on_call


class Calls(Script):
    async def provision(self):
        acme = self.acme = await self.pbx.organization('acme')
        acme.route(dial_pattern='_9X.')
        for extension in (1001, 1003, 1004, 1005, 1007, 1010, 1012, 1014, 1016):
            acme.user(str(extension))
        acme.user('1018', recorded=False)
        for extension in (1002, 1008, 1011, 1015, 1017):
            acme.user(str(extension), party='C')
        for extension in (1006, 1009, 1019, 1020, 1021):
            acme.user(str(extension), party='A')
        acme.did('74950012', 'extension', '1012')
        acme.user('1022')
        acme.did('74950022', 'extension', '1022', answers=True)
        acme.did('74950014', 'extension', '1014')
        acme.did('74950016', 'extension', '1016')
        acme.queue('5012', [acme.phones['1012']], max_wait_time=4)
        acme.did('74951012', 'queue', '5012')
        self.others = {}
        for prefix in ('quiet', 'asleep', 'later', 'gone'):
            self.others[prefix] = await self.pbx.organization(prefix, recorded=prefix != 'quiet')
            self.others[prefix].user('1001', registers=False)
        self.pbx.configure()
        for name, text in FILES.items():
            self.pbx.asterisk.write(name, text)
        with open(self.pbx.asterisk.etc / 'extensions.conf', 'a', encoding='utf-8') as file:
            file.write(OPERATOR)
        sounds = self.pbx.asterisk.folder / 'data' / 'sounds' / 'en'
        sounds.mkdir(parents=True)
        for prompt in ('auth-thankyou', 'vm-msgsaved', 'pbx-parkingfailed'):
            (sounds / f'{prompt}.wav').write_bytes(PROMPT)

    async def dial_in(self, number, source, **more):
        """A call from outside and its Seen."""
        seen = Seen(self.acme, source)
        call = await self.acme.trunk.call(number, user=source, wait=False, **more)
        seen.streams['A'], seen.more['caller'] = call.media, call
        return seen, call

    async def dial(self, extension, number, party):
        seen = Seen(self.acme, extension)
        call = await self.acme.phones[extension].call(number, party=party, wait=False)
        seen.streams[party] = call.media
        return seen, call

    async def call_conference(self):
        """A caller from outside comes by the menu; B joins, then C; B leaves."""
        seen, caller = await self.dial_in('74950080', '79100000080')
        await wait_for(caller.answered, 10, 'the menu answers')
        await asyncio.sleep(MENU + 0.7)
        seen_by_b, first = await self.dial('1001', '800', 'B')
        await wait_for(first.answered, 10, 'the room answers')
        await asyncio.sleep(TALK)
        seen_by_c, second = await self.dial('1002', '800', 'C')
        await wait_for(second.answered, 10, 'the room answers')
        await asyncio.sleep(TALK)
        await first.hang_up()
        await asyncio.sleep(TALK)
        await caller.hang_up()
        await second.hang_up()
        everybody = {'A': caller.media, 'B': first.media, 'C': second.media}
        for each, call in ((seen, caller), (seen_by_b, first), (seen_by_c, second)):
            each.streams = everybody
            each.during(call.answered_at, call.ended_at)
        self.seen['conference_of_b'], self.seen['conference_of_c'] = seen_by_b, seen_by_c
        return seen

    async def call_voicemail(self):
        """The message ends with #, and the caller goes on to an extension."""
        rings = self.acme.phones['1003']
        rings.on_call = rings_only(rings)
        taken = picks_up(self.acme.phones['1004'], after=0.5)
        seen, caller = await self.dial_in('74950081', '79100000081')
        await wait_for(caller.answered, 10, 'the voicemail answers')
        await asyncio.sleep(TALK + 1)
        caller.press('#')
        callee = await asyncio.wait_for(taken, 15)
        seen.streams['B'] = callee.media
        await asyncio.sleep(TALK)
        await caller.hang_up()
        await over(callee)
        seen.more['callee'] = callee
        seen.during(caller.answered_at, callee.ringing_at)
        seen.during(callee.answered_at, caller.ended_at)
        return seen

    async def call_busy_and_voicemail(self):
        is_busy(self.acme.phones['1012'])
        seen, caller = await self.dial_in('74950012', '79100000012')
        await wait_for(caller.answered, 10, 'the voicemail answers')
        await asyncio.sleep(TALK + 1)
        await caller.hang_up()
        seen.during(caller.answered_at, caller.ended_at)
        return seen

    async def call_voicemail_of_a_number_that_answers(self):
        """The number's own recording runs while the phone rings, and the phone is refused."""
        phone = self.acme.phones['1022']

        async def on_call(call):
            phone.ring(call)
            await asyncio.sleep(2)
            call.refuse(486, 'Busy Here')
        phone.on_call = on_call
        seen, caller = await self.dial_in('74950022', '79100000022')
        await wait_for(caller.answered, 10, 'the number answers')
        await asyncio.sleep(2 + TALK + 1)
        await caller.hang_up()
        seen.during(caller.answered_at, caller.ended_at)
        return seen

    async def call_menu_that_does_not_end_its_leg(self):
        taken = picks_up(self.acme.phones['1005'], after=0.5)
        seen, caller = await self.dial_in('74950082', '79100000082')
        callee = await asyncio.wait_for(taken, 15)
        seen.streams['B'] = callee.media
        await asyncio.sleep(TALK)
        await caller.hang_up()
        await over(callee)
        seen.during(caller.answered_at, callee.ringing_at)
        seen.during(callee.answered_at, caller.ended_at)
        return seen

    async def dialled_and_transferred(self, extension, number, called, target):
        """An operator's own Dial(); who was called transfers the caller to an extension."""
        taken = picks_up(self.acme.phones[called], after=0.5)
        handed = picks_up(self.acme.phones[target], after=0.5)
        seen, caller = await self.dial(extension, number, 'A')
        callee = await asyncio.wait_for(taken, 15)
        seen.streams['B'] = callee.media
        await asyncio.sleep(TALK)
        await callee.transfer(target)
        gone = time.time()
        callee.media.speaking = False
        seen.during(callee.answered_at, gone)
        other = await asyncio.wait_for(handed, 15)
        seen.streams['C'] = other.media
        await asyncio.sleep(TALK)
        await caller.hang_up()
        await over(other)
        seen.during(other.answered_at, caller.ended_at)
        return seen

    async def call_dialled(self):
        return await self.dialled_and_transferred('1006', '820', '1007', '1008')

    async def call_dialled_from_a_recorded_channel(self):
        return await self.dialled_and_transferred('1021', '821', '1010', '1011')

    async def call_busy_member_of_a_queue(self):
        """The queue does not take the voicemail for its member."""
        is_busy(self.acme.phones['1012'])
        seen, caller = await self.dial_in('74951012', '79100001012')
        await wait_for(caller.ended, 15, 'the queue gives up')
        return seen

    async def parked(self, number, retrieves, retrieved, caller):
        """Agent 1014 transfers the caller to a number that parks, and a phone gets the call back."""
        taken = picks_up(self.acme.phones['1014'], after=0.5)
        seen, caller = await self.dial_in('74950014', caller)
        agent = await asyncio.wait_for(taken, 15)
        seen.streams['B'] = agent.media
        await asyncio.sleep(TALK)
        await agent.transfer(number)
        agent.media.speaking = False
        seen.more['gone'] = time.time()
        seen.during(agent.answered_at, seen.more['gone'])
        await asyncio.sleep(TALK)
        _, other = await self.dial(retrieves, retrieved, 'C')
        await wait_for(other.answered, 10, 'the parked call is retrieved')
        seen.streams['C'] = other.media
        await asyncio.sleep(TALK)
        await caller.hang_up()
        await over(other)
        seen.more['retrieved'] = other
        return seen

    async def call_parked(self):
        """Once by a number that records and parks, once by one that only parks."""
        seen = await self.parked('700', '1015', '701', '79100000700')
        seen.during(seen.more['gone'], seen.more['caller'].ended_at)
        direct = await self.parked('790', '1015', '711', '79100000790')
        direct.during(direct.more['retrieved'].answered_at, direct.more['caller'].ended_at)
        self.seen['parked_directly'] = direct
        return seen

    async def call_picked_up(self):
        """1016 rings, and 1017 takes the call."""
        phone = self.acme.phones['1016']
        phone.on_call = rings_only(phone)
        seen, caller = await self.dial_in('74950016', '79100000016')
        await asyncio.sleep(1)
        _, other = await self.dial('1017', '*81016', 'C')
        await wait_for(other.answered, 10, 'the call is picked up')
        seen.streams['C'] = other.media
        await asyncio.sleep(TALK)
        await caller.hang_up()
        await over(other)
        seen.during(other.answered_at, caller.ended_at)
        return seen

    async def call_decisions(self):
        seen = None
        for number in DECISIONS:
            seen, caller = await self.dial('1019', number, 'A')
            await over(caller, 'the number hangs up')
        return seen

    async def call_hostile(self):
        """Hostile numbers from a phone, and hostile callers from outside."""
        marker = str(self.pbx.work.path / 'marker')
        seen = None
        for text in HOSTILE.values():
            text = text.replace('MARKER', marker.replace('/', '%2f'))
            seen, dialled = await self.dial('1009', f'79{text}', 'A')
            name = '"' + re.sub(r'["\\]|%..', '', text.replace('%20', ' ').replace('%7B', '{').replace('%7D', '}')
                                .replace('%2f', '/')) + '"'
            caller = await self.acme.trunk.call('74950083', user=text, name=name, wait=False)
            for call in (dialled, caller):
                with contextlib.suppress(AssertionError):
                    await over(call, 'the number hangs up')
                await call.hang_up()
        return seen

    async def call_switched_off(self):
        """The master switch of one organization, and the status of another, change while calls wait."""
        seen, first = await self.dial('1020', '861', 'A')
        _, second = await self.dial('1020', '862', 'A')
        for call in (first, second):
            await wait_for(call.answered, 10, 'the number answers')
        await asyncio.sleep(1)
        self.pbx.work.db.sql(f"""
            update organizations set settings = '{{"recording_enabled": false}}' where id = '{self.others['later'].id}';
            update organizations set status = 'suspended' where id = '{self.others['gone'].id}';""")
        self.reloaded = await asyncio.to_thread(self.pbx.deploy, '--reload', '--asterisk', self.pbx.asterisk.program)
        seen.more['in_time'] = not first.ended.is_set() and time.time() < first.answered_at + WAITS
        for call in (first, second):
            await over(call, 'the number hangs up')
        return seen

    async def place(self):
        await asyncio.gather(*(self.place_one(name, call) for name, call in self.chosen().items()))
        for line in (*self.acme.phones.values(), self.acme.trunk):
            await asyncio.gather(*(call.hang_up() for call in line.history))
        for phone in self.acme.phones.values():
            phone.on_call = None
        await self.pbx.quiet()

    async def run(self):
        await self.provision()
        self.pbx.store()
        self.pbx.work.db.sql(f"update organizations set status = 'suspended' where id = '{self.others['asleep'].id}'")
        self.deployed = self.pbx.deploy()
        try:
            if self.deployed.status:
                raise RuntimeError(f'the configuration was not deployed:\n{self.deployed}')
            await self.pbx.start()
            self.loaded = self.pbx.asterisk.complaints()
            self.began = time.time()
            await self.place()
            self.pbx.asterisk.folder.chmod(0o755)  # the private Asterisk has another user
            self.pbx.work.db.sql("update users set full_name = 'Bob'")
            self.validated = self.pbx.deploy('--validate', '--reload', '--asterisk', self.pbx.asterisk.program)
            self.dialplan = self.pbx.asterisk.cli('dialplan show acme__own')
        finally:
            self.pbx.stop()
            self.messages = self.pbx.asterisk.messages()
            if os.environ.get('PBX_KEEP'):
                (self.pbx.asterisk.folder / 'log').rename(os.environ['PBX_KEEP'])


def rings_only(phone):
    async def on_call(call):
        phone.ring(call)
    return on_call


def last_parts(rows):
    """Of the names of the legs: what the operator named them."""
    return [re.sub(r'^\d{8}-\d{6}-\w+-|(-\d+\.\d+)?\.wav$', '', name) for name in leg_names(rows)]


class Outcome:
    """What a call left: its rows, its legs, and their audio joined by pbx-stitch where there are several."""

    def __init__(self, pbx, seen):
        self.seen, self.pbx = seen, pbx
        self.rows = pbx.call_rows(seen.source)
        self.legs = leg_names(self.rows)

    def names(self):
        return [re.sub(r'^\d{8}-\d{6}-|(-\d+\.\d+)?\.wav$', '', name) for name in self.legs]

    def samples(self):
        if not self.legs:
            return []
        path = (self.pbx.work.stitched / f"{self.rows[0]['linkedid']}.wav" if len(self.legs) > 1
                else self.pbx.work.spool / self.legs[0])
        return tones.wav_samples(path.read_bytes())

    def __str__(self):
        rows = '\n'.join('  ' + ' '.join(f'{key}={row[key]}' for key in (
            'calldate', 'sequence', 'src', 'dst', 'dcontext', 'channel', 'dstchannel', 'lastapp', 'disposition', 'duration', 'accountcode',
            'linkedid', 'recordingfile')) for row in self.rows)
        heard = ', '.join(f'{party} {speech}' for party, speech in tones.speech(self.samples()).items() if speech.seconds)
        live = '\n'.join(f'  {party}: ' + ', '.join(f'{other} {speech}' for other, speech in media.heard().items() if speech.seconds)
                         for party, media in self.seen.streams.items())
        return f'rows:\n{rows}\nrecorded: {heard}\nheard live:\n{live}'


class OperatorsNumbers(Judge):
    @classmethod
    def setUpClass(cls):
        cls.pbx = Pbx(modules=MODULES)
        cls.addClassCleanup(cls.pbx.close)
        cls.calls = Calls(cls.pbx)
        asyncio.run(cls.calls.run())
        cls.stitched = cls.pbx.work.run('pbx-stitch')

    def outcome(self, name):
        if name not in self.calls.seen:
            self.skipTest('PBX_CALLS excludes this call')
        seen = self.calls.seen[name]
        if isinstance(seen, Exception):
            raise AssertionError(f'the call was not placed as planned: {type(seen).__name__}: {seen}') from seen
        return Outcome(self.pbx, seen)

    def joined(self, outcome):
        return outcome.samples()

    def one_call(self, outcome, legs):
        self.assertEqual({row['accountcode'] for row in outcome.rows}, {outcome.seen.organization.id}, outcome)
        self.assertEqual(len({row['linkedid'] for row in outcome.rows}), 1, outcome)
        self.assertEqual(outcome.names(), legs, outcome)

    def test_what_the_calls_left_is_stitched(self):
        self.status(self.stitched, 0)

    def test_the_operators_contexts_load_without_a_complaint(self):
        self.assertEqual(self.calls.loaded, [])

    def test_a_caller_in_a_conference_is_recorded_with_everybody_who_is_heard(self):
        outcome = self.outcome('conference')
        self.one_call(outcome, ['79100000080-menu', '79100000080-room-800'])
        self.heard_once(outcome, 'ABC')
        for name, extension in (('conference_of_b', '1001'), ('conference_of_c', '1002')):
            with self.subTest(name):
                outcome = self.outcome(name)
                self.one_call(outcome, [f'{extension}-room-800'])
                self.heard_once(outcome, 'ABC')

    def test_pbx_calls_says_that_each_participant_called_the_room(self):
        for name, extension in (('conference_of_b', '1001'), ('conference_of_c', '1002')):
            linkedid = self.outcome(name).rows[0]['linkedid']
            call, = json.loads(self.status(self.pbx.work.run('pbx-calls', 'show', linkedid, '--json'), 0).out)
            self.assertEqual([call[key] for key in ('from', 'to', 'direction', 'disposition', 'answered_by')],
                             [extension, '800', 'internal', 'ANSWERED', '800'])

    def test_a_message_on_the_voicemail_is_a_leg_and_the_next_leg_follows_it(self):
        outcome = self.outcome('voicemail')
        self.one_call(outcome, ['79100000081-voicemail-1003', '79100000081-1004'])
        self.heard_once(outcome)

    def test_a_busy_extension_can_lead_to_its_voicemail(self):
        outcome = self.outcome('busy_and_voicemail')
        self.one_call(outcome, ['79100000012-voicemail-1012'])
        self.heard_once(outcome, 'A')

    def test_a_voicemail_ends_the_recording_of_the_number_that_answered(self):
        outcome = self.outcome('voicemail_of_a_number_that_answers')
        self.one_call(outcome, ['79100000022-74950022', '79100000022-voicemail-1022'])
        self.heard_once(outcome, 'A')

    def test_a_leg_that_the_operator_does_not_end_ends_where_the_next_begins(self):
        outcome = self.outcome('menu_that_does_not_end_its_leg')
        self.one_call(outcome, ['79100000082-menu', '79100000082-1005'])
        self.heard_once(outcome)

    def test_an_own_dial_is_recorded_on_the_side_that_answers_and_ends_with_a_transfer(self):
        outcome = self.outcome('dialled')
        self.one_call(outcome, ['1006-lobby', '1006-1008'])
        self.heard_once(outcome, 'ABC')

    def test_a_recording_of_the_caller_goes_on_through_an_own_dial_and_ends_with_a_transfer(self):
        outcome = self.outcome('dialled_from_a_recorded_channel')
        self.one_call(outcome, ['1021-door', '1021-1011'])
        self.heard_once(outcome, 'ABC')

    def test_a_member_who_is_busy_does_not_answer_a_queue_by_voicemail(self):
        outcome = self.outcome('busy_member_of_a_queue')
        self.one_call(outcome, ['79100001012-74951012', '79100001012-queue-5012'])

    def test_a_call_that_is_parked_by_an_own_number_is_recorded_to_its_end(self):
        outcome = self.outcome('parked')
        self.one_call(outcome, ['79100000700-1014', '79100000700-parked'])
        self.heard_once(outcome, 'ABC')

    def test_a_call_that_is_parked_directly_is_recorded_again_from_its_retrieval_on(self):
        outcome = self.outcome('parked_directly')
        self.one_call(outcome, ['79100000790-1014', '1015-retrieved'])
        self.heard_once(outcome, 'ABC')

    def test_a_call_that_another_phone_picks_up_is_the_leg_of_the_extension_that_rang(self):
        outcome = self.outcome('picked_up')
        self.one_call(outcome, ['79100000016-1016'])
        self.heard_once(outcome, 'AC')

    def decided(self, number):
        """(the last part of the name of each leg, the account of the rows) of the call from 1019 to this number."""
        rows = self.pbx.rows(f"src = '1019' and dst = '{number}'")
        account, = {row['accountcode'] for row in rows}
        return last_parts(rows), account

    def test_policy_decides_and_a_call_in_doubt_is_recorded(self):
        self.outcome('decisions')
        acme, quiet = self.calls.acme.id, self.calls.others['quiet'].id
        for number, expected in {'851': ([], acme), '852': (['no-such-row'], acme), '853': (['on'], acme),
                                 '854': ([], quiet), '855': ([], quiet), '856': ([], acme),
                                 '857': (['stranger'], acme), '858': (['call'], acme), '859': (['x'], acme)}.items():
            with self.subTest(DECISIONS[number]):
                self.assertEqual(self.decided(number), expected)
        self.assertRegex(self.calls.messages, 'WARNING.*no active organization has the prefix nobody. Its calls are always recorded')

    def test_what_comes_from_the_network_is_harmless_in_a_name(self):
        self.outcome('hostile')
        self.assertFalse((self.pbx.work.path / 'marker').exists(), 'a command was run')
        names = [path.name for path in self.pbx.work.spool.iterdir() if path.is_file()]
        for name in names:
            self.assertRegex(name, r'^\d{8}-\d{6}-[0-9A-Za-z]{1,32}-[0-9A-Za-z-]{1,32}(-\d+\.\d+)?\.wav$')
        named = {row['recordingfile'] for row in self.pbx.rows("recordingfile <> ''")}
        self.assertEqual(sorted(named), sorted(names))
        rows = self.pbx.rows("src = '1009' or dst = '74950083'")
        self.assertEqual({row['accountcode'] for row in rows}, {self.calls.acme.id})
        self.assertEqual(len(leg_names(rows)), 2 * len(HOSTILE))
        self.assertEqual([path.name for path in self.pbx.work.spool.iterdir() if path.is_dir() and path.name != 'stitched'], [])

    def test_a_policy_that_changes_reaches_calls_in_the_operators_contexts(self):
        outcome = self.outcome('switched_off')
        self.status(self.calls.reloaded, 0)
        self.assertTrue(outcome.seen.more['in_time'])
        for number, prefix in (('861', 'later'), ('862', 'gone')):
            with self.subTest(prefix):
                rows = self.pbx.rows(f"src = '1020' and dst = '{number}'")
                self.assertEqual(last_parts(rows), ['one'])
                self.assertEqual({row['accountcode'] for row in rows}, {self.calls.others[prefix].id})

    def test_validation_deployment_and_reload_accept_the_operators_contexts(self):
        self.status(self.calls.validated, 0)
        for number in ('800', '_79.'):
            self.assertIn(f"'{number}' =>", self.calls.dialplan)


if __name__ == '__main__':
    main_with_asterisk()
