"""Real calls through a real Asterisk with the generated configuration: what is recorded, what the CDR rows contain, and what the
tools do with both. All calls are placed at once, before the tests, and each test judges one. Every second that a party speaks is
a tone of its own (tones.py), so a recording shows who was heard when.

Asterisk 16 (PBX_ASTERISK=16) cannot ignore changes of a dialled channel: it writes a row each time a queue rings a member, and
another one when the member answers. So several rows can name one leg. All else is the same."""
import asyncio
import contextlib
import csv
import datetime
import io
import json
import os
import re
import sys
import time
from urllib.parse import unquote

import asterisk_root
import tones
from judge import CUT, Judge, Lazily, Script, Seen
from pbx import RING, leg_names, pbx_of_module, picks_up, rings_for_ever, wait_for
from private_asterisk import main_with_asterisk
from sound import Wav, sox_samples
from workdir import quoted

TALK = 2.5       # seconds of conversation
DID_WAIT = 1.0   # what the dialplan gives a DID's leg before a queue

HOSTILE = {  # as the user part of From, escaped as SIP wants it, and in the display name as it is
    'traversal': '../../x',
    'commas': 'x.wav,,touch%20MARKER%20%23',
    'functions': '$%7BSHELL(touch%20MARKER)%7D',
    'quotes': '%22%27%60touch%20MARKER%60',
    'long': '1' * 200,
    'nothing': '%2e%2e',
    'controls': '12%0d%0a34%00%1b',
    'bytes': '%ff%fe%e2%82%28',
    'variable': '$%7BEXTEN%7D%5D%20%7C%20%5B1',
    'semicolon': 'a%3bb%5ecard',
}


def is_busy(phone):
    async def on_call(call):
        call.refuse(486, 'Busy Here')
    phone.on_call = on_call


def far_end(organization, number, after=RING, party='B'):
    """Who is called by `number` over the trunk answers; a future of the Call."""
    taken = asyncio.get_running_loop().create_future()
    ends = organization.trunk.__dict__.setdefault('ends', {})
    ends[number] = (after, party, taken)

    async def on_call(call):
        dialled = re.match(r'INVITE sip:([^@]*)@', call.invite.start).group(1)
        wait, party, future = ends.get(dialled, (None, None, None))
        if future is None:
            call.refuse(404, 'Not Found')
            return
        organization.trunk.ring(call)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(call.ended.wait(), wait)
            return
        call.media.party = party
        await call.answer()
        future.set_result(call)
    organization.trunk.on_call = on_call
    return taken


async def until_answered(seen, taken, party=None):
    """The Call that somebody picked up."""
    call = await asyncio.wait_for(taken, 15)
    seen.picked_up.append(call)
    if party:
        seen.streams[party] = call.media
    return call


async def talk(seconds=TALK):
    await asyncio.sleep(seconds)


async def over(call, why='the other side hung up'):
    await wait_for(call.ended, 10, why)


class Calls(Script):
    """Provisions the organizations and places the calls."""

    async def provision(self):
        pbx = self.pbx
        self.acme = await pbx.organization('acme', name='Acme; [evil] #include')
        self.combo = await pbx.organization('combo')
        self.quiet = await pbx.organization('quiet', recorded=False)
        acme, combo, quiet = self.acme, self.combo, self.quiet
        acme.route(dial_pattern='_9X.')
        for extension in (1003, 1005, 1007, 1019, 1050):  # the callers
            acme.user(str(extension), party='A')
        for extension in (1001, 1002, 1004, 1006, 1008, 1021, 1022, 1023, 1024, 1025, 1026, 1054, 1067):
            acme.user(str(extension))
        for extension in (1060, 1062, 1064, 1066):  # callers whose call goes on without one of its parties
            acme.user(str(extension), party='A')
        for extension in (1020, 1061, 1063, 1065, 1068):
            acme.user(str(extension), party='C')
        acme.user('1052', registers=False)
        for number in range(9, 19, 2):  # one who answers, and one to which the call is transferred
            acme.user(f'10{number:02}')
            acme.did(f'749500{number:02}', 'extension', f'10{number:02}')
            acme.user(f'10{number + 1:02}', party='C')
        acme.queue('5001', [acme.phones['1001']])
        acme.queue('5006', [acme.phones['1006']])
        acme.queue('5021', [acme.phones['1021']], max_wait_time=3, timeout_destination='1022',
                   timeout_destination_type='extension')
        acme.queue('5025', [acme.phones['1025']], max_wait_time=3, timeout_destination='1026',
                   timeout_destination_type='extension')
        acme.queue('5023', [acme.phones['1023'], acme.phones['1024']])
        acme.queue('5030', [acme.user(f'103{number}') for number in range(6)], strategy='rrmemory')
        for did, kind, destination in (('74950001', 'queue', '5001'), ('74950002', 'extension', '1002'),
                                       ('74950003', 'external', '979031112266'), ('74950052', 'extension', '1052'),
                                       ('74950006', 'queue', '5006'), ('74950008', 'extension', '1008'),
                                       ('74950021', 'queue', '5021'), ('74950023', 'queue', '5023'),
                                       ('74950025', 'queue', '5025'),
                                       ('74950030', 'queue', '5030')):
            acme.did(did, kind, destination)
        acme.did('74950054', 'extension', '1054', answers=True)
        for number, _ in enumerate(HOSTILE):
            acme.user(f'11{number:02}')
            acme.did(f'749511{number:02}', 'extension', f'11{number:02}')
        combo.route(dial_pattern='_91X.', name='recorded', recorded=True, priority=1)
        combo.route(dial_pattern='_92X.', name='private', recorded=False, priority=2)
        for bits in range(8):
            did, queue, extension = bool(bits & 4), bool(bits & 2), bool(bits & 1)
            agent = combo.user(f'20{bits:02}', recorded=extension)
            combo.queue(f'60{bits:02}', [agent], recorded=queue)
            combo.did(f'749620{bits:02}', 'queue', f'60{bits:02}', recorded=did)
        for bits in range(4):
            did, extension = bool(bits & 2), bool(bits & 1)
            combo.user(f'21{bits:02}', recorded=extension)
            combo.did(f'749621{bits:02}', 'extension', f'21{bits:02}', recorded=did, answers=True)
            combo.did(f'749622{bits:02}', 'external', f'9{1 if extension else 2}2200{bits:02}', recorded=did, answers=True)
        for on in (False, True):
            combo.user(f'23{int(on):02}', party='A')
            combo.user(f'24{int(on):02}', party='A')
            combo.user(f'25{int(on):02}', recorded=on)
        quiet.route(dial_pattern='_9X.')
        quiet.user('1002', party='A')
        quiet.user('1003')
        quiet.user('1004', party='A')
        quiet.queue('5001', [quiet.user('1001', recorded=True)], recorded=True)
        quiet.did('74970001', 'queue', '5001', recorded=True)

    # --- the calls

    def caller(self, organization, number):
        """A caller from outside and the call's Seen."""
        return Seen(organization, number)

    async def dial_in(self, seen, did, **more):
        call = await seen.organization.trunk.call(did, user=seen.source, wait=False, **more)
        seen.streams['A'] = call.media
        seen.more['caller'] = call
        seen.placed.append(call)
        return call

    async def plain(self, seen, caller, taken, party='B', recorded=True):
        """From the answer to the end of a call without a transfer; the caller hangs up."""
        callee = await until_answered(seen, taken, party)
        await talk()
        await caller.hang_up()
        await over(callee)
        if recorded:
            seen.during(callee.answered_at, caller.ended_at)
        seen.more['callee'] = callee
        return callee

    async def inbound(self, seen, did, taken, recorded=True):
        """A plain call from outside; both ends of it."""
        caller = await self.dial_in(seen, did)
        return caller, await self.plain(seen, caller, taken, recorded=recorded)

    async def call_did_queue_extension(self):
        seen = self.caller(self.acme, '79100000001')
        taken = picks_up(self.acme.phones['1001'], after=2.5)
        caller, callee = await self.inbound(seen, '74950001', taken)
        seen.during(caller.answered_at, callee.answered_at)
        return seen

    async def call_did_extension(self):
        seen = self.caller(self.acme, '79100000002')
        taken = picks_up(self.acme.phones['1002'])
        await self.inbound(seen, '74950002', taken)
        return seen

    async def call_did_out(self):
        seen = self.caller(self.acme, '79100000003')
        await self.inbound(seen, '74950003', far_end(self.acme, '979031112266'))
        return seen

    async def call_unreachable_phone(self):
        """Over a DID and from a phone."""
        seen = self.caller(self.acme, '79100000052')
        seen.more['internal'] = await self.acme.phones['1050'].call('1052', wait=False)
        seen.placed.append(seen.more['internal'])
        await over(seen.more['internal'], 'nobody is there')
        await over(await self.dial_in(seen, '74950052'), 'nobody is there')
        return seen

    async def from_phone(self, organization, extension, number):
        seen = Seen(organization, extension)
        caller = await organization.phones[extension].call(number, wait=False)
        seen.streams['A'] = caller.media
        seen.more['caller'] = caller
        seen.placed.append(caller)
        return seen, caller

    async def call_extension_extension(self):
        taken = picks_up(self.acme.phones['1004'])
        seen, caller = await self.from_phone(self.acme, '1003', '1004')
        await self.plain(seen, caller, taken)
        return seen

    async def call_extension_out(self):
        taken = far_end(self.acme, '979031112233')
        seen, caller = await self.from_phone(self.acme, '1005', '979031112233')
        await self.plain(seen, caller, taken)
        return seen

    async def call_gives_up_in_the_queue(self):
        seen = self.caller(self.acme, '79100000006')
        rings_for_ever(self.acme.phones['1006'])
        caller = await self.dial_in(seen, '74950006')
        await wait_for(caller.answered, 10, 'the queue answers')
        await talk(4)
        await caller.hang_up()
        seen.during(caller.answered_at, caller.ended_at)
        return seen

    async def call_busy_extension(self):
        is_busy(self.acme.phones['1008'])
        seen, caller = await self.from_phone(self.acme, '1007', '1008')
        await over(caller, 'a busy phone ends the call')
        return seen

    async def call_did_busy_extension(self):
        is_busy(self.acme.phones['1008'])
        seen = self.caller(self.acme, '79100000008')
        caller = await self.dial_in(seen, '74950008')
        await over(caller, 'a busy phone ends the call')
        return seen

    async def transferred(self, seen, caller, agent, target_taken, since=None):
        """After a transfer: until the target has talked and the caller hangs up. They hear each other since the answer."""
        target = await until_answered(seen, target_taken, 'C')
        await talk()
        await caller.hang_up()
        await over(target)
        await over(agent)
        seen.during(since or target.answered_at, caller.ended_at)
        seen.more['target'] = target

    async def answered_by_agent(self, number, seconds, target=None, **how):
        """How a transfer of a caller from outside begins: agent 10NN has talked to the caller for `seconds`. The target is
        the extension after the agent's, or the given future of a Call."""
        seen = self.caller(self.acme, f'791000000{number:02}')
        taken = picks_up(self.acme.phones[f'10{number:02}'])
        target = target or picks_up(self.acme.phones[f'10{number + 1:02}'], **how)
        caller = await self.dial_in(seen, f'749500{number:02}')
        agent = await until_answered(seen, taken, 'B')
        await talk(seconds)
        return seen, caller, agent, target

    async def by_refer(self, begun, destination):
        """A blind transfer by the agent's phone; `begun` as answered_by_agent() returns it."""
        seen, caller, agent, target = begun
        await agent.transfer(destination)
        gone = time.time()
        agent.media.speaking = False
        seen.during(caller.answered_at, gone)
        await self.transferred(seen, caller, agent, target)
        return seen

    async def call_blind_transfer_by_refer(self):
        return await self.by_refer(await self.answered_by_agent(9, 2), '1010')

    async def call_blind_transfer_by_keys(self):
        seen, caller, agent, target = await self.answered_by_agent(11, 2)
        agent.media.speaking = False
        agent.press('#')
        held = time.time() + 0.2  # from the end of the key on, nobody hears the caller
        await asyncio.sleep(1)
        agent.press('1012')
        await over(agent, 'the transferring phone is let go')
        seen.during(caller.answered_at, held)
        await self.transferred(seen, caller, agent, target)
        return seen

    async def call_attended_transfer_by_refer(self):
        seen, caller, agent, target = await self.answered_by_agent(13, 1.5, after=0.5)
        agent.media.speaking = False
        await agent.hold()
        consultation = await self.acme.phones['1013'].call('1014', party='D')
        seen.streams['D'] = consultation.media
        seen.placed.append(consultation)
        await talk(1.5)
        await agent.transfer('1014', replaces=consultation)
        gone = time.time()
        seen.during(caller.answered_at, gone)
        await self.transferred(seen, caller, agent, target)
        await over(consultation)
        return seen

    async def call_attended_transfer_by_keys(self):
        seen, caller, agent, target = await self.answered_by_agent(15, 1.5, after=0.5)
        agent.media.speaking = False
        agent.press('*2')
        held = time.time() + 0.45
        await asyncio.sleep(1.2)
        agent.press('1016')
        await asyncio.wait_for(asyncio.shield(target), 15)
        await talk(1)
        await agent.hang_up()
        seen.during(caller.answered_at, held)
        await self.transferred(seen, caller, agent, target, since=agent.ended_at)
        return seen

    async def call_transfer_to_outside_after_queue(self):
        """An agent transfers the caller to an outside number."""
        number = '974951112244'
        return await self.by_refer(await self.answered_by_agent(17, 2, far_end(self.acme, number, party='C')), number)

    async def call_outbound_transferred_by_the_caller(self):
        taken, target = far_end(self.acme, '979031112255'), picks_up(self.acme.phones['1020'])
        seen, caller = await self.from_phone(self.acme, '1019', '979031112255')
        callee = await until_answered(seen, taken, 'B')
        await talk(2)
        await caller.transfer('1020')
        gone = time.time()
        caller.media.speaking = False
        seen.during(callee.answered_at, gone)
        other = await until_answered(seen, target, 'C')
        await talk()
        await callee.hang_up()
        await over(other)
        await over(caller)
        seen.during(other.answered_at, callee.ended_at)
        return seen

    async def outbound(self, extension, number, target):
        """How a call out begins that its caller hands over to an extension."""
        taken, target = far_end(self.acme, number), picks_up(self.acme.phones[target], after=0.5)
        seen, caller = await self.from_phone(self.acme, extension, number)
        callee = await until_answered(seen, taken, 'B')
        await talk(1.5)
        caller.media.speaking = False
        return seen, caller, callee, target

    async def handed_over(self, seen, caller, callee, target):
        await until_answered(seen, target, 'C')
        await talk()
        await callee.hang_up()
        await over(target.result())
        await over(caller)
        return seen

    async def call_outbound_transferred_by_keys(self):
        seen, caller, callee, target = await self.outbound('1060', '979031112260', '1061')
        caller.press('#')
        await asyncio.sleep(1)
        caller.press('1061')
        return await self.handed_over(seen, caller, callee, target)

    async def call_outbound_attended_transfer_by_refer(self):
        seen, caller, callee, target = await self.outbound('1062', '979031112262', '1063')
        await caller.hold()
        consultation = await self.acme.phones['1062'].call('1063', party='D')
        seen.placed.append(consultation)
        await talk(1.5)
        await caller.transfer('1063', replaces=consultation)
        await self.handed_over(seen, caller, callee, target)
        await over(consultation)
        return seen

    async def call_outbound_attended_transfer_by_keys(self):
        seen, caller, callee, target = await self.outbound('1064', '979031112264', '1065')
        caller.press('*2')
        await asyncio.sleep(1.2)
        caller.press('1065')
        await asyncio.wait_for(asyncio.shield(target), 15)
        await talk(1)
        await caller.hang_up()
        return await self.handed_over(seen, caller, callee, target)

    async def call_transferred_inside_by_the_called(self):
        taken, target = picks_up(self.acme.phones['1067']), picks_up(self.acme.phones['1068'])
        seen, caller = await self.from_phone(self.acme, '1066', '1067')
        callee = await until_answered(seen, taken, 'B')
        await talk(1.5)
        await callee.transfer('1068')
        callee.media.speaking = False
        await self.transferred(seen, caller, callee, target)
        return seen

    async def call_did_answers_and_nobody_picks_up(self):
        seen = self.caller(self.acme, '79100000054')
        rings_for_ever(self.acme.phones['1054'])
        return await self.gives_up(seen, await self.dial_in(seen, '74950054'))

    async def call_queue_overflow_and_nobody_picks_up(self):
        seen = self.caller(self.acme, '79100000025')
        for extension in ('1025', '1026'):
            rings_for_ever(self.acme.phones[extension])
        return await self.gives_up(seen, await self.dial_in(seen, '74950025'), 6)

    async def gives_up(self, seen, caller, after=4):
        await wait_for(caller.answered, 10, 'the DID or the queue answers')
        await talk(after)
        await caller.hang_up()
        return seen

    async def call_queue_overflow(self):
        seen = self.caller(self.acme, '79100000021')
        rings_for_ever(self.acme.phones['1021'])
        taken = picks_up(self.acme.phones['1022'])
        caller, callee = await self.inbound(seen, '74950021', taken)
        # The second phone rings from the end of the queue's three seconds on, unrecorded.
        seen.during(caller.answered_at, callee.ringing_at)
        return seen

    async def call_queue_of_two(self):
        seen = self.caller(self.acme, '79100000023')
        picks_up(self.acme.phones['1024'], after=9)
        taken = picks_up(self.acme.phones['1023'], after=2)
        caller, callee = await self.inbound(seen, '74950023', taken)
        seen.during(caller.answered_at, callee.answered_at)
        return seen

    async def call_same_second(self):
        """Six calls at once from one number to one queue."""
        seen = self.caller(self.acme, '79100000030')
        taken = [picks_up(self.acme.phones[f'103{number}']) for number in range(6)]
        callers = [await self.dial_in(seen, '74950030') for _ in taken]
        for future in taken:
            await until_answered(seen, future)
        await talk(1)
        for caller in callers:
            await caller.hang_up()
        for future in taken:
            await over(future.result())
        return seen

    async def hostile(self, number, text):
        """From any caller: one call whose From header is hostile in every part."""
        seen = Seen(self.acme, None)
        taken = picks_up(self.acme.phones[f'11{number:02}'], after=0.3)
        text = text.replace('MARKER', str(self.pbx.work.path / 'marker').replace('/', '%2f'))
        display = text.replace('%20', ' ').replace('%7B', '{').replace('%7D', '}').replace('%2f', '/')
        seen.more['did'] = f'749511{number:02}'
        call = await self.acme.trunk.call(seen.more['did'], user=text, name='"' + re.sub(r'["\\]|%..', '', display) + '"', wait=False)
        seen.placed.append(call)
        callee = await until_answered(seen, taken)
        await talk(1)
        await call.hang_up()
        await over(callee)
        return seen

    async def call_hostile_number_dialled(self):
        """A registered phone dials something that is not a number, through the route that takes everything after 9."""
        seen = Seen(self.acme, '1050')
        phone = self.acme.phones['1050']
        for number in ('91../../x', '91,,touch%20MARKER', '91$%7BSHELL(touch%20MARKER)%7D', '91%26PJSIP%2facme_1001', '91%5et%5ex', '91%ff%fe'):
            number = number.replace('MARKER', str(self.pbx.work.path / 'marker').replace('/', '%2f'))
            call = await phone.call(number, wait=False)
            with contextlib.suppress(AssertionError):
                await wait_for(call.ended, 3, 'the far end knows no such number')
            await call.hang_up()
        return seen

    async def combination(self, bits):
        did, queue, extension = bool(bits & 4), bool(bits & 2), bool(bits & 1)
        seen = self.caller(self.combo, f'79200000{bits:03}')
        taken = picks_up(self.combo.phones[f'20{bits:02}'], after=2.5)
        caller, callee = await self.inbound(seen, f'749620{bits:02}', taken, recorded=extension)
        begin = caller.answered_at
        queued = begin + (DID_WAIT if did else 0)
        if did:
            seen.during(begin, queued)
        if queue:
            seen.during(queued, callee.answered_at)
        return seen

    async def did_and_extension(self, bits):
        did, extension = bool(bits & 2), bool(bits & 1)
        seen = self.caller(self.combo, f'79210000{bits:03}')
        taken = picks_up(self.combo.phones[f'21{bits:02}'])
        caller, callee = await self.inbound(seen, f'749621{bits:02}', taken, recorded=extension)
        if did:
            seen.during(caller.answered_at, callee.answered_at)
        return seen

    async def did_and_route(self, bits):
        did, route = bool(bits & 2), bool(bits & 1)
        seen = self.caller(self.combo, f'79220000{bits:03}')
        taken = far_end(self.combo, f'9{1 if route else 2}2200{bits:02}')
        caller, callee = await self.inbound(seen, f'749622{bits:02}', taken, recorded=route)
        if did:
            seen.during(caller.answered_at, callee.answered_at)
        return seen

    async def route(self, on):
        taken = far_end(self.combo, f'9{1 if on else 2}2300{int(on):02}')
        seen, caller = await self.from_phone(self.combo, f'23{int(on):02}', f'9{1 if on else 2}2300{int(on):02}')
        await self.plain(seen, caller, taken, recorded=on)
        return seen

    async def extension(self, on):
        taken = picks_up(self.combo.phones[f'25{int(on):02}'])
        seen, caller = await self.from_phone(self.combo, f'24{int(on):02}', f'25{int(on):02}')
        await self.plain(seen, caller, taken, recorded=on)
        return seen

    async def call_master_off_did_queue_extension(self):
        seen = self.caller(self.quiet, '79300000001')
        taken = picks_up(self.quiet.phones['1001'])
        caller = await self.dial_in(seen, '74970001')
        await self.plain(seen, caller, taken, recorded=False)
        return seen

    async def call_master_off_extension_extension(self):
        taken = picks_up(self.quiet.phones['1003'])
        seen, caller = await self.from_phone(self.quiet, '1002', '1003')
        await self.plain(seen, caller, taken, recorded=False)
        return seen

    async def call_master_off_extension_out(self):
        taken = far_end(self.quiet, '979035556677')
        seen, caller = await self.from_phone(self.quiet, '1004', '979035556677')
        await self.plain(seen, caller, taken, recorded=False)
        return seen

    def all(self):
        found = super().all()
        found.update({f'combination_{bits}': self.combination(bits) for bits in range(8)})
        found.update({f'did_extension_{bits}': self.did_and_extension(bits) for bits in range(4)})
        found.update({f'did_route_{bits}': self.did_and_route(bits) for bits in range(4)})
        found.update({f'route_{int(on)}': self.route(on) for on in (False, True)})
        found.update({f'extension_{int(on)}': self.extension(on) for on in (False, True)})
        found.update({f'hostile_{name}': self.hostile(number, text) for number, (name, text) in enumerate(HOSTILE.items())})
        return found

    async def place(self):
        # Not all at once: there are fewer real callers than that, and two cores mix the audio of all of them.
        tasks = []
        for name, call in self.chosen().items():
            tasks.append(asyncio.create_task(self.place_one(name, call)))
            await asyncio.sleep(0.1)
        await asyncio.gather(*tasks)
        await self.hang_up()
        await self.pbx.quiet()

    async def hang_up(self):
        await asyncio.gather(*(call.hang_up() for organization in self.pbx.organizations  # left by a failed plan
                               for line in (*organization.phones.values(), organization.trunk) for call in line.history))

    async def crash(self):
        """Asterisk dies in the middle of a call."""
        seen = self.caller(self.acme, '79100000099')
        taken = picks_up(self.acme.phones['1001'], after=0.5)
        caller = await self.dial_in(seen, '74950001')
        callee = await asyncio.wait_for(taken, 15)
        seen.streams['B'] = callee.media
        await talk(5)
        self.pbx.asterisk.kill()
        seen.more['died'] = time.time()
        for call in (caller, callee):
            call.lost()
        return seen


PBX = CALLS = None


class Outcome:
    """What a call left, for the judge."""

    def __init__(self, seen, rows):
        self.seen, self.rows = seen, rows
        self.legs = leg_names(rows)
        self.audio = {name: SPOOLED[name] for name in self.legs if name in SPOOLED}

    def __str__(self):
        rows = '\n'.join('  ' + ' '.join(f'{key}={row[key]}' for key in ('calldate', 'sequence', 'src', 'dst', 'channel', 'dstchannel',
                         'lastapp', 'disposition', 'duration', 'linkedid', 'recordingfile')) for row in self.rows)
        legs = '\n'.join(f'  {name}: ' + (', '.join(f'{party} {heard}' for party, heard in tones.speech(
            tones.wav_samples(self.audio[name])).items() if heard.seconds) or 'silence' if name in self.audio else 'no file')
            for name in self.legs)
        phones = '\n'.join(f'  {party}: ' + ', '.join(f'{other} {heard}' for other, heard in media.heard().items() if heard.seconds)
                           for party, media in self.seen.streams.items())
        return f'rows:\n{rows}\nlegs:\n{legs}\nheard live:\n{phones}'


SPOOLED = {}  # what the calls left: {name: bytes}
CRASHED = {}  # and what the last one did, in which Asterisk died


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


async def place_all():
    await CALLS.provision()
    PBX.configure()
    PBX.deployed = PBX.deploy()
    if PBX.deployed.status:
        raise RuntimeError(f'the configuration was not deployed:\n{PBX.deployed}')
    try:
        await PBX.start()
        PBX.loaded = PBX.asterisk.complaints()
        PBX.began = time.time()
        await CALLS.place()
        PBX.ended = time.time()
        SPOOLED.update(files_of(PBX.work.spool))
        CALLS.seen['crash'] = await CALLS.crash()
        CRASHED.update({name: data for name, data in files_of(PBX.work.spool).items() if name not in SPOOLED})
    finally:
        PBX.stop()
        if os.environ.get('PBX_KEEP'):
            (PBX.asterisk.folder / 'log').rename(os.environ['PBX_KEEP'])


def setUpModule():  # pylint: disable=invalid-name
    global PBX, CALLS  # pylint: disable=global-statement
    PBX = pbx_of_module()
    CALLS = Calls(PBX)
    started = time.monotonic()
    asyncio.run(place_all())
    print(f'{len(CALLS.seen)} calls in {time.monotonic() - started:.0f} s left {len(SPOOLED)} legs', file=sys.stderr)


class CallCase(Judge):
    """Judges of one call."""

    def outcome(self, name, rows=None):
        if name not in CALLS.seen:
            self.skipTest('PBX_CALLS excludes this call')
        seen = CALLS.seen[name]
        if isinstance(seen, Exception):
            raise AssertionError(f'the call was not placed as planned: {type(seen).__name__}: {seen}') from seen
        return Outcome(seen, PBX.call_rows(seen.source) if rows is None else rows)

    def one_call(self, outcome, legs):
        """All rows are one call's, each leg is named by what it recorded, and has a file."""
        self.assertTrue(outcome.rows, 'no CDR row')
        self.assertEqual(len({row['linkedid'] for row in outcome.rows}), 1, outcome)
        self.assertEqual({row['accountcode'] for row in outcome.rows}, {outcome.seen.organization.id}, outcome)
        self.assertEqual([re.sub(r'^\d{8}-\d{6}-|-\d+\.\d+(?=\.wav)', '', name) for name in outcome.legs],
                         [f'{outcome.seen.source}-{leg}.wav' for leg in legs], outcome)
        self.assertEqual(sorted(outcome.audio), sorted(outcome.legs), 'a row names a file that is not in the spool')
        if asterisk_root.IS_CURRENT:
            named = [row['recordingfile'] for row in outcome.rows if row['recordingfile']]
            self.assertEqual(len(named), len(set(named)), Lazily('a leg is on two rows', outcome))

    def joined(self, outcome):
        return [sample for name in outcome.legs for sample in tones.wav_samples(outcome.audio[name])]

    def talked(self, outcome):
        """Both sides heard each other: the call itself was good."""
        for one, other in (('A', 'B'), ('B', 'A')):
            heard = outcome.seen.streams[one].heard()[other]
            self.assertGreater(heard.length, TALK - 0.7, f'{one} hears of {other}: {heard}')


class WhatIsRecorded(CallCase):
    def test_a_call_from_did_to_queue_to_extension_is_three_legs_and_the_call_once(self):
        outcome = self.outcome('did_queue_extension')
        self.one_call(outcome, ['74950001', 'queue-5001', '1001'])
        self.assertEqual(len(outcome.rows), 3 if asterisk_root.IS_CURRENT else 4, outcome)
        self.heard_once(outcome)
        self.talked(outcome)

    def test_a_did_that_leads_to_an_extension_or_outside_is_one_leg_from_the_answer_on(self):
        for name, did, leg in (('did_extension', '74950002', '1002'), ('did_out', '74950003', '979031112266')):
            with self.subTest(name):
                outcome = self.outcome(name)
                self.one_call(outcome, [leg])
                self.assertEqual(len(outcome.rows), 2, outcome)
                self.assertIn(did, [row['dst'] for row in outcome.rows], 'no row has the number that was dialled')
                self.heard_once(outcome)
                self.talked(outcome)

    def test_nobody_pays_for_ringing(self):
        for name in ('did_extension', 'did_out'):
            seen = self.outcome(name).seen
            self.assertGreater(seen.more['caller'].answered_at, seen.more['callee'].answered_at - 0.05)
        for row in self.outcome('did_busy_extension').rows:
            self.assertEqual(int(row['billsec']), 0, row)

    def test_a_phone_that_is_not_registered_is_unavailable_and_not_answered(self):
        outcome = self.outcome('unreachable_phone')
        self.one_call(outcome, [])
        self.assertNotIn('ANSWERED', {row['disposition'] for row in outcome.rows}, outcome)
        for call in (outcome.seen.more['internal'], outcome.seen.more['caller']):
            self.assertEqual(call.ended_by, '480')

    def test_a_call_between_extensions_is_one_leg_from_its_answer_on(self):
        outcome = self.outcome('extension_extension')
        self.one_call(outcome, ['1004'])
        self.heard_once(outcome)
        self.talked(outcome)

    def test_a_call_out_over_a_trunk_is_one_leg_from_its_answer_on(self):
        outcome = self.outcome('extension_out')
        self.one_call(outcome, ['979031112233'])
        self.heard_once(outcome)
        self.talked(outcome)

    def test_a_caller_who_gives_up_in_the_queue_leaves_a_recording_up_to_that_moment(self):
        outcome = self.outcome('gives_up_in_the_queue')
        self.one_call(outcome, ['74950006', 'queue-5006'])
        self.heard_once(outcome, 'A')

    def test_a_busy_extension_leaves_a_row_that_names_no_file(self):
        outcome = self.outcome('busy_extension')
        self.one_call(outcome, [])
        self.assertEqual({row['disposition'] for row in outcome.rows}, {'BUSY'}, outcome)

    def test_a_busy_extension_behind_a_did_is_busy_for_the_caller(self):
        outcome = self.outcome('did_busy_extension')
        self.one_call(outcome, [])
        self.assertEqual({row['disposition'] for row in outcome.rows}, {'BUSY'}, outcome)
        self.assertEqual(outcome.seen.more['caller'].ended_by, '486')

    def test_a_caller_who_is_not_answered_in_the_queue_continues_in_a_leg_of_their_own(self):
        outcome = self.outcome('queue_overflow')
        self.one_call(outcome, ['74950021', 'queue-5021', '1022'])
        self.heard_once(outcome)
        self.talked(outcome)

    def test_a_queue_that_rings_two_phones_records_the_one_that_answers(self):
        outcome = self.outcome('queue_of_two')
        self.one_call(outcome, ['74950023', 'queue-5023', '1023'])
        self.heard_once(outcome)
        self.talked(outcome)


class WhatTransfersLeave(CallCase):
    def test_a_blind_transfer_by_refer_is_recorded_on_both_sides_of_it(self):
        outcome = self.outcome('blind_transfer_by_refer')
        self.one_call(outcome, ['1009', '1010'])
        self.heard_once(outcome, 'ABC')

    def test_a_blind_transfer_by_keys_is_recorded_on_both_sides_of_it(self):
        outcome = self.outcome('blind_transfer_by_keys')
        self.one_call(outcome, ['1011', '1012'])
        self.heard_once(outcome, 'AC')

    def test_an_attended_transfer_by_refer_loses_nothing_and_repeats_nothing_of_the_caller(self):
        outcome = self.outcome('attended_transfer_by_refer')
        self.assertEqual([name.split('-', 3)[3] for name in outcome.legs], ['1013.wav', '1014.wav'], outcome)
        self.heard_once(outcome, 'ABCD')

    def test_an_attended_transfer_by_keys_loses_nothing_of_the_caller(self):
        outcome = self.outcome('attended_transfer_by_keys')
        heard = self.heard_once(outcome, 'A')['C']
        # What the two phones said to each other before is in the files of both of them: Asterisk bridges them itself, and
        # runs no dialplan in which a recording could end.
        target = outcome.seen.more['target']
        for second, length in self.due(target.media, [(target.answered_at, target.ended_at)]).items():
            self.assertGreater(heard.seconds.get(second, 0), length - CUT, Lazily(f'second {second} is lost', outcome))

    def test_an_agent_who_transfers_the_caller_to_an_outside_number_leaves_a_leg_of_that_route(self):
        outcome = self.outcome('transfer_to_outside_after_queue')
        self.one_call(outcome, ['1017', '974951112244'])
        self.heard_once(outcome, 'ABC')

    def test_an_outbound_call_that_its_caller_transfers_loses_nothing(self):
        outcome = self.outcome('outbound_transferred_by_the_caller')
        # The second leg begins with the number of the party that was transferred.
        self.assertEqual([name.split('-', 2)[2] for name in outcome.legs], ['1019-979031112255.wav', '979031112255-1020.wav'])
        self.assertEqual(sorted(outcome.audio), sorted(outcome.legs))
        self.heard_once(outcome, 'ABC')


class WhatPolicyForbids(CallCase):
    def test_each_combination_of_did_queue_and_extension_records_exactly_its_own_stretch(self):
        for bits in range(8):
            with self.subTest(did=bool(bits & 4), queue=bool(bits & 2), extension=bool(bits & 1)):
                outcome = self.outcome(f'combination_{bits}')
                self.one_call(outcome, [name for on, name in ((bits & 4, f'749620{bits:02}'), (bits & 2, f'queue-60{bits:02}'),
                                                              (bits & 1, f'20{bits:02}')) if on])
                self.heard_once(outcome)
                self.talked(outcome)

    def test_each_combination_of_did_and_extension_records_exactly_its_own_stretch(self):
        for bits in range(4):
            with self.subTest(did=bool(bits & 2), extension=bool(bits & 1)):
                outcome = self.outcome(f'did_extension_{bits}')
                self.one_call(outcome, [name for on, name in ((bits & 2, f'749621{bits:02}'), (bits & 1, f'21{bits:02}')) if on])
                self.heard_once(outcome)
                self.talked(outcome)

    def test_each_combination_of_did_and_route_records_exactly_its_own_stretch(self):
        for bits in range(4):
            with self.subTest(did=bool(bits & 2), route=bool(bits & 1)):
                outcome = self.outcome(f'did_route_{bits}')
                self.one_call(outcome, [name for on, name in ((bits & 2, f'749622{bits:02}'),
                                                              (bits & 1, f'912200{bits:02}')) if on])
                self.heard_once(outcome)
                self.talked(outcome)

    def test_a_route_and_an_extension_decide_for_calls_that_begin_inside(self):
        for on in (False, True):
            for name, leg in ((f'route_{int(on)}', f'912300{int(on):02}'), (f'extension_{int(on)}', f'25{int(on):02}')):
                with self.subTest(call=name):
                    outcome = self.outcome(name)
                    self.one_call(outcome, [leg] if on else [])
                    self.heard_once(outcome)
                    self.talked(outcome)

    def test_nothing_of_an_organization_whose_master_is_off_is_recorded(self):
        for name in ('did_queue_extension', 'extension_extension', 'extension_out'):
            with self.subTest(call=name):
                outcome = self.outcome(f'master_off_{name}')
                self.one_call(outcome, [])
                self.talked(outcome)


class WhatComesFromTheNetwork(CallCase):
    def test_a_hostile_caller_leaves_legs_with_harmless_names_and_nothing_else(self):
        for name in HOSTILE:
            with self.subTest(caller=name):
                did = '749511' + f'{list(HOSTILE).index(name):02}'
                rows = PBX.rows(f"linkedid in (select linkedid from asterisk_cdr where dst = {quoted(did)})")
                outcome = self.outcome(f'hostile_{name}', rows)
                self.assertEqual(len(outcome.legs), 1, outcome)
                self.assertRegex(outcome.legs[0], rf'^\d{{8}}-\d{{6}}-[0-9A-Za-z]{{1,32}}-11{did[-2:]}\.wav$')
                self.assertIn(outcome.legs[0], SPOOLED)

    def test_a_hostile_number_that_a_phone_dials_runs_nothing(self):
        self.outcome('hostile_number_dialled')
        self.assertFalse((PBX.work.path / 'marker').exists())

    def test_no_name_leads_out_of_the_spool(self):
        self.assertFalse((PBX.work.path / 'marker').exists(), 'a command was run')
        for name in SPOOLED:
            self.assertRegex(name, r'^\d{8}-\d{6}-[0-9A-Za-z]{1,32}-[0-9A-Za-z-]+(-\d+\.\d+)?\.wav$')
        strange = [str(path) for path in PBX.work.path.rglob('*') if path.name.endswith(('.wav', '.x')) and path.parent != PBX.work.spool]
        self.assertEqual(strange, [])
        self.assertEqual([entry.name for entry in PBX.work.spool.iterdir() if entry.is_dir() and entry.name != 'stitched'], [],
                         'a name made a folder')

    def test_calls_of_one_number_in_one_second_have_a_file_each(self):
        outcome = self.outcome('same_second')
        calls = {}
        for row in outcome.rows:
            calls.setdefault(row['linkedid'], []).append(row)
        self.assertEqual(len(calls), 6)
        for rows in calls.values():
            self.assertEqual(len(leg_names(rows)), 3, Outcome(outcome.seen, rows))
        self.assertEqual(len(outcome.legs), 18)
        self.assertEqual(sorted(outcome.audio), sorted(outcome.legs))


class WhatAsteriskSays(CallCase):
    def test_the_generated_configuration_loads_without_a_complaint(self):
        self.assertEqual(PBX.loaded, [])

    def test_every_file_in_the_spool_is_named_by_a_row_and_every_name_has_a_file(self):
        named = {row['recordingfile'] for row in PBX.rows("recordingfile <> ''")}
        self.assertEqual(sorted(named - set(SPOOLED)), [], 'named, but not there')
        self.assertEqual(sorted(set(SPOOLED) - named), [], 'there, but not named')

    def test_every_name_begins_with_the_instant_of_its_leg_in_utc(self):
        for name in SPOOLED:
            when = datetime.datetime.strptime(name[:15] + '+0000', '%Y%m%d-%H%M%S%z').timestamp()
            self.assertTrue(PBX.began - 2 < when < PBX.ended, f'{name} is not from {PBX.began} to {PBX.ended}')

    def test_every_row_has_the_instant_of_its_call_whatever_the_zones_are(self):
        for when, in PBX.work.db.sql('select extract(epoch from calldate) from asterisk_cdr'):
            self.assertTrue(PBX.began - 2 < float(when) < PBX.ended, f'{when} is not from {PBX.began} to {PBX.ended}')

    def test_every_leg_is_closed_and_holds_audio(self):
        for name, data in SPOOLED.items():
            self.assertEqual(int.from_bytes(data[40:44], 'little'), len(data) - 44, name)
            self.assertGreater(len(data), 44, f'{name} is empty')


class WhatPbxCallsTells(CallCase):
    """Direction, number dialled, who answered and after how long, of calls that Asterisk wrote."""

    def check(self, name, direction, dialled, answered_by, waited=None):
        outcome = self.outcome(name)
        result = self.status(PBX.work.run('pbx-calls', '--since', '1h', '--number', outcome.seen.source, '--json'), 0)
        call, = [call for call in json.loads(result.out) if call['linkedid'] == outcome.rows[0]['linkedid']]
        self.assertEqual((call['direction'], call['dialled'], call['answered_by']), (direction, dialled, answered_by), f'\n{outcome}')
        self.assertEqual(call['legs'], len(outcome.legs))
        if waited is not None:  # CDR rows have whole seconds
            self.assertAlmostEqual(call['waited'], waited, delta=1.6, msg=f'\n{outcome}')

    def test_inbound_calls_name_the_did_and_the_extension_that_picked_up(self):
        self.check('did_queue_extension', 'inbound', '74950001', '1001', DID_WAIT + 2.5)
        self.check('did_extension', 'inbound', '74950002', '1002', RING)

    def test_calls_inside_and_out_name_who_was_called(self):
        self.check('extension_extension', 'internal', '1004', '1004', RING)
        self.check('extension_out', 'outbound', '979031112233', '979031112233', RING)

    def test_calls_that_nobody_answers_name_no_answering_party(self):
        self.check('gives_up_in_the_queue', 'inbound', '74950006', None, 4)
        self.check('busy_extension', 'internal', '1008', None)
        self.check('did_busy_extension', 'inbound', '74950008', None)

    def test_a_transfer_does_not_change_who_answered(self):
        self.check('blind_transfer_by_refer', 'inbound', '74950009', '1009', RING)
        self.check('blind_transfer_by_keys', 'inbound', '74950011', '1011', RING)


class Truth:
    """What the people in one call know of it: `placed` by one of them, and picked up by others. A consultation ends when the
    one who placed it has handed the call over."""

    def __init__(self, seen, placed, picked_up, consultation=False):
        from_outside = placed.line is seen.organization.trunk
        number = unquote(re.match(r'sip:([^@]*)@', placed.remote_uri).group(1))
        first = min(picked_up, key=lambda call: call.answered_at, default=None)
        self.key = (seen.organization.id, number)
        self.values = {
            'from': seen.source if from_outside else placed.line.extension, 'to': number, 'dialled': number,
            'direction': 'inbound' if from_outside else 'outbound' if len(number) > 6 else 'internal',
            'answered_by': self.who(first) if first else None,
            'disposition': 'ANSWERED' if first else {'486': 'BUSY', '480': 'FAILED'}.get(placed.ended_by, 'NO ANSWER')}
        ended = placed.ended_at if consultation else max(call.ended_at for call in (placed, *picked_up))
        answered = first.answered_at if first else ended
        self.times = {'talk_time': ended - answered, 'waited': answered - placed.began_at, 'duration': ended - placed.began_at}
        # CDR rows have whole seconds, and after a transfer two rows and the gap between them make up the talk.
        self.tolerance = {'talk_time': 1.6 if len(picked_up) < 2 else 3, 'waited': 2, 'duration': 2}

    @staticmethod
    def who(call):
        return getattr(call.line, 'extension', None) or re.match(r'INVITE sip:([^@]*)@', call.invite.start).group(1)

    @classmethod
    def all(cls, name, seen):
        if name == 'same_second':
            return [cls(seen, placed, [picked_up]) for placed, picked_up in zip(seen.placed, seen.picked_up)]
        calls = [cls(seen, seen.placed[0], seen.picked_up)] if seen.placed else []
        return calls + [cls(seen, placed, seen.picked_up[-1:], consultation=True) for placed in seen.placed[1:]]


class WhatPeopleWouldSay(CallCase):
    """pbx-calls beside the clocks of the phones, for every call of the script."""

    def listed(self, *arguments):
        return json.loads(self.status(PBX.work.run('pbx-calls', '--since', '1h', '--json', *arguments), 0).out)

    def truths(self):
        """[(scenario, Truth)] of the calls that were placed as planned."""
        return [(name, truth) for name, seen in CALLS.seen.items() if name != 'crash' and not isinstance(seen, Exception)
                for truth in Truth.all(name, seen)]

    def test_every_call_is_what_the_people_in_it_would_say(self):
        found = {}
        for call in self.listed():
            found.setdefault((call['accountcode'], call['dialled']), []).append(call)
        for name, truth in self.truths():
            with self.subTest(call=name):
                self.assertTrue(found.get(truth.key), 'no call to the number that was dialled')
                call = self.take(found[truth.key], truth.values['answered_by'])
                values = dict(truth.values)
                if values['from'] is None:  # a hostile caller
                    values.pop('from')
                rows = Lazily('', '\n'.join(map(str, PBX.rows(f"linkedid = {quoted(call['linkedid'])}"))))
                self.assertEqual({key: call[key] for key in values}, values, rows)
                for key, seconds in truth.times.items():
                    self.assertAlmostEqual(call[key], seconds, delta=truth.tolerance[key], msg=f'{key}\n{rows}')

    @staticmethod
    def take(calls, answered_by):
        """One of several calls to one number, by who picked it up."""
        return calls.pop(next((place for place, call in enumerate(calls) if call['answered_by'] == answered_by), 0))

    def test_a_filter_finds_the_calls_that_show_its_value(self):
        calls = self.listed()
        for disposition in ('ANSWERED', 'NO ANSWER', 'BUSY', 'CONGESTION', 'FAILED'):
            self.assertEqual([call['linkedid'] for call in self.listed('--disposition', disposition)],
                             [call['linkedid'] for call in calls if call['disposition'] == disposition])
        for name, truth in self.truths():
            with self.subTest(call=name):
                _, number = truth.key
                self.assertIn(number, [call['dialled'] for call in self.listed('--number', number)])

    def test_every_form_of_the_list_has_the_same_values(self):
        keys = ('linkedid', 'to', 'direction', 'duration', 'talk_time', 'disposition', 'legs', 'answered_by', 'waited')
        calls = [{key: '' if call[key] is None else str(call[key]) for key in keys} for call in self.listed()]
        table = self.status(PBX.work.run('pbx-calls', '--since', '1h', '--csv=raw'), 0).out.decode()
        self.assertEqual([{key: row[key] for key in keys} for row in csv.DictReader(io.StringIO(table, newline=''))], calls)
        for call in calls:
            shown, = json.loads(self.status(PBX.work.run('pbx-calls', 'show', call['linkedid'], '--json'), 0).out)
            self.assertEqual({key: '' if shown[key] is None else str(shown[key]) for key in keys}, call)


class WhatTheToolsMakeOfIt(CallCase):
    """One test, since each step uses what the one before it left."""

    def calls(self):
        """{(linkedid, accountcode): names of its legs, in order}"""
        calls = {}
        for row in PBX.rows("recordingfile <> ''"):
            calls.setdefault((row['linkedid'], row['accountcode']), []).append(row)
        return {call: leg_names(sorted(rows, key=lambda row: min(
            (other['calldate'], int(other['sequence'])) for other in rows if other['recordingfile'] == row['recordingfile'])))
                for call, rows in calls.items()}

    def fetched(self, call, source, legs, *arguments):
        work = PBX.work
        target = work.path / 'fetched.wav'
        self.status(work.run('pbx-recording-fetch', call, '-o', target, '-D', work.path / 'headers', *arguments), 0)
        headers = (work.path / 'headers').read_text(encoding='utf-8')
        self.assertIn(f'X-Recording-Source: {source}', headers)
        self.assertIn(f'X-Recording-Legs: {legs}', headers)
        return target.read_bytes()

    def test_what_asterisk_wrote_is_stitched_archived_and_fetched(self):
        work, calls = PBX.work, self.calls()
        several = {call: legs for call, legs in calls.items() if len(legs) > 1}
        self.assertGreater(len(several), 20)
        self.status(work.run('pbx-stitch'), 0)
        stitched = {}
        for (linkedid, _), legs in several.items():
            with self.subTest(step='stitch', legs=legs):
                stitched[linkedid] = (work.stitched / f'{linkedid}.wav').read_bytes()
                wav = Wav(stitched[linkedid]).check()
                self.assertEqual([leg['name'] for leg in wav.manifest['legs']], legs)
                judged = sox_samples(work.stitched / f'{linkedid}.wav')
                self.assertEqual(judged, b''.join(SPOOLED[leg][44:] for leg in legs))
        self.assertEqual(sorted(path.name for path in work.stitched.glob('*.wav')), sorted(f'{linkedid}.wav' for linkedid in stitched))

        self.status(work.run('pbx-archive', '--min-age', '0s'), 0)
        self.assertEqual([name for name in work.legs_in_spool() if not name.startswith('.')], [])
        there = work.remote.files()
        self.assertEqual({name: data for name, data in there.items() if '/' not in name}, {**SPOOLED, **CRASHED})
        self.assertEqual({name: data for name, data in there.items() if '/' in name},
                         {f'stitched/{linkedid}.wav': data for linkedid, data in stitched.items()})

        (linkedid, account), legs = next((call, legs) for call, legs in several.items() if len(legs) == 3)
        row = next(row for row in PBX.call_rows('79100000001') if row['uniqueid'] != row['linkedid'])
        self.assertEqual(self.fetched(linkedid, 'stitched-local', 3, '--account', account), stitched[linkedid])
        self.assertEqual(self.fetched(row['id'], 'stitched-local', 3), stitched[row['linkedid']])
        self.assertEqual(self.fetched(row['uniqueid'], 'stitched-local', 3), stitched[row['linkedid']])
        self.status(work.run('pbx-recording-fetch', linkedid, '--account', PBX.organizations[1].id), 66)
        single, [leg] = next((call, legs) for call, legs in calls.items() if len(legs) == 1)
        self.assertEqual(self.fetched(single[0], 'leg-remote', 1), SPOOLED[leg])
        for path in work.stitched.glob('*.wav'):
            path.unlink()
        self.assertEqual(self.fetched(linkedid, 'stitched-remote', len(legs)), stitched[linkedid])
        work.remote.remove(f'stitched/{linkedid}.wav')
        self.assertEqual(self.fetched(linkedid, 'stitched-ondemand', len(legs)), stitched[linkedid])

    def test_a_leg_that_was_open_when_asterisk_died_holds_the_audio_up_to_that_moment(self):
        self.outcome('crash', [])
        name, data = next((name, data) for name, data in CRASHED.items() if name.endswith('-1001.wav'))
        self.assertEqual(data[40:44], bytes(4), 'the header of a leg that was never closed')
        heard = tones.speech(tones.wav_samples(data))
        for party in 'AB':  # the last 32 KiB are lost with Asterisk
            self.assertGreater(heard[party].length, 5 - 2.1 - 0.5, f'{name}: {party} {heard[party]}')
            self.assertEqual(heard[party].order, sorted(set(heard[party].order)))


if __name__ == '__main__':
    main_with_asterisk()
