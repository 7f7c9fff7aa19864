"""Runs cells of Python for the E2B door. Reads one JSON object a line, {"code", "env"}; writes one a line, each behind the mark given as first argument.

What a cell and its children print goes through two pipes to reader threads, so that order within a stream is kept and nothing else gets onto the wire. The last
expression of a cell is its result, as in Jupyter.
"""
import ast, asyncio, base64, builtins, io, json, linecache, os, signal, subprocess, sys, threading, traceback

MARK = sys.argv[1]
sys.argv = [""]
wire = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogateescape")
requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
lock = threading.Lock()


def send(**event):
    with lock:
        wire.write(MARK + json.dumps(event) + "\n")
        wire.flush()


class Capture:
    """One of the two streams: everything written to its descriptor becomes events."""

    def __init__(self, name, descriptor):
        self.name, self.descriptor = name, descriptor
        self.end, write = os.pipe()
        os.dup2(write, descriptor)
        os.close(write)
        os.set_inheritable(descriptor, True)
        self.sentinel = ("\0" + MARK + name + "\0").encode()
        self.drained = threading.Event()
        threading.Thread(target=self.pump, daemon=True).start()

    def pump(self):
        import codecs

        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = b""
        while True:
            rest += os.read(self.end, 65536)
            while rest:
                at = rest.find(self.sentinel)
                if at < 0:
                    # The start of a sentinel may still be on its way.
                    keep = next((n for n in range(min(len(self.sentinel) - 1, len(rest)), 0, -1) if self.sentinel.startswith(rest[-n:])), 0)
                    text, rest = rest[: len(rest) - keep], rest[len(rest) - keep :]
                    self.say(decoder.decode(text))
                    break
                self.say(decoder.decode(rest[:at], True))
                decoder.reset()
                rest = rest[at + len(self.sentinel) :]
                self.drained.set()

    def say(self, text):
        if text:
            send(type=self.name, text=text)

    def drain(self, stream):
        stream.flush()
        self.drained.clear()
        data = self.sentinel
        while data:
            data = data[os.write(self.descriptor, data) :]
        self.drained.wait(30)


captures = {"stdout": Capture("stdout", 1), "stderr": Capture("stderr", 2)}
sys.stdin = open(os.devnull)
sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", 0, closefd=False), encoding="utf-8", errors="backslashreplace", line_buffering=True)
sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", 0, closefd=False), encoding="utf-8", errors="backslashreplace", line_buffering=True)
sys.path.insert(0, "")
os.environ.setdefault("MPLBACKEND", "Agg")

RICH = {
    "_repr_html_": "html", "_repr_markdown_": "markdown", "_repr_svg_": "svg", "_repr_png_": "png", "_repr_jpeg_": "jpeg",
    "_repr_pdf_": "pdf", "_repr_latex_": "latex", "_repr_json_": "json", "_repr_javascript_": "javascript",
}
MIME = {
    "text/plain": "text", "text/html": "html", "text/markdown": "markdown", "image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpeg",
    "application/pdf": "pdf", "text/latex": "latex", "application/json": "json", "application/javascript": "javascript",
}


def plain(value):
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def present(value, main):
    shown = {}
    bundle = getattr(value, "_repr_mimebundle_", None)
    if bundle is not None and not isinstance(value, type):
        try:
            data = bundle(include=None, exclude=None)
            data = data[0] if isinstance(data, tuple) else data
            shown = {MIME.get(kind, kind): plain(one) for kind, one in (data or {}).items()}
        except Exception:
            shown = {}
    if not isinstance(value, type):
        for method, name in RICH.items():
            if name not in shown and hasattr(value, method):
                try:
                    one = getattr(value, method)()
                except Exception:
                    continue
                one = one[0] if isinstance(one, tuple) else one
                if one is not None:
                    shown[name] = plain(one)
    shown.setdefault("text", repr(value))
    if not shown.get("png") and type(value).__module__.startswith("matplotlib.figure"):
        shown["png"] = picture(value)
    send(type="result", is_main_result=main, **shown)


def picture(figure):
    into = io.BytesIO()
    figure.savefig(into, format="png", bbox_inches="tight")
    return base64.b64encode(into.getvalue()).decode()


def figures():
    plot = sys.modules.get("matplotlib.pyplot")
    if plot is not None:
        for number in plot.get_fignums():
            figure = plot.figure(number)
            send(type="result", is_main_result=False, text=repr(figure), png=picture(figure))
        plot.close("all")


def display(*values, **_):
    for value in values:
        present(value, False)


def shell(command):
    subprocess.run(command, shell=True, executable="/bin/bash")


builtins.display = display
builtins.__tinyvm_shell__ = shell
names = {"__name__": "__main__", "__builtins__": builtins}
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
count = 0


def translated(code):
    """Lines that start with ! are for the shell, as is %pip."""
    lines = []
    for line in code.split("\n"):
        bare = line.lstrip()
        indent = line[: len(line) - len(bare)]
        if bare.startswith("%pip ") or bare.startswith("!pip "):
            line = indent + "__tinyvm_shell__(%r)" % (sys.executable + " -m " + bare[1:])
        elif bare.startswith("!"):
            line = indent + "__tinyvm_shell__(%r)" % bare[1:]
        lines.append(line)
    return "\n".join(lines)


def evaluate(node, name):
    code = compile(node, name, "exec" if isinstance(node, ast.Module) else "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    value = eval(code, names)
    return loop.run_until_complete(value) if asyncio.iscoroutine(value) and code.co_flags & 0x80 else value


def parse(code, name):
    try:
        return ast.parse(code, name), code
    except SyntaxError:
        again = translated(code)
        if again == code:
            raise
        return ast.parse(again, name), again


def run(code):
    name = "<cell %d>" % count
    tree, code = parse(code, name)
    linecache.cache[name] = (len(code), None, code.splitlines(True), name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    if tree.body:
        evaluate(tree, name)
    if last is not None and not code.rstrip().endswith(";"):
        value = evaluate(ast.Expression(last.value), name)
        if value is not None:
            names["_"] = value
            captures["stdout"].drain(sys.stdout)
            present(value, True)
    elif last is not None:
        evaluate(ast.Expression(last.value), name)


def trace(error):
    """Without the kernel's own frames."""
    frames = None if isinstance(error, SyntaxError) and error.filename and error.filename.startswith("<cell") else error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


__file__ = run.__code__.co_filename
signal.signal(signal.SIGINT, signal.default_int_handler)
send(type="ready")
while True:
    try:
        line = requests.readline()
    except KeyboardInterrupt:
        continue
    if not line:
        break
    request = json.loads(line)
    count += 1
    before = dict(os.environ)
    os.environ.update(request.get("env") or {})
    send(type="number_of_executions", execution_count=count)
    try:
        try:
            run(request["code"])
        finally:
            for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
                captures[name].drain(stream)
        figures()
    except SystemExit as stop:
        send(type="error", name="SystemExit", value=str(stop), traceback=trace(stop))
    except BaseException as error:
        send(type="error", name=type(error).__name__, value=str(error), traceback=trace(error))
    for name in request.get("env") or {}:
        if name in before:
            os.environ[name] = before[name]
        else:
            os.environ.pop(name, None)
    send(type="done")
