"""The guest protocol for tests: frames, a client with streams, and a guest process to talk to. Standard library only."""
import os, select, shutil, socket, struct, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, "..", "build")
BINARY = os.environ.get("GUEST_BINARY", "tinyvm-guest-checked")  # tinyvm-guest: as it is shipped
DEADLINE_SECONDS = 60

TYPES = dict(
    HELLO=0x01, WELCOME=0x02, ERROR=0x03, PING=0x04, PONG=0x05, WINDOW=0x06, CANCEL=0x07, DONE=0x08, DATA=0x09, END=0x0A,
    EXEC=0x10, STARTED=0x11, STDOUT=0x12, STDERR=0x13, STDIN=0x14, CLOSE_STDIN=0x15, SIGNAL=0x16, RESIZE=0x17, EXITED=0x18,
    LIST=0x19, PROCESSES=0x1A, ATTACH=0x1B, ACK=0x1C, FORGET=0x1D, FILE_STAT=0x30, STAT=0x31, FILE_LIST=0x32, ENTRIES=0x33,
    FILE_MKDIR=0x34, FILE_RENAME=0x35, FILE_REMOVE=0x36, FILE_READ=0x37, FILE_WRITE=0x38, FILE_WATCH=0x39, WATCHING=0x3A,
    WATCH_EVENT=0x3B, FILE_CHMOD=0x3C, FILE_CHOWN=0x3D, FILE_SYMLINK=0x3E, DIAL=0x40, DIALED=0x41, LISTEN=0x42, INBOUND=0x43, DATAGRAMS=0x44, DATAGRAM=0x45,
    FILE_XATTRS=0x48, XATTRS=0x49, FILE_SET_XATTR=0x4A, FILE_REMOVE_XATTR=0x4B,
    STATS=0x50, STATISTICS=0x51, IDENTIFY=0x52, SUSPEND=0x53, SHUTDOWN=0x60)
NAMES = {value: name for name, value in TYPES.items()}
PTY, STDIN_OPEN, MERGE = 1, 2, 4
PARENTS, APPEND, EXCLUSIVE, ATOMIC = 1, 2, 4, 8
CREATE, WRITE, REMOVE, RENAME, CHMOD, OVERFLOW = 1, 2, 3, 4, 5, 6
TO_END = 2**64 - 1


def u8(v): return struct.pack(">B", v)
def u16(v): return struct.pack(">H", v)
def u32(v): return struct.pack(">I", v)
def u64(v): return struct.pack(">Q", v)


def text(v):
    v = v.encode() if isinstance(v, str) else v
    return u32(len(v)) + v


def texts(values): return u32(len(values)) + b"".join(text(v) for v in values)


def frame(name, stream, payload=b"", flags=0, reserved=0):
    kind = TYPES[name] if isinstance(name, str) else name
    return struct.pack(">IBBHI", len(payload), kind, flags, reserved, stream) + payload


def exec_payload(argv, flags=0, env=(), cwd="", user="", tag="", rows=0, columns=0):
    return u32(flags) + text(tag) + text(user) + text(cwd) + texts(argv) + texts(env) + u16(rows) + u16(columns)


class Reader:
    def __init__(self, data): self.data, self.at = data, 0

    def take(self, form):
        value = struct.unpack_from(">" + form, self.data, self.at)[0]
        self.at += struct.calcsize(">" + form)
        return value

    def u8(self): return self.take("B")
    def u16(self): return self.take("H")
    def u32(self): return self.take("I")
    def i32(self): return self.take("i")
    def u64(self): return self.take("Q")

    def bytes(self):
        size = self.u32()
        value = self.data[self.at:self.at + size]
        assert len(value) == size, "short str"
        self.at += size
        return value

    def text(self): return self.bytes().decode("utf-8", "surrogateescape")

    def entry(self):
        return dict(type=self.u8(), mode=self.u32(), size=self.u64(), uid=self.u32(), gid=self.u32(), modified=self.u64(),
                    path=self.text(), owner=self.text(), group=self.text(), target=self.text())

    def end(self): assert self.at == len(self.data), "bytes left over"


class GuestError(Exception):
    def __init__(self, payload):
        reader = Reader(payload)
        self.errno, self.message = reader.i32(), reader.text()
        reader.end()
        super().__init__(f"{self.errno}: {self.message}")


class Closed(Exception):
    pass


class Host:
    """A host connection. Frames are kept per stream until somebody asks for them."""

    def __init__(self, connection, window=1 << 20, hello=True):
        self.socket = connection
        self.socket.setblocking(False)
        self.buffer = bytearray()
        self.streams = {}
        self.guest_streams = []
        self.next_stream = 1
        if hello:
            self.send("HELLO", 0, u16(1) + u16(1) + u32(window))
            reader = Reader(self.expect(0, "WELCOME"))
            self.version, self.guest_version, self.boot_id, self.window = reader.u16(), reader.text(), reader.u64(), reader.u32()
            reader.end()

    def close(self): self.socket.close()

    def send_raw(self, data):
        deadline = time.monotonic() + DEADLINE_SECONDS
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select([self.socket], [self.socket], [], max(0, deadline - time.monotonic()))
            if not readable and not writable:
                raise TimeoutError("the guest takes no more bytes")
            if readable:
                self._receive()
            if writable:
                try:
                    view = view[self.socket.send(view[:262144]):]
                except BlockingIOError:
                    pass
                except (BrokenPipeError, ConnectionResetError):
                    raise Closed("the guest closed the connection") from None

    def send(self, name, stream, payload=b""): self.send_raw(frame(name, stream, payload))

    def open(self, name, payload=b""):
        stream, self.next_stream = self.next_stream, self.next_stream + 1
        self.send(name, stream, payload)
        return stream

    def _receive(self):
        try:
            data = self.socket.recv(262144)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed("the guest closed the connection")
        self.buffer += data
        at = 0
        while len(self.buffer) - at >= 12:
            size, kind, flags, reserved, stream = struct.unpack_from(">IBBHI", self.buffer, at)
            assert size <= 65536 and flags == 0 and reserved == 0 and kind in NAMES, "malformed frame from the guest"
            if len(self.buffer) - at < 12 + size:
                break
            if NAMES[kind] == "INBOUND":
                self.guest_streams.append(stream)
            self.streams.setdefault(stream, []).append((NAMES[kind], bytes(self.buffer[at + 12:at + 12 + size])))
            at += 12 + size
        del self.buffer[:at]

    def wait(self, ready, what="the guest", seconds=DEADLINE_SECONDS):
        """Receives until ready() is true."""
        deadline = time.monotonic() + seconds
        while not ready():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"nothing came: {what}")
            if select.select([self.socket], [], [], left)[0]:
                self._receive()

    def next(self, stream):
        """The next frame of a stream: (name, payload)."""
        self.wait(lambda: self.streams.get(stream), f"a frame on stream {stream}")
        return self.streams[stream].pop(0)

    def expect(self, stream, *names):
        name, payload = self.next(stream)
        while name == "WINDOW" and "WINDOW" not in names:
            name, payload = self.next(stream)
        if name == "ERROR" and "ERROR" not in names:
            raise GuestError(payload)
        assert name in names, f"{name} came instead of {names}"
        return payload if len(names) == 1 else (name, payload)

    def error(self, stream): return GuestError(self.expect(stream, "ERROR"))

    def wait_closed(self):
        try:
            self.wait(lambda: False, "the end of the connection")
        except Closed:
            pass

    # ---- whole operations ----

    def exec(self, argv, **options):
        return self.open("EXEC", exec_payload(argv, **options))

    def started(self, stream):
        reader = Reader(self.expect(stream, "STARTED"))
        process, pid = reader.u32(), reader.u32()
        reader.end()
        return process, pid

    def follow(self, stream, out=None, acknowledge=True):
        """Reads to EXITED; returns (out, err, (code, signal, cpu, rss)). Checks that offsets have no gaps."""
        out = out if out is not None else {"STDOUT": bytearray(), "STDERR": bytearray()}
        while True:
            name, payload = self.expect(stream, "STDOUT", "STDERR", "EXITED", "STARTED")
            if name == "EXITED":
                reader = Reader(payload)
                status = (reader.i32(), reader.u8(), reader.u64(), reader.u64())
                reader.end()
                return bytes(out["STDOUT"]), bytes(out["STDERR"]), status
            if name == "STARTED":
                continue
            offset = Reader(payload).u64()
            assert offset == len(out[name]), f"{name} at {offset}, expected {len(out[name])}"
            out[name] += payload[8:]
            if acknowledge:
                self.send_raw(frame("ACK", stream, u64(len(out["STDOUT"])) + u64(len(out["STDERR"]))) +
                              frame("WINDOW", stream, u32(len(payload) - 8)))

    def run(self, argv, **options):
        return self.follow(self.exec(argv, **options))

    def done(self, name, payload):
        self.expect(self.open(name, payload), "DONE")

    def stat(self, path, user="", follow=1):
        reader = Reader(self.expect(self.open("FILE_STAT", text(user) + text(path) + u8(follow)), "STAT"))
        entry = reader.entry()
        reader.end()
        return entry

    def list(self, path, depth=1, user=""):
        stream, entries = self.open("FILE_LIST", text(user) + text(path) + u32(depth)), []
        while True:
            name, payload = self.expect(stream, "ENTRIES", "DONE")
            if name == "DONE":
                return entries
            reader = Reader(payload)
            entries += [reader.entry() for _ in range(reader.u32())]
            reader.end()
            self.send("WINDOW", stream, u32(len(payload)))

    def attributes(self, path, user=""):
        reader = Reader(self.expect(self.open("FILE_XATTRS", text(user) + text(path)), "XATTRS"))
        found = {}
        for _ in range(reader.u32()):
            name = reader.text()
            found[name] = reader.text()
        reader.end()
        return found

    def set_attribute(self, path, name, value, user=""):
        self.done("FILE_SET_XATTR", text(user) + text(path) + text(name) + text(value))

    def remove_attribute(self, path, name, user=""):
        self.done("FILE_REMOVE_XATTR", text(user) + text(path) + text(name))

    def read(self, path, offset=0, length=TO_END, user=""):
        stream, data = self.open("FILE_READ", text(user) + text(path) + u64(offset) + u64(length)), bytearray()
        self.expect(stream, "STAT")
        while True:
            name, payload = self.expect(stream, "DATA", "DONE")
            if name == "DONE":
                return bytes(data)
            data += payload
            self.send("WINDOW", stream, u32(len(payload)))

    def open_write(self, path, mode=0o644, flags=0, user=""):
        return self.open("FILE_WRITE", text(user) + text(path) + u32(mode) + u8(flags))

    def write(self, path, data, mode=0o644, flags=0, user=""):
        stream = self.open_write(path, mode, flags, user)
        self.send_counted(stream, "DATA", data)
        self.send("END", stream)
        self.expect(stream, "DONE")

    def send_counted(self, stream, name, data, credit=None):
        """Sends bytes under the guest's window."""
        credit = self.window if credit is None else credit
        view = memoryview(data)
        while view:
            while credit == 0 or (self.streams.get(stream) and self.streams[stream][0][0] == "WINDOW"):
                credit += Reader(self.expect(stream, "WINDOW")).u32()
            piece = view[:min(credit, 65536)]
            self.send(name, stream, bytes(piece))
            credit -= len(piece)
            view = view[len(piece):]
        return credit


class Guest:
    """A running tinyvm-guest, as an ordinary process with a listening socket of its own."""

    def __init__(self, binary=BINARY, arguments=(), prefix=()):
        self.directory = tempfile.mkdtemp(prefix="tinyvm-guest-test-")
        os.chmod(self.directory, 0o755)
        self.path = os.path.join(self.directory, "guest.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.hosts = []
        self.log = open(os.path.join(self.directory, "stderr"), "w+b")
        fd = self.listener.fileno()
        environment = dict(os.environ, ASAN_OPTIONS="abort_on_error=0:detect_leaks=0:exitcode=99", UBSAN_OPTIONS="print_stacktrace=1")
        self.process = subprocess.Popen([*prefix, os.path.join(BUILD, binary), "--listen-fd", str(fd), *arguments], pass_fds=[fd],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment)

    def connect(self, **options):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(DEADLINE_SECONDS)
        connection.connect(self.path)
        host = Host(connection, **options)
        self.hosts.append(host)
        return host

    def stop(self):
        """Ends the guest through the protocol and checks that it ended well."""
        try:
            if self.process.poll() is None:
                host = self.connect()
                host.expect(host.open("SHUTDOWN", u32(0)), "DONE")
            code = self.process.wait(DEADLINE_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            for host in self.hosts:
                host.close()
            self.listener.close()
            self.log.seek(0)
            said = self.log.read().decode(errors="replace")
            self.log.close()
            shutil.rmtree(self.directory, ignore_errors=True)
        if said:
            sys.stderr.write(said)
        assert code == 0, f"the guest ended with {code}"
