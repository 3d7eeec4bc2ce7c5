#!/usr/bin/env python3
"""pbx-provision: rows change in place, many at once, and what that does to recording is stated before. The judge is psql."""
import json
import subprocess

from workdir import NO_LEAK_CHECK, Case, main, wait_until


class Changing(Case):
    def setUp(self):
        self.w = self.workdir(remote=None)

    def do(self, *arguments, status=0, **how):
        return self.status(self.w.run('pbx-provision', *arguments, **how), status)

    def acme(self):
        self.do('org', 'add', 'Acme', '--prefix', 'acme')
        self.do('trunk', 'add', 'carrier', '--org', 'acme', '--host', 'sip.example.net')
        for extension, name in (('1001', 'Alice'), ('1002', 'Bob')):
            self.do('user', 'add', extension, '--org', 'acme', '--name', name)
        self.do('queue', 'add', '5001', '--org', 'acme', '--overflow-extension', '1001')
        self.do('queue', 'join', '5001', '1001', '--org', 'acme', '--penalty', '2')
        self.do('queue', 'join', '5001', '1002', '--org', 'acme')
        self.do('did', 'add', '+918065978002', '--org', 'acme', '--queue', '5001', '--trunk', 'carrier')
        self.do('did', 'add', '+918065978003', '--org', 'acme', '--extension', '1001')
        self.do('route', 'add', 'out', '--org', 'acme', '--trunk', 'carrier')

    def value(self, sql):
        """The columns of the only row, with bars between them."""
        return self.w.db.value(f"select array_to_string(array(select value from json_each_text(to_json(t))), '|') from ({sql}) t")

    def rows(self):
        """All rows of all tables, as one text."""
        return '\n'.join(self.value(f"select coalesce(string_agg(to_jsonb(t)::text, E'\\n' order by id), '') from {table} t")
                         for table in ('organizations', 'users', 'sip_trunks', 'queues', 'did_numbers', 'outbound_routes')) + \
            self.value("select coalesce(string_agg(to_jsonb(m)::text, E'\\n' order by queue_id, user_id), '') from queue_members m")

    # --- one row

    def test_only_the_given_fields_of_a_row_change(self):
        self.acme()
        before = self.value("select id, sip_password, username, extension from users where extension = '1001'")
        self.do('user', 'set', '1001', '--org', 'acme', '--name', 'Alicia')
        self.assertEqual(self.value("select id, sip_password, username, extension from users where extension = '1001'"), before)
        self.assertEqual(self.value("select full_name from users where extension = '1001'"), 'Alicia')
        self.do('queue', 'set', '5001', '--org', 'acme', '--strategy', 'rrmemory', '--max-wait', '60', '--overflow-queue', '5001',
                status=65)
        self.do('queue', 'set', '5001', '--org', 'acme', '--strategy', 'rrmemory', '--max-wait', '60')
        self.assertEqual(self.value('select strategy, max_wait_time, retry, timeout_destination from queues'), 'rrmemory|60|5|1001')
        self.assertEqual(self.value('select count(*) from queue_members'), '2')
        self.do('did', 'set', '918065978003', '--org', 'acme', '--queue', '5001', '--answers', 'on')
        self.assertEqual(self.value("select routing_type, routing_destination, answers from did_numbers where number like '%3'"),
                         'queue|5001|true')
        self.do('route', 'set', 'out', '--org', 'acme', '--caller-id', '+4930123', '--priority', '7')
        self.assertEqual(self.value('select caller_id_override, priority, dial_pattern, trunk_id is null from outbound_routes'),
                         '+4930123|7|_X.|false')
        self.do('org', 'set', 'acme', '--calls', '30', '--consent', 'opt_in', '--channels', '2')
        self.assertEqual(self.value('select settings, limits from organizations'),
                         '{"recording_consent": "opt_in", "recording_enabled": true, "recording_channels": 2}|{"max_channels": 30}')
        self.do('org', 'set', 'acme', '--calls', 'none', '--consent', 'default', '--channels', 'default')
        self.assertEqual(self.value('select settings, limits from organizations'), '{"recording_enabled": true}|{}')

    def test_a_new_extension_is_set_in_what_leads_to_it_and_the_membership_stays(self):
        self.acme()
        result = self.do('user', 'set', '1001', '--org', 'acme', '--extension', '1005')
        self.says(result, 'the phone of user 1005 of Acme must log in as acme_1005')
        self.assertEqual(self.value("select routing_destination from did_numbers where number like '%3'"), '1005')
        self.assertEqual(self.value('select timeout_destination from queues'), '1005')
        self.assertEqual(self.value("select penalty from queue_members m join users u on u.id = user_id where extension = '1005'"), '2')
        self.do('queue', 'set', '5001', '--org', 'acme', '--number', '5009')
        self.assertEqual(self.value("select routing_destination from did_numbers where number like '%2'"), '5009')
        self.assertEqual(self.value('select count(*) from queue_members'), '2')
        self.do('did', 'set', '+918065978002', '--org', 'acme', '--number', '+918065978009')
        self.assertEqual(self.value('select count(*) from did_numbers'), '2')
        self.hints(self.do('user', 'set', '1002', '--org', 'acme', '--extension', '1005', status=64))
        self.hints(self.do('did', 'set', '+918065978003', '--org', 'acme', '--number', '91 8065978009', status=64))

    def test_a_trunk_that_an_operator_gives_another_host_stays_approved(self):
        self.acme()
        self.do('trunk', 'set', 'carrier', '--org', 'acme', '--host', 'other.example.net', '--port', '5070')
        self.assertEqual(self.value('select host, port, approved_at is null from sip_trunks'), 'other.example.net|5070|false')
        self.do('trunk', 'withdraw', 'carrier', '--org', 'acme')
        self.do('trunk', 'set', 'carrier', '--org', 'acme', '--host', 'third.example.net')
        self.assertEqual(self.value('select host, approved_at is null from sip_trunks'), 'third.example.net|true')

    def test_a_row_that_takes_another_number_does_not_take_it_from_its_holder(self):
        self.do('org', 'add', 'Beta', '--prefix', 'beta')
        self.do('user', 'add', '1001', '--org', 'beta')
        self.do('did', 'add', '+918065978009', '--org', 'beta', '--extension', '1001')
        self.acme()
        result = self.do('did', 'set', '+918065978009', '--org', 'beta', '--number', '+918065978002', status=65)
        self.says(result, r'did \+?918065978002 of Beta is refused')
        self.assertEqual(self.value("select count(*) from did_numbers where number like '%8009'"), '1')

    def test_an_organization_is_renamed_and_keeps_its_id_and_prefix(self):
        self.acme()
        before = self.value('select id, context_prefix from organizations')
        self.do('org', 'rename', 'acme', 'Acme & Sons')
        self.assertEqual(self.value('select id, context_prefix from organizations'), before)
        self.assertEqual(self.value('select name from organizations'), 'Acme & Sons')
        self.do('org', 'add', 'Beta', '--prefix', 'beta')
        self.do('org', 'rename', 'beta', 'Acme & Sons', status=64)

    def test_values_that_are_not_allowed_are_refused_and_nothing_changes(self):
        self.acme()
        before = self.rows()
        for wrong in (('user', 'set', '1001', '--extension', '112'), ('user', 'set', '1001', '--password', 'short'),
                      ('user', 'set', '1001', '--name', 'a\nb'), ('queue', 'set', '5001', '--ring', 'many'),
                      ('queue', 'set', '5001', '--strategy', 'x]'), ('did', 'set', '+918065978002', '--number', 'abc'),
                      ('trunk', 'set', 'carrier', '--host', 'a b'), ('route', 'set', 'out', '--pattern', '_X!;'),
                      ('user', 'set', '1001'), ('route', 'set', 'out', '--name', '')):
            with self.subTest(wrong=wrong):
                self.do(*wrong, '--org', 'acme', status=64)
        self.hints(self.do('user', 'set', '1099', '--org', 'acme', '--name', 'x', status=66))
        self.hints(self.do('did', 'set', '+918065978002', '--org', 'acme', '--trunk', 'none', status=66))
        self.assertEqual(self.rows(), before)

    def test_a_password_is_set_given_or_read_and_only_if_it_is_hard_to_guess(self):
        self.acme()
        self.do('user', 'add', '1003', '--org', 'acme', '--phone', '+4930123')
        for kind, name, column, table, key in (('user', '1001', 'sip_password', 'users', 'extension'),
                                               ('user', '1003', 'sip_password', 'users', 'extension'),
                                               ('trunk', 'carrier', 'password', 'sip_trunks', 'name')):
            stored = f"select {column} from {table} where {key} = '{name}'"
            with self.subTest(kind=kind, name=name):
                self.do(kind, 'set', name, '--org', 'acme', '--password', 'given; "x" and more')
                self.assertEqual(self.value(stored), 'given; "x" and more')
                self.do(kind, 'set', name, '--org', 'acme', '--password', '-', stdin=b'read-from-stdin\n')
                self.assertEqual(self.value(stored), 'read-from-stdin')
                self.assertNotIn('another-one-77', self.do(kind, 'set', name, '--org', 'acme', '--password', 'another-one-77', '-n').text)
                self.do(kind, 'set', name, '--org', 'acme', '--password', '-', status=64)
                self.assertEqual(self.value(stored), 'read-from-stdin')
        before = self.rows()
        for extension in ('1001', '1003'):
            self.says(self.do('user', 'set', extension, '--org', 'acme', '--password', 'short', status=64),
                      rf'the password of user {extension} is shorter than 12 characters')
            self.says(self.apply(json.dumps({'kind': 'user', 'org': 'acme', 'extension': extension, 'password': 'acme_' + extension}), status=64),
                      "is equal to the user's name or number")
        self.assertEqual(self.rows(), before)
        self.w.db.sql("update users set sip_password = 'short' where extension = '1001'")
        self.do('user', 'set', '1001', '--org', 'acme', '--name', 'Alicia')
        self.quiet(self.apply(self.exported('--secrets')))
        self.do('user', 'set', '1003', '--org', 'acme', '--password', '')
        self.assertEqual(self.value("select coalesce(sip_password, 'none') from users where extension = '1003'"), 'none')

    def test_one_row_is_shown_in_full(self):
        self.acme()
        row = json.loads(self.do('queue', 'show', '5001', '--org', 'acme', '--json').out)[0]
        self.assertEqual((row['number'], row['overflow_to'], row['overflow'], row['members'], row['recording']),
                         ('5001', 'extension', '1001', [{'extension': '1001', 'penalty': 2}, {'extension': '1002', 'penalty': 0}], True))
        trunk = self.do('trunk', 'show', 'carrier', '--org', 'acme', '--json').text
        self.assertNotIn('password', trunk)
        self.assertEqual(json.loads(self.do('org', 'show', 'acme', '--json').out)[0]['prefix'], 'acme')
        self.assertEqual(json.loads(self.do('did', 'show', '918065978002', '--org', 'acme', '--json').out)[0]['trunk'], 'carrier')

    # --- what another program changes meanwhile

    def meanwhile(self, statement, *arguments, status):
        """Run the tool while another program has changed a row that the tool has read; it commits when the tool waits for it."""
        with subprocess.Popen(['psql', '-Xqd', self.w.db.conninfo], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as form:
            form.stdin.write(f'begin;\n{statement};\n\\echo done\n')
            form.stdin.flush()
            self.assertEqual(form.stdout.readline(), 'done\n')
            run = self.w.start('pbx-provision', *arguments)
            wait_until(lambda: self.value("select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock'") == 'true'
                       or run.poll() is not None, 'the tool waits for the other program')
            form.stdin.write('commit;\n')
        return self.status(self.w.finish(run), status)

    def test_a_host_that_another_program_sets_meanwhile_is_not_approved(self):
        self.acme()
        for command in (('set', 'carrier', '--port', '5070'), ('set', 'carrier', '--name', 'other'), ('approve', 'carrier'),
                        ('withdraw', 'carrier'), ('remove', 'carrier')):
            with self.subTest(command=command):
                self.w.db.sql("update sip_trunks set host = '192.0.2.1', approved_at = now()")
                before = self.value('select name, port, held_since is null from sip_trunks')
                result = self.meanwhile("update sip_trunks set host = '203.0.113.66'", 'trunk', *command, '--org', 'acme', status=75)
                self.hints(result)
                self.says(result, 'trunk (carrier|other)', 'try again')
                self.assertEqual(self.value('select host, approved_at is null from sip_trunks'), '203.0.113.66|true')
                self.assertEqual(self.value('select name, port, held_since is null from sip_trunks'), before)
        self.do('trunk', 'approve', 'carrier', '--org', 'acme')

    def test_a_change_that_no_row_gets_any_more_is_not_reported_as_done(self):
        self.acme()
        line = json.dumps({'kind': 'queue', 'org': 'acme', 'number': '5001', 'ring': 20})
        file = self.w.path / 'rows.jsonl'
        file.write_text(line, encoding='utf-8')
        for statement in ("update queues set number = '5002'", 'delete from queue_members; delete from queues'):
            for command in (('recording', 'off', '--org', 'acme', '--queue', '5001'), ('queue', 'remove', '5001', '--org', 'acme'),
                            ('queue', 'set', '5001', '--org', 'acme', '--ring', '20'), ('apply', file)):
                with self.subTest(statement=statement, command=command):
                    self.w.db.sql("update queues set number = '5001'")
                    result = self.meanwhile(statement + ('; update queues set retry = 9' if 'remove' in command else ''), *command, status=75)
                    self.hints(result)
                    self.assertNotIn('recorded', result.err)
                    if self.value('select count(*) from queues') == '0':
                        self.do('queue', 'add', '5001', '--org', 'acme')
                    self.assertEqual(self.value('select timeout, recording_enabled from queues'), '15|true')
        for command in (('recording', 'off', '--org', 'acme'), ('org', 'limit', 'acme', '3'), ('org', 'suspend', 'acme'),
                        ('org', 'phones', 'acme', '--max-contacts', '2')):
            with self.subTest(command=command):
                self.hints(self.meanwhile("update organizations set name = name || '!'", *command, status=75))
        self.assertEqual(self.value('select status, settings, limits from organizations'), 'active|{"recording_enabled": true}|{}')

    def test_a_row_that_the_database_protects_from_a_change_is_not_reported_as_changed(self):
        self.acme()
        self.w.db.sql("create function keep() returns trigger language plpgsql as 'begin return null; end'; "
                      'create trigger keep before update or delete on queues for each row execute function keep()')
        self.addCleanup(self.w.db.sql, 'drop function keep cascade')
        for command in (('queue', 'set', '5001', '--ring', '20'), ('queue', 'remove', '5001'), ('recording', 'off', '--queue', '5001')):
            self.says(self.do(*command, '--org', 'acme', status=75), 'queue 5001: no row was changed')

    def test_a_trial_begins_with_the_words_that_nothing_is_changed(self):
        self.acme()
        before = self.rows()
        org = ('--org', 'acme')
        for command in (('recording', 'off', *org), ('recording', 'off', '--queue', '5001', *org), ('user', 'remove', '1002', *org),
                        ('org', 'suspend', 'acme'), ('queue', 'leave', '5001', '1002', *org), ('queue', 'join', '5001', '1002', *org),
                        ('user', 'add', '1003', *org), ('trunk', 'withdraw', 'carrier', *org), ('org', 'limit', 'acme', '5'),
                        ('org', 'phones', 'acme', '--max-contacts', '2'), ('org', 'add', 'New'), ('user', 'set', '1001', '--name', 'x', *org)):
            with self.subTest(command=command):
                self.assertEqual(self.do(*command, '-n').err.splitlines()[0], 'pbx-provision: dry run: nothing is changed')
                self.assertEqual(self.do(*command, '-n', '-q').err, '')
        self.assertEqual(self.do('org', 'limit', 'acme', '5', '-n').text, 'org Acme\n  calls: unset -> 5\n')
        self.assertEqual(self.rows(), before)

    # --- what an approval orders

    def test_a_host_that_an_inactive_trunk_holds_cannot_be_taken_by_a_change(self):
        self.acme()
        self.do('org', 'add', 'Beta', '--prefix', 'beta')
        self.do('trunk', 'add', 'b', '--org', 'beta', '--host', '192.0.2.77')
        before = self.rows()
        for status in ('active', 'inactive'):
            with self.subTest(status=status):
                self.do('trunk', 'set', 'b', '--org', 'beta', '--status', status)
                result = self.do('trunk', 'set', 'carrier', '--org', 'acme', '--host', '192.0.2.77', status=65)
                self.says(result, 'trunk carrier of Acme is refused: host "192.0.2.77" is held by trunk b of Beta')
        self.do('trunk', 'set', 'b', '--org', 'beta', '--status', 'active')
        self.assertEqual(self.rows(), before)

    # --- recording

    def test_what_a_change_does_to_recording_is_stated_before_and_after(self):
        self.acme()
        before = self.rows()
        result = self.do('queue', 'set', '5001', '--org', 'acme', '--recording', 'off', '-n')
        self.says(result, 'calls to queue 5001 of Acme will not be recorded any more')
        self.assertEqual(result.text, 'queue 5001 of Acme\n  recording: true -> false\n')
        self.assertEqual(self.rows(), before)
        self.says(self.do('queue', 'set', '5001', '--org', 'acme', '--recording', 'off'), 'will not be recorded any more')
        self.assertEqual(self.value('select recording_enabled from queues'), 'false')
        result = self.do('org', 'set', 'acme', '--recording', 'off', '-n')
        self.assertEqual(len(result.err.splitlines()), 6, result.err)
        self.assertNotIn('queue 5001', result.err, 'its answer does not change')
        document = json.loads(self.do('org', 'set', 'acme', '--recording', 'off', '-n', '--json').out)
        self.assertEqual([row['name'] for row in document['recording']], ['1001', '1002', '+918065978002', '+918065978003', 'out'])
        self.assertEqual(self.value("select settings->'recording_enabled' from organizations"), 'true')
        self.says(self.do('queue', 'set', '5001', '--org', 'acme', '--recording', 'on'), 'calls to queue 5001 of Acme will be recorded')

    def test_only_a_status_that_exists_is_accepted(self):
        self.acme()
        before = self.rows()
        for kind, key, name in (('user', 'extension', '1001'), ('did', 'number', '+918065978002'), ('queue', 'number', '5001'),
                                ('route', 'name', 'out'), ('trunk', 'name', 'carrier')):
            for wrong in ('Active', 'enabled', 'suspended', ''):
                with self.subTest(kind=kind, wrong=wrong):
                    result = self.do(kind, 'set', name, '--org', 'acme', '--status', wrong, status=64)
                    self.says(result, rf'status: "{wrong}" is not active or inactive')
                    line = json.dumps({'kind': kind, 'org': 'acme', key: name, 'status': wrong})
                    self.says(self.apply(line, status=64), f'stdin: line 1: status: "{wrong}" is not active or inactive')
        added = json.dumps({'kind': 'user', 'org': 'acme', 'extension': '1003', 'status': 'on'})
        self.says(self.apply(added, status=64), 'status: "on" is not active or inactive')
        for wrong in ('inactive', 'Suspended'):
            line = json.dumps({'kind': 'org', 'prefix': 'acme', 'status': wrong})
            self.says(self.apply(line, status=64), 'is not active, suspended or deleted')
            self.do('org', 'set', 'acme', '--status', wrong, status=64)
        self.assertEqual(self.rows(), before)
        self.do('user', 'set', '1001', '--org', 'acme', '--status', 'inactive')
        self.apply(json.dumps({'kind': 'org', 'prefix': 'acme', 'status': 'suspended'}))
        self.assertEqual(self.value('select status from organizations'), 'suspended')

    def test_a_status_that_another_program_stored_can_be_exported_and_applied_again(self):
        self.acme()
        self.w.db.sql("update users set status = 'disabled' where extension = '1001'")
        self.quiet(self.apply(self.exported()))
        self.assertEqual(self.value("select status from users where extension = '1001'"), 'disabled')

    def test_a_setting_that_is_faulty_may_stay_but_a_faulty_one_is_not_taken_instead(self):
        self.acme()
        self.w.db.sql("""update organizations set limits = '{"max_channels": "many"}', settings = settings ||
            '{"codecs": "mp3", "recording_channels": 7, "max_contacts": "2", "recording_consent": "perhaps", "consent_prompt": "/x"}'""")
        before = self.rows()
        for wrong in (('set', '--calls', 'lots'), ('set', '--calls', '0'), ('limit', '0'), ('limit', 'lots'), ('set', '--codecs', 'mp2'),
                      ('set', '--codecs', 'mp3'), ('phones', '--codecs', 'mp2'), ('phones', '--max-contacts', 'x'), ('set', '--channels', '3'),
                      ('recordings', '--channels', '7'), ('recordings', '--rate', '1'), ('set', '--consent', 'never'),
                      ('consent', '--mode', 'never'), ('consent', '--prompt', '/y'), ('set', '--prompt', '/x')):
            with self.subTest(wrong=wrong):
                self.hints(self.do('org', wrong[0], 'acme', *wrong[1:], status=64))
        self.apply(json.dumps({'kind': 'org', 'prefix': 'acme', 'calls': '0'}), status=64)
        self.apply(json.dumps({'kind': 'org', 'prefix': 'acme', 'codecs': 'mp2'}), status=64)
        self.assertEqual(self.rows(), before)
        self.do('org', 'set', 'acme', '--calls', '3', '--max-contacts', '2')
        self.assertEqual(self.value("select limits, settings->'max_contacts' from organizations"), '{"max_channels": 3}|2')

    def test_a_setting_that_another_program_stored_in_any_form_is_exported_and_applied_again(self):
        self.acme()
        self.do('org', 'add', 'Beta', '--prefix', 'beta')
        for column, value in (('settings', '{"codecs": ["g722", "alaw"]}'), ('limits', '{"max_channels": ["x"]}'), ('limits', '"many"'),
                              ('settings', '{"recording_consent": true}'), ('settings', '{"codecs": {"a": [1]}, "max_contacts": "2"}'),
                              ('settings', '{"consent_prompt": 5, "recording_rate": [{}], "recording_channels": false}')):
            with self.subTest(value=value):
                self.w.db.sql(f"update organizations set settings = '{{}}', limits = '{{}}'; "
                              f"update organizations set {column} = '{value}' where name = 'Acme'")
                before = self.rows()
                for text in (self.exported(), self.exported('--csv')):
                    self.apply(text)
                    self.assertEqual(self.rows(), before)
        self.w.db.sql("""update organizations set limits = '{}', settings = '{"codecs": ["g722", "alaw"]}' where name = 'Acme'""")
        self.assertIn('"g722,alaw"', self.exported('--csv'))
        self.assertIn('"g722,alaw"', self.do('export', '--csv', '--org', 'acme').text)
        line = json.loads(self.do('export', '--org', 'acme').text.splitlines()[0])
        self.apply(json.dumps({**line, 'prefix': 'beta', 'name': 'Beta'}))
        self.assertEqual(self.value("select settings->'codecs' from organizations where name = 'Beta'"), '["g722", "alaw"]')
        for wrong in ({'codecs': ['mp3']}, {'codecs': [1]}, {'consent': ['none']}, {'calls': [1]}, {'calls': True}):
            self.apply(json.dumps({'kind': 'org', 'prefix': 'beta', **wrong}), status=64)

    def test_a_text_that_one_organization_stored_does_not_keep_the_rows_of_another_from_being_applied(self):
        self.acme()
        self.do('org', 'add', 'Beta', '--prefix', 'beta')
        self.do('user', 'add', '1001', '--org', 'beta', '--name', 'Dora')
        deep = '[' * 500 + ']' * 500
        columns = {'users': ('full_name', 'username', 'phone_number', 'asterisk_endpoint', 'status', 'extension'),
                   'queues': ('name', 'strategy', 'music_on_hold', 'status', 'timeout_destination', 'number'),
                   'sip_trunks': ('host', 'username', 'name'), 'organizations': ('name',),
                   'outbound_routes': ('dial_pattern', 'prepend_digits', 'name'), 'did_numbers': ('routing_destination', 'number')}
        ids = {table: self.value(f'select max(id::text) from {table} where {"id" if table == "organizations" else "org_id"} = '
                                 "(select id from organizations where context_prefix = 'acme')") for table in columns}
        for hostile in (r"E'a\nb'", "repeat('x', 300)", r"E'\u202e\x1b[2J'", "'a, \"b\" ; 1:2'", "''"):
            for table, names in columns.items():
                self.w.db.sql(f"update {table} set {', '.join(f'{name} = {hostile}' for name in names)} where id = '{ids[table]}'")
            for settings in ('{}', r'{"codecs": %s, "recording_consent": "\\n"}' % deep):
                with self.subTest(hostile=hostile, settings=settings[:20]):
                    self.w.db.sql(f"update organizations set settings = '{settings}' where context_prefix = 'acme'")
                    before = self.rows()
                    for form in ((), ('--csv',)):
                        text = self.exported(*form)
                        self.apply(text)
                        self.assertEqual(self.rows(), before)
                        self.apply(text.replace('Dora', 'Dorothy'))
                        self.assertEqual(self.value("select full_name from users where full_name like 'Doro%'"), 'Dorothy')
                        self.w.db.sql("update users set full_name = 'Dora' where full_name = 'Dorothy'")
                    self.do('org', 'list')

    def test_a_value_that_is_nested_too_deeply_is_a_bad_line(self):
        self.acme()
        for depth in (100, 200000):
            line = '{"kind": "user", "org": "acme", "extension": "1001", "name": ' + '[' * depth + ']' * depth + '}'
            self.says(self.apply(line, status=65), 'stdin: line 1: ')
        self.says(self.apply('{"kind": "user", "org": "acme", "extension": "1001", "name": [["x"]]}', status=64), 'is not a text')

    # --- many rows

    def exported(self, *more):
        return self.do('export', *more).text

    def apply(self, text, *more, status=0):
        return self.do('apply', '-', *more, stdin=text.encode(), status=status)

    def test_what_was_exported_can_be_applied_again_and_changes_nothing(self):
        self.acme()
        before = self.rows()
        for text in (self.exported(), self.exported('--secrets'), self.exported('--csv')):
            self.assertEqual(self.apply(text, '-n').text, '')
            self.quiet(self.apply(text))
            self.assertEqual(self.rows(), before)
        passwords = self.value("select string_agg(sip_password, ' ') from users").split()
        for password in passwords:
            self.assertNotIn(password, self.exported())
            self.assertIn(password, self.exported('--secrets'))

    def test_a_member_that_is_paused_stays_so_in_each_form(self):
        self.acme()
        self.w.db.sql('update queue_members set paused = true')
        before = self.value("select string_agg(concat(penalty, paused), ' ' order by penalty) from queue_members")
        self.assertRegex(self.exported('--csv'), r'100\d:0:paused')
        for text in (self.exported(), self.exported('--csv')):
            self.quiet(self.apply(text))
            self.assertEqual(self.value("select string_agg(concat(penalty, paused), ' ' order by penalty) from queue_members"), before)
        self.do('queue', 'set', '5001', '--org', 'acme', '--members', '1001:3:paused 1002')
        self.assertEqual(self.value("select string_agg(concat(penalty, paused), ' ' order by penalty) from queue_members"), '0f 3t')
        self.says(self.do('queue', 'set', '5001', '--org', 'acme', '--members', '1001:3:away', status=64),
                  'penalty: "3:away" is not a number')
        self.do('queue', 'set', '5001', '--org', 'acme', '--members', '1001:paused', status=64)

    def test_an_export_makes_the_same_rows_in_an_empty_database(self):
        self.acme()
        self.do('queue', 'set', '5001', '--org', 'acme', '--members', '1001:2:paused 1002')
        text, csv = self.exported('--secrets'), self.exported('--csv', '--secrets')
        for form in (text, csv):
            with self.subTest(form=form[:10]):
                self.w.db.sql('delete from queue_members; delete from did_numbers; delete from outbound_routes; delete from queues; '
                              'delete from users; delete from sip_trunks; delete from organizations')
                self.apply(form)
                self.assertEqual(self.exported('--secrets'), text)
        self.status(self.w.run('pbx-dialplan-gen'), 0)

    def test_a_file_adds_and_changes_in_one_transaction(self):
        self.acme()
        lines = [{'kind': 'did', 'org': 'acme', 'number': '+918065978004', 'leads_to': 'queue', 'destination': '5002'},
                 {'kind': 'queue', 'org': 'acme', 'number': '5002', 'name': 'Support', 'members': ['1003', '1001:3'], 'recording': False},
                 {'kind': 'user', 'org': 'acme', 'extension': '1003', 'name': 'Carol'},
                 {'kind': 'user', 'org': 'acme', 'extension': '1001', 'phone': '+4930123456'},
                 {'kind': 'org', 'prefix': 'beta', 'name': 'Beta'},
                 {'kind': 'user', 'org': 'beta', 'extension': '1001'}]
        text = '\n'.join(map(json.dumps, lines))
        before = self.rows()
        result = self.apply(text, '-n')
        self.assertEqual(self.rows(), before)
        self.says(result, 'calls to queue 5002 of Acme will not be recorded')
        for line in ('org Beta (new)', 'user 1003 of Acme (new)', 'queue 5002 of Acme (new)', 'user 1001 of Acme\n',
                     '  phone: unset -> "+4930123456"', '  rings: "ext" -> "phone"', '  password: (hidden)'):
            self.assertIn(line, result.text)
        self.apply(text)
        self.assertEqual(self.value("select string_agg(extension || ':' || penalty, ' ' order by extension) from queue_members m "
                                    "join users u on u.id = user_id join queues q on q.id = queue_id where number = '5002'"),
                         '1001:3 1003:0')
        self.assertEqual(self.value("select count(*) from users where length(sip_password) >= 12"), '4')
        after = self.rows()
        self.quiet(self.apply(text))
        self.assertEqual(self.rows(), after, 'it is idempotent')
        self.apply('kind,org,extension,name\nuser,acme,1003,"Carol, ""the boss"""\nuser,acme,1004,\n')
        self.assertEqual(self.value("select full_name from users where extension = '1003'"), 'Carol, "the boss"')
        self.assertEqual(self.value("select count(*) from users where extension = '1004'"), '1')

    def test_two_organizations_with_one_name_are_refused_on_trial_too(self):
        self.acme()
        before = self.rows()
        beta = {'kind': 'org', 'prefix': 'beta', 'name': 'Beta'}
        for lines in ([{**beta, 'name': 'Acme'}], [beta, {**beta, 'prefix': 'gamma'}], [beta, {'kind': 'org', 'prefix': 'acme', 'name': 'Beta'}]):
            for more in (('-n',), ()):
                with self.subTest(lines=lines, more=more):
                    self.says(self.apply('\n'.join(map(json.dumps, lines)), *more, status=64),
                              r'stdin: an organization with the name (Acme|Beta) exists already')
                    self.assertEqual(self.rows(), before)

    def test_a_name_that_is_another_organizations_prefix_or_id_is_refused(self):
        self.acme()
        self.do('org', 'add', 'Beta', '--prefix', 'beta')
        acme = self.value("select id from organizations where name = 'Acme'")
        before = self.rows()
        for taken, what in (('acme', 'prefix'), (acme, 'id'), ('Acme', 'name')):
            words = 'exists already' if what == 'name' else f'the name {taken} is the {what} of organization Acme'
            with self.subTest(taken=taken):
                for more in ((), ('-n',)):
                    self.says(self.do('org', 'add', taken, *more, status=64), words)
                    self.says(self.do('org', 'rename', 'beta', taken, *more, status=64), words)
                    self.says(self.do('org', 'set', 'beta', '--name', taken, *more, status=64), words)
                    self.says(self.apply(json.dumps({'kind': 'org', 'prefix': 'beta', 'name': taken}), *more, status=64), words)
                    self.says(self.apply(json.dumps({'kind': 'org', 'prefix': 'gamma', 'name': taken}), *more, status=64), words)
        self.says(self.apply(json.dumps({'kind': 'org', 'name': 'acme'}), status=64), 'the name acme is the prefix of organization Acme')
        self.w.db.sql("update organizations set name = 'gamma' where name = 'Beta'")
        for more in ((), ('-n',)):
            self.says(self.do('org', 'add', 'Gamma', '--prefix', 'gamma', *more, status=64), 'the prefix gamma is the name of organization gamma')
            self.apply(json.dumps({'kind': 'org', 'name': 'Gamma', 'prefix': 'gamma'}), *more, status=64)
        self.w.db.sql("update organizations set name = 'Beta' where name = 'gamma'")
        self.assertEqual(self.rows(), before)
        self.do('org', 'rename', 'acme', 'acme')

    def test_a_name_that_another_program_gave_an_organization_locks_nobody_out(self):
        self.acme()
        self.do('org', 'add', 'Beta', '--prefix', 'beta')
        acme = self.value("select id from organizations where name = 'Acme'")
        for name in ('acme', acme):
            with self.subTest(name=name):
                self.w.db.sql(f"update organizations set name = '{name}' where context_prefix = 'beta'")
                self.do('user', 'set', '1001', '--org', acme, '--name', 'Alicia')
                if name == 'acme':
                    self.hints(self.do('user', 'list', '--org', 'acme', status=64))
                before = self.rows()
                for text in (self.exported(), self.exported('--csv')):
                    self.quiet(self.apply(text))
                self.assertEqual(self.rows(), before)
                self.do('org', 'rename', 'beta', 'Beta')

    def test_what_the_database_refuses_is_refused_on_trial_and_never_printed_as_done(self):
        self.acme()
        self.w.db.sql("alter table users add constraint no_zed check (full_name <> 'Zed')")
        self.addCleanup(self.w.db.sql, 'alter table users drop constraint no_zed')
        line = json.dumps({'kind': 'user', 'org': 'acme', 'extension': '1001', 'name': 'Zed'})
        for more in (('-n',), ('-n', '--json'), ('--json',)):
            self.assertEqual(self.apply(line, *more, status=65).text, '')
            self.assertEqual(self.do('user', 'set', '1001', '--org', 'acme', '--name', 'Zed', *more, status=65).text, '')

    def test_a_trial_holds_no_lock_while_its_reader_waits(self):
        self.acme()
        file = self.w.path / 'users.jsonl'
        file.write_text(''.join(json.dumps({'kind': 'user', 'org': 'acme', 'extension': str(n)}) + '\n' for n in range(20000, 21500)),
                        encoding='utf-8')
        run = self.w.start('pbx-provision', 'apply', file, '-n')
        self.assertIn(b'(new)', run.stdout.readline())  # the rest does not fit into the pipe
        self.assertEqual(self.value("select count(*) from pg_locks where relation = 'users'::regclass"), '0')
        self.status(self.w.finish(run), 0)
        self.assertEqual(self.value('select count(*) from users'), '2')

    def test_a_reading_of_stdin_that_a_signal_interrupts_is_repeated(self):
        self.acme()
        file = self.w.path / 'rows.jsonl'
        file.write_text(json.dumps({'kind': 'user', 'org': 'acme', 'extension': '1003'}), encoding='utf-8')
        with open(file, 'rb') as stdin:
            run = self.w.start('/usr/bin/strace', '-f', '-o', self.w.path / 'strace.log', '-P', file, '-e', 'trace=read', '-e',
                               'inject=read:error=EINTR:when=1', *self.w.command('pbx-provision', 'apply', '-'), stdin=stdin, env=NO_LEAK_CHECK)
        self.status(self.w.finish(run), 0)
        self.assertIn('EINTR', (self.w.path / 'strace.log').read_text(encoding='utf-8'))
        self.assertEqual(self.value('select count(*) from users'), '3')

    def test_one_bad_line_is_named_and_nothing_changes(self):
        self.acme()
        before = self.rows()
        good = json.dumps({'kind': 'user', 'org': 'acme', 'extension': '1007'}) + '\n'
        for bad, status in ((r'{"kind": "user", "org": "acme", "extension": "1008", "colour": "red"}', 64),
                            (r'{"kind": "user", "org": "acme"}', 64), (r'{"kind": "user", "extension": "1"}', 64),
                            (r'{"kind": "car"}', 64), ('no json', 65), (r'{"kind": "user", "org": "nobody", "extension": "1"}', 66),
                            (r'{"kind": "queue", "org": "acme", "number": "5003", "members": ["1099"]}', 66)):
            with self.subTest(bad=bad):
                self.says(self.apply(good + bad, status=status), 'stdin: line 2: ')
                self.assertEqual(self.rows(), before)
        self.apply(good + r'{"kind": "user", "org": "acme", "extension": "112"}', status=64)
        self.says(self.apply('kind,org\nuser\n', status=65), 'line 2: it has 1 cells')
        self.says(self.apply('kind,"org\n', status=65), 'line 1: a quotation mark')
        self.do('apply', self.w.path / 'none', status=74)
        self.assertEqual(self.rows(), before)


if __name__ == '__main__':
    main()
