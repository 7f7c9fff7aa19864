package dev.tinyvm.engine.wasm;

import java.nio.charset.StandardCharsets;

/** The host interface {@code tinyvm}, version 1; {@code spec/wasm-host.md} is its definition. */
final class TinyvmInterface {
    static final String MODULE = "tinyvm_1";
    static final int VERSION = 1;
    static final int MAX_LINE_BYTES = 16 << 10;
    private static final String[] LEVELS = {"error", "warn", "info", "debug"};

    private TinyvmInterface() {}

    static void register() {
        HostFunctions.add(MODULE, "version", "", (g, a) -> VERSION);
        HostFunctions.add(MODULE, "log", "iii", (g, a) -> {
            if (a[0] < 0 || a[0] >= LEVELS.length) {
                return WasiErrno.INVAL;
            }
            log(g, (int) a[0], GuestBytes.text(g.memory(), a[1], a[2], MAX_LINE_BYTES));
            return WasiErrno.SUCCESS;
        });
        HostFunctions.add(MODULE, "clock", "ii", (g, a) -> {
            long nanos = a[0] == 0 || a[0] == 1 ? WasiProcess.clock(g, (int) a[0]) : -1;
            if (nanos < 0) {
                return WasiErrno.INVAL;
            }
            g.memory().writeLong((int) a[1], nanos);
            return WasiErrno.SUCCESS;
        });
        HostFunctions.add(MODULE, "llm_call", "iiiii", TinyvmWeb::llmCall);
        HostFunctions.add(MODULE, "http_call", "iiiii", TinyvmWeb::httpCall);
        HostFunctions.add(MODULE, "http_open", "iiiiii", TinyvmWeb::open);
        HostFunctions.add(MODULE, "http_read", "iiii", TinyvmWeb::read);
        HostFunctions.add(MODULE, "http_close", "i", TinyvmWeb::close);
        // There is no message bus that could carry these yet: refused, never faked.
        HostFunctions.add(MODULE, "message_send", "iiii", (g, a) -> WasiErrno.NOSYS);
        HostFunctions.add(MODULE, "message_receive", "iiii", (g, a) -> WasiErrno.NOSYS);
    }

    /** One line on standard error, whatever the text contains. */
    static void log(GuestContext guest, int level, String text) {
        String line = LEVELS[level] + ": " + text.strip().replaceAll("\\p{Cntrl}+", " ") + "\n";
        WasiDescriptors.writeAll(guest, true, line.getBytes(StandardCharsets.UTF_8));
    }
}
