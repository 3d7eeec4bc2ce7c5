#!/usr/bin/env python3
"""An organization uses a name of one of the operator's sections: the operator's section stays, and the row is left out and named."""
import os
import unittest

from operators import ORDER, OperatorCase
from workdir import main

MAINS = ('extensions.conf', 'pjsip.conf', 'queues.conf')


class Sections(OperatorCase):
    def pbx(self, **files):
        return self.pbx_with({'acme': 'acme_lobby', 'beta': 'beta_lobby'}, **files)

    def texts(self, work):
        return {path.name: path.read_text(encoding='utf-8') for path in work.etc.glob('*.conf')}


class LeftOut(Sections):
    def test_a_phone_with_the_name_of_an_operators_endpoint_is_left_out_and_all_others_are_deployed(self):
        theirs = ORDER + '[acme_lobby]\ntype=endpoint\ncontext=lobby\n'
        work = self.pbx(pjsip=theirs)
        for arguments, status in ((('--check',), 1), (('--deploy',), 65), (('--check',), 65), ((), 65)):
            result = self.generate(work, *arguments, expect=status)
            self.says(result, 'user 1002 of acme is left out: asterisk_endpoint "acme_lobby" is already a section of the operator\'s '
                              'pjsip.conf')
        texts = self.texts(work)
        self.assertTrue(texts['pjsip.conf'].startswith(theirs))
        self.assertNotIn('acme_lobby', texts['pjsip_acme.conf'])
        self.assertIn('[acme_1001]', texts['pjsip_acme.conf'])
        self.assertIn('[beta_lobby]', texts['pjsip_beta.conf'])

    def test_standard_names_of_phones_trunks_and_queues_are_no_exception(self):
        work = self.pbx(pjsip=ORDER + '[acme_1001]\ntype=aor\n[acme__trunk_carrier](!)\n', queues='[Beta__5001]\n')
        result = self.generate(work, '--deploy', expect=65)
        self.says(result, 'user 1001 of acme', 'trunk carrier of acme', 'queue 5001 of beta')
        texts = self.texts(work)
        self.assertNotIn('[acme_1001]', texts['pjsip_acme.conf'])
        self.assertNotIn('[acme__trunk_carrier]', texts['pjsip_acme.conf'])
        self.assertNotIn('[beta__5001]', texts['queues_beta.conf'])
        self.assertIn('[acme__5001]', texts['queues_acme.conf'])

    def test_an_organization_whose_context_would_merge_with_an_operators_is_left_as_it_was(self):
        work = self.pbx()
        self.generate(work, '--deploy')
        before = self.texts(work)
        (work.etc / 'extensions.conf').write_text(before['extensions.conf'] + '[acme__internal]\nexten => 1,1,Hangup()\n')
        work.db.sql("update users set full_name = 'Bob'")
        result = self.generate(work, '--deploy', expect=65)
        self.says(result, "organization acme is left out: its context acme__internal is already a section of the operator's")
        after = self.texts(work)
        self.assertEqual({name for name in before if after.get(name) != before[name]}, {'extensions.conf', 'pjsip_beta.conf'})
        self.assertIn('[acme__internal]', after['extensions.conf'])
        self.assertIn('#tryinclude "ext_acme.conf"', after['extensions.conf'])

    def test_the_contexts_for_an_operators_own_numbers_are_the_operators(self):
        work = self.pbx(extensions='[acme__own]\nexten => 1,1,Hangup()\n[Acme__own_incoming]\n[acme__own_unanswered]\n')
        self.generate(work, '--deploy')
        work.db.sql("update users set full_name = 'Bob'")
        self.generate(work, '--deploy')

    def test_an_operators_context_that_only_begins_like_an_organizations_does_not_belong_to_it(self):
        work = self.pbx(extensions='[acme__of_mine]\nexten => 1,1,Hangup()\n')
        self.generate(work, '--deploy')

    def test_what_the_operator_adds_to_a_section_of_ours_does_not_count_as_a_section(self):
        work = self.pbx(extensions='#tryinclude "ext_acme.conf"\n[acme__internal](+)\nexten => 1,1,Hangup()\n')
        self.generate(work, '--deploy')
        self.assertIn('[acme__internal](+)', self.texts(work)['extensions.conf'])

    def test_sections_are_found_wherever_asterisk_finds_them(self):
        lobby = '[acme_lobby]\ntype=endpoint\n'
        for name, text, files in (
                ('relative', '#include "more.conf"\n', {'more.conf': lobby}),
                ('absolute', '#include {etc}/more.conf\n', {'more.conf': lobby}),
                ('glob', '#TryInclude <custom/*.conf>\n', {'custom/1.conf': '', 'custom/2.conf': lobby}),
                ('nested', "#include 'a.conf'\n", {'a.conf': '#include "b.conf"\n', 'b.conf': '  #include "c.conf"\n', 'c.conf': lobby}),
                ('template', '[acme_lobby](!)\n', {}),
                ('uses a template', '[base](!)\n[acme_lobby](base)\n', {}),
                ('behind comments', ';-- [x] ;-- [y] --; [z] --; [acme_lobby] ; end\n', {}),
                ('upper case', '[ACME_Lobby]\n', {}),
                ('carriage returns', '[acme_lobby]\r\ntype=endpoint\r\n', {}),
                ('like an organization\'s file', '#include "pjsip_own.conf"\n', {'pjsip_own.conf': lobby})):
            with self.subTest(name):
                work = self.pbx()
                for file, content in files.items():
                    (work.etc / file).parent.mkdir(exist_ok=True)
                    (work.etc / file).write_text(content, encoding='utf-8', newline='')
                (work.etc / 'pjsip.conf').write_text(ORDER + text.format(etc=work.etc), encoding='utf-8', newline='')
                if name == 'like an organization\'s file':  # an include of this file stays only while an organization has its prefix
                    work.db.sql("insert into organizations (name, context_prefix) values ('own', 'own')")
                result = self.generate(work, '--check', expect=1)
                self.says(result, 'user 1002 of acme is left out')

    def test_comments_and_our_own_files_are_no_sections(self):
        work = self.pbx(pjsip=ORDER + ';-- \n[acme_lobby]\n--;\n;[acme_lobby]\nset_var=x=\\;[acme_lobby]\n')
        self.generate(work, '--deploy')
        self.quiet(self.generate(work, '--deploy'))
        self.quiet(self.generate(work, '--check'))

    def test_the_dialplan_is_printed_without_an_asterisk_folder(self):
        work = self.pbx()
        result = self.generate(work, '--asterisk-dir', '/nowhere')
        self.assertEqual(result.err, '')
        self.assertIn('[acme__internal]', result.text)

    def test_exec_lines_are_not_run_to_find_sections(self):
        ran = '/tmp/pbx-exec-ran-' + str(os.getpid())
        work = self.pbx(pjsip=ORDER + f'#exec /usr/bin/touch {ran}\n')
        self.generate(work, '--deploy')
        self.assertFalse(os.path.exists(ran))


class IdentifierOrder(Sections):
    def test_check_warns_where_addresses_decide_before_names_and_a_trunk_is_known_by_its_address(self):
        for text, fine in (('', False), (ORDER.replace('username,ip', 'ip,username'), False), (ORDER, True),
                           (ORDER.replace('username,ip', 'auth_username, username, ip'), True),
                           (';' + ORDER.replace('\n', '\n;'), False), ('#include "globals.conf"\n', True)):
            with self.subTest(text):
                work = self.pbx(pjsip=text)
                (work.etc / 'globals.conf').write_text(ORDER)
                self.generate(work, '--deploy')
                # The status depends on the difference, not on the order.
                result = self.generate(work, '--check')
                if fine:
                    self.quiet(result)
                else:
                    self.says(result, 'endpoint_identifier_order', 'hint: .*endpoint_identifier_order=username,ip,anonymous')

    def test_without_such_a_trunk_the_order_does_not_matter(self):
        work = self.pbx(pjsip='')
        work.db.sql("update sip_trunks set status = 'suspended'")
        self.generate(work, '--deploy')
        self.quiet(self.generate(work, '--check'))


@unittest.skipUnless(os.geteuid() == 0, 'only root can become somebody else')
class WithWhoseRights(Sections):
    def test_an_operators_file_that_the_reader_may_not_read_is_named_and_the_dialplan_still_printed(self):
        work = self.pbx()
        (work.etc / 'pjsip.conf').chmod(0o600)
        os.chown(work.etc, 12345, 12345)
        result = self.generate(work)
        self.says(result, 'names are not compared .*pjsip.conf: Permission denied')
        self.assertIn('[acme__internal]', result.text)
        self.says(self.generate(work, '--deploy', expect=77), 'pjsip.conf: Permission denied')

    def test_a_file_of_another_user_does_not_make_root_read_for_it(self):
        work = self.pbx()
        (work.path / 'secret').write_text('[acme_lobby]\n')
        (work.path / 'secret').chmod(0o600)
        (work.etc / 'more.conf').write_text(f'#include "{work.path}/secret"\n')
        os.chown(work.etc / 'more.conf', 12345, 12345)
        (work.etc / 'pjsip.conf').write_text(ORDER + '#include "more.conf"\n')
        self.says(self.generate(work, '--check', expect=77), 'secret: Permission denied')


if __name__ == '__main__':
    main('pbx-dialplan-gen')
