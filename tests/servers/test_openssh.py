#!/usr/bin/env python3
"""OpenSSH's own sftp server as the archive, with the hashes that its shell gives, and without a shell."""
import shutil
import subprocess

from storage import Server, Storing, account, main
from unpacked import Unpacked


class Sshd(Server):
    packages = Unpacked('openssh', ['openssh-server'])
    extra = ''

    def prepare(self):
        for name in ('host', 'key', 'unknown-key'):
            subprocess.run([self.packages.program('usr/bin/ssh-keygen'), '-q', '-t', 'ed25519', '-N', '', '-f', self.path / name],
                           env=self.environment(), check=True)
        shutil.copy(self.path / 'key.pub', self.path / 'authorized')
        self.write('conf', f'''ListenAddress 127.0.0.1:{self.port}
HostKey {self.path}/host
AuthorizedKeysFile {self.path}/authorized
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
{self.extra}''')

    def commands(self):
        return [[self.packages.program('usr/sbin/sshd'), '-D', '-e', '-f', self.path / 'conf']]

    def section(self, wrong=False):
        return (f'[store]\ntype = sftp\nhost = 127.0.0.1\nport = {self.port}\nuser = {account().pw_name}\n'
                f"key_file = {self.path}/{'unknown-key' if wrong else 'key'}\n")

    def remote(self, place):
        return f'store:{self.data}/{place}'


class SshdWithoutShell(Sshd):
    extra = 'ForceCommand internal-sftp\n'


class OpenSsh(Storing):
    server_type = Sshd


class OpenSshWithoutShell(Storing):
    """As administrators give out such accounts: no shell, so no md5sum, and rclone has no hashes."""
    server_type = SshdWithoutShell


del Storing

if __name__ == '__main__':
    main()
