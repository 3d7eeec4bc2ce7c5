#!/usr/bin/env python3
"""--metrics: the numbers that the hourly runs report to monitoring."""
import contextlib
import os
import re
import signal
import socket
import stat
import sys
import time
import unittest
from pathlib import Path

import sound
from workdir import NO_LEAK_CHECK, SLOW, Case, main

LONELY = 54321  # the number of a user who runs nothing


def numbers(path):
    """{name with labels: value}; every line must be one that Prometheus accepts."""
    found = {}
    for line in path.read_text().splitlines():
        if line.startswith('#'):
            assert re.fullmatch(r'# (HELP|TYPE) [a-z_]+ .+', line), line
            continue
        name, value = re.fullmatch(r'([a-z_]+(?:\{kind="[a-z_]+"\})?) ([0-9.]+)', line).groups()
        assert name not in found, f'{name} twice'
        found[name] = float(value)
    return found


class Metrics(Case):
    def test_an_archive_run_adds_to_the_counters_and_reports_its_time(self):
        work = self.workdir(database=False)
        file = work.path / 'pbx.prom'
        for legs in (3, 2):
            for number in range(legs):
                work.leg(f'{legs}-{number}.wav', b'x' * 1000)
            self.quiet(work.run('pbx-archive', '--metrics', str(file)))
        found = numbers(file)
        self.assertEqual(found['pbx_archive_runs_total'], 2)
        self.assertEqual(found['pbx_archive_legs_moved_total'], 5)
        self.assertEqual(found['pbx_archive_legs_moved_bytes_total'], 5000)
        self.assertEqual(found['pbx_archive_last_run_exit_status'], 0)
        self.assertLess(abs(found['pbx_archive_last_success_timestamp_seconds'] - time.time()), 60)
        self.assertEqual(file.stat().st_mode & 0o777, 0o644)
        self.assertEqual([entry.name for entry in work.path.glob('*prom*')] + list(work.path.glob('.*prom*')), ['pbx.prom'])

    def test_failures_are_counted_by_kind_and_the_last_success_stays(self):
        work = self.workdir(database=False)
        file = work.path / 'pbx.prom'
        self.quiet(work.run('pbx-archive', '--metrics', str(file)))
        success = numbers(file)['pbx_archive_last_success_timestamp_seconds']
        work.leg('a.wav', b'x')
        work.remote_down()
        self.status(work.run('pbx-archive', '--metrics', str(file)), 69)
        found = numbers(file)
        self.assertEqual(found['pbx_archive_last_run_exit_status'], 69)
        self.assertGreaterEqual(found['pbx_archive_failures_total{kind="unavailable"}'], 1)
        self.assertEqual(found['pbx_archive_last_success_timestamp_seconds'], success)

    def test_a_run_that_cannot_start_is_counted_too(self):
        work = self.workdir(database=False)
        file = work.path / 'pbx.prom'
        self.status(work.run('pbx-archive', '--metrics', str(file), '--spool', str(work.path / 'nowhere')), 74)
        self.assertEqual(numbers(file)['pbx_archive_failures_total{kind="cannot_read"}'], 1)

    def test_counters_survive_a_run_that_cannot_start(self):
        work = self.workdir(database=False)
        file = work.path / 'pbx.prom'
        work.leg('a.wav', b'x' * 1000)
        self.quiet(work.run('pbx-archive', '--metrics', str(file)))
        self.status(work.run('pbx-archive', '--metrics', str(file), '--spool', str(work.path / 'nowhere')), 74)
        self.assertEqual(numbers(file)['pbx_archive_legs_moved_bytes_total'], 1000)

    def test_a_stitch_run_reports_what_it_stitched(self):
        work = self.workdir()
        file = work.path / 'pbx.prom'
        work.three_legs('1776500000.1')
        work.three_legs('1776500000.2', stamp='20260418-1550')
        for _ in range(2):  # the second run has nothing left to do
            self.quiet(work.run('pbx-stitch', '--metrics', str(file)))
        found = numbers(file)
        self.assertEqual(found['pbx_stitch_runs_total'], 2)
        self.assertEqual(found['pbx_stitch_calls_stitched_total'], 2)
        self.assertEqual(found['pbx_stitch_calls_stitched_bytes_total'],
                         sum(work.stitched_file(f'1776500000.{n}').stat().st_size for n in (1, 2)))
        self.assertEqual(found['pbx_stitch_legs_missing_total'], 0)
        self.assertEqual(found['pbx_stitch_last_run_exit_status'], 0)
        self.assertGreater(found['pbx_stitch_last_run_seconds'], 0)
        self.assertLess(abs(found['pbx_stitch_last_success_timestamp_seconds'] - time.time()), 60)
        self.assertEqual(sum(value for name, value in found.items() if 'failures' in name), 0)

    def test_a_stitch_run_counts_what_it_could_not_read_or_find(self):
        work = self.workdir()
        file = work.path / 'pbx.prom'
        work.call('1776500000.1', [('a.wav', sound.tone()), ('b.wav', b'no audio at all'), ('c.wav', None)], ago=90000 - 600)
        self.status(work.run('pbx-stitch', '--metrics', str(file)), 65)
        found = numbers(file)
        self.assertEqual(found['pbx_stitch_calls_stitched_total'], 1)
        self.assertEqual(found['pbx_stitch_legs_missing_total'], 1)
        self.assertEqual(found['pbx_stitch_failures_total{kind="unreadable"}'], 1)
        self.assertEqual(found['pbx_stitch_last_success_timestamp_seconds'], 0)
        self.status(work.run('pbx-stitch', '--metrics', str(file), '--database', f'host={work.path} dbname=x'), 69)
        found = numbers(file)
        self.assertEqual(found['pbx_stitch_failures_total{kind="unavailable"}'], 1)
        self.assertEqual(found['pbx_stitch_calls_stitched_total'], 1)

    def test_both_hourly_tools_share_a_file_that_the_configuration_names(self):
        work = self.workdir()
        file = work.path / 'pbx.prom'
        config = work.path / 'pbx.conf'
        config.write_text(f'metrics = "{file}"\n')
        work.three_legs()
        for tool in ('pbx-stitch', 'pbx-archive', 'pbx-calls', 'pbx-stitch'):
            self.status(work.run(tool, '--config', str(config)), 0)
        found = numbers(file)
        self.assertEqual(found['pbx_stitch_runs_total'], 2)
        self.assertEqual(found['pbx_archive_legs_moved_total'], 3)

    def test_a_run_that_hangs_until_the_watchdog_ends_it_is_counted(self):
        work = self.workdir(database=False)
        work.leg('a.wav', b'x')
        file = work.path / 'pbx.prom'
        timeout = 5 * SLOW
        hang = ('strace', '-qq', '-o', '/dev/null', '-e', 'trace=unlinkat',
                '-e', f'inject=unlinkat:delay_enter={timeout + 6}000000:when=1')
        result = self.status(work.run('pbx-archive', '--metrics', str(file), '--timeout', str(timeout), before=hang), 75)
        self.says(result, 'gave up after')
        found = numbers(file)
        self.assertEqual(found['pbx_archive_runs_total'], 1)
        self.assertEqual(found['pbx_archive_last_run_exit_status'], 75)
        self.assertEqual(found['pbx_archive_failures_total{kind="temporary"}'], 1)

    def test_a_run_that_hangs_after_a_signal_is_counted(self):
        work = self.workdir(database=False)
        work.leg('a.wav', b'x')
        file = work.path / 'pbx.prom'
        strace, _ = work.start_traced('unlinkat', f'unlinkat:delay_enter={8 * SLOW}000000:when=1', 'pbx-archive', '--metrics', file,
                                      path=work.spool)
        deadline = time.monotonic() + 60
        while not list(work.spool.glob('.moved-*')):
            self.assertLess(time.monotonic(), deadline, 'the tool never came to the removal of the leg')
            time.sleep(0.02)
        tool = int(Path(f'/proc/{strace.pid}/task/{strace.pid}/children').read_text().split()[0])
        os.kill(tool, signal.SIGTERM)
        work.finish(strace)
        found = numbers(file)
        self.assertEqual(found['pbx_archive_last_run_exit_status'], 75)
        self.assertEqual(found['pbx_archive_failures_total{kind="temporary"}'], 1)

    @unittest.skipUnless(os.geteuid() == 0, 'only root can become a user without other processes')
    def test_a_run_that_may_start_no_thread_works_and_is_counted(self):
        work = self.workdir()
        work.three_legs()
        for path in (work.path, *work.path.rglob('*')):
            os.chown(path, LONELY, LONELY)
        alone = ('setpriv', f'--reuid={LONELY}', f'--regid={LONELY}', '--clear-groups', 'prlimit', '--nproc=1')
        file = work.path / 'pbx.prom'
        self.status(work.run('pbx-stitch', '--metrics', file, before=alone, env=NO_LEAK_CHECK), 0)
        self.assertEqual(numbers(file)['pbx_stitch_runs_total'], 1)

    def test_what_other_tools_wrote_into_the_file_stays(self):
        work = self.workdir(database=False)
        file = work.path / 'pbx.prom'
        file.write_text('# TYPE backup_seconds gauge\nbackup_seconds 7\n')
        self.quiet(work.run('pbx-archive', '--metrics', str(file)))
        self.assertEqual(numbers(file)['backup_seconds'], 7)

    def test_a_file_that_cannot_be_written_does_not_stop_the_run(self):
        work = self.workdir(database=False)
        work.leg('a.wav', b'x')
        result = self.status(work.run('pbx-archive', '--metrics', str(work.path / 'nowhere' / 'x.prom')), 73)
        self.hints(result)
        self.assertEqual(work.legs_in_spool(), [])

    def test_what_is_not_a_regular_file_is_not_replaced(self):
        work = self.workdir(database=False)
        folder = work.path / 'folder'
        folder.mkdir()
        device = work.path / 'null'
        if os.geteuid() == 0:
            os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
            server.bind(str(work.path / 'socket'))
        for path in (device, folder, work.path / 'socket'):
            if path.exists():
                before = path.lstat()
                result = self.status(work.run('pbx-archive', '--metrics', path), 73)
                self.says(result, f'{path} is not a regular file', 'hint: give --metrics')
                self.assertEqual(path.lstat(), before)

    def test_a_dry_run_writes_no_metrics(self):
        work = self.workdir()
        file = work.path / 'pbx.prom'
        work.run('pbx-archive', '--dry-run', '--metrics', str(file))
        self.assertFalse(file.exists())
        work.run('pbx-stitch', '--dry-run', '--metrics', str(file))
        self.assertFalse(file.exists())


if __name__ == '__main__':
    sys.exit(main('pbx-archive', 'pbx-stitch'))
