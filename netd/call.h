/* SPDX-License-Identifier: ISC */

/*
 * One gRPC call: a stream of HTTP/2. The request is gathered, decoded and given to its
 * method's handler; the handler answers, at once or when the monitor has replied.
 */
#ifndef NETD_CALL_H
#define NETD_CALL_H

#include <sys/queue.h>

#include <protobuf-c/protobuf-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/grpc.h"
#include "common/msg.h"
#include "common/status.h"
#include "netd/conn.h"

struct call;

struct method {
	const char *path;
	const ProtobufCMessageDescriptor *request;
	bool stream_in;			/* each request message is handled as it comes */
	bool while_draining;		/* new calls are still taken then */

	/* A whole, checked request. It ends with this function. */
	void (*handle)(struct call *, const ProtobufCMessage *);
	/* The monitor said OK: what follows the status. NULL if it is never asked. */
	void (*reply)(struct call *, struct msg *);

	/* The rest is for methods that stream out; NULL otherwise. */

	/* Nothing waits to be sent: send or finish, or leave it when nothing is there. */
	void (*produce)(struct call *);
	/* A descriptor to wait for while nothing is there, or -1; then wake is called. */
	int (*wait_fd)(const struct call *);
	void (*wake)(struct call *);
	/* The server drains: streams without an end of their own end now. */
	void (*drain)(struct call *);
	void (*release)(struct call *);	/* frees call->state */
};

/* Bytes of framed messages that nghttp2 has not taken yet. */
struct outbuf {
	uint8_t *b;
	size_t off, len, size;
};

struct call {
	LIST_ENTRY(call) entry;
	struct conn *conn;
	int32_t stream_id;

	/* the request */
	const struct method *method;	/* NULL: unknown */
	uint64_t header_bytes;
	bool post, grpc, encoded, bad_timeout;
	int64_t timeout;		/* ns, or NEVER */
	int64_t deadline;		/* on conn's clock, or NEVER */
	struct grpc_deframer in;
	bool have_message;

	uint32_t request;		/* id of what the monitor was asked, or 0 */

	/* the response */
	struct outbuf out;
	bool headers_sent;		/* handed to nghttp2 */
	bool deferred;			/* nghttp2 waits for call_resume */
	bool ended;			/* status is final */
	struct status status;

	void *state;			/* the method's */
};

/* --- for http2.c --- */

struct call *call_new(struct conn *, int32_t stream_id);	/* NULL: no memory */
void call_free(struct call *);
/* 0, or -EMSGSIZE: so much that the stream must be reset. */
int call_header(struct call *, const uint8_t *name, size_t namelen,
    const uint8_t *value, size_t valuelen);
void call_headers_end(struct call *);
void call_data(struct call *, const uint8_t *, size_t);
void call_request_end(struct call *);
void call_reply(struct call *, struct msg *);
void call_expire(struct call *);

/* --- for methods --- */

/* Frames a message, and sends it after those before it. */
void call_send(struct call *, const ProtobufCMessage *);
/* The one answer of a unary call, and OK. */
void call_answer(struct call *, const ProtobufCMessage *);
void call_finish(struct call *);		/* OK, after what was sent */
void call_end(struct call *, const struct status *);
void call_fail(struct call *, enum status_code, const char *field,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * For produce, when nothing waits: room for n bytes, or NULL (the call has failed),
 * and then where in that room what is to be sent lies.
 */
uint8_t *call_room(struct call *, size_t n);
void call_filled(struct call *, size_t off, size_t len);
size_t call_pending(const struct call *);	/* bytes that wait to be sent */
/* The response's headers, if they were not sent, so that the client sees it go on. */
void call_open(struct call *);
/* There is something new to send. */
void call_resume(struct call *);

/* Asks the monitor; reply is called later. body is freed, and NULL fails the call. */
void call_ask(struct call *, uint16_t type, struct buf *body);

#endif
