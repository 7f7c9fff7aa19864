/**
 * A client of OCI registries ({@code https://github.com/opencontainers/distribution-spec}, version 2 API): references, credentials, transfers.
 *
 * <p>Its own small client over {@code java.net.http}: the OCI library for Java at hand (oras-java-sdk 0.7) neither resumes a blob, nor waits
 * as {@code Retry-After} says, nor goes through a proxy, nor knows identity tokens, and brings a cryptography provider and a cache along.
 *
 * <p>The registry is not trusted: sizes are bounded, every manifest and blob is checked against its digest, credentials go to the registry
 * that they are for and nowhere else.
 */
@NullMarked
package dev.tinyvm.images.registry;

import org.jspecify.annotations.NullMarked;
