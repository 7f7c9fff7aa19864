package dev.tinyvm.spec;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** Finds the name that somebody meant. */
public final class NearestName {
    private NearestName() {}

    /**
     * The candidate that {@code word} is a misspelling, another case or an abbreviation of; empty when none is near.
     * Near is at most one edit for each three letters (optimal string alignment: insert, delete, replace, swap of neighbours).
     */
    public static Optional<String> of(String word, Collection<String> candidates) {
        if (word.isEmpty() || word.length() > 64) {
            return Optional.empty();
        }
        String wanted = fold(word);
        String best = null;
        int bestDistance = Integer.MAX_VALUE;
        for (String candidate : candidates) {
            String folded = fold(candidate);
            int distance = distance(wanted, folded);
            int allowed = Math.max(1, Math.min(wanted.length(), folded.length()) / 3);
            boolean abbreviation = wanted.length() >= 3
                    && folded.length() >= 3
                    && (folded.startsWith(wanted) || wanted.startsWith(folded));
            if ((distance <= allowed || abbreviation) && distance < bestDistance) {
                best = candidate;
                bestDistance = distance;
            }
        }
        return Optional.ofNullable(best);
    }

    /** {@code max_restarts}, {@code max-restarts} and {@code MaxRestarts} are one word. */
    private static String fold(String word) {
        return word.toLowerCase(Locale.ROOT).replace("_", "").replace("-", "");
    }

    private static int distance(String a, String b) {
        int[][] edits = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            edits[i][0] = i;
        }
        for (int j = 0; j <= b.length(); j++) {
            edits[0][j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            for (int j = 1; j <= b.length(); j++) {
                int replace = edits[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                int least = Math.min(replace, Math.min(edits[i - 1][j], edits[i][j - 1]) + 1);
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    least = Math.min(least, edits[i - 2][j - 2] + 1);
                }
                edits[i][j] = least;
            }
        }
        return edits[a.length()][b.length()];
    }
}
