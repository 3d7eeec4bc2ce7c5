"""pbx-provision: an operator manages the policy without SQL, and cannot enter values that the dialplan would refuse."""
import json

from workdir import BIN, Case, main


class Provision(Case):
    def setUp(self):
        self.w = self.workdir(remote=None)

    def do(self, *arguments, status=0, **how):
        return self.status(self.w.run('pbx-provision', *arguments, **how), status)

    def acme(self):
        self.do('org', 'add', 'Acme', '--prefix', 'acme')
        self.do('trunk', 'add', 'carrier', '--org', 'acme', '--host', 'sip.example.net')
        self.do('user', 'add', '1002', '--org', 'acme', '--name', 'Bob')
        self.do('queue', 'add', '5001', '--org', 'acme')
        self.do('queue', 'join', '5001', '1002', '--org', 'acme')
        self.do('did', 'add', '+918065978002', '--org', 'acme', '--queue', '5001', '--trunk', 'carrier')
        self.do('route', 'add', 'out', '--org', 'acme', '--trunk', 'carrier', '--pattern', '_8X.', '--strip', '1')

    def listed(self, *arguments):
        return [{name: value for name, value in row.items() if name not in ('schema', 'version')}
                for row in json.loads(self.do(*arguments, '--json').out)]

    def value(self, sql):
        return self.w.db.value(sql)

    # --- what an operator decides

    def approved(self):
        return {trunk['name']: trunk['approved'] for trunk in self.listed('trunk', 'list')}

    def test_a_trunk_that_an_operator_adds_is_approved_and_one_that_a_form_inserts_is_not(self):
        self.acme()
        self.w.db.sql("insert into sip_trunks (org_id, name, host) select id, 'theirs', '192.0.2.9' from organizations")
        self.assertEqual(self.approved(), {'carrier': True, 'theirs': False})
        self.assertEqual(self.do('trunk', 'approve', 'theirs', '--org', 'acme').text, 'theirs\t192.0.2.9\n')
        self.assertEqual(self.approved(), {'carrier': True, 'theirs': True})
        since = self.value("select approved_at from sip_trunks where name = 'theirs'")
        self.do('trunk', 'approve', 'theirs', '--org', 'acme')
        self.assertEqual(self.value("select approved_at from sip_trunks where name = 'theirs'"), since)
        self.do('trunk', 'withdraw', 'theirs', '--org', 'acme')
        self.assertEqual(self.approved(), {'carrier': True, 'theirs': False})
        self.hints(self.do('trunk', 'approve', 'nowhere', '--org', 'acme', status=66))

    def test_an_approval_ends_when_the_trunk_gets_another_host_port_type_or_owner(self):
        self.acme()
        self.do('org', 'add', 'Beta', '--prefix', 'beta')
        for change in ("host = '192.0.2.1'", 'port = 5070', "trunk_type = 'register'",
                       "org_id = (select id from organizations where name = 'Beta')"):
            with self.subTest(change=change):
                self.w.db.sql('update sip_trunks set approved_at = now()')
                self.w.db.sql("update sip_trunks set username = 'u', password = 'p', host = host")
                self.assertEqual(self.value('select count(approved_at) from sip_trunks'), '1')
                self.w.db.sql(f'update sip_trunks set {change}')
                self.assertEqual(self.value('select count(approved_at) from sip_trunks'), '0')
        self.w.db.sql("update sip_trunks set host = '192.0.2.2', approved_at = now()")
        self.assertEqual(self.value('select count(approved_at) from sip_trunks'), '1', 'approved with its new host')

    def test_the_calls_of_an_organization_are_limited_and_freed(self):
        self.acme()
        self.w.db.sql("update organizations set limits = '{\"kept\": 1}'")
        self.do('org', 'limit', 'acme', '30')
        self.assertEqual(self.value('select limits from organizations'), '{"kept": 1, "max_channels": 30}')
        self.assertEqual(self.listed('org', 'list')[0]['max_channels'], 30)
        for wrong in ('0', 'many', '1.5', '1000000'):
            self.hints(self.do('org', 'limit', 'acme', wrong, status=64))
        self.do('org', 'limit', 'acme', 'none')
        self.assertEqual(self.value('select limits from organizations'), '{"kept": 1}')

    def test_the_phones_of_an_organization_get_devices_and_codecs_and_lose_them(self):
        self.acme()
        self.do('org', 'phones', 'acme', '--max-contacts', '3', '--codecs', 'g722, alaw')
        self.assertEqual(self.value('select settings from organizations'),
                         '{"codecs": "g722, alaw", "max_contacts": 3, "recording_enabled": true}')
        row = self.listed('org', 'list')[0]
        self.assertEqual((row['max_contacts'], row['codecs']), (3, 'g722, alaw'))
        etc = self.w.path / 'etc'
        etc.mkdir()
        self.status(self.w.run('pbx-dialplan-gen', '--deploy', '--asterisk-dir', etc), 0)
        generated = (etc / 'pjsip_acme.conf').read_text(encoding='utf-8')
        self.assertIn('max_contacts=3\n', generated)
        self.assertIn('allow=g722,alaw\n', generated)
        for wrong in (('--max-contacts', '0'), ('--max-contacts', 'many'), ('--codecs', 'mp3'), ('--codecs', 'alaw,alaw'), ()):
            self.hints(self.do('org', 'phones', 'acme', *wrong, status=64))
        self.do('org', 'phones', 'acme', '--codecs', 'default')
        self.do('org', 'phones', 'acme', '--max-contacts', 'default')
        self.assertEqual(self.value('select settings from organizations'), '{"recording_enabled": true}')

    def test_how_an_organization_is_recorded_is_set_and_reset(self):
        self.acme()
        self.do('org', 'recordings', 'acme', '--channels', '2', '--rate', '16000')
        self.assertEqual(self.value('select settings from organizations'),
                         '{"recording_rate": 16000, "recording_enabled": true, "recording_channels": 2}')
        self.assertIn('exten => channels-2,1,', self.status(self.w.run('pbx-dialplan-gen'), 0).text)
        self.do('org', 'recordings', 'acme', '--rate', 'default')
        self.assertEqual(self.value('select settings from organizations'), '{"recording_enabled": true, "recording_channels": 2}')
        for wrong in (('--channels', '3'), ('--channels', 'two'), ('--rate', '44100'), ()):
            self.hints(self.do('org', 'recordings', 'acme', *wrong, status=64))
        self.do('org', 'recordings', 'acme', '--channels', 'default')
        self.assertEqual(self.value('select settings from organizations'), '{"recording_enabled": true}')

    def test_the_consent_of_an_organization_is_set_and_taken_back(self):
        self.acme()
        self.do('org', 'consent', 'acme', '--mode', 'opt_in', '--prompt', 'custom/ask-me')
        self.assertEqual(self.value('select settings from organizations'),
                         '{"consent_prompt": "custom/ask-me", "recording_consent": "opt_in", "recording_enabled": true}')
        row = self.listed('org', 'list')[0]
        self.assertEqual((row['recording_consent'], row['consent_prompt']), ('opt_in', 'custom/ask-me'))
        generated = self.status(self.w.run('pbx-dialplan-gen'), 0).text
        self.assertIn('exten => notice,1,Return(opt_in:custom/ask-me)\n', generated)
        for wrong in (('--mode', 'optin'), ('--mode', 'OPT_IN'), ('--prompt', '../x'), ('--prompt', '/etc/passwd'),
                      ('--prompt', 'a,b'), ('--prompt', 'x&y'), ()):
            self.hints(self.do('org', 'consent', 'acme', *wrong, status=64))
        self.do('org', 'consent', 'acme', '--prompt', 'default')
        self.do('org', 'consent', 'acme', '--mode', 'default')
        self.assertEqual(self.value('select settings from organizations'), '{"recording_enabled": true}')

    # --- organizations

    def test_an_organization_gets_a_prefix_and_is_recorded(self):
        identity, prefix = self.do('org', 'add', 'Acme Ltd').text.strip().split('\t')
        self.assertRegex(prefix, r'^org_[a-z0-9]{8}$')
        self.assertEqual(self.w.db.sql('select id, name, context_prefix, status, settings from organizations'),
                         [[identity, 'Acme Ltd', prefix, 'active', '{"recording_enabled": true}']])
        row, = self.listed('org', 'list')
        self.assertEqual(row, {'name': 'Acme Ltd', 'context_prefix': prefix, 'status': 'active', 'recording': True, 'id': identity,
                               'max_channels': None, 'max_contacts': None, 'codecs': None, 'recording_consent': None,
                               'consent_prompt': None})

    def test_an_organization_is_suspended_resumed_and_deleted_without_losing_anything(self):
        self.acme()
        for word, status in (('suspend', 'suspended'), ('resume', 'active'), ('delete', 'deleted')):
            self.do('org', word, 'acme')
            self.assertEqual(self.value('select status from organizations'), status)
        self.assertEqual(self.value('select count(*) from users'), '1')
        self.says(self.do('org', 'delete', 'acme'), 'already')
        self.hints(self.do('org', 'add', 'Acme', status=64))

    def test_a_name_or_prefix_can_be_taken_only_once(self):
        self.do('org', 'add', 'Acme', '--prefix', 'acme')
        self.says(self.do('org', 'add', 'Acme', status=64), 'the name Acme exists already')
        self.says(self.do('org', 'add', 'Other', '--prefix', 'acme', status=64), 'the prefix acme exists already')

    def test_texts_that_could_break_out_are_refused_and_nothing_is_written(self):
        for prefix in ('A', 'a-b', 'a b', 'a\nb', 'a]', '\u00e4', 'x' * 61):
            self.do('org', 'add', 'x', '--prefix', prefix, status=64)
        for name in ('', ' ', 'a\nb', 'a\x1b[31m', 'a\u202eb', 'x' * 256):
            self.do('org', 'add', name, status=64)
        self.assertEqual(self.value('select count(*) from organizations'), '0')
        self.acme()
        org = ('--org', 'acme')
        for arguments in (
                ('user', 'add', 'h', *org), ('user', 'add', '10,1', *org), ('user', 'add', '', *org), ('user', 'add', '1' * 33, *org),
                ('user', 'add', '1003', *org, '--name', 'a\n[evil]'), ('user', 'add', '1003', *org, '--password', 'a\nb'),
                ('user', 'add', '1003', *org, '--endpoint', 'general'), ('user', 'add', '1003', *org, '--endpoint', 'a]b'),
                ('user', 'add', '1003', *org, '--phone', '12;3'), ('user', 'add', '1003', *org, '--username', 'a\tb'),
                ('did', 'add', '12a', *org, '--extension', '1002'), ('did', 'add', '12', *org, '--extension', '${EXTEN}'),
                ('did', 'add', '12', *org, '--external', '1,2'), ('did', 'add', '', *org, '--queue', '5001'),
                ('queue', 'add', '50 1', *org), ('queue', 'add', '5002', *org, '--strategy', 'x'), ('queue', 'add', '5002', *org, '--music', 'a;b'),
                ('queue', 'add', '5002', *org, '--name', 'a\rb'), ('queue', 'add', '5002', *org, '--ring', '-1'),
                ('route', 'add', 'x', *org, '--pattern', '_X.,1,System(id)'), ('route', 'add', 'x', *org, '--prepend', '${X}'),
                ('route', 'add', 'x', *org, '--caller-id', 'a<b'), ('route', 'add', 'x', *org, '--strip', '99'), ('route', 'add', ' ', *org),
                ('trunk', 'add', 'x', *org, '--host', 'a b'), ('trunk', 'add', 'x', *org, '--host', 'a', '--port', '0'),
                ('trunk', 'add', 'x', *org, '--host', 'a', '--transport', 'smoke'), ('trunk', 'add', 'x', *org, '--host', 'a', '--type', 'register'),
                ('trunk', 'add', 'x\ny', *org, '--host', 'a'), ('trunk', 'add', 'x', *org, '--host', 'a', '--username', 'a b')):
            self.do(*arguments, status=64)
        self.assertEqual([self.value(f'select count(*) from {table}') for table in
                          ('users', 'did_numbers', 'queues', 'outbound_routes', 'sip_trunks')], ['1'] * 5)

    def test_quotes_and_colons_arrive_as_they_are(self):
        name = """O'Brien & "Sons"; :id $1 \\ %s"""
        self.do('org', 'add', name, '--prefix', 'acme')
        self.assertEqual(self.value('select name from organizations'), name)
        self.do('org', 'suspend', name)
        self.assertEqual(self.value('select status from organizations'), 'suspended')

    # --- rows

    def test_every_row_that_is_added_is_recorded_and_can_be_listed(self):
        self.acme()
        for table in ('users', 'did_numbers', 'queues', 'outbound_routes'):
            self.assertEqual(self.w.db.sql(f'select recording_enabled from {table}'), [['t']], table)
        self.assertEqual([row['extension'] for row in self.listed('user', 'list')], ['1002'])
        self.assertEqual(self.listed('queue', 'list', '--org', 'Acme')[0]['members'], '1002')
        did, = self.listed('did', 'list')
        self.assertEqual((did['number'], did['leads_to'], did['destination'], did['recording']), ('+918065978002', 'queue', '5001', True))
        route, = self.listed('route', 'list')
        self.assertEqual((route['pattern'], route['strip'], route['trunk']), ('_8X.', 1, 'carrier'))
        self.assertEqual(self.listed('trunk', 'list')[0]['host'], 'sip.example.net')
        self.assertEqual(self.do('queue', 'list').text.split('\t')[:2], ['Acme', '5001'])
        self.do('org', 'add', 'Other')
        self.assertEqual(self.listed('user', 'list', '--org', 'Other'), [])

    def test_a_row_that_is_not_recorded_causes_a_warning(self):
        self.says(self.do('org', 'add', 'Quiet', '--prefix', 'quiet', '--no-recording'), 'calls of Quiet will not be recorded')
        self.assertEqual(self.value("select settings->'recording_enabled' from organizations"), 'false')
        self.acme()
        org = ('--org', 'acme', '--no-recording')
        for arguments, row in ((('user', 'add', '1003', *org), 'user 1003'), (('queue', 'add', '5002', *org), 'queue 5002'),
                               (('did', 'add', '12', *org, '--extension', '1002'), 'did 12'),
                               (('route', 'add', 'r', *org, '--trunk', 'carrier'), 'route r')):
            self.says(self.do(*arguments), f'calls {"over" if row == "route r" else "to"} {row} of Acme will not be recorded')
        self.assertEqual(len([row for row in self.listed('recording', 'show', '--org', 'acme') if row['own'] is False]), 4)
        self.says(self.do('user', 'add', '1', '--org', 'quiet'), "will not be recorded: recording is off for the whole organization")

    def test_a_phones_login_is_shown_with_the_queues_of_its_user(self):
        self.acme()
        login, = json.loads(self.do('user', 'show', '1002', '--org', 'acme', '--json').out)
        self.assertEqual((login['login'], login['password'], login['queues']),
                         ('acme_1002', self.value("select sip_password from users where extension = '1002'"), '5001'))
        self.says(self.do('user', 'show', '9999', '--org', 'acme', status=66), 'has no user 9999')

    def test_who_removes_a_user_learns_which_queues_lose_a_member(self):
        self.acme()
        result = self.do('user', 'remove', '1002', '--org', 'acme')
        self.says(result, 'user 1002 is no longer a member of queue 5001 of Acme', 'pbx-provision queue join')

    def test_a_password_is_generated_given_or_read_but_never_listed(self):
        self.acme()
        extension, password = self.do('user', 'add', '1003', '--org', 'acme').text.strip().split('\t')
        self.assertEqual(extension, '1003')
        self.assertRegex(password, r'^[A-Za-z0-9]{24}$')
        self.assertEqual(self.value("select sip_password from users where extension = '1003'"), password)
        self.assertEqual(self.do('user', 'add', '1004', '--org', 'acme', '--password', 'given; "x" and more').text, '')
        self.do('user', 'add', '1005', '--org', 'acme', '--password', '-', stdin=b'read-from-stdin\n')
        self.assertEqual(self.w.db.sql("select sip_password from users where extension > '1003' order by extension"), [['given; "x" and more'], ['read-from-stdin']])
        self.do('user', 'add', '1006', '--org', 'acme', '--password', '-', status=64)
        self.do('trunk', 'add', 'reg', '--org', 'acme', '--host', 'h', '--type', 'register', '--username', 'u', '--password', 'hidden-one')
        for kind in ('user', 'trunk'):
            for form in ((), ('--json',)):
                out = self.do(kind, 'list', *form).text
                for secret in (password, 'given', 'read', 'hidden-one'):
                    self.assertNotIn(secret, out.replace('thread', ''))

    def test_a_user_whose_calls_ring_outside_needs_no_password(self):
        self.acme()
        self.do('user', 'add', '1003', '--org', 'acme', '--phone', '+4930123')
        self.assertEqual(self.w.db.sql("select ring_target, phone_number, sip_password from users where extension = '1003'"),
                         [['phone', '+4930123', None]])

    def test_a_row_is_added_once_and_a_number_once_for_all_organizations(self):
        self.acme()
        self.do('org', 'add', 'Other', '--prefix', 'other')
        for arguments in (('user', 'add', '1002'), ('queue', 'add', '5001'), ('route', 'add', 'out'), ('trunk', 'add', 'carrier', '--host', 'x'),
                          ('did', 'add', '918065978002', '--extension', '1002')):
            self.says(self.do(*arguments, '--org', 'acme', status=64), 'exists already, in Acme')
        self.says(self.do('did', 'add', '+918065978002', '--extension', '1', '--org', 'other', status=65), 'exists already, in Acme')
        self.do('user', 'add', '1002', '--org', 'other')

    def test_no_organization_takes_a_name_of_another(self):
        self.acme()
        self.do('org', 'add', 'Other', '--prefix', 'other')
        self.says(self.do('user', 'add', '1', '--org', 'other', '--endpoint', 'acme_1002', status=64), 'does not begin with "other_"')

    def test_rows_are_removed_by_name_and_rows_that_then_lead_nowhere_are_reported(self):
        self.acme()
        self.says(self.do('queue', 'remove', '5001', '--org', 'acme'), 'did 918065978002 of Acme leads to queue 5001, which does not exist')
        self.do('did', 'remove', '918065978002', '--org', 'acme')
        self.says(self.do('trunk', 'remove', 'carrier', '--org', 'acme'), 'route out of Acme has no active trunk')
        self.do('route', 'remove', 'out', '--org', 'acme')
        self.do('user', 'remove', '1002', '--org', 'acme')
        for table in ('users', 'did_numbers', 'queues', 'outbound_routes', 'sip_trunks', 'queue_members'):
            self.assertEqual(self.value(f'select count(*) from {table}'), '0', table)
        self.hints(self.do('user', 'remove', '1002', '--org', 'acme', status=66))

    def test_an_outside_number_that_no_route_takes_causes_a_warning(self):
        self.do('org', 'add', 'Gamma', '--prefix', 'gamma')
        org = ('--org', 'gamma')
        self.says(self.do('user', 'add', '1003', *org, '--phone', '4930123'), 'user 1003 of Gamma leads to 4930123, but there is no active route')
        self.do('trunk', 'add', 'carrier', *org, '--host', 'sip.example.net')
        self.do('route', 'add', 'out', *org, '--trunk', 'carrier', '--pattern', '_00X.')
        for arguments, row in ((('user', 'add', '1004', '--phone', '4930124'), 'user 1004'), (('did', 'add', '4930999', '--external', '4930125'), 'did 4930999'),
                               (('queue', 'add', '5001', '--overflow-external', '4930126'), 'queue 5001')):
            self.says(self.do(*arguments, *org), rf'{row} of Gamma leads to \d+, which no active route takes')
        self.assertEqual(self.do('user', 'set', '1004', *org, '--phone', '004930124').err, '')
        self.assertNotIn('leads to', self.do('route', 'set', 'out', *org, '--pattern', '_X.').err)
        self.assertEqual(self.do('user', 'set', '1004', *org, '--phone', '+4930124').err, '')
        self.says(self.do('user', 'set', '1004', *org, '--phone', '*99'), 'no active route takes')

    def test_a_row_of_another_organization_is_never_touched(self):
        self.acme()
        self.do('org', 'add', 'Other', '--prefix', 'other')
        for arguments in (('user', 'remove', '1002'), ('did', 'remove', '+918065978002'), ('queue', 'leave', '5001', '1002'),
                          ('queue', 'join', '5001', '1002'), ('recording', 'off', '--queue', '5001'), ('recording', 'off', '--did', '918065978002')):
            self.do(*arguments, '--org', 'other', status=66)
        self.assertEqual(self.value('select count(*) from queue_members'), '1')
        self.assertEqual({row['effective'] for row in self.listed('recording', 'show', '--org', 'acme')}, {True})

    def test_a_row_is_removed_and_switched_in_its_own_organization_only_when_another_has_the_same_name(self):
        self.acme()
        self.do('org', 'add', 'Other', '--prefix', 'other')
        self.do('user', 'add', '1002', '--org', 'other')
        self.do('recording', 'off', '--user', '1002', '--org', 'other')
        self.assertEqual({row['effective'] for row in self.listed('recording', 'show', '--org', 'acme')}, {True})
        self.do('user', 'remove', '1002', '--org', 'other')
        self.assertEqual(self.w.db.sql("select o.context_prefix from users u join organizations o on o.id = u.org_id "
                                       "where extension = '1002'"), [['acme']])

    def test_users_join_and_leave_queues(self):
        self.acme()
        self.do('queue', 'join', '5001', '1002', '--org', 'acme', '--penalty', '3')
        self.assertEqual(self.w.db.sql('select penalty from queue_members'), [['3']])
        self.do('queue', 'leave', '5001', '1002', '--org', 'acme')
        self.says(self.do('queue', 'leave', '5001', '1002', '--org', 'acme', status=66), 'is not a member of queue 5001')
        self.hints(self.do('queue', 'join', '5009', '1002', '--org', 'acme', status=66))
        self.hints(self.do('queue', 'join', '5001', '1009', '--org', 'acme', status=66))

    # --- recording

    def test_recording_shows_each_rows_flag_the_masters_flag_and_the_result(self):
        self.acme()
        self.w.db.sql("insert into users (org_id, extension, recording_enabled) select id, x, r from organizations, "
                      "(values ('1', null), ('2', false), ('3', true)) v (x, r)")
        answers = {'{"recording_enabled": true}': True, '{"recording_enabled": false}': False, '{}': None, '{"recording_enabled": null}': None}
        for settings, master in (*answers.items(), (None, None)):
            self.w.db.sql(f"update organizations set settings = {'null' if settings is None else repr(settings)}")
            rows = {row['name']: row for row in self.listed('recording', 'show') if row['kind'] == 'user'}
            for name, own in (('1', None), ('2', False), ('3', True)):
                row = rows[name]
                self.assertEqual((row['own'], row['master'], row['effective']), (own, master, own is not False and master is not False), settings)
        kinds = [row['kind'] for row in self.listed('recording', 'show', '--org', 'Acme')]
        self.assertEqual(kinds, ['organization'] + ['user'] * 4 + ['did', 'queue', 'route'])

    def test_recording_is_switched_for_each_kind_of_row_alone(self):
        self.acme()
        for flag, name, kind in (('--user', '1002', 'user'), ('--did', '918065978002', 'did'), ('--queue', '5001', 'queue'), ('--route', 'out', 'route')):
            self.says(self.do('recording', 'off', '--org', 'acme', flag, name), 'will not be recorded')
            off = [row['kind'] for row in self.listed('recording', 'show') if not row['effective']]
            self.assertEqual(off, [kind])
            self.quiet(self.do('recording', 'on', '--org', 'acme', flag, name))
        self.assertTrue(all(row['effective'] for row in self.listed('recording', 'show')))

    def test_the_master_switch_rules_all_rows_and_keeps_other_settings(self):
        self.acme()
        self.w.db.sql("""update organizations set settings = '{"kept": 1}'""")
        self.says(self.do('recording', 'off', '--org', 'acme'), 'no call of Acme will be recorded')
        self.assertFalse(any(row['effective'] for row in self.listed('recording', 'show')))
        self.says(self.do('recording', 'on', '--org', 'acme', '--queue', '5001'), "recording is off for the whole organization")
        self.do('recording', 'on', '--org', 'acme')
        self.assertEqual(json.loads(self.value('select settings from organizations')), {'kept': 1, 'recording_enabled': True})
        self.w.db.sql('update organizations set settings = null')
        self.do('recording', 'off', '--org', 'acme')
        self.assertEqual(self.value('select settings from organizations'), '{"recording_enabled": false}')

    def test_recording_for_a_missing_row_is_no_input_and_for_two_rows_at_once_a_usage_error(self):
        self.acme()
        self.hints(self.do('recording', 'off', '--org', 'nobody', status=66))
        self.hints(self.do('recording', 'off', '--org', 'acme', '--queue', '9', status=66))
        self.do('recording', 'off', '--org', 'acme', '--queue', '5001', '--did', '12', status=64)
        self.do('recording', 'off', status=64)
        self.do(status=64)

    # --- with the other tools

    def test_the_dialplan_accepts_everything_that_was_provisioned(self):
        self.acme()
        if not (BIN / 'pbx-dialplan-gen').exists():
            self.skipTest('pbx-dialplan-gen is not built')
        result = self.status(self.w.run('pbx-dialplan-gen', '--org', 'acme'), 0)
        self.assertEqual(result.err, '')
        for context in ('[acme__internal]', '[acme__incoming]', '[acme__incoming_sub]', '[acme__outbound]', '[acme__queue]'):
            self.assertIn(context, result.text)

    def test_a_database_that_is_down_is_reported_as_unavailable_and_one_that_may_not_be_written_is_a_permission_error(self):
        self.acme()
        self.hints(self.do('org', 'list', '--database', f'host={self.w.path}', status=69))
        self.w.db.sql("do $$ begin if not exists (select from pg_roles where rolname = 'reader') then create role reader login; end if; end $$; "
                      'grant select on all tables in schema public to reader')
        conninfo = self.w.db.conninfo.replace('user=postgres', 'user=reader')
        self.do('org', 'list', '--database', conninfo)
        self.hints(self.do('recording', 'off', '--org', 'acme', '--database', conninfo, status=77))


if __name__ == '__main__':
    main()
