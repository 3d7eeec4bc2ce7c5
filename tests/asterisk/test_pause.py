#!/usr/bin/env python3
"""The recording of calls is paused while people talk: what they say during the pause is in no file, not one sample."""
import asyncio
import contextlib
import json
import os
import re
import sqlite3
import time
import unittest

import tones
from judge import SAID, traces_of, unknown_windows
from pbx import Pbx, leg_names, picks_up, rings_for_ever, wait_for
from private_asterisk import main_with_asterisk
from workdir import BIN, Case

QUIET = 0.4   # seconds of silence before and after each command, for packets that are under way
SECRET = 'D'  # the band of what is said during a pause
TALK = 1.5


class Scene:
    """One call in an organization of its own: a caller from outside, extension 1001 that answers, and 1002. Its parties are
    silent, unless say() or whisper() makes one speak."""

    def __init__(self, pbx, name):
        self.pbx, self.name = pbx, name
        self.results = {}     # what pbx-record answered
        self.organization = self.caller = self.agent = None
        self.speaking = []

    async def provision(self, number):
        self.organization = organization = await self.pbx.organization(self.name)
        self.number = f'7496{number:04}'
        recorded = self.name != 'unrecorded'
        self.first = organization.user('1001', recorded=recorded)
        self.second = organization.user('1002', party='C')
        organization.route(dial_pattern='_9X.')
        organization.queue('5001', [self.first])
        organization.did(self.number, *(('queue', '5001') if self.name.startswith('queue') else ('extension', '1001')))

    async def answered(self, **caller):
        """The call, answered by 1001."""
        taken = picks_up(self.first, after=0.3, speak=False)
        self.caller = await self.organization.trunk.call(
            self.number, **{'user': f'79100{self.number}', **caller}, wait=False, speak=False)
        self.agent = await asyncio.wait_for(taken, 15)
        await asyncio.sleep(QUIET)

    async def speak(self, party, seconds, media):
        media.party, media.speaking = party, True
        await asyncio.sleep(seconds)
        media.speaking = False
        await asyncio.sleep(QUIET)

    async def say(self, seconds=TALK):
        """What has to be in the recording."""
        await self.speak('A', seconds, self.caller.media)

    async def whisper(self, *calls, seconds=TALK):
        """What must be in no file: both sides, or the given ones, one after the other."""
        for call in calls or (self.caller, self.agent):
            await self.speak(SECRET, seconds / 2, call.media)

    async def record(self, command, *arguments, call='1001', account=True, status=0):
        own = ('--account', self.organization.id) if account else ()
        result = await asyncio.to_thread(
            self.pbx.work.run, 'pbx-record', '--asterisk-dir', self.pbx.asterisk.etc, '--asterisk', self.pbx.asterisk.program,
            command, call, *own, *arguments)
        self.results.setdefault(command, []).append(result)
        if status is not None and result.status != status:
            raise AssertionError(f'{self.name}: {result}')
        return result

    async def hang_up(self):
        await self.caller.hang_up()
        for phone in self.organization.phones.values():
            for call in phone.history:
                await call.hang_up()

    # --- the scenes

    async def scene_plain(self):
        await self.answered()
        await self.say()
        await self.record('pause')
        await self.record('status')
        await self.whisper()
        await self.record('resume')
        await self.say()
        await self.record('status', '--json')

    async def scene_twice(self):
        """The second pause is not resumed before the call ends."""
        await self.answered()
        await self.record('pause')
        await self.whisper()
        await self.record('resume')
        await self.say()
        await self.record('pause', '--for', '20s')
        await self.record('pause', '--for', '90s')
        await self.whisper()

    async def scene_ends_by_itself(self):
        await self.answered()
        await self.say()
        await self.record('pause', '--for', '4s')
        await self.whisper(seconds=2)
        await self.until('recorded')
        await self.say()

    async def scene_interrupted(self):
        """A run of "resume" has ended the pause, and then continued no recorder."""
        await self.answered()
        await self.say()
        await self.record('pause')
        await self.whisper()
        call = json.loads((await self.record('status', '--json')).text)[0]['call']
        await asyncio.to_thread(self.pbx.asterisk.cli, f'database del pbx-pause {call}')
        await self.until('recorded')
        await self.say()

    async def until(self, state):
        deadline = time.monotonic() + 60
        while f': {state}' not in (await self.record('status', status=None)).text:
            if time.monotonic() > deadline:
                raise AssertionError(f'{self.name}: the call is not {state}')
            await asyncio.sleep(0.2)

    async def transfer_and_resume(self):
        """The rest of a scene: the agent transfers the paused call to the second phone, where it is resumed."""
        target = picks_up(self.second, after=0.3, speak=False)
        await self.agent.transfer('1002')
        other = await asyncio.wait_for(target, 15)
        await asyncio.sleep(QUIET)
        await self.whisper(self.caller, other)
        await self.record('resume', call='1002')
        await self.say()

    async def scene_blind_transfer(self):
        """The target of the transfer is recorded from the end of the pause on."""
        await self.answered()
        await self.say()
        await self.record('pause')
        await self.whisper()
        await self.transfer_and_resume()

    async def consult(self):
        target = picks_up(self.second, after=0.3, speak=False)
        await self.agent.hold()
        consultation = await self.first.call('1002', speak=False)
        return consultation, await asyncio.wait_for(target, 15)

    async def scene_attended_transfer(self):
        """The consultation begins during the pause."""
        await self.answered()
        await self.say()
        await self.record('pause')
        await self.whisper(self.caller)
        consultation, other = await self.consult()
        await self.whisper(consultation, other)
        await self.agent.transfer('1002', replaces=consultation)
        await wait_for(consultation.ended, 10, 'the consultation ends')
        await self.whisper(self.caller, other)
        await self.record('resume', call='1002')
        await self.say()

    async def scene_consultation_before(self):
        """The consultation has begun before the pause."""
        await self.answered()
        await self.say()
        consultation, other = await self.consult()
        call = next(iter(json.loads((await self.record('status', '--json', call='1001')).text)))['call']
        await self.record('pause', call=call)
        await self.whisper(consultation, other)
        await self.agent.transfer('1002', replaces=consultation)
        await wait_for(consultation.ended, 10, 'the consultation ends')
        await self.whisper(self.caller, other)
        await self.record('resume', call=call)
        await self.say()

    async def scene_queue(self):
        """The caller waits while the call is paused, and so begins the agent's leg."""
        rings_for_ever(self.first)
        self.caller = await self.organization.trunk.call(self.number, user=f'79100{self.number}', wait=False, speak=False)
        await wait_for(self.caller.answered, 10, 'the queue answers')
        await asyncio.sleep(2)
        channel = await self.channel()
        await self.record('pause', call=channel)
        await self.whisper(self.caller)
        taken = picks_up(self.first, after=0.1, speak=False)
        for call in self.first.history:
            await call.hang_up()  # and the queue rings the phone again
        self.agent = await asyncio.wait_for(taken, 20)
        await asyncio.sleep(QUIET)
        await self.whisper()
        await self.record('resume', call=channel)
        await self.say()

    async def channel(self):
        """The name of the caller's channel."""
        listed = await asyncio.to_thread(self.pbx.asterisk.cli, 'core show channels concise')
        return next(line.split('!')[0] for line in listed.splitlines()
                    if line.startswith(f'PJSIP/{self.name}__trunk') or line.startswith(f'PJSIP/{self.name}_trunk'))

    async def scene_reload(self):
        await self.answered()
        await self.say()
        await self.record('pause')
        for command in ('dialplan reload', 'core reload', 'module reload'):
            await asyncio.to_thread(self.pbx.asterisk.cli, command)
            await self.whisper(seconds=1)
        await self.transfer_and_resume()

    async def scene_at_once(self):
        await self.answered()
        await self.say()
        await asyncio.gather(*(self.record(command) for command in ('pause', 'resume', 'pause', 'resume', 'pause')))
        await self.record('pause')
        await self.whisper()
        await asyncio.gather(*(self.record('resume') for _ in range(3)))
        await self.say()

    async def scene_feature_code(self):
        await self.answered()
        await self.say()
        self.agent.press('*81')
        await self.until('paused')
        await asyncio.sleep(QUIET)
        await self.whisper()
        self.agent.press('*82')
        await self.until('recorded')
        await asyncio.sleep(QUIET)
        await self.say()
        self.caller.press('*81')
        await asyncio.sleep(2)
        await self.record('status')

    async def scene_outbound_parked(self):
        """An outbound call is recorded on the channel that is parked."""
        far = picks_up(self.organization.trunk, after=0, speak=False)
        self.agent = await self.first.call('979031112233', speak=False)
        self.caller = await asyncio.wait_for(far, 10)
        await asyncio.sleep(QUIET)
        await self.say()
        await self.record('pause')
        call = json.loads((await self.record('status', '--json')).text)[0]['call']
        await self.whisper()
        await self.agent.transfer('700')
        await wait_for(self.agent.ended, 10, 'the phone is let go')
        await self.whisper(self.caller)
        fetcher = await self.second.call(await self.space(), speak=False)
        await asyncio.sleep(QUIET)
        await self.whisper(self.caller, fetcher)
        await self.record('resume', call=call)
        await self.say()

    async def space(self):
        """Where the call is parked."""
        shown = await asyncio.to_thread(self.pbx.asterisk.cli, 'parking show default')
        return re.search(rf'(?s)Space *: *(\d+)\s+Channel *: *\S*[@/]{self.name}_', shown).group(1)

    async def scene_parked(self):
        """The agent parks the paused call, and 1002 gets it back by a number that is recorded."""
        await self.answered()
        await self.say()
        await self.record('pause')
        call = json.loads((await self.record('status', '--json')).text)[0]['call']
        await self.whisper()
        await self.agent.transfer('700')
        await wait_for(self.agent.ended, 10, 'the phone is let go')
        await self.whisper(self.caller)
        fetcher = await self.second.call(await self.space(), speak=False)
        await asyncio.sleep(QUIET)
        await self.whisper(self.caller, fetcher)
        await self.record('resume', call=call)
        await self.say()

    async def scene_restart(self):
        """After an attended transfer the recorder begins again in its file; at that moment the call is paused."""
        await self.answered()
        await self.say()
        call = json.loads((await self.record('status', '--json')).text)[0]['call']
        consultation, other = await self.consult()
        transfer = asyncio.create_task(self.agent.transfer('1002', replaces=consultation))
        await wait_for(consultation.ended, 10, 'the consultation ends')
        await self.record('pause', call=call)
        await transfer
        await self.whisper(self.caller, other)
        await self.record('resume', call=call)
        await self.say()

    async def scene_hostile(self):
        """The caller's number and name, and a channel that the operator's dialplan names, are made to mislead a reader of
        listings."""
        self.number = '74969999'  # the operator's own, see NAMED
        line = 'PJSIP/x!c!e!1!Up!a!b!1!2!3!4!5!6!1.1'
        await self.answered(user='1%0a' + line.replace('!', '%21') + '%0d%22%5c', name=f'"{line} Caller ID: x"')
        await self.say()
        await self.record('pause', call=(await self.channel()))
        await self.record('status')
        await self.whisper()
        await self.record('resume')
        await self.say()

    # --- what goes wrong, one scene after the other

    async def logged(self, text, since):
        deadline = time.monotonic() + 30
        while not any(text in line and 'ERROR' in line for line in self.pbx.asterisk.complaints(since)):
            if time.monotonic() > deadline:
                raise AssertionError(f'{self.name}: Asterisk does not log "{text}"')
            await asyncio.sleep(0.2)

    async def late_without_program(self):
        """Asterisk does not find pbx-record when the pause ends."""
        await self.answered()
        await self.say()
        await self.record('pause', '--for', '2s')
        since = len(self.pbx.asterisk.messages())
        self.pbx.program.rename(self.pbx.program.with_name('gone'))
        await self.logged('pbx-record cannot resume the recording of call', since)
        await self.whisper()
        await self.record('status')
        await self.record('resume')
        self.pbx.program.with_name('gone').rename(self.pbx.program)
        await self.say()

    async def late_without_database(self):
        """Asterisk cannot use its AstDB when the pause ends, which must not be before the lock is held."""
        await self.answered()
        await self.say()
        await self.record('pause', '--for', '8s')
        since = len(self.pbx.asterisk.messages())
        with contextlib.closing(self.locked_database()):
            await self.logged('may stay paused: the AstDB cannot be read', since)
            await self.whisper()
            for command in ('pause', 'resume', 'status'):
                await self.record(command, status=75)
        await self.record('resume')
        await self.say()

    async def late_transfer_without_database(self):
        """The recorder of the target cannot look for the pause."""
        await self.answered()
        await self.say()
        await self.record('pause')
        since = len(self.pbx.asterisk.messages())
        # A phone that has registered could not even be called: Asterisk keeps its address in the AstDB.
        target = picks_up(self.organization.trunk, after=0.3, speak=False)
        with contextlib.closing(self.locked_database()):
            await self.agent.transfer('979031112233')
            other = await asyncio.wait_for(target, 15)
            await self.logged('stays paused: the AstDB cannot be read', since)
            await self.whisper(self.caller, other)

    def locked_database(self):
        """Until the connection is closed, Asterisk can neither read nor write it. Asterisk is always in a transaction, which it
        ends after it has written."""
        connection = sqlite3.connect(self.pbx.asterisk.folder / 'lib' / 'astdb.sqlite3', timeout=2, isolation_level=None)
        for attempt in range(20):
            self.pbx.asterisk.cli(f'database put tests lock {attempt}')
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute('begin exclusive')
                return connection
        raise AssertionError('the AstDB is not free')

    async def late_older_dialplan(self):
        """The recorder was deployed by a version that knows no pauses."""
        await self.answered()
        recorder = self.pbx.asterisk.etc / 'pbx-recorder.conf'
        text = recorder.read_text(encoding='utf-8')
        recorder.write_text(text.replace('exten => paused,1,', 'exten => unknown,1,'), encoding='utf-8')
        await asyncio.to_thread(self.pbx.asterisk.cli, 'dialplan reload')
        await self.record('pause', status=78)
        await self.record('status')
        recorder.write_text(text, encoding='utf-8')
        await asyncio.to_thread(self.pbx.asterisk.cli, 'dialplan reload')
        await self.say()

    async def late_not_allowed(self):
        """Asterisk's administrator has not allowed the commands."""
        await self.answered()
        self.pbx.asterisk.write('cli_permissions.conf', '[general]\ndefault_perm=permit\n[root]\ndeny=mixmonitor\n')
        await asyncio.to_thread(self.pbx.asterisk.cli, 'cli reload permissions')
        await self.record('pause', status=77)
        self.pbx.asterisk.write('cli_permissions.conf', '[general]\ndefault_perm=permit\n')
        await asyncio.to_thread(self.pbx.asterisk.cli, 'cli reload permissions')
        await self.record('status')
        await self.say()

    async def scene_told_apart(self):
        """What ends with a status of its own, and changes nothing."""
        await self.record('pause', status=66)
        await self.answered()
        account = ('--account', '11111111-2222-3333-4444-555555555555')
        for command in ('pause', 'resume', 'status'):
            foreign = await self.record(command, *account, account=False, call=await self.channel(), status=66)
            unknown = await self.record(command, call='1.1', status=66)
            self.results.setdefault('refused', []).append((foreign, unknown))
        await self.record('pause', '--org', self.name, account=False)
        await self.record('resume', '--org', self.name, account=False)
        await self.say()

    async def scene_unrecorded(self):
        await self.answered()
        for command in ('pause', 'resume', 'status'):
            await self.record(command, status=2)


# Two organizations that park, each with a way to retrieve the call: without and with a recording.
PARKED = {'outbound_parked': '''
[outbound_parked__transfer](+)
include => parkedcalls
[outbound_parked__internal](+)
exten => _70X,1,ParkedCall(default,${EXTEN})
''', 'parked': '''
[parked__transfer](+)
include => parkedcalls
[parked__internal](+)
exten => _70X,1,Gosub(pbx-recorder,record,1(parked,,retrieved))
 same => n,ParkedCall(default,${EXTEN})
'''}

# A channel whose name has blanks, quotes and backslashes.
NAMED = r"""[hostile__own_incoming](+)
exten => 74969999,1,Dial(Local/a b\"c\\@hostile__named/n)
[hostile__named]
exten => _.,1,Goto(hostile__internal,1001,1)
"""

PARKING = '[default]\nparkext => 700\nparkpos => 701-720\ncontext => parkedcalls\nparkingtime => 60\n'


class Scenes:
    def __init__(self, pbx):
        wanted = re.compile(os.environ.get('PBX_CALLS', ''))  # to debug a single scene
        self.pbx = pbx
        self.all = {name.partition('_')[2]: Scene(pbx, name.partition('_')[2]) for name in dir(Scene)
                    if name.startswith(('scene_', 'late_')) and wanted.search(name)}
        self.faults, self.left = {}, None

    async def play(self, scene, kind='scene'):
        try:
            await asyncio.wait_for(getattr(scene, f'{kind}_{scene.name}')(), 200)
        except Exception as fault:  # pylint: disable=broad-except
            self.faults[scene.name] = fault
        finally:
            await scene.hang_up()

    def give_program(self):
        """Asterisk finds pbx-record where a scene can take it away."""
        asterisk = self.pbx.asterisk
        self.pbx.program = asterisk.folder / 'bin' / 'pbx-record'
        self.pbx.program.parent.mkdir()
        self.pbx.program.symlink_to(BIN / 'pbx-record')
        asterisk.environment['PATH'] = f"{self.pbx.program.parent}:{asterisk.program.parent}:{os.environ['PATH']}"

    async def nothing_left(self):
        """The pauses of a call are removed from the AstDB when it ends. A lock of the file would undo what Asterisk has not yet
        written there."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.closing(sqlite3.connect(self.pbx.asterisk.folder / 'lib' / 'astdb.sqlite3')) as file:
                if not file.execute("select 1 from astdb where key like '/pbx-pause/%' or key like '/pbx-watched/%'").fetchall():
                    return
            await asyncio.sleep(0.2)

    def write_operators_part(self):
        asterisk = self.pbx.asterisk
        asterisk.write('res_parking.conf', PARKING)
        with open(asterisk.etc / 'extensions.conf', 'a', encoding='utf-8') as file:
            for name in {'outbound_parked', 'parked'} & set(self.all):
                file.write(PARKED[name])
            if 'hostile' in self.all:
                file.write(NAMED)

    async def run(self):
        for number, scene in enumerate(self.all.values()):
            await scene.provision(number)
        self.pbx.configure()
        asterisk = self.pbx.asterisk
        asterisk.write('extensions.conf', '[globals]\nDYNAMIC_FEATURES=pbx-pause#pbx-resume\n' +
                       (asterisk.etc / 'extensions.conf').read_text(encoding='utf-8'))
        deployed = self.pbx.deploy()
        if deployed.status:
            raise RuntimeError(f'the configuration was not deployed:\n{deployed}')
        self.write_operators_part()
        self.give_program()
        try:
            await self.pbx.start()
            late = {scene for scene in self.all.values() if hasattr(scene, f'late_{scene.name}')}
            await asyncio.gather(*(self.play(scene) for scene in self.all.values() if scene not in late))
            for scene in sorted(late, key=lambda scene: scene.number):
                await self.play(scene, 'late')
                await self.nothing_left()
            await self.pbx.quiet()
            self.left = {family: self.pbx.asterisk.cli(f'database show {family}').strip()
                         for family in ('pbx-pause', 'pbx-paused', 'pbx-held', 'pbx-watched')}
        finally:
            self.pbx.stop()
            if os.environ.get('PBX_KEEP'):
                (self.pbx.asterisk.folder / 'log').rename(os.environ['PBX_KEEP'])


PAUSED = None


def setUpModule():  # pylint: disable=invalid-name
    global PAUSED  # pylint: disable=global-statement
    pbx = Pbx()
    PAUSED = Scenes(pbx)
    unittest.addModuleCleanup(pbx.close)
    asyncio.run(PAUSED.run())


class TheJudge(Case):
    """Whether the judge would notice what must not be in a recording."""
    SAID = [sample for second in (0, 1) for sample in SAID[second] * 3]

    def test_silence_and_what_was_said_are_known_wherever_their_frames_begin(self):
        for shift in (0, 1, 79):
            samples = [0] * shift + self.SAID + [0] * 500 + self.SAID[40:]
            self.assertEqual(unknown_windows(samples), [])

    def test_one_frame_of_the_secret_is_noticed_wherever_it_lies(self):
        for second in range(tones.SECONDS):
            secret = tones.from_ulaw(tones.frame(SECRET, 50 * second))
            place = (0, 70, 3 * tones.FRAME, 3 * tones.FRAME + 70)[second % 4]
            samples = self.SAID[:place] + secret + self.SAID[place:]
            self.assertNotEqual(unknown_windows(samples), [], f'second {second}, sample {place}')
            self.assertNotEqual(unknown_windows([0] * place + secret + [0] * 200), [])


class WhatIsPaused(Case):
    def legs(self, name):
        if name in PAUSED.faults:
            raise PAUSED.faults[name]
        if name not in PAUSED.all:
            self.skipTest('not wanted')
        rows = PAUSED.pbx.rows(f"accountcode = '{PAUSED.all[name].organization.id}'")
        return {leg: tones.wav_samples((PAUSED.pbx.work.spool / leg).read_bytes()) for leg in leg_names(rows)}

    def rows(self, name):
        return '\n'.join(map(str, PAUSED.pbx.work.db.sql(
            f"select channel, dstchannel, dst, recordingfile, recording_paused from asterisk_cdr where accountcode = '{PAUSED.all[name].organization.id}' order by calldate, sequence")))

    def nothing_secret(self, name, legs, said):
        """`said`: seconds of speech that have to be in the legs."""
        heard = 0
        for leg, samples in legs.items():
            self.assertEqual(unknown_windows(samples), [], f'{name}: {leg} has {tones.speech(samples)[SECRET]} of the secret')
            heard += tones.speech(samples)['A'].length
        self.assertAlmostEqual(heard, said, delta=0.3, msg=f'{name}: {self.rows(name)}')

    def test_what_is_said_during_a_pause_is_in_no_file(self):
        self.nothing_secret('plain', self.legs('plain'), 2 * TALK)

    def test_the_files_of_a_paused_call_are_marked_until_it_is_resumed_or_the_pause_would_end(self):
        for name, least, most in (('plain', -180, 1), ('twice', 0, 91)):
            for leg in self.legs(name):
                path = PAUSED.pbx.work.spool / leg
                left = int(os.getxattr(path, 'user.pbx.paused')) - path.stat().st_mtime
                self.assertTrue(least < left <= most, f'{leg}: {left}')

    def test_a_call_can_be_paused_again_and_end_during_the_pause(self):
        self.nothing_secret('twice', self.legs('twice'), TALK)

    def test_a_pause_ends_by_itself(self):
        self.nothing_secret('ends_by_itself', self.legs('ends_by_itself'), 2 * TALK)

    def test_asterisk_repeats_a_resume_that_was_interrupted(self):
        self.nothing_secret('interrupted', self.legs('interrupted'), 2 * TALK)

    def test_a_pause_goes_on_through_a_blind_transfer(self):
        legs = self.legs('blind_transfer')
        self.nothing_secret('blind_transfer', legs, 2 * TALK)
        self.assertEqual([leg[-8:] for leg in legs], ['1001.wav', '1002.wav'])

    def test_a_pause_goes_on_through_an_attended_transfer(self):
        self.nothing_secret('attended_transfer', self.legs('attended_transfer'), 2 * TALK)

    def test_a_consultation_that_began_before_the_pause_is_paused_too(self):
        self.nothing_secret('consultation_before', self.legs('consultation_before'), 2 * TALK)

    def test_a_pause_goes_on_when_an_agent_answers(self):
        legs = self.legs('queue')
        waited = next(leg for leg in legs if 'queue-5001' in leg)
        self.assertEqual(traces_of(SECRET, legs.pop(waited)), [])
        self.nothing_secret('queue', legs, TALK)

    def test_a_pause_goes_on_through_reloads(self):
        self.nothing_secret('reload', self.legs('reload'), 2 * TALK)

    def test_commands_at_once_leave_one_recorder_or_none(self):
        self.nothing_secret('at_once', self.legs('at_once'), 2 * TALK)

    def test_an_agent_pauses_with_the_keys_of_the_phone_and_a_caller_cannot(self):
        self.nothing_secret('feature_code', self.legs('feature_code'), 2 * TALK)

    def test_a_pause_goes_on_while_the_call_is_parked(self):
        self.nothing_secret('outbound_parked', self.legs('outbound_parked'), 2 * TALK)

    def test_a_pause_goes_on_while_the_call_is_parked_and_retrieved_by_a_recorded_number(self):
        self.nothing_secret('parked', self.legs('parked'), 2 * TALK)

    def test_a_recorder_that_begins_again_at_the_moment_of_the_pause_is_stopped(self):
        self.nothing_secret('restart', self.legs('restart'), 2 * TALK)

    def test_hostile_callers_and_channels_are_paused_like_others(self):
        self.nothing_secret('hostile', self.legs('hostile'), 2 * TALK)

    def test_a_pause_whose_end_fails_goes_on_until_somebody_resumes(self):
        for name in ('without_program', 'without_database'):
            with self.subTest(name):
                self.nothing_secret(name, self.legs(name), 2 * TALK)

    def test_a_target_whose_recorder_cannot_look_for_a_pause_is_not_recorded(self):
        self.nothing_secret('transfer_without_database', self.legs('transfer_without_database'), TALK)

    def test_what_is_not_paused_is_recorded_on(self):
        for name in ('older_dialplan', 'not_allowed'):
            with self.subTest(name):
                self.nothing_secret(name, self.legs(name), TALK)

    def test_every_leg_of_a_row_has_a_file_and_every_file_a_row(self):
        named = {leg for name in PAUSED.all for leg in self.legs(name)}
        self.assertEqual(named, {path.name for path in PAUSED.pbx.work.spool.glob('*.wav')})


class WhatIsSaid(Case):
    """By pbx-record, and afterwards by the CDR rows."""

    def scene(self, name):
        if name in PAUSED.faults:
            raise PAUSED.faults[name]
        if name not in PAUSED.all:
            self.skipTest('not wanted')
        return PAUSED.all[name]

    def paused(self, name):
        """The pauses of the scene's call, as pbx-calls shows them."""
        account = self.scene(name).organization.id
        call = PAUSED.pbx.work.db.value(f"select min(linkedid) from asterisk_cdr where accountcode = '{account}'")
        shown = self.status(PAUSED.pbx.work.run('pbx-calls', 'show', call, '--json'), 0)
        return json.loads(shown.out)[0]['pauses']

    def test_status_distinguishes_a_paused_call_from_a_recorded_one(self):
        paused, recorded = self.scene('plain').results['status']
        self.assertRegex(paused.text, r'^\d+\.\d+: paused since second \d+, until .*\n$')
        call, = json.loads(recorded.text)
        self.assertEqual((call['state'], len(call['recorders'])), ('recorded', 1))

    def test_another_accounts_call_is_answered_like_none(self):
        for foreign, unknown in self.scene('told_apart').results['refused']:
            self.assertEqual(re.sub(r'PJSIP/\S+', 'X', foreign.err), unknown.err.replace('1.1', 'X'))

    def test_a_call_that_nobody_records_has_a_status_of_its_own(self):
        for command in ('pause', 'resume'):
            self.assertIn('is not recorded', self.scene('unrecorded').results[command][0].err)

    def test_a_dialplan_that_knows_no_pauses_is_a_configuration_error(self):
        result = self.scene('older_dialplan').results['pause'][0]
        self.assertIn('dialplan knows no pauses', result.err)
        self.hints(result)

    def test_a_command_that_asterisk_does_not_allow_is_a_matter_of_permission(self):
        self.assertIn('does not allow this user the command "mixmonitor', self.scene('not_allowed').results['pause'][0].err)

    def test_a_database_that_asterisk_cannot_use_is_no_empty_one(self):
        for command in ('pause', 'resume', 'status'):
            result = self.scene('without_database').results[command][1 if command == 'pause' else 0]
            self.assertIn('in its database', result.err)

    def test_pauses_are_in_the_rows_as_seconds_into_the_call(self):
        pause, = self.paused('plain')
        self.assertTrue(0 <= pause['from'] < pause['until'], pause)
        first, second = self.paused('twice')
        self.assertLessEqual(first['until'], second['from'])
        self.assertIsNone(second['until'])
        pause, = self.paused('blind_transfer')
        self.assertIsNotNone(pause['until'])
        self.assertEqual(self.paused('unrecorded'), [])

    def test_a_pause_that_ends_by_itself_takes_as_long_as_asked_for(self):
        pause, = self.paused('ends_by_itself')
        self.assertGreaterEqual(pause['until'] - pause['from'], 4)

    def test_without_asterisk_nothing_is_said_about_a_call(self):
        for command in ('pause', 'resume', 'status'):
            asterisk = PAUSED.pbx.asterisk  # which has ended
            result = PAUSED.pbx.work.run('pbx-record', '--asterisk-dir', asterisk.etc, '--asterisk', asterisk.program, command, '1.1')
            self.hints(self.status(result, 69))

    def test_nothing_of_a_pause_is_left_when_the_calls_are_over(self):
        self.assertEqual(PAUSED.left, {family: '0 results found.' for family in ('pbx-pause', 'pbx-paused', 'pbx-held', 'pbx-watched')})


if __name__ == '__main__':
    main_with_asterisk()
