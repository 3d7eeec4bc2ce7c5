#!/usr/bin/env python3
"""pbx-dialplan-gen: from the database to a folder that Asterisk can load at any moment."""
import fcntl
import itertools
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import uuid

from workdir import SANITIZED, SOURCE, Case, as_nobody, cluster, main, quoted, wait_until

MAINS = {'extensions.conf': 'ext_', 'pjsip.conf': 'pjsip_', 'queues.conf': 'queues_'}
RECORDER = 'pbx-recorder.conf'
OFF = '{"recording_enabled": false}'


# An Asterisk that loads a folder's dialplan with "dialplan reload", unless "stuck" lies beside it, and shows what it loaded.
CONSOLE = r'''
import json, pathlib, re, sys
place, etc = pathlib.Path(PLACE), pathlib.Path(ETC)
command = sys.argv[-1]
with open(place / 'said', 'a') as said:
    said.write(command + '\n')
answers = json.loads((place / 'answers').read_text()) if (place / 'answers').exists() else {}
if command in answers:
    print(answers[command])
elif command == 'dialplan reload' and not (place / 'stuck').exists():
    shown = []
    for file in sorted([*etc.glob('ext_*.conf'), etc / 'pbx-recorder.conf']):
        for line in file.read_text().splitlines():
            if line.startswith('['):
                shown.append(f"[ Context '{line[1:line.index(']')]}' created by 'pbx_config' ]")
            if step := re.match(r" *(?:exten|same) => (?:([^,]*),)?([^,]*),(.*)", line if line.startswith('exten') else line.replace('=> ', '=> ,', 1)):
                if step[2] != 'hint':
                    number = 1 if step[1] else number + 1
                    name = f"  '{step[1]}' => " if step[1] else ' ' * 20
                    shown.append(f"{name}{number}. {step[3]} [{file.name}:1]")
    (place / 'loaded').write_text('\n'.join(shown) + '\n')
elif command == 'dialplan show':
    print((place / 'loaded').read_text() if (place / 'loaded').exists() else '')
'''


class DialplanCase(Case):
    def pbx(self):
        """A workdir with an Asterisk folder, and no organization in the database."""
        work = self.workdir()
        work.asterisk_folder()
        return work

    def organization(self, work, prefix, **more):
        """A tenant with one row of everything: 1001, 5001, 7495<n>, a trunk, a route."""
        row = {'id': str(uuid.uuid4()), 'name': prefix, 'context_prefix': prefix, **more}
        host = f'10.{int(row["id"][:2], 16)}.{int(row["id"][2:4], 16)}.{int(row["id"][4:6], 16)}'
        number = '7495' + str(int(row['id'].replace('-', ''), 16))[:8]
        work.db.sql(f"""
            with org as (insert into organizations ({', '.join(row)}) values ({', '.join(map(quoted, row.values()))}) returning id),
            person as (insert into users (org_id, extension, full_name, sip_password)
                       select id, '1001', 'Alice', 'a-long-secret' from org returning id),
            trunk as (insert into sip_trunks (org_id, name, host, approved_at)
                      select id, 'carrier', '{host}', now() from org returning id),
            route as (insert into outbound_routes (org_id, trunk_id, name) select org.id, trunk.id, 'out' from org, trunk),
            queue as (insert into queues (org_id, number) select id, '5001' from org returning id),
            member as (insert into queue_members (queue_id, user_id) select queue.id, person.id from queue, person)
            insert into did_numbers (org_id, number, routing_type, routing_destination)
                select id, '{number}', 'queue', '5001' from org""")
        return row['id']

    def generate(self, work, *arguments, expect=0, **how):
        return self.status(work.run('pbx-dialplan-gen', *arguments, **how), expect)

    @staticmethod
    def console(work):
        """The path of an Asterisk for --reload; what it was asked is in the file "said"."""
        program = work.path / 'asterisk'
        text = CONSOLE.replace('PLACE', repr(str(work.path))).replace('ETC', repr(str(work.etc)))
        program.write_text(f'#!{sys.executable}{text}', encoding='utf-8')
        program.chmod(0o755)
        return program

    @staticmethod
    def visible(work):
        """{name: bytes} of the Asterisk folder, without the tool's own files."""
        return {path.name: path.read_bytes() for path in work.etc.iterdir() if not path.name.startswith('.')}

    def loadable(self, work, complete=False):
        """Every included file exists, and each organization's files are whole; `complete`: no other files remain either."""
        files = self.visible(work)
        for main_file in MAINS:
            for included in re.findall(rb'(?m)^#(?:try)?include "([^"]+)"', files.get(main_file, b'')):
                self.assertIn(included.decode(), files, f'{main_file} includes a file that is not there')
        for name, data in files.items():
            self.assertTrue(not data or data.endswith(b'\n'), f'{name} is cut off')
        if complete:
            left = [path.name for path in work.etc.iterdir() if path.name.startswith('.') and path.name.endswith(('.tmp', '.writing'))]
            self.assertEqual(left, [])

    def sections(self, text):
        """{context: text below it}"""
        parts = re.split(r'(?m)^\[([^]]+)\]\n', text)
        return dict(zip(parts[1::2], parts[2::2]))


class WhatIsPrinted(DialplanCase):
    def test_all_active_organizations_are_printed_by_prefix_and_the_same_each_time(self):
        work = self.pbx()
        for prefix in ('zeta', 'acme', 'mid_1'):
            self.organization(work, prefix)
        self.organization(work, 'asleep', status='suspended')
        self.organization(work, 'dead', status='deleted')
        first = self.generate(work)
        self.assertEqual(first.err, '')
        self.assertEqual(re.findall(r'\[(\w+)__internal\]', first.text), ['acme', 'mid_1', 'zeta'])
        self.assertEqual(self.generate(work).out, first.out)
        only = self.generate(work, '--org', 'mid_1', '--org', 'zeta')
        self.assertEqual(re.findall(r'\[(\w+)__internal\]', only.text), ['mid_1', 'zeta'])

    def test_the_four_contexts_and_their_helpers_bear_the_prefix(self):
        work = self.pbx()
        self.organization(work, 'acme')
        contexts = set(self.sections(self.generate(work).text))
        self.assertLessEqual({f'acme__{name}' for name in ('internal', 'incoming', 'incoming_sub', 'outbound', 'queue')}, contexts)
        self.assertTrue(all(context.startswith('acme__') for context in contexts), contexts)

    def test_only_an_explicit_false_switches_a_point_or_an_organization_off(self):
        work = self.pbx()
        masters = {'missing': '{}', 'null': '{"recording_enabled": null}', 'true': '{"recording_enabled": true}',
                   'text': '{"recording_enabled": "no"}', 'nothing': None, 'false': '{"recording_enabled": false}'}
        for word, settings in masters.items():
            self.organization(work, f'm_{word}', settings=settings)
        for table in ('users', 'did_numbers', 'queues', 'outbound_routes'):
            work.db.sql(f'update {table} set recording_enabled = null')
        points = json.loads(self.generate(work, '--explain', '--json').text)
        self.assertEqual(len(points), 4 * len(masters))
        for point in points:
            self.assertEqual(point['recorded'], point['context_prefix'] != 'm_false', point)
        work.db.sql("update organizations set settings = '{\"recording_enabled\": true}'")
        for table, kind in (('users', 'extension'), ('did_numbers', 'did'), ('queues', 'queue'), ('outbound_routes', 'route')):
            work.db.sql(f'update {table} set recording_enabled = false')
            points = json.loads(self.generate(work, '--explain', '--json').text)
            off = {point['point'] for point in points if not point['recorded']}
            self.assertEqual(off, {kind})
            self.assertEqual({point['decided_by'] for point in points if not point['recorded']}, {f'{table}.recording_enabled'})
            work.db.sql(f'update {table} set recording_enabled = true')

    def test_no_mixmonitor_where_the_master_is_off(self):
        work = self.pbx()
        self.organization(work, 'acme', settings='{"recording_enabled": false}')
        text = self.generate(work).text
        self.assertIn('[acme__queue]', text)
        self.assertNotIn('MixMonitor', text)

    def test_rows_of_an_organization_that_the_database_user_may_not_see_are_no_bug(self):
        work = self.pbx()
        self.organization(work, 'acme')
        work.db.sql("alter table organizations rename to all_organizations; "
                    "create view organizations as select * from all_organizations where name <> 'acme'")
        result = self.generate(work, expect=78)
        self.hints(result)
        self.says(result, 'a row of users belongs to the organization .*, which is not there')

    def test_explain_names_the_row_and_the_value_that_decided(self):
        work = self.pbx()
        self.organization(work, 'acme')
        work.db.sql('update queues set recording_enabled = false')
        lines = [line.split('\t') for line in self.generate(work, '--explain').text.splitlines()]
        self.assertNotIn('organization', [line[0] for line in lines], 'a pipe gets no heading')
        seen = work.run_on_terminal('pbx-dialplan-gen', '--explain').text.splitlines()
        self.assertRegex(seen[0], r'^organization +point +name +recorded +decided by')
        self.assertIn(['acme', 'queue', '5001', 'off', 'queues.recording_enabled', 'false', 'none', ''], lines)
        self.assertIn(['acme', 'extension', '1001', 'on', 'users.recording_enabled', 'true', 'none', ''], lines)

    def test_explain_shows_whether_consent_is_asked_for_and_with_which_sound(self):
        work = self.pbx()
        self.organization(work, 'acme', settings='{"recording_consent": "opt_out"}')
        points = json.loads(self.generate(work, '--sounds', '/srv/sounds', '--explain', '--json').text)
        self.assertEqual({(point['consent'], point['notice']) for point in points}, {('opt_out', '/srv/sounds/consent-opt-out')})
        work.db.sql("update organizations set settings = settings || '{\"consent_prompt\": \"custom/ask\"}'")
        lines = self.generate(work, '--explain').text.splitlines()
        self.assertTrue(all(line.endswith('\topt_out\tcustom/ask') for line in lines[1:]), lines)

    def test_a_mode_that_is_not_known_is_reported_and_records_only_with_consent(self):
        work = self.pbx()
        self.organization(work, 'acme', settings='{"recording_consent": "optin"}')
        result = self.generate(work, expect=65)
        self.says(result, 'setting recording_consent of acme is left out: .* calls are recorded only with consent')
        self.assertRegex(result.text, r'exten => notice,1,Return\(opt_in:/.*/consent-opt-in\)')

    def test_a_notice_that_does_not_exist_is_a_warning(self):
        work = self.pbx()
        self.organization(work, 'acme', settings='{"recording_consent": "announcement", "consent_prompt": "custom/ask"}')
        sounds = work.path / 'data' / 'sounds'
        (work.etc / 'asterisk.conf').write_text(f'[directories]\nastdatadir => {work.path}/data\n', encoding='utf-8')
        result = self.generate(work, '--check', expect=1)
        self.says(result, 'acme: there is no sound custom/ask')
        self.hints(result)
        for name in ('custom/ask.gsm', 'en/custom/ask.wav'):
            (sounds / name).parent.mkdir(parents=True)
            (sounds / name).touch()
            self.assertNotIn('there is no sound', self.generate(work, '--check', expect=1).err)
            (sounds / name).unlink()
        work.db.sql("update organizations set settings = settings - 'consent_prompt'")
        self.says(self.generate(work, '--check', '--sounds', work.path, expect=1), f'there is no sound {work.path}/consent-announcement')
        self.assertNotIn('there is no sound', self.generate(work, '--check', '--sounds', SOURCE / 'sounds', expect=1).err)

    def test_a_folder_of_sounds_that_the_dialplan_cannot_name_is_refused_where_it_is_needed(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.generate(work, '--sounds', '/srv/a,b')
        work.db.sql("update organizations set settings = '{\"recording_consent\": \"opt_in\"}'")
        self.hints(self.generate(work, '--sounds', '/srv/a,b', expect=78))

    def asterisk_that_prints(self, work, version):
        program = work.path / 'asterisk'
        program.write_text(f'#!/bin/sh\necho "{version}"\n', encoding='utf-8')
        program.chmod(0o755)
        return str(program)

    def test_two_channels_are_recorded_where_asterisk_keeps_them_in_step(self):
        work = self.pbx()
        self.organization(work, 'acme', settings='{"recording_channels": 2, "recording_rate": 16000}')
        self.organization(work, 'plain')
        for version, channels in (('Asterisk 22.10.1~dfsg', 2), ('Asterisk certified/18.9-cert13', 2), ('Asterisk 16.28.0~dfsg', 1)):
            with self.subTest(version):
                asterisk = self.asterisk_that_prints(work, version)
                printed = self.generate(work, '--asterisk', asterisk)
                policy = self.sections(printed.text)
                self.assertEqual('exten => channels-2,1,' in policy['acme__policy'], channels == 2)
                self.assertIn('exten => rate-16000,1,', policy['acme__policy'])
                self.assertNotIn('channels-2', policy['plain__policy'])
                if channels == 1:
                    self.says(printed, 'calls of acme are recorded in one channel: a recorder of Asterisk 16')
                    self.hints(printed)
                else:
                    self.assertEqual(printed.err, '')
                lines = [line.split('\t') for line in self.generate(work, '--explain', '--asterisk', asterisk).text.splitlines()]
                self.assertIn(['acme', 'recording', 'channels', str(channels), 'organizations.settings.recording_channels', '2', '', ''], lines)
                self.assertIn(['acme', 'recording', 'rate', '16000', 'organizations.settings.recording_rate', '16000', '', ''], lines)
                self.assertNotIn('plain\trecording', '\n'.join('\t'.join(line) for line in lines))
                points = json.loads(self.generate(work, '--explain', '--json', '--asterisk', asterisk).text)
                self.assertEqual({point['channels'] for point in points if point['context_prefix'] == 'acme'}, {channels})
        unknown = self.generate(work, '--deploy', '--asterisk', '/nowhere/asterisk')
        self.says(unknown, 'the version of Asterisk is not known')
        self.assertIn(b'channels-2', self.visible(work)['ext_acme.conf'])

    def test_a_wrong_setting_of_the_recording_is_named_and_the_rest_is_deployed(self):
        work = self.pbx()
        self.organization(work, 'acme', settings='{"recording_channels": "stereo", "recording_rate": true}')
        result = self.generate(work, '--deploy', expect=65)
        self.says(result, 'setting recording_channels of acme is left out: .*stereo', 'setting recording_rate of acme is left out')
        self.assertIn(b'exten => organization,1,', self.visible(work)['ext_acme.conf'])
        self.assertNotIn(b'channels-2', self.visible(work)['ext_acme.conf'])

    def test_the_number_of_queries_does_not_grow_with_the_organizations(self):
        work = self.pbx()
        counts = []
        work.db.sql(f"alter database {work.db.name} set log_statement = 'all'")
        for number in range(2):
            for place in range(1 + 8 * number):
                self.organization(work, f'org_{number}_{place}')
            before = len(cluster().log)
            self.generate(work)
            counts.append(len(re.findall(r'(?m)LOG: .*(?:statement|execute [^:]*): ', cluster().log[before:])))
        self.assertEqual(counts[0], counts[1])
        self.assertGreater(counts[0], 6, 'the log was not read')


class Deploying(DialplanCase):
    def test_files_and_main_files_are_written_and_not_readable_by_everybody(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.generate(work, '--deploy')
        files = self.visible(work)
        self.assertEqual(set(files), {*MAINS, RECORDER, 'ext_acme.conf', 'pjsip_acme.conf', 'queues_acme.conf'})
        self.assertIn(b'secret', files['pjsip_acme.conf'])
        for name in files:
            self.assertEqual(stat.S_IMODE((work.etc / name).stat().st_mode), 0o640, name)
        for main_file, begin in MAINS.items():
            recorder = f'#tryinclude "{RECORDER}"\n' if main_file == 'extensions.conf' else ''
            self.assertEqual(files[main_file], f'{recorder}#tryinclude "{begin}acme.conf"\n'.encode())
        self.assertEqual(files['ext_acme.conf'], self.generate(work).out)

    def test_a_second_run_touches_nothing(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.generate(work, '--deploy')
        before = {name: (work.etc / name).stat() for name in self.visible(work)}
        self.quiet(self.generate(work, '--deploy'))
        for name, status in before.items():
            now = (work.etc / name).stat()
            self.assertEqual((now.st_ino, now.st_mtime_ns), (status.st_ino, status.st_mtime_ns), name)

    def test_only_what_changed_is_written(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.organization(work, 'beta')
        self.generate(work, '--deploy')
        before = {name: (work.etc / name).stat().st_ino for name in self.visible(work)}
        work.db.sql("update queues set strategy = 'rrmemory' where org_id = (select id from organizations where name = 'beta')")
        self.generate(work, '--deploy')
        changed = {name for name in before if (work.etc / name).stat().st_ino != before[name]}
        self.assertEqual(changed, {'queues_beta.conf'})

    def test_asterisks_user_deploys_over_main_files_that_root_copied_there(self):
        work = self.pbx()
        self.organization(work, 'acme')
        nobody = as_nobody(work.etc)
        if not nobody:
            self.skipTest('only root can leave files to another user')
        for name in MAINS:
            shutil.copy(SOURCE / 'asterisk' / name, work.etc / name)
            (work.etc / name).chmod(0o644)
        self.generate(work, '--deploy', before=nobody)
        for name in MAINS:
            status = (work.etc / name).stat()
            self.assertEqual((status.st_uid, stat.S_IMODE(status.st_mode)), (65534, 0o644), name)
            self.assertIn(b'acme.conf', (work.etc / name).read_bytes())

    def test_rights_of_others_on_our_files_are_taken_away_also_if_the_text_stays(self):
        work = self.pbx()
        self.organization(work, 'acme')
        console = self.console(work)
        self.generate(work, '--deploy')
        ours = ('pjsip_acme.conf', 'pbx-recorder.conf')
        as_nobody(work.etc, *(path for path in work.etc.iterdir() if path.name not in ours))
        before = self.visible(work)
        for name in ours:
            (work.etc / name).chmod(0o644)
        for arguments, status in ((('--check',), 1), (('--deploy', '--dry-run'), 0)):
            result = self.generate(work, *arguments, expect=status)
            self.assertEqual(sorted(result.text.splitlines()), sorted(f'{work.etc / name}: other users have rights on it' for name in ours))
            self.assertEqual(stat.S_IMODE((work.etc / ours[0]).stat().st_mode), 0o644)
        self.says(self.generate(work, '--deploy', '--reload', '--asterisk', console), *(f'{name}: other users had rights on it' for name in ours))
        for name in ours:
            self.assertEqual(stat.S_IMODE((work.etc / name).stat().st_mode), 0o640)
            self.assertEqual((work.etc / name).owner(), work.etc.owner())
        self.assertEqual(self.visible(work), before)
        self.assertFalse((work.path / 'said').exists())
        self.assertEqual(self.generate(work, '--check').out, b'')

    def test_where_no_asterisk_is_installed_nothing_is_validated_and_all_is_deployed(self):
        work = self.pbx()
        self.organization(work, 'acme')
        for program in ('/nowhere/asterisk', 'no-such-asterisk'):
            result = self.generate(work, '--deploy', '--dry-run', '--validate', '--asterisk', program)
            self.says(result, f'nothing was validated: there is no program {program}', 'hint: install Asterisk')
        self.assertFalse(self.visible(work))
        self.says(self.generate(work, '--deploy', '--validate', '--asterisk', '/nowhere/asterisk'), 'nothing was validated')
        self.assertIn('ext_acme.conf', self.visible(work))
        self.generate(work, '--validate', '--asterisk', '/nowhere/asterisk', expect=69)

    def test_main_files_keep_every_foreign_byte_their_mode_and_their_owner(self):
        work = self.pbx()
        self.organization(work, 'acme')
        foreign = (b'; \xff\xfe comment\r\n[general]\r\n#include "my-own.conf"\r\n;--\n#include "ext_acme.conf"\n--;\n'
                   b'  #include   ext_gone.conf   ; stale\n#tryinclude </etc/elsewhere/ext_gone.conf>\n'
                   b'exten => 1,1,NoOp(#include "ext_gone.conf")\r\n\r\nlast line')
        main_file = work.etc / 'extensions.conf'
        main_file.write_bytes(foreign)
        main_file.chmod(0o664)
        if os.geteuid() == 0:
            os.chown(main_file, 12345, 54321)
        (work.etc / 'my-own.conf').write_text('[x]\n')
        self.generate(work, '--deploy')
        stale = b'  #include   ext_gone.conf   ; stale\n'
        self.assertEqual(main_file.read_bytes(), foreign.replace(stale, b'') +
                         b'\r\n#tryinclude "pbx-recorder.conf"\r\n#tryinclude "ext_acme.conf"')
        self.assertEqual(stat.S_IMODE(main_file.stat().st_mode), 0o664)
        if os.geteuid() == 0:
            self.assertEqual((main_file.stat().st_uid, main_file.stat().st_gid), (12345, 54321))
        before = main_file.read_bytes()
        self.generate(work, '--deploy')
        self.assertEqual(main_file.read_bytes(), before)

    def test_an_organization_that_is_gone_is_removed_from_the_main_files_and_the_folder(self):
        work = self.pbx()
        for prefix in ('acme', 'beta', 'gone'):
            self.organization(work, prefix)
        self.generate(work, '--deploy')
        with open(work.etc / 'pjsip.conf', 'a', encoding='utf-8') as pjsip:
            pjsip.write(f'#include {work.etc}/pjsip_gone.conf\n; end\n')
        work.db.sql("update organizations set status = 'suspended' where name = 'gone'")
        self.generate(work, '--deploy')
        files = self.visible(work)
        self.assertFalse([name for name in files if 'gone' in name])
        self.assertEqual(files['pjsip.conf'], b'#tryinclude "pjsip_acme.conf"\n#tryinclude "pjsip_beta.conf"\n; end\n')

    def test_foreign_files_are_not_removed_even_if_their_names_match_an_organization(self):
        work = self.pbx()
        self.organization(work, 'acme')
        (work.etc / 'ext_theirs.conf').write_text('[theirs]\n')
        (work.etc / 'ext_My-Own.conf').write_text('[mine]\n')
        (work.etc / 'extensions.conf').write_text('#include "ext_theirs.conf"\n#include "ext_My-Own.conf"\n')
        self.generate(work, '--deploy')
        files = self.visible(work)
        self.assertIn('ext_theirs.conf', files)
        self.assertEqual(files['extensions.conf'], b'#include "ext_My-Own.conf"\n#tryinclude "pbx-recorder.conf"\n#tryinclude "ext_acme.conf"\n')

    def test_the_recorder_stays_when_the_last_organization_that_it_recorded_is_gone(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.generate(work, '--deploy')
        recorder = self.visible(work)[RECORDER]
        self.assertIn(b'MixMonitor(', recorder)
        self.assertNotIn(b'MixMonitor(', self.visible(work)['ext_acme.conf'])
        work.db.sql("update organizations set status = 'suspended'")
        self.generate(work, '--deploy', '--force')
        self.assertEqual(self.visible(work), {'extensions.conf': b'#tryinclude "pbx-recorder.conf"\n', 'pjsip.conf': b'',
                                              'queues.conf': b'', RECORDER: recorder + b'exten => inactive-acme,1,Return()\n'})

    def test_the_recorder_is_there_before_the_dialplan_that_needs_it(self):
        work = self.pbx()
        self.organization(work, 'acme')
        (work.etc / 'extensions.conf').write_text('#tryinclude "ext_acme.conf"\n')  # as before there was a recorder
        log = work.path / 'strace.log'
        self.generate(work, '--deploy', before=('strace', '-f', '-o', log, '-e', 'trace=renameat,renameat2'))
        renamed = re.findall(r'"([^".]+\.conf)"', log.read_text())
        self.assertEqual(renamed[:3], [RECORDER, 'extensions.conf', 'ext_acme.conf'], log.read_text())

    def test_a_file_or_a_context_of_the_operator_with_the_recorders_name_stops_the_deployment(self):
        for name, text in ((RECORDER, '[mine]\n'), ('extensions.conf', '[pbx-recorder-up]\n'), ('extensions.conf', '[PBX-Recorder]\n')):
            with self.subTest(name=name, text=text):
                work = self.pbx()
                self.organization(work, 'acme')
                (work.etc / name).write_text(text)
                before = self.visible(work)
                result = self.generate(work, '--deploy', expect=78)
                self.hints(result)
                self.assertEqual(self.visible(work), before)

    def test_deploying_one_organization_keeps_the_files_and_lines_of_the_others(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.organization(work, 'beta')
        self.generate(work, '--deploy')
        work.db.sql("update users set full_name = 'Changed'")
        before = self.visible(work)
        self.generate(work, '--deploy', '--org', 'acme')
        after = self.visible(work)
        self.assertEqual({name for name in after if after[name] != before[name]}, {'pjsip_acme.conf'})

    def test_a_row_that_cannot_be_made_safe_is_named_and_the_rest_goes_on(self):
        work = self.pbx()
        org = self.organization(work, 'acme')
        self.organization(work, 'beta')
        work.db.insert('users', org_id=org, extension='1002', sip_password='a\n[evil]\n')
        work.db.insert('users', org_id=org, extension='1,2', sip_password='x')
        work.db.insert('users', org_id=org, extension='1003', sip_password='x', asterisk_endpoint='beta_1001')
        work.db.insert('queues', org_id=org, number='5002', music_on_hold='x' * 10000)
        work.db.insert('did_numbers', org_id=org, number='123', routing_type='external', routing_destination='1&PJSIP/beta_1001')
        result = self.generate(work, '--deploy', expect=65)
        self.says(result, 'user 1002 of acme is left out: sip_password: it has a line break', 'user 1,2 of acme',
                  'user 1003 of acme .*does not begin with "acme_"', 'queue 5002 of acme', 'did 123 of acme')
        self.assertLess(max(map(len, result.err.splitlines())), 500)
        files = self.visible(work)
        self.assertNotIn(b'evil', files['pjsip_acme.conf'])
        self.assertIn(b'[acme_1001]', files['pjsip_acme.conf'])
        self.assertIn(b'[beta_1001]', files['pjsip_beta.conf'])
        self.loadable(work)

    def test_a_machine_without_a_name_is_not_set_up_beside_another_node(self):
        work = self.pbx()
        self.organization(work, 'acme')
        work.db.sql("insert into nodes (name, host, spool) values ('n2', 'elsewhere', '/var/spool/asterisk/monitor')")
        result = self.generate(work, '--deploy', expect=78)
        self.says(result, 'this machine has no node name, and the database knows another node')
        self.hints(result)
        self.assertEqual(self.visible(work), {})
        self.generate(work, '--deploy', '--node', 'n1')
        self.assertIn(b'-${ARG1}-n1)', self.visible(work)[RECORDER])
        self.generate(work, '--deploy', '--node', 'N 1', expect=64)

    def test_a_trunk_is_written_only_while_an_operator_approves_its_host(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.generate(work, '--deploy')
        self.assertIn(b'[acme__trunk_carrier]', self.visible(work)['pjsip_acme.conf'])
        work.db.sql("update sip_trunks set host = '192.0.2.7'")
        result = self.generate(work, '--deploy', expect=65)
        self.says(result, 'trunk carrier of acme is left out: host "192.0.2.7" has not been approved')
        self.hints(result)
        files = self.visible(work)
        self.assertNotIn(b'trunk_carrier', files['pjsip_acme.conf'])
        self.assertIn(b'[acme_1001]', files['pjsip_acme.conf'])
        work.db.sql("update sip_trunks set approved_at = 'infinity'")
        self.generate(work, '--deploy')
        self.assertIn(b'match=192.0.2.7', self.visible(work)['pjsip_acme.conf'])

    def test_an_address_belongs_to_the_trunk_that_was_approved_with_it_before_a_name_that_resolves_to_it(self):
        work = self.pbx()
        for prefix, host, ago in (('aaa', 'localhost', 2), ('zeta', '127.1', 1)):
            self.organization(work, prefix)
            work.db.sql(f"""update sip_trunks set host = '{host}', approved_at = now() - interval '{ago} days'
                            where org_id = (select id from organizations where name = '{prefix}')""")
        result = self.generate(work, '--deploy', expect=65)
        self.says(result, r'trunk carrier of aaa is left out: its host localhost \(127\.0\.0\.1\) belongs to a trunk of zeta whose host is that address',
                  'route out of aaa has no active trunk')
        files = self.visible(work)
        self.assertNotIn(b'trunk_carrier', files['pjsip_aaa.conf'])
        self.assertIn(b'match=127.1', files['pjsip_zeta.conf'])

    def test_a_host_that_does_not_resolve_causes_a_warning_and_stops_nothing(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.organization(work, 'beta')
        work.db.sql("update sip_trunks set host = 'no-such-host.invalid', approved_at = now() where org_id = "
                    "(select id from organizations where name = 'beta')")
        result = self.generate(work, '--deploy')
        self.says(result, 'the host no-such-host.invalid of a trunk does not resolve')
        self.assertIn(b'match=no-such-host.invalid', self.visible(work)['pjsip_beta.conf'])
        self.assertEqual(self.generate(work).err, '', 'printing the dialplan queries no name server')

    def test_hostile_text_adds_no_line(self):
        work = self.pbx()
        org = self.organization(work, 'acme', name='x"\n[evil]\n#include "/etc/passwd"\n;--')
        self.generate(work, '--deploy')
        plain = {name: data.count(b'\n') for name, data in self.visible(work).items()}
        trap = '\n[evil]\nexten => 1,1,System(id)\n#exec id ${SHELL(id)} ;--'
        work.db.sql(f"update users set username = {quoted(trap)}, full_name = {quoted(trap.replace(chr(10), ' ').strip())} where org_id = '{org}';"
                    f"update queues set name = {quoted(trap)}; update outbound_routes set name = {quoted(trap)}")
        self.generate(work, '--deploy')
        after = self.visible(work)
        self.assertEqual({name: data.count(b'\n') for name, data in after.items()}, plain)
        for data in after.values():
            self.assertIsNone(re.search(rb'(?m)^\s*(\[evil\]|#exec|#include|exten => 1,1,System)', data))

    def test_the_second_of_two_runs_names_the_first_and_ends_with_a_temporary_failure(self):
        work = self.pbx()
        self.organization(work, 'acme')
        with open(work.etc / '.pbx-dialplan-gen.lock', 'w', encoding='utf-8') as lock:
            lock.write('somebody (pid 1)\n')
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            result = self.generate(work, '--deploy', expect=75)
            self.says(result, r'another run holds .*pid \d+')
            self.hints(result)
            self.assertEqual(self.visible(work), {})

    def test_what_a_run_has_read_never_replaces_what_another_run_has_deployed_since(self):
        work = self.pbx()
        acme = self.organization(work, 'acme')
        work.db.sql("update organizations set settings = settings || '{\"recording_channels\": 2}'")
        asked = work.path / 'asked'
        program = work.path / 'asterisk'
        program.write_text(f'#!/bin/sh\ntouch {asked}\nwhile [ -e {asked} ]; do sleep 0.05; done\necho Asterisk 22.1.0\n')
        program.chmod(0o755)
        slow = work.start('pbx-dialplan-gen', '--deploy', '--asterisk', program)
        wait_until(asked.exists, 'the run has read the database')
        work.db.sql(f"update organizations set settings = settings || '{OFF}' where id = '{acme}'")
        self.organization(work, 'beta')
        self.generate(work, '--deploy', '--asterisk', '/nowhere/asterisk', expect=75)
        asked.unlink()
        self.status(work.finish(slow), 0)
        self.assertNotIn('ext_beta.conf', self.visible(work))
        self.generate(work, '--deploy', '--asterisk', '/nowhere/asterisk')
        self.assertIn('ext_beta.conf', self.visible(work))
        self.assertEqual(self.generate(work, '--check', '--asterisk', '/nowhere/asterisk').out, b'')

    def test_two_runs_at_once_give_the_same_result_as_one(self):
        work = self.pbx()
        for number in range(20):
            self.organization(work, f'org_{number}')
        started = [work.start('pbx-dialplan-gen', '--deploy') for _ in range(6)]
        statuses = {work.finish(process).status for process in started}
        self.assertLessEqual(statuses, {0, 75})
        self.assertIn(0, statuses)
        self.assertEqual(self.generate(work, '--check').out, b'')


class SafetyStop(DialplanCase):
    def test_a_database_without_organizations_changes_nothing_without_force(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.generate(work, '--deploy')
        before = self.visible(work)
        work.db.sql("update organizations set status = 'deleted'")
        result = self.generate(work, '--deploy', expect=65)
        self.says(result, 'no active organization')
        self.hints(result)
        self.assertEqual(self.visible(work), before)
        self.generate(work, '--deploy', '--force')
        files = self.visible(work)
        self.assertEqual(set(files), {*MAINS, RECORDER})
        self.assertEqual(files['extensions.conf'], b'#tryinclude "pbx-recorder.conf"\n')

    def test_a_database_with_under_half_of_what_is_deployed_changes_nothing_without_force(self):
        work = self.pbx()
        for number in range(5):
            self.organization(work, f'org_{number}')
        self.generate(work, '--deploy')
        before = self.visible(work)
        work.db.sql("update organizations set status = 'deleted' where name in ('org_0', 'org_1', 'org_2')")
        # An equal number of other organizations does not make it the right database.
        for number in range(5):
            self.organization(work, f'new_{number}')
        result = self.generate(work, '--deploy', expect=65)
        self.says(result, 'the database has only 2 of the 5 deployed organizations')
        self.assertEqual(self.visible(work), before)
        work.db.sql("update organizations set status = 'active' where name = 'org_0'")
        self.generate(work, '--deploy')
        self.assertNotIn('ext_org_1.conf', self.visible(work))


class Checking(DialplanCase):
    def test_check_prints_a_patch_that_gives_the_same_folder_as_deploy(self):
        work = self.pbx()
        self.organization(work, 'acme')
        (work.etc / 'pjsip.conf').write_text('[global]\ntype=global\nendpoint_identifier_order=username,ip,anonymous\n')
        (work.etc / 'extensions.conf').write_text('[general]\n#include "ext_gone.conf"\n; end')
        before = work.snapshot(work.etc)
        result = self.generate(work, '--check', expect=1)
        self.assertEqual(work.snapshot(work.etc), before, '--check wrote something')
        copy = work.path / 'copy'
        shutil.copytree(work.etc, copy)
        if shutil.which('patch'):
            patch = re.sub(rf'(?m)^([-+]{{3}}) {re.escape(str(work.etc))}/', r'\1 ', result.text)
            subprocess.run(['patch', '-s', '-p0', '-d', str(copy)], input=patch, text=True, check=True)
            self.generate(work, '--deploy')
            made = {path.name: path.read_bytes() for path in copy.iterdir()}
            for name, data in self.visible(work).items():
                if not name.startswith('pjsip_'):  # passwords are hidden
                    self.assertEqual(made[name], data, name)
        else:
            self.generate(work, '--deploy')
        self.quiet(self.generate(work, '--check'))

    def test_check_reports_policy_changes_and_hides_passwords(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.generate(work, '--deploy')
        work.db.sql("update queues set recording_enabled = false; update users set sip_password = 'changed-one-too'")
        result = self.generate(work, '--check', expect=1)
        self.assertEqual(result.text.splitlines()[-1], 'stops recording: queue 5001 of acme')
        self.assertNotIn('secret', result.text)
        self.assertNotIn('changed-one', result.text)
        self.assertIn('-password=<hidden, old>\n+password=<hidden, new>\n', result.text)
        self.generate(work, '--deploy')
        work.db.sql('update queues set recording_enabled = null; delete from did_numbers')
        lines = self.generate(work, '--check', expect=1).text.splitlines()
        self.assertIn('starts recording: queue 5001 of acme', lines)
        self.assertRegex(lines[-1] + lines[-2], r'stops recording: did \d+ of acme, which is no longer there')


class Killed(DialplanCase):
    """At every step of a deployment that writes, rewrites and removes."""

    def prepared(self):
        work = self.pbx()
        for prefix in ('acme', 'beta', 'gone'):
            self.organization(work, prefix)
        self.generate(work, '--deploy')
        work.db.sql("update organizations set status = 'deleted' where name = 'gone'; update users set full_name = 'New';"
                    "update queues set strategy = 'linear'; update did_numbers set recording_enabled = false")
        self.organization(work, 'young')
        return work

    def sweep(self, syscalls, inject, expect):
        work = self.prepared()
        start = work.path / 'start'
        shutil.copytree(work.etc, start)
        self.generate(work, '--deploy')
        wanted = self.visible(work)
        tried = 0
        for syscall in syscalls:
            for number in itertools.count(1):
                shutil.rmtree(work.etc)
                shutil.copytree(start, work.etc)
                result = work.run('pbx-dialplan-gen', '--deploy', check_sanitizers=False,
                                  before=['strace', '-f', '-qq', '-o', '/dev/null', '-e', f'trace={syscall}', '-e',
                                          f'inject={syscall}:{inject}:when={number}'])
                if result.status == 0:
                    break
                tried += 1
                self.assertIn(result.status, expect, f'{syscall} {number}\n{result}')
                self.loadable(work)
                again = self.generate(work, '--deploy')
                self.assertEqual(self.visible(work), wanted, f'after {syscall} {number}\n{again}')
                self.loadable(work, complete=True)
                self.assertLess(number, 300, f'{syscall} has no end')
        return tried

    def test_killed_at_any_step_the_folder_loads_and_the_next_run_repairs_it(self):
        tried = self.sweep(('renameat', 'unlinkat', 'fsync', 'syncfs', 'fchmod', 'write'), 'signal=KILL', {-9, 137})
        self.assertGreater(tried, 20, 'the sweep injected too few faults')

    def test_a_full_or_broken_disk_at_any_step_is_reported_and_the_next_run_repairs_it(self):
        tried = self.sweep(('renameat', 'fsync', 'syncfs', 'write'), 'error=ENOSPC', {73, 74})
        self.assertGreater(tried, 8, 'the sweep injected too few faults')


class WhatGoesWrong(DialplanCase):
    def test_each_failure_has_its_status_its_message_and_a_hint(self):
        work = self.pbx()
        self.organization(work, 'acme')
        for arguments, env, status, words in (
                (('--org', 'nobody'), {}, 66, 'no organization has the name, prefix or id "nobody"'),
                (('--database', 'host=/nowhere dbname=x'), {}, 69, 'cannot connect'),
                (('--deploy', '--asterisk-dir', '/nowhere/etc'), {}, 74, '/nowhere/etc'),
                (('--spool', '/a,b'), {}, 78, 'the spool /a,b is refused'),
                (('--deploy', '--check'), {}, 64, '--check'),
                (('--json',), {}, 64, '--json'),
                (('--validate', '--asterisk', '/nowhere/asterisk'), {}, 69, '/nowhere/asterisk'),
                (('--deploy', '--reload', '--asterisk', '/nowhere/asterisk'), {}, 69, '/nowhere/asterisk')):
            with self.subTest(arguments=arguments):
                result = self.generate(work, *arguments, env=env, expect=status)
                self.says(result, re.escape(words))
                self.hints(result)
                self.assertEqual(result.out, b'')

    def test_an_organization_given_with_org_must_be_unambiguous_and_active(self):
        work = self.pbx()
        by_id = self.organization(work, 'acme')
        self.organization(work, 'beta')
        work.db.sql("update organizations set name = 'Acme Ltd' where context_prefix = 'acme'")
        work.db.sql("update organizations set name = 'acme' where context_prefix = 'beta'")
        self.says(self.generate(work, '--org', 'acme', expect=64), 'names more than one organization')
        self.says(self.generate(work, '--org', 'acme', '--deploy', expect=64), 'names more than one organization')
        self.assertFalse(self.visible(work))
        self.assertEqual(self.generate(work, '--org', by_id).out, self.generate(work, '--org', 'Acme Ltd').out)
        work.db.sql("update organizations set status = 'suspended' where context_prefix = 'beta'")
        result = self.generate(work, '--org', 'beta', expect=66)
        self.says(result, 'organization acme is suspended')
        self.hints(result)

    def test_a_number_with_an_unknown_destination_is_left_out_and_the_hint_names_the_place_for_it(self):
        work = self.pbx()
        org = self.organization(work, 'acme')
        work.db.sql('alter table did_numbers drop constraint if exists did_numbers_routing_type_check')
        work.db.insert('did_numbers', org_id=org, number='4930777', routing_type='voicemail', routing_destination='1001')
        result = self.generate(work, expect=65)
        self.says(result, 'did 4930777 of acme is left out: routing_destination type "voicemail" is not extension', r'hint: .*__own_incoming')
        self.assertNotIn('4930777', result.text)

    def test_an_organization_that_is_left_out_is_named_when_only_it_is_requested(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.organization(work, 'acme_')
        result = self.generate(work, '--org', 'acme_', expect=65)
        self.says(result, 'organization acme_ is left out: context_prefix acme_ reaches into the names')
        self.assertEqual(result.out, b'')

    def test_a_link_in_the_place_of_a_main_file_is_not_replaced(self):
        work = self.pbx()
        self.organization(work, 'acme')
        (work.path / 'elsewhere').write_text('[general]\n')
        (work.etc / 'pjsip.conf').symlink_to(work.path / 'elsewhere')
        result = self.generate(work, '--deploy', expect=78)
        self.says(result, 'pjsip.conf is not a regular file')
        self.hints(result)
        self.assertEqual(set(self.visible(work)), {'pjsip.conf'})

    def test_a_file_of_the_operators_that_is_not_included_any_more_is_named(self):
        work = self.pbx()
        self.organization(work, 'acme')
        (work.etc / 'ext_features.conf').write_text('[features]\nexten => 1,1,NoOp()\n')
        (work.etc / 'extensions.conf').write_text('#include "ext_features.conf"\n#include "ext_gone.conf"\n')
        for arguments, status in ((('--check',), 1), (('--deploy', '-n'), 0), (('--deploy',), 0)):
            result = self.generate(work, *arguments, expect=status)
            self.says(result, r'ext_features\.conf is not included any more: there is no active organization with the prefix features')
            self.assertNotIn('ext_gone', result.err)
        self.assertNotIn(b'features', (work.etc / 'extensions.conf').read_bytes())
        self.assertTrue((work.etc / 'ext_features.conf').exists())
        self.quiet(self.generate(work, '--deploy'))

    def test_a_main_file_that_is_edited_during_a_deployment_is_left_as_it_is(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.generate(work, '--deploy')
        self.organization(work, 'beta')
        slow, log = work.start_traced('linkat', 'linkat:delay_enter=1500000:when=1', 'pbx-dialplan-gen', '--deploy')
        wait_until(lambda: log.exists() and any(b'.conf' in path.name.encode() for path in work.etc.glob('.*')), 'it writes')
        with open(work.etc / 'extensions.conf', 'a', encoding='utf-8') as extensions:
            extensions.write('[operator-new]\n')
        self.says(self.status(work.finish(slow), 75), 'extensions.conf changed meanwhile, and was left as it is')
        self.assertTrue((work.etc / 'extensions.conf').read_text().endswith('[operator-new]\n'))
        self.loadable(work)
        self.generate(work, '--deploy')
        self.assertIn('[operator-new]\n', (work.etc / 'extensions.conf').read_text())
        self.loadable(work, complete=True)

    def test_a_difference_is_seen_beside_a_row_that_is_left_out(self):
        work = self.pbx()
        self.organization(work, 'acme')
        work.db.sql("insert into users (org_id, extension, full_name) select id, '1002', 'No password' from organizations")
        self.generate(work, '--check', expect=1)
        self.generate(work, '--deploy', expect=65)
        self.generate(work, '--check', expect=65)

    def test_a_reload_without_asterisk_gives_the_reason_and_not_the_warnings_before_it(self):
        work = self.pbx()
        self.organization(work, 'acme')
        program = work.path / 'asterisk'
        program.write_text('#!/bin/sh\necho "Privilege escalation protection disabled!"\necho "See the documentation." >&2\n'
                           'echo "Unable to connect to remote asterisk (does /run/asterisk.ctl exist?)" >&2\nexit 1\n')
        program.chmod(0o755)
        result = self.generate(work, '--deploy', '--reload', '--asterisk', program, expect=69)
        self.says(result, r'asterisk -rx "dialplan reload" failed: Unable to connect to remote asterisk \(does /run/asterisk.ctl exist')
        self.assertNotIn('documentation', result.err)
        self.hints(result)

    def test_a_reload_that_failed_is_repeated_by_the_next_run(self):
        work = self.pbx()
        self.organization(work, 'acme')
        self.generate(work, '--deploy', '--reload', '--asterisk', '/nowhere/asterisk', expect=69)
        said, program = work.path / 'said', self.console(work)
        self.generate(work, '--deploy', '--reload', '--asterisk', program)
        self.assertEqual(sorted(said.read_text().splitlines()),
                         ['dialplan reload', 'dialplan show', 'module reload res_pjsip.so', 'queue reload all'])
        said.unlink()
        self.generate(work, '--deploy', '--reload', '--asterisk', program)
        self.assertFalse(said.exists(), 'there was a reload without a change')
        work.db.sql("update queues set strategy = 'linear'")
        self.generate(work, '--deploy', '--reload', '--asterisk', program)
        self.assertEqual(said.read_text(), 'queue reload all\n')

    def test_a_reload_that_asterisk_refuses_is_repeated_by_the_next_run(self):
        for command, answer in (('dialplan reload', "You don't have permissions to run 'dialplan reload' command"),
                                ('module reload res_pjsip.so', "The previous reload command didn't finish yet"),
                                ('queue reload all', "No such command 'queue reload all' (type 'core show help')")):
            with self.subTest(command):
                work = self.pbx()
                self.organization(work, 'acme')
                program = self.console(work)
                (work.path / 'answers').write_text(json.dumps({command: answer}))
                result = self.generate(work, '--deploy', '--reload', '--asterisk', program, expect=69)
                self.says(result, f'asterisk -rx "{command}" failed: {answer[:30]}')
                self.hints(result)
                (work.path / 'answers').unlink()
                (work.path / 'said').unlink()
                self.generate(work, '--deploy', '--reload', '--asterisk', program)
                self.assertIn(command, (work.path / 'said').read_text().splitlines())

    def test_a_dialplan_that_asterisk_does_not_load_is_reported(self):
        """An included file that is missing: "dialplan reload" prints that it reloaded, and keeps the old dialplan."""
        work = self.pbx()
        self.organization(work, 'acme')
        program = self.console(work)
        (work.path / 'stuck').touch()
        self.says(self.generate(work, '--deploy', '--reload', '--asterisk', program, expect=69),
                  'Asterisk has reloaded its dialplan, and still has the earlier one: it lacks acme__')
        (work.path / 'stuck').unlink()
        self.generate(work, '--deploy', '--reload', '--asterisk', program)
        work.db.sql(f"update organizations set settings = settings || '{OFF}'")
        (work.path / 'stuck').touch()
        for _ in range(2):
            self.says(self.generate(work, '--deploy', '--reload', '--asterisk', program, expect=69),
                      'it should not have acme__policy ')


class Speed(DialplanCase):
    def test_ten_times_the_organizations_take_about_ten_times_as_long(self):
        if SANITIZED:
            self.skipTest('a sanitizer measures itself')
        work = self.pbx()
        many = """
            insert into organizations (name, context_prefix) select 'o' || n, 'o' || n from generate_series({first}, {last}) n;
            insert into users (org_id, extension, sip_password) select o.id, 1000 + u, 'a-long-secret'
                from organizations o, generate_series(1, 50) u where substr(o.name, 2)::int between {first} and {last};
            analyze;"""
        import resource  # pylint: disable=import-outside-toplevel

        def seconds():
            spent = []
            for _ in range(3):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                self.generate(work)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            return min(spent)
        work.db.sql(many.format(first=1, last=100))
        few = seconds()
        work.db.sql(many.format(first=101, last=1000))
        # Processor time of the tool alone: the machine may be busy with other things. A factor well over 11 is not linear growth.
        self.assertLess(seconds() / few, 16)


if __name__ == '__main__':
    main()
