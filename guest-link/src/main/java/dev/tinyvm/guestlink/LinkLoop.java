package dev.tinyvm.guestlink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread that reads all guest links. It decodes frames and hands them to streams, which only queue and wake; it never blocks on a
 * guest. Each turn reads at most one buffer of each link, so a flooding guest does not starve the others.
 */
public final class LinkLoop implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LinkLoop.class);
    private static final int BUFFER_BYTES = 128 << 10;

    private final Selector selector;
    private final Thread thread;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private volatile boolean closed;

    public LinkLoop() {
        try {
            selector = Selector.open();
        } catch (IOException e) {
            throw new UncheckedIOException("could not open a selector for guest links", e);
        }
        thread = Thread.ofPlatform().daemon().name("guest-links").unstarted(this::run);
        thread.start();
    }

    /** Ends the thread. Links must be closed by their owners first. */
    @Override
    public void close() {
        closed = true;
        selector.wakeup();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    SelectionKey register(SocketChannel channel, Endpoint endpoint) throws IOException {
        SelectionKey key = channel.register(selector, SelectionKey.OP_READ, endpoint);
        selector.wakeup();
        return key;
    }

    /** Asks to be told when the channel takes more. Any thread. */
    void wantWrite(SelectionKey key) {
        try {
            key.interestOpsOr(SelectionKey.OP_WRITE);
            selector.wakeup();
        } catch (CancelledKeyException e) {
            LOG.trace("a link was closed while a write waited", e);
        }
    }

    /** Makes the selector let go of channels that were closed, so that their descriptors are freed at once. */
    void released() {
        selector.wakeup();
    }

    private void run() {
        while (!closed) {
            try {
                selector.select(this::ready);
            } catch (IOException e) {
                LOG.error("the selector of guest links failed", e);
                break;
            }
        }
        try {
            selector.close();
        } catch (IOException e) {
            LOG.warn("could not close the selector of guest links", e);
        }
    }

    private void ready(SelectionKey key) {
        Endpoint endpoint = (Endpoint) key.attachment();
        try {
            if (key.isWritable()) {
                key.interestOpsAnd(~SelectionKey.OP_WRITE);
                endpoint.onWritable();
            }
            if (key.isReadable()) {
                buffer.clear();
                endpoint.onReadable(buffer);
            }
        } catch (CancelledKeyException e) {
            LOG.trace("a link was closed while it was ready", e);
        } catch (RuntimeException e) {
            LOG.error("a guest link failed and is closed", e);
            endpoint.onFailure(e);
        }
    }

    /** One registered channel; called on the loop's thread. */
    interface Endpoint {
        void onReadable(ByteBuffer buffer);

        void onWritable();

        void onFailure(RuntimeException failure);
    }
}
