package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tinyvm.bench.DebianImage;
import dev.tinyvm.sdk.CreateVm;
import dev.tinyvm.sdk.Descriptor;
import dev.tinyvm.sdk.VmInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A Debian made by mmdebstrap, configured by umoci, pushed by skopeo to Debian's docker-registry, pulled and run by TinyVM: nothing in this chain is ours but the end. */
@NeedsWalls
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class RealImageTest {
    private static final String AGENT = "tinyvm";
    private static final int SHARERS = 3;
    private static final long PAGE = 4_096;
    /** {@code cap_net_bind_service=ep}, as struct vfs_cap_data of revision 2. */
    private static final String MAY_BIND = "0100000200040000000000000000000000000000";

    private static final long FRAME = (1L << 55) - 1;

    @TempDir
    static Path directory;

    private static LocalRegistry registry;
    private static Product product;
    private static String reference = "";
    private static String digest = "";

    @BeforeAll
    static void pushAndPull() throws Exception {
        for (String program : List.of("docker-registry", "skopeo")) {
            assumeTrue(
                    Files.isExecutable(Path.of("/usr/bin", program)),
                    program + " is not installed: sudo apt-get install docker-registry skopeo");
        }
        assumeTrue(DebianImage.missing().isEmpty(), DebianImage.missing().orElse("nothing is missing"));
        String cache = Objects.requireNonNullElse(System.getenv("XDG_CACHE_HOME"), "");
        Path archive = DebianImage.archive(DebianImage.cache(cache), line -> {});
        Path layout = directory.resolve("layout");
        Path entry = Files.writeString(directory.resolve("entry.py"), """
                import os, sys
                print(os.getuid(), os.getgid(), os.getcwd(), os.environ["GREETING"], sys.argv[1:])
                """);
        DebianImage.pack(archive, layout, entry, "/srv/entry.py");
        host("mkdir -p own/usr/local/bin && cd own/usr/local/bin && tar -xOf " + archive
                + " ./usr/bin/grep > capgrep && tar -xOf "
                + archive + " ./usr/bin/id > suid && chmod 755 capgrep && chmod 4755 suid && ln capgrep linked"
                + " && python3 -c 'import os; os.setxattr(\"capgrep\", \"security.capability\", bytes.fromhex(\""
                + MAY_BIND
                + "\"))' && tar -C ../../.. --xattrs --xattrs-include='*' --owner=0 --group=0 -cf " + directory
                + "/own.tar . && umoci raw add-layer --image " + layout + ":1 " + directory + "/own.tar");
        host(
                "umoci config --image " + layout + ":1"
                        + " --config.entrypoint python3 --config.entrypoint /srv/entry.py --config.cmd from --config.cmd 'the image'"
                        + " --config.env GREETING=hello --config.env PATH=/usr/bin:/bin --config.user 4000:4001 --config.workingdir /srv");
        registry = LocalRegistry.start(directory);
        reference = registry.address() + "/team/debian:1";
        host("skopeo copy -q --insecure-policy --dest-tls-verify=false oci:" + layout + ":1 docker://" + reference);
        host("rm -rf " + layout);
        product = Product.start();
        digest = image("pull", "--quiet", reference).output().strip();
        assertThat(digest)
                .isEqualTo(host("skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://" + reference)
                        .output()
                        .strip());
    }

    @AfterAll
    static void down() throws Exception {
        if (product != null) {
            product.close();
        }
        if (registry != null) {
            registry.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void itsEntrypointCommandEnvironmentUserAndDirectoryHold(String engine) throws Exception {
        Walls.need(engine);
        assertThat(run(engine).output()).isEqualTo("4000 4001 /srv hello ['from', 'the image']\n");
        assertThat(run(engine, "sh", "-c", "echo $GREETING $(pwd) $(id -u):$(id -g)")
                        .output())
                .isEqualTo("hello /srv 4000:4001\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"container", "gvisor"})
    void pythonNodeAndGitWorkInside(String engine) throws Exception {
        Walls.need(engine);
        assertThat(run(engine, "python3", "-c", """
                        import hashlib, json, sqlite3, subprocess
                        db = sqlite3.connect("/tmp/x.db")
                        db.execute("create table t(n)")
                        db.executemany("insert into t values (?)", [(n,) for n in range(101)])
                        print(json.dumps(db.execute("select sum(n) from t").fetchone()), hashlib.sha256(b"x").hexdigest()[:8])
                        print(subprocess.run(["uname"], capture_output=True, text=True).stdout.strip())
                        """).output()).isEqualTo("[5050] 2d711642\nLinux\n");
        assertThat(run(engine, "node", "-e", """
                        const http = require('http');
                        const server = http.createServer((q, a) => a.end(require('zlib').gzipSync('over loopback'))).listen(0, '127.0.0.1', () =>
                          http.get({host: '127.0.0.1', port: server.address().port}, a => a.pipe(require('zlib').createGunzip()).on('data', d => console.log(String(d)))
                            .on('end', () => server.close())));
                        """).output()).isEqualTo("over loopback\n");
        assertThat(run(
                                engine,
                                "sh",
                                "-ec",
                                "export HOME=/tmp; cd /tmp; git init -q a; cd a; git config user.name A; git config user.email a@b; echo one > f; git add f;"
                                        + " git commit -qm first; git clone -q /tmp/a /tmp/b; cd /tmp/b; git fsck --no-progress; git log --format=%s; cat f")
                        .output())
                .isEqualTo("first\none\n");
    }

    @Test
    void fileCapabilitiesSetUserIdBitsAndHardLinksHold() throws Exception {
        assertThat(run("container", "/usr/local/bin/linked", "CapEff", "/proc/self/status")
                        .output())
                .isEqualTo("CapEff:\t0000000000000400\n");
        assertThat(run("container", "grep", "CapEff", "/proc/self/status").output())
                .as("without them")
                .isEqualTo("CapEff:\t0000000000000000\n");
        assertThat(run("container", "sh", "-c", "/usr/local/bin/suid -u; stat -c %h /usr/local/bin/capgrep")
                        .output())
                .isEqualTo("0\n2\n");
    }

    @Test
    void whatIsThereIsNotTransferredAgain() throws Exception {
        List<LocalRegistry.Request> first = registry.requestsOf(AGENT);
        assertThat(first.stream().mapToLong(LocalRegistry.Request::bytes).sum())
                .as("what the registry sent for the first pull")
                .isGreaterThan(50L << 20);
        image("pull", reference);
        List<LocalRegistry.Request> second = registry.requestsOf(AGENT)
                .subList(first.size(), registry.requestsOf(AGENT).size());
        assertThat(second).extracting(LocalRegistry.Request::method).containsExactly("HEAD");
        assertThat(second.getFirst().path()).isEqualTo("/v2/team/debian/manifests/1");

        String pinned = registry.address() + "/team/debian@" + digest;
        image("pull", pinned);
        assertThat(registry.requestsOf(AGENT))
                .as("a digest that is there is not asked for")
                .hasSize(first.size() + 1);
        assertThat(product.cli("run", "--engine", "container", pinned, "--", "true")
                        .exitCode())
                .isZero();
    }

    /** The frames of memory themselves are compared, which nothing else that goes on here can disturb; that 100 share is measured by bench image. */
    @Test
    void tinyVmsOfItRunOnTheSamePagesOfMemory() throws Exception {
        List<VmInfo> vms = new ArrayList<>();
        List<Map<String, Long>> frames = new ArrayList<>();
        for (int i = 0; i < SHARERS; i++) {
            String mark = "share-" + i + "-" + ProcessHandle.current().pid();
            vms.add(product.client()
                    .create(CreateVm.of(Descriptor.yaml("apiVersion: tinyvm.dev/v1\nkind: Agent\nspec:\n  image: "
                            + reference + "\n  engine: container\n  command: [node, -e, 'setInterval(() => {}, 1e6)', "
                            + mark + "]\n  resources: {cpu: 1, memory: 256Mi}\n"))));
            Product.eventually(
                    () -> "node runs in " + mark + " with its libraries",
                    () -> programPages(mark).size() > 1_000);
            frames.add(programPages(mark));
        }
        for (int i = 1; i < SHARERS; i++) {
            Map<String, Long> both = new TreeMap<>(frames.get(i));
            both.keySet().retainAll(frames.getFirst().keySet());
            assertThat(both)
                    .as("pages of programs and libraries that are mapped in both")
                    .hasSizeGreaterThan(1_000);
            both.entrySet()
                    .removeIf(page -> !page.getValue().equals(frames.getFirst().get(page.getKey())));
            assertThat(both).as("those of them that are the same memory").hasSizeGreaterThan(1_000);
            Map<String, Long> other = new TreeMap<>(frames.get(i));
            other.keySet().retainAll(frames.getFirst().keySet());
            other.entrySet().removeAll(both.entrySet());
            assertThat(other).as("those that are not").isEmpty();
        }
        vms.forEach(vm -> product.client().remove(vm.id()));
    }

    /** Physical page frames of executable file mappings, by file and place, of the process whose command line has the mark. Source: proc_pid_pagemap(5). */
    private static Map<String, Long> programPages(String mark) {
        Map<String, Long> frames = new TreeMap<>();
        for (String process : Host.processesNaming(mark)) {
            Path proc = Path.of("/proc", process.substring(0, process.indexOf(' ')));
            try (FileChannel pages = FileChannel.open(proc.resolve("pagemap"), StandardOpenOption.READ)) {
                for (String line : Files.readAllLines(proc.resolve("maps"))) {
                    String[] parts = line.split("\\s+", 6);
                    if (parts.length == 6 && parts[5].startsWith("/usr/") && parts[1].contains("x")) {
                        int dash = parts[0].indexOf('-');
                        long from = Long.parseLong(parts[0].substring(0, dash), 16);
                        long to = Long.parseLong(parts[0].substring(dash + 1), 16);
                        frames(pages, from, to, parts[5] + " " + parts[2], frames);
                    }
                }
            } catch (IOException e) {
                // It ended while we looked.
            }
        }
        return frames;
    }

    private static void frames(FileChannel pages, long from, long to, String name, Map<String, Long> into)
            throws IOException {
        ByteBuffer entries =
                ByteBuffer.allocate((int) ((to - from) / PAGE) * Long.BYTES).order(ByteOrder.nativeOrder());
        if (pages.read(entries, from / PAGE * Long.BYTES) != entries.capacity()) {
            return;
        }
        entries.flip();
        for (int page = 0; entries.hasRemaining(); page++) {
            long entry = entries.getLong();
            boolean present = entry < 0;
            if (present) {
                into.put(name + " " + page, entry & FRAME);
            }
        }
    }

    private static Shell.Result run(String engine, String... command) throws Exception {
        List<String> words =
                new ArrayList<>(List.of("run", "--engine", engine, "--memory", "512Mi", "--cpu", "1", reference));
        if (command.length > 0) {
            words.add("--");
            words.addAll(List.of(command));
        }
        return product.cli(words.toArray(String[]::new)).expectSuccess();
    }

    private static Shell.Result image(String verb, String... more) throws Exception {
        List<String> words =
                new ArrayList<>(List.of("image", verb, "--data", product.data().toString()));
        words.addAll(List.of(more));
        return product.cli(words.toArray(String[]::new)).expectSuccess();
    }

    private static Shell.Result host(String script) throws Exception {
        return Shell.run(directory, "sh", "-c", script).expectSuccess();
    }
}
