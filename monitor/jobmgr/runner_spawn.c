/* SPDX-License-Identifier: ISC */

/*
 * Executes telepilot-spawner in a job's `sup` cgroup, with the channel, stderr
 * and nothing else of ours. Between clone3 and execveat the child only makes
 * system calls: this process may hold any lock.
 */

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "common/fdio.h"
#include "common/ipc.h"
#include "common/signals.h"
#include "monitor/jobmgr/runner_internal.h"

#define FIRST_FREE_FD	(IPC_FD + 1)

static const char *const passed_env[] = {
	"JOURNAL_STREAM", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
};

/* Without memory a variable is missing, which only changes how it logs. */
void
spawner_env_make(struct runner *r)
{
	const char *value;
	size_t i, n = 0;

	for (i = 0; i < sizeof(passed_env) / sizeof(passed_env[0]); i++) {
		if ((value = getenv(passed_env[i])) == NULL)
			continue;
		if (asprintf(&r->spawner_env[n], "%s=%s", passed_env[i], value) == -1)
			r->spawner_env[n] = NULL;
		else
			n++;
	}
}

void
spawner_env_free(struct runner *r)
{
	size_t i;

	for (i = 0; i < SPAWNER_ENV_MAX; i++)
		free(r->spawner_env[i]);
}

static int
place_fds(int channel, int *spawner_fd)
{
	int null;

	/* Out of the way of the fixed numbers first. */
	if ((channel = fcntl(channel, F_DUPFD_CLOEXEC, FIRST_FREE_FD)) == -1 ||
	    (*spawner_fd = fcntl(*spawner_fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD)) == -1 ||
	    (null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		return (-1);
	if (dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1 ||
	    dup2(channel, IPC_FD) == -1)
		return (-1);
	return ((int)syscall(SYS_close_range, FIRST_FREE_FD, ~0U, CLOSE_RANGE_CLOEXEC));
}

static void __attribute__((noreturn))
child(const struct runner *r, int channel)
{
	char name[] = "telepilot-spawner";
	char *argv[] = { name, NULL };
	int fd = r->spawner_fd;

	signals_default();
	if (place_fds(channel, &fd) == 0)
		(void)execveat(fd, "", argv, r->spawner_env, AT_EMPTY_PATH);
	_exit(127);
}

static int
clone_into(int cgroup_fd, int *pidfd)
{
	struct clone_args args;
	long pid;

	memset(&args, 0, sizeof(args));
	args.flags = CLONE_PIDFD | CLONE_INTO_CGROUP;
	args.pidfd = (uint64_t)(uintptr_t)pidfd;
	args.cgroup = (uint64_t)cgroup_fd;
	args.exit_signal = SIGCHLD;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	return (pid == -1 ? -errno : (int)pid);
}

int
spawner_exec(const struct runner *r, int cgroup_fd, int *control, int *pidfd)
{
	int fds[2], pid, error;

	if ((error = msg_pair(fds)) != 0)
		return (error);
	if ((error = msg_refuse_fds(fds[0])) != 0)
		goto fail;
	if ((pid = clone_into(cgroup_fd, pidfd)) == 0)
		child(r, fds[1]);
	if (pid < 0) {
		error = pid;
		goto fail;
	}
	close_fd(&fds[1]);
	*control = fds[0];
	return (0);
fail:
	close_fd(&fds[0]);
	close_fd(&fds[1]);
	return (error);
}
