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

/* How many records there are wholly. */
static int
count_records(const struct joblog_reader *r, uint64_t *n)
{
	struct stat st;

	if (fstat(r->index_fd, &st) == -1)
		return (-errno);
	*n = 0;
	if (st.st_size > JOBLOG_HEADER_SIZE)
		*n = (uint64_t)(st.st_size - JOBLOG_HEADER_SIZE) / JOBLOG_RECORD_SIZE;
	return (0);
}

/*
 * Makes the first record that ends after target the next one, by bisection of
 * those from number first on. cur stands for all before it: *to is target (or
 * where the records begin), or where they end so far.
 */
static int
bisect(struct joblog_reader *r, uint64_t first, uint64_t target, uint64_t *to)
{
	struct joblog_record rec, low;
	uint64_t lo = first, hi = 0, mid;
	int n;

	if ((n = count_records(r, &hi)) != 0)
		return (n);
	if (first != 0 && first >= hi)
		return (-EBADMSG);
	memset(&low, 0, sizeof(low));
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if ((n = joblog_record_read(r->index_fd, mid, &rec)) < 0)
			return (n);
		if (n == 1 && record_end(&rec) <= target && rec.flags != JOBLOG_END) {
			lo = mid + 1;
			low = rec;
		} else
			hi = mid;
	}
	if ((n = joblog_record_read(r->index_fd, lo, &rec)) < 0)
		return (n);
	if (n == 1 && lo == first && first != 0)
		low.offset = rec.offset;	/* what is before it is gone */
	r->next = lo;
	r->cur = low;
	r->have = 0;
	*to = record_end(&low);
	if (n == 1 && rec.flags != JOBLOG_END && target > *to)
		*to = target;
	return (0);
}

/* A record that reads badly is damage, unless it was cut off meanwhile. */
static int
seek(struct joblog_reader *r, uint64_t target, uint64_t *to)
{
	struct joblog_kept kept;
	uint64_t first;
	int error;

	if ((error = joblog_kept_read(r->index_fd, &kept)) != 0)
		return (error);
	do {
		first = kept.first;
		if ((error = bisect(r, first, target, to)) != -EBADMSG)
			return (error);
		if ((error = joblog_kept_read(r->index_fd, &kept)) != 0)
			return (error);
	} while (kept.first > first);
	return (-EBADMSG);
}

int
joblog_reader_init(struct joblog_reader *r, int output_fd, int index_fd, uint64_t start)
{
	uint64_t to;
	int error;

	memset(r, 0, sizeof(*r));
	r->output_fd = output_fd;
	r->index_fd = index_fd;
	r->pos = start;
	if ((error = joblog_header_check(index_fd)) != 0)
		return (error);
	return (start == 0 ? 0 : seek(r, start, &to));
}

/*
 * The next record is not what should follow: it was cut off, then those that
 * are kept come next, or else the index is damaged. Record first, header
 * afterwards: what was punched before we read it lies below first by now.
 */
static int
rejoin(struct joblog_reader *r)
{
	struct joblog_kept kept;
	uint64_t at = r->next, to;
	int error;

	if ((error = joblog_kept_read(r->index_fd, &kept)) != 0)
		return (error);
	if (kept.first <= at)
		return (-EBADMSG);
	if ((error = seek(r, r->pos, &to)) != 0)
		return (error);
	return (r->next > at ? 0 : -EBADMSG);
}

/* Makes rec cur, without what lies below pos. END is there to be seen. */
static void
take(struct joblog_reader *r, const struct joblog_record *rec)
{
	r->next++;
	r->cur = *rec;
	r->done = 0;
	if (rec->flags != JOBLOG_END && r->pos > rec->offset)
		r->done = r->pos < record_end(rec) ? r->pos - rec->offset : rec->length;
	r->have = rec->flags == JOBLOG_END || r->done < rec->length;
}

/* 1 with cur set to a record with something left, 0 if there is none, or -errno. */
static int
load(struct joblog_reader *r)
{
	struct joblog_record rec;
	int n;

	while (!r->have) {
		n = joblog_record_read(r->index_fd, r->next, &rec);
		if (n == 1 && rec.offset == record_end(&r->cur)) {
			take(r, &rec);
			continue;
		}
		if (n != 1 && n != -EBADMSG)
			return (n);
		if ((n = rejoin(r)) != 0)
			return (n);
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
	if ((got = pread_full(r->index_fd, b, sizeof(b),
	    joblog_record_place(r->next))) < 0)
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

/*
 * Everything from pos to target is one gap, however many records it has or had.
 * in: the record that it begins in; NULL: that is gone.
 */
static int
skip(struct joblog_reader *r, uint64_t target, const struct joblog_record *in,
    struct joblog_item *item)
{
	uint64_t to = 0;
	int error;

	if ((error = seek(r, target, &to)) != 0)
		return (error);
	/* A bisection through damaged records may lead anywhere. */
	if (to <= r->pos)
		return (-EBADMSG);
	item->what = JOBLOG_GAP_LIMIT;
	item->offset = r->pos;
	item->n = to - r->pos;
	item->stream = in != NULL && to <= record_end(in) ? in->stream : JOBLOG_SYSTEM;
	return (0);
}

/* The records between pos and item->offset were cut off. */
static int
read_lost(struct joblog_reader *r, struct joblog_item *item)
{
	struct joblog_kept kept;
	int error;

	if ((error = joblog_kept_read(r->index_fd, &kept)) != 0)
		return (error);
	return (skip(r, kept.floor > item->offset ? kept.floor : item->offset, NULL, item));
}

/*
 * Bytes first, floor afterwards: what was punched while we read lies below the
 * floor by then.
 */
static int
read_data(struct joblog_reader *r, void *buf, size_t size, struct joblog_item *item)
{
	struct joblog_record first = r->cur;
	struct joblog_kept kept;
	ssize_t got;
	int error;

	if ((error = span(r, size, &item->n)) != 0)
		return (error);
	got = pread_full(r->output_fd, buf, (size_t)item->n, (off_t)item->offset);
	if (got < 0)
		return ((int)got);
	if ((error = joblog_kept_read(r->index_fd, &kept)) != 0)
		return (error);
	if (kept.floor > item->offset)
		return (skip(r, kept.floor, &first, item));
	if ((uint64_t)got != item->n)
		return (-EBADMSG);
	item->what = JOBLOG_DATA;
	return (0);
}

static int
read_piece(struct joblog_reader *r, void *buf, size_t size, struct joblog_item *item)
{
	item->realtime = r->cur.realtime;
	item->stream = r->cur.stream;
	item->offset = r->cur.offset + r->done;
	if (item->offset > r->pos)
		return (read_lost(r, item));
	if (r->cur.flags == JOBLOG_GAP)
		return (read_gap(r, item));
	if (r->cur.flags != JOBLOG_END)
		return (read_data(r, buf, size, item));
	r->ended = 1;
	item->what = JOBLOG_ENDED;
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
	if ((n = read_piece(r, buf, size, item)) != 0)
		return (n);
	if (!r->ended)
		r->pos = item->offset + item->n;
	return (0);
}
