#!/usr/bin/env python3
"""A real Asterisk loads thousands of hostile values in every text column of the tenants' tables. Afterwards it has only what was
allowed, under each tenant's own prefix, and nothing was executed."""
import collections
import random
import re
import time

from private_asterisk import Asterisk, main_with_asterisk
from workdir import Case, quoted

TENANTS = 20
VALUES = 4000
SEED = 20261124
TABLES = {'organizations': {}, 'users': {'extension': '1{n}', 'sip_password': 'a1-long-Pass{n}', 'full_name': 'User {n}', 'username': 'u{n}'},
          'queues': {'number': '5{n}', 'name': 'Queue {n}'},
          'sip_trunks': {'name': 't{n}', 'host': '192.0.{high}.{low}', 'username': 'u{n}', 'password': 'secret{n}'},
          'outbound_routes': {'name': 'r{n}', 'dial_pattern': '_00{n}X.'},
          'did_numbers': {'number': '49{n}', 'routing_type': 'queue', 'routing_destination': '5001'}}
PIECES = ['\n', '\r\n', '\r', '\n[evil]\n', '\n[evil](+)\n', ' #exec touch {trap}\n', '\n#exec touch {trap}\n', '\n#include /etc/passwd\n', '\n#tryinclude "*"\n',
          '#include "/etc/passwd"', ';', ';--', '--;', '\\;', '\\', ']', '[', '[victim_1001]', '(', ')', '(!)', '(+)', ',', '&', '|', '^', '~', '"', "'", '`', '=', '=>',
          '${SHELL(touch {trap})}', '$[1/0]', '${EXTEN}', '${CURL(x)}', 'same => n,System(touch {trap})', '\nexten => 1,1,System(touch {trap})',
          ',1,System(touch {trap})', '1)\nexten => s,1,System(touch {trap})', '1&Local/s@evil', '@victim__internal', 'Local/1@victim__internal/n',
          '$(touch {trap})', '`touch {trap}`', '; touch {trap}', "'; drop table users; --", '%s%n', '\t', ' ', '/', '../', '../../x', 'victim_1001',
          'victim__trunk_carrier', 'victim__5001', 'general', 'globals', 'global', 'system', 'anonymous', 'default', 'type=endpoint',
          '\ntype=endpoint\ncontext=evil', 'GoSub', '_X.', '_.', '_!', 'h', 'i', 's', 'X', '112', '+49', '*', '#', '#exec', 'a', 'Zz', '-', '.', '_', '0', '42',
          '\u00e9', '\u202e', '\u2066', '\ufeff', '\u0085', '\u009b2J', '\x1b[2J', '\x7f', '\x01', '\u2028', '\U0001f4de', '\u0661\u0662', 'sip:x@y',
          '<sip:x@y>', '"x" <911>', 'x' * 300, 'x' * 9000, '9' * 40]
LOADERS = re.compile(r'\] (pbx_config|pbx|config|res_sorcery_config|res_pjsip\w*|app_queue|config_options)(\.c|/)')
CATCH_ALL = '_[!-}].'  # refuses what no other extension of a tenant's contexts takes
APPLICATIONS = {'Set', 'Gosub', 'GotoIf', 'Goto', 'Dial', 'Queue', 'Answer', 'Hangup', 'ExecIf', 'Wait', 'StopMixMonitor', 'Return', 'MixMonitor',
                'ForkCDR', 'ResetCDR', 'NoOp', 'Progress', 'Playback', 'Read', 'Congestion', 'Busy', 'While', 'EndWhile'}


class HostileColumns(Case):
    def hostile(self, chance):
        """One to four pieces in a row; '{trap}' is a file that must not appear."""
        text = ''.join(chance.choice(PIECES) for _ in range(chance.choice((1, 1, 2, 2, 3, 4))))
        return text.replace('{trap}', str(self.trap))

    def fill(self, work):
        """The statements of all rows, with the hostile values counted by column; a row that the schema refuses is dropped."""
        chance, counted = random.Random(SEED), collections.Counter()
        columns = collections.defaultdict(list)
        for table, column in work.db.sql("select table_name, column_name from information_schema.columns where data_type = 'text' and table_name in "
                                         f"({', '.join(map(quoted, TABLES))}) order by 1, 2"):
            columns[table].append(column)
        statements = ['\\set ON_ERROR_STOP 0', "set client_min_messages = 'fatal';"]
        # The tenant that is attacked, and others, some under names that are hostile themselves.
        for number in range(TENANTS):
            prefix = 'victim' if number == 0 else f'org_{number}'
            name = prefix if number % 2 == 0 else f'{number} {self.hostile(chance)}'[:200]
            statements.append(f"insert into organizations (name, context_prefix) values ({quoted(name)}, '{prefix}');")
            self.plain(statements, prefix, number)
        places = [(table, column) for table in TABLES for column in columns[table]]
        number = 1000
        while sum(counted.values()) < VALUES:
            table, column = places[number % len(places)]
            number += 1
            row = {key: value.format(n=number, high=number // 200, low=number % 200 + 1) for key, value in TABLES[table].items()}
            if table == 'organizations':
                row = {'name': f'o{number}', 'context_prefix': f'x_{number}'}
            row[column] = self.hostile(chance)
            counted[f'{table}.{column}'] += 1
            if number % 5 == 0 and table != 'organizations':  # two at once
                other = chance.choice(columns[table])
                row[other] = self.hostile(chance)
                counted[f'{table}.{other}'] += other != column
            owner = f'org_{1 + number % (TENANTS - 1)}'
            values = ', '.join(map(quoted, row.values()))
            if table == 'organizations':
                statements.append(f"insert into organizations ({', '.join(row)}) values ({values});")
            else:
                statements.append(f"insert into {table} (org_id, {', '.join(row)}) select id, {values} from organizations where context_prefix = '{owner}';")
        work.db.sql('\n'.join(statements))
        work.db.sql("update outbound_routes r set trunk_id = t.id from sip_trunks t where t.org_id = r.org_id and t.name = 'carrier';"
                    'insert into queue_members (queue_id, user_id) select q.id, u.id from queues q join users u using (org_id) on conflict do nothing')
        return counted

    @staticmethod
    def plain(statements, prefix, number):
        for table, row in (('users', f"extension, sip_password) select id, '1001', 'a1-long-Pass-word'"),
                           ('queues', "number) select id, '5001'"), ('sip_trunks', f"name, host) select id, 'carrier', '198.51.100.{number + 1}'"),
                           ('outbound_routes', "name, dial_pattern) select id, 'out', '_00X.'"),
                           ('did_numbers', f"number, routing_type, routing_destination) select id, '7495{number:04}', 'queue', '5001'")):
            statements.append(f"insert into {table} (org_id, {row} from organizations where context_prefix = '{prefix}';")

    def test_of_thousands_of_hostile_values_asterisk_has_only_what_was_allowed(self):
        began = time.monotonic()
        work = self.workdir(remote=None)
        self.trap = work.path / 'pwned'
        counted = self.fill(work)
        self.assertGreaterEqual(sum(counted.values()), 3000)
        taken = sum(int(work.db.value(f'select count(*) from {table}')) for table in TABLES)
        self.assertGreater(taken, 3000, 'the schema refused most of them, and little was tried')
        # Trunks are generated only when an operator approved them.
        if work.db.value("select count(*) from information_schema.columns where column_name = 'approved_at' and table_name = 'sip_trunks'") != '0':
            work.db.sql('update sip_trunks set approved_at = now()')
        prefixes = {row[0] for row in work.db.sql("select context_prefix from organizations where status = 'active'")}
        with Asterisk() as pbx:
            pbx.write('extensions.conf', '[general]\n[pbx-test]\nexten => 1,1,NoOp()\n')
            pbx.write('queues.conf', '[general]\n')
            pbx.write('pjsip.conf', f'[transport-udp]\ntype=transport\nprotocol=udp\nbind={pbx.sip[0]}:{pbx.sip[1]}\n')
            pbx.write('cdr.conf', '[general]\n')
            pbx.write('cdr_pgsql.conf', '')
            work.env['PBX_ASTERISK_DIR'] = str(pbx.etc)
            result = self.status(work.run('pbx-dialplan-gen', '--deploy'), 65)
            refused = result.err.count(' is left out: ')
            self.assertGreater(refused, 1000, 'the values are not hostile')
            own = {'extensions.conf', 'pjsip.conf', 'queues.conf'} | {path.name for path in pbx.etc.iterdir()}
            pbx.start()
            # A host name that does not resolve is not an error in the file.
            lookups = re.compile(r"failed when adding resolution results of '|object of type 'identify' with id '")
            self.assertEqual([line for line in pbx.complaints() if LOADERS.search(line) and not lookups.search(line)], [])
            extensions = self.dialplan(pbx, work, prefixes)
            endpoints = self.endpoints(pbx, prefixes)
            queues = self.queues(pbx, prefixes)
            self.assertEqual({path.name for path in pbx.etc.iterdir()} - own - set(pbx._defaults()), set())  # pylint: disable=protected-access
        self.assertFalse(self.trap.exists(), 'something was executed')
        self.assertEqual([path.name for path in work.path.iterdir() if path.name not in ('monitor', 'rclone.conf')], [])
        self.assertEqual(work.db.value('select count(*) > 0 from users'), 't')
        print(f'[{sum(counted.values())} values in {len(counted)} columns, {taken} rows taken by the schema, {refused} left out; Asterisk has '
              f'{extensions} extensions, {endpoints} endpoints and {queues} queues; {time.monotonic() - began:.0f} s] ', end='', flush=True)

    def owned(self, name, prefixes):
        """The tenant whose prefix a name begins with."""
        parts = name.split('_')
        return any('_'.join(parts[:place]) in prefixes for place in range(1, len(parts)))

    def dialplan(self, pbx, work, prefixes):
        """Every context is a tenant's or the recorder's, its extensions are that tenant's rows, and every application is one
        that the generator writes. The number of extensions."""
        allowed = collections.defaultdict(set)
        for kind, sql in (('internal', 'select o.context_prefix, extension from users'), ('queue', 'select o.context_prefix, number from queues'),
                          ('incoming_sub', "select o.context_prefix, regexp_replace(number, '^[+]', '') from did_numbers"),
                          ('outbound', "select o.context_prefix, dial_pattern from outbound_routes")):
            for prefix, extension in work.db.sql(f'{sql} r join organizations o on o.id = r.org_id'):
                allowed[prefix, kind].add(extension)
        shown = re.sub(r'\x1b\[[0-9;]*m', '', pbx.cli('dialplan show'))
        parts = re.split(r"(?m)^\[ Context '([^']*)' created by '([^']*)' \]$", shown)
        counted, applications = 0, set()
        for context, creator, text in zip(parts[1::3], parts[2::3], parts[3::3]):
            if creator != 'pbx_config' or context.startswith('pbx-'):
                self.assertRegex(context, r'^(pbx-|__func_periodic_hook_context__$|parkedcalls$)')
                continue
            prefix, separator, rest = context.rpartition('__')
            self.assertTrue(separator and prefix in prefixes and re.fullmatch(r'[a-z0-9_-]+', rest), f'context {context!r}')
            kind = re.sub(r'-\d+$', '', rest)
            applications |= set(re.findall(r'(?m)^.{0,120}?\b\d+\. ([A-Za-z]+)\(', text))
            for extension in re.findall(r"(?m)^ +'([^']*)' =>", text):
                counted += 1
                self.assertTrue(extension == CATCH_ALL or re.fullmatch(r'[0-9A-Za-z_+*#.!\[\]-]{1,80}', extension), extension)
                if (prefix, kind) in allowed:
                    self.assertIn(extension, allowed[prefix, kind] | {f'_{each}' for each in allowed[prefix, kind]} | {'i'}, context)
        self.assertGreater(counted, 500)
        self.assertIn('Dial', applications)
        self.assertLessEqual(applications, APPLICATIONS)
        self.assertNotIn('evil', shown)
        self.assertNotIn(str(self.trap), shown)
        return counted

    def endpoints(self, pbx, prefixes):
        names = re.findall(r'(?m)^ Endpoint: +([^\s/]+)', pbx.cli('pjsip show endpoints'))
        names = [name for name in names if not name.startswith('<')]
        self.assertGreater(len(names), TENANTS)
        for name in names:
            self.assertTrue(self.owned(name, prefixes), f'endpoint {name!r}')
        return len(names)

    def queues(self, pbx, prefixes):
        names = re.findall(r'(?m)^(\S+) +has \d+ calls', re.sub(r'\x1b\[[0-9;]*m', '', pbx.cli('queue show')))
        self.assertGreater(len(names), TENANTS)
        for name in names:
            self.assertTrue(self.owned(name, prefixes), f'queue {name!r}')
        return len(names)


if __name__ == '__main__':
    main_with_asterisk()
