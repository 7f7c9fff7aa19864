package dev.tinyvm.spec;

import java.util.List;

/** A parsed document's value with the place where it stands; lines and columns count from 1. */
sealed interface Value {
    int line();

    int column();

    /** What a person calls this kind of value. */
    String kind();

    /**
     * Text.
     *
     * @param text as written, after unquoting
     * @param plain not quoted, so that {@code 5}, {@code true} and {@code null} are not strings
     */
    record Scalar(String text, boolean plain, int line, int column) implements Value {
        boolean isNull() {
            return plain
                    && (text.isEmpty()
                            || text.equals("~")
                            || text.equals("null")
                            || text.equals("Null")
                            || text.equals("NULL"));
        }

        boolean isBoolean() {
            return plain && (isTrue() || text.equals("false") || text.equals("False") || text.equals("FALSE"));
        }

        boolean isTrue() {
            return plain && (text.equals("true") || text.equals("True") || text.equals("TRUE"));
        }

        /** A number of the YAML 1.2 core schema (and so of JSON). */
        boolean isNumber() {
            return plain && isNumberText(text);
        }

        boolean isString() {
            return !isNull() && !isBoolean() && !isNumber();
        }

        @Override
        public String kind() {
            if (isNull()) {
                return "nothing";
            }
            return isBoolean() ? "a boolean" : isNumber() ? "a number" : "a string";
        }

        private static boolean isNumberText(String text) {
            if (text.startsWith("0o") || text.startsWith("0x")) {
                int radix = text.charAt(1) == 'o' ? 8 : 16;
                return text.length() > 2 && text.chars().skip(2).allMatch(c -> Character.digit(c, radix) >= 0);
            }
            int at = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
            String rest = text.substring(at);
            if (rest.equals(".inf") || rest.equals(".Inf") || rest.equals(".INF")) {
                return true;
            }
            if (text.equals(".nan") || text.equals(".NaN") || text.equals(".NAN")) {
                return true;
            }
            int digits = at;
            boolean any = false;
            while (digits < text.length() && isDigit(text.charAt(digits))) {
                digits++;
                any = true;
            }
            if (digits < text.length() && text.charAt(digits) == '.') {
                digits++;
                while (digits < text.length() && isDigit(text.charAt(digits))) {
                    digits++;
                    any = true;
                }
            }
            if (!any) {
                return false;
            }
            if (digits < text.length() && (text.charAt(digits) == 'e' || text.charAt(digits) == 'E')) {
                digits++;
                if (digits < text.length() && (text.charAt(digits) == '-' || text.charAt(digits) == '+')) {
                    digits++;
                }
                int exponent = digits;
                while (digits < text.length() && isDigit(text.charAt(digits))) {
                    digits++;
                }
                return digits > exponent && digits == text.length();
            }
            return digits == text.length();
        }

        private static boolean isDigit(char c) {
            return c >= '0' && c <= '9';
        }
    }

    /** A list. */
    record Listing(List<Value> items, int line, int column) implements Value {
        @Override
        public String kind() {
            return "a list";
        }
    }

    /** Keys and values in the order of the document; duplicates are kept, for the message. */
    record Mapping(List<Entry> entries, int line, int column) implements Value {
        @Override
        public String kind() {
            return "a mapping";
        }
    }

    /** One key of a mapping. */
    record Entry(Value key, Value value) {}
}
