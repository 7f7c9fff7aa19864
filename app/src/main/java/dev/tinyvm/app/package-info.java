/**
 * The program: puts the rooms together ({@link dev.tinyvm.app.Assembly}), starts and stops the manager's process, and drops its privileges. The only place that knows all rooms.
 */
@NullMarked
package dev.tinyvm.app;

import org.jspecify.annotations.NullMarked;
