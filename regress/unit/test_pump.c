/* SPDX-License-Identifier: ISC */

/*
 * From pipe to disk: what goes in comes out of a reader byte for byte, or is a
 * gap that was counted. The full disks are tmpfs of a few hundred KiB in a
 * mount namespace of this process's own.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "spawner/doorbell.h"
#include "spawner/output.h"

#define DISK_SIZE	(256 * 1024)
#define TOTAL_MAX	(2 * 1024 * 1024)

static char disk[64];			/* a tmpfs of DISK_SIZE */
static uint8_t source[TOTAL_MAX];	/* what the job writes: never zero */

struct rig {
	struct output o;
	int pipe_r, pipe_w;
	int data, index, null;
	size_t fed;
};

/* What a reader makes of it. */
struct result {
	uint8_t *bytes;			/* by offset; 0 where nothing came */
	uint64_t data, limit_gap, disk_gap;
	unsigned int disk_gaps;
	bool ended;
};

static int
file_on_disk(const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", disk, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0600);
	assert_int_not_equal(fd, -1);
	return (fd);
}

static int
file_in_memory(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	return (fd);
}

/* Takes all the room that is left, or gives it back. */
static void
fill_disk(bool full)
{
	static uint8_t block[4096];
	int fd = file_on_disk("filler", 0);

	while (full && write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

static void
rig_open(struct rig *g, int data, int index, uint64_t log_max, bool block)
{
	int p[2];

	memset(g, 0, sizeof(*g));
	g->data = data;
	g->index = index;
	g->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	(void)fcntl(p[1], F_SETPIPE_SZ, 256 * 1024);
	g->pipe_r = p[0];
	g->pipe_w = p[1];
	assert_int_equal(output_open(&g->o, data, index, g->null, log_max, block), 0);
}

static void
rig_close(struct rig *g)
{
	output_close(&g->o);
	close(g->pipe_r);
	if (g->pipe_w != -1)
		close(g->pipe_w);
	close(g->data);
	close(g->index);
	close(g->null);
	fill_disk(false);
}

/* The job writes n bytes more. */
static void
feed(struct rig *g, size_t n)
{
	assert_true(g->fed + n <= TOTAL_MAX);
	assert_int_equal(write(g->pipe_w, source + g->fed, n), n);
	g->fed += n;
}

static void
pump_all(struct rig *g, uint8_t stream)
{
	ssize_t n;

	while ((n = output_pump(&g->o, g->pipe_r, stream, OUTPUT_READ_MAX)) > 0)
		;
	assert_int_equal(n, -EAGAIN);
}

static void
pass(struct rig *g, size_t n, uint8_t stream)
{
	feed(g, n);
	pump_all(g, stream);
}

static int
unread(const struct rig *g)
{
	int n;

	assert_int_equal(ioctl(g->pipe_r, FIONREAD, &n), 0);
	return (n);
}

static void
collect(struct rig *g, struct result *res)
{
	static uint8_t buf[10000];
	struct joblog_reader r;
	struct joblog_item item;
	uint64_t at = 0;

	memset(res, 0, sizeof(*res));
	assert_non_null(res->bytes = calloc(1, TOTAL_MAX));
	assert_int_equal(joblog_reader_init(&r, g->data, g->index, 0), 0);
	for (;;) {
		assert_int_equal(joblog_read(&r, buf, sizeof(buf), &item), 0);
		if (item.what == JOBLOG_NONE || item.what == JOBLOG_ENDED)
			break;
		assert_int_equal(item.offset, at);
		at += item.n;
		if (item.what == JOBLOG_DATA) {
			memcpy(res->bytes + item.offset, buf, item.n);
			res->data += item.n;
		} else if (item.what == JOBLOG_GAP_DISK) {
			res->disk_gap += item.n;
			res->disk_gaps++;
		} else
			res->limit_gap += item.n;
	}
	res->ended = item.what == JOBLOG_ENDED;
}

/* Every byte is the job's or is in a gap, and all are accounted for. */
static void
check(struct rig *g, struct result *res)
{
	uint64_t i, got = 0;

	collect(g, res);
	for (i = 0; i < g->fed; i++)
		if (res->bytes[i] != 0) {
			got++;
			if (res->bytes[i] != source[i])
				fail_msg("byte %lu is another", (unsigned long)i);
		}
	assert_int_equal(got, res->data);
	assert_int_equal(res->data + res->limit_gap + res->disk_gap, g->fed);
	assert_int_equal(g->o.offset, g->fed);
	if (res->limit_gap == 0)
		assert_int_equal(g->o.dropped, res->disk_gap);
	free(res->bytes);
}

static void
finish(struct rig *g, struct result *res)
{
	assert_int_equal(output_end(&g->o), 0);
	check(g, res);
	assert_true(res->ended);
}

/* --- */

static void
test_binary_data(void **state)
{
	struct rig g;
	struct result res;
	int i;

	(void)state;
	rig_open(&g, file_in_memory(), file_in_memory(), 0, false);
	pump_all(&g, JOBLOG_STDOUT);
	for (i = 0; i < 40; i++)
		pass(&g, 1 + (size_t)i * 1237, i % 3 == 0 ? JOBLOG_STDERR : JOBLOG_STDOUT);
	assert_true(g.o.news);
	assert_false(g.o.no_splice);
	close(g.pipe_w);
	g.pipe_w = -1;
	assert_int_equal(output_pump(&g.o, g.pipe_r, JOBLOG_STDOUT, 100), 0);
	finish(&g, &res);
	assert_int_equal(res.data, g.fed);
	assert_false(output_waiting(&g.o));
	rig_close(&g);
}

/* No more than was asked for, so that one busy pipe does not starve the other. */
static void
test_pump_takes_at_most_max(void **state)
{
	struct rig g;
	struct result res;

	(void)state;
	rig_open(&g, file_in_memory(), file_in_memory(), 0, false);
	feed(&g, 10000);
	assert_int_equal(output_pump(&g.o, g.pipe_r, JOBLOG_STDOUT, 100), 100);
	assert_int_equal(unread(&g), 9900);
	pump_all(&g, JOBLOG_STDOUT);
	finish(&g, &res);
	assert_int_equal(res.data, 10000);
	rig_close(&g);
}

/* splice(2) refuses O_APPEND, as some file systems refuse it always. */
static void
test_without_splice(void **state)
{
	struct rig g;
	struct result res;
	int i;

	(void)state;
	rig_open(&g, file_on_disk("data", O_APPEND), file_in_memory(), 0, false);
	for (i = 0; i < 20; i++)
		pass(&g, 10000, i % 2 == 0 ? JOBLOG_STDOUT : JOBLOG_STDERR);
	assert_true(g.o.no_splice);
	finish(&g, &res);
	assert_int_equal(res.data, 200000);
	rig_close(&g);
}

/* Full, room again, more output: all before, one gap, all after. */
static void
disk_full_and_free(bool no_splice)
{
	struct rig g;
	struct result res;
	int i;

	rig_open(&g, file_on_disk("data", 0), file_on_disk("index", 0), 0, false);
	g.o.no_splice = no_splice;
	pass(&g, 50000, JOBLOG_STDOUT);
	fill_disk(true);
	for (i = 0; i < 10; i++)
		pass(&g, 40000, JOBLOG_STDOUT);
	assert_true(g.o.dropped > 350000);
	assert_false(output_waiting(&g.o));
	fill_disk(false);
	pass(&g, 50000, JOBLOG_STDERR);
	finish(&g, &res);
	assert_int_equal(res.disk_gaps, 1);
	assert_true(res.data >= 100000);
	assert_true(res.data < 120000);
	rig_close(&g);
}

static void
test_disk_full_and_free(void **state)
{
	(void)state;
	disk_full_and_free(false);
}

static void
test_disk_full_without_splice(void **state)
{
	(void)state;
	disk_full_and_free(true);
}

/* The gap and END have their room, however many records there were before. */
static void
test_end_on_full_disk(void **state)
{
	struct rig g;
	struct result res;
	int i;

	(void)state;
	rig_open(&g, file_on_disk("data", 0), file_on_disk("index", 0), 0, false);
	for (i = 0; i < 405; i++)	/* all but the last reserved places */
		pass(&g, 10, JOBLOG_STDOUT);
	fill_disk(true);
	for (i = 0; i < 50; i++)
		pass(&g, 1000, i % 2 == 0 ? JOBLOG_STDOUT : JOBLOG_STDERR);
	finish(&g, &res);
	assert_int_equal(res.disk_gaps, 1);
	assert_true(res.disk_gap > 0);
	rig_close(&g);
}

/* There is room for the bytes, but none for their records; at the end, or not. */
static void
index_cannot_grow(bool free_again)
{
	struct rig g;
	struct result res;
	int i;

	rig_open(&g, file_in_memory(), file_on_disk("index", 0), 0, false);
	fill_disk(true);
	for (i = 0; i < 1000; i++)
		pass(&g, 10, i % 2 == 0 ? JOBLOG_STDOUT : JOBLOG_STDERR);
	assert_true(g.o.dropped > 5000);
	if (free_again) {
		fill_disk(false);
		pass(&g, 10, JOBLOG_STDOUT);
	}
	finish(&g, &res);
	assert_int_equal(res.disk_gaps, 1);
	rig_close(&g);
}

static void
test_index_cannot_grow(void **state)
{
	(void)state;
	index_cannot_grow(true);
}

static void
test_end_when_index_cannot_grow(void **state)
{
	(void)state;
	index_cannot_grow(false);
}

/* One record that had no room is shown as soon as there is some. */
static void
test_record_shown_later(void **state)
{
	struct rig g;
	struct result res;

	(void)state;
	rig_open(&g, file_in_memory(), file_on_disk("index", 0), 0, false);
	fill_disk(true);
	do {
		assert_false(output_waiting(&g.o));
		pass(&g, 10, JOBLOG_STDOUT);
	} while (!g.o.has_pending);
	assert_true(output_waiting(&g.o));
	output_retry(&g.o);
	assert_true(output_waiting(&g.o));
	fill_disk(false);
	g.o.news = false;
	output_retry(&g.o);
	assert_true(g.o.news);
	assert_false(output_waiting(&g.o));
	check(&g, &res);
	assert_int_equal(res.data, g.fed);
	assert_int_equal(g.o.dropped, 0);
	rig_close(&g);
}

/* With block nothing is lost: the pipe is left unread until there is room. */
static void
block_until_free(bool no_splice)
{
	struct rig g;
	struct result res;
	ssize_t n;
	int left;

	rig_open(&g, file_on_disk("data", 0), file_on_disk("index", 0), 0, true);
	g.o.no_splice = no_splice;
	pass(&g, 30000, JOBLOG_STDOUT);
	fill_disk(true);
	feed(&g, 100000);
	while ((n = output_pump(&g.o, g.pipe_r, JOBLOG_STDOUT, OUTPUT_READ_MAX)) > 0)
		;
	assert_int_equal(n, -ENOSPC);
	assert_int_equal(output_waiting(&g.o), no_splice);
	left = unread(&g);
	assert_true(left > 0);
	output_retry(&g.o);
	assert_int_equal(output_pump(&g.o, g.pipe_r, JOBLOG_STDERR, 10), -ENOSPC);
	assert_int_equal(unread(&g), left);
	fill_disk(false);
	pump_all(&g, JOBLOG_STDOUT);
	finish(&g, &res);
	assert_int_equal(res.data, 130000);
	assert_int_equal(g.o.dropped, 0);
	rig_close(&g);
}

static void
test_block(void **state)
{
	(void)state;
	block_until_free(false);
}

static void
test_block_without_splice(void **state)
{
	(void)state;
	block_until_free(true);
}

/* A job that is gone blocks nobody: what still has no room becomes a gap. */
static void
test_block_at_the_end(void **state)
{
	struct rig g;
	struct result res;

	(void)state;
	rig_open(&g, file_on_disk("data", 0), file_on_disk("index", 0), 0, true);
	g.o.no_splice = true;
	fill_disk(true);
	feed(&g, 20000);
	assert_int_equal(output_pump(&g.o, g.pipe_r, JOBLOG_STDOUT, OUTPUT_READ_MAX), 20000);
	assert_true(output_waiting(&g.o));
	finish(&g, &res);
	assert_true(res.disk_gap > 0);
	rig_close(&g);
}

static uint64_t
disk_used(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return ((uint64_t)st.st_blocks * 512);
}

static void
log_limit(uint64_t max, bool no_splice)
{
	struct rig g;
	struct result res;
	int i;

	rig_open(&g, file_on_disk("data", 0), file_in_memory(), max, false);
	g.o.no_splice = no_splice;
	for (i = 0; i < 200; i++) {
		pass(&g, 5000, i % 5 == 0 ? JOBLOG_STDERR : JOBLOG_STDOUT);
		assert_true(g.o.offset - g.o.kept.floor <= max);
		assert_true(disk_used(g.data) <= max + 8192);
	}
	finish(&g, &res);
	assert_int_equal(res.disk_gap, 0);
	assert_int_equal(res.data, g.o.offset - g.o.kept.floor);
	assert_true(res.data + 8192 + max / 8 >= max);
	assert_int_equal(g.o.dropped, 0);
	rig_close(&g);
}

static void
test_log_limit(void **state)
{
	(void)state;
	log_limit(100000, false);	/* more goes through than the disk holds */
	log_limit(100000, true);
	log_limit(4096, false);
	log_limit(1, false);
}

/* Below the limit nothing goes. */
static void
test_log_limit_not_reached(void **state)
{
	struct rig g;
	struct result res;

	(void)state;
	rig_open(&g, file_in_memory(), file_in_memory(), 100000, false);
	pass(&g, 100000, JOBLOG_STDOUT);
	assert_int_equal(g.o.kept.floor, 0);
	pass(&g, 1, JOBLOG_STDOUT);
	assert_in_range(g.o.kept.floor, 1, 12501);
	finish(&g, &res);
	rig_close(&g);
}

/* --- the log limit, of the index --- */

#define INDEX_KEPT	(1024 * 1024)	/* for limits below it */
/* Beside what is kept: the header, the block that is cut, what is reserved ahead. */
#define INDEX_BESIDE	(4096 + 4096 + 16384)

/* Record first is whole and begins at the floor or before it. */
static void
check_kept(struct rig *g)
{
	struct joblog_kept kept;
	struct joblog_record rec;

	assert_int_equal(joblog_kept_read(g->index, &kept), 0);
	assert_int_equal(kept.floor, g->o.kept.floor);
	assert_int_equal(kept.first, g->o.kept.first);
	if (kept.first > 0) {
		assert_int_equal(joblog_record_read(g->index, kept.first, &rec), 1);
		assert_true(rec.offset <= kept.floor);
	}
}

/* A job that writes a byte at a time, and followers of it: one keeps up. */
static void
single_bytes(struct rig *g, size_t n, uint64_t index_max)
{
	struct joblog_reader r;
	struct joblog_item item;
	uint64_t first = 0;
	char byte;
	size_t i;

	assert_int_equal(joblog_reader_init(&r, g->data, g->index, 0), 0);
	for (i = 0; i < n; i++) {
		feed(g, 1);
		assert_int_equal(output_pump(&g->o, g->pipe_r, JOBLOG_STDOUT, 1), 1);
		assert_int_equal(joblog_read(&r, &byte, 1, &item), 0);
		assert_int_equal(item.what, JOBLOG_DATA);
		assert_int_equal(item.offset, i);
		assert_int_equal((uint8_t)byte, source[i]);
		if (g->o.kept.first == first && i % 1000 != 0)
			continue;
		first = g->o.kept.first;
		check_kept(g);
		assert_true((g->o.records - first) * JOBLOG_RECORD_SIZE <= index_max);
		assert_true(disk_used(g->index) <= index_max + INDEX_BESIDE);
	}
}

static void
index_limit(uint64_t max, uint64_t index_max, int index)
{
	struct rig g;
	struct result res;
	size_t n = index_max / JOBLOG_RECORD_SIZE * 3;

	rig_open(&g, file_in_memory(), index, max, false);
	single_bytes(&g, n, index_max);
	assert_true(g.o.kept.first > n / 3);
	finish(&g, &res);
	/* No more is gone than must be. */
	assert_int_equal(res.data, g.o.offset - g.o.kept.floor);
	if (max > index_max / JOBLOG_RECORD_SIZE)
		assert_true(res.data * JOBLOG_RECORD_SIZE >= index_max / 8 * 7 - 4096);
	assert_int_equal(g.o.dropped, 0);
	assert_true(disk_used(g.index) <= index_max + INDEX_BESIDE);
	rig_close(&g);
}

static void
test_index_limit(void **state)
{
	char path[] = "/tmp/telepilot-test-index-XXXXXX";
	int fd;

	(void)state;
	index_limit(65536, INDEX_KEPT, file_in_memory());
	index_limit(16384, INDEX_KEPT, file_in_memory());
	index_limit(INDEX_KEPT + 700000, INDEX_KEPT + 700000, file_in_memory());
	/* On a disk, whatever its blocks are. */
	assert_int_not_equal(fd = mkostemp(path, O_CLOEXEC), -1);
	assert_int_equal(unlink(path), 0);
	index_limit(65536, INDEX_KEPT, fd);
}

/* Without a limit all is kept, and as long as the index is small, too. */
static void
test_index_limit_not_reached(void **state)
{
	struct rig g;
	struct result res;
	size_t i, n = INDEX_KEPT / JOBLOG_RECORD_SIZE;

	(void)state;
	rig_open(&g, file_in_memory(), file_in_memory(), 65536, false);
	for (i = 0; i < n; i++)
		pass(&g, 1, i % 2 == 0 ? JOBLOG_STDOUT : JOBLOG_STDERR);
	assert_int_equal(g.o.kept.floor, 0);
	pass(&g, 1, JOBLOG_STDOUT);
	assert_in_range(g.o.kept.first, n / 8, n / 8 + 2);
	assert_int_equal(g.o.kept.floor, g.o.kept.first);
	finish(&g, &res);
	assert_int_equal(res.limit_gap, g.o.kept.floor);
	rig_close(&g);

	rig_open(&g, file_in_memory(), file_in_memory(), 0, false);
	for (i = 0; i < 3 * n; i++)
		pass(&g, 1, JOBLOG_STDOUT);
	finish(&g, &res);
	assert_int_equal(res.data, 3 * n);
	assert_int_equal(g.o.kept.first, 0);
	rig_close(&g);
}

/* Records far below the floor, of a job whose pieces are large at last. */
static void
test_index_limit_below_the_floor(void **state)
{
	struct rig g;
	struct result res;
	size_t i;

	(void)state;
	rig_open(&g, file_in_memory(), file_in_memory(), 65536, false);
	for (i = 0; i < 50000; i++)
		pass(&g, 1 + i % 20, JOBLOG_STDOUT);
	for (i = 0; i < 30; i++)
		pass(&g, 50000, JOBLOG_STDERR);
	check_kept(&g);
	assert_true(g.o.kept.floor > g.fed - 65536);
	assert_true(disk_used(g.index) <= INDEX_KEPT + INDEX_BESIDE);
	assert_true(disk_used(g.data) <= 65536 + 8192);
	finish(&g, &res);
	assert_int_equal(res.data, g.o.offset - g.o.kept.floor);
	rig_close(&g);
}

/* The first record to keep cannot be read: nothing is cut, and nothing else fails. */
static void
test_index_limit_unreadable(void **state)
{
	struct rig g;
	size_t i;

	(void)state;
	rig_open(&g, file_in_memory(), file_in_memory(), 65536, false);
	for (i = 0; i < INDEX_KEPT / JOBLOG_RECORD_SIZE; i++)
		pass(&g, 1, JOBLOG_STDOUT);
	for (i = 3000; i < 3500; i++)
		assert_int_equal(pwrite(g.index, "x", 1, joblog_record_place(i)), 1);
	pass(&g, 1, JOBLOG_STDOUT);
	assert_int_equal(g.o.kept.first, 0);
	assert_int_equal(g.o.kept.floor, 0);
	pass(&g, 70000, JOBLOG_STDOUT);
	assert_in_range(g.o.kept.floor, 26215, 50000);
	assert_int_equal(g.o.kept.first, 0);
	assert_int_equal(output_end(&g.o), 0);
	rig_close(&g);
}

/* What cannot be written to the header is not punched. */
static void
test_kept_not_writable(void **state)
{
	struct rig g;
	char path[64];
	int index;

	(void)state;
	rig_open(&g, file_in_memory(), file_in_memory(), 10000, false);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", g.index);
	index = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(index, -1);
	g.o.index_fd = index;
	pass(&g, 50000, JOBLOG_STDOUT);
	assert_int_equal(g.o.kept.floor, 0);
	assert_true(disk_used(g.data) >= 50000);
	close(index);
	rig_close(&g);
}

/* --- doorbells --- */

static void
bell(int p[2])
{
	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
}

static void
test_doorbells(void **state)
{
	static struct doorbells d;
	int a[2], b[2], c[2];
	char byte[8];

	(void)state;
	bell(a);
	bell(b);
	bell(c);
	assert_int_equal(doorbell_add(&d, a[1]), 0);
	assert_int_equal(doorbell_add(&d, b[1]), 0);
	assert_int_equal(doorbell_add(&d, c[1]), 0);
	assert_int_equal(read(b[0], byte, sizeof(byte)), 1);
	close(a[0]);
	doorbells_ring(&d);
	assert_int_equal(d.n, 2);
	assert_int_equal(read(b[0], byte, sizeof(byte)), 1);
	assert_int_equal(read(c[0], byte, sizeof(byte)), 2);
	doorbells_close(&d);
	assert_int_equal(read(b[0], byte, sizeof(byte)), 0);
	assert_int_equal(d.n, 0);
	/* A reader that has left already. */
	bell(a);
	close(a[0]);
	assert_int_equal(doorbell_add(&d, a[1]), 0);
	assert_int_equal(d.n, 0);
	close(b[0]);
	close(c[0]);
}

static void
test_doorbell_refused(void **state)
{
	static struct doorbells d;
	int a[2], fd;

	(void)state;
	bell(a);
	assert_int_equal(doorbell_add(&d, a[0]), -EINVAL);	/* the wrong end */
	assert_int_equal(fcntl(a[0], F_GETFD), -1);		/* and closed */
	assert_int_equal(fcntl(a[1], F_SETFL, 0), 0);
	assert_int_equal(doorbell_add(&d, a[1]), -EINVAL);	/* may block */
	fd = file_in_memory();
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(doorbell_add(&d, fd), -EINVAL);
	assert_int_equal(doorbell_add(&d, -1), -EBADF);
	d.n = DOORBELLS_MAX;
	bell(a);
	assert_int_equal(doorbell_add(&d, a[1]), -ENOSPC);
	close(a[0]);
}

/* A bell that nobody answers fills up, and is passed over. */
static void
test_doorbell_full(void **state)
{
	static struct doorbells d;
	int a[2], i;

	(void)state;
	bell(a);
	assert_int_equal(fcntl(a[1], F_SETPIPE_SZ, 4096), 4096);
	assert_int_equal(doorbell_add(&d, a[1]), 0);
	for (i = 0; i < 10000; i++)
		doorbells_ring(&d);
	assert_int_equal(d.n, 1);
	doorbells_close(&d);
	close(a[0]);
}

static int
setup(void **state)
{
	char option[32];
	size_t i;

	(void)state;
	srandom(1);
	for (i = 0; i < sizeof(source); i++)
		source[i] = (uint8_t)(1 + random() % 255);
	signal(SIGPIPE, SIG_IGN);
	snprintf(disk, sizeof(disk), "/tmp/telepilot-test-XXXXXX");
	snprintf(option, sizeof(option), "size=%d", DISK_SIZE);
	if (mkdtemp(disk) == NULL || unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("tmpfs", disk, "tmpfs", MS_NOSUID | MS_NODEV, option) == -1) {
		print_message("test_pump: needs root: %s\n", strerror(errno));
		return (-1);
	}
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	return (umount2(disk, MNT_DETACH) == -1 || rmdir(disk) == -1 ? -1 : 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_binary_data),
		cmocka_unit_test(test_pump_takes_at_most_max),
		cmocka_unit_test(test_without_splice),
		cmocka_unit_test(test_disk_full_and_free),
		cmocka_unit_test(test_disk_full_without_splice),
		cmocka_unit_test(test_end_on_full_disk),
		cmocka_unit_test(test_index_cannot_grow),
		cmocka_unit_test(test_end_when_index_cannot_grow),
		cmocka_unit_test(test_record_shown_later),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_block_without_splice),
		cmocka_unit_test(test_block_at_the_end),
		cmocka_unit_test(test_log_limit),
		cmocka_unit_test(test_log_limit_not_reached),
		cmocka_unit_test(test_index_limit),
		cmocka_unit_test(test_index_limit_not_reached),
		cmocka_unit_test(test_index_limit_below_the_floor),
		cmocka_unit_test(test_index_limit_unreadable),
		cmocka_unit_test(test_kept_not_writable),
		cmocka_unit_test(test_doorbells),
		cmocka_unit_test(test_doorbell_refused),
		cmocka_unit_test(test_doorbell_full),
	};

	return (cmocka_run_group_tests_name("pump", tests, setup, teardown));
}
