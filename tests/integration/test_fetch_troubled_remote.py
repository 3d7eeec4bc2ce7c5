#!/usr/bin/env python3
"""A remote or database that fails pbx-recording-fetch: it gives the true reason, and never serves damaged audio."""
import re
import time

from fetching import CALL, Fetching
from sound import pcm, ramp, tone
from workdir import SLOW, main


class TroubledRemote(Fetching):
    def test_a_remote_that_is_down_is_reported_as_unavailable_and_never_as_not_found(self):
        work, _, _ = self.archived_call()
        work.stitched_file(CALL).unlink()
        work.call('1776500000.5', [('single.wav', None)], ago=3 * 3600)
        work.remote_down()
        for call in (CALL, '1776500000.5'):
            result = self.fetch(work, call, status=69, timeout=90)
            self.hints(result)
            self.assertNotRegex(result.err, '(?i)not found|no such call|no recording')

    def test_a_leg_that_is_nowhere_is_reported_as_not_found_and_the_hint_depends_on_whether_it_may_still_arrive(self):
        for ago, hint in ((600, 'another node may still bring it'), (3 * 3600, 'pbx-archive audit')):
            with self.subTest(hint):
                work = self.workdir()
                work.call(CALL, [('single.wav', None)], ago=ago)
                result = self.fetch(work, CALL, status=66)
                self.assertIn('neither in the spool nor in the archive', result.err)
                self.assertIn(hint, result.err)

    def test_a_stitched_recording_that_the_bucket_fails_to_return_is_not_replaced_by_one_that_lacks_legs(self):
        for status, expected in ((403, 77), (503, 69)):
            with self.subTest(status):
                work = self.workdir()
                work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.2, 2)))], ago=3 * 3600)
                self.status(work.run('pbx-stitch'), 0)
                whole = work.stitched_file(CALL).read_bytes()
                self.status(work.run('pbx-archive'), 0)
                work.stitched_file(CALL).unlink()
                work.remote.remove('b.wav')
                struck = work.cloud.fault(match='stitched', status=status, reason='forbidden')
                self.fetch(work, CALL, status=expected, timeout=90)
                self.assertGreater(struck['struck'], 0)
                self.assertFalse(work.stitched_file(CALL).exists())
                work.cloud.clear()
                self.assertEqual(self.fetch(work, CALL).out, whole)

    def test_an_object_that_the_bucket_forbids_is_a_permission_error_and_never_reported_as_not_found(self):
        work = self.workdir()
        work.call(CALL, [('single.wav', None)], ago=3 * 3600)
        work.remote.put('single.wav', tone())
        work.cloud.fault(match=r'single\.wav', status=403, reason='forbidden')
        result = self.fetch(work, CALL, status=77, timeout=90)
        self.hints(result)
        self.assertNotRegex(result.err, '(?i)not found|no such call')

    def test_an_object_that_the_bucket_fails_to_return_is_reported_as_unavailable_and_never_as_not_found(self):
        for status in (500, 503, 429):
            with self.subTest(status):
                work = self.workdir()
                work.call(CALL, [('single.wav', None)], ago=3 * 3600)
                work.remote.put('single.wav', tone())
                work.cloud.fault(match=r'single\.wav', status=status)
                result = self.fetch(work, CALL, status=69, timeout=90)
                self.assertNotRegex(result.err, '(?i)not found|no such call')

    def test_one_leg_of_three_that_is_forbidden_or_failing_never_counts_as_missing(self):
        for status, expected in ((403, 77), (503, 69)):
            with self.subTest(status):
                work, legs, whole = self.archived_call()
                work.stitched_file(CALL).unlink()
                work.remote.remove(f'stitched/{CALL}.wav')
                work.cloud.fault(match=re.escape(legs[1][0]), status=status, reason='forbidden')
                self.fetch(work, CALL, status=expected, timeout=90)
                self.assertFalse(work.stitched_file(CALL).exists())
                work.cloud.clear()
                self.assertEqual(self.fetch(work, CALL).out, whole)

    def test_a_forbidden_stitched_recording_is_never_reported_as_not_found(self):
        for status, expected in ((403, (0, 77)), (503, (0, 69))):
            with self.subTest(status):
                work, _, whole = self.archived_call()
                work.stitched_file(CALL).unlink()
                work.cloud.fault(match=r'stitched(/|%2F)', status=status, reason='forbidden')
                result = work.run('pbx-recording-fetch', CALL, timeout=90)
                self.assertIn(result.status, expected, str(result))
                self.assertEqual(result.out, whole if result.status == 0 else b'')

    def test_a_truncated_or_corrupted_download_of_the_stitched_recording_never_succeeds(self):
        for fault in ({'truncate': 5000}, {'corrupt': True}):
            for times in (None, 1):
                with self.subTest(f'{fault}, times {times}'):
                    work, _, whole = self.archived_call()
                    work.stitched_file(CALL).unlink()
                    struck = work.cloud.fault(match='alt=media|/download/', times=times, **fault)
                    result = work.run('pbx-recording-fetch', CALL, timeout=90)
                    self.assertTrue(result.status != 0 or result.out == whole, str(result)[:1500])
                    self.assertNotEqual(result.status, 66, str(result)[:1500])
                    self.assertGreater(struck['struck'], 0, 'the fault affected no request')
                    if times is None:
                        self.assertNotEqual(result.status, 0, str(result)[:1500])

    def test_a_truncated_or_corrupted_download_of_a_leg_never_succeeds(self):
        for fault in ({'truncate': 5000}, {'corrupt': True}):
            for legs in (1, 2):
                with self.subTest(f'{fault}, legs {legs}'):
                    work = self.workdir()
                    for number in range(legs):
                        work.call(CALL, [(f'{number}.wav', None)], ago=3 * 3600 - number)
                        work.remote.put(f'{number}.wav', tone(400 + number))
                    work.cloud.fault(match='alt=media|/download/', **fault)
                    result = work.run('pbx-recording-fetch', CALL, timeout=90)
                    self.assertNotIn(result.status, (0, 66, 70), str(result)[:1500])
                    self.assertFalse(work.stitched_file(CALL).exists())
                    self.assertEqual(list(work.stitch_src.rglob('*.wav')) if work.stitch_src.exists() else [], [])

    def test_an_object_without_md5_is_served_whole_or_not_at_all(self):
        work, _, whole = self.archived_call()
        work.stitched_file(CALL).unlink()
        work.cloud.fault(match='.', no_md5=True)
        result = work.run('pbx-recording-fetch', CALL, timeout=90)
        self.assertTrue(result.status != 0 or result.out == whole, str(result)[:1500])

    def test_a_fetch_ends_at_its_deadline_when_the_server_never_answers(self):
        work, _, _ = self.archived_call()
        work.stitched_file(CALL).unlink()
        for match in ('.', 'alt=media|/download/'):
            with self.subTest(match):
                work.cloud.clear()
                work.cloud.fault(match=match, hang=True)
                started = time.monotonic()
                result = work.run('pbx-recording-fetch', CALL, '--timeout', '6s', timeout=40)
                self.assertLess(time.monotonic() - started, 20 * SLOW)
                self.assertIn(result.status, (69, 75), str(result))

    def test_a_database_that_is_down_is_reported_as_unavailable(self):
        work = self.workdir()
        self.hints(self.fetch(work, CALL, '--database', f'host={work.path} dbname=x connect_timeout=2', status=69))

    def test_without_a_remote_local_recordings_are_served_and_others_are_an_error(self):
        work, _, whole = self.stitched_call(remote=None)
        self.assertEqual(self.fetch(work, CALL).out, whole)
        work.call('1776500000.5', [('single.wav', None)], ago=3 * 3600)
        result = work.run('pbx-recording-fetch', '1776500000.5')
        self.assertIn(result.status, (66, 69, 78), str(result))
        self.says(result, 'remote')


if __name__ == '__main__':
    main()
