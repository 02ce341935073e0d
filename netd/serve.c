/* SPDX-License-Identifier: ISC */

/*
 * One poll(2) loop moves everything: bytes between TLS and HTTP/2, messages
 * of the monitor, doorbells. HTTP/2's output is collected to 64 KiB before it is
 * encrypted, so that TLS records are whole. No turn of the loop is long: a peer that
 * takes all that we can send still has its requests read.
 */

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "netd/call.h"
#include "netd/login.h"
#include "netd/serve.h"

#define READS_A_TURN	8
#define WRITES_A_TURN	16
#define CALL_FDS	2		/* where in the poll set the doorbells begin */
#define REPLY_FDS	3		/* of one message of the monitor */

/*
 * A peer that takes no byte at all for so long. Who follows a job's output may have
 * stopped it in a pager; others have no reason.
 */
#define STALL_TIME	(60 * SECOND)
#define STALL_TIME_LOGS	(3600 * SECOND)
#define BYE_TIME	(5 * SECOND)
#define LINGER_TIME	(2 * SECOND)

struct loop {
	struct conn *conn;
	struct tls *tls;
	int channel;
	struct msg *msg;
	struct pollfd *fds;		/* TCP, the channel, doorbells */
	struct call **waiting;		/* whose doorbell fds[CALL_FDS + i] is */
	size_t nwaiting;
	int64_t stalled;		/* since when nothing was taken, or NEVER */
	bool more_out, more_in;		/* the turn ended before all was done */
	bool over;
};

/* --- in --- */

static void
read_peer(struct loop *l)
{
	ssize_t n;
	int i;

	l->more_in = false;
	for (i = 0; i < READS_A_TURN && !l->over; i++) {
		if ((n = tls_read(l->tls)) == -EAGAIN)
			return;
		if (n <= 0)
			l->over = true;
		else
			conn_input(l->conn, l->tls->in, (size_t)n);
		if (!tls_buffered(l->tls))
			return;
	}
	l->more_in = true;
}

static void
read_monitor(struct loop *l)
{
	int r;

	while (!l->conn->lost && (r = msg_recv(l->channel, l->msg, REPLY_FDS)) != -EAGAIN) {
		if (r != 0) {
			l->conn->lost = true;
			return;
		}
		conn_message(l->conn, l->msg);
		msg_close_fds(l->msg);
	}
}

static void
ring(struct loop *l)
{
	struct call *c;
	size_t i;

	for (i = 0; i < l->nwaiting; i++) {
		c = l->waiting[i];
		if (l->fds[CALL_FDS + i].revents != 0)
			c->method->wake(c);
	}
}

/* --- out --- */

static void
write_peer(struct loop *l)
{
	struct tls *t = l->tls;
	uint64_t before;
	int i, r;

	l->more_out = false;
	for (i = 0; i < WRITES_A_TURN && !l->over; i++) {
		before = t->written;
		if (t->out_len == 0)
			t->out_len = conn_output(l->conn, t->out, sizeof(t->out));
		if (t->out_len == 0) {
			l->stalled = NEVER;
			return;
		}
		r = tls_flush(t);
		if (r == 0)
			l->stalled = NEVER;
		else if (r != -EAGAIN)
			l->over = true;
		else {
			if (l->stalled == NEVER || t->written != before)
				l->stalled = l->conn->now;
			return;
		}
	}
	l->more_out = true;
}

static int64_t
stall_timer(struct loop *l)
{
	int64_t due, patience = STALL_TIME;
	struct call *c;

	if (l->stalled == NEVER)
		return (NEVER);
	LIST_FOREACH(c, &l->conn->calls, entry)
		if (c->method != NULL && c->method->wait_fd != NULL)
			patience = STALL_TIME_LOGS;
	if (l->conn->closing)
		patience = BYE_TIME;
	if ((due = l->stalled + patience) > l->conn->now)
		return (due);
	log_info("closing the connection: the peer reads nothing");
	l->over = true;
	return (l->conn->now);
}

/* --- the loop --- */

/* A doorbell rings on while nobody reads: only who waits listens. */
static int
doorbell(const struct call *c)
{
	if (!c->deferred || c->ended || c->method->wait_fd == NULL)
		return (-1);
	return (c->method->wait_fd(c));
}

static nfds_t
poll_set(struct loop *l)
{
	struct call *c;
	int fd;

	l->fds[0].events = POLLIN;
	if (l->tls->out_len > 0 || l->tls->want_write)
		l->fds[0].events |= POLLOUT;
	l->fds[1].events = POLLIN;
	if (upstream_waiting(&l->conn->up))
		l->fds[1].events |= POLLOUT;
	l->nwaiting = 0;
	LIST_FOREACH(c, &l->conn->calls, entry) {
		if ((fd = doorbell(c)) == -1 || l->nwaiting == l->conn->init.max_streams)
			continue;
		l->fds[CALL_FDS + l->nwaiting].fd = fd;
		l->fds[CALL_FDS + l->nwaiting].events = POLLIN;
		l->waiting[l->nwaiting++] = c;
	}
	return (CALL_FDS + l->nwaiting);
}

/* All is said, and handed to the kernel; or nobody is there to listen. */
static bool
finished(const struct loop *l)
{
	if (l->over || l->conn->lost)
		return (true);
	return (conn_done(l->conn) && l->tls->out_len == 0);
}

static void
turn(struct loop *l)
{
	int64_t due, stall;
	int n, timeout;

	due = conn_timers(l->conn);
	write_peer(l);
	if ((stall = stall_timer(l)) < due)
		due = stall;
	if (finished(l))
		return;
	timeout = l->more_in || l->more_out ? 0 : clock_wait(due, l->conn->now);
	n = poll(l->fds, poll_set(l), timeout);
	l->conn->now = clock_now();
	if (n == -1) {
		l->over = errno != EINTR;
		return;
	}
	/* Doorbells first: reading from the peer may end the calls they belong to. */
	ring(l);
	if (l->fds[1].revents != 0) {
		if (upstream_flush(&l->conn->up) != 0)
			l->conn->lost = true;
		read_monitor(l);
	}
	if (l->more_in || l->fds[0].revents != 0)
		read_peer(l);
}

/*
 * A socket that is closed with something unread is reset, and the reset may overtake
 * our last words. So the peer gets a moment to read them and close first.
 */
static void
linger(int tcp)
{
	int64_t until = clock_now() + LINGER_TIME;
	struct pollfd p = { .fd = tcp, .events = POLLIN };
	char ignored[4096];

	if (shutdown(tcp, SHUT_WR) == -1)
		return;
	/* A peer that only writes on gets no more time than one that is silent. */
	while (clock_now() < until && poll(&p, 1, clock_wait(until, clock_now())) > 0)
		if (read(tcp, ignored, sizeof(ignored)) <= 0)
			return;
}

void
serve(struct conn *conn, struct tls *tls, int tcp, int channel, struct msg *m)
{
	struct loop l;

	memset(&l, 0, sizeof(l));
	l.conn = conn;
	l.tls = tls;
	l.channel = channel;
	l.msg = m;
	l.stalled = NEVER;
	l.more_in = true;		/* what came right behind the handshake */
	l.fds = calloc(CALL_FDS + (size_t)conn->init.max_streams, sizeof(*l.fds));
	l.waiting = calloc((size_t)conn->init.max_streams + 1, sizeof(struct call *));
	if (l.fds == NULL || l.waiting == NULL)
		log_error("out of memory");
	else {
		l.fds[0].fd = tcp;
		l.fds[1].fd = channel;
		while (!finished(&l))
			turn(&l);
		if (!l.over && !conn->lost) {
			tls_bye(tls);
			linger(tcp);
		}
	}
	free(l.fds);
	free(l.waiting);
}
