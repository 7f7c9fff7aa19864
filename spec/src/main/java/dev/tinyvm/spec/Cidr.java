package dev.tinyvm.spec;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * An address range, RFC 4632 and RFC 4291 section 2.3.
 *
 * @param address the first address, with no bit set beyond the prefix
 * @param prefixLength 0 to 32, or to 128
 */
public record Cidr(InetAddress address, int prefixLength) {
    // Only what can be an address: InetAddress would look any other text up.
    private static final Pattern LITERAL =
            Pattern.compile("(\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)/(\\d{1,3})");

    /** @throws IllegalArgumentException with a sentence about what is wrong */
    public static Cidr parse(String text) {
        var matcher = LITERAL.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException(expected(text));
        }
        InetAddress address;
        try {
            address = InetAddress.getByName(matcher.group(1));
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(expected(text), e);
        }
        byte[] bytes = address.getAddress();
        int prefix = Integer.parseInt(matcher.group(2));
        if (prefix > bytes.length * 8) {
            throw new IllegalArgumentException(expected(text));
        }
        for (int bit = prefix; bit < bytes.length * 8; bit++) {
            if ((bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) {
                throw new IllegalArgumentException(
                        "is " + Problems.quote(text) + ", which has bits set beyond its prefix /" + prefix
                                + "; write the first address of the range");
            }
        }
        return new Cidr(address, prefix);
    }

    /** What is wrong with a text, as the end of a sentence; empty: it is a range. */
    static Optional<String> wrong(String text) {
        try {
            parse(text);
            return Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** Whether an address lies in the range; false for one of the other family. */
    public boolean contains(InetAddress other) {
        byte[] mine = address.getAddress();
        byte[] theirs = other.getAddress();
        if (mine.length != theirs.length) {
            return false;
        }
        for (int bit = 0; bit < prefixLength; bit++) {
            if (((mine[bit / 8] ^ theirs[bit / 8]) >> (7 - bit % 8) & 1) != 0) {
                return false;
            }
        }
        return true;
    }

    /** Whether all of another range lies within this one. */
    public boolean encloses(Cidr other) {
        return prefixLength <= other.prefixLength && contains(other.address);
    }

    private static String expected(String text) {
        return "is " + Problems.quote(text)
                + "; expected an address range such as `10.0.0.0/8`, `192.0.2.7/32` or `fd00::/8`";
    }
}
