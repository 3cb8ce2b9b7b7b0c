# What each program is made of.  Included by the Makefile.
#
# NAME.static = 1 links libc statically too: for programs that are started for every message
# and never ask for accounts or hosts by name (NSS needs the shared libc).

# Keep one block per program, blocks in the order of the chain.

# getpwnam (the table of system accounts) needs the shared libc.
PROGRAMS += smtp-recv
smtp-recv.src := $(addprefix smtp-recv/,smtp-recv.c authenticate.c login.c password.c words.c setup.c peer.c session.c command.c parameter.c \
  starttls.c transaction.c data.c received.c)
smtp-recv.libs := $(CDB) $(IDN2)
smtp-recv.static := 1
parameter.with := smtp-recv/parameter.c
login.with := smtp-recv/login.c

# Holds the private key of one session; one is started for each.
PROGRAMS += smtp-tls
smtp-tls.src := $(addprefix smtp-recv/,smtp-tls.c smtp_tls_keys.c smtp_tls_serve.c smtp_tls_setup.c) \
    $(if $(MUSL),lib/fortify.c)
smtp-tls.libs := $(BEARSSL)
smtp-tls.static := 1

# PAM loads its modules, and accounts are asked for by name: the shared libc.
PROGRAMS += auth-check shadow-lookup
auth-check.parts := $(addprefix smtp-recv/,auth_caller.c auth_check.c auth_input.c auth_login.c auth_program.c \
    auth_relay.c auth_system.c)
auth-check.src := smtp-recv/auth-check.c $(auth-check.parts)
auth-check.libs := $(CDB) $(CRYPT) $(IDN2) $(PAM)
auth_input.with := smtp-recv/auth_input.c
auth_program.with := smtp-recv/auth_program.c smtp-recv/auth_check.c
shadow-lookup.src := account-lookup/shadow-lookup.c

PROGRAMS += queue-init
queue-init.src := queue-run/queue-init.c
queue-init.libs := $(ZLIB)

PROGRAMS += deliver-local
deliver-local.parts := $(addprefix deliver-local/,byhand.c command.c connect.c deliver.c environment.c file.c format.c \
    forward.c lmtp.c maildir.c mbox.c outcome.c serve.c stream.c text.c)
deliver-local.src := deliver-local/deliver-local.c $(deliver-local.parts)
format.with  := deliver-local/format.c
mbox.with    := $(deliver-local.parts)
forward.with := $(deliver-local.parts)
command.with := $(deliver-local.parts)
text.with    := $(deliver-local.parts)

PROGRAMS += deliver-remote
deliver-remote.parts := $(addprefix deliver-remote/,byhand.c client.c client_auth.c client_tls.c command.c connection.c \
    credentials.c delivery.c destination.c extension.c intake.c local.c mailbox.c operand.c outcome.c report.c serve.c \
    session.c text.c transaction.c way.c)
deliver-remote.src := deliver-remote/deliver-remote.c $(deliver-remote.parts)
deliver-remote.libs := $(BEARSSL) $(IDN2) $(RESOLV)
remote.with := $(addprefix deliver-remote/,credentials.c extension.c local.c mailbox.c outcome.c)
reply.with := $(addprefix deliver-remote/,credentials.c extension.c outcome.c)

# Asks nobody anything: static.
PROGRAMS += queue-bounce
queue-bounce.parts := queue-run/bounce_report.c queue-run/bounce_text.c
queue-bounce.src := queue-run/queue-bounce.c $(queue-bounce.parts)
queue-bounce.static := 1
notice.with := $(queue-bounce.parts)
PROGRAMS += queue-inject
queue-inject.src := queue-inject/queue-inject.c queue-inject/intake.c
queue-inject.libs := $(ZLIB)
queue-inject.static := 1

PROGRAMS += queue-run
queue-run.src := queue-run/queue-run.c queue-run/start.c queue-run/loop.c queue-run/scan.c \
  queue-run/message.c queue-run/step.c queue-run/outcome.c queue-run/lane.c queue-run/worker.c queue-run/remote.c \
  queue-run/destination.c queue-run/host_line.c queue-run/pause.c queue-run/operator.c queue-run/request.c queue-run/request_line.c \
  queue-run/selection.c queue-run/walk.c queue-run/feed.c \
  queue-run/report.c queue-run/spawner.c queue-run/router.c queue-run/router_process.c queue-run/router_child.c queue-run/route_packet.c
queue-run.libs := $(ZLIB) $(CDB)
route_packet.with := queue-run/route_packet.c

# The operator's side. Asks for the accounts of the system by name.
queue-view.parts := $(addprefix queue-run/,agent.c listing.c operate.c request.c request_line.c selection.c show_queue.c walk.c)
request.with := $(queue-view.parts)
listing.with := queue-run/listing.c queue-run/selection.c
ctl_words.with := queue-run/ctl_words.c
counters.with := queue-run/counters.c queue-run/counters_format.c queue-run/walk.c
PROGRAMS += queue-peek
queue-peek.src := queue-run/queue-peek.c $(queue-view.parts)
queue-peek.libs := $(ZLIB) $(CDB)
PROGRAMS += smtpctl
smtpctl.parts := $(queue-view.parts) $(addprefix queue-run/,counters.c counters_format.c ctl_doctor.c ctl_encrypt.c ctl_flag.c ctl_host.c host_line.c \
    ctl_operate.c \
    ctl_queue.c ctl_stats.c ctl_why.c ctl_words.c doctor_dns.c doctor_host.c)
smtpctl.src := queue-run/smtpctl.c $(smtpctl.parts)
smtpctl.libs := $(ZLIB) $(CDB) $(CRYPT) $(IDN2) $(BEARSSL) $(RESOLV)

PROGRAMS += sendmail
sendmail.parts := $(addprefix queue-inject/,sendmail_header.c sendmail_options.c sendmail_other.c sendmail_verify.c \
  submission.c)
sendmail.src := queue-inject/sendmail.c $(sendmail.parts)
sendmail.with := queue-inject/sendmail_options.c queue-inject/sendmail_header.c
sendmail.libs := $(ZLIB) $(CDB)
LINKS += mailq:sendmail send-mail:sendmail hoststat:sendmail purgestat:sendmail


PROGRAMS += makemap readmap
makemap.src := $(addprefix cdb-tools/,makemap.c newaliases.c build.c source.c progress.c dump.c)
makemap.libs := $(CDB)
readmap.src := cdb-tools/readmap.c cdb-tools/dump.c
readmap.libs := $(CDB)
readmap.static := 1
LINKS += newaliases:makemap

# Asks for hosts and accounts by name.
PROGRAMS += smtpd
smtpd.src := smtp-recv/smtpd.c smtp-recv/smtpd_check.c smtp-recv/smtpd_check_auth.c smtp-recv/smtpd_check_keys.c smtp-recv/smtpd_child.c smtp-recv/smtpd_listen.c \
    smtp-recv/smtpd_options.c smtp-recv/smtpd_serve.c smtp-recv/smtpd_start.c
smtpd.libs := $(CDB) $(BEARSSL) $(CRYPT)
PROGRAMS += account-lookup
account-lookup.src := account-lookup/account-lookup.c

# Started for every recipient of virtual users.
PROGRAMS += sqlite-lookup
sqlite-lookup.parts := $(addprefix sqlite-lookup/,check.c config.c database.c file.c hint.c key.c permission.c \
    request.c row.c)
sqlite-lookup.src := sqlite-lookup/sqlite-lookup.c $(sqlite-lookup.parts) \
    $(if $(MUSL),sqlite-lookup/noload.c sqlite-lookup/musl.c lib/fortify.c)
sqlite-lookup.libs := $(SQLITE)
sqlite-lookup.static := $(MUSL)
sqlite_config.with := sqlite-lookup/config.c sqlite-lookup/hint.c sqlite-lookup/key.c
