"""pbx-recording-fetch, while it joins a call from legs in the bucket, is killed before each of its steps, and each of its steps
fails."""
import sound
import sweep

CALL = '1776500000.1'


class FetchWorld(sweep.RecordingWorld):
    """One call of three legs, two of which went to the bucket."""
    tool = 'pbx-recording-fetch'

    def __init__(self, work):
        super().__init__(work)
        self.target = work.path / 'out.wav'
        for leg in range(1, 4):
            name = f'20260418-144001-07001-{leg}.wav'
            data = self.legs[name] = sound.pcm(sound.ramp(0.3, leg))
            if leg == 1:
                self.files['monitor/' + name] = (data, 6000)
            else:
                self.remote[name] = data
            work.cdr(CALL, name, ago=7200 - 10 * leg, sequence=leg)

    def prepare(self):
        super().prepare()
        for file in self.work.path.glob('*out.wav*'):
            file.unlink()

    def run(self, before=()):
        return self.work.run(self.tool, CALL, '-o', str(self.target), before=before)

    def temporary_files(self):
        return super().temporary_files() + [str(file) for file in self.work.path.glob('.out.wav*')]

    def judge(self, case, result):
        super().judge(case, result)
        whole = self.allowed[CALL + '.wav'][0]
        if self.target.exists():
            case.assertEqual(self.target.read_bytes(), whole, 'a file under its final name is whole')
        else:
            case.assertNotEqual(result.status, 0)

    def judge_end(self, case, result):
        """A served call may have been read from the cache, or not cached; both are right. Legs must be as they were."""
        here, there = self.state()
        case.assertEqual(there, self.end[1])
        if not any('strace' in part for part in result.command):
            case.assertEqual(here, self.end[0])


class StreamWorld(FetchWorld):
    """The same to a pipe."""

    def run(self, before=()):
        result = self.work.run(self.tool, CALL, before=before)
        return result

    def judge(self, case, result):
        sweep.RecordingWorld.judge(self, case, result)
        whole = self.allowed[CALL + '.wav'][0]
        if result.status == 0:
            case.assertEqual(result.out, whole, 'what ends in 0 is the whole recording')
        else:
            case.assertTrue(whole.startswith(result.out), 'what was written is the beginning of the recording')


class FetchIntoAFile(sweep.SweepCase):
    def world(self):
        world = FetchWorld(self.workdir())
        world.undisturbed(self)
        return world


class FetchToAPipe(sweep.SweepCase):
    def world(self):
        world = StreamWorld(self.workdir())
        world.undisturbed(self)
        return world


if __name__ == '__main__':
    sweep.main('pbx-recording-fetch')
