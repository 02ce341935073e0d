/* SPDX-License-Identifier: ISC */

/*
 * Maps root of the job's user namespace to its owner on the host, one uid and
 * one gid, nothing else (user_namespaces(7)). The files are opened below a
 * /proc that was checked to be the kernel's own, never through a link.
 */

#include <sys/syscall.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "spawner/spawner.h"

int
proc_open(struct spawner *sp)
{
	struct statfs sfs;

	sp->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sp->proc_fd == -1 || fstatfs(sp->proc_fd, &sfs) == -1)
		return (stage_fail(&sp->fail, errno, "open /proc"));
	if (sfs.f_type != PROC_SUPER_MAGIC)
		return (stage_fail(&sp->fail, ENODEV, "open /proc"));
	return (0);
}

static int
proc_write(const struct spawner *sp, const char *name, const char *text)
{
	struct open_how how;
	char path[64];
	int fd, r;

	snprintf(path, sizeof(path), "%d/%s", (int)sp->pid, name);
	memset(&how, 0, sizeof(how));
	how.flags = O_WRONLY | O_CLOEXEC;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS |
	    RESOLVE_NO_MAGICLINKS;
	fd = (int)syscall(SYS_openat2, sp->proc_fd, path, &how, sizeof(how));
	if (fd == -1)
		return (-errno);
	/* A map takes exactly one write. */
	r = write_full(fd, text, strlen(text));
	close_fd(&fd);
	return (r);
}

int
idmap_write(struct spawner *sp)
{
	char uids[32], gids[32];
	int r;

	snprintf(uids, sizeof(uids), "0 %u 1\n", (unsigned int)sp->spec.uid);
	snprintf(gids, sizeof(gids), "0 %u 1\n", (unsigned int)sp->spec.gid);
	if ((r = proc_write(sp, "uid_map", uids)) != 0)
		return (stage_fail(&sp->fail, -r, "write uid_map"));
	/* Before gid_map: dropping a group must never widen rights (CVE-2014-8989). */
	if ((r = proc_write(sp, "setgroups", "deny")) != 0)
		return (stage_fail(&sp->fail, -r, "deny setgroups"));
	if ((r = proc_write(sp, "gid_map", gids)) != 0)
		return (stage_fail(&sp->fail, -r, "write gid_map"));
	close_fd(&sp->proc_fd);
	return (0);
}
