#!/usr/bin/env python3
"""pbx-dialplan-gen --validate with a real Asterisk and an operator's own files: what it refuses, and what it must never do."""
import os
import re
import shutil
import subprocess
import time
import unittest

import asterisk_root
from operators import ORDER, OperatorCase
from private_asterisk import Asterisk, main_with_asterisk
from workdir import SOURCE

NOBODY = 65534
EXAMPLES = SOURCE / 'asterisk'
OWN_CDR_CONF = EXAMPLES / asterisk_root.WANTED / 'cdr.conf'

# A module whose code runs when it is loaded, before Asterisk asks it anything.
MODULE = r'''
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void planted(void) {
    FILE *file = fopen("%s", "a");
    if (file) {
        fprintf(file, "%%d %%d\n", (int)geteuid(), (int)getegid());
        fclose(file);
    }
}
'''


class Validating(OperatorCase):
    def pbx(self, **files):
        return self.pbx_with({'acme': None}, **files)

    def generate(self, work, *arguments, **how):
        return super().generate(work, '--asterisk', asterisk_root.program(), *arguments, **how)

    @staticmethod
    def start(pbx, work, order=''):
        """The Asterisk that the tools of `work` deploy to."""
        for name, text in (('extensions.conf', '[general]\n'), ('queues.conf', '[general]\n'), ('cdr_pgsql.conf', ''),
                           ('pjsip.conf', f'{order}[udp]\ntype=transport\nprotocol=udp\nbind={pbx.sip[0]}:{pbx.sip[1]}\n')):
            pbx.write(name, text)
        pbx.folder.chmod(0o755)  # its data folder is the private Asterisk's too, which is not root
        pbx.start()
        work.env['PBX_ASTERISK_DIR'] = str(pbx.etc)


class WithTheOperatorsFiles(Validating):
    def test_a_configuration_with_all_that_an_operator_may_have_is_loaded(self):
        work = self.pbx(
            extensions='[general]\nstatic=yes\n[globals]\nX=1\n#tryinclude "ext_acme.conf"\n[office]\nexten => 1,1,Hangup()\n'
                       '[acme__internal](+)\nexten => 999,1,Hangup()\n',
            queues='[general]\nautofill=yes\n[door](!)\nstrategy=linear\n[front](door)\n#include "queues/*.conf"\n',
            pjsip=ORDER + '[udp]\ntype=transport\nprotocol=udp\nbind=0.0.0.0:5060\n[tcp]\ntype=transport\nprotocol=tcp\n'
                          'bind=[::]:5060\n[phone](!)\ntype=endpoint\ncontext=office\n[lobby](phone)\naors=lobby\n'
                          '[lobby]\ntype=aor\ncontact=sip:192.0.2.7\nqualify_frequency=1\n;-- [x] --;\n')
        (work.etc / 'queues').mkdir()
        for name in ('one', 'two'):
            (work.etc / 'queues' / f'{name}.conf').write_text(f'[{name}]\nstrategy=ringall\n')
        started = time.monotonic()
        result = self.generate(work, '--deploy', '--validate', '-v')
        took = time.monotonic() - started
        self.says(result, r'loaded 3 endpoints and \d+ extensions without a complaint')
        self.assertLess(took, 30)
        # And the next run, with the lines of the first in the main files.
        self.generate(work, '--validate')

    def test_own_sections_outlive_a_suspension_and_additions_to_a_generated_section_do_not(self):
        for section, expected in (('[acme__own]', 0), ('[acme__internal](+)', 65)):
            with self.subTest(section):
                work = self.pbx_with({'acme': None, 'beta': None})
                self.generate(work, '--deploy')
                with open(work.etc / 'extensions.conf', 'a', encoding='utf-8') as file:
                    file.write(f'\n{section}\nexten => 800,1,Answer()\n')
                self.generate(work, '--deploy', '--validate')
                work.db.sql("update organizations set status = 'suspended' where name = 'acme'")
                result = self.generate(work, '--deploy', '--validate', expect=expected)
                self.assertEqual('Category addition requested' in result.err, expected == 65, result)

    def test_an_error_in_the_operators_own_files_is_not_blamed_on_ours(self):
        work = self.pbx(pjsip=ORDER + '[lobby]\ntype=endpoint\nno_such_option=1\n', extensions='[office]\nexten => nonsense\n',
                        queues='[front]\nno_such_option=1\n')
        self.generate(work, '--deploy', '--validate')
        with open(work.etc / 'ext_acme.conf', 'a', encoding='utf-8') as file:
            file.write('[unclosed\n')
        work.db.sql("insert into organizations (name, context_prefix) values ('beta', 'beta')")
        self.says(self.generate(work, '--validate', '--org', 'beta', expect=65), r"no closing '\]'")

    def test_an_operators_file_that_asterisk_refuses_entirely_is_shown_as_the_reason(self):
        work = self.pbx(pjsip=ORDER + '#include "gone.conf"\n')
        result = self.generate(work, '--deploy', '--validate', expect=65)
        self.says(result, "about the operator's files alone: .*gone.conf", 'endpoint acme_1001 is in the files, but')
        self.hints(result)
        self.assertEqual([path.name for path in work.etc.glob('*_acme.conf')], [])

    def test_two_sections_of_one_name_are_found_although_a_third_party_added_one_later(self):
        work = self.pbx()
        self.generate(work, '--deploy')
        # A file that looks like an organization's, but holds a section of another one's name.
        with open(work.etc / 'pjsip_acme.conf', 'a', encoding='utf-8') as file:
            file.write('\n[lobby]\ntype=endpoint\n')
        with open(work.etc / 'pjsip.conf', 'a', encoding='utf-8') as file:
            file.write('\n[lobby]\ntype=endpoint\n')
        work.db.sql("insert into organizations (name, context_prefix) values ('beta', 'beta')")
        self.says(self.generate(work, '--validate', '--org', 'beta', expect=65), 'lobby')

    def test_it_neither_binds_the_operators_ports_nor_sends_anything(self):
        if not shutil.which('strace'):
            self.skipTest('no strace')
        work = self.pbx(pjsip=ORDER + '[udp]\ntype=transport\nprotocol=udp\nbind=0.0.0.0:5060\n[tcp]\ntype=transport\n'
                        'protocol=tcp\nbind=0.0.0.0:5060\n[far]\ntype=aor\ncontact=sip:192.0.2.7\nqualify_frequency=1\n')
        log = work.path / 'strace'
        self.generate(work, '--validate', before=['strace', '-f', '-qq', '-o', str(log), '-e',
                                                  'trace=bind,connect,sendto,sendmsg,sendmmsg,listen'])
        calls = log.read_text(errors='replace')
        self.assertIn('asterisk.ctl', calls, 'the trace shows nothing')
        # PJSIP looks at the machine's addresses through sockets that it closes again, and that it sends nothing through.
        self.assertEqual(set(re.findall(r'bind\(.*AF_INET.*htons\((\d+)\)', calls)) - {'0'}, set())
        self.assertNotRegex(calls, r'send\w+\(.*AF_INET')
        self.assertNotIn('192.0.2.', calls)


class WhoDecides(Validating):
    def test_a_trunk_that_is_known_by_its_address_is_refused_where_addresses_decide_before_names(self):
        work = self.pbx(pjsip='')
        result = self.generate(work, '--deploy', '--validate', expect=65)
        self.says(result, 'endpoint_identifier_order is .*ip,username', 'hint: .*endpoint_identifier_order=username,ip,anonymous')
        self.assertFalse((work.etc / 'pjsip_acme.conf').exists())
        work.db.sql("update sip_trunks set status = 'suspended'")
        self.says(self.generate(work, '--deploy', '--validate'), 'endpoint_identifier_order')

    def test_the_running_asterisk_is_queried_since_it_reads_the_order_only_when_it_starts(self):
        work = self.pbx()
        with Asterisk() as pbx:
            self.start(pbx, work)
            pbx.write('pjsip.conf', ORDER + (pbx.etc / 'pjsip.conf').read_text())
            result = self.generate(work, '--deploy', '--validate', '--reload')
            self.says(result, 'the running Asterisk looks at addresses before names', 'hint: .*restart Asterisk')
            pbx.stop()
            pbx.start()
            work.db.sql("update users set full_name = 'Bob'")
            self.assertNotIn('addresses before names', self.generate(work, '--deploy', '--validate', '--reload').err)


class Codecs(Validating):
    @staticmethod
    def allow(work, codecs):
        work.db.sql(f"update organizations set settings = settings || '{{\"codecs\": \"{codecs}\"}}'")

    def test_codecs_that_asterisk_converts_are_accepted(self):
        work = self.pbx()
        self.allow(work, ('opus,' if asterisk_root.IS_CURRENT else '') + 'g722,gsm,alaw,ulaw')
        result = self.generate(work, '--deploy', '--validate')
        self.assertNotIn('codec', result.err)

    def test_a_codec_that_asterisk_cannot_convert_is_refused_by_name(self):
        work = self.pbx_with({'acme': None, 'beta': None})
        self.allow(work, 'ilbc,ulaw')
        work.db.sql("update organizations set settings = settings - 'codecs' where name = 'beta'")
        result = self.generate(work, '--deploy', '--validate', expect=65)
        self.says(result, 'pjsip_acme.conf: the codec ilbc is allowed, but Asterisk cannot convert it', 'nothing was changed',
                  'hint: .*pbx-provision org phones')
        self.hints(result)
        self.assertFalse((work.etc / 'pjsip_acme.conf').exists())
        self.allow(work, 'g729,ulaw')
        self.says(self.generate(work, '--deploy', '--validate'), 'the codec g729 is allowed.*unless its module has a licence')

    def test_the_running_asterisk_is_asked_about_the_modules_that_it_has_loaded(self):
        if not asterisk_root.IS_CURRENT:
            self.skipTest('Debian has no module for opus there')
        work = self.pbx()
        self.allow(work, 'opus,ulaw')  # a module that the tests' Asterisk does not load
        with Asterisk() as pbx:
            self.start(pbx, work, ORDER)
            result = self.generate(work, '--deploy', '--validate', '--reload')
            self.says(result, 'the running Asterisk: pjsip_acme.conf: the codec opus is allowed', 'hint: install')


class CallDetailRecords(Validating):
    WHOLE = '[general]\nunanswered=yes\ncongestion=yes\n'

    def refuse(self, text, *words):
        """Nothing is deployed with this cdr.conf."""
        work = self.pbx(cdr=text)
        result = self.generate(work, '--deploy', '--validate', expect=65)
        self.says(result, *words, 'nothing was changed')
        self.hints(result)
        self.assertFalse((work.etc / 'ext_acme.conf').exists())
        return result

    def test_the_example_for_this_version_is_accepted_without_a_warning(self):
        work = self.pbx(cdr=OWN_CDR_CONF.read_text(encoding='utf-8'))
        self.assertNotIn('cdr', self.generate(work, '--deploy', '--validate').err.lower())

    def test_settings_with_which_calls_leave_no_rows_are_refused(self):
        for change, words in (('unanswered=no', 'calls that nobody answers leave no CDR row'),
                              ('congestion=no', 'congestion=no: calls that are refused'),
                              ('channeldefaultenabled=no', 'no call leaves a CDR row'), ('enable=no', 'no call leaves a CDR row')):
            with self.subTest(change):
                self.refuse(f'{self.WHOLE}{change}\n', words)
        self.refuse('[general]\n', 'unanswered=no', 'congestion=no')

    def test_a_section_that_asterisk_ignores_for_one_option_is_refused_and_the_option_is_named(self):
        self.refuse(f'{self.WHOLE}no_such_option=yes\n', "no_such_option", 'unanswered=no')

    def test_settings_in_a_file_that_cdr_conf_includes_count(self):
        work = self.pbx(cdr='#include "mine.conf"\n', mine=self.WHOLE)
        self.generate(work, '--deploy', '--validate')
        work.db.sql("update users set full_name = 'Bob'")
        (work.etc / 'mine.conf').write_text('[general]\n')
        self.says(self.generate(work, '--deploy', '--validate', expect=65), 'unanswered=no')

    def test_a_folder_without_cdr_conf_causes_a_warning(self):
        result = self.generate(self.pbx(), '--deploy', '--validate')
        self.says(result, 'there is no cdr.conf: .*unanswered=no', 'hint: .*cdr.conf')

    @unittest.skipIf(asterisk_root.IS_CURRENT, 'a current Asterisk knows the option')
    def test_the_example_for_current_versions_is_refused_by_an_old_one_and_the_right_one_is_named(self):
        result = self.refuse((EXAMPLES / 'cdr.conf').read_text(encoding='utf-8'), 'ignoredialchanges', 'unanswered=no')
        self.says(result, 'hint: copy .*/examples/asterisk/16/cdr.conf')

    @unittest.skipUnless(asterisk_root.IS_CURRENT, 'an old Asterisk does not know the option')
    def test_a_current_asterisk_accepts_the_example_for_old_ones_with_a_warning(self):
        result = self.generate(self.pbx(cdr=(EXAMPLES / '16' / 'cdr.conf').read_text(encoding='utf-8')), '--deploy', '--validate')
        self.says(result, 'ignoredialchanges=no: a queue writes a CDR row each time', 'hint: copy .*/examples/asterisk/cdr.conf')

    def test_the_running_asterisk_is_asked_too(self):
        work = self.pbx()
        with Asterisk() as pbx:
            for name, text in (('extensions.conf', '[general]\n'), ('queues.conf', '[general]\n'), ('cdr_pgsql.conf', ''),
                               ('pjsip.conf', ORDER), ('cdr.conf', '[general]\n')):
                pbx.write(name, text)
            pbx.folder.chmod(0o755)  # its data folder is the private Asterisk's too, which is not root
            pbx.start()
            work.env['PBX_ASTERISK_DIR'] = str(pbx.etc)
            pbx.write('cdr.conf', OWN_CDR_CONF.read_text(encoding='utf-8'))
            result = self.generate(work, '--deploy', '--validate', '--reload')
            self.says(result, 'the running Asterisk: .*unanswered=no', 'hint: .*restart Asterisk')
            if asterisk_root.IS_CURRENT:  # the backends of an old Asterisk register without a configuration
                self.says(result, 'no CDR backend')
            pbx.write('cdr_custom.conf', (EXAMPLES / 'cdr_custom.conf').read_text(encoding='utf-8'))
            pbx.stop()
            pbx.start()
            work.db.sql("update users set full_name = 'Bob'")
            self.assertNotIn('CDR', self.generate(work, '--deploy', '--validate', '--reload').err)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which('cc'), 'needs root and a C compiler')
class Planted(Validating):
    def test_code_that_the_folders_owner_planted_as_a_module_runs_as_that_owner(self):
        work = self.pbx()
        modules = work.path / 'modules'
        real = next(asterisk_root.place().glob('usr/lib/**/asterisk/modules'))
        modules.mkdir()
        for module in real.iterdir():
            (modules / module.name).symlink_to(module)
        ran = work.path / 'ran' / 'ids'
        ran.parent.mkdir()
        ran.parent.chmod(0o777)
        (modules / 'app_queue.so').unlink()
        subprocess.run(['cc', '-shared', '-fPIC', '-x', 'c', '-o', str(modules / 'app_queue.so'), '-'],
                       input=MODULE % ran, text=True, check=True)
        conf = work.etc / 'asterisk.conf'
        conf.write_text(f'[directories]\nastmoddir => {modules}\nastdatadir => {asterisk_root.place()}/usr/share/asterisk\n')
        for path in (work.etc, work.etc / 'pjsip.conf', conf, modules, modules / 'app_queue.so'):
            os.chown(path, NOBODY, NOBODY)
        self.generate(work, '--validate', expect=65)  # the planted section is not a queue
        self.assertEqual(set(ran.read_text().splitlines()), {f'{NOBODY} {NOBODY}'})


if __name__ == '__main__':
    main_with_asterisk()
