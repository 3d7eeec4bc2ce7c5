#!/usr/bin/env python3
"""pbx-archive audit: where the leg of each CDR row is and what its audio is worth, which calls were not recorded, and which files
no row names."""
import csv
import hashlib
import io
import json
import os
import re
import sys
import time

from sound import empty, pcm, ramp, truncated, unfinished
from workdir import NO_LEAK_CHECK, OTHER_ACCOUNT, SOURCE, Case, main, quoted

ACME, BETA = '11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222'
LEG = pcm(ramp(9.0))  # as long as the talk time of Workdir.cdr()'s rows
HEARD = {'peak': -3.1, 'rms': -21.4, 'silence': 0.5}
A_LAW_SILENCE = {'peak': -72.2, 'rms': -72.2, 'silence': 9.0}
NOTHING_HEARD = {'peak': None, 'rms': None, 'silence': 9.0}


class AuditCase(Case):
    def pbx(self, **how):
        """Acme has a leg in every place, Beta has one; the master switch and the rows state what is to be recorded."""
        work = self.workdir(**how)
        work.db.sql(f"""
            insert into organizations (id, name, context_prefix) values ('{ACME}', 'Acme', 'org_acme'), ('{BETA}', 'Beta', 'org_beta');
            insert into did_numbers (org_id, number) values ('{ACME}', '08065978002');
            insert into users (org_id, extension, recording_enabled) values ('{ACME}', '1003', true), ('{ACME}', '1004', false),
                ('{BETA}', '1003', true)""")
        for name in ('local.wav', 'both.wav'):
            work.leg(name, LEG)
        work.leg('empty.wav', LEG[:44])
        for name in ('remote.wav', 'both.wav', 'stitched/1776500000.1.wav'):
            work.remote.put(name, LEG)
        for number, name in enumerate(('local.wav', 'remote.wav', 'both.wav', 'empty.wav', 'gone.wav', 'both.wav')):
            self.row(work, f'1776500000.{number}', name, **({'billsec': 0} if name == 'empty.wav' else {}))
        return work

    @staticmethod
    def row(work, linkedid, name, account=ACME, **more):
        return work.cdr(linkedid, name, account, **{'dcontext': 'org_acme__internal', 'dst': '1003', 'ago': 7200, **more})

    def report(self, work, *arguments, status=65):
        return json.loads(self.status(work.run('pbx-archive', 'audit', '--json', *arguments), status).out)

    def small_pbx(self, rows='', **how):
        """Acme alone, without a leg: a DID, a queue and an extension, all of them recorded, and `rows` of SQL."""
        work = self.workdir(**{'remote': 'local', **how})
        work.db.sql(f"""
            insert into organizations (id, name, context_prefix) values ('{ACME}', 'Acme', 'org_acme');
            insert into did_numbers (org_id, number, routing_type, routing_destination) values ('{ACME}', '+49 30 1234', 'queue', '5001');
            insert into queues (org_id, number, name) values ('{ACME}', '5001', 'Sales');
            insert into users (org_id, extension) values ('{ACME}', '1003'); {rows}""")
        return work

    @staticmethod
    def facts(work, name, data=LEG, **more):
        """What pbx-archive knows of an archived leg. It is in the archive with this content."""
        work.remote.put(name, data)
        row = {'shelf': 'legs', 'name': name, 'size': len(data), 'md5': hashlib.md5(data).hexdigest(), 'frames': 72000,
               'rate': 8000, 'channels': 1, 'codec': 'pcm16', 'levels': [HEARD], 'unfinished': False, **more}
        values = ', '.join('null' if value is None else quoted(json.dumps(value) if isinstance(value, list) else value)
                           for value in row.values())
        work.db.sql(f"insert into recordings ({', '.join(row)}, archived_at) values ({values}, now())")


class Audit(AuditCase):
    def test_every_row_says_where_its_leg_is(self):
        for remote in ('gcs', 'local', 'webdav'):
            with self.subTest(remote):
                rows = self.report(self.pbx(remote=remote))['rows']
                self.assertEqual([(row['recordingfile'], row['state']) for row in rows],
                                 [('local.wav', 'local'), ('remote.wav', 'remote'), ('both.wav', 'both'),
                                  ('empty.wav', 'local'), ('gone.wav', 'missing'), ('both.wav', 'both')])

    def test_an_organization_counts_each_leg_once(self):
        sums = {one['organization']: one for one in self.report(self.pbx())['organizations']}
        self.assertEqual({key: sums['Acme'][key] for key in ('legs', 'local', 'remote', 'both', 'missing')},
                         {'legs': 5, 'local': 2, 'remote': 1, 'both': 1, 'missing': 1})
        self.assertEqual(sums['Beta']['legs'], 0)

    def test_a_missing_leg_is_named_and_is_a_data_error_and_without_one_the_audit_succeeds(self):
        work = self.pbx()
        result = self.status(work.run('pbx-archive', 'audit'), 65)
        self.assertRegex(result.out.decode(), r'(?m)^missing\tgone\.wav\t')
        self.says(result, r'1 leg is neither in the spool nor in the archive')
        work.leg('gone.wav', LEG)
        result = self.status(work.run('pbx-archive', 'audit'), 0)
        self.assertNotRegex(result.out.decode(), r'(?m)^missing\t')
        self.assertEqual(result.err, '')

    def test_a_leg_that_another_node_may_still_archive_is_awaited_until_an_hour_after_the_call(self):
        work = self.pbx()
        work.leg('gone.wav', LEG)
        self.row(work, '1776500006.1', 'elsewhere.wav', ago=5400, duration=3000)   # ended 40 minutes ago
        report = self.report(work, status=0)
        self.assertEqual([row['state'] for row in report['rows'] if row['recordingfile'] == 'elsewhere.wav'], ['awaited'])
        self.assertEqual((report['total']['awaited'], report['total']['missing']), (1, 0))
        result = self.status(work.run('pbx-archive', 'audit', '--summary'), 0)
        self.assertIn('but 1 leg may still arrive', result.text)
        self.assertRegex(result.text, r'(?m)^awaited\telsewhere\.wav\t')
        # Any row of the call shows how long it lasted.
        self.row(work, '1776500006.2', 'early.wav', ago=7200, duration=60)
        self.assertEqual(self.report(work)['total']['missing'], 1)
        self.row(work, '1776500006.2', '', ago=7100, duration=6000)
        self.assertEqual(self.report(work, status=0)['total']['awaited'], 2)
        self.row(work, '1776500006.3', 'late.wav', ago=7200, duration=3000)        # ended over an hour ago
        self.assertEqual(self.report(work)['total']['missing'], 1)

    def test_a_call_that_policy_wants_recorded_and_that_names_no_leg_is_counted(self):
        work = self.pbx()
        self.row(work, '1776500001.1', '')                              # answered at 1003, which is recorded
        self.row(work, '1776500001.2', '', dst='1004')                  # 1004 opted out
        self.row(work, '1776500001.3', '', disposition='NO ANSWER')     # nobody spoke
        acme = self.report(work)['organizations'][0]
        self.assertEqual((acme['calls'], acme['unrecorded']), (7, 1))

        work.db.sql("""update organizations set settings = '{"recording_enabled": false}'""")
        self.assertEqual(self.report(work)['organizations'][0]['calls'], 0)

    def test_files_that_no_row_names_are_orphans_unless_they_are_young(self):
        work = self.pbx()
        work.leg('20260418-140000-1-08065978002.wav', LEG, age=7200)
        work.leg('20260418-140000-1-1003.wav', LEG, age=7200)           # two organizations have a 1003
        work.leg('named.wav', LEG, age=7200)
        self.row(work, '1776500009.1', 'named.wav')
        work.leg('young.wav', LEG)
        work.leg('notes.txt', b'x', age=7200)
        orphans = {one['name']: one['accountcode'] for one in self.report(work)['orphans']}
        self.assertEqual(orphans, {'20260418-140000-1-08065978002.wav': ACME, '20260418-140000-1-1003.wav': ''})

    def test_the_number_in_an_orphans_name_is_read_whatever_follows_it(self):
        work = self.pbx()
        work.db.sql(f"insert into queues (org_id, number) values ('{BETA}', '5001')")
        named = {f'20260418-140000-{middle}{end}.wav': account
                 for middle, account in (('1-08065978002', ACME), ('anonymous-queue-5001', BETA), ('5001-9', ''))
                 for end in ('', '-n1', '-1776500000.5', '-n1-1776500000.5', '-5001-1776500000.5.123456')}
        for name in named:
            work.leg(name, LEG, age=7200)
        self.assertEqual({one['name']: one['accountcode'] for one in self.report(work)['orphans']}, named)

    def test_one_account_sees_nothing_of_others(self):
        work = self.pbx()
        self.row(work, '1776500002.1', 'beta.wav', BETA)
        work.leg('orphan.wav', LEG, age=7200)
        result = self.status(work.run('pbx-archive', 'audit', '--account', ACME), 65)
        for foreign in ('beta.wav', BETA, 'Beta', 'orphan.wav'):
            self.assertNotIn(foreign, result.out.decode())

    def test_one_account_is_told_nothing_of_a_file_of_others_that_cannot_be_read_or_compared(self):
        work = self.pbx()
        self.row(work, '1776500002.1', 'beta.wav', BETA)
        work.leg('beta.wav', LEG, age=7200)
        unreadable = ('/usr/bin/strace', '-f', '-o', '/dev/null', '-P', 'beta.wav', '-e', 'trace=openat,openat2', '-e',
                      'inject=openat,openat2:error=EACCES')
        for arguments, is_named in (((), True), (('--account', BETA), True), (('--account', ACME), False)):
            result = work.run(*unreadable, *work.command('pbx-archive', 'audit', *arguments), env=NO_LEAK_CHECK)
            self.assertEqual('cannot judge leg beta.wav' in result.err, is_named, result)
        work.remote.put('beta.wav', LEG)
        work.cloud.fault(match='beta', status=403)
        for arguments, is_named in ((('--account', BETA), True), (('--account', ACME), False)):
            result = work.run('pbx-archive', 'audit', *arguments)
            self.assertEqual('beta.wav' in result.err, is_named, result)

    def test_an_account_that_names_the_leg_of_another_learns_nothing_of_the_file(self):
        work = self.pbx()
        self.row(work, '1776500002.1', 'mine.wav', ACME)
        self.row(work, '1776500002.2', 'mine.wav', BETA)
        work.leg('mine.wav', LEG, age=7200)
        report = self.report(work, '--account', BETA)
        row, = (row for row in report['rows'] if row['recordingfile'] == 'mine.wav')
        self.assertEqual([row[key] for key in ('state', 'local', 'remote', 'seconds', 'worth')], ['ambiguous', None, None, None, None])
        self.assertEqual(report['total']['bytes'], 0)

    def test_rows_without_a_linkedid_are_calls_of_their_own(self):
        work = self.small_pbx()
        for name in ('one.wav', 'two.wav'):
            self.row(work, '', name, ago=2 * 86400)
        work.leg('new.wav', LEG)
        self.row(work, '', 'new.wav', ago=600)
        work.db.sql('update asterisk_cdr set linkedid = null')
        report = self.report(work)
        self.assertEqual(sorted((row['recordingfile'], row['state']) for row in report['rows']),
                         [('new.wav', 'local'), ('one.wav', 'missing'), ('two.wav', 'missing')])
        self.assertEqual(report['total']['calls'], 3)

    def test_the_window_does_not_change_what_a_leg_is_worth(self):
        work = self.small_pbx()
        work.leg('long.wav', pcm(ramp(60)), age=600)
        self.row(work, '1776500002.1', 'long.wav', ago=26 * 3600, duration=20, billsec=20)
        self.row(work, '1776500002.1', 'long.wav', ago=3600, sequence=2, duration=90, billsec=90)
        for since in ((), ('--since', '24h')):
            self.assertEqual({row['worth'] for row in self.report(work, *since, status=0)['rows']}, {'sound'})

    def test_an_account_that_neither_an_organization_nor_a_row_has_is_no_input(self):
        work = self.pbx()
        for arguments in (('--account', "x' or true --"), ('--account', '33333333-1111-1111-1111-111111111111'), ('--org', 'nobody')):
            result = self.status(work.run('pbx-archive', 'audit', *arguments), 66)
            self.hints(result)
            self.assertEqual(result.out, b'')
        self.row(work, '1776500002.2', 'stranger.wav', 'stranger')
        self.assertEqual(len(self.report(work, '--account', 'stranger')['rows']), 1)

    def test_an_organization_is_found_by_its_name_its_prefix_and_its_id(self):
        work = self.pbx()
        work.leg('gone.wav', LEG)
        self.row(work, '1776500002.1', 'beta.wav', BETA)
        for name in ('Acme', 'org_acme', ACME):
            report = self.report(work, '--org', name, status=0)
            self.assertEqual((report['accountcode'], report['organization']), (ACME, 'Acme'))
            self.assertNotIn('beta.wav', str(report))
        self.status(work.run('pbx-archive', 'audit', '--org', 'Acme', '--account', OTHER_ACCOUNT), 64)

    def test_a_row_of_an_account_without_an_organization_says_so(self):
        work = self.pbx()
        self.row(work, '1776500002.2', 'local.wav', 'stranger')
        self.row(work, '1776500002.3', '', 'stranger')
        row = next(row for row in self.report(work)['rows'] if row['accountcode'] == 'stranger')
        self.assertIsNone(row['organization'])
        self.assertIn('2 CDR rows of 1 account belong to no organization', work.run('pbx-archive', 'audit').text)

    def test_since_leaves_out_older_rows(self):
        work = self.pbx()
        self.row(work, '1776500003.1', 'ancient.wav', ago=90 * 86400)
        self.assertIn('ancient.wav', str(self.report(work)['rows']))
        self.assertNotIn('ancient.wav', str(self.report(work, '--since', '30d')['rows']))

    def test_the_remote_is_listed_rather_than_queried_file_by_file(self):
        work = self.pbx()
        work.db.sql(f"""insert into asterisk_cdr (linkedid, accountcode, recordingfile)
            select '1776500004.' || n, '{ACME}', n || '.wav' from generate_series(1, 300) n""")
        for number in range(300):
            work.remote.put(f'{number}.wav', LEG)
        work.cloud.log.clear()
        self.report(work)
        self.assertLess(len(work.cloud.log), 10)

    def test_a_remote_that_is_down_makes_no_leg_missing(self):
        work = self.pbx()
        work.remote_down()
        result = self.status(work.run('pbx-archive', 'audit'), 69)
        self.assertEqual(result.out, b'')
        self.hints(result)

    def test_a_bucket_that_does_not_exist_makes_no_leg_missing(self):
        work = self.pbx()
        result = self.status(work.run('pbx-archive', 'audit', env={'PBX_REMOTE': work.remote.path.split(':')[0] + ':nobucket/x'}), 69)
        self.assertEqual(result.out, b'')
        self.says(result, 'it has no marker')

    def test_names_from_the_database_cannot_drive_a_terminal(self):
        work = self.pbx()
        self.row(work, '1776500005.1', '../\x1b[2Jx\n.wav')
        result = self.status(work.run('pbx-archive', 'audit'), 65)
        self.assertNotIn(b'\x1b', result.out)
        self.assertIn('missing', [row['state'] for row in self.report(work)['rows'] if '\x1b' in row['recordingfile']])

    def test_the_audit_changes_nothing(self):
        work = self.pbx()
        before = work.snapshot(work.spool), work.remote.files(), work.db.value('select count(*) from asterisk_cdr')
        self.report(work)
        self.assertEqual(before, (work.snapshot(work.spool), work.remote.files(),
                                  work.db.value('select count(*) from asterisk_cdr')))

    def test_without_a_remote_it_is_a_configuration_error(self):
        self.status(self.workdir(remote=None).run('pbx-archive', 'audit'), 78)


class Worth(AuditCase):
    """Exactly one word for each leg, the worst that is true."""

    def audited(self, work, *arguments, status):
        return {row['recordingfile']: row for row in self.report(work, *arguments, status=status)['rows']}

    def test_a_leg_in_the_spool_is_judged_by_what_it_has(self):
        work = self.small_pbx()
        quiet, loud = bytes(2 * 8000 * 10), ramp(10.0)
        two = lambda left, right: b''.join(left[at:at + 2] + right[at:at + 2] for at in range(0, len(left), 2))
        for number, (worth, data) in enumerate((('sound', pcm(loud)), ('silent', pcm(quiet)), ('silent', pcm(b'\x08\0\xf8\xff' * 40000)),
                                                ('sound', pcm(quiet[2:] + b'\x09\0')), ('silent', pcm(two(quiet, quiet), channels=2)),
                                                ('one-sided', pcm(two(loud, quiet), channels=2)),
                                                ('one-sided', pcm(two(quiet, loud), channels=2)),
                                                ('sound', pcm(two(loud, loud), channels=2)), ('short', pcm(quiet[:16000])))):
            name = f'{number}-{worth}.wav'
            work.leg(name, data)
            self.row(work, f'1776500000.{number}', name)
        rows = self.report(work)['rows']
        self.assertEqual(len(rows), 9)
        for row in rows:
            self.assertEqual(row['worth'], row['recordingfile'][2:-4], row)

    def test_an_object_with_another_md5_differs_from_its_facts(self):
        work = self.workdir()
        work.three_legs()
        self.status(work.run('pbx-archive'), 0)
        name, data = next(iter(work.remote.files().items()))
        work.remote.put(name, data[:-2] + b'xy')
        states = {row['recordingfile']: row['state'] for row in self.report(work, status=65)['rows']}
        self.assertEqual([states.pop(name), set(states.values())], ['differs', {'remote'}])

    def test_an_archived_leg_is_judged_by_its_facts(self):
        work = self.small_pbx()
        expected = {}
        for worth, facts in (('sound', {}), ('empty', {'frames': 0, 'levels': [NOTHING_HEARD]}), ('silent', {'levels': [NOTHING_HEARD]}),
                             ('silent', {'levels': [NOTHING_HEARD] * 2, 'channels': 2}), ('cut', {'unfinished': True}),
                             ('one-sided', {'levels': [HEARD, NOTHING_HEARD], 'channels': 2}),
                             ('one-sided', {'levels': [HEARD, A_LAW_SILENCE], 'channels': 2}), ('silent', {'levels': [A_LAW_SILENCE]}),
                             ('sound', {'levels': [HEARD, {**HEARD, 'peak': -71.2}], 'channels': 2}),
                             ('one-sided', {'levels': [NOTHING_HEARD, HEARD], 'channels': 2}), ('short', {'frames': 5 * 8000}),
                             ('sound', {'levels': [HEARD] * 2, 'channels': 2}), ('unjudged', {'frames': None, 'levels': None}),
                             ('empty', {'frames': 0, 'unfinished': True}), ('silent', {'levels': [NOTHING_HEARD], 'unfinished': True}),
                             ('cut', {'frames': 5 * 8000, 'unfinished': True}),
                             ('one-sided', {'levels': [HEARD, NOTHING_HEARD], 'channels': 2, 'frames': 5 * 8000})):
            name = f'{len(expected)}-{worth}.wav'
            expected[name] = worth
            self.facts(work, name, **facts)
            self.row(work, f'1776500000.{len(expected)}', name)
        report = self.report(work)
        self.assertEqual({row['recordingfile']: row['worth'] for row in report['rows']}, expected)
        words = list(expected.values())
        acme = report['organizations'][0]
        self.assertEqual({word: acme[word] for word in words}, {word: words.count(word) for word in words})
        result = work.run('pbx-archive', 'audit', '--summary')
        self.says(result, '13 legs have damaged audio')
        self.hints(result)
        for name, worth in expected.items():
            self.assertEqual(bool(re.search(rf'(?m)^remote\t{name}\t.*\t{worth}$', result.text)), worth not in ('sound', 'unjudged'), name)

    def test_a_leg_in_the_spool_is_judged_by_its_header(self):
        work = self.small_pbx()
        legs = {'sound.wav': (LEG, 'sound'), 'empty.wav': (empty(), 'empty'), 'cut.wav': (unfinished(LEG), 'cut'),
                'truncated.wav': (truncated(LEG, 100000), 'cut'), 'short.wav': (pcm(ramp(5.0)), 'short'),
                'zeros.wav': (bytes(len(LEG)), 'cut'), 'nothing.wav': (b'', 'empty')}
        for number, (name, (data, _)) in enumerate(legs.items()):
            work.leg(name, data)
            self.row(work, f'1776500000.{number}', name)
        self.assertEqual({name: row['worth'] for name, row in self.audited(work, status=65).items()},
                         {name: worth for name, (_, worth) in legs.items()})

    def test_each_damage_alone_is_a_data_error_and_a_leg_of_unknown_worth_is_none(self):
        for data in (empty(), unfinished(LEG), pcm(ramp(5.0))):
            work = self.small_pbx()
            work.leg('a.wav', data)
            self.row(work, '1776500000.1', 'a.wav')
            self.says(self.status(work.run('pbx-archive', 'audit'), 65), '1 leg has damaged audio')
        work = self.small_pbx()
        work.remote.put('a.wav', LEG)
        self.row(work, '1776500000.1', 'a.wav')
        self.assertEqual(self.audited(work, status=0)['a.wav']['worth'], 'unjudged')

    def test_a_leg_that_is_still_written_is_not_judged(self):
        work = self.small_pbx()
        work.leg('open.wav', unfinished(LEG))
        self.row(work, '1776500000.1', 'open.wav')
        holder = work.hold_open('open.wav')
        self.assertEqual(self.audited(work, status=0)['open.wav']['worth'], 'unjudged')
        holder.kill()
        holder.wait()
        self.assertEqual(self.audited(work, status=65)['open.wav']['worth'], 'cut')

    def test_facts_of_another_size_are_not_those_of_the_object(self):
        work = self.small_pbx()
        self.facts(work, 'a.wav')
        work.remote.put('a.wav', LEG + LEG)
        self.row(work, '1776500000.1', 'a.wav')
        row = self.audited(work, status=65)['a.wav']
        self.assertEqual((row['state'], row['worth']), ('differs', None))

    def test_up_to_three_seconds_or_a_tenth_of_the_talk_time_may_be_missing(self):
        work = self.small_pbx()
        for talk, seconds in ((9, 6), (9, 5.9), (3, 0), (4, 0), (100, 90), (100, 89), (0, 0)):
            self.facts(work, f'{talk}-{seconds}.wav', frames=int(seconds * 8000))
            self.row(work, f'1776500000.{talk}{seconds}', f'{talk}-{seconds}.wav', billsec=talk, duration=talk)
        self.assertEqual({name: row['worth'] for name, row in self.audited(work, status=65).items()},
                         {'9-6.wav': 'sound', '9-5.9.wav': 'short', '3-0.wav': 'sound', '4-0.wav': 'empty', '100-90.wav': 'sound',
                          '100-89.wav': 'short', '0-0.wav': 'sound'})

    def test_a_leg_that_was_paused_while_people_talked_is_no_fault(self):
        work = self.small_pbx()
        # Seconds of audio of 100 s of talk, the pauses of the leg's row and of another row of the call, and the worth
        cases = {'throughout.wav': (0, '0-', '0-', 'paused'), 'nearly.wav': (0, '2-99', '', 'paused'),
                 'resumed.wav': (0, '0-', '0-40', 'empty'), 'twice.wav': (0, '0-50,51-', '', 'paused'),
                 'half.wav': (50, '25-75', '', 'sound'), 'lost.wav': (30, '25-75', '', 'short'),
                 'elsewhere.wav': (0, '500-600', '', 'empty'), 'damaged.wav': (0, 'x,-9,50-20,99999999999-,7', '', 'empty'),
                 'unpaused.wav': (50, '', '', 'short')}
        for number, (name, (seconds, paused, elsewhere, _)) in enumerate(cases.items()):
            call = f'pbx-1..example-{work.now - 7200}.{number}'
            self.facts(work, name, frames=seconds * 8000, **({} if seconds else {'levels': [NOTHING_HEARD]}))
            self.row(work, call, name, duration=100, billsec=100, recording_paused=paused)
            self.row(work, call, '', duration=0, billsec=0, disposition='NO ANSWER', recording_paused=elsewhere, sequence=2)
        report = self.report(work)
        self.assertEqual({row['recordingfile']: row['worth'] for row in report['rows']}, {name: case[3] for name, case in cases.items()})
        self.assertEqual({row['recordingfile']: row['talk'] for row in report['rows'] if row['worth'] == 'sound'}, {'half.wav': 50})
        self.assertEqual((report['total']['paused'], report['total']['empty'], report['total']['sound']), (3, 3, 4))
        work.db.sql("delete from asterisk_cdr where recordingfile not in ('throughout.wav', 'half.wav')")
        self.status(work.run('pbx-archive', 'audit'), 0)
        self.assertNotIn('throughout.wav', work.run('pbx-archive', 'audit', '--summary').text)

    def test_the_leg_of_a_did_or_a_queue_ends_when_the_next_side_answers(self):
        work = self.small_pbx()
        for leg, row in {'did.wav': {'dcontext': 'org_acme__incoming_sub', 'dst': '49301234', 'duration': 100, 'billsec': 100},
                         'queue.wav': {'dcontext': 'org_acme__queue', 'dst': '5001', 'ago': 7180, 'duration': 80, 'billsec': 80, 'sequence': 2},
                         '': {'ago': 7175, 'duration': 20, 'billsec': 0, 'disposition': 'NO ANSWER', 'sequence': 3},
                         'extension.wav': {'ago': 7170, 'duration': 70, 'billsec': 50, 'sequence': 4}}.items():
            self.row(work, '1776500000.1', leg, **row)
        for name, seconds in (('did.wav', 20), ('queue.wav', 30), ('extension.wav', 50)):
            self.facts(work, name, frames=seconds * 8000)
        self.assertEqual({name: (row['talk'], row['worth']) for name, row in self.audited(work, status=0).items()},
                         {'did.wav': (20, 'sound'), 'queue.wav': (30, 'sound'), 'extension.wav': (50, 'sound')})
        work.db.sql("update recordings set frames = 8000 where name in ('queue.wav', 'extension.wav')")
        self.assertEqual([name for name, row in self.audited(work, status=65).items() if row['worth'] == 'short'],
                         ['queue.wav', 'extension.wav'])

    def test_a_leg_that_goes_on_after_a_transfer_is_measured_by_its_first_row(self):
        work = self.small_pbx()
        self.facts(work, 'both.wav', frames=60 * 8000)
        self.row(work, '1776500000.1', 'both.wav', duration=20, billsec=20)
        self.row(work, '1776500000.1', 'both.wav', ago=7180, duration=90, billsec=90, sequence=2)
        self.assertEqual(self.audited(work, status=0)['both.wav']['talk'], 20)

    def test_an_orphan_shows_what_its_name_and_its_facts_tell(self):
        work = self.small_pbx()
        name = '20260418-140004-919944421125-queue-5001-n1.wav'
        self.facts(work, name, unfinished=True)
        self.facts(work, '20261399-140004-1-49301234.wav')
        for file in work.remote.folder.rglob('*.wav'):
            os.utime(file, (time.time() - 7200,) * 2)
        first, second = self.report(work, status=0)['orphans']
        self.assertRegex(first.pop('start'), r'^2026-04-18T')
        self.assertEqual(first, {'name': name, 'state': 'remote', 'from': '919944421125', 'extension': '5001', 'accountcode': ACME,
                                 'organization': 'Acme', 'local': None, 'remote': len(LEG), 'seconds': 9, 'worth': 'cut'})
        self.assertEqual((second['start'], second['accountcode']), (None, ACME), 'a DID is stored with a plus')


class Calls(AuditCase):
    """Which calls policy wanted recorded, and what became of each."""

    ROUTES = """
        insert into sip_trunks (id, org_id, name, host) values ('44444444-1111-1111-1111-111111111111', '{0}', 'carrier', 'sip.example.net');
        insert into outbound_routes (org_id, trunk_id, name, dial_pattern, priority, recording_enabled) values
            ('{0}', '44444444-1111-1111-1111-111111111111', 'private', '_9X.', 10, false),
            ('{0}', '44444444-1111-1111-1111-111111111111', 'out', '_X.', 20, true)""".format(ACME)

    def verdicts(self, work, *arguments, status=0):
        return {call['linkedid']: call['verdict'] for call in self.report(work, *arguments, status=status)['calls']}

    def test_an_unrecorded_call_is_listed_by_name(self):
        work = self.small_pbx()
        self.row(work, '1776500001.1', '', src='0171', dcontext='org_acme__incoming_sub', dst='49301234')
        self.row(work, '1776500001.1', '', ago=7100, src='0171', sequence=2)
        call, = self.report(work, status=0)['calls']
        self.assertRegex(call.pop('start'), r'^20\d\d-\d\d-\d\dT')
        self.assertEqual(call, {'linkedid': '1776500001.1', 'from': '0171', 'to': '49301234', 'accountcode': ACME, 'organization': 'Acme',
                                'verdict': 'unrecorded'})
        self.assertRegex(work.run('pbx-archive', 'audit', '--summary').text, r'(?m)^call\tunrecorded\t1776500001\.1\t\S+\t0171\t49301234\tAcme$')

    def test_only_answered_calls_that_pass_a_recorded_point_are_to_be_recorded(self):
        work = self.small_pbx(f"""insert into users (org_id, extension, recording_enabled) values ('{ACME}', '1004', false), ('{ACME}', '1005', null);
                                  insert into queues (org_id, number, name, recording_enabled) values ('{ACME}', '5002', 'Off', false);""" + self.ROUTES)
        internal = 'org_acme__internal'
        for number, (due, rows) in enumerate((
                (True, [{'dst': '1003'}]), (True, [{'dst': '1005'}]), (False, [{'dst': '1004'}]),
                (False, [{'dst': '1003', 'disposition': 'NO ANSWER'}]),
                (True, [{'dcontext': 'org_acme__incoming_sub', 'dst': '49301234'}]),
                (True, [{'dcontext': 'org_acme__queue', 'dst': '5001'}]), (True, [{'dst': '5001'}]), (False, [{'dst': '5002'}]),
                (False, [{'dcontext': 'org_acme__queue', 'dst': '5002'}, {'dst': '1003', 'disposition': 'NO ANSWER'}]),
                (True, [{'dcontext': 'org_acme__queue', 'dst': '5001', 'disposition': 'NO ANSWER'}, {'dst': '1004'}]),
                (False, [{'dst': '9555'}]), (True, [{'dst': '8555'}]), (True, [{'dst': '+4930555'}]),
                (False, [{'dcontext': 'org_acme__outbound', 'dst': '9555'}]), (True, [{'dcontext': 'org_acme__outbound-2', 'dst': '9555'}]),
                (False, [{'dcontext': 'org_acme__outbound-3', 'dst': '9555'}]), (False, [{'dcontext': 'org_acme__outbound-x', 'dst': '8555'}]),
                (False, [{'dcontext': 'org_beta__internal'}]), (False, [{'dcontext': ''}]))):
            for place, row in enumerate(rows):
                self.row(work, f'{int(due)}.{number}', '', **{'dcontext': internal, 'sequence': place, **row})
        report = self.report(work, status=0)
        self.assertEqual({call['linkedid'] for call in report['calls']}, {f'1.{number}' for number in (0, 1, 4, 5, 6, 9, 11, 12, 14)})
        self.assertEqual((report['total']['calls'], report['total']['unrecorded']), (9, 9))

    def asked(self, mode):
        """Four calls without a leg, and one with: how they answered, as their linkedids."""
        work = self.small_pbx(f"""update organizations set settings = '{{"recording_consent": "{mode}"}}' where id = '{ACME}'""")
        self.facts(work, 'sound.wav')
        for answer, leg in (('declined', ''), ('no-answer', ''), ('granted', ''), ('', ''), ('announced', 'sound.wav')):
            self.row(work, answer or 'nothing', leg, recording_consent=answer or None)
        return work

    def test_a_call_that_declined_is_counted_apart_and_is_not_unrecorded(self):
        work = self.asked('opt_out')
        self.assertEqual(self.verdicts(work), {'declined': 'declined', 'no-answer': 'unrecorded', 'granted': 'unrecorded', 'nothing': 'unrecorded'})
        report = self.report(work, status=0)
        total = report['total']
        self.assertEqual([total[name] for name in ('calls', 'sound', 'unrecorded', 'declined', 'percent')], [4, 1, 3, 1, 25])
        self.assertEqual(report['sentence'], '4 calls that policy wanted recorded; 1 of them (25.0 %) recorded and sound; '
                                             '1 more not recorded, since consent was declined')
        text = work.run('pbx-archive', 'audit').text
        self.assertRegex(text, r'(?m)^call\tdeclined\tdeclined\t')
        self.assertRegex(text, r'(?m)^  declined +1  ')
        self.assertNotIn('call\tdeclined', work.run('pbx-archive', 'audit', '--summary').text)
        self.assertIn('call,declined,Acme', work.run('pbx-archive', 'audit', '--csv').text)

    def test_no_answer_declines_only_where_a_key_has_to_be_pressed_to_agree(self):
        work = self.asked('opt_in')
        self.assertEqual(self.verdicts(work), {'declined': 'declined', 'no-answer': 'declined', 'granted': 'unrecorded', 'nothing': 'unrecorded'})

    def test_a_call_in_which_somebody_has_agreed_and_somebody_else_declined_is_unrecorded(self):
        work = self.small_pbx()
        for sequence, answer in enumerate(('granted', 'declined'), 1):
            self.row(work, '1.1', '', recording_consent=answer, sequence=sequence)
        self.assertEqual(self.verdicts(work), {'1.1': 'unrecorded'})

    def test_a_call_with_a_leg_is_judged_by_the_leg_whatever_it_answered(self):
        work = self.small_pbx()
        self.row(work, '1.1', 'gone.wav', recording_consent='declined')
        self.assertEqual(self.verdicts(work, status=65), {'1.1': 'missing'})

    def test_the_gravest_verdict_of_its_legs_is_that_of_the_call(self):
        work = self.small_pbx()
        self.facts(work, 'sound.wav')
        self.facts(work, 'silent.wav', levels=[NOTHING_HEARD])
        self.facts(work, 'short.wav', frames=8000)
        work.remote.put('unjudged.wav', LEG)
        for linkedid, legs in {'1.1': ['sound.wav'], '1.2': ['silent.wav', 'sound.wav'], '1.3': ['silent.wav', 'gone.wav'],
                               '1.4': ['short.wav'], '1.5': ['sound.wav', 'unjudged.wav']}.items():
            for place, leg in enumerate(legs):
                self.row(work, linkedid, leg, ago=7200 - 10 * place, sequence=place)
        self.row(work, '1.6', 'elsewhere.wav', ago=600)
        self.assertEqual(self.verdicts(work, status=65), {'1.2': 'silent', '1.3': 'missing', '1.4': 'short', '1.5': 'unjudged', '1.6': 'awaited'})
        total = self.report(work)['total']
        self.assertEqual([total[name] for name in ('calls', 'sound', 'unrecorded', 'faulty', 'pending', 'unproven')], [6, 1, 0, 3, 1, 1])
        self.assertNotIn('call\tunjudged', work.run('pbx-archive', 'audit', '--summary').text)

    def test_a_call_that_began_before_the_window_is_not_listed(self):
        work = self.small_pbx()
        self.row(work, '1776500001.1', 'early.wav', ago=90000)
        self.row(work, '1776500001.1', '', ago=80000, sequence=2)
        self.row(work, '1776500001.2', '', ago=80000)
        self.assertEqual(self.verdicts(work, '--since', '24h'), {'1776500001.2': 'unrecorded'})

    def test_the_percentage_is_never_rounded_up(self):
        work = self.small_pbx()
        self.facts(work, 'sound.wav')
        work.db.sql(f"""insert into asterisk_cdr (calldate, linkedid, accountcode, dcontext, dst, disposition, billsec, duration, recordingfile)
            select now() - interval '2 hours', n || '.1', '{ACME}', 'org_acme__internal', '1003', 'ANSWERED', 9, 9, 'sound.wav'
            from generate_series(1, 2999) n""")
        self.assertIn('\n2999 calls that policy wanted recorded; 2999 of them (100.0 %) recorded and sound\n', work.run('pbx-archive', 'audit').text)
        self.row(work, '1776500001.1', '')
        self.assertIn('\n3000 calls that policy wanted recorded; 2999 of them (99.9 %) recorded and sound\n', work.run('pbx-archive', 'audit').text)
        self.assertEqual(self.report(work, status=0)['total']['percent'], 99.9)


class Report(AuditCase):
    def fields(self, heading):
        """The fields that docs/audit.md lists under a heading."""
        text = (SOURCE / 'docs' / 'audit.md').read_text(encoding='utf-8')
        section = text[text.index(heading):].split('| field | meaning |', 1)[1].split('\n\n')[0]
        return re.findall(r'(?m)^\| `([^`]+)`', section)

    def everything(self):
        """Something of every kind to report."""
        work = self.pbx()
        self.row(work, '1776500001.1', '', clid='=1+1', src='=1+1')
        work.leg('20260418-140000-1-08065978002.wav', LEG, age=7200)
        return work

    def test_the_json_document_has_the_fields_that_are_documented(self):
        report = self.report(self.everything())
        self.assertEqual(list(report), self.fields('The document:'))
        for name in ('calls', 'rows', 'orphans'):
            self.assertTrue(report[name])
            for item in report[name]:
                self.assertEqual(list(item), self.fields(f'Each of `{name}`:'))
        counts = self.fields('Each of `organizations`, and')
        self.assertEqual(sorted(report['total']), sorted(counts[2:]))
        for item in report['organizations']:
            self.assertEqual(list(item), counts)
        self.assertEqual((report['schema'], report['exit']), (1, 65))

    def test_the_csv_has_the_columns_that_are_documented_and_a_line_for_all_that_json_lists(self):
        work = self.everything()
        report = self.report(work)
        for option, cell in (('--csv', "'=1+1"), ('--csv=raw', '=1+1')):
            heading, _, body = self.status(work.run('pbx-archive', 'audit', option), 65).text.partition('\r\n')
            self.assertEqual(heading[0], 'K' if option == '--csv' else 'k')
            lines = list(csv.DictReader(io.StringIO(heading.lower().replace(' ', '_') + '\r\n' + body)))
            self.assertEqual(list(lines[0]), self.fields('## CSV'))
            kinds = [line['kind'] for line in lines]
            self.assertEqual({kind: kinds.count(kind) for kind in kinds},
                             {'call': len(report['calls']), 'row': len(report['rows']), 'orphan': len(report['orphans'])})
            self.assertIn(cell, [line['from'] for line in lines])
            self.assertIn(('row', 'missing', 'gone.wav'), [(line['kind'], line['verdict'], line['recordingfile']) for line in lines])
        self.status(work.run('pbx-archive', 'audit', '--csv', '--json'), 64)

    def test_the_page_shows_what_was_audited_and_fits_on_paper(self):
        work = self.everything()
        work.db.sql(f"update organizations set name = repeat('Å', 80) where id = '{BETA}'")
        text = self.status(work.run('pbx-archive', 'audit', '--since', '2d'), 65).text
        page = text[text.index('\nRecording audit\n'):]
        self.assertLessEqual(max(map(len, page.splitlines())), 100)
        self.assertLess(len(page.splitlines()), 60)
        for line in (r'made +20\S+ by pbx-archive \d\S*', r'calls +since 20\S+', 'account +all', f'spool +{re.escape(str(work.spool))}', r'archive +\S+',
                     'policy +recording switches as of now'):
            self.assertRegex(page, f'(?m)^  {line}$')
        self.assertEqual(page.split('\n\n')[2], '7 calls that policy wanted recorded; 4 of them (57.1 %) recorded and sound')


if __name__ == '__main__':
    sys.exit(main('pbx-archive', 'pbx-migrate'))
