/* SPDX-License-Identifier: ISC */

/*
 * Walks over the frames' headers (RFC 9113, section 4.1) and charges for those
 * that cost the peer little and us something. It judges no frame's content:
 * that is nghttp2's work, which sees the same bytes. Two errors that nghttp2 1.52
 * ignores are caught here: PRIORITY on stream 0, and a stream below one that was
 * opened before it.
 *
 * Pings follow gRPC's proposal A8: two strikes are allowed, and a ping is one if it
 * comes within PING_INTERVAL of the last while we have sent no HEADERS or DATA for
 * as long. So the pings by which a client measures its bandwidth are always free.
 */

#include <string.h>

#include "netd/meter.h"

#define SECOND		INT64_C(1000000000)
#define PING_INTERVAL	(10 * SECOND)
#define PING_STRIKES	2

#define CHEAP_BURST	4000
#define CHEAP_RATE	400
#define CHEAP_EARNED	4		/* for each frame that we send */
#define RESET_BURST	100
#define RESET_RATE	10
#define SMALL_DATA	64

#define PREFACE_LEN	24

enum {
	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_PRIORITY = 2,
	FRAME_RST_STREAM = 3,
	FRAME_SETTINGS = 4,
	FRAME_PUSH_PROMISE = 5,
	FRAME_PING = 6,
	FRAME_GOAWAY = 7,
	FRAME_WINDOW_UPDATE = 8,
	FRAME_CONTINUATION = 9,
	FRAME_KNOWN
};

#define FLAG_ACK		0x01
#define FLAG_END_STREAM		0x01
#define FLAG_END_HEADERS	0x04

/* HEADERS pay by opening streams, of which there are few; DATA by its bytes. */
static const uint8_t costs[FRAME_KNOWN] = {
	[FRAME_PRIORITY] = 1,
	[FRAME_RST_STREAM] = 2,
	[FRAME_SETTINGS] = 20,
	[FRAME_PUSH_PROMISE] = 1,
	[FRAME_PING] = 4,
	[FRAME_GOAWAY] = 20,
	[FRAME_WINDOW_UPDATE] = 1,
	[FRAME_CONTINUATION] = 1,
};

void
bucket_init(struct bucket *b, int64_t burst, int64_t rate, int64_t now)
{
	b->burst = b->tokens = burst * 1000;
	b->rate = rate;
	b->last = now;
}

static void
bucket_refill(struct bucket *b, int64_t now)
{
	int64_t ms = (now - b->last) / (SECOND / 1000);

	if (ms <= 0)
		return;
	b->last += ms * (SECOND / 1000);
	if (ms > b->burst / b->rate)	/* a millisecond brings rate thousandths */
		b->tokens = b->burst;
	else
		b->tokens += ms * b->rate;
	if (b->tokens > b->burst)
		b->tokens = b->burst;
}

bool
bucket_take(struct bucket *b, int64_t n, int64_t now)
{
	bucket_refill(b, now);
	if (b->tokens < n * 1000)
		return (false);
	b->tokens -= n * 1000;
	return (true);
}

void
meter_init(struct meter *m, int64_t now)
{
	memset(m, 0, sizeof(*m));
	m->preface_left = PREFACE_LEN;
	m->next_stream = 1;
	m->last_ping = m->last_sent = INT64_MIN;
	bucket_init(&m->cheap, CHEAP_BURST, CHEAP_RATE, now);
	bucket_init(&m->resets, RESET_BURST, RESET_RATE, now);
}

static bool
recent(int64_t then, int64_t now)
{
	return (then != INT64_MIN && now - then < PING_INTERVAL);
}

static enum meter_verdict
ping(struct meter *m, int64_t now)
{
	if (recent(m->last_sent, now))
		m->strikes = 0;
	else if (recent(m->last_ping, now) && ++m->strikes > PING_STRIKES)
		return (METER_PINGS);
	m->last_ping = now;
	return (METER_OK);
}

/*
 * Section 5.1.1. HEADERS below next_stream may be trailers, and even of a stream that
 * we closed a moment ago; only a number that was never used proves an error.
 */
static enum meter_verdict
opening(struct meter *m, uint32_t stream)
{
	if (stream % 2 == 0)
		return (METER_OK);		/* nghttp2 sees that */
	if (stream < m->next_stream)
		return (stream >= m->gap_from && stream <= m->gap_to ?
		    METER_PROTOCOL : METER_OK);
	if (stream > m->next_stream) {
		m->gap_from = m->next_stream;
		m->gap_to = stream - 2;
	}
	m->next_stream = stream + 2;
	return (METER_OK);
}

static enum meter_verdict
check_stream(struct meter *m, uint8_t type)
{
	const uint8_t *h = m->head;
	uint32_t stream = (uint32_t)(h[5] & 0x7f) << 24 | (uint32_t)h[6] << 16 |
	    (uint32_t)h[7] << 8 | h[8];

	if (type == FRAME_HEADERS)
		return (opening(m, stream));
	return (type == FRAME_PRIORITY && stream == 0 ? METER_PROTOCOL : METER_OK);
}

/* One frame's header is whole. */
static enum meter_verdict
frame(struct meter *m, int64_t now)
{
	uint8_t type = m->head[3], flags = m->head[4];
	enum meter_verdict v;
	int64_t cost = type < FRAME_KNOWN ? costs[type] : 1;

	if ((v = check_stream(m, type)) != METER_OK)
		return (v);
	if (type == FRAME_DATA && m->payload_left < SMALL_DATA &&
	    (flags & FLAG_END_STREAM) == 0)
		cost = 1;
	if (type == FRAME_HEADERS && !m->in_headers) {
		m->in_headers = true;
		m->headers_since = now;
	}
	if (cost > 0 && !bucket_take(&m->cheap, cost, now))
		return (METER_FLOOD);
	if (type == FRAME_PING && (flags & FLAG_ACK) == 0)
		return (ping(m, now));
	return (METER_OK);
}

static void
frame_end(struct meter *m)
{
	uint8_t type = m->head[3];

	if ((type == FRAME_HEADERS || type == FRAME_CONTINUATION) &&
	    (m->head[4] & FLAG_END_HEADERS) != 0)
		m->in_headers = false;
	m->have = 0;
}

static size_t
skip(size_t *left, size_t len)
{
	size_t n = *left < len ? *left : len;

	*left -= n;
	return (n);
}

enum meter_verdict
meter_input(struct meter *m, const uint8_t *p, size_t len, int64_t now)
{
	enum meter_verdict v;
	size_t n, left;

	n = skip(&m->preface_left, len);
	for (p += n, len -= n; len > 0; p += n, len -= n) {
		if (m->have < sizeof(m->head)) {
			n = sizeof(m->head) - m->have;
			n = n < len ? n : len;
			memcpy(m->head + m->have, p, n);
			if ((m->have += n) < sizeof(m->head))
				continue;
			m->payload_left = (uint32_t)m->head[0] << 16 |
			    (uint32_t)m->head[1] << 8 | m->head[2];
			if ((v = frame(m, now)) != METER_OK)
				return (v);
		} else {
			left = m->payload_left;
			n = skip(&left, len);
			m->payload_left = (uint32_t)left;
		}
		if (m->payload_left == 0)
			frame_end(m);
	}
	return (METER_OK);
}

void
meter_sent(struct meter *m, int64_t now)
{
	m->last_sent = now;
	m->strikes = 0;
	m->cheap.tokens += CHEAP_EARNED * 1000;
	if (m->cheap.tokens > m->cheap.burst)
		m->cheap.tokens = m->cheap.burst;
}

bool
meter_reset(struct meter *m, int64_t now)
{
	return (bucket_take(&m->resets, 1, now));
}
