#!/usr/bin/env python3
"""pbx-calls import adds the CDR rows of Asterisk's file that the database lacks, each once, whatever the file contains."""
import os
import signal
import time

from workdir import ACCOUNT, OTHER_ACCOUNT, Case, as_nobody, main, wait_until

COLUMNS = ('clid src dst dcontext channel dstchannel lastapp lastdata disposition amaflags accountcode uniqueid userfield '
           'peeraccount linkedid recordingfile recording_paused recording_consent').split()
MARKS = {'recording_paused': 'paused=', 'recording_consent': 'consent='}
TYPICAL = {'clid': '"Alice" <919944421125>', 'src': '919944421125', 'dst': '1003', 'dcontext': 'org_test__incoming',
           'channel': 'PJSIP/trunk-00000001', 'lastapp': 'Dial', 'disposition': 'ANSWERED', 'amaflags': 'DOCUMENTATION',
           'accountcode': ACCOUNT, 'recordingfile': 'a.wav', 'recording_paused': '12-47', 'recording_consent': 'granted'}


class Import(Case):
    def setUp(self):
        super().setUp()
        self.work = self.workdir(remote=None)
        self.file = self.work.path / 'pbx.csv'

    def line(self, uniqueid, *, ago=7200, start=None, sequence=1, duration=10, billsec=9, **texts):
        """A row as cdr_custom writes it with asterisk/cdr_custom.conf, as bytes."""
        texts = {**TYPICAL, 'uniqueid': uniqueid, 'linkedid': uniqueid, **texts}
        quoted = ((MARKS.get(column, '') + texts.get(column, '')).encode('latin-1').replace(b'"', b'""') for column in COLUMNS)
        start = self.work.now - ago - 30 if start is None else start
        head = f'{self.work.now - ago},{start}.250417,{duration},{billsec},{sequence}'.encode()
        return b','.join((head, *(b'"' + text + b'"' for text in quoted))) + b'\n'

    def append(self, *lines):
        with open(self.file, 'ab') as file:
            file.write(b''.join(lines))

    def run_import(self, *arguments, status=0):
        return self.status(self.work.run('pbx-calls', 'import', *(arguments or [self.file]), timeout=600), status)

    def uniqueids(self):
        return [row[0] for row in self.work.db.sql('select uniqueid from asterisk_cdr order by uniqueid')]

    def refuse_evil(self):
        self.work.db.sql("alter table asterisk_cdr add constraint no_evil check (src <> 'evil')")
        self.addCleanup(self.work.db.sql, 'alter table asterisk_cdr drop constraint no_evil')

    def adds_nothing(self, *arguments):
        before = self.work.db.sql('select * from asterisk_cdr order by id')
        self.quiet(self.run_import(*arguments))
        self.assertEqual(self.work.db.sql('select * from asterisk_cdr order by id'), before)


class Rows(Import):
    def test_a_row_that_the_database_lacks_is_added_with_all_its_columns(self):
        texts = {'clid': '"O""Brien, \\"Bob\\"" <1>', 'userfield': 'u', 'peeraccount': OTHER_ACCOUNT, 'lastdata': 'a,b\nc',
                 'dstchannel': 'PJSIP/x-2'}
        self.append(self.line('1776500000.1', start=1776500000, sequence=7, duration=61, billsec=59, **texts))
        self.says(self.run_import(), r'pbx\.csv: added 1 CDR row that the database lacked')
        columns = ['duration', 'billsec', 'sequence', *COLUMNS]
        expected = {**dict.fromkeys(columns, ''), **TYPICAL, **texts, 'uniqueid': '1776500000.1', 'linkedid': '1776500000.1',
                    'duration': '61', 'billsec': '59', 'sequence': '7'}
        for column in columns:
            self.assertEqual(self.work.db.value(f'select {column} from asterisk_cdr'), expected[column], column)
        self.assertEqual(self.work.db.value('select extract(epoch from calldate)::bigint from asterisk_cdr'), '1776500000')

    def test_a_dry_run_counts_the_rows_and_adds_and_remembers_nothing(self):
        self.append(self.line('1776500000.1'), self.line('1776500000.2'))
        self.says(self.run_import('-n', self.file), r'would add 2 CDR rows that the database lacks')
        self.assertEqual(self.uniqueids(), [])
        self.says(self.run_import(), r'added 2 CDR rows')

    def test_a_dry_run_counts_like_the_run_after_it_and_takes_no_id(self):
        self.work.cdr('1.7', 'a.wav', account=TYPICAL['accountcode'])
        self.append(self.line('1.1'), self.line('1.7'), self.line('1.1'), *(self.line(f'2.{n}') for n in range(600)), self.line('1.1'),
                    self.line('2.3'))
        last_id = self.work.db.value('select last_value from asterisk_cdr_id_seq')
        for arguments in ([self.file], [self.file, self.file], ['--all', self.file]):
            self.says(self.run_import('-n', *arguments), 'would add 601 CDR rows')
        self.assertEqual(self.work.db.value('select last_value from asterisk_cdr_id_seq'), last_id)
        self.says(self.run_import(), 'added 601 CDR rows')

    def test_a_dry_run_reports_the_rows_that_the_database_refuses(self):
        self.refuse_evil()
        self.append(self.line('1.1'), self.line('1.2', src='evil'), self.line('1.3'))
        self.says(self.run_import('-n', self.file, status=65), r'pbx\.csv:2: no CDR row: .*no_evil', 'would add 2 CDR rows')

    def test_a_row_without_the_newest_columns_is_a_row(self):
        self.append(self.line('1776500000.1').replace(b',"paused=12-47","consent=granted"\n', b'\n'),
                    self.line('1776500000.2').replace(b',"consent=granted"\n', b'\n'))
        self.run_import()
        self.assertEqual(self.work.db.sql('select recordingfile, recording_paused, recording_consent from asterisk_cdr order by uniqueid'),
                         [['a.wav', None, None], ['a.wav', '12-47', None]])

    def test_rows_that_the_database_has_are_recognised_whatever_zone_they_were_written_in(self):
        for number, hours in enumerate((0, 5.5, -12, 14)):
            uniqueid = f'1776500000.{number}'
            self.work.cdr(uniqueid, 'a.wav', ago=3600 - hours * 3600)
            self.append(self.line(uniqueid, start=self.work.now - 3600))
        self.adds_nothing()

    def test_rows_that_differ_in_a_column_that_names_them_are_added(self):
        self.append(self.line('1.1'), self.line('1.1', sequence=2), self.line('1.1', linkedid='1.0'), self.line('1.2'),
                    self.line('1.1', accountcode=OTHER_ACCOUNT), self.line('1.1', recordingfile='b.wav'))
        self.run_import()
        self.assertEqual(len(self.uniqueids()), 6)

    def test_a_second_run_adds_nothing_and_is_silent(self):
        self.append(*(self.line(f'1.{number}') for number in range(5)))
        self.run_import()
        for arguments in ([self.file], ['--all', self.file], [self.file, self.file]):
            self.adds_nothing(*arguments)

    def test_a_line_that_stands_twice_in_the_file_is_one_row(self):
        self.append(self.line('1.1'), self.line('1.1'), *(self.line(f'2.{n}') for n in range(600)), self.line('1.1'))
        self.run_import()
        self.assertEqual(len(self.uniqueids()), 601)

    def test_runs_at_once_add_each_row_once(self):
        self.append(*(self.line(f'1.{number}') for number in range(1500)))
        runs = [self.work.start('pbx-calls', 'import', self.file) for _ in range(4)]
        for run in runs:
            self.status(self.work.finish(run, timeout=600), 0)
        self.assertEqual(len(self.uniqueids()), 1500)

    def test_a_killed_run_is_continued(self):
        self.append(*(self.line(f'1.{number}') for number in range(20000)))
        run = self.work.start('pbx-calls', 'import', self.file)
        wait_until(lambda: int(self.work.db.value('select count(*) from asterisk_cdr')) > 0, 'the first rows')
        run.send_signal(signal.SIGKILL)
        run.wait()
        self.run_import()
        self.assertEqual(self.work.db.sql('select count(*), count(distinct uniqueid) from asterisk_cdr'), [['20000', '20000']])

    def test_an_imported_call_is_stitched_and_fetched(self):
        legs = self.work.three_legs('1776500000.1')
        self.work.db.sql('delete from asterisk_cdr')
        self.append(*(self.line('1776500000.1', recordingfile=name, sequence=place, ago=600)
                      for place, (name, _) in enumerate(legs)))
        self.run_import()
        self.status(self.work.run('pbx-stitch'), 0)
        fetched = self.status(self.work.run('pbx-recording-fetch', '1776500000.1'), 0)
        self.assertEqual(fetched.out, self.work.stitched_file('1776500000.1').read_bytes())


class Positions(Import):
    def reads(self, *arguments):
        """How many bytes of the file a run reads."""
        result = self.status(self.work.run('pbx-calls', 'import', *(arguments or [self.file]), before=(
            '/usr/bin/strace', '-f', '-y', '-e', 'trace=pread64,read', '-o', self.work.path / 'trace')), 0)
        self.assertEqual(result.out, b'')
        return sum(int(line.rsplit('= ', 1)[1]) for line in (self.work.path / 'trace').read_text(errors='replace').splitlines()
                   if f'{self.file}>' in line)

    def test_a_run_reads_only_what_is_new(self):
        self.append(*(self.line(f'1.{number}') for number in range(3000)))
        size = self.file.stat().st_size
        self.assertGreaterEqual(self.reads(), size)
        self.append(self.line('2.1'))
        self.assertLess(self.reads(), size / 5)
        self.assertIn('2.1', self.uniqueids())

    def test_a_rotated_file_is_read_to_its_end_under_its_new_name(self):
        self.append(self.line('1.1'))
        self.run_import()
        self.append(self.line('1.2'))
        rotated = self.file.rename(self.work.path / 'pbx.csv.1')
        self.append(self.line('2.1'))
        self.run_import(rotated, self.file)
        self.assertEqual(self.uniqueids(), ['1.1', '1.2', '2.1'])
        self.adds_nothing(rotated, self.file)

    def test_a_file_that_was_cut_and_written_again_is_read_from_its_beginning(self):
        self.append(self.line('1.1'), self.line('1.2'))
        self.run_import()
        first = self.file.read_bytes().splitlines(keepends=True)[0]
        self.file.write_bytes(first + self.line('1.3') + self.line('1.4') + self.line('1.5'))
        self.run_import()
        self.file.write_bytes(self.line('2.1'))
        self.run_import()
        self.file.write_bytes(b'')
        self.quiet(self.run_import())
        self.assertEqual(self.uniqueids(), ['1.1', '1.2', '1.3', '1.4', '1.5', '2.1'])

    def test_a_database_that_was_restored_gets_its_rows_again(self):
        self.append(self.line('1.1'))
        self.run_import()
        backup = self.work.db.sql('select * from cdr_imports')[0]
        self.append(self.line('1.2'))
        self.run_import()
        self.work.db.sql(f"delete from asterisk_cdr where uniqueid = '1.2'; update cdr_imports set position = {backup[1]}, "
                         f"line = {backup[2]}, before = '{backup[3]}'")
        self.run_import()
        self.assertEqual(self.uniqueids(), ['1.1', '1.2'])

    def test_all_reads_from_the_beginning(self):
        self.append(self.line('1.1'), self.line('1.2'))
        self.run_import()
        self.work.db.sql("delete from asterisk_cdr where uniqueid = '1.1'")
        self.adds_nothing()
        self.run_import('--all', self.file)
        self.assertEqual(self.uniqueids(), ['1.1', '1.2'])

    def test_a_young_row_waits_for_the_next_run(self):
        self.append(self.line('1.1'), self.line('1.2', ago=60), self.line('1.3', ago=50))
        self.run_import()
        self.assertEqual(self.uniqueids(), ['1.1'])
        self.run_import('--min-age', '10s', self.file)
        self.assertEqual(self.uniqueids(), ['1.1', '1.2', '1.3'])

    def test_a_row_from_a_clock_that_was_wrong_does_not_hold_up_the_others(self):
        self.append(self.line('1.1', ago=-86400 * 365), self.line('1.2'))
        self.run_import()
        self.assertEqual(self.uniqueids(), ['1.1', '1.2'])

    def test_a_torn_last_line_is_left_for_the_next_run(self):
        whole = self.line('1.2')
        for length in (1, 12, 60, len(whole) - 1):
            with self.subTest(length):
                self.work.db.sql('delete from asterisk_cdr; delete from cdr_imports')
                self.file.write_bytes(self.line('1.1') + whole[:length])
                self.run_import()
                self.adds_nothing()
                self.append(whole[length:])
                self.run_import()
                self.assertEqual(self.uniqueids(), ['1.1', '1.2'])

    def test_a_file_that_does_not_exist_is_an_error_unless_that_is_accepted(self):
        self.says(self.run_import(status=74), 'cannot open .*No such file', '--missing-ok')
        self.adds_nothing('--missing-ok', self.file)
        self.file.touch()
        self.adds_nothing()

    def test_a_file_that_cannot_be_read_does_not_take_the_others(self):
        self.append(self.line('1.1'))
        folder, missing, fifo, unreadable = (self.work.path / name for name in ('folder', 'none', 'fifo', 'pbx.csv.1'))
        folder.mkdir()
        os.mkfifo(fifo)
        unreadable.write_bytes(self.line('1.2'))
        unreadable.chmod(0)
        for first, status in ((folder, 65), (missing, 74), (fifo, 65), (unreadable, 77)):
            with self.subTest(first=first.name):
                self.work.db.sql('delete from asterisk_cdr; delete from cdr_imports; delete from nodes')
                before = as_nobody() if first == unreadable else ()
                result = self.status(self.work.run('pbx-calls', 'import', first, self.file, before=before), status)
                self.says(result, f'{first}', r'pbx\.csv: added 1 CDR row')
                self.assertEqual(self.uniqueids(), ['1.1'])
                self.assertEqual(self.work.db.sql('select * from nodes where last_import is not null'), [])
                self.status(self.work.run('pbx-calls', 'import', self.file, first, before=before), status)

    def test_without_the_database_nothing_is_lost(self):
        self.append(self.line('1.1'))
        self.status(self.work.run('pbx-calls', 'import', self.file, env={'PBX_DATABASE': 'host=/nonexistent'}), 69)
        self.run_import()
        self.assertEqual(self.uniqueids(), ['1.1'])


class Stdin(Import):
    def pipe(self, data, *arguments, status=0):
        return self.status(self.work.run('pbx-calls', 'import', *arguments, '-', stdin=data), status)

    def test_rows_come_from_a_pipe_each_once(self):
        lines = b''.join(self.line(f'1.{number}') for number in range(1200))
        self.says(self.pipe(lines), 'stdin: added 1200 CDR rows')
        self.quiet(self.pipe(lines))
        self.says(self.pipe(lines + self.line('2.1')), 'stdin: added 1 CDR row that')
        self.says(self.pipe(lines + self.line('2.1') + self.line('2.2'), '-n'), 'stdin: would add 1 CDR row')
        self.assertEqual(len(self.uniqueids()), 1201)

    def test_nothing_on_stdin_is_no_error(self):
        self.quiet(self.pipe(b''))

    def test_a_pipe_that_ends_within_a_row_is_an_error_and_the_next_run_continues(self):
        lines = [self.line(f'1.{number}') for number in range(3)]
        for length in (1, 60, len(lines[2]) - 1):
            self.says(self.pipe(b''.join(lines[:2]) + lines[2][:length], status=65), 'stdin:3: no CDR row: it is not complete')
            self.assertEqual(self.uniqueids(), ['1.0', '1.1'])
        self.pipe(lines[0][:60], status=65)
        self.pipe(b''.join(lines))
        self.assertEqual(self.uniqueids(), ['1.0', '1.1', '1.2'])

    def test_a_young_row_and_what_follows_wait_without_an_error(self):
        self.pipe(self.line('1.1') + self.line('1.2', ago=20) + self.line('1.3')[:40])
        self.assertEqual(self.uniqueids(), ['1.1'])


class Damage(Import):
    def bad(self, line, why):
        """One bad piece between good rows: it is reported by its line, once, and the good rows are added."""
        with self.subTest(why):
            self.work.db.sql('delete from asterisk_cdr; delete from cdr_imports')
            self.file.write_bytes(self.line('1.1') + self.line('1.2') + line + self.line('1.3'))
            self.says(self.run_import(status=65), rf'pbx\.csv:3: no CDR row: .*{why}')
            self.assertEqual(self.uniqueids(), ['1.1', '1.2', '1.3'])
            self.adds_nothing()

    def test_malformed_lines_are_reported_by_number_and_the_rest_is_imported(self):
        good = self.line('9.9')
        self.bad(b'\n', 'not a number')
        self.bad(b'hello world\n', 'time of writing is not a number')
        self.bad(good.replace(b',10,9,', b',ten,9,'), 'duration is not a number')
        self.bad(good.replace(b',10,9,', b',10,99999999999,'), 'billsec is not a number in its range')
        self.bad(good.replace(b'"1003"', b'1003'), 'dst is not in quotes')
        self.bad(good.replace(b'"1003"', b'"10"03"'), 'after dst')
        self.bad(good.replace(b'"1003",', b''), 'does not begin with paused=')
        self.bad(good.replace(b'"paused=12-47",', b''), 'recording_paused does not begin with paused=')
        self.bad(good.replace(b'"1003"', b'"1003","1004"'), 'after recording_consent|does not begin with paused=')
        self.bad(good.replace(b'"9.9"', b'""'), 'uniqueid is empty')
        self.bad(self.line('9' * 300), 'uniqueid is longer than 255 bytes')
        self.bad(self.line('9.9', recordingfile='x' * 5000), 'recordingfile is longer')
        self.bad(good.replace(b'1003', b'10\x0003'), 'dst has a null byte')
        self.bad(self.line('9.9', clid='x' * 1000000), 'longer than 256 KiB')

    def test_a_row_that_was_torn_by_a_crash_does_not_take_the_rows_behind_it(self):
        whole = self.line('9.9')
        joined = self.line('9.8')
        for length in (1, 2, 3, 9, 10, 11, 15, 30, *range(38, len(whole) - 1, 13), len(whole) - 2):
            with self.subTest(f'torn after {length} bytes'):
                self.file.write_bytes(self.line('1.1') + whole[:length] + joined + self.line('1.2'))
                self.work.db.sql('delete from asterisk_cdr; delete from cdr_imports')
                result = self.work.run('pbx-calls', 'import', self.file)
                if length < 3:  # only the time of writing is wrong then
                    self.assertEqual(self.uniqueids(), ['1.1', '1.2', '9.8'])
                    continue
                self.says(self.status(result, 65), r'pbx\.csv:2: no CDR row')
                self.assertEqual(self.uniqueids(), ['1.1', '1.2'])

    def test_null_bytes_that_a_power_failure_left_do_not_take_the_row_behind_them(self):
        self.file.write_bytes(self.line('1.1') + bytes(200000) + self.line('1.2'))
        self.says(self.run_import(status=65), r'pbx\.csv:2: no CDR row: 200000 null bytes')
        self.assertEqual(self.uniqueids(), ['1.1', '1.2'])

    def test_texts_of_any_bytes_are_stored_as_cdr_pgsql_stores_them(self):
        every = bytes(range(1, 256)).decode('latin-1')
        self.append(self.line('1.1', clid=every, src="'; drop table asterisk_cdr; --", lastdata='x' * 100000))
        self.run_import()
        self.assertEqual(self.work.db.value("select encode(convert_to(clid, 'LATIN1'), 'hex') from asterisk_cdr"),
                         every.encode('latin-1').hex())
        self.assertEqual(self.work.db.value('select src, length(lastdata) from asterisk_cdr'), "'; drop table asterisk_cdr; --")

    def test_a_row_that_the_database_refuses_does_not_take_the_others(self):
        self.refuse_evil()
        self.append(self.line('1.1'), self.line('1.2', src='evil'), self.line('1.3'))
        self.says(self.run_import(status=65), r'pbx\.csv:2: no CDR row: .*no_evil')
        self.assertEqual(self.uniqueids(), ['1.1', '1.3'])
        self.adds_nothing()

    def test_a_fifo_and_a_folder_are_refused(self):
        os.mkfifo(self.file)
        began = time.monotonic()
        self.says(self.run_import(status=65), 'not a regular file')
        self.assertLess(time.monotonic() - began, 60)
        self.run_import(self.work.path, status=65)


if __name__ == '__main__':
    main('pbx-calls')
