/* SPDX-License-Identifier: ISC */

/*
 * A job's files, jobs/UUID/{output,index,end}. The directory is root's alone;
 * others get descriptors. Nothing is followed, and what should be new is new.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/uuid.h"
#include "monitor/jobmgr/runner_internal.h"

#define PATH_SIZE	(UUID_STRLEN + sizeof("/output"))

static const char *const names[NFILES] = {
	[FILE_OUTPUT] = "output",
	[FILE_INDEX] = "index",
	[FILE_END] = "end",
};

static int
open_file(int jobs_fd, const char *id, int which, int flags)
{
	char path[PATH_SIZE];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", id, names[which]);
	fd = openat(jobs_fd, path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return (fd == -1 ? -errno : fd);
}

static int
open_files(int jobs_fd, const char *id, int *fds, int n, int flags)
{
	int i, fd;

	for (i = 0; i < n; i++) {
		if ((fd = open_file(jobs_fd, id, i, flags)) < 0) {
			while (i-- > 0)
				close_fd(&fds[i]);
			return (fd);
		}
		fds[i] = fd;
	}
	return (0);
}

/* Not O_APPEND, which splice(2) refuses. On failure nothing is left. */
int
files_make(int jobs_fd, const char *id, int fds[NFILES])
{
	int r;

	if (mkdirat(jobs_fd, id, 0700) == -1)
		return (-errno);
	if ((r = open_files(jobs_fd, id, fds, NFILES, O_RDWR | O_CREAT | O_EXCL)) != 0)
		(void)files_remove(jobs_fd, id);
	return (r);
}

int
files_open(int jobs_fd, const char *id, int fds[2])
{
	return (open_files(jobs_fd, id, fds, 2, O_RDONLY));
}

/* Bytes are written at their own offsets, so its size is what the job wrote. */
uint64_t
files_output_size(int jobs_fd, const char *id)
{
	char path[PATH_SIZE];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", id, names[FILE_OUTPUT]);
	if (fstatat(jobs_fd, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (0);
	return ((uint64_t)st.st_size);
}

/* NULL with errno. */
static DIR *
open_dir(int at, const char *name)
{
	DIR *dir;
	int fd;

	if ((fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return (NULL);
	if ((dir = fdopendir(fd)) == NULL)
		close_fd(&fd);
	return (dir);
}

static bool
is_self_or_parent(const char *name)
{
	return (strcmp(name, ".") == 0 || strcmp(name, "..") == 0);
}

/* There are no directories in it: we made none. */
static int
empty_dir(DIR *dir)
{
	struct dirent *d;

	while ((errno = 0, d = readdir(dir)) != NULL)
		if (!is_self_or_parent(d->d_name) && unlinkat(dirfd(dir), d->d_name, 0) == -1)
			return (-errno);
	return (-errno);
}

/* 0 too when there is nothing to remove. */
int
files_remove(int jobs_fd, const char *id)
{
	DIR *dir;
	int r;

	if ((dir = open_dir(jobs_fd, id)) == NULL)
		return (errno == ENOENT ? 0 : -errno);
	r = empty_dir(dir);
	closedir(dir);
	if (r == 0 && unlinkat(jobs_fd, id, AT_REMOVEDIR) == -1 && errno != ENOENT)
		r = -errno;
	return (r);
}

/* Only what has a job's name: anything else is not ours to remove. */
int
files_sweep(int jobs_fd)
{
	struct dirent *d;
	struct uuid id;
	DIR *dir;
	int n = 0, r = 0;

	if ((dir = open_dir(jobs_fd, ".")) == NULL)
		return (-errno);
	while ((errno = 0, d = readdir(dir)) != NULL) {
		if (uuid_parse(d->d_name, &id) != 0)
			continue;
		if ((r = files_remove(jobs_fd, d->d_name)) != 0)
			break;
		n++;
	}
	if (r == 0)
		r = -errno;
	closedir(dir);
	return (r != 0 ? r : n);
}
