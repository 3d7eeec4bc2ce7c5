#!/usr/bin/env python3
"""Whole runs of pbx-stitch: many calls, several jobs, two runs at once, and a machine that lacks what a run needs."""
import os
import re
import signal
import socket
import struct
import time
import unittest
from pathlib import Path

import sound
from sound import Wav, pcm, ramp
from workdir import ACCOUNT, LONG, SANITIZED, SLOW, Case, as_nobody, main, wait_until

CALL = '1776500000.1'


class Running(Case):
    def test_a_thousand_calls_in_one_run_are_all_stitched(self):
        work = self.workdir(remote=None)
        count = 300 if SANITIZED else 1000
        rows, audio = [], [pcm(ramp(0.2, seed)) for seed in range(30)]
        for number in range(count):
            for leg in range(3):
                name = f'{number}-{leg}.wav'
                work.leg(name, audio[(number + 7 * leg) % 30])
                rows.append((f'2026-01-01 00:00:{leg:02}+00', f'1776500000.{number}', ACCOUNT, leg, name, f'1776500000.{number}'))
        work.db.copy('asterisk_cdr', ['calldate', 'linkedid', 'accountcode', 'sequence', 'recordingfile', 'uniqueid'], rows)
        work.db.sql("update asterisk_cdr set calldate = now() - interval '2 hours' + (calldate - '2026-01-01 00:00:00+00')")
        self.quiet(self.status(work.run('pbx-stitch', timeout=60), 0))
        for number in range(count):
            expected = b''.join(audio[(number + 7 * leg) % 30][44:] for leg in range(3))
            self.assertEqual(Wav(work.stitched_file(f'1776500000.{number}')).samples, expected, number)
        before = work.snapshot(work.stitched)
        self.quiet(self.status(work.run('pbx-stitch', '--jobs', '1', timeout=60), 0))
        self.assertEqual(work.snapshot(work.stitched), before)

    def test_a_reader_of_the_report_that_goes_away_does_not_end_the_batch_nor_change_its_status(self):
        for broken, status in ((False, 0), (True, 65)):
            with self.subTest(status=status):
                work = self.workdir(remote=None)
                calls = [f'17765{number:05}.1' for number in range(600)]  # more than fits a pipe
                work.db.copy('asterisk_cdr', ('calldate', 'accountcode', 'linkedid', 'uniqueid', 'sequence', 'recordingfile'),
                             [(time.strftime('%Y-%m-%d %H:%M:%S+00', time.gmtime(time.time() - 7200 + leg)), ACCOUNT, call, call,
                               leg, f'{call}-{"x" * 150}-{leg}.wav') for call in calls for leg in (1, 2)])
                for call in calls:
                    for leg in (1, 2):
                        bad = broken and (call, leg) == (calls[-1], 2)
                        work.leg(f'{call}-{"x" * 150}-{leg}.wav', b'no audio' if bad else pcm(ramp(0.01, leg)))
                process = work.start('pbx-stitch', '--json')
                process.stdout.read(20)
                process.stdout.close()
                process.stdout = None
                self.assertEqual(work.finish(process).status, status)
                self.assertEqual(len(list(work.stitched.glob('*.wav'))), len(calls))

    def test_the_number_of_jobs_changes_no_byte(self):
        work = self.workdir(remote=None)
        for number in range(20):
            work.three_legs(f'1776500000.{number}', stamp=f'202604{number + 10}-1440')
        self.status(work.run('pbx-stitch', '--jobs', '1'), 0)
        one = {path.name: path.read_bytes() for path in work.stitched.glob('*.wav')}
        self.status(work.run('pbx-stitch', '--jobs', '8', '--stitched', work.path / 'again'), 0)
        self.assertEqual({path.name: path.read_bytes() for path in (work.path / 'again').glob('*.wav')}, one)
        self.assertEqual(len(one), 20)

    def test_a_second_run_at_the_same_time_ends_with_a_temporary_failure_and_names_the_lock_holder(self):
        work = self.workdir()
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
        work.cloud.fault(hang=True)  # the first run waits for the bucket while it holds the lock
        first = work.start('pbx-stitch')
        wait_until(lambda: work.cloud.log, 'a request of the first run')
        second = self.status(work.run('pbx-stitch', timeout=20), 75)
        self.says(second, str(first.pid))
        first.send_signal(signal.SIGKILL)
        first.wait()
        work.cloud.clear()
        self.status(work.run('pbx-stitch'), 0)

    def test_a_stitched_folder_that_cannot_be_created_is_a_write_error_with_a_hint(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        (work.path / 'file').write_text('no folder', encoding='utf-8')
        result = self.status(work.run('pbx-stitch', '--stitched', work.path / 'file' / 'stitched'), 73)
        self.hints(result)
        self.says(result, re.escape(str(work.path / 'file')))

    def test_a_stitched_folder_without_write_permission_is_a_permission_error_with_a_hint(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        work.stitched.mkdir(mode=0o555)
        before = as_nobody(work.spool)
        tool = work.path / 'pbx-stitch'
        tool.write_bytes(Path(work.command('pbx-stitch')[0]).read_bytes())
        tool.chmod(0o755)
        result = work.run(str(tool), before=before)
        self.assertEqual(result.status, 77, str(result))
        self.hints(result)
        self.says(result, 'stitched')

    def test_a_database_that_is_down_is_reported_as_unavailable_with_a_hint(self):
        work = self.workdir(remote=None)
        result = self.status(work.run('pbx-stitch', '--database', f'host={work.path} dbname=x connect_timeout=2'), 69)
        self.hints(result)

    def test_a_run_ends_at_its_deadline_when_the_database_never_answers(self):
        work = self.workdir(remote=None)
        with socket.socket() as silent:
            silent.bind(('127.0.0.1', 0))
            silent.listen()
            started = time.monotonic()
            result = work.run('pbx-stitch', '--timeout', '5s', '--database',
                              f'host=127.0.0.1 port={silent.getsockname()[1]} dbname=x', timeout=40)
            self.assertEqual(result.status, 69, str(result))
            self.assertLess(time.monotonic() - started, 20 * SLOW)

    def test_a_database_without_the_schema_is_an_error_with_a_hint(self):
        work = self.workdir(remote=None)
        work.db.sql('drop table asterisk_cdr cascade')
        result = work.run('pbx-stitch')
        self.assertIn(result.status, (69, 78), str(result))
        self.says(result, 'asterisk_cdr', 'hint: .*pbx-migrate')

    def test_a_stitch_src_inside_the_spool_is_refused(self):
        work = self.workdir(remote=None)
        result = self.status(work.run('pbx-stitch', '--stitch-src', work.spool / 'cache'), 78)
        self.hints(result)

    def test_the_spool_may_be_on_another_filesystem_and_need_not_be_writable(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        elsewhere = work.path / 'elsewhere'
        work.spool.chmod(0o555)
        try:
            self.status(work.run('pbx-stitch', '--stitched', elsewhere), 0)
        finally:
            work.spool.chmod(0o755)
        Wav(elsewhere / f'{CALL}.wav').check()

    @unittest.skipUnless(LONG, 'writes 4.5 GB: PBX_LONG=1')
    def test_over_four_gigabytes_the_result_is_rf64(self):
        work = self.workdir(remote=None)
        for name in ('a.wav', 'b.wav'):
            size = 2_200_000_000
            with open(work.spool / name, 'wb') as file:
                file.write(pcm(b'')[:40] + struct.pack('<I', size))
                file.seek(4)
                file.write(struct.pack('<I', size + 36))
                file.truncate(size + 44)
            os.utime(work.spool / name, (time.time() - 600,) * 2)
        work.call(CALL, [('a.wav', None), ('b.wav', None)])
        self.status(work.run('pbx-stitch', timeout=600), 0)
        with open(work.stitched_file(CALL), 'rb') as file:
            self.assertEqual(file.read(4), b'RF64')
        self.assertEqual(sound.soxi(work.stitched_file(CALL))[2], 2_200_000_000)


if __name__ == '__main__':
    main()
