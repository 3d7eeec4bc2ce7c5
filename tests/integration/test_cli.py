#!/usr/bin/env python3
"""What all tools have in common: --help and --version, where settings come from, exit statuses, manual pages."""
import os
import re
import subprocess
from pathlib import Path

from sound import Wav, pcm, ramp
from workdir import BIN, SOURCE, Case, as_nobody, main

TOOLS = sorted(path.stem for path in (SOURCE / 'tools').glob('pbx-*.cpp'))
# The settings of pbx.conf(5): flag, variable, and which tools take them.
RECORDING = ('pbx-stitch', 'pbx-archive', 'pbx-recording-fetch', 'pbx-recording-cgi')
SETTINGS = {
    'database': ('PBX_DATABASE', ('pbx-stitch', 'pbx-recording-fetch', 'pbx-recording-cgi', 'pbx-migrate', 'pbx-dialplan-gen', 'pbx-calls',
                                  'pbx-provision', 'pbx-record', 'pbx-check')),
    'spool': ('PBX_SPOOL', (*RECORDING, 'pbx-record', 'pbx-check')),
    'spool-layout': ('PBX_SPOOL_LAYOUT', (*RECORDING, 'pbx-check')),
    'stitched': ('PBX_STITCHED', (*RECORDING, 'pbx-check')),
    'stitch-src': ('PBX_STITCH_SRC', ('pbx-stitch', 'pbx-recording-fetch', 'pbx-check')),
    'remote': ('PBX_REMOTE', (*RECORDING, 'pbx-check')),
    'rclone': ('PBX_RCLONE', (*RECORDING, 'pbx-check')),
    'migrations': ('PBX_MIGRATIONS', ('pbx-migrate', 'pbx-check')),
    'asterisk-dir': ('PBX_ASTERISK_DIR', ('pbx-dialplan-gen', 'pbx-record', 'pbx-check')),
}
FLAGS = {  # of the contract, tool by tool
    'pbx-migrate': ('lock-timeout',),
    'pbx-dialplan-gen': ('org', 'deploy', 'check', 'validate', 'reload', 'explain', 'force'),
    'pbx-stitch': ('since', 'jobs', 'dry-run', 'json', 'timeout'),
    'pbx-archive': ('min-age', 'dry-run', 'json', 'timeout'),
    'pbx-recording-fetch': ('account', 'leg', 'link', 'for', 'may', 'timeout'),
    'pbx-recording-cgi': ('link-key', 'account-header', 'cache', 'cache-size', 'timeout'),
    'pbx-record': ('account', 'org', 'json', 'timeout'),
    'pbx-check': ('json', 'metrics', 'fix', 'cron', 'asterisk', 'timeout'),
    'pbx-calls': ('org', 'since', 'until', 'number', 'extension', 'direction', 'disposition', 'min-duration',
                  'recorded', 'unrecorded', 'limit', 'columns', 'json', 'jsonl', 'csv'),
}
SECTIONS = ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'ENVIRONMENT', 'FILES', 'EXIT STATUS', 'EXAMPLES', 'SEE ALSO']


def long_options(text):
    return set(re.findall(r'(?<![\w-])--[a-z][a-z-]+', text))


class EveryTool(Case):
    def test_each_tool_of_the_source_tree_is_built(self):
        self.assertTrue(TOOLS)
        for tool in TOOLS:
            self.assertTrue((BIN / tool).exists(), tool)

    def test_version_is_one_line_with_the_tools_name(self):
        work = self.workdir(remote=None, database=False)
        for tool in TOOLS:
            with self.subTest(tool):
                result = self.status(work.run(tool, '--version'), 0)
                self.assertRegex(result.text, rf'^{tool} \d+\.\d+\.\d+\n$')
                self.assertEqual(result.err, '')

    def test_help_goes_to_stdout_and_lists_the_contracts_flags(self):
        work = self.workdir(remote=None, database=False)
        for tool in TOOLS:
            with self.subTest(tool):
                result = self.status(work.run(tool, '--help'), 0)
                self.assertEqual(result.err, '')
                wanted = {'--help', '--version', '--quiet', '--verbose', '--config'}
                wanted |= {'--' + flag for flag in FLAGS.get(tool, ())}
                wanted |= {'--' + flag for flag, (_, takers) in SETTINGS.items() if tool in takers}
                self.assertEqual(wanted - long_options(result.text), set())

    def test_a_wrong_command_line_is_a_usage_error_with_a_hint_and_nothing_on_stdout(self):
        work = self.workdir(remote=None, database=False)
        for tool in TOOLS:
            with self.subTest(tool):
                result = self.status(work.run(tool, '--no-such-option'), 64)
                self.hints(result)
                self.assertEqual(result.out, b'')

    def test_help_on_a_full_disk_fails(self):
        work = self.workdir(remote=None, database=False)
        for tool in TOOLS:
            with self.subTest(tool), open('/dev/full', 'wb') as full:
                done = subprocess.run(work.command(tool, '--help'), stdout=full, stderr=subprocess.PIPE, check=False,
                                      env=work.environment())
                self.assertEqual(done.returncode, 73, done.stderr)

    def test_with_quiet_only_errors_are_printed(self):
        work = self.workdir(remote=None)
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        self.quiet(self.status(work.run('pbx-stitch', '-q'), 0))
        result = self.status(work.run('pbx-recording-fetch', '-q', 'nonsense'), 66)
        self.assertNotEqual(result.err, '')


class Settings(Case):
    """Flag, then environment, then [tool] section, then the top of the file, then the default: shown with pbx-stitch, where the
    place of the file shows which value of --stitched was used."""

    def where(self, *arguments, env=None, conf=None):
        work = self.workdir(remote=None)
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        env = {key: value.replace('@', str(work.path)) for key, value in (env or {}).items()}
        if conf is not None:
            (work.path / 'pbx.conf').write_text(conf.replace('@', str(work.path)), encoding='utf-8')
            env.setdefault('PBX_CONFIG', str(work.path / 'pbx.conf'))
        result = self.status(work.run('pbx-stitch', *(part.replace('@', str(work.path)) for part in arguments), env=env), 0)
        found = [path.parent for path in work.path.rglob('1776500000.1.wav')]
        self.assertEqual(len(found), 1, str(result))
        Wav(found[0] / '1776500000.1.wav').check()
        return str(found[0].relative_to(work.path))

    CONF = 'stitched = "@/top"\n[pbx-stitch]\nstitched = "@/section"\n[pbx-archive]\nstitched = "@/foreign"\n'

    def test_a_flag_comes_before_everything(self):
        self.assertEqual(self.where('--stitched', '@/flag', env={'PBX_STITCHED': '@/environment'}, conf=self.CONF), 'flag')

    def test_the_environment_comes_before_the_file(self):
        self.assertEqual(self.where(env={'PBX_STITCHED': '@/environment'}, conf=self.CONF), 'environment')

    def test_the_tools_section_comes_before_the_top_of_the_file(self):
        self.assertEqual(self.where(conf=self.CONF), 'section')

    def test_the_top_of_the_file_comes_before_the_default(self):
        self.assertEqual(self.where(conf='stitched = "@/top"\n[pbx-archive]\nmin-age = "1m"\n'), 'top')

    def test_the_default_is_stitched_in_the_spool(self):
        self.assertEqual(self.where(conf='# nothing\n'), 'monitor/stitched')

    def test_an_empty_variable_counts_as_unset(self):
        self.assertEqual(self.where(env={'PBX_STITCHED': ''}, conf=self.CONF), 'section')

    def test_config_on_the_command_line_comes_before_pbx_config(self):
        work = self.workdir(remote=None, database=False)
        (work.path / 'other.conf').write_text(f'stitched = "{work.path}/by-flag"\n', encoding='utf-8')
        work.close()
        other = self.workdir(remote=None)
        other.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        for name in ('one', 'two'):
            (other.path / f'{name}.conf').write_text(f'stitched = "{other.path}/{name}"\n', encoding='utf-8')
        self.status(other.run('pbx-stitch', '--config', other.path / 'one.conf',
                              env={'PBX_CONFIG': str(other.path / 'two.conf')}), 0)
        self.assertTrue((other.path / 'one' / '1776500000.1.wav').exists())

    def test_an_unknown_key_is_a_configuration_error_that_names_it(self):
        work = self.workdir(remote=None)
        for tool in TOOLS:
            for conf in ('no-such-key = 1\n', f'[{tool}]\nno-such-key = 1\n'):
                with self.subTest(f'{tool}: {conf!r}'):
                    (work.path / 'pbx.conf').write_text(conf, encoding='utf-8')
                    extra = ('status',) if tool == 'pbx-migrate' else ('1',) if tool == 'pbx-recording-fetch' else ()
                    result = work.run(tool, *extra, env={'PBX_CONFIG': str(work.path / 'pbx.conf')})
                    line = conf.count('\n')
                    if tool == 'pbx-check':  # for which that is one of the things that it looks for
                        self.assertEqual(result.status, 2)
                        self.assertRegex(result.text, rf'failure\tconfiguration\t.*pbx.conf:{line}: .*no-such-key')
                        continue
                    self.status(result, 78)
                    self.says(result, rf'pbx.conf:{line}: .*no-such-key')
                    self.hints(result)

    def conf_error(self, conf, *command, env=None):
        """The message and the hint of the tool when pbx.conf holds `conf`."""
        work = self.workdir(remote=None)
        path = work.path / 'pbx.conf'
        path.write_text(conf, encoding='utf-8')
        result = self.status(work.run(*(command or ('pbx-stitch',)), env={'PBX_CONFIG': str(path), **(env or {})}), 78)
        self.hints(result)
        return result.err.replace(str(path), 'pbx.conf')

    def test_a_mistyped_setting_is_named_with_its_line_and_the_nearest_known_name(self):
        for conf, line, name in (('# ours\n\ndatabse = "x"\n', 3, 'database'), ('[pbx-stitch]\njbos = 2\n', 2, 'jobs')):
            with self.subTest(conf):
                err = self.conf_error(conf)
                self.assertIn(f'pbx.conf:{line}: unknown setting', err)
                self.assertIn(f'did you mean {name}?', err)

    def test_an_unknown_section_is_an_error_in_every_tool(self):
        for tool, *rest in (('pbx-stitch',), ('pbx-calls',), ('pbx-migrate', 'status')):
            with self.subTest(tool):
                err = self.conf_error('node = "a"\n[pbx-stich]\njobs = 2\n', tool, *rest)
                self.assertIn('pbx.conf:2: unknown section [pbx-stich]', err)
                self.assertIn('did you mean pbx-stitch?', err)

    def test_capital_letters_do_not_hide_which_name_was_meant(self):
        err = self.conf_error('SPOOL = /x\n')
        self.assertIn('pbx.conf:1: unknown setting "SPOOL"', err)
        self.assertIn('did you mean spool?', err)
        err = self.conf_error('[PBX-STITCH]\n')
        self.assertIn('pbx.conf:1: unknown section [PBX-STITCH]', err)
        self.assertIn('did you mean pbx-stitch?', err)

    def test_an_option_that_is_only_for_the_command_line_is_named_with_its_line(self):
        for name in ('version', 'help', 'config'):
            for conf in (f'# a\n{name} = true\n', f'[pbx-stitch]\n{name}\n'):
                with self.subTest(conf):
                    self.assertIn(f'pbx.conf:2: "{name}" is for the command line only', self.conf_error(conf))

    def test_each_tool_may_have_a_section(self):
        work = self.workdir(remote=None)
        path = work.path / 'pbx.conf'
        path.write_text(''.join(f'[{tool}]\n' for tool in TOOLS), encoding='utf-8')
        self.quiet(self.status(work.run('pbx-stitch', env={'PBX_CONFIG': str(path)}), 0))
        for tool in TOOLS:
            self.quiet(self.status(work.run(tool, '--check-configuration', env={'PBX_CONFIG': str(path)}), 0))

    def test_a_value_that_does_not_fit_is_named_with_its_line(self):
        self.assertIn('pbx.conf:2: ', self.conf_error('spool = "/a"\nnode = "NODE 1"\n'))
        self.assertIn('pbx.conf:4: ', self.conf_error('# a\n\n[pbx-stitch]\njobs = many\n'))
        work = self.workdir(remote=None)
        (work.path / 'pbx.conf').write_text('[pbx-stitch]\njobs = 2\n', encoding='utf-8')
        env = {'PBX_CONFIG': str(work.path / 'pbx.conf')}
        self.status(work.run('pbx-stitch', '--jobs', 'many', env=env), 64)
        self.status(work.run('pbx-stitch', env={**env, 'PBX_NODE': 'NODE 1'}), 64)

    def test_a_connection_string_needs_no_quotes_and_may_have_a_hash(self):
        work = self.workdir(remote=None)
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        path = work.path / 'pbx.conf'
        path.write_text(f'database = {work.db.conninfo} password=a#b  # ours\n', encoding='utf-8')
        self.status(work.run('pbx-stitch', env={'PBX_CONFIG': str(path), 'PBX_DATABASE': None}), 0)
        self.assertTrue(work.stitched_file('1776500000.1').exists())

    def test_a_mistyped_option_is_named_with_the_nearest_known_one(self):
        work = self.workdir(remote=None)
        for command, wanted in ((('pbx-stitch', '--sinse', '3h'), '--since'), (('pbx-archive', 'audit', '--sumary'), '--summary'),
                                (('pbx-calls', '--lmit=3'), '--limit')):
            with self.subTest(command):
                result = self.status(work.run(*command), 64)
                self.says(result, 'unknown option ' + [part.partition('=')[0] for part in command if part.startswith('--')][0])
                self.says(result, f'did you mean {wanted}?')

    def test_an_option_of_a_command_in_front_of_it_is_told_its_place(self):
        work = self.workdir(remote=None)
        for command, right in ((('pbx-archive', '--since', '1h', 'audit'), 'pbx-archive audit --since'),
                               (('pbx-archive', '--since=1h', 'verify'), 'pbx-archive verify --since'),
                               (('pbx-provision', '--extension', '1', 'user', 'set', '2', '--org', 'a'), 'pbx-provision user set --extension'),
                               (('pbx-provision', 'user', '--extension=1', 'set', '2', '--org', 'a'), 'pbx-provision user set --extension'),
                               (('pbx-archive', '--since', '1h'), 'pbx-archive audit --since'),
                               (('pbx-calls', '--min-age', '1h'), 'pbx-calls import --min-age')):
            with self.subTest(command):
                result = self.status(work.run(*command), 64)
                option = right.rpartition(' ')[2]
                self.says(result, f'{option} belongs after the command', f'hint: .*{right}')
                self.assertNotIn('did you mean', result.err)
                self.assertEqual(len(result.err.splitlines()), 2, result.err)

    def test_two_commands_are_a_usage_error_in_every_tool(self):
        work = self.workdir()
        for tool, *words in (('pbx-archive', 'audit', 'init'), ('pbx-archive', 'init', 'verify'), ('pbx-migrate', 'status', 'verify'),
                             ('pbx-calls', 'show', '1.1', 'import'), ('pbx-provision', 'org', 'list', 'list')):
            with self.subTest(words):
                result = self.status(work.run(tool, *words), 64)
                self.hints(result)
                self.assertEqual(result.out, b'')

    def test_a_timeout_that_is_no_duration_is_not_called_too_short(self):
        work = self.workdir(remote=None)
        for text in ('banana', '', '-5', '5 parsecs'):
            result = self.status(work.run('pbx-stitch', f'--timeout={text}' if text else '--timeout', *([] if text else [''])), 64)
            self.says(result, f'--timeout: "{text}" is not a duration')
        self.says(self.status(work.run('pbx-stitch', '--timeout', '0m0s'), 64), '"0m0s" is too short')
        self.assertIn('pbx.conf:1: --timeout: "banana" is not a duration', self.conf_error('timeout = banana\n'))

    def test_a_config_file_that_is_named_and_missing_or_broken_is_a_configuration_error(self):
        work = self.workdir(remote=None)
        result = self.status(work.run('pbx-stitch', '--config', work.path / 'none.conf'), 78)
        self.says(result, 'none.conf')
        (work.path / 'broken.conf').write_bytes(b'[[[\n= =\n\x00')
        self.status(work.run('pbx-stitch', '--config', work.path / 'broken.conf'), 78)

    def test_one_file_works_for_all_tools_and_other_tools_sections_do_no_harm(self):
        work = self.workdir()
        legs = work.three_legs()
        conf = work.path / 'pbx.conf'
        conf.write_text(f'database = "{work.db.conninfo}"\nspool = "{work.spool}"\nremote = "{work.remote.path}"\n'
                        f'migrations = "{SOURCE}/migrations"\nasterisk-dir = "{work.path}"\n'
                        '[pbx-stitch]\nsince = "30h"\njobs = 2\n[pbx-archive]\nmin-age = "1m"\n', encoding='utf-8')
        plain = {name: None for name in ('PBX_DATABASE', 'PBX_SPOOL', 'PBX_REMOTE')}
        plain['PBX_CONFIG'] = str(conf)
        self.status(work.run('pbx-stitch', env=plain), 0)
        self.status(work.run('pbx-archive', env=plain), 0)
        self.assertEqual(set(work.remote.files()), {name for name, _ in legs} | {'stitched/1776500000.1.wav'})
        self.assertEqual(work.run('pbx-recording-fetch', '1776500000.1', env=plain).out,
                         work.stitched_file('1776500000.1').read_bytes())

    def test_nonsense_values_are_usage_errors(self):
        work = self.workdir()
        for tool, flag, value in (('pbx-stitch', '--since', 'yestermorrow'), ('pbx-stitch', '--since', '-5h'),
                                  ('pbx-stitch', '--jobs', '0'), ('pbx-stitch', '--jobs', 'many'),
                                  ('pbx-archive', '--min-age', '5 parsecs'), ('pbx-archive', '--timeout', '0x'),
                                  ('pbx-stitch', '--timeout', '0'), ('pbx-calls', '--timeout', '0d'),
                                  ('pbx-stitch', '--since', '99999999999999999999h')):
            with self.subTest(f'{tool} {flag} {value}'):
                self.assertEqual(work.run(tool, f'{flag}={value}').status, 64)

    def test_a_spool_in_a_folder_that_this_user_may_not_enter_is_a_permission_error(self):
        work = self.workdir(remote='local')
        nobody = as_nobody()
        if not nobody:
            self.skipTest('only root can take a right away from another user')
        (work.path / 'closed' / 'monitor').mkdir(parents=True)
        (work.path / 'closed').chmod(0o700)
        env = {'PBX_SPOOL': work.path / 'closed' / 'monitor', 'PBX_STITCHED': None}
        for command in (('pbx-stitch',), ('pbx-archive',), ('pbx-archive', 'audit'), ('pbx-recording-fetch', '1776500000.1')):
            with self.subTest(' '.join(command)):
                result = self.status(work.run(*command, env=env, before=nobody), 77)
                self.hints(result)
                self.assertNotIn('bug', result.err)

    def test_a_timeout_of_weeks_works_like_one_of_minutes(self):
        work = self.workdir(remote=None)
        for timeout in ('24d', '25d', '400d'):
            self.quiet(self.status(work.run('pbx-stitch', '--timeout', timeout), 0))

    def test_a_connection_uri_works_as_the_database_setting(self):
        work = self.workdir(remote=None)
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        folder = work.db.cluster.folder.replace('/', '%2F')
        self.status(work.run('pbx-stitch', '--database', f'postgresql://postgres@{folder}/{work.db.name}'), 0)
        self.assertTrue(work.stitched_file('1776500000.1').exists())

    def test_without_a_database_setting_libpqs_own_variables_apply(self):
        work = self.workdir(remote=None)
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        self.status(work.run('pbx-stitch', env={'PBX_DATABASE': None, 'PGHOST': work.db.cluster.folder, 'PGUSER': 'postgres',
                                                'PGDATABASE': work.db.name}), 0)
        self.assertTrue(work.stitched_file('1776500000.1').exists())

    def test_root_may_use_the_account_that_peer_authentication_wants(self):
        if os.geteuid() != 0:
            self.skipTest('only root can become another user')
        work = self.workdir(remote=None)
        rules = Path(work.db.cluster.data, 'pg_hba.conf')
        rules.write_text(f'local {work.db.name} nobody peer\n{rules.read_text(encoding="utf-8")}', encoding='utf-8')
        work.db.sql('create role nobody login superuser; select pg_reload_conf()')
        env = {'PBX_DATABASE': work.db.conninfo.replace('user=postgres', 'user=nobody')}
        for command in (('pbx-migrate', '--migrations', SOURCE / 'migrations', 'status'), ('pbx-provision', 'org', 'list'), ('pbx-calls',),
                        ('pbx-dialplan-gen',)):
            with self.subTest(command[0]):
                self.status(work.run(*command, env=env), 0)
        refused = work.run('pbx-calls', env=env, before=['setpriv', '--reuid', 'daemon', '--clear-groups', '--'])
        self.assertEqual(refused.status, 77)
        self.says(refused, 'Peer authentication failed', r'hint: check user and password .*pg_hba\.conf')

    def test_a_login_that_the_server_refuses_is_a_missing_permission_and_not_an_outage(self):
        work = self.workdir(remote=None)
        rules = Path(work.db.cluster.data, 'pg_hba.conf')
        known = rules.read_text(encoding='utf-8')
        self.addCleanup(lambda: (rules.write_text(known, encoding='utf-8'), work.db.sql('select pg_reload_conf()')))
        rules.write_text(f'local {work.db.name} locked scram-sha-256\nlocal {work.db.name} rejected reject\n{known}', encoding='utf-8')
        work.db.sql("create role locked login password 'right'; create role rejected login; create role nologin nologin; "
                    'select pg_reload_conf()')
        as_user = 'user={}'.format
        for change, status, words, hint in ((as_user('locked password=s3cret'), 77, 'password authentication failed', 'check user and password'),
                                            (as_user('locked'), 77, 'no password supplied', 'check user and password'),
                                            (as_user('rejected'), 77, r'pg_hba\.conf rejects', r'pg_hba\.conf'),
                                            (as_user('nologin'), 77, 'not permitted to log in', 'check user and password'),
                                            (as_user('no_such_role'), 77, 'role "no_such_role" does not exist', 'check user and password'),
                                            ('dbname=nowhere', 69, 'database "nowhere" does not exist', 'createdb')):
            with self.subTest(words):
                result = self.status(work.run('pbx-calls', '--database', f'{work.db.conninfo} {change}'), status)
                self.says(result, words, f'hint: .*{hint}')
                self.assertNotIn('s3cret', result.err)

    def test_a_password_in_the_connection_string_is_never_shown(self):
        work = self.workdir(remote=None)
        result = work.run('pbx-stitch', '-v', '--database', f'host={work.path} dbname=x user=y password=s3cret-word')
        self.assertEqual(result.status, 69, str(result))
        self.assertNotIn('s3cret-word', result.err + result.text)


class ManualPages(Case):
    def test_each_tool_has_a_page_that_names_every_long_option_of_its_help(self):
        work = self.workdir(remote=None, database=False)
        for tool in TOOLS:
            with self.subTest(tool):
                page = SOURCE / 'man' / f'{tool}.1'
                self.assertTrue(page.exists(), page)
                text = subprocess.run(['mandoc', '-T', 'ascii', page], stdout=subprocess.PIPE, check=True).stdout.decode()
                text = re.sub('.\b', '', text)
                words = set(re.findall(r'--[a-z][a-z-]+', text))
                helped = long_options(work.run(tool, '--help').text)
                for verb in re.findall(r'(?m)^  ([a-z]+) {2,}', work.run(tool, '--help').text.partition('Subcommands:')[2]):
                    helped |= long_options(work.run(tool, verb, '--help').text)
                self.assertEqual(helped - words, set())

    def test_each_page_has_the_suites_sections_in_order(self):
        for tool in TOOLS:
            page = SOURCE / 'man' / f'{tool}.1'
            if page.exists():
                with self.subTest(tool):
                    found = re.findall(r'(?m)^\.Sh (.*)$', page.read_text(encoding='utf-8'))
                    self.assertEqual([section.strip('"') for section in found if section.strip('"') in SECTIONS], SECTIONS)

    def test_the_pages_of_the_file_format_and_the_overview_name_all_settings_and_tools(self):
        conf = (SOURCE / 'man' / 'pbx.conf.5').read_text(encoding='utf-8').replace('\\-', '-')
        for flag, (variable, _) in SETTINGS.items():
            self.assertIn(flag, conf)
            self.assertIn(variable, conf)
        overview = (SOURCE / 'man' / 'pbx-recording-tools.7').read_text(encoding='utf-8').replace('\\-', '-')
        for tool in TOOLS:
            self.assertIn(tool, overview)


class TheTree(Case):
    def test_the_readme_names_the_two_commands_and_every_package_that_a_build_needs(self):
        readme = (SOURCE / 'README.md').read_text(encoding='utf-8')
        for text in ('tests/demo', 'tests/run', '/etc/pbx/pbx.conf', 'cdr_pgsql.conf', '/etc/cron.d'):
            self.assertIn(text, readme)
        script = (SOURCE / 'tests' / 'support' / 'packages').read_text(encoding='utf-8')
        needed = re.search(r'\[build\]="([^"]*)"', script).group(1).split()
        for package in needed:
            self.assertIn(package, readme)

    PAGES = sorted([*SOURCE.glob('*.md'), *SOURCE.glob('docs/**/*.md')])

    def test_every_link_in_the_markdown_pages_leads_to_a_file_and_a_heading(self):
        for page in self.PAGES:
            for link in re.findall(r'\]\(([^)\s]+)\)', page.read_text(encoding='utf-8')):
                if '://' in link:
                    continue
                with self.subTest(page=page.name, link=link):
                    path, _, heading = link.partition('#')
                    target = (page.parent / path).resolve() if path else page
                    self.assertTrue(target.exists())
                    if heading:
                        headings = re.findall(r'(?m)^#+ (.*)$', target.read_text(encoding='utf-8'))
                        # GitHub's rule for the anchor of a heading
                        anchors = [re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-') for text in headings]
                        self.assertIn(heading, anchors)

    def test_every_source_file_that_the_markdown_pages_name_exists(self):
        for page in self.PAGES:
            for name in re.findall(r'`((?:lib|tools|tests|man|cmake|migrations|docs)/[\w./*-]+)`', page.read_text(encoding='utf-8')):
                if re.search(r'NAME|YYYY', name):
                    continue
                with self.subTest(page=page.name, name=name):
                    self.assertTrue([*SOURCE.glob(name.rstrip('/')), *SOURCE.glob(name + '.cpp')], 'there is no such file')

    def hourly_command(self):
        lines = [line for line in (SOURCE / 'crontab').read_text(encoding='utf-8').splitlines()
                 if line and not line.startswith('#') and '=' not in line.split()[0]]
        self.assertEqual(len(lines), 1)
        minute, hour, day, month, weekday, user, command = lines[0].split(None, 6)
        self.assertRegex(minute, r'^\d+$')
        self.assertEqual((hour, day, month, weekday, user), ('*', '*', '*', '*', 'asterisk'))
        return command

    def cron(self, *tools, has_timer=False):
        """What the hourly line runs where these tools are: each records its name, and all but pbx-archive fail."""
        work = self.workdir(remote=None, database=False)
        for tool in tools:
            (work.path / tool).write_text('#!/bin/sh\necho "${0##*/}"\n[ "${0##*/}" = pbx-archive ]\n', encoding='utf-8')
            (work.path / tool).chmod(0o755)
        timer = work.path / 'pbx-recording-tools.timer'
        if has_timer:
            timer.touch()
        return subprocess.run(['/bin/sh', '-c', self.hourly_command()], env={'PATH': str(work.path), 'TIMER': str(timer)},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def test_the_crontab_runs_each_tool_hourly_as_asterisk_even_after_a_failure(self):
        self.assertEqual(self.cron('pbx-calls', 'pbx-stitch', 'pbx-archive').stdout, 'pbx-calls\npbx-stitch\npbx-archive\n')

    def test_the_crontab_leaves_the_work_to_an_enabled_timer(self):
        done = self.cron('pbx-calls', 'pbx-stitch', 'pbx-archive', has_timer=True)
        self.assertEqual((done.stdout, done.returncode), ('', 0))

    def test_the_crontab_prints_nothing_where_the_tools_were_removed(self):
        done = self.cron()
        self.assertEqual((done.stdout, done.returncode), ('', 0))

    def test_every_script_in_tests_is_executable(self):
        for path in ('tests/run', 'tests/demo', 'tests/layers', 'tests/lint', 'tests/support/packages', '.ci/run'):
            self.assertTrue(os.access(SOURCE / path, os.X_OK), path)


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-recording-fetch', 'pbx-migrate')
