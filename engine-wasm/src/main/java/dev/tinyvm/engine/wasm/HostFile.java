package dev.tinyvm.engine.wasm;

import org.jspecify.annotations.Nullable;

/**
 * A file that the host serves instead of the file tree: {@code spec/wasm-host.md}, for programs that can open files but import no functions of ours. Its
 * guest's thread uses it.
 */
interface HostFile extends AutoCloseable {
    /** Where these files are, as seen from the root. */
    String DIRECTORY = "dev/tinyvm/1/";

    /** The next bytes, waiting for them. @return how many; 0 at the end */
    int read(byte[] into, int offset, int length);

    /** @return how many bytes it took */
    int write(byte[] bytes, int offset, int length);

    @Override
    void close();

    /** The file of that name; null when the host serves none. @param path as the guest gave it, below the root */
    static @Nullable HostFile openOrNull(GuestContext guest, String path) {
        String rest = path;
        while (rest.startsWith("/") || rest.startsWith("./")) {
            rest = rest.substring(rest.indexOf('/') + 1);
        }
        if (!rest.startsWith(DIRECTORY)) {
            return null;
        }
        return switch (rest.substring(DIRECTORY.length())) {
            case "http" -> new ExchangeFile(guest, TinyvmWeb::request);
            case "llm" -> new ExchangeFile(guest, TinyvmWeb::llmRequest);
            case "log" -> new LogFile(guest);
            case "start" ->
                guest.start() == null ? null : new StartFile(java.util.Objects.requireNonNull(guest.start()));
            case "snapshot" -> guest.snapshot();
            default -> null;
        };
    }
}
