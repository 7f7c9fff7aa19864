package dev.tinyvm.engine.container;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

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

    private RoutedFlows() {}

    /** Where those lead that are open or being opened. One that the other side has ended brings nothing any more and does not count. */
    static Set<InetAddress> peers(long pid) throws IOException {
        Path net = Path.of("/proc", Long.toString(pid), "net");
        Set<InetAddress> peers = new HashSet<>(peers(WallThreads.read(net.resolve("tcp"))));
        Path ipv6 = net.resolve("tcp6");
        if (Files.exists(ipv6)) {
            peers.addAll(peers(WallThreads.read(ipv6)));
        }
        return peers;
    }

    static Set<InetAddress> peers(String table) throws IOException {
        Set<InetAddress> peers = new HashSet<>();
        for (String line : table.split("\n")) {
            String[] columns = line.strip().split(" +");
            if (columns.length > STATE && isUnderWay(columns[STATE])) {
                InetAddress remote = address(columns[REMOTE_ADDRESS]);
                if (!remote.isLoopbackAddress()) {
                    peers.add(remote);
                }
            }
        }
        return peers;
    }

    /** ESTABLISHED, SYN_SENT, SYN_RECV. */
    private static boolean isUnderWay(String state) {
        return switch (state) {
            case "01", "02", "03" -> true;
            default -> false;
        };
    }

    /** Words of four bytes in the host's order, in hexadecimal, before a colon and the port. An IPv4 address in IPv6 clothes becomes the IPv4 address. */
    private static InetAddress address(String column) throws IOException {
        String words = column.substring(0, Math.max(0, column.indexOf(':')));
        if (words.length() != WORD_CHARS && words.length() != 4 * WORD_CHARS) {
            throw new IOException("a line of /proc that is none: " + column + " is no address");
        }
        ByteBuffer bytes = ByteBuffer.allocate(words.length() / 2).order(ByteOrder.nativeOrder());
        for (int at = 0; at < words.length(); at += WORD_CHARS) {
            bytes.putInt(Integer.parseUnsignedInt(words, at, at + WORD_CHARS, 16));
        }
        return InetAddress.getByAddress(bytes.array());
    }
}
