/* SPDX-License-Identifier: ISC */

/*
 * Signals back to what they were before anybody touched them. To be called
 * between fork and exec, too: it allocates nothing.
 */

#include <sys/syscall.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/signals.h"

#define KERNEL_NSIG	64	/* and 8 bytes of set; SIGKILL and SIGSTOP stay as they are */

void
signals_default(void)
{
	unsigned char action[64];	/* more than any kernel's struct sigaction; 0: SIG_DFL */
	sigset_t none;
	int sig;

	memset(action, 0, sizeof(action));
	for (sig = 1; sig <= KERNEL_NSIG; sig++)
		(void)syscall(SYS_rt_sigaction, sig, action, NULL, KERNEL_NSIG / 8);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}
