/* dns_message: the octets of a question and of an answer (RFC 1035 4). Pure; private to lib/dns*.c. */
#ifndef PIPEPOST_DNS_MESSAGE_H
#define PIPEPOST_DNS_MESSAGE_H

#include "lib/dns.h"

enum {
	DNS_QUESTION_MAX = 12 + 255 + 4 + 11,	/* head, name, type and class, EDNS */
	DNS_DATAGRAM_MAX = 1232,		/* octets we ask for: fits every path's MTU */
	DNS_MESSAGE_MAX = 65535,
};

struct dns_question {
	uint16_t id;
	const char *name;	/* one that dns_is_name() */
	enum dns_type type;
	bool is_plain;		/* without EDNS (RFC 6891) */
};

enum dns_reading {
	DNS_READ_FOUND,
	DNS_READ_NO_NAME,
	DNS_READ_NO_DATA,
	DNS_READ_ALIAS,		/* a->name has to be asked for */
	DNS_READ_RING,		/* aliases without end, or to what is no name */
	DNS_READ_CUT,		/* to be asked again over TCP */
	DNS_READ_PLAIN,		/* to be asked again without EDNS */
	DNS_READ_FAILED,	/* the server cannot tell: a->why */
	DNS_READ_ALIEN,		/* it is no answer to this question */
};

/* Whether a host can have this name: letters, digits, '-', '_' and '/', DNS_LABEL_MAX to a label, no closing dot. */
bool dns_is_name(const char *name);

/* Writes the question to s[0..DNS_QUESTION_MAX) and returns its length. */
size_t dns_write_question(unsigned char *s, const struct dns_question *q);

/* Reads an answer. Records are set after FOUND only; a->name is q->name or where its aliases have led to. a->naliases
 * goes on from what it was. */
enum dns_reading dns_read_answer(struct dns_answer *a, const struct dns_question *q, const unsigned char *s,
    size_t len);

#endif
