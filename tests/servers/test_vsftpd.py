#!/usr/bin/env python3
"""vsftpd as the archive, with the password that its list allows to anonymous users: it needs neither root nor PAM."""
from sound import pcm, ramp
from storage import Server, ServerCase, Storing, account, main, obscured
from unpacked import Unpacked


class Vsftpd(Server):
    dot_files = 'YES'
    packages = Unpacked('vsftpd', ['vsftpd'])

    def prepare(self):
        self.write('passwords', 'secret\n')
        self.write('conf', f'''listen=YES
listen_address=127.0.0.1
listen_port={self.port}
background=NO
run_as_launching_user=YES
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
setproctitle_enable=NO
xferlog_enable=NO
anonymous_enable=YES
secure_email_list_enable=YES
email_password_file={self.path}/passwords
ftp_username={account().pw_name}
anon_root={self.data}
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
force_dot_files={self.dot_files}
write_enable=YES
anon_umask=022
max_per_ip=0
local_enable=NO
pasv_address=127.0.0.1
''')

    def commands(self):
        return [[self.packages.program('usr/sbin/vsftpd'), self.path / 'conf']]

    def section(self, wrong=False):
        return (f'[store]\ntype = ftp\nhost = 127.0.0.1\nport = {self.port}\nuser = anonymous\n'
                f"pass = {obscured('guess' if wrong else 'secret')}\n")


class VsftpdByDefault(Vsftpd):
    dot_files = 'NO'


class VerySecureFtp(Storing):
    server_type = Vsftpd


class DotFiles(ServerCase):
    """vsftpd's default."""
    server_type = VsftpdByDefault

    def test_a_server_that_hides_the_marker_is_refused_with_the_setting_to_change(self):
        work = self.unprepared_pbx()
        for _ in range(2):
            result = self.status(work.run('pbx-archive', 'init'), 69)
            self.says(result, 'cannot store .pbx-archive.json', 'hint: .*force_dot_files=YES')
            self.hints(result)
        work.leg('a.wav', pcm(ramp(0.1)))
        self.status(work.run('pbx-archive'), 69)
        self.assertEqual(work.legs_in_spool(), ['a.wav'])


del ServerCase, Storing

if __name__ == '__main__':
    main()
