#!/usr/bin/env python3
"""pbx-archive init makes a place an archive. Without its marker, nothing is concluded, created or moved: an unmounted disk, a
deleted bucket and a mistyped path look like an empty archive."""
import json
import shutil
import sys

from archiving import CALL, Archiving, crypt
from sound import pcm, ramp
from workdir import ARCHIVE_ID, BELOW, MARKER, MARKER_TEXT, main

OTHER_ID = 'deadbeef' * 4
OTHER_MARKER = MARKER_TEXT.replace(ARCHIVE_ID.encode(), OTHER_ID.encode())


class Marker(Archiving):
    """A PBX whose remote is not an archive yet, and whose database remembers none."""

    def new_pbx(self, **how):
        work = self.workdir(**how)
        work.remote.remove(MARKER)
        if work.db:
            work.db.sql('delete from archives')
        return work

    def init(self, work, *arguments, status=0, **how):
        return self.status(work.run('pbx-archive', 'init', *arguments, **how), status)

    def marker(self, work):
        """The marker in the remote, read without rclone; None when there is none."""
        if work.cloud:
            text = work.cloud.objects(below=BELOW).get(MARKER)
        else:
            file = work.remote.folder / MARKER
            text = file.read_bytes() if file.exists() else None
        return text and json.loads(text)

    def remembered(self, work):
        return work.db.sql('select remote, id from archives order by remote')


class Init(Marker):
    def test_init_stores_a_marker_and_the_database_remembers_its_id(self):
        for remote in ('gcs', 'local', 'webdav'):
            with self.subTest(remote):
                work = self.new_pbx(remote=remote)
                self.says(self.init(work), 'is an archive now: [0-9a-f]{32}')
                marker = self.marker(work)
                self.assertRegex(marker['id'], '^[0-9a-f]{32}$')
                self.assertRegex(marker['made'], r'^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$')
                self.assertIn(marker['version'], work.run('pbx-archive', '--version').text)
                self.assertEqual(self.remembered(work), [[work.remote.path, marker['id']]])
                legs = self.legs(work, 2)
                self.quiet(self.archive(work))
                self.assertEqual(work.remote.files(), legs)
                self.assertEqual(self.marker(work), marker)

    def test_each_archive_gets_an_id_of_its_own(self):
        first, second = self.new_pbx(), self.new_pbx()
        self.init(first)
        self.init(second)
        self.assertNotEqual(self.marker(first)['id'], self.marker(second)['id'])

    def test_a_second_init_changes_nothing(self):
        work = self.new_pbx()
        self.init(work)
        marker, before = self.marker(work), work.snapshot(work.spool)
        result = self.init(work)
        self.says(result, f"is an archive already: {marker['id']}")
        self.assertEqual((self.marker(work), work.snapshot(work.spool)), (marker, before))
        self.assertEqual(self.init(work, '-q').err, '')

    def test_a_dry_run_of_init_stores_nothing(self):
        work = self.new_pbx(remote='local')
        before = work.snapshot()
        self.says(self.init(work, '--dry-run'), 'would make remote .* an archive')
        self.assertEqual((work.snapshot(), self.remembered(work)), (before, []))

    def test_init_creates_a_folder_but_no_bucket(self):
        for remote in ('local', 'webdav'):
            with self.subTest(remote):
                work = self.new_pbx(remote=remote)
                path = work.remote.path + '/of/calls'
                self.init(work, '--remote', path)
                self.assertTrue((work.remote.folder / 'of/calls' / MARKER).exists())
        work = self.new_pbx()
        result = self.init(work, '--remote', 'firebase:mistyped/recordings', status=69)
        self.says(result, 'its bucket does not exist')
        self.hints(result)
        self.assertEqual(list(work.cloud.buckets), ['bkt'])
        self.assertEqual(self.remembered(work), [])

    def test_init_needs_a_remote_and_a_database(self):
        self.hints(self.init(self.workdir(remote=None), status=78))
        work = self.new_pbx()
        self.hints(self.init(work, env={'PBX_DATABASE': 'host=/nowhere'}, status=69))
        self.assertIsNone(self.marker(work))

    def test_an_archive_that_was_used_before_markers_becomes_one_by_init(self):
        work = self.new_pbx()
        leg = pcm(ramp(0.2))
        work.remote.put('old.wav', leg)
        work.leg('new.wav', leg)
        result = self.archive(work, status=69)
        self.says(result, 'hint: .*pbx-archive init')
        self.init(work)
        self.quiet(self.archive(work))
        self.assertEqual(work.remote.files(), {'old.wav': leg, 'new.wav': leg})

    def test_a_database_that_does_not_know_the_marker_adopts_it(self):
        work = self.new_pbx()
        work.remote.put(MARKER, OTHER_MARKER)
        work.leg('a.wav')
        self.says(self.archive(work, status=69), OTHER_ID, 'hint: .*pbx-archive init')
        self.says(self.init(work), f'is an archive already: {OTHER_ID}', 'the database remembers it')
        self.assertEqual(self.remembered(work), [[work.remote.path, OTHER_ID]])
        self.assertEqual(self.marker(work)['id'], OTHER_ID)
        self.quiet(self.archive(work))

    def test_a_marker_other_than_the_remembered_one_is_refused_until_it_is_replaced(self):
        work = self.new_pbx()
        self.init(work)
        known = self.marker(work)['id']
        work.remote.put(MARKER, OTHER_MARKER)
        result = self.init(work, status=78)
        self.says(result, OTHER_ID, known, 'hint: .*pbx-archive init --replace')
        self.assertEqual(self.remembered(work), [[work.remote.path, known]])
        self.says(self.init(work, '--replace'), f'the database remembers it instead of {known}')
        self.assertEqual(self.remembered(work), [[work.remote.path, OTHER_ID]])
        work.leg('a.wav')
        self.quiet(self.archive(work))

    def test_a_marker_that_is_gone_is_stored_again_only_on_request(self):
        work = self.new_pbx()
        self.init(work)
        known = self.marker(work)['id']
        work.remote.remove(MARKER)
        result = self.init(work, status=69)
        self.says(result, known, 'hint: .*mounted.*pbx-archive init --replace')
        self.assertIsNone(self.marker(work))
        self.init(work, '--replace')
        self.assertEqual(self.remembered(work), [[work.remote.path, self.marker(work)['id']]])
        self.assertNotEqual(self.marker(work)['id'], known)

    def test_a_damaged_marker_is_no_archive_until_it_is_replaced(self):
        for damage in (b'{', b'{"id": "short"}', b'x' * 60000):
            with self.subTest(damage[:20]):
                work = self.new_pbx()
                work.remote.put(MARKER, damage)
                self.says(self.archive(work, status=69), 'its marker .* is damaged', 'hint: ')
                self.hints(self.init(work, status=78))
                self.init(work, '--replace')
                self.quiet(self.archive(work))

    def test_two_machines_share_one_archive(self):
        work = self.new_pbx()
        other = work.second_node()
        self.init(work)
        self.says(self.init(other), 'is an archive already')
        for machine, name in ((work, 'x-a.wav'), (other, 'x-b.wav')):
            machine.leg(name)
            self.quiet(self.archive(machine))
        self.assertEqual(sorted(work.remote.files()), ['x-a.wav', 'x-b.wav'])

    def test_two_inits_at_once_agree_on_one_marker(self):
        work = self.new_pbx()
        other = work.second_node()
        runs = [machine.start('pbx-archive', 'init') for machine in (work, other)]
        for machine, run in zip((work, other), runs):
            self.status(machine.finish(run), 0)
        self.assertEqual(self.remembered(work), [[work.remote.path, self.marker(work)['id']]])

    def aliased(self, work, folder, name='back'):
        """A remote that leads to the folder by another way than its path."""
        with open(work.rclone_conf, 'a', encoding='utf-8') as conf:
            conf.write(f'[{name}]\ntype = alias\nremote = {folder}\n')
        return f'{name}:'

    def test_a_remote_that_leads_to_the_spool_is_refused_and_every_leg_stays(self):
        work = self.new_pbx(remote='local')
        link = work.path / 'link'
        link.symlink_to(work.spool)
        legs = self.legs(work, 2)
        for remote in (work.spool, link, self.aliased(work, work.spool)):
            with self.subTest(remote):
                result = self.init(work, '--remote', remote, status=78)
                self.says(result, 'is a part of an archive: .pbx-archive.json is there. Nothing was removed')
                self.hints(result)
                self.assertEqual(self.remembered(work), [])
                self.assertFalse((work.spool / MARKER).exists(), 'nothing is left there')
                (work.spool / MARKER).write_bytes(MARKER_TEXT)
                for tool in ('pbx-archive', 'pbx-stitch'):
                    self.status(work.run(tool, '--remote', remote), 78)
                self.init(work, '--remote', remote, status=78)
                self.assertEqual((work.spool / MARKER).read_bytes(), MARKER_TEXT)
                self.assertEqual(work.legs_in_spool(), sorted(legs))
                (work.spool / MARKER).unlink()

    def test_a_folder_of_ours_that_is_in_the_archive_is_refused(self):
        work = self.workdir(remote='local')
        legs = self.legs(work, 2)
        self.archive(work)
        for option, folder in (('--stitch-src', work.remote.folder), ('--stitched', work.remote.folder / 'stitched'),
                               ('--stitched', work.remote.folder)):
            with self.subTest(f'{option} {folder}'):
                for tool in (('pbx-archive', '--keep-stitched', '1s'), ('pbx-stitch',)):
                    self.says(self.status(work.run(*tool, option, folder), 78), 'is a part of an archive')
        self.assertEqual(work.remote.files(), legs)

    def test_recordings_are_copied_to_an_archive_that_replaces_another(self):
        work = self.workdir(remote='local')
        work.three_legs()
        self.status(work.run('pbx-stitch'), 0)
        self.archive(work)
        stored = work.remote.files()
        self.assertIn(f'stitched/{CALL}.wav', stored)
        shutil.rmtree(work.remote.folder)
        work.remote.folder.mkdir()
        self.says(self.init(work, '--replace'), '1 stitched recording on this disk will be copied to the new archive')
        self.archive(work)
        self.assertEqual(work.remote.files(), {f'stitched/{CALL}.wav': stored[f'stitched/{CALL}.wav']})

    def test_passwords_in_the_remote_are_neither_shown_nor_remembered(self):
        work = self.new_pbx()
        remote = f':gcs,anonymous,bucket_policy_only,client_secret=hunter22,endpoint="{work.cloud.endpoint}":bkt/{BELOW}'
        result = self.init(work, '-v', '--remote', remote)
        self.assertNotIn('hunter22', result.err + str(self.remembered(work)))
        self.assertEqual(self.remembered(work)[0][0], ':gcs,...:bkt/' + BELOW.rstrip('/'))


class WithoutMarker(Marker):
    """What a run does in a place that is not the archive."""

    def unchanged(self, work, *, status=69, env=None, why='remote', prepare=lambda: None):
        """Each kind of run ends with this status, and nothing is created, concluded or moved; with and without work to do."""
        for legs, runs in (({}, ((), ('audit',))), ({'a.wav': pcm(ramp(0.1))}, ((), ('--dry-run',)))):
            for name, data in legs.items():
                work.leg(name, data)
            prepare()
            before = work.snapshot(work.spool, work.path / 'remote'), work.remote.files(), sorted(work.path.glob('**/'))
            for arguments in runs:
                with self.subTest(arguments=arguments, legs=len(legs)):
                    result = self.archive(work, *arguments, status=status, env=env)
                    self.hints(result)
                    self.says(result, why)
                    self.assertEqual(result.out, b'')
            self.assertEqual(before, (work.snapshot(work.spool, work.path / 'remote'), work.remote.files(),
                                      sorted(work.path.glob('**/'))))
            self.assertEqual(sorted(work.spool.glob('.moved-*')), [])

    def test_an_unmounted_disk_swallows_nothing(self):
        work = self.workdir(remote='local')
        disk = work.path / 'disk'
        # The mount point is there, and the disk is not.
        def unmount():
            shutil.rmtree(work.remote.folder)
            work.remote.folder.mkdir()
        work.remote.folder.rename(disk)
        work.remote.folder.mkdir()
        self.unchanged(work, prepare=unmount, why=f'remote {work.remote.path} is not an archive: it has no marker {MARKER}')
        self.assertEqual(list(work.remote.folder.iterdir()), [])
        work.remote.folder.rmdir()
        disk.rename(work.remote.folder)
        self.quiet(self.archive(work))
        self.assertEqual(work.legs_in_spool(), [])

    def test_a_place_with_other_recordings_is_not_the_archive_either(self):
        work = self.workdir(remote='local')
        def other_place():
            shutil.rmtree(work.remote.folder)
            work.remote.folder.mkdir()
            (work.remote.folder / 'other.wav').write_bytes(pcm(ramp(0.1)))
        self.unchanged(work, prepare=other_place, why=f'remote {work.remote.path} is not an archive: it has no marker {MARKER}')

    def test_a_folder_that_is_gone_is_not_created(self):
        for remote in ('local', 'webdav'):
            with self.subTest(remote):
                work = self.workdir(remote=remote)
                shutil.rmtree(work.remote.folder)
                self.unchanged(work, why='is not an archive')
                self.assertFalse(work.remote.folder.exists())

    def test_a_deleted_bucket_is_not_created(self):
        work = self.workdir()
        bucket = work.cloud.buckets.pop('bkt')
        work.cloud.buckets['spare'] = {}
        self.unchanged(work, why='is not an archive')
        self.assertEqual(work.cloud.buckets, {'spare': {}})
        work.cloud.buckets['bkt'] = bucket

    def test_a_mistyped_remote_or_path_or_rclone_is_harmless(self):
        work = self.workdir()
        for setting, value, why in (('PBX_REMOTE', 'firebase:bkt/astra_pbx/recording', 'is not an archive'),
                                    ('PBX_REMOTE', 'firebsae:bkt/' + BELOW, "didn't find section in config file"),
                                    ('PBX_REMOTE', 'bkt/' + BELOW, 'is not an archive'),
                                    ('PBX_REMOTE', 'firebase:bkt', 'is not an archive'),
                                    ('PBX_RCLONE', '/usr/bin/rclnoe', '/usr/bin/rclnoe'),
                                    ('PBX_RCLONE', 'true', 'is not an archive')):
            with self.subTest(value):
                self.unchanged(work, env={setting: value}, why=why)
                (work.spool / 'a.wav').unlink()

    def test_a_remote_that_is_down_or_forbidden_is_reported_also_when_there_is_nothing_to_do(self):
        work = self.workdir()
        work.cloud.fault(status=403)
        self.unchanged(work, status=77)
        work.cloud.clear()
        (work.spool / 'a.wav').unlink()
        work.remote_down()
        self.unchanged(work)

    def test_another_archive_than_the_remembered_one_is_harmless(self):
        work = self.workdir()
        work.remote.put(MARKER, OTHER_MARKER)
        self.unchanged(work, why=OTHER_ID)

    def test_without_a_database_the_marker_decides_and_then_the_id_of_the_last_run(self):
        away = {'PBX_DATABASE': 'host=/nowhere'}
        work = self.workdir()
        legs = self.legs(work, 1)
        self.quiet(self.archive(work, env=away))
        self.assertEqual(work.remote.files(), legs)
        self.quiet(self.archive(work))
        work.remote.put(MARKER, OTHER_MARKER)
        work.leg('b.wav')
        self.says(self.archive(work, env=away, status=69), OTHER_ID)
        self.assertEqual(work.legs_in_spool(), ['b.wav'])
        work.remote.remove(MARKER)
        self.says(self.archive(work, env=away, status=69), 'has no marker')
        work.remote.put(MARKER, MARKER_TEXT)
        self.quiet(self.archive(work, env=away))
        self.assertEqual(work.legs_in_spool(), [])

    def test_the_json_report_has_the_failure(self):
        work = self.workdir()
        work.remote.remove(MARKER)
        result = self.archive(work, '--json', status=69)
        self.assertIn('has no marker', result.text)
        json.loads(result.text)

    def test_an_audit_does_not_list_the_marker_and_a_run_does_not_replace_it(self):
        work = self.workdir()
        work.leg(MARKER, b'x')
        self.says(self.archive(work, status=78), 'is a part of an archive: .pbx-archive.json is there')
        self.assertEqual(self.marker(work), json.loads(MARKER_TEXT))
        self.assertNotIn(MARKER, self.archive(work, 'audit').text)


class DuringTheRun(Archiving):
    def test_no_leg_leaves_when_the_disk_of_the_archive_goes_away_during_the_run(self):
        """As when a disk is unmounted: an empty folder is in its place."""
        for kind in ('local', 'crypt', 'sftp', 'webdav'):
            with self.subTest(kind):
                work = self.workdir(remote='local' if kind == 'crypt' else kind)
                if kind == 'crypt':
                    crypt(work)
                legs = self.legs(work, 3)
                folder, wrapper = work.remote.folder, work.path / 'unmounting-rclone'
                wrapper.write_text(f'#!/bin/sh\ncase "$*" in *copy*) [ -d {folder}.disk ] || {{ mv {folder} {folder}.disk; '
                                   f'mkdir {folder}; }} ;; esac\nexec rclone "$@"\n', encoding='utf-8')
                wrapper.chmod(0o755)
                self.archive(work, '--rclone', wrapper, status=69)
                self.assertEqual(work.legs_in_spool(), sorted(legs))

    def test_hashes_that_rclone_remembers_are_no_proof(self):
        """hasher, chunker and compress answer with the MD5 of what they were given; here the stored bytes change afterwards."""
        for kind, options in (('hasher', 'hashes = md5\nmax_age = off'), ('chunker', 'hash_type = md5all'), ('compress', '')):
            with self.subTest(kind):
                work = self.workdir(remote='local')
                work.rclone_conf.write_text(f'[wrapped]\ntype = {kind}\nremote = {work.remote.folder}\n{options}\n', encoding='utf-8')
                work.env['PBX_REMOTE'] = 'wrapped:'
                self.status(work.run('pbx-archive', 'init', '--replace'), 0)
                legs = self.legs(work, 1)
                wrapper, stored = work.path / 'flipping-rclone', work.path / 'flip'
                stored.write_text(f'''#!{sys.executable}
import os, pathlib
for path in pathlib.Path("{work.remote.folder}").rglob("20260418*"):
    status, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
''', encoding='utf-8')
                stored.chmod(0o755)
                wrapper.write_text(f'#!/bin/sh\nrclone "$@"\nstatus=$?\ncase "$*" in *copy*) {stored} ;; esac\nexit $status\n',
                                   encoding='utf-8')
                wrapper.chmod(0o755)
                result = work.run('pbx-archive', '--rclone', wrapper)
                self.assertNotEqual(result.status, 0, str(result))
                self.assertEqual(work.legs_in_spool(), sorted(legs))


class Readers(Marker):
    """pbx-stitch and pbx-recording-fetch call a leg missing only if the archive confirms it."""

    def without_marker(self, change):
        work = self.workdir(remote='local')
        work.call(CALL, [('a.wav', pcm(ramp(0.3))), ('b.wav', None)], ago=3 * 3600)
        change(work)
        return work

    def test_no_leg_is_missing_in_a_place_that_is_not_the_archive(self):
        for change in (lambda work: work.remote.remove(MARKER), lambda work: work.remote.put(MARKER, OTHER_MARKER)):
            work = self.without_marker(change)
            result = self.status(work.run('pbx-stitch'), 75)
            self.says(result, 'is not an archive|is not the archive that is known', 'hint: .*pbx-archive init')
            self.assertFalse(work.stitched_file(CALL).exists())
            for arguments in ((CALL,), (CALL, '--leg', '2'), ('--file', 'c.wav')):
                with self.subTest(arguments):
                    result = self.status(work.run('pbx-recording-fetch', *arguments), 69)
                    self.says(result, 'is not an archive|is not the archive that is known')
                    self.assertEqual(result.out, b'')
            work.remote.put(MARKER, MARKER_TEXT)
            self.status(work.run('pbx-stitch'), 0)

    def test_what_is_there_is_served_without_a_marker(self):
        work = self.without_marker(lambda work: work.remote.remove(MARKER))
        leg = pcm(ramp(0.2, 2))
        work.remote.put('b.wav', leg)
        self.assertEqual(self.status(work.run('pbx-recording-fetch', CALL, '--leg', '2'), 0).out, leg)
        self.status(work.run('pbx-stitch'), 0)

    def test_absence_costs_one_rclone_run_more(self):
        work = self.without_marker(lambda work: None)
        work.count_rclone()
        self.status(work.run('pbx-recording-fetch', CALL, '--leg', '2'), 66)
        self.assertEqual([run.split()[0] for run in work.rclone_runs()], ['lsjson', 'cat'])

    def test_a_leg_on_a_disk_that_is_not_mounted_does_not_count_as_absent(self):
        work = self.without_marker(lambda work: None)
        leg = pcm(ramp(0.2, 2))
        work.remote.put('b.wav', leg)
        disk = work.path / 'disk'
        work.remote.folder.rename(disk)
        work.remote.folder.mkdir()
        self.status(work.run('pbx-recording-fetch', CALL), 69)
        work.remote.folder.rmdir()
        disk.rename(work.remote.folder)
        self.status(work.run('pbx-recording-fetch', CALL), 0)


if __name__ == '__main__':
    sys.exit(main('pbx-archive', 'pbx-stitch', 'pbx-recording-fetch', 'pbx-migrate'))
