/** The native REST door, {@code /api/v1}. docs/api.md describes it, openapi.yaml defines it. */
@NullMarked
package dev.tinyvm.server.api;

import org.jspecify.annotations.NullMarked;
