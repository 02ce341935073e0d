/* SPDX-License-Identifier: ISC */

/*
 * The methods of telepilot.v1.TelePilot that have one answer. Each request
 * becomes one message to the monitor, which alone decides; its reply becomes the answer.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "netd/job_request.h"
#include "netd/job_view.h"
#include "netd/rpc.h"

#define SERVICE		"/telepilot.v1.TelePilot/"
#define JOBS_MAX	1024		/* in one page; a message holds fewer */
#define TOKEN_LEN	16

static void
reply_unreadable(struct call *c)
{
	log_error("the monitor's reply to %s cannot be read", c->method->path);
	call_fail(c, ST_INTERNAL, NULL, "internal error");
}

/* Most requests are a job's id and nothing else. */
static void
ask_about(struct call *c, uint16_t type, const char *job_id)
{
	struct uuid id;
	struct buf *b;

	if (rpc_job_id(c, job_id, &id) != 0)
		return;
	if ((b = buf_new(MSG_BODY_MAX)) != NULL && buf_put_raw(b, id.b, UUID_LEN) != 0) {
		buf_free(b);
		b = NULL;
	}
	call_ask(c, type, b);
}

/*
 * The answer that is one job: of StartJob, StopJob, GetJobStatus and WaitJob, whose
 * messages differ in nothing but their names.
 */
static void
job_reply(struct call *c, struct msg *m)
{
	Telepilot__V1__JobStatusResponse r = TELEPILOT__V1__JOB_STATUS_RESPONSE__INIT;
	struct job_view v;

	if (job_view_get(&m->body, &v) != 0) {
		reply_unreadable(c);
		return;
	}
	if (rbuf_end(&m->body) == 0) {
		r.job = &v.job;
		call_answer(c, &r.base);
	} else
		reply_unreadable(c);
	job_view_free(&v);
}

/* --- CreateJob --- */

static void
create(struct call *c, const ProtobufCMessage *req)
{
	struct status st;
	struct buf *b;

	if ((b = buf_new(MSG_BODY_MAX)) == NULL)
		call_fail(c, ST_RESOURCE_EXHAUSTED, NULL, "out of memory");
	else if (job_request_put(b, (const Telepilot__V1__CreateJobRequest *)req, &st) != ST_OK) {
		call_end(c, &st);
		buf_free(b);
	} else
		call_ask(c, NETD_CREATE, b);
}

static void
create_reply(struct call *c, struct msg *m)
{
	Telepilot__V1__CreateJobResponse r = TELEPILOT__V1__CREATE_JOB_RESPONSE__INIT;
	char text[UUID_STRLEN + 1];
	struct uuid id;

	if (rbuf_get_raw(&m->body, id.b, UUID_LEN) != 0 || rbuf_end(&m->body) != 0) {
		reply_unreadable(c);
		return;
	}
	uuid_format(&id, text);
	r.job_id = text;
	call_answer(c, &r.base);
}

/* --- StartJob --- */

static void
start(struct call *c, const ProtobufCMessage *req)
{
	ask_about(c, NETD_START, ((const Telepilot__V1__StartJobRequest *)req)->job_id);
}

/* --- StopJob --- */

static void
stop(struct call *c, const ProtobufCMessage *message)
{
	const Telepilot__V1__StopJobRequest *req =
	    (const Telepilot__V1__StopJobRequest *)message;
	uint32_t grace = IPC_DEFAULT;
	struct uuid id;
	struct buf *b;

	if (rpc_job_id(c, req->job_id, &id) != 0)
		return;
	if (req->grace_case == TELEPILOT__V1__STOP_JOB_REQUEST__GRACE_GRACE_SECONDS) {
		grace = req->grace_seconds;
		if (grace == IPC_DEFAULT) {
			call_fail(c, ST_INVALID_ARGUMENT, "grace_seconds",
			    "grace_seconds: at most %u is expected", IPC_DEFAULT - 1);
			return;
		}
	}
	if ((b = buf_new(MSG_BODY_MAX)) != NULL &&
	    (buf_put_raw(b, id.b, UUID_LEN) != 0 || buf_put_u32(b, grace) != 0)) {
		buf_free(b);
		b = NULL;
	}
	call_ask(c, NETD_STOP, b);
}

/* --- GetJobStatus --- */

static void
status(struct call *c, const ProtobufCMessage *req)
{
	ask_about(c, NETD_STATUS, ((const Telepilot__V1__JobStatusRequest *)req)->job_id);
}

/* --- WaitJob --- */

static void
wait_for_end(struct call *c, const ProtobufCMessage *req)
{
	ask_about(c, NETD_WAIT, ((const Telepilot__V1__WaitJobRequest *)req)->job_id);
}

/* --- DeleteJob --- */

static void
delete_job(struct call *c, const ProtobufCMessage *req)
{
	ask_about(c, NETD_DELETE, ((const Telepilot__V1__DeleteJobRequest *)req)->job_id);
}

static void
delete_reply(struct call *c, struct msg *m)
{
	Telepilot__V1__DeleteJobResponse r = TELEPILOT__V1__DELETE_JOB_RESPONSE__INIT;

	if (rbuf_end(&m->body) != 0)
		reply_unreadable(c);
	else
		call_answer(c, &r.base);
}

/* --- ListJobs --- */

/* A page token is the monitor's cursor in 16 hex digits; "" is the first page. */
static int
token_parse(const char *s, uint64_t *cursor)
{
	static const char digits[] = "0123456789abcdef";
	const char *at;

	*cursor = 0;
	if (s[0] == '\0')
		return (0);
	if (strlen(s) != TOKEN_LEN || strspn(s, digits) != TOKEN_LEN)
		return (-1);
	for (; *s != '\0'; s++) {
		at = strchr(digits, *s);
		*cursor = *cursor << 4 | (uint64_t)(at - digits);
	}
	return (*cursor == 0 ? -1 : 0);
}

static void
list(struct call *c, const ProtobufCMessage *message)
{
	const Telepilot__V1__ListJobsRequest *req =
	    (const Telepilot__V1__ListJobsRequest *)message;
	uint64_t cursor;
	struct buf *b;

	if (token_parse(req->page_token, &cursor) != 0) {
		call_fail(c, ST_INVALID_ARGUMENT, "page_token",
		    "page_token: the next_page_token of another answer is expected");
		return;
	}
	if ((b = buf_new(MSG_BODY_MAX)) != NULL &&
	    (buf_put_u32(b, req->page_size) != 0 || buf_put_u64(b, cursor) != 0)) {
		buf_free(b);
		b = NULL;
	}
	call_ask(c, NETD_LIST, b);
}

/* Reads n jobs; *got says how many must be freed. */
static int
list_get(struct rbuf *body, struct job_view *views, Telepilot__V1__Job **jobs, uint32_t n,
    uint32_t *got)
{
	int r;

	for (*got = 0; *got < n; ++*got) {
		if ((r = job_view_get(body, &views[*got])) != 0)
			return (r);
		jobs[*got] = &views[*got].job;
	}
	return (rbuf_end(body));
}

static void
list_answer(struct call *c, struct msg *m, uint64_t cursor, uint32_t n)
{
	Telepilot__V1__ListJobsResponse r = TELEPILOT__V1__LIST_JOBS_RESPONSE__INIT;
	struct job_view *views = calloc((size_t)n + 1, sizeof(*views));
	char token[TOKEN_LEN + 1];
	uint32_t i, got = 0;

	r.jobs = calloc((size_t)n + 1, sizeof(Telepilot__V1__Job *));
	r.n_jobs = n;
	(void)snprintf(token, sizeof(token), "%016llx", (unsigned long long)cursor);
	if (cursor != 0)
		r.next_page_token = token;
	if (views == NULL || r.jobs == NULL)
		call_fail(c, ST_RESOURCE_EXHAUSTED, NULL, "out of memory");
	else if (list_get(&m->body, views, r.jobs, n, &got) != 0)
		reply_unreadable(c);
	else
		call_answer(c, &r.base);
	for (i = 0; i < got; i++)
		job_view_free(&views[i]);
	free(views);
	free(r.jobs);
}

static void
list_reply(struct call *c, struct msg *m)
{
	uint64_t cursor;
	uint32_t n;

	if (rbuf_get_u64(&m->body, &cursor) != 0 || rbuf_get_u32(&m->body, &n) != 0 ||
	    n > JOBS_MAX)
		reply_unreadable(c);
	else
		list_answer(c, m, cursor, n);
}

const struct method rpc_jobs[] = {
	{ .path = SERVICE "CreateJob",
	    .request = &telepilot__v1__create_job_request__descriptor,
	    .handle = create, .reply = create_reply },
	{ .path = SERVICE "StartJob",
	    .request = &telepilot__v1__start_job_request__descriptor,
	    .handle = start, .reply = job_reply },
	{ .path = SERVICE "StopJob",
	    .request = &telepilot__v1__stop_job_request__descriptor,
	    .handle = stop, .reply = job_reply },
	{ .path = SERVICE "GetJobStatus",
	    .request = &telepilot__v1__job_status_request__descriptor,
	    .handle = status, .reply = job_reply },
	{ .path = SERVICE "WaitJob",
	    .request = &telepilot__v1__wait_job_request__descriptor,
	    .handle = wait_for_end, .reply = job_reply },
	{ .path = SERVICE "DeleteJob",
	    .request = &telepilot__v1__delete_job_request__descriptor,
	    .handle = delete_job, .reply = delete_reply },
	{ .path = SERVICE "ListJobs",
	    .request = &telepilot__v1__list_jobs_request__descriptor,
	    .handle = list, .reply = list_reply },
	{ .path = NULL },
};
