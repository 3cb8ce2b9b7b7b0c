# Helpers for end-to-end tests in shell; a test begins with
#
#	. "$(dirname "$0")/lib.sh"
#
# and ends with done_testing. Every started program is known by its pid and
# ended by the EXIT trap, with its process group. Nothing here needs root; as
# root, deliveries go to accounts of another uid, as on a real host.

set -u
LC_ALL=C; export LC_ALL
umask 022
t_dir=$(cd "$(dirname "$0")" && pwd)
BUILD_DIR=${BUILD_DIR:-$t_dir/../build}
BUILD_DIR=$(cd "$BUILD_DIR" && pwd) || exit 1
PYTHON=/usr/bin/python3
test -x $PYTHON || PYTHON=python3
# The leak checker cannot work under ptrace, and a leak in a short program is none.
ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:abort_on_error=0}; export ASAN_OPTIONS
unset QMAILQUEUE RELAYCLIENT TCPREMOTEIP TCPREMOTEHOST TCPREMOTEINFO TCPLOCALIP PROTO 2>/dev/null

# ---- TAP ----

t_n=0 t_failed=0 t_planned=

# note WORDS: a diagnostic line
note() { printf '# %s\n' "$*"; }
# note_file FILE: a file as diagnostics, its end if it is long
note_file() { tail -n 40 "$1" 2>/dev/null | sed 's/^/#   /'; }

# plan N: optional; without it done_testing says how many there were
plan() { t_planned=$1; echo "1..$1"; }

pass() { t_n=$((t_n + 1)); echo "ok $t_n - $1"; }
fail() { t_n=$((t_n + 1)); t_failed=$((t_failed + 1)); echo "not ok $t_n - $1"; return 1; }

# ok WHAT COMMAND...: the command succeeds
ok()
{
	t_what=$1; shift
	if "$@"; then pass "$t_what"; else fail "$t_what"; note "failed ($?): $*"; return 1; fi
}

# quiet COMMAND...: what it prints goes to $SANDBOX/said, not among the results
quiet()
{
	"$@" >"$SANDBOX/said" 2>&1
}

# not_ok WHAT COMMAND...: the command fails
not_ok()
{
	t_what=$1; shift
	if "$@"; then fail "$t_what"; note "succeeded: $*"; return 1; else pass "$t_what"; fi
}

# is WHAT GOT EXPECTED
is()
{
	if test "$2" = "$3"; then pass "$1"; return; fi
	fail "$1"
	printf '%s\n' "$2" | sed 's/^/#      got: /'
	printf '%s\n' "$3" | sed 's/^/# expected: /'
	return 1
}

# like WHAT GOT REGEX, unlike WHAT GOT REGEX: extended regular expressions, a line matches
like()
{
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then pass "$1"; return; fi
	fail "$1"
	printf '%s\n' "$2" | sed 's/^/#      got: /'
	note "expected a match of: $3"
	return 1
}
unlike()
{
	if ! printf '%s\n' "$2" | grep -Eq -e "$3"; then pass "$1"; return; fi
	fail "$1"
	printf '%s\n' "$2" | grep -E -e "$3" | sed 's/^/#      got: /'
	note "expected no match of: $3"
	return 1
}

# same_file WHAT GOT EXPECTED: two files, octet by octet
same_file()
{
	if cmp -s "$2" "$3"; then pass "$1"; return; fi
	fail "$1"
	cmp "$2" "$3" 2>&1 | sed 's/^/# /'
	return 1
}

# status CODE COMMAND...: the command ends with that exit code
status()
{
	t_want=$1; shift
	"$@"
	t_got=$?
	test "$t_got" -eq "$t_want" || { note "exit code $t_got"; return 1; }
}

skip() { t_n=$((t_n + 1)); echo "ok $t_n # skip $1"; }
skip_all() { echo "1..0 # SKIP $*"; exit 0; }
bail_out() { echo "Bail out! $*"; exit 255; }

done_testing()
{
	test -n "$t_planned" || echo "1..$t_n"
	test "$t_failed" -eq 0 || { test -z "${LOG-}" || { note 'end of the log:'; note_file "$LOG"; }; }
	exit "$((t_failed > 0))"
}

# need PROGRAM...: skip the whole test where one is not installed; ours have to be built
need()
{
	for t_p; do
		test -x "$BUILD_DIR/bin/$t_p" && continue
		case $t_p in
		smtp*|queue-*|deliver-local|smtpd|sendmail|newaliases|makemap) bail_out "$t_p is not built" ;;
		esac
		command -v "$t_p" >/dev/null || skip_all "$t_p is not there"
	done
}

# need_smtp_source: skip the whole test where Postfix's smtp-source is not (make deps unpacks it)
need_smtp_source()
{
	t_peer=$t_dir/../.peers/postfix/usr
	if test -x "$t_peer/sbin/smtp-source"; then
		t_peer=$(cd "$t_peer" && pwd)
	elif command -v smtp-source >/dev/null; then
		t_peer=
	else
		skip_all 'smtp-source is not there'
	fi
}
# smtp_source ARGUMENTS
smtp_source()
{
	if test -n "$t_peer"; then
		LD_LIBRARY_PATH=$t_peer/lib/postfix "$t_peer/sbin/smtp-source" "$@"
	else
		smtp-source "$@"
	fi
}

# need_strace: skip the whole test where processes may not be traced
need_strace()
{
	need strace
	strace -f -o /dev/null -e trace=none -e inject=getppid:retval=1 true 2>/dev/null ||
		skip_all 'processes may not be traced here'
}

# ---- bounded waiting ----

# wait_until SECONDS COMMAND...: asks again and again until it succeeds; fails at the bound
wait_until()
{
	t_tries=$(($1 * 20)); shift
	while ! "$@" >/dev/null 2>&1; do
		t_tries=$((t_tries - 1))
		test "$t_tries" -gt 0 || return 1
		sleep 0.05
	done
}

# ---- processes ----

PIDS=
# commands to run when the test ends, after the processes have ended
AT_EXIT=

# start COMMAND...: in the background, in a process group of its own; its pid in $PID
start()
{
	setsid "$@" &
	PID=$!
	PIDS="$PIDS $PID"
	# The group exists from setsid() on: a moment later.
	until kill -0 "-$PID" 2>/dev/null || ! kill -0 "$PID" 2>/dev/null; do sleep 0.01; done
}

t_is_gone() { ! kill -0 "-$1" 2>/dev/null; }

# stop PID [SIGNAL]: ends a started program and what it has started; returns its exit code
stop()
{
	kill "-${2:-TERM}" "$1" 2>/dev/null
	t_tries=200
	while kill -0 "$1" 2>/dev/null && ! t_is_zombie "$1"; do
		t_tries=$((t_tries - 1))
		test "$t_tries" -gt 0 || { note "process $1 did not end in 10 seconds"; kill -KILL "$1"; }
		sleep 0.05
	done
	wait "$1" 2>/dev/null
	t_status=$?
	kill -TERM "-$1" 2>/dev/null && { wait_until 2 t_is_gone "$1" || kill -KILL "-$1" 2>/dev/null; }
	t_left=
	for t_p in $PIDS; do test "$t_p" = "$1" || t_left="$t_left $t_p"; done
	PIDS=$t_left
	return "$t_status"
}
t_is_zombie() { read -r t_stat 2>/dev/null <"/proc/$1/stat" && case $t_stat in *') Z '*) return 0 ;; esac; return 1; }

t_cleanup()
{
	t_code=$?
	trap - EXIT HUP INT TERM
	for t_p in $PIDS; do stop "$t_p"; done
	eval "${AT_EXIT-}"
	test -z "${SANDBOX-}" || { test -n "${KEEP-}" && note "kept: $SANDBOX" || rm -rf "$SANDBOX"; }
	exit "$t_code"
}
trap t_cleanup EXIT
trap 'exit 1' HUP INT TERM

# ---- the sandbox ----

# named_account: before sandbox, where a program does not run as a uid without a name: nobody's
# stands in for 1000 on a host that has no such account
t_named=
named_account() { t_named=yes; }

# sandbox [USER...]: a temporary directory with a spool, the accounts (alice and
# bob unless named) and a configuration that delivers example.org to their
# Maildirs. Sets SANDBOX, SPOOL, BIN, CONF, LOG, RUN_UID, RUN_GID; exports PIPEPOST_*.
sandbox()
{
	SANDBOX=$(mktemp -d "${TMPDIR:-/tmp}/pipepost.XXXXXX") || bail_out 'no temporary directory'
	chmod 755 "$SANDBOX"
	SPOOL=$SANDBOX/spool CONF=$SANDBOX/smtpd.conf LOG=$SANDBOX/log BIN=$BUILD_DIR/bin
	RUN_UID=$(id -u) RUN_GID=$(id -g)
	if test "$RUN_UID" -eq 0; then
		RUN_UID=1000 RUN_GID=1000
		test -z "$t_named" || id -un 1000 >/dev/null 2>&1 || { RUN_UID=$(id -u nobody) RUN_GID=$(id -g nobody); }
		# Deliveries run as another uid: it must be able to reach the programs.
		setpriv --reuid=$RUN_UID --regid=$RUN_GID --clear-groups test -x "$BIN/queue-init" || {
			cp -a "$BIN" "$SANDBOX/bin" && BIN=$SANDBOX/bin
		}
	fi
	: >"$LOG"; chmod 666 "$LOG"
	PATH=$BIN:$PATH
	PIPEPOST_CONF=$CONF PIPEPOST_SPOOL=$SPOOL PIPEPOST_BIN=$BIN PIPEPOST_LOG=stderr
	export PATH PIPEPOST_CONF PIPEPOST_SPOOL PIPEPOST_BIN PIPEPOST_LOG
	mkdir "$SANDBOX/home" && chmod 755 "$SANDBOX/home"
	t_users=
	test $# -gt 0 || set -- alice bob
	for t_u; do add_user "$t_u"; done
	default_conf
	queue-init "$SPOOL" >>"$LOG" 2>&1 || bail_out "queue-init failed: $(cat "$LOG")"
}

# add_user NAME: a home directory, and a row for users_table
add_user()
{
	mkdir "$SANDBOX/home/$1" && chmod 700 "$SANDBOX/home/$1"
	test "$(id -u)" -ne 0 || chown "$RUN_UID:$RUN_GID" "$SANDBOX/home/$1"
	t_users="$t_users${t_users:+, }$1 = \"$RUN_UID:$RUN_GID:$SANDBOX/home/$1\""
}

# users_table: the line of smtpd.conf that declares <users>
users_table() { printf 'table users { %s }\n' "$t_users"; }

# as_user COMMAND...: with the identity of the sandbox's accounts
as_user()
{
	if test "$(id -u)" -eq 0; then
		setpriv --reuid="$RUN_UID" --regid="$RUN_GID" --clear-groups "$@"
	else
		"$@"
	fi
}

# conf [FILE]: standard input becomes smtpd.conf (or FILE), by rename as an administrator should
conf()
{
	cat >"${1:-$CONF}.new" && mv -f "${1:-$CONF}.new" "${1:-$CONF}"
}

default_conf()
{
	conf <<-EOT
	listen on 127.0.0.1 port ${PORT:-25} hostname mail.example.org
	$(users_table)
	accept from any for domain "example.org" userbase <users> deliver to maildir
	EOT
}

# ---- the chain ----

# start_tcpserver [SMTP-RECV ARGUMENTS]: smtp-recv on a free port of 127.0.0.1; sets PORT, TCPSERVER
start_tcpserver()
{
	: >"$SANDBOX/port"
	start tcpserver -1 -H -R -D -c 200 -b 200 -l mail.example.org 127.0.0.1 0 "$BIN/smtp-recv" "$@" \
		>"$SANDBOX/port" 2>>"$LOG" </dev/null
	TCPSERVER=$PID
	wait_until 10 test -s "$SANDBOX/port" || bail_out 'tcpserver did not start'
	read -r PORT <"$SANDBOX/port"
	export PORT
}

# start_runner [ARGUMENTS]: queue-run stays; sets RUNNER
start_runner()
{
	start "$BIN/queue-run" -s "$@" 2>>"$LOG" </dev/null >>"$LOG"
	RUNNER=$PID
}
stop_runner() { stop "$RUNNER"; }

# run_queue [ARGUMENTS]: one pass of the runner, bounded
run_queue()
{
	timeout -k 5 60 queue-run "$@" 2>>"$LOG" </dev/null
}

# make_due: every message that waits for its time is due now (while no runner runs)
make_due()
{
	mkdir -p "$SPOOL/later/1" || return 1
	test "$(id -u)" -ne 0 || chown --reference="$SPOOL/later" "$SPOOL/later/1"
	find "$SPOOL/later" -mindepth 2 -type f ! -path "$SPOOL/later/1/*" -exec mv {} "$SPOOL/later/1/" \;
}

# queued: how many messages the spool holds in any state
queued()
{
	find "$SPOOL/new" "$SPOOL/cur" "$SPOOL/wait" "$SPOOL/later" "$SPOOL/hold" "$SPOOL/corrupt" -type f | wc -l
}
queue_is_empty() { test "$(queued)" -eq 0; }

# mailbox USER [FOLDER]: the files of a Maildir's new/, oldest first
mailbox() { ls -d "$SANDBOX/home/$1/${2:-Maildir}/new/"* 2>/dev/null; }
# mail_count USER
mail_count() { mailbox "$@" | wc -l; }
has_mail() { test "$(mail_count "$1")" -ge "${2:-1}"; }
# the_mail USER: the path of the only message
the_mail()
{
	test "$(mail_count "$@")" -eq 1 || note "$1 has $(mail_count "$@") messages, not one"
	mailbox "$@" | head -n 1
}

# body_of FILE: what follows the header
body_of() { sed '1,/^$/d' "$1"; }

# log_has REGEX
log_has() { grep -Eq -e "$1" "$LOG"; }

# smtp [SCRIPT-FILE]: speaks a scripted conversation with $PORT (t/lib/converse.py)
smtp() { $PYTHON "$t_dir/lib/converse.py" "$PORT" "$@"; }

# start_peer ARGUMENTS: an SMTP or LMTP server that does as told (t/lib/peer.py);
# sets PEER (its pid), PEER_PORT, and PEER_DIR, where it puts what it receives
start_peer()
{
	PEER_DIR=$(mktemp -d "$SANDBOX/peer.XXXXXX")
	start $PYTHON "$t_dir/lib/peer.py" --dir "$PEER_DIR" "$@" >"$PEER_DIR/stdout" 2>>"$LOG"
	PEER=$PID
	wait_until 10 test -s "$PEER_DIR/ready" || bail_out 'the scripted server did not start'
	read -r PEER_PORT <"$PEER_DIR/ready"
}
