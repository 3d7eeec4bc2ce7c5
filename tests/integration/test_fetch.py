#!/usr/bin/env python3
"""pbx-recording-fetch returns a call byte for byte from the nearest place that has it."""
import fcntl
import os
import re
import signal
import subprocess
import time
import unittest
from pathlib import Path

import sound
from fetching import CALL, Fetching
from sound import Wav, pcm, ramp, tone
from workdir import ACCOUNT, OTHER_ACCOUNT, SLOW, main, processes_with, wait_until


class Tiers(Fetching):
    def test_the_local_stitched_recording_comes_first(self):
        work, _, whole = self.archived_call()
        work.count_rclone()
        headers, body = self.headers(work, CALL)
        self.assertEqual(body, whole)
        self.assertEqual((headers['X-Recording-Source'], headers['X-Recording-Legs']), ('stitched-local', '3'))
        self.assertEqual(headers['Content-Length'], str(len(whole)))
        self.assertRegex(headers['Content-Type'], r'^audio/(x-|vnd\.)?wave?')
        self.assertEqual(work.rclone_runs(), [])

    def test_the_remote_stitched_recording_comes_second(self):
        for kind in ('gcs', 'local', 'webdav'):
            with self.subTest(kind):
                work, _, whole = self.archived_call(remote=kind)
                work.stitched_file(CALL).unlink()
                headers, body = self.headers(work, CALL)
                self.assertEqual(body, whole)
                self.assertEqual((headers['X-Recording-Source'], headers['X-Recording-Legs']), ('stitched-remote', '3'))

    def test_rebuilding_from_archived_legs_comes_last_and_gives_what_stitch_would_write(self):
        for kind in ('gcs', 'local', 'webdav'):
            with self.subTest(kind):
                work, _, whole = self.archived_call(remote=kind)
                work.stitched_file(CALL).unlink()
                work.remote.remove(f'stitched/{CALL}.wav')
                headers, body = self.headers(work, CALL)
                self.assertEqual(body, whole)
                self.assertEqual((headers['X-Recording-Source'], headers['X-Recording-Legs']), ('stitched-ondemand', '3'))
                self.assertEqual(work.stitched_file(CALL).read_bytes(), whole, 'the result was not cached')
                self.assertEqual(self.headers(work, CALL)[0]['X-Recording-Source'], 'stitched-local')
                before = work.snapshot(work.stitched)
                self.quiet(self.status(work.run('pbx-stitch'), 0))
                self.assertEqual(work.snapshot(work.stitched), before)

    def test_rebuilding_needs_no_remote_while_the_legs_are_local(self):
        work = self.workdir(remote=None)
        legs = work.three_legs(CALL)
        headers, body = self.headers(work, CALL)
        self.assertEqual(headers['X-Recording-Source'], 'stitched-ondemand')
        self.assertEqual(Wav(body).samples, b''.join(data[44:] for _, data in legs))

    def test_rebuilding_takes_some_legs_from_the_spool_and_some_from_the_bucket(self):
        work = self.workdir()
        legs = work.three_legs(CALL)
        for name, data in legs[:2]:
            (work.spool / name).unlink()
            work.remote.put(name, data)
        self.assertEqual(Wav(self.fetch(work, CALL).out).samples, b''.join(data[44:] for _, data in legs))

    def test_a_channel_that_an_archived_recording_does_not_have_is_looked_for_nowhere_else(self):
        work, _, _ = self.archived_call()
        work.stitched_file(CALL).unlink()
        self.says(self.fetch(work, CALL, '--channel', 'caller', status=66), 'has one channel')
        self.assertFalse(work.stitch_src.exists() or work.stitched_file(CALL).exists())

    def test_a_stale_local_file_is_not_served(self):
        work, legs, _ = self.stitched_call()
        work.leg('late.wav', pcm(ramp(0.3, 9)), age=7200)
        work.cdr(CALL, 'late.wav', ago=600, sequence=9)
        headers, body = self.headers(work, CALL)
        self.assertEqual((headers['X-Recording-Source'], headers['X-Recording-Legs']), ('stitched-ondemand', '4'))
        self.assertEqual(Wav(body).samples, b''.join(data[44:] for _, data in legs) + ramp(0.3, 9))

    def test_a_stale_remote_file_is_not_served(self):
        work, legs, _ = self.archived_call()
        work.stitched_file(CALL).unlink()
        work.remote.put('late.wav', pcm(ramp(0.3, 9)))
        work.cdr(CALL, 'late.wav', ago=600, sequence=9)
        headers, body = self.headers(work, CALL)
        self.assertEqual(headers['X-Recording-Source'], 'stitched-ondemand')
        self.assertEqual(Wav(body).samples, b''.join(data[44:] for _, data in legs) + ramp(0.3, 9))

    def test_a_leg_that_was_missing_and_reached_the_archive_is_served_whatever_tier_has_the_recording(self):
        for tier in ('local', 'remote'):
            with self.subTest(tier):
                work = self.workdir()
                work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('late.wav', None), ('b.wav', pcm(ramp(0.2, 2)))], ago=3 * 3600)
                self.status(work.run('pbx-stitch'), 0)
                if tier == 'remote':
                    self.status(work.run('pbx-archive'), 0)
                    work.stitched_file(CALL).unlink()
                headers, body = self.headers(work, CALL)
                self.assertEqual((headers['X-Recording-Source'], headers['X-Recording-Missing']), (f'stitched-{tier}', '1'))
                self.assertEqual(Wav(body).samples, ramp(0.1) + ramp(0.2, 2))
                work.remote.put('late.wav', pcm(ramp(0.3, 3)))
                headers, body = self.headers(work, CALL)
                self.assertEqual((headers['X-Recording-Source'], headers.get('X-Recording-Missing')), ('stitched-ondemand', None))
                self.assertEqual(Wav(body).samples, ramp(0.1) + ramp(0.3, 3) + ramp(0.2, 2))

    def test_a_recording_that_another_process_finishes_meanwhile_is_served_and_not_built_again(self):
        work, _, whole = self.stitched_call(remote=None)
        work.stitched_file(CALL).unlink()
        lock = work.stitched / f'.{CALL}.wav.writing'
        with open(lock, 'wb') as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            process = work.start('pbx-recording-fetch', '-v', CALL)
            while b'no stitched recording here' not in process.stderr.readline():
                self.assertIsNone(process.poll())
            time.sleep(0.3)  # by now it waits for the lock, or soon will
            work.stitched_file(CALL).write_bytes(whole)
            lock.unlink()
        result = self.status(work.finish(process), 0)
        self.assertEqual(result.out, whole)
        self.says(result, 'X-Recording-Source: stitched-local')

    def test_the_legs_header_counts_legs_with_audio(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('silent.wav', sound.empty()), ('b.wav', pcm(ramp(0.2, 2)))])
        self.assertEqual(self.headers(work, CALL)[0]['X-Recording-Legs'], '2')
        self.assertEqual(self.headers(work, CALL)[0]['X-Recording-Legs'], '2')

    def test_a_call_whose_other_legs_are_still_on_another_node_is_served_in_part_and_not_cached(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.2, 2))), ('elsewhere.wav', None)], ago=600)
        headers, body = self.headers(work, CALL)
        self.assertEqual((headers['X-Recording-Missing'], headers['X-Recording-Legs']), ('1', '2'))
        self.assertEqual(Wav(body).samples, ramp(0.1) + ramp(0.2, 2))
        self.assertFalse(work.stitched_file(CALL).exists())

    def test_a_damaged_leg_is_left_out_and_the_rest_is_served(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('broken.wav', os.urandom(3000)), ('b.wav', pcm(ramp(0.2, 2)))])
        result = work.run('pbx-recording-fetch', CALL)
        self.assertIn(result.status, (0, 65), str(result))
        self.assertEqual(Wav(result.out).samples, ramp(0.1) + ramp(0.2, 2))
        self.says(result, r'broken\.wav')


class SingleLegs(Fetching):
    def test_a_call_of_one_leg_is_served_as_that_leg_unchanged(self):
        for kind in ('wav', 'gsm', 'stereo'):
            with self.subTest(kind):
                work = self.workdir()
                data = tone(440, 0.5, kind)
                work.call(CALL, [('only.wav', data)])
                headers, body = self.headers(work, CALL)
                self.assertEqual(body, data)
                self.assertEqual((headers['X-Recording-Source'], headers['X-Recording-Legs']), ('leg-local', '1'))
                self.assertEqual(headers['Content-Length'], str(len(data)))
                self.assertFalse(work.stitched.exists() and list(work.stitched.glob('*.wav')))

    def test_a_leg_that_is_still_being_recorded_is_not_served(self):
        work = self.workdir()
        leg = '20260418-144004-919944421125-1003.wav'
        work.call(CALL, [(leg, pcm(ramp(0.5)))])
        recorder = work.hold_open(leg)
        for arguments in ([CALL], [CALL, '--leg', '1'], ['--file', leg], [CALL, '--to', work.path / 'to']):
            with self.subTest(arguments=arguments):
                result = self.fetch(work, *arguments, status=75)
                self.hints(result)
                self.says(result, f'leg {leg} is still being recorded')
                self.assertEqual(result.out, b'')
        recorder.kill()
        recorder.wait()
        self.assertEqual(self.fetch(work, CALL).out, pcm(ramp(0.5)))

    def test_a_leg_that_is_shorter_than_its_header_states_is_served_with_an_error(self):
        work = self.workdir()
        cut = pcm(ramp(1.0))[:8044]
        work.call(CALL, [('20260418-144004-919944421125-1003.wav', cut)])
        result = self.status(work.run('pbx-recording-fetch', CALL), 65)
        self.says(result, 'is shorter than its header states')
        self.assertEqual(result.out, cut)

    def test_an_archived_leg_comes_from_the_bucket(self):
        for kind in ('gcs', 'local', 'webdav'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                work.call(CALL, [('only.wav', tone())])
                self.status(work.run('pbx-archive'), 0)
                headers, body = self.headers(work, CALL)
                self.assertEqual((body, headers['X-Recording-Source']), (tone(), 'leg-remote'))

    def test_rows_that_repeat_the_leg_do_not_make_it_two(self):
        work = self.workdir()
        work.call(CALL, [('only.wav', tone())])
        for sequence in range(9):
            work.cdr(CALL, 'only.wav', sequence=sequence)
        self.assertEqual(self.headers(work, CALL)[0]['X-Recording-Source'], 'leg-local')

    def test_leg_n_is_the_nth_leg_unchanged(self):
        work, legs, _ = self.stitched_call()
        for number, (_, data) in enumerate(legs, 1):
            self.assertEqual(self.fetch(work, CALL, '--leg', number).out, data)
        self.assertEqual(self.headers(work, CALL, '--leg', '2')[0]['X-Recording-Source'], 'leg-local')
        self.status(work.run('pbx-archive'), 0)
        headers, body = self.headers(work, CALL, '--leg', '3')
        self.assertEqual((body, headers['X-Recording-Source']), (legs[2][1], 'leg-remote'))
        for number in ('0', '4', '-1', 'x'):
            self.assertIn(work.run('pbx-recording-fetch', CALL, '--leg', number).status, (64, 66))

    def test_an_object_with_a_longer_name_is_never_served_for_a_shorter_one(self):
        work = self.workdir()
        work.call(CALL, [('a', None)], ago=3 * 3600)
        work.remote.put('a/secret.wav', b'another tenant')
        work.remote.put('a.wav', b'another tenant')
        self.assertNotIn(b'another', work.run('pbx-recording-fetch', CALL).out)


class NamingTheCall(Fetching):
    def test_a_cdr_id_a_uniqueid_and_a_linkedid_name_the_same_call(self):
        work = self.workdir()
        ids = work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.2, 2)))])
        whole = self.fetch(work, CALL).out
        self.assertEqual(self.fetch(work, f'{CALL}1').out, whole)
        for identity in ids:
            self.assertEqual(self.fetch(work, identity).out, whole)

    def test_a_uniqueid_on_rows_of_two_accounts_means_the_call_of_each(self):
        work = self.workdir()
        legs = {ACCOUNT: pcm(ramp(0.1)), OTHER_ACCOUNT: pcm(ramp(0.2, 2))}
        uniqueid = '1776500000.77'
        for number, (account, data) in enumerate(legs.items()):
            work.leg(f'{number}.wav', data)
            work.cdr(f'1776500000.5{number}', f'{number}.wav', account, uniqueid=uniqueid)
        result = self.fetch(work, uniqueid, status=64)
        self.says(result, f'several accounts have calls with uniqueid {uniqueid}: "{ACCOUNT}", "{OTHER_ACCOUNT}"')
        for account, data in legs.items():
            self.assertEqual(self.fetch(work, uniqueid, '--account', account).out, data)
            self.assertEqual(self.fetch(work, f'{uniqueid}/{account}').out, data)
        many = work.run('pbx-recording-fetch', '--to', work.path / 'calls', *(f'{uniqueid}/{account}' for account in legs))
        self.status(many, 0)
        self.assertEqual({path.read_bytes() for path in (work.path / 'calls').glob('*.wav')}, set(legs.values()))

    def test_a_uniqueid_means_only_what_its_account_has_in_that_call(self):
        work = self.workdir()
        ours, uniqueid = pcm(ramp(0.1)), '1776500000.55'
        for name, data in (('a.wav', ours), ('b.wav', pcm(ramp(0.2, 2))), ('c.wav', pcm(ramp(0.3, 3)))):
            work.leg(name, data)
        work.cdr(CALL, 'a.wav', uniqueid=uniqueid)
        work.cdr(CALL, 'b.wav', OTHER_ACCOUNT, sequence=2, uniqueid=f'{CALL}2')
        self.assertEqual(self.fetch(work, uniqueid).out, ours)
        self.fetch(work, uniqueid, '--account', OTHER_ACCOUNT, status=66)
        work.cdr('1776599999.9', 'c.wav', uniqueid=uniqueid)
        self.assertEqual(self.fetch(work, uniqueid).out, ours)

    def test_a_linkedid_means_its_own_call_unless_the_account_has_none_there(self):
        work = self.workdir()
        ours, theirs = pcm(ramp(0.1)), pcm(ramp(0.2, 2))
        work.leg('a.wav', ours)
        work.leg('b.wav', theirs)
        work.cdr(CALL, 'a.wav')
        work.cdr('1776500000.0', 'b.wav', OTHER_ACCOUNT, uniqueid=CALL)
        self.assertEqual(self.fetch(work, CALL).out, ours)
        self.assertEqual(self.fetch(work, CALL, '--account', OTHER_ACCOUNT).out, theirs)

    def test_a_rebuild_reports_only_once_that_there_was_no_recording(self):
        work = self.workdir()
        work.three_legs(CALL)
        self.assertEqual(self.fetch(work, CALL, '-v').err.count('no stitched recording here'), 1)

    def test_an_unknown_call_is_reported_as_not_found(self):
        work = self.workdir()
        for call in ('1776599999.9', '999999', '99999999999999999999999999', 'nonsense'):
            result = self.fetch(work, call, status=66)
            self.says(result, re.escape(call))

    def test_a_call_without_a_recording_is_reported_as_not_found(self):
        work = self.workdir()
        work.cdr(CALL, '')
        work.cdr(CALL, None)
        self.fetch(work, CALL, status=66)

    def test_a_recording_that_is_nowhere_is_reported_as_not_found(self):
        work = self.workdir()
        work.call(CALL, [('gone.wav', None)], ago=3 * 3600)
        self.fetch(work, CALL, status=66)
        work.call('1776500000.2', [('gone1.wav', None), ('gone2.wav', None)], ago=3 * 3600)
        self.fetch(work, '1776500000.2', status=66)

    def test_no_call_and_two_calls_are_usage_errors(self):
        work = self.workdir()
        for arguments in ((), ('1', '2'), ('--nonsense', '1')):
            self.fetch(work, *arguments, status=64)
        self.assertIn(work.run('pbx-recording-fetch', '').status, (64, 66))

    def test_hostile_call_names_reach_no_file_and_no_shell(self):
        work = self.workdir()
        work.three_legs(CALL)
        (work.path / 'secret.wav').write_bytes(tone())
        for call in ('../secret', '../../secret.wav', '/etc/passwd', '.', '..', '%', "' or true --", '$(touch x)', 'a\nb', 'é' * 300,
                     '\x1b[2J', 'x' * 70000):
            result = work.run('pbx-recording-fetch', call)
            self.assertIn(result.status, (64, 65, 66), str(result)[:600])
            self.assertEqual(result.out, b'')
            self.assertNotIn('\x1b', result.err)
        self.assertIn(work.run('pbx-recording-fetch', '--', '-x').status, (64, 66))
        self.assertFalse((work.path / 'x').exists())

    def test_hostile_recordingfiles_are_refused(self):
        work = self.workdir()
        (work.path / 'secret.wav').write_bytes(tone())
        (work.path / 'monitor' / 'sub').mkdir()
        (work.path / 'monitor' / 'sub' / 'x.wav').write_bytes(tone())
        (work.spool / 'link.wav').symlink_to(work.path / 'secret.wav')
        for number, name in enumerate(('../secret.wav', '/etc/hostname', 'sub/x.wav', '-x.wav', '.h.wav', 'link.wav', 'a\nb.wav')):
            work.cdr(f'1776500000.{number}', name, ago=3 * 3600)
            result = work.run('pbx-recording-fetch', f'1776500000.{number}')
            self.assertIn(result.status, (65, 66, 77), f'{name!r} {result}')
            self.assertEqual(result.out, b'')

    def test_an_object_outside_the_remote_is_out_of_reach(self):
        work = self.workdir()
        work.cloud.put('astra_pbx/other-tenant.wav', tone())
        work.cdr(CALL, '../other-tenant.wav', ago=3 * 3600)
        result = work.run('pbx-recording-fetch', CALL)
        self.assertIn(result.status, (65, 66), str(result))
        self.assertEqual(result.out, b'')


class Tenants(Fetching):
    def both(self):
        work = self.workdir()
        work.call(CALL, [('a1.wav', pcm(ramp(0.1, 1))), ('a2.wav', pcm(ramp(0.1, 2)))])
        ids = work.call(CALL, [('b1.wav', pcm(ramp(0.1, 3))), ('b2.wav', pcm(ramp(0.1, 4)))], OTHER_ACCOUNT)
        return work, ids

    def test_a_linkedid_of_two_accounts_is_a_usage_error_that_lists_them(self):
        work, _ = self.both()
        result = self.fetch(work, CALL, status=64)
        self.says(result, ACCOUNT, OTHER_ACCOUNT)
        self.hints(result)

    def test_with_account_each_gets_its_own_audio_from_every_tier(self):
        work, _ = self.both()
        for _ in range(2):
            self.assertEqual(Wav(self.fetch(work, CALL, '--account', ACCOUNT).out).samples, ramp(0.1, 1) + ramp(0.1, 2))
            self.assertEqual(Wav(self.fetch(work, CALL, '--account', OTHER_ACCOUNT).out).samples, ramp(0.1, 3) + ramp(0.1, 4))
        self.status(work.run('pbx-archive'), 0)
        for path in work.stitched.glob('*.wav'):
            path.unlink()
        headers, body = self.headers(work, CALL, '--account', OTHER_ACCOUNT)
        self.assertEqual(headers['X-Recording-Source'], 'stitched-remote')
        self.assertEqual(Wav(body).samples, ramp(0.1, 3) + ramp(0.1, 4))

    def test_a_cdr_id_names_the_call_of_its_own_account(self):
        work, ids = self.both()
        self.assertEqual(Wav(self.fetch(work, ids[0]).out).samples, ramp(0.1, 3) + ramp(0.1, 4))

    def test_a_call_of_another_account_is_answered_exactly_like_one_that_does_not_exist(self):
        work = self.workdir()
        ids = work.call(CALL, [('a.wav', pcm(ramp(0.1, 1))), ('b.wav', pcm(ramp(0.1, 2)))])
        for asked, absent in ((CALL, '1776500000.2'), (ids[0], '9' * len(str(ids[0])))):
            theirs = self.fetch(work, asked, '--account', OTHER_ACCOUNT, status=66)
            nowhere = self.fetch(work, absent, '--account', OTHER_ACCOUNT, status=66)
            self.assertEqual(theirs.err.replace(str(asked), 'X'), nowhere.err.replace(absent, 'X'))

    def test_a_plain_stitched_file_of_the_first_account_is_not_served_to_the_second(self):
        work = self.workdir()
        work.call(CALL, [('a1.wav', pcm(ramp(0.1, 1))), ('a2.wav', pcm(ramp(0.1, 2)))])
        self.status(work.run('pbx-stitch'), 0)
        work.call(CALL, [('b1.wav', pcm(ramp(0.1, 3))), ('b2.wav', pcm(ramp(0.1, 4)))], OTHER_ACCOUNT)
        self.assertEqual(Wav(self.fetch(work, CALL, '--account', OTHER_ACCOUNT).out).samples, ramp(0.1, 3) + ramp(0.1, 4))

    def test_a_recording_of_another_account_under_the_calls_name_is_served_from_no_tier(self):
        for tier in ('local', 'remote'):
            with self.subTest(tier):
                work, _, whole = self.archived_call()
                if tier == 'remote':
                    work.stitched_file(CALL).unlink()
                work.db.sql(f"update asterisk_cdr set accountcode = '{OTHER_ACCOUNT}' where linkedid = '{CALL}'")
                self.fetch(work, CALL, status=65)
                work.db.sql(f"update recordings set accountcode = '{OTHER_ACCOUNT}' where shelf = 'legs'")
                headers, body = self.headers(work, CALL)
                self.assertEqual(headers['X-Recording-Source'], 'stitched-ondemand')
                self.assertEqual((Wav(body).info['IART'], Wav(body).samples), (OTHER_ACCOUNT, Wav(whole).samples))

    def test_a_forged_stitched_file_of_another_account_is_not_served(self):
        work, _, _ = self.stitched_call()
        work.three_legs('1776500000.7', OTHER_ACCOUNT, stamp='20260419-1500')
        self.status(work.run('pbx-stitch'), 0)
        work.stitched_file(CALL).write_bytes(work.stitched_file('1776500000.7').read_bytes())
        self.assertEqual(Wav(self.fetch(work, CALL).out).info['IART'], ACCOUNT)


class Output(Fetching):
    def test_through_a_pipe_the_bytes_are_exact(self):
        work, _, whole = self.stitched_call()
        out = subprocess.run(['sh', '-c', '"$0" "$1" | cat', work.command('pbx-recording-fetch')[0], CALL],
                             env=work.environment(), stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(out, whole)

    def test_into_a_file_it_appears_whole(self):
        work, _, whole = self.stitched_call()
        target = work.path / 'call.wav'
        result = self.fetch(work, CALL, '-o', target)
        self.assertEqual((target.read_bytes(), result.out), (whole, b''))
        self.assertEqual([path for path in work.path.iterdir() if 'call' in path.name], [target])

    def in_private_dev(self, work):
        """(/dev as a command in it sees it, what to put before the command): root could replace the machine's own."""
        if os.geteuid() != 0:
            return Path('/dev'), ()
        dev = work.path / 'dev'
        dev.mkdir()
        (dev / 'null').touch()
        (dev / 'fd').symlink_to('/proc/self/fd')
        (dev / 'stdout').symlink_to('/proc/self/fd/1')
        enter = ('unshare', '--mount', 'sh', '-c', f'mount --bind /dev/null {dev}/null && mount --rbind {dev} /dev && exec "$@"', 'sh')
        if subprocess.run([*enter, 'true'], stderr=subprocess.PIPE, check=False).returncode:
            self.skipTest('not permitted to mount, and root would replace the /dev/stdout of this machine')
        return dev, enter

    def test_o_with_dev_stdout_keeps_what_the_file_behind_it_holds_and_the_link(self):
        work, _, whole = self.stitched_call()
        dev, enter = self.in_private_dev(work)
        target = work.path / 'answer.wav'
        target.write_bytes(b'written before ')
        with open(target, 'ab') as stdout:
            done = subprocess.run([*enter, *work.command('pbx-recording-fetch', CALL, '-o', '/dev/stdout')], stdout=stdout,
                                  stderr=subprocess.PIPE, env=work.environment(), cwd=work.path, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            stdout.write(b' written after')
        self.assertTrue((dev / 'stdout').is_symlink(), '/dev/stdout was replaced')
        self.assertEqual(target.read_bytes(), b'written before ' + whole + b' written after')

    def test_o_with_a_name_for_stdout_writes_into_stdout_wherever_it_goes(self):
        work, _, whole = self.stitched_call()
        names = ('/dev/fd/1', '/proc/self/fd/1')
        for name in names:
            with self.subTest(name):
                target = work.path / 'answer.wav'
                target.write_bytes(b'written before ')
                with open(target, 'ab') as stdout:
                    process = work.start('pbx-recording-fetch', CALL, '-o', name, stdout=stdout)
                    self.status(work.finish(process), 0)
                    stdout.write(b' written after')
                self.assertEqual(target.read_bytes(), b'written before ' + whole + b' written after')
                self.assertEqual(self.fetch(work, CALL, '-o', name).out, whole, 'through a pipe')
        link = work.path / 'out'
        link.symlink_to('/dev/fd/1')
        with open(work.path / 'answer.wav', 'wb') as stdout:
            self.status(work.finish(work.start('pbx-recording-fetch', CALL, '-o', link, stdout=stdout)), 0)
        self.assertTrue(link.is_symlink(), 'the link was replaced')
        self.assertEqual((work.path / 'answer.wav').read_bytes(), whole)
        self.hints(self.fetch(work, CALL, '-o', '/dev/fd/77', status=73))
        self.assertEqual(work.run_on_terminal('pbx-recording-fetch', CALL, '-o', '/dev/stdout').status, 64)

    def test_o_with_a_pipe_or_a_device_writes_into_it(self):
        work, _, whole = self.stitched_call()
        pipe = work.path / 'pipe'
        os.mkfifo(pipe)
        with subprocess.Popen(['cat', pipe], stdout=subprocess.PIPE) as reader:
            self.fetch(work, CALL, '-o', pipe)
            self.assertEqual(reader.communicate()[0], whole)
        self.assertTrue(pipe.is_fifo())
        self.fetch(work, CALL, '-o', '/dev/null')
        self.assertFalse(os.path.isfile('/dev/null'))
        self.fetch(work, CALL, '-o', '/dev/full', status=73)

    def test_a_failed_fetch_leaves_the_named_file_as_it_was(self):
        work, _, _ = self.archived_call()
        work.stitched_file(CALL).unlink()
        target = work.path / 'call.wav'
        for before in (None, b'an older recording'):
            if before:
                target.write_bytes(before)
            work.cloud.clear()
            work.cloud.fault(match='alt=media|/download/', corrupt=True)
            result = work.run('pbx-recording-fetch', CALL, '-o', target, timeout=90)
            self.assertNotEqual(result.status, 0, str(result))
            self.assertEqual(target.read_bytes() if target.exists() else None, before)
            self.assertEqual([path.name for path in work.path.iterdir() if 'call.wav' in path.name], ['call.wav'] if before else [])

    def test_headers_go_before_the_body_into_a_file_or_onto_stderr(self):
        work, _, whole = self.stitched_call()
        headers, body = self.headers(work, CALL)
        self.assertEqual(body, whole)
        dumped = work.path / 'headers'
        self.assertEqual(self.fetch(work, CALL, '-D', dumped).out, whole)
        text = dumped.read_text(encoding='utf-8').replace('\r', '')
        for name, value in headers.items():
            self.assertIn(f'{name}: {value}\n', text)
        result = self.fetch(work, CALL, '-v')
        self.assertEqual(result.out, whole)
        self.assertIn('X-Recording-Source: stitched-local', result.err)
        self.assertIn('X-Recording-Legs: 3', result.err)

    def test_without_options_only_audio_is_written_and_nothing_on_stderr(self):
        work, _, whole = self.stitched_call()
        result = self.fetch(work, CALL)
        self.assertEqual((result.out, result.err), (whole, ''))

    def test_i_and_d_together_are_a_usage_error(self):
        work, _, _ = self.stitched_call()
        self.fetch(work, CALL, '-i', '-D', work.path / 'headers', status=64)

    def test_it_ends_quietly_when_the_reader_goes_away(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(1.0) * 200)), ('b.wav', pcm(ramp(1.0, 2) * 200))])
        self.status(work.run('pbx-stitch'), 0)
        tool = work.command('pbx-recording-fetch')[0]
        for tier in ('local', 'remote'):
            if tier == 'remote':
                self.status(work.run('pbx-archive'), 0)
                work.stitched_file(CALL).unlink()
            script = 'set -o pipefail; "$0" "$1" 2>err | head -c 100; echo "${PIPESTATUS[0]}" >&2'
            done = subprocess.run(['bash', '-c', script, tool, CALL], env=work.environment(), cwd=work.path, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * SLOW)
            self.assertEqual(done.stdout[:4], b'RIFF')
            self.assertEqual(len(done.stdout), 100)
            self.assertEqual((work.path / 'err').read_text(encoding='utf-8'), '', tier)
            self.assertIn(done.stderr.decode().strip(), ('0', '141'), tier)

    def test_it_refuses_to_write_audio_to_a_terminal(self):
        work, _, whole = self.stitched_call()
        result = work.run_on_terminal('pbx-recording-fetch', CALL)
        self.assertEqual(result.status, 64, str(result))
        self.assertNotIn(b'RIFF', result.out)
        self.says(result, 'terminal', 'hint')
        target = work.path / 'x.wav'
        self.assertEqual(work.run_on_terminal('pbx-recording-fetch', CALL, '-o', target).status, 0)
        self.assertEqual(target.read_bytes(), whole)

    def test_a_full_disk_behind_stdout_or_the_file_is_a_write_error(self):
        work, _, _ = self.stitched_call()
        with open('/dev/full', 'wb') as full:
            done = subprocess.run(work.command('pbx-recording-fetch', CALL), env=work.environment(), stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 73, done.stderr.decode())

    def test_a_file_in_a_folder_that_does_not_exist_is_a_write_error(self):
        work, _, _ = self.stitched_call()
        self.hints(self.fetch(work, CALL, '-o', work.path / 'nowhere' / 'x.wav', status=73))

    def test_a_cache_that_cannot_be_written_does_not_stop_the_call_from_being_served(self):
        work = self.workdir(remote=None)
        legs = work.three_legs(CALL)
        (work.path / 'file').write_text('no folder', encoding='utf-8')
        result = work.run('pbx-recording-fetch', CALL, '--stitched', work.path / 'file' / 'stitched')
        self.assertIn(result.status, (0, 73), str(result))
        if result.status == 0:
            self.assertEqual(Wav(result.out).samples, b''.join(data[44:] for _, data in legs))
        else:
            self.assertEqual(result.out, b'')
            self.hints(result)


class ManyAtOnce(Fetching):
    def test_ten_fetches_of_one_call_at_once_all_get_it_whole(self):
        work, _, whole = self.archived_call()
        work.stitched_file(CALL).unlink()
        work.remote.remove(f'stitched/{CALL}.wav')
        runs = [work.start('pbx-recording-fetch', CALL, '-o', work.path / f'out-{number}.wav') for number in range(10)]
        for number, run in enumerate(runs):
            self.status(work.finish(run), 0)
            self.assertEqual((work.path / f'out-{number}.wav').read_bytes(), whole)
        self.assertEqual(work.stitched_file(CALL).read_bytes(), whole)

    @unittest.skipUnless(os.geteuid() == 0, 'only root brings legs through a folder of its own')
    def test_the_private_folder_of_a_killed_fetch_is_removed_by_the_next_one(self):
        work, _, whole = self.archived_call()
        work.stitched_file(CALL).unlink()
        work.remote.remove(f'stitched/{CALL}.wav')
        temporary = work.path / 'tmp'
        temporary.mkdir()
        for folder in (work.spool, work.stitched):
            os.chown(folder, 65534, 65534)  # the cache now belongs to nobody, so root must not let rclone write there
        work.cloud.fault(match=r'wav\?.*alt=media|/download/.*wav', hang=True)
        process = work.start('pbx-recording-fetch', CALL, env={'TMPDIR': temporary})
        wait_until(lambda: any('wav?' in line and 'alt=media' in line for line in list(work.cloud.log)), 'a download')
        self.assertEqual(len(list(temporary.iterdir())), 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        work.cloud.clear()
        wait_until(lambda: not processes_with(str(temporary)), 'the end of rclone')
        self.assertEqual(self.fetch(work, CALL, env={'TMPDIR': temporary}).out, whole)
        self.assertEqual(list(temporary.iterdir()), [])

    def test_a_fetch_does_not_wait_for_a_running_archive(self):
        work, _, whole = self.stitched_call()
        work.cloud.fault(hang=True)
        archive = work.start('pbx-archive')
        wait_until(lambda: work.cloud.log, 'a request of the archive')
        self.assertEqual(self.fetch(work, CALL, timeout=20).out, whole)
        work.cloud.clear()
        self.status(work.finish(archive), 0)


if __name__ == '__main__':
    main()
