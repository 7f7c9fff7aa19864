package dev.tinyvm.engine.wasm.web;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.wasm.web.WebRequest.Header;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.io.DefaultBHttpClientConnection;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.apache.hc.core5.http.message.BasicClassicHttpRequest;
import org.jspecify.annotations.Nullable;

/**
 * One HTTP/1.1 exchange on a connection of its own. To a loopback address it goes straight to that port of the Tiny VM, to every other through
 * the proxy that the Tiny VM's environment names; with {@code https} the host speaks TLS for the guest, inside of the proxy's tunnel, and checks
 * the certificate. There is no other way out.
 *
 * <p>One thread opens and reads; any thread may {@link #close}, which ends whatever waits.
 */
public final class WebExchange implements AutoCloseable {
    private static final Http1Config LIMITS = Http1Config.custom()
            .setMaxHeaderCount(WebRequest.MAX_HEADERS)
            .setMaxLineLength(WebRequest.MAX_HEADER_BYTES)
            .setMaxEmptyLineCount(1)
            .build();
    private static final int MAX_INTERIM_ANSWERS = 10;

    private final Loopback loopback;
    private final Supplier<SSLContext> tls;
    private @Nullable GuestConnection connection;
    private boolean closed;
    private int status;
    private String reason = "";
    private List<Header> headers = List.of();
    private @Nullable InputStream body;

    /** @param tls whom to trust; asked at the first use */
    public WebExchange(Loopback loopback, Supplier<SSLContext> tls) {
        this.loopback = loopback;
        this.tls = tls;
    }

    /**
     * Sends the request and waits for the head of the answer.
     *
     * @param proxy port of the proxy on the Tiny VM's loopback; empty: there is none
     * @throws WebException with a code and a sentence for the guest's author
     */
    public void open(WebRequest request, Optional<Integer> proxy) throws WebException {
        String attempt = "could not reach " + request.authority();
        try {
            exchange(request, proxy);
        } catch (HttpException e) {
            throw new WebException("EPROTO", attempt + ": the answer is not HTTP/1.1: " + e.getMessage(), e);
        } catch (SSLException e) {
            throw new WebException("EPROTO", attempt + ": TLS failed: " + e.getMessage(), e);
        } catch (IOException e) {
            throw isClosed() ? aborted() : WebException.of(attempt, e);
        }
    }

    public int status() {
        return status;
    }

    /** Such as {@code OK}; may be empty. */
    public String reason() {
        return reason;
    }

    public List<Header> headers() {
        return headers;
    }

    /** Waits for more of the body. @return at most so many bytes, empty at its end */
    public byte[] read(int most) throws WebException {
        InputStream in = body;
        if (in == null) {
            return new byte[0];
        }
        try {
            byte[] part = new byte[most];
            int got = in.read(part);
            return got <= 0 ? new byte[0] : Arrays.copyOf(part, got);
        } catch (IOException e) {
            throw isClosed() ? aborted() : WebException.of("the answer broke off", e);
        }
    }

    @Override
    public void close() {
        GuestConnection open;
        synchronized (this) {
            closed = true;
            open = connection;
        }
        if (open != null) {
            open.close();
        }
    }

    private void exchange(WebRequest request, Optional<Integer> proxy) throws IOException, HttpException {
        boolean secure = request.scheme().equals("https");
        GuestSocket plain;
        String target = request.target();
        if (request.isLoopback()) {
            plain = connect(request.port(), request.authority());
        } else {
            int port = proxy.orElseThrow(
                    () -> new WebException(
                            "ENETUNREACH",
                            "could not reach " + request.authority()
                                    + ": this Tiny VM has no network; allow the host under `network.egress` in its descriptor"));
            plain = connect(port, "the egress proxy");
            if (secure) {
                tunnel(plain, request);
            } else {
                target = "http://" + request.hostField() + target;
            }
        }
        Socket socket = secure ? secured(plain, request) : plain;
        DefaultBHttpClientConnection http = new DefaultBHttpClientConnection(LIMITS);
        http.bind(socket);
        http.sendRequestHeader(head(request, target));
        if (request.body().length > 0) {
            http.sendRequestEntity(withBody(request, target));
        }
        http.flush();
        ClassicHttpResponse answer = answer(http);
        plain.headIsOver();
        take(http, request, answer);
    }

    private GuestSocket connect(int port, String what) throws IOException {
        GuestConnection made;
        try {
            made = loopback.connect(port);
        } catch (WebException e) {
            throw e;
        } catch (IOException e) {
            throw new WebException("ECONNREFUSED", "could not reach " + what + ": " + e.getMessage(), e);
        }
        synchronized (this) {
            connection = made;
            if (!closed) {
                return new GuestSocket(made, port);
            }
        }
        made.close();
        throw aborted();
    }

    private static void tunnel(Socket socket, WebRequest request) throws IOException, HttpException {
        DefaultBHttpClientConnection http = new DefaultBHttpClientConnection(LIMITS);
        http.bind(socket);
        BasicClassicHttpRequest connect = new BasicClassicHttpRequest("CONNECT", request.authority());
        connect.setPath(request.authority());
        connect.setHeader("Host", request.authority());
        http.sendRequestHeader(connect);
        http.flush();
        ClassicHttpResponse answer = answer(http);
        if (answer.getCode() / 100 != 2) {
            String why = "";
            http.receiveResponseEntity(answer);
            HttpEntity entity = answer.getEntity();
            if (entity != null) {
                why = new String(entity.getContent().readNBytes(2000), StandardCharsets.UTF_8).strip();
            }
            throw new WebException(
                    "EACCES",
                    "could not reach " + request.authority() + ": the egress proxy answers " + answer.getCode()
                            + (why.isEmpty() ? "" : ", " + why));
        }
    }

    private SSLSocket secured(Socket socket, WebRequest request) throws IOException {
        SSLSocket secure =
                (SSLSocket) tls.get().getSocketFactory().createSocket(socket, request.host(), request.port(), true);
        SSLParameters parameters = secure.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        parameters.setApplicationProtocols(new String[] {"http/1.1"});
        secure.setSSLParameters(parameters);
        secure.startHandshake();
        return secure;
    }

    private static BasicClassicHttpRequest head(WebRequest request, String target) {
        BasicClassicHttpRequest head = new BasicClassicHttpRequest(request.method(), target);
        head.setPath(target);
        head.setHeader("Host", request.hostField());
        request.headers().forEach(h -> head.addHeader(h.name(), h.value()));
        boolean hasBody = request.body().length > 0
                || List.of("POST", "PUT", "PATCH").contains(request.method().toUpperCase(Locale.ROOT));
        if (hasBody) {
            head.setHeader("Content-Length", Integer.toString(request.body().length));
        }
        head.setHeader("Connection", "close");
        return head;
    }

    private static ClassicHttpRequest withBody(WebRequest request, String target) {
        BasicClassicHttpRequest whole = head(request, target);
        whole.setEntity(new ByteArrayEntity(request.body(), ContentType.APPLICATION_OCTET_STREAM));
        return whole;
    }

    private static ClassicHttpResponse answer(DefaultBHttpClientConnection http) throws IOException, HttpException {
        for (int i = 0; i < MAX_INTERIM_ANSWERS; i++) {
            ClassicHttpResponse answer = http.receiveResponseHeader();
            if (answer == null) {
                throw new IOException("the connection was closed without an answer");
            }
            if (answer.getCode() >= 200) {
                return answer;
            }
        }
        throw new IOException("more than " + MAX_INTERIM_ANSWERS + " interim answers");
    }

    private void take(DefaultBHttpClientConnection http, WebRequest request, ClassicHttpResponse answer)
            throws IOException, HttpException {
        status = answer.getCode();
        reason = answer.getReasonPhrase() == null ? "" : answer.getReasonPhrase();
        List<Header> all = new ArrayList<>();
        for (org.apache.hc.core5.http.Header header : answer.getHeaders()) {
            all.add(new Header(header.getName(), header.getValue() == null ? "" : header.getValue()));
        }
        headers = List.copyOf(all);
        if (request.method().equalsIgnoreCase("HEAD") || status == 204 || status == 304) {
            return;
        }
        http.receiveResponseEntity(answer);
        HttpEntity entity = answer.getEntity();
        if (entity != null) {
            body = entity.getContent();
        }
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    private static WebException aborted() {
        return new WebException("ECANCELED", "the exchange was aborted");
    }
}
