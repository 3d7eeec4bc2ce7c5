"""lighttpd for tests/bench/run: web.py FOLDER PROGRAM OTHER serves two CGI programs as /ours and /theirs, and prints "ready PORT"."""
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'support'))
from storage import Server, free_port  # noqa: E402
from unpacked import Unpacked  # noqa: E402

packages = Unpacked('lighttpd', ['lighttpd'])
folder, ours, theirs = Path(sys.argv[1]), *sys.argv[2:]
port = free_port()
(folder / 'lighttpd.conf').write_text(f'''server.modules = ( "mod_alias", "mod_cgi" )
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.range-requests = "disable"
server.stream-response-body = 1
alias.url = ( "/ours" => "{ours}", "/theirs" => "{theirs}" )
$HTTP["url"] =~ "^/" {{ cgi.assign = ( "" => "" ) }}
''', encoding='utf-8')
server = subprocess.Popen(['setpriv', '--pdeathsig', 'TERM', packages.program('usr/sbin/lighttpd'), '-D', '-f', folder / 'lighttpd.conf',
                           '-m', packages.program('usr/lib/lighttpd')])
while not Server._listens(port):  # pylint: disable=protected-access
    time.sleep(0.05)
print('ready', port, flush=True)
server.wait()
