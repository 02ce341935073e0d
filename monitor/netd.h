/*
 * The processes that speak to clients: one connection each, one process each.
 */
#ifndef MONITOR_NETD_H
#define MONITOR_NETD_H

#include <sys/socket.h>

#include "monitor/child.h"
#include "monitor/daemon.h"

struct netd {
	TAILQ_ENTRY(netd) entry;
	struct daemon *daemon;
	struct setup *setup;		/* a reference */
	struct child child;
	struct session session;
	sd_event_source *exit;		/* the process has ended */
	sd_event_source *timer;		/* start-up, login, or its end */
	struct sockaddr_storage peer;	/* valid with has_connection */
	bool has_connection;
	bool killed;			/* by us, for a reason that is logged already */
};

/*
 * Starts one for this setup; it is in daemon->netds and SESSION_STARTING. NULL: it
 * could not be started, which is logged.
 */
struct netd *netd_start(struct daemon *, struct setup *);

/* Hands over an accepted connection; fd stays the caller's. 0 or -errno. */
int netd_connect(struct netd *, int fd, const struct sockaddr_storage *peer);

/* Ends it now. It goes from daemon->netds once the kernel has ended it. */
void netd_kill(struct netd *);
/* One without a connection: its channel is closed, it exits by itself. */
void netd_dismiss(struct netd *);
/* Finish what is under way, take nothing new. */
void netd_drain(struct netd *);
/* Kills and forgets all that are left, at the very end. */
void netds_end(struct daemon *);

/* Waiting netds (monitor/pool). fill starts what is missing of SpareConnections. */
void pool_fill(struct daemon *);
struct netd *pool_take(struct daemon *);	/* NULL: none is ready */
/* Those that wait for a connection with another setup than the current one go. */
void pool_retire(struct daemon *);

/* Called by netd.c as things happen. */
void pool_ready(struct netd *);
void pool_ended(struct netd *, const char *how);

#endif
