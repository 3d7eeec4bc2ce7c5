"""pbx-stitch is killed before each of its steps, and each of its steps fails."""
import sound
import sweep


class StitchWorld(sweep.RecordingWorld):
    """Six calls: plain ones, one with a leg that went to the bucket, one of mixed codecs, one whose stitched recording is
    older than its last leg."""
    tool = 'pbx-stitch'
    jobs = 1

    def __init__(self, work):
        super().__init__(work)
        for number in range(1, 7):
            names = [f'20260418-14400{number}-0700{number}-{leg}.wav' for leg in range(1, 4)]
            kinds = ('wav', 'ulaw', 'wav16') if number == 2 else ('wav',) * 3
            for leg, (name, kind) in enumerate(zip(names, kinds)):
                data = sound.pcm(sound.ramp(0.3, number * 10 + leg)) if kind == 'wav' else sound.tone(300 + 50 * leg, 0.3, kind)
                self.legs[name] = data
                if number == 3 and leg == 1 and self.jobs == 1:
                    self.remote[name] = data
                else:
                    self.files['monitor/' + name] = (data, 600)
                if (number, leg) != (5, 2):
                    work.cdr(self.linkedid(number), name, ago=1800 - 10 * leg, sequence=leg + 1)
        self.prepare()
        result = self.run()
        if result.status != 0:
            raise AssertionError(f'{result}')
        old = work.stitched_file(self.linkedid(5)).read_bytes()
        self.allowed[f'{self.linkedid(5)}.wav'] = [old]
        self.files[f'monitor/stitched/{self.linkedid(5)}.wav'] = (old, 500)
        work.cdr(self.linkedid(5), '20260418-144005-07005-3.wav', ago=1780, sequence=3)

    @staticmethod
    def linkedid(number):
        return f'1776500000.{number}'

    def run(self, before=()):
        return self.work.run(self.tool, '--jobs', str(self.jobs), before=before)


class TwoAtATime(StitchWorld):
    """Built by two threads; nothing has to be fetched, so that every thread that strace follows is the tool's own."""
    jobs = 2


class Stitch(sweep.SweepCase):
    def world(self):
        world = StitchWorld(self.workdir())
        world.undisturbed(self)
        return world


class StitchInThreads(sweep.SweepCase):
    threads = True

    def world(self):
        world = TwoAtATime(self.workdir())
        world.undisturbed(self)
        return world


if __name__ == '__main__':
    sweep.main('pbx-stitch')
