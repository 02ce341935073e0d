/* SPDX-License-Identifier: ISC */

/*
 * Writes a job's bytes as they are, without any buffer in between, and keeps
 * count, so that a follower that was interrupted can go on at the very byte.
 * What TelePilot has to say about the output is for people, on stderr.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/signals.h"

/* 0 or an errno. A descriptor shared with others may have become non-blocking. */
static int
wait_writable(int fd)
{
	struct pollfd p;

	p.fd = fd;
	p.events = POLLOUT;
	return (poll(&p, 1, -1) == -1 && errno != EINTR ? errno : 0);
}

/* 0; EINTR after a signal of ours; or another errno. */
static int
write_bytes(struct output *o, int fd, const uint8_t *data, size_t len)
{
	ssize_t n;
	int e;

	while (len > 0) {
		if ((n = write(fd, data, len)) >= 0) {
			data += n;
			len -= (size_t)n;
			o->offset += (uint64_t)n;
			continue;
		}
		if (errno == EAGAIN && (e = wait_writable(fd)) != 0)
			return (e);
		if (errno != EINTR && errno != EAGAIN)
			return (errno);
		if (signals_caught() != 0 && !signals_taken())
			return (EINTR);
	}
	return (0);
}

/* A line each, with our name before it. */
static void
say_notice(const uint8_t *data, size_t len)
{
	const uint8_t *end;
	size_t n;

	for (; len > 0; data += n, len -= n) {
		end = memchr(data, '\n', len);
		n = end != NULL ? (size_t)(end - data) : len;
		say("%.*s", (int)n, (const char *)data);
		n += end != NULL;
	}
}

static void
say_gap(const Telepilot__V1__Gap *gap)
{
	const char *why;

	switch (gap->reason) {
	case TELEPILOT__V1__GAP__REASON__REASON_LOG_LIMIT:
		why = "they are older than the job's log limit allows";
		break;
	case TELEPILOT__V1__GAP__REASON__REASON_DISK_FULL:
		why = "the server's disk was full";
		break;
	default:
		why = "the server does not say why";
	}
	say("%llu bytes of the output are missing: %s", (unsigned long long)gap->bytes, why);
}

static int
write_data(struct output *o, const Telepilot__V1__LogEntry *entry)
{
	const uint8_t *data = entry->data.data;
	size_t len = entry->data.len;
	uint64_t skip = 0;

	if (entry->stream == TELEPILOT__V1__STREAM__STREAM_SYSTEM) {
		say_notice(data, len);
		return (0);
	}
	/* The part that was written before an interrupt. */
	if (entry->offset < o->offset)
		skip = o->offset - entry->offset;
	o->offset = entry->offset + skip;
	if (skip >= len)
		return (0);
	data += skip;
	len -= skip;
	if (o->only != 0 && (int)entry->stream != o->only) {
		o->offset += len;
		return (0);
	}
	return (write_bytes(o, entry->stream == TELEPILOT__V1__STREAM__STREAM_STDERR ?
	    STDERR_FILENO : STDOUT_FILENO, data, len));
}

int
output_entry(void *arg, const Telepilot__V1__LogEntry *entry)
{
	struct output *o = arg;
	int e;

	switch (entry->content_case) {
	case TELEPILOT__V1__LOG_ENTRY__CONTENT_DATA:
		e = write_data(o, entry);
		break;
	case TELEPILOT__V1__LOG_ENTRY__CONTENT_GAP:
		say_gap(entry->gap);
		if (__builtin_add_overflow(entry->offset, entry->gap->bytes, &o->offset))
			o->offset = UINT64_MAX;
		return (0);
	default:
		return (0);
	}
	if (e != 0 && e != EINTR)
		o->error = e;
	return (e);
}
