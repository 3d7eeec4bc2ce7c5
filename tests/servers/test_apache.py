#!/usr/bin/env python3
"""Apache's WebDAV as the archive, with a password."""
import base64
import hashlib

from storage import Server, Storing, main, obscured
from unpacked import Unpacked

MODULES = ('mpm_event', 'dav', 'dav_fs', 'authn_core', 'authn_file', 'authz_core', 'authz_user', 'auth_basic')


class Apache(Server):
    packages = Unpacked('apache', ['apache2-bin'])

    def prepare(self):
        modules = self.packages.program('usr/lib/apache2/modules')
        hashed = base64.b64encode(hashlib.sha1(b'secret').digest()).decode()
        self.write('users', f'pbx:{{SHA}}{hashed}\n')
        (self.path / 'locks').mkdir()
        loads = '\n'.join(f'LoadModule {name}_module {modules}/mod_{name}.so' for name in MODULES)
        self.write('conf', f'''{loads}
ServerName localhost
Listen 127.0.0.1:{self.port}
PidFile {self.path}/pid
ErrorLog {self.path}/log
DefaultRuntimeDir {self.path}
DocumentRoot {self.data}
DavLockDB {self.path}/locks/db
<Location "/">
    Dav On
    AuthType Basic
    AuthName recordings
    AuthUserFile {self.path}/users
    Require user pbx
</Location>
''')

    def commands(self):
        return [[self.packages.program('usr/sbin/apache2'), '-D', 'FOREGROUND', '-f', self.path / 'conf']]

    def section(self, wrong=False):
        return (f'[store]\ntype = webdav\nurl = http://127.0.0.1:{self.port}\nvendor = other\nuser = pbx\n'
                f"pass = {obscured('guess' if wrong else 'secret')}\n")


class ApacheWebDav(Storing):
    server_type = Apache


del Storing

if __name__ == '__main__':
    main()
