"""Debian packages unpacked into a folder below build/: a test gets a server or a program that nothing installs or starts.

A folder is made once, by apt with lists and a package status of its own, and root is not needed. It has its final name only
when it is complete. Either it has all that the packages need, libraries and loader too, so that it can come from another
release (`complete`), or it has only what this machine lacks, and its programs run with the machine's loader.
"""
import fcntl
import glob
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(os.environ.get('PBX_SOURCE_DIR') or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get('PBX_BUILD_DIR') or SOURCE / 'build' / 'release')


class Unavailable(Exception):
    """The packages cannot be had here."""


class Unpacked:
    """`packages` in the folder build/<name>-root; folder() makes it where it is missing.

    `suites` are releases of the same archives, tried after (with `own=False` instead of) what the machine's apt offers.
    `finish(part, root)` completes the folder `part`, which becomes `root`; `recipe` is incremented when folders have to be
    made again."""

    def __init__(self, name, packages, *, suites=(), own=True, complete=False, finish=None, recipe='1'):
        self.name, self.packages, self.suites, self.own = name, packages, suites, own
        self.complete, self.finish, self.recipe = complete, finish, recipe

    def place(self):
        """Where the folder lies: shared by the builds of one checkout."""
        return (BUILD.parent if BUILD.parent.name == 'build' else BUILD) / f'{self.name}-root'

    def folder(self):
        root = self.place()
        root.parent.mkdir(parents=True, exist_ok=True)
        with open(f'{root}.lock', 'w', encoding='utf-8') as lock:  # two test runs at once: the second one waits
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._is_made(root):
                self._make(root)
        return root

    def program(self, path):
        """The program of this path, in the folder or, if the machine has the package, outside."""
        for place in (self.folder(), Path('/')):
            if (place / path).exists():
                return place / path
        raise Unavailable(f'the packages contain no {path}')

    def environment(self):
        """Variables with which a program of the folder finds its libraries and its Python modules."""
        root = self.folder()
        libraries = sorted({str(path.parent) for path in root.glob('**/*.so*') if path.parent.parent.name in ('lib', 'usr')
                            or path.parent.name == 'lib'})
        return {'LD_LIBRARY_PATH': ':'.join(libraries), 'PYTHONPATH': str(root / 'usr/lib/python3/dist-packages')}

    def _mark(self, root):
        return f"{self.recipe} {' '.join(self.packages)} {root}\n"

    def _is_made(self, root):
        """A copied or moved folder would contain wrong paths."""
        try:
            return (root / 'made').read_text(encoding='utf-8') == self._mark(root)
        except FileNotFoundError:
            return False

    def _make(self, root):
        for leftover in glob.glob(f'{glob.escape(str(root))}*.part'):
            shutil.rmtree(leftover)
        shutil.rmtree(root, ignore_errors=True)
        if not shutil.which('apt-get') or not shutil.which('dpkg-deb'):
            raise Unavailable('it cannot be downloaded without apt-get')
        tried = []
        for name, sources, lists in self._archives():
            part = Path(f'{root}.{name}.part')
            part.mkdir()
            try:
                self._fill(part, sources, lists)
                if self.finish:
                    self.finish(part, root)
                (part / 'made').write_text(self._mark(root), encoding='utf-8')
                part.rename(root)
                print(f'{self.name}: created {root} from {name}', file=sys.stderr)
                return
            except subprocess.CalledProcessError as why:
                said = [line for line in (why.stdout or '').splitlines() if line.startswith(('E:', 'Err:', 'W:'))]
                tried.append(f"{name}: {' '.join(said[:3]) or (why.stdout or '').strip()[-300:] or why}")
            except Unavailable as why:
                tried.append(f'{name}: {why}')
            finally:
                shutil.rmtree(part, ignore_errors=True)
        raise Unavailable('not found in any archive that apt is configured with: ' + '; '.join(tried))

    def _archives(self):
        """(name, sources.list text or None for the machine's own, folder of its lists or None to fetch them) to try."""
        if self.own:
            yield 'own', None, '/var/lib/apt/lists'
            if not self.suites:
                yield 'own-updated', None, None  # the machine's lists are absent or old
        keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
        signed = f'[signed-by={keyring}] ' if os.path.exists(keyring) else ''
        lines = subprocess.run(['apt-get', 'indextargets', '--format', '$(REPO_URI) $(COMPONENT)', 'Created-By: Packages'],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout.splitlines()
        sites = dict.fromkeys(line.split()[0] for line in lines if line.endswith(' main') and 'security' not in line)
        for number, site in enumerate(sites):
            for suite in self.suites:
                yield f'{suite}{number or ""}', f'deb {signed}{site} {suite} main\n', None

    def _fill(self, part, sources, lists):
        """Let apt work out and fetch what the packages need, and unpack that."""
        apt = part / 'apt'
        for folder in ('lists/partial', 'archives/partial', 'etc'):
            (apt / folder).mkdir(parents=True)
        if self.complete:
            (apt / 'status').touch()
        else:
            shutil.copy('/var/lib/dpkg/status', apt / 'status')
        options = ['-o', f'Dir::State={apt}', '-o', f"Dir::State::Lists={lists or apt / 'lists'}",
                   '-o', f'Dir::State::status={apt}/status', '-o', f'Dir::Cache={apt}',
                   '-o', f'Dir::Cache::Archives={apt}/archives', '-o', 'Acquire::Languages=none', '-o', 'APT::Sandbox::User=',
                   '-o', 'Acquire::Retries=3', '-o', 'Acquire::http::Timeout=20', '-o', 'APT::Install-Recommends=false',
                   '-o', 'Debug::NoLocking=true']
        if sources is not None:
            (apt / 'etc' / 'sources.list').write_text(sources, encoding='utf-8')
            options += ['-o', f'Dir::Etc::sourcelist={apt}/etc/sources.list', '-o', 'Dir::Etc::sourceparts=-']
        if lists is None:
            run('apt-get', *options, '-o', 'APT::Update::Error-Mode=any', 'update')
        for package in self.packages:
            found = run('apt-cache', *options, 'policy', package)
            if 'Candidate: ' not in found or 'Candidate: (none)' in found:
                raise Unavailable(f'this release has no package {package}')
        run('apt-get', *options, '-y', '--download-only', 'install', *self.packages)
        for package in sorted((apt / 'archives').glob('*.deb')):
            run('dpkg-deb', '--extract', str(package), str(part))
        shutil.rmtree(apt)


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=True, env={**os.environ, 'LC_ALL': 'C', 'DEBIAN_FRONTEND': 'noninteractive'}).stdout


def only(part, pattern):
    """The path, below the folder `part`, of the file that matches."""
    # A link to an absolute path would lead out of the folder.
    found = sorted((path for path in part.glob(pattern) if not (path.is_symlink() and os.path.isabs(os.readlink(path)))),
                   key=lambda path: len(path.parts))
    if not found:
        raise Unavailable(f'the packages contain no {pattern}')
    return found[0].relative_to(part)


def loader(part, root):
    """The words that start a program of a complete folder with the folder's own loader and libraries."""
    # Packages from before the merge of / and /usr keep part of the libraries in /lib, and Asterisk 16 its own in /usr/lib.
    triplet = only(part, '**/libc.so.6').parent.name
    folders = [folder for folder in (Path('usr/lib') / triplet, Path('lib') / triplet, Path('usr/lib')) if (part / folder).is_dir()]
    return [f"{root}/{only(part, '**/ld-linux*.so.*')}", '--library-path', ':'.join(f'{root}/{folder}' for folder in folders)]
