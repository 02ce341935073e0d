/* SPDX-License-Identifier: ISC */

/*
 * Keeps a job's output below its log limit: the oldest bytes go. The floor is
 * raised first and the blocks are punched out afterwards, since a reader looks
 * in the opposite order (common/joblog.h). The index is not cut: its records
 * are 40 bytes for each read of a pipe.
 */

#include <fcntl.h>

#include "spawner/output.h"

#define BLOCK	4096u

/* So much more than needed goes at once: a punch costs more than a write. */
static uint64_t
step(uint64_t log_max)
{
	return (log_max / 8 > BLOCK ? log_max / 8 : BLOCK);
}

void
loglimit_apply(struct output *o)
{
	uint64_t from = o->floor, to;

	if (o->log_max == 0 || o->offset - o->floor <= o->log_max)
		return;
	to = o->offset - o->log_max + step(o->log_max);
	to -= to % BLOCK;
	if (to > o->offset)
		to = o->offset;
	/* Not raised, not punched: a reader would take the hole for zeros. */
	if (joblog_floor_write(o->index_fd, to) != 0)
		return;
	o->floor = to;
	from -= from % BLOCK;
	(void)fallocate(o->data_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    (off_t)from, (off_t)(to - from));
}
