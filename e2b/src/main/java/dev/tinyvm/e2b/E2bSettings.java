package dev.tinyvm.e2b;

import dev.tinyvm.spec.Network;
import java.time.Clock;
import java.util.List;
import java.util.Locale;

/**
 * How the door is set up.
 *
 * @param domain under which {@code <port>-<id>.<domain>} and {@code api.<domain>} are served, without a port, lower case; empty: only header routing
 * @param publicDomain what the SDKs are told as the sandbox's domain, with a port when it is not 443; empty: nothing, they use their own setting
 * @param tokenKey makes access tokens
 * @param templates what sandboxes are made from
 * @param clock tells the time
 * @param egress the most that sandboxes may reach; empty: nothing
 */
public record E2bSettings(
        String domain,
        String publicDomain,
        TokenKey tokenKey,
        List<Template> templates,
        Clock clock,
        List<Network.Egress> egress) {
    public E2bSettings {
        egress = List.copyOf(egress);
        domain = domain.toLowerCase(Locale.ROOT);
        templates = List.copyOf(templates);
    }

    /** With the standard templates and no domain. */
    public static E2bSettings of(TokenKey tokenKey) {
        return new E2bSettings("", "", tokenKey, Template.STANDARD_TEMPLATES, Clock.systemUTC(), List.of());
    }

    /** With what sandboxes may reach at most. */
    public E2bSettings withEgress(List<Network.Egress> most) {
        return new E2bSettings(domain, publicDomain, tokenKey, templates, clock, most);
    }

    /** With a domain of one's own, such as {@code e2b.example.org:7443}. Port 0: not known, the SDKs are told nothing. */
    public E2bSettings withDomain(String domainAndPort) {
        int colon = domainAndPort.indexOf(':');
        String name = colon < 0 ? domainAndPort : domainAndPort.substring(0, colon);
        return new E2bSettings(
                name, domainAndPort.endsWith(":0") ? "" : domainAndPort, tokenKey, templates, clock, egress);
    }
}
