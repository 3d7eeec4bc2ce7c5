"""What a test of a tool needs: a spool, a database, a remote, and the built tools. A test is five lines:

    class Stitch(Case):
        def test_a_call_of_three_legs_becomes_one_file(self):
            w = self.workdir()
            w.call('1776500000.1', [('a.wav', tone(440)), ('b.wav', tone(660))])
            self.status(w.run('pbx-stitch'), 0)
            Wav(w.stitched / '1776500000.1.wav').check()
"""
import contextlib
import copy
import fcntl
import hashlib
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

import postgres
import sound
from fake_gcs import FakeGcs
from postgres import Cluster, Database, quoted

SOURCE = Path(os.environ.get('PBX_SOURCE_DIR') or Path(__file__).resolve().parents[2])
BIN = Path(os.environ.get('PBX_BIN_DIR') or SOURCE / 'build' / 'release' / 'bin')
LONG = bool(os.environ.get('PBX_LONG'))

SANITIZER = re.compile(rb'ERROR: (Address|Leak)Sanitizer|SUMMARY: \w+Sanitizer|: runtime error: ')
SANITIZED = bool(os.environ.get('PBX_SANITIZED'))
SLOW = 4 if SANITIZED else 1  # factor on time limits
NO_LEAK_CHECK = {'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'}  # which needs a thread, and to be no tracee

ACCOUNT = '6f1e1a52-9a0c-4d0e-8a3c-6b0f5c1d2e3f'
OTHER_ACCOUNT = 'c0ffee00-1111-4222-8333-444455556666'
BELOW = 'astra_pbx/recordings/'  # where in the bucket the legs lie

# What `pbx-archive init` would have stored in every remote and remembered in every database.
MARKER = '.pbx-archive.json'
ARCHIVE_ID = '5ca1ab1e' * 4
MARKER_TEXT = f'{{"id": "{ARCHIVE_ID}", "made": "2026-04-18T14:40:04Z", "version": "test"}}'.encode()
REMEMBER_ARCHIVE = f"insert into archives (remote, id) values ('any', '{ARCHIVE_ID}')"

SHAPE = """select md5(string_agg(concat(attrelid, attname, atttypid), ',' order by attrelid, attnum))
           from pg_attribute where attnum > 0 and attrelid >= 16384"""

_cluster = None
_template = None
_shape = None
_idle = []  # databases that a finished test used, emptied: faster than new ones


def cluster():
    """The script's one PostgreSQL server."""
    global _cluster
    if _cluster is None:
        _cluster = Cluster()
    return _cluster


def migrated():
    """The name of a database with the whole schema, to be copied."""
    global _template, _shape
    if _template is None:
        database = cluster().database(name='template_pbx')
        if (BIN / 'pbx-migrate').exists():
            done = subprocess.run([BIN / 'pbx-migrate', 'up', '--database', database.conninfo, '--migrations',
                                   SOURCE / 'migrations'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if done.returncode:
                raise RuntimeError(f"pbx-migrate up ended with {done.returncode}:\n{done.stdout.decode(errors='replace')}")
        else:
            for file in sorted((SOURCE / 'migrations').glob('*.sql')):
                done = database.psql('-f', str(file))
                if done.returncode:
                    raise RuntimeError(done.stderr)
        database.sql(REMEMBER_ARCHIVE)
        _shape = database.value(SHAPE)
        _template = database.name
    return _template


def _put_back(database):
    """Empty a database for the next test; one whose schema a test has changed is dropped."""
    done = database.psql('-At', '-c', f"""
        set session_replication_role = replica;
        do $$
        declare t regclass;
        begin
            for t in select oid from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
                     and relname <> 'schema_migrations' loop
                execute format('delete from %s', t);
            end loop;
            {REMEMBER_ARCHIVE};
        end $$;
        {SHAPE}""")
    if done.returncode or done.stdout.strip() != _shape:
        database.drop()
    else:
        _idle.append(database)


class Result:
    """How a tool ended: status, out (bytes), err (text)."""

    def __init__(self, command, status, out, err):
        self.command, self.status, self.out = [str(part) for part in command], status, out
        self.err = err.decode(errors='backslashreplace')
        self.text = out.decode(errors='backslashreplace')

    def __str__(self):
        return f"{' '.join(self.command)}\nended with {self.status}\nstdout: {self.text[:1000]}\nstderr: {self.err[:4000]}"


class Remote:
    """A place in a remote: its rclone path, and its contents, read without rclone."""

    def __init__(self, path, folder=None, cloud=None):
        self.path, self.folder, self.cloud = path, folder, cloud

    def files(self):
        """{name: bytes} without the archive's marker; stitched recordings are named stitched/..."""
        stored = self.cloud.objects(below=BELOW) if self.cloud else {
            str(file.relative_to(self.folder)): file.read_bytes() for file in self.folder.rglob('*') if file.is_file()}
        return {name: data for name, data in stored.items() if name != MARKER}

    def put(self, name, data):
        if self.cloud:
            self.cloud.put(BELOW + name, data, content_type='audio/x-wav')
        else:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data)

    def remove(self, name):
        if self.cloud:
            self.cloud.remove(BELOW + name)
        else:
            (self.folder / name).unlink()


class Workdir:
    """A PBX in a temporary folder. `remote`: gcs (a server that speaks Google's API), local, webdav, sftp, or None."""

    def __init__(self, remote='gcs', database=True):
        self.stack = contextlib.ExitStack()
        self.path = Path(tempfile.mkdtemp(prefix='pbx-test-'))
        # calldate has whole seconds; and the rows of one call must not drift apart while they are inserted.
        self.now = int(time.time())
        self.stack.callback(shutil.rmtree, self.path, ignore_errors=True)
        self.path.chmod(0o755)
        self.spool = self.path / 'monitor'
        self.stitched = self.spool / 'stitched'
        self.stitch_src = self.path / 'stitch-src'
        self.spool.mkdir()
        self.rclone_conf = self.path / 'rclone.conf'
        self.rclone_conf.touch(mode=0o600)
        self.healthy = ''
        self.etc = None
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith(('PBX_', 'PG', 'RCLONE_')) and key not in ('TZ', 'LANG', 'LC_ALL')}
        # Plain text on terminals too, unless a test is about colours or the pager.
        self.env.update(NO_COLOR='1', PBX_PAGER='cat')
        # No reserve, so that the tests do not depend on how full this disk is.
        self.env.update(RCLONE_CONFIG=str(self.rclone_conf), PBX_SPOOL=str(self.spool), HOME=str(self.path), PBX_RESERVE='0%',
                        XDG_CACHE_HOME=str(self.path / 'cache'))
        self.db = None
        if database:
            self.db = _idle.pop() if _idle else cluster().database(template=migrated())
            self.stack.callback(_put_back, self.db)
            self.env['PBX_DATABASE'] = self.db.conninfo
        self.cloud = None
        self.remote = None
        if remote:
            self.remote = getattr(self, f'_{remote}')()
            self.remote.put(MARKER, MARKER_TEXT)
            self.env['PBX_REMOTE'] = self.remote.path

    def close(self):
        self.stack.close()

    def second_node(self, name='b', own_name='a'):
        """Another machine with a spool of its own, which shares this one's database and remote. With None a machine has no
        node name."""
        other = copy.copy(self)
        other.path = self.path / 'second-node'
        other.spool = other.path / 'monitor'
        other.stitched = other.spool / 'stitched'
        other.stitch_src = other.path / 'stitch-src'
        other.spool.mkdir(parents=True)
        other.env = {**self.env, 'PBX_SPOOL': str(other.spool)}
        for machine, its_name in ((self, own_name), (other, name)):
            if its_name:
                machine.env['PBX_NODE'] = its_name
        return other

    def asterisk_folder(self, **files):
        """The folder that pbx-dialplan-gen deploys into, with these files: pjsip=TEXT is pjsip.conf."""
        self.etc = self.path / 'etc'
        self.etc.mkdir()
        self.env['PBX_ASTERISK_DIR'] = str(self.etc)
        for name, text in files.items():
            (self.etc / f'{name}.conf').write_text(text, encoding='utf-8')
        return self.etc

    # --- remotes

    def _gcs(self):
        self.cloud = self.stack.enter_context(FakeGcs())
        self.rclone_conf.write_text('[firebase]\ntype = google cloud storage\nanonymous = true\n'
                                    f'bucket_policy_only = true\nendpoint = {self.cloud.endpoint}\n', encoding='utf-8')
        return Remote('firebase:bkt/' + BELOW.rstrip('/'), cloud=self.cloud)

    def _local(self):
        folder = self.path / 'remote'
        folder.mkdir()
        return Remote(str(folder), folder=folder)

    def _webdav(self):
        folder, port = self._serve('webdav', r'http://127\.0\.0\.1:(\d+)/')
        self.rclone_conf.write_text(f'[dav]\ntype = webdav\nurl = http://127.0.0.1:{port}/\nvendor = other\n',
                                    encoding='utf-8')
        return Remote('dav:' + BELOW.rstrip('/'), folder=folder)

    def _sftp(self):
        folder, port = self._serve('sftp', r'listening on 127\.0\.0\.1:(\d+)', '--user', 'pbx', '--pass', 'secret')
        secret = subprocess.run(['rclone', 'obscure', 'secret'], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
        self.rclone_conf.write_text(f'[ssh]\ntype = sftp\nhost = 127.0.0.1\nport = {port}\nuser = pbx\npass = {secret}\n'
                                    'md5sum_command = md5sum\n', encoding='utf-8')
        return Remote('ssh:' + BELOW.rstrip('/'), folder=folder)

    def _serve(self, protocol, ready, *options):
        """Serve a folder with rclone: the folder of the remote, and the server's port, which `ready` finds in its log."""
        root = self.path / 'remote'
        folder = root / BELOW
        folder.mkdir(parents=True)
        log = self.path / f'{protocol}.log'
        # pylint: disable=consider-using-with
        server = subprocess.Popen(['setpriv', '--pdeathsig', 'TERM', 'rclone', 'serve', protocol, str(root), '--addr',
                                   '127.0.0.1:0', '--config', '', '--log-file', str(log), '--log-level', 'INFO',
                                   '--dir-cache-time', '0', *options], env=self.env, stdin=subprocess.DEVNULL)
        self.stack.callback(_end, server)
        for _ in range(400):
            found = log.exists() and re.search(ready, log.read_text())
            if found:
                return folder, found.group(1)
            time.sleep(0.05)
        raise RuntimeError(f'rclone serve {protocol} did not start: {log.read_text() if log.exists() else ""}')

    def remote_down(self):
        """From now on the remote refuses connections; remote_up() ends that."""
        self.healthy = self.rclone_conf.read_text(encoding='utf-8')
        # Bound for as long as this Workdir lives: another test's server on this port would answer in the remote's place.
        closed = self.stack.enter_context(socket.socket())
        closed.bind(('127.0.0.1', 0))
        port = closed.getsockname()[1]
        self.rclone_conf.write_text(re.sub(r'127\.0\.0\.1:\d+', f'127.0.0.1:{port}', self.healthy), encoding='utf-8')

    def remote_up(self):
        self.rclone_conf.write_text(self.healthy, encoding='utf-8')

    def count_rclone(self):
        """From now on each run of rclone leaves its command line in rclone_runs()."""
        wrapper = self.path / 'counted-rclone'
        wrapper.write_text(f'#!/bin/sh\necho "$*" >>{self.path}/rclone.log\nexec rclone "$@"\n', encoding='utf-8')
        wrapper.chmod(0o755)
        self.env['PBX_RCLONE'] = str(wrapper)
        (self.path / 'rclone.log').write_text('', encoding='utf-8')

    def rclone_runs(self):
        return (self.path / 'rclone.log').read_text(encoding='utf-8').splitlines()

    # --- what Asterisk would leave

    def leg(self, name, data=None, age=600):
        """A leg in the spool, last written `age` seconds ago."""
        path = self.spool / name
        path.write_bytes(sound.tone() if data is None else data)
        os.utime(path, (time.time() - age,) * 2)
        return path

    def cdr(self, linkedid, recordingfile, account=ACCOUNT, *, ago=1800, sequence=1, uniqueid=None, **more):
        """One CDR row, `ago` seconds old; the row's id."""
        row = {'clid': '"Alice" <919944421125>', 'src': '919944421125', 'dst': '1003', 'dcontext': 'org_test__incoming',
               'channel': 'PJSIP/trunk-00000001', 'dstchannel': '', 'lastapp': 'Dial', 'lastdata': '', 'duration': 10,
               'billsec': 9, 'disposition': 'ANSWERED', 'amaflags': 3, 'accountcode': account,
               'uniqueid': uniqueid or linkedid, 'userfield': '', 'peeraccount': '', 'linkedid': linkedid,
               'sequence': sequence, 'recordingfile': recordingfile, **more}
        return self.db.value(f"insert into asterisk_cdr (calldate, {', '.join(row)}) values (to_timestamp({self.now - ago}), "
                             f"{', '.join(quoted(value) for value in row.values())}) returning id")

    def call(self, linkedid, legs, account=ACCOUNT, *, ago=1800, age=600):
        """A call: a CDR row and a file for each (name, bytes) of `legs`; bytes None writes no file. No row has more talk time
        than its file has audio. Returns the row ids."""
        ids = []
        for place, (name, data) in enumerate(legs):
            if data is not None:
                self.leg(name, data, age)
            ids.append(self.cdr(linkedid, name, account, ago=ago - 10 * place, sequence=place + 1,
                                uniqueid=linkedid if place == 0 else f'{linkedid}{place}',
                                billsec=9 if data is None else min(9, len(data) // 16000)))
        return ids

    def three_legs(self, linkedid='1776500000.1', account=ACCOUNT, stamp='20260418-1440', **more):
        """The usual call, DID to queue to extension: three different sounds. Returns [(name, bytes)]."""
        legs = [(f'{stamp}04-919944421125-08065978002.wav', sound.pcm(sound.ramp(1.0, 1))),
                (f'{stamp}09-919944421125-queue-5001.wav', sound.pcm(sound.ramp(0.5, 2))),
                (f'{stamp}21-919944421125-1003.wav', sound.pcm(sound.ramp(1.5, 3)))]
        self.call(linkedid, legs, account, **more)
        return legs

    def hold_open(self, name, mode='r+b'):
        """Another process that holds a leg open, as Asterisk does; end it with .terminate() or at the workdir's end."""
        # pylint: disable=consider-using-with
        holder = subprocess.Popen([sys.executable, '-c',
                                   'import sys,time; f=open(sys.argv[1], sys.argv[2]); print("open", flush=True); time.sleep(600)',
                                   str(self.spool / name), mode], stdout=subprocess.PIPE)
        holder.stdout.readline()
        self.stack.callback(_end, holder)
        return holder

    # --- running

    def command(self, tool, *arguments):
        program = BIN / tool if not os.path.isabs(tool) else Path(tool)
        if not program.exists():
            raise AssertionError(f'{program} is not built')
        return [str(program), *map(str, arguments)]

    def run(self, tool, *arguments, env=None, stdin=None, timeout=120, before=(), cwd=None, check_sanitizers=True):
        """Run a built tool to its end. `env` adds to the environment (None removes), `before` is put before the command."""
        command = [*before, *self.command(tool, *arguments)]
        if before and os.path.basename(before[0]) == 'strace':  # LeakSanitizer cannot work under a tracer
            env = {**NO_LEAK_CHECK, **(env or {})}
        try:
            done = subprocess.run(command, env=self.environment(env), cwd=cwd or self.path, timeout=timeout * SLOW,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                  **({'input': stdin} if stdin is not None else {'stdin': subprocess.DEVNULL}))
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"{' '.join(command)} did not end in {timeout * SLOW} s; stderr so far: "
                                 f"{(late.stderr or b'').decode(errors='replace')[-2000:]}") from None
        result = Result(command, done.returncode, done.stdout, done.stderr)
        if check_sanitizers:
            no_report(result)
        return result

    def start(self, tool, *arguments, env=None, **popen):
        """Start a built tool; the caller waits. It is killed at the workdir's end if it still runs."""
        popen = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **popen}
        # pylint: disable=consider-using-with
        process = subprocess.Popen(self.command(tool, *arguments), env=self.environment(env), cwd=self.path, **popen)
        self.stack.callback(_end, process)
        return process

    def start_traced(self, calls, inject, tool, *arguments, path=None):
        """Start a built tool under strace, which delays or fails the system `calls` (with `path`: those at that path) as
        `inject` says. Returns the process and strace's log of these calls, which has a line once a call has returned."""
        log = self.path / 'strace.log'
        only = ('-P', path) if path else ()
        return self.start('/usr/bin/strace', '-f', '-y', '-o', log, *only, '-e', f'trace={calls}', '-e', f'inject={inject}',
                          *self.command(tool, *arguments),
                          env=NO_LEAK_CHECK), log

    def finish(self, process, timeout=120):
        """Wait for a started tool."""
        try:
            out, err = process.communicate(timeout=timeout * SLOW)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{' '.join(process.args)} did not end in {timeout * SLOW} s") from None
        result = Result(process.args, process.returncode, out or b'', err or b'')
        no_report(result)
        return result

    def run_on_terminal(self, tool, *arguments, env=None, timeout=60, stdout=True, columns=100):
        """Run with stderr, and by default stdout too, on a terminal. Both come back as `out`."""
        command = self.command(tool, *arguments)
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
        plain = subprocess.DEVNULL
        with subprocess.Popen(command, env=self.environment({'TERM': 'xterm', **(env or {})}), cwd=self.path, stdin=plain,
                              stdout=follower if stdout else plain, stderr=follower) as process:
            os.close(follower)
            seen, deadline = b'', time.monotonic() + timeout * SLOW
            while time.monotonic() < deadline:
                if not select.select([leader], [], [], 0.2)[0]:
                    continue
                try:
                    piece = os.read(leader, 65536)
                except OSError:
                    break
                if not piece:
                    break
                seen += piece
            else:
                process.kill()
            os.close(leader)
        result = Result(command, process.returncode, seen, seen)
        no_report(result)
        return result

    def environment(self, more=None):
        environment = dict(self.env)
        environment.update({key: str(value) for key, value in (more or {}).items() if value is not None})
        for key, value in (more or {}).items():
            if value is None:
                environment.pop(key, None)
        return environment

    # --- looking

    def stitched_file(self, linkedid):
        return self.stitched / f'{linkedid}.wav'

    def legs_in_spool(self):
        """Files in the spool, except for the hidden ones of pbx-archive."""
        return sorted(entry.name for entry in self.spool.iterdir() if entry.is_file() and not entry.name.startswith('.'))

    def snapshot(self, *folders):
        """{path: (inode, size, mtime_ns, SHA-256)} of every file except locks and logs: equal snapshots mean that no byte
        was written."""
        seen = {}
        for folder in folders or (self.path,):
            for file in sorted(Path(folder).rglob('*')):
                if file.is_file() and file.suffix not in ('.lock', '.log'):
                    status = file.stat()
                    seen[str(file)] = (status.st_ino, status.st_size, status.st_mtime_ns,
                                       hashlib.sha256(file.read_bytes()).hexdigest())
        return seen


def no_report(result):
    """A sanitizer's report is a failure whatever the tool's exit status."""
    if SANITIZER.search(result.err.encode()):
        raise AssertionError(f'a sanitizer reports:\n{result}')


def _end(process):
    if process.poll() is None:
        process.kill()
    for stream in (process.stdout, process.stderr, process.stdin):
        if stream:
            stream.close()
    process.wait()


def as_nobody(*places):
    """What to put before a command to run it without root's powers; `places` are given to
    nobody. Empty when the tests have no such powers."""
    if os.geteuid() != 0:
        return []
    for place in places:
        os.chown(place, 65534, 65534)
    return ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all', '--']


def processes_with(text):
    """Ids of processes whose command line holds `text`, for example a workdir's path."""
    found = []
    for entry in Path('/proc').iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if text.encode() in (entry / 'cmdline').read_bytes():
                    found.append(int(entry.name))
    return found


def wait_until(condition, what, seconds=20):
    """The first true result of `condition()`, which is asked again until then; fails after `seconds`."""
    deadline = time.monotonic() + seconds * SLOW
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {seconds * SLOW} s: {what}')
        time.sleep(0.02)
    return result


class Case(unittest.TestCase):
    """A test case whose workdirs are removed at its end, and whose checks quote the tool's output."""
    maxDiff = 4000
    longMessage = True

    def setUp(self):
        started = time.monotonic()
        self.addCleanup(lambda: print(f'[{time.monotonic() - started:.1f} s] ', end='', file=sys.stderr, flush=True))

    def workdir(self, **how):
        work = Workdir(**how)
        self.addCleanup(work.close)
        return work

    def status(self, result, expected):
        """The tool ended with the expected status, and its messages have the suite's form."""
        self.assertEqual(result.status, expected, f'\n{result}')
        program = next((Path(part) for part in result.command if Path(part).parent == BIN), None)
        if expected not in (0, 1) and program:
            tool = program.name
            self.assertRegex(result.err, rf'(?m)^{tool}: ', f'no word on stderr names the tool\n{result}')
        return result

    def says(self, result, *expressions):
        for expression in expressions:
            self.assertRegex(result.err, expression, f'\n{result}')

    def hints(self, result):
        """An error comes with a hint, and both have the suite's form."""
        # Another program, such as setpriv, may have started the tool.
        names = [os.path.basename(part) for part in result.command]
        tool = next(name for name in names if name.startswith('pbx-'))
        lines = result.err.splitlines()
        self.assertTrue(any(line.startswith(f'{tool}: hint: ') for line in lines), f'no hint\n{result}')
        for line in lines:
            self.assertTrue(line.startswith(f'{tool}: '), f'a line does not begin with the tool: {line}\n{result}')
            self.assertFalse(line.endswith('.') and not line.endswith('...'), f'full stop: {line}\n{result}')

    def quiet(self, result):
        self.assertEqual((result.err, result.out), ('', b''), f'\n{result}')


def main(*tools):
    """Run the script's tests. Exits 77, loudly, where a program that they need is missing, or one of the `tools` that they
    test is not written yet."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell starts a background command with SIGINT ignored, and the tools would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    missing = [program for program in (*sound.missing_programs(), *(
        program for program in ('psql', 'rclone', 'setpriv') if not shutil.which(program)))]
    try:
        postgres.server_programs()
    except postgres.Missing as why:
        missing.append(str(why))
    unwritten = [tool for tool in tools if not (SOURCE / 'tools' / f'{tool}.cpp').exists()]
    if unwritten:
        print(f"SKIPPED: not written yet: {', '.join(unwritten)}", file=sys.stderr)
        sys.exit(77)
    if missing:
        print(f"SKIPPED: missing: {', '.join(missing)}. tests/run installs them.", file=sys.stderr)
        sys.exit(77)
    unittest.main(module='__main__', verbosity=2)


__all__ = ['ACCOUNT', 'ARCHIVE_ID', 'as_nobody', 'BELOW', 'BIN', 'Case', 'Database', 'LONG', 'NO_LEAK_CHECK', 'OTHER_ACCOUNT', 'Result', 'SANITIZED', 'SLOW', 'SOURCE',
           'Workdir', 'cluster', 'MARKER', 'MARKER_TEXT', 'main', 'migrated', 'processes_with', 'quoted', 'wait_until']
