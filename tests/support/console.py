"""Asterisk's console with calls that a test makes up, for what a real Asterisk does too rarely: it answers late, or not as usual, to
one command. tests/asterisk has what a real one does.

    console = Console(work)
    console.call('1776500000.1', 'PJSIP/acme_1001-00000001')
    console.stop_at('mixmonitor start', lambda: process.terminate())
    work.run('pbx-record', *console.options, 'pause', '1776500000.1')
"""
import contextlib
import os
import socket
import threading

HEADING = 'MixMonitor ID\tFile\tReceive File\tTransmit File\n=====\n'


class Console:
    """Channels, recorders and the AstDB of one Asterisk."""

    def __init__(self, work):
        folder = work.path / 'console'
        folder.mkdir()
        program = folder / 'asterisk'
        program.write_text(f'#!/bin/sh\necho "  Run/Sockets directory:       {folder}"\n', encoding='utf-8')
        program.chmod(0o755)
        self.options = ('--asterisk-dir', folder, '--asterisk', program)
        self.database = {}     # 'FAMILY/KEY': value
        self.channels = {}     # name: (unique id, linkedid)
        self.bridges = {}      # name: the bridge that the channel is in
        self.recorders = {}    # name: [file]
        self.commands = []     # all that were given
        self.actions = {}      # the beginning of a command: what to do before it is answered; an answer replaces the usual one
        self.begun = 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(folder / 'asterisk.ctl'))
        os.chmod(folder / 'asterisk.ctl', 0o777)
        self.socket.listen(20)
        work.stack.callback(self.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def call(self, linkedid, *names, recorded=True):
        """A call whose channels are recorded."""
        for number, name in enumerate(names):
            begun, _, sequence = linkedid.partition('.')
            self.channels[name] = (f'{begun}.{int(sequence) + number}', linkedid)
            self.recorders[name] = [f'/spool/{name.replace("/", "-")}.wav'] if recorded else []

    def on(self, command, action):
        """`action` happens once, before a command that begins so is answered. What it returns replaces the usual answer."""
        self.actions[command] = action

    def watches(self):
        """The channels that watch a call."""
        return [name for name in self.channels if name.startswith('Local/')]

    # --- the protocol

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.sendall(b'pbx/1/Asterisk 22\n')
            received = b''
            while more := connection.recv(65536):
                received += more
                while b'\0' in received:
                    command, received = received.split(b'\0', 1)
                    connection.sendall(self.answer(command.decode()).encode())

    def answer(self, command):
        if command.startswith('end-'):
            return f"No such command '{command}' (type 'core show help {command}' for other possible commands)\n"
        self.commands.append(command)
        for beginning in list(self.actions):
            if command.startswith(beginning):
                instead = self.actions.pop(beginning)()
                if instead is not None:
                    return instead
        words = command.split()
        known = getattr(self, '_'.join(words[:2]), None)
        return known(*words[2:]) if known else ''

    def core_show(self, what, *words):
        if what == 'function':
            return '  -= Info about function =-\n'
        if what == 'channels':
            return ''.join(f'{name}!c!e!1!Up!Dial!!100!account!!3!10!{self.bridges.get(name, "")}!{unique}\n'
                           for name, (unique, _) in self.channels.items())
        if words[0] not in self.channels:
            return f'{words[0]} is not a known channel\n'
        unique, linked = self.channels[words[0]]
        return f' -- General --\n   Name: {words[0]}\n   UniqueID: {unique}\n   LinkedID: {linked}\n   Caller ID: x\n'

    def mixmonitor_list(self, channel):
        return HEADING + ''.join(f'0x{number + 1}\t{file}\t\t\n' for number, file in enumerate(self.recorders.get(channel, [])))

    def mixmonitor_stop(self, channel, _):
        self.recorders[channel].pop()
        return ''

    def mixmonitor_start(self, channel, arguments):
        self.recorders[channel].append(arguments.partition(',')[0])
        return ''

    def database_put(self, family, key, value):
        self.database[f'{family}/{key}'] = value
        return 'Updated database successfully\n'

    def database_get(self, family, key):
        value = self.database.get(f'{family}/{key}')
        return 'Database entry not found.\n' if value is None else f'Value: {value}\n'

    def database_show(self, family, key):
        return ''.join(f'/{name}: {value}\n' for name, value in sorted(self.database.items())
                       if name.startswith(f'{family}/{key}/'))

    def database_del(self, family, key):
        self.database.pop(f'{family}/{key}', None)
        return 'Database entry removed.\n'

    def dialplan_show(self, *_):
        return "  'paused' =>       1. NoOp()\n"

    def channel_originate(self, channel, *_):
        self.begun += 1
        name = channel.removesuffix('/n')
        self.channels[f'{name}-{self.begun:08x};1'] = (f'1776600000.{self.begun}', f'1776600000.{self.begun}')
        return ''
