package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import dev.tinyvm.images.registry.Reference;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The images of a store that a policy lets Tiny VMs be made from: those whose signature was verified when they were pulled, and those that nothing is asked
 * of, such as root file systems that root imported under names of their own. Asks no registry; for any thread.
 */
public final class SignedImages {
    private final ImageStore store;
    private final SignaturePolicy policy;
    private final Verifications verifications;

    public SignedImages(ImageStore store, SignaturePolicy policy) {
        this.store = store;
        this.policy = policy;
        this.verifications = new Verifications(new StorePaths(store.directory()).verified());
    }

    /**
     * As {@link ImageStore#find}. What counts is the repository that the name says; of a digest alone, those that the image was pulled from.
     *
     * @throws ImageException UNSIGNED when the policy asks for a signature and none was verified
     */
    public Optional<Image> find(String name) {
        Optional<Image> found = store.find(name);
        try {
            if (found.isPresent()) {
                require(name, found.get());
            }
            return found;
        } catch (IOException e) {
            throw new ImageException(
                    ImageException.Code.IO,
                    "whether the image `" + name + "` is signed could not be looked up: " + e.getMessage(),
                    e);
        }
    }

    private void require(String name, Image image) throws IOException {
        if (!image.isOci()) {
            return;
        }
        List<Reference> origins = image.references().stream()
                .flatMap(text -> References.parse(text).stream())
                .toList();
        boolean ownName = name.equals(image.name()) || Digest.parse(name).isPresent();
        Optional<Reference> named = ownName ? Optional.empty() : References.parse(name);
        if (named.isPresent()) {
            Optional<SignaturePolicy.Rule> rule = policy.rule(named.get());
            if (rule.isPresent()) {
                if (!verifications.has(image.name(), named.get(), rule.get())) {
                    Reference pulled = origins.stream()
                            .filter(origin -> isSameRepository(origin, named.get()))
                            .findFirst()
                            .orElse(named.get());
                    throw unsigned(name, pulled, rule.get());
                }
                return;
            }
            if (origins.stream().anyMatch(origin -> isSameRepository(origin, named.get()))) {
                return;
            }
        }
        // By its digest, perhaps behind another repository's name: what holds where it came from counts.
        @Nullable Reference unsigned = null;
        for (Reference origin : origins) {
            Optional<SignaturePolicy.Rule> rule = policy.rule(origin);
            if (rule.isPresent() && verifications.has(image.name(), origin, rule.get())) {
                return;
            }
            if (rule.isPresent() && unsigned == null) {
                unsigned = origin;
            }
        }
        if (unsigned != null) {
            throw unsigned(name, unsigned, policy.rule(unsigned).orElseThrow());
        }
    }

    private static boolean isSameRepository(Reference a, Reference b) {
        return a.registry().equals(b.registry()) && a.repository().equals(b.repository());
    }

    private static ImageException unsigned(String name, Reference origin, SignaturePolicy.Rule rule) {
        return new ImageException(
                ImageException.Code.UNSIGNED,
                "the image `" + name + "` is refused: images.policy `" + rule.match() + "` asks for a signature by "
                        + rule.file() + ", and none was verified; `tinyvm image pull " + origin
                        + "` looks for it and says what is missing (with --config FILE when the manager was started with that)");
    }
}
