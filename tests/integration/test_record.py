#!/usr/bin/env python3
"""pbx-record when Asterisk fails between two commands, or a signal ends the run there. tests/asterisk/test_pause.py has real calls."""
import json
import os
import signal
import time

from console import Console
from workdir import SLOW, Case, main, wait_until

CALL = '1776500000.1'
CALLER, AGENT = 'PJSIP/acme__trunk_t-00000001', 'PJSIP/acme_1001-00000002'
TARGET = 'PJSIP/acme_1002-00000006'


class Recording(Case):
    def calling(self):
        """A call of two channels that are recorded."""
        self.work = self.workdir(database=False, remote=None)  # pylint: disable=attribute-defined-outside-init
        self.console = Console(self.work)                      # pylint: disable=attribute-defined-outside-init
        self.console.call(CALL, CALLER, AGENT)
        return self.console

    def record(self, command, *arguments, call=CALL, status=0):
        result = self.work.run('pbx-record', *self.console.options, command, call, *arguments)
        return self.status(result, status)

    def interrupt_at(self, beginning, command, *arguments):
        """SIGTERM arrives when Asterisk gets the command that begins so."""
        self.console.on(beginning, self.end_run)
        self.run_until_ended(command, *arguments)

    def end_run(self):
        wait_until(lambda: self.running, 'the command runs')
        self.running.send_signal(signal.SIGTERM)
        self.running.wait(30)

    def run_until_ended(self, command, *arguments):
        self.running = None  # pylint: disable=attribute-defined-outside-init
        self.running = self.work.start('pbx-record', *self.console.options, command, CALL, *arguments)
        result = self.work.finish(self.running)
        self.assertEqual((result.status, self.console.actions), (-signal.SIGTERM, {}), str(result))

    def held(self):
        return [key for key in self.console.database if key.startswith('pbx-held/')]

    def recorded(self):
        return [name for name, files in self.console.recorders.items() if files]

    def state(self, status=0):
        call, = json.loads(self.record('status', '--json', status=status).text)
        return call


class Files(Recording):
    def test_the_files_of_a_paused_call_are_marked_for_as_long_as_the_pause_may_take(self):
        console = self.calling()
        files = [self.work.leg(f'{name}.wav') for name in ('caller', 'called')]
        console.recorders = {CALLER: [str(files[0])], AGENT: [str(files[1])]}
        for minutes in (10, 20):
            self.record('pause', '--for', f'{minutes}m')
            for file in files:
                until = int(os.getxattr(file, 'user.pbx.paused'))
                self.assertAlmostEqual(until, time.time() + 60 * minutes, delta=10)

        self.record('resume')
        for file in files:
            self.assertAlmostEqual(int(os.getxattr(file, 'user.pbx.paused')), time.time(), delta=10)

    def test_a_file_that_cannot_be_marked_is_paused_all_the_same(self):
        self.calling()
        self.says(self.record('pause', '-v'), 'cannot be marked as paused: No such file')
        self.assertEqual(self.state()['state'], 'paused')


class Arguments(Recording):
    def test_a_pause_of_no_time_is_refused(self):
        console = self.calling()
        for text in ('0', '0s', '0h0m'):
            self.says(self.record('pause', '--for', text, status=64), f'--for: "{text}" is too short')
        self.assertEqual(console.actions, {})
        self.assertEqual(self.state()['state'], 'recorded')


class Resuming(Recording):
    def test_a_resume_that_is_interrupted_can_be_repeated(self):
        for number, command in enumerate((f'mixmonitor start {CALLER}', f'mixmonitor start {AGENT}', 'database show pbx-held')):
            with self.subTest(command):
                console = self.calling()
                files = {name: list(files) for name, files in console.recorders.items()}
                self.record('pause')
                self.assertEqual(self.recorded(), [])
                self.interrupt_at(command, 'resume')
                self.assertNotIn(f'pbx-pause/{CALL}', console.database)
                self.assertEqual(len(self.held()), 1 if number == 1 else 2)
                self.record('resume')
                self.assertEqual((console.recorders, self.held()), (files, []))
                self.assertEqual(self.state()['state'], 'recorded')

    def test_a_pause_is_written_down_once_whenever_its_end_is_interrupted(self):
        console = self.calling()
        self.record('pause')
        console.database[f'pbx-paused/{CALL}'] = '1-5,'
        console.database[f'pbx-pause/{CALL}'] = '1776500100-15'
        self.interrupt_at('database del pbx-pause', 'resume')
        self.record('resume')
        self.assertRegex(console.database[f'pbx-paused/{CALL}'], r'^1-5,15-\d+,$')
        self.assertEqual(self.recorded(), [CALLER, AGENT])

    def test_the_watch_repeats_it_too(self):
        console = self.calling()
        self.record('pause')
        self.interrupt_at(f'mixmonitor start {CALLER}', 'resume')
        self.record('resume', '--due')
        self.assertEqual((self.recorded(), self.held()), ([CALLER, AGENT], []))
        console.recorders = {name: [] for name in console.recorders}
        self.record('resume', '--due')

    def test_the_status_names_what_still_waits(self):
        self.calling()
        self.record('pause')
        self.assertNotIn('waiting', self.state())
        self.interrupt_at(f'mixmonitor start {AGENT}', 'resume')
        call = self.state(status=75)
        self.assertEqual([each['channel'] for each in call['waiting']], [AGENT])
        plain = self.record('status', status=75)
        self.assertIn(f'/spool/PJSIP-acme_1001-00000002.wav waits on {AGENT}\n', plain.text)
        self.says(plain, f'hint: pbx-record resume {CALL}')

    def test_a_recorder_that_does_not_continue_keeps_no_other_from_it(self):
        console = self.calling()
        self.record('pause')
        console.on(f'mixmonitor start {CALLER}', lambda: 'failed\n')
        self.says(self.record('resume', status=75), f'call {CALL} is not recorded again: .*{CALLER}')
        self.assertEqual((self.recorded(), len(self.held())), ([AGENT], 1))
        self.record('resume')
        self.assertEqual((self.recorded(), self.held()), ([CALLER, AGENT], []))

    def test_a_recorder_without_the_name_of_a_file_is_no_reason_to_leave_the_others(self):
        console = self.calling()
        self.record('pause')
        usual = console.mixmonitor_list
        console.mixmonitor_list = lambda channel: usual(channel).replace(
            '\t/spool/PJSIP-acme__trunk_t-00000001.wav', '\t')
        self.says(self.record('resume', status=75), f'does not name the file of a recorder on {CALLER}')
        self.assertEqual((self.recorded(), len(self.held())), ([CALLER, AGENT], 1))
        console.mixmonitor_list = usual
        self.record('resume')
        self.assertEqual((console.recorders[CALLER], self.held()), (['/spool/PJSIP-acme__trunk_t-00000001.wav'], []))

    def test_a_recorder_that_is_listed_under_another_name_is_started_once(self):
        console = self.calling()
        self.record('pause')
        usual = console.mixmonitor_list
        console.mixmonitor_list = lambda channel: usual(channel).replace('/spool/PJSIP-acme__', '/elsewhere/PJSIP-acme__')
        self.record('resume', status=75)
        self.record('resume')
        self.assertEqual(len(console.recorders[CALLER]), 1)

    def test_a_pause_of_what_still_waits_is_a_pause(self):
        self.calling()
        self.record('pause')
        self.interrupt_at('database show pbx-held', 'resume')
        self.record('pause')
        self.assertEqual((self.state()['state'], self.recorded()), ('paused', []))
        self.record('resume')
        self.assertEqual((self.recorded(), self.held()), ([CALLER, AGENT], []))
        self.assertEqual({name: len(files) for name, files in self.console.recorders.items()}, {CALLER: 1, AGENT: 1})


class Pausing(Recording):
    def ends_by_itself(self):
        """The pause ends as it would without the command: Asterisk's watch finds the call's channels and resumes."""
        console = self.console
        wait_until(console.watches, 'Asterisk watches the call', seconds=3)
        self.assertTrue(any(f'GROUP(pbx-pause) {CALL}' in command for command in console.commands), console.commands)
        pause = console.database[f'pbx-pause/{CALL}']
        console.database[f'pbx-pause/{CALL}'] = '1' + pause[pause.index('-'):]
        self.record('resume', '--due')
        self.assertEqual((self.recorded(), self.held()), ([CALLER, AGENT], []))

    def test_a_pause_ends_by_itself_wherever_a_signal_ended_the_command(self):
        for command in ('database put pbx-held', 'mixmonitor stop', f'mixmonitor stop {AGENT}', 'core show channels'):
            with self.subTest(command):
                console = self.calling()
                if command == 'core show channels':  # the one after the recorders were stopped
                    console.on(f'mixmonitor stop {AGENT}', lambda: console.on('core show channels', self.end_run))
                    self.run_until_ended('pause')
                else:
                    self.interrupt_at(command, 'pause')
                self.assertIn(f'pbx-pause/{CALL}', console.database)
                self.ends_by_itself()

    def test_a_pause_ends_by_itself_when_a_recorder_does_not_stop(self):
        console = self.calling()
        console.mixmonitor_stop = lambda *_: ''
        self.says(self.record('pause', status=75), 'may still be recorded: a recorder does not stop')
        self.ends_by_itself()

    def test_a_signal_before_the_pause_leaves_none(self):
        console = self.calling()
        self.interrupt_at('channel originate', 'pause')
        self.assertEqual((self.recorded(), self.state()['state']), ([CALLER, AGENT], 'recorded'))
        self.assertNotIn(f'pbx-pause/{CALL}', console.database)

    def test_no_recorder_is_stopped_before_the_pause_stands(self):
        console = self.calling()
        self.record('pause')
        orders = [next(number for number, command in enumerate(console.commands) if command.startswith(beginning))
                  for beginning in ('channel originate', 'database put pbx-pause', 'database put pbx-held', 'mixmonitor stop')]
        self.assertEqual(orders, sorted(orders))

    def test_a_call_that_asterisk_does_not_watch_stays_paused(self):
        console = self.calling()
        console.channel_originate = lambda *_: 'No such command\n'
        self.says(self.record('pause', status=75), 'the pause will not end by itself')
        self.assertEqual((self.recorded(), self.state()['state']), ([], 'paused'))


class Bridged(Recording):
    """A consultation was transferred before Asterisk had bridged it: its linkedid stays another one."""

    def transferred(self, *more):
        console = self.calling()
        console.call('1776500009.5', TARGET)
        for name, linkedid in more:
            console.call(linkedid, name)
        console.recorders[CALLER], console.recorders[AGENT] = [], []
        for name in (CALLER, TARGET, *(name for name, _ in more)):
            console.bridges[name] = 'b-1'
        return console

    def test_what_shares_a_bridge_with_the_call_is_paused_with_it(self):
        for name in (CALL, TARGET):
            with self.subTest(name):
                console = self.transferred()
                file, = console.recorders[TARGET]
                self.record('pause', call=name)
                self.assertEqual(self.recorded(), [])
                self.record('resume', call=name)
                self.assertEqual((self.recorded(), console.recorders[TARGET]), ([TARGET], [file]))

    def test_its_recorder_is_shown(self):
        self.transferred()
        self.assertEqual([each['channel'] for each in self.state()['recorders']], [TARGET])

    def test_another_call_in_a_conference_is_recorded_on(self):
        other = 'PJSIP/acme_1007-00000009'
        console = self.transferred((other, '1776500010.7'))
        console.recorders[CALLER] = ['/spool/a.wav']
        self.record('pause')
        self.assertEqual(self.recorded(), [TARGET, other])


class AtOnce(Recording):
    def test_calls_that_nobody_records_do_not_delay_a_pause_of_another(self):
        console = self.calling()
        for number in range(5):
            console.call(f'17765001{number:02}.1', f'PJSIP/beta_200{number}-0000001{number}', recorded=False)
        others = [self.work.start('pbx-record', *console.options, 'pause', f'17765001{number:02}.1') for number in range(5)]
        wait_until(lambda: sum('mixmonitor list PJSIP/beta' in command for command in list(console.commands)) >= 5, 'they look')
        began = time.monotonic()
        self.record('pause')
        self.assertLess(time.monotonic() - began, 5 * SLOW, 'it waited for two of them')
        for other in others:
            self.status(self.work.finish(other), 2)

    def test_a_recorder_that_begins_meanwhile_is_paused(self):
        console = self.calling()
        files = {name: console.recorders[name] for name in console.recorders}
        console.recorders = {name: [] for name in files}
        pause = self.work.start('pbx-record', *console.options, 'pause', CALL)
        wait_until(lambda: f'mixmonitor list {CALLER}' in console.commands, 'it looks')
        console.recorders = {CALLER: files[CALLER], AGENT: []}
        self.status(self.work.finish(pause), 0)
        self.assertEqual((self.recorded(), self.state()['state']), ([], 'paused'))

    def test_a_call_that_was_paused_meanwhile_gets_the_new_time(self):
        console = self.calling()
        files = {name: console.recorders[name] for name in console.recorders}
        console.recorders = {name: [] for name in files}
        late = self.work.start('pbx-record', *console.options, 'pause', CALL, '--for', '600s')
        wait_until(lambda: f'mixmonitor list {CALLER}' in console.commands, 'it looks')
        console.on('mixmonitor stop', lambda: time.sleep(1))
        console.recorders = files
        self.record('pause', '--for', '60s')
        self.status(self.work.finish(late), 0)
        self.assertEqual((self.recorded(), len(self.held())), ([], 2))
        written = [number for number, command in enumerate(console.commands) if command.startswith('database put pbx-pause ')]
        stopped = [number for number, command in enumerate(console.commands) if command.startswith('mixmonitor stop')]
        self.assertEqual((len(written), len(stopped)), (2, 2))
        self.assertGreater(written[1], stopped[1], 'the second run waits for its turn')

    def test_two_commands_for_one_call_take_turns(self):
        console = self.calling()
        first = self.work.start('pbx-record', *console.options, 'pause', CALL)
        console.on('mixmonitor stop', lambda: time.sleep(1))
        runs = [first, *(self.work.start('pbx-record', *console.options, command, CALL) for command in ('resume', 'pause', 'resume'))]
        for run in runs:
            self.status(self.work.finish(run), 0)
        self.record('pause')
        self.assertEqual((self.recorded(), len(self.held())), ([], 2))
        self.record('resume')
        self.assertEqual({name: len(files) for name, files in console.recorders.items()}, {CALLER: 1, AGENT: 1})


if __name__ == '__main__':
    main()
