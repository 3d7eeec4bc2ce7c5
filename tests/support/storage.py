"""Storage servers that other people wrote, each started by a test on a loopback port with a folder of its own, and what every
one of them has to pass as a remote.

A suite names the packages of its server and how to start it, and takes the tests from Storing:

    class Sshd(Server): ...
    class OpenSsh(Storing):
        server_type = Sshd
"""
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import workdir
from sound import pcm, ramp
from unpacked import Unavailable, run
from workdir import MARKER, SLOW, Case, wait_until

CALL = '1776500000.1'
SINGLE = '1776500000.5'
# What a message about damage has of the facts.
EXPECTED = r'expected \d+ bytes, MD5 [0-9a-f]{32}, SHA-256 [0-9a-f]{64}'


def account():
    """The user of a server: not root, which some of them refuse, and one with a shell, which sftp's hashes need."""
    return pwd.getpwnam('postgres') if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def free_port():
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        return unused.getsockname()[1]


def obscured(secret):
    return run('rclone', 'obscure', secret).strip()


class Server:
    """A server of the `packages`, whose objects lie below the folder `data`."""
    packages = None  # an Unpacked

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix='pbx-server-'))
        self.path.chmod(0o755)
        self.data = self.path / 'data'
        self.data.mkdir()
        self.log = self.path / 'log'
        self.log.touch()
        self.ports = [free_port()]
        self.processes = []
        user = account()
        self.as_user = ['setpriv', '--pdeathsig', 'TERM']
        if os.geteuid() == 0:
            self.as_user += [f'--reuid={user.pw_uid}', f'--regid={user.pw_gid}', '--clear-groups']

    @property
    def port(self):
        return self.ports[0]

    def prepare(self):
        """Write the server's configuration, once."""

    def commands(self):
        """What to run, in the foreground."""
        raise NotImplementedError

    def section(self, wrong=False):
        """The section [store] of rclone.conf, with a wrong key or password on request."""
        raise NotImplementedError

    def remote(self, place):
        """The rclone path of a place that no other test uses."""
        return f'store:{place}'

    def at_rest(self, place, name):
        """The file in which the server keeps an object, or None."""
        file = self.data / place / name
        return file if file.is_file() else None

    def names(self, place):
        """Names of the objects below a place, as the server's own files show them."""
        folder = self.data / place
        return sorted(str(file.relative_to(folder)) for file in folder.rglob('*') if file.is_file())

    def put(self, place, name, data):
        """Restore an object that a test has damaged."""
        with (self.data / place / name).open('r+b') as file:
            file.write(data)

    def delete(self, place, name):
        (self.data / place / name).unlink()

    def write(self, name, text, mode=0o644):
        """A file of the server's configuration."""
        file = self.path / name
        file.write_text(text, encoding='utf-8')
        file.chmod(mode)
        return file

    def own(self):
        """Give everything so far to the server's user."""
        if os.geteuid() == 0:
            for place in (self.path, *self.path.rglob('*')):
                os.chown(place, account().pw_uid, account().pw_gid)

    def environment(self):
        return {'PATH': os.environ['PATH'], 'HOME': str(self.path), **self.packages.environment()}

    def start(self):
        for command in self.commands():
            self.spawn(command)
        self.wait_ready()

    def spawn(self, command):
        with self.log.open('ab') as log:
            # pylint: disable=consider-using-with
            self.processes.append(subprocess.Popen([*self.as_user, *map(str, command)], env=self.environment(), cwd='/',
                                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def wait_ready(self):
        deadline = time.monotonic() + 60 * SLOW
        while not all(map(self._listens, self.ports)):
            if any(process.poll() is not None for process in self.processes) or time.monotonic() > deadline:
                raise Unavailable(f"{type(self).__name__} does not start here: {self.log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.05)

    @staticmethod
    def _listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', port)) == 0

    def stop(self):
        """Refuse connections until restart()."""
        self.end(self.processes)
        self.processes.clear()
        wait_until(lambda: not any(map(self._listens, self.ports)), 'the server stops')

    @staticmethod
    def end(processes):
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def restart(self):
        self.start()

    def remove(self):
        self.end(self.processes)
        shutil.rmtree(self.path, ignore_errors=True)


class ServerCase(Case):
    """Tests with one server, which runs while the class's tests do."""
    server_type = None
    server = None

    @classmethod
    def setUpClass(cls):
        server = cls.server_type()
        try:
            server.prepare()
            server.own()
            server.start()
        except (Unavailable, subprocess.CalledProcessError) as why:
            server.remove()
            print(f'SKIPPED: no {cls.server_type.__name__}: {why}', file=sys.stderr)
            if cls.__module__ == '__main__':
                sys.exit(77)
            raise unittest.SkipTest(str(why)) from why  # a script with the tests of several servers
        cls.addClassCleanup(server.remove)
        cls.server = server

    def unprepared_pbx(self):
        """A PBX whose remote is a place of its own in the server, which is no archive yet."""
        work = self.workdir(remote=None)
        work.place = f'recordings/{self.id().rsplit(".", 1)[-1][5:25]}'
        work.rclone_conf.write_text(self.server.section(), encoding='utf-8')
        work.env.pop('AWS_CA_BUNDLE', None)  # rclone 1.60 stops if it is set
        work.env['PBX_REMOTE'] = self.server.remote(work.place)
        return work


class Storing(ServerCase):
    """What each server has to pass: nothing that it stores is lost, and nothing that it damages is served."""

    def pbx(self):
        """A PBX whose archive is in the server."""
        work = self.unprepared_pbx()
        self.status(self.make_archive(work), 0)
        return work

    def make_archive(self, work):
        return work.run('pbx-archive', 'init')

    def archived(self):
        """A call of two legs and one of a single leg, all in the archive alone: the PBX, the whole recording, {leg: bytes}."""
        work = self.pbx()
        legs = {'a.wav': pcm(ramp(1.0, 1)), 'b.wav': pcm(ramp(1.0, 2)), 'single.wav': pcm(ramp(1.0, 3))}
        work.call(CALL, [(name, legs[name]) for name in ('a.wav', 'b.wav')], ago=3 * 3600)
        work.call(SINGLE, [('single.wav', legs['single.wav'])], ago=3 * 3600)
        self.status(work.run('pbx-stitch'), 0)
        whole = work.stitched_file(CALL).read_bytes()
        self.quiet(self.status(work.run('pbx-archive'), 0))
        self.assertEqual(work.legs_in_spool(), [])
        self.unstitch(work)
        return work, whole, legs

    def unstitch(self, work):
        work.stitched_file(CALL).unlink(missing_ok=True)

    def fetch(self, work, *arguments, status=0):
        return self.status(work.run('pbx-recording-fetch', *arguments), status)

    def source(self, result):
        return re.search(r'X-Recording-Source: (\S+)', result.err)[1]

    def flip(self, work, name):
        """Change one byte in the server's own file; what it contained before."""
        file = self.server.at_rest(work.place, name)
        before = file.read_bytes()
        with file.open('r+b') as same:  # keeps its owner and its extended attributes
            same.seek(len(before) - 100)
            same.write(bytes([before[-100] ^ 0x10]))
        return before

    def names_difference(self, result, name):
        self.says(result, rf'(?s){re.escape(name)}.*{EXPECTED}; found')

    def is_plain(self, result):
        """No line of rclone shows through in its own form."""
        self.assertNotRegex(result.err, r'NOTICE|ERROR|CRITICAL|Failed to |\d{4}/\d\d/\d\d |\\x|last error was|create file system|NewFs', f'\n{result}')

    # --- the tests

    def test_what_is_archived_is_what_the_server_keeps_and_what_is_fetched(self):
        work, whole, legs = self.archived()
        stored = {**legs, f'stitched/{CALL}.wav': whole}
        self.assertEqual(self.server.names(work.place), sorted([MARKER, *stored]))
        for name, data in stored.items():
            mine = work.path / 'mine'
            mine.write_bytes(data)
            subprocess.run(['cmp', mine, self.server.at_rest(work.place, name)], check=True)
        result = self.fetch(work, '-v', SINGLE)
        self.assertEqual((result.out, self.source(result)), (legs['single.wav'], 'leg-remote'))
        result = self.fetch(work, '-v', CALL)
        self.assertEqual((result.out, self.source(result)), (whole, 'stitched-remote'))

    def test_a_second_run_has_nothing_to_do(self):
        work, _, _ = self.archived()
        def files():
            return [(name, self.server.at_rest(work.place, name).stat()[1:9:7]) for name in self.server.names(work.place)]
        before = files()
        self.quiet(self.status(work.run('pbx-archive'), 0))
        self.assertEqual(files(), before)
        self.status(work.run('pbx-archive', 'audit'), 0)

    def test_a_stitched_recording_that_is_gone_is_rebuilt_from_its_legs(self):
        work, whole, _ = self.archived()
        self.server.delete(work.place, f'stitched/{CALL}.wav')
        result = self.fetch(work, '-v', CALL)
        self.assertEqual((result.out, self.source(result)), (whole, 'stitched-ondemand'))

    def test_a_byte_that_changed_on_the_servers_disk_is_never_served(self):
        work, whole, legs = self.archived()
        for out in ((), ('-o', str(work.path / 'out.wav'))):
            before = self.flip(work, 'single.wav')
            result = self.fetch(work, SINGLE, *out, status=65)
            self.assertEqual(result.out, b'')
            self.assertFalse((work.path / 'out.wav').exists())
            self.names_difference(result, 'single.wav')
            self.hints(result)
            self.is_plain(result)
            self.server.put(work.place, 'single.wav', before)
        self.assertEqual(self.fetch(work, SINGLE).out, legs['single.wav'])
        self.flip(work, f'stitched/{CALL}.wav')
        result = self.fetch(work, CALL)
        self.assertEqual(result.out, whole)
        self.names_difference(result, f'{CALL}.wav')
        self.unstitch(work)
        shutil.rmtree(work.stitch_src)
        self.flip(work, 'b.wav')
        result = self.fetch(work, CALL, status=65)
        self.assertNotEqual(result.out, whole)
        self.names_difference(result, 'b.wav')
        self.assertFalse(work.stitched_file(CALL).exists(), 'what lacks a leg is not kept')

    def test_a_leg_that_is_gone_is_missing(self):
        work, _, _ = self.archived()
        self.server.delete(work.place, 'single.wav')
        self.says(self.fetch(work, SINGLE, status=66), 'neither in the spool nor in the archive')
        result = work.run('pbx-archive', 'audit')
        self.assertEqual(result.status, 65, f'\n{result}')
        self.assertRegex(result.text, r'missing.*single\.wav|single\.wav.*missing')

    def test_a_wrong_key_is_a_matter_of_permission_and_the_leg_stays(self):
        work = self.pbx()
        work.call(SINGLE, [('single.wav', pcm(ramp(0.5)))])
        work.rclone_conf.write_text(self.server.section(wrong=True), encoding='utf-8')
        for tool, arguments in (('pbx-archive', ()), ('pbx-archive', ('audit',))):
            result = self.status(work.run(tool, *arguments), 77)
            self.hints(result)
            self.is_plain(result)
        self.assertEqual(work.legs_in_spool(), ['single.wav'])
        (work.spool / 'single.wav').unlink()
        self.is_plain(self.fetch(work, SINGLE, status=77))

    def test_a_server_that_is_stopped_is_unavailable_and_the_leg_stays(self):
        work = self.pbx()
        work.call(SINGLE, [('single.wav', pcm(ramp(0.5)))])
        self.server.stop()
        try:
            result = self.status(work.run('pbx-archive'), 69)
            self.hints(result)
            self.is_plain(result)
            self.assertEqual(work.legs_in_spool(), ['single.wav'])
        finally:
            self.server.restart()
        self.quiet(self.status(work.run('pbx-archive'), 0))
        self.assertEqual((work.legs_in_spool(), self.server.names(work.place)), ([], sorted([MARKER, 'single.wav'])))


def main():
    workdir.main('pbx-archive', 'pbx-stitch', 'pbx-recording-fetch', 'pbx-migrate')
