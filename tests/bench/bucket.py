"""A bucket for tests/bench/run that already contains files.

bucket.py [--delay MILLISECONDS] BUCKET [FOLDER BELOW]... serves it, and prints "ready PORT". Every answer waits for the delay.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'support'))
from fake_gcs import FakeGcs  # noqa: E402

arguments = sys.argv[1:]
delay = 0
if arguments[0] == '--delay':
    delay, arguments = int(arguments[1]), arguments[2:]
cloud = FakeGcs(arguments[0])
if delay:
    cloud.fault(delay_ms=delay)
for folder, below in zip(arguments[1::2], arguments[2::2]):
    for file in filter(Path.is_file, Path(folder).iterdir()):
        cloud.put(f'{below}/{file.name}', file.read_bytes(), content_type='audio/x-wav')
print('ready', cloud.port, flush=True)
cloud.thread.join()
