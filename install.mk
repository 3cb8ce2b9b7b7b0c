# Installation.  Included by the Makefile.
#
#   make install                         DESTDIR= PREFIX= SYSCONFDIR= COMPAT=yes USERS=no
#   make install-users                   accounts, set-id bits, spool: what `make install` does as root
#
# Programs find each other in LIBEXECDIR; what people type is linked into SBINDIR.
# Without DESTDIR, as root, the accounts are made and the set-id bits are set
# (USERS=no leaves that out). COMPAT=yes adds the paths that OpenSMTPD's programs
# had. No configuration file and no spooled message is ever touched.

TYPED := smtpd smtpctl sendmail send-mail mailq newaliases makemap queue-run queue-init queue-peek
LINK_NAMES = $(foreach l,$(LINKS),$(firstword $(subst :, ,$(l))))
MANZIP ?=
# INSTALL and files of these examples name programs; installed, they name the installed ones.
SERVICES := svscan systemd xinetd inetd cron freebsd
COMPAT ?=
COMPATDIR ?= $(PREFIX)/libexec/opensmtpd
USERS  ?= $(if $(DESTDIR),no,$(if $(filter 0,$(shell id -u)),yes,no))
# What install-users is told, for instance -s: leave the spool alone.
USERS_OPTIONS ?=

install: install-files $(if $(filter yes,$(USERS)),install-users)

install-files: all
	install -d '$(DESTDIR)$(LIBEXECDIR)' '$(DESTDIR)$(SBINDIR)' '$(DESTDIR)$(DOCDIR)'
	install -m 755 $(PROGRAMS:%=$(BIN)/%) install/install-users '$(DESTDIR)$(LIBEXECDIR)/'
	for l in $(LINKS); do ln -sf "$${l#*:}" '$(DESTDIR)$(LIBEXECDIR)'/"$${l%%:*}" || exit 1; done
	for p in $(filter $(TYPED),$(PROGRAMS) $(LINK_NAMES)); do \
	  ln -srf '$(DESTDIR)$(LIBEXECDIR)'/$$p '$(DESTDIR)$(SBINDIR)'/$$p || exit 1; done
	for m in $(MANUALS); do d='$(DESTDIR)$(MANDIR)'/man$${m##*.}; install -d "$$d" && \
	  install -m 644 $$m "$$d/" || exit 1; done
	$(if $(MANZIP),find '$(DESTDIR)$(MANDIR)' -type f -name '*.[1578]' -exec $(MANZIP) {} +)
	install -m 644 README.md INSTALL LICENSE '$(DESTDIR)$(DOCDIR)/'
	cp -R conf-examples '$(DESTDIR)$(DOCDIR)/'
	find $(SERVICES:%='$(DESTDIR)$(DOCDIR)/conf-examples/%') '$(DESTDIR)$(DOCDIR)/INSTALL' -type f -exec sed -i \
	  -e 's|/usr/local/libexec/pipepost|$(LIBEXECDIR)|g' -e 's|/usr/local/sbin|$(SBINDIR)|g' \
	  -e 's|/usr/local/share/doc/pipepost|$(DOCDIR)|g' {} +
	$(if $(filter yes,$(COMPAT)),install -d '$(DESTDIR)$(COMPATDIR)' && for p in makemap newaliases; do \
	  ln -srf '$(DESTDIR)$(LIBEXECDIR)'/$$p '$(DESTDIR)$(COMPATDIR)'/$$p || exit 1; done)

# After install-files, where both are to be made.
install-users: $(if $(filter install,$(MAKECMDGOALS)),install-files)
	'$(LIBEXECDIR)/install-users' $(USERS_OPTIONS)


# A Debian package, in BUILD/deb, of a copy of what is here.
DEB := $(BUILD)/deb/pipepost-$(VERSION)

deb: deps-deb
	rm -rf $(BUILD)/deb && mkdir -p $(DEB)
	tar -cf - --exclude='./build*' --exclude=./.git --exclude=./.peers --exclude=./demo . | tar -xf - -C $(DEB)
	cd $(DEB) && unset MAKEFLAGS MAKELEVEL && dpkg-buildpackage -us -uc -b $(DEB_OPTIONS)
	lintian --fail-on error --tag-display-limit 0 $(BUILD)/deb/pipepost_$(VERSION)_*.changes
	@ls -l $(BUILD)/deb/*.deb

# Builds the package twice, as two versions, and in a fresh Debian installs, upgrades and purges it.
check-deb: deps-deb
	BUILD_DIR='$(CURDIR)/$(BUILD)' sh t/deb/check

.PHONY: install install-files install-users deb check-deb
