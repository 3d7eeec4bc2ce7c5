#!/usr/bin/env python3
"""pbx-stitch joins the legs of a call into one playable file, once, completely, and for one tenant only."""
import json
import os
import re
import stat
import struct
import time

import sound
from sound import Wav, names, pcm, ramp, tone
from workdir import ACCOUNT, OTHER_ACCOUNT, Case, main, wait_until

CALL = '1776500000.1'


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

    def test_a_call_without_a_leg_that_has_audio_gets_no_recording(self):
        broken = b'garbage' * 100
        for name, legs, status, words in (('empty', [('a.wav', b''), ('b.wav', b'')], 0, 'left {}: no leg of it has audio'),
                                          ('unreadable', [('a.wav', broken), ('b.wav', broken)], 65, 'not a WAV file')):
            with self.subTest(name):
                work = self.workdir(remote=None)
                work.call(CALL, legs)
                self.says(self.status(work.run('pbx-stitch', '-v'), status), words.format(CALL))
                self.assertFalse(work.stitched_file(CALL).exists())
                self.assertEqual(work.legs_in_spool(), ['a.wav', 'b.wav'])

    def test_the_manifest_states_when_the_recording_was_paused_and_only_then(self):
        work = self.workdir()
        work.three_legs(CALL)
        self.stitch(work)
        self.assertNotIn('paused', Wav(work.stitched_file(CALL)).manifest)
        work.db.sql("update asterisk_cdr set recording_paused = case sequence when 1 then '12-' when 2 then '80-' else '12-47' end")
        self.stitch(work)
        self.assertEqual(Wav(work.stitched_file(CALL)).manifest['paused'], '12-47,80-')
        before = work.snapshot(work.stitched)
        self.stitch(work)
        self.assertEqual(work.snapshot(work.stitched), before)

    def test_the_manifest_states_what_the_call_answered_about_its_recording(self):
        work = self.workdir()
        work.three_legs(CALL)
        self.stitch(work)
        self.assertNotIn('consent', Wav(work.stitched_file(CALL)).manifest)
        for values, expected in (("'granted'", 'granted'), ("case sequence when 1 then 'no-answer' end", 'no-answer'),
                                 ("case sequence when 1 then 'declined' when 2 then 'granted' else 'Robert' end", 'granted,declined')):
            work.db.sql(f'update asterisk_cdr set recording_consent = {values}')
            self.stitch(work)
            self.assertEqual(Wav(work.stitched_file(CALL)).manifest['consent'], expected)
        before = work.snapshot(work.stitched)
        self.stitch(work)
        self.assertEqual(work.snapshot(work.stitched), before)

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
        # What is written: who makes the recording, the first leg, the second leg.
        process, log = work.start_traced('write', 'write:delay_enter=2000000:when=3', 'pbx-stitch', '--jobs', '1')
        wait_until(lambda: log.exists() and log.read_text(encoding='utf-8').count(' = ') == 2, 'a copied leg')
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

    def test_verbose_prints_one_line_per_call_with_what_was_done_and_why(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        first = self.status(work.run('pbx-stitch', '-v'), 0)
        self.assertEqual(len(re.findall(rf'(?m)^pbx-stitch: .*{re.escape(CALL)}', first.err)), 1, str(first))
        second = self.status(work.run('pbx-stitch', '-v'), 0)
        self.assertEqual(len(re.findall(rf'(?m)^pbx-stitch: .*{re.escape(CALL)}', second.err)), 1, str(second))
        self.assertNotEqual(first.err, second.err)
        self.assertEqual(first.out, b'')


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

    def test_an_argument_that_is_refused_does_not_stop_the_other_calls(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        result = self.status(work.run('pbx-stitch', '-v', '../evil', CALL, '\udcff', '1776500000.404'), 65)
        self.says(result, 'linkedid "../evil" refused', 'it is not UTF-8', 'no recorded call "1776500000.404"')
        self.assertTrue(work.stitched_file(CALL).exists())
        result = self.status(work.run('pbx-stitch', '--json', '../evil'), 65)
        self.assertEqual(json.loads(result.out)['calls'], [])


if __name__ == '__main__':
    main()
