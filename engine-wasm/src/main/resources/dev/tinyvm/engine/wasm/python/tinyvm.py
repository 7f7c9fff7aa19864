"""The host's own interface for Python in a WebAssembly Tiny VM: HTTP within the allow-list, the LLM gateway, log lines.

CPython on WASI has no sockets. The host serves files instead (spec/wasm-host.md): a request is written, the answer is read.
"""

import io as _io
import json as _json
import os as _os
import sys as _sys

version = 1
_DIRECTORY = "/dev/tinyvm/1/"
_served = _sys.platform == "wasi"


class Error(OSError):
    """An exchange that failed: `code` has Node's name of the error, such as ECONNREFUSED."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class LlmError(Error):
    """What the LLM gateway refused: `status` is its HTTP status."""

    def __init__(self, status, code, message):
        super().__init__(code, message)
        self.status = status


class _Body(_io.RawIOBase):
    def __init__(self, fd):
        self._fd = fd

    def readable(self):
        return True

    def readinto(self, into):
        part = _os.read(self._fd, len(into))
        into[: len(part)] = part
        return len(part)

    def close(self):
        if not self.closed:
            _os.close(self._fd)
        super().close()


class Response:
    """An answer whose body is read as it arrives. `headers` is a list of pairs."""

    def __init__(self, head, body):
        self.status = head["status"]
        self.reason = head.get("reason", "")
        self.headers = [tuple(pair) for pair in head.get("headers", [])]
        self.raw = body

    @property
    def ok(self):
        return 200 <= self.status < 300

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def read(self, size=-1):
        return self.raw.read(size)

    def text(self):
        return self.read().decode("utf-8")

    def json(self):
        return _json.loads(self.read())

    def __iter__(self):
        return iter(self.raw)

    def close(self):
        self.raw.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _exchange(name, request):
    if not _served:
        return _over_sockets(name, request)
    fd = _os.open(_DIRECTORY + name, _os.O_RDWR)
    try:
        done = 0
        while done < len(request):
            done += _os.write(fd, request[done : done + 32768])
        body = _io.BufferedReader(_Body(fd), 32768)
    except BaseException:
        _os.close(fd)
        raise
    head = _json.loads(body.readline())
    if "error" in head:
        body.close()
        raise Error(head["error"]["code"], head["error"]["message"])
    return Response(head, body)


def _over_sockets(name, request):
    """Behind a wall of Linux: the same over the network that the Tiny VM was given."""
    import base64
    import errno
    import urllib.error
    import urllib.request

    if name == "llm":
        base = _os.environ.get("OPENAI_BASE_URL")
        if not base:
            raise Error("ENOSYS", "this Tiny VM has no LLM: the descriptor's `llm` and a provider of the manager give it one")
        key = _os.environ.get("OPENAI_API_KEY", "none")
        headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key}
        asked = urllib.request.Request(base.rstrip("/") + "/chat/completions", request, headers)
    else:
        wanted = _json.loads(request)
        body = base64.b64decode(wanted["bodyBase64"]) if "bodyBase64" in wanted else wanted.get("body", "").encode() or None
        asked = urllib.request.Request(wanted["url"], body, wanted["headers"], method=wanted["method"])

    class AsTheyCome(urllib.request.HTTPErrorProcessor):
        def http_response(self, _, answer):
            return answer

        https_response = http_response

    try:
        answer = urllib.request.build_opener(AsTheyCome).open(asked)
    except urllib.error.URLError as error:
        code = errno.errorcode.get(getattr(error.reason, "errno", None), "EIO")
        raise Error(code, str(error.reason)) from None
    head = {"status": answer.status, "reason": answer.reason, "headers": answer.getheaders()}
    return Response(head, answer)


def fetch(url, method="GET", headers=None, body=None):
    """One HTTP exchange; redirections are not followed. `body`: text, bytes, or something that becomes JSON."""
    headers = dict(headers or {})
    request = {"method": method, "url": url, "headers": headers}
    if isinstance(body, (bytes, bytearray, memoryview)):
        import base64

        request["bodyBase64"] = base64.b64encode(bytes(body)).decode("ascii")
    elif isinstance(body, str):
        request["body"] = body
    elif body is not None:
        request["body"] = _json.dumps(body)
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
    return _exchange("http", _json.dumps(request).encode())


def llm(prompt, **options):
    """One answer as text. `prompt`: a text, or messages in OpenAI's form; `model` is needed unless OPENAI_MODEL is set."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    choices = chat(messages=messages, **options).get("choices") or []
    if not choices or "message" not in choices[0]:
        raise LlmError(0, "NO_CHOICE", "the LLM answered without a choice")
    return choices[0]["message"].get("content") or ""


def chat(**body):
    """A chat completion in OpenAI's form; with `stream=True` an iterator of its chunks."""
    body.setdefault("model", _os.environ.get("OPENAI_MODEL"))
    if not body["model"]:
        raise TypeError("say which model: llm(text, model=…) or the variable OPENAI_MODEL")
    answer = _exchange("llm", _json.dumps(body).encode())
    if not answer.ok:
        with answer:
            text = answer.read(65536).decode("utf-8", "replace")
        try:
            said = _json.loads(text)["error"]
            message, code = said.get("message", text), said.get("code") or said.get("type")
        except (ValueError, KeyError, TypeError, AttributeError):
            message, code = text[:500] or answer.reason, None
        raise LlmError(answer.status, code or f"HTTP_{answer.status}", f"the LLM gateway answers {answer.status}: {message}")
    if body.get("stream"):
        return _chunks(answer)
    with answer:
        return answer.json()


def _chunks(answer):
    with answer:
        for line in answer:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                yield _json.loads(data)


def log(text):
    """One line of the agent's log."""
    if not _served:
        line = "".join(c if c.isprintable() else " " for c in str(text).strip())
        _sys.stderr.write("info: " + line + "\n")
        return
    fd = _os.open(_DIRECTORY + "log", _os.O_WRONLY)
    try:
        _os.write(fd, str(text).encode()[:16384])
    finally:
        _os.close(fd)
