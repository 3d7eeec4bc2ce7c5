#!/usr/bin/env python3
"""What a person sees on a terminal: the columns that matter, headings, colours, the pager, help."""
import os
import re
import subprocess

from sound import pcm, ramp
from workdir import ACCOUNT, BIN, SOURCE, Case, main

TOOLS = sorted(path.stem for path in (SOURCE / 'tools').glob('pbx-*.cpp'))
CALL = '1776500000.1'
FREE = {'NO_COLOR': None, 'PBX_PAGER': 'cat'}


class Tables(Case):
    def setUp(self):
        self.w = self.workdir()
        self.w.db.sql(f"""insert into organizations (id, name, context_prefix)
                          values ('{ACCOUNT}', 'The Very Long Name of an Organization Ltd', 'org_acme')""")
        self.w.db.sql(f"""insert into users (org_id, username, extension, full_name, sip_password)
                          values ('{ACCOUNT}', 'a', '1001', 'Anna', 'x7Kq2mZp9vRt4wLs')""")
        self.w.call(CALL, [('20260418-144004-1-2.wav', pcm(ramp(0.1)))])

    def on_terminal(self, *command, columns=80, **how):
        text = self.w.run_on_terminal(*command, columns=columns, **how).text.replace('\r\n', '\n')
        return re.sub(r'[^\n]*\r(\x1b\[K)?', '', text).splitlines()  # without the line of the progress

    def test_at_80_columns_a_list_of_calls_has_what_matters(self):
        lines = self.on_terminal('pbx-calls')
        self.assertRegex(lines[0], r'^linkedid +start +from +to .*duration.* disposition')
        self.assertRegex(lines[1], r'^1776500000\.1 +\d{4}-\d\d-\d\d \d\d:\d\d +919944421125 +1003 .*0:10.* (NO )?ANSWER')
        self.assertLessEqual(max(map(len, lines)), 80)

    def test_at_80_columns_the_page_of_an_audit_has_all_its_numbers(self):
        self.w.db.sql("insert into asterisk_cdr (calldate, linkedid, accountcode, recordingfile) values (now(), '1.9', 'stranger', 'x.wav')")
        wide, narrow = (self.on_terminal('pbx-archive', 'audit', columns=columns) for columns in (200, 80))
        self.assertLessEqual(max(map(len, narrow)), 80)
        def page(lines):
            return re.sub(r'\S+T\d\d:\d\d:\d\d\S*', '', ' '.join(lines[lines.index('Recording audit'):]))
        self.assertEqual(re.sub('[^ ]*Very[^0-9]*|[(]unknown[)][^0-9]*| +', ' ', page(narrow)).split(),
                         re.sub('[^ ]*Very[^0-9]*|[(]unknown[)][^0-9]*| +', ' ', page(wide)).split())
        self.assertRegex('\n'.join(narrow), r'(?m)^The Very Long N[^0-9]* (\d+ +){6,7}\d+$')

    def test_names_use_the_free_width(self):
        for columns, shown in ((120, False), (250, True)):
            lines = self.on_terminal('pbx-calls', columns=columns)
            self.assertLessEqual(max(map(len, lines)), columns)
            self.assertEqual('The Very Long Name of an Organization Ltd' in lines[1], shown, lines)

    def test_show_has_the_file_of_each_leg_at_80_columns(self):
        lines = self.on_terminal('pbx-calls', 'show', CALL)
        self.assertRegex(lines[1], r'start .*recordingfile')
        self.assertIn('20260418-1', lines[2])
        self.assertLessEqual(max(map(len, lines[1:])), 80)

    def test_every_table_has_a_heading_on_a_terminal_and_none_in_a_pipe(self):
        (self.w.spool / 'stray.wav').write_bytes(pcm(ramp(0.1)))
        for command, heading in ((('pbx-calls',), 'linkedid '), (('pbx-calls', 'show', CALL), 'id '),
                                 (('pbx-provision', 'org', 'list'), 'name '), (('pbx-provision', 'user', 'list'), 'organization '),
                                 (('pbx-provision', 'recording', 'show'), 'organization '),
                                 (('pbx-dialplan-gen', '--explain'), 'organization '),
                                 (('pbx-migrate', '--migrations', str(SOURCE / 'migrations'), 'status'), 'version '),
                                 (('pbx-archive', 'audit'), 'state ')):
            with self.subTest(command):
                seen = '\n'.join(self.on_terminal(*command, columns=120))
                self.assertRegex(seen, rf'(?m)^ *{heading}')
                self.assertNotRegex(self.w.run(*command).text.partition('\n\n')[0], rf'(?m)^ *{heading}')

    def test_a_time_in_the_hour_that_comes_twice_carries_its_offset(self):
        zone = 'CET-1CEST,M3.5.0,M10.5.0/3'
        for epoch, shown in ((1792888200, '2026-10-25 02:30+02:00'), (1792891800, '2026-10-25 02:30+01:00'),
                             (1792895400, '2026-10-25 03:30 ')):
            self.w.db.sql(f'update asterisk_cdr set calldate = to_timestamp({epoch})')
            lines = self.on_terminal('pbx-calls', '--since', '2026-10-24', '--until', '2026-10-26', env={'TZ': zone})
            self.assertIn(shown, lines[1])


class Colours(Case):
    def coloured(self, **env):
        work = self.workdir(remote=None)
        work.cdr(CALL, 'a.wav')
        return b'\x1b[' in work.run_on_terminal('pbx-calls', env={**FREE, **env}).out

    def test_a_terminal_has_colours_unless_it_has_none_or_nobody_wants_them(self):
        self.assertTrue(self.coloured())
        self.assertTrue(self.coloured(NO_COLOR=''))
        self.assertFalse(self.coloured(NO_COLOR='1'))
        self.assertFalse(self.coloured(TERM='dumb'))

    def test_a_pipe_has_none(self):
        work = self.workdir(remote=None)
        work.cdr(CALL, 'a.wav')
        self.assertNotIn(b'\x1b', work.run('pbx-calls', env={**FREE, 'TERM': 'xterm'}).out)


class Pager(Case):
    """A pager that marks what passes through it."""

    def setUp(self):
        self.w = self.workdir(remote=None)
        self.w.cdr(CALL, 'a.wav')
        self.pager = self.w.path / 'pager'
        self.pager.write_text('#!/bin/sh\necho "PAGED $* LESS=$LESS"\ncat\n', encoding='utf-8')
        self.pager.chmod(0o755)

    def seen(self, *arguments, **env):
        return self.w.run_on_terminal('pbx-calls', *arguments, env={'PBX_PAGER': None, **env}).text

    def test_a_report_on_a_terminal_goes_through_the_pager(self):
        for variable in ('PBX_PAGER', 'PAGER'):
            shown = self.seen(**{variable: f'{self.pager} -x  ;true'})
            self.assertIn('PAGED -x ;true LESS=FRX', shown)
            self.assertIn(CALL, shown)
        self.assertIn('PAGED', self.seen('show', CALL, PBX_PAGER=str(self.pager), PAGER='false'))

    def test_the_pager_can_be_switched_off(self):
        pager = str(self.pager)
        for arguments, env in ((('--no-pager',), {'PBX_PAGER': pager}), ((), {'PBX_PAGER': '', 'PAGER': pager}),
                               ((), {'PBX_PAGER': 'cat', 'PAGER': pager}), ((), {'PBX_PAGER': pager, 'TERM': 'dumb'}),
                               ((), {'PBX_PAGER': '/nonexistent/pager'})):
            shown = self.seen(*arguments, **env)
            self.assertNotIn('PAGED', shown)
            self.assertIn(CALL, shown)

    def test_no_transaction_is_open_while_a_person_reads(self):
        self.w.db.sql(f"""insert into asterisk_cdr (calldate, linkedid, uniqueid, accountcode, src, dst)
                          select now() - n * interval '1 second', n || '.1', n || '.1', '{ACCOUNT}', '1', '2'
                          from generate_series(1, 5000) n""")
        psql = f"{os.path.join(self.w.db.cluster.programs, 'psql')} -At '{self.w.db.conninfo}'"
        self.pager.write_text(f"""#!/bin/sh
            {psql} -c "select 'OPEN ' || count(*) from pg_stat_activity where pid <> pg_backend_pid() and xact_start is not null
                       and datname = current_database() and backend_type = 'client backend'"
            cat\n""", encoding='utf-8')
        for arguments in ((), ('--json',), ('show', CALL)):
            with self.subTest(arguments):
                shown = self.seen(*arguments, PBX_PAGER=str(self.pager))
                self.assertIn('OPEN 0', shown)
                self.assertIn(CALL, shown)

        work = self.workdir(remote='local')
        work.three_legs(CALL)
        shown = work.run_on_terminal('pbx-archive', 'audit', env={'PBX_PAGER': str(self.pager)}).text
        self.assertIn('OPEN 0', shown)
        self.assertIn('Recording audit', shown)

    def test_ctrl_c_is_for_the_pager(self):
        self.pager.write_text('#!/bin/sh\nkill -INT $PPID\nsleep 0.2\ncat\n', encoding='utf-8')
        result = self.w.run_on_terminal('pbx-calls', env={'PBX_PAGER': str(self.pager)})
        self.assertEqual(result.status, 0)
        self.assertIn(CALL, result.text)

    def test_a_pipe_has_no_pager(self):
        result = self.w.run('pbx-calls', env={'PBX_PAGER': str(self.pager), 'TERM': 'xterm'})
        self.assertNotIn('PAGED', result.text)

    def test_errors_and_the_exit_status_are_those_without_a_pager(self):
        result = self.w.run_on_terminal('pbx-calls', 'show', '9.9', env={'PBX_PAGER': str(self.pager)})
        self.assertEqual(result.status, 66)
        self.assertIn('no such call', result.text)

    def test_a_reader_who_leaves_early_ends_the_tool_quietly(self):
        self.pager.write_text('#!/bin/sh\nhead -n 1\n', encoding='utf-8')
        self.w.db.sql(f"""insert into asterisk_cdr (calldate, linkedid, uniqueid, accountcode, src, dst)
                          select now() - n * interval '1 second', n || '.1', n || '.1', '{ACCOUNT}', '1', '2'
                          from generate_series(1, 5000) n""")
        result = self.w.run_on_terminal('pbx-calls', env={'PBX_PAGER': str(self.pager)})
        self.assertEqual(result.status, 0)
        self.assertEqual(len(result.text.splitlines()), 1)


class Summaries(Case):
    def test_a_verbose_and_a_dry_run_end_with_what_was_done(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        self.assertRegex(work.run('pbx-stitch', '-n').err, r'pbx-stitch: calls: 1 would be stitched\n\Z')
        self.assertRegex(work.run('pbx-stitch', '-v').err, r'pbx-stitch: calls: 1 stitched\n\Z')
        self.assertRegex(work.run('pbx-stitch', '-v').err, r'pbx-stitch: calls: 1 up to date\n\Z')
        self.quiet(work.run('pbx-stitch'))
        self.assertRegex(work.run('pbx-archive', '-n').err,
                         r'pbx-archive: would copy 1 stitched recording \(0\.0 MB\), would move 2 legs \(0\.0 MB\)\n\Z')
        self.assertRegex(work.run('pbx-archive', '-v').err, r'copied 1 stitched recording \(0\.0 MB\), moved 2 legs \(0\.0 MB\)\n')
        self.quiet(work.run('pbx-archive'))


class Help(Case):
    def setUp(self):
        self.w = self.workdir(remote=None, database=False)

    def test_help_is_grouped_fits_80_columns_and_ends_with_examples(self):
        for tool in TOOLS:
            with self.subTest(tool):
                text = self.status(self.w.run(tool, '--help'), 0).text
                groups = re.findall(r'(?m)^(Options|Settings.*|General|Examples):$', text)
                self.assertEqual(groups, sorted(groups, key=('Options', 'Settings (see pbx.conf(5))', 'General', 'Examples').index))
                self.assertEqual(groups[-3:], ['Settings (see pbx.conf(5))', 'General', 'Examples'])
                self.assertLessEqual(max(map(len, text.splitlines())), 80, text)

    def test_the_examples_are_accepted(self):
        for tool in TOOLS:
            examples = self.w.run(tool, '--help').text.partition('Examples:\n')[2].strip().splitlines()
            self.assertGreaterEqual(len(examples), 2)
            for example in examples:
                with self.subTest(example):
                    command = example.strip().partition(' | ')[0]
                    done = subprocess.run(['sh', '-c', command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
                                          cwd=self.w.path, env=self.w.environment({'PATH': f"{BIN}:{os.environ['PATH']}",
                                                                                   'PBX_DATABASE': 'host=/nonexistent'}))
                    self.assertNotEqual(done.returncode, 64, done.stderr)


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-migrate')
