#!/usr/bin/env python3
"""Whose a leg is: two nodes that share a database and a bucket, and names that several accounts' rows give."""
import os
import signal
import subprocess

from sound import pcm, ramp
from workdir import ACCOUNT, OTHER_ACCOUNT, Case, main


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
        # The first machine goes on as before, and the second one as soon as it has a name.
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

    def test_two_machines_with_one_name_are_refused_until_one_was_silent_for_25_hours(self):
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

    def test_an_unnamed_machine_that_was_silent_for_25_hours_no_longer_counts_but_a_named_one_does(self):
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

    def test_of_two_unnamed_machines_that_begin_at_once_one_is_refused(self):
        w = self.workdir()
        second = w.second_node(name=None, own_name=None)
        for _ in range(5):
            w.db.psql('-c', 'delete from nodes')
            runs = [machine.start('pbx-archive') for machine in (w, second)]
            self.assertEqual(sorted(machine.finish(run).status for machine, run in zip((w, second), runs)), [0, 78])

    def test_a_node_name_of_other_characters_is_refused(self):
        w = self.workdir()
        for name in ('PBX1', 'a-b', 'a' * 17, "a'b"):
            self.says(self.status(w.run('pbx-stitch', '--node', name), 64), 'a-z and 0-9')

    def test_the_archive_goes_on_without_a_database_and_with_one_that_has_no_such_table(self):
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


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-recording-fetch')
