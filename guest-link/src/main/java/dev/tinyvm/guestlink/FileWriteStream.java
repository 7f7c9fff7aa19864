package dev.tinyvm.guestlink;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.GuestFiles.WriteStream;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.util.concurrent.CompletableFuture;

/** FILE_WRITE: the host sends DATA and END, the guest answers DONE, or ERROR at any time. */
final class FileWriteStream extends LinkStream {
    private final CompletableFuture<Boolean> answer = new CompletableFuture<>();
    private final SendWindow window;

    FileWriteStream(GuestLink link, String attempt) {
        super(link, attempt);
        this.window = new SendWindow(link.streams().sendWindow());
    }

    WriteStream output() {
        return new Output();
    }

    @Override
    void onFrame(GuestMessage message, PayloadReader payload) throws WireException {
        throw unexpected(message);
    }

    @Override
    void onDone() {
        answer.complete(true);
        window.close();
    }

    @Override
    void onError(int errno, String message) {
        answer.completeExceptionally(GuestErrors.file(attempt, errno, message));
        window.close();
    }

    @Override
    void onWindow(long credit) throws WireException {
        window.add(credit);
    }

    @Override
    void onLost(LinkEnd end) {
        answer.completeExceptionally(link.streams().gone(attempt));
        window.close();
    }

    private int credit(int wanted) throws InterruptedException {
        while (true) {
            int count = window.take(wanted, LinkLimits.PROGRESS);
            if (count >= 0) {
                return count;
            }
            if (!link.streams().frozenWithin(LinkLimits.PROGRESS)) {
                link.streams().cancel(this);
                throw new EngineException(
                        Code.TIMEOUT,
                        "could not " + attempt + ": nothing was written for " + LinkLimits.PROGRESS.toSeconds() + " s");
            }
        }
    }

    /** What the caller writes to; one thread. */
    private final class Output extends WriteStream {
        private boolean over;

        @Override
        public void write(int b) {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) {
            java.util.Objects.checkFromIndexSize(offset, length, bytes.length);
            if (over) {
                throw new EngineException(Code.INVALID, "could not " + attempt + ": the stream is closed");
            }
            try {
                int at = offset;
                while (at < offset + length) {
                    int count = credit(Math.min(offset + length - at, LinkLimits.DATA_FRAME_BYTES));
                    if (count == 0) {
                        over = true;
                        link.await(answer, LinkLimits.PROGRESS, FileWriteStream.this);
                        throw new EngineException(
                                Code.PROTOCOL, "could not " + attempt + ": the guest ended the write before its end");
                    }
                    link.streams()
                            .sendBulk(GuestMessage.DATA
                                    .frame(id)
                                    .bytes(bytes, at, count)
                                    .finish());
                    at += count;
                }
            } catch (InterruptedException e) {
                abort();
                Thread.currentThread().interrupt();
                throw new EngineException(Code.TIMEOUT, "could not " + attempt + ": interrupted", e);
            }
        }

        @Override
        public void close() {
            if (over) {
                return;
            }
            over = true;
            if (!answer.isDone()) {
                link.streams().send(GuestMessage.END.frame(id).finish());
            }
            link.await(answer, LinkLimits.PROGRESS, FileWriteStream.this);
        }

        @Override
        public void abort() {
            over = true;
            link.streams().cancel(FileWriteStream.this);
        }
    }
}
