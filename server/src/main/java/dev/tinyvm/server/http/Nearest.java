package dev.tinyvm.server.http;

import java.util.Collection;

/** The name that was probably meant. */
final class Nearest {
    private static final int FAR = 3;

    private Nearest() {}

    /** Empty when none is near. */
    static String of(String wrong, Collection<String> names) {
        if (wrong.length() > 64) {
            return "";
        }
        String best = "";
        int least = Math.min(FAR, Math.max(1, wrong.length() / 2)) + 1;
        for (String name : names) {
            int distance = distance(wrong.toLowerCase(java.util.Locale.ROOT), name.toLowerCase(java.util.Locale.ROOT));
            if (distance < least) {
                least = distance;
                best = name;
            }
        }
        return best;
    }

    /** Levenshtein's. */
    static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int above = row[j];
                int change = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(change, Math.min(above, row[j - 1]) + 1);
                diagonal = above;
            }
        }
        return row[b.length()];
    }
}
