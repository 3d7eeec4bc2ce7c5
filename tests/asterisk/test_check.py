#!/usr/bin/env python3
"""pbx-check and the running Asterisk: what it has loaded, against what is deployed. tests/integration/test_check.py has the other
areas."""
import asyncio
import json
import os
import shutil
import signal
import unittest

import asterisk_root
from pbx import EXAMPLES, Pbx
from private_asterisk import main_with_asterisk
from workdir import BIN, SLOW, SOURCE, Case

NOBODY = 65534
CRONTAB = (SOURCE / 'crontab').read_text(encoding='utf-8').replace(' asterisk command', ' nobody command')


@unittest.skipIf(os.geteuid() != 0, 'only root can give the spool to another user')
class Checking(Case):
    """An organization with phones, a queue and a DID, deployed and loaded."""

    def pbx(self, **files):
        """`files` replace those of the base configuration: cdr=TEXT is cdr.conf."""
        pbx = Pbx()
        self.addCleanup(pbx.close)
        pbx.configure()
        self.addCleanup(pbx.work.db.sql, 'drop owned by asterisk; drop role asterisk')
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)
        for name, text in files.items():
            pbx.asterisk.write(f'{name}.conf', text)
        self.loop.run_until_complete(self.provision(pbx, 'acme'))
        self.status(pbx.deploy(), 0)
        pbx.start_asterisk()
        work = pbx.work
        for place in (work.path, work.spool, work.rclone_conf):
            os.chown(place, NOBODY, NOBODY)
        work.cron = work.path / 'pbx-recording-tools'
        work.cron.write_text(CRONTAB, encoding='utf-8')
        work.env.update(TMPDIR='/tmp', PBX_MIGRATIONS=str(SOURCE / 'migrations'))
        for tool in ('pbx-stitch', 'pbx-archive'):
            self.status(work.run(tool), 0)
        shutil.copy(shutil.which('sleep'), work.path / 'cron')
        work.start('/usr/bin/env', work.path / 'cron', '3600')
        return pbx

    async def provision(self, pbx, prefix):
        organization = await pbx.organization(prefix)
        self.addCleanup(organization.stop_phones)
        user = organization.user('1001', registers=False)
        organization.route()
        organization.queue('5001', [user])
        organization.did(f'80659{len(pbx.organizations)}', 'extension', '1001')
        return organization

    def check(self, pbx, *arguments, status=None):
        result = pbx.work.run('pbx-check', '--json', '--cron', pbx.work.cron, '--asterisk', pbx.asterisk.program, '--asterisk-dir',
                              pbx.asterisk.etc, *arguments)
        self.assertEqual(result.err, '', f'\n{result}')
        document = json.loads(result.out)
        self.assertEqual(result.status, {'ok': 0, 'warning': 1, 'failure': 2}[document['state']], f'\n{result}')
        bad = [(each['state'], each['area'], each['what'], each['hint']) for each in document['findings'] if each['state'] != 'ok']
        self.assertEqual({area for _, area, _, _ in bad} - {'asterisk'}, set(), f'\n{result}')
        if status is not None:
            self.assertEqual((result.status, bad), (status, []))
        return [(state, what, hint) for state, _, what, hint in bad]

    def finds(self, found, *expected):
        """One finding for each (state, expression), and no other."""
        self.assertEqual([state for state, _, _ in found], [state for state, _ in expected], found)
        for (_, what, hint), (_, expression) in zip(found, expected):
            self.assertRegex(what, expression)
            self.assertTrue(hint, what)


class Loaded(Checking):
    def test_everything_is_ok_and_what_is_not_loaded_is_found(self):
        pbx = self.pbx()
        self.check(pbx, status=0)
        result = pbx.work.run('pbx-check', '--cron', pbx.work.cron, '--asterisk', pbx.asterisk.program, '--asterisk-dir', pbx.asterisk.etc)
        self.assertRegex(result.text, r'\AOK: \d+ ok\n')

        with self.subTest('an organization that was not reloaded'):
            self.loop.run_until_complete(self.provision(pbx, 'beta'))
            self.status(pbx.deploy(), 0)
            self.finds(self.check(pbx), *(('failure', rf'{part} in .*{file}_beta.conf not loaded by Asterisk, the first is .*beta')
                                          for part, file in (('extensions', 'ext'), ('queue', 'queues'), ('endpoints', 'pjsip'))))
            for command in ('dialplan reload', 'module reload res_pjsip.so', 'queue reload all'):
                pbx.asterisk.cli(command)
            self.check(pbx, status=0)

        with self.subTest('a policy that was switched off and not reloaded'):
            pbx.work.db.sql("""update organizations set settings = '{"recording_enabled": false}' where context_prefix = 'beta'""")
            self.status(pbx.deploy(), 0)
            self.finds(self.check(pbx), ('failure', 'still has a recording policy that is not deployed any more: beta__policy'))
            pbx.asterisk.cli('dialplan reload')
            self.check(pbx, status=0)

        with self.subTest('a destination that was changed and not reloaded'):
            pbx.work.db.sql("update did_numbers set routing_destination = '919811111111', routing_type = 'external'")
            self.status(pbx.deploy(), 0)
            self.finds(self.check(pbx), *[('failure', r'\d+ of \d+ steps in .*ext_.*.conf not loaded by Asterisk, the first is ')] * 2)
            pbx.asterisk.cli('dialplan reload')
            self.check(pbx, status=0)

        with self.subTest('another node, another spool'):
            self.finds(self.check(pbx, '--emergency', '113'), ('warning', 'node name or list of emergency numbers'))
            self.finds(self.check(pbx, '--node', 'n1'), ('warning', 'another version, node name or list'))
            recorder = pbx.asterisk.etc / 'pbx-recorder.conf'
            text = recorder.read_text()
            recorder.write_text(text.replace(str(pbx.work.spool), '/elsewhere'))
            found = self.check(pbx)
            recorder.write_text(text)
            self.finds(found, ('failure', f'does not record into {pbx.work.spool}'),
                       ('failure', r'\d+ of \d+ steps in .*pbx-recorder.conf not loaded'))

        with self.subTest('a reload that is pending'):
            (pbx.asterisk.etc / '.pbx-dialplan-gen.reload').write_text('pjsip.conf\n', encoding='utf-8')
            self.finds(self.check(pbx), ('warning', 'has not reloaded pjsip.conf'))
            (pbx.asterisk.etc / '.pbx-dialplan-gen.reload').unlink()

        with self.subTest('a module that was unloaded'):
            pbx.asterisk.cli('module unload res_clioriginate.so')
            self.finds(self.check(pbx), ('warning', 'res_clioriginate is not running: pbx-record'))
            pbx.asterisk.cli('module load res_clioriginate.so')

        with self.subTest('a module for the calls of some trunks'):
            pbx.asterisk.cli('module unload res_pjsip_header_funcs.so')
            self.finds(self.check(pbx), ('failure', 'res_pjsip_header_funcs is not running: calls'))
            pbx.asterisk.cli('module load res_pjsip_header_funcs.so')

        with self.subTest('modules that only consent needs'):
            for module in ('app_read', 'app_playback'):
                pbx.asterisk.cli(f'module unload {module}.so')
            self.check(pbx, status=0)
            self.status(pbx.work.run('pbx-provision', 'org', 'consent', 'acme', '--mode', 'opt_in'), 0)
            self.status(pbx.deploy(), 0)
            pbx.asterisk.cli('dialplan reload')
            self.finds(self.check(pbx), ('failure', 'app_read is not running'), ('failure', 'app_playback is not running'))
            for module in ('app_read', 'app_playback'):
                pbx.asterisk.cli(f'module load {module}.so')
            self.check(pbx, status=0)

        with self.subTest('the folder of the CDR file'):
            rows = pbx.asterisk.log.parent / 'cdr-custom'
            rows.rename(rows.with_suffix('.gone'))
            self.finds(self.check(pbx), ('warning', 'cdr-custom does not exist'))
            rows.with_suffix('.gone').rename(rows)

        with self.subTest('a user who may not write the spool'):
            socket = pbx.asterisk.folder / 'run' / 'asterisk.ctl'
            os.chown(socket, 12345, 12345)
            self.finds(self.check(pbx), ('failure', f'Asterisk runs as 12345, which may not write {pbx.work.spool}'))
            os.chown(socket, 0, 0)

        with self.subTest('a console that does not answer'):
            pbx.asterisk.process.send_signal(signal.SIGSTOP)
            found = self.check(pbx, '--timeout', str(8 * SLOW))
            pbx.asterisk.process.send_signal(signal.SIGCONT)
            self.finds(found, ('failure', 'no answer'))

        with self.subTest('an Asterisk that does not run'):
            pbx.asterisk.stop()
            self.finds(self.check(pbx), ('failure', 'asterisk -rx "core show version" failed: '))


class Settings(Checking):
    def test_settings_without_rows_and_a_lost_connection_are_found(self):
        cdr = (EXAMPLES / asterisk_root.WANTED / 'cdr.conf').read_text().replace('unanswered=yes', 'unanswered=no')
        pbx = self.pbx(cdr=cdr, cdr_pgsql='[global]\nhostname=/nonexistent\ndbname=pbx\nuser=asterisk\ntable=asterisk_cdr\n')
        found = self.check(pbx)
        self.assertIn('Asterisk has unanswered=no: calls that nobody answers leave no CDR row', [what for _, what, _ in found])
        self.assertTrue(any('is not connected to the database' in what for _, what, _ in found), found)

    @unittest.skipIf(asterisk_root.IS_CURRENT, 'this Asterisk knows all options')
    def test_an_asterisk_that_is_older_than_its_files_is_found(self):
        pbx = self.pbx(cdr=(EXAMPLES / 'cdr.conf').read_text())
        found = self.check(pbx)
        self.assertEqual([state for state, _, _ in found if state == 'failure'][:1], ['failure'], found)
        self.assertTrue(any('unanswered=no' in what and '16/' in hint for _, what, hint in found), found)
        # Files that were deployed for a newer one.
        pbx.work.db.sql("""update organizations set settings = '{"recording_channels": 2}'""")
        self.status(pbx.deploy(), 0)
        self.assertTrue(any('ext_acme.conf records two channels, which Asterisk 16 does not keep in step' in what
                            for _, what, _ in self.check(pbx)))


if __name__ == '__main__':
    main_with_asterisk(BIN / 'pbx-check', BIN / 'pbx-stitch', BIN / 'pbx-archive')
