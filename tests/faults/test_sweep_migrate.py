"""pbx-migrate up is killed before each of its steps, and each of its steps fails, on a database with organizations that are older
than the recording policy."""
import shutil
import subprocess
import time

import sweep
from workdir import SLOW, SOURCE, Database, cluster

CHAIN = sorted(file.stem for file in (SOURCE / 'migrations').glob('*.sql'))
BEGUN = 4  # migrations that the database has already
LATE = '20991231-late-index'
NO_TRANSACTION_LINE = '-- pbx-migrate: no-transaction\n'
NO_TRANSACTION = NO_TRANSACTION_LINE + 'create index concurrently if not exists late on users (full_name);\n'


class MigrateWorld:
    """A database whose schema is half-way, with tenants in it. The last migration builds an index concurrently."""
    tool = 'pbx-migrate'

    def __init__(self, case, work):
        self.case, self.work, self.db = case, work, None
        self.folder = work.path / 'migrations'
        shutil.copytree(SOURCE / 'migrations', self.folder)
        (self.folder / f'{LATE}.sql').write_text(NO_TRANSACTION)
        work.env['PBX_MIGRATIONS'] = str(self.folder)
        self.chain = [*CHAIN, LATE]
        # The database after each migration of the chain is the only thing that may ever be seen.
        self.seen = {}
        self.template = cluster().database()
        case.addCleanup(self.template.drop)
        for number in range(BEGUN, len(self.chain) + 1):
            result = work.run(self.tool, 'up', '--to', self.chain[number - 1], env={'PBX_DATABASE': self.template.conninfo})
            case.assertEqual(result.status, 0, f'{result}')
            if number == BEGUN:
                self.template.sql("insert into organizations (name, context_prefix, settings) values "
                                  "('Old', 'org_old', '{}'), ('None', 'org_none', null)")
                self.start = cluster().database(template=self.template.name)
                case.addCleanup(self.start.drop)
            self.seen[tuple(self.chain[:number])] = self.dump(self.template)

    @staticmethod
    def dump(database):
        done = subprocess.run([f'{cluster().programs}/pg_dump', '-d', database.conninfo, '--exclude-table-data=schema_migrations'],
                              stdout=subprocess.PIPE, check=True, text=True)
        return [line for line in done.stdout.splitlines() if not line.startswith(('--', '\\restrict', '\\unrestrict'))]

    def prepare(self):
        if self.db:
            self.db.drop()
        self.db = cluster().database(template=self.start.name)
        self.work.env['PBX_DATABASE'] = self.db.conninfo

    def settle(self):
        """The killed client's server process notices within its next statement."""
        until = time.monotonic() + 30 * SLOW
        while time.monotonic() < until:
            if Database(cluster(), 'postgres').value(
                    f"select count(*) from pg_stat_activity where datname = '{self.db.name}'") == '0':
                return
            time.sleep(0.05)
        raise AssertionError('a killed runner\'s session stays on the server')

    def run(self, before=()):
        return self.work.run(self.tool, 'up', before=before)

    @staticmethod
    def temporary_files():
        return []

    def judge(self, case, _result):
        self.settle()
        applied = tuple(row[0] for row in self.db.sql('select version from schema_migrations order by version'))
        case.assertIn(applied, self.seen, 'the record shows a beginning of the chain')
        now = self.dump(self.db)
        following = self.chain[len(applied):len(applied) + 1]
        if following and NO_TRANSACTION_LINE in (self.folder / f'{following[0]}.sql').read_text():
            # Outside a transaction the index may be there before its record.
            case.assertIn(now, (self.seen[applied], self.seen[(*applied, *following)]))
        else:
            case.assertEqual(now, self.seen[applied], 'schema and rows are those of the record')

    def judge_end(self, case, _result):
        applied = [row[0] for row in self.db.sql('select version from schema_migrations order by version')]
        case.assertEqual(applied, self.chain)
        case.assertEqual(self.dump(self.db), self.seen[tuple(self.chain)])
        case.assertEqual(self.db.sql('select 1 from pg_index where not indisvalid'), [], 'no index is half built')


class Migrate(sweep.SweepCase):
    def world(self):
        world = MigrateWorld(self, self.workdir(remote=None, database=False))
        self.addCleanup(lambda: world.db and world.db.drop())
        return world


if __name__ == '__main__':
    sweep.main('pbx-migrate')
