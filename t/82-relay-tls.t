#!/usr/bin/python3
"""deliver-remote speaks TLS as its relay wants it, verifies as told, and says who it is only then."""
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from remote import *        # noqa: F403,E402

if not os.access(PROGRAM, os.X_OK) or not shutil.which("openssl"):
    print("1..0 # SKIP deliver-remote or openssl is not there")
    sys.exit(0)

CERTS = certificates("""
name=DNS:localhost
EC='ec -pkeyopt ec_paramgen_curve:P-256'
make_authority ours $EC
make_authority other $EC
make_certificate good ours $name $EC
make_certificate wild ours DNS:*.example.org $EC
make_certificate elsewhere ours DNS:elsewhere.example $EC
make_certificate expired ours $name $EC -- -startdate 20200101000000Z -enddate 20200131000000Z
make_certificate early ours $name $EC -- -startdate 20980101000000Z -enddate 20990101000000Z
make_certificate stranger other $name $EC
make_certificate middle ours '' $EC -- -extensions middle
make_certificate leaf middle $name $EC
make_certificate client ours DNS:client.example.org $EC
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=$name \
	-keyout "$CERTS/self.key" -out "$CERTS/self.pem" 2>>"$CERTS/said"
cat "$CERTS/leaf.pem" "$CERTS/middle.pem" "$CERTS/leaf.key" >"$CERTS/chain.both"
chmod 600 "$CERTS"/*.key
""")


def pem(name):
    return os.path.join(CERTS, name)


CA = pem("ours.pem")


def url(p, scheme):
    """By name: no certificate can be verified for an address."""
    return p.url(scheme, "localhost")


def once(p, scheme, *args, words=None, **kw):
    """One job of a process of its own: (verdict, log)."""
    j = Jobs("-t", "20", *kw.pop("options", ()), **{k: kw.pop(k) for k in ("credentials", "hangs") if k in kw})
    v = j.ask(param(url(p, scheme), inet4=1, **(words or {})), *args, **kw)[0]
    j.sock.close()
    j.p.wait(WAIT)
    return v, j.said()


# ---- whether there is TLS ----

p = Peer("--tls", pem("self.both"))
v, log = once(p, "smtp+tls")
same(v[0], "K", "where STARTTLS is offered it is used, with any certificate")
ok(" mta tls relay=localhost[127.0.0.1] ciphers=TLSv1.2:TLS_ECDHE_" in log and " verify=off " in log,
   "... and the log has protocol and cipher, and that nothing was verified")
same([x[2:] for x in p.log() if "MAIL" not in x and "RCPT" not in x][:4],
     ["EHLO helo.example.com", "STARTTLS", "EHLO helo.example.com", "DATA"], "... after a second EHLO")
v, log = once(p, "smtp")
ok(v[0] == "K" and "mta tls" not in log, "smtp:// does without")
p.stop()

p = Peer()
v, log = once(p, "smtp+tls")
ok(v[0] == "K" and "mta tls" not in log, "smtp+tls:// goes in clear text to a server that offers no STARTTLS")
v, log = once(p, "tls")
same(v, "U4.7.4 localhost[127.0.0.1]: TLS is required, but the server does not offer STARTTLS", "tls:// does not")
ok(not [x for x in p.log()[-2:] if "MAIL" in x], "... and says nothing of the message")
p.stop()

for option, value, reason in (
        ("--reply", "STARTTLS=454 4.7.0 no", "Z4.7.0 localhost[127.0.0.1]: 454 4.7.0 no"),
        ("--raw", "STARTTLS=220 go\\r\\nno TLS\\r\\n",
         "U4.7.5 localhost[127.0.0.1]: TLS: the peer does not speak TLS, or not version 1.2")):
    p = Peer("--tls", pem("good.both"), option, value)
    same(once(p, "smtp+tls", options=("-t", "2"))[0][0], "K",
         "a server that offers STARTTLS and cannot do it gets the message in clear text")
    same(once(p, "tls", options=("-t", "2"))[0], reason, "... but not for tls://")
    p.stop()

p = Peer("--tls", pem("self.both"), "--at-connect")
same(once(p, "smtps")[0][0], "K", "smtps:// speaks TLS from the first octet")
v, log = once(p, "secure", options=("-t", "2"))
same(v[0], "K", "secure:// does where STARTTLS fails")
v, log = once(p, "tls", options=("-t", "2"))
same(v[0], "U", "... tls:// does not")
p.stop()
p = Peer("--tls", pem("self.both"))
same(once(p, "secure")[0][0], "K", "secure:// uses STARTTLS where it is offered")
v, log = once(p, "smtps")
same(v, "U4.7.5 localhost[127.0.0.1]: TLS: the peer does not speak TLS, or not version 1.2",
     "smtps:// to a server that speaks clear text goes nowhere")
p.stop()
p = Peer()
v, log = once(p, "secure")
same(v, "U4.7.4 localhost[127.0.0.1]: TLS is required, but the server does not offer STARTTLS",
     "secure:// never falls back, and the reason is that of the attempt which got farthest")
p.stop()

p = Peer("--tls", pem("good.both"), "--inject", "250 evil\\r\\n250 more\\r\\n")
v, log = once(p, "tls")
same(v[0], "K", "what stands in front of the handshake counts for nothing")
ok("octets in front of the TLS handshake were thrown away" in log, "... and is logged")
p.stop()

p = Peer("--tls", pem("good.both"), "--drop", "DOT")
same(once(p, "tls")[0], "Z4.4.2 localhost[127.0.0.1]: no reply to the end of the text, so the message may arrive twice: "
     "the connection was cut without close-notify", "an end without close-notify is no end of a reply")
p.stop()

# ---- certificates ----

for name, words, what in (("good", {}, "one of our authority"), ("chain", {}, "one with an authority in the middle"),
                          ("self", {"ca": pem("self.pem")}, "a self-signed one that is the authority")):
    p = Peer("--tls", pem(name + ".both"))
    v, log = once(p, "tls", words=dict({"verify": 1, "ca": CA}, **words))
    ok(v[0] == "K" and " verify=ok " in log, "verify takes " + what)
    p.stop()
for name, words, reason, subject in (
        ("elsewhere", {}, "the certificate is for another name", "elsewhere.example"),
        ("wild", {}, "the certificate is for another name", "*.example.org"),
        ("expired", {}, "the certificate expired on 2020-01-31", "localhost"),
        ("early", {}, "the certificate is not valid yet: it begins on 2098-01-01", "localhost"),
        ("stranger", {}, "the certificate's issuer is unknown", "localhost"),
        ("leaf", {}, "the certificate's issuer is unknown", "localhost"),
        ("self", {}, "the certificate is self-signed", "localhost"),
        ("good", {"ca": "/etc/ssl/certs/ca-certificates.crt"}, "the certificate's issuer is unknown", "localhost")):
    if "ca" in words and not os.path.exists(words["ca"]):
        continue
    expected = "U4.7.5 localhost[127.0.0.1]: TLS: %s (the certificate's subject: %s)" % (reason, subject)
    p = Peer("--tls", pem(name + ".both"))
    v, log = once(p, "tls", words=dict({"verify": 1, "ca": CA}, **words))
    same(v, expected, "verify: %s" % expected[44:])
    same(once(p, "tls")[0][0], "K", "... without verify it does not matter")
    same(p.messages(), 1, "... and before nothing was delivered")
    p.stop()
p = Peer("--tls", pem("expired.both"), "--at-connect")
same(once(p, "smtps", words={"verify": 1, "ca": CA})[0][:40], "U4.7.5 localhost[127.0.0.1]: TLS: the ce", "smtps:// verifies, too")
p.stop()
p = Peer("--tls", pem("good.both"))
same(once(p, "tls", words={"verify": 1, "ca": pem("none")})[0],
     "U4.3.5 The file of authorities %s cannot be used: No such file or directory" % pem("none"),
     "a ca file that is not there defers, and is named")
v, log = once(p, "tls", words={"certificate": pem("client.pem"), "key": pem("good.key")})
same(v, "U4.3.5 The key %s cannot be used: the key does not belong to the certificate" % pem("good.key"),
     "a key of our own that does not fit, likewise")
v, log = once(p, "smtp+tls", words={"ca": pem("other.pem")})
ok(v[0] == "K" and ' verify=no reason="' in log, "a ca without verify is looked at for the log only")
p.stop()
p = Peer("--tls", pem("good.both"), "--client-ca", CA)
same(once(p, "tls", words={"certificate": pem("client.pem"), "key": pem("client.key")})[0][0], "K",
     "a certificate of our own is shown")
ok([x for x in p.log() if x == "1 CERTIFICATE client.example.org"], "... and accepted")
same(once(p, "tls", options=("-t", "3"))[0][0], "U", "... a server that wants one refuses who has none")
p.stop()

# ---- AUTH ----

KEY = {"label": "provider", "table": "secrets"}


def K(kind, user, secret):
    return ("K%s%s\0%s\0" % (kind, user, secret)).encode()


def auth(p, credentials, scheme="tls", **kw):
    return once(p, scheme, words=dict(KEY, verify=1, ca=CA), credentials=credentials, **kw)


p = Peer("--tls", pem("good.both"), "--auth", "me@example.net:s3cret")
v, log = auth(p, K("p", "me@example.net", "s3cret"))
same(v[0], "K", "a label's credentials come on descriptor 3")
ok("1 AUTH PLAIN" in p.log(), "... and go by PLAIN")
ok(" mta authentication relay=localhost[127.0.0.1] user=me@example.net result=ok" in log, "... which is logged")
v, log = auth(p, K("p", "me@example.net", "s3cret"), options=("-v",))
ok("s3cret" not in log and "czNjcmV0" not in log and "AUTH (...)" in log, "... without the secret, even with -v")
v, log = auth(p, K("p", "me@example.net", "wrong"))
same(v, "U4.7.8 localhost[127.0.0.1]: 535 5.7.8 no (AUTH PLAIN)", "a wrong password defers, with the server's words")
same(p.messages(), 2, "... and nothing is sent")
for given, why in (
        (b"", "4.7.0 no credentials for label provider of table secrets: auth-check said nothing"),
        (b"Kpme\0", "4.7.0 no credentials for label provider of table secrets: what came is no answer of auth-check"),
        (b"Z4.3.0 <secrets>: provider is not there; run makemap\0", "4.3.0 <secrets>: provider is not there; run makemap"),
        (b"Znot there\x1b\0", "4.7.0 not there\\033"),
        (b"Kp" + b"x" * 9000, "4.7.0 no credentials for label provider of table secrets: what came is too long")):
    n = len(p.log())
    same(auth(p, given)[0], "U" + why, "credentials %r: %s" % (given[:20], why))
    same(len(p.log()), n, "... and no server hears of it")
same(once(p, "tls", words=KEY)[0], "U4.7.0 no credentials for label provider of table secrets: nobody gives any",
     "without descriptor 3: the same")
same(auth(p, b"", hangs=True, seconds=2)[0][:6], "U4.7.0", "who never gives them is not waited for beyond the job's time")
same(once(p, "smtp", words=KEY, credentials=K("p", "me@example.net", "s3cret"))[0],
     "U4.7.4 localhost[127.0.0.1]: no AUTH without TLS", "never without TLS")

j = Jobs(credentials=K("p", "me@example.net", "wrong"))
where = param(url(p, "tls"), inet4=1, **KEY)
n = len([x for x in p.log() if " AUTH " in x])
for i in range(3):
    j.send(where)
same([j.verdicts()[0][:6] for i in range(3)], ["U4.7.8"] * 3, "of three jobs with wrong credentials each is deferred")
same(len([x for x in p.log() if " AUTH " in x]) - n, 1, "... after one attempt to authenticate")
same(j.p.wait(WAIT), 0, "... and the process ends, so that the next one has fresh ones")
j = Jobs(credentials=K("p", "me@example.net", "s3cret"))
same(j.ask(where)[0][0], "K", "once given,")
j.ask(param(p.url("smtp+tls")))
same(j.ask(where)[0][0], "K", "... credentials serve for every session of the process")
same(j.ask(param(url(p, "tls"), inet4=1, label="other", table="secrets"))[0],
     "U4.7.0 no credentials for label other of table secrets: this process has those of another label",
     "... but for no other label")
p.stop()

p = Peer("--tls", pem("good.both"), "--auth", "me:t0ken", "--mechanisms", "LOGIN XOAUTH2")
got, log = hand(url(p, "tls+auth").replace("://", "://provider@"), credentials=K("t", "me", "t0ken"),
              options=("-t", "20", "-o", "ca=" + CA))
same(got[0][0], "r", "by hand: -a")
ok([x for x in p.log() if x.endswith("AUTH XOAUTH2")], "a token goes by XOAUTH2")
same(auth(p, K("p", "me", "t0ken"))[0][0], "K", "a password by LOGIN where there is no PLAIN")
v = auth(p, K("t", "me", "old"))[0]
same(v, 'U4.7.8 localhost[127.0.0.1]: 535 5.7.8 no (AUTH XOAUTH2: {"status":"401"})', "a token that has expired: why is told")
p.stop()
p = Peer("--tls", pem("good.both"), "--auth", "me:secret", "--mechanisms", "CRAM-MD5")
same(auth(p, K("p", "me", "secret"))[0][0], "K", "a password by CRAM-MD5 where there is nothing else")
ok([x for x in p.log() if x.endswith("AUTH CRAM-MD5")], "... which never shows it")
same(auth(p, K("p", "me", "wrong"))[0][:2], "U4", "a wrong one is refused there, too")
p.stop()

p = Peer("--tls", pem("good.both"), "--auth", "me:x", "--mechanisms", "SCRAM-SHA-1")
same(auth(p, K("p", "me", "x"))[0], "U4.7.4 localhost[127.0.0.1]: no mechanism for AUTH that is offered would do: SCRAM-SHA-1",
     "no mechanism that we know: deferred")
p.stop()
p = Peer("--tls", pem("good.both"))
same(auth(p, K("p", "me", "x"))[0], "U4.7.4 localhost[127.0.0.1]: the server does not offer AUTH", "no AUTH: deferred")
p.stop()
p = Peer("--tls", pem("elsewhere.both"), "--auth", "me:x")
v = auth(p, K("p", "me", "x"))[0]
ok(v.startswith("U4.7.5 ") and not [x for x in p.log() if "AUTH" in x], "a server of another name hears no credentials")
p.stop()

finish()
