/** A small, strict HTTP/1.1 server over any pair of byte streams, and what a call looks like to the gateway. */
@NullMarked
package dev.tinyvm.llm.http;

import org.jspecify.annotations.NullMarked;
