#!/usr/bin/env python3
"""A CDR row may name its leg by a path: one in the spool is the leg itself, any other is refused, and whatever the spelling, a leg
that two accounts claim is served to neither."""
import itertools
import json

from sound import Wav, pcm, ramp
from web import CALL, Listening
from workdir import ACCOUNT, OTHER_ACCOUNT, main

NAME, SECOND = '20260418-144004-100-1001.wav', '20260418-144009-100-1002.wav'
THEIR_CALL = '1776500000.7'
MINE, MY_OTHER = pcm(ramp(0.5, 1)), pcm(ramp(0.4, 2))


class Paths(Listening):
    @staticmethod
    def spellings(work):
        """Every form that names the leg in the spool."""
        return [NAME, f'./{NAME}', f'{work.spool}/{NAME}']

    @staticmethod
    def unclean(work):
        """Paths that name no leg, though the kernel might find the leg there."""
        return [f'//{NAME}', f'{work.spool}//{NAME}', f'{work.spool}/./{NAME}', f'././{NAME}', f'{work.spool}/x/../{NAME}',
                f'../{work.spool.name}/{NAME}', f'../{NAME}', f'/..{work.spool}/{NAME}']

    @staticmethod
    def elsewhere(work):
        """Plain paths to other folders."""
        return [f'/elsewhere/{NAME}', f'/{NAME}', f'sub/{NAME}', f'{work.spool}/sub/{NAME}', f'{work.spool}s/{NAME}',
                f'{work.path}/{NAME}', f'stitched/{NAME}', f'20260418/{NAME}', f'2026/4/18/{NAME}', f'x/2026/04/18/{NAME}',
                f'{work.path}/.onitor/{NAME}']

    @staticmethod
    def dated(work):
        """Folders of days, which a machine with the other layout would look into."""
        return [f'2026/04/18/{NAME}', f'./2026/04/18/{NAME}', f'{work.spool}/2026/04/18/{NAME}']

    def other_paths(self, work):
        return self.elsewhere(work) + self.unclean(work) + self.dated(work)

    def report(self, work, *arguments):
        return json.loads(work.run('pbx-archive', 'audit', '--json', *arguments).out)


class OneLeg(Paths):
    def test_a_path_in_the_spool_names_the_leg(self):
        work = self.workdir()
        work.leg(NAME, MINE)
        for number, path in enumerate(self.spellings(work)):
            with self.subTest(path):
                call = f'17765{number}.1'
                work.cdr(call, path)
                self.assertEqual(self.fetch(work, call).out, MINE)
                self.assertEqual(self.fetch(work, call, '--leg', '1').out, MINE)
                self.assertEqual(self.fetch(work, '--file', NAME, '--account', ACCOUNT).out, MINE)
                self.assertEqual(self.recording(work, call=call).body, MINE)

    def test_a_leg_that_rows_spell_differently_is_one_leg(self):
        work = self.workdir()
        work.leg(NAME, MINE)
        work.leg(SECOND, MY_OTHER)
        for sequence, path in enumerate([*self.spellings(work), f'{work.spool}/{SECOND}']):
            work.cdr(CALL, path, ago=1800 - sequence, sequence=sequence + 1)
        self.status(work.run('pbx-stitch'), 0)
        recording = Wav(work.stitched_file(CALL)).check()
        self.assertEqual(recording.samples, MINE[44:] + MY_OTHER[44:])
        self.assertEqual([leg['name'] for leg in recording.manifest['legs']], [NAME, SECOND])
        self.assertEqual(json.loads(work.run('pbx-calls', '--jsonl').out)['legs'], 2)

    def test_it_is_archived_under_its_name_with_its_owner_and_served_from_there(self):
        work = self.workdir()
        work.leg(NAME, MINE)
        work.cdr(CALL, f'{work.spool}/{NAME}')
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.remote.files(), {NAME: MINE})
        self.assertEqual(work.db.value("select accountcode || linkedid from recordings"), ACCOUNT + CALL)
        self.assertEqual(self.fetch(work, CALL).out, MINE)
        self.assertEqual(self.headers(work, CALL)[0]['X-Recording-Source'], 'leg-remote')

    def test_the_owner_of_a_leg_is_found_when_the_row_comes_after_the_archiving(self):
        work = self.workdir()
        work.leg(NAME, MINE)
        self.status(work.run('pbx-archive'), 0)
        work.cdr(CALL, f'{work.spool}/{NAME}')
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.db.value("select accountcode from recordings"), ACCOUNT)

    def test_the_audit_finds_it_in_both_places_and_names_no_stray_file(self):
        work = self.workdir()
        work.leg(NAME, MINE, age=7200)
        work.cdr(CALL, f'{work.spool}/{NAME}', ago=7200)
        report = self.report(work)
        self.assertEqual([(row['recordingfile'], row['state']) for row in report['rows']], [(NAME, 'local')])
        self.assertEqual(report['orphans'], [])
        work.run('pbx-archive')
        report = self.report(work)
        self.assertEqual([row['state'] for row in report['rows']], ['remote'])
        self.assertEqual(report['orphans'], [])

    def test_a_leg_that_a_recent_call_names_by_path_stays_in_the_cache(self):
        work = self.workdir()
        work.call(CALL, [(NAME, MINE), (SECOND, MY_OTHER)])
        work.db.sql(f"update asterisk_cdr set recordingfile = '{work.spool}/' || recordingfile")
        self.status(work.run('pbx-archive'), 0)
        self.status(work.run('pbx-stitch'), 0)
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(sorted(file.name for file in work.stitch_src.iterdir()), [NAME, SECOND])

    def test_the_spool_may_be_configured_by_a_link_with_a_last_slash_or_relative(self):
        work = self.workdir()
        link = work.path / 'it\'s a [link]: "spool"'
        link.symlink_to(work.spool)
        work.leg(NAME, MINE)
        work.cdr('1.1', f'{link}/{NAME}')
        work.cdr('2.1', f'{work.spool}/{NAME}')
        for spool in (link, f'{link}/', link.name, f'./{link.name}/.'):
            with self.subTest(spool):
                for call in ('1.1', '2.1'):
                    self.assertEqual(self.fetch(work, call, env={'PBX_SPOOL': str(spool)}).out, MINE)

    def test_pbx_calls_prints_the_column_as_it_is(self):
        work = self.workdir()
        work.leg(NAME, MINE)
        for path in self.spellings(work) + self.elsewhere(work):
            work.cdr(CALL, path)
        shown = work.run('pbx-calls', 'show', CALL, '--json').text
        for path in self.spellings(work) + self.elsewhere(work):
            self.assertIn(f'"{path}"', shown)


class Elsewhere(Paths):
    def test_a_path_that_leads_elsewhere_is_refused_by_name_and_its_base_name_is_not_served(self):
        work = self.workdir()
        work.leg(NAME, MINE)
        work.remote.put(NAME, MINE)
        (work.spool / 'sub').mkdir()
        (work.spool / 'sub' / NAME).write_bytes(MINE)
        (work.spool / '2026/04/18').mkdir(parents=True)
        (work.spool / '2026/04/18' / NAME).write_bytes(MINE)
        for number, path in enumerate(self.other_paths(work)):
            with self.subTest(path):
                call = f'17765{number}.1'
                work.cdr(call, path)
                for arguments in ([], ['--leg', '1']):
                    refused = self.fetch(work, call, *arguments, status=65)
                    self.assertIn(path[:60], refused.err)
                    self.hints(refused)
                self.recording(work, call=call, expected=502)
                to = work.path / f'to{number}'
                self.status(work.run('pbx-recording-fetch', '--to', to, call), 65)
                self.assertEqual([file for file in to.iterdir() if file.suffix == '.wav'], [])
                self.fetch(work, '--file', path, status=65)
        # No row names the leg itself: nobody owns it.
        self.fetch(work, '--file', NAME, '--account', ACCOUNT, status=66)
        self.assertEqual({row['state'] for row in self.report(work)['rows']}, {'awaited'})

    def test_the_other_legs_of_its_call_are_stitched_and_the_path_is_listed_as_unreadable(self):
        work = self.workdir()
        work.leg(NAME, MINE)
        work.leg(SECOND, MY_OTHER)
        path = f'/elsewhere/{NAME}'
        work.cdr(CALL, path, ago=1800)
        work.cdr(CALL, SECOND, ago=1700, sequence=2)
        self.says(self.status(work.run('pbx-stitch'), 65), path)
        recording = Wav(work.stitched_file(CALL)).check()
        self.assertEqual(recording.samples, MY_OTHER[44:])
        self.assertEqual(recording.manifest['unreadable'], [path])

    def test_the_owner_of_an_archived_leg_is_none_that_names_another_folder(self):
        work = self.workdir()
        for path in self.elsewhere(work):
            work.cdr(CALL, path)
        work.leg(NAME, MINE)
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.db.value("select coalesce(accountcode, 'nobody') from recordings"), 'nobody')


class TwoAccounts(Paths):
    def claimed(self, mine, theirs):
        work = self.workdir(remote='local')
        work.leg(NAME, MINE)
        work.cdr(CALL, mine(work))
        work.cdr(THEIR_CALL, theirs(work), OTHER_ACCOUNT)
        return work

    def is_ambiguous(self, work, *calls):
        for call, account in calls:
            for arguments in ([], ['--leg', '1'], ['--account', account]):
                self.says(self.fetch(work, call, *arguments, status=65), f'leg {NAME} is ambiguous: ')
        self.says(self.fetch(work, '--file', NAME, status=65), f'leg {NAME} is ambiguous: ')

    def test_a_leg_that_two_accounts_spell_differently_is_served_to_neither(self):
        for one, other in itertools.product(range(3), repeat=2):
            with self.subTest((one, other)):
                work = self.claimed(lambda w, n=one: self.spellings(w)[n], lambda w, n=other: self.spellings(w)[n])
                self.is_ambiguous(work, (CALL, ACCOUNT), (THEIR_CALL, OTHER_ACCOUNT))
                for account in (ACCOUNT, OTHER_ACCOUNT):
                    self.says(self.fetch(work, '--file', NAME, '--account', account, status=65), 'is ambiguous: ')

    def test_every_reader_refuses_it(self):
        work = self.claimed(lambda w: NAME, lambda w: f'{w.spool}/{NAME}')
        for call, account in ((CALL, ACCOUNT), (THEIR_CALL, OTHER_ACCOUNT)):
            work.leg(SECOND, MY_OTHER)
            work.cdr(call, f'{account}.wav', account, sequence=2)
            work.leg(f'{account}.wav', MY_OTHER)
            self.recording(work, call=call, expected=409, PBX_ACCOUNT=account)
            self.recording(work, 'leg=1', call=call, expected=409, PBX_ACCOUNT=account)
            self.ask(work, f'/calls/{call}/peaks', expected=409, PBX_ACCOUNT=account)
            to = work.path / account
            self.status(work.run('pbx-recording-fetch', '--to', to, call), 65)
            self.assertEqual([file for file in to.iterdir() if file.suffix == '.wav'], [])
            self.keys(work)
            self.status(work.run('pbx-recording-fetch', '--link', call), 65)
        stitching = self.status(work.run('pbx-stitch'), 65)
        self.says(stitching, f'call {CALL}: leg {NAME} is ambiguous: ', f'call {THEIR_CALL}: leg {NAME} is ambiguous: ')
        self.assertFalse(work.stitched_file(CALL).exists() or work.stitched_file(THEIR_CALL).exists())
        for arguments in ([], ['--account', ACCOUNT], ['--account', OTHER_ACCOUNT], ['--since', '30d']):
            rows = [row for row in self.report(work, *arguments)['rows'] if row['recordingfile'] == NAME]
            self.assertEqual({row['state'] for row in rows}, {'ambiguous'})
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.db.value(f"select coalesce(accountcode, 'nobody') from recordings where name = '{NAME}'"), 'nobody')
        self.is_ambiguous(work, (CALL, ACCOUNT), (THEIR_CALL, OTHER_ACCOUNT))
        self.status(work.run('pbx-archive', 'verify', '--read', '100%'), 0)
        self.assertEqual(work.db.value(f"select coalesce(accountcode, 'nobody') from recordings where name = '{NAME}'"), 'nobody')

    def test_a_path_that_is_not_the_spools_claims_the_leg_but_does_not_hear_it(self):
        example = self.workdir(remote='local')
        for number in range(len(self.other_paths(example))):
            work = self.claimed(lambda w: NAME, lambda w, n=number: self.other_paths(w)[n])
            with self.subTest(self.other_paths(work)[number]):
                self.is_ambiguous(work, (CALL, ACCOUNT))
                self.fetch(work, THEIR_CALL, status=65)
                self.fetch(work, '--file', NAME, '--account', OTHER_ACCOUNT, status=66)
                self.assertEqual([row['state'] for row in self.report(work, '--account', ACCOUNT)['rows']], ['ambiguous'])
                self.status(work.run('pbx-archive'), 0)
                self.assertEqual(work.db.value("select coalesce(accountcode, 'nobody') from recordings"), 'nobody')

    def test_it_does_so_whichever_account_comes_first(self):
        for mine, theirs in ((ACCOUNT, OTHER_ACCOUNT), (OTHER_ACCOUNT, ACCOUNT), ('', ACCOUNT)):
            with self.subTest(mine):
                work = self.workdir(remote='local')
                work.leg(NAME, MINE)
                work.cdr(CALL, NAME, mine)
                work.cdr(THEIR_CALL, f'/elsewhere/{NAME}', theirs)
                for arguments in ([CALL], ['--file', NAME]):
                    self.fetch(work, *arguments, status=65)

    def test_a_leg_that_two_accounts_claim_and_none_names_is_served_to_nobody(self):
        work = self.workdir(remote='local')
        work.leg(NAME, MINE)
        work.cdr(CALL, f'/elsewhere/{NAME}')
        self.assertEqual(self.fetch(work, '--file', NAME).out, MINE)
        work.cdr(THEIR_CALL, f'sub/{NAME}', OTHER_ACCOUNT)
        self.says(self.fetch(work, '--file', NAME, status=65), 'is ambiguous: ')

    def test_the_leg_of_another_machines_spool_is_not_heard_by_who_names_it_here(self):
        work = self.workdir(remote='local')
        work.leg(NAME, MINE)
        work.cdr(CALL, f'{work.spool}/{NAME}')
        self.status(work.run('pbx-archive'), 0)
        work.cdr(THEIR_CALL, NAME, OTHER_ACCOUNT)
        other = work.path / 'other'
        other.mkdir()
        self.says(self.fetch(work, THEIR_CALL, env={'PBX_SPOOL': str(other)}, status=65), 'is ambiguous: ')


if __name__ == '__main__':
    main('pbx-recording-fetch', 'pbx-stitch', 'pbx-archive')
