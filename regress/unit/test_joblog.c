/* SPDX-License-Identifier: ISC */

/*
 * The form of a job's output on disk, and a follower's way through it. Each
 * test writes the two files by hand, as a supervisor would, and looks at what a
 * reader makes of them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/joblog.h"

struct files {
	int output, index;
	uint64_t offset, records;
	int64_t now;
};

static struct files
files_new(void)
{
	struct files f;

	memset(&f, 0, sizeof(f));
	f.output = memfd_create("output", MFD_CLOEXEC);
	f.index = memfd_create("index", MFD_CLOEXEC);
	assert_int_not_equal(f.output, -1);
	assert_int_not_equal(f.index, -1);
	assert_int_equal(joblog_header_write(f.index), 0);
	f.now = 1000000000;
	return (f);
}

static void
files_free(struct files *f)
{
	close(f->output);
	close(f->index);
}

static void
cut_range(int fd, off_t from, off_t to)
{
	int how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	if (from < to)
		assert_int_equal(fallocate(fd, how, from, to - from), 0);
}

static void
set_kept(struct files *f, uint64_t floor, uint64_t first)
{
	struct joblog_kept kept = { floor, first };

	assert_int_equal(joblog_kept_write(f->index, &kept), 0);
}

/* As the supervisor does at its log limit: of the index, whole blocks. */
static void
cut(struct files *f, uint64_t floor, uint64_t first)
{
	off_t end = joblog_record_place(first);

	set_kept(f, floor, first);
	cut_range(f->output, 0, (off_t)floor);
	cut_range(f->index, JOBLOG_HEADER_SIZE, end - end % 4096);
}

static void
put_record(struct files *f, uint64_t length, uint8_t stream, uint8_t flags)
{
	uint8_t b[JOBLOG_RECORD_SIZE];
	struct joblog_record rec = { f->offset, length, f->now, 1, stream, flags };

	joblog_record_encode(&rec, b);
	assert_int_equal(pwrite(f->index, b, sizeof(b), joblog_record_place(f->records)),
	    sizeof(b));
	f->offset += length;
	f->records++;
}

static void
put_data(struct files *f, const char *text, uint8_t stream)
{
	size_t n = strlen(text);

	assert_int_equal(pwrite(f->output, text, n, (off_t)f->offset), n);
	put_record(f, n, stream, 0);
}

static void
expect(struct joblog_reader *r, enum joblog_what what, uint64_t offset,
    const char *text, uint8_t stream)
{
	struct joblog_item item;
	char buf[64];

	assert_int_equal(joblog_read(r, buf, sizeof(buf), &item), 0);
	assert_int_equal(item.what, what);
	assert_int_equal(item.offset, offset);
	assert_int_equal(item.n, strlen(text));
	assert_int_equal(item.stream, stream);
	if (what == JOBLOG_DATA)
		assert_memory_equal(buf, text, item.n);
}

static void
expect_gap(struct joblog_reader *r, enum joblog_what what, uint64_t offset, uint64_t n)
{
	struct joblog_item item;
	char buf[64];

	assert_int_equal(joblog_read(r, buf, sizeof(buf), &item), 0);
	assert_int_equal(item.what, what);
	assert_int_equal(item.offset, offset);
	assert_int_equal(item.n, n);
}

static void
expect_what(struct joblog_reader *r, enum joblog_what what)
{
	struct joblog_item item;
	char buf[64];

	assert_int_equal(joblog_read(r, buf, sizeof(buf), &item), 0);
	assert_int_equal(item.what, what);
}

static void
expect_damaged(struct joblog_reader *r)
{
	struct joblog_item item;
	char buf[64];

	assert_int_equal(joblog_read(r, buf, sizeof(buf), &item), -EBADMSG);
}

/* RFC 3720, appendix B.4, and the usual check value. */
static void
test_crc32c(void **state)
{
	uint8_t zeros[32] = { 0 };

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeros, sizeof(zeros)), 0x8a9136aa);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
}

static void
test_record_form(void **state)
{
	struct joblog_record rec = { 0x0102, 3, -2, 5, JOBLOG_STDERR, JOBLOG_GAP }, back;
	uint8_t b[JOBLOG_RECORD_SIZE], bad[JOBLOG_RECORD_SIZE];
	size_t i;

	(void)state;
	joblog_record_encode(&rec, b);
	assert_int_equal(b[0], 2);		/* little-endian */
	assert_int_equal(b[1], 1);
	assert_int_equal(b[16], 0xfe);
	assert_int_equal(b[32], 2);
	assert_int_equal(joblog_record_decode(b, &back), 0);
	assert_int_equal(back.offset, rec.offset);
	assert_int_equal(back.length, rec.length);
	assert_int_equal(back.realtime, rec.realtime);
	assert_int_equal(back.boottime, rec.boottime);
	assert_int_equal(back.stream, rec.stream);
	assert_int_equal(back.flags, rec.flags);
	for (i = 0; i < sizeof(b) * 8; i++) {
		memcpy(bad, b, sizeof(bad));
		bad[i / 8] ^= (uint8_t)(1 << (i % 8));
		assert_int_equal(joblog_record_decode(bad, &back), -EBADMSG);
	}
}

/* What has a good CRC but makes no sense. */
static void
test_record_nonsense(void **state)
{
	static const struct joblog_record bad[] = {
		{ 0, 1, 0, 0, 0, 0 },
		{ 0, 1, 0, 0, 4, 0 },
		{ 0, 1, 0, 0, JOBLOG_STDOUT, 4 },
		{ 0, 1, 0, 0, JOBLOG_STDOUT, JOBLOG_GAP | JOBLOG_END },
		{ 0, 0, 0, 0, JOBLOG_STDOUT, 0 },
		{ 0, 0, 0, 0, JOBLOG_STDOUT, JOBLOG_GAP },
		{ 0, 1, 0, 0, JOBLOG_SYSTEM, JOBLOG_END },
		{ UINT64_MAX, 1, 0, 0, JOBLOG_STDOUT, 0 },
		{ 1, UINT64_MAX, 0, 0, JOBLOG_STDOUT, 0 },
		{ INT64_MAX, 1, 0, 0, JOBLOG_STDOUT, 0 },
	};
	struct joblog_record back;
	uint8_t b[JOBLOG_RECORD_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		joblog_record_encode(&bad[i], b);
		assert_int_equal(joblog_record_decode(b, &back), -EBADMSG);
	}
}

static void
test_header(void **state)
{
	struct files f = files_new();
	struct joblog_reader r;
	struct joblog_kept kept = { 1, 1 };
	uint8_t b[24];

	(void)state;
	assert_int_equal(joblog_header_check(f.index), 0);
	assert_int_equal(joblog_kept_read(f.index, &kept), 0);
	assert_int_equal(kept.floor, 0);
	assert_int_equal(kept.first, 0);
	set_kept(&f, 0x1122334455667788, 0x0102030405060708);
	assert_int_equal(joblog_kept_read(f.index, &kept), 0);
	assert_int_equal(kept.floor, 0x1122334455667788);
	assert_int_equal(kept.first, 0x0102030405060708);
	assert_int_equal(pread(f.index, b, sizeof(b), 0), sizeof(b));
	assert_memory_equal(b, "TPL1\1\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11"
	    "\x08\x07\x06\x05\x04\x03\x02\x01", sizeof(b));
	assert_int_equal(joblog_header_check(f.index), 0);
	assert_int_equal(pwrite(f.index, "\2", 1, 4), 1);	/* another version */
	assert_int_equal(joblog_header_check(f.index), -EBADMSG);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), -EBADMSG);
	assert_int_equal(ftruncate(f.index, JOBLOG_HEADER_SIZE - 1), 0);
	assert_int_equal(joblog_header_check(f.index), -EBADMSG);
	assert_int_equal(joblog_header_check(-1), -EBADF);
	assert_int_equal(ftruncate(f.index, JOBLOG_KEPT_OFFSET + 15), 0);
	assert_int_equal(joblog_kept_read(f.index, &kept), -EBADMSG);
	files_free(&f);
}

static void
test_follow_live(void **state)
{
	struct files f = files_new();
	struct joblog_reader r;

	(void)state;
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect_what(&r, JOBLOG_NONE);
	put_data(&f, "one\n", JOBLOG_STDOUT);
	expect(&r, JOBLOG_DATA, 0, "one\n", JOBLOG_STDOUT);
	expect_what(&r, JOBLOG_NONE);
	put_data(&f, "two", JOBLOG_STDERR);
	expect(&r, JOBLOG_DATA, 4, "two", JOBLOG_STDERR);
	put_record(&f, 0, JOBLOG_SYSTEM, JOBLOG_END);
	expect_what(&r, JOBLOG_ENDED);
	expect_what(&r, JOBLOG_ENDED);
	files_free(&f);
}

/* What no record covers is not shown; nor is half a record. */
static void
test_uncovered(void **state)
{
	struct files f = files_new();
	struct joblog_reader r;

	(void)state;
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	put_data(&f, "shown", JOBLOG_STDOUT);
	assert_int_equal(pwrite(f.output, "hidden", 6, 5), 6);
	expect(&r, JOBLOG_DATA, 0, "shown", JOBLOG_STDOUT);
	assert_int_equal(pwrite(f.index, "half a record", 13, joblog_record_place(1)), 13);
	expect_what(&r, JOBLOG_NONE);
	put_record(&f, 6, JOBLOG_STDERR, 0);
	expect(&r, JOBLOG_DATA, 5, "hidden", JOBLOG_STDERR);
	files_free(&f);
}

static void
test_joins(void **state)
{
	struct files f = files_new();
	struct joblog_reader r;
	struct joblog_item item;
	char buf[8];

	(void)state;
	put_data(&f, "a\n", JOBLOG_STDOUT);
	f.now += 1000;
	put_data(&f, "b\n", JOBLOG_STDOUT);
	put_data(&f, "c\n", JOBLOG_STDOUT);
	put_data(&f, "E\n", JOBLOG_STDERR);
	put_data(&f, "d\n", JOBLOG_STDOUT);
	f.now += 1000000000;
	put_data(&f, "later\n", JOBLOG_STDOUT);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	/* Joined, with the first one's time, as far as the buffer goes. */
	assert_int_equal(joblog_read(&r, buf, 5, &item), 0);
	assert_int_equal(item.n, 5);
	assert_int_equal(item.realtime, 1000000000);
	assert_memory_equal(buf, "a\nb\nc", 5);
	/* Another stream is not joined. */
	expect(&r, JOBLOG_DATA, 5, "\n", JOBLOG_STDOUT);
	expect(&r, JOBLOG_DATA, 6, "E\n", JOBLOG_STDERR);
	/* Nor is what came much later. */
	expect(&r, JOBLOG_DATA, 8, "d\n", JOBLOG_STDOUT);
	expect(&r, JOBLOG_DATA, 10, "later\n", JOBLOG_STDOUT);
	expect_what(&r, JOBLOG_NONE);
	files_free(&f);
}

static void
test_disk_gap(void **state)
{
	struct files f = files_new();
	struct joblog_reader r;

	(void)state;
	put_data(&f, "before", JOBLOG_STDOUT);
	put_record(&f, 1000, JOBLOG_STDOUT, JOBLOG_GAP);
	put_data(&f, "after", JOBLOG_STDOUT);
	put_record(&f, 0, JOBLOG_SYSTEM, JOBLOG_END);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect(&r, JOBLOG_DATA, 0, "before", JOBLOG_STDOUT);
	expect_gap(&r, JOBLOG_GAP_DISK, 6, 1000);
	expect(&r, JOBLOG_DATA, 1006, "after", JOBLOG_STDOUT);
	expect_what(&r, JOBLOG_ENDED);
	/* From the middle of the gap. */
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 506), 0);
	expect_gap(&r, JOBLOG_GAP_DISK, 506, 500);
	files_free(&f);
}

static void
test_start(void **state)
{
	struct files f = files_new();
	struct joblog_reader r;

	(void)state;
	put_data(&f, "0123", JOBLOG_STDOUT);
	put_data(&f, "4567", JOBLOG_STDERR);
	put_data(&f, "89ab", JOBLOG_STDOUT);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 4), 0);
	expect(&r, JOBLOG_DATA, 4, "4567", JOBLOG_STDERR);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 6), 0);
	expect(&r, JOBLOG_DATA, 6, "67", JOBLOG_STDERR);
	expect(&r, JOBLOG_DATA, 8, "89ab", JOBLOG_STDOUT);
	/* Beyond all there is: what comes later counts. */
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 18), 0);
	expect_what(&r, JOBLOG_NONE);
	put_data(&f, "cdef", JOBLOG_STDOUT);
	expect_what(&r, JOBLOG_NONE);
	put_data(&f, "ghij", JOBLOG_STDOUT);
	expect(&r, JOBLOG_DATA, 18, "ij", JOBLOG_STDOUT);
	put_record(&f, 0, JOBLOG_SYSTEM, JOBLOG_END);
	expect_what(&r, JOBLOG_ENDED);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 1000), 0);
	expect_what(&r, JOBLOG_ENDED);
	files_free(&f);
}

/* One gap, whatever the number of records below the floor. */
static void
test_floor(void **state)
{
	struct files f = files_new();
	struct joblog_reader r;
	int i;

	(void)state;
	for (i = 0; i < 300; i++)
		put_data(&f, i % 2 == 0 ? "0123456789" : "abcdefghij",
		    i % 2 == 0 ? JOBLOG_STDOUT : JOBLOG_STDERR);
	cut(&f, 2995, 0);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect_gap(&r, JOBLOG_GAP_LIMIT, 0, 2995);
	expect(&r, JOBLOG_DATA, 2995, "fghij", JOBLOG_STDERR);
	expect_what(&r, JOBLOG_NONE);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 2991), 0);
	expect_gap(&r, JOBLOG_GAP_LIMIT, 2991, 4);
	/* A floor ahead of the records: the gap ends with them. */
	set_kept(&f, 4000, 0);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 5), 0);
	expect_gap(&r, JOBLOG_GAP_LIMIT, 5, 2995);
	expect_what(&r, JOBLOG_NONE);
	put_record(&f, 0, JOBLOG_SYSTEM, JOBLOG_END);
	expect_what(&r, JOBLOG_ENDED);
	files_free(&f);
}

/*
 * The writer raises what is kept and punches between two reads of ours.
 * pread_full is ours here, so that it happens just then: before the read with
 * this number, and with step before each of those after it, too.
 */
static struct race {
	struct files *files;		/* NULL: none */
	unsigned int reads;		/* that come before it */
	uint64_t floor, first;
	uint64_t step;			/* in records, up to last */
	uint64_t last;
} race;

ssize_t __real_pread_full(int, void *, size_t, off_t);
ssize_t __wrap_pread_full(int, void *, size_t, off_t);

ssize_t
__wrap_pread_full(int fd, void *dst, size_t size, off_t offset)
{
	struct files *f = race.files;

	if (f != NULL && race.reads-- == 0) {
		cut(f, race.floor, race.first);
		race.floor += race.step * 10;
		race.first += race.step;
		race.reads = 0;
		if (race.step == 0 || race.first > race.last)
			race.files = NULL;
	}
	return (__real_pread_full(fd, dst, size, offset));
}

static void
test_floor_raised_while_reading(void **state)
{
	struct files f = files_new();
	struct joblog_reader r;

	(void)state;
	put_data(&f, "old old old", JOBLOG_STDOUT);
	put_data(&f, "new", JOBLOG_STDOUT);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	/* Record, records that may be joined, bytes; then what is kept. */
	race = (struct race){ &f, 3, 8, 0, 0, 0 };
	expect_gap(&r, JOBLOG_GAP_LIMIT, 0, 8);
	assert_null(race.files);
	expect(&r, JOBLOG_DATA, 8, "oldnew", JOBLOG_STDOUT);
	files_free(&f);
}

/* --- records that were cut off --- */

#define MANY		300u		/* records of ten bytes */
#define MANY_END	(MANY * 10)

/* The byte at an offset: never zero. */
static char
byte_at(uint64_t offset)
{
	return ((char)('A' + offset % 47));
}

static void
put_ten(struct files *f)
{
	char text[11] = "";
	uint64_t i;

	for (i = 0; i < 10; i++)
		text[i] = byte_at(f->offset + i);
	/* Three that may be joined, then another stream. */
	put_data(f, text, f->records / 3 % 2 == 0 ? JOBLOG_STDOUT : JOBLOG_STDERR);
}

static struct files
many_new(void)
{
	struct files f = files_new();

	while (f.records < MANY)
		put_ten(&f);
	return (f);
}

struct got {
	uint64_t data, lost, end;
	unsigned int gaps;
	enum joblog_what last;
};

/* To the end: each piece begins where the last one ended, and has the right bytes. */
static struct got
read_all(struct joblog_reader *r, size_t size)
{
	struct got got = { 0, 0, r->pos, 0, JOBLOG_NONE };
	struct joblog_item item;
	char buf[128];
	uint64_t i;

	for (;;) {
		assert_int_equal(joblog_read(r, buf, size, &item), 0);
		got.last = item.what;
		if (item.what == JOBLOG_NONE || item.what == JOBLOG_ENDED)
			return (got);
		assert_int_equal(item.offset, got.end);
		assert_int_not_equal(item.n, 0);
		got.end += item.n;
		if (item.what == JOBLOG_DATA) {
			got.data += item.n;
			for (i = 0; i < item.n; i++)
				assert_int_equal(buf[i], byte_at(item.offset + i));
			continue;
		}
		assert_int_equal(item.what, JOBLOG_GAP_LIMIT);
		got.lost += item.n;
		got.gaps++;
	}
}

/* From start on, lost bytes in one gap, all the others after it. */
static void
expect_from(struct files *f, uint64_t start, uint64_t lost)
{
	struct joblog_reader r;
	struct got got;

	assert_int_equal(joblog_reader_init(&r, f->output, f->index, start), 0);
	got = read_all(&r, 64);
	assert_int_equal(got.end, MANY_END);
	assert_int_equal(got.lost, lost);
	assert_int_equal(got.gaps, lost > 0);
	assert_int_equal(got.data, MANY_END - start - lost);
	assert_int_equal(got.last, JOBLOG_NONE);
}

/* Where first does not begin a block, records before it are left: it is the same. */
static void
test_first(void **state)
{
	static const uint64_t firsts[] = { 1, 102, 103, 204, 205, 210, 299 };
	static const uint64_t above[] = { 0, 5, 10 };
	struct files f;
	uint64_t floor;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
		for (k = 0; k < sizeof(above) / sizeof(above[0]); k++) {
			f = many_new();
			floor = firsts[i] * 10 + above[k];
			cut(&f, floor, firsts[i]);
			expect_from(&f, 0, floor);
			expect_from(&f, 1, floor - 1);
			expect_from(&f, floor - 1, 1);
			expect_from(&f, floor, 0);
			if (floor < MANY_END)
				expect_from(&f, floor + 1, 0);
			files_free(&f);
		}
}

/* Followers that were there before: how far behind, and so what they miss. */
static void
test_first_passes_a_follower(void **state)
{
	uint64_t read, lost, floor = 2100;
	struct joblog_reader r;
	struct joblog_item item;
	struct files f;
	struct got got;
	char buf[1];

	(void)state;
	for (read = 0; read < MANY_END; read += read / 200 == 10 ? 1 : 13) {
		f = many_new();
		assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
		r.pos = read > 0 ? read - 1 : 0;
		if (read > 0) {
			assert_int_equal(joblog_read(&r, buf, 1, &item), 0);
			assert_int_equal(item.offset, read - 1);
		}
		cut(&f, floor, 210);
		got = read_all(&r, 64);
		lost = read < floor ? floor - read : 0;
		assert_int_equal(got.lost, lost);
		assert_int_equal(got.gaps, lost > 0);
		assert_int_equal(got.end, MANY_END);
		files_free(&f);
	}
}

/* At each point of a reader's way. */
static void
test_first_raised_while_reading(void **state)
{
	static const uint64_t starts[] = { 0, 1, 995, 2050, 2099, 2100, 2105, 2990, 3000 };
	struct joblog_reader r;
	struct files f;
	struct got got;
	unsigned int reads;
	bool raced;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		for (reads = 0, raced = true; raced; reads++) {
			f = many_new();
			race = (struct race){ &f, reads, 2105, 210, 0, 0 };
			assert_int_equal(joblog_reader_init(&r, f.output, f.index, starts[i]), 0);
			got = read_all(&r, 64);
			assert_int_equal(got.end, MANY_END);
			assert_true(got.gaps <= 1);
			raced = race.files == NULL;
			race.files = NULL;
			files_free(&f);
		}
}

/* By a writer that overtakes us with each read. */
static void
test_first_runs_away(void **state)
{
	struct joblog_reader r;
	struct files f;
	struct got got;
	uint64_t step, start;

	(void)state;
	for (step = 1; step < 40; step++)
		for (start = 0; start < MANY_END; start += 499) {
			f = many_new();
			put_record(&f, 0, JOBLOG_SYSTEM, JOBLOG_END);
			race = (struct race){ &f, 1, 10, 1, step, MANY - 1 };
			assert_int_equal(joblog_reader_init(&r, f.output, f.index, start), 0);
			got = read_all(&r, 64);
			assert_int_equal(got.last, JOBLOG_ENDED);
			assert_int_equal(got.end, MANY_END);
			race.files = NULL;
			files_free(&f);
		}
}

/* A live log that is cut again and again, with nothing but END at last. */
static void
test_first_live(void **state)
{
	struct files f = many_new();
	struct joblog_reader r;
	struct joblog_item item;
	uint64_t lost = 0;
	char buf[64];
	int i;

	(void)state;
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect_gap(&r, JOBLOG_DATA, 0, 30);
	for (i = 0; i < 2000; i++) {
		put_ten(&f);
		if (i % 50 == 0)
			cut(&f, f.offset - 500, f.records - 50);
		if (i % 100 == 99) {
			assert_int_equal(joblog_read(&r, buf, sizeof(buf), &item), 0);
			lost += item.what == JOBLOG_GAP_LIMIT;
		}
	}
	assert_true(lost > 5);
	put_record(&f, 0, JOBLOG_SYSTEM, JOBLOG_END);
	cut(&f, f.offset, f.records - 1);
	lost = r.pos;
	expect_gap(&r, JOBLOG_GAP_LIMIT, lost, f.offset - lost);
	expect_what(&r, JOBLOG_ENDED);
	assert_int_equal(r.cur.offset, f.offset);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 7), 0);
	expect_gap(&r, JOBLOG_GAP_LIMIT, 7, f.offset - 7);
	expect_what(&r, JOBLOG_ENDED);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, f.offset + 7), 0);
	expect_what(&r, JOBLOG_ENDED);
	files_free(&f);
}

/* A first that cannot be, and records that are bad though they are kept. */
static void
test_first_damaged(void **state)
{
	/* The last three: numbers whose place would be small again. */
	static const uint64_t beyond[] = { MANY, MANY + 1, UINT64_MAX,
	    UINT64_MAX / 40 + 1, UINT64_MAX / 40 + 100, (uint64_t)1 << 61 };
	struct joblog_reader r;
	struct files f;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		f = many_new();
		set_kept(&f, 0, beyond[i]);
		/* What is there and good is shown; what is not is waited for. */
		assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
		assert_int_equal(read_all(&r, 64).data, MANY_END);
		assert_int_equal(joblog_reader_init(&r, f.output, f.index, 5), -EBADMSG);
		cut_range(f.index, joblog_record_place(0), joblog_record_place(1));
		assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
		expect_damaged(&r);
		files_free(&f);
	}
	/* A hole above first, which no bisection meets; then first itself, too. */
	f = many_new();
	cut(&f, 2100, 210);
	cut_range(f.index, joblog_record_place(213), joblog_record_place(214));
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect_gap(&r, JOBLOG_GAP_LIMIT, 0, 2100);
	expect_gap(&r, JOBLOG_DATA, 2100, 30);
	expect_damaged(&r);
	cut_range(f.index, joblog_record_place(210), joblog_record_place(211));
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect_damaged(&r);
	files_free(&f);
	/* A floor beyond everything, with a first that is good. */
	f = many_new();
	cut(&f, MANY_END, 210);
	set_kept(&f, UINT64_MAX, 210);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect_gap(&r, JOBLOG_GAP_LIMIT, 0, MANY_END);
	expect_what(&r, JOBLOG_NONE);
	files_free(&f);
}

static void
test_damaged(void **state)
{
	struct files f = files_new();
	struct joblog_reader r;

	(void)state;
	put_data(&f, "good", JOBLOG_STDOUT);
	put_data(&f, "spoilt", JOBLOG_STDOUT);
	assert_int_equal(pwrite(f.index, "x", 1, joblog_record_place(1) + 8), 1);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect(&r, JOBLOG_DATA, 0, "good", JOBLOG_STDOUT);
	expect_damaged(&r);
	files_free(&f);

	/* A hole between two records, and one that goes back. */
	f = files_new();
	put_data(&f, "good", JOBLOG_STDOUT);
	f.offset = 5;
	put_data(&f, "more", JOBLOG_STDOUT);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect(&r, JOBLOG_DATA, 0, "good", JOBLOG_STDOUT);
	expect_damaged(&r);
	files_free(&f);

	f = files_new();
	put_data(&f, "good", JOBLOG_STDOUT);
	f.offset = 0;
	put_record(&f, 4, JOBLOG_STDERR, 0);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect(&r, JOBLOG_DATA, 0, "good", JOBLOG_STDOUT);
	expect_damaged(&r);
	files_free(&f);
}

/* A record that covers more than there is. */
static void
test_short_output(void **state)
{
	struct files f = files_new();
	struct joblog_reader r;

	(void)state;
	put_data(&f, "there", JOBLOG_STDOUT);
	put_record(&f, 10, JOBLOG_STDERR, 0);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect(&r, JOBLOG_DATA, 0, "there", JOBLOG_STDOUT);
	expect_damaged(&r);
	files_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_record_form),
		cmocka_unit_test(test_record_nonsense),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_follow_live),
		cmocka_unit_test(test_uncovered),
		cmocka_unit_test(test_joins),
		cmocka_unit_test(test_disk_gap),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_floor_raised_while_reading),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_first_passes_a_follower),
		cmocka_unit_test(test_first_raised_while_reading),
		cmocka_unit_test(test_first_runs_away),
		cmocka_unit_test(test_first_live),
		cmocka_unit_test(test_first_damaged),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_short_output),
	};

	return (cmocka_run_group_tests_name("joblog", tests, NULL, NULL));
}
