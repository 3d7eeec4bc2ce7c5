#!/usr/bin/env python3
"""pbx-archive copies stitched recordings and moves legs to the bucket, and loses no leg, whatever happens."""
import json
import os
import re
import signal
import time
from pathlib import Path

import sound
from sound import pcm, ramp
from workdir import BELOW, LONG, SANITIZED, SLOW, Case, as_nobody, main, processes_with

CALL = '1776500000.1'


class Archiving(Case):
    """Shared by the test cases below."""

    def archive(self, work, *arguments, status=0, **how):
        return self.status(work.run('pbx-archive', *arguments, **how), status)

    def legs(self, work, count, seconds=0.1, **how):
        """`count` different legs; {name: bytes}."""
        made = {f'20260418-14{number // 60:02}{number % 60:02}-100-{number}.wav': pcm(ramp(seconds, number))
                for number in range(count)}
        for name, data in made.items():
            work.leg(name, data, **how)
        return made

    def nothing_lost(self, work, legs):
        """Each leg is whole in the spool or whole in the remote."""
        stored = work.remote.files()
        for name, data in legs.items():
            local = work.spool / name
            here = local.exists() and local.read_bytes() == data
            self.assertTrue(here or stored.get(name) == data, f'{name} is lost: here {local.exists()}, there {name in stored}')


class Moving(Archiving):
    def test_legs_are_moved_stitched_recordings_are_copied_and_subfolders_are_not_touched(self):
        for kind in ('gcs', 'local', 'webdav'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                legs = dict(work.three_legs(CALL))
                legs['old.WAV'] = sound.tone(440, 0.5, 'gsm')
                work.leg('old.WAV', legs['old.WAV'])
                self.status(work.run('pbx-stitch'), 0)
                stitched = work.stitched_file(CALL).read_bytes()
                (work.spool / 'other').mkdir()
                for path in (work.spool / 'other' / 'deep.wav', work.spool / 'notes.txt', work.spool / 'x.wav.part'):
                    path.write_bytes(b'not a leg')
                    os.utime(path, (time.time() - 9999,) * 2)
                self.quiet(self.archive(work))
                self.assertEqual(work.remote.files(), {**legs, f'stitched/{CALL}.wav': stitched})
                self.assertEqual(work.legs_in_spool(), ['notes.txt', 'x.wav.part'])
                self.assertTrue((work.spool / 'other' / 'deep.wav').exists())
                self.assertEqual(work.stitched_file(CALL).read_bytes(), stitched)

    def test_a_second_run_finds_nothing_to_do_and_prints_nothing(self):
        work = self.workdir()
        work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        self.archive(work)
        before = (work.snapshot(), work.remote.files())
        work.cloud.clear()
        self.quiet(self.archive(work))
        self.assertEqual((work.snapshot(), work.remote.files()), before)
        self.assertEqual([line for line in work.cloud.log if not line.startswith('GET')], [])

    def test_an_empty_spool_leaves_nothing_to_do(self):
        self.quiet(self.archive(self.workdir()))

    def test_a_rebuilt_stitched_recording_replaces_its_older_version_in_the_bucket(self):
        work = self.workdir()
        legs = work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        self.archive(work)
        work.leg('late.wav', pcm(ramp(0.2, 9)))
        work.cdr(CALL, 'late.wav', ago=600, sequence=9)
        self.status(work.run('pbx-stitch'), 0)
        self.archive(work)
        self.assertEqual(sound.Wav(work.remote.files()[f'stitched/{CALL}.wav']).samples,
                         b''.join(data[44:] for _, data in legs) + ramp(0.2, 9))

    def test_half_written_and_foreign_files_beside_stitched_recordings_are_not_copied(self):
        work = self.workdir()
        work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        (work.stitched / '.1776500000.9.wav.tmp').write_bytes(b'half')
        (work.stitched / '.hidden.wav').write_bytes(b'half')
        self.archive(work)
        self.assertEqual([name for name in work.remote.files() if name.startswith('stitched/')], [f'stitched/{CALL}.wav'])

    def test_a_hundred_legs_are_moved_in_one_run(self):
        work = self.workdir()
        legs = self.legs(work, 100)
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)
        self.assertEqual(work.legs_in_spool(), [])

    def test_an_empty_leg_is_archived_like_any_other(self):
        work = self.workdir()
        work.leg('silent.wav', sound.empty())
        work.leg('nothing.wav', b'')
        self.archive(work)
        self.assertEqual(work.remote.files(), {'silent.wav': sound.empty(), 'nothing.wav': b''})

    def test_a_dry_run_changes_nothing_and_lists_what_would_be_archived(self):
        work = self.workdir()
        legs = self.legs(work, 3)
        before = work.snapshot()
        result = self.archive(work, '--dry-run')
        self.assertEqual((work.snapshot(), work.remote.files()), (before, {}))
        self.assertEqual([line for line in work.cloud.log if not line.startswith('GET')], [])
        for name in legs:
            self.assertIn(name, result.err + result.text)

    def test_json_is_one_document(self):
        work = self.workdir()
        self.legs(work, 3)
        json.loads(self.archive(work, '--json').out)
        json.loads(self.archive(work, '--json').out)

    def test_without_a_remote_it_is_a_configuration_error(self):
        work = self.workdir(remote=None)
        self.legs(work, 1)
        result = self.archive(work, status=78)
        self.hints(result)
        self.says(result, 'remote')

    def test_no_database_is_needed_to_archive(self):
        work = self.workdir(database=False)
        legs = self.legs(work, 2)
        self.archive(work, env={'PBX_DATABASE': f'host={work.path} dbname=none'})
        self.assertEqual(work.remote.files(), legs)

    def test_an_account_without_delete_permission_is_enough(self):
        work = self.workdir()
        legs = self.legs(work, 3)
        work.cloud.fault(match='^DELETE', status=403, reason='forbidden')
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)
        self.assertEqual(work.legs_in_spool(), [])

    def test_the_number_of_requests_to_the_bucket_does_not_grow_with_what_is_stored(self):
        asked = []
        for stored in (10, 3000):
            work = self.workdir()
            for number in range(stored):
                work.remote.put(f'{number}.wav', b'x')
                work.remote.put(f'stitched/17700{number:05}.1.wav', b'x')
            self.legs(work, 5)
            work.three_legs(CALL)
            self.status(work.run('pbx-stitch'), 0)
            work.cloud.clear()
            self.archive(work)
            asked.append(len(work.cloud.log))
        self.assertLessEqual(asked[1], asked[0] * 1.5)


class LegsThatStay(Archiving):
    def test_a_leg_that_a_process_is_writing_stays_whatever_its_age(self):
        work = self.workdir()
        legs = {'talking.wav': sound.unfinished(pcm(ramp(0.5))), 'silent-yet.wav': sound.unfinished(sound.empty()),
                'nothing-yet.wav': b''}
        for name, data in legs.items():
            work.leg(name, data, age=0)
            work.hold_open(name, 'r+b' if data else 'ab')
            work.leg(name, data, age=90000)
        done = self.legs(work, 1)
        result = self.archive(work, '-v')
        self.assertEqual(work.legs_in_spool(), sorted(legs))
        self.assertEqual(work.remote.files(), done)
        for name in legs:
            self.says(result, rf'(?m)^pbx-archive: .*{name}.*(open|writ)')

    def test_once_its_writer_has_closed_it_the_leg_is_moved(self):
        work = self.workdir()
        work.leg('a.wav')
        holder = work.hold_open('a.wav')
        self.archive(work)
        self.assertEqual(work.legs_in_spool(), ['a.wav'])
        holder.terminate()
        holder.wait()
        self.archive(work)
        self.assertEqual(work.legs_in_spool(), [])

    def test_a_leg_younger_than_min_age_stays(self):
        work = self.workdir()
        work.leg('young.wav', age=60)
        work.leg('old.wav', age=400)
        self.archive(work)
        self.assertEqual(work.legs_in_spool(), ['young.wav'])
        self.archive(work, '--min-age', '30s')
        self.assertEqual(work.legs_in_spool(), [])

    def test_without_a_lease_it_decides_by_age_and_reports_that(self):
        work = self.workdir()
        if os.geteuid() != 0:
            self.skipTest('needs root, to make legs of another user')
        work.leg('foreign.wav')
        work.leg('young.wav', age=60)
        work.stitched.mkdir()
        before = as_nobody(work.path, work.spool, work.stitched, work.rclone_conf)
        for name in ('foreign.wav', 'young.wav'):
            (work.spool / name).chmod(0o644)
        tool = work.path / 'pbx-archive'
        tool.write_bytes(Path(work.command('pbx-archive')[0]).read_bytes())
        tool.chmod(0o755)
        result = work.run(str(tool), '-v', before=before)
        self.assertEqual(result.status, 0, str(result))
        self.assertEqual(work.legs_in_spool(), ['young.wav'])
        self.says(result, r'foreign\.wav.*(lease|age)')

    def test_a_leg_that_grows_while_it_is_uploaded_stays(self):
        work = self.workdir()
        path = work.leg('a.wav', pcm(ramp(1.0)))
        work.cloud.fault(match='^POST', times=1, delay_ms=3000)
        run = work.start('pbx-archive')
        deadline = time.monotonic() + 20
        while not any(line.startswith('POST') for line in work.cloud.log) and time.monotonic() < deadline:
            time.sleep(0.02)
        grown = path.read_bytes() + b'more audio'
        path.write_bytes(grown)
        os.utime(path, (time.time() - 600,) * 2)  # even when the clock hides it
        work.finish(run)
        self.assertEqual(path.read_bytes(), grown)

    def test_a_leg_that_is_replaced_while_it_is_uploaded_stays(self):
        work = self.workdir()
        path = work.leg('a.wav', pcm(ramp(1.0, 1)))
        status = path.stat()
        work.cloud.fault(match='^POST', times=1, delay_ms=3000)
        run = work.start('pbx-archive')
        deadline = time.monotonic() + 20
        while not any(line.startswith('POST') for line in work.cloud.log) and time.monotonic() < deadline:
            time.sleep(0.02)
        other = work.path / 'other.wav'
        other.write_bytes(pcm(ramp(1.0, 2)))
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.rename(path)
        work.finish(run)
        self.assertEqual(path.read_bytes(), pcm(ramp(1.0, 2)))

    def test_a_symlink_a_folder_and_a_fifo_are_not_legs(self):
        work = self.workdir()
        secret = work.path / 'secret'
        secret.write_bytes(b'another tenant')
        os.utime(secret, (time.time() - 900,) * 2)
        (work.spool / 'link.wav').symlink_to(secret)
        (work.spool / 'folder.wav').mkdir()
        os.mkfifo(work.spool / 'fifo.wav')
        for name in ('fifo.wav', 'folder.wav'):
            os.utime(work.spool / name, (time.time() - 900,) * 2)
        legs = self.legs(work, 1)
        result = work.run('pbx-archive', timeout=40)
        self.assertNotIn(result.status, (70, 99), str(result))
        self.assertEqual(work.remote.files(), legs)
        self.assertTrue(secret.exists() and (work.spool / 'link.wav').is_symlink() and (work.spool / 'folder.wav').is_dir())

    def test_legs_whose_names_mean_something_to_rclone_are_not_lost(self):
        work = self.workdir()
        hostile = ['with space.wav', 'a:b.wav', '-x.wav', '--config.wav', '[ab].wav', '*.wav', '{a,b}.wav', '#c.wav', ';d.wav',
                   'new\nline.wav', '\x1b[2J.wav', 'ü.wav', '.hidden.wav', "quote'.wav", 'q?.wav', '.wav', '$(touch x).wav']
        legs = {name: pcm(ramp(0.1, seed)) for seed, name in enumerate(hostile)}
        legs['plain.wav'] = pcm(ramp(0.1, 99))
        for name, data in legs.items():
            work.leg(name, data)
        result = work.run('pbx-archive')
        self.assertNotIn(result.status, (70, 99), str(result))
        self.nothing_lost(work, legs)
        self.assertNotIn('plain.wav', work.legs_in_spool())
        self.assertNotIn('\x1b', result.err)
        self.assertTrue(all(line.startswith('pbx-archive: ') for line in result.err.splitlines()), str(result))
        for name in ('-x.wav', 'new\nline.wav', '.hidden.wav'):
            self.assertTrue((work.spool / name).exists(), f'{name!r} is no name of a leg, and went')


class TheBucketDiffers(Archiving):
    def test_another_object_under_the_same_name_is_an_error_that_keeps_the_leg(self):
        mine, theirs = pcm(ramp(0.5, 1)), {'other size': pcm(ramp(0.7, 2)), 'same size': pcm(ramp(0.5, 2))}
        for kind in ('gcs', 'local', 'webdav'):
            for how, data in theirs.items():
                with self.subTest(f'{kind}, {how}'):
                    work = self.workdir(remote=kind)
                    leg = work.leg('a.wav', mine)
                    work.remote.put('a.wav', data)
                    if work.remote.folder:
                        os.utime(work.remote.folder / 'a.wav', (leg.stat().st_mtime,) * 2)
                    work.leg('b.wav', pcm(ramp(0.1, 3)))
                    result = work.run('pbx-archive')
                    self.assertNotIn(result.status, (0, 70, 75, 99), str(result))
                    self.says(result, r'a\.wav')
                    self.hints(result)
                    self.assertEqual(leg.read_bytes(), mine)
                    self.assertEqual(work.remote.files()['a.wav'], data)
                    self.assertEqual(work.legs_in_spool(), ['a.wav'], 'the other leg was not moved')

    def test_an_object_of_the_same_size_with_other_bytes_keeps_the_leg(self):
        work = self.workdir(database=False)
        work.leg('a.wav', b'a' * 1000)
        work.remote.put('a.wav', b'b' * 1000)
        self.hints(self.archive(work, status=73))
        self.assertEqual(work.legs_in_spool(), ['a.wav'])
        self.assertEqual(work.remote.files(), {'a.wav': b'b' * 1000})

    def test_an_identical_object_in_the_bucket_is_not_uploaded_again(self):
        work = self.workdir()
        leg = pcm(ramp(0.5, 1))
        work.leg('a.wav', leg)
        work.remote.put('a.wav', leg)
        self.archive(work)
        self.assertEqual(work.legs_in_spool(), [])
        self.assertEqual(work.remote.files(), {'a.wav': leg})
        self.assertEqual([line for line in work.cloud.log if line.startswith('POST')], [])

    def test_a_corrupted_upload_is_detected_its_leg_stays_and_the_next_run_repairs_it(self):
        work = self.workdir()
        legs = self.legs(work, 3)
        work.cloud.fault(match='^POST', times=1, corrupt_store=True)
        result = work.run('pbx-archive')
        self.assertNotIn(result.status, (0, 70, 99), str(result))
        self.nothing_lost(work, legs)
        self.assertEqual(len(work.legs_in_spool()), 1)
        self.hints(result)
        work.cloud.clear()
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)

    def test_a_corrupted_upload_of_a_stitched_recording_is_detected_and_repaired(self):
        work = self.workdir()
        work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        work.cloud.fault(match='^POST.*', times=1, corrupt_store=True)
        result = work.run('pbx-archive')
        self.assertNotIn(result.status, (0, 70, 99), str(result))
        work.cloud.clear()
        self.archive(work)
        self.assertEqual(work.remote.files()[f'stitched/{CALL}.wav'], work.stitched_file(CALL).read_bytes())

    def test_objects_for_which_the_server_reports_no_md5_are_not_trusted(self):
        work = self.workdir()
        legs = self.legs(work, 3)
        work.cloud.fault(match='^POST', times=1, corrupt_store=True, no_md5=True)
        work.cloud.fault(match='.', no_md5=True)
        work.run('pbx-archive')
        self.nothing_lost(work, legs)


class TroubledRemote(Archiving):
    def test_a_remote_that_is_down_is_69_and_loses_nothing(self):
        work = self.workdir()
        legs = self.legs(work, 3)
        work.remote_down()
        result = self.archive(work, status=69, timeout=90)
        self.hints(result)
        self.assertEqual(work.legs_in_spool(), sorted(legs))
        work.remote_up()
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)

    def test_a_remote_that_fails_halfway_loses_nothing_and_the_next_run_continues(self):
        for status in (503, 403):  # other faults: faults/test_remote.py
            with self.subTest(status):
                work = self.workdir()
                legs = self.legs(work, 12)
                work.cloud.fault(match='.', after=8, status=status)
                result = work.run('pbx-archive', timeout=150)
                self.assertIn(result.status, (69, 77) if status == 403 else (69,), str(result))
                self.nothing_lost(work, legs)
                work.cloud.clear()
                self.archive(work)
                self.assertEqual(work.remote.files(), legs)
                self.assertEqual(work.legs_in_spool(), [])

    def test_one_leg_that_the_bucket_forbids_does_not_hold_up_the_others(self):
        work = self.workdir()
        legs = self.legs(work, 4)
        name = sorted(legs)[1]
        work.cloud.fault(match=re.escape(name), status=403, reason='forbidden')
        # The name of an upload is in the request's body, not in its address: forbid it there too.
        work.cloud.buckets['bkt'] = _Forbidding(BELOW + name)
        result = work.run('pbx-archive', timeout=90)
        self.assertNotIn(result.status, (0, 70, 99), str(result))
        self.nothing_lost(work, legs)
        self.assertTrue((work.spool / name).exists())

    def test_a_bucket_that_does_not_exist_is_an_error_and_loses_nothing(self):
        work = self.workdir()
        legs = self.legs(work, 2)
        result = work.run('pbx-archive', '--remote', 'firebase:nosuchbucket/recordings', timeout=60)
        self.assertIn(result.status, (69, 78), str(result))
        self.hints(result)
        self.assertEqual(work.legs_in_spool(), sorted(legs))

    def test_a_remote_that_the_rclone_configuration_does_not_know_is_an_error(self):
        work = self.workdir()
        self.legs(work, 1)
        result = work.run('pbx-archive', '--remote', 'nosuchremote:bkt/recordings', timeout=60)
        self.assertIn(result.status, (69, 78), str(result))
        self.hints(result)
        self.assertEqual(len(work.legs_in_spool()), 1)

    def test_a_missing_rclone_is_named(self):
        work = self.workdir()
        self.legs(work, 1)
        result = self.archive(work, '--rclone', '/nonexistent/rclone', status=69)
        self.says(result, '/nonexistent/rclone')
        self.hints(result)

    def test_a_server_that_never_answers_is_given_up_at_the_deadline(self):
        for match in ('.', '^POST'):
            with self.subTest(match):
                work = self.workdir()
                legs = self.legs(work, 2)
                work.cloud.fault(match=match, hang=True)
                started = time.monotonic()
                result = work.run('pbx-archive', '--timeout', '8s', timeout=40)
                self.assertLess(time.monotonic() - started, 20 * SLOW)
                self.assertIn(result.status, (69, 75), str(result))
                self.assertEqual(processes_with(str(work.path)), [])
                work.cloud.clear()
                self.nothing_lost(work, legs)
                self.archive(work)
                self.assertEqual(work.remote.files(), legs)


class _Forbidding(dict):
    """A bucket that rejects one name."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def __setitem__(self, name, entry):
        if name == self.name:
            raise ConnectionResetError('refused by the test')
        super().__setitem__(name, entry)


class TwoAtOnce(Archiving):
    def test_two_runs_at_once_get_every_leg_into_the_bucket(self):
        rounds = 100 if LONG else 6 if SANITIZED else 20
        for number in range(rounds):
            work = self.workdir(database=False)
            legs = self.legs(work, 60)
            runs = [work.start('pbx-archive') for _ in range(2)]
            results = [work.finish(run) for run in runs]
            self.assertIn(sorted(result.status for result in results), ([0, 0], [0, 75]),
                          f'round {number}\n{results[0]}\n{results[1]}')
            self.assertEqual(work.remote.files(), legs, f'round {number}')
            self.assertEqual(work.legs_in_spool(), [], f'round {number}')
            work.close()

    def test_the_second_of_two_runs_ends_with_75_and_names_the_lock_holder(self):
        work = self.workdir()
        self.legs(work, 2)
        work.cloud.fault(hang=True)
        first = work.start('pbx-archive')
        deadline = time.monotonic() + 20
        while not work.cloud.log and time.monotonic() < deadline:
            time.sleep(0.05)
        second = self.archive(work, status=75, timeout=20)
        self.says(second, str(first.pid))
        work.cloud.clear()
        self.status(work.finish(first), 0)

    def test_a_killed_run_leaves_no_rclone_running_beside_the_next(self):
        work = self.workdir()
        legs = self.legs(work, 5)
        work.cloud.fault(match='^POST', delay_ms=30000)
        first = work.start('pbx-archive')
        deadline = time.monotonic() + 20
        while not any(line.startswith('POST') for line in work.cloud.log) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertTrue(any(line.startswith('POST') for line in work.cloud.log), 'nothing was uploaded')
        first.send_signal(signal.SIGKILL)
        first.wait()
        deadline = time.monotonic() + 10
        while (alive := processes_with(str(work.path))) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(alive, [], 'rclone outlived its parent')
        work.cloud.clear()
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)

    def test_sigterm_ends_a_run_with_its_rclone_and_loses_nothing(self):
        work = self.workdir()
        legs = self.legs(work, 5)
        work.cloud.fault(match='^POST', delay_ms=30000)
        first = work.start('pbx-archive')
        deadline = time.monotonic() + 20
        while not any(line.startswith('POST') for line in work.cloud.log) and time.monotonic() < deadline:
            time.sleep(0.02)
        first.terminate()
        first.wait(20 * SLOW)
        deadline = time.monotonic() + 10
        while (alive := processes_with(str(work.path))) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(alive, [])
        work.cloud.clear()
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)


class TheHour(Archiving):
    def test_stitch_then_archive_then_fetch_returns_the_call(self):
        work = self.workdir()
        work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        whole = work.stitched_file(CALL).read_bytes()
        self.archive(work)
        work.stitched_file(CALL).unlink()
        self.assertEqual(self.status(work.run('pbx-recording-fetch', CALL), 0).out, whole)

    def test_a_leg_that_no_row_names_is_archived_all_the_same(self):
        work = self.workdir()
        work.leg('orphan.wav')
        self.archive(work)
        self.assertEqual(work.remote.files(), {'orphan.wav': sound.tone()})


if __name__ == '__main__':
    main()
