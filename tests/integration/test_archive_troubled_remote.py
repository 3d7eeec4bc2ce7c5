#!/usr/bin/env python3
"""A remote that fails pbx-archive: no leg is lost, the exit status names the kind of trouble, and the next run continues."""
import re
import time

from archiving import Archiving
from workdir import BELOW, SLOW, main, processes_with


class TroubledRemote(Archiving):
    def test_a_remote_that_is_down_is_reported_as_unavailable_and_no_leg_is_lost(self):
        work = self.workdir()
        legs = self.legs(work, 3)
        work.remote_down()
        result = self.archive(work, status=69, timeout=90)
        self.hints(result)
        self.assertEqual(work.legs_in_spool(), sorted(legs))
        work.remote_up()
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)

    def fails_from_some_moment_on(self, count, statuses, **fault):
        """The remote fails during the first run, and works again for the second. Other faults: faults/test_remote.py."""
        work = self.workdir()
        legs = self.legs(work, count)
        work.cloud.fault(**fault)
        result = work.run('pbx-archive', timeout=150)
        self.assertIn(result.status, statuses, str(result))
        self.nothing_lost(work, legs)
        moved = count - len(work.legs_in_spool())
        work.cloud.clear()
        self.archive(work)
        self.assertEqual(work.remote.files(), legs)
        self.assertEqual(work.legs_in_spool(), [])
        return moved

    def test_a_remote_that_becomes_unavailable_during_a_run_loses_nothing_and_the_next_run_continues(self):
        self.fails_from_some_moment_on(3, (69,), match='.', after=5, status=503)

    def test_a_remote_that_forbids_access_during_a_run_loses_nothing_and_the_next_run_continues(self):
        self.fails_from_some_moment_on(12, (69, 77), match='.', after=8, status=403)

    def test_a_remote_that_forbids_uploads_after_some_loses_nothing_and_the_next_run_continues(self):
        self.assertEqual(self.fails_from_some_moment_on(12, (69, 77), match='^POST', after=5, status=403), 5)

    def test_one_leg_that_the_bucket_forbids_does_not_hold_up_the_others(self):
        work = self.workdir()
        legs = self.legs(work, 4)
        name = sorted(legs)[1]
        work.cloud.fault(match=re.escape(name), status=403, reason='forbidden')
        # The name of an upload is in the request's body, not in its address: forbid it there too.
        work.cloud.buckets['bkt'] = _Forbidding(BELOW + name)
        result = work.run('pbx-archive', timeout=90)
        self.assertNotIn(result.status, (0, 70, 99), str(result))
        self.nothing_lost(work, legs)
        self.assertTrue((work.spool / name).exists())

    def test_a_bucket_that_does_not_exist_is_an_error_and_loses_nothing(self):
        work = self.workdir()
        legs = self.legs(work, 2)
        result = work.run('pbx-archive', '--remote', 'firebase:nosuchbucket/recordings', timeout=60)
        self.assertIn(result.status, (69, 78), str(result))
        self.hints(result)
        self.assertEqual(work.legs_in_spool(), sorted(legs))

    def test_a_remote_that_the_rclone_configuration_does_not_know_is_an_error(self):
        work = self.workdir()
        self.legs(work, 1)
        result = work.run('pbx-archive', '--remote', 'nosuchremote:bkt/recordings', timeout=60)
        self.assertIn(result.status, (69, 78), str(result))
        self.hints(result)
        self.assertEqual(len(work.legs_in_spool()), 1)

    def test_a_missing_rclone_is_named(self):
        work = self.workdir()
        self.legs(work, 1)
        result = self.archive(work, '--rclone', '/nonexistent/rclone', status=69)
        self.says(result, '/nonexistent/rclone')
        self.hints(result)

    def test_a_server_that_never_answers_is_given_up_at_the_deadline(self):
        for match in ('.', '^POST'):
            with self.subTest(match):
                work = self.workdir()
                legs = self.legs(work, 2)
                work.cloud.fault(match=match, hang=True)
                started = time.monotonic()
                result = work.run('pbx-archive', '--timeout', '8s', timeout=40)
                self.assertLess(time.monotonic() - started, 20 * SLOW)
                self.assertIn(result.status, (69, 75), str(result))
                self.assertEqual(processes_with(str(work.path)), [])
                work.cloud.clear()
                self.nothing_lost(work, legs)
                self.archive(work)
                self.assertEqual(work.remote.files(), legs)


class _Forbidding(dict):
    """A bucket that rejects one name."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def __setitem__(self, name, entry):
        if name == self.name:
            raise ConnectionResetError('refused by the test')
        super().__setitem__(name, entry)


if __name__ == '__main__':
    main()
