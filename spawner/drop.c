/* SPDX-License-Identifier: ISC */

/*
 * From here on the supervisor is a process of nobody's: a uid that owns no
 * file and no other process, no capability, no directory. It keeps only the
 * descriptors that it was given.
 */

#include <sys/prctl.h>

#include <errno.h>
#include <unistd.h>

#include "common/sandbox.h"
#include "spawner/spawner.h"

/* The daemon's stderr goes, too: it is shared with processes that have rights. */
static int
forget_stdio(int null_fd)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(null_fd, fd) == -1)
			return (-errno);
	return (0);
}

int
drop_privileges(struct spawner *sp)
{
	int r = 0;

	if (chdir("/") == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		r = -errno;
	if (r != 0 ||
	    (r = sandbox_drop_to(sp->spec.sup_uid, sp->spec.sup_gid)) != 0 ||
	    (r = forget_stdio(sp->null_fd)) != 0)
		return (stage_fail(&sp->fail, -r, "drop the supervisor's privileges"));
	/* The change of uid set this to fs.suid_dumpable. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return (stage_fail(&sp->fail, errno, "drop the supervisor's privileges"));
	return (0);
}
