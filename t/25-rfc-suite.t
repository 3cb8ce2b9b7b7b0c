#!/bin/sh
# smtp-recv against RFC 5321, 1870, 2034, 2920, 3030, 3461, 6152 and 6531: each verb in
# each state, each form of an address and of a parameter, with the reply that it must
# get, its enhanced code, and what is in the queue afterwards.
. "$(dirname "$0")/lib.sh"
need tcpserver smtp-recv queue-inject

sandbox
start_tcpserver
conf <<EOF
listen on 127.0.0.1 port $PORT hostname mail.example.org
limit session max-rcpt 100
$(users_table)
accept from any for domain "mail.example.org" userbase <users> deliver to maildir
accept from any for domain { "example.org", "[127.0.0.1]", "xn--bcher-kva.example" } relay
EOF
cat >"$SANDBOX/suite.py" <<'END'
import glob, os, re, socket, sys

PORT, SPOOL = int(sys.argv[1]), sys.argv[2]


def ok(fact, what, *more):
    print("%s %s" % ("ok" if fact else "not", what.replace("\n", " ")), flush=True)
    if not fact:
        for m in more:
            print("# %r" % (m,), flush=True)


class Session:
    def __init__(self, *commands):
        self.s = socket.create_connection(("127.0.0.1", PORT), 20)
        self.f = self.s.makefile("rb")
        self.flaws = []
        self.reply(greeting=True)
        for c in commands:
            self.ask(c)

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))

    def line(self):
        line = self.f.readline()
        if line and (not line.endswith(b"\r\n") or len(line) > 512 or b"\n" in line[:-1] or b"\r" in line[:-2]):
            self.flaws.append(line)
        return line

    def reply(self, greeting=False):
        """One reply, held against RFC 5321 4.2 and RFC 2034: (code, enhanced code or "", text of the lines)."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        if not lines[0]:
            return (0, "", "")
        code = int(lines[0][:3])
        texts = [l[4:].rstrip(b"\r\n").decode() for l in lines]
        found = [re.match(r"([245])\.\d{1,3}\.\d{1,3}( |$)", t) for t in texts]
        if len({l[:3] for l in lines}) > 1:
            self.flaws.append(lines)
        # Every reply of 2xx, 4xx and 5xx but the greeting and those to HELO and EHLO, on every line, of the same class.
        bare = code // 100 == 3 or (greeting and code == 220) or (self.is_hello and code == 250)
        if not bare and not all(m and m.group(1) == str(code)[0] for m in found):
            self.flaws.append(lines)
        return (code, found[0].group(0).strip() if found[0] and not bare else "", "\n".join(texts))

    is_hello = False

    def ask(self, command):
        self.is_hello = command[:4].upper() in ("EHLO", "HELO", b"EHLO", b"HELO")
        self.send(command if isinstance(command, bytes) else command + "\r\n")
        r = self.reply()
        self.is_hello = False
        return r

    def close(self):
        self.s.close()


def expect(session, command, code, what, enhanced=None):
    r = session.ask(command)
    ok(r[0] == code and (enhanced is None or r[1] == enhanced), what, command, r)
    return r


def queued():
    """The texts in the queue, oldest first; they are taken away."""
    texts = []
    for path in sorted(glob.glob(SPOOL + "/new/*"), key=os.path.getmtime):
        size = int(path.rsplit("=", 1)[1])
        with open(path, "rb") as f:
            data = f.read()
        texts.append((data[:size], data[size:].split(b"\0")))
        os.unlink(path)
    return texts


FLAWS = []
HELLO, MAIL, RCPT = "EHLO client.example", "MAIL FROM:<a@example.net>", "RCPT TO:<b@example.org>"

# ---- each verb in each state (RFC 5321 4.1.4) ----

STATES = {"at first": (), "after EHLO": (HELLO,), "after MAIL": (HELLO, MAIL), "after RCPT": (HELLO, MAIL, RCPT)}
MATRIX = {   # at first, after EHLO, after MAIL, after RCPT
    "EHLO x.example": (250, 250, 250, 250), "HELO x.example": (250, 250, 250, 250),
    MAIL: (503, 250, 503, 503), RCPT: (503, 503, 250, 250), "DATA": (503, 503, 503, 354),
    "RSET": (250, 250, 250, 250), "NOOP": (250, 250, 250, 250), "NOOP words": (250, 250, 250, 250),
    "VRFY b": (252, 252, 252, 252), "EXPN list": (502, 502, 502, 502), "HELP": (214, 214, 214, 214),
    "HELP MAIL": (214, 214, 214, 214), "QUIT": (221, 221, 221, 221), "ETRN x": (500, 500, 500, 500),
    "TURN": (500, 500, 500, 500), "BDAT 3 LAST": (502, 502, 502, 502), "": (500, 500, 500, 500),
}
for verb, codes in MATRIX.items():
    wrong = []
    for (state, before), code in zip(STATES.items(), codes):
        s = Session(*before)
        r = s.ask(verb)
        if r[0] != code:
            wrong.append((state, r, "expected", code))
        FLAWS += s.flaws
        s.close()
    ok(not wrong, "%s in each state" % (verb or "an empty line"), *wrong)

s = Session(HELLO, MAIL, RCPT, "MAIL FROM:<other@example.net>")
expect(s, RCPT, 250, "a refused MAIL leaves the transaction as it was")
expect(s, "EHLO again.example", 250, "EHLO ends the transaction")
expect(s, RCPT, 503, "... of which nothing is left", "5.5.1")
expect(s, "EHLO not_a domain!", 501, "EHLO with nonsense")
expect(s, MAIL, 250, "... changes nothing")
expect(s, "RSET", 250, "RSET ends the transaction", "2.0.0")
expect(s, "RSET now", 501, "RSET has no arguments", "5.5.4")
expect(s, MAIL, 250, "after RSET a new one may begin", "2.1.0")
expect(s, RCPT, 250, "... with recipients", "2.1.5")
expect(s, "DATA now", 501, "DATA has no arguments", "5.5.4")
FLAWS += s.flaws

for name in "client.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "client_1.example", "localhost", "1":
    s = Session()
    expect(s, "EHLO " + name, 250, "EHLO %s" % name)
    s.close()
for name in "", "two names", "client.example;x", "a" * 256, "b\u00fccher.example":
    s = Session()
    expect(s, ("EHLO " + name).rstrip(), 501, "EHLO %.20s: refused" % (name or "without a name"))
    s.close()

# ---- addresses (RFC 5321 4.1.2, 4.1.3, RFC 6531) ----

s = Session(HELLO)
for path in ("<>", "<a@example.net>", "<A.B+c@Example.NET>", '<"a b"@example.net>', '<"a\\"b"@example.net>', "<a@[192.0.2.1]>",
             "<a@[IPv6:2001:db8::1]>", "<@relay.example:a@example.net>", "<@one.example,@two.example:a@example.net>",
             "<!#$%&'*+-/=?^_`{|}~@example.net>", "<" + "a" * 64 + "@example.net>",
             "<a..b@example.net>", "<a.@example.net>"):   # the last two are none, but there are hosts that have such users
    r = s.ask("MAIL FROM:" + path)
    ok(r[0] == 250, "MAIL FROM:%.60s" % path, r)
    s.ask("RSET")
r = s.ask("MAIL FROM: <a@example.net>"); ok(r[0] == 250, "a blank behind the colon is forgiven", r); s.ask("RSET")
r = s.ask("mail from:<a@example.net> size=100 body=7bit"); ok(r[0] == 250, "case does not matter, in parameters too", r)
FLAWS += s.flaws
s.close()

BAD = ("a@example.net", "<a@example.net", "a@example.net>", "<a b@example.net>", "<a@>", "<@example.net>", "<a@b@example.net>",
       "<a@-example.net>", "<a@b..example.net>", "<a@exa mple.net>", "<a@[192.0.2.256]>", "<a@[x]>",
       '<"a@example.net>', "<a@example.net>x", "<a,b@example.net>", "<" + "a" * 400 + "@example.net>", "")
wrong = []
for i in range(0, len(BAD), 8):
    s = Session(HELLO)
    for path in BAD[i:i + 8]:
        r = s.ask("MAIL FROM:" + path)
        if r[0] != 501 or r[1] not in ("5.1.7", "5.5.4"):
            wrong.append((path, r))
            s.ask("RSET")
    FLAWS += s.flaws
    s.close()
ok(not wrong, "what is no reverse-path is refused with 501 5.1.7 or 5.5.4", *wrong)
wrong = []
for i in range(0, len(BAD), 8):
    s = Session(HELLO, MAIL)
    for path in BAD[i:i + 8] + ("<>",) * (i == 0):
        r = s.ask("RCPT TO:" + path)
        if r[0] != 501 or r[1] not in ("5.1.3", "5.5.4"):
            wrong.append((path, r))
    FLAWS += s.flaws
    s.close()
ok(not wrong, "... no recipient, with 501 5.1.3 or 5.5.4; <> is none", *wrong)

s = Session(HELLO, MAIL)
expect(s, "RCPT TO:<Postmaster>", 250, "postmaster without domain (RFC 5321 4.5.1)", "2.1.5")
expect(s, "RCPT TO:<@relay.example:b@example.org>", 250, "a source route is not followed")
expect(s, "RCPT TO:<b@EXAMPLE.ORG>", 250, "a domain in capitals")
expect(s, "RCPT TO:<b@elsewhere.example>", 550, "somebody else's", "5.7.1")
expect(s, "RCPT TO:<b\u00fc@example.org>", 553, "an international address needs SMTPUTF8", "5.6.7")
s.ask("DATA"); s.send("Subject: x\r\n\r\n.\r\n"); s.reply(); FLAWS += s.flaws
s.close()
text, fields = queued()[0]
ok([f for f in fields if f[:1] == b"T"] == [b"TPostmaster@mail.example.org", b"Tb@example.org", b"Tb@EXAMPLE.ORG"],
   "... and the envelope holds what was meant", fields)

# ---- parameters (RFC 1870, 3461, 6152, 6531) ----

CASES = (
    ("", "SIZE=0", 250, None), ("", "SIZE=36700160", 250, None), ("", "SIZE=36700161", 552, "5.3.4"),
    ("", "SIZE=99999999999999999999", 552, "5.3.4"), ("", "SIZE=-1", 501, "5.5.4"), ("", "SIZE=", 501, "5.5.4"),
    ("", "SIZE", 501, "5.5.4"), ("", "SIZE=1 SIZE=1", 501, "5.5.4"), ("", "BODY=8BITMIME", 250, None),
    ("", "BODY=BINARYMIME", 501, "5.5.4"), ("", "BODY=7BIT BODY=8BITMIME", 501, "5.5.4"), ("", "SMTPUTF8", 250, None),
    ("", "SMTPUTF8=1", 501, "5.5.4"), ("", "RET=FULL ENVID=QQ314159", 250, None), ("", "RET=ALL", 501, "5.5.4"),
    ("", "ENVID=" + "x" * 101, 501, "5.5.4"), ("", "ENVID=a+zz", 501, "5.5.4"), ("", "FUTURE=1", 555, "5.5.4"),
    ("", "AUTH=<>", 555, "5.5.4"), ("", "=", 501, "5.5.4"), ("", "-A=1", 501, "5.5.4"),
    ("r", "NOTIFY=NEVER", 250, None), ("r", "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@example.org", 250, None),
    ("r", "NOTIFY=NEVER,DELAY", 501, "5.5.4"), ("r", "NOTIFY=NEVER NOTIFY=NEVER", 501, "5.5.4"), ("r", "ORCPT=b", 501, "5.5.4"),
    ("r", "ORCPT=rfc822;a+zz", 501, "5.5.4"), ("r", "SIZE=1", 555, "5.5.4"),
)
wrong = []
for i, (kind, parameters, code, enhanced) in enumerate(CASES):
    s = Session(HELLO, *([MAIL] if kind else []))
    r = s.ask((RCPT if kind else MAIL) + " " + parameters)
    if r[0] != code or (enhanced and r[1] != enhanced):
        wrong.append((parameters, r, code, enhanced))
    FLAWS += s.flaws
    s.close()
ok(not wrong, "parameters: what is known, what is nonsense, what is there twice, what is unknown", *wrong)
s = Session("HELO client.example")
expect(s, MAIL + " SIZE=1", 555, "after HELO there are no parameters", "5.5.4")
s.close()

# ---- pipelining (RFC 2920) ----

GROUP = "RSET\r\n" + MAIL + "\r\n" + RCPT + "\r\nRCPT TO:<no@elsewhere.example>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n"


def pipelined(send):
    s = Session(HELLO)
    send(s, GROUP)
    got = [s.reply()[0] for n in range(6)]
    send(s, "Subject: p\r\n\r\ntext\r\n.\r\n" + MAIL + "\r\n" + RCPT + "\r\nNOOP\r\nRSET\r\nQUIT\r\n")
    got += [s.reply()[0] for n in range(6)]
    got.append(s.f.read())
    FLAWS.extend(s.flaws)
    s.close()
    return got


WANT = [250, 250, 250, 550, 250, 354, 250, 250, 250, 250, 250, 221, b""]
got = pipelined(lambda s, data: s.send(data))
ok(got == WANT, "a group in one packet: each reply, in order", got)


def octets(s, data):
    s.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for c in data:
        s.send(c)


got = pipelined(octets)
ok(got == WANT, "... octet by octet: the same", got)
ok([t.split(b"\n\n", 1)[1] for t, e in queued()] == [b"text\n"] * 2, "... and the same messages")

s = Session(HELLO)
s.send("NOOP\r\n" * 90 + MAIL + "\r\n" + (RCPT + "\r\n") * 95 + "DATA\r\n")
got = [s.reply()[0] for n in range(187)]
ok(got == [250] * 186 + [354], "a group larger than a reply buffer", got)
s.send("Subject: x\r\n\r\n" + "x" * 70 + "\r\n.\r\n" + "QUIT\r\n")
ok([s.reply()[0], s.reply()[0]] == [250, 221], "... up to its end")
FLAWS += s.flaws
s.close()
queued()

s = Session(HELLO, MAIL)
s.send("RCPT TO:<no@elsewhere.example>\r\nDATA\r\n")
ok([s.reply()[0], s.reply()[:2]] == [550, (554, "5.5.1")], "DATA behind refused recipients is refused: nothing is waiting for a text")
expect(s, "NOOP", 250, "... and the session goes on")
s.close()
s = Session(HELLO, MAIL, RCPT)
s.send("BDAT 24 LAST\r\nMAIL FROM:<x@example.net>\r\n")
ok(s.reply()[0] == 502 and s.reply()[0] in (554, 0), "the piece behind a refused BDAT is not read as commands")
s.close()

# ---- texts (RFC 5321 4.5.2, RFC 6152, RFC 6531) ----


def message(text, mail=MAIL, rcpt=RCPT):
    s = Session(HELLO, mail, rcpt)
    r = s.ask("DATA")
    if r[0] == 354:
        s.send(text + b".\r\n")
        r = s.reply()
    FLAWS.extend(s.flaws)
    s.close()
    return r, [t for t, e in queued()]


def body_of(texts):
    return texts[0].split(b"\n\n", 1)[1] if texts else None


H = b"Subject: x\r\n\r\n"
for what, sent, stored in (
        ("a line of one dot is sent as two", b"..\r\n...\r\n", b".\n..\n"), ("no text at all", b"", b""),
        ("empty lines at the end", b"x\r\n\r\n\r\n", b"x\n\n\n"), ("octets over 127", bytes(range(128, 256)) + b"\r\n", bytes(range(128, 256)) + b"\n"),
        ("control octets", b"\x01\x08\x0b\x0c\x1b\x7f\r\n", b"\x01\x08\x0b\x0c\x1b\x7f\n"), ("a line of 998 octets", b"y" * 998 + b"\r\n", b"y" * 998 + b"\n"),
        ("a tab and blanks at the ends", b" \t x \t \r\n", b" \t x \t \n")):
    r, texts = message(H + sent)
    ok(r[0] == 250 and body_of(texts) == stored, "text: %s" % what, r, texts)
r, texts = message(b"no header\r\n")
ok(r[0] == 250 and texts[0].endswith(b"\nno header\n"), "text: without any header", r, texts)
for what, sent, enhanced in (("NUL", b"a\0b\r\n", "5.6.0"), ("bare LF", b"a\nb\r\n", "5.6.11"), ("bare CR", b"a\rb\r\n", "5.6.11"),
                             ("a line of 999 octets", b"y" * 999 + b"\r\n", "5.6.0")):
    r, texts = message(H + sent)
    ok(r[:2] == (550, enhanced) and texts == [], "text: %s is refused" % what, r, texts)
r, texts = message(H + "\u00fc\r\n".encode(), MAIL[:-1] + "> BODY=8BITMIME SMTPUTF8", "RCPT TO:<b\u00fc@example.org>")
ok(r[0] == 250 and b"with UTF8SMTP" in texts[0], "SMTPUTF8: an international recipient is taken, and the trace says UTF8SMTP", r, texts)
ok(texts and b"b\xc3\xbc@example.org" in texts[0], "... with the address in it as it is", texts)
s = Session(HELLO, MAIL + " SMTPUTF8")
r = s.ask(b"RCPT TO:<b\xfc@example.org>\r\n")
ok(r[:2] == (501, "5.1.3"), "... but not what is not UTF-8", r)
s.close()

# ---- the end ----

s = Session(HELLO, MAIL, RCPT)
r = s.ask("QUIT")
ok(r[:2] == (221, "2.0.0") and s.f.read() == b"", "QUIT: 221, and the connection is closed")
ok(queued() == [], "... and an open transaction is dropped")
ok(not FLAWS, "every reply: CRLF, 512 octets, one code on all lines, an enhanced code of its class", *FLAWS[:5])
END
$PYTHON "$SANDBOX/suite.py" "$PORT" "$SPOOL" >"$SANDBOX/results" 2>"$SANDBOX/error" ||
	{ fail 'the suite ran to its end'; note_file "$SANDBOX/error"; }
while read -r verdict what; do
	case $verdict in
	ok) pass "$what" ;;
	not) fail "$what" ;;
	*) echo "$verdict $what" ;;
	esac
done <"$SANDBOX/results"
done_testing
