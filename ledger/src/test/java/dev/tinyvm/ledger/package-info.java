@NullMarked
package dev.tinyvm.ledger;

import org.jspecify.annotations.NullMarked;
