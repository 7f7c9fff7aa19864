/** The egress proxy: what a Tiny VM may reach, and how it gets there. */
@NullMarked
package dev.tinyvm.network;

import org.jspecify.annotations.NullMarked;
