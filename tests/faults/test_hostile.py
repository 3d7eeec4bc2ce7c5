"""Hostile strings in every CDR column and as CALL, things other than files in place of a leg, and legs that become links after
they have been checked: nothing leaves its folder, and other calls are served."""
import json
import os
import re
import threading
import time

import sound
import sweep
from sound import Wav
from workdir import ACCOUNT, LONG, SANITIZED, Case, quoted

STRINGS = ['../../../etc/passwd', '/etc/passwd', '..', '.', '', '-rf', '--config=/etc/passwd', 'a:b.wav', ':local:/etc/passwd',
           'firebase:bkt/x.wav', '$(touch pwned).wav', '`touch pwned`', '; touch pwned', '| touch pwned', '*', '?.wav', '{a,b}.wav',
           '[a-z].wav', 'a\nb.wav', 'a\rb', 'a\tb', 'a\x1b[2Jb', 'a\u009b2Jb', "a'b", 'a"b', 'a\\b', "'; drop table asterisk_cdr; --", '%s%n%x',
           '\u202ewav.exe', '\uff0e\uff0e\uff0fx.wav', '\u2024\u2024/x', 'x' * 255, 'x' * 256, 'x' * 65536, '.hidden.wav',
           'stitched/1776500000.1.wav', 'CON', '~root', '#x.wav', ' x.wav', 'x.wav ', '\u00e9.wav', '.1776500000.10.wav.tmp']
COLUMNS = ('clid', 'src', 'dst', 'dcontext', 'channel', 'dstchannel', 'lastapp', 'lastdata', 'disposition', 'accountcode',
           'uniqueid', 'userfield', 'peeraccount', 'linkedid', 'recordingfile')
SECRET = sound.pcm(sound.ramp(0.3, 999))


class Hostile(Case):
    def outside(self, work):
        """What must not be read, nor changed: a recording beside the spool, which links point to."""
        secret = work.path / 'secret.wav'
        secret.write_bytes(SECRET)
        return secret

    def no_escape(self, result, text, direction='\u202a-\u202e'):
        """A terminal obeys ESC, and in UTF-8 the C1 controls too; direction marks make a text look different from what it is."""
        self.assertNotRegex(text, f'[\x00-\x08\x0e-\x1f\x7f-\x9f{direction}]', f'reaches the terminal: {result.command}')

    def nothing_escaped(self, work, secret, *expected):
        self.assertEqual(secret.read_bytes(), SECRET)
        self.assertEqual([str(path) for path in work.path.rglob('pwned*')], [])
        needle = SECRET[44:400]
        for name, data in work.remote.files().items():
            self.assertNotIn(needle, data, f'{name} in the bucket holds what lies outside the spool')
        for folder in (work.stitched, work.stitch_src):
            for where, _, files in os.walk(folder):
                for name in files:
                    with open(os.path.join(where, name), 'rb') as file:
                        self.assertNotIn(needle, file.read(), f'{name} holds what lies outside the spool')
        self.assertEqual(sorted(entry.name for entry in work.path.iterdir() if entry.name not in
                                ('monitor', 'stitch-src', 'rclone.conf', 'cache', 'secret.wav', '.cache', *expected)), [])

    def test_any_string_in_any_column_leaves_the_other_calls_as_they_are(self):
        work = self.workdir()
        secret = self.outside(work)
        good = sweep.many_calls(work, range(10, 14))
        tried = 0
        for column in COLUMNS:
            rows = []
            for number, text in enumerate(STRINGS):
                row = {'accountcode': ACCOUNT, 'linkedid': f'17760{number}.{COLUMNS.index(column)}', 'recordingfile': f'r{number}.wav',
                       'duration': 1, 'billsec': 1}
                row['uniqueid'] = row['linkedid']
                for leg in range(2):
                    rows.append([{**row, 'recordingfile': f'{leg}r{number}.wav', column: text}[key] for key in
                                 ('accountcode', 'linkedid', 'uniqueid', 'recordingfile', 'duration', 'billsec')] +
                                [text if column not in row else ''])
                    tried += 1
            other = column if column not in ('accountcode', 'linkedid', 'uniqueid', 'recordingfile') else 'userfield'
            work.db.copy('asterisk_cdr', ('accountcode', 'linkedid', 'uniqueid', 'recordingfile', 'duration', 'billsec', other), rows)
        for command in (('pbx-stitch',), ('pbx-stitch', '-v', '--json'), ('pbx-archive',), ('pbx-calls',), ('pbx-calls', '--json'),
                        ('pbx-calls', '--csv'), ('pbx-stitch',), ('pbx-archive', 'audit')):
            result = work.run(*command, timeout=300)
            self.assertIn(result.status, {1, 64, *sweep.CONTRACT}, f'{result}')
            self.no_escape(result, result.err + (result.text if '--json' not in command and '--csv' not in command else ''))
        for call, parts in good.items():
            served = self.status(work.run('pbx-recording-fetch', call), 0)
            self.assertEqual(Wav(served.out).check().samples, b''.join(data[44:] for _, data in parts))
        self.nothing_escaped(work, secret)
        sweep.counts.add('hostile strings in CDR columns', tried=tried)

    def test_any_string_in_any_provisioning_column_stays_a_string(self):
        work = self.workdir()
        secret = self.outside(work)
        folder = work.path / 'asterisk'
        folder.mkdir()
        work.env['PBX_ASTERISK_DIR'] = str(folder)
        for arguments in (('org', 'add', 'Acme', '--prefix', 'acme'), ('trunk', 'add', 'carrier', '--host', 'sip.example.com', '--org', 'acme'),
                          ('user', 'add', '1001', '--org', 'acme', '--password', 'x4Lk9-secret'), ('queue', 'add', '5001', '--org', 'acme'),
                          ('did', 'add', '74950001', '--queue', '5001', '--org', 'acme'), ('route', 'add', 'all', '--org', 'acme')):
            self.status(work.run('pbx-provision', *arguments), 0)
        self.status(work.run('pbx-dialplan-gen', '--deploy'), 0)
        before = {file.name: file.read_bytes() for file in folder.glob('*_acme.conf')}
        tried = self.provision_hostile_rows(work)
        work.call('1776500000.1', [('a.wav', sound.tone())], account=work.db.value("select id from organizations where context_prefix = 'evil'"))
        for command in (('pbx-dialplan-gen',), ('pbx-dialplan-gen', '--explain'), ('pbx-dialplan-gen', '--deploy'),
                        ('pbx-dialplan-gen', '--check'), ('pbx-calls',), ('pbx-calls', '--csv'), ('pbx-calls', 'show', '1776500000.1'),
                        ('pbx-provision', 'org', 'list'), *(('pbx-provision', kind, 'list') for kind in ('user', 'did', 'queue', 'route', 'trunk')),
                        ('pbx-provision', 'recording', 'show'), ('pbx-archive', 'audit'), ('pbx-stitch',), ('pbx-archive',),
                        ('pbx-calls', '--json'), ('pbx-provision', '--json', 'recording', 'show'), ('pbx-archive', 'audit', '--json')):
            result = work.run(*command, timeout=300)
            self.assertIn(result.status, {0, 1, 65, 78}, f'{result}')
            if '--json' in command:
                json.loads(result.out)
                self.assertNotIn('\x1b', result.text)
            else:
                # A person's name may need such marks, and the dialplan takes it unchanged.
                self.no_escape(result, result.text, '' if command[0] == 'pbx-dialplan-gen' else '\u202a-\u202e')
            self.no_escape(result, result.err)
        self.assertEqual({file.name: file.read_bytes() for file in folder.glob('*_acme.conf')}, before, 'the neighbour stays as it was')
        mains = {'extensions.conf', 'pjsip.conf', 'queues.conf', 'pbx-recorder.conf'}
        for file in folder.iterdir():
            if file.name.startswith('.'):
                continue
            self.assertTrue(file.name in mains or re.fullmatch(r'(ext|pjsip|queues)_[a-z0-9_]{1,250}\.conf', file.name), file.name)
            self.assertNotRegex(file.read_text(errors='surrogateescape'), r'(?m)^\s*(\[evil-|exten *=> *s,1,System|#exec)', file.name)
        self.nothing_escaped(work, secret, 'asterisk')
        sweep.counts.add('hostile strings in provisioning columns', tried=tried)

    def provision_hostile_rows(self, work):
        """Each string in each text column, where the schema accepts it. Returns the number of rows that it accepted."""
        strings = [text for text in STRINGS if text] + [
            'x\n[evil-general]\nexten => s,1,System(touch pwned)\n', 'x\r\n#exec touch pwned', '1001)\nexten => s,1,System(touch pwned)',
            '${SHELL(touch pwned)}', '1,1,System(touch pwned)', '"><script>', '_X.,1,Hangup()', '[general]', 'general', 'global', ';--', 'a=b',
            'a|b&c,d', '&PJSIP/x', '1001&Local/s@evil']
        evil = work.db.value("insert into organizations (name, context_prefix) values ('Evil', 'evil') returning id")
        plain = {'users': {'extension': '2{n}'}, 'queues': {'number': '6{n}'}, 'did_numbers': {'number': '7{n}', 'routing_destination': '1001'},
                 'outbound_routes': {'name': 'r{n}'}, 'sip_trunks': {'name': 't{n}', 'host': 'h.example.com'}}
        statements, number = ['\\set ON_ERROR_STOP 0', "set client_min_messages = 'fatal'"], 10
        for place, text in enumerate(strings):
            statements.append(f"insert into organizations (name, context_prefix) values ({quoted(text)}, 'evil_{place}')")
            statements.append(f"insert into organizations (name, context_prefix) values ('evil {place}', {quoted(text)})")
        columns = work.db.sql("""select table_name, column_name from information_schema.columns where data_type = 'text' and table_name in
                                 ('users', 'queues', 'did_numbers', 'outbound_routes', 'sip_trunks')""")
        for table, column in columns:
            for text in strings:
                number += 1
                row = {key: value.format(n=number) for key, value in plain[table].items()} | {column: text}
                statements.append(f"insert into {table} (org_id, {', '.join(row)}) values ('{evil}', {', '.join(map(quoted, row.values()))})")
        work.db.sql(statements[0] + '\n' + ';\n'.join(statements[1:]) + ';')
        taken = sum(int(work.db.value(f'select count(*) from {table}')) for table in ('organizations', *plain))
        self.assertGreater(taken, 800)
        return taken

    def test_any_string_as_the_name_of_a_call_gets_an_answer_and_reaches_nothing(self):
        work = self.workdir()
        secret = self.outside(work)
        sweep.many_calls(work, range(10, 11))
        for text in STRINGS[::3 if SANITIZED and not LONG else 1] + ['99999999999999999999', '-1', '1e9', '0x10', ' 1', '\ud800'.encode('utf-8', 'surrogatepass').decode(
                'utf-8', 'surrogateescape'), '\udcff\udcfe', "1776500000.10'--"]:
            for tool in ('pbx-recording-fetch', 'pbx-stitch', 'pbx-calls'):
                arguments = ['show', '--', text] if tool == 'pbx-calls' else ['--', text]
                result = work.run(tool, *arguments)
                self.assertIn(result.status, (64, 65, 66), f'{result}')
                self.assertEqual(result.out, b'')
                self.no_escape(result, result.err)
                sweep.counts.add('hostile strings as CALL')
        self.nothing_escaped(work, secret)

    def test_a_leg_that_turns_into_a_link_while_it_is_worked_on_is_never_followed(self):
        work = self.workdir()
        secret = self.outside(work)
        calls = sweep.many_calls(work, range(10, 12))
        name, data = calls['1776500000.10'][1]
        leg, stop, swaps = work.spool / name, threading.Event(), 0

        def swap():
            nonlocal swaps
            link, plain = work.spool / '.link', work.spool / '.plain'
            while not stop.is_set():
                link.symlink_to(secret)
                link.rename(leg)
                plain.write_bytes(data)
                os.utime(plain, (time.time() - 600,) * 2)
                plain.rename(leg)
                swaps += 1

        swapper = threading.Thread(target=swap)
        swapper.start()
        try:
            until = time.monotonic() + (120 if LONG else 8)
            runs = 0
            while time.monotonic() < until or runs < 3:
                for command in (('pbx-stitch',), ('pbx-archive',), ('pbx-recording-fetch', '1776500000.10')):
                    result = work.run(*command)
                    self.assertIn(result.status, sweep.CONTRACT, f'{result}')
                    self.assertNotIn(SECRET[44:400], result.out)
                    runs += 1
        finally:
            stop.set()
            swapper.join()
        self.nothing_escaped(work, secret)
        sweep.counts.add(f'a leg swapped with a link, {swaps} times', tried=runs)


if __name__ == '__main__':
    sweep.main('hostile')
