#!/usr/bin/env python3
"""Facts: what pbx-archive knows of each object, and how it comes into the table `recordings`."""
import json
import os
import re
import subprocess

import sound
from archiving import CALL, Archiving
from sound import pcm, ramp
from workdir import ACCOUNT, OTHER_ACCOUNT, main


def judged(program, path):
    return subprocess.run([program, path], stdout=subprocess.PIPE, check=True, text=True).stdout.split()[0]


def sox_levels(path, channel):
    """(peak, RMS) of one channel, 0 to 1, as sox measures them."""
    done = subprocess.run(['sox', path, '-n', 'remix', str(channel), 'stat'], stderr=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, check=True, text=True)
    def value(name):
        return float(re.search(rf'{name}:\s+(-?[0-9.]+)', done.stderr).group(1))
    return max(abs(value('Maximum amplitude')), abs(value('Minimum amplitude'))), value('RMS     amplitude')


class Facts(Archiving):
    def rows(self, work, columns, where='true'):
        """[[text]] of the table, by name."""
        asked = f'select {columns} from recordings where {where} order by shelf, name'
        return [line.split('|') for line in work.db.psql('-At', '-c', asked).stdout.splitlines()]

    def journal(self, work):
        return work.spool / '.facts'


class Taken(Facts):
    def test_size_hashes_and_sound_are_what_md5sum_sha256sum_and_sox_say(self):
        work = self.workdir()
        legs = {f'{kind}.wav': sound.tone(440, 1.5, kind) for kind in sound.KINDS}
        legs['speech.wav'] = sound.speech('This call is recorded')
        legs['notes.wav'] = b'not a sound at all'
        legs['nothing.wav'] = b''
        kept = work.path / 'kept'
        kept.mkdir()
        for name, data in legs.items():
            work.leg(name, data)
            (kept / name).write_bytes(data)
        self.quiet(self.archive(work))
        found = {row[0]: row[1:] for row in self.rows(
            work, 'name, size, md5, sha256, frames, rate, channels, codec, levels, unfinished, shelf')}
        self.assertEqual(sorted(found), sorted(legs))
        codecs = {'gsm': 'gsm', 'ulaw': 'mulaw', 'alaw': 'alaw'}
        for name in legs:
            with self.subTest(name):
                path = str(kept / name)
                size, md5, sha256, frames, rate, channels, codec, levels, unfinished, shelf = found[name]
                self.assertEqual((int(size), md5, sha256, shelf), (os.path.getsize(path), judged('md5sum', path),
                                                                  judged('sha256sum', path), 'legs'))
                if name in ('notes.wav', 'nothing.wav'):
                    self.assertEqual({frames, rate, channels, codec, levels, unfinished}, {''})
                    continue
                self.assertEqual((int(rate), int(channels), int(frames)), sound.soxi(path)[:3])
                self.assertEqual((codec, unfinished), (codecs.get(name[:-4], 'pcm16'), 'f'))
                for number, channel in enumerate(json.loads(levels), 1):
                    peak, rms = sox_levels(path, number)
                    self.assertAlmostEqual(10 ** (channel['peak'] / 20), peak, delta=0.002)
                    self.assertAlmostEqual(10 ** (channel['rms'] / 20), rms, delta=0.002)

    def test_digital_silence_counts_per_channel_and_only_in_runs_of_20_ms(self):
        rate, loud = 8000, 1000
        left = [0] * rate + [loud] * rate + [8, -8] * (rate // 2) + [loud, 0] * (rate // 2)
        right = [loud] * 4 * rate
        samples = b''.join(value.to_bytes(2, 'little', signed=True) for pair in zip(left, right) for value in pair)
        work = self.workdir()
        work.leg('stereo.wav', pcm(samples, channels=2))
        work.leg('silent.wav', pcm(bytes(2 * rate)))
        short = ([loud] + [0] * 159) * 50
        work.leg('short.wav', pcm(b''.join(value.to_bytes(2, 'little', signed=True) for value in short)))
        self.archive(work)
        levels = {name: json.loads(text) for name, text in self.rows(work, 'name, levels')}
        self.assertEqual([channel['silence'] for channel in levels['stereo.wav']], [2, 0])
        self.assertEqual(levels['silent.wav'], [{'peak': None, 'rms': None, 'silence': 1}])
        self.assertEqual(levels['short.wav'][0]['silence'], 0)

    def test_a_leg_whose_header_was_never_finished_is_known_as_such(self):
        work = self.workdir()
        work.leg('crashed.wav', sound.unfinished(pcm(ramp(0.5))))
        self.archive(work)
        self.assertEqual(self.rows(work, 'frames, unfinished'), [['4000', 't']])

    def test_stitched_recordings_have_facts_and_each_object_has_its_owner_and_node(self):
        work = self.workdir()
        legs = work.three_legs(CALL)
        work.leg('orphan.wav', pcm(ramp(0.1, 8)))
        work.leg('claimed.wav', pcm(ramp(0.1, 9)))
        work.cdr('1776500000.8', 'claimed.wav', ACCOUNT)
        work.cdr('1776500000.9', 'claimed.wav', OTHER_ACCOUNT)
        self.status(work.run('pbx-stitch', '--node', 'a'), 0)
        self.archive(work, '--node', 'a')
        self.assertEqual(self.rows(work, 'shelf, name, accountcode, linkedid, node'),
                         [['legs', *row] for row in sorted(
                             [['claimed.wav', '', '', 'a'], ['orphan.wav', '', '', 'a'],
                              *([name, ACCOUNT, CALL, 'a'] for name, _ in legs)])] +
                         [['stitched', f'{CALL}.wav', ACCOUNT, CALL, 'a']])
        self.assertEqual(self.rows(work, 'md5', "shelf = 'stitched'"),
                         [[judged('md5sum', str(work.stitched_file(CALL)))]])

    def test_a_leg_that_the_remote_has_already_gets_facts_too(self):
        work = self.workdir()
        data = pcm(ramp(0.1))
        work.leg('there.wav', data)
        work.remote.put('there.wav', data)
        self.archive(work)
        self.assertEqual(self.rows(work, 'name, size'), [['there.wav', str(len(data))]])

    def test_facts_of_a_replaced_stitched_recording_are_replaced_and_those_of_an_older_journal_are_not_used(self):
        work = self.workdir()
        work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        self.archive(work, env={'PBX_DATABASE': 'host=/nowhere'})
        old = self.journal(work).read_bytes()
        work.leg('late.wav', pcm(ramp(0.2, 9)))
        work.cdr(CALL, 'late.wav', ago=600, sequence=9)
        self.status(work.run('pbx-stitch'), 0)
        self.archive(work)
        new = [[judged('md5sum', str(work.stitched_file(CALL)))]]
        self.assertEqual(self.rows(work, 'md5', "shelf = 'stitched'"), new)
        self.journal(work).write_bytes(old)
        self.archive(work)
        self.assertEqual(self.rows(work, 'md5', "shelf = 'stitched'"), new)


class Journal(Facts):
    def test_without_a_database_facts_wait_in_the_spool_and_the_next_run_with_one_loads_them_once(self):
        work = self.workdir()
        legs = self.legs(work, 3)
        gone = {'PBX_DATABASE': f'host={work.path} dbname=none'}
        self.quiet(self.archive(work, env=gone))
        self.assertEqual(work.legs_in_spool(), [])
        self.quiet(self.archive(work, env=gone))
        self.assertEqual(self.rows(work, 'name'), [])
        kept = self.journal(work).read_bytes()
        self.quiet(self.archive(work))
        self.assertEqual(self.rows(work, 'name'), [[name] for name in sorted(legs)])
        self.assertFalse(self.journal(work).exists())
        before = self.rows(work, '*, xmin')
        self.journal(work).write_bytes(kept)
        self.quiet(self.archive(work))
        self.assertEqual(self.rows(work, '*, xmin'), before, 'loading the same facts again writes nothing')

    def test_a_database_without_the_table_changes_nothing_for_the_archive(self):
        work = self.workdir()
        work.db.value('drop table recordings; select 1')
        legs = self.legs(work, 2)
        self.quiet(self.archive(work))
        self.assertEqual(work.remote.files(), legs)
        self.assertTrue(self.journal(work).exists())
        # A reader must know whose leg it was.
        work.cdr('1776500000.3', sorted(legs)[0])
        for arguments in (['1776500000.3'], ['--file', sorted(legs)[0]]):
            self.says(self.status(work.run('pbx-recording-fetch', *arguments), 78), 'hint: .*pbx-migrate up')

    def test_a_torn_line_costs_nothing_and_a_line_that_makes_no_sense_is_refused_by_name(self):
        work = self.workdir()
        legs = self.legs(work, 2)
        self.archive(work, env={'PBX_DATABASE': 'host=/nowhere'})
        whole = self.journal(work).read_text()
        line = json.loads(whole.split('\n')[1])
        hostile = [json.dumps({**line, **change}) for change in (
            {'name': '../escape.wav'}, {'name': 'bad-md5.wav', 'md5': "'; drop table recordings; --"},
            {'name': 'size.wav', 'size': -1}, {'name': 'huge.wav', 'size': 1e30}, {'name': 'shelf.wav', 'shelf': 'x'},
            {'name': 'nul.wav', 'linkedid': 'a\0b'}, {'name': 'levels.wav', 'levels': [{'peak': 'x'}]},
            {'name': 'late.wav', 'archived_at': 1 << 63})] + ['[]', '"text"', '7']
        self.journal(work).write_text('\n'.join([*hostile, whole[:len(whole) // 3]]) + '\n' + whole + whole[:40])
        result = self.archive(work, status=65)
        for name in ('../escape.wav', 'bad-md5.wav', 'size.wav', 'huge.wav', 'shelf.wav', 'nul.wav', 'levels.wav',
                     'late.wav'):
            self.assertIn(f'"{name}" refused', result.err)
        self.assertEqual(self.rows(work, 'name'), [[name] for name in sorted(legs)])
        self.quiet(self.archive(work))

    def test_a_journal_that_another_user_could_write_keeps_the_legs(self):
        work = self.workdir()
        self.legs(work, 1)
        self.journal(work).touch()
        self.journal(work).chmod(0o666)
        result = self.archive(work, status=77)
        self.says(result, r'\.facts')
        self.assertEqual(len(work.legs_in_spool()), 1)

    def test_a_long_journal_is_loaded_in_parts(self):
        work = self.workdir()
        self.legs(work, 1)
        self.archive(work, env={'PBX_DATABASE': 'host=/nowhere'})
        line = json.loads(self.journal(work).read_text().split('\n')[1])
        self.journal(work).write_text(''.join(json.dumps({**line, 'name': f'{n}.wav'}) + '\n' for n in range(2500)))
        self.quiet(self.archive(work))
        self.assertEqual(work.db.value('select count(*) from recordings'), '2500')


if __name__ == '__main__':
    main('pbx-archive')
