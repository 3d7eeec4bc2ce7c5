#!/usr/bin/env python3
"""pbx-recording-fetch --file returns a leg by its file name, also one whose CDR rows were lost."""
import subprocess

from fetching import CALL, Fetching
from sound import Wav, pcm, ramp
from workdir import ACCOUNT, OTHER_ACCOUNT, main

NAME = '20260418-144004-919944421125-1003.wav'


def unfinished(samples):
    """A leg as a killed Asterisk leaves it: both sizes are zero."""
    data = pcm(samples)
    return data[:4] + bytes(4) + data[8:40] + bytes(4) + data[44:]


class WithoutRows(Fetching):
    def place(self, work, where, data, name=NAME):
        if where == 'spool':
            work.leg(name, data)
        elif where == 'cache':
            work.stitch_src.mkdir(exist_ok=True)
            (work.stitch_src / name).write_bytes(data)
        else:
            work.remote.put(name, data)

    def test_a_leg_that_no_row_names_is_served_from_each_place(self):
        for where, source in (('spool', 'leg-local'), ('cache', 'leg-local'), ('remote', 'leg-remote')):
            with self.subTest(where):
                work = self.workdir()
                self.place(work, where, pcm(ramp(0.5)))
                headers, body = self.headers(work, '--file', NAME)
                self.assertEqual(body, pcm(ramp(0.5)))
                self.assertEqual((headers['X-Recording-Source'], headers['X-Recording-Legs']), (source, '1'))
                self.assertEqual(headers['Content-Length'], str(len(body)))

    def test_an_unfinished_header_gets_the_real_sizes(self):
        samples = ramp(0.5)
        for where in ('spool', 'cache', 'remote'):
            with self.subTest(where):
                work = self.workdir()
                self.place(work, where, unfinished(samples) + b'\x07')  # half a sample at its end
                headers, body = self.headers(work, '--file', NAME)
                self.assertEqual(body, pcm(samples))
                self.assertEqual(headers['Content-Length'], str(len(body)))
                (work.path / 'out.wav').write_bytes(body)
                seconds = subprocess.run(['soxi', '-D', work.path / 'out.wav'], capture_output=True, check=True, text=True)
                self.assertEqual((float(seconds.stdout), seconds.stderr), (0.5, ''))

    def test_a_header_that_declares_more_than_there_is_gets_the_real_sizes(self):
        work = self.workdir()
        work.leg(NAME, pcm(ramp(1.0))[:44 + 8000])
        self.assertEqual(self.fetch(work, '--file', NAME).out, pcm(ramp(1.0)[:8000]))

    def test_the_output_options_work_as_for_a_leg(self):
        work = self.workdir()
        work.leg(NAME, unfinished(ramp(0.5)))
        result = self.fetch(work, '-v', '--file', NAME, '-o', work.path / 'out.wav', '-D', work.path / 'headers')
        self.assertEqual(result.out, b'')
        Wav((work.path / 'out.wav').read_bytes()).check()
        self.assertIn('X-Recording-Source: leg-local', (work.path / 'headers').read_text())
        self.says(result, 'X-Recording-Source: leg-local')
        self.assertEqual(self.fetch(work, '--file', NAME, '--format', 'flac').out[:4], b'fLaC')

    def test_a_leg_that_is_nowhere_is_66(self):
        for remote in ('gcs', None):
            work = self.workdir(remote=remote)
            self.hints(self.fetch(work, '--file', NAME, status=66))

    def test_a_leg_without_audio_is_66(self):
        work = self.workdir()
        work.leg(NAME, unfinished(b''))
        self.says(self.fetch(work, '--file', NAME, status=66), 'has no audio')

    def test_a_file_that_is_no_wav_is_65(self):
        work = self.workdir()
        work.leg(NAME, b'#!/bin/sh\n' * 50)
        self.says(self.fetch(work, '--file', NAME, status=65), 'not a WAV file')

    def test_names_that_lead_elsewhere_are_refused(self):
        work = self.workdir()
        for name in ('../x.wav', 'stitched/x.wav', '/etc/passwd', '.hidden.wav', '-x.wav', 'a\nb.wav', 'x' * 300):
            with self.subTest(name):
                self.says(self.fetch(work, f'--file={name}', status=65), 'refused')

    def test_a_link_is_not_followed(self):
        work = self.workdir()
        (work.path / 'secret.wav').write_bytes(pcm(ramp(0.2)))
        (work.spool / NAME).symlink_to(work.path / 'secret.wav')
        self.assertNotEqual(work.run('pbx-recording-fetch', '--file', NAME).status, 0)

    def test_an_archive_that_does_not_answer_is_69(self):
        work = self.workdir()
        work.remote_down()
        self.fetch(work, '--file', NAME, status=69)

    def test_a_call_and_a_file_together_are_a_usage_error(self):
        work = self.workdir()
        self.fetch(work, CALL, '--file', NAME, status=64)
        self.fetch(work, '--leg', '1', '--file', NAME, status=64)
        self.hints(self.fetch(work, status=64))


class Owners(Fetching):
    def test_a_leg_of_one_account_is_served_as_it_is(self):
        work = self.workdir()
        data = unfinished(ramp(0.5))
        work.leg(NAME, data)
        work.cdr(CALL, NAME)
        work.cdr(CALL, NAME, sequence=2)
        work.cdr(CALL, NAME, account='', sequence=3)
        self.assertEqual(self.fetch(work, '--file', NAME).out, data)
        self.assertEqual(self.fetch(work, '--file', NAME, '--account', ACCOUNT).out, data)

    def test_a_leg_of_two_accounts_is_refused(self):
        work = self.workdir()
        work.leg(NAME, pcm(ramp(0.5)))
        work.cdr(CALL, NAME)
        work.cdr('1776500000.7', NAME, account=OTHER_ACCOUNT)
        for arguments in ([], ['--account', ACCOUNT], ['--account', OTHER_ACCOUNT]):
            self.says(self.fetch(work, '--file', NAME, *arguments, status=65), 'ambiguous')

    def test_a_leg_of_another_account_is_answered_like_one_that_does_not_exist(self):
        work = self.workdir()
        for name in ('named.wav', 'shared.wav', 'nameless.wav', 'unowned.wav'):
            work.leg(name, pcm(ramp(0.5)))
        work.cdr(CALL, 'named.wav')
        work.cdr(CALL, 'shared.wav')
        work.cdr(CALL, 'shared.wav', account=OTHER_ACCOUNT)
        work.cdr(CALL, 'unowned.wav', account='')
        expected = self.fetch(work, '--file', 'nowhere.wav', '--account', 'stranger', status=66).err
        for name in ('named.wav', 'shared.wav', 'nameless.wav', 'unowned.wav'):
            with self.subTest(name):
                refused = self.fetch(work, '--file', name, '--account', 'stranger', status=66)
                self.assertEqual(refused.err.replace(name, 'nowhere.wav'), expected)
        self.fetch(work, '--file', 'named.wav', '--account', '', status=66)
        self.assertEqual(self.fetch(work, '--file', 'unowned.wav', '--account', '').out, pcm(ramp(0.5)))

    def test_a_row_with_an_infinite_time_does_not_keep_its_leg(self):
        work = self.workdir()
        work.leg(NAME, pcm(ramp(0.5)))
        work.cdr(CALL, NAME)
        for time in ('infinity', '-infinity', '294276-12-31 23:59:59+00'):
            work.db.sql(f"update asterisk_cdr set calldate = '{time}', duration = 2147483647")
            self.assertEqual(self.fetch(work, '--file', NAME).out, pcm(ramp(0.5)))

    def test_without_the_database_nothing_is_served(self):
        work = self.workdir(database=False)
        work.leg(NAME, pcm(ramp(0.5)))
        self.fetch(work, '--file', NAME, status=69)


if __name__ == '__main__':
    main('pbx-recording-fetch')
