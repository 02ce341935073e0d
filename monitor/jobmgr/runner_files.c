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
#include "common/log.h"
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

	if (fds_scarce())
		return (-EMFILE);
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

/* Of files just made: they are empty. */
static void
unmake(int jobs_fd, const char *id)
{
	char path[PATH_SIZE];
	int i;

	for (i = 0; i < NFILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", id, names[i]);
		(void)unlinkat(jobs_fd, path, 0);
	}
	(void)unlinkat(jobs_fd, id, AT_REMOVEDIR);
}

/* Not O_APPEND, which splice(2) refuses. On failure nothing is left. */
int
files_make(int jobs_fd, const char *id, int fds[NFILES])
{
	int r;

	if (mkdirat(jobs_fd, id, 0700) == -1)
		return (-errno);
	if ((r = open_files(jobs_fd, id, fds, NFILES, O_RDWR | O_CREAT | O_EXCL)) != 0)
		unmake(jobs_fd, id);
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

/* One that cannot be moved is said, and in nobody's way: no job gets its name. */
static int
sweep_one(struct remover *remover, const char *name)
{
	int r;

	if ((r = remover_take(remover, name)) == 0)
		return (1);
	log_warn("jobs/%s in the state directory, left by an earlier telepilotd, cannot be "
	    "removed: %s; remove it by hand", name, strerror(-r));
	return (0);
}

/* Only what has a job's name: anything else is not ours to remove. */
int
files_sweep(int jobs_fd, struct remover *remover)
{
	struct dirent *d;
	struct uuid id;
	DIR *dir;
	int fd, n = 0, r;

	if ((fd = openat(jobs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-errno);
	if ((dir = fdopendir(fd)) == NULL) {
		r = -errno;
		close_fd(&fd);
		return (r);
	}
	while ((errno = 0, d = readdir(dir)) != NULL)
		if (uuid_parse(d->d_name, &id) == 0)
			n += sweep_one(remover, d->d_name);
	r = -errno;
	closedir(dir);
	return (r != 0 ? r : n);
}
