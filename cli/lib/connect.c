/* SPDX-License-Identifier: ISC */

/*
 * A TCP connection to the first of the server's addresses that answers. The
 * time there is is shared fairly among those that are left, so one dead
 * address does not use up all of it.
 */

#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>
#include <poll.h>

#include "cli/lib/internal.h"
#include "common/fdio.h"

#define KEEPALIVE_IDLE		30	/* seconds until the first probe */
#define KEEPALIVE_INTERVAL	10
#define KEEPALIVE_PROBES	3

/* A follower of a quiet job must notice that its server's host is gone. */
static int
set_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
		    sizeof(options[i].value)) == -1)
			return (-errno);
	return (0);
}

/* 0, -errno, or the positive code of io_poll. */
static int
finish_connect(struct telepilot *c, int64_t deadline)
{
	socklen_t len;
	int error, r;

	if ((r = io_poll(c, POLLOUT, deadline)) != 0)
		return (r);
	len = sizeof(error);
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return (-errno);
	return (-error);
}

static int
try_address(struct telepilot *c, const struct addrinfo *ai, int64_t deadline)
{
	int r;

	c->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return (-errno);
	r = set_options(c->fd);
	if (r == 0 && connect(c->fd, ai->ai_addr, ai->ai_addrlen) == -1)
		r = errno == EINPROGRESS ? finish_connect(c, deadline) : -errno;
	if (r != 0)
		close_fd(&c->fd);
	return (r);
}

static int
try_all(struct telepilot *c, const struct addrinfo *list, int64_t deadline)
{
	const struct addrinfo *ai;
	int64_t now, left = 0;
	int r = -EADDRNOTAVAIL;

	for (ai = list; ai != NULL; ai = ai->ai_next)
		left++;
	for (ai = list; ai != NULL; ai = ai->ai_next, left--) {
		now = monotonic_ns();
		r = try_address(c, ai, now + (deadline - now) / left);
		if (r == 0 || r == ST_CANCELLED)
			break;
	}
	return (r);
}

int
connect_tcp(struct telepilot *c, const char *host, const char *port, int64_t deadline)
{
	struct addrinfo hints, *list;
	int r;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
	/* Loopback addresses do not count as a host's own: literals need no check. */
	if (address_is_ip(host))
		hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	if ((r = getaddrinfo(host, port, &hints, &list)) != 0)
		return (status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "cannot find the host %s: %s", host,
		    r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r)));
	r = try_all(c, list, deadline);
	freeaddrinfo(list);
	if (r == 0)
		return (0);
	if (r == ST_CANCELLED)
		return (status_set(&c->status, ST_CANCELLED, NULL, "interrupted"));
	return (status_set(&c->status, ST_UNAVAILABLE, NULL, "cannot connect to %s: %s",
	    c->peer, r > 0 ? "no answer in time" : strerror(-r)));
}
