#!/usr/bin/env python3
"""Recordings over HTTP, served by nginx and fcgiwrap with the installed example."""
from unpacked import Unpacked
from web_server import Served, WebServer, main


class Nginx(WebServer):
    packages = Unpacked('nginx', ['nginx', 'fcgiwrap'])
    example = 'nginx.conf'

    def configure(self, text):
        socket = self.path / 'fcgiwrap.socket'
        places = '\n'.join(f'{kind}_temp_path {self.path}/{kind};' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        self.write('conf', f'''daemon off;
pid {self.path}/pid;
error_log {self.log};
worker_processes 1;
events {{ worker_connections 256; }}
http {{
{places}
access_log off;
server {{
listen 127.0.0.1:{self.port};
{text.replace('/run/fcgiwrap.socket', str(socket))}
}}
}}
''')

    def commands(self):
        socket = self.path / 'fcgiwrap.socket'
        socket.unlink(missing_ok=True)
        return [[self.packages.program('usr/sbin/fcgiwrap'), '-c', '50', '-s', f'unix:{socket}'],
                [self.packages.program('usr/sbin/nginx'), '-p', self.path, '-e', self.log, '-c', self.path / 'conf']]


class OverNginx(Served):
    server_type = Nginx


del Served

if __name__ == '__main__':
    main()
