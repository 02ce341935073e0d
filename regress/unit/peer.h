/* SPDX-License-Identifier: ISC */

/*
 * A connection of netd in memory, for tests: a client made of nghttp2 on one
 * side, and on the other a socket on which the test plays the monitor.
 */
#ifndef UNIT_PEER_H
#define UNIT_PEER_H

#include <nghttp2/nghttp2.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "netd/conn.h"

#define PEER_STREAMS	512

/* What came for one stream. */
struct answer {
	char http[8], status[8], message[1024], details[2048];
	unsigned int headers;		/* blocks of them */
	uint8_t *body;
	size_t len;
	bool ended, closed;
	uint32_t reset;			/* valid if closed */
};

struct peer {
	struct conn conn;
	int channel, monitor;		/* netd's end, and the test's */
	nghttp2_session *client;
	struct answer answers[PEER_STREAMS];	/* by stream id / 2 */
	size_t chunk;			/* bytes move in pieces of this; 0: whole */
	bool manual_window;		/* the client's windows stay as they are */
	bool goaway;
	int32_t goaway_last;
	uint32_t goaway_error;
	char goaway_text[64];
	struct msg msg;
};

struct request {
	const char *path;
	const void *body;		/* with its gRPC prefix, or NULL */
	size_t len;
	bool open;			/* no END_STREAM after the body */
	const char *method, *content_type, *timeout, *encoding;	/* NULL: as usual */
	size_t padding;			/* a header field with so many bytes */
};

void peer_start(struct peer *, bool manual_window);
void peer_end(struct peer *);

int32_t peer_request(struct peer *, const struct request *);
/* path with one message of these bytes. */
int32_t peer_call(struct peer *, const char *path, const void *message, size_t len);
struct answer *peer_answer(struct peer *, int32_t stream);
void peer_raw(struct peer *, const void *, size_t);	/* bytes straight to netd */
void peer_pump(struct peer *);				/* until nothing moves */

/* The next message that netd sent to the monitor: true, and it is in p->msg. */
bool peer_asked(struct peer *, uint16_t type);
void peer_reply(struct peer *, uint32_t id, const struct status *, const struct buf *rest,
    const int *fds, size_t nfds);
void peer_tell(struct peer *, uint16_t type, uint32_t id, const struct buf *);

void expect_status(struct peer *, int32_t stream, const char *status, const char *words);

#endif
