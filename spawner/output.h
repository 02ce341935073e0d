/*
 * A job's output on its way to disk: from the pipes to `output`, and a record
 * of each piece to `index` (common/joblog.h). It knows nothing of the job.
 *
 * A disk that is full or fails never stops the pipes: what cannot be written
 * is dropped, counted, and becomes one gap. Only with block are they left
 * unread until there is room.
 */
#ifndef SPAWNER_OUTPUT_H
#define SPAWNER_OUTPUT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/joblog.h"

#define OUTPUT_READ_MAX	(256 * 1024)	/* taken from a pipe at once */

struct output {
	int data_fd, index_fd;		/* borrowed, as is null_fd; the index is read, too */
	int null_fd;			/* /dev/null: where dropped bytes go */
	uint64_t log_max;		/* bytes kept; 0: all */
	bool block;
	uint64_t offset;		/* of the next byte */
	struct joblog_kept kept;	/* as in the header */
	uint64_t dropped;
	uint64_t records;		/* in the index */
	uint64_t reserved;		/* the index has disk space up to here */
	bool no_reserve;		/* the file system cannot do that */
	bool no_splice;			/* nor that */
	bool has_pending;
	struct joblog_record pending;	/* could not be written yet */
	uint8_t *held;			/* without splice: read, not yet written */
	size_t held_len, held_done;
	uint8_t held_stream;
	bool news;			/* something was recorded: ring, and clear */
};

/*
 * Writes the index's header and reserves room for what must be writable on a
 * full disk: a gap and the END record. Both files are new and empty. 0 or -errno.
 */
int output_open(struct output *, int data_fd, int index_fd, int null_fd,
    uint64_t log_max, bool block);
void output_close(struct output *);

/*
 * Takes what is in the pipe, at most max bytes. The count, 0 at end of file,
 * -EAGAIN if it is empty, or another -errno: nothing could be taken, try again
 * later.
 */
ssize_t output_pump(struct output *, int pipe_fd, uint8_t stream, size_t max);

/* Something read is waiting to be shown: output_retry should be called soon. */
bool output_waiting(const struct output *);
void output_retry(struct output *);

/* What is pending, and the END record. 0 or -errno. */
int output_end(struct output *);

/* record.c: the next n bytes of stream are in output, or (JOBLOG_GAP) are not. */
void record_add(struct output *, uint8_t stream, uint64_t n, uint8_t flags);
int record_flush(struct output *, bool last);	/* what is pending. 0 or -errno */
int record_end(struct output *);
int record_reserve(struct output *);

/* loglimit.c: punches out what is past the log limit, of output and index. */
void loglimit_apply(struct output *);

#endif
