package dev.tinyvm.spec;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/** What names look like. Each method returns what is wrong with a name, as the end of a sentence, or nothing. */
final class Names {
    private static final Pattern DNS_LABEL = Pattern.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?");
    private static final Pattern LABEL_NAME = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?");
    private static final Pattern LABEL_PREFIX =
            Pattern.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*");
    private static final Pattern ENV_NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]{0,254}");
    private static final Pattern ACCOUNT = Pattern.compile("[A-Za-z_][A-Za-z0-9_.-]{0,31}|0|[1-9][0-9]{0,9}");
    private static final Pattern IMAGE = Pattern.compile("[a-z0-9][a-z0-9._-]{0,127}");
    /** {@code [registry/]repository[:tag][@sha256:…]}, as in the JSON Schema; the image store looks closer. */
    private static final Pattern REFERENCE = Pattern.compile(
            "((([A-Za-z0-9.-]+|\\[[0-9a-fA-F:]+\\])(:[0-9]{1,5})?/)?[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*)*"
                    + "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?)");

    private static final int MAX_REFERENCE = 600;
    private static final long MAX_UID = 65_535;

    private Names() {}

    static Optional<String> wrongAgentName(String name) {
        if (name.length() <= Limits.MAX_NAME && DNS_LABEL.matcher(name).matches()) {
            return Optional.empty();
        }
        String nearest =
                name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-").replaceAll("^-+|-+$", "");
        nearest = nearest.substring(0, Math.min(nearest.length(), Limits.MAX_NAME))
                .replaceAll("-+$", "");
        return Optional.of("is " + Problems.quote(name) + "; a name has 1 to " + Limits.MAX_NAME
                + " characters a-z, 0-9 and -, with no - first or last"
                + (nearest.isEmpty() ? "" : "; the nearest is `" + nearest + "`"));
    }

    static Optional<String> wrongLabelKey(String key) {
        int slash = key.indexOf('/');
        String prefix = slash < 0 ? "" : key.substring(0, slash);
        boolean prefixFits = slash < 0
                || (prefix.length() <= 253 && LABEL_PREFIX.matcher(prefix).matches());
        if (prefixFits && LABEL_NAME.matcher(key.substring(slash + 1)).matches()) {
            return Optional.empty();
        }
        return Optional.of(
                "is not the name of a label; allowed are 1 to 63 letters, digits, -, _ and . (a letter or digit first and last), with an optional prefix such as `example.com/`");
    }

    static Optional<String> wrongLabelValue(String value) {
        return value.isEmpty() || LABEL_NAME.matcher(value).matches()
                ? Optional.empty()
                : Optional.of("is " + Problems.quote(value)
                        + "; a label has 0 to 63 letters, digits, -, _ and . with a letter or digit first and last");
    }

    static Optional<String> wrongEnvName(String name) {
        return ENV_NAME.matcher(name).matches()
                ? Optional.empty()
                : Optional.of(
                        "is not the name of an environment variable; allowed are letters, digits and _, no digit first");
    }

    static Optional<String> wrongUser(String user) {
        int colon = user.indexOf(':');
        boolean fits = isAccount(colon < 0 ? user : user.substring(0, colon))
                && (colon < 0 || isAccount(user.substring(colon + 1)));
        return fits
                ? Optional.empty()
                : Optional.of("is " + Problems.quote(user)
                        + "; expected a user's name such as `user` or `root`, or a uid from 0 to " + MAX_UID
                        + ", with `:group` behind it or not");
    }

    private static boolean isAccount(String text) {
        return ACCOUNT.matcher(text).matches()
                && (!Character.isDigit(text.charAt(0)) || Long.parseLong(text) <= MAX_UID);
    }

    static Optional<String> wrongImage(String image) {
        if (ProgramImages.isFile(image)) {
            return Paths.wrong(image).map(wrong -> "is " + Problems.quote(image) + "; " + wrong);
        }
        if (IMAGE.matcher(image).matches()
                || (image.length() <= MAX_REFERENCE && REFERENCE.matcher(image).matches())) {
            return Optional.empty();
        }
        if (image.contains("/") || image.contains(":") || image.contains("@")) {
            return Optional.of("is " + Problems.quote(image)
                    + "; expected an image reference, [registry/]repository[:tag][@sha256:…] such as alpine:3.20");
        }
        return Optional.of("is " + Problems.quote(image)
                + "; expected `host` or the name of an imported image (1 to 128 characters a-z, 0-9, ., _ and -, a letter or digit first), or a reference such as alpine:3.20, at most "
                + MAX_REFERENCE + " characters");
    }
}
