/* SPDX-License-Identifier: ISC */

/* common/units: what is a number with a unit, what is not, and what is too large. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/units.h"

#define K	UINT64_C(1024)
#define M	(K * K)
#define T	(K * K * K * K)
#define UNSET	UINT64_C(0xdeadbeef)

struct example {
	const char *text;
	int r;
	uint64_t value;
};

static void
check(const struct example *e, size_t n, int (*parse)(const char *, uint64_t *))
{
	uint64_t v, want;
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		v = UNSET;
		r = parse(e[i].text, &v);
		want = e[i].r == 0 ? e[i].value : UNSET;
		if (r != e[i].r || v != want)
			fail_msg("\"%s\": %d, %ju; expected %d, %ju", e[i].text, r,
			    (uintmax_t)v, e[i].r, (uintmax_t)want);
	}
}

#define CHECK(table, parse)	check(table, sizeof(table) / sizeof((table)[0]), parse)

static int
u64_10_to_20(const char *s, uint64_t *v)
{
	return (parse_u64(s, 10, 20, v));
}

static int
u64_any(const char *s, uint64_t *v)
{
	return (parse_u64(s, 0, UINT64_MAX, v));
}

static void
test_u64(void **state)
{
	static const struct example bounded[] = {
		{ "10", 0, 10 }, { "20", 0, 20 }, { "0015", 0, 15 },
		{ "9", -ERANGE, 0 }, { "21", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "99999999999999999999999x", -EINVAL, 0 },
		{ "", -EINVAL, 0 }, { "15 ", -EINVAL, 0 }, { " 15", -EINVAL, 0 },
		{ "+15", -EINVAL, 0 }, { "-15", -EINVAL, 0 }, { "0x0f", -EINVAL, 0 },
		{ "15.0", -EINVAL, 0 }, { "x", -EINVAL, 0 }
	};
	static const struct example any[] = {
		{ "0", 0, 0 }, { "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18446744073709551620", -ERANGE, 0 }
	};

	(void)state;
	CHECK(bounded, u64_10_to_20);
	CHECK(any, u64_any);
}

static const struct example sizes[] = {
	{ "0", 0, 0 }, { "512", 0, 512 }, { "512B", 0, 512 }, { "512b", 0, 512 },
	{ "512k", 0, 512 * K }, { "512K", 0, 512 * K }, { "512kB", 0, 512000 },
	{ "512KB", 0, 512000 }, { "512KiB", 0, 512 * K }, { "512kib", 0, 512 * K },
	{ "512m", 0, 512 * M }, { "512MB", 0, 512000000 }, { "512MiB", 0, 512 * M },
	{ "1.5G", 0, 1536 * M }, { "1.5GB", 0, 1500000000 }, { ".5k", 0, 512 },
	{ "2T", 0, 2 * T }, { "2TB", 0, UINT64_C(2000000000000) },
	{ "1.000001M", 0, M + 1 }, { "0.0k", 0, 0 }, { "1.0k", 0, 1024 },
	{ "16777215T", 0, UINT64_C(16777215) << 40 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "16777216T", -ERANGE, 0 }, { "18446744073709551616", -ERANGE, 0 },
	{ "18014398509481984k", -ERANGE, 0 }, { "0.0001k", -ERANGE, 0 },
	{ "", -EINVAL, 0 }, { "k", -EINVAL, 0 }, { "1.", -EINVAL, 0 }, { "1.k", -EINVAL, 0 },
	{ ".", -EINVAL, 0 }, { ".k", -EINVAL, 0 }, { "1.5", -EINVAL, 0 }, { "1.5B", -EINVAL, 0 },
	{ "1.0000001k", -EINVAL, 0 }, { "1..5k", -EINVAL, 0 }, { "1,5k", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 }, { " 1", -EINVAL, 0 }, { "1 ", -EINVAL, 0 },
	{ "1 k", -EINVAL, 0 }, { "1ki", -EINVAL, 0 }, { "1kb/s", -EINVAL, 0 },
	{ "1kk", -EINVAL, 0 }, { "1p", -EINVAL, 0 }, { "1iB", -EINVAL, 0 },
	{ "1e3", -EINVAL, 0 }, { "0x10", -EINVAL, 0 }, { "1Bk", -EINVAL, 0 }
};

static void
test_size(void **state)
{
	(void)state;
	CHECK(sizes, parse_size);
}

static void
test_rate(void **state)
{
	static const struct example rates[] = {
		{ "10MiB/s", 0, 10 * M }, { "10MiB", 0, 10 * M }, { "4096/s", 0, 4096 },
		{ "1.5k/s", 0, 1536 },
		{ "10MiB/S", -EINVAL, 0 }, { "10MiB/", -EINVAL, 0 }, { "10MiB/sec", -EINVAL, 0 },
		{ "/s", -EINVAL, 0 }, { "10/s/s", -EINVAL, 0 }, { "1.5/s", -EINVAL, 0 },
		{ "99999999999T/s", -ERANGE, 0 }
	};

	(void)state;
	CHECK(rates, parse_rate);
}

static int
cpu64(const char *s, uint64_t *v)
{
	uint32_t millis;
	int r;

	if ((r = parse_cpu(s, &millis)) == 0)
		*v = millis;
	return (r);
}

static void
test_cpu(void **state)
{
	static const struct example cpus[] = {
		{ "0.5", 0, 500 }, { ".5", 0, 500 }, { "2", 0, 2000 }, { "1.25", 0, 1250 },
		{ "0.001", 0, 1 }, { "1.500000", 0, 1500 }, { "4294967.295", 0, UINT32_MAX },
		{ "0", -ERANGE, 0 }, { "0.0", -ERANGE, 0 }, { "4294967.296", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 }, { "18446744073709551615", -ERANGE, 0 },
		{ "0.0005", -EINVAL, 0 }, { "", -EINVAL, 0 }, { "1.", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 }, { "1c", -EINVAL, 0 }, { "1,5", -EINVAL, 0 },
		{ "nan", -EINVAL, 0 }, { "inf", -EINVAL, 0 }, { "50%", -EINVAL, 0 }
	};

	(void)state;
	CHECK(cpus, cpu64);
}

static void
test_duration(void **state)
{
	static const struct example durations[] = {
		{ "0", 0, 0 }, { "90", 0, 90 }, { "90s", 0, 90 }, { "10m", 0, 600 },
		{ "1h30m", 0, 5400 }, { "2d", 0, 172800 }, { "1d1h1m1s", 0, 90061 },
		{ "1H", 0, 3600 }, { "1h1s", 0, 3601 },
		{ "213503982334601d", 0, UINT64_C(213503982334601) * 86400 },
		{ "213503982334602d", -ERANGE, 0 }, { "213503982334601d99999h", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { "s", -EINVAL, 0 }, { "1h30", -EINVAL, 0 },
		{ "30m1h", -EINVAL, 0 }, { "1h1h", -EINVAL, 0 }, { "1.5h", -EINVAL, 0 },
		{ "1w", -EINVAL, 0 }, { "1ms", -EINVAL, 0 }, { "-1", -EINVAL, 0 },
		{ "1h ", -EINVAL, 0 }, { "1 h", -EINVAL, 0 }
	};

	(void)state;
	CHECK(durations, parse_duration);
}

static void
test_format(void **state)
{
	static const struct {
		uint64_t n;
		const char *want;
	} t[] = {
		{ 0, "0B" }, { 10, "10B" }, { 1023, "1023B" }, { 1024, "1KiB" },
		{ 1536, "1.5KiB" }, { 512 * M, "512MiB" }, { 1536 * M, "1.5GiB" },
		{ 1029, "1KiB" }, { 1100, "1.1KiB" }, { 2 * T, "2TiB" },
		{ 3 * K * T, "3PiB" },
		{ M - 1, "1MiB" },			/* 1023.999 KiB */
		{ 1023 * K + 922, "1023.9KiB" },
		{ UINT64_C(1) << 60, "1EiB" }, { UINT64_MAX, "16EiB" },
		{ UINT64_C(15) << 60 | UINT64_C(1) << 59, "15.5EiB" }
	};
	char s[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_ptr_equal(format_size(t[i].n, s, sizeof(s)), s);
		assert_string_equal(s, t[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_format)
	};

	return (cmocka_run_group_tests_name("units", tests, NULL, NULL));
}
