/* SPDX-License-Identifier: ISC */

/*
 * A job's output for one follower: the answer carries the descriptors, and netd
 * reads the files itself. They were opened anew, for it alone.
 */

#include "common/fdio.h"
#include "common/ipc.h"
#include "monitor/request.h"

static size_t
count_fds(const int fds[3])
{
	size_t n = 0;

	while (n < 3 && fds[n] != -1)
		n++;
	return (n);
}

static uint8_t
kind(size_t nfds)
{
	if (nfds == 0)
		return (IPC_LOGS_EMPTY);
	return (nfds == 3 ? IPC_LOGS_LIVE : IPC_LOGS_ENDED);
}

static void
follow_done(void *arg, const struct status *st, const int fds[3])
{
	struct request *rq = arg;
	struct buf *b;
	size_t n;

	rq->op = NULL;
	if (st->code != ST_OK) {
		request_refuse(rq, st);
		return;
	}
	n = count_fds(fds);
	if ((b = answer_new()) != NULL && buf_put_u8(b, kind(n)) != 0) {
		buf_free(b);
		b = NULL;
	}
	request_answer(rq, b, fds, n);
}

void
act_logs(struct request *rq, const struct request_args *a)
{
	struct session *s = rq->session;
	struct status st;

	if (jobmgr_follow(s->services->jobs, s->user, &a->job, follow_done, rq, &rq->op,
	    &st) != ST_OK)
		request_refuse(rq, &st);
}
