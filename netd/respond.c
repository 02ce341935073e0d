/* SPDX-License-Identifier: ISC */

/*
 * A call's response: headers, framed messages through nghttp2's data provider,
 * trailers; or trailers alone when no message was sent. What waits to be sent is in
 * one buffer of the call, which is bounded: a method that streams out is asked for
 * more only when it is empty, so a peer that does not read costs no more.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netd/details.h"
#include "netd/respond.h"

#define OUT_MAX		(1024 * 1024)	/* one message */
#define OUT_QUEUED	(128 * 1024)	/* beyond this nothing is put behind what waits */
#define OUT_FIRST	4096
#define NV_MAX		6

struct nvs {
	nghttp2_nv nv[NV_MAX];
	size_t n;
};

static void
add_nv(struct nvs *l, const char *name, const char *value)
{
	nghttp2_nv *nv = &l->nv[l->n++];

	/* nghttp2 copies both: it only reads them, though the type cannot say so. */
	nv->name = (uint8_t *)(uintptr_t)name;
	nv->namelen = strlen(name);
	nv->value = (uint8_t *)(uintptr_t)value;
	nv->valuelen = strlen(value);
	nv->flags = NGHTTP2_NV_FLAG_NONE;
}

static void
add_headers(struct nvs *l)
{
	add_nv(l, ":status", "200");
	add_nv(l, "content-type", "application/grpc");
	add_nv(l, "grpc-accept-encoding", "identity");
}

/* The stream cannot even be told what is wrong. */
static void
give_up(struct call *c)
{
	c->ended = true;
	c->headers_sent = true;
	if (nghttp2_submit_rst_stream(c->conn->session, NGHTTP2_FLAG_NONE, c->stream_id,
	    NGHTTP2_INTERNAL_ERROR) != 0)
		c->conn->closed = true;
}

/* --- trailers --- */

struct trailers {
	char code[4];
	char *message, *details;
};

static int
make_trailers(const struct call *c, struct trailers *t, struct nvs *l)
{
	char text[DETAILS_TEXT_MAX];

	t->message = t->details = NULL;
	(void)snprintf(t->code, sizeof(t->code), "%u", (unsigned int)c->status.code % 100);
	add_nv(l, "grpc-status", t->code);
	details_text(&c->status, text);
	if (text[0] != '\0') {
		if ((t->message = grpc_percent_encode(text)) == NULL)
			return (-1);
		add_nv(l, "grpc-message", t->message);
	}
	if (c->status.field[0] != '\0') {
		if ((t->details = details_encode(&c->status)) == NULL)
			return (-1);
		add_nv(l, "grpc-status-details-bin", t->details);
	}
	return (0);
}

static void
free_trailers(struct trailers *t)
{
	free(t->message);
	free(t->details);
}

static int
submit_trailers(struct call *c)
{
	struct trailers t;
	struct nvs l = { .n = 0 };
	int r;

	if ((r = make_trailers(c, &t, &l)) == 0)
		r = nghttp2_submit_trailer(c->conn->session, c->stream_id, l.nv, l.n);
	free_trailers(&t);
	return (r);
}

/* gRPC's "Trailers-Only": one block of headers that ends the stream. */
static int
submit_trailers_only(struct call *c)
{
	struct trailers t;
	struct nvs l = { .n = 0 };
	int r;

	add_headers(&l);
	if ((r = make_trailers(c, &t, &l)) == 0)
		r = nghttp2_submit_response(c->conn->session, c->stream_id, l.nv, l.n, NULL);
	free_trailers(&t);
	return (r);
}

/* --- messages --- */

static size_t
take_out(struct outbuf *o, uint8_t *dst, size_t size)
{
	size_t n = o->len - o->off;

	if (n > size)
		n = size;
	if (n > 0)
		memcpy(dst, o->b + o->off, n);
	o->off += n;
	return (n);
}

/* An idle stream holds no buffer. */
static void
drop_out(struct outbuf *o)
{
	free(o->b);
	memset(o, 0, sizeof(*o));
}

static ssize_t
read_body(nghttp2_session *session, int32_t stream_id, uint8_t *dst, size_t size,
    uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct call *c = source->ptr;
	size_t n = 0;

	(void)session;
	(void)stream_id;
	(void)arg;
	while (n < size) {
		if (call_pending(c) == 0 && !c->ended && c->method->produce != NULL)
			c->method->produce(c);
		if (call_pending(c) == 0)
			break;
		n += take_out(&c->out, dst + n, size - n);
	}
	if (call_pending(c) == 0 && c->ended) {
		if (submit_trailers(c) != 0)
			return (NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	} else if (n == 0) {
		drop_out(&c->out);
		c->deferred = true;
		return (NGHTTP2_ERR_DEFERRED);
	}
	return ((ssize_t)n);
}

void
call_open(struct call *c)
{
	nghttp2_data_provider body;
	struct nvs l = { .n = 0 };

	if (c->headers_sent)
		return;
	c->headers_sent = true;
	add_headers(&l);
	memset(&body, 0, sizeof(body));
	body.source.ptr = c;
	body.read_callback = read_body;
	if (nghttp2_submit_response(c->conn->session, c->stream_id, l.nv, l.n, &body) != 0)
		give_up(c);
}

void
call_resume(struct call *c)
{
	if (!c->deferred)
		return;
	c->deferred = false;
	if (nghttp2_session_resume_data(c->conn->session, c->stream_id) != 0)
		give_up(c);
}

size_t
call_pending(const struct call *c)
{
	return (c->out.len - c->out.off);
}

/* Room for n more bytes behind what waits. */
static uint8_t *
reserve(struct outbuf *o, size_t n)
{
	size_t size;
	uint8_t *b;

	if (o->off == o->len)
		o->off = o->len = 0;
	if (n > OUT_MAX - o->len)
		return (NULL);
	if (o->len + n > o->size) {
		for (size = OUT_FIRST; size < o->len + n; size *= 2)
			continue;
		if ((b = realloc(o->b, size)) == NULL)
			return (NULL);
		o->b = b;
		o->size = size;
	}
	return (o->b + o->len);
}

static void
fail_full(struct call *c)
{
	call_fail(c, ST_RESOURCE_EXHAUSTED, NULL, "the answers are not read fast enough");
}

uint8_t *
call_room(struct call *c, size_t n)
{
	uint8_t *p;

	if ((p = reserve(&c->out, n)) == NULL)
		fail_full(c);
	return (p);
}

void
call_filled(struct call *c, size_t off, size_t len)
{
	c->out.off = off;
	c->out.len = off + len;
}

void
call_send(struct call *c, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *p;

	if (c->ended)
		return;
	if (n > OUT_MAX || call_pending(c) > OUT_QUEUED ||
	    (p = reserve(&c->out, GRPC_PREFIX_LEN + n)) == NULL) {
		fail_full(c);
		return;
	}
	grpc_prefix(p, (uint32_t)n);
	(void)protobuf_c_message_pack(m, p + GRPC_PREFIX_LEN);
	c->out.len += GRPC_PREFIX_LEN + n;
	call_open(c);
	call_resume(c);
}

/* --- the end --- */

void
call_end(struct call *c, const struct status *st)
{
	if (c->ended)
		return;
	c->ended = true;
	c->status = *st;
	if (c->headers_sent)
		call_resume(c);
	else {
		c->headers_sent = true;
		if (submit_trailers_only(c) != 0)
			give_up(c);
	}
}

void
call_finish(struct call *c)
{
	struct status st;

	status_ok(&st);
	call_end(c, &st);
}

void
call_answer(struct call *c, const ProtobufCMessage *m)
{
	call_send(c, m);
	call_finish(c);
}

void
call_fail(struct call *c, enum status_code code, const char *field, const char *fmt, ...)
{
	struct status st;
	char text[STATUS_MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)status_set(&st, code, field, "%s", text);
	call_end(c, &st);
}

void
respond_http(struct call *c, const char *http_status)
{
	struct nvs l = { .n = 0 };

	c->ended = true;
	c->headers_sent = true;
	add_nv(&l, ":status", http_status);
	if (nghttp2_submit_response(c->conn->session, c->stream_id, l.nv, l.n, NULL) != 0)
		give_up(c);
}

void
respond_abort(struct call *c)
{
	c->ended = true;
	if (nghttp2_submit_rst_stream(c->conn->session, NGHTTP2_FLAG_NONE, c->stream_id,
	    NGHTTP2_CANCEL) != 0)
		c->conn->closed = true;
}
