/*
 * libtelepilot: a client of telepilotd.
 *
 * One client is one mTLS connection; it is used by one thread at a time. Every
 * call blocks until its answer, its deadline, or telepilot_interrupt().
 * Functions return a canonical status code (google.rpc.Code): 0 is success,
 * and telepilot_error() has the words of the last failure.
 */
#ifndef TELEPILOT_H
#define TELEPILOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct telepilot;		/* a connection */
struct Telepilot__V1__Job;	/* generated from telepilot.proto by protoc-c */
struct Telepilot__V1__LogEntry;
struct Telepilot__V1__CreateJobRequest;
struct Telepilot__V1__ListJobsResponse;

/* Where and as whom to connect. All strings are the caller's. */
struct telepilot_settings {
	const char *server;	/* "host:port", "[::1]:7443", "host" (port 7443) */
	const char *cert_file;	/* PEM: own certificate, then intermediates */
	const char *key_file;	/* PEM */
	const char *ca_file;	/* PEM: who may sign the server's certificate */
	const char *server_name;	/* to expect in its certificate; NULL: the host */
	uint32_t connect_timeout_ms;	/* 0: 10 s */
};

/*
 * Connects and authenticates. An expired or not yet valid certificate of our own
 * is refused in words before anything is sent. *client is set even on failure, for
 * telepilot_error(), unless memory ran out; end with telepilot_close().
 */
int telepilot_open(struct telepilot **client, const struct telepilot_settings *);
void telepilot_close(struct telepilot *);	/* NULL is allowed */

/* The words of the last failure, and the request field at fault or "". */
const char *telepilot_error(const struct telepilot *);
const char *telepilot_error_field(const struct telepilot *);

/* Deadline of each following call in milliseconds; 0: none. */
void telepilot_set_timeout(struct telepilot *, uint64_t ms);

/*
 * Async-signal-safe: the call under way, or else the next one, is cancelled on the
 * server and returns CANCELLED (1).
 */
void telepilot_interrupt(struct telepilot *);

/* Jobs are the library's until freed with telepilot_job_free(). */
typedef struct Telepilot__V1__Job telepilot_job;
void telepilot_job_free(telepilot_job *);

int telepilot_create(struct telepilot *,
    const struct Telepilot__V1__CreateJobRequest *, char job_id[37]);
int telepilot_start(struct telepilot *, const char *job_id, telepilot_job **);
#define TELEPILOT_GRACE_DEFAULT	UINT32_MAX
int telepilot_stop(struct telepilot *, const char *job_id, uint32_t grace_seconds,
    telepilot_job **);
int telepilot_status(struct telepilot *, const char *job_id, telepilot_job **);
int telepilot_wait(struct telepilot *, const char *job_id, telepilot_job **);
int telepilot_delete(struct telepilot *, const char *job_id);

/* One page; free with telepilot_list_free(). */
int telepilot_list(struct telepilot *, uint32_t page_size, const char *page_token,
    struct Telepilot__V1__ListJobsResponse **);
void telepilot_list_free(struct Telepilot__V1__ListJobsResponse *);

/*
 * Follows a job's output from offset to its end. entry returns 0 to go on;
 * anything else cancels the stream, and telepilot_logs returns CANCELLED.
 */
int telepilot_logs(struct telepilot *, const char *job_id, uint64_t offset,
    int (*entry)(void *arg, const struct Telepilot__V1__LogEntry *), void *arg);

#ifdef __cplusplus
}
#endif

#endif
