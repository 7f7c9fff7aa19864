/** The Tiny VM Manager: admits, starts, watches, restarts, freezes and remembers Tiny VMs. Knows no HTTP. */
@NullMarked
package dev.tinyvm.manager;

import org.jspecify.annotations.NullMarked;
