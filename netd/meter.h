/* SPDX-License-Identifier: ISC */

/*
 * Counts what a peer makes us do. nghttp2 1.52 limits neither PING, SETTINGS,
 * WINDOW_UPDATE, PRIORITY, empty DATA or unknown frames, nor the streams that a
 * peer gets us to reset; this does, from the bytes themselves. Times are
 * nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef NETD_METER_H
#define NETD_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bucket {
	int64_t tokens, burst;		/* thousandths */
	int64_t rate;			/* tokens a second */
	int64_t last;
};

void bucket_init(struct bucket *, int64_t burst, int64_t rate, int64_t now);
/* False if there are not that many tokens; then none is taken. */
bool bucket_take(struct bucket *, int64_t n, int64_t now);

struct meter {
	size_t preface_left;		/* of the client connection preface */
	uint8_t head[9];		/* a frame's header */
	size_t have;
	uint32_t payload_left;
	bool in_headers;		/* between HEADERS and END_HEADERS */
	int64_t headers_since;
	struct bucket cheap, resets;
	uint32_t next_stream;		/* above all that the peer has opened */
	uint32_t gap_from, gap_to;	/* numbers that it passed over last */
	unsigned int strikes;
	int64_t last_ping, last_sent;	/* INT64_MIN: never */
};

enum meter_verdict {
	METER_OK,
	METER_PINGS,			/* "too_many_pings" */
	METER_FLOOD,
	METER_PROTOCOL,			/* an error that nghttp2 lets pass */
};

void meter_init(struct meter *, int64_t now);

/* The bytes that go to nghttp2, in order. */
enum meter_verdict meter_input(struct meter *, const uint8_t *, size_t, int64_t now);

/* We sent HEADERS or DATA: pings are deserved, and so is some housekeeping. */
void meter_sent(struct meter *, int64_t now);

/* We had to reset a stream. False: too often. */
bool meter_reset(struct meter *, int64_t now);

#endif
