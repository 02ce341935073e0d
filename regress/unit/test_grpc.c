/* SPDX-License-Identifier: ISC */

/* common/grpc: framing however it is cut, percent-encoding, base64, timeouts. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/grpc.h"

/* --- the deframer --- */

static const uint8_t two_messages[] = {
	0, 0, 0, 0, 3, 'a', 'b', 'c',
	0, 0, 0, 0, 0,
	0, 0, 0, 0, 1, 'd',
};

static enum grpc_deframe
feed(struct grpc_deframer *d, const uint8_t *p, size_t len)
{
	enum grpc_deframe r = GRPC_MORE;

	while (len > 0 && r == GRPC_MORE)
		r = grpc_deframe(d, &p, &len);
	return (r);
}

/* Chunks of n bytes give the same three messages. */
static void
check_chunks(size_t n)
{
	static const char *const want[] = { "abc", "", "d" };
	struct grpc_deframer d;
	const uint8_t *p;
	size_t at, left, got = 0;

	grpc_deframer_init(&d, 3);
	for (at = 0; at < sizeof(two_messages); at += n) {
		left = sizeof(two_messages) - at < n ? sizeof(two_messages) - at : n;
		for (p = two_messages + at; left > 0;) {
			if (grpc_deframe(&d, &p, &left) != GRPC_MESSAGE)
				continue;
			assert_true(got < 3);
			assert_int_equal(d.length, strlen(want[got]));
			assert_memory_equal(d.msg, want[got], d.length);
			got++;
			grpc_deframer_next(&d);
			assert_true(grpc_deframer_idle(&d));
		}
	}
	assert_int_equal(got, 3);
	grpc_deframer_free(&d);
}

static void
test_messages_however_cut(void **state)
{
	size_t n;

	(void)state;
	for (n = 1; n <= sizeof(two_messages); n++)
		check_chunks(n);
}

static void
test_too_large_before_it_is_allocated(void **state)
{
	static const uint8_t huge[] = { 0, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t one_more[] = { 0, 0, 0, 0, 4 };
	struct grpc_deframer d;

	(void)state;
	grpc_deframer_init(&d, 3);
	assert_int_equal(feed(&d, huge, sizeof(huge)), GRPC_TOO_LARGE);
	assert_null(d.msg);
	grpc_deframer_free(&d);
	grpc_deframer_init(&d, 3);
	assert_int_equal(feed(&d, one_more, sizeof(one_more)), GRPC_TOO_LARGE);
	assert_int_equal(d.length, 4);
	grpc_deframer_free(&d);
}

static void
test_flags(void **state)
{
	static const uint8_t compressed[] = { 1, 0, 0, 0, 0 }, bad[] = { 2, 0, 0, 0, 0 };
	struct grpc_deframer d;

	(void)state;
	grpc_deframer_init(&d, 3);
	assert_int_equal(feed(&d, compressed, sizeof(compressed)), GRPC_COMPRESSED);
	grpc_deframer_next(&d);
	assert_int_equal(feed(&d, bad, sizeof(bad)), GRPC_BAD_FLAG);
	grpc_deframer_free(&d);
}

static void
test_idle_only_between_messages(void **state)
{
	struct grpc_deframer d;

	(void)state;
	grpc_deframer_init(&d, 3);
	assert_true(grpc_deframer_idle(&d));
	assert_int_equal(feed(&d, two_messages, 1), GRPC_MORE);
	assert_false(grpc_deframer_idle(&d));
	assert_int_equal(feed(&d, two_messages + 1, 6), GRPC_MORE);
	assert_false(grpc_deframer_idle(&d));
	grpc_deframer_free(&d);
}

static void
test_prefix(void **state)
{
	static const uint8_t want[] = { 0, 1, 2, 3, 4 };
	uint8_t got[GRPC_PREFIX_LEN];

	(void)state;
	grpc_prefix(got, 0x01020304);
	assert_memory_equal(got, want, sizeof(want));
}

/* --- percent-encoding --- */

/* The string of gRPC's interop test of the same name. */
static void
test_special_status_message(void **state)
{
	static const char text[] = "\t\ntest with whitespace\r\nand Unicode BMP "
	    "\xe2\x98\xba and non-BMP \xf0\x9f\x98\x88\t\n";
	static const char encoded[] = "%09%0Atest with whitespace%0D%0Aand Unicode BMP "
	    "%E2%98%BA and non-BMP %F0%9F%98%88%09%0A";
	char *s;

	(void)state;
	assert_non_null(s = grpc_percent_encode(text));
	assert_string_equal(s, encoded);
	free(s);
	assert_non_null(s = grpc_percent_decode(encoded, strlen(encoded)));
	assert_string_equal(s, text);
	free(s);
}

static void
test_percent_itself(void **state)
{
	char *s;

	(void)state;
	assert_non_null(s = grpc_percent_encode("100%~ \x7f"));
	assert_string_equal(s, "100%25~ %7F");
	free(s);
}

static void
test_bad_percent_is_left_alone(void **state)
{
	static const char *const same[] = { "%", "%4", "%zz", "a%", "%%", "%-1x", "" };
	size_t i;
	char *s;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_non_null(s = grpc_percent_decode(same[i], strlen(same[i])));
		assert_string_equal(s, same[i]);
		free(s);
	}
	assert_non_null(s = grpc_percent_decode("%%41%4a%4A", 10));
	assert_string_equal(s, "%AJJ");
	free(s);
}

/* --- base64 --- */

static const struct {
	const char *plain, *unpadded, *padded;
} base64[] = {			/* RFC 4648, section 10 */
	{ "", "", "" },
	{ "f", "Zg", "Zg==" },
	{ "fo", "Zm8", "Zm8=" },
	{ "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", "+/+/", "+/+/" },
};

static void
check_decode(const char *s, const char *want)
{
	uint8_t *p;
	size_t n;

	assert_non_null(p = grpc_base64_decode(s, strlen(s), &n));
	assert_int_equal(n, strlen(want));
	assert_memory_equal(p, want, n);
	free(p);
}

static void
test_base64(void **state)
{
	size_t i;
	char *s;

	(void)state;
	for (i = 0; i < sizeof(base64) / sizeof(base64[0]); i++) {
		assert_non_null(s = grpc_base64_encode(base64[i].plain,
		    strlen(base64[i].plain)));
		assert_string_equal(s, base64[i].unpadded);
		free(s);
		check_decode(base64[i].unpadded, base64[i].plain);
		check_decode(base64[i].padded, base64[i].plain);
	}
}

static void
test_base64_all_lengths(void **state)
{
	uint8_t data[300], *back;
	size_t i, n, len;
	char *s;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + 3);
	for (n = 0; n <= sizeof(data); n++) {
		assert_non_null(s = grpc_base64_encode(data, n));
		assert_non_null(back = grpc_base64_decode(s, strlen(s), &len));
		assert_int_equal(len, n);
		assert_memory_equal(back, data, n);
		free(back);
		free(s);
	}
}

static void
test_base64_refused(void **state)
{
	static const char *const bad[] = { "Z", "Zg=", "Zg===", "=", "====", "Zm9vY",
	    "Zm 9v", "Zm9-", "Z=g=", "Zh", "Zm9" "=" "v" };
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		assert_null(grpc_base64_decode(bad[i], strlen(bad[i]), &n));
		assert_int_equal(errno, EINVAL);
	}
}

/* --- timeouts --- */

static void
test_timeout_parse(void **state)
{
	static const struct {
		const char *s;
		int64_t ns;
	} good[] = {
		{ "1n", 1 }, { "2u", 2000 }, { "1988m", 1988000000 }, { "2S", 2000000000 },
		{ "3M", 180000000000 }, { "1H", 3600000000000 }, { "0S", 0 },
		{ "00000001S", 1000000000 },
		{ "99999999H", INT64_MAX },		/* saturates */
	};
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(grpc_timeout_parse(good[i].s, strlen(good[i].s), &ns), 0);
		assert_true(ns == good[i].ns);
	}
}

static void
test_timeout_refused(void **state)
{
	static const char *const bad[] = { "", "S", "1", "123456789S", "-1S", "+1S", " 1S",
	    "1s", "1h", "1x", "1SS", "1.5S", "1S " };
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(grpc_timeout_parse(bad[i], strlen(bad[i]), &ns), -EINVAL);
	assert_int_equal(grpc_timeout_parse("1S\0", 3, &ns), -EINVAL);
}

static void
test_timeout_format(void **state)
{
	static const int64_t times[] = { 1, 99999999, 100000000, 1000000000, 60000000001,
	    INT64_C(86400000000000), INT64_MAX / 2, INT64_MAX };
	char s[10];
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		grpc_timeout_format(times[i], s, sizeof(s));
		assert_true(strlen(s) <= 9);
		assert_int_equal(grpc_timeout_parse(s, strlen(s), &ns), 0);
		assert_true(ns >= times[i]);
	}
	grpc_timeout_format(-5, s, sizeof(s));
	assert_string_equal(s, "1n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_however_cut),
		cmocka_unit_test(test_too_large_before_it_is_allocated),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_idle_only_between_messages),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_special_status_message),
		cmocka_unit_test(test_percent_itself),
		cmocka_unit_test(test_bad_percent_is_left_alone),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_all_lengths),
		cmocka_unit_test(test_base64_refused),
		cmocka_unit_test(test_timeout_parse),
		cmocka_unit_test(test_timeout_refused),
		cmocka_unit_test(test_timeout_format),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
