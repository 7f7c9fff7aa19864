package dev.tinyvm.sdk;

/**
 * A descriptor as text; the manager reads and checks it.
 *
 * @param text YAML or JSON
 * @param mediaType {@code application/yaml} or {@code application/json}
 */
public record Descriptor(String text, String mediaType) {
    public static Descriptor yaml(String text) {
        return new Descriptor(text, "application/yaml");
    }

    public static Descriptor json(String text) {
        return new Descriptor(text, "application/json");
    }
}
