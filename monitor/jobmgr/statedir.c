/* SPDX-License-Identifier: ISC */

/*
 * Is a directory fit to hold jobs' output? The log limit needs holes punched
 * into files; network file systems and FUSE would put a stranger's program, or
 * a network, between the daemon and its disk.
 */

#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/runner.h"

#define PROBE_NAME	".hole-probe"
#define PROBE_HOLE	65536		/* a multiple of any block size in use */
#define PROBE_SIZE	(2 * PROBE_HOLE)

static const struct {
	uint32_t magic;
	const char *name;
} refused[] = {
	{ NFS_SUPER_MAGIC,	"NFS" },
	{ SMB_SUPER_MAGIC,	"SMB" },
	{ SMB2_SUPER_MAGIC,	"SMB" },
	{ CIFS_SUPER_MAGIC,	"CIFS" },
	{ FUSE_SUPER_MAGIC,	"FUSE" },
	{ V9FS_MAGIC,		"9P" },
	{ CEPH_SUPER_MAGIC,	"Ceph" },
	{ AFS_SUPER_MAGIC,	"AFS" },
};

bool
runner_state_in_memory(int state_fd)
{
	struct statfs fs;

	return (fstatfs(state_fd, &fs) == 0 && (uint32_t)fs.f_type == TMPFS_MAGIC);
}

static int
check_type(int fd, char *why, size_t size)
{
	struct statfs fs;
	size_t i;

	if (fstatfs(fd, &fs) == -1) {
		snprintf(why, size, "statfs: %s", strerror(errno));
		return (-errno);
	}
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if ((uint32_t)fs.f_type == refused[i].magic) {
			snprintf(why, size, "it is on %s; a local file system is needed",
			    refused[i].name);
			return (-EMEDIUMTYPE);
		}
	if ((uint32_t)fs.f_type == TMPFS_MAGIC)
		log_warn("the state directory is on tmpfs: the jobs' output takes memory, "
		    "and is lost when the host goes down");
	return (0);
}

static bool
all(const char *p, size_t n, char c)
{
	while (n > 0 && *p == c)
		p++, n--;
	return (n == 0);
}

/* What was punched reads as zeros, what was not as before. */
static int
punch(int fd, char *data)
{
	ssize_t n;
	int r;

	memset(data, 'x', PROBE_SIZE);
	if ((r = pwrite_full(fd, data, PROBE_SIZE, 0)) != 0)
		return (r);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PROBE_HOLE) == -1)
		return (-errno);
	if ((n = pread_full(fd, data, PROBE_SIZE, 0)) < 0)
		return ((int)n);
	if (n != PROBE_SIZE || !all(data, PROBE_HOLE, '\0') ||
	    !all(data + PROBE_HOLE, PROBE_SIZE - PROBE_HOLE, 'x'))
		return (-EIO);
	return (0);
}

static int
probe_holes(int state_fd)
{
	char *data;
	int fd, r;

	(void)unlinkat(state_fd, PROBE_NAME, 0);
	fd = openat(state_fd, PROBE_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return (-errno);
	if (unlinkat(state_fd, PROBE_NAME, 0) == -1)
		r = -errno;
	else if ((data = malloc(PROBE_SIZE)) == NULL)
		r = -ENOMEM;
	else {
		r = punch(fd, data);
		free(data);
	}
	close_fd(&fd);
	return (r);
}

int
runner_check_state_dir(int state_fd, char *why, size_t size)
{
	int r;

	if ((r = check_type(state_fd, why, size)) != 0)
		return (r);
	if ((r = probe_holes(state_fd)) != 0)
		snprintf(why, size, "no hole can be punched into a file there: %s",
		    strerror(-r));
	return (r);
}
