"""A complete PBX for the call tests: database, provisioning, generated configuration, Asterisk, phones, and a trunk for each
organization. Pbx() creates it; close() ends it, even if it was not created completely."""
import asyncio
import atexit
import contextlib
import datetime
import json
import os
import re
import shutil
import time
import unittest
import uuid
from pathlib import Path

import asterisk_root
import sip
import tones
from private_asterisk import FEATURES, Asterisk
from postgres import insert_statement
from workdir import BIN, SOURCE, Workdir, quoted

# The suite's base configuration, as it is installed for operators.
EXAMPLES = SOURCE / 'asterisk'
SOUNDS = SOURCE / 'sounds'
RING = 1.2           # seconds until a phone is picked up
QUIET_CHANNELS = 30  # seconds within which Asterisk must write the last CDR rows


def now():
    """This instant for a column of a row that is inserted later, with others."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


class Organization:
    """One tenant: rows in the database, and its trunk's far end on a loopback address of its own."""
    numbers = iter(range(2, 250))

    def __init__(self, pbx, prefix, recorded=True, name=None, **settings):
        self.pbx, self.prefix, self.recorded = pbx, prefix, recorded
        self.address = f'127.0.0.{next(self.numbers)}'
        self.id = pbx.insert('organizations', name=name or prefix, context_prefix=prefix,
                             settings=json.dumps({'recording_enabled': recorded, **settings}))
        self.phones = {}
        self.trunk = sip.Line('carrier', address=self.address)
        self.trunk_id = None

    def _insert(self, table, **row):
        return self.pbx.insert(table, org_id=self.id, **row)

    async def open_trunk(self):
        await self.trunk.open(self.pbx.asterisk.sip)
        self.trunk_id = self._insert('sip_trunks', name='carrier', host=self.address, port=self.trunk.port,
                                     approved_at=now())
        return self.trunk_id

    def route(self, recorded=None, **more):
        return self._insert('outbound_routes', trunk_id=self.trunk_id, recording_enabled=recorded,
                            **{'name': 'out', **more})

    def user(self, extension, recorded=None, party='B', registers=True, **more):
        """A user with a phone, which registers or not; its on_call decides what the phone does with a call."""
        phone = sip.Line(f'{self.prefix}_{extension}', password=f'secret-{extension};x', party=party)
        phone.extension = str(extension)
        phone.id = self._insert('users', username=f'user{extension}', extension=extension, full_name=f'User {extension}',
                                sip_password=phone.password, recording_enabled=recorded, **more)
        if registers:
            self.phones[str(extension)] = phone
        return phone

    def queue(self, number, members, recorded=None, **more):
        queue = self._insert('queues', number=number, name=f'Queue {number}', recording_enabled=recorded,
                             **{'retry': 1, 'max_wait_time': 60, **more})
        for member in members:
            self.pbx.insert('queue_members', queue_id=queue, user_id=member.id)

    def did(self, number, kind, destination, recorded=None, answers=False):
        self._insert('did_numbers', number=number, routing_type=kind, routing_destination=destination,
                     trunk_id=self.trunk_id, recording_enabled=recorded, answers=answers)

    async def start_phones(self):
        for phone in self.phones.values():
            await phone.open(self.pbx.asterisk.sip)
            await phone.register()

    def stop_phones(self):
        for line in (*self.phones.values(), self.trunk):
            if line.transport:
                line.close()


class Pbx:
    """See above. `work` is the Workdir that the tools run in; its spool is Asterisk's."""

    def __init__(self, remote='gcs', modules=()):
        self.stack = contextlib.ExitStack()
        self.organizations = []
        self.inserts = []
        try:
            self.work = Workdir(remote=remote)
            self.stack.callback(self.work.close)
            self.asterisk = Asterisk(spool=self.work.spool, modules=modules)
            self.stack.callback(self.asterisk.close)
            # For the tools that Asterisk runs.
            self.asterisk.environment = {**self.work.env, 'PBX_ASTERISK_DIR': str(self.asterisk.etc),
                                         'PATH': f"{BIN}:{self.asterisk.program.parent}:{os.environ['PATH']}"}
        except BaseException:
            self.stack.close()
            raise

    def close(self):
        self.stack.close()

    async def organization(self, prefix, recorded=True, name=None, **settings):
        organization = Organization(self, prefix, recorded, name, **settings)
        self.organizations.append(organization)
        await organization.open_trunk()
        return organization

    def configure(self):
        """The suite's base configuration with this machine's ports and database, as its comments tell an operator to set.
        The database lives in another time zone than Asterisk, and its user has only the rights that it needs."""
        self.work.db.sql(f'''alter database {self.work.db.name} set timezone to 'America/New_York';
                             create role asterisk login;
                             alter role asterisk set timezone to 'UTC';
                             grant insert on asterisk_cdr to asterisk;
                             grant usage on sequence asterisk_cdr_id_seq to asterisk;''')
        etc = self.asterisk.etc
        for folder in (EXAMPLES, EXAMPLES / asterisk_root.WANTED):  # what a version needs of its own comes second
            for example in sorted(folder.glob('*.conf')):
                shutil.copy(example, etc / example.name)
        self.asterisk.write('features.conf', FEATURES + self._adapted('features.conf', {}))
        self.asterisk.write('cdr_pgsql.conf', self._adapted('cdr_pgsql.conf', {
            'hostname': self.work.db.cluster.folder, 'dbname': self.work.db.name}))
        self.asterisk.write('pjsip.conf', self._adapted('pjsip.conf', {
            'bind': f'{self.asterisk.sip[0]}:{self.asterisk.sip[1]}'}))

    def _adapted(self, name, values):
        text = (self.asterisk.etc / name).read_text(encoding='utf-8')
        for key, value in values.items():
            text, found = re.subn(rf'(?m)^{key}=.*$', f'{key}={value}', text, count=1)
            if not found:
                raise RuntimeError(f'asterisk/{name} has no line for {key}')
        return text

    def insert(self, table, **row):
        """A row, by the next deploy(); its id."""
        row['id'] = str(uuid.uuid4())
        self.inserts.append(insert_statement(table, row))
        return row['id']

    def store(self):
        """Stores the rows so far, in one transaction."""
        self.work.db.sql(f"begin;\n{''.join(self.inserts)}commit;")
        self.inserts.clear()

    def deploy(self, *arguments):
        """pbx-dialplan-gen --deploy, as an operator calls it."""
        self.store()
        return self.work.run('pbx-dialplan-gen', '--deploy', '--asterisk-dir', self.asterisk.etc, '--spool', self.work.spool,
                             '--sounds', SOUNDS, *arguments)

    def start_asterisk(self):
        (self.asterisk.folder / 'moh' / 'music.wav').write_bytes(tones.wav(tones.MUSIC, 30))
        self.asterisk.start()

    def stop(self):
        """Ends Asterisk and the phones; what they left can still be looked at."""
        self.asterisk.stop()
        for organization in self.organizations:
            organization.stop_phones()

    async def start(self):
        self.start_asterisk()
        await asyncio.gather(*(organization.start_phones() for organization in self.organizations))

    async def quiet(self):
        """Wait until no channel is left and every row is in the database."""
        await self.no_channels()
        rows = None
        while rows != (now := self.work.db.value('select count(*) from asterisk_cdr')):
            rows = now
            await asyncio.sleep(0.5)

    async def no_channels(self):
        deadline = time.monotonic() + QUIET_CHANNELS
        while '0 active channels' not in self.asterisk.cli('core show channels count'):
            if time.monotonic() > deadline:
                raise RuntimeError('channels are left over:\n' + self.asterisk.cli('core show channels concise'))
            await asyncio.sleep(0.2)

    # --- looking

    def rows(self, where):
        """CDR rows as dicts, in the order of legs."""
        columns = ('id calldate src dst dcontext clid channel dstchannel lastapp disposition duration billsec accountcode uniqueid '
                   'linkedid sequence recordingfile recording_consent').split()
        return [dict(zip(columns, row)) for row in self.work.db.sql(
            f"select {', '.join(columns)} from asterisk_cdr where {where} order by calldate, sequence, recordingfile")]

    def call_rows(self, call):
        """All rows of the call that a Call placed, known by its number. Each caller has only one."""
        return self.rows(f'linkedid in (select linkedid from asterisk_cdr where src = {quoted(call)})')


def pbx_of_module(**how):
    """A Pbx for all tests of a script; it is removed at their end, also when they are terminated, which runs no cleanups."""
    pbx = Pbx(**how)
    unittest.addModuleCleanup(pbx.close)
    atexit.register(pbx.close)
    return pbx


def picks_up(phone, after=RING, speak=True):
    """The phone rings, and is answered; a future of the Call."""
    taken = asyncio.get_running_loop().create_future()

    async def on_call(call):
        phone.ring(call)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(call.ended.wait(), after)
            return
        await call.answer(speak)
        if not taken.done():
            taken.set_result(call)
    phone.on_call = on_call
    return taken


def rings_for_ever(phone):
    async def on_call(call):
        phone.ring(call)
    phone.on_call = on_call


def leg_names(rows):
    return list(dict.fromkeys(row['recordingfile'] for row in rows if row['recordingfile']))


def leg_bytes(spool, name):
    return (Path(spool) / name).read_bytes()


async def wait_for(event, seconds, what):
    """An asyncio.Event with a deadline, whose error names what did not happen."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        raise AssertionError(f'not within {seconds} s: {what}') from None


__all__ = ['Organization', 'Pbx', 'RING', 'now', 'leg_names', 'leg_bytes', 'pbx_of_module', 'picks_up', 'rings_for_ever', 'wait_for']
