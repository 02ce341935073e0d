/* SPDX-License-Identifier: ISC */

/*
 * Makes the job's first process, in its cgroup from its first instruction, and
 * leads it to its exec. Until child_release it waits and does nothing, so that
 * the monitor may look at it and the controllers and ids are in place.
 */

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "spawner/spawner.h"

int
clone_job(struct spawner *sp)
{
	struct clone_args args;
	long pid;

	memset(&args, 0, sizeof(args));
	args.flags = CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_NEWUSER | CLONE_NEWPID |
	    CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
	args.pidfd = (uint64_t)(uintptr_t)&sp->pidfd;
	args.cgroup = (uint64_t)sp->role[ROLE_CGROUP];
	args.exit_signal = SIGCHLD;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == -1)
		return (stage_fail(&sp->fail, errno, "clone"));
	if (pid == 0)
		child_main(sp);
	sp->pid = (pid_t)pid;
	/* The job's ends are the job's alone: else its end of file never comes. */
	close_fd(&sp->out_w);
	close_fd(&sp->err_w);
	close_fd(&sp->sync_child);
	close_fd(&sp->role[ROLE_CGROUP]);
	return (0);
}

/* cgroup v1 has no CLONE_INTO_CGROUP: its controllers are joined by pid. */
int
v1_join(struct spawner *sp)
{
	char pid[16];
	size_t i;
	int len, r;

	len = snprintf(pid, sizeof(pid), "%d\n", (int)sp->pid);
	for (i = 0; i < sp->nv1_procs; i++) {
		if ((r = write_full(sp->v1_procs[i], pid, (size_t)len)) != 0)
			return (stage_fail(&sp->fail, -r, "join a cgroup v1 controller"));
		close_fd(&sp->v1_procs[i]);
	}
	return (0);
}

int
child_release(struct spawner *sp)
{
	if (send(sp->sync, "", 1, MSG_NOSIGNAL) == -1)
		return (stage_fail(&sp->fail, errno, "release the job"));
	return (0);
}

/* Returns when the child said something or the monitor is gone. */
static int
wait_child_or_monitor(const struct spawner *sp)
{
	struct pollfd p[2];

	p[0].fd = sp->sync;
	p[0].events = POLLIN;
	p[1].fd = sp->control;
	p[1].events = 0;		/* POLLHUP is always told */
	if (poll(p, 2, -1) == -1)
		return (errno == EINTR ? 0 : -errno);
	return (p[0].revents == 0 && p[1].revents != 0 ? -EPIPE : 0);
}

/*
 * The channel's end is closed by the exec, or by the child's death. The two
 * are told apart by the message that the child sends right before execve.
 */
int
child_wait_exec(struct spawner *sp)
{
	struct failure f;
	bool ready = false;
	ssize_t n;
	int r;

	for (;;) {
		if ((r = wait_child_or_monitor(sp)) != 0)
			return (stage_fail(&sp->fail, -r, "start the job"));
		n = recv(sp->sync, &f, sizeof(f), MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)		/* a killed child may give ECONNRESET */
			break;
		if (n != (ssize_t)sizeof(f) || f.stage[sizeof(f.stage) - 1] != '\0')
			return (stage_fail(&sp->fail, EPROTO, "start the job"));
		if (f.error != 0) {
			sp->fail = f;
			return (-f.error);
		}
		ready = true;
	}
	close_fd(&sp->sync);
	if (ready)
		return (0);
	/* Killed before it could run: by its memory limit, or by a stop. */
	return (stage_fail(&sp->fail, oom_settle(sp) ? ENOMEM : ECANCELED, "start the job"));
}

void
job_abort(struct spawner *sp)
{
	siginfo_t info;

	if (sp->pid == 0)
		return;
	(void)job_kill_tree(sp);
	while (waitid(P_PIDFD, (id_t)sp->pidfd, &info, WEXITED) == -1 && errno == EINTR)
		;
}
