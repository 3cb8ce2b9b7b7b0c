/* auth_program: see auth_program.h. Never as root or one of the mail system's own accounts. */
#include "smtp-recv/auth_program.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/account.h"

static enum checkpassword_exit
later(char *words, const char *login, const char *why)
{
	snprintf(words, AUTH_WORDS_MAX, "%s may log in, but %s", login, why);
	return CHECKPASSWORD_LATER;
}

static bool
fits(int n, size_t size)
{
	return n >= 0 && (size_t)n < size;
}

static bool
fill(struct auth_account *to, const char *name, uid_t uid, gid_t gid, const char *home, const char *shell)
{
	to->uid = uid;
	to->gid = gid;
	return fits(snprintf(to->name, sizeof to->name, "%s", name), sizeof to->name) &&
	    fits(snprintf(to->home, sizeof to->home, "%s", home), sizeof to->home) &&
	    fits(snprintf(to->shell, sizeof to->shell, "%s", *shell == '\0' ? "/bin/sh" : shell), sizeof to->shell);
}

static enum checkpassword_exit
find_system(const char *login, struct auth_account *to, char *words)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(login);
	if (pw == NULL)
		return later(words, login, errno == 0 || errno == ENOENT ? "is no account of this system" : strerror(errno));
	to->is_system = true;
	return fill(to, pw->pw_name, pw->pw_uid, pw->pw_gid, pw->pw_dir, pw->pw_shell) ? CHECKPASSWORD_RIGHT :
	    later(words, login, "its account has too long names");
}

static enum checkpassword_exit
find_row(const struct auth_check *a, const struct conf_table *t, const char *login, struct auth_account *to,
    char *words)
{
	const char *at = strrchr(login, '@');
	char name[CHECKPASSWORD_MAX + 1];
	struct userinfo u;
	stralloc why = STRALLOC_ZERO;
	enum checkpassword_exit result = CHECKPASSWORD_RIGHT;

	snprintf(name, sizeof name, "%.*s", at == NULL ? (int)strlen(login) : (int)(at - login), login);
	switch (table_userinfo(a->tables, t, name, at == NULL ? NULL : at + 1, &u, &why)) {
	case LOOKUP_FOUND:
		to->is_system = u.is_system;
		if (!fill(to, login, u.uid, u.gid, u.home, ""))
			result = later(words, login, "its home has too long a name");
		break;
	case LOOKUP_INACTIVE:
		result = CHECKPASSWORD_WRONG;
		break;
	case LOOKUP_ABSENT:
		snprintf(words, AUTH_WORDS_MAX, "%s may log in, but is not in table <%s>", login, t->name);
		result = CHECKPASSWORD_LATER;
		break;
	case LOOKUP_LATER:
	case LOOKUP_BROKEN:
		snprintf(words, AUTH_WORDS_MAX, "%.*s", (int)why.len, why.len > 0 ? why.s : "");
		result = CHECKPASSWORD_LATER;
		break;
	}
	table_set_end_recipient(a->tables);
	userinfo_free(&u);
	stralloc_free(&why);
	return result;
}

static bool
is_for_programs(const struct auth_account *a)
{
	struct private_accounts private;

	account_find_private(&private);
	return a->uid != 0 && a->gid != 0 && !account_is_private(&private, a->uid, a->gid);
}

/* The table with uid, gid and home; NULL: the accounts of the system. */
static bool
find_userbase(const struct auth_check *a, const struct conf_table **t, char *words)
{
	*t = NULL;
	if (a->is_system)
		return true;
	*t = auth_check_find_table(a, a->userbase != NULL ? a->userbase : a->table, words);
	if (*t == NULL)
		return false;
	if (a->userbase == NULL && ((*t)->kind == TABLE_INLINE || (*t)->kind == TABLE_FILE || (*t)->kind == TABLE_DB))
		*t = NULL;
	return true;
}

enum checkpassword_exit
auth_account_find(const struct auth_check *a, const char *login, struct auth_account *account, char *words)
{
	const struct conf_table *t;
	enum checkpassword_exit result;

	*account = (struct auth_account){ .is_system = false };
	if (!find_userbase(a, &t, words))
		return CHECKPASSWORD_LATER;
	result = t == NULL ? find_system(login, account, words) : find_row(a, t, login, account, words);
	return result == CHECKPASSWORD_RIGHT && !is_for_programs(account) ?
	    later(words, login, "nothing runs as root or an account of the mail system") : result;
}

bool
auth_account_become(const struct auth_account *account, char *words)
{
	const char *step = "its groups";
	bool is_done;

	/* Another process has said so, which had strangers' passwords in its hands. */
	if (!is_for_programs(account) || memchr(account->name, '\0', sizeof account->name) == NULL ||
	    memchr(account->home, '\0', sizeof account->home) == NULL ||
	    memchr(account->shell, '\0', sizeof account->shell) == NULL) {
		snprintf(words, AUTH_WORDS_MAX, "the check has named an account that nothing runs as");
		return false;
	}
	is_done = account->is_system ? initgroups(account->name, account->gid) == 0 : setgroups(0, NULL) == 0;

	if (is_done) {
		step = "its identity";
		is_done = setgid(account->gid) == 0 && setuid(account->uid) == 0;
	}
	if (is_done) {
		step = account->home;
		is_done = chdir(account->home) == 0;
	}
	if (is_done) {
		step = "the environment";
		is_done = setenv("USER", account->name, 1) == 0 && setenv("HOME", account->home, 1) == 0 &&
		    setenv("SHELL", account->shell, 1) == 0;
	}
	if (!is_done)
		snprintf(words, AUTH_WORDS_MAX, "%s may log in, but %s: %s", account->name, step, strerror(errno));
	return is_done;
}
