"""Clocks that are wrong, and calls that outlast the hour."""
import os
import time

import sound
import sweep
from sound import Wav
from workdir import Case, main

CALL = '1776500000.1'


class Time(Case):
    def one_leg(self, work, number, when=-600, row=1800):
        name = f'20260418-1400{number:02}-07001-{number}.wav'
        data = sound.pcm(sound.ramp(0.2, number))
        work.leg(name, data)
        os.utime(work.spool / name, (time.time() + when,) * 2)
        work.cdr(CALL, name, ago=row - number, sequence=number)
        return data

    def whole(self, work, legs):
        self.assertEqual(Wav(work.remote.files()[f'stitched/{CALL}.wav']).check().samples, b''.join(leg[44:] for leg in legs))
        self.assertEqual(Wav(work.stitched_file(CALL)).check().samples, b''.join(leg[44:] for leg in legs))

    def test_a_call_over_four_hourly_runs_grows_with_every_one(self):
        work = self.workdir()
        legs = []
        for hour in range(4):
            legs += [self.one_leg(work, hour * 2 + 1), self.one_leg(work, hour * 2 + 2)]
            self.status(work.run('pbx-stitch'), 0)
            self.status(work.run('pbx-archive'), 0)
            self.whole(work, legs)
            self.assertEqual([name for name in work.legs_in_spool() if not name.startswith('.')], [])
        sweep.counts.add('a call over four hourly runs', tried=4, mended=4)

    def test_legs_dated_in_the_future_are_stitched_once_and_archived(self):
        work = self.workdir()
        legs = [self.one_leg(work, 1, when=3600), self.one_leg(work, 2, when=86400 * 400)]
        self.status(work.run('pbx-stitch'), 0)
        before = work.snapshot(work.stitched)
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertEqual(work.snapshot(work.stitched), before, 'no second time')
        self.status(work.run('pbx-archive', '--min-age', '0'), 0)
        self.whole(work, legs)
        self.assertEqual(len([name for name in work.remote.files() if '/' not in name]), 2)
        sweep.counts.add('legs dated in the future', tried=2, mended=2)

    def test_a_clock_set_back_between_runs_hides_no_leg(self):
        work = self.workdir()
        legs = [self.one_leg(work, 1), self.one_leg(work, 2)]
        self.status(work.run('pbx-stitch'), 0)
        os.utime(work.stitched_file(CALL), (time.time() + 3600,) * 2)  # as if written before the clock went back
        self.status(work.run('pbx-archive'), 0)
        legs.append(self.one_leg(work, 3))
        self.status(work.run('pbx-stitch'), 0)
        self.status(work.run('pbx-archive'), 0)
        self.whole(work, legs)
        sweep.counts.add('clock set back an hour between runs', mended=1)

    def test_the_zone_of_the_tool_and_of_the_session_changes_nothing(self):
        seen = set()
        for zone in ('UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Chatham'):
            work = self.workdir(remote=None)
            for linkedid, ago in (('1776500000.1', 24.9), ('1776500000.2', 25.1)):
                for leg in (1, 2):
                    name = f'{linkedid}-{leg}.wav'
                    work.leg(name, sound.pcm(sound.ramp(0.1, leg)))
                    work.cdr(linkedid, name, ago=ago * 3600, sequence=leg)
            self.status(work.run('pbx-stitch', env={'TZ': zone, 'PGTZ': zone}), 0)
            seen.add(tuple(sorted(file.name for file in work.stitched.glob('*.wav'))))
            sweep.counts.add('another time zone')
        self.assertEqual(seen, {('1776500000.1.wav',)})


def tearDownModule():  # pylint: disable=invalid-name
    sweep.counts.show('time')


if __name__ == '__main__':
    main()
