#!/usr/bin/env python3
"""Recordings over HTTP, served by lighttpd with the installed example."""
from unpacked import Unpacked
from web_server import Served, WebServer, main


class Lighttpd(WebServer):
    packages = Unpacked('lighttpd', ['lighttpd'])
    example = 'lighttpd.conf'

    def configure(self, text):
        self.write('conf', f'''server.modules = ( "mod_alias", "mod_setenv", "mod_cgi" )
server.document-root = "{self.data}"
server.bind = "127.0.0.1"
server.port = {self.port}
{text}''')

    def commands(self):
        modules = self.packages.program('usr/lib/lighttpd')
        return [[self.packages.program('usr/sbin/lighttpd'), '-D', '-f', self.path / 'conf', '-m', modules]]


class OverLighttpd(Served):
    server_type = Lighttpd


del Served

if __name__ == '__main__':
    main()
