/* command: what exit codes mean, and what a command may know. */
#include "deliver-local/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "deliver-local/lmtp.h"

static void
exit_codes_have_three_meanings(void **state)
{
	(void)state;
	for (int status = 0; status < 256; status++) {
		enum verdict v = status == 0 || status == 99 ? VERDICT_DELIVERED :
		    status == 65 || status == 67 || status == 68 || status == 100 ? VERDICT_FAILED : VERDICT_DEFERRED;

		assert_int_equal(command_verdict(status), v);
	}
}

/* The value of a variable, or NULL. */
static const char *
find(const stralloc *environment, const char *name)
{
	for (size_t at = 0; at < environment->len; at += strlen(environment->s + at) + 1) {
		const char *s = environment->s + at;

		if (strncmp(s, name, strlen(name)) == 0 && s[strlen(name)] == '=')
			return s + strlen(name) + 1;
	}
	return NULL;
}

static const struct job bobs = {
	.id = "1.x", .reverse_path = "anna@example.com", .user = "bob", .home = "/home/bob", .delimiter = '+',
	.origin = "192.0.2.1", .helo = "client", .auth_user = "",
};

static void
the_environment_names_sender_recipient_and_user(void **state)
{
	const struct job_recipient r = { .original = "info+news@example.org", .address = "bob@example.org" };
	stralloc e = STRALLOC_ZERO;

	(void)state;
	assert_true(command_environment(&e, &bobs, &r));
	assert_string_equal(find(&e, "SENDER"), "anna@example.com");
	assert_string_equal(find(&e, "RECIPIENT"), "bob@example.org");
	assert_string_equal(find(&e, "ORIGINAL_RECIPIENT"), "info+news@example.org");
	assert_string_equal(find(&e, "LOCAL"), "info+news");
	assert_string_equal(find(&e, "DOMAIN"), "example.org");
	assert_string_equal(find(&e, "HOST"), "example.org");
	assert_string_equal(find(&e, "EXTENSION"), "news");
	assert_string_equal(find(&e, "EXT"), "news");
	assert_string_equal(find(&e, "USER"), "bob");
	assert_string_equal(find(&e, "LOGNAME"), "bob");
	assert_string_equal(find(&e, "HOME"), "/home/bob");
	assert_string_equal(find(&e, "SHELL"), "/bin/sh");
	assert_string_equal(find(&e, "CLIENT_ADDRESS"), "192.0.2.1");
	assert_non_null(find(&e, "PATH"));
	assert_null(find(&e, "SASL_USERNAME"));
	stralloc_free(&e);
}

static void
an_address_without_tag_has_no_extension(void **state)
{
	const struct job_recipient r = { .original = "", .address = "bob@example.org" };
	stralloc e = STRALLOC_ZERO;

	(void)state;
	assert_true(command_environment(&e, &bobs, &r));
	assert_null(find(&e, "EXTENSION"));
	assert_string_equal(find(&e, "ORIGINAL_RECIPIENT"), "bob@example.org");
	stralloc_free(&e);
}

static void
values_hold_no_control_octets_and_no_shell_function(void **state)
{
	const struct job_recipient r = { .original = "", .address = "a\nPATH=/evil\177@x" };
	struct job j = bobs;
	stralloc e = STRALLOC_ZERO;

	(void)state;
	j.reverse_path = "() { :; }; id";
	assert_true(command_environment(&e, &j, &r));
	assert_string_equal(find(&e, "RECIPIENT"), "a?PATH=/evil?@x");
	assert_string_equal(find(&e, "SENDER"), "?) { :; }; id");
	stralloc_free(&e);
}

static void
only_addresses_go_into_lmtp_commands(void **state)
{
	(void)state;
	assert_true(lmtp_is_sendable(""));
	assert_true(lmtp_is_sendable("bob"));
	assert_true(lmtp_is_sendable("\"a b>\"@x"));
	assert_true(lmtp_is_sendable("\"a\\\" b\"@x"));
	assert_false(lmtp_is_sendable("a b@x"));
	assert_false(lmtp_is_sendable("a@x> SIZE=1"));
	assert_false(lmtp_is_sendable("a@x\r\nRCPT TO:<b>"));
	assert_false(lmtp_is_sendable("\"a\r\n\"@x"));
	assert_false(lmtp_is_sendable("\"a\\\n\"@x"));
	assert_false(lmtp_is_sendable("\"a@x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes_have_three_meanings),
		cmocka_unit_test(the_environment_names_sender_recipient_and_user),
		cmocka_unit_test(an_address_without_tag_has_no_extension),
		cmocka_unit_test(values_hold_no_control_octets_and_no_shell_function),
		cmocka_unit_test(only_addresses_go_into_lmtp_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
