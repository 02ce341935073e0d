/* SPDX-License-Identifier: ISC */

/*
 * The filter of a process that reads a stranger's bytes. It says what must
 * never happen; all else is still allowed.
 */

#include <sys/prctl.h>
#include <sys/socket.h>

#include <linux/seccomp.h>

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>

#include "common/sandbox.h"

/* Each could give another process a descriptor of ours. */
static const int senders[] = {
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(io_uring_setup),	/* sends without a system call to filter */
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
};

static int
add_rules(scmp_filter_ctx ctx)
{
	size_t i;
	int r;

	/* x86-64 only: i386 and x32 number their calls differently. */
	if ((r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)) != 0)
		return (r);
	for (i = 0; i < sizeof(senders) / sizeof(senders[0]); i++)
		if ((r = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, senders[i], 0)) != 0)
			return (r);
	/*
	 * A lingering socket blocks whoever closes it last, which may be the one
	 * it was sent to. The kernel sees only 32 bits of both arguments.
	 */
	return (seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, SCMP_SYS(setsockopt), 2,
	    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, SOL_SOCKET),
	    SCMP_A2(SCMP_CMP_MASKED_EQ, 0xffffffff, SO_LINGER)));
}

int
sandbox_no_fd_passing(void)
{
	scmp_filter_ctx ctx;
	int r;

	if ((ctx = seccomp_init(SCMP_ACT_ALLOW)) == NULL)
		return (-ENOMEM);
	if ((r = add_rules(ctx)) == 0)
		r = seccomp_load(ctx);		/* sets no_new_privs, too */
	seccomp_release(ctx);
	if (r != 0)
		return (r);
	return (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER ? 0 : -EPERM);
}
