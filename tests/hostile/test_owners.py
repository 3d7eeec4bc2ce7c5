#!/usr/bin/env python3
"""Who owns a leg: two nodes that share a database and a bucket, and names that rows of several accounts contain."""
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
        self.says(result, f'leg {SAME} is ambiguous: CDR rows of more than one account name it')
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

    def test_the_audit_reads_only_the_headers_of_legs_that_do_not_lie_in_both_places(self):
        w = self.workdir()
        long = pcm(ramp(9.0))
        w.call('1.1', [('both.wav', long), ('local.wav', long)])
        w.remote.put('both.wav', long)
        trace = w.path / 'read'
        w.run('pbx-archive', 'audit', before=['strace', '-f', '-y', '-e', 'trace=read,pread64', '-o', str(trace)])
        text = trace.read_text(encoding='utf-8')
        read = {name: sum(map(int, re.findall(rf'{name}.wav>.* = (\d+)\n', text))) for name in ('both', 'local')}
        self.assertGreater(read['both'], len(long))
        self.assertTrue(44 <= read['local'] <= 4096, read)


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
