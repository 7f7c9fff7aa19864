package dev.tinyvm.images;

/**
 * What an import may bring at most, so that an archive bomb ends early.
 *
 * @param maxEntries files, directories and links together
 * @param maxBytes bytes of the uncompressed archive, or of the directory's files
 */
public record ImportLimits(long maxEntries, long maxBytes) {
    /** Two million entries, 64 GiB: several times the largest distribution image. */
    public static final ImportLimits DEFAULT = new ImportLimits(2_000_000, 64L << 30);

    /** Components of a name. */
    static final int MAX_DEPTH = 128;
    /** Bytes of a name, as PATH_MAX less the root that it is put under. */
    static final int MAX_NAME_BYTES = 3_072;

    static final int MAX_COMPONENT_BYTES = 255;
    /** XATTR_SIZE_MAX of the kernel. */
    static final int MAX_XATTR_BYTES = 65_536;

    static final int MAX_XATTRS = 64;
    /** The ids that a Tiny VM's user namespace has. */
    static final long MAX_ID = 65_535;
}
