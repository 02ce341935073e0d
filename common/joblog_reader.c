/* SPDX-License-Identifier: ISC */

/*
 * A follower's way through a job's output, while it grows or afterwards. It
 * may assume nothing of the two files, which another process writes: records
 * follow each other without a hole, and where they do not, or where output
 * lacks what a record covers, the answer is -EBADMSG and never invented bytes.
 */

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/joblog.h"

/* How many records one read of the index takes, when small ones are joined. */
#define BATCH		64

/* Joined pieces share a time: it is exact to this. */
#define JOIN_WITHIN_NS	10000000

static uint64_t
record_end(const struct joblog_record *rec)
{
	return (rec->offset + rec->length);	/* checked by decode */
}

static off_t
record_place(uint64_t i)
{
	return ((off_t)(JOBLOG_HEADER_SIZE + i * JOBLOG_RECORD_SIZE));
}

/* Record i: 1, 0 if it is not (wholly) there yet, or -errno. */
static int
record_get(const struct joblog_reader *r, uint64_t i, struct joblog_record *rec)
{
	uint8_t b[JOBLOG_RECORD_SIZE];
	ssize_t n;
	int error;

	if ((n = pread_full(r->index_fd, b, sizeof(b), record_place(i))) < 0)
		return ((int)n);
	if (n != (ssize_t)sizeof(b))
		return (0);
	if ((error = joblog_record_decode(b, rec)) != 0)
		return (error);
	return (1);
}

/*
 * Makes the first record that ends after target the next one, by bisection.
 * cur stands for all before it: *pos is target, or where the records end so far.
 */
static int
seek(struct joblog_reader *r, uint64_t target, uint64_t *pos)
{
	struct joblog_record rec, low;
	struct stat st;
	uint64_t lo, hi, mid;
	int n;

	if (fstat(r->index_fd, &st) == -1)
		return (-errno);
	memset(&low, 0, sizeof(low));
	lo = hi = 0;
	if (st.st_size > JOBLOG_HEADER_SIZE)
		hi = (uint64_t)(st.st_size - JOBLOG_HEADER_SIZE) / JOBLOG_RECORD_SIZE;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if ((n = record_get(r, mid, &rec)) < 0)
			return (n);
		if (n == 1 && record_end(&rec) <= target && rec.flags != JOBLOG_END) {
			lo = mid + 1;
			low = rec;
		} else
			hi = mid;
	}
	r->next = lo;
	r->cur = low;
	r->have = 0;
	if ((n = record_get(r, lo, &rec)) < 0)
		return (n);
	*pos = n == 1 && rec.flags != JOBLOG_END ? target : record_end(&low);
	return (0);
}

int
joblog_reader_init(struct joblog_reader *r, int output_fd, int index_fd, uint64_t start)
{
	uint64_t pos;
	int error;

	memset(r, 0, sizeof(*r));
	r->output_fd = output_fd;
	r->index_fd = index_fd;
	r->start = start;
	if ((error = joblog_header_check(index_fd)) != 0)
		return (error);
	return (start == 0 ? 0 : seek(r, start, &pos));
}

/* 1 with cur set to a record with something left, 0 if there is none, or -errno. */
static int
load(struct joblog_reader *r)
{
	struct joblog_record rec;
	int n;

	while (!r->have) {
		if ((n = record_get(r, r->next, &rec)) <= 0)
			return (n);
		if (rec.offset != record_end(&r->cur))
			return (-EBADMSG);
		r->next++;
		r->cur = rec;
		r->done = 0;
		if (rec.flags == JOBLOG_END) {
			r->ended = 1;
			return (1);
		}
		if (r->start >= record_end(&rec))
			r->done = rec.length;
		else if (r->start > rec.offset)
			r->done = r->start - rec.offset;
		r->have = r->done < rec.length;
	}
	return (1);
}

static int
joinable(const struct joblog_record *first, const struct joblog_record *prev,
    const struct joblog_record *rec)
{
	return (rec->flags == 0 && rec->stream == first->stream &&
	    rec->offset == record_end(prev) && rec->realtime >= first->realtime &&
	    (uint64_t)rec->realtime - (uint64_t)first->realtime <= JOIN_WITHIN_NS);
}

/* Takes n bytes off cur; it is used up when none is left. */
static void
advance(struct joblog_reader *r, uint64_t n)
{
	r->done += n;
	r->have = r->done < r->cur.length;
}

/*
 * How many bytes from cur on can be given as one piece. Moves on to the last
 * record that has a part in it; what is damaged is left for load() to find.
 */
static int
span(struct joblog_reader *r, uint64_t size, uint64_t *total)
{
	uint8_t b[BATCH * JOBLOG_RECORD_SIZE];
	struct joblog_record first = r->cur, rec;
	uint64_t n;
	ssize_t got;
	size_t i;

	*total = r->cur.length - r->done;
	if (*total > size)
		*total = size;
	advance(r, *total);
	if (*total == size)
		return (0);
	if ((got = pread_full(r->index_fd, b, sizeof(b), record_place(r->next))) < 0)
		return ((int)got);
	for (i = 0; i < (size_t)got / JOBLOG_RECORD_SIZE && *total < size; i++) {
		if (joblog_record_decode(b + i * JOBLOG_RECORD_SIZE, &rec) != 0 ||
		    !joinable(&first, &r->cur, &rec))
			break;
		n = rec.length < size - *total ? rec.length : size - *total;
		*total += n;
		r->next++;
		r->cur = rec;
		r->done = 0;
		advance(r, n);
	}
	return (0);
}

static int
read_gap(struct joblog_reader *r, struct joblog_item *item)
{
	item->what = JOBLOG_GAP_DISK;
	item->n = r->cur.length - r->done;
	advance(r, item->n);
	return (0);
}

/* Everything up to floor is one gap, however many records it has. */
static int
read_below_floor(struct joblog_reader *r, uint64_t floor,
    const struct joblog_record *first, struct joblog_item *item)
{
	uint64_t pos = 0;
	int error;

	if ((error = seek(r, floor, &pos)) != 0)
		return (error);
	/* A bisection through damaged records may lead anywhere. */
	if (pos <= item->offset)
		return (-EBADMSG);
	r->start = pos;
	item->what = JOBLOG_GAP_LIMIT;
	item->n = pos - item->offset;
	item->stream = pos <= record_end(first) ? first->stream : JOBLOG_SYSTEM;
	return (0);
}

/*
 * Bytes first, floor afterwards: what was punched while we read lies below the
 * floor by then.
 */
static int
read_data(struct joblog_reader *r, void *buf, size_t size, struct joblog_item *item)
{
	struct joblog_record first = r->cur;
	uint64_t floor;
	ssize_t got;
	int error;

	if ((error = span(r, size, &item->n)) != 0)
		return (error);
	got = pread_full(r->output_fd, buf, (size_t)item->n, (off_t)item->offset);
	if (got < 0)
		return ((int)got);
	if ((error = joblog_floor_read(r->index_fd, &floor)) != 0)
		return (error);
	if (floor > item->offset)
		return (read_below_floor(r, floor, &first, item));
	if ((uint64_t)got != item->n)
		return (-EBADMSG);
	item->what = JOBLOG_DATA;
	return (0);
}

int
joblog_read(struct joblog_reader *r, void *buf, size_t size, struct joblog_item *item)
{
	int n;

	memset(item, 0, sizeof(*item));
	item->what = r->ended ? JOBLOG_ENDED : JOBLOG_NONE;
	if (r->ended || size == 0)
		return (0);
	if ((n = load(r)) <= 0)
		return (n);
	item->realtime = r->cur.realtime;
	item->stream = r->cur.stream;
	item->offset = r->cur.offset + r->done;
	if (r->ended) {
		item->what = JOBLOG_ENDED;
		return (0);
	}
	if (r->cur.flags == JOBLOG_GAP)
		return (read_gap(r, item));
	return (read_data(r, buf, size, item));
}
