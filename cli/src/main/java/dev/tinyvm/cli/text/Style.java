package dev.tinyvm.cli.text;

/**
 * Colours, or none. Source of the codes: ECMA-48, "select graphic rendition".
 *
 * @param colours whether they are used
 */
public record Style(boolean colours) {
    public static final Style PLAIN = new Style(false);

    /** What a word may look like. */
    public enum Look {
        PLAIN(""),
        BOLD("1"),
        DIM("2"),
        RED("31"),
        GREEN("32"),
        YELLOW("33"),
        BLUE("34"),
        CYAN("36"),
        REVERSE("7");

        private final String code;

        Look(String code) {
            this.code = code;
        }
    }

    /** The text in that look, unchanged without colours. */
    public String paint(Look look, String text) {
        return colours && look != Look.PLAIN && !text.isEmpty()
                ? "\u001b[" + look.code + "m" + text + "\u001b[0m"
                : text;
    }

    /** The look of a VM's state, such as {@code running}. */
    public static Look ofState(String state) {
        return switch (state) {
            case "running" -> Look.GREEN;
            case "pending", "starting", "stopping" -> Look.YELLOW;
            case "waiting", "paused" -> Look.BLUE;
            case "failed" -> Look.RED;
            case "stopped" -> Look.DIM;
            default -> Look.PLAIN;
        };
    }
}
