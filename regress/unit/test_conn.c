/* SPDX-License-Identifier: ISC */

/*
 * netd's connection in memory: gRPC as its specification has it, what is refused
 * and how, floods, the drain. One client, one monitor, no socket, no clock.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/grpc.h"
#include "common/jobinfo.h"
#include "grpc/health/v1/health.pb-c.h"
#include "netd/call.h"
#include "netd/descriptors.h"
#include "netd/reflection.h"
#include "regress/unit/peer.h"
#include "telepilot/v1/telepilot.pb-c.h"

#define CHECK	"/grpc.health.v1.Health/Check"
#define WATCH	"/grpc.health.v1.Health/Watch"
#define STATUS	"/telepilot.v1.TelePilot/GetJobStatus"
#define WAIT	"/telepilot.v1.TelePilot/WaitJob"
#define CREATE	"/telepilot.v1.TelePilot/CreateJob"
#define LIST	"/telepilot.v1.TelePilot/ListJobs"
#define INFO	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

#define ID_TEXT	"01234567-89ab-4def-8123-456789abcdef"
#define ID_FIELD "\x0a\x24" ID_TEXT
#define ID_MSG	"\0\0\0\0\x26" ID_FIELD

static struct peer *P;

static int
setup(void **state)
{
	(void)state;
	if ((P = calloc(1, sizeof(*P))) == NULL)
		return (-1);
	peer_start(P, false);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	peer_end(P);
	free(P);
	return (0);
}

static int32_t
ask(const char *path)
{
	return (peer_call(P, path, ID_FIELD, sizeof(ID_FIELD) - 1));
}

static int32_t
send_body(const char *path, const void *body, size_t len)
{
	struct request rq = { .path = path, .body = body, .len = len };

	return (peer_request(P, &rq));
}

static struct buf *
a_job(void)
{
	static char command[] = "true", arg[] = "x";
	static char *argv[] = { command, arg, NULL };
	struct buf *b = buf_new(MSG_BODY_MAX);
	struct jobinfo j;

	jobinfo_init(&j);
	assert_int_equal(uuid_parse(ID_TEXT, &j.id), 0);
	(void)strcpy(j.owner, "alice");
	j.state = JOB_RUNNING;
	j.argv = argv;
	j.created = 1500000000000000007;
	j.limits.cpu_millis = 1500;
	assert_int_equal(jobinfo_put(b, &j, false), 0);
	return (b);
}

/* --- requests that are good --- */

static void
check_health(const char *service, size_t len, int want)
{
	Grpc__Health__V1__HealthCheckResponse *r;
	int32_t id = peer_call(P, CHECK, service, len);
	struct answer *a = peer_answer(P, id);

	expect_status(P, id, "0", NULL);
	assert_true(a->len >= GRPC_PREFIX_LEN);
	r = grpc__health__v1__health_check_response__unpack(NULL, a->len - GRPC_PREFIX_LEN,
	    a->body + GRPC_PREFIX_LEN);
	assert_non_null(r);
	assert_int_equal(r->status, want);
	grpc__health__v1__health_check_response__free_unpacked(r, NULL);
}

static void
test_health_check(void **state)
{
	int32_t id;

	(void)state;
	check_health("", 0, GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
	check_health("\x0a\x16telepilot.v1.TelePilot", 24,
	    GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
	id = peer_call(P, CHECK, "\x0a\x04nope", 6);
	expect_status(P, id, "5", "unknown service");
	assert_int_equal(peer_answer(P, id)->headers, 1);	/* Trailers-Only */
}

static void
check_status_call(void)
{
	Telepilot__V1__JobStatusResponse *r;
	struct buf *job = a_job();
	int32_t id = ask(STATUS);
	struct answer *a = peer_answer(P, id);
	struct uuid uuid;

	assert_true(peer_asked(P, NETD_STATUS));
	assert_int_equal(uuid_parse(ID_TEXT, &uuid), 0);
	assert_int_equal(P->msg.body.left, UUID_LEN);
	assert_memory_equal(P->msg.body.p, uuid.b, UUID_LEN);
	assert_false(a->ended);
	peer_reply(P, P->msg.id, NULL, job, NULL, 0);
	buf_free(job);
	expect_status(P, id, "0", NULL);
	assert_int_equal(a->headers, 2);
	r = telepilot__v1__job_status_response__unpack(NULL, a->len - GRPC_PREFIX_LEN,
	    a->body + GRPC_PREFIX_LEN);
	assert_non_null(r);
	assert_string_equal(r->job->id, ID_TEXT);
	assert_string_equal(r->job->command, "true");
	assert_int_equal(r->job->n_args, 1);
	assert_true(r->job->limits->cpu_cores == 1.5);
	assert_int_equal(r->job->create_time->nanos, 7);
	assert_null(r->job->usage);
	assert_null(r->job->end);
	telepilot__v1__job_status_response__free_unpacked(r, NULL);
}

static void
test_a_call_through_the_monitor(void **state)
{
	(void)state;
	check_status_call();
}

static void
test_cut_at_every_byte(void **state)
{
	(void)state;
	for (P->chunk = 1; P->chunk < 20; P->chunk++)
		check_status_call();
}

static void
test_the_monitors_words(void **state)
{
	struct status st;
	int32_t id = ask(STATUS);
	const char *details;
	size_t n;
	uint8_t *p;

	(void)state;
	assert_true(peer_asked(P, NETD_STATUS));
	(void)status_set(&st, ST_INVALID_ARGUMENT, "limits.pids", "100 %% \xe2\x98\xba");
	peer_reply(P, P->msg.id, &st, NULL, NULL, 0);
	expect_status(P, id, "3", "limits.pids: 100 %25 %E2%98%BA");
	details = peer_answer(P, id)->details;
	assert_non_null(p = grpc_base64_decode(details, strlen(details), &n));
	free(p);
	assert_int_equal(peer_answer(P, id)->headers, 1);
}

static void
test_content_types(void **state)
{
	static const char *const good[] = { "application/grpc", "application/grpc+proto",
	    "application/grpc;charset=utf-8" };
	static const char *const bad[] = { "application/grpc-web", "application/grpc-web+proto",
	    "application/grpcx", "application/json", "text/plain", "application/grp", "" };
	struct request rq = { .path = CHECK, .body = "\0\0\0\0\0", .len = 5 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		rq.content_type = good[i];
		expect_status(P, peer_request(P, &rq), "0", NULL);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rq.content_type = bad[i];
		assert_string_equal(peer_answer(P, peer_request(P, &rq))->http, "415");
	}
	rq.content_type = NULL;
	rq.method = "GET";
	assert_string_equal(peer_answer(P, peer_request(P, &rq))->http, "405");
}

/* --- requests that are refused --- */

static void
test_unimplemented(void **state)
{
	static const char *const paths[] = { "/telepilot.v1.TelePilot/Nope", "/nope.Nope/Check",
	    "/", "/telepilot.v1.TelePilot/", "/telepilot.v1.TelePilot/getjobstatus",
	    "/telepilot.v1.TelePilot/GetJobStatus/" };
	size_t i;
	int32_t id;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		id = ask(paths[i]);
		expect_status(P, id, "12", "unknown");
		assert_int_equal(peer_answer(P, id)->headers, 1);
		assert_int_equal(peer_answer(P, id)->len, 0);
	}
}

static void
test_cardinality(void **state)
{
	struct request none = { .path = STATUS };

	(void)state;
	expect_status(P, peer_request(P, &none), "12", "exactly one");
	expect_status(P, send_body(STATUS, ID_MSG ID_MSG, 2 * (sizeof(ID_MSG) - 1)), "12",
	    "exactly one");
	expect_status(P, send_body(STATUS, ID_MSG "\0", sizeof(ID_MSG)), "12", "exactly one");
	expect_status(P, send_body(STATUS, ID_MSG, sizeof(ID_MSG) - 2), "13", "within a message");
	expect_status(P, send_body(STATUS, "\0\0", 2), "13", "within a message");
	assert_false(peer_asked(P, NETD_STATUS));
}

static void
test_message_limits(void **state)
{
	char *big = calloc(1, 65536 + 6);
	struct request rq = { .path = STATUS, .body = "\0\xff\xff\xff\xff", .len = 5,
	    .open = true };
	int32_t id;

	(void)state;
	assert_non_null(big);
	/* Refused by its prefix: nobody waits for 4 GiB. */
	id = peer_request(P, &rq);
	expect_status(P, id, "8", "4294967295 bytes");
	assert_true(peer_answer(P, id)->closed);
	assert_int_equal(peer_answer(P, id)->reset, NGHTTP2_NO_ERROR);
	grpc_prefix((uint8_t *)big, 65537);
	expect_status(P, send_body(STATUS, big, 65537 + 5), "8", "65536");
	/* An unknown field of the right size: the largest message allowed. */
	grpc_prefix((uint8_t *)big, 65536);
	memcpy(big + 5, "\xfa\x06\xfb\xff\x03", 5);
	expect_status(P, send_body(STATUS, big, 65536 + 5), "3", "job_id");
	free(big);
}

static void
test_compression(void **state)
{
	struct request rq = { .path = CHECK, .body = "\1\0\0\0\0", .len = 5 };

	(void)state;
	expect_status(P, peer_request(P, &rq), "13", "compressed");
	rq.encoding = "identity";
	expect_status(P, peer_request(P, &rq), "13", "compressed");
	rq.encoding = "gzip";
	expect_status(P, peer_request(P, &rq), "12", "identity");
	rq.body = "\0\0\0\0\0";		/* announced, but not used */
	expect_status(P, peer_request(P, &rq), "0", NULL);
	rq.encoding = NULL;
	rq.body = "\2\0\0\0\0";
	expect_status(P, peer_request(P, &rq), "13", "first byte");
}

static void
test_bad_messages(void **state)
{
	int32_t id;

	(void)state;
	expect_status(P, peer_call(P, STATUS, "\x0a\xff", 2), "13", NULL);
	expect_status(P, peer_call(P, STATUS, "\x08\x01", 2), "13", NULL);
	id = peer_call(P, STATUS, "\x0a\x03""a\0b", 5);
	expect_status(P, id, "3", "job_id");
	assert_string_not_equal(peer_answer(P, id)->details, "");
	expect_status(P, peer_call(P, STATUS, "", 0), "3", "job_id");
	id = peer_call(P, STATUS, "\x0a\x24" "01234567-89AB-4def-8123-456789abcdef", 38);
	expect_status(P, id, "3", "job_id");
	expect_status(P, peer_call(P, LIST, "\x12\x01x", 3), "3", "page_token");
	expect_status(P, peer_call(P, LIST, "\x12\x10" "0000000000000000", 18), "3", "page_token");
	assert_false(peer_asked(P, NETD_STATUS));
}

/* cpu_cores: not a number, infinite, negative, too small, too large. */
static void
test_cores(void **state)
{
	static const char *const bad[] = {
		"\0\0\0\0\0\0\xf8\x7f", "\0\0\0\0\0\0\xf0\x7f", "\0\0\0\0\0\0\xf0\xff",
		"\0\0\0\0\0\0\xf0\xbf", "\xfc\xa9\xf1\xd2\x4d\x62\x50\x3f",
		"\0\0\0\0\0\x50\xb0\x40", "\x01\0\0\0\0\0\0\0",
	};
	char msg[] = "\x0a\x04true\x1a\x09\x09........";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(msg + sizeof(msg) - 9, bad[i], 8);
		expect_status(P, peer_call(P, CREATE, msg, sizeof(msg) - 1), "3",
		    "limits.cpu_cores");
	}
	memcpy(msg + sizeof(msg) - 9, "\0\0\0\0\0\0\xe0\x3f", 8);	/* 0.5 */
	(void)peer_call(P, CREATE, msg, sizeof(msg) - 1);
	assert_true(peer_asked(P, NETD_CREATE));
}

/* --- metadata --- */

static void
test_header_limit(void **state)
{
	struct request rq = { .path = CHECK, .body = "\0\0\0\0\0", .len = 5, .padding = 7000 };
	int32_t id;

	(void)state;
	expect_status(P, peer_request(P, &rq), "0", NULL);
	rq.padding = 9000;
	expect_status(P, peer_request(P, &rq), "8", "8192");
	rq.padding = 40000;
	id = peer_request(P, &rq);
	assert_true(peer_answer(P, id)->closed);
	assert_int_equal(peer_answer(P, id)->reset, NGHTTP2_INTERNAL_ERROR);
	rq.padding = 0;
	expect_status(P, peer_request(P, &rq), "0", NULL);
}

static void
test_bad_timeout(void **state)
{
	struct request rq = { .path = STATUS, .body = ID_MSG, .len = sizeof(ID_MSG) - 1,
	    .timeout = "1x" };

	(void)state;
	expect_status(P, peer_request(P, &rq), "3", "grpc-timeout");
	rq.timeout = "123456789S";
	expect_status(P, peer_request(P, &rq), "3", "grpc-timeout");
	assert_false(peer_asked(P, NETD_STATUS));
}

/* --- deadlines and cancellation --- */

static void
test_deadline(void **state)
{
	struct request rq = { .path = WAIT, .body = ID_MSG, .len = sizeof(ID_MSG) - 1,
	    .timeout = "500m" };
	int32_t id = peer_request(P, &rq);
	uint32_t asked;

	(void)state;
	assert_true(peer_asked(P, NETD_WAIT));
	asked = P->msg.id;
	assert_true(conn_timers(&P->conn) == P->conn.now + SECOND / 2);
	P->conn.now += SECOND / 2 - 1;
	peer_pump(P);
	assert_false(peer_answer(P, id)->ended);
	P->conn.now += 1;
	peer_pump(P);
	expect_status(P, id, "4", "deadline");
	assert_true(peer_asked(P, NETD_CANCEL));
	assert_int_equal(P->msg.id, asked);
}

static void
test_deadline_of_nothing_and_of_ever(void **state)
{
	struct request rq = { .path = WAIT, .body = ID_MSG, .len = sizeof(ID_MSG) - 1,
	    .timeout = "0S" };
	int32_t id;

	(void)state;
	id = peer_request(P, &rq);
	peer_pump(P);
	expect_status(P, id, "4", "deadline");
	rq.timeout = "99999999H";
	(void)peer_request(P, &rq);
	assert_true(conn_timers(&P->conn) >= P->conn.now);
}

static void
test_cancellation(void **state)
{
	struct buf *job = a_job();
	int32_t id = ask(WAIT);
	uint32_t asked;

	(void)state;
	assert_true(peer_asked(P, NETD_WAIT));
	asked = P->msg.id;
	assert_int_equal(nghttp2_submit_rst_stream(P->client, 0, id, NGHTTP2_CANCEL), 0);
	peer_pump(P);
	assert_true(peer_asked(P, NETD_CANCEL));
	assert_int_equal(P->msg.id, asked);
	assert_true(LIST_EMPTY(&P->conn.calls));
	/* The answer had been under way. */
	peer_reply(P, asked, NULL, job, NULL, 0);
	assert_false(P->conn.lost);
	buf_free(job);
	check_status_call();
}

static void
test_early_answer_stops_the_request(void **state)
{
	struct request rq = { .path = "/nope/Nope", .body = "\0\0", .len = 2, .open = true };
	int32_t id = peer_request(P, &rq);

	(void)state;
	expect_status(P, id, "12", NULL);
	assert_true(peer_answer(P, id)->closed);
	assert_int_equal(peer_answer(P, id)->reset, NGHTTP2_NO_ERROR);
	assert_true(LIST_EMPTY(&P->conn.calls));
}

/* --- the monitor misbehaves, or is slow --- */

static void
test_unreadable_reply(void **state)
{
	int32_t id = ask(STATUS);

	(void)state;
	assert_true(peer_asked(P, NETD_STATUS));
	peer_reply(P, P->msg.id, NULL, NULL, NULL, 0);
	expect_status(P, id, "13", "internal error");
	id = ask(STATUS);
	assert_true(peer_asked(P, NETD_STATUS));
	peer_tell(P, NETD_REPLY, P->msg.id, NULL);
	expect_status(P, id, "13", "internal error");
}

static void
test_message_out_of_order(void **state)
{
	(void)state;
	peer_tell(P, NETD_AUTH_OK, 0, NULL);
	assert_true(conn_done(&P->conn));
}

/* A monitor that does not read yet: what was asked waits, in order. */
static void
test_requests_wait_for_the_monitor(void **state)
{
	char big[40000];
	int i, n = 0;

	(void)state;
	memset(big, 'x', sizeof(big));
	memcpy(big, "\x0a\xbc\xb8\x02", 4);	/* command, of 39996 bytes */
	for (i = 0; i < 50; i++)
		(void)peer_call(P, CREATE, big, sizeof(big));
	assert_true(upstream_waiting(&P->conn.up));
	do {
		while (peer_asked(P, NETD_CREATE))
			assert_int_equal(P->msg.id, ++n);
		assert_int_equal(upstream_flush(&P->conn.up), 0);
	} while (n < 50 && upstream_waiting(&P->conn.up));
	while (peer_asked(P, NETD_CREATE))
		n++;
	assert_int_equal(n, 50);
}

/* --- floods --- */

static void
test_ping_flood(void **state)
{
	static const uint8_t ping[17] = { 0, 0, 8, 6 };
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		peer_raw(P, ping, sizeof(ping));
	peer_pump(P);
	assert_true(P->goaway);
	assert_int_equal(P->goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_string_equal(P->goaway_text, "too_many_pings");
	assert_true(conn_done(&P->conn));
}

/* "MadeYouReset": the peer makes us reset streams, which it never does itself. */
static void
test_resets_that_we_are_made_to_send(void **state)
{
	uint8_t update[13] = { 0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff };
	int32_t id;
	int i;

	(void)state;
	for (i = 0; i < 200 && !P->goaway; i++) {
		id = ask(WAIT);
		update[7] = (uint8_t)(id >> 8);
		update[8] = (uint8_t)id;
		peer_raw(P, update, sizeof(update));
		peer_pump(P);
		while (msg_recv(P->monitor, &P->msg, 0) == 0)
			continue;
	}
	assert_true(P->goaway);
	assert_in_range(i, 50, 150);
	assert_int_equal(P->goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void
test_rapid_reset(void **state)
{
	int32_t id;
	int i;

	(void)state;
	for (i = 0; i < 250 && !P->goaway; i++) {
		id = ask(WAIT);
		(void)nghttp2_submit_rst_stream(P->client, 0, id, NGHTTP2_CANCEL);
		peer_pump(P);
		while (msg_recv(P->monitor, &P->msg, 0) == 0)
			continue;
	}
	assert_true(P->goaway);
	assert_in_range(i, 100, 249);
}

static void
test_settings_flood(void **state)
{
	static const uint8_t settings[9] = { 0, 0, 0, 4 };
	uint8_t b[4096];
	int i;

	(void)state;
	/* Each is acknowledged, and what the client makes of that is not looked at. */
	for (i = 0; i < 1000 && !P->conn.closing; i++) {
		peer_raw(P, settings, sizeof(settings));
		(void)conn_output(&P->conn, b, sizeof(b));
	}
	assert_in_range(i, 50, 500);
	(void)conn_output(&P->conn, b, sizeof(b));
	assert_true(conn_done(&P->conn));
}

static void
test_continuations(void **state)
{
	static const uint8_t headers[] = { 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82 };
	static const uint8_t more[] = { 0, 0, 1, 9, 0, 0, 0, 0, 1, 0x86 };
	uint8_t b[4096];
	size_t n;
	int i;

	(void)state;
	peer_raw(P, headers, sizeof(headers));
	for (i = 0; i < 10; i++)
		peer_raw(P, more, sizeof(more));
	n = conn_output(&P->conn, b, sizeof(b));
	/* ENHANCE_YOUR_CALM, and why. */
	assert_non_null(memmem(b, n, "\0\0\0\x0bToo many", 12));
	assert_true(conn_done(&P->conn));
}

static void
test_headers_that_never_end(void **state)
{
	static const uint8_t headers[] = { 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82 };

	(void)state;
	peer_raw(P, headers, sizeof(headers));
	peer_pump(P);
	assert_false(P->goaway);
	P->conn.now += 11 * SECOND;
	peer_pump(P);
	assert_true(P->goaway);
	assert_true(conn_done(&P->conn));
}

static void
test_no_settings_ack(void **state)
{
	struct conn *conn = malloc(sizeof(*conn));
	struct netd_init init;

	(void)state;
	assert_non_null(conn);
	memset(&init, 0, sizeof(init));
	init.max_streams = 1;
	assert_int_equal(conn_init(conn, &init, P->channel, 0), 0);
	assert_true(conn_timers(conn) < NEVER);
	conn->now = 3600 * SECOND;
	(void)conn_timers(conn);
	assert_true(conn->closing);
	conn_free(conn);
	free(conn);
}

static void
test_streams_at_once(void **state)
{
	int32_t last = 0;
	int i;

	(void)state;
	for (i = 0; i < 120; i++)
		last = ask(WAIT);
	for (i = 0; peer_asked(P, NETD_WAIT); i++)
		continue;
	assert_int_equal(i, 100);
	assert_int_equal(peer_answer(P, last)->headers, 0);
}

/* --- reflection --- */

static void
test_reflection_goes_on(void **state)
{
	static const char two[] = "\0\0\0\0\x02\x3a\0" "\0\0\0\0\x06\x22\x04nope";
	struct request rq = { .path = INFO, .body = two, .len = sizeof(two) - 1, .open = true };
	struct reflection *r = reflection_new(descriptors_pb, descriptors_pb_len);
	struct answer *a;
	int32_t id;

	(void)state;
	P->conn.reflection = r;
	id = peer_request(P, &rq);
	a = peer_answer(P, id);
	assert_false(a->ended);
	assert_non_null(memmem(a->body, a->len, "telepilot.v1.TelePilot", 22));
	assert_non_null(memmem(a->body, a->len, "not found", 9));
	P->conn.reflection = NULL;
	reflection_free(r);
}

/* Answers that nobody reads are bounded. */
static void
test_reflection_unread(void **state)
{
	struct reflection *r = reflection_new(descriptors_pb, descriptors_pb_len);
	struct peer *p = calloc(1, sizeof(*p));
	struct request rq = { .path = INFO, .open = true };
	char *many = malloc(3000 * 7);
	int32_t id;
	int i;

	(void)state;
	assert_non_null(p);
	assert_non_null(many);
	peer_start(p, true);
	p->conn.reflection = r;
	for (i = 0; i < 3000; i++)
		memcpy(many + i * 7, "\0\0\0\0\x02\x3a\0", 7);
	rq.body = many;
	rq.len = 3000 * 7;
	id = peer_request(p, &rq);
	for (i = 0; i < 5; i++) {
		/* The client's window is used up; what it sends further is dropped. */
		assert_true(LIST_EMPTY(&p->conn.calls) ||
		    call_pending(LIST_FIRST(&p->conn.calls)) <= 160 * 1024);
		peer_pump(p);
	}
	assert_true(peer_answer(p, id)->len <= 65535);
	peer_end(p);
	reflection_free(r);
	free(many);
	free(p);
}

/* --- the drain --- */

static void
test_drain(void **state)
{
	struct buf *job = a_job();
	int32_t waits = ask(WAIT), watches = peer_call(P, WATCH, "", 0), late;
	uint32_t asked;

	(void)state;
	assert_true(peer_asked(P, NETD_WAIT));
	asked = P->msg.id;
	assert_int_equal(peer_answer(P, watches)->len, GRPC_PREFIX_LEN + 2);
	peer_tell(P, NETD_DRAIN, 0, NULL);
	/* NOT_SERVING, then the end. */
	assert_int_equal(peer_answer(P, watches)->len, 2 * (GRPC_PREFIX_LEN + 2));
	expect_status(P, watches, "14", "shutting down");
	assert_true(P->goaway);
	assert_int_equal(P->goaway_error, NGHTTP2_NO_ERROR);
	peer_pump(P);
	assert_int_equal(P->goaway_last, waits > watches ? waits : watches);
	assert_false(conn_done(&P->conn));
	late = nghttp2_submit_request(P->client, NULL, NULL, 0, NULL, NULL);
	assert_true(late == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED || late > 0);
	peer_reply(P, asked, NULL, job, NULL, 0);
	buf_free(job);
	expect_status(P, waits, "0", NULL);
	assert_true(conn_done(&P->conn));
}

/* A call that crosses the first GOAWAY is told to go elsewhere. */
static void
test_call_during_the_drain(void **state)
{
	struct msg *m = malloc(sizeof(*m));
	uint8_t b[4096];
	size_t n;
	int32_t id;

	(void)state;
	assert_non_null(m);
	(void)ask(WAIT);
	memset(m, 0, sizeof(*m));
	m->type = NETD_DRAIN;
	conn_message(&P->conn, m);
	free(m);
	/* The client has not heard of it. */
	n = conn_output(&P->conn, b, sizeof(b));
	id = ask(STATUS);
	assert_true(nghttp2_session_mem_recv(P->client, b, n) >= 0);
	peer_pump(P);
	expect_status(P, id, "14", "shutting down");
}

static void
test_idle_connection_ends(void **state)
{
	(void)state;
	P->conn.init.idle_timeout = 60;
	P->conn.now += 59 * SECOND;
	peer_pump(P);
	assert_false(P->goaway);
	P->conn.now += 2 * SECOND;
	peer_pump(P);
	peer_pump(P);
	assert_true(P->goaway);
	assert_true(conn_done(&P->conn));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_health_check),
		T(test_a_call_through_the_monitor),
		T(test_cut_at_every_byte),
		T(test_the_monitors_words),
		T(test_content_types),
		T(test_unimplemented),
		T(test_cardinality),
		T(test_message_limits),
		T(test_compression),
		T(test_bad_messages),
		T(test_cores),
		T(test_header_limit),
		T(test_bad_timeout),
		T(test_deadline),
		T(test_deadline_of_nothing_and_of_ever),
		T(test_cancellation),
		T(test_early_answer_stops_the_request),
		T(test_unreadable_reply),
		T(test_message_out_of_order),
		T(test_requests_wait_for_the_monitor),
		T(test_ping_flood),
		T(test_resets_that_we_are_made_to_send),
		T(test_rapid_reset),
		T(test_settings_flood),
		T(test_continuations),
		T(test_headers_that_never_end),
		T(test_no_settings_ack),
		T(test_streams_at_once),
		T(test_reflection_goes_on),
		T(test_reflection_unread),
		T(test_drain),
		T(test_call_during_the_drain),
		T(test_idle_connection_ends),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
