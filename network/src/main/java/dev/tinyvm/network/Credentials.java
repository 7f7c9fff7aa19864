package dev.tinyvm.network;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The credentials of the manager's configuration, by name. */
final class Credentials {
    private final Map<String, Credential> byName;

    Credentials(List<Credential> credentials) {
        byName = credentials.stream().collect(Collectors.toUnmodifiableMap(Credential::name, c -> c));
    }

    /** @throws Refusal there is none of that name, or not for that host */
    Credential get(String name, String host) throws Refusal {
        Credential found = byName.get(name);
        if (found == null) {
            throw new Refusal(
                    502,
                    "credential-unknown",
                    "the credential '" + name + "' of the rule for " + host
                            + " is not in the manager's configuration (network.credentials)");
        }
        if (!found.isFor(host)) {
            throw new Refusal(
                    403,
                    "credential-host",
                    "the credential '" + name + "' is not for " + host + "; it has hosts of its own");
        }
        return found;
    }
}
