"""WAV files as Asterisk writes them, made with sox and espeak-ng, and checks of those that the tools write: with sox, libsndfile's
programs, and a reader of our own. None of the project's code is used."""
import functools
import json
import os
import shutil
import struct
import subprocess
import tempfile

# Each kind of leg, as sox options. wav, wav16 and WAV49 are Asterisk's own; the others come from providers and older systems.
KINDS = {
    'wav': ['-r', '8000', '-c', '1', '-b', '16', '-e', 'signed-integer'],
    'wav16': ['-r', '16000', '-c', '1', '-b', '16', '-e', 'signed-integer'],
    'gsm': ['-r', '8000', '-c', '1', '-e', 'gsm-full-rate'],
    'ulaw': ['-r', '8000', '-c', '1', '-b', '8', '-e', 'u-law'],
    'alaw': ['-r', '8000', '-c', '1', '-b', '8', '-e', 'a-law'],
    'stereo': ['-r', '8000', '-c', '2', '-b', '16', '-e', 'signed-integer'],
    'wav48stereo': ['-r', '48000', '-c', '2', '-b', '16', '-e', 'signed-integer'],
}


def _sox(*arguments):
    done = subprocess.run(['sox', '-D', *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"sox {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


@functools.lru_cache(maxsize=None)
def tone(frequency=440, seconds=1.0, kind='wav'):
    """The bytes of a WAV file with a sine."""
    with tempfile.TemporaryDirectory(prefix='pbx-tone-') as folder:
        path = os.path.join(folder, 'x.wav')
        _sox('-n', *KINDS[kind], path, 'synth', str(seconds), 'sine', str(frequency), 'vol', '0.5')
        with open(path, 'rb') as file:
            return file.read()


@functools.lru_cache(maxsize=None)
def speech(words, kind='wav'):
    """The bytes of a WAV file in which espeak-ng says `words`, so that a listener can judge an order."""
    with tempfile.TemporaryDirectory(prefix='pbx-speech-') as folder:
        spoken, path = os.path.join(folder, 'spoken.wav'), os.path.join(folder, 'x.wav')
        subprocess.run(['espeak-ng', '-w', spoken, words], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _sox(spoken, *KINDS[kind], path)
        with open(path, 'rb') as file:
            return file.read()


def pcm(samples, rate=8000, channels=1):
    """The bytes of a WAV file in Asterisk's layout (44 bytes of header), from raw 16-bit samples."""
    return struct.pack('<4sI4s4sIHHIIHH4sI', b'RIFF', len(samples) + 36, b'WAVE', b'fmt ', 16, 1, channels, rate,
                       rate * channels * 2, channels * 2, 16, b'data', len(samples)) + samples


def ramp(seconds=1.0, seed=0, rate=8000):
    """Raw samples that differ in every stretch and between seeds, so that a test can see which of them went where."""
    return b''.join(struct.pack('<h', ((n * 7 + seed * 1009 + (n >> 8) * 13) % 65521) - 32760)
                    for n in range(round(seconds * rate)))


def empty():
    """A leg of a call that had no audio: the header alone."""
    return pcm(b'')


def unfinished(wav):
    """A leg whose recorder died: both sizes in the header are still zero."""
    assert wav[36:40] == b'data'
    return wav[:4] + bytes(4) + wav[8:40] + bytes(4) + wav[44:]


def truncated(wav, keep):
    """A truncated leg, whose header promises more."""
    return wav[:keep]


def names(listed):
    """The names in a manifest's list, whether its entries are names or hold one."""
    return [entry['name'] if isinstance(entry, dict) else entry for entry in listed]


class Wav:
    """A WAV file taken apart by hand: every chunk, the format, the text tags that it contains."""

    def __init__(self, source):
        if isinstance(source, (bytes, bytearray)):
            self.bytes = bytes(source)
        else:
            with open(source, 'rb') as file:
                self.bytes = file.read()
        data = self.bytes
        assert data[:4] in (b'RIFF', b'RF64'), f'no RIFF file: {data[:16]!r}'
        assert data[8:12] == b'WAVE', f'no WAVE file: {data[:16]!r}'
        self.riff_size = struct.unpack_from('<I', data, 4)[0]
        self.chunks = []
        self.info = {}
        at = 12
        while at + 8 <= len(data):
            tag, size = struct.unpack_from('<4sI', data, at)
            self.chunks.append((tag, at + 8, size))
            if tag == b'LIST' and data[at + 8:at + 12] == b'INFO':
                self._read_info(at + 12, at + 8 + size)
            at += 8 + size + (size & 1)
        formats = [(start, size) for tag, start, size in self.chunks if tag == b'fmt ']
        assert formats, 'no fmt chunk'
        (self.tag, self.channels, self.rate, self.bytes_a_second, self.block,
         self.bits) = struct.unpack_from('<HHIIHH', data, formats[0][0])
        self.data_at, self.data_size = next((start, size) for tag, start, size in self.chunks if tag == b'data')
        self.samples = data[self.data_at:self.data_at + self.data_size]
        self.frames = len(self.samples) // self.block

    def _read_info(self, at, end):
        while at + 8 <= end:
            tag, size = struct.unpack_from('<4sI', self.bytes, at)
            self.info[tag.decode()] = self.bytes[at + 8:at + 8 + size].rstrip(b'\0').decode()
            at += 8 + size + (size & 1)

    @property
    def seconds(self):
        return self.frames / self.rate

    @property
    def manifest(self):
        return json.loads(self.info['ICMT'])

    def check(self):
        """The sizes in the header are those of the file, and libsndfile and sox read what its header states."""
        assert self.riff_size == len(self.bytes) - 8, f'RIFF size {self.riff_size} in a file of {len(self.bytes)} bytes'
        assert len(self.samples) == self.data_size, 'the data chunk is longer than the file'
        return self


def sndfile_info(path):
    """What sndfile-info prints; fails on its warnings."""
    done = subprocess.run(['sndfile-info', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0 and 'Error' not in done.stdout and '***' not in done.stdout, done.stdout
    return done.stdout


def soxi(path):
    """(rate, channels, frames, encoding) as sox reads the file."""
    def ask(option):
        return subprocess.run(['soxi', option, path], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    return int(ask('-r')), int(ask('-c')), int(ask('-s')), ask('-e')


def sox_samples(path, *effects, rate=None, channels=None):
    """The file's audio as sox decodes it: raw 16-bit samples."""
    to = [*(['-r', str(rate)] if rate else []), *(['-c', str(channels)] if channels else [])]
    return _sox('-G', path, '-t', 'raw', '-b', '16', '-e', 'signed-integer', *to, '-', *effects)


def xxh128(data):
    """The bytes' XXH3 checksum of 128 bits, by xxhsum."""
    return subprocess.run(['xxhsum', '-H2'], input=data, stdout=subprocess.PIPE, check=True).stdout.split()[0].decode()


def same_audio(one, other):
    """sndfile-cmp's verdict."""
    return subprocess.run(['sndfile-cmp', one, other], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def rms(path, start=None, seconds=None):
    """Loudness of a stretch, 0 to 1, as sox measures it."""
    trim = ['trim', str(start), *([str(seconds)] if seconds else [])] if start is not None else []
    done = subprocess.run(['sox', path, '-n', *trim, 'stat'], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          check=True, text=True)
    return float(next(line.split(':')[1] for line in done.stderr.splitlines() if line.startswith('RMS     amplitude')))


def level(path, *effects):
    """The RMS level in dB, as sox measures it."""
    done = subprocess.run(['sox', path, '-n', *effects, 'stats'], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=True,
                          text=True)
    shown = next(line.split()[-1] for line in done.stderr.splitlines() if line.startswith('RMS lev dB'))
    return -200.0 if shown == '-inf' else float(shown)


def band_level(path, channel, frequency, *effects):
    """The same of a narrow band around `frequency` in one channel, counted from 1."""
    return level(path, *effects, 'remix', str(channel), 'sinc', '-a', '80', '-t', '3', f'{frequency - 1}-{frequency + 1}')


def pitch(path, start, seconds):
    """The frequency of a sine in a stretch of the file, by counting its zero crossings."""
    with tempfile.TemporaryDirectory(prefix='pbx-pitch-') as folder:
        cut = os.path.join(folder, 'cut.raw')
        _sox('-G', path, '-t', 'raw', '-b', '16', '-e', 'signed-integer', '-r', '8000', '-c', '1', cut,
             'trim', str(start), str(seconds))
        with open(cut, 'rb') as file:
            raw = file.read()
    samples = struct.unpack(f'<{len(raw) // 2}h', raw)
    loud = [sample for sample in samples if abs(sample) > 200]
    if len(loud) < 10:
        return 0
    crossings = sum(1 for a, b in zip(loud, loud[1:]) if (a < 0) != (b < 0))
    return round(crossings / 2 / (len(samples) / 8000))


def missing_programs():
    return [program for program in ('sox', 'soxi', 'sndfile-info', 'sndfile-cmp', 'espeak-ng') if not shutil.which(program)]


