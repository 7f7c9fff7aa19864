/** The E2B door: E2B's control API, envd and hosts, translated to the manager's verbs. */
@NullMarked
package dev.tinyvm.e2b;

import org.jspecify.annotations.NullMarked;
