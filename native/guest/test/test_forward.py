"""TCP forwarding in and out."""
import errno, os, select, socket, threading, time, unittest
from cases import GuestCase
from protocol import *


class Server:
    """A TCP server on a free port that runs `serve(connection)` in a thread for each client."""

    def __init__(self, case, serve, family=socket.AF_INET):
        self.listener = socket.socket(family)
        self.listener.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        self.listener.listen(64)
        self.listener.settimeout(DEADLINE_SECONDS)
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        case.addCleanup(self.listener.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(DEADLINE_SECONDS)
            threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        with connection:
            try:
                self.serve(connection)
            except OSError:
                pass


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Dial(GuestCase):
    def dial(self, port, host=None):
        host = host or self.host
        stream = host.open("DIAL", u16(port))
        host.expect(stream, "DIALED")
        return stream

    def drain(self, stream, host=None):
        host, data = host or self.host, bytearray()
        while True:
            name, payload = host.expect(stream, "DATA", "END")
            if name == "END":
                return bytes(data)
            data += payload
            host.send("WINDOW", stream, u32(len(payload)))

    def test_data_goes_both_ways_and_ends_apart(self):
        stream = self.dial(Server(self, echo).port)
        self.host.send("DATA", stream, b"hello")
        self.assertEqual(self.host.expect(stream, "DATA"), b"hello")
        self.host.send("DATA", stream, b"last")
        self.host.send("END", stream)
        self.assertEqual(self.drain(stream), b"last")
        self.host.expect(stream, "DONE")

    def test_a_server_that_ends_first_can_still_be_written_to(self):
        got = []

        def serve(connection):
            connection.sendall(b"bye")
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                got.append(data)
        stream = self.dial(Server(self, serve).port)
        self.assertEqual(self.drain(stream), b"bye")
        self.host.send("DATA", stream, b"still here")
        self.host.send("END", stream)
        self.host.expect(stream, "DONE")
        self.eventually(lambda: b"".join(got) == b"still here")

    def test_ipv6_loopback_is_tried_second(self):
        try:
            server = Server(self, echo, socket.AF_INET6)
        except OSError:
            self.skipTest("this machine has no ::1")
        stream = self.dial(server.port)
        self.host.send("END", stream)
        self.assertEqual(self.drain(stream), b"")
        self.host.expect(stream, "DONE")

    def test_refusal_and_nonsense(self):
        self.assertEqual(self.host.error(self.host.open("DIAL", u16(free_port()))).errno, errno.ECONNREFUSED)
        self.assertEqual(self.host.error(self.host.open("DIAL", u16(0))).errno, errno.EINVAL)

    def test_a_reset_is_an_error(self):
        def serve(connection):
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        stream = self.dial(Server(self, serve).port)
        self.host.send("DATA", stream, b"x")
        self.assertEqual(self.host.error(stream).errno, errno.ECONNRESET)

    def test_megabytes_pass_and_windows_hold(self):
        data = os.urandom(4 << 20)
        received = bytearray()

        def serve(connection):
            while piece := connection.recv(65536):
                received.extend(piece)
            connection.sendall(received)
        stream = self.dial(Server(self, serve).port)
        self.host.send_counted(stream, "DATA", data)
        self.host.send("END", stream)
        self.assertEqual(self.drain(stream), data)
        self.host.expect(stream, "DONE")

    def test_a_slow_host_stalls_only_its_own_connection(self):
        host = self.guest.connect(window=1000)
        stream = self.dial(Server(self, lambda connection: connection.sendall(bytes(1 << 20))).port, host)
        got = 0
        while got < 1000:
            got += len(host.expect(stream, "DATA"))
        self.assertEqual(host.run(["echo", "on"])[0], b"on\n")
        self.assertFalse(host.streams.get(stream))
        host.send("WINDOW", stream, u32(1 << 20))
        while got < 1 << 20:
            got += len(host.expect(stream, "DATA"))
        host.expect(stream, "END")

    def test_cancel_and_a_vanished_host_close_the_connection(self):
        ended = []

        def serve(connection):
            try:
                while connection.recv(65536):
                    pass
            except OSError:
                pass
            ended.append(1)
        server = Server(self, serve)
        self.host.send("CANCEL", self.dial(server.port))
        self.eventually(lambda: len(ended) == 1)
        self.dial(server.port)
        self.host.close()
        self.eventually(lambda: len(ended) == 2)


class Listen(GuestCase):
    def listen(self, port, host=None):
        host = host or self.host
        stream = host.open("LISTEN", u16(port))
        host.expect(stream, "WATCHING")
        return stream

    def client(self, port):
        connection = socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS)
        self.addCleanup(connection.close)
        return connection

    def inbound(self, listener, client, host=None, accept=True):
        host = host or self.host
        host.wait(lambda: host.guest_streams, "INBOUND")
        stream = host.guest_streams.pop(0)
        reader = Reader(host.expect(stream, "INBOUND"))
        self.assertEqual((reader.u32(), reader.u16()), (listener, client.getsockname()[1]))
        self.assertGreaterEqual(stream, 0x80000000)
        if accept:
            host.send("DIALED", stream)
        return stream

    def test_inbound_connections_carry_data_both_ways(self):
        port = free_port()
        listener = self.listen(port)
        client = self.client(port)
        client.sendall(b"question")
        stream = self.inbound(listener, client)
        self.assertEqual(self.host.expect(stream, "DATA"), b"question")
        self.host.send("DATA", stream, b"answer")
        self.assertEqual(client.recv(100), b"answer")
        client.shutdown(socket.SHUT_WR)
        self.host.expect(stream, "END")
        self.host.send("END", stream)
        self.host.expect(stream, "DONE")
        self.assertEqual(client.recv(100), b"")

    def test_a_refused_inbound_connection_is_closed(self):
        port = free_port()
        listener = self.listen(port)
        client = self.client(port)
        self.host.send("CANCEL", self.inbound(listener, client, accept=False))
        self.assertEqual(client.recv(10), b"")

    def test_many_clients(self):
        port = free_port()
        listener = self.listen(port)
        clients = [self.client(port) for _ in range(50)]
        for client in clients:
            client.sendall(b"%d" % client.getsockname()[1])
        for _ in clients:
            self.host.wait(lambda: self.host.guest_streams, "INBOUND")
            stream = self.host.guest_streams.pop(0)
            peer = Reader(self.host.expect(stream, "INBOUND")[4:]).u16()
            self.host.send("DIALED", stream)
            self.assertEqual(self.host.expect(stream, "DATA"), b"%d" % peer)

    def test_a_taken_port_is_EADDRINUSE_and_cancel_frees_it(self):
        port = free_port()
        listener = self.listen(port)
        self.assertEqual(self.host.error(self.host.open("LISTEN", u16(port))).errno, errno.EADDRINUSE)
        self.assertEqual(self.host.error(self.host.open("LISTEN", u16(0))).errno, errno.EINVAL)
        self.host.send("CANCEL", listener)
        self.host.run(["true"])
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS)
        self.listen(port)

    def test_the_backlog_waits_for_the_next_host(self):
        port = free_port()
        self.listen(port)
        self.host.close()
        client = self.client(port)
        client.sendall(b"patience")
        host = self.guest.connect()
        stream = self.inbound(self.listen(port, host), client, host)
        self.assertEqual(host.expect(stream, "DATA"), b"patience")


if __name__ == "__main__":
    unittest.main()
