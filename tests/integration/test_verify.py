#!/usr/bin/env python3
"""pbx-archive verify: the archive's own listing, and with --read the bytes, against the facts of what was archived."""
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

import sound
from archiving import CALL, Archiving, crypt, flipped
from sound import pcm, ramp
from workdir import ACCOUNT, OTHER_ACCOUNT, SANITIZED, SOURCE, main, wait_until

VERDICTS = ('damaged', 'missing', 'unknown')


def judged(program, path):
    return subprocess.run([program, str(path)], stdout=subprocess.PIPE, check=True, text=True).stdout.split()[0]


class VerifyCase(Archiving):
    def verify(self, work, *arguments, status=0, **how):
        return json.loads(self.status(work.run('pbx-archive', 'verify', '--json', *arguments, **how), status).out)

    def found(self, report):
        """{path: verdict}"""
        return {item['path']: item['verdict'] for item in report['objects']}

    def totals(self, report, *names):
        return tuple(report['total'][name] for name in names)

    def archived(self, work):
        """A call of three legs and its stitched recording, all in the archive: {path: bytes}."""
        work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        whole = {f'stitched/{CALL}.wav': work.stitched_file(CALL).read_bytes(),
                 **{name: (work.spool / name).read_bytes() for name in work.legs_in_spool()}}
        self.quiet(self.archive(work))
        return whole

    def many(self, work, count, facts=True):
        """`count` different small files in a local remote, with facts or without."""
        rows = []
        for number in range(count):
            data = b'%d' % number
            work.remote.put(f'{number}.wav', data)
            rows.append(('legs', f'{number}.wav', len(data), hashlib.md5(data).hexdigest(), '2026-04-18'))
        if facts:
            work.db.copy('recordings', ('shelf', 'name', 'size', 'md5', 'archived_at'), rows)

    def count(self, work, where='true'):
        return int(work.db.value(f'select count(*) from recordings where {where}'))

    def kill_when(self, work, condition, *arguments):
        """Kill a verification, and its rclone, as soon as so many rows exist."""
        run = work.start('pbx-archive', 'verify', *arguments)
        wait_until(lambda: condition() or run.poll() is not None, 'some progress')
        self.assertIsNone(run.poll(), 'it has ended too early for this test')
        run.send_signal(signal.SIGKILL)
        run.wait()


class Listing(VerifyCase):
    def test_what_is_as_archived_is_right_and_the_marker_and_foreign_files_are_not_judged(self):
        for kind in ('gcs', 'local'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                whole = self.archived(work)
                for name in ('notes.txt', 'other/a.wav', '.hidden.wav', 'stitched/notes.txt'):
                    work.remote.put(name, b'x')
                report = self.verify(work, '--read', '100%')
                self.assertEqual((report['objects'], report['exit']), ([], 0))
                self.assertEqual(self.totals(report, 'right', 'drawn', 'read', 'bytes'),
                                 (len(whole), len(whole), len(whole), sum(map(len, whole.values()))))

    def test_a_changed_byte_is_found_by_the_listing_of_a_bucket_and_elsewhere_only_by_reading(self):
        for kind in ('gcs', 'local', 'crypt'):
            with self.subTest(kind):
                work = self.workdir(remote='local' if kind == 'crypt' else kind)
                if kind == 'crypt':
                    crypt(work)
                whole = self.archived(work)
                for path in (f'stitched/{CALL}.wav', sorted(whole)[0]):
                    there = path + ('.bin' if kind == 'crypt' else '')
                    work.remote.put(there, flipped(work.remote.files()[there], -50))
                damaged = {f'stitched/{CALL}.wav': 'damaged', sorted(whole)[0]: 'damaged'}
                if kind == 'gcs':
                    self.assertEqual(self.found(self.verify(work, status=65)), damaged)
                elif kind == 'local':
                    self.assertEqual(self.found(self.verify(work)), {})
                for _ in range(1 if kind == 'crypt' else 2):
                    report = self.verify(work, '--read', '100%', status=65)
                    self.assertEqual(self.found(report), damaged)
                    self.assertEqual(self.totals(report, 'right', 'damaged'), (len(whole) - 2, 2))
                item = next(item for item in report['objects'] if item['path'] == sorted(whole)[0])
                self.assertEqual(item['expected']['md5'], hashlib.md5(whole[sorted(whole)[0]]).hexdigest())
                if kind == 'local':
                    self.assertEqual(item['found']['md5'], judged('md5sum', work.remote.folder / item['path']))

    def test_a_shorter_object_is_damaged_by_the_listing_of_every_remote(self):
        for kind in ('gcs', 'local', 'webdav'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                name, data = next(iter(self.archived(work).items()))
                work.remote.put(name, data[:-1])
                item, = self.verify(work, status=65)['objects']
                self.assertEqual((item['path'], item['verdict'], item['found']['size']), (name, 'damaged', len(data) - 1))

    def test_a_missing_object_and_one_without_facts_are_named_in_a_line_each_and_in_the_messages(self):
        for kind in ('gcs', 'local'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                gone = sorted(self.archived(work))[0]
                work.remote.remove(gone)
                work.remote.put('stitched/1.2.wav', b'abc')
                result = self.status(work.run('pbx-archive', 'verify'), 65)
                self.assertRegex(result.text, rf'(?m)^missing\t{gone}\t20\S+\t{ACCOUNT}\t{CALL}\texpected \d+ bytes, MD5 ')
                self.assertRegex(result.text, r'(?m)^unknown\tstitched/1\.2\.wav\t20\S+\t-\t-\t3 bytes, MD5 900150983cd24fb0')
                self.assertRegex(result.text, r'(?m)^  unknown +1  there')
                self.says(result, '1 object is missing in the archive', '1 object in the archive has no facts',
                          'hint: .*pbx-archive verify --adopt')
                quiet = self.status(work.run('pbx-archive', '-q', 'verify'), 65)
                self.assertEqual((quiet.out, quiet.err), (b'', result.err))

    def test_without_the_marker_or_a_whole_listing_nothing_is_concluded(self):
        work = self.workdir()
        self.archived(work)
        work.cloud.fault(match='GET .*/o[?]', status=503)
        self.assertEqual(self.status(work.run('pbx-archive', 'verify', '--adopt'), 69).out, b'')
        work.cloud.clear()
        work.remote.remove('.pbx-archive.json')
        result = self.status(work.run('pbx-archive', 'verify', '--adopt'), 69)
        self.says(result, 'is not an archive')
        self.assertEqual(result.out, b'')

    def test_since_leaves_out_older_facts_and_older_unknown_objects(self):
        work = self.workdir(remote='local')
        gone = sorted(self.archived(work))[0]
        work.remote.remove(gone)
        work.remote.put('unknown.wav', b'x')
        self.assertEqual(self.found(self.verify(work, '--since', '1h', status=65)), {gone: 'missing', 'unknown.wav': 'unknown'})
        work.db.value("update recordings set archived_at = now() - interval '2 hours'; select 1")
        os.utime(work.remote.folder / 'unknown.wav', (time.time() - 7200,) * 2)
        report = self.verify(work, '--since', '1h')
        self.assertEqual((report['objects'], report['total']['right']), ([], 0))
        self.assertEqual(len(self.verify(work, status=65)['objects']), 2)

    def test_facts_that_wait_in_the_spool_count(self):
        work = self.workdir()
        legs = self.legs(work, 2)
        self.quiet(self.archive(work, env={'PBX_DATABASE': 'host=/nowhere'}))
        self.assertEqual(self.totals(self.verify(work), 'right', 'unknown'), (2, 0))
        name = sorted(legs)[0]
        work.remote.put(name, flipped(legs[name], -1))
        self.assertEqual(self.found(self.verify(work, status=65)), {name: 'damaged'})

    def test_what_is_being_archived_is_awaited(self):
        work = self.workdir()
        whole = self.archived(work)
        work.leg('new.wav', pcm(ramp(0.1)))
        work.remote.put('new.wav', b'the beginning of it')
        work.call('1776500000.2', [('a.wav', pcm(ramp(0.1, 1))), ('b.wav', pcm(ramp(0.1, 2)))])
        self.status(work.run('pbx-stitch'), 0)
        work.remote.put('stitched/1776500000.2.wav', work.stitched_file('1776500000.2').read_bytes())
        # A new leg of an archived call: its recording is replaced.
        work.leg('late.wav', pcm(ramp(0.2, 9)))
        work.cdr(CALL, 'late.wav', ago=600, sequence=9)
        self.status(work.run('pbx-stitch'), 0)
        work.remote.put(f'stitched/{CALL}.wav', work.stitched_file(CALL).read_bytes())
        report = self.verify(work, '--adopt')
        self.assertEqual(self.totals(report, 'awaited', 'right', 'adopted'), (3, len(whole) - 1, 0))
        for node, status in (('a', 0), (None, 65)):
            work.remote.put('foreign.wav', b'of another node')
            self.verify(work, status=status, env={'PBX_NODE': node})

    def test_a_run_of_pbx_archive_beside_it_causes_no_verdict(self):
        work = self.workdir()
        self.archived(work)
        self.legs(work, 12)
        work.cloud.fault(match='POST', delay_ms=150)
        run = work.start('pbx-archive', '--transfers', '1')
        rounds = 0
        while run.poll() is None:
            self.assertEqual(self.verify(work)['objects'], [])
            rounds += 1
        work.finish(run)
        self.assertGreater(rounds, 1)
        self.assertEqual(self.verify(work)['total']['right'], 16)

    def test_a_share_that_is_not_a_percentage_is_a_usage_error(self):
        work = self.workdir(remote='local')
        for share in ('5', '0%', '101%', '%', '5%%', 'nan%', '-5%'):
            self.status(work.run('pbx-archive', 'verify', f'--read={share}'), 64)

    def test_a_dry_run_writes_nothing(self):
        work = self.workdir()
        self.archived(work)
        work.remote.put('unknown.wav', b'x')
        before = work.db.psql('-At', '-c', 'select *, xmin from recordings order by name').stdout
        self.verify(work, '-n', '--read', '100%', '--adopt', status=65)
        self.assertEqual(work.db.psql('-At', '-c', 'select *, xmin from recordings order by name').stdout, before)


class Reading(VerifyCase):
    def test_each_run_reads_another_sample_until_all_were_read(self):
        work = self.workdir(remote='local')
        self.many(work, 20)
        seen = set()
        for run in range(1, 5):
            report = self.verify(work, '--read', '25%')
            self.assertEqual(self.totals(report, 'drawn', 'read'), (5, 5))
            now = {name for name, in work.db.sql('select name from recordings where verified_at is not null')}
            self.assertEqual(len(now), 5 * run, 'a sample has an object that was read before')
            seen |= now
        self.assertEqual(len(seen), 20)
        first = work.db.value('select min(verified_at) from recordings')
        self.verify(work, '--read', '25%')
        self.assertEqual(self.count(work, f"verified_at = '{first}'"), 0, 'those verified longest ago come first')

    def test_a_sample_is_random(self):
        samples = set()
        for _ in range(3):
            work = self.workdir(remote='local')
            self.many(work, 40)
            self.verify(work, '--read', '25%')
            samples.add(tuple(sorted(name for name, in work.db.sql('select name from recordings where verified_at is not null'))))
        self.assertGreater(len(samples), 1)

    def test_reading_that_is_killed_is_continued_by_the_next_run(self):
        work = self.workdir(remote='local')
        self.many(work, 600)
        verified = 'verified_at is not null'
        self.kill_when(work, lambda: self.count(work, verified), '--read', '100%')
        done = self.count(work, verified)
        self.assertIn(done, range(1, 600))
        oldest = work.db.value('select max(verified_at) from recordings')
        report = self.verify(work, '--read', f'{(600 - done) / 6:.6f}%')
        self.assertEqual((report['total']['read'], self.count(work, verified)), (600 - done, 600))
        self.assertEqual(self.count(work, f"verified_at <= '{oldest}'"), done)

    def test_reading_ends_at_the_deadline_and_reports_what_it_did(self):
        work = self.workdir()
        self.archived(work)
        work.cloud.fault(match='alt=media', delay_ms=60000, after=1)
        started = time.monotonic()
        result = self.status(work.run('pbx-archive', 'verify', '--read', '100%', '--timeout', '8s'), 75)
        self.assertLess(time.monotonic() - started, 12)
        self.says(result, r'time was up after \d of 4 objects', 'hint: .*--timeout')
        self.assertIn('Archive verification', result.text)

    def test_facts_that_lack_hash_and_sound_get_them_when_the_object_is_read(self):
        work = self.workdir(remote='local')
        self.archived(work)
        columns = 'name, sha256, frames, rate, channels, codec, levels, unfinished'
        before = work.db.sql(f'select {columns} from recordings order by name')
        work.db.value('update recordings set sha256 = null, frames = null, rate = null, channels = null, codec = null, '
                      'levels = null, unfinished = null; select 1')
        self.verify(work, '--read', '100%')
        self.assertEqual(work.db.sql(f'select {columns} from recordings order by name'), before)
        for name, sha256, frames, *_ in before:
            path = work.remote.folder / ('stitched' if name.startswith(CALL) else '') / name
            self.assertEqual((sha256, int(frames)), (judged('sha256sum', path), sound.soxi(path)[2]))

    def test_objects_are_read_through_a_pipe_where_the_disk_has_no_room(self):
        work = self.workdir(remote='local')
        whole = self.archived(work)
        name = sorted(whole)[0]
        work.remote.put(name, flipped(whole[name], -50))
        report = self.verify(work, '--read', '100%', '--reserve', '90%', '-n', status=65)
        self.assertEqual((self.found(report), report['total']['read']), ({name: 'damaged'}, len(whole) - 1))

    def test_a_remote_that_fails_for_one_object_leaves_the_others_verified(self):
        work = self.workdir()
        whole = self.archived(work)
        name = sorted(whole)[0]
        work.cloud.fault(match=rf'{re.escape(name)}.*alt=media', status=403, reason='forbidden')
        report = self.verify(work, '--read', '100%', status=77)
        self.assertEqual((report['objects'], report['total']['read']), ([], len(whole) - 1))


class Adopting(VerifyCase):
    def test_what_the_archive_has_already_is_adopted_once_with_its_owner_and_its_time(self):
        for kind in ('gcs', 'local'):
            with self.subTest(kind):
                work = self.workdir(remote=kind)
                whole = self.archived(work)
                work.remote.put('orphan.wav', b'of nobody')
                work.remote.put('claimed.wav', b'of two')
                for name in ('1776500000.7.wav', f'1776500000.7.{OTHER_ACCOUNT}.wav'):
                    work.remote.put(f'stitched/{name}', b'shared linkedid')
                for account in (ACCOUNT, OTHER_ACCOUNT):
                    work.cdr('1776500000.7', 'claimed.wav', account)
                work.db.value('delete from recordings; select 1')
                report = self.verify(work, '--adopt')
                self.assertEqual((report['objects'], report['total']['adopted']), ([], len(whole) + 4))
                rows = {('stitched/' if shelf == 'stitched' else '') + name: row for shelf, name, *row in work.db.sql(
                    'select shelf, name, accountcode, linkedid, size, md5, sha256, archived_at <= now() from recordings')}
                for path, data in work.remote.files().items():
                    owner = ([None, None] if path in ('orphan.wav', 'claimed.wav', 'stitched/1776500000.7.wav') else
                             [OTHER_ACCOUNT, '1776500000.7'] if '.7.' in path else [ACCOUNT, CALL])
                    self.assertEqual(rows[path], [*owner, str(len(data)), hashlib.md5(data).hexdigest(), None, 't'])
                if kind == 'local':
                    times = dict(work.db.sql("select name, extract(epoch from archived_at)::bigint from recordings where shelf = 'legs'"))
                    self.assertEqual({name: int(time) for name, time in times.items()},
                                     {name: int((work.remote.folder / name).stat().st_mtime) for name in times})
                report = self.verify(work, '--adopt')
                self.assertEqual(self.totals(report, 'adopted', 'right'), (0, len(whole) + 4))

    def test_where_the_remote_knows_no_md5_an_object_is_adopted_only_when_it_is_read(self):
        work = crypt(self.workdir(remote='local'))
        whole = self.archived(work)
        work.db.value('delete from recordings; select 1')
        report = self.verify(work, '--adopt', status=65)
        self.assertEqual(self.totals(report, 'adopted', 'unknown'), (0, len(whole)))
        self.assertIn('add --read', report['objects'][0]['reason'])
        report = self.verify(work, '--adopt', '--read', '1%')
        self.assertEqual(self.totals(report, 'adopted', 'unknown'), (len(whole), 0))
        self.assertEqual({name: sha256 for name, sha256 in work.db.sql('select name, sha256 from recordings')},
                         {path.removeprefix('stitched/'): hashlib.sha256(data).hexdigest() for path, data in whole.items()})

    def test_adopting_never_changes_facts(self):
        work = self.workdir()
        name = sorted(self.archived(work))[0]
        work.remote.put(name, b'other')
        before = work.db.sql('select *, xmin from recordings order by name')
        self.assertEqual(self.found(self.verify(work, '--adopt', status=65)), {name: 'damaged'})
        self.assertEqual(work.db.sql('select *, xmin from recordings order by name'), before)

    def test_adopting_that_is_killed_is_continued_by_the_next_run(self):
        work = self.workdir(remote='local')
        self.many(work, 900, facts=False)
        self.kill_when(work, lambda: self.count(work), '--adopt')
        done = self.count(work)
        self.assertIn(done, range(1, 900))
        report = self.verify(work, '--adopt')
        self.assertEqual((self.totals(report, 'adopted', 'right'), self.count(work)), ((900 - done, done), 900))

    def test_hostile_names_in_the_listing_are_not_adopted(self):
        work = self.workdir()
        for name in ("a'; drop table recordings; --.wav", 'tab\t.wav', 'x\\.wav', '..wav', '-rf.wav', 'line\nbreak.wav'):
            work.remote.put(name, b'x')
        self.verify(work, '--adopt')
        self.assertEqual(work.db.sql('select name from recordings order by name'), [["a'; drop table recordings; --.wav"], ['x\\.wav']])


class Owners(VerifyCase):
    def test_cdr_rows_that_come_after_the_facts_give_an_archived_recording_its_owner(self):
        for tool in (('pbx-archive',), ('pbx-archive', 'verify', '--json')):
            with self.subTest(tool):
                work = self.workdir()
                self.archived(work)
                rows = work.db.psql('-At', '-c', 'copy asterisk_cdr to stdout').stdout
                before = work.db.sql('select name, accountcode, linkedid from recordings order by name')
                self.assertEqual({tuple(row[1:]) for row in before}, {(ACCOUNT, CALL)})
                work.db.sql('delete from asterisk_cdr; update recordings set accountcode = null, linkedid = null')
                self.status(work.run(*tool), 0)
                self.assertEqual(self.count(work, 'linkedid is null'), len(before))
                work.db.psql('-c', 'copy asterisk_cdr from stdin', stdin=rows)
                name = sorted(row[0] for row in before)[-1]
                work.cdr('1776500000.9', name, OTHER_ACCOUNT)  # now two accounts name this leg
                self.status(work.run(*tool), 0)
                self.assertEqual(work.db.sql('select name, accountcode, linkedid from recordings order by name'),
                                 [row if row[0] != name else [name, None, None] for row in before])

    def test_looking_for_owners_costs_nothing_that_grows_with_the_archive(self):
        work = self.workdir(remote='local')
        work.db.sql("""insert into recordings (shelf, name, accountcode, linkedid, size, md5, archived_at)
                select 'legs', n || '.wav', 'a', 'l', 1, md5(n::text), now() from generate_series(1, 20000) n;
            insert into recordings (shelf, name, size, md5, archived_at) values ('legs', 'orphan.wav', 1, md5('x'), now());
            analyze recordings""")
        def scans():
            return work.db.sql("""select pg_stat_clear_snapshot(), seq_scan from pg_stat_user_tables where relname = 'recordings'""")[0][1], \
                work.db.sql("select idx_scan from pg_stat_user_indexes where indexrelname = 'recordings_without_owner'")[0][0]
        before = scans()
        self.quiet(self.archive(work))
        wait_until(lambda: scans()[1] > before[1], 'the statistics')
        self.assertEqual(scans()[0], before[0])


class Size(VerifyCase):
    def peak(self, work, *arguments):
        """The most memory that the tool itself had, in kB."""
        most = 0
        with open(work.path / 'report', 'wb') as out:
            run = work.start('pbx-archive', 'verify', *arguments, stdout=out)
            while run.poll() is None:
                with contextlib.suppress(OSError), open(f'/proc/{run.pid}/status', encoding='utf-8') as status:
                    found = re.search(r'VmHWM:\s+(\d+)', status.read())
                    most = max(most, int(found.group(1)) if found else 0)
                time.sleep(0.002)
        self.status(work.finish(run), 65)
        return json.loads((work.path / 'report').read_text(encoding='utf-8'))['total'], most

    @unittest.skipIf(SANITIZED, 'the sanitizers have memory of their own')
    def test_twenty_thousand_objects_need_no_more_memory_than_two_thousand(self):
        peaks = []
        for count in (2000, 20000):
            work = self.workdir(remote='local')
            self.many(work, count)
            work.db.value('analyze recordings; select 1')
            # One in a hundred each is unknown, damaged and missing.
            work.db.sql("""delete from recordings where name like '%11.wav';
                update recordings set size = size + 1 where name like '%22.wav';
                update recordings set name = 'gone' || name where name like '%33.wav'""")
            total, peak = self.peak(work, '--json')
            self.assertEqual(total['right'] + total['damaged'] + total['unknown'], count)
            self.assertGreater(min(total['damaged'], total['missing'], total['unknown']), count // 100 - 1)
            peaks.append(peak)
        print(f'peak {peaks[0]} kB, {peaks[1]} kB, ratio {peaks[1] / peaks[0]:.2f} ', end='', file=sys.stderr)
        self.assertLess(peaks[1] / peaks[0], 1.3)


class Report(VerifyCase):
    def fields(self, heading):
        """The fields that docs/verify.md lists under a heading."""
        text = (SOURCE / 'docs' / 'verify.md').read_text(encoding='utf-8')
        section = text[text.index(heading):].split('| field | meaning |', 1)[1].split('\n\n')[0]
        return re.findall(r'(?m)^\| `([^`]+)`', section)

    def test_the_json_document_has_the_fields_that_are_documented(self):
        work = self.workdir()
        gone = sorted(self.archived(work))[0]
        work.remote.remove(gone)
        work.remote.put('unknown.wav', b'x')
        report = self.verify(work, '--read', '50%', status=65)
        self.assertEqual(list(report), self.fields('The document:'))
        self.assertEqual(list(report['total']), self.fields('`total`:'))
        self.assertEqual(len(report['objects']), 2)
        for item in report['objects']:
            self.assertEqual(list(item), self.fields('Each of `objects`:'))
        content = self.fields('Each of `expected`')
        self.assertEqual((list(report['objects'][0]['expected']), list(report['objects'][1]['found'])), (content, content))
        self.assertEqual((report['schema'], report['exit'], report['read'], report['md5']), (1, 65, '50%', True))

    def test_the_page_fits_on_paper(self):
        work = self.workdir()
        self.archived(work)
        text = self.status(work.run('pbx-archive', 'verify', '--read', '5%'), 0).text
        self.assertLessEqual(max(map(len, text.splitlines())), 100)
        self.assertIn('Objects read (5%): 1 of 1 were as archived; ', text)


if __name__ == '__main__':
    main('pbx-archive', 'pbx-stitch', 'pbx-migrate')
