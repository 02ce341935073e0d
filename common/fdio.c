/* SPDX-License-Identifier: ISC */

/*
 * Reading and writing to the end, over interruptions and short counts, for
 * descriptors that block: regular files, and pipes of our own.
 */

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fdio.h"

#define READ_FIRST	4096	/* of a file that does not tell its size */
#define FDS_KEPT	64

ssize_t
read_full(int fd, void *dst, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		if ((n = read(fd, (char *)dst + done, size - done)) == 0)
			break;
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			return (-errno);
	}
	return ((ssize_t)done);
}

ssize_t
pread_full(int fd, void *dst, size_t size, off_t offset)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		if ((n = pread(fd, (char *)dst + done, size - done, offset)) == 0)
			break;
		if (n > 0) {
			done += (size_t)n;
			offset += n;
		} else if (errno != EINTR)
			return (-errno);
	}
	return ((ssize_t)done);
}

int
write_full(int fd, const void *src, size_t size)
{
	const char *p = src;
	ssize_t n;

	while (size > 0) {
		if ((n = write(fd, p, size)) == 0)
			return (-EIO);
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		} else if (errno != EINTR)
			return (-errno);
	}
	return (0);
}

int
pwrite_full(int fd, const void *src, size_t size, off_t offset)
{
	const char *p = src;
	ssize_t n;

	while (size > 0) {
		if ((n = pwrite(fd, p, size, offset)) == 0)
			return (-EIO);
		if (n > 0) {
			p += n;
			size -= (size_t)n;
			offset += n;
		} else if (errno != EINTR)
			return (-errno);
	}
	return (0);
}

void
close_fd(int *fd)
{
	int saved = errno;

	if (*fd != -1)
		close(*fd);
	*fd = -1;
	errno = saved;
}

/* A first guess at the size; what the file says may be wrong. */
static size_t
first_size(int fd, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) == -1 || st.st_size <= 0)
		return (max < READ_FIRST ? max : READ_FIRST);
	return ((uintmax_t)st.st_size < max ? (size_t)st.st_size : max);
}

int
read_file(int fd, size_t max, char **data, size_t *len)
{
	size_t size, have = 0;
	char *p = NULL, *q;
	ssize_t n;
	int r;

	if (max > SSIZE_MAX - 1)
		return (-EINVAL);
	/* size + 1 bytes each time: one for the NUL, or to see that there is more. */
	for (size = first_size(fd, max);; size = size > max / 2 ? max : size * 2 + 1) {
		if ((q = realloc(p, size + 1)) == NULL) {
			r = -ENOMEM;
			goto fail;
		}
		p = q;
		if ((n = read_full(fd, p + have, size + 1 - have)) < 0) {
			r = (int)n;
			goto fail;
		}
		if ((have += (size_t)n) <= size)
			break;
		if (size == max) {
			r = -EFBIG;
			goto fail;
		}
	}
	p[have] = '\0';
	*data = p;
	*len = have;
	return (0);
fail:
	free(p);
	return (r);
}

/* The kernel gives the lowest free number: it tells how many are taken. */
bool
fds_scarce(void)
{
	struct rlimit l;
	rlim_t kept;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &l) == -1 || l.rlim_cur == RLIM_INFINITY)
		return (false);
	kept = l.rlim_cur / 4 < FDS_KEPT ? l.rlim_cur / 4 : FDS_KEPT;
	if ((fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) == -1)
		return (errno == EMFILE || errno == ENFILE);
	(void)close(fd);
	return ((rlim_t)fd >= l.rlim_cur - kept);
}

int
close_from(int from)
{
	if (from < 0)
		return (-EBADF);
	return (close_range((unsigned int)from, UINT_MAX, 0) == -1 ? -errno : 0);
}

int
sanitise_stdfd(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) != -1)
			continue;
		if (errno != EBADF)
			return (-errno);
		/* The lowest free number is this one. It is to survive execve. */
		if (open("/dev/null", O_RDWR) == -1)
			return (-errno);
	}
	return (0);
}
