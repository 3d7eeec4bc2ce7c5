#!/usr/bin/env python3
"""The private Asterisk of pbx-dialplan-gen: which user it runs as, what it inherits, whose files it uses, and what it leaves behind.

A shell script stands in for Asterisk. It records how it was started, keeps a copy of its configuration, and runs the program "module" in
the folder that astmoddir names, as Asterisk runs the code of its modules.
"""
import os
import signal
import time
import unittest
from pathlib import Path

from workdir import Case, main, processes_with

NOBODY = 65534
OTHER = 12345  # an account that is neither root nor the owner of anything here

PROGRAM = '''#!/bin/sh
# The end of the command line says which part is played.
log={log}
for last; do :; done
conf=
previous=
for argument; do
    if [ "$previous" = -C ]; then conf=$argument; fi
    previous=$argument
done
what=$(echo "$last" | tr -c 'a-z\\n' _)
env >"$log/$what.env"
id -u >"$log/$what.uid"; id -g >"$log/$what.gid"; id -G >"$log/$what.groups"
ls -l /proc/$$/fd >"$log/$what.fds"
cat /proc/$$/limits >"$log/$what.limits"
grep NoNewPrivs /proc/$$/status >"$log/$what.privileges"
cut -d' ' -f5-7 /proc/$$/stat >"$log/$what.session"
folder=${{conf%/etc/asterisk.conf}}
case $last in
    -f)
        cp -r "$folder/etc" "$log/etc.$$"
        ls -ldn "$folder" >"$log/folder"
        modules=$(sed -n 's/^astmoddir *=> *//p' "$conf")
        if [ -x "$modules/module" ]; then "$modules/module" "$log"; fi
        sleep 300 &
        : >"$folder/ready"
        while [ -e "$folder/ready" ]; do sleep 0.05; done ;;
    'core waitfullybooted') if [ -e "$folder/ready" ]; then echo 'Asterisk has fully booted.'; fi ;;
    'core stop now') rm -f "$folder/ready" ;;
esac
'''


class PrivateAsterisk(Case):
    def pbx(self, owner=None):
        """A workdir with an Asterisk folder of `owner`, one organization, and the script in place of Asterisk."""
        work = self.workdir(remote=None)
        work.etc = work.path / 'etc'
        work.etc.mkdir()
        work.log = work.path / 'log'
        work.log.mkdir()
        work.log.chmod(0o777)
        work.tmp = work.path / 'tmp'
        work.tmp.mkdir()
        work.tmp.chmod(0o1777)
        work.program = work.path / 'asterisk'
        work.program.write_text(PROGRAM.format(log=work.log), encoding='utf-8')
        work.program.chmod(0o755)
        if owner is not None and os.geteuid() == 0:
            os.chown(work.etc, owner, owner)
        work.env.update(PBX_ASTERISK_DIR=str(work.etc), TMPDIR=str(work.tmp))
        work.db.sql("""insert into organizations (name, context_prefix) values ('acme', 'acme');
                       insert into users (org_id, extension, full_name, sip_password)
                           select id, '1001', 'Alice', 'lamps-over-water-9' from organizations""")
        return work

    def generate(self, work, *arguments, expect=65, **how):
        """The script has no dialplan to show, so a validation that ran to its end finds extensions missing: 65."""
        return self.status(work.run('pbx-dialplan-gen', '--asterisk', work.program, *arguments, **how), expect)

    def noted(self, work, name):
        return (work.log / name).read_text(encoding='utf-8')

    def never_started(self, work):
        self.assertEqual(sorted(os.listdir(work.log)), [], 'the program was started')


@unittest.skipUnless(os.geteuid() == 0, 'only root can become somebody else')
class AsWhom(PrivateAsterisk):
    def test_it_runs_as_the_owner_of_the_asterisk_folder_without_other_groups(self):
        work = self.pbx(owner=NOBODY)
        self.generate(work, '--validate', before=['setpriv', '--groups=0,4,27', '--'])
        for what in ('_f', 'core_waitfullybooted', 'dialplan_show'):
            self.assertEqual(self.noted(work, f'{what}.uid'), f'{NOBODY}\n')
            self.assertEqual(self.noted(work, f'{what}.gid'), f'{NOBODY}\n')
            self.assertEqual(self.noted(work, f'{what}.groups'), f'{NOBODY}\n')
        self.assertRegex(self.noted(work, 'folder'), rf'^drwx------ .* {NOBODY} +{NOBODY} ', 'the folder of the secrets')

    def test_it_never_runs_as_root_even_if_the_folder_belongs_to_root(self):
        work = self.pbx()
        result = self.generate(work, '--validate', '-v')
        self.says(result, 'belongs to root; the private Asterisk runs as (asterisk|nobody)')
        for what in ('_f', 'core_waitfullybooted', 'dialplan_show', 'core_stop_now'):
            self.assertNotEqual(self.noted(work, f'{what}.uid'), '0\n')

    def test_a_module_that_the_owner_planted_does_not_run_as_root(self):
        work = self.pbx(owner=NOBODY)
        modules = work.path / 'modules'
        modules.mkdir()
        (modules / 'module').write_text('#!/bin/sh\nid -u >"$1/module.ran"\n')
        (modules / 'module').chmod(0o755)
        conf = work.etc / 'asterisk.conf'
        conf.write_text(f'[directories]\nastmoddir => {modules}\n')
        for path in (modules, modules / 'module', conf):
            os.chown(path, NOBODY, NOBODY)
        conf.chmod(0o640)
        self.generate(work, '--validate')
        self.assertEqual(self.noted(work, 'module.ran'), f'{NOBODY}\n')

    def test_paths_are_taken_only_from_an_asterisk_conf_that_root_or_the_owner_alone_can_write(self):
        for owner, mode, words in ((OTHER, 0o644, f'belongs to the user {OTHER}'), (NOBODY, 0o666, 'others can write'),
                                   (NOBODY, 0o660, 'others can write')):
            with self.subTest(owner=owner, mode=oct(mode)):
                work = self.pbx(owner=NOBODY)
                conf = work.etc / 'asterisk.conf'
                conf.write_text('[directories]\nastmoddir => /usr/lib\n')
                os.chown(conf, owner, OTHER)
                conf.chmod(mode)
                result = self.generate(work, '--validate', expect=77)
                self.says(result, f'{conf}: .*{words}')
                self.hints(result)
                self.never_started(work)

    def test_a_module_folder_that_somebody_else_can_write_is_refused(self):
        work = self.pbx(owner=NOBODY)
        modules = work.path / 'modules'
        modules.mkdir()
        os.chown(modules, OTHER, OTHER)
        conf = work.etc / 'asterisk.conf'
        conf.write_text(f'[directories]\nastmoddir => {modules}\n')
        conf.chmod(0o644)
        result = self.generate(work, '--validate', expect=77)
        self.says(result, f'{modules}.* belongs to the user {OTHER}')
        self.hints(result)
        self.never_started(work)

    def test_what_only_root_may_read_is_not_read_for_the_owner(self):
        work = self.pbx(owner=NOBODY)
        secret = work.path / 'secret.conf'
        secret.write_text('[acme_1001]\n; only for root\n')
        secret.chmod(0o600)
        (work.etc / 'pjsip.conf').write_text(f'#include "{secret}"\n')
        result = self.generate(work, '--validate', expect=77)
        self.says(result, re_escape(secret))
        self.hints(result)
        self.never_started(work)
        # Nor does the printed dialplan reveal that the file contains acme_1001.
        result = self.generate(work, expect=0)
        self.assertNotIn('is left out', result.err)

    def test_a_program_that_another_user_can_write_is_not_run(self):
        for owner, mode in ((OTHER, 0o755), (0, 0o777), (0, 0o775)):
            for arguments in (('--validate',), ('--deploy', '--reload')):
                with self.subTest(owner=owner, mode=oct(mode), arguments=arguments):
                    work = self.pbx()
                    os.chown(work.program, owner, OTHER)
                    work.program.chmod(mode)
                    result = self.generate(work, *arguments, expect=77)
                    self.says(result, f'{work.program}: ')
                    self.hints(result)
                    self.never_started(work)

    def test_a_program_in_a_folder_that_another_user_can_write_is_not_run_and_path_is_no_exception(self):
        work = self.pbx()
        folder = work.path / 'bin'
        folder.mkdir()
        os.chown(folder, OTHER, OTHER)
        os.rename(work.program, folder / 'asterisk')
        (work.path / 'link').symlink_to(folder / 'asterisk')
        for arguments, env in ((('--asterisk', folder / 'asterisk'), {}), (('--asterisk', work.path / 'link'), {}),
                               (('--asterisk', 'asterisk'), {'PATH': f'{folder}:{os.environ["PATH"]}'})):
            with self.subTest(arguments=arguments):
                result = self.status(work.run('pbx-dialplan-gen', *arguments, '--validate', env=env), 77)
                self.says(result, f'{folder} belongs to the user {OTHER}')
                self.hints(result)
        self.never_started(work)

    def test_as_root_the_owners_program_is_not_run_for_a_reload(self):
        work = self.pbx(owner=NOBODY)
        os.chown(work.program, NOBODY, NOBODY)
        self.says(self.generate(work, '--deploy', '--reload', expect=77), f'{work.program}: ')
        self.never_started(work)
        self.generate(work, '--validate')
        self.assertEqual(self.noted(work, '_f.uid'), f'{NOBODY}\n')

    def test_a_temporary_folder_of_another_user_is_refused(self):
        work = self.pbx(owner=NOBODY)
        os.chown(work.tmp, OTHER, OTHER)
        work.tmp.chmod(0o777)
        result = self.generate(work, '--validate', expect=77)
        self.says(result, f'{work.tmp} belongs to the user {OTHER}')
        self.hints(result)
        self.never_started(work)
        self.assertEqual(os.listdir(work.tmp), [])


class WithWhat(PrivateAsterisk):
    def test_its_environment_and_that_of_a_reload_hold_nothing_of_ours(self):
        work = self.pbx()
        ours = {'PGPASSWORD': 'secret', 'PBX_DATABASE': work.db.conninfo, 'LD_LIBRARY_PATH': '/nowhere', 'SECRET': 'x',
                'LD_BIND_NOW': '1', 'BASH_ENV': '/nowhere', 'PATH': f'/nowhere:{os.environ["PATH"]}'}
        self.generate(work, '--validate', env=ours)
        self.generate(work, '--deploy', '--reload', env=ours, expect=69)  # it loads no dialplan
        for what in ('_f', 'core_waitfullybooted', 'dialplan_show', 'dialplan_reload', 'module_reload_res_pjsip_so'):
            lines = self.noted(work, f'{what}.env').splitlines()
            names = {line.split('=')[0] for line in lines}
            self.assertLessEqual(names, {'PATH', 'HOME', 'LC_ALL', 'PWD', 'OLDPWD', 'SHLVL', '_'}, what)
            self.assertIn('PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', lines)

    def test_it_inherits_no_descriptor(self):
        work = self.pbx()
        secret = work.path / 'open'
        secret.write_text('secret')
        shell = ['sh', '-c', f'exec 7<"{secret}" 9<"{secret}"; exec "$@"', 'sh']
        self.generate(work, '--validate', before=shell)
        self.generate(work, '--deploy', '--reload', before=shell, expect=69)  # it loads no dialplan
        for what in ('_f', 'core_waitfullybooted', 'dialplan_reload'):
            text = self.noted(work, f'{what}.fds')
            self.assertNotIn(str(secret), text)
            self.assertNotIn('.lock', text)
            self.assertNotIn('socket:', text, "the database's connection")

    def test_it_is_bounded_cannot_gain_rights_and_has_no_terminal(self):
        work = self.pbx()
        self.generate(work, '--validate')
        limits = self.noted(work, '_f.limits')
        self.assertRegex(limits, r'Max core file size +0 +0 ')
        for name in ('file size', 'cpu time', 'address space', 'open files'):
            self.assertRegex(limits, rf'Max {name} +\d+ +\d+ ')
        self.assertIn('1', self.noted(work, '_f.privileges'))
        group, session, terminal = self.noted(work, '_f.session').split()
        self.assertEqual((group, terminal), (session, '0'))
        self.assertNotEqual(int(session), os.getsid(0))

    def test_nothing_of_it_keeps_running_or_stays_on_disk_afterwards(self):
        work = self.pbx()
        self.generate(work, '--validate')
        self.assertEqual(os.listdir(work.tmp), [])
        self.assertEqual(self.survivors(work), [])

    def test_the_folder_of_a_run_that_was_killed_is_removed_by_the_next(self):
        work = self.pbx()
        process = work.start('pbx-dialplan-gen', '--asterisk', work.program, '--validate')
        deadline = time.monotonic() + 30
        while not (work.log / 'folder').exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = os.listdir(work.tmp)
        self.assertTrue(left, 'the run was over before it was killed')
        time.sleep(0.3)
        # The kernel ends the private Asterisk with its parent.
        self.assertFalse([each for each in processes_with(str(work.tmp))])
        self.generate(work, '--validate')
        self.assertEqual(os.listdir(work.tmp), [])

    def test_two_validations_at_once_leave_each_others_folder_alone(self):
        work = self.pbx()
        runs = [work.start('pbx-dialplan-gen', '--asterisk', work.program, '--validate') for _ in range(3)]
        for run in runs:
            self.assertEqual(work.finish(run).status, 65)
        self.assertEqual(os.listdir(work.tmp), [])

    def survivors(self, work):
        """Processes whose working folder or environment names the private folder."""
        found = []
        for entry in Path('/proc').iterdir():
            try:
                if entry.name.isdigit() and f'HOME={work.tmp}'.encode() in (entry / 'environ').read_bytes():
                    found.append((entry.name, (entry / 'cmdline').read_bytes()))
            except OSError:
                pass
        return found


class WhatItLoads(PrivateAsterisk):
    def copies(self, work):
        """{name: text} of the configuration of the last run that was given organizations' files."""
        folders = sorted(work.log.glob('etc.*'), key=lambda path: path.stat().st_mtime_ns)
        chosen = max(folders, key=lambda path: sum(file.stat().st_size for file in path.glob('*_acme.conf')))
        return {str(path.relative_to(chosen)): path.read_text(encoding='utf-8') for path in chosen.rglob('*') if path.is_file()}

    def test_the_operators_files_and_their_includes_are_loaded_but_open_no_port_and_contact_no_provider(self):
        work = self.pbx()
        (work.etc / 'custom').mkdir()
        (work.path / 'far').mkdir()
        (work.etc / 'pjsip.conf').write_text('; first\n#include "custom/*.conf"\n#tryinclude "missing.conf"\n'
                                             f'[door]\ntype=endpoint\n#INCLUDE <{work.path}/far/trunks.conf>\n')
        (work.etc / 'custom' / 'a.conf').write_text('[transport-udp]\nType = transport ; all\nbind=0.0.0.0:5060\n')
        (work.etc / 'custom' / 'b.conf').write_text('[tls](!)\ntype=>transport\nbind => [::]:5061\n')
        (work.path / 'far' / 'trunks.conf').write_text('[carrier]\ntype=aor\nqualify_frequency=60\ncontact=sip:192.0.2.1\n')
        (work.etc / 'extensions.conf').write_text('[mine]\nexten => 1,1,Hangup()\n')
        (work.etc / 'manager.conf').write_text('[general]\nenabled=yes\n')
        self.generate(work, '--validate')
        files = self.copies(work)
        self.assertIn('[mine]\n', files['extensions.conf'])
        self.assertIn('#tryinclude "ext_acme.conf"', files['extensions.conf'])
        self.assertIn('lamps-over-water-9', files['pjsip_acme.conf'])
        self.assertIn('[door]\n', files['pjsip.conf'])
        everything = '\n'.join(files.values())
        self.assertIn('[transport-udp]', everything)
        self.assertIn('[carrier]', everything)
        self.assertNotRegex(everything, r'(?im)^type *=>? *transport *(;|$)')
        self.assertNotIn('qualify_frequency=60', everything)
        self.assertNotIn('manager.conf', files, 'a real manager port')
        # No line of the operator's files moved, so Asterisk's complaints name the right line.
        self.assertEqual(files['pjsip.conf'].splitlines()[3:5], ['[door]', 'type=endpoint'])

    def test_exec_lines_never_run(self):
        work = self.pbx()
        ran = work.path / 'ran'
        for name in ('extensions.conf', 'pjsip.conf', 'queues.conf'):
            (work.etc / name).write_text(f'#exec /usr/bin/touch {ran}\n#EXEC "/usr/bin/touch {ran}"\n')
        (work.etc / 'asterisk.conf').write_text('[options]\nexecincludes = yes\n')
        result = self.generate(work, '--validate')
        self.says(result, 'pjsip.conf.*#exec')
        self.assertNotIn('#exec', '\n'.join(self.copies(work).values()).lower())
        self.generate(work, '--deploy', expect=0)
        self.assertFalse(ran.exists())

    def test_circular_includes_and_includes_of_a_pipe_end(self):
        work = self.pbx()
        (work.etc / 'pjsip.conf').write_text('#include "pjsip.conf"\n#include "a.conf"\n')
        (work.etc / 'a.conf').write_text('#include "pjsip.conf"\n#include "*.conf"\n[acme_x]\n')
        self.generate(work, '--validate')
        os.mkfifo(work.etc / 'pipe.conf')
        result = self.generate(work, '--validate', expect=78)
        self.says(result, 'pipe.conf is not a regular file')
        self.hints(result)


def re_escape(path):
    return str(path).replace('.', r'\.')


if __name__ == '__main__':
    main('pbx-dialplan-gen')
