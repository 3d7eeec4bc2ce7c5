#!/usr/bin/env python3
"""Legs that pbx-archive leaves in the spool: they are being written, are too young, have changed, or are no legs."""
import os
import time
from pathlib import Path

import sound
from archiving import Archiving
from sound import pcm, ramp
from workdir import as_nobody, main


class LegsThatStay(Archiving):
    def test_a_leg_that_a_process_is_writing_stays_whatever_its_age(self):
        work = self.workdir()
        legs = {'talking.wav': sound.unfinished(pcm(ramp(0.5))), 'silent-yet.wav': sound.unfinished(sound.empty()),
                'nothing-yet.wav': b''}
        for name, data in legs.items():
            work.leg(name, data, age=0)
            work.hold_open(name, 'r+b' if data else 'ab')
            work.leg(name, data, age=90000)
        done = self.legs(work, 1)
        result = self.archive(work, '-v')
        self.assertEqual(work.legs_in_spool(), sorted(legs))
        self.assertEqual(work.remote.files(), done)
        for name in legs:
            self.says(result, rf'(?m)^pbx-archive: .*{name}.*(open|writ)')

    def test_once_its_writer_has_closed_it_the_leg_is_moved(self):
        work = self.workdir()
        work.leg('a.wav')
        holder = work.hold_open('a.wav')
        self.archive(work)
        self.assertEqual(work.legs_in_spool(), ['a.wav'])
        holder.terminate()
        holder.wait()
        self.archive(work)
        self.assertEqual(work.legs_in_spool(), [])

    def test_a_leg_whose_recording_is_paused_stays(self):
        work = self.workdir()
        path = work.leg('a.wav')
        os.setxattr(path, 'user.pbx.paused', b'%d' % (time.time() + 60))
        self.says(self.archive(work, '-v'), 'left a.wav: its recording is paused')
        os.setxattr(path, 'user.pbx.paused', b'%d' % (time.time() - 60))
        self.archive(work)  # its recorder begins again now, if it does
        self.assertEqual(work.legs_in_spool(), ['a.wav'])
        os.setxattr(path, 'user.pbx.paused', b'%d' % (time.time() - 360))
        self.archive(work)
        self.assertEqual(work.legs_in_spool(), [])

    def test_a_leg_younger_than_min_age_stays(self):
        work = self.workdir()
        work.leg('young.wav', age=60)
        work.leg('old.wav', age=400)
        self.archive(work)
        self.assertEqual(work.legs_in_spool(), ['young.wav'])
        self.archive(work, '--min-age', '30s')
        self.assertEqual(work.legs_in_spool(), [])

    def test_without_a_lease_it_decides_by_age_and_reports_that(self):
        work = self.workdir()
        if os.geteuid() != 0:
            self.skipTest('needs root, to make legs of another user')
        work.leg('foreign.wav')
        work.leg('young.wav', age=60)
        work.stitched.mkdir()
        before = as_nobody(work.path, work.spool, work.stitched, work.rclone_conf)
        for name in ('foreign.wav', 'young.wav'):
            (work.spool / name).chmod(0o644)
        tool = work.path / 'pbx-archive'
        tool.write_bytes(Path(work.command('pbx-archive')[0]).read_bytes())
        tool.chmod(0o755)
        result = work.run(str(tool), '-v', before=before)
        self.assertEqual(result.status, 0, str(result))
        self.assertEqual(work.legs_in_spool(), ['young.wav'])
        self.says(result, r'foreign\.wav.*(lease|age)')

    def test_a_leg_that_grows_while_it_is_uploaded_stays(self):
        work = self.workdir()
        path = work.leg('a.wav', pcm(ramp(1.0)))
        work.cloud.fault(match='^POST', times=1, delay_ms=3000)
        run = self.starts_to_upload(work)
        grown = path.read_bytes() + b'more audio'
        path.write_bytes(grown)
        os.utime(path, (time.time() - 600,) * 2)  # even when the clock hides it
        work.finish(run)
        self.assertEqual(path.read_bytes(), grown)

    def test_a_leg_that_is_replaced_while_it_is_uploaded_stays(self):
        work = self.workdir()
        path = work.leg('a.wav', pcm(ramp(1.0, 1)))
        status = path.stat()
        work.cloud.fault(match='^POST', times=1, delay_ms=3000)
        run = self.starts_to_upload(work)
        other = work.path / 'other.wav'
        other.write_bytes(pcm(ramp(1.0, 2)))
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.rename(path)
        work.finish(run)
        self.assertEqual(path.read_bytes(), pcm(ramp(1.0, 2)))

    def test_a_symlink_a_folder_and_a_fifo_are_not_legs(self):
        work = self.workdir()
        secret = work.path / 'secret'
        secret.write_bytes(b'another tenant')
        os.utime(secret, (time.time() - 900,) * 2)
        (work.spool / 'link.wav').symlink_to(secret)
        (work.spool / 'folder.wav').mkdir()
        os.mkfifo(work.spool / 'fifo.wav')
        for name in ('fifo.wav', 'folder.wav'):
            os.utime(work.spool / name, (time.time() - 900,) * 2)
        legs = self.legs(work, 1)
        result = work.run('pbx-archive', timeout=40)
        self.assertNotIn(result.status, (70, 99), str(result))
        self.assertEqual(work.remote.files(), legs)
        self.assertTrue(secret.exists() and (work.spool / 'link.wav').is_symlink() and (work.spool / 'folder.wav').is_dir())

    def test_legs_whose_names_mean_something_to_rclone_are_not_lost(self):
        work = self.workdir()
        hostile = ['with space.wav', 'a:b.wav', '-x.wav', '--config.wav', '[ab].wav', '*.wav', '{a,b}.wav', '#c.wav', ';d.wav',
                   'new\nline.wav', '\x1b[2J.wav', 'ü.wav', '.hidden.wav', "quote'.wav", 'q?.wav', '.wav', '$(touch x).wav']
        legs = {name: pcm(ramp(0.1, seed)) for seed, name in enumerate(hostile)}
        legs['plain.wav'] = pcm(ramp(0.1, 99))
        for name, data in legs.items():
            work.leg(name, data)
        result = work.run('pbx-archive')
        self.assertNotIn(result.status, (70, 99), str(result))
        self.nothing_lost(work, legs)
        self.assertNotIn('plain.wav', work.legs_in_spool())
        self.assertNotIn('\x1b', result.err)
        self.assertTrue(all(line.startswith('pbx-archive: ') for line in result.err.splitlines()), str(result))
        for name in ('-x.wav', 'new\nline.wav', '.hidden.wav'):
            self.assertTrue((work.spool / name).exists(), f'{name!r} is no name of a leg, and went')


if __name__ == '__main__':
    main()
