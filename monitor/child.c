/* SPDX-License-Identifier: ISC */

/*
 * Starting and ending the monitor's own children. Between fork and exec the
 * child touches only its descriptors.
 */

#include <sys/pidfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/ipc.h"
#include "common/signals.h"
#include "monitor/child.h"

/* Above every number that a helper finds its own descriptors at. */
#define FD_ABOVE	16
#define EXEC_FAILED	127
#define END_WAIT	1000	/* ms */

int
child_fork(struct child *c)
{
	pid_t pid;
	int r;

	c->pidfd = -1;
	c->reaped = 0;
	if ((pid = fork()) == -1)
		return (-errno);
	if (pid == 0) {
		signals_default();
		return (0);
	}
	/* It cannot be reaped by anyone else: the pid is its own until we do. */
	c->pid = pid;
	if ((c->pidfd = pidfd_open(pid, 0)) != -1)
		return (1);
	r = -errno;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return (r);
}

/* What of our environment a helper may have: where the log goes, sanitizers. */
static void
helper_environment(char *envp[], size_t max)
{
	static const char *const names[] = {
		"JOURNAL_STREAM=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=",
	};
	size_t i, j, n = 0;

	for (i = 0; environ[i] != NULL; i++)
		for (j = 0; j < sizeof(names) / sizeof(names[0]); j++)
			if (n + 1 < max && strncmp(environ[i], names[j], strlen(names[j])) == 0)
				envp[n++] = environ[i];
	envp[n] = NULL;
}

static int
arrange_fds(int *program, int channel, int dir_fd, int null_fd)
{
	/* Out of the way first: any of them may be at a number wanted below. */
	if ((*program = fcntl(*program, F_DUPFD_CLOEXEC, FD_ABOVE)) == -1 ||
	    (channel = fcntl(channel, F_DUPFD_CLOEXEC, FD_ABOVE)) == -1 ||
	    fchdir(dir_fd) == -1 ||
	    dup2(null_fd, STDIN_FILENO) == -1 || dup2(null_fd, STDOUT_FILENO) == -1 ||
	    dup2(channel, IPC_FD) == -1 ||
	    close_range(IPC_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) == -1)
		return (-errno);
	return (0);
}

int
child_exec(struct child *c, int program_fd, char *const argv[], int channel, int dir_fd,
    int null_fd)
{
	char *envp[8];
	int r;

	helper_environment(envp, sizeof(envp) / sizeof(envp[0]));
	if ((r = child_fork(c)) < 0)
		return (r);
	if (r > 0)
		return (0);
	if (arrange_fds(&program_fd, channel, dir_fd, null_fd) == 0)
		execveat(program_fd, "", argv, envp, AT_EMPTY_PATH);
	_exit(EXEC_FAILED);
}

void
child_kill(const struct child *c)
{
	if (c->pidfd != -1 && !c->reaped)
		pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

static enum child_state
describe(const siginfo_t *si, char *how, size_t size)
{
	const char *name;

	if (si->si_code == CLD_EXITED) {
		if (si->si_status == EXEC_FAILED)
			snprintf(how, size, "it could not be executed");
		else
			snprintf(how, size, "exit status %d", si->si_status);
		return (si->si_status == 0 ? CHILD_OK : CHILD_FAILED);
	}
	name = sigabbrev_np(si->si_status);
	snprintf(how, size, "killed by signal %d (SIG%s)", si->si_status,
	    name != NULL ? name : "?");
	return (CHILD_KILLED);
}

enum child_state
child_reap(struct child *c, char *how, size_t size)
{
	enum child_state state;
	siginfo_t si;
	int r;

	memset(&si, 0, sizeof(si));
	while ((r = waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOHANG)) == -1)
		if (errno != EINTR)
			break;
	if (r == 0 && si.si_pid == 0)
		return (CHILD_RUNS);
	if (r == 0)
		state = describe(&si, how, size);
	else {
		snprintf(how, size, "its end is unknown: %s", strerror(errno));
		state = CHILD_FAILED;
	}
	c->reaped = 1;
	return (state);
}

static void
wait_for_kernel(const struct child *c)
{
	struct pollfd p;
	siginfo_t si;

	p.fd = c->pidfd;
	p.events = POLLIN;
	while (poll(&p, 1, END_WAIT) == -1 && errno == EINTR)
		continue;
	waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOHANG);
}

void
child_end(struct child *c)
{
	if (c->pidfd == -1)
		return;
	if (!c->reaped) {
		child_kill(c);
		wait_for_kernel(c);
	}
	close_fd(&c->pidfd);
}
