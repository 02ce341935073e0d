/* SPDX-License-Identifier: ISC */

/*
 * telepilot-spawner: builds one job, then stays as its supervisor. It is root
 * until the job is ready to run; it believes the monitor, and nobody else. It
 * must never run a thing of the job's as root: the job's process has its own
 * namespaces and cgroup from its first instruction, and its owner's ids before
 * it does anything.
 */

#include <sys/prctl.h>

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/sandbox.h"
#include "common/signals.h"
#include "spawner/spawner.h"

/* Groups go here, once for both: in the job's user namespace it is too late. */
static int
forget_groups(struct spawner *sp)
{
	if (setgroups(0, NULL) == -1)
		return (stage_fail(&sp->fail, errno, "drop the supplementary groups"));
	return (0);
}

/* The same for keys: the job must neither possess the daemon's nor share another's. */
static int
own_keyring(struct spawner *sp)
{
	int r;

	if ((r = sandbox_own_keyring()) != 0)
		return (stage_fail(&sp->fail, -r, "make a session keyring"));
	return (0);
}

static int
files_open(struct spawner *sp)
{
	int r;

	r = output_open(&sp->output, sp->role[ROLE_OUTPUT], sp->role[ROLE_INDEX],
	    sp->null_fd, sp->spec.log_max, sp->spec.log_block != 0);
	if (r != 0)
		return (stage_fail(&sp->fail, -r, "begin the job's output"));
	return (end_reserve(sp));
}

static int
tell_cloned(struct spawner *sp)
{
	return (channel_tell(sp, SPAWN_CLONED, NULL));
}

static int
tell_started(struct spawner *sp)
{
	return (channel_tell(sp, SPAWN_STARTED, NULL));
}

/* In this order, which matters. The child waits from clone_job to child_release. */
static int (*const steps[])(struct spawner *) = {
	spec_receive,
	forget_groups,
	own_keyring,
	env_build,
	pipes_open,
	files_open,
	limits_set,
	proc_open,
	oom_arm,
	clone_job,
	tell_cloned,		/* the monitor opens its pidfd while we go on */
	v1_join,
	idmap_write,
	drop_privileges,	/* what the job runs, it runs without us as root */
	channel_wait_go,
	child_release,
	child_wait_exec,
	tell_started,
};

/*
 * Nothing that a signal does by default may happen to us: all are blocked, and
 * a closed pipe is an errno. What we were started with is not the job's.
 */
static void
own_signals(void)
{
	sigset_t all;

	signals_default();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void
spawner_init(struct spawner *sp)
{
	size_t i;

	memset(sp, 0, sizeof(*sp));
	sp->control = IPC_FD;
	for (i = 0; i <= ROLE_LAST; i++)
		sp->role[i] = -1;
	sp->null_fd = sp->proc_fd = sp->pidfd = -1;
	sp->out_r = sp->out_w = sp->err_r = sp->err_w = -1;
	sp->sync = sp->sync_child = -1;
	sp->oom.eventfd = -1;
}

static int
give_up(struct spawner *sp)
{
	struct failure why = sp->fail;
	struct buf *body;

	job_abort(sp);
	if ((body = buf_new(JOB_STAGE_MAX + 16)) != NULL &&
	    buf_put_str(body, why.stage) == 0 &&
	    buf_put_u32(body, (uint32_t)why.error) == 0)
		(void)channel_tell(sp, SPAWN_FAILED, body);
	buf_free(body);
	return (1);
}

static int
run(struct spawner *sp)
{
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i](sp) != 0)
			return (give_up(sp));
	return (supervise(sp) == 0 ? 0 : 1);
}

int
main(void)
{
	struct spawner sp;

	if (sanitise_stdfd() != 0)
		return (2);
	if (channel_check(IPC_FD) != 0) {
		fprintf(stderr, "telepilot-spawner: is started by telepilotd only\n");
		return (2);
	}
	own_signals();
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || close_from(IPC_FD + 1) != 0)
		return (1);
	spawner_init(&sp);
	/* Nothing is left to flush, and nothing of a library's may run now. */
	_exit(run(&sp));
}
