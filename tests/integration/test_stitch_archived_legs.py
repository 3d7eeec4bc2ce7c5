#!/usr/bin/env python3
"""pbx-stitch joins calls whose legs are in the bucket, or nowhere: what it downloads, what it waits for, and what it lists as missing."""
import json
import re
import stat
import time

from sound import Wav, names, pcm, ramp
from workdir import ACCOUNT, SLOW, Case, main, wait_until

CALL = '1776500000.1'


class LegsElsewhere(Case):
    def test_legs_in_the_bucket_are_downloaded_into_stitch_src_by_few_rclone_runs(self):
        work = self.workdir()
        legs = [(f'20260418-14400{number}-a-{number}.wav', pcm(ramp(0.1, number))) for number in range(10)]
        work.call(CALL, legs[:1])
        for place, (name, data) in enumerate(legs[1:], 2):
            work.remote.put(name, data)
            work.cdr(CALL, name, ago=1800 - place, sequence=place)
        work.count_rclone()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, b''.join(data[44:] for _, data in legs))
        self.assertLess(len(work.rclone_runs()), 7, work.rclone_runs())
        cached = {path.name: path.read_bytes() for path in work.stitch_src.rglob('*.wav')}
        self.assertEqual(cached, dict(legs[1:]))
        self.assertEqual(stat.S_IMODE(work.stitch_src.stat().st_mode), 0o750)
        self.assertEqual(work.legs_in_spool(), [legs[0][0]], 'legs came back into the spool')

    def test_missing_legs_of_many_calls_are_downloaded_by_few_rclone_runs(self):
        work = self.workdir()
        for number in range(30):
            call = f'1776500000.{number}'
            work.call(call, [(f'{number}-a.wav', pcm(ramp(0.1, number)))])
            work.cdr(call, f'{number}-b.wav', ago=1700, sequence=2)
            work.remote.put(f'{number}-b.wav', pcm(ramp(0.1, number + 100)))
        work.count_rclone()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(len(list(work.stitched.glob('*.wav'))), 30)
        self.assertLess(len(work.rclone_runs()), 15, work.rclone_runs())

    def test_a_leg_in_the_cache_needs_no_rclone(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', None)])
        work.stitch_src.mkdir()
        (work.stitch_src / 'b.wav').write_bytes(pcm(ramp(0.2, 2)))
        work.count_rclone()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.2, 2))
        self.assertEqual(work.rclone_runs(), [])

    def test_a_leg_that_arrives_after_the_others_left_is_joined_and_archived_again(self):
        work = self.workdir()
        legs = work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.legs_in_spool(), [])
        work.leg('late.wav', pcm(ramp(0.7, 9)))
        work.cdr(CALL, 'late.wav', ago=600, sequence=9)
        work.count_rclone()
        self.status(work.run('pbx-stitch'), 0)
        self.assertLess(len(work.rclone_runs()), 6, work.rclone_runs())
        whole = work.stitched_file(CALL).read_bytes()
        self.assertEqual(Wav(whole).samples, b''.join(data[44:] for _, data in legs) + ramp(0.7, 9))
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.remote.files()[f'stitched/{CALL}.wav'], whole)
        self.assertEqual(work.remote.files()['late.wav'], pcm(ramp(0.7, 9)))

    def test_a_leg_that_is_in_neither_place_is_listed_as_missing_an_hour_after_the_call(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('gone.wav', None), ('b.wav', pcm(ramp(0.2, 2)))], ago=3 * 3600)
        self.status(work.run('pbx-stitch'), 0)
        result = Wav(work.stitched_file(CALL)).check()
        self.assertEqual(result.samples, ramp(0.1) + ramp(0.2, 2))
        self.assertEqual(names(result.manifest['missing']), ['gone.wav'])
        before = work.snapshot(work.stitched)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(work.snapshot(work.stitched), before)

    def test_a_leg_listed_as_missing_that_turns_up_causes_a_rebuild(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('gone.wav', None), ('b.wav', pcm(ramp(0.2, 2)))], ago=3 * 3600)
        self.status(work.run('pbx-stitch'), 0)
        work.leg('gone.wav', pcm(ramp(0.3, 3)), age=4000)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.3, 3) + ramp(0.2, 2))

    def test_a_leg_that_the_archive_forbids_does_not_stop_the_search_for_those_of_other_calls(self):
        work = self.workdir()
        calls = ('1776500000.1', '1776500000.2')
        for number, call in enumerate(calls):
            work.call(call, [(f'{number}-a.wav', pcm(ramp(0.1, number))), (f'{number}-late.wav', None)], ago=3 * 3600)
        work.cdr(calls[0], 'no#name.wav', ago=2 * 3600, sequence=9)  # a name that cannot be requested
        self.status(work.run('pbx-stitch'), 0)
        for number, _ in enumerate(calls):
            work.remote.put(f'{number}-late.wav', pcm(ramp(0.2, number + 10)))
        work.cloud.fault(match='0-late.wav', status=403, reason='forbidden')
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(calls[0])).samples, ramp(0.1, 0))
        self.assertEqual(Wav(work.stitched_file(calls[1])).samples, ramp(0.1, 1) + ramp(0.2, 11))
        work.cloud.clear()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(calls[0])).samples, ramp(0.1, 0) + ramp(0.2, 10))

    def test_a_recording_that_a_fetch_finished_meanwhile_is_not_written_again(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', None)], ago=3 * 3600)
        work.remote.put('b.wav', pcm(ramp(0.2, 2)))
        self.status(work.run('pbx-stitch'), 0)
        whole = work.stitched_file(CALL).read_bytes()
        work.stitched_file(CALL).unlink()
        (work.stitch_src / 'b.wav').unlink()
        work.cloud.log.clear()
        work.cloud.fault(hang=True)
        process = work.start('pbx-stitch', '--json')
        wait_until(lambda: work.cloud.log, 'a request')
        work.stitched_file(CALL).write_bytes(whole)  # pbx-stitch has found none, and requests the leg
        before = work.snapshot(work.stitched)
        work.cloud.clear()
        result = self.status(work.finish(process), 0)
        self.assertEqual(work.snapshot(work.stitched), before)
        self.assertEqual((json.loads(result.out)['up_to_date'], json.loads(result.out)['stitched']), (1, 0))

    def test_within_the_hour_a_leg_that_is_nowhere_leaves_the_call_for_the_next_run(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('elsewhere.wav', None)], ago=600)
        result = work.run('pbx-stitch')
        self.assertIn(result.status, (0, 75), str(result))
        self.assertFalse(work.stitched_file(CALL).exists())
        work.remote.put('elsewhere.wav', pcm(ramp(0.2, 2)))  # the other node's archive run
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.2, 2))

    def test_while_the_remote_is_down_an_incomplete_call_waits_and_other_calls_are_stitched(self):
        work = self.workdir()
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
        work.three_legs('1776500000.2')
        work.remote.put('away.wav', pcm(ramp(0.3, 3)))
        work.remote_down()
        result = self.status(work.run('pbx-stitch', timeout=90), 75)
        self.says(result, r'1776500000\.1|away\.wav')
        self.hints(result)
        self.assertFalse(work.stitched_file('1776500000.1').exists())
        self.assertTrue(work.stitched_file('1776500000.2').exists())
        work.remote_up()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file('1776500000.1')).samples, ramp(0.1) + ramp(0.3, 3))

    def test_a_remote_that_is_down_is_reported_once_however_many_calls_it_holds_up(self):
        work = self.workdir()
        calls = [f'1776500000.{number}' for number in range(10, 310)]  # more than one batch
        work.db.copy('asterisk_cdr', ('calldate', 'accountcode', 'linkedid', 'uniqueid', 'sequence', 'recordingfile'),
                     [(time.strftime('%Y-%m-%d %H:%M:%S+00', time.gmtime(time.time() - 7200 + leg)), ACCOUNT, call, call, leg,
                       f'{call}-{leg}.wav') for call in calls for leg in (1, 2)])
        for call in calls:
            work.leg(f'{call}-1.wav', pcm(ramp(0.1)))
            work.remote.put(f'{call}-2.wav', pcm(ramp(0.1, 2)))
        work.remote_down()
        result = self.status(work.run('pbx-stitch', timeout=120), 75)
        self.says(result, r'(?m)^pbx-stitch: 300 calls \(1776500000\.\d+, 1776500000\.\d+, 1776500000\.\d+, \.\.\.\): remote ')
        self.hints(result)
        self.assertEqual(len(result.err.splitlines()), 2, str(result))
        self.assertEqual(len(work.run('pbx-stitch', '-q', timeout=120).err.splitlines()), 2)
        result = self.status(work.run('pbx-stitch', '--json', '-v', timeout=120), 75)
        for call in calls:
            self.says(result, rf'(?m)^pbx-stitch: left {re.escape(call)}: remote ')
        report = json.loads(result.out)
        self.assertEqual((report['left'], report['failed']), (300, 0))
        self.assertEqual(sorted(entry['linkedid'] for entry in report['calls']), sorted(calls))
        self.assertTrue(all(entry['action'] == 'left' and 'remote' in entry['reason'] for entry in report['calls']))
        work.remote_up()
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertEqual(len(list(work.stitched.glob('*.wav'))), 300)

    def test_a_leg_that_the_bucket_forbids_or_fails_to_return_is_not_called_missing(self):
        for status in (403, 503):
            with self.subTest(status):
                work = self.workdir()
                work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
                work.remote.put('away.wav', pcm(ramp(0.3, 3)))
                work.cloud.fault(match='away.wav', status=status)
                result = work.run('pbx-stitch', timeout=90)
                self.assertIn(result.status, (75, 77) if status == 403 else (75,), str(result))
                self.assertFalse(work.stitched_file(CALL).exists())
                work.cloud.clear()
                self.status(work.run('pbx-stitch'), 0)
                self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.3, 3))

    def test_a_leg_that_arrives_corrupted_never_gets_into_the_result(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
        work.remote.put('away.wav', pcm(ramp(0.3, 3)))
        work.cloud.fault(match='GET .*away.wav.*alt=media', corrupt=True)
        result = work.run('pbx-stitch', timeout=90)
        self.assertNotEqual(result.status, 0, str(result))
        self.assertFalse(work.stitched_file(CALL).exists())
        self.assertEqual([path.name for path in work.stitch_src.rglob('*.wav')] if work.stitch_src.exists() else [], [])
        work.cloud.clear()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.3, 3))

    def test_a_run_ends_at_its_deadline_when_the_remote_never_answers(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
        work.three_legs('1776500000.2')
        work.cloud.fault(hang=True)
        started = time.monotonic()
        result = work.run('pbx-stitch', '--timeout', '8s', timeout=40)
        self.assertIn(result.status, (69, 75), str(result))
        self.assertLess(time.monotonic() - started, 25 * SLOW)
        self.assertTrue(work.stitched_file('1776500000.2').exists(), 'the call whose legs are here was not stitched')

    def test_a_call_of_which_this_node_holds_no_leg_is_another_nodes_work(self):
        work = self.workdir()
        for number in range(3):
            work.cdr(CALL, f'{number}.wav', sequence=number)
            work.remote.put(f'{number}.wav', pcm(ramp(0.1, number)))
        work.count_rclone()
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertFalse(work.stitched_file(CALL).exists())
        self.assertEqual(work.rclone_runs(), [])

    def test_webdav_and_a_local_folder_work_as_remotes(self):
        for kind in ('webdav', 'local'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
                work.remote.put('away.wav', pcm(ramp(0.3, 3)))
                self.status(work.run('pbx-stitch'), 0)
                self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.3, 3))


if __name__ == '__main__':
    main()
