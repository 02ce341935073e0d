/* SPDX-License-Identifier: ISC */

/*
 * StreamLogs. The monitor answers with the job's output and index, opened for
 * this stream alone, and while the job lives with the read end of a pipe, its
 * doorbell. From then on the monitor is out of the path: each time that nghttp2 has
 * room, one more piece is read from the files, straight behind the place where
 * its header will be. A client that does not read is not read for.
 *
 * The doorbell is looked at only while nothing is there, and emptied before the
 * files are read again, so no ring is lost. Its end means that the supervisor is
 * gone: what is in the files by then is all there will be.
 *
 * An offset past the end of a live job's output is waited for; when the job has
 * ended and never wrote so much, it is OUT_OF_RANGE.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/joblog.h"
#include "common/log.h"
#include "netd/job_view.h"
#include "netd/rpc.h"

_Static_assert((int)TELEPILOT__V1__STREAM__STREAM_STDOUT == (int)JOBLOG_STDOUT &&
    (int)TELEPILOT__V1__STREAM__STREAM_STDERR == (int)JOBLOG_STDERR &&
    (int)TELEPILOT__V1__STREAM__STREAM_SYSTEM == (int)JOBLOG_SYSTEM, "streams");

#define HEADROOM	128		/* gRPC prefix and all of a LogEntry but its data */
#define PIECE_MAX	(128 * 1024 - HEADROOM)
#define DATA_TAG	(4 << 3 | 2)	/* LogEntry.data */

struct logs {
	uint64_t offset;		/* asked for */
	int output, index, bell;	/* -1 while not (any more) there */
	bool last;			/* nobody writes any more */
	struct joblog_reader reader;
};

static void
logs_release(struct call *c)
{
	struct logs *l = c->state;

	c->state = NULL;
	if (l == NULL)
		return;
	close_fd(&l->output);
	close_fd(&l->index);
	close_fd(&l->bell);
	free(l);
}

static void
logs(struct call *c, const ProtobufCMessage *message)
{
	const Telepilot__V1__LogRequest *req = (const Telepilot__V1__LogRequest *)message;
	struct uuid id;
	struct logs *l;
	struct buf *b;

	if (rpc_job_id(c, req->job_id, &id) != 0)
		return;
	if ((l = calloc(1, sizeof(*l))) == NULL || (b = buf_new(MSG_BODY_MAX)) == NULL) {
		free(l);
		call_fail(c, ST_RESOURCE_EXHAUSTED, NULL, "out of memory");
		return;
	}
	l->offset = req->offset;
	l->output = l->index = l->bell = -1;
	c->state = l;
	if (buf_put_raw(b, id.b, UUID_LEN) != 0) {
		buf_free(b);
		b = NULL;
	}
	call_ask(c, NETD_LOGS, b);
}

/* --- the monitor's answer --- */

static void
past_the_end(struct call *c, uint64_t length)
{
	struct logs *l = c->state;

	call_fail(c, ST_OUT_OF_RANGE, "offset", "offset: the job has ended and wrote only "
	    "%llu bytes, not %llu", (unsigned long long)length, (unsigned long long)l->offset);
}

static int
take_fds(struct logs *l, struct msg *m, uint8_t kind)
{
	size_t want = kind == IPC_LOGS_LIVE ? 3 : kind == IPC_LOGS_ENDED ? 2 : 0;

	if (m->nfds != want || kind < IPC_LOGS_LIVE || kind > IPC_LOGS_EMPTY)
		return (-EBADMSG);
	if (want >= 2) {
		l->output = msg_take_fd(m, 0);
		l->index = msg_take_fd(m, 1);
	}
	if (want == 3) {
		l->bell = msg_take_fd(m, 2);
		if (fcntl(l->bell, F_SETFL, O_NONBLOCK) == -1)
			return (-errno);
	}
	l->last = l->bell == -1;
	return (0);
}

static void
logs_reply(struct call *c, struct msg *m)
{
	struct logs *l = c->state;
	uint8_t kind;
	int r;

	if ((r = rbuf_get_u8(&m->body, &kind)) != 0 || (r = rbuf_end(&m->body)) != 0 ||
	    (r = take_fds(l, m, kind)) != 0)
		log_error("the monitor's reply to %s cannot be read", c->method->path);
	else if (kind == IPC_LOGS_EMPTY) {
		if (l->offset > 0)
			past_the_end(c, 0);
		else
			call_finish(c);
		return;
	} else if ((r = joblog_reader_init(&l->reader, l->output, l->index, l->offset)) != 0)
		log_error("a job's output cannot be read: %s", strerror(-r));
	if (r != 0)
		call_fail(c, ST_INTERNAL, NULL, "the job's output cannot be read");
	else
		call_open(c);
}

/* --- entries --- */

static void
entry_init(Telepilot__V1__LogEntry *e, Google__Protobuf__Timestamp *t,
    const struct joblog_item *item)
{
	telepilot__v1__log_entry__init(e);
	timestamp_set(t, item->realtime);
	e->offset = item->offset;
	e->time = t;
	e->stream = (Telepilot__V1__Stream)item->stream;
}

static void
send_gap(struct call *c, const struct joblog_item *item)
{
	Telepilot__V1__Gap gap = TELEPILOT__V1__GAP__INIT;
	Google__Protobuf__Timestamp t;
	Telepilot__V1__LogEntry e;

	entry_init(&e, &t, item);
	gap.bytes = item->n;
	gap.reason = item->what == JOBLOG_GAP_LIMIT ?
	    TELEPILOT__V1__GAP__REASON__REASON_LOG_LIMIT :
	    TELEPILOT__V1__GAP__REASON__REASON_DISK_FULL;
	e.content_case = TELEPILOT__V1__LOG_ENTRY__CONTENT_GAP;
	e.gap = &gap;
	call_send(c, &e.base);
}

/* A LogEntry is its fields 1 to 3, as protobuf-c packs them, then field 4, the data. */
static size_t
pack_head(uint8_t head[HEADROOM], const struct joblog_item *item)
{
	Google__Protobuf__Timestamp t;
	Telepilot__V1__LogEntry e;
	uint64_t v = item->n;
	size_t n;

	entry_init(&e, &t, item);
	n = GRPC_PREFIX_LEN + telepilot__v1__log_entry__pack(&e, head + GRPC_PREFIX_LEN);
	head[n++] = DATA_TAG;
	for (; v >= 0x80; v >>= 7)
		head[n++] = (uint8_t)(v | 0x80);
	head[n++] = (uint8_t)v;
	grpc_prefix(head, (uint32_t)(n - GRPC_PREFIX_LEN + item->n));
	return (n);
}

/* The data lies at room + HEADROOM; what comes before it goes right before it. */
static void
send_data(struct call *c, uint8_t *room, const struct joblog_item *item)
{
	uint8_t head[HEADROOM];
	size_t n = pack_head(head, item);

	memcpy(room + HEADROOM - n, head, n);
	call_filled(c, HEADROOM - n, n + (size_t)item->n);
}

static void
nothing_new(struct call *c)
{
	struct logs *l = c->state;

	if (l->last)
		call_fail(c, ST_DATA_LOSS, NULL, "the job's supervisor was lost; its output "
		    "may be incomplete");
}

static void
end_of_output(struct call *c)
{
	struct logs *l = c->state;

	if (l->offset > l->reader.cur.offset)
		past_the_end(c, l->reader.cur.offset);
	else
		call_finish(c);
}

static void
logs_produce(struct call *c)
{
	struct logs *l = c->state;
	struct joblog_item item;
	uint8_t *room;
	int r;

	if ((room = call_room(c, HEADROOM + PIECE_MAX)) == NULL)
		return;
	if ((r = joblog_read(&l->reader, room + HEADROOM, PIECE_MAX, &item)) != 0) {
		log_error("a job's output cannot be read: %s", strerror(-r));
		call_fail(c, ST_DATA_LOSS, NULL, "the job's output cannot be read");
		return;
	}
	switch (item.what) {
	case JOBLOG_NONE:
		nothing_new(c);
		break;
	case JOBLOG_DATA:
		send_data(c, room, &item);
		break;
	case JOBLOG_GAP_LIMIT:
	case JOBLOG_GAP_DISK:
		send_gap(c, &item);
		break;
	case JOBLOG_ENDED:
		end_of_output(c);
		break;
	}
}

/* --- the doorbell --- */

static int
logs_wait_fd(const struct call *c)
{
	const struct logs *l = c->state;

	return (l == NULL ? -1 : l->bell);
}

static void
logs_wake(struct call *c)
{
	struct logs *l = c->state;
	char ignored[4096];
	ssize_t n;

	while ((n = read(l->bell, ignored, sizeof(ignored))) > 0 ||
	    (n == -1 && errno == EINTR))
		continue;
	if (n == 0 || errno != EAGAIN) {
		close_fd(&l->bell);
		l->last = true;
	}
	call_resume(c);
}

const struct method rpc_logs[] = {
	{ .path = "/telepilot.v1.TelePilot/StreamLogs",
	    .request = &telepilot__v1__log_request__descriptor,
	    .handle = logs, .reply = logs_reply, .produce = logs_produce,
	    .wait_fd = logs_wait_fd, .wake = logs_wake, .release = logs_release },
	{ .path = NULL },
};
