/* auth_system: see auth_system.h. */
#include "smtp-recv/auth_system.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/hash.h"
#include "lib/helper.h"
#include "lib/passwd.h"
#include "lib/place.h"
#include "lib/wipe.h"
#include "smtp-recv/auth_check.h"

/* ---- PAM ---- */

#ifdef HAVE_PAM
#include <security/pam_appl.h>

struct answers {
	const char *login, *password;
};

/* Answers what PAM asks: without echo it is the password. PAM wipes and frees the copies. */
static int
converse(int n, const struct pam_message **messages, struct pam_response **responses, void *data)
{
	const struct answers *a = data;
	struct pam_response *r;

	if (n <= 0 || n > PAM_MAX_NUM_MSG || (r = calloc((size_t)n, sizeof *r)) == NULL)
		return PAM_CONV_ERR;
	for (int i = 0; i < n; i++) {
		int style = messages[i]->msg_style;

		if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON)
			r[i].resp = strdup(style == PAM_PROMPT_ECHO_OFF ? a->password : a->login);
	}
	*responses = r;
	return PAM_SUCCESS;
}

static enum checkpassword_exit
judge_pam(int r, const char *step, char *words)
{
	switch (r) {
	case PAM_SUCCESS:
		return CHECKPASSWORD_RIGHT;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_CRED_INSUFFICIENT:
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_PERM_DENIED:
		return CHECKPASSWORD_WRONG;
	default:
		snprintf(words, AUTH_WORDS_MAX, "PAM: %s: %s", step, pam_strerror(NULL, r));
		return CHECKPASSWORD_LATER;
	}
}

static enum checkpassword_exit
ask_pam(const char *login, const char *password, char *words)
{
	struct answers answers = { .login = login, .password = password };
	struct pam_conv conversation = { .conv = converse, .appdata_ptr = &answers };
	const int flags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
	pam_handle_t *pam = NULL;
	const char *step = "start";
	enum checkpassword_exit result;
	int r = pam_start("smtp", login, &conversation, &pam);

	if (r == PAM_SUCCESS) {
		step = "authenticate";
		r = pam_authenticate(pam, flags);
	}
	if (r == PAM_SUCCESS) {
		step = "account";
		r = pam_acct_mgmt(pam, flags);
	}
	result = judge_pam(r, step, words);
	if (pam != NULL)
		pam_end(pam, r);
	return result;
}

static const bool has_pam = true;

#else

static enum checkpassword_exit
ask_pam(const char *login, const char *password, char *words)
{
	(void)login, (void)password, (void)words;
	return CHECKPASSWORD_WRONG;
}

static const bool has_pam = false;

#endif

/* ---- shadow ---- */

/* Of the kind and cost that Debian 12 gives its accounts: for those that are not there. */
static const char usual_hash[] = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$42RgPIrXdXSEEs77lDi/4IqKVqFBAVaHJkzw5uD1r57";

/* *hash receives it, NUL-ended. */
static enum lookup
look_up(stralloc *hash, const char *login, char *words)
{
	stralloc why = STRALLOC_ZERO;
	char program[PATH_MAX];
	enum lookup answer = LOOKUP_LATER;
	size_t skip = strlen(login) + 1;

	if (!place_program(program, sizeof program, "shadow-lookup"))
		snprintf(words, AUTH_WORDS_MAX, "shadow-lookup: %s", strerror(errno));
	else
		answer = helper_ask(program, "-", SERVICE_CREDENTIALS, &login, 1, hash, &why);
	if (answer == LOOKUP_FOUND && (!stralloc_0(hash) || hash->len <= skip))
		answer = LOOKUP_LATER;
	if (why.len > 0)
		snprintf(words, AUTH_WORDS_MAX, "%.*s", (int)why.len, why.s);
	if (answer == LOOKUP_FOUND)
		memmove(hash->s, hash->s + skip, hash->len - skip);	/* "login:hash" */
	stralloc_free(&why);
	return answer;
}

static enum checkpassword_exit
compare(const char *hash, const char *login, const char *password, char *words)
{
	switch (hash_verify(hash, password)) {
	case HASH_MATCHES:
		return CHECKPASSWORD_RIGHT;
	case HASH_FAILED:
		snprintf(words, AUTH_WORDS_MAX, "the hash of %s: %s", login, strerror(errno));
		return CHECKPASSWORD_LATER;
	case HASH_UNKNOWN:	/* "x", or nothing: no password opens it */
		hash_spend(usual_hash, password);
		return CHECKPASSWORD_WRONG;
	case HASH_DIFFERS:
		break;
	}
	return CHECKPASSWORD_WRONG;
}

enum checkpassword_exit
auth_system_check(const char *login, const char *password, char *words)
{
	stralloc hash = STRALLOC_ZERO;
	enum checkpassword_exit result = CHECKPASSWORD_LATER;

	if (strpbrk(login, ":/") != NULL || *login == '-')
		return CHECKPASSWORD_WRONG;	/* no name of an account */
	if (has_pam && geteuid() == 0)
		return ask_pam(login, password, words);
	switch (look_up(&hash, login, words)) {
	case LOOKUP_FOUND:
		result = compare(hash.s, login, password, words);
		break;
	case LOOKUP_ABSENT:
	case LOOKUP_INACTIVE:
		if (has_pam && !passwd_is_all()) {
			result = ask_pam(login, password, words);
		} else {
			hash_spend(usual_hash, password);
			result = CHECKPASSWORD_WRONG;
		}
		break;
	case LOOKUP_LATER:
	case LOOKUP_BROKEN:
		break;
	}
	wipe_and_free(&hash);
	return result;
}
