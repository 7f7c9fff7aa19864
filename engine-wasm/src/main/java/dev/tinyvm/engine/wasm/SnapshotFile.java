package dev.tinyvm.engine.wasm;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import run.endive.runtime.Memory;

/** The bytes of a runtime that has been set up, as {@link ModuleCache} keeps them: numbers, then pages, empty ones by a mark alone. */
final class SnapshotFile {
    private static final int MAGIC = 0x54565332; // TVS2
    private static final int MAX_PAGES = 1024;

    private SnapshotFile() {}

    static byte[] write(QuickJs.State state) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeInt(MAGIC);
            out.writeInt(state.stackPointer());
            out.writeInt(state.runtime());
            out.writeInt(state.context());
            out.writeInt(state.api());
            out.writeInt(state.pages().size());
            for (byte[] page : state.pages()) {
                out.writeBoolean(page.length > 0);
                out.write(page);
            }
        }
        return bytes.toByteArray();
    }

    /** @throws IOException it is none */
    static QuickJs.State read(byte[] bytes) throws IOException {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            if (in.readInt() != MAGIC) {
                throw new IOException("it is no snapshot");
            }
            int stackPointer = in.readInt();
            int runtime = in.readInt();
            int context = in.readInt();
            int api = in.readInt();
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
            return new QuickJs.State(pages, stackPointer, runtime, context, api);
        }
    }
}
