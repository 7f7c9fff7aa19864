/** Programs that the tests run inside a Tiny VM. */
@NullMarked
package dev.tinyvm.tests.inside;

import org.jspecify.annotations.NullMarked;
