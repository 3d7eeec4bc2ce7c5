"""Several tools at once, a recorder that writes meanwhile, and parents that are killed: no leg is ever lost."""
import os
import random
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import sound
import sweep
from sound import Wav
from workdir import LONG, NO_LEAK_CHECK, SLOW, Case, processes_with

PAIRS = int(os.environ.get('PBX_PAIRS') or (1000 if LONG else 4))  # of pbx-archive
ROUNDS = 50 if LONG else 2


class Recorder(threading.Thread):
    """Writes a leg as Asterisk does: a header of zero sizes, 32 KiB at a time, the sizes at close."""

    def __init__(self, path, samples, seconds):
        super().__init__(daemon=True)
        self.path, self.samples, self.seconds = path, samples, seconds

    def run(self):
        with open(self.path, 'wb', buffering=32768) as file:
            file.write(sound.unfinished(sound.pcm(b'')))
            pieces = 20
            size = -(-len(self.samples) // pieces)
            for start in range(0, len(self.samples), size):
                file.write(self.samples[start:start + size])
                time.sleep(self.seconds / pieces)
            file.seek(4)
            file.write(struct.pack('<I', len(self.samples) + 36))
            file.seek(40)
            file.write(struct.pack('<I', len(self.samples)))


class Concurrency(Case):
    def legs(self, work, number):
        legs = {f'20260418-150000-{n:05}-1.wav': sound.pcm(sound.ramp(0.1, n)) for n in range(number)}
        for name, data in legs.items():
            work.leg(name, data)
        return legs

    def none_lost(self, work, legs, fault):
        there = work.remote.files()
        lost = [name for name, data in legs.items()
                if there.get(name) != data and not _same(work.spool / name, data)]
        sweep.counts.add(fault, lost=len(lost), repaired=0)
        self.assertEqual(lost, [], 'LOST')

    def all_archived(self, work, legs, fault):
        self.status(work.run('pbx-archive'), 0)
        there = work.remote.files()
        self.assertEqual([name for name, data in legs.items() if there.get(name) != data], [], 'every leg is in the bucket')
        self.assertEqual([name for name in work.legs_in_spool() if not name.startswith('.')], [])
        sweep.counts.add(fault, tried=0, repaired=1)

    def test_two_archives_at_once_lose_no_leg(self):
        work = self.workdir(database=False)
        for _ in range(PAIRS):
            legs = self.legs(work, 60)
            one, two = work.start('pbx-archive'), work.start('pbx-archive')
            results = [work.finish(one), work.finish(two)]
            self.assertIn(0, [result.status for result in results], f'{results[0]}\n{results[1]}')
            self.assertLessEqual({result.status for result in results}, {0, 75}, f'{results[0]}\n{results[1]}')
            self.none_lost(work, legs, 'pairs of archives at once, 60 legs')
            self.all_archived(work, legs, 'pairs of archives at once, 60 legs')
            for name in list(work.remote.files()):
                work.remote.remove(name)

    def test_stitches_archives_and_fetches_at_once_do_no_damage(self):
        for turn in range(ROUNDS):
            fault = 'two stitches, two archives and four fetches at once'
            work = self.workdir()
            calls = sweep.many_calls(work, range(10, 20))
            legs = {name: data for call in calls.values() for name, data in call}
            tools = [('pbx-stitch',), ('pbx-archive',), ('pbx-stitch',), ('pbx-archive',)]
            tools += [('pbx-recording-fetch', call) for call in list(calls)[:4]]
            random.Random(turn).shuffle(tools)
            started = [work.start(*tool) for tool in tools]
            for tool, result in zip(tools, [work.finish(process) for process in started]):
                self.assertIn(result.status, (0, 75), f'{result}')
                if tool[0] == 'pbx-recording-fetch' and result.status == 0:
                    self.assertEqual(Wav(result.out).check().samples, _samples(calls[tool[1]]), f'{tool}')
            self.none_lost(work, legs, fault)
            self.status(work.run('pbx-stitch'), 0)
            self.all_archived(work, legs, fault)
            there = work.remote.files()
            for call, parts in calls.items():
                self.assertEqual(Wav(there[f'stitched/{call}.wav']).check().samples, _samples(parts))
            self.assertEqual(sweep.temporary_files(work.spool, work.stitch_src), [])

    def test_fifty_fetches_of_one_call_at_once_all_get_the_same_whole_recording(self):
        work = self.workdir()
        legs = work.three_legs(ago=7200, age=7000)
        self.status(work.run('pbx-archive'), 0)  # every leg has to be in the bucket
        with ThreadPoolExecutor(50) as pool:
            results = list(pool.map(lambda _: work.run('pbx-recording-fetch', '1776500000.1', timeout=300), range(50)))
        bodies = set()
        for result in results:
            self.status(result, 0)
            bodies.add(result.out)
        self.assertEqual(len(bodies), 1)
        self.assertEqual(Wav(bodies.pop()).check().samples, _samples(legs))
        self.assertEqual(sweep.temporary_files(work.spool, work.stitch_src), [])
        sweep.counts.add('fifty fetches of one call at once', tried=50, repaired=50)

    def archive_takes(self, work, legs):
        """What pbx-archive does with these legs, at that moment."""
        for name, data in legs:
            work.remote.put(name, data)
            os.unlink(work.spool / name)

    def when_it_writes(self, folder, process):
        """Waits until the first file in `folder` is begun, and returns its hidden name."""
        until = time.monotonic() + 30 * SLOW
        while time.monotonic() < until and process.poll() is None:
            for name in os.listdir(folder) if folder.exists() else ():
                if name.endswith('.writing'):
                    return name
        raise AssertionError('the tool did not begin to write')

    def test_a_leg_that_the_archive_takes_while_its_call_is_stitched_is_not_called_missing(self):
        fault = 'legs archived between the look and the build'
        work = self.workdir()
        calls = sweep.many_calls(work, range(10, 20), ago=7200)
        # Slow when it begins a file: all calls have been examined by then.
        work.env.update(NO_LEAK_CHECK)
        process = subprocess.Popen(['strace', '-f', '-o', '/dev/null', '-e', 'trace=fchmod', '-e',
                                    'inject=fchmod:delay_enter=100000', *work.command('pbx-stitch', '--jobs', '1')],
                                   env=work.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        begun = self.when_it_writes(work.stitched, process)
        taken = [parts[1] for call, parts in calls.items() if call not in begun]
        self.archive_takes(work, taken)
        result = work.finish(process)
        self.assertEqual(result.status, 0, f'{result}')
        self.assertNotIn('is missing', result.err)
        for file in work.stitched.glob('*.wav'):
            self.assertEqual(Wav(file).check().samples, _samples(calls[file.stem]), f'{file.name} lacks a leg')
        self.quiet(self.status(work.run('pbx-stitch'), 0))
        for call, parts in calls.items():
            self.assertEqual(Wav(work.stitched_file(call)).check().samples, _samples(parts))
        sweep.counts.add(fault, tried=len(taken), repaired=len(taken))

    def test_a_leg_that_the_archive_takes_while_its_call_is_fetched_is_served_all_the_same(self):
        work = self.workdir()
        legs = work.three_legs(ago=7200, age=7000)
        work.env.update(NO_LEAK_CHECK)
        process = subprocess.Popen(['strace', '-f', '-o', '/dev/null', '-e', 'trace=fchmod', '-e',
                                    'inject=fchmod:delay_enter=1000000:when=1',
                                    *work.command('pbx-recording-fetch', '1776500000.1', '-D', '/dev/stderr')],
                                   env=work.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.when_it_writes(work.stitched, process)
        self.archive_takes(work, legs[1:2])
        result = work.finish(process)
        self.assertEqual(result.status, 0, f'{result.err}')
        self.assertEqual(Wav(result.out).check().samples, _samples(legs))
        self.says(result, 'X-Recording-Legs: 3')
        self.assertEqual(Wav(work.stitched_file('1776500000.1')).check().samples, _samples(legs))
        self.assertEqual(sweep.temporary_files(work.spool, work.stitch_src), [])
        sweep.counts.add('a leg archived while its call is fetched', repaired=1)

    def test_a_recording_that_is_stitched_again_while_it_is_copied_is_not_an_error_and_the_next_run_copies_it(self):
        work = self.workdir(database=False)
        name = '1776500000.1.wav'
        work.stitched.mkdir()
        file = work.stitched / name
        file.write_bytes(sound.pcm(sound.ramp(0.3, 1)))
        work.cloud.fault(match='GET .*' + name, delay_ms=1500, times=1)
        old_enough = ('--min-age', '0s')  # these have no manifest
        process = work.start('pbx-archive', *old_enough)
        until = time.monotonic() + 30 * SLOW
        while not any(name in line for line in list(work.cloud.log)) and time.monotonic() < until:
            time.sleep(0.01)
        newer = sound.pcm(sound.ramp(0.5, 2))  # its MD5 was computed, and it is not sent yet
        (work.stitched / '.newer').write_bytes(newer)
        (work.stitched / '.newer').rename(file)
        self.quiet(self.status(work.finish(process), 0))
        self.quiet(self.status(work.run('pbx-archive', *old_enough), 0))
        self.assertEqual(work.remote.files()[f'stitched/{name}'], newer)
        sweep.counts.add('stitched again while it is copied', repaired=1)

    def test_legs_that_are_being_recorded_stay_until_their_writer_is_done(self):
        work = self.workdir(database=False)
        legs, recorders = {}, []
        for n in range(ROUNDS * 8):
            name, samples = f'20260418-160000-{n:05}-1.wav', sound.ramp(0.2 + n % 5, n)
            legs[name] = sound.pcm(samples)
            recorders.append(Recorder(work.spool / name, samples, 1 + n % 4))
            recorders[-1].start()
        runs = 0
        while any(recorder.is_alive() for recorder in recorders):
            self.status(work.run('pbx-archive', '--min-age', '0'), 0)
            runs += 1
        for recorder in recorders:
            recorder.join()
        self.status(work.run('pbx-archive', '--min-age', '0'), 0)
        there = work.remote.files()
        broken = [name for name, data in legs.items() if there.get(name) != data]
        sweep.counts.add('archive --min-age 0 beside 8 recorders', tried=runs, lost=len(broken), repaired=0)
        self.assertEqual(broken, [], 'every leg arrived with its last sample')

    def test_a_run_right_after_a_killed_one_loses_no_leg(self):
        fault = 'archive killed at a random moment, next run at once'
        work = self.workdir(database=False)
        chance = random.Random(3)
        legs = {}
        for _ in range(ROUNDS * 4):
            legs.update(self.legs(work, 30))
            process = work.start('pbx-archive')
            time.sleep(chance.uniform(0.02, 0.8) * SLOW)
            process.kill()
            work.finish(process)
            result = work.run('pbx-archive')
            self.assertIn(result.status, (0, 75), f'{result}')
            self.none_lost(work, legs, fault)
        until = time.monotonic() + 10 * SLOW
        while processes_with('--files-from-raw') and processes_with(str(work.path)) and time.monotonic() < until:
            time.sleep(0.1)
        self.all_archived(work, legs, fault)

    def test_stitch_killed_again_and_again_finishes_in_the_end(self):
        fault = 'stitch killed at a random moment'
        work = self.workdir()
        calls = sweep.many_calls(work, range(10, 60))
        chance = random.Random(5)
        for _ in range(ROUNDS * 4):
            process = work.start('pbx-stitch')
            time.sleep(chance.uniform(0.01, 0.25) * SLOW)
            process.kill()
            work.finish(process)
            for file in work.stitched.glob('*.wav') if work.stitched.exists() else ():
                Wav(file).check()
            sweep.counts.add(fault)
        self.status(work.run('pbx-stitch'), 0)
        for call, parts in calls.items():
            self.assertEqual(Wav(work.stitched_file(call)).check().samples, _samples(parts))
        self.assertEqual(sweep.temporary_files(work.spool), [])
        sweep.counts.add(fault, tried=0, repaired=ROUNDS * 4)


def _samples(legs):
    return b''.join(data[44:] for _, data in legs)


def _same(path, data):
    return os.path.exists(path) and path.read_bytes() == data


if __name__ == '__main__':
    sweep.main('at once')
