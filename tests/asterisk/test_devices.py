#!/usr/bin/env python3
"""Several devices that are registered as one phone (settings.max_contacts): all of them ring, the one that answers is recorded, and a
contact that a phone makes up reaches nobody else.

Asterisk 16 (PBX_ASTERISK=16) writes another row, which is not answered, for each device that stops ringing."""
import asyncio
import re

import sip
import tones
from judge import Judge, Script, Seen
from pbx import leg_names, pbx_of_module, picks_up, rings_for_ever, wait_for
from private_asterisk import main_with_asterisk
from workdir import quoted

TALK = 2.5

# Contacts that a phone of one organization can register beside its own. In a list of destinations, and in the arguments of the
# dialplan, these characters have a meaning. {port} is the port of the device.
HOSTILE = {
    'a second destination': 'sip:x&Local/1001@beta__internal',
    'a second destination of two hosts': 'sip:x&Local/1001@beta__internal@127.0.0.1',
    'a second phone': 'sip:x@127.0.0.1:{port};y=1&PJSIP/beta_1001',
    'a parenthesis before a second phone': 'sip:a):0@127.0.0.1:{port};y=1&PJSIP/beta_1001',
    'parentheses before a second phone': 'sip:((a))))@127.0.0.1:{port};y=:0:12&PJSIP/beta_1001',
    'options': 'sip:x,1,m@127.0.0.1:{port}',
    'an open bracket': 'sip:x@127.0.0.1:{port};y=[',
    'crossed brackets': 'sip:x@127.0.0.1:{port};y=]1[',
    'three brackets': 'sip:x@127.0.0.1:{port};y=[1[2]',
    'a variable': 'sip:$x@127.0.0.1:{port};y=$[1]',
    'quotes': "sip:'x'@127.0.0.1:{port}",
}
# Contacts of this kind are common, and are called.
HARMLESS = ('sip:a-b.c_d+e%40f*@127.0.0.1:{port};transport=udp;ob;rinstance=0a/b;line=c:d~!', 'sip:x@127.0.0.1:{port};y=[2001:db8::1]')


class Calls(Script):
    async def provision(self):
        acme = self.acme = await self.pbx.organization('acme', max_contacts=20)
        self.beta = await self.pbx.organization('beta', max_contacts=2)
        self.beta.user('1001')
        self.asks = await self.pbx.organization('asks', max_contacts=2, recording_consent='announcement')
        self.asks.user('2001', party='A')
        self.devices = {}  # (extension, number) -> Line; number 0 is that of Organization.phones
        self.callers = iter(range(2001, 2100))
        for extension in ('1001', '1002', '1003', '1004', '1005', '1006', '1008', '1009', '1010', *self.hostile()):
            self.devices[extension, 0] = acme.user(extension)
            self.devices[extension, 1] = self.another(extension)
        self.devices['1008', 2] = self.another('1008')
        self.devices['1011', 0] = acme.user('1011', recorded=False)
        self.devices['1011', 1] = self.another('1011')
        acme.user('1007', registers=False)
        self.devices['3001', 0] = self.asks.user('3001')
        self.devices['3001', 1] = self.another('3001', 'asks')
        self.devices['1020', 0] = acme.user('1020', registers=False)
        for extension in range(2001, 2001 + len(HOSTILE) + 12):
            acme.user(str(extension), party='A')
        acme.did('74950003', 'extension', '1003', answers=True)
        acme.did('74950014', 'extension', '1010')
        acme.queue('5004', [acme.phones['1004']])
        acme.did('74950004', 'queue', '5004')

    @staticmethod
    def hostile():
        return [f'11{number:02}' for number, _ in enumerate(HOSTILE)]

    def another(self, extension, prefix='acme'):
        return sip.Line(f'{prefix}_{extension}', password=f'secret-{extension};x', party='B')

    async def register_devices(self):
        """The devices beside the first one of each phone."""
        for device in self.devices.values():
            if not device.transport:
                await device.open(self.pbx.asterisk.sip)
        for extension, contact in zip(self.hostile(), HOSTILE.values()):
            device = self.devices[extension, 1]
            device.binding = f'{device.contact}, <{contact.format(port=device.port)}>'
        for number, contact in enumerate(HARMLESS, 1):
            device = self.devices['1008', number]
            device.binding = f'<{contact.format(port=device.port)}>'
        device = self.devices['1009', 1]
        device.binding = ', '.join(f'<sip:x@127.0.0.1:{device.port};y={number:0>300}>' for number in range(16))
        device = self.devices['1020', 0]
        device.binding = '<' + HOSTILE['a second phone'].format(port=device.port) + '>'
        await asyncio.gather(*(self.register(device) for device in self.devices.values()))
        await self.devices['1005', 1].register(expires=0)
        self.contacts = self.pbx.asterisk.cli('pjsip show contacts')

    @staticmethod
    async def register(device):
        """Asterisk does not answer a request that it cannot read."""
        try:
            await device.register()
            device.is_registered = True
        except (sip.Refused, TimeoutError):
            device.is_registered = False

    # --- the calls

    def rings(self, extension, answers, refuses=()):
        """A future of the Call of the device that answers; the others ring until they are cancelled."""
        for (phone, number), device in self.devices.items():
            if phone != extension or number == answers:
                continue
            rings_for_ever(device)
            if number in refuses:
                async def refuse(call):
                    call.refuse(486, 'Busy Here')
                device.on_call = refuse
        return picks_up(self.devices[extension, answers])

    async def talk(self, seen, caller, taken):
        seen.streams['A'] = caller.media
        seen.placed.append(caller)
        try:
            callee = await asyncio.wait_for(taken, 12)
            seen.picked_up.append(callee)
            seen.streams['B'] = callee.media
            await asyncio.sleep(TALK)
        finally:
            await caller.hang_up()
        await wait_for(callee.ended, 10, 'the device hangs up')
        seen.during(callee.answered_at, caller.ended_at)
        return seen

    async def inside(self, extension, answers, refuses=(), organization=None):
        """A call from another phone of the organization."""
        organization = organization or self.acme
        number = str(next(self.callers)) if organization is self.acme else '2001'
        seen = Seen(organization, number)
        taken = self.rings(extension, answers, refuses)
        return await self.talk(seen, await organization.phones[number].call(extension, wait=False), taken)

    async def outside(self, did, extension, answers):
        seen = Seen(self.acme, f'7910{did}')
        taken = self.rings(extension, answers)
        seen = await self.talk(seen, await self.acme.trunk.call(did, user=seen.source, wait=False), taken)
        seen.during(seen.placed[0].answered_at, seen.placed[0].ended_at)
        return seen

    async def call_first(self):
        return await self.inside('1001', 0)

    async def call_second(self):
        return await self.inside('1002', 1)

    async def call_did(self):
        return await self.outside('74950003', '1003', 1)

    async def call_ringing_did(self):
        return await self.outside('74950014', '1010', 0)

    async def call_queue(self):
        return await self.outside('74950004', '1004', 1)

    async def call_gone(self):
        return await self.inside('1005', 0)

    async def call_busy(self):
        return await self.inside('1006', 1, refuses=(0,))

    async def call_unrecorded(self):
        return await self.inside('1011', 1)

    async def call_consent(self):
        return await self.inside('3001', 1, organization=self.asks)

    async def call_harmless(self):
        return await self.inside('1008', 2)

    async def call_long(self):
        return await self.inside('1009', 0)

    async def refused(self, extension):
        number = str(next(self.callers))
        seen = Seen(self.acme, number)
        call = await self.acme.phones[number].call(extension, wait=False)
        seen.placed.append(call)
        if extension == '1020':
            await asyncio.sleep(2)
            await call.hang_up()
        await wait_for(call.ended, 15, 'the call ends')
        return seen

    async def call_nobody(self):
        return await self.refused('1007')

    async def call_only_hostile(self):
        rings_for_ever(self.devices['1020', 0])
        return await self.refused('1020')

    async def place(self):
        for phone in self.beta.phones.values():
            rings_for_ever(phone)
        calls = self.chosen()
        calls.update((what, self.inside(extension, 0)) for extension, what in zip(self.hostile(), HOSTILE))
        await asyncio.gather(*(self.place_one(name, call) for name, call in calls.items()))
        await self.pbx.quiet()

    async def run(self):
        await self.provision()
        self.pbx.configure()
        self.deployed = self.pbx.deploy()
        if self.deployed.status:
            raise RuntimeError(f'the configuration was not deployed:\n{self.deployed}')
        try:
            await self.pbx.start()
            await self.register_devices()
            await self.place()
            self.complaints = self.pbx.asterisk.complaints()
        finally:
            self.pbx.stop()
            for device in self.devices.values():
                if device.transport:
                    device.close()


CALLS = None


def setUpModule():  # pylint: disable=invalid-name
    global CALLS  # pylint: disable=global-statement
    CALLS = Calls(pbx_of_module(remote=None))
    asyncio.run(CALLS.run())


class Outcome:
    def __init__(self, seen):
        self.seen = seen
        self.rows = CALLS.pbx.rows(f"src = {quoted(seen.source)} and accountcode = {quoted(seen.organization.id)}")
        self.legs = leg_names(self.rows)

    def __str__(self):
        return '\n'.join(str(row) for row in self.rows)


class Devices(Judge):
    def outcome(self, seen):
        if isinstance(seen, (Exception, type(None))):
            self.fail(f'the call was not placed as planned: {seen!r}')
        return Outcome(seen)

    def joined(self, outcome):
        return [sample for name in outcome.legs for sample in tones.wav_samples((CALLS.pbx.work.spool / name).read_bytes())]

    def is_recorded(self, seen, tags):
        """The legs of the call, and each second of it once; who answered talked to the caller."""
        outcome = self.outcome(seen)
        self.assertEqual([re.sub(r'^(\w+-){3}|(-\d+\.\d+)?\.wav$', '', name) for name in outcome.legs], tags, outcome)
        self.heard_once(outcome)
        self.assertGreater(seen.streams['A'].heard()['B'].length, TALK - 0.7)
        self.assertGreater(seen.streams['B'].heard()['A'].length, TALK - 0.7)
        callee, = seen.picked_up
        self.assertRegex(callee.remote_uri, f'^sip:{seen.source}@', 'the number that the device shows')
        answered = [row for row in outcome.rows if row['recordingfile'] == outcome.legs[-1]]
        self.assertEqual({row['disposition'] for row in answered}, {'ANSWERED'}, outcome)
        for row in answered:
            self.assertRegex(row['dstchannel'], '^PJSIP/acme_')
        return outcome

    def ended(self, extension, *how):
        """How the calls of each device ended."""
        self.assertEqual([[call.ended_by for call in CALLS.devices[extension, number].history] for number in range(len(how))],
                         [list(each) for each in how])

    def test_all_devices_ring_the_first_answers_and_the_other_one_stops_ringing(self):
        self.is_recorded(CALLS.seen['first'], ['1001'])
        self.ended('1001', ['them'], ['cancel'])

    def test_all_devices_ring_the_second_answers_and_the_other_one_stops_ringing(self):
        self.is_recorded(CALLS.seen['second'], ['1002'])
        self.ended('1002', ['cancel'], ['them'])

    def test_the_recording_of_a_number_that_answers_ends_where_a_devices_begins(self):
        self.is_recorded(CALLS.seen['did'], ['74950003', '1003'])
        self.ended('1003', ['cancel'], ['them'])

    def test_a_caller_from_outside_reaches_any_device(self):
        self.is_recorded(CALLS.seen['ringing_did'], ['1010'])
        self.ended('1010', ['them'], ['cancel'])

    def test_all_devices_of_a_queues_agent_ring(self):
        self.is_recorded(CALLS.seen['queue'], ['74950004', 'queue-5004', '1004'])
        self.ended('1004', ['cancel'], ['them'])

    def test_a_device_that_is_not_registered_any_more_does_not_ring(self):
        self.is_recorded(CALLS.seen['gone'], ['1005'])
        self.ended('1005', ['them'], [])

    def test_a_device_that_is_busy_leaves_the_call_to_the_other_one(self):
        self.is_recorded(CALLS.seen['busy'], ['1006'])
        self.ended('1006', ['486'], ['them'])

    def test_a_device_of_a_phone_that_is_not_recorded_leaves_no_file(self):
        outcome = self.outcome(CALLS.seen['unrecorded'])
        self.assertEqual([row['dstchannel'][:15] for row in outcome.rows if row['disposition'] == 'ANSWERED'], ['PJSIP/acme_1011'])
        self.assertEqual(outcome.legs, [])
        self.ended('1011', ['cancel'], ['them'])

    def test_the_device_that_answers_is_asked_for_consent(self):
        outcome = self.outcome(CALLS.seen['consent'])
        self.assertEqual([row['recording_consent'] for row in outcome.rows if row['disposition'] == 'ANSWERED'], ['announced'], outcome)
        self.assertEqual(len(outcome.legs), 1, outcome)
        self.ended('3001', ['cancel'], ['them'])

    def test_a_phone_without_a_device_is_not_available(self):
        outcome = self.outcome(CALLS.seen['nobody'])
        self.assertEqual(outcome.seen.placed[0].ended_by, '480')
        self.assertEqual(outcome.legs, [])

    def test_contacts_with_parameters_and_brackets_are_called(self):
        self.is_recorded(CALLS.seen['harmless'], ['1008'])
        self.ended('1008', ['cancel'], ['cancel'], ['them'])

    def test_so_many_long_contacts_that_they_do_not_fit_keep_no_call_from_being_recorded(self):
        self.is_recorded(CALLS.seen['long'], ['1009'])
        self.assertGreater(len(CALLS.devices['1009', 1].history), 2)

    def test_a_contact_that_is_more_than_a_contact_is_not_called_and_the_other_devices_ring(self):
        for extension, (what, contact) in zip(CALLS.hostile(), HOSTILE.items()):
            with self.subTest(what):
                self.is_recorded(CALLS.seen[what], [extension])
                device = CALLS.devices[extension, 1]
                if device.is_registered:
                    self.ended(extension, ['them'], ['cancel'])
        # Asterisk accepts these; it cuts them off in its table.
        self.assertGreater(len(re.findall(r'acme_11\d\d/', CALLS.contacts)), 3 * len(HOSTILE) - 4, CALLS.contacts)

    def test_a_made_up_contact_reaches_no_phone_of_another_organization(self):
        self.outcome(CALLS.seen['only_hostile'])
        self.assertEqual([call.remote_uri for call in CALLS.beta.phones['1001'].history], [])
        self.assertEqual(CALLS.pbx.rows(f"accountcode = {quoted(CALLS.beta.id)} or dstchannel like '%beta%'"), [])

    def test_asterisk_complains_only_about_what_it_cannot_read_and_a_phone_without_a_device(self):
        expected = re.compile("syntax error exception when parsing 'Contact'|Endpoint 'acme_1007'|session to endpoint 'acme_1007'")
        self.assertEqual([line for line in CALLS.complaints if not expected.search(line)], [])


if __name__ == '__main__':
    main_with_asterisk()
