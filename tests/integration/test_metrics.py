#!/usr/bin/env python3
"""--metrics: what monitoring learns of the hourly runs."""
import re
import sys
import time

from workdir import Case, main


def numbers(path):
    """{name with labels: value}; every line must be one that Prometheus takes."""
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
    def test_an_archive_run_adds_to_the_counters_and_tells_its_time(self):
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

    def test_a_run_that_cannot_begin_is_counted_too(self):
        work = self.workdir(database=False)
        file = work.path / 'pbx.prom'
        self.status(work.run('pbx-archive', '--metrics', str(file), '--spool', str(work.path / 'nowhere')), 74)
        self.assertEqual(numbers(file)['pbx_archive_failures_total{kind="cannot_read"}'], 1)

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

    def test_a_dry_run_writes_none(self):
        work = self.workdir(database=False)
        file = work.path / 'pbx.prom'
        work.run('pbx-archive', '--dry-run', '--metrics', str(file))
        self.assertFalse(file.exists())


if __name__ == '__main__':
    sys.exit(main('pbx-archive'))
