#!/usr/bin/env python3
"""What strace shows: the content of a file is synced before it gets its final name, its folder after, and the journal of the
spool before a leg leaves."""
import re

from sound import pcm, ramp
from workdir import Case, main

CALLS = 'write,pwrite64,pwritev,copy_file_range,sendfile,fsync,fdatasync,syncfs,renameat,renameat2,unlinkat'
STEP = re.compile(r'(\w+)\((.*)\) = \d+')


class Durable(Case):
    def steps(self, work, *command):
        """(call, arguments) of each successful step, in order."""
        log = work.path / 'strace.log'
        self.status(work.run(*command, before=['strace', '-f', '-y', '-o', log, '-e', f'trace={CALLS}']), 0)
        return [found.groups() for found in map(STEP.search, log.read_text(encoding='utf-8', errors='replace').splitlines())
                if found]

    def check(self, steps, folder, files):
        final = [i for i, (call, arguments) in enumerate(steps)
                 if call.startswith('renameat') and not re.search(r', "\.[^"]*"$', arguments) and f'<{folder}>' in arguments]
        self.assertEqual(len(final), files, steps)
        content = f'<{folder}/'
        for i in final:
            written = [k for k in range(i) if steps[k][0] in ('write', 'pwrite64', 'pwritev', 'copy_file_range', 'sendfile')
                       and content in steps[k][1]]
            self.assertTrue(written, steps)
            self.assertTrue(any(call == 'syncfs' or call in ('fsync', 'fdatasync') and content in arguments
                                for call, arguments in steps[written[-1]:i]), f'no sync before {steps[i]}: {steps}')
        self.assertTrue(any(call == 'fsync' and arguments.endswith(f'<{folder}>') for call, arguments in steps[final[-1]:]),
                        f'the folder is not synced after its names changed: {steps}')

    def calls(self, count):
        work = self.workdir(remote=None)
        for number in range(1, count + 1):
            work.call(f'1776500000.{number}', [(f'a{number}.wav', pcm(ramp(0.1))), (f'b{number}.wav', pcm(ramp(0.1, 2)))])
        return work

    def test_a_stitched_recording_is_synced_before_it_gets_its_name(self):
        work = self.calls(1)
        self.check(self.steps(work, 'pbx-stitch'), work.stitched, 1)

    def test_a_batch_of_stitched_recordings_is_synced_before_any_gets_its_name(self):
        work = self.calls(6)
        self.check(self.steps(work, 'pbx-stitch'), work.stitched, 6)

    def test_a_fetched_file_is_synced_before_it_gets_its_name(self):
        work = self.calls(1)
        self.status(work.run('pbx-stitch'), 0)
        answers = work.path / 'answers'
        answers.mkdir()
        self.check(self.steps(work, 'pbx-recording-fetch', '1776500000.1', '-o', answers / 'call.wav'), answers, 1)

    def test_the_journals_name_is_synced_before_a_leg_leaves_also_when_an_earlier_run_made_the_journal(self):
        work = self.workdir(database=False)
        for name in ('first.wav', 'second.wav'):
            work.leg(name)
            steps = self.steps(work, 'pbx-archive')
            # It leaves when it loses its name, shortly before it is removed.
            removed = next(i for i, (call, arguments) in enumerate(steps) if call == 'renameat2' and f'"{name}"' in arguments)
            recorded = max(i for i in range(removed) if steps[i][0] == 'write' and '/.moved-' in steps[i][1])
            self.assertTrue(any(call == 'fsync' and arguments.endswith(f'<{work.spool}>') for call, arguments in
                                steps[recorded:removed]), f'{name}: {steps[recorded:removed + 1]}')


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-recording-fetch', 'pbx-archive')
