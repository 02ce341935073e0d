/* SPDX-License-Identifier: ISC */

/* The client and the monitor of a connection in memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/grpc.h"
#include "regress/unit/peer.h"

#define NV(n, v)	{ (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), \
			    strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE }

struct answer *
peer_answer(struct peer *p, int32_t stream)
{
	assert_true(stream > 0 && stream / 2 < PEER_STREAMS);
	return (&p->answers[stream / 2]);
}

/* --- the client's callbacks --- */

static void
copy(char *dst, size_t size, const uint8_t *value, size_t len)
{
	assert_true(len < size);
	if (len > 0)
		memcpy(dst, value, len);
	dst[len] = '\0';
}

static int
on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t namelen,
    const uint8_t *value, size_t len, uint8_t flags, void *arg)
{
	struct answer *a = peer_answer(arg, f->hd.stream_id);
	const char *n = (const char *)name;

	(void)s;
	(void)namelen;
	(void)flags;
	if (strcmp(n, ":status") == 0)
		copy(a->http, sizeof(a->http), value, len);
	else if (strcmp(n, "grpc-status") == 0)
		copy(a->status, sizeof(a->status), value, len);
	else if (strcmp(n, "grpc-message") == 0)
		copy(a->message, sizeof(a->message), value, len);
	else if (strcmp(n, "grpc-status-details-bin") == 0)
		copy(a->details, sizeof(a->details), value, len);
	return (0);
}

static int
on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *arg)
{
	struct answer *a = peer_answer(arg, id);

	(void)s;
	(void)flags;
	a->body = realloc(a->body, a->len + len + 1);
	assert_non_null(a->body);
	memcpy(a->body + a->len, data, len);
	a->len += len;
	return (0);
}

static int
on_frame(nghttp2_session *s, const nghttp2_frame *f, void *arg)
{
	struct peer *p = arg;

	(void)s;
	if (f->hd.type == NGHTTP2_GOAWAY) {
		p->goaway = true;
		p->goaway_last = f->goaway.last_stream_id;
		p->goaway_error = f->goaway.error_code;
		copy(p->goaway_text, sizeof(p->goaway_text), f->goaway.opaque_data,
		    f->goaway.opaque_data_len);
	}
	if (f->hd.type == NGHTTP2_HEADERS)
		peer_answer(p, f->hd.stream_id)->headers++;
	if ((f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) &&
	    (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		peer_answer(p, f->hd.stream_id)->ended = true;
	return (0);
}

static int
on_close(nghttp2_session *s, int32_t id, uint32_t error, void *arg)
{
	struct answer *a = peer_answer(arg, id);

	(void)s;
	a->closed = true;
	a->reset = error;
	return (0);
}

/* --- life --- */

static void
start_client(struct peer *p)
{
	const nghttp2_settings_entry iv[] = { { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 } };
	nghttp2_session_callbacks *cb;
	nghttp2_option *opt;

	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	assert_int_equal(nghttp2_option_new(&opt), 0);
	nghttp2_option_set_no_auto_window_update(opt, p->manual_window);
	/* Before it knows the server's limit a client may ask for less than it wants. */
	nghttp2_option_set_peer_max_concurrent_streams(opt, 1000);
	assert_int_equal(nghttp2_session_client_new2(&p->client, cb, p, opt), 0);
	nghttp2_option_del(opt);
	nghttp2_session_callbacks_del(cb);
	assert_int_equal(nghttp2_submit_settings(p->client, 0, iv, p->manual_window ? 0 : 1), 0);
	if (!p->manual_window)
		assert_int_equal(nghttp2_session_set_local_window_size(p->client, 0, 0, 1 << 24),
		    0);
}

void
peer_start(struct peer *p, bool manual_window)
{
	struct netd_init init;
	int fds[2];

	memset(p, 0, sizeof(*p));
	memset(&init, 0, sizeof(init));
	init.max_streams = 100;
	init.max_header_bytes = 8192;
	init.max_message_bytes = 65536;
	assert_int_equal(msg_pair(fds), 0);
	p->channel = fds[0];
	p->monitor = fds[1];
	p->manual_window = manual_window;
	assert_int_equal(conn_init(&p->conn, &init, p->channel, SECOND), 0);
	start_client(p);
	peer_pump(p);
}

void
peer_end(struct peer *p)
{
	size_t i;

	conn_free(&p->conn);
	nghttp2_session_del(p->client);
	close(p->channel);
	close(p->monitor);
	for (i = 0; i < PEER_STREAMS; i++)
		free(p->answers[i].body);
}

/* --- bytes --- */

static size_t
piece(const struct peer *p, size_t len)
{
	return (p->chunk != 0 && p->chunk < len ? p->chunk : len);
}

void
peer_raw(struct peer *p, const void *data, size_t len)
{
	const uint8_t *b = data;
	uint8_t *copied;
	size_t n;

	for (; len > 0; b += n, len -= n) {
		n = piece(p, len);
		/* On the heap, so that ASan sees a step too far. */
		assert_non_null(copied = malloc(n));
		memcpy(copied, b, n);
		conn_input(&p->conn, copied, n);
		free(copied);
	}
}

static bool
to_netd(struct peer *p)
{
	const uint8_t *b;
	ssize_t n;

	if ((n = nghttp2_session_mem_send(p->client, &b)) <= 0)
		return (false);
	peer_raw(p, b, (size_t)n);
	return (true);
}

static bool
from_netd(struct peer *p)
{
	static uint8_t b[65536];
	size_t n;

	if ((n = conn_output(&p->conn, b, piece(p, sizeof(b)))) == 0)
		return (false);
	assert_true(nghttp2_session_mem_recv(p->client, b, n) == (ssize_t)n);
	return (true);
}

void
peer_pump(struct peer *p)
{
	bool moved;

	(void)conn_timers(&p->conn);
	do {
		moved = to_netd(p);
		moved |= from_netd(p);
	} while (moved);
}

/* --- requests --- */

struct body {
	const uint8_t *p;
	size_t left;
	bool open;
};

static ssize_t
read_body(nghttp2_session *s, int32_t id, uint8_t *dst, size_t size, uint32_t *flags,
    nghttp2_data_source *src, void *arg)
{
	struct body *b = src->ptr;
	size_t n = b->left < size ? b->left : size;

	(void)s;
	(void)id;
	(void)arg;
	if (n > 0)
		memcpy(dst, b->p, n);
	b->p += n;
	b->left -= n;
	if (b->left == 0 && !b->open)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	else if (n == 0)
		return (NGHTTP2_ERR_DEFERRED);
	return ((ssize_t)n);
}

int32_t
peer_request(struct peer *p, const struct request *rq)
{
	char *padding = calloc(1, rq->padding + 1);
	nghttp2_nv nv[12] = {
		NV(":method", rq->method != NULL ? rq->method : "POST"),
		NV(":scheme", "https"),
		NV(":path", rq->path),
		NV(":authority", "test"),
		NV("te", "trailers"),
		NV("content-type", rq->content_type != NULL ? rq->content_type :
		    "application/grpc"),
	};
	struct body body = { rq->body, rq->len, rq->open };
	nghttp2_data_provider data = { .source.ptr = &body, .read_callback = read_body };
	size_t n = 6;
	int32_t id;

	assert_non_null(padding);
	memset(padding, 'x', rq->padding);
	if (rq->timeout != NULL)
		nv[n++] = (nghttp2_nv)NV("grpc-timeout", rq->timeout);
	if (rq->encoding != NULL)
		nv[n++] = (nghttp2_nv)NV("grpc-encoding", rq->encoding);
	if (rq->padding > 0)
		nv[n++] = (nghttp2_nv)NV("x-padding", padding);
	id = nghttp2_submit_request(p->client, NULL, nv, n,
	    rq->body != NULL || rq->open ? &data : NULL, NULL);
	assert_true(id > 0);
	peer_pump(p);
	free(padding);
	return (id);
}

int32_t
peer_call(struct peer *p, const char *path, const void *message, size_t len)
{
	uint8_t *b = malloc(GRPC_PREFIX_LEN + len);
	struct request rq = { .path = path, .body = b, .len = GRPC_PREFIX_LEN + len };
	int32_t id;

	assert_non_null(b);
	grpc_prefix(b, (uint32_t)len);
	if (len > 0)
		memcpy(b + GRPC_PREFIX_LEN, message, len);
	id = peer_request(p, &rq);
	free(b);
	return (id);
}

/* --- the monitor --- */

bool
peer_asked(struct peer *p, uint16_t type)
{
	if (msg_recv(p->monitor, &p->msg, 0) != 0)
		return (false);
	assert_int_equal(p->msg.type, type);
	return (true);
}

static void
deliver(struct peer *p)
{
	struct msg *m = malloc(sizeof(*m));

	assert_non_null(m);
	assert_int_equal(msg_recv(p->channel, m, MSG_FDS_MAX), 0);
	conn_message(&p->conn, m);
	msg_close_fds(m);
	free(m);
	peer_pump(p);
}

void
peer_tell(struct peer *p, uint16_t type, uint32_t id, const struct buf *body)
{
	assert_int_equal(msg_send(p->monitor, type, id, body), 0);
	deliver(p);
}

void
peer_reply(struct peer *p, uint32_t id, const struct status *st, const struct buf *rest,
    const int *fds, size_t nfds)
{
	struct buf *b = buf_new(MSG_BODY_MAX);
	struct status ok;

	status_ok(&ok);
	assert_non_null(b);
	assert_int_equal(status_put(b, st != NULL ? st : &ok), 0);
	if (rest != NULL)
		assert_int_equal(buf_put_raw(b, buf_data(rest), buf_len(rest)), 0);
	if (nfds > 0)
		assert_int_equal(msg_send_fds(p->monitor, NETD_REPLY, id, b, fds, nfds), 0);
	else
		assert_int_equal(msg_send(p->monitor, NETD_REPLY, id, b), 0);
	buf_free(b);
	deliver(p);
}

void
expect_status(struct peer *p, int32_t stream, const char *status, const char *words)
{
	struct answer *a = peer_answer(p, stream);

	assert_string_equal(a->http, "200");
	assert_string_equal(a->status, status);
	assert_true(a->ended);
	if (words != NULL && strstr(a->message, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, a->message);
}
