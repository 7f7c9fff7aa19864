package dev.tinyvm.spec;

/** How far the code of an agent is trusted: what {@code engine: auto} goes by. */
public enum Trust {
    /** Code whose author is known: the lightest wall will do. */
    TRUSTED,
    /** Anybody's code: a wall with a kernel of its own. */
    UNTRUSTED;

    /** The word in a descriptor, such as {@code trusted}. */
    public String word() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
