"""The manual pages' examples can be typed: each command of each EXAMPLES section runs as written, in a prepared PBX."""
import re
import shutil
import subprocess
import wave

from workdir import BIN, SLOW, SOURCE, Case, Result, cluster, main, no_report

# The call and the organization that the pages mention.
CALL = '1713450004.12'
TOOLS = sorted(source.stem for source in (SOURCE / 'tools').glob('*.cpp'))
PAGES = sorted((SOURCE / 'man').glob('*.[157]'))
PROMPT = re.compile(r'^\s+[$#] (.*)$')

# Pages whose commands start from nothing: they create what the other pages need.
EMPTY_DATABASE = ('pbx-migrate.1',)
NO_ORGANIZATION = ('pbx-provision.1',)
# Pages that look for missing files: some are missing here.
A_LEG_IS_GONE = ('pbx-archive.1',)

# Commands that answer with a status of their own; everything else ends with 0.
STATUS = {
    r'^pbx-dialplan-gen\b[^|]* --check$': 1,  # it finds something to report
    r'^pbx-migrate status': (0, 1),
    r'^pbx-migrate check': 1,  # the database has more than the older version
    r'^pbx-record ': 69,  # no Asterisk runs here
    r'^pbx-check\b': (0, 1, 2),
    r'^pbx-archive audit': 65,  # one recording is missing
}


def examples(page):
    """The EXAMPLES section's lines, as man shows them."""
    text = subprocess.run(['mandoc', '-T', 'ascii', '-O', 'width=400', str(page)], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    text = re.sub('.\b', '', text)  # bold and underlined
    found = re.search(r'(?ms)^EXAMPLES\n(.*?)^(?=\S)', text)
    return found.group(1).splitlines() if found else []


def commands(page):
    """The complete commands: a line that ends in a backslash or a pipe continues in the next one."""
    result, open_end = [], False
    for line in examples(page):
        prompt = PROMPT.match(line)
        if prompt:
            result.append(prompt.group(1))
        elif open_end:
            result[-1] += '\n' + line.strip()
        open_end = bool(result) and bool(prompt or open_end) and line.rstrip().endswith(('\\', '|'))
    return result


def expected(command):
    for expression, status in STATUS.items():
        if re.search(expression, command):
            return status if isinstance(status, tuple) else (status,)
    return (0,)


class Examples(Case):
    """One test per page, added below."""

    def prepared(self, page):
        w = self.workdir(remote='local')
        home = w.path / 'home'
        programs = w.path / 'programs'
        asterisk = w.path / 'asterisk'
        for folder in (home, programs, asterisk):
            folder.mkdir()
        player = programs / 'play'  # only a sound card is missing here
        player.write_text('#!/bin/sh\nexec cat >"$HOME/played.wav"\n', encoding='utf-8')
        player.chmod(0o755)
        if page == 'pbx-record.1':
            (programs / 'asterisk').write_text('#!/bin/sh\necho Unable to connect to remote asterisk\nexit 1\n', encoding='utf-8')
            (programs / 'asterisk').chmod(0o755)
        w.env.update(PATH=f"{BIN}:{programs}:{w.env['PATH']}", HOME=str(home), PBX_MIGRATIONS=str(SOURCE / 'migrations'),
                     PBX_ASTERISK_DIR=str(asterisk), PBX_LINK_KEY=str(w.path / 'link.key'))
        (w.path / 'link.key').touch(mode=0o600)
        (w.path / 'link.key').write_text(f"1 {'5ca1ab1e' * 8}\n", encoding='utf-8')
        if page in EMPTY_DATABASE:
            empty = cluster().database()
            self.addCleanup(empty.drop)
            w.env['PBX_DATABASE'] = empty.conninfo
            psql = programs / 'psql'  # the database pbx is this one
            psql.write_text(f'#!/bin/sh\nexec {shutil.which("psql")} -v ON_ERROR_STOP=1 "$1" "$2" "$PBX_DATABASE"\n', encoding='utf-8')
            psql.chmod(0o755)
            return w, home
        if page not in NO_ORGANIZATION:
            w.db.sql("insert into organizations (name, context_prefix) values ('acme', 'acme')")
            account = w.db.value("select id from organizations where name = 'acme'")
            w.three_legs(CALL, account, stamp='20240418-1430')
            if page in A_LEG_IS_GONE:
                w.cdr('1713450001.7', '20240418-140001-919944421125-1003.wav', account, ago=7200)
        return w, home

    def judge(self, page):
        """Run the page's commands in their order, then check the audio that they wrote."""
        w, home = self.prepared(page.name)
        for command in commands(page):
            command = command.replace('/usr/lib/pbx-recording-tools/', f'{BIN}/')
            with self.subTest(command=command):
                done = subprocess.run(['bash', '-o', 'pipefail', '-c', command], cwd=home, env=w.environment(),
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      timeout=120 * SLOW, check=False)
                result = Result([command], done.returncode, done.stdout, done.stderr)
                no_report(result)
                self.assertIn(result.status, expected(command), f'\n{result}')
                self.assertFalse(re.search(r'not found|No such file', result.err), f'\n{result}')
        for file in home.rglob('*.wav'):
            with self.subTest(file=file.name), wave.open(str(file)) as audio:
                self.assertGreater(audio.getnframes(), 0)
        if any('| play ' in command for command in commands(page)):
            self.assertTrue((home / 'played.wav').exists())


class TheCommands(Case):
    def test_every_command_in_an_examples_section_follows_a_prompt(self):
        for page in PAGES:
            open_end = False
            for line in examples(page):
                with self.subTest(page=page.name, line=line):
                    if not open_end:
                        self.assertNotRegex(line, r'^\s+pbx-\S+ *($|-|\w+ -)', 'write "$ " before it')
                    open_end = line.rstrip().endswith(('\\', '|'))

    def test_every_tool_with_a_page_shows_examples(self):
        for tool in TOOLS:
            page = SOURCE / 'man' / f'{tool}.1'
            if not page.exists():
                continue  # checked with what all tools share
            with self.subTest(tool=tool):
                self.assertTrue(any(re.search(rf'\b{tool}\b', command) for command in commands(page)))

    def test_a_command_over_two_lines_is_read_as_one(self):
        w = self.workdir(remote=None, database=False)
        page = w.path / 'page.1'
        page.write_text('.Dd November 22, 2026\n.Dt PAGE 1\n.Os\n.Sh NAME\n.Nm page\n.Nd test\n.Sh EXAMPLES\nFirst:\n.Bd -literal '
                        '-offset indent\n$ true |\n    cat\n$ echo \\(dqa b\\(dq\n.Ed\n.Pp\n.Dl $ false\n.Sh SEE ALSO\n.Xr cat 1\n',
                        encoding='utf-8')
        self.assertEqual(commands(page), ['true |\ncat', 'echo "a b"', 'false'])


class Troubleshooting(Case):
    """The section of pbx-recording-tools(7) that begins with a symptom: its commands work, and the messages that it quotes exist."""
    PAGE = SOURCE / 'man' / 'pbx-recording-tools.7'

    def text(self):
        shown = subprocess.run(['mandoc', '-T', 'utf8', '-O', 'width=400', str(self.PAGE)], stdout=subprocess.PIPE, text=True,
                               check=True).stdout
        return re.search(r'(?ms)^TROUBLESHOOTING\n(.*?)^(?=\S)', re.sub('.\b', '', shown)).group(1)

    def test_every_command_of_ours_is_accepted(self):
        w = self.workdir(remote='local')
        w.db.sql("insert into organizations (name, context_prefix) values ('acme', 'acme')")
        account = w.db.value("select id from organizations where name = 'acme'")
        w.three_legs(CALL, account, stamp='20240418-1430')
        w.env.update(PATH=f"{BIN}:{w.env['PATH']}", PBX_ASTERISK_DIR=str(w.path), HOME=str(w.path))
        found = re.findall(r'(?m)^\s+\$ (pbx-.*)$', self.text())
        self.assertGreater(len(found), 10)
        for command in found:
            for name, value in (('CALL', CALL), ('ORG', 'acme'), ('CODE', account)):
                command = re.sub(rf'\b{name}\b', value, command)
            with self.subTest(command=command):
                done = subprocess.run(['bash', '-c', command], cwd=w.path, env=w.environment(), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120 * SLOW, check=False)
                self.assertIn(done.returncode, (0, 1), done.stderr)  # 1: a difference, or grep found nothing

    def test_every_message_that_it_quotes_is_one_that_a_tool_prints(self):
        source = ''
        for file in sorted((SOURCE / 'lib').rglob('*.cpp')):
            source += re.sub(r'"\s*\n\s*"', '', file.read_text(encoding='utf-8'))
        quoted = re.findall(r'\u201c(.*?)\u201d', self.text())
        self.assertGreater(len(quoted), 10)
        for message in quoted:
            with self.subTest(message=message):
                self.assertTrue(message in source, 'no source file contains this message')


class TheConfiguration(Case):
    """The examples of pbx.conf(5) and the installed pbx.conf.example are files that the tools read."""

    def reads(self, text):
        w = self.workdir(remote='local')
        w.env.update(PBX_STITCHED=str(w.stitched), PBX_STITCH_SRC=str(w.stitch_src))
        conf = w.path / 'pbx.conf'
        conf.write_text(text, encoding='utf-8')
        for tool, *arguments in (('pbx-stitch', '--dry-run'), ('pbx-archive', '--dry-run'), ('pbx-calls',),
                                 ('pbx-migrate', 'status', '--migrations', SOURCE / 'migrations'),
                                 ('pbx-recording-fetch', CALL)):
            result = w.run(tool, '--config', conf, *arguments)
            self.assertIn(result.status, (66,) if tool == 'pbx-recording-fetch' else (0,), f'\n{result}')
        conf.write_text('no-such-setting = 1\n' + text, encoding='utf-8')
        self.status(w.run('pbx-stitch', '--config', conf, '--dry-run'), 78)

    def test_the_manual_page_shows_a_file_that_every_tool_reads(self):
        lines = [line.strip() for line in examples(SOURCE / 'man' / 'pbx.conf.5')]
        self.assertTrue(any(line.startswith('database = ') for line in lines))
        self.reads('\n'.join(line for line in lines if '=' in line or line.startswith('[')) + '\n')

    def test_the_installed_example_is_a_file_that_every_tool_reads(self):
        text = (SOURCE / 'pbx.conf.example').read_text(encoding='utf-8')
        self.reads(text)
        self.reads(re.sub(r'(?m)^# (?=[a-z-]+ = )', '', text))


def add_pages():
    for page in PAGES:
        if not commands(page):
            continue
        name = re.sub(r'\W', '_', page.name)
        setattr(Examples, f'test_the_examples_of_{name}_work_as_written', lambda self, page=page: self.judge(page))


add_pages()
if __name__ == '__main__':
    main()
