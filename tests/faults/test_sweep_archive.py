"""pbx-archive is killed before each of its steps, and each of its steps fails."""
import sound
import sweep


class ArchiveWorld(sweep.RecordingWorld):
    """Stitched recordings and legs that are due; a leg that the bucket already has, and one of which it has the first half."""
    tool = 'pbx-archive'

    def __init__(self, work):
        super().__init__(work)
        for number in range(1, 7):
            name = f'20260418-14400{number}-0700{number}-1.wav'
            data = self.legs[name] = sound.pcm(sound.ramp(0.3, number))
            self.files['monitor/' + name] = (data, 600)
            if number == 2:
                self.remote[name] = data
            if number == 3:
                self.remote[name] = data[:len(data) // 2]
        for number in (1, 2):
            name = f'1776500000.{number}.wav'
            data = sound.pcm(sound.ramp(0.6, 40 + number))
            self.files['monitor/stitched/' + name] = (data, 600)
            self.allowed[name] = [data]

    def run(self, before=()):
        return self.work.run(self.tool, before=before)


class Archive(sweep.SweepCase):
    seconds = 20

    def world(self):
        world = ArchiveWorld(self.workdir(database=False))
        world.undisturbed(self)
        self.assertEqual({name: world.end[1].get(name) for name in world.legs}, world.legs)
        return world


if __name__ == '__main__':
    sweep.main('pbx-archive')
