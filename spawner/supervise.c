/* SPDX-License-Identifier: ISC */

/*
 * The job's supervisor, from the exec to the end. It has no rights but those
 * of its descriptors, and it must never wait for anybody: not for a follower,
 * not for the disk, not for a process outside that holds the job's stdout.
 *
 * The end, in this order: the first process was waited for and the cgroup is
 * empty, what was in the pipes by then is on disk, the END record, `end`, and
 * then the monitor is told.
 */

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/cgusage.h"
#include "common/fdio.h"
#include "common/msg.h"
#include "spawner/doorbell.h"
#include "spawner/spawner.h"

#define OOM_RECHECK_MS	10	/* while a notice is open */
#define RETRY_MS	200	/* for a disk that refused */
#define LINGER_MS	1000	/* processes left behind by pid 1; then they are killed */
#define BLOCK_END_MS	10000	/* with log_block, how long an ended job waits for the disk */

enum slot {
	SLOT_CONTROL,
	SLOT_EXIT,
	SLOT_CGROUP,
	SLOT_OUT,
	SLOT_ERR,
	SLOT_OOM,
	NSLOTS
};

struct job_pipe {
	int *fd;
	uint8_t stream;
	size_t left;		/* to be read yet, once the job is gone */
};

struct supervisor {
	struct spawner *sp;
	struct doorbells bells;
	struct pollfd fds[NSLOTS + DOORBELLS_MAX];
	struct job_pipe pipes[2];
	int wait_status;
	bool reaped;
	bool populated;		/* of interest, and watched, once pid 1 is reaped */
	bool gone;		/* both: no process of the job is left */
	bool stalled;		/* the pipes are left unread until retry_at */
	int64_t retry_at;	/* monotonic ms; 0: none, as below */
	int64_t kill_at;
	int64_t unblock_at;
};

/*
 * The one place that decides what becomes of a job without a monitor: it does
 * not outlive it.
 */
static void
monitor_lost(struct supervisor *s)
{
	close_fd(&s->sp->control);
	(void)job_kill_tree(s->sp);
}

/*
 * Only doorbells come here. A message that is anything else, or was refused
 * (no descriptor was free), is dropped: no job dies of that, and a doorbell that
 * is closed tells its follower.
 */
static void
on_control(struct supervisor *s)
{
	static struct msg m;		/* too large for the stack */
	int r;

	while ((r = msg_recv(s->sp->control, &m, 1)) == 0 || r == -EBADMSG) {
		if (r != 0)
			continue;
		if (m.type == SPAWN_DOORBELL && m.nfds == 1 && rbuf_end(&m.body) == 0)
			(void)doorbell_add(&s->bells, msg_take_fd(&m, 0));
		msg_close_fds(&m);
	}
	if (r != -EAGAIN)
		monitor_lost(s);
}

/* An error means that the cgroup was removed: there is nobody in it. */
static void
on_cgroup(struct supervisor *s)
{
	uint64_t n;

	s->populated = cg_read_key(s->sp->role[ROLE_CGROUP_EVENTS], "populated", &n) == 0 &&
	    n != 0;
}

/* Our own child, not waited for yet: the pid is still its. */
static void
on_exit_of_init(struct supervisor *s)
{
	if (waitpid(s->sp->pid, &s->wait_status, WNOHANG) != s->sp->pid)
		return;
	s->reaped = true;
	s->kill_at = monotonic_ms() + LINGER_MS;
	on_cgroup(s);
}

static void
pump(struct supervisor *s, struct job_pipe *p)
{
	struct output *o = &s->sp->output;
	ssize_t n;

	n = output_pump(o, *p->fd, p->stream, s->gone ? p->left : OUTPUT_READ_MAX);
	if (n > 0)
		p->left -= s->gone ? (size_t)n : 0;
	else if (n == 0)
		close_fd(p->fd);
	else if (n == -EAGAIN)
		p->left = 0;
	else
		s->stalled = true;
	if ((s->stalled || output_waiting(o)) && s->retry_at == 0)
		s->retry_at = monotonic_ms() + RETRY_MS;
}

static void
on_stdout(struct supervisor *s)
{
	pump(s, &s->pipes[0]);
}

static void
on_stderr(struct supervisor *s)
{
	pump(s, &s->pipes[1]);
}

static void
on_oom(struct supervisor *s)
{
	oom_notice(s->sp);
}

static void (*const handlers[NSLOTS])(struct supervisor *) = {
	[SLOT_CONTROL] = on_control,
	[SLOT_EXIT] = on_exit_of_init,
	[SLOT_CGROUP] = on_cgroup,
	[SLOT_OUT] = on_stdout,
	[SLOT_ERR] = on_stderr,
	[SLOT_OOM] = on_oom,
};

static void
watch(struct supervisor *s, enum slot slot, bool wanted, int fd, short events)
{
	s->fds[slot].fd = wanted ? fd : -1;
	s->fds[slot].events = events;
}

static int
sooner(int timeout, int64_t now, int64_t at)
{
	int64_t left = at > now ? at - now : 0;

	return (at != 0 && (timeout == -1 || left < timeout) ? (int)left : timeout);
}

static int
next_timeout(const struct supervisor *s)
{
	int timeout = s->sp->oom.recheck_until != 0 ? OOM_RECHECK_MS : -1;
	int64_t now;

	if (s->retry_at == 0 && s->kill_at == 0)
		return (timeout);
	now = monotonic_ms();
	return (sooner(sooner(timeout, now, s->retry_at), now, s->kill_at));
}

/* Is there anything that we would read? */
static bool
readable(const struct supervisor *s, const struct job_pipe *p)
{
	return (!s->stalled && (!s->gone || p->left > 0));
}

static int
wait_events(struct supervisor *s)
{
	struct spawner *sp = s->sp;
	size_t i;

	watch(s, SLOT_CONTROL, true, sp->control, POLLIN);
	watch(s, SLOT_EXIT, !s->reaped, sp->pidfd, POLLIN);
	watch(s, SLOT_CGROUP, s->populated, sp->role[ROLE_CGROUP_EVENTS], POLLPRI);
	watch(s, SLOT_OUT, readable(s, &s->pipes[0]), sp->out_r, POLLIN);
	watch(s, SLOT_ERR, readable(s, &s->pipes[1]), sp->err_r, POLLIN);
	watch(s, SLOT_OOM, !s->reaped, sp->oom.eventfd, POLLIN);
	for (i = 0; i < s->bells.n; i++) {
		s->fds[NSLOTS + i].fd = s->bells.fd[i];
		s->fds[NSLOTS + i].events = 0;	/* POLLERR: the reader is gone */
	}
	while (poll(s->fds, NSLOTS + s->bells.n, next_timeout(s)) == -1)
		if (errno != EINTR)
			return (-errno);
	return (0);
}

/* First of all, while the places are still those that were polled. */
static void
hear_doorbells(struct supervisor *s)
{
	size_t i = s->bells.n;

	while (i-- > 0)
		if (s->fds[NSLOTS + i].revents != 0)
			doorbell_remove(&s->bells, i);
}

static void
on_time(struct supervisor *s)
{
	int64_t now = monotonic_ms();

	if (s->sp->oom.recheck_until != 0)
		oom_recheck(s->sp);
	if (s->retry_at != 0 && now >= s->retry_at) {
		s->retry_at = 0;
		s->stalled = false;
		output_retry(&s->sp->output);
	}
	if (s->kill_at != 0 && now >= s->kill_at) {
		(void)job_kill_tree(s->sp);
		s->kill_at = now + LINGER_MS;
	}
	if (s->unblock_at != 0 && now >= s->unblock_at)
		s->sp->output.block = false;
}

/*
 * When the last process is gone, all that the job wrote is in the pipes. Just
 * so much is read yet, for a pipe that leaked may be written for ever.
 */
static void
notice_gone(struct supervisor *s)
{
	size_t i;
	int n;

	if (s->gone || !s->reaped || s->populated)
		return;
	s->gone = true;
	s->kill_at = 0;
	s->unblock_at = monotonic_ms() + BLOCK_END_MS;
	for (i = 0; i < 2; i++)
		if (*s->pipes[i].fd != -1 && ioctl(*s->pipes[i].fd, FIONREAD, &n) == 0 && n > 0)
			s->pipes[i].left = (size_t)n;
}

static bool
drained(const struct job_pipe *p)
{
	return (*p->fd == -1 || p->left == 0);
}

static bool
all_over(struct supervisor *s)
{
	notice_gone(s);
	return (s->gone && drained(&s->pipes[0]) && drained(&s->pipes[1]));
}

static void
spread_news(struct supervisor *s)
{
	if (s->sp->output.news)
		doorbells_ring(&s->bells);
	s->sp->output.news = false;
}

/* The job was given few descriptors at once (limits.c); we may need many. */
static void
raise_files_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static void
supervisor_init(struct supervisor *s, struct spawner *sp)
{
	memset(s, 0, sizeof(*s));
	s->sp = sp;
	s->pipes[0].fd = &sp->out_r;
	s->pipes[0].stream = JOBLOG_STDOUT;
	s->pipes[1].fd = &sp->err_r;
	s->pipes[1].stream = JOBLOG_STDERR;
	raise_files_limit();
}

int
supervise(struct spawner *sp)
{
	struct supervisor s;
	size_t i;
	int r;

	supervisor_init(&s, sp);
	while (!all_over(&s)) {
		if ((r = wait_events(&s)) != 0)
			return (r);
		hear_doorbells(&s);
		for (i = 0; i < NSLOTS; i++)
			if (s.fds[i].revents != 0)
				handlers[i](&s);
		on_time(&s);
		spread_news(&s);
	}
	(void)output_end(&sp->output);
	spread_news(&s);
	r = end_report(sp, s.wait_status, oom_settle(sp));
	doorbells_close(&s.bells);
	output_close(&sp->output);
	return (r);
}
