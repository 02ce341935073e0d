/* SPDX-License-Identifier: ISC */

/*
 * Sends to the monitor in order. The monitor reads without delay, so the queue
 * is for bursts: a hundred streams' largest requests at once.
 */

#include <errno.h>
#include <stdlib.h>

#include "common/msg.h"
#include "netd/upstream.h"

#define QUEUE_MAX	(8 * 1024 * 1024)

struct upstream_item {
	struct upstream_item *next;
	uint16_t type;
	uint32_t id;
	struct buf *body;
	size_t cost;
};

void
upstream_init(struct upstream *up, int fd)
{
	up->fd = fd;
	up->first = NULL;
	up->last = &up->first;
	up->queued = 0;
}

static void
drop_first(struct upstream *up)
{
	struct upstream_item *it = up->first;

	up->first = it->next;
	if (up->first == NULL)
		up->last = &up->first;
	up->queued -= it->cost;
	buf_free(it->body);
	free(it);
}

void
upstream_free(struct upstream *up)
{
	while (up->first != NULL)
		drop_first(up);
}

static int
enqueue(struct upstream *up, uint16_t type, uint32_t id, const struct buf *body)
{
	struct upstream_item *it;
	size_t len = body == NULL ? 0 : buf_len(body);

	if (len + sizeof(*it) > QUEUE_MAX - up->queued)
		return (-ENOBUFS);
	if ((it = calloc(1, sizeof(*it))) == NULL)
		return (-ENOBUFS);
	if ((it->body = buf_new(MSG_BODY_MAX)) == NULL ||
	    (len > 0 && buf_put_raw(it->body, buf_data(body), len) != 0)) {
		buf_free(it->body);
		free(it);
		return (-ENOBUFS);
	}
	it->type = type;
	it->id = id;
	it->cost = len + sizeof(*it);
	*up->last = it;
	up->last = &it->next;
	up->queued += it->cost;
	return (0);
}

int
upstream_send(struct upstream *up, uint16_t type, uint32_t id, const struct buf *body)
{
	int r;

	if (up->first != NULL)
		return (enqueue(up, type, id, body));
	if ((r = msg_send(up->fd, type, id, body)) == -EAGAIN)
		return (enqueue(up, type, id, body));
	return (r);
}

int
upstream_flush(struct upstream *up)
{
	struct upstream_item *it;
	int r;

	while ((it = up->first) != NULL) {
		if ((r = msg_send(up->fd, it->type, it->id, it->body)) == -EAGAIN)
			return (0);
		if (r != 0)
			return (r);
		drop_first(up);
	}
	return (0);
}

bool
upstream_waiting(const struct upstream *up)
{
	return (up->first != NULL);
}
