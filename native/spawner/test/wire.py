"""Frames of spec/guest-protocol.md section 1, for tests."""
import socket
import struct

HEADER = struct.Struct(">IBBHI")


def string(text):
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack(">I", len(raw)) + raw


def strings(items):
    return struct.pack(">I", len(items)) + b"".join(string(i) for i in items)


def frame(kind, stream, payload=b"", flags=0, reserved=0):
    return HEADER.pack(len(payload), kind, flags, reserved, stream) + payload


class Closed(Exception):
    """The other side closed the connection."""


class Reader:
    """Reads the primitives of one payload, in order."""

    def __init__(self, payload):
        self.payload, self.at = payload, 0

    def take(self, form):
        (value,) = struct.unpack_from(">" + form, self.payload, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def u8(self):
        return self.take("B")

    def u16(self):
        return self.take("H")

    def u32(self):
        return self.take("I")

    def u64(self):
        return self.take("Q")

    def i32(self):
        return self.take("i")

    def str(self):
        length = self.u32()
        raw = self.payload[self.at:self.at + length]
        self.at += length
        return raw.decode(errors="replace")

    def rest(self):
        return self.payload[self.at:]


class Connection:
    """A Unix socket that speaks frames; every wait has a deadline."""

    def __init__(self, path, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.buffer = b""

    def send(self, kind, stream, payload=b""):
        self.socket.sendall(frame(kind, stream, payload))

    def receive(self):
        """(type, stream, payload) of the next frame."""
        while True:
            if len(self.buffer) >= HEADER.size:
                length, kind, _, _, stream = HEADER.unpack_from(self.buffer)
                if len(self.buffer) >= HEADER.size + length:
                    payload = self.buffer[HEADER.size:HEADER.size + length]
                    self.buffer = self.buffer[HEADER.size + length:]
                    return kind, stream, payload
            try:
                more = self.socket.recv(1 << 17)
            except ConnectionError as error:
                raise Closed() from error
            if not more:
                raise Closed()
            self.buffer += more

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
