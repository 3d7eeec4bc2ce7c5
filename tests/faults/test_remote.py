"""The bucket fails in every way that the test server can, and so does rclone, with each tool that uses them."""
import contextlib

import sweep
from test_sweep_archive import ArchiveWorld
from test_sweep_fetch import StreamWorld
from test_sweep_stitch import StitchWorld
from workdir import SANITIZED, Case, processes_with

MEDIA = r'GET .*(alt=media|/download/)'
UPLOAD = r'POST /upload|PUT /upload'

OBJECT = r'GET .*\.wav(?!.*alt=media)'

# The server's faults. Each occurs once, so that the next request works, or always, until an operator repairs it.
KINDS = [
    ('500', {'status': 500}), ('503', {'status': 503}), ('429', {'status': 429}), ('401', {'status': 401}), ('403', {'status': 403}),
    ('503 on uploads and downloads', {'status': 503, 'match': f'{MEDIA}|{UPLOAD}'}),
    ('403 on one leg', {'status': 403, 'match': r'0700[23]-[12]\.wav|07001-3\.wav'}),
    ('403 on uploads', {'status': 403, 'match': UPLOAD}),
    ('connection cut', {'reset': True}), ('connection cut half-way through', {'reset': True, 'after': 4}),
    ('503 half-way through', {'status': 503, 'after': 4}),
    ('bodies cut', {'truncate': 700, 'match': MEDIA}), ('bodies corrupted', {'corrupt': True, 'match': MEDIA}),
    ('answers cut', {'truncate': 100, 'match': OBJECT}), ('answers corrupted', {'corrupt': True, 'match': r'GET .*/o[?/](?!.*alt=media)'}),
    ('stored corrupted', {'corrupt_store': True}),
    ('not found', {'status': 404, 'match': r'GET .*\.wav'}),
    ('every answer late', {'delay_ms': 150}), ('slow bodies', {'bytes_per_s': 4000, 'match': MEDIA}),
    ('no answer', {'hang': True}), ('no answer to uploads and downloads', {'hang': True, 'match': f'{MEDIA}|{UPLOAD}'}),
    ('no MD5', {'no_md5': True}),
]
FAULTS = [(f'{name}, {often}', {**fault, 'times': times}) for name, fault in KINDS for often, times in (('once', 1), ('always', None))]


def script(text):
    def make(work):
        path = work.path / 'rclone-stand-in'
        path.write_text('#!/bin/sh\n' + text)
        path.chmod(0o755)
        return {'PBX_RCLONE': str(path)}
    return make


def only_the_first(text):
    """A stand-in that does this once, and is the real rclone from then on."""
    def make(work):
        # The tool only gets the path of rclone, so the mark lies beside the stand-in.
        return script(f'if mkdir {work.path}/rclone-struck 2>/dev/null; then\n{text}\nfi\nexec rclone "$@"\n')(work)
    return make


def encrypted(work):
    """A configuration whose password nobody can type: no terminal."""
    conf = work.path / 'encrypted.conf'
    conf.write_text('# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\n'
                    'u1Rw0Rj4g1nVd9X0m2iLxO6m2b4b2hNdV3cZbV2sYj0y3bq0B9kZ2m8n4Qz1f3M=\n')
    return {'RCLONE_CONFIG': str(conf)}


# What rclone does: (name, what makes the environment of it).
RCLONES = [
    ('rclone missing', lambda work: {'PBX_RCLONE': '/nonexistent/rclone'}),
    ('rclone not executable', lambda work: {'PBX_RCLONE': '/etc/passwd'}),
    ('rclone killed, always', script('kill -9 $$\n')), ('rclone killed, once', only_the_first('kill -9 $$')),
    ('rclone crashes, always', script('echo panic: oh >&2\nexit 2\n')),
    ('rclone crashes, once', only_the_first('echo panic: oh >&2\nexit 2')),
    ('rclone hangs, always', script('exec sleep 600\n')), ('rclone hangs, once', only_the_first('exec sleep 600')),
    ('rclone hangs with its output closed', script('exec sleep 600 >&- 2>&-\n')),
    ('rclone ignores SIGTERM', script("trap '' TERM\nwhile :; do sleep 1; done\n")),
    ('rclone writes nonsense', script('head -c 100000 /dev/urandom\nhead -c 100000 /dev/urandom >&2\nexit 1\n')),
    ('rclone killed while it works', lambda work: script(
        f'RCLONE_CONFIG={work.rclone_conf} rclone "$@" & sleep 0.15; kill -9 $!; kill -9 $$\n')(work)),
    ('wrong bucket', lambda work: {'PBX_REMOTE': 'firebase:no-such-bucket/recordings'}),
    ('unknown remote', lambda work: {'PBX_REMOTE': 'nobody:bkt/recordings'}),
    ('nobody listens', lambda work: {'PBX_REMOTE': ':gcs,anonymous,endpoint="http://127.0.0.1:9/storage/v1/":bkt/x'}),
    ('encrypted configuration, no terminal', encrypted),
]
TIMEOUT = 8 if not SANITIZED else 12


class RemoteFaults(Case):
    def strike_all(self, world, seconds):
        points = [('server: ' + name, fault, None) for name, fault in FAULTS]
        points += [(name, None, make) for name, make in RCLONES]

        for name, fault, make in sweep.spread(points, seconds, at_least=10, seed=world.tool):
            world.prepare()
            with contextlib.suppress(FileNotFoundError):
                (world.work.path / 'rclone-struck').rmdir()
            before = dict(world.work.env)
            if fault:
                world.work.cloud.fault(**fault)
            else:
                world.work.env.update(make(world.work))
            with self.subTest(fault=name):
                result = world.work.run(world.tool, *world.arguments, '--timeout', f'{TIMEOUT}', timeout=TIMEOUT + 12)
                world.work.cloud.clear()
                world.work.env = before
                self.assertIn(result.status, sweep.CONTRACT, f'\n{result}')
                if result.status:
                    self.assertRegex(result.err, rf'(?m)^{world.tool}: ', f'no word of it\n{result}')
                    if result.status != 75:
                        self.assertRegex(result.err, rf'(?m)^{world.tool}: hint: ', f'no advice\n{result}')
                self.assertEqual(world.temporary_files(), [], f'temporary files stay\n{result}')
                self.assertEqual(processes_with(str(world.work.path / 'rclone-stand-in')), [], 'no child process keeps running')
                world.remote_lied = name.startswith(('server: stored corrupted', 'server: not found'))
                self.repair(world, result, f'{world.tool}: {name}')

    def repair(self, world, result, name):
        """Objects that the bucket itself damaged may be damaged there; then the legs must be here. Served audio is checked."""
        if world.remote_lied:
            here, there = world.state()
            for leg, data in world.legs.items():
                self.assertTrue(here.get('monitor/' + leg) == data or there.get(leg) == data, f'LOST: leg {leg}\n{result}')
            self.remove_what_was_stored_corrupted(world)
            world.settle()
            again = world.run()
            self.assertIn(again.status, (0, 75), f'{again}\nafter {result}')
            again = world.run()
            self.assertEqual(again.status, 0, f'{again}\nafter {result}')
            world.judge_end(self, again)
            sweep.counts.add(name, repaired=1)
        else:
            sweep.strike(self, world, result, name, complete=False)

    def remove_what_was_stored_corrupted(self, world):
        """The operator compares both, and removes an object that is nobody's leg; the leg must still be here."""
        for name, data in world.work.remote.files().items():
            wanted = world.legs.get(name)
            if wanted is not None and data != wanted and not wanted.startswith(data):
                self.assertTrue((world.work.spool / name).exists())
                world.work.remote.remove(name)

    def test_pbx_archive_loses_nothing_to_a_bucket_that_misbehaves(self):
        world = ArchiveWorld(self.workdir())
        world.arguments = ()
        world.undisturbed(self)
        self.strike_all(world, 25)

    def test_pbx_stitch_concludes_nothing_from_a_bucket_that_misbehaves(self):
        world = StitchWorld(self.workdir())
        world.arguments = ()
        world.undisturbed(self)
        self.strike_all(world, 20)

    def test_pbx_recording_fetch_serves_the_whole_recording_or_an_error(self):
        world = StreamWorld(self.workdir())
        world.arguments = ('1776500000.1',)
        world.undisturbed(self)
        self.strike_all(world, 20)


if __name__ == '__main__':
    sweep.main('the remote')
