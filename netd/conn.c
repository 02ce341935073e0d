/* SPDX-License-Identifier: ISC */

/*
 * A connection's life: bytes in, bytes out, the monitor's messages, timers, and
 * the two ways to its end, the drain (gRPC's proposal A9: a first GOAWAY, a ping's
 * round trip, the last GOAWAY, the streams' own ends) and the GOAWAY for an error.
 */

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "netd/call.h"
#include "netd/http2.h"

#define SETTINGS_ACK	(30 * SECOND)
#define HEADERS_TIME	(10 * SECOND)
#define DRAIN_PING	(1 * SECOND)

int
conn_init(struct conn *conn, const struct netd_init *init, int upstream_fd, int64_t now)
{
	memset(conn, 0, sizeof(*conn));
	conn->init = *init;
	conn->now = now;
	LIST_INIT(&conn->calls);
	meter_init(&conn->meter, now);
	upstream_init(&conn->up, upstream_fd);
	conn->idle_since = now;
	conn->settings_by = now + SETTINGS_ACK;
	conn->goaway_at = NEVER;
	return (http2_start(conn));
}

void
conn_free(struct conn *conn)
{
	struct call *c;

	while ((c = LIST_FIRST(&conn->calls)) != NULL)
		call_free(c);
	nghttp2_session_del(conn->session);
	upstream_free(&conn->up);
}

void
conn_goaway(struct conn *conn, uint32_t error, const char *why)
{
	if (conn->closing)
		return;
	conn->closing = true;
	log_info("closing the connection: %s", why);
	if (nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
	    nghttp2_session_get_last_proc_stream_id(conn->session), error,
	    (const uint8_t *)why, strlen(why)) != 0)
		conn->closed = true;
}

void
conn_input(struct conn *conn, const uint8_t *p, size_t len)
{
	ssize_t n;

	if (conn->closing)
		return;
	switch (meter_input(&conn->meter, p, len, conn->now)) {
	case METER_OK:
		break;
	case METER_PINGS:
		conn_goaway(conn, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings");
		return;
	case METER_FLOOD:
		conn_goaway(conn, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_frames");
		return;
	case METER_PROTOCOL:
		conn_goaway(conn, NGHTTP2_PROTOCOL_ERROR, "a frame on a wrong stream");
		return;
	}
	if ((n = nghttp2_session_mem_recv(conn->session, p, len)) < 0)
		conn_goaway(conn, http2_error_of((int)n), nghttp2_strerror((int)n));
}

size_t
conn_output(struct conn *conn, uint8_t *dst, size_t size)
{
	size_t n, done = 0;
	ssize_t got;

	while (done < size) {
		if (conn->rest_len == 0) {
			if (conn->closed)
				break;
			got = nghttp2_session_mem_send(conn->session, &conn->rest);
			if (got < 0)
				conn->closed = true;
			if (got <= 0)
				break;
			conn->rest_len = (size_t)got;
		}
		n = size - done < conn->rest_len ? size - done : conn->rest_len;
		memcpy(dst + done, conn->rest, n);
		conn->rest += n;
		conn->rest_len -= n;
		done += n;
	}
	return (done);
}

bool
conn_done(const struct conn *conn)
{
	if (conn->lost)
		return (true);
	if (conn->rest_len > 0)
		return (false);
	return (conn->closed || (!nghttp2_session_want_read(conn->session) &&
	    !nghttp2_session_want_write(conn->session)));
}

/* --- the drain --- */

static void
drain(struct conn *conn)
{
	struct call *c, *next;

	if (conn->draining)
		return;
	conn->draining = true;
	for (c = LIST_FIRST(&conn->calls); c != NULL; c = next) {
		next = LIST_NEXT(c, entry);
		if (!c->ended && c->method != NULL && c->method->drain != NULL)
			c->method->drain(c);
	}
	if (nghttp2_submit_shutdown_notice(conn->session) != 0 ||
	    nghttp2_submit_ping(conn->session, NGHTTP2_FLAG_NONE, NULL) != 0)
		conn->closed = true;
	conn->goaway_at = conn->now + DRAIN_PING;
}

static void
last_goaway(struct conn *conn)
{
	conn->goaway_at = NEVER;
	if (nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
	    nghttp2_session_get_last_proc_stream_id(conn->session), NGHTTP2_NO_ERROR,
	    NULL, 0) != 0)
		conn->closed = true;
}

/* --- the monitor --- */

static struct call *
call_by_request(struct conn *conn, uint32_t id)
{
	struct call *c;

	LIST_FOREACH(c, &conn->calls, entry)
		if (id != 0 && c->request == id)
			return (c);
	return (NULL);
}

void
conn_message(struct conn *conn, struct msg *m)
{
	struct call *c;

	switch (m->type) {
	case NETD_REPLY:
		/* To a cancelled request there is an answer, too. */
		if ((c = call_by_request(conn, m->id)) != NULL)
			call_reply(c, m);
		break;
	case NETD_DRAIN:
		drain(conn);
		break;
	default:
		log_error("the monitor sent message %u out of order", m->type);
		conn->lost = true;
		break;
	}
}

/* --- timers --- */

static int64_t
earlier(int64_t a, int64_t b)
{
	return (a < b ? a : b);
}

static int64_t
call_timers(struct conn *conn)
{
	struct call *c, *next;
	int64_t t = NEVER;

	for (c = LIST_FIRST(&conn->calls); c != NULL; c = next) {
		next = LIST_NEXT(c, entry);
		if (c->deadline <= conn->now) {
			c->deadline = NEVER;
			call_expire(c);
		} else
			t = earlier(t, c->deadline);
	}
	return (t);
}

static int64_t
idle_timer(struct conn *conn)
{
	int64_t due;

	if (!LIST_EMPTY(&conn->calls)) {
		conn->idle_since = NEVER;
		return (NEVER);
	}
	if (conn->idle_since == NEVER)
		conn->idle_since = conn->now;
	if (conn->init.idle_timeout == 0 || conn->draining)
		return (NEVER);
	due = conn->idle_since + conn->init.idle_timeout * SECOND;
	if (due > conn->now)
		return (due);
	drain(conn);
	return (conn->goaway_at);
}

int64_t
conn_timers(struct conn *conn)
{
	int64_t t;

	t = earlier(call_timers(conn), idle_timer(conn));
	if (conn->settings_by <= conn->now) {
		conn->settings_by = NEVER;
		conn_goaway(conn, NGHTTP2_SETTINGS_TIMEOUT, "no SETTINGS acknowledgement");
	}
	if (conn->meter.in_headers && conn->now - conn->meter.headers_since >= HEADERS_TIME)
		conn_goaway(conn, NGHTTP2_PROTOCOL_ERROR, "headers without end");
	else if (conn->meter.in_headers)
		t = earlier(t, conn->meter.headers_since + HEADERS_TIME);
	if (conn->goaway_at <= conn->now)
		last_goaway(conn);
	return (earlier(t, earlier(conn->settings_by, conn->goaway_at)));
}
