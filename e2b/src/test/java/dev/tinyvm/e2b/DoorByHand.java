package dev.tinyvm.e2b;

import java.nio.file.Files;
import java.nio.file.Path;

/** Serves the door with the engine in memory until its input ends, to try an SDK by hand. */
public final class DoorByHand {
    private DoorByHand() {}

    public static void main(String[] arguments) throws Exception {
        Path directory = Files.createTempDirectory("e2b-door");
        try (DoorFixture door = new DoorFixture(directory)) {
            System.out.println("E2B_API_KEY=" + DoorFixture.KEY + " E2B_API_URL=http://127.0.0.1:" + door.port()
                    + " E2B_SANDBOX_URL=http://127.0.0.1:" + door.port());
            while (System.in.read() >= 0) {
                // Until the end of input.
            }
        }
    }
}
