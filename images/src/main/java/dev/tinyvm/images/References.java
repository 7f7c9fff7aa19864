package dev.tinyvm.images;

import dev.tinyvm.images.registry.Reference;
import dev.tinyvm.images.registry.RegistryException;
import java.util.Optional;

/** References that may be none. */
final class References {
    private References() {}

    /** Empty for what is no reference. */
    static Optional<Reference> parse(String text) {
        try {
            return Optional.of(Reference.parse(text));
        } catch (RegistryException e) {
            return Optional.empty();
        }
    }
}
