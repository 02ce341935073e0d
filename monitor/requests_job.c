/* SPDX-License-Identifier: ISC */

/*
 * The RPCs on jobs. The user is the session's, the job manager checks whose a
 * job is: nothing is decided here.
 */

#include "common/ipc.h"
#include "monitor/request.h"

/* A page that nobody sized; and what the message must hold beside the jobs. */
#define PAGE_DEFAULT	100
#define PAGE_MAX	1000
#define PAGE_BYTES	(MSG_BODY_MAX - 1024)

static void
answer_info(struct request *rq, const struct jobinfo *info)
{
	struct buf *b;

	if ((b = answer_new()) != NULL && jobinfo_put(b, info, false) != 0) {
		buf_free(b);
		b = NULL;
	}
	request_answer(rq, b, NULL, 0);
}

void
act_create(struct request *rq, const struct request_args *a)
{
	const struct services *sv = rq->session->services;
	struct job_owner owner;
	struct status st;
	struct buf *b;

	status_ok(&st);
	if (jobspec_check(&a->spec, &st) != ST_OK ||
	    users_owner(&sv->users, rq->session->user, &owner, &st) != ST_OK ||
	    jobmgr_create(sv->jobs, &owner, a->request_id, &a->spec, &rq->job, &st) != ST_OK) {
		request_refuse(rq, &st);
		return;
	}
	rq->has_job = true;
	if ((b = answer_new()) != NULL && buf_put_raw(b, rq->job.b, UUID_LEN) != 0) {
		buf_free(b);
		b = NULL;
	}
	request_answer(rq, b, NULL, 0);
}

/* The end of start, stop and wait. */
static void
op_done(void *arg, const struct status *st, const struct jobinfo *info)
{
	struct request *rq = arg;

	rq->op = NULL;
	if (st->code != ST_OK)
		request_refuse(rq, st);
	else
		answer_info(rq, info);
}

void
act_start(struct request *rq, const struct request_args *a)
{
	struct session *s = rq->session;
	struct status st;

	if (jobmgr_start(s->services->jobs, s->user, &a->job, op_done, rq, &rq->op, &st) != ST_OK)
		request_refuse(rq, &st);
}

void
act_stop(struct request *rq, const struct request_args *a)
{
	struct session *s = rq->session;
	struct status st;

	if (jobmgr_stop(s->services->jobs, s->user, &a->job, a->grace, op_done, rq, &rq->op,
	    &st) != ST_OK)
		request_refuse(rq, &st);
}

void
act_wait(struct request *rq, const struct request_args *a)
{
	struct session *s = rq->session;
	struct status st;

	if (jobmgr_wait(s->services->jobs, s->user, &a->job, op_done, rq, &rq->op, &st) != ST_OK)
		request_refuse(rq, &st);
}

void
act_status(struct request *rq, const struct request_args *a)
{
	struct session *s = rq->session;
	struct jobinfo info;
	struct status st;

	if (jobmgr_status(s->services->jobs, s->user, &a->job, &info, &st) != ST_OK) {
		request_refuse(rq, &st);
		return;
	}
	answer_info(rq, &info);
	jobinfo_free(&info);
}

void
act_delete(struct request *rq, const struct request_args *a)
{
	struct session *s = rq->session;
	struct status st;

	if (jobmgr_delete(s->services->jobs, s->user, &a->job, &st) != ST_OK)
		request_refuse(rq, &st);
	else
		request_answer(rq, answer_new(), NULL, 0);
}

struct page {
	struct buf *jobs;		/* encoded, one after the other */
	struct buf *one;
	uint32_t count, max;
	int error;
};

static int
add_to_page(void *arg, const struct jobinfo *info)
{
	struct page *p = arg;

	if (p->count == p->max)
		return (1);
	buf_reset(p->one);
	if ((p->error = jobinfo_put(p->one, info, true)) != 0)
		return (1);
	if (buf_len(p->jobs) + buf_len(p->one) > PAGE_BYTES)
		return (1);
	if ((p->error = buf_put_raw(p->jobs, buf_data(p->one), buf_len(p->one))) != 0)
		return (1);
	p->count++;
	return (0);
}

static struct buf *
make_page(const struct session *s, const struct request_args *a, struct page *p)
{
	struct buf *b;
	uint64_t next = 0;

	if (p->jobs == NULL || p->one == NULL || (b = answer_new()) == NULL)
		return (NULL);
	jobmgr_list(s->services->jobs, s->user, a->cursor, add_to_page, p, &next);
	if (p->error != 0 ||
	    buf_put_u64(b, next) != 0 ||
	    buf_put_u32(b, p->count) != 0 ||
	    buf_put_raw(b, buf_data(p->jobs), buf_len(p->jobs)) != 0) {
		buf_free(b);
		return (NULL);
	}
	return (b);
}

void
act_list(struct request *rq, const struct request_args *a)
{
	struct page p = { NULL, NULL, 0, PAGE_DEFAULT, 0 };
	struct buf *b;

	if (a->page_size != 0)
		p.max = a->page_size < PAGE_MAX ? a->page_size : PAGE_MAX;
	p.jobs = buf_new(MSG_BODY_MAX);
	p.one = buf_new(MSG_BODY_MAX);
	b = make_page(rq->session, a, &p);
	buf_free(p.jobs);
	buf_free(p.one);
	request_answer(rq, b, NULL, 0);
}
