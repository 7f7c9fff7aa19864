"""An agent that waits for its model much longer than its connections live without an answer to their keepalives. Prints what became of them, and of clocks and timers, as one line of JSON."""
import http.client
import json
import signal
import socket
import threading
import time


def keepalive(connection):
    """Dead after three seconds in which nobody answers."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 3000)


server = socket.create_server(("127.0.0.1", 0))


def echo():
    connection, _ = server.accept()
    keepalive(connection)
    while data := connection.recv(100):
        connection.sendall(data)


threading.Thread(target=echo, daemon=True).start()
inner = socket.create_connection(server.getsockname())
keepalive(inner)
inner.sendall(b"before")
assert inner.recv(100) == b"before"

alarms = []
signal.signal(signal.SIGALRM, lambda *_: alarms.append(time.monotonic()))
signal.setitimer(signal.ITIMER_REAL, 1, 1)
ticks = []


def tick():
    while True:
        time.sleep(1)
        ticks.append(time.monotonic())


threading.Thread(target=tick, daemon=True).start()

model = http.client.HTTPConnection("127.0.0.1", 4000)
model.connect()
keepalive(model.sock)
clocks = [time.monotonic(), time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)]
body = json.dumps({"model": "slow", "stream": True, "messages": [{"role": "user", "content": "Think."}]})
model.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
answer = model.getresponse()
first = answer.read1(1)
passed = [time.monotonic() - clocks[0], time.time() - clocks[1], time.clock_gettime(time.CLOCK_BOOTTIME) - clocks[2]]
woken = time.monotonic()
whole = (first + answer.read()).decode()
time.sleep(0.2)
inner.sendall(b"after")
print(json.dumps({
    "status": answer.status,
    "complete": whole.rstrip().endswith("data: [DONE]"),
    "text": "".join(json.loads(line[6:])["choices"][0]["delta"].get("content") or "" for line in whole.splitlines()
                    if line.startswith("data: {") and json.loads(line[6:])["choices"]),
    "passed": passed,
    "now": time.time(),
    "alarms": len([at for at in alarms if clocks[0] < at < woken + 0.2]),
    "ticks": len([at for at in ticks if clocks[0] < at < woken + 0.2]),
    "inner": inner.recv(100).decode(),
}))
