#!/usr/bin/env python3
"""pbx-archive copies stitched recordings and moves legs to the bucket."""
import json
import os
import time

import sound
from archiving import CALL, Archiving
from sound import pcm, ramp
from workdir import main


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
