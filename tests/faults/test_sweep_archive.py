"""pbx-archive is killed before each of its steps, and each of its steps fails."""
import collections
import functools
import json
import os
import subprocess

import sound
import sweep


@functools.lru_cache(maxsize=None)
def md5sum(data):
    return subprocess.run(['md5sum'], input=data, stdout=subprocess.PIPE, check=True).stdout.split()[0].decode()


class ArchiveWorld(sweep.RecordingWorld):
    """Stitched recordings and legs that are due; a leg that the bucket already has, and one of which it has the first half."""
    tool = 'pbx-archive'

    def __init__(self, work):
        super().__init__(work)
        self.repaired = False
        for number in range(1, 7):
            name = f'20260418-14400{number}-0700{number}-1.wav'
            data = self.legs[name] = sound.pcm(sound.ramp(0.3, number))
            self.files[self.place_of(name)] = (data, 600)
            if number == 2:
                self.remote[name] = data
            if number == 3:
                self.remote[name] = data[:len(data) // 2]
        for number in (1, 2):
            name = f'1776500000.{number}.wav'
            data = sound.pcm(sound.ramp(0.6, 40 + number))
            self.files['monitor/stitched/' + name] = (data, 600)
            self.allowed[name] = [data]

    def prepare(self):
        super().prepare()
        self.repaired = False
        self.work.db.value('delete from recordings; select 1')

    def settle(self):
        self.repaired = True

    def run(self, before=()):
        return self.work.run(self.tool, before=before)

    def rows(self):
        """[(path in the remote, MD5)] of the table."""
        return [tuple(line.split('|')) for line in self.work.db.psql(
            '-At', '-c', "select case shelf when 'legs' then '' else 'stitched/' end || name, md5 from recordings"
        ).stdout.splitlines()]

    def journal(self):
        """The same of the journal in the spool."""
        path = self.work.spool / '.facts'
        found = []
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                facts = json.loads(line)
            except ValueError:
                continue  # torn
            found.append((('' if facts['shelf'] == 'legs' else 'stitched/') + facts['name'], facts['md5']))
        return found

    def judge(self, case, result):
        super().judge(case, result)
        known = {*self.rows(), *self.journal()}
        for name, data in self.legs.items():
            if not (self.work.path / self.place_of(name)).exists():
                case.assertIn((name, md5sum(data)), known, f'{name} left the spool before its facts were on disk')
        for path in self.work.stitched.glob('*.wav'):
            if 'user.pbx.archived' in os.listxattr(path):
                case.assertIn((f'stitched/{path.name}', md5sum(path.read_bytes())), known,
                              f'{path.name} was marked as archived before its facts were on disk')

    def judge_end(self, case, result):
        super().judge_end(case, result)
        stored = collections.Counter((name, md5sum(data)) for name, data in self.work.remote.files().items())
        rows = collections.Counter(self.rows())
        # A run that did not reach the database leaves facts in the journal.
        if self.repaired or not self.journal():
            case.assertEqual(rows, stored, 'the table has each object once, with the MD5 that md5sum computes')
            case.assertFalse((self.work.spool / '.facts').exists())


class DatedWorld(ArchiveWorld):
    """The same, with most legs in folders of days."""

    def __init__(self, work):
        super().__init__(work)
        work.env['PBX_SPOOL_LAYOUT'] = 'dated'

    def place_of(self, leg):
        number = int(leg[13:15])
        return f'monitor/{leg}' if number == 1 else f'monitor/2026/04/{17 + number % 2}/{leg}'


class Archive(sweep.SweepCase):
    seconds = 20
    kind = ArchiveWorld

    def world(self):
        world = self.kind(self.workdir())
        world.undisturbed(self)
        self.assertEqual({name: world.end[1].get(name) for name in world.legs}, world.legs)
        return world


class Dated(Archive):
    kind = DatedWorld


if __name__ == '__main__':
    sweep.main('pbx-archive')
