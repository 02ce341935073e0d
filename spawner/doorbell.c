/* SPDX-License-Identifier: ISC */

/*
 * Rings the followers' doorbells. A full pipe is a bell that rings already, so
 * it is skipped: no follower, however slow, can make the supervisor wait.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/fdio.h"
#include "spawner/doorbell.h"

/* Our end is a file description of its own: its reader cannot make it block. */
static int
check(int fd)
{
	struct stat st;
	int flags;

	if (fstat(fd, &st) == -1 || (flags = fcntl(fd, F_GETFL)) == -1)
		return (-errno);
	if (!S_ISFIFO(st.st_mode) || (flags & O_ACCMODE) != O_WRONLY ||
	    (flags & O_NONBLOCK) == 0)
		return (-EINVAL);
	return (0);
}

/* 0 if the reader is gone. */
static int
ring(int fd)
{
	ssize_t n;

	while ((n = write(fd, "", 1)) == -1 && errno == EINTR)
		;
	return (n == 1 || errno == EAGAIN);
}

int
doorbell_add(struct doorbells *d, int fd)
{
	int r;

	if ((r = check(fd)) == 0 && d->n == DOORBELLS_MAX)
		r = -ENOSPC;
	if (r != 0 || !ring(fd)) {
		close_fd(&fd);
		return (r);
	}
	d->fd[d->n++] = fd;
	return (0);
}

void
doorbell_remove(struct doorbells *d, size_t i)
{
	close_fd(&d->fd[i]);
	d->fd[i] = d->fd[--d->n];
}

void
doorbells_ring(struct doorbells *d)
{
	size_t i = d->n;

	while (i-- > 0)
		if (!ring(d->fd[i]))
			doorbell_remove(d, i);
}

void
doorbells_close(struct doorbells *d)
{
	while (d->n > 0)
		doorbell_remove(d, d->n - 1);
}
