"""The Debian package and a plain installation: where the files are, and that the tools work from there."""
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from workdir import BIN, SANITIZED, SLOW, SOURCE, Case, main

BUILD = BIN.parent
TOOLS = sorted(source.stem for source in (SOURCE / 'tools').glob('*.cpp'))
PAGES = sorted(page.name for page in (SOURCE / 'man').glob('*.[157]'))
PLACES = {'pbx-recording-cgi': 'lib/pbx-recording-tools'}  # of tools that are not in bin
MIGRATIONS = sorted(file.name for file in (SOURCE / 'migrations').glob('*.sql'))


def command(*parts, **how):
    done = subprocess.run([str(part) for part in parts], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=300 * SLOW, **how)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, parts))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def tree(folder):
    """{path below the folder: mode} of the files."""
    return {str(file.relative_to(folder)): file.stat().st_mode & 0o7777 for file in Path(folder).rglob('*') if file.is_file()}


@unittest.skipIf(SANITIZED, 'an operator installs the release build')
class Package(Case):
    """One package, built once."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix='pbx-package-'))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        command('cpack', '--config', BUILD / 'CPackConfig.cmake', '-B', cls.folder / 'out', cwd=BUILD)
        cls.deb, = (cls.folder / 'out').glob('*.deb')
        cls.root = cls.folder / 'root'
        command('dpkg-deb', '-x', cls.deb, cls.root)
        command('dpkg-deb', '-e', cls.deb, cls.folder / 'control')
        cls.files = tree(cls.root)

    def field(self, name):
        return command('dpkg-deb', '-f', self.deb, name).strip()

    def test_lintian_finds_no_error(self):
        user = ['--allow-root'] if os.geteuid() == 0 else []
        done = subprocess.run(['lintian', *user, '--fail-on', 'error', str(self.deb)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=300 * SLOW)
        self.assertEqual((done.returncode, re.findall(r'(?m)^E: .*', done.stdout)), (0, []), done.stdout)

    def test_it_holds_every_tool_with_its_page_and_its_completion(self):
        self.assertGreaterEqual(len(TOOLS), 6)
        for tool in TOOLS:
            self.assertEqual(self.files.get(f"usr/{PLACES.get(tool, 'bin')}/{tool}"), 0o755, tool)
            for path in (f'bash-completion/completions/{tool}', f'zsh/vendor-completions/_{tool}',
                         f'fish/vendor_completions.d/{tool}.fish'):
                self.assertEqual(self.files.get(f'usr/share/{path}'), 0o644, path)
            self.assertIn(f'complete -F _{tool.replace("-", "_")} {tool}\n',
                          (self.root / 'usr/share/bash-completion/completions' / tool).read_text(encoding='utf-8'))
        for page in PAGES:
            packed = self.root / f'usr/share/man/man{page[-1]}/{page}.gz'
            self.assertEqual(gzip.decompress(packed.read_bytes()), (SOURCE / 'man' / page).read_bytes())

    def test_it_holds_the_migrations_the_examples_and_the_documents(self):
        for name in MIGRATIONS:
            self.assertEqual((self.root / 'usr/share/pbx-recording-tools/migrations' / name).read_bytes(),
                             (SOURCE / 'migrations' / name).read_bytes())
        sounds = self.root / 'usr/share/pbx-recording-tools/sounds'
        self.assertEqual(sorted(path.name for path in sounds.iterdir()),
                         ['README.md', *(f'consent-{mode}.ulaw' for mode in ('announcement', 'opt-in', 'opt-out'))])
        doc = self.root / 'usr/share/doc/pbx-recording-tools'
        self.assertEqual((doc / 'examples/pbx.conf.example').read_bytes(), (SOURCE / 'pbx.conf.example').read_bytes())
        examples = SOURCE / 'asterisk'
        self.assertIn(examples / '16' / 'cdr.conf', examples.rglob('*.conf'))
        for conf in examples.rglob('*.conf'):
            self.assertEqual((doc / 'examples/asterisk' / conf.relative_to(examples)).read_bytes(), conf.read_bytes())
        for conf in (SOURCE / 'http').glob('*.conf'):
            self.assertEqual((doc / 'examples/http' / conf.name).read_bytes(), conf.read_bytes())
        self.assertTrue((doc / 'README.md').exists())
        for page in (SOURCE / 'docs').glob('*.md'):
            self.assertEqual((doc / 'docs' / page.name).read_bytes(), page.read_bytes())
        for page in (SOURCE / 'man').glob('*.[157]'):
            for name in re.findall(r'/usr/share/doc/pbx-recording-tools/[^ \n]+', page.read_text(encoding='utf-8')):
                self.assertTrue((self.root / name[1:]).exists(), name)
        self.assertIn('License: Expat', (doc / 'copyright').read_text(encoding='utf-8'))
        first = gzip.decompress((doc / 'changelog.gz').read_bytes()).decode().splitlines()[0]
        self.assertTrue(first.startswith(f"pbx-recording-tools ({self.field('Version')}) "), first)

    def test_the_hourly_runs_are_a_configuration_file_of_the_package(self):
        cron = self.root / 'etc/cron.d/pbx-recording-tools'
        self.assertEqual(cron.read_bytes(), (SOURCE / 'crontab').read_bytes())
        self.assertEqual(self.files['etc/cron.d/pbx-recording-tools'], 0o644)  # cron ignores a file that others may write
        self.assertEqual((self.folder / 'control/conffiles').read_text(encoding='utf-8'), '/etc/cron.d/pbx-recording-tools\n')

    def test_installing_it_starts_nothing(self):
        self.assertEqual(sorted(os.listdir(self.folder / 'control')), ['conffiles', 'control', 'md5sums', 'postinst', 'postrm'])
        for path in self.files:
            self.assertRegex(path, r'^(usr/bin/pbx-|usr/lib/pbx-recording-tools/pbx-|usr/share/|etc/cron\.d/pbx-recording-tools$|usr/lib/systemd/system/pbx-recording-tools\.)')
        script = (self.folder / 'control/postinst').read_text(encoding='utf-8')
        self.assertNotRegex(script, 'systemctl (start|enable|restart)')

    def test_the_timer_runs_what_cron_runs_and_only_one_of_them_does(self):
        units = self.root / 'usr/lib/systemd/system'
        service = (units / 'pbx-recording-tools.service').read_text(encoding='utf-8')
        command, = re.findall(r"(?m)^ExecStart=/bin/sh -c '(.*)'$", service)
        work = self.workdir(remote=None, database=False)
        log = work.path / 'log'
        bin_folder = work.path / 'bin'
        bin_folder.mkdir()
        for tool in ('pbx-calls', 'pbx-stitch', 'pbx-archive'):
            (bin_folder / tool).write_text(f'#!/bin/sh\necho {tool} "$@" >>{log}\ntest {tool} != pbx-stitch || exit 65\n', encoding='utf-8')
            (bin_folder / tool).chmod(0o755)
        timer = work.path / 'enabled.timer'
        env = {'PATH': f'{bin_folder}:/usr/bin:/bin', 'CDR': '/x.csv', 'TIMER': str(timer)}
        wanted = 'pbx-calls import --missing-ok /x.csv.1 /x.csv\npbx-stitch\npbx-archive\n'
        done = subprocess.run(['/bin/sh', '-c', command.replace('$$', '$')], env=env, check=False)
        self.assertEqual((done.returncode, log.read_text(encoding='utf-8')), (65, wanted))
        line, = re.findall(r'(?m)^0 \* \* \* \* asterisk (.*)$', (self.root / 'etc/cron.d/pbx-recording-tools').read_text(encoding='utf-8'))
        log.unlink()
        subprocess.run(['/bin/sh', '-c', line], env=env, check=False)
        self.assertEqual(log.read_text(encoding='utf-8'), wanted)
        log.unlink()
        timer.touch()
        subprocess.run(['/bin/sh', '-c', line], env=env, check=True)
        self.assertFalse(log.exists())

    def test_it_depends_on_the_libraries_that_it_links_and_on_rclone(self):
        depends = self.field('Depends')
        for wanted in ('rclone', 'libc6', 'libpq5', 'libsndfile1', 'libsamplerate0', 'libsoci-core', 'libsoci-postgresql', 'libssl3',
                       'libxxhash0'):
            self.assertRegex(depends, rf'(^|, ){wanted}')

    def test_the_packaged_tools_work_in_place_and_find_their_migrations(self):
        w = self.workdir(remote=None, database=False)
        for tool in TOOLS:
            said = w.run(self.root / 'usr' / PLACES.get(tool, 'bin') / tool, '--version')
            self.assertEqual((said.status, said.text), (0, f"{tool} {self.field('Version')}\n"))
        self.knows_its_migrations(self.root / 'usr/bin/pbx-migrate')

    def knows_its_migrations(self, program):
        """The tool finds the migrations of its own installation, not those of the build's prefix."""
        w = self.workdir(remote=None, database=True)
        w.env.pop('PBX_MIGRATIONS', None)
        own = program.parent.parent / 'share/pbx-recording-tools/migrations/20990101-newest.sql'
        own.write_text('select 1;\n', encoding='utf-8')
        try:
            status = w.run(program, 'status')
        finally:
            own.unlink()
        self.assertEqual(status.status, 1, f'\n{status}')
        self.assertIn('20990101-newest', status.text)

    def test_an_installation_elsewhere_stays_inside_its_prefix(self):
        prefix = self.folder / 'prefix'
        command('cmake', '--install', BUILD, '--prefix', prefix)
        files = tree(prefix)
        self.assertEqual((prefix / 'etc/cron.d/pbx-recording-tools').read_bytes(), (SOURCE / 'crontab').read_bytes())
        for tool in TOOLS:
            self.assertEqual(files[f"{PLACES.get(tool, 'bin')}/{tool}"], 0o755)
        for page in PAGES:
            self.assertIn(f'share/man/man{page[-1]}/{page}', files)
        self.knows_its_migrations(prefix / 'bin/pbx-migrate')

    def test_an_installation_for_the_system_puts_the_hourly_runs_where_cron_looks(self):
        for prefix in ('/usr/local', '/usr'):
            stage = self.folder / f'stage{prefix.replace("/", "-")}'
            command('cmake', '--install', BUILD, '--prefix', prefix, env={**os.environ, 'DESTDIR': str(stage)})
            files = tree(stage)
            self.assertEqual(files['etc/cron.d/pbx-recording-tools'], 0o644)
            self.assertEqual(files[f'{prefix[1:]}/bin/pbx-stitch'], 0o755)


if __name__ == '__main__':
    for needed in ('cpack', 'lintian', 'dpkg-deb', 'dpkg-shlibdeps', 'file'):
        if not shutil.which(needed):
            print(f'SKIPPED: missing: {needed}. tests/run installs it.', file=sys.stderr)
            sys.exit(77)
    main()
