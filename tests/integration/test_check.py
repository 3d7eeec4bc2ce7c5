#!/usr/bin/env python3
"""pbx-check finds what is wrong: each thing is made wrong for real, and nothing else may be reported. tests/asterisk/test_check.py
has the findings about Asterisk; here none runs, which is a failure of its own."""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import unittest

from archiving import CALL
from sound import pcm, ramp
from workdir import MARKER, SANITIZED, SLOW, SOURCE, Case, as_nobody, main, quoted

NOBODY = 65534
PROBE = '.pbx-check.probe'
AREAS = ('configuration', 'keys', 'database', 'clocks', 'spool', 'rclone', 'remote', 'asterisk', 'cron', 'backlog', 'nodes')
STATES = {'ok': 0, 'warning': 1, 'failure': 2}
CRONTAB = (SOURCE / 'crontab').read_text(encoding='utf-8').replace(' asterisk command', ' nobody command')


# The crontab was changed a day ago.
OLD_CRONTAB = '''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>
static int look(const char* path, struct stat* status, const char* name) {
    int (*real)(const char*, struct stat*) = dlsym(RTLD_NEXT, name);
    int result = real(path, status);
    if (result == 0 && strstr(path, "/pbx-recording-tools"))
        status->st_ctime -= 86400;
    return result;
}
int stat(const char* path, struct stat* status) { return look(path, status, "stat"); }
int stat64(const char* path, struct stat64* status) { return look(path, (struct stat*)status, "stat64"); }
'''


class Report:
    """What pbx-check found."""

    def __init__(self, result):
        self.result = result
        self.document = json.loads(result.out)
        self.findings = self.document['findings']

    def bad(self, *areas):
        """[(state, area, what)] of what is not ok, of these areas, or of all but Asterisk's."""
        wanted = areas or [area for area in AREAS if area != 'asterisk']
        return [(each['state'], each['area'], each['what']) for each in self.findings
                if each['state'] != 'ok' and each['area'] in wanted]

    def of(self, area):
        return [each for each in self.findings if each['area'] == area]


@unittest.skipIf(os.geteuid() != 0, 'only root can make files of several users')
class Checking(Case):
    """A PBX in which all is well, but for Asterisk."""

    def pbx(self, **how):
        work = self.workdir(**how)
        work.cron = work.path / 'pbx-recording-tools'
        work.cron.write_text(CRONTAB, encoding='utf-8')
        work.asterisk_folder()
        for place in (work.path, work.spool, work.rclone_conf):
            os.chown(place, NOBODY, NOBODY)
        if work.remote and work.remote.folder:
            for place in (work.remote.folder, *work.remote.folder.rglob('*')):
                os.chown(place, NOBODY, NOBODY)
        work.env['PBX_MIGRATIONS'] = str(SOURCE / 'migrations')
        work.env['TMPDIR'] = '/tmp'
        if work.db:
            self.runs(work)
        self.start_cron(work)
        return work

    def runs(self, work):
        for tool in ('pbx-stitch', 'pbx-archive') if work.remote else ('pbx-stitch',):
            self.status(work.run(tool), 0)
        self.status(work.run('pbx-calls', 'import', '--missing-ok', work.path / 'none.csv'), 0)

    def start_cron(self, work):
        """A process with the name of cron's daemon."""
        daemon = work.path / 'cron'
        shutil.copy(shutil.which('sleep'), daemon)
        work.start('/usr/bin/env', daemon, '3600')

    def leg(self, work, name, age=600):
        path = work.leg(name, age=age)
        os.chown(path, NOBODY, NOBODY)
        return path

    def arguments(self, work):
        return ('--cron', work.cron, '--asterisk', work.path / 'no-asterisk')

    def check(self, work, *arguments, **how):
        result = work.run('pbx-check', '--json', *self.arguments(work), *arguments, **how)
        self.assertEqual(result.err, '', f'\n{result}')
        report = Report(result)
        worst = max((STATES[each['state']] for each in report.findings), default=0)
        self.assertEqual(result.status, worst, f'\n{result}')
        return report

    def finds(self, report, state, area, what, hint='.'):
        """This is the only thing that is not ok."""
        self.assertEqual([each[:2] for each in report.bad()], [(state, area)], report.bad())
        found, = [each for each in report.findings if each['state'] != 'ok' and each['area'] == area]
        self.assertRegex(found['what'], what)
        self.assertRegex(found['hint'], hint)
        self.assertTrue(found['hint'], 'no hint')

    def finds_nothing(self, report):
        self.assertEqual(report.bad(), [])


class AllIsWell(Checking):
    def test_each_area_is_ok_and_nothing_is_changed(self):
        for remote in ('gcs', 'local'):
            with self.subTest(remote):
                work = self.pbx(remote=remote)
                self.leg(work, '20260418-144004-100-200.wav')
                before = work.snapshot(work.spool, work.path / 'etc'), work.remote.files(), work.db.sql('select * from nodes')
                report = self.check(work)
                self.finds_nothing(report)
                self.assertEqual(list(dict.fromkeys(each['area'] for each in report.findings)), list(AREAS))
                self.assertEqual((work.snapshot(work.spool, work.path / 'etc'), work.remote.files(), work.db.sql('select * from nodes')),
                                 before)

    def test_without_a_remote_only_that_is_reported(self):
        work = self.pbx(remote=None)
        self.leg(work, '20260418-144004-100-200.wav', age=90 * 3600)
        self.finds(self.check(work), 'warning', 'remote', 'no remote is set')

    def test_a_second_check_at_the_same_time_does_no_harm(self):
        work = self.pbx(remote='local')
        runs = [work.start('pbx-check', '--json', *self.arguments(work)) for _ in range(4)]
        for run in runs:
            self.finds_nothing(Report(work.finish(run)))

    def test_any_user_may_look(self):
        work = self.pbx()
        report = self.check(work, before=as_nobody())
        self.finds_nothing(report)


class Forms(Checking):
    def test_the_plain_form_has_a_summary_and_one_line_per_finding(self):
        work = self.pbx()
        result = work.run('pbx-check', *self.arguments(work))
        self.assertEqual((result.status, result.err), (2, ''))
        summary, *lines = result.text.splitlines()
        self.assertRegex(summary, r'^FAILURE: 1 failure \(asterisk\), \d+ ok$')
        for line in lines:
            state, area, what, hint = line.split('\t')
            self.assertIn(state, STATES)
            self.assertIn(area, AREAS)
            self.assertTrue(what)
            self.assertEqual(hint == '', state == 'ok', line)

    def test_quiet_prints_only_what_is_not_ok(self):
        work = self.pbx()
        result = work.run('pbx-check', '-q', *self.arguments(work))
        self.assertRegex(result.text, r'\Afailure\tasterisk\t[^\n]*\n\Z')
        self.assertEqual(result.err, '')

    def test_on_a_terminal_what_to_do_has_a_line_of_its_own(self):
        work = self.pbx()
        shown = work.run_on_terminal('pbx-check', *self.arguments(work)).text
        self.assertRegex(shown, r'(?m)^failure  asterisk +cannot run .*\r?\n(?: {24}\S.*\r?\n)* {9}\S')
        self.assertRegex(shown, r'(?m)^ok       keys +passwords')

    def test_a_terminal_of_80_columns_is_enough(self):
        work = self.pbx()
        work.rclone_conf.chmod(0o644)
        self.leg(work, '20260418-144004-100-200.wav', age=90 * 3600)
        findings = self.check(work).findings
        shown = work.run_on_terminal('pbx-check', *self.arguments(work), columns=80).text.replace('\r', '')
        for line in shown.splitlines():
            self.assertTrue(len(line) <= 80 or ' ' not in line.strip(), line)
        words = ' '.join(shown.split())
        for each in findings:
            self.assertIn(' '.join(each['hint'].split()), words)

    def test_the_page_about_the_document_describes_every_field(self):
        work = self.pbx()
        document = self.check(work).document
        text = (SOURCE / 'docs' / 'check.md').read_text(encoding='utf-8')
        tables = [re.findall(r'(?m)^\| `(\w+)` \|', part) for part in text.split('\nEach of ')]
        self.assertEqual((list(document), list(document['findings'][0])), (tables[0], tables[1][:4]))
        self.assertEqual(document['schema'], 1)
        for area in AREAS:
            self.assertIn(f'`{area}`', text)

    def test_metrics_have_each_areas_state_beside_the_numbers_of_other_tools(self):
        work = self.pbx()
        file = work.path / 'pbx.prom'
        self.status(work.run('pbx-stitch', '--metrics', file), 0)
        self.leg(work, '20260418-144004-100-200.wav', age=4 * 3600)
        self.check(work, '--metrics', file)
        found = dict(line.rsplit(' ', 1) for line in file.read_text().splitlines() if not line.startswith('#'))
        self.assertEqual({area: found[f'pbx_check_state{{area="{area}"}}'] for area in AREAS},
                         {**dict.fromkeys(AREAS, '0'), 'backlog': '1', 'asterisk': '2'})
        self.assertEqual(found['pbx_check_last_run_exit_status'], '2')
        self.assertEqual(found['pbx_check_legs_waiting'], '1')
        self.assertGreater(float(found['pbx_check_spool_free_bytes']), 0)
        self.assertLess(time.time() - float(found['pbx_check_tool_last_run_timestamp_seconds{tool="pbx-archive"}']), 600)
        self.assertEqual(found['pbx_stitch_runs_total'], '1')
        # A second run replaces the metrics of the first one.
        self.check(work, '--metrics', file)
        self.assertEqual(file.read_text().count('# TYPE pbx_check_state gauge'), 1)

    def test_metrics_that_cannot_be_written_hide_no_finding(self):
        work = self.pbx()
        result = work.run('pbx-check', *self.arguments(work), '--metrics', work.path / 'none' / 'pbx.prom')
        self.assertEqual(result.status, 2)
        self.says(result, 'none', 'hint: give --metrics')

    def test_a_result_that_cannot_be_printed_is_unknown(self):
        work = self.pbx()
        with open('/dev/full', 'wb') as full:
            run = work.start('pbx-check', *self.arguments(work), stdout=full)
            self.assertEqual(work.finish(run).status, 3)

    def test_a_wrong_command_line_is_a_usage_error(self):
        work = self.workdir(remote=None, database=False)
        self.status(work.run('pbx-check', '--timeout', 'never'), 64)


class Configuration(Checking):
    def configured(self, text):
        work = self.pbx()
        (work.path / 'settings').mkdir()  # of root, as /etc/pbx
        work.conf = work.path / 'settings' / 'pbx.conf'
        work.conf.write_text(text, encoding='utf-8')
        work.env['PBX_CONFIG'] = str(work.conf)
        return work

    def test_an_error_in_another_tools_section_is_found_with_file_and_line(self):
        work = self.configured('# settings\n[pbx-archive]\nmin-aje = 5m\n')
        self.finds(self.check(work), 'failure', 'configuration', r'pbx-archive: .*pbx\.conf:3: unknown setting "min-aje"',
                   'did you mean min-age')

    def test_a_value_that_does_not_fit_is_found_with_file_and_line(self):
        work = self.configured('[pbx-archive]\n\nmin-age = "5 parsecs"\n')
        self.finds(self.check(work), 'failure', 'configuration', r'pbx-archive: .*pbx\.conf:3: .*5 parsecs')

    def test_a_file_that_pbx_check_cannot_use_is_a_failure_and_nothing_else_is_checked(self):
        for text, what in (('no-such-key = 1\n', r'pbx\.conf:1: unknown setting "no-such-key"'),
                           ('\nreserv = 5%\n', r'pbx\.conf:2: unknown setting "reserv"'),
                           ('\n\ntransfers = 0\n', r'pbx\.conf:3: .*transfers'),
                           ('[pbx-stich]\njobs = 2\n', r'pbx\.conf:1: unknown section \[pbx-stich\]'),
                           ('stitch-src = "@/monitor/legs"\n', 'lies inside the spool')):
            with self.subTest(text):
                work = self.configured('')
                work.conf.write_text(text.replace('@', str(work.path)), encoding='utf-8')
                report = self.check(work)
                self.assertEqual([each['area'] for each in report.findings], ['configuration'] * 2)
                self.assertEqual(report.result.status, 2)
                self.assertRegex(report.findings[0]['what'], what)

    def test_a_variable_that_cannot_be_used_is_a_failure_whatever_the_command_line_has(self):
        work = self.pbx()
        for variable, value in (('PBX_RESERVE', '99%'), ('PBX_TRANSFERS', 'many'), ('PBX_NODE', 'A B')):
            with self.subTest(variable):
                report = self.check(work, env={variable: value})
                self.assertEqual([each['area'] for each in report.findings], ['configuration'] * 2)
                self.assertEqual(report.result.status, 2)
                self.assertRegex(report.findings[0]['what'], f'^{variable}: --')
                self.assertEqual(report.findings[0]['hint'], f'correct {variable}')
                result = work.run('pbx-check', env={variable: value})
                self.assertEqual(result.status, 2)
                self.assertIn(variable, result.text)
        self.status(work.run('pbx-check', '--reserve', '99%', env={'PBX_RESERVE': '98%'}), 64)

    def test_a_file_that_another_user_may_write_is_not_read(self):
        work = self.configured('database = "host=/tmp/attacker"\n')
        work.conf.chmod(0o666)
        report = self.check(work)
        self.assertRegex(report.findings[0]['what'], 'is not used: everybody can write it')
        self.assertEqual(report.findings[0]['hint'], f'chmod o-w {work.conf}')
        work.conf.chmod(0o644)
        os.chown(work.conf, 12345, 12345)
        self.assertRegex(self.check(work).findings[0]['what'], 'is not used: it belongs to 12345')

    def test_a_file_that_the_hourly_runs_may_not_read_is_found(self):
        work = self.configured('timeout = 1m\n')
        work.conf.chmod(0o600)
        self.finds(self.check(work), 'failure', 'configuration', r'cannot open .*pbx\.conf: Permission denied')

    def test_a_password_that_everybody_can_read_is_found(self):
        work = self.configured('')
        work.conf.write_text(f'database = "{work.db.conninfo} password=secret"\n', encoding='utf-8')
        work.conf.chmod(0o644)
        self.finds(self.check(work), 'warning', 'keys', 'everybody can read the passwords in', 'chmod o-r')

    def test_a_certificate_that_expires_is_found(self):
        work = self.pbx()
        for days, state in ((1, 'warning'), (400, None)):
            certificate = work.path / f'{days}.crt'
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=pbx', '-days', str(days), '-keyout',
                            work.path / 'key', '-out', certificate], stderr=subprocess.DEVNULL, check=True)
            report = self.check(work, env={'PGSSLROOTCERT': certificate})
            if state:
                self.finds(report, state, 'keys', f'the certificate .*{days}.crt expires at 20')
            else:
                self.finds_nothing(report)

    def test_a_key_that_the_hourly_runs_may_not_read_is_found(self):
        work = self.pbx()
        key = work.path / 'account.json'
        key.write_text('{}', encoding='utf-8')
        key.chmod(0o600)
        remote = work.remote.path.partition(':')[0]
        work.rclone_conf.write_text(work.rclone_conf.read_text().replace(f'[{remote}]\n', f'[{remote}]\nkey_file = {key}\n'))
        self.finds(self.check(work), 'failure', 'keys', 'the key .*account.json cannot be read by nobody')


    def test_keys_of_links_that_their_user_cannot_use_are_found(self):
        work = self.pbx()
        key = work.path / 'link.key'
        good = '1 ' + '0123456789abcdef' * 4 + '\n'
        for text, mode, owner, what, hint in ((good, 0o600, NOBODY, None, None),
                                              (good, 0o640, NOBODY, 'other users can read it', 'chmod 0600'),
                                              (good, 0o600, 0, 'cannot open .*link.key', '.'),
                                              ('1 short\n', 0o600, NOBODY, 'link.key:1: the secret is not hex', 'openssl rand'),
                                              (None, 0, 0, 'there is no file of link keys', 'openssl rand')):
            with self.subTest(what):
                key.unlink(missing_ok=True)
                if text:
                    key.write_text(text, encoding='utf-8')
                    key.chmod(mode)
                    os.chown(key, owner, owner)
                report = self.check(work, env={'PBX_LINK_KEY': key})
                if what:
                    self.finds(report, 'failure', 'keys', f'links can be neither signed nor verified by nobody: .*{what}', hint)
                    self.assertNotIn('0123456789', report.result.text)
                else:
                    self.finds_nothing(report)


class Database(Checking):
    def test_a_database_that_refuses_connections_is_one_failure(self):
        work = self.pbx()
        report = self.check(work, '--database', f'host={work.path} dbname=x user=y password=s3cret')
        self.assertEqual([each[:2] for each in report.bad() if each[0] == 'failure'], [('failure', 'database')])
        self.assertNotIn('s3cret', report.result.text)
        unquoted = self.check(work, '--database', f'host={work.path} password=long s3cret word')
        self.assertIn('missing "=" after "..." in connection', str(unquoted.bad('database')))
        self.assertNotIn('s3cret', unquoted.result.text)
        # Each area that needs the database reports that it was not checked.
        for area in ('clocks', 'nodes', 'cron', 'backlog'):
            self.assertRegex(report.bad(area)[0][2], 'not checked: cannot connect')

    def test_a_database_one_migration_behind_is_found(self):
        work = self.pbx()
        newest = work.db.value('select max(version) from schema_migrations')
        kept = work.db.sql('select * from schema_migrations order by version')[-1]
        self.addCleanup(work.db.sql, f"insert into schema_migrations values ({', '.join(map(quoted, kept))}) on conflict do nothing")
        work.db.sql(f"delete from schema_migrations where version = '{newest}'")
        self.finds(self.check(work), 'failure', 'database', f'1 migration pending, the first is {newest}', 'pbx-migrate up')

    def test_a_schema_that_is_not_what_the_migrations_make_is_found(self):
        work = self.pbx()
        before = work.db.sql('select nspname from pg_namespace order by 1')
        work.db.sql('drop index asterisk_cdr_linkedid')
        self.finds(self.check(work), 'failure', 'database', '^the schema has 1 difference, the first is: an index is missing',
                   '^pbx-migrate check$')
        work.db.sql('alter table asterisk_cdr alter column billsec type text; drop table queues cascade')
        found = [each for each in self.check(work).of('database') if each['hint'] == 'pbx-migrate check']
        result = work.run('pbx-migrate', 'check')
        count = len(re.findall('(?m)^-- ', self.status(result, 1).text))
        self.assertRegex(found[0]['what'], f'^the schema has {count} differences, the first is: ')
        self.assertGreater(count, 3)
        self.assertEqual(work.db.sql('select nspname from pg_namespace order by 1'), before)

    def test_a_migration_that_changed_after_it_was_applied_is_found(self):
        work = self.pbx()
        folder = work.path / 'migrations'
        shutil.copytree(SOURCE / 'migrations', folder)
        newest = sorted(folder.iterdir())[-1]
        newest.write_text(newest.read_text() + '-- more\n', encoding='utf-8')
        self.finds(self.check(work, '--migrations', folder), 'failure', 'database', f'{newest.name} changed after it was applied')

    def test_missing_rights_are_found_and_the_hint_grants_them(self):
        work = self.pbx()
        user = f'limited_{os.getpid()}'
        work.db.sql(f'create role {user} login; grant select on all tables in schema public to {user}; '
                    'revoke all on sequence asterisk_cdr_id_seq from public')
        conninfo = work.db.conninfo.replace('user=postgres', f'user={user}')
        report = self.check(work, '--database', conninfo)
        found, = [each for each in report.of('database') if each['state'] == 'failure']
        self.assertIn('lacks rights', found['what'])
        statements = re.fullmatch('psql -c "(.*)"', found['hint']).group(1)
        self.assertIn('grant usage on sequence asterisk_cdr_id_seq to', statements)
        work.db.sql(statements)
        self.assertEqual(self.check(work, '--database', conninfo).bad('database'), [])
        work.db.sql(f'drop owned by {user}; drop role {user}')

    def test_a_read_only_database_is_found(self):
        work = self.pbx()
        work.db.sql(f'alter database {work.db.name} set default_transaction_read_only = on')
        self.addCleanup(work.db.sql, f'set default_transaction_read_only = off; alter database {work.db.name} reset default_transaction_read_only')
        self.assertIn(('failure', 'database', 'the database is read-only'), self.check(work).bad())

    def test_a_database_that_accepts_and_never_answers_costs_only_its_areas(self):
        work = self.pbx()
        folder = work.path / 'silent'
        folder.mkdir()
        folder.chmod(0o755)
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
            server.bind(str(folder / '.s.PGSQL.5432'))
            (folder / '.s.PGSQL.5432').chmod(0o777)
            server.listen(64)
            report = self.check(work, '--database', f'host={folder} dbname=x user=y', '--timeout', str(12 * SLOW))
        for area in ('configuration', 'keys', 'spool', 'rclone', 'remote'):
            self.assertEqual(report.bad(area), [])
        self.assertEqual([each[:2] for each in report.bad('database')], [('failure', 'database')])


class Clocks(Checking):
    def calls(self, work, shift, count=4):
        """CDR rows whose recordings have the time of the call, and whose calldate is off by `shift` seconds."""
        for number in range(count):
            ago = 1800 + 60 * number
            name = time.strftime('%Y%m%d-%H%M%S', time.gmtime(work.now - ago + 3))
            work.cdr(f'177650000{number}.1', f'{name}-100-{number}.wav', ago=ago - shift, duration=10)

    def test_rows_that_fit_the_names_are_ok(self):
        work = self.pbx()
        self.calls(work, 0)
        self.finds_nothing(self.check(work))

    def test_rows_in_another_time_zone_are_found(self):
        for shift, what in ((19800, '5 h 30 min ahead of'), (-18000, '5 h 0 min behind')):
            with self.subTest(shift):
                work = self.pbx()
                self.calls(work, shift)
                self.finds(self.check(work), 'failure', 'clocks', f'CDR times are about {what} the names', 'timezone=UTC')

    def test_a_wrong_clock_is_found_and_is_no_time_zone(self):
        work = self.pbx()
        self.calls(work, 432)
        self.finds(self.check(work), 'failure', 'clocks', 'about 7 min ahead of the names', 'set the clock')

    def test_one_row_that_does_not_fit_is_no_fault_of_a_clock(self):
        work = self.pbx()
        self.calls(work, 0)
        self.calls(work, 19800, count=1)
        self.finds_nothing(self.check(work))

    def test_a_database_server_with_another_time_is_found(self):
        for shift, state in ((3600, 'failure'), (-20, 'warning')):
            with self.subTest(shift):
                work = self.pbx()
                work.db.sql(f'''create schema shifted;
                    create function shifted.clock_timestamp() returns timestamptz language sql
                        as $$ select pg_catalog.clock_timestamp() + interval '{shift} s' $$;
                    alter database {work.db.name} set search_path = shifted, pg_catalog, public''')
                self.addCleanup(work.db.sql, f'alter database {work.db.name} reset search_path; drop schema shifted cascade')
                self.assertIn((state, 'clocks'), [each[:2] for each in self.check(work).bad()])


class Spool(Checking):
    def test_a_spool_that_does_not_exist_is_found_and_not_created(self):
        work = self.pbx()
        report = self.check(work, '--fix', '--spool', work.path / 'no-spool', '--stitched', work.stitched, '--stitch-src', work.stitch_src)
        self.assertRegex(report.bad('spool')[0][2], 'cannot open folder .*no-spool')
        self.assertFalse((work.path / 'no-spool').exists())

    def test_a_spool_that_everybody_can_write_is_found(self):
        work = self.pbx()
        work.spool.chmod(0o777)
        self.finds(self.check(work), 'failure', 'spool', 'everybody can write', 'chmod o-w')

    def test_a_spool_that_belongs_to_root_is_found(self):
        work = self.pbx()
        for place in (work.spool, *work.spool.rglob('*')):
            os.chown(place, 0, 0)
        self.assertIn(('warning', 'spool'), [each[:2] for each in self.check(work).bad('spool')])
        self.assertIn(('failure', 'cron'), [each[:2] for each in self.check(work).bad('cron')])

    def test_files_that_root_left_are_found_and_fixed(self):
        work = self.pbx()
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        for name in ('a.wav', 'b.wav'):
            os.chown(work.spool / name, NOBODY, NOBODY)
        self.status(work.run('pbx-stitch'), 0)
        left = (work.spool / '.pbx-archive.lock', work.stitched_file('1776500000.1'))
        for path in left:
            os.chown(path, 0, 0)
        self.finds(self.check(work), 'failure', 'spool', '2 files belonging to root', 'pbx-check --fix as root')
        # Without the rights, and without the option, nothing changes.
        self.assertEqual(left[0].stat().st_uid, 0)
        self.finds(self.check(work, '--fix', before=as_nobody()), 'failure', 'spool', '2 files belonging to root')
        report = self.check(work, '--fix')
        self.finds_nothing(report)
        self.assertIn('gave 2 files to nobody', str(report.of('spool')))
        self.assertEqual([path.stat().st_uid for path in left], [NOBODY] * 2)
        self.status(work.run('pbx-archive'), 0)

    def test_a_folder_that_root_left_is_found_and_fixed(self):
        work = self.pbx()
        os.chown(work.stitched, 0, 0)
        self.assertIn(('failure', 'spool'), [each[:2] for each in self.check(work).bad('spool')])
        self.finds_nothing(self.check(work, '--fix'))
        self.assertEqual(work.stitched.stat().st_uid, NOBODY)

    def test_a_folder_that_has_anything_else_is_not_given_away(self):
        for mode, name in ((0o755, 'passwd'), (0o777, None)):
            with self.subTest(name):
                work = self.pbx()
                work.stitched.chmod(mode)
                if name:
                    (work.stitched / name).write_text('root\n', encoding='utf-8')
                os.chown(work.stitched, 0, 0)
                report = self.check(work, '--fix')
                self.assertIn('stitched: the hourly runs', str(report.bad('spool')))
                self.assertEqual(work.stitched.stat().st_uid, 0)

    def test_a_folder_is_not_created_behind_a_link(self):
        work = self.pbx()
        place = work.path / 'of-root'
        place.mkdir()
        (work.path / 'link').symlink_to(place)
        work.env['PBX_STITCH_SRC'] = str(work.path / 'link' / 'stitch-src')
        self.check(work, '--fix')
        self.assertEqual(list(place.iterdir()), [])

    def test_files_of_another_user_are_found_and_stay(self):
        work = self.pbx()
        planted = work.spool / '.facts'
        planted.write_text('{}\n', encoding='utf-8')
        os.chown(planted, 12345, 12345)
        self.finds(self.check(work, '--fix'), 'failure', 'spool', '1 file of another user than nobody', 'find out who made')
        self.assertEqual(planted.stat().st_uid, 12345)

    def test_the_owner_of_the_spool_cannot_make_root_give_away_other_files(self):
        work = self.pbx()
        secret = work.path / 'secret'
        secret.write_text('s3cret', encoding='utf-8')
        secret.chmod(0o600)
        folder = work.path / 'of-root'
        folder.mkdir()
        (folder / 'inside.wav').write_text('s3cret', encoding='utf-8')
        os.link(secret, work.spool / '.pbx-hard.lock')
        (work.spool / '.pbx-soft.lock').symlink_to(secret)
        (work.spool / '.pbx-pipe.lock').mkdir()
        shutil.rmtree(work.stitched, ignore_errors=True)
        work.stitched.symlink_to(folder)
        report = self.check(work, '--fix')
        self.assertIn(('failure', 'spool'), [each[:2] for each in report.bad('spool')])
        for path in (secret, folder, folder / 'inside.wav'):
            self.assertEqual(path.stat().st_uid, 0, path)

    def test_a_folder_that_the_owner_of_the_spool_cannot_create_is_found_and_fixed(self):
        work = self.pbx()
        place = work.path / 'of-root'
        place.mkdir()
        work.env['PBX_STITCH_SRC'] = str(place / 'stitch-src')
        self.finds(self.check(work), 'warning', 'spool', 'stitch-src does not exist, and nobody may not create it', 'pbx-check --fix as root')
        self.finds_nothing(self.check(work, '--fix'))
        self.assertEqual((place / 'stitch-src').stat().st_uid, NOBODY)

    def test_legs_that_do_not_belong_to_the_owner_of_the_spool_are_found_and_stay(self):
        work = self.pbx()
        leg = work.leg('20260418-144004-100-200.wav')
        os.chown(leg, 12345, 12345)
        self.finds(self.check(work, '--fix'), 'warning', 'spool', '1 leg not belonging to nobody', 'chown')
        self.assertEqual(leg.stat().st_uid, 12345)

    def disk(self, work, *options):
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', ','.join(('size=4M', f'uid={NOBODY}', 'mode=755', *options)), 'tmpfs', work.spool],
                          stderr=subprocess.PIPE, check=False).returncode:
            self.skipTest('not permitted to mount a tmpfs')
        self.addCleanup(subprocess.run, ['umount', '-l', work.spool], check=False)

    def test_a_full_disk_is_found(self):
        work = self.pbx()
        self.disk(work)
        with contextlib.suppress(OSError), open(work.spool / 'filling', 'wb') as filling:
            os.chown(work.spool / 'filling', NOBODY, NOBODY)
            while True:
                filling.write(b'x' * 4096)
                filling.flush()
        self.assertEqual([each for each in self.check(work).bad('spool') if 'extended attributes' not in each[2]],
                         [('failure', 'spool', f'the disk of {work.spool} is full: 0 bytes of 4.0 MiB are free')])

    def test_a_disk_with_less_than_the_reserve_is_a_warning(self):
        work = self.pbx()
        self.disk(work)
        self.assertIn(('warning', 'spool', f'4.0 MiB of 4.0 MiB are free on the disk of {work.spool}, less than the reserve of 1.0 GiB'),
                      self.check(work, '--reserve', '1G').bad('spool'))

    def test_a_disk_without_room_for_files_is_found(self):
        work = self.pbx()
        self.disk(work, 'nr_inodes=300')
        for number in range(298):
            (work.spool / f'{number}').touch()
        self.assertRegex(str(self.check(work).bad('spool')), 'has room for only 1 more files|has room for only 0 more files')

    def test_a_disk_that_is_mounted_read_only_is_found(self):
        work = self.pbx()
        self.disk(work, 'ro')
        self.assertIn('is mounted read-only', str(self.check(work).bad('spool')))


class TheRemote(Checking):
    def probes(self, work):
        return {name for name in work.remote.files() if PROBE in name}

    def test_the_probe_is_written_read_back_and_deleted(self):
        work = self.pbx()
        work.cloud.log.clear()
        self.finds_nothing(self.check(work))
        for request in (r'^POST .*upload', r'^GET .*\.pbx-check\.probe', r'^DELETE .*\.pbx-check\.probe'):
            self.assertTrue(any(re.search(request, line) for line in work.cloud.log), (request, work.cloud.log))
        self.assertEqual(work.remote.files(), {})

    def test_an_account_that_may_not_delete_is_right_and_one_probe_stays(self):
        work = self.pbx()
        work.cloud.fault(match='^DELETE', status=403)
        for _ in range(3):
            self.finds_nothing(self.check(work))
        self.assertEqual(self.probes(work), {PROBE})

    def test_an_account_that_may_not_replace_either_is_right(self):
        work = self.pbx()
        work.cloud.fault(match='^DELETE', status=403)
        self.finds_nothing(self.check(work))
        # As Google answers: replacing an object needs the right to delete it, which is granted below stitched/.
        work.cloud.fault(match=r'^POST (?!.*stitched)', status=403)
        for _ in range(2):
            report = self.check(work)
            self.finds_nothing(report)
            self.assertIn('legs cannot be replaced', str(report.of('remote')))
        self.assertEqual(self.probes(work), {PROBE, f'stitched/{PROBE}'})
        # Now nothing can be written at all.
        work.cloud.fault(match='^POST', status=403)
        self.finds(self.check(work), 'failure', 'remote', 'cannot store .*403', 'grant')

    def test_a_probe_that_stays_is_no_leg_for_other_tools(self):
        work = self.pbx()
        work.call(CALL, [('a.wav', pcm(ramp(1))), ('b.wav', pcm(ramp(1, 2)))])
        for name in ('a.wav', 'b.wav'):
            os.chown(work.spool / name, NOBODY, NOBODY)
        self.runs(work)
        work.cloud.fault(match='^DELETE', status=403)
        self.finds_nothing(self.check(work))
        work.remote.put(f'stitched/{PROBE}', b'x')
        for command in (('audit', '--json'), ('verify', '--read', '100%', '--json')):
            result = work.run('pbx-archive', *command)
            self.assertEqual(result.status, 0, str(result))
            self.assertNotIn(PROBE, result.text)
        self.quiet(self.status(work.run('pbx-archive'), 0))

    def test_a_bucket_that_cannot_be_written_is_found(self):
        work = self.pbx()
        work.cloud.fault(match='^POST', status=403)
        self.finds(self.check(work), 'failure', 'remote', r'cannot store \.pbx-check\.probe.*403', 'grant the remote')
        self.assertEqual(work.remote.files(), {})

    def test_a_place_without_a_marker_is_found_and_nothing_is_stored(self):
        for remote in ('gcs', 'local'):
            with self.subTest(remote):
                work = self.pbx(remote=remote)
                work.remote.remove(MARKER)
                self.finds(self.check(work), 'failure', 'remote', 'is not an archive: it has no marker', 'pbx-archive init')
                self.assertEqual(work.remote.files(), {})

    def test_a_mistyped_path_is_found_and_not_created(self):
        work = self.pbx(remote='local')
        self.finds(self.check(work, '--remote', f'{work.path}/mistyped/recordings'), 'failure', 'remote', 'is not an archive')
        self.assertFalse((work.path / 'mistyped').exists())
        work = self.pbx()
        bucket, _, below = work.remote.path.partition(':')
        self.check(work, '--remote', f'{bucket}:mistyped/{below}')
        self.assertNotIn('mistyped', work.cloud.buckets)

    def test_another_archive_than_the_known_one_is_found_and_nothing_is_stored(self):
        work = self.pbx()
        work.remote.put(MARKER, b'{"id": "' + b'deadbeef' * 4 + b'"}')
        self.finds(self.check(work), 'failure', 'remote', 'is not the archive that is known here')
        self.assertEqual(work.remote.files(), {})

    def test_an_archive_that_damages_what_it_stores_is_found(self):
        for fault, what in (({'match': '^POST', 'corrupt_store': True}, 'corrupted|other bytes|MD5'),
                            ({'match': r'^GET .*alt=media.*probe|^GET .*probe.*alt=media', 'corrupt': True}, 'other bytes')):
            with self.subTest(what):
                work = self.pbx()
                work.cloud.fault(**fault)
                self.finds(self.check(work), 'failure', 'remote', what)

    def test_a_remote_that_does_not_answer_costs_only_its_area(self):
        work = self.pbx()
        work.cloud.fault(hang=True)
        report = self.check(work, '--timeout', str(6 * SLOW))
        work.cloud.clear()
        self.finds(report, 'failure', 'remote', 'no answer in time|no answer in')

    def test_another_program_in_place_of_rclone_is_found_and_stores_nothing(self):
        work = self.pbx()
        echo = work.path / 'echo'
        echo.write_text('#!/bin/sh\necho "$@"\n', encoding='utf-8')
        sleep = work.path / 'never'
        sleep.write_text('#!/bin/sh\nexec sleep 600\n', encoding='utf-8')
        for program in (echo, sleep):
            program.chmod(0o755)
        for program, what in (('/bin/true', 'is not rclone'), (echo, 'is not rclone'), (work.path / 'none', 'cannot run'),
                              (sleep, 'gives no answer')):
            with self.subTest(str(program)):
                report = self.check(work, f'--rclone={program}', '--timeout', str(8 * SLOW))
                self.assertEqual({each[1] for each in report.bad()}, {'rclone', 'remote'})
                self.assertRegex(report.bad('rclone')[0][2], what)
                self.assertEqual(work.remote.files(), {})


class Cron(Checking):
    def test_a_crontab_that_is_missing_is_found(self):
        work = self.pbx()
        work.cron.unlink()
        self.finds(self.check(work), 'failure', 'cron', 'nothing starts the hourly runs')

    def test_a_line_that_is_gone_or_commented_out_is_found(self):
        work = self.pbx()
        for text in ('SHELL=/bin/sh\n', CRONTAB.replace('\n0 * * * *', '\n#0 * * * *')):
            work.cron.write_text(text, encoding='utf-8')
            report = self.check(work)
            self.assertEqual([each[0] for each in report.bad()], ['warning', 'failure', 'failure'])
            self.assertIn('runs pbx-archive', report.bad()[-1][2])
        work.cron.write_text(CRONTAB.replace('; pbx-archive\n', '; pbx-archive verify\n'), encoding='utf-8')
        self.finds(self.check(work), 'failure', 'cron', 'runs pbx-archive')

    def test_a_crontab_that_cron_ignores_is_found(self):
        for make, what, hint in ((lambda work: work.cron.chmod(0o664), 'others than root can write it', 'chmod go-w'),
                                 (lambda work: os.chown(work.cron, NOBODY, NOBODY), 'does not belong to root', 'chown'),
                                 (lambda work: work.cron.write_text(CRONTAB + '# end'), 'does not end with a line break', 'echo')):
            with self.subTest(what):
                work = self.pbx()
                make(work)
                self.finds(self.check(work), 'failure', 'cron', f'cron ignores .*: .*{what}', hint)

    def test_times_at_which_the_runs_do_not_start_every_hour_are_found(self):
        work = self.pbx()
        for times, state, what in (('99 * * * *', 'failure', r'cron ignores .*: line \d+: "99" is not a valid minute'),
                                   ('0 0 31 2 *', 'warning', 'does not run pbx-calls import, pbx-stitch, pbx-archive every hour of every day'),
                                   ('0 0 1 1 *', 'warning', 'every hour of every day')):
            with self.subTest(times):
                work.cron.write_text(CRONTAB.replace('\n0 * * * *', f'\n{times}'), encoding='utf-8')
                report = self.check(work)
                self.assertRegex(str(report.bad('cron')), what)
                self.assertIn((state, 'cron'), [each[:2] for each in report.bad()])
                self.assertNotIn('starts the hourly runs', str(report.of('cron')))

    def test_a_name_with_a_dot_is_found(self):
        work = self.pbx()
        work.cron = work.cron.rename(work.path / 'pbx.cron')
        self.finds(self.check(work), 'failure', 'cron', 'its name has a character other', 'mv')

    def test_a_user_that_does_not_exist_or_does_not_own_the_spool_is_found(self):
        for user, what in (('no-such-user', 'there is no such user'), ('daemon', 'cron runs the tools as daemon, and the spool belongs to nobody')):
            with self.subTest(user):
                work = self.pbx()
                work.cron.write_text(CRONTAB.replace(' nobody command', f' {user} command'), encoding='utf-8')
                self.finds(self.check(work), 'failure', 'cron', what)

    def test_a_daemon_that_does_not_run_is_found(self):
        work = self.pbx()
        alone = ['unshare', '--pid', '--fork', '--mount-proc']
        if subprocess.run([*alone, 'true'], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest('not permitted to make a PID namespace')
        self.finds(self.check(work, before=alone), 'failure', 'cron', 'no cron daemon is running')

    def test_a_tool_that_has_not_run_for_hours_is_found(self):
        for tool, column in (('pbx-stitch', 'last_stitch'), ('pbx-archive', 'last_archive'), ('pbx-calls import', 'last_import')):
            with self.subTest(tool):
                work = self.pbx()
                work.db.sql(f"update nodes set {column} = now() - interval '5 hours'")
                self.finds(self.check(work), 'failure', 'cron', f'{tool} last ran at 20')

    def test_a_last_run_in_the_future_is_found(self):
        for tool, column in (('pbx-stitch', 'last_stitch'), ('pbx-archive', 'last_archive'), ('pbx-calls import', 'last_import')):
            with self.subTest(tool):
                work = self.pbx()
                work.db.sql(f"update nodes set {column} = now() + interval '3 days'")
                self.finds(self.check(work), 'failure', 'cron', f'{tool} ran at 20.* in the future', f'set the clock .* run {tool} -v')

    def test_tools_that_have_never_run_are_found_unless_the_crontab_is_new(self):
        work = self.pbx()
        work.db.sql('delete from nodes')
        self.finds_nothing(self.check(work))
        work.db.sql(f"insert into nodes (host, spool, last_stitch) values ('{socket.gethostname()}', '{work.spool.resolve()}', now())")
        self.finds(self.check(work), 'failure', 'cron', 'pbx-archive has never run')

    @unittest.skipIf(SANITIZED, 'a sanitizer must be loaded first')
    def test_an_import_that_has_never_succeeded_is_found_unless_the_crontab_is_new(self):
        work = self.pbx()
        work.db.sql('update nodes set last_import = null')
        report = self.check(work)
        self.finds_nothing(report)
        self.assertIn(f'pbx-calls import has not run yet: {work.cron} is new', str(report.of('cron')))
        old = {'LD_PRELOAD': self.old_crontab(work)}
        self.finds(self.check(work, env=old), 'failure', 'cron', 'pbx-calls import has never succeeded', 'pbx-calls import -v')
        work.cron.write_text(CRONTAB.replace('pbx-calls import', 'true'), encoding='utf-8')
        self.finds(self.check(work, env=old), 'warning', 'cron', 'no line of .* runs pbx-calls import')

    def old_crontab(self, work):
        """A library that makes the crontab older, since nobody can set the time of a file's last change."""
        source, library = work.path / 'old.c', work.path / 'old.so'
        source.write_text(OLD_CRONTAB, encoding='utf-8')
        subprocess.run([os.environ.get('CC', 'cc'), '-shared', '-fPIC', '-o', library, source], check=True)
        return library

    def test_a_systemd_timer_can_start_the_runs_instead(self):
        work = self.pbx()
        work.cron = work.path / 'pbx-recording-tools.timer'
        work.cron.write_text('[Timer]\nOnCalendar=hourly\n', encoding='utf-8')
        service = work.cron.with_suffix('.service')
        service.write_text('[Service]\nExecStart=sh -c "pbx-calls import x; pbx-stitch; pbx-archive"\n', encoding='utf-8')
        self.finds(self.check(work), 'failure', 'cron', 'is not enabled', 'systemctl enable --now')
        (work.path / 'timers.target.wants').mkdir()
        (work.path / 'timers.target.wants' / work.cron.name).symlink_to(work.cron)
        self.finds_nothing(self.check(work))
        service.write_text('[Service]\nExecStart=sh -c "pbx-calls import x; pbx-archive"\n', encoding='utf-8')
        self.finds(self.check(work), 'failure', 'cron', 'service does not run pbx-stitch')

    def test_an_import_records_its_run_and_needs_no_right_to(self):
        work = self.pbx()
        work.db.sql('delete from nodes')
        command = ('pbx-calls', 'import', '--missing-ok', work.path / 'none.csv')
        self.quiet(self.status(work.run(*command), 0))
        self.assertEqual(work.db.sql('select name, host, spool, last_import is not null, last_stitch from nodes'),
                         [[None, socket.gethostname(), str(work.spool.resolve()), 't', None]])
        # The node's name is not touched, and a run succeeds also without the column or the database.
        work.db.sql("update nodes set name = 'a', last_import = null")
        self.quiet(self.status(work.run(*command), 0))
        self.assertEqual(work.db.sql('select name, last_import is not null from nodes'), [['a', 't']])
        self.quiet(self.status(work.run(*command, '--database', f'host={work.path}'), 0))
        work.db.sql('alter table nodes drop column last_import')
        self.quiet(self.status(work.run(*command), 0))
        work.db.sql('alter table nodes add column last_import timestamptz')


class Backlog(Checking):
    def test_a_leg_that_waits_for_hours_is_found(self):
        for hours, state in ((1, None), (4, 'warning'), (30, 'failure')):
            with self.subTest(hours):
                work = self.pbx()
                self.leg(work, '20260418-144004-100-200.wav', age=60)
                self.leg(work, '20260418-144004-100-201.wav', age=hours * 3600 + 60)
                if state:
                    self.finds(self.check(work), state, 'backlog', f'the oldest of 2 legs .* {hours} hours: .*-201.wav', 'pbx-archive -v')
                else:
                    self.finds_nothing(self.check(work))

    def test_a_call_that_was_not_stitched_is_found(self):
        work = self.pbx()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))], ago=4 * 3600)
        for name in ('a.wav', 'b.wav'):
            os.chown(work.spool / name, NOBODY, NOBODY)
        self.finds(self.check(work), 'warning', 'backlog', f'1 call without a stitched recording, .*{CALL}', f'pbx-stitch -v {CALL}')
        self.status(work.run('pbx-stitch'), 0)
        self.finds_nothing(self.check(work))

    def test_a_call_whose_legs_were_archived_before_it_was_stitched_is_found(self):
        work = self.pbx(remote='local')
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))], ago=4 * 3600)
        for name in ('a.wav', 'b.wav'):
            os.chown(work.spool / name, NOBODY, NOBODY)
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.legs_in_spool(), [])
        self.finds(self.check(work), 'warning', 'backlog', f'1 call without a stitched recording, .*{CALL}', f'pbx-stitch -v {CALL}')
        self.status(work.run('pbx-stitch'), 0)
        self.finds_nothing(self.check(work))
        shutil.rmtree(work.stitched)
        for journal in work.spool.glob('.moved-*'):
            journal.unlink()
        self.finds_nothing(self.check(work))  # another machine has held its legs

    def test_a_call_that_waits_for_its_halves_is_found(self):
        work = self.pbx()
        work.call(CALL, [('a.wav', None), ('b.wav', None)], ago=4 * 3600)
        halves = work.spool / 'halves'
        halves.mkdir()
        (halves / 'a.caller.wav').write_bytes(pcm(ramp(0.1)))
        for place in (halves, halves / 'a.caller.wav'):
            os.chown(place, NOBODY, NOBODY)
        self.assertEqual([each[1] for each in self.check(work).bad('backlog')], ['backlog'])

    def test_halves_that_wait_for_hours_or_belong_to_another_user_are_found(self):
        work = self.pbx()
        halves = work.spool / 'halves'
        halves.mkdir()
        os.chown(halves, NOBODY, NOBODY)
        for name, hours, state in (('a.caller.wav', 0, None), ('b.called.wav', 4, 'warning'), ('c.wav16', 30, 'failure')):
            with self.subTest(name):
                (halves / name).write_bytes(pcm(ramp(0.1)))
                os.chown(halves / name, NOBODY, NOBODY)
                os.utime(halves / name, (time.time() - hours * 3600 - 60,) * 2)
                report = self.check(work)
                if state:
                    self.finds(report, state, 'backlog', f'oldest of . files in .*halves has waited for {hours} hours: {name}', 'pbx-stitch -v')
                else:
                    self.finds_nothing(report)
        (halves / 'c.wav16').unlink()
        (halves / 'b.called.wav').unlink()
        os.chown(halves / 'a.caller.wav', 0, 0)
        self.finds(self.check(work, '--fix'), 'warning', 'spool', r'1 file of halves not belonging to nobody, .*/halves/a\.caller\.wav', 'chown')
        self.assertEqual((halves / 'a.caller.wav').stat().st_uid, 0)

    def test_facts_that_wait_for_the_database_are_found(self):
        work = self.pbx()
        journal = work.spool / '.facts'
        journal.write_text('{}\n', encoding='utf-8')
        os.chown(journal, NOBODY, NOBODY)
        os.utime(journal, (time.time() - 5 * 3600,) * 2)
        self.finds(self.check(work), 'warning', 'backlog', 'facts of archived recordings have waited .* 5 hours')

    def test_facts_that_wait_are_found_although_each_run_appends_to_them(self):
        work = self.pbx(remote='local')
        for name, hours in (('a.wav', 5), ('b.wav', 0)):
            self.leg(work, name)
            self.status(work.run('pbx-archive', '--database', f'host={work.path}'), 0)
            if not hours:
                break
            facts = json.loads((work.spool / '.facts').read_text(encoding='utf-8'))
            facts['archived_at'] -= hours * 3600 * 10 ** 6
            (work.spool / '.facts').write_text('torn\n' + json.dumps(facts) + '\n', encoding='utf-8')
        self.assertEqual((work.spool / '.facts').read_text(encoding='utf-8').count('"archived_at"'), 2)
        self.finds(self.check(work), 'warning', 'backlog', 'facts of archived recordings have waited .* 5 hours')
        self.status(work.run('pbx-archive'), 0)
        self.finds_nothing(self.check(work))

    def test_names_from_outside_cannot_control_a_terminal_or_forge_a_line(self):
        work = self.pbx()
        name = '2026\x1b[2J\nok\tspool\tforged\x9b|x=1.wav'
        (work.spool / name).touch()
        os.utime(work.spool / name, (time.time() - 4 * 3600,) * 2)
        os.chown(work.spool / name, 12345, 12345)
        result = work.run('pbx-check', *self.arguments(work))
        self.assertEqual(result.err, '')
        self.assertIn('\\x1b[2J\\x0aok\\x09spool', result.text)
        self.assertNotRegex(result.text, r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')
        self.assertEqual([line for line in result.text.splitlines() if line.startswith('ok\tspool\tforged')], [])
        self.assertNotIn('|', result.text.splitlines()[0])


class Nodes(Checking):
    def test_a_second_node_without_a_name_is_found(self):
        work = self.pbx()
        work.second_node('b', own_name=None)
        work.db.sql("insert into nodes (name, host, spool, last_archive) values ('b', 'elsewhere', '/x', now())")
        self.finds(self.check(work), 'failure', 'nodes', 'has no node name, and the database knows another node: b', 'node = NAME')
        self.finds_nothing(self.check(work, '--node', 'a'))

    def test_a_name_that_another_machine_uses_is_found(self):
        work = self.pbx()
        work.db.sql("insert into nodes (name, host, spool, last_stitch) values ('b', 'elsewhere', '/x', now())")
        self.finds(self.check(work, '--node', 'b'), 'failure', 'nodes', 'another machine uses this node name')

    def test_a_node_that_is_silent_is_found(self):
        work = self.pbx()
        work.db.sql("insert into nodes (name, host, spool, last_stitch) values ('b', 'elsewhere', '/x', now() - interval '3 days')")
        self.finds(self.check(work, '--node', 'a'), 'warning', 'nodes', 'node b .* has not run since 20', 'delete from nodes where id = ')

    def test_a_node_that_ran_in_the_future_is_found(self):
        work = self.pbx()
        work.db.sql("insert into nodes (name, host, spool, last_stitch) values ('b', 'elsewhere', '/x', now() + interval '3 days')")
        self.finds(self.check(work, '--node', 'a'), 'warning', 'nodes', 'node b .* ran at 20.* in the future', 'set the clock')


if __name__ == '__main__':
    sys.exit(main('pbx-check', 'pbx-archive', 'pbx-stitch', 'pbx-migrate'))
