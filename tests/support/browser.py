"""A headless Chromium, driven through chromedriver's own protocol (W3C WebDriver)."""
import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from storage import free_port
from unpacked import Unavailable


class Browser:
    def __init__(self, width=1000, height=900, dark=False):
        chromium, driver = shutil.which('chromium'), shutil.which('chromedriver')
        if not chromium or not driver:
            raise Unavailable('chromium and chromedriver are not installed (Debian: chromium, chromium-driver)')
        self.home = tempfile.mkdtemp(prefix='pbx-browser-')
        self.port = free_port()
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([driver, f'--port={self.port}'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True, env={**os.environ, 'HOME': self.home})
        arguments = ['--headless=new', '--disable-gpu', '--autoplay-policy=no-user-gesture-required', '--disable-dev-shm-usage',
                     f'--window-size={width},{height}', f'--user-data-dir={self.home}/profile', *(['--no-sandbox'] if os.geteuid() == 0 else []),
                     *(['--blink-settings=preferredColorScheme=0'] if dark else [])]
        self.session = None
        try:
            self._wait_ready()
            made = self._ask('POST', '/session', {'capabilities': {'alwaysMatch': {
                'goog:chromeOptions': {'binary': chromium, 'args': arguments}, 'goog:loggingPrefs': {'browser': 'ALL'}}}})
            self.session = made['sessionId']
        except Exception as why:
            self.close()
            raise Unavailable(f'chromium does not start: {why}') from why

    def _wait_ready(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                return self._ask('GET', '/status')
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}{path}', method=method,
                                         data=None if body is None else json.dumps(body).encode(), headers={'Content-Type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)['value']['message'][:2000]) from None

    def _do(self, method, command, body=None):
        return self._ask(method, f'/session/{self.session}{command}', body)

    def open(self, url):
        self._do('POST', '/url', {'url': url})

    def run(self, script, *arguments):
        """The value that a script returns, or a promise of it."""
        return self._do('POST', '/execute/sync', {'script': script, 'args': list(arguments)})

    def keys(self, selector, keys):
        element = self._do('POST', '/element', {'using': 'css selector', 'value': selector})
        self._do('POST', f'/element/{next(iter(element.values()))}/value', {'text': keys})

    def click(self, selector):
        element = self._do('POST', '/element', {'using': 'css selector', 'value': selector})
        self._do('POST', f'/element/{next(iter(element.values()))}/click', {})

    def complaints(self):
        """Messages of the console, for example about a policy that was violated."""
        return [entry['message'] for entry in self._do('POST', '/se/log', {'type': 'browser'}) if entry['level'] in ('SEVERE', 'WARNING')]

    def screenshot(self, path):
        with open(path, 'wb') as file:
            file.write(base64.b64decode(self._do('GET', '/screenshot')))

    def close(self):
        if self.session:
            try:
                self._do('DELETE', '')
            except (AssertionError, OSError):
                pass
        # The driver's own session holds whatever of the browser is left.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)
