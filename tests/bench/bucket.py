"""A bucket for tests/bench/run that already contains files: bucket.py BUCKET [FOLDER BELOW]... serves it, and prints "ready PORT"."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'support'))
from fake_gcs import FakeGcs  # noqa: E402

cloud = FakeGcs(sys.argv[1])
for folder, below in zip(sys.argv[2::2], sys.argv[3::2]):
    for file in filter(Path.is_file, Path(folder).iterdir()):
        cloud.put(f'{below}/{file.name}', file.read_bytes(), content_type='audio/x-wav')
print('ready', cloud.port, flush=True)
cloud.thread.join()
