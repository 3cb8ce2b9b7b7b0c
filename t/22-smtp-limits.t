#!/bin/sh
# Every limit of smtp-recv has its own reply.
. "$(dirname "$0")/lib.sh"
need smtp-recv queue-inject queue-init tcpserver

sandbox

# listener [LINE...]: tcpserver and a configuration with these lines in front
listener()
{
	test -z "${TCPSERVER-}" || stop "$TCPSERVER"
	start_tcpserver $options
	{ printf '%s\n' "$@"; cat "$CONF.base"; } | conf
}
cp "$CONF" "$CONF.base"
options='-l 127.0.0.1'

# talk WHAT [begun]: the script on standard input (behind the lines of begun) goes as expected
talk()
{
	{ ${2:-:}; cat; } >"$SANDBOX/script"
	if smtp "$SANDBOX/script" >"$SANDBOX/said" 2>&1; then pass "$1"; else fail "$1"; note_file "$SANDBOX/said"; fi
}

# begun: the lines of a script that come to DATA
begun()
{
	cat <<-'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	END
}

listener
talk 'a command has 512 octets' <<'END'
	<
	>> NOOP\x20
	>*505 x
	>> \r\n
	< ^250
	>> NOOP\x20
	>*506 x
	>> \r\n
	< ^500 5.5.2 line too long
	> NOOP
	< ^250
END
talk '... and one with parameters 2048' <<'END'
	<
	> EHLO client.example
	< ^250
	>> MAIL FROM:<
	>*3000 x
	>> @example.net>\r\n
	< ^500 5.5.2 line too long
	>> MAIL FROM:<
	>*129 x
	>> @example.net>\r\n
	< ^501 5.1.7 address too long
	>> MAIL FROM:<a@example.net> ENVID=
	>*101 x
	>> \r\n
	< ^501 5.5.4 bad value of ENVID
	> NOOP
	< ^250
END
talk 'a line of text has 1000 octets with its end, not counting a doubled dot' begun <<'END'
	>> .
	>*998 x
	>> \r\n.\r\n
	< ^250 2.0.0
END
talk '... and not one more' begun <<'END'
	>*999 x
	>> \r\n.\r\n
	< ^550 5.6.0 .*1000
END
options="$options -x"
listener
talk '... but with option -x' begun <<'END'
	>*99999 x
	>> \r\n.\r\n
	< ^250 2.0.0
END
options='-l 127.0.0.1'

listener 'max-message-size 1000'
talk 'a message that is too big is refused at MAIL if its size is told' <<'END'
	<
	> EHLO client.example
	< 250-SIZE 1000\n
	> MAIL FROM:<a@example.net> SIZE=1001
	< ^552 5.3.4
	> MAIL FROM:<a@example.net> SIZE=99999999999999999999
	< ^552 5.3.4
	> MAIL FROM:<a@example.net> SIZE=999999999999999999999
	< ^501 5.5.4
	> MAIL FROM:<a@example.net> SIZE=1000
	< ^250
END
rm -f "$SPOOL"/new/*
talk '... or else when all of it was read' begun <<'END'
	>*50 xxxxxxxxxxxxxxxxxxx\r\n
	>> .\r\n
	< ^250 2.0.0
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	>*9000 xxxxxxxxxxxxxxxxxxx\r\n
	>> .\r\n
	< ^552 5.3.4
	> NOOP
	< ^250
END
is '... and only the small one is queued' "$(ls "$SPOOL/new" | wc -l)" 1

listener 'limit session max-rcpt 2' 'limit session max-mails 2'
talk 'too many recipients are for another message, too many messages for another session' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> RCPT TO:<bob@example.org>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^452 4.5.3
	> RSET
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RSET
	< ^250
	> MAIL FROM:<a@example.net>
	< ^421 4.7.0
	eof
END

listener
{ printf '<\n'
  for i in 1 2 3 4 5 6 7 8 9; do printf '> XYZZY\n< ^500\n'; done
  for i in 1 2 3 4 5 6 7 8 9 10 11; do printf '> XYZZY\n< ^500\n'; done
  printf '< ^421 4.7.0 .*too many errors\neof\n'
} >"$SANDBOX/long"
talk 'twenty refusals are enough' <"$SANDBOX/long"
{ printf '<\n'
  i=0; while test $i -lt 100; do printf '> NOOP\n< ^250\n'; i=$((i + 1)); done
  printf '> NOOP\n< ^250\n< ^421 4.7.0 .*too many commands\neof\n'
} >"$SANDBOX/long"
talk 'and a hundred commands that lead nowhere' <"$SANDBOX/long"

talk 'more than 100 Received lines are a loop' begun <<'END'
	>*101 Received: x\r\n
	>> \r\nx\r\n.\r\n
	< ^554 5.4.6
END

# What is broken on our side is a 4xx.
listener 'this is no configuration' 'nor this'
talk 'a configuration that does not parse costs a 421' <<'END'
	< ^421 4.3.5
	eof
END
like '... and its errors stand in the log' "$(cat "$LOG")" 'smtpd\.conf:1: '
like '... all of them'                     "$(cat "$LOG")" 'smtpd\.conf:2: '
options='-l nowhere'
listener
talk 'so does a listener that is not there' <<'END'
	< ^421 4.3.5
	eof
END
options='-l 127.0.0.1'
mkdir "$SANDBOX/empty"
stop "$TCPSERVER"
PIPEPOST_BIN=$SANDBOX/empty; export PIPEPOST_BIN
listener
talk 'a missing queue-inject is a 451 to DATA' <<'END'
	<
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^451 4.3.0
	> NOOP
	< ^250
END

# helper EXIT [TEXT FOR FD 6]: a queue program that ends so after it has read all
helper()
{
	{ echo '#!/bin/sh'; echo 'cat >/dev/null'; echo 'cat <&1 >/dev/null'
	  test $# -lt 2 || printf "printf '%%s' '%s' >&6\n" "$2"
	  echo "$1"; } >"$SANDBOX/empty/queue-inject"
	chmod 755 "$SANDBOX/empty/queue-inject"
}
while IFS='|' read -r what end report reply; do
	helper "$end" $report
	printf '> x\n> .\n< %s\n' "$reply" >"$SANDBOX/long"
	talk "queue-inject $what" begun <"$SANDBOX/long"
done <<'END'
ends with 0 and tells no id|exit 0||^250 2.0.0 Message accepted for delivery$
refuses for good|exit 31||^554 5.3.0
has no room|exit 53||^451 4.3.0
ends with an unknown code|exit 99||^451 4.3.0
is killed|kill -9 $$||^451 4.3.0
refuses in its own words|exit 82|Dspam|^554 5.3.0 spam
... for the time being|exit 82|Zlater|^451 4.3.0 later
END

done_testing
