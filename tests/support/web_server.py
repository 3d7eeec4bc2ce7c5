"""Web servers that other people wrote, each with the installed example of its configuration, and what pbx-recording-cgi has to do
under every one of them. curl asks."""
import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import workdir
from sound import pcm, ramp
from storage import Server, ServerCase, account
from web import CALL, Listening
from workdir import ACCOUNT, BIN, OTHER_ACCOUNT, SOURCE, wait_until

INSTALLED = '/usr/lib/pbx-recording-tools/pbx-recording-cgi'


class WebServer(Server):
    """Runs a script in place of the installed program: it sets what the test's workdir needs, and runs the built one."""
    example = None  # the name of the configuration below http/

    @property
    def program(self):
        return self.path / 'bin' / 'pbx-recording-cgi'

    @property
    def unchanged(self):
        return self.path / 'bin' / 'unchanged'

    def prepare(self):
        self.program.parent.mkdir()
        shutil.copy(BIN / 'pbx-recording-cgi', self.path / 'built')
        self.write('environment', '')
        self.program.write_text(f'#!/bin/sh\n. {self.path}/environment\nexec {self.path}/built "$@"\n', encoding='utf-8')
        self.program.chmod(0o755)
        # Unlike a shell, env(1) keeps a variable that the server has set twice.
        self.unchanged.write_text(f'#!/usr/bin/env -S PBX_CONFIG={self.path}/header.conf {self.path}/built\n', encoding='utf-8')
        self.unchanged.chmod(0o755)
        self.configure(self.example_text('/recordings') + self.example_text('/vouched', vouched=True) +
                       self.header_text('/header', 'Account') + self.header_text('/dashed', 'X-Account'))

    def configure(self, text):
        """Write the server's configuration with the two places."""
        raise NotImplementedError

    def example_text(self, place, vouched=False):
        text = (SOURCE / 'http' / self.example).read_text(encoding='utf-8')
        assert INSTALLED in text
        text = text.replace(INSTALLED, str(self.program)).replace('/recordings', place)
        return re.sub(r'(?m)^( *)# (?=(setenv|SetEnv|fastcgi_param)\b.*PBX_)', r'\1', text) if vouched else text

    def header_text(self, place, field):
        """The example with the field of the header that has the account."""
        text = self.example_text(place).replace(str(self.program), str(self.unchanged))
        text, found = re.subn(r'(?m)^( *)# (?=(setenv.set-request-header|fastcgi_param HTTP_ACCOUNT|RequestHeader)\b)', r'\1', text)
        assert found == 1
        return (re.sub(r'(RequestHeader set |request-header = \( ")Account\b', rf'\g<1>{field}', text)
                .replace('HTTP_ACCOUNT', 'HTTP_' + field.upper().replace('-', '_')))

    def use_header(self, work, field):
        """From now on the places that have a field of the header with the account are about this PBX."""
        settings = {'database': work.env['PBX_DATABASE'], 'spool': work.spool, 'reserve': '0%'}
        lines = [f'{name} = "{value}"\n' for name, value in settings.items()]
        self.write('header.conf', ''.join(lines) + f'[pbx-recording-cgi]\naccount-header = {field}\n')

    def use(self, work):
        """From now on requests are about this PBX."""
        lines = [f'export {name}={shlex.quote(value)}\n' for name, value in work.env.items()
                 if name.startswith(('PBX_', 'RCLONE_', 'XDG_')) or name == 'HOME']
        self.write('environment', ''.join(lines))


class WebCase(Listening, ServerCase):
    """Calls that the server serves, and curl."""

    def served(self, seconds=None, archived=False):
        work, _, whole = self.only_archived() if archived else self.stitched_call(remote=None)
        if seconds:
            whole = pcm(ramp(seconds, 5))
            work.call('1776500000.7', [('long.wav', whole)])
        self.serve(work)
        return work, whole

    def serve(self, work):
        """From now on requests are about this PBX, which belongs to the server's user."""
        self.keys(work)
        self.cache(work)
        if os.geteuid() == 0:
            for place in (work.path, *work.path.rglob('*')):
                os.chown(place, account().pw_uid, account().pw_gid)
        self.server.use(work)

    def url(self, path, query='', place='recordings'):
        return f'http://127.0.0.1:{self.server.port}/{place}{path}' + (f'?{query}' if query else '')

    def link_url(self, work, *arguments, call=CALL):
        """The tests may run as root, who trusts neither a key nor a configuration of the server's user."""
        key = Path(self.enterContext(tempfile.TemporaryDirectory(prefix='pbx-key-'))) / 'link.key'
        key.touch(mode=0o600)
        key.write_text((work.path / 'link.key').read_text(encoding='utf-8'), encoding='utf-8')
        path, query = self.link(work, '--link-key', key, *arguments, call=call, env={'PBX_CONFIG': None})
        return self.url(path, query)

    def curl(self, *arguments, status=None):
        """(status, {header: value}, body) of one request."""
        done = subprocess.run(['curl', '-sS', '--max-time', '60', '-D', '/dev/fd/2', *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 0, (done.stderr, self.server.log.read_text(errors='replace')[-2000:]))
        head = done.stderr.decode().replace('\r', '').split('\n\n')[0].split('\n')
        found = int(head[0].split()[1])
        if status:
            self.assertEqual(found, status, (head, done.stdout[:300], self.server.log.read_text(errors='replace')[-2000:]))
        return found, {name.lower(): value for name, value in (line.split(': ', 1) for line in head[1:])}, done.stdout


class Served(WebCase):
    """What has to work under each server. A suite names its server in server_type."""

    def test_a_link_gives_the_whole_recording_from_each_tier(self):
        for archived in (False, True):
            work, whole = self.served(archived=archived)
            url = self.link_url(work)
            _, headers, body = self.curl(url, status=200)
            self.assertEqual(body, whole)
            self.assertEqual((headers['content-type'], headers['content-length'], headers['accept-ranges']),
                             ('audio/wav', str(len(whole)), 'bytes'))
            head = self.curl('-I', url, status=200)[1]
            self.assertEqual({name: head[name] for name in ('content-length', 'etag', 'content-type')},
                             {name: headers[name] for name in ('content-length', 'etag', 'content-type')})
            _, headers, body = self.curl('-r', '40000-40099', url, status=206)
            self.assertEqual((body, headers['content-range']), (whole[40000:40100], f'bytes 40000-40099/{len(whole)}'))
            self.assertEqual(self.curl('-r', '-100', url, status=206)[2], whole[-100:])
            self.assertEqual(self.curl('-r', '0-1,5-6', url, status=200)[2], whole)
            self.assertEqual(self.curl('-r', f'{len(whole)}-', url, status=416)[1]['content-range'], f'bytes */{len(whole)}')

    def test_what_the_client_has_is_not_sent_again(self):
        work, whole = self.served()
        url = self.link_url(work)
        _, headers, _ = self.curl(url, status=200)
        self.assertEqual(self.curl('-z', headers['last-modified'], url, status=304)[2], b'')
        self.assertEqual(self.curl('-z', 'Sun, 06 Nov 1994 08:49:37 GMT', url, status=200)[2], whole)
        self.curl('-H', f"If-None-Match: {headers['etag']}", url, status=304)

    def test_the_bytes_are_the_same_for_old_clients_and_those_that_accept_compression(self):
        work, whole = self.served()
        url = self.link_url(work)
        _, headers, body = self.curl('-H', 'Accept-Encoding: gzip, br', url, status=200)
        self.assertEqual((body, headers.get('content-encoding')), (whole, None))
        self.assertEqual(self.curl('--compressed', url, status=200)[2], whole)
        self.assertEqual(self.curl('-0', url, status=200)[2], whole)

    def test_a_client_that_goes_away_leaves_the_server_well(self):
        work, whole = self.served(seconds=300)
        url = self.link_url(work, call='1776500000.7')
        with subprocess.Popen(['curl', '-sS', '--limit-rate', '50k', url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as gone:
            self.assertEqual(len(gone.stdout.read(10000)), 10000)
            gone.kill()
        self.assertEqual(self.curl(url, status=200)[2], whole)
        wait_until(lambda: not workdir.processes_with(f'{self.server.path}/built'), 'the program ends')

    def test_fifty_listen_at_once(self):
        work, whole = self.served()
        url = self.link_url(work)
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: self.curl(url), range(50)))
        self.assertEqual({status for status, _, _ in answers}, {200})
        self.assertEqual({body for _, _, body in answers}, {whole})

    def test_nobody_listens_without_permission(self):
        work, _ = self.served()
        url = self.link_url(work)
        bodies = {self.curl(*arguments, status=403)[2] for arguments in (
            (url[:-1],), (url + '0',), (url.split('?')[0],), (url.replace('0.1/', '0.9/'),), ('--data', 'x', url),
            ('-H', f'PBX-ACCOUNT: {ACCOUNT}', url.split('?')[0]), ('-H', f'PBX_ACCOUNT: {ACCOUNT}', url.split('?')[0]))}
        self.assertEqual(len(bodies), 1, bodies)
        log = self.server.log.read_text(errors='replace')
        self.assertNotIn(url.split('signature=')[1], log)

    def test_the_server_can_vouch_for_an_account_that_may_only_play(self):
        _, whole = self.served()
        url = self.url(f'/calls/{CALL}/recording', place='vouched')
        self.assertEqual(self.curl(url, status=200)[2], whole)
        self.curl(url + '?download', status=403)
        self.curl('--data', 'x', url, status=405)
        self.curl(url.replace('0.1/', '0.9/'), status=404)
        self.assertIn(b'<audio controls', self.curl(url.rsplit('/', 1)[0], status=200)[2])
        self.assertIn(b'"peaks":[[', self.curl(url.rsplit('/', 1)[0] + '/peaks', status=200)[2])

    def test_a_client_cannot_choose_the_account_that_a_header_names(self):
        work, whole = self.served()
        work.call('1776500000.8', [('other.wav', pcm(ramp(0.5, 8)))], OTHER_ACCOUNT)
        for place, field, status, foreign in (('header', 'Account', 200, 404), ('dashed', 'X-Account', 500, 500)):
            self.server.use_header(work, field)
            own = self.url(f'/calls/{CALL}/recording', place=place)
            self.assertEqual(self.curl(own, status=status)[2] == whole, status == 200)
            for spelling in {field, field.upper(), field.lower(), field.replace('-', '_'), field.replace('-', '.'), f'{field}_', f'_{field}'}:
                sent = ('-H', f'{spelling}: {OTHER_ACCOUNT}')
                answered, _, body = self.curl(*sent, own.replace(CALL, '1776500000.8'))
                self.assertEqual(answered, foreign, (spelling, body[:100]))
                self.curl(*sent, *sent, own, status=status)

    def test_no_path_leads_elsewhere(self):
        work, _ = self.served()
        (work.spool / 'other.wav').write_bytes(pcm(ramp(0.1)))
        for path in ('/calls/../calls/x', '/calls/%2e%2e/recording', '/calls/..%2f..%2fother/recording', f'/calls/{CALL}%00/recording',
                     f'//calls/{CALL}x/recording', '/calls/%252e%252e/recording', '/calls/%c0%ae%c0%ae/recording', '/calls/..%5cother/recording',
                     '/calls/' + 'a' * 4000 + '/recording', '/calls/stitched%2fother/recording', '/../../etc/passwd', '/calls/%ff/recording'):
            status, _, body = self.curl('--path-as-is', self.url(path, place='vouched'))
            self.assertIn(status, (400, 403, 404, 414), path)
            self.assertNotIn(b'RIFF', body)
        status, _, _ = self.curl('--path-as-is', self.url(f'/calls/{CALL}/recording', 'leg=%00', place='vouched'))
        self.assertEqual(status, 400)


def main():
    missing = [program for program in ('curl',) if not shutil.which(program)]
    if missing:
        print('SKIPPED: no curl', flush=True)
        raise SystemExit(77)
    workdir.main('pbx-recording-cgi')


__all__ = ['Served', 'WebCase', 'WebServer', 'main']
