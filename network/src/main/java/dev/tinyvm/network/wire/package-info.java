/** HTTP/1.1 on byte streams, strictly. */
@NullMarked
package dev.tinyvm.network.wire;

import org.jspecify.annotations.NullMarked;
