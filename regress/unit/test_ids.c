/* SPDX-License-Identifier: ISC */

/*
 * monitor/ids and monitor/users: a block is one user's for ever, and a file that
 * is not exactly as it was written is refused.
 */

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/ids.h"
#include "monitor/users.h"

#define FIRST	1879048192u

static const struct id_range range = { FIRST, FIRST + 3 * IDS_BLOCK - 1 };

struct dir {
	char path[64];
	int fd;
};

static int
setup(void **state)
{
	struct dir *d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (-1);
	strcpy(d->path, "/tmp/telepilot-test-XXXXXX");
	if (mkdtemp(d->path) == NULL)
		return (-1);
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = d;
	return (d->fd == -1 ? -1 : 0);
}

static int
teardown(void **state)
{
	struct dir *d = *state;

	unlinkat(d->fd, IDS_FILE, 0);
	unlinkat(d->fd, "sub", 0);
	close(d->fd);
	rmdir(d->path);
	free(d);
	return (0);
}

static void
put(const struct dir *d, const char *name, const char *text, size_t len)
{
	int fd;

	fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd != -1);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static void
expect_file(const struct dir *d, const char *want)
{
	char text[1024];
	ssize_t n;
	int fd;

	assert_true((fd = openat(d->fd, IDS_FILE, O_RDONLY | O_CLOEXEC)) != -1);
	assert_true((n = read(fd, text, sizeof(text) - 1)) >= 0);
	text[n] = '\0';
	close(fd);
	assert_string_equal(text, want);
}

static struct ids *
open_ids(const struct dir *d)
{
	char why[256] = "";
	unsigned int line;
	struct ids *ids;

	if (ids_open(&ids, d->fd, &range, &line, why, sizeof(why)) != 0)
		fail_msg("line %u: %s", line, why);
	return (ids);
}

static uint32_t
block(struct ids *ids, const char *user)
{
	uint32_t first;

	assert_int_equal(ids_block(ids, user, &first), 0);
	return (first);
}

static void
test_given_once(void **state)
{
	const struct dir *d = *state;
	struct ids *ids = open_ids(d);
	uint32_t first;
	struct stat st;

	assert_int_equal(block(ids, "alice"), FIRST);
	assert_int_equal(block(ids, "bob"), FIRST + IDS_BLOCK);
	assert_int_equal(block(ids, "alice"), FIRST);
	ids_free(ids);
	expect_file(d, "alice 1879048192-1879113727\nbob 1879113728-1879179263\n");
	assert_int_equal(fstatat(d->fd, IDS_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	ids = open_ids(d);
	assert_int_equal(block(ids, "bob"), FIRST + IDS_BLOCK);
	assert_int_equal(block(ids, "carol"), FIRST + 2 * IDS_BLOCK);
	assert_int_equal(ids_block(ids, "dave", &first), -ERANGE);
	assert_int_equal(block(ids, "alice"), FIRST);
	assert_int_equal(ids_block(ids, "No", &first), -EINVAL);
	assert_int_equal(ids_block(ids, "", &first), -EINVAL);
	ids_free(ids);
}

/* A hole in the middle is never filled: somebody may have had it. */
static void
test_no_reuse(void **state)
{
	static const char text[] = "bob 1879113728-1879179263\n";
	const struct dir *d = *state;
	struct ids *ids;

	put(d, IDS_FILE, text, strlen(text));
	ids = open_ids(d);
	assert_int_equal(block(ids, "alice"), FIRST + 2 * IDS_BLOCK);
	ids_free(ids);
}

static void
test_damaged(void **state)
{
	static const char ok[] = "alice 1879048192-1879113727\n";
	static const struct {
		const char *line, *why;
	} bad[] = {
		{ "bob\n", "damaged" },
		{ "\n", "damaged" },
		{ "bob 1879113728\n", "damaged" },
		{ "bob 1879113728-1879179262\n", "damaged" },
		{ "bob 1879113728-1879179264\n", "damaged" },
		{ "bob 1879113728-1879179263 \n", "damaged" },
		{ "Bob 1879113728-1879179263\n", "damaged" },
		{ "bob  1879113728-1879179263\n", "damaged" },
		{ "bob 1879113728-99999999999\n", "damaged" },
		{ "bob 1879113729-1879179264\n", "IdRange" },
		{ "bob 65536-131071\n", "IdRange" },
		{ "bob 1879244800-1879310335\n", "IdRange" },
		{ "alice 1879113728-1879179263\n", "its user has a line" },
		{ "bob 1879048192-1879113727\n", "another user's" },
		{ "bob 1879113728-1879179263", "no end" },
		{ "b", "no end" },
	};
	const struct dir *d = *state;
	char text[256], why[256];
	unsigned int line;
	struct ids *ids;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", ok, bad[i].line);
		put(d, IDS_FILE, text, strlen(text));
		assert_int_equal(ids_open(&ids, d->fd, &range, &line, why, sizeof(why)), -EBADMSG);
		assert_null(ids);
		if (line != 2 || strstr(why, bad[i].why) == NULL)
			fail_msg("\"%s\": line %u: %s", bad[i].line, line, why);
	}
	put(d, IDS_FILE, "alice\0 1879048192-1879113727\n", 29);
	assert_int_equal(ids_open(&ids, d->fd, &range, &line, why, sizeof(why)), -EBADMSG);
	assert_int_equal(line, 1);
}

/*
 * The disk takes only a part of a line. Before, it stayed there, and the next
 * daemon did not start.
 */
static void
test_cut_write(void **state)
{
	static const char alice[] = "alice 1879048192-1879113727\n";
	const struct dir *d = *state;
	struct ids *ids = open_ids(d);
	struct rlimit old, limit;
	uint32_t first;

	assert_int_equal(block(ids, "alice"), FIRST);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = sizeof(alice) - 1 + 7;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(ids_block(ids, "bob", &first), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	expect_file(d, alice);
	/* There is room again: nothing is lost, and nothing was given. */
	assert_int_equal(block(ids, "carol"), FIRST + IDS_BLOCK);
	ids_free(ids);
	ids = open_ids(d);
	assert_int_equal(block(ids, "carol"), FIRST + IDS_BLOCK);
	assert_int_equal(block(ids, "bob"), FIRST + 2 * IDS_BLOCK);
	ids_free(ids);
}

/*
 * An editor replaces the file, or somebody adds a line: blocks appended to the
 * old one would be lost, and given again.
 */
static void
test_replaced(void **state)
{
	static const char text[] = "alice 1879048192-1879113727\n",
	    more[] = "bob 1879113728-1879179263\n";
	const struct dir *d = *state;
	struct ids *ids = open_ids(d);
	uint32_t first;
	int fd;

	assert_int_equal(block(ids, "alice"), FIRST);
	put(d, "sub", text, strlen(text));
	assert_int_equal(renameat(d->fd, "sub", d->fd, IDS_FILE), 0);
	assert_int_equal(ids_block(ids, "bob", &first), -ESTALE);
	assert_int_equal(block(ids, "alice"), FIRST);
	expect_file(d, text);
	assert_int_equal(unlinkat(d->fd, IDS_FILE, 0), 0);
	assert_int_equal(ids_block(ids, "bob", &first), -ESTALE);
	ids_free(ids);

	put(d, IDS_FILE, text, strlen(text));
	ids = open_ids(d);
	fd = openat(d->fd, IDS_FILE, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, more, strlen(more)), (ssize_t)strlen(more));
	close(fd);
	assert_int_equal(ids_block(ids, "carol", &first), -ESTALE);
	ids_free(ids);
	ids = open_ids(d);
	assert_int_equal(block(ids, "carol"), FIRST + 2 * IDS_BLOCK);
	ids_free(ids);
}

static void
test_bad_file(void **state)
{
	const struct dir *d = *state;
	char why[256];
	unsigned int line;
	struct ids *ids;

	put(d, IDS_FILE, "", 0);
	assert_int_equal(fchmodat(d->fd, IDS_FILE, 0622, 0), 0);
	assert_int_equal(ids_open(&ids, d->fd, &range, &line, why, sizeof(why)), -EPERM);
	assert_int_equal(unlinkat(d->fd, IDS_FILE, 0), 0);
	assert_int_equal(symlinkat("/dev/null", d->fd, IDS_FILE), 0);
	assert_int_equal(ids_open(&ids, d->fd, &range, &line, why, sizeof(why)), -ELOOP);
	assert_int_equal(line, 0);
	assert_null(ids);
}

static void
test_subids(void **state)
{
	static const struct {
		const char *text;
		int r;
	} files[] = {
		{ "", 0 },
		{ "bob:100000:65536\n", 0 },
		{ "bob:1879048191:1\n", 0 },
		{ "bob:1879048191:2\n", -EEXIST },
		{ "# comment\nbob:1879244799:1", -EEXIST },
		{ "bob:1879244800:65536\n", 0 },
		{ "bob:1:4294967295\n", -EEXIST },
		{ "bob:1879048192:0\n", 0 },
		{ "damaged\na:b\na:b:c\n", 0 },
	};
	const struct dir *d = *state;
	char path[128], why[256];
	size_t i;

	snprintf(path, sizeof(path), "%s/sub", d->path);
	assert_int_equal(ids_check_subids(&range, path, why, sizeof(why)), 0);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		put(d, "sub", files[i].text, strlen(files[i].text));
		if (ids_check_subids(&range, path, why, sizeof(why)) != files[i].r)
			fail_msg("\"%s\" is not %d", files[i].text, files[i].r);
	}
}

static void
test_owner(void **state)
{
	char home[] = "/home/al";
	struct account account = { "alice", 1234, 5678, home };
	struct accounts accounts = { 1, 1, &account, 1 };
	const struct dir *d = *state;
	struct users users;
	struct job_owner o;
	struct status st;

	users.ids = open_ids(d);
	users.accounts = &accounts;
	assert_int_equal(users_owner(&users, "bob", &o, &st), ST_OK);
	assert_string_equal(o.user, "bob");
	assert_int_equal(o.uid, FIRST);
	assert_int_equal(o.gid, FIRST);
	assert_int_equal(o.sup_uid, FIRST + IDS_BLOCK - 1);
	assert_int_equal(o.sup_gid, FIRST + IDS_BLOCK - 1);
	assert_null(o.home);
	assert_int_equal(users_owner(&users, "alice", &o, &st), ST_OK);
	assert_int_equal(o.uid, 1234);
	assert_int_equal(o.gid, 5678);
	assert_int_equal(o.sup_uid, FIRST + 2 * IDS_BLOCK - 1);
	assert_string_equal(o.home, "/home/al");
	assert_int_equal(users_owner(&users, "carol", &o, &st), ST_OK);
	assert_int_equal(users_owner(&users, "dave", &o, &st), ST_RESOURCE_EXHAUSTED);
	ids_free(users.ids);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_given_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_reuse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
