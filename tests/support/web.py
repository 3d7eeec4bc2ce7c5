"""What the suites of pbx-recording-cgi share: a request as a web server would pass it on, and signed links."""
import hashlib
import hmac
import json
import re
import sys
from urllib.parse import urlsplit

from fetching import CALL, Fetching
from workdir import ACCOUNT, no_report

SECRET = '5ca1ab1e' * 8


def signature(secret, call, account, leg, expires, may, name=''):
    """The signature that docs/http.md describes, computed by Python."""
    fields = (call, account, leg, expires, may) + ((name,) if leg else ())
    text = 'pbx-recording-link 1\n' + ''.join(f'{len(field.encode())}:{field}\n' for field in fields)
    return hmac.new(bytes.fromhex(secret), text.encode(), hashlib.sha256).hexdigest()


def with_variables(pairs):
    """A command that runs the one behind it with these variables before all others. Python, like any shell, would drop those that
    are there twice."""
    program = ('import ctypes, os, sys\n'
               'def array(texts): return (ctypes.c_char_p * (len(texts) + 1))(*texts, None)\n'
               'own = [name + b"=" + value for name, value in os.environb.items()]\n'
               f'first = [os.fsencode(text) for text in {[f"{name}={value}" for name, value in pairs]!r}]\n'
               'command = [os.fsencode(text) for text in sys.argv[1:]]\n'
               'ctypes.CDLL(None).execve(command[0], array(command), array(first + own))\n')
    return (sys.executable, '-c', program)


class Response:
    """What the program wrote: status, headers in lower case, body."""

    def __init__(self, result):
        self.result = result
        head, separator, self.body = result.out.partition(b'\n\n')
        assert separator, f'no empty line after the head\n{result}'
        self.fields = [line.split(': ', 1) for line in head.decode().split('\n')]
        self.headers = {name.lower(): value for name, value in self.fields}
        assert len(self.headers) == len(self.fields), f'a field is there twice\n{result}'
        self.status = int(self.headers['status'].split()[0])

    def __getitem__(self, name):
        return self.headers[name]

    def __str__(self):
        return f'{self.fields}\n{self.body[:300]!r}\n{self.result.err}'

    @property
    def problem(self):
        return json.loads(self.body)


class Listening(Fetching):
    def ask(self, work, path, query='', method='GET', expected=None, vouched=True, repeated=(), **variables):
        """The response to one request. Keyword arguments are variables, for example HTTP_RANGE; `repeated` has pairs of name and
        value, which become variables one after another, also those with the same name."""
        env = {'GATEWAY_INTERFACE': 'CGI/1.1', 'SERVER_PROTOCOL': 'HTTP/1.1', 'REQUEST_METHOD': method, 'SCRIPT_NAME': '/recordings',
               'PATH_INFO': path, 'QUERY_STRING': query, **({'PBX_ACCOUNT': ACCOUNT} if vouched else {}), **variables}
        result = work.run('pbx-recording-cgi', env=env, before=with_variables(repeated) if repeated else ())
        no_report(result)
        response = Response(result)
        if expected is not None:
            self.assertEqual(response.status, expected, str(response))
        return response

    def recording(self, work, query='', call=CALL, **how):
        return self.ask(work, f'/calls/{call}/recording', query, **how)

    def keys(self, work, text=f'1 {SECRET}\n'):
        path = work.path / 'link.key'
        path.touch(mode=0o600)
        path.write_text(text, encoding='utf-8')
        work.env['PBX_LINK_KEY'] = str(path)

    def link(self, work, *arguments, call=CALL, **how):
        """(path, query) of a signed link."""
        url = urlsplit(self.status(work.run('pbx-recording-fetch', '--link', call, *arguments, **how), 0).text.strip())
        return url.path, url.query

    def cache(self, work, **more):
        """A configuration with a cache, which the program reads."""
        folder = work.path / 'listening'
        conf = work.path / 'pbx.conf'
        lines = [f'{name.replace("_", "-")} = {value}' for name, value in {'cache': folder, **more}.items()]
        conf.write_text('[pbx-recording-cgi]\n' + '\n'.join(lines) + '\n', encoding='utf-8')
        work.env['PBX_CONFIG'] = str(conf)
        return folder

    def only_archived(self, **how):
        """A call whose recording only the archive has: the PBX, its legs, and the recording's bytes."""
        work, legs, whole = self.archived_call(**how)
        work.stitched_file(CALL).unlink()
        for file in work.stitched.glob(f'.{CALL}*'):
            file.unlink()
        if work.cloud:
            work.cloud.clear()
        return work, legs, whole

    def downloads(self, work):
        """What the bucket sent of recordings: [(first byte, number of bytes)]."""
        return [(begin, length) for name, begin, length in work.cloud.sent if re.search(r'\.wav$', name)]


__all__ = ['CALL', 'SECRET', 'Listening', 'Response', 'signature']
