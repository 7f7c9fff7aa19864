package dev.tinyvm.engine.container;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.spec.Volume;
import java.util.stream.Collectors;

/** Turns the spawner's refusals into sentences that say what to do. */
final class Failures {
    private static final int ESHUTDOWN = 108;
    private static final int ETIMEDOUT = 110;

    private Failures() {}

    static EngineException creating(MachineSpec spec, SpawnerException refused) {
        String attempt = "could not make the machine " + spec.id() + ": ";
        if (refused.step().contains("volume") || refused.step().equals("validate-mount")) {
            String paths = spec.volumes().stream().map(Volume::source).collect(Collectors.joining(", "));
            String remedy = refused.errno() == Errno.EACCES
                    ? "; add it to volumes.hostPaths of the manager's configuration (and no symbolic link may lead to it)"
                    : "";
            return failure(
                    Code.MOUNT,
                    attempt + "a volume (" + paths + ") was refused: " + refused.sentence() + remedy,
                    refused);
        }
        return switch (refused.errno()) {
            case Errno.ENOSPC, Errno.EDQUOT ->
                failure(
                        Code.LIMIT,
                        attempt + "the host's disk for writable layers is full: " + refused.sentence(),
                        refused);
            case Errno.ENOMEM ->
                failure(Code.LIMIT, attempt + "the host is out of memory: " + refused.sentence(), refused);
            case Errno.EAGAIN, Errno.EMFILE, Errno.ENFILE ->
                failure(
                        Code.LIMIT,
                        attempt + "the host has no more room for processes or files: " + refused.sentence(),
                        refused);
            case Errno.EEXIST ->
                failure(
                        Code.INVALID,
                        attempt + refused.sentence() + "; choose another id or destroy that one",
                        refused);
            case Errno.EINVAL -> failure(Code.INVALID, attempt + refused.sentence(), refused);
            case ESHUTDOWN -> failure(Code.UNAVAILABLE, attempt + refused.sentence(), refused);
            default ->
                refused.step().contains("image")
                                || refused.step().equals("mount-point")
                                || refused.step().equals("execute-guest")
                        ? failure(
                                Code.IMAGE,
                                attempt + "the image " + spec.image() + " cannot be used: " + refused.sentence(),
                                refused)
                        : failure(Code.UNAVAILABLE, attempt + refused.sentence(), refused);
        };
    }

    static EngineException acting(String attempt, SpawnerException refused) {
        Code code = switch (refused.errno()) {
            case Errno.ENOENT, Errno.ESRCH -> Code.GONE;
            case Errno.EBUSY, Errno.ENOMEM, Errno.ENOSPC -> Code.LIMIT;
            case Errno.EINVAL -> Code.INVALID;
            case ETIMEDOUT -> Code.TIMEOUT;
            default -> Code.FAILED;
        };
        return failure(code, "could not " + attempt + ": " + refused.sentence(), refused);
    }

    private static EngineException failure(Code code, String message, SpawnerException cause) {
        return new EngineException(code, message, cause);
    }
}
