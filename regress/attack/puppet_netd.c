/* SPDX-License-Identifier: ISC */

/*
 * A telepilot-netd that a stranger has taken over: it drops no privilege, speaks no
 * TLS, and tells telepilotd exactly what its TCP client wants. test_puppet.py holds
 * the strings. A command is a letter, a number (32 bits) and a length (32 bits) with
 * so many bytes:
 *
 *	m	send the bytes as a message, that often; the id grows by one each time
 *	f	the same with a descriptor
 *	s	stop reading what telepilotd sends
 *	g	go on reading it
 *	c	close the channel, but live on
 *
 * What telepilotd sends goes to the client as a number of descriptors, a length
 * and the bytes. The program ends when the client closes.
 */

#include <sys/socket.h>

#include <arpa/inet.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define CHANNEL		3
#define NETD_CONN	2
#define FDS_MAX		8

static char in[128 * 1024], out[128 * 1024];
static int tcp = -1, channel = CHANNEL, reading = 1;

static int
all(int fd, void *p, size_t n, ssize_t (*io)(int, void *, size_t))
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };
	ssize_t got;

	while (n > 0) {
		got = io(fd, p, n);
		if (got == -1 && errno == EAGAIN)
			poll(&pfd, 1, 1);
		else if (got <= 0)
			return (-1);
		else {
			p = (char *)p + got;
			n -= (size_t)got;
		}
	}
	return (0);
}

static ssize_t
put(int fd, void *p, size_t n)
{
	return (send(fd, p, n, MSG_NOSIGNAL));
}

/* The last descriptor of a message is kept as *kept, the others are closed. */
static ssize_t
take(uint32_t *nfds, int *kept)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec iov = { in, sizeof(in) };
	struct msghdr mh;
	struct cmsghdr *c;
	ssize_t n;
	size_t i;
	int fd;

	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	mh.msg_control = &control;
	mh.msg_controllen = sizeof(control);
	*nfds = 0;
	*kept = -1;
	if ((n = recvmsg(channel, &mh, MSG_DONTWAIT)) <= 0)
		return (n);
	for (c = CMSG_FIRSTHDR(&mh); c != NULL; c = CMSG_NXTHDR(&mh, c))
		for (i = 0; CMSG_LEN(sizeof(int) * (i + 1)) <= c->cmsg_len; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*kept != -1)
				close(*kept);
			*kept = fd;
			(*nfds)++;
		}
	return (n);
}

static void
report(void)
{
	uint32_t head[2];
	ssize_t n;
	int fd;

	while ((n = take(&head[0], &fd)) > 0) {
		if (fd != -1)
			close(fd);
		head[0] = htonl(head[0]);
		head[1] = htonl((uint32_t)n);
		if (all(tcp, head, sizeof(head), put) != 0 || all(tcp, in, (size_t)n, put) != 0)
			_exit(0);
	}
	if (n == 0)
		_exit(0);
}

static void
say(uint32_t times, size_t len, int with_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { out, len };
	struct pollfd pfd = { .fd = channel, .events = POLLOUT };
	struct msghdr mh;
	uint32_t id;

	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	if (with_fd) {
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &tcp, sizeof(int));
	}
	while (times > 0) {
		if (sendmsg(channel, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) == -1) {
			if (errno != EAGAIN)
				return;
			poll(&pfd, 1, 1);
			if (reading)
				report();
			continue;
		}
		times--;
		if (len >= 8) {
			memcpy(&id, out + 4, sizeof(id));
			id = htonl(ntohl(id) + 1);
			memcpy(out + 4, &id, sizeof(id));
		}
	}
}

static void
obey(void)
{
	uint32_t n[2];
	char what;

	if (all(tcp, &what, 1, read) != 0 || all(tcp, n, sizeof(n), read) != 0 ||
	    ntohl(n[1]) > sizeof(out) || all(tcp, out, ntohl(n[1]), read) != 0)
		_exit(0);
	if (what == 'm' || what == 'f')
		say(ntohl(n[0]), ntohl(n[1]), what == 'f');
	else if (what == 'c') {
		close(channel);
		channel = -1;
	} else
		reading = what == 'g';
}

int
main(void)
{
	static const char ready[] = { 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
	struct pollfd p[2] = { { .fd = CHANNEL, .events = POLLIN }, { .events = POLLIN } };
	uint32_t nfds;

	if (send(CHANNEL, ready, sizeof(ready), 0) == -1)
		return (1);
	do
		if (poll(p, 1, -1) == -1 || take(&nfds, &tcp) <= 0)
			return (0);
	while (nfds != 1 || in[1] != NETD_CONN);
	p[1].fd = tcp;
	for (;;) {
		p[0].fd = reading ? channel : -1;
		if (poll(p, 2, -1) == -1)
			return (1);
		if (p[0].revents != 0)
			report();
		if (p[1].revents != 0)
			obey();
	}
}
