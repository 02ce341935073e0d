/*
 * THE table of what netd may ask of the monitor (design rule 5), and the
 * dispatcher that holds every message against it.
 */
#ifndef MONITOR_REQUEST_H
#define MONITOR_REQUEST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "monitor/session.h"

/* A message's body, decoded. Every decoder fills in its own fields only. */
struct request_args {
	uint32_t version;			/* READY */
	char user[JOB_USER_MAX + 1];		/* AUTH */
	char serial[SERIAL_MAX + 1];
	char fingerprint[FINGERPRINT_MAX + 1];
	struct uuid job;			/* all that name one */
	char request_id[JOB_REQUEST_ID_MAX + 1];	/* CREATE */
	struct jobspec spec;
	uint32_t grace;				/* STOP */
	uint32_t page_size;			/* LIST */
	uint64_t cursor;
};

#define REQUEST_ONCE	0x01
#define REQUEST_OF_JOB	0x02		/* its body begins with a job's id */

struct request_row {
	uint16_t type;			/* enum netd_msg */
	uint16_t flags;			/* REQUEST_... */
	unsigned int states;		/* that may send it */
	const char *message;		/* "NETD_CREATE" */
	const char *name;		/* of the RPC, for the audit; NULL: it is not answered */
	size_t max_body;
	int (*decode)(struct rbuf *, struct request_args *);	/* 0 or -errno */
	/* One of the two: act for what is answered, note for what is not. */
	void (*act)(struct request *, const struct request_args *);
	const char *(*note)(struct session *, uint32_t id, const struct request_args *);
};

extern const struct request_row request_table[];
extern const size_t request_nrows;

/*
 * One message of the session's peer. Whatever is not exactly as its row says ends
 * the session (session_fail) with the reason.
 */
void request_dispatch(struct session *, struct msg *);

/* A line a row: message, states, once, size, name. */
int request_table_print(FILE *);

/* Decoders (request_decode.c). */
int decode_ready(struct rbuf *, struct request_args *);
int decode_auth(struct rbuf *, struct request_args *);
int decode_nothing(struct rbuf *, struct request_args *);
int decode_create(struct rbuf *, struct request_args *);
int decode_job(struct rbuf *, struct request_args *);
int decode_stop(struct rbuf *, struct request_args *);
int decode_list(struct rbuf *, struct request_args *);

/* What is not answered (requests_session.c): NULL, or why the session must end. */
const char *note_ready(struct session *, uint32_t id, const struct request_args *);
const char *note_auth(struct session *, uint32_t id, const struct request_args *);
const char *note_cancel(struct session *, uint32_t id, const struct request_args *);

/* What is (requests_job.c, requests_logs.c). */
void act_create(struct request *, const struct request_args *);
void act_start(struct request *, const struct request_args *);
void act_stop(struct request *, const struct request_args *);
void act_status(struct request *, const struct request_args *);
void act_wait(struct request *, const struct request_args *);
void act_list(struct request *, const struct request_args *);
void act_delete(struct request *, const struct request_args *);
void act_logs(struct request *, const struct request_args *);

#endif
