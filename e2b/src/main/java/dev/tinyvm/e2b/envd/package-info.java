/** What E2B's in-sandbox daemon serves: processes, the file system, uploads and downloads. */
@NullMarked
package dev.tinyvm.e2b.envd;

import org.jspecify.annotations.NullMarked;
