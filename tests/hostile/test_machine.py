#!/usr/bin/env python3
"""One machine with several users: files that another user created, owns or can write, and runs as root beside runs as
cron's user."""
import csv
import io
import os
import stat
import subprocess
import time

import sound
from workdir import ACCOUNT, BIN, NO_LEAK_CHECK, SLOW, Case, as_nobody, main

NOBODY = 65534
OTHER = 1234  # a third user, without an entry in the passwd database
CALL = '1776500000.1'
SECRET = 'password=hunter2\nroot:$6$salt$hash:19000::::::\n'
ROLE = "do $$ begin create role nobody login superuser; exception when duplicate_object then null; end $$"


def hidden_files(folder):
    """What an unfinished run leaves."""
    return sorted(str(file) for file in folder.rglob('.*') if file.name.endswith(('.tmp', '.writing')))


class RootCase(Case):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('SKIPPED: only root can run the tools as root and as another user')

    def give(self, user, *places):
        for place in places:
            for where, folders, files in os.walk(place):
                for name in [*folders, *files]:
                    os.chown(os.path.join(where, name), user, user, follow_symlinks=False)
            os.chown(place, user, user)

    def belong_to_nobody(self, *places):
        for place in places:
            for path in (place, *place.rglob('*')):
                status = path.lstat()
                self.assertEqual((status.st_uid, status.st_gid), (NOBODY, NOBODY), path)

    def spool_of_nobody(self, **how):
        """A workdir where the recorder runs as nobody, as it runs as asterisk on a PBX."""
        work = self.workdir(**how)
        pbx = work.path / 'asterisk'
        pbx.mkdir()
        work.spool = work.spool.rename(pbx / 'monitor')
        work.stitched = work.spool / 'stitched'
        work.stitch_src = pbx / 'stitch-src'
        work.env['PBX_SPOOL'] = str(work.spool)
        self.give(NOBODY, pbx, work.rclone_conf)
        if work.db:
            work.db.sql(ROLE)
        return work


class RunsAsRoot(RootCase):
    def test_what_a_run_as_root_creates_belongs_to_the_spools_owner_and_that_users_next_run_works(self):
        for first in ('root', 'nobody'):
            with self.subTest(first=first):
                work = self.spool_of_nobody()
                # Peer authentication: root's run also connects as nobody.
                conninfo = work.db.conninfo.replace('user=postgres', 'user=nobody')
                self.assertIn('user=nobody', conninfo)
                work.env['PBX_DATABASE'] = conninfo
                work.three_legs(CALL)
                metrics = work.path / 'metrics'
                metrics.mkdir()
                self.give(NOBODY, work.spool, metrics)
                for before in ([], as_nobody()) if first == 'root' else (as_nobody(), []):
                    for tool in ('pbx-stitch', 'pbx-archive'):
                        self.quiet(self.status(work.run(tool, '--metrics', metrics / 'pbx.prom', before=before), 0))
                    self.belong_to_nobody(work.spool.parent, metrics)
                self.assertIn('.pbx-archive.lock', os.listdir(work.spool))
                self.assertIn('.pbx-stitch.lock', os.listdir(work.stitched))

    def test_root_switches_to_the_spools_owner_and_v_names_that_user(self):
        work = self.spool_of_nobody(database=False)
        seen = work.path / 'seen'
        wrapper = work.path / 'rclone-wrapper'
        wrapper.write_text(f'#!/bin/sh\n{{ id -u; id -g; id -G; echo "$HOME"; }} >>{seen}\nexec rclone "$@"\n', encoding='utf-8')
        wrapper.chmod(0o755)
        seen.touch()
        work.leg('a.wav')
        self.give(NOBODY, seen, work.spool)
        result = self.status(work.run('pbx-archive', '-v', '--rclone', wrapper, env={'TMPDIR': '/root'}), 0)
        self.says(result, f'continuing as nobody, who owns {work.spool}')
        # None of root's groups remains.
        self.assertEqual(seen.read_text().splitlines()[:4], [str(NOBODY)] * 3 + ['/nonexistent'])

    def test_root_stays_root_when_it_owns_the_spool(self):
        work = self.workdir(database=False)
        work.leg('a.wav')
        self.assertNotIn('continuing as', self.status(work.run('pbx-archive', '-v'), 0).err)

    def test_a_link_of_a_third_user_does_not_decide_which_user_root_switches_to(self):
        work = self.spool_of_nobody(database=False)
        work.leg('a.wav')
        link = work.path / 'link'
        link.symlink_to(work.spool)
        os.chown(link, OTHER, OTHER, follow_symlinks=False)
        result = self.status(work.run('pbx-archive', '--spool', link), 77)
        self.says(result, f'{link} is a link that belongs to {OTHER}')
        self.hints(result)
        self.assertEqual(work.legs_in_spool(), ['a.wav'])

    def test_a_lock_that_an_older_version_left_as_root_is_named_with_the_command_that_fixes_it(self):
        work = self.spool_of_nobody(database=False)
        lock = work.spool / '.pbx-archive.lock'
        lock.touch(mode=0o640)
        for before in ([], as_nobody()):
            result = self.status(work.run('pbx-archive', before=before), 77)
            self.says(result, str(lock), 'belongs to root', f'chown nobody: {lock}')
        os.chown(lock, NOBODY, NOBODY)
        self.status(work.run('pbx-archive', before=as_nobody()), 0)

    def test_a_fetch_as_root_caches_for_the_spools_owner(self):
        work = self.spool_of_nobody()
        legs = work.three_legs(CALL, ago=7200)
        for name, data in legs[:2]:
            work.remote.put(name, data)
            (work.spool / name).unlink()
        self.give(NOBODY, work.spool)
        out = work.path / 'out.wav'
        self.status(work.run('pbx-recording-fetch', CALL, '-o', out), 0)
        self.belong_to_nobody(work.spool.parent)
        self.assertEqual(sorted(os.listdir(work.stitch_src)), sorted(name for name, _ in legs[:2]))
        self.assertTrue(work.stitched_file(CALL).exists())
        self.assertEqual(out.stat().st_uid, 0, 'the file that root asked for is root\'s')
        self.assertEqual(hidden_files(work.spool.parent), [])

    def test_the_generators_own_files_belong_to_the_folders_owner(self):
        work = self.workdir(remote=None)
        folder = work.path / 'etc'
        folder.mkdir()
        self.give(NOBODY, folder)
        work.db.sql("insert into organizations (name, context_prefix) values ('Acme', 'acme')")
        self.status(work.run('pbx-dialplan-gen', '--deploy', '--asterisk-dir', folder), 0)
        self.assertIn('.pbx-dialplan-gen.lock', os.listdir(folder))
        self.belong_to_nobody(folder)


class PlantedFiles(RootCase):
    def plants(self, folder, name, victim):
        """What another user can leave under a name."""
        target = folder / name
        return {'link': lambda: target.symlink_to(victim), 'dangling link': lambda: target.symlink_to(folder / 'made'),
                'hard link': lambda: os.link(victim, target), 'pipe': lambda: os.mkfifo(target, 0o666),
                'file': lambda: (target.write_text('planted'), os.chown(target, OTHER, OTHER))}

    def test_nothing_under_a_hidden_name_is_written_or_followed(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        work.stitched.mkdir()
        victim = work.path / 'victim'
        victim.write_text('precious')
        victim.chmod(0o600)
        for hidden in (f'.{CALL}.wav.tmp', f'.{CALL}.wav.writing'):
            for what, plant in self.plants(work.stitched, hidden, victim).items():
                with self.subTest(hidden=hidden, what=what):
                    plant()
                    self.status(work.run('pbx-stitch', timeout=20), 0)
                    self.assertEqual((victim.read_text(), stat.S_IMODE(victim.stat().st_mode)), ('precious', 0o600))
                    self.assertFalse((work.stitched / 'made').exists())
                    sound.Wav(work.stitched_file(CALL)).check()
                    work.stitched_file(CALL).unlink()
                    (work.stitched / hidden).unlink(missing_ok=True)

    def test_a_file_swapped_between_the_writing_and_the_rename_never_gets_the_final_name(self):
        """strace stops the tool before its rename while another file replaces the one that it is about to rename."""
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        work.stitched.mkdir()
        env = {**work.env, **NO_LEAK_CHECK}
        with subprocess.Popen(['strace', '-f', '-o', '/dev/null', '-e', 'trace=linkat', '-e', 'inject=linkat:delay_exit=3000000',
                               BIN / 'pbx-stitch'], env=env, stderr=subprocess.PIPE, text=True) as tool:
            until = time.monotonic() + 20 * SLOW
            hidden = []
            while not hidden and time.monotonic() < until:
                hidden = list(work.stitched.glob(f'.{CALL}.wav.*.tmp'))
                time.sleep(0.01)
            self.assertTrue(hidden, 'the name by which the file is renamed')
            hidden[0].unlink()
            hidden[0].write_bytes(b'forged')
            _, err = tool.communicate(timeout=30 * SLOW)
        self.assertEqual(tool.returncode, 77, err)
        self.assertIn('was replaced or linked', err)
        self.assertFalse(work.stitched_file(CALL).exists())
        self.assertEqual(hidden_files(work.stitched), [])
        self.status(work.run('pbx-stitch'), 0)
        sound.Wav(work.stitched_file(CALL)).check()

    def test_on_a_file_system_without_unnamed_files_the_name_is_random_and_new(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        work.stitched.mkdir()
        log = work.path / 'strace.log'
        tool = ('pbx-stitch', '--jobs', '1')

        def traced(*more):
            result = work.run(*tool, before=['strace', '-f', '-o', str(log), '-e', 'trace=openat', *more])
            # strace counts the calls of each thread.
            return result, log.read_text()

        self.status(work.run(*tool), 0)
        work.stitched_file(CALL).unlink()
        _, text = traced()
        opened = [line for line in text.splitlines() if 'openat(' in line]
        thread = next(line.split()[0] for line in opened if 'O_TMPFILE' in line)
        place = next(number for number, line in enumerate((line for line in opened if line.split()[0] == thread), 1)
                     if 'O_TMPFILE' in line)
        for fault, expected in (('EOPNOTSUPP', 0), ('ENOSPC', 73)):
            work.stitched_file(CALL).unlink(missing_ok=True)
            result, text = traced('-e', f'inject=openat:error={fault}:when={place}')
            self.assertTrue(any('O_TMPFILE' in line and 'INJECTED' in line for line in text.splitlines()), text)
            self.status(result, expected)
            self.assertEqual(hidden_files(work.stitched), [])
            if expected == 0:
                self.assertRegex(text, r'\.wav\.[0-9a-f]{16}\.tmp", O_RDWR\|O_CREAT\|O_EXCL')
                sound.Wav(work.stitched_file(CALL)).check()

    def test_a_metrics_file_that_is_not_ours_is_replaced_and_not_published(self):
        work = self.workdir(database=False)
        folder = work.path / 'prom'
        folder.mkdir()
        file = folder / 'pbx.prom'
        secret = work.path / 'secret'
        secret.write_text(SECRET)
        secret.chmod(0o640)
        for what, plant in self.plants(folder, 'pbx.prom', secret).items():
            with self.subTest(what):
                plant()
                result = self.status(work.run('pbx-archive', '--metrics', file, timeout=20), 0)
                self.says(result, f'{file} is not used')
                self.assertTrue(stat.S_ISREG(file.lstat().st_mode))
                self.assertEqual((file.stat().st_nlink, stat.S_IMODE(file.stat().st_mode)), (1, 0o644))
                self.assertNotRegex(file.read_text(), 'hunter2|planted')
                self.assertIn('pbx_archive_runs_total 1\n', file.read_text())
                self.assertEqual((secret.read_text(), stat.S_IMODE(secret.stat().st_mode)), (SECRET, 0o640))
                self.assertFalse((folder / 'made').exists())
                file.unlink()

    def test_a_metrics_file_of_ours_keeps_its_mode_and_owner_and_only_lines_that_are_metrics(self):
        work = self.workdir(database=False)
        folder = work.path / 'prom'
        folder.mkdir()
        self.give(NOBODY, folder)
        file = folder / 'pbx.prom'
        self.status(work.run('pbx-archive', '--metrics', file), 0)
        self.assertEqual((file.stat().st_uid, file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)), (NOBODY, NOBODY, 0o644))
        file.write_text('other_total{kind="a"} 7\n' + SECRET)
        file.chmod(0o600)
        self.status(work.run('pbx-archive', '--metrics', file), 0)
        self.assertEqual((file.stat().st_uid, stat.S_IMODE(file.stat().st_mode)), (NOBODY, 0o600))
        self.assertIn('other_total{kind="a"} 7\n', file.read_text())
        self.assertNotIn('hunter2', file.read_text())
        file.write_text('x_total 1\n' * 200000)
        self.says(self.status(work.run('pbx-archive', '--metrics', file), 0), 'longer than')
        self.assertNotIn('x_total', file.read_text())

    def test_a_lock_that_somebody_else_planted_is_refused_and_a_pipe_there_does_not_block_the_run(self):
        work = self.workdir(database=False)
        lock = work.spool / '.pbx-archive.lock'
        for what, plant in self.plants(work.spool, lock.name, work.rclone_conf).items():
            with self.subTest(what):
                plant()
                result = self.status(work.run('pbx-archive', timeout=20), 77)
                self.says(result, str(lock))
                self.hints(result)
                self.assertFalse((work.spool / 'made').exists())
                lock.unlink()


class Configuration(RootCase):
    def conf(self):
        work = self.workdir(remote=None)
        work.db.sql(ROLE)
        file = work.path / 'pbx.conf'
        file.write_text('timeout = "1m"\n', encoding='utf-8')
        file.chmod(0o644)
        return work, file

    def read(self, work, file, before=()):
        self.status(work.run('pbx-calls', '--config', file, before=before), 0)

    def refused(self, work, file, *words, before=()):
        for arguments, env in (('--config', file), None), ((), {'PBX_CONFIG': str(file)}):
            result = self.status(work.run('pbx-calls', *arguments, env=env, before=before, timeout=20), 77)
            self.says(result, str(file), *words)
            self.hints(result)

    def test_a_file_that_others_can_write_is_refused_by_name(self):
        work, file = self.conf()
        self.read(work, file)
        file.chmod(0o646)
        self.refused(work, file, 'everybody can write it', f'chmod o-w {file}')
        file.chmod(0o664)
        self.read(work, file)  # its group is its owner's private one
        os.chown(file, 0, OTHER)
        self.refused(work, file, 'its group can write it', f'chmod g-w {file}')
        file.chmod(0o640)
        self.read(work, file)

    def test_a_file_of_another_unprivileged_user_is_refused_even_for_root(self):
        work, file = self.conf()
        self.read(work, file, as_nobody())  # everybody trusts root
        os.chown(file, OTHER, OTHER)
        for before in ((), as_nobody()):
            self.refused(work, file, f'belongs to {OTHER}', before=before)
        os.chown(file, NOBODY, NOBODY)
        self.refused(work, file, 'belongs to nobody', f'chown root: {file}')
        self.read(work, file, as_nobody())

    def test_a_program_that_another_users_file_names_is_not_run(self):
        for tool, setting, arguments in (('pbx-archive', 'rclone', ()), ('pbx-dialplan-gen', 'asterisk', ('--validate',))):
            with self.subTest(tool):
                work, file = self.conf()
                work.env['PBX_REMOTE'] = str(work.path / 'remote')
                proof = work.path / 'proof'
                program = work.path / 'program'
                program.write_text(f'#!/bin/sh\ntouch {proof}\n', encoding='utf-8')
                program.chmod(0o755)
                file.write_text(f'[{tool}]\n{setting} = {program}\n', encoding='utf-8')
                work.leg('a.wav')
                work.db.sql("insert into organizations (name, context_prefix) values ('Acme', 'acme')")
                os.chown(file, NOBODY, NOBODY)
                self.status(work.run(tool, *arguments, '--config', file), 77)
                self.assertFalse(proof.exists())

    def test_a_file_in_a_folder_that_others_can_write_is_refused(self):
        work, file = self.conf()
        folder = work.path / 'etc'
        folder.mkdir()
        file = file.rename(folder / 'pbx.conf')
        folder.chmod(0o777)
        self.refused(work, file, 'everybody can write its folder')
        folder.chmod(0o1777)
        self.read(work, file)
        folder.chmod(0o755)
        os.chown(folder, OTHER, OTHER)
        self.refused(work, file, f'its folder .* belongs to {OTHER}')

    def test_a_pipe_is_refused_at_once_and_a_link_is_judged_by_its_target(self):
        work, file = self.conf()
        pipe = work.path / 'pipe'
        os.mkfifo(pipe)
        self.refused(work, pipe, 'not a regular file')
        link = work.path / 'link'
        link.symlink_to(file)
        self.read(work, link)
        os.chown(file, OTHER, OTHER)
        self.refused(work, link, f'belongs to {OTHER}')
        self.assertIn('--config', self.status(work.run('pbx-calls', '--config', link, '--help'), 0).text)


class WhatOthersSee(Case):
    def test_a_fetched_file_is_not_readable_by_everybody_and_a_stricter_umask_applies(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', sound.tone())])
        files = work.path / 'out.wav', work.path / 'headers'
        for mask, expected in (('000', 0o640), ('022', 0o640), ('077', 0o600)):
            with self.subTest(umask=mask):
                before = ['sh', '-c', f'umask {mask}; exec "$@"', 'sh']
                self.status(work.run('pbx-recording-fetch', CALL, '-o', files[0], '-D', files[1], before=before), 0)
                for file in files:
                    self.assertEqual(stat.S_IMODE(file.stat().st_mode), expected, file)
                    file.unlink()

    def cells(self, work, *arguments):
        text = self.status(work.run('pbx-calls', *arguments), 0).out.decode()
        return list(csv.DictReader(io.StringIO(text, newline='')))

    def test_a_cell_that_a_spreadsheet_would_run_has_an_apostrophe_unless_raw(self):
        work = self.workdir(remote=None)
        formulas = ['=1+1', '+49301234', '-1', '@sum(1)', '\uff1d1+1', "=cmd|' /C calc'!A0", '+a,"b"']
        plain = ['1=1', 'a-b', "'=1", '']
        for number, text in enumerate([*formulas, *plain]):
            work.cdr(f'{number}.1', None, src=text)
        work.cdr('99.1', None, src='\t=1')
        for option, mark, names in (('--csv', "'", ('Linkedid', 'From')), ('--csv=raw', '', ('linkedid', 'from'))):
            with self.subTest(option):
                rows = {row[names[0]]: row[names[1]] for row in self.cells(work, option)}
                expected = {f'{number}.1': mark + text for number, text in enumerate(formulas)}
                expected.update({f'{number}.1': text for number, text in enumerate(plain, len(formulas))})
                self.assertEqual(rows, {**expected, '99.1': '\\x09=1'})
        self.assertEqual(self.cells(work, 'show', '--csv', '0.1')[0]['From'], "'=1+1")
        self.hints(self.status(work.run('pbx-calls', '--csv=cooked'), 64))

    def test_direction_marks_and_c1_controls_are_escaped_wherever_a_name_is_shown(self):
        work = self.workdir()
        bad = 'a\u202egnp.wav\u009b31m\u2066\u200f'
        work.call(CALL, [(bad, sound.tone()), ('b.wav', sound.tone())])
        work.cdr(bad, 'c.wav', src=bad)
        work.leg(f'{bad}x.wav', age=7200)
        work.db.sql(f"insert into organizations (id, name, context_prefix) values ('{ACCOUNT}', U&'a\\202egnp\\009b', 'acme')")
        work.db.sql(f"insert into queues (org_id, number, name) values ('{ACCOUNT}', '5001', 'q')")
        for command, escaped in ((('pbx-stitch', '-v'), ''), (('pbx-archive', '-v', '--dry-run'), bad), (('pbx-archive', 'audit'), bad),
                                 (('pbx-calls',), bad), (('pbx-calls', '--csv'), bad), (('pbx-calls', '--csv=raw'), bad),
                                 (('pbx-calls', 'show', CALL), bad), (('pbx-calls', 'show', bad + 'no'), bad),
                                 (('pbx-recording-fetch', bad + 'no'), bad), (('pbx-provision', 'org', 'list'), 'a\u202egnp\u009b'),
                                 (('pbx-provision', 'recording', 'show'), 'a\u202egnp\u009b'),
                                 (('pbx-dialplan-gen', '--explain'), 'a\u202egnp\u009b'), (('pbx-dialplan-gen',), 'a\u202egnp\u009b'),
                                 (('pbx-stitch', '--json', '--dry-run'), ''), (('pbx-archive', '--json', '--dry-run'), ''),
                                 (('pbx-archive', 'audit', '--json'), ''), (('pbx-calls', '--json'), '')):
            with self.subTest(' '.join(command)):
                result = work.run(*command)
                text = result.err + result.out.decode()
                self.assertNotRegex(text, '[\x80-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]', f'{result}')
                shown = ''.join(c if c.isascii() else f'\\x{ord(c):02x}' if ord(c) < 256 else f'\\u{ord(c):04x}' for c in escaped)
                self.assertIn(shown, text)


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-recording-fetch', 'pbx-calls')
