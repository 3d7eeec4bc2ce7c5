#!/usr/bin/env python3
"""How the tools use rclone: few runs for many names, one bad object among good ones, and the work of other nodes."""
import os
import sys

from workdir import SLOW, Case, main

LEG = b'RIFF' + bytes(40) + b'\1\2' * 500


class Archive(Case):
    def test_three_hundred_legs_need_few_rclone_runs(self):
        work = self.workdir(database=False)
        work.count_rclone()
        for number in range(300):
            work.leg(f'{number}.wav', LEG)
        self.quiet(work.run('pbx-archive'))
        self.assertEqual(work.legs_in_spool(), [])
        self.assertLess(len(work.rclone_runs()), 12)

    def test_one_forbidden_object_among_many_is_named_and_the_others_are_archived(self):
        work = self.workdir(database=False)
        for number in range(40):
            work.leg(f'{number:02}.wav', LEG)
        work.cloud.fault(match=r'17\.wav', status=403)
        result = self.status(work.run('pbx-archive'), 77)
        self.assertEqual(work.legs_in_spool(), ['17.wav'])
        self.says(result, r'17\.wav: .*403')
        self.assertNotIn('18.wav', result.err)
        work.cloud.clear()
        self.quiet(work.run('pbx-archive'))
        self.assertEqual(work.legs_in_spool(), [])

    def test_no_leg_counts_as_absent_when_the_bucket_or_folder_does_not_exist(self):
        for remote, elsewhere in (('gcs', 'firebase:nobucket/x'), ('local', None)):
            with self.subTest(remote):
                work = self.workdir(remote=remote)
                work.cdr('1776500000.1', 'gone.wav')
                elsewhere = elsewhere or str(work.path / 'not-mounted')
                result = self.status(work.run('pbx-recording-fetch', '1776500000.1', env={'PBX_REMOTE': elsewhere}), 69)
                self.says(result, 'it has no marker')
                self.status(work.run('pbx-recording-fetch', '1776500000.1'), 66)

    def test_variables_of_rclone_cannot_change_what_a_run_does(self):
        work = self.workdir(database=False)
        work.leg('a.wav', LEG)
        self.quiet(work.run('pbx-archive', env={'RCLONE_DRY_RUN': 'true', 'RCLONE_EXCLUDE': '*', 'RCLONE_MAX_SIZE': '1'}))
        self.assertEqual(work.remote.files(), {'a.wav': LEG})

    def test_an_upload_that_was_cut_short_is_completed(self):
        for length in (0, 44, 700):
            with self.subTest(length):
                work = self.workdir(remote='local', database=False)
                work.remote.put('a.wav', LEG[:length])
                work.leg('a.wav', LEG)
                self.quiet(work.run('pbx-archive'))
                self.assertEqual(work.remote.files(), {'a.wav': LEG})
                self.assertEqual(work.legs_in_spool(), [])

    def test_a_leg_whose_name_rclone_would_rewrite_stays_and_is_named(self):
        work = self.workdir(database=False)
        work.leg('a\uff0fb.wav', LEG)
        work.leg('good.wav', LEG)
        result = self.status(work.run('pbx-archive'), 65)
        self.assertEqual(work.legs_in_spool(), ['a\uff0fb.wav'])
        self.says(result, 'cannot be archived under this name')
        self.hints(result)

    def test_the_journal_lists_the_legs_that_left(self):
        work = self.workdir(database=False)
        work.leg('a.wav', LEG)
        self.quiet(work.run('pbx-archive'))
        journals = list(work.spool.glob('.moved-*'))
        self.assertEqual(len(journals), 1)
        self.assertRegex(journals[0].read_text(), r'(?m)^\d+\ta\.wav$')

    def test_a_stitched_recording_of_another_node_with_more_legs_is_not_replaced(self):
        work = self.workdir()
        work.three_legs('1776500000.1')
        self.status(work.run('pbx-stitch'), 0)
        whole = work.stitched_file('1776500000.1')
        theirs = whole.read_bytes()
        work.remote.put('stitched/1776500000.1.wav', theirs)
        whole.unlink()
        # Here the last leg does not exist yet.
        work.db.sql("delete from asterisk_cdr where id = (select max(id) from asterisk_cdr)")
        self.status(work.run('pbx-stitch'), 0)
        self.assertNotEqual(whole.read_bytes(), theirs)
        self.quiet(work.run('pbx-archive', '--min-age', '7d'))
        self.assertEqual(work.remote.files()['stitched/1776500000.1.wav'], theirs)

    def test_a_stitched_recording_whose_older_version_cannot_be_read_is_tried_again(self):
        work = self.workdir()
        work.three_legs('1776500000.1')
        self.status(work.run('pbx-stitch'), 0)
        work.remote.put('stitched/1776500000.1.wav', b'older')
        work.cloud.fault(match=r'alt=media|/download/', status=403)
        self.assertNotEqual(work.run('pbx-archive', '--min-age', '7d').status, 0)
        work.cloud.clear()
        self.quiet(work.run('pbx-archive', '--min-age', '7d'))
        self.assertEqual(work.remote.files(), {'stitched/1776500000.1.wav': work.stitched_file('1776500000.1').read_bytes()})

    def test_stitched_recordings_that_are_archived_are_not_looked_up_again(self):
        work = self.workdir(database=False)
        work.stitched.mkdir()
        for number in range(50):
            (work.stitched / f'{number}.wav').write_bytes(LEG)
        self.quiet(work.run('pbx-archive', '--min-age', '0s'))
        self.assertEqual(len(work.remote.files()), 50)
        if 'user.pbx.archived' not in os.listxattr(work.stitched / '1.wav'):
            self.skipTest('this file system has no extended attributes')
        work.cloud.log.clear()
        self.quiet(work.run('pbx-archive', '--min-age', '0s'))
        self.assertEqual([line for line in work.cloud.log if 'stitched' in line], [])
        (work.stitched / '7.wav').write_bytes(LEG + b'xx')
        self.quiet(work.run('pbx-archive', '--min-age', '0s'))
        self.assertEqual(work.remote.files()['stitched/7.wav'], LEG + b'xx')

    def test_an_upload_that_the_server_delays_forever_ends_and_the_others_succeed(self):
        work = self.workdir(database=False)
        for name in ('a.wav', 'b.wav', 'c.wav'):
            work.leg(name, LEG)
        work.cloud.fault(match=r'POST .*b\.wav', status=503)
        self.status(work.run('pbx-archive', timeout=200 * SLOW), 69)
        self.assertEqual(work.legs_in_spool(), ['b.wav'])


if __name__ == '__main__':
    sys.exit(main('pbx-archive', 'pbx-stitch', 'pbx-migrate'))
