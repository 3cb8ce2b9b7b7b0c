#!/usr/bin/python3
"""Speaks a scripted conversation over TCP, octet by octet as written.

usage: converse.py PORT|/socket [SCRIPT]       (script from standard input unless named)

Lines of a script:
	> TEXT      sends TEXT and CRLF          \\r \\n \\0 \\t \\\\ \\xNN stand for octets
	>> TEXT     sends TEXT as it is, no CRLF
	>*N TEXT    sends TEXT N times, no CRLF
	< REGEX     reads one whole reply; REGEX must match somewhere in its lines, joined by LF (^ $ are line ends)
	<           reads one whole reply, whatever it is
	eof         the server must close now
	shut        closes our sending side
	close       hangs up
	reset       hangs up with RST
	sleep S     does nothing for S seconds
	# ...       comment
Prints the conversation. Exit 0: all as expected; 1: a reply was not; 2: a time limit (10 s per reply).
"""
import re
import socket
import struct
import sys
import time


def octets(text):
    def one(m):
        s = m.group(1)
        table = {"r": b"\r", "n": b"\n", "0": b"\0", "t": b"\t", "\\": b"\\"}
        return (table[s] if s in table else bytes([int(s[1:], 16)])).decode("latin-1")
    raw = text.encode("utf-8", "surrogateescape").decode("latin-1")
    return re.sub(r"\\(r|n|0|t|\\|x[0-9a-fA-F]{2})", one, raw).encode("latin-1")


class Talk:
    def __init__(self, where):
        if where.startswith("/"):
            self.s = socket.socket(socket.AF_UNIX)
            self.s.connect(where)
        else:
            self.s = socket.create_connection(("127.0.0.1", int(where)))
        self.s.settimeout(10)
        self.buf = b""

    def line(self):
        while b"\n" not in self.buf:
            try:
                d = self.s.recv(65536)
            except ConnectionResetError:
                d = b""
            if not d:
                return None
            self.buf += d
        line, self.buf = self.buf.split(b"\n", 1)
        return line.rstrip(b"\r")

    def reply(self):
        lines = []
        while True:
            line = self.line()
            if line is None:
                return lines
            lines.append(line.decode("utf-8", "backslashreplace"))
            if line[3:4] != b"-":
                return lines


def step(t, line):
    if line.startswith(">*"):
        n, text = line[2:].split(" ", 1)
        t.s.sendall(octets(text) * int(n))
        print("C: (%s times) %s" % (n, text[:60]))
    elif line == ">>" or line.startswith(">> "):
        t.s.sendall(octets(line[3:]))
        print("C: %s" % line[3:][:200])
    elif line == ">" or line.startswith("> "):
        t.s.sendall(octets(line[2:]) + b"\r\n")
        print("C: %s" % line[2:][:200])
    elif line == "<" or line.startswith("< "):
        got = t.reply()
        for g in got or ["(closed)"]:
            print("S: %s" % g)
        if not re.search(line[2:] or ".", "\n".join(got), re.M | re.S):
            print("expected a reply that matches: %s" % line[2:])
            return False
    elif line == "eof":
        got = t.line()
        print("S: %s" % ("(closed)" if got is None else got))
        if got is not None:
            print("expected: closed")
            return False
    elif line == "shut":
        t.s.shutdown(socket.SHUT_WR)
    elif line == "close":
        t.s.close()
    elif line == "reset":
        t.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        t.s.close()
    elif line.startswith("sleep "):
        time.sleep(float(line[6:]))
    else:
        raise SystemExit("converse.py: what is: " + line)
    return True


def main():
    f = sys.stdin.buffer if len(sys.argv) < 3 else open(sys.argv[2], "rb")
    script = f.read().decode("utf-8", "surrogateescape").splitlines()
    sys.stdout.reconfigure(errors="backslashreplace")
    t = Talk(sys.argv[1])
    for line in script:
        line = line.lstrip("\t")
        if not line or line.startswith("#"):
            continue
        try:
            good = step(t, line)
        except socket.timeout:
            print("no answer in time at: %s" % line)
            sys.exit(2)
        except (BrokenPipeError, ConnectionResetError):
            print("(the server hung up)")
            good = True        # what it said before is still to be read
        if not good:
            sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
