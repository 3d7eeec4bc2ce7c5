#!/usr/bin/env python3
"""Legs in two channels: pbx-stitch and pbx-recording-fetch make them from a file for each side, and all tools know them. The
judges are sox and soxi."""
import json
import os
import re
import time

import sound
from fetching import Fetching
from sound import Wav, pcm, ramp, soxi, tone
from workdir import ACCOUNT, OTHER_ACCOUNT, main

CALL = '1776500000.1'
LEG = '20260418-144004-919944421125-1003.wav'
CALLER, CALLED = pcm(ramp(1.0, 1)), pcm(ramp(1.0, 2))


def side(path, number):
    """The samples of one channel, counted from 1, as sox reads them."""
    return sound.sox_samples(path, 'remix', str(number), channels=1)


def channels_of(path):
    """By sndfile-info, which knows every format."""
    return int(re.search(r'Channels\s*:\s*(\d)', sound.sndfile_info(path)).group(1))


class Halved(Fetching):
    def halves(self, work, leg=LEG, age=600, **files):
        """Files of the leg in the folder of halves: caller=, called= (.wav) and whole= (.wav16)."""
        folder = work.spool / 'halves'
        folder.mkdir(exist_ok=True)
        for kind, data in files.items():
            path = folder / f"{leg[:-4]}{'.wav16' if kind == 'whole' else f'.{kind}.wav'}"
            path.write_bytes(data)
            os.utime(path, (time.time() - age,) * 2)
        return folder

    def left(self, work):
        return sorted(path.name for path in (work.spool / 'halves').iterdir())

    def stitch(self, work, *arguments, status=0, **how):
        return self.status(work.run('pbx-stitch', *arguments, **how), status)

    def one_leg(self, leg=LEG, call=CALL, account=ACCOUNT, **how):
        work = self.workdir(**how)
        work.cdr(call, leg, account, billsec=1)
        self.halves(work, leg, caller=CALLER, called=CALLED)
        return work


class Weaving(Halved):
    def test_the_halves_of_a_leg_become_a_leg_with_the_caller_left_and_the_called_side_right(self):
        work = self.one_leg(remote=None)
        result = self.stitch(work)
        self.assertEqual(result.err, '', 'cron stays silent')
        leg = work.spool / LEG
        self.assertEqual(soxi(leg), (8000, 2, 8000, 'Signed Integer PCM'))
        Wav(leg).check()
        self.assertEqual((side(leg, 1), side(leg, 2)), (CALLER[44:], CALLED[44:]))
        self.assertEqual(self.left(work), [])
        self.assertAlmostEqual(leg.stat().st_mtime, time.time() - 600, delta=60, msg='when the recorder closed its files')

    def test_it_needs_no_database(self):
        work = self.one_leg(remote=None)
        self.stitch(work, status=69, env={'PBX_DATABASE': 'host=/nowhere'})
        self.assertTrue((work.spool / LEG).exists())

    def test_a_side_that_is_shorter_or_missing_is_silent_there_and_that_is_reported(self):
        for name, files, sides, words in (
                ('shorter', {'caller': CALLER, 'called': pcm(ramp(0.25, 2))}, (CALLER[44:], ramp(0.25, 2) + bytes(12000)),
                 'the called side is 0.750 s shorter'),
                ('called', {'called': CALLED}, (bytes(16000), CALLED[44:]), 'no recording of the caller side'),
                ('caller', {'caller': CALLER}, (CALLER[44:], bytes(16000)), 'no recording of the called side'),
                ('crashed', {'caller': sound.unfinished(CALLER), 'called': sound.unfinished(pcm(ramp(0.5, 2))) + b'x'},
                 (CALLER[44:], ramp(0.5, 2) + bytes(8000)), 'its recorder died'),
                ('truncated', {'caller': CALLER, 'called': CALLED[:8045]}, (CALLER[44:], ramp(1.0, 2)[:8000] + bytes(8000)),
                 'shorter than its header states'),
                ('full', {'caller': CALLER, 'called': b''}, (CALLER[44:], bytes(16000)), 'the called side is 1.000 s shorter')):
            with self.subTest(name):
                work = self.workdir(remote=None)
                self.halves(work, **files)
                result = self.stitch(work, '--json', status=65 if name == 'truncated' else 0)
                self.says(result, f'leg {LEG}: ', words)
                woven, = json.loads(result.out)['halves']
                self.assertEqual((woven['leg'], woven['action'], woven['seconds']), (LEG, 'woven', 1.0))
                self.assertRegex(' '.join(woven['remarks']), words)
                self.assertEqual((side(work.spool / LEG, 1), side(work.spool / LEG, 2)), sides)
                self.assertEqual(self.left(work), [])

    def test_two_empty_halves_become_an_empty_leg(self):
        for data in (sound.empty(), b''):
            work = self.workdir(remote=None)
            self.halves(work, caller=data, called=data)
            self.stitch(work)
            self.assertEqual(Wav(work.spool / LEG).check().frames, 0)
            self.assertEqual(self.left(work), [])

    def test_an_unreadable_half_stays_and_the_other_one_is_woven(self):
        work = self.workdir(remote=None)
        self.halves(work, caller=b'no WAV file at all' * 100, called=CALLED)
        result = self.stitch(work, status=65)
        self.says(result, 'caller.wav: not a WAV file', 'it stays there')
        self.assertEqual((side(work.spool / LEG, 1), side(work.spool / LEG, 2)), (bytes(16000), CALLED[44:]))
        self.assertEqual(self.left(work), [LEG[:-4] + '.caller.wav'])
        self.stitch(work, status=65)
        self.assertEqual(side(work.spool / LEG, 2), CALLED[44:])
        work.spool.joinpath(LEG).unlink()  # as the archive does
        self.hints(self.stitch(work, status=65))
        self.assertEqual(self.left(work), [LEG[:-4] + '.caller.wav'])

    def test_a_call_does_not_wait_for_a_leg_of_which_no_half_can_be_read(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', pcm(ramp(0.2))), ('b.wav', pcm(ramp(0.2, 2))), (LEG, None)], ago=7200)
        self.halves(work, caller=b'no WAV file at all' * 100)
        self.stitch(work, status=65)
        manifest = Wav(work.stitched_file(CALL)).manifest
        self.assertEqual(([leg['name'] for leg in manifest['legs']], manifest['unreadable']), (['a.wav', 'b.wav'], [LEG]))
        self.halves(work, age=0, caller=CALLER)
        self.stitch(work)
        self.assertEqual([leg['name'] for leg in Wav(work.stitched_file(CALL)).manifest['legs']], ['a.wav', 'b.wav', LEG])

    def test_halves_that_do_not_fit_each_other_stay(self):
        wide = pcm(ramp(0.5, 2, rate=16000), rate=16000)
        for called, words in ((wide, '16000 samples per second'), (tone(kind='stereo'), 'not 16-bit PCM in one channel'),
                              (tone(kind='ulaw'), 'not 16-bit PCM in one channel')):
            work = self.workdir(remote=None)
            self.halves(work, caller=CALLER, called=called)
            self.says(self.stitch(work, status=65), words)
            self.assertIn(LEG[:-4] + '.called.wav', self.left(work))

    def test_a_leg_in_one_channel_with_16000_samples_per_second_comes_into_the_spool(self):
        work = self.workdir(remote=None)
        wide = pcm(ramp(0.5, 3, rate=16000), rate=16000)
        self.halves(work, whole=wide)
        self.stitch(work)
        self.assertEqual(soxi(work.spool / LEG), (16000, 1, 8000, 'Signed Integer PCM'))
        self.assertEqual(sound.sox_samples(work.spool / LEG), wide[44:])
        self.assertEqual(self.left(work), [])

    def test_what_is_being_recorded_waits(self):
        work = self.one_leg(remote=None)
        for kind in ('caller', 'called'):
            recorder = work.hold_open(f'halves/{LEG[:-4]}.{kind}.wav')
            left, = json.loads(self.stitch(work, '--json').out)['halves']
            self.assertEqual((left['action'], left['remarks']), ('left', ['it is still being recorded']))
            self.assertFalse((work.spool / LEG).exists())
            self.hints(self.fetch(work, CALL, status=75))
            recorder.terminate()
            recorder.wait()
        half = work.spool / 'halves' / f'{LEG[:-4]}.called.wav'
        os.setxattr(half, 'user.pbx.paused', b'%d' % (time.time() + 60))
        left, = json.loads(self.stitch(work, '--json').out)['halves']
        self.assertEqual((left['action'], left['remarks']), ('left', ['its recording is paused']))
        os.setxattr(half, 'user.pbx.paused', b'%d' % (time.time() - 1))
        self.stitch(work)
        self.assertTrue((work.spool / LEG).exists())

    def test_a_call_whose_other_leg_is_still_recorded_waits_and_calls_nothing_missing(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.2))), (LEG, None)], ago=7200)
        self.halves(work, caller=CALLER, called=CALLED)
        recorder = work.hold_open(f'halves/{LEG[:-4]}.caller.wav')
        report = json.loads(self.stitch(work, '--json').out)
        self.assertEqual([(call['action'], call['reason']) for call in report['calls']], [('left', f'leg {LEG} is still in halves')])
        recorder.terminate()
        recorder.wait()
        self.stitch(work)
        self.assertEqual(Wav(work.stitched_file(CALL)).manifest['missing'], [])

    def test_a_recording_that_goes_on_after_a_pause_continues_its_leg(self):
        work = self.one_leg(remote=None)
        self.stitch(work)
        self.halves(work, age=300, caller=pcm(ramp(0.5, 5)), called=pcm(ramp(0.5, 6)))
        self.stitch(work)
        leg = work.spool / LEG
        self.assertEqual((side(leg, 1), side(leg, 2)), (CALLER[44:] + ramp(0.5, 5), CALLED[44:] + ramp(0.5, 6)))
        self.assertEqual(self.left(work), [])

    def test_halves_that_were_woven_before_a_kill_are_only_removed(self):
        work = self.one_leg(remote=None)
        folder = work.spool / 'halves'
        kept = {path.name: path for path in folder.iterdir()}
        for name, path in kept.items():
            os.link(path, work.path / name)
        self.stitch(work)
        woven = (work.spool / LEG).read_bytes()
        for name in kept:
            os.link(work.path / name, folder / name)
        self.stitch(work)
        self.assertEqual(((work.spool / LEG).read_bytes(), self.left(work)), (woven, []))
        for name in kept:  # a recorder went on in the same files
            with open(work.path / name, 'ab') as file:
                file.write(ramp(0.25, 9))
            data = (work.path / name).read_bytes()
            (work.path / name).write_bytes(pcm(data[44:]))
            os.link(work.path / name, folder / name)
        self.stitch(work)
        self.assertEqual((side(work.spool / LEG, 1), side(work.spool / LEG, 2)), (CALLER[44:] + ramp(0.25, 9), CALLED[44:] + ramp(0.25, 9)))
        self.assertEqual(self.left(work), [])

    def test_a_leg_stays_in_the_spool_until_its_halves_are_removed(self):
        work = self.one_leg()
        name = f'{LEG[:-4]}.called.wav'
        os.link(work.spool / 'halves' / name, work.path / name)
        self.stitch(work)
        os.link(work.path / name, work.spool / 'halves' / name)  # the run was killed between the two removals
        result = self.status(work.run('pbx-archive', '-v', '--min-age', '0s'), 0)
        self.says(result, f'left {LEG}: pbx-stitch has not removed its halves')
        woven = (work.spool / LEG).read_bytes()
        self.stitch(work)
        self.assertEqual(((work.spool / LEG).read_bytes(), self.left(work)), (woven, []))
        self.status(work.run('pbx-archive', '--min-age', '0s'), 0)
        self.assertEqual(work.remote.files()[LEG], woven)

    def test_an_archive_without_a_folder_of_halves_that_can_be_trusted_does_the_rest(self):
        work = self.workdir()
        work.leg('a.wav', pcm(ramp(0.1)))
        (work.path / 'elsewhere').mkdir()
        (work.spool / 'halves').symlink_to(work.path / 'elsewhere')
        self.hints(self.status(work.run('pbx-archive', '--min-age', '0s'), 65))
        self.assertIn('a.wav', work.remote.files())

    def test_new_halves_that_have_the_inodes_of_the_old_ones_continue_the_leg_all_the_same(self):
        work = self.one_leg(remote=None)
        folder = work.spool / 'halves'
        kept = {path.name: work.path / path.name for path in folder.iterdir()}
        for name, link in kept.items():
            os.link(folder / name, link)
        self.stitch(work)
        for seed, (name, link) in enumerate(sorted(kept.items(), reverse=True), 5):
            link.write_bytes(pcm(ramp(1.5, seed)))
            os.link(link, folder / name)
        self.stitch(work)
        leg = work.spool / LEG
        self.assertEqual((side(leg, 1), side(leg, 2)), (CALLER[44:] + ramp(1.5, 5), CALLED[44:] + ramp(1.5, 6)))

    def test_another_file_of_the_legs_name_is_not_replaced(self):
        work = self.one_leg(remote=None)
        other = work.leg(LEG, tone())
        result = self.stitch(work, status=73)
        self.hints(result)
        self.says(result, 'has another file of that name')
        self.assertEqual((other.read_bytes(), len(self.left(work))), (tone(), 2))

    def test_a_dry_run_says_what_it_would_do_and_does_nothing(self):
        work = self.one_leg(remote=None)
        before = work.snapshot()
        self.says(self.stitch(work, '--dry-run'), f'would make leg {LEG} from its halves')
        self.assertEqual(work.snapshot(), before)

    def test_the_remaining_space_is_left_to_the_recorders(self):
        work = self.one_leg(remote=None)
        self.hints(self.stitch(work, status=73, env={'PBX_RESERVE': '90%'}))
        self.assertEqual(len(self.left(work)), 2)
        self.assertEqual(side_of_bytes(self.fetch(work, CALL, env={'PBX_RESERVE': '90%'}).out, work, 1), CALLER[44:])
        self.assertEqual(len(self.left(work)), 2)

    def test_metrics_count_the_legs(self):
        work = self.one_leg(remote=None)
        self.stitch(work, '--metrics', work.path / 'pbx.prom')
        text = (work.path / 'pbx.prom').read_text(encoding='utf-8')
        self.assertRegex(text, r'(?m)^pbx_stitch_legs_woven_total 1$')

    def test_many_legs_are_woven_by_several_threads(self):
        work = self.workdir(remote=None)
        for number in range(300):
            self.halves(work, f'20260418-150000-100-{number}.wav', caller=pcm(ramp(0.05, number)), called=pcm(ramp(0.05, number + 1)))
        self.stitch(work, '--jobs', '4')
        self.assertEqual(self.left(work), [])
        for number in (0, 7, 299):
            leg = work.spool / f'20260418-150000-100-{number}.wav'
            self.assertEqual((side(leg, 1), side(leg, 2)), (ramp(0.05, number), ramp(0.05, number + 1)))


def side_of_bytes(data, work, number):
    path = work.path / 'fetched.wav'
    path.write_bytes(data)
    return side(path, number)


class Continued(Halved):
    def test_halves_whose_sizes_end_before_their_audio_are_used_to_their_end(self):
        """A machine lost its power after the recorder had gone on in its files."""
        work = self.workdir(remote=None)
        work.cdr(CALL, LEG, billsec=3)
        self.halves(work, caller=pcm(ramp(1.0, 1)) + ramp(2.0, 6), called=pcm(ramp(1.0, 2)) + ramp(2.0, 7))
        self.says(self.stitch(work, '-v'), 'was never finished, since its recorder died; its audio is used to its end')
        self.assertEqual(soxi(work.spool / LEG)[2], 3 * 8000)
        self.assertEqual(self.left(work), [])

    def test_a_run_that_is_killed_between_the_removals_of_two_halves_is_repaired(self):
        for after in range(1, 5):
            with self.subTest(after=after):
                work = self.one_leg(remote='local')
                run, _ = work.start_traced('unlinkat', f'unlinkat:signal=KILL:when={after}', 'pbx-stitch')
                run.communicate()
                work.run('pbx-archive')
                self.stitch(work)
                self.quiet(self.status(work.run('pbx-archive'), 0))
                self.assertEqual(self.left(work), [])
                served = self.status(work.run('pbx-recording-fetch', CALL), 0)
                (work.path / 'served.wav').write_bytes(served.out)
                self.assertEqual([side(work.path / 'served.wav', number) for number in (1, 2)], [CALLER[44:], CALLED[44:]])


class Hostile(Halved):
    def test_links_and_pipes_in_the_folder_are_not_opened(self):
        work = self.workdir(remote=None)
        folder = self.halves(work, called=CALLED)
        secret = work.path / 'secret.wav'
        secret.write_bytes(tone())
        (folder / f'{LEG[:-4]}.caller.wav').symlink_to(secret)
        os.mkfifo(folder / 'pipe.caller.wav')
        (folder / 'folder.called.wav').mkdir()
        self.says(self.stitch(work, status=65), 'not a regular file')
        self.assertFalse((work.spool / LEG).exists())
        self.assertEqual(secret.read_bytes(), tone())
        self.assertEqual(len(self.left(work)), 4)

    def test_a_folder_that_is_a_link_is_not_followed(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        elsewhere = work.path / 'elsewhere'
        elsewhere.mkdir()
        (elsewhere / 'a.caller.wav').write_bytes(CALLER)
        (work.spool / 'halves').symlink_to(elsewhere)
        self.says(self.stitch(work, status=65), 'halves is not a folder')
        self.assertTrue(work.stitched_file(CALL).exists(), 'the calls are stitched all the same')
        self.assertEqual([path.name for path in elsewhere.iterdir()], ['a.caller.wav'])
        self.assertEqual(len(self.fetch(work, CALL).out), work.stitched_file(CALL).stat().st_size)

    def test_names_that_could_escape_are_left_where_they_are(self):
        work = self.workdir(remote=None)
        folder = self.halves(work, caller=CALLER, called=CALLED)
        for name in (b'..caller.wav', b'a..b.caller.wav', b'-rf.caller.wav', b'new\nline.caller.wav', b'.hidden.caller.wav', b'readme.txt'):
            with open(os.path.join(os.fsencode(folder), name), 'wb') as file:
                file.write(CALLER)
        self.stitch(work)
        self.assertEqual([path.name for path in work.spool.glob('*.wav')], [LEG])
        self.assertEqual(len(self.left(work)), 6)

    def test_a_leg_that_two_accounts_name_is_woven_and_served_to_neither(self):
        work = self.one_leg(remote=None)
        work.cdr('1776500000.2', LEG, OTHER_ACCOUNT)
        for _ in range(2):  # a call of one leg, then of two
            self.fetch(work, CALL, '--account', ACCOUNT, status=65)
            self.assertFalse((work.spool / LEG).exists(), 'not touched for an account that may not have it')
            work.cdr(CALL, 'a.wav', sequence=2)
            work.leg('a.wav')
        self.stitch(work, status=65)
        self.assertTrue((work.spool / LEG).exists())
        self.fetch(work, CALL, '--account', ACCOUNT, '--leg', '1', status=65)


class Later(Halved):
    """What the other tools do with it."""

    def two_legs(self, **how):
        """A leg in one channel, and one in two."""
        work = self.workdir(**how)
        work.call(CALL, [('20260418-144000-919944421125-queue-5001.wav', pcm(ramp(0.5, 7))), (LEG, None)])
        self.halves(work, caller=CALLER, called=CALLED)
        return work

    def test_a_fetch_makes_the_leg_at_once(self):
        work = self.one_leg(remote=None)
        headers, body = self.headers(work, CALL)
        self.assertEqual(headers['X-Recording-Source'], 'leg-local')
        self.assertEqual(body, (work.spool / LEG).read_bytes())
        self.assertEqual((side(work.spool / LEG, 2), self.left(work)), (CALLED[44:], []))

    def test_a_fetch_serves_what_can_be_read(self):
        work = self.two_legs(remote=None)
        first = (work.spool / '20260418-144000-919944421125-queue-5001.wav').read_bytes()
        self.halves(work, caller=b'no WAV file at all' * 100, called=b'nor this one' * 100)
        served = work.path / 'served.wav'
        result = self.status(work.run('pbx-recording-fetch', '-v', CALL, '-o', served), 65)
        self.says(result, 'X-Recording-Legs: 1', 'X-Recording-Missing: 1', f'{LEG[:-4]}.called.wav: not a WAV file')
        self.assertEqual((sound.sox_samples(served), Wav(served).manifest['unreadable']), (first[44:], [LEG]))
        work.leg(LEG, CALLER)  # another file of its name
        (work.spool / 'halves' / f'{LEG[:-4]}.called.wav').unlink()
        self.halves(work, caller=CALLER)
        result = self.status(work.run('pbx-recording-fetch', CALL, '--leg', '2'), 65)
        self.says(result, 'has another file of that name')
        self.assertEqual(result.out, CALLER)

    def test_a_leg_that_no_row_names_is_fetched_by_its_name(self):
        work = self.workdir(remote=None)
        self.halves(work, caller=CALLER, called=CALLED)
        body = self.fetch(work, '--file', LEG).out
        self.assertEqual(side_of_bytes(body, work, 1), CALLER[44:])

    def test_a_reader_who_may_not_write_the_spool_gets_the_recording_all_the_same(self):
        if os.geteuid() != 0:
            self.skipTest('only root can become another user')
        work = self.one_leg(remote=None)
        for path in (work.spool / 'halves').iterdir():
            path.chmod(0o644)
        self.status(work.run('pbx-stitch', '--dry-run'), 0)
        result = work.run('pbx-recording-fetch', CALL, before=['setpriv', '--reuid', 'nobody', '--clear-groups', '--'],
                          env={'PBX_DATABASE': work.db.conninfo, 'TMPDIR': '/tmp'})
        if result.status == 69:
            self.skipTest('the database lets only its owner in')
        self.assertEqual(side_of_bytes(self.status(result, 0).out, work, 2), CALLED[44:])
        self.assertEqual(len(self.left(work)), 2)

    def test_legs_of_one_and_of_two_channels_are_stitched_in_two_with_the_one_on_both_sides(self):
        work = self.two_legs(remote=None)
        self.stitch(work)
        path = work.stitched_file(CALL)
        self.assertEqual(soxi(path), (8000, 2, 12000, 'Signed Integer PCM'))
        self.assertEqual((side(path, 1), side(path, 2)), (ramp(0.5, 7) + CALLER[44:], ramp(0.5, 7) + CALLED[44:]))
        self.assertEqual(Wav(path).manifest['mono'], ['20260418-144000-919944421125-queue-5001.wav'])

    def test_one_channel_or_the_mix_is_fetched_in_every_format(self):
        work = self.two_legs(remote=None)
        mixed = [max(-32768, min(32767, a + b)) for a, b in zip(*(memoryview(data[44:]).cast('h') for data in (CALLER, CALLED)))]
        expected = {'caller': ramp(0.5, 7) + CALLER[44:], 'called': ramp(0.5, 7) + CALLED[44:],
                    'mix': ramp(0.5, 7) + b''.join(value.to_bytes(2, 'little', signed=True) for value in mixed)}
        for channel, samples in expected.items():
            headers, body = self.headers(work, CALL, '--channel', channel)
            self.assertEqual((headers['Content-Length'], headers['X-Recording-Legs']), (str(len(body)), '2'))
            wav = Wav(body).check()
            self.assertEqual((wav.channels, wav.samples), (1, samples), channel)
            self.assertEqual(wav.info['INAM'], CALL)
            for kind, exact in (('flac', True), ('opus', False), ('mp3', False)):
                path = work.path / f'x.{kind}'
                self.fetch(work, CALL, '--channel', channel, '--format', kind, '-o', path)
                self.assertEqual(channels_of(path), 1)
                if exact:
                    self.assertEqual(sound.sox_samples(path), samples)
        for kind in ('flac', 'opus', 'mp3'):
            path = work.path / f'both.{kind}'
            self.fetch(work, CALL, '--format', kind, '-o', path)
            self.assertEqual(channels_of(path), 2, 'without --channel both are there')

    def test_a_channel_comes_from_the_archive_too(self):
        work = self.two_legs()
        self.stitch(work)
        whole = work.stitched_file(CALL).read_bytes()
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(self.left(work), [])
        self.assertEqual(sorted(work.remote.files()), ['20260418-144000-919944421125-queue-5001.wav', LEG, f'stitched/{CALL}.wav'])
        work.stitched_file(CALL).unlink()
        headers, body = self.headers(work, CALL, '--channel', 'called')
        self.assertEqual(headers['X-Recording-Source'], 'stitched-remote')
        self.assertEqual(Wav(body).samples, ramp(0.5, 7) + CALLED[44:])
        self.assertEqual(Wav(self.fetch(work, CALL, '--leg', '2', '--channel', 'caller').out).samples, CALLER[44:])
        self.assertEqual(self.fetch(work, CALL).out, whole)

    def test_a_recording_in_one_channel_is_its_own_mix_and_has_no_side(self):
        work, _, whole = self.stitched_call(remote=None)
        self.assertEqual(self.fetch(work, CALL, '--channel', 'mix').out, whole)
        for channel in ('caller', 'called'):
            result = self.fetch(work, CALL, '--channel', channel, status=66)
            self.says(result, 'the recording has one channel')
            self.hints(result)
            self.fetch(work, CALL, '--channel', channel, '-o', work.path / 'x.wav', status=66)
            self.assertFalse((work.path / 'x.wav').exists())
        self.fetch(work, CALL, '--channel', 'left', status=64)

    def test_the_sum_of_two_tones_is_as_loud_as_a_mix_by_sox(self):
        work = self.workdir(remote=None)
        work.cdr(CALL, LEG)
        self.halves(work, caller=tone(440), called=tone(1000))
        path = work.path / 'mix.wav'
        self.fetch(work, CALL, '--channel', 'mix', '-o', path)
        self.assertAlmostEqual(sound.level(path), sound.level(work.spool / LEG, 'remix', '-m', '1,2'), delta=1)
        for channel, own, other in ((1, 440, 1000), (2, 1000, 440)):
            self.assertLess(sound.band_level(work.spool / LEG, channel, other), sound.band_level(work.spool / LEG, channel, own) - 60)

    def test_trimming_and_legs_of_another_rate_keep_the_channels(self):
        work = self.two_legs(remote=None)
        self.stitch(work, '--overlap', 'trim')
        self.assertEqual(soxi(work.stitched_file(CALL))[1], 2)
        wide = '20260418-144100-919944421125-1004.wav'
        work.cdr(CALL, wide, ago=1700, sequence=3)
        self.halves(work, wide, whole=pcm(ramp(0.5, 8, rate=16000), rate=16000))
        self.stitch(work)
        self.assertEqual(soxi(work.stitched_file(CALL))[:2], (16000, 2))

    def test_the_archive_leaves_halves_alone_and_the_audit_counts_them_as_local(self):
        work = self.one_leg()
        self.status(work.run('pbx-archive', '--min-age', '0s'), 0)
        self.assertEqual((len(self.left(work)), work.remote.files()), (2, {}))
        report = json.loads(self.status(work.run('pbx-archive', 'audit', '--json'), 0).out)
        row, = report['rows']
        self.assertEqual((row['recordingfile'], row['state']), (LEG, 'local'))
        self.stitch(work)
        self.status(work.run('pbx-archive', '--min-age', '0s'), 0)
        row, = json.loads(self.status(work.run('pbx-archive', 'audit', '--json'), 0).out)['rows']
        self.assertEqual((row['state'], row['worth']), ('remote', 'sound'))
        self.assertEqual(work.db.value(f"select channels || ' ' || jsonb_array_length(levels) from recordings where name = '{LEG}'"), '2 2')

    def test_the_audit_knows_one_sided_and_crashed_legs(self):
        work = self.workdir()
        for number, files in enumerate(({'caller': tone(440, 4.0), 'called': pcm(bytes(64000))},
                                        {'caller': sound.unfinished(tone(440, 4.0)), 'called': sound.unfinished(tone(1000, 4.0))})):
            leg = f'20260418-14400{number}-100-1003.wav'
            work.cdr(f'1776500000.{number}', leg, billsec=4)
            self.halves(work, leg, **files)
        self.stitch(work)
        spool = json.loads(self.status(work.run('pbx-archive', 'audit', '--json'), 65).out)
        self.assertEqual([row['worth'] for row in spool['rows']], ['one-sided', 'cut'])
        self.status(work.run('pbx-archive', '--min-age', '0s'), 0)
        archived = json.loads(self.status(work.run('pbx-archive', 'audit', '--json'), 65).out)
        self.assertEqual([row['worth'] for row in archived['rows']], ['one-sided', 'cut'])


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-recording-fetch', 'pbx-archive')
