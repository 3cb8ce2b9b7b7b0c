#!/usr/bin/python3
"""Servers that misbehave: every class of reply at every step, garbage, replies without end or an octet at a
time, silence, hanging up. The right outcome for each recipient, in bounded time and memory."""
import concurrent.futures
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from remote import *        # noqa: F403,E402

if not os.access(PROGRAM, os.X_OK):
    print("1..0 # SKIP deliver-remote is not there")
    sys.exit(0)

HERE = "127.0.0.1[127.0.0.1]: "
MEMORY = 24 * 1024      # kilobytes of a deliver-remote at most
if os.environ.get("SAN") == "1":
    MEMORY *= 10
STEPS = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT")


def classes(step):
    """What may come instead of the right reply, and the verdict that is due."""
    early = step in ("CONNECT", "EHLO")     # no word on the message yet
    lost = "U" if early else "Z"
    final = "Z" if early else "D"
    yield "--reply", "%s=354 odd", "Z4.0.0" if step != "DATA" else "K2.0.0"
    yield "--reply", "%s=250 2.9.9 odd", "Z4.9.9" if step == "DATA" else "K2.9.9" if step == "DOT" else "K2.0.0"
    yield "--reply", "%s=450 4.9.9 later", "Z4.9.9"
    yield "--reply", "%s=450 later", "Z4.0.0"
    yield "--reply", "%s=550 5.9.9 no", "K2.0.0" if step == "EHLO" else final + ("5" if final == "D" else "4") + ".9.9"
    yield "--reply", "%s=421 4.3.2 closing", "Z4.3.2"
    yield "--reply", "%s=530 5.7.0 first STARTTLS", "K2.0.0" if step == "EHLO" else "Z4.7.0"
    yield "--reply", "%s=999 what", lost + "4.5.0"
    yield "--raw", "%s=250 ok\\nbare\\r\\n", lost + "4.5.0"
    yield "--raw", "%s=250-a\\r\\n251 b\\r\\n", lost + "4.5.0"
    yield "--raw", "%s=\\x00\\xff\\x1b[2J\\r\\n", lost + "4.5.0"
    yield "--raw", "%s=" + "x" * 70000 + "\\r\\n", lost + "4.5.0"
    yield "--drop", "%s", lost + "4.4.2"
    yield "--endless", "%s", lost + "4.5.0"


def slow_classes(step):
    lost = "U" if step in ("CONNECT", "EHLO") else "Z"
    yield "--hang", "%s", lost + "4.4.2"
    yield "--drip", "%s", lost + "4.4.2"


def one(p, scheme="smtp", *recipients):
    """A job of a process of its own: (verdicts, kilobytes)."""
    j = Jobs("-t", "2")
    v = j.ask(p.url(scheme), *recipients)
    with open("/proc/%d/status" % j.p.pid) as f:
        size = [int(x.split()[1]) for x in f if x.startswith("VmHWM")][0]
    j.sock.close()
    j.p.wait(WAIT)
    return v, size


def show(option, value):
    return "%s %s" % (option[2:], value.split("=")[-1].encode()[:30].decode("latin-1") if "=" in value else "")


# ---- one connection for each case, of one server ----

memory = 0
for offer in (("--offer", "PIPELINING"), ("--offer", "8BITMIME")):
    cases = [(step, option, value, due) for step in STEPS for option, value, due in classes(step)]
    options = [x for n, (step, option, value, due) in enumerate(cases, 1) for x in (option, "%d/" % n + value % step)]
    p = Peer(*offer, *options)
    for step, option, value, due in cases:
        before = p.messages()
        v, size = one(p)
        memory = max(memory, size)
        got = v[0][:6]
        ok(got == due and (due[0] != "K" or p.messages() == before + 1) and p.messages() <= before + 1,
           "%s, %s at %s: %s" % (offer[1], show(option, value), step, due)) or print("#      got: %r" % v[0])
    p.stop()
ok(memory < MEMORY, "... in bounded memory") or print("# %d kilobytes" % memory)

# ---- those that cost time, all at once ----


def slow(case):
    step, option, value, due = case
    p = Peer(option, value % step)
    start = time.monotonic()
    v, size = one(p)
    p.stop()
    return v[0], time.monotonic() - start


cases = [(step, option, value, due) for step in STEPS for option, value, due in slow_classes(step)]
with concurrent.futures.ThreadPoolExecutor(12) as pool:
    for (step, option, value, due), (v, seconds) in zip(cases, pool.map(slow, cases)):
        ok(v[:6] == due and seconds < 30, "%s at %s: %s, in bounded time" % (option[2:], step, due)) or print(
            "#      got: %r in %d s" % (v, seconds))
        if step == "DOT":
            ok(v.endswith(": no reply to the end of the text, so the message may arrive twice: no answer in time"),
               "... with the word that it may arrive twice")

# ---- several recipients ----

many = ("a@example.org", "b@example.org", "c@example.org")
for rule, due in (
        (("--reply", "RCPT:2=550 5.1.1 no", "--reply", "DATA=450 4.9.9 later"), ["Z4.9.9", "D5.1.1", "Z4.9.9"]),
        (("--reply", "RCPT:2=450 4.1.1 later", "--reply", "DOT=550 5.9.9 spam"), ["D5.9.9", "Z4.1.1", "D5.9.9"]),
        (("--reply", "RCPT:2=550 5.1.1 no", "--drop", "RCPT:3"), ["Z4.4.2", "D5.1.1", "Z4.4.2"]),
        (("--reply", "RCPT=550 5.1.1 no", "--reply", "DATA=354 go on"), ["D5.1.1"] * 3),
        (("--reply", "RCPT=550 5.1.1 no", "--reply", "DATA=550 5.5.1 nobody"), ["D5.1.1"] * 3),
        (("--reply", "MAIL=550 5.1.8 not from you"), ["D5.1.8"] * 3),
        (("--reply", "MAIL=550 5.1.8 not from you", "--drop", "RCPT"), ["D5.1.8"] * 3),
        (("--drop", "RCPT:2",), ["Z4.4.2"] * 3),
        (("--text", "20"), ["Z4.4.2"] * 3)):
    for offer in ("PIPELINING", "8BITMIME"):
        p = Peer("--offer", offer, *rule)
        v, size = one(p, "smtp", *many)
        same([x[:6] for x in v], due, "three recipients, %s, %s" % (offer, " ".join(rule)))
        p.stop()

for rule, due in ((("--drop", "DOT:2"), ["K2.0.0", "Z4.4.2", "Z4.4.2"]), (("--reply", "DOT:2=421 4.3.2 bye"), ["K2.0.0", "Z4.3.2"]),
                  (("--hang", "DOT:3"), ["K2.0.0", "K2.0.0", "Z4.4.2"]), (("--raw", "DOT:1=what\\r\\n"), ["Z4.5.0"] * 3)):
    p = Peer("--lmtp", *rule)
    v, size = one(p, "lmtp", *many)
    same([x[:6] for x in v][:len(due)], due, "LMTP, %s: who has got it has got it" % " ".join(rule))
    p.stop()

# ---- the next message ----

for rule in (("--reply", "1/RSET=421 4.3.2 bye"), ("--drop", "1/RSET"), ("--raw", "1/RSET=what\\r\\n"), ("--hang", "1/RSET")):
    p, j = Peer("--reply", "1/RCPT=550 5.1.1 no", *rule), Jobs("-t", "2")
    same((j.ask(p.url())[0][0], j.ask(p.url())[0][0], len(p.clients())), ("D", "K", 2),
         "%s: the next message takes another connection" % " ".join(rule))
    j.end()
    p.stop()
for rule in (("--drop", "QUIT"), ("--hang", "QUIT"), ("--endless", "QUIT")):
    p, j = Peer(*rule), Jobs("-t", "2")
    same((j.ask(p.url())[0][0], j.end()), ("K", 0), "%s: nobody minds" % " ".join(rule))
    p.stop()
p, j = Peer("--drop", "1/DOT"), Jobs()
v = j.ask(p.url())[0]
same(v, "Z4.4.2 " + HERE + "no reply to the end of the text, so the message may arrive twice: the server hung up",
     "a server that vanishes behind the final dot: try again, and the log says what may come of it")
same((j.ask(p.url())[0][0], p.messages()), ("K", 2), "... the next attempt delivers")
j.end()
p.stop()
p, j = Peer("--reply", "1/DOT=421 4.3.2 going down"), Jobs()
j.send(p.url())
j.send(p.url())
same([j.verdicts()[0][0] for n in range(2)], ["Z", "K"], "421 ends the connection; the next job has another")
j.end()
p.stop()

finish()
