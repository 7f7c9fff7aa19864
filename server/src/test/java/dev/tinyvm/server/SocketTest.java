package dev.tinyvm.server;

import static dev.tinyvm.server.ServerFixture.LOCAL_KEY;
import static dev.tinyvm.server.ServerFixture.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.ProcessInfo;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** WebSockets spoken byte by byte, by clients that misbehave. */
@Timeout(120)
class SocketTest {
    private static final int TEXT = 1;
    private static final int BINARY = 2;
    private static final int CLOSE = 8;
    private static final String FOREVER = "{\"command\":[\"sleep\",\"infinity\"],\"stdin\":true}";
    private static final ServerFixture fixture = new ServerFixture();

    @AfterAll
    static void close() {
        fixture.close();
    }

    @Test
    void aClientThatIsCutOffEndsItsCommand() throws IOException {
        String vm = fixture.vm("cut-off");
        try (RawSocket socket = new RawSocket("/api/v1/vms/" + vm + "/exec")) {
            socket.send(TEXT, FOREVER);
            assertThat(socket.control().path("type").asString("")).isEqualTo("started");
            assertThat(running(vm)).isTrue();
        }
        eventually("its command has ended", () -> !running(vm));
    }

    @Test
    void aClientThatIsCutOffTakesItsForegroundVmWithIt() throws IOException {
        try (RawSocket socket = new RawSocket("/api/v1/run")) {
            String descriptor = ServerFixture.descriptor("cut-run").replace("\n", "\\n");
            socket.send(TEXT, "{\"descriptor\":\"" + descriptor + "\"}");
            assertThat(socket.control().path("vm").path("name").asString("")).isEqualTo("cut-run");
        }
        eventually("its VM is gone", () -> fixture.get("/api/v1/vms/cut-run").status() == 404);
    }

    @Test
    void aForegroundVmThatStillWaitsGoesWithItsClient() throws IOException {
        try (ServerFixture own = new ServerFixture()) {
            own.manager.full(true);
            try (RawSocket socket = new RawSocket(own, "/api/v1/run")) {
                String descriptor = ServerFixture.descriptor("waiting").replace("\n", "\\n");
                socket.send(TEXT, "{\"descriptor\":\"" + descriptor + "\"}");
                assertThat(socket.control().path("type").asString("")).isEqualTo("pending");
            }
            eventually("its VM is gone", () -> own.get("/api/v1/vms/waiting").status() == 404);
        }
    }

    @Test
    void whatIsAtWorkMayBeSilentForLongerThanAnIdleConnection() throws IOException {
        try (ServerFixture own = new ServerFixture(
                new ServerSettings("127.0.0.1", 0, List.of(), Duration.ofSeconds(3), Duration.ofSeconds(60)))) {
            String vm = own.vm("silent");
            try (RawSocket socket = new RawSocket(own, "/api/v1/vms/" + vm + "/exec")) {
                socket.send(TEXT, "{\"command\":[\"sleep\",\"6\"]}");
                var answer = own.post("/api/v1/vms/" + vm + "/exec", "{\"command\":[\"sleep\",\"6\"]}");
                assertThat(answer.json().path("exitCode").asInt(-9)).isZero();
                assertThat(socket.control().path("type").asString("")).isEqualTo("started");
                assertThat(socket.control().path("exitCode").asInt(-9)).isZero();
                assertThat(socket.closeCode()).isEqualTo(1000);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "not json",
                "{}",
                "[]",
                "{\"command\":\"ls\"}",
                "{\"command\":[\"ls\"],\"nonsense\":1}",
                "{\"command\":[\"ls\"],\"terminal\":{\"rows\":0,\"columns\":80}}",
            })
    void aBadRequestIsAnsweredInAFrame(String request) throws IOException {
        String vm = fixture.vm("bad-first");
        try (RawSocket socket = new RawSocket("/api/v1/vms/" + vm + "/exec")) {
            socket.send(TEXT, request);
            JsonNode error = socket.control();
            assertThat(error.path("type").asString("")).isEqualTo("error");
            assertThat(error.path("status").asInt(0)).isEqualTo(400);
            assertThat(error.path("error").path("code").asString("")).isEqualTo("invalid");
            assertThat(socket.closeCode()).isEqualTo(1000);
        } finally {
            fixture.send("DELETE", "/api/v1/vms/" + vm, "", "");
        }
    }

    @Test
    void aBinaryFirstFrameIsRefused() throws IOException {
        String vm = fixture.vm("binary-first");
        try (RawSocket socket = new RawSocket("/api/v1/vms/" + vm + "/exec")) {
            socket.send(BINARY, "\0abc");
            assertThat(socket.control().path("error").path("message").asString(""))
                    .contains("first frame must be a text frame");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"type\":\"dance\"}",
                "{\"type\":\"signal\",\"signal\":99}",
                "{\"type\":\"resize\",\"rows\":\"many\",\"columns\":1}",
                "]",
            })
    void aBadControlFrameEndsTheSession(String frame) throws IOException {
        String vm = fixture.vm("bad-control");
        try (RawSocket socket = new RawSocket("/api/v1/vms/" + vm + "/exec")) {
            socket.send(TEXT, FOREVER);
            socket.control();
            socket.send(TEXT, frame);
            assertThat(socket.control().path("type").asString("")).isEqualTo("error");
            assertThat(socket.closeCode()).isEqualTo(1008);
            eventually("its command has ended", () -> !running(vm));
        } finally {
            fixture.send("DELETE", "/api/v1/vms/" + vm, "", "");
        }
    }

    @Test
    void aFrameOnAWrongChannelEndsTheSession() throws IOException {
        String vm = fixture.vm("bad-channel");
        try (RawSocket socket = new RawSocket("/api/v1/vms/" + vm + "/exec")) {
            socket.send(TEXT, FOREVER);
            socket.control();
            socket.send(BINARY, "\u0007abc");
            assertThat(socket.control().path("type").asString("")).isEqualTo("error");
            assertThat(socket.closeCode()).isEqualTo(1008);
        }
        eventually("its command has ended", () -> !running(vm));
    }

    @Test
    void aMessageThatIsTooLargeClosesTheSocket() throws IOException {
        String vm = fixture.vm("too-large");
        try (RawSocket socket = new RawSocket("/api/v1/vms/" + vm + "/exec")) {
            socket.send(TEXT, FOREVER);
            socket.control();
            socket.header(BINARY, 64L << 20);
            socket.part(new byte[1024]);
            assertThat(socket.closeCode()).isEqualTo(1009);
        }
        eventually("its command has ended", () -> !running(vm));
    }

    @Test
    void aHandshakeOfAnotherVersionIsRefused() throws IOException {
        String vm = fixture.vm("version");
        for (String path : List.of("/api/v1/vms/" + vm + "/exec", "/api/v1/run")) {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), fixture.server.port())) {
                socket.getOutputStream()
                        .write(handshake(path, LOCAL_KEY)
                                .replace("Version: 13", "Version: 12")
                                .getBytes(StandardCharsets.US_ASCII));
                byte[] start = socket.getInputStream().readNBytes(12);
                assertThat(new String(start, StandardCharsets.US_ASCII)).isEqualTo("HTTP/1.1 400");
            }
        }
    }

    @Test
    void aSocketWithoutAKeyIsRefused() throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), fixture.server.port())) {
            socket.getOutputStream().write(handshake("/api/v1/run", "wrong").getBytes(StandardCharsets.US_ASCII));
            byte[] start = socket.getInputStream().readNBytes(12);
            assertThat(new String(start, StandardCharsets.US_ASCII)).isEqualTo("HTTP/1.1 401");
        }
    }

    private static boolean running(String vm) {
        return fixture.manager.processes(vm).stream().anyMatch(ProcessInfo::running);
    }

    private static String handshake(String path, String key) {
        return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key
                + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    }

    /** A WebSocket client of RFC 6455 with nothing but the frames. */
    private static final class RawSocket implements AutoCloseable {
        private final Socket socket;
        private final DataInputStream in;
        private final DataOutputStream out;

        RawSocket(String path) throws IOException {
            this(fixture, path);
        }

        RawSocket(ServerFixture server, String path) throws IOException {
            socket = new Socket(InetAddress.getLoopbackAddress(), server.server.port());
            socket.setSoTimeout((int) ServerFixture.PATIENCE.toMillis());
            in = new DataInputStream(socket.getInputStream());
            out = new DataOutputStream(socket.getOutputStream());
            out.write(handshake(path, LOCAL_KEY).getBytes(StandardCharsets.US_ASCII));
            StringBuilder answer = new StringBuilder();
            while (answer.indexOf("\r\n\r\n") < 0) {
                answer.append((char) in.readUnsignedByte());
            }
            assertThat(answer.toString()).startsWith("HTTP/1.1 101 ");
        }

        void send(int opcode, String payload) throws IOException {
            byte[] bytes = payload.getBytes(StandardCharsets.ISO_8859_1);
            header(opcode, bytes.length);
            out.write(bytes);
            out.flush();
        }

        /** With a mask of zeros, which leaves the payload as it is. */
        void header(int opcode, long length) throws IOException {
            out.writeByte(0x80 | opcode);
            out.writeByte(0x80 | 127);
            out.writeLong(length);
            out.writeInt(0);
            out.flush();
        }

        /** A part of a frame's payload. */
        void part(byte[] bytes) throws IOException {
            out.write(bytes);
            out.flush();
        }

        /** The next text frame. */
        JsonNode control() throws IOException {
            while (true) {
                Frame frame = read();
                if (frame.opcode == TEXT) {
                    return ServerFixture.JSON.readTree(frame.payload);
                }
                if (frame.opcode == CLOSE) {
                    throw new EOFException("closed instead of a control frame");
                }
            }
        }

        /** The code of the close frame, which comes next but for output. */
        int closeCode() throws IOException {
            Frame frame = read();
            while (frame.opcode != CLOSE) {
                assertThat(frame.opcode).isNotEqualTo(TEXT);
                frame = read();
            }
            return ByteBuffer.wrap(frame.payload).getShort();
        }

        private Frame read() throws IOException {
            int opcode = in.readUnsignedByte() & 0x0f;
            int length = in.readUnsignedByte() & 0x7f;
            if (length == 126) {
                length = in.readUnsignedShort();
            } else if (length == 127) {
                length = (int) in.readLong();
            }
            return new Frame(opcode, in.readNBytes(length));
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }

        @SuppressWarnings("ArrayRecordComponent")
        private record Frame(int opcode, byte[] payload) {}
    }
}
