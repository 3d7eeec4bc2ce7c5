#!/usr/bin/env python3
"""Signed links that pbx-recording-fetch prints: what is in them, who may make them, and for which calls."""
import os
import time
from urllib.parse import parse_qs, urlsplit

from sound import pcm, ramp
from web import CALL, signature
from workdir import ACCOUNT, OTHER_ACCOUNT, Case, as_nobody, main

SECRET = '00112233445566778899aabbccddeeff' * 2


class Links(Case):
    def pbx(self, keys=f'1 {SECRET}\n', mode=0o600):
        work = self.workdir(remote=None)
        work.three_legs(CALL)
        path = work.path / 'link.key'
        path.write_text(keys, encoding='utf-8')
        path.chmod(mode)
        work.env['PBX_LINK_KEY'] = str(path)
        return work

    def link(self, work, *arguments, status=0, **how):
        return self.status(work.run('pbx-recording-fetch', '--link', *arguments, **how), status)

    def fields(self, result):
        """The path of the URL, and {parameter: value}."""
        self.assertEqual(result.text.count('\n'), 1)
        url = urlsplit(result.text.strip())
        return url.path, {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True, strict_parsing=True).items()}

    def is_signed(self, fields, call=CALL, account=ACCOUNT, leg='', may='download', secret=SECRET, name=''):
        self.assertEqual((fields['account'], fields.get('leg', ''), fields.get('name', ''), fields['may']), (account, leg, name, may))
        self.assertEqual(fields['signature'], signature(secret, call, account, leg, fields['expires'], may, name))

    def test_a_link_names_call_account_expiry_and_grant_and_is_signed(self):
        work = self.pbx()
        before = int(time.time())
        path, fields = self.fields(self.link(work, CALL))
        self.assertEqual(path, f'/calls/{CALL}/recording')
        self.is_signed(fields)
        self.assertEqual(fields['key'], '1')
        self.assertTrue(before + 86400 <= int(fields['expires']) <= time.time() + 86400)

    def test_options_choose_leg_grant_lifetime_and_page(self):
        work = self.pbx()
        path, fields = self.fields(self.link(work, CALL, '--leg', 2, '--may', 'play', '--for', '90s', '--page'))
        self.assertEqual(path, f'/calls/{CALL}')
        self.is_signed(fields, leg='2', may='play', name='20260418-144009-919944421125-queue-5001.wav')
        self.assertLess(int(fields['expires']), time.time() + 91)

    def test_a_base_makes_it_a_whole_url(self):
        work = self.pbx()
        for base in ('https://pbx.example.com/recordings', 'https://pbx.example.com/recordings/', '/recordings'):
            result = self.link(work, CALL, '--link-base', base)
            self.assertTrue(result.text.startswith(f"{base.rstrip('/')}/calls/{CALL}/recording?"), result.text)
        for base in ('pbx.example.com', 'javascript:alert(1)', 'https://x/?a=b', 'https://x/#', '//x', 'https://x y/', 'https://x/"'):
            self.hints(self.link(work, CALL, '--link-base', base, status=78))

    def test_a_cdr_id_and_a_uniqueid_become_the_linkedid(self):
        work = self.workdir(remote=None)
        ids = work.call(CALL, [('a.wav', pcm(ramp(0.1))), ('b.wav', pcm(ramp(0.1, 2)))])
        (work.path / 'link.key').touch(mode=0o600)
        (work.path / 'link.key').write_text(f'1 {SECRET}', encoding='utf-8')
        work.env['PBX_LINK_KEY'] = str(work.path / 'link.key')
        for name in (ids[0], CALL + '1'):
            path, fields = self.fields(self.link(work, name))
            self.assertEqual(path, f'/calls/{CALL}/recording')
            self.is_signed(fields)

    def test_the_first_of_two_keys_signs(self):
        new = 'ff' * 32
        work = self.pbx(keys=f'# rotated\nnew {new}\n1 {SECRET}\n')
        _, fields = self.fields(self.link(work, CALL))
        self.assertEqual(fields['key'], 'new')
        self.is_signed(fields, secret=new)

    def test_a_call_that_does_not_exist_or_is_another_accounts_gets_no_link(self):
        work = self.pbx()
        unknown = self.link(work, '1776500000.9', '--account', ACCOUNT, status=66)
        foreign = self.link(work, CALL, '--account', OTHER_ACCOUNT, status=66)
        self.assertEqual(foreign.err.replace(CALL, '1776500000.9'), unknown.err)
        self.assertEqual((unknown.out, foreign.out), (b'', b''))
        self.link(work, CALL, '--leg', 4, status=66)

    def test_a_shared_linkedid_needs_an_account(self):
        work = self.pbx()
        work.call(CALL, [('x.wav', pcm(ramp(0.1)))], OTHER_ACCOUNT)
        self.says(self.link(work, CALL, status=64), 'several accounts share')
        _, fields = self.fields(self.link(work, CALL, '--account', OTHER_ACCOUNT))
        self.is_signed(fields, account=OTHER_ACCOUNT)
        _, fields = self.fields(self.link(work, f'{CALL}/{OTHER_ACCOUNT}'))
        self.is_signed(fields, account=OTHER_ACCOUNT)
        self.link(work, f'{CALL}/{OTHER_ACCOUNT}', '--account', ACCOUNT, status=66)
        self.says(self.link(work, f'{CALL}/{ACCOUNT}', f'{CALL}/{OTHER_ACCOUNT}', status=64), 'several calls are named')

    def test_a_call_with_an_ambiguous_leg_gets_a_link_only_to_the_other_legs(self):
        work = self.pbx()
        legs = work.three_legs(CALL)
        work.cdr('1776500009.1', legs[0][0], OTHER_ACCOUNT)
        self.says(self.link(work, CALL, '--account', ACCOUNT, status=65), 'ambiguous')
        self.says(self.link(work, CALL, '--account', ACCOUNT, '--leg', 1, status=65), 'ambiguous')
        self.is_signed(self.fields(self.link(work, CALL, '--account', ACCOUNT, '--leg', 2))[1], leg='2', name=legs[1][0])

    def test_a_key_that_others_can_read_is_refused(self):
        for mode in (0o640, 0o604, 0o660, 0o644):
            work = self.pbx(mode=mode)
            result = self.link(work, CALL, status=78)
            self.hints(result)
            self.says(result, 'chmod 0600')
            self.assertEqual(result.out, b'')

    def test_without_a_usable_key_there_is_no_link_and_no_secret_is_shown(self):
        work = self.pbx()
        self.hints(self.link(work, CALL, status=78, env={'PBX_LINK_KEY': None}))
        self.hints(self.link(work, CALL, '--link-key', work.path / 'none', status=78))
        for keys in ('', f'1 {SECRET[:60]}\n', f'{SECRET}\n', f'1 {SECRET}\n2 {SECRET}\n3 {SECRET}\n'):
            work = self.pbx(keys=keys)
            result = self.link(work, CALL, '-v', status=78)
            self.hints(result)
            self.assertNotIn(SECRET[:60], result.err)

    def test_a_key_of_another_user_is_refused(self):
        work = self.pbx()
        if not as_nobody():
            self.skipTest('only root can give a file away')
        os.chown(work.path / 'link.key', 65534, 65534)
        self.hints(self.link(work, CALL, status=77))

    def test_a_link_excludes_what_only_a_recording_has(self):
        work = self.pbx()
        for more in (('-o', 'x'), ('-i',), ('--format', 'mp3')):
            self.link(work, CALL, *more, status=64)
        self.link(work, '--for', '0s', CALL, status=64)
        self.status(work.run('pbx-recording-fetch', CALL, '--for', '1h'), 64)


if __name__ == '__main__':
    main('pbx-recording-fetch')
