#!/usr/bin/env python3
"""A byte that changed in the archive or in the cache: it is noticed on each read, and never served as if nothing were wrong."""
import re

from archiving import crypt, flipped
from fetching import CALL, Fetching
from sound import Wav, pcm, ramp
from workdir import main

SINGLE = '1776500000.5'


class Damaged(Fetching):
    """Each kind of remote, and how to change a byte of an object in it."""

    def remotes(self):
        for kind in ('local', 'gcs', 'webdav', 'sftp'):
            yield kind, self.workdir(remote=kind)
        yield 'crypt', crypt(self.workdir(remote='local'))

    def struck(self, places):
        """Each kind of remote with each place of a changed byte; of the slower kinds with the last place alone."""
        for kind, work in self.remotes():
            yield kind, work, places if kind in ('local', 'gcs') else places[-1:]

    def damage(self, work, name, at=-100):
        if work.env['PBX_REMOTE'] == 'secret:':
            name += '.bin'
        before = work.remote.files()[name]
        work.remote.put(name, flipped(before, at))

    def archived(self, work, seconds=1.0, ago=1800):
        """A call of two legs and one of a single leg, all in the archive alone: (whole recording, {leg: bytes})."""
        legs = {'a.wav': pcm(ramp(seconds, 1)), 'b.wav': pcm(ramp(seconds, 2)), 'single.wav': pcm(ramp(seconds, 3))}
        work.call(CALL, [(name, legs[name]) for name in ('a.wav', 'b.wav')], ago=ago)
        work.call(SINGLE, [('single.wav', legs['single.wav'])], ago=ago)
        self.status(work.run('pbx-stitch'), 0)
        whole = work.stitched_file(CALL).read_bytes()
        self.status(work.run('pbx-archive'), 0)
        work.stitched_file(CALL).unlink()
        return whole, legs

    def names_difference(self, result, name):
        self.assertRegex(result.err, rf'(?s){re.escape(name)}.*expected \d+ bytes, MD5 [0-9a-f]{{32}}, SHA-256 [0-9a-f]{{64}}; '
                                     r'found', f'\n{result}')


class InTheArchive(Damaged):
    def test_a_leg_with_a_changed_byte_is_never_served_with_status_0(self):
        for kind, work, places in self.struck((22, 3000, -1)):  # in its header (channels), in the middle, at the end
            _, legs = self.archived(work)
            for at in places:
                with self.subTest(f'{kind} {at}'):
                    self.damage(work, 'single.wav', at)
                    for out in ((), ('-o', str(work.path / 'out.wav'))):
                        result = work.run('pbx-recording-fetch', SINGLE, *out)
                        self.status(result, 65)
                        if kind != 'crypt':
                            self.names_difference(result, 'single.wav')
                            self.hints(result)
                        self.assertFalse((work.path / 'out.wav').exists())
                    self.damage(work, 'single.wav', at)
                    self.assertEqual(self.fetch(work, SINGLE).out, legs['single.wav'])

    def test_a_stitched_recording_with_a_changed_byte_is_rebuilt_from_the_legs_and_reported(self):
        for kind, work, places in self.struck((22, 60, -1)):  # header, manifest, audio
            whole, _ = self.archived(work)
            for at in places:
                with self.subTest(f'{kind} {at}'):
                    self.damage(work, f'stitched/{CALL}.wav', at)
                    result = self.fetch(work, CALL)
                    self.assertEqual(result.out, whole)
                    if kind != 'crypt':
                        self.names_difference(result, f'{CALL}.wav')
                    work.stitched_file(CALL).unlink()
                    self.damage(work, f'stitched/{CALL}.wav', at)

    def test_an_object_that_became_shorter_or_empty_is_damaged_and_one_that_a_line_cuts_is_unavailable(self):
        for kind in ('local', 'gcs', 'sftp'):
            work = self.workdir(remote=kind)
            whole, legs = self.archived(work)
            for left in (5000, 0):
                with self.subTest(f'{kind} {left}'):
                    work.remote.put('single.wav', legs['single.wav'][:left])
                    self.names_difference(self.fetch(work, SINGLE, status=65), 'single.wav')
                    work.remote.put(f'stitched/{CALL}.wav', whole[:left])
                    result = self.fetch(work, CALL, '-o', str(work.path / 'out.wav'))
                    self.names_difference(result, f'{CALL}.wav')
                    self.assertEqual((work.path / 'out.wav').read_bytes(), whole)
                    work.stitched_file(CALL).unlink()
        work = self.workdir(remote='gcs')
        self.archived(work)
        work.cloud.fault(match='single.*alt=media', truncate=5000)
        self.fetch(work, SINGLE, status=69)

    def test_a_long_damaged_recording_gives_a_file_its_good_audio_and_a_pipe_an_error(self):
        for kind in ('local', 'gcs'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                whole, _ = self.archived(work, seconds=20)
                self.damage(work, f'stitched/{CALL}.wav')
                result = work.run('pbx-recording-fetch', CALL)
                self.status(result, 65)
                self.assertLess(len(result.out), len(whole))
                headers = self.fetch(work, CALL, '-o', str(work.path / 'out.wav'), '-D', '-').text
                self.assertEqual((work.path / 'out.wav').read_bytes(), whole)
                self.assertEqual(re.findall('X-Recording-Source: (.*)', headers), ['stitched-ondemand'])

    def test_a_damaged_recording_whose_legs_are_gone_is_an_error_that_names_both(self):
        work = self.workdir()
        self.archived(work, ago=3 * 3600)
        for name in ('a.wav', 'b.wav'):
            work.remote.remove(name)
        for at in (22, 60, -1):
            with self.subTest(at):
                self.damage(work, f'stitched/{CALL}.wav', at)
                self.names_difference(self.fetch(work, CALL, status=65), f'{CALL}.wav')
                self.damage(work, f'stitched/{CALL}.wav', at)

    def test_one_damaged_leg_of_a_call_is_left_out_and_the_others_are_served_with_status_65(self):
        for kind in ('local', 'gcs', 'sftp'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                whole, legs = self.archived(work)
                work.remote.remove(f'stitched/{CALL}.wav')
                self.damage(work, 'b.wav')
                result = work.run('pbx-recording-fetch', CALL)
                self.assertEqual(result.status, 65, f'\n{result}')
                self.names_difference(result, 'b.wav')
                served = Wav(result.out)
                self.assertEqual((served.samples, served.manifest['unreadable']), (legs['a.wav'][44:], ['b.wav']))
                self.assertFalse(work.stitched_file(CALL).exists(), 'what lacks a leg is not kept')
                self.damage(work, 'b.wav')
                self.assertEqual(self.fetch(work, CALL).out, whole)

    def test_stitching_leaves_a_damaged_leg_out_and_reports_it(self):
        for kind in ('local', 'gcs'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                _, legs = self.archived(work)
                self.damage(work, 'b.wav')
                result = self.status(work.run('pbx-stitch', CALL), 65)
                self.names_difference(result, 'b.wav')
                made = Wav(work.stitched_file(CALL)).check()
                self.assertEqual((made.samples, made.manifest['unreadable']), (legs['a.wav'][44:], ['b.wav']))
                self.assertFalse((work.stitch_src / 'b.wav').exists())

    def test_a_damaged_leg_that_no_row_names_is_not_served(self):
        work = self.workdir()
        work.leg('orphan.wav', pcm(ramp(0.5)))
        self.status(work.run('pbx-archive'), 0)
        self.damage(work, 'orphan.wav')
        self.names_difference(self.fetch(work, '--file', 'orphan.wav', status=65), 'orphan.wav')

    def test_an_object_without_facts_is_served_as_before(self):
        work = self.workdir()
        whole, legs = self.archived(work)
        work.db.value('delete from recordings; select 1')
        self.assertEqual(self.fetch(work, CALL).out, whole)
        self.assertEqual(self.fetch(work, SINGLE).out, legs['single.wav'])

    def test_an_archived_recording_that_was_replaced_meanwhile_is_rebuilt(self):
        work = self.workdir()
        whole, _ = self.archived(work)
        other = pcm(ramp(3.0, 7))
        work.remote.put(f'stitched/{CALL}.wav', other)
        self.assertEqual(self.fetch(work, CALL).out, whole)


class OneQuestion(Damaged):
    def test_an_object_with_facts_costs_one_run_of_rclone(self):
        work = self.workdir()
        whole, legs = self.archived(work)
        work.count_rclone()
        self.assertEqual(self.fetch(work, CALL).out, whole)
        self.assertEqual(len(work.rclone_runs()), 1, work.rclone_runs())
        self.assertEqual(self.fetch(work, SINGLE).out, legs['single.wav'])
        self.assertEqual(len(work.rclone_runs()), 2, work.rclone_runs())

    def test_an_object_with_facts_that_is_gone_is_reported_as_gone(self):
        work = self.workdir()
        whole, _ = self.archived(work, ago=3 * 3600)
        work.remote.remove('single.wav')
        self.says(self.fetch(work, SINGLE, status=66), 'neither in the spool nor in the archive')
        work.remote.remove(f'stitched/{CALL}.wav')
        self.assertEqual(self.fetch(work, CALL).out, whole)


class InTheCache(Damaged):
    def cached(self, work):
        """As archived(), and the legs are in stitch-src too."""
        whole, legs = self.archived(work)
        work.remote.remove(f'stitched/{CALL}.wav')
        self.assertEqual(self.fetch(work, CALL).out, whole)
        self.fetch(work, '--file', 'single.wav')
        work.stitched_file(CALL).unlink()
        (work.stitch_src / 'single.wav').write_bytes(legs['single.wav'])
        return whole, legs

    def change(self, work, name):
        path = work.stitch_src / name
        path.write_bytes(flipped(path.read_bytes(), -100))

    def test_while_the_facts_cannot_be_read_nothing_is_served_uncompared(self):
        work = self.workdir()
        self.cached(work)
        self.change(work, 'b.wav')
        work.db.sql("""create function refuse() returns boolean language plpgsql volatile as $$
                begin raise exception 'refused' using errcode = '53100'; end $$;
            alter table recordings rename to hidden; create view recordings as select * from hidden where refuse()""")
        self.assertEqual(self.fetch(work, CALL, status=69).out, b'')
        self.assertFalse(work.stitched_file(CALL).exists())

    def test_a_leg_in_the_cache_that_cannot_be_opened_is_fetched_again_and_holds_up_no_other_call(self):
        work = self.workdir()
        whole, _ = self.cached(work)
        (work.stitch_src / 'b.wav').unlink()
        (work.stitch_src / 'b.wav').symlink_to('/etc/passwd')
        self.says(self.status(work.run('pbx-stitch'), 0), 'b.wav.*it cannot be used, and is fetched again')
        self.assertEqual(work.stitched_file(CALL).read_bytes()[-1000:], whole[-1000:])

    def test_a_damaged_leg_stays_in_the_cache_while_the_archive_has_no_better_one(self):
        work = self.workdir()
        self.cached(work)
        self.change(work, 'b.wav')
        work.remote.remove('b.wav')
        work.run('pbx-recording-fetch', CALL)
        self.assertTrue((work.stitch_src / 'b.wav').exists())

    def test_a_damaged_leg_in_the_cache_is_fetched_again(self):
        for tool in ('pbx-recording-fetch', 'pbx-stitch'):
            with self.subTest(tool):
                work = self.workdir()
                whole, legs = self.cached(work)
                self.change(work, 'a.wav')
                result = self.status(work.run(tool, CALL), 0)
                self.names_difference(result, 'a.wav')
                self.assertEqual(work.stitched_file(CALL).read_bytes(), whole)
                self.assertEqual((work.stitch_src / 'a.wav').read_bytes(), legs['a.wav'])

    def test_a_single_damaged_leg_in_the_cache_is_served_from_the_archive(self):
        for how in ((SINGLE,), ('--file', 'single.wav')):
            with self.subTest(how):
                work = self.workdir()
                _, legs = self.cached(work)
                self.change(work, 'single.wav')
                self.assertEqual(self.fetch(work, *how).out, legs['single.wav'])

    def test_a_damaged_leg_in_the_cache_and_in_the_archive_is_not_served(self):
        work = self.workdir()
        self.cached(work)
        self.change(work, 'single.wav')
        self.damage(work, 'single.wav')
        self.names_difference(self.fetch(work, SINGLE, status=65), 'single.wav')


if __name__ == '__main__':
    main('pbx-recording-fetch', 'pbx-archive', 'pbx-stitch')
