/* SPDX-License-Identifier: ISC */

/* common/uuid. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/uuid.h"

static const char example[] = "01234567-89ab-4def-8123-456789abcdef";

static void
test_format_and_parse(void **state)
{
	static const uint8_t bytes[UUID_LEN] = {
		0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x4d, 0xef,
		0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef
	};
	struct uuid u;
	char s[UUID_STRLEN + 1];

	(void)state;
	assert_int_equal(uuid_parse(example, &u), 0);
	assert_memory_equal(u.b, bytes, sizeof(bytes));
	uuid_format(&u, s);
	assert_string_equal(s, example);
}

static void
test_only_the_canonical_form(void **state)
{
	static const char *const bad[] = {
		"", "0", "0123456789ab4def8123456789abcdef",
		"01234567-89ab-4def-8123-456789abcde", "01234567-89ab-4def-8123-456789abcdef0",
		"01234567-89AB-4def-8123-456789abcdef", "{01234567-89ab-4def-8123-456789abcde",
		"01234567-89ab-4def-8123-456789abcdeg", "01234567-89ab-4def-81234-56789abcdef",
		"01234567089ab-4def-8123-456789abcdef", " 1234567-89ab-4def-8123-456789abcdef",
		"../../../../../../../../../../../etc"
	};
	struct uuid u;
	size_t i, j;
	char s[UUID_STRLEN + 1];

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (uuid_parse(bad[i], &u) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	/* No byte of it may be anything else. */
	for (i = 0; i < UUID_STRLEN; i++)
		for (j = 1; j < 256; j++) {
			memcpy(s, example, sizeof(s));
			s[i] = (char)j;
			if (s[i] == example[i])
				continue;
			if (example[i] != '-' && strchr("0123456789abcdef", s[i]) != NULL)
				assert_int_equal(uuid_parse(s, &u), 0);
			else
				assert_int_equal(uuid_parse(s, &u), -EINVAL);
		}
}

static void
test_generate(void **state)
{
	struct uuid u[64], zeros;
	uint8_t seen[UUID_LEN] = { 0 }, same[UUID_LEN];
	uint8_t fixed, value;
	size_t i, j;

	(void)state;
	memset(&zeros, 0, sizeof(zeros));
	memset(same, 0xff, sizeof(same));
	for (i = 0; i < 64; i++) {
		u[i] = zeros;
		assert_int_equal(uuid_generate(&u[i]), 0);
		assert_int_equal(u[i].b[6] & 0xf0, 0x40);
		assert_int_equal(u[i].b[8] & 0xc0, 0x80);
		for (j = 0; j < i; j++)
			assert_memory_not_equal(u[i].b, u[j].b, UUID_LEN);
		for (j = 0; j < UUID_LEN; j++) {
			seen[j] |= u[i].b[j];
			same[j] &= u[i].b[j];
		}
	}
	/* Every other bit takes both values (fails by chance once in 2^56). */
	for (j = 0; j < UUID_LEN; j++) {
		fixed = j == 6 ? 0xf0 : 0;
		fixed = j == 8 ? 0xc0 : fixed;
		value = j == 6 ? 0x40 : 0;
		value = j == 8 ? 0x80 : value;
		assert_int_equal(seen[j], (uint8_t)~fixed | value);
		assert_int_equal(same[j], value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format_and_parse),
		cmocka_unit_test(test_only_the_canonical_form),
		cmocka_unit_test(test_generate)
	};

	return (cmocka_run_group_tests_name("uuid", tests, NULL, NULL));
}
