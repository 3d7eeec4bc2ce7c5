"""Speech in which every second can be identified: each party plays one tone per second, a different one each second, in a band of
its own. From a recording, this module computes who was heard when, and which of their seconds."""
import math
import struct
from operator import mul

RATE = 8000
FRAME = 160          # samples in 20 ms: what one RTP packet carries, and one window of the judge
STEP = 50            # Hz between tones: the resolution of 160 samples, so that tones do not leak into one another
SECONDS = 15         # tones of a party; who speaks longer begins again
BANDS = {'A': 350, 'B': 1100, 'C': 1850, 'D': 2600}
MUSIC = 200          # what waiting callers hear
AMPLITUDE = 6000


def frequency(party, second):
    return BANDS[party] + STEP * (second % SECONDS)


def _ulaw(sample):
    """G.711: one 16-bit sample as a byte."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = max(magnitude.bit_length() - 8, 0)
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 0x0f) & 0xff


def _linear(byte):
    byte = ~byte & 0xff
    magnitude = ((((byte & 0x0f) << 3) + 132) << ((byte >> 4) & 7)) - 132
    return -magnitude if byte & 0x80 else magnitude


_FROM_ULAW = [_linear(byte) for byte in range(256)]
SILENCE = bytes([_ulaw(0)]) * FRAME


def _frame(hertz):
    return bytes(_ulaw(round(AMPLITUDE * math.sin(2 * math.pi * hertz * n / RATE))) for n in range(FRAME))


# A tone has a whole number of periods in a frame, so all its frames are the same.
_FRAMES = {(party, second): _frame(frequency(party, second)) for party in BANDS for second in range(SECONDS)}


def frame(party, number):
    """The u-law bytes of the `number`-th 20 ms that `party` says."""
    return _FRAMES[party, number // 50 % SECONDS]


KEYS = {key: (low, high) for row, low in zip(('123', '456', '789', '*0#'), (697, 770, 852, 941))
        for key, high in zip(row, (1209, 1336, 1477))}


def key_frames(key, count):
    """`count` times 20 ms of u-law of a key that is pressed, as a telephone without RFC 4733 sends it: two tones."""
    low, high = KEYS[key]
    samples = [AMPLITUDE * (math.sin(2 * math.pi * low * n / RATE) + math.sin(2 * math.pi * high * n / RATE)) / 2
               for n in range(count * FRAME)]
    return [bytes(map(_ulaw, map(round, samples[start:start + FRAME]))) for start in range(0, len(samples), FRAME)]


def from_ulaw(payload):
    """RTP payload as a list of samples."""
    return [_FROM_ULAW[byte] for byte in payload]


_WAVES = {party: [([math.cos(2 * math.pi * frequency(party, second) * n / RATE) for n in range(FRAME)],
                   [math.sin(2 * math.pi * frequency(party, second) * n / RATE) for n in range(FRAME)])
                  for second in range(SECONDS)] for party in BANDS}


def heard(samples, parties):
    """{party: [second or None for each 20 ms]}."""
    found = {party: [] for party in parties}
    enough = (AMPLITUDE * FRAME / 2 * 0.45) ** 2
    for start in range(0, len(samples) - FRAME + 1, FRAME):
        window = samples[start:start + FRAME]
        loud = max(window) - min(window) > AMPLITUDE // 2
        for party in parties:
            best, power = None, enough
            for second, (cosine, sine) in enumerate(_WAVES[party] if loud else ()):
                this = sum(map(mul, window, cosine)) ** 2 + sum(map(mul, window, sine)) ** 2
                if this > power:
                    best, power = second, this
            found[party].append(best)
    return found


class Speech:
    """What one party is heard to say in some audio: `seconds` is {second: how long}, `order` the seconds as they come, one
    that is interrupted by another one named again."""

    def __init__(self, windows):
        self.windows = windows
        self.seconds = {}
        self.order = []
        for second in windows:
            if second is None:
                continue
            self.seconds[second] = self.seconds.get(second, 0) + FRAME / RATE
            if not self.order or self.order[-1] != second:
                self.order.append(second)
        # A window on the border of two tones may show either for one frame: a stray 20 ms does not count as a second.
        for second in [second for second, length in self.seconds.items() if length < 0.03]:
            del self.seconds[second]
            self.order = [other for other in self.order if other != second]
        self.order = [second for n, second in enumerate(self.order) if n == 0 or self.order[n - 1] != second]

    @property
    def length(self):
        return sum(self.seconds.values())

    @property
    def first(self):
        """Where in the audio it begins, in seconds."""
        return next((n * FRAME / RATE for n, second in enumerate(self.windows) if second is not None), None)

    def __str__(self):
        return ' '.join(f'{second}:{self.seconds[second]:.2f}' for second in self.order) or 'nothing'


def speech(samples, parties='ABCD'):
    """{party: Speech} of samples."""
    return {party: Speech(windows) for party, windows in heard(samples, parties).items()}


def wav_samples(data):
    """The samples of a WAV file as Asterisk writes it; the sizes in its header are ignored, so that an unfinished one can be judged."""
    at = data.index(b'data', 12) + 8
    body = data[at:at + (len(data) - at) // 2 * 2]
    return list(struct.unpack(f'<{len(body) // 2}h', body))


def wav(hertz, seconds):
    """The bytes of a WAV file with a tone."""
    wave = [round(AMPLITUDE * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(FRAME)]
    body = struct.pack(f'<{FRAME}h', *wave) * round(seconds * RATE / FRAME)
    return struct.pack('<4sI4s4sIHHIIHH4sI', b'RIFF', len(body) + 36, b'WAVE', b'fmt ', 16, 1, 1, RATE, RATE * 2, 2, 16,
                       b'data', len(body)) + body
