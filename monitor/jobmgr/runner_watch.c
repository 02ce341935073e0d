/* SPDX-License-Identifier: ISC */

/*
 * Watches a supervisor through its channel and its pidfd. A run ends in one way
 * only: the supervisor was reaped and the job's cgroup is empty; then it is
 * told by what the supervisor said last, or as lost if it did not say how the
 * job ended. One that breaks the protocol is killed with its job.
 */

#include <sys/epoll.h>
#include <sys/wait.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/jobmgr/runner_internal.h"

#define KILLED_USEC	UINT64_C(20000000)	/* for the end after a kill of the job */
#define EXIT_USEC	UINT64_C(5000000)	/* for the exit after its last word */
#define POLL_MIN_USEC	UINT64_C(1000)		/* for the cgroup to be empty */
#define POLL_MAX_USEC	UINT64_C(1000000)

static void settle(struct job_run *);

static void
rearm(struct job_run *run, uint64_t usec)
{
	int r;

	if ((r = sd_event_source_set_time_relative(run->timer, usec)) < 0 ||
	    (r = sd_event_source_set_enabled(run->timer, SD_EVENT_ONESHOT)) < 0)
		log_error("job %s: timer: %s", run->id, strerror(-r));
}

static void
kill_everything(struct job_run *run)
{
	int r;

	if ((r = cgjob_kill_all(run->cg)) != 0)
		log_error("job %s: its cgroup cannot be killed: %s", run->id, strerror(-r));
	rearm(run, EXIT_USEC);
}

void
run_kill_later(struct job_run *run)
{
	rearm(run, run->phase == RUN_BEGUN ? EXIT_USEC : KILLED_USEC);
}

static void
report_silence(struct job_run *run)
{
	struct job_end end;
	struct usage usage;

	if (run->phase == RUN_BEGUN) {
		run->events->failed(run->job,
		    run->killed ? "start the job" : "start the supervisor",
		    run->killed ? ECANCELED : ECHILD);
		return;
	}
	log_error("job %s: its supervisor was lost", run->id);
	memset(&end, 0, sizeof(end));
	end.reason = END_SUPERVISOR_LOST;
	run_usage(run, &usage);
	run->events->ended(run->job, &end, &usage);
}

/* Frees the run: it is nobody's after this. */
static void
report(struct job_run *run)
{
	if (run->phase == RUN_FAILED)
		run->events->failed(run->job, run->stage, run->error);
	else if (run->phase == RUN_ENDED)
		run->events->ended(run->job, &run->end, &run->usage);
	else
		report_silence(run);
}

/* Whether it is empty cannot be told for want of a descriptor: not yet, then. */
static bool
may_be_populated(const struct job_run *run)
{
	int r = cgjob_populated(run->cg);

	return (r == 1 || r == -EMFILE || r == -ENFILE || r == -ENOMEM);
}

/* An empty or missing cgroup ends the run. */
static void
settle(struct job_run *run)
{
	if (run->cg == NULL || !may_be_populated(run)) {
		report(run);
		return;
	}
	(void)cgjob_kill(run->cg);
	run->poll_usec = run->poll_usec == 0 ? POLL_MIN_USEC : run->poll_usec * 2;
	if (run->poll_usec > POLL_MAX_USEC)
		run->poll_usec = POLL_MAX_USEC;
	rearm(run, run->poll_usec);
}

static void
close_control(struct job_run *run)
{
	run->control_source = sd_event_source_disable_unref(run->control_source);
	close_fd(&run->control);
}

static void
violation(struct job_run *run, int r)
{
	log_error("job %s: its supervisor broke the protocol: %s; it is killed", run->id,
	    strerror(-r));
	close_control(run);
	kill_everything(run);
}

/* After the last word only the exit may come. */
static void
hear(struct job_run *run)
{
	struct msg *m = run->runner->msg;
	int r;

	while ((r = msg_recv(run->control, m, 0)) == 0)
		if ((r = run_message(run, m)) != 0)
			break;
	if (r == -EAGAIN) {
		if (run->phase >= RUN_FAILED)
			rearm(run, EXIT_USEC);
		return;
	}
	if (r != -EPIPE && r != -ECONNRESET) {
		violation(run, r);
		return;
	}
	close_control(run);
	if (run->phase >= RUN_FAILED)
		rearm(run, EXIT_USEC);
	else
		kill_everything(run);	/* it has nothing to say any more */
}

static int
on_control(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	(void)source;
	(void)fd;
	(void)events;
	hear(arg);
	return (0);
}

static void
log_exit(const struct job_run *run, const siginfo_t *info)
{
	if (run->phase >= RUN_FAILED || run->killed)
		return;
	log_error("job %s: its supervisor %s %d", run->id,
	    info->si_code == CLD_EXITED ? "exited with" : "was killed by signal",
	    info->si_status);
}

/* True if there is no supervisor any more. Its last words may lie in the channel yet. */
static bool
reap(struct job_run *run)
{
	siginfo_t info;

	if (run->sup_pidfd == -1)
		return (true);
	memset(&info, 0, sizeof(info));
	if (waitid(P_PIDFD, (id_t)run->sup_pidfd, &info, WEXITED | WNOHANG) == 0 &&
	    info.si_pid == 0)
		return (false);
	if (run->control != -1)
		hear(run);
	log_exit(run, &info);
	run->exit_source = sd_event_source_disable_unref(run->exit_source);
	close_fd(&run->sup_pidfd);
	return (true);
}

static int
on_exit_of_supervisor(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	(void)source;
	(void)fd;
	(void)events;
	if (reap(arg))
		settle(arg);
	return (0);
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct job_run *run = arg;

	(void)source;
	(void)usec;
	if (reap(run)) {
		settle(run);
		return (0);
	}
	log_warn("job %s: its supervisor does not end and is killed", run->id);
	kill_everything(run);
	return (0);
}

int
run_prepare(struct job_run *run)
{
	int r;

	if ((r = sd_event_add_time_relative(run->runner->event, &run->timer,
	    CLOCK_MONOTONIC, 0, 1000, on_timer, run)) < 0)
		return (r);
	return (sd_event_source_set_enabled(run->timer, SD_EVENT_OFF));
}

int
run_watch(struct job_run *run)
{
	sd_event *event = run->runner->event;
	int r;

	if ((r = sd_event_add_io(event, &run->exit_source, run->sup_pidfd, EPOLLIN,
	    on_exit_of_supervisor, run)) < 0 ||
	    (r = sd_event_add_io(event, &run->control_source, run->control, EPOLLIN,
	    on_control, run)) < 0)
		return (r);
	return (0);
}

/* If there is a supervisor already, the failure is told when it is gone. */
void
run_fail_later(struct job_run *run)
{
	run->phase = RUN_FAILED;
	if (run->sup_pidfd == -1) {
		rearm(run, 0);
		return;
	}
	close_control(run);
	kill_everything(run);
}
