#!/usr/bin/env python3
"""Calls with very many legs, as created by a queue whose overflow leads to itself: the number of descriptors and the memory stay
bounded, and the time grows in proportion."""
import os
import subprocess
import sys
import time
import unittest

import sound
from sound import Wav, pcm, ramp
from workdir import ACCOUNT, SANITIZED, SLOW, Case, main

CALL = '1776500000.1'
LINKS = 5000  # links per file: ext4 allows 65,000


def name(number):
    return f'20260418-144004-919944421125-queue-5001-{number:06}.wav'


class ManyLegs(Case):
    def call(self, work, count):
        """A call of `count` legs of 20 ms, hard links to few files; the samples of all, in order."""
        samples = []
        for first in range(0, count, LINKS):
            samples.append(ramp(0.02, first // LINKS))
            path = work.leg(name(first), pcm(samples[-1]))
            for number in range(first + 1, min(first + LINKS, count)):
                os.link(path, work.spool / name(number))
        began = time.strftime('%Y-%m-%d %H:%M:%S+00', time.gmtime(work.now - 7200))
        work.db.copy('asterisk_cdr', ('calldate', 'accountcode', 'linkedid', 'uniqueid', 'sequence', 'recordingfile'),
                     [(began, ACCOUNT, CALL, CALL, number, name(number)) for number in range(count)])
        return b''.join(samples[number // LINKS] for number in range(count))

    def run_small(self, work, *command, descriptors=64):
        """Run with few descriptors; the result, the peak of the program's memory in MB, and its seconds of CPU time."""
        watch = ('import os,resource,subprocess,sys; '
                 f'resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors})); '
                 'status = subprocess.call(sys.argv[2:]); '
                 'used = resource.getrusage(resource.RUSAGE_CHILDREN); '
                 'open(sys.argv[1], "w").write(f"{used.ru_maxrss / 1024} {used.ru_utime + used.ru_stime}"); sys.exit(status)')
        peak = work.path / 'peak'
        result = work.run(*command, before=[sys.executable, '-c', watch, str(peak)])
        return (result, *map(float, peak.read_text().split()))

    def check(self, path, samples, count):
        """sox, libsndfile, xxhsum and a reader of our own agree on the recording."""
        wav = Wav(path).check()
        self.assertEqual(wav.samples, samples)
        self.assertEqual(sound.soxi(path), (8000, 1, len(samples) // 2, 'Signed Integer PCM'))
        self.assertEqual(sound.sox_samples(path), samples)
        info = subprocess.run(['sndfile-info', path], stdout=subprocess.PIPE, check=True, text=True, errors='replace').stdout
        self.assertRegex(info, rf'Frames +: {len(samples) // 2}\n')
        manifest = wav.manifest
        self.assertEqual([leg['name'] for leg in manifest['legs']], [name(number) for number in range(count)])
        self.assertEqual([leg['start'] for leg in manifest['legs']], [160 * number for number in range(count)])
        self.assertEqual(manifest['xxh128'], sound.xxh128(samples))

    def test_calls_of_1100_and_of_5000_legs_become_one_recording_each(self):
        for count in (1100, 5000):
            with self.subTest(count):
                work = self.workdir(remote=None)
                samples = self.call(work, count)
                self.status(self.run_small(work, 'pbx-stitch', '--jobs', '1')[0], 0)
                self.check(work.stitched_file(CALL), samples, count)
                self.quiet(self.status(self.run_small(work, 'pbx-stitch')[0], 0))

    def test_a_long_manifest_is_read_from_the_remote_and_by_the_archive(self):
        for kind in ('gcs', 'local'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                samples = self.call(work, 5000)
                self.status(work.run('pbx-stitch'), 0)
                whole = work.stitched_file(CALL).read_bytes()
                self.assertGreater(len(whole) - len(samples), 400_000)
                only_stitched = ('pbx-archive', '-v', '--min-age', '1000h')
                self.status(work.run(*only_stitched), 0)
                self.assertEqual(work.remote.files()[f'stitched/{CALL}.wav'], whole)
                work.stitched_file(CALL).unlink()
                for arguments in ((), ('-o', work.path / 'answer.wav')):
                    result = self.status(work.run('pbx-recording-fetch', '-v', *arguments, CALL), 0)
                    self.says(result, 'X-Recording-Source: stitched-remote', 'X-Recording-Legs: 5000')
                    self.assertEqual(result.out or (work.path / 'answer.wav').read_bytes(), whole)
                # Another recording of the call, which lacks the last leg, does not replace it.
                work.db.sql(f"delete from asterisk_cdr where recordingfile = '{name(4999)}'")
                self.status(work.run('pbx-stitch'), 0)
                self.says(self.status(work.run(*only_stitched), 0), rf'kept the remote.s .*{name(4999)}')
                self.assertEqual(work.remote.files()[f'stitched/{CALL}.wav'], whole)

    def test_a_recording_with_a_long_manifest_is_encoded(self):
        work = self.workdir(remote=None)
        samples = self.call(work, 5000)
        answer = work.path / 'answer.flac'
        self.status(work.run('pbx-recording-fetch', '--format', 'flac', '-o', answer, CALL), 0)
        self.assertEqual(sound.sox_samples(answer), samples)

    def test_legs_of_other_formats_become_one_recording_too(self):
        work = self.workdir(remote=None)
        self.call(work, 2000)
        work.leg(name(1), sound.tone(440, 0.02, 'wav16'))
        self.status(self.run_small(work, 'pbx-stitch', '--jobs', '1')[0], 0)
        wav = Wav(work.stitched_file(CALL)).check()
        self.assertEqual((wav.rate, wav.frames, len(wav.manifest['legs'])), (16000, 2000 * 320, 2000))
        self.assertEqual(wav.manifest['xxh128'], sound.xxh128(wav.samples))

    def test_five_thousand_missing_legs_and_as_many_unreadable_ones_do_not_take_quadratic_time(self):
        work = self.workdir(remote=None)
        self.call(work, 10_000)
        for number in range(100, 10_000, 2):
            (work.spool / name(number)).unlink()
        for number in range(101, 10_000, 2):
            (work.spool / name(number)).unlink()
            os.symlink('/dev/null', work.spool / name(number))
        work.db.sql("update asterisk_cdr set calldate = calldate - interval '3 hours'")
        result, _, seconds = self.run_small(work, 'pbx-stitch', '-q', '--jobs', '1')
        self.status(result, 65)
        self.assertLess(seconds, 10 * SLOW)
        manifest = Wav(work.stitched_file(CALL)).manifest
        self.assertEqual((len(manifest['legs']), len(manifest['missing']), len(manifest['unreadable'])), (100, 4950, 4950))

    @unittest.skipIf(SANITIZED, 'the sanitizers have memory of their own')
    def test_a_hundred_thousand_legs_take_seconds_and_bounded_memory(self):
        work = self.workdir(remote=None)
        self.call(work, 1000)
        result, few, _ = self.run_small(work, 'pbx-stitch', '--jobs', '1')
        self.status(result, 0)

        work = self.workdir(remote='local')
        count = 100_000
        samples = self.call(work, count)
        result, many, seconds = self.run_small(work, 'pbx-stitch', '--jobs', '1')
        self.status(result, 0)
        self.check(work.stitched_file(CALL), samples, count)
        whole = work.stitched_file(CALL).read_bytes()
        result, idle, idle_seconds = self.run_small(work, 'pbx-stitch')
        self.quiet(self.status(result, 0))
        answer = work.path / 'answer.wav'
        result, fetched, _ = self.run_small(work, 'pbx-recording-fetch', '-v', '-o', answer, CALL)
        self.says(self.status(result, 0), 'stitched-local')
        work.remote.put(f'stitched/{CALL}.wav', whole)
        work.stitched_file(CALL).unlink()
        answer.unlink()
        result, streamed, _ = self.run_small(work, 'pbx-recording-fetch', '-v', '-o', answer, CALL)
        self.says(self.status(result, 0), 'stitched-remote')
        self.assertEqual(answer.read_bytes(), whole)
        print(f'peak MB: 1,000 legs {few:.0f}, 100,000: stitch {many:.0f}, idle {idle:.0f}, fetch {fetched:.0f}, from the remote '
              f'{streamed:.0f}; seconds of CPU: stitch {seconds:.1f}, idle {idle_seconds:.1f}', file=sys.stderr)
        self.assertLess(max(many, idle, fetched, streamed), few + 150)
        self.assertLess(seconds, 20)
        self.assertLess(idle_seconds, 10)


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-recording-fetch')
