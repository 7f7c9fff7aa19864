package dev.tinyvm.llm;

/**
 * A model's name, or a pattern in which {@code *} stands for any characters.
 *
 * @param pattern such as {@code gpt-*}
 */
public record Glob(String pattern) {
    /** Whether the name fits. */
    public boolean matches(String name) {
        int p = 0;
        int n = 0;
        int star = -1;
        int mark = 0;
        while (n < name.length()) {
            if (p < pattern.length() && pattern.charAt(p) == '*') {
                star = p++;
                mark = n;
            } else if (p < pattern.length() && pattern.charAt(p) == name.charAt(n)) {
                p++;
                n++;
            } else if (star >= 0) {
                p = star + 1;
                n = ++mark;
            } else {
                return false;
            }
        }
        while (p < pattern.length() && pattern.charAt(p) == '*') {
            p++;
        }
        return p == pattern.length();
    }

    /** Whether it names one model. */
    public boolean isName() {
        return pattern.indexOf('*') < 0;
    }
}
