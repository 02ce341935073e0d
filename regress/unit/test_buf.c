/* SPDX-License-Identifier: ISC */

/* common/buf and common/utf8: the wire form, and that nothing is read past its end. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"

/* A reader over bytes of the heap, so that ASan sees a step past their end. */
static uint8_t *
reader(struct rbuf *rb, const void *data, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	assert_non_null(copy);
	if (n > 0)
		memcpy(copy, data, n);
	rbuf_init(rb, copy, n);
	return (copy);
}

static void
test_integers_are_big_endian(void **state)
{
	static const uint8_t want[] = {
		0x01,
		0x02, 0x03,
		0x04, 0x05, 0x06, 0x07,
		0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe
	};
	struct buf *b = buf_new(sizeof(want));
	struct rbuf rb;
	uint8_t u8, *copy;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	int64_t i64;

	(void)state;
	assert_int_equal(buf_put_u8(b, 0x01), 0);
	assert_int_equal(buf_put_u16(b, 0x0203), 0);
	assert_int_equal(buf_put_u32(b, 0x04050607), 0);
	assert_int_equal(buf_put_u64(b, 0x08090a0b0c0d0e0f), 0);
	assert_int_equal(buf_put_i64(b, -2), 0);
	assert_int_equal(buf_len(b), sizeof(want));
	assert_memory_equal(buf_data(b), want, sizeof(want));

	copy = reader(&rb, want, sizeof(want));
	assert_int_equal(rbuf_get_u8(&rb, &u8), 0);
	assert_int_equal(u8, 0x01);
	assert_int_equal(rbuf_get_u16(&rb, &u16), 0);
	assert_int_equal(u16, 0x0203);
	assert_int_equal(rbuf_get_u32(&rb, &u32), 0);
	assert_int_equal(u32, 0x04050607);
	assert_int_equal(rbuf_get_u64(&rb, &u64), 0);
	assert_true(u64 == 0x08090a0b0c0d0e0f);
	assert_int_equal(rbuf_end(&rb), -EBADMSG);
	assert_int_equal(rbuf_get_i64(&rb, &i64), 0);
	assert_true(i64 == -2);
	assert_int_equal(rbuf_end(&rb), 0);
	free(copy);
	buf_free(b);
}

static void
test_maximum_is_kept(void **state)
{
	struct buf *b = buf_new(11);

	(void)state;
	assert_int_equal(buf_put_u64(b, 1), 0);
	assert_int_equal(buf_put_u32(b, 1), -ENOSPC);
	assert_int_equal(buf_put_u16(b, 1), 0);
	assert_int_equal(buf_put_u8(b, 1), 0);
	assert_int_equal(buf_len(b), 11);
	assert_int_equal(buf_put_u8(b, 1), -ENOSPC);
	assert_int_equal(buf_put_raw(b, "x", 1), -ENOSPC);
	assert_int_equal(buf_put_raw(b, "x", 0), 0);
	buf_reset(b);
	assert_int_equal(buf_len(b), 0);
	assert_int_equal(buf_put_str(b, "1234567"), 0);
	buf_reset(b);
	assert_int_equal(buf_put_str(b, "12345678"), -ENOSPC);
	buf_free(b);
	buf_free(NULL);
}

static void
test_growth_keeps_content(void **state)
{
	struct buf *b = buf_new(100001);
	uint32_t i;
	const uint8_t *p;

	(void)state;
	for (i = 0; i < 25000; i++)
		assert_int_equal(buf_put_u32(b, i), 0);
	assert_int_equal(buf_put_u16(b, 0), -ENOSPC);
	assert_int_equal(buf_put_u8(b, 0), 0);
	p = buf_data(b);
	for (i = 0; i < 25000; i++)
		assert_int_equal(p[4 * i + 2] << 8 | p[4 * i + 3], i);
	buf_free(b);
}

static void
test_strings(void **state)
{
	static const uint8_t want[] = "\0\0\0\3a\xc3\xa9\0\0\0\0\0\0\0\2hi";
	struct buf *b = buf_new(100);
	struct rbuf rb;
	uint8_t *copy;
	char *s, small[4];

	(void)state;
	assert_int_equal(buf_put_str(b, "a\xc3\xa9"), 0);
	assert_int_equal(buf_put_str(b, NULL), 0);
	assert_int_equal(buf_put_bytes(b, "hi", 2), 0);
	assert_int_equal(buf_len(b), sizeof(want) - 1);
	assert_memory_equal(buf_data(b), want, sizeof(want) - 1);

	copy = reader(&rb, want, sizeof(want) - 1);
	assert_int_equal(rbuf_get_str(&rb, &s, 3), 0);
	assert_string_equal(s, "a\xc3\xa9");
	free(s);
	assert_int_equal(rbuf_get_str(&rb, &s, 0), 0);
	assert_string_equal(s, "");
	free(s);
	assert_int_equal(rbuf_get_strbuf(&rb, small, 3), 0);
	assert_string_equal(small, "hi");
	assert_int_equal(rbuf_end(&rb), 0);
	free(copy);
	buf_free(b);
}

static void
test_string_limits(void **state)
{
	static const uint8_t wire[] = "\0\0\0\3abc";
	struct rbuf rb;
	uint8_t *copy = reader(&rb, wire, sizeof(wire) - 1);
	const uint8_t *p;
	size_t n;
	char *s, dst[8];

	(void)state;
	assert_int_equal(rbuf_get_str(&rb, &s, 2), -EMSGSIZE);
	rbuf_init(&rb, copy, 7);
	assert_int_equal(rbuf_get_strbuf(&rb, dst, 3), -EMSGSIZE);
	rbuf_init(&rb, copy, 7);
	assert_int_equal(rbuf_get_strbuf(&rb, dst, 0), -EMSGSIZE);
	rbuf_init(&rb, copy, 7);
	assert_int_equal(rbuf_get_strbuf(&rb, dst, 4), 0);
	assert_string_equal(dst, "abc");
	rbuf_init(&rb, copy, 7);
	assert_int_equal(rbuf_get_bytes(&rb, &p, &n, 2), -EMSGSIZE);
	rbuf_init(&rb, copy, 7);
	assert_int_equal(rbuf_get_bytes(&rb, &p, &n, 3), 0);
	assert_ptr_equal(p, copy + 4);
	assert_int_equal(n, 3);
	free(copy);
}

static void
test_bad_strings(void **state)
{
	static const struct {
		const char *wire;
		size_t n;
	} bad[] = {
		{ "\0\0\0\3a\0b", 7 },			/* a NUL */
		{ "\0\0\0\1\0", 5 },
		{ "\0\0\0\2a\xff", 6 },			/* no UTF-8 */
		{ "\0\0\0\1\xc3", 5 },			/* cut short */
		{ "\0\0\0\4abc", 7 },			/* longer than what is there */
		{ "\xff\xff\xff\xff...", 7 },
		{ "\x80\0\0\0", 4 },
		{ "\0\0\0", 3 }
	};
	struct rbuf rb;
	uint8_t *copy;
	char *s, dst[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		copy = reader(&rb, bad[i].wire, bad[i].n);
		assert_int_equal(rbuf_get_str(&rb, &s, SIZE_MAX), -EBADMSG);
		rbuf_init(&rb, copy, bad[i].n);
		assert_int_equal(rbuf_get_strbuf(&rb, dst, sizeof(dst)), -EBADMSG);
		free(copy);
	}
}

/* Reads u8 u16 u32 u64 str raw[3]; 0 or the first error. */
static int
read_all(struct rbuf *rb)
{
	uint8_t u8, raw[3];
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	char s[8];
	int r;

	if ((r = rbuf_get_u8(rb, &u8)) != 0 || (r = rbuf_get_u16(rb, &u16)) != 0 ||
	    (r = rbuf_get_u32(rb, &u32)) != 0 || (r = rbuf_get_u64(rb, &u64)) != 0 ||
	    (r = rbuf_get_strbuf(rb, s, sizeof(s))) != 0 ||
	    (r = rbuf_get_raw(rb, raw, sizeof(raw))) != 0)
		return (r);
	return (rbuf_end(rb));
}

static void
test_every_truncation_is_refused(void **state)
{
	static const uint8_t whole[25] = { [18] = 3, 'a', 'b', 'c', 1, 2, 3 };
	uint8_t longer[26] = { 0 };
	struct rbuf rb;
	uint8_t *copy;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(whole); n++) {
		copy = reader(&rb, whole, n);
		assert_int_equal(read_all(&rb), -EBADMSG);
		free(copy);
	}
	copy = reader(&rb, whole, sizeof(whole));
	assert_int_equal(read_all(&rb), 0);
	free(copy);
	memcpy(longer, whole, sizeof(whole));
	copy = reader(&rb, longer, sizeof(longer));
	assert_int_equal(read_all(&rb), -EBADMSG);
	free(copy);
}

static void
test_reader_of_nothing(void **state)
{
	struct rbuf rb;
	uint8_t v;

	(void)state;
	rbuf_init(&rb, NULL, 0);
	assert_int_equal(rbuf_end(&rb), 0);
	assert_int_equal(rbuf_get_raw(&rb, &v, 0), 0);
	assert_int_equal(rbuf_get_u8(&rb, &v), -EBADMSG);
}

static void
test_utf8_table(void **state)
{
	static const char *const good[] = {
		"", "plain", "\x01\x1f\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xec\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
		"\xf0\x90\x80\x80", "\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z"
	};
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xc2\xc2",
		"\xe0\x9f\xbf", "\xe0\xa0", "\xe1\x80z", "\xed\xa0\x80", "\xef\xbf",
		"\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf1\x80\x80z", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "ok\xfe"
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!utf8_valid(good[i], strlen(good[i])))
			fail_msg("good[%zu] was refused", i);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (utf8_valid(bad[i], strlen(bad[i])))
			fail_msg("bad[%zu] was taken", i);
	assert_false(utf8_valid("a\0b", 3));
	assert_true(utf8_valid("\xc3\xa9z", 2));
	assert_false(utf8_valid("\xc3\xa9z", 1));
	assert_int_equal(utf8_char("\xf0\x90\x80\x80", 4), 4);
	assert_int_equal(utf8_char("\xf0\x90\x80\x80", 3), 0);
	assert_int_equal(utf8_char("a", 0), 0);
}

static void
test_utf8_cut(void **state)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";	/* 1 2 3 4 bytes */
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10, 10 };
	size_t max;
	char *cut;

	(void)state;
	for (max = 0; max < sizeof(want) / sizeof(want[0]); max++)
		assert_int_equal(utf8_cut(text, max), want[max]);
	/* A copy without its NUL: nothing at max is looked at. */
	cut = malloc(2);
	memcpy(cut, text, 2);
	assert_int_equal(utf8_cut(cut, 2), 1);
	free(cut);
	assert_int_equal(utf8_cut("\xbf\xbf\xbf\xbf\xbf", 4), 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers_are_big_endian),
		cmocka_unit_test(test_maximum_is_kept),
		cmocka_unit_test(test_growth_keeps_content),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_string_limits),
		cmocka_unit_test(test_bad_strings),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_reader_of_nothing),
		cmocka_unit_test(test_utf8_table),
		cmocka_unit_test(test_utf8_cut)
	};

	return (cmocka_run_group_tests_name("buf", tests, NULL, NULL));
}
