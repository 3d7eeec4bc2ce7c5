#!/usr/bin/env python3
"""Thin lines, and servers that never finish: transfers make progress at the line's pace, and what cannot succeed ends soon.

The full sizes run with PBX_LONG: minutes each, and judged against the ideal, which is the bytes over the line's rate. The short
forms only print how near they come to it.
"""
import re
import sys
import time
import unittest

from archiving import Archiving
from fetching import CALL, Fetching
from sound import Wav, pcm, ramp
from thin_line import ThinLine
from workdir import LONG, SLOW, main, processes_with

AT_LEAST = 0.8  # of the ideal


class Lines(Archiving):
    def over_a_line(self, rate, **how):
        """A workdir whose remote lies behind a line of `rate` bytes per second."""
        work = self.workdir(**how)
        line = ThinLine(work.cloud.port, rate)
        self.addCleanup(line.close)
        config = work.rclone_conf.read_text(encoding='utf-8')
        work.rclone_conf.write_text(config.replace(f':{work.cloud.port}/', f':{line.port}/'), encoding='utf-8')
        return work

    def judge(self, what, size, rate, began):
        took = time.monotonic() - began
        ideal = size / rate
        print(f'[{what}: {took:.1f} s, ideal {ideal:.1f} s, ratio {ideal / took:.2f}] ', end='', file=sys.stderr, flush=True)
        if LONG:
            self.assertGreater(ideal / took, AT_LEAST)

    def transfers(self, work):
        """How many objects travelled at once, run by run."""
        return [int(re.search(r'--transfers=(\d+)', run).group(1)) for run in work.rclone_runs() if run.startswith('copy ')]


class ThinLines(Lines):
    def all_legs_arrive(self, count, seconds, rate, transfers):
        work = self.over_a_line(rate, database=False)
        work.count_rclone()
        legs = self.legs(work, count, seconds)
        began = time.monotonic()
        self.archive(work, timeout=600)
        self.judge(f'{count} legs of {seconds} s over {rate // 1000} kB/s', sum(map(len, legs.values())), rate, began)
        self.assertEqual(work.remote.files(), legs)
        self.assertEqual(work.legs_in_spool(), [])
        self.assertLessEqual(max(self.transfers(work)), transfers)

    def test_ten_legs_arrive_over_a_line_of_20_kilobytes_per_second(self):
        self.all_legs_arrive(10, 30 if LONG else 2, 20_000, 2 if LONG else 8)

    def test_twenty_legs_arrive_over_a_line_of_50_kilobytes_per_second(self):
        self.all_legs_arrive(20, 30 if LONG else 1, 50_000, 4 if LONG else 8)

    def test_an_interrupted_run_has_stored_whole_legs_and_the_next_one_continues(self):
        rate = 6_000
        work = self.over_a_line(rate, database=False)
        legs = self.legs(work, 4, 20 if LONG else 2)
        size = len(next(iter(legs.values())))
        self.archive(work, '--timeout', f'{size // rate * 5 // 2}s', status=69, timeout=600)
        stored = work.remote.files()
        self.assertGreaterEqual(len(stored), 1)
        self.assertLess(len(stored), len(legs))
        self.nothing_lost(work, legs)
        self.archive(work, timeout=600)
        self.assertEqual(work.remote.files(), legs)
        self.assertEqual(work.legs_in_spool(), [])

    @unittest.skipUnless(LONG, 'takes over a minute: PBX_LONG')
    def test_a_leg_that_needs_over_a_minute_is_not_taken_for_a_hung_one(self):
        rate = 6_000
        work = self.over_a_line(rate, database=False)
        name, data = '20260418-140000-100-1.wav', pcm(ramp(70 * rate / 16_000, 1))
        work.leg(name, data)
        began = time.monotonic()
        self.archive(work, timeout=300)
        self.judge(f'one leg of {len(data) // 1000} kB over {rate // 1000} kB/s', len(data), rate, began)
        self.assertEqual(work.remote.files(), {name: data})


class ThinLinesToFetch(Lines, Fetching):
    def test_a_recording_comes_back_over_a_line_of_20_kilobytes_per_second(self):
        rate = 20_000
        work = self.over_a_line(rate)
        data = pcm(ramp(60 if LONG else 10, 1))
        name = '20260418-144004-919944421125-08065978002.wav'
        work.call(CALL, [(name, None)])
        work.remote.put(name, data)
        began = time.monotonic()
        self.assertEqual(self.fetch(work, CALL, '--timeout', '2m').out, data)
        self.judge(f'a recording of {len(data) // 1000} kB', len(data), rate, began)

    def test_legs_come_back_over_a_line_of_20_kilobytes_per_second(self):
        rate = 20_000
        work = self.over_a_line(rate)
        legs = work.three_legs(CALL)
        for name, data in legs:
            work.remote.put(name, data)
            (work.spool / name).unlink()
        result = self.fetch(work, CALL, '--timeout', '2m')
        self.assertEqual(Wav(result.out).check().samples, b''.join(data[44:] for _, data in legs))


class Settings(Lines, Fetching):
    def test_the_bandwidth_reaches_every_transfer(self):
        for setting, environment in ((('--bandwidth', '20M'), {}), ((), {'PBX_BANDWIDTH': '20M'})):
            with self.subTest(setting):
                work = self.workdir()
                work.three_legs(CALL)
                work.count_rclone()
                work.env.update(environment)
                self.archive(work, *setting)
                self.status(work.run('pbx-stitch', *setting), 0)
                self.archive(work, *setting)
                work.stitched_file(CALL).unlink()
                self.fetch(work, CALL, *setting)
                # The marker is read with cat too, and is no transfer.
                transfers = [run for run in work.rclone_runs() if run.startswith('copy') or '--buffer-size' in run]
                self.assertEqual({run.split()[0] for run in transfers}, {'copy', 'cat'})
                to_remote = [run for run in transfers if '--no-check-dest' in run]
                self.assertTrue(to_remote and len(to_remote) < len(transfers), transfers)
                for run in transfers:
                    self.assertIn('--bwlimit=20M', run)

    def test_the_bandwidth_limits_what_is_uploaded(self):
        work = self.workdir(database=False)
        legs = self.legs(work, 2, 6)
        began = time.monotonic()
        self.archive(work, '--bandwidth', '64k')
        self.assertGreater(time.monotonic() - began, 0.8 * sum(map(len, legs.values())) / 65536)
        self.assertEqual(work.remote.files(), legs)

    def test_the_operator_can_choose_how_many_objects_travel_at_once(self):
        work = self.workdir(database=False)
        work.count_rclone()
        self.legs(work, 20)
        self.archive(work, '--transfers', '3')
        self.assertEqual(self.transfers(work), [3])

    def test_eight_objects_travel_at_once_over_a_line_that_carries_them(self):
        work = self.workdir(database=False)
        work.count_rclone()
        self.legs(work, 40)
        self.archive(work)
        self.assertEqual(self.transfers(work)[-1], 8)
        self.assertLessEqual(len(self.transfers(work)), 3)

    def test_a_rate_or_a_number_that_makes_no_sense_is_a_usage_error(self):
        work = self.workdir(database=False)
        for arguments in (('--bandwidth', '-1'), ('--bandwidth', '1M$'), ('--bandwidth', '1M/s'), ('--bandwidth', 'fast'),
                          ('--transfers', '0'), ('--transfers', '65'), ('--transfers', 'many')):
            with self.subTest(arguments):
                self.archive(work, *arguments, status=64)


class NeverFinished(Lines):
    def test_a_server_that_refuses_every_upload_again_and_again_ends_a_batch_within_two_minutes(self):
        work = self.workdir(database=False)
        legs = self.legs(work, 12 if LONG else 1, 30)
        work.cloud.fault(match='^POST', status=500)
        began = time.monotonic()
        result = self.archive(work, status=69, timeout=200)
        took = time.monotonic() - began
        print(f'[{took:.0f} s] ', end='', file=sys.stderr)
        self.assertLess(took, 120 * SLOW)
        self.hints(result)
        self.assertEqual(work.legs_in_spool(), sorted(legs))

    def test_a_server_that_accepts_and_never_answers_ends_the_audit_at_its_deadline(self):
        for kind in ('gcs', 's3'):
            with self.subTest(kind):
                work = self.workdir()
                work.three_legs(CALL)
                work.cloud.fault(match='.', hang=True)
                if kind == 's3':
                    work.rclone_conf.write_text('[firebase]\ntype = s3\nprovider = Other\naccess_key_id = x\nsecret_access_key = y\n'
                                                f'endpoint = http://127.0.0.1:{work.cloud.port}\n', encoding='utf-8')
                began = time.monotonic()
                result = work.run('pbx-archive', 'audit', '--timeout', '6s', timeout=60)
                self.assertLess(time.monotonic() - began, 12 * SLOW)
                self.status(result, 69)
                self.hints(result)
                self.assertEqual(processes_with(str(work.path)), [])


if __name__ == '__main__':
    main()
