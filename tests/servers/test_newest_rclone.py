#!/usr/bin/env python3
"""The newest rclone, Debian sid's, unpacked into a folder: the tests that depend most on what rclone does and prints."""
import os
import shlex
import sys
from pathlib import Path

import workdir
from unpacked import Unavailable, Unpacked, loader, run

HERE = Path(__file__).resolve().parent


def finish(part, root):
    """A program `rclone`, alone in a folder for PATH, that runs with the folder's loader."""
    (part / 'bin-rclone').mkdir()
    program = part / 'bin-rclone' / 'rclone'
    program.write_text(f'#!/bin/sh\nexec {shlex.join(loader(part, root))} {shlex.quote(str(root))}/usr/bin/rclone "$@"\n',
                       encoding='utf-8')
    program.chmod(0o755)


if workdir.SANITIZED:
    print('SKIPPED: what rclone prints does not depend on the build', file=sys.stderr)
    sys.exit(77)
try:
    folder = Unpacked('rclone-sid', ['rclone'], suites=('sid',), own=False, complete=True, finish=finish).folder()
    os.environ['PATH'] = f"{folder / 'bin-rclone'}:{os.environ['PATH']}"
    print(run('rclone', 'version').splitlines()[0], file=sys.stderr)
except Unavailable as why:
    print(f'SKIPPED: no newer rclone: {why}', file=sys.stderr)
    sys.exit(77)

sys.path[:0] = [str(HERE), str(HERE.parent / 'integration')]
# pylint: disable=wrong-import-position,wildcard-import,unused-wildcard-import
from test_apache import *
from test_damage import InTheArchive
from test_openssh import *
from test_remote_kinds import Damaged, Refused, Wrapped
from test_swift import *
from test_vsftpd import *

if __name__ == '__main__':
    workdir.main('pbx-archive', 'pbx-stitch', 'pbx-recording-fetch', 'pbx-migrate')
