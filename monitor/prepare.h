/*
 * Makes a setup ready to become the current one: files, accounts, sockets, and
 * the proof that a netd can work with it. At start and on SIGHUP alike, without
 * ever waiting for another process.
 */
#ifndef MONITOR_PREPARE_H
#define MONITOR_PREPARE_H

#include "monitor/daemon.h"

/* setup is done's own, and its first netd is ready; NULL: it failed, which was told. */
typedef void prepare_done(struct daemon *, struct setup *);

/*
 * Takes setup. Sets daemon->prepare, and calls done from the event loop. netd
 * false: leave out sockets and the netd (for telepilotd -t). Errors go to error,
 * with the daemon as its arg. 0 or -errno (done is then not called).
 */
int prepare_start(struct daemon *, struct setup *, bool netd, config_error *error,
    prepare_done *);
void prepare_cancel(struct prepare *);		/* NULL is allowed */

/* From monitor/pool. ended: true if it was the netd that was waited for. */
void prepare_netd_ready(struct prepare *, const struct netd *);
bool prepare_netd_ended(struct prepare *, const struct netd *, const char *how);

#endif
