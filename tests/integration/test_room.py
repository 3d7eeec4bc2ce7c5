"""Room on the disk: what pbx-archive removes because the archive has it, what pbx-stitch makes room for, and that recorders keep
the reserve."""
import errno
import json
import os
import subprocess
import time

from archiving import CALL, Archiving
from sound import Wav, pcm, ramp
from workdir import LONG, main

DAY = 86400


def set_age(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


class Room(Archiving):
    def disk(self, work, size):
        """Puts the spool, with its stitched recordings, on a disk of its own."""
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', work.spool], stderr=subprocess.PIPE, check=False).returncode:
            self.skipTest('not permitted to mount a tmpfs')
        self.addCleanup(subprocess.run, ['umount', '-l', work.spool], check=False)

    def stitched_calls(self, work, count, seconds=1.0):
        """Calls of two legs, stitched, the first one the oldest: {linkedid: audio}."""
        calls = {}
        for number in range(count):
            linkedid = f'1776500000.{10 + number}'
            legs = [(f'20260418-1500{number:02}-100-{leg}.wav', pcm(ramp(seconds, 10 * number + leg))) for leg in range(2)]
            work.call(linkedid, legs)
            calls[linkedid] = b''.join(data[44:] for _, data in legs)
        self.status(work.run('pbx-stitch'), 0)
        for number, linkedid in enumerate(calls):
            set_age(work.stitched_file(linkedid), (count - number) * DAY)
        return calls

    def here(self, work, calls):
        return [linkedid for linkedid in calls if work.stitched_file(linkedid).exists()]

    def fetches_all(self, work, calls):
        for linkedid, audio in calls.items():
            result = self.status(work.run('pbx-recording-fetch', linkedid), 0)
            self.assertEqual(Wav(result.out).check().samples, audio)


class KeepStitched(Room):
    def test_recordings_older_than_keep_stitched_leave_this_disk_once_the_archive_has_them(self):
        work = self.workdir()
        calls = self.stitched_calls(work, 4)
        *_, third, fourth = calls
        self.archive(work, '--keep-stitched', '60h')
        self.assertEqual(self.here(work, calls), [third, fourth])
        for linkedid, audio in calls.items():
            self.assertEqual(Wav(work.remote.files()[f'stitched/{linkedid}.wav']).samples, audio)
        self.fetches_all(work, calls)

    def test_the_oldest_recordings_leave_until_the_others_fit_the_size(self):
        work = self.workdir()
        calls = self.stitched_calls(work, 4, seconds=10)  # 320 kB each
        self.archive(work, '--keep-stitched', '700K')
        self.assertEqual(self.here(work, calls), list(calls)[2:])
        self.fetches_all(work, calls)

    def test_without_keep_stitched_every_recording_stays(self):
        work = self.workdir()
        calls = self.stitched_calls(work, 3)
        self.archive(work)
        self.assertEqual(self.here(work, calls), list(calls))

    def test_a_recording_that_left_is_not_built_again_until_its_call_has_another_leg(self):
        work = self.workdir()
        calls = self.stitched_calls(work, 2)
        linkedid = next(iter(calls))
        self.archive(work, '--keep-stitched', '36h')
        work.cloud.log.clear()
        self.assertEqual(json.loads(self.status(work.run('pbx-stitch', '--json'), 0).out)['stitched'], 0)
        self.assertEqual(self.here(work, calls), list(calls)[1:])
        self.assertFalse(work.stitch_src.exists())
        self.assertEqual(list(work.cloud.log), [])
        late = pcm(ramp(0.5, 99))
        work.leg('20260418-150500-100-9.wav', late)
        work.cdr(linkedid, '20260418-150500-100-9.wav', ago=900, sequence=9, uniqueid=f'{linkedid}9')
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(linkedid)).check().samples, calls[linkedid] + late[44:])

    def test_a_recording_stays_when_the_archive_lacks_it_or_has_something_else(self):
        for damage in ('gone', 'other'):
            with self.subTest(damage):
                work = self.workdir()
                calls = self.stitched_calls(work, 2)
                first, second = calls
                self.archive(work)
                name = f'stitched/{first}.wav'
                stored = bytearray(work.remote.files()[name])
                work.remote.remove(name)
                if damage == 'other':
                    stored[-1] ^= 1
                    work.remote.put(name, bytes(stored))
                self.archive(work, '--keep-stitched', '1s')
                self.assertEqual(self.here(work, calls), [first])
                self.assertNotIn(second, self.here(work, calls))

    def test_a_recording_of_which_the_archive_has_more_than_this_disk_stays(self):
        work = self.workdir()
        calls = self.stitched_calls(work, 1)
        self.archive(work)
        path = work.stitched_file(*calls)
        mark = os.getxattr(path, 'user.pbx.archived')  # with the MD5 of what the archive has
        os.setxattr(path, 'user.pbx.archived', mark[:-32] + b'0' * 32)
        self.archive(work, '--keep-stitched', '1s')
        self.assertEqual(self.here(work, calls), list(calls))

    def test_the_last_copy_of_a_leg_in_a_recording_that_left_is_not_replaced_by_a_recording_without_it(self):
        work = self.workdir()
        legs = [(f'20260418-15000{leg}-100-{leg}.wav', pcm(ramp(1, leg))) for leg in range(2)]
        work.call(CALL, legs, ago=7200)
        self.status(work.run('pbx-stitch'), 0)
        set_age(work.stitched_file(CALL), DAY)
        self.archive(work, '--keep-stitched', '1h')
        work.remote.remove(legs[0][0])
        self.says(self.status(work.run('pbx-stitch', CALL), 65), f"exists only in the archive's {CALL}.wav")
        self.assertFalse(work.stitched_file(CALL).exists())

    def test_nothing_leaves_while_the_archive_does_not_answer(self):
        work = self.workdir()
        calls = self.stitched_calls(work, 2)
        self.archive(work)
        work.remote_down()
        self.archive(work, '--keep-stitched', '1s', status=69)
        self.assertEqual(self.here(work, calls), list(calls))

    def test_a_dry_run_names_what_would_leave_and_removes_nothing(self):
        work = self.workdir()
        calls = self.stitched_calls(work, 2)
        self.archive(work)
        before = work.snapshot(work.spool)
        result = self.archive(work, '-n', '--keep-stitched', '36h')
        self.says(result, f'would remove {work.stitched_file(next(iter(calls)))}')
        self.assertEqual(work.snapshot(work.spool), before)

    def test_a_value_without_a_unit_is_refused(self):
        work = self.workdir()
        for option, value in (('--keep-stitched', '30'), ('--keep-stitched', 'all'), ('--reserve', '5'), ('--reserve', '95%')):
            with self.subTest(option, value=value):
                self.says(self.archive(work, option, value, status=64), value)


class FetchedLegs(Room):
    def test_a_leg_that_was_fetched_back_leaves_when_no_recent_call_needs_it(self):
        work = self.workdir()
        old, recent = '1776500000.1', '1776500000.2'
        work.call(old, [('old-1.wav', pcm(ramp(1, 1))), ('old-2.wav', pcm(ramp(1, 2)))], ago=3 * DAY)
        work.call(recent, [('recent-1.wav', pcm(ramp(1, 3))), ('recent-2.wav', pcm(ramp(1, 4)))])
        self.archive(work)
        for call in (old, recent):
            self.status(work.run('pbx-stitch', call), 0)
        (work.stitch_src / 'unknown.wav').write_bytes(pcm(ramp(1, 5)))  # the archive does not have it
        changed = work.stitch_src / 'old-2.wav'
        changed.write_bytes(changed.read_bytes()[:-2] + b'xx')
        self.archive(work)
        self.assertEqual(sorted(file.name for file in work.stitch_src.iterdir()),
                         ['old-2.wav', 'recent-1.wav', 'recent-2.wav', 'unknown.wav'])

    def test_legs_stay_in_the_cache_while_the_database_does_not_answer(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(1, 1))), ('b.wav', pcm(ramp(1, 2)))], ago=3 * DAY)
        self.archive(work)
        self.status(work.run('pbx-stitch', CALL), 0)
        self.archive(work, env={'PBX_DATABASE': 'host=/nowhere'}, status=0)
        self.assertEqual(len(list(work.stitch_src.iterdir())), 2)


class Reserve(Room):
    def test_the_oldest_recordings_leave_while_less_than_the_reserve_is_free(self):
        work = self.workdir()
        self.disk(work, '4m')
        calls = self.stitched_calls(work, 5, seconds=10)  # 5 recordings and, until they are archived, 10 legs: 3.2 MB
        self.archive(work, '--reserve', '75%')  # 1 MB for three recordings
        self.assertEqual(self.here(work, calls), list(calls)[2:])
        self.fetches_all(work, calls)

    def test_pbx_stitch_makes_room_before_it_writes(self):
        work = self.workdir()
        self.disk(work, '2m')
        calls = self.stitched_calls(work, 3, seconds=10)
        self.archive(work)
        more = [(f'20260418-16000{leg}-100-{leg}.wav', pcm(ramp(10, 50 + leg))) for leg in range(2)]
        work.call('1776500000.50', more)
        result = self.status(work.run('pbx-stitch', '--reserve', '30%'), 0)
        self.assertEqual(result.err, '')
        self.assertEqual(self.here(work, [*calls, '1776500000.50']), [*list(calls)[1:], '1776500000.50'])

    def test_pbx_stitch_leaves_the_reserve_free_when_nothing_can_leave(self):
        work = self.workdir()
        self.disk(work, '1m')
        legs = [(f'20260418-16000{leg}-100-{leg}.wav', pcm(ramp(10, leg))) for leg in range(2)]
        work.call(CALL, legs)
        result = self.status(work.run('pbx-stitch', '--reserve', '50%'), 73)
        self.says(result, f'call {CALL}: no room in .* reserved for Asterisk')
        self.hints(result)
        self.assertFalse(work.stitched_file(CALL).exists())
        self.status(work.run('pbx-stitch', '--reserve', '10%'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).check().samples, b''.join(data[44:] for _, data in legs))

    def test_a_row_that_claims_any_length_neither_empties_the_disk_nor_holds_up_the_other_calls(self):
        work = self.workdir()
        self.disk(work, '4m')
        calls = self.stitched_calls(work, 3, seconds=10)
        lying = [(f'20260418-17000{leg}-100-{leg}.wav', pcm(ramp(1, leg))) for leg in range(2)]
        work.call(CALL, lying)
        self.archive(work)
        work.db.sql("update asterisk_cdr set duration = 2000000000 where recordingfile like '20260418-1700%'")
        other = [(f'20260418-18000{leg}-100-{leg}.wav', pcm(ramp(1, 10 + leg))) for leg in range(2)]
        work.call('1776500000.9', other)
        work.db.sql('delete from recordings')  # as before there were facts: the length of the archived legs is not known
        result = self.status(work.run('pbx-stitch', '--reserve', '10%'), 73)
        self.says(result, f'call {CALL}: no room')
        self.assertEqual(self.here(work, [*calls, '1776500000.9']), [*calls, '1776500000.9'])

    def test_a_fetch_below_the_reserve_serves_the_call_and_keeps_nothing(self):
        work = self.workdir()
        self.disk(work, '1m')
        legs = work.three_legs(CALL)
        self.archive(work)
        work.spool.joinpath('ballast').write_bytes(bytes(200_000))
        result = self.status(work.run('pbx-recording-fetch', CALL, '--reserve', '90%'), 0)
        self.assertEqual(Wav(result.out).check().samples, b''.join(data[44:] for _, data in legs))
        self.assertFalse(work.stitch_src.exists())
        self.assertEqual(list(work.stitched.glob('*.wav')) if work.stitched.exists() else [], [])

    def test_a_small_disk_serves_two_days_of_calls_and_its_recorder_never_runs_out_of_space(self):
        work = self.workdir()
        self.disk(work, '60m')
        calls = {}
        at_once = 1 if LONG else 6  # hours of calls between two runs
        for hour in range(0, 48, at_once):
            newest = {}
            for number in range(2 * at_once):
                linkedid = f'1776{hour:02}0000.{number}'
                legs = [(f'2026041{8 + hour // 24}-{hour % 24:02}00{number:02}-100-{leg}.wav', pcm(ramp(0.5, 100 * hour + 10 * number + leg) * 90))
                        for leg in range(2)]  # 720 kB each
                try:
                    work.call(linkedid, legs)
                except OSError as error:
                    self.assertNotEqual(error.errno, errno.ENOSPC, f'the recorder ran out of space in hour {hour}')
                    raise
                newest[linkedid] = b''.join(data[44:] for _, data in legs)
            calls.update(newest)
            stitch = self.status(work.run('pbx-stitch', '--json', '--reserve', '10%'), 0)
            self.assertEqual(json.loads(stitch.out)['stitched'], len(newest))
            self.archive(work, '--reserve', '10%')
            space = os.statvfs(work.spool)
            self.assertGreaterEqual(space.f_bavail, space.f_blocks // 10)
            self.assertEqual(self.here(work, newest), list(newest))
        self.assertLess(len(self.here(work, calls)), 60)
        self.assertFalse(work.stitch_src.exists() and list(work.stitch_src.iterdir()))
        sample = {linkedid: calls[linkedid] for linkedid in list(calls)[::9]}
        self.assertGreater(len(sample) - len(self.here(work, sample)), 5)
        self.fetches_all(work, sample)


if __name__ == '__main__':
    main()
