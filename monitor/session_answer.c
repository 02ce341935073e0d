/* SPDX-License-Identifier: ISC */

/*
 * Requests in flight, and their way back. An answer that finds no room in the
 * channel waits here; one with descriptors also waits until the peer has taken
 * all before it, or a peer that does not read could use up the descriptors
 * that root may have in flight (unix(7), ETOOMANYREFS). A request counts as in
 * flight until its answer was sent, which bounds what can wait.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdio.h"
#include "common/ipc.h"
#include "monitor/audit.h"
#include "monitor/session.h"

#define RETRY_FIRST	1000		/* µs */
#define RETRY_MAX	50000
#define STALL_MAX	(10 * 1000000ULL)

struct request *
request_new(struct session *s, const char *name, uint32_t id)
{
	struct request *rq;

	if ((rq = calloc(1, sizeof(*rq))) == NULL)
		return (NULL);
	rq->session = s;
	rq->name = name;
	rq->id = id;
	TAILQ_INSERT_TAIL(&s->requests, rq, entry);
	s->nrequests++;
	return (rq);
}

struct request *
request_find(struct session *s, uint32_t id)
{
	struct request *rq;

	TAILQ_FOREACH(rq, &s->requests, entry)
		if (rq->id == id)
			return (rq);
	return (NULL);
}

static void
request_free(struct request *rq)
{
	struct session *s = rq->session;
	size_t i;

	TAILQ_REMOVE(&s->requests, rq, entry);
	s->nrequests--;
	if (rq->answer != NULL)
		TAILQ_REMOVE(&s->answers, rq, waiting);
	buf_free(rq->answer);
	for (i = 0; i < rq->nfds; i++)
		close_fd(&rq->fds[i]);
	free(rq);
}

static void
audit_request(const struct request *rq, enum status_code code)
{
	audit_rpc(rq->session, rq->name, rq->has_job ? &rq->job : NULL, code);
}

/* An answer that waits is audited already. */
void
request_cancel(struct request *rq)
{
	if (rq->op != NULL)
		jobop_cancel(rq->op);
	if (rq->answer == NULL)
		audit_request(rq, ST_CANCELLED);
	request_free(rq);
}

struct buf *
answer_new(void)
{
	struct status st;
	struct buf *b;

	status_ok(&st);
	if ((b = buf_new(MSG_BODY_MAX)) == NULL || status_put(b, &st) == 0)
		return (b);
	buf_free(b);
	return (NULL);
}

static void
queue(struct request *rq, struct buf *answer)
{
	struct session *s = rq->session;

	if (answer == NULL) {
		session_fail(s, "out of memory for an answer");
		request_free(rq);
		return;
	}
	rq->op = NULL;
	rq->answer = answer;
	TAILQ_INSERT_TAIL(&s->answers, rq, waiting);
	session_flush(s);
}

void
request_refuse(struct request *rq, const struct status *st)
{
	struct buf *b;

	audit_request(rq, st->code);
	if ((b = buf_new(MSG_BODY_MAX)) != NULL && status_put(b, st) != 0) {
		buf_free(b);
		b = NULL;
	}
	queue(rq, b);
}

static void
take_fds(struct request *rq, const int *fds, size_t nfds)
{
	for (rq->nfds = 0; rq->nfds < nfds; rq->nfds++)
		rq->fds[rq->nfds] = fds[rq->nfds];
}

void
request_answer(struct request *rq, struct buf *answer, const int *fds, size_t nfds)
{
	struct status st;

	take_fds(rq, fds, nfds);
	if (answer != NULL) {
		audit_request(rq, ST_OK);
		queue(rq, answer);
		return;
	}
	status_set(&st, ST_INTERNAL, NULL, "the server cannot form its answer");
	while (rq->nfds > 0)
		close_fd(&rq->fds[--rq->nfds]);
	request_refuse(rq, &st);
}

static int
send_answer(const struct session *s, const struct request *rq)
{
	int r;

	if (rq->nfds > 0 && (r = msg_unread(s->fd)) != 0)
		return (r > 0 ? -EAGAIN : r);
	r = msg_send_fds(s->fd, NETD_REPLY, rq->id, rq->answer, rq->fds, rq->nfds);
	/* The kernel's own shortages pass, too. */
	if (r == -ETOOMANYREFS || r == -ENOBUFS || r == -ENOMEM)
		return (-EAGAIN);
	return (r);
}

/* Asks again soon at first, then less often, and at last no more. */
static void
retry_later(struct session *s)
{
	uint64_t now, stalled, delay;

	if (sd_event_now(s->services->event, CLOCK_MONOTONIC, &now) < 0)
		now = 0;
	if (s->stalled_since == 0)
		s->stalled_since = now;
	stalled = now - s->stalled_since;
	if (stalled > STALL_MAX) {
		session_fail(s, "it does not read its answers");
		return;
	}
	delay = RETRY_FIRST + stalled / 4;
	if (delay > RETRY_MAX)
		delay = RETRY_MAX;
	if (sd_event_source_set_time_relative(s->retry, delay) < 0 ||
	    sd_event_source_set_enabled(s->retry, SD_EVENT_ONESHOT) < 0)
		session_fail(s, "no timer for an answer");
}

void
session_flush(struct session *s)
{
	struct request *rq, *next;
	int r;

	for (rq = TAILQ_FIRST(&s->answers); rq != NULL && !s->over; rq = next) {
		next = TAILQ_NEXT(rq, waiting);
		if ((r = send_answer(s, rq)) == -EAGAIN) {
			retry_later(s);
			return;
		}
		if (r == -EPIPE || r == -ECONNRESET)
			session_hangup(s);
		else if (r != 0)
			session_fail(s, "an answer cannot be sent: %s", strerror(-r));
		else
			request_free(rq);
		s->stalled_since = 0;
	}
}
