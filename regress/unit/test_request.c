/* SPDX-License-Identifier: ISC */

/*
 * The monitor's request table and dispatcher, with this test in netd's place: each
 * rule of the table broken once, each RPC done once, and a million ways to say
 * nothing sensible.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ipc.h"
#include "common/log.h"
#include "common/msg.h"
#include "fake_backend.h"
#include "monitor/request.h"
#include "monitor/session.h"

#define MAX_REQUESTS	8
#define NONE		0xffff		/* no message */

struct test {
	struct world *w;
	char dir[64];
	int dir_fd;
	struct ids *ids;
	struct accounts accounts;
	struct account list[2];
	char home[16];
	struct services services;
	struct session s;
	int peer;			/* netd's end */
	struct msg *m;			/* what was received there */
	int ready, authenticated, over;
	char why[256];
};

static int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return (n);
}

static void
on_ready(void *arg)
{
	((struct test *)arg)->ready++;
}

static void
on_authenticated(void *arg)
{
	((struct test *)arg)->authenticated++;
}

static void
on_over(void *arg, const char *why)
{
	struct test *t = arg;

	t->over++;
	snprintf(t->why, sizeof(t->why), "%s", why != NULL ? why : "");
}

static const struct session_events events = { on_ready, on_authenticated, on_over };

/* A new session in the given state; alice's if it is open. */
static void
begin(struct test *t, enum session_state state)
{
	int fds[2];

	assert_int_equal(msg_pair(fds), 0);
	assert_int_equal(session_init(&t->s, &t->services, fds[0], MAX_REQUESTS, &events, t), 0);
	t->peer = fds[1];
	t->s.state = state;
	strcpy(t->s.peer, "192.0.2.1:1");
	if (state == SESSION_OPEN)
		strcpy(t->s.user, "alice");
	t->ready = t->authenticated = t->over = 0;
	t->why[0] = '\0';
}

static void
end(struct test *t)
{
	session_close(&t->s);
	close(t->peer);
}

static int
setup(void **state)
{
	void *world;
	struct test *t;
	char why[256];
	unsigned int line;
	const struct id_range range = { 65536, 65536 * 10 - 1 };

	if (world_setup(&world) != 0 || (t = calloc(1, sizeof(*t))) == NULL)
		return (-1);
	t->w = world;
	strcpy(t->dir, "/tmp/telepilot-test-XXXXXX");
	if (mkdtemp(t->dir) == NULL)
		return (-1);
	t->dir_fd = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ids_open(&t->ids, t->dir_fd, &range, &line, why, sizeof(why)) != 0)
		return (-1);
	strcpy(t->home, "/home/x");
	strcpy(t->list[0].user, "alice");
	strcpy(t->list[1].user, "bob");
	t->list[0].uid = t->list[0].gid = 1000;
	t->list[1].uid = t->list[1].gid = 1001;
	t->list[0].home = t->list[1].home = t->home;
	t->accounts.list = t->list;
	t->accounts.n = 2;
	t->services.event = t->w->event;
	t->services.jobs = t->w->mgr;
	t->services.users.ids = t->ids;
	t->services.users.accounts = &t->accounts;
	t->services.msg = malloc(sizeof(struct msg));
	t->m = malloc(sizeof(struct msg));
	*state = t;
	return (t->services.msg == NULL || t->m == NULL ? -1 : 0);
}

static int
teardown(void **state)
{
	struct test *t = *state;
	void *world = t->w;

	ids_free(t->ids);
	unlinkat(t->dir_fd, IDS_FILE, 0);
	close(t->dir_fd);
	rmdir(t->dir);
	free(t->services.msg);
	free(t->m);
	free(t);
	return (world_teardown(&world));
}

/* The event loop keeps what its first timer needed. */
static int
count_idle_fds(struct test *t)
{
	begin(t, SESSION_OPEN);
	end(t);
	return (count_fds());
}

/* --- netd's side --- */

static void
say(struct test *t, uint16_t type, uint32_t id, const void *body, size_t len)
{
	struct buf *b = buf_new(MSG_BODY_MAX);

	assert_int_equal(buf_put_raw(b, body, len), 0);
	assert_int_equal(msg_send(t->peer, type, id, b), 0);
	buf_free(b);
	pump(t->w);
}

/* The type of the next message, in t->m, or NONE. */
static unsigned int
hear(struct test *t)
{
	if (msg_recv(t->peer, t->m, 3) != 0)
		return (NONE);
	return (t->m->type);
}

/* The next message answers id with this code; the reader stands behind the status. */
static void
expect_reply(struct test *t, uint32_t id, enum status_code code)
{
	struct status st;

	assert_int_equal(hear(t), NETD_REPLY);
	assert_int_equal(t->m->id, id);
	assert_int_equal(status_get(&t->m->body, &st), 0);
	if (st.code != code)
		fail_msg("%s: %s", status_name(st.code), st.message);
}

static void
expect_info(struct test *t, uint32_t id, const struct uuid *job, enum job_state state)
{
	struct jobinfo info;

	expect_reply(t, id, ST_OK);
	assert_int_equal(jobinfo_get(&t->m->body, &info), 0);
	assert_int_equal(rbuf_end(&t->m->body), 0);
	assert_memory_equal(&info.id, job, sizeof(*job));
	assert_int_equal(info.state, state);
	jobinfo_free(&info);
}

static void
expect_over(struct test *t, const char *why)
{
	if (t->over != 1 || strstr(t->why, why) == NULL)
		fail_msg("over %d times: \"%s\", expected \"%s\"", t->over, t->why, why);
}

/* --- one valid body for each row --- */

static struct buf *
valid_body(uint16_t type, const struct uuid *job)
{
	char cmd[] = "true", *argv[] = { cmd, NULL }, *env[] = { NULL };
	struct buf *b = buf_new(MSG_BODY_MAX);
	struct jobspec spec;
	int r = 0;

	jobspec_init(&spec);
	spec.argv = argv;
	spec.env = env;
	switch (type) {
	case NETD_READY:
		r = buf_put_u32(b, IPC_VERSION);
		break;
	case NETD_AUTH:
		r = buf_put_str(b, "alice") | buf_put_str(b, "0a1b") | buf_put_str(b, "ff00");
		break;
	case NETD_CANCEL:
		break;
	case NETD_CREATE:
		r = buf_put_str(b, "") | jobspec_put(b, &spec);
		break;
	case NETD_STOP:
		r = buf_put_raw(b, job->b, UUID_LEN) | buf_put_u32(b, IPC_DEFAULT);
		break;
	case NETD_LIST:
		r = buf_put_u32(b, 0) | buf_put_u64(b, 0);
		break;
	default:
		r = buf_put_raw(b, job->b, UUID_LEN);
	}
	assert_int_equal(r, 0);
	return (b);
}

static uint32_t
valid_id(const struct request_row *row)
{
	return (row->act != NULL || row->type == NETD_CANCEL ? 1 : 0);
}

static void
say_valid(struct test *t, const struct request_row *row, const struct uuid *job)
{
	struct buf *b = valid_body(row->type, job);

	say(t, row->type, valid_id(row), buf_data(b), buf_len(b));
	buf_free(b);
}

static const struct request_row *
row_of(uint16_t type)
{
	size_t i;

	for (i = 0; i < request_nrows; i++)
		if (request_table[i].type == type)
			return (&request_table[i]);
	fail_msg("no row of %u", type);
	return (NULL);
}

static enum session_state
state_for(const struct request_row *row)
{
	return ((enum session_state)(row->states & -row->states));
}

/* --- the table --- */

static void
test_table(void **state)
{
	static const uint16_t types[] = {
		NETD_READY, NETD_AUTH, NETD_CREATE, NETD_START, NETD_STOP, NETD_STATUS,
		NETD_WAIT, NETD_LIST, NETD_DELETE, NETD_LOGS, NETD_CANCEL,
	};
	size_t i, j, n = sizeof(types) / sizeof(types[0]);
	unsigned int found;

	(void)state;
	assert_int_equal(request_nrows, n);
	for (i = 0; i < n; i++) {
		for (found = 0, j = 0; j < request_nrows; j++)
			found += request_table[j].type == types[i];
		assert_int_equal(found, 1);
	}
	for (i = 0; i < request_nrows; i++) {
		assert_true((request_table[i].act == NULL) != (request_table[i].note == NULL));
		assert_true((request_table[i].act == NULL) == (request_table[i].name == NULL));
		assert_non_null(request_table[i].decode);
		assert_true(request_table[i].max_body <= MSG_BODY_MAX);
		assert_true(request_table[i].states != 0);
	}
}

static void
test_table_print(void **state)
{
	char *text = NULL, *s;
	size_t len, lines = 0;
	FILE *f;

	(void)state;
	assert_non_null(f = open_memstream(&text, &len));
	assert_int_equal(request_table_print(f), 0);
	assert_int_equal(fclose(f), 0);
	for (s = text; (s = strchr(s, '\n')) != NULL; s++)
		lines++;
	assert_int_equal(lines, request_nrows);
	assert_non_null(strstr(text, "NETD_AUTH    LOGIN     once"));
	free(text);
}

/* --- each rule broken --- */

static void
test_states(void **state)
{
	static const enum session_state states[] = {
		SESSION_STARTING, SESSION_WAITING, SESSION_LOGIN, SESSION_OPEN
	};
	struct test *t = *state;
	struct uuid job = make_job(t->w, "alice");
	size_t i, j, tried = 0;

	for (i = 0; i < request_nrows; i++)
		for (j = 0; j < 4; j++) {
			if ((request_table[i].states & states[j]) != 0)
				continue;
			begin(t, states[j]);
			say_valid(t, &request_table[i], &job);
			expect_over(t, "may not come in this state");
			assert_int_equal(hear(t), NONE);
			end(t);
			tried++;
		}
	assert_int_equal(tried, 3 * request_nrows);
	assert_int_equal(state_of(t->w, "alice", &job), JOB_CREATED);
}

static void
test_once(void **state)
{
	struct test *t = *state;
	struct uuid job = { { 0 } };
	size_t i;

	for (i = 0; i < request_nrows; i++) {
		if ((request_table[i].flags & REQUEST_ONCE) == 0)
			continue;
		begin(t, state_for(&request_table[i]));
		say_valid(t, &request_table[i], &job);
		assert_int_equal(t->over, 0);
		t->s.state = state_for(&request_table[i]);
		say_valid(t, &request_table[i], &job);
		expect_over(t, "may come only once");
		end(t);
	}
}

/* Too long, one byte too many, and every way of being cut short: nothing is done. */
static void
test_sizes(void **state)
{
	struct test *t = *state;
	struct uuid job = make_job(t->w, "alice");
	const struct request_row *row;
	uint8_t bytes[MSG_BODY_MAX];
	struct buf *b;
	size_t i, len;

	for (i = 0; i < request_nrows; i++) {
		row = &request_table[i];
		b = valid_body(row->type, &job);
		memset(bytes, 0, sizeof(bytes));
		if (buf_len(b) > 0)
			memcpy(bytes, buf_data(b), buf_len(b));
		if (row->max_body < MSG_BODY_MAX) {
			begin(t, state_for(row));
			say(t, row->type, valid_id(row), bytes, row->max_body + 1);
			expect_over(t, "too long");
			end(t);
		}
		begin(t, state_for(row));
		say(t, row->type, valid_id(row), bytes, buf_len(b) + 1);
		expect_over(t, row->message);
		end(t);
		for (len = 0; len < buf_len(b); len++) {
			begin(t, state_for(row));
			say(t, row->type, valid_id(row), bytes, len);
			expect_over(t, "malformed");
			end(t);
		}
		buf_free(b);
	}
	assert_int_equal(t->w->fake.nruns, 0);
	assert_int_equal(state_of(t->w, "alice", &job), JOB_CREATED);
}

static void
test_unknown(void **state)
{
	static const uint16_t types[] = { 0, NETD_INIT, NETD_REPLY, 47, 57, 0xffff };
	struct test *t = *state;
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		begin(t, SESSION_OPEN);
		say(t, types[i], 1, "", 0);
		expect_over(t, "is unknown");
		end(t);
	}
}

static void
test_raw(void **state)
{
	struct test *t = *state;

	begin(t, SESSION_OPEN);
	assert_int_equal(send(t->peer, "short", 5, 0), 5);
	pump(t->w);
	expect_over(t, "cannot be received");
	end(t);
	begin(t, SESSION_OPEN);
	close(t->peer);
	pump(t->w);
	expect_over(t, "");
	assert_string_equal(t->why, "");
	t->peer = -1;
	session_close(&t->s);
}

/* On kernels that can refuse descriptors the sender is told. */
static void
test_descriptors(void **state)
{
	struct test *t = *state;
	int before, fd, r;

	assert_true((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1);
	begin(t, SESSION_OPEN);
	before = count_fds();
	r = msg_send_fds(t->peer, NETD_LIST, 1, NULL, &fd, 1);
	pump(t->w);
	if (r == 0)
		expect_over(t, "cannot be received");
	else
		assert_int_equal(r, -EPERM);
	assert_int_equal(count_fds(), before);
	end(t);
	close(fd);
}

static void
test_ids(void **state)
{
	struct test *t = *state;
	struct uuid job = make_job(t->w, "alice");
	uint32_t id;

	begin(t, SESSION_OPEN);
	say(t, NETD_WAIT, 0, job.b, UUID_LEN);
	expect_over(t, "its id is 0");
	end(t);
	begin(t, SESSION_OPEN);
	say(t, NETD_CANCEL, 0, "", 0);
	expect_over(t, "its id is 0");
	end(t);
	begin(t, SESSION_LOGIN);
	say(t, NETD_AUTH, 5, "\0\0\0\5alice\0\0\0\1a\0\0\0\1b", 19);
	expect_over(t, "its id is not 0");
	end(t);

	begin(t, SESSION_OPEN);
	say(t, NETD_WAIT, 7, job.b, UUID_LEN);
	say(t, NETD_STATUS, 7, job.b, UUID_LEN);
	expect_over(t, "its id is in use");
	assert_int_equal(hear(t), NONE);
	end(t);

	begin(t, SESSION_OPEN);
	for (id = 1; id <= MAX_REQUESTS; id++)
		say(t, NETD_WAIT, id, job.b, UUID_LEN);
	assert_int_equal(t->over, 0);
	say(t, NETD_CANCEL, 3, "", 0);
	say(t, NETD_WAIT, id, job.b, UUID_LEN);
	assert_int_equal(t->over, 0);
	say(t, NETD_STATUS, id + 1, job.b, UUID_LEN);
	expect_over(t, "too many requests are in flight");
	end(t);
}

static void
test_auth_form(void **state)
{
	static const char *const bad[][3] = {
		{ "Alice", "a", "b" }, { "", "a", "b" }, { "root/../x", "a", "b" },
		{ "alice", "", "b" }, { "alice", "x", "b" }, { "alice", "a b", "b" },
		{ "alice", "a", "" }, { "alice", "a", "b\n" },
		{ "abcdefghijklmnopqrstuvwxyzabcdefg", "a", "b" },
	};
	struct test *t = *state;
	struct buf *b;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(t, SESSION_LOGIN);
		b = buf_new(MSG_BODY_MAX);
		assert_int_equal(buf_put_str(b, bad[i][0]) | buf_put_str(b, bad[i][1]) |
		    buf_put_str(b, bad[i][2]), 0);
		say(t, NETD_AUTH, 0, buf_data(b), buf_len(b));
		expect_over(t, "malformed");
		assert_string_equal(t->s.user, "");
		buf_free(b);
		end(t);
	}
	begin(t, SESSION_STARTING);
	say(t, NETD_READY, 0, "\0\0\0\2", 4);
	expect_over(t, "another version");
	end(t);
}

/* After the first fault nothing more is read. */
static void
test_over_once(void **state)
{
	struct test *t = *state;
	int i;

	begin(t, SESSION_OPEN);
	for (i = 0; i < 40; i++)
		assert_int_equal(msg_send(t->peer, 99, 1, NULL), 0);
	pump(t->w);
	expect_over(t, "message 99 is unknown");
	end(t);
}

/* --- each request done --- */

static void
test_life(void **state)
{
	struct test *t = *state;
	struct uuid job;

	begin(t, SESSION_STARTING);
	say_valid(t, row_of(NETD_READY), NULL);
	assert_int_equal(t->ready, 1);
	assert_int_equal(t->s.state, SESSION_WAITING);
	t->s.state = SESSION_LOGIN;
	say_valid(t, row_of(NETD_AUTH), NULL);
	assert_int_equal(hear(t), NETD_AUTH_OK);
	assert_int_equal(t->authenticated, 1);
	assert_int_equal(t->s.state, SESSION_OPEN);
	assert_string_equal(t->s.user, "alice");

	say_valid(t, row_of(NETD_CREATE), NULL);
	expect_reply(t, 1, ST_OK);
	assert_int_equal(rbuf_get_raw(&t->m->body, job.b, UUID_LEN), 0);
	assert_int_equal(rbuf_end(&t->m->body), 0);
	say(t, NETD_START, 2, job.b, UUID_LEN);
	say(t, NETD_WAIT, 3, job.b, UUID_LEN);
	assert_int_equal(hear(t), NONE);
	fake_started(t->w->fake.runs[0]);
	pump(t->w);
	expect_info(t, 2, &job, JOB_RUNNING);
	say(t, NETD_STATUS, 4, job.b, UUID_LEN);
	expect_info(t, 4, &job, JOB_RUNNING);
	say(t, NETD_DELETE, 5, job.b, UUID_LEN);
	expect_reply(t, 5, ST_FAILED_PRECONDITION);
	say_valid(t, row_of(NETD_STOP), &job);
	assert_int_equal(t->w->fake.runs[0]->signals, 1);
	fake_killed(t->w->fake.runs[0], 15, END_SIGNALED);
	pump(t->w);
	expect_info(t, 3, &job, JOB_EXITED);
	expect_info(t, 1, &job, JOB_EXITED);
	say(t, NETD_DELETE, 5, job.b, UUID_LEN);
	expect_reply(t, 5, ST_OK);
	assert_int_equal(rbuf_end(&t->m->body), 0);
	say(t, NETD_STATUS, 6, job.b, UUID_LEN);
	expect_reply(t, 6, ST_PERMISSION_DENIED);
	assert_int_equal(t->s.nrequests, 0);
	assert_int_equal(t->over, 0);
	end(t);
}

/* Another's job and an unknown one: the same answer to every request, byte for byte. */
static void
test_not_yours(void **state)
{
	struct test *t = *state;
	struct uuid bobs = make_job(t->w, "bob"), unknown = { { 1, 2, 3 } };
	uint8_t first[1024];
	size_t i, len;

	for (i = 0; i < request_nrows; i++) {
		if ((request_table[i].flags & REQUEST_OF_JOB) == 0)
			continue;
		begin(t, SESSION_OPEN);
		say_valid(t, &request_table[i], &bobs);
		expect_reply(t, 1, ST_PERMISSION_DENIED);
		len = (size_t)(t->m->body.p + t->m->body.left - t->m->data);
		assert_true(len < sizeof(first));
		memcpy(first, t->m->data, len);
		say_valid(t, &request_table[i], &unknown);
		expect_reply(t, 1, ST_PERMISSION_DENIED);
		assert_memory_equal(first, t->m->data, len);
		end(t);
	}
	assert_int_equal(state_of(t->w, "bob", &bobs), JOB_CREATED);
}

/* netd checks a spec for the user's sake, the monitor for its own. */
static void
test_bad_spec(void **state)
{
	char cmd[] = "", *argv[] = { cmd, NULL }, *env[] = { NULL };
	struct test *t = *state;
	struct jobspec spec;
	struct buf *b = buf_new(MSG_BODY_MAX);

	jobspec_init(&spec);
	spec.argv = argv;
	spec.env = env;
	assert_int_equal(buf_put_str(b, "") | jobspec_put(b, &spec), 0);
	begin(t, SESSION_OPEN);
	say(t, NETD_CREATE, 1, buf_data(b), buf_len(b));
	expect_reply(t, 1, ST_INVALID_ARGUMENT);
	assert_int_equal(t->over, 0);
	end(t);
	buf_free(b);
}

static void
get_page(struct test *t, uint32_t size, uint64_t cursor, uint64_t *next, uint32_t *count)
{
	struct buf *b = buf_new(64);
	struct jobinfo info;
	uint32_t i;

	assert_int_equal(buf_put_u32(b, size) | buf_put_u64(b, cursor), 0);
	say(t, NETD_LIST, 1, buf_data(b), buf_len(b));
	buf_free(b);
	expect_reply(t, 1, ST_OK);
	assert_int_equal(rbuf_get_u64(&t->m->body, next), 0);
	assert_int_equal(rbuf_get_u32(&t->m->body, count), 0);
	for (i = 0; i < *count; i++) {
		assert_int_equal(jobinfo_get(&t->m->body, &info), 0);
		assert_string_equal(info.owner, "alice");
		jobinfo_free(&info);
	}
	assert_int_equal(rbuf_end(&t->m->body), 0);
}

static void
test_list(void **state)
{
	struct test *t = *state;
	uint64_t next, cursor;
	uint32_t count, all;
	int i;

	begin(t, SESSION_OPEN);
	get_page(t, 0, 0, &next, &count);
	assert_int_equal(count, 0);
	assert_int_equal(next, 0);
	for (i = 0; i < 1500; i++) {
		make_job(t->w, "alice");
		make_job(t->w, "bob");
	}
	get_page(t, 0, 0, &next, &count);
	assert_int_equal(count, 100);
	get_page(t, 7, 0, &next, &count);
	assert_int_equal(count, 7);
	/* A page is never larger than a message, whatever was asked for. */
	for (all = 0, cursor = 0;; cursor = next) {
		get_page(t, 0xffffffff, cursor, &next, &count);
		assert_true(count > 0 && count <= 1000);
		all += count;
		if (next == 0)
			break;
	}
	assert_int_equal(all, 1500);
	end(t);
}

/* --- answers that wait --- */

static void
follow(struct test *t, uint32_t id, const struct uuid *job)
{
	say(t, NETD_LOGS, id, job->b, UUID_LEN);
}

static void
expect_logs(struct test *t, uint32_t id, enum ipc_logs kind, size_t nfds)
{
	uint8_t got;

	expect_reply(t, id, ST_OK);
	assert_int_equal(rbuf_get_u8(&t->m->body, &got), 0);
	assert_int_equal(rbuf_end(&t->m->body), 0);
	assert_int_equal(got, kind);
	assert_int_equal(t->m->nfds, nfds);
	msg_close_fds(t->m);
}

static void
wait_ms(struct test *t, int ms)
{
	uint64_t start, now;

	assert_true(sd_event_now(t->w->event, CLOCK_MONOTONIC, &start) >= 0);
	do {
		assert_true(sd_event_run(t->w->event, 1000) >= 0);
		assert_true(sd_event_now(t->w->event, CLOCK_MONOTONIC, &now) >= 0);
	} while (now - start < (uint64_t)ms * 1000);
}

static void
test_logs(void **state)
{
	struct test *t = *state;
	struct uuid job = make_job(t->w, "alice");
	struct job_run *run;
	int before;

	begin(t, SESSION_OPEN);
	before = count_fds();
	follow(t, 1, &job);
	assert_int_equal(hear(t), NONE);	/* not started yet */
	run = run_job(t->w, "alice", &job);
	expect_logs(t, 1, IPC_LOGS_LIVE, 3);

	/* Nothing with descriptors is sent while something is unread. */
	follow(t, 2, &job);
	follow(t, 3, &job);
	say(t, NETD_STATUS, 4, job.b, UUID_LEN);
	wait_ms(t, 30);
	assert_true(t->s.nrequests == 3 || t->s.nrequests == 2);
	expect_logs(t, 2, IPC_LOGS_LIVE, 3);
	assert_int_equal(hear(t), NONE);
	wait_ms(t, 60);
	expect_logs(t, 3, IPC_LOGS_LIVE, 3);
	expect_info(t, 4, &job, JOB_RUNNING);
	assert_int_equal(t->s.nrequests, 0);

	/* One that is cancelled while it waits is not sent, and its fds are closed. */
	follow(t, 5, &job);
	follow(t, 6, &job);
	say(t, NETD_CANCEL, 6, "", 0);
	expect_logs(t, 5, IPC_LOGS_LIVE, 3);
	wait_ms(t, 60);
	assert_int_equal(hear(t), NONE);
	assert_int_equal(count_fds(), before);

	fake_exited(run, 0);
	pump(t->w);
	follow(t, 7, &job);
	expect_logs(t, 7, IPC_LOGS_ENDED, 2);
	end(t);
}

static void
test_logs_of_nothing(void **state)
{
	struct test *t = *state;
	struct uuid job = make_job(t->w, "alice");

	begin(t, SESSION_OPEN);
	say_valid(t, row_of(NETD_STOP), &job);	/* never ran */
	expect_info(t, 1, &job, JOB_EXITED);
	follow(t, 2, &job);
	expect_logs(t, 2, IPC_LOGS_EMPTY, 0);
	end(t);
}

/* Requests whose answers fill the channel: none is lost, none is sent twice. */
static void
test_full_channel(void **state)
{
	struct test *t = *state;
	struct uuid job = make_job(t->w, "alice");
	uint32_t id = 0, next = 1;
	int rounds;

	begin(t, SESSION_OPEN);
	for (rounds = 0; rounds < 2000 && t->s.nrequests < MAX_REQUESTS; rounds++)
		say(t, NETD_STATUS, ++id, job.b, UUID_LEN);
	assert_int_equal(t->s.nrequests, MAX_REQUESTS);
	assert_int_equal(t->over, 0);
	while (next <= id) {
		expect_info(t, next++, &job, JOB_CREATED);
		if (next % 16 == 0)
			wait_ms(t, 1);
		if (next == id - 4)
			wait_ms(t, 100);
	}
	assert_int_equal(t->s.nrequests, 0);
	assert_int_equal(t->over, 0);
	end(t);
}

static void
test_never_reads(void **state)
{
	struct test *t = *state;
	struct uuid job = make_job(t->w, "alice");
	int before;

	run_job(t->w, "alice", &job);
	begin(t, SESSION_OPEN);
	before = count_fds();
	follow(t, 1, &job);
	follow(t, 2, &job);
	assert_int_equal(t->over, 0);
	t->s.stalled_since = 1;		/* as if it had been so for long */
	wait_ms(t, 60);
	expect_over(t, "does not read its answers");
	session_close(&t->s);
	close(t->peer);
	assert_true(count_fds() < before);
	fake_exited(t->w->fake.runs[0], 0);
	pump(t->w);
}

/* What was under way is forgotten, and goes on without a listener. */
static void
test_close_in_flight(void **state)
{
	struct test *t = *state;
	struct uuid job = make_job(t->w, "alice");
	int before = count_idle_fds(t);

	begin(t, SESSION_OPEN);
	say(t, NETD_START, 1, job.b, UUID_LEN);
	say(t, NETD_WAIT, 2, job.b, UUID_LEN);
	follow(t, 3, &job);
	assert_int_equal(t->s.nrequests, 3);
	end(t);
	fake_started(t->w->fake.runs[0]);
	pump(t->w);
	assert_int_equal(state_of(t->w, "alice", &job), JOB_RUNNING);
	fake_exited(t->w->fake.runs[0], 0);
	pump(t->w);
	assert_int_equal(count_fds(), before);
}

/* --- noise --- */

static uint64_t noise = 88172645463325252ULL;

static uint32_t
rnd(uint32_t n)
{
	noise ^= noise << 13;
	noise ^= noise >> 7;
	noise ^= noise << 17;
	return ((uint32_t)(noise >> 32) % n);
}

/* A message of a known or unknown type, sound or with a few bytes changed. */
static void
say_noise(struct test *t, const struct uuid *job)
{
	const struct request_row *row = &request_table[rnd((uint32_t)request_nrows)];
	uint8_t bytes[1024];
	struct buf *b = valid_body(row->type, job);
	size_t len = buf_len(b);
	uint32_t n;

	assert_true(len < sizeof(bytes));
	memset(bytes, 0, sizeof(bytes));
	if (len > 0)
		memcpy(bytes, buf_data(b), len);
	buf_free(b);
	if (rnd(16) == 0)
		for (n = rnd(4); n > 0 && len > 0; n--)
			bytes[rnd((uint32_t)len)] = (uint8_t)rnd(256);
	if (rnd(128) == 0)
		len = rnd(sizeof(bytes));
	if (rnd(256) == 0)
		say(t, (uint16_t)rnd(64), rnd(4), bytes, len);
	else
		say(t, row->type, row->act != NULL ? 1 + rnd(100) : valid_id(row), bytes, len);
}

static void
take_all(struct test *t)
{
	while (hear(t) != NONE) {
		assert_true(t->m->type == NETD_REPLY || t->m->type == NETD_AUTH_OK);
		msg_close_fds(t->m);
	}
}

static void
test_noise(void **state)
{
	static const enum session_state states[] = {
		SESSION_STARTING, SESSION_LOGIN, SESSION_OPEN, SESSION_OPEN, SESSION_OPEN
	};
	struct test *t = *state;
	struct uuid job = make_job(t->w, "alice");
	int before = count_idle_fds(t), i, j;
	size_t run;

	for (i = 0; i < 3000; i++) {
		begin(t, states[rnd(5)]);
		for (j = 0; j < 64 && t->over == 0; j++) {
			say_noise(t, &job);
			if (rnd(3) == 0)
				take_all(t);
		}
		assert_true(t->over <= 1);
		end(t);
		if (i % 100 == 0)
			job = make_job(t->w, "alice");
	}
	for (run = 0; run < t->w->fake.nruns; run++)
		if (!t->w->fake.runs[run]->freed) {
			fake_started(t->w->fake.runs[run]);
			fake_exited(t->w->fake.runs[run], 0);
		}
	pump(t->w);
	assert_int_equal(count_fds(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_print),
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_raw, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_auth_form, setup, teardown),
		cmocka_unit_test_setup_teardown(test_over_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_yours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_spec, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_logs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_logs_of_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_in_flight, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noise, setup, teardown),
	};

	log_set_max(LOG_ERR);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
