/* SPDX-License-Identifier: ISC */

/*
 * Moves bytes from the job's pipes to its output file without looking at them:
 * splice(2) at explicit offsets, or read and write where the file system has
 * no splice. What was moved is recorded afterwards, so a reader never sees
 * what is not there. An error of the disk is never an error of the job.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "spawner/output.h"

#define HELD_MAX	(64 * 1024)

int
output_open(struct output *o, int data_fd, int index_fd, int null_fd,
    uint64_t log_max, bool block)
{
	int r;

	memset(o, 0, sizeof(*o));
	o->data_fd = data_fd;
	o->index_fd = index_fd;
	o->null_fd = null_fd;
	o->log_max = log_max;
	o->block = block;
	o->reserved = JOBLOG_HEADER_SIZE;
	if ((r = joblog_header_write(index_fd)) != 0)
		return (r);
	return (record_reserve(o));
}

void
output_close(struct output *o)
{
	free(o->held);
	o->held = NULL;
}

static ssize_t
splice_some(int from, int to, off_t *offset, size_t max)
{
	ssize_t n;

	do
		n = splice(from, NULL, to, offset, max, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	while (n == -1 && errno == EINTR);
	return (n == -1 ? -errno : n);
}

/*
 * Writes what is held, and records it; what the disk refuses stays held with
 * block, else it is dropped. 0 if nothing is held any more.
 */
static int
held_flush(struct output *o)
{
	size_t left;
	ssize_t n;
	int error = 0;

	while ((left = o->held_len - o->held_done) > 0) {
		n = pwrite(o->data_fd, o->held + o->held_done, left, (off_t)o->offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			error = n == 0 ? -EIO : -errno;
			break;
		}
		record_add(o, o->held_stream, (uint64_t)n, 0);
		o->held_done += (size_t)n;
	}
	if (error != 0 && o->block)
		return (error);
	if (left > 0)
		record_add(o, o->held_stream, left, JOBLOG_GAP);
	o->held_len = o->held_done = 0;
	return (0);
}

/* Without splice. Once read, the bytes are ours: they are taken whatever follows. */
static ssize_t
copy_some(struct output *o, int pipe_fd, uint8_t stream, size_t max)
{
	ssize_t n;

	if (o->held == NULL && (o->held = malloc(HELD_MAX)) == NULL)
		return (-ENOMEM);
	while ((n = read(pipe_fd, o->held, max < HELD_MAX ? max : HELD_MAX)) == -1)
		if (errno != EINTR)
			return (-errno);
	o->held_stream = stream;
	o->held_len = (size_t)n;
	o->held_done = 0;
	(void)held_flush(o);
	return (n);
}

static ssize_t
move_some(struct output *o, int pipe_fd, uint8_t stream, size_t max)
{
	off_t offset = (off_t)o->offset;
	ssize_t n;

	if (!o->no_splice) {
		if ((n = splice_some(pipe_fd, o->data_fd, &offset, max)) > 0)
			record_add(o, stream, (uint64_t)n, 0);
		if (n != -EINVAL)
			return (n);
		o->no_splice = true;
	}
	return (copy_some(o, pipe_fd, stream, max));
}

ssize_t
output_pump(struct output *o, int pipe_fd, uint8_t stream, size_t max)
{
	ssize_t n;
	int r;

	if (max > OUTPUT_READ_MAX)
		max = OUTPUT_READ_MAX;
	if ((r = held_flush(o)) != 0 || (o->block && (r = record_flush(o, false)) != 0))
		return (r);
	n = move_some(o, pipe_fd, stream, max);
	if (n < 0 && n != -EAGAIN && !o->block) {
		n = splice_some(pipe_fd, o->null_fd, NULL, max);
		if (n > 0)
			record_add(o, stream, (uint64_t)n, JOBLOG_GAP);
	}
	if (n > 0)
		loglimit_apply(o);
	return (n);
}

/* A gap waits for what comes after it, not for the disk. */
bool
output_waiting(const struct output *o)
{
	return (o->held_len > 0 || (o->has_pending && o->pending.flags != JOBLOG_GAP));
}

void
output_retry(struct output *o)
{
	if (held_flush(o) == 0)
		(void)record_flush(o, false);
}

int
output_end(struct output *o)
{
	off_t end;
	int r;

	o->block = false;		/* nobody is left to be blocked */
	(void)held_flush(o);
	if ((r = record_end(o)) != 0)
		return (r);
	/* Gives back what was reserved and is not needed. */
	end = joblog_record_place(o->records);
	if (ftruncate(o->index_fd, end) == -1)
		return (-errno);
	return (0);
}
