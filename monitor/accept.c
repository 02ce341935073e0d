/* SPDX-License-Identifier: ISC */

/*
 * Accepts connections within what one source and all together may have, and
 * holds them, unread, until a netd is ready and the number of those that have
 * not logged in allows one more. No source may take more than half of these
 * places, so that nobody is shut out by one who only connects.
 */

#include <sys/socket.h>

#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/accept.h"
#include "monitor/netd.h"

#define ACCEPT_TURN	16
#define SHORTAGE_PAUSE	(1000000ULL)	/* µs without accepting: no descriptors */
#define REFUSAL_INTERVAL	(5 * 1000000ULL)	/* µs between two lines of the log */

struct arrival {
	TAILQ_ENTRY(arrival) entry;
	struct daemon *daemon;
	int fd;
	struct sockaddr_storage peer;
	sd_event_source *timer;
};

int
same_source(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)b;
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in *b4 = (const struct sockaddr_in *)b;

	if (a->ss_family != b->ss_family)
		return (0);
	if (a->ss_family == AF_INET6)
		return (memcmp(&a6->sin6_addr, &b6->sin6_addr, 8) == 0);
	return (a4->sin_addr.s_addr == b4->sin_addr.s_addr);
}

static void
arrival_free(struct arrival *a)
{
	TAILQ_REMOVE(&a->daemon->arrivals, a, entry);
	a->daemon->narrivals--;
	sd_event_source_disable_unref(a->timer);
	close_fd(&a->fd);
	free(a);
}

void
arrivals_close(struct daemon *d)
{
	struct arrival *a, *next;

	for (a = TAILQ_FIRST(&d->arrivals); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		arrival_free(a);
	}
	d->accept_again = sd_event_source_disable_unref(d->accept_again);
}

/* --- allowances --- */

static unsigned int
count_source(const struct daemon *d, const struct sockaddr_storage *peer)
{
	const struct arrival *a;
	const struct netd *n;
	unsigned int count = 0;

	TAILQ_FOREACH(n, &d->netds, entry)
		if (n->has_connection && same_source(&n->peer, peer))
			count++;
	TAILQ_FOREACH(a, &d->arrivals, entry)
		if (same_source(&a->peer, peer))
			count++;
	return (count);
}

/* Why one more connection of this peer is refused, or NULL. */
static const char *
refuse(const struct daemon *d, const struct sockaddr_storage *peer)
{
	const struct config *c = d->setup->config;

	if (d->nconnections + d->narrivals >= c->max_connections)
		return ("MaxConnections is reached");
	if (count_source(d, peer) >= c->max_connections_source)
		return ("MaxConnectionsPerSource is reached");
	return (NULL);
}

/* Of all, and of one source, how many have not logged in yet. */
static bool
may_log_in(const struct daemon *d, const struct sockaddr_storage *peer)
{
	unsigned int max = d->setup->config->max_unauthenticated, all = 0, same = 0;
	const struct netd *n;

	for (n = TAILQ_FIRST(&d->netds); n != NULL; n = TAILQ_NEXT(n, entry)) {
		if (!n->has_connection || n->session.state != SESSION_LOGIN)
			continue;
		all++;
		if (same_source(&n->peer, peer))
			same++;
	}
	return (all < max && same < (max + 1) / 2);
}

/* --- handing over --- */

static void
hand_over(struct daemon *d, struct arrival *a, struct netd *n)
{
	int r;

	if ((r = netd_connect(n, a->fd, &a->peer)) != 0) {
		log_error("a connection cannot be handed to netd %d: %s", (int)n->child.pid,
		    strerror(-r));
		netd_kill(n);
		return;
	}
	log_debug("connection from %s: netd %d", n->session.peer, (int)n->child.pid);
	arrival_free(a);
	pool_fill(d);
}

void
arrivals_serve(struct daemon *d)
{
	struct arrival *a, *next;
	struct netd *n;

	for (a = TAILQ_FIRST(&d->arrivals); a != NULL && !d->stopping; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (!may_log_in(d, &a->peer))
			continue;
		if ((n = pool_take(d)) == NULL)
			return;
		hand_over(d, a, n);
	}
}

/* Anyone can make us refuse, as often as they like: they must not fill the log. */
static void
log_refusal(struct daemon *d, const struct sockaddr_storage *peer, const char *why)
{
	char text[ADDRESS_STRLEN];
	uint64_t now;

	if (sd_event_now(d->event, CLOCK_MONOTONIC, &now) < 0)
		now = 0;
	if (d->refusals.told != 0 && now - d->refusals.told < REFUSAL_INTERVAL) {
		d->refusals.untold++;
		return;
	}
	log_warn("connection from %s refused: %s (%u others since the last such line)",
	    address_format(peer, text, sizeof(text)), why, d->refusals.untold);
	d->refusals.told = now;
	d->refusals.untold = 0;
}

static int
on_too_late(sd_event_source *source, uint64_t usec, void *arg)
{
	struct arrival *a = arg;

	(void)source;
	(void)usec;
	log_refusal(a->daemon, &a->peer, "no place to log in became free in time");
	arrival_free(a);
	return (0);
}

/* Takes fd. */
static void
arrive(struct daemon *d, int fd, const struct sockaddr_storage *peer)
{
	struct arrival *a;
	const char *why;

	if ((why = refuse(d, peer)) != NULL) {
		log_refusal(d, peer, why);
		close(fd);
		return;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		close(fd);
		return;
	}
	a->daemon = d;
	a->fd = fd;
	a->peer = *peer;
	TAILQ_INSERT_TAIL(&d->arrivals, a, entry);
	d->narrivals++;
	if (sd_event_add_time_relative(d->event, &a->timer, CLOCK_MONOTONIC,
	    d->setup->config->login_grace * 1000000ULL, 0, on_too_late, a) < 0)
		arrival_free(a);
}

/* --- accepting --- */

static int
on_accept_again(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;

	(void)source;
	(void)usec;
	d->accept_again = sd_event_source_disable_unref(d->accept_again);
	listeners_pause(&d->listeners, 0);
	return (0);
}

/* Who waits stays in the kernel's queue, and we do not spin. */
static void
pause_accepting(struct daemon *d, int error)
{
	log_error("cannot accept connections: %s", strerror(error));
	if (d->accept_again == NULL && sd_event_add_time_relative(d->event, &d->accept_again,
	    CLOCK_MONOTONIC, SHORTAGE_PAUSE, 0, on_accept_again, d) >= 0)
		listeners_pause(&d->listeners, 1);
}

static bool
is_shortage(int error)
{
	return (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM);
}

int
accept_ready(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct sockaddr_storage peer;
	struct daemon *d = arg;
	socklen_t len;
	int i, conn;

	(void)source;
	(void)revents;
	if (fds_scarce())
		pause_accepting(d, EMFILE);
	for (i = 0; i < ACCEPT_TURN && d->accept_again == NULL; i++) {
		memset(&peer, 0, sizeof(peer));
		len = sizeof(peer);
		conn = accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (conn == -1) {
			/* All else is the fate of one connection that is gone already. */
			if (is_shortage(errno))
				pause_accepting(d, errno);
			break;
		}
		arrive(d, conn, &peer);
	}
	arrivals_serve(d);
	return (0);
}
