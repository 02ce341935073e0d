/*
 * What the monitor tells of a job: state, times, usage, end.
 */
#ifndef COMMON_JOBINFO_H
#define COMMON_JOBINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "jobspec.h"
#include "uuid.h"

/* Numbered as JobState in telepilot.proto. */
enum job_state {
	JOB_CREATED = 1,
	JOB_STARTING = 2,
	JOB_RUNNING = 3,
	JOB_PAUSED = 4,
	JOB_STOPPING = 5,
	JOB_EXITED = 6,
	JOB_FAILED = 7,
	JOB_LOST = 8,
};

/* Numbered as EndReason in telepilot.proto. */
enum end_reason {
	END_NONE = 0,
	END_EXITED = 1,
	END_SIGNALED = 2,
	END_OOM = 3,
	END_STOPPED = 4,
	END_FAILED_TO_START = 5,
	END_SUPERVISOR_LOST = 6,
};

#define USAGE_UNKNOWN	UINT64_MAX	/* the kernel does not tell */

struct usage {
	uint64_t cpu_usec;
	uint64_t memory_bytes;
	uint64_t memory_peak_bytes;
	uint64_t io_read_bytes;
	uint64_t io_write_bytes;
	uint64_t pids;
	uint64_t output_bytes;		/* always known */
	uint64_t output_dropped;	/* always known */
};

#define JOB_STAGE_MAX	256		/* "exec /bin/nope", cut if longer */

struct job_end {
	enum end_reason reason;
	bool has_status;		/* its first process ran and was waited for */
	int wait_status;		/* as of wait(2); valid if has_status */
	char stopped_by[JOB_USER_MAX + 1];
	char stage[JOB_STAGE_MAX];	/* END_FAILED_TO_START */
	int error;			/* errno; END_FAILED_TO_START */
};

#define JOB_WARNINGS_MAX	8

/* Times are CLOCK_REALTIME nanoseconds, for display; 0: not yet. */
struct jobinfo {
	struct uuid id;
	char owner[JOB_USER_MAX + 1];
	enum job_state state;
	char **argv;			/* NULL-terminated */
	bool argv_truncated;
	int64_t created, started, ended;
	struct limits limits;		/* as enforced: what was asked, and defaults */
	bool has_usage;
	struct usage usage;
	struct job_end end;
	char *warnings[JOB_WARNINGS_MAX + 1];	/* NULL-terminated */
};

void usage_init(struct usage *);	/* all unknown, outputs 0 */
void jobinfo_init(struct jobinfo *);
void jobinfo_free(struct jobinfo *);	/* frees what it holds, not itself */

int usage_put(struct buf *, const struct usage *);
int usage_get(struct rbuf *, struct usage *);
int job_end_put(struct buf *, const struct job_end *);
int job_end_get(struct rbuf *, struct job_end *);

/* brief: argv is cut to about 256 bytes and flagged so (for lists). */
int jobinfo_put(struct buf *, const struct jobinfo *, bool brief);
int jobinfo_get(struct rbuf *, struct jobinfo *);

const char *job_state_name(enum job_state);	/* "RUNNING" */
bool job_state_ended(enum job_state);		/* EXITED, FAILED, LOST */

#endif
