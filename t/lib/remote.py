"""For the tests of deliver-remote: servers that answer as told, deliveries by hand and by jobs.

A test ends with finish(). What was started is stopped however it ends.
"""
import atexit
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

T = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD_DIR") or os.path.join(T, "..", "build")
PROGRAM = os.path.join(BUILD, "bin", "deliver-remote")
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
WAIT = 60       # seconds until something that must happen counts as not happening
DIR = tempfile.mkdtemp(prefix="pipepost-remote.")
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0")
ENV = {"PIPEPOST_LOG": "stderr", "PATH": "/usr/bin:/bin", "ASAN_OPTIONS": os.environ["ASAN_OPTIONS"]}
TEXT = b"Subject: x\n\ntext\n"
tests = failed = 0
started = []


def ok(fact, what):
    global tests, failed
    tests += 1
    failed += not fact
    print("%sok %d - %s" % ("" if fact else "not ", tests, what), flush=True)
    return bool(fact)


def same(got, expected, what):
    if not ok(got == expected, what):
        print("#      got: %r\n# expected: %r" % (got, expected))


def clean_up():
    for p in started:
        if p.poll() is None:
            p.kill()
        p.wait()
    shutil.rmtree(DIR, ignore_errors=True)


def finish():
    print("1..%d" % tests)
    sys.exit(failed > 0)


atexit.register(clean_up)


def wait_for(fact):
    end = time.monotonic() + WAIT
    while not fact() and time.monotonic() < end:
        time.sleep(0.02)
    return fact()


def with_credentials(command, credentials, hangs=False):
    """(command, descriptors to pass, the pipe's other end): the command with the octets on fd 3."""
    r, w = os.pipe()
    os.write(w, credentials)
    if not hangs:
        os.close(w)
    return ["/bin/bash", "-c", 'exec "$@" 3<&%d %d<&-' % (r, r) if r != 3 else 'exec "$@"', "bash", *command], (r,), w


class Peer:
    """t/lib/peer.py with these options."""
    count = 0

    def __init__(self, *options):
        Peer.count += 1
        self.dir = os.path.join(DIR, "peer%d" % Peer.count)
        os.mkdir(self.dir)
        self.p = subprocess.Popen([PYTHON, os.path.join(T, "lib", "peer.py"), "--dir", self.dir, *options])
        started.append(self.p)
        ready = os.path.join(self.dir, "ready")
        if not wait_for(lambda: os.path.exists(ready)):
            raise SystemExit("Bail out! the server did not start")
        with open(ready) as f:
            self.port = int(f.read())

    def log(self):
        """The commands that came: "CONNECTION LINE"."""
        path = os.path.join(self.dir, "log")
        if not os.path.exists(path):
            return []
        with open(path) as f:
            return f.read().splitlines()

    def clients(self):
        """Where the connections came from."""
        with open(os.path.join(self.dir, "clients")) as f:
            return f.read().splitlines()

    def message(self, n=1):
        with open(os.path.join(self.dir, str(n)), "rb") as f:
            return f.read()

    def messages(self):
        return len([x for x in os.listdir(self.dir) if x.isdigit()])

    def url(self, scheme="smtp", host="127.0.0.1"):
        return "%s://%s:%d" % (scheme, host, self.port)

    def stop(self):
        self.p.kill()
        self.p.wait()


def certificates(script):
    """Makes certificates below DIR/certs by the functions of t/lib/certs.sh; NAME.both has the key, too."""
    certs = os.path.join(DIR, "certs")
    os.makedirs(certs, exist_ok=True)
    r = subprocess.run(["/bin/sh", "-c", 'bail_out() { echo "$@"; exit 1; }; . "$0/lib/certs.sh"\n' + script +
                        '\nfor k in "$CERTS"/*.key; do cat "${k%.key}.pem" "$k" >"${k%.key}.both"; done', T],
                       env=dict(os.environ, CERTS=certs), stdout=subprocess.PIPE)
    if r.returncode != 0:
        raise SystemExit("Bail out! no certificates: " + r.stdout.decode())
    return certs


def hand(destination, *recipients, text=TEXT, sender="anna@example.com", options=("-t", "20"), env=(),
         credentials=None):
    """deliver-remote by hand: (reports, log). A report is its letter and words."""
    command, passed = [PROGRAM, *options, destination, sender, *(recipients or ("bob@example.org",))], ()
    if credentials is not None:
        command.insert(1, "-a")
        command, passed, _ = with_credentials(command, credentials)
    r = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       env=dict(ENV, **dict(env)), timeout=WAIT, pass_fds=passed)
    for fd in passed:
        os.close(fd)
    said = r.stdout.decode()
    assert r.returncode == 0 and said.endswith("\0"), (r.returncode, said, r.stderr)
    return [x.rstrip("\n") for x in said.split("\0")[:-1]], r.stderr.decode()


def param(url, **words):
    """The param of a job: that of SCHEME://HOST:PORT, and further words (a list for one that stands there again)."""
    if "://" not in url:
        return url
    scheme, rest = url.split("://")
    host, port = rest.rsplit(":", 1)
    said = ["host=" + host, "port=" + port, "own-name=mail.example.com", "helo=helo.example.com"]
    said += {"smtp": ["tls=never"], "lmtp": ["lmtp=1", "tls=never"], "smtp+tls": [], "tls": ["tls=required"],
             "smtps": ["tls=at-connect"], "secure": ["tls=any"]}[scheme]
    said = [x for x in said if x.split("=")[0].replace("-", "_") not in words]
    for name, value in words.items():
        for v in value if isinstance(value, (list, tuple)) else [value]:
            said.append("%s=%s" % (name.replace("_", "-"), v))
    return " ".join(said)


class Jobs:
    """deliver-remote -s under a runner; with credentials those octets are on its fd 3."""

    def __init__(self, *options, env=(), credentials=None, hangs=False):
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(WAIT)
        self.log = tempfile.TemporaryFile(dir=DIR)
        command, passed = [PROGRAM, *options, "-s"], ()
        if credentials is not None:
            command, passed, self.pipe = with_credentials(command, credentials, hangs)
        self.p = subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=self.log,
                                  cwd="/", env=dict(ENV, **dict(env)), pass_fds=passed)
        for fd in passed:
            os.close(fd)
        started.append(self.p)
        theirs.close()

    def send(self, where, *recipients, text=TEXT, sender="anna@example.com", size=None, seconds=60, behind=b"F\0",
             ret="", envid="", smtputf8=0):
        recipients = recipients or ("bob@example.org",)
        fields = ["1.test", "r", param(where), sender, "", "", "0", "0", "0", "+", str(seconds), "192.0.2.1",
                  "client.example", "", ret, envid, str(smtputf8), str(len(text) if size is None else size),
                  str(len(recipients))]
        for r in recipients:
            r = r if isinstance(r, tuple) else (r, "", "")
            fields += [r[0], r[0], r[1], r[2]]
        body = b"J" + b"".join(x.encode() + b"\0" for x in fields)
        self.sock.sendall(struct.pack(">I", len(body)) + body)
        with tempfile.TemporaryFile(dir=DIR) as f:
            f.write(text + behind)
            f.flush()
            socket.send_fds(self.sock, [b"q"], [f.fileno()])

    def octets(self, n):
        data = b""
        while len(data) < n:
            piece = self.sock.recv(n - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def verdicts(self):
        head = self.octets(5)
        body = self.octets(struct.unpack(">I", head[:4])[0] - 1)
        assert head[4:] == b"V"
        return [v.decode() for v in body.split(b"\0")[:-1]]

    def ask(self, *args, **kw):
        self.send(*args, **kw)
        return self.verdicts()

    def end(self):
        """Closes the socket; the exit status."""
        self.sock.close()
        return self.p.wait(WAIT)

    def said(self):
        self.log.seek(0)
        return self.log.read().decode()
