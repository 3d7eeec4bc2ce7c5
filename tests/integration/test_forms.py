#!/usr/bin/env python3
"""Recordings in other formats, and recordings of old dialplans with their overlaps trimmed."""
import os
import subprocess
import time

import sound
from sound import Wav, pcm, ramp, tone
from workdir import ACCOUNT, Case, main

CALL = '1776500000.1'


class Formats(Case):
    """--format"""

    def encoded(self, word):
        work = self.workdir(remote=None)
        work.call(CALL, [('20260418-144004-1-2.wav', tone(440, 1.0)), ('20260418-144009-1-3.wav', tone(880, 1.0))])
        out = work.path / f'call.{word}'
        headers = work.path / 'headers'
        self.status(work.run('pbx-recording-fetch', '--format', word, '-o', str(out), '-D', str(headers), CALL), 0)
        return work, out, headers.read_text()

    def test_flac_loses_nothing(self):
        work, out, headers = self.encoded('flac')
        self.assertIn('Content-Type: audio/flac\n', headers)
        self.assertIn(f'Content-Length: {out.stat().st_size}\n', headers)
        whole = Wav(work.stitched_file(CALL))
        raw = subprocess.run(['sox', str(out), '-t', 'raw', '-'], stdout=subprocess.PIPE, check=True).stdout
        self.assertTrue(raw == bytes(whole.samples), 'the samples differ')

    def test_opus_and_mp3_are_small_and_sound_the_same(self):
        for word, media_type in (('opus', 'audio/ogg'), ('mp3', 'audio/mpeg')):
            with self.subTest(word):
                work, out, headers = self.encoded(word)
                self.assertIn(f'Content-Type: {media_type}\n', headers)
                self.assertLess(out.stat().st_size, work.stitched_file(CALL).stat().st_size / 2)
                decoded = work.path / 'decoded.wav'
                subprocess.run(['sndfile-convert', '-pcm16', str(out), str(decoded)], check=True, stdout=subprocess.DEVNULL)
                self.assertAlmostEqual(sound.pitch(decoded, 0.3, 0.4), 440, delta=15)
                self.assertAlmostEqual(sound.pitch(decoded, 1.3, 0.4), 880, delta=15)

    def test_a_file_size_limit_below_the_result_is_an_error_and_leaves_no_file(self):
        for word in ('flac', 'opus', 'mp3'):
            work, out, _ = self.encoded(word)
            whole = out.stat().st_size
            out.unlink()
            for missing in (1, 100, whole // 2):
                with self.subTest(word, missing=missing):
                    result = work.run('pbx-recording-fetch', '--format', word, '-o', str(out), CALL,
                                      before=('prlimit', f'--fsize={whole - missing}'), check_sanitizers=False)
                    self.status(result, 73)
                    self.assertFalse(out.exists())

    def test_encoded_files_of_odd_lengths_and_of_stereo_are_whole(self):
        for word in ('flac', 'opus', 'mp3'):
            for seconds in (0.02, 0.5, 3.333, 61.7):
                with self.subTest(word, seconds=seconds):
                    work = self.workdir(remote=None)
                    work.call(CALL, [('a.wav', tone(440, seconds)), ('b.wav', tone(880, seconds, 'wav16'))])
                    self.status(work.run('pbx-recording-fetch', '--format', word, '-o', str(work.path / 'x'), CALL), 0)

    def test_an_unknown_format_or_overlap_is_a_usage_error(self):
        work = self.workdir(remote=None)
        for option, word, choices in (('--format', 'wma', 'flac,mp3,opus,wav'), ('--format', '1', 'flac,mp3,opus,wav'),
                                      ('--overlap', 'cut', 'keep,trim')):
            result = self.status(work.run('pbx-recording-fetch', option, word, CALL), 64)
            self.hints(result)
            self.says(result, f'(?m)^pbx-recording-fetch: {option}: "{word}" is not one of {choices}$')


class Overlaps(Case):
    """--overlap: a call of 14 s of which the dialplan before ours left files of 14, 11 and 8 s that end together."""

    def old_call(self):
        work = self.workdir(remote=None)
        self.talk = ramp(14.0, seed=1)
        end = time.time() - 600
        for number, seconds in enumerate((14, 11, 8)):
            name = f'20260418-14400{number}-1-{number}.wav'
            path = work.leg(name, pcm(self.talk[-seconds * 16000:]))
            os.utime(path, (end, end))
            work.cdr(CALL, name, ACCOUNT, ago=700 - 3 * number, sequence=number)
        return work

    def test_by_default_legs_are_kept_whole(self):
        work = self.old_call()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).seconds, 33)

    def test_with_trim_every_sound_is_heard_once_and_the_manifest_states_what_was_dropped(self):
        work = self.old_call()
        self.status(work.run('pbx-stitch', '--overlap', 'trim'), 0)
        wav = Wav(work.stitched_file(CALL))
        self.assertTrue(bytes(wav.samples) == self.talk, 'the samples differ')
        self.assertEqual([(leg['start'], leg['frames'], leg['dropped']) for leg in wav.manifest['legs']],
                         [(0, 24000, 88000), (24000, 24000, 64000), (48000, 64000, 0)])
        self.assertEqual(wav.manifest['overlap'], 'trim')
        before = work.snapshot()
        self.quiet(self.status(work.run('pbx-stitch', '--overlap', 'trim'), 0))
        self.assertEqual(work.snapshot(), before)

    def test_a_fetch_with_another_overlap_does_not_get_the_existing_recording(self):
        work = self.old_call()
        self.status(work.run('pbx-stitch'), 0)
        result = self.status(work.run('pbx-recording-fetch', '--overlap', 'trim', CALL), 0)
        self.assertTrue(bytes(Wav(result.out).samples) == self.talk, 'the samples differ')

    def test_the_overlap_can_be_set_for_both_tools_in_the_configuration(self):
        work = self.old_call()
        config = work.path / 'pbx.conf'
        config.write_text('overlap = trim\n', encoding='utf-8')
        env = {'PBX_CONFIG': str(config)}
        self.status(work.run('pbx-stitch', env=env), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).seconds, 14)
        result = self.status(work.run('pbx-recording-fetch', '-i', CALL, env=env), 0)
        self.assertIn(b'X-Recording-Source: stitched-local\n', result.out[:300])

    def test_with_trim_pauses_between_legs_are_left_out_and_consecutive_legs_stay_whole(self):
        work = self.workdir(remote=None)
        now = time.time()
        for number, name in enumerate(('a.wav', 'b.wav')):
            path = work.leg(name, pcm(ramp(2.0, seed=number)))
            os.utime(path, (now - 700 + 30 * number,) * 2)
            work.cdr(CALL, name, ACCOUNT, ago=710 - 30 * number, sequence=number)
        self.status(work.run('pbx-stitch', '--overlap', 'trim'), 0)
        self.assertTrue(bytes(Wav(work.stitched_file(CALL)).samples) == ramp(2.0, seed=0) + ramp(2.0, seed=1), 'the samples differ')


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-recording-fetch')
