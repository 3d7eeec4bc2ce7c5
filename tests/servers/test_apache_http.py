#!/usr/bin/env python3
"""Recordings over HTTP, served by Apache with the installed example."""
from unpacked import Unpacked
from web_server import Served, WebServer, main

MODULES = ('mpm_event', 'alias', 'env', 'headers', 'setenvif', 'cgid', 'authn_core', 'authz_core')


class Apache(WebServer):
    packages = Unpacked('apache', ['apache2-bin'])
    example = 'apache.conf'

    def configure(self, text):
        modules = self.packages.program('usr/lib/apache2/modules')
        loads = '\n'.join(f'LoadModule {name}_module {modules}/mod_{name}.so' for name in MODULES)
        self.write('conf', f'''{loads}
ServerName localhost
Listen 127.0.0.1:{self.port}
PidFile {self.path}/pid
ErrorLog {self.log}
DefaultRuntimeDir {self.path}
ScriptSock {self.path}/cgid
DocumentRoot {self.data}
CustomLog {self.log} "%r" env=!pbx_recording
{text}''')

    def commands(self):
        return [[self.packages.program('usr/sbin/apache2'), '-D', 'FOREGROUND', '-f', self.path / 'conf']]


class OverApache(Served):
    server_type = Apache


del Served

if __name__ == '__main__':
    main()
