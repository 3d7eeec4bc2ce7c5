#!/usr/bin/env python3
"""A folder with a real Asterisk in it, from the packages that apt offers on this machine. Nothing is installed, and root is not needed.

With PBX_ASTERISK=16 in the environment it is Debian bullseye's Asterisk 16, in a folder of its own.

Run as a program, it creates the folder if it is missing, and prints the path of an `asterisk` program:

    ASTERISK=$(tests/asterisk/asterisk_root.py) || exit 77    # the reason is printed on stderr
    "$ASTERISK" -C /some/folder/asterisk.conf -f

That program accepts all of Asterisk's options. It runs with the loader and the libraries of the folder, without chroot, so paths
mean the same inside and outside. It uses the folder's modules and documentation unless the asterisk.conf that `-C` names sets
others. private_asterisk.py has an Asterisk that a test starts and stops.
"""
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'support'))
# pylint: disable=wrong-import-position
from unpacked import Unavailable, Unpacked, loader, only, run

# The version that the environment asks for; empty for a current one.
WANTED = os.environ.get('PBX_ASTERISK', '')
IS_CURRENT = not WANTED

# Debian has Asterisk in unstable, Ubuntu in every release: tried after what the machine's own apt would install.
CURRENT_SUITES = ('sid',)
OLD_SUITES = {'16': ('bullseye',)}

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
exec {loader} "$root/usr/sbin/asterisk" "$@"
'''


def place():
    """Where the folder lies."""
    return FOLDER.place()


def program():
    """The path of an `asterisk` that works, making the folder first where it is missing."""
    return FOLDER.folder() / 'asterisk'


def _finish(part, root):
    """Write the program, and check that it runs."""
    modules = only(part, 'usr/lib/**/asterisk/modules/cdr_pgsql.so').parent
    text = PROGRAM.format(root=root, modules=modules, loader=shlex.join(loader(part, root)))
    with tempfile.NamedTemporaryFile('w', suffix='.sh', encoding='utf-8') as trial:  # before the folder has its final name
        trial.write(text.replace(str(root), str(part)))
        trial.flush()
        try:
            version = run('sh', trial.name, '-V').strip()
        except subprocess.CalledProcessError as why:
            raise Unavailable(f'it does not run: {why.stdout.strip()}') from why
    target = part / 'asterisk'
    target.write_text(text, encoding='utf-8')
    target.chmod(0o755)
    print(f'asterisk: {version}', file=sys.stderr)


def _of_version(wanted):
    if not wanted:
        return Unpacked('asterisk', ['asterisk'], suites=CURRENT_SUITES, complete=True, finish=_finish)
    if wanted not in OLD_SUITES:
        raise SystemExit(f"asterisk_root: PBX_ASTERISK={wanted}: known versions are {', '.join(OLD_SUITES)}")
    return Unpacked(f'asterisk-{wanted}', ['asterisk'], suites=OLD_SUITES[wanted], own=False, complete=True, finish=_finish)


FOLDER = _of_version(WANTED)


if __name__ == '__main__':
    try:
        print(program())
    except Unavailable as reason:
        print(f'asterisk_root: no Asterisk: {reason}', file=sys.stderr)
        sys.exit(77)
