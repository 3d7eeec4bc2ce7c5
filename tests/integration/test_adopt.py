"""pbx-migrate check and baseline: a schema that something else has made becomes ours, with its rows."""
import re

from migrating import CHAIN, POLICY, Migrating
from workdir import main

BEFORE_POLICY = CHAIN[CHAIN.index(POLICY) - 1]
# As Sequelize makes them: texts with lengths, JSON that is not binary, times without a zone, its own columns and names.
SEQUELIZE = '''
create type enum_organizations_status as enum ('active', 'suspended', 'deleted');
create table organizations (id varchar(36) primary key, name varchar(255) not null unique, context_prefix varchar(50) not null unique,
    status enum_organizations_status default 'active', settings json default '{}', limits json,
    "createdAt" timestamp not null, "updatedAt" timestamp not null);
create table users (id varchar(36) primary key, org_id varchar(36) not null references organizations (id) on update cascade on delete cascade,
    username varchar(100), extension varchar(20), full_name varchar(255), status varchar(20) default 'active', sip_password varchar(100),
    asterisk_endpoint varchar(100), recording_enabled smallint, role varchar(20) not null default 'agent', "createdAt" timestamp not null);
create table did_numbers (id varchar(36) primary key, org_id varchar(36) references organizations (id), number varchar(20),
    routing_type varchar(20), routing_destination varchar(100), status varchar(20) default 'active');
create table asterisk_cdr (id serial primary key, calldate timestamp not null default now(), clid varchar(80), src varchar(80), dst varchar(80),
    dcontext varchar(80), channel varchar(80), dstchannel varchar(80), lastapp varchar(80), lastdata varchar(80), duration integer,
    billsec integer, disposition varchar(45), amaflags integer, accountcode varchar(50), uniqueid varchar(32), userfield varchar(255),
    recordingfile varchar(255));
insert into organizations (id, name, context_prefix, settings, "createdAt", "updatedAt") values
    ('6f1e1a52-9a0c-4d0e-8a3c-6b0f5c1d2e3f', 'Acme', 'org_acme', '{"recording_enabled": false, "own": [1]}', '2025-01-01', '2025-01-01');
insert into users (id, org_id, username, extension, recording_enabled, "createdAt") values
    ('7f1e1a52-9a0c-4d0e-8a3c-6b0f5c1d2e3f', '6f1e1a52-9a0c-4d0e-8a3c-6b0f5c1d2e3f', 'ada', '1001', 0, '2025-01-01'),
    ('8f1e1a52-9a0c-4d0e-8a3c-6b0f5c1d2e3f', '6f1e1a52-9a0c-4d0e-8a3c-6b0f5c1d2e3f', 'bob', '1002', null, '2025-01-01');
insert into asterisk_cdr (calldate, src, dst, accountcode, uniqueid, recordingfile) values
    ('2026-04-18 14:40:04', '919944421125', '1001', '6f1e1a52-9a0c-4d0e-8a3c-6b0f5c1d2e3f', '1776500000.1', 'a.wav');
'''


class Adopt(Migrating):
    def corrected(self, *arguments):
        """The SQL that check prints, after psql has run it."""
        sql = self.status(self.run_it('check', *arguments), 1).text
        done = self.db.psql('-f', '-', stdin=sql)
        self.assertEqual(done.returncode, 0, f'{done.stderr}\n{sql}')
        return sql

    def is_whole(self, *arguments):
        self.assertEqual(self.status(self.run_it('check', *arguments), 0).out, b'')

    def test_tables_of_another_program_are_corrected_adopted_and_migrated_with_their_rows(self):
        self.db.sql(SEQUELIZE)
        refused = self.status(self.run_it('baseline', BEFORE_POLICY), 65)
        self.says(refused, f'nothing was recorded: the schema is not what {BEFORE_POLICY} makes', 'psql')
        self.assertIsNone(self.db.value("select to_regclass('schema_migrations')"))
        sql = self.corrected(BEFORE_POLICY)
        self.assertIn(sql, refused.text)
        for line in ('column organizations.id is character varying(36), and must be uuid', 'column organizations.settings is json, and must be jsonb',
                     'table queues is missing', 'column asterisk_cdr.linkedid is missing', 'column users.recording_enabled is smallint',
                     'column organizations.createdAt is unknown, not null and without a default'):
            self.assertIn(line, sql)
        self.is_whole(BEFORE_POLICY)
        self.quiet(self.status(self.run_it('-q', 'baseline', BEFORE_POLICY), 0))
        self.up()
        self.assertEqual(self.applied(), CHAIN)
        self.is_whole()
        self.assertEqual(self.db.sql('select username, recording_enabled from users order by 1'), [['ada', 'f'], ['bob', 't']])
        self.assertEqual(self.db.sql("select settings->>'own', settings->>'recording_enabled' from organizations"), [['[1]', 'true']])
        self.assertEqual(self.db.value("select calldate at time zone 'UTC' from asterisk_cdr"), '2026-04-18 14:40:04')
        self.status(self.w.run('pbx-provision', 'user', 'add', '1003', '--org', 'Acme'), 0)
        self.status(self.w.run('pbx-provision', 'org', 'add', 'Beta'), 0)
        self.status(self.w.run('pbx-calls', '--since', '2026-01-01'), 0)

    def test_a_schema_of_ours_has_no_difference_at_any_version(self):
        for version in (CHAIN[0], CHAIN[7], CHAIN[-1]):
            self.up('--to', version)
            self.is_whole()
            self.is_whole(version)
        before = self.dump()
        self.is_whole()
        self.assertEqual(self.dump(), before)

    def test_whatever_was_lost_is_listed_at_once_and_comes_back(self):
        self.up()
        columns = self.db.sql("select table_name, column_name from information_schema.columns where table_schema = 'public' "
                              "and table_name <> 'schema_migrations' and column_name <> 'id' order by 1, ordinal_position")
        lost = columns[::7]
        for table, column in lost:
            self.db.sql(f'alter table {table} drop column {column} cascade')
        self.db.sql('drop trigger withdraw_trunk_approval on sip_trunks; drop function withdraw_trunk_approval; drop table nodes cascade; '
                    'alter table queues alter column timeout drop default; alter table organizations alter column name drop not null; '
                    'drop index asterisk_cdr_recordingfile; alter table users drop constraint users_org_id_fkey')
        sql = self.corrected()
        for table, column in lost:
            if table != 'nodes':
                self.assertIn(f'-- column {table}.{column} is missing\n', sql)
        for line in ('trigger withdraw_trunk_approval of sip_trunks is missing', 'table nodes is missing', 'column queues.timeout has no default',
                     'column organizations.name allows null', 'an index is missing: CREATE INDEX ON asterisk_cdr',
                     'a constraint of users is missing: FOREIGN KEY (org_id)'):
            self.assertIn(line, sql)
        self.is_whole()

    def test_what_a_database_has_beside_ours_is_no_difference(self):
        self.up()
        self.db.sql('create table invoices (id int primary key); alter table users add column shoe_size int; '
                    'alter table users add column created timestamptz not null default now(); create index on users (shoe_size); '
                    'create view people as select * from users')
        self.is_whole()

    def test_a_migration_that_ends_its_transaction_is_not_tried(self):
        self.up()
        self.write('20990101-own', '-- pbx-migrate: no-transaction\nbegin; create table t (); commit; create table u ();\n')
        self.hints(self.status(self.run_it('check', '20990101-own'), 65))
        self.assertEqual(self.db.sql("select to_regclass('t'), to_regclass('u'), to_regnamespace('pbx_migrate_reference')"), [[None] * 3])

    def test_names_that_need_quotes_are_quoted(self):
        self.up()
        self.db.sql('alter table users add column "end" int not null')
        self.db.sql('alter table users add column "we""ird; drop table users" int; '
                    'alter table users alter column "we""ird; drop table users" set not null')
        sql = self.corrected()
        self.assertIn('alter column "end" drop not null', sql)
        self.assertRegex(sql, 'alter column "we.*drop table users" drop not null')
        self.is_whole()

    def test_with_force_the_versions_are_recorded_all_the_same(self):
        self.db.sql(SEQUELIZE)
        self.status(self.run_it('baseline', '--force', POLICY), 0)
        self.assertEqual(self.applied(), [version for version in CHAIN if version <= POLICY])

    def test_a_user_who_may_not_create_a_schema_is_told_so(self):
        self.up()
        self.db.sql("do $$ begin if not exists (select from pg_roles where rolname = 'weak') then create role weak login; end if; end $$; "
                    'grant select on all tables in schema public to weak; grant create on schema public to weak')
        result = self.status(self.run_it('check', '--database', self.db.conninfo.replace('user=postgres', 'user=weak')), 77)
        self.hints(result)
        self.assertTrue(re.search('create a schema to compare with', result.err), result.err)


if __name__ == '__main__':
    main()
