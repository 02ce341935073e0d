/* SPDX-License-Identifier: ISC */

/*
 * The index: a record for each piece of output, one behind the other. A record
 * that cannot be written is kept, and what comes after it is merged with it to
 * one gap, until writing works again or the job's output ends. Room for that
 * gap and the END record is always reserved, so a full disk cannot take them.
 */

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "common/fdio.h"
#include "spawner/output.h"

/* Disk space of the index is reserved in such steps. */
#define RESERVE_STEP	(16 * 1024)

/* What every record but the last ones leaves free: a gap and END. */
#define LAST_RECORDS	2

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec);
}

static void
record_make(struct joblog_record *rec, uint64_t offset, uint64_t length,
    uint8_t stream, uint8_t flags)
{
	rec->offset = offset;
	rec->length = length;
	rec->realtime = (int64_t)clock_ns(CLOCK_REALTIME);
	rec->boottime = clock_ns(CLOCK_BOOTTIME);
	rec->stream = stream;
	rec->flags = flags;
}

int
record_reserve(struct output *o)
{
	off_t from = (off_t)o->reserved;

	if (fallocate(o->index_fd, FALLOC_FL_KEEP_SIZE, from, RESERVE_STEP) == 0) {
		o->reserved += RESERVE_STEP;
		return (0);
	}
	if (errno == EOPNOTSUPP || errno == ENOSYS) {
		o->no_reserve = true;
		return (0);
	}
	return (-errno);
}

/* Writes rec if there will be room for spare more after it. */
static int
record_write(struct output *o, const struct joblog_record *rec, unsigned int spare)
{
	uint8_t b[JOBLOG_RECORD_SIZE];
	uint64_t place, end;
	int r;

	place = (uint64_t)joblog_record_place(o->records);
	end = place + (1 + (uint64_t)spare) * JOBLOG_RECORD_SIZE;
	if (!o->no_reserve && end > o->reserved && (r = record_reserve(o)) != 0)
		return (r);
	joblog_record_encode(rec, b);
	if ((r = pwrite_full(o->index_fd, b, sizeof(b), (off_t)place)) != 0)
		return (r);
	o->records++;
	o->news = true;
	return (0);
}

int
record_flush(struct output *o, bool last)
{
	int r;

	if (!o->has_pending)
		return (0);
	if ((r = record_write(o, &o->pending, last ? 1 : LAST_RECORDS)) != 0)
		return (r);
	o->has_pending = false;
	return (0);
}

/* rec follows what is pending and shares its fate: neither can be shown. */
static void
merge(struct output *o, const struct joblog_record *rec)
{
	struct joblog_record *p = &o->pending;

	if (p->flags != JOBLOG_GAP)
		o->dropped += p->length;
	if (rec->flags != JOBLOG_GAP)
		o->dropped += rec->length;
	p->flags = JOBLOG_GAP;
	p->length += rec->length;
	if (p->stream != rec->stream)
		p->stream = JOBLOG_SYSTEM;
}

/*
 * A gap goes on growing until there is something to show after it: so it is
 * never written by itself, but at the end.
 */
void
record_add(struct output *o, uint8_t stream, uint64_t n, uint8_t flags)
{
	struct joblog_record rec;
	bool gap = flags == JOBLOG_GAP;
	bool grow = gap && o->has_pending && o->pending.flags == JOBLOG_GAP;

	record_make(&rec, o->offset, n, stream, flags);
	o->offset += n;
	if (gap)
		o->dropped += n;
	if (grow || record_flush(o, false) != 0) {
		merge(o, &rec);
		return;
	}
	if (gap || record_write(o, &rec, LAST_RECORDS) != 0) {
		o->pending = rec;
		o->has_pending = true;
	}
}

/* A reader takes no END that does not follow the records before it. */
int
record_end(struct output *o)
{
	struct joblog_record rec;
	int r;

	if ((r = record_flush(o, true)) != 0)
		return (r);
	record_make(&rec, o->offset, 0, JOBLOG_SYSTEM, JOBLOG_END);
	return (record_write(o, &rec, 0));
}
