#!/usr/bin/env python3
"""pbx-recording-fetch --to: many calls into one folder, with few runs of rclone, and what it writes down about them. The judges
are sha256sum, cmp of bytes that were stored, sox and soxi."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time

from archiving import flipped
from fetching import Fetching
from sound import Wav, pcm, ramp, same_audio, soxi
from workdir import ACCOUNT, BELOW, OTHER_ACCOUNT, as_nobody, main, wait_until

STAMP = '20260418-14{:02}{:02}'


class Many(Fetching):
    def calls(self, work, count, first=0, legs=2, seconds=0.1, **how):
        """`count` calls, each with two legs of different sounds; their linkedids."""
        linkedids = []
        for number in range(first, first + count):
            linkedid = f'1776500{number:03}.1'
            stamp = STAMP.format(number // 60, number % 60)
            work.call(linkedid, [(f'{stamp}-{number}-{leg}.wav', pcm(ramp(seconds, 1 + number * legs + leg)))
                                 for leg in range(legs)], **how)
            linkedids.append(linkedid)
        return linkedids

    def archived(self, count=5, **how):
        """A workdir with that many archived calls, of which nothing is left on this machine; {linkedid: stitched bytes}."""
        work = self.workdir(**how)
        linkedids = self.calls(work, count)
        self.status(work.run('pbx-stitch'), 0)
        whole = {linkedid: work.stitched_file(linkedid).read_bytes() for linkedid in linkedids}
        self.status(work.run('pbx-archive'), 0)
        shutil.rmtree(work.stitched)
        return work, whole

    def collect(self, work, *calls, status=0, to='calls', **how):
        """Fetch into a folder; the result, and the lines of calls.jsonl by the name that was asked for."""
        result = self.status(work.run('pbx-recording-fetch', '--to', to, *calls, **how), status)
        self.assertEqual(result.out, b'')
        return result, self.entries(work, to)

    def entries(self, work, to='calls'):
        lines = (work.path / to / 'calls.jsonl').read_text(encoding='utf-8').splitlines()
        entries = [json.loads(line) for line in lines]
        self.assertEqual(len({entry['call'] for entry in entries}), len(lines), 'one line per call')
        return {entry['call']: entry for entry in entries}

    def files(self, work, to='calls'):
        """{name: bytes} of the recordings in the folder."""
        return {path.name: path.read_bytes() for path in (work.path / to).iterdir()
                if not path.name.startswith('.') and path.name not in ('calls.jsonl', 'SHA256SUMS')}

    def check_sums(self, work, to='calls'):
        done = subprocess.run(['sha256sum', '-c', '--strict', 'SHA256SUMS'], cwd=work.path / to, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return sorted(line.rsplit(': ', 1)[0] for line in done.stdout.splitlines())

    def half(self, work, leg, side, data):
        """One side of a leg in two channels that pbx-stitch has not woven yet."""
        path = work.spool / 'halves' / f'{leg[:-4]}.{side}.wav'
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (time.time() - 600,) * 2)
        return path

    def nothing_hidden(self, work, to='calls'):
        self.assertEqual([path.name for path in (work.path / to).iterdir() if path.name.startswith('.')],
                         ['.pbx-recording-fetch.lock'])


class FromEveryPlace(Many):
    def test_archived_calls_come_byte_for_byte_with_few_runs_of_rclone(self):
        work, whole = self.archived(40)
        work.count_rclone()
        result, entries = self.collect(work, *whole)
        self.assertEqual(result.err, '')
        self.assertEqual(self.files(work), {f'{linkedid}.wav': data for linkedid, data in whole.items()})
        self.assertLessEqual(len(work.rclone_runs()), 5, '\n'.join(work.rclone_runs()))
        self.assertEqual(self.check_sums(work), sorted(self.files(work)))
        self.nothing_hidden(work)
        for linkedid, data in whole.items():
            entry = entries[linkedid]
            self.assertEqual((entry['file'], entry['size'], entry['sha256'], entry['source'], entry['status']),
                             (f'{linkedid}.wav', len(data), hashlib.sha256(data).hexdigest(), 'stitched-remote', 0))
            self.assertEqual((entry['account'], len(entry['legs']), entry['missing'], entry['unreadable'], entry['verified']),
                             (ACCOUNT, 2, [], [], True))
            self.assertEqual((work.path / 'calls' / entry['file']).stat().st_mode & 0o777, 0o640)

    def test_names_come_from_stdin_one_per_line(self):
        work, whole = self.archived(3)
        first, second, third = whole
        text = f'{first}\n\n  {second}/{ACCOUNT}\r\n{first}\n{third}'
        _, entries = self.collect(work, '-', stdin=text.encode())
        self.assertEqual(sorted(entries), sorted([first, f'{second}/{ACCOUNT}', third]))
        self.assertEqual(len(self.files(work)), 3)

    def test_a_list_without_calls_makes_an_empty_folder(self):
        work = self.workdir(remote=None)
        for text in (b'', b'\n \n'):
            _, entries = self.collect(work, '-', stdin=text)
            self.assertEqual((entries, self.files(work)), ({}, {}))
        self.hints(self.fetch(work, '--to', 'calls', '', status=64))

    def test_a_call_comes_from_the_nearest_place_that_has_it(self):
        work, whole = self.archived(2)
        local, = self.calls(work, 1, first=10)
        self.status(work.run('pbx-stitch', local), 0)
        built, = self.calls(work, 1, first=20)
        leg, = self.calls(work, 1, first=30, legs=1)
        archived_leg, = self.calls(work, 1, first=40, legs=1)
        name = STAMP.format(0, 40) + '-40-0.wav'
        sound = (work.spool / name).read_bytes()
        work.remote.put(name, sound)
        (work.spool / name).unlink()
        _, entries = self.collect(work, *whole, local, built, leg, archived_leg)
        self.assertEqual([entries[call]['source'] for call in (*whole, local, built, leg, archived_leg)],
                         ['stitched-remote', 'stitched-remote', 'stitched-local', 'stitched-ondemand', 'leg-local', 'leg-remote'])
        files = self.files(work)
        self.assertEqual(files[f'{leg}.wav'], (work.spool / (STAMP.format(0, 30) + '-30-0.wav')).read_bytes())
        self.assertEqual(files[f'{archived_leg}.wav'], sound)
        self.assertEqual(files[f'{local}.wav'], work.stitched_file(local).read_bytes())
        Wav(work.path / 'calls' / f'{built}.wav').check()
        self.check_sums(work)

    def test_recordings_that_must_be_built_get_their_legs_with_few_runs_of_rclone(self):
        work = self.workdir()
        calls = self.calls(work, 30)
        self.status(work.run('pbx-stitch'), 0)
        whole = {call: work.stitched_file(call).read_bytes() for call in calls}
        shutil.rmtree(work.stitched)
        self.status(work.run('pbx-archive'), 0)
        work.count_rclone()
        _, entries = self.collect(work, *calls)
        self.assertLessEqual(len(work.rclone_runs()), 12, '\n'.join(work.rclone_runs()))
        self.assertEqual({entry['source'] for entry in entries.values()}, {'stitched-ondemand'})
        self.assertEqual(self.files(work), {f'{call}.wav': data for call, data in whole.items()})

    def test_calls_of_this_hour_in_two_channels_are_woven(self):
        work = self.workdir(remote=None)
        for number in range(3):
            leg = STAMP.format(0, number) + '-1003.wav'
            work.cdr(f'1776500{number:03}.1', leg)
            self.half(work, leg, 'caller', pcm(ramp(0.5, 2 * number + 1)))
            self.half(work, leg, 'called', pcm(ramp(0.5, 2 * number + 2)))
        calls = [f'1776500{number:03}.1' for number in range(3)]
        _, entries = self.collect(work, *calls)
        for call in calls:
            self.assertEqual(soxi(work.path / 'calls' / entries[call]['file'])[:2], (8000, 2))
        _, entries = self.collect(work, '--channel', 'caller', *calls, to='callers')
        self.assertEqual(soxi(work.path / 'callers' / entries[calls[0]]['file'])[:2], (8000, 1))

    def test_calls_that_share_their_only_leg_get_a_file_each(self):
        work = self.workdir()
        audio = pcm(ramp(0.5))
        work.leg('shared.wav', audio)
        linkedids = [f'1776500900.{number}' for number in (1, 2, 3)]
        for linkedid in linkedids:
            work.cdr(linkedid, 'shared.wav')
        self.status(work.run('pbx-archive'), 0)
        _, entries = self.collect(work, *linkedids)
        self.assertEqual({entry['source'] for entry in entries.values()}, {'leg-remote'})
        self.assertEqual(self.files(work), {f'{linkedid}.wav': audio for linkedid in linkedids})
        self.assertEqual(self.check_sums(work), [f'{linkedid}.wav' for linkedid in linkedids])
        self.nothing_hidden(work)

    def test_formats_are_encoded_and_named(self):
        work, whole = self.archived(3)
        _, entries = self.collect(work, '--format', 'flac', '-j', 2, *whole)
        for call, data in whole.items():
            self.assertEqual((entries[call]['file'], entries[call]['format']), (f'{call}.flac', 'flac'))
            (work.path / 'whole.wav').write_bytes(data)
            self.assertTrue(same_audio(work.path / 'whole.wav', work.path / 'calls' / f'{call}.flac'))
        self.check_sums(work)

    def test_a_remote_without_hashes_serves_them_too(self):
        work, whole = self.archived(20, remote='webdav')
        self.collect(work, *whole)
        self.assertEqual(self.files(work), {f'{call}.wav': data for call, data in whole.items()})

    def test_without_a_database_user_of_root_another_users_folder_is_filled(self):
        if not as_nobody():
            self.skipTest('needs root')
        work, whole = self.archived(3)
        folder = work.path / 'calls'
        folder.mkdir()
        os.chown(folder, 65534, 65534)
        self.collect(work, *whole)
        self.assertEqual(self.files(work), {f'{call}.wav': data for call, data in whole.items()})


class DamagedCache(Many):
    def test_a_leg_in_the_cache_is_compared_with_its_facts_without_an_archive_too(self):
        work = self.workdir()
        here, = self.calls(work, 1)
        self.status(work.run('pbx-stitch'), 0)
        one, woven = *self.calls(work, 1, first=10, legs=1), *self.calls(work, 1, first=20)
        names = {call: work.db.value(f"select min(recordingfile) from asterisk_cdr where linkedid = '{call}'") for call in (one, woven)}
        self.status(work.run('pbx-archive'), 0)
        work.stitch_src.mkdir()
        for call in (one, woven):
            damaged = bytearray(work.remote.files()[names[call]])
            damaged[500] ^= 0x10
            (work.stitch_src / names[call]).write_bytes(damaged)
        result, entries = self.collect(work, here, one, woven, status=66, env={'PBX_REMOTE': None})
        self.says(result, *(f'{names[call]} is damaged' for call in (one, woven)))
        self.assertEqual(list(self.files(work)), [f'{here}.wav'])
        self.assertEqual([entries[call]['status'] for call in (here, one)], [0, 66])


class Names(Many):
    def test_a_template_names_the_files(self):
        work = self.workdir(remote=None)
        work.cdr('1776500000.1', 'a.wav', src='+49 30/1234', dst='..', ago=0)
        work.leg('a.wav')
        start = work.db.value("select to_char(calldate at time zone 'UTC', 'YYYYMMDD-HH24MISS') from asterisk_cdr")
        row = work.db.value('select id from asterisk_cdr')
        _, entries = self.collect(work, '--name', '{start}-{from}-{to}-{direction}-{id}', '1776500000.1')
        self.assertEqual(entries['1776500000.1']['file'], f'{start}-+49_30_1234-..-inbound-{row}.wav')
        _, entries = self.collect(work, '--name', '{to}', '1776500000.1', to='dots')
        self.assertEqual(entries['1776500000.1']['file'], '_...wav')
        _, entries = self.collect(work, '--name', 'x' * 300, '1776500000.1', to='long')
        self.assertLess(len(entries['1776500000.1']['file']), 200)

    def test_a_name_never_replaces_another_calls_file_or_a_file_that_was_there(self):
        work, whole = self.archived(3)
        folder = work.path / 'calls'
        folder.mkdir()
        (folder / 'call.wav').write_bytes(b'mine')
        for _ in range(2):
            _, entries = self.collect(work, '--name', 'call', *whole)
            self.assertEqual((folder / 'call.wav').read_bytes(), b'mine')
            self.assertEqual({entries[call]['file'] for call in whole}, {'call-2.wav', 'call-3.wav', 'call-4.wav'})
            for call, data in whole.items():
                self.assertEqual((folder / entries[call]['file']).read_bytes(), data)

    def test_a_bad_template_is_an_error_before_anything_is_fetched(self):
        work = self.workdir(remote=None)
        for template in ('{nothing}', '{start', 'a/b'):
            self.hints(self.fetch(work, '--to', 'calls', '--name', template, '1.1', status=64))
            self.assertFalse((work.path / 'calls').exists())

    def test_options_that_make_no_sense_with_a_folder_are_errors(self):
        work = self.workdir(remote=None)
        for option in (('-o', 'x.wav'), ('--leg', 1), ('-i',), ('-D', 'x'), ('--file', 'x.wav'), ('--link',)):
            self.fetch(work, '--to', 'calls', *option, status=64)
        self.fetch(work, '--name', 'x', '1.1', status=64)
        self.hints(self.fetch(work, '1.1', '1.2', status=64))
        self.hints(self.fetch(work, '--to', 'calls', status=64))
        for folder in (work.spool, work.spool / 'stitched' / 'x', work.stitch_src):
            self.hints(self.fetch(work, '--to', folder, '1.1', status=64))
        self.hints(self.fetch(work, '--to', 'calls', '1.1', status=64, cwd=work.spool))


class Owners(Many):
    def shared(self):
        work = self.workdir(remote=None)
        for account, seed in ((ACCOUNT, 1), (OTHER_ACCOUNT, 2)):
            work.call('1776500900.1', [(f'{seed}.wav', pcm(ramp(0.5, seed)))], account)
        alone, = self.calls(work, 1)
        return work, alone

    def test_a_linkedid_of_two_accounts_is_an_error_for_that_call_alone(self):
        work, alone = self.shared()
        result, entries = self.collect(work, '1776500900.1', alone, status=64)
        self.says(result, f'1776500900.1: several accounts share linkedid .*"{ACCOUNT}".*"{OTHER_ACCOUNT}"')
        self.assertEqual((entries['1776500900.1']['status'], entries['1776500900.1']['file']), (64, None))
        self.assertEqual(list(self.files(work)), [f'{alone}.wav'])

    def test_linkedid_and_accountcode_name_one_of_them_and_its_file(self):
        work, _ = self.shared()
        self.collect(work, f'1776500900.1/{OTHER_ACCOUNT}', f'1776500900.1/{ACCOUNT}')
        self.assertEqual(self.files(work), {f'1776500900.1.{ACCOUNT}.wav': (work.spool / '1.wav').read_bytes(),
                                            f'1776500900.1.{OTHER_ACCOUNT}.wav': (work.spool / '2.wav').read_bytes()})
        out = self.fetch(work, f'1776500900.1/{ACCOUNT}').out
        self.assertEqual(out, (work.spool / '1.wav').read_bytes())

    def test_an_account_restricts_all_calls(self):
        work = self.workdir(remote=None)
        mine, = self.calls(work, 1)
        theirs, = self.calls(work, 1, first=1, account=OTHER_ACCOUNT)
        result, _ = self.collect(work, '--account', ACCOUNT, mine, theirs, f'{theirs}/{OTHER_ACCOUNT}', 'no-such-call', status=66)
        self.says(result, f'{theirs}: there is no call', 'no-such-call: there is no call')
        self.assertEqual(list(self.files(work)), [f'{mine}.wav'])

    def test_the_reason_of_a_call_without_a_recording_is_that_of_a_single_fetch(self):
        work = self.workdir(remote=None)
        mine, = self.calls(work, 1)
        work.cdr('1776500901.1', '', ACCOUNT, disposition='NO ANSWER')
        work.cdr('1776500902.1', '', OTHER_ACCOUNT, disposition='NO ANSWER')
        work.db.sql("update asterisk_cdr set uniqueid = '1776500901.7' where linkedid = '1776500901.1'")
        absent = ('1776500901.1', '1776500901.7', f'1776500902.1/{OTHER_ACCOUNT}', f'1776500902.1/{ACCOUNT}', '1.2', '\x01')
        result, entries = self.collect(work, *absent, mine, status=66)
        self.assertEqual([entries[name]['absence'] for name in (*absent, mine)],
                         ['unanswered'] * 3 + ['no-such-call'] * 3 + [None])
        for name in absent:
            alone = self.status(work.run('pbx-recording-fetch', '--json', name), 66)
            document = json.loads(alone.out)
            self.assertEqual((entries[name]['absence'], entries[name]['error']), (document['absence'], document['message']))
            self.assertIn(document['message'], result.err)
        self.assertEqual(list(self.files(work)), [f'{mine}.wav'])

    def test_an_ambiguous_leg_is_served_to_nobody(self):
        work = self.workdir(remote=None)
        mine, other = self.calls(work, 2)
        work.cdr('1776500900.1', STAMP.format(0, 0) + '-0-1.wav', OTHER_ACCOUNT)
        result, entries = self.collect(work, mine, other, status=65)
        self.says(result, f'{mine}: leg .* is ambiguous')
        self.assertEqual(list(self.files(work)), [f'{other}.wav'])
        self.assertEqual(entries[mine]['status'], 65)

    def test_an_ambiguous_leg_is_not_woven_for_anybody(self):
        work = self.workdir(remote=None)
        leg = STAMP.format(0, 0) + '-1003.wav'
        for account in (ACCOUNT, OTHER_ACCOUNT):
            work.cdr('1776500900.1', leg, account)
        half = self.half(work, leg, 'caller', pcm(ramp(0.5)))
        self.collect(work, f'1776500900.1/{ACCOUNT}', status=65)
        self.assertTrue(half.exists() and not (work.spool / leg).exists())

    def test_the_first_column_of_pbx_calls_names_every_call(self):
        work, alone = self.shared()
        lines = work.run('pbx-calls').text.splitlines()
        names = [line.split('\t')[0] for line in lines]
        self.assertEqual(sorted(names), sorted([alone, f'1776500900.1/{ACCOUNT}', f'1776500900.1/{OTHER_ACCOUNT}']))
        self.collect(work, '-', stdin='\n'.join(names).encode())
        self.assertEqual(len(self.files(work)), 3)
        for form in ('--json', '--csv'):
            self.assertNotIn('1776500900.1/', work.run('pbx-calls', form).text)


class Failures(Many):
    def test_a_damaged_object_is_never_kept_and_the_others_are(self):
        work, whole = self.archived(4)
        bad = list(whole)[1]
        object_name = f'stitched/{bad}.wav'
        work.remote.put(object_name, flipped(whole[bad], -40))
        legs = [name for name in work.remote.files() if name.startswith(STAMP.format(0, 1))]
        work.remote.remove(legs[0])
        result, entries = self.collect(work, *whole, status=65)
        self.says(result, f'{bad}.wav: it is damaged: expected')
        self.assertNotEqual(self.files(work).get(f'{bad}.wav'), flipped(whole[bad], -40))
        good = {f'{call}.wav': data for call, data in whole.items() if call != bad}
        self.assertEqual({name: data for name, data in self.files(work).items() if name != f'{bad}.wav'}, good)
        self.assertEqual(entries[bad]['status'], 65)
        self.check_sums(work)

    def test_a_damaged_recording_whose_legs_are_whole_is_built_again(self):
        work, whole = self.archived(2)
        bad = list(whole)[0]
        work.remote.put(f'stitched/{bad}.wav', flipped(whole[bad], -40))
        _, entries = self.collect(work, *whole)
        self.assertEqual(entries[bad]['source'], 'stitched-ondemand')
        self.assertEqual(self.files(work)[f'{bad}.wav'], whole[bad])

    def test_an_unreadable_leg_gives_status_65_and_the_others_in_the_file(self):
        work = self.workdir(remote=None)
        bad, good = self.calls(work, 2)
        work.leg(STAMP.format(0, 0) + '-0-1.wav', b'this is no WAV file')
        _, entries = self.collect(work, bad, good, status=65)
        self.assertEqual((entries[bad]['status'], entries[bad]['unreadable'], len(entries[bad]['legs'])),
                         (65, [STAMP.format(0, 0) + '-0-1.wav'], 1))
        self.assertEqual(sorted(self.files(work)), [f'{bad}.wav', f'{good}.wav'])

    def test_a_leg_of_which_no_half_can_be_read_is_reported_once_and_the_others_are_in_the_file(self):
        work = self.workdir(remote=None)
        call, = self.calls(work, 1)
        alone, leg = '1776500900.1', STAMP.format(0, 1) + '-1003.wav'
        work.cdr(alone, leg)
        work.cdr(call, 'later.wav')
        self.half(work, leg, 'called', pcm(ramp(0.5)))
        for name in (leg, 'later.wav'):
            self.half(work, name, 'caller', b'no WAV file at all' * 100)
        result, entries = self.collect(work, call, alone, status=65)
        self.assertEqual(result.err.count('leg later.wav:'), 1, str(result))
        self.assertEqual((entries[call]['status'], entries[call]['unreadable']), (65, ['later.wav']))
        self.assertEqual((entries[alone]['status'], entries[alone]['error']), (65, 'a half of the leg is unreadable'))
        self.assertEqual(soxi(work.path / 'calls' / entries[alone]['file'])[:2], (8000, 2))
        self.assertEqual(sorted(self.files(work)), sorted([f'{call}.wav', f'{alone}.wav']))

    def test_what_is_local_comes_while_the_archive_is_down(self):
        work, whole = self.archived(2)
        local, = self.calls(work, 1, first=10)
        work.remote_down()
        result, entries = self.collect(work, *whole, local, status=69)
        self.assertEqual(list(self.files(work)), [f'{local}.wav'])
        self.assertEqual({entries[call]['status'] for call in whole}, {69})
        self.assertEqual(len([line for line in result.err.splitlines() if ' hint: ' in line]), 1, result.err)
        work.remote_up()
        self.collect(work, *whole, local)
        self.assertEqual(len(self.files(work)), 3)

    def test_a_full_disk_leaves_no_partial_file(self):
        work, whole = self.archived(3)
        result = work.run('/bin/sh', '-c', 'ulimit -f 1; exec "$@"', 'sh', *work.command('pbx-recording-fetch', '--to', 'calls', *whole))
        self.assertIn(result.status, (69, 73), result)
        self.assertEqual(self.files(work), {})

    def test_two_runs_into_one_folder_do_not_work_at_once(self):
        work, whole = self.archived(2)
        (work.path / 'calls').mkdir()
        with subprocess.Popen(['flock', 'calls/.pbx-recording-fetch.lock', 'cat'], cwd=work.path, stdin=subprocess.PIPE) as holder:
            wait_until((work.path / 'calls/.pbx-recording-fetch.lock').exists, 'the lock')
            self.status(work.run('pbx-recording-fetch', '--to', 'calls', *whole), 75)
            holder.stdin.close()
        self.collect(work, *whole)


class Resuming(Many):
    def test_what_is_there_and_right_is_not_fetched_again(self):
        work, whole = self.archived(5)
        self.collect(work, *whole)
        before = work.snapshot(work.path / 'calls')
        work.count_rclone()
        self.collect(work, *whole)
        self.assertEqual(work.rclone_runs(), [])
        after = work.snapshot(work.path / 'calls')
        for name in self.files(work):
            path = str(work.path / 'calls' / name)
            self.assertEqual(before[path], after[path])

    def test_a_file_that_changed_or_is_gone_is_fetched_again(self):
        work, whole = self.archived(5)
        self.collect(work, *whole)
        first, second, *_ = (work.path / 'calls' / f'{call}.wav' for call in whole)
        first.write_bytes(flipped(first.read_bytes(), -1))
        second.unlink()
        self.collect(work, *whole)
        self.assertEqual(self.files(work), {f'{call}.wav': data for call, data in whole.items()})

    def test_a_file_that_is_gone_and_cannot_be_fetched_again_is_not_listed(self):
        work, whole = self.archived(2)
        self.collect(work, *whole)
        first, second = whole
        (work.path / 'calls' / f'{first}.wav').unlink()
        work.cloud.fault(match='alt=media', status=403)
        _, entries = self.collect(work, *whole, status=77)
        self.assertEqual([entries[call]['file'] for call in whole], [None, f'{second}.wav'])
        self.check_sums(work)

    def test_a_call_that_got_another_leg_is_fetched_again(self):
        work = self.workdir(remote=None)
        call, other = self.calls(work, 2)
        self.collect(work, call, other)
        before = self.files(work)
        work.leg('late.wav', pcm(ramp(0.3, 9)))
        work.cdr(call, 'late.wav', ago=1700, sequence=9)
        _, entries = self.collect(work, call, other)
        self.assertEqual(len(entries[call]['legs']), 3)
        after = self.files(work)
        self.assertNotEqual(after[f'{call}.wav'], before[f'{call}.wav'])
        self.assertEqual(after[f'{other}.wav'], before[f'{other}.wav'])
        self.check_sums(work)

    def test_a_killed_run_continues(self):
        work, whole = self.archived(40)
        work.cloud.fault(match=r'GET .*stitched.*alt=media', delay_ms=100)
        process = work.start('pbx-recording-fetch', '--to', 'calls', *whole, '--transfers', 2)
        wait_until(lambda: any('alt=media' in line and 'stitched' in line for line in list(work.cloud.log)), 'a download')
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name, data in self.files(work).items():
            self.assertEqual(data, whole[name[:-4]], 'a file under its final name is whole')
        work.cloud.clear()
        self.collect(work, *whole)
        self.assertEqual(self.files(work), {f'{call}.wav': data for call, data in whole.items()})
        self.check_sums(work)
        self.nothing_hidden(work)

    def test_a_run_that_is_killed_at_a_rename_continues(self):
        work = self.workdir(remote=None)
        calls = self.calls(work, 4)
        for when in (1, 3, 5, 8):
            work.run('/usr/bin/strace', '-f', '-o', '/dev/null', '-e', 'trace=renameat,linkat', '-e',
                     f'inject=renameat,linkat:signal=KILL:when={when}', *work.command('pbx-recording-fetch', '--to', 'calls', *calls),
                     check_sanitizers=False)
        self.collect(work, *calls)
        self.assertEqual(sorted(self.files(work)), [f'{call}.wav' for call in calls])
        self.check_sums(work)
        self.nothing_hidden(work)

    def test_a_hostile_list_leads_to_no_file_elsewhere(self):
        work, whole = self.archived(2)
        folder = work.path / 'calls'
        folder.mkdir()
        (work.path / 'outside.wav').write_bytes(b'mine')
        call = list(whole)[0]
        entry = {'call': call, 'linkedid': call, 'account': ACCOUNT, 'file': '../outside.wav', 'sha256': '0' * 64, 'size': 4,
                 'status': 0}
        (folder / 'calls.jsonl').write_text('no json\n' + json.dumps(entry) + '\n{"torn', encoding='utf-8')
        (folder / 'calls.jsonl').chmod(0o600)
        self.collect(work, *whole)
        self.assertEqual((work.path / 'outside.wav').read_bytes(), b'mine')
        self.assertEqual(self.check_sums(work), sorted(f'{call}.wav' for call in whole))

    def test_an_object_that_answers_403_fails_alone(self):
        work, whole = self.archived(20)
        bad = list(whole)[3]
        work.cloud.fault(match=rf'{BELOW.rstrip("/").replace("/", "(/|%2F)")}(/|%2F)stitched(/|%2F){bad}', status=403)
        for name in [name for name in work.remote.files() if name.startswith(STAMP.format(0, 3))]:
            work.remote.remove(name)
        _, entries = self.collect(work, *whole, status=77)
        self.assertEqual(entries[bad]['status'], 77)
        self.assertEqual(len(self.files(work)), 19)


if __name__ == '__main__':
    main()
