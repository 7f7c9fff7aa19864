package dev.tinyvm.images.registry;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * One challenge of a {@code WWW-Authenticate} header (RFC 9110, section 11.6.1).
 *
 * @param scheme in lower case, such as {@code bearer}
 * @param parameters names in lower case
 */
record Challenge(String scheme, Map<String, String> parameters) {
    private static final int MAX_LENGTH = 8_192;

    /** Reads one header; what is malformed ends the reading. */
    static List<Challenge> parse(String header) {
        List<Challenge> challenges = new ArrayList<>();
        Scanner in = new Scanner(header.substring(0, Math.min(header.length(), MAX_LENGTH)));
        String scheme = "";
        Map<String, String> parameters = new HashMap<>();
        while (true) {
            in.skip(" \t,");
            String word = in.token();
            if (word.isEmpty()) {
                break;
            }
            in.skip(" \t");
            if (in.take('=')) {
                in.skip(" \t");
                parameters.putIfAbsent(word.toLowerCase(Locale.ROOT), in.value());
            } else {
                add(challenges, scheme, parameters);
                scheme = word.toLowerCase(Locale.ROOT);
                parameters = new HashMap<>();
            }
        }
        add(challenges, scheme, parameters);
        return challenges;
    }

    private static void add(List<Challenge> challenges, String scheme, Map<String, String> parameters) {
        if (!scheme.isEmpty()) {
            challenges.add(new Challenge(scheme, Map.copyOf(parameters)));
        }
    }

    String parameter(String name) {
        return parameters.getOrDefault(name, "");
    }

    private static final class Scanner {
        private final String text;
        private int at;

        Scanner(String text) {
            this.text = text;
        }

        void skip(String characters) {
            while (at < text.length() && characters.indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }

        boolean take(char wanted) {
            if (at < text.length() && text.charAt(at) == wanted) {
                at++;
                return true;
            }
            return false;
        }

        String token() {
            int start = at;
            while (at < text.length() && " \t,=\"".indexOf(text.charAt(at)) < 0) {
                at++;
            }
            return text.substring(start, at);
        }

        String value() {
            if (!take('"')) {
                return token();
            }
            StringBuilder value = new StringBuilder();
            while (at < text.length() && text.charAt(at) != '"') {
                if (text.charAt(at) == '\\' && at + 1 < text.length()) {
                    at++;
                }
                value.append(text.charAt(at++));
            }
            take('"');
            return value.toString();
        }
    }
}
