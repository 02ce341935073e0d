/*
 * New connections, up to the moment that a netd has them. No byte of them is
 * read here.
 */
#ifndef MONITOR_ACCEPT_H
#define MONITOR_ACCEPT_H

#include "monitor/daemon.h"

/* Handler of the listening sockets; arg: struct daemon *. */
int accept_ready(sd_event_source *, int fd, uint32_t revents, void *arg);
/* Closes what waits for a netd. */
void arrivals_close(struct daemon *);

/*
 * 1 if both come from one source: the same IPv4 address, or the same /64 of IPv6,
 * which one host has whole.
 */
int same_source(const struct sockaddr_storage *, const struct sockaddr_storage *);

#endif
