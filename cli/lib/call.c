/* SPDX-License-Identifier: ISC */

/*
 * One gRPC call: a request with one message, and the messages and trailers that
 * come back. Whatever ends it early, the deadline, an interrupt or the caller,
 * resets the stream with CANCEL, so that the server stops working for it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/lib/internal.h"

#define CANCEL_FLUSH_MS	1000
#define PATH_SIZE	64

/* Taken over, the last one wins: 1xx responses come before the real one. */
static int
keep(char **dst, const uint8_t *value, size_t len)
{
	free(*dst);
	return ((*dst = strndup((const char *)value, len)) == NULL ? -1 : 0);
}

/* A status that is no number from 0 to 16 is UNKNOWN. */
static int
parse_status(const uint8_t *value, size_t len)
{
	size_t i;
	int n = 0;

	if (len == 0 || len > 2)
		return (ST_UNKNOWN);
	for (i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return (ST_UNKNOWN);
		n = n * 10 + (value[i] - '0');
	}
	return (n <= ST_UNAUTHENTICATED ? n : ST_UNKNOWN);
}

static bool
is(const uint8_t *name, size_t len, const char *wanted)
{
	return (len == strlen(wanted) && memcmp(name, wanted, len) == 0);
}

int
call_header(struct call *call, const uint8_t *name, size_t name_len, const uint8_t *value,
    size_t value_len)
{
	static const char grpc[] = "application/grpc";
	size_t i;

	if (is(name, name_len, ":status")) {
		call->http_status = 0;
		for (i = 0; i < value_len && i < 3; i++)	/* nghttp2 let only digits by */
			call->http_status = call->http_status * 10 + (value[i] - '0');
	} else if (is(name, name_len, "content-type"))
		call->grpc_content = value_len >= sizeof(grpc) - 1 &&
		    memcmp(value, grpc, sizeof(grpc) - 1) == 0;
	else if (is(name, name_len, "grpc-status"))
		call->grpc_status = parse_status(value, value_len);
	else if (is(name, name_len, "grpc-message"))
		return (keep(&call->grpc_message, value, value_len));
	else if (is(name, name_len, "grpc-status-details-bin"))
		return (keep(&call->details, value, value_len));
	return (0);
}

static int
deframe_failed(struct call *call, enum grpc_deframe what)
{
	struct status *st = &call->client->status;

	switch (what) {
	case GRPC_TOO_LARGE:
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
		    "the server sent a message longer than %u bytes", REPLY_MAX));
	case GRPC_COMPRESSED:
		return (status_set(st, ST_INTERNAL, NULL,
		    "the server sent a compressed message, which was not asked for"));
	case GRPC_NOMEM:
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL, "out of memory"));
	default:
		return (status_set(st, ST_INTERNAL, NULL, "the server sent a damaged message"));
	}
}

void
call_data(struct call *call, const uint8_t *data, size_t len)
{
	struct grpc_deframer *d = &call->deframer;
	enum grpc_deframe what;

	/* An answer that is no gRPC's has no frames: its HTTP status tells. */
	if (!call->grpc_content)
		return;
	while (call->failed == 0 && (what = grpc_deframe(d, &data, &len)) != GRPC_MORE) {
		if (what == GRPC_MESSAGE) {
			call->failed = call->message(call->arg, call->client, d->msg, d->length);
			grpc_deframer_next(d);
		} else
			call->failed = deframe_failed(call, what);
	}
}

void
call_closed(struct call *call, uint32_t h2_error)
{
	call->closed = true;
	call->h2_error = h2_error;
}

bool
call_done(const struct telepilot *c)
{
	return (c->call->closed || c->call->failed != 0);
}

static ssize_t
read_request(nghttp2_session *h2, int32_t stream_id, uint8_t *buf, size_t size,
    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct call *call = source->ptr;
	size_t n = call->request_len - call->request_off;

	(void)h2;
	(void)stream_id;
	(void)user;
	if (n > size)
		n = size;
	memcpy(buf, call->request + call->request_off, n);
	call->request_off += n;
	if (call->request_off == call->request_len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return ((ssize_t)n);
}

static nghttp2_nv
header(const char *name, const char *value)
{
	nghttp2_nv nv;

	nv.name = (uint8_t *)(uintptr_t)name;
	nv.value = (uint8_t *)(uintptr_t)value;
	nv.namelen = strlen(name);
	nv.valuelen = strlen(value);
	nv.flags = NGHTTP2_NV_FLAG_NONE;
	return (nv);
}

/* Queues the request. 0 or a code. */
static int
submit(struct telepilot *c, struct call *call, const char *method, int64_t deadline)
{
	char path[PATH_SIZE], timeout[10];
	nghttp2_data_provider body;
	nghttp2_nv nv[8];
	size_t n = 0;

	snprintf(path, sizeof(path), "/telepilot.v1.TelePilot/%s", method);
	nv[n++] = header(":method", "POST");
	nv[n++] = header(":scheme", "https");
	nv[n++] = header(":path", path);
	nv[n++] = header(":authority", c->peer);
	nv[n++] = header("te", "trailers");
	nv[n++] = header("content-type", "application/grpc");
	nv[n++] = header("user-agent", "telepilot/" TELEPILOT_VERSION);
	if (deadline != NO_DEADLINE) {
		grpc_timeout_format(deadline - monotonic_ns(), timeout, sizeof(timeout));
		nv[n++] = header("grpc-timeout", timeout);
	}
	body.source.ptr = call;
	body.read_callback = read_request;
	call->stream_id = nghttp2_submit_request(c->h2, NULL, nv, n, &body, call);
	if (call->stream_id < 0)
		return (status_set(&c->status, ST_UNAVAILABLE, NULL, "HTTP/2: %s",
		    nghttp2_strerror(call->stream_id)));
	return (0);
}

static void
cancel(struct telepilot *c, struct call *call)
{
	if (call->closed)
		return;
	nghttp2_session_set_stream_user_data(c->h2, call->stream_id, NULL);
	if (!c->dead && nghttp2_submit_rst_stream(c->h2, NGHTTP2_FLAG_NONE, call->stream_id,
	    NGHTTP2_CANCEL) == 0)
		io_flush_all(c, deadline_after_ms(CANCEL_FLUSH_MS));
}

static int
exchange(struct telepilot *c, struct call *call, const char *method)
{
	int64_t deadline = deadline_after_ms(c->timeout_ms);
	int r;

	if (c->dead || c->going_away)
		return (status_set(&c->status, ST_UNAVAILABLE, NULL, c->going_away ?
		    "the server %s is shutting down" : "the connection to %s has ended",
		    c->peer));
	if ((r = submit(c, call, method, deadline)) != 0)
		return (r);
	c->call = call;
	r = io_run(c, call_done, deadline);
	c->call = NULL;
	/* The answer may be whole although the connection is not. */
	if (call->closed && call->failed == 0)
		return (outcome(c, call));
	if (call->failed != 0)
		r = call->failed;
	else if (r == ST_CANCELLED)
		status_set(&c->status, ST_CANCELLED, NULL, "interrupted");
	else if (r == ST_DEADLINE_EXCEEDED)
		status_set(&c->status, ST_DEADLINE_EXCEEDED, NULL, "no answer within %g s",
		    (double)c->timeout_ms / 1000);
	cancel(c, call);
	return (r);
}

int
call_run(struct telepilot *c, const char *method, const uint8_t *message, size_t len,
    int (*on_message)(void *arg, struct telepilot *, const uint8_t *, size_t), void *arg)
{
	struct call call;
	int r;

	status_ok(&c->status);
	memset(&call, 0, sizeof(call));
	call.client = c;
	call.grpc_status = -1;
	call.message = on_message;
	call.arg = arg;
	grpc_deframer_init(&call.deframer, REPLY_MAX);
	call.request_len = GRPC_PREFIX_LEN + len;
	if (len > UINT32_MAX || (call.request = malloc(call.request_len)) == NULL)
		r = status_set(&c->status, ST_RESOURCE_EXHAUSTED, NULL, "out of memory");
	else {
		grpc_prefix(call.request, (uint32_t)len);
		memcpy(call.request + GRPC_PREFIX_LEN, message, len);
		r = exchange(c, &call, method);
	}
	/* An interrupt belongs to the call that it has ended. */
	if (r == ST_CANCELLED)
		io_clear_wake(c);
	grpc_deframer_free(&call.deframer);
	free(call.request);
	free(call.grpc_message);
	free(call.details);
	return (r);
}
