/** Walls that an OCI runtime makes: gVisor ({@code runsc}), {@code crun} and {@code runc}. The spawner starts them; the guest inside is the same. */
@NullMarked
package dev.tinyvm.engine.oci;

import org.jspecify.annotations.NullMarked;
