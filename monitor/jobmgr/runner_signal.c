/* SPDX-License-Identifier: ISC */

/*
 * Signals to a job's first process, which is pid 1 of its namespace: the kernel
 * drops a signal for which such a process has no handler (pid_namespaces(7)).
 * Nobody should wait for that, so /proc is asked first.
 */

#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "monitor/jobmgr/runner_internal.h"

#define PROC_TEXT_MAX	8192
#define LOOK_MS		20		/* a look at a process that hides */

enum { LOOK_NO, LOOK_YES, LOOK_FAILED };

/* The value after "key:" at the beginning of a line, or NULL. */
static const char *
field(const char *text, const char *key)
{
	size_t len = strlen(key);

	while (text != NULL && *text != '\0') {
		if (strncmp(text, key, len) == 0 && text[len] == ':')
			return (text + len + 1);
		if ((text = strchr(text, '\n')) != NULL)
			text++;
	}
	return (NULL);
}

static bool
in_mask(const char *text, const char *key, int sig)
{
	const char *value = field(text, key);

	return (value != NULL && (strtoull(value, NULL, 16) >> (sig - 1) & 1) != 0);
}

/*
 * A blocked signal is kept even without a handler: a signalfd may take it. One that is
 * ignored on purpose asks for the grace time: only the default disposition does not.
 */
int
status_ignores(const char *text, int sig)
{
	if (field(text, "SigCgt") == NULL)
		return (0);
	return (!in_mask(text, "SigCgt", sig) && !in_mask(text, "SigBlk", sig) &&
	    !in_mask(text, "SigIgn", sig));
}

static int
read_text(const char *path, char *text, size_t size)
{
	ssize_t n;
	int fd;

	text[0] = '\0';
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (-errno);
	n = read_full(fd, text, size - 1);
	close_fd(&fd);
	if (n < 0)
		return ((int)n);
	text[n] = '\0';
	return (0);
}

/* 0 or less: it is gone. */
static long
pid_of(int pidfd, char *text, size_t size)
{
	char path[64];
	const char *value;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (read_text(path, text, size) != 0 || (value = field(text, "Pid")) == NULL)
		return (0);
	return (strtol(value, NULL, 10));
}

static bool
has_exited(int pidfd)
{
	struct pollfd p;

	p.fd = pidfd;
	p.events = POLLIN;
	return (poll(&p, 1, 0) == 1);
}

/*
 * In a child of ours: /proc/PID/syscall takes a lock that a process holds all
 * through its execve, for as long as a file of its own choice takes to be closed.
 */
static void __attribute__((noreturn))
look_for_sigwait(long pid)
{
	char path[64], text[256];

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		_exit(LOOK_FAILED);
	snprintf(path, sizeof(path), "/proc/%ld/syscall", pid);
	if (read_text(path, text, sizeof(text)) != 0)
		_exit(LOOK_FAILED);
	_exit(strtol(text, NULL, 10) == SYS_rt_sigtimedwait ? LOOK_YES : LOOK_NO);
}

/*
 * While it sleeps in sigwait(3), SigBlk does not show what it waits for. True
 * also if that cannot be known in time: then it gets its signal and the grace.
 */
static bool
maybe_in_sigwait(long pid)
{
	struct pollfd p;
	int status = 0;
	pid_t child;

	if ((child = fork()) == -1)
		return (true);
	if (child == 0)
		look_for_sigwait(pid);
	p.events = POLLIN;
	if ((p.fd = pidfd_open(child, 0)) != -1)
		(void)poll(&p, 1, LOOK_MS);
	(void)kill(child, SIGKILL);	/* not reaped yet, so it is the child's pid */
	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	close_fd(&p.fd);
	return (!WIFEXITED(status) || WEXITSTATUS(status) != LOOK_NO);
}

static bool
ignores_now(long pid, int sig, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	return (read_text(path, text, size) == 0 && status_ignores(text, sig) &&
	    !maybe_in_sigwait(pid));
}

/*
 * 1 if sig would be dropped, 0 if not or if it cannot be known. Looked at
 * twice, since it may have left sigwait between the two files. The number is
 * another process's only after this one has exited, which is looked at last.
 */
static int
would_be_dropped(int pidfd, int sig)
{
	char text[PROC_TEXT_MAX];
	bool ignores = true;
	long pid;
	int i;

	if ((pid = pid_of(pidfd, text, sizeof(text))) <= 0)
		return (-ESRCH);
	for (i = 0; i < 2 && ignores; i++)
		ignores = ignores_now(pid, sig, text, sizeof(text));
	if (has_exited(pidfd))
		return (-ESRCH);
	return (ignores);
}

int
run_signal(struct job_run *run, int sig)
{
	int r;

	if (run->init_pidfd == -1)
		return (-ESRCH);
	if ((r = would_be_dropped(run->init_pidfd, sig)) != 0)
		return (r);
	return (pidfd_send_signal(run->init_pidfd, sig, NULL, 0) == -1 ? -errno : 0);
}
