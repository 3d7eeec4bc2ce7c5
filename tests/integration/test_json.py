#!/usr/bin/env python3
"""docs/json.md describes every JSON document: its fields are compared with what the tools print."""
import json
import re

from sound import pcm, ramp
from web import Listening
from workdir import ACCOUNT, SOURCE, Case, main

PAGE = (SOURCE / 'docs' / 'json.md').read_text(encoding='utf-8')
CALL = '1776500000.1'
HEAD = ['schema', 'version']


def section(heading):
    return PAGE.split(f'\n## {heading}\n')[1].split('\n## ')[0]


def documented(heading):
    """The fields of the first table below a heading."""
    table = section(heading).split('| field | meaning |\n')[1].split('\n\n')[0]
    return re.findall(r'(?m)^\| `([\w-]+)` \|', table)


def names(text):
    return re.findall(r'`([^`]+)`', text)


class Printing(Case):
    def setUp(self):
        self.w = self.workdir()
        self.w.db.sql(f"insert into organizations (id, name, context_prefix) values ('{ACCOUNT}', 'Acme', 'org_acme')")
        self.w.db.sql(f"""insert into users (org_id, username, extension, sip_password)
                          values ('{ACCOUNT}', 'a', '1001', 'x7Kq2mZp9vRt4wLs')""")
        self.w.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])

    def document(self, *command, status=0, **how):
        return json.loads(self.status(self.w.run(*command, **how), status).out)

    def begins(self, document):
        """The fields after those that each document begins with."""
        self.assertEqual(list(document)[:2], HEAD)
        self.assertEqual(document['schema'], 1)
        self.assertRegex(document['version'], r'^\d+\.\d+\.\d+$')
        return list(document)[2:]


class Documents(Printing):
    def test_lists_of_calls_and_the_rows_of_one(self):
        call, = self.document('pbx-calls', '--json')
        self.assertEqual(self.begins(call), documented('pbx-calls --json'))
        self.assertEqual(json.loads(self.w.run('pbx-calls', '--jsonl').out), call)
        call, = self.document('pbx-calls', 'show', CALL, '--json')
        self.assertEqual(self.begins(call), documented('pbx-calls --json') + documented('pbx-calls show --json'))
        columns = names(section('pbx-calls show --json').split('Each of `rows`')[1])[1:]
        self.assertEqual(list(call['rows'][0]), columns)

    def test_reports_of_runs_and_of_the_schema(self):
        for command, heading in ((('pbx-stitch', '--json'), 'pbx-stitch --json'), (('pbx-archive', '--json'), 'pbx-archive --json'),
                                 (('pbx-migrate', '--migrations', str(SOURCE / 'migrations'), 'status', '--json'),
                                  'pbx-migrate status --json')):
            with self.subTest(heading):
                self.assertEqual(self.begins(self.document(*command)), documented(heading))

    def test_reports_that_have_pages_of_their_own_begin_in_the_same_way(self):
        self.status(self.w.run('pbx-archive'), 0)
        for command in (('audit',), ('verify',)):
            self.begins(self.document('pbx-archive', *command, '--json'))
        self.begins(json.loads(self.w.run('pbx-check', '--json').out))

    def test_the_explanation_of_recording_points(self):
        point = self.document('pbx-dialplan-gen', '--explain', '--json')[0]
        self.assertEqual(self.begins(point), documented('pbx-dialplan-gen --explain --json'))

    def test_the_reason_why_there_is_no_recording(self):
        document = self.document('pbx-recording-fetch', '--json', '9.9', status=66)
        self.assertEqual(self.begins(document), documented('pbx-recording-fetch --json'))
        states = set(re.findall(r'Absent\{"([\w-]+)"|return \{"([\w-]+)"', ''.join(
            path.read_text(encoding='utf-8') for path in (SOURCE / 'lib' / 'recording').glob('*.cpp'))))
        named = {a or b for a, b in states}
        table = PAGE.split('| `absence` | meaning |\n')[1].split('\n\n')[0]
        self.assertEqual(named, set(re.findall(r'(?m)^\| `([\w-]+)` \|', table)))

    def test_the_list_beside_recordings_in_a_folder(self):
        self.status(self.w.run('pbx-recording-fetch', '--to', self.w.path / 'calls', CALL), 0)
        line, = (self.w.path / 'calls' / 'calls.jsonl').read_text(encoding='utf-8').splitlines()
        self.assertEqual(list(json.loads(line)), documented('pbx-recording-fetch --to DIR'))

    def test_every_tool_that_has_json_is_on_the_page(self):
        for source in sorted((SOURCE / 'tools').glob('*.cpp')):
            if '"--json"' in source.read_text(encoding='utf-8'):
                self.assertRegex(PAGE, rf'{source.stem}[^\n]* --json', source.stem)


class Provisioning(Printing):
    """Each command of pbx-provision that prints a document is in the table, and prints these fields."""

    ORG = ('--org', 'org_acme')
    ARGUMENTS = {
        'org add': ('Beta',), 'user add': ('1002', *ORG), 'did add': ('+4930123', '--extension', '1001', *ORG), 'queue add': ('5001', *ORG),
        'route add': ('out', *ORG), 'trunk add': ('carrier', '--host', 'sip.example.net', *ORG), 'trunk approve': ('carrier', *ORG),
        'trunk withdraw': ('carrier', *ORG), 'org set': ('org_acme', '--recording', 'off'), 'org rename': ('org_acme', 'Acme Ltd'),
        'user set': ('1001', '--name', 'Alice', *ORG), 'did set': ('+4930123', '--answers', 'on', *ORG),
        'queue set': ('5001', '--name', 'Sales', *ORG), 'route set': ('out', '--strip', '1', *ORG), 'trunk set': ('carrier', '--port', '5070', *ORG),
        'apply': ('-',), 'org list': (), 'user list': (), 'did list': (), 'queue list': (), 'route list': (), 'trunk list': (),
        'org show': ('org_acme',), 'user show': ('1001', *ORG), 'did show': ('+4930123', *ORG), 'queue show': ('5001', *ORG),
        'route show': ('out', *ORG), 'trunk show': ('carrier', *ORG), 'recording show': ()}

    def provision(self, command):
        rows = b'{"kind": "user", "org": "org_acme", "extension": "1003"}\n'
        return self.document('pbx-provision', *command.split(), *self.ARGUMENTS[command], '--json', stdin=rows)

    def test_the_table_has_the_fields_of_every_command(self):
        table = section('pbx-provision --json').split('| command | fields |\n|---|---|\n')[1].split('\n\n')[0]
        described = [[names(cell) for cell in line.strip('| ').split(' | ')] for line in table.splitlines()]
        fields = {command: listed for commands, listed in described for command in commands}
        self.assertEqual(list(fields), list(self.ARGUMENTS))
        for command, expected in fields.items():
            with self.subTest(command):
                document = self.provision(command)
                is_list = command.split()[-1] in ('list', 'show')
                self.assertEqual(isinstance(document, list), is_list)
                for each in document if is_list else [document]:
                    self.assertEqual(self.begins(each), expected)

    def test_changes_and_what_they_do_to_recording(self):
        document = self.provision('org set')
        part = section('pbx-provision --json')
        self.assertEqual(list(document['changes'][0]), names(part.split('Each of `changes`')[1])[1:6])
        self.assertEqual(list(document['changes'][0]['fields']), ['recording'])
        self.assertEqual(list(document['changes'][0]['fields']['recording']), ['before', 'after'])
        self.assertEqual(list(document['recording'][0]), names(part.split('Each of `recording`')[1])[:4])


class Http(Listening):
    def test_the_outline_of_a_recording_and_an_error(self):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        self.assertEqual(list(self.ask(work, f'/calls/{CALL}/peaks', expected=200).problem), documented('pbx-recording-cgi'))
        error = self.ask(work, '/calls/9.9/recording', expected=404)
        self.assertEqual(list(error.problem), names(section('pbx-recording-cgi').split('(RFC 9457), with')[1])[:3])


if __name__ == '__main__':
    main('pbx-stitch', 'pbx-archive', 'pbx-recording-fetch', 'pbx-migrate')
