/**
 * Root file systems that Tiny VMs are made from: the machine's own ({@code host}) and imported ones.
 *
 * <p>Importing is done by a root process (the CLI), reading by the manager, which is not root. The archive or directory that is imported
 * is not trusted.
 */
@NullMarked
package dev.tinyvm.images;

import org.jspecify.annotations.NullMarked;
