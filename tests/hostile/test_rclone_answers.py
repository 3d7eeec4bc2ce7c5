#!/usr/bin/env python3
"""Answers of a hostile or broken rclone, other files under names that are ours, and what an argument list shows."""
import hashlib
import os
import time

from sound import pcm, ramp
from workdir import BELOW, MARKER, SANITIZED, SLOW, Case, main

CALL = '1776500000.1'
SECRET = 's3cr,et:"kéy"'
# Endless answers would need more. A sanitizer's shadow memory alone needs more.
LITTLE_MEMORY = () if SANITIZED else ('prlimit', '--data=400000000')


class Hostile(Case):
    def rclone_that(self, work, script):
        """rclone is a shell script that may answer itself; $1 is the command, and `rclone "$@"` the real one."""
        wrapper = work.path / 'hostile-rclone'
        wrapper.write_text(f'#!/bin/sh\n{script}\nexec rclone "$@"\n', encoding='utf-8')
        wrapper.chmod(0o755)
        work.env['PBX_RCLONE'] = str(wrapper)

    def quickly(self, work, *arguments, seconds=30, **how):
        began = time.monotonic()
        result = work.run(*arguments, **how)
        self.assertLess(time.monotonic() - began, seconds * SLOW)
        return result


class Answers(Hostile):
    def test_an_endless_answer_is_cut_off_and_reported_and_nothing_is_lost(self):
        for command, output in (('lsjson', 'yes'), ('lsjson', 'cat /dev/zero'), ('cat', 'yes'), ('backend', 'yes "["')):
            with self.subTest(f'{command}: {output}'):
                work = self.workdir(database=False)
                for number in range(20):
                    work.leg(f'{number:02}.wav')
                self.rclone_that(work, f'[ "$1" != {command} ] || exec {output}')
                result = self.status(self.quickly(work, 'pbx-archive', before=LITTLE_MEMORY), 69)
                self.hints(result)
                self.says(result, r'hostile-rclone was ended: its answer is longer than \d+ bytes')
                self.assertEqual(len(work.legs_in_spool()), 20)

    def test_endless_output_on_stderr_takes_no_memory_and_ends_at_the_deadline(self):
        for output in ('yes', 'cat /dev/zero', 'yes "{\\"level\\":\\"error\\",\\"msg\\":\\"x\\"}"'):
            with self.subTest(output):
                work = self.workdir(database=False)
                work.leg('a.wav')
                self.rclone_that(work, f'[ "$1" != copy ] || exec {output} >&2')
                result = self.quickly(work, 'pbx-archive', '--timeout', '6s', before=LITTLE_MEMORY)
                self.assertIn(result.status, (69, 75), f'{result}')
                self.assertLess(len(result.err), 5000)
                self.assertEqual(work.legs_in_spool(), ['a.wav'])

    def test_an_audit_is_not_held_up_by_an_endless_line(self):
        work = self.workdir()
        self.rclone_that(work, '[ "$1" != lsjson ] || exec cat /dev/zero')
        result = self.status(self.quickly(work, 'pbx-archive', 'audit', before=LITTLE_MEMORY), 69)
        self.hints(result)
        self.says(result, 'cannot list it: a line of the answer does not end')

    def test_an_audit_reports_no_path_that_cannot_be_a_leg(self):
        work = self.workdir()
        paths = ['../outside.wav', '/etc/absolute.wav', '.hidden.wav', '-option.wav', 'a..b.wav', 'other/deep.wav',
                 'stitched/../climbs.wav', r'esc\u001b[2Japed.wav', 'x' * 300 + '.wav']
        lines = [f'{{"Path":"{path}","Size":10,"IsDir":false}},' for path in paths]
        lines += ['{"Path":"huge.wav","Size":99999999999999999999}', '{"Path":"negative.wav","Size":-1}',
                  '{"Path":"float.wav","Size":1e3}', '{"Path":"good.wav","Size":10,"ModTime":7}']
        answer = work.path / 'answer'
        answer.write_text('[\n' + '\n'.join(lines) + '\n]\n', encoding='utf-8')
        self.rclone_that(work, f'[ "$1" != lsjson ] || exec cat {answer}')
        result = self.status(work.run('pbx-archive', 'audit'), 0)
        self.assertEqual([line.split('\t')[1] for line in result.text.splitlines() if line.startswith('orphan\t')], ['good.wav'])

    def test_an_answer_of_absurd_size_is_neither_a_leg_nor_its_absence(self):
        for size in ('-1', '1e300', '1.5', '"700"', 'true', '18446744073709551615', '99999999999999999999999'):
            with self.subTest(size):
                work = self.workdir(database=False)
                leg = work.leg('a.wav')
                work.remote.put('a.wav', b'of somebody else')
                self.rclone_that(work, f'[ "$1" != lsjson ] || {{ printf "%s\\n" [ \'{{"Path":"a.wav","Size":{size}}}\' ]; exit 0; }}')
                result = self.status(work.run('pbx-archive'), 69)
                self.says(result, r'a\.wav: .*cannot look at a\.wav: the answer is not a file with a size')
                self.assertTrue(leg.exists())
                self.assertEqual(work.remote.files(), {'a.wav': b'of somebody else'}, 'it was taken for absent and overwritten')

    def test_an_answer_that_is_not_a_list_makes_no_leg_absent(self):
        for answer in ('', '[', '[\n', ']', 'null', '[{"Path":"a.wav","Size":5}]', 'please wait\n[\n]', '[\nplease wait\n]'):
            with self.subTest(answer):
                work = self.workdir()
                leg = work.leg('a.wav')
                work.remote.put('a.wav', b'of somebody else')
                (work.path / 'answer').write_text(answer, encoding='utf-8')
                self.rclone_that(work, f'[ "$1" != lsjson ] || exec cat {work.path}/answer')
                for arguments in ((), ('audit',)):
                    result = self.status(work.run('pbx-archive', *arguments), 69)
                    self.hints(result)
                    self.says(result, 'the answer is not a whole list of files')
                self.assertTrue(leg.exists())
                self.assertEqual(work.remote.files(), {'a.wav': b'of somebody else'}, 'it was taken for absent and overwritten')

    def test_two_objects_of_one_name_prove_nothing(self):
        work = self.workdir(database=False)
        data = pcm(ramp(0.1))
        leg = work.leg('a.wav', data)
        lines = [f'{{"Path":"a.wav","Size":{len(data)},"Hashes":{{"md5":"{md5}"}}}}'
                 for md5 in (hashlib.md5(b'other').hexdigest(), hashlib.md5(data).hexdigest())]
        self.rclone_that(work, '[ "$1" != lsjson ] || { printf "%s\\n" [ ' + ' '.join(f"'{line}'" for line in lines) + ' ]; exit 0; }')
        result = self.status(work.run('pbx-archive'), 69)
        self.says(result, 'or there are two of this name')
        self.assertTrue(leg.exists())

    def test_an_invalid_md5_is_not_trusted_and_the_object_is_read_back(self):
        for md5 in ('', 'zz', '0' * 31, 'A' * 32, '../../etc/passwd'):
            with self.subTest(md5):
                work = self.workdir(database=False)
                data = pcm(ramp(0.1))
                work.leg('a.wav', data)
                work.remote.put('a.wav', data)
                work.count_rclone()
                log = work.path / 'rclone.log'
                self.rclone_that(work, f'echo "$1" >>{log}; [ "$1" != lsjson ] || {{ printf "%s\\n" [ \'{{"Path":"a.wav","Size":{len(data)},'
                                       f'"Hashes":{{"md5":"{md5}"}}}}\' ]; exit 0; }}')
                self.quiet(self.status(work.run('pbx-archive'), 0))
                self.assertIn('hashsum', work.rclone_runs())
                self.assertEqual(work.legs_in_spool(), [])

    def test_a_recording_that_ends_early_without_an_error_is_not_taken_for_whole(self):
        work = self.workdir()
        work.call(CALL, [('a.wav', None)])
        work.remote.put('a.wav', pcm(ramp(1.0)))
        work.cloud.fault(match='.', no_md5=True)
        self.rclone_that(work, '[ "$1" != cat ] || { rclone "$@" | head -c 8000; exit 0; }')
        result = self.status(work.run('pbx-recording-fetch', CALL, '-o', 'a.wav'), 69)
        self.says(result, r'it ended after 8000 of 16044 bytes')
        self.assertFalse((work.path / 'a.wav').exists())

    def test_a_hash_that_was_read_back_for_another_name_or_half_a_name_proves_nothing(self):
        work = self.workdir(database=False)
        data = {name: pcm(ramp(0.1, number)) for number, name in enumerate(('a.wav', 'a.wav.b.wav'))}
        for name, content in data.items():
            work.leg(name, content)
            work.remote.put(name, b'other' if name == 'a.wav' else content)
        work.cloud.fault(no_md5=True)
        mine = hashlib.md5(data['a.wav']).hexdigest()
        self.rclone_that(work, f'[ "$1" != hashsum ] || {{ echo "{mine}  ../a.wav"; printf "{mine}  a.wav"; exit 0; }}')
        self.assertNotEqual(work.run('pbx-archive').status, 0)
        self.assertEqual(work.legs_in_spool(), sorted(data))

    def test_only_names_that_were_asked_for_are_fetched(self):
        work = self.workdir()
        legs = work.three_legs(CALL)
        for name, data in legs:
            work.remote.put(name, data)
            (work.spool / name).unlink()
        evil = ['../../evil.wav', '/tmp/evil.wav', 'evil.wav']
        extra = '\n'.join(f'{{"Path":"{path}","Size":5}},' for path in evil)
        sed = extra.replace('/', '\\/').replace('\n', '\\n')
        lists = work.path / 'lists'
        self.rclone_that(work, f'for a in "$@"; do case "$a" in --files-from-raw=*) cat "${{a#*=}}" >>{lists};; esac; done\n'
                               f'if [ "$1" = lsjson ]; then rclone "$@" | sed \'s/^\\[$/[\\n{sed}/\'; exit 0; fi')
        self.status(work.run('pbx-recording-fetch', CALL), 0)
        self.assertEqual(set(lists.read_text().split()), {name for name, _ in legs} | {f'{CALL}.wav', MARKER})
        self.assertEqual([str(path) for path in work.path.rglob('*evil*')], [])

    def test_invalid_features_do_not_count_as_a_bug_of_ours(self):
        for answer in ('{"Features":{"BucketBased":"yes","IsLocal":[1]},"Root":7}', '{"Features":{}}', '{"Features":[]}', '[]'):
            with self.subTest(answer):
                work = self.workdir(database=False)
                for number in range(20):
                    work.leg(f'{number:02}.wav')
                self.rclone_that(work, f'[ "$1" != backend ] || {{ echo \'{answer}\'; exit 0; }}')
                result = work.run('pbx-archive')
                self.assertIn(result.status, (0, 69), f'{result}')


class OurFiles(Hostile):
    def journals(self, work):
        now = time.time()
        return [work.spool / time.strftime('.moved-%Y%m%d', time.gmtime(now + 86400 * day)) for day in range(-3, 3)]

    def elsewhere(self, work):
        """A call of which this machine has no leg: only the journal shows whether it is stitched here."""
        legs = work.three_legs(CALL)
        for name, data in legs:
            work.remote.put(name, data)
            (work.spool / name).unlink()

    def test_whatever_lies_under_a_journals_name_does_not_stop_stitching(self):
        for kind, make in (('pipe', os.mkfifo), ('folder', os.mkdir), ('link', lambda path: os.symlink('/dev/zero', path))):
            with self.subTest(kind):
                work = self.workdir()
                self.elsewhere(work)
                other = [(f'2026{number}.wav', pcm(ramp(0.2, number))) for number in range(2)]
                work.call('1776500001.1', other)
                for path in self.journals(work):
                    make(path)
                result = self.status(self.quickly(work, 'pbx-stitch'), 77)
                self.hints(result)
                self.says(result, r'\.moved-\d+ is not used: it is not a regular file')
                self.assertTrue(work.stitched_file('1776500001.1').exists(), 'the other calls are stitched')

    def test_whatever_lies_under_todays_journals_name_keeps_every_leg_in_the_spool(self):
        for kind, make in (('pipe', os.mkfifo), ('folder', os.mkdir), ('link', lambda path: os.symlink('elsewhere', path))):
            with self.subTest(kind):
                work = self.workdir(database=False)
                for number in range(3):
                    work.leg(f'{number}.wav')
                for path in self.journals(work):
                    make(path)
                result = self.status(self.quickly(work, 'pbx-archive'), 77)
                self.hints(result)
                self.says(result, r'3 legs .*\.moved-\d+ is not used: it is not a regular file')
                self.assertEqual(len(work.legs_in_spool()), 3)
                self.assertFalse((work.spool / 'elsewhere').exists())

    def test_a_journal_that_cannot_be_written_keeps_every_leg_in_the_spool(self):
        work = self.workdir(database=False)
        legs = [f'{number}.wav' for number in range(5)]
        for name in legs:
            work.leg(name)
        for journal in self.journals(work):
            with open(journal, 'wb') as file:
                file.truncate(8 << 20)
        result = self.status(work.run('pbx-archive', before=('prlimit', f'--fsize={8 << 20}')), 73)
        self.hints(result)
        self.says(result, r'5 legs \(.*cannot write .*\.moved-\d+: File too large')
        self.assertEqual(work.legs_in_spool(), legs)
        self.assertEqual(sorted(work.remote.files()), legs)

    def test_a_journal_of_another_user_is_not_used(self):
        if os.geteuid() != 0:
            self.skipTest('needs root to create a file of another user')
        work = self.workdir(database=False)
        work.leg('a.wav')
        for path in self.journals(work):
            path.write_text('')
            os.chown(path, 12345, 12345)
        result = self.status(work.run('pbx-archive'), 77)
        self.says(result, r'is not used: it belongs to \d+')
        self.assertEqual(work.legs_in_spool(), ['a.wav'])

    def test_a_pipe_a_folder_or_a_link_in_place_of_a_lock_does_not_block_a_run(self):
        for lock, tool in (('.pbx-archive.lock', 'pbx-archive'), ('stitched/.pbx-stitch.lock', 'pbx-stitch')):
            for kind, make in (('folder', os.mkdir), ('link', lambda path: os.symlink('/etc/passwd', path))):
                with self.subTest(f'{lock}, {kind}'):
                    work = self.workdir()
                    work.stitched.mkdir()
                    make(work.spool / lock)
                    result = self.quickly(work, tool)
                    self.assertIn(result.status, (73, 77), f'{result}')
                    self.says(result, lock.split('/')[-1])

    def test_a_link_in_place_of_the_folder_for_arriving_legs_is_not_cleaned_up(self):
        work = self.workdir()
        self.elsewhere(work)
        precious = work.path / 'precious'
        (precious / 'folder').mkdir(parents=True)
        (precious / 'folder' / 'file').write_text('keep')
        work.stitch_src.mkdir()
        (work.stitch_src / '.incoming').symlink_to(precious)
        result = work.run('pbx-recording-fetch', CALL)
        self.assertTrue((precious / 'folder' / 'file').exists(), 'what the link leads to was removed')
        self.hints(self.status(result, 77))
        self.says(result, r'\.incoming is not used: it is a link')


class Secrets(Hostile):
    def remotes(self, work):
        quoted = SECRET.replace('"', '""')
        endpoint = work.cloud.endpoint
        return {'inline': f':gcs,anonymous,bucket_policy_only,endpoint="{endpoint}",client_secret="{quoted}":bkt/{BELOW}',
                'overriding': f'firebase,client_secret="{quoted}":bkt/{BELOW}'}

    def test_no_option_of_a_remote_is_in_an_argument_list_and_all_tools_work(self):
        for kind in ('inline', 'overriding'):
            with self.subTest(kind):
                work = self.workdir()
                log = work.path / 'log'
                self.rclone_that(work, f'echo "$@" >>{log}; tr "\\0" "\\n" </proc/$$/cmdline >>{log}; echo "$1" >>{log}.commands')
                work.env['PBX_REMOTE'] = self.remotes(work)[kind]
                legs = work.three_legs(CALL)
                for number in range(20):
                    work.leg(f'{number:02}.wav')
                results = [work.run('pbx-stitch', '-v'), work.run('pbx-archive', '-v')]
                self.assertEqual({name: work.remote.files()[name] for name, _ in legs}, dict(legs))
                whole = work.stitched_file(CALL).read_bytes()
                work.stitched_file(CALL).unlink()
                results.append(work.run('pbx-recording-fetch', CALL, '-v'))
                self.assertEqual(results[-1].out, whole)
                work.remote.remove(f'stitched/{CALL}.wav')
                work.stitched_file(CALL).unlink(missing_ok=True)
                results += [work.run('pbx-recording-fetch', CALL, '-v'), work.run('pbx-archive', 'audit', '-v')]
                work.leg('read-back.wav')
                work.cloud.fault(no_md5=True)
                results.append(work.run('pbx-archive', '-v'))
                for result in results:
                    self.assertEqual(result.status, 0, f'{result}')
                    self.assertNotIn('s3cr', result.err + result.text)
                text = log.read_text()
                self.assertNotIn('s3cr', text)
                self.assertNotIn('client_secret', text)
                self.assertLessEqual({'backend', 'lsjson', 'copy', 'cat', 'hashsum'},
                                     set((work.path / 'log.commands').read_text().split()))

    def test_the_option_itself_reaches_rclone(self):
        work = self.workdir(database=False)
        work.leg('a.wav')
        log = work.path / 'log'
        self.rclone_that(work, f'env >>{log}')
        self.quiet(self.status(work.run('pbx-archive', env={'PBX_REMOTE': self.remotes(work)['inline']}), 0))
        self.assertIn(f'RCLONE_CONFIG_PBX_INLINE_CLIENT_SECRET={SECRET}\n', log.read_text())
        self.assertIn('RCLONE_CONFIG_PBX_INLINE_BUCKET_POLICY_ONLY=true\n', log.read_text())

    def test_variables_of_the_database_and_of_these_tools_do_not_reach_rclone(self):
        work = self.workdir(database=False)
        work.leg('a.wav')
        log = work.path / 'environment.log'
        self.rclone_that(work, f'env >>{log}')
        self.quiet(work.run('pbx-archive', env={'PGPASSWORD': SECRET, 'PGSERVICEFILE': '/x', 'PBX_LINK_KEY': SECRET,
                                                'PBX_DATABASE': f'host={work.path} password=geheim', 'RCLONE_MAX_SIZE': '1',
                                                'RCLONE_CONFIG_OTHER_TYPE': 'local'}))
        names = {line.partition('=')[0] for line in log.read_text(encoding='utf-8').splitlines()}
        self.assertEqual({name for name in names if name.startswith(('PG', 'PBX_'))}, set())
        self.assertEqual({name for name in names if name.startswith('RCLONE')}, {'RCLONE_CONFIG', 'RCLONE_CONFIG_OTHER_TYPE'})
        self.assertNotIn('geheim', log.read_text(encoding='utf-8'))
        self.assertIn('HOME', names)

    def test_no_message_shows_an_option(self):
        work = self.workdir()
        work.leg('a.wav')
        quoted = SECRET.replace('"', '""')
        twice = quoted.replace('"', '""')
        for remote in (f':gcs,anonymous,endpoint="http://127.0.0.1:9/",client_secret="{quoted}":bkt/x',
                       f':nosuchbackend,key="{quoted}":bkt/x',
                       f':crypt,remote=":gcs,client_secret=""{twice}"":bkt",password="{quoted}":x',
                       f':gcs,anonymous="{quoted}":bkt/x', f':gcs,key="{quoted}" x:bkt/x', f':gcs,key="{quoted}:bkt/x',
                       f'nobody,key="{quoted}":bkt/x'):
            with self.subTest(remote):
                for tool in (['pbx-archive'], ['pbx-archive', 'audit']):
                    result = work.run(*tool, '-v', '--timeout', '20s', env={'PBX_REMOTE': remote})
                    self.assertIn(result.status, (69, 78), f'{result}')
                    self.hints(result)
                    self.assertNotIn('s3cr', result.err + result.text)
                    self.assertNotIn('kéy', result.err + result.text)
        self.assertEqual(work.legs_in_spool(), ['a.wav'])


if __name__ == '__main__':
    main('pbx-archive', 'pbx-stitch', 'pbx-recording-fetch', 'pbx-migrate')
