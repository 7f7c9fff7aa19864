package dev.tinyvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Egress;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DnsTest {
    private static final int A = 1;
    private static final int AAAA = 28;
    private static final int TXT = 16;

    @TempDir
    Path logs;

    private ProxyFixture fixture;

    @BeforeEach
    void make() {
        fixture = new ProxyFixture(logs);
        fixture.names.put(
                "www.example.org",
                List.of("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "10.0.0.1", "127.0.0.1"));
        fixture.allow(new Network(List.of(new Egress("*.example.org", "", List.of()))));
    }

    @AfterEach
    void close() throws Exception {
        fixture.close();
    }

    @Test
    void anAllowedNameHasItsPublicAddresses() throws Exception {
        assertThat(ask("WWW.Example.org", A)).isEqualTo(new Answer(0, List.of("93.184.215.14")));
        assertThat(ask("www.example.org", AAAA))
                .isEqualTo(new Answer(0, List.of("2606:2800:21f:cb07:6820:80da:af6b:8b2c")));
        assertThat(ask("www.example.org", TXT)).isEqualTo(new Answer(0, List.of()));
    }

    @Test
    void anyOtherNameDoesNotExistAndIsNotLookedUp() throws Exception {
        assertThat(ask("example.org", A)).isEqualTo(new Answer(3, List.of()));
        assertThat(ask("data-to-steal.evil.example.net", A)).isEqualTo(new Answer(3, List.of()));
        assertThat(fixture.lookedUp).isEmpty();
        assertThat(fixture.log().toString()).contains("\"kind\":\"dns\"", "data-to-steal.evil.example.net");
    }

    @Test
    void anAllowedNameThatThereIsNotDoesNotExist() throws Exception {
        assertThat(ask("nope.example.org", A)).isEqualTo(new Answer(3, List.of()));
        assertThat(fixture.lookedUp).containsExactly("nope.example.org");
    }

    @Test
    void aRangeOpensPrivateAddresses() throws Exception {
        fixture.change(new Network(
                List.of(new Egress("*.example.org", "", List.of()), new Egress("", "10.0.0.0/8", List.of(5432)))));
        assertThat(ask("www.example.org", A).addresses).containsExactly("93.184.215.14", "10.0.0.1");
    }

    @Test
    void garbageEndsItsConnectionOnly() throws Exception {
        Random random = new Random(7);
        for (int i = 0; i < 200; i++) {
            byte[] query = query("www.example.org", A);
            for (int j = random.nextInt(4); j >= 0; j--) {
                query[random.nextInt(query.length)] = (byte) random.nextInt();
            }
            try (Socket socket = fixture.connect(53)) {
                DataOutputStream out = new DataOutputStream(socket.getOutputStream());
                out.writeShort(random.nextInt(20) == 0 ? 65_535 : query.length);
                out.write(query);
                socket.shutdownOutput();
                socket.getInputStream().readAllBytes();
            }
        }
        assertThat(ask("www.example.org", A).addresses).hasSize(1);
    }

    @Test
    void theSameIsAnsweredOverUdp() throws Exception {
        byte[] answer = fixture.ask(53, query("www.example.org", A)).orElseThrow();
        assertThat(answer[2] & 0x02).as("not truncated").isZero();
        assertThat(answer[7]).as("answers").isEqualTo((byte) 1);
        assertThat(Arrays.copyOfRange(answer, answer.length - 4, answer.length))
                .isEqualTo(InetAddress.getByName("93.184.215.14").getAddress());
        byte[] unknown = fixture.ask(53, query("evil.example.net", A)).orElseThrow();
        assertThat(unknown[3] & 0xf).isEqualTo(3);
        assertThat(fixture.ask(53, new byte[] {1, 2, 3})).as("no query").isEmpty();
    }

    @Test
    void whatDoesNotFitADatagramIsLeftOutAndSaid() throws Exception {
        List<String> many = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            many.add("2606:2800::" + Integer.toHexString(i + 1));
        }
        fixture.names.put("many.example.org", many);
        byte[] answer = fixture.ask(53, query("many.example.org", AAAA)).orElseThrow();
        assertThat(answer).hasSizeLessThanOrEqualTo(512);
        assertThat(answer[2] & 0x02).as("truncated").isEqualTo(2);
        assertThat(answer[7]).isEqualTo((byte) 17);
        assertThat(ask("many.example.org", AAAA).addresses()).as("over TCP").hasSize(32);
    }

    private record Answer(int code, List<String> addresses) {}

    private static byte[] query(String name, int type) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        for (int word : new int[] {0x1234, 0x0100, 1, 0, 0, 0}) {
            out.writeShort(word);
        }
        for (String label : name.split("\\.")) {
            out.writeByte(label.length());
            out.write(label.getBytes(StandardCharsets.US_ASCII));
        }
        out.writeByte(0);
        out.writeShort(type);
        out.writeShort(1);
        return bytes.toByteArray();
    }

    private Answer ask(String name, int type) throws Exception {
        try (Socket socket = fixture.connect(53)) {
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            byte[] query = query(name, type);
            out.writeShort(query.length);
            out.write(query);
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] answer = new byte[in.readUnsignedShort()];
            in.readFully(answer);
            DataInputStream fields = new DataInputStream(new java.io.ByteArrayInputStream(answer));
            assertThat(fields.readUnsignedShort()).isEqualTo(0x1234);
            int code = fields.readUnsignedShort() & 0xf;
            assertThat(fields.readUnsignedShort()).isOne();
            int count = fields.readUnsignedShort();
            fields.skipBytes(4 + query.length - 12);
            List<String> addresses = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                assertThat(fields.readUnsignedShort()).isEqualTo(0xc00c);
                assertThat(fields.readUnsignedShort()).isEqualTo(type);
                fields.skipBytes(6);
                byte[] address = new byte[fields.readUnsignedShort()];
                fields.readFully(address);
                addresses.add(InetAddress.getByAddress(address).getHostAddress());
            }
            return new Answer(code, addresses);
        }
    }
}
