#!/usr/bin/env python3
"""PostgreSQL is stopped while ten real calls end. After it is back, the hourly commands bring back every call: its rows from the
file that cdr_custom wrote, its stitched recording, its place in the archive."""
import asyncio
import csv

import tones
from pbx import Pbx, picks_up
from private_asterisk import main_with_asterisk
from workdir import Case, cluster, wait_until

CALLS = 10
TALK = 4
NAMES = {3: '"O\\"Brien, Bob):1:30"', 4: '"x):1:1"', 5: '"${CDR(src)} \\\\\\""', 6: '"M\xfcller"'}  # of callers who try to break the file
COLUMNS = ('clid src dst dcontext channel dstchannel lastapp lastdata disposition amaflags accountcode uniqueid userfield '
           'peeraccount linkedid recordingfile recording_paused recording_consent').split()


def caller(number):
    return f'791000000{number:02}'


class Outage(Case):
    def setUp(self):
        self.pbx = Pbx()
        self.addCleanup(self.pbx.close)

    async def provision(self):
        self.acme = await self.pbx.organization('acme')
        for number in range(CALLS + 2):
            self.acme.user(f'10{number:02}')
            self.acme.did(f'749500{number:02}', 'extension', f'10{number:02}')
        self.pbx.configure()
        self.status(self.pbx.deploy(), 0)

    async def begin(self, number):
        """A call from outside that has been answered; both ends."""
        taken = picks_up(self.acme.phones[f'10{number:02}'])
        call = await self.acme.trunk.call(f'749500{number:02}', name=NAMES.get(number, ''), user=caller(number), wait=False)
        callee = await asyncio.wait_for(taken, 20)
        return call, callee

    async def whole_call(self, number):
        call, _ = await self.begin(number)
        await asyncio.sleep(TALK)
        await call.hang_up()

    async def calls(self):
        """One call before the outage, ten that end in it, and one after it, when the file has been rotated."""
        await self.provision()
        try:
            await self.pbx.start()
            self.complaints = [line for line in self.pbx.asterisk.complaints() if 'cdr' in line]
            await self.whole_call(CALLS)
            await self.pbx.quiet()
            begun = await asyncio.gather(*(self.begin(number) for number in range(CALLS)))
            await asyncio.sleep(TALK)
            cluster().stop()
            await asyncio.gather(*(call.hang_up() for call, _ in begun))
            await self.pbx.no_channels()
            wait_until(lambda: sum(row[20] != '' for row in self.file_rows()) >= CALLS + 1, 'the rows are in the file')
            cluster().start()
            self.file.rename(self.rotated)
            await self.whole_call(CALLS + 1)
            await self.pbx.quiet()
        finally:
            self.pbx.stop()

    @property
    def file(self):
        return self.pbx.asterisk.folder / 'log' / 'cdr-custom' / 'pbx.csv'

    @property
    def rotated(self):
        return self.file.with_suffix('.csv.1')

    def file_rows(self):
        """What Python's csv module, an independent judge, reads from both files."""
        rows = []
        for path in (self.rotated, self.file):
            if path.exists():
                with path.open(encoding='latin-1', newline='') as file:
                    rows += csv.reader(file)
        return rows

    def database_rows(self):
        columns = ', '.join(f"coalesce({column}, '')" for column in COLUMNS)
        return self.pbx.work.db.sql('select floor(extract(epoch from calldate))::bigint, duration, billsec, sequence, '
                                    f'{columns} from asterisk_cdr order by uniqueid, sequence')

    def linkedids(self):
        return {number: self.pbx.work.db.value(f"select min(linkedid) from asterisk_cdr where src = '{caller(number)}'")
                for number in range(CALLS + 2)}

    def run_import(self):
        return self.status(self.pbx.work.run('pbx-calls', 'import', '--min-age', '0s', '--missing-ok', self.rotated, self.file), 0)

    def test_calls_that_ended_while_the_database_was_down_are_stitched_archived_and_fetched(self):
        asyncio.run(self.calls())
        work = self.pbx.work
        self.assertEqual(self.complaints, [], 'Asterisk warns about the configuration')
        stored = self.database_rows()
        written = self.file_rows()
        self.assertTrue(all(len(row) == 23 and row[-2].startswith('paused=') and row[-1].startswith('consent=') for row in written),
                        'a caller has broken the file')
        self.assertEqual([number for number, linkedid in self.linkedids().items() if linkedid], [CALLS, CALLS + 1])

        self.says(self.run_import(), 'added [0-9]+ CDR rows that the database lacked')
        self.quiet(self.run_import())
        expected = sorted(([row[1].split('.')[0], *row[2:-2], row[-2].removeprefix('paused='), row[-1].removeprefix('consent=')]
                           for row in written), key=lambda row: (row[15], int(row[3])))
        imported = sorted(self.database_rows(), key=lambda row: (row[15], int(row[3])))
        self.assertEqual(imported, expected)
        for row in stored:
            self.assertIn(row, imported, 'cdr_pgsql writes this column differently')

        self.status(work.run('pbx-stitch'), 0)
        self.status(work.run('pbx-archive', '--min-age', '0s'), 0)
        self.assertEqual(work.legs_in_spool(), [])
        for number, linkedid in self.linkedids().items():
            with self.subTest(call=number):
                fetched = self.status(work.run('pbx-recording-fetch', linkedid, '--account', self.acme.id), 0)
                heard = tones.speech(tones.wav_samples(fetched.out))
                for party in 'AB':
                    self.assertGreater(heard[party].length, TALK - 2, f'{party} {heard[party]}')
        audit = self.status(work.run('pbx-archive', 'audit', '--summary'), 0)
        self.assertNotRegex(audit.out.decode(), r'(?m)^orphan')


if __name__ == '__main__':
    main_with_asterisk()
