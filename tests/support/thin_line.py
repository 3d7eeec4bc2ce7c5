"""A thin line: a TCP proxy on loopback whose connections share so many bytes per second, each way.

In a test:      with contextlib.closing(ThinLine(cloud.port, 20_000)) as line: ... line.port ...
From a shell:   python3 thin_line.py SERVER_PORT BYTES_PER_SECOND      prints "ready PORT"

Its receive buffers are small and its packets are those of Ethernet, so that a sender whose bytes do not get through has to
wait, as it has to at a real line's end.
"""
import contextlib
import socket
import sys
import threading
import time

PACKET = 1024        # bytes that pass at once
BUFFER = 8 * PACKET  # of each connection
LATE = 0.2           # seconds: a line does not wait for a busy machine that serves its packets late


class _Direction:
    """Passes packets one after the other, each in its time."""

    def __init__(self, rate):
        self.rate, self.lock, self.free_at, self.bytes = rate, threading.Lock(), 0.0, 0

    def wait(self, size):
        with self.lock:
            now = time.monotonic()
            self.free_at = max(self.free_at, now - LATE) + size / self.rate
            self.bytes += size
            wait = self.free_at - now
        time.sleep(max(0, wait))


class ThinLine:
    def __init__(self, server_port, rate):
        self.server_port = server_port
        self.up, self.down = _Direction(rate), _Direction(rate)
        self.listener = socket.socket()
        # Connections inherit both.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(('127.0.0.1', self.server_port))
            except OSError:
                return
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
            for source, target, direction in ((client, server, self.up), (server, client, self.down)):
                threading.Thread(target=self._carry, args=(source, target, direction), daemon=True).start()

    @staticmethod
    def _carry(source, target, direction):
        try:
            while piece := source.recv(PACKET):
                direction.wait(len(piece))
                target.sendall(piece)
        except OSError:
            pass
        # Whoever ends a connection ends it on both sides of the line.
        for side in (source, target):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        source.close()


if __name__ == '__main__':
    line = ThinLine(int(sys.argv[1]), int(sys.argv[2]))
    print('ready', line.port, flush=True)
    line.thread.join()
