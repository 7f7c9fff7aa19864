/** Words for people: tables, colours, quantities. No I/O of its own. */
@NullMarked
package dev.tinyvm.cli.text;

import org.jspecify.annotations.NullMarked;
