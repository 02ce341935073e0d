/* SPDX-License-Identifier: ISC */

/*
 * Resource limits, set before the clone so that the job has them from its
 * first instruction. They are only ever lowered: the daemon may lack
 * CAP_SYS_RESOURCE, and a job must not depend on it.
 */

#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/fdio.h"
#include "spawner/spawner.h"

#define SOFT_FILES	1024

/* Soft and hard limit: value, or what the hard limit was if that is less. */
static int
lower(int resource, rlim_t value)
{
	struct rlimit rl;

	if (getrlimit(resource, &rl) == -1)
		return (-errno);
	if (rl.rlim_max == RLIM_INFINITY || rl.rlim_max > value)
		rl.rlim_max = value;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(resource, &rl) == -1)
		return (-errno);
	return (0);
}

/*
 * The usual soft limit: programs that use select(2), or close all that they
 * might have, suffer from a daemon's high one. The hard limit stays.
 */
static int
few_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return (-errno);
	if (rl.rlim_cur > SOFT_FILES)
		rl.rlim_cur = SOFT_FILES;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		return (-errno);
	return (0);
}

/*
 * A service manager may have told the kernel to spare the daemon when memory
 * runs out. That is not for a job: it would be spared before all of the host's
 * own. Said by root, so that the job cannot take it back (proc(5)).
 */
static int
no_oom_privilege(void)
{
	char text[16];
	ssize_t n;
	int fd, r = 0;

	if ((fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC)) == -1)
		return (-errno);
	if ((n = read_full(fd, text, sizeof(text))) < 0)
		r = (int)n;
	else if (n > 0 && text[0] == '-')
		r = pwrite_full(fd, "0", 1, 0);
	close_fd(&fd);
	return (r);
}

/*
 * No core: a core_pattern that pipes would run a helper of the host's root on
 * the job's memory. RLIMIT_NPROC is counted in the job's own user namespace
 * (since Linux 5.14), so jobs of one owner do not share it; capabilities in
 * that namespace do not lift it.
 */
int
limits_set(struct spawner *sp)
{
	int r;

	if ((r = lower(RLIMIT_CORE, 0)) != 0)
		return (stage_fail(&sp->fail, -r, "limit core files"));
	if ((r = no_oom_privilege()) != 0)
		return (stage_fail(&sp->fail, -r, "set the out-of-memory score"));
	if ((r = few_files()) != 0)
		return (stage_fail(&sp->fail, -r, "limit open files"));
	if (sp->spec.nproc != NO_LIMIT &&
	    (r = lower(RLIMIT_NPROC, (rlim_t)sp->spec.nproc)) != 0)
		return (stage_fail(&sp->fail, -r, "limit the number of processes"));
	return (0);
}
