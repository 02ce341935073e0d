/* SPDX-License-Identifier: ISC */

/*
 * The steps before a stranger is heard. The monitor is trusted, but what it sends
 * is still checked to the last byte and the last descriptor.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/sandbox.h"
#include "netd/startup.h"

#define FDS_OF_STREAM	3		/* output, index, doorbell */
#define FDS_FIXED	16		/* stdio, channel, connection, and in flight */

/* A peer that is gone without a word is noticed after some four minutes. */
#define KEEPALIVE_IDLE	120
#define KEEPALIVE_EVERY	30
#define KEEPALIVE_COUNT	4

int
channel_valid(int fd)
{
	int domain, type;
	socklen_t len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == -1)
		return (0);
	len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
		return (0);
	return (domain == AF_UNIX && type == SOCK_SEQPACKET);
}

int
channel_wait(int fd, struct msg *m, size_t maxfds)
{
	struct pollfd p;
	int r;

	p.fd = fd;
	p.events = POLLIN;
	while ((r = msg_recv(fd, m, maxfds)) == -EAGAIN)
		if (poll(&p, 1, -1) == -1 && errno != EINTR)
			return (-errno);
	return (r);
}

int
startup_receive(int fd, struct msg *m, struct netd_init *init, struct tls_files *files)
{
	int r;

	files->chain = files->key = files->ca = files->crl = -1;
	if ((r = channel_wait(fd, m, 4)) != 0)
		return (r);
	if (m->type != NETD_INIT)
		r = -EPROTO;
	else if ((r = netd_init_get(&m->body, init)) == 0 &&
	    (r = rbuf_end(&m->body)) == 0 &&
	    m->nfds != (init->has_crl ? 4 : 3))
		r = -EBADMSG;
	if (r == 0) {
		files->chain = msg_take_fd(m, 0);
		files->key = msg_take_fd(m, 1);
		files->ca = msg_take_fd(m, 2);
		if (init->has_crl)
			files->crl = msg_take_fd(m, 3);
	}
	msg_close_fds(m);
	return (r);
}

void
startup_close(struct tls_files *files)
{
	close_fd(&files->chain);
	close_fd(&files->key);
	close_fd(&files->ca);
	close_fd(&files->crl);
}

/* At most n: more than we were given cannot be had without privileges. */
static int
limit(int resource, rlim_t n)
{
	struct rlimit rl;

	if (getrlimit(resource, &rl) == -1)
		return (-errno);
	if (rl.rlim_max > n)
		rl.rlim_max = n;
	rl.rlim_cur = rl.rlim_max;
	return (setrlimit(resource, &rl) == -1 ? -errno : 0);
}

/* Enough descriptors for every stream, and nothing that we have no use for. */
static int
limit_resources(uint32_t max_streams)
{
	struct stat st;
	int r;

	if ((r = limit(RLIMIT_NOFILE, (rlim_t)max_streams * FDS_OF_STREAM + FDS_FIXED)) != 0 ||
	    (r = limit(RLIMIT_NPROC, 0)) != 0 ||
	    (r = limit(RLIMIT_CORE, 0)) != 0)
		return (r);
	/* Where the log is a plain file, it is the one that must be written. */
	if (fstat(STDERR_FILENO, &st) == -1 || !S_ISREG(st.st_mode))
		return (limit(RLIMIT_FSIZE, 0));
	return (0);
}

int
startup_confine(const struct netd_init *init)
{
	int r;

	/* telepilotd started us in the empty directory. */
	if ((r = sandbox_chroot(".")) != 0 ||
	    (r = limit_resources(init->max_streams)) != 0 ||
	    (r = sandbox_drop_to(init->uid, init->gid)) != 0 ||
	    (r = sandbox_harden()) != 0 ||
	    (r = sandbox_no_fd_passing()) != 0)
		return (r);
	return (0);
}

static int
set_option(int fd, int level, int name, int value)
{
	return (setsockopt(fd, level, name, &value, sizeof(value)) == -1 ? -errno : 0);
}

static int
prepare_socket(int fd)
{
	int r;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		return (-errno);
	if ((r = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1)) != 0 ||
	    (r = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1)) != 0 ||
	    (r = set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE)) != 0 ||
	    (r = set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY)) != 0 ||
	    (r = set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT)) != 0)
		return (r);
	return (0);
}

int
startup_connection(int fd, struct msg *m, char *peer, size_t size)
{
	int r, tcp = -1;

	if ((r = channel_wait(fd, m, 1)) != 0)
		return (r);
	if (m->type == NETD_DRAIN)
		r = -EPIPE;
	else if (m->type != NETD_CONN || m->nfds != 1)
		r = -EPROTO;
	else if ((r = rbuf_get_strbuf(&m->body, peer, size)) == 0 &&
	    (r = rbuf_end(&m->body)) == 0) {
		tcp = msg_take_fd(m, 0);
		if ((r = prepare_socket(tcp)) != 0)
			close_fd(&tcp);
	}
	msg_close_fds(m);
	return (r != 0 ? r : tcp);
}
