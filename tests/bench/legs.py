"""Sparse legs for tests/bench/run: legs.py FOLDER CALLS SECONDS makes FOLDER/<call>-<1..3>.wav, 16-bit 8 kHz mono, all silence."""
import os
import struct
import sys

folder, calls, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
size = seconds * 16000
header = struct.pack('<4sI4s4sIHHIIHH4sI', b'RIFF', size + 36, b'WAVE', b'fmt ', 16, 1, 1, 8000, 16000, 2, 16, b'data', size)
for call in range(1, calls + 1):
    for leg in (1, 2, 3):
        with open(os.path.join(folder, f'{call}-{leg}.wav'), 'wb') as file:
            file.write(header)
            file.truncate(44 + size)
