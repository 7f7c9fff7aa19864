/** The whole product: its rooms, its documents, and its promises behind real walls. */
@NullMarked
package dev.tinyvm.tests;

import org.jspecify.annotations.NullMarked;
