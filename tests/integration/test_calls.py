"""pbx-calls with a real PostgreSQL."""
import csv
import datetime
import io
import json
import subprocess
import time

from workdir import ACCOUNT, OTHER_ACCOUNT, Case, main

COLUMNS = ['linkedid', 'start', 'from', 'to', 'direction', 'duration', 'talk_time', 'disposition', 'legs', 'dialled',
           'answered_by', 'waited', 'organization', 'accountcode', 'consent']
TRUNK = 'PJSIP/acme__trunk_carrier-0000000c'


class Listing(Case):
    def setUp(self):
        self.w = self.workdir(remote=None)
        self.w.env['TZ'] = 'UTC'

    def calls(self, *arguments, status=0, **how):
        return self.status(self.w.run('pbx-calls', *arguments, **how), status)

    def lines(self, *arguments, **how):
        """The plain form as a list of dictionaries."""
        return [dict(zip(COLUMNS, line.split('\t'), strict=True)) for line in self.calls(*arguments, **how).text.splitlines()]

    def ids(self, *arguments):
        return [line['linkedid'] for line in self.lines(*arguments)]

    def organization(self, name='Acme', prefix='acme', account=ACCOUNT):
        self.w.db.sql(f"insert into organizations (id, name, context_prefix) values ('{account}', '{name}', '{prefix}')")

    def inbound(self, linkedid='1776500000.1', ago=3600, account=ACCOUNT):
        """DID, queue, extension, as Asterisk writes it."""
        self.w.cdr(linkedid, 'c.wav', account, ago=ago - 3, sequence=3, uniqueid=linkedid + '2', dst='1002', src='79100',
                   dcontext='acme__internal', channel='Local/1002@acme__internal-5;2', dstchannel='PJSIP/acme_1002-0000000d',
                   duration=613, billsec=608)
        self.w.cdr(linkedid, 'a.wav', account, ago=ago, sequence=1, dst='08065978002', src='79100', dcontext='acme__incoming_sub',
                   channel=TRUNK, duration=2, billsec=2)
        self.w.cdr(linkedid, 'b.wav', account, ago=ago - 2, sequence=2, dst='5001', src='79100', dcontext='acme__queue',
                   channel=TRUNK, dstchannel='Local/1002@acme__internal-5;1', duration=6, billsec=6, disposition='NO ANSWER')


class Calls(Listing):
    def test_a_call_is_one_line_from_the_start_of_its_first_row_to_the_end_of_its_last(self):
        self.organization()
        self.inbound()
        line, = self.lines()
        self.assertEqual(line['start'], datetime.datetime.fromtimestamp(self.w.now - 3600, datetime.timezone.utc).isoformat())
        self.assertEqual({key: line[key] for key in line if key != 'start'}, {
            'linkedid': '1776500000.1', 'from': '79100', 'to': '08065978002', 'direction': 'inbound', 'duration': '616', 'talk_time': '608',
            'disposition': 'ANSWERED', 'legs': '3', 'dialled': '08065978002', 'answered_by': '1002', 'waited': '8',
            'organization': 'Acme', 'accountcode': ACCOUNT, 'consent': ''})

    def test_rows_that_name_one_file_are_one_leg_and_rows_without_a_file_none(self):
        for sequence, file in enumerate(('a.wav', 'a.wav', '', None)):
            self.w.cdr('1.1', file, sequence=sequence)
        self.w.cdr('1.2', None)
        self.assertEqual({line['linkedid']: line['legs'] for line in self.lines()}, {'1.1': '1', '1.2': '0'})

    def test_two_accounts_under_one_linkedid_are_two_calls(self):
        self.inbound()
        self.inbound(account=OTHER_ACCOUNT)
        self.assertEqual(sorted(line['accountcode'] for line in self.lines()), sorted([ACCOUNT, OTHER_ACCOUNT]))
        self.organization()
        self.assertEqual([line['accountcode'] for line in self.lines('--org', 'Acme')], [ACCOUNT])

    def test_a_call_without_accountcode_is_listed_once(self):
        self.w.cdr('1.1', 'a.wav', None)
        self.w.cdr('1.1', 'b.wav', '', sequence=2)
        line, = self.lines()
        self.assertEqual((line['legs'], line['accountcode']), ('2', ''))

    def test_an_organization_can_be_given_by_name_prefix_or_id(self):
        self.organization()
        self.inbound('1.1')
        self.w.cdr('1.2', 'x.wav', OTHER_ACCOUNT)
        for name in ('Acme', 'acme', ACCOUNT):
            self.assertEqual(self.ids('--org', name), ['1.1'])
        self.hints(self.calls('--org', 'nobody', status=66))

    def test_a_text_that_names_two_organizations_is_refused_and_lists_the_calls_of_neither(self):
        self.organization('Acme', 'acme', ACCOUNT)
        self.organization('acme', 'acme_two', OTHER_ACCOUNT)
        self.w.cdr('1.1', 'a.wav', ACCOUNT)
        self.w.cdr('1.2', 'b.wav', OTHER_ACCOUNT)
        for arguments in ((), ('show', '1.1'), ('show', '1.2')):
            result = self.calls('--org', 'acme', *arguments, status=64)
            self.hints(result)
            self.says(result, '"acme" names more than one organization')
            self.assertEqual(result.out, b'')
        self.assertEqual(self.ids('--org', 'acme_two'), ['1.2'])
        self.assertEqual(self.ids('--org', ACCOUNT), ['1.1'])

    def test_the_newest_call_comes_first_and_a_limit_keeps_the_newest(self):
        for number in range(5):
            self.w.cdr(f'{number}.1', 'a.wav', ago=600 - number)
        self.assertEqual(self.ids(), ['4.1', '3.1', '2.1', '1.1', '0.1'])
        self.assertEqual(self.ids('--limit', '2'), ['4.1', '3.1'])
        self.calls('--limit', '0', status=64)

    def test_without_a_window_the_last_day_is_listed(self):
        self.w.cdr('1.1', 'a.wav', ago=23 * 3600)
        self.w.cdr('1.2', 'a.wav', ago=25 * 3600)
        self.assertEqual(self.ids(), ['1.1'])
        self.assertEqual(self.ids('--since', '26h'), ['1.1', '1.2'])
        self.assertEqual(self.ids('--since', '26h', '--until', '24h'), ['1.2'])

    def test_days_begin_at_midnight_in_the_operators_time_zone(self):
        self.w.db.sql("insert into asterisk_cdr (calldate, linkedid) values ('2026-04-17 18:29:59+00', '1.1'), "
                      "('2026-04-17 18:30:00+00', '1.2'), ('2026-04-18 09:10:00+00', '1.3')")
        day = ('--since', '2026-04-18', '--until', '2026-04-19')
        self.assertEqual(self.ids(*day), ['1.3'])
        self.w.env['TZ'] = 'IST-5:30'
        self.assertEqual(self.ids(*day), ['1.3', '1.2'])
        self.assertEqual([line['start'] for line in self.lines(*day)], ['2026-04-18T14:40:00+05:30', '2026-04-18T00:00:00+05:30'])
        self.assertEqual(self.ids('--since', '2026-04-18T14:40', '--until', '2026-04-18T14:41'), ['1.3'])
        self.assertEqual(self.ids('--since', '2026-04-17T18:30Z', '--until', '2026-04-17T18:31Z'), ['1.2'])

    def test_yesterday_is_the_whole_day_before(self):
        now = self.w.now
        midnight = now - now % 86400
        for name, moment in {'1.1': midnight - 86401, '1.2': midnight - 86400, '1.3': midnight - 1, '1.4': midnight}.items():
            self.w.cdr(name, 'a.wav', ago=self.w.now - moment)
        self.assertEqual(self.ids('--since', 'yesterday', '--until', 'today'), ['1.3', '1.2'])

    def test_adjacent_windows_show_a_call_that_spans_both_only_once(self):
        self.w.cdr('1.1', 'a.wav', ago=3700, duration=5)
        self.w.cdr('1.1', 'b.wav', ago=3500, duration=500)
        self.assertEqual(self.ids('--since', '1h'), [])
        line, = self.lines('--since', '2h', '--until', '1h')
        self.assertEqual(line['legs'], '2')

    def test_an_invalid_time_is_a_usage_error(self):
        for moment in ('', 'x', '2026-02-30', '25x', '2026-04-18T25:00', '99999999999h'):
            self.hints(self.calls('--since', moment, status=64))

    def test_a_number_is_found_on_either_side_and_in_any_row(self):
        self.inbound('1.1')
        self.w.cdr('1.2', 'a.wav', src='1001', dst='+918065978002')
        self.w.cdr('1.3', 'a.wav', src='+49 (30) 78002', dst='anonymous')
        self.assertEqual(sorted(self.ids('--number', '08065978002')), ['1.1'])
        self.assertEqual(sorted(self.ids('--number', '8065978002')), ['1.1', '1.2'])
        self.assertEqual(sorted(self.ids('--number', '+91 80659-78002')), ['1.2'])
        self.assertEqual(sorted(self.ids('--number', '5001')), ['1.1'])
        self.assertEqual(sorted(self.ids('--number', '001')), [])
        self.assertEqual(sorted(self.ids('--number', '3078002')), ['1.3'])
        self.assertEqual(sorted(self.ids('--number', 'anonymous')), ['1.3'])
        line, = self.lines('--number', '5001')
        self.assertEqual(line['legs'], '3', 'the other rows of the call count too')
        for hostile in ("' or '1'='1", ':since', '%', '\\', '$1'):
            self.assertEqual(self.ids('--number', hostile), [])

    def test_a_number_that_rang_is_found_also_after_a_transfer_has_replaced_the_destination(self):
        self.w.cdr('1.1', None, dst='1012', dcontext='acme__transfer', channel='PJSIP/acme_1010-00000001', src='1010',
                   dstchannel='PJSIP/acme_1011-00000002', lastdata='PJSIP/acme_1011,60,tTU(pbx-recorder-up^1011^1010^^acme^extension-1011)')
        line, = self.lines('--number', '1011')
        self.assertEqual((line['to'], line['dialled']), ('1011', '1011'))
        self.assertEqual(self.ids('--number', '1012'), ['1.1'])
        self.assertEqual(self.ids('--number', '101'), [])

    def test_a_number_that_rang_with_so_many_devices_that_the_row_has_no_options_is_found_by_its_phone(self):
        self.w.cdr('1.1', None, dst='1012', dcontext='acme__transfer', channel='PJSIP/acme_1010-00000001', src='1010',
                   dstchannel='PJSIP/acme_1011-00000002',
                   lastdata='&'.join(f'PJSIP/acme_1011/sip:acme_1011@192.0.2.{n}:5060;transport=tcp;ob' for n in range(9))[:255])
        line, = self.lines('--number', '1011')
        self.assertEqual((line['to'], line['dialled']), ('1011', '1011'))
        self.assertEqual(self.ids('--number', 'acme_1011'), [])

    def test_the_disposition_filter_gives_the_calls_that_show_this_disposition(self):
        """Every pair of rows, of the caller's channel, a Local channel and a phone."""
        rows = [('', 'BUSY', 'Queue'), ('', 'ANSWERED', 'Queue')]
        rows += [(channel, disposition, 'Dial') for channel in ('', 'Local/1002@acme__internal-5;1', 'PJSIP/acme_1002-0000000d', None)
                for disposition in ('ANSWERED', 'NO ANSWER', 'BUSY', 'CONGESTION', 'FAILED', 'answered', '', None)]
        for one, first in enumerate(rows):
            for other, second in enumerate(rows):
                for sequence, (channel, disposition, application) in enumerate((first, second)):
                    self.w.cdr(f'{one}.{other}', None, dstchannel=channel, disposition=disposition, lastapp=application, sequence=sequence)
        shown = {line['linkedid']: line['disposition'] for line in self.lines()}
        self.assertEqual(len(shown), len(rows) ** 2)
        for disposition in ('ANSWERED', 'NO ANSWER', 'BUSY', 'CONGESTION', 'FAILED'):
            self.assertEqual(sorted(self.ids('--disposition', disposition)),
                             sorted(call for call, its in shown.items() if its == disposition), disposition)

    def test_a_call_is_answered_only_by_a_party_that_was_called(self):
        for call, rows, disposition in (
                ('1.1', [('', 'ANSWERED'), ('PJSIP/acme_1002-0000000d', 'ANSWERED')], 'ANSWERED'),
                ('1.2', [('', 'ANSWERED'), ('Local/1002@acme__internal-5;1', 'ANSWERED')], 'NO ANSWER'),
                ('1.3', [('', 'ANSWERED'), ('PJSIP/acme_1002-0000000d', 'BUSY')], 'BUSY'),
                ('1.4', [('', 'BUSY'), ('', 'NO ANSWER')], 'BUSY'),
                ('1.5', [('', 'CONGESTION'), ('', 'FAILED')], 'CONGESTION')):
            for sequence, (channel, its) in enumerate(rows):
                self.w.cdr(call, None, dstchannel=channel, disposition=its, sequence=sequence)
            self.assertEqual({line['linkedid']: line['disposition'] for line in self.lines()}[call], disposition)

    def test_a_disposition_is_spelled_as_people_write_it(self):
        self.w.cdr('1.2', None, disposition='NO ANSWER')
        for word in ('NO ANSWER', 'no-answer', 'noanswer'):
            self.assertEqual(self.ids('--disposition', word), ['1.2'])
        self.hints(self.calls('--disposition', 'happy', status=64))

    def test_json_is_one_document_with_the_same_facts(self):
        self.assertEqual(json.loads(self.calls('--json').out), [])
        self.organization()
        self.inbound('1.1')
        self.inbound('1.2')
        first = json.loads(self.calls('--json').out)[0]
        self.assertEqual(set(COLUMNS) - set(first), set())
        self.assertEqual((first['duration'], first['talk_time'], first['legs'], first['waited'], first['answered_by']), (616, 608, 3, 8, '1002'))
        self.w.cdr('1.3', None, 'none', ago=10)
        first = json.loads(self.calls('--json').out)[0]
        self.assertEqual((first['answered_by'], first['organization']), (None, None))
        self.calls('--json', '--csv', status=64)

    def test_csv_is_read_back_unchanged_whatever_it_contains(self):
        names = ['a,b', 'say "hi"', "it's; =1+1", '\u00e4\u20ac']
        for number, name in enumerate(names):
            self.w.cdr(f'{number}.1', None, src=name, ago=600 + number)
        out = self.calls('--csv=raw').out
        self.assertEqual(out.count(b'\r\n'), len(names) + 1)
        rows = list(csv.DictReader(io.StringIO(out.decode(), newline='')))
        self.assertEqual([row['from'] for row in rows], names)
        self.assertEqual(list(rows[0]), COLUMNS)
        self.w.db.sql('delete from asterisk_cdr')
        self.assertEqual(self.calls('--csv=raw').text, ','.join(COLUMNS) + '\r\n')

    def test_the_headings_of_csv_are_words_unless_a_program_reads_it(self):
        words = [name.replace('_', ' ').capitalize() for name in COLUMNS]
        self.assertEqual(self.calls('--csv').text, ','.join(words) + '\r\n')

    def test_jsonl_has_the_objects_of_json_one_per_line(self):
        self.assertEqual(self.calls('--jsonl').out, b'')
        self.inbound()
        self.w.cdr('1.3', None, 'none', ago=10)
        lines = self.calls('--jsonl').text.splitlines()
        self.assertEqual([json.loads(line) for line in lines], json.loads(self.calls('--json').out))
        self.calls('--json', '--jsonl', status=64)
        self.calls('--csv', '--jsonl', status=64)

    def test_texts_from_the_network_cannot_control_a_terminal_or_forge_a_line(self):
        hostile = 'a\x1b]0;x\x07\x1b[2J\n1776500000.9\tforged\r\u202e\x9b31m'
        self.w.cdr('1.1', 'a.wav', src=hostile, dst=hostile, dstchannel=hostile, disposition=hostile)
        for arguments in ((), ('--csv',), ('--json',), ('show', '1.1'), ('show', '1.1', '--csv'), ('show', '1.1', '--json')):
            result = self.calls(*arguments)
            for bad in (b'\x1b', b'\x07', b'\xe2\x80\xae', b'\xc2\x9b'):
                self.assertNotIn(bad, result.out, arguments)
        self.assertEqual(len(self.calls().text.splitlines()), 1)
        self.assertEqual(json.loads(self.calls('--json').out)[0]['from'], hostile)
        seen = self.w.run_on_terminal('pbx-calls', 'show', '1.1')
        self.assertNotIn(b'\x1b', seen.out)

    def test_a_terminal_gets_a_heading_and_what_fits_and_a_pipe_gets_all(self):
        self.inbound()
        seen = self.w.run_on_terminal('pbx-calls').text.replace('\r', '').splitlines()
        self.assertRegex(seen[0], r'^linkedid +start +from +to +direction +duration')
        self.assertRegex(seen[1], r'^1776500000\.1 +\d{4}-\d\d-\d\d \d\d:\d\d +79100 +08065978002 +inbound +10:16')
        self.assertTrue(all(len(line) <= 100 for line in seen), seen)
        self.assertNotIn('accountcode', seen[0])
        self.assertEqual(len(self.calls().text.splitlines()), 1)

    def test_show_prints_the_journey_row_by_row_whichever_id_names_the_call(self):
        self.inbound()
        number = self.w.db.value("select id from asterisk_cdr where recordingfile = 'b.wav'")
        for name in ('1776500000.1', '1776500000.12', number):
            rows = [line.split('\t') for line in self.calls('show', name).text.splitlines()]
            self.assertEqual([row[3] for row in rows], ['08065978002', '5001', '1002'])
            self.assertEqual([row[7] for row in rows], ['a.wav', 'b.wav', 'c.wav'])
        call, = json.loads(self.calls('show', number, '--json').out)
        self.assertEqual([row['dst'] for row in call['rows']], ['08065978002', '5001', '1002'])
        self.assertEqual(call['answered_by'], '1002')
        seen = self.w.run_on_terminal('pbx-calls', 'show', number)
        self.assertIn('inbound call from 79100 to 08065978002, answered by 1002 after 0:08, 3 recordings', seen.text)

    def test_the_answer_to_the_question_for_consent_is_in_every_form(self):
        self.inbound()
        self.assertIsNone(json.loads(self.calls('--json').out)[0]['consent'])
        self.w.db.sql("update asterisk_cdr set recording_consent = 'granted'")
        self.assertEqual(self.lines()[0]['consent'], 'granted')
        call, = json.loads(self.calls('show', '1776500000.1', '--json').out)
        self.assertEqual((call['consent'], call['rows'][0]['recording_consent']), ('granted', 'granted'))
        self.assertIn('3 recordings, consent: granted', self.w.run_on_terminal('pbx-calls', 'show', '1776500000.1').text)

    def test_show_prints_the_pauses_of_the_recording(self):
        self.inbound()
        self.w.db.sql("update asterisk_cdr set recording_paused = case recordingfile when 'b.wav' then '12-47' else '12-,80-' end")
        call, = json.loads(self.calls('show', '1776500000.1', '--json').out)
        self.assertEqual(call['pauses'], [{'from': 12, 'until': 47}, {'from': 80, 'until': None}])
        self.assertEqual(call['rows'][1]['recording_paused'], '12-47')
        seen = self.w.run_on_terminal('pbx-calls', 'show', '1776500000.1')
        self.assertIn('3 recordings, paused from 0:12 to 0:47 and from 1:20 to the end', seen.text)

    def test_show_needs_no_window_and_reports_an_unknown_call_as_not_found(self):
        self.w.cdr('1.1', 'a.wav', ago=400 * 86400)
        self.calls('show', '1.1')
        self.organization()
        self.w.cdr('1.2', 'a.wav', OTHER_ACCOUNT)
        for name in ('1.9', '99', '99999999999999999999999', '../x', "'", '', ':name'):
            self.hints(self.calls('show', name, status=66))
        self.calls('show', '1.2', '--org', 'Acme', status=66)

    def test_show_takes_the_name_that_the_list_prints_for_a_shared_linkedid(self):
        self.organization()
        self.inbound()
        self.inbound(account=OTHER_ACCOUNT)
        self.w.cdr('1776500000.1', 'd.wav', '')
        names = self.ids()
        self.assertEqual(sorted(names), sorted(f'1776500000.1/{account}' for account in (ACCOUNT, OTHER_ACCOUNT, '')))
        for name in names:
            call, = json.loads(self.calls('show', name, '--json').out)
            self.assertEqual(call['accountcode'], name.partition('/')[2])
        self.assertEqual(len(json.loads(self.calls('show', '1776500000.1', '--json').out)), 3)
        self.calls('show', f'1776500000.1/{ACCOUNT}', '--org', 'Acme')
        number = self.w.db.value(f"select id from asterisk_cdr where accountcode = '{OTHER_ACCOUNT}' limit 1")
        self.calls('show', f'{number}/{OTHER_ACCOUNT}')
        for name, *options in ((f'1776500000.1/{OTHER_ACCOUNT}', '--org', 'Acme'), ('1776500000.1/', '--account', ACCOUNT),
                               ('1776500000.1/stranger',), (f'1776500000.1/{ACCOUNT}/',), (f'9.9/{ACCOUNT}',), (f'/{ACCOUNT}',)):
            result = self.calls('show', name, *options, status=66)
            self.says(result, f'no such call: {name}')
            self.hints(result)

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        self.w.db.sql("insert into asterisk_cdr (calldate, linkedid, src) select now() - i * interval '1 second', i::text, 'x' "
                      'from generate_series(1, 20000) i')
        process = self.w.start('pbx-calls')
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        result = self.w.finish(process)
        self.assertEqual((result.status, result.err), (0, ''), str(result))
        self.assertEqual(len(self.ids()), 20000)

    def test_a_full_disk_is_a_failure(self):
        self.w.db.sql("insert into asterisk_cdr (linkedid, src) select i::text, 'x' from generate_series(1, 5000) i")
        for arguments in ((), ('--limit', '1')):
            with open('/dev/full', 'wb') as full:
                process = self.w.start('pbx-calls', *arguments, stdout=full)
                self.assertEqual(self.status(self.w.finish(process), 73).status, 73)

    def test_other_programs_can_read_the_plain_form(self):
        self.inbound('1.1')
        self.inbound('1.2')
        out = subprocess.run(f"{self.w.command('pbx-calls')[0]} | cut -f1 | sort | xargs -n1 echo", shell=True, check=True,
                             env=self.w.environment(), stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(out.split(), ['1.1', '1.2'])

    def test_the_database_is_never_written(self):
        self.inbound()
        conninfo = self.w.db.conninfo + " options='-c default_transaction_read_only=on'"
        self.calls(env={'PBX_DATABASE': conninfo})

    def test_a_missing_schema_is_an_error_with_a_hint(self):
        self.w.db.sql('drop table asterisk_cdr')
        self.says(self.calls(status=78), 'hint: .*pbx-migrate up')


class Filters(Listing):
    """Which calls are listed, by what only all of their rows show"""

    def outbound(self, linkedid, ago=3000, **more):
        self.w.cdr(linkedid, None, ago=ago, src='1003', dst='74957654321', dcontext='acme__internal', channel='PJSIP/acme_1003-00000001',
                   **{'dstchannel': 'PJSIP/acme__trunk_carrier-00000002', **more})

    def internal(self, linkedid, ago=2000, **more):
        self.w.cdr(linkedid, None, ago=ago, **{'src': '1001', 'dst': '1003', 'dcontext': 'acme__internal',
                                               'channel': 'PJSIP/acme_1001-00000003', 'dstchannel': 'PJSIP/acme_1003-00000004', **more})

    def test_the_direction_filter_gives_the_calls_that_show_this_direction(self):
        self.organization()
        self.inbound('1.1')
        self.outbound('1.2')
        self.outbound('1.3', dstchannel='', disposition='FAILED')
        self.internal('1.4')
        shown = {line['linkedid']: line['direction'] for line in self.lines()}
        self.assertEqual(shown, {'1.1': 'inbound', '1.2': 'outbound', '1.3': 'outbound', '1.4': 'internal'})
        for direction in ('inbound', 'outbound', 'internal'):
            self.assertEqual(sorted(self.ids('--direction', direction)), sorted(call for call, its in shown.items() if its == direction))
        self.assertEqual(self.ids('--direction', 'Internal'), ['1.4'])
        for wrong in ('in', 'incoming', 'both'):
            result = self.calls('--direction', wrong, status=64)
            self.says(result, f'unknown direction "{wrong}"', 'hint: use inbound, outbound or internal')
        self.says(self.calls('--direction', '', status=64), '--direction is empty')

    def test_an_extension_is_found_where_it_called_was_called_or_answered(self):
        self.organization()
        self.w.db.sql(f"insert into users (org_id, username, extension, asterisk_endpoint) values ('{ACCOUNT}', 'bob', '1007', 'acme_bob')")
        self.inbound('1.1')                                          # 1002 answers as a member of a queue
        self.outbound('1.2')                                         # 1003 calls out
        self.internal('1.3')                                         # 1001 calls 1003
        self.internal('1.4', dstchannel='', disposition='FAILED')    # 1003 is not registered
        self.internal('1.5', dst='1007', dstchannel='PJSIP/acme_bob-00000005')
        self.internal('1.6', channel='PJSIP/acme_bob-00000006', src='1007', dst='1004')
        for extension, calls in {'1002': ['1.1'], '1003': ['1.2', '1.3', '1.4', '1.6'], '1001': ['1.3', '1.4', '1.5'],
                                 '1007': ['1.5', '1.6'], '1004': ['1.6'], '002': [], '100': [], '11002': [], 'acme_1002': [], '1': []}.items():
            with self.subTest(extension):
                self.assertEqual(sorted(self.ids('--extension', extension)), calls)
        self.says(self.calls('--extension', '', status=64), '--extension is empty')

    def test_the_digits_of_an_extension_outside_of_the_organization_are_not_the_extension(self):
        self.organization()
        self.w.cdr('1.1', None, src='1002', dst='74950001', dcontext='acme__incoming_sub', channel=TRUNK)   # a forged caller ID
        self.w.cdr('1.2', None, src='79100', dst='1002', dcontext='acme__incoming_sub', channel=TRUNK)      # a short DID
        self.w.cdr('1.3', None, src='1003', dst='1002', dcontext='acme__outbound', channel='PJSIP/acme_1003-00000001',
                   dstchannel='PJSIP/acme__trunk_carrier-00000002', lastdata='PJSIP/1002@carrier,60,TU(pbx-recorder-up^1002^1003^^acme^route-1)')
        self.assertEqual(self.ids('--extension', '1002'), [])
        self.assertEqual(self.ids('--extension', '1003'), ['1.3'])

    def test_an_extension_is_found_after_a_transfer_and_where_it_rings_a_phone_outside(self):
        self.organization()
        self.w.cdr('1.1', None, dst='1012', dcontext='acme__transfer', channel='PJSIP/acme_1010-00000001', src='1010',
                   dstchannel='', lastdata='PJSIP/acme_1011,60,tTU(pbx-recorder-up^1011^1010^^acme^extension-1011)')
        self.w.cdr('1.2', None, src='79100', dst='79261234567', dcontext='acme__outbound', channel='Local/1011@acme__internal-5;2',
                   dstchannel='PJSIP/acme__trunk_carrier-00000002',
                   lastdata='PJSIP/79261234567@carrier,60,U(pbx-recorder-up^1011^79100^^acme^extension-1011)')
        self.assertEqual(sorted(self.ids('--extension', '1011')), ['1.1', '1.2'])
        self.assertEqual(self.ids('--extension', '1012'), ['1.1'])
        cut = 'PJSIP/acme_1013,60,tTU(pbx-recorder-up^101'  # Asterisk stores 79 characters
        self.w.cdr('1.3', None, dst='1013', dcontext='acme__internal', channel='PJSIP/acme_1010-00000001', lastdata=cut)
        self.assertEqual(self.ids('--extension', '101'), [])

    def test_an_extension_is_found_where_no_organization_is_known(self):
        self.w.cdr('1.1', None, '', channel='SIP/1002-00000001', dst='74957654321', dcontext='from-internal')
        self.w.cdr('1.2', None, '', channel='SIP/trunk-00000001', dst='1002', dcontext='ext-local')
        self.w.cdr('1.3', None, '', channel='SIP/trunk-1002', dst='s', dcontext='ext-local')
        self.assertEqual(sorted(self.ids('--extension', '1002')), ['1.1', '1.2'])

    def test_a_call_of_at_least_a_time_lasted_from_its_start_to_its_end(self):
        for seconds in (89, 90, 91):
            self.w.cdr(f'{seconds}.1', None, duration=seconds, billsec=1)
        self.w.cdr('2.1', None, ago=1000, duration=10)
        self.w.cdr('2.1', None, ago=920, duration=10, sequence=2)
        for text in ('90', '1m30s', '90s'):
            self.assertEqual(sorted(self.ids('--min-duration', text)), ['2.1', '90.1', '91.1'])
        self.assertEqual(len(self.ids('--min-duration', '0')), 4)
        for wrong in ('', 'long', '-5', '5x'):
            self.says(self.calls('--min-duration', wrong, status=64), '--min-duration: "[^"]*" is not a duration')

    def test_calls_are_recorded_if_a_row_names_a_recording_and_unrecorded_only_if_they_were_answered(self):
        self.w.cdr('1.1', None, dstchannel='PJSIP/acme_1002-0000000d')
        self.w.cdr('1.1', 'a.wav', sequence=2)
        self.w.cdr('1.2', '', dstchannel='PJSIP/acme_1002-0000000d')
        self.w.cdr('1.3', None, dstchannel='PJSIP/acme_1002-0000000d')
        self.w.cdr('1.4', None)                                               # a DID answered, and no person
        self.w.cdr('1.5', None, disposition='BUSY', dstchannel='PJSIP/acme_1002-0000000d')
        self.w.cdr('1.6', 'b.wav', disposition='NO ANSWER')
        self.assertEqual(sorted(self.ids('--recorded')), ['1.1', '1.6'])
        self.assertEqual(sorted(self.ids('--unrecorded')), ['1.2', '1.3'])
        self.hints(self.calls('--recorded', '--unrecorded', status=64))

    def test_a_call_that_fetch_and_the_audit_call_unrecorded_is_listed_as_unrecorded(self):
        self.w = self.workdir()
        self.organization()
        self.w.db.sql(f"insert into users (org_id, username, extension, status) values ('{ACCOUNT}', 'c', '1003', 'active')")
        self.internal('1.1')
        self.internal('1.2', disposition='NO ANSWER', billsec=0)
        reasons = {call: json.loads(self.status(self.w.run('pbx-recording-fetch', '--json', call), 66).out)['absence'] for call in ('1.1', '1.2')}
        self.assertEqual(reasons, {'1.1': 'unrecorded', '1.2': 'unanswered'})
        self.assertEqual(self.ids('--unrecorded'), ['1.1'])
        report = json.loads(self.status(self.w.run('pbx-archive', 'audit', '--json'), 0).out)
        self.assertEqual([(call['linkedid'], call['verdict']) for call in report['calls']], [('1.1', 'unrecorded')])

    def test_all_filters_combine_and_the_limit_counts_the_calls_that_pass_them(self):
        self.organization()
        for number in range(40):
            self.inbound(f'{number}.1', ago=7000 - number * 20)
            self.internal(f'{number}.2', ago=6990 - number * 20, duration=number)
        ids = self.ids('--direction', 'internal', '--min-duration', '30', '--extension', '1003', '--disposition', 'answered', '--org', 'Acme',
                       '--unrecorded', '--since', '2h', '--number', '1001')
        self.assertEqual(ids, [f'{number}.2' for number in range(39, 29, -1)])
        self.assertEqual(self.ids('--direction', 'internal', '--limit', '3'), ['39.2', '38.2', '37.2'])
        self.assertEqual(self.ids('--recorded', '--min-duration', '10m', '--limit', '2'), ['39.1', '38.1'])
        self.assertEqual(self.ids('--recorded', '--direction', 'internal', '--limit', '2'), [])
        self.assertEqual(len(json.loads(self.calls('--extension', '1002', '--limit', '7', '--json').out)), 7)


class Columns(Listing):
    def setUp(self):
        super().setUp()
        self.organization()
        self.inbound()

    def test_the_chosen_columns_are_printed_in_their_order(self):
        self.assertEqual(self.calls('--columns', 'to,from,linkedid').text, '08065978002\t79100\t1776500000.1\n')
        self.assertEqual(self.calls('--columns', 'talk_time').text, '608\n')
        self.assertEqual(self.calls('--columns', ','.join(COLUMNS)).text, self.calls().text)
        self.assertEqual(self.calls('--columns', 'talk_time,to', '--csv').text, 'Talk time,To\r\n608,08065978002\r\n')
        self.assertEqual(self.calls('--columns', 'talk_time,to', '--csv=raw').text, 'talk_time,to\r\n608,08065978002\r\n')

    def test_json_has_the_chosen_fields_after_those_that_every_object_has(self):
        whole, = json.loads(self.calls('--json').out)
        for names in (['to', 'from'], ['answered_by', 'consent', 'legs'], COLUMNS):
            call, = json.loads(self.calls('--json', '--columns', ','.join(names)).out)
            self.assertEqual(list(call), ['schema', 'version', *names])
            self.assertEqual(call, {name: whole[name] for name in call})
            self.assertEqual(json.loads(self.calls('--jsonl', '--columns', ','.join(names)).out), call)

    def test_the_linkedid_names_its_call_in_whatever_column(self):
        self.inbound(account=OTHER_ACCOUNT)
        self.assertEqual(self.calls('--columns', 'from,linkedid', '--org', 'Acme').text, f'79100\t1776500000.1/{ACCOUNT}\n')
        self.assertEqual(self.calls('--columns', 'from,linkedid', '--org', 'Acme', '--csv=raw').text, 'from,linkedid\r\n79100,1776500000.1\r\n')

    def test_a_terminal_shows_the_chosen_columns_before_those_that_it_prefers_otherwise(self):
        seen = self.w.run_on_terminal('pbx-calls', '--columns', 'answered_by,waited,legs').text.replace('\r', '').splitlines()
        self.assertEqual([line.split() for line in seen], [['answered_by', 'waited', 'legs'], ['1002', '0:08', '3']])

    def test_an_unknown_or_repeated_column_is_a_usage_error_that_lists_the_columns(self):
        for names, message in (('from,colour', 'unknown column "colour"'), ('from,,to', 'unknown column ""'), ('From', 'unknown column "From"'),
                               ('from,', 'unknown column ""'), ('ended', 'unknown column "ended"'), ('to,from,to', 'column "to" is named twice'),
                               ('', '--columns is empty')):
            for form in ((), ('--json',), ('--csv',)):
                with self.subTest(names=names, form=form):
                    result = self.calls('--columns', names, *form, status=64, env={'PBX_DATABASE': 'host=/nonexistent'})
                    self.says(result, message)
                    self.hints(result)
                    self.assertEqual(result.out, b'')
                    if message.startswith('unknown'):
                        self.says(result, 'the columns are ' + ', '.join(COLUMNS))


if __name__ == '__main__':
    main()
