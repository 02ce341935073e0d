/* SPDX-License-Identifier: ISC */

/*
 * Files and directories of a cgroup hierarchy, by directory descriptors: no
 * path is walked twice, and none through a symbolic link.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/fdio.h"
#include "monitor/jobmgr/cgroup_priv.h"

#define LINE_MAX_BYTES	256	/* one write to a control file */

int
cg_open_file(int at, const char *name, int flags)
{
	int fd;

	fd = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC);
	return (fd == -1 ? -errno : fd);
}

int
cg_open_dir(int at, const char *name)
{
	return (cg_open_file(at, name, O_RDONLY | O_DIRECTORY));
}

int
cg_make_dir(int at, const char *name, bool *made)
{
	bool is_new;

	is_new = mkdirat(at, name, 0755) == 0;
	if (!is_new && errno != EEXIST)
		return (-errno);
	if (made != NULL)
		*made = is_new;
	return (cg_open_dir(at, name));
}

ssize_t
cg_read(int at, const char *name, char *text, size_t size)
{
	ssize_t n;
	int fd;

	if ((fd = cg_open_file(at, name, O_RDONLY)) < 0)
		return (fd);
	n = read_full(fd, text, size - 1);
	close_fd(&fd);
	if (n >= 0)
		text[n] = '\0';
	return (n);
}

/* A control file takes one write(2) as one order: it is never split. */
int
cg_write(int at, const char *name, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;
	int fd, len, r;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(line))
		return (-EOVERFLOW);
	if ((fd = cg_open_file(at, name, O_WRONLY)) < 0)
		return (fd);
	r = write(fd, line, (size_t)len) == -1 ? -errno : 0;
	close_fd(&fd);
	return (r);
}

bool
cg_lists(int at, const char *name, const char *word)
{
	char text[1024];

	return (cg_read(at, name, text, sizeof(text)) > 0 && cg_in_list(text, word));
}

/* Only the hierarchy's root may have both; it is the one without a type. */
static bool
has_processes(int dir)
{
	char text[16];

	return (faccessat(dir, "cgroup.type", F_OK, 0) == 0 &&
	    cg_read(dir, "cgroup.procs", text, sizeof(text)) != 0);
}

int
cg_enable(int dir, const char *controller)
{
	if (has_processes(dir))
		return (-EBUSY);
	return (cg_write(dir, "cgroup.subtree_control", "+%s", controller));
}

int
cg_kill(int dir)
{
	return (cg_write(dir, "cgroup.kill", "1"));
}

int
cg_populated(int dir)
{
	uint64_t value;
	int fd, r;

	if ((fd = cg_open_file(dir, "cgroup.events", O_RDONLY)) < 0)
		return (fd);
	r = cg_read_key(fd, "populated", &value);
	close_fd(&fd);
	return (r != 0 ? r : value != 0);
}

int
cg_wait_empty(int dir, unsigned int ms)
{
	static const struct timespec step = { 0, 5 * 1000 * 1000 };
	unsigned int waited;
	int r;

	for (waited = 0; (r = cg_populated(dir)) == 1 && waited < ms; waited += 5)
		(void)nanosleep(&step, NULL);
	return (r == 1 ? -EBUSY : r);
}

int
cg_each(int dir, int (*act)(const void *, int, const char *), const void *arg)
{
	struct dirent *de;
	int fd, one, r = 0;
	DIR *d;

	/* A directory stream needs an offset of its own. */
	if ((fd = cg_open_dir(dir, ".")) < 0)
		return (fd);
	if ((d = fdopendir(fd)) == NULL) {
		r = -errno;
		close_fd(&fd);
		return (r);
	}
	while ((de = readdir(d)) != NULL) {
		if (de->d_type != DT_DIR || strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		if ((one = act(arg, dir, de->d_name)) != 0)
			r = one;
	}
	(void)closedir(d);
	return (r);
}

static int
remove_one(const void *arg, int dir, const char *name)
{
	(void)arg;
	return (cg_remove(dir, name));
}

int
cg_remove(int at, const char *name)
{
	int fd, r;

	if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return (0);
	if (errno != EBUSY && errno != ENOTEMPTY)
		return (-errno);
	if ((fd = cg_open_dir(at, name)) < 0)
		return (fd == -ENOENT ? 0 : fd);
	r = cg_each(fd, remove_one, NULL);
	close_fd(&fd);
	if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return (0);
	return (r != 0 ? r : -errno);
}
