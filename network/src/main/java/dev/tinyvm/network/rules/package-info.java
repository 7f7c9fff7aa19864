/** What may be reached: names, addresses, ranges. */
@NullMarked
package dev.tinyvm.network.rules;

import org.jspecify.annotations.NullMarked;
