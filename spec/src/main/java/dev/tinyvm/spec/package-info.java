/** The descriptor, resources and names that every room shares: records only, no behaviour of a room. */
@NullMarked
package dev.tinyvm.spec;

import org.jspecify.annotations.NullMarked;
