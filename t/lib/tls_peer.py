#!/usr/bin/python3
"""An SMTP server with TLS for tests, that misbehaves as told.

usage: tls_peer.py --dir DIR --cert FILE --key FILE [--starttls] [--client-ca FILE] [--max 1.1|1.2|1.3]
                   [--ciphers LIST] [--inject TEXT] [--inject-late TEXT] [--cut WHEN] [--no-tls]

Listens on a free port of 127.0.0.1 and writes the port to DIR/ready. Serves one connection after
another until it is ended. What it hears goes to DIR/log.

--inject       TEXT in clear text, in one segment with the reply to STARTTLS
--inject-late  the same after that reply, in front of the handshake
--cut          hello (in the handshake), reply (in the middle of one), quit (after the reply to QUIT): the
               connection ends there without close-notify
--no-tls       answers the handshake with text
"""
import argparse
import os
import socket
import ssl
import warnings

VERSIONS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context(a):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.set_ciphers(a.ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        c.minimum_version = VERSIONS[a.max]
        c.maximum_version = VERSIONS[a.max]
    c.load_cert_chain(a.cert, a.key)
    if a.client_ca:
        c.load_verify_locations(a.client_ca)
        c.verify_mode = ssl.CERT_REQUIRED
    return c


class Server:
    def __init__(self, a):
        self.a, self.context = a, context(a)
        self.log = open(os.path.join(a.dir, "log"), "a", buffering=1)
        self.context.sni_callback = lambda s, name, c: self.note("sni %s" % name)

    def note(self, text):
        self.log.write(text + "\n")

    def command(self, f):
        line = f.readline(4096)
        if not line:
            raise ConnectionError("the client has gone")
        self.note(line.decode("latin-1").strip())
        return line.strip().upper()

    def clear(self, sock):
        f = sock.makefile("rb", buffering=0)
        sock.sendall(b"220 peer\r\n")
        self.command(f)
        sock.sendall(b"250-peer\r\n250 STARTTLS\r\n")
        self.command(f)
        sock.sendall(b"220 go ahead\r\n" + self.a.inject.encode().decode("unicode_escape").encode())
        if self.a.inject_late:
            sock.sendall(self.a.inject_late.encode().decode("unicode_escape").encode())

    def shake_hands(self, sock):
        if self.a.cut == "hello":
            sock.recv(100)
            return None
        if self.a.no_tls:
            sock.recv(100)
            sock.sendall(b"500 what is that?\r\n")
            sock.recv(65536)
            return None
        return self.context.wrap_socket(sock, server_side=True)

    def talk(self, tls):
        subject = tls.getpeercert() if self.a.client_ca else None
        if subject:
            self.note("client %s" % subject["subject"][0][0][1])
        f = tls.makefile("rb", buffering=0)
        if not self.a.starttls:
            tls.sendall(b"220 peer\r\n")
        while True:
            word = self.command(f)[:4]
            if word == b"QUIT":
                tls.sendall(b"221 bye\r\n")
                if self.a.cut != "quit":
                    tls.unwrap()
                return
            if self.a.cut == "reply":
                tls.sendall(b"250-in the mid")
                return
            tls.sendall(b"250-peer\r\n250 SIZE 1000\r\n")

    def serve(self, sock):
        sock.settimeout(30)
        if self.a.starttls:
            self.clear(sock)
        tls = self.shake_hands(sock)
        if tls is not None:
            try:
                self.talk(tls)
            finally:
                tls.close()


def main():
    p = argparse.ArgumentParser()
    for name in ("dir", "cert", "key"):
        p.add_argument("--" + name, required=True)
    for name in ("client-ca", "cut", "inject", "inject-late"):
        p.add_argument("--" + name, default="")
    p.add_argument("--starttls", action="store_true")
    p.add_argument("--no-tls", action="store_true")
    p.add_argument("--max", default="1.2")
    p.add_argument("--ciphers", default="ALL:@SECLEVEL=0")
    server = Server(p.parse_args())
    listener = socket.create_server(("127.0.0.1", 0))
    ready = os.path.join(server.a.dir, "ready")
    with open(ready + ".new", "w") as f:
        f.write("%d\n" % listener.getsockname()[1])
    os.rename(ready + ".new", ready)
    while True:
        sock, _ = listener.accept()
        try:
            server.serve(sock)
        except (OSError, ConnectionError) as e:
            server.note("failed: %s" % e)
        finally:
            sock.close()


main()
