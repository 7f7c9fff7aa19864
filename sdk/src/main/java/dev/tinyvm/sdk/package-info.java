/**
 * The Java client of TinyVM's native API: blocking methods, records, WebSocket sessions. Start at {@link dev.tinyvm.sdk.TinyVmClient}.
 */
@NullMarked
package dev.tinyvm.sdk;

import org.jspecify.annotations.NullMarked;
