/* SPDX-License-Identifier: ISC */

/*
 * StreamLogs in netd's connection: live and ended jobs, gaps, followers that do
 * not read, a supervisor that is lost, and that each stream closes what it got.
 */

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/grpc.h"
#include "common/joblog.h"
#include "netd/call.h"
#include "regress/unit/peer.h"
#include "telepilot/v1/telepilot.pb-c.h"

#define LOGS	"/telepilot.v1.TelePilot/StreamLogs"
#define CHECK	"/grpc.health.v1.Health/Check"
#define ID_FIELD "\x0a\x24" "01234567-89ab-4def-8123-456789abcdef"

static struct peer *P;
static int output, idx, bell[2];
static uint64_t offset;
static size_t fds_before;

static size_t
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return (n);
}

static int
new_file(void)
{
	char path[] = "/tmp/telepilot-unit-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(unlink(path), 0);
	return (fd);
}

static int
start(bool manual_window)
{
	if ((P = calloc(1, sizeof(*P))) == NULL)
		return (-1);
	peer_start(P, manual_window);
	output = new_file();
	idx = new_file();
	offset = 0;
	if (joblog_header_write(idx) != 0 || lseek(idx, JOBLOG_HEADER_SIZE, SEEK_SET) == -1)
		return (-1);
	fds_before = count_fds();
	return (pipe2(bell, O_CLOEXEC | O_NONBLOCK));
}

static int
setup(void **state)
{
	(void)state;
	return (start(false));
}

static int
setup_unread(void **state)
{
	(void)state;
	return (start(true));
}

static int
teardown(void **state)
{
	(void)state;
	peer_end(P);
	free(P);
	close(output);
	close(idx);
	if (bell[0] != -1)
		close(bell[0]);
	if (bell[1] != -1)
		close(bell[1]);
	return (0);
}

/* --- the supervisor's side --- */

static void
record(uint64_t length, uint8_t stream, uint8_t flags)
{
	struct joblog_record r = { offset, length, 1500000000000000042, 7, stream, flags };
	uint8_t b[JOBLOG_RECORD_SIZE];

	joblog_record_encode(&r, b);
	assert_int_equal(write(idx, b, sizeof(b)), sizeof(b));
	offset += length;
}

static void
job_writes(const char *s, uint8_t stream)
{
	assert_int_equal(pwrite(output, s, strlen(s), (off_t)offset), strlen(s));
	record(strlen(s), stream, 0);
}

static void
ring_bell(void)
{
	assert_int_equal(write(bell[1], "", 1), 1);
}

/* --- netd's side --- */

static int32_t
follow(uint64_t from)
{
	uint8_t msg[64];
	size_t n = sizeof(ID_FIELD) - 1;
	int32_t id;

	memcpy(msg, ID_FIELD, n);
	msg[n++] = 2 << 3;
	for (; from >= 0x80; from >>= 7)
		msg[n++] = (uint8_t)(from | 0x80);
	msg[n++] = (uint8_t)from;
	id = peer_call(P, LOGS, msg, n);
	assert_true(peer_asked(P, NETD_LOGS));
	return (id);
}

/* The monitor answers: a live job's descriptors, or an ended one's. */
static void
answer(bool live)
{
	struct buf *b = buf_new(16);
	int fds[3] = { output, idx, bell[0] };

	assert_int_equal(buf_put_u8(b, live ? IPC_LOGS_LIVE : IPC_LOGS_ENDED), 0);
	peer_reply(P, P->msg.id, NULL, b, fds, live ? 3 : 2);
	buf_free(b);
	if (live) {
		close(bell[0]);
		bell[0] = -1;
	}
}

/* What poll(2) would do in netd/serve. */
static bool
wake(void)
{
	struct call *c;
	bool woken = false;

	LIST_FOREACH(c, &P->conn.calls, entry) {
		if (!c->deferred || c->ended || c->method->wait_fd == NULL ||
		    c->method->wait_fd(c) == -1)
			continue;
		c->method->wake(c);
		woken = true;
	}
	peer_pump(P);
	return (woken);
}

/* The messages so far: data joined, and how many gap bytes by reason. */
struct seen {
	char data[4096];
	size_t len, entries;
	uint64_t gaps[3], last_offset;
	Telepilot__V1__Stream last_stream;
};

static void
add_entry(struct seen *s, const uint8_t *p, size_t n)
{
	Telepilot__V1__LogEntry *e = telepilot__v1__log_entry__unpack(NULL, n, p);

	assert_non_null(e);
	s->entries++;
	s->last_offset = e->offset;
	s->last_stream = e->stream;
	assert_int_equal(e->time->seconds, 1500000000);
	assert_int_equal(e->time->nanos, 42);
	if (e->content_case == TELEPILOT__V1__LOG_ENTRY__CONTENT_GAP)
		s->gaps[e->gap->reason] += e->gap->bytes;
	else {
		assert_int_equal(e->content_case, TELEPILOT__V1__LOG_ENTRY__CONTENT_DATA);
		assert_true(e->data.len < sizeof(s->data) - s->len);
		memcpy(s->data + s->len, e->data.data, e->data.len);
		s->len += e->data.len;
	}
	telepilot__v1__log_entry__free_unpacked(e, NULL);
}

static struct seen *
entries(int32_t id)
{
	static struct seen s;
	struct answer *a = peer_answer(P, id);
	const uint8_t *p = a->body;
	size_t n, left = a->len;

	memset(&s, 0, sizeof(s));
	while (left > 0) {
		assert_true(left >= GRPC_PREFIX_LEN);
		n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
		assert_true(n <= left - GRPC_PREFIX_LEN);
		add_entry(&s, p + GRPC_PREFIX_LEN, n);
		p += GRPC_PREFIX_LEN + n;
		left -= GRPC_PREFIX_LEN + n;
	}
	return (&s);
}

/* --- tests --- */

static void
test_live_to_the_end(void **state)
{
	int32_t id;

	(void)state;
	job_writes("one\n", JOBLOG_STDOUT);
	id = follow(0);
	answer(true);
	assert_int_equal(peer_answer(P, id)->headers, 1);
	assert_string_equal(entries(id)->data, "one\n");
	job_writes("two\n", JOBLOG_STDERR);
	ring_bell();
	assert_true(wake());
	assert_string_equal(entries(id)->data, "one\ntwo\n");
	assert_int_equal(entries(id)->last_stream, JOBLOG_STDERR);
	assert_int_equal(entries(id)->last_offset, 4);
	assert_false(peer_answer(P, id)->ended);
	record(0, JOBLOG_SYSTEM, JOBLOG_END);
	ring_bell();
	assert_true(wake());
	expect_status(P, id, "0", NULL);
	assert_true(LIST_EMPTY(&P->conn.calls));
}

static void
test_headers_come_before_any_output(void **state)
{
	int32_t id = follow(0);

	(void)state;
	assert_int_equal(peer_answer(P, id)->headers, 0);
	answer(true);
	assert_int_equal(peer_answer(P, id)->headers, 1);
	assert_int_equal(peer_answer(P, id)->len, 0);
	assert_null(LIST_FIRST(&P->conn.calls)->out.b);	/* who waits holds no buffer */
}

static void
test_ended_job(void **state)
{
	int32_t id;

	(void)state;
	job_writes("all of it", JOBLOG_STDOUT);
	record(0, JOBLOG_SYSTEM, JOBLOG_END);
	id = follow(0);
	answer(false);
	expect_status(P, id, "0", NULL);
	assert_string_equal(entries(id)->data, "all of it");
	id = follow(4);
	answer(false);
	assert_string_equal(entries(id)->data, "of it");
	id = follow(9);
	answer(false);
	expect_status(P, id, "0", NULL);
	assert_int_equal(peer_answer(P, id)->len, 0);
}

static void
test_offset_past_the_end(void **state)
{
	int32_t id;

	(void)state;
	job_writes("short", JOBLOG_STDOUT);
	id = follow(100);
	answer(true);
	assert_false(peer_answer(P, id)->ended);	/* it may still come */
	record(0, JOBLOG_SYSTEM, JOBLOG_END);
	ring_bell();
	assert_true(wake());
	expect_status(P, id, "11", "offset");
	assert_string_not_equal(peer_answer(P, id)->details, "");
}

static void
test_job_that_never_ran(void **state)
{
	struct buf *b = buf_new(16);
	int32_t id = follow(0);

	(void)state;
	assert_int_equal(buf_put_u8(b, IPC_LOGS_EMPTY), 0);
	peer_reply(P, P->msg.id, NULL, b, NULL, 0);
	expect_status(P, id, "0", NULL);
	buf_free(b);
}

static void
test_supervisor_lost(void **state)
{
	int32_t id;

	(void)state;
	job_writes("last words", JOBLOG_STDOUT);
	id = follow(0);
	answer(true);
	job_writes("!", JOBLOG_STDOUT);
	close(bell[1]);
	bell[1] = -1;
	assert_true(wake());
	assert_string_equal(entries(id)->data, "last words!");
	expect_status(P, id, "15", "supervisor was lost");
}

static void
test_end_and_bell_gone_at_once(void **state)
{
	int32_t id = follow(0);

	(void)state;
	answer(true);
	job_writes("x", JOBLOG_STDOUT);
	record(0, JOBLOG_SYSTEM, JOBLOG_END);
	close(bell[1]);
	bell[1] = -1;
	assert_true(wake());
	expect_status(P, id, "0", NULL);
	assert_string_equal(entries(id)->data, "x");
}

static void
test_gaps(void **state)
{
	struct joblog_kept kept = { 4, 0 };
	int32_t id;

	(void)state;
	job_writes("0123456789", JOBLOG_STDOUT);
	record(5, JOBLOG_STDOUT, JOBLOG_GAP);
	job_writes("abc", JOBLOG_STDOUT);
	record(0, JOBLOG_SYSTEM, JOBLOG_END);
	assert_int_equal(joblog_kept_write(idx, &kept), 0);
	id = follow(0);
	answer(false);
	expect_status(P, id, "0", NULL);
	assert_string_equal(entries(id)->data, "456789abc");
	assert_int_equal(entries(id)->gaps[TELEPILOT__V1__GAP__REASON__REASON_LOG_LIMIT], 4);
	assert_int_equal(entries(id)->gaps[TELEPILOT__V1__GAP__REASON__REASON_DISK_FULL], 5);
}

static void
test_damaged_index(void **state)
{
	int32_t id;

	(void)state;
	job_writes("x", JOBLOG_STDOUT);
	assert_int_equal(pwrite(idx, "\xff", 1, JOBLOG_HEADER_SIZE + 3), 1);
	id = follow(0);
	answer(false);
	expect_status(P, id, "15", "cannot be read");
}

static void
test_not_a_log(void **state)
{
	int32_t id;

	(void)state;
	assert_int_equal(pwrite(idx, "nope", 4, 0), 4);
	id = follow(0);
	answer(false);
	expect_status(P, id, "13", "cannot be read");
}

/* The reply has fewer descriptors than it says. */
static void
test_reply_without_descriptors(void **state)
{
	struct buf *b = buf_new(16);
	int32_t id = follow(0);

	(void)state;
	assert_int_equal(buf_put_u8(b, IPC_LOGS_LIVE), 0);
	peer_reply(P, P->msg.id, NULL, b, &output, 1);
	buf_free(b);
	expect_status(P, id, "13", NULL);
	assert_int_equal(count_fds(), fds_before + 2);
}

/* --- a follower that does not read --- */

static void
write_much(size_t n)
{
	char *block = malloc(65536);
	size_t i;

	assert_non_null(block);
	for (i = 0; i < n; i++) {
		memset(block, (int)i, 65536);
		assert_int_equal(pwrite(output, block, 65536, (off_t)offset), 65536);
		record(65536, JOBLOG_STDOUT, 0);
	}
	free(block);
}

static void
test_unread_stream_costs_one_buffer(void **state)
{
	struct call *c;
	int32_t id;

	(void)state;
	write_much(100);
	id = follow(0);
	answer(true);
	c = LIST_FIRST(&P->conn.calls);
	assert_non_null(c);
	assert_int_equal(peer_answer(P, id)->len, 65535);	/* its window */
	assert_true(c->out.size <= 256 * 1024);
	/* Its doorbell is not listened to, and other calls are answered. */
	ring_bell();
	assert_false(c->deferred);
	assert_false(wake());
	assert_int_equal(peer_answer(P, id)->len, 65535);
}

static void
test_unread_stream_with_deadline(void **state)
{
	int32_t id;

	(void)state;
	write_much(10);
	id = follow(0);
	LIST_FIRST(&P->conn.calls)->deadline = P->conn.now + SECOND;
	answer(true);
	P->conn.now += 2 * SECOND;
	peer_pump(P);
	assert_true(peer_answer(P, id)->closed);
	assert_int_equal(peer_answer(P, id)->reset, NGHTTP2_CANCEL);
	assert_true(LIST_EMPTY(&P->conn.calls));
}

static void
test_much_output(void **state)
{
	struct answer *a;
	int32_t id;

	(void)state;
	write_much(400);	/* 25 MiB */
	record(0, JOBLOG_SYSTEM, JOBLOG_END);
	id = follow(0);
	answer(false);
	a = peer_answer(P, id);
	expect_status(P, id, "0", NULL);
	assert_true(a->len > 400 * 65536 && a->len < 400 * 65536 + 400 * 64);
}

/* --- descriptors --- */

static void
test_descriptors_are_closed(void **state)
{
	int32_t id;

	(void)state;
	id = follow(0);
	answer(true);
	/* The pipe; two files more for the stream. */
	assert_int_equal(count_fds(), fds_before + 2 + 2);
	assert_int_equal(nghttp2_submit_rst_stream(P->client, 0, id, NGHTTP2_CANCEL), 0);
	peer_pump(P);
	assert_int_equal(count_fds(), fds_before + 1);
	/* The supervisor sees it go. */
	assert_int_equal(write(bell[1], "", 1), -1);
}

static void
test_late_reply_to_a_cancelled_follower(void **state)
{
	int32_t id = follow(0);
	uint32_t asked = P->msg.id;
	struct buf *b = buf_new(16);
	int fds[2] = { output, idx };

	(void)state;
	assert_int_equal(nghttp2_submit_rst_stream(P->client, 0, id, NGHTTP2_CANCEL), 0);
	peer_pump(P);
	assert_true(peer_asked(P, NETD_CANCEL));
	assert_int_equal(buf_put_u8(b, IPC_LOGS_ENDED), 0);
	peer_reply(P, asked, NULL, b, fds, 2);
	buf_free(b);
	assert_int_equal(count_fds(), fds_before + 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
#define U(f)	cmocka_unit_test_setup_teardown(f, setup_unread, teardown)
		T(test_live_to_the_end),
		T(test_headers_come_before_any_output),
		T(test_ended_job),
		T(test_offset_past_the_end),
		T(test_job_that_never_ran),
		T(test_supervisor_lost),
		T(test_end_and_bell_gone_at_once),
		T(test_gaps),
		T(test_damaged_index),
		T(test_not_a_log),
		T(test_reply_without_descriptors),
		U(test_unread_stream_costs_one_buffer),
		U(test_unread_stream_with_deadline),
		T(test_much_output),
		T(test_descriptors_are_closed),
		T(test_late_reply_to_a_cancelled_follower),
	};

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return (1);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
