"""What the suites of pbx-archive share: running it, legs to archive, and the check that none is lost."""
import subprocess

from sound import pcm, ramp
from workdir import Case, wait_until

CALL = '1776500000.1'


def flipped(data, at):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:]


def crypt(work):
    """Put crypt above the workdir's local remote; names stay readable, so that a test finds its object."""
    secret = subprocess.run(['rclone', 'obscure', 'secret'], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    work.rclone_conf.write_text(f'[secret]\ntype = crypt\nremote = {work.remote.folder}\nfilename_encryption = off\n'
                                f'directory_name_encryption = false\npassword = {secret}\n', encoding='utf-8')
    work.env['PBX_REMOTE'] = 'secret:'
    assert work.run('pbx-archive', 'init').status == 0
    return work


class Archiving(Case):
    def archive(self, work, *arguments, status=0, **how):
        return self.status(work.run('pbx-archive', *arguments, **how), status)

    def legs(self, work, count, seconds=0.1, **how):
        """`count` different legs; {name: bytes}."""
        made = {f'20260418-14{number // 60:02}{number % 60:02}-100-{number}.wav': pcm(ramp(seconds, number))
                for number in range(count)}
        for name, data in made.items():
            work.leg(name, data, **how)
        return made

    def nothing_lost(self, work, legs):
        """Each leg is whole in the spool or whole in the remote."""
        stored = work.remote.files()
        for name, data in legs.items():
            local = work.spool / name
            here = local.exists() and local.read_bytes() == data
            self.assertTrue(here or stored.get(name) == data, f'{name} is lost: here {local.exists()}, there {name in stored}')

    def starts_to_upload(self, work):
        """Start pbx-archive, and wait until an upload has begun; the process."""
        run = work.start('pbx-archive')
        wait_until(lambda: any(line.startswith('POST') for line in list(work.cloud.log)), 'an upload')
        return run
