"""A private PostgreSQL server for one test script, on a Unix socket in a temporary folder, without a port. It ends with the script."""
import atexit
import glob
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid


class Missing(Exception):
    """A program that the tests need is not installed."""


def server_programs():
    """The folder with initdb and postgres; Debian keeps them out of PATH."""
    found = shutil.which('initdb')
    folders = [os.path.dirname(os.path.realpath(found))] if found else []
    folders += sorted(glob.glob('/usr/lib/postgresql/*/bin'), key=lambda path: int(path.split('/')[-2]), reverse=True)
    for folder in folders:
        if os.path.exists(os.path.join(folder, 'postgres')):
            return folder
    raise Missing('no PostgreSQL server programs; Debian has them in the package "postgresql"')


class Cluster:
    """`Cluster()` starts a server. PostgreSQL refuses to run as root: then it runs as the user postgres."""

    def __init__(self, **settings):
        self.programs = server_programs()
        self.folder = tempfile.mkdtemp(prefix='pbx-pg-')
        self.data = os.path.join(self.folder, 'data')
        self.as_user = ['setpriv']
        if os.geteuid() == 0:
            owner = pwd.getpwnam('postgres')
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self.as_user = ['setpriv', f'--reuid={owner.pw_uid}', f'--regid={owner.pw_gid}', '--clear-groups']
        os.chmod(self.folder, 0o755)  # other users connect through the socket in it
        self.numbers = itertools.count(1)
        self.process = None
        atexit.register(self.remove)
        try:
            self._run('initdb', '-D', self.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync')
            with open(os.path.join(self.data, 'postgresql.auto.conf'), 'a', encoding='utf-8') as conf:
                for name, value in {'listen_addresses': '', 'unix_socket_directories': self.folder, 'fsync': 'off',
                                    'synchronous_commit': 'off', 'full_page_writes': 'off', 'max_connections': '60',
                                    'shared_buffers': '64MB', 'autovacuum': 'off', 'timezone': 'UTC',
                                    'log_timezone': 'UTC', **settings}.items():
                    conf.write(f"{name} = '{value}'\n")
            self.start()
        except BaseException:
            self.remove()
            raise

    def _run(self, program, *arguments):
        done = subprocess.run([*self.as_user, os.path.join(self.programs, program), *arguments], cwd='/',
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f'{program} failed:\n{done.stdout}')

    @property
    def log(self):
        with open(os.path.join(self.folder, 'log'), encoding='utf-8', errors='replace') as log:
            return log.read()

    def start(self):
        with open(os.path.join(self.folder, 'log'), 'ab') as log:
            # The server ends with the test script, even if the script is killed.
            self.process = subprocess.Popen([*self.as_user, '--pdeathsig', 'INT', os.path.join(self.programs, 'postgres'), '-D', self.data],
                                            cwd='/', stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f'PostgreSQL did not start:\n{self.log}')
            ready = subprocess.run([os.path.join(self.programs, 'pg_isready'), '-q', '-h', self.folder], check=False)
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError(f'PostgreSQL was not ready within 60 s:\n{self.log}')

    def stop(self, how='fast'):
        """fast: as an operator does it; immediate: like a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT if how == 'fast' else signal.SIGQUIT)
            self.process.wait(30)

    def remove(self):
        if os.path.exists(self.folder):
            self.stop('immediate')
            shutil.rmtree(self.folder, ignore_errors=True)

    def conninfo(self, database):
        return f'host={self.folder} dbname={database} user=postgres'

    def database(self, template='template0', name=None):
        """A new database, copied from `template`."""
        name = name or f'test_{next(self.numbers)}'
        Database(self, 'postgres').sql(f'create database {name} template {template}')
        return Database(self, name)


class Database:
    """One database, judged through psql."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.conninfo = cluster.conninfo(name)

    def psql(self, *arguments, stdin=None):
        # The server's own psql: Debian's in PATH is a Perl script around it, and slow.
        program = os.path.join(self.cluster.programs, 'psql')
        return subprocess.run([program, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', self.conninfo, *arguments],
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              env={**os.environ, 'PGTZ': 'UTC'})

    def sql(self, text):
        """Run SQL; the rows of the last query as lists of strings, None for NULL."""
        done = self.psql('-A', '-t', '-F', '\x1f', '-R', '\x1e', '-P', 'null=\x02', '-f', '-', stdin=text)
        if done.returncode:
            raise RuntimeError(f'psql: {done.stderr.strip()}\nin: {text[:2000]}')
        out = done.stdout.rstrip('\n')
        return [[None if cell == '\x02' else cell for cell in row.split('\x1f')] for row in out.split('\x1e')] if out else []

    def insert(self, table, **row):
        """One row, with a new id unless it has one; its id."""
        row.setdefault('id', str(uuid.uuid4()))
        self.sql(insert_statement(table, row))
        return row['id']

    def value(self, text):
        rows = self.sql(text)
        return rows[0][0] if rows else None

    def copy(self, table, columns, rows):
        """Insert many rows, by COPY."""
        def cell(value):
            if value is None:
                return '\\N'
            text = str(value)
            for character, escape in (('\\', '\\\\'), ('\t', '\\t'), ('\n', '\\n'), ('\r', '\\r')):
                text = text.replace(character, escape)
            return text
        body = ''.join('\t'.join(map(cell, row)) + '\n' for row in rows)
        self.sql(f"copy {table} ({', '.join(columns)}) from stdin;\n{body}\\.\n")

    def drop(self):
        Database(self.cluster, 'postgres').sql(f'drop database if exists {self.name} with (force)')


def insert_statement(table, row):
    return f"insert into {table} ({', '.join(row)}) values ({', '.join(quoted(value) for value in row.values())});\n"


def quoted(value):
    """A Python value as an SQL literal."""
    if value is None:
        return 'null'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
