#!/usr/bin/env python3
"""pbx-archive finds or gets other bytes in the bucket than it has: the leg stays, and the next run repairs what it can."""
import os

from archiving import CALL, Archiving
from sound import pcm, ramp
from workdir import main


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


if __name__ == '__main__':
    main()
