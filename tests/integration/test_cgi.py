#!/usr/bin/env python3
"""pbx-recording-cgi, run as a web server runs it: who may listen, what is answered, and which bytes."""
import hashlib
import os
import socket
import subprocess
import time
from email.utils import parsedate_to_datetime

import sound
from sound import pcm, ramp
from web import CALL, SECRET, Listening, signature
from workdir import ACCOUNT, BELOW, OTHER_ACCOUNT, main


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Whole(Listening):
    def is_whole(self, response, whole, source, legs=3):
        self.assertEqual(response.status, 200, str(response))
        self.assertEqual(response.body, whole)
        self.assertEqual((response['content-type'], response['content-length']), ('audio/wav', str(len(whole))))
        self.assertEqual((response['x-recording-source'], response['x-recording-legs']), (source, str(legs)))
        self.assertEqual(response['etag'], f'"{sha256(whole)}"')
        self.assertEqual((response['accept-ranges'], response['cache-control']), ('bytes', 'private'))
        self.assertLess(abs(parsedate_to_datetime(response['last-modified']).timestamp() - time.time()), 3600)
        self.assertEqual(response['x-content-type-options'], 'nosniff')
        self.assertNotIn('x-recording-verified', response.headers)

    def test_a_stitched_recording_of_this_machine_is_served_whole(self):
        work, _, whole = self.stitched_call()
        self.is_whole(self.recording(work), whole, 'stitched-local')

    def test_a_recording_that_only_the_archive_has_is_served_whole(self):
        work, _, whole = self.only_archived()
        self.is_whole(self.recording(work), whole, 'stitched-remote')
        self.assertEqual(self.downloads(work), [(0, len(whole))])

    def test_a_recording_is_built_when_there_is_none(self):
        work = self.workdir()
        work.three_legs(CALL)
        response = self.recording(work)
        self.is_whole(response, work.stitched_file(CALL).read_bytes(), 'stitched-ondemand')
        self.is_whole(self.recording(work), response.body, 'stitched-local')

    def test_a_leg_is_served_from_the_spool_and_from_the_archive(self):
        work, legs, _ = self.stitched_call()
        self.is_whole(self.recording(work, 'leg=2'), legs[1][1], 'leg-local', 1)
        self.status(work.run('pbx-archive'), 0)
        self.is_whole(self.recording(work, 'leg=2'), legs[1][1], 'leg-remote', 1)

    def test_a_head_request_has_the_same_head_and_reads_no_audio(self):
        for work, _, _ in (self.stitched_call(), self.only_archived()):
            get = self.recording(work)
            work.cloud.clear()
            head = self.recording(work, method='HEAD')
            self.assertEqual((head.fields, head.body), (get.fields, b''))
            self.assertLessEqual(sum(length for _, length in self.downloads(work)), 1 << 15)
            head = self.recording(work, method='HEAD', HTTP_RANGE='bytes=100-199', expected=200)
            self.assertEqual((head.fields, head.body), (get.fields, b''))

    def test_a_missing_leg_is_reported(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', pcm(ramp(0.5))), ('b.wav', None), ('c.wav', pcm(ramp(0.5, 2)))], ago=3 * 3600)
        response = self.recording(work, expected=200)
        self.assertEqual((response['x-recording-legs'], response['x-recording-missing']), ('2', '1'))

    def test_an_unreadable_leg_is_reported_as_missing(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(0.5))), ('b.wav', b'nonsense' * 100), ('c.wav', pcm(ramp(0.5, 2)))], ago=3 * 3600)
        for tier in ('stitched-ondemand', 'stitched-local', 'stitched-remote'):
            response = self.recording(work, expected=200)
            self.assertEqual([response[f'x-recording-{name}'] for name in ('source', 'legs', 'missing')], [tier, '2', '1'])
            if tier == 'stitched-local':
                self.status(work.run('pbx-archive', '--min-age', '0'), 0)
                work.stitched_file(CALL).unlink()

    def test_the_name_of_the_file_fits_the_request(self):
        work, _, _ = self.stitched_call()
        for query, expected in (('', f'inline; filename="{CALL}.wav"'), ('download', f'attachment; filename="{CALL}.wav"'),
                                ('leg=2&format=mp3&download=1', f'attachment; filename="{CALL}-leg2.mp3"'),
                                ('channel=mix', f'inline; filename="{CALL}-mix.wav"')):
            self.assertEqual(self.recording(work, query)['content-disposition'], expected)

    def damage(self, work, whole):
        """Flip a bit near the end of the archive's recording, which the bucket does not notice."""
        bad = bytearray(whole)
        bad[-100] ^= 1
        work.cloud.buckets['bkt'][f'{BELOW}stitched/{CALL}.wav']['data'] = bytes(bad)

    def test_a_damaged_recording_that_is_long_ends_before_its_end(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', pcm(ramp(10))), ('b.wav', pcm(ramp(10, 2)))])
        self.status(work.run('pbx-stitch'), 0)
        self.status(work.run('pbx-archive'), 0)
        whole = work.stitched_file(CALL).read_bytes()
        work.stitched_file(CALL).unlink()
        self.damage(work, whole)
        response = self.recording(work, expected=200)
        self.assertEqual((response['content-length'], response.result.status), (str(len(whole)), 65))
        self.assertEqual(response.body, whole[:len(response.body)])
        self.assertLessEqual(len(response.body), len(whole) - (1 << 16))

    def test_a_damaged_recording_that_is_short_is_never_sent(self):
        work, _, whole = self.only_archived()
        self.damage(work, whole)
        response = self.recording(work, expected=200)  # small enough to be replaced before anything was sent
        self.assertEqual((response.body, response['x-recording-source']), (whole, 'stitched-ondemand'))


class Ranges(Listening):
    def test_one_range_is_served_as_asked(self):
        work, _, whole = self.stitched_call()
        size = len(whole)
        for field, begin, end in (('bytes=0-0', 0, 1), ('bytes=100-199', 100, 200), ('bytes=1000-', 1000, size), ('bytes=-10', size - 10, size),
                                  (f'bytes=0-{size * 10}', 0, size), (f'bytes=-{size * 10}', 0, size), ('bytes=0-', 0, size),
                                  (f'bytes={size - 1}-99999999999999999999', size - 1, size)):
            response = self.recording(work, HTTP_RANGE=field, expected=206)
            self.assertEqual(response.body, whole[begin:end], field)
            self.assertEqual(response['content-range'], f'bytes {begin}-{end - 1}/{size}')
            self.assertEqual(response['content-length'], str(end - begin))

    def test_a_range_without_a_byte_is_416(self):
        work, _, whole = self.stitched_call()
        for field in (f'bytes={len(whole)}-', 'bytes=99999999999999999999-', 'bytes=-0'):
            response = self.recording(work, HTTP_RANGE=field, expected=416)
            self.assertEqual(response['content-range'], f'bytes */{len(whole)}')
            self.assertEqual(response.problem['status'], 416)

    def test_several_ranges_and_malformed_ones_are_answered_with_the_whole(self):
        work, _, whole = self.stitched_call()
        for field in ('bytes=0-1,5-6', 'bytes=', 'bytes=-', 'bytes=5-4', 'bytes=a-b', 'lines=0-1', 'bytes=0-1x', '-5', 'bytes=' + '0' * 2000 + '-1'):
            response = self.recording(work, HTTP_RANGE=field, expected=200)
            self.assertEqual(response.body, whole, field)

    def test_of_an_archived_recording_only_the_range_is_read(self):
        work, legs, whole = self.only_archived()
        self.cache(work)
        response = self.recording(work, HTTP_RANGE='bytes=30000-30099', expected=206)
        self.assertEqual((response.body, response['x-recording-verified']), (whole[30000:30100], 'no'))
        self.assertEqual(response['etag'], f'"{sha256(whole)}"')
        self.assertIn((30000, 100), self.downloads(work))
        self.assertLessEqual(sum(length for _, length in self.downloads(work)), (1 << 15) + 100)
        work.cloud.clear()
        work.count_rclone()
        response = self.recording(work, HTTP_RANGE='bytes=40000-40009', expected=206)
        self.assertEqual((response.body, self.downloads(work)), (whole[40000:40010], [(40000, 10)]))
        self.assertEqual(len(work.rclone_runs()), 1, work.rclone_runs())
        response = self.recording(work, 'leg=3', HTTP_RANGE='bytes=-8', expected=206)
        self.assertEqual(response.body, legs[2][1][-8:])

    def test_a_range_of_an_object_that_is_another_one_in_the_archive_is_not_served(self):
        work, _, whole = self.only_archived()
        self.cache(work)
        work.remote.put(f'stitched/{CALL}.wav', whole[:-2])
        for name, data in list(work.remote.files().items()):
            if not name.startswith('stitched/'):
                work.remote.put(name, data[:100])
        response = self.recording(work, HTTP_RANGE='bytes=30000-30099')
        self.assertEqual(response.status, 502, str(response))

    def test_if_range_serves_the_whole_when_the_recording_is_another_one(self):
        work, _, whole = self.stitched_call()
        etag, modified = (self.recording(work)[name] for name in ('etag', 'last-modified'))
        for same in (etag, modified):
            self.recording(work, HTTP_RANGE='bytes=0-9', HTTP_IF_RANGE=same, expected=206)
        for other in ('"other"', f'W/{etag}', 'Sun, 06 Nov 1994 08:49:37 GMT', 'nonsense'):
            response = self.recording(work, HTTP_RANGE='bytes=0-9', HTTP_IF_RANGE=other, expected=200)
            self.assertEqual(response.body, whole)

    def test_what_the_client_has_is_not_sent_again(self):
        for work, _, _ in (self.stitched_call(), self.only_archived()):
            first = self.recording(work)
            etag, modified = first['etag'], first['last-modified']
            for field in ({'HTTP_IF_NONE_MATCH': etag}, {'HTTP_IF_NONE_MATCH': f'"x", W/{etag}'}, {'HTTP_IF_NONE_MATCH': '*'},
                          {'HTTP_IF_MODIFIED_SINCE': modified}):
                response = self.recording(work, expected=304, **field)
                self.assertEqual((response.body, response['etag']), (b'', etag))
                self.assertNotIn('content-length', response.headers)
            for field in ({'HTTP_IF_NONE_MATCH': '"x"'}, {'HTTP_IF_MODIFIED_SINCE': 'Sun, 06 Nov 1994 08:49:37 GMT'},
                          {'HTTP_IF_MODIFIED_SINCE': 'yesterday'}, {'HTTP_IF_NONE_MATCH': '"x"', 'HTTP_IF_MODIFIED_SINCE': modified}):
                self.assertEqual(self.recording(work, expected=200, **field).body, first.body)


class Formats(Listening):
    def duration(self, folder, response, suffix):
        path = folder / f'x.{suffix}'
        path.write_bytes(response.body)
        done = subprocess.run(['ffprobe', '-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', str(path)],
                              stdout=subprocess.PIPE, check=True, text=True)
        return float(done.stdout)

    def test_other_formats_have_a_length_and_ranges_and_are_made_once(self):
        for work, _, _ in (self.stitched_call(), self.only_archived()):
            folder = self.cache(work)
            for suffix, media in (('flac', 'audio/flac'), ('opus', 'audio/ogg'), ('mp3', 'audio/mpeg')):
                first = self.recording(work, f'format={suffix}', expected=200)
                self.assertEqual((first['content-type'], first['content-length']), (media, str(len(first.body))))
                self.assertEqual(first['etag'], f'"{sha256(first.body)}"')
                self.assertAlmostEqual(self.duration(work.path, first, suffix), 3.0, delta=0.2)
                again = self.recording(work, f'format={suffix}', HTTP_RANGE='bytes=100-199', expected=206)
                self.assertEqual((again.body, again['etag']), (first.body[100:200], first['etag']))
                self.assertEqual([file.suffix for file in folder.glob(f'*.{suffix}')], [f'.{suffix}'])
            work.cloud.clear()
            self.recording(work, 'format=mp3', expected=200)
            self.assertEqual(self.downloads(work), [], 'what is in the cache is not read from the archive again')

    def test_a_damaged_entry_of_the_cache_is_never_served(self):
        work, _, _ = self.stitched_call(remote=None)
        folder = self.cache(work)
        for path in (f'/calls/{CALL}/recording', f'/calls/{CALL}/peaks'):
            whole = self.ask(work, path, 'format=mp3', expected=200)
            entry = next(file for file in folder.iterdir() if file.suffix == ('.peaks' if path.endswith('peaks') else '.mp3'))
            good = entry.read_bytes()
            middle = len(good) // 2
            for bad in (good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1:], good[:middle], good[:-1], good[:5], b'', good + b'x'):
                entry.write_bytes(bad)
                response = self.ask(work, path, 'format=mp3', expected=200)
                self.assertEqual(response.body, whole.body)
                self.assertIn(f'{entry} is damaged: it is removed and made again', response.result.err)
                self.assertEqual(entry.read_bytes(), good)
            self.assertEqual(self.ask(work, path, 'format=mp3', expected=200).result.err, '')

    def test_a_damaged_beginning_in_the_cache_is_read_again_from_the_archive(self):
        work, _, whole = self.only_archived()
        folder = self.cache(work)
        self.recording(work, HTTP_RANGE='bytes=30000-30099', expected=206)
        entry, = folder.glob('*.begin')
        good = entry.read_bytes()
        entry.write_bytes(good[:20] + bytes([good[20] ^ 1]) + good[21:])
        response = self.recording(work, HTTP_RANGE='bytes=30000-30099', expected=206)
        self.assertEqual((response.body, entry.read_bytes()), (whole[30000:30100], good))
        self.assertIn('is damaged', response.result.err)

    def test_one_channel_is_served(self):
        work = self.workdir(remote=None)
        left, right = ramp(0.5, 1), ramp(0.5, 2)
        both = b''.join(left[at:at + 2] + right[at:at + 2] for at in range(0, len(left), 2))
        work.call(CALL, [('a.wav', pcm(both, channels=2))])
        for channel, expected in (('caller', left), ('called', right)):
            self.assertEqual(sound.Wav(self.recording(work, f'channel={channel}', expected=200).body).samples, expected)

    def test_a_channel_that_the_recording_lacks_is_404_and_unknown_words_are_400(self):
        work, _, _ = self.stitched_call()
        self.recording(work, 'channel=caller', expected=404)
        for query in ('format=wma', 'channel=left', 'leg=0', 'leg=x', 'leg=-1', 'leg=1.5', 'leg=99999999999999999999'):
            self.recording(work, query, expected=400)
        self.recording(work, 'leg=4', expected=404)

    def test_the_cache_stays_below_its_size_and_forgets_what_was_used_least(self):
        work = self.workdir(remote=None)
        folder = self.cache(work, cache_size='400K')
        for number in range(4):
            work.call(f'{CALL}{number}', [(f'{number}.wav', pcm(ramp(10, number)))])
            self.recording(work, 'channel=mix&format=flac', call=f'{CALL}{number}', expected=200)
        files = list(folder.iterdir())
        self.assertTrue(files)
        self.assertLessEqual(sum(file.stat().st_blocks * 512 for file in files), 400 << 10)
        self.assertEqual(folder.stat().st_mode & 0o7, 0)

    def test_the_cache_removes_nothing_but_its_own_entries(self):
        work = self.workdir(remote=None)
        folder = self.cache(work, cache_size='400K')
        folder.mkdir(exist_ok=True)
        others = {'20260418-144004-100-200.wav', '.1776500000.1.wav.Ab3dEf', 'notes'}
        for name in others:
            (folder / name).write_bytes(bytes(1 << 20))
            os.utime(folder / name, (1, 1))
        for number in range(3):
            work.call(f'{CALL}{number}', [(f'{number}.wav', pcm(ramp(10, number)))])
            self.recording(work, 'channel=mix&format=flac', call=f'{CALL}{number}', expected=200)
        self.assertLessEqual(others, {file.name for file in folder.iterdir()})
        self.assertGreater(len(list(folder.iterdir())), len(others))

    def test_below_the_reserve_nothing_is_kept(self):
        work, _, _ = self.stitched_call(remote=None)
        folder = self.cache(work)
        self.recording(work, 'format=mp3', expected=200, PBX_RESERVE='90%')
        self.assertEqual(list(folder.glob('*')), [])


class Peaks(Listening):
    def test_the_outline_has_the_extremes_of_each_stretch(self):
        work = self.workdir(remote=None)
        quiet, loud = bytes(16000), sound.Wav(sound.tone(440, 1.0)).samples
        work.call(CALL, [('a.wav', pcm(quiet)), ('b.wav', pcm(loud))])
        response = self.ask(work, f'/calls/{CALL}/peaks', expected=200)
        self.assertEqual(response['content-type'], 'application/json')
        outline = response.problem
        self.assertEqual({name: outline[name] for name in ('rate', 'channels', 'frames', 'seconds')},
                         {'rate': 8000, 'channels': 1, 'frames': 16000, 'seconds': 2.0})
        low, high = outline['peaks'][0][0::2], outline['peaks'][0][1::2]
        self.assertEqual(len(low), 1000)
        self.assertEqual((set(low[:490]), set(high[:490])), ({0}, {0}))
        self.assertTrue(all(-65 <= a <= 0 <= b <= 65 for a, b in zip(low[510:], high[510:])))
        self.assertTrue(min(low) <= -60 and max(high) >= 60)
        self.assertLess(len(response.body), 20000)

    def test_two_channels_have_an_outline_each_and_it_is_kept(self):
        work = self.workdir(remote=None)
        folder = self.cache(work)
        left = sound.Wav(sound.tone(440, 0.5)).samples
        both = b''.join(left[at:at + 2] + bytes(2) for at in range(0, len(left), 2))
        work.call(CALL, [('a.wav', pcm(both, channels=2))])
        response = self.ask(work, f'/calls/{CALL}/peaks', expected=200)
        self.assertEqual([max(peaks) > 50 for peaks in response.problem['peaks']], [True, False])
        self.assertEqual([file.name.split('.', 1)[1] for file in folder.iterdir()], ['peaks'])
        self.assertEqual(self.ask(work, f'/calls/{CALL}/peaks', HTTP_IF_NONE_MATCH=response['etag']).status, 304)


class Permission(Listening):
    def refused(self, response):
        self.assertEqual(response.status, 403, str(response))
        self.assertNotIn('etag', response.headers)
        return response.fields, response.body

    def test_without_an_account_and_without_a_link_nothing_is_served(self):
        work, _, _ = self.stitched_call(remote=None)
        existing = self.refused(self.recording(work, vouched=False))
        self.assertEqual(existing, self.refused(self.recording(work, call='1.1', vouched=False)))
        self.assertEqual(existing, self.refused(self.recording(work, vouched=False, PBX_ACCOUNT='')))
        self.assertEqual(existing, self.refused(self.recording(work, vouched=False, HTTP_PBX_ACCOUNT=ACCOUNT, HTTP_X_ACCOUNT=ACCOUNT)))

    def test_another_accounts_call_is_answered_like_none(self):
        work, _, _ = self.stitched_call(remote=None)
        foreign = self.recording(work, vouched=False, PBX_ACCOUNT=OTHER_ACCOUNT, expected=404)
        none = self.recording(work, call='1776500000.9', expected=404)
        self.assertEqual((foreign.fields, foreign.body), (none.fields, none.body))
        self.refused(self.recording(work, f'account={OTHER_ACCOUNT}'))

    def test_a_header_vouches_only_where_it_is_configured(self):
        work, _, whole = self.stitched_call(remote=None)
        self.cache(work, account_header='Account')
        self.assertEqual(self.recording(work, vouched=False, HTTP_ACCOUNT=ACCOUNT, expected=200).body, whole)
        self.refused(self.recording(work, vouched=False, HTTP_X_ACCOUNT=ACCOUNT))
        self.recording(work, vouched=False, HTTP_ACCOUNT=OTHER_ACCOUNT, expected=404)

    def test_a_header_that_has_the_accounts_of_client_and_server_is_400(self):
        work, _, _ = self.stitched_call(remote=None)
        self.cache(work, account_header='Account')
        for accounts in ((ACCOUNT, OTHER_ACCOUNT), (OTHER_ACCOUNT, ACCOUNT), (ACCOUNT, ACCOUNT), ('', ACCOUNT)):
            repeated = [('HTTP_ACCOUNT', account) for account in accounts]
            self.recording(work, vouched=False, repeated=repeated, expected=400)
        self.recording(work, repeated=[('HTTP_RANGE', 'bytes=0-1'), ('HTTP_RANGE', 'bytes=0-2')], expected=400)
        self.recording(work, repeated=[('HTTP_ACCEPT', 'a'), ('HTTP_ACCEPT', 'b')], expected=200)

    def test_a_header_that_a_client_can_spell_in_another_way_is_a_wrong_configuration(self):
        work, _, _ = self.stitched_call(remote=None)
        for name in ('X-Account', 'X_Account'):
            self.cache(work, account_header=name)
            response = self.recording(work, vouched=False, HTTP_X_ACCOUNT=ACCOUNT, expected=500)
            self.assertEqual(response.result.status, 78)
            self.assertIn(name, response.result.err)
            self.assertIn('hint: set account-header to a name such as Account', response.result.err)

    def test_a_shared_linkedid_gives_each_account_its_own_recording(self):
        work, _, whole = self.stitched_call(remote=None)
        other = pcm(ramp(0.4, 9))
        work.call(CALL, [('x.wav', other)], OTHER_ACCOUNT)
        self.assertEqual(self.recording(work, vouched=False, PBX_ACCOUNT=OTHER_ACCOUNT, expected=200).body, other)
        mine = self.recording(work, expected=200)
        self.assertNotIn(other[44:200], mine.body)
        self.assertEqual(len(mine.body) > len(other), len(whole) > len(other))

    def test_an_ambiguous_leg_is_served_to_neither_account(self):
        work, legs, _ = self.stitched_call(remote=None)
        work.cdr('1776500009.1', legs[0][0], OTHER_ACCOUNT)
        for query in ('', 'leg=1'):
            self.assertEqual(self.recording(work, query, expected=409).problem['status'], 409)
        self.recording(work, vouched=False, PBX_ACCOUNT=OTHER_ACCOUNT, call='1776500009.1', expected=409)
        self.assertEqual(self.recording(work, 'leg=2', expected=200).body, legs[1][1])

    def test_a_link_serves_its_call_and_nothing_else(self):
        work, legs, whole = self.stitched_call(remote=None)
        self.keys(work)
        path, query = self.link(work)
        self.assertEqual(self.ask(work, path, query, vouched=False, expected=200).body, whole)
        self.ask(work, path, query, vouched=False, method='HEAD', expected=200)
        self.ask(work, path, query + '&format=mp3&download', vouched=False, expected=200)
        path, query = self.link(work, '--leg', 2)
        self.assertEqual(self.ask(work, path, query, vouched=False, expected=200).body, legs[1][1])

    def test_a_link_to_a_leg_ends_when_its_number_is_another_legs(self):
        work, legs, _ = self.stitched_call(remote=None)
        self.keys(work)
        path, query = self.link(work, '--leg', 2)
        invalid = self.refused(self.ask(work, path, query + '0', vouched=False))
        other = pcm(ramp(0.4, 9))
        work.leg('earlier.wav', other)
        work.cdr(CALL, 'earlier.wav', ago=3600)
        self.assertEqual(self.recording(work, 'leg=3', expected=200).body, legs[1][1])
        for text in (query, query + '&format=mp3', query.replace(legs[1][0], legs[0][0]), query.replace('&name=' + legs[1][0], '')):
            self.assertEqual(self.refused(self.ask(work, path, text, vouched=False)), invalid)
        for resource in ('peaks', ''):
            self.refused(self.ask(work, path.removesuffix('/recording') + f'/{resource}'.rstrip('/'), query, vouched=False))

    def test_a_link_to_a_leg_without_its_name_is_not_valid(self):
        work, legs, _ = self.stitched_call(remote=None)
        self.keys(work)
        expires = str(int(time.time()) + 600)
        for name, expected in ((legs[1][0], 200), ('', 403), (legs[0][0], 403)):
            signed = signature(SECRET, CALL, ACCOUNT, '2', expires, 'play', name)
            query = f'account={ACCOUNT}&leg=2&name={name}&expires={expires}&may=play&key=1&signature={signed}'
            self.recording(work, query, vouched=False, expected=expected)

    def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(self):
        work, _, _ = self.stitched_call(remote=None)
        work.call('1776500000.2', [('x.wav', pcm(ramp(0.4, 9)))], OTHER_ACCOUNT)
        self.keys(work)
        path, query = self.link(work)
        _, expired = self.link(work, '--for', '1s')
        stamp = dict(part.split('=') for part in expired.split('&'))['expires']
        old = expired.replace(stamp, str(int(stamp) - 3600))
        answers = {str(self.refused(self.ask(work, place, text, vouched=False, method=method)))
                   for place, text, method in (
                       (path, query.replace('signature=', 'signature=0'), 'GET'), (path, query[:-1], 'GET'), (path, query + '0', 'GET'),
                       (path, query.replace('download', 'play'), 'GET'), (path, query.replace(ACCOUNT, OTHER_ACCOUNT), 'GET'),
                       (path.replace('0.1', '0.2'), query, 'GET'), (path.replace('0.1', '0.9'), query, 'GET'),
                       (path, query + '&leg=1', 'GET'), (path, query.replace('key=1', 'key=2'), 'GET'), (path, old, 'GET'),
                       (path, query.split('&signature')[0], 'GET'), (path, 'signature=', 'GET'), (path, '', 'GET'),
                       (path, query, 'POST'), (path, query, 'DELETE'), (path, query, 'get'))}
        self.assertEqual(len(answers), 1, answers)

    def test_a_link_is_valid_until_a_minute_after_it_expires(self):
        work, _, _ = self.stitched_call(remote=None)
        self.keys(work)
        for seconds, expected in ((3600, 200), (-40, 200), (-70, 403), (-86400, 403)):
            expires = str(int(time.time()) + seconds)
            signed = signature(SECRET, CALL, ACCOUNT, '', expires, 'play')
            self.recording(work, f'account={ACCOUNT}&expires={expires}&may=play&key=1&signature={signed}', vouched=False, expected=expected)

    def test_a_key_that_was_removed_ends_its_links_and_a_second_key_does_not(self):
        work, _, _ = self.stitched_call(remote=None)
        self.keys(work)
        path, query = self.link(work)
        self.keys(work, f"2 {'ab' * 32}\n1 {SECRET}\n")
        self.ask(work, path, query, vouched=False, expected=200)
        self.keys(work, f"2 {'ab' * 32}\n")
        self.refused(self.ask(work, path, query, vouched=False))

    def test_who_may_only_play_cannot_download(self):
        work, _, whole = self.stitched_call(remote=None)
        self.keys(work)
        path, query = self.link(work, '--may', 'play')
        self.assertEqual(self.ask(work, path, query, vouched=False, expected=200).body, whole)
        self.refused(self.ask(work, path, query + '&download', vouched=False))
        self.recording(work, PBX_MAY='play', expected=200)
        self.refused(self.recording(work, 'download', PBX_MAY='play'))
        self.recording(work, 'download', PBX_MAY='download', expected=200)
        self.recording(work, PBX_MAY='pley', expected=500)

    def test_no_secret_is_logged(self):
        work, _, _ = self.stitched_call(remote=None)
        self.keys(work)
        conf = work.path / 'v.conf'
        conf.write_text('verbose = true\n', encoding='utf-8')
        path, query = self.link(work)
        signature = query.split('signature=')[1]
        for text in (query, query[:-1] + ('0' if query[-1] != '0' else '1'), query + '%zz'):
            for method in ('GET', 'POST'):
                result = self.ask(work, path, text, vouched=False, method=method).result
                self.assertNotIn(signature[:16], result.err + result.text)
                self.assertNotIn(SECRET[:16], result.err + result.text)

    def test_a_key_that_others_can_read_makes_links_invalid_and_is_logged(self):
        work, _, _ = self.stitched_call(remote=None)
        self.keys(work)
        path, query = self.link(work)
        (work.path / 'link.key').chmod(0o644)
        response = self.ask(work, path, query, vouched=False, expected=500)
        self.assertIn('chmod 0600', response.result.err)
        self.assertNotIn('link.key', response.body.decode())

    def test_a_method_other_than_get_and_head_is_405(self):
        work, _, _ = self.stitched_call(remote=None)
        for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'get', ''):
            self.assertEqual(self.recording(work, method=method, expected=405)['allow'], 'GET, HEAD')


class Paths(Listening):
    def test_no_trick_with_a_path_reaches_anything(self):
        work, _, _ = self.stitched_call(remote=None)
        (work.path / 'secret.wav').write_bytes(pcm(ramp(0.1)))
        for call in ('..', '.', '../secret', '..%2fsecret', '%2e%2e', '%2e', CALL + '/..', '/' + CALL, '', '-i', '.hidden', 'a\\b', CALL + '%00',
                     'a' * 256, 'a' * 65536, '\udcc0\udcae', '\udce0\udc80\udcae', '\udcff', 'a\nb', 'a\rb', CALL + '\x7f', '*', "' or 1=1 --",
                     CALL + '.wav', 'stitched/' + CALL, CALL + ' ', CALL + '\u200b'):
            response = self.recording(work, call=call)
            self.assertIn(response.status, (400, 404), call[:20])
            self.assertEqual(response['content-type'], 'application/problem+json')
        for path in ('', '/', '/calls', '/calls/', f'//calls/{CALL}/recording', f'/calls/{CALL}/recording/', f'/calls/{CALL}/record', f'/call/{CALL}',
                     f'/calls/{CALL}/peaks/..', f'/calls/{CALL}//recording', f'/CALLS/{CALL}/recording'):
            self.assertIn(self.ask(work, path).status, (400, 404), path)

    def test_a_malformed_query_is_400(self):
        work, _, _ = self.stitched_call(remote=None)
        for query in ('leg=%', 'leg=%0', 'leg=%zz', 'leg=%00', '%00=1', 'leg=1&leg=2', 'leg=%ff', 'x=' + 'a' * 65536, 'leg=1&%6ceg=2'):
            self.recording(work, query, expected=400)
        for query in ('unknown=1', '&&', 'unknown'):
            self.recording(work, query, expected=200)

    def test_arguments_that_a_server_makes_of_a_query_are_ignored(self):
        work, _, whole = self.stitched_call(remote=None)
        for argument in ('--help', '--version', '--config=/etc/passwd', '--generate-completion', 'x'):
            result = work.run('pbx-recording-cgi', argument, env={'REQUEST_METHOD': 'GET', 'PATH_INFO': f'/calls/{CALL}/recording',
                                                                  'PBX_ACCOUNT': ACCOUNT})
            self.assertTrue(result.out.endswith(whole), f'\n{result}')

    def test_children_do_not_see_the_request(self):
        work, _, _ = self.only_archived()
        log = work.path / 'environment'
        wrapper = work.path / 'rclone-env'
        wrapper.write_text(f'#!/bin/sh\nenv >>{log}\nexec rclone "$@"\n', encoding='utf-8')
        wrapper.chmod(0o755)
        work.env['PBX_RCLONE'] = str(wrapper)
        self.keys(work)
        path, query = self.link(work)
        self.ask(work, path, query, vouched=False, expected=200, HTTP_PROXY='http://127.0.0.1:9', HTTP_COOKIE='secret-cookie',
                 REQUEST_URI=f'{path}?{query}')
        text = log.read_text(encoding='utf-8')
        for hidden in ('HTTP_', 'secret-cookie', 'signature', 'QUERY_STRING', 'REQUEST_URI'):
            self.assertNotIn(hidden, text)

    def test_without_a_web_server_it_is_a_usage_error(self):
        work = self.workdir(remote=None)
        self.hints(self.status(work.run('pbx-recording-cgi'), 64))


class Trouble(Listening):
    def test_an_archive_that_refuses_connections_is_503(self):
        work, _, _ = self.only_archived()
        work.remote_down()
        response = self.recording(work, expected=503)
        self.assertEqual((response['retry-after'], response.problem['title']), ('60', 'Service Unavailable'))
        self.assertNotIn('127.0.0.1', response.body.decode())
        self.assertIn('pbx-recording-cgi: ', response.result.err)

    def test_a_database_that_is_gone_is_503(self):
        work, _, _ = self.stitched_call(remote=None)
        self.recording(work, PBX_DATABASE='host=/nowhere', expected=503)

    def test_an_archive_that_never_answers_is_504(self):
        work, _, _ = self.only_archived()
        self.cache(work, timeout='4s')
        work.cloud.fault(hang=True)
        self.recording(work, expected=504)

    def test_an_archive_that_forbids_us_is_502(self):
        work, _, _ = self.only_archived()
        work.cloud.fault(status=403)
        self.recording(work, expected=502)

    def test_a_configuration_that_cannot_be_used_is_500(self):
        work, _, _ = self.stitched_call(remote=None)
        conf = work.path / 'bad.conf'
        conf.write_text('no-such-setting = 1\n', encoding='utf-8')
        response = self.recording(work, PBX_CONFIG=str(conf), expected=500)
        self.assertIn('bad.conf:1', response.result.err)
        self.assertNotIn('bad.conf', response.body.decode())

    def test_an_environment_that_cannot_be_used_is_500(self):
        work, _, _ = self.stitched_call(remote=None)
        self.assertIn('No Name', self.recording(work, PBX_NODE='No Name', expected=500).result.err)

    def test_a_client_that_goes_away_is_no_error(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', pcm(ramp(60)))])
        process = work.start('pbx-recording-cgi', env={'REQUEST_METHOD': 'GET', 'PATH_INFO': f'/calls/{CALL}/recording', 'PBX_ACCOUNT': ACCOUNT})
        process.stdout.read(1000)
        process.stdout.close()
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(process.stderr.read(), b'')


    def test_a_body_does_not_cost_the_client_the_response(self):
        """Some servers connect the program by one socket, which unread bytes reset."""
        work, _, _ = self.stitched_call(remote=None)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = work.start('pbx-recording-cgi', stdin=theirs, stdout=theirs, env={
                'REQUEST_METHOD': 'POST', 'PATH_INFO': f'/calls/{CALL}/recording', 'PBX_ACCOUNT': ACCOUNT, 'CONTENT_LENGTH': '70000'})
            theirs.close()
            ours.sendall(b'x' * 70000)
            self.assertEqual(process.wait(30), 0)
            self.assertIn(b'Status: 405', ours.recv(4096))


class Pages(Listening):
    def page(self, work, query='', **how):
        return self.ask(work, f'/calls/{CALL}', query, **how)

    def test_the_page_has_the_legs_as_chapters_and_no_foreign_part(self):
        work, legs, _ = self.stitched_call(remote=None)
        response = self.page(work, expected=200)
        html = response.body.decode()
        self.assertEqual(response['content-type'], 'text/html; charset=utf-8')
        starts = ('0.000', '1.000', '1.500')
        for (name, _), start in zip(legs, starts):
            self.assertIn(f'<li data-start="{start}"><a href="./{CALL}/recording#t={start}">{name[:-4]}</a>', html)
        self.assertNotRegex(html, r'https?://|<link|<img|\son\w+=|style="')
        self.assertIn("default-src 'none'", response['content-security-policy'])
        self.assertNotIn('unsafe', response['content-security-policy'])

    def test_a_leg_whose_header_was_never_finished_has_its_real_length(self):
        for remote in (None, 'gcs'):
            work = self.workdir(remote=remote)
            data = pcm(ramp(3))
            work.call(CALL, [('a.wav', data[:4] + bytes(4) + data[8:40] + bytes(4) + data[44:])], ago=3 * 3600)
            if remote:
                self.status(work.run('pbx-archive', '--min-age', '0'), 0)
            self.assertIn('<span>0:00 to 0:03</span>', self.page(work, expected=200).body.decode())

    def test_the_page_of_a_link_passes_the_link_on(self):
        work, _, whole = self.stitched_call(remote=None)
        self.keys(work)
        path, query = self.link(work, '--page', '--may', 'play')
        html = self.ask(work, path, query, vouched=False, expected=200).body.decode()
        source = html.split('<audio', 1)[1].split('src="', 1)[1].split('"', 1)[0].replace('&amp;', '&')
        self.assertNotIn('Download', html)
        _, _, passed = source.partition('?')
        self.assertEqual(self.ask(work, f'/calls/{CALL}/recording', passed, vouched=False, expected=200).body, whole)
        self.assertEqual(self.ask(work, f'/calls/{CALL}/peaks', passed, vouched=False, expected=200)['content-type'], 'application/json')

    def test_consent_and_pauses_are_shown(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('20260418-144004-a.wav', pcm(ramp(1.0))), ('20260418-144014-b.wav', pcm(ramp(2.0, 2)))])
        work.db.sql(f"update asterisk_cdr set calldate = '2026-04-18 14:40:04+00', recording_consent = 'granted', recording_paused = '11-14'"
                    f" where linkedid = '{CALL}'")
        html = self.page(work, expected=200).body.decode()
        self.assertIn('consent: granted', html)
        self.assertIn('<li data-mark="2.000">0:11 to 0:14</li>', html)

    def test_names_are_escaped(self):
        work = self.workdir(remote=None)
        name = '"><script>alert(1)<'
        work.call(CALL, [(name.replace('/', '') + '.wav', pcm(ramp(0.2)))])
        html = self.page(work, 'leg=1&format=%22%3E%3Cscript%3E', expected=200).body.decode()
        self.assertEqual(html.count('<script'), 1)
        self.assertIn('&quot;&gt;&lt;script&gt;alert(1)&lt;', html)

    def test_a_link_that_is_not_valid_gets_a_page_that_states_so(self):
        work, _, _ = self.stitched_call(remote=None)
        self.keys(work)
        path, query = self.link(work, '--page')
        response = self.ask(work, path, query[:-1], vouched=False, expected=403)
        self.assertEqual(response['content-type'], 'text/html; charset=utf-8')
        self.assertIn('The link has expired or is not valid', response.body.decode())
        self.assertEqual(self.page(work, vouched=False).body, response.body)

    def test_a_recording_that_a_browser_cannot_decode_is_converted(self):
        work = self.workdir(remote=None)
        work.call(CALL, [('a.wav', sound.tone(440, 1.0, 'gsm'))])
        self.assertIn('/recording?format=flac', self.page(work, expected=200).body.decode())


if __name__ == '__main__':
    main('pbx-recording-cgi')
