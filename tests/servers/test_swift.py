#!/usr/bin/env python3
"""OpenStack Swift as the archive, over its own interface and over its S3."""
import os
import pickle
import re
import subprocess
import urllib.request

from storage import EXPECTED, Server, Storing, account, free_port, main
from unpacked import Unpacked

BUCKET = 'bkt'
PARTS = ('account', 'container', 'object')

# Swift's programs read /etc/swift/swift.conf only; its library has a function for another folder.
LAUNCH = ("import runpy, sys; from swift.common import utils; utils.set_swift_dir(sys.argv.pop(1)); del sys.argv[0]; "
          "runpy.run_path(sys.argv[0], run_name='__main__')")


class Swift(Server):
    """One of each of Swift's servers, with one disk, which is a folder."""
    packages = Unpacked('swift', ['swift-proxy', 'swift-account', 'swift-container', 'swift-object', 'memcached'])

    def __init__(self):
        super().__init__()
        self.ports = [free_port() for _ in range(5)]  # proxy, memcached, and the parts
        self.etc = self.path / 'etc'
        self.etc.mkdir()

    def prepare(self):
        self.write('etc/swift.conf', '[swift-hash]\nswift_hash_path_suffix = pbx\n[storage-policy:0]\nname = one\ndefault = yes\n')
        general = f'''[DEFAULT]
bind_ip = 127.0.0.1
workers = 0
swift_dir = {self.etc}
devices = {self.path}
mount_check = false
user = {account().pw_name}
bind_port = '''
        for part, port in zip(PARTS, self.ports[2:]):
            for words in (('create', '0', '1', '0'), ('add', f'r1z1-127.0.0.1:{port}/data', '1'), ('rebalance',)):
                self.ring(part, *words)
            self.write(f'etc/{part}.conf', f'{general}{port}\n[pipeline:main]\npipeline = {part}-server\n'
                                           f'[app:{part}-server]\nuse = egg:swift#{part}\n')
        filters = ('catch_errors', 'cache', 's3api', 'tempauth', 'slo', 'dlo')
        more = {'cache': f'memcache_servers = 127.0.0.1:{self.ports[1]}\n', 'tempauth': 'user_pbx_backup = secret .admin\n'}
        self.write('etc/proxy.conf', f"{general}{self.port}\n[pipeline:main]\npipeline = {' '.join(filters)} proxy-server\n"
                   '[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n' + ''.join(
                       f"[filter:{name}]\nuse = egg:swift#{'memcache' if name == 'cache' else name}\n{more.get(name, '')}"
                       for name in filters))

    def program(self, name):
        return ['/usr/bin/python3', '-c', LAUNCH, self.etc, self.packages.program(f'usr/bin/{name}')]

    def ring(self, part, *words):
        subprocess.run([*self.program('swift-ring-builder'), self.etc / f'{part}.builder', *words], env=self.environment(),
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)

    def commands(self):
        memcached = [self.packages.program('usr/bin/memcached'), '-l', '127.0.0.1', '-p', self.ports[1], '-U', '0']
        return [memcached, *([*self.program(f'swift-{part}-server'), self.etc / f'{part}.conf'] for part in (*PARTS, 'proxy'))]

    def start(self):
        super().start()
        self.request('PUT', '')

    def stop(self):
        """Only the proxy refuses connections: the others take seconds to start."""
        self.end([self.processes.pop()])

    def restart(self):
        self.spawn(self.commands()[-1])
        self.wait_ready()

    def request(self, method, path, data=None):
        """Ask Swift over its own interface."""
        def ask(method, url, headers, data=None):
            with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=20) as answer:
                return answer.headers
        said = ask('GET', f'http://127.0.0.1:{self.port}/auth/v1.0', {'X-Auth-User': 'pbx:backup', 'X-Auth-Key': 'secret'})
        ask(method, f"{said['X-Storage-Url']}/{BUCKET}{path}", {'X-Auth-Token': said['X-Auth-Token']}, data)

    def put(self, place, name, data):
        self.request('PUT', f'/{place}/{name}', data)

    def delete(self, place, name):
        self.request('DELETE', f'/{place}/{name}')

    def objects(self, place):
        """{name: file}: Swift keeps an object's name in an extended attribute of its file."""
        begin = f'/AUTH_pbx/{BUCKET}/{place}/'.encode()
        found = {}
        for file in self.data.glob('objects/*/*/*/*.data'):
            told = os.getxattr(file, 'user.swift.metadata')
            for value in pickle.loads(told, encoding='bytes').values():
                if isinstance(value, bytes) and value.startswith(begin):
                    found[value[len(begin):].decode()] = file
        return found

    def at_rest(self, place, name):
        return self.objects(place).get(name)

    def names(self, place):
        return sorted(self.objects(place))

    def section(self, wrong=False):
        return (f'[store]\ntype = swift\nuser = pbx:backup\nauth = http://127.0.0.1:{self.port}/auth/v1.0\n'
                f"key = {'guess' if wrong else 'secret'}\n")

    def remote(self, place):
        return f'store:{BUCKET}/{place}'


class SwiftS3(Swift):
    def section(self, wrong=False):
        return (f'[store]\ntype = s3\nprovider = Other\nregion = us-east-1\nendpoint = http://127.0.0.1:{self.port}\n'
                f"access_key_id = pbx:backup\nsecret_access_key = {'guess' if wrong else 'secret'}\n")


class SwiftItself(Storing):
    server_type = Swift

    def make_archive(self, work):
        """Swift sometimes answers a first upload with the end of the answer before it ("malformed HTTP response"): once more then."""
        result = super().make_archive(work)
        return super().make_archive(work) if 'malformed HTTP response' in result.err else result

    def names_difference(self, result, name):
        """Swift puts a damaged object away when it is read. Of that read a newer rclone keeps nothing to be compared."""
        if 'arrived corrupted' in result.err:
            self.says(result, rf'{re.escape(name)}: it arrived corrupted: {EXPECTED}')
        else:
            super().names_difference(result, name)


class SwiftAsS3(Storing):
    server_type = SwiftS3


del Storing

if __name__ == '__main__':
    main()
