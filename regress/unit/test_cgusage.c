/* SPDX-License-Identifier: ISC */

/*
 * Reading cgroup files: the kernel's forms, files that are missing, and
 * numbers that are none.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cgusage.h"

static int
file_with(const char *text)
{
	int fd = memfd_create("cgroup file", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return (fd);
}

static void
test_key(void **state)
{
	int fd = file_with("populated 1\nfrozen 0\npop 7\n");
	uint64_t n;

	(void)state;
	assert_int_equal(cg_read_key(fd, "populated", &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(cg_read_key(fd, "pop", &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(cg_read_key(fd, "frozen", &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(cg_read_key(fd, "froze", &n), -ENOENT);
	close(fd);
	assert_int_equal(cg_read_key(fd, "frozen", &n), -EBADF);
	fd = file_with("a -1\nb\nc 18446744073709551616\nq 12 3\n");
	assert_int_equal(cg_read_key(fd, "a", &n), -EBADMSG);
	assert_int_equal(cg_read_key(fd, "b", &n), -EBADMSG);
	assert_int_equal(cg_read_key(fd, "c", &n), -EBADMSG);
	assert_int_equal(cg_read_key(fd, "q", &n), -EBADMSG);
	close(fd);
}

static void
test_number(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t n;
	} cases[] = {
		{ "0\n", 0, 0 },
		{ "4096\n", 0, 4096 },
		{ "4096", 0, 4096 },
		{ "max\n", 0, NO_LIMIT },
		{ "9223372036854771712\n", 0, 9223372036854771712u },
		{ "", -EBADMSG, 0 },
		{ "\n", -EBADMSG, 0 },
		{ "-1\n", -EBADMSG, 0 },
		{ "maximum\n", -EBADMSG, 0 },
		{ "12x\n", -EBADMSG, 0 },
	};
	uint64_t n;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fd = file_with(cases[i].text);
		assert_int_equal(cg_read_u64(fd, &n), cases[i].r);
		if (cases[i].r == 0)
			assert_int_equal(n, cases[i].n);
		close(fd);
	}
}

static void
test_usage_v2(void **state)
{
	struct usage_fds f;
	struct usage u;

	(void)state;
	usage_fds_init(&f);
	usage_init(&u);
	u.output_bytes = 5;
	usage_read(&f, &u);
	assert_int_equal(u.cpu_usec, USAGE_UNKNOWN);
	assert_int_equal(u.io_read_bytes, USAGE_UNKNOWN);
	assert_int_equal(u.output_bytes, 5);

	f.cpu_stat = file_with("usage_usec 1234\nuser_usec 1000\nsystem_usec 234\n");
	f.memory_current = file_with("8192\n");
	f.memory_peak = file_with("65536\n");
	f.pids_current = file_with("3\n");
	f.io_stat = file_with(
	    "8:0 rbytes=100 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n"
	    "254:16 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=9 dios=9\n"
	    "7:0 \n");
	usage_read(&f, &u);
	assert_int_equal(u.cpu_usec, 1234);
	assert_int_equal(u.memory_bytes, 8192);
	assert_int_equal(u.memory_peak_bytes, 65536);
	assert_int_equal(u.pids, 3);
	assert_int_equal(u.io_read_bytes, 101);
	assert_int_equal(u.io_write_bytes, 22);
	close(f.cpu_stat);
	close(f.memory_current);
	close(f.memory_peak);
	close(f.pids_current);
	close(f.io_stat);
}

static void
test_usage_v1(void **state)
{
	static const char text[] =
	    "254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 8192\n254:0 Async 0\n"
	    "254:0 Discard 0\n254:0 Total 12288\n8:0 Read 4\nTotal 12292\n";
	struct usage_fds f;
	struct usage u;

	(void)state;
	usage_fds_init(&f);
	usage_init(&u);
	f.v1_io_bytes = file_with(text);
	usage_read(&f, &u);
	assert_int_equal(u.io_read_bytes, 4100);
	assert_int_equal(u.io_write_bytes, 8192);
	close(f.v1_io_bytes);
	/* A group that did no I/O. */
	f.v1_io_bytes = file_with("Total 0\n");
	usage_read(&f, &u);
	assert_int_equal(u.io_read_bytes, 0);
	close(f.v1_io_bytes);
}

/* A line that does not fit is left out, not cut in the middle of its number. */
static void
test_long_file(void **state)
{
	char text[16384];
	uint64_t n;
	size_t len = 0;
	int fd;

	(void)state;
	while (len + 64 < sizeof(text))
		len += (size_t)snprintf(text + len, sizeof(text) - len, "key%zu 1234567890\n", len);
	fd = file_with(text);
	assert_int_equal(cg_read_key(fd, "key0", &n), 0);
	assert_int_equal(n, 1234567890);
	for (len = 0; len < sizeof(text); len++) {
		char key[32];

		snprintf(key, sizeof(key), "key%zu", len);
		if (cg_read_key(fd, key, &n) == 0)
			assert_int_equal(n, 1234567890);
	}
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_usage_v2),
		cmocka_unit_test(test_usage_v1),
		cmocka_unit_test(test_long_file),
	};

	return (cmocka_run_group_tests_name("cgusage", tests, NULL, NULL));
}
