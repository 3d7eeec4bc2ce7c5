"""What the tests of pbx-migrate share."""
import shutil
import subprocess

from workdir import SOURCE, Case, cluster

CHAIN = sorted(file.stem for file in (SOURCE / 'migrations').glob('*.sql'))
POLICY = '20260418-recording-mandatory-default'


class Migrating(Case):
    """Each test has an empty database and its own copy of the migrations."""

    def setUp(self):
        self.w = self.workdir(remote=None, database=False)
        self.db = cluster().database()
        self.addCleanup(self.db.drop)
        self.folder = self.w.path / 'migrations'
        shutil.copytree(SOURCE / 'migrations', self.folder)
        self.w.env.update(PBX_DATABASE=self.db.conninfo, PBX_MIGRATIONS=str(self.folder))

    def run_it(self, *arguments, **how):
        return self.w.run('pbx-migrate', *arguments, **how)

    def up(self, *arguments, status=0):
        return self.status(self.run_it('up', *arguments), status)

    def write(self, version, text):
        path = self.folder / f'{version}.sql'
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def only(self, version, text):
        """A folder with this one migration."""
        for file in self.folder.iterdir():
            file.unlink()
        return self.write(version, text)

    def applied(self):
        return [row[0] for row in self.db.sql('select version from schema_migrations order by version')]

    def dump(self):
        """The whole database, without the random keys that pg_dump generates for each run."""
        done = subprocess.run(['pg_dump', '-d', self.db.conninfo], stdout=subprocess.PIPE, check=True, text=True)
        return [line for line in done.stdout.splitlines() if not line.startswith(('--', '\\restrict', '\\unrestrict'))]
