#!/usr/bin/python3
"""deliver-remote hands messages to servers that behave."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from remote import *        # noqa: F403,E402

if not os.access(PROGRAM, os.X_OK):
    print("1..0 # SKIP deliver-remote is not there")
    sys.exit(0)


# ---- by hand, as qmail-remote ----

p = Peer("--reply", "RCPT:bad@example.org=550 5.1.1 no such user", "--reply", "RCPT:full@example.org=452 4.2.2 full")
got, log = hand(p.url(), "bob@example.org", "bad@example.org", "full@example.org", text=b"Subject: x\n\n.dot\nno end")
same(got, ["r2.0.0 127.0.0.1[127.0.0.1]: 250 2.0.0 taken", "h5.1.1 127.0.0.1[127.0.0.1]: 550 5.1.1 no such user",
           "s4.2.2 127.0.0.1[127.0.0.1]: 452 4.2.2 full", "K2.0.0 127.0.0.1[127.0.0.1]: 250 2.0.0 taken"],
     "by hand: a report for each recipient, then one for the message, each quoting the server")
same(p.message(), b"Subject: x\r\n\r\n.dot\r\nno end\r\n", "the text arrives with CRLF, its dot, and an end")
same([x for x in p.log() if x.startswith("2 ")], ["2 " + x for x in p.log() if x.startswith("2 ") for x in [x[2:]]],
     "the second transaction, for who was one too many, goes over the same connection")
p.stop()

p = Peer("--reply", "RCPT=550 5.1.1 no such user")
got, log = hand(p.url(), "a@example.org", "b@example.org")
same([x[0] for x in got], ["h", "h", "D"], "nobody accepted, all for good: D")
same(p.messages(), 0, "... and no text was sent")
p.stop()

p = Peer("--reply", "RCPT:a@example.org=550 5.1.1 no", "--reply", "RCPT:b@example.org=450 4.2.0 later")
same([x[0] for x in hand(p.url(), "a@example.org", "b@example.org")[0]], ["h", "s", "Z"],
     "nobody accepted, some for now: Z")
p.stop()

p = Peer()
hand(p.url(), 'john smith@example.org', sender="#@[]")
ok("1 MAIL FROM:<> BODY=8BITMIME" in p.log(), "qmail's #@[] goes out as the null reverse-path")
ok('1 RCPT TO:<"john smith"@example.org>' in p.log(), "a local part that needs quotes gets them")
got, log = hand(p.url(), "a\r\nDATA@example.org")
same([x[:6] for x in got], ["h5.1.3", "D5.1.3"], "an address with a line end is sent to nobody")
p.stop()

with open(os.path.join(DIR, "file"), "wb") as f:
    f.write(b"not this\n" + TEXT)
p = Peer()
with open(os.path.join(DIR, "file"), "rb", buffering=0) as f:
    f.read(9)
    subprocess.run([PROGRAM, p.url(), "a@example.org", "b@example.org"], stdin=f, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env=ENV)
same(p.message(), TEXT.replace(b"\n", b"\r\n"), "of a file on fd 0 what is unread is the message")
p.stop()

# ---- extensions ----

p = Peer("--reply", "EHLO=502 5.5.1 what")
same(hand(p.url())[0][0][0], "r", "EHLO refused: HELO")
ok("1 MAIL FROM:<anna@example.com>" in p.log(), "... and then no parameters")
p.stop()

p = Peer("--offer", "SIZE 1000000")
hand(p.url(), text=TEXT)
ok("1 MAIL FROM:<anna@example.com> SIZE=%d" % len(TEXT.replace(b"\n", b"\r\n")) in p.log(),
   "SIZE says how long the text is on the wire")
p.stop()

p = Peer("--offer", "SIZE 10")
got, log = hand(p.url())
ok(got[0].startswith("h5.3.4 "), "a server that takes less than the message has fails it for good: 5.3.4")
ok(not [x for x in p.log() if "MAIL" in x], "... without a transaction")
p.stop()

p = Peer("--offer", "SIZE 0")
same(hand(p.url())[0][0][0], "r", "SIZE 0 is no limit")
p.stop()

p = Peer("--offer", "DSN")
hand(p.url(), text=b"Subject: x\n\nz\xc3\xbcrich\n")
ok([x for x in p.log() if "MAIL FROM" in x and "BODY" not in x], "no BODY is asked of a server without 8BITMIME")
same(p.message(), b"Subject: x\r\n\r\nz\xc3\xbcrich\r\n", "... which gets the octets as they are")
p.stop()

p = Peer("--offer", "SMTPUTF8", "--offer", "8BITMIME")
hand(p.url(), "b\u00fcro@example.org")
ok("1 MAIL FROM:<anna@example.com> BODY=8BITMIME SMTPUTF8" in p.log(), "an international recipient asks for SMTPUTF8")
p.stop()

p = Peer()
got, log = hand(p.url(), "b\u00fcro@example.org", "bob@example.org")
same([x[:6] for x in got], ["h5.6.7", "r2.0.0", "K2.0.0"],
     "where SMTPUTF8 is not offered an international recipient fails with 5.6.7, the others do not")
got, log = hand(p.url(), sender="b\u00fcro@example.com")
same(got[0][:6], "h5.6.7", "... and so does all with an international sender")
j = Jobs()
same(j.ask(p.url(), text="Subject: \u00fc\n\n".encode(), smtputf8=1)[0][:6], "D5.6.7", "... or header, if its client said so")
same(j.ask(p.url(), text="Subject: \u00fc\n\n".encode())[0][:6], "K2.0.0", "... but not a header of 8 bits by mere habit")
j.end()
p.stop()

# ---- jobs ----

j, p = Jobs(), Peer("--offer", "DSN")
same(j.ask(p.url(), ("a@example.org", "sd", "rfc822;x@example.org"), ("b@example.org", "never", ""), "c@example.org"),
     ["P2.0.0 127.0.0.1[127.0.0.1]: 250 2.0.0 taken"] * 3, "a job of the runner has a verdict for each recipient")
same([x[2:] for x in p.log() if "RCPT" in x],
     ["RCPT TO:<a@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x@example.org",
      "RCPT TO:<b@example.org> NOTIFY=NEVER", "RCPT TO:<c@example.org>"], "NOTIFY and ORCPT are passed on")
j.ask(p.url(), ret="HDRS", envid="QQ314159")
ok("1 MAIL FROM:<anna@example.com> RET=HDRS ENVID=QQ314159" in p.log(), "... and so are RET and ENVID")
same(p.message(), TEXT.replace(b"\n", b"\r\n"), "the text stops at its length")
for n in range(4):
    j.ask(p.url())
same({x[0] for x in p.log()}, {"1"}, "one connection serves many messages")
same(len([x for x in p.log() if x == "1 RSET"]), 0, "... without RSET")
j.ask(p.url(), size=5)
same(p.message(7), b"Subje\r\n", "a shorter length, a shorter text")
same(j.ask(p.url(), size=1000)[0][:6], "Z4.3.0", "a file shorter than the length is deferred, whole")
same(p.messages(), 7, "... and nothing arrives of it")
same(j.end(), 0, "at the end of file of the runner's socket it ends with 0")
ok(wait_for(lambda: any(x.endswith("QUIT") for x in p.log())), "... and has taken leave of the server")
p.stop()

p, q, j = Peer(), Peer(), Jobs()
j.ask(p.url())
j.ask(q.url())
j.ask(p.url())
same(sorted({x[0] for x in p.log()}), ["1", "2"], "a job for elsewhere ends the connection")
ok("1 QUIT" in p.log(), "... with QUIT")
j.end()
p.stop(), q.stop()

p, j = Peer("--reply", "1/RCPT=550 5.1.1 no"), Jobs()
same([j.ask(p.url())[0][0] for n in range(3)], ["D", "D", "D"], "refused recipients fail")
same([x for x in p.log() if x.endswith("RSET")], ["1 RSET"] * 2, "... and RSET comes before the next transaction")
j.end()
p.stop()

p, j = Peer("--reply", "RCPT:bad@example.org=550 no", "--reply", "1/RSET=500 what"), Jobs()
j.ask(p.url(), "bad@example.org")
same(j.ask(p.url())[0][0], "K", "where RSET is refused a new connection is made")
same(sorted({x[0] for x in p.log()}), ["1", "2"], "... one")
j.end()
p.stop()

p, j = Peer("--messages", "2"), Jobs()
same([j.ask(p.url())[0][0] for n in range(5)], ["K"] * 5, "a server that hangs up after two messages gets them all")
same(sorted({x[0] for x in p.log()}), ["1", "2", "3"], "... over three connections")
same(p.messages(), 5, "... and none twice")
j.end()
p.stop()

p, j = Peer(), Jobs()
many = ["r%d@example.org" % n for n in range(250)]
same(j.ask(p.url(), *many), ["K2.0.0 127.0.0.1[127.0.0.1]: 250 2.0.0 taken"] * 250, "250 recipients are all delivered to")
same((p.messages(), {x[0] for x in p.log()}), (3, {"1"}), "... in three transactions over one connection")
same([x[2:].split("<")[1][:-1] for x in p.log() if "RCPT" in x], many, "... each named once, in order")
j.end()
p.stop()

p, j = Peer("--reply", "RCPT:4=452 4.5.3 too many", "--reply", "RCPT:5=552 too many"), Jobs()
same([v[0] for v in j.ask(p.url(), *many[:8])], ["K"] * 8, "too many recipients: the rest goes in further transactions")
j.end()
p.stop()

p, j = Peer(), Jobs()
for n in range(101):
    j.ask(p.url())
same(sorted({x[0] for x in p.log()}), ["1", "2"], "after 100 transactions a new connection is made")
j.end()
p.stop()

# ---- what a relay says ----

p, j = Peer(), Jobs()
j.ask(param(p.url(), source=["127.0.0.2", "127.0.0.3", "::2"], session_mail_max=1, name="127.0.0.3,three.example.com"))
for n in range(3):
    j.ask(param(p.url(), source=["127.0.0.2", "127.0.0.3", "::2"], session_mail_max=1, name="127.0.0.3,three.example.com"))
came = p.clients()
ok(set(came) == {"127.0.0.2", "127.0.0.3"} and came[0] == came[2] != came[1] == came[3],
   "sources of the server's family are used in turn")
same([x[2:] for x in p.log() if "EHLO" in x],
     ["EHLO " + {"127.0.0.2": "helo.example.com", "127.0.0.3": "three.example.com"}[x] for x in came],
     "... each with its own name, or the one for all")
same(j.ask(param(p.url(), source="2001:db8::1"))[0],
     "U4.4.1 127.0.0.1[127.0.0.1]: the sources of smtpd.conf have no address of its kind",
     "a server of another family than all sources is not reached")
same(j.ask(param(p.url(), source="192.0.2.1"))[0],
     "U4.4.1 127.0.0.1[127.0.0.1]: Cannot assign requested address, from 192.0.2.1",
     "... nor one from a source that is not ours, and the reason names it")
j.end()
p.stop()

p, j = Peer(), Jobs()
for n, (rule, path, expected) in enumerate((
        ("@example.net", "anna@example.com", "anna@example.net"), ("info", "anna@example.com", "info@mail.example.com"),
        ("info@example.net", "anna@example.com", "info@example.net"), ("info@example.net", "", ""),
        ("@example.net", "anna", "anna@example.net"), ("@example.net", '"a@b"@example.com', '"a@b"@example.net'))):
    j.ask(param(p.url(), **{"as": rule}), sender=path)
    same([x.split("<")[1].split(">")[0] for x in p.log() if "MAIL" in x][n], expected,
         "as %s: <%s> becomes <%s>" % (rule, path, expected))
j.end()
p.stop()

p, j = Peer("--reply", "RCPT:bad@example.org=550 no"), Jobs()
for n in range(4):
    j.ask(param(p.url(), max_failures_per_session=2), "bad@example.org")
same(p.log().count("2 QUIT") + p.log().count("1 QUIT"), 1, "after so many failures a new connection is made")
j.end()
p.stop()

p, j = Peer(), Jobs()
for n in range(4):
    j.ask(param(p.url(), session_mail_max=2))
same(len(p.clients()), 2, "session-mail-max messages go over one connection")
j.end()
start = time.monotonic()
j = Jobs()
for n in range(2):
    j.ask(param(p.url(), session_transaction_delay=2))
ok(time.monotonic() - start >= 2, "session-transaction-delay lies between two messages")
same(len(p.clients()), 3, "... of one connection")
j.end()
j = Jobs()
j.ask(param(p.url(), session_keepalive=1))
same(j.p.wait(WAIT), 0, "after session-keepalive seconds without a job the session ends, and the process")
ok(wait_for(lambda: p.log()[-1] == "4 QUIT"), "... with QUIT")
j = Jobs()
j.ask(param(p.url(), session_keepalive=0))
ok(wait_for(lambda: p.log()[-1] == "5 QUIT"), "session-keepalive 0: at once")
same(j.ask(p.url())[0][0], "K", "... but the process takes jobs")
j.end()
same(Jobs().ask("host=127.0.0.1 colour=red")[0], "Z4.3.5 The job's destination is none: runner and deliver-remote are "
     "of different versions", "a param of another version is no reason to bounce")
p.stop()

# ---- nobody there ----

p, j = Peer(), Jobs()
gone = p.url()
p.stop()
same(j.ask(gone), ["U4.4.1 127.0.0.1[127.0.0.1]: Connection refused"], "where nobody answers the runner hears so: U")
j.end()
same([x[:6] for x in hand(gone)[0]], ["s4.4.1", "Z4.4.1"], "... and by hand it is to be tried again")
for option, code, what in (("--drop", "U4.4.2", "hangs up without a word"), ("--hang", "U4.4.2", "says nothing"),
                           ("--reply", "Z4.3.2", "is too busy"), ("--raw", "U4.5.0", "speaks something else")):
    value = {"--reply": "CONNECT=421 4.3.2 later", "--raw": "CONNECT=SSH-2.0-x\\r\\n"}.get(option, "CONNECT")
    p, j = Peer(option, value), Jobs("-t", "1")
    same(j.ask(p.url())[0][:6], code, "a server that %s: %s" % (what, code))
    j.end()
    p.stop()
p, j = Peer("--reply", "CONNECT=554 5.7.1 your address is on a list"), Jobs()
same(j.ask(p.url())[0], "Z4.7.1 127.0.0.1[127.0.0.1]: 554 5.7.1 your address is on a list",
     "a server that does not want us is there, and the message waits")
j.end()
p.stop()

# ---- LMTP ----

p, j = Peer("--lmtp", "--reply", "DOT:b@example.org=550 5.2.2 full", "--reply", "DOT:c@example.org=451 4.3.0 later"), Jobs()
same([v[:6] for v in j.ask(p.url("lmtp"), "a@example.org", "b@example.org", "c@example.org")],
     ["K2.0.0", "D5.2.2", "Z4.3.0"], "LMTP: each recipient has its own reply to the text")
ok(any(x.startswith("1 LHLO ") for x in p.log()), "... after LHLO")
j.end()
p.stop()

# ---- a large text ----

p = Peer()
big = b"Subject: big\n\n" + b"".join(b".%d %s\n" % (n, b"x" * 70) for n in range(200000)) + b"y" * 3000
got, log = hand(p.url(), text=big)
same(got[0][0], "r", "a text of 15 MB arrives")
ok(p.message()[:-4000] == big.replace(b"\n", b"\r\n")[:len(p.message()) - 4000], "... as it was")
ok(max(len(x) for x in p.message()[-4000:].split(b"\r\n")) <= 998, "... its long line folded")
p.stop()

finish()
