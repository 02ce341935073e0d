/* SPDX-License-Identifier: ISC */

/* common/ipc: the bodies that the monitor and its children exchange. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/ipc.h"
#include "common/msg.h"

static const struct netd_init netd = {
	.trust_domain = "telepilot",
	.identity = IPC_IDENTITY_CN,
	.has_crl = 1,
	.uid = 1,
	.gid = 2,
	.max_streams = 3,
	.max_header_bytes = 4,
	.max_message_bytes = 5,
	.login_grace = 6,
	.idle_timeout = 7,
};

static void
fill_spec(struct spawn_spec *s)
{
	static char program[] = "true", *argv[] = { program, NULL };

	memset(s, 0, sizeof(*s));
	memset(s->id.b, 0x5a, sizeof(s->id.b));
	jobspec_init(&s->job);
	s->job.argv = argv;
	strcpy(s->owner, "alice");
	strcpy(s->home, "/home/alice");
	s->uid = 1;
	s->gid = 2;
	s->sup_uid = 3;
	s->sup_gid = 4;
	s->log_max = 5;
	s->log_block = 1;
	s->nproc = NO_LIMIT;
	s->nroles = 3;
	s->roles[0] = ROLE_OUTPUT;
	s->roles[1] = ROLE_INDEX;
	s->roles[2] = ROLE_END;
}

/* Every message that is cut short, or has a byte more, is refused. */
static void
check_lengths(const struct buf *b, int (*get)(struct rbuf *))
{
	struct rbuf rb;
	uint8_t *copy;
	size_t n;

	for (n = 0; n <= buf_len(b); n++) {
		copy = malloc(n + 1);
		memcpy(copy, buf_data(b), n);
		rbuf_init(&rb, copy, n);
		assert_int_equal(get(&rb), n == buf_len(b) ? 0 : -EBADMSG);
		if (n == buf_len(b))
			assert_int_equal(rbuf_end(&rb), 0);
		free(copy);
	}
}

static int
get_netd(struct rbuf *rb)
{
	struct netd_init n;

	return (netd_init_get(rb, &n));
}

static int
get_status(struct rbuf *rb)
{
	struct status st;

	return (status_get(rb, &st));
}

static int
get_spec(struct rbuf *rb)
{
	struct spawn_spec s;
	int r;

	if ((r = spawn_spec_get(rb, &s)) == 0)
		jobspec_free(&s.job);
	return (r);
}

static void
test_netd_init(void **state)
{
	struct buf *b = buf_new(1000);
	struct netd_init n;
	struct rbuf rb;

	(void)state;
	assert_int_equal(netd_init_put(b, &netd), 0);
	rbuf_init(&rb, buf_data(b), buf_len(b));
	assert_int_equal(netd_init_get(&rb, &n), 0);
	assert_string_equal(n.trust_domain, "telepilot");
	assert_int_equal(n.identity, IPC_IDENTITY_CN);
	assert_int_equal(n.has_crl, 1);
	assert_int_equal(n.uid, 1);
	assert_int_equal(n.gid, 2);
	assert_int_equal(n.max_streams, 3);
	assert_int_equal(n.max_header_bytes, 4);
	assert_int_equal(n.max_message_bytes, 5);
	assert_int_equal(n.login_grace, 6);
	assert_int_equal(n.idle_timeout, 7);
	check_lengths(b, get_netd);
	buf_free(b);
}

static void
netd_refused(const struct netd_init *n)
{
	struct buf *b = buf_new(1000);
	struct rbuf rb;

	assert_int_equal(netd_init_put(b, n), 0);
	rbuf_init(&rb, buf_data(b), buf_len(b));
	assert_int_equal(get_netd(&rb), -EBADMSG);
	buf_free(b);
}

static void
test_netd_init_values(void **state)
{
	struct netd_init n = netd;

	(void)state;
	n.identity = 0;
	netd_refused(&n);
	n.identity = IPC_IDENTITY_CN + 1;
	netd_refused(&n);
	n = netd;
	n.has_crl = 2;
	netd_refused(&n);
}

static void
test_status(void **state)
{
	struct buf *b = buf_new(1000);
	struct status st, back;
	struct rbuf rb;
	unsigned int code;

	(void)state;
	for (code = ST_OK; code <= ST_UNAUTHENTICATED + 1; code++) {
		memset(&st, 0, sizeof(st));
		st.code = code;
		strcpy(st.field, "args[0]");
		strcpy(st.message, "caf\xc3\xa9");
		buf_reset(b);
		assert_int_equal(status_put(b, &st), 0);
		rbuf_init(&rb, buf_data(b), buf_len(b));
		if (code > ST_UNAUTHENTICATED) {
			assert_int_equal(status_get(&rb, &back), -EBADMSG);
			break;
		}
		assert_int_equal(status_get(&rb, &back), 0);
		assert_int_equal(back.code, code);
		assert_string_equal(back.field, st.field);
		assert_string_equal(back.message, st.message);
		check_lengths(b, get_status);
	}
	buf_free(b);
}

static void
test_status_overlong(void **state)
{
	struct buf *b = buf_new(2000);
	struct rbuf rb;
	char text[STATUS_MESSAGE_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[STATUS_MESSAGE_MAX] = '\0';
	assert_int_equal(buf_put_u8(b, ST_OK), 0);
	assert_int_equal(buf_put_str(b, ""), 0);
	assert_int_equal(buf_put_str(b, text), 0);
	rbuf_init(&rb, buf_data(b), buf_len(b));
	assert_int_equal(get_status(&rb), -EMSGSIZE);
	buf_free(b);
}

static void
test_spawn_spec(void **state)
{
	struct buf *b = buf_new(5000);
	struct spawn_spec s, back;
	struct rbuf rb;

	(void)state;
	fill_spec(&s);
	assert_int_equal(spawn_spec_put(b, &s), 0);
	rbuf_init(&rb, buf_data(b), buf_len(b));
	assert_int_equal(spawn_spec_get(&rb, &back), 0);
	assert_memory_equal(back.id.b, s.id.b, sizeof(s.id.b));
	assert_string_equal(back.job.argv[0], "true");
	assert_null(back.job.argv[1]);
	assert_string_equal(back.owner, "alice");
	assert_string_equal(back.home, "/home/alice");
	assert_int_equal(back.uid, 1);
	assert_int_equal(back.gid, 2);
	assert_int_equal(back.sup_uid, 3);
	assert_int_equal(back.sup_gid, 4);
	assert_int_equal(back.log_max, 5);
	assert_int_equal(back.log_block, 1);
	assert_true(back.nproc == NO_LIMIT);
	assert_int_equal(back.nroles, 3);
	assert_memory_equal(back.roles, s.roles, 3);
	jobspec_free(&back.job);
	check_lengths(b, get_spec);
	buf_free(b);
}

static void
test_spawn_spec_values(void **state)
{
	struct buf *b = buf_new(5000);
	struct spawn_spec s;
	struct rbuf rb;
	uint8_t *bytes;

	(void)state;
	fill_spec(&s);
	s.log_block = 2;
	assert_int_equal(spawn_spec_put(b, &s), 0);
	rbuf_init(&rb, buf_data(b), buf_len(b));
	assert_int_equal(get_spec(&rb), -EBADMSG);
	s.log_block = 0;
	s.nroles = sizeof(s.roles);
	buf_reset(b);
	assert_int_equal(spawn_spec_put(b, &s), 0);
	check_lengths(b, get_spec);
	/* One role more than there is room for. */
	bytes = calloc(1, buf_len(b) + 1);
	memcpy(bytes, buf_data(b), buf_len(b));
	bytes[buf_len(b) - sizeof(s.roles) - 1] = sizeof(s.roles) + 1;
	rbuf_init(&rb, bytes, buf_len(b) + 1);
	assert_int_equal(get_spec(&rb), -EBADMSG);
	free(bytes);
	s.nroles = sizeof(s.roles) + 1;
	buf_reset(b);
	assert_int_equal(spawn_spec_put(b, &s), -EINVAL);
	buf_free(b);
}

/* The largest job that jobspec_check takes fits the largest spec. */
static void
test_largest_spawn_spec(void **state)
{
	struct buf *b = buf_new(MSG_BODY_MAX);
	struct spawn_spec s;
	char *argv[JOB_ARGS_MAX + 1] = { 0 }, *env[JOB_ARGS_MAX + 1] = { 0 };
	char *dir = malloc(JOB_PATH_MAX + 1), *rest = calloc(1, JOB_STRINGS_MAX);
	char x[] = "x", a[] = "A=";
	struct status st;
	struct rbuf rb;
	size_t i, end = JOB_STRINGS_MAX - JOB_ARGS_MAX * 6 - 3000 * 7 - 5;

	(void)state;
	fill_spec(&s);
	memset(dir, '/', JOB_PATH_MAX);
	dir[JOB_PATH_MAX] = '\0';
	memcpy(s.home, dir, JOB_PATH_MAX + 1);
	s.job.argv = argv;
	s.job.env = env;
	s.job.workdir = dir;
	/* 4096 times 6, then as many of "A=" as the rest allows, and a last one. */
	for (i = 0; i < JOB_ARGS_MAX; i++)
		argv[i] = x;
	for (i = 0; i < 3000; i++)
		env[i] = a;
	memset(rest, 'r', JOB_STRINGS_MAX - 1);
	memcpy(rest, "B=", 2);
	rest[end] = '\0';
	env[i] = rest;
	assert_int_equal(jobspec_check(&s.job, &st), ST_OK);
	s.nroles = sizeof(s.roles);
	assert_int_equal(spawn_spec_put(b, &s), 0);
	rbuf_init(&rb, buf_data(b), buf_len(b));
	assert_int_equal(get_spec(&rb), 0);
	assert_int_equal(rbuf_end(&rb), 0);
	rest[end] = 'r';
	rest[end + 1] = '\0';
	assert_int_equal(jobspec_check(&s.job, &st), ST_INVALID_ARGUMENT);
	buf_free(b);
	free(dir);
	free(rest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_netd_init),
		cmocka_unit_test(test_netd_init_values),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_overlong),
		cmocka_unit_test(test_spawn_spec),
		cmocka_unit_test(test_spawn_spec_values),
		cmocka_unit_test(test_largest_spawn_spec)
	};

	return (cmocka_run_group_tests_name("ipc", tests, NULL, NULL));
}
