/* SPDX-License-Identifier: ISC */

/*
 * The handshake with a deadline, and what the certificate says to the monitor.
 * Not one byte of HTTP is read before the monitor has said yes.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "netd/identity.h"
#include "netd/login.h"

#define SECOND		INT64_C(1000000000)
#define MILLISECOND	INT64_C(1000000)
#define WAIT_MAX	3600000		/* ms; who waits asks again */

int64_t
clock_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * SECOND + ts.tv_nsec);
}

int
clock_wait(int64_t until, int64_t now)
{
	int64_t ms;

	if (until == INT64_MAX)
		return (-1);
	if (until <= now)
		return (0);
	ms = (until - now - 1) / MILLISECOND + 1;
	return (ms > WAIT_MAX ? WAIT_MAX : (int)ms);
}

/* Waits for fd, or for the monitor to say something. 0, or it is over. */
static int
wait_for(struct pollfd p[2], int64_t until)
{
	int n;

	n = poll(p, 2, clock_wait(until, clock_now()));
	if (n == -1 && errno != EINTR)
		return (-errno);
	if (n == 0 && clock_now() >= until)
		return (-ETIMEDOUT);
	return (0);
}

/* In the middle of a login the monitor only ever says that it is gone or stops. */
static int
handshake(struct tls *t, int tcp, int channel, int64_t until)
{
	struct pollfd p[2];
	int r;

	p[1].fd = channel;
	p[1].events = POLLIN;
	p[1].revents = 0;
	while ((r = tls_handshake(t)) == -EAGAIN) {
		p[0].fd = tcp;
		p[0].events = t->want_write ? POLLOUT : POLLIN;
		if ((r = wait_for(p, until)) != 0)
			break;
		if (p[1].revents != 0)
			return (-EPIPE);
	}
	if (r == -ETIMEDOUT)
		log_info("no handshake within the login grace time");
	return (r);
}

static int
send_auth(const struct identity *id, int channel)
{
	struct buf *b;
	int r;

	if ((b = buf_new(MSG_BODY_MAX)) == NULL)
		return (-ENOMEM);
	if ((r = buf_put_str(b, id->user)) == 0 &&
	    (r = buf_put_str(b, id->serial)) == 0 &&
	    (r = buf_put_str(b, id->fingerprint)) == 0)
		r = msg_send(channel, NETD_AUTH, 0, b);
	buf_free(b);
	return (r);
}

static int
authenticate(struct tls *t, const struct netd_init *init, int channel)
{
	struct identity id;
	const char *why;
	X509 *cert;

	if (SSL_get_verify_result(t->ssl) != X509_V_OK ||
	    (cert = SSL_get0_peer_certificate(t->ssl)) == NULL) {
		log_info("no verified certificate");
		return (-EACCES);
	}
	if ((why = identity_get(cert, init, &id)) != NULL) {
		log_info("certificate refused: %s", why);
		return (-EACCES);
	}
	return (send_auth(&id, channel));
}

static int
wait_answer(int channel, struct msg *m, int64_t until)
{
	struct pollfd p[2];
	int r;

	p[0].fd = -1;
	p[1].fd = channel;
	p[1].events = POLLIN;
	while ((r = msg_recv(channel, m, 0)) == -EAGAIN)
		if ((r = wait_for(p, until)) != 0)
			return (r);
	if (r == 0 && m->type == NETD_DRAIN)
		return (-EPIPE);
	if (r == 0 && (m->type != NETD_AUTH_OK || rbuf_end(&m->body) != 0))
		r = -EPROTO;
	return (r);
}

int
login(struct tls *t, const struct netd_init *init, int tcp, int channel, struct msg *m)
{
	int64_t until = clock_now() + init->login_grace * SECOND;
	int r;

	if ((r = handshake(t, tcp, channel, until)) == 0 &&
	    (r = authenticate(t, init, channel)) == 0 &&
	    (r = wait_answer(channel, m, until)) != 0)
		log_debug("the monitor did not let it in: %s", strerror(-r));
	return (r);
}
