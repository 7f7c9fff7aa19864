/** Requests to a sandbox's own ports, passed on as they are. */
@NullMarked
package dev.tinyvm.e2b.proxy;

import org.jspecify.annotations.NullMarked;
