#!/usr/bin/python3
"""An SMTP or LMTP server for tests that answers as told.

usage: peer.py --dir DIR [--lmtp] [--unix PATH] [--reply WHEN=TEXT]... [--drop WHEN]... [--hang WHEN]...

Listens on a free port of 127.0.0.1 (or on PATH) and writes the port (or PATH) to DIR/ready.
WHEN is CONNECT, LHLO, HELO, EHLO, MAIL, RCPT, DATA, DOT (the end of the text), RSET or QUIT; RCPT:2
means the second in its transaction, and DOT:2 in LMTP the second recipient's reply;
RCPT:alice@example.org means that recipient. TEXT may hold \\n between lines of one reply.
--drop hangs up instead of answering, --hang answers nothing.
Each message goes to DIR/N (from 1), as received but for dot-stuffing: CRLF line ends stay.
The envelope and all commands go to DIR/log, one line each, with the number of the connection.
"""
import argparse
import os
import socket
import threading
import time


class Session:
    def __init__(self, server, sock, number):
        self.server, self.f, self.sock, self.number = server, sock.makefile("rb"), sock, number
        self.rcpts, self.tried = [], 0

    def send(self, when, keys, default):
        a = self.server.args
        for k in keys + [when]:
            if k in a.hang:
                time.sleep(3600)
            if k in a.drop:
                self.sock.close()
                raise ConnectionError
            if k in a.replies:
                default = a.replies[k]
                break
        lines = default.split("\\n")
        code = lines[0][:3]
        out = "".join("%s-%s\r\n" % (code, x[4:]) for x in lines[:-1])
        last = lines[-1] if len(lines) == 1 else code + " " + lines[-1][4:]
        self.sock.sendall((out + last + "\r\n").encode())
        return code

    def text(self):
        lines = []
        while True:
            line = self.f.readline()
            if not line:
                raise ConnectionError
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    def end_of_text(self, text):
        self.server.keep(self, text)
        if not self.server.args.lmtp:
            self.send("DOT", [], "250 2.0.0 taken")
            return
        for n, r in enumerate(self.rcpts, 1):
            self.send("DOT", ["DOT:%d" % n, "DOT:" + r], "250 2.0.0 taken for " + r)

    def run(self):
        self.send("CONNECT", [], "220 peer.example.org here")
        while True:
            line = self.f.readline()
            if not line:
                return
            line = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
            self.server.log("%d %s" % (self.number, line))
            verb = line[:4].upper()
            if verb in ("EHLO", "LHLO"):
                self.send(verb, [], "250-peer.example.org\\n250-PIPELINING\\n250-8BITMIME\\n250 ENHANCEDSTATUSCODES")
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
        self.args, self.lock, self.messages = args, threading.Lock(), 0

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
        try:
            Session(self, sock, number).run()
        except (ConnectionError, OSError):
            pass
        finally:
            sock.close()

    def listen(self):
        if self.args.unix:
            s = socket.socket(socket.AF_UNIX)
            s.bind(self.args.unix)
            os.chmod(self.args.unix, 0o777)
            name = self.args.unix
        else:
            s = socket.socket()
            s.bind(("127.0.0.1", 0))
            name = str(s.getsockname()[1])
        s.listen(100)
        ready = os.path.join(self.args.dir, "ready")
        with open(ready + ".part", "w") as f:
            f.write(name + "\n")
        os.rename(ready + ".part", ready)
        number = 0
        while True:
            c, _ = s.accept()
            number += 1
            threading.Thread(target=self.serve, args=(c, number), daemon=True).start()


p = argparse.ArgumentParser()
p.add_argument("--dir", required=True)
p.add_argument("--lmtp", action="store_true")
p.add_argument("--unix")
for option in ("--reply", "--drop", "--hang"):
    p.add_argument(option, action="append", default=[])
args = p.parse_args()
args.replies = dict(r.split("=", 1) for r in args.reply)
Server(args).listen()
