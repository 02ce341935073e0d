/* SPDX-License-Identifier: ISC */

/* common/jobspec and jobspec_check: the wire, and what a user may ask for. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/jobspec.h"
#include "common/msg.h"
#include "common/strv.h"

/* A spec that owns nothing; not for jobspec_free. */
struct fixture {
	struct jobspec s;
	char *argv[JOB_ARGS_MAX + 2];
	char *env[JOB_ARGS_MAX + 2];
	struct status st;
};

static struct fixture f;
static char echo[] = "echo";

static int
set_up(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	jobspec_init(&f.s);
	f.s.argv = f.argv;
	f.s.env = f.env;
	f.argv[0] = echo;
	return (0);
}

static char *
text(const char *s)
{
	return ((char *)(uintptr_t)s);
}

static void
accepted(void)
{
	memset(&f.st, 0xff, sizeof(f.st));
	if (jobspec_check(&f.s, &f.st) != ST_OK)
		fail_msg("refused: %s", f.st.message);
	assert_int_equal(f.st.code, ST_OK);
	assert_string_equal(f.st.message, "");
}

/* The field is named, and stands in the message with the words wanted. */
static void
refused(const char *field, const char *words)
{
	memset(&f.st, 0xff, sizeof(f.st));
	assert_int_equal(jobspec_check(&f.s, &f.st), ST_INVALID_ARGUMENT);
	assert_int_equal(f.st.code, ST_INVALID_ARGUMENT);
	assert_string_equal(f.st.field, field);
	assert_non_null(strstr(f.st.message, field));
	if (strstr(f.st.message, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", f.st.message, words);
}

static void
test_init(void **state)
{
	struct limits l;

	(void)state;
	memset(&l, 0xff, sizeof(l));
	limits_init(&l);
	assert_true(l.cpu_millis == 0 && l.memory_bytes == 0 && l.io_rbps == 0 &&
	    l.io_wbps == 0 && l.io_riops == 0 && l.io_wiops == 0 && l.pids == 0);
	assert_true(l.swap_bytes == NO_LIMIT);
	accepted();
}

static void
test_command(void **state)
{
	(void)state;
	f.argv[0] = text("");
	refused("command", "empty");
	f.argv[0] = NULL;
	refused("command", "empty");
	f.s.argv = NULL;
	refused("command", "empty");
	f.s.argv = f.argv;
	f.argv[0] = text("\xff");
	refused("command", "UTF-8");
}

static void
test_args(void **state)
{
	size_t i;

	(void)state;
	f.argv[1] = text("");
	f.argv[2] = text("\x01 control \x7f \xc3\xa9");
	accepted();
	f.argv[3] = text("ok");
	f.argv[4] = text("bad\xc3");
	refused("args[3]", "UTF-8");
	f.argv[1] = text("\xc0\x80");
	refused("args[0]", "UTF-8");
	for (i = 1; i < JOB_ARGS_MAX; i++)
		f.argv[i] = text("");
	accepted();
	f.argv[JOB_ARGS_MAX] = text("");
	refused("args", "4095");
}

static void
test_env(void **state)
{
	static const char *const good[] = {
		"A=", "a=b", "_=1", "PATH=/bin:/sbin", "A1_b=x=y", "X=\xc3\xa9\n"
	};
	static const char *const bad[] = {
		"", "=", "=x", "A", "1A=x", "A-B=x", "A B=x", " A=x", "\xc3\xa9=x", "A.B=x"
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		f.env[0] = text(good[i]);
		accepted();
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f.env[1] = text(bad[i]);
		refused("env[1]", "NAME=value");
	}
	f.env[1] = text("A=\xff");
	refused("env[1]", "UTF-8");
	f.s.env = NULL;
	accepted();
	f.s.env = f.env;
	for (i = 0; i < JOB_ARGS_MAX; i++)
		f.env[i] = text("A=");
	accepted();
	f.env[JOB_ARGS_MAX] = text("A=");
	refused("env", "4096");
}

/* Each string counts its length and 5; what is accepted fits every message. */
static void
test_total(void **state)
{
	char *big = malloc(JOB_STRINGS_MAX + 1), *dir = malloc(JOB_PATH_MAX + 1);
	struct buf *b = buf_new(MSG_BODY_MAX);
	struct jobspec back;
	struct rbuf rb;

	(void)state;
	memset(big, 'x', JOB_STRINGS_MAX);
	memset(dir, '/', JOB_PATH_MAX);
	dir[JOB_PATH_MAX] = '\0';
	/* "echo" takes 9, "A=b" 8, so this one may have 5 less than the rest. */
	f.env[0] = text("A=b");
	f.argv[1] = big;
	big[JOB_STRINGS_MAX - 9 - 8 - 5] = '\0';
	f.s.workdir = dir;
	accepted();
	assert_int_equal(jobspec_put(b, &f.s), 0);
	rbuf_init(&rb, buf_data(b), buf_len(b));
	assert_int_equal(jobspec_get(&rb, &back), 0);
	assert_string_equal(back.argv[1], big);
	jobspec_free(&back);
	/* Room for what the messages have beside it: HOME, a status, ids. */
	assert_true(buf_len(b) + JOB_PATH_MAX + 1 + sizeof(struct status) + 512 < MSG_BODY_MAX);
	f.env[0] = text("A=bc");
	refused("args", "49152");
	f.env[0] = text("A=b");
	accepted();
	f.argv[1] = NULL;
	memcpy(big, "A=", 2);
	f.env[0] = big;
	accepted();
	f.env[1] = text("B=1234567890");
	refused("env", "49152");
	buf_free(b);
	free(big);
	free(dir);
}

static void
test_workdir(void **state)
{
	char *dir = malloc(JOB_PATH_MAX + 2);

	(void)state;
	f.s.workdir = text("/");
	accepted();
	f.s.workdir = text("");
	accepted();
	f.s.workdir = text("tmp");
	refused("workdir", "absolute");
	f.s.workdir = text("/\xff");
	refused("workdir", "UTF-8");
	memset(dir, '/', JOB_PATH_MAX + 1);
	dir[JOB_PATH_MAX + 1] = '\0';
	f.s.workdir = dir;
	refused("workdir", "4095");
	dir[JOB_PATH_MAX] = '\0';
	accepted();
	free(dir);
}

static void
check_range(uint64_t *v, const char *field, uint64_t min, uint64_t max)
{
	*v = 0;
	accepted();
	*v = min;
	accepted();
	*v = max;
	accepted();
	*v = max + 1;
	refused(field, "expected");
	*v = UINT64_MAX;
	refused(field, "expected");
	if (min > 1) {
		*v = min - 1;
		refused(field, "expected");
		*v = 1;
		refused(field, "expected");
	}
	*v = 0;
}

static void
test_limits(void **state)
{
	struct limits *l = &f.s.limits;

	(void)state;
	check_range(&l->memory_bytes, "limits.memory_bytes", 262144, INT64_MAX);
	check_range(&l->io_rbps, "limits.io_read_bytes_per_second", 4096, INT64_MAX);
	check_range(&l->io_wbps, "limits.io_write_bytes_per_second", 4096, INT64_MAX);
	check_range(&l->io_riops, "limits.io_read_iops", 1, INT64_MAX);
	check_range(&l->io_wiops, "limits.io_write_iops", 1, INT64_MAX);
	check_range(&l->pids, "limits.pids", 1, 4194304);
	l->pids = 4194305;
	refused("limits.pids", "4194305");
}

static void
test_cpu(void **state)
{
	struct limits *l = &f.s.limits;

	(void)state;
	l->cpu_millis = 10;
	accepted();
	l->cpu_millis = 1024000;
	accepted();
	l->cpu_millis = 9;
	refused("limits.cpu_cores", "0.009");
	l->cpu_millis = 1024001;
	refused("limits.cpu_cores", "1024.001");
	l->cpu_millis = UINT32_MAX;
	refused("limits.cpu_cores", "expected");
}

static void
test_swap(void **state)
{
	struct limits *l = &f.s.limits;

	(void)state;
	l->swap_bytes = 0;
	refused("limits.swap_bytes", "memory_bytes");
	l->memory_bytes = INT64_MAX;
	accepted();
	l->swap_bytes = INT64_MAX;
	accepted();
	l->swap_bytes = (uint64_t)INT64_MAX + 1;
	refused("limits.swap_bytes", "out of range");
	l->swap_bytes = NO_LIMIT;
	accepted();
}

static void
fill(void)
{
	static const struct limits all = { 1, 2, 3, 4, 5, 6, 7, 8 };

	f.argv[1] = text("");
	f.argv[2] = text("\xc3\xa9");
	f.env[0] = text("A=1");
	f.s.workdir = text("/tmp");
	f.s.limits = all;
	f.s.merge_output = true;
}

static void
test_round_trip(void **state)
{
	struct buf *b = buf_new(1000);
	struct jobspec back;
	struct rbuf rb;

	(void)state;
	fill();
	assert_int_equal(jobspec_put(b, &f.s), 0);
	rbuf_init(&rb, buf_data(b), buf_len(b));
	assert_int_equal(jobspec_get(&rb, &back), 0);
	assert_int_equal(rbuf_end(&rb), 0);
	assert_int_equal(strv_count(back.argv), 3);
	assert_string_equal(back.argv[0], "echo");
	assert_string_equal(back.argv[1], "");
	assert_string_equal(back.argv[2], "\xc3\xa9");
	assert_int_equal(strv_count(back.env), 1);
	assert_string_equal(back.env[0], "A=1");
	assert_string_equal(back.workdir, "/tmp");
	assert_true(back.limits.cpu_millis == 1 && back.limits.memory_bytes == 2 &&
	    back.limits.swap_bytes == 3 && back.limits.io_rbps == 4 &&
	    back.limits.io_wbps == 5 && back.limits.io_riops == 6 &&
	    back.limits.io_wiops == 7 && back.limits.pids == 8);
	assert_true(back.merge_output);
	jobspec_free(&back);
	assert_null(back.argv);
	jobspec_free(&back);
	buf_free(b);
}

static void
test_unset_round_trip(void **state)
{
	struct buf *b = buf_new(1000);
	struct jobspec back;
	struct rbuf rb;

	(void)state;
	f.s.argv = f.s.env = NULL;
	assert_int_equal(jobspec_put(b, &f.s), 0);
	rbuf_init(&rb, buf_data(b), buf_len(b));
	assert_int_equal(jobspec_get(&rb, &back), 0);
	assert_int_equal(strv_count(back.argv), 0);
	assert_non_null(back.argv);
	assert_non_null(back.env);
	assert_null(back.workdir);
	assert_true(back.limits.swap_bytes == NO_LIMIT);
	assert_false(back.merge_output);
	jobspec_free(&back);
	buf_free(b);
}

/* LeakSanitizer sees what an error leaves behind. */
static void
test_every_truncation_is_refused(void **state)
{
	struct buf *b = buf_new(1000);
	struct jobspec back;
	struct rbuf rb;
	uint8_t *copy;
	size_t n;

	(void)state;
	fill();
	assert_int_equal(jobspec_put(b, &f.s), 0);
	for (n = 0; n < buf_len(b); n++) {
		copy = malloc(n + 1);
		memcpy(copy, buf_data(b), n);
		rbuf_init(&rb, copy, n);
		assert_int_equal(jobspec_get(&rb, &back), -EBADMSG);
		assert_null(back.argv);
		free(copy);
	}
	buf_free(b);
}

static void
test_bad_wire(void **state)
{
	struct buf *b = buf_new(70000);
	struct jobspec back;
	struct rbuf rb;
	uint8_t *bytes;
	uint32_t i;

	(void)state;
	fill();
	assert_int_equal(jobspec_put(b, &f.s), 0);
	bytes = malloc(buf_len(b));
	memcpy(bytes, buf_data(b), buf_len(b));
	bytes[buf_len(b) - 1] = 2;			/* merge_output */
	rbuf_init(&rb, bytes, buf_len(b));
	assert_int_equal(jobspec_get(&rb, &back), -EBADMSG);
	memset(bytes, 0xff, 4);				/* the count of argv */
	rbuf_init(&rb, bytes, buf_len(b));
	assert_int_equal(jobspec_get(&rb, &back), -EBADMSG);
	free(bytes);
	buf_reset(b);
	assert_int_equal(buf_put_u32(b, JOB_ARGS_MAX + 1), 0);
	for (i = 0; i < JOB_ARGS_MAX + 1; i++)
		assert_int_equal(buf_put_str(b, ""), 0);
	assert_int_equal(buf_put_u32(b, 0), 0);
	assert_int_equal(buf_put_str(b, ""), 0);
	assert_int_equal(limits_put(b, &f.s.limits), 0);
	assert_int_equal(buf_put_u8(b, 0), 0);
	rbuf_init(&rb, buf_data(b), buf_len(b));
	assert_int_equal(jobspec_get(&rb, &back), -EBADMSG);
	buf_free(b);
}

static void
test_put_needs_room(void **state)
{
	struct buf *b = buf_new(1000), *small;
	size_t n;

	(void)state;
	fill();
	assert_int_equal(jobspec_put(b, &f.s), 0);
	for (n = 0; n < buf_len(b); n++) {
		small = buf_new(n);
		assert_int_equal(jobspec_put(small, &f.s), -ENOSPC);
		buf_free(small);
	}
	buf_free(b);
}

static void
test_user_names(void **state)
{
	static const char *const good[] = {
		"a", "_", "alice", "_x-9", "a23456789012345678901234567890_-"
	};
	static const char *const bad[] = {
		"", "-a", "9a", "Alice", "a b", "a.b", "a/b", "..", "a\n", "\xc3\xa9", "root$",
		"a23456789012345678901234567890123"
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(user_name_valid(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (user_name_valid(bad[i]))
			fail_msg("\"%s\" was taken", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_init, set_up),
		cmocka_unit_test_setup(test_command, set_up),
		cmocka_unit_test_setup(test_args, set_up),
		cmocka_unit_test_setup(test_env, set_up),
		cmocka_unit_test_setup(test_total, set_up),
		cmocka_unit_test_setup(test_workdir, set_up),
		cmocka_unit_test_setup(test_limits, set_up),
		cmocka_unit_test_setup(test_cpu, set_up),
		cmocka_unit_test_setup(test_swap, set_up),
		cmocka_unit_test_setup(test_round_trip, set_up),
		cmocka_unit_test_setup(test_unset_round_trip, set_up),
		cmocka_unit_test_setup(test_every_truncation_is_refused, set_up),
		cmocka_unit_test_setup(test_bad_wire, set_up),
		cmocka_unit_test_setup(test_put_needs_room, set_up),
		cmocka_unit_test(test_user_names)
	};

	return (cmocka_run_group_tests_name("jobspec", tests, NULL, NULL));
}
