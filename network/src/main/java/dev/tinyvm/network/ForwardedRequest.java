package dev.tinyvm.network;

import dev.tinyvm.network.rules.Destination;
import dev.tinyvm.network.rules.EgressRules;
import dev.tinyvm.network.wire.Framing;
import dev.tinyvm.network.wire.HttpProblem;
import dev.tinyvm.network.wire.RequestHead;
import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * A request as it goes on: to the host of its target, whatever its Host field said, without what concerned the connection to the proxy only, and with the credential that the
 * manager adds.
 *
 * @param destination where to
 * @param tls whether the proxy speaks TLS there
 * @param head as it is written, in ISO 8859-1
 */
record ForwardedRequest(Destination destination, boolean tls, String head) {
    private static final int HTTP = 80;
    private static final int HTTPS = 443;

    /** @throws HttpProblem the request is malformed @throws Refusal it cannot be forwarded */
    static ForwardedRequest of(RequestHead request, EgressRules rules, Credentials credentials) throws IOException {
        String target = request.target();
        if (!target.toLowerCase(Locale.ROOT).startsWith("http://")) {
            throw new Refusal(400, "bad-request", hint(target));
        }
        int end = "http://".length();
        while (end < target.length() && "/?#".indexOf(target.charAt(end)) < 0) {
            end++;
        }
        Destination asked = destination(target.substring("http://".length(), end));
        Optional<Credential> credential = credential(asked, rules, credentials);
        boolean tls = credential.map(Credential::tls).orElse(false);
        Destination destination =
                tls && asked.port() == HTTP ? new Destination(asked.name(), asked.literal(), HTTPS) : asked;
        return new ForwardedRequest(
                destination,
                tls,
                head(request, path(request.method(), target.substring(end)), destination, tls, credential));
    }

    /** The credential of the rule that lets the request out: with TLS its port is 443, not 80. */
    private static Optional<Credential> credential(Destination asked, EgressRules rules, Credentials credentials)
            throws Refusal {
        if (asked.literal().isPresent()) {
            return Optional.empty();
        }
        Optional<String> name = rules.credential(asked.name(), asked.port());
        if (name.isEmpty() && asked.port() == HTTP) {
            name = rules.credential(asked.name(), HTTPS);
        }
        return name.isEmpty() ? Optional.empty() : Optional.of(credentials.get(name.get(), asked.name()));
    }

    private static String head(
            RequestHead request, String path, Destination destination, boolean tls, Optional<Credential> credential)
            throws IOException {
        StringBuilder head = new StringBuilder(512);
        head.append(request.method()).append(' ').append(path).append(" HTTP/1.1\r\nHost: ");
        head.append(destination.port() == (tls ? HTTPS : HTTP) ? destination.host() : destination.toString());
        head.append("\r\n");
        Set<String> replaced = credential.map(c -> Set.of("Host", c.header())).orElse(Set.of("Host"));
        request.fields().forwarded(replaced).write(head);
        if (request.framing().kind() == Framing.Kind.CHUNKED) {
            head.append("Transfer-Encoding: chunked\r\n");
        }
        head.append("Via: 1.1 tinyvm\r\n");
        if (credential.isPresent()) {
            head.append(credential.get().header())
                    .append(": ")
                    .append(secret(credential.get()))
                    .append("\r\n");
        }
        return head.append("\r\n").toString();
    }

    private static String secret(Credential credential) throws Refusal {
        try {
            String value = credential.value().get();
            if (value.isEmpty() || !value.chars().allMatch(c -> c == '\t' || (c >= ' ' && c < 0x7f))) {
                throw new IllegalStateException("it is empty or holds characters that no header may have");
            }
            return value;
        } catch (IllegalStateException e) {
            throw new Refusal(
                    502,
                    "credential-missing",
                    "the credential '" + credential.name() + "' cannot be used: " + e.getMessage());
        }
    }

    private static Destination destination(String authority) throws Refusal {
        try {
            return Destination.parse(authority, HTTP);
        } catch (IllegalArgumentException e) {
            throw new Refusal(400, "bad-destination", String.valueOf(e.getMessage()));
        }
    }

    private static String path(String method, String rest) throws Refusal {
        if (rest.indexOf('#') >= 0) {
            throw new Refusal(400, "bad-request", "a target has no fragment (`#…`)");
        }
        if (rest.isEmpty()) {
            return method.equals("OPTIONS") ? "*" : "/";
        }
        return rest.startsWith("?") ? "/" + rest : rest;
    }

    private static String hint(String target) {
        if (target.startsWith("/")) {
            return "this is an HTTP proxy: set http_proxy and https_proxy, and ask for a whole URL";
        }
        if (target.toLowerCase(Locale.ROOT).startsWith("https://")) {
            return "HTTPS goes through a tunnel: CONNECT host:443";
        }
        return "the target is no http:// URL";
    }
}
