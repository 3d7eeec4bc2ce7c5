#!/usr/bin/env python3
"""Storage behind rclone's wrappers (hasher, crypt) and behind a refused key, and recordings of which one leg is damaged."""
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from archiving import CALL, Archiving
from sound import Wav, pcm, ramp
from workdir import MARKER, main


class Kinds(Archiving):
    def wrapped(self, kind, **options):
        """A PBX whose archive is a folder of this machine, below the rclone backend `kind`; the PBX and that folder."""
        work = self.workdir(remote=None)
        folder = work.path / 'store'
        folder.mkdir()
        lines = ''.join(f'{name} = {value}\n' for name, value in options.items())
        work.rclone_conf.write_text(f'[wrapped]\ntype = {kind}\nremote = {folder}\n{lines}', encoding='utf-8')
        work.env['PBX_REMOTE'] = 'wrapped:'
        self.status(work.run('pbx-archive', 'init'), 0)
        return work, folder

    def crypt(self):
        secret = subprocess.run(['rclone', 'obscure', 'secret'], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        return self.wrapped('crypt', password=secret, filename_encryption='off', directory_name_encryption='false')

    def flip(self, file, at):
        """Change one byte."""
        data = bytearray(file.read_bytes())
        data[at] ^= 1
        file.write_bytes(data)

    def fetch(self, work, *arguments, status=0):
        return self.status(work.run('pbx-recording-fetch', *arguments), status)


class Wrapped(Kinds):
    def test_hasher_around_a_folder_releases_legs(self):
        work, folder = self.wrapped('hasher', hashes='md5', max_age='off')
        legs = self.legs(work, 3)
        self.quiet(self.archive(work))
        self.assertEqual(work.legs_in_spool(), [])
        self.assertEqual({name: (folder / name).read_bytes() for name in legs}, legs)

    def test_crypt_releases_legs_and_serves_them(self):
        work, folder = self.crypt()
        leg = pcm(ramp(0.3))
        work.call(CALL, [('a.wav', leg)])
        self.quiet(self.archive(work))
        self.assertEqual(work.legs_in_spool(), [])
        self.assertNotIn(leg, [file.read_bytes() for file in folder.iterdir()])
        self.assertEqual(self.fetch(work, CALL).out, leg)

    def test_what_crypt_cannot_decrypt_is_damaged(self):
        unreadable = 'failed to authenticate decrypted block'
        for at, why in ((1000, unreadable), (-1, f'its end cannot be decrypted|{unreadable}'), (0, 'not an encrypted file'),
                        (None, 'cannot read a.wav')):
            with self.subTest(why):
                work, folder = self.crypt()
                work.call(CALL, [('a.wav', pcm(ramp(9.0)))])
                self.quiet(self.archive(work))
                if at is None:
                    (folder / 'a.wav.bin').write_bytes((folder / 'a.wav.bin').read_bytes()[:100000])
                else:
                    self.flip(folder / 'a.wav.bin', at)
                self.says(self.fetch(work, CALL, status=65), why)


class Refused(Kinds):
    def test_a_wrong_s3_key_is_a_matter_of_permission(self):
        class S3(BaseHTTPRequestHandler):
            """Answers as S3 does to a key that it does not know."""
            def do_GET(self):  # pylint: disable=invalid-name
                body = (b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>InvalidAccessKeyId</Code><Message>The AWS Access '
                        b'Key Id you provided does not exist in our records.</Message><RequestId>7</RequestId></Error>')
                self.send_response(403)
                self.send_header('Content-Type', 'application/xml')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                if self.command != 'HEAD':
                    self.wfile.write(body)
            do_HEAD = do_PUT = do_GET

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass
        with ThreadingHTTPServer(('127.0.0.1', 0), S3) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05})
            thread.start()
            try:
                work = self.workdir(remote=None)
                work.rclone_conf.write_text('[s3]\ntype = s3\nprovider = Other\naccess_key_id = wrong\nsecret_access_key = wrong\n'
                                            f'endpoint = http://127.0.0.1:{server.server_port}\n', encoding='utf-8')
                work.env['PBX_REMOTE'] = 's3:bucket/recordings'
                work.env.pop('AWS_CA_BUNDLE', None)  # rclone 1.60 stops if it is set
                work.call(CALL, [('a.wav', None)], ago=3 * 3600)
                for tool, arguments in (('pbx-archive', ()), ('pbx-archive', ('init',)), ('pbx-archive', ('audit',)),
                                        ('pbx-recording-fetch', (CALL,))):
                    with self.subTest(tool=tool, arguments=arguments):
                        result = self.status(work.run(tool, *arguments), 77)
                        self.says(result, '403', "hint: grant the remote's account the rights")
                        self.assertNotIn('\\x', result.err)
            finally:
                server.shutdown()
                thread.join()

    def test_a_fetch_does_not_promise_another_run(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', None)], ago=3 * 3600)
        work.remote_down()
        result = self.fetch(work, CALL, status=69)
        self.says(result, 'hint: try again later')
        self.assertNotIn('next run', result.err)

    def test_messages_of_newer_versions_of_rclone_are_shown_without_their_form(self):
        """Version 1.75 logs its last words as a notice, and fatal errors as critical."""
        work = self.workdir()
        for line in ('2026/11/28 20:00:00 NOTICE: Failed to cat: dial tcp: no such host',
                     '2026/11/28 20:00:00 ERROR : a: x\n2026/11/28 20:00:00 CRITICAL: Failed to cat with 2 errors: last error '
                     'was: dial tcp: no such host'):
            rclone = work.path / 'newer-rclone'
            rclone.write_text(f"#!/bin/sh\necho '{line}' >&2\nexit 1\n", encoding='utf-8')
            rclone.chmod(0o755)
            result = self.archive(work, '--rclone', rclone, status=69)
            self.says(result, f'cannot read its marker {re.escape(MARKER)}: dial tcp: no such host\n')


class Damaged(Kinds):
    """A rebuild of a recording whose legs are in the archive, one of them damaged."""

    def archived(self):
        work, folder = self.crypt()
        legs = work.three_legs(CALL)
        self.quiet(self.archive(work))
        self.assertEqual(work.legs_in_spool(), [])
        return work, folder, legs

    def test_the_other_legs_are_served_and_the_damaged_one_is_named(self):
        work, folder, legs = self.archived()
        bad = legs[1][0]
        self.flip(folder / f'{bad}.bin', -1)
        result = self.fetch(work, CALL, status=65)
        self.says(result, f'call {CALL}: .*{bad}.*(cannot be decrypted|failed to authenticate decrypted block)')
        self.assertEqual(Wav(result.out).samples, legs[0][1][44:] + legs[2][1][44:])
        self.assertFalse(work.stitched_file(CALL).exists(), 'a recording without the damaged leg was kept')

    def test_two_legs_that_arrive_corrupted_are_both_named(self):
        work = self.workdir()
        legs = work.three_legs(CALL)
        self.quiet(self.archive(work))
        for name, _ in legs[:2]:
            work.cloud.fault(match=rf'GET .*{name}.*alt=media', corrupt=True)
        result = self.fetch(work, CALL, status=65)
        for name, _ in legs[:2]:
            self.says(result, rf'{name}: it is damaged: expected .* MD5 .*; found .* MD5 ')
        self.assertEqual(Wav(result.out).samples, legs[2][1][44:])
        work.cloud.clear()
        self.assertEqual(Wav(self.fetch(work, CALL).out).samples, b''.join(data[44:] for _, data in legs))

    def test_a_damaged_recording_in_the_archive_is_rebuilt_without_a_damaged_leg(self):
        work = self.workdir()
        legs = work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        self.quiet(self.archive(work))
        work.stitched_file(CALL).unlink()
        for name in (f'stitched%2F{CALL}.wav', legs[0][0]):
            work.cloud.fault(match=rf'GET .*{name}.*alt=media', corrupt=True)
        output = work.path / 'out.wav'
        self.says(self.fetch(work, CALL, '-o', output, status=65), legs[0][0])
        self.assertEqual(Wav(output.read_bytes()).samples, legs[1][1][44:] + legs[2][1][44:])

    def test_nothing_is_served_when_every_leg_is_damaged(self):
        work, folder, legs = self.archived()
        for name, _ in legs:
            self.flip(folder / f'{name}.bin', -1)
        self.assertEqual(self.fetch(work, CALL, status=65).out, b'')

    def test_a_leg_that_the_archive_does_not_give_now_is_not_left_out(self):
        work = self.workdir()
        legs = work.three_legs(CALL)
        self.quiet(self.archive(work))
        for status, expected in ((403, 77), (500, 69)):
            with self.subTest(status):
                work.cloud.fault(match=rf'GET .*{legs[1][0]}', status=status)
                self.assertEqual(self.fetch(work, CALL, status=expected).out, b'')
                work.cloud.clear()


if __name__ == '__main__':
    sys.exit(main('pbx-archive', 'pbx-stitch', 'pbx-recording-fetch', 'pbx-migrate'))
