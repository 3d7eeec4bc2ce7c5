"""pbx-migrate with a real PostgreSQL: all migrations, and everything that can go wrong with one."""
import hashlib
import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

from migrating import CHAIN, POLICY, Migrating
from workdir import SLOW, SOURCE, Database, cluster, main

NO_TRANSACTION = '-- pbx-migrate: no-transaction\n'


class Migrate(Migrating):
    # --- the chain

    def test_a_fresh_database_gets_the_whole_schema_with_a_record_for_each_file(self):
        self.up()
        rows = self.db.sql('select version, checksum, duration_ms >= 0, applied_at > now() - interval \'1 minute\' '
                           'from schema_migrations order by version')
        self.assertEqual(rows, [[version, hashlib.sha256((self.folder / f'{version}.sql').read_bytes()).hexdigest(), 't', 't']
                                for version in CHAIN])
        self.status(self.run_it('status'), 0)
        self.quiet(self.status(self.run_it('verify'), 0))

    def test_running_it_again_changes_nothing_and_prints_nothing(self):
        self.up()
        before = self.dump()
        self.quiet(self.up())
        self.assertEqual(self.dump(), before)

    def test_a_new_organization_and_its_rows_are_recorded_by_default(self):
        self.up()
        self.assertEqual(self.db.value("insert into organizations (name, context_prefix) values ('a', 'a') "
                                       "returning settings->'recording_enabled'"), 'true')
        for table, columns in {'users': "extension) values ('1'", 'queues': "number) values ('5001'",
                               'did_numbers': "number) values ('+44')", 'outbound_routes': "name) values ('out'"}.items():
            first, rest = columns.rstrip(')').split(') values (')
            self.assertEqual(self.db.value(f'insert into {table} (org_id, {first}) select id, {rest} from organizations '
                                           'returning recording_enabled'), 't')
        self.assertEqual(self.db.value('select dial_pattern from outbound_routes'), '_X.')

    def test_a_database_from_before_the_policy_records_all_but_what_tenants_switched_off(self):
        self.up('--to', CHAIN[CHAIN.index(POLICY) - 1])
        settings = {'true': '{"recording_enabled": true, "kept": [1]}', 'false': '{"recording_enabled": false, "kept": 2}',
                    'json null': '{"recording_enabled": null}', 'no key': '{"kept": 3}', 'default': None, 'null': None}
        for number, (name, value) in enumerate(settings.items()):
            for status in ('active', 'suspended', 'deleted'):
                given = 'default' if name == 'default' else 'null' if value is None else f"'{value}'"
                self.db.sql(f"insert into organizations (name, context_prefix, status, settings) "
                            f"values ('{name} {status}', 'org_{number}_{status}', '{status}', {given})")
        self.assertEqual(self.db.value("select settings->'recording_enabled' from organizations where name = 'default active'"),
                         'false', 'before the policy an organization was off by default')
        rows = "(values (1, true), (2, false), (3, null)) as v (n, on_)"
        self.db.sql(f"""
            insert into users (org_id, extension, recording_enabled) select id, n::text, on_ from organizations, {rows};
            insert into queues (org_id, number, recording_enabled) select id, n::text, on_ from organizations, {rows};
            insert into outbound_routes (org_id, name, recording_enabled) select id, n::text, on_ from organizations, {rows};
            insert into did_numbers (org_id, number, recording_enabled)
                select id, context_prefix || n, on_ from organizations, {rows};
            insert into users (org_id, extension) select id, '4' from organizations;""")
        self.up()
        self.assertEqual(self.db.sql("select distinct settings->'recording_enabled' from organizations"), [['true']])
        self.assertEqual(self.db.sql("select distinct settings->'kept' from organizations where settings ? 'kept' order by 1"),
                         [['2'], ['3'], ['[1]']])
        number = len(settings) * 3
        for table, column in (('users', 'extension'), ('queues', 'number'), ('outbound_routes', 'name'),
                              ('did_numbers', 'right(number, 1)')):
            found = self.db.sql(f'select {column}, recording_enabled, count(*) from {table} group by 1, 2 order by 1')
            expected = [['1', 't', str(number)], ['2', 'f', str(number)], ['3', 't', str(number)]]
            self.assertEqual(found[:3], expected, table)
        self.assertEqual(self.db.sql("select distinct recording_enabled from users where extension = '4'"), [['t']])

    def test_the_policy_migration_run_again_by_hand_keeps_later_choices(self):
        self.up()
        self.db.sql("""insert into organizations (name, context_prefix, settings) values ('a', 'a', '{"recording_enabled": false}')""")
        done = self.db.psql('-1', '-f', str(self.folder / f'{POLICY}.sql'))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.db.value("select settings->'recording_enabled' from organizations"), 'false')

    def test_cdr_pgsql_can_insert_what_asterisk_sends_and_texts_of_any_length(self):
        self.up()
        # The query that cdr_pgsql runs when it loads: a column that must not be null and has no entry in pg_attrdef is sent as ''.
        rows = self.db.sql("""
            select a.attname from pg_attribute a left join pg_attrdef d on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attrelid = 'asterisk_cdr'::regclass and a.attnum > 0 and a.attnotnull and d.adbin is null""")
        self.assertEqual(rows, [])
        long = 'x' * 65536
        self.db.sql(f"""insert into asterisk_cdr ("calldate", "clid", "src", "dst", "lastdata", "userfield", "recordingfile", "accountcode",
            "amaflags", "duration", "billsec", "disposition", "sequence", "linkedid", "uniqueid") values ('2026-04-18 14:40:04',
            '{long}', '{long}', '{long}', '{long}', '{long}', '{long}', '', 3, 10, 9, 'ANSWERED', 1, '{long}', '{long}');
            insert into asterisk_cdr default values""")
        self.assertEqual(self.db.value('select array_agg(id order by id) from asterisk_cdr'), '{1,2}')

    def test_finding_a_call_never_scans_the_table(self):
        self.up()
        self.db.sql("""insert into asterisk_cdr (calldate, linkedid, uniqueid, accountcode, recordingfile)
            select now() - i * interval '1 minute', (i / 3)::text, i::text, 'a', case when i % 3 > 0 then 'f' || i || '.wav' end
            from generate_series(1, 60000) i; analyze asterisk_cdr""")
        for where in ("calldate >= now() - interval '25 hours'", "linkedid = '7'", "uniqueid = '7'", 'id = 7',
                      "recordingfile = 'f7.wav'", "recordingfile = 'f7.wav' and accountcode > 'a'",
                      "substring(recordingfile from '[^/]*$') = 'f7.wav' and accountcode > 'a'"):
            plan = '\n'.join(row[0] for row in self.db.sql(f'explain select * from asterisk_cdr where {where}'))
            self.assertNotIn('Seq Scan', plan, where)
            self.assertIn('Index', plan, where)

    def test_a_context_prefix_with_other_characters_is_refused(self):
        self.up()
        for prefix in ('', 'A', 'a-b', 'a b', 'a\nb', 'ä', "a]"):
            done = self.db.psql('-v', f'p={prefix}', stdin="insert into organizations (name, context_prefix) values ('x', :'p')")
            self.assertNotEqual(done.returncode, 0, repr(prefix))

    # --- status, --to, --dry-run

    def test_the_exit_status_of_status_distinguishes_all_applied_pending_and_changed(self):
        result = self.status(self.run_it('status'), 1)
        self.assertEqual(result.text.splitlines(), [f'{version}\tpending\t-' for version in CHAIN])
        self.up('--to', CHAIN[1])
        self.assertEqual(self.applied(), CHAIN[:2])
        result = self.status(self.run_it('status'), 1)
        self.assertEqual([line.split('\t')[1] for line in result.text.splitlines()], ['applied'] * 2 + ['pending'] * (len(CHAIN) - 2))
        self.up()
        self.status(self.run_it('status'), 0)
        (self.folder / f'{CHAIN[0]}.sql').write_text('select 1', encoding='utf-8')
        self.status(self.run_it('status'), 65)

    def test_status_writes_nothing_to_a_fresh_database(self):
        before = self.dump()
        self.run_it('status')
        self.run_it('verify')
        self.assertEqual(self.dump(), before)

    def test_status_as_json_is_one_document_with_every_migration(self):
        self.up('--to', CHAIN[0])
        report = json.loads(self.status(self.run_it('status', '--json'), 1).out)
        self.assertEqual((report['applied'], report['pending'], report['changed'], report['vanished']), (1, len(CHAIN) - 1, 0, 0))
        first = report['migrations'][0]
        self.assertEqual((first['version'], first['state']), (CHAIN[0], 'applied'))
        self.assertEqual(first['checksum'], first['applied_checksum'])
        self.assertIsNone(report['migrations'][1]['applied_at'])

    def test_a_dry_run_lists_what_is_pending_and_does_nothing(self):
        self.up('--to', CHAIN[2])
        before = self.dump()
        result = self.up('--dry-run')
        self.assertEqual(result.text.split(), CHAIN[3:])
        self.assertEqual(self.up('--dry-run', '--to', CHAIN[3]).text.split(), CHAIN[3:4])
        self.assertEqual(self.dump(), before)

    def test_a_version_that_does_not_exist_is_a_usage_error(self):
        self.hints(self.up('--to', '20250101-none', status=64))
        self.hints(self.status(self.run_it('baseline', '20250101-none'), 64))

    # --- history that does not match

    def test_a_changed_file_stops_everything_until_it_is_put_back(self):
        self.up('--to', CHAIN[1])
        path = self.folder / f'{CHAIN[0]}.sql'
        original = path.read_bytes()
        path.write_bytes(original + b'\n')
        result = self.up(status=65)
        self.says(result, f'{CHAIN[0]}.sql changed after it was applied')
        self.hints(result)
        self.assertEqual(self.applied(), CHAIN[:2])
        self.says(self.status(self.run_it('verify'), 65), 'changed after it was applied')
        path.write_bytes(original)
        self.up()

    def test_a_vanished_file_stops_everything(self):
        self.up('--to', CHAIN[1])
        (self.folder / f'{CHAIN[0]}.sql').unlink()
        self.says(self.status(self.run_it('status'), 65), f'{CHAIN[0]} was applied, but its file is gone')
        result = self.up(status=65)
        self.hints(result)
        self.assertEqual(self.applied(), CHAIN[:2])

    def test_a_file_older_than_the_newest_applied_is_refused(self):
        self.up()
        self.write('20250204-late', 'create table late (a int);')
        result = self.up(status=65)
        self.says(result, '20250204-late.sql is pending, but sorts before a migration that is already applied')
        self.hints(result)
        self.assertIsNone(self.db.value("select to_regclass('late')"))
        self.assertIn('20250204-late\tout of order', self.status(self.run_it('status'), 1).text)
        self.status(self.run_it('verify'), 65)

    def test_all_errors_are_reported_at_once(self):
        self.up()
        (self.folder / f'{CHAIN[0]}.sql').unlink()
        self.write(CHAIN[1], 'select 1')
        self.says(self.up(status=65), f'{CHAIN[0]} was applied', f'{CHAIN[1]}.sql changed')

    # --- errors in files

    def test_a_syntax_error_in_the_middle_is_named_with_its_line_and_leaves_the_database_as_it_was(self):
        before = self.dump()
        path = self.only('20250101-a', "create table a (x int);\n-- ä ü :name $$\ninsert into a\n  values (1);\n\nselekt 1;\ncreate table b (x int);\n")
        result = self.up(status=65)
        self.says(result, f'{path}:6: syntax error at or near "selekt"')
        self.hints(result)
        self.assertEqual(self.dump(), before)

    def test_an_error_without_a_position_is_reported_with_the_line_of_its_statement(self):
        self.up()
        before = self.dump()
        path = self.write('20270101-a', "create table a (x int primary key);\n\n-- twice\ninsert into a values (1); insert into\n a values (2);\ninsert into a values (1);")
        self.says(self.up(status=65), f'{path}:6: duplicate key value violates unique constraint "a_pkey" .Key .x.=.1. already exists')
        self.assertEqual(self.dump(), before)

    def test_files_before_the_failing_one_stay_applied(self):
        self.write('20270101-good', 'create table good (x int)')
        self.write('20270102-bad', 'create table bad (x int); select 1/0')
        self.write('20270103-never', 'create table never (x int)')
        self.up(status=65)
        self.assertEqual(self.applied(), [*CHAIN, '20270101-good'])
        self.assertEqual(self.db.sql("select to_regclass('bad'), to_regclass('never')"), [[None, None]])
        self.write('20270102-bad', 'create table bad (x int)')
        self.up()
        self.assertEqual(self.applied()[-2:], ['20270102-bad', '20270103-never'])

    def test_colons_dollars_quotes_and_semicolons_arrive_as_they_are(self):
        text = r"""create table a (n int, t text);
            insert into a values (1, ':name'), (2, $$:a ; ' "$$), (3, $q$12:30 $$ :b$q$), (4, E'it\'s ; :c'), (5, 'don''t'),
                (6, '12:30'::text), (7, '?'), (8, '{}'), (9, '%s $1'); /* :d ; /* ' */ */ -- :e ' ; "
            do $body$ begin insert into a values (10, $x$:f$x$); end $body$;
            create function f(x int) returns int language sql as 'select x:: int; ';"""
        self.only('20250101-a', text)
        self.up()
        self.assertEqual([row[0] for row in self.db.sql('select t from a order by n')],
                         [':name', ':a ; \' "', '12:30 $$ :b', "it's ; :c", "don't", '12:30', '?', '{}', '%s $1', ':f'])

    def test_a_file_with_a_commit_of_its_own_is_refused_before_it_runs(self):
        before = self.dump()
        for text in ('create table a (x int);\ncommit;\nselect 1/0;', 'begin;\ncreate table a (x int);\ncommit;',
                     'create table a (x int);\n/* */ RollBack;'):
            self.only('20250101-a', text)
            self.says(self.up(status=78), r'line \d: it contains (COMMIT|BEGIN|ROLLBACK)')
        self.assertEqual(self.dump(), before)

    def test_nothing_is_applied_when_one_of_the_pending_files_is_invalid(self):
        self.write('20270101-empty', '-- nothing yet\n')
        self.says(self.up(status=78), '20270101-empty.sql: it has no statement')
        self.assertIsNone(self.db.value("select to_regclass('organizations')"))
        self.says(self.status(self.run_it('verify'), 65), 'it has no statement')

    def test_a_zero_byte_does_not_hide_the_rest_of_a_file(self):
        self.only('20250101-a', b'create table a (x int);\0 create table b (x int);')
        self.says(self.up(status=78), 'zero byte')

    def test_copy_from_stdin_is_an_error_and_does_not_hang(self):
        path = self.only('20250101-a', 'create table a (x int);\ncopy a from stdin;\n1\n\\.\n')
        self.says(self.up(status=65), f'{path}:')
        path = self.only('20250101-a', 'create table a (x int);\ncopy a from stdin;')
        self.hints(self.up(status=65))
        self.only('20250101-a', 'create table a (x int);\ncopy a to stdout;')
        self.says(self.up(status=65), ':2: COPY from or to the client')
        self.assertIsNone(self.db.value("select to_regclass('a')"))

    def test_settings_of_one_file_do_not_carry_over_to_the_next(self):
        self.only('20250101-a', "select set_config('search_path', '', false); set role pg_monitor; set statement_timeout = 1;")
        self.write('20250102-b', 'create table b (x int); select pg_sleep(0.1)')
        self.up()
        self.assertEqual(self.applied(), ['20250101-a', '20250102-b'])
        self.assertEqual(self.db.value("select tableowner from pg_tables where tablename = 'b'"), 'postgres')

    def test_a_table_in_use_is_a_temporary_failure_and_does_not_block_others(self):
        self.up()
        self.write('20270101-a', 'alter table asterisk_cdr add column extra text')
        # pylint: disable=consider-using-with
        user = subprocess.Popen(['psql', '-Xqd', self.db.conninfo, '-c', 'begin; select count(*) from asterisk_cdr; select pg_sleep(60)'],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (user.kill(), user.wait()))
        self.wait_for("select count(*) = 1 from pg_stat_activity where query like '%pg_sleep(60)%' and wait_event = 'PgSleep'")
        result = self.up('--lock-timeout', '1', status=75)
        self.hints(result)
        self.assertNotIn('20270101-a', self.applied())

    # --- without a transaction

    def test_indexes_can_be_built_concurrently(self):
        self.only('20250101-a', 'create table a (x int); insert into a values (1), (2)')
        self.write('20250102-b', NO_TRANSACTION + "create index concurrently a_x on a (x);\ncreate index concurrently a_y on a ((x + 1)); comment on index a_x is 'a;b';\n")
        self.up()
        self.assertEqual(self.db.sql('select count(*), bool_and(indisvalid) from pg_index where indrelid = \'a\'::regclass'), [['2', 't']])

    def test_a_concurrent_index_inside_a_transaction_fails_with_a_hint_how_to_opt_out(self):
        self.only('20250101-a', 'create table a (x int)')
        path = self.write('20250102-b', 'create index concurrently a_x on a (x)')
        self.says(self.up(status=65), f'{path}:1: .*cannot run inside a transaction block', 'hint: .*no-transaction')

    def test_a_failed_concurrent_index_is_named_and_does_not_stay_behind_invalid(self):
        self.only('20250101-a', 'create table a (x int); insert into a values (1), (1)')
        path = self.write('20250102-b', NO_TRANSACTION + '\ncreate unique index concurrently\n  if not exists a_x on a (x);')
        for _ in range(2):
            self.says(self.up(status=65), f'{path}:3: could not create unique index "a_x"')
            self.assertEqual(self.applied(), ['20250101-a'])
            self.assertIsNone(self.db.value("select to_regclass('a_x')"))
        self.db.sql('delete from a')
        self.up()
        self.assertEqual(self.db.value("select indisvalid from pg_index where indexrelid = 'a_x'::regclass"), 't')

    def test_an_invalid_index_that_a_killed_run_left_is_built_again(self):
        self.only('20250101-a', 'create table a (x int); insert into a values (1), (1)')
        self.up()
        self.db.psql('-c', 'create unique index concurrently a_x on a (x)')
        self.assertEqual(self.db.value("select indisvalid from pg_index where indexrelid = 'a_x'::regclass"), 'f')
        self.says(self.status(self.run_it('verify'), 65), 'index a_x is INVALID', 'hint: REINDEX')
        self.db.sql('truncate a')
        self.write('20250102-b', NO_TRANSACTION + 'create unique index concurrently if not exists a_x on a (x);')
        self.says(self.up(), 'dropped the INVALID index a_x')
        self.assertEqual(self.db.value("select indisvalid from pg_index where indexrelid = 'a_x'::regclass"), 't')
        self.status(self.run_it('verify'), 0)

    def test_an_invalid_index_of_somebody_else_is_left_alone(self):
        self.only('20250101-a', 'create table a (x int); insert into a values (1), (1)')
        self.up()
        self.db.psql('-c', 'create unique index concurrently other on a (x)')
        self.write('20250102-b', NO_TRANSACTION + 'create index concurrently a_x on a (x);')
        self.up()
        self.assertIsNotNone(self.db.value("select to_regclass('other')"))

    def test_an_invalid_index_of_another_application_is_left_alone_if_its_name_is_a_word_of_the_file(self):
        self.only('20250101-a', 'create table a (leg int); create schema other; create table other.t (x int); insert into other.t values (1), (1)')
        self.up()
        for index in ('leg', 'a_leg', 'a_le'):
            self.db.psql('-c', f'create unique index concurrently {index} on other.t (x)')
        self.write('20250102-b', NO_TRANSACTION + '-- index leg\ncreate index concurrently if not exists a_leg on a (leg);')
        self.assertNotIn('INVALID', self.up().err)
        for index in ('other.leg', 'other.a_leg', 'other.a_le', 'a_leg'):
            self.assertIsNotNone(self.db.value(f"select to_regclass('{index}')"), index)

    def in_use(self, statement):
        """Another session, which has run the statement in a transaction that stays open."""
        # pylint: disable=consider-using-with
        user = subprocess.Popen(['psql', '-Xqd', self.db.conninfo, '-c', f'begin; {statement}; select pg_sleep(60)'],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (user.kill(), user.wait()))
        self.wait_for("select count(*) = 1 from pg_stat_activity where query like '%pg_sleep(60)%' and wait_event = 'PgSleep'")
        return user

    def test_a_file_that_opted_out_waits_as_long_for_a_table_as_others(self):
        self.only('20250101-a', 'create table a (x int)')
        self.up()
        self.in_use('select count(*) from a')
        path = self.write('20250102-b', NO_TRANSACTION + 'alter table a add column y int;')
        self.says(self.up('--lock-timeout', '1', status=75), f'{path}:2: canceling statement due to lock timeout')

    def test_a_concurrent_index_waits_for_old_transactions_as_long_as_they_take(self):
        self.only('20250101-a', 'create table a (x int)')
        self.up()
        self.in_use('insert into a values (1)')
        self.write('20250102-b', NO_TRANSACTION + 'create index concurrently a_x on a (x);')
        waiting = self.w.start('pbx-migrate', 'up', '--lock-timeout', '0')
        self.wait_for("select count(*) = 1 from pg_stat_activity where query like 'create index%' and wait_event_type = 'Lock'")
        self.db.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()")
        self.status(self.w.finish(waiting, 30), 0)
        self.assertEqual(self.db.value("select indisvalid from pg_index where indexrelid = 'a_x'::regclass"), 't')

    def test_a_file_that_opted_out_and_leaves_a_transaction_open_is_an_error(self):
        self.only('20250101-a', NO_TRANSACTION + 'begin; create table a (x int);')
        self.says(self.up(status=65), 'leaves a transaction open')
        self.assertIsNone(self.db.value("select to_regclass('a')"))
        self.only('20250101-a', NO_TRANSACTION + 'begin; create table a (x int); commit;')
        self.up()

    # --- two runners

    def test_two_runners_at_once_apply_each_file_once(self):
        for number in range(20):
            self.write(f'202701{number + 1:02}-a', f'create table a{number} (x int); select pg_sleep(0.02)')
        processes = [self.w.start('pbx-migrate', 'up') for _ in range(4)]
        results = [self.w.finish(process) for process in processes]
        for result in results:
            self.status(result, 0)
        self.assertEqual(len(self.applied()), len(CHAIN) + 20)
        self.assertEqual(sum(result.err.count('applied ') for result in results), len(CHAIN) + 20)

    def test_a_runner_that_builds_indexes_concurrently_is_not_blocked_by_one_that_waits(self):
        self.only('20250101-a', 'create table a (x int)')
        self.write('20250102-b', NO_TRANSACTION + 'select pg_sleep(1); create index concurrently a_x on a (x);')
        first = self.w.start('pbx-migrate', 'up')
        time.sleep(0.3)
        second = self.w.start('pbx-migrate', 'up', '--lock-timeout', '60')
        self.status(self.w.finish(first, 30), 0)
        self.status(self.w.finish(second, 30), 0)

    def test_the_wait_for_another_runner_ends_and_names_it(self):
        self.only('20250101-a', 'select pg_sleep(30)')
        first = self.w.start('pbx-migrate', 'up')
        self.wait_for("select count(*) = 1 from pg_stat_activity where query like 'select pg_sleep(30)%'")
        started = time.monotonic()
        result = self.up('--lock-timeout', '1', status=75)
        self.assertLess(time.monotonic() - started, 10 * SLOW)
        self.says(result, 'waiting for another pbx-migrate .*process \\d+', 'another pbx-migrate is running .*process \\d+')
        self.hints(result)
        first.kill()
        first.wait()
        # The server notices that its client is gone, and releases the lock.
        self.only('20250101-a', 'select 1')
        self.up('--lock-timeout', '30')

    def test_a_kill_in_the_middle_of_a_file_leaves_nothing_of_it(self):
        before = self.dump()
        self.only('20250101-a', 'create table a (x int); select pg_sleep(30)')
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            runner = self.w.start('pbx-migrate', 'up')
            self.wait_for("select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'")
            runner.send_signal(how)
            runner.wait()
            self.wait_for("select count(*) = 0 from pg_stat_activity where wait_event = 'PgSleep'")
            self.assertEqual(self.dump(), before)

    # --- baseline, new, and the rest

    def test_baseline_records_a_schema_that_exists_and_up_goes_on_from_there(self):
        for version in CHAIN[:-1]:
            self.assertEqual(self.db.psql('-f', str(self.folder / f'{version}.sql')).returncode, 0)
        self.says(self.up(status=65), 'already exists', 'hint: .*baseline')
        self.status(self.run_it('baseline', CHAIN[-2]), 0)
        self.assertEqual(self.applied(), CHAIN[:-1])
        self.quiet(self.status(self.run_it('baseline', CHAIN[-2]), 0))
        self.up()
        self.assertEqual(self.applied(), CHAIN)
        self.assertEqual(self.db.value("insert into organizations (name, context_prefix) values ('a', 'a') "
                                       "returning settings->'recording_enabled'"), 'true')

    def test_new_creates_a_file_for_today_that_up_refuses_until_it_is_filled(self):
        # Its name sorts after those of files that have today's date, too.
        result = self.status(self.run_it('new', 'zz-voicemail'), 0)
        path = Path(result.text.strip())
        self.assertEqual(path.parent, self.folder)
        self.assertRegex(path.name, r'^\d{8}-zz-voicemail\.sql$')
        self.assertEqual(path.name[:8], time.strftime('%Y%m%d'))
        self.says(self.up(status=78), 'it has no statement')
        with open(path, 'a', encoding='utf-8') as file:
            file.write('create table voicemail (x int);\n')
        self.up()
        for name in ('../x', 'a/b', '', '-x', "a'b"):
            self.status(self.run_it('new', '--', name), 64)

    def test_a_folder_that_cannot_hold_migrations_is_a_configuration_error(self):
        for folder in ('/nowhere/at/all', str(self.w.path / 'monitor')):
            self.hints(self.status(self.run_it('up', '--migrations', folder), 78))
        self.write('2027-wrong', 'select 1')
        self.hints(self.up(status=78))

    def test_a_database_that_is_not_there_is_unavailable_and_nonsense_is_a_configuration_error(self):
        for conninfo, status in ((f'host={self.w.path}', 69), (Database(cluster(), 'no_such_db').conninfo, 69), ('nonsense', 78)):
            self.hints(self.status(self.run_it('up', '--database', conninfo), status))

    def test_a_user_without_rights_gets_a_permission_error_with_a_hint(self):
        self.up('--to', CHAIN[0])
        self.db.sql("do $$ begin if not exists (select from pg_roles where rolname = 'weak') then create role weak login; end if; end $$; "
                    'grant select on schema_migrations to weak; revoke create on schema public from public')
        conninfo = self.db.conninfo.replace('user=postgres', 'user=weak')
        self.hints(self.status(self.run_it('up', '--database', conninfo), 77))
        self.status(self.run_it('status', '--database', conninfo), 1)
        self.assertEqual(self.applied(), CHAIN[:1])

    def test_a_server_that_stops_in_the_middle_is_unavailable(self):
        self.only('20250101-a', 'create table a (x int); select pg_terminate_backend(pg_backend_pid())')
        self.status(self.up(status=69), 69)
        self.assertIsNone(self.db.value("select to_regclass('a')"))

    def test_a_statement_longer_than_the_timeout_ends(self):
        self.only('20250101-a', 'create table a (x int); select pg_sleep(60)')
        started = time.monotonic()
        self.up('--timeout', '1', status=75)
        self.assertLess(time.monotonic() - started, 20 * SLOW)

    def wait_for(self, condition):
        deadline = time.monotonic() + 20 * SLOW
        while self.db.value(condition) != 't':
            self.assertLess(time.monotonic(), deadline, condition)
            time.sleep(0.05)


if __name__ == '__main__':
    main()
