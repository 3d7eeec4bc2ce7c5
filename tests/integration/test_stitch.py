#!/usr/bin/env python3
"""pbx-stitch joins the legs of a call into one playable file, once, completely, and for one tenant only."""
import json
import os
import re
import signal
import socket
import stat
import struct
import time
import unittest
from pathlib import Path

import sound
from sound import Wav, pcm, ramp, tone
from workdir import (ACCOUNT, LONG, OTHER_ACCOUNT, SANITIZED, SLOW, Case, as_nobody, main)

CALL = '1776500000.1'


def names(listed):
    """The names in a manifest's list, whether its entries are names or hold one."""
    return [entry['name'] if isinstance(entry, dict) else entry for entry in listed]


class Joining(Case):
    def stitch(self, work, *arguments, status=0, **how):
        return self.status(work.run('pbx-stitch', *arguments, **how), status)

    def test_three_legs_become_one_file_that_holds_exactly_their_samples_in_order(self):
        work = self.workdir()
        legs = work.three_legs(CALL)
        self.stitch(work)
        path = work.stitched_file(CALL)
        result = Wav(path).check()
        self.assertEqual((result.tag, result.rate, result.channels, result.bits), (1, 8000, 1, 16))
        self.assertEqual(result.samples, b''.join(data[44:] for _, data in legs))
        sound.sndfile_info(path)
        joined = work.path / 'by-sox.wav'
        sound._sox(*(str(work.spool / name) for name, _ in legs), str(joined))
        self.assertTrue(sound.same_audio(joined, path), 'sox joins the legs to different audio')

    def test_speech_is_heard_in_the_order_in_which_it_was_spoken(self):
        work = self.workdir(remote=None)
        words = [sound.speech(word) for word in ('one', 'two', 'three')]
        # File names that sort in reverse: the order of the rows decides.
        work.call(CALL, [('z.wav', words[0]), ('m.wav', words[1]), ('a.wav', words[2])])
        self.stitch(work)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, b''.join(Wav(word).samples for word in words))

    def test_legs_are_ordered_by_earliest_calldate_then_sequence_then_name(self):
        work = self.workdir(remote=None)
        pieces = {name: pcm(ramp(0.1, seed)) for seed, name in enumerate(('e.wav', 'd.wav', 'c.wav', 'b.wav', 'a.wav'))}
        for name, data in pieces.items():
            work.leg(name, data)
        moment = f'to_timestamp({int(time.time()) - 3600})'
        for name, when, sequence in (('a.wav', "'5 seconds'", 9), ('b.wav', "'5 seconds'", 3), ('d.wav', "'5 seconds'", 3),
                                     ('c.wav', "'20 seconds'", 1), ('e.wav', "'0 seconds'", 50), ('c.wav', "'1 second'", 70)):
            row = work.cdr(CALL, name, sequence=sequence)
            work.db.sql(f'update asterisk_cdr set calldate = {moment} + {when} where id = {row}')
        self.stitch(work)
        expected = ['e.wav', 'c.wav', 'b.wav', 'd.wav', 'a.wav']
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, b''.join(pieces[name][44:] for name in expected))

    def test_a_leg_that_several_rows_name_counts_once(self):
        work = self.workdir(remote=None)
        legs = work.three_legs(CALL)
        for name, _ in legs * 20:
            work.cdr(CALL, name, sequence=99)
        self.stitch(work)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, b''.join(data[44:] for _, data in legs))

    def test_a_call_of_one_leg_that_many_rows_name_is_not_stitched(self):
        work = self.workdir(remote=None)
        work.leg('only.wav')
        for sequence in range(5):
            work.cdr(CALL, 'only.wav', sequence=sequence)
        work.cdr(CALL, '', sequence=7)
        work.cdr(CALL, None, sequence=8)
        self.quiet(self.stitch(work))
        self.assertFalse(work.stitched_file(CALL).exists())

    def test_the_result_describes_its_call_and_its_legs_before_the_audio(self):
        work = self.workdir(remote=None)
        legs = work.three_legs(CALL, ago=3600)
        self.stitch(work)
        result = Wav(work.stitched_file(CALL))
        order = [tag for tag, _, _ in result.chunks]
        self.assertLess(order.index(b'LIST'), order.index(b'data'))
        self.assertEqual(result.info['INAM'], CALL)
        self.assertEqual(result.info['IART'], ACCOUNT)
        self.assertIn(time.strftime('%Y-%m-%d', time.gmtime(time.time() - 3600)), result.info['ICRD'])
        version = work.run('pbx-stitch', '--version').text.split()[-1]
        self.assertIn('pbx-', result.info['ISFT'])
        self.assertIn(version, result.info['ISFT'])
        at, expected = 0, []
        for name, data in legs:
            expected.append((name, at, len(data[44:]) // 2))
            at += expected[-1][2]
        manifest = result.manifest
        self.assertEqual([(leg['name'], leg['start'], leg['frames']) for leg in manifest['legs']], expected, manifest)

    def test_files_are_0640_and_folders_0750_and_nothing_temporary_stays(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        old = os.umask(0)
        try:
            self.stitch(work)
        finally:
            os.umask(old)
        self.assertEqual(stat.S_IMODE(work.stitched_file(CALL).stat().st_mode), 0o640)
        self.assertEqual(stat.S_IMODE(work.stitched.stat().st_mode), 0o750)
        left = [name for name in os.listdir(work.stitched) if name.endswith('.wav') or 'tmp' in name]
        self.assertEqual(left, [f'{CALL}.wav'])

    def test_a_chunk_beside_the_audio_in_a_leg_does_not_become_sound(self):
        work = self.workdir(remote=None)
        plain = pcm(ramp(0.2, 5))
        trailer = b'LIST' + struct.pack('<I', 12) + b'INFOIxxx' + struct.pack('<I', 0)
        leader = plain[:36] + b'junk' + struct.pack('<I', 3) + b'\x7f\x7f\x7f\0' + plain[36:]
        work.call(CALL, [('a.wav', plain + trailer), ('b.wav', leader)])
        self.stitch(work)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, plain[44:] * 2)

    def test_mixed_rates_codecs_and_channels_come_out_at_the_highest_rate_and_channel_count(self):
        work = self.workdir(remote=None)
        plan = [('wav', 400), ('wav16', 500), ('gsm', 600), ('ulaw', 700), ('stereo', 800), ('alaw', 900)]
        work.call(CALL, [(f'{place}-{kind}.wav', tone(frequency, 1.0, kind)) for place, (kind, frequency) in enumerate(plan)])
        self.stitch(work)
        path = work.stitched_file(CALL)
        result = Wav(path).check()
        self.assertEqual((result.tag, result.rate, result.channels, result.bits), (1, 16000, 2, 16))
        sound.sndfile_info(path)
        self.assertAlmostEqual(result.seconds, len(plan), delta=0.08)  # GSM rounds up to blocks of 20 ms
        for place, (kind, frequency) in enumerate(plan):
            self.assertAlmostEqual(sound.pitch(path, place + 0.3, 0.4), frequency, delta=12, msg=kind)
            self.assertGreater(sound.rms(path, place + 0.3, 0.4), 0.2, kind)
        leg = result.manifest['legs'][1]
        self.assertAlmostEqual(leg['start'], 16000, delta=20)

    def test_legs_of_one_codec_other_than_pcm_become_pcm(self):
        for kind in ('gsm', 'ulaw', 'wav16', 'stereo'):
            with self.subTest(kind):
                work = self.workdir(remote=None)
                work.call(CALL, [('a.wav', tone(500, 1.0, kind)), ('b.wav', tone(900, 1.0, kind))])
                self.stitch(work)
                result = Wav(work.stitched_file(CALL)).check()
                source = Wav(tone(500, 1.0, kind))
                self.assertEqual((result.tag, result.rate, result.channels, result.bits),
                                 (1, source.rate, source.channels, 16))
                self.assertAlmostEqual(sound.pitch(work.stitched_file(CALL), 0.3, 0.4), 500, delta=10)
                self.assertAlmostEqual(sound.pitch(work.stitched_file(CALL), 1.4, 0.4), 900, delta=10)

    def test_one_ulaw_leg_beside_pcm_sounds_as_sox_decodes_it(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', tone(440, 0.5, 'ulaw')), ('b.wav', tone(660, 0.5))])
        self.stitch(work)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples,
                         sound.sox_samples(work.spool / 'a.wav') + sound.sox_samples(work.spool / 'b.wav'))

    def test_wav49_with_its_upper_case_name_is_a_leg_like_any_other(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.WAV', tone(440, 1.0, 'gsm')), ('b.wav', tone(660, 1.0))])
        self.stitch(work)
        self.assertAlmostEqual(Wav(work.stitched_file(CALL)).seconds, 2.0, delta=0.05)


class DamagedLegs(Case):
    def test_an_empty_leg_is_left_out_and_listed(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', pcm(ramp(0.3))), ('silent.wav', sound.empty()), ('nothing.wav', b''),
                         ('b.wav', pcm(ramp(0.2, 2)))])
        self.status(work.run('pbx-stitch'), 0)
        result = Wav(work.stitched_file(CALL)).check()
        self.assertEqual(result.samples, ramp(0.3) + ramp(0.2, 2))
        self.assertEqual(names(result.manifest['legs']), ['a.wav', 'b.wav'])
        self.assertEqual(names(result.manifest['empty']), ['silent.wav', 'nothing.wav'])
        before = work.snapshot(work.stitched)
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertEqual(work.snapshot(work.stitched), before)

    def test_a_call_of_empty_legs_succeeds_and_leaves_no_broken_file(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', sound.empty()), ('b.wav', sound.empty())])
        self.status(work.run('pbx-stitch'), 0)
        for file in work.stitched.glob('*.wav') if work.stitched.exists() else ():
            Wav(file).check()
        before = work.snapshot()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(work.snapshot(), before)

    def test_a_leg_whose_recorder_crashed_is_used_to_its_end(self):
        work = self.workdir(remote=None)
        for odd in (b'', b'\x55'):
            with self.subTest(odd_byte=bool(odd)):
                call = f'1776500000.{7 + len(odd)}'
                work.call(call, [(f'{call}-a.wav', pcm(ramp(0.3))),
                                 (f'{call}-crashed.wav', sound.unfinished(pcm(ramp(1.7, 4))) + odd),
                                 (f'{call}-b.wav', pcm(ramp(0.2, 2)))])
                self.status(work.run('pbx-stitch'), 0)
                self.assertEqual(Wav(work.stitched_file(call)).check().samples, ramp(0.3) + ramp(1.7, 4) + ramp(0.2, 2))

    def test_a_crashed_leg_that_is_only_a_header_counts_as_empty(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', pcm(ramp(0.3))), ('dead.wav', sound.unfinished(sound.empty())), ('b.wav', pcm(ramp(0.1)))])
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(names(Wav(work.stitched_file(CALL)).manifest['empty']), ['dead.wav'])

    def test_a_truncated_leg_is_used_up_to_where_it_ends(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('cut.wav', sound.truncated(pcm(ramp(1.0)), 44 + 8001)), ('b.wav', pcm(ramp(0.2, 2)))])
        result = work.run('pbx-stitch')
        self.assertIn(result.status, (0, 65), str(result))
        self.assertEqual(Wav(work.stitched_file(CALL)).check().samples, ramp(1.0)[:8000] + ramp(0.2, 2))

    def test_an_unreadable_leg_is_named_and_the_rest_is_stitched(self):
        for kind, data in (('garbage', os.urandom(5000)), ('a header cut in two', tone()[:30]),
                           ('absurd rate', tone()[:24] + struct.pack('<I', 3) + tone()[28:]),
                           ('an aiff file', b'FORM' + tone()[4:8] + b'AIFF' + tone()[12:])):
            with self.subTest(kind):
                work = self.workdir(remote=None)
                work.call(CALL, [('a.wav', pcm(ramp(0.3))), ('broken.wav', data), ('b.wav', pcm(ramp(0.2, 2)))])
                result = self.status(work.run('pbx-stitch'), 65)
                self.says(result, r'broken\.wav')
                file = Wav(work.stitched_file(CALL)).check()
                self.assertEqual(file.samples, ramp(0.3) + ramp(0.2, 2))
                self.assertEqual(names(file.manifest['unreadable']), ['broken.wav'])
                before = work.snapshot(work.stitched)
                work.run('pbx-stitch')
                self.assertEqual(work.snapshot(work.stitched), before, 'the second run wrote again')

    def test_a_symlink_a_fifo_and_a_folder_in_place_of_a_leg_are_not_followed(self):
        work = self.workdir(remote=None)
        secret = work.path / 'secret.wav'
        secret.write_bytes(pcm(ramp(0.5, 9)))
        for kind in ('symlink', 'fifo', 'folder'):
            with self.subTest(kind):
                call = f'1776500000.{len(kind)}'
                work.call(call, [(f'{kind}-a.wav', pcm(ramp(0.3))), (f'{kind}.wav', None), (f'{kind}-b.wav', pcm(ramp(0.2, 2)))],
                          ago=3 * 3600)
                path = work.spool / f'{kind}.wav'
                if kind == 'symlink':
                    path.symlink_to(secret)
                elif kind == 'fifo':
                    os.mkfifo(path)
                else:
                    path.mkdir()
                result = work.run('pbx-stitch', call, timeout=30)
                self.assertNotIn(result.status, (70, 99), str(result))
                if work.stitched_file(call).exists():
                    self.assertEqual(Wav(work.stitched_file(call)).samples, ramp(0.3) + ramp(0.2, 2))
                else:
                    self.assertNotEqual(result.status, 0, str(result))


class UpToDate(Case):
    def test_a_second_run_over_the_same_hour_writes_no_byte_and_prints_nothing(self):
        work = self.workdir()
        for number in range(5):
            work.three_legs(f'1776500000.{number}', stamp=f'2026041{number}-1440')
        self.status(work.run('pbx-stitch'), 0)
        before = work.snapshot()
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertEqual(work.snapshot(), before)

    def test_a_row_that_arrives_late_for_an_old_file_causes_a_rebuild(self):
        work = self.workdir(remote=None)
        legs = work.three_legs(CALL)
        work.leg('late.wav', pcm(ramp(0.4, 8)), age=7200)  # older than the result will be
        self.status(work.run('pbx-stitch'), 0)
        work.cdr(CALL, 'late.wav', ago=900, sequence=9)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, b''.join(data[44:] for _, data in legs) + ramp(0.4, 8))

    def test_a_leg_newer_than_the_file_causes_a_rebuild(self):
        work = self.workdir(remote=None)
        legs = work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        os.utime(work.stitched_file(CALL), (time.time() - 300,) * 2)
        work.leg(legs[2][0], pcm(ramp(2.0, 7)), age=100)
        self.status(work.run('pbx-stitch'), 0)
        self.assertTrue(Wav(work.stitched_file(CALL)).samples.endswith(ramp(2.0, 7)))

    def test_a_recording_of_another_length_than_its_header_states_is_rebuilt(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        path = work.stitched_file(CALL)
        whole, before = path.read_bytes(), path.stat()
        for other in (whole[:-1000], whole + bytes(1000)):
            with self.subTest(length=len(other)):
                path.write_bytes(other)
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
                self.says(self.status(work.run('pbx-stitch', '-v'), 0), f'stitched {CALL}')
                self.assertEqual(path.read_bytes(), whole)

    def test_a_call_whose_leg_changes_while_it_is_joined_is_rebuilt_by_the_next_run(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', pcm(ramp(0.3))), ('b.wav', pcm(ramp(0.2, 2)))])
        log = work.path / 'strace.log'
        process = work.start('/usr/bin/strace', '-f', '-o', log, '-e', 'trace=copy_file_range', '-e',
                             'inject=copy_file_range:delay_enter=2000000:when=2', *work.command('pbx-stitch', '--jobs', '1'),
                             env={'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'})
        until = time.monotonic() + 20 * SLOW
        while ' = ' not in (log.read_text(encoding='utf-8') if log.exists() else '') and time.monotonic() < until:
            time.sleep(0.01)
        work.leg('a.wav', pcm(ramp(0.4, 7)), age=0)  # its first content has been copied
        self.status(work.finish(process), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.3) + ramp(0.2, 2))
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.4, 7) + ramp(0.2, 2))

    def test_a_call_with_a_leg_that_is_still_being_recorded_is_left_for_the_next_run(self):
        work = self.workdir(remote=None)
        legs = work.three_legs(CALL)
        recorder = work.hold_open(legs[1][0])
        self.says(self.status(work.run('pbx-stitch', '-v'), 0), f'left {CALL}: leg {legs[1][0]} is still being recorded')
        self.assertFalse(work.stitched_file(CALL).exists())
        result = self.status(work.run('pbx-recording-fetch', CALL), 75)
        self.hints(result)
        self.assertEqual(result.out, b'')
        recorder.terminate()
        recorder.wait()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, b''.join(data[44:] for _, data in legs))

    def test_a_row_that_was_deleted_causes_a_rebuild(self):
        work = self.workdir(remote=None)
        legs = work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        work.db.sql(f"delete from asterisk_cdr where recordingfile = '{legs[1][0]}'")
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, legs[0][1][44:] + legs[2][1][44:])

    def test_legs_that_moved_to_the_bucket_do_not_make_a_file_stale(self):
        work = self.workdir()
        work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        self.status(work.run('pbx-archive'), 0)
        before = work.snapshot(work.stitched)
        work.count_rclone()
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertEqual(work.snapshot(work.stitched), before)
        self.assertEqual(work.rclone_runs(), [])

    def test_the_window_decides_which_calls_but_not_which_legs(self):
        work = self.workdir(remote=None)
        work.three_legs('1776500000.26', ago=26 * 3600)
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertFalse(work.stitched_file('1776500000.26').exists())
        self.status(work.run('pbx-stitch', '--since', '48h'), 0)
        self.assertTrue(work.stitched_file('1776500000.26').exists())
        work.leg('before.wav', pcm(ramp(0.1, 1)))
        work.leg('within.wav', pcm(ramp(0.1, 2)))
        work.cdr('1776500000.27', 'before.wav', ago=30 * 3600)
        work.cdr('1776500000.27', 'within.wav', ago=3600)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file('1776500000.27')).samples, ramp(0.1, 1) + ramp(0.1, 2))

    def test_a_linkedid_as_argument_stitches_only_that_call(self):
        work = self.workdir(remote=None)
        work.three_legs('1776500000.1', stamp='20260411-1440', ago=40 * 3600)
        work.three_legs('1776500000.2', stamp='20260412-1440')
        self.status(work.run('pbx-stitch', '1776500000.1'), 0)
        self.assertEqual([path.name for path in work.stitched.glob('*.wav')], ['1776500000.1.wav'])
        self.status(work.run('pbx-stitch', '1776599999.9'), 66)

    def test_a_dry_run_writes_nothing(self):
        work = self.workdir()
        work.three_legs(CALL)
        before = work.snapshot()
        result = self.status(work.run('pbx-stitch', '--dry-run'), 0)
        self.assertEqual(work.snapshot(), before)
        self.assertIn(CALL, result.err + result.text)

    def test_json_is_one_document_that_names_the_call(self):
        work = self.workdir()
        work.three_legs(CALL)
        result = self.status(work.run('pbx-stitch', '--json'), 0)
        self.assertIn(CALL, json.dumps(json.loads(result.out)))
        json.loads(self.status(work.run('pbx-stitch', '--json'), 0).out)

    def test_a_reader_of_the_report_that_goes_away_does_not_end_the_batch_nor_change_its_status(self):
        for broken, status in ((False, 0), (True, 65)):
            with self.subTest(status=status):
                work = self.workdir(remote=None)
                calls = [f'17765{number:05}.1' for number in range(600)]  # more than fits a pipe
                work.db.copy('asterisk_cdr', ('calldate', 'accountcode', 'linkedid', 'uniqueid', 'sequence', 'recordingfile'),
                             [(time.strftime('%Y-%m-%d %H:%M:%S+00', time.gmtime(time.time() - 7200 + leg)), ACCOUNT, call, call,
                               leg, f'{call}-{"x" * 150}-{leg}.wav') for call in calls for leg in (1, 2)])
                for call in calls:
                    for leg in (1, 2):
                        bad = broken and (call, leg) == (calls[-1], 2)
                        work.leg(f'{call}-{"x" * 150}-{leg}.wav', b'no audio' if bad else pcm(ramp(0.01, leg)))
                process = work.start('pbx-stitch', '--json')
                process.stdout.read(20)
                process.stdout.close()
                process.stdout = None
                self.assertEqual(work.finish(process).status, status)
                self.assertEqual(len(list(work.stitched.glob('*.wav'))), len(calls))

    def test_verbose_prints_one_line_per_call_with_what_was_done_and_why(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        first = self.status(work.run('pbx-stitch', '-v'), 0)
        self.assertEqual(len(re.findall(rf'(?m)^pbx-stitch: .*{re.escape(CALL)}', first.err)), 1, str(first))
        second = self.status(work.run('pbx-stitch', '-v'), 0)
        self.assertEqual(len(re.findall(rf'(?m)^pbx-stitch: .*{re.escape(CALL)}', second.err)), 1, str(second))
        self.assertNotEqual(first.err, second.err)
        self.assertEqual(first.out, b'')


class LegsElsewhere(Case):
    def test_legs_in_the_bucket_are_downloaded_into_stitch_src_by_few_rclone_runs(self):
        work = self.workdir()
        legs = [(f'20260418-14400{number}-a-{number}.wav', pcm(ramp(0.1, number))) for number in range(10)]
        work.call(CALL, legs[:1])
        for place, (name, data) in enumerate(legs[1:], 2):
            work.remote.put(name, data)
            work.cdr(CALL, name, ago=1800 - place, sequence=place)
        work.count_rclone()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, b''.join(data[44:] for _, data in legs))
        self.assertLess(len(work.rclone_runs()), 7, work.rclone_runs())
        cached = {path.name: path.read_bytes() for path in work.stitch_src.rglob('*.wav')}
        self.assertEqual(cached, dict(legs[1:]))
        self.assertEqual(stat.S_IMODE(work.stitch_src.stat().st_mode), 0o750)
        self.assertEqual(work.legs_in_spool(), [legs[0][0]], 'legs came back into the spool')

    def test_missing_legs_of_many_calls_are_downloaded_by_few_rclone_runs(self):
        work = self.workdir()
        for number in range(30):
            call = f'1776500000.{number}'
            work.call(call, [(f'{number}-a.wav', pcm(ramp(0.1, number)))])
            work.cdr(call, f'{number}-b.wav', ago=1700, sequence=2)
            work.remote.put(f'{number}-b.wav', pcm(ramp(0.1, number + 100)))
        work.count_rclone()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(len(list(work.stitched.glob('*.wav'))), 30)
        self.assertLess(len(work.rclone_runs()), 15, work.rclone_runs())

    def test_a_leg_in_the_cache_needs_no_rclone(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', None)])
        work.stitch_src.mkdir()
        (work.stitch_src / 'b.wav').write_bytes(pcm(ramp(0.2, 2)))
        work.count_rclone()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.2, 2))
        self.assertEqual(work.rclone_runs(), [])

    def test_a_leg_that_arrives_after_the_others_left_is_joined_and_archived_again(self):
        work = self.workdir()
        legs = work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.legs_in_spool(), [])
        work.leg('late.wav', pcm(ramp(0.7, 9)))
        work.cdr(CALL, 'late.wav', ago=600, sequence=9)
        work.count_rclone()
        self.status(work.run('pbx-stitch'), 0)
        self.assertLess(len(work.rclone_runs()), 6, work.rclone_runs())
        whole = work.stitched_file(CALL).read_bytes()
        self.assertEqual(Wav(whole).samples, b''.join(data[44:] for _, data in legs) + ramp(0.7, 9))
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.remote.files()[f'stitched/{CALL}.wav'], whole)
        self.assertEqual(work.remote.files()['late.wav'], pcm(ramp(0.7, 9)))

    def test_a_leg_that_is_in_neither_place_is_listed_as_missing_an_hour_after_the_call(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('gone.wav', None), ('b.wav', pcm(ramp(0.2, 2)))], ago=3 * 3600)
        self.status(work.run('pbx-stitch'), 0)
        result = Wav(work.stitched_file(CALL)).check()
        self.assertEqual(result.samples, ramp(0.1) + ramp(0.2, 2))
        self.assertEqual(names(result.manifest['missing']), ['gone.wav'])
        before = work.snapshot(work.stitched)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(work.snapshot(work.stitched), before)

    def test_a_leg_listed_as_missing_that_turns_up_causes_a_rebuild(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('gone.wav', None), ('b.wav', pcm(ramp(0.2, 2)))], ago=3 * 3600)
        self.status(work.run('pbx-stitch'), 0)
        work.leg('gone.wav', pcm(ramp(0.3, 3)), age=4000)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.3, 3) + ramp(0.2, 2))

    def test_a_leg_that_the_archive_forbids_does_not_stop_the_search_for_those_of_other_calls(self):
        work = self.workdir()
        calls = ('1776500000.1', '1776500000.2')
        for number, call in enumerate(calls):
            work.call(call, [(f'{number}-a.wav', pcm(ramp(0.1, number))), (f'{number}-late.wav', None)], ago=3 * 3600)
        work.cdr(calls[0], 'no#name.wav', ago=2 * 3600, sequence=9)  # a name that cannot be requested
        self.status(work.run('pbx-stitch'), 0)
        for number, _ in enumerate(calls):
            work.remote.put(f'{number}-late.wav', pcm(ramp(0.2, number + 10)))
        work.cloud.fault(match='0-late.wav', status=403, reason='forbidden')
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(calls[0])).samples, ramp(0.1, 0))
        self.assertEqual(Wav(work.stitched_file(calls[1])).samples, ramp(0.1, 1) + ramp(0.2, 11))
        work.cloud.clear()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(calls[0])).samples, ramp(0.1, 0) + ramp(0.2, 10))

    def test_a_recording_that_a_fetch_finished_meanwhile_is_not_written_again(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', None)], ago=3 * 3600)
        work.remote.put('b.wav', pcm(ramp(0.2, 2)))
        self.status(work.run('pbx-stitch'), 0)
        whole = work.stitched_file(CALL).read_bytes()
        work.stitched_file(CALL).unlink()
        (work.stitch_src / 'b.wav').unlink()
        work.cloud.log.clear()
        work.cloud.fault(hang=True)
        process = work.start('pbx-stitch', '--json')
        until = time.monotonic() + 20 * SLOW
        while not work.cloud.log and time.monotonic() < until:
            time.sleep(0.02)
        work.stitched_file(CALL).write_bytes(whole)  # pbx-stitch has found none, and requests the leg
        before = work.snapshot(work.stitched)
        work.cloud.clear()
        result = self.status(work.finish(process), 0)
        self.assertEqual(work.snapshot(work.stitched), before)
        self.assertEqual((json.loads(result.out)['up_to_date'], json.loads(result.out)['stitched']), (1, 0))

    def test_within_the_hour_a_leg_that_is_nowhere_leaves_the_call_for_the_next_run(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('elsewhere.wav', None)], ago=600)
        result = work.run('pbx-stitch')
        self.assertIn(result.status, (0, 75), str(result))
        self.assertFalse(work.stitched_file(CALL).exists())
        work.remote.put('elsewhere.wav', pcm(ramp(0.2, 2)))  # the other node's archive run
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.2, 2))

    def test_while_the_remote_is_down_an_incomplete_call_waits_and_other_calls_are_stitched(self):
        work = self.workdir()
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
        work.three_legs('1776500000.2')
        work.remote.put('away.wav', pcm(ramp(0.3, 3)))
        work.remote_down()
        result = self.status(work.run('pbx-stitch', timeout=90), 75)
        self.says(result, r'1776500000\.1|away\.wav')
        self.hints(result)
        self.assertFalse(work.stitched_file('1776500000.1').exists())
        self.assertTrue(work.stitched_file('1776500000.2').exists())
        work.remote_up()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file('1776500000.1')).samples, ramp(0.1) + ramp(0.3, 3))

    def test_a_remote_that_is_down_is_reported_once_however_many_calls_it_holds_up(self):
        work = self.workdir()
        calls = [f'1776500000.{number}' for number in range(10, 310)]  # more than one batch
        work.db.copy('asterisk_cdr', ('calldate', 'accountcode', 'linkedid', 'uniqueid', 'sequence', 'recordingfile'),
                     [(time.strftime('%Y-%m-%d %H:%M:%S+00', time.gmtime(time.time() - 7200 + leg)), ACCOUNT, call, call, leg,
                       f'{call}-{leg}.wav') for call in calls for leg in (1, 2)])
        for call in calls:
            work.leg(f'{call}-1.wav', pcm(ramp(0.1)))
            work.remote.put(f'{call}-2.wav', pcm(ramp(0.1, 2)))
        work.remote_down()
        result = self.status(work.run('pbx-stitch', timeout=120), 75)
        self.says(result, r'(?m)^pbx-stitch: 300 calls \(1776500000\.\d+, 1776500000\.\d+, 1776500000\.\d+, \.\.\.\): remote ')
        self.hints(result)
        self.assertEqual(len(result.err.splitlines()), 2, str(result))
        self.assertEqual(len(work.run('pbx-stitch', '-q', timeout=120).err.splitlines()), 2)
        result = self.status(work.run('pbx-stitch', '--json', '-v', timeout=120), 75)
        for call in calls:
            self.says(result, rf'(?m)^pbx-stitch: left {re.escape(call)}: remote ')
        report = json.loads(result.out)
        self.assertEqual((report['left'], report['failed']), (300, 0))
        self.assertEqual(sorted(entry['linkedid'] for entry in report['calls']), sorted(calls))
        self.assertTrue(all(entry['action'] == 'left' and 'remote' in entry['reason'] for entry in report['calls']))
        work.remote_up()
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertEqual(len(list(work.stitched.glob('*.wav'))), 300)

    def test_a_leg_that_the_bucket_forbids_or_fails_to_return_is_not_called_missing(self):
        for status in (403, 503):
            with self.subTest(status):
                work = self.workdir()
                work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
                work.remote.put('away.wav', pcm(ramp(0.3, 3)))
                work.cloud.fault(match='away.wav', status=status)
                result = work.run('pbx-stitch', timeout=90)
                self.assertIn(result.status, (75, 77) if status == 403 else (75,), str(result))
                self.assertFalse(work.stitched_file(CALL).exists())
                work.cloud.clear()
                self.status(work.run('pbx-stitch'), 0)
                self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.3, 3))

    def test_a_leg_that_arrives_corrupted_never_gets_into_the_result(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
        work.remote.put('away.wav', pcm(ramp(0.3, 3)))
        work.cloud.fault(match='GET .*away.wav.*alt=media', corrupt=True)
        result = work.run('pbx-stitch', timeout=90)
        self.assertNotEqual(result.status, 0, str(result))
        self.assertFalse(work.stitched_file(CALL).exists())
        self.assertEqual([path.name for path in work.stitch_src.rglob('*.wav')] if work.stitch_src.exists() else [], [])
        work.cloud.clear()
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.3, 3))

    def test_a_run_ends_at_its_deadline_when_the_remote_never_answers(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
        work.three_legs('1776500000.2')
        work.cloud.fault(hang=True)
        started = time.monotonic()
        result = work.run('pbx-stitch', '--timeout', '8s', timeout=40)
        self.assertIn(result.status, (69, 75), str(result))
        self.assertLess(time.monotonic() - started, 25 * SLOW)
        self.assertTrue(work.stitched_file('1776500000.2').exists(), 'the call whose legs are here was not stitched')

    def test_a_call_of_which_this_node_holds_no_leg_is_another_nodes_work(self):
        work = self.workdir()
        for number in range(3):
            work.cdr(CALL, f'{number}.wav', sequence=number)
            work.remote.put(f'{number}.wav', pcm(ramp(0.1, number)))
        work.count_rclone()
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertFalse(work.stitched_file(CALL).exists())
        self.assertEqual(work.rclone_runs(), [])

    def test_webdav_and_a_local_folder_work_as_remotes(self):
        for kind in ('webdav', 'local'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
                work.remote.put('away.wav', pcm(ramp(0.3, 3)))
                self.status(work.run('pbx-stitch'), 0)
                self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1) + ramp(0.3, 3))


class Tenants(Case):
    def test_a_linkedid_in_two_accounts_gives_each_its_own_file(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a1.wav', pcm(ramp(0.1, 1))), ('a2.wav', pcm(ramp(0.1, 2)))])
        work.call(CALL, [('b1.wav', pcm(ramp(0.1, 3))), ('b2.wav', pcm(ramp(0.1, 4)))], OTHER_ACCOUNT)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(sorted(path.name for path in work.stitched.glob('*.wav')),
                         sorted([f'{CALL}.{ACCOUNT}.wav', f'{CALL}.{OTHER_ACCOUNT}.wav']))
        mine, theirs = (Wav(work.stitched / f'{CALL}.{account}.wav') for account in (ACCOUNT, OTHER_ACCOUNT))
        self.assertEqual((mine.samples, mine.info['IART']), (ramp(0.1, 1) + ramp(0.1, 2), ACCOUNT))
        self.assertEqual((theirs.samples, theirs.info['IART']), (ramp(0.1, 3) + ramp(0.1, 4), OTHER_ACCOUNT))
        before = work.snapshot()
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertEqual(work.snapshot(), before)

    def test_a_second_account_that_arrives_later_gets_nothing_of_the_first(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a1.wav', pcm(ramp(0.1, 1))), ('a2.wav', pcm(ramp(0.1, 2)))])
        self.status(work.run('pbx-stitch'), 0)
        work.call(CALL, [('b1.wav', pcm(ramp(0.1, 3))), ('b2.wav', pcm(ramp(0.1, 4)))], OTHER_ACCOUNT)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched / f'{CALL}.{OTHER_ACCOUNT}.wav').samples, ramp(0.1, 3) + ramp(0.1, 4))
        self.assertEqual(Wav(work.stitched / f'{CALL}.{ACCOUNT}.wav').samples, ramp(0.1, 1) + ramp(0.1, 2))

    def test_a_recording_of_another_account_under_the_calls_name_is_replaced(self):
        work = self.workdir(remote=None)
        legs = work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).info['IART'], ACCOUNT)
        work.db.sql(f"update asterisk_cdr set accountcode = '{OTHER_ACCOUNT}' where linkedid = '{CALL}'")
        self.status(work.run('pbx-stitch'), 0)
        result = Wav(work.stitched_file(CALL))
        self.assertEqual((result.info['IART'], result.samples), (OTHER_ACCOUNT, b''.join(data[44:] for _, data in legs)))

    def test_a_call_without_accountcode_is_stitched_under_its_linkedid(self):
        for empty in ('', None):
            with self.subTest(accountcode=empty):
                work = self.workdir(remote=None)
                work.call(CALL, [('a.wav', pcm(ramp(0.1, 1))), ('b.wav', pcm(ramp(0.1, 2)))], empty)
                self.status(work.run('pbx-stitch'), 0)
                self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1, 1) + ramp(0.1, 2))

    def test_a_null_and_an_empty_accountcode_are_one_call(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', pcm(ramp(0.1, 1)))], '')
        work.cdr(CALL, 'b.wav', None, ago=1000, sequence=2)
        work.leg('b.wav', pcm(ramp(0.1, 2)))
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.1, 1) + ramp(0.1, 2))

    def test_an_accountcode_that_would_leave_the_folder_is_refused_by_name(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a1.wav', pcm(ramp(0.1, 1))), ('a2.wav', pcm(ramp(0.1, 2)))])
        work.call(CALL, [('b1.wav', pcm(ramp(0.1, 3))), ('b2.wav', pcm(ramp(0.1, 4)))], '/../../evil')
        before = set(work.snapshot())
        result = work.run('pbx-stitch')
        self.assertNotEqual(result.status, 0, str(result))
        self.says(result, 'evil')
        new = set(work.snapshot()) - before
        self.assertEqual({path for path in new if 'stitched/' not in path}, set())


class HostileNames(Case):
    NAMES = ['../secret.wav', '/etc/hostname', 'sub/x.wav', '.hidden.wav', '-o.wav', 'new\nline.wav', 'bell\x07.wav', '..',
             'x' * 252 + '.wav']

    def test_a_recordingfile_that_could_escape_is_refused_by_name_and_the_rest_goes_on(self):
        work = self.workdir()
        (work.path / 'secret.wav').write_bytes(pcm(ramp(0.5, 9)))
        (work.spool / 'sub').mkdir()
        (work.spool / 'sub' / 'x.wav').write_bytes(pcm(ramp(0.5, 9)))
        for name in ('.hidden.wav', '-o.wav', 'new\nline.wav', 'bell\x07.wav'):
            work.leg(name, pcm(ramp(0.5, 9)))
        for number, name in enumerate(self.NAMES):
            with self.subTest(name=name):
                call = f'1776500000.{number}'
                work.call(call, [(f'{number}-a.wav', pcm(ramp(0.1, 1))), (f'{number}-b.wav', pcm(ramp(0.1, 2)))], ago=3 * 3600)
                work.cdr(call, name, ago=3600, sequence=9)
                result = self.status(work.run('pbx-stitch', call), 65)
                self.assertNotIn('\x07', result.err)
                self.assertTrue(all(line.startswith('pbx-stitch: ') for line in result.err.splitlines()), str(result))
                self.assertEqual(Wav(work.stitched_file(call)).samples, ramp(0.1, 1) + ramp(0.1, 2))

    def test_a_linkedid_that_could_escape_is_refused_by_name_and_other_calls_go_on(self):
        for hostile in ('../evil', '/tmp/evil', '.evil', '-evil', 'a/b', 'x\ny', 'e' * 300):
            with self.subTest(linkedid=hostile):
                work = self.workdir(remote=None)
                work.three_legs(hostile, stamp='20260411-1440')
                work.three_legs(CALL)
                before = set(work.snapshot())
                result = work.run('pbx-stitch')
                self.assertEqual(result.status, 65, str(result))
                self.assertTrue(work.stitched_file(CALL).exists())
                new = {path for path in set(work.snapshot()) - before if path.endswith('.wav')}
                self.assertEqual(new, {str(work.stitched_file(CALL))})

    def test_a_hostile_argument_is_never_used_as_a_path(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        for argument in ('../x', '/etc/passwd', "x'; drop table asterisk_cdr; --", 'a' * 70000, '%', '*'):
            result = work.run('pbx-stitch', argument)
            self.assertIn(result.status, (64, 65, 66), str(result)[:500])
        self.assertEqual(work.db.value('select count(*) from asterisk_cdr'), '3')


class Running(Case):
    def test_a_thousand_calls_in_one_run_are_all_stitched(self):
        work = self.workdir(remote=None)
        count = 300 if SANITIZED else 1000
        rows, audio = [], [pcm(ramp(0.2, seed)) for seed in range(30)]
        for number in range(count):
            for leg in range(3):
                name = f'{number}-{leg}.wav'
                work.leg(name, audio[(number + 7 * leg) % 30])
                rows.append((f'2026-01-01 00:00:{leg:02}+00', f'1776500000.{number}', ACCOUNT, leg, name, f'1776500000.{number}'))
        work.db.copy('asterisk_cdr', ['calldate', 'linkedid', 'accountcode', 'sequence', 'recordingfile', 'uniqueid'], rows)
        work.db.sql("update asterisk_cdr set calldate = now() - interval '2 hours' + (calldate - '2026-01-01 00:00:00+00')")
        self.quiet(self.status(work.run('pbx-stitch', timeout=60), 0))
        for number in range(count):
            expected = b''.join(audio[(number + 7 * leg) % 30][44:] for leg in range(3))
            self.assertEqual(Wav(work.stitched_file(f'1776500000.{number}')).samples, expected, number)
        before = work.snapshot(work.stitched)
        self.quiet(self.status(work.run('pbx-stitch', '--jobs', '1', timeout=60), 0))
        self.assertEqual(work.snapshot(work.stitched), before)

    def test_the_number_of_jobs_changes_no_byte(self):
        work = self.workdir(remote=None)
        for number in range(20):
            work.three_legs(f'1776500000.{number}', stamp=f'202604{number + 10}-1440')
        self.status(work.run('pbx-stitch', '--jobs', '1'), 0)
        one = {path.name: path.read_bytes() for path in work.stitched.glob('*.wav')}
        self.status(work.run('pbx-stitch', '--jobs', '8', '--stitched', work.path / 'again'), 0)
        self.assertEqual({path.name: path.read_bytes() for path in (work.path / 'again').glob('*.wav')}, one)
        self.assertEqual(len(one), 20)

    def test_a_second_run_at_the_same_time_ends_with_a_temporary_failure_and_names_the_lock_holder(self):
        work = self.workdir()
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('away.wav', None)], ago=3 * 3600)
        work.cloud.fault(hang=True)  # the first run waits for the bucket while it holds the lock
        first = work.start('pbx-stitch')
        deadline = time.monotonic() + 20
        while not work.cloud.log and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(work.cloud.log, 'the first run never asked the remote')
        second = self.status(work.run('pbx-stitch', timeout=20), 75)
        self.says(second, str(first.pid))
        first.send_signal(signal.SIGKILL)
        first.wait()
        work.cloud.clear()
        deadline = time.monotonic() + 10
        while (again := work.run('pbx-stitch')).status == 75 and time.monotonic() < deadline:
            time.sleep(0.2)  # its rclone may hold the lock a moment longer
        self.status(again, 0)

    def test_a_stitched_folder_that_cannot_be_created_is_a_write_error_with_a_hint(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        (work.path / 'file').write_text('no folder', encoding='utf-8')
        result = self.status(work.run('pbx-stitch', '--stitched', work.path / 'file' / 'stitched'), 73)
        self.hints(result)
        self.says(result, re.escape(str(work.path / 'file')))

    def test_a_stitched_folder_without_write_permission_is_a_permission_error_with_a_hint(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        work.stitched.mkdir(mode=0o555)
        before = as_nobody(work.spool)
        tool = work.path / 'pbx-stitch'
        tool.write_bytes(Path(work.command('pbx-stitch')[0]).read_bytes())
        tool.chmod(0o755)
        result = work.run(str(tool), before=before)
        self.assertEqual(result.status, 77, str(result))
        self.hints(result)
        self.says(result, 'stitched')

    def test_a_database_that_is_down_is_reported_as_unavailable_with_a_hint(self):
        work = self.workdir(remote=None)
        result = self.status(work.run('pbx-stitch', '--database', f'host={work.path} dbname=x connect_timeout=2'), 69)
        self.hints(result)

    def test_a_run_ends_at_its_deadline_when_the_database_never_answers(self):
        work = self.workdir(remote=None)
        with socket.socket() as silent:
            silent.bind(('127.0.0.1', 0))
            silent.listen()
            started = time.monotonic()
            result = work.run('pbx-stitch', '--timeout', '5s', '--database',
                              f'host=127.0.0.1 port={silent.getsockname()[1]} dbname=x', timeout=40)
            self.assertEqual(result.status, 69, str(result))
            self.assertLess(time.monotonic() - started, 20 * SLOW)

    def test_a_database_without_the_schema_is_an_error_with_a_hint(self):
        work = self.workdir(remote=None)
        work.db.sql('drop table asterisk_cdr cascade')
        result = work.run('pbx-stitch')
        self.assertIn(result.status, (69, 78), str(result))
        self.says(result, 'asterisk_cdr', 'hint: .*pbx-migrate')

    def test_a_stitch_src_inside_the_spool_is_refused(self):
        work = self.workdir(remote=None)
        result = self.status(work.run('pbx-stitch', '--stitch-src', work.spool / 'cache'), 78)
        self.hints(result)

    def test_the_spool_may_be_on_another_filesystem_and_need_not_be_writable(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        elsewhere = work.path / 'elsewhere'
        work.spool.chmod(0o555)
        try:
            self.status(work.run('pbx-stitch', '--stitched', elsewhere), 0)
        finally:
            work.spool.chmod(0o755)
        Wav(elsewhere / f'{CALL}.wav').check()

    @unittest.skipUnless(LONG, 'writes 4.5 GB: PBX_LONG=1')
    def test_over_four_gigabytes_the_result_is_rf64(self):
        work = self.workdir(remote=None)
        for name in ('a.wav', 'b.wav'):
            size = 2_200_000_000
            with open(work.spool / name, 'wb') as file:
                file.write(pcm(b'')[:40] + struct.pack('<I', size))
                file.seek(4)
                file.write(struct.pack('<I', size + 36))
                file.truncate(size + 44)
            os.utime(work.spool / name, (time.time() - 600,) * 2)
        work.call(CALL, [('a.wav', None), ('b.wav', None)])
        self.status(work.run('pbx-stitch', timeout=600), 0)
        with open(work.stitched_file(CALL), 'rb') as file:
            self.assertEqual(file.read(4), b'RF64')
        self.assertEqual(sound.soxi(work.stitched_file(CALL))[2], 2_200_000_000)


if __name__ == '__main__':
    main()
