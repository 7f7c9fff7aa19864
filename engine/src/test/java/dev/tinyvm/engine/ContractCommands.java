package dev.tinyvm.engine;

import java.util.List;

/** How the contract's suites say what they want on the engine at hand; a fake has no shell or Python. */
public interface ContractCommands {
    /** Ends with this code. */
    List<String> exit(int code);

    /** Prints the text and a line feed on standard error. */
    List<String> stderr(String text);

    /** Prints exactly so many bytes: lines of 63 digits counting from 0, the last one cut. */
    List<String> spam(long bytes);

    /** Prints {@code ready}, ignores SIGTERM and stays. */
    List<String> stubborn();

    /** Prints {@code ready}, then sends back what each connection to 127.0.0.1:port sends. */
    List<String> echoServer(int port);

    /** Connects to 127.0.0.1:port, sends the text, half-closes, prints the answer. */
    List<String> connect(int port, String text);

    /** Prints rows, a space, columns. */
    List<String> window();

    /** Those of {@link FakePrograms}. */
    ContractCommands FAKE = new ContractCommands() {
        @Override
        public List<String> exit(int code) {
            return List.of("exit", Integer.toString(code));
        }

        @Override
        public List<String> stderr(String text) {
            return List.of("stderr", text);
        }

        @Override
        public List<String> spam(long bytes) {
            return List.of("spam", Long.toString(bytes));
        }

        @Override
        public List<String> stubborn() {
            return List.of("stubborn");
        }

        @Override
        public List<String> echoServer(int port) {
            return List.of("echo-server", Integer.toString(port));
        }

        @Override
        public List<String> connect(int port, String text) {
            return List.of("connect", Integer.toString(port), text);
        }

        @Override
        public List<String> window() {
            return List.of("window");
        }
    };

    /** Those of a Linux image with a shell and Python 3. */
    ContractCommands LINUX = new ContractCommands() {
        @Override
        public List<String> exit(int code) {
            return List.of("sh", "-c", "exit " + code);
        }

        @Override
        public List<String> stderr(String text) {
            return List.of("sh", "-c", "echo \"$0\" >&2", text);
        }

        @Override
        public List<String> spam(long bytes) {
            return List.of(
                    "sh",
                    "-c",
                    "i=$(( ($0 + 63) / 64 )); seq -f %063.0f 0 $((i - 1)) | head -c $0",
                    Long.toString(bytes));
        }

        @Override
        public List<String> stubborn() {
            return List.of("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done");
        }

        @Override
        public List<String> echoServer(int port) {
            return List.of("python3", "-c", """
                    import socket, sys, threading
                    def serve(c):
                        while True:
                            b = c.recv(65536)
                            if not b:
                                break
                            c.sendall(b)
                        c.close()
                    s = socket.socket()
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("127.0.0.1", int(sys.argv[1])))
                    s.listen(64)
                    print("ready", flush=True)
                    while True:
                        threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
                    """, Integer.toString(port));
        }

        @Override
        public List<String> connect(int port, String text) {
            return List.of("python3", "-c", """
                    import socket, sys
                    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
                    s.sendall(sys.argv[2].encode())
                    s.shutdown(socket.SHUT_WR)
                    while True:
                        b = s.recv(65536)
                        if not b:
                            break
                        sys.stdout.write(b.decode())
                    """, Integer.toString(port), text);
        }

        @Override
        public List<String> window() {
            return List.of("stty", "size");
        }
    };
}
