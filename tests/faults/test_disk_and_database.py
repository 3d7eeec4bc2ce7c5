"""A disk that is really full, folders that cannot be written, and a database that stops, returns, is slow, or is cut off."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import postgres
import sound
import sweep
from sound import Wav
from workdir import SLOW, SOURCE, Case, Database, cluster


@contextlib.contextmanager
def small_disk(path, size='256k'):
    path.mkdir(parents=True, exist_ok=True)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', path], stderr=subprocess.PIPE, check=False).returncode:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(['umount', '-l', path], check=False)


class Disk(Case):
    def on_small_disk(self, path, size='256k'):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        if not stack.enter_context(small_disk(path, size)):
            self.skipTest('not permitted to mount a tmpfs')

    def test_stitching_on_a_full_disk_reports_it_and_continues_when_there_is_room(self):
        work = self.workdir()
        self.on_small_disk(work.stitched)
        calls = sweep.many_calls(work, range(10, 40))
        ballast = work.stitched / 'ballast'
        for room in (0, 4096, 12000, 100_000):
            ballast.write_bytes(bytes(256 * 1024 - 8192 - room if room else 200_000))
            with contextlib.suppress(OSError):
                if not room:
                    with open(ballast, 'ab') as file:
                        while True:
                            file.write(bytes(1024))
                            file.flush()
            result = self.status(work.run('pbx-stitch'), 73)
            self.says(result, 'No space left on device')
            for file in work.stitched.glob('*.wav'):
                Wav(file).check()
            self.assertEqual(sweep.temporary_files(work.stitched), [])
            ballast.unlink()
            sweep.counts.add('full disk under stitched')
        subprocess.run(['mount', '-o', 'remount,size=8m', work.stitched], check=True)
        self.status(work.run('pbx-stitch'), 0)
        for call, parts in calls.items():
            self.assertEqual(Wav(work.stitched_file(call)).check().samples, b''.join(data[44:] for _, data in parts))
        sweep.counts.add('full disk under stitched', tried=0, repaired=4)

    def test_a_full_cache_of_fetched_legs_loses_nothing_and_repairs_itself(self):
        work = self.workdir()
        self.on_small_disk(work.stitch_src, '16k')
        calls = sweep.many_calls(work, range(10, 20), ago=7200)
        self.status(work.run('pbx-archive'), 0)
        result = work.run('pbx-stitch', *calls)
        self.assertIn(result.status, (73, 75), f'{result}')
        for file in work.stitched.glob('*.wav'):
            Wav(file).check()
        for file in work.stitch_src.glob('*.wav'):
            Wav(file).check()
        subprocess.run(['mount', '-o', 'remount,size=8m', work.stitch_src], check=True)
        self.status(work.run('pbx-stitch', *calls), 0)
        for call, parts in calls.items():
            self.assertEqual(Wav(work.stitched_file(call)).check().samples, b''.join(data[44:] for _, data in parts))
        sweep.counts.add('full disk under stitch-src', repaired=1)

    def full_spool(self):
        """Three legs on a disk without a free block: the workdir, {name: bytes}."""
        work = self.workdir()
        self.on_small_disk(work.spool, '64k')
        legs = {f'20260418-150000-{n}-1.wav': sound.pcm(sound.ramp(0.2, n)) for n in range(3)}
        for name, data in legs.items():
            work.leg(name, data)
        with contextlib.suppress(OSError), open(work.spool / 'ballast', 'wb', buffering=0) as file:
            while True:
                file.write(bytes(4096))
        return work, legs

    def test_a_full_spool_without_a_database_keeps_its_legs_since_their_facts_can_be_stored_nowhere(self):
        work, legs = self.full_spool()
        result = self.status(work.run('pbx-archive', env={'PBX_DATABASE': f'host={work.path} dbname=none'}), 73)
        self.says(result, r'\.facts: No space left on device')
        self.assertEqual(work.legs_in_spool(), [*sorted(legs), 'ballast'])
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.legs_in_spool(), ['ballast'])

    def test_archive_from_a_full_spool_loses_nothing_and_makes_room(self):
        work, legs = self.full_spool()
        self.status(work.run('pbx-archive'), 0)
        self.assertEqual(work.db.value('select count(*) from recordings'), '3', 'their facts went to the database')
        there = work.remote.files()
        self.assertEqual([name for name, data in legs.items() if there.get(name) != data], [], 'LOST')
        self.assertEqual(work.legs_in_spool(), ['ballast'], 'only the archive can make room')
        journal = ''.join(path.read_text() for path in work.spool.glob('.moved-*'))
        self.assertEqual([name for name in legs if name not in journal], [], 'each is recorded as moved')
        sweep.counts.add('full disk under the spool', repaired=1)

    def test_archive_from_a_read_only_spool_keeps_everything_and_reports_it(self):
        work = self.workdir(database=False)
        self.on_small_disk(work.spool, '1m')
        work.leg('a.wav', sound.tone())
        subprocess.run(['mount', '-o', 'remount,ro', work.spool], check=True)
        result = work.run('pbx-archive')
        self.assertIn(result.status, (73, 77), f'{result}')
        self.says(result, 'Read-only file system')
        self.assertTrue((work.spool / 'a.wav').exists())
        sweep.counts.add('read-only spool')


class Relay:
    """Between a tool and PostgreSQL: lets bytes pass slowly, up to a number, until the tool sends a given text, or not at all."""

    def __init__(self, folder, target, *, cut_after=None, delay=0.0, silent=False, silent_after=None):
        self.target, self.cut_after, self.delay, self.silent = target, cut_after, delay, silent
        self.silent_after = silent_after
        self.folder, self.over = str(folder), threading.Event()
        os.makedirs(self.folder, exist_ok=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(f'{self.folder}/.s.PGSQL.5432')
        self.server.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.socket(socket.AF_UNIX) as server:
            if self.silent:
                self.over.wait(600)
                return
            with contextlib.suppress(OSError):
                server.connect(self.target)
                up = threading.Thread(target=self.pump, args=(client, server, None), daemon=True)
                up.start()
                self.pump(server, client, self.cut_after)
                up.join()

    def pump(self, source, sink, cut_after):
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if cut_after is not None and passed + len(data) > cut_after:
                    sink.sendall(data[:cut_after - passed])
                    break
                time.sleep(self.delay)
                sink.sendall(data)
                passed += len(data)
                if self.silent_after and self.silent_after in data:
                    self.over.wait(600)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.over.set()
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


class DatabaseFaults(Case):
    def through(self, work, **fault):
        relay = Relay(work.path / f'relay-{time.monotonic_ns()}', f'{cluster().folder}/.s.PGSQL.5432', **fault)
        self.addCleanup(relay.close)
        return {'PBX_DATABASE': f'host={relay.folder} dbname={work.db.name} user=postgres'}

    def test_a_connection_cut_at_any_point_is_reported_as_unavailable_and_the_next_run_finishes(self):
        for tool, arguments in (('pbx-stitch', ()), ('pbx-recording-fetch', ('1776500000.10',)), ('pbx-calls', ()),
                                ('pbx-migrate', ('up', '--migrations', str(SOURCE / 'migrations'))), ('pbx-dialplan-gen', ())):
            work = self.workdir()
            if tool == 'pbx-migrate':
                work.db = cluster().database()
                self.addCleanup(work.db.drop)
                work.env['PBX_DATABASE'] = work.db.conninfo
            else:
                sweep.many_calls(work, range(10, 60))
            cut, done = 0, False
            with self.subTest(tool=tool):
                while not done:
                    cut = cut * 2 + 97
                    result = work.run(tool, *arguments, env=self.through(work, cut_after=cut), timeout=60)
                    done = result.status == 0
                    if done:
                        break
                    self.status(result, 69)
                    for file in work.stitched.glob('*.wav') if work.stitched.exists() else ():
                        Wav(file).check()
                    sweep.counts.add(f'{tool}: connection to the database cut')
                    self.assertLess(cut, 10_000_000)
                self.status(work.run(tool, *arguments), 0)

    def test_a_query_that_the_server_refuses_is_never_reported_as_a_bug_of_the_tool(self):
        work = self.workdir()
        sweep.many_calls(work, range(10, 12))
        work.db.sql("insert into organizations (name, context_prefix) values ('Acme', 'acme')")
        work.db.sql('create function refuse() returns boolean language sql as $$ select true $$')
        for table in ('asterisk_cdr', 'organizations'):
            work.db.sql(f"""alter table {table} rename to {table}_rows;
                create view {table} as select * from {table}_rows where refuse()""")
        refusals = {'perform pg_terminate_backend(pg_backend_pid())': 69, 'perform 1 / 0': 65}
        for state, status in (('XX001', 69), ('53100', 69), ('25P03', 69), ('P0001', 65), ('57014', 75), ('0A000', 78), ('42883', 78)):
            refusals[f"raise exception 'refused' using errcode = '{state}'"] = status
        tools = (('pbx-stitch',), ('pbx-stitch', '1776500000.10'), ('pbx-recording-fetch', '1776500000.10'), ('pbx-calls',),
                 ('pbx-archive', 'audit'), ('pbx-dialplan-gen', '--explain'), ('pbx-provision', 'org', 'list'))
        for action, status in refusals.items():
            work.db.sql(f"""create or replace function refuse() returns boolean language plpgsql volatile as $$
                begin {action}; return true; end $$""")
            for tool in tools:
                with self.subTest(action, tool=tool):
                    self.hints(self.status(work.run(*tool), status))
                    sweep.counts.add('the server refuses a query')

    def test_a_value_that_the_schema_rules_out_is_no_bug_of_the_tool(self):
        for change in ('alter column accountcode type integer using 5', 'alter column calldate type text'):
            work = self.workdir()
            sweep.many_calls(work, range(10, 12))
            work.db.sql(f'alter table asterisk_cdr {change}')
            for tool in (('pbx-stitch', '1776500000.10'), ('pbx-recording-fetch', '1776500000.10')):
                with self.subTest(change, tool=tool):
                    result = work.run(*tool)
                    self.assertIn(result.status, (65, 78), f'{result}')
                    self.hints(result)
            sweep.counts.add('the schema was changed')

    def test_a_row_without_a_time_still_leads_to_its_recording(self):
        work = self.workdir()
        (call, parts), = sweep.many_calls(work, [10]).items()
        work.db.sql('alter table asterisk_cdr alter column calldate drop not null; update asterisk_cdr set calldate = null')
        self.status(work.run('pbx-stitch', call), 0)
        result = self.status(work.run('pbx-recording-fetch', call), 0)
        self.assertEqual(Wav(result.out).check().samples, b''.join(data[44:] for _, data in parts))
        sweep.counts.add('the schema was changed')

    def test_a_run_waits_for_a_slow_database_and_gives_up_on_a_silent_one(self):
        work = self.workdir()
        calls = sweep.many_calls(work, range(10, 20))
        self.status(work.run('pbx-stitch', env=self.through(work, delay=0.05)), 0)
        self.assertEqual(len(list(work.stitched.glob('*.wav'))), len(calls))
        for tool, arguments in (('pbx-stitch', ()), ('pbx-recording-fetch', ('1776500000.10',)), ('pbx-dialplan-gen', ())):
            started = time.monotonic()
            self.status(work.run(tool, *arguments, '--timeout', str(3 * SLOW), env=self.through(work, silent=True)), 69)
            self.assertLess(time.monotonic() - started, 20 * SLOW)
            sweep.counts.add(f'{tool}: database never answers')

    def test_a_server_that_is_restarted_in_the_middle_costs_only_one_run(self):
        work = self.workdir()
        calls = sweep.many_calls(work, range(1000, 1400))
        for how in ('fast', 'immediate'):
            process = work.start('pbx-stitch', '--jobs', '1')
            time.sleep(0.15)
            cluster().stop(how)
            result = work.finish(process)
            self.assertIn(result.status, (0, 69), f'{result}')
            self.status(work.run('pbx-stitch'), 69)
            for file in work.stitched.glob('*.wav') if work.stitched.exists() else ():
                Wav(file).check()
            cluster().start()
            sweep.counts.add(f'database stopped ({how}) in the middle of a batch', repaired=1)
        self.status(work.run('pbx-stitch'), 0)
        self.assertEqual(len(list(work.stitched.glob('*.wav'))), len(calls))

    def test_a_server_out_of_connections_is_reported_as_unavailable(self):
        work = self.workdir()
        sweep.many_calls(work, range(10, 12))
        work.db.sql(f'alter database {work.db.name} connection limit 0')
        env = {'PBX_DATABASE': work.db.conninfo.replace('user=postgres', 'user=guest')}
        work.db.sql("do $$ begin create role guest login; exception when duplicate_object then null; end $$")
        self.status(work.run('pbx-stitch', env=env), 69)
        sweep.counts.add('database out of connections')

    def test_a_stopped_server_process_does_not_block_a_tool_forever(self):
        work = self.workdir()
        sweep.many_calls(work, range(10, 12))
        os.kill(cluster().process.pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            self.status(work.run('pbx-stitch', '--timeout', '3'), 69)
            self.assertLess(time.monotonic() - started, 20 * SLOW)
        finally:
            os.kill(cluster().process.pid, signal.SIGCONT)
        self.status(work.run('pbx-stitch'), 0)
        sweep.counts.add('database stopped without a notice', repaired=1)


    def test_a_server_that_falls_silent_after_the_connection_is_unavailable(self):
        work = self.workdir(remote=None)
        env = self.through(work, silent_after=b'statement_timeout')
        for command in (('pbx-stitch',), ('pbx-provision', 'org', 'list'), ('pbx-calls',), ('pbx-dialplan-gen',)):
            with self.subTest(command[0]):
                self.status(work.run(*command, '--timeout', '1', env=env), 69)
        sweep.counts.add('database silent after the connection', tried=4, repaired=4)


class Standby(postgres.Cluster):
    """A hot standby of the script's server: it answers queries and refuses writes."""

    def __init__(self, primary):  # pylint: disable=super-init-not-called
        self.programs, self.as_user, self.process = primary.programs, primary.as_user, None
        self.folder = tempfile.mkdtemp(prefix='pbx-standby-')
        self.data = os.path.join(self.folder, 'data')
        owner = os.stat(primary.folder)
        os.chown(self.folder, owner.st_uid, owner.st_gid)
        os.chmod(self.folder, 0o755)
        self._run('pg_basebackup', '-D', self.data, '-R', '-c', 'fast', '--no-sync', '-h', primary.folder, '-U', 'postgres')
        with open(os.path.join(self.data, 'postgresql.auto.conf'), 'a', encoding='utf-8') as conf:
            conf.write(f"unix_socket_directories = '{self.folder}'\n")
        self.start()


class ReadOnlyDatabase(Case):
    """With a standby, or a database set to read only, tools that only read work; tools that write say why they cannot."""

    def all_tools(self, work, calls, conninfo, fault):
        env = {'PBX_DATABASE': conninfo}
        self.quiet(self.status(work.run('pbx-stitch', env=env), 0))
        for call, parts in calls.items():
            self.assertEqual(Wav(work.stitched_file(call)).check().samples, b''.join(data[44:] for _, data in parts))
        self.quiet(self.status(work.run('pbx-archive', env=env), 0))
        self.assertEqual(work.legs_in_spool(), [])
        for call, parts in calls.items():
            served = self.status(work.run('pbx-recording-fetch', call, env=env), 0)
            self.assertEqual(Wav(served.out).check().samples, b''.join(data[44:] for _, data in parts))
        self.assertEqual(len(self.status(work.run('pbx-calls', env=env), 0).text.splitlines()), len(calls))
        work.env['PBX_ASTERISK_DIR'] = str(work.path)
        self.assertIn('[acme__internal]', self.status(work.run('pbx-dialplan-gen', env=env), 0).text)
        self.assertIn('acme', self.status(work.run('pbx-provision', 'org', 'list', env=env), 0).text)
        self.status(work.run('pbx-migrate', 'status', env=env), 0)
        self.status(work.run('pbx-migrate', 'up', env=env), 0)  # nothing to do
        folder = work.path / 'migrations'
        shutil.copytree(SOURCE / 'migrations', folder, dirs_exist_ok=True)
        (folder / '20991231-more.sql').write_text('create table more ();\n')
        for command in (('pbx-migrate', 'up', '--migrations', folder), ('pbx-provision', 'org', 'add', 'New'),
                        ('pbx-provision', 'recording', 'off', '--org', 'acme'), ('pbx-provision', 'user', 'add', '1009', '--org', 'acme'),
                        ('pbx-provision', 'did', 'remove', '12', '--org', 'acme'),
                        ('pbx-archive', 'audit')):  # which sorts names in a temporary table
            result = self.status(work.run(*command, env=env, timeout=60), 69)
            self.says(result, 'read-only|during recovery')
            self.hints(result)
        sweep.counts.add(fault, tried=14, repaired=14)

    def some_work(self):
        work = self.workdir()
        calls = sweep.many_calls(work, range(10, 13))
        work.env['PBX_MIGRATIONS'] = str(SOURCE / 'migrations')
        self.status(work.run('pbx-provision', 'org', 'add', 'Acme', '--prefix', 'acme'), 0)
        self.status(work.run('pbx-provision', 'did', 'add', '12', '--extension', '1001', '--org', 'acme'), 0)
        return work, calls

    def test_tools_that_only_read_work_on_a_read_only_database_and_those_that_write_say_why_they_cannot(self):
        work, calls = self.some_work()
        work.db.sql(f'alter database {work.db.name} set default_transaction_read_only = on')
        try:
            self.all_tools(work, calls, work.db.conninfo, 'read-only database')
        finally:
            Database(cluster(), 'postgres').sql(f'alter database {work.db.name} reset default_transaction_read_only')

    def test_tools_that_only_read_work_on_a_standby_and_those_that_write_say_why_they_cannot(self):
        work, calls = self.some_work()
        standby = Standby(cluster())
        self.addCleanup(standby.remove)
        self.all_tools(work, calls, standby.conninfo(work.db.name), 'standby')


if __name__ == '__main__':
    sweep.main('disk and database')
