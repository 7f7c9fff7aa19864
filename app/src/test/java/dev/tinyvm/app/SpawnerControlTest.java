package dev.tinyvm.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpawnerControlTest {
    @TempDir
    Path directory;

    @Test
    void pingReadsWhoseRequestsTheSpawnerTakes() throws Exception {
        ByteBuffer payload = ByteBuffer.allocate(64);
        payload.putShort((short) 1)
                .put((byte) 3)
                .putInt(5)
                .put("btrfs".getBytes(StandardCharsets.US_ASCII))
                .putInt(4711)
                .putInt(0);
        try (ServerSocketChannel server = answering(0x40, payload.flip())) {
            assertThat(server.isOpen()).isTrue();
            assertThat(SpawnerControl.ping(socket())).isEqualTo(new SpawnerControl.Answer(1, "btrfs", 4711));
        }
    }

    @Test
    void aRefusalIsAnErrorWithItsWords() throws Exception {
        ByteBuffer payload = ByteBuffer.wrap("\0\0\0\1\0\0\0\4quit\0\0\0\7go away".getBytes(StandardCharsets.US_ASCII));
        try (ServerSocketChannel server = answering(0x41, payload)) {
            assertThat(server.isOpen()).isTrue();
            assertThatThrownBy(() -> SpawnerControl.quit(socket()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("go away");
        }
    }

    @Test
    void anAnswerOfAnotherShapeIsAnError() throws Exception {
        try (ServerSocketChannel server = answering(0x40, ByteBuffer.allocate(2))) {
            assertThat(server.isOpen()).isTrue();
            assertThatThrownBy(() -> SpawnerControl.ping(socket()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("protocol");
        }
    }

    @Test
    void nobodyThereIsAnError() {
        assertThatThrownBy(() -> SpawnerControl.ping(socket())).isInstanceOf(IOException.class);
    }

    private Path socket() {
        return directory.resolve("s");
    }

    private ServerSocketChannel answering(int type, ByteBuffer payload) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(socket()));
        Thread.ofVirtual().start(() -> {
            try (SocketChannel client = server.accept()) {
                ByteBuffer request = ByteBuffer.allocate(12);
                while (request.hasRemaining() && client.read(request) >= 0) {
                    Thread.onSpinWait();
                }
                ByteBuffer answer = ByteBuffer.allocate(12 + payload.remaining());
                answer.putInt(payload.remaining())
                        .put((byte) type)
                        .put((byte) 0)
                        .putShort((short) 0)
                        .putInt(1)
                        .put(payload)
                        .flip();
                while (answer.hasRemaining()) {
                    client.write(answer);
                }
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
        return server;
    }
}
