package dev.tinyvm.images;

import java.util.Map;

/**
 * What is kept of a file besides its bytes.
 *
 * @param mode permission bits with setuid, setgid and sticky
 * @param uid owner, 0 to 65,535
 * @param gid group, 0 to 65,535
 * @param modifiedSeconds since 1970
 * @param modifiedNanos 0 to 999,999,999
 * @param xattrs name to value; only what {@link #keepsXattr} keeps
 */
record FileMeta(int mode, long uid, long gid, long modifiedSeconds, int modifiedNanos, Map<String, byte[]> xattrs) {
    /**
     * Whether an extended attribute is copied. Overlayfs' own attributes would be obeyed by the overlay that is mounted over the image, so
     * an image may not bring them; ACLs and security labels belong to the machine that they were made on.
     */
    static boolean keepsXattr(String name) {
        return name.equals("security.capability") || (name.startsWith("user.") && !name.startsWith("user.overlay."));
    }
}
