# pipepost: one Makefile, no configure, no recursion.
#
#   make deps        install what Debian 12 needs (or print the apt line)
#   make             every program, in build/bin/
#   make check       all tests            make check-asan   the same under ASan and UBSan
#   make demo        start it on a sandbox, pass a message through, show it
#   make install     DESTDIR= PREFIX= SYSCONFDIR= (install.mk)
#   make deb         a Debian package

VERSION    ?= 0.9
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
SBINDIR    ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/pipepost
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/pipepost
BUILD      ?= build
BIN        := $(BUILD)/bin

CC      ?= cc
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wconversion -Wstrict-prototypes \
           -Wmissing-prototypes -Wwrite-strings -Wformat=2
HARDEN  := -fstack-protector-strong
# clang 14 has this behind another flag.
HARDEN  += $(shell $(CC) -ftrivial-auto-var-init=zero -E -x c /dev/null >/dev/null 2>&1 && echo -ftrivial-auto-var-init=zero)
ARCH    := $(shell uname -m)
ifneq (,$(filter x86_64,$(ARCH)))
HARDEN  += -fcf-protection
endif
ifeq ($(SAN),1)
# Statically linked programs and _FORTIFY_SOURCE do not go with the sanitizers.
OPTIM   := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LINK    := -fsanitize=address,undefined
STATIC  :=
else
OPTIM   := -O2 -g
HARDEN  += -fstack-clash-protection -D_FORTIFY_SOURCE=3
LINK    := -Wl,-z,relro,-z,now,-z,noexecstack
STATIC  := -static-pie
endif
CFLAGS  ?= $(OPTIM)
DEFS    := -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DSYSCONFDIR='"$(SYSCONFDIR)"' -DLIBEXECDIR='"$(LIBEXECDIR)"'
DEFS    += $(if $(wildcard /usr/include/security/pam_appl.h),-DHAVE_PAM)
CPPFLAGS += -I. $(DEFS)
ALL_CFLAGS := -std=c17 $(CFLAGS) $(WARN) $(HARDEN) -fPIE $(if $(WERROR),-Werror)
ALL_LDFLAGS = -pie $(LINK) $(LDFLAGS)
STATIC_LDFLAGS = $(if $(STATIC),$(STATIC),-pie) $(LINK) $(LDFLAGS)

# Everything but libc is linked statically: what a message costs is set by process starts.
static_lib = $(shell $(CC) -print-file-name=$(1))
SKARNET := $(call static_lib,libskarnet.a)
CDB     := $(call static_lib,libcdb.a)
ZLIB    := $(call static_lib,libz.a)
BEARSSL := $(call static_lib,libbearssl.a)
IDN2    := $(call static_lib,libidn2.a) $(call static_lib,libunistring.a)
# The reading of DNS messages; part of libc.
RESOLV  := $(call static_lib,libresolv.a)
SQLITE  := $(call static_lib,libsqlite3.a) -lm
CRYPT   := $(call static_lib,libcrypt.a)
# Without it, system accounts are those of shadow(5).
PAM     := $(if $(wildcard /usr/include/security/pam_appl.h),-lpam)

# Programs that are started for every message (NAME.static) take their libc from musl where it
# is installed: glibc's start-up asks the processor what it is some thirty times, which is
# nothing on bare metal and half of a short program's life on a virtual machine. The few
# functions of skalibs, tinycdb and zlib that they use do not mind which libc is behind them.
ifneq ($(SAN),1)
MUSL := $(shell command -v musl-gcc)
endif
ifneq ($(MUSL),)
STATIC_CC       := $(MUSL)
STATIC_DIR      := $(BUILD)/musl
STATIC_INCLUDES := -idirafter /usr/include/$(shell $(CC) -print-multiarch) -idirafter /usr/include
# musl-gcc's own rules know no -static-pie: it would make a program that needs musl's dynamic
# linker, on the hosts it is copied to and twice the time to start.
MUSL_DIR := $(shell $(MUSL) -v 2>&1 | sed -n 's|^Reading specs from \(.*\)/[^/]*$$|\1|p')
STATIC_LDFLAGS = -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text $(LINK) $(LDFLAGS) \
                 $(MUSL_DIR)/rcrt1.o $(MUSL_DIR)/crti.o $(MUSL_DIR)/crtn.o
else
STATIC_CC       := $(CC)
STATIC_DIR      := $(BUILD)/obj
endif
STATIC_LIB      := $(if $(MUSL),$(STATIC_DIR),$(BUILD))/libpipepost.a

# A program is its main file and its parts; what two programs share is in lib/.
# Each program NAME has a list of sources NAME.src, and may have NAME.libs and NAME.static.
PROGRAMS :=
include programs.mk

LIB_SRC := $(sort $(wildcard lib/*.c))
# What cannot do with musl: the libcrypt behind these is Debian's.
LIB_GLIBC := lib/hash.c
LIB     := $(BUILD)/libpipepost.a
obj      = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
static_obj = $(patsubst %.c,$(STATIC_DIR)/%.o,$(1))

all: $(PROGRAMS:%=$(BIN)/%) $(foreach l,$(LINKS),$(BIN)/$(firstword $(subst :, ,$(l))))

define program
$(BIN)/$(1): $(call obj,$($(1).src)) $(LIB) | $(BIN)
	$(CC) $(ALL_CFLAGS) $$(ALL_LDFLAGS) -o $$@ $(call obj,$($(1).src)) $(LIB) $($(1).libs) $(SKARNET)
endef
define static_program
$(BIN)/$(1): $(call static_obj,$($(1).src)) $(STATIC_LIB) | $(BIN)
	$(STATIC_CC) $(ALL_CFLAGS) $$(STATIC_LDFLAGS) -o $$@ $(call static_obj,$($(1).src)) $(STATIC_LIB) $($(1).libs) $(SKARNET)
endef
$(foreach p,$(PROGRAMS),$(eval $(call $(if $($(p).static),static_program,program),$(p))))

# NAME:TARGET in LINKS makes NAME a symbolic link to TARGET.
define link
$(BIN)/$(firstword $(subst :, ,$(1))): $(BIN)/$(lastword $(subst :, ,$(1)))
	ln -sf $(lastword $(subst :, ,$(1))) $$@
endef
$(foreach l,$(LINKS),$(eval $(call link,$(l))))

$(LIB): $(call obj,$(LIB_SRC))
	rm -f $@ && $(AR) rcs $@ $^

ifneq ($(STATIC_LIB),$(LIB))
$(STATIC_LIB): $(call static_obj,$(filter-out $(LIB_GLIBC),$(LIB_SRC)))
	rm -f $@ && $(AR) rcs $@ $^
endif

# What is compiled in: another PREFIX, SYSCONFDIR or VERSION compiles anew.
PATHS := $(BUILD)/paths
$(shell mkdir -p $(BUILD); echo '$(SYSCONFDIR) $(LIBEXECDIR) $(VERSION)' | cmp -s - $(PATHS) || \
  echo '$(SYSCONFDIR) $(LIBEXECDIR) $(VERSION)' >$(PATHS))

$(BUILD)/obj/%.o: %.c Makefile programs.mk $(PATHS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

ifneq ($(MUSL),)
$(STATIC_DIR)/%.o: %.c Makefile programs.mk $(PATHS)
	@mkdir -p $(@D)
	$(STATIC_CC) $(CPPFLAGS) $(ALL_CFLAGS) $(STATIC_INCLUDES) -MMD -MP -c -o $@ $<
endif

$(BIN):
	@mkdir -p $@

-include $(shell find $(BUILD)/obj $(BUILD)/musl -name '*.d' 2>/dev/null)

include t/check.mk

# What Debian 12 has and we need: to build; beside that to run the tests and the linters.
DEPS_BUILD := gcc libc6-dev musl-tools make skalibs-dev libcdb-dev zlib1g-dev libbearssl-dev libsqlite3-dev \
              libidn2-dev libunistring-dev libcrypt-dev libpam0g-dev
DEPS_TEST  := libcmocka-dev iproute2 perl python3 sqlite3 openssl ucspi-tcp strace swaks msmtp libnet-ssleay-perl curl procmail faketime clang libclang-rt-14-dev \
              mandoc cppcheck clang-tidy
# What calls sendmail.
DEPS_TEST  += git git-email libmailtools-perl mutt s-nail php-cli
# For the tests of the installed tree and of the services.
DEPS_TEST  += procps daemontools s6 logrotate

deps:
	@sh t/deps.sh $(DEPS_BUILD) $(DEPS_TEST)
	@sh t/deps.sh --peer postfix libdb5.3 libicu72 libnsl2 libssl3 libsasl2-2
	@sh t/deps.sh --peer nsd libevent-2.1-7 libfstrm0 libprotobuf-c1 libssl3 libsystemd0
	@sh t/deps.sh --peer runit libc6
	@sh t/deps.sh --peer xinetd libselinux1 libtirpc3 libwrap0
	@sh t/deps.sh --peer openbsd-inetd libbsd0 libevent-2.1-7 libsystemd0 libtirpc3 libwrap0
	@sh t/deps.sh --service dovecot-imapd dovecot-lmtpd dovecot-sqlite

deps-deb:
	@sh t/deps.sh $(DEPS_BUILD) dpkg-dev debhelper fakeroot lintian debootstrap

deps-build:
	@sh t/deps.sh $(DEPS_BUILD)

demo: deps-build
	@$(MAKE) -s all
	@BUILD_DIR='$(CURDIR)/$(BUILD)' sh conf-examples/demo/run '$(CURDIR)/demo'

include install.mk

clean:
	rm -rf build build-*

.PHONY: all clean deps deps-build deps-deb demo units fuzzers lint
.PHONY: check check-unit check-e2e check-asan check-fuzz check-werror
.DELETE_ON_ERROR:
