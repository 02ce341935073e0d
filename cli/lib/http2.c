/* SPDX-License-Identifier: ISC */

/*
 * The HTTP/2 session: nghttp2's callbacks, which only hand on to the call under
 * way. Streams that were given up have no call and are ignored.
 */

#include <string.h>

#include "cli/lib/internal.h"

#define HEADER_LIST_MAX	(16 * 1024)

static struct call *
call_of(nghttp2_session *h2, int32_t stream_id)
{
	return (nghttp2_session_get_stream_user_data(h2, stream_id));
}

static int
on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
    const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct call *call = call_of(h2, frame->hd.stream_id);

	(void)flags;
	(void)user;
	if (call != NULL && call_header(call, name, name_len, value, value_len) != 0)
		return (NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
	return (0);
}

static int
on_data(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len,
    void *user)
{
	struct call *call = call_of(h2, stream_id);

	(void)flags;
	(void)user;
	if (call != NULL)
		call_data(call, data, len);
	return (0);
}

static int
on_stream_close(nghttp2_session *h2, int32_t stream_id, uint32_t error_code, void *user)
{
	struct call *call = call_of(h2, stream_id);

	(void)user;
	if (call != NULL)
		call_closed(call, error_code);
	return (0);
}

static int
on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct telepilot *c = user;
	size_t len;

	(void)h2;
	if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
		c->settings_seen = true;
	else if (frame->hd.type == NGHTTP2_GOAWAY) {
		c->going_away = true;
		len = frame->goaway.opaque_data_len;
		if (len >= sizeof(c->goodbye))
			len = sizeof(c->goodbye) - 1;
		if (len > 0)
			memcpy(c->goodbye, frame->goaway.opaque_data, len);
		c->goodbye[len] = '\0';
	}
	return (0);
}

static int
make_session(struct telepilot *c)
{
	nghttp2_session_callbacks *cb;
	int r;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return (NGHTTP2_ERR_NOMEM);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	r = nghttp2_session_client_new(&c->h2, cb, c);
	nghttp2_session_callbacks_del(cb);
	return (r);
}

int
http2_open(struct telepilot *c)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX },
	};
	int r;

	if ((r = make_session(c)) != 0 ||
	    (r = nghttp2_submit_settings(c->h2, NGHTTP2_FLAG_NONE, settings,
	    sizeof(settings) / sizeof(settings[0]))) != 0 ||
	    (r = nghttp2_session_set_local_window_size(c->h2, NGHTTP2_FLAG_NONE, 0,
	    CONNECTION_WINDOW)) != 0)
		return (status_set(&c->status, ST_RESOURCE_EXHAUSTED, NULL, "HTTP/2: %s",
		    nghttp2_strerror(r)));
	return (0);
}
