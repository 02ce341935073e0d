/* SPDX-License-Identifier: ISC */

/* common/status: codes, and texts that stay text whatever goes into them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/status.h"
#include "common/utf8.h"

/* The list of google/rpc/code.proto. */
static void
test_names(void **state)
{
	static const char *const names[] = {
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED",
		"NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
		"UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"
	};
	unsigned int i;

	(void)state;
	assert_int_equal(sizeof(names) / sizeof(names[0]), ST_UNAUTHENTICATED + 1);
	for (i = 0; i <= ST_UNAUTHENTICATED; i++)
		assert_string_equal(status_name(i), names[i]);
	assert_string_equal(status_name((enum status_code)17), "UNKNOWN");
	assert_string_equal(status_name((enum status_code)255), "UNKNOWN");
}

static void
test_set(void **state)
{
	struct status st;

	(void)state;
	memset(&st, 0xff, sizeof(st));
	assert_int_equal(status_set(&st, ST_INVALID_ARGUMENT, "limits.pids", "%d is %s", 7, "odd"),
	    ST_INVALID_ARGUMENT);
	assert_int_equal(st.code, ST_INVALID_ARGUMENT);
	assert_string_equal(st.field, "limits.pids");
	assert_string_equal(st.message, "7 is odd");
	assert_int_equal(status_set(&st, ST_NOT_FOUND, NULL, "no"), ST_NOT_FOUND);
	assert_string_equal(st.field, "");
	assert_string_equal(st.message, "no");
	status_ok(&st);
	assert_int_equal(st.code, ST_OK);
	assert_string_equal(st.field, "");
	assert_string_equal(st.message, "");
}

/* A text that just fits is whole; one more byte of a character takes it all away. */
static void
test_cut(void **state)
{
	struct status st;
	char text[STATUS_MESSAGE_MAX + 8];
	size_t pad;

	(void)state;
	for (pad = STATUS_MESSAGE_MAX - 8; pad < STATUS_MESSAGE_MAX + 4; pad++) {
		memset(text, 'a', pad);
		memcpy(text + pad, "\xe2\x82\xac", 4);
		status_set(&st, ST_INTERNAL, NULL, "%s", text);
		assert_true(utf8_valid(st.message, strlen(st.message)));
		if (pad + 3 < STATUS_MESSAGE_MAX)
			assert_string_equal(st.message, text);
		else
			assert_int_equal(strlen(st.message),
			    pad < STATUS_MESSAGE_MAX ? pad : STATUS_MESSAGE_MAX - 1);
	}
	memset(text, 'f', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	status_set(&st, ST_INTERNAL, text, "x");
	assert_int_equal(strlen(st.field), STATUS_FIELD_MAX - 1);
	assert_string_equal(st.message, "x");
}

static void
test_invalid_bytes(void **state)
{
	struct status st;

	(void)state;
	status_set(&st, ST_INTERNAL, "f\xff", "a\xffz\xc3\xa9\xc3");
	assert_string_equal(st.field, "f?");
	assert_string_equal(st.message, "a?z\xc3\xa9?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_invalid_bytes)
	};

	return (cmocka_run_group_tests_name("status", tests, NULL, NULL));
}
