#!/usr/bin/env python3
"""Who owns a number, a host or a name: the tenant that had it first. A later one is refused and named, and the first tenant's
configuration does not change. Also prefixes, reserved names, emergency numbers, routing loops, and passwords of phones."""
import re
import subprocess

from workdir import BIN, SOURCE, Case, cluster, main

PASSWORD = 'a1-long-Pass-word'
FIRST = '20261124-held-since'
LAST = '20261124-unique-numbers'


class Owned(Case):
    def pbx(self):
        """A workdir with an Asterisk folder, and no tenant in the database."""
        work = self.workdir(remote=None)
        work.asterisk_folder()
        return work

    def tenant(self, work, prefix, number=None, host=None, **more):
        """A tenant with user 1001, queue 5001, a trunk, a route and a DID; the organization's id."""
        org = work.db.insert('organizations', name=more.pop('name', prefix), context_prefix=prefix, **more)
        work.db.insert('users', org_id=org, extension='1001', sip_password=PASSWORD)
        # An address, so that no name has to be resolved.
        host = host or f'10.{int(org[:2], 16)}.{int(org[2:4], 16)}.{int(org[4:6], 16)}'
        trunk = work.db.insert('sip_trunks', approved_at='now', org_id=org, name='carrier', host=host)
        work.db.insert('outbound_routes', org_id=org, name='out', trunk_id=trunk)
        work.db.insert('queues', org_id=org, number='5001')
        if number:
            work.db.insert('did_numbers', org_id=org, number=number, routing_type='queue', routing_destination='5001')
        return org

    def deploy(self, work, *arguments, expect=0):
        return self.status(work.run('pbx-dialplan-gen', '--deploy', *arguments), expect)

    def provision(self, work, *arguments, expect=0):
        return self.status(work.run('pbx-provision', *arguments), expect)

    @staticmethod
    def files(work, prefix):
        return {name: (work.etc / name).read_bytes() for name in (f'ext_{prefix}.conf', f'pjsip_{prefix}.conf', f'queues_{prefix}.conf')}

    @staticmethod
    def text(work, prefix):
        return b''.join(Owned.files(work, prefix).values()).decode()

    def unchanged(self, work, prefix, change, *words, expect=65):
        """Deploys, makes a change, deploys again: the tenant's files keep every byte, and the run names what it left out."""
        self.deploy(work)
        before = self.files(work, prefix)
        change()
        result = self.deploy(work, expect=expect)
        self.says(result, *words)
        self.assertEqual(self.files(work, prefix), before)
        return result


class ByAge(Owned):
    def test_a_newcomer_whose_prefix_comes_first_in_the_alphabet_takes_no_number(self):
        work = self.pbx()
        self.tenant(work, 'zeta', number='4930111')

        def newcomer():
            org = self.tenant(work, 'aa_new')
            # The database itself refuses the same digits; a database whose index is gone leaves it to the generator.
            with self.assertRaisesRegex(RuntimeError, 'unique'):
                work.db.insert('did_numbers', org_id=org, number='+4930111', routing_type='queue', routing_destination='5001')
            work.db.sql("do $$ declare i text; begin for i in select indexrelid::regclass from pg_index where indisunique and "
                        "indrelid = 'did_numbers'::regclass and indexprs is not null loop execute 'drop index ' || i; end loop; end $$")
            work.db.insert('did_numbers', org_id=org, number='+4930111', routing_type='queue', routing_destination='5001')
        result = self.unchanged(work, 'zeta', newcomer, r'did \+4930111 of aa_new is left out: .*did 4930111 of zeta')
        self.hints(result)
        self.assertNotIn('4930111', self.text(work, 'aa_new'))

    def test_a_number_is_unique_by_its_digits_however_it_is_written(self):
        work = self.pbx()
        self.tenant(work, 'zeta', number='+49 30 111')
        org = self.tenant(work, 'aa')
        for number in ('4930111', '+4930111', '(49)30-111'):
            with self.assertRaisesRegex(RuntimeError, 'unique'):
                work.db.insert('did_numbers', org_id=org, number=number)
        for nothing in ('', '+', 'x', 'x4930111', 'org_1', 'org__1'):  # not numbers: such rows are left out, and own nothing
            work.db.insert('did_numbers', org_id=org, number=nothing)

    def test_an_inactive_row_and_a_suspended_or_deleted_tenant_keep_their_numbers_hosts_and_names(self):
        work = self.pbx()
        old = self.tenant(work, 'zeta', number='4930111', host='sip.example.org')
        new = self.tenant(work, 'aa')
        for status in ('suspended', 'deleted'):
            work.db.sql(f"update organizations set status = '{status}' where id = '{old}'")
            self.says(self.provision(work, 'did', 'add', '+4930111', '--org', 'aa', '--queue', '5001', expect=65),
                      rf'exists already, in zeta \({status}\)')
            self.says(self.provision(work, 'trunk', 'add', 'x', '--org', 'aa', '--host', 'sip.example.org', expect=65), 'zeta')
        work.db.sql(f"update organizations set status = 'active' where id = '{old}'; update sip_trunks set status = 'off' where org_id = '{old}'")
        work.db.insert('sip_trunks', approved_at='now', org_id=new, name='x', host='sip.example.org')
        self.says(self.deploy(work, expect=65), 'trunk x of aa is left out: .*sip.example.org.*trunk carrier of zeta')
        # The incumbent comes back, and still owns what it owned before.
        work.db.sql(f"update sip_trunks set status = 'active' where org_id = '{old}'")
        self.deploy(work, expect=65)
        self.assertIn('match=sip.example.org', self.text(work, 'zeta'))

    def test_a_newcomer_takes_no_trunk_host_however_it_is_written(self):
        for mine, same in (('sip.example.org', 'SIP.Example.ORG'), ('sip.example.org', 'sip.example.org.'), ('192.0.2.7', '192.0.2.07'),
                           ('192.0.2.7', '[::ffff:192.0.2.7]'), ('[2001:db8::1]', '[2001:0DB8:0:0::1]'), ('127.0.0.1', '127.1')):
            with self.subTest(same=same):
                work = self.pbx()
                self.tenant(work, 'zeta', host=mine)
                result = self.unchanged(work, 'zeta', lambda w=work, s=same: self.tenant(w, 'aa', host=s),
                                        'trunk carrier of aa is left out: host .*trunk carrier of zeta')
                self.hints(result)
                self.assertNotIn('type=identify', self.text(work, 'aa'))

    def test_trunks_that_register_share_a_host_and_so_do_those_of_one_tenant(self):
        work = self.pbx()
        one, two = self.tenant(work, 'zeta', host='192.0.2.9'), self.tenant(work, 'aa')
        for org in (one, two):
            work.db.insert('sip_trunks', approved_at='now', org_id=org, name='reg', host='192.0.2.9', trunk_type='register', username='u', password='p')
        work.db.insert('sip_trunks', approved_at='now', org_id=one, name='second', host='192.0.2.9', port=5070)
        self.quiet(self.deploy(work))

    def test_an_older_row_that_takes_another_number_or_host_by_update_counts_as_new(self):
        work = self.pbx()
        old = self.tenant(work, 'aa', host='a.example.org')
        self.tenant(work, 'zeta', host='sip.example.org')
        self.unchanged(work, 'zeta', lambda: work.db.sql(
            f"update sip_trunks set host = 'sip.example.org', approved_at = now() where org_id = '{old}'"), 'trunk carrier of aa is left out')
        # A change that has nothing to do with ownership does not change the age.
        ages = 'select string_agg(held_since::text, \',\' order by held_since) from (select held_since from {} union all select held_since from {}) x'
        for tables in (('organizations', 'users'), ('sip_trunks', 'queues')):
            before = work.db.value(ages.format(*tables))
            work.db.sql("update sip_trunks set username = 'x', port = 5070; update organizations set settings = '{}', name = name || '2';"
                        "update users set full_name = 'x', sip_password = sip_password || 'x'; update queues set strategy = 'linear'")
            self.assertEqual(work.db.value(ages.format(*tables)), before)
        for change in ("users set extension = '9001'", "users set asterisk_endpoint = 'x'", "queues set number = '9002'",
                       "sip_trunks set asterisk_peer_name = 'y'", "organizations set context_prefix = context_prefix || 'x'"):
            before = work.db.value(f"select max(held_since) from {change.split()[0]}")
            work.db.sql(f'update {change}')
            self.assertEqual(work.db.value(f"select min(held_since) > '{before}' from {change.split()[0]}"), 't', change)

    def test_a_host_is_held_from_its_approval_on(self):
        work = self.pbx()
        early = self.tenant(work, 'aa', host='other.example.org')
        work.db.sql("update sip_trunks set host = 'sip.example.org'")  # which withdraws the approval
        self.tenant(work, 'zeta', host='sip.example.org')
        self.says(self.deploy(work, expect=65), 'trunk carrier of aa is left out: host "sip.example.org" has not been approved')
        result = self.provision(work, 'trunk', 'approve', 'carrier', '--org', 'aa', expect=65)
        self.says(result, 'trunk carrier of aa is refused: host "sip.example.org" is held by trunk carrier of zeta')
        before = self.files(work, 'zeta')
        work.db.sql(f"update sip_trunks set approved_at = now() where org_id = '{early}'")
        self.says(self.deploy(work, expect=65), 'trunk carrier of aa is left out: host .*zeta')
        self.assertEqual(self.files(work, 'zeta'), before)

    def test_an_age_that_the_operator_sets_counts_and_an_infinite_or_null_one_is_refused(self):
        work = self.pbx()
        self.tenant(work, 'zeta', host='sip.example.org')
        new = self.tenant(work, 'aa', host='sip.example.org')
        work.db.sql(f"update sip_trunks set approved_at = '2001-01-01' where org_id = '{new}'")
        self.says(self.deploy(work, expect=65), 'trunk carrier of zeta is left out')
        for forged in ("'infinity'", "'-infinity'", 'null'):
            with self.assertRaises(RuntimeError):
                work.db.sql(f'update sip_trunks set held_since = {forged}')

    def test_a_name_of_the_incumbent_stays_when_a_new_prefix_matches_it(self):
        work = self.pbx()
        old = self.tenant(work, 'a')
        work.db.insert('users', org_id=old, extension='1', sip_password=PASSWORD, asterisk_endpoint='a_b_1')
        work.db.insert('queues', org_id=old, number='1', asterisk_queue_name='a_b__5001')

        def newcomer():
            org = self.tenant(work, 'a_b')
            work.db.insert('users', org_id=org, extension='1', sip_password=PASSWORD)
        result = self.unchanged(work, 'a', newcomer, r'user 1 of a_b is left out: .*user 1 of a\n', r'queue 5001 of a_b is left out: .*queue 1 of a\n')
        self.assertEqual(result.err.count('left out'), 2)

    def test_no_prefix_reaches_into_the_names_of_another(self):
        for mine, newcomer in (('acme', 'acme_'), ('acme', 'acme__queue'), ('acme', 'acme__trunk_x'), ('acme_', 'acme'), ('acme__b', 'acme')):
            with self.subTest(newcomer=newcomer):
                work = self.pbx()
                self.tenant(work, mine, name='mine')
                result = self.unchanged(work, mine, lambda w=work, n=newcomer: self.tenant(w, n, name='theirs'),
                                        'organization theirs is left out: context_prefix .*organization mine')
                self.hints(result)
                self.assertFalse((work.etc / f'ext_{newcomer}.conf').exists())
                self.says(self.provision(work, 'org', 'add', 'third', '--prefix', mine + '__x', expect=65), 'context_prefix')

    def test_pbx_provision_refuses_a_newcomer_with_a_data_error_and_writes_nothing(self):
        work = self.pbx()
        self.tenant(work, 'zeta', number='4930111', host='sip.example.org')
        self.tenant(work, 'aa')
        before = work.db.value('select (select count(*) from did_numbers) + (select count(*) from sip_trunks)')
        for arguments in (('did', 'add', '+4930111', '--queue', '5001'), ('trunk', 'add', 'x', '--host', 'SIP.example.org.')):
            result = self.provision(work, *arguments, '--org', 'aa', expect=65)
            self.says(result, 'zeta')
            self.hints(result)
        self.assertEqual(work.db.value('select (select count(*) from did_numbers) + (select count(*) from sip_trunks)'), before)


class Migrating(Owned):
    """Databases from before rows had ages, with conflicts in them."""

    def old(self):
        """A database as it was, with three DIDs of the same digits, and names without a prefix."""
        database = cluster().database()
        for file in sorted((SOURCE / 'migrations').glob('*.sql')):
            if file.stem < '20261124':
                self.assertEqual(database.psql('-1', '-f', str(file)).returncode, 0)
        database.sql("""
            insert into organizations (id, name, context_prefix) values
                ('22222222-0000-4000-8000-000000000000', 'Zeta', 'zeta'), ('11111111-0000-4000-8000-000000000000', 'New', 'aa');
            insert into did_numbers (id, org_id, number) values
                ('33333333-0000-4000-8000-000000000003', '22222222-0000-4000-8000-000000000000', '4930111'),
                ('33333333-0000-4000-8000-000000000002', '11111111-0000-4000-8000-000000000000', '+4930111'),
                ('33333333-0000-4000-8000-000000000001', '11111111-0000-4000-8000-000000000000', '49 30 111'),
                ('33333333-0000-4000-8000-000000000004', '11111111-0000-4000-8000-000000000000', '4930112');
            insert into users (id, org_id, extension, sip_password, asterisk_endpoint) values
                ('44444444-0000-4000-8000-000000000001', '11111111-0000-4000-8000-000000000000', '1001', 'hidden-password', 'lobby'),
                ('44444444-0000-4000-8000-000000000002', '11111111-0000-4000-8000-000000000000', '1002', 'hidden-password', 'aa_1002')""")
        self.addCleanup(database.drop)
        return database

    def migrate(self, database, *arguments, expect):
        done = subprocess.run([BIN / 'pbx-migrate', 'up', '--database', database.conninfo, '--migrations', SOURCE / 'migrations',
                               *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, expect, done.stdout)
        return done.stdout

    def baseline(self, database):
        newest = max(file.stem for file in (SOURCE / 'migrations').glob('*.sql') if file.stem < '20261124')
        subprocess.run([BIN / 'pbx-migrate', 'baseline', newest, '-q', '--database', database.conninfo, '--migrations',
                        SOURCE / 'migrations'], check=True, stderr=subprocess.DEVNULL)

    def test_each_number_that_two_rows_hold_is_named_with_the_sql_that_frees_it(self):
        database = self.old()
        self.baseline(database)
        said = self.migrate(database, expect=65)
        self.assertRegex(said, '2 of the numbers .*another row')
        rows = re.findall(r'did (\S.*) of (\w+) has the digits of did 4930111 of Zeta.*: (delete from did_numbers where id = .*)', said)
        self.assertEqual([row[:2] for row in rows], [('+4930111', 'New'), ('49 30 111', 'New')], said)
        self.assertRegex(said, r'(?m)^pbx-migrate: hint: ')
        self.assertNotIn('4930112', said)
        self.assertNotIn('hidden-password', said)
        # The migrations before it are applied, and no part of it is: no row is changed, and the ages exist.
        self.assertEqual(database.value('select count(*) from did_numbers'), '4')
        self.assertEqual(database.value(f"select count(*) from schema_migrations where version = '{FIRST}'"), '1')
        self.assertEqual(database.value(f"select count(*) from schema_migrations where version = '{LAST}'"), '0')
        for _, _, sql in rows:
            database.sql(sql)
        self.migrate(database, expect=0)
        with self.assertRaisesRegex(RuntimeError, 'unique'):
            database.sql("insert into did_numbers (org_id, number) select id, '+4930111' from organizations limit 1")

    def test_rows_from_before_the_ages_are_older_than_all_that_follow_and_keep_their_order(self):
        database = self.old()
        self.baseline(database)
        self.migrate(database, expect=65)
        self.assertEqual([row[0] for row in database.sql('select number from did_numbers order by held_since')],
                         ['4930111', '+4930111', '49 30 111', '4930112'])
        self.assertEqual(database.value("select max(held_since) < '2025-01-01' from did_numbers"), 't')
        database.sql("insert into did_numbers (org_id, number) select id, '1' from organizations limit 1")
        self.assertEqual(database.value("select held_since > now() - interval '1 minute' from did_numbers where number = '1'"), 't')

    def test_the_migrations_do_no_harm_when_they_run_again(self):
        work = self.pbx()
        self.tenant(work, 'zeta', number='4930111')
        shape = work.db.value("select string_agg(held_since::text, ',' order by held_since) from (select held_since from users union all "
                              "select held_since from did_numbers) x")
        for version in (FIRST, LAST):
            done = work.db.psql('-1', '-f', str(SOURCE / 'migrations' / f'{version}.sql'))
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(work.db.value("select string_agg(held_since::text, ',' order by held_since) from (select held_since from users union all "
                                       "select held_since from did_numbers) x"), shape)

    def test_names_without_their_prefix_are_reported_with_the_sql_that_renames_them(self):
        database = self.old()
        self.baseline(database)
        said = self.migrate(database, '--to', FIRST, expect=0)
        self.assertRegex(said, r'user 1001 of New: asterisk_endpoint "lobby" does not begin with "aa_"; '
                               r"update users set asterisk_endpoint = null where id = '44444444-0000-4000-8000-000000000001'")
        self.assertNotIn('1002', said)


class Names(Owned):
    def test_a_name_without_the_prefix_is_refused_by_name_with_the_sql_that_renames_it(self):
        work = self.pbx()
        org = self.tenant(work, 'acme')
        user = work.db.insert('users', org_id=org, extension='1002', sip_password=PASSWORD, asterisk_endpoint='lobby')
        queue = work.db.insert('queues', org_id=org, number='5002', asterisk_queue_name='support')
        trunk = work.db.insert('sip_trunks', approved_at='now', org_id=org, name='two', host='two.example.net', asterisk_peer_name='carrier')
        work.db.insert('users', org_id=org, extension='1003', sip_password=PASSWORD, asterisk_endpoint='acme_reception')
        result = self.deploy(work, expect=65)
        for row, column, name, table, key in (('user 1002', 'asterisk_endpoint', 'lobby', 'users', user),
                                              ('queue 5002', 'asterisk_queue_name', 'support', 'queues', queue),
                                              ('trunk two', 'asterisk_peer_name', 'carrier', 'sip_trunks', trunk)):
            self.says(result, f'{row} of acme is left out: {column} "{name}" does not begin with "acme_"',
                      f"hint: .*update {table} set {column} = null where id = '{key}'")
            self.assertNotIn(f'[{name}]', self.text(work, 'acme'))
            sql = re.search(f"update {table} set {column} = null where id = '{key}'", result.err)
            work.db.sql(sql.group())
        self.assertIn('[acme_reception]', self.text(work, 'acme'))
        self.quiet(self.deploy(work))
        self.assertIn('[acme_1002]', self.text(work, 'acme'))

    def test_names_with_a_special_meaning_in_asterisk_are_refused_even_with_the_prefix(self):
        work = self.pbx()
        for prefix, name in (('acme', 'anonymous'), ('acme', 'general'), ('acme', 'global'), ('acme', 'globals'), ('acme', 'system'),
                             ('acme', 'default'), ('acme', 'General'), ('default', 'default_outbound_endpoint'),
                             ('default', 'default_Outbound_Endpoint'), ('acme', 'acme_'), ('acme', 'acme')):
            with self.subTest(name=name):
                work = self.pbx()
                org = self.tenant(work, prefix)
                for table, row in (('users', {'extension': '1002', 'sip_password': PASSWORD, 'asterisk_endpoint': name}),
                                   ('queues', {'number': '5002', 'asterisk_queue_name': name}),
                                   ('sip_trunks', {'name': 'two', 'host': 'two.example.net', 'asterisk_peer_name': name})):
                    work.db.insert(table, org_id=org, **row)
                result = self.deploy(work, expect=65)
                self.says(result, 'user 1002 of .* is left out', 'queue 5002 of .* is left out', 'trunk two of .* is left out')
                self.assertNotIn(f'[{name}]', self.text(work, prefix))
                self.provision(work, 'user', 'add', '1009', '--org', prefix, '--endpoint', name, expect=64)

    def test_a_prefix_whose_files_are_asterisks_own_is_refused(self):
        work = self.pbx()
        self.tenant(work, 'acme')
        (work.etc / 'pjsip_notify.conf').write_text('[clear-mwi]\nEvent=>message-summary\n')
        (work.etc / 'pjsip_wizard.conf').write_text('[own]\ntype=wizard\n')
        for prefix in ('notify', 'wizard'):
            self.provision(work, 'org', 'add', prefix, '--prefix', prefix, expect=64)
            self.tenant(work, prefix)
            self.says(self.deploy(work, expect=65), f'organization {prefix} is left out: .*pjsip_{prefix}.conf')
        self.assertIn('[clear-mwi]', (work.etc / 'pjsip_notify.conf').read_text())
        self.assertIn('[own]', (work.etc / 'pjsip_wizard.conf').read_text())

    def test_a_name_that_begins_like_an_older_tenant_with_a_longer_prefix_is_refused(self):
        work = self.pbx()
        org = self.tenant(work, 'a')
        self.tenant(work, 'a_b')
        self.unchanged(work, 'a_b', lambda: work.db.insert('users', org_id=org, extension='1', sip_password=PASSWORD, asterisk_endpoint='a_b_77'),
                       'user 1 of a is left out: asterisk_endpoint "a_b_77" begins with the prefix of another organization')


class Emergency(Owned):
    NUMBERS = ('112', '911', '999', '000', '110', '118')

    def test_an_extension_queue_or_did_that_is_an_emergency_number_is_refused(self):
        work = self.pbx()
        self.tenant(work, 'acme')
        org = work.db.value('select id from organizations')
        for number in self.NUMBERS:
            for arguments in (('user', 'add', number), ('queue', 'add', number), ('did', 'add', number, '--queue', '5001')):
                result = self.provision(work, *arguments, '--org', 'acme', expect=64)
                self.says(result, f'{number}" is an emergency number')
                self.hints(result)
            work.db.insert('users', org_id=org, extension=number, sip_password=PASSWORD)
            work.db.insert('queues', org_id=org, number=number)
        result = self.deploy(work, expect=65)
        self.assertEqual(result.err.count('is an emergency number'), 2 * len(self.NUMBERS))
        for number in self.NUMBERS:
            self.assertNotIn(f'exten => {number},', self.text(work, 'acme'))

    def test_a_route_that_would_dial_something_else_is_refused(self):
        for pattern, strip, prepend, number, dialled in (('_9X.', 1, '', '911', '11'), ('_X.', 0, '0', '112', '0112'), ('_[1]1[0-2]', 1, '', '110', '10'),
                                                         ('112', 3, '5001', '112', '5001'), ('_NXX!', 0, '+1', '911', r'\+1911'), ('_X!', 1, '', '112', '12')):
            with self.subTest(pattern=pattern):
                work = self.pbx()
                org = self.tenant(work, 'acme')
                work.db.sql('delete from outbound_routes')
                trunk = work.db.value('select id from sip_trunks')
                arguments = ('route', 'add', 'bad', '--org', 'acme', '--trunk', 'carrier', '--pattern', pattern, '--strip', str(strip), '--prepend', prepend)
                result = self.provision(work, *arguments, expect=64)
                self.says(result, f'(?m){number} would be sent as {dialled}(,|$)')
                self.hints(result)
                work.db.insert('outbound_routes', org_id=org, trunk_id=trunk, name='bad', dial_pattern=pattern, strip_digits=strip, prepend_digits=prepend)
                self.says(self.deploy(work, expect=65), 'route bad of acme is left out')
                self.assertNotIn('; recorded: route bad', self.text(work, 'acme'))
                # If an earlier route takes the number unchanged, the pattern does no harm.
                self.provision(work, 'route', 'add', 'first', '--org', 'acme', '--trunk', 'carrier', '--pattern', number, '--priority', '1')
                for place, each in enumerate(self.NUMBERS):
                    work.db.insert('outbound_routes', org_id=org, trunk_id=trunk, name=f'e{place}', dial_pattern=each, priority=2)
                self.quiet(self.deploy(work))
                self.assertIn('; recorded: route bad', self.text(work, 'acme'))

    def test_patterns_that_match_no_emergency_number_may_rewrite(self):
        work = self.pbx()
        self.tenant(work, 'acme')
        for place, (pattern, strip) in enumerate((('_00X.', 2), ('_0[1-9]X.', 1), ('_8X.', 1), ('_91NXXNXXXXXX', 1), ('_9XXX.', 1), ('_112X', 1))):
            self.provision(work, 'route', 'add', f'r{place}', '--org', 'acme', '--trunk', 'carrier', '--pattern', pattern, '--strip', str(strip), '--priority', '5')
        self.quiet(self.deploy(work))

    def test_the_configuration_lists_the_emergency_numbers(self):
        work = self.pbx()
        self.tenant(work, 'acme')
        conf = work.path / 'pbx.conf'
        work.env['PBX_CONFIG'] = str(conf)
        for line in ('emergency = "115 112"', 'emergency = "115,112"', 'emergency = 115 112', 'emergency = ["115", "112"]'):
            conf.write_text(line + '\n')
            self.says(self.provision(work, 'user', 'add', '115', '--org', 'acme', expect=64), '"115" is an emergency number')
            self.says(self.provision(work, 'user', 'add', '112', '--org', 'acme', expect=64), '"112" is an emergency number')
        self.provision(work, 'user', 'add', '118', '--org', 'acme')
        self.quiet(self.deploy(work))
        self.says(self.deploy(work, '--emergency', '118 112', expect=65), 'user 118 of acme is left out')
        self.provision(work, 'queue', 'add', '117', '--org', 'acme', '--emergency', '117', expect=64)
        conf.write_text('emergency = "11a"\n')
        self.hints(self.status(work.run('pbx-dialplan-gen'), 78))

    def test_adding_a_route_warns_of_what_only_the_operator_can_know(self):
        work = self.pbx()
        self.tenant(work, 'acme')
        work.db.sql('delete from outbound_routes')
        self.says(self.provision(work, 'route', 'add', 'out', '--org', 'acme', '--trunk', 'carrier'),
                  'route out of acme sends 112, 911, 999, 000, 110, 118 to trunk carrier')
        self.quiet(self.deploy(work))
        self.says(self.deploy(work, '-v'), 'route out of acme sends 112')
        self.provision(work, 'route', 'add', 'far', '--org', 'acme', '--trunk', 'carrier', '--pattern', '_00X.', '--priority', '5')
        self.says(self.provision(work, 'route', 'remove', 'out', '--org', 'acme'), 'no route of acme matches an emergency number')


class Loops(Owned):
    def acme(self, work):
        org = self.tenant(work, 'acme', number='4930111')
        for number in ('5002', '5003'):
            work.db.insert('queues', org_id=org, number=number)
        return org

    def closed(self, work, row, *others):
        result = self.deploy(work, expect=65)
        self.says(result, f'{re.escape(row)} of acme is left out: calls .*come back')
        self.assertEqual(result.err.count('left out'), 1, result)
        for other in others:
            self.assertIn(other, self.text(work, 'acme'))
        return result

    def test_a_queue_that_leads_to_itself_is_left_out(self):
        work = self.pbx()
        self.acme(work)
        work.db.sql("update queues set timeout_destination_type = 'queue', timeout_destination = '5003' where number = '5003'")
        self.hints(self.closed(work, 'queue 5003', '[acme__5001]', '[acme__5002]', '; recorded: did 4930111'))
        self.assertNotIn('acme__5003', self.text(work, 'acme'))
        result = self.provision(work, 'queue', 'add', '5004', '--org', 'acme', '--overflow-queue', '5004', expect=65)
        self.says(result, 'queue 5004 of acme is refused: calls .*come back')

    def test_of_queues_in_a_ring_the_newest_is_left_out(self):
        work = self.pbx()
        self.acme(work)
        for queue, to in (('5003', '5001'), ('5002', '5003'), ('5001', '5002')):
            work.db.sql(f"update queues set timeout_destination_type = 'queue', timeout_destination = '{to}' where number = '{queue}'")
        self.closed(work, 'queue 5003', '[acme__5001]', '[acme__5002]')

    def test_an_outside_number_that_a_route_turns_into_an_own_did_closes_a_loop(self):
        work = self.pbx()
        org = self.acme(work)
        # On its timeout the queue calls an outside number, which a route turns into the DID that leads to the queue.
        work.db.sql("update outbound_routes set dial_pattern = '_0[1-9].', strip_digits = 1, prepend_digits = '+49';"
                    "update queues set timeout_destination_type = 'external', timeout_destination = '030111' where number = '5001'")
        self.closed(work, 'did 4930111', '[acme__5001]')
        work.db.sql("update queues set timeout_destination = '030112' where number = '5001'")
        self.quiet(self.deploy(work))
        # A DID that leads to itself through an outside number.
        work.db.insert('did_numbers', org_id=org, number='+4930200', routing_type='external', routing_destination='030200')
        self.closed(work, 'did +4930200', 'did 4930111')
        work.db.sql("delete from did_numbers where number = '+4930200'")
        # A member whose calls ring outside, at the number of the queue.
        work.db.sql("update outbound_routes set dial_pattern = '_00X.', strip_digits = 0, prepend_digits = ''")
        result = self.provision(work, 'user', 'add', '1005', '--org', 'acme', '--phone', '004930111')
        self.says(self.provision(work, 'queue', 'join', '5001', '1005', '--org', 'acme', expect=65), 'come back')
        self.assertEqual(work.db.value('select count(*) from queue_members'), '0', result)
        work.db.sql("insert into queue_members (queue_id, user_id) select q.id, u.id from queues q, users u where q.number = '5001' and u.extension = '1005'")
        self.closed(work, 'user 1005', '[acme__5001]', 'did 4930111')

    def test_a_loop_through_two_tenants_costs_only_the_newer_tenant_its_row(self):
        work = self.pbx()
        org = self.acme(work)
        work.db.insert('did_numbers', org_id=org, number='4930300', routing_type='external', routing_destination='+4930400')

        def newcomer():
            other = self.tenant(work, 'beta')
            work.db.sql(f"update outbound_routes set dial_pattern = '_+X.' where org_id = '{other}'")
            work.db.insert('did_numbers', org_id=other, number='4930400', routing_type='external', routing_destination='+4930300')
        self.unchanged(work, 'acme', newcomer, 'did 4930400 of beta is left out: calls .*come back')

    def test_paths_that_end_are_left_as_they_are(self):
        work = self.pbx()
        org = self.acme(work)
        work.db.sql("update queues set timeout_destination_type = 'queue', timeout_destination = '5002' where number = '5001';"
                    "update queues set timeout_destination_type = 'extension', timeout_destination = '1001' where number = '5002'")
        work.db.insert('did_numbers', org_id=org, number='4930201', routing_type='external', routing_destination='4930111')
        self.quiet(self.deploy(work))

    def test_long_chains_are_followed_in_little_time(self):
        work = self.pbx()
        org = self.acme(work)
        work.db.sql(f"insert into queues (org_id, number, timeout_destination_type, timeout_destination) "
                    f"select '{org}', 10000 + n, 'queue', 10001 + n from generate_series(1, 3000) n;"
                    f"insert into queues (org_id, number, timeout_destination_type, timeout_destination) values ('{org}', 13001, 'queue', 10001)")
        self.closed(work, 'queue 13001', '[acme__10001]', '[acme__13000]')


class Passwords(Owned):
    def test_a_password_that_is_short_or_the_users_own_name_is_refused(self):
        work = self.pbx()
        self.tenant(work, 'acme')
        for password, more, words in (('short-11abc', (), 'shorter than 12 characters'), ('1002', (), 'equal to'),
                                      ('123456789012', (), 'equal to'), ('BARTHOLOMEW-LONG', ('--username', 'bartholomew-long'), 'equal to'),
                                      ('Wolfeschlegelstein', ('--name', 'Hubert Wolfeschlegelstein'), 'equal to'),
                                      ('HubertWolfeschlegelstein', ('--name', 'Hubert Wolfeschlegelstein'), 'equal to')):
            extension = password if words == 'equal to' and password.isdigit() else '1002'
            result = self.provision(work, 'user', 'add', extension, '--org', 'acme', '--password', password, *more, expect=64)
            self.says(result, words)
            self.hints(result)
            self.assertNotIn(password, result.err.replace(f'user {password} ', ''))
        self.assertEqual(work.db.value('select count(*) from users'), '1')
        self.provision(work, 'user', 'add', '1002', '--org', 'acme', '--password', 'twelve-chars', '--name', 'Bob')

    def test_an_existing_weak_password_is_reported_and_its_phone_stays(self):
        work = self.pbx()
        org = self.tenant(work, 'acme')
        work.db.insert('users', org_id=org, extension='1002', sip_password='weak-one')
        work.db.insert('users', org_id=org, extension='1003', sip_password='Bartholomew!', full_name='Bartholomew! Long')
        work.db.insert('users', org_id=org, extension='1004', sip_password='bartholomews', username='bartholomews')
        work.db.insert('users', org_id=org, extension='1005', sip_password='weak-two', status='inactive')
        result = self.deploy(work)
        self.says(result, 'sip_password of user 1002 of acme is shorter than 12 characters', 'user 1003 of acme is equal to', 'user 1004 of acme is equal to')
        self.assertEqual(len(result.err.splitlines()), 3, result)
        for secret in ('weak-one', 'bartholomews', 'Bartholomew!'):
            self.assertNotIn(secret, result.err)
            self.assertIn(f'password={secret}', self.text(work, 'acme'))

    def test_no_password_is_in_any_message_of_a_failed_insert(self):
        work = self.pbx()
        self.tenant(work, 'acme')
        given = 'the-secret-password'
        work.db.sql("alter table users add constraint c check (full_name <> 'Bad'); alter table sip_trunks add constraint c check (port <> 7);"
                    "create function f() returns trigger language plpgsql as $$ begin if new.full_name = 'Raise' then "
                    "raise exception 'no' using detail = new.sip_password; end if; return new; end $$;"
                    'create trigger f before insert on users for each row execute function f()')
        for arguments in (('user', 'add', '1002', '--name', 'Bad'), ('user', 'add', '1002', '--name', 'Raise'),
                          ('trunk', 'add', 'x', '--host', 'h.example.org', '--port', '7', '--username', 'u')):
            for more in ((), ('-v',)):
                result = work.run('pbx-provision', *arguments, '--org', 'acme', '--password', given, *more)
                self.assertNotEqual(result.status, 0)
                self.assertNotIn(given, result.err + result.text)
        result = work.run('pbx-provision', 'user', 'add', '1002', '--name', 'Bad', '--org', 'acme')
        self.assertNotEqual(result.status, 0)
        self.assertNotRegex(result.err + result.text, r'[A-Za-z0-9]{24}', 'the password that was made up')

    def test_no_password_is_in_the_message_of_a_failed_migration(self):
        work = self.pbx()
        self.tenant(work, 'acme')
        folder = work.path / 'migrations'
        folder.mkdir()
        for file in (SOURCE / 'migrations').glob('*.sql'):
            (folder / file.name).write_bytes(file.read_bytes())
        (folder / '20991231-x.sql').write_text("alter table users add check (extension <> '9') not valid; update users set extension = '9';\n")
        result = self.status(work.run('pbx-migrate', 'up', '--migrations', folder), 65)
        self.says(result, 'violates check constraint')
        self.assertNotIn(PASSWORD, result.err)


if __name__ == '__main__':
    main()
