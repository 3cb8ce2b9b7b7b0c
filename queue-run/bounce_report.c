/* bounce_report: see bounce_report.h.
 *
 * First the words for a person, then the same for programs, then what came
 * back. A line of the notice is never longer than BOUNCE_LINE_MAX. */
#include "queue-run/bounce_report.h"

#include <string.h>

#include "lib/address.h"
#include "lib/message.h"
#include "lib/printable.h"
#include "queue-run/bounce_text.h"

static bool
is_global(const struct notice *n)
{
	return n->is_smtputf8;
}

static size_t
count_recipients(const struct notice *n)
{
	return genalloc_len(struct notice_recipient, &n->recipients);
}

static const struct notice_recipient *
recipient(const struct notice *n, size_t i)
{
	return genalloc_s(struct notice_recipient, &n->recipients) + i;
}

bool
bounce_report_append_addressee(stralloc *to, const struct notice *n)
{
	if (n->kind == NOTICE_DOUBLE)
		return stralloc_cats(to, "postmaster@") && stralloc_cats(to, n->host);
	return stralloc_cats(to, n->reverse_path);
}

/* ---- the header ---- */

static const char *
subject(enum notice_kind kind)
{
	switch (kind) {
	case NOTICE_FAILURE:
		return "Your message could not be delivered";
	case NOTICE_DELAY:
		return "Your message is delayed; delivery goes on";
	case NOTICE_SUCCESS:
		return "Your message was delivered";
	case NOTICE_DOUBLE:
		return "A notice to a sender could not be delivered";
	}
	return "";
}

/* The original's Message-ID, where it is one, so that the notice is shown beside it. */
static bool
append_references(stralloc *to, const char *text, size_t len)
{
	struct message_field f;
	size_t at = 0;

	while (message_next_field(&f, &at, text, len)) {
		const char *s = f.value;
		size_t n = f.value_len, i = 0;

		if (!message_field_is(&f, "Message-ID"))
			continue;
		while (n > 0 && (s[0] == ' ' || s[0] == '\t'))
			s++, n--;
		while (n > 0 && s[n - 1] == '\n')
			n--;
		while (i < n && s[i] > ' ' && s[i] < 127)
			i++;
		if (i < n || n < 3 || n > BOUNCE_LINE_MAX / 2 || s[0] != '<' || s[n - 1] != '>')
			return true;
		return stralloc_cats(to, "References: ") && stralloc_catb(to, s, n) && stralloc_cats(to, "\n");
	}
	return true;
}

static bool
append_header(stralloc *to, const struct notice *n, const char *text, size_t len, const char *unique,
    int64_t now)
{
	stralloc addressee = STRALLOC_ZERO;
	bool is_done = bounce_report_append_addressee(&addressee, n) &&
	    stralloc_cats(to, "From: Mail Delivery System <MAILER-DAEMON@") && stralloc_cats(to, n->host) &&
	    stralloc_cats(to, ">\nTo: <") && printable_append(to, addressee.s, addressee.len) &&
	    stralloc_cats(to, ">\nSubject: ") && stralloc_cats(to, subject(n->kind)) &&
	    stralloc_cats(to, "\nDate: ") && message_append_date(to, now) &&
	    stralloc_cats(to, "\nMessage-ID: <") && stralloc_cats(to, unique) && stralloc_cats(to, ".notice@") &&
	    stralloc_cats(to, n->host) && stralloc_cats(to, ">\n") && append_references(to, text, len) &&
	    stralloc_cats(to, "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
		"Content-Type: multipart/report; report-type=") &&
	    stralloc_cats(to, is_global(n) ? "global-delivery-status" : "delivery-status") &&
	    stralloc_cats(to, ";\n\tboundary=\"=_") && stralloc_cats(to, unique) && stralloc_cats(to, "\"\n");

	stralloc_free(&addressee);
	return is_done;
}

/* Begins a part: what its Content-Type is, and whether it holds octets over 127. */
static bool
append_part(stralloc *to, const char *unique, const char *type, const char *what, bool is_8bit)
{
	return stralloc_cats(to, "\n--=_") && stralloc_cats(to, unique) && stralloc_cats(to, "\nContent-Type: ") &&
	    stralloc_cats(to, type) && stralloc_cats(to, "\nContent-Description: ") && stralloc_cats(to, what) &&
	    stralloc_cats(to, is_8bit ? "\nContent-Transfer-Encoding: 8bit\n\n" : "\n\n");
}

/* ---- the words ---- */

/* What a person can do about a failure with this enhanced status code. */
static const char *
advice(const char *status)
{
	static const struct {
		const char *detail;	/* the code behind its class, or the beginning of that */
		const char *words;
	} known[] = {
		{ "1.8", "The address that the message came from was not accepted there. Check the address "
		    "that your mail program sends from." },
		{ "1.7", "The address that the message came from was not accepted there. Check the address "
		    "that your mail program sends from." },
		{ "1.", "Check the address for mistakes. If it is right, it may no longer be in use." },
		{ "2.2", "The mailbox is full. Try again later, or tell the recipient in another way." },
		{ "2.3", "The message is too large for this recipient. Send a smaller one, or several." },
		{ "3.4", "The message is too large for this recipient. Send a smaller one, or several." },
		{ "2.", "Something is wrong with the recipient's mailbox. Tell the recipient in another way." },
		{ "4.6", "The message went round in a circle. The recipient's administrator can mend that." },
		{ "4.", "The recipient's mail server could not be reached, or did not take the message in time. "
		    "Send it again later." },
		{ "6.", "The recipient's server cannot take a message of this form. "
		    "Send it as plain text, or without attachments." },
		{ "7.", "The recipient's server refuses the message by its rules. "
		    "Ask the recipient, or the administrator there." },
	};
	const char *detail = strlen(status) > 2 ? status + 2 : "";

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		size_t n = strlen(known[i].detail);

		if (strncmp(detail, known[i].detail, n) == 0 && (known[i].detail[n - 1] == '.' || detail[n] == '\0'))
			return known[i].words;
	}
	return "If the reason above does not help, ask the postmaster of this mail system.";
}

static const char *
opening(enum notice_kind kind)
{
	switch (kind) {
	case NOTICE_FAILURE:
		return "could not be delivered to the recipients below. Nothing further will be tried for them.";
	case NOTICE_DELAY:
		return "has not reached the recipients below yet. This mail system goes on trying. You need not "
		    "do anything, and need not send the message again.";
	case NOTICE_SUCCESS:
		return "has arrived as told below.";
	case NOTICE_DOUBLE:
		return "";
	}
	return "";
}

/* "Your message of DATE, " */
static bool
append_opening(stralloc *to, const struct notice *n)
{
	stralloc s = STRALLOC_ZERO;
	bool is_done;

	if (n->kind == NOTICE_DOUBLE)
		return bounce_append_wrapped(to, "", "A notice about a message that failed could not be delivered to "
		    "the sender of that message. Nothing further will be tried. The notice is attached, so that "
		    "you see what went wrong, and whether it needs your attention.", true);
	is_done = stralloc_cats(&s, "Your message");
	if (is_done && n->arrived > 0)
		is_done = stralloc_cats(&s, " of ") && message_append_date(&s, n->arrived);
	is_done = is_done && stralloc_cats(&s, " ") && stralloc_cats(&s, opening(n->kind)) && stralloc_0(&s) &&
	    bounce_append_wrapped(to, "", s.s, true);
	stralloc_free(&s);
	return is_done;
}

/* What became of a recipient that is neither failed nor delayed. */
static const char *
success_words(enum notice_action action)
{
	switch (action) {
	case NOTICE_DELIVERED:
		return "Delivered into the mailbox.";
	case NOTICE_RELAYED:
		return "Passed on to a mail server that does not send notices of delivery itself.";
	case NOTICE_EXPANDED:
		return "Passed on to everybody whom this address stands for. No more notices follow.";
	case NOTICE_FAILED:
	case NOTICE_DELAYED:
		break;
	}
	return "";
}

/* Whether it failed since what was not for good went on for too long. */
static bool
is_given_up(const struct notice *n, const struct notice_recipient *r)
{
	char status[BOUNCE_STATUS_MAX];

	return n->kind == NOTICE_FAILURE && *bounce_find_status(status, r) == '4';
}

static bool
append_reason_words(stralloc *to, const struct notice *n, const struct notice_recipient *r)
{
	if (*success_words(r->action) != '\0')
		return bounce_append_wrapped(to, "    ", success_words(r->action), true);
	if (is_given_up(n, r) && !bounce_append_wrapped(to, "    ", "It was tried again and again, until this mail system "
	    "gave up. The last time:", true))
		return false;
	if (*r->remote != '\0') {
		if (!stralloc_cats(to, "    The mail server ") ||
		    !printable_append(to, r->remote, strnlen(r->remote, ADDRESS_DOMAIN_MAX)) ||
		    !stralloc_cats(to, " said:\n"))
			return false;
	}
	return bounce_append_wrapped(to, "    ", *r->reason != '\0' ? r->reason : "No reason was given.", true);
}

static bool
append_recipient_words(stralloc *to, const struct notice *n, const struct notice_recipient *r)
{
	char status[BOUNCE_STATUS_MAX];

	if (!stralloc_cats(to, "\n") || !bounce_append_wrapped(to, "  ", r->address, true))
		return false;
	if (*r->original != '\0' && strcmp(r->original, r->address) != 0 &&
	    !(stralloc_cats(to, "    You sent it to:\n") && bounce_append_wrapped(to, "    ", r->original, true)))
		return false;
	if (!append_reason_words(to, n, r))
		return false;
	if (n->kind == NOTICE_FAILURE)
		return stralloc_cats(to, "\n") &&
		    bounce_append_wrapped(to, "    ", advice(bounce_find_status(status, r)), true);
	if (n->kind == NOTICE_DELAY && r->retry_until > 0)
		return stralloc_cats(to, "    Tried until ") && message_append_date(to, r->retry_until) &&
		    stralloc_cats(to, ".\n");
	return true;
}

static bool
append_closing(stralloc *to, const struct notice *n, bool is_full)
{
	return stralloc_cats(to, "\nFor help, write to postmaster@") && stralloc_cats(to, n->host) &&
	    stralloc_cats(to, "\nand name the message ") && printable_append(to, n->id, strlen(n->id)) &&
	    stralloc_cats(to, is_full ? ".\n\nThe message is attached below.\n" :
		".\n\nThe header of the message is attached below.\n");
}

static bool
append_words(stralloc *to, const struct notice *n, bool is_full)
{
	size_t count = count_recipients(n), listed = count < BOUNCE_LISTED_MAX ? count : BOUNCE_LISTED_MAX;

	if (!stralloc_cats(to, "This is the mail system at ") || !stralloc_cats(to, n->host) ||
	    !stralloc_cats(to, ".\n\n") || !append_opening(to, n))
		return false;
	for (size_t i = 0; i < listed; i++)
		if (!append_recipient_words(to, n, recipient(n, i)))
			return false;
	if (listed < count && !stralloc_cats(to, "\n  ... and more: the next part names all of them.\n"))
		return false;
	return append_closing(to, n, is_full);
}

/* ---- the status for programs ---- */

static const char *
action_word(enum notice_action action)
{
	switch (action) {
	case NOTICE_FAILED:
		return "failed";
	case NOTICE_DELAYED:
		return "delayed";
	case NOTICE_DELIVERED:
		return "delivered";
	case NOTICE_RELAYED:
		return "relayed";
	case NOTICE_EXPANDED:
		return "expanded";
	}
	return "failed";
}

/* "Name: date" where the time is known. */
static bool
append_time(stralloc *to, const char *name, int64_t seconds)
{
	return seconds <= 0 || (stralloc_cats(to, name) && stralloc_cats(to, ": ") &&
	    message_append_date(to, seconds) && stralloc_cats(to, "\n"));
}

/* "Name: prefix value", folded; nothing where the value is "". */
static bool
append_status_field(stralloc *to, const struct notice *n, const char *name, const char *prefix, const char *value)
{
	if (*value == '\0')
		return true;
	return stralloc_cats(to, name) && stralloc_cats(to, ": ") && stralloc_cats(to, prefix) &&
	    bounce_append_wrapped(to, "\t", value, is_global(n));
}

static bool
append_final_recipient(stralloc *to, const struct notice *n, const char *address)
{
	bool is_international = address_is_international(address, strlen(address));

	if (!stralloc_cats(to, is_international ? "Final-Recipient: utf-8; " : "Final-Recipient: rfc822; "))
		return false;
	if (is_international && !is_global(n))
		return bounce_append_utf8_xtext(to, address) && stralloc_cats(to, "\n");
	return bounce_append_wrapped(to, "\t", *address == '\0' ? "unknown" : address, is_global(n));
}

static bool
append_recipient_status(stralloc *to, const struct notice *n, const struct notice_recipient *r)
{
	const char *diagnostic_type = *r->remote != '\0' ? "smtp; " : "x-pipepost; ";
	char status[BOUNCE_STATUS_MAX];
	stralloc orcpt = STRALLOC_ZERO;
	bool is_done = bounce_append_xtext_decoded(&orcpt, r->orcpt) && stralloc_0(&orcpt) &&
	    stralloc_cats(to, "\n") && append_status_field(to, n, "Original-Recipient", "", orcpt.s) &&
	    append_final_recipient(to, n, r->address) &&
	    stralloc_cats(to, "Action: ") && stralloc_cats(to, action_word(r->action)) &&
	    stralloc_cats(to, "\nStatus: ") && stralloc_cats(to, bounce_find_status(status, r)) &&
	    stralloc_cats(to, "\n") && append_status_field(to, n, "Remote-MTA", "dns; ", r->remote) &&
	    append_status_field(to, n, "Diagnostic-Code", diagnostic_type, r->reason) &&
	    append_time(to, "Last-Attempt-Date", r->last_attempt) &&
	    (r->action != NOTICE_DELAYED || append_time(to, "Will-Retry-Until", r->retry_until));

	stralloc_free(&orcpt);
	return is_done;
}

static bool
append_status(stralloc *to, const struct notice *n)
{
	stralloc envid = STRALLOC_ZERO;
	bool is_done = bounce_append_xtext_decoded(&envid, n->envid) && stralloc_0(&envid) &&
	    append_status_field(to, n, "Original-Envelope-Id", "", envid.s) &&
	    append_status_field(to, n, "Reporting-MTA", "dns; ", n->host) &&
	    append_status_field(to, n, "X-Pipepost-Queue-Id", "", n->id) &&
	    append_time(to, "Arrival-Date", n->arrived);

	for (size_t i = 0; is_done && i < count_recipients(n); i++)
		is_done = append_recipient_status(to, n, recipient(n, i));
	stralloc_free(&envid);
	return is_done;
}

/* ---- what comes back ---- */

/* The sender gets the body back only when asked for, when it is small, and
 * because something failed (RFC 3461 4.3). */
static bool
returns_body(const struct notice *n, size_t len)
{
	bool is_asked = n->kind == NOTICE_DOUBLE || (n->kind == NOTICE_FAILURE && strcmp(n->ret, "FULL") == 0);

	return is_asked && n->text_size <= NOTICE_FULL_MAX && n->text_size == len;
}

static const char *
original_type(const struct notice *n, bool is_full)
{
	if (is_full)
		return is_global(n) ? "message/global" : "message/rfc822";
	return is_global(n) ? "message/global-headers" : "text/rfc822-headers";
}

static size_t
header_length(const char *text, size_t len)
{
	struct message_field f;
	size_t at = 0;

	while (message_next_field(&f, &at, text, len))
		;
	return at;
}

static bool
append_original(stralloc *to, const struct notice *n, const char *text, size_t len, bool is_full,
    const char *unique)
{
	if (!is_full)
		len = header_length(text, len);
	if (!append_part(to, unique, original_type(n, is_full), is_full ? "The message" : "Its header",
	    address_is_international(text, len)) || !stralloc_catb(to, text, len))
		return false;
	return len == 0 || text[len - 1] == '\n' || is_full || stralloc_cats(to, "\n");
}

bool
bounce_report_append(stralloc *to, const struct notice *n, const char *text, size_t len, const char *unique,
    int64_t now)
{
	bool is_full = returns_body(n, len), is_8bit, is_done;
	stralloc parts = STRALLOC_ZERO, words = STRALLOC_ZERO, status = STRALLOC_ZERO;

	is_done = append_words(&words, n, is_full) && append_status(&status, n) &&
	    append_part(&parts, unique, "text/plain; charset=utf-8", "Notice",
		address_is_international(words.s, words.len)) &&
	    stralloc_cat(&parts, &words) &&
	    append_part(&parts, unique, is_global(n) ? "message/global-delivery-status" : "message/delivery-status",
		"Delivery report", address_is_international(status.s, status.len)) &&
	    stralloc_cat(&parts, &status) && append_original(&parts, n, text, len, is_full, unique);
	is_8bit = is_done && address_is_international(parts.s, parts.len);
	is_done = is_done && append_header(to, n, text, len, unique, now) &&
	    stralloc_cats(to, is_8bit ? "Content-Transfer-Encoding: 8bit\n" : "") && stralloc_cat(to, &parts) &&
	    stralloc_cats(to, "\n--=_") && stralloc_cats(to, unique) && stralloc_cats(to, "--\n");
	stralloc_free(&parts);
	stralloc_free(&words);
	stralloc_free(&status);
	return is_done;
}
