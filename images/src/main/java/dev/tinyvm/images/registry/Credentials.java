package dev.tinyvm.images.registry;

/**
 * What is known to one registry about who asks. Never printed.
 *
 * @param user empty for nobody
 * @param secret a password, or an identity token
 * @param identityToken whether the secret is a token that buys others (OAuth 2 refresh token)
 */
public record Credentials(String user, String secret, boolean identityToken) {
    /** Nobody in particular. */
    public static final Credentials ANONYMOUS = new Credentials("", "", false);

    boolean isAnonymous() {
        return secret.isEmpty();
    }

    /** For a header. */
    String basic() {
        return "Basic "
                + java.util.Base64.getEncoder()
                        .encodeToString((user + ":" + secret).getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    /** Without the secret. */
    @Override
    public String toString() {
        return isAnonymous() ? "anonymous" : "credentials of " + (identityToken ? "a token" : user);
    }

    /** Where credentials come from. */
    @FunctionalInterface
    public interface Source {
        /**
         * @param registry as a {@link Reference} has it
         * @return {@link #ANONYMOUS} when there are none
         * @throws RegistryException UNAUTHORIZED when there should be some that cannot be read
         */
        Credentials of(String registry);
    }
}
