#!/usr/bin/python3
"""An SMTP client with TLS for tests, that does as told.

usage: tls_client.py PORT CAFILE [--smtps] [--name NAME] [--cert FILE --key FILE] [--ciphers LIST] [--max 1.1|1.2]
                     [--before TEXT] [--behind TEXT] [--first TEXT]

Speaks the script on standard input (converse.py's lines) inside TLS; without --smtps after EHLO and
STARTTLS. The server's certificate must verify for NAME (mail.example.org).

Lines of its own:
	cut         hangs up without close-notify
	unwrap      closes TLS as it should be closed

--before   TEXT in clear text in one segment with STARTTLS
--behind   the same after the reply 220, in front of the handshake
--first    TEXT as the first thing in TLS
Prints the conversation. Exit 0: all as expected; 1: a reply was not; 3: no TLS; 2: a time limit.
"""
import argparse
import os
import socket
import ssl
import sys
import warnings

import converse

VERSIONS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2}


class Talk(converse.Talk):
    def __init__(self, s):
        self.s, self.buf = s, b""

    def expect(self, code):
        got = self.reply()
        print("\n".join("S: " + g for g in got or ["(closed)"]))
        if not got or not got[-1].startswith(code):
            print("expected %s" % code)
            sys.exit(1)


def context(a):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations(a.ca)
    if a.ciphers:
        c.set_ciphers(a.ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if a.max == "1.1":
            c.minimum_version = VERSIONS[a.max]
        c.maximum_version = VERSIONS[a.max]
    if a.cert:
        c.load_cert_chain(a.cert, a.key)
    return c


def start(a):
    s = socket.create_connection(("127.0.0.1", a.port))
    s.settimeout(10)
    if not a.smtps:
        t = Talk(s)
        t.expect("220")
        s.sendall(b"EHLO client.example\r\n")
        t.expect("250")
        s.sendall(b"STARTTLS\r\n" + converse.octets(a.before))
        t.expect("220")
        s.sendall(converse.octets(a.behind))
    return s


def main():
    p = argparse.ArgumentParser()
    p.add_argument("port", type=int)
    p.add_argument("ca")
    p.add_argument("--smtps", action="store_true")
    p.add_argument("--name", default="mail.example.org")
    p.add_argument("--max", default="1.2")
    for name in ("cert", "key", "ciphers", "before", "behind", "first"):
        p.add_argument("--" + name, default="")
    a = p.parse_args()
    script = sys.stdin.read().splitlines()
    sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    s = start(a)
    try:
        t = Talk(context(a).wrap_socket(s, server_hostname=a.name))
    except (ssl.SSLError, OSError) as e:
        print("no TLS: %s" % e)
        sys.exit(3)
    print("TLS: %s %s" % (t.s.version(), t.s.cipher()[0]))
    t.s.sendall(converse.octets(a.first))
    for line in script:
        line = line.strip("\t")
        if not line or line.startswith("#"):
            continue
        try:
            if line == "cut":
                os.close(t.s.detach())
                good = True
            elif line == "unwrap":
                t.s.unwrap()
                good = True
            else:
                good = converse.step(t, line)
        except socket.timeout:
            print("no answer in time at: %s" % line)
            sys.exit(2)
        except (OSError, ssl.SSLError) as e:
            print("(the server hung up: %s)" % e)
            good = True
        if not good:
            sys.exit(1)


main()
