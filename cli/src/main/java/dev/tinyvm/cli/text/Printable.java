package dev.tinyvm.cli.text;

/** Text that came from a Tiny VM or a manager, made harmless for a terminal: it may name escape sequences, not send them. */
public final class Printable {
    private Printable() {}

    /** On one line; every control character becomes {@code ?}, a tab or line end a space. */
    public static String line(String text) {
        int bad = 0;
        while (bad < text.length() && !Character.isISOControl(text.charAt(bad))) {
            bad++;
        }
        if (bad == text.length()) {
            return text;
        }
        StringBuilder clean = new StringBuilder(text.length()).append(text, 0, bad);
        for (int i = bad; i < text.length(); i++) {
            char c = text.charAt(i);
            clean.append(!Character.isISOControl(c) ? c : c == '\t' || c == '\n' || c == '\r' ? ' ' : '?');
        }
        return clean.toString();
    }
}
