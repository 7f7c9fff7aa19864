package dev.tinyvm.engine.wasm;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import run.endive.runtime.Memory;

/** The bytes of a runtime that has been set up, as {@link ModuleCache} keeps them: numbers, then pages, empty ones by a mark alone. */
final class SnapshotFile {
    private static final int MAGIC = 0x54565333; // TVS3
    private static final int MAX_PAGES = 1024;
    private static final int NUMBERS = 4;

    private SnapshotFile() {}

    static byte[] write(Content content) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeInt(MAGIC);
            for (int number : content.numbers()) {
                out.writeInt(number);
            }
            out.writeInt(content.pages().size());
            for (byte[] page : content.pages()) {
                out.writeBoolean(page.length > 0);
                out.write(page);
            }
        }
        return bytes.toByteArray();
    }

    /** @throws IOException it is none */
    static Content read(byte[] bytes) throws IOException {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            if (in.readInt() != MAGIC) {
                throw new IOException("it is no snapshot");
            }
            List<Integer> numbers = new ArrayList<>(NUMBERS);
            for (int i = 0; i < NUMBERS; i++) {
                numbers.add(in.readInt());
            }
            int count = in.readInt();
            if (count < 1 || count > MAX_PAGES) {
                throw new IOException("it has " + count + " pages");
            }
            List<byte[]> pages = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                byte[] page = new byte[in.readBoolean() ? Memory.PAGE_SIZE : 0];
                in.readFully(page);
                pages.add(page);
            }
            if (in.read() >= 0) {
                throw new IOException("something follows its last page");
            }
            return new Content(pages, numbers);
        }
    }

    /**
     * A runtime's memory, and where things are in it.
     *
     * @param pages its memory; empty for a page of zeros
     * @param numbers four; each runtime knows what its own mean
     */
    record Content(List<byte[]> pages, List<Integer> numbers) {
        Content {
            pages = List.copyOf(pages);
            numbers = List.copyOf(numbers);
        }

        static Content of(Memory memory, int first, int second, int third, int fourth) {
            List<byte[]> pages = new ArrayList<>();
            byte[] zeros = new byte[Memory.PAGE_SIZE];
            for (int i = 0; i < memory.pages(); i++) {
                byte[] page = memory.readBytes(i * Memory.PAGE_SIZE, Memory.PAGE_SIZE);
                pages.add(Arrays.equals(page, zeros) ? new byte[0] : page);
            }
            return new Content(pages, List.of(first, second, third, fourth));
        }
    }
}
