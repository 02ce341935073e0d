/* SPDX-License-Identifier: ISC */

/*
 * What is told of a job, on the wire and in memory. A state or a reason that
 * is none of ours does not decode, so that whoever reads one may index tables.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/jobinfo.h"
#include "common/strv.h"

#define BRIEF_ARGV	256	/* bytes of argv with their NULs */
#define WARNING_MAX	512	/* bytes of one warning */

static const char *const state_names[] = {
	[JOB_CREATED] = "CREATED",
	[JOB_STARTING] = "STARTING",
	[JOB_RUNNING] = "RUNNING",
	[JOB_PAUSED] = "PAUSED",
	[JOB_STOPPING] = "STOPPING",
	[JOB_EXITED] = "EXITED",
	[JOB_FAILED] = "FAILED",
	[JOB_LOST] = "LOST",
};

void
usage_init(struct usage *u)
{
	u->cpu_usec = u->memory_bytes = u->memory_peak_bytes = USAGE_UNKNOWN;
	u->io_read_bytes = u->io_write_bytes = u->pids = USAGE_UNKNOWN;
	u->output_bytes = u->output_dropped = 0;
}

void
jobinfo_init(struct jobinfo *j)
{
	memset(j, 0, sizeof(*j));
	j->state = JOB_CREATED;
	limits_init(&j->limits);
	usage_init(&j->usage);
}

void
jobinfo_free(struct jobinfo *j)
{
	size_t i;

	strv_free(j->argv);
	for (i = 0; i < JOB_WARNINGS_MAX && j->warnings[i] != NULL; i++)
		free(j->warnings[i]);
	jobinfo_init(j);
}

int
usage_put(struct buf *b, const struct usage *u)
{
	int r;

	if ((r = buf_put_u64(b, u->cpu_usec)) != 0 ||
	    (r = buf_put_u64(b, u->memory_bytes)) != 0 ||
	    (r = buf_put_u64(b, u->memory_peak_bytes)) != 0 ||
	    (r = buf_put_u64(b, u->io_read_bytes)) != 0 ||
	    (r = buf_put_u64(b, u->io_write_bytes)) != 0 ||
	    (r = buf_put_u64(b, u->pids)) != 0 ||
	    (r = buf_put_u64(b, u->output_bytes)) != 0 ||
	    (r = buf_put_u64(b, u->output_dropped)) != 0)
		return (r);
	return (0);
}

int
usage_get(struct rbuf *b, struct usage *u)
{
	int r;

	if ((r = rbuf_get_u64(b, &u->cpu_usec)) != 0 ||
	    (r = rbuf_get_u64(b, &u->memory_bytes)) != 0 ||
	    (r = rbuf_get_u64(b, &u->memory_peak_bytes)) != 0 ||
	    (r = rbuf_get_u64(b, &u->io_read_bytes)) != 0 ||
	    (r = rbuf_get_u64(b, &u->io_write_bytes)) != 0 ||
	    (r = rbuf_get_u64(b, &u->pids)) != 0 ||
	    (r = rbuf_get_u64(b, &u->output_bytes)) != 0 ||
	    (r = rbuf_get_u64(b, &u->output_dropped)) != 0)
		return (r);
	return (0);
}

static int
get_bool(struct rbuf *b, bool *v)
{
	uint8_t n;
	int r;

	if ((r = rbuf_get_u8(b, &n)) != 0)
		return (r);
	if (n > 1)
		return (-EBADMSG);
	*v = n;
	return (0);
}

int
job_end_put(struct buf *b, const struct job_end *e)
{
	int r;

	if ((r = buf_put_u8(b, (uint8_t)e->reason)) != 0 ||
	    (r = buf_put_u8(b, e->has_status)) != 0 ||
	    (r = buf_put_u32(b, (uint32_t)e->wait_status)) != 0 ||
	    (r = buf_put_str(b, e->stopped_by)) != 0 ||
	    (r = buf_put_str(b, e->stage)) != 0 ||
	    (r = buf_put_u32(b, (uint32_t)e->error)) != 0)
		return (r);
	return (0);
}

int
job_end_get(struct rbuf *b, struct job_end *e)
{
	uint32_t status, error;
	uint8_t reason;
	int r;

	if ((r = rbuf_get_u8(b, &reason)) != 0 ||
	    (r = get_bool(b, &e->has_status)) != 0 ||
	    (r = rbuf_get_u32(b, &status)) != 0 ||
	    (r = rbuf_get_strbuf(b, e->stopped_by, sizeof(e->stopped_by))) != 0 ||
	    (r = rbuf_get_strbuf(b, e->stage, sizeof(e->stage))) != 0 ||
	    (r = rbuf_get_u32(b, &error)) != 0)
		return (r);
	if (reason > END_SUPERVISOR_LOST || error > INT32_MAX)
		return (-EBADMSG);
	e->reason = reason;
	e->wait_status = (int)status;
	e->error = (int)error;
	return (0);
}

/* As many whole strings as fit, and what fits of the next one. */
static int
put_brief_argv(struct buf *b, char *const *argv, bool truncated)
{
	size_t i, n, shown = 0, left = BRIEF_ARGV;
	int r;

	while (argv != NULL && argv[shown] != NULL && left > strlen(argv[shown]))
		left -= strlen(argv[shown++]) + 1;
	n = shown;
	if (argv != NULL && argv[shown] != NULL) {
		truncated = true;
		n += left > 1;
	}
	r = buf_put_u32(b, (uint32_t)n);
	for (i = 0; r == 0 && i < shown; i++)
		r = buf_put_str(b, argv[i]);
	if (r == 0 && n > shown)
		r = buf_put_bytes(b, argv[shown], utf8_cut(argv[shown], left - 1));
	return (r != 0 ? r : buf_put_u8(b, truncated));
}

static int
put_argv(struct buf *b, const struct jobinfo *j, bool brief)
{
	int r;

	if (brief)
		return (put_brief_argv(b, j->argv, j->argv_truncated));
	if ((r = strv_put(b, j->argv)) != 0)
		return (r);
	return (buf_put_u8(b, j->argv_truncated));
}

static int
put_warnings(struct buf *b, char *const *warnings)
{
	size_t i, n = strv_count(warnings);
	int r;

	r = buf_put_u32(b, (uint32_t)n);
	for (i = 0; r == 0 && i < n; i++)
		r = buf_put_bytes(b, warnings[i], utf8_cut(warnings[i], WARNING_MAX));
	return (r);
}

int
jobinfo_put(struct buf *b, const struct jobinfo *j, bool brief)
{
	int r;

	if ((r = buf_put_raw(b, j->id.b, sizeof(j->id.b))) != 0 ||
	    (r = buf_put_str(b, j->owner)) != 0 ||
	    (r = buf_put_u8(b, (uint8_t)j->state)) != 0 ||
	    (r = put_argv(b, j, brief)) != 0 ||
	    (r = buf_put_i64(b, j->created)) != 0 ||
	    (r = buf_put_i64(b, j->started)) != 0 ||
	    (r = buf_put_i64(b, j->ended)) != 0 ||
	    (r = limits_put(b, &j->limits)) != 0 ||
	    (r = buf_put_u8(b, j->has_usage)) != 0 ||
	    (r = j->has_usage ? usage_put(b, &j->usage) : 0) != 0 ||
	    (r = job_end_put(b, &j->end)) != 0 ||
	    (r = put_warnings(b, j->warnings)) != 0)
		return (r);
	return (0);
}

static int
get_state(struct rbuf *b, enum job_state *state)
{
	uint8_t n;
	int r;

	if ((r = rbuf_get_u8(b, &n)) != 0)
		return (r);
	if (n < JOB_CREATED || n > JOB_LOST)
		return (-EBADMSG);
	*state = n;
	return (0);
}

static int
get_warnings(struct rbuf *b, char **warnings)
{
	char **v;
	size_t i;
	int r;

	if ((r = strv_get(b, &v, JOB_WARNINGS_MAX, WARNING_MAX)) != 0)
		return (r);
	for (i = 0; v[i] != NULL; i++)
		warnings[i] = v[i];
	free(v);
	return (0);
}

int
jobinfo_get(struct rbuf *b, struct jobinfo *j)
{
	int r;

	jobinfo_init(j);
	if ((r = rbuf_get_raw(b, j->id.b, sizeof(j->id.b))) != 0 ||
	    (r = rbuf_get_strbuf(b, j->owner, sizeof(j->owner))) != 0 ||
	    (r = get_state(b, &j->state)) != 0 ||
	    (r = strv_get(b, &j->argv, JOB_ARGS_MAX, JOB_STRINGS_MAX)) != 0 ||
	    (r = get_bool(b, &j->argv_truncated)) != 0 ||
	    (r = rbuf_get_i64(b, &j->created)) != 0 ||
	    (r = rbuf_get_i64(b, &j->started)) != 0 ||
	    (r = rbuf_get_i64(b, &j->ended)) != 0 ||
	    (r = limits_get(b, &j->limits)) != 0 ||
	    (r = get_bool(b, &j->has_usage)) != 0 ||
	    (r = j->has_usage ? usage_get(b, &j->usage) : 0) != 0 ||
	    (r = job_end_get(b, &j->end)) != 0 ||
	    (r = get_warnings(b, j->warnings)) != 0)
		jobinfo_free(j);
	return (r);
}

const char *
job_state_name(enum job_state state)
{
	if (state < JOB_CREATED || state > JOB_LOST)
		return ("UNKNOWN");
	return (state_names[state]);
}

bool
job_state_ended(enum job_state state)
{
	return (state == JOB_EXITED || state == JOB_FAILED || state == JOB_LOST);
}
