#!/usr/bin/python3
"""send.py PORT SENDER FILE RCPT...: sends FILE (LF line ends) with Python's smtplib.

Prints the refused recipients, or the refusal. Exit 1 unless all were taken.
"""
import smtplib
import sys

port, sender, path, rcpts = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
text = open(path, "rb").read()
options = ["BODY=8BITMIME"] if any(c > 127 for c in text) else []
with smtplib.SMTP("127.0.0.1", int(port), local_hostname="client.example.net", timeout=30) as s:
    try:
        refused = s.sendmail(sender, rcpts, text.replace(b"\n", b"\r\n"), options)
    except smtplib.SMTPException as e:
        print(e)
        sys.exit(1)
for r, why in refused.items():
    print(r, why)
sys.exit(1 if refused else 0)
