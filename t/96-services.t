#!/bin/sh
# The files of conf-examples/ for super-servers and supervisors, started word for
# word where they can be: in namespaces with the installed tree, the ports 25, 465
# and 587, and accounts. A message goes in through each and is delivered.
. "$(dirname "$0")/lib.sh"
. "$t_dir/lib/installed.sh"
need smtp-recv queue-inject queue-run deliver-local tcpserver useradd
installed_namespace net
install_here COMPAT=yes
EXAMPLES=/usr/local/share/doc/pipepost/conf-examples
PATH=$PATH:/usr/sbin:/sbin
# Super-servers that make deps has unpacked and not installed.
for p in runit xinetd openbsd-inetd; do
	t_unpacked=$t_dir/../.peers/$p/usr
	test ! -d "$t_unpacked" || PATH=$PATH:$t_unpacked/bin:$t_unpacked/sbin
done

add_account alice
conf <<-'EOT'
listen on 127.0.0.1 port 25 hostname mail.example.org
listen on 127.0.0.1 port 465 hostname mail.example.org tag "wrapped"
listen on 127.0.0.1 port 587 hostname mail.example.org tag "users"
accept from any for domain "example.org" deliver to maildir
EOT

cat >"$SANDBOX/script" <<-'EOT'
	< ^220 mail.example.org
	> EHLO client.example
	< ^250
	> MAIL FROM:<a@example.net>
	< ^250
	> RCPT TO:<alice@example.org>
	< ^250
	> DATA
	< ^354
	> Subject: super
	> .
	< ^250 2.0.0
	> QUIT
	< ^221
	eof
EOT
INBOX=$SANDBOX/home/alice/Maildir/new
is_listening() { $PYTHON -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5).recv(1)' "$1"; }
has_new() { test "$(ls $SPOOL/new | wc -l)" -eq "$1"; }
has_mail() { test "$(ls "$INBOX" 2>/dev/null | wc -l)" -ge "$1"; }

# takes WHAT PORT: a message through that port is queued
takes()
{
	if ! wait_until 10 is_listening "$2"; then fail "$1: nothing listens"; note_file "$LOG"; return; fi
	PORT=$2
	ok "$1: a message is taken in" quiet smtp "$SANDBOX/script"
}
# queued_from WHAT N: that many messages, known to be from the network
queued_from()
{
	is "$1: they are in the queue, from ppsmtp" "$(cat $SPOOL/new/* 2>/dev/null | tr '\0' '\n' | grep -c "^u$(id -u ppsmtp)\$")" "$2"
	is "... with the client's address" "$(cat $SPOOL/new/* 2>/dev/null | tr '\0' '\n' | grep -c '^C127\.0\.0\.1$')" "$2"
	rm -f $SPOOL/new/*
}

# ---- daemontools, runit, s6: the same directories ----

# supervised WHAT COMMAND...: a scan directory with all services, and their logs
supervised()
{
	t_under=$1; shift
	rm -rf "$SANDBOX/service" "$SANDBOX/home/alice/Maildir" /var/log/pipepost
	mkdir "$SANDBOX/service" && cp -R $EXAMPLES/svscan/*/ "$SANDBOX/service/"
	start "$@" "$SANDBOX/service" >>"$LOG" 2>&1
	t_scan=$PID
	for t_port in 25 465 587; do takes "$t_under" $t_port; done
	ok "$t_under: the runner delivers" wait_until 20 has_mail 3
	like "... and the door is logged, as pplog" "$(stat -c %U /var/log/pipepost/smtp/current):$(cat /var/log/pipepost/smtp/current)" \
		'pplog:|smtp-recv\[[0-9]+\]: smtp connected'
	is "... which cannot put something else in the place that root gives it" "$(stat -c %U:%a /var/log/pipepost)" root:755
	like "... and the runner" "$(cat /var/log/pipepost/runner/current)" 'queue-run\[[0-9]+\]: .*stat=Sent'
}
port_is_free() { ! is_listening "$1"; }
mount -t tmpfs -o mode=755 none /var/log || bail_out 'no /var/log of our own'

if command -v svscan >/dev/null && command -v multilog >/dev/null; then
	supervised daemontools svscan
	kill -STOP $t_scan; svc -dx "$SANDBOX"/service/* "$SANDBOX"/service/*/log
	ok '... and svc -dx ends all of it' wait_until 35 port_is_free 25
	stop $t_scan KILL
else
	skip 'daemontools is not there'
fi
if command -v runsvdir >/dev/null; then
	supervised runit runsvdir
	kill -HUP $t_scan
	ok '... and HUP to runsvdir ends all of it' wait_until 35 port_is_free 25
	stop $t_scan KILL
else
	skip 'runit is not there'
fi
if command -v s6-svscan >/dev/null; then
	supervised s6 s6-svscan
	s6-svscanctl -t "$SANDBOX/service"
	ok '... and s6-svscanctl -t ends all of it' wait_until 35 port_is_free 25
	stop $t_scan KILL
else
	skip 's6 is not there'
fi

# ---- inetd and xinetd ----

if command -v xinetd >/dev/null; then
	start xinetd -dontfork -f $EXAMPLES/xinetd/pipepost -pidfile "$SANDBOX/xinetd.pid" >>"$LOG" 2>&1
	for p in 25 465 587; do takes xinetd $p; done
	queued_from xinetd 3
	stop "$PID"
else
	skip 'xinetd is not there'
fi
inetd=$(command -v openbsd-inetd || command -v inetd)
if test -n "$inetd"; then
	start "$inetd" -i $EXAMPLES/inetd/inetd.conf >>"$LOG" 2>&1
	for p in 25 465 587; do takes inetd $p; done
	queued_from inetd 3
	stop "$PID"
else
	skip 'openbsd-inetd is not there'
fi

# ---- systemd ----

UNITS=$EXAMPLES/systemd
value() { sed -n "s/^$2=//p" "$UNITS/$1"; }
if command -v systemd-analyze >/dev/null && command -v man >/dev/null; then
	# It asks man for the pages that Documentation= names: they are in /usr/local/share/man.
	out=$(MANPATH=/usr/local/share/man systemd-analyze verify $UNITS/pipepost.service $UNITS/pipepost-queue.service $UNITS/*.socket 2>&1)
	is 'systemd-analyze verify has nothing to say' "$(echo "$out" | grep -v '^[^:]*: Command .man ')" ''
else
	skip 'systemd-analyze is not there'
fi
activate=$(command -v systemd-socket-activate || ls /lib/systemd/systemd-socket-activate 2>/dev/null)
if test -n "$activate"; then
	for name in smtp smtps submission; do
		service=pipepost-$name@.service socket=pipepost-$name.socket
		command=$(value $service ExecStart); command=${command#-}
		user=$(value $service User)
		is "$service: a socket for each process, on its descriptor 0" \
			"$(value $socket Accept) $(value $service StandardInput)" 'yes socket'
		# As the unit says: no capability is left, and new privileges are allowed.
		start "$activate" -l "127.0.0.1:$(value $socket ListenStream)" -a --inetd setpriv --reuid="$user" \
			--regid="$(value $service Group)" --clear-groups --bounding-set=-all --inh-caps=-all \
			$command >>"$LOG" 2>&1
		takes "systemd, $name" "$(value $socket ListenStream)"
		stop "$PID"
	done
	queued_from systemd 3
else
	skip 'systemd-socket-activate is not there'
fi
for f in pipepost.service pipepost-queue.service; do
	ok "$f starts a program that is there" test -x "$(value $f ExecStart | cut -d' ' -f1)"
done
is 'no unit forbids new privileges, and the reason is given' "$(grep -l '^NoNewPrivileges' $UNITS/*):$(grep -c 'NoNewPrivileges' $UNITS/pipepost-smtp@.service)" :1
if command -v systemd-sysusers >/dev/null && command -v systemd-tmpfiles >/dev/null; then
	root=$SANDBOX/root
	mkdir -p $root/etc $root/usr/local/libexec $root/var/spool
	cp -a $BIN $root/usr/local/libexec/
	chmod 755 $root$BIN/*; chown 0:0 $root$BIN/*
	grep -E "^(root|shadow):" /etc/group >$root/etc/group
	grep "^root:" /etc/passwd >$root/etc/passwd
	quiet systemd-sysusers --root=$root $UNITS/sysusers.conf
	is 'sysusers.conf makes the accounts of install-users' "$(grep -o '^pp[a-z]*:' $root/etc/passwd | sort)" \
		"$(grep -o '^pp[a-z]*:' /etc/passwd | sort)"
	quiet systemd-tmpfiles --root=$root --create $UNITS/tmpfiles.conf
	# tree ROOT: mode, owner, group and name of everything, by the names of its own accounts
	tree()
	{
		$PYTHON - "$1" <<-'END'
		import os, sys
		root = sys.argv[1]
		def names(path):
		    return {l.split(":")[2]: l.split(":")[0] for l in open(root + path)}
		users, groups = dict(names("/etc/passwd")), dict(names("/etc/group"))
		for top in "/usr/local/libexec/pipepost", "/var/spool/pipepost", "/var/spool/pipepost-alias":
		    for at, _, files in os.walk(root + top):
		        for f in [""] + files:
		            p = os.path.join(at, f)
		            s = os.lstat(p)
		            if not os.path.islink(p) and "/stats/" not in p:
		                print("%o %s %s %s" % (s.st_mode, users[str(s.st_uid)], groups[str(s.st_gid)], p[len(root):]))
		END
	}
	rm -f $SPOOL/new/* $SPOOL/tmp/*
	find $SPOOL/later $SPOOL/wait -mindepth 1 -delete
	is '... and tmpfiles.conf its spool and bits' "$(tree $root | sort)" "$(tree '' | sort)"
else
	skip 'systemd-sysusers and systemd-tmpfiles are not there'
fi

# ---- cron ----

rm -rf "$SANDBOX/home/alice/Maildir"
printf 'Subject: by cron\n\n' | sendmail alice@example.org 2>>"$LOG"
line=$(grep '^[^#]' $EXAMPLES/cron/pipepost)
is 'the line for cron: each minute, as root'     "$(echo "$line" | cut -d' ' -f1-6)" '* * * * * root'
ok '... its command delivers'                    sh -c "$(echo "$line" | cut -d' ' -f7-) 2>>'$LOG'"
ok '... and has ended when that is done'         has_mail 1

# ---- FreeBSD ----

# The parts of rc.subr that the script uses.
cat >/etc/rc.subr <<'END'
load_rc_config() { pipepost_enable=YES; }
run_rc_command()
{
	case $1 in
	start) test -r "$required_files" && $start_precmd && $command $command_args ;;
	configtest) $configtest_cmd ;;
	*) exit 64 ;;
	esac
}
END
like 'rc.d/pipepost configtest'                  "$($EXAMPLES/freebsd/pipepost configtest 2>&1)" '^configuration OK'
ok   'rc.d/pipepost start'                       sh -c "$EXAMPLES/freebsd/pipepost start >>'$LOG' 2>&1"
takes 'smtpd, as rc.d starts it,' 25
while read -r name program; do
	case $name in ''|'#'*) continue ;; esac
	ok "mailer.conf: $name is there"         test -x "$program"
done <$EXAMPLES/freebsd/mailer.conf
printf '#!/bin/bash\nexec -a "$1" "$2" alice@example.org\n' >"$SANDBOX/mailwrapper"; chmod +x "$SANDBOX/mailwrapper"
printf 'Subject: by mailwrapper\n\n' | "$SANDBOX/mailwrapper" sendmail \
	"$(awk '$1 == "sendmail" { print $2 }' $EXAMPLES/freebsd/mailer.conf)" 2>>"$LOG"
is   'mailwrapper'"'"'s sendmail queues'         "$?" 0
# The file that OpenSMTPD's port puts there.
printf 'Subject: by smtpctl\n\n' | "$SANDBOX/mailwrapper" sendmail /usr/local/sbin/smtpctl 2>>"$LOG"
is   '... and so does smtpctl, called sendmail' "$?" 0
printf 'root: alice\n' >/etc/mail/aliases
is   '... and OpenSMTPD'"'"'s makemap, called newaliases' \
	"$(bash -c 'exec -a newaliases /usr/local/libexec/opensmtpd/makemap' 2>&1)" '/etc/mail/aliases: 1 aliases'

# ---- logs ----

if command -v logrotate >/dev/null; then
	echo old >/var/log/pipepost.log
	logrotate -f -s "$SANDBOX/logrotate.state" $EXAMPLES/logrotate/pipepost >>"$LOG" 2>&1
	is 'logrotate takes the file'            "$(cat /var/log/pipepost.log.1)" old
else
	skip 'logrotate is not there'
fi
done_testing
