/* SPDX-License-Identifier: ISC */

/*
 * One netd: its process, its channel, and the time that it has. Whatever it
 * does, the worst that comes of it here is that it is killed.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "common/msg.h"
#include "monitor/netd.h"

#define START_TIME	(20 * 1000000ULL)	/* µs to load its keys */
#define LOGIN_SLACK	(2 * 1000000ULL)	/* netd ends by itself before that */
#define EXIT_TIME	(5 * 1000000ULL)	/* from the closed channel to its exit */

static const char *
netd_name(const struct netd *n, char *dst, size_t size)
{
	if (!n->has_connection)
		snprintf(dst, size, "netd %d", (int)n->child.pid);
	else if (n->session.user[0] == '\0')
		snprintf(dst, size, "netd %d of %s", (int)n->child.pid, n->session.peer);
	else
		snprintf(dst, size, "netd %d of %s at %s", (int)n->child.pid, n->session.user,
		    n->session.peer);
	return (dst);
}

static void
netd_free(struct netd *n)
{
	sd_event_source_disable_unref(n->exit);
	sd_event_source_disable_unref(n->timer);
	session_close(&n->session);
	child_end(&n->child);
	setup_unref(n->setup);
	free(n);
}

/* --- time --- */

static int
on_time(sd_event_source *source, uint64_t usec, void *arg)
{
	struct netd *n = arg;
	char name[192];

	(void)source;
	(void)usec;
	netd_name(n, name, sizeof(name));
	if (n->session.over)
		log_warn("%s does not exit; killed", name);
	else if (n->session.state == SESSION_STARTING)
		log_error("%s was not ready in time; killed", name);
	else
		log_info("%s: nobody logged in in time; connection closed", name);
	netd_kill(n);
	return (0);
}

static void
set_time(struct netd *n, uint64_t usec)
{
	if (sd_event_source_set_time_relative(n->timer, usec) < 0 ||
	    sd_event_source_set_enabled(n->timer, SD_EVENT_ONESHOT) < 0)
		netd_kill(n);
}

/* --- what its session tells --- */

static void
on_ready(void *arg)
{
	struct netd *n = arg;

	sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
	pool_ready(n);
}

static void
on_authenticated(void *arg)
{
	struct netd *n = arg;

	sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
	arrivals_serve(n->daemon);
}

/* Closed by itself: it is about to exit, and its exit status is worth knowing. */
static void
on_over(void *arg, const char *why)
{
	struct netd *n = arg;
	char name[192];

	if (why == NULL) {
		session_close(&n->session);
		set_time(n, EXIT_TIME);
		return;
	}
	log_error("%s broke the protocol: %s; killed", netd_name(n, name, sizeof(name)), why);
	netd_kill(n);
}

static const struct session_events events = { on_ready, on_authenticated, on_over };

/* --- its end --- */

/* A netd that fails has said itself why; one that dies of a signal could not. */
static void
log_end(const struct netd *n, enum child_state state, const char *how)
{
	char name[192];
	int priority = LOG_DEBUG;

	if (state == CHILD_KILLED && !n->killed)
		priority = LOG_ERR;
	else if (state == CHILD_FAILED)
		priority = LOG_INFO;
	log_at(priority, "%s ended: %s", netd_name(n, name, sizeof(name)), how);
}

static int
on_exit_of(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct netd *n = arg;
	struct daemon *d = n->daemon;
	enum child_state state;
	char how[64];

	(void)source;
	(void)fd;
	(void)revents;
	if ((state = child_reap(&n->child, how, sizeof(how))) == CHILD_RUNS)
		return (0);
	log_end(n, state, how);
	TAILQ_REMOVE(&d->netds, n, entry);
	if (n->has_connection)
		d->nconnections--;
	pool_ended(n, how);
	netd_free(n);
	arrivals_serve(d);
	return (0);
}

/* --- its beginning --- */

static int
send_init(struct netd *n)
{
	int fds[SETUP_FILES], nfds, r;
	struct buf *b;

	if ((nfds = setup_open_files(n->setup, fds)) < 0)
		return (nfds);
	if ((b = buf_new(MSG_BODY_MAX)) == NULL)
		r = -ENOMEM;
	else if ((r = netd_init_put(b, &n->setup->init)) == 0)
		r = msg_send_fds(n->session.fd, NETD_INIT, 0, b, fds, (size_t)nfds);
	buf_free(b);
	while (nfds > 0)
		close_fd(&fds[--nfds]);
	return (r);
}

static int
run(struct netd *n)
{
	static char program[] = "telepilot-netd", debug[] = "-d";
	bool verbose = n->daemon->debug || n->setup->config->log_level == LOG_DEBUG;
	char *argv[] = { program, verbose ? debug : NULL, NULL };
	const struct places *p = &n->daemon->places;
	int fds[2], r;

	if ((r = msg_pair(fds)) != 0)
		return (r);
	if ((r = session_init(&n->session, &n->daemon->services, fds[0],
	    n->setup->config->max_streams, &events, n)) != 0)
		close_fd(&fds[0]);
	else
		r = child_exec(&n->child, p->netd, argv, fds[1], p->empty, p->null);
	close_fd(&fds[1]);
	return (r);
}

struct netd *
netd_start(struct daemon *d, struct setup *setup)
{
	struct netd *n;
	int r;

	if ((n = calloc(1, sizeof(*n))) == NULL) {
		log_error("telepilot-netd cannot be started: out of memory");
		return (NULL);
	}
	n->daemon = d;
	n->setup = setup_ref(setup);
	n->child.pidfd = n->session.fd = -1;
	TAILQ_INIT(&n->session.requests);
	if ((r = run(n)) != 0 || (r = send_init(n)) != 0 ||
	    (r = sd_event_add_io(d->event, &n->exit, n->child.pidfd, EPOLLIN, on_exit_of, n)) < 0 ||
	    (r = sd_event_add_time_relative(d->event, &n->timer, CLOCK_MONOTONIC, START_TIME, 0,
	    on_time, n)) < 0) {
		log_error("telepilot-netd cannot be started: %s", strerror(-r));
		netd_free(n);
		return (NULL);
	}
	TAILQ_INSERT_TAIL(&d->netds, n, entry);
	return (n);
}

int
netd_connect(struct netd *n, int fd, const struct sockaddr_storage *peer)
{
	struct session *s = &n->session;
	struct buf *b;
	int r;

	address_format(peer, s->peer, sizeof(s->peer));
	if ((b = buf_new(MSG_BODY_MAX)) == NULL)
		return (-ENOMEM);
	if ((r = buf_put_str(b, s->peer)) == 0)
		r = msg_send_fds(s->fd, NETD_CONN, 0, b, &fd, 1);
	buf_free(b);
	if (r != 0)
		return (r);
	s->state = SESSION_LOGIN;
	n->peer = *peer;
	n->has_connection = true;
	n->daemon->nconnections++;
	set_time(n, n->setup->config->login_grace * 1000000ULL + LOGIN_SLACK);
	return (0);
}

void
netd_kill(struct netd *n)
{
	n->killed = true;
	child_kill(&n->child);
	session_close(&n->session);
	sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
}

void
netd_dismiss(struct netd *n)
{
	session_close(&n->session);
	set_time(n, EXIT_TIME);
}

/* One that is not even reading this is ended by the deadline. */
void
netd_drain(struct netd *n)
{
	int r;

	if (n->session.over)
		return;
	if ((r = msg_send(n->session.fd, NETD_DRAIN, 0, NULL)) != 0)
		log_debug("netd %d cannot be told to drain: %s", (int)n->child.pid, strerror(-r));
}

void
netds_end(struct daemon *d)
{
	struct netd *n;

	while ((n = TAILQ_FIRST(&d->netds)) != NULL) {
		TAILQ_REMOVE(&d->netds, n, entry);
		netd_free(n);
	}
}
