"""An Asterisk for one test, with its own folders, its own ports on loopback, and only the modules that calls need.

    with Asterisk() as pbx:                       # skips the test (Unavailable) if there is no Asterisk
        pbx.write('pjsip.conf', '...')            # into pbx.etc; start() writes only files that do not exist yet
        pbx.start()                               # ready, or RuntimeError with Asterisk's messages
        pbx.cli('dialplan show')
        pbx.complaints()                          # the WARNING and ERROR lines since start
        pbx.sip                                   # ('127.0.0.1', port)

A test of `pbx-dialplan-gen --validate` needs only the program: asterisk_root.program() is the path of an `asterisk` whose folder
can be put first into PATH, and which takes `-C /any/folder/asterisk.conf` as Asterisk does.
"""
import contextlib
import ctypes
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asterisk_root
from asterisk_root import Unavailable
from workdir import BIN, main

# What a PBX of our kind uses; everything else stays out, so that it is up in a second and logs only what concerns us.
# app_system and func_shell are loaded for the tests of hostile names: a hole would have something to run.
MODULES = '''
res_sorcery_config res_sorcery_memory res_sorcery_astdb res_timing_timerfd res_musiconhold res_pjproject
app_dial app_queue app_mixmonitor app_playback app_stack app_forkcdr app_cdr app_verbose app_exec app_system app_echo
app_sendtext app_while app_read app_transfer app_chanspy app_bridgewait app_playtones app_softhangup app_senddtmf
pbx_config chan_pjsip chan_bridge_media cdr_pgsql res_cdrel_custom cdr_custom codec_ulaw codec_alaw codec_resample codec_gsm codec_g722
format_wav format_wav_gsm format_pcm format_gsm format_sln res_rtp_asterisk features
res_parking res_clioriginate app_db func_base64 func_callerid func_cdr func_channel func_config func_cut func_db func_devstate func_dialgroup
func_dialplan func_env func_extstate func_global func_groupcount func_hangupcause func_lock func_logic func_math func_md5
func_module func_pjsip_aor func_pjsip_contact func_pjsip_endpoint func_presencestate func_rand func_sha1 func_shell
func_sprintf func_strings func_timeout func_uri func_version func_volume func_periodic_hook
bridge_builtin_features bridge_builtin_interval_features bridge_holding bridge_native_rtp bridge_simple bridge_softmix
res_pjsip res_pjsip_session res_pjsip_acl res_pjsip_authenticator_digest res_pjsip_caller_id res_pjsip_dialog_info_body_generator
res_pjsip_diversion res_pjsip_dlg_options res_pjsip_dtmf_info res_pjsip_empty_info res_pjsip_endpoint_identifier_anonymous
res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_exten_state res_pjsip_header_funcs
res_pjsip_logger res_pjsip_messaging res_pjsip_mwi res_pjsip_mwi_body_generator res_pjsip_nat res_pjsip_notify
res_pjsip_one_touch_record_info res_pjsip_outbound_authenticator_digest res_pjsip_outbound_publish
res_pjsip_outbound_registration res_pjsip_path res_pjsip_pidf_body_generator res_pjsip_pubsub res_pjsip_refer
res_pjsip_registrar res_pjsip_rfc3326 res_pjsip_sdp_rtp res_pjsip_send_to_voicemail res_pjsip_xpidf_body_generator
'''.split()

# 20 ms of silence as a WAV file, for what Asterisk says to those who transfer calls.
PROMPT = struct.pack('<4sI4s4sIHHIIHH4sI', b'RIFF', 356, b'WAVE', b'fmt ', 16, 1, 1, 8000, 16000, 2, 16, b'data', 320) + bytes(320)

FEATURES = '[general]\ntransferdigittimeout = 1\n[featuremap]\nblindxfer => #\natxfer => *2\n'

# What Asterisk plays while it rings lies below all tones of speech, so that it can be distinguished from speech. If any of
# a country's tones is missing, Asterisk ignores them all and warns.
INDICATIONS = '''[general]
country = us
[us]
description = the tests
ringcadence = 2000,4000
''' + ''.join(f'{tone} = 250/500,0/500\n' for tone in (
    'dial', 'busy', 'ring', 'congestion', 'callwaiting', 'dialrecall', 'record', 'info'))

COMPLAINT = re.compile(r'^\[[^]]*\] (WARNING|ERROR)\[')


def free_port(kind=socket.SOCK_DGRAM, address='127.0.0.1'):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


NEW_UTS = 0x04000000  # CLONE_NEWUTS of unshare(2)


def _be_localhost():
    """Asterisk looks up the machine's own name for every call, and falls behind where that does not resolve, as in a root
    that debootstrap made. Only root may give it another name; without root it has to use the machine's."""
    with contextlib.suppress(OSError, AttributeError):
        if ctypes.CDLL(None).unshare(NEW_UTS) == 0:
            socket.sethostname('localhost')


class Asterisk:
    """One Asterisk in a temporary folder. Short path: its control socket's name may have 107 bytes."""

    def __init__(self, spool=None, modules=()):
        self.program = asterisk_root.program()
        self.modules = [*MODULES, *modules]
        self.folder = Path(tempfile.mkdtemp(prefix='pbx-ast-'))
        self.etc = self.folder / 'etc'
        self.log = self.folder / 'log' / 'messages'
        self.spool = Path(spool) if spool else self.folder / 'spool' / 'monitor'
        for folder in (self.etc, self.log.parent / 'cdr-custom', self.folder / 'run', self.folder / 'lib' / 'keys', self.folder / 'data',
                       self.folder / 'moh', self.spool):
            folder.mkdir(parents=True, exist_ok=True)
        self.sip = ('127.0.0.1', free_port())
        first = random.randrange(20000, 60000, 2)
        self.rtp = (first, first + 1999)
        self.process = None
        self.environment = {}  # of its process, beside ours

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, name, text):
        (self.etc / name).write_text(text, encoding='utf-8')

    def _defaults(self):
        root = self.program.parent
        modules = next(root.glob('usr/lib/**/asterisk/modules'))
        # Asterisk looks for many files below its data folder; those that are not ours come from the package.
        for name in ('documentation', 'static-http', 'rest-api', 'phoneprov'):
            link = self.folder / 'data' / name
            if (root / 'usr/share/asterisk' / name).exists() and not link.exists():
                link.symlink_to(root / 'usr/share/asterisk' / name)
        sounds = self.folder / 'data' / 'sounds' / 'en'
        sounds.mkdir(parents=True, exist_ok=True)
        for prompt in ('pbx-transfer', 'pbx-invalid', 'beep', 'beeperr'):  # without them Asterisk abandons a transfer by keys
            (sounds / f'{prompt}.wav').write_bytes(PROMPT)
        loads = ''.join(f'load => {name}.so\n' for name in self.modules if (modules / f'{name}.so').exists())
        return {
            'asterisk.conf': f'''[directories]
astetcdir => {self.etc}
astmoddir => {modules}
astvarlibdir => {self.folder}/lib
astdbdir => {self.folder}/lib
astkeydir => {self.folder}/lib
astdatadir => {self.folder}/data
astagidir => {self.folder}/data/agi-bin
astspooldir => {self.spool.parent}
astrundir => {self.folder}/run
astlogdir => {self.folder}/log
[options]
verbose = 4
''',
            'modules.conf': f'[modules]\nautoload = no\n{loads}',
            'logger.conf': '[general]\nappend_hostname = no\n[logfiles]\n'
                           'messages => notice,warning,error\nfull => notice,warning,error,verbose\n',
            'rtp.conf': f'[general]\nrtpstart = {self.rtp[0]}\nrtpend = {self.rtp[1]}\nstrictrtp = no\n',
            'features.conf': FEATURES,
            'indications.conf': INDICATIONS,
            'musiconhold.conf': f'[default]\nmode = files\ndirectory = {self.folder}/moh\n',
            **{name: '' for name in ('acl.conf', 'cli.conf', 'udptl.conf',
                                     'pjproject.conf', 'ccss.conf', 'stasis.conf', 'codecs.conf', 'dnsmgr.conf',
                                     'http.conf', 'manager.conf', 'cel.conf', 'dsp.conf', 'enum.conf', 'extconfig.conf',
                                     'sorcery.conf', 'res_parking.conf', 'pjsip_notify.conf', 'queuerules.conf')},
        }

    def write_defaults(self):
        """The files of its configuration that are not there yet."""
        for name, text in self._defaults().items():
            if not (self.etc / name).exists():
                self.write(name, text)

    def start(self):
        self.write_defaults()
        # Media is real time: on a machine that compiles beside the test, it gets priority. Only root may set that.
        first = ['nice', '-n', '-10'] if os.geteuid() == 0 else []
        with open(self.folder / 'log' / 'console', 'ab') as console:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*first, 'setpriv', '--pdeathsig', 'KILL', str(self.program), '-f', '-C', str(self.etc / 'asterisk.conf')],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, cwd=self.folder,
                env={**os.environ, 'HOME': str(self.folder), 'TZ': 'Asia/Kolkata', **self.environment}, preexec_fn=_be_localhost)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if 'fully booted' in self.cli('core waitfullybooted', check=False):
                return self
            time.sleep(0.1)
        raise RuntimeError(f'Asterisk did not start:\n{(self.folder / "log" / "console").read_text(errors="replace")[-4000:]}\n'
                           f'{self.messages()[-4000:]}')

    def cli(self, command, check=True):
        done = subprocess.run([str(self.program), '-C', str(self.etc / 'asterisk.conf'), '-rx', command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=60, check=False)
        said = done.stdout.decode(errors='replace')
        if check and done.returncode:
            raise RuntimeError(f'asterisk -rx {command!r}: {said}')
        return said

    def messages(self):
        return self.log.read_text(encoding='utf-8', errors='replace') if self.log.exists() else ''

    def complaints(self, since=0):
        """Lines of level WARNING and ERROR, from byte `since` of messages() on."""
        return [line for line in self.messages()[since:].splitlines() if COMPLAINT.match(line)]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self):
        """End it like a crash: recordings keep the header of their first second."""
        self.process.kill()
        self.process.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def main_with_asterisk(*programs):
    """Run the tests of the calling script. Prints the reason and exits with 77 where pbx-dialplan-gen, one of `programs` or
    Asterisk is not available."""
    lacking = [program for program in (BIN / 'pbx-dialplan-gen', *programs) if not shutil.which(program)]
    try:
        if lacking:
            raise Unavailable(', '.join(map(str, lacking)) + ' is missing')
        asterisk_root.program()
    except Unavailable as reason:
        print(f'SKIPPED: no Asterisk: {reason}', file=sys.stderr)
        sys.exit(77)
    main()


__all__ = ['Asterisk', 'FEATURES', 'Unavailable', 'free_port', 'main_with_asterisk']
