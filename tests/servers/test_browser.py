#!/usr/bin/env python3
"""The player in a real browser, served by lighttpd."""
import sys

import sound
from browser import Browser
from test_lighttpd import Lighttpd
from unpacked import Unavailable
from web import CALL
from web_server import WebCase, main
from workdir import wait_until

TONES = (440, 660, 880)
SECONDS = 2.0

# The loudest frequency while the recording plays for a moment from where it is.
LISTEN = '''
const audio = document.querySelector('audio');
const context = new AudioContext();
const analyser = context.createAnalyser();
analyser.fftSize = 8192;
context.createMediaElementSource(audio).connect(analyser);
analyser.connect(context.destination);
await context.resume();
await audio.play();
const bins = new Float32Array(analyser.frequencyBinCount);
let loudest = 0;
for (let i = 0; i < 50; ++i) {
  await new Promise(done => setTimeout(done, 100));
  analyser.getFloatFrequencyData(bins);
  loudest = bins.indexOf(Math.max(...bins));
  if (bins[loudest] > -60) break;
}
audio.pause();
return loudest * context.sampleRate / analyser.fftSize;
'''


class LoggingLighttpd(Lighttpd):
    def configure(self, text):
        super().configure(text)
        conf = self.path / 'conf'
        conf.write_text(conf.read_text(encoding='utf-8').replace('"mod_cgi"', '"mod_cgi", "mod_accesslog"') +
                        f'accesslog.filename = "{self.path}/access"\naccesslog.format = "%m %U %s %b"\n', encoding='utf-8')


class Player(WebCase):
    server_type = LoggingLighttpd

    @classmethod
    def setUpClass(cls):
        try:
            cls.browser = Browser()
        except Unavailable as why:
            print(f'SKIPPED: no browser: {why}', file=sys.stderr)
            sys.exit(77)
        cls.addClassCleanup(cls.browser.close)
        super().setUpClass()

    def call_of_tones(self, archived=False):
        work = self.workdir(**({} if archived else {'remote': None}))
        legs = [(f'20260418-14400{number}-919944421125-{tone}.wav', sound.tone(tone, SECONDS)) for number, tone in enumerate(TONES)]
        work.call(CALL, legs)
        self.status(work.run('pbx-stitch'), 0)
        if archived:
            self.status(work.run('pbx-archive'), 0)
            work.stitched_file(CALL).unlink()
        self.serve(work)
        return work

    def open_page(self, work, more=''):
        self.browser.complaints()
        self.browser.open(self.link_url(work, '--page') + more)

    def script(self, text):
        return self.browser.run(text)

    def loaded(self):
        return wait_until(lambda: self.script("const a = document.querySelector('audio'); return a.readyState >= 1 && a.duration"),
                          'the recording is loaded')

    def hears(self, tone):
        self.assertAlmostEqual(self.script(LISTEN), tone, delta=10)

    # --- the tests

    def test_the_duration_is_right_and_the_third_leg_is_heard_in_its_middle(self):
        for archived in (False, True):
            for form in ('', '&format=opus', '&format=mp3', '&format=flac'):
                with self.subTest(archived=archived, form=form):
                    work = self.call_of_tones(archived)
                    self.open_page(work, form)
                    # The frames that an MP3 encoder adds at both ends are part of it.
                    self.assertAlmostEqual(self.loaded(), 6.0, delta=0.2 if 'mp3' in form else 0.01)
                    self.assertAlmostEqual(self.script("return document.querySelector('audio').seekable.end(0)"), 6.0,
                                           delta=0.2 if 'mp3' in form else 0.01)
                    self.script("document.querySelector('audio').currentTime = 5.0")
                    wait_until(lambda: self.script("return !document.querySelector('audio').seeking"), 'it has sought')
                    self.hears(TONES[2])
                    self.assertEqual(self.browser.complaints(), [])
        self.assertRegex((self.server.path / 'access').read_text(encoding='utf-8'), r'(?m)^GET \S+/recording 206 ')

    def test_a_chapter_the_keys_and_the_buttons_seek(self):
        self.open_page(self.call_of_tones())
        self.loaded()
        wait_until(lambda: self.script("return !document.querySelector('[role=slider]').hidden"), 'the waveform is shown')
        now = "return document.querySelector('audio').currentTime"
        self.browser.click('li:nth-child(2) a')
        self.assertAlmostEqual(self.script(now), 2.0, delta=0.01)
        self.assertEqual(self.script("return document.querySelectorAll('[aria-current]').length"), 1)
        for key, expected in (('\ue00f', 4.0), ('\ue00e', 2.0), ('\ue014', 6.0), ('\ue012', 1.0), ('\ue011', 0.0)):
            self.browser.keys('[role=slider]', key)
            wait_until(lambda: not self.script("return document.querySelector('audio').seeking"), 'it has sought')
            self.assertAlmostEqual(self.script(now), expected, delta=0.01)
        self.browser.click('#forward')
        self.assertAlmostEqual(self.script(now), 6.0, delta=0.01)
        self.assertEqual(self.script("return document.querySelector('[role=slider]').getAttribute('aria-valuetext')"), '0:06 of 0:06')

    def test_the_waveform_is_drawn(self):
        self.open_page(self.call_of_tones())
        drawn = '''const canvas = document.querySelector('canvas');
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            let filled = 0;
            for (let i = 3; i < data.length; i += 4) filled += data[i] > 0;
            return filled / (data.length / 4);'''
        self.loaded()
        # A sine at half of full scale, in the middle half of the height.
        wait_until(lambda: 0.35 < self.script(drawn) < 0.65, 'the waveform is drawn')

    def test_an_expired_link_shows_a_page_that_states_so(self):
        work = self.call_of_tones()
        url = self.link_url(work, '--page')
        self.browser.open(url[:-1])
        self.assertIn('The link has expired or is not valid', self.script('return document.body.innerText'))


if __name__ == '__main__':
    main()
