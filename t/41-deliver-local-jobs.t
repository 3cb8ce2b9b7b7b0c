#!/usr/bin/python3
"""deliver-local under the runner: the job protocol on its fd 0."""
import glob
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

BUILD = os.environ.get("BUILD_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build")
BIN = os.path.join(BUILD, "bin", "deliver-local")
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0")
UID = os.getuid() or 1000
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
WAIT = 30       # seconds until something that must happen counts as not happening
failed = number = 0


def ok(fact, what):
    global failed, number
    number += 1
    failed += not fact
    print("%sok %d - %s" % ("" if fact else "not ", number, what), flush=True)
    return fact


def same(got, expected, what):
    if not ok(got == expected, what):
        print("#      got: %r\n# expected: %r" % (got, expected))


def job(text=b"Subject: x\n\ntext\n", action="d", param="", user="bob", home=None, sender="anna@example.com",
        rcpts=("bob@example.org",), forward=0, rcpt_to=0, makes_home=0, seconds=60, size=None, ident="1.test"):
    fields = [ident, action, param, sender, user, home or HOME, str(forward), str(rcpt_to), str(makes_home), "+", str(seconds),
              "192.0.2.1", "client.example", "", "", "", "0", str(len(text) if size is None else size),
              str(len(rcpts))]
    for r in rcpts:
        fields += [r, r, "", ""]
    body = b"J" + b"".join(f.encode() + b"\0" for f in fields)
    return struct.pack(">I", len(body)) + body + text


class Process:
    def __init__(self, wrap=(), **more):
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(WAIT)
        who = dict(user=UID, group=UID, extra_groups=[]) if os.getuid() == 0 else {}
        env = {"PIPEPOST_LOG": "stderr", "ASAN_OPTIONS": os.environ["ASAN_OPTIONS"]}
        self.p = subprocess.Popen([*wrap, PROGRAM, "-s"], stdin=theirs, stdout=subprocess.DEVNULL, stderr=LOG, cwd="/",
                                  env=env, **who, **more)
        theirs.close()

    def send(self, data):
        self.sock.sendall(data)

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
        self.send(job(*args, **kw))
        return self.verdicts()

    def is_silent(self):
        """Whether the other side closed without another octet."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def end(self):
        self.sock.close()
        return self.p.wait(WAIT)


def new(maildir="Maildir"):
    return sorted(glob.glob(os.path.join(HOME, maildir, "new", "*")))


def tmp(maildir="Maildir"):
    return os.listdir(os.path.join(HOME, maildir, "tmp"))


def read(path):
    with open(path, "rb") as f:
        return f.read()


def clean():
    for name in os.listdir(HOME):
        path = os.path.join(HOME, name)
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)


def as_user():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(UID)
        os.setuid(UID)


FRONT = b"Return-Path: <anna@example.com>\nDelivered-To: bob@example.org\n"


def delivered(where="Maildir"):
    return "K2.0.0 Delivered to Maildir " + os.path.join(HOME, where)


def test_one_after_the_other():
    p = Process()
    same(p.ask(), [delivered()], "a Maildir job is delivered")
    same([read(f) for f in new()], [FRONT + b"Subject: x\n\ntext\n"], "... and the text is counted exactly")
    same(p.ask(action="b", param="~/mbox"), ["K2.0.0 Delivered to mailbox %s/mbox" % HOME], "the next job may be an mbox")
    same(p.ask(action="c", param="exit 67"), ["D5.1.1 Command ended with status 67"], "... or a command")
    same(p.ask(action="n", param="Z4.3.5 nothing to do"), ["Z4.3.5 nothing to do"], "... or nothing")
    same(p.ask(b"", "i", "/nowhere")[0][0], "Z", "... or an include file without text")
    same(p.ask(action="r")[0][:6], "Z4.3.5", "an action of another program is deferred")
    big = b"Subject: big\n\n" + b"0123456789abcde\n" * 200000
    same(p.ask(big)[0][0], "K", "a large text is delivered")
    same([len(read(f)) for f in new()], [len(FRONT) + 17, len(FRONT) + len(big)], "... whole")
    same(p.ask(big, "c", "head -c 10 >/dev/null")[0][0], "K", "a command that reads ten octets of it")
    same(p.ask()[0][0], "K", "... does not disturb the next job")
    same(p.end(), 0, "the end of the connection between two jobs is a good end")


def test_batches():
    clean()
    p = Process()
    p.send(b"".join(job(b"Subject: %d\n\n" % n) for n in range(100)))
    got = [p.verdicts() for _ in range(100)]
    ok(all(v == [delivered()] for v in got), "a hundred jobs in one write: a hundred verdicts")
    same(len(new()), 100, "... and a hundred messages, all names different")
    same(sorted(int(read(f).split(b"Subject: ")[1]) for f in new()), list(range(100)), "... each once")
    same(tmp(), [], "... and nothing in tmp")
    p.send(job() + job(action="n", param="D5.2.1 no") + job(param="~/other") + job(rcpts=["a@x", "b@x"]) + job(action="?"))
    same([p.verdicts()[0][0] for _ in range(4)], ["K", "D", "K", "K"], "verdicts come in the order of the jobs")
    ok(p.is_silent(), "a frame that is none ends the connection")
    same(p.end(), 75, "... loudly")


def test_homes():
    clean()
    home = os.path.join(HOME, "fresh")
    p = Process()
    same(p.ask(home=home)[0][0], "Z", "the home of an account is never made")
    same(p.ask(home=home, makes_home=1), [delivered("fresh/Maildir")], "the home of a table row is made")
    same(os.stat(home).st_mode & 0o777, 0o700, "... closed to others")
    same(p.ask(home=os.path.join(HOME, "not/mounted"), makes_home=1)[0][0], "Z", "... but nothing above it")
    same(p.end(), 0, "... and that was all")


def test_several_recipients():
    clean()
    p = Process()
    same(p.ask(rcpts=["a@x", "b@y", "c@z"], param="~/%{dest.user}"), [delivered(d) for d in "abc"],
         "a job of three recipients has three verdicts")
    same([read(new(d)[0]) for d in "abc"],
         [b"Return-Path: <anna@example.com>\nDelivered-To: %s\nSubject: x\n\ntext\n" % a for a in (b"a@x", b"b@y", b"c@z")],
         "... and three messages, each with its address")
    same(p.ask(b"Delivered-To: b@y\n\n", rcpts=["a@x", "b@y"], param="~/%{dest.user}"),
         [delivered("a"), "D5.4.6 Loop detected"], "a loop of one is not a loop of the other")
    with open(os.path.join(HOME, ".forward"), "w") as f:
        f.write("|cmd\nx@y\n")
    os.chown(f.name, UID, -1)
    same(p.ask(forward=1), ["E|cmd\nx@y"], "a .forward comes with LF between its nodes")
    p.end()


def test_broken_off():
    clean()
    os.mkdir(os.path.join(HOME, "keep"))
    whole = job(b"Subject: whole\n\n")
    for cut in (3, 20, len(whole) - 1):
        p = Process()
        p.send(whole[:cut])
        p.sock.shutdown(socket.SHUT_WR)
        ok(p.is_silent(), "end of file after %d octets of a job: no verdict" % cut)
        same(p.end(), 75, "... but an exit code")
    same((new(), tmp() if os.path.isdir(os.path.join(HOME, "Maildir")) else []), ([], []), "... nothing is delivered")
    for action, param in (("b", "~/mbox"), ("f", os.path.join(HOME, "mbox")), ("d", "~/Maildir")):
        p = Process()
        p.send(job(b"A: b\n\n" + b"x" * 500000, action, param, size=500007))
        p.sock.shutdown(socket.SHUT_WR)
        ok(p.is_silent(), "a large text that lacks an octet: no verdict (%s)" % action)
        p.end()
    same((os.path.getsize(os.path.join(HOME, "mbox")), new(), tmp()), (0, [], []), "... and the mailbox is as it was")
    p = Process()
    p.send(job(b"A: b\n\n" + b"x" * 500000, "c", "cat >part && mv part got", size=500007))
    p.sock.shutdown(socket.SHUT_WR)
    ok(p.is_silent(), "a command is killed when its text breaks off")
    p.end()
    ok(not os.path.exists(os.path.join(HOME, "got")), "... before it takes what it got for the whole")
    p = Process()
    p.send(job() + whole[:-1])
    p.sock.shutdown(socket.SHUT_WR)
    same(p.verdicts()[0][0], "K", "what was done before a broken job is reported")
    ok(p.is_silent(), "... and no more")
    same(len(new()), 1, "... and no more delivered")
    p.end()
    for bad in (b"\0\0\0\0J", b"\xff\xff\xff\xffJ", b"\0\0\0\5Jxxxx", b"GET / HTTP/1.0\r\n\r\n"):
        p = Process()
        p.send(bad)
        ok(p.is_silent(), "not a frame: %r" % bad)
        same(p.end(), 75, "... ends the process")


def test_idle():
    p = Process()
    same(p.ask()[0][0], "K", "a job")
    same(p.p.wait(WAIT), 0, "without another one the process ends by itself")
    p.sock.close()


def test_descriptors():
    clean()
    spare = os.open("/", os.O_RDONLY)
    p = Process(pass_fds=[spare])
    same(p.ask(action="p", param="exec ls /proc/self/fd >fds")[0][0], "K", "a command under the runner")
    same(read(os.path.join(HOME, "fds")).split(), [b"0", b"1", b"2", b"3"],
         "... has descriptors 0, 1 and 2 only (3 is the directory that it lists)")
    for n in range(40):
        p.ask(action="dcbpi"[n % 5], param=["", "exit 1", "~/mbox", "true", "/etc/hostname"][n % 5])
    fds = os.listdir("/proc/%d/fd" % p.p.pid)
    ok(len(fds) <= 8, "after forty jobs the process has no descriptors left over (%d)" % len(fds))
    p.end()
    os.close(spare)


def test_root():
    if os.getuid() != 0:
        return
    sock, theirs = socket.socketpair()
    sock.settimeout(WAIT)
    child = subprocess.Popen([BIN, "-s"], stdin=theirs, stdout=subprocess.DEVNULL, stderr=LOG, cwd="/", env={})
    theirs.close()
    p = Process.__new__(Process)
    p.sock, p.p = sock, child
    same(p.ask(), ["Z4.3.5 will not deliver as root"], "root is refused")
    same(p.ask(action="i", param="/etc/hostname")[0][0], "Z", "... for every action")
    p.end()


RIVAL = """
import fcntl, os, sys
for n in range(25):
    with open(sys.argv[1], "ab") as f:
        if sys.argv[2] == "flock":
            fcntl.flock(f, fcntl.LOCK_EX)
        else:
            fcntl.lockf(f, fcntl.LOCK_EX)
        for line in (b"From rival Tue Nov 24 02:00:00 2026\\n", b"Subject: rival\\n", b"\\n", b"x\\n", b"\\n"):
            os.write(f.fileno(), line)
"""


def test_rivals():
    clean()
    box = os.path.join(HOME, "mbox")
    rivals = [subprocess.Popen([PYTHON, "-c", RIVAL, box, how], preexec_fn=as_user)
              for how in ("flock", "fcntl")]
    ours = [subprocess.Popen([PROGRAM, "-u", "bob", "-d", HOME, "-r", "bob@x", "-a", "mbox", "-p", "~/mbox"],
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=as_user) for _ in range(100)]
    for p in ours:
        p.stdin.write(b"Subject: ours\n\n" + b"line of text\n" * 500)
        p.stdin.close()
    same({p.wait(WAIT * 4) for p in ours}, {0}, "a hundred concurrent writers of one mbox")
    for r in rivals:
        r.wait(WAIT)
    data = read(box)
    counts = [m.count(b"line of text") for m in (b"\n" + data).split(b"\nFrom ")[1:]]
    same((counts.count(500), counts.count(0)), (100, 50), "... and two rivals with one kind of lock each: all whole")


TOP = tempfile.mkdtemp(prefix="pipepost.")
try:
    os.chmod(TOP, 0o755)
    HOME = os.path.join(TOP, "bob")
    os.mkdir(HOME, 0o700)
    os.chown(HOME, UID, UID if os.getuid() == 0 else -1)
    PROGRAM = BIN
    if os.getuid() == 0:    # another uid must reach it
        PROGRAM = os.path.join(TOP, "deliver-local")
        shutil.copy(BIN, PROGRAM)
    LOG = open(os.path.join(TOP, "log"), "ab")
    test_one_after_the_other()
    test_batches()
    test_homes()
    test_several_recipients()
    test_broken_off()
    test_idle()
    test_descriptors()
    test_root()
    test_rivals()
finally:
    if failed:
        print("# the log:\n" + "".join("# " + x for x in open(os.path.join(TOP, "log"), errors="replace")))
    shutil.rmtree(TOP)
print("1..%d" % number)
sys.exit(failed > 0)
