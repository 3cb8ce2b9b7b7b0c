/* dns: questions to the name servers of this host, or to the one of PIPEPOST_RESOLVER.
 *
 * A question has five answers and takes at most DNS_SECONDS. Nothing is remembered from one to
 * the next: name servers do that. */
#ifndef PIPEPOST_DNS_H
#define PIPEPOST_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <skalibs/tai.h>

enum {
	DNS_NAME_MAX = 253,		/* octets of a name as text, RFC 1035 2.3.4 */
	DNS_LABEL_MAX = 63,		/* octets between two dots */
	DNS_RECORDS_MAX = 64,		/* of an answer; more are left out */
	DNS_ALIASES_MAX = 8,		/* CNAMEs in a row */
	DNS_SERVERS_MAX = 3,		/* of resolv.conf, as libc has it */
	DNS_ROUNDS_MAX = 5,		/* how often each server is asked: `options attempts` */
	DNS_ROUNDS = 2,			/* without that line */
	DNS_TRY_SECONDS_MAX = 30,	/* until the next server is asked: `options timeout` */
	DNS_TRY_SECONDS = 5,		/* without that line */
	DNS_SECONDS = 30,		/* for a question, aliases and all */
	DNS_WHY_MAX = 400,
	DNS_TEXTS_MAX = 4096,		/* octets of all TXT records of an answer; what does not fit is left out */
};

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28 };

enum dns_status {
	DNS_FOUND,
	DNS_NO_NAME,		/* proven: the name does not exist */
	DNS_NO_DATA,		/* proven: it does, without records of this type */
	DNS_LATER,		/* could not tell: no answer, a server's failure, garbage */
	DNS_BROKEN,		/* could not tell, and will not before somebody mends it: aliases
				 * in a ring, no usable PIPEPOST_RESOLVER */
};

struct dns_record {
	char name[DNS_NAME_MAX + 1];	/* MX, PTR: without closing dot; "." is the root, "" one that no host can have */
	uint16_t preference;		/* MX */
	unsigned char address[16];	/* A: the first four; AAAA */
	uint16_t text;			/* TXT: where its strings, joined, stand in the answer's texts */
	uint32_t ttl;			/* seconds */
};

struct dns_answer {
	struct dns_record records[DNS_RECORDS_MAX];	/* FOUND: at least one, in the server's order */
	size_t n;
	bool is_cut;			/* there were more */
	char name[DNS_NAME_MAX + 1];	/* the name the records belong to: the last alias's */
	char texts[DNS_TEXTS_MAX];	/* each with NUL; a NUL inside is a '?' */
	size_t texts_len;
	unsigned naliases;
	char why[DNS_WHY_MAX];		/* LATER, BROKEN: one line of printable text; else "" */
};

struct dns_server {
	struct sockaddr_storage address;
	socklen_t len;
};

struct dns {
	struct dns_server servers[DNS_SERVERS_MAX];
	size_t nservers;
	unsigned try_seconds, rounds;
	bool is_given;			/* by PIPEPOST_RESOLVER: the system's own names are not asked for either */
	const char *why;		/* NULL, or why every question is BROKEN */
	tain limit;			/* no question is waited for beyond this */
};

/* Prepares d for the server resolver, "address:port" ("[address]:port" for IPv6), or where it is NULL,
 * for those of /etc/resolv.conf; without such a file for the one on this host. Never fails: what is wrong
 * shows in the answers. Nothing has to be freed. */
void dns_open(struct dns *d, const char *resolver);

/* The same from the text of a resolv.conf. Pure. */
void dns_take_resolv_conf(struct dns *d, const char *s, size_t len);

/* Asks for the records of the name, which is taken as it is, a closing dot or not, and follows its aliases.
 * A name that no host can have is NO_NAME without asking. */
enum dns_status dns_ask(struct dns *d, struct dns_answer *a, const char *name, enum dns_type type);

/* Asks for the addresses (DNS_A, DNS_AAAA) of a host that an administrator has named: as this system
 * does it, hosts file and search list included, which takes as long as it takes; where
 * PIPEPOST_RESOLVER is set as dns_ask(), but for "localhost". */
enum dns_status dns_ask_host(struct dns *d, struct dns_answer *a, const char *name, enum dns_type type);

#endif
