/** What every door needs: routing, authentication, errors, JSON, server-sent events, metrics. */
@NullMarked
package dev.tinyvm.server.http;

import org.jspecify.annotations.NullMarked;
