"""Sparse legs for tests/bench/run: legs.py FOLDER CALLS SECONDS [ENDING]... makes FOLDER/<call>-<1..3>.wav, 16-bit 8 kHz mono, all
silence; with endings, such as .caller.wav, files that end with them instead of .wav."""
import os
import struct
import sys

folder, calls, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
size = seconds * 16000
header = struct.pack('<4sI4s4sIHHIIHH4sI', b'RIFF', size + 36, b'WAVE', b'fmt ', 16, 1, 1, 8000, 16000, 2, 16, b'data', size)
for call in range(1, calls + 1):
    for leg in (1, 2, 3):
        for ending in sys.argv[4:] or ['.wav']:
            with open(os.path.join(folder, f'{call}-{leg}{ending}'), 'wb') as file:
                file.write(header)
                file.truncate(44 + size)
