#!/usr/bin/python3
# queue-bounce: what a sender gets, as a mail program parses it.

import email
import email.policy
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(os.environ.get("BUILD_DIR") or os.path.join(os.path.dirname(__file__), "../build"))
BIN = os.path.join(BUILD, "bin")
if not os.path.exists(BIN + "/queue-bounce"):
    print("1..0 # SKIP queue-bounce is not there")
    sys.exit(0)
BOX = tempfile.mkdtemp(prefix="pipepost.")
count = failed = 0
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0")
for name in ("QMAILQUEUE", "PIPEPOST_CONF"):
    os.environ.pop(name, None)
os.environ.update(PIPEPOST_BIN=BIN, PIPEPOST_SPOOL=BOX + "/spool", PIPEPOST_LOG="stderr", TZ="UTC0")


def ok(what, fact, note=None):
    global count, failed
    count += 1
    failed += not fact
    print("%sok %d - %s" % ("" if fact else "not ", count, what))
    if not fact and note is not None:
        print("# " + repr(note))


def same(what, got, expected):
    ok(what, got == expected, (got, expected))


def script(lines):
    path = BOX + "/fake"
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + lines + "\n")
    os.chmod(path, 0o755)
    return path


KEEP = "cat >%s/message; cat <&1 >%s/envelope; env >%s/environment" % (BOX, BOX, BOX)


def fields(*pairs):
    return b"".join(letter.encode() + value.encode("utf-8", "surrogateescape") + b"\0"
                    for letter, value in pairs) + b"\0"


MESSAGE = [("k", "F"), ("i", "1795485600.AbCdEfGhIjKlMnOp"), ("h", "mail.example.org"), ("s", "alice@example.org"),
           ("a", "1795485600")]
BOB = [("T", "bob@example.com"), ("C", "5.1.1"), ("R", "550 5.1.1 <bob@example.com>: no such user"),
       ("H", "mx.example.com"), ("A", "f"), ("L", "1795485660")]
TEXT = b"Message-ID: <orig@example.org>\nSubject: hello\nTo: bob@example.com\n\nbody line\n"


def run(request, text=TEXT, queue=KEEP):
    for name in ("message", "envelope", "environment"):
        if os.path.exists(BOX + "/" + name):
            os.unlink(BOX + "/" + name)
    env = dict(os.environ, QMAILQUEUE=script(queue))
    return subprocess.run([BIN + "/queue-bounce"], input=request + text, env=env, stderr=subprocess.PIPE, timeout=60)


def message():
    with open(BOX + "/message", "rb") as f:
        raw = f.read()
    m = email.message_from_bytes(raw, policy=email.policy.default)
    m.raw = raw
    return m


def kept(name):
    with open(BOX + "/" + name, "rb") as f:
        return f.read()


def sized(text, *more):
    return fields(*MESSAGE, ("z", str(len(text))), *more)


def defects(m):
    return [d for part in m.walk() for d in part.defects] + \
        [d for part in m.walk() for h in part.values() for d in getattr(h, "defects", ())]


try:
    # ---- a failure ----
    r = run(sized(TEXT, *BOB))
    same("a failure is told, exit 0", r.returncode, 0)
    m = message()
    same("... in a message without defects", defects(m), [])
    same("... of type multipart/report", (m.get_content_type(), m.get_param("report-type")),
         ("multipart/report", "delivery-status"))
    same("... from the mail system", m["From"], "Mail Delivery System <MAILER-DAEMON@mail.example.org>")
    same("... to the reverse-path", m["To"], "<alice@example.org>" if m["To"].startswith("<") else "alice@example.org")
    same("... which no robot answers", m["Auto-Submitted"], "auto-replied")
    same("... that refers to the original", m["References"], "<orig@example.org>")
    ok("... with Date, Message-ID and MIME-Version", m["Date"] and m["Message-ID"] and m["MIME-Version"] == "1.0")
    same("its own reverse-path is null", kept("envelope"), b"F\0Talice@example.org\0\0")
    ok("the queue is told that it is a notice", b"=notice\n" in kept("environment"), kept("environment"))
    words, status, original = m.iter_parts()
    text = words.get_content()
    same("the words come first", words.get_content_type(), "text/plain")
    for what, piece in (
            ("which message it was", "Your message of Tue, 24 Nov 2026 02:00:00 +0000"),
            ("what happened", "could not be delivered\nto the recipients below"),
            ("to whom", "\n  bob@example.com\n"),
            ("who said so", "The mail server mx.example.com said:\n"),
            ("why", "550 5.1.1 <bob@example.com>: no such user"),
            ("what to do", "Check the address for mistakes."),
            ("whom to ask", "postmaster@mail.example.org"),
            ("by which name", "1795485600.AbCdEfGhIjKlMnOp")):
        ok("... and say " + what, piece in text, text)
    same("the status part is one", status.get_content_type(), "message/delivery-status")
    about, bob = status.get_payload()
    same("... naming the reporting host", about["Reporting-MTA"], "dns; mail.example.org")
    same("... and when the message arrived", about["Arrival-Date"], "Tue, 24 Nov 2026 02:00:00 +0000")
    same("... the recipient", bob["Final-Recipient"], "rfc822; bob@example.com")
    same("... the action", bob["Action"], "failed")
    same("... the status", bob["Status"], "5.1.1")
    same("... the remote host", bob["Remote-MTA"], "dns; mx.example.com")
    same("... its words", bob["Diagnostic-Code"], "smtp; 550 5.1.1 <bob@example.com>: no such user")
    same("... and the time", bob["Last-Attempt-Date"], "Tue, 24 Nov 2026 02:01:00 +0000")
    same("the header comes back", original.get_content_type(), "text/rfc822-headers")
    ok("... without the body", b"Subject: hello\n" in m.raw and b"body line" not in m.raw)

    # ---- what a server said, as deliver-remote reports it ----
    run(fields(*MESSAGE, ("T", "bob@example.com"), ("R", "5.7.1 mx.example.com[2001:db8::1]: 554 5.7.1 not from you"),
               ("T", "carol@example.com"), ("R", "4.2.2 mx.example.com[192.0.2.1]: 452 4.2.2 full"),
               ("T", "dave@example.com"), ("R", "4.4.1 mx.example.com[192.0.2.1]: connect: Connection refused"),
               ("T", "erin@example.com"), ("R", "5.0.0 says mx.example.com[192.0.2.1]: 550 no"),
               ("T", "fred@example.com"), ("R", "5.0.0 mx.example.com[192.0.2.1]: 550")))
    m = message()
    words, status = list(m.iter_parts())[:2]
    bob, carol, dave, erin, fred = status.get_payload()[1:]
    same("a server's reply: who said it", (bob["Remote-MTA"], fred["Remote-MTA"]), ("dns; mx.example.com",) * 2)
    same("... its own words", (bob["Diagnostic-Code"], fred["Diagnostic-Code"]),
         ("smtp; 554 5.7.1 not from you", "smtp; 550"))
    same("... and the status in front of them", (bob["Status"], carol["Status"]), ("5.7.1", "4.2.2"))
    same("what is none is not taken for one", (dave["Remote-MTA"], erin["Remote-MTA"]), (None, None))
    same("... and is ours", " ".join(dave["Diagnostic-Code"].split()), "x-pipepost; 4.4.1 mx.example.com[192.0.2.1]: connect: Connection refused")
    text = " ".join(words.get_content().split())
    ok("... the words name the server", "bob@example.com The mail server mx.example.com said: 554 5.7.1 not from you" in text, text)
    ok("what was given up in the end is told so", "carol@example.com It was tried again and again, until this mail "
       "system gave up. The last time: The mail server mx.example.com said: 452 4.2.2 full" in text, text)

    # ---- RET ----
    run(sized(TEXT, ("r", "FULL"), *BOB))
    original = list(message().iter_parts())[2]
    same("RET=FULL: the message comes back", original.get_content_type(), "message/rfc822")
    same("... octet by octet", TEXT in message().raw, True)
    big = TEXT + b"x\n" * 30000
    run(sized(big, ("r", "FULL"), *BOB), big)
    same("RET=FULL: a message over 50 KiB does not", list(message().iter_parts())[2].get_content_type(),
         "text/rfc822-headers")
    run(fields(*MESSAGE, ("z", "200"), ("r", "FULL"), *BOB))
    same("RET=FULL: half a message does not", list(message().iter_parts())[2].get_content_type(),
         "text/rfc822-headers")
    huge = b"Subject: huge\n\n" + b"x" * 5000000
    r = run(sized(huge, *BOB), huge)
    same("more text than is looked at does no harm", r.returncode, 0)
    run(sized(b"", *BOB), b"")
    same("an empty message: an empty part", (len(list(message().iter_parts())), defects(message())), (3, []))

    # ---- DSN ----
    run(fields(*MESSAGE, ("e", "id+3D1"), *BOB, ("O", "rfc822;Bob+2Bx@example.com"), ("P", "list@example.org")))
    m = message()
    about, bob = list(m.iter_parts())[1].get_payload()
    same("ENVID comes back decoded", about["Original-Envelope-Id"], "id=1")
    same("ORCPT comes back decoded", bob["Original-Recipient"], "rfc822;Bob+x@example.com")
    ok("the words name the address that was written to",
       "You sent it to:\n    list@example.org\n" in list(m.iter_parts())[0].get_content())
    r = run(fields(*MESSAGE, *BOB, ("N", "never")))
    same("NOTIFY=NEVER: nothing is sent, and that is no failure",
         (r.returncode, os.path.exists(BOX + "/message")), (0, False))
    run(fields(*MESSAGE, *BOB, ("N", "never"), ("T", "carol@example.com"), ("N", "f")))
    same("... others are told of", [s["Final-Recipient"] for s in list(message().iter_parts())[1].get_payload()[1:]],
         ["rfc822; carol@example.com"])

    # ---- delay, success, double bounce ----
    run(fields(("k", "D"), *MESSAGE[1:], ("T", "bob@example.com"), ("A", "z"), ("R", "4.4.1 connection timed out"),
               ("W", "1795831200")))
    m = message()
    bob = list(m.iter_parts())[1].get_payload()[1]
    same("a delay: action and status", (bob["Action"], bob["Status"]), ("delayed", "4.4.1"))
    same("... and until when", bob["Will-Retry-Until"], "Sat, 28 Nov 2026 02:00:00 +0000")
    ok("... the words calm down", "need not send the message again" in
       " ".join(list(m.iter_parts())[0].get_content().split()))
    run(fields(("k", "S"), *MESSAGE[1:], ("r", "FULL"), ("z", str(len(TEXT))), ("T", "bob@example.com"), ("A", "d"),
               ("N", "s"), ("T", "l@example.com"), ("A", "x"), ("N", "s"), ("T", "r@example.com"), ("A", "r"),
               ("N", "s")))
    m = message()
    same("a success: what became of each", [s["Action"] for s in list(m.iter_parts())[1].get_payload()[1:]],
         ["delivered", "expanded", "relayed"])
    same("... with the header only", list(m.iter_parts())[2].get_content_type(), "text/rfc822-headers")
    run(fields(("k", "B"), ("i", "1.a"), ("h", "mail.example.org"), ("z", str(len(TEXT))), *BOB, ("N", "never")))
    same("a double bounce goes to postmaster and can bounce no further", kept("envelope"),
         b"F#@[]\0Tpostmaster@mail.example.org\0\0")
    same("... with the whole notice", list(message().iter_parts())[2].get_content_type(), "message/rfc822")
    for path in ("", "#@[]"):
        r = run(fields(("k", "F"), ("i", "1.a"), ("h", "h.example.org"), *([("s", path)] if path else []), *BOB))
        same("no notice goes to the reverse-path <%s>" % path, (r.returncode, os.path.exists(BOX + "/message")),
             (65, False))

    # ---- SMTPUTF8 ----
    run(fields(*MESSAGE, ("u", "1"), ("r", "FULL"), ("z", str(len(TEXT))), ("T", "b\u00fccher@example.com")))
    m = message()
    same("SMTPUTF8: global types", [p.get_content_type() for p in m.iter_parts()],
         ["text/plain", "message/global-delivery-status", "message/global"])
    ok("... and the address as it is", "Final-Recipient: utf-8; b\u00fccher@example.com\n".encode() in m.raw)
    ok("... while the notice itself can go wherever 8-bit text can", b"SMTPUTF8=" not in kept("environment"))
    ok("... as its own header is ASCII", m.raw.split(b"\n\n")[0].isascii())
    run(fields(*MESSAGE[:3], ("s", "j\u00f6rg@example.org"), ("a", "1795485600"), ("u", "1"), *BOB))
    ok("... unless it goes to an international address: the queue is told", b"SMTPUTF8=" in kept("environment"))
    run(fields(*MESSAGE, ("T", "b\u00fccher@example.com")))
    ok("without SMTPUTF8 the status part stays ASCII",
       b"Final-Recipient: utf-8; b\\x{FC}cher@example.com\n" in message().raw)

    # ---- hostile text ----
    evil = "550 no\r\nBcc: x@example.com\n\n--boundary\n\x1b[2J\x01" + "y" * 3000
    run(fields(*MESSAGE, ("T", "bob@example.com\nBcc: y@example.com"), ("R", evil), ("H", "mx\nX: y"),
               ("C", "5.1.1\nX: y")), TEXT)
    m = message()
    same("text from elsewhere begins no field and no part", (defects(m), len(list(m.iter_parts())), m["Bcc"]),
         ([], 3, None))
    ok("... holds no control octet", not any(c in m.raw for c in b"\x1b\x01\r"))
    ok("... and no line over 998 octets", max(map(len, m.raw.split(b"\n"))) <= 998)
    ok("... and is bounded", m.raw.count(b"y") < 2500)
    many = [pair for i in range(5000) for pair in (("T", "u%d@example.com" % i), ("R", "550 no"))]
    run(fields(*MESSAGE, *many))
    m = message()
    same("every recipient stands in the status part", len(list(m.iter_parts())[1].get_payload()), 5001)
    ok("... the words stop at a hundred", list(m.iter_parts())[0].get_content().count("@example.com\n") == 100)

    # ---- what can go wrong ----
    same("a request that breaks off is an error", run(b"kF\0sa@b\0", b"").returncode, 64)
    same("an unknown field is an error", run(b"kF\0?x\0Ta\0\0").returncode, 64)
    same("the queue is full: try again", run(fields(*MESSAGE, *BOB), TEXT, "exit 53").returncode, 75)
    same("the queue refuses for good", run(fields(*MESSAGE, *BOB), TEXT, "cat >/dev/null; exit 31").returncode, 65)
    same("the queue crashes: try again", run(fields(*MESSAGE, *BOB), TEXT, "kill -9 $$").returncode, 75)
    env = dict(os.environ, QMAILQUEUE=BOX + "/missing")
    r = subprocess.run([BIN + "/queue-bounce"], input=fields(*MESSAGE, *BOB) + TEXT, env=env, stderr=subprocess.PIPE)
    same("no queue program: try again", r.returncode, 75)
    same("arguments are an error", subprocess.run([BIN + "/queue-bounce", "x"], stderr=subprocess.PIPE).returncode, 64)

    # ---- the real queue ----
    if os.path.exists(BIN + "/queue-inject") and os.path.exists(BIN + "/queue-init"):
        subprocess.run([BIN + "/queue-init", BOX + "/spool"], check=True)
        r = subprocess.run([BIN + "/queue-bounce"], input=sized(TEXT, *BOB) + TEXT, stderr=subprocess.PIPE)
        same("the notice is queued", (r.returncode, len(os.listdir(BOX + "/spool/new"))), (0, 1))
        ok("... and logged", b": notice=" in r.stderr, r.stderr)
    print("1..%d" % count)
finally:
    shutil.rmtree(BOX)
sys.exit(failed > 0)
