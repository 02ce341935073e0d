/* SPDX-License-Identifier: ISC */

/*
 * The form of a job's index on disk: header page and records. Whoever reads
 * it may assume nothing of its content: a record counts only if it is whole
 * and makes sense.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/joblog.h"

#define RECORD_CRC	(JOBLOG_RECORD_SIZE - 4)	/* offset of the CRC */

/* The remainders of four bits, for the reflected polynomial 0x82f63b78. */
static const uint32_t crc32c_table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
	0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75
};

uint32_t
crc32c(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
	while (len-- > 0) {
		crc ^= *p++;
		crc = crc >> 4 ^ crc32c_table[crc & 0xf];
		crc = crc >> 4 ^ crc32c_table[crc & 0xf];
	}
	return (~crc);
}

static void
put_le(uint8_t *p, uint64_t v, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t
get_le(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return (v);
}

void
joblog_record_encode(const struct joblog_record *r, uint8_t b[JOBLOG_RECORD_SIZE])
{
	put_le(b, r->offset, 8);
	put_le(b + 8, r->length, 8);
	put_le(b + 16, (uint64_t)r->realtime, 8);
	put_le(b + 24, r->boottime, 8);
	b[32] = r->stream;
	b[33] = r->flags;
	put_le(b + 34, 0, 2);
	put_le(b + RECORD_CRC, crc32c(0, b, RECORD_CRC), 4);
}

/* Only the END record covers nothing, and all offsets are such that a file has. */
static int
record_valid(const struct joblog_record *r)
{
	if (r->stream < JOBLOG_STDOUT || r->stream > JOBLOG_SYSTEM)
		return (0);
	if (r->flags != 0 && r->flags != JOBLOG_GAP && r->flags != JOBLOG_END)
		return (0);
	if ((r->length == 0) != (r->flags == JOBLOG_END))
		return (0);
	return (r->offset <= INT64_MAX && r->length <= INT64_MAX - r->offset);
}

int
joblog_record_decode(const uint8_t b[JOBLOG_RECORD_SIZE], struct joblog_record *r)
{
	if (get_le(b + RECORD_CRC, 4) != crc32c(0, b, RECORD_CRC))
		return (-EBADMSG);
	r->offset = get_le(b, 8);
	r->length = get_le(b + 8, 8);
	r->realtime = (int64_t)get_le(b + 16, 8);
	r->boottime = get_le(b + 24, 8);
	r->stream = b[32];
	r->flags = b[33];
	if (get_le(b + 34, 2) != 0 || !record_valid(r))
		return (-EBADMSG);
	return (0);
}

off_t
joblog_record_place(uint64_t i)
{
	return ((off_t)(JOBLOG_HEADER_SIZE + i * JOBLOG_RECORD_SIZE));
}

int
joblog_record_read(int fd, uint64_t i, struct joblog_record *rec)
{
	uint8_t b[JOBLOG_RECORD_SIZE];
	ssize_t n;
	int error;

	if ((n = pread_full(fd, b, sizeof(b), joblog_record_place(i))) < 0)
		return ((int)n);
	if (n != (ssize_t)sizeof(b))
		return (0);
	if ((error = joblog_record_decode(b, rec)) != 0)
		return (error);
	return (1);
}

int
joblog_header_write(int fd)
{
	uint8_t page[JOBLOG_HEADER_SIZE] = { 0 };

	put_le(page, JOBLOG_MAGIC, 4);
	put_le(page + 4, JOBLOG_VERSION, 4);
	return (pwrite_full(fd, page, sizeof(page), 0));
}

int
joblog_header_check(int fd)
{
	uint8_t page[JOBLOG_HEADER_SIZE];
	ssize_t n;

	if ((n = pread_full(fd, page, sizeof(page), 0)) < 0)
		return ((int)n);
	if (n != (ssize_t)sizeof(page) || get_le(page, 4) != JOBLOG_MAGIC ||
	    get_le(page + 4, 4) != JOBLOG_VERSION)
		return (-EBADMSG);
	return (0);
}

int
joblog_kept_write(int fd, const struct joblog_kept *kept)
{
	uint8_t b[16];

	put_le(b, kept->floor, 8);
	put_le(b + 8, kept->first, 8);
	return (pwrite_full(fd, b, sizeof(b), JOBLOG_KEPT_OFFSET));
}

int
joblog_kept_read(int fd, struct joblog_kept *kept)
{
	uint8_t b[16];
	ssize_t n;

	if ((n = pread_full(fd, b, sizeof(b), JOBLOG_KEPT_OFFSET)) < 0)
		return ((int)n);
	if (n != (ssize_t)sizeof(b))
		return (-EBADMSG);
	kept->floor = get_le(b, 8);
	kept->first = get_le(b + 8, 8);
	return (0);
}
