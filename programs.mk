# What each program is made of.  Included by the Makefile.
#
# NAME.static = 1 links libc statically too: for programs that are started for every message
# and never ask for accounts or hosts by name (NSS needs the shared libc).

# Keep one block per program, blocks in the order of the chain.

PROGRAMS += queue-init
queue-init.src := queue-run/queue-init.c
queue-init.libs := $(ZLIB)
