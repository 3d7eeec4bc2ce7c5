#!/usr/bin/env python3
"""Two runs of pbx-archive at once, and a run after one that a signal ended: the lock, and the rclone of the other run."""
import fcntl
import os
import signal

from archiving import Archiving
from workdir import LONG, main, processes_with, wait_until


class TwoAtOnce(Archiving):
    def test_two_runs_at_once_get_every_leg_into_the_bucket(self):
        rounds = 100 if LONG else 5
        for number in range(rounds):
            work = self.workdir(database=False)
            legs = self.legs(work, 60)
            runs = [work.start('pbx-archive') for _ in range(2)]
            results = [work.finish(run) for run in runs]
            self.assertIn(sorted(result.status for result in results), ([0, 0], [0, 75]),
                          f'round {number}\n{results[0]}\n{results[1]}')
            self.assertEqual(work.remote.files(), legs, f'round {number}')
            self.assertEqual(work.legs_in_spool(), [], f'round {number}')
            work.close()

    def test_the_second_of_two_runs_ends_with_a_temporary_failure_and_names_the_lock_holder(self):
        work = self.workdir()
        self.legs(work, 2)
        work.cloud.fault(hang=True)
        first = work.start('pbx-archive')
        wait_until(lambda: work.cloud.log, 'a request of the first run')
        second = self.archive(work, status=75, timeout=20)
        self.says(second, str(first.pid))
        work.cloud.clear()
        self.status(work.finish(first), 0)

    def test_a_lock_that_is_released_before_its_holder_is_looked_up_is_taken(self):
        work = self.workdir(database=False)
        legs = self.legs(work, 2)
        with open(work.spool / '.pbx-archive.lock', 'x', encoding='utf-8') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # The delay is between the refused lock and the look into /proc/locks.
            run, log = work.start_traced('flock', 'flock:delay_exit=1500000:when=1', 'pbx-archive')
            wait_until(lambda: log.exists() and 'EAGAIN' in log.read_text(encoding='utf-8'), 'a refused lock')
        self.status(work.finish(run), 0)
        self.assertEqual(work.remote.files(), legs)

    def ended_by(self, work, number):
        """A run that this signal ended while it uploaded, and that left no rclone running; its legs."""
        legs = self.legs(work, 5)
        work.cloud.fault(match='^POST', delay_ms=30000)
        run = self.starts_to_upload(work)
        run.send_signal(number)
        self.assertEqual(work.finish(run, timeout=20).status, -number)
        wait_until(lambda: not processes_with(str(work.path)), 'the end of rclone', 10)
        work.cloud.clear()
        return legs

    def test_a_killed_run_leaves_no_rclone_running_beside_the_next(self):
        work = self.workdir()
        legs = self.ended_by(work, signal.SIGKILL)
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)

    def test_what_a_killed_run_left_running_holds_the_lock_until_it_ends(self):
        work = self.workdir(database=False)
        legs = self.legs(work, 2)
        orphan, wrapper = work.path / 'orphan', work.path / 'slow-rclone'
        # The kernel kills the shell with its parent, but not the child of the shell.
        wrapper.write_text(f'#!/bin/sh\nsleep 300 &\necho $! >{orphan}.new\nmv {orphan}.new {orphan}\nwait\n', encoding='utf-8')
        wrapper.chmod(0o755)
        first = work.start('pbx-archive', '--rclone', wrapper)
        wait_until(orphan.exists, 'a child of rclone')
        child = int(orphan.read_text(encoding='utf-8'))
        try:
            first.kill()
            first.wait()
            second = self.archive(work, status=75)
            self.says(second, f'a child that pid {first.pid} left running')
        finally:
            os.kill(child, signal.SIGKILL)
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)

    def test_sigterm_ends_a_run_with_its_rclone_and_loses_nothing(self):
        work = self.workdir()
        legs = self.ended_by(work, signal.SIGTERM)
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)


if __name__ == '__main__':
    main()
