"""Compressed time: recorders constantly write legs, stitch and archive run without a pause, and now and then one of them is killed.
At the end every recorded sample is in the bucket once, and every call can be fetched."""
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import sound
import sweep
from sound import Wav
from test_concurrency import Recorder
from workdir import ACCOUNT, LONG, SLOW, Case

SECONDS = float(os.environ.get('PBX_SOAK') or (3600 if LONG else 30))
EVERY = 0.05 if SECONDS > 60 else 0.25  # of one call each


class Soak(Case):
    def test_at_the_end_every_sample_is_in_the_bucket_once_and_every_call_is_fetched(self):
        work = self.workdir()
        chance = random.Random(11)
        kinds = {'killed': 0, 'runs': 0}
        stop = threading.Event()
        calls, recorders = {}, []
        wrong = []

        def run_for_ever(tool, *arguments):
            own = random.Random(tool)
            while not stop.is_set():
                process = work.start(tool, *arguments)
                kill = own.random() < 0.3
                if kill:
                    time.sleep(own.uniform(0.01, 0.5))
                    process.kill()
                result = work.finish(process)
                kinds['runs'] += 1
                kinds['killed'] += result.status == -9
                if result.status not in (0, 75, -9):
                    wrong.append(result)

        workers = [threading.Thread(target=run_for_ever, args=args) for args in
                   (('pbx-stitch',), ('pbx-archive', '--min-age', '0'))]
        self.addCleanup(stop.set)  # a test that is told to end must not leave them
        for worker in workers:
            worker.start()
        number, until = 0, time.monotonic() + SECONDS
        while time.monotonic() < until:
            number += 1
            linkedid = f'1776500000.{number}'
            legs = []
            for leg in range(chance.choice((1, 2, 3))):
                name = f'20260418-{number:06}-0700{number}-{leg}.wav'
                samples = sound.ramp(0.02 + chance.random() / 8, number * 3 + leg)
                legs.append((name, sound.pcm(samples)))
                recorders.append(Recorder(work.spool / name, samples, chance.uniform(0.05, 1.5)))
                recorders[-1].start()
            calls[linkedid] = legs
            work.db.copy('asterisk_cdr', ('accountcode', 'linkedid', 'uniqueid', 'sequence', 'recordingfile', 'duration', 'billsec'),
                         [(ACCOUNT, linkedid, linkedid, leg + 1, name, 1, 1) for leg, (name, _) in enumerate(legs)])
            if number % 100 == 0:
                recorders = [recorder for recorder in recorders if recorder.is_alive()]
            time.sleep(EVERY * SLOW)
        for recorder in recorders:
            recorder.join()
        stop.set()
        for worker in workers:
            worker.join()
        self.assertEqual([str(result) for result in wrong[:3]], [], f'{len(wrong)} runs ended wrongly')
        # Legs for which one run had no time are left for the next one.
        for tool in (('pbx-stitch',), ('pbx-archive', '--min-age', '0')):
            while work.run(*tool, timeout=3600).status == 75:
                pass
            self.status(work.run(*tool, timeout=3600), 0)
        there = work.remote.files()
        legs = {name: data for parts in calls.values() for name, data in parts}
        lost = [name for name, data in legs.items() if there.get(name) != data]
        sweep.counts.add(f"soak: {number} calls, {len(legs)} legs, {kinds['runs']} runs, {kinds['killed']} killed",
                         tried=kinds['runs'], lost=len(lost), repaired=kinds['killed'])
        self.assertEqual(lost, [], 'LOST')
        self.assertEqual(sorted(name for name in there if '/' not in name), sorted(legs), 'each once, and nothing else')
        self.assertEqual(sweep.temporary_files(work.spool, work.stitch_src), [])
        for linkedid, parts in calls.items():
            if len(parts) > 1:
                self.assertTrue(there[f'stitched/{linkedid}.wav'].endswith(spoken(parts)), f'{linkedid} in the bucket')
        asked = list(calls) if SECONDS > 60 else chance.sample(list(calls), min(len(calls), 15))
        with ThreadPoolExecutor(2) as pool:
            for linkedid, result in zip(asked, pool.map(lambda linkedid: work.run('pbx-recording-fetch', linkedid), asked)):
                self.status(result, 0)
                self.assertEqual(Wav(result.out).samples, spoken(calls[linkedid]), linkedid)


def spoken(legs):
    return b''.join(data[44:] for _, data in legs)


if __name__ == '__main__':
    sweep.main('soak')
