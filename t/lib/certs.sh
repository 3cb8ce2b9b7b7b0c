# Certificates for tests, made by openssl: sourced after lib.sh.

# make_authority NAME [KEY-ARGUMENTS]: an authority of its own, $CERTS/NAME.pem
make_authority()
{
	t_name=$1; shift
	test $# -gt 0 || set -- rsa:2048
	openssl req -x509 -newkey "$@" -nodes -sha256 -days 30 -subj "/O=Tests/CN=authority $t_name" \
		-keyout "$CERTS/$t_name.key" -out "$CERTS/$t_name.pem" 2>>"$CERTS/said" || bail_out "openssl: $(tail -n 3 "$CERTS/said")"
}

# make_certificate NAME AUTHORITY SAN KEY-ARGUMENTS... [-- CA-ARGUMENTS...]: $CERTS/NAME.pem and .key.
# SAN as in DNS:mail.example.org; "" for a certificate without
make_certificate()
{
	t_name=$1 t_ca=$2 t_san=$3 t_common=${3#DNS:} t_key=
	shift 3
	while test $# -gt 0 && test "$1" != --; do t_key="$t_key $1"; shift; done
	test $# -gt 0 && shift
	t_common=${t_common%%,*}
	test -d "$CERTS/$t_ca.ca" || { mkdir "$CERTS/$t_ca.ca" && : >"$CERTS/$t_ca.ca/index.txt"; }
	cat >"$CERTS/$t_ca.conf" <<-EOT
	[ca]
	default_ca = here
	[here]
	dir = $CERTS/$t_ca.ca
	database = $CERTS/$t_ca.ca/index.txt
	new_certs_dir = $CERTS/$t_ca.ca
	rand_serial = yes
	default_md = sha256
	default_days = 20
	unique_subject = no
	policy = anything
	x509_extensions = leaf
	[anything]
	commonName = supplied
	[leaf]
	basicConstraints = CA:FALSE
	${t_san:+subjectAltName = $t_san}
	[middle]
	basicConstraints = critical, CA:TRUE
	keyUsage = keyCertSign
	EOT
	openssl req -new -newkey ${t_key:-rsa:2048} -nodes -subj "/CN=${t_common:-$t_name}" \
		-keyout "$CERTS/$t_name.key" -out "$CERTS/$t_name.csr" 2>>"$CERTS/said" &&
	openssl ca -batch -notext -config "$CERTS/$t_ca.conf" -cert "$CERTS/$t_ca.pem" -keyfile "$CERTS/$t_ca.key" \
		-in "$CERTS/$t_name.csr" -out "$CERTS/$t_name.pem" "$@" 2>>"$CERTS/said" ||
		bail_out "openssl: $(tail -n 5 "$CERTS/said")"
}

make_certs_dir()
{
	CERTS=$SANDBOX/certs
	mkdir "$CERTS"
}
