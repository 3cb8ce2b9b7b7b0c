/* sendmail_options: see sendmail_options.h.
 *
 * Every option that a known program passes to sendmail(8) is in one table; what
 * means nothing here is accepted and does nothing. An option that is not in the
 * table is an error: guessing whether it takes an argument would turn an
 * argument into a recipient. */
#include "queue-inject/sendmail_options.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* What stands behind an option's letter. */
enum argument {
	NONE,		/* nothing: another letter may follow */
	ATTACHED,	/* perhaps something, but only in the same word */
	REQUIRED,	/* something: the rest of the word, or the next word */
};

struct option {
	char letter;
	enum argument argument;
	/* NULL: accepted, does nothing. On failure it returns false with *why set. */
	bool (*act)(struct sendmail_options *o, const char *value, const char **why);
};

/* ---- what the options do ---- */

static bool
set_foreground_daemon(struct sendmail_options *o)
{
	o->is_foreground = true;
	o->mode = SENDMAIL_DAEMON;
	return true;
}

static bool
set_mode(struct sendmail_options *o, const char *value, const char **why)
{
	static const struct {
		char letter;
		enum sendmail_mode mode;
	} modes[] = {
		{ 'm', SENDMAIL_SUBMIT }, { 's', SENDMAIL_SMTP }, { 'p', SENDMAIL_MAILQ },
		{ 'i', SENDMAIL_ALIASES }, { 'd', SENDMAIL_DAEMON }, { 'l', SENDMAIL_DAEMON },
		{ 'v', SENDMAIL_VERIFY }, { 'h', SENDMAIL_NOTHING }, { 'H', SENDMAIL_NOTHING },
		{ 'P', SENDMAIL_NOTHING },
	};

	if (value[0] != '\0' && value[1] == '\0') {
		if (value[0] == 'D')
			return set_foreground_daemon(o);
		for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
			if (modes[i].letter == value[0]) {
				o->mode = modes[i].mode;
				return true;
			}
	}
	*why = "-b takes one of m, s, p, i, d, D, l, v, h, H, P";
	return false;
}

static bool
set_aliases_mode(struct sendmail_options *o, const char *value, const char **why)
{
	(void)value, (void)why;
	o->mode = SENDMAIL_ALIASES;
	return true;
}

static bool
set_header_recipients(struct sendmail_options *o, const char *value, const char **why)
{
	(void)value, (void)why;
	o->takes_header_recipients = true;
	return true;
}

static bool
set_verbose(struct sendmail_options *o, const char *value, const char **why)
{
	(void)value, (void)why;
	o->is_verbose = true;
	return true;
}

static bool
set_reverse_path(struct sendmail_options *o, const char *value, const char **why)
{
	(void)why;
	o->reverse_path = value;
	return true;
}

static bool
set_full_name(struct sendmail_options *o, const char *value, const char **why)
{
	(void)why;
	o->full_name = value;
	return true;
}

/* The letter of the word that value begins with, and its length; 0: no word of NOTIFY. */
static char
scan_notify_word(const char *value, size_t *len)
{
	static const char *const words[] = { "success", "failure", "delay" };

	*len = strcspn(value, ",");
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strlen(words[i]) == *len && strncasecmp(value, words[i], *len) == 0)
			return words[i][0];
	return '\0';
}

static bool
set_notify(struct sendmail_options *o, const char *value, const char **why)
{
	size_t n = 0, len;

	if (strcasecmp(value, "never") == 0) {
		o->notify = "never";
		return true;
	}
	for (;; value += len + 1) {
		char letter = scan_notify_word(value, &len);

		if (letter == '\0') {
			*why = "-N takes never, or a list of success, failure, delay";
			return false;
		}
		if (memchr(o->notify_letters, letter, n) == NULL)
			o->notify_letters[n++] = letter;
		if (value[len] == '\0')
			break;
	}
	o->notify_letters[n] = '\0';
	o->notify = o->notify_letters;
	return true;
}

static bool
set_ret(struct sendmail_options *o, const char *value, const char **why)
{
	if (strcasecmp(value, "full") == 0)
		o->ret = "FULL";
	else if (strcasecmp(value, "hdrs") == 0)
		o->ret = "HDRS";
	else
		*why = "-R takes hdrs or full";
	return *why == NULL;
}

static bool
set_envid(struct sendmail_options *o, const char *value, const char **why)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~')
			len = 0;
	if (len == 0 || len > SENDMAIL_ENVID_MAX)
		*why = "-V takes 1 to 100 printable ASCII characters";
	o->envid = value;
	return *why == NULL;
}

static bool
set_body(struct sendmail_options *o, const char *value, const char **why)
{
	(void)why;
	if (strcasecmp(value, "8BITMIME") == 0)
		o->body = "8BITMIME";
	else if (strcasecmp(value, "7BIT") == 0)
		o->body = "7BIT";
	return true;	/* other types are other MTAs' */
}

/* -ox: settings of old. All are accepted, but a lone -o would make the
 * setting behind it a recipient. */
static bool
set_setting(struct sendmail_options *o, const char *value, const char **why)
{
	if (*value == 'v')
		o->is_verbose = true;
	if (*value == 'A')
		o->aliases = value + 1;
	if (*value == '\0')
		*why = "-o needs its letter in the same word";
	return *why == NULL;
}

/* -O Name=value: one name counts. */
static bool
set_named_setting(struct sendmail_options *o, const char *value, const char **why)
{
	static const char aliases[] = "AliasFile=";

	(void)why;
	if (strncasecmp(value, aliases, sizeof aliases - 1) == 0)
		o->aliases = value + sizeof aliases - 1;
	return true;
}

/* What is scheduled is known by its id or by its domain. */
static bool
set_domain(struct sendmail_options *o, const char *value, const char **why)
{
	o->mode = SENDMAIL_SCHEDULE;
	o->domain = *value == '@' ? value + 1 : value;
	if (*o->domain == '\0' || strchr(o->domain, '@') != NULL)
		*why = "-qR needs a domain in the same word";
	return *why == NULL;
}

/* -q and its kinds. Intervals mean nothing: cron or svscan starts queue-run. */
static bool
set_queue_run(struct sendmail_options *o, const char *value, const char **why)
{
	switch (*value) {
	case '\0':
		o->mode = SENDMAIL_RUN_QUEUE;
		return true;
	case 'f':
		o->mode = SENDMAIL_RUN_QUEUE;
		o->is_foreground = true;
		return true;
	case 'I':
		o->mode = SENDMAIL_SCHEDULE;
		o->queue_id = value + 1;
		if (value[1] == '\0')
			*why = "-qI needs a queue id in the same word";
		return *why == NULL;
	case 'R':
		return set_domain(o, value + 1, why);
	case 'S':
		o->mode = SENDMAIL_SCHEDULE;
		o->sender = value + 1;
		if (value[1] == '\0')
			*why = "-qS needs a part of the sender's address in the same word";
		return *why == NULL;
	case '!':
	case 'G':
	case 'L':
	case 'Q':
		*why = "of the selections of -q only -qI ID, -qR DOMAIN and -qS SENDER are known; see smtpctl schedule";
		return false;
	default:	/* an interval: sendmail_read_options says so */
		if (o->mode == SENDMAIL_SUBMIT)
			o->mode = SENDMAIL_NOTHING;
		return true;
	}
}

static const struct option options[] = {
	{ 'A', REQUIRED, NULL },
	{ 'B', REQUIRED, set_body },
	{ 'C', REQUIRED, NULL },	/* never another configuration by somebody's wish */
	{ 'D', REQUIRED, NULL },
	{ 'E', ATTACHED, NULL },
	{ 'F', REQUIRED, set_full_name },
	{ 'G', NONE, NULL },
	{ 'I', NONE, set_aliases_mode },
	{ 'J', ATTACHED, NULL },
	{ 'L', REQUIRED, NULL },
	{ 'N', REQUIRED, set_notify },
	{ 'O', REQUIRED, set_named_setting },
	{ 'Q', ATTACHED, NULL },
	{ 'R', REQUIRED, set_ret },
	{ 'U', NONE, NULL },
	{ 'V', REQUIRED, set_envid },
	{ 'X', REQUIRED, NULL },
	{ 'b', REQUIRED, set_mode },
	{ 'd', ATTACHED, NULL },
	{ 'e', REQUIRED, NULL },
	{ 'f', REQUIRED, set_reverse_path },
	{ 'h', REQUIRED, NULL },
	{ 'i', NONE, NULL },		/* a dot never ends the message anyway */
	{ 'm', NONE, NULL },
	{ 'n', NONE, NULL },
	{ 'o', ATTACHED, set_setting },
	{ 'p', REQUIRED, NULL },
	{ 'q', ATTACHED, set_queue_run },
	{ 'r', REQUIRED, set_reverse_path },
	{ 's', NONE, NULL },
	{ 't', NONE, set_header_recipients },
	{ 'v', NONE, set_verbose },
	{ 'x', NONE, NULL },
};

static const struct option *
find_option(char letter)
{
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

/* ---- the command line ---- */

/* One word that begins with '-'. *next is the word behind it (NULL: none),
 * *is_next_used whether it was this one's argument. */
static bool
read_word(struct sendmail_options *o, const char *word, const char *next, bool *is_next_used, const char **why)
{
	*is_next_used = false;
	while (*word != '\0') {
		const struct option *option = find_option(*word++);
		const char *value = "";

		if (option == NULL) {
			*why = "there is no such option";
			return false;
		}
		if (option->argument != NONE) {
			value = word;
			word += strlen(word);
		}
		if (option->argument == REQUIRED && *value == '\0') {
			if (next == NULL) {
				*why = "the option needs an argument";
				return false;
			}
			value = next;
			*is_next_used = true;
		}
		if (option->act != NULL && !option->act(o, value, why))
			return false;
	}
	return true;
}

/* The mode that goes with the name of the command. */
static enum sendmail_mode
mode_of_name(const char *path)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');
	const char *name = path == NULL ? "" : slash == NULL ? path : slash + 1;

	if (strcmp(name, "mailq") == 0)
		return SENDMAIL_MAILQ;
	if (strcmp(name, "newaliases") == 0)
		return SENDMAIL_ALIASES;
	if (strcmp(name, "hoststat") == 0 || strcmp(name, "purgestat") == 0)
		return SENDMAIL_NOTHING;
	return SENDMAIL_SUBMIT;
}

static bool
is_interval(const char *word)
{
	return word[0] == '-' && word[1] == 'q' && word[2] != '\0' && strchr("0123456789p", word[2]) != NULL;
}

bool
sendmail_read_options(struct sendmail_options *o, const char *const *argv, const char **why, const char **notice)
{
	bool is_next_used;

	*o = (struct sendmail_options){ .notify = "", .ret = "", .body = "" };
	*why = *notice = NULL;
	o->mode = mode_of_name(argv[0]);
	o->arguments = argv[0] == NULL ? argv : argv + 1;
	if (o->mode != SENDMAIL_SUBMIT)
		return true;	/* another command, which has options of its own */
	while (*o->arguments != NULL && (*o->arguments)[0] == '-' && (*o->arguments)[1] != '\0') {
		const char *word = *o->arguments++;

		if (strcmp(word, "--") == 0)
			break;
		if (is_interval(word))
			*notice = "an interval for -q means nothing here: cron or a supervisor runs queue-run";
		if (!read_word(o, word + 1, *o->arguments, &is_next_used, why))
			return false;
		o->arguments += is_next_used;
	}
	return true;
}
