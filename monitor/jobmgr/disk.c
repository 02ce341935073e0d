/* SPDX-License-Identifier: ISC */

/*
 * Which block devices count. The kernel limits whole devices only (a partition
 * is ENODEV), and /sys/block has exactly these: disks, and what is made of them
 * on top (dm, md), whose name is what a file system on LVM, LUKS or RAID is
 * charged to. With a limit on every one of them it does not matter which a job's
 * file lies on: a partition counts for its disk, each member of a btrfs for
 * itself, and what went through a dm device is held there and again below it,
 * at the same rate.
 *
 * Left out is what has no disk of its own: memory (ram, zram), loop, whose
 * blocks are a file on a disk that counts, and removable readers (sr, fd).
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdio.h"
#include "common/units.h"
#include "monitor/jobmgr/disk.h"

#define DISKS_MAX	4096

static const char *const not_disks[] = { "ram", "zram", "loop", "sr", "fd" };

/* A driver's prefix and a number: "sr0", but not "srv". */
static int
named(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return (strncmp(name, prefix, len) == 0 && name[len] >= '0' && name[len] <= '9');
}

static int
left_out(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(not_disks) / sizeof(not_disks[0]); i++)
		if (named(name, not_disks[i]))
			return (1);
	return (0);
}

/* The first line of an attribute. 0 or -errno. */
static int
attribute(int block, const char *disk, const char *name, char *text, size_t size)
{
	char path[NAME_MAX + 16];
	ssize_t n;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", disk, name) >= (int)sizeof(path))
		return (-ENAMETOOLONG);
	/* Entries of /sys/block are symbolic links of the kernel's own. */
	if ((fd = openat(block, path, O_RDONLY | O_CLOEXEC)) == -1)
		return (-errno);
	n = read_full(fd, text, size - 1);
	close_fd(&fd);
	if (n < 0)
		return ((int)n);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return (0);
}

static int
parse_dev(char *text, struct disk *d)
{
	char *minor;
	uint64_t maj, min;

	if ((minor = strchr(text, ':')) == NULL)
		return (-EINVAL);
	*minor++ = '\0';
	if (parse_u64(text, 1, UINT32_MAX, &maj) != 0 ||
	    parse_u64(minor, 0, UINT32_MAX, &min) != 0)
		return (-EINVAL);
	d->major = (unsigned int)maj;
	d->minor = (unsigned int)min;
	return (0);
}

/* 1 if the entry is a disk that counts. */
static int
examine(int block, const char *name, struct disk *d)
{
	char text[64];
	uint64_t sectors;

	if (name[0] == '.' || strlen(name) > DISK_NAME_MAX || left_out(name))
		return (0);
	/* No medium; or a path of a multipath device, which has no number. */
	if (attribute(block, name, "size", text, sizeof(text)) != 0 ||
	    parse_u64(text, 1, UINT64_MAX, &sectors) != 0)
		return (0);
	if (attribute(block, name, "dev", text, sizeof(text)) != 0 || parse_dev(text, d) != 0)
		return (0);
	(void)snprintf(d->name, sizeof(d->name), "%.*s", DISK_NAME_MAX, name);
	return (1);
}

static int
by_device(const void *va, const void *vb)
{
	const struct disk *a = va, *b = vb;

	if (a->major != b->major)
		return (a->major < b->major ? -1 : 1);
	return (a->minor < b->minor ? -1 : a->minor > b->minor);
}

static int
collect(DIR *dir, struct disk **disks, size_t *n)
{
	struct dirent *de;
	struct disk d, *more;

	while ((de = readdir(dir)) != NULL) {
		if (*n == DISKS_MAX)
			return (-EOVERFLOW);
		if (!examine(dirfd(dir), de->d_name, &d))
			continue;
		if ((more = reallocarray(*disks, *n + 1, sizeof(**disks))) == NULL)
			return (-ENOMEM);
		*disks = more;
		more[(*n)++] = d;
	}
	return (0);
}

int
disk_list(int sysfs, struct disk **disks, size_t *n)
{
	DIR *dir;
	int fd, r;

	*disks = NULL;
	*n = 0;
	if ((fd = openat(sysfs, "block", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-errno);
	if ((dir = fdopendir(fd)) == NULL) {
		r = -errno;
		close_fd(&fd);
		return (r);
	}
	r = collect(dir, disks, n);
	(void)closedir(dir);
	if (r != 0) {
		free(*disks);
		*disks = NULL;
		*n = 0;
		return (r);
	}
	if (*n > 1)
		qsort(*disks, *n, sizeof(**disks), by_device);
	return (0);
}

int
disk_list_host(struct disk **disks, size_t *n)
{
	int fd, r;

	*disks = NULL;
	*n = 0;
	if ((fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-errno);
	r = disk_list(fd, disks, n);
	close_fd(&fd);
	return (r);
}
