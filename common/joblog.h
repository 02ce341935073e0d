/*
 * The form of a job's output on disk.
 *
 * output	the job's bytes in the order the supervisor read them. A byte's
 *		offset is its place in all that the job wrote: a byte that could
 *		not be written leaves a hole, one past the log limit is punched
 *		out, and both are gaps to a reader, never zeros.
 * index	one header page, then records of JOBLOG_RECORD_SIZE bytes. A
 *		reader shows only what a record covers.
 *
 * Integers are little-endian. The header page: u32 magic, u32 version, u64
 * floor, u64 first, zeros. Output below the offset floor, and records below the
 * number first, may have been punched out; record first begins at floor or
 * before it. Both only grow. The writer raises the two in one write and punches
 * afterwards, a reader reads bytes or records first and the two afterwards: what
 * was punched under it lies below them by then.
 * A record: u64 offset, u64 length, i64 realtime ns, u64 boottime ns, u8 stream,
 * u8 flags, u16 zero, u32 CRC-32C of the 36 bytes before it.
 */
#ifndef COMMON_JOBLOG_H
#define COMMON_JOBLOG_H

#include <sys/types.h>

#include <stdint.h>

#define JOBLOG_MAGIC		0x314c5054u	/* "TPL1" */
#define JOBLOG_VERSION		1u
#define JOBLOG_HEADER_SIZE	4096
#define JOBLOG_KEPT_OFFSET	8
#define JOBLOG_RECORD_SIZE	40

/* Numbered as Stream in telepilot.proto. */
enum joblog_stream {
	JOBLOG_STDOUT = 1,
	JOBLOG_STDERR = 2,
	JOBLOG_SYSTEM = 3,
};

#define JOBLOG_GAP	0x01	/* length bytes at offset could not be written */
#define JOBLOG_END	0x02	/* the last record: offset is the output's length */

struct joblog_record {
	uint64_t offset;
	uint64_t length;
	int64_t realtime;
	uint64_t boottime;
	uint8_t stream;
	uint8_t flags;
};

uint32_t crc32c(uint32_t crc, const void *, size_t);	/* start with 0 */

void joblog_record_encode(const struct joblog_record *, uint8_t[JOBLOG_RECORD_SIZE]);
/* 0, or -EBADMSG: CRC, stream, flags or offset + length overflow. */
int joblog_record_decode(const uint8_t[JOBLOG_RECORD_SIZE], struct joblog_record *);

/* Record i: 1, 0 if it is not (wholly) there yet, -EBADMSG as above, or -errno. */
int joblog_record_read(int index_fd, uint64_t i, struct joblog_record *);
/* Where record i lies in the index; i is one that a file can have. */
off_t joblog_record_place(uint64_t i);

/* Writes the header page, all kept; fd is a new, empty file. 0 or -errno. */
int joblog_header_write(int index_fd);
/* 0, -EBADMSG (magic, version, short) or -errno. */
int joblog_header_check(int index_fd);

/* What the log limit has left: bytes from floor on, records from first on. */
struct joblog_kept {
	uint64_t floor;
	uint64_t first;
};

int joblog_kept_write(int index_fd, const struct joblog_kept *);
int joblog_kept_read(int index_fd, struct joblog_kept *);

/*
 * A follower's place in a job's output. It only ever preads its two
 * descriptors, so that it shares nothing with other followers; it owns neither.
 */
struct joblog_reader {
	int output_fd, index_fd;
	uint64_t next;			/* the next record's number */
	struct joblog_record cur;	/* the record being read */
	uint64_t done;			/* bytes of cur already delivered */
	uint64_t pos;			/* the offset of what is delivered next */
	int have;			/* cur is valid */
	int ended;			/* the END record was seen */
};

enum joblog_what {
	JOBLOG_NONE,		/* nothing new yet: wait for the doorbell */
	JOBLOG_DATA,		/* n bytes of stream at offset, in the caller's buffer */
	JOBLOG_GAP_LIMIT,	/* n bytes at offset are past the log limit */
	JOBLOG_GAP_DISK,	/* n bytes at offset were never written */
	JOBLOG_ENDED,		/* the output is complete, there is no more */
};

struct joblog_item {
	enum joblog_what what;
	uint64_t offset, n;
	int64_t realtime;
	uint8_t stream;
};

/* start: deliver from this offset on. Checks the header. 0 or -errno. */
int joblog_reader_init(struct joblog_reader *, int output_fd, int index_fd,
    uint64_t start);

/*
 * The next piece, at most size bytes; consecutive records of the same stream may be
 * joined into one piece if the bytes are contiguous (the first one's time stands).
 * Each piece begins where the one before it ended. 0, or -errno (-EBADMSG: the
 * index is damaged), and the reader is of no more use.
 */
int joblog_read(struct joblog_reader *, void *buf, size_t size,
    struct joblog_item *);

#endif
