/* address: mailboxes and paths of RFC 5321 (with RFC 6531), address lists of RFC 5322.
 *
 * The one address parser in the tree. All functions are pure. */
#ifndef PIPEPOST_ADDRESS_H
#define PIPEPOST_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

enum {
	ADDRESS_LOCAL_MAX = 128,	/* octets; 4.5.3.1.1 has 64, which VERP and SRS senders outgrow */
	ADDRESS_DOMAIN_MAX = 255,	/* octets, RFC 5321 4.5.3.1.2 */
	ADDRESS_LABEL_MAX = 63,		/* octets between two dots, RFC 1035 2.3.4 */
	ADDRESS_PATH_MAX = 256,		/* octets with the brackets, 4.5.3.1.3 */
};

/* Reads one path, "<mailbox>" or "<>" (a source route before ':' is dropped),
 * from the start of s[0..len).
 *
 * mailbox  receives the text between the brackets, no NUL; the local part as
 *          the peer wrote it but without needless quoting ("a"@b becomes a@b).
 *          Dots may stand anywhere in it, as some providers' addresses have them.
 *          The caller frees it. After a failure its content is unspecified.
 * used     receives the number of octets consumed, brackets included.
 * Fails with errno EPROTO (not a path), EMSGSIZE (a part is too long), EILSEQ
 * (octets over 127 that are not UTF-8), ENOMEM. An empty mailbox is a success,
 * and so is one without "@domain": only the caller knows where they are legal. */
bool address_scan_path(stralloc *mailbox, size_t *used, const char *s, size_t len);

/* Whether s[0..len) is a mailbox, local-part@domain, as above. */
bool address_is_mailbox(const char *s, size_t len);

/* Whether s[0..len) is a domain of RFC 5321 4.1.2 (letters, digits, hyphens,
 * dots; UTF-8 labels; an IPv4 or IPv6 literal in brackets). The underscores
 * that real names have are let through, a closing dot is not. */
bool address_is_domain(const char *s, size_t len);

/* The offset of the '@' that ends the local part (quoted local parts hold
 * others), or len where there is none. */
size_t address_find_at(const char *s, size_t len);

/* Whether any octet of s is over 127: the address needs SMTPUTF8. */
bool address_is_international(const char *s, size_t len);

/* Whether the domain is an address literal ("[127.0.0.1]", "[IPv6:::1]"). */
bool address_is_literal(const char *domain, size_t len);

/* Lower-cases ASCII letters in place. */
void address_lowercase(char *s, size_t len);

/* Appends the mailboxes of a header field's value (RFC 5322 3.4: lists, display
 * names, comments, groups, obsolete routes, folding) to *to, each followed by
 * NUL. A mailbox without domain is appended as it is. *is_clean receives true, or
 * false where something could not be read as an address and was skipped (up to
 * the next comma).
 * Fails with errno ENOMEM only. */
bool address_list_append(stralloc *to, bool *is_clean, const char *value, size_t len);

#endif
