"""Wrong clocks, and calls that last longer than an hour."""
import calendar
import json
import os
import time

import sound
import sweep
from sound import Wav
from workdir import ACCOUNT, Case

CALL = '1776500000.1'


def change_of_clocks(month):
    """When Europe's clocks last changed in this month: its last Sunday, 01:00 UTC."""
    year = time.gmtime().tm_year
    moments = [calendar.timegm((y, month, day, 1, 0, 0)) for y in (year - 1, year)
               for day in [max(week[calendar.SUNDAY] for week in calendar.monthcalendar(y, month))]]
    return max(moment for moment in moments if moment < time.time() - 86400)


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

    def test_a_call_over_four_hourly_runs_grows_with_each_run(self):
        work = self.workdir()
        legs = []
        for hour in range(4):
            legs += [self.one_leg(work, hour * 2 + 1), self.one_leg(work, hour * 2 + 2)]
            self.status(work.run('pbx-stitch'), 0)
            self.status(work.run('pbx-archive'), 0)
            self.whole(work, legs)
            self.assertEqual([name for name in work.legs_in_spool() if not name.startswith('.')], [])
        sweep.counts.add('a call over four hourly runs', tried=4, repaired=4)

    def test_legs_dated_in_the_future_are_stitched_once_and_archived(self):
        work = self.workdir()
        legs = [self.one_leg(work, 1, when=3600), self.one_leg(work, 2, when=86400 * 400)]
        self.status(work.run('pbx-stitch'), 0)
        before = work.snapshot(work.stitched)
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        self.assertEqual(work.snapshot(work.stitched), before, 'the second run changes nothing')
        self.status(work.run('pbx-archive', '--min-age', '0'), 0)
        self.whole(work, legs)
        self.assertEqual(len([name for name in work.remote.files() if '/' not in name]), 2)
        sweep.counts.add('legs dated in the future', tried=2, repaired=2)

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
        sweep.counts.add('clock set back an hour between runs', repaired=1)

    def test_on_nights_when_the_clocks_change_every_call_is_stitched_once_in_the_order_it_was_spoken(self):
        """Legs on both sides of the change: by the wall clock of autumn the second one is the earlier."""
        work = self.workdir()
        zone = 'Europe/Berlin'
        work.db.sql(f"alter database {work.db.name} set timezone to '{zone}'")
        work.env['TZ'] = zone
        calls, rows = {}, []
        # The last Sundays of March and October that have passed: at 01:00 UTC clocks go from 02:00 to 03:00, or back.
        for month in (3, 10):
            change = change_of_clocks(month)
            for number, minutes in enumerate((-61, -40, -1, 0, 20, 61)):
                linkedid = f'{change + 60 * minutes}.{number}'
                calls[linkedid] = []
                for leg, offset in enumerate((0, 45, 90)):
                    name = f'{linkedid}-{2 - leg}.wav'  # names sort in reverse
                    data = sound.pcm(sound.ramp(0.05, number * 3 + leg))
                    work.leg(name, data)
                    calls[linkedid].append(data)
                    when = time.strftime('%Y-%m-%d %H:%M:%S+00', time.gmtime(change + 60 * minutes + offset))
                    rows.append((when, ACCOUNT, linkedid, linkedid, 3 - leg, name, 9, 9))
        work.db.copy('asterisk_cdr', ('calldate', 'accountcode', 'linkedid', 'uniqueid', 'sequence', 'recordingfile', 'duration',
                                      'billsec'), rows)
        self.quiet(self.status(work.run('pbx-stitch', '--since', '400d'), 0))
        before = work.snapshot(work.stitched)
        self.assertEqual(len(before), len(calls), 'each once')
        for linkedid, legs in calls.items():
            self.assertEqual(Wav(work.stitched_file(linkedid)).check().samples, b''.join(leg[44:] for leg in legs), linkedid)
        self.quiet(self.status(work.run('pbx-stitch', '--since', '400d'), 0))
        self.assertEqual(work.snapshot(work.stitched), before)
        # Within an hour: the change lies in the window, and the window is measured in real hours.
        change = change_of_clocks(10)
        hours = (time.time() - change) / 3600
        for since, expected in ((hours + 0.5, 4), (hours - 0.5, 1)):
            shown = self.status(work.run('pbx-stitch', '--dry-run', '--json', '--since', f'{int(since * 3600)}s',
                                         env={'PBX_STITCHED': str(work.path / 'other')}), 0)
            self.assertEqual(json.loads(shown.out)['would-stitch'], expected, since)
        for month in (3, 10):
            change = change_of_clocks(month)
            day = time.strftime('%Y-%m-%d', time.gmtime(change))
            until = time.strftime('%Y-%m-%d', time.gmtime(change + 86400))
            lines = self.status(work.run('pbx-calls', '--since', day, '--until', until), 0).text.splitlines()
            newest_first = sorted((call for call in calls if abs(float(call.split('.', 1)[0]) - change) < 7200), reverse=True)
            self.assertEqual([line.split('\t')[0] for line in lines], newest_first)
            self.assertEqual([line.split('\t')[1][19:] for line in lines], ['+02:00', '+02:00', '+02:00', '+01:00', '+01:00', '+01:00']
                             if month == 3 else ['+01:00', '+01:00', '+01:00', '+02:00', '+02:00', '+02:00'])
            # Half an hour on either side of the change, by wall clock and by offset.
            part = work.run('pbx-calls', '--since', f'{day}T00:30Z', '--until', f'{day}T01:30Z')
            self.assertEqual(len(self.status(part, 0).text.splitlines()), 3)
        sweep.counts.add('nights when the clocks change', tried=len(calls), repaired=len(calls))

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


if __name__ == '__main__':
    sweep.main('time')
