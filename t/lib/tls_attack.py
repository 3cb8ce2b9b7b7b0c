#!/usr/bin/python3
"""What clients of smtp-tls should not do, for t/87-tls-attacks.t.

usage: tls_attack.py flood PORT CAFILE TOTAL GOOD HELD
       tls_attack.py handshake PROGRAM CONF PORT SECONDS silent|slow|garbage|hangup
       tls_attack.py inetd PROGRAM PORT CAFILE ARGUMENTS...

flood      TOTAL connections at a time (smtps): HELD say nothing or half a ClientHello and stay, GOOD do a whole
           session, the others send garbage. Prints how many of the good were served.
handshake  runs PROGRAM (smtp-tls) by hand with a client that does as told; prints its reports, then its exit code.
inetd      runs PROGRAM (smtp-recv) with the client's socket as descriptors 0, 1 and 2, and sends a message through
           STARTTLS. Prints the last reply.
"""
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time

HALF_HELLO = bytes.fromhex("16030100c8010000c40303")


def context(ca):
    c = ssl.create_default_context(cafile=ca)
    c.maximum_version = ssl.TLSVersion.TLSv1_2
    return c


def one_of_many(port, c, kind, served, done):
    try:
        s = socket.create_connection(("127.0.0.1", port), timeout=90)
        s.settimeout(90)
        if kind == "garbage":
            s.sendall(random.Random(port).randbytes(3000))
            s.recv(100)
        elif kind == "held":
            s.sendall(random.choice((b"", HALF_HELLO)))
            done.wait(100)
        else:
            t = c.wrap_socket(s, server_hostname="mail.example.org")
            f = t.makefile("rwb", buffering=0)
            f.readline()
            f.write(b"QUIT\r\n")
            if f.readline().startswith(b"221"):
                served.append(1)
        s.close()
    except OSError:
        pass


def flood(port, ca, total, good, held):
    kinds = ["good"] * good + ["held"] * held + ["garbage"] * (total - good - held)
    random.Random(1).shuffle(kinds)
    served, done, c = [], threading.Event(), context(ca)
    threading.stack_size(256 * 1024)
    threads = [threading.Thread(target=one_of_many, args=(port, c, k, served, done)) for k in kinds]
    for t in threads:
        t.start()
    for t, k in zip(threads, kinds):
        if k != "held":
            t.join()
    done.set()
    for t in threads:
        t.join()
    print(len(served))


def be_client(s, how):
    try:
        if how == "garbage":
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        elif how == "hangup":
            s.sendall(HALF_HELLO)
            s.close()
        elif how == "slow":
            for octet in HALF_HELLO * 20:
                s.sendall(bytes([octet]))
                time.sleep(0.1)
    except OSError:
        pass


def handshake(program, conf, port, seconds, how):
    client, server = socket.socketpair()
    plain, theirs = socket.socketpair()
    read_end, write_end = os.pipe()

    def descriptors():
        os.dup2(write_end, 3)
    p = subprocess.Popen([program, "-f", conf, "-t", seconds, "127.0.0.1", port], stdin=server, stdout=theirs,
                         preexec_fn=descriptors, pass_fds=(3,))
    for s in (server, theirs):
        s.close()
    os.close(write_end)
    threading.Thread(target=be_client, args=(client, how), daemon=True).start()
    reports = b""
    while True:
        some = os.read(read_end, 4096)
        if not some:
            break
        reports += some
    print(reports.decode("ascii", "backslashreplace").replace("\0", "|"))
    print(p.wait())


def inetd(program, port, ca, arguments):
    listener = socket.create_server(("127.0.0.1", int(port)))
    s = socket.create_connection(("127.0.0.1", int(port)))
    server, _ = listener.accept()
    subprocess.Popen([program] + arguments, stdin=server, stdout=server, stderr=server)
    server.close()
    f = s.makefile("rwb", buffering=0)
    f.readline()
    f.write(b"STARTTLS\r\n")
    f.readline()
    t = context(ca).wrap_socket(s, server_hostname="mail.example.org")
    f = t.makefile("rwb", buffering=0)
    for line in (b"EHLO client.example", b"MAIL FROM:<a@example.net>", b"RCPT TO:<alice@example.org>", b"DATA",
                 b"text\r\n.", b"QUIT"):
        f.write(line + b"\r\n")
        while True:
            reply = f.readline()
            if reply[3:4] != b"-":
                break
        print(reply.decode().strip())


if sys.argv[1] == "flood":
    flood(int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:7]))
elif sys.argv[1] == "handshake":
    handshake(*sys.argv[2:7])
else:
    inetd(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])
