/* SPDX-License-Identifier: ISC */

/*
 * The calls of telepilot.h: each packs its request, runs the call, and takes
 * the one message of the answer apart.
 */

#include <stdlib.h>
#include <string.h>

#include "cli/lib/internal.h"
#include "common/uuid.h"
#include "telepilot/v1/telepilot.pb-c.h"

struct reply {
	const ProtobufCMessageDescriptor *type;
	ProtobufCMessage *message;
};

static int
out_of_memory(struct telepilot *c)
{
	status_set(&c->status, ST_RESOURCE_EXHAUSTED, NULL, "out of memory");
	return (ST_RESOURCE_EXHAUSTED);
}

static int
bad_reply(struct telepilot *c, const char *why)
{
	status_set(&c->status, ST_INTERNAL, NULL, "the server's answer %s", why);
	return (ST_INTERNAL);
}

static int
take_reply(void *arg, struct telepilot *c, const uint8_t *data, size_t len)
{
	struct reply *reply = arg;

	if (reply->message != NULL)
		return (bad_reply(c, "has more than one message"));
	reply->message = protobuf_c_message_unpack(reply->type, NULL, len, data);
	return (reply->message == NULL ? bad_reply(c, "is damaged") : 0);
}

static int
call_packed(struct telepilot *c, const char *method, const ProtobufCMessage *request,
    int (*on_message)(void *, struct telepilot *, const uint8_t *, size_t), void *arg)
{
	size_t len = protobuf_c_message_get_packed_size(request);
	uint8_t *packed;
	int r;

	if ((packed = malloc(len > 0 ? len : 1)) == NULL)
		return (out_of_memory(c));
	protobuf_c_message_pack(request, packed);
	r = call_run(c, method, packed, len, on_message, arg);
	free(packed);
	return (r);
}

/* On success *reply is a message of that type, the caller's to free. */
static int
unary(struct telepilot *c, const char *method, const ProtobufCMessage *request,
    const ProtobufCMessageDescriptor *type, ProtobufCMessage **message)
{
	struct reply reply = { type, NULL };
	int r;

	*message = NULL;
	r = call_packed(c, method, request, take_reply, &reply);
	if (r == 0 && reply.message == NULL)
		r = bad_reply(c, "is empty");
	if (r != 0 && reply.message != NULL) {
		protobuf_c_message_free_unpacked(reply.message, NULL);
		return (r);
	}
	*message = reply.message;
	return (r);
}

/* The job in a reply, whose slot for it is given, goes to the caller. */
static int
take_job(struct telepilot *c, ProtobufCMessage *reply, Telepilot__V1__Job **slot,
    telepilot_job **job)
{
	int r = 0;

	if (*slot == NULL)
		r = bad_reply(c, "has no job");
	else if (job != NULL) {
		*job = *slot;
		*slot = NULL;
	}
	protobuf_c_message_free_unpacked(reply, NULL);
	return (r);
}

/* protobuf-c's strings are not const, but packing only reads them. */
static char *
borrow(const char *s)
{
	return ((char *)(uintptr_t)s);
}

int
telepilot_create(struct telepilot *c, const Telepilot__V1__CreateJobRequest *request,
    char job_id[37])
{
	Telepilot__V1__CreateJobResponse *reply;
	ProtobufCMessage *message;
	struct uuid id;
	int r;

	if ((r = unary(c, "CreateJob", &request->base,
	    &telepilot__v1__create_job_response__descriptor, &message)) != 0)
		return (r);
	reply = (Telepilot__V1__CreateJobResponse *)message;
	if (uuid_parse(reply->job_id, &id) != 0)
		r = bad_reply(c, "has no job id");
	else
		uuid_format(&id, job_id);
	protobuf_c_message_free_unpacked(message, NULL);
	return (r);
}

int
telepilot_start(struct telepilot *c, const char *job_id, telepilot_job **job)
{
	Telepilot__V1__StartJobRequest request = TELEPILOT__V1__START_JOB_REQUEST__INIT;
	ProtobufCMessage *reply;
	int r;

	request.job_id = borrow(job_id);
	if ((r = unary(c, "StartJob", &request.base,
	    &telepilot__v1__start_job_response__descriptor, &reply)) != 0)
		return (r);
	return (take_job(c, reply, &((Telepilot__V1__StartJobResponse *)reply)->job, job));
}

int
telepilot_stop(struct telepilot *c, const char *job_id, uint32_t grace_seconds,
    telepilot_job **job)
{
	Telepilot__V1__StopJobRequest request = TELEPILOT__V1__STOP_JOB_REQUEST__INIT;
	ProtobufCMessage *reply;
	int r;

	request.job_id = borrow(job_id);
	if (grace_seconds != TELEPILOT_GRACE_DEFAULT) {
		request.grace_case = TELEPILOT__V1__STOP_JOB_REQUEST__GRACE_GRACE_SECONDS;
		request.grace_seconds = grace_seconds;
	}
	if ((r = unary(c, "StopJob", &request.base,
	    &telepilot__v1__stop_job_response__descriptor, &reply)) != 0)
		return (r);
	return (take_job(c, reply, &((Telepilot__V1__StopJobResponse *)reply)->job, job));
}

int
telepilot_status(struct telepilot *c, const char *job_id, telepilot_job **job)
{
	Telepilot__V1__JobStatusRequest request = TELEPILOT__V1__JOB_STATUS_REQUEST__INIT;
	ProtobufCMessage *reply;
	int r;

	request.job_id = borrow(job_id);
	if ((r = unary(c, "GetJobStatus", &request.base,
	    &telepilot__v1__job_status_response__descriptor, &reply)) != 0)
		return (r);
	return (take_job(c, reply, &((Telepilot__V1__JobStatusResponse *)reply)->job, job));
}

int
telepilot_wait(struct telepilot *c, const char *job_id, telepilot_job **job)
{
	Telepilot__V1__WaitJobRequest request = TELEPILOT__V1__WAIT_JOB_REQUEST__INIT;
	ProtobufCMessage *reply;
	int r;

	request.job_id = borrow(job_id);
	if ((r = unary(c, "WaitJob", &request.base,
	    &telepilot__v1__wait_job_response__descriptor, &reply)) != 0)
		return (r);
	return (take_job(c, reply, &((Telepilot__V1__WaitJobResponse *)reply)->job, job));
}

int
telepilot_delete(struct telepilot *c, const char *job_id)
{
	Telepilot__V1__DeleteJobRequest request = TELEPILOT__V1__DELETE_JOB_REQUEST__INIT;
	ProtobufCMessage *reply;
	int r;

	request.job_id = borrow(job_id);
	if ((r = unary(c, "DeleteJob", &request.base,
	    &telepilot__v1__delete_job_response__descriptor, &reply)) == 0)
		protobuf_c_message_free_unpacked(reply, NULL);
	return (r);
}

int
telepilot_list(struct telepilot *c, uint32_t page_size, const char *page_token,
    Telepilot__V1__ListJobsResponse **page)
{
	Telepilot__V1__ListJobsRequest request = TELEPILOT__V1__LIST_JOBS_REQUEST__INIT;
	ProtobufCMessage *reply;
	int r;

	request.page_size = page_size;
	request.page_token = borrow(page_token != NULL ? page_token : "");
	if ((r = unary(c, "ListJobs", &request.base,
	    &telepilot__v1__list_jobs_response__descriptor, &reply)) == 0)
		*page = (Telepilot__V1__ListJobsResponse *)reply;
	return (r);
}

void
telepilot_list_free(Telepilot__V1__ListJobsResponse *page)
{
	if (page != NULL)
		protobuf_c_message_free_unpacked(&page->base, NULL);
}

void
telepilot_job_free(telepilot_job *job)
{
	if (job != NULL)
		protobuf_c_message_free_unpacked(&job->base, NULL);
}

struct follower {
	int (*entry)(void *arg, const Telepilot__V1__LogEntry *);
	void *arg;
};

static int
take_entry(void *arg, struct telepilot *c, const uint8_t *data, size_t len)
{
	const struct follower *f = arg;
	Telepilot__V1__LogEntry *entry;
	int r = 0;

	if ((entry = telepilot__v1__log_entry__unpack(NULL, len, data)) == NULL)
		return (bad_reply(c, "is damaged"));
	if (f->entry(f->arg, entry) != 0)
		r = status_set(&c->status, ST_CANCELLED, NULL, "given up");
	telepilot__v1__log_entry__free_unpacked(entry, NULL);
	return (r);
}

int
telepilot_logs(struct telepilot *c, const char *job_id, uint64_t offset,
    int (*entry)(void *arg, const Telepilot__V1__LogEntry *), void *arg)
{
	Telepilot__V1__LogRequest request = TELEPILOT__V1__LOG_REQUEST__INIT;
	struct follower f = { entry, arg };

	request.job_id = borrow(job_id);
	request.offset = offset;
	return (call_packed(c, "StreamLogs", &request.base, take_entry, &f));
}
