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

static off_t
record_place(uint64_t i)
{
	return ((off_t)(JOBLOG_HEADER_SIZE + i * JOBLOG_RECORD_SIZE));
}

static void
punch(struct files *f, uint64_t floor)
{
	int how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	assert_int_equal(joblog_floor_write(f->index, floor), 0);
	assert_int_equal(fallocate(f->output, how, 0, (off_t)floor), 0);
}

static void
put_record(struct files *f, uint64_t length, uint8_t stream, uint8_t flags)
{
	uint8_t b[JOBLOG_RECORD_SIZE];
	struct joblog_record rec = { f->offset, length, f->now, 1, stream, flags };

	joblog_record_encode(&rec, b);
	assert_int_equal(pwrite(f->index, b, sizeof(b), record_place(f->records)), sizeof(b));
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
	uint64_t floor;

	(void)state;
	assert_int_equal(joblog_header_check(f.index), 0);
	assert_int_equal(joblog_floor_read(f.index, &floor), 0);
	assert_int_equal(floor, 0);
	assert_int_equal(joblog_floor_write(f.index, 0x1122334455667788), 0);
	assert_int_equal(joblog_floor_read(f.index, &floor), 0);
	assert_int_equal(floor, 0x1122334455667788);
	assert_int_equal(joblog_header_check(f.index), 0);
	assert_int_equal(pwrite(f.index, "\2", 1, 4), 1);	/* another version */
	assert_int_equal(joblog_header_check(f.index), -EBADMSG);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), -EBADMSG);
	assert_int_equal(ftruncate(f.index, JOBLOG_HEADER_SIZE - 1), 0);
	assert_int_equal(joblog_header_check(f.index), -EBADMSG);
	assert_int_equal(joblog_header_check(-1), -EBADF);
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
	assert_int_equal(pwrite(f.index, "half a record", 13, record_place(1)), 13);
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
	punch(&f, 2995);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 0), 0);
	expect_gap(&r, JOBLOG_GAP_LIMIT, 0, 2995);
	expect(&r, JOBLOG_DATA, 2995, "fghij", JOBLOG_STDERR);
	expect_what(&r, JOBLOG_NONE);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 2991), 0);
	expect_gap(&r, JOBLOG_GAP_LIMIT, 2991, 4);
	/* A floor ahead of the records: the gap ends with them. */
	assert_int_equal(joblog_floor_write(f.index, 4000), 0);
	assert_int_equal(joblog_reader_init(&r, f.output, f.index, 5), 0);
	expect_gap(&r, JOBLOG_GAP_LIMIT, 5, 2995);
	expect_what(&r, JOBLOG_NONE);
	put_record(&f, 0, JOBLOG_SYSTEM, JOBLOG_END);
	expect_what(&r, JOBLOG_ENDED);
	files_free(&f);
}

/*
 * The writer raises the floor and punches between our read of the bytes and
 * our read of the floor. pread(2) is ours here, so that it happens just then.
 */
static struct files *raced;
static uint64_t race_floor;

ssize_t __real_pread_full(int, void *, size_t, off_t);
ssize_t __wrap_pread_full(int, void *, size_t, off_t);

ssize_t
__wrap_pread_full(int fd, void *dst, size_t size, off_t offset)
{
	ssize_t n = __real_pread_full(fd, dst, size, offset);

	if (raced != NULL && fd == raced->output) {
		assert_int_equal(joblog_floor_write(raced->index, race_floor), 0);
		raced = NULL;
	}
	return (n);
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
	raced = &f;
	race_floor = 8;
	expect_gap(&r, JOBLOG_GAP_LIMIT, 0, 8);
	assert_null(raced);
	expect(&r, JOBLOG_DATA, 8, "oldnew", JOBLOG_STDOUT);
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
	assert_int_equal(pwrite(f.index, "x", 1, record_place(1) + 8), 1);
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
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_short_output),
	};

	return (cmocka_run_group_tests_name("joblog", tests, NULL, NULL));
}
