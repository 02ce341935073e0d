/* SPDX-License-Identifier: ISC */

/*
 * A call's request: headers, messages, the decoding of them (grpc's
 * doc/PROTOCOL-HTTP2.md), the question to the monitor and its reply. All input is a
 * stranger's; what is wrong with it ends the call with the status that gRPC has
 * for it, and the connection goes on.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "netd/arena.h"
#include "netd/prescan.h"
#include "netd/respond.h"
#include "netd/rpc.h"

#define HEADER_OVERHEAD	32		/* of each field, RFC 9113 section 10.5.1 */
#define HEADER_BOMB	4		/* times the limit, and it is one */
#define ARENA_MIN	(1024 * 1024)
#define ARENA_FACTOR	16		/* bytes decoded for one on the wire */
#define URGENCY_ANSWER	3
#define URGENCY_STREAM	4

struct call *
call_new(struct conn *conn, int32_t stream_id)
{
	struct call *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->conn = conn;
	c->stream_id = stream_id;
	c->timeout = c->deadline = NEVER;
	grpc_deframer_init(&c->in, conn->init.max_message_bytes);
	LIST_INSERT_HEAD(&conn->calls, c, entry);
	return (c);
}

/* The monitor need not go on with what nobody waits for. */
static void
cancel_request(struct call *c)
{
	uint32_t id = c->request;

	c->request = 0;
	if (id != 0 && upstream_send(&c->conn->up, NETD_CANCEL, id, NULL) != 0)
		c->conn->lost = true;
}

void
call_free(struct call *c)
{
	cancel_request(c);
	if (c->method != NULL && c->method->release != NULL)
		c->method->release(c);
	grpc_deframer_free(&c->in);
	free(c->out.b);
	LIST_REMOVE(c, entry);
	free(c);
}

/* --- headers --- */

/* application/grpc, then the end, a subtype or a parameter; not grpc-web. */
static bool
is_grpc(const char *v, size_t len)
{
	static const char type[] = "application/grpc";
	const size_t n = sizeof(type) - 1;

	if (len < n || memcmp(v, type, n) != 0)
		return (false);
	return (len == n || v[n] == '+' || v[n] == ';');
}

static void
set_method(struct call *c, const char *v, size_t len)
{
	c->post = len == 4 && memcmp(v, "POST", 4) == 0;
}

static void
set_path(struct call *c, const char *v, size_t len)
{
	c->method = rpc_find(v, len);
}

static void
set_content_type(struct call *c, const char *v, size_t len)
{
	c->grpc = is_grpc(v, len);
}

static void
set_encoding(struct call *c, const char *v, size_t len)
{
	c->encoded = len != 8 || memcmp(v, "identity", 8) != 0;
}

static void
set_timeout(struct call *c, const char *v, size_t len)
{
	c->bad_timeout = grpc_timeout_parse(v, len, &c->timeout) != 0;
}

static const struct header {
	const char *name;
	void (*set)(struct call *, const char *, size_t);
} headers[] = {
	{ ":method",		set_method },
	{ ":path",		set_path },
	{ "content-type",	set_content_type },
	{ "grpc-encoding",	set_encoding },
	{ "grpc-timeout",	set_timeout },
};

int
call_header(struct call *c, const uint8_t *name, size_t namelen, const uint8_t *value,
    size_t valuelen)
{
	const struct header *h;
	size_t i;

	c->header_bytes += namelen + valuelen + HEADER_OVERHEAD;
	if (c->header_bytes > (uint64_t)c->conn->init.max_header_bytes * HEADER_BOMB)
		return (-EMSGSIZE);
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		h = &headers[i];
		if (namelen == strlen(h->name) && memcmp(name, h->name, namelen) == 0)
			h->set(c, (const char *)value, valuelen);
	}
	return (0);
}

/* Round robin among streams, and short answers before long ones. */
static void
set_priority(struct call *c)
{
	nghttp2_extpri pri;

	pri.urgency = c->method->produce == NULL ? URGENCY_ANSWER : URGENCY_STREAM;
	pri.inc = 1;
	/* It fails only for want of memory, and then costs only fairness. */
	(void)nghttp2_session_change_extpri_stream_priority(c->conn->session, c->stream_id,
	    &pri, 1);
}

void
call_headers_end(struct call *c)
{
	const struct netd_init *limits = &c->conn->init;

	if (!c->post)
		respond_http(c, "405");
	else if (!c->grpc)
		respond_http(c, "415");
	else if (c->header_bytes > limits->max_header_bytes)
		call_fail(c, ST_RESOURCE_EXHAUSTED, NULL, "the request's metadata is larger "
		    "than the limit of %u bytes", limits->max_header_bytes);
	else if (c->method == NULL)
		call_fail(c, ST_UNIMPLEMENTED, NULL, "unknown service or method");
	else if (c->bad_timeout)
		call_fail(c, ST_INVALID_ARGUMENT, NULL, "grpc-timeout must be 1 to 8 digits "
		    "and one of H M S m u n");
	else if (c->conn->draining && !c->method->while_draining)
		call_fail(c, ST_UNAVAILABLE, NULL, "the server is shutting down");
	else {
		set_priority(c);
		if (c->timeout < NEVER - c->conn->now)
			c->deadline = c->conn->now + c->timeout;
	}
}

/* --- messages --- */

static void
refuse_string(struct call *c, const char *field)
{
	call_fail(c, ST_INVALID_ARGUMENT, field, "%s: UTF-8 without "
	    "NUL is expected", field);
}

static size_t
arena_budget(const struct call *c)
{
	size_t n = (size_t)c->conn->init.max_message_bytes * ARENA_FACTOR;

	return (n > ARENA_MIN ? n : ARENA_MIN);
}

static void
handle(struct call *c)
{
	const ProtobufCMessageDescriptor *desc = c->method->request;
	char field[STATUS_FIELD_MAX];
	ProtobufCMessage *req;
	struct arena arena;

	switch (prescan(desc, c->in.msg, c->in.length, field, sizeof(field))) {
	case 0:
		break;
	case -EILSEQ:
		refuse_string(c, field);
		return;
	default:
		call_fail(c, ST_INTERNAL, NULL, "the request is no %s", desc->name);
		return;
	}
	arena_init(&arena, arena_budget(c));
	req = protobuf_c_message_unpack(desc, &arena.allocator, c->in.length, c->in.msg);
	if (req != NULL)
		c->method->handle(c, req);
	else if (arena.exhausted)
		call_fail(c, ST_RESOURCE_EXHAUSTED, NULL, "the request has too many fields");
	else
		call_fail(c, ST_INTERNAL, NULL, "the request is no %s", desc->name);
	arena_free(&arena);
}

static void
take_message(struct call *c)
{
	if (c->method->stream_in) {
		handle(c);
		grpc_deframer_next(&c->in);
	} else
		c->have_message = true;
}

static void
refuse_frame(struct call *c, enum grpc_deframe why)
{
	switch (why) {
	case GRPC_TOO_LARGE:
		call_fail(c, ST_RESOURCE_EXHAUSTED, NULL, "the message of %zu bytes is larger "
		    "than the limit of %u", c->in.length, c->conn->init.max_message_bytes);
		break;
	case GRPC_COMPRESSED:
		if (c->encoded)
			call_fail(c, ST_UNIMPLEMENTED, NULL, "grpc-encoding must be identity");
		else
			call_fail(c, ST_INTERNAL, NULL, "a compressed message without "
			    "grpc-encoding");
		break;
	case GRPC_NOMEM:
		call_fail(c, ST_RESOURCE_EXHAUSTED, NULL, "out of memory");
		break;
	default:
		call_fail(c, ST_INTERNAL, NULL, "a message's first byte must be 0 or 1");
		break;
	}
}

void
call_data(struct call *c, const uint8_t *p, size_t len)
{
	enum grpc_deframe r;

	while (len > 0 && !c->ended) {
		if (c->have_message) {
			call_fail(c, ST_UNIMPLEMENTED, NULL, "exactly one request message "
			    "is expected");
			return;
		}
		r = grpc_deframe(&c->in, &p, &len);
		if (r == GRPC_MESSAGE)
			take_message(c);
		else if (r != GRPC_MORE) {
			refuse_frame(c, r);
			return;
		}
	}
}

void
call_request_end(struct call *c)
{
	if (c->ended)
		return;
	if (c->have_message) {
		handle(c);
		grpc_deframer_next(&c->in);
	} else if (!grpc_deframer_idle(&c->in))
		call_fail(c, ST_INTERNAL, NULL, "the request ends within a message");
	else if (!c->method->stream_in)
		call_fail(c, ST_UNIMPLEMENTED, NULL, "exactly one request message is expected");
	else
		call_finish(c);
}

/* --- the monitor --- */

static uint32_t
new_request_id(struct conn *conn)
{
	struct call *c;

	do {
		conn->last_request++;
		LIST_FOREACH(c, &conn->calls, entry)
			if (c->request == conn->last_request)
				break;
	} while (conn->last_request == 0 || c != NULL);
	return (conn->last_request);
}

void
call_ask(struct call *c, uint16_t type, struct buf *body)
{
	uint32_t id = new_request_id(c->conn);
	int r = body == NULL ? -ENOBUFS : upstream_send(&c->conn->up, type, id, body);

	if (r == 0)
		c->request = id;
	else if (r == -ENOBUFS)
		call_fail(c, ST_RESOURCE_EXHAUSTED, NULL, "too many requests at once");
	else
		c->conn->lost = true;
	buf_free(body);
}

void
call_reply(struct call *c, struct msg *m)
{
	struct status st;

	c->request = 0;
	if (status_get(&m->body, &st) != 0) {
		log_error("the monitor's reply to %s cannot be read", c->method->path);
		call_fail(c, ST_INTERNAL, NULL, "internal error");
	} else if (st.code != ST_OK)
		call_end(c, &st);
	else
		c->method->reply(c, m);
}

void
call_expire(struct call *c)
{
	cancel_request(c);
	if (c->ended || call_pending(c) > 0)
		respond_abort(c);
	else
		call_fail(c, ST_DEADLINE_EXCEEDED, NULL, "the deadline has passed");
}
