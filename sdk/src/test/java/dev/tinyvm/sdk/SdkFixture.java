package dev.tinyvm.sdk;

import dev.tinyvm.sdk.ExecSession.Exited;
import dev.tinyvm.sdk.ExecSession.Output;
import dev.tinyvm.sdk.ExecSession.Stderr;
import dev.tinyvm.sdk.ExecSession.Stdout;
import dev.tinyvm.server.ServerFixture;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** A client of a real server over a manager in memory. */
final class SdkFixture implements AutoCloseable {
    final ServerFixture server = new ServerFixture();
    final TinyVmClient client = TinyVmClient.of(server.server.url(), ServerFixture.LOCAL_KEY);

    static Descriptor descriptor(String name) {
        return Descriptor.yaml(ServerFixture.descriptor(name));
    }

    String vm(String name) {
        return client.create(CreateVm.of(descriptor(name))).id();
    }

    /** Everything a session says until its end. */
    static Said drain(ExecSession session) throws InterruptedException {
        ByteArrayOutputStream stdout = new ByteArrayOutputStream();
        ByteArrayOutputStream stderr = new ByteArrayOutputStream();
        while (true) {
            Output output = session.next();
            switch (output) {
                case Stdout(byte[] bytes) -> stdout.writeBytes(bytes);
                case Stderr(byte[] bytes) -> stderr.writeBytes(bytes);
                case Exited exited -> {
                    return new Said(stdout, stderr, exited);
                }
            }
        }
    }

    /** Reads until the output ends with this. */
    static void awaitOutput(ExecSession session, String end) throws InterruptedException {
        StringBuilder text = new StringBuilder();
        while (!text.toString().endsWith(end)) {
            if (!(session.next() instanceof Stdout(byte[] bytes))) {
                throw new AssertionError("it ended after: " + text);
            }
            text.append(new String(bytes, StandardCharsets.UTF_8));
        }
    }

    record Said(ByteArrayOutputStream stdout, ByteArrayOutputStream stderr, Exited end) {
        String out() {
            return stdout.toString(StandardCharsets.UTF_8);
        }

        String err() {
            return stderr.toString(StandardCharsets.UTF_8);
        }
    }

    @Override
    public void close() {
        client.close();
        server.close();
    }
}
