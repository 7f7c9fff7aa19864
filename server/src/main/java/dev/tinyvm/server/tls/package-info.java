/** Certificates: those that a user gives, and those that {@code tinyvm cert} makes. */
@NullMarked
package dev.tinyvm.server.tls;

import org.jspecify.annotations.NullMarked;
