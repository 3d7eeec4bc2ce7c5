#!/usr/bin/env python3
"""pbx-archive audit: where the leg of each CDR row is, and which files no row names."""
import json
import sys

from workdir import Case, main

ACME, BETA = '11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222'
LEG = b'RIFF' + bytes(40) + b'\1\2' * 500


class Audit(Case):
    def pbx(self, **how):
        """Acme has a leg in every place, Beta has one; the master switch and the rows state what is to be recorded."""
        work = self.workdir(**how)
        work.db.sql(f"""
            insert into organizations (id, name, context_prefix) values ('{ACME}', 'Acme', 'org_acme'), ('{BETA}', 'Beta', 'org_beta');
            insert into did_numbers (org_id, number) values ('{ACME}', '08065978002');
            insert into users (org_id, extension, recording_enabled) values ('{ACME}', '1003', true), ('{ACME}', '1004', false),
                ('{BETA}', '1003', true)""")
        for name in ('local.wav', 'both.wav'):
            work.leg(name, LEG)
        work.leg('empty.wav', LEG[:44])
        for name in ('remote.wav', 'both.wav', 'stitched/1776500000.1.wav'):
            work.remote.put(name, LEG)
        for number, name in enumerate(('local.wav', 'remote.wav', 'both.wav', 'empty.wav', 'gone.wav', 'both.wav')):
            self.row(work, f'1776500000.{number}', name)
        return work

    @staticmethod
    def row(work, linkedid, name, account=ACME, **more):
        return work.cdr(linkedid, name, account, **{'dcontext': 'org_acme__internal', 'dst': '1003', 'ago': 7200, **more})

    def report(self, work, *arguments, status=65):
        return json.loads(self.status(work.run('pbx-archive', 'audit', '--json', *arguments), status).out)

    def test_every_row_says_where_its_leg_is(self):
        for remote in ('gcs', 'local', 'webdav'):
            with self.subTest(remote):
                rows = self.report(self.pbx(remote=remote))['rows']
                self.assertEqual([(row['recordingfile'], row['state']) for row in rows],
                                 [('local.wav', 'local'), ('remote.wav', 'remote'), ('both.wav', 'both'),
                                  ('empty.wav', 'local'), ('gone.wav', 'missing'), ('both.wav', 'both')])

    def test_an_organization_counts_each_leg_once(self):
        sums = {one['organization']: one for one in self.report(self.pbx())['organizations']}
        self.assertEqual({key: sums['Acme'][key] for key in ('legs', 'local', 'remote', 'both', 'missing', 'empty')},
                         {'legs': 5, 'local': 2, 'remote': 1, 'both': 1, 'missing': 1, 'empty': 1})
        self.assertEqual(sums['Beta']['legs'], 0)

    def test_a_missing_leg_is_named_and_is_a_data_error_and_without_one_the_audit_succeeds(self):
        work = self.pbx()
        result = self.status(work.run('pbx-archive', 'audit'), 65)
        self.assertRegex(result.out.decode(), r'(?m)^missing\tgone\.wav\t')
        self.says(result, r'1 leg is neither in the spool nor in the archive')
        work.leg('gone.wav', LEG)
        result = self.status(work.run('pbx-archive', 'audit'), 0)
        self.assertNotRegex(result.out.decode(), r'(?m)^missing\t')
        self.assertEqual(result.err, '')

    def test_a_leg_that_another_node_may_still_archive_is_awaited_until_an_hour_after_the_call(self):
        work = self.pbx()
        work.leg('gone.wav', LEG)
        self.row(work, '1776500006.1', 'elsewhere.wav', ago=5400, duration=3000)   # ended 40 minutes ago
        report = self.report(work, status=0)
        self.assertEqual([row['state'] for row in report['rows'] if row['recordingfile'] == 'elsewhere.wav'], ['awaited'])
        self.assertEqual((report['total']['awaited'], report['total']['missing']), (1, 0))
        result = self.status(work.run('pbx-archive', 'audit', '--summary'), 0)
        self.assertIn('1 leg cannot be vouched for yet', result.text)
        self.assertRegex(result.text, r'(?m)^awaited\telsewhere\.wav\t')
        # Any row of the call shows how long it lasted.
        self.row(work, '1776500006.2', 'early.wav', ago=7200, duration=60)
        self.assertEqual(self.report(work)['total']['missing'], 1)
        self.row(work, '1776500006.2', '', ago=7100, duration=6000)
        self.assertEqual(self.report(work, status=0)['total']['awaited'], 2)
        self.row(work, '1776500006.3', 'late.wav', ago=7200, duration=3000)        # ended over an hour ago
        self.assertEqual(self.report(work)['total']['missing'], 1)

    def test_a_call_that_policy_wants_recorded_and_that_names_no_leg_is_counted(self):
        work = self.pbx()
        self.row(work, '1776500001.1', '')                              # answered at 1003, which is recorded
        self.row(work, '1776500001.2', '', dst='1004')                  # 1004 opted out
        self.row(work, '1776500001.3', '', disposition='NO ANSWER')     # nobody spoke
        acme = self.report(work)['organizations'][0]
        self.assertEqual((acme['calls'], acme['unrecorded']), (7, 1))
        work.db.sql("""update organizations set settings = '{"recording_enabled": false}'""")
        self.assertEqual(self.report(work)['organizations'][0]['calls'], 0)

    def test_files_that_no_row_names_are_orphans_unless_they_are_young(self):
        work = self.pbx()
        work.leg('20260418-140000-1-08065978002.wav', LEG, age=7200)
        work.leg('20260418-140000-1-1003.wav', LEG, age=7200)           # two organizations have a 1003
        work.leg('named.wav', LEG, age=7200)
        self.row(work, '1776500009.1', 'named.wav')
        work.leg('young.wav', LEG)
        work.leg('notes.txt', b'x', age=7200)
        orphans = {one['name']: one['accountcode'] for one in self.report(work)['orphans']}
        self.assertEqual(orphans, {'20260418-140000-1-08065978002.wav': ACME, '20260418-140000-1-1003.wav': ''})

    def test_the_number_in_an_orphans_name_is_read_whatever_follows_it(self):
        work = self.pbx()
        work.db.sql(f"insert into queues (org_id, number) values ('{BETA}', '5001')")
        named = {f'20260418-140000-{middle}{end}.wav': account
                 for middle, account in (('1-08065978002', ACME), ('anonymous-queue-5001', BETA), ('5001-9', ''))
                 for end in ('', '-n1', '-1776500000.5', '-n1-1776500000.5', '-5001-1776500000.5.123456')}
        for name in named:
            work.leg(name, LEG, age=7200)
        self.assertEqual({one['name']: one['accountcode'] for one in self.report(work)['orphans']}, named)

    def test_one_account_sees_nothing_of_others(self):
        work = self.pbx()
        self.row(work, '1776500002.1', 'beta.wav', BETA)
        work.leg('orphan.wav', LEG, age=7200)
        result = self.status(work.run('pbx-archive', 'audit', '--account', ACME), 65)
        for foreign in ('beta.wav', BETA, 'Beta', 'orphan.wav'):
            self.assertNotIn(foreign, result.out.decode())
        self.assertEqual(self.report(work, '--account', "x' or true --", status=0)['rows'], [])

    def test_since_leaves_out_older_rows(self):
        work = self.pbx()
        self.row(work, '1776500003.1', 'ancient.wav', ago=90 * 86400)
        self.assertIn('ancient.wav', str(self.report(work)['rows']))
        self.assertNotIn('ancient.wav', str(self.report(work, '--since', '30d')['rows']))

    def test_the_remote_is_listed_rather_than_queried_file_by_file(self):
        work = self.pbx()
        work.db.sql(f"""insert into asterisk_cdr (linkedid, accountcode, recordingfile)
            select '1776500004.' || n, '{ACME}', n || '.wav' from generate_series(1, 300) n""")
        for number in range(300):
            work.remote.put(f'{number}.wav', LEG)
        work.cloud.log.clear()
        self.report(work)
        self.assertLess(len(work.cloud.log), 10)

    def test_a_remote_that_is_down_makes_no_leg_missing(self):
        work = self.pbx()
        work.remote_down()
        result = self.status(work.run('pbx-archive', 'audit'), 69)
        self.assertEqual(result.out, b'')
        self.hints(result)

    def test_a_bucket_that_does_not_exist_makes_no_leg_missing(self):
        work = self.pbx()
        result = self.status(work.run('pbx-archive', 'audit', env={'PBX_REMOTE': work.remote.path.split(':')[0] + ':nobucket/x'}), 69)
        self.assertEqual(result.out, b'')
        self.says(result, 'does not exist')

    def test_names_from_the_database_cannot_drive_a_terminal(self):
        work = self.pbx()
        self.row(work, '1776500005.1', '../\x1b[2Jx\n.wav')
        result = self.status(work.run('pbx-archive', 'audit'), 65)
        self.assertNotIn(b'\x1b', result.out)
        self.assertIn('missing', [row['state'] for row in self.report(work)['rows'] if '\x1b' in row['recordingfile']])

    def test_the_audit_changes_nothing(self):
        work = self.pbx()
        before = work.snapshot(work.spool), work.remote.files(), work.db.value('select count(*) from asterisk_cdr')
        self.report(work)
        self.assertEqual(before, (work.snapshot(work.spool), work.remote.files(),
                                  work.db.value('select count(*) from asterisk_cdr')))

    def test_without_a_remote_it_is_a_configuration_error(self):
        self.status(self.workdir(remote=None).run('pbx-archive', 'audit'), 78)


if __name__ == '__main__':
    sys.exit(main('pbx-archive', 'pbx-migrate'))
