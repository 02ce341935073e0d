/*
 * Small descriptor helpers, each with its whole error handling.
 */
#ifndef COMMON_FDIO_H
#define COMMON_FDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads up to size bytes or to the end of file, over EINTR. Count or -errno. */
ssize_t read_full(int fd, void *, size_t);
ssize_t pread_full(int fd, void *, size_t, off_t);
/* Writes all of it. 0 or -errno. */
int write_full(int fd, const void *, size_t);
int pwrite_full(int fd, const void *, size_t, off_t);

/* Closes *fd unless it is -1, keeps errno, sets *fd to -1. */
void close_fd(int *fd);

/*
 * A whole file of at most max bytes into a new NUL-terminated buffer of the
 * caller's; *len is without the NUL. 0, -EFBIG or -errno.
 */
int read_file(int fd, size_t max, char **data, size_t *len);

/*
 * Is this process near its limit of descriptors? Then nothing new is begun: what
 * is left of them (64, or a quarter of a small limit) is for what ends things,
 * since a kill is a write to a file that is opened first.
 */
bool fds_scarce(void);

/* Every descriptor from `from` on is closed (close_range(2)). 0 or -errno. */
int close_from(int from);

/* All descriptors 0, 1, 2 are open (on /dev/null if need be). 0 or -errno. */
int sanitise_stdfd(void);

#endif
