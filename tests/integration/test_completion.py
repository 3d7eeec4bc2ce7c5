"""Completion, which the build generates from each tool's options, in a real bash, zsh and fish."""
import os
import pty
import re
import select
import shutil
import subprocess
import time

from workdir import ACCOUNT, BIN, SLOW, SOURCE, Case, main

TOOLS = sorted(source.stem for source in (SOURCE / 'tools').glob('*.cpp'))
COMPLETIONS = BIN.parent / 'completions'
ZSH = BIN.parent / 'completions-zsh'
FISH = BIN.parent / 'completions-fish'


class Bash:
    """An interactive bash on a terminal that knows the completion of one tool."""

    def __init__(self, tool, folder, env=None):
        self.leader, follower = pty.openpty()
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(['bash', '--norc', '--noprofile', '-i'], stdin=follower, stdout=follower,
                                        stderr=follower, cwd=folder, start_new_session=True,
                                        env={'PATH': f"{BIN}:{os.environ['PATH']}", 'TERM': 'dumb', 'HOME': str(folder),
                                             'HISTFILE': '/dev/null', 'INPUTRC': '/dev/null', **(env or {})})
        os.close(follower)
        self.send("PS1=; bind 'set enable-bracketed-paste off'; "
                  # M-* inserts all possible completions; C-t shows the resulting line.
                  "bind -x '\"\\C-t\": printf \"\\n<%s>\\n\" \"$READLINE_LINE\"'; "
                  f". '{COMPLETIONS / tool}'; printf '<rea%s>\\n' dy\n")
        self.until('<ready>')

    def send(self, text):
        os.write(self.leader, text.encode())

    def until(self, expression):
        seen, deadline = '', time.monotonic() + 30 * SLOW
        while not re.search(expression, seen):
            if time.monotonic() > deadline:
                raise AssertionError(f'bash did not show {expression}: {seen[-2000:]}')
            if select.select([self.leader], [], [], 0.2)[0]:
                seen += os.read(self.leader, 65536).decode(errors='replace')
        return re.search(expression, seen)

    def line_after(self, keys):
        """The arguments on the command line after `keys` were typed into an empty one."""
        self.send('\x15' + keys + '\x14')
        return self.until(r'\n<([^>]*)>').group(1).split()

    def all_after(self, text):
        """What bash offers after `text`, whose last word is unfinished."""
        before = text.split()
        line = self.line_after(text + '\x1b*')
        return line[len(before) - (0 if text.endswith((' ', '=')) else 1):]

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.leader)


class Completion(Case):
    def setUp(self):
        self.w = self.workdir(remote=None, database=False)

    def bash(self, tool):
        shell = Bash(tool, self.w.path)
        self.addCleanup(shell.close)
        return shell

    def options_in_help(self, tool, *command):
        """The options at the beginning of a line of --help."""
        text = self.status(self.w.run(tool, *command, '--help'), 0).text
        return {option for line in re.findall(r'(?m)^  (-\S.*)$', text)
                for option in re.findall(r'^(?:-\w,\s?)?(--[a-z][a-z-]*)', line)}

    def commands_in_help(self, tool, *command):
        text = self.status(self.w.run(tool, *command, '--help'), 0).text
        found = re.search(r'(?ms)^Subcommands:\n(.*?)(?:\n\n|\Z)', text)
        return re.findall(r'(?m)^  ([a-z]\S*)', found.group(1)) if found else []

    def test_every_tool_has_a_completion_that_bash_reads(self):
        for tool in TOOLS:
            with self.subTest(tool=tool):
                done = subprocess.run(['bash', '-n', COMPLETIONS / tool], stderr=subprocess.PIPE, text=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_every_long_option_that_help_shows_is_offered(self):
        for tool in TOOLS:
            with self.subTest(tool=tool):
                wanted = self.options_in_help(tool)
                self.assertLessEqual({'--help', '--version', '--quiet', '--verbose', '--config'}, wanted)
                offered = self.bash(tool).all_after(f'{tool} --')
                self.assertEqual(wanted - set(offered), set())

    def test_every_command_and_the_options_of_each_are_offered(self):
        self.assertIn('baseline', self.commands_in_help('pbx-migrate'))
        for tool in TOOLS:
            paths = [(command,) for command in self.commands_in_help(tool)]
            paths += [(command, below) for (command,) in paths for below in self.commands_in_help(tool, command)]
            if not paths:
                continue
            shell = self.bash(tool)
            for path in paths:
                with self.subTest(tool=tool, command=' '.join(path)):
                    self.assertIn(path[-1], shell.all_after(' '.join((tool, *path[:-1])) + ' '))
                    offered = shell.all_after(' '.join((tool, *path)) + ' --')
                    self.assertEqual(self.options_in_help(tool, *path) - set(offered), set())

    def test_the_built_completion_is_the_one_that_the_tool_prints_now(self):
        for tool in TOOLS:
            with self.subTest(tool=tool):
                for shell, file in (('bash', COMPLETIONS / tool), ('zsh', ZSH / f'_{tool}'), ('fish', FISH / f'{tool}.fish')):
                    said = self.status(self.w.run(tool, f'--generate-completion={shell}'), 0)
                    self.assertEqual(said.out, file.read_bytes())
                self.assertNotIn('--generate-completion', self.w.run(tool, '--help').text)

    def test_a_tab_completes_an_option_and_a_command(self):
        self.assertEqual(self.bash('pbx-stitch').line_after('pbx-stitch --dry\t'), ['pbx-stitch', '--dry-run'])
        shell = self.bash('pbx-migrate')
        self.assertEqual(shell.line_after('pbx-migrate sta\t'), ['pbx-migrate', 'status'])
        self.assertEqual(shell.line_after('pbx-migrate status --js\t'), ['pbx-migrate', 'status', '--json'])
        self.assertEqual(shell.line_after('pbx-migrate up --js\t'), ['pbx-migrate', 'up', '--js'])

    def test_a_value_is_not_taken_for_a_command(self):
        shell = self.bash('pbx-migrate')
        self.assertIn('status', shell.all_after('pbx-migrate --database up '))
        self.assertIn('status', shell.all_after('pbx-migrate --database=up '))
        self.assertEqual(shell.line_after('pbx-migrate --database st\t'), ['pbx-migrate', '--database', 'st'])

    def test_the_values_of_a_choice_are_offered(self):
        self.assertEqual(set(self.bash('pbx-recording-fetch').all_after('pbx-recording-fetch --format ')),
                         {'wav', 'flac', 'opus', 'mp3'})
        self.assertEqual(set(self.bash('pbx-stitch').all_after('pbx-stitch --overlap ')), {'keep', 'trim'})
        self.assertEqual(set(self.bash('pbx-calls').all_after('pbx-calls --direction ')), {'inbound', 'outbound', 'internal'})

    def test_each_of_several_columns_is_completed(self):
        shell = self.bash('pbx-calls')
        hint = self.status(self.w.run('pbx-calls', '--columns', 'x'), 64).err.splitlines()[-1]
        self.assertEqual(shell.all_after('pbx-calls --columns '), sorted(hint.partition('the columns are ')[2].split(', ')))
        for before in ('pbx-calls --columns ', 'pbx-calls --columns='):
            self.assertEqual(shell.line_after(before + 'start,org\t')[-1].rpartition('=')[2], 'start,organization')

    def test_files_and_folders_are_offered_where_an_option_takes_them(self):
        (self.w.path / 'afolder').mkdir()
        (self.w.path / 'afile with blank').touch()
        shell = self.bash('pbx-migrate')
        for between in (' ', '='):
            with self.subTest(between=between):
                self.assertEqual(shell.line_after(f'pbx-migrate --migrations{between}a\t')[-1],
                                 'afolder/' if between == ' ' else '--migrations=afolder/')
                self.assertEqual(shell.line_after(f'pbx-migrate --config{between}afi\t')[-3:],
                                 [f'--config{between}afile\\'.split()[-1], 'with\\', 'blank'])

    def test_names_that_the_database_knows_are_offered(self):
        w = self.workdir(remote=None)
        w.db.sql(f"insert into organizations (id, name, context_prefix) values ('{ACCOUNT}', 'Acme Ltd; rm', 'org_acme')")
        w.db.sql(f"insert into users (org_id, username, extension) values ('{ACCOUNT}', 'a', '1001')")
        w.db.sql(f"""insert into did_numbers (org_id, number, routing_type, routing_destination)
                     values ('{ACCOUNT}', '5551234', 'extension', '1001')""")
        w.cdr('1776500000.7', 'a.wav', ago=0)
        shell = Bash('pbx-calls', w.path, {'PBX_DATABASE': w.db.conninfo})
        self.addCleanup(shell.close)
        self.assertEqual(shell.line_after('pbx-calls --org org\t')[-1], 'org_acme')
        self.assertEqual(shell.line_after('pbx-calls --org Ac\t')[2:], ['Acme\\', 'Ltd\\;\\', 'rm'])
        self.assertEqual(shell.line_after('pbx-calls --account 6f\t')[-1], ACCOUNT)
        self.assertEqual(shell.line_after('pbx-calls --number 55\t')[-1], '5551234')
        self.assertEqual(shell.line_after('pbx-calls --extension 10\t')[-1], '1001')
        self.assertEqual(shell.line_after('pbx-calls --since yes\t')[-1], 'yesterday')
        self.assertEqual(shell.line_after('pbx-calls show 17\t')[-1], '1776500000.7')

    def test_without_a_database_nothing_is_offered_and_nothing_is_printed(self):
        for conninfo in ('host=/nonexistent', 'host=192.0.2.1', 'nonsense'):
            with self.subTest(conninfo):
                began = time.monotonic()
                self.quiet(self.status(self.w.run('pbx-calls', '--complete-values', 'organizations', env={'PBX_DATABASE': conninfo}), 0))
                self.assertLess(time.monotonic() - began, 5 * SLOW)


class OtherShells(Case):
    """One question each: what follows this line? The whole script is read, so a mistake in it shows."""

    LINES = {'pbx-migrate sta': {'status'}, 'pbx-stitch --overlap ': {'keep', 'trim'}, 'pbx-migrate up --dry': {'--dry-run'},
             'pbx-provision queue jo': {'join'}, 'pbx-calls --org org': {'org_acme'}, 'pbx-calls show 17': {'1776500000.7'}, 'pbx-calls --direction out': {'outbound'},
             'pbx-calls --columns org': {'organization'},
             'pbx-migrate --migrations afo': {'afolder/'}, 'pbx-migrate --config afi': {'afile'}}

    def setUp(self):
        self.w = self.workdir(remote=None)
        self.w.db.sql(f"insert into organizations (id, name, context_prefix) values ('{ACCOUNT}', 'Acme', 'org_acme')")
        self.w.cdr('1776500000.7', 'a.wav', ago=0)
        (self.w.path / 'afolder').mkdir()
        (self.w.path / 'afile').touch()
        self.env = {**self.w.env, 'PATH': f"{BIN}:{os.environ['PATH']}", 'TERM': 'dumb', 'ZDOTDIR': str(self.w.path)}

    def run_shell(self, *command):
        if not shutil.which(command[0]):
            self.skipTest(f'there is no {command[0]}: tests/support/packages check')
        done = subprocess.run(command, cwd=self.w.path, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=60 * SLOW)
        return done.stdout

    def test_fish(self):
        sources = '; '.join(f'source {FISH / tool}.fish' for tool in TOOLS)
        for line, wanted in self.LINES.items():
            with self.subTest(line):
                seen = self.run_shell('fish', '--no-config', '-c', f"{sources}; complete -C '{line}'")
                self.assertEqual({offer.split('\t')[0] for offer in seen.splitlines()}, wanted, seen)

    def test_fish_completes_each_of_several_columns(self):
        seen = self.run_shell('fish', '--no-config', '-c', f"source {FISH / 'pbx-calls'}.fish; complete -C 'pbx-calls --columns start,org'")
        self.assertEqual([offer.split('\t')[0] for offer in seen.splitlines()], ['start,organization'], seen)

    def test_zsh_completes_each_of_several_columns(self):
        self.assertIn('anization', self.run_shell('zsh', '-f', SOURCE / 'tests' / 'support' / 'zsh_completion', ZSH,
                                                  'pbx-calls --columns start,org'))

    def test_zsh(self):
        for line, wanted in self.LINES.items():
            with self.subTest(line):
                seen = self.run_shell('zsh', '-f', SOURCE / 'tests' / 'support' / 'zsh_completion', ZSH, line)
                word = line.rpartition(' ')[2]
                for offer in wanted:
                    self.assertIn(offer[len(word):] if len(wanted) == 1 else offer, seen, line)
                self.assertNotIn('not found', seen)


if __name__ == '__main__':
    main()
