/* SPDX-License-Identifier: ISC */

/*
 * The socket to the monitor: one datagram a message. The monitor is trusted,
 * but a message out of order is still an error: nothing is guessed.
 */

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "common/msg.h"
#include "spawner/spawner.h"

/* A SEQPACKET socket of the UNIX family, or we were not started by telepilotd. */
int
channel_check(int fd)
{
	socklen_t len;
	int domain, type;

	len = sizeof(domain);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == -1)
		return (-errno);
	len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
		return (-errno);
	if (domain != AF_UNIX || type != SOCK_SEQPACKET)
		return (-EPROTOTYPE);
	return (0);
}

static int
wait_for(int fd, short events)
{
	struct pollfd p;

	p.fd = fd;
	p.events = events;
	while (poll(&p, 1, -1) == -1)
		if (errno != EINTR)
			return (-errno);
	return (0);
}

int
channel_wait_go(struct spawner *sp)
{
	struct msg *m;
	int r;

	if ((m = malloc(sizeof(*m))) == NULL)
		return (stage_fail(&sp->fail, ENOMEM, "wait for the monitor"));
	do {
		if ((r = wait_for(sp->control, POLLIN)) == 0)
			r = msg_recv(sp->control, m, 0);
	} while (r == -EAGAIN);
	if (r == 0 && (m->type != SPAWN_GO || rbuf_end(&m->body) != 0))
		r = -EPROTO;
	free(m);
	if (r != 0)
		return (stage_fail(&sp->fail, -r, "wait for the monitor"));
	return (0);
}

int
channel_tell(struct spawner *sp, uint16_t type, const struct buf *body)
{
	int r;

	while ((r = msg_send(sp->control, type, 0, body)) == -EAGAIN)
		if ((r = wait_for(sp->control, POLLOUT)) != 0)
			break;
	if (r != 0)
		return (stage_fail(&sp->fail, -r, "tell the monitor"));
	return (0);
}
