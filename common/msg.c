/* SPDX-License-Identifier: ISC */

/*
 * Messages between our processes. The peer may be a process that a stranger
 * has taken over: what it sends is one whole message of the right form with no
 * more descriptors than were asked for, or it is refused and nothing of it
 * stays open here. Nothing blocks, whatever the peer does or leaves undone.
 */

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/msg.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS	83	/* Linux 6.16 */
#endif

#define CONTROL_SIZE	CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)

union control {
	struct cmsghdr align;
	uint8_t bytes[CONTROL_SIZE];
};

int
msg_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == -1)
		return (-errno);
	return (0);
}

int
msg_refuse_fds(int fd)
{
	int off = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)) == -1 &&
	    errno != ENOPROTOOPT)
		return (-errno);
	return (0);
}

static void
encode_header(uint8_t *p, uint16_t type, uint32_t id)
{
	p[0] = (uint8_t)(type >> 8);
	p[1] = (uint8_t)type;
	p[2] = p[3] = 0;
	p[4] = (uint8_t)(id >> 24);
	p[5] = (uint8_t)(id >> 16);
	p[6] = (uint8_t)(id >> 8);
	p[7] = (uint8_t)id;
}

int
msg_send(int fd, uint16_t type, uint32_t id, const struct buf *body)
{
	size_t len = body != NULL ? buf_len(body) : 0;
	uint8_t *data;
	ssize_t n;
	int r;

	if (len > MSG_BODY_MAX)
		return (-EMSGSIZE);
	/* Exactly as much as it takes: a supervisor lives with few pages. */
	if ((data = malloc(MSG_HEADER + len)) == NULL)
		return (-ENOMEM);
	encode_header(data, type, id);
	if (len > 0)
		memcpy(data + MSG_HEADER, buf_data(body), len);
	while ((n = send(fd, data, MSG_HEADER + len, MSG_DONTWAIT | MSG_NOSIGNAL)) == -1)
		if (errno != EINTR)
			break;
	r = n == -1 ? -errno : 0;
	free(data);
	return (r);
}

int
msg_send_fds(int fd, uint16_t type, uint32_t id, const struct buf *body,
    const int *fds, size_t nfds)
{
	uint8_t header[MSG_HEADER];
	union control control;
	struct cmsghdr *c;
	struct iovec iov[2];
	struct msghdr mh;

	if (nfds == 0)
		return (msg_send(fd, type, id, body));
	if (nfds > MSG_FDS_MAX)
		return (-EINVAL);
	if (body != NULL && buf_len(body) > MSG_BODY_MAX)
		return (-EMSGSIZE);
	encode_header(header, type, id);
	iov[0].iov_base = header;
	iov[0].iov_len = sizeof(header);
	iov[1].iov_base = body != NULL ? (void *)(uintptr_t)buf_data(body) : NULL;
	iov[1].iov_len = body != NULL ? buf_len(body) : 0;
	memset(&mh, 0, sizeof(mh));
	memset(&control, 0, sizeof(control));
	mh.msg_iov = iov;
	mh.msg_iovlen = 2;
	mh.msg_control = control.bytes;
	mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
	c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	while (sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		if (errno != EINTR)
			return (-errno);
	return (0);
}

/*
 * Takes every descriptor out of the control data, wanted or not, so that none
 * leaks. -EBADMSG if there is anything else in it, or too many.
 */
static int
collect_fds(struct msghdr *mh, struct msg *m, size_t maxfds)
{
	struct cmsghdr *c;
	size_t i, n;
	int fd, r = 0;

	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			r = -EBADMSG;
			continue;
		}
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (m->nfds < maxfds)
				m->fds[m->nfds++] = fd;
			else {
				close(fd);
				r = -EBADMSG;
			}
		}
	}
	return (r);
}

static int
decode_header(struct msg *m, size_t n)
{
	uint16_t zero;
	int r;

	rbuf_init(&m->body, m->data, n);
	if ((r = rbuf_get_u16(&m->body, &m->type)) != 0 ||
	    (r = rbuf_get_u16(&m->body, &zero)) != 0 ||
	    (r = rbuf_get_u32(&m->body, &m->id)) != 0)
		return (r);
	return (zero == 0 ? 0 : -EBADMSG);
}

int
msg_recv(int fd, struct msg *m, size_t maxfds)
{
	union control control;
	struct iovec iov;
	struct msghdr mh;
	ssize_t n;
	int r;

	m->nfds = 0;
	if (maxfds > MSG_FDS_MAX)
		return (-EINVAL);
	iov.iov_base = m->data;
	iov.iov_len = sizeof(m->data);
	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	if (maxfds > 0) {
		/* Without room the kernel closes what was sent, and says MSG_CTRUNC. */
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_LEN(sizeof(int) * maxfds);
	}
	/*
	 * A peer that went without having read all that we sent leaves one
	 * ECONNRESET here, before the messages that it sent: they count.
	 */
	while ((n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) == -1)
		if (errno != EINTR && errno != ECONNRESET)
			return (-errno);
	r = collect_fds(&mh, m, maxfds);
	if ((mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		r = -EBADMSG;
	if (r == 0 && n == 0 && m->nfds == 0)
		return (-EPIPE);
	if (r == 0)
		r = decode_header(m, (size_t)n);
	if (r != 0) {
		msg_close_fds(m);
		m->nfds = 0;
	}
	return (r);
}

int
msg_take_fd(struct msg *m, size_t i)
{
	int fd;

	if (i >= m->nfds)
		return (-1);
	fd = m->fds[i];
	m->fds[i] = -1;
	return (fd);
}

void
msg_close_fds(struct msg *m)
{
	size_t i;

	for (i = 0; i < m->nfds; i++)
		if (m->fds[i] != -1) {
			close(m->fds[i]);
			m->fds[i] = -1;
		}
}

int
msg_unread(int fd)
{
	int n;

	if (ioctl(fd, SIOCOUTQ, &n) == -1)
		return (-errno);
	return (n);
}
