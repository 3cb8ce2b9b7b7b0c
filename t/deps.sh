#!/bin/sh
# deps.sh PACKAGE...: makes sure that these Debian packages are there.
# deps.sh --peer PACKAGE LIBRARY...: unpacks PACKAGE below .peers/ and makes sure of the libraries it
# needs: for a program that tests talk to, but that must not be installed, because
# it would take the place of the host's own mail system or start a service.
#
# deps.sh --service PACKAGE...: the same as without, but only where that starts no service: on a
# host whose service manager runs, it prints the line to type for whoever wants it.
#
# As root it installs what is missing; otherwise it prints the line to type, and
# fails. Quiet when nothing is missing. It never removes a package.

cd "$(dirname "$0")/.." || exit 1
peer=
if test "$1" = --peer; then peer=$2; shift 2; fi
is_service=
if test "$1" = --service; then is_service=yes; shift; fi

missing()
{
	for p; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || printf '%s ' "$p"
	done
}

need=$(missing "$@")
if test -n "$need" && test -n "$is_service" && { test -d /run/systemd/system || test "$(id -u)" -ne 0; }; then
	echo "deps: not installed, since it may start a service (tests that need it are skipped): $need" >&2
	echo "deps: as root:  apt-get install --no-install-recommends $need" >&2
	exit 0
fi
if test -n "$need" && test "$(id -u)" -eq 0; then
	echo "deps: installing $need"
	DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND
	apt-get -q update || echo 'deps: apt-get update failed; trying with the lists that are here'
	apt-get -q -y --no-remove --no-install-recommends install $need || exit 1
	need=$(missing "$@")
fi
if test -n "$need"; then
	echo "deps: missing: $need" >&2
	echo "deps: as root:  apt-get install --no-install-recommends $need" >&2
	exit 1
fi

test -n "$peer" || exit 0
test -d ".peers/$peer" && exit 0
echo "deps: unpacking $peer into .peers/$peer (not installed, nothing is started)"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
(cd "$tmp" && apt-get -q -o APT::Sandbox::User=root download "$peer") || {
	echo "deps: cannot download $peer; tests that need it will be skipped" >&2
	exit 0
}
mkdir -p .peers && dpkg -x "$tmp/$peer"_*.deb "$tmp/root" && mv "$tmp/root" ".peers/$peer"
