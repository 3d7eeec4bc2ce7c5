"""A server on loopback that speaks the part of Google Cloud Storage's JSON API that rclone uses, and fails on request.

In a test:      with FakeGcs() as cloud: ... cloud.fault(match='GET .*x.wav', status=503) ... cloud.objects('bkt')
From a shell:   python3 fake_gcs.py PORT [BUCKET ...]   prints "ready PORT"; the same requests by HTTP: POST /_fault {...},
                POST /_clear, GET /_log, GET /_objects
"""
import base64
import hashlib
import json
import re
import socket
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

# What a fault may hold, besides `match` (a regular expression for "METHOD url"), `times` (how often it strikes; None is
# always) and `after` (how many matching requests it lets pass first).
FAULTS = {
    'status',         # answer with this HTTP status
    'reason',         # ... and this reason in Google's error document
    'reset',          # close the connection without an answer
    'hang',           # take the request and never answer, till clear() or the end
    'delay_ms',       # answer late
    'bytes_per_s',    # answer slowly
    'truncate',       # cut the body after this many bytes
    'corrupt',        # flip one byte of the body
    'corrupt_store',  # flip one byte of an upload before it is stored
    'no_md5',         # report no MD5, as for a composite object
}


class FakeGcs:
    def __init__(self, *buckets, port=0):
        self.lock = threading.RLock()
        self.buckets = {name: {} for name in buckets or ('bkt',)}
        self.log = []
        self.sent = []  # (name, first byte, number of bytes) of each download
        self.generation = int(time.time() * 1e6)
        self.uploads = {}
        self.faults = []
        self.released = threading.Event()
        self.server = _Server(('127.0.0.1', port), type('Handler', (_Handler,), {'cloud': self}))
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.clear()
        self.server.shutdown()
        self.server.server_close()

    @property
    def endpoint(self):
        return f'http://127.0.0.1:{self.port}/storage/v1/'

    def fault(self, match='.', times=None, after=0, **what):
        unknown = set(what) - FAULTS
        if unknown:
            raise ValueError(f'no such fault: {unknown}')
        fault = dict(what, expression=re.compile(match), times=times, after=after, struck=0)
        with self.lock:
            self.faults.append(fault)
        return fault

    def clear(self):
        """Forget all faults and the log, and release every request that hangs."""
        with self.lock:
            self.faults.clear()
            self.log.clear()
            self.sent.clear()
            self.released.set()
            self.released = threading.Event()

    def strike(self, line):
        with self.lock:
            self.log.append(line)
            for fault in self.faults:
                if fault['times'] == 0 or not fault['expression'].search(line):
                    continue
                if fault['after'] > 0:
                    fault['after'] -= 1
                    continue
                if fault['times'] is not None:
                    fault['times'] -= 1
                fault['struck'] += 1
                return fault
        return {}

    def objects(self, bucket=None, below=''):
        """{name: bytes} of what is stored, the names relative to `below`."""
        with self.lock:
            stored = self.buckets[bucket or next(iter(self.buckets))]
            return {name[len(below):]: entry['data'] for name, entry in stored.items() if name.startswith(below)}

    def put(self, name, data, bucket=None, content_type='application/octet-stream', metadata=None):
        with self.lock:
            self.generation += 1
            stamp = time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime()) + '.000Z'
            entry = {'name': name, 'data': data, 'generation': self.generation, 'type': content_type,
                     'metadata': metadata or {}, 'time': stamp, 'md5': hashlib.md5(data).digest()}
            self.buckets[bucket or next(iter(self.buckets))][name] = entry
            return entry

    def remove(self, name, bucket=None):
        with self.lock:
            del self.buckets[bucket or next(iter(self.buckets))][name]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # rclone was killed, or closed early: not an error of the server
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = 64 * 1024
    cloud = None
    fault = {}

    def log_message(self, *_):
        pass

    # --- answers

    def answer(self, status, body=b'', headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers = [('Content-Type', 'application/json'), *headers]
        if self.fault.get('corrupt') and body:
            body = _flipped(body)
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        if status != 204:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command == 'HEAD':
            return
        cut = self.fault.get('truncate')
        if cut is not None and len(body) > cut:
            self.wfile.write(body[:cut])
            self.drop()
            return
        speed = self.fault.get('bytes_per_s')
        if speed:
            released = self.cloud.released
            for start in range(0, len(body), max(1, speed // 10)):
                self.wfile.write(body[start:start + max(1, speed // 10)])
                self.wfile.flush()
                released.wait(0.1)
        else:
            self.wfile.write(body)

    def drop(self):
        self.close_connection = True
        try:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def refuse(self, status, message, reason='notFound'):
        self.answer(status, {'error': {'code': status, 'message': message,
                                       'errors': [{'domain': 'global', 'reason': reason, 'message': message}]}})

    def resource(self, bucket, entry):
        """What Google reports about an object."""
        name, generation = entry['name'], entry['generation']
        link = f"http://{self.headers.get('Host')}/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        said = {'kind': 'storage#object', 'id': f'{bucket}/{name}/{generation}', 'name': name, 'bucket': bucket,
                'generation': str(generation), 'metageneration': '1', 'contentType': entry['type'],
                'size': str(len(entry['data'])), 'md5Hash': base64.b64encode(entry['md5']).decode(),
                'timeCreated': entry['time'], 'updated': entry['time'], 'storageClass': 'STANDARD',
                'metadata': entry['metadata'], 'mediaLink': f'{link}?generation={generation}&alt=media'}
        if self.fault.get('no_md5'):
            del said['md5Hash']
        return said

    # --- requests

    def read_body(self):
        """The request's body; None when its sender disconnected in the middle of it."""
        length = self.headers.get('Content-Length')
        if length is not None:
            data = self.rfile.read(int(length))
            return data if len(data) == int(length) else None
        data = bytearray()
        if 'chunked' in (self.headers.get('Transfer-Encoding') or ''):
            while True:
                line = self.rfile.readline()
                size = int(line.split(b';')[0], 16) if line.strip() else -1
                piece = self.rfile.read(max(size, 0))
                if len(piece) != size or not self.rfile.readline():
                    return None
                data += piece
                if size == 0:
                    break
        return bytes(data)

    def handle_request(self):
        self.fault = {}
        body = self.read_body()
        if body is None:
            return self.drop()
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path.startswith('/_'):
            return self.control(url.path, body)
        released = self.cloud.released
        self.fault = self.cloud.strike(f'{self.command} {self.path}')
        if self.fault.get('hang'):
            released.wait()
            return self.drop()
        if self.fault.get('delay_ms'):
            released.wait(self.fault['delay_ms'] / 1000)
        if self.fault.get('reset'):
            return self.drop()
        if self.fault.get('status'):
            return self.refuse(self.fault['status'], 'injected', self.fault.get('reason', 'injected'))
        match = re.match(r'/(upload/|download/)?storage/v1/b/([^/]+)/o(?:/([^/]+))?'
                         r'(?:/(rewriteTo|copyTo)/b/([^/]+)/o/([^/]+))?$', url.path) or \
            re.match(r'/(upload/|download/)?b/([^/]+)/o(?:/([^/]+))?(?:/(rewriteTo|copyTo)/b/([^/]+)/o/([^/]+))?$', url.path)
        if not match:
            return self.refuse(404, 'Not Found')
        kind, bucket, name, verb, to_bucket, to_name = (part and unquote(part) for part in match.groups())
        if bucket not in self.cloud.buckets:
            return self.refuse(404, 'The specified bucket does not exist.')
        if kind == 'upload/':
            return self.upload(bucket, query, body)
        if name is None:
            return self.listing(bucket, query)
        with self.cloud.lock:
            entry = self.cloud.buckets[bucket].get(name)
        if entry is None:
            return self.refuse(404, f'No such object: {bucket}/{name}')
        if verb:
            return self.duplicate(entry, verb, to_bucket, to_name, body)
        if self.command == 'DELETE':
            with self.cloud.lock:
                self.cloud.buckets[bucket].pop(name, None)
            return self.answer(204)
        if query.get('alt') == 'media' or kind == 'download/':
            return self.download(entry)
        return self.answer(200, self.resource(bucket, entry))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_request

    def control(self, path, body):
        cloud = self.cloud
        if path == '/_fault':
            cloud.fault(**json.loads(body))
            return self.answer(200, {})
        if path == '/_clear':
            cloud.clear()
            return self.answer(200, {})
        if path == '/_log':
            return self.answer(200, list(cloud.log))
        if path == '/_objects':
            with cloud.lock:
                return self.answer(200, {bucket: {name: {'size': len(entry['data']), 'md5': entry['md5'].hex(),
                                                         'generation': entry['generation']}
                                                  for name, entry in stored.items()}
                                         for bucket, stored in cloud.buckets.items()})
        return self.refuse(404, 'Not Found')

    def download(self, entry):
        data = entry['data']
        headers = [('Content-Type', entry['type'])]
        if not self.fault.get('no_md5'):
            headers.append(('X-Goog-Hash', 'md5=' + base64.b64encode(entry['md5']).decode()))
        asked = re.match(r'bytes=(\d*)-(\d*)$', self.headers.get('Range') or '')
        if not asked or not data:
            self.cloud.sent.append((entry['name'], 0, len(data)))
            return self.answer(200, data, headers)
        first, last = asked.groups()
        begin = int(first) if first else len(data) - int(last)
        end = min(int(last), len(data) - 1) if first and last else len(data) - 1
        self.cloud.sent.append((entry['name'], begin, end + 1 - begin))
        return self.answer(206, data[begin:end + 1], headers + [('Content-Range', f'bytes {begin}-{end}/{len(data)}')])

    def duplicate(self, entry, verb, bucket, name, body):
        wish = (json.loads(body) if body else None) or {}
        copy = self.cloud.put(name, entry['data'], bucket, wish.get('contentType') or entry['type'],
                              wish.get('metadata') or entry['metadata'])
        said = self.resource(bucket, copy)
        if verb == 'rewriteTo':
            said = {'kind': 'storage#rewriteResponse', 'done': True, 'resource': said, 'objectSize': said['size'],
                    'totalBytesRewritten': said['size']}
        return self.answer(200, said)

    def listing(self, bucket, query):
        prefix, delimiter = query.get('prefix', ''), query.get('delimiter', '')
        limit, after = int(query.get('maxResults', 1000)), query.get('pageToken', '')
        entries, folders = [], set()
        with self.cloud.lock:
            stored = dict(self.cloud.buckets[bucket])
        for name in sorted(stored):
            if not name.startswith(prefix) or name <= after:
                continue
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0:
                folders.add(name[:cut + len(delimiter)])
                continue
            entries.append(stored[name])
            if len(entries) >= limit:
                break
        said = {'kind': 'storage#objects', 'items': [self.resource(bucket, entry) for entry in entries],
                'prefixes': sorted(folders)}
        if len(entries) >= limit:
            said['nextPageToken'] = entries[-1]['name']
        return self.answer(200, said)

    # --- uploads: in one piece, as two MIME parts, or resumable in chunks

    def store(self, bucket, name, data, wish):
        if self.fault.get('corrupt_store') and data:
            data = _flipped(data)
        entry = self.cloud.put(name, data, bucket, wish.get('contentType') or 'application/octet-stream',
                               wish.get('metadata'))
        return self.answer(200, self.resource(bucket, entry))

    def upload(self, bucket, query, body):
        if query.get('upload_id'):
            return self.upload_chunk(bucket, query['upload_id'], body)
        kind = query.get('uploadType')
        if kind == 'resumable':
            wish = (json.loads(body) if body else None) or {}
            session = uuid.uuid4().hex
            self.cloud.uploads[session] = {'name': query.get('name') or wish['name'], 'data': b'', 'wish': wish}
            where = f"http://{self.headers.get('Host')}/upload/storage/v1/b/{bucket}/o"
            return self.answer(200, b'', [('Location', f'{where}?uploadType=resumable&upload_id={session}')])
        if kind == 'multipart':
            boundary = re.search(r'boundary="?([^";]+)', self.headers['Content-Type']).group(1).encode()
            pieces = body.split(b'--' + boundary)[1:3] if body.count(b'--' + boundary) == 3 else _split(body, boundary)
            description, data = (piece[piece.find(b'\r\n\r\n') + 4:-2] for piece in pieces)
            wish = json.loads(description)
            return self.store(bucket, query.get('name') or wish['name'], data, wish)
        return self.store(bucket, query['name'], body, {'contentType': self.headers.get('Content-Type')})

    def upload_chunk(self, bucket, session, body):
        state = self.cloud.uploads.get(session)
        if state is None:
            return self.refuse(404, 'upload session not found')
        spoken = re.match(r'bytes (\d+)-(\d+)/(\*|\d+)$', self.headers.get('Content-Range') or '')
        if spoken and int(spoken.group(1)) != len(state['data']):
            return self.refuse(400, 'bad offset', 'badRequest')
        state['data'] += body
        if spoken and (spoken.group(3) == '*' or int(spoken.group(2)) + 1 < int(spoken.group(3))):
            so_far = [('Range', f"bytes=0-{len(state['data']) - 1}")]
            if (self.headers.get('X-GUploader-No-308') or '').lower() == 'yes':
                return self.answer(200, b'', so_far + [('X-Http-Status-Code-Override', '308')])
            return self.answer(308, b'', so_far)
        del self.cloud.uploads[session]
        return self.store(bucket, state['name'], state['data'], state['wish'])


def _split(body, boundary):
    """The two parts of a multipart body whose audio happens to hold the boundary."""
    first = body.find(b'--' + boundary) + len(boundary) + 2
    second = body.find(b'\r\n--' + boundary, first)
    end = body.rfind(b'\r\n--' + boundary + b'--')
    return body[first:second + 2], body[second + 4 + len(boundary):end + 2]


def _flipped(data):
    changed = bytearray(data)
    changed[len(changed) // 2] ^= 0xFF
    return bytes(changed)


if __name__ == '__main__':
    cloud = FakeGcs(*sys.argv[2:], port=int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print('ready', cloud.port, flush=True)
    cloud.thread.join()
