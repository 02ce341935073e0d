/*
 * What a user asked to be run: the same form from netd to the monitor and from
 * the monitor to the spawner.
 */
#ifndef COMMON_JOBSPEC_H
#define COMMON_JOBSPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "status.h"

#define JOB_STRINGS_MAX		(48 * 1024)	/* argv and env; see jobspec_check */
#define JOB_ARGS_MAX		4096		/* strings in argv, and in env */
#define JOB_PATH_MAX		4095		/* workdir */
#define JOB_REQUEST_ID_MAX	64
#define JOB_USER_MAX		32		/* [a-z_][a-z0-9_-]{0,31} */

#define NO_LIMIT		UINT64_MAX

/* 0: not asked for. swap_bytes has NO_LIMIT for "not asked for", since 0 means none. */
struct limits {
	uint32_t cpu_millis;		/* thousandths of a core */
	uint64_t memory_bytes;
	uint64_t swap_bytes;
	uint64_t io_rbps;		/* bytes a second, on each disk */
	uint64_t io_wbps;
	uint64_t io_riops;		/* operations a second */
	uint64_t io_wiops;
	uint64_t pids;
};

struct jobspec {
	char **argv;			/* NULL-terminated; argv[0] is the command */
	char **env;			/* NULL-terminated NAME=value, may be empty */
	char *workdir;			/* absolute, or NULL for "/" */
	struct limits limits;
	bool merge_output;
};

void limits_init(struct limits *);		/* nothing asked for */
void jobspec_init(struct jobspec *);
void jobspec_free(struct jobspec *);		/* frees what it holds, not itself */

/*
 * The one check of a spec's shape, made by netd for the user's sake and again
 * by the monitor for its own: argv[0] not empty, counts and bytes within the
 * limits above, UTF-8, env entries NAME=value with
 * NAME [A-Za-z_][A-Za-z0-9_]*, workdir absolute, cpu_millis 0 or 10..1024000,
 * memory 0 or >= 256 KiB, swap only with memory, pids 0 or 1..4194304, io
 * rates 0 or >= 4096 bytes and >= 1 operation, none above INT64_MAX. Sets st;
 * its field is named as in the .proto: "command", "args[3]", "env", "workdir",
 * "limits.cpu_cores", and stands in the message, too. Strings count as their
 * length + 5 against JOB_STRINGS_MAX, so that what is accepted fits one message.
 */
enum status_code jobspec_check(const struct jobspec *, struct status *);

/* 0 or a negative errno of common/buf. get leaves nothing to free on error. */
int limits_put(struct buf *, const struct limits *);
int limits_get(struct rbuf *, struct limits *);
int jobspec_put(struct buf *, const struct jobspec *);
int jobspec_get(struct rbuf *, struct jobspec *);

/* 1 if s is a user's name: [a-z_][a-z0-9_-]{0,31} */
int user_name_valid(const char *s);

#endif
