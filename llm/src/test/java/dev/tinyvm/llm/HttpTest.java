package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.http.Headers;
import dev.tinyvm.llm.http.HttpConnection;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HttpTest {
    private static final String POST = "POST /v1/x HTTP/1.1\r\nHost: a\r\n";

    /** Answers with the body it got; one byte at a time comes in when {@code slowly}. */
    private static String talk(String sent, boolean slowly) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        InputStream in = new ByteArrayInputStream(sent.getBytes(StandardCharsets.ISO_8859_1)) {
            @Override
            public synchronized int read(byte[] into, int offset, int length) {
                return super.read(into, offset, slowly ? Math.min(1, length) : length);
            }
        };
        try {
            new HttpConnection(in, out).serve((request, answer) -> {
                byte[] body = request.body().readAllBytes();
                answer.begin(200, Headers.of("Content-Length", Integer.toString(body.length)));
                answer.write(body, 0, body.length);
                answer.end();
            });
        } catch (IOException e) {
            out.writeBytes("broken".getBytes(StandardCharsets.US_ASCII));
        }
        return out.toString(StandardCharsets.ISO_8859_1);
    }

    @Test
    void requestsFollowEachOtherHoweverTheBytesAreCut() {
        String sent = POST + "Content-Length: 3\r\n\r\nabc" + POST
                + "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\nT: v\r\n\r\n" + POST
                + "Content-Length: 1\r\nConnection: close\r\n\r\ngGET / HTTP/1.1\r\n\r\n";
        for (boolean slowly : new boolean[] {false, true}) {
            assertThat(talk(sent, slowly))
                    .isEqualTo("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
                            + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ndef"
                            + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\ng");
        }
    }

    @Test
    void aClientThatWaitsForLeaveGetsIt() {
        assertThat(talk(POST + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx", false))
                .startsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET /\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\nHost: a\n\n",
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
                "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nX: a\u0000b\r\n\r\n",
            })
    void whatTwoServersCouldReadInTwoWaysIsRefused(String sent) {
        assertThat(talk(sent, false)).startsWith("HTTP/1.1 400 Bad Request\r\n").contains("Connection: close");
    }

    @Test
    void headsHaveALimit() {
        assertThat(talk("GET / HTTP/1.1\r\nHost: a\r\nX: " + "x".repeat(70_000) + "\r\n\r\n", false))
                .startsWith("HTTP/1.1 431 ");
        assertThat(talk("GET / HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n".repeat(200) + "\r\n", false))
                .startsWith("HTTP/1.1 431 ");
        assertThat(talk("GET /" + "x".repeat(70_000) + " HTTP/1.1\r\n\r\n", false))
                .startsWith("HTTP/1.1 414 ");
        assertThat(talk(POST + "Expect: 200-ok\r\n\r\n", false)).startsWith("HTTP/1.1 417 ");
        assertThat(talk("GET / HTTP/2.0\r\nHost: a\r\n\r\n", false)).startsWith("HTTP/1.1 505 ");
        assertThat(talk(POST + "Transfer-Encoding: gzip, chunked\r\n\r\n", false))
                .startsWith("HTTP/1.1 501 ");
    }
}
