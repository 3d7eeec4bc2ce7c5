#!/usr/bin/env python3
"""Calls are asked for consent before they are recorded: what is said before an answer, or after a refusal, is in no file."""
import asyncio
import os
import re
import time
import unittest

import tones
from judge import traces_of
from pbx import Pbx, leg_names, picks_up, wait_for
from private_asterisk import COMPLAINT, main_with_asterisk
from workdir import Case

SECRET = 'D'     # the band of what must be in no file
NOTICE = 'custom/notice'
NOTE = ('C', 7)  # the tone of that notice, and how long it is played
SECONDS = 2
KEY_TIME = 5     # seconds that Asterisk waits for a key after the notice
TALK = 1.5
QUIET = 0.4      # seconds of silence before and after what has to be recorded, for packets that are under way
SETTLED = 1      # seconds until the recorder of a DID or a queue has ended after an answer


def notes(call):
    """Frames of the notice that a party has heard."""
    samples = tones.from_ulaw(b''.join(payload for _, payload in call.media.received))
    return tones.heard(samples, NOTE[0])[NOTE[0]].count(NOTE[1])


def is_loud(call):
    """Whether a party has heard something within the last tenth of a second."""
    samples = tones.from_ulaw(b''.join(payload for _, payload in call.media.received[-5:]))
    return max(map(abs, samples), default=0) > tones.AMPLITUDE / 4


class Scene:
    """One call, or two, in an organization of its own: its mode is the first word of the scene's name."""
    prompt = NOTICE

    def __init__(self, pbx, name):
        self.pbx, self.name = pbx, name
        self.calls = {}      # name -> Call, for what they have heard
        self.said = {}       # party -> seconds that have to be in the files
        self.organization = None

    @property
    def mode(self):
        return next(mode for mode in ('announcement', 'opt_out', 'opt_in', 'external', 'wrong', 'none') if self.name.startswith(mode))

    async def provision(self, number):
        settings = {'recording_consent': 'optin' if self.mode == 'wrong' else self.mode}
        if 'shipped' not in self.name:
            settings['consent_prompt'] = 'custom/nowhere' if 'missing' in self.name else NOTICE
        self.organization = organization = await self.pbx.organization(self.name, **settings)
        self.number = f'7497{number:04}'
        self.phones = {extension: organization.user(extension, party='B') for extension in ('1001', '1002', '1003')}
        organization.trunk.has_events = 'tones' not in self.name
        for phone in self.phones.values():
            phone.has_events = 'tones' not in self.name
        organization.route(dial_pattern='_9X.')
        organization.route(name='emergency', dial_pattern='112')
        organization.queue('5001', [self.phones['1001']])
        organization.did(self.number, *(('queue', '5001') if 'queue' in self.name else ('extension', '1001')))

    # --- what the parties do

    def outside_answers(self):
        """The far end of the trunk; a future of its Call, which is answered at once."""
        taken = asyncio.get_running_loop().create_future()

        async def on_call(call):
            await call.answer(speak=False)
            taken.set_result(call)
        self.organization.trunk.on_call = on_call
        return taken

    def answers(self, extension):
        return picks_up(self.phones[extension], after=0.3, speak=False)

    async def outside_calls(self):
        """A caller from outside, who begins to talk when the line is open; it is what must not be recorded."""
        call = await self.organization.trunk.call(self.number, user=f'79100{self.number}', wait=False)
        call.media.party = SECRET
        self.calls['caller'] = call
        return call

    async def dials(self, extension, number):
        call = await self.phones[extension].call(number, wait=False)
        call.media.party = SECRET
        self.calls[f'caller {extension}'] = call
        return call

    @staticmethod
    def whispers(*calls):
        for call in calls:
            call.media.party, call.media.speaking = SECRET, True

    async def taken(self, future, name):
        call = self.calls[name] = await asyncio.wait_for(future, 25)
        return call

    async def until(self, condition, what, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f'{self.name}: {what}: not within {seconds} s')
            await asyncio.sleep(0.05)

    async def hears_notice(self, call):
        await self.until(lambda: is_loud(call), 'the notice is played')

    async def presses(self, call, key, *others):
        """During the notice, after silence of all, so that nothing of the secret is under way when the recording begins."""
        await self.hears_notice(call)
        for each in (call, *others):
            each.media.speaking = False
        await asyncio.sleep(QUIET)
        if key:
            call.press(key)

    async def talk(self, *calls):
        """What has to be recorded: of each party a band of its own."""
        for call in calls:
            call.media.speaking = False
        await asyncio.sleep(SETTLED)
        for party, call in zip('AB', calls):
            call.media.party, call.media.speaking = party, True
            self.said[party] = self.said.get(party, 0) + TALK
        await asyncio.sleep(TALK)
        for call in calls:
            call.media.speaking = False
        await asyncio.sleep(QUIET)

    async def whisper(self, *calls):
        """What must not be recorded."""
        self.whispers(*calls)
        await asyncio.sleep(TALK)
        for call in calls:
            call.media.speaking = False
        await asyncio.sleep(QUIET)

    async def hang_up(self):
        for line in (self.organization.trunk, *self.phones.values()):
            for call in line.history:
                await call.hang_up()

    # --- the caller of a DID

    async def from_outside(self, key, recorded):
        """A call to the DID, whose caller presses a key, or none. The caller, and the agent that answers."""
        agent = self.answers('1001')
        caller = await self.outside_calls()
        await self.presses(caller, key)
        agent = await self.taken(agent, '1001')
        await (self.talk if recorded else self.whisper)(caller, agent)
        return caller, agent

    async def scene_announcement_did(self):
        await self.from_outside('', True)

    async def scene_opt_out_did_refused(self):
        await self.from_outside('2', False)

    async def scene_opt_out_did_other_key(self):
        await self.from_outside('7', True)

    async def scene_opt_out_did_silent(self):
        await self.from_outside('', True)

    async def scene_opt_out_did_refused_by_tones(self):
        await self.from_outside('2', False)

    async def scene_opt_in_did_granted(self):
        await self.from_outside('1', True)

    async def scene_opt_in_did_granted_by_tones(self):
        await self.from_outside('1', True)

    async def scene_opt_in_did_other_key(self):
        await self.from_outside('2', False)

    async def scene_opt_in_did_silent(self):
        await self.from_outside('', False)

    async def scene_wrong_mode(self):
        await self.from_outside('', False)

    async def scene_opt_in_did_hung_up(self):
        caller = await self.outside_calls()
        await self.hears_notice(caller)
        await caller.hang_up()

    async def scene_external_did(self):
        agent = self.answers('1001')
        caller = await self.outside_calls()
        caller.media.speaking = False
        agent = await self.taken(agent, '1001')
        await self.talk(caller, agent)

    async def scene_opt_in_did_shipped(self):
        """The notice that the suite brings; the caller presses the key in its first second."""
        agent = self.answers('1001')
        caller = await self.outside_calls()
        await self.hears_notice(caller)
        caller.media.speaking = False
        await asyncio.sleep(QUIET)
        caller.press('1')
        agent = await self.taken(agent, '1001')
        await self.talk(caller, agent)

    # --- a sound that does not exist

    async def without_sound(self):
        agent = self.answers('1001')
        caller = await self.outside_calls()
        agent = await self.taken(agent, '1001')
        await self.whisper(caller, agent)

    async def scene_opt_in_missing(self):
        await self.without_sound()

    async def scene_opt_out_missing(self):
        await self.without_sound()

    async def scene_announcement_missing(self):
        await self.without_sound()

    # --- a queue

    async def scene_opt_in_queue_granted(self):
        await self.from_outside('1', True)

    async def scene_opt_in_queue_refused(self):
        await self.from_outside('', False)

    async def scene_opt_out_queue_called_inside(self):
        """One of our phones calls the queue: it is asked, and the agent is not."""
        agent = self.answers('1001')
        caller = await self.dials('1002', '5001')
        await self.presses(caller, '3')
        await self.talk(caller, await self.taken(agent, '1001'))

    # --- who answers: an extension, and an outside number

    async def is_asked(self, answerer, name, number, key):
        """1001 calls; who answers hears the notice, and presses a key or none, while the caller hears it ring."""
        caller = await self.dials('1001', number)
        answerer = await self.taken(answerer, name)
        self.whispers(answerer)
        await self.presses(answerer, key, caller)
        await wait_for(caller.answered, 20, f'{self.name}: the caller is through')
        return caller, answerer

    async def inside(self, key, recorded):
        both = await self.is_asked(self.answers('1002'), '1002', '1002', key)
        await (self.talk if recorded else self.whisper)(*both)
        return both

    async def scene_announcement_extension(self):
        await self.inside('', True)

    async def scene_opt_out_extension_refused(self):
        await self.inside('2', False)

    async def scene_opt_in_extension_granted(self):
        await self.inside('1', True)

    async def scene_opt_in_extension_granted_by_tones(self):
        await self.inside('1', True)

    async def scene_opt_in_extension_hung_up(self):
        answerer = self.answers('1002')
        caller = await self.dials('1001', '1002')
        answerer = await self.taken(answerer, '1002')
        await self.hears_notice(answerer)
        await answerer.hang_up()
        await wait_for(caller.ended, 10, 'the caller is let go')

    async def outbound(self, key, recorded, number='979031112233'):
        both = await self.is_asked(self.outside_answers(), 'outside', number, key)
        await (self.talk if recorded else self.whisper)(*both)
        return both

    async def scene_opt_in_route_granted(self):
        await self.outbound('1', True)

    async def scene_opt_in_route_refused(self):
        await self.outbound('', False)

    async def scene_announcement_emergency(self):
        """Nobody who answers emergency calls listens to a notice first."""
        answerer = self.outside_answers()
        caller = await self.dials('1001', '112')
        answerer = await self.taken(answerer, 'outside')
        await self.whisper(caller, answerer)

    # --- an operator's own contexts

    @property
    def own(self):
        """What the operator adds to extensions.conf."""
        if 'own' not in self.name:
            return ''
        return f"""[{self.name}__own]
exten => 800,1,Answer()
 same => n,Gosub(pbx-recorder,record,1({self.name},,room-800))
 same => n,Wait(30)
exten => 820,1,Dial(PJSIP/{self.name}_1002,30,U(pbx-recorder-dialled^{self.name}^^door))
[{self.name}__own_incoming]
exten => 830,1,Answer()
 same => n,ExecIf($["{self.name}"="opt_in_own_outside"]?Gosub(pbx-recorder,consent,1({self.name})))
 same => n,Dial(PJSIP/{self.name}_1002,30,U(pbx-recorder-dialled^{self.name}^^door))
"""

    async def scene_opt_in_own_room(self):
        caller = await self.dials('1001', '800')
        await self.presses(caller, '1')
        await asyncio.sleep(1)
        await self.talk(caller)

    async def scene_opt_in_own_room_refused(self):
        caller = await self.dials('1001', '800')
        await self.presses(caller, '')
        await asyncio.sleep(SECONDS + KEY_TIME)
        await self.whisper(caller)

    async def scene_opt_in_own_door(self):
        await self.talk(*await self.is_asked(self.answers('1002'), '1002', '820', '1'))

    async def scene_opt_in_own_outside(self):
        self.number = '830'
        answerer = self.answers('1002')
        caller = await self.outside_calls()
        await self.presses(caller, '1')
        await self.talk(caller, await self.taken(answerer, '1002'))

    async def scene_opt_in_own_unasked(self):
        """The operator forgot to ask the caller from outside."""
        self.number = '830'
        answerer = self.answers('1002')
        caller = await self.outside_calls()
        await self.whisper(caller, await self.taken(answerer, '1002'))

    # --- transfers

    async def blindly(self, leaving, staying, recorded):
        """The phone transfers the call to 1003, which is not asked."""
        target = self.answers('1003')
        await leaving.transfer('1003')
        target = await self.taken(target, '1003')
        await asyncio.sleep(QUIET)
        await (self.talk if recorded else self.whisper)(staying, target)

    async def scene_opt_in_transferred_granted(self):
        caller, agent = await self.from_outside('1', True)
        await self.blindly(agent, caller, True)

    async def scene_opt_out_transferred_refused(self):
        caller, agent = await self.from_outside('2', False)
        await self.blindly(agent, caller, False)

    async def scene_opt_in_transferred_outside(self):
        """The party outside, who was asked, is transferred by the phone that called."""
        caller, answerer = await self.outbound('1', True)
        await self.blindly(caller, answerer, True)

    async def scene_opt_in_transferred_by_answerer(self):
        """The answer is that of the phone that leaves; it holds for the call."""
        caller, answerer = await self.inside('1', True)
        await self.blindly(answerer, caller, True)

    async def scene_opt_in_transferred_by_answerer_refused(self):
        caller, answerer = await self.inside('3', False)
        await self.blindly(answerer, caller, False)

    async def consults(self, agent, number, answerer, name, key):
        """The agent asks somebody, who hears a notice of the consultation's own."""
        await agent.hold()
        return await self.is_asked(answerer, name, number, key)

    async def joins(self, agent, consultation, number):
        await agent.transfer(number, replaces=consultation)
        await wait_for(consultation.ended, 10, f'{self.name}: the consultation ends')
        await asyncio.sleep(QUIET)

    async def scene_opt_in_joined_granted(self):
        """Both have agreed, each in a call of its own."""
        caller, agent = await self.from_outside('1', True)
        consultation, target = await self.consults(agent, '1002', self.answers('1002'), '1002', '1')
        await self.joins(agent, consultation, '1002')
        await self.talk(caller, target)

    async def scene_opt_out_joined_refused_first(self):
        """The caller has refused; the consultation is recorded until the caller is there."""
        caller, agent = await self.from_outside('2', False)
        consultation, target = await self.consults(agent, '1002', self.answers('1002'), '1002', '3')
        await self.talk(consultation, target)
        await self.joins(agent, consultation, '1002')
        await self.whisper(caller, target)

    async def scene_opt_in_joined_refused_second(self):
        caller, agent = await self.from_outside('1', True)
        consultation, target = await self.consults(agent, '1002', self.answers('1002'), '1002', '')
        await self.whisper(consultation, target)
        await self.joins(agent, consultation, '1002')
        await self.whisper(caller, target)

    async def scene_opt_in_joined_outside_refused(self):
        """Two parties outside: the first one has agreed and is recorded on its own channel, the second one has refused."""
        caller, first = await self.outbound('1', True)
        second = self.outside_answers()
        consultation, second = await self.consults(caller, '979031112299', second, 'outside 2', '2')
        await self.whisper(consultation, second)
        await self.joins(caller, consultation, '979031112299')
        await self.whisper(first, second)

    async def scene_opt_out_joined_while_it_rings(self):
        """The caller has refused; the agent hands the call over to a phone that still rings. Asterisk puts the caller's channel in
        the place of the agent's."""
        caller, agent = await self.from_outside('2', False)
        target = picks_up(self.phones['1002'], after=4, speak=False)
        await agent.hold()
        consultation = await self.dials('1001', '1002')
        await self.until(lambda: consultation.ringing_at, 'the phone rings')
        await agent.transfer('1002', replaces=consultation)
        target = await self.taken(target, '1002')
        await self.whisper(caller, target)
        await self.whisper(caller, target)

    async def scene_opt_in_two_calls_of_an_agent(self):
        """An agent whose caller has agreed calls somebody else, who does not answer the question."""
        caller, agent = await self.from_outside('1', True)
        await agent.hold()
        _, other = await self.outbound('', False)
        await other.hang_up()
        await agent.hold(False)
        await self.talk(caller, agent)


class Scenes:
    def __init__(self, pbx):
        wanted = re.compile(os.environ.get('PBX_CALLS', ''))  # to debug a single scene
        self.pbx = pbx
        self.all = {name[6:]: Scene(pbx, name[6:]) for name in dir(Scene) if name.startswith('scene_') and wanted.search(name[6:])}
        self.faults = {}
        self.deployed = self.left = self.messages = None

    async def play(self, scene):
        try:
            await asyncio.wait_for(getattr(scene, f'scene_{scene.name}')(), 120)
        except Exception as fault:  # pylint: disable=broad-except
            self.faults[scene.name] = fault
        finally:
            await scene.hang_up()

    async def run(self):
        for number, scene in enumerate(self.all.values()):
            await scene.provision(number)
        self.pbx.configure()
        sounds = self.pbx.asterisk.folder / 'data' / 'sounds'
        (sounds / 'custom').mkdir(parents=True)
        (sounds / f'{NOTICE}.wav').write_bytes(tones.wav(tones.frequency(*NOTE), SECONDS))
        self.pbx.asterisk.write_defaults()
        self.deployed = self.pbx.deploy()
        if self.deployed.status not in (0, 65):
            raise RuntimeError(f'the configuration was not deployed:\n{self.deployed}')
        with open(self.pbx.asterisk.etc / 'extensions.conf', 'a', encoding='utf-8') as file:
            file.write(''.join(scene.own for scene in self.all.values()))
        try:
            await self.pbx.start()
            await asyncio.gather(*(self.play(scene) for scene in self.all.values()))
            await self.pbx.quiet()
            self.left = self.pbx.asterisk.cli('group show channels')
            self.messages = self.pbx.asterisk.messages()
        finally:
            self.pbx.stop()
            if os.environ.get('PBX_KEEP'):
                (self.pbx.asterisk.folder / 'log').rename(os.environ['PBX_KEEP'])


ASKED = None


def setUpModule():  # pylint: disable=invalid-name
    global ASKED  # pylint: disable=global-statement
    pbx = Pbx()
    ASKED = Scenes(pbx)
    unittest.addModuleCleanup(pbx.close)
    asyncio.run(ASKED.run())


class Asked(Case):
    def scene(self, name):
        if name in ASKED.faults:
            raise ASKED.faults[name]
        if name not in ASKED.all:
            self.skipTest('not wanted')
        return ASKED.all[name]

    def number(self, name):
        """The DID of a scene."""
        return self.scene(name).number

    def rows(self, name):
        return ASKED.pbx.rows(f"accountcode = '{self.scene(name).organization.id}'")

    def recorded(self, name, answers, legs):
        """What has to be recorded is in files with these ends of their names, and nothing else is; every row has an answer."""
        scene, rows = self.scene(name), self.rows(name)
        text = '\n'.join(str([row[key] for key in ('channel', 'dstchannel', 'dst', 'recordingfile', 'recording_consent')])
                         for row in rows)
        self.assertEqual(sorted({row['recording_consent'] for row in rows}, key=str), sorted(answers, key=str), text)
        names = leg_names(rows)
        self.assertEqual(sorted(re.sub(r'^(\w+-){3}|(-\d+\.\d+)?\.wav$', '', leg) for leg in names), sorted(legs), text)
        heard = {'A': 0, 'B': 0}
        for leg in names:
            samples = tones.wav_samples((ASKED.pbx.work.spool / leg).read_bytes())
            self.assertEqual(traces_of(SECRET, samples), [], f'{name}: {leg} has something of the secret')
            speech = tones.speech(samples, 'AB')
            for party in heard:
                heard[party] += speech[party].length
        for party, length in heard.items():
            self.assertAlmostEqual(length, scene.said.get(party, 0), delta=0.3, msg=f'{name}, {party}: {text}')

    def heard_notice(self, name, **times):
        """How often each call has heard the notice; the others never. It may be cut short by a key."""
        scene = self.scene(name)
        for party, call in scene.calls.items():
            frames = notes(call)
            with self.subTest(call=party):
                if party.replace(' ', '_') in times:
                    self.assertTrue(5 < frames <= SECONDS * 50 + 5, f'{name}: {party} has heard {frames} frames of the notice')
                else:
                    self.assertLess(frames, 5, f'{name}: {party} has heard the notice')


class TheCallerOfADid(Asked):
    def check(self, name, answer, *legs):
        self.recorded(name, {answer}, legs)
        self.heard_notice(name, caller=1)

    def both(self, name):
        return self.number(name), '1001'

    def test_hears_an_announcement_before_the_recording(self):
        self.check('announcement_did', 'announced', *self.both('announcement_did'))

    def test_refuses_with_2_where_everything_else_agrees(self):
        self.check('opt_out_did_refused', 'declined')
        self.check('opt_out_did_other_key', 'granted', *self.both('opt_out_did_other_key'))
        self.check('opt_out_did_silent', 'no-answer', *self.both('opt_out_did_silent'))

    def test_agrees_with_1_where_nothing_else_does(self):
        self.check('opt_in_did_granted', 'granted', *self.both('opt_in_did_granted'))
        self.check('opt_in_did_other_key', 'declined')
        self.check('opt_in_did_silent', 'no-answer')

    def test_can_answer_with_tones(self):
        self.check('opt_out_did_refused_by_tones', 'declined')
        self.check('opt_in_did_granted_by_tones', 'granted', *self.both('opt_in_did_granted_by_tones'))

    def test_has_declined_by_hanging_up_during_the_notice(self):
        self.recorded('opt_in_did_hung_up', {'declined'}, ())

    def test_is_not_asked_where_consent_was_given_elsewhere(self):
        self.recorded('external_did', {'external'}, ('1001',))
        self.heard_notice('external_did')

    def test_hears_the_notice_that_the_suite_brings(self):
        self.recorded('opt_in_did_shipped', {'granted'}, self.both('opt_in_did_shipped'))

    def test_is_recorded_only_with_consent_where_the_mode_is_unknown(self):
        self.check('wrong_mode', 'no-answer')


class AMissingSound(Asked):
    def test_is_no_consent_and_the_call_goes_on(self):
        for name in ('opt_in_missing', 'opt_out_missing', 'announcement_missing'):
            with self.subTest(name):
                self.recorded(name, {None}, ())
                heard = self.scene(name).calls['caller'].media.heard()[SECRET]
                self.assertGreater(heard.length, TALK - 0.5)

    def test_is_an_error_in_the_log_and_a_warning_of_the_generator(self):
        self.scene('opt_in_missing')
        for mode in ('opt_in', 'opt_out', 'announcement'):
            self.assertRegex(ASKED.messages,
                             f'ERROR.*the sound custom/nowhere cannot be played to calls of {mode}_missing')
            self.assertIn(f'{mode}_missing: there is no sound custom/nowhere', ASKED.deployed.err)
        self.assertNotIn('there is no sound custom/notice', ASKED.deployed.err)
        self.assertNotIn('opt_in_did_shipped', ASKED.deployed.err)

    def test_is_the_only_error(self):
        for line in filter(COMPLAINT.match, ASKED.messages.splitlines()):
            self.assertRegex(line, 'custom/nowhere|cannot be played|Abnormal .Gosub', 'Asterisk complains')


class TheCallerOfAQueue(Asked):
    def test_is_asked_once(self):
        self.recorded('opt_in_queue_granted', {'granted'}, (self.number('opt_in_queue_granted'), 'queue-5001', '1001'))
        self.heard_notice('opt_in_queue_granted', caller=1)

    def test_is_not_recorded_without_an_answer(self):
        self.recorded('opt_in_queue_refused', {'no-answer'}, ())
        self.heard_notice('opt_in_queue_refused', caller=1)

    def test_is_asked_when_it_is_one_of_our_phones(self):
        self.recorded('opt_out_queue_called_inside', {'granted'}, ('queue-5001', '1001'))
        self.heard_notice('opt_out_queue_called_inside', caller_1002=1)


class WhoAnswers(Asked):
    def check(self, name, who, answer, *legs):
        self.recorded(name, {answer}, legs)
        self.heard_notice(name, **{who: 1})

    def test_is_asked_at_an_extension(self):
        self.check('announcement_extension', '1002', 'announced', '1002')
        self.check('opt_out_extension_refused', '1002', 'declined')
        self.check('opt_in_extension_granted', '1002', 'granted', '1002')
        self.check('opt_in_extension_granted_by_tones', '1002', 'granted', '1002')

    def test_has_declined_by_hanging_up_during_the_notice(self):
        # The caller's row has the called side, and what that side has set, only if both have met in a bridge for a moment.
        answers = {row['recording_consent'] for row in self.rows('opt_in_extension_hung_up') if row['dstchannel']}
        self.assertLessEqual(answers, {'declined'})
        self.recorded('opt_in_extension_hung_up', answers or {None}, ())

    def test_is_asked_at_an_outside_number(self):
        self.check('opt_in_route_granted', 'outside', 'granted', '979031112233')
        self.check('opt_in_route_refused', 'outside', 'no-answer')

    def test_is_not_asked_in_an_emergency_and_not_recorded(self):
        self.recorded('announcement_emergency', {'no-answer'}, ())
        self.heard_notice('announcement_emergency')


class OwnContexts(Asked):
    def test_ask_the_caller_before_the_recording(self):
        self.recorded('opt_in_own_room', {'granted'}, ('room-800',))
        self.heard_notice('opt_in_own_room', caller_1001=1)
        self.recorded('opt_in_own_room_refused', {'no-answer'}, ())

    def test_ask_who_answers_one_of_our_phones(self):
        self.recorded('opt_in_own_door', {'granted'}, ('door',))
        self.heard_notice('opt_in_own_door', **{'1002': 1})

    def test_record_a_caller_from_outside_only_who_was_asked(self):
        self.recorded('opt_in_own_outside', {'granted'}, ('door',))
        self.heard_notice('opt_in_own_outside', caller=1)
        self.recorded('opt_in_own_unasked', {'no-answer'}, ())
        self.heard_notice('opt_in_own_unasked')


class Transfers(Asked):
    def test_keep_the_answer_of_the_caller(self):
        self.recorded('opt_in_transferred_granted', {'granted'}, (self.number('opt_in_transferred_granted'), '1001', '1003'))
        self.heard_notice('opt_in_transferred_granted', caller=1)
        self.recorded('opt_out_transferred_refused', {'declined'}, ())
        self.heard_notice('opt_out_transferred_refused', caller=1)

    def test_keep_the_answer_of_who_answered(self):
        self.recorded('opt_in_transferred_outside', {'granted'}, ('979031112233', '1003'))
        self.heard_notice('opt_in_transferred_outside', outside=1)

    def test_keep_the_answer_of_who_answered_and_left(self):
        self.recorded('opt_in_transferred_by_answerer', {'granted'}, ('1002', '1003'))
        self.heard_notice('opt_in_transferred_by_answerer', **{'1002': 1})
        self.recorded('opt_in_transferred_by_answerer_refused', {'declined'}, ())
        self.heard_notice('opt_in_transferred_by_answerer_refused', **{'1002': 1})

    def test_that_join_two_calls_record_those_who_agreed_in_both(self):
        self.recorded('opt_in_joined_granted', {'granted'}, (self.number('opt_in_joined_granted'), '1001', '1002'))
        self.heard_notice('opt_in_joined_granted', caller=1, **{'1002': 1})

    def test_that_join_two_calls_record_nobody_who_refused_in_one(self):
        self.recorded('opt_out_joined_refused_first', {'declined', 'granted'}, ('1002',))
        self.recorded('opt_in_joined_refused_second', {'granted', 'no-answer'}, (self.number('opt_in_joined_refused_second'), '1001'))
        self.recorded('opt_in_joined_outside_refused', {'granted', 'declined'}, ('979031112233',))

    def test_to_a_phone_that_still_rings_record_nobody_who_refused(self):
        # The row of the phone that left was written before anybody answered.
        self.recorded('opt_out_joined_while_it_rings', {'declined', None}, ())

    def test_two_calls_of_an_agent_have_an_answer_each(self):
        self.recorded('opt_in_two_calls_of_an_agent', {'granted', 'no-answer'}, (self.number('opt_in_two_calls_of_an_agent'), '1001'))
        self.heard_notice('opt_in_two_calls_of_an_agent', caller=1, outside=1)


class Afterwards(Asked):
    def test_every_leg_of_a_row_has_a_file_and_every_file_a_row(self):
        named = {leg for name in ASKED.all for leg in leg_names(self.rows(name))}
        self.assertEqual(named, {path.name for path in ASKED.pbx.work.spool.glob('*.wav')})

    def test_nothing_is_left_in_asterisk(self):
        self.assertIn('0 active channels', ASKED.left)


if __name__ == '__main__':
    main_with_asterisk()
