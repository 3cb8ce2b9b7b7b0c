/* hash: see hash.h. */
#include "lib/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <crypt.h>

_Static_assert(HASH_SIZE == CRYPT_OUTPUT_SIZE, "the longest hash");
_Static_assert(HASH_PASSWORD_MAX == CRYPT_MAX_PASSPHRASE_SIZE - 1, "the longest password");

/* What stands for no user, or a locked one: nobody knows a password for it. */
static const char nobodys[] = "$2b$10$pipepostpipepostpipepeUOIk8kSE51eF2Wnk5yjVSbP3gcKsXUy";

static const struct kind {
	const char *name;
	const char *prefix;
	unsigned long cost;	/* 0: libcrypt's default */
	size_t password_max;
} kinds[] = {
	{ "bcrypt", "$2b$", HASH_BCRYPT_COST, HASH_BCRYPT_PASSWORD_MAX },
	{ "yescrypt", "$y$", 0, HASH_PASSWORD_MAX },
	{ "sha512", "$6$", 0, HASH_PASSWORD_MAX },
	{ "sha256", "$5$", 0, HASH_PASSWORD_MAX },
};

/* ---- crypt(3) ---- */

/* On failure false, with errno EINVAL (not such a setting), ERANGE, ENOMEM. */
static bool
crypt_to(char hash[HASH_SIZE], const char *password, const char *setting)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	const char *result;
	int e;

	if (data == NULL)
		return false;
	result = crypt_rn(password, setting, data, (int)sizeof *data);
	e = errno;
	if (result != NULL)
		memcpy(hash, result, strlen(result) + 1);
	explicit_bzero(data, sizeof *data);
	free(data);
	errno = e;
	return result != NULL;
}

bool
hash_password(char hash[HASH_SIZE], const char *kind, unsigned long cost, const char *password)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	size_t i = 0, len = strlen(password);

	while (kind != NULL && i < sizeof kinds / sizeof kinds[0] && strcmp(kinds[i].name, kind) != 0)
		i++;
	if (i == sizeof kinds / sizeof kinds[0] || len == 0) {
		errno = EINVAL;
		return false;
	}
	if (len > kinds[i].password_max) {
		errno = EMSGSIZE;
		return false;
	}
	if (crypt_gensalt_rn(kinds[i].prefix, cost == 0 ? kinds[i].cost : cost, NULL, 0, setting,
		(int)sizeof setting) == NULL)
		return false;
	return crypt_to(hash, password, setting);
}

/* ---- comparing ---- */

/* Skips a mark of Dovecot's behind which a hash of crypt(3) stands. */
static const char *
skip_mark(const char *hash)
{
	static const char *const marks[] = {
		"{BLF-CRYPT}", "{SHA512-CRYPT}", "{SHA256-CRYPT}", "{MD5-CRYPT}", "{DES-CRYPT}", "{CRYPT}",
	};

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if (strncmp(hash, marks[i], strlen(marks[i])) == 0)
			return hash + strlen(marks[i]);
	return hash;
}

/* Traditional hashes have no mark, and crypt(3) takes any word for the beginning of one: a
 * password that stands there as it is must not look like a hash that never matches. */
static bool
may_be_traditional(const char *hash)
{
	static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	size_t len = strlen(hash);

	return strspn(hash, digits) == len && len >= 13 && (len - 2) % 11 == 0;
}

static bool
is_known(const char *hash)
{
	int check;

	if (strlen(hash) >= HASH_SIZE || (*hash != '$' && *hash != '_' && !may_be_traditional(hash)))
		return false;
	check = crypt_checksalt(hash);
	return check == CRYPT_SALT_OK || check == CRYPT_SALT_METHOD_LEGACY || check == CRYPT_SALT_TOO_CHEAP;
}

/* Of two hashes, the length of the first is no secret. */
static bool
is_same(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char difference = 0;

	if (strlen(b) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return *(volatile unsigned char *)&difference == 0;
}

bool
hash_is_known(const char *hash)
{
	hash = skip_mark(hash);
	return *hash == '*' || *hash == '!' || is_known(hash);
}

/* No hash of crypt(3) has a colon. */
const char *
hash_in_entry(const char *value)
{
	const char *colon = strchr(value, ':');

	if (colon == NULL)
		return *value == '\0' ? NULL : value;
	return colon == value || colon[1] == '\0' ? NULL : colon + 1;
}

void
hash_spend(const char *like, const char *password)
{
	char result[HASH_SIZE];

	like = like == NULL ? nobodys : skip_mark(like);
	if (crypt_to(result, password, is_known(like) ? like : nobodys))
		explicit_bzero(result, sizeof result);
}

enum hash_verdict
hash_verify(const char *hash, const char *password)
{
	char result[HASH_SIZE];
	bool matches;

	hash = skip_mark(hash);
	if (*hash == '*' || *hash == '!') {
		hash_spend(hash + strspn(hash, "*!"), password);
		return HASH_DIFFERS;
	}
	if (!is_known(hash))
		return HASH_UNKNOWN;
	if (!crypt_to(result, password, hash))
		return errno == EINVAL ? HASH_UNKNOWN : errno == ERANGE ? HASH_DIFFERS : HASH_FAILED;
	matches = is_same(hash, result);
	explicit_bzero(result, sizeof result);
	return matches ? HASH_MATCHES : HASH_DIFFERS;
}
