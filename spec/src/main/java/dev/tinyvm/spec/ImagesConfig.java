package dev.tinyvm.spec;

import java.util.List;

/**
 * The images part of the manager's configuration.
 *
 * @param policy which images must be signed, and by whom; of several entries that fit a repository the first counts
 */
public record ImagesConfig(List<Policy> policy) {
    /** No image must be signed. */
    public static final ImagesConfig NONE = new ImagesConfig(List.of());

    public ImagesConfig {
        policy = List.copyOf(policy);
    }

    /**
     * What holds for some repositories.
     *
     * @param match registry and repository in full, without a tag; {@code *} stands for any characters, {@code /} too
     * @param publicKey absolute path of the PEM file with cosign's public key, by which each image of theirs must be signed
     */
    public record Policy(String match, String publicKey) {}
}
