package dev.tinyvm.e2b.envd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.e2b.DoorFixture;
import dev.tinyvm.e2b.DoorFixture.Answer;
import dev.tinyvm.e2b.DoorFixture.Opened;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.URLEncoder;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class EnvdApiTest {
    @TempDir
    Path directory;

    private DoorFixture door;
    private Opened sandbox;

    @BeforeEach
    void open() {
        door = new DoorFixture(directory);
        sandbox = door.create();
    }

    @AfterEach
    void close() {
        door.close();
    }

    @Test
    void aCommandStreamsStartOutputAndEnd() throws IOException {
        List<JsonNode> messages = run("echo hello", "");
        assertThat(messages.getFirst().path("event").path("start").path("pid").asInt())
                .isPositive();
        assertThat(output(messages, "stdout")).isEqualTo("hello\n");
        JsonNode end = messages.get(messages.size() - 2).path("event").path("end");
        assertThat(end.path("exitCode").asInt(-7)).isZero();
        assertThat(end.path("status").asString()).isEqualTo("exit status 0");
        assertThat(end.has("error")).isFalse();
        assertThat(messages.getLast().isEmpty()).isTrue();
    }

    @Test
    void anExitCodeAndASignalAreToldInGosWords() throws IOException {
        JsonNode three = end(run("exit 3", ""));
        assertThat(three.path("exitCode").asInt()).isEqualTo(3);
        assertThat(three.path("error").asString()).isEqualTo("exit status 3");
        JsonNode killed = end(run("die 9", ""));
        assertThat(killed.path("exitCode").asInt()).isEqualTo(-1);
        assertThat(killed.path("exited").asBoolean(true)).isFalse();
        assertThat(killed.path("status").asString()).isEqualTo("signal: killed");
    }

    @Test
    void muchOutputArrivesWholeAndInOrder() throws IOException {
        String text = output(run("spam 3000000", ""), "stdout");
        assertThat(text).hasSize(3_000_000);
        assertThat(text.lines().skip(1000).findFirst().orElseThrow()).isEqualTo("%063d".formatted(1000));
    }

    @Test
    void aMissingDirectoryIsAnInvalidArgument() throws IOException {
        JsonNode error = run("true", ",\"cwd\":\"/nowhere\"").getLast().path("error");
        assertThat(error.path("code").asString()).isEqualTo("invalid_argument");
        assertThat(error.path("message").asString()).isEqualTo("cwd '/nowhere' does not exist");
    }

    @Test
    void anUnknownUserIsUnauthenticated() throws IOException {
        Answer answer = stream(
                "process.Process/Start",
                "{\"process\":{\"cmd\":\"true\"}}",
                "Basic " + Base64.getEncoder().encodeToString("nobodyatall:".getBytes(StandardCharsets.UTF_8)));
        assertThat(frames(answer).getLast().path("error").path("code").asString())
                .isEqualTo("unauthenticated");
    }

    @Test
    void aTimeLimitEndsTheCommandAndSaysSo() throws IOException {
        var request = door.envd(sandbox, "/process.Process/Start")
                .header("Content-Type", "application/connect+json")
                .header("Connect-Timeout-Ms", "200")
                .POST(BodyPublishers.ofByteArray(ConnectFrames.frame(
                        0, "{\"process\":{\"cmd\":\"sleep\",\"args\":[\"1000\"]}}".getBytes(StandardCharsets.UTF_8))));
        List<JsonNode> messages = frames(door.send(request));
        assertThat(messages.getLast().path("error").path("code").asString()).isEqualTo("deadline_exceeded");
    }

    @Test
    void callsOnUnknownProcessesAreNotFound() {
        String selector = "{\"process\":{\"pid\":4711},\"signal\":\"SIGNAL_SIGKILL\"}";
        for (String method : List.of("SendSignal", "Update", "CloseStdin")) {
            Answer answer = door.unary(sandbox, "process.Process/" + method, selector);
            assertThat(answer.status()).isEqualTo(404);
            assertThat(answer.json().path("code").asString()).isEqualTo("not_found");
        }
    }

    @Test
    void aWrongTokenIsRefusedAndHealthNeedsNone() {
        Opened wrong = new Opened(sandbox.id(), "wrong");
        assertThat(door.unary(wrong, "process.Process/List", "{}").status()).isEqualTo(401);
        assertThat(door.send(door.envd(wrong, "/metrics")).status()).isEqualTo(401);
        assertThat(door.send(door.envd(wrong, "/files?path=x")).status()).isEqualTo(401);
        assertThat(door.send(door.envd(wrong, "/health")).status()).isEqualTo(204);
    }

    @Test
    void aSandboxKnowsItselfFromFilesAndADirectoryHasASize() {
        Answer id = door.send(door.envd(sandbox, "/files?path=/run/e2b/.E2B_SANDBOX_ID"));
        assertThat(id.text()).isEqualTo(sandbox.id());
        Answer made = door.unary(sandbox, "filesystem.Filesystem/MakeDir", "{\"path\":\"empty\"}");
        assertThat(made.json().path("entry").path("size").asString()).isEqualTo("4096");
    }

    @Test
    void metadataStaysWithAFileUntilItIsWrittenWithoutIt() {
        Answer up = door.send(door.envd(sandbox, "/files?path=m.txt")
                .header("Content-Type", "application/octet-stream")
                .header("X-Metadata-Author", "me")
                .POST(BodyPublishers.ofString("x")));
        assertThat(up.json().path(0).path("metadata").toString()).isEqualTo("{\"author\":\"me\"}");
        assertThat(metadataOf("m.txt")).isEqualTo("{\"author\":\"me\"}");
        Answer moved =
                door.unary(sandbox, "filesystem.Filesystem/Move", "{\"source\":\"m.txt\",\"destination\":\"n.txt\"}");
        assertThat(moved.json().path("entry").path("metadata").toString()).isEqualTo("{\"author\":\"me\"}");
        upload("/files?path=n.txt", "application/octet-stream", new byte[0]);
        assertThat(metadataOf("n.txt")).isEmpty();
    }

    private String metadataOf(String path) {
        Answer stat = door.unary(sandbox, "filesystem.Filesystem/Stat", "{\"path\":\"" + path + "\"}");
        return stat.json().path("entry").path("metadata").toString();
    }

    @Test
    void filesGoInAndOutUnderTheirUsersHome() {
        Answer up =
                upload("/files?path=a%20b.txt", "application/octet-stream", "hallo".getBytes(StandardCharsets.UTF_8));
        assertThat(up.text()).isEqualTo("[{\"name\":\"a b.txt\",\"path\":\"/home/user/a b.txt\",\"type\":\"file\"}]");
        Answer down = door.send(door.envd(sandbox, "/files?path=~/a%20b.txt"));
        assertThat(down.text()).isEqualTo("hallo");
        assertThat(down.header("Content-Length")).isEqualTo("5");
        assertThat(door.send(door.envd(sandbox, "/files?path=nope")).status()).isEqualTo(404);
        assertThat(door.send(door.envd(sandbox, "/files?path=/etc")).status()).isEqualTo(400);
        assertThat(upload("/files?path=/etc", "application/octet-stream", new byte[1])
                        .status())
                .isEqualTo(400);
    }

    @Test
    void aUserWritesOutsideOfHomeToo() {
        Answer up = upload("/files?path=/deep/er/x", "application/octet-stream", new byte[3]);
        assertThat(up.status()).isEqualTo(200);
        JsonNode entry = stat("/deep/er/x").json().path("entry");
        assertThat(entry.path("owner").asString()).isEqualTo("user");
        assertThat(stat("/deep").json().path("entry").path("owner").asString()).isEqualTo("user");
    }

    @Test
    void aFormCarriesSeveralFiles() {
        String form = String.join(
                "\r\n",
                "--B",
                "Content-Disposition: form-data; name=\"file\"; filename=\"one.txt\"",
                "Content-Type: text/plain",
                "",
                "first",
                "--B",
                "Content-Disposition: form-data; name=\"file\"; filename=\"/tmp/two.txt\"",
                "",
                "second",
                "--x",
                "--B--",
                "");
        Answer up = upload("/files", "multipart/form-data; boundary=B", form.getBytes(StandardCharsets.UTF_8));
        assertThat(up.status()).isEqualTo(200);
        assertThat(up.json().size()).isEqualTo(2);
        assertThat(door.send(door.envd(sandbox, "/files?path=one.txt")).text()).isEqualTo("first");
        assertThat(door.send(door.envd(sandbox, "/files?path=/tmp/two.txt")).text())
                .isEqualTo("second\r\n--x");
        assertThat(upload("/files?path=x", "multipart/form-data; boundary=B", form.getBytes(StandardCharsets.UTF_8))
                        .status())
                .isEqualTo(400);
    }

    @Test
    void gzipIsUnderstoodBothWays() throws IOException {
        ByteArrayOutputStream zipped = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(zipped)) {
            out.write("text".getBytes(StandardCharsets.UTF_8));
        }
        Answer up = door.send(door.envd(sandbox, "/files?path=z")
                .header("Content-Type", "application/octet-stream")
                .header("Content-Encoding", "gzip")
                .POST(BodyPublishers.ofByteArray(zipped.toByteArray())));
        assertThat(up.status()).isEqualTo(200);
        Answer down = door.send(door.envd(sandbox, "/files?path=z").header("Accept-Encoding", "gzip"));
        assertThat(down.header("Content-Encoding")).isEqualTo("gzip");
        byte[] plain =
                new GZIPInputStream(new ByteArrayInputStream(down.response().body())).readAllBytes();
        assertThat(new String(plain, StandardCharsets.UTF_8)).isEqualTo("text");
        assertThat(door.send(door.envd(sandbox, "/files?path=z").header("Accept-Encoding", "br;q=1, *;q=0"))
                        .status())
                .isEqualTo(406);
    }

    @Test
    void rangesAreSentAsAsked() {
        upload("/files?path=r", "application/octet-stream", "0123456789".getBytes(StandardCharsets.UTF_8));
        Answer middle = door.send(door.envd(sandbox, "/files?path=r").header("Range", "bytes=2-4"));
        assertThat(middle.status()).isEqualTo(206);
        assertThat(middle.text()).isEqualTo("234");
        assertThat(middle.header("Content-Range")).isEqualTo("bytes 2-4/10");
        assertThat(door.send(door.envd(sandbox, "/files?path=r").header("Range", "bytes=-3"))
                        .text())
                .isEqualTo("789");
        assertThat(door.send(door.envd(sandbox, "/files?path=r").header("Range", "bytes=20-"))
                        .status())
                .isEqualTo(416);
    }

    @Test
    void aSignedUrlOpensOneFileUntilItExpires() {
        upload("/files?path=s.txt", "application/octet-stream", "signed".getBytes(StandardCharsets.UTF_8));
        long later = Instant.now().getEpochSecond() + 600;
        assertThat(signed("s.txt", "read", Optional.of(later)).text()).isEqualTo("signed");
        assertThat(signed("s.txt", "read", Optional.empty()).text()).isEqualTo("signed");
        Answer wrong = signed("s.txt", "write", Optional.of(later));
        assertThat(wrong.status()).isEqualTo(401);
        Answer expired = signed("s.txt", "read", Optional.of(later - 1200));
        assertThat(expired.status()).isEqualTo(401);
        assertThat(expired.text()).isEqualTo("{\"code\":401,\"message\":\"signature is already expired\"}");
    }

    @Test
    void directoriesAreMadeOnceListedInOrderMovedAndRemoved() {
        assertThat(filesystem("MakeDir", "d/b").status()).isEqualTo(200);
        assertThat(filesystem("MakeDir", "d/b").json().path("code").asString()).isEqualTo("already_exists");
        filesystem("MakeDir", "d/a/x");
        upload("/files?path=d/a.txt", "application/octet-stream", new byte[0]);
        Answer list = door.unary(sandbox, "filesystem.Filesystem/ListDir", "{\"path\":\"d\",\"depth\":2}");
        List<String> paths = new ArrayList<>();
        list.json().path("entries").forEach(e -> paths.add(e.path("path").asString()));
        assertThat(paths).containsExactly("/home/user/d/a", "/home/user/d/a/x", "/home/user/d/a.txt", "/home/user/d/b");
        assertThat(filesystem("ListDir", "d/a.txt").json().path("code").asString())
                .isEqualTo("invalid_argument");
        assertThat(filesystem("ListDir", "no").json().path("code").asString()).isEqualTo("not_found");

        Answer moved = door.unary(
                sandbox, "filesystem.Filesystem/Move", "{\"source\":\"d/a.txt\",\"destination\":\"new/dir/b.txt\"}");
        assertThat(moved.json().path("entry").path("path").asString()).isEqualTo("/home/user/new/dir/b.txt");
        assertThat(door.unary(sandbox, "filesystem.Filesystem/Move", "{\"source\":\"no\",\"destination\":\"x\"}")
                        .status())
                .isEqualTo(404);
        assertThat(filesystem("Remove", "d").status()).isEqualTo(200);
        assertThat(filesystem("Remove", "d").status()).isEqualTo(200);
        assertThat(stat("d").json().path("code").asString()).isEqualTo("not_found");
    }

    @Test
    void filesAreComposedInOrder() {
        upload("/files?path=p1", "application/octet-stream", "one ".getBytes(StandardCharsets.UTF_8));
        upload("/files?path=p2", "application/octet-stream", "two".getBytes(StandardCharsets.UTF_8));
        Answer composed = door.send(door.envd(sandbox, "/files/compose")
                .POST(BodyPublishers.ofString("{\"source_paths\":[\"p1\",\"p2\"],\"destination\":\"all\"}")));
        assertThat(composed.status()).isEqualTo(200);
        assertThat(door.send(door.envd(sandbox, "/files?path=all")).text()).isEqualTo("one two");
        assertThat(stat("p1").status()).isEqualTo(404);
    }

    @Test
    void aWatcherTellsWhatChanged() throws InterruptedException {
        filesystem("MakeDir", "w");
        String id = door.unary(sandbox, "filesystem.Filesystem/CreateWatcher", "{\"path\":\"w\"}")
                .json()
                .path("watcherId")
                .asString();
        upload("/files?path=w/f", "application/octet-stream", new byte[1]);
        List<String> seen = new ArrayList<>();
        long give = System.nanoTime() + 30_000_000_000L;
        while (!seen.contains("f EVENT_TYPE_CREATE") && System.nanoTime() < give) {
            door.unary(sandbox, "filesystem.Filesystem/GetWatcherEvents", "{\"watcherId\":\"" + id + "\"}")
                    .json()
                    .path("events")
                    .forEach(e -> seen.add(
                            e.path("name").asString() + " " + e.path("type").asString()));
            Thread.sleep(10);
        }
        assertThat(seen).contains("f EVENT_TYPE_CREATE");
        String remove = "{\"watcherId\":\"" + id + "\"}";
        assertThat(door.unary(sandbox, "filesystem.Filesystem/RemoveWatcher", remove)
                        .status())
                .isEqualTo(200);
        assertThat(door.unary(sandbox, "filesystem.Filesystem/RemoveWatcher", remove)
                        .status())
                .isEqualTo(404);
    }

    @Test
    void aBrokenRequestIsAnInvalidArgument() throws IOException {
        assertThat(door.unary(sandbox, "filesystem.Filesystem/Stat", "{")
                        .json()
                        .path("code")
                        .asString())
                .isEqualTo("invalid_argument");
        Answer cut = door.send(door.envd(sandbox, "/process.Process/Start")
                .header("Content-Type", "application/connect+json")
                .POST(BodyPublishers.ofByteArray(new byte[] {0, 0, 0, 0, 9, '{'})));
        assertThat(frames(cut).getLast().path("error").path("code").asString()).isEqualTo("invalid_argument");
        assertThat(door.unary(sandbox, "process.Process/Start", "{}").status()).isEqualTo(415);
        assertThat(door.unary(sandbox, "process.Process/Nope", "{}").status()).isEqualTo(501);
    }

    private Answer signed(String path, String operation, Optional<Long> expiration) {
        Optional<String> text = expiration.map(e -> Long.toString(e));
        String signature = Signatures.sign(path, operation, "", sandbox.token(), text);
        String query = "/files?path=" + path + "&signature=" + URLEncoder.encode(signature, StandardCharsets.UTF_8)
                + text.map(t -> "&signature_expiration=" + t).orElse("");
        return door.send(
                door.request(query).header("E2b-Sandbox-Id", sandbox.id()).header("E2b-Sandbox-Port", "49983"));
    }

    private Answer upload(String path, String type, byte[] body) {
        return door.send(door.envd(sandbox, path).header("Content-Type", type).POST(BodyPublishers.ofByteArray(body)));
    }

    private Answer filesystem(String method, String path) {
        return door.unary(sandbox, "filesystem.Filesystem/" + method, "{\"path\":\"" + path + "\"}");
    }

    private Answer stat(String path) {
        return filesystem("Stat", path);
    }

    private List<JsonNode> run(String script, String more) throws IOException {
        return frames(stream(
                "process.Process/Start",
                "{\"process\":{\"cmd\":\"/bin/bash\",\"args\":[\"-l\",\"-c\",\"" + script + "\"]" + more
                        + "},\"stdin\":false}",
                ""));
    }

    private Answer stream(String method, String json, String authorization) {
        var request = door.envd(sandbox, "/" + method)
                .header("Content-Type", "application/connect+json")
                .POST(BodyPublishers.ofByteArray(ConnectFrames.frame(0, json.getBytes(StandardCharsets.UTF_8))));
        return door.send(authorization.isEmpty() ? request : request.header("Authorization", authorization));
    }

    private static List<JsonNode> frames(Answer answer) throws IOException {
        assertThat(answer.status()).isEqualTo(200);
        List<JsonNode> frames = new ArrayList<>();
        DataInputStream in =
                new DataInputStream(new ByteArrayInputStream(answer.response().body()));
        for (int flags = in.read(); flags >= 0; flags = in.read()) {
            byte[] message = new byte[in.readInt()];
            in.readFully(message);
            frames.add(JsonMapper.shared().readTree(message));
        }
        return frames;
    }

    private static String output(List<JsonNode> messages, String stream) {
        StringBuilder text = new StringBuilder();
        for (JsonNode message : messages) {
            String data = message.path("event").path("data").path(stream).asString("");
            text.append(new String(Base64.getDecoder().decode(data), StandardCharsets.UTF_8));
        }
        return text.toString();
    }

    private static JsonNode end(List<JsonNode> messages) {
        return messages.get(messages.size() - 2).path("event").path("end");
    }
}
