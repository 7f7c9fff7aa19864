package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.opentest4j.TestAbortedException;

/** Debian's docker-registry and skopeo, on 127.0.0.1; skipped where one of them is not installed. */
@Timeout(value = 300)
class RealRegistryTest extends ArchiveFixture {
    private final List<Process> started = new ArrayList<>();
    private String registry = "";

    @BeforeEach
    void start() throws Exception {
        for (String program : List.of("docker-registry", "skopeo")) {
            assumeTrue(
                    Files.isExecutable(Path.of("/usr/bin", program)),
                    program + " is not installed (apt-get install docker-registry skopeo)");
        }
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
            port = free.getLocalPort();
        }
        registry = "127.0.0.1:" + port;
        Path config = Files.writeString(
                directory.resolve("registry.yml"),
                "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: "
                        + directory.resolve("registry") + "}}\nhttp: {addr: '" + registry + "'}\n");
        Process process = new ProcessBuilder("docker-registry", "serve", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("registry.log").toFile())
                .start();
        started.add(process);
        for (Instant end = Instant.now().plus(Duration.ofSeconds(60)); !answers(); Thread.sleep(20)) {
            if (Instant.now().isAfter(end) || !process.isAlive()) {
                throw new TestAbortedException(
                        "docker-registry does not start: " + Files.readString(directory.resolve("registry.log")));
            }
        }
    }

    @AfterEach
    void stop() throws InterruptedException {
        for (Process process : started) {
            process.destroy();
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        }
    }

    @Test
    void whatSkopeoPushedIsPulledOnceAndPushedBackAsItIs() throws Exception {
        OciBuilder image = busybox();
        Path layout = image.layout(directory.resolve("layout"), image.manifest(), "v1");
        run(
                "skopeo",
                "copy",
                "--insecure-policy",
                "--dest-tls-verify=false",
                "oci:" + layout + ":v1",
                "docker://" + registry + "/team/box:v1");

        String reference = registry + "/team/box:v1";
        PullResult first = pull(reference);
        Path root = files(first.image());
        assertThat(first.transferredBytes()).isPositive();
        assertThat(list(root.resolve("etc"))).containsExactly("kept");
        assertThat(list(root.resolve("opaque"))).containsExactly("upper");
        assertThat(Files.isSameFile(root.resolve("bin/sh"), root.resolve("bin/busybox")))
                .isTrue();
        assertThat(mode(root.resolve("bin/busybox"))).isEqualTo(0755);
        assertThat(first.image().defaultCommand()).containsExactly("/bin/sh", "-c", "echo ready");

        PullResult second = pull(reference);
        assertThat(second.upToDate()).isTrue();
        assertThat(second.transferredBytes()).isZero();

        String pushed =
                store.push(reference, registry + "/other/copy:v2", ScriptedRegistry.options(), PullProgress.NONE);
        assertThat(pushed).isEqualTo(first.image().digest());
        assertThat(run(
                                "skopeo",
                                "inspect",
                                "--tls-verify=false",
                                "--format",
                                "{{.Digest}}",
                                "docker://" + registry + "/other/copy:v2")
                        .strip())
                .isEqualTo(pushed);
        // The same content under another name: known by its digest, so nothing is transferred.
        assertThat(pull(registry + "/other/copy:v2").transferredBytes()).isZero();
        assertThat(pull(registry + "/other/copy@" + pushed).upToDate()).isTrue();
    }

    @Test
    void dockersOwnManifestsAndArchivesAreTheSameFiles() throws Exception {
        OciBuilder image = busybox();
        Path layout = image.layout(directory.resolve("layout"), image.manifest(), "v1");
        run(
                "skopeo",
                "copy",
                "--insecure-policy",
                "--dest-tls-verify=false",
                "--format",
                "v2s2",
                "oci:" + layout + ":v1",
                "docker://" + registry + "/box:docker");
        Path dockerArchive = directory.resolve("docker.tar");
        run(
                "skopeo",
                "copy",
                "--insecure-policy",
                "oci:" + layout + ":v1",
                "docker-archive:" + dockerArchive + ":box:saved");
        Path ociArchive = directory.resolve("oci.tar");
        run("skopeo", "copy", "--insecure-policy", "oci:" + layout + ":v1", "oci-archive:" + ociArchive + ":v1");

        List<Image> images = List.of(
                pull(registry + "/box:docker").image(),
                store.importFrom("box:saved", dockerArchive, ImageConfig.DEFAULT)
                        .image(),
                store.importFrom("box:oci", ociArchive, ImageConfig.DEFAULT).image());
        assertThat(images).extracting(Image::name).doesNotHaveDuplicates();
        assertThat(images)
                .extracting(Image::sizeBytes)
                .containsOnly(images.getFirst().sizeBytes());
        assertThat(images).extracting(Image::defaultCommand).containsOnly(List.of("/bin/sh", "-c", "echo ready"));
        for (Image made : images) {
            assertThat(list(files(made).resolve("etc"))).containsExactly("kept");
        }
        // Made here out of docker's archive, and a registry takes it.
        String digest = store.push("box:saved", registry + "/box:again", ScriptedRegistry.options(), PullProgress.NONE);
        assertThat(pull(registry + "/box:again").image().digest()).isEqualTo(digest);
    }

    /** Three layers: programs and files, a whiteout, an opaque directory. */
    private OciBuilder busybox() throws IOException {
        Path program = Path.of("/bin/busybox");
        assumeTrue(Files.isExecutable(program), "busybox is not installed (apt-get install busybox-static)");
        byte[] low = builder()
                .directory("bin/")
                .header('0', "bin/busybox", "", Files.size(program), 0755)
                .raw(Files.readAllBytes(program))
                .pad()
                .hardLink("bin/sh", "bin/busybox")
                .directory("etc/")
                .file("etc/kept", "k")
                .file("etc/secret", "s")
                .directory("opaque/")
                .file("opaque/lower", "l")
                .end();
        return new OciBuilder()
                .layer(low)
                .layer(builder().directory("etc/").file("etc/.wh.secret", "").end())
                .layer(builder()
                        .directory("opaque/")
                        .file("opaque/.wh..wh..opq", "")
                        .file("opaque/upper", "u")
                        .end())
                .config("{\"Entrypoint\":[\"/bin/sh\"],\"Cmd\":[\"-c\",\"echo ready\"],\"Env\":[\"PATH=/bin\"]}");
    }

    private PullResult pull(String reference) {
        return store.pull(reference, ScriptedRegistry.options(), ImportLimits.DEFAULT, PullProgress.NONE);
    }

    private boolean answers() {
        try {
            HttpURLConnection connection = (HttpURLConnection)
                    URI.create("http://" + registry + "/v2/").toURL().openConnection();
            return connection.getResponseCode() == 200;
        } catch (IOException e) {
            return false;
        }
    }

    private String run(String... command) throws Exception {
        Path out = Files.createTempFile(directory, "out", "");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        started.add(process);
        assertThat(process.waitFor(120, TimeUnit.SECONDS))
                .as(String.join(" ", command))
                .isTrue();
        assertThat(process.exitValue()).as(Files.readString(out)).isZero();
        return Files.readString(out);
    }
}
