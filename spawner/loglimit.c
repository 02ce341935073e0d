/* SPDX-License-Identifier: ISC */

/*
 * Keeps a job's output and its index below the log limit: the oldest go. What
 * is kept is written first and the blocks are punched out afterwards, since a
 * reader looks in the opposite order (common/joblog.h). Records below the floor
 * may stay: only their number is bounded, for a job that writes single bytes
 * makes 40 bytes of index of each.
 */

#include <fcntl.h>

#include "spawner/output.h"

#define BLOCK		4096u
#define INDEX_MIN	(1024 * 1024u)	/* is kept of the index in any case */

/* So much more than needed goes at once: a punch costs more than a write. */
static uint64_t
step(uint64_t max)
{
	return (max / 8 > BLOCK ? max / 8 : BLOCK);
}

static void
limit_bytes(const struct output *o, struct joblog_kept *kept)
{
	uint64_t floor;

	if (o->offset - kept->floor <= o->log_max)
		return;
	floor = o->offset - o->log_max + step(o->log_max);
	floor -= floor % BLOCK;
	kept->floor = floor < o->offset ? floor : o->offset;
}

/* With a record goes what it covers. One that cannot be read stays. */
static void
limit_records(const struct output *o, struct joblog_kept *kept)
{
	uint64_t max = o->log_max > INDEX_MIN ? o->log_max : INDEX_MIN, first;
	struct joblog_record rec;

	if (o->records - kept->first <= max / JOBLOG_RECORD_SIZE)
		return;
	first = o->records - (max - step(max)) / JOBLOG_RECORD_SIZE;
	if (joblog_record_read(o->index_fd, first, &rec) != 1)
		return;
	kept->first = first;
	if (rec.offset > kept->floor)
		kept->floor = rec.offset;
}

/* Whole blocks: the one that to lies in stays. */
static void
punch(int fd, uint64_t from, uint64_t to)
{
	from -= from % BLOCK;
	to -= to % BLOCK;
	if (from < to)
		(void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    (off_t)from, (off_t)(to - from));
}

void
loglimit_apply(struct output *o)
{
	struct joblog_kept was = o->kept, now = o->kept;

	if (o->log_max == 0)
		return;
	limit_bytes(o, &now);
	limit_records(o, &now);
	if (now.floor == was.floor && now.first == was.first)
		return;
	/* Not raised, not punched: a reader would take the hole for zeros. */
	if (joblog_kept_write(o->index_fd, &now) != 0)
		return;
	o->kept = now;
	punch(o->data_fd, was.floor, now.floor);
	/* From the first record's block on, never the header's. */
	punch(o->index_fd, (uint64_t)joblog_record_place(was.first),
	    (uint64_t)joblog_record_place(now.first));
}
