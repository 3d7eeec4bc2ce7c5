#!/usr/bin/env python3
"""pbx-dialplan-gen --validate and --reload: what Asterisk reports about the generated configuration."""
import re
import uuid

import asterisk_root
from private_asterisk import Asterisk, main_with_asterisk
from workdir import Case, quoted

# Each holds something that Asterisk has an escape for, or that only looks dangerous.
PASSWORDS = ['a;b', '\\', '"', '${EXTEN}', '#include', '>', '=>', ';--', 'a,b]', 'äöü', 'x' * 256]

# Without it, a trunk that is known by its address is refused.
ORDER = '[global]\ntype=global\nendpoint_identifier_order=username,ip,anonymous\n'


class Loading(Case):
    def pbx(self):
        work = self.workdir()
        work.etc = work.path / 'etc'
        work.etc.mkdir()
        (work.etc / 'pjsip.conf').write_text(ORDER)
        work.env['PBX_ASTERISK_DIR'] = str(work.etc)
        return work

    @staticmethod
    def organization(work, prefix):
        """A tenant with a row of every kind, and users whose texts are traps."""
        org = str(uuid.uuid4())
        users = ''.join(f"insert into users (org_id, extension, full_name, sip_password) values ('{org}', '{1001 + number}', "
                        f"{quoted(password[:60])}, {quoted(password)});" for number, password in enumerate(PASSWORDS))
        number = str(int(org.replace('-', ''), 16))[:9]
        work.db.sql(f"""
            insert into organizations (id, name, context_prefix, limits)
                values ('{org}', '{prefix}', '{prefix}', '{{"max_channels": 5}}'); {users}
            insert into users (org_id, extension, ring_target, phone_number) values ('{org}', '1100', 'phone', '+4930123');
            insert into sip_trunks (org_id, name, host, transport, approved_at)
                values ('{org}', 'one', '127.{int(org[:2], 16)}.{int(org[2:4], 16)}.9', 'tcp', now());
            insert into sip_trunks (org_id, name, host, trunk_type, username, password, approved_at)
                values ('{org}', 'two words', '127.0.0.8', 'register', 'us@er', 'p;w', now());
            insert into outbound_routes (org_id, trunk_id, name, dial_pattern, priority, caller_id_override)
                select org_id, id, name, case name when 'one' then '_0[1-9]X.' else '_X.' end, length(name), '+49301'
                from sip_trunks where org_id = '{org}';
            insert into queues (org_id, number, strategy, timeout_destination, timeout_destination_type)
                select '{org}', 5001 + n, s, '1001', 'extension' from unnest(array['ringall', 'leastrecent', 'fewestcalls',
                    'random', 'rrmemory', 'rrordered', 'linear', 'wrandom']) with ordinality as x (s, n);
            insert into queue_members (queue_id, user_id, penalty, paused)
                select q.id, u.id, 2, u.extension = '1002' from queues q join users u using (org_id) where org_id = '{org}';
            insert into did_numbers (org_id, number, routing_type, routing_destination) values
                ('{org}', '1{number}', 'extension', '1001'), ('{org}', '2{number}', 'queue', '5002'),
                ('{org}', '+3{number}', 'external', '+4930123'), ('{org}', '4{number}', 'queue', '9999')""")

    def generate(self, work, *arguments, expect=0):
        return self.status(work.run('pbx-dialplan-gen', '--asterisk', asterisk_root.program(), *arguments), expect)

    def files(self, folder):
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and not path.name.startswith('.')}

    def test_asterisk_accepts_everything_that_is_generated(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.organization(work, 'beta')
        result = self.generate(work, '--deploy', '--validate', '-v')
        endpoints = 2 * (len(PASSWORDS) + 2)
        self.says(result, rf'a private Asterisk loaded {endpoints} endpoints and \d+ extensions without a complaint')
        self.assertIn('pjsip_acme.conf', self.files(work.etc))

    def test_nothing_is_deployed_that_asterisk_complains_about(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.organization(work, 'beta')
        self.generate(work, '--deploy')
        whole = self.files(work.etc)
        # What stays of another organization is part of the candidate: here, spoilt by hand.
        for name, line, said in (('ext_beta.conf', '[unclosed\n', "no closing '\\]'"),
                                 ('pjsip_beta.conf', '\n[x]\ntype=endpoint\nno_such_option=1\n', 'no_such_option'),
                                 ('pjsip_beta.conf', '\n[acme_1001]\ntype=endpoint\n', 'acme_1001'),
                                 ('queues_beta.conf', '\n[x]\nno_such_option=1\n', 'no_such_option')):
            with self.subTest(line=line):
                for other, data in whole.items():
                    (work.etc / other).write_bytes(data)
                with open(work.etc / name, 'a', encoding='utf-8') as file:
                    file.write(line)
                before = self.files(work.etc)
                work.db.sql(f"update users set full_name = '{uuid.uuid4()}'")
                result = self.generate(work, '--deploy', '--validate', '--org', 'acme', expect=65)
                self.says(result, said, 'nothing was changed')
                self.hints(result)
                self.assertEqual(self.files(work.etc), before)

    def test_validating_touches_neither_the_folder_nor_the_running_asterisk(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.assertEqual(self.generate(work, '--validate').out, b'')
        self.assertEqual(self.files(work.etc), {'pjsip.conf': ORDER.encode()})

    def test_a_reload_gives_the_running_asterisk_what_changed_in_spite_of_a_stale_include(self):
        work = self.pbx()
        self.organization(work, 'acme')
        with Asterisk() as pbx:
            pbx.write('extensions.conf', '[general]\n')
            pbx.write('queues.conf', '[general]\n')
            pbx.write('pjsip.conf', ORDER + f'[transport-udp]\ntype=transport\nprotocol=udp\nbind={pbx.sip[0]}:{pbx.sip[1]}\n')
            pbx.write('cdr_pgsql.conf', '')
            pbx.start()
            # With these lines Asterisk refuses the whole files on a reload.
            for name, begin in (('extensions.conf', 'ext'), ('pjsip.conf', 'pjsip'), ('queues.conf', 'queues')):
                with open(pbx.etc / name, 'a', encoding='utf-8') as main_file:
                    main_file.write(f'#include "{begin}_gone.conf"\n')
            work.env['PBX_ASTERISK_DIR'] = str(pbx.etc)
            self.generate(work, '--deploy', '--reload')
            self.assertIn("'acme__internal'", pbx.cli('dialplan show acme__internal'))
            self.assertRegex(pbx.cli('pjsip show endpoint acme_1001'), r'accountcode +: [0-9a-f-]{36}')
            self.assertIn('acme__5002 has 0 calls', pbx.cli('queue show acme__5002'))
            self.assertIn('(paused', re.sub(r'\x1b\[[0-9;]*m', '', pbx.cli('queue show acme__5002')))
            work.db.sql("update organizations set status = 'suspended' where name = 'acme'")
            self.organization(work, 'beta')
            self.generate(work, '--deploy', '--reload', '--force')
            self.assertIn('no existence', pbx.cli('dialplan show acme__internal'))
            self.assertIn("'beta__internal'", pbx.cli('dialplan show beta__internal'))
            self.assertIn('Unable to find', pbx.cli('pjsip show endpoint acme_1001'))


if __name__ == '__main__':
    main_with_asterisk()
