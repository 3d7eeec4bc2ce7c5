#!/usr/bin/env python3
"""Runs that a signal interrupts: what they report, what they leave behind, and how the process ends."""
import json
import signal
import subprocess
import time

from sound import pcm, ramp
from workdir import Case, main, processes_with

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt(Case):
    def hang_in(self, work, command):
        """rclone never finishes `command`; the returned file appears when rclone has started."""
        began = work.path / 'began'
        wrapper = work.path / 'slow-rclone'
        wrapper.write_text(f'#!/bin/sh\n[ "$1" != {command} ] || {{ touch {began}; sleep 300; }}\nexec rclone "$@"\n',
                           encoding='utf-8')
        wrapper.chmod(0o755)
        work.env['PBX_RCLONE'] = str(wrapper)
        return began

    def interrupt(self, work, process, began, number):
        deadline = time.monotonic() + 60
        while not began.exists():
            self.assertIsNone(process.poll(), 'the tool ended before rclone started')
            self.assertLess(time.monotonic(), deadline, 'rclone did not start')
            time.sleep(0.02)
        process.send_signal(number)
        result = work.finish(process, timeout=30)
        self.assertEqual(result.status, -number, str(result))
        self.says(result, f'interrupted by {number.name}$')
        self.assertEqual(processes_with(str(work.path / 'slow-rclone')), [], 'rclone ends with the tool')
        began.unlink()
        return result

    def leftovers(self, *folders):
        return sorted(str(path) for folder in folders if folder.exists() for path in folder.rglob('.*')
                      if not path.name.endswith('.lock'))

    def archived_leg(self):
        """A call of two legs, the second of which only the archive has."""
        work = self.workdir()
        work.call('1776500000.1', [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        self.status(work.run('pbx-archive'), 0)
        work.leg('a.wav', pcm(ramp(0.1)))
        return work

    def test_stitch_completes_its_report_removes_its_files_and_ends_by_the_signal(self):
        work = self.archived_leg()
        began = self.hang_in(work, 'copy')
        for number in SIGNALS:
            with self.subTest(number.name):
                result = self.interrupt(work, work.start('pbx-stitch', '--json'), began, number)
                report = json.loads(result.out)
                self.assertEqual((report['stitched'], report['exit']), (0, 75))
                self.assertEqual(self.leftovers(work.stitched, work.path / 'stitch-src'), [])
        work.env['PBX_RCLONE'] = 'rclone'
        self.status(work.run('pbx-stitch'), 0)
        self.assertTrue(work.stitched_file('1776500000.1').exists())

    def test_archive_reports_what_it_had_done_and_keeps_the_other_legs(self):
        work = self.workdir()
        work.leg('a.wav', pcm(ramp(0.1)))
        began = self.hang_in(work, 'copy')
        for number in SIGNALS:
            with self.subTest(number.name):
                result = self.interrupt(work, work.start('pbx-archive'), began, number)
                self.says(result, r'interrupted after 0 stitched recordings were copied and 0 legs moved')
                self.assertEqual(work.legs_in_spool(), ['a.wav'])
        work.env['PBX_RCLONE'] = 'rclone'
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.legs_in_spool(), [])

    def test_fetch_leaves_no_file(self):
        work = self.archived_leg()
        began = self.hang_in(work, 'cat')
        for number in SIGNALS:
            with self.subTest(number.name):
                out = work.path / 'answers'
                out.mkdir(exist_ok=True)
                self.interrupt(work, work.start('pbx-recording-fetch', '1776500000.1', '--leg', '2', '-o', out / 'b.wav'),
                               began, number)
                self.assertEqual(list(out.iterdir()), [])

    def test_a_signal_that_is_ignored_from_the_start_interrupts_nothing(self):
        work = self.archived_leg()
        began = self.hang_in(work, 'copy')
        # pylint: disable=subprocess-popen-preexec-fn
        process = work.start('pbx-stitch', preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        while not began.exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(1)
        self.interrupt(work, process, began, signal.SIGTERM)


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-recording-fetch')
