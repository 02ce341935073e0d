/* SPDX-License-Identifier: ISC */

/*
 * Moves to DIR/removed what is to go, and keeps at most one child that empties
 * it. The child has that directory and stderr, and nothing else of ours: it holds
 * no lock, so that a daemon may start while an earlier one's child still hangs in
 * the kernel. Both of them only unlink what no job uses.
 */

#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "common/signals.h"
#include "monitor/jobmgr/remover.h"

#define NAME		"removed"
#define NAME_SIZE	256
#define COPIES_MAX	100		/* of one name: somebody put them there */
/* So that one child is made for many jobs that are deleted one after the other. */
#define DELAY_USEC	UINT64_C(20000)
#define RETRY_USEC	UINT64_C(5000000)	/* after a fork that failed */
#define END_MS		1000

struct remover {
	sd_event *event;
	int dir_fd, removed_fd;
	int pidfd;			/* of the child; -1: none */
	bool wanted;			/* something came since it began */
	bool told;			/* of what cannot be removed */
	sd_event_source *timer, *exit_source;
};

static void
rearm(struct remover *r, uint64_t usec)
{
	int e;

	if ((e = sd_event_source_set_time_relative(r->timer, usec)) < 0 ||
	    (e = sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT)) < 0)
		log_error("removal of jobs' files: timer: %s", strerror(-e));
}

static void
want(struct remover *r)
{
	r->wanted = true;
	if (r->pidfd == -1)
		rearm(r, DELAY_USEC);
}

/* --- the child ------------------------------------------------------------- */

static void __attribute__((noreturn))
work(const struct remover *r, pid_t parent)
{
	signals_default();
	(void)prctl(PR_SET_NAME, "telepilot-rm");
	if (dup2(r->removed_fd, STDIN_FILENO) == -1 || close_from(STDERR_FILENO + 1) != 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(2);
	_exit(remover_empty(STDIN_FILENO, !r->told));
}

/* --- and its parent -------------------------------------------------------- */

static void
forget_child(struct remover *r)
{
	r->exit_source = sd_event_source_disable_unref(r->exit_source);
	close_fd(&r->pidfd);
}

static int
on_exit_of_child(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct remover *r = arg;
	siginfo_t si;

	(void)source;
	(void)events;
	memset(&si, 0, sizeof(si));
	if (waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0)
		return (0);
	forget_child(r);
	if (si.si_code != CLD_EXITED || si.si_status > 1)
		log_error("removal of jobs' files: the child %s %d", si.si_code == CLD_EXITED ?
		    "exited with" : "was killed by signal", si.si_status);
	else
		r->told = si.si_status == 1;
	if (r->wanted)
		rearm(r, DELAY_USEC);
	return (0);
}

/* 0 or -errno: then there is none. */
static int
start_child(struct remover *r)
{
	pid_t self = getpid(), pid;
	int e;

	if ((pid = fork()) == -1)
		return (-errno);
	if (pid == 0)
		work(r, self);
	/* Nobody else reaps it: the pid is its own until we do. */
	if ((r->pidfd = pidfd_open(pid, 0)) == -1)
		e = -errno;
	else
		e = sd_event_add_io(r->event, &r->exit_source, r->pidfd, EPOLLIN,
		    on_exit_of_child, r);
	if (e >= 0)
		return (0);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	close_fd(&r->pidfd);
	return (e);
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct remover *r = arg;
	int e;

	(void)source;
	(void)usec;
	if (r->pidfd != -1 || !r->wanted)
		return (0);
	if ((e = start_child(r)) == 0)
		r->wanted = false;
	else {
		log_error("removal of jobs' files: no process: %s", strerror(-e));
		rearm(r, RETRY_USEC);
	}
	return (0);
}

/* --- from outside ---------------------------------------------------------- */

static bool
holds_something(int dir)
{
	bool found = false;
	struct dirent *de;
	DIR *d;
	int fd;

	if ((fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (false);
	if ((d = fdopendir(fd)) == NULL) {
		close_fd(&fd);
		return (false);
	}
	while (!found && (de = readdir(d)) != NULL)
		found = strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0;
	(void)closedir(d);
	return (found);
}

static int
prepare(struct remover *r)
{
	int e;

	if (mkdirat(r->dir_fd, NAME, 0700) == -1 && errno != EEXIST)
		return (-errno);
	r->removed_fd = openat(r->dir_fd, NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->removed_fd == -1)
		return (-errno);
	if ((e = sd_event_add_time_relative(r->event, &r->timer, CLOCK_MONOTONIC, 0, 1000,
	    on_timer, r)) < 0 ||
	    (e = sd_event_source_set_enabled(r->timer, SD_EVENT_OFF)) < 0)
		return (e);
	return (0);
}

int
remover_new(struct remover **out, sd_event *event, int dir_fd)
{
	struct remover *r;
	int e;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (-ENOMEM);
	r->event = sd_event_ref(event);
	r->dir_fd = dir_fd;
	r->removed_fd = r->pidfd = -1;
	if ((e = prepare(r)) != 0) {
		remover_free(r);
		return (e);
	}
	if (holds_something(r->removed_fd))
		want(r);
	*out = r;
	return (0);
}

/* An unlink that goes on in the kernel ends with its file: it is not waited for. */
static void
end_child(struct remover *r)
{
	struct pollfd p = { .fd = r->pidfd, .events = POLLIN };
	siginfo_t si;

	if (r->pidfd == -1)
		return;
	(void)pidfd_send_signal(r->pidfd, SIGKILL, NULL, 0);
	while (poll(&p, 1, END_MS) == -1 && errno == EINTR)
		;
	memset(&si, 0, sizeof(si));
	if (waitid(P_PIDFD, (id_t)r->pidfd, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0)
		log_warn("the removal of jobs' files goes on in the kernel");
	forget_child(r);
}

void
remover_free(struct remover *r)
{
	if (r == NULL)
		return;
	end_child(r);
	sd_event_source_disable_unref(r->timer);
	close_fd(&r->removed_fd);
	sd_event_unref(r->event);
	free(r);
}

/* What lies there under the same name was put there by hand. */
static bool
is_taken(int error)
{
	return (error == ENOTEMPTY || error == EEXIST || error == ENOTDIR || error == EISDIR);
}

int
remover_take(struct remover *r, const char *name)
{
	char to[NAME_SIZE];
	int i;

	(void)snprintf(to, sizeof(to), "%s", name);
	for (i = 1; renameat(r->dir_fd, name, r->removed_fd, to) == -1; i++) {
		if (errno == ENOENT)
			return (0);
		if (!is_taken(errno) || i > COPIES_MAX)
			return (-errno);
		(void)snprintf(to, sizeof(to), "%s.%d", name, i);
	}
	want(r);
	return (0);
}

bool
remover_idle(const struct remover *r)
{
	return (r->pidfd == -1 && !r->wanted);
}
