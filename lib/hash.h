/* hash: passwords as crypt(3) keeps them, of every kind that Debian's libcrypt knows: bcrypt
 * ("$2a$", "$2b$", "$2y$"), yescrypt ("$y$"), "$6$", "$5$", "$1$", the traditional ones ...
 *
 * A hash may have one of Dovecot's marks in front that say no more than it does itself
 * ("{BLF-CRYPT}$2y$..."). Passwords have been prepared (saslprep.h), by whoever makes the hash
 * and by whoever compares. What these functions worked on is wiped.
 *
 * Not for programs whose libc is musl: its crypt() knows half of them. */
#ifndef PIPEPOST_HASH_H
#define PIPEPOST_HASH_H

#include <stdbool.h>
#include <stddef.h>

enum {
	HASH_SIZE = 384,		/* octets of the longest hash with its NUL */
	HASH_PASSWORD_MAX = 511,	/* octets of a password; what crypt(3) takes */
	HASH_BCRYPT_PASSWORD_MAX = 72,	/* bcrypt does not look at what is behind them */
	HASH_BCRYPT_COST = 10,		/* 2^10 rounds, about 50 ms */
};

/* Makes a hash with a new salt. kind is "bcrypt" (also NULL: its 60 octets fit what tables of
 * users have room for, and everybody reads it), "yescrypt", "sha512" or "sha256"; cost 0 is the
 * kind's default. Fails with errno EINVAL (not such a kind or cost; an empty password), EMSGSIZE
 * (too long a password), ENOMEM, or that of getrandom(). */
bool hash_password(char hash[HASH_SIZE], const char *kind, unsigned long cost, const char *password);

enum hash_verdict {
	HASH_MATCHES,
	HASH_DIFFERS,	/* also a hash that is locked ("*", "!"): for which the time is spent all the same */
	HASH_UNKNOWN,	/* the hash is none that crypt(3) knows: its owner has to mend it */
	HASH_FAILED,	/* errno: ENOMEM ... */
};

/* Compares, in a time that tells nothing of where they differ. */
enum hash_verdict hash_verify(const char *hash, const char *password);

/* Whether crypt(3) knows what stands there, or it is locked. */
bool hash_is_known(const char *hash);

/* The hash in the entry "login:hash" or "hash" of a table; NULL where a side of the colon is empty. */
const char *hash_in_entry(const char *value);

/* Spends the time of hash_verify() with a hash of the same kind and cost as like (of the default
 * kind where that is NULL or none): for users that are not there. */
void hash_spend(const char *like, const char *password);

#endif
