#!/usr/bin/env python3
"""Somebody has changed the audio or the manifest of stitched recordings: none is served as good, none is archived, none replaces a
good one, and a recording with the last copy of a leg stays."""
import json
import os
import re
import struct
import time

import sound
from sound import Wav, pcm, ramp
from workdir import Case, main

CALL = '1776500000.1'
STITCHED = f'stitched/{CALL}.wav'


def audio_checksum(wav):
    """The checksum of the data chunk's bytes, found without the project's code."""
    return sound.xxh128(Wav(wav).samples)


def damaged(wav, at=0.5):
    """The recording with one bit of one sample flipped."""
    taken = Wav(wav)
    place = taken.data_at + int(taken.data_size * at)
    return wav[:place] + bytes([wav[place] ^ 0x10]) + wav[place + 1:]


def with_manifest(wav, change):
    """The recording with another manifest, its header put together by hand."""
    taken = Wav(wav)
    info = dict(taken.info)
    manifest = taken.manifest
    manifest.pop('header', None)  # it would be the checksum of the other header
    change(manifest)
    info['ICMT'] = json.dumps(manifest)
    texts = b''.join(_chunk(tag.encode(), text.encode() + b'\0') for tag, text in info.items())
    chunks = b'WAVE' + _chunk(b'fmt ', struct.pack('<HHIIHH', taken.tag, taken.channels, taken.rate, taken.bytes_a_second,
                                                   taken.block, taken.bits)) + _chunk(b'LIST', b'INFO' + texts)
    chunks += _chunk(b'data', taken.samples)
    return b'RIFF' + struct.pack('<I', len(chunks)) + chunks


def _chunk(tag, body):
    return tag + struct.pack('<I', len(body)) + body + bytes(len(body) % 2)


def without_checksum(wav):
    """The recording as it was made before manifests had a checksum."""
    return with_manifest(wav, lambda manifest: manifest.pop('xxh128'))


class Damage(Case):
    """Shared by the test cases below."""

    def stitched(self, seconds=1, archived=False, **how):
        """A call of three legs, each of so many seconds, stitched; the recording's bytes."""
        work = self.workdir(**how)
        work.call(CALL, [(f'{name}.wav', pcm(ramp(seconds, seed))) for seed, name in enumerate(('a', 'b', 'c'))])
        self.status(work.run('pbx-stitch'), 0)
        whole = work.stitched_file(CALL).read_bytes()
        if archived:
            self.status(work.run('pbx-archive'), 0)
            self.assertEqual(work.legs_in_spool(), [])
        return work, whole

    def put_here(self, work, wav):
        """Change the recording on this disk without changing its times, as a failing disk does."""
        path = work.stitched_file(CALL)
        before = path.stat()
        path.write_bytes(wav)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def put_there(self, work, wav):
        """Change the recording in the remote."""
        work.remote.put(STITCHED, wav)
        if work.remote.folder:
            os.utime(work.remote.folder / STITCHED)

    def source(self, result):
        return re.search(r'X-Recording-Source: (\S+)', result.err).group(1)

    def names_damage(self, result, wav, bad):
        """The message names the recording, and both checksums."""
        self.says(result, re.escape(CALL), audio_checksum(wav), audio_checksum(bad))


class Manifests(Damage):
    def test_the_manifest_has_the_checksum_of_the_bytes_of_the_data_chunk(self):
        work, whole = self.stitched()
        wav = Wav(whole).check()
        self.assertEqual(wav.manifest['xxh128'], audio_checksum(whole))
        self.assertEqual(sound.xxh128(sound.sox_samples(work.stitched_file(CALL))), wav.manifest['xxh128'])

    def test_the_manifest_has_the_checksum_of_the_header_with_zeros_in_its_own_place(self):
        _, whole = self.stitched()
        wav = Wav(whole)
        known = wav.manifest['header'].encode()
        header = whole[:len(whole) - len(wav.samples)]
        self.assertEqual(header.count(known), 1)
        self.assertEqual(sound.xxh128(header.replace(known, b'0' * 32)), known.decode())

    def test_decoded_and_trimmed_recordings_have_the_checksum_too(self):
        for kinds, more in ((('gsm', 'ulaw', 'wav16'), ()), (('wav', 'wav', 'wav'), ('--overlap', 'trim'))):
            with self.subTest(kinds):
                work = self.workdir()
                work.call(CALL, [(f'{place}.wav', sound.tone(440 + place, 1.0, kind)) for place, kind in enumerate(kinds)])
                self.status(work.run('pbx-stitch', *more), 0)
                wav = Wav(work.stitched_file(CALL)).check()
                self.assertEqual(wav.manifest['xxh128'], audio_checksum(wav.bytes))
                self.assertEqual(self.source(self.status(work.run('pbx-recording-fetch', '-v', CALL, *more), 0)),
                                 'stitched-local')

    def test_the_number_of_jobs_and_of_runs_changes_no_byte(self):
        work, whole = self.stitched(seconds=90)
        work.stitched_file(CALL).unlink()
        self.status(work.run('pbx-stitch', '--jobs', '1'), 0)
        self.assertEqual(work.stitched_file(CALL).read_bytes(), whole)


class ThisDisk(Damage):
    def test_a_recording_whose_samples_changed_is_rebuilt_and_replaced(self):
        for archived in (False, True):
            with self.subTest(archived=archived):
                work, whole = self.stitched(archived=archived)
                bad = damaged(whole)
                self.put_here(work, bad)
                result = self.status(work.run('pbx-recording-fetch', '-v', CALL), 0)
                self.assertEqual(result.out, whole)
                self.assertEqual(self.source(result), 'stitched-ondemand')
                self.names_damage(result, whole, bad)
                self.assertEqual(work.stitched_file(CALL).read_bytes(), whole)

    def test_a_recording_whose_header_changed_is_rebuilt_replaced_and_not_archived(self):
        """Its rate, its size, its title, its date, and the manifest."""
        _, whole = self.stitched()
        places = {4, 24, 25, 30, whole.index(b'INAM') + 9, whole.index(b'ICRD') + 12, whole.index(b'"legs"') + 20,
                  whole.index(b'"header"') + 12, whole.index(b'"xxh128"') + 12}
        for place in sorted(places):
            with self.subTest(place):
                work, whole = self.stitched()
                bad = whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1:]
                self.put_here(work, bad)
                os.utime(work.stitched_file(CALL), (time.time() - 600,) * 2)  # without a manifest it could be another program's
                self.status(work.run('pbx-archive'), 65)
                self.assertNotIn(f'stitched/{CALL}.wav', work.remote.files())
                for arguments in ((), ('--format', 'flac')):
                    self.put_here(work, bad)
                    result = self.status(work.run('pbx-recording-fetch', '-v', CALL, *arguments), 0)
                    self.assertEqual(self.source(result), 'stitched-ondemand')
                self.assertEqual(work.stitched_file(CALL).read_bytes(), whole)

    def test_with_o_it_is_rebuilt_too(self):
        work, whole = self.stitched()
        self.put_here(work, damaged(whole, at=0.999))
        self.status(work.run('pbx-recording-fetch', '-o', work.path / 'answer.wav', CALL), 0)
        self.assertEqual((work.path / 'answer.wav').read_bytes(), whole)

    def test_an_encoded_recording_comes_from_verified_audio(self):
        work, whole = self.stitched()
        self.put_here(work, damaged(whole))
        answer = work.path / 'answer.flac'
        self.status(work.run('pbx-recording-fetch', '--format', 'flac', '-o', answer, CALL), 0)
        self.assertEqual(sound.sox_samples(answer), Wav(whole).samples)

    def test_when_legs_are_lost_the_archives_copy_is_served_and_the_damaged_one_kept(self):
        work, whole = self.stitched(archived=True)
        work.remote.remove('b.wav')
        bad = damaged(whole)
        self.put_here(work, bad)
        result = self.status(work.run('pbx-recording-fetch', '-v', CALL), 0)
        self.assertEqual((result.out, self.source(result)), (whole, 'stitched-remote'))
        self.assertEqual(work.stitched_file(CALL).read_bytes(), bad)

    def test_when_legs_are_lost_and_no_good_copy_exists_nothing_is_served(self):
        work, whole = self.stitched(archived=True)
        work.db.sql(f"update asterisk_cdr set calldate = calldate - interval '3 hours' where linkedid = '{CALL}'")
        work.remote.remove('b.wav')
        work.remote.remove(STITCHED)
        bad = damaged(whole)
        self.put_here(work, bad)
        for arguments, lost in (((), ()), (('-o', work.path / 'answer.wav'), ('a.wav', 'c.wav'))):
            for name in lost:
                work.remote.remove(name)
                (work.stitch_src / name).unlink(missing_ok=True)
            result = self.status(work.run('pbx-recording-fetch', *arguments, CALL), 65)
            self.assertEqual(result.out, b'')
            self.names_damage(result, whole, bad)
            self.hints(result)
        self.assertFalse((work.path / 'answer.wav').exists())
        self.assertEqual(work.stitched_file(CALL).read_bytes(), bad)

    def test_a_changed_checksum_and_a_manifest_that_does_not_fit_the_audio_are_noticed(self):
        def other_checksum(manifest):
            manifest['xxh128'] = sound.xxh128(b'other')

        def other_start(manifest):
            manifest['legs'][1]['start'] += 8

        def other_order(manifest):
            manifest['legs'].reverse()

        for change in (other_checksum, other_start, other_order):
            with self.subTest(change.__name__):
                work, whole = self.stitched()
                self.put_here(work, with_manifest(whole, change))
                result = self.status(work.run('pbx-recording-fetch', '-v', CALL), 0)
                self.assertEqual((result.out, self.source(result)), (whole, 'stitched-ondemand'))

    def test_a_recording_from_before_there_were_checksums_is_served_and_not_rebuilt(self):
        work, whole = self.stitched()
        old = without_checksum(whole)
        self.put_here(work, old)
        result = self.status(work.run('pbx-recording-fetch', '-v', CALL), 0)
        self.assertEqual((result.out, self.source(result)), (old, 'stitched-local'))
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertEqual(work.stitched_file(CALL).read_bytes(), old)
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.remote.files()[STITCHED], old)
        work.stitched_file(CALL).unlink()
        self.assertEqual(self.status(work.run('pbx-recording-fetch', CALL), 0).out, old)

    def test_such_a_recording_gains_a_checksum_when_it_is_rebuilt(self):
        work, whole = self.stitched()
        self.put_here(work, without_checksum(whole))
        work.leg('late.wav', pcm(ramp(0.3, 9)), age=7200)
        work.cdr(CALL, 'late.wav', ago=600, sequence=9)
        self.status(work.run('pbx-stitch'), 0)
        wav = Wav(work.stitched_file(CALL))
        self.assertEqual(wav.manifest['xxh128'], audio_checksum(wav.bytes))
        self.assertEqual(len(wav.manifest['legs']), 4)


class TheRemote(Damage):
    def remote_only(self, seconds=1, kind='gcs'):
        work, whole = self.stitched(seconds, archived=True, remote=kind)
        work.stitched_file(CALL).unlink()
        work.db.value('delete from recordings; select 1')  # with facts, the manifest's own checksum is not needed
        bad = damaged(whole)
        self.put_there(work, bad)
        return work, whole, bad

    def test_a_damaged_recording_into_a_file_is_rebuilt_from_the_legs(self):
        for kind in ('gcs', 'local', 'webdav'):
            with self.subTest(kind):
                work, whole, bad = self.remote_only(60, kind)
                answer = work.path / 'answer.wav'
                result = self.status(work.run('pbx-recording-fetch', '-v', '-o', answer, CALL), 0)
                self.assertEqual(answer.read_bytes(), whole)
                self.names_damage(result, whole, bad)
                self.status(work.run('pbx-archive'), 0)
                self.assertEqual(work.remote.files()[STITCHED], whole, 'the good one does not replace the damaged one')

    def test_a_short_damaged_recording_to_stdout_is_rebuilt_too(self):
        work, whole, _ = self.remote_only(seconds=1)
        self.assertEqual(self.status(work.run('pbx-recording-fetch', CALL), 0).out, whole)

    def test_a_long_damaged_recording_to_stdout_ends_non_zero_and_is_never_complete(self):
        work, whole, bad = self.remote_only(seconds=60)
        result = self.status(work.run('pbx-recording-fetch', CALL), 65)
        self.assertLess(len(result.out), len(bad))
        self.assertEqual(result.out, bad[:len(result.out)])
        self.names_damage(result, whole, bad)
        self.hints(result)

    def test_a_damaged_recording_whose_legs_are_lost_is_not_served(self):
        work, whole, bad = self.remote_only(seconds=60)
        work.remote.remove('b.wav')
        answer = work.path / 'answer.wav'
        result = self.status(work.run('pbx-recording-fetch', '-o', answer, CALL), 65)
        self.names_damage(result, whole, bad)
        self.assertFalse(answer.exists())
        self.assertFalse(work.stitched_file(CALL).exists())

    def test_a_truncated_recording_is_not_served(self):
        work, whole, _ = self.remote_only()
        self.put_there(work, whole[:-1000])
        result = self.status(work.run('pbx-recording-fetch', '-v', CALL), 0)
        self.assertEqual((result.out, self.source(result)), (whole, 'stitched-ondemand'))

    def test_an_object_whose_md5_differs_never_comes_whole_to_stdout(self):
        work, whole = self.stitched(seconds=60, archived=True)
        work.stitched_file(CALL).unlink()
        work.cloud.fault(match='alt=media|/download/', corrupt=True)
        result = self.status(work.run('pbx-recording-fetch', CALL), 65)
        self.assertLess(len(result.out), len(whole))


class TheArchive(Damage):
    def test_a_damaged_recording_is_not_archived_and_the_next_stitch_rebuilds_it(self):
        for archived in (False, True):
            with self.subTest(archived=archived):
                work, whole = self.stitched(archived=archived)
                bad = damaged(whole)
                if archived:
                    work.stitched_file(CALL).unlink()
                    work.stitched_file(CALL).write_bytes(bad)
                else:
                    self.put_here(work, bad)
                for _ in range(2):
                    result = self.status(work.run('pbx-archive', '--min-age', '1h'), 65)
                    self.names_damage(result, whole, bad)
                    self.hints(result)
                    self.says(result, 'pbx-stitch', 'pbx-recording-fetch')
                    self.assertEqual(work.remote.files().get(STITCHED), whole if archived else None)
                result = self.status(work.run('pbx-stitch', '-v'), 0)
                self.says(result, r'stitched .*\(its audio is damaged\)')
                self.assertEqual(work.stitched_file(CALL).read_bytes(), whole)
                self.status(work.run('pbx-archive', '-v'), 0)
                self.assertEqual(work.remote.files()[STITCHED], whole)
                self.quiet(self.status(work.run('pbx-stitch'), 0))

    def test_a_fetch_rebuilds_what_the_archive_refused(self):
        work, whole = self.stitched()
        self.put_here(work, damaged(whole))
        self.status(work.run('pbx-archive', '--min-age', '1h'), 65)
        self.assertEqual(self.status(work.run('pbx-recording-fetch', CALL), 0).out, whole)
        self.assertEqual(work.stitched_file(CALL).read_bytes(), whole)
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.remote.files()[STITCHED], whole)

    def test_a_dry_run_refuses_a_damaged_recording_too_and_marks_nothing(self):
        work, whole = self.stitched()
        self.put_here(work, damaged(whole))
        before = work.snapshot(work.stitched)
        self.status(work.run('pbx-archive', '--dry-run'), 65)
        self.assertEqual(work.snapshot(work.stitched), before)

    def test_the_other_recordings_are_archived_all_the_same(self):
        work, whole = self.stitched()
        work.three_legs('1776500000.2')
        self.status(work.run('pbx-stitch'), 0)
        self.put_here(work, damaged(whole))
        self.status(work.run('pbx-archive'), 65)
        self.assertIn('stitched/1776500000.2.wav', work.remote.files())
        self.assertNotIn(STITCHED, work.remote.files())


class LastCopies(Damage):
    """The recording has the only copy of some leg, and something causes a rebuild."""

    def with_a_late_leg(self, archived=True):
        work, whole = self.stitched(archived=archived)
        for name in ('a.wav', 'b.wav'):
            work.remote.remove(name)
        work.leg('late.wav', pcm(ramp(0.3, 9)), age=7200)
        work.cdr(CALL, 'late.wav', ago=1700, sequence=9)
        work.db.sql(f"update asterisk_cdr set calldate = calldate - interval '3 hours' where linkedid = '{CALL}'")
        return work, whole

    def test_pbx_stitch_keeps_a_recording_that_has_more_of_the_call(self):
        work, whole = self.with_a_late_leg()
        result = self.status(work.run('pbx-stitch'), 65)
        self.says(result, CALL, r'a\.wav')
        self.hints(result)
        self.assertEqual(work.stitched_file(CALL).read_bytes(), whole)
        work.remote.put('a.wav', pcm(ramp(1, 0)))
        work.remote.put('b.wav', pcm(ramp(1, 1)))
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, Wav(whole).samples + ramp(0.3, 9))

    def test_a_fetch_serves_and_keeps_a_recording_that_has_more_of_the_call(self):
        work, whole = self.with_a_late_leg()
        result = self.status(work.run('pbx-recording-fetch', '-v', CALL), 0)
        self.assertEqual(result.out, whole)
        self.says(result, r'X-Recording-Missing: 1', r'X-Recording-Legs: 3', r'late\.wav')
        self.assertEqual(work.stitched_file(CALL).read_bytes(), whole)

    def test_the_recording_is_served_when_no_leg_is_left_and_the_overlap_option_changed(self):
        work, whole = self.stitched(archived=True)
        for name in ('a.wav', 'b.wav', 'c.wav'):
            work.remote.remove(name)
        work.remote.remove(STITCHED)
        self.assertEqual(self.status(work.run('pbx-recording-fetch', '--overlap', 'trim', CALL), 0).out, whole)

    def test_a_damaged_recording_that_has_more_of_the_call_is_kept(self):
        work, whole = self.with_a_late_leg()
        bad = damaged(whole)
        self.put_here(work, bad)
        self.status(work.run('pbx-recording-fetch', CALL), 65)
        self.status(work.run('pbx-stitch'), 65)
        self.assertEqual(work.stitched_file(CALL).read_bytes(), bad)

    def test_a_leg_that_became_unreadable_does_not_cost_the_recording_that_has_it(self):
        work, whole = self.stitched()
        work.leg('b.wav', os.urandom(5000), age=0)
        self.status(work.run('pbx-stitch'), 65)
        self.assertEqual(work.stitched_file(CALL).read_bytes(), whole)

    def test_a_recording_with_a_header_that_cannot_be_read_is_kept_while_legs_are_missing(self):
        work, whole = self.with_a_late_leg()
        unreadable = b'RIFX' + whole[4:]
        self.put_here(work, unreadable)
        self.status(work.run('pbx-stitch'), 65)
        result = self.status(work.run('pbx-recording-fetch', CALL), 0)
        self.assertEqual(Wav(result.out).samples, ramp(1, 2) + ramp(0.3, 9))
        self.assertEqual(work.stitched_file(CALL).read_bytes(), unreadable)

    def test_a_leg_that_the_cdr_no_longer_names_is_no_reason_to_keep_it(self):
        work, _ = self.stitched()
        work.db.sql("delete from asterisk_cdr where recordingfile = 'b.wav'")
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(1, 0) + ramp(1, 2))


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-recording-fetch')
