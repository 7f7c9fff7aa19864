package dev.tinyvm.engine.container;

import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Connections of a wall that lead beyond its loopback, read from {@code /proc/PID/net/tcp}, which shows the network namespace of that process to everybody. Source:
 * the kernel's {@code networking/proc_net_tcp.rst}; states are those of {@code include/net/tcp_states.h}.
 *
 * <p>IPv6 sockets are looked at, too: one may carry IPv4.
 */
final class RoutedFlows {
    private static final int REMOTE_ADDRESS = 2;
    private static final int STATE = 3;
    private static final int WORD_CHARS = 8;
    /** Of an IPv4 address in IPv6 clothes. */
    private static final int MAPPED = 0xffff;

    private RoutedFlows() {}

    /** How many are open or being opened. One that the other side has ended brings nothing any more and does not count. */
    static int of(long pid) throws IOException {
        Path net = Path.of("/proc", Long.toString(pid), "net");
        Path ipv6 = net.resolve("tcp6");
        return count(read(net.resolve("tcp"))) + (Files.exists(ipv6) ? count(read(ipv6)) : 0);
    }

    static int count(String table) {
        int flows = 0;
        for (String line : table.split("\n")) {
            String[] columns = line.strip().split(" +");
            if (columns.length > STATE && isUnderWay(columns[STATE]) && !isLoopback(columns[REMOTE_ADDRESS])) {
                flows++;
            }
        }
        return flows;
    }

    /** ESTABLISHED, SYN_SENT, SYN_RECV. */
    private static boolean isUnderWay(String state) {
        return switch (state) {
            case "01", "02", "03" -> true;
            default -> false;
        };
    }

    /** Addresses are words of four bytes in the host's order, in hexadecimal, before a colon and the port. */
    private static boolean isLoopback(String address) {
        String words = address.substring(0, Math.max(0, address.indexOf(':')));
        if (words.length() == WORD_CHARS) {
            return word(words, 0) >>> 24 == 127;
        }
        if (words.length() != 4 * WORD_CHARS || word(words, 0) != 0 || word(words, 1) != 0) {
            return false;
        }
        return word(words, 2) == MAPPED ? word(words, 3) >>> 24 == 127 : word(words, 2) == 0 && word(words, 3) == 1;
    }

    private static int word(String hex, int index) {
        int word = Integer.parseUnsignedInt(hex, index * WORD_CHARS, (index + 1) * WORD_CHARS, 16);
        return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? Integer.reverseBytes(word) : word;
    }

    private static String read(Path file) throws IOException {
        return new String(Files.readAllBytes(file), StandardCharsets.US_ASCII);
    }
}
