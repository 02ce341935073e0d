/* SPDX-License-Identifier: ISC */

/*
 * From exec to the first byte of a stranger.
 */
#ifndef NETD_STARTUP_H
#define NETD_STARTUP_H

#include <stdint.h>

#include "common/ipc.h"
#include "common/msg.h"
#include "netd/tls.h"

/* 1 if fd is what telepilotd gives us: a SEQPACKET socket of the UNIX family. */
int channel_valid(int fd);

/* Waits for one message, however long. 0, -EPIPE or another -errno. */
int channel_wait(int fd, struct msg *, size_t maxfds);

/* NETD_INIT with its descriptors. 0 or -errno. */
int startup_receive(int fd, struct msg *, struct netd_init *, struct tls_files *);
void startup_close(struct tls_files *);

/* Into the empty root, to nobody's ids, under limits and the filter. 0 or -errno. */
int startup_confine(const struct netd_init *);

/*
 * NETD_CONN. The accepted socket, made fit for us, and the peer's address for log
 * lines; -EPIPE: none will come.
 */
int startup_connection(int fd, struct msg *, char *peer, size_t size);

#endif
