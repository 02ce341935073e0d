/* SPDX-License-Identifier: ISC */

/*
 * The channel to the monitor. Nothing here blocks: what the socket does not
 * take waits in a queue, which is bounded.
 */
#ifndef NETD_UPSTREAM_H
#define NETD_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct upstream_item;

struct upstream {
	int fd;
	struct upstream_item *first, **last;
	size_t queued;			/* bytes */
};

void upstream_init(struct upstream *, int fd);	/* fd stays the caller's */
void upstream_free(struct upstream *);

/* body may be NULL. 0; -ENOBUFS: the queue is full; or the channel is lost. */
int upstream_send(struct upstream *, uint16_t type, uint32_t id, const struct buf *body);

/* Sends what waits. 0 (see upstream_waiting) or the channel is lost. */
int upstream_flush(struct upstream *);
bool upstream_waiting(const struct upstream *);

#endif
