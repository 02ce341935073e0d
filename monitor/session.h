/*
 * One connection as the monitor sees it: the channel to its netd, what it may
 * ask now, and what it has asked and was not answered yet. Knows nothing of
 * processes or TCP (monitor/netd does).
 */
#ifndef MONITOR_SESSION_H
#define MONITOR_SESSION_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "common/jobspec.h"
#include "common/msg.h"
#include "common/status.h"
#include "common/uuid.h"
#include "monitor/jobmgr.h"
#include "monitor/users.h"

/* One bit each, so that a row of the request table can allow several. */
enum session_state {
	SESSION_STARTING = 0x01,	/* netd loads its keys */
	SESSION_WAITING = 0x02,		/* ready, without a connection */
	SESSION_LOGIN = 0x04,		/* has a connection, nobody is known yet */
	SESSION_OPEN = 0x08,		/* the user is known */
};

#define PEER_MAX	95		/* as ADDRESS_STRLEN */
#define SERIAL_MAX	64
#define FINGERPRINT_MAX	64		/* SHA-256, hex */

/* What all sessions share; borrowed. */
struct services {
	sd_event *event;
	struct jobmgr *jobs;
	struct users users;
	struct msg *msg;		/* the message being read */
};

struct session;
struct request;
TAILQ_HEAD(request_list, request);

struct session_events {
	void (*ready)(void *arg);		/* NETD_READY */
	void (*authenticated)(void *arg);	/* NETD_AUTH, answered */
	/*
	 * It is over: the peer broke the rules or does not read (why), or its end
	 * of the channel is closed (why is NULL). Called once, from the event loop.
	 */
	void (*over)(void *arg, const char *why);
};

struct session {
	const struct services *services;
	const struct session_events *events;
	void *arg;
	int fd;				/* owned */
	enum session_state state;
	uint64_t seen;			/* rows that may come once, by their number */
	uint32_t max_requests;		/* in flight */
	char peer[PEER_MAX + 1];
	char user[JOB_USER_MAX + 1];	/* set by NETD_AUTH */
	char serial[SERIAL_MAX + 1];
	char fingerprint[FINGERPRINT_MAX + 1];
	struct request_list requests;	/* in flight */
	struct request_list answers;	/* of these, waiting for room in the channel */
	uint32_t nrequests;
	sd_event_source *io, *retry, *ending;
	uint64_t stalled_since;		/* µs; 0: no answer waits */
	bool over;
	char why[160];			/* valid once over; empty: closed by the peer */
};

/* Takes fd. 0 or -errno (fd is then the caller's still). */
int session_init(struct session *, const struct services *, int fd, uint32_t max_requests,
    const struct session_events *, void *arg);
/* Forgets all that is in flight. Idempotent; not from inside over(). */
void session_close(struct session *);

/*
 * Marks the session over; events->over follows from the event loop. Nothing is
 * read any more. The first reason counts.
 */
void session_fail(struct session *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same without a reason: the peer's end is closed. */
void session_hangup(struct session *);

/* Reads what has come. For the event loop and for tests. */
int session_read(struct session *);

/* --- requests in flight (session_answer.c) --- */

struct request {
	TAILQ_ENTRY(request) entry;	/* of requests */
	TAILQ_ENTRY(request) waiting;	/* of answers */
	struct session *session;
	const char *name;		/* "CreateJob" */
	uint32_t id;
	bool has_job;
	struct uuid job;
	struct jobop *op;		/* under way in the job manager, or NULL */
	struct buf *answer;		/* ready to be sent, or NULL */
	int fds[3];
	size_t nfds;
};

/* NULL: out of memory. */
struct request *request_new(struct session *, const char *name, uint32_t id);
struct request *request_find(struct session *, uint32_t id);
/* Nobody wants the answer any more: the operation's callback is forgotten. */
void request_cancel(struct request *);

/*
 * An answer's buffer that says ST_OK already; what the row promises follows. NULL:
 * out of memory.
 */
struct buf *answer_new(void);
/*
 * Answers. answer and fds are taken in any case; NULL for answer means that it
 * could not be made. The request may be gone afterwards, and is the handler's no
 * more.
 */
void request_answer(struct request *, struct buf *answer, const int *fds, size_t nfds);
void request_refuse(struct request *, const struct status *);

/* Sends what waits, as far as the peer reads. For the retry timer and for tests. */
void session_flush(struct session *);

#endif
