/** WebAssembly Tiny VMs inside of the JVM: no root, no Linux, nothing installed. {@link dev.tinyvm.engine.wasm.WasmEngine} is the way in. */
@NullMarked
package dev.tinyvm.engine.wasm;

import org.jspecify.annotations.NullMarked;
