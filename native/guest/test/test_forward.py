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


class Datagrams(GuestCase):
    """UDP ports inside whose datagrams the host answers."""

    def listen(self, port, host=None):
        """The stream of a UDP port."""
        host = host or self.host
        stream = host.open("DATAGRAMS", u16(port))
        host.expect(stream, "WATCHING")
        return stream

    def client(self):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(DEADLINE_SECONDS)
        client.bind(("127.0.0.1", 0))
        self.addCleanup(client.close)
        return client, client.getsockname()[1]

    def test_each_asker_gets_its_own_answer(self):
        port = free_port()
        stream = self.listen(port)
        askers = [self.client() for _ in range(5)]
        for number, (client, _) in enumerate(askers):
            client.sendto(b"ask %d" % number, ("127.0.0.1", port))
        for number, (_, own) in enumerate(askers):
            self.assertEqual(self.host.expect(stream, "DATAGRAM"), u16(own) + b"ask %d" % number)
        for number, (_, own) in reversed(list(enumerate(askers))):
            self.host.send("DATAGRAM", stream, u16(own) + b"answer %d" % number)
        for number, (client, _) in enumerate(askers):
            self.assertEqual(client.recvfrom(100), (b"answer %d" % number, ("127.0.0.1", port)))

    def test_the_largest_passes_and_a_larger_one_is_lost(self):
        port = free_port()
        stream = self.listen(port)
        client, own = self.client()
        client.sendto(b"x" * 4097, ("127.0.0.1", port))
        client.sendto(b"", ("127.0.0.1", port))
        client.sendto(b"y" * 4096, ("127.0.0.1", port))
        self.assertEqual(self.host.expect(stream, "DATAGRAM"), u16(own) + b"y" * 4096)
        self.host.send("DATAGRAM", stream, u16(own) + b"z" * 4096)
        self.assertEqual(client.recv(5000), b"z" * 4096)

    def test_a_flood_stops_at_the_window_and_goes_on(self):
        host = self.guest.connect(window=65536)
        port = free_port()
        stream = self.listen(port, host)
        client, _ = self.client()
        for _ in range(200):
            client.sendto(b"f" * 4096, ("127.0.0.1", port))
        taken = 0
        while taken + 4098 <= 65536:
            taken += len(host.expect(stream, "DATAGRAM"))
        with self.assertRaises(TimeoutError):
            host.wait(lambda: host.streams.get(stream), seconds=0.3)
        host.send("WINDOW", stream, u32(1 << 20))
        left = 0
        while True:
            try:
                host.wait(lambda: host.streams.get(stream), seconds=0.3)
            except TimeoutError:
                break
            host.expect(stream, "DATAGRAM")
            left += 1
        self.assertGreater(left, 0, "what the kernel had kept")
        client.sendto(b"last", ("127.0.0.1", port))
        self.assertEqual(host.expect(stream, "DATAGRAM")[2:], b"last")

    def test_askers_that_are_gone_and_many_answers_harm_nobody(self):
        port = free_port()
        stream = self.listen(port)
        for number in range(300):
            self.host.send("DATAGRAM", stream, u16(free_port()) + b"n" * 1000)
        client, own = self.client()
        client.sendto(b"still there", ("127.0.0.1", port))
        self.assertEqual(self.host.expect(stream, "DATAGRAM"), u16(own) + b"still there")

    def test_the_next_host_takes_the_port_over(self):
        port = free_port()
        self.listen(port)
        client, own = self.client()
        self.host.close()
        client.sendto(b"meanwhile", ("127.0.0.1", port))
        thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(thief.close)
        with self.assertRaises(OSError) as caught:
            thief.bind(("127.0.0.1", port))
        self.assertEqual(caught.exception.errno, errno.EADDRINUSE)
        host = self.guest.connect()
        stream = self.listen(port, host)
        self.assertEqual(host.expect(stream, "DATAGRAM"), u16(own) + b"meanwhile")

    def test_a_port_that_is_taken_or_none_is_refused_and_cancel_unbinds(self):
        port = free_port()
        stream = self.listen(port)
        for wrong, error in ((port, errno.EADDRINUSE), (0, errno.EINVAL)):
            self.assertEqual(self.host.error(self.host.open("DATAGRAMS", u16(wrong))).errno, error)
        self.host.send("CANCEL", stream)
        again = self.listen(port)
        self.assertNotEqual(again, stream)

    def test_an_answer_to_nobody_or_too_large_breaks_the_protocol(self):
        for payload in (u16(0) + b"x", u16(9) + b"x" * 4097):
            host = self.guest.connect()
            stream = self.listen(free_port(), host)
            host.send("DATAGRAM", stream, payload)
            host.wait_closed()


if __name__ == "__main__":
    unittest.main()
