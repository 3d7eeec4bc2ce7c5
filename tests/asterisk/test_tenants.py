"""Tenants that try to take each other's numbers, phones and trunks, strangers, and limits, with real SIP against the deployed
configuration. All calls are placed before the tests; each test judges some of them."""
import asyncio
import contextlib
import datetime
import json
import re
import sys
import time

import sip
import tones
from pbx import leg_names, now, pbx_of_module, rings_for_ever
from pbx import picks_up as picks_up_after
from private_asterisk import main_with_asterisk
from workdir import Case, quoted

NODE = 'n1'
# Asterisk puts the system name before each unique id, whatever characters it has.
SYSTEM = 'pbx-1..example'
RING = 0.2  # seconds until a phone is picked up: well before the callers hang up
STAY = 1.0  # seconds of a call that is answered: a number answers before the phone behind it does
OWN = '''
[own__own]
exten => 800,1,Gosub(pbx-recorder,count,1(own))
 same => n(answer),Answer()
 same => n,Wait(30)
exten => 801,1,Goto(800,answer)
'''
LOBBY = '''
[lobby]
type=endpoint
context=lobby
disallow=all
allow=ulaw
'''


def picks_up(line):
    return picks_up_after(line, RING)


async def status_of(line, number, **how):
    """The final answer to a call, which is ended soon when somebody answers it."""
    call = None
    try:
        call = await asyncio.wait_for(line.call(number, **how), 12)
        await asyncio.sleep(STAY)
        return 200
    except sip.Refused as refused:
        return refused.status
    finally:
        if call:
            await call.hang_up()


async def connected(line, number, taken, **how):
    """Both ends of a call, a moment after it is established."""
    mine = await asyncio.wait_for(line.call(number, **how), 12)
    theirs = await asyncio.wait_for(taken, 12)
    await asyncio.sleep(0.5)
    return mine, theirs


class Attacks:
    """Provisions the tenants and does what each test judges; `seen` holds what was answered."""

    def __init__(self, pbx):
        self.pbx, self.seen = pbx, {}

    async def provision(self):
        pbx = self.pbx
        self.zeta = zeta = await pbx.organization('zeta')
        zeta.route()
        for extension in ('1001', '1002', '1003', '1004', '1005'):
            zeta.user(extension)
        zeta.did('4930111', 'extension', '1001')
        zeta.did('4930333', 'extension', '1005')
        self.provider = sip.Line('provider', address='127.0.0.200')
        await self.provider.open(pbx.asterisk.sip)
        zeta._insert('sip_trunks', name='provider', host='127.0.0.200', port=self.provider.port, trunk_type='register',
                     username='us', password='a long password', approved_at=now())
        pbx.store()  # the rows of one transaction have one age, and these are older
        self.thief = thief = await pbx.organization('aaa')  # before zeta in the alphabet, after it in time
        thief.user('1001', asterisk_endpoint='lobby')
        thief.user('1002', asterisk_endpoint='zeta_1002')
        thief.user('1003')
        thief._insert('sip_trunks', name='office', host='127.0.0.1', approved_at=now())
        thief._insert('sip_trunks', name='sneaky', host='127.0.0.199')
        thief._insert('sip_trunks', name='same', host=f'[::ffff:{zeta.address}]', approved_at=now())
        self.sneaky = sip.Line('sneaky', address='127.0.0.199')
        thief.did('4930222', 'extension', '1003')
        thief.route(dial_pattern='_9X.')
        self.stranger = sip.Line('stranger', address='127.0.0.198')
        self.small = small = await pbx.organization('small')
        self.pair = pair = await pbx.organization('pair')
        self.own = await pbx.organization('own')
        for extension in ('3001', '3002', '3003'):
            self.own.user(extension)
        pbx.inserts.append(f"update organizations set limits = '{{\"max_channels\": 1}}' where id = '{self.own.id}';\n")
        for organization, most in ((small, 1), (pair, 2)):
            pbx.inserts.append(f"update organizations set limits = '{{\"max_channels\": {most}}}' where id = '{organization.id}';\n")
            organization.route()
            for extension in ('2001', '2002', '2003', '2004', '2005'):
                organization.user(extension)
            organization.did(f'749800{most}1', 'extension', '2001')
            organization.did(f'749800{most}2', 'queue', '5001')
            organization.queue('5001', [organization.phones['2004'], organization.phones['2005']])

    async def do_own(self):
        """The operator's own numbers: 800 counts its calls, 801 does not."""
        phones = self.own.phones
        for what, first, second in (('beside counted', '800', '3001'), ('beside uncounted', '801', '3001'), ('own', '3001', '800')):
            picks_up(phones['3001'])
            call = await asyncio.wait_for(phones['3002'].call(first), 12)
            self.seen[what] = await status_of(phones['3003'], second)
            await call.hang_up()
            await self.gone('own_')

    async def steal(self):
        """A row that the database refuses at once need not be refused again."""
        try:
            self.pbx.work.db.sql(f"insert into did_numbers (org_id, number, routing_type, routing_destination) "
                                 f"values ('{self.thief.id}', '+4930111', 'extension', '1003')")
            self.seen['stolen'] = 'accepted'
        except Exception as why:  # pylint: disable=broad-except
            self.seen['stolen'] = str(why)

    # --- what is done, each independently

    async def do_did(self):
        mine, theirs = picks_up(self.zeta.phones['1001']), picks_up(self.thief.phones['1003'])
        self.seen['did'] = await status_of(self.zeta.trunk, '4930111', user='49301')
        self.seen['did reached'] = 'victim' if mine.done() else 'thief' if theirs.done() else 'nobody'

    async def do_phones(self):
        """The victim's phones, whose address the thief's trunk names."""
        picks_up(self.zeta.phones['1003'])
        self.seen['phone to phone'] = await status_of(self.zeta.phones['1002'], '1003')

    async def do_out(self):
        for number in ('49302', '+49303'):
            taken = picks_up(self.zeta.trunk)
            self.seen['out ' + number] = await status_of(self.zeta.phones['1004'], number)
            self.seen['dialled ' + number] = re.match(r'INVITE sip:([^@]*)@', taken.result().invite.start).group(1) if taken.done() else None

    async def do_strangers(self):
        await self.stranger.open(self.pbx.asterisk.sip)
        await self.sneaky.open(self.pbx.asterisk.sip)
        for name in ('zeta__trunk_carrier', 'zeta__trunk_provider', 'aaa__trunk_office', 'nobody'):
            self.seen[f'stranger as {name}'] = await status_of(self.stranger, '4930111', user=name)
        self.seen['unapproved'] = await status_of(self.sneaky, '4930222', user='493099')
        for method, more in (('MESSAGE', ()), ('SUBSCRIBE', [('Event', 'presence'), ('Expires', '60')]),
                             ('REFER', [('Refer-To', '<sip:4930111@127.0.0.1>')])):
            body = 'hello' if method == 'MESSAGE' else ''
            headers = [*more, ('Content-Type', 'text/plain')] if body else more
            self.seen[f'{method} from trunk'] = await self.zeta.trunk.ask(method, '4930111', user='msg1', headers=headers, body=body)
            self.seen[f'{method} from phone'] = await self.zeta.phones['1005'].ask(method, '1001', headers=headers, body=body)
            self.seen[f'{method} from stranger'] = await self.stranger.ask(method, '4930111', headers=headers, body=body)

    async def do_register(self):
        """A provider's call is known by the mark that we gave it at the registration, wherever it comes from."""
        for _ in range(150):  # Asterisk waits for up to ten seconds before it registers
            if self.provider.registered:
                break
            await asyncio.sleep(0.1)
        picks_up(self.zeta.phones['1005'])
        self.seen['by mark'] = await status_of(self.provider, '4930333', user='49304', target=self.provider.registered)
        self.seen['without mark'] = await status_of(self.provider, '4930333', user='49305')

    async def do_no_route(self):
        self.seen['no route'] = await status_of(self.thief.phones['1003'], '5550001')
        self.seen['no did'] = await status_of(self.thief.trunk, 'abc-nowhere', user='49306')
        self.seen['unknown did'] = await status_of(self.thief.trunk, '4930999', user='49307')

    async def do_refer(self):
        """The outside party of a call sends the phone elsewhere, or into a call of another organization."""
        zeta, thief = self.zeta, self.thief
        caller, phone = await connected(zeta.trunk, '4930111', picks_up(zeta.phones['1001']), user='49308')
        other, its_phone = await connected(thief.trunk, '4930222', picks_up(thief.phones['1003']), user='49309')
        for what, number, replaces in (('own number', '1003', None), ("another's number", '4930222', None),
                                       ('outside number', '49310', None), ("another's call", '4930222', other)):
            try:
                await caller.transfer(number, replaces)
                self.seen[f'REFER to {what}'] = 202
            except sip.Refused as refused:
                self.seen[f'REFER to {what}'] = refused.status
        await asyncio.sleep(STAY)
        self.seen['REFER left'] = [call.ended_by for call in (caller, phone, other, its_phone)]
        for call in (caller, other):
            await call.hang_up()

    async def do_twins(self):
        """Two calls of one caller to one number in one second."""
        picks_up(self.pair.phones['2001'])
        self.seen['twins'] = await asyncio.gather(*(status_of(self.pair.trunk, '74980021', user='493077')
                                                    for _ in range(2)))

    async def do_small(self):
        small, phones = self.small, self.small.phones
        outside = picks_up(small.trunk)
        agent_taken, target = picks_up(phones['2001']), picks_up(phones['2003'])
        caller, agent = await connected(small.trunk, '74980011', agent_taken, user='493011')
        self.seen['second in'] = await status_of(small.trunk, '74980011', user='493012')
        self.seen['second inside'] = await status_of(phones['2002'], '2003')
        self.seen['second queue'] = await status_of(phones['2002'], '5001')
        self.seen['second out'] = await status_of(phones['2002'], '93013')
        self.seen['second was out'] = outside.done()
        for number in ('112', '911'):
            picks_up(small.trunk)
            self.seen[f'emergency {number}'] = await status_of(phones['2002'], number)
        await agent.transfer('2003')
        await asyncio.wait_for(target, 12)
        self.seen['after transfer'] = await status_of(small.trunk, '74980011', user='493014')
        await caller.hang_up()
        await self.gone('small')
        # The caller transfers the called party: a channel that did not come in from anywhere.
        callee_taken, target = picks_up(small.trunk), picks_up(phones['2003'])
        mine, callee = await connected(phones['2002'], '93015', callee_taken)
        self.seen['in beside out'] = await status_of(small.trunk, '74980011', user='493016')
        await mine.transfer('2003')
        await asyncio.wait_for(target, 12)
        await asyncio.sleep(0.3)
        self.seen['after transfer out'] = await status_of(small.trunk, '74980011', user='493017')
        await callee.hang_up()
        await self.gone('small')
        picks_up(phones['2001'])
        self.seen['again'] = await status_of(small.trunk, '74980011', user='493018')
        await self.gone('small')
        self.seen['wrong transfer'] = await self.wrong_transfer()

    async def wrong_transfer(self):
        """A transfer to a number that does not exist is refused, and the call stays with the phone."""
        taken = picks_up(self.small.phones['2001'])
        caller, agent = await connected(self.small.trunk, '74980011', taken, user='493019')
        with contextlib.suppress(sip.Refused):
            await agent.transfer('nowhere')
        await asyncio.sleep(1)
        still = not caller.ended.is_set() and not agent.ended.is_set()
        await caller.hang_up()
        return 'kept' if still else 'lost'

    async def do_pair(self):
        pair, phones = self.pair, self.pair.phones
        # Two agents ring: one call.
        rings_for_ever(phones['2004'])
        rings_for_ever(phones['2005'])
        waiting = await pair.trunk.call('74980022', user='493021', wait=False)
        await asyncio.sleep(1.5)
        picks_up(phones['2001'])
        self.seen['beside a queue'] = await status_of(pair.trunk, '74980021', user='493022')
        await waiting.hang_up()
        await self.gone('pair')
        # An attended transfer by the caller: both remaining channels are those of called parties.
        callee_taken, target = picks_up(pair.trunk), picks_up(phones['2003'])
        mine, callee = await connected(phones['2002'], '93023', callee_taken)
        await mine.hold()
        consultation, _ = await connected(phones['2002'], '2003', target)
        self.seen['beside a consultation'] = await status_of(pair.trunk, '74980021', user='493024')
        await mine.transfer('2003', replaces=consultation)
        await asyncio.sleep(1)
        first, _ = await connected(pair.trunk, '74980021', picks_up(phones['2001']), user='493025')
        self.seen['beside an attended transfer and a call'] = await status_of(pair.trunk, '74980022', user='493026')
        await first.hang_up()
        await callee.hang_up()
        await self.gone('pair')
        await self.do_twins()

    async def gone(self, prefix):
        """Waits until Asterisk has no channels of an organization."""
        for _ in range(50):
            if prefix not in self.pbx.asterisk.cli('core show channels concise'):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f'channels of {prefix} are left over')

    async def place(self):
        async def one(name, work):
            try:
                await asyncio.wait_for(work, 50)
            except Exception as why:  # pylint: disable=broad-except
                self.seen[f'failed {name}'] = f'{type(why).__name__}: {why}'
        await self.do_did()
        await asyncio.gather(*(one(name, getattr(self, f'do_{name}')()) for name in
                               ('phones', 'out', 'strangers', 'register', 'no_route', 'refer', 'own', 'small', 'pair')))
        await self.pbx.quiet()


PBX = ATTACKS = None


async def place_all():
    await ATTACKS.provision()
    PBX.configure()
    (PBX.asterisk.etc / 'pjsip.conf').write_text((PBX.asterisk.etc / 'pjsip.conf').read_text(encoding='utf-8') + LOBBY, encoding='utf-8')
    PBX.asterisk.write('asterisk.conf', PBX.asterisk._defaults()['asterisk.conf'] + f'systemname = {SYSTEM}\n')
    with open(PBX.asterisk.etc / 'extensions.conf', 'a', encoding='utf-8') as file:
        file.write(OWN)
    PBX.store()
    await ATTACKS.steal()
    PBX.deployed = PBX.deploy('--node', NODE)
    try:
        PBX.start_asterisk()
        PBX.loaded = PBX.asterisk.complaints()
        for organization in PBX.organizations:
            for phone in organization.phones.values():
                await phone.open(PBX.asterisk.sip)
                try:
                    await phone.register()
                except (sip.Refused, TimeoutError) as why:
                    ATTACKS.seen[f'register {phone.user}'] = str(why)
        PBX.began = time.time()
        await ATTACKS.place()
    finally:
        PBX.stop()
        for line in (ATTACKS.provider, ATTACKS.sneaky, ATTACKS.stranger):
            if line.transport:
                line.close()


def setUpModule():  # pylint: disable=invalid-name
    global PBX, ATTACKS  # pylint: disable=global-statement
    PBX = pbx_of_module(remote=None)
    ATTACKS = Attacks(PBX)
    started = time.monotonic()
    asyncio.run(place_all())
    print(f'calls of {time.monotonic() - started:.0f} s: {json.dumps(ATTACKS.seen, indent=1)}', file=sys.stderr)


class TenantCase(Case):
    def was(self, what, status):
        with self.subTest(what=what):
            self.assertEqual(ATTACKS.seen.get(what), status)

    def rows(self, src):
        return PBX.rows(f'src = {quoted(src)}')

    def left_nothing(self, src):
        self.assertEqual(self.rows(src), [], 'a CDR row')
        self.assertEqual([path.name for path in PBX.work.spool.glob(f'*-{src}-*')], [], 'a recording')


class WhatTenantsTake(TenantCase):
    def test_nothing_went_wrong_with_the_plan(self):
        self.assertEqual({what: why for what, why in ATTACKS.seen.items() if what.startswith('failed')}, {})

    def test_a_number_with_a_plus_belongs_to_the_owner_of_its_digits(self):
        if 'accepted' in ATTACKS.seen['stolen']:
            self.says(PBX.deployed, r'did \+?4930111 of aaa is left out')
        self.was('did', 200)
        self.was('did reached', 'victim')
        self.assertEqual({row['accountcode'] for row in self.rows('49301')}, {ATTACKS.zeta.id})

    def test_endpoint_names_of_others_are_left_out_and_everyone_keeps_their_phones(self):
        self.says(PBX.deployed, 'user 1001 of aaa is left out', 'user 1002 of aaa is left out')
        self.assertEqual(sorted(what for what in ATTACKS.seen if what.startswith('register ')),
                         ['register aaa_1001', 'register aaa_1002'])
        self.was('phone to phone', 200)
        self.assertEqual({row['accountcode'] for row in self.rows('1002')}, {ATTACKS.zeta.id})

    def test_a_trunk_whose_host_is_a_phones_address_gets_none_of_its_calls(self):
        rows = [row for organization in (ATTACKS.zeta, ATTACKS.small, ATTACKS.pair) for row in PBX.rows(
            f"channel like 'PJSIP/{organization.prefix}\\_%'")]
        self.assertGreater(len(rows), 10)
        self.assertNotIn(ATTACKS.thief.id, {row['accountcode'] for row in rows})
        self.assertEqual(PBX.rows("channel like 'PJSIP/aaa\\_\\_trunk_office%'"), [])

    def test_a_trunk_that_no_operator_approved_takes_no_calls(self):
        self.says(PBX.deployed, 'trunk sneaky of aaa is left out: .*approved')
        self.was('unapproved', 401)
        self.left_nothing('493099')

    def test_a_trunk_at_the_address_of_an_older_one_is_left_out_however_the_address_is_written(self):
        self.says(PBX.deployed, 'trunk same of aaa is left out: .*zeta')


class WhatStrangersReach(TenantCase):
    def test_a_stranger_who_writes_a_trunks_name_into_from_is_not_answered(self):
        for name in ('zeta__trunk_carrier', 'zeta__trunk_provider', 'aaa__trunk_office', 'nobody'):
            self.was(f'stranger as {name}', 401)
            self.left_nothing(name)
            self.left_nothing(re.sub('_', '', name))

    def test_a_trunk_that_registers_is_known_by_its_mark_alone(self):
        self.was('by mark', 200)
        self.assertEqual({row['accountcode'] for row in self.rows('49304')}, {ATTACKS.zeta.id})
        self.was('without mark', 401)
        self.left_nothing('49305')

    def test_requests_outside_of_calls_reach_no_dialplan(self):
        for who in ('trunk', 'phone'):
            for method, status in (('MESSAGE', 404), ('SUBSCRIBE', None), ('REFER', None)):
                with self.subTest(who=who, method=method):
                    answer = ATTACKS.seen[f'{method} from {who}']
                    self.assertTrue(answer == status or (status is None and answer >= 400), answer)
        for method in ('MESSAGE', 'SUBSCRIBE', 'REFER'):
            self.was(f'{method} from stranger', 401)
        self.left_nothing('msg1')
        self.assertEqual(PBX.rows("channel like 'Message/%'"), [])


    def test_the_outside_party_of_a_call_cannot_transfer_it(self):
        for what in ('own number', "another's number", 'outside number', "another's call"):
            self.was(f'REFER to {what}', 603)
        self.was('REFER left', ['', '', '', ''])
        for src, organization in (('49308', ATTACKS.zeta), ('49309', ATTACKS.thief)):
            with self.subTest(src):
                rows = self.rows(src)
                self.assertEqual({row['accountcode'] for row in rows}, {organization.id})
                leg, = leg_names(rows)
                samples = tones.wav_samples((PBX.work.spool / leg).read_bytes())
                heard = tones.speech(samples)
                for party in 'AB':
                    self.assertGreater(heard[party].length, len(samples) / tones.RATE - 0.7, rows)


class WhatLimitsAllow(TenantCase):
    def refused(self, src, organization):
        rows = self.rows(src)
        self.assertEqual([(row['disposition'], row['accountcode'], row['recordingfile']) for row in rows],
                         [('CONGESTION', organization.id, None)])

    def test_a_call_above_the_limit_is_refused_on_every_path_and_leaves_a_row(self):
        for what in ('second in', 'second inside', 'second queue', 'second out'):
            self.was(what, 503)
        self.was('second was out', False)
        self.refused('493012', ATTACKS.small)
        rows = [row for row in self.rows('2002') if row['disposition'] == 'CONGESTION']
        self.assertEqual(sorted(row['dst'] for row in rows), ['2003', '5001', '93013'])
        self.assertEqual({row['accountcode'] for row in rows}, {ATTACKS.small.id})

    def test_an_emergency_call_is_not_counted_against_the_limit(self):
        self.was('emergency 112', 200)
        self.was('emergency 911', 200)

    def test_a_call_that_is_transferred_still_counts_and_its_place_is_free_when_it_ends(self):
        for what, src in (('after transfer', '493014'), ('in beside out', '493016'), ('after transfer out', '493017')):
            self.was(what, 503)
            self.refused(src, ATTACKS.small)
        self.was('again', 200)

    def test_an_own_number_of_the_operators_counts_if_it_asks_for_it(self):
        for what, status in (('beside counted', 503), ('beside uncounted', 200), ('own', 503)):
            self.was(what, status)
        rows = [row for row in self.rows('3003') if row['dst'] == '800']
        self.assertEqual([(row['disposition'], row['accountcode']) for row in rows], [('CONGESTION', ATTACKS.own.id)])

    def test_a_call_counts_once_however_many_phones_ring_and_however_it_was_transferred(self):
        self.was('beside a queue', 200)
        self.was('beside a consultation', 503)
        self.was('beside an attended transfer and a call', 503)
        self.assertNotIn('failed pair', ATTACKS.seen)

    def test_a_transfer_to_a_number_that_does_not_exist_leaves_the_call_where_it_is(self):
        self.was('wrong transfer', 'kept')


class WhatIsDialled(TenantCase):
    def test_the_default_route_takes_numbers_with_and_without_a_plus(self):
        for number in ('49302', '+49303'):
            self.was(f'out {number}', 200)
            self.was(f'dialled {number}', number)
        self.assertEqual(sorted(row['dst'] for row in self.rows('1004')), ['+49303', '49302'])

    def test_a_call_that_no_route_takes_is_refused_and_leaves_a_row(self):
        for what, where in (('no route', "dst = '5550001'"), ('no did', "src = '49306'"), ('unknown did', "src = '49307'")):
            self.was(what, 404)
            with self.subTest(what=what):
                row, = PBX.rows(where)
                self.assertEqual((row['accountcode'], row['recordingfile']), (ATTACKS.thief.id, None))
                self.assertNotEqual(row['disposition'], 'ANSWERED')


class WhatLegsAreCalled(TenantCase):
    def test_a_name_is_the_time_in_utc_the_caller_the_number_and_the_node(self):
        rows = PBX.rows("recordingfile <> ''")
        self.assertGreater(len(rows), 10)
        for row in rows:
            name = re.fullmatch(r'(\d{8}-\d{6})-[0-9A-Za-z]+-(?:queue-)?[0-9A-Za-z]+-n1(?:-\d+\.\d+)?\.wav', row['recordingfile'])
            self.assertTrue(name, row['recordingfile'])
            named = datetime.datetime.strptime(name.group(1) + '+0000', '%Y%m%d-%H%M%S%z').timestamp()
            self.assertTrue(PBX.began - 2 < named < time.time(), row['recordingfile'])

    def test_a_name_that_is_taken_gets_the_unique_id_without_the_systems_name(self):
        self.was('twins', [200, 200])
        names = leg_names(PBX.rows("recordingfile like '%-493077-2001-%'"))
        self.assertEqual(len(names), 2)
        self.assertEqual(sorted(re.sub(r'\d+\.\d+', 'ID', name.split('-', 4)[4]) for name in names), ['n1-ID.wav', 'n1.wav'])

    def test_every_file_is_named_by_a_row(self):
        self.assertEqual({path.name for path in PBX.work.spool.glob('*.wav')},
                         {row['recordingfile'] for row in PBX.rows("recordingfile <> ''")})

    def test_the_configuration_loads_without_a_complaint(self):
        self.assertEqual(PBX.loaded, [])


if __name__ == '__main__':
    main_with_asterisk()
