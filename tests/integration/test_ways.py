#!/usr/bin/env python3
"""One way of saying things: times, tenants, dry runs and formats are given alike to every tool, and absence has a reason."""
import json
import subprocess

from sound import empty, pcm, ramp, tone
from workdir import ACCOUNT, OTHER_ACCOUNT, SOURCE, Case, main

CALL = '1776500000.1'
MIGRATIONS = {'PBX_MIGRATIONS': SOURCE / 'migrations'}
NOBODY = '00000000-0000-4000-8000-000000000000'


def organization(work, account=ACCOUNT, name='Acme', prefix='org_acme', **settings):
    work.db.sql(f"""insert into organizations (id, name, context_prefix, settings)
                    values ('{account}', '{name}', '{prefix}', '{json.dumps(settings)}')""")


class Times(Case):
    """--since and --until, in each tool that has them"""

    def test_every_tool_reads_the_same_times_and_refuses_the_same_texts(self):
        work = self.workdir()
        commands = (('pbx-calls',), ('pbx-stitch',), ('pbx-archive', 'audit'), ('pbx-archive', 'verify'))
        for command in commands:
            for text in ('5', '90s', '1w', '1h30m', '2d12h', 'today', 'yesterday', 'now', '2026-04-18', '2026-04-18T14:40Z'):
                with self.subTest(command=command, text=text):
                    self.status(work.run(*command, '--since', text), 0)
            for text in ('', '5x', '30m1h', 'tomorrow', '-1h', '2026-02-30', '1h30'):
                with self.subTest(command=command, text=text):
                    result = self.status(work.run(*command, f'--since={text}'), 64)
                    self.says(result, '--since')

    def test_a_number_without_a_unit_is_seconds_everywhere(self):
        work = self.workdir()
        work.cdr(CALL, 'a.wav', ago=60)
        self.assertEqual(work.run('pbx-calls', '--since', '5').out, b'')
        self.assertIn(CALL, work.run('pbx-calls', '--since', '90').text)
        work.call('1776500000.2', [('b.wav', pcm(ramp(0.1))), ('c.wav', pcm(ramp(0.1, 2)))], ago=3600)
        self.status(work.run('pbx-stitch', '--since', '5'), 0)
        self.assertFalse(work.stitched_file('1776500000.2').exists())
        self.status(work.run('pbx-stitch', '--since', '1h30m'), 0)
        self.assertTrue(work.stitched_file('1776500000.2').exists())

    def test_a_duration_may_have_several_units_in_every_option_that_takes_one(self):
        work = self.workdir(remote=None)
        for command in (('pbx-stitch', '--timeout', '1h30m'), ('pbx-archive', '--min-age', '1m30s', '--help'),
                        ('pbx-migrate', 'up', '-n', '--lock-timeout', '1m5s')):
            with self.subTest(command):
                self.status(work.run(*command, env=MIGRATIONS), 0)


class Tenants(Case):
    """--org and --account, in each tool that can be limited to a tenant"""

    COMMANDS = (('pbx-calls',), ('pbx-calls', 'show', CALL), ('pbx-archive', 'audit'), ('pbx-archive', 'verify'),
                ('pbx-recording-fetch', CALL), ('pbx-dialplan-gen',), ('pbx-provision', 'user', 'list'))

    def setUp(self):
        self.w = self.workdir()
        organization(self.w)
        organization(self.w, OTHER_ACCOUNT, 'Other', 'org_other')
        self.w.call(CALL, [('a.wav', pcm(ramp(0.1)))])

    def test_both_ways_of_naming_a_tenant_are_accepted_and_agree(self):
        for command in self.COMMANDS:
            by_account = self.status(self.w.run(*command, '--account', ACCOUNT), 0)
            by_name = self.status(self.w.run(*command, '--org', 'Acme'), 0)
            with self.subTest(command):
                self.assertEqual(self.without_times(by_account), self.without_times(by_name))

    @staticmethod
    def without_times(result):
        return [line for line in result.text.splitlines() if not line.startswith('  made ')]

    def test_two_names_of_different_tenants_are_a_usage_error(self):
        for command in self.COMMANDS:
            with self.subTest(command):
                self.status(self.w.run(*command, '--account', ACCOUNT, '--org', 'Other'), 64)

    def test_two_names_of_one_tenant_are_accepted(self):
        for command in self.COMMANDS[:-1]:
            with self.subTest(command):
                self.status(self.w.run(*command, '--account', ACCOUNT, '--org', 'org_acme'), 0)

    def test_an_unknown_tenant_is_not_found_in_every_tool(self):
        for command in self.COMMANDS:
            for option in (('--account', NOBODY), ('--org', 'nobody')):
                with self.subTest(command=command, option=option):
                    result = self.status(self.w.run(*command, *option), 66)
                    self.hints(result)
                    self.assertEqual(result.out, b'')

    def test_an_empty_tenant_is_a_usage_error_in_every_tool(self):
        for command in (*self.COMMANDS, ('pbx-record', 'status', CALL), ('pbx-provision', 'queue', 'show', '5001')):
            for option in ('--account', '--org'):
                if command == ('pbx-recording-fetch', CALL) and option == '--account':
                    continue  # the account of rows that have none
                with self.subTest(command=command, option=option):
                    result = self.status(self.w.run(*command, option, ''), 64)
                    self.says(result, f'{option} is empty')
                    self.hints(result)
                    self.assertEqual(result.out, b'')
        self.status(self.w.run('pbx-recording-fetch', CALL, '--account', ''), 66)
        conf = self.w.path / 'pbx.conf'
        conf.write_text('[pbx-calls]\norg =\n', encoding='utf-8')
        self.says(self.status(self.w.run('pbx-calls', '--config', conf), 78), 'pbx.conf:2: --org is empty')

    def test_an_account_that_only_rows_have_is_known(self):
        self.w.cdr('1776500000.2', 'b.wav', NOBODY, ago=2 * 86400)
        self.status(self.w.run('pbx-calls', '--account', NOBODY), 0)
        self.status(self.w.run('pbx-archive', 'verify', '--account', NOBODY), 0)

    def test_verify_looks_only_at_the_objects_of_the_tenant(self):
        self.w.leg('b.wav', pcm(ramp(0.1, 2)))
        self.w.cdr('1776500000.2', 'b.wav', OTHER_ACCOUNT)
        self.status(self.w.run('pbx-archive', '--min-age', '0'), 0)
        self.w.remote.remove('b.wav')
        self.status(self.w.run('pbx-archive', 'verify', '--org', 'Acme'), 0)
        report = json.loads(self.status(self.w.run('pbx-archive', 'verify', '--org', 'Other', '--json'), 65).out)
        self.assertEqual([item['path'] for item in report['objects']], ['b.wav'])
        self.assertEqual(report['accountcode'], OTHER_ACCOUNT)

    def test_verify_lists_the_unknown_objects_of_the_tenant_alone(self):
        for name in ('b.wav', 'orphan.wav', 'claimed.wav', f'stitched/{CALL}.wav', 'stitched/1776500000.2.wav'):
            self.w.remote.put(name, b'without facts')
        self.w.cdr('1776500000.2', 'b.wav', OTHER_ACCOUNT)
        for account in (ACCOUNT, OTHER_ACCOUNT):
            self.w.cdr('1776500000.3', 'claimed.wav', account)
        for organization, expected in (('Other', ['b.wav', 'stitched/1776500000.2.wav']), ('Acme', [f'stitched/{CALL}.wav'])):
            report = json.loads(self.status(self.w.run('pbx-archive', 'verify', '--org', organization, '--json'), 65).out)
            self.assertEqual([(item['path'], item['verdict']) for item in report['objects']], [(path, 'unknown') for path in expected])
        self.status(self.w.run('pbx-archive', 'verify', '--org', 'Other', '--adopt'), 0)
        self.assertEqual(self.w.db.sql('select name from recordings order by name'), [['1776500000.2.wav'], ['b.wav']])


class DryRuns(Case):
    """-n: what would be done is printed, and nothing is changed"""

    def test_every_command_that_changes_something_has_a_dry_run(self):
        work = self.workdir(remote=None, database=False)
        for command in (('pbx-stitch',), ('pbx-archive',), ('pbx-migrate', 'up'), ('pbx-migrate', 'baseline'), ('pbx-dialplan-gen',),
                        ('pbx-provision',), ('pbx-record',), ('pbx-calls', 'import')):
            with self.subTest(command):
                self.assertIn('-n,--dry-run', self.status(work.run(*command, '--help'), 0).text)

    def test_a_deployment_on_trial_prints_the_difference_and_writes_nothing(self):
        work = self.workdir(remote=None)
        organization(work)
        (work.path / 'asterisk').mkdir()
        arguments = ('pbx-dialplan-gen', '--asterisk-dir', str(work.path / 'asterisk'))
        check = self.status(work.run(*arguments, '--check'), 1)
        trial = self.status(work.run(*arguments, '--deploy', '-n'), 0)
        self.assertIn('ext_org_acme.conf', trial.text)
        self.assertEqual(trial.out, check.out)
        self.assertEqual(list((work.path / 'asterisk').iterdir()), [])
        self.status(work.run(*arguments, '-n'), 64)

    def test_a_provisioning_on_trial_is_checked_and_taken_back(self):
        work = self.workdir(remote=None)
        organization(work)
        add = ('pbx-provision', 'user', 'add', '1001', '--org', 'Acme')
        self.status(work.run(*add, '-n'), 0)
        self.assertEqual(work.db.value('select count(*) from users'), '0')
        self.status(work.run(*add), 0)
        self.status(work.run(*add, '-n'), 64)
        self.status(work.run('pbx-provision', '-n', 'org', 'add', 'New'), 0)
        self.status(work.run('pbx-provision', '-n', 'org', 'suspend', 'Acme'), 0)
        self.assertEqual(work.db.value("select string_agg(name || status, ',') from organizations"), 'Acmeactive')

    def test_a_baseline_on_trial_records_nothing(self):
        work = self.workdir(remote=None)
        versions = work.db.value('select string_agg(version, chr(10) order by version) from schema_migrations').split('\n')
        work.db.sql('delete from schema_migrations')
        trial = self.status(work.run('pbx-migrate', 'baseline', versions[-1], '-n', env=MIGRATIONS), 0)
        self.assertEqual(trial.text.split(), versions)
        self.assertEqual(work.db.value('select count(*) from schema_migrations'), '0')


class UnusedOptions(Case):
    def test_an_option_that_a_command_ignores_is_a_usage_error_that_names_both(self):
        work = self.workdir()
        for command, option in ((('pbx-calls', 'show', CALL, '--since', '5d'), '--since'),
                                (('pbx-calls', '--limit=5', 'show', CALL), '--limit'),
                                (('pbx-calls', 'import', '--json', 'x'), '--json'),
                                *(((*way, option, *value), option)
                                  for way in (('pbx-calls', 'show', CALL), ('pbx-calls', 'import', 'x'))
                                  for option, *value in (('--direction', 'inbound'), ('--extension', '1001'), ('--recorded',),
                                                         ('--min-duration', '5'), ('--unrecorded',), ('--number', '5'), ('--columns', 'start'))),
                                (('pbx-archive', '--min-age', '1m', 'audit'), '--min-age'),
                                (('pbx-archive', 'audit', '-n'), '-n'),
                                (('pbx-archive', 'init', '--json'), '--json'),
                                (('pbx-migrate', 'status', '--lock-timeout', '5'), '--lock-timeout'),
                                (('pbx-record', 'pause', CALL, '--json'), '--json'),
                                (('pbx-provision', 'org', 'list', '-n'), '-n'),
                                (('pbx-provision', '--dry-run', 'user', 'show', '1001', '--org', 'acme'), '--dry-run'),
                                (('pbx-provision', 'recording', 'show', '-n'), '-n'),
                                (('pbx-provision', 'export', '--json'), '--json'),
                                (('pbx-provision', 'export', '-n'), '-n'),
                                (('pbx-provision', '--json', 'queue', 'remove', '5001', '--org', 'acme'), '--json'),
                                (('pbx-provision', 'queue', 'join', '5001', '1001', '--org', 'acme', '--json'), '--json'),
                                (('pbx-provision', 'org', 'suspend', 'acme', '--json'), '--json'),
                                (('pbx-provision', 'recording', 'off', '--org', 'acme', '--json'), '--json'),
                                (('pbx-stitch', '--since', '3d', CALL), '--since'),
                                (('pbx-recording-fetch', CALL, '--leg', '1', '--overlap', 'trim'), '--overlap')):
            with self.subTest(command):
                result = self.status(work.run(*command), 64)
                words = ' '.join(word for word in command if not word.startswith('-'))
                self.says(result, f'does not use {option}')
                self.assertTrue(command[0] != 'pbx-provision' or words.startswith(result.err.split(': ')[1].partition(' does')[0]), result)
                self.hints(result)

    def test_the_environment_and_pbx_conf_may_set_what_one_command_ignores(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        (work.path / 'pbx.conf').write_text('[pbx-stitch]\nsince = "3d"\n', encoding='utf-8')
        self.status(work.run('pbx-stitch', CALL, env={'PBX_CONFIG': str(work.path / 'pbx.conf')}), 0)


class Outputs(Case):
    def setUp(self):
        self.w = self.workdir(remote=None)
        self.w.call(CALL, [('a.wav', tone(440, 1.0))])

    def test_the_name_of_the_file_implies_the_format(self):
        for ending, kind in (('mp3', 'MPEG'), ('MP3', 'MPEG'), ('flac', 'FLAC'), ('opus', 'Ogg'), ('ogg', 'Ogg'), ('wav', 'RIFF'),
                             ('audio', 'RIFF')):
            with self.subTest(ending):
                out = self.w.path / f'call.{ending}'
                self.status(self.w.run('pbx-recording-fetch', CALL, '-o', str(out)), 0)
                seen = subprocess.run(['file', '-b', str(out)], stdout=subprocess.PIPE, check=True, text=True).stdout
                self.assertIn(kind, seen)

    def test_a_format_that_contradicts_the_name_is_a_usage_error(self):
        for name, word in (('call.mp3', 'flac'), ('call.wav', 'mp3'), ('call.flac', 'wav')):
            result = self.status(self.w.run('pbx-recording-fetch', CALL, '-o', str(self.w.path / name), '--format', word), 64)
            self.hints(result)
            self.assertFalse((self.w.path / name).exists())
        self.status(self.w.run('pbx-recording-fetch', CALL, '-o', str(self.w.path / 'a.ogg'), '--format', 'opus'), 0)

    def test_a_place_that_is_empty_is_a_usage_error(self):
        for options in (('-o', ''), ('--output', ''), ('--to', ''), ('-D', ''), ('--file', '')):
            with self.subTest(options):
                call = () if options[0] == '--file' else (CALL,)
                result = self.status(self.w.run('pbx-recording-fetch', *call, *options), 64)
                name = {'-o': '--output', '-D': '--dump-header'}.get(options[0], options[0])
                self.says(result, f'{name} is empty')
                self.hints(result)
                self.assertEqual(result.out, b'')

    def test_headers_can_go_to_stdout(self):
        out = self.w.path / 'call.wav'
        result = self.status(self.w.run('pbx-recording-fetch', CALL, '-o', str(out), '-D', '-'), 0)
        self.assertIn('X-Recording-Source: leg-local\n', result.text)
        self.assertFalse((self.w.path / '-').exists())
        both = self.status(self.w.run('pbx-recording-fetch', CALL, '-D', '-'), 0)
        headers, _, body = both.out.partition(b'\n\n')
        self.assertIn(b'X-Recording-Legs: 1', headers)
        self.assertEqual(body, out.read_bytes())


class Absence(Case):
    """Why pbx-recording-fetch has nothing to serve: in words, and with --json"""

    def setUp(self):
        self.w = self.workdir()

    def absent(self, call=CALL, *arguments):
        result = self.status(self.w.run('pbx-recording-fetch', '--json', *arguments, call), 66)
        document = json.loads(result.out)
        self.assertEqual((document['schema'], document['call'], document['exit']), (1, call, 66))
        self.assertIn(document['message'], result.err)
        return document['absence'], document['message']

    def answered(self, linkedid=CALL, recordingfile='', **columns):
        columns = {'dcontext': 'org_acme__internal', 'dst': '1002', 'channel': 'PJSIP/org_acme_1001-1',
                   'dstchannel': 'PJSIP/org_acme_1002-2', 'disposition': 'ANSWERED', 'billsec': 9, **columns}
        self.w.cdr(linkedid, recordingfile, **columns)

    def test_a_call_that_does_not_exist(self):
        self.assertEqual(self.absent()[0], 'no-such-call')

    def test_a_row_of_another_account_shows_nothing_of_a_call_whose_linkedid_both_have(self):
        self.answered(CALL)
        self.w.cdr(CALL, '', OTHER_ACCOUNT, uniqueid='1776500009.9', disposition='ANSWERED')
        row = self.w.db.value("select id from asterisk_cdr where uniqueid = '1776500009.9'")
        nothing = self.status(self.w.run('pbx-recording-fetch', '--account', ACCOUNT, '1.77'), 66).err
        for name in ('1776500009.9', str(row)):
            result = self.status(self.w.run('pbx-recording-fetch', '--account', ACCOUNT, name), 66)
            self.assertEqual(result.err, nothing.replace('1.77', name))
            self.status(self.w.run('pbx-calls', '--account', ACCOUNT, 'show', name), 66)
            self.assertNotEqual(self.w.run('pbx-recording-fetch', name).err, nothing.replace('1.77', name))

    def test_a_leg_that_does_not_exist(self):
        self.w.leg('a.wav', pcm(ramp(0.1)))
        self.answered(recordingfile='a.wav')
        state, message = self.absent(CALL, '--leg', '2')
        self.assertEqual(state, 'no-such-leg')
        self.assertIn('has no leg 2', message)
        for tenant in ((), ('--account', OTHER_ACCOUNT)):
            result = self.status(self.w.run('pbx-recording-fetch', '--json', *tenant, '--file', 'b.wav'), 66)
            document = json.loads(result.out)
            self.assertEqual((document['call'], document['absence']), ('b.wav', 'no-such-leg'))

    def test_a_leg_without_rows_and_without_audio(self):
        self.w.leg('a.wav', empty())
        result = self.status(self.w.run('pbx-recording-fetch', '--json', '--file', 'a.wav'), 66)
        self.assertEqual(json.loads(result.out)['absence'], 'empty')

    def test_a_call_that_nobody_answered(self):
        self.answered(disposition='NO ANSWER', billsec=0)
        state, message = self.absent()
        self.assertEqual(state, 'unanswered')
        self.assertIn('was not answered', message)

    def test_a_call_that_policy_does_not_record(self):
        organization(self.w, recording_enabled=False)
        self.w.db.sql(f"insert into users (org_id, username, extension, status) values ('{ACCOUNT}', 'b', '1002', 'active')")
        self.answered()
        state, message = self.absent()
        self.assertEqual(state, 'policy')
        self.assertIn('switched off', message)

    def test_a_call_that_should_have_a_recording_and_has_none(self):
        organization(self.w)
        self.w.db.sql(f"insert into users (org_id, username, extension, status) values ('{ACCOUNT}', 'b', '1002', 'active')")
        self.answered()
        self.assertEqual(self.absent()[0], 'unrecorded')

    def test_a_caller_who_declined(self):
        self.answered(recording_consent='declined')
        state, message = self.absent()
        self.assertEqual(state, 'declined')
        self.assertIn('consent', message)

    def test_a_recording_that_was_paused_throughout(self):
        for legs in (('a.wav',), ('a.wav', 'b.wav')):
            with self.subTest(legs):
                self.w.db.sql('delete from asterisk_cdr')
                for name in legs:
                    self.w.leg(name, empty())
                    self.answered(recordingfile=name, recording_paused='0-9')
                state, message = self.absent()
                self.assertEqual(state, 'paused')
                self.assertIn('was paused', message)

    def test_a_recording_without_audio(self):
        self.w.leg('a.wav', empty())
        self.answered(recordingfile='a.wav')
        self.assertEqual(self.absent()[0], 'empty')

    def test_a_recording_that_is_missing(self):
        for legs in (('a.wav',), ('a.wav', 'b.wav')):
            with self.subTest(legs):
                self.w.db.sql('delete from asterisk_cdr')
                for name in legs:
                    self.answered(recordingfile=name, ago=2 * 86400)
                state, message = self.absent()
                self.assertEqual(state, 'missing')
                self.assertIn('archive', message)

    def test_another_tenants_call_does_not_exist_whatever_became_of_it(self):
        calls = {'1.1': {}, '1.2': {'disposition': 'NO ANSWER'}, '1.3': {'recording_consent': 'declined'},
                 '1.4': {'recordingfile': 'gone.wav'}}
        for linkedid, columns in calls.items():
            self.answered(linkedid, **columns)
        seen = set()
        for linkedid in (*calls, '9.9'):
            result = self.w.run('pbx-recording-fetch', '--json', '--account', OTHER_ACCOUNT, linkedid)
            self.status(result, 66)
            seen.add((result.text + result.err).replace(linkedid, 'CALL'))
        self.assertEqual(len(seen), 1, seen)


class EveryTier(Case):
    """What is served says the same whichever tier serves it."""

    SOURCES = ('stitched-ondemand', 'stitched-local', 'stitched-remote')

    def fetched(self, work, source):
        """Status, headers and messages, with the tier's own name left out."""
        result = work.run('pbx-recording-fetch', '-i', CALL)
        headers = result.out.partition(b'\n\n')[0].decode()
        self.assertIn(f'X-Recording-Source: {source}', headers, str(result))
        return result.status, headers.replace(source, 'TIER'), [line for line in result.err.splitlines() if 'in the recording' in line]

    def all_tiers(self, work):
        seen = [self.fetched(work, 'stitched-ondemand'), self.fetched(work, 'stitched-local')]
        self.status(work.run('pbx-archive', '--min-age', '0'), 0)
        work.stitched_file(CALL).unlink()
        seen.append(self.fetched(work, 'stitched-remote'))
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(seen[0], seen[2])
        return seen[0]

    def test_an_unreadable_leg(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', b'nonsense' * 100), ('c.wav', pcm(ramp(0.1, 2)))], ago=7200)
        status, headers, words = self.all_tiers(work)
        self.assertEqual((status, len(words)), (65, 1))
        self.assertIn('X-Recording-Legs: 2', headers)
        self.assertIn('X-Recording-Missing: 1', headers)
        self.assertIn('leg b.wav is unreadable', words[0])

    def test_a_missing_leg(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', None), ('c.wav', pcm(ramp(0.1, 2)))], ago=7200)
        status, headers, words = self.all_tiers(work)
        self.assertEqual((status, len(words)), (0, 1))
        self.assertIn('X-Recording-Missing: 1', headers)
        self.assertIn('leg b.wav is missing', words[0])


class TheRest(Case):
    def test_a_mistyped_remote_is_noticed_with_nothing_to_do(self):
        work = self.workdir(remote='local')
        for arguments in ((), ('-n',)):
            result = self.status(work.run('pbx-archive', *arguments, env={'PBX_REMOTE': str(work.path / 'mistyped')}), 69)
            self.hints(result)
        self.assertFalse((work.path / 'mistyped').exists())

    def test_show_prints_calls_of_several_accounts_in_the_order_in_which_they_began(self):
        work = self.workdir(remote=None)
        for account, ago in ((OTHER_ACCOUNT, 100), (ACCOUNT, 200), (NOBODY, 150)):
            work.cdr(CALL, 'a.wav', account, ago=ago)
        calls = json.loads(work.run('pbx-calls', 'show', CALL, '--json').out)
        self.assertEqual([call['accountcode'] for call in calls], [ACCOUNT, NOBODY, OTHER_ACCOUNT])


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-recording-fetch', 'pbx-migrate')
