#!/usr/bin/env python3
"""spool-layout = dated: legs also lie in YYYY/MM/DD below the spool, as FreePBX records. They are served, stitched, archived and
audited as those in the spool itself are."""
import itertools
import json
import os
import re
import time

from archiving import Archiving
from sound import Wav, pcm, ramp
from web import CALL, Listening
from workdir import ACCOUNT, NO_LEAK_CHECK, OTHER_ACCOUNT, main

DAY = '2026/04/18'
NAME, SECOND, THIRD = 'a.wav', 'b.wav', 'c.wav'
FREEPBX = 'out-5551234-100-20260418-144004-1776523204.5.wav'
THEIR_CALL = '1776500000.7'
MINE, MY_OTHER, THEIRS = pcm(ramp(0.5, 1)), pcm(ramp(0.4, 2)), pcm(ramp(0.3, 3))
STARTED = 1776523204  # 2026-04-18 14:40:04 UTC


class Dated(Listening, Archiving):
    def pbx(self, **how):
        work = self.workdir(**{'remote': 'local', **how})
        work.env['PBX_SPOOL_LAYOUT'] = 'dated'
        return work

    @staticmethod
    def leg_of_day(work, name, data, day=DAY, age=600):
        (work.spool / day).mkdir(parents=True, exist_ok=True)
        return work.leg(f'{day}/{name}', data, age)

    @staticmethod
    def started(work, ago_of_call=0):
        """How long ago a call on the 18th of April 2026 was."""
        return work.now - STARTED - ago_of_call

    def report(self, work, *arguments, status=None):
        result = work.run('pbx-archive', 'audit', '--json', *arguments)
        if status is not None:
            self.status(result, status)
        return json.loads(result.out)

    @staticmethod
    def files(work):
        """Everything in the spool, by path, without what the tools keep there."""
        return sorted(str(path.relative_to(work.spool)) for path in work.spool.rglob('*')
                      if path.is_file() and not path.name.startswith('.') and 'stitched' not in path.parts)


class Served(Dated):
    def test_a_leg_is_found_by_the_path_in_its_row(self):
        for path in (f'{DAY}/{NAME}', f'./{DAY}/{NAME}', '{spool}/' + f'{DAY}/{NAME}'):
            with self.subTest(path):
                work = self.pbx()
                self.leg_of_day(work, NAME, MINE)
                work.cdr(CALL, path.format(spool=work.spool))
                self.assertEqual(self.fetch(work, CALL).out, MINE)
                self.assertEqual(self.fetch(work, CALL, '--leg', '1').out, MINE)
                self.assertEqual(self.recording(work).body, MINE)
                self.assertEqual(self.fetch(work, '--file', NAME, '--account', ACCOUNT).out, MINE)
                self.status(work.run('pbx-recording-fetch', '--to', 'many', CALL), 0)
                self.assertEqual((work.path / 'many' / f'{CALL}.wav').read_bytes(), MINE)

    def test_a_leg_is_found_by_the_date_in_its_name(self):
        for name in (FREEPBX, '20260418-144004-100-1001.wav', 'q-5001-0301234-20260418-144004-1.2.wav'):
            with self.subTest(name):
                work = self.pbx()
                self.leg_of_day(work, name, MINE)
                work.cdr(CALL, name)
                self.assertEqual(self.fetch(work, CALL).out, MINE)

    def test_a_leg_is_found_by_the_local_day_of_its_call_and_the_days_beside_it(self):
        for day, zone, found in (('2026/04/18', 'UTC', True), ('2026/04/17', 'UTC', True), ('2026/04/19', 'UTC', True),
                                 ('2026/04/20', 'UTC', False), ('2026/04/16', 'UTC', False),
                                 ('2026/04/20', 'Pacific/Kiritimati', True), ('2026/04/17', 'Pacific/Kiritimati', False)):
            with self.subTest((day, zone)):
                work = self.pbx()
                work.env['TZ'] = zone
                self.leg_of_day(work, NAME, MINE, day)
                work.cdr(CALL, NAME, ago=self.started(work))
                self.fetch(work, CALL, status=0 if found else 66)

    def test_the_legs_of_a_call_in_the_spool_and_in_folders_of_days_are_stitched(self):
        work = self.pbx()
        work.leg(NAME, MINE)
        self.leg_of_day(work, SECOND, MY_OTHER)
        self.leg_of_day(work, FREEPBX, THEIRS)
        for place, path in enumerate((NAME, f'{work.spool}/{DAY}/{SECOND}', FREEPBX)):
            work.cdr(CALL, path, ago=1800 - 10 * place, sequence=place + 1)
        self.status(work.run('pbx-stitch'), 0)
        recording = Wav(work.stitched_file(CALL)).check()
        self.assertEqual(recording.samples, MINE[44:] + MY_OTHER[44:] + THEIRS[44:])
        self.assertEqual([leg['name'] for leg in recording.manifest['legs']], [NAME, SECOND, FREEPBX])
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertEqual(self.headers(work, CALL)[0]['X-Recording-Source'], 'stitched-local')
        work.stitched_file(CALL).unlink()
        self.assertEqual(Wav(self.fetch(work, CALL).out).samples, recording.samples)

    def test_a_recording_is_rebuilt_when_a_leg_that_was_missing_appears_in_the_folder_of_its_day(self):
        work = self.pbx()
        work.leg(NAME, MINE)
        work.cdr(CALL, NAME, ago=8000)
        work.cdr(CALL, FREEPBX, ago=7990, sequence=2)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(Wav(work.stitched_file(CALL)).manifest['missing'], [FREEPBX])
        self.leg_of_day(work, FREEPBX, MY_OTHER)
        self.assertEqual(Wav(self.fetch(work, CALL).out).samples, MINE[44:] + MY_OTHER[44:])

    def test_a_leg_that_no_row_names_is_found_in_any_folder(self):
        work = self.pbx()
        self.leg_of_day(work, NAME, MINE, '1999/12/31')
        self.assertEqual(self.fetch(work, '--file', NAME).out, MINE)

    def test_finding_a_leg_lists_no_folder(self):
        work = self.pbx(remote=None)
        for day in range(1, 29):
            self.leg_of_day(work, f'{day}.wav', THEIRS, f'2026/04/{day:02}')
        self.leg_of_day(work, FREEPBX, MINE)
        work.cdr(CALL, FREEPBX)
        run, log = work.start_traced('getdents64,newfstatat,openat', 'getdents64:delay_exit=1', 'pbx-recording-fetch', CALL)
        self.assertEqual(self.status(work.finish(run), 0).out, MINE)
        calls = [line for line in log.read_text(errors='replace').splitlines() if str(work.spool) in line]
        self.assertEqual([line for line in calls if 'getdents64' in line], [])
        self.assertLess(len(calls), 60)

    def test_a_path_to_another_folder_is_refused(self):
        work = self.pbx()
        work.leg(NAME, MINE)
        for number, folder in enumerate(('2026/4/18', '20260418', f'x/{DAY}', f'{DAY}/x', f'/{DAY}', '2026/04', f'{DAY}/', f'{DAY}/..',
                                         f'../{work.spool.name}/{DAY}', f'/elsewhere/{DAY}')):
            with self.subTest(folder):
                work.cdr(f'1.{number}', f'{folder}/{NAME}')
                (work.spool / 'x').mkdir(exist_ok=True)
                refused = self.fetch(work, f'1.{number}', status=65)
                self.assertIn(f'{folder}/{NAME}', refused.err)
                self.hints(refused)

    def test_links_in_the_place_of_folders_are_not_followed(self):
        for link in ('2026', '2026/04', DAY):
            with self.subTest(link):
                work = self.pbx()
                outside = work.path / 'outside'
                (outside / DAY).mkdir(parents=True)
                (outside / DAY / NAME).write_bytes(MINE)
                (work.spool / link).parent.mkdir(parents=True, exist_ok=True)
                (work.spool / link).symlink_to(outside / link)
                work.cdr(CALL, f'{DAY}/{NAME}')
                self.says(self.fetch(work, CALL, status=65), link)
                work.leg(SECOND, MY_OTHER)
                self.says(self.archive(work, status=65), link)
                self.assertEqual(work.remote.files(), {SECOND: MY_OTHER})
                self.assertTrue((outside / DAY / NAME).exists())
                self.says(self.status(work.run('pbx-archive', 'audit'), 65), link)

    def test_a_leg_in_a_folder_that_cannot_be_read_is_not_called_missing(self):
        work = self.pbx(remote=None)
        work.env['TZ'] = 'UTC'
        self.leg_of_day(work, NAME, MINE)
        work.leg(SECOND, MY_OTHER)
        work.cdr(CALL, NAME, ago=self.started(work))
        work.cdr(CALL, SECOND, ago=self.started(work, 1), sequence=2)
        folder = work.spool / DAY
        failing = ('/usr/bin/strace', '-f', '-o', '/dev/null', '-P', folder.name, '-e', 'trace=openat', '-e',
                   'inject=openat:error=EACCES')
        for command in (('pbx-recording-fetch', CALL), ('pbx-recording-fetch', CALL, '--leg', '1'), ('pbx-stitch', CALL)):
            result = work.run(*failing, *work.command(*command), env=NO_LEAK_CHECK)
            self.status(result, 77)
            self.assertIn(DAY, result.err)
        self.assertFalse(work.stitched_file(CALL).exists())

    def test_a_leg_without_rows_is_found_although_a_link_stands_among_the_folders(self):
        work = self.pbx()
        (work.spool / '2019').symlink_to(work.path)
        self.leg_of_day(work, NAME, MINE)
        self.assertEqual(self.fetch(work, '--file', NAME).out, MINE)
        self.says(self.fetch(work, '--file', SECOND, status=65), '2019 is a link')

    def test_a_folder_that_the_row_does_not_name_and_that_cannot_be_opened_counts_as_absent(self):
        work = self.pbx()
        work.env['TZ'] = 'UTC'
        work.leg(NAME, MINE)
        (work.spool / '2026/04').mkdir(parents=True)
        (work.spool / '2026/04/17').symlink_to(work.path)
        (work.spool / '2026/04/19').write_bytes(b'')
        work.cdr(CALL, NAME, ago=self.started(work))
        served = self.fetch(work, CALL, '-v')
        self.assertEqual(served.out, MINE)
        self.says(served, 'not looked for in the folder 2026/04/17', 'not looked for in the folder 2026/04/19')
        self.assertEqual(self.fetch(work, CALL, '--leg', '1').out, MINE)

    def test_a_link_and_a_folder_of_a_legs_name_are_no_second_leg(self):
        work = self.pbx()
        leg = self.leg_of_day(work, NAME, MINE)
        (work.spool / NAME).symlink_to(leg)
        (work.spool / '2026/04/17' / NAME).mkdir(parents=True)
        work.cdr(CALL, f'{DAY}/{NAME}', ago=self.started(work))
        self.assertEqual(self.fetch(work, CALL).out, MINE)
        self.assertEqual([row['state'] for row in self.report(work)['rows']], ['local'])
        self.says(self.archive(work, status=65), rf'(?m)^pbx-archive: {NAME}: .* is not a regular file')
        self.assertEqual(work.remote.files(), {NAME: MINE})
        # The link leads nowhere now.
        self.assertEqual(self.fetch(work, CALL).out, MINE)


class Flat(Dated):
    def test_without_the_setting_no_folder_is_looked_into(self):
        work = self.workdir(remote='local')
        self.leg_of_day(work, FREEPBX, MINE)
        work.leg(NAME, MY_OTHER)
        work.cdr(CALL, FREEPBX, ago=7200)
        self.fetch(work, CALL, status=66)
        self.fetch(work, '--file', FREEPBX, status=66)
        self.quiet(self.archive(work))
        self.assertEqual(self.files(work), [f'{DAY}/{FREEPBX}'])
        self.assertEqual(work.remote.files(), {NAME: MY_OTHER})
        self.assertEqual([row['state'] for row in self.report(work)['rows']], ['missing'])
        # The same leg in the spool itself is one, since nothing looks into the folder.
        work.leg(FREEPBX, THEIRS)
        self.assertEqual(self.fetch(work, CALL).out, THEIRS)

    def test_the_setting_comes_from_the_configuration_too_and_has_two_values(self):
        work = self.workdir(remote='local')
        self.leg_of_day(work, FREEPBX, MINE)
        work.cdr(CALL, FREEPBX)
        conf = work.path / 'pbx.conf'
        conf.write_text('spool-layout = dated\n')
        self.assertEqual(self.fetch(work, '--config', conf, CALL).out, MINE)
        self.assertEqual(self.fetch(work, '--spool-layout', 'dated', CALL).out, MINE)
        conf.write_text('spool-layout = daily\n')
        self.says(self.fetch(work, '--config', conf, CALL, status=78), 'spool-layout', 'dated')


class Archived(Dated):
    def test_legs_in_folders_of_days_are_moved_and_the_folders_stay(self):
        work = self.pbx()
        work.leg(NAME, MINE)
        self.leg_of_day(work, SECOND, MY_OTHER)
        self.leg_of_day(work, THIRD, THEIRS, '2025/12/31')
        self.leg_of_day(work, 'notes.txt', b'mine')
        work.cdr(CALL, f'{DAY}/{SECOND}')
        self.quiet(self.archive(work))
        self.assertEqual(work.remote.files(), {NAME: MINE, SECOND: MY_OTHER, THIRD: THEIRS})
        self.assertEqual(self.files(work), [f'{DAY}/notes.txt'])
        self.assertTrue((work.spool / '2025/12/31').is_dir())
        self.assertEqual(work.db.value(f"select accountcode || shelf from recordings where name = '{SECOND}'"), ACCOUNT + 'legs')
        self.assertTrue(list(work.spool.glob('.moved-*')))
        self.assertEqual(list((work.spool / DAY).glob('.*')), [])
        self.assertEqual(self.headers(work, CALL)[0]['X-Recording-Source'], 'leg-remote')
        self.assertEqual(self.fetch(work, CALL).out, MY_OTHER)

    def test_many_legs_in_many_folders_are_moved(self):
        work = self.pbx(remote='gcs')
        legs = {f'{day:02}-{leg}.wav': pcm(ramp(0.02, 10 * day + leg)) for day in range(1, 13) for leg in range(2)}
        for name, data in legs.items():
            self.leg_of_day(work, name, data, f'2026/03/{name[:2]}')
        self.quiet(self.archive(work))
        self.assertEqual(work.remote.files(), legs)
        self.assertEqual(self.files(work), [])

    def test_a_leg_that_is_young_or_being_written_stays(self):
        work = self.pbx()
        self.leg_of_day(work, NAME, MINE, age=10)
        self.leg_of_day(work, SECOND, MY_OTHER)
        work.hold_open(f'{DAY}/{SECOND}')
        self.says(self.archive(work, '-v'), f'left {DAY}/{NAME}: younger', f'left {DAY}/{SECOND}: a process has it open')
        self.assertEqual(work.remote.files(), {})
        self.assertEqual(self.files(work), [f'{DAY}/{NAME}', f'{DAY}/{SECOND}'])

    def test_a_dry_run_names_the_path_and_moves_nothing(self):
        work = self.pbx()
        self.leg_of_day(work, NAME, MINE)
        before = work.snapshot()
        self.says(self.archive(work, '-n'), f'would move {work.spool}/{DAY}/{NAME}')
        self.assertEqual(work.snapshot(), before)

    def test_a_leg_that_a_killed_run_has_hidden_gets_its_name_back(self):
        work = self.pbx()
        self.leg_of_day(work, f'.pbx-removing-{NAME}', MINE)
        self.archive(work)
        self.assertEqual(work.remote.files(), {NAME: MINE})
        self.assertEqual(list((work.spool / DAY).iterdir()), [])

    def test_a_new_leg_beside_one_that_a_killed_run_has_hidden_is_moved(self):
        work = self.pbx()
        hidden = self.leg_of_day(work, f'.pbx-removing-{NAME}', MINE)
        self.leg_of_day(work, NAME, THEIRS)
        self.says(self.archive(work), 'cannot give the recording')
        self.assertEqual(work.remote.files(), {NAME: THEIRS})
        self.assertEqual(list((work.spool / DAY).iterdir()), [hidden])
        self.assertEqual(hidden.read_bytes(), MINE)

    def test_a_folder_that_cannot_be_listed_to_its_end_does_not_hold_up_the_legs_of_others(self):
        work = self.pbx()
        work.leg(NAME, MINE)
        self.leg_of_day(work, SECOND, MY_OTHER)
        self.leg_of_day(work, THIRD, THEIRS, '2026/04/17')
        # It was listed once before, which takes two calls, to find two legs of one name.
        run, _ = work.start_traced('getdents64', 'getdents64:error=EIO:when=3+', 'pbx-archive', path=work.spool / DAY)
        self.says(self.status(work.finish(run), 74), rf'cannot list folder \S+{DAY}')
        self.assertEqual(work.remote.files(), {NAME: MINE, THIRD: THEIRS})
        self.assertEqual(self.files(work), [f'{DAY}/{SECOND}'])

    def test_a_folder_that_cannot_be_synced_does_not_end_the_run(self):
        work = self.pbx()
        legs = {f'{number}.wav': pcm(ramp(0.02, number)) for number in range(260)}  # more than a batch
        for name, data in legs.items():
            self.leg_of_day(work, name, data)
        run, _ = work.start_traced('fsync', 'fsync:error=EIO', 'pbx-archive', path=work.spool / DAY)
        self.says(self.status(work.finish(run), 73), rf'cannot sync folder \S+{DAY}')
        self.assertEqual(work.remote.files(), legs)
        self.assertEqual(self.files(work), [])

    def test_a_leg_about_which_the_remote_gives_no_answer_is_named_with_its_folder(self):
        work = self.pbx(remote='gcs')
        self.leg_of_day(work, FREEPBX, MINE)
        work.cloud.fault(match=re.escape(FREEPBX), status=403, reason='forbidden')
        result = work.run('pbx-archive', '--json', timeout=90)
        self.assertEqual([failure.get('name') for failure in json.loads(result.out)['failures']], [f'{DAY}/{FREEPBX}'])
        self.assertEqual(self.files(work), [f'{DAY}/{FREEPBX}'])

    def test_a_folder_that_is_replaced_during_the_upload_is_the_reason_of_the_failure(self):
        work = self.pbx()
        self.leg_of_day(work, NAME, MINE)
        outside = work.path / 'outside'
        outside.mkdir()
        (outside / NAME).write_bytes(THEIRS)
        day = work.spool / DAY
        wrapper = work.path / 'replacing-rclone'
        wrapper.write_text(f'#!/bin/sh\ncase "$*" in *--no-check-dest*) mv {day} {day}.away && ln -s {outside} {day};; esac\n'
                           'exec rclone "$@"\n', encoding='utf-8')
        wrapper.chmod(0o755)
        self.says(self.archive(work, status=65, env={'PBX_RCLONE': str(wrapper)}), rf'{DAY}/{NAME}: folder {day} was replaced')
        self.assertEqual((work.spool / f'{DAY}.away' / NAME).read_bytes(), MINE)
        self.assertEqual((outside / NAME).read_bytes(), THEIRS)

    def test_a_different_object_under_a_legs_name_keeps_the_leg(self):
        work = self.pbx()
        self.leg_of_day(work, NAME, MINE)
        work.remote.put(NAME, THEIRS)
        self.says(self.archive(work, status=73), f'{DAY}/{NAME}: ', 'different object', f'stays in {work.spool}/{DAY}')
        self.assertEqual(self.files(work), [f'{DAY}/{NAME}'])
        self.assertEqual(work.remote.files(), {NAME: THEIRS})

    def test_two_files_of_one_name_are_neither_moved_nor_served(self):
        for one, other in itertools.combinations((DAY, '2026/04/17', ''), 2):
            with self.subTest((one, other)):
                work = self.pbx()
                self.leg_of_day(work, FREEPBX, MINE, one or '.')
                self.leg_of_day(work, FREEPBX, THEIRS, other or '.')
                self.leg_of_day(work, NAME, MY_OTHER)
                work.cdr(CALL, FREEPBX, ago=self.started(work))
                work.cdr(CALL, f'{DAY}/{NAME}', ago=self.started(work, 1), sequence=2)
                paths = [os.path.normpath(f'{work.spool}/{day}/{FREEPBX}') for day in (one, other)]
                for result in (self.fetch(work, CALL, status=65), self.fetch(work, CALL, '--leg', '1', status=65),
                               self.status(work.run('pbx-stitch', CALL), 65), self.archive(work, status=65),
                               self.status(work.run('pbx-archive', 'audit'), 65)):
                    for path in paths:
                        self.assertIn(path, result.err)
                self.recording(work, expected=502)
                self.fetch(work, '--file', FREEPBX, status=65)
                self.assertEqual(work.remote.files(), {NAME: MY_OTHER})
                self.assertFalse(work.stitched_file(CALL).exists())
                for path, data in zip(paths, (MINE, THEIRS)):
                    with open(path, 'rb') as file:
                        self.assertEqual(file.read(), data)
                self.assertEqual({row['recordingfile']: row['state'] for row in self.report(work)['rows']},
                                 {FREEPBX: 'differs', NAME: 'remote'})
                os.unlink(paths[1])
                self.assertEqual(self.fetch(work, CALL, '--leg', '1').out, MINE)
                self.archive(work)
                self.assertEqual(work.remote.files(), {NAME: MY_OTHER, FREEPBX: MINE})

    def test_a_row_that_names_its_day_never_gets_the_file_of_another_day(self):
        work = self.pbx()
        self.leg_of_day(work, NAME, MINE)
        work.cdr(CALL, f'{DAY}/{NAME}', ago=self.started(work))
        self.archive(work)
        self.leg_of_day(work, NAME, THEIRS, '2026/04/17')
        work.cdr('1776500000.9', f'2026/04/17/{NAME}', ago=self.started(work))
        self.assertEqual(self.fetch(work, CALL).out, MINE)
        self.assertEqual(self.fetch(work, '1776500000.9').out, THEIRS)

    def test_a_later_row_may_name_the_day(self):
        work = self.pbx()
        self.leg_of_day(work, 'a.wav', MINE, '2025/08/20')
        work.cdr(CALL, 'a.wav', ago=self.started(work))
        work.cdr(CALL, '2025/08/20/a.wav', ago=self.started(work, 2), sequence=3)
        work.leg('b.wav', MY_OTHER)
        work.cdr(CALL, 'b.wav', ago=self.started(work, 1), sequence=2)
        self.assertEqual(self.fetch(work, CALL, '--leg', '1').out, MINE)
        self.assertEqual(self.fetch(work, CALL, '--leg', '2').out, MY_OTHER)

    def test_one_of_two_legs_of_one_name_that_is_young_keeps_the_other(self):
        work = self.pbx()
        self.leg_of_day(work, NAME, MINE)
        self.leg_of_day(work, NAME, THEIRS, '2026/04/17', age=10)
        self.says(self.archive(work, status=65), 'exists in more than one folder')
        self.assertEqual(work.remote.files(), {})
        self.assertEqual(len(self.files(work)), 2)

    def test_the_audit_finds_legs_of_days_compares_them_and_names_stray_files(self):
        work = self.pbx()
        for name in ('local.wav', 'both.wav', 'other.wav', 'stray.wav'):
            self.leg_of_day(work, name, MINE, age=7200)
        work.remote.put('both.wav', MINE)
        work.remote.put('other.wav', MINE[:-2] + b'ab')
        for number, path in enumerate(('local.wav', f'{DAY}/both.wav', f'{work.spool}/{DAY}/other.wav')):
            work.cdr(f'1.{number}', path, ago=7200)
        report = self.report(work, status=65)
        self.assertEqual({row['recordingfile']: row['state'] for row in report['rows']},
                         {'local.wav': 'local', 'both.wav': 'both', 'other.wav': 'differs'})
        self.assertEqual([(file['name'], file['state']) for file in report['orphans']], [('stray.wav', 'local')])

    def test_verify_knows_that_an_object_without_facts_is_still_in_the_spool(self):
        work = self.pbx()
        self.leg_of_day(work, NAME, MINE)
        work.remote.put(NAME, MINE)
        self.status(work.run('pbx-archive', 'verify'), 0)

    def test_the_audit_and_the_verification_report_a_folder_that_they_cannot_open_and_go_on(self):
        work = self.pbx()
        (work.spool / '2025').symlink_to(work.path)
        self.leg_of_day(work, NAME, MINE, age=7200)
        work.cdr(CALL, NAME, ago=7200)
        audit = self.status(work.run('pbx-archive', 'audit', '--json'), 65)
        self.says(audit, '2025 is a link')
        self.assertEqual([row['state'] for row in json.loads(audit.out)['rows']], ['local'])
        # The second may be a leg behind the link.
        for name in (NAME, SECOND):
            work.remote.put(name, MINE)
        verification = self.status(work.run('pbx-archive', 'verify', '--json'), 65)
        self.says(verification, '2025 is a link')
        total = json.loads(verification.out)['total']
        self.assertEqual((total['awaited'], total['unknown']), (2, 0))
        (work.spool / '2025').unlink()
        total = json.loads(self.status(work.run('pbx-archive', 'verify', '--json'), 65).out)['total']
        self.assertEqual((total['awaited'], total['unknown']), (1, 1))

    def test_verify_lists_the_folders_of_days_once_for_all_objects(self):
        work = self.pbx()
        for number in range(5):
            self.leg_of_day(work, f'{number}.wav', MINE)
            work.remote.put(f'{number}.wav', MINE)
        for path in ('2026', DAY):
            run, log = work.start_traced('getdents64', 'getdents64:delay_exit=1', 'pbx-archive', 'verify', path=work.spool / path)
            self.status(work.finish(run), 0)
            calls = [line for line in log.read_text(errors='replace').splitlines() if 'getdents64(' in line]
            self.assertEqual(len(calls), 2, calls)  # names, and the end

    def test_pbx_check_counts_them_and_names_the_oldest(self):
        work = self.pbx()
        work.leg(NAME, MINE)
        self.leg_of_day(work, SECOND, MY_OTHER, age=5 * 3600)
        metrics = work.path / 'check.prom'
        result = work.run('pbx-check', '--metrics', metrics)
        self.assertRegex(metrics.read_text(), r'(?m)^pbx_check_legs_waiting 2(\.0)?$')
        self.assertIn(f'the oldest of 2 legs in the spool has waited for 5 hours: {DAY}/{SECOND}', result.text + result.err)


class TwoAccounts(Dated):
    def test_a_leg_that_two_accounts_spell_differently_is_served_to_neither(self):
        spellings = ('{name}', './{name}', '{spool}/{name}', '{day}/{name}', './{day}/{name}', '{spool}/{day}/{name}', '2026/04/17/{name}')
        for mine, theirs in itertools.permutations(spellings, 2):
            if '{day}' not in mine and '2026' not in mine:
                continue
            with self.subTest((mine, theirs)):
                work = self.pbx()
                self.leg_of_day(work, NAME, MINE)
                for call, account, path in ((CALL, ACCOUNT, mine), (THEIR_CALL, OTHER_ACCOUNT, theirs)):
                    work.cdr(call, path.format(name=NAME, day=DAY, spool=work.spool), account, ago=self.started(work))
                for call in (CALL, THEIR_CALL):
                    self.says(self.fetch(work, call, status=65), f'leg {NAME} is ambiguous: ')

    def test_the_audit_of_an_account_names_no_files_of_another(self):
        work = self.pbx()
        for call, name, account in ((CALL, NAME, ACCOUNT), (THEIR_CALL, SECOND, OTHER_ACCOUNT)):
            work.cdr(call, name, account, ago=self.started(work))
            self.leg_of_day(work, name, MINE)
            self.leg_of_day(work, name, THEIRS, '2026/04/17')
        for name in (NAME, SECOND):
            self.says(self.status(work.run('pbx-archive', 'audit'), 65), f'{DAY}/{name} and|and .*{DAY}/{name}')
        mine = self.status(work.run('pbx-archive', 'audit', '--account', ACCOUNT), 65)
        self.says(mine, f'leg {NAME} exists in more than one folder')
        self.assertNotIn(SECOND, mine.text + mine.err)
        (work.spool / '2026/04/17' / NAME).unlink()
        mine = work.run('pbx-archive', 'audit', '--account', ACCOUNT)
        self.assertNotIn('more than one folder', mine.err)
        self.assertNotIn(SECOND, mine.text + mine.err)

    def test_every_reader_refuses_it(self):
        work = self.pbx()
        self.leg_of_day(work, NAME, MINE)
        work.cdr(CALL, f'{DAY}/{NAME}', ago=self.started(work))
        work.cdr(THEIR_CALL, NAME, OTHER_ACCOUNT, ago=self.started(work))
        for call, account in ((CALL, ACCOUNT), (THEIR_CALL, OTHER_ACCOUNT)):
            work.cdr(call, f'{account}.wav', account, ago=self.started(work), sequence=2)
            self.leg_of_day(work, f'{account}.wav', MY_OTHER)
            self.recording(work, call=call, expected=409, PBX_ACCOUNT=account)
            self.fetch(work, call, '--leg', '1', status=65)
            self.status(work.run('pbx-recording-fetch', '--to', account, call), 65)
            self.status(work.run('pbx-stitch', call), 65)
        self.fetch(work, '--file', NAME, status=65)
        self.assertEqual({row['state'] for row in self.report(work)['rows'] if row['recordingfile'] == NAME}, {'ambiguous'})
        self.archive(work)
        self.assertEqual(work.db.value(f"select coalesce(accountcode, 'nobody') from recordings where name = '{NAME}'"), 'nobody')
        self.fetch(work, CALL, status=65)


if __name__ == '__main__':
    main('pbx-recording-fetch', 'pbx-stitch', 'pbx-archive')
