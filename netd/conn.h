/* SPDX-License-Identifier: ISC */

/*
 * The one connection that this process serves, after it was authenticated:
 * HTTP/2 on one side, the monitor on the other. It knows no socket and no TLS:
 * bytes go in by conn_input and come out by conn_output, and time comes from outside.
 */
#ifndef NETD_CONN_H
#define NETD_CONN_H

#include <sys/queue.h>

#include <nghttp2/nghttp2.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc.h"
#include "common/msg.h"
#include "netd/meter.h"
#include "netd/upstream.h"

#define NEVER		INT64_MAX
#define SECOND		INT64_C(1000000000)

LIST_HEAD(call_list, call);

struct conn {
	struct netd_init init;		/* the limits */
	int64_t now;			/* CLOCK_MONOTONIC ns, set by the caller */
	nghttp2_session *session;
	struct meter meter;
	struct upstream up;
	struct call_list calls;		/* one for each open stream */
	const struct reflection *reflection;	/* the caller's; set before any input */
	uint32_t last_request;		/* id given out last */
	int64_t idle_since;		/* no call is open since, or NEVER */
	int64_t settings_by;		/* the peer's SETTINGS ack, or NEVER */
	int64_t goaway_at;		/* second step of the drain, or NEVER */
	bool draining;
	bool closing;			/* a GOAWAY for an error is on its way */
	bool closed;			/* it was sent: nothing more is to be done */
	bool lost;			/* the monitor is gone, or broke the protocol */
	const uint8_t *rest;		/* of what nghttp2 gave last; nghttp2's */
	size_t rest_len;
};

/* 0 or -ENOMEM. init is copied. upstream_fd stays the caller's. */
int conn_init(struct conn *, const struct netd_init *, int upstream_fd, int64_t now);
void conn_free(struct conn *);

/* Bytes from the peer. Afterwards conn->closed may be set. */
void conn_input(struct conn *, const uint8_t *, size_t);

/* Up to size bytes for the peer; fewer only if there are no more now. */
size_t conn_output(struct conn *, uint8_t *, size_t);

/* A message of the monitor (NETD_REPLY, NETD_DRAIN). Takes what it needs of m. */
void conn_message(struct conn *, struct msg *);

/* What is due by conn->now is done; when to call again, or NEVER. */
int64_t conn_timers(struct conn *);

/* True when it was ended in good order, or must be. */
bool conn_done(const struct conn *);

/* GOAWAY with a reason, then nothing more. */
void conn_goaway(struct conn *, uint32_t error, const char *why);

#endif
