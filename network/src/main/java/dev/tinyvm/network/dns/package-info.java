/** DNS for allowed names, over TCP. */
@NullMarked
package dev.tinyvm.network.dns;

import org.jspecify.annotations.NullMarked;
