#!/usr/bin/python3
r"""An SMTP or LMTP server for tests that answers as told.

usage: peer.py --dir DIR [--lmtp] [--unix PATH] [--listen ADDRESS] [--port N] [--reply WHEN=TEXT]... [--drop WHEN]... [--hang WHEN]...
	[--raw WHEN=OCTETS]... [--endless WHEN]... [--drip WHEN]... [--offer LINE]... [--messages N] [--text N]
	[--tls PEM] [--at-connect] [--client-ca FILE] [--inject OCTETS] [--auth USER:SECRET]

Listens on a free port (or N) of 127.0.0.1 (or ADDRESS), or on PATH, and writes the port (or PATH) to DIR/ready.
WHEN is CONNECT, LHLO, HELO, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, DOT (the end of the text), RSET or QUIT; RCPT:2
means the second in its transaction, and DOT:2 in LMTP the second recipient's reply;
RCPT:alice@example.org means that recipient; 1/MAIL means the first connection only. TEXT may
hold \n between lines of one reply.
--drop hangs up instead of answering, --hang answers nothing, --raw sends the octets (\r \n \xNN) and goes on,
--endless sends lines of a reply for ever, --drip a reply of which an octet comes now and then, for ever.
--offer replaces what is offered in reply to EHLO and LHLO. --messages hangs up after N messages of a connection, --text
after N octets of a text. --tls offers STARTTLS with the certificate and key in PEM; --at-connect
speaks TLS from the start; --client-ca asks for a certificate and logs its name; --inject sends octets right behind the 220 to STARTTLS. --auth offers
PLAIN, LOGIN, CRAM-MD5 and XOAUTH2 (under TLS, if there is any).
Each message goes to DIR/N (from 1), as received but for dot-stuffing: CRLF line ends stay.
The envelope and all commands go to DIR/log, one line each, with the number of the connection, and where
each connection came from to DIR/clients.
"""
import argparse
import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import threading
import time


def octets(text):
    def one(m):
        return {"r": "\r", "n": "\n"}.get(m.group(1)) or chr(int(m.group(1)[1:], 16))
    return re.sub(r"\\(r|n|x[0-9a-fA-F]{2})", one, text).encode("latin-1")


class Session:
    def __init__(self, server, sock, number):
        self.server, self.number, self.is_tls, self.done = server, number, False, 0
        self.take(sock)
        self.rcpts, self.tried = [], 0

    def take(self, sock):
        self.sock, self.f = sock, sock.makefile("rb")

    def start_tls(self):
        self.take(self.server.tls.wrap_socket(self.sock, server_side=True))
        self.is_tls = True
        if self.server.args.client_ca:
            subject = self.sock.getpeercert()["subject"]
            self.server.log("%d CERTIFICATE %s" % (self.number, subject[0][0][1]))

    def hang_up(self):
        self.sock.close()
        self.f.close()
        raise ConnectionError

    def misbehave(self, k):
        a = self.server.args
        if k in a.hang:
            time.sleep(3600)
        if k in a.drop:
            self.hang_up()
        while k in a.endless:
            self.sock.sendall(b"250-and so on\r\n" * 100)
        while k in a.drip:
            self.sock.sendall(b"2")
            time.sleep(0.2)
            self.sock.sendall(b"2")
            time.sleep(0.2)
            self.sock.sendall(b"0-\r\n")
        if k in a.raws:
            self.sock.sendall(octets(a.raws[k]))
            return True
        return False

    def send(self, when, keys, default):
        for k in keys + [when]:
            k = "%d/%s" % (self.number, k) if any("%d/%s" % (self.number, k) in x for x in self.server.rules) else k
            if self.misbehave(k):
                return "000"
            if k in self.server.args.replies:
                default = self.server.args.replies[k]
                break
        lines = default.split("\\n")
        code = lines[0][:3]
        out = "".join("%s-%s\r\n" % (code, x[4:]) for x in lines[:-1])
        last = lines[-1] if len(lines) == 1 else code + " " + lines[-1][4:]
        self.sock.sendall((out + last + "\r\n").encode())
        return code

    def offer(self):
        a = self.server.args
        lines = a.offer or ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"]
        if a.tls and not self.is_tls:
            lines = lines + ["STARTTLS"]
        if a.auth and (self.is_tls or not a.tls):
            lines = lines + ["AUTH " + (a.mechanisms or "PLAIN LOGIN CRAM-MD5 XOAUTH2")]
        return "\\n".join("250-" + x for x in ["peer.example.org"] + [x for x in lines if x])

    def text(self):
        lines, size = [], 0
        while True:
            line = self.f.readline()
            size += len(line)
            if not line or size > self.server.args.text > 0:
                self.hang_up()
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    def end_of_text(self, text):
        self.server.keep(self, text)
        self.done += 1
        if not self.server.args.lmtp:
            self.send("DOT", [], "250 2.0.0 taken")
        else:
            for n, r in enumerate(self.rcpts, 1):
                self.send("DOT", ["DOT:%d" % n, "DOT:" + r], "250 2.0.0 taken for " + r)
        if self.done == self.server.args.messages:
            self.hang_up()

    def challenge(self, text):
        self.sock.sendall(b"334 " + base64.b64encode(text) + b"\r\n")
        return base64.b64decode(self.f.readline().strip())

    def is_right(self, words):
        user, secret = self.server.args.auth.encode().split(b":", 1)
        how, given = words[0].upper(), base64.b64decode(words[1]) if len(words) > 1 else None
        if how == "PLAIN":
            return (given if given is not None else self.challenge(b"")) == b"\0" + user + b"\0" + secret
        if how == "LOGIN":
            return (given or self.challenge(b"Username:")) == user and self.challenge(b"Password:") == secret
        if how == "CRAM-MD5":
            digest = hmac.new(secret, b"<1@peer.example.org>", hashlib.md5).hexdigest().encode()
            return self.challenge(b"<1@peer.example.org>") == user + b" " + digest
        if given == b"user=" + user + b"\1auth=Bearer " + secret + b"\1\1":
            return True
        self.challenge(b'{"status":"401"}')
        return False

    def authenticate(self, words):
        self.server.log("%d AUTH %s" % (self.number, words[0]))
        if self.is_right(words):
            self.send("AUTH", [], "235 2.7.0 welcome")
        else:
            self.send("AUTH", [], "535 5.7.8 no")

    def run(self):
        if self.server.args.at_connect:
            self.start_tls()
        self.send("CONNECT", [], "220 peer.example.org here")
        while True:
            line = self.f.readline()
            if not line:
                return
            line = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
            verb = line.split(" ")[0].upper()[:8]
            if verb == "AUTH" and self.server.args.auth:
                self.authenticate(line.split(" ")[1:])
                continue
            self.server.log("%d %s" % (self.number, line))
            if verb in ("EHLO", "LHLO"):
                self.send(verb, [], self.offer())
            elif verb == "STARTTLS" and self.server.args.tls:
                if self.send(verb, [], "220 2.0.0 go on" + octets(self.server.args.inject).decode("latin-1")) == "220":
                    self.start_tls()
            elif verb == "MAIL":
                self.rcpts, self.tried = [], 0
                self.send(verb, [], "250 2.1.0 yes")
            elif verb == "RCPT":
                self.tried += 1
                address = line[line.find("<") + 1:line.rfind(">")]
                if self.send(verb, ["RCPT:%d" % self.tried, "RCPT:" + address], "250 2.1.5 yes")[0] == "2":
                    self.rcpts.append(address)
            elif verb == "DATA":
                if self.send(verb, [], "354 go on" if self.rcpts else "503 5.5.1 nobody")[0] == "3":
                    self.end_of_text(self.text())
            elif verb == "QUIT":
                self.send(verb, [], "221 2.0.0 bye")
                return
            elif verb in ("HELO", "RSET", "NOOP"):
                self.send(verb, [], "250 2.0.0 yes")
            else:
                self.send(verb, [], "500 5.5.1 what")


class Server:
    def __init__(self, args):
        self.args, self.lock, self.messages, self.tls = args, threading.Lock(), 0, None
        self.rules = [args.hang, args.drop, args.endless, args.drip, args.raws, args.replies]
        if args.tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(args.tls)
            self.tls.maximum_version = ssl.TLSVersion.TLSv1_2
        if args.client_ca:
            self.tls.load_verify_locations(args.client_ca)
            self.tls.verify_mode = ssl.CERT_REQUIRED

    def log(self, line):
        with self.lock, open(os.path.join(self.args.dir, "log"), "a") as f:
            f.write(line + "\n")

    def keep(self, session, text):
        with self.lock:
            self.messages += 1
            path = os.path.join(self.args.dir, str(self.messages))
        with open(path + ".part", "wb") as f:
            f.write(text)
        os.rename(path + ".part", path)

    def serve(self, sock, number):
        session = Session(self, sock, number)
        try:
            session.run()
        except (ConnectionError, OSError, ValueError):
            pass
        finally:
            session.f.close()
            session.sock.close()

    def listen(self):
        if self.args.unix:
            s = socket.socket(socket.AF_UNIX)
            s.bind(self.args.unix)
            os.chmod(self.args.unix, 0o777)
            name = self.args.unix
        else:
            s = socket.socket(socket.AF_INET6 if ":" in args.listen else socket.AF_INET)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((args.listen, args.port))
            name = str(s.getsockname()[1])
        s.listen(100)
        ready = os.path.join(self.args.dir, "ready")
        with open(ready + ".part", "w") as f:
            f.write(name + "\n")
        os.rename(ready + ".part", ready)
        number = 0
        while True:
            c, client = s.accept()
            number += 1
            if not args.unix:
                with open(os.path.join(self.args.dir, "clients"), "a") as f:
                    f.write(client[0] + "\n")
            threading.Thread(target=self.serve, args=(c, number), daemon=True).start()


p = argparse.ArgumentParser()
p.add_argument("--dir", required=True)
p.add_argument("--lmtp", action="store_true")
p.add_argument("--unix")
p.add_argument("--listen", default="127.0.0.1")
p.add_argument("--port", type=int, default=0)
p.add_argument("--at-connect", action="store_true")
p.add_argument("--messages", type=int, default=0)
p.add_argument("--text", type=int, default=0)
p.add_argument("--inject", default="")
for option in ("--tls", "--auth", "--mechanisms", "--client-ca"):
    p.add_argument(option)
for option in ("--reply", "--drop", "--hang", "--raw", "--endless", "--drip", "--offer"):
    p.add_argument(option, action="append", default=[])
args = p.parse_args()
args.replies = dict(r.split("=", 1) for r in args.reply)
args.raws = dict(r.split("=", 1) for r in args.raw)
Server(args).listen()
