package dev.tinyvm.sdk;

/**
 * A Tiny VM to make.
 *
 * @param id id wished for, {@code [a-z0-9]{8,32}}; empty: the manager chooses
 * @param idempotencyKey a second request with the same key and content gets the first one's VM; empty: none
 * @param waitForCapacity true: queued as {@code pending} when the host is full; false: refused with {@code no_capacity}
 */
public record CreateVm(Descriptor descriptor, String id, String idempotencyKey, boolean waitForCapacity) {
    public static CreateVm of(Descriptor descriptor) {
        return new CreateVm(descriptor, "", "", true);
    }
}
