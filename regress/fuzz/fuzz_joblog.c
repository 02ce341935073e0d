/* SPDX-License-Identifier: ISC */

/*
 * A follower over an index of arbitrary bytes. The input's first two bytes say
 * how long the output is and where to start, a third whether the records' CRCs
 * are made good (else the fuzzer would never get past them); the rest is the
 * index. Whatever comes: the reader ends, each piece begins where the one
 * before it ended, and what no record covers is not delivered.
 */

#include <sys/mman.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/joblog.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
make_good(uint8_t *index, size_t len)
{
	uint32_t crc;
	size_t i, at;

	for (at = JOBLOG_HEADER_SIZE; at + JOBLOG_RECORD_SIZE <= len; at += JOBLOG_RECORD_SIZE) {
		crc = crc32c(0, index + at, JOBLOG_RECORD_SIZE - 4);
		for (i = 0; i < 4; i++)
			index[at + JOBLOG_RECORD_SIZE - 4 + i] = (uint8_t)(crc >> (8 * i));
	}
}

#define HEAD	(JOBLOG_KEPT_OFFSET + 16)	/* what the header page has */

/* The header page from the first bytes, floor and first among them; then records. */
static int
make_index(const uint8_t *data, size_t size, int good)
{
	size_t head = size < HEAD ? size : HEAD, len = JOBLOG_HEADER_SIZE + (size - head);
	uint8_t *index;
	int fd;

	if ((index = calloc(1, len)) == NULL || (fd = memfd_create("index", 0)) == -1)
		abort();
	memcpy(index, data, head);
	memcpy(index + JOBLOG_HEADER_SIZE, data + head, size - head);
	if (good)
		make_good(index, len);
	if (write(fd, index, len) != (ssize_t)len)
		abort();
	free(index);
	return (fd);
}

/* Is a byte at offset one of a record's? */
static int
covered(int index, uint64_t offset)
{
	struct joblog_record rec;
	uint64_t i;
	int n;

	for (i = 0; (n = joblog_record_read(index, i, &rec)) != 0; i++)
		if (n == 1 && rec.flags == 0 && rec.offset <= offset &&
		    offset - rec.offset < rec.length)
			return (1);
	return (0);
}

static void
follow(int output, int index, uint64_t start)
{
	struct joblog_reader r;
	struct joblog_item item;
	uint64_t at = start;
	uint8_t buf[100];

	if (joblog_reader_init(&r, output, index, start) != 0)
		return;
	while (joblog_read(&r, buf, sizeof(buf), &item) == 0) {
		if (item.what == JOBLOG_NONE || item.what == JOBLOG_ENDED)
			break;
		if (item.n == 0 || item.offset != at || item.n > UINT64_MAX - at)
			abort();
		if (item.what == JOBLOG_DATA && (item.n > sizeof(buf) ||
		    !covered(index, at) || !covered(index, at + item.n - 1)))
			abort();
		at = item.offset + item.n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int output, index;

	if (size < 3)
		return (0);
	if ((output = memfd_create("output", 0)) == -1 || ftruncate(output, data[0] * 4) == -1)
		abort();
	index = make_index(data + 3, size - 3, data[2] & 1);
	follow(output, index, data[1]);
	close(output);
	close(index);
	return (0);
}
