#!/usr/bin/env python3
"""Machines that store different legs under one name: both legs are kept, in whatever order the machines act."""
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

from sound import pcm, ramp
from workdir import BELOW, SLOW, Case, main

# Names as a machine without a node gives them.
LEGS = [f'20260418-1440{number:02}-anonymous-1001.wav' for number in range(20)]


def legs_of(machine, seed, names=None):
    """Legs in this machine's spool; {name: bytes}."""
    made = {name: pcm(ramp(0.1, 100 * seed + number)) for number, name in enumerate(names or LEGS)}
    for name, data in made.items():
        machine.leg(name, data)
    return made


def until(true, seconds=60):
    """Waits until the condition is true, and returns whether it became true."""
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


def rclone_that(machine, name, script):
    """Makes this machine's rclone run the shell script first; $1 is rclone's command."""
    wrapper = machine.path / f'{name}-rclone'
    wrapper.write_text(f'#!/bin/sh\n{script}\nexec rclone "$@"\n', encoding='utf-8')
    wrapper.chmod(0o755)
    machine.env['PBX_RCLONE'] = str(wrapper)


def slow_upload(work, machine):
    """From now on this machine's rclone creates the second file before an upload, and then waits until the first file exists."""
    go, waits = work.path / 'go', work.path / 'waits'
    rclone_that(machine, 'slow', f'if [ "$1" = copy ]; then : >{waits}; while [ ! -e {go} ]; do sleep 0.05; done; fi')
    return go, waits


class Uploads(Case):
    def kept(self, work, *machines):
        """Each machine's legs are in its spool or in the bucket. `machines` are (workdir, legs)."""
        stored = work.remote.files()
        lost = [(number, name) for number, (machine, legs) in enumerate(machines) for name, data in legs.items()
                if stored.get(name) != data
                and not ((machine.spool / name).exists() and (machine.spool / name).read_bytes() == data)]
        self.assertEqual(lost, [], f'{len(lost)} legs are lost')

    def says_that_another_writer_came(self, result, number):
        self.hints(self.status(result, 73))
        said = 'does not have what was uploaded: another writer has stored a different leg under this name: '
        self.assertEqual(result.err.count(said), number, f'\n{result}')
        self.says(result, 'hint: either may be the only copy of its leg, so keep both: .*node = NAME in pbx.conf')
        self.assertNotIn('remove', result.err)


class SecondLook(Uploads):
    """Each of these takes the 35 seconds of the wait, so they run in parallel, before the first test that needs a result."""
    results = {}

    def setUp(self):
        super().setUp()
        if self.results:
            return
        scenarios = [self.later_upload, self.later_upload_of_the_first_machine, self.at_the_same_moment, self.meanwhile, self.slow]
        works = []
        for _ in scenarios:  # created one after the other: the cluster is not thread-safe
            works.append(self.workdir())
        with ThreadPoolExecutor(len(scenarios)) as pool:
            for scenario, future in [(scenario, pool.submit(scenario, work)) for scenario, work in zip(scenarios, works)]:
                try:
                    SecondLook.results[scenario.__name__] = future.result()
                except Exception as fault:  # pylint: disable=broad-except
                    SecondLook.results[scenario.__name__] = fault

    def result(self, scenario):
        result = self.results[scenario]
        if isinstance(result, Exception):
            raise result
        return result

    # --- what happens

    def later_upload(self, work, swapped=False):
        """Machine a sees its own objects in the bucket. Machine b looked before a uploaded, and uploads only now."""
        first, second = (work.second_node(), work) if swapped else (work, work.second_node())
        mine, theirs = legs_of(first, 1), legs_of(second, 2)
        go, waits = slow_upload(work, second)
        slow = second.start('pbx-archive')
        self.assertTrue(until(waits.exists), 'the second machine never uploads')
        quick = first.start('pbx-archive')
        self.assertTrue(until(lambda: len(work.remote.files()) == len(LEGS)), 'the first machine never uploads')
        until(lambda: quick.poll() is not None, 4)
        go.touch()
        results = first.finish(quick), second.finish(slow)
        self.kept(work, (first, mine), (second, theirs))
        return results

    def later_upload_of_the_first_machine(self, work):
        return self.later_upload(work, swapped=True)

    def at_the_same_moment(self, work):
        other = work.second_node()
        mine, theirs = legs_of(work, 1), legs_of(other, 2)
        work.cloud.fault(match='^POST', delay_ms=2000)
        runs = work.start('pbx-archive'), other.start('pbx-archive')
        results = work.finish(runs[0]), other.finish(runs[1])
        self.kept(work, (work, mine), (other, theirs))
        return results

    def meanwhile(self, work):
        """A machine without a name is alone, until another one registers while it uploads, and replaces two objects
        after the first look: a foreign writer one of them with another size."""
        legs = legs_of(work, 1)
        registers = f'psql -qc "insert into nodes (name, host, spool, last_archive) values (\'b\', \'pbx9\', \'/s\', now())" ' \
                    f'"{work.db.conninfo}"'
        rclone_that(work, 'meanwhile', f'[ "$1" != copy ] || {registers}')
        run = work.start('pbx-archive', '-v')
        self.assertTrue(until(lambda: len(work.remote.files()) == len(LEGS)), 'it never uploads')
        until(lambda: run.poll() is not None, 4)
        foreign = {LEGS[3]: pcm(ramp(0.1, 7)), LEGS[4]: b'longer' * 1000}
        for name, data in foreign.items():
            work.remote.put(name, data)
        result = work.finish(run)
        self.kept(work, (work, legs))
        self.assertEqual(work.legs_in_spool(), sorted(foreign))
        for name, data in foreign.items():
            self.assertEqual(work.remote.files()[name], data, 'the foreign object was overwritten')
        return result

    def slow(self, work):
        """Within 40 seconds the connection stores nothing except for one leg."""
        work.second_node()
        legs = legs_of(work, 1, LEGS[:1])
        work.cloud.fault(match='^POST', delay_ms=60000)
        result = work.run('pbx-archive')
        self.kept(work, (work, legs))
        self.assertEqual(work.legs_in_spool(), LEGS[:1])
        return result

    # --- what is expected of it

    def test_an_upload_after_the_other_machine_has_verified_loses_no_leg(self):
        for scenario in ('later_upload', 'later_upload_of_the_first_machine'):
            with self.subTest(scenario):
                first, second = self.result(scenario)
                self.says_that_another_writer_came(first, len(LEGS))
                self.quiet(self.status(second, 0))

    def test_two_machines_that_archive_at_the_same_moment_lose_no_leg(self):
        statuses = [result.status for result in self.result('at_the_same_moment')]
        self.assertLessEqual(set(statuses), {0, 73}, f'{self.result("at_the_same_moment")}')
        self.assertIn(73, statuses)

    def test_a_machine_that_registers_during_an_upload_counts_and_what_it_replaces_is_noticed_before_the_release(self):
        result = self.result('meanwhile')
        self.says_that_another_writer_came(result, 2)
        self.says(result, r'waiting \d+ s: another machine may be storing legs under the names of 20 legs')

    def test_a_leg_under_a_shared_name_that_cannot_be_uploaded_in_time_stays_and_the_remedy_is_named(self):
        result = self.result('slow')
        self.hints(self.status(result, 75))
        self.says(result, 'cannot be uploaded within 28 s, and other machines may store a leg under its name', r'hint: .*-NODE\.wav')


class WithoutWaiting(Uploads):
    def quick(self, machine, *arguments, status=0, **how):
        began = time.monotonic()
        result = self.status(machine.run('pbx-archive', *arguments, **how), status)
        self.assertLess(time.monotonic() - began, 20 * SLOW, 'it waited')
        return result

    def test_a_machine_with_its_name_in_its_legs_releases_them_at_once_beside_others(self):
        work = self.workdir()
        self.status(work.second_node().run('pbx-archive'), 0)
        legs = legs_of(work, 1, ['20260418-144004-100-1001-a.wav', '20260418-144004-100-1001-a-1776500000.1.wav'])
        self.quiet(self.quick(work))
        self.assertEqual(work.remote.files(), legs)
        self.assertEqual(work.legs_in_spool(), [])

    def test_a_single_machine_runs_rclone_no_more_often_than_before_with_or_without_a_database(self):
        for database in (True, False):
            with self.subTest(database=database):
                work = self.workdir(database=database)
                legs = legs_of(work, 1)
                work.count_rclone()
                self.quiet(self.quick(work))
                # The first leg travels alone, to measure the line.
                self.assertEqual([line.split()[0] for line in work.rclone_runs()], ['cat', 'backend', 'lsjson', 'copy', 'copy', 'lsjson'])
                self.assertEqual(work.remote.files(), legs)
                self.assertEqual(work.legs_in_spool(), [])

    def test_a_named_machine_that_is_alone_in_the_table_of_nodes_releases_older_names_at_once(self):
        work = self.workdir()
        legs = legs_of(work, 1)
        self.quiet(self.quick(work, '--node', 'a'))
        self.assertEqual(work.remote.files(), legs)
        self.assertEqual(work.legs_in_spool(), [])

    def test_a_named_machine_without_a_database_does_not_begin_with_older_names_where_it_has_no_time_to_wait(self):
        work = self.workdir(database=False)
        legs_of(work, 1)
        own = legs_of(work, 2, ['20260418-144004-100-1001-a.wav'])
        result = self.quick(work, '--node', 'a', '--timeout', '25s', status=75, env={'PBX_DATABASE': 'host=/nowhere'})
        self.hints(result)
        self.says(result, '20 legs .*not tried, since too little time was left .*to wait for other machines')
        self.assertEqual(work.legs_in_spool(), LEGS)
        self.assertEqual(work.remote.files(), own)

    def test_nothing_is_stored_under_a_shared_name_while_a_machine_without_a_name_may_be_uploading(self):
        work = self.workdir()
        other = work.second_node(own_name=None)
        mine = legs_of(work, 3)
        go, waits = slow_upload(work, work)
        slow = work.start('pbx-archive')
        self.assertTrue(until(waits.exists), 'the first machine never uploads')
        theirs = legs_of(other, 1)
        own = legs_of(other, 2, ['20260418-144004-100-1001-b.wav'])
        result = self.quick(other, status=75)
        self.hints(result)
        self.says(result, '20 legs .*a machine without a node name may be storing a leg under it at this moment')
        self.assertEqual(work.remote.files(), own)
        self.assertEqual(other.legs_in_spool(), LEGS)
        # A run that was killed is no longer running.
        slow.kill()
        slow.wait()
        go.touch()
        locks = "select 1 from pg_locks where locktype = 'advisory'"
        self.assertTrue(until(lambda: not work.db.psql('-At', '-c', locks).stdout))
        self.kept(work, (work, mine), (other, theirs))

    def test_a_foreign_writer_between_the_upload_and_the_check_is_noticed_and_the_leg_stays(self):
        work = self.workdir()
        legs = legs_of(work, 1)
        foreign, put = b'of another writer', work.cloud.put

        def replaced_at_once(name, data, *arguments, **more):
            entry = put(name, data, *arguments, **more)
            if name == BELOW + LEGS[5]:
                put(name, foreign, *arguments, **more)
            return entry

        work.cloud.put = replaced_at_once
        self.says_that_another_writer_came(self.quick(work, status=73), 1)
        self.kept(work, (work, legs))
        self.assertEqual(work.legs_in_spool(), [LEGS[5]])
        self.assertEqual(work.remote.files()[LEGS[5]], foreign)

    def test_no_hint_advises_removing_a_different_object_under_a_legs_name(self):
        work = self.workdir()
        legs = legs_of(work, 1, LEGS[:1])
        work.remote.put(LEGS[0], b'of another machine')
        result = self.quick(work, status=73)
        self.hints(result)
        self.says(result, 'a different object under its name, which was not overwritten: 18 bytes, MD5 '
                          + hashlib.md5(b'of another machine').hexdigest(), 'keep both')
        self.assertNotIn('remove', result.err)
        self.assertEqual(work.remote.files(), {LEGS[0]: b'of another machine'})
        self.kept(work, (work, legs))


if __name__ == '__main__':
    main('pbx-archive', 'pbx-migrate')
