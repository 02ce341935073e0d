/*
 * The part of the daemon that runs jobs on this host: ids, cgroups, runner and
 * job manager, in the order in which they need each other.
 */
#ifndef MONITOR_HOST_H
#define MONITOR_HOST_H

#include "monitor/daemon.h"

/* places must be open. Errors are told to error. 0 or -EINVAL. */
int host_open(struct daemon *, const struct config *, config_error *, void *arg);
void host_close(struct daemon *);
/* What may change while it runs. */
void host_reconfigure(struct daemon *, const struct config *);
/* Says which limits this host can hold, and what a job can see. */
void host_log(const struct daemon *);
/* The same as comments, for telepilotd -T: found out by looking only. */
void host_print(FILE *, const struct config *);

#endif
