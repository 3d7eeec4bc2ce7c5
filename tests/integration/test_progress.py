#!/usr/bin/env python3
"""Progress: an operator at a terminal sees it, and cron never does."""
import re
import sys

import sound
from workdir import NO_LEAK_CHECK, Case, main

LATE = 1500  # milliseconds: longer than the second after which progress shows, on any machine


def drawn(result):
    """The lines that were drawn in place, in order."""
    return re.findall(r'\r\x1b\[K([^\r\n]+)(?=\r)', result.text)


def screen(result):
    """What the terminal shows at the end, line by line."""
    lines = ['']
    for piece in re.split(r'(\r\n|\r|\x1b\[K)', result.text):
        if piece == '\r\n':
            lines.append('')
        elif piece == '\r':
            column = 0
        elif piece == '\x1b[K':
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] += piece
    return lines


class Progress(Case):
    def slow_archive(self, legs=20):
        work = self.workdir(database=False)
        for number in range(legs):
            work.leg(f'{number:02}.wav', bytes(100_000))
        work.cloud.fault(match='(POST|PUT) .*upload', delay_ms=LATE)
        return work

    def test_an_upload_shows_total_files_and_bytes_from_rclone_and_leaves_no_line(self):
        work = self.slow_archive()
        result = self.status(work.run_on_terminal('pbx-archive'), 0)
        lines = [line for line in drawn(result) if 'uploading legs' in line]
        seen = [re.fullmatch(r'pbx-archive: uploading legs: (\d+) of 20 files, (\d\.\d) of 2\.0 MB(, \d+ kB/s|, \d\.\d MB/s)?'
                             r'(, \d:\d\d left)?', line) for line in lines]
        self.assertTrue(seen and all(seen), f'{lines}\n{result}')
        counts = [int(line[1]) for line in seen]
        self.assertEqual(counts, sorted(counts))
        self.assertGreater(len(set(counts)), 1, 'the count did not change')
        self.assertTrue(any(line[3] and line[4] for line in seen), f'no rate or time\n{lines}')
        self.assertEqual(screen(result), [''])
        self.assertEqual(work.legs_in_spool(), [])

    def test_rclone_is_asked_for_frequent_statistics_only_when_they_are_shown(self):
        work = self.slow_archive(legs=2)
        work.count_rclone()
        self.quiet(work.run('pbx-archive'))
        self.assertFalse([run for run in work.rclone_runs() if '500ms' in run])
        work.leg('again.wav', b'x')
        self.status(work.run_on_terminal('pbx-archive'), 0)
        self.assertTrue([run for run in work.rclone_runs() if '500ms' in run])

    def test_the_spool_is_listed_once_also_for_a_run_that_somebody_watches(self):
        work = self.workdir(database=False)
        work.leg('a.wav')
        log = work.path / 'strace.log'
        work.env.update(NO_LEAK_CHECK)
        result = work.run_on_terminal('/usr/bin/strace', '-f', '-y', '-o', log, '-e', 'trace=getdents64',
                                      *work.command('pbx-archive'))
        self.status(result, 0)
        ends = [line for line in log.read_text().splitlines() if f'<{work.spool}>' in line and line.endswith(' = 0')]
        self.assertEqual(len(ends), 1, log.read_text())

    def test_nothing_is_drawn_with_quiet(self):
        work = self.slow_archive()
        self.assertEqual(self.status(work.run_on_terminal('pbx-archive', '-q'), 0).out, b'')

    def test_work_of_less_than_a_second_draws_nothing(self):
        work = self.workdir(database=False, remote='local')
        self.assertEqual(drawn(self.status(work.run_on_terminal('pbx-archive'), 0)), [])

    def test_messages_and_errors_are_on_lines_of_their_own(self):
        work = self.slow_archive(legs=3)
        work.remote.put('01.wav', b'another')
        result = self.status(work.run_on_terminal('pbx-archive', '-v'), 73)
        self.assertTrue(drawn(result), result)
        lines = screen(result)
        self.assertEqual(lines.pop(), '')
        for line in lines:
            self.assertRegex(line, r'^pbx-archive: (moved|hint:|01\.wav: |other nodes |(facts|owners) of archived |copied 0 )', result)
        self.assertTrue([line for line in lines if 'different object' in line], result)

    def test_an_error_from_rclone_is_quoted_while_its_statistics_are_shown(self):
        work = self.slow_archive(legs=3)
        work.cloud.clear()
        work.cloud.fault(match='(POST|PUT) .*upload.*01.wav', status=403, reason='forbidden')
        work.cloud.fault(match='(POST|PUT) .*upload', delay_ms=LATE)
        result = self.status(work.run_on_terminal('pbx-archive'), 77)
        self.assertTrue([line for line in screen(result) if '01.wav' in line and '403' in line], result)
        self.assertEqual(work.legs_in_spool(), ['01.wav'])

    def test_a_line_is_cut_to_the_width_of_the_terminal(self):
        work = self.slow_archive()
        result = self.status(work.run_on_terminal('pbx-archive', columns=30), 0)
        self.assertEqual({len(line) for line in drawn(result) if 'uploading' in line}, {29})

    def test_calls_are_counted_out_of_all_that_are_due(self):
        work = self.workdir()
        for number in range(4):
            work.three_legs(f'1776500000.{number}', stamp=f'20260418-1{number}40')
        self.quiet(work.run('pbx-stitch'))
        work.call('1776500000.9', [('a.wav', sound.tone()), ('b.wav', None)])
        work.remote.put('b.wav', sound.tone())
        work.cloud.fault(match='GET', delay_ms=LATE)
        result = self.status(work.run_on_terminal('pbx-stitch'), 0)
        self.assertTrue([line for line in drawn(result) if line.startswith('pbx-stitch: stitching: 4 of 5 calls')],
                        result)
        self.assertEqual(screen(result), [''])

    def test_legs_that_are_downloaded_are_shown_as_they_arrive(self):
        work = self.workdir()
        work.call('1776500000.9', [('a.wav', sound.tone()), ('b.wav', None)])
        work.remote.put('b.wav', sound.pcm(sound.ramp(10, 1)))
        work.cloud.fault(match='alt=media', bytes_per_s=50_000)
        result = self.status(work.run_on_terminal('pbx-stitch'), 0)
        self.assertTrue([line for line in drawn(result)
                         if re.match(r'pbx-stitch: fetching legs: 0 of 1 files, [1-9]\d* of 160 kB, \d+ kB/s, 0:', line)], result)

    def test_a_slow_fetch_shows_bytes_out_of_the_total(self):
        work = self.workdir()
        work.call('1776500000.9', [('a.wav', None)])
        work.remote.put('a.wav', sound.pcm(sound.ramp(10, 1)))
        work.cloud.fault(match='alt=media', bytes_per_s=50_000)
        result = self.status(work.run_on_terminal('pbx-recording-fetch', '-o', 'call.wav', '1776500000.9'), 0)
        self.assertTrue([line for line in drawn(result) if re.fullmatch(
            r'pbx-recording-fetch: fetching: [1-9]\d* of 160 kB, \d+ kB/s, 0:\d\d left', line)], result)
        self.assertEqual(screen(result), [''])


if __name__ == '__main__':
    sys.exit(main('pbx-archive', 'pbx-stitch', 'pbx-recording-fetch'))
