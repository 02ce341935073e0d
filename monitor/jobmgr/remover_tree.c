/* SPDX-License-Identifier: ISC */

/*
 * What the removing child does. Jobs' directories hold three files each, but
 * whatever else root left in one is removed too, so that it is in nobody's way.
 * No symbolic link is followed and no mount entered: what is mounted below stays.
 */

#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/jobmgr/remover.h"

#define DEPTH_MAX	100		/* each level takes a descriptor */

struct pass {
	int removed;			/* entries of the top directory */
	bool say;
};

static int
open_below(int at, const char *name)
{
	struct open_how how;
	long fd;

	memset(&how, 0, sizeof(how));
	how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
	fd = syscall(SYS_openat2, at, name, &how, sizeof(how));
	return (fd == -1 ? -errno : (int)fd);
}

static bool
is_self_or_parent(const char *name)
{
	return (strcmp(name, ".") == 0 || strcmp(name, "..") == 0);
}

static int remove_below(int, int);

static int
remove_one(int at, const char *name, int depth)
{
	int fd, r;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return (0);
	if (errno != EISDIR)
		return (-errno);
	if (depth == DEPTH_MAX)
		return (-ELOOP);
	if ((fd = open_below(at, name)) < 0)
		return (fd == -ENOENT ? 0 : fd);
	r = remove_below(fd, depth + 1);
	close_fd(&fd);
	if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return (0);
	return (r != 0 ? r : -errno);
}

/* A directory stream needs an offset of its own. NULL with errno. */
static DIR *
open_stream(int dir)
{
	DIR *d;
	int fd;

	if ((fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (NULL);
	if ((d = fdopendir(fd)) == NULL)
		close_fd(&fd);
	return (d);
}

/* One that stays does not keep the others. 0, or the last -errno. */
static int
remove_below(int dir, int depth)
{
	struct dirent *de;
	int one, r = 0;
	DIR *d;

	if ((d = open_stream(dir)) == NULL)
		return (-errno);
	while ((de = readdir(d)) != NULL)
		if (!is_self_or_parent(de->d_name) &&
		    (one = remove_one(dir, de->d_name, depth)) != 0)
			r = one;
	(void)closedir(d);
	return (r);
}

static int
run_pass(int dir, struct pass *p)
{
	struct dirent *de;
	int r, left = 0;
	DIR *d;

	p->removed = 0;
	if ((d = open_stream(dir)) == NULL)
		return (1);
	while ((de = readdir(d)) != NULL) {
		if (is_self_or_parent(de->d_name))
			continue;
		if ((r = remove_one(dir, de->d_name, 0)) == 0) {
			p->removed++;
			continue;
		}
		left = 1;
		if (p->say)
			log_warn("jobs/removed/%s in the state directory cannot be removed: %s; "
			    "remove it by hand", de->d_name, strerror(-r));
	}
	(void)closedir(d);
	return (left);
}

/* More may have come while a pass went on: until one finds nothing to remove. */
int
remover_empty(int dir, bool say)
{
	struct pass p = { 0, say };
	int left;

	do {
		left = run_pass(dir, &p);
		p.say = false;
	} while (p.removed > 0);
	return (left);
}
