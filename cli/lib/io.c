/* SPDX-License-Identifier: ISC */

/*
 * Moves bytes between the socket and the HTTP/2 session until something that a
 * caller waits for has come about. Frames are gathered into whole TLS records
 * before they are sent. Nothing here blocks but poll(2).
 */

#include <sys/eventfd.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#include "cli/lib/internal.h"

#define NS_PER_MS	1000000LL
#define FRAME_MAX	(9 + 16384)	/* nghttp2 makes none that is longer */
#define READS_A_TURN	16		/* then the deadline and interrupts have their say */

int64_t
monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 * NS_PER_MS + ts.tv_nsec);
}

int64_t
deadline_after_ms(uint64_t ms)
{
	int64_t now = monotonic_ns();

	if (ms == 0 || ms > (uint64_t)((INT64_MAX - now) / NS_PER_MS))
		return (NO_DEADLINE);
	return (now + (int64_t)ms * NS_PER_MS);
}

/* Rounded up: a wait never ends before its deadline. */
static int
poll_timeout(int64_t deadline)
{
	int64_t left;

	if (deadline == NO_DEADLINE)
		return (-1);
	if ((left = deadline - monotonic_ns()) <= 0)
		return (0);
	left = left / NS_PER_MS + 1;
	return (left > INT_MAX ? INT_MAX : (int)left);
}

void
io_clear_wake(struct telepilot *c)
{
	eventfd_t n;

	(void)eventfd_read(c->wake_fd, &n);
}

int
io_poll(struct telepilot *c, short events, int64_t deadline)
{
	struct pollfd p[2];
	int n;

	p[0].fd = c->fd;
	p[0].events = events;
	p[1].fd = c->wake_fd;
	p[1].events = POLLIN;
	do {
		n = poll(p, 2, events == 0 ? 0 : poll_timeout(deadline));
		if (n == -1 && errno != EINTR)
			return (status_set(&c->status, ST_INTERNAL, NULL, "poll: %s",
			    strerror(errno)));
		if (n > 0 && p[1].revents != 0) {
			io_clear_wake(c);
			return (ST_CANCELLED);
		}
		if (n > 0 && p[0].revents != 0)
			return (0);
	} while (events != 0 && monotonic_ns() < deadline);
	return (monotonic_ns() < deadline ? 0 : ST_DEADLINE_EXCEEDED);
}

/* What nghttp2 has to send, as many whole frames as there is room for. */
static int
fill(struct telepilot *c)
{
	const uint8_t *frame;
	ssize_t n;

	c->out_off = c->out_len = 0;
	while (sizeof(c->out) - c->out_len >= FRAME_MAX) {
		if ((n = nghttp2_session_mem_send(c->h2, &frame)) == 0)
			break;
		if (n < 0 || (size_t)n > sizeof(c->out) - c->out_len)
			return (status_set(&c->status, ST_INTERNAL, NULL, "HTTP/2: %s",
			    n < 0 ? nghttp2_strerror((int)n) : "frame too long"));
		memcpy(c->out + c->out_len, frame, (size_t)n);
		c->out_len += (size_t)n;
	}
	return (0);
}

/* Until all is sent or the socket is full; then want_write says what to wait for. */
static int
flush(struct telepilot *c)
{
	size_t n;
	int r;

	c->want_write = 0;
	while (!c->write_failed) {
		if (c->out_off == c->out_len && (r = fill(c)) != 0)
			return (r);
		if (c->out_len == 0)
			break;
		ERR_clear_error();
		if (SSL_write_ex(c->ssl, c->out + c->out_off, c->out_len - c->out_off,
		    &n) == 1) {
			c->out_off += n;
			continue;
		}
		switch (SSL_get_error(c->ssl, 0)) {
		case SSL_ERROR_WANT_WRITE:
			c->want_write = POLLOUT;
			return (0);
		case SSL_ERROR_WANT_READ:
			c->want_write = POLLIN;
			return (0);
		default:
			/* The reason may lie unread in the socket: an alert, a GOAWAY. */
			c->write_failed = true;
		}
	}
	return (0);
}

static int
no_http2(struct telepilot *c, const char *why)
{
	return (status_set(&c->status, ST_UNAVAILABLE, NULL,
	    "%s does not speak HTTP/2 as it should: %s", c->peer, why));
}

static int
receive(struct telepilot *c, const uint8_t *data, size_t len)
{
	ssize_t n;

	n = nghttp2_session_mem_recv(c->h2, data, len);
	if (n < 0) {
		c->dead = true;
		return (no_http2(c, nghttp2_strerror((int)n)));
	}
	return (0);
}

/* A record: 1; nothing there: 0; or a negative code. */
static int
read_record(struct telepilot *c)
{
	size_t n;
	int error;

	ERR_clear_error();
	errno = 0;
	if (SSL_read_ex(c->ssl, c->in, sizeof(c->in), &n) == 1)
		return (receive(c, c->in, n) == 0 ? 1 : -(int)c->status.code);
	error = SSL_get_error(c->ssl, 0);
	if (error == SSL_ERROR_WANT_READ && !c->write_failed)
		return (0);
	c->dead = true;
	return (-tls_connection_failed(c, error));
}

/* Nothing more will be read, and all there was to say about it is sent. */
static bool
session_over(const struct telepilot *c)
{
	return (nghttp2_session_want_read(c->h2) == 0 && (c->write_failed ||
	    (nghttp2_session_want_write(c->h2) == 0 && c->out_off == c->out_len)));
}

/* As much as a turn allows: 1 if there may be more, else as read_record. */
static int
read_some(struct telepilot *c, bool (*done)(const struct telepilot *))
{
	int i, r = 1;

	for (i = 0; i < READS_A_TURN && r == 1 && !done(c); i++) {
		if (nghttp2_session_want_read(c->h2) == 0)
			return (0);
		r = read_record(c);
		/* What it made to send goes first: a window, or why this is the end. */
		if (nghttp2_session_want_write(c->h2) != 0)
			break;
	}
	return (r);
}

int
io_run(struct telepilot *c, bool (*done)(const struct telepilot *), int64_t deadline)
{
	int r;

	while (!done(c)) {
		if ((r = flush(c)) != 0)
			return (r);
		if ((r = read_some(c, done)) < 0 && !done(c))
			return (-r);
		if (done(c))
			break;
		if (session_over(c)) {
			c->dead = true;
			return (c->going_away ? tls_connection_failed(c, SSL_ERROR_ZERO_RETURN) :
			    no_http2(c, "protocol error"));
		}
		if (r == 0 && c->want_write == 0 && nghttp2_session_want_write(c->h2) != 0)
			continue;
		if ((r = io_poll(c, r == 1 ? 0 : (short)(POLLIN | c->want_write),
		    deadline)) != 0)
			return (r);
	}
	return (0);
}

void
io_flush_all(struct telepilot *c, int64_t deadline)
{
	while (!c->dead && flush(c) == 0 && c->want_write != 0)
		if (io_poll(c, c->want_write, deadline) != 0)
			break;
}
