"""Phones and trunks for the call tests: SIP over UDP with digest authentication, RTP with G.711 u-law, and digits as RFC 4733
events or as tones; what a party says in another codec is prepared by the test.
They can register, call, answer, refuse, hold, press digits and transfer, with a B2BUA on the same machine, and no more than that."""
import asyncio
import contextlib
import hashlib
import random
import re
import secrets
import struct
import time
from urllib.parse import quote

import tones

COMPACT = {'v': 'via', 'f': 'from', 't': 'to', 'i': 'call-id', 'm': 'contact', 'l': 'content-length', 'c': 'content-type',
           'k': 'supported', 'r': 'refer-to', 'b': 'referred-by'}
T1 = 0.5  # RFC 3261's estimate of a round trip; requests are sent again after T1, 2 T1, ...
DIGIT_EVENTS = {digit: number for number, digit in enumerate('0123456789*#')}
TELEPHONE_EVENT = 101
# RTP payload types of RFC 3551, whose frames of 20 ms have 160 bytes; that of G.722 has a clock rate of 8,000 by mistake.
CODECS = {'ulaw': (0, 'PCMU/8000'), 'alaw': (8, 'PCMA/8000'), 'g722': (9, 'G722/8000')}


class Refused(Exception):
    """A request was answered with a failure."""

    def __init__(self, message):
        super().__init__(message.start)
        self.status = message.status


class Message:
    """A SIP request or response, taken apart."""

    def __init__(self, data):
        head, _, self.body = data.decode('utf-8', errors='replace').partition('\r\n\r\n')
        lines = re.sub(r'\r\n[ \t]+', ' ', head).split('\r\n')
        self.start = lines[0]
        self.headers = []
        for line in lines[1:]:
            name, _, value = line.partition(':')
            name = name.strip().lower()
            self.headers.append((COMPACT.get(name, name), value.strip()))
        first, second, _ = (self.start + '  ').split(' ', 2)
        self.is_response = first == 'SIP/2.0'
        self.status = int(second) if self.is_response else None
        self.method = self.get('cseq', '0 ?').split()[1] if self.is_response else first

    def get(self, name, default=None):
        return next((value for header, value in self.headers if header == name), default)

    def all(self, name):
        return [value for header, value in self.headers if header == name]

    def branch(self):
        found = re.search(r'branch=([^;,\s]+)', self.get('via', ''))
        return found.group(1) if found else ''

    def tag(self, name):
        found = re.search(r';tag=([^;\s>]+)', self.get(name, ''))
        return found.group(1) if found else ''

    def uri(self, name):
        value = self.get(name, '')
        found = re.search(r'<([^>]*)>', value)
        return found.group(1) if found else value.split(';')[0].strip()


def token():
    return secrets.token_hex(8)


def digest(challenge, username, password, method, uri):
    """The value of an Authorization header for a challenge (RFC 2617, MD5)."""
    field = {key.lower(): value.strip('"') for key, value in re.findall(r'(\w+)=("[^"]*"|[^,\s]+)', challenge)}

    def md5(text):
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    secret = md5(f"{username}:{field['realm']}:{password}")
    operation = md5(f'{method}:{uri}')
    answer = {'username': username, 'realm': field['realm'], 'nonce': field['nonce'], 'uri': uri}
    plain = ['algorithm=MD5']
    if 'auth' in field.get('qop', ''):
        cnonce = token()
        answer.update(cnonce=cnonce, response=md5(f"{secret}:{field['nonce']}:00000001:{cnonce}:auth:{operation}"))
        plain += ['qop=auth', 'nc=00000001']
    else:
        answer['response'] = md5(f"{secret}:{field['nonce']}:{operation}")
    if 'opaque' in field:
        answer['opaque'] = field['opaque']
    return 'Digest ' + ', '.join([f'{key}="{value}"' for key, value in answer.items()] + plain)


class Voice:
    """What a party says in a codec: `said` and `silence` are encoded; what is said begins again at its end, and the last frame of
    the silence, when the encoder has come to rest, is repeated."""

    def __init__(self, codec, said, silence):
        self.codec, self.said, self.silence = codec, said, silence[-tones.FRAME:]

    def frame(self, number):
        at = number * tones.FRAME % (len(self.said) // tones.FRAME * tones.FRAME)
        return self.said[at:at + tones.FRAME]


class Media(asyncio.DatagramProtocol):
    """One side of an RTP stream. `party` names the tones that it says once speak() was called; silence before."""
    clock = None  # one task for all streams, so that every party speaks in step
    streams = set()

    def __init__(self, party, voice=None):
        self.party = party
        self.voice = voice   # a Voice that speaks instead of the party's tones
        self.remote = None
        self.transport = None
        # RTP begins with any number. Here a caller's are always behind: the audio of a new party whose numbers are behind
        # those of the party before is what a recorder of Asterisk 22 drops after an attended transfer, unless it is
        # started again.
        self.sequence = random.randrange(1 << 13) + (0 if party == 'A' else 16384)
        self.stamp = random.randrange(1 << 31)
        self.source = random.randrange(1 << 32)
        self.speaking = False
        self.loss = 0        # the share of packets that the network loses, by chance; 1: nothing arrives
        self.sent = self.lost = 0  # packets
        self.said = 0        # frames of speech sent
        self.since = None    # when the first of them was sent
        # The parts of digits that are still to be sent: (event, volume and end bit, duration, begin stamp), or a tone's payload.
        self.digits = []
        self.received = []   # (when, payload)
        self.last_event = None
        self.pressed = ''    # digits that the other side pressed

    @classmethod
    async def open(cls, address, party, voice=None):
        self = cls(party, voice)
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(address, 0))
        cls.streams.add(self)
        if cls.clock is None or cls.clock.done():
            cls.clock = loop.create_task(cls._tick())
        return self

    @classmethod
    async def _tick(cls):
        due = time.monotonic()
        while cls.streams:
            due += tones.FRAME / tones.RATE
            delay = due - time.monotonic()
            await asyncio.sleep(max(delay, 0))
            for stream in list(cls.streams):
                stream._send()

    @property
    def kind(self):
        return CODECS[self.voice.codec if self.voice else 'ulaw'][0]

    @property
    def port(self):
        return self.transport.get_extra_info('sockname')[1]

    def close(self):
        if self in self.streams:
            self.streams.discard(self)
            self.transport.close()

    def speak(self):
        self.speaking = True

    def press_tones(self, digits):
        """Queue digits of 160 ms each with 100 ms between them, as tones."""
        for digit in digits:
            self.digits += [*tones.key_frames(digit, 8), *[None] * 5]

    def press(self, digits):
        """Queue digits of 160 ms each with 100 ms between them (RFC 4733); the end packet is sent three times."""
        for digit in digits:
            event = DIGIT_EVENTS[digit]
            for n in range(1, 9):
                self.digits.append((event, 10, n * tones.FRAME, n == 1))
            for _ in range(3):
                self.digits.append((event, 0x80 | 10, 8 * tones.FRAME, False))
            self.digits += [None] * 5

    def _send(self):
        if self.remote is None:
            return
        self.stamp = (self.stamp + tones.FRAME) & 0xffffffff
        event = self.digits.pop(0) if self.digits else None
        if isinstance(event, bytes):
            kind, stamp, payload = 0, self.stamp, event
        elif event:
            code, volume, duration, begins = event
            if begins:
                self.event_stamp = self.stamp
            payload, stamp = struct.pack('!BBH', code, volume, duration), self.event_stamp
            kind = TELEPHONE_EVENT | (0x80 if begins else 0)
        else:
            kind, stamp = self.kind, self.stamp
            payload = self.voice.silence if self.voice else tones.SILENCE
        # Speech continues in time under a digit, so that the plan "second n is said n seconds after the answer" holds.
        if self.speaking:
            self.since = self.since or time.time()
            if not event:
                payload = self.voice.frame(self.said) if self.voice else tones.frame(self.party, self.said)
            self.said += 1
        self.sequence = (self.sequence + 1) & 0xffff
        if random.random() < self.loss:
            self.lost += 1
            return
        self.sent += 1
        header = struct.pack('!BBHII', 0x80, kind, self.sequence, stamp, self.source)
        with contextlib.suppress(OSError):
            self.transport.sendto(header + payload, self.remote)

    def datagram_received(self, data, addr):
        if len(data) < 12:
            return
        first, kind, _, stamp = struct.unpack('!BBHI', data[:8])
        payload = data[12 + 4 * (first & 15):]
        if kind & 0x7f == 0:
            self.received.append((time.time(), payload))
        elif kind & 0x7f == TELEPHONE_EVENT and len(payload) >= 4 and payload[1] & 0x80 and stamp != self.last_event:
            self.last_event = stamp
            self.pressed += '0123456789*#ABCD'[payload[0] & 15]

    def error_received(self, exc):
        pass

    @property
    def seconds(self):
        return self.said * tones.FRAME / tones.RATE

    def heard(self, parties='ABCD'):
        return tones.speech(tones.from_ulaw(b''.join(payload for _, payload in self.received)), parties)


class Call:
    """One dialog. Made by Line.call() or handed to a Line's on_call."""

    def __init__(self, line, outgoing):
        self.line = line
        self.outgoing = outgoing
        self.local_tag, self.remote_tag = token(), ''
        self.call_id = f'{token()}@{line.address}'
        self.local_uri = self.remote_uri = self.target = ''
        self.local_name = ''
        self.cseq = random.randrange(1, 1000)
        self.media = None
        self.invite = None
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self.ended_by = ''           # 'us', 'them', 'cancel' or the failing status
        self.began_at = time.time()
        self.answered_at = None
        self.ringing_at = None
        self.ended_at = None
        self.mode = 'sendrecv'
        self.transferred = asyncio.Event()
        self.progress = []           # what NOTIFY reported about a transfer
        self.acknowledged = asyncio.Event()
        self.session = random.randrange(1 << 30)

    # --- SDP

    def sdp(self):
        self.session += 1
        kind, name = CODECS[self.line.voice.codec if self.line.voice else 'ulaw']
        formats, events = f'{kind}', ''
        if self.line.has_events:
            formats = f'{kind} {TELEPHONE_EVENT}'
            events = f'a=rtpmap:{TELEPHONE_EVENT} telephone-event/8000\r\na=fmtp:{TELEPHONE_EVENT} 0-15\r\n'
        return (f'v=0\r\no=- {self.session} {self.session} IN IP4 {self.line.address}\r\ns=-\r\n'
                f'c=IN IP4 {self.line.address}\r\nt=0 0\r\nm=audio {self.media.port} RTP/AVP {formats}\r\n'
                f'a=rtpmap:{kind} {name}\r\n{events}a=ptime:20\r\na={self.mode}\r\n')

    def _take_sdp(self, body):
        address = re.search(r'^c=IN IP4 (\S+)', body, re.M)
        port = re.search(r'^m=audio (\d+)', body, re.M)
        if address and port and self.media:
            self.media.remote = (address.group(1), int(port.group(1)))

    # --- what a user does

    async def answer(self, speak=True):
        self.media.speaking = speak
        self._take_sdp(self.invite.body)
        self.line.respond(self.invite, 200, 'OK', call=self, body=self.sdp())
        self.answered_at = time.time()
        self.answered.set()
        self.line.keep(self._repeat_answer())

    async def _repeat_answer(self):
        wait = T1
        while wait < 16 and not self.acknowledged.is_set() and not self.ended.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.acknowledged.wait(), wait)
                return
            self.line.repeat(self.invite)
            wait *= 2

    def refuse(self, status=486, reason='Busy Here'):
        self.line.respond(self.invite, status, reason, call=self)
        self._over(str(status))

    async def hang_up(self):
        if self.ended.is_set():
            return
        if not self.answered.is_set() and not self.outgoing:
            self.refuse()
            return
        with contextlib.suppress(Refused, TimeoutError):
            if self.answered.is_set():
                self._over('us')
                await self.line.request('BYE', self)
            else:
                await self.line.cancel(self)
        self._over('us')

    async def hold(self, on=True):
        """re-INVITE with another direction."""
        self.mode = 'sendonly' if on else 'sendrecv'
        await self.line.invite(self)

    def press(self, digits):
        if self.line.has_events:
            self.media.press(digits)
        else:
            self.media.press_tones(digits)

    async def transfer(self, number, replaces=None):
        """REFER: blind, or attended when the dialog to the target is given."""
        refer_to = f'sip:{number}@{self.line.server[0]}:{self.line.server[1]}'
        if replaces:
            value = f'{replaces.call_id};to-tag={replaces.remote_tag};from-tag={replaces.local_tag}'
            refer_to += '?Replaces=' + quote(value, safe='')
        await self.line.request('REFER', self, headers=[('Refer-To', f'<{refer_to}>'), ('Referred-By', f'<{self.local_uri}>')])

    def lost(self):
        """The other side is dead, so no BYE is sent."""
        self._over('lost')

    def _over(self, how):
        if not self.ended.is_set():
            self.ended_by, self.ended_at = how, time.time()
            self.ended.set()
            if self.media:
                self.media.close()


class Line(asyncio.DatagramProtocol):
    """One SIP address: a phone with a user and a password, or (with neither) a trunk."""

    def __init__(self, user, password=None, address='127.0.0.1', party='A', auth_user=None):
        self.user, self.password, self.address, self.party = user, password, address, party
        self.auth_user = auth_user or user
        self.voice = None     # what it says on its calls, instead of the party's tones
        self.has_events = True  # offers RFC 4733; without it, digits are tones
        self.server = None
        self.transport = None
        self.calls = {}       # (Call-ID, our tag) -> Call
        self.incoming = {}    # Call-ID + branch of a received INVITE -> Call
        self.waiting = {}     # (branch, method) -> queue of responses
        self.answers = {}     # (branch, method) of a received request -> what we answered
        self.on_call = None   # coroutine function(call)
        self.binding = None   # the value of Contact in its REGISTER, if that is not `contact`
        self.registered = None  # the contact of the last REGISTER that was received
        self.tasks = set()
        self.history = []     # all calls, for the judge
        self.trace = []

    async def open(self, server, port=0):
        self.server = server
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.address, port))
        return self

    @property
    def port(self):
        return self.transport.get_extra_info('sockname')[1]

    def close(self):
        for call in self.history:
            call.lost()
        for task in list(self.tasks):
            task.cancel()
        self.transport.close()

    def keep(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    @property
    def contact(self):
        return f'<sip:{self.user}@{self.address}:{self.port}>'

    # --- what a user does

    async def register(self, expires=600):
        uri = f'sip:{self.server[0]}:{self.server[1]}'
        mine = f'<sip:{self.user}@{self.server[0]}>'
        call_id, tag = f'{token()}@{self.address}', token()
        authorization = None
        for sequence in (1, 2):
            headers = [('From', f'{mine};tag={tag}'), ('To', mine), ('Call-ID', call_id), ('CSeq', f'{sequence} REGISTER'),
                       ('Contact', self.binding or self.contact), ('Expires', f'{expires}')]
            answer = await self._transaction('REGISTER', uri, headers + (authorization or []))
            if answer.status == 200:
                return
            if answer.status not in (401, 407) or authorization:
                raise Refused(answer)
            authorization = self._authorization(answer, 'REGISTER', uri)

    def _towards(self, number, name='', user=None, target=None):
        call = Call(self, outgoing=True)
        call.local_name = name
        call.local_uri = f'sip:{user if user is not None else self.user}@{self.address}'
        call.remote_uri = f'sip:{number}@{self.server[0]}:{self.server[1]}'
        call.target = target or call.remote_uri
        return call

    async def ask(self, method, number, user=None, headers=(), body=''):
        """A request outside of any call; the final status."""
        call = self._towards(number, user=user)
        call.cseq = 1
        try:
            return (await self.request(method, call, headers, body)).status
        except Refused as refused:
            return refused.status

    async def call(self, number, name='', user=None, party=None, wait=True, target=None, speak=True):
        """INVITE; returns the Call at once with wait=False, else when it is answered. Refused when it is not.
        `user` and `name` go into From as they are, for forged callers; `target` is the request's URI where it is not the
        called number's. With speak=False the caller is silent from the first packet on."""
        call = self._towards(number, name, user, target)
        call.media = await Media.open(self.address, party or self.party, self.voice)
        call.media.speaking = speak
        self.calls[call.call_id, call.local_tag] = call
        self.history.append(call)
        attempt = self.keep(self.invite(call))
        if wait:
            await attempt
        else:
            attempt.add_done_callback(lambda done: done.cancelled() or done.exception())
        return call

    async def invite(self, call):
        authorization = None
        for _ in range(2):
            call.cseq += 1
            answer = await self._transaction('INVITE', call.target, self._dialog_headers(call, 'INVITE') + (authorization or [])
                                             + [('Content-Type', 'application/sdp')], call.sdp(), call)
            if answer.status < 300:
                break
            if answer.status not in (401, 407) or authorization or not self.password:
                if not call.answered.is_set():
                    call._over(str(answer.status))
                raise Refused(answer)
            authorization = self._authorization(answer, 'INVITE', call.target)
        call._take_sdp(answer.body)
        if not call.answered.is_set():
            call.answered_at = time.time()
            call.answered.set()
        return call

    async def cancel(self, call):
        """CANCEL names the INVITE's own branch; the INVITE then ends with 487."""
        headers = [('From', self._from(call)), ('To', f'<{call.remote_uri}>'), ('Call-ID', call.call_id),
                   ('CSeq', f'{call.cseq} CANCEL')]
        await self._transaction('CANCEL', call.target, headers, branch=call.branch)
        call._over('cancel')

    async def request(self, method, call, headers=(), body=''):
        """A request within a dialog; the password is sent when the other side asks for it."""
        authorization = []
        for _ in range(2):
            call.cseq += 1
            answer = await self._transaction(method, call.target, self._dialog_headers(call, method) + authorization
                                             + list(headers), body)
            if answer.status < 300:
                return answer
            if answer.status not in (401, 407) or authorization or not self.password:
                break
            authorization = self._authorization(answer, method, call.target)
        raise Refused(answer)

    # --- sending

    def _from(self, call):
        name = f'{call.local_name} ' if call.local_name else ''
        return f'{name}<{call.local_uri}>;tag={call.local_tag}'

    def _dialog_headers(self, call, method):
        tag = f';tag={call.remote_tag}' if call.remote_tag else ''
        return [('From', self._from(call)), ('To', f'<{call.remote_uri}>{tag}'), ('Call-ID', call.call_id),
                ('CSeq', f'{call.cseq} {method}'), ('Contact', self.contact), ('Supported', 'replaces'),
                ('Allow', 'INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, UPDATE')]

    def _authorization(self, answer, method, uri):
        name, header = (('www-authenticate', 'Authorization') if answer.status == 401
                        else ('proxy-authenticate', 'Proxy-Authorization'))
        challenges = answer.all(name)
        challenge = next((text for text in challenges if 'SHA' not in text.upper()), challenges[0])
        return [(header, digest(challenge, self.auth_user, self.password, method, uri))]

    def _send(self, text):
        self.trace.append((time.time(), '>', text))
        if not self.transport.is_closing():
            self.transport.sendto(text.encode(), self.server)

    def _text(self, method, uri, branch, headers, body=''):
        lines = [f'{method} {uri} SIP/2.0', f'Via: SIP/2.0/UDP {self.address}:{self.port};branch={branch};rport',
                 'Max-Forwards: 70', *(f'{name}: {value}' for name, value in headers), f'Content-Length: {len(body.encode())}']
        return '\r\n'.join(lines) + '\r\n\r\n' + body

    async def _transaction(self, method, uri, headers, body='', call=None, branch=None):
        """Send a request, and again until something answers; the final response."""
        branch = branch or f'z9hG4bK{token()}'
        if call:
            call.branch = branch
        text = self._text(method, uri, branch, headers, body)
        responses = self.waiting[branch, method] = asyncio.Queue()
        try:
            wait, provisional, started = T1, False, time.monotonic()
            self._send(text)
            while True:
                try:
                    answer = await asyncio.wait_for(responses.get(), None if provisional and method == 'INVITE' else wait)
                except asyncio.TimeoutError:
                    if time.monotonic() - started > 8:
                        raise TimeoutError(f'no answer to {method} {uri}') from None
                    wait *= 2
                    self._send(text)
                    continue
                if call and answer.tag('to'):
                    call.remote_tag = answer.tag('to')
                if answer.status >= 200:
                    break
                provisional = True
                if call and answer.status == 180 and not call.ringing_at:
                    call.ringing_at = time.time()
            if method == 'INVITE':
                if answer.status < 300:
                    if answer.uri('contact'):
                        call.target = answer.uri('contact')
                    self._send(self._acknowledge(call))
                    self.waiting.pop((branch, method))
                    self.waiting[branch, method] = call  # a repeated 200 is acknowledged again
                else:
                    to = next(value for name, value in answer.headers if name == 'to')
                    number = next(value for name, value in headers if name == 'CSeq').split()[0]
                    self._send(self._text('ACK', uri, branch, [
                        (name, value) for name, value in headers if name in ('From', 'Call-ID')]
                        + [('To', to), ('CSeq', f'{number} ACK')]))
                    call.remote_tag = call.remote_tag if call.answered.is_set() else ''
            return answer
        finally:
            if self.waiting.get((branch, method)) is responses:
                del self.waiting[branch, method]

    def _acknowledge(self, call):
        headers = [(name, f'{call.cseq} ACK' if name == 'CSeq' else value)
                   for name, value in self._dialog_headers(call, 'ACK') if name not in ('Supported', 'Allow')]
        return self._text('ACK', call.target, f'z9hG4bK{token()}', headers)

    def respond(self, request, status, reason, call=None, body='', contact=None):
        to = request.get('to')
        if call and not request.tag('to'):
            to += f';tag={call.local_tag}'
        lines = [f'SIP/2.0 {status} {reason}', *(f'Via: {via}' for via in request.all('via')),
                 f"From: {request.get('from')}", f'To: {to}', f"Call-ID: {request.get('call-id')}",
                 f"CSeq: {request.get('cseq')}", f'Contact: {contact or self.contact}',
                 'Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, UPDATE', 'Supported: replaces']
        if body:
            lines.append('Content-Type: application/sdp')
        text = '\r\n'.join([*lines, f'Content-Length: {len(body.encode())}']) + '\r\n\r\n' + body
        self.answers[request.branch(), request.method] = text
        self._send(text)

    def repeat(self, request):
        self._send(self.answers[request.branch(), request.method])

    # --- receiving

    def error_received(self, exc):
        pass

    def datagram_received(self, data, addr):
        if not data.strip():
            return
        message = Message(data)
        if not message.get('call-id'):
            return  # audio that was on its way to the port of a call that had ended
        self.trace.append((time.time(), '<', data.decode(errors='replace')))
        if message.is_response:
            waiting = self.waiting.get((message.branch(), message.method))
            if isinstance(waiting, Call):
                if message.status >= 200:
                    self._send(self._acknowledge(waiting))
            elif waiting:
                waiting.put_nowait(message)
            return
        if (message.branch(), message.method) in self.answers and message.method != 'ACK':
            self.repeat(message)
            return
        call = self.calls.get((message.get('call-id'), message.tag('to')))
        handler = getattr(self, f'_got_{message.method.lower()}', None)
        if handler:
            handler(message, call)
        else:
            self.respond(message, 501, 'Not Implemented')

    def _got_invite(self, message, call):
        if call:  # re-INVITE
            call._take_sdp(message.body)
            call.invite = message
            call.acknowledged.clear()
            self.respond(message, 200, 'OK', call=call, body=call.sdp())
            return
        self.respond(message, 100, 'Trying')
        call = Call(self, outgoing=False)
        call.invite = message
        call.call_id = message.get('call-id')
        call.remote_tag = message.tag('from')
        call.local_uri, call.remote_uri = message.uri('to'), message.uri('from')
        call.target = message.uri('contact')
        self.calls[call.call_id, call.local_tag] = call
        self.incoming[message.branch()] = call
        self.history.append(call)
        self.keep(self._ring(call))

    async def _ring(self, call):
        call.media = await Media.open(self.address, self.party, self.voice)
        call.ringing_at = time.time()
        if self.on_call is None:
            call.refuse(480, 'Temporarily Unavailable')
            return
        await self.on_call(call)

    def ring(self, call):
        self.respond(call.invite, 180, 'Ringing', call=call)

    def _got_ack(self, message, call):
        if call:
            call.acknowledged.set()
            if message.body:
                call._take_sdp(message.body)

    def _got_cancel(self, message, call):
        self.respond(message, 200, 'OK')
        call = self.incoming.get(message.branch())
        if call and not call.answered.is_set() and not call.ended.is_set():
            self.respond(call.invite, 487, 'Request Terminated', call=call)
            call._over('cancel')

    def _got_bye(self, message, call):
        self.respond(message, 200 if call else 481, 'OK' if call else 'No Such Call')
        if call:
            call._over('them')

    def _got_update(self, message, call):
        if call and message.body:
            call._take_sdp(message.body)
        self.respond(message, 200, 'OK', call=call, body=call.sdp() if call and message.body else '')

    def _got_notify(self, message, call):
        self.respond(message, 200, 'OK')
        if call and 'refer' in message.get('event', ''):
            call.progress.append(message.body.strip())
            if re.match(r'SIP/2\.0 [2-6]', message.body):
                call.transferred.set()
            if message.body.startswith('SIP/2.0 2'):  # a phone that has transferred its call leaves it
                self.keep(call.hang_up())

    def _got_options(self, message, call):
        self.respond(message, 200, 'OK')

    def _got_info(self, message, call):
        self.respond(message, 200, 'OK')

    def _got_register(self, message, call):
        """As a provider does, without a password; the contact that calls are to be sent to is kept."""
        self.registered = message.uri('contact')
        self.respond(message, 200, 'OK', contact=f'<{self.registered}>;expires=600')

    def _got_message(self, message, call):
        self.respond(message, 200, 'OK')

    def _got_refer(self, message, call):
        self.respond(message, 603, 'Decline')
