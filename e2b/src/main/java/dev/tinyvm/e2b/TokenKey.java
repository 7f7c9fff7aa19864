package dev.tinyvm.e2b;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.EnumSet;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Makes the access tokens of sandboxes from their ids (HMAC-SHA256), so that no token needs to be stored. The key is a file of its own, readable by the manager
 * alone; a new key makes all earlier tokens worthless.
 */
public final class TokenKey {
    private static final int BYTES = 32;
    private final SecretKeySpec key;

    /** @param key 32 bytes or more that nobody can guess */
    public TokenKey(byte[] key) {
        if (key.length < BYTES) {
            throw new IllegalArgumentException("the token key needs " + BYTES + " bytes and has " + key.length);
        }
        this.key = new SecretKeySpec(key, "HmacSHA256");
    }

    /** One that lives as long as this process. */
    public static TokenKey random() {
        return new TokenKey(fresh());
    }

    /** The key in this file, made at first use. */
    public static TokenKey load(Path file) throws IOException {
        try (var out = Files.newByteChannel(
                file,
                EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            out.write(java.nio.ByteBuffer.wrap(fresh()));
        } catch (FileAlreadyExistsException e) {
            // Made by an earlier manager.
        }
        return new TokenKey(Files.readAllBytes(file));
    }

    /** What opens a sandbox's envd. */
    public String envd(String sandboxId) {
        return token("envd:" + sandboxId);
    }

    /** What opens a sandbox's own ports when they are not public. */
    public String traffic(String sandboxId) {
        return token("traffic:" + sandboxId);
    }

    /** Compares in constant time. */
    public static boolean same(String a, String b) {
        return MessageDigest.isEqual(a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
    }

    private String token(String subject) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(key);
            byte[] sum = mac.doFinal(subject.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(sum, 0, 32);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JVM has no HmacSHA256", e);
        }
    }

    private static byte[] fresh() {
        byte[] bytes = new byte[BYTES];
        new SecureRandom().nextBytes(bytes);
        return bytes;
    }
}
