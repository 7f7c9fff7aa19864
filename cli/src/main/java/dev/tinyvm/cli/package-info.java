/** The command line: parses, asks the manager through the SDK, prints. Start at {@link dev.tinyvm.cli.Cli}. */
@NullMarked
package dev.tinyvm.cli;

import org.jspecify.annotations.NullMarked;
