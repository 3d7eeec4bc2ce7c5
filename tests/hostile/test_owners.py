#!/usr/bin/env python3
"""Who owns a leg: two nodes that share a database and a bucket, and names that rows of several accounts contain."""
import hashlib
import json
import os
import re
import signal
import subprocess
import time

from sound import Wav, pcm, ramp
from workdir import ACCOUNT, OTHER_ACCOUNT, Case, main

# An anonymous caller reaches extension 1001 of two tenants within one second, on machines whose names for legs have no node.
SAME = '20260418-144004-anonymous-1001.wav'
MINE, THEIRS = pcm(ramp(1.0, 1)), pcm(ramp(1.5, 9))
MY_OTHER, THEIR_OTHER = pcm(ramp(0.5, 2)), pcm(ramp(0.7, 8))


class Nodes(Case):
    def registered(self, w):
        return w.db.psql('-At', '-c', "select coalesce(name, '-'), host, spool, last_stitch is not null, "
                         'last_archive is not null from nodes order by id').stdout.split('\n')[:-1]

    def refused(self, result, *said):
        self.hints(self.status(result, 78))
        self.says(result, r'hint: set node = NAME in pbx\.conf', *said)

    def test_a_run_of_stitch_or_archive_registers_its_machine_by_host_and_spool(self):
        w = self.workdir()
        host = os.uname().nodename
        self.quiet(self.status(w.run('pbx-stitch'), 0))
        self.assertEqual(self.registered(w), [f'-|{host}|{w.spool}|t|f'])
        self.quiet(self.status(w.run('pbx-archive', '--spool', 'monitor/../monitor/'), 0))
        self.assertEqual(self.registered(w), [f'-|{host}|{w.spool}|t|t'])

    def test_a_dry_run_registers_nothing(self):
        w = self.workdir()
        self.status(w.run('pbx-stitch', '--dry-run'), 0)
        self.status(w.run('pbx-archive', '--dry-run'), 0)
        self.assertEqual(self.registered(w), [])

    def test_a_second_machine_without_a_name_is_refused_by_stitch_and_archive_and_loses_nothing(self):
        w = self.workdir()
        second = w.second_node(name=None, own_name=None)
        self.status(w.run('pbx-archive'), 0)
        legs = second.three_legs()
        for tool in ('pbx-stitch', 'pbx-archive'):
            for options in ([], ['--dry-run']):
                self.refused(second.run(tool, *options), f'no node name.* another node: .*spool {w.spool}, last run 20')
        self.assertEqual(second.legs_in_spool(), sorted(name for name, _ in legs))
        self.assertEqual(len(self.registered(w)), 1)
        # The first machine continues as before, and the second one does as soon as it has a name.
        self.status(w.run('pbx-archive'), 0)
        self.quiet(self.status(second.run('pbx-archive', env={'PBX_NODE': 'b'}), 0))
        # From then on the first one needs a name too.
        self.refused(w.run('pbx-stitch'), 'another node: b, host ')
        self.quiet(self.status(w.run('pbx-stitch', '--node', 'a'), 0))

    def test_the_entry_of_a_machine_that_gets_a_name_is_renamed(self):
        w = self.workdir()
        self.status(w.run('pbx-stitch'), 0)
        self.status(w.run('pbx-stitch', '--node', 'a'), 0)
        self.assertEqual([line.split('|')[0] for line in self.registered(w)], ['a'])
        self.status(w.run('pbx-stitch', '--node', 'a2'), 0)
        self.assertEqual([line.split('|')[0] for line in self.registered(w)], ['a2'])

    def test_two_machines_with_one_name_are_refused_until_one_has_been_silent_for_25_hours(self):
        w = self.workdir()
        second = w.second_node(name='a', own_name='a')
        self.status(w.run('pbx-stitch'), 0)
        for tool in ('pbx-stitch', 'pbx-archive'):
            self.refused(second.run(tool), f'another machine uses this node name: a, host .*{w.spool}')
        w.db.psql('-c', "update nodes set last_stitch = now() - interval '24 hours 59 minutes'")
        self.refused(second.run('pbx-stitch'))
        w.db.psql('-c', "update nodes set last_stitch = now() - interval '25 hours 1 minute'")
        self.status(second.run('pbx-stitch'), 0)
        self.assertEqual([line.split('|')[2] for line in self.registered(w)], [str(second.spool)])

    def test_an_unnamed_machine_that_has_been_silent_for_25_hours_no_longer_counts_but_a_named_one_does(self):
        w = self.workdir()
        second = w.second_node(name=None, own_name=None)
        self.status(w.run('pbx-stitch'), 0)
        w.db.psql('-c', "update nodes set last_stitch = now() - interval '25 hours 1 minute'")
        self.status(second.run('pbx-stitch'), 0)
        w.db.psql('-c', "delete from nodes; insert into nodes (name, host, spool, last_stitch) "
                        "values ('gone', 'pbx9', '/spool', now() - interval '90 days')")
        refused = second.run('pbx-stitch')
        self.refused(refused, 'another node: gone, host pbx9')
        # The hint's own command retires it.
        statement = refused.err[refused.err.index('delete from nodes'):].split("'")[0]
        self.assertEqual(w.db.psql('-c', statement).returncode, 0)
        self.status(second.run('pbx-stitch'), 0)

    def test_of_two_unnamed_machines_that_start_at_once_one_is_refused(self):
        w = self.workdir()
        second = w.second_node(name=None, own_name=None)
        for _ in range(5):
            w.db.psql('-c', 'delete from nodes')
            runs = [machine.start('pbx-archive') for machine in (w, second)]
            self.assertEqual(sorted(machine.finish(run).status for machine, run in zip((w, second), runs)), [0, 78])

    def test_a_node_name_with_other_characters_is_refused(self):
        w = self.workdir()
        for name in ('PBX1', 'a-b', 'a' * 17, "a'b"):
            self.says(self.status(w.run('pbx-stitch', '--node', name), 64), 'a-z and 0-9')

    def test_the_archive_continues_without_a_database_and_with_one_that_has_no_table_of_nodes(self):
        w = self.workdir()
        w.leg('20260418-144004-1-1001.wav')
        result = self.status(w.run('pbx-archive', '-v', env={'PBX_DATABASE': 'host=/nowhere'}), 0)
        self.says(result, 'other nodes are not looked for: ', 'moved 20260418-144004-1-1001.wav')
        self.quiet(self.status(w.run('pbx-archive', env={'PBX_DATABASE': 'host=/nowhere'}), 0))
        w.db.psql('-c', 'drop table nodes')
        w.leg('20260418-144005-1-1001.wav')
        self.quiet(self.status(w.run('pbx-archive'), 0))
        self.assertEqual(w.legs_in_spool(), [])

    def test_stitching_with_an_old_schema_names_the_remedy(self):
        w = self.workdir()
        w.db.psql('-c', 'drop table nodes')
        result = w.run('pbx-stitch')
        self.hints(self.status(result, 78))
        self.says(result, 'relation "nodes" does not exist', 'hint: .*pbx-migrate up')

    def test_the_archive_does_not_wait_for_a_table_of_nodes_that_is_locked(self):
        w = self.workdir()
        w.leg('20260418-144004-1-1001.wav')
        with subprocess.Popen(['psql', w.db.conninfo], env=w.environment(), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as holder:
            holder.stdin.write(b"begin; lock table nodes; select 'held';\n")
            holder.stdin.flush()
            while b'held' not in holder.stdout.readline():
                pass
            result = w.run('pbx-archive', '-v', timeout=30)
            holder.send_signal(signal.SIGKILL)
        self.says(self.status(result, 0), 'other nodes are not looked for: ')
        self.assertEqual(w.legs_in_spool(), [])


class Owners(Case):
    """Tenant ACCOUNT has call 1.1 on node a, tenant OTHER_ACCOUNT has call 2.1 on node b, and a leg of each has the name SAME."""

    def two_tenants(self, **how):
        a = self.workdir(**how)
        b = a.second_node()
        a.call('1.1', [(SAME, MINE), ('20260418-144009-anonymous-queue-5001.wav', MY_OTHER)])
        b.call('2.1', [(SAME, THEIRS), ('20260418-144019-anonymous-1002.wav', THEIR_OTHER)], OTHER_ACCOUNT)
        return a, b

    def nobody(self, result):
        self.hints(self.status(result, 65))
        self.says(result, f'leg {SAME} is ambiguous: more than one account claims it')
        self.assertEqual(result.out, b'')
        for account in (ACCOUNT, OTHER_ACCOUNT):
            self.assertNotIn(account, result.err)

    def test_a_fetch_never_gives_a_leg_that_rows_of_two_accounts_name_wherever_it_lies(self):
        a, b = self.two_tenants()
        for machine in (a, b):
            for call in ('1.1', '2.1'):
                for options in ([], ['--leg', '1']):
                    self.nobody(machine.run('pbx-recording-fetch', call, *options))
        # The bucket's only object of the name is one tenant's; the other tenant's fetch must not get it.
        self.status(b.run('pbx-archive'), 0)
        self.assertEqual(a.remote.files()[SAME], THEIRS)
        (a.spool / SAME).unlink()
        for options in ([], ['--leg', '1'], ['--account', ACCOUNT]):
            self.nobody(a.run('pbx-recording-fetch', '1.1', *options))
        self.assertFalse(a.stitched_file('1.1').exists())

    def test_the_other_legs_of_such_a_call_are_served_one_by_one(self):
        a, b = self.two_tenants()
        self.assertEqual(self.status(a.run('pbx-recording-fetch', '1.1', '--leg', '2'), 0).out, MY_OTHER)
        self.assertEqual(self.status(b.run('pbx-recording-fetch', '2.1', '--leg', '2'), 0).out, THEIR_OTHER)
        self.says(a.run('pbx-recording-fetch', '1.1'), 'hint: .*--leg')

    def test_a_call_of_one_ambiguous_leg_is_not_served(self):
        w = self.workdir()
        w.call('1.1', [(SAME, MINE)])
        w.cdr('2.1', SAME, OTHER_ACCOUNT)
        self.nobody(w.run('pbx-recording-fetch', '1.1'))

    def test_no_stitched_recording_holds_an_ambiguous_leg_and_the_other_calls_are_stitched(self):
        a, b = self.two_tenants()
        a.three_legs()
        for machine in (a, b):
            result = machine.run('pbx-stitch')
            self.hints(self.status(result, 65))
            self.says(result, f'call 1.1: leg {SAME} is ambiguous: ', f'call 2.1: leg {SAME} is ambiguous: ')
            self.assertFalse(machine.stitched_file('1.1').exists() or machine.stitched_file('2.1').exists())
        self.assertEqual(len(Wav(a.stitched_file('1776500000.1')).manifest['legs']), 3)
        report = json.loads(self.status(a.run('pbx-stitch', '--json', '1.1'), 65).out)
        self.assertEqual([(call['linkedid'], call['action']) for call in report['calls']], [('1.1', 'failed')])

    def test_a_recording_stitched_before_its_leg_became_ambiguous_is_served_from_neither_tier(self):
        w = self.workdir()
        w.call('1.1', [(SAME, MINE), ('20260418-144009-anonymous-queue-5001.wav', MY_OTHER)])
        self.status(w.run('pbx-stitch'), 0)
        self.status(w.run('pbx-recording-fetch', '1.1'), 0)
        self.status(w.run('pbx-archive'), 0)
        w.cdr('2.1', SAME, OTHER_ACCOUNT)
        self.nobody(w.run('pbx-recording-fetch', '1.1'))
        w.stitched_file('1.1').unlink()
        self.nobody(w.run('pbx-recording-fetch', '1.1'))

    def test_in_the_hour_that_the_autumn_clock_repeats_the_second_tenants_leg_is_not_given_to_the_first(self):
        w = self.workdir()
        leg = '20251026-023000-anonymous-1001.wav'
        now = int(time.time())
        first, second = (now - stamp for stamp in (1761438600, 1761442200))  # 02:30 summer time, 02:30 winter time in Berlin
        w.cdr('1.1', leg, ago=first)
        w.cdr('2.1', leg, OTHER_ACCOUNT, ago=second)
        w.leg(leg, THEIRS)  # the second recorder overwrote the first one's file
        for call in ('1.1', '2.1'):
            result = w.run('pbx-recording-fetch', call)
            self.says(self.status(result, 65), f'leg {leg} is ambiguous')
            self.assertEqual(result.out, b'')

    def test_a_call_without_an_account_does_not_get_the_leg_of_an_account(self):
        for nobody in ('', None):
            with self.subTest(account=nobody):
                w = self.workdir()
                w.call('1.1', [(SAME, MINE), ('own.wav', MY_OTHER)])
                w.call('2.1', [(SAME, None), ('nobodys.wav', THEIR_OTHER)], '')
                if nobody is None:
                    w.db.psql('-c', "update asterisk_cdr set accountcode = null where accountcode = ''")
                result = w.run('pbx-recording-fetch', '2.1')
                self.hints(self.status(result, 65))
                self.says(result, f'leg {SAME} belongs to an account, and call 2.1 has none')
                self.assertEqual(result.out, b'')
                self.assertEqual(self.status(w.run('pbx-recording-fetch', '1.1', '--leg', '1'), 0).out, MINE)
                self.says(self.status(w.run('pbx-stitch'), 65), 'call 2.1: leg')
                self.assertTrue(w.stitched_file('1.1').exists())
                self.assertFalse(w.stitched_file('2.1').exists())

    def test_calls_without_any_account_keep_their_legs(self):
        w = self.workdir()
        w.call('1.1', [(SAME, MINE), ('own.wav', MY_OTHER)], '')
        w.cdr('2.1', SAME, '')
        self.status(w.run('pbx-stitch'), 0)
        self.status(w.run('pbx-recording-fetch', '1.1'), 0)

    def test_another_accounts_call_is_answered_like_a_missing_one_even_when_its_leg_is_ambiguous(self):
        a, _ = self.two_tenants()
        foreign = a.run('pbx-recording-fetch', '2.1', '--account', ACCOUNT)
        absent = a.run('pbx-recording-fetch', '9.1', '--account', ACCOUNT)
        self.status(foreign, 66)
        self.assertEqual(foreign.err.replace('2.1', '9.1'), absent.err)

    def test_two_accounts_that_share_a_linkedid_and_a_leg_are_both_refused(self):
        w = self.workdir()
        w.call('1.1', [(SAME, MINE), ('own.wav', MY_OTHER)])
        w.call('1.1', [(SAME, None), ('theirs.wav', THEIR_OTHER)], OTHER_ACCOUNT)
        for account in (ACCOUNT, OTHER_ACCOUNT):
            self.says(self.status(w.run('pbx-recording-fetch', '1.1', '--account', account), 65), 'is ambiguous')
        self.assertEqual(self.status(w.run('pbx-recording-fetch', '1.1', '--account', ACCOUNT, '--leg', '2'), 0).out, MY_OTHER)

    def test_the_audit_lists_ambiguous_legs_first_and_ends_with_a_data_error(self):
        a, b = self.two_tenants()
        a.cdr('0.1', 'gone.wav', ago=80000)
        self.status(b.run('pbx-archive'), 0)
        result = a.run('pbx-archive', 'audit')
        self.hints(self.status(result, 65))
        self.says(result, '2 legs are ambiguous')
        lines = result.text.splitlines()
        self.assertEqual([line.split('\t')[:2] for line in lines[:2]], [['ambiguous', SAME]] * 2)
        self.assertEqual([line.split('\t')[3] for line in lines[:2]], [ACCOUNT, OTHER_ACCOUNT])
        self.assertEqual(lines[2].split('\t')[:2], ['missing', 'gone.wav'])
        report = json.loads(self.status(a.run('pbx-archive', 'audit', '--json'), 65).out)
        self.assertEqual([row['state'] for row in report['rows']][:3], ['ambiguous', 'ambiguous', 'missing'])
        self.assertEqual(report['total']['ambiguous'], 2)
        self.assertEqual({one['accountcode']: (one['legs'], one['ambiguous']) for one in report['organizations']},
                         {ACCOUNT: (3, 1), OTHER_ACCOUNT: (2, 1)})
        # The audit of one tenant finds the other one's claim too, and with --summary it is not left out.
        for options in (['--account', ACCOUNT], ['--account', ACCOUNT, '--summary']):
            lines = self.status(a.run('pbx-archive', 'audit', *options), 65).text.splitlines()
            self.assertEqual(lines[0].split('\t')[:2], ['ambiguous', SAME])
            self.assertNotIn(OTHER_ACCOUNT, '\n'.join(lines))

    def test_a_leg_with_different_content_in_the_two_places_is_listed_as_differs_and_never_as_both(self):
        for remote, contents, expected in (('gcs', (MINE, MINE[:-2]), 'differs'), ('gcs', (MINE, MINE[:-1] + b'!'), 'differs'),
                                           ('gcs', (MINE, MINE), 'both'), ('local', (MINE, MINE[:-2]), 'differs'),
                                           ('webdav', (MINE, MINE[:-2]), 'differs'), ('webdav', (MINE, MINE), 'both')):
            with self.subTest(remote, expected=expected, same_size=len(contents[0]) == len(contents[1])):
                w = self.workdir(remote=remote)
                w.call('1.1', [(SAME, contents[0])])
                w.remote.put(SAME, contents[1])
                result = self.status(w.run('pbx-archive', 'audit'), 65 if expected == 'differs' else 0)
                self.assertEqual(result.text.split('\t')[0], expected)
                if expected == 'differs':
                    self.hints(result)
                    self.says(result, '1 leg differs between the spool and the archive')
                report = json.loads(w.run('pbx-archive', 'audit', '--json').out)
                self.assertEqual((report['total']['differs'], report['total']['both']), (1, 0) if expected == 'differs' else (0, 1))

    def test_the_audit_compares_sizes_where_the_bucket_keeps_no_md5(self):
        w = self.workdir()
        w.call('1.1', [(SAME, MINE)])
        w.remote.put(SAME, MINE)
        w.cloud.fault(match='.', no_md5=True)
        self.assertEqual(self.status(w.run('pbx-archive', 'audit'), 0).text.split('\t')[0], 'both')
        w.remote.put(SAME, MINE[:-2])
        self.assertEqual(self.status(w.run('pbx-archive', 'audit'), 65).text.split('\t')[0], 'differs')

    def test_the_audit_reads_of_a_leg_that_does_not_lie_in_both_places_what_it_takes_to_hear_it(self):
        w = self.workdir()
        long = pcm(ramp(9.0))
        w.call('1.1', [('both.wav', long), ('local.wav', long)])
        w.remote.put('both.wav', long)
        trace = w.path / 'read'
        w.run('pbx-archive', 'audit', before=['strace', '-f', '-y', '-e', 'trace=read,pread64', '-o', str(trace)])
        text = trace.read_text(encoding='utf-8')
        read = {name: sum(map(int, re.findall(rf'{name}.wav>.* = (\d+)\n', text))) for name in ('both', 'local')}
        self.assertGreater(read['both'], len(long))
        self.assertTrue(4096 < read['local'] <= 32768, read)


class ArchivedOwners(Case):
    """The rows of the account whose leg was archived are deleted, and another account's row names the leg."""

    def taken_over(self, claims=OTHER_ACCOUNT):
        w = self.workdir()
        w.call('1.1', [(SAME, MINE), ('20260418-144009-anonymous-1002.wav', MY_OTHER)])
        self.status(w.run('pbx-stitch'), 0)
        self.status(w.run('pbx-archive'), 0)
        self.assertEqual(w.legs_in_spool(), [])
        w.db.sql('delete from asterisk_cdr')
        w.call('2.1', [(SAME, None), ('20260418-144019-anonymous-1002.wav', THEIR_OTHER)], claims)
        return w

    def refused(self, w, said='is ambiguous: more than one account claims it', account=OTHER_ACCOUNT):
        named = ['--account', account] if account else []
        for arguments in (['2.1'], ['2.1', '--leg', '1'], ['--file', SAME], ['2.1', *named], ['--file', SAME, *named],
                          ['2.1', '--to', w.path / 'to']):
            with self.subTest(arguments=arguments):
                result = w.run('pbx-recording-fetch', *arguments)
                self.hints(self.status(result, 65))
                self.says(result, f'leg {SAME} {said}')
                self.assertEqual(result.out, b'')
                self.assertNotIn(ACCOUNT, result.err)
        self.assertEqual(list((w.path / 'to').glob('*.wav')), [])
        self.says(self.status(w.run('pbx-stitch'), 65), f'call 2.1: leg {SAME} {said}')
        self.assertFalse(w.stitched_file('2.1').exists())

    def owner(self, w):
        return w.db.value(f"select accountcode || ' ' || linkedid from recordings where name = '{SAME}'")

    def test_a_row_of_another_account_does_not_get_the_leg(self):
        w = self.taken_over()
        self.refused(w)
        self.assertEqual(w.run('pbx-recording-fetch', '2.1', '--leg', '2').out, THEIR_OTHER)

    def test_nor_does_a_row_without_an_account(self):
        self.refused(self.taken_over(claims=''), said='(belongs to an account, and call 2.1 has none|is ambiguous)', account='')

    def test_nor_from_the_cache_of_fetched_legs(self):
        w = self.workdir()
        w.call('1.1', [(SAME, MINE), ('20260418-144009-anonymous-1002.wav', MY_OTHER)])
        self.status(w.run('pbx-archive'), 0)
        w.stitch_src.mkdir()
        (w.stitch_src / SAME).write_bytes(MINE)
        w.db.sql('delete from asterisk_cdr')
        w.call('2.1', [(SAME, None), ('20260418-144019-anonymous-1002.wav', THEIR_OTHER)], OTHER_ACCOUNT)
        self.refused(w)

    def test_its_owner_gets_it_once_its_rows_are_there_again_and_the_other_rows_are_not(self):
        w = self.taken_over()
        w.db.sql('delete from asterisk_cdr')
        w.cdr('1.1', SAME)
        self.assertEqual(self.status(w.run('pbx-recording-fetch', '1.1', '--account', ACCOUNT), 0).out, MINE)

    def test_the_owner_stays_when_the_same_bytes_are_archived_again(self):
        w = self.taken_over()
        w.leg(SAME, MINE)
        self.status(w.run('pbx-archive'), 0)
        self.assertEqual(self.owner(w), f'{ACCOUNT} 1.1')
        self.refused(w)

    def test_another_recording_under_the_name_has_its_own_owner(self):
        w = self.taken_over()
        w.remote.remove(SAME)
        w.leg(SAME, THEIRS)
        self.status(w.run('pbx-archive'), 0)
        self.assertEqual(self.owner(w), f'{OTHER_ACCOUNT} 2.1')
        self.assertEqual(w.run('pbx-recording-fetch', '2.1', '--leg', '1').out, THEIRS)

    def test_the_audit_lists_the_leg_as_ambiguous_and_shows_nothing_of_it(self):
        w = self.taken_over()
        for options in ([], ['--account', OTHER_ACCOUNT]):
            report = json.loads(self.status(w.run('pbx-archive', 'audit', '--json', *options), 65).out)
            row, = (row for row in report['rows'] if row['recordingfile'] == SAME)
            self.assertEqual((row['state'], row['accountcode'], row['remote'], row['seconds']),
                             ('ambiguous', OTHER_ACCOUNT, None, None))

    def test_correcting_the_facts_gives_the_leg_to_the_account(self):
        w = self.taken_over()
        w.db.sql(f"update recordings set accountcode = '{OTHER_ACCOUNT}', linkedid = '2.1' where shelf = 'legs' and name = '{SAME}'")
        self.assertEqual(w.run('pbx-recording-fetch', '2.1', '--leg', '1').out, MINE)


class AnotherFile(Case):
    """The spool gets another recording under the name of a leg that was archived, and no row of another account names it yet."""

    def mixed(self, *more, stitched=True):
        w = self.workdir()
        w.call('1.1', [(SAME, MINE), ('20260418-144009-anonymous-1002.wav', MY_OTHER)], *more)
        w.call('3.1', [(SAME, None)])
        if stitched:
            self.status(w.run('pbx-stitch', '1.1'), 0)
            self.whole = w.stitched_file('1.1').read_bytes()
        self.status(w.run('pbx-archive'), 0)
        w.leg(SAME, THEIRS, age=-1)  # newer than the recording
        return w

    def served(self, w, *arguments, expected):
        result = self.status(w.run('pbx-recording-fetch', *arguments), 65)
        self.says(result, f'{SAME} is another recording than the one that was archived under its name')
        self.hints(result)
        self.assertEqual(result.out, expected)

    def test_a_fetch_serves_what_was_archived_and_reports_the_other_file(self):
        w = self.mixed()
        self.served(w, '1.1', expected=self.whole)
        self.served(w, '1.1', '--leg', '1', '--account', ACCOUNT, expected=MINE)
        self.served(w, '3.1', expected=MINE)
        self.served(w, '--file', SAME, expected=MINE)
        w.stitched_file('1.1').unlink()
        self.served(w, '1.1', expected=self.whole)

    def test_a_rebuilt_recording_is_made_of_the_archived_leg(self):
        w = self.mixed(stitched=False)
        result = self.status(w.run('pbx-recording-fetch', '1.1'), 65)
        self.assertEqual(Wav(result.out).samples, ramp(1.0, 1) + ramp(0.5, 2))
        to = w.path / 'to'
        self.status(w.run('pbx-recording-fetch', '--to', to, '1.1'), 65)
        self.assertEqual(Wav((to / '1.1.wav').read_bytes()).samples, ramp(1.0, 1) + ramp(0.5, 2))

    def test_it_is_not_stitched_and_the_recordings_stay_as_they_are(self):
        w = self.mixed()
        self.says(self.status(w.run('pbx-stitch', '1.1'), 65), f'call 1.1: .*{SAME} is another recording')
        self.assertEqual(w.stitched_file('1.1').read_bytes(), self.whole)
        self.status(w.run('pbx-archive', '--min-age', '0s'), 73)
        self.assertEqual(w.remote.files()['stitched/1.1.wav'], self.whole)

    def test_a_file_that_cannot_be_compared_keeps_no_other_call_from_being_stitched(self):
        w = self.mixed(stitched=False)
        (w.spool / SAME).unlink()
        (w.spool / SAME).symlink_to(w.path)
        w.three_legs()
        self.says(self.status(w.run('pbx-stitch'), 65), SAME)
        self.assertEqual(len(Wav(w.stitched_file('1776500000.1')).manifest['legs']), 3)

    def test_a_leg_that_was_continued_after_it_was_archived_is_the_leg(self):
        w = self.workdir()
        w.call('1.1', [(SAME, MINE)])
        w.remote.put(SAME, MINE)
        w.db.sql("insert into recordings (shelf, name, accountcode, linkedid, size, md5, archived_at) values "
                 f"('legs', '{SAME}', '{ACCOUNT}', '1.1', {len(MINE)}, '{hashlib.md5(MINE).hexdigest()}', now())")
        longer = MINE + MY_OTHER[44:]
        w.leg('continued.wav', longer).rename(w.spool / SAME)
        self.assertEqual(self.status(w.run('pbx-recording-fetch', '1.1'), 0).out, longer)


class OneLinkedid(Case):
    """A second account gets the linkedid of a call that was stitched, and whose legs are gone."""

    def test_the_recording_of_the_first_account_gets_its_own_name(self):
        w = self.workdir()
        w.call('1.1', [('a.wav', MINE), ('b.wav', MY_OTHER)])
        self.status(w.run('pbx-stitch'), 0)
        whole = w.stitched_file('1.1').read_bytes()
        for leg in ('a.wav', 'b.wav'):
            (w.spool / leg).unlink()
        for tool in ('pbx-stitch', 'pbx-recording-fetch'):
            with self.subTest(tool):
                w.db.sql("delete from asterisk_cdr where accountcode = ''")
                w.call('1.1', [('c.wav', THEIRS), ('d.wav', THEIR_OTHER)], '')
                arguments = [] if tool == 'pbx-stitch' else ['1.1/']
                w.stitched_file('1.1').write_bytes(whole)
                self.status(w.run(tool, *arguments), 0)
                self.assertEqual((w.stitched / f'1.1.{ACCOUNT}.wav').read_bytes(), whole)
                self.assertEqual(self.status(w.run('pbx-recording-fetch', '1.1', '--account', ACCOUNT), 0).out, whole)
                self.assertEqual(Wav(w.stitched_file('1.1').read_bytes()).samples, ramp(1.5, 9) + ramp(0.7, 8))
                (w.stitched / f'1.1.{ACCOUNT}.wav').unlink()


    def test_a_fetch_serves_the_second_account_also_where_the_first_ones_recording_cannot_be_renamed(self):
        w = self.workdir()
        w.call('1.1', [('a.wav', MINE), ('b.wav', MY_OTHER)])
        self.status(w.run('pbx-stitch'), 0)
        whole = w.stitched_file('1.1').read_bytes()
        (w.stitched / f'1.1.{ACCOUNT}.wav').write_bytes(b'in the way')
        w.call('1.1', [('c.wav', THEIRS), ('d.wav', THEIR_OTHER)], '')
        result = self.status(w.run('pbx-recording-fetch', '1.1/'), 0)
        self.assertEqual(Wav(result.out).samples, ramp(1.5, 9) + ramp(0.7, 8))
        self.assertEqual(w.stitched_file('1.1').read_bytes(), whole)


class EarlyReading(Case):
    def test_another_accounts_recording_is_not_read(self):
        w = self.workdir()
        w.call('1.1', [('a.wav', pcm(ramp(20.0, 1))), ('b.wav', pcm(ramp(20.0, 2)))])
        self.status(w.run('pbx-stitch'), 0)
        trace = w.path / 'read'
        for account, least, most in ((ACCOUNT, 600000, 10**7), (OTHER_ACCOUNT, 0, 70000)):
            w.run('pbx-recording-fetch', '1.1', '--account', account,
                  before=['strace', '-f', '-y', '-e', 'trace=read,pread64,sendfile,copy_file_range,splice', '-o', str(trace)])
            read = sum(map(int, re.findall(r'1\.1\.wav>.* = (\d+)\n', trace.read_text(encoding='utf-8'))))
            self.assertTrue(least <= read <= most, (account, read))


class TwoNodes(Case):
    """The guard does not weaken the guarantees for several nodes: one account's call has legs on two machines."""

    def call_on_two_nodes(self, ago=1800):
        a = self.workdir()
        b = a.second_node()
        a.call('1.1', [('20260418-144004-1-queue-5001-a.wav', MINE), ('20260418-144009-1-1001-b.wav', THEIRS)], ago=ago)
        (a.spool / '20260418-144009-1-1001-b.wav').rename(b.spool / '20260418-144009-1-1001-b.wav')
        return a, b

    def test_a_call_whose_legs_lie_on_two_nodes_is_stitched_when_the_other_node_has_archived(self):
        a, b = self.call_on_two_nodes()
        self.quiet(self.status(a.run('pbx-stitch'), 0))
        self.assertFalse(a.stitched_file('1.1').exists())
        self.status(b.run('pbx-archive'), 0)
        self.quiet(self.status(a.run('pbx-stitch'), 0))
        self.assertEqual([leg['name'] for leg in Wav(a.stitched_file('1.1')).manifest['legs']],
                         ['20260418-144004-1-queue-5001-a.wav', '20260418-144009-1-1001-b.wav'])

    def test_both_nodes_serve_the_same_audio_and_neither_undoes_the_others_work(self):
        a, b = self.call_on_two_nodes()
        for machine in (a, b, a, b):
            self.quiet(self.status(machine.run('pbx-stitch'), 0))
            self.quiet(self.status(machine.run('pbx-archive'), 0))
        self.assertEqual((a.legs_in_spool(), b.legs_in_spool()), ([], []))
        expected = MINE[44:] + THEIRS[44:]
        served = {self.status(machine.run('pbx-recording-fetch', '1.1'), 0).out for machine in (a, b)}
        self.assertEqual({body[-len(expected):] for body in served}, {expected})
        self.assertEqual(a.remote.files()['stitched/1.1.wav'][-len(expected):], expected)
        report = json.loads(self.status(b.run('pbx-archive', 'audit', '--json'), 0).out)
        self.assertEqual((report['total']['legs'], report['total']['remote']), (2, 2))

    def test_a_node_skips_the_calls_of_which_it_has_no_leg(self):
        a = self.workdir()
        b = a.second_node()
        b.three_legs()
        self.says(self.status(a.run('pbx-stitch', '-v'), 0), 'skipped 1776500000.1')
        self.assertFalse(a.stitched_file('1776500000.1').exists())
        self.status(b.run('pbx-stitch'), 0)
        self.assertTrue(b.stitched_file('1776500000.1').exists())


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-recording-fetch')
