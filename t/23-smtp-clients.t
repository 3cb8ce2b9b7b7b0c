#!/bin/sh
# Programs that people send mail with, against smtp-recv; each text is queued octet by octet.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-init tcpserver

sandbox
start_tcpserver
default_conf

# queued_text: the text of the one message in the queue without our trace line; then the queue is emptied
queued_text()
{
	set -- "$SPOOL"/new/*
	test $# -eq 1 -a -f "$1" || { note "$# messages in the queue"; return 1; }
	size=${1##*,S=}
	head -c "$size" "$1" | $PYTHON -c '
import re, sys
t = sys.stdin.buffer.read()
sys.stdout.buffer.write(re.sub(rb"\AReceived:.*\n([ \t].*\n)*", b"", t))'
	rm -f "$1"
}

# Dots, 8 bits, lines of 998 octets, empty lines at both ends.
$PYTHON - "$SANDBOX" <<'END'
import sys
d = sys.argv[1]
tests = {
    "dots": b"Subject: dots\n\n.\n..\n.a\na.\n...\n",
    "8bit": "Subject: j\u00fcst\n\nna\u00efve \u20ac\n".encode() + bytes(range(128, 256)) + b"\n",
    "long": b"Subject: long\n\n" + b"x" * 998 + b"\n." + b"y" * 997 + b"\n",
    "blank": b"\n\nno header\n\n\n",
    "one": b"x\n",
    "big": b"Subject: big\n\n" + b"0123456789 a line of text, as there are many\n" * 30000,
    "blanks": b"Subject: blanks \n\n  \t \nend \n",
}
for name, text in tests.items():
    open(d + "/" + name, "wb").write(text)
END

cat >"$SANDBOX/send.py" <<'END'
import smtplib, sys
text = open(sys.argv[2], "rb").read().replace(b"\n", b"\r\n")
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as s:
    s.ehlo()
    s.sendmail("a@example.net", ["alice@example.org"], text, mail_options=["BODY=8BITMIME"])
END
for name in dots 8bit long blank one big blanks; do
	$PYTHON "$SANDBOX/send.py" "$PORT" "$SANDBOX/$name"
	queued_text >"$SANDBOX/got"
	same_file "Python's smtplib: $name" "$SANDBOX/got" "$SANDBOX/$name"
done

if command -v curl >/dev/null; then
	for name in dots 8bit long one big; do
		sed 's/$/\r/' "$SANDBOX/$name" >"$SANDBOX/crlf"
		curl -sS "smtp://127.0.0.1:$PORT/client.example" --mail-from a@example.net \
			--mail-rcpt alice@example.org --upload-file "$SANDBOX/crlf"
		queued_text >"$SANDBOX/got"
		same_file "curl: $name" "$SANDBOX/got" "$SANDBOX/$name"
	done
else
	skip 'curl is not there'
fi

if command -v swaks >/dev/null; then
	out=$(swaks --server 127.0.0.1 --port "$PORT" --ehlo client.example --from a@example.net \
		--to alice@example.org,bob@example.org --data 'Subject: swaks\n\n.dot\n.\n' --pipeline 2>&1)
	like 'swaks, pipelined, to two'   "$out" '250 2\.0\.0 .*Message accepted for delivery'
	like '... and its text'           "$(queued_text)" '^\.dot$'
	out=$(swaks --server 127.0.0.1 --port "$PORT" --ehlo client.example --from a@example.net \
		--to ghost@example.org --quit-after RCPT 2>&1)
	like '... and hears of an unknown user' "$out" '550 5\.1\.1'
else
	skip 'swaks is not there'
fi

done_testing
