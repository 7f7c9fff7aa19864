package dev.tinyvm.engine.container;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import org.junit.jupiter.api.Test;

class RoutedFlowsTest {
    private static final String HEADER =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";

    private static String line(String remote, String state) {
        return "   0: 0200007F:1F90 " + remote + " " + state + " 00000000:00000000 00:00000000 00000000  1000\n";
    }

    @Test
    void whatIsOpenOrBeingOpenedCounts() throws Exception {
        String open = line("07020A0A:01BB", "01") + line("08020A0A:01BB", "02") + line("09020A0A:01BB", "03");
        String over = line("01020A0A:01BB", "06") + line("02020A0A:01BB", "08") + line("00000000:0000", "0A");
        assertThat(RoutedFlows.peers(HEADER + open + over))
                .extracting(InetAddress::getHostAddress)
                .containsExactlyInAnyOrder("10.10.2.7", "10.10.2.8", "10.10.2.9");
    }

    @Test
    void theLoopbackDoesNotCountInWhateverClothes() throws Exception {
        assertThat(RoutedFlows.peers(HEADER
                        + line("0100007F:01BB", "01")
                        + line("00000000000000000000000001000000:01BB", "01")
                        + line("0000000000000000FFFF00000100007F:01BB", "01")))
                .isEmpty();
        assertThat(RoutedFlows.peers(HEADER + line("0000000000000000FFFF000007020A0A:01BB", "01")))
                .as("an IPv4 address in IPv6 clothes")
                .extracting(InetAddress::getHostAddress)
                .containsExactly("10.10.2.7");
    }

    @Test
    void theTableOfALiveProcessIsRead() throws Exception {
        try (ServerSocket server = new ServerSocket(0);
                Socket _ = new Socket(server.getInetAddress(), server.getLocalPort())) {
            assertThat(RoutedFlows.peers(ProcessHandle.current().pid())).noneMatch(InetAddress::isLoopbackAddress);
        }
    }
}
