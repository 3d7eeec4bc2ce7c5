#!/usr/bin/env python3
"""Stitched recordings that another program made, without a manifest: heard when no leg is left, by one account, and never lost."""
import json
import os
import subprocess

import sound
from archiving import Archiving, flipped
from sound import Wav, pcm, ramp
from web import Listening
from workdir import ACCOUNT, OTHER_ACCOUNT, main

CALL = '1776500000.1'
STITCHED = f'stitched/{CALL}.wav'
LEGS = ('a.wav', 'b.wav')
WHOLE = pcm(ramp(2.0, 7))
HOURS = 3600


class OtherProgram(Listening, Archiving):
    def pbx(self, here=None, there=None, account=ACCOUNT, ago=3 * HOURS, **how):
        """A call whose two legs are nowhere, and its recording by another program on this machine or in the archive."""
        work = self.workdir(**how)
        work.call(CALL, [(name, None) for name in LEGS], account, ago=ago)
        self.put_here(work, here)
        if there is not None:
            work.remote.put(STITCHED, there)
        return work

    def put_here(self, work, data):
        work.stitched.mkdir(exist_ok=True)
        if data is not None:
            work.stitched_file(CALL).write_bytes(data)
            os.utime(work.stitched_file(CALL), (work.now - 600,) * 2)

    def is_served(self, work, source, *arguments, whole=WHOLE):
        """It is served, with the headers of a recording whose legs nobody knows, and with a warning in words."""
        headers, body = self.headers(work, CALL, *arguments)
        self.assertEqual(body, whole)
        self.assertEqual((headers['X-Recording-Source'], headers['X-Recording-Verified']), (source, 'no'))
        self.assertNotIn('X-Recording-Missing', headers)
        result = self.fetch(work, CALL, *arguments)
        self.says(result, f'call {CALL}: no leg is left; .* was stitched by another program, and nothing confirms which legs it contains')
        return headers

    def is_refused(self, work, *arguments, call=CALL):
        """It could be another account's."""
        self.says(self.fetch(work, call, *arguments, status=65), 'stitched by another program', 'more than one account')

    def is_nowhere(self, work, *expressions):
        self.says(self.fetch(work, CALL, status=66), 'no leg of call', *expressions)


class Served(OtherProgram):
    def test_it_is_served_from_this_machine_when_no_leg_is_left(self):
        for remote in ('gcs', None):
            with self.subTest(remote):
                work = self.pbx(here=WHOLE, remote=remote)
                before = work.snapshot(work.spool)
                headers = self.is_served(work, 'stitched-local')
                self.assertEqual((headers['X-Recording-Legs'], headers['Content-Length']), ('2', str(len(WHOLE))))
                self.assertEqual(work.snapshot(work.spool), before)

    def test_it_is_served_from_every_kind_of_archive_and_not_kept_here(self):
        for kind in ('gcs', 'local', 'webdav'):
            with self.subTest(kind):
                work = self.pbx(there=WHOLE, remote=kind)
                self.is_served(work, 'stitched-remote')
                self.assertFalse(work.stitched_file(CALL).exists())

    def test_a_recording_that_ffmpeg_has_joined_is_served(self):
        work = self.pbx(remote=None)
        for name, frequency in zip(LEGS, (440, 660)):
            (work.path / name).write_bytes(sound.tone(frequency))
        subprocess.run(['ffmpeg', '-v', 'error', '-i', 'a.wav', '-i', 'b.wav', '-filter_complex', '[0:a][1:a]concat=n=2:v=0:a=1',
                        str(work.stitched_file(CALL))], cwd=work.path, check=True, stdin=subprocess.DEVNULL)
        whole = work.stitched_file(CALL).read_bytes()
        self.is_served(work, 'stitched-local', whole=whole)
        self.assertEqual(Wav(whole).info, {'ISFT': Wav(whole).info['ISFT']})

    def test_the_recording_of_a_call_whose_only_leg_is_gone_is_served(self):
        for how, source in (({'here': WHOLE}, 'stitched-local'), ({'there': WHOLE}, 'stitched-remote')):
            work = self.pbx(**how)
            work.db.sql("delete from asterisk_cdr where recordingfile = 'b.wav'")
            self.assertEqual(self.is_served(work, source)['X-Recording-Legs'], '1')
            self.fetch(work, '--leg', '1', CALL, status=66)
            self.fetch(work, '--file', 'a.wav', status=66)

    def test_an_encoded_recording_has_the_header_too(self):
        work = self.pbx(here=WHOLE)
        headers, _ = self.headers(work, '--format', 'flac', CALL)
        self.assertEqual(headers['X-Recording-Verified'], 'no')

    def test_http_serves_it_with_the_header_whole_and_in_parts(self):
        for how in ({'here': WHOLE}, {'there': WHOLE}):
            work = self.pbx(**how)
            for range_, body in ((None, WHOLE), ('bytes=100-199', WHOLE[100:200])):
                response = self.recording(work, **({'HTTP_RANGE': range_} if range_ else {}))
                self.assertEqual((response.status, response.body), (206 if range_ else 200, body))
                self.assertEqual(response['x-recording-verified'], 'no')
            self.assertEqual(self.recording(work, 'format=flac')['x-recording-verified'], 'no')
            page = self.ask(work, f'/calls/{CALL}', expected=200)
            self.assertIn(b'Whole call', page.body)
            self.assertNotIn(b'a.wav', page.body)

    def test_many_calls_into_a_folder_include_it_as_not_verified(self):
        for how, source in (({'here': WHOLE}, 'stitched-local'), ({'there': WHOLE}, 'stitched-remote')):
            work = self.pbx(**how)
            work.call('1776500000.2', [('one.wav', None)], ago=3 * HOURS)
            work.remote.put('stitched/1776500000.2.wav', WHOLE)
            other = work.three_legs('1776500000.3')
            self.status(work.run('pbx-archive', 'verify', '--adopt'), 0)
            target = work.path / 'calls'
            for _ in range(2):
                self.status(work.run('pbx-recording-fetch', '--to', target, CALL, '1776500000.2', '1776500000.3'), 0)
                lines = [json.loads(line) for line in (target / 'calls.jsonl').read_text().splitlines()]
                found = {line['linkedid']: line for line in lines}
                for call, place in ((CALL, source), ('1776500000.2', 'stitched-remote')):
                    self.assertEqual((target / f'{call}.wav').read_bytes(), WHOLE)
                    self.assertEqual([found[call][key] for key in ('source', 'verified', 'legs', 'missing', 'status')],
                                     [place, False, [], [], 0])
                self.assertEqual(len(found['1776500000.3']['legs']), len(other))


class NotServed(OtherProgram):
    def test_a_leg_that_still_exists_wins(self):
        for place in ('spool', 'archive'):
            with self.subTest(place):
                work = self.pbx(here=WHOLE, there=WHOLE)
                if place == 'spool':
                    work.leg('b.wav', pcm(ramp(0.5, 2)))
                else:
                    work.remote.put('b.wav', pcm(ramp(0.5, 2)))
                headers, body = self.headers(work, CALL)
                self.assertEqual((headers['X-Recording-Source'], headers['X-Recording-Missing']), ('stitched-ondemand', '1'))
                self.assertNotIn('X-Recording-Verified', headers)
                self.assertEqual(Wav(body).samples, ramp(0.5, 2))
                self.assertEqual((work.stitched_file(CALL).read_bytes(), work.remote.files()[STITCHED]), (WHOLE, WHOLE))

    def test_while_the_archive_does_not_answer_nothing_is_concluded(self):
        work = self.pbx(here=WHOLE)
        work.remote_down()
        self.fetch(work, CALL, status=69)

    def test_a_recording_with_a_manifest_of_another_call_account_or_legs_is_not_served(self):
        changes = {'linkedid': "linkedid = '1776500000.2'", 'account': f"accountcode = '{OTHER_ACCOUNT}'",
                   'legs': "recordingfile = 'other-' || recordingfile"}
        for what, change in changes.items():
            for place in ('here', 'there'):
                with self.subTest(what, place=place):
                    work = self.workdir()
                    work.call(CALL, [(name, pcm(ramp(0.5, 3))) for name in LEGS], ago=3 * HOURS)
                    self.status(work.run('pbx-stitch'), 0)
                    theirs = work.stitched_file(CALL).read_bytes()
                    for name in LEGS:
                        (work.spool / name).unlink()
                    work.db.sql(f'update asterisk_cdr set {change}')
                    if what == 'linkedid':
                        work.call(CALL, [(f'other-{name}', None) for name in LEGS], ago=3 * HOURS)
                    if place == 'there':
                        work.remote.put(STITCHED, theirs)
                        work.stitched_file(CALL).unlink()
                    self.is_nowhere(work, 'pbx-stitch made it')

    def test_a_recording_of_pbx_stitch_whose_manifest_is_damaged_is_not_served(self):
        work = self.workdir()
        work.call(CALL, [(name, pcm(ramp(0.5, 3))) for name in LEGS], ago=3 * HOURS)
        self.status(work.run('pbx-stitch'), 0)
        whole = work.stitched_file(CALL).read_bytes()
        for name in LEGS:
            (work.spool / name).unlink()
        work.stitched_file(CALL).write_bytes(whole.replace(b'"legs"', b'"lags"'))
        self.is_nowhere(work, 'pbx-stitch made it')

    def test_what_is_no_whole_wav_file_of_this_call_is_not_served_and_the_archives_copy_is(self):
        faults = {'cut': WHOLE[:-100], 'no WAV': b'x' * 5000, 'empty file': b'', 'no audio': sound.empty(),
                  'unfinished': sound.unfinished(WHOLE), 'only a header': WHOLE[:30]}
        for what, data in faults.items():
            with self.subTest(what):
                work = self.pbx(here=data)
                self.is_nowhere(work, 'is not served')
                work.remote.put(STITCHED, data)
                if data:
                    self.is_nowhere(work, 'in the archive is not served')
                else:
                    self.says(self.fetch(work, CALL, status=66), 'in the archive is empty')
                work.remote.put(STITCHED, WHOLE)
                self.is_served(work, 'stitched-remote')

    def test_a_link_is_not_followed(self):
        work = self.pbx()
        (work.path / 'secret.wav').write_bytes(WHOLE)
        work.stitched_file(CALL).symlink_to(work.path / 'secret.wav')
        self.says(self.fetch(work, CALL, status=65), 'not a regular file')

    def test_a_file_that_is_older_than_the_call_is_not_served(self):
        work = self.pbx(here=WHOLE)
        os.utime(work.stitched_file(CALL), (work.now - 4 * HOURS,) * 2)
        self.is_nowhere(work, 'older than the call')


class Accounts(OtherProgram):
    """The name states no account, and a name is no proof."""

    def test_a_linkedid_of_two_accounts_is_served_to_neither_from_no_tier(self):
        for how in ({'here': WHOLE}, {'there': WHOLE}):
            work = self.pbx(**how)
            work.call(CALL, [('c.wav', None), ('d.wav', None)], OTHER_ACCOUNT, ago=3 * HOURS)
            for account in (ACCOUNT, OTHER_ACCOUNT):
                self.is_refused(work, '--account', account)
                self.recording(work, vouched=False, PBX_ACCOUNT=account, expected=409)
            result = work.run('pbx-recording-fetch', '--to', work.path / 'calls', f'{CALL}/{ACCOUNT}', f'{CALL}/{OTHER_ACCOUNT}')
            self.assertEqual(list((work.path / 'calls').glob('*.wav')), [])
            self.status(result, 65)

    def test_a_row_of_another_account_is_enough_also_one_without_a_recording(self):
        work = self.pbx(here=WHOLE, there=WHOLE)
        work.cdr(CALL, '', OTHER_ACCOUNT)
        self.is_refused(work)

    def test_a_row_without_an_account_counts_only_if_it_names_a_recording(self):
        for account in ('', None):
            work = self.pbx(here=WHOLE)
            work.cdr(CALL, '', account)
            self.is_served(work, 'stitched-local')
            work.cdr(CALL, 'c.wav', account)
            self.is_refused(work, '--account', ACCOUNT)
            self.is_refused(work, call=f'{CALL}/')

    def test_a_call_without_an_account_is_served_where_no_account_has_its_linkedid(self):
        work = self.pbx(here=WHOLE, account='')
        self.is_served(work, 'stitched-local')
        work.cdr(CALL, '', ACCOUNT)
        self.is_refused(work)

    def test_the_account_that_it_was_archived_for_outlives_its_rows(self):
        for how in ({'here': WHOLE}, {'there': WHOLE}):
            work = self.pbx(**how, account=OTHER_ACCOUNT)
            self.archive(work)
            self.status(work.run('pbx-archive', 'verify', '--adopt'), 0)
            self.assertEqual(work.db.value('select accountcode from recordings'), OTHER_ACCOUNT)
            work.db.sql(f"update asterisk_cdr set accountcode = '{ACCOUNT}'")
            self.is_refused(work)


class Facts(OtherProgram):
    def adopted(self, **how):
        work = self.pbx(**how)
        self.status(work.run('pbx-archive', 'verify', '--adopt'), 0)
        self.assertEqual(work.db.sql('select shelf, name, size, accountcode, linkedid from recordings'),
                         [['stitched', f'{CALL}.wav', str(len(WHOLE)), ACCOUNT, CALL]])
        return work

    def test_facts_that_were_adopted_are_compared_with_the_bytes(self):
        for kind in ('gcs', 'local'):
            with self.subTest(kind):
                work = self.pbx(there=WHOLE, remote=kind)
                self.status(work.run('pbx-archive', 'verify', '--adopt', '--read', '100%'), 0)
                self.is_served(work, 'stitched-remote')
                work.remote.put(STITCHED, flipped(WHOLE, -500))
                self.says(self.fetch(work, CALL, status=65), 'expected', 'found')

    def test_a_copy_here_that_is_not_what_was_archived_is_not_served(self):
        work = self.adopted(there=WHOLE)
        self.put_here(work, flipped(WHOLE, -500))
        self.is_served(work, 'stitched-remote')
        work.remote.remove(STITCHED)
        self.is_nowhere(work, 'is not what was archived')
        self.put_here(work, WHOLE)
        self.is_served(work, 'stitched-local')


class Kept(OtherProgram):
    """Neither pbx-stitch nor pbx-archive loses what nobody can make again."""

    def test_pbx_stitch_leaves_it_when_legs_are_gone_or_unreadable(self):
        for leg in (None, b'no audio' * 100):
            work = self.pbx(here=WHOLE)
            if leg:
                work.leg('a.wav', pcm(ramp(0.5, 2)))
                work.leg('b.wav', leg)
            for arguments in ((), (CALL,)):
                self.says(self.status(work.run('pbx-stitch', *arguments), 65), 'which is therefore kept')
                self.assertEqual(work.stitched_file(CALL).read_bytes(), WHOLE)

    def test_pbx_stitch_replaces_it_when_it_has_every_leg(self):
        work = self.pbx(here=WHOLE)
        for seed, name in enumerate(LEGS):
            work.leg(name, pcm(ramp(0.5, seed)))
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).samples, ramp(0.5, 0) + ramp(0.5, 1))

    def test_a_recording_of_nothing_does_not_hide_that_of_the_archive(self):
        work = self.pbx(there=WHOLE)
        work.run('pbx-stitch', CALL)
        for _ in range(2):
            self.is_served(work, 'stitched-remote')
            self.archive(work)
            self.assertEqual(work.remote.files()[STITCHED], WHOLE)

    def test_it_is_archived_once_and_leaves_this_disk_only_while_the_archive_has_it(self):
        for kind in ('gcs', 'local'):
            work = self.pbx(here=WHOLE, remote=kind)
            self.archive(work)
            self.assertEqual(work.remote.files(), {STITCHED: WHOLE})
            work.remote.put(STITCHED, flipped(WHOLE, 5000))
            os.utime(work.stitched_file(CALL))
            work.remote.remove(STITCHED)
            work.env['PBX_KEEP_STITCHED'] = '1s'
            os.utime(work.stitched_file(CALL), (work.now - 700,) * 2)
            self.archive(work)
            self.assertEqual(work.remote.files(), {STITCHED: WHOLE})
            self.assertFalse(work.stitched_file(CALL).exists())
            self.is_served(work, 'stitched-remote')

    def test_it_is_not_archived_while_it_may_still_be_written(self):
        work = self.pbx(here=WHOLE[:20000])
        os.utime(work.stitched_file(CALL))
        self.says(self.archive(work, '-v'), f'left .*{CALL}.wav: another program may still be writing it')
        os.utime(work.stitched_file(CALL), (work.now - 600,) * 2)
        writer = work.hold_open(f'stitched/{CALL}.wav')
        self.says(self.archive(work, '-v'), 'may still be writing it')
        self.assertEqual(work.remote.files(), {})
        writer.kill()
        writer.wait()
        self.archive(work)
        self.assertEqual(work.remote.files(), {STITCHED: WHOLE[:20000]})

    def test_what_was_archived_before_it_was_whole_is_replaced(self):
        work = self.pbx(here=WHOLE[:20000])
        self.archive(work)
        with open(work.stitched_file(CALL), 'ab') as file:
            file.write(WHOLE[20000:])
        os.utime(work.stitched_file(CALL), (work.now - 500,) * 2)
        self.archive(work)
        self.assertEqual(work.remote.files(), {STITCHED: WHOLE})
        self.assertEqual(work.db.value("select size from recordings where shelf = 'stitched'"), str(len(WHOLE)))

    def test_it_stays_here_while_the_archive_has_another(self):
        for other in (pcm(ramp(1.0, 8)), flipped(WHOLE, 5000), b'no WAV file'):
            work = self.pbx(here=WHOLE, there=other)
            os.utime(work.stitched_file(CALL), (work.now - 600,) * 2)
            for _ in range(3):
                self.says(self.archive(work, '--keep-stitched', '1s'), f'kept both .*{CALL}.wav')
            self.assertEqual((work.stitched_file(CALL).read_bytes(), work.remote.files()[STITCHED]), (WHOLE, other))
            self.is_served(work, 'stitched-local')

    def test_the_archives_copy_is_replaced_by_a_recording_of_every_leg_and_by_no_other(self):
        for legs in (LEGS[:1], LEGS):
            work = self.pbx(there=WHOLE)
            for name in legs:
                work.leg(name, pcm(ramp(0.5, 2)))
            self.status(work.run('pbx-stitch', CALL), 0)
            ours = work.stitched_file(CALL).read_bytes()
            self.archive(work)
            self.assertEqual(work.remote.files()[STITCHED], ours if legs == LEGS else WHOLE)


if __name__ == '__main__':
    main('pbx-recording-fetch', 'pbx-recording-cgi', 'pbx-stitch', 'pbx-archive')
