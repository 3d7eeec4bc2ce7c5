#!/usr/bin/env python3
"""The calls of FreePBX come from a MariaDB server by the commands of docs/adopting.md, each once, whatever their texts contain."""
import os
import re
import subprocess

from sound import Wav, pcm, ramp
from storage import Server, ServerCase, main
from unpacked import Unavailable, Unpacked
from workdir import ACCOUNT, BIN, OTHER_ACCOUNT, SOURCE, Result, quoted, wait_until

QUERY = '/usr/share/doc/pbx-recording-tools/examples/freepbx-cdr.sql'
ZONE = 'Asia/Kolkata'  # of Asterisk and MariaDB: 05:30 before UTC, all year
# As FreePBX makes it. An upgrade from an old one leaves columns that may be null.
TABLE = '''create table cdr (
    calldate datetime not null default '0000-00-00 00:00:00', clid varchar(80) not null default '', src varchar(80) not null default '',
    dst varchar(80) not null default '', dcontext varchar(80) not null default '', channel varchar(80) not null default '',
    dstchannel varchar(80), lastapp varchar(80) not null default '', lastdata varchar(80), duration int not null default 0,
    billsec int not null default 0, disposition varchar(45) not null default '', amaflags int not null default 0,
    accountcode varchar(20) not null default '', uniqueid varchar(32) not null default '', userfield varchar(255), did varchar(50),
    recordingfile varchar(255), cnum varchar(80), cnam varchar(80), outbound_cnum varchar(80), outbound_cnam varchar(80),
    dst_cnam varchar(80), linkedid varchar(32), peeraccount varchar(80), sequence int, key (calldate), key (uniqueid), key (linkedid))'''
TYPICAL = {'clid': '"Alice" <919944421125>', 'src': '919944421125', 'dst': '1003', 'dcontext': 'from-internal', 'channel': 'PJSIP/trunk-1',
           'lastapp': 'Dial', 'duration': 10, 'billsec': 9, 'disposition': 'ANSWERED', 'amaflags': 3, 'did': '08065978001', 'sequence': 1}
TEXTS = ('clid', 'src', 'dst', 'dcontext', 'channel', 'dstchannel', 'lastapp', 'lastdata', 'userfield', 'peeraccount', 'recordingfile')


def commands():
    """The blocks of docs/adopting.md that read FreePBX's calls."""
    text = (SOURCE / 'docs' / 'adopting.md').read_text(encoding='utf-8')
    return [block for block in re.findall(r'(?ms)^ *```\n(.*?)^ *```$', text) if 'freepbx-cdr.sql' in block]


class MariaDb(Server):
    packages = Unpacked('mariadb', ['mariadb-server-core', 'mariadb-client-core'])

    def prepare(self):
        self.sock = self.path / 'sock'
        program = self.packages.program('usr/bin/mariadb')
        self.write('mysql', f'#!/bin/sh\nexec {program} --no-defaults -S {self.sock} "$@"\n', 0o755)

    def environment(self):
        return {**super().environment(), 'TZ': ZONE}

    def commands(self):
        share = self.packages.program('usr/share/mysql/charsets').parent
        return [[self.packages.program('usr/sbin/mariadbd'), '--no-defaults', f'--datadir={self.data}', f'--socket={self.sock}',
                 f'--pid-file={self.path}/pid', '--skip-networking', '--skip-grant-tables', f'--lc-messages-dir={share}', '--sql-mode=',
                 f'--character-sets-dir={share}/charsets', f'--plugin-dir={self.path}', '--innodb-buffer-pool-size=16M']]

    def wait_ready(self):
        wait_until(lambda: self.sock.exists() or self.processes[0].poll() is not None, 'the socket of MariaDB', 60)
        if self.processes[0].poll() is not None:
            raise Unavailable(f"MariaDB does not start here: {self.log.read_text(errors='replace')[-1500:]}")

    def sql(self, statement, database='asteriskcdrdb'):
        done = subprocess.run([self.path / 'mysql', '--default-character-set=utf8mb4', *([database] if database else [])],
                              input=statement.encode(), env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise AssertionError(f'{statement}\n{done.stderr.decode()}')
        return done.stdout


class FreePbx(ServerCase):
    server_type = MariaDb

    def setUp(self):
        super().setUp()
        self.work = self.workdir(remote=None)
        self.table()

    def table(self, charset='utf8mb4'):
        self.server.sql(f'drop database if exists asteriskcdrdb; create database asteriskcdrdb character set {charset}', None)
        self.server.sql(TABLE)

    def row(self, *arguments, **columns):
        self.server.sql(self.insertion(*arguments, **columns))

    def insertion(self, uniqueid, *, ago=7200, **columns):
        """The statement for a CDR row as FreePBX's Asterisk stores it, in its own time; bytes are stored as they are."""
        row = {**TYPICAL, 'uniqueid': uniqueid, 'linkedid': uniqueid, **columns}
        values = [f"x'{value.hex()}'" if isinstance(value, bytes) else 'null' if value is None else f"'{value}'" for value in row.values()]
        return f"insert into cdr (calldate, {', '.join(row)}) values (from_unixtime({self.work.now - ago}), {', '.join(values)});\n"

    def read(self, command=0, status=0, setting=''):
        """Run a command of docs/adopting.md, with another setting of the session in front of its own."""
        text = commands()[command].replace(QUERY, str(SOURCE / 'docs' / 'freepbx-cdr.sql')).replace('SET @', f'SET {setting}@')
        path = f"{self.server.path}:{BIN}:{os.environ['PATH']}"
        done = subprocess.run(['bash', '-euo', 'pipefail', '-c', text], env={**self.work.environment(), 'PATH': path}, cwd=self.work.path,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        result = Result([BIN / 'pbx-calls', 'import'], done.returncode, done.stdout, done.stderr)
        self.assertEqual(result.status, status, f'\n{result}')
        return result

    def rows(self, columns, order='id'):
        return self.work.db.sql(f'select {columns} from asterisk_cdr order by {order}')

    def test_a_row_arrives_with_all_its_columns_and_the_organizations_account(self):
        self.row('1776500000.1', dstchannel='PJSIP/1003-2', lastdata='PJSIP/1003,20', userfield='u', peeraccount='p', recordingfile='a.wav',
                 accountcode='reception', linkedid='1776500000.0', sequence=7)
        self.says(self.read(), 'added 1 CDR row')
        expected = {**TYPICAL, 'dstchannel': 'PJSIP/1003-2', 'lastdata': 'PJSIP/1003,20', 'userfield': 'u', 'peeraccount': 'p',
                    'recordingfile': 'a.wav', 'accountcode': ACCOUNT, 'linkedid': '1776500000.0', 'uniqueid': '1776500000.1',
                    'amaflags': 'DOCUMENTATION', 'sequence': 7}
        del expected['did']
        self.assertEqual(self.rows(', '.join(expected)), [[str(value) for value in expected.values()]])

    def test_texts_of_any_bytes_arrive_as_they_are_stored(self):
        texts = ['"Zoë" <1>'.encode(), b"O'Brien, \"Bob\"", b'two\nlines', b'\\n \\" \\', b'a\tb\rc', b'""', b'"', b',",', b'\x01\x1a',
                 b'%s %', b"'; drop table cdr; --", b'', '日本'.encode(), b'NULL']
        for charset in ('utf8mb4', 'latin1'):
            with self.subTest(charset):
                self.table(charset)
                self.work.db.sql('delete from asterisk_cdr; delete from cdr_imports')
                for number, text in enumerate(texts):
                    self.row(f'1.{number:03}', **dict.fromkeys(TEXTS, text))
                self.read()
                columns = ', '.join(f"encode(convert_to({column}, 'LATIN1'), 'hex')" for column in TEXTS)
                for found, text in zip(self.rows(columns, 'uniqueid'), texts):
                    self.assertEqual(set(found), {text.hex()}, text)
                self.assertEqual(len(self.rows('id')), len(texts))

    def test_nulls_and_null_bytes_become_nothing(self):
        self.row('1.1', **dict.fromkeys(('dstchannel', 'lastdata', 'userfield', 'did', 'recordingfile', 'cnum', 'peeraccount', 'sequence')),
                 clid=b'a\0b')
        self.read()
        self.assertEqual(self.rows('clid, dstchannel, lastdata, userfield, recordingfile, sequence'), [['ab', '', '', '', '', '0']])

    def test_a_row_without_a_linkedid_is_a_call_of_its_own(self):
        self.row('1.1', linkedid=None)
        self.row('1.2', linkedid='')
        self.read()
        self.assertEqual(self.rows('linkedid', 'uniqueid'), [['1.1'], ['1.2']])

    def test_times_are_those_of_the_servers_zone_or_of_the_one_that_is_named(self):
        self.row('1.1')
        self.assertIn(b'330', self.server.sql('select timestampdiff(minute, utc_timestamp(), now())'))
        self.read()
        self.assertEqual(self.rows('cast(extract(epoch from calldate) as bigint)'), [[str(self.work.now - 7200)]])
        self.work.db.sql('delete from asterisk_cdr; delete from cdr_imports')
        self.read(setting="time_zone = '+00:00', ")
        self.assertEqual(self.rows('cast(extract(epoch from calldate) as bigint)'), [[str(self.work.now - 7200 + 19800)]])

    def test_a_second_run_adds_only_what_is_new(self):
        self.server.sql(''.join(self.insertion(f'1.{number}', ago=90000 - number) for number in range(700)))
        self.says(self.read(), 'added 700 CDR rows')
        self.quiet(self.read())
        self.row('2.1')
        self.row('2.2', ago=90000 - 5)
        self.says(self.read(), 'added 2 CDR rows')
        self.quiet(self.read())
        self.assertEqual(len(self.rows('id')), 702)

    def test_a_call_that_has_just_begun_waits(self):
        self.row('1.1')
        self.row('1.2', ago=10)
        self.says(self.read(), 'added 1 CDR row')
        self.assertEqual(self.rows('uniqueid'), [['1.1']])

    def test_an_organization_gets_the_whole_calls_of_its_numbers_alone(self):
        self.row('1.1', did='08065978001', dst='queue', cnum='919944421125')
        self.row('1.2', linkedid='1.1', did='', dst='999', src='918')
        self.row('2.1', did='', src='1001', dst='919')
        self.row('3.1', did='', src='919', dst='1002')
        self.row('4.1', did='08065978009', src='919', dst='1009')
        self.row('5.1', did='', src='10011', dst='91001')
        self.read(1)
        self.assertEqual(self.rows('uniqueid, accountcode', 'uniqueid'), [[uniqueid, ACCOUNT] for uniqueid in ('1.1', '1.2', '2.1', '3.1')])

    def test_a_server_that_fails_is_an_error_and_adds_nothing(self):
        self.row('1.1')
        self.server.sql('rename table cdr to away')
        self.assertIn("doesn't exist", self.read(status=1).err)
        self.assertEqual(self.rows('id'), [])

    def test_the_calls_are_listed_heard_and_audited(self):
        for number, name in enumerate(('in-1.wav', 'in-2.wav')):
            self.work.leg(name, pcm(ramp(9.0, number)))
            self.row(f'1776500000.{number}', linkedid='1776500000.0', recordingfile=name, sequence=number)
        self.work.db.sql(f"insert into organizations (id, name, context_prefix) values ({quoted(ACCOUNT)}, 'Acme', 'org_acme')")
        self.read()
        listed = self.status(self.work.run('pbx-calls', '--org', 'Acme'), 0).text
        self.assertRegex(listed, r'(?m)^1776500000\.0\t')
        fetched = self.status(self.work.run('pbx-recording-fetch', '1776500000.0'), 0)
        self.assertEqual(Wav(fetched.out).samples, ramp(9.0, 0) + ramp(9.0, 1))
        self.assertEqual(self.status(self.work.run('pbx-recording-fetch', '--account', OTHER_ACCOUNT, '1776500000.0'), 66).out, b'')


del ServerCase

if __name__ == '__main__':
    main()
