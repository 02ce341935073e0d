/* SPDX-License-Identifier: ISC */

/*
 * A signal that is ignored when we start stays ignored: nohup(1) and shells
 * without job control mean it. The second one ends the process from within its
 * handler, so that a blocked terminal or pipe cannot hold us. A hangup is
 * often sent twice, by the kernel and by the shell: the second means no more.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/signals.h"

static const int handled[] = { SIGINT, SIGTERM, SIGHUP };
#define NHANDLED	(sizeof(handled) / sizeof(handled[0]))

static struct telepilot *volatile client;
static volatile sig_atomic_t caught, taken;

static void
on_signal(int signo)
{
	static const char left[] = "telepilot: left without waiting for the job's end\n";
	int saved = errno;
	ssize_t n;

	if (caught != 0 && signo != SIGHUP) {
		n = write(STDERR_FILENO, left, sizeof(left) - 1);
		(void)n;
		_exit(128 + signo);
	}
	if (caught == 0) {
		caught = signo;
		if (client != NULL)
			telepilot_interrupt(client);
	}
	errno = saved;
}

int
signals_install(struct telepilot *c)
{
	struct sigaction sa, before;
	size_t i;

	client = c;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;	/* no SA_RESTART: a blocked write must return */
	sigemptyset(&sa.sa_mask);
	for (i = 0; i < NHANDLED; i++)
		sigaddset(&sa.sa_mask, handled[i]);
	for (i = 0; i < NHANDLED; i++) {
		if (sigaction(handled[i], NULL, &before) == -1)
			return (-errno);
		if (before.sa_handler != SIG_IGN && sigaction(handled[i], &sa, NULL) == -1)
			return (-errno);
	}
	return (0);
}

int
signals_caught(void)
{
	return (caught);
}

void
signals_take(void)
{
	taken = 1;
}

bool
signals_taken(void)
{
	return (taken != 0);
}

void
signals_detach(void)
{
	client = NULL;
}
