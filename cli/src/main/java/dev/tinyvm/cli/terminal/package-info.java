/** The terminal the user sits at: raw mode and window size, through glibc. The only native calls of the CLI. */
@NullMarked
package dev.tinyvm.cli.terminal;

import org.jspecify.annotations.NullMarked;
