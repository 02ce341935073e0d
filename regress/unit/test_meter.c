/* SPDX-License-Identifier: ISC */

/* netd/meter: floods are seen, and a healthy client never is one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "netd/meter.h"

#define SECOND	INT64_C(1000000000)

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void
start(struct meter *m, int64_t now)
{
	meter_init(m, now);
	assert_int_equal(meter_input(m, (const uint8_t *)preface, 24, now), METER_OK);
}

static enum meter_verdict
frame(struct meter *m, uint8_t type, uint8_t flags, size_t len, int64_t now)
{
	uint8_t b[9 + 256] = { 0, (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, 1 };

	assert_true(len <= 256);
	return (meter_input(m, b, 9 + len, now));
}

/* How many of a frame it takes, at one moment. */
static unsigned int
burst(uint8_t type, size_t len)
{
	struct meter m;
	unsigned int n = 0;

	start(&m, 0);
	while (n < 100000 && frame(&m, type, 0, len, 0) == METER_OK)
		n++;
	return (n);
}

static void
test_floods_end(void **state)
{
	(void)state;
	assert_in_range(burst(0, 0), 1000, 10000);	/* empty DATA */
	assert_in_range(burst(0, 1), 1000, 10000);	/* DATA of a byte */
	assert_in_range(burst(2, 5), 1000, 10000);	/* PRIORITY */
	assert_in_range(burst(4, 0), 50, 500);		/* SETTINGS */
	assert_in_range(burst(7, 8), 50, 500);		/* GOAWAY */
	assert_in_range(burst(8, 4), 1000, 10000);	/* WINDOW_UPDATE */
	assert_in_range(burst(9, 1), 1000, 10000);	/* CONTINUATION */
	assert_in_range(burst(77, 0), 1000, 10000);	/* unknown */
	assert_int_equal(burst(0, 200), 100000);	/* DATA that carries something */
}

static void
test_a_rate_is_free(void **state)
{
	struct meter m;
	int64_t now = 0;
	int i;

	(void)state;
	start(&m, 0);
	for (i = 0; i < 100000; i++, now += SECOND / 300)
		assert_int_equal(frame(&m, 8, 0, 4, now), METER_OK);
}

/* Who receives much sends many WINDOW_UPDATEs. */
static void
test_what_we_send_pays(void **state)
{
	struct meter m;
	int i;

	(void)state;
	start(&m, 0);
	for (i = 0; i < 100000; i++) {
		meter_sent(&m, 0);
		assert_int_equal(frame(&m, 8, 0, 4, 0), METER_OK);
		assert_int_equal(frame(&m, 8, 0, 4, 0), METER_OK);
	}
}

static void
test_ping_strikes(void **state)
{
	struct meter m;
	int64_t now = 1000 * SECOND;

	(void)state;
	start(&m, now);
	assert_int_equal(frame(&m, 6, 0, 8, now), METER_OK);
	assert_int_equal(frame(&m, 6, 0, 8, now + SECOND), METER_OK);
	assert_int_equal(frame(&m, 6, 0, 8, now + 2 * SECOND), METER_OK);
	assert_int_equal(frame(&m, 6, 1, 8, now + 3 * SECOND), METER_OK);	/* an ack */
	assert_int_equal(frame(&m, 6, 0, 8, now + 3 * SECOND), METER_PINGS);
}

static void
test_keepalive_is_no_strike(void **state)
{
	struct meter m;
	int64_t now = 0;
	int i;

	(void)state;
	start(&m, now);
	for (i = 0; i < 100; i++, now += 10 * SECOND)
		assert_int_equal(frame(&m, 6, 0, 8, now), METER_OK);
}

/* grpcio measures its bandwidth by pings while it receives. */
static void
test_pings_amid_data_are_free(void **state)
{
	struct meter m;
	int i;

	(void)state;
	start(&m, 0);
	for (i = 0; i < 1000; i++) {
		meter_sent(&m, i * SECOND / 1000);
		assert_int_equal(frame(&m, 6, 0, 8, i * SECOND / 1000), METER_OK);
	}
	/* and for a while afterwards */
	for (i = 0; i < 5; i++)
		assert_int_equal(frame(&m, 6, 0, 8, (2 + i) * SECOND), METER_OK);
}

static void
test_headers_without_end(void **state)
{
	struct meter m;

	(void)state;
	start(&m, 0);
	assert_int_equal(frame(&m, 1, 0, 10, 5), METER_OK);
	assert_true(m.in_headers);
	assert_int_equal(m.headers_since, 5);
	assert_int_equal(frame(&m, 9, 0, 10, 6), METER_OK);
	assert_true(m.in_headers);
	assert_int_equal(frame(&m, 9, 4, 10, 7), METER_OK);
	assert_false(m.in_headers);
	/* Half a frame with END_HEADERS is still no end. */
	assert_int_equal(meter_input(&m, (const uint8_t *)"\0\0\5\1\4\0\0\0\1ab", 11, 8), METER_OK);
	assert_true(m.in_headers);
	assert_int_equal(meter_input(&m, (const uint8_t *)"cde", 3, 9), METER_OK);
	assert_false(m.in_headers);
}

static enum meter_verdict
on_stream(struct meter *m, uint8_t type, uint32_t stream)
{
	uint8_t b[9] = { 0, 0, 0, type, 4, (uint8_t)(stream >> 24), (uint8_t)(stream >> 16),
	    (uint8_t)(stream >> 8), (uint8_t)stream };

	return (meter_input(m, b, 9, 0));
}

static void
test_stream_numbers(void **state)
{
	struct meter m;

	(void)state;
	start(&m, 0);
	assert_int_equal(on_stream(&m, 1, 1), METER_OK);
	assert_int_equal(on_stream(&m, 1, 3), METER_OK);
	assert_int_equal(on_stream(&m, 1, 1), METER_OK);	/* trailers */
	assert_int_equal(on_stream(&m, 1, 9), METER_OK);
	assert_int_equal(on_stream(&m, 1, 3), METER_OK);
	assert_int_equal(on_stream(&m, 1, 9), METER_OK);
	assert_int_equal(on_stream(&m, 1, 5), METER_PROTOCOL);
	assert_int_equal(on_stream(&m, 1, 7), METER_PROTOCOL);
	assert_int_equal(on_stream(&m, 1, 0x7fffffff), METER_OK);
	assert_int_equal(on_stream(&m, 1, 0x7ffffffd), METER_PROTOCOL);
	assert_int_equal(on_stream(&m, 2, 0), METER_PROTOCOL);
	assert_int_equal(on_stream(&m, 2, 0x80000000), METER_PROTOCOL);
	assert_int_equal(on_stream(&m, 2, 5), METER_OK);
}

/* However the bytes are cut, the same frames are counted. */
static void
test_cut_at_every_byte(void **state)
{
	uint8_t stream[24 + 300 * 13];
	size_t i, n, step;
	struct meter m;
	int64_t tokens = -1;

	(void)state;
	memcpy(stream, preface, 24);
	for (i = 0; i < 300; i++)
		memcpy(stream + 24 + i * 13, "\0\0\4\10\0\0\0\0\0\0\0\0\1", 13);
	for (step = 1; step < 64; step++) {
		meter_init(&m, 0);
		for (i = 0; i < sizeof(stream); i += n) {
			n = sizeof(stream) - i < step ? sizeof(stream) - i : step;
			assert_int_equal(meter_input(&m, stream + i, n, 0), METER_OK);
		}
		assert_true(tokens == -1 || tokens == m.cheap.tokens);
		tokens = m.cheap.tokens;
	}
	assert_int_equal(m.cheap.burst - tokens, 300 * 1000);
}

static void
test_resets_are_limited(void **state)
{
	struct meter m;
	int n = 0;

	(void)state;
	start(&m, 0);
	while (n < 10000 && meter_reset(&m, 0))
		n++;
	assert_in_range(n, 20, 500);
	assert_true(meter_reset(&m, SECOND));
}

static void
test_bucket_over_long_times(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 10, 1, 0);
	assert_true(bucket_take(&b, 10, 0));
	assert_false(bucket_take(&b, 1, SECOND / 2));
	assert_true(bucket_take(&b, 1, SECOND));
	assert_true(bucket_take(&b, 10, INT64_MAX / 2));
	assert_false(bucket_take(&b, 1, INT64_MAX / 2));
	/* A clock that stands still or goes back gives nothing. */
	assert_false(bucket_take(&b, 1, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floods_end),
		cmocka_unit_test(test_a_rate_is_free),
		cmocka_unit_test(test_what_we_send_pays),
		cmocka_unit_test(test_ping_strikes),
		cmocka_unit_test(test_keepalive_is_no_strike),
		cmocka_unit_test(test_pings_amid_data_are_free),
		cmocka_unit_test(test_headers_without_end),
		cmocka_unit_test(test_stream_numbers),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_resets_are_limited),
		cmocka_unit_test(test_bucket_over_long_times),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
