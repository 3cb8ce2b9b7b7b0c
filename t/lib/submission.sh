# Sourced by the tests that need a real submission server: Postfix with STARTTLS and SASL, which
# make deps unpacks and nobody installs, and Dovecot, of whom it asks the passwords. Needs lib.sh and
# a sandbox; root, because Postfix starts as nobody else.
#
#	need_submission
#	sandbox
#	start_submission
#	set_submission CERTIFICATE KEY [NAME=VALUE...]	from the next connection on; settings of main.cf beside those below
#
# It takes user me@example.net with password s3cret, and discards what it takes.

need_submission()
{
	test "$(id -u)" -eq 0 || skip_all 'Postfix starts for root only'
	t_pf=$t_dir/../.peers/postfix/usr
	test -x "$t_pf/lib/postfix/sbin/master" || skip_all "Postfix's master is not there (make deps)"
	t_pf=$(cd "$t_pf" && pwd)
	test -x /usr/sbin/dovecot -a -x /usr/lib/dovecot/auth || skip_all 'dovecot is not there (make deps)'
	for t_account in games man; do
		getent passwd $t_account >/dev/null || skip_all "there is no account $t_account for Postfix to run as"
	done
	getent group staff >/dev/null || skip_all 'there is no group staff for Postfix'
}

# start_submission: sets SUBMISSION (Postfix's pid), SUBMISSION_PORT, SUBMISSION_LOG
start_submission()
{
	t_sub=$(mktemp -d "$SANDBOX/submission.XXXXXX") && chmod 755 "$t_sub"
	SUBMISSION_LOG=$t_sub/log
	t_start_passwords
	SUBMISSION_PORT=$(t_free_port)
	t_postfix_conf
	start env LD_LIBRARY_PATH="$t_pf/lib/postfix" MAIL_CONFIG="$t_sub" "$t_pf/lib/postfix/sbin/master" -d -c "$t_sub" \
		2>>"$LOG" </dev/null >>"$LOG"
	SUBMISSION=$PID
	wait_until 10 t_submission_answers || { note_file "$SUBMISSION_LOG"; bail_out 'Postfix does not start'; }
}

set_submission()
{
	{
		t_cf=$(cat "$t_sub/main.cf.all")
		for t_setting; do t_cf=$(printf '%s\n' "$t_cf" | grep -v "^${t_setting%% *} = "); done
		printf '%s\n' "$t_cf"
		printf 'smtpd_tls_cert_file = %s\nsmtpd_tls_key_file = %s\n' "$1" "$2"
		shift 2
		for t_setting; do printf '%s\n' "$t_setting"; done
	} >"$t_sub/main.cf.new" && mv "$t_sub/main.cf.new" "$t_sub/main.cf"
}

t_submission_answers() { $PYTHON -c "import socket; socket.create_connection(('127.0.0.1', $SUBMISSION_PORT))"; }

t_free_port() { $PYTHON -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Dovecot's process for passwords, and nothing else of it.
t_start_passwords()
{
	t_pw=$(mktemp -d "$SANDBOX/passwords.XXXXXX") && chmod 755 "$t_pw"
	cat >"$t_pw/conf" <<-EOT
	base_dir = $t_pw/run
	state_dir = $t_pw/run
	log_path = $t_pw/log
	default_internal_user = games
	default_internal_group = games
	default_login_user = man
	protocols =
	ssl = no
	auth_mechanisms = plain login
	disable_plaintext_auth = no
	auth_failure_delay = 0
	passdb {
	  driver = static
	  args = user=me@example.net password={PLAIN}s3cret
	}
	userdb {
	  driver = static
	  args = uid=games gid=games home=/nonexistent
	}
	service auth {
	  unix_listener $t_pw/auth {
	    mode = 0666
	  }
	}
	EOT
	start /usr/sbin/dovecot -F -c "$t_pw/conf" 2>>"$LOG"
	PASSWORDS=$PID
	wait_until 10 test -S "$t_pw/auth" || { note_file "$t_pw/log"; bail_out 'dovecot does not start'; }
}

t_postfix_conf()
{
	mkdir "$t_sub/queue" "$t_sub/data" "$t_sub/queue/pid"
	chown games "$t_sub/data"
	for t_d in private public active incoming deferred bounce defer trace maildrop hold corrupt flush saved; do
		mkdir "$t_sub/queue/$t_d" && chown games "$t_sub/queue/$t_d"
	done
	cat >"$t_sub/main.cf.all" <<-EOT
	compatibility_level = 3.6
	queue_directory = $t_sub/queue
	data_directory = $t_sub/data
	command_directory = $t_pf/sbin
	daemon_directory = $t_pf/lib/postfix/sbin
	shlib_directory = $t_pf/lib/postfix
	meta_directory = $t_sub
	mail_owner = games
	setgid_group = staff
	default_privs = man
	import_environment = MAIL_CONFIG LD_LIBRARY_PATH TZ
	maillog_file = $SUBMISSION_LOG
	maillog_file_prefixes = $t_sub
	inet_interfaces = 127.0.0.1
	inet_protocols = ipv4
	myhostname = submission.example.net
	mydestination =
	alias_maps =
	default_transport = discard:
	smtpd_tls_security_level = may
	smtpd_tls_auth_only = yes
	smtpd_sasl_auth_enable = yes
	smtpd_sasl_type = dovecot
	smtpd_sasl_path = $t_pw/auth
	smtpd_relay_restrictions = permit_sasl_authenticated, reject
	smtpd_peername_lookup = no
	max_use = 1
	smtpd_error_sleep_time = 0
	EOT
	cp "$t_sub/main.cf.all" "$t_sub/main.cf"
	cat >"$t_sub/master.cf" <<-EOT
	127.0.0.1:$SUBMISSION_PORT inet n - n - - smtpd
	cleanup unix n - n - 0 cleanup
	qmgr unix n - n 300 1 qmgr
	tlsmgr unix - - n 1000? 1 tlsmgr
	rewrite unix - - n - - trivial-rewrite
	bounce unix - - n - 0 bounce
	defer unix - - n - 0 bounce
	trace unix - - n - 0 bounce
	proxymap unix - - n - - proxymap
	error unix - - n - - error
	discard unix - - n - - discard
	smtp unix - - n - - smtp
	anvil unix - - n - 1 anvil
	postlog unix-dgram n - n - 1 postlogd
	EOT
}
