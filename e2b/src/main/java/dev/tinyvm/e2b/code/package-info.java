/** The code interpreter: what E2B serves on port 49999 of its sandboxes. */
@NullMarked
package dev.tinyvm.e2b.code;

import org.jspecify.annotations.NullMarked;
