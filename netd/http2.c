/* SPDX-License-Identifier: ISC */

/*
 * nghttp2's session: its options, and what its callbacks mean to us. The limits
 * that nghttp2 lacks are netd/meter and the sum of header bytes in netd/call.
 */

#include <errno.h>
#include <string.h>

#include "netd/call.h"
#include "netd/http2.h"

#define CONTINUATIONS	3
#define ACKS_QUEUED	64
#define SETTINGS_MAX	32
#define CANCEL_BURST	200		/* streams that the peer resets */
#define CANCEL_RATE	50

static struct call *
call_of(struct conn *conn, int32_t stream_id)
{
	return (nghttp2_session_get_stream_user_data(conn->session, stream_id));
}

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct conn *conn = arg;
	struct call *c;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return (0);
	if ((c = call_new(conn, frame->hd.stream_id)) == NULL)
		return (NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
	if (nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, c) != 0) {
		call_free(c);
		return (NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
	}
	return (0);
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t namelen, const uint8_t *value, size_t valuelen, uint8_t flags, void *arg)
{
	struct call *c = call_of(arg, frame->hd.stream_id);

	(void)session;
	(void)flags;
	if (c != NULL && call_header(c, name, namelen, value, valuelen) != 0)
		return (NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
	return (0);
}

static int
on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
    const uint8_t *data, size_t len, void *arg)
{
	struct call *c = call_of(arg, stream_id);

	(void)session;
	(void)flags;
	if (c != NULL)
		call_data(c, data, len);
	return (0);
}

static void
on_request_frame(struct conn *conn, const nghttp2_frame *frame)
{
	struct call *c = call_of(conn, frame->hd.stream_id);

	if (c == NULL)
		return;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		call_headers_end(c);
	if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		call_request_end(c);
}

static int
on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct conn *conn = arg;

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		on_request_frame(conn, frame);
		break;
	case NGHTTP2_SETTINGS:
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
			conn->settings_by = NEVER;
		break;
	case NGHTTP2_PING:
		/* Ours, of the drain: the peer knows of it by now. */
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && conn->goaway_at != NEVER)
			conn->goaway_at = conn->now;
		break;
	default:
		break;
	}
	return (0);
}

/* A stream that we had to reset costs the peer one frame, and us a whole request. */
static void
count_reset(struct conn *conn, uint32_t error)
{
	bool ok;

	switch (error) {
	case NGHTTP2_NO_ERROR:		/* after an early answer */
	case NGHTTP2_CANCEL:		/* a deadline */
		return;
	case NGHTTP2_REFUSED_STREAM:	/* before the peer knew our limit */
		ok = bucket_take(&conn->meter.cheap, 4, conn->now);
		break;
	default:
		ok = meter_reset(&conn->meter, conn->now);
		break;
	}
	if (!ok)
		conn_goaway(conn, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_resets");
}

/* An answer that came before the request's end: the rest of it is not wanted. */
static int
end_early(struct conn *conn, int32_t stream_id)
{
	if (nghttp2_session_get_stream_remote_close(conn->session, stream_id) != 0)
		return (0);
	return (nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, stream_id,
	    NGHTTP2_NO_ERROR));
}

static int
on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct conn *conn = arg;

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		meter_sent(&conn->meter, conn->now);
		if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
		    end_early(conn, frame->hd.stream_id) != 0)
			return (NGHTTP2_ERR_CALLBACK_FAILURE);
		break;
	case NGHTTP2_RST_STREAM:
		count_reset(conn, frame->rst_stream.error_code);
		break;
	case NGHTTP2_GOAWAY:
		if (conn->closing)
			conn->closed = true;
		break;
	default:
		break;
	}
	return (0);
}

static int
on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error, void *arg)
{
	struct call *c = call_of(arg, stream_id);

	(void)session;
	(void)error;
	if (c != NULL)
		call_free(c);
	return (0);
}

static int
make_options(nghttp2_option **opt)
{
	if (nghttp2_option_new(opt) != 0)
		return (-ENOMEM);
	nghttp2_option_set_no_closed_streams(*opt, 1);
	nghttp2_option_set_max_continuations(*opt, CONTINUATIONS);
	nghttp2_option_set_max_outbound_ack(*opt, ACKS_QUEUED);
	nghttp2_option_set_max_settings(*opt, SETTINGS_MAX);
	nghttp2_option_set_stream_reset_rate_limit(*opt, CANCEL_BURST, CANCEL_RATE);
	return (0);
}

static int
make_callbacks(nghttp2_session_callbacks **cb)
{
	if (nghttp2_session_callbacks_new(cb) != 0)
		return (-ENOMEM);
	nghttp2_session_callbacks_set_on_begin_headers_callback(*cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(*cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(*cb, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(*cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_frame_send_callback(*cb, on_frame_send);
	nghttp2_session_callbacks_set_on_stream_close_callback(*cb, on_stream_close);
	return (0);
}

/* Without MAX_CONCURRENT_STREAMS there is no limit at all. */
static int
submit_settings(struct conn *conn)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, conn->init.max_streams },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, conn->init.max_header_bytes },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
	};

	if (nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings,
	    sizeof(settings) / sizeof(settings[0])) != 0)
		return (-ENOMEM);
	return (0);
}

int
http2_start(struct conn *conn)
{
	nghttp2_session_callbacks *cb = NULL;
	nghttp2_option *opt = NULL;
	int r;

	if ((r = make_options(&opt)) == 0 && (r = make_callbacks(&cb)) == 0) {
		if (nghttp2_session_server_new2(&conn->session, cb, conn, opt) != 0)
			r = -ENOMEM;
		else
			r = submit_settings(conn);
	}
	nghttp2_session_callbacks_del(cb);
	nghttp2_option_del(opt);
	return (r);
}

uint32_t
http2_error_of(int nghttp2_error)
{
	switch (nghttp2_error) {
	case NGHTTP2_ERR_FLOODED:
	case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
		return (NGHTTP2_ENHANCE_YOUR_CALM);
	case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
		return (NGHTTP2_PROTOCOL_ERROR);
	default:
		return (NGHTTP2_INTERNAL_ERROR);
	}
}
