# Runs once, before the snapshot is taken: imports what agents use, and hands the host `run`, with which each command goes on from here.
import sys

import argparse, array, ast, atexit, base64, binascii, bisect, calendar, codecs, collections, configparser, contextlib, contextvars, copy, csv, dataclasses
import datetime, decimal, difflib, email.message, encodings.idna, enum, errno, fnmatch, fractions, functools, getopt, glob, gzip, hashlib, heapq, hmac, html, html.parser
import http.client, inspect, io, itertools, json, linecache, logging, math, operator, os, pathlib, pickle, platform, pprint, queue, random, re, runpy, secrets, shlex, shutil
import signal, socket, sqlite3, statistics, string, struct, subprocess, tempfile, textwrap, threading, time, timeit, traceback, types, typing, unicodedata
import urllib.error, urllib.parse, urllib.request, uuid, warnings, weakref, xml.etree.ElementTree, zipfile, zlib

_NAME = "<tinyvm>"
_ABSENT = "a WebAssembly Tiny VM has no %s; "

tinyvm = types.ModuleType("tinyvm")
tinyvm.__file__ = "<tinyvm.py>"
exec(compile(sys.argv[2], "<tinyvm.py>", "exec"), tinyvm.__dict__)
sys.modules["tinyvm"] = tinyvm


def _no_sockets(*_, **__):
    raise OSError(errno.ENOTSUP, _ABSENT % "sockets" + "use urllib.request or tinyvm.fetch, or `engine: container`")


def _no_threads(*_, **__):
    raise RuntimeError(_ABSENT % "threads" + "use `engine: container`")


def _no_processes(*_, **__):
    raise OSError(errno.ENOTSUP, _ABSENT % "other processes" + "use `engine: container`")


socket.socket.__init__ = _no_sockets
socket.getaddrinfo = socket.create_connection = socket.create_server = socket.gethostbyname = _no_sockets
threading.Thread.start = _no_threads
threading._start_new_thread = _no_threads
subprocess.Popen.__init__ = _no_processes
os.system = os.popen = _no_processes
# This build divides nanoseconds by the clock ticks of times(3).
time.process_time = lambda: time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)
time.process_time_ns = lambda: time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID)


class _Handler(urllib.request.HTTPHandler):
    """urllib's requests through the host."""

    def http_open(self, request):
        headers = dict(request.unredirected_hdrs)
        headers.update((k, v) for k, v in request.headers.items() if k not in headers)
        data = request.data
        if data is not None and not isinstance(data, (bytes, bytearray)):
            data = b"".join(data) if not hasattr(data, "read") else data.read()
        try:
            answer = tinyvm.fetch(request.full_url, request.get_method(), headers, data)
        except tinyvm.Error as error:
            raise urllib.error.URLError(error) from None
        fields = http.client.HTTPMessage()
        for name, value in answer.headers:
            fields[name] = value
        response = urllib.response.addinfourl(answer.raw, fields, request.full_url, answer.status)
        response.msg = answer.reason
        return response

    https_open = http_open
    https_request = urllib.request.HTTPHandler.http_request


urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({}), _Handler))


def _usage(text):
    sys.stderr.write(text + "\nusage: python [-u] [-c CODE | -m MODULE | SCRIPT | -] [ARG]...\n")
    return 2


def _execute(code):
    exec(code, sys.modules["__main__"].__dict__)


def _main(argv):
    i = 1
    while i < len(argv) and argv[i].startswith("-") and argv[i] != "-":
        option = argv[i]
        if option in ("-V", "--version"):
            print("Python", platform.python_version())
            return 0
        if option in ("-c", "-m"):
            if i + 1 >= len(argv):
                return _usage(f"argument expected for the {option} option")
            sys.argv = [option, *argv[i + 2 :]]
            sys.path.insert(0, "" if option == "-c" else os.getcwd())
            if option == "-c":
                _execute(compile(argv[i + 1], "<string>", "exec"))
            else:
                runpy._run_module_as_main(argv[i + 1])
            return 0
        if option == "-u":
            sys.stdout.reconfigure(write_through=True)
        elif option not in ("-B", "-q"):
            return _usage(f"unknown option {option}: this interpreter was started before it could be told; it takes -u, -c, -m")
        i += 1
    name = argv[i] if i < len(argv) else "-"
    sys.argv = argv[i:] or [""]
    if name == "-":
        sys.path.insert(0, "")
        _execute(compile(sys.stdin.buffer.read(), "<stdin>", "exec"))
        return 0
    try:
        with open(name, "rb") as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: can't open file {os.path.abspath(name)!r}: [Errno {error.errno}] {error.strerror}\n")
        return 2
    sys.path.insert(0, os.path.dirname(os.path.abspath(name)))
    sys.modules["__main__"].__file__ = name
    _execute(compile(source, name, "exec"))
    return 0


def _status(end):
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    print(end.code, file=sys.stderr)
    return 1


def _guarded(body):
    try:
        return body()
    except SystemExit as end:
        return _status(end)
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == _NAME:
            trace = trace.tb_next
        try:
            sys.excepthook(type(error), error.with_traceback(trace), trace)
        except BaseException:
            traceback.print_exc()
        return 1


def run():
    fd = os.open("/dev/tinyvm/1/start", os.O_RDONLY)
    parts = []
    while part := os.read(fd, 65536):
        parts.append(part)
    os.close(fd)
    start = json.loads(b"".join(parts))
    os.environ.clear()
    os.environ.update(start["env"])
    try:
        os.chdir(start["directory"])
    except OSError:
        os.chdir("/")
    random.seed()
    logging._startTime = time.time()
    sys.orig_argv = list(start["argv"])
    sys.path[0:0] = [part for part in os.environ.get("PYTHONPATH", "").split(":") if part]
    main = types.ModuleType("__main__")
    main.__builtins__ = sys.modules["builtins"]
    sys.modules["__main__"] = main
    status = _guarded(lambda: _main(start["argv"]))
    _guarded(atexit._run_exitfuncs)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            status = status or 120
    os._exit(status & 0xFF)


# The module's own stack for C has 512 KiB, too little for what Python allows to recurse. Runs begin on this one.
_stack = bytearray(4 << 20)


def _snapshot():
    sys.path[:] = [part for part in sys.path if part]
    sys.argv = [""]
    linecache.clearcache()
    import gc

    gc.collect()
    gc.freeze()
    fd = os.open("/dev/tinyvm/1/snapshot", os.O_WRONLY)
    os.write(fd, b"%d %d %d" % (id(run), id(()), id(_stack)))
    os.close(fd)
    # The host takes the snapshot in the next call of the clock, which holds all that the interpreter needs.
    time.time()


_snapshot()
