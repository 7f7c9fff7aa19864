/** The host side of spec/guest-protocol.md: one link to each guest, read by one thread for all of them. The guest is taken for hostile. */
@NullMarked
package dev.tinyvm.guestlink;

import org.jspecify.annotations.NullMarked;
