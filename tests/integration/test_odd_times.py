#!/usr/bin/env python3
"""CDR rows whose times Asterisk never writes: they stop no run, and hide no other call."""
import os

from sound import pcm, ramp
from workdir import Case, main

CALL, ODD = '1776500000.1', '1776500000.9'
TIMES = ('infinity', '-infinity', '294276-12-31 23:59:59+00', '4713-01-01 00:00:00+00 BC')


class OddTimes(Case):
    def calls(self, time):
        """A good call, and one whose two rows have this time."""
        work = self.workdir()
        for number, linkedid in enumerate((CALL, ODD)):
            work.call(linkedid, [(f'a{number}.wav', pcm(ramp(0.1))), (f'b{number}.wav', pcm(ramp(0.1, 2)))])
        work.db.sql(f"update asterisk_cdr set calldate = '{time}', duration = 2147483647 where linkedid = '{ODD}'")
        return work

    def test_no_time_stops_a_run_or_hides_another_call(self):
        for time in TIMES:
            with self.subTest(time):
                work = self.calls(time)
                self.status(work.run('pbx-stitch'), 0)
                self.assertTrue(work.stitched_file(CALL).exists())
                self.status(work.run('pbx-stitch', ODD), 0)
                self.assertTrue(work.stitched_file(ODD).exists())
                self.status(work.run('pbx-archive', 'audit'), 0)
                self.says_out(work.run('pbx-calls'), CALL)
                self.status(work.run('pbx-calls', 'show', ODD), 0)
                self.status(work.run('pbx-recording-fetch', ODD, '-o', work.path / 'odd.wav'), 0)

    def test_a_leg_whose_file_has_a_time_that_nanoseconds_cannot_hold_is_stitched_and_archived(self):
        for second in (13_000_000_000, -2_147_483_648):  # in the years 2381 and 1901; ext4 has none before
            with self.subTest(second):
                self.file_time(second)

    def file_time(self, second):
        work = self.workdir()
        name = 'a.wav'
        work.call(CALL, [(name, pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        os.utime(work.spool / name, (second, second))
        self.status(work.run('pbx-stitch', '--overlap', 'trim'), 0)
        work.stitched_file(CALL).unlink()
        self.status(work.run('pbx-stitch'), 0)
        first = work.stitched_file(CALL).stat().st_ino
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(work.stitched_file(CALL).stat().st_ino, first)
        self.status(work.run('pbx-archive', '--min-age', '0s'), 0)
        self.assertEqual(work.legs_in_spool(), [])
        self.status(work.run('pbx-recording-fetch', CALL, '-o', work.path / 'call.wav'), 0)

    def says_out(self, result, text):
        self.assertIn(text, self.status(result, 0).text)


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-calls', 'pbx-recording-fetch')
