#!/usr/bin/env python3
"""A folder with a real Asterisk in it, from the packages that apt offers on this machine. Nothing is installed, and root is not needed.

Run as a program, it creates the folder if it is missing, and prints the path of an `asterisk` program:

    ASTERISK=$(tests/asterisk/asterisk_root.py) || exit 77    # the reason is printed on stderr
    "$ASTERISK" -C /some/folder/asterisk.conf -f

That program accepts all of Asterisk's options. It runs with the loader and the libraries of the folder, without chroot, so paths
mean the same inside and outside. It uses the folder's modules and documentation unless the asterisk.conf that `-C` names sets
others. private_asterisk.py has an Asterisk that a test starts and stops.
"""
import fcntl
import glob
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(os.environ.get('PBX_SOURCE_DIR') or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get('PBX_BUILD_DIR') or SOURCE / 'build' / 'release')

# Debian has Asterisk in unstable, Ubuntu in every release: tried after what the machine's own apt would install. Bullseye's
# Asterisk 16 records the same audio, but refuses cdr.conf for its ignoredialchanges, and names a leg on several rows.
SUITES = ('sid',)
RECIPE = '1'  # incremented when the folder has to be rebuilt

PROGRAM = '''#!/bin/sh
# Asterisk from this folder, under the folder's own loader and libraries: see tests/asterisk/asterisk_root.py.
root={root}
for argument; do
    if [ "${{take-}}" ]; then conf=$argument; break; fi
    case $argument in -C) take=1 ;; esac
done
if [ "${{conf-}}" ] && [ -r "$conf" ] && ! grep -q '^ *astmoddir' "$conf"; then
    mine=${{conf%.conf}}.in-root.conf
    {{
        cat "$conf"
        echo
        if grep -q '^ *\\[directories\\]' "$conf"; then echo '[directories](+)'; else echo '[directories]'; fi
        echo "astmoddir => $root/{modules}"
        grep -q '^ *astdatadir' "$conf" || echo "astdatadir => $root/usr/share/asterisk"
    }} >"$mine.$$" && mv "$mine.$$" "$mine"
    for argument; do # the same arguments, with our file in place of the caller's
        shift
        if [ "$argument" = "$conf" ]; then argument=$mine; fi
        set -- "$@" "$argument"
    done
fi
exec "$root/{loader}" --library-path "$root/{libraries}" "$root/usr/sbin/asterisk" "$@"
'''


class Unavailable(Exception):
    """No Asterisk is available here."""


def place():
    """Where the folder lies: shared by the builds of one checkout, so that it is made once."""
    return (BUILD.parent if BUILD.parent.name == 'build' else BUILD) / 'asterisk-root'


def program():
    """The path of an `asterisk` that works, making the folder first where it is missing."""
    root = place()
    root.parent.mkdir(parents=True, exist_ok=True)
    with open(f'{root}.lock', 'w', encoding='utf-8') as lock:  # two test runs at once: the second one waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _whole(root):
            _make(root)
    return root / 'asterisk'


def _whole(root):
    """The folder gets its final name only when it is complete; a copied or moved one would contain wrong paths."""
    try:
        return (root / 'made').read_text(encoding='utf-8') == f'{RECIPE} {root}\n'
    except FileNotFoundError:
        return False


def _make(root):
    for leftover in glob.glob(f'{glob.escape(str(root))}*.part'):
        shutil.rmtree(leftover)
    shutil.rmtree(root, ignore_errors=True)
    if not shutil.which('apt-get') or not shutil.which('dpkg-deb'):
        raise Unavailable('it cannot be downloaded without apt-get')
    tried = []
    for name, sources in _archives():
        part = Path(f'{root}.{name}.part')
        part.mkdir()
        try:
            _fill(part, sources)
            _finish(part, root)
            part.rename(root)
            print(f'asterisk: created {root} from {name}: {_version(root)}', file=sys.stderr)
            return
        except subprocess.CalledProcessError as why:
            said = [line for line in (why.stdout or '').splitlines() if line.startswith(('E:', 'Err:', 'W:'))]
            tried.append(f"{name}: {' '.join(said[:3]) or (why.stdout or '').strip()[-300:] or why}")
        except Unavailable as why:
            tried.append(f'{name}: {why}')
        finally:
            shutil.rmtree(part, ignore_errors=True)
    raise Unavailable('not found in any archive that apt is configured with: ' + '; '.join(tried))


def _archives():
    """(name, sources.list text or None for the machine's own) to try."""
    yield 'own', None
    keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
    signed = f'[signed-by={keyring}] ' if os.path.exists(keyring) else ''
    lines = subprocess.run(['apt-get', 'indextargets', '--format', '$(REPO_URI) $(COMPONENT)', 'Created-By: Packages'],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout.splitlines()
    sites = dict.fromkeys(line.split()[0] for line in lines if line.endswith(' main') and 'security' not in line)
    for number, site in enumerate(sites):
        for suite in SUITES:
            yield f'{suite}{number or ""}', f'deb {signed}{site} {suite} main\n'


def _fill(part, sources):
    """Let apt, with lists and a package status of its own, work out and fetch what Asterisk needs, and unpack that."""
    apt = part / 'apt'
    for folder in ('lists/partial', 'archives/partial', 'etc'):
        (apt / folder).mkdir(parents=True)
    (apt / 'status').touch()
    options = ['-o', f'Dir::State={apt}', '-o', f'Dir::State::Lists={apt}/lists', '-o', f'Dir::State::status={apt}/status',
               '-o', f'Dir::Cache={apt}', '-o', f'Dir::Cache::Archives={apt}/archives', '-o', 'Acquire::Languages=none',
               '-o', 'APT::Sandbox::User=', '-o', 'Acquire::Retries=3', '-o', 'Acquire::http::Timeout=20',
               '-o', 'APT::Install-Recommends=false', '-o', 'Debug::NoLocking=true']
    if sources is not None:
        (apt / 'etc' / 'sources.list').write_text(sources, encoding='utf-8')
        options += ['-o', f'Dir::Etc::sourcelist={apt}/etc/sources.list', '-o', 'Dir::Etc::sourceparts=-']
        _run('apt-get', *options, '-o', 'APT::Update::Error-Mode=any', 'update')
    else:  # the lists that the machine has, without an update
        options[options.index(f'Dir::State::Lists={apt}/lists')] = 'Dir::State::Lists=/var/lib/apt/lists'
        found = _run('apt-cache', *options, 'policy', 'asterisk')
        if 'Candidate: ' not in found or 'Candidate: (none)' in found:
            raise Unavailable('this release has no package asterisk')
    _run('apt-get', *options, '-y', '--download-only', 'install', 'asterisk')
    for package in sorted((apt / 'archives').glob('*.deb')):
        _run('dpkg-deb', '--extract', str(package), str(part))
    shutil.rmtree(apt)


def _run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=True, env={**os.environ, 'LC_ALL': 'C', 'DEBIAN_FRONTEND': 'noninteractive'}).stdout


def _finish(part, root):
    """Write the program, check that it runs, and mark the folder as complete."""
    def only(pattern):
        # A link to an absolute path would lead out of the folder.
        found = sorted((path for path in part.glob(pattern) if not (path.is_symlink() and os.path.isabs(os.readlink(path)))),
                       key=lambda path: len(path.parts))
        if not found:
            raise Unavailable(f'the packages contain no {pattern}')
        return found[0].relative_to(part)
    modules = only('usr/lib/**/asterisk/modules/cdr_pgsql.so').parent
    loader = only('**/ld-linux*.so.*')
    # Packages from before the merge of / and /usr keep part of the libraries in /lib, and Asterisk 16 its own in /usr/lib.
    triplet = only('**/libc.so.6').parent.name
    folders = [folder for folder in (Path('usr/lib') / triplet, Path('lib') / triplet, Path('usr/lib')) if (part / folder).is_dir()]
    libraries = f':{root}/'.join(map(str, folders))
    text = PROGRAM.format(root=root, modules=modules, loader=loader, libraries=libraries)
    with tempfile.NamedTemporaryFile('w', suffix='.sh', encoding='utf-8') as trial:  # before the folder has its final name
        trial.write(text.replace(str(root), str(part)))
        trial.flush()
        try:
            _run('sh', trial.name, '-V')
        except subprocess.CalledProcessError as why:
            raise Unavailable(f'it does not run: {why.stdout.strip()}') from why
    target = part / 'asterisk'
    target.write_text(text, encoding='utf-8')
    target.chmod(0o755)
    (part / 'made').write_text(f'{RECIPE} {root}\n', encoding='utf-8')


def _version(root):
    return _run(str(root / 'asterisk'), '-V').strip()


if __name__ == '__main__':
    try:
        print(program())
    except Unavailable as reason:
        print(f'asterisk_root: no Asterisk: {reason}', file=sys.stderr)
        sys.exit(77)
