/** E2B's control API: sandboxes, templates, teams. */
@NullMarked
package dev.tinyvm.e2b.control;

import org.jspecify.annotations.NullMarked;
