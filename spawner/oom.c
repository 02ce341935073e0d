/* SPDX-License-Identifier: ISC */

/*
 * Was the job out of memory? cgroup v2 kills the whole job by itself
 * (memory.oom.group) and counts it in memory.events. cgroup v1 kills one
 * process: there an eventfd tells us, and we kill the rest, so that no job goes
 * on half dead. The notice comes before the kernel's kill, and also when
 * nothing is killed after all, so the counter decides.
 */

#include <sys/eventfd.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cgusage.h"
#include "common/fdio.h"
#include "spawner/spawner.h"

/* How long after a notice the kernel's kill is awaited. */
#define NOTICE_MS	2000

static uint64_t
kills(int fd)
{
	uint64_t n;

	/* Kernels before 4.13 do not count on v1; nothing to compare, then. */
	if (fd == -1 || cg_read_key(fd, "oom_kill", &n) != 0)
		return (0);
	return (n);
}

int
oom_arm(struct spawner *sp)
{
	struct oom *o = &sp->oom;
	char line[32];
	int len, r;

	o->v1_kills = kills(sp->role[ROLE_V1_OOM_CONTROL]);
	o->v2_kills = kills(sp->role[ROLE_MEMORY_EVENTS]);
	if (sp->role[ROLE_V1_OOM_CONTROL] == -1)
		return (0);
	if ((o->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1)
		return (stage_fail(&sp->fail, errno, "watch for out of memory"));
	len = snprintf(line, sizeof(line), "%d %d", o->eventfd,
	    sp->role[ROLE_V1_OOM_CONTROL]);
	if ((r = write_full(sp->role[ROLE_V1_EVENT_CONTROL], line, (size_t)len)) != 0)
		return (stage_fail(&sp->fail, -r, "watch for out of memory"));
	close_fd(&sp->role[ROLE_V1_EVENT_CONTROL]);
	return (0);
}

int
job_kill_tree(const struct spawner *sp)
{
	return (write_full(sp->role[ROLE_CGROUP_KILL], "1", 1));
}

void
oom_recheck(struct spawner *sp)
{
	struct oom *o = &sp->oom;

	if (kills(sp->role[ROLE_V1_OOM_CONTROL]) > o->v1_kills) {
		o->happened = true;
		o->recheck_until = 0;
		(void)job_kill_tree(sp);
	} else if (monotonic_ms() >= o->recheck_until)
		o->recheck_until = 0;
}

void
oom_notice(struct spawner *sp)
{
	uint64_t n;

	if (read(sp->oom.eventfd, &n, sizeof(n)) != (ssize_t)sizeof(n) || sp->oom.happened)
		return;
	sp->oom.recheck_until = monotonic_ms() + NOTICE_MS;
	oom_recheck(sp);
}

bool
oom_settle(struct spawner *sp)
{
	struct oom *o = &sp->oom;

	if (kills(sp->role[ROLE_V1_OOM_CONTROL]) > o->v1_kills ||
	    kills(sp->role[ROLE_MEMORY_EVENTS]) > o->v2_kills)
		o->happened = true;
	return (o->happened);
}
