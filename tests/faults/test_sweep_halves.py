"""pbx-stitch is killed before each of its steps, and each of its steps fails, while it makes legs from halves: at any moment each side
of each leg is whole in its half or in the leg."""
import sound
import sweep
from sound import Wav


class HalvesWorld(sweep.RecordingWorld):
    """A call of two legs and one of a single leg in two channels, and a leg that goes on after a pause."""
    tool = 'pbx-stitch'

    def __init__(self, work):
        super().__init__(work)
        self.sides = {}   # half -> its samples
        self.before = {}  # leg -> the samples that it has in the spool
        for number, seconds in enumerate((0.3, 0.2, 0.4, 0.1)):
            self.add(f'20260418-14400{number}-100-{number}', seconds, number)
        for call, legs in (('1776500000.1', (0, 1)), ('1776500000.2', (2,)), ('1776500000.3', (3,))):
            for sequence, leg in enumerate(legs):
                work.cdr(call, f'20260418-14400{leg}-100-{leg}.wav', ago=1800 - 10 * sequence, sequence=sequence + 1)
        self.prepare()
        result = self.run()
        if result.status != 0:
            raise AssertionError(f'{result}')
        paused = '20260418-144003-100-3'
        self.before[f'{paused}.wav'] = Wav(work.spool / f'{paused}.wav').samples
        self.files[f'monitor/{paused}.wav'] = ((work.spool / f'{paused}.wav').read_bytes(), 600)
        self.add(paused, 0.2, 9, age=500)

    def add(self, name, seconds, seed, age=600):
        for place, side in enumerate(('caller', 'called')):
            samples = sound.ramp(seconds, 2 * seed + place)
            self.sides[f'{name}.{side}.wav'] = samples
            self.files[f'monitor/halves/{name}.{side}.wav'] = (sound.pcm(samples), age)

    def run(self, before=()):
        return self.work.run(self.tool, '--jobs', '1', before=before)

    def state(self):
        """Legs by their samples, since their headers name the inodes of their halves."""
        here, there = super().state()
        for path, data in here.items():
            if path.startswith('monitor/') and path.count('/') == 1:
                here[path] = Wav(data).check().samples
        return here, there

    @staticmethod
    def side_of(samples, side):
        return b''.join(samples[at:at + 2] for at in range(0 if side == 'caller' else 2, len(samples), 4))

    def judge(self, case, result):
        here, _ = self.state()
        for half, samples in self.sides.items():
            name, side, _ = half.rsplit('.', 2)
            kept = here.get(f'monitor/halves/{half}') == sound.pcm(samples)
            before = self.side_of(self.before.get(f'{name}.wav', b''), side)
            leg = here.get(f'monitor/{name}.wav')
            woven = leg is not None and self.side_of(leg, side) == before + samples
            case.assertTrue(kept or woven, f'LOST: {half}')
            case.assertTrue(leg is None or woven or self.side_of(leg, side) == before, f'{name}.wav is not whole')
        for path, data in here.items():
            if path.startswith('monitor/stitched/'):
                case.assertIn(data, self.allowed.get(path.rsplit('/', 1)[1], []), f'{path} is not whole')
        if result.status == 0:
            case.assertEqual(self.temporary_files(), [])


class Halves(sweep.SweepCase):
    def world(self):
        world = HalvesWorld(self.workdir())
        world.undisturbed(self)
        return world


if __name__ == '__main__':
    sweep.main('pbx-stitch')
