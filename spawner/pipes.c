/* SPDX-License-Identifier: ISC */

/*
 * The descriptors between the job and its supervisor: a pipe for stdout, one
 * for stderr (or one for both), /dev/null for stdin, and the channel of the
 * start-up, which execve closes.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "spawner/spawner.h"

#define PIPE_SIZE	(256 * 1024)

/*
 * The ends of a pipe are two file descriptions: what the job does to the flags
 * of its end changes nothing at ours, which must not block. The pipe belongs to
 * the job, which may then open it by name (/dev/stdout).
 */
static int
output_pipe(const struct spawn_spec *s, int *rd, int *wr)
{
	int fds[2], flags;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return (-errno);
	*rd = fds[0];
	*wr = fds[1];
	if ((flags = fcntl(*rd, F_GETFL)) == -1 ||
	    fcntl(*rd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fchown(*wr, s->uid, s->gid) == -1)
		return (-errno);
	/* Only for speed: where the host allows less, 64 KiB do as well. */
	(void)fcntl(*rd, F_SETPIPE_SZ, PIPE_SIZE);
	return (0);
}

int
pipes_open(struct spawner *sp)
{
	int fds[2], r;

	if ((sp->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		return (stage_fail(&sp->fail, errno, "open /dev/null"));
	if ((r = output_pipe(&sp->spec, &sp->out_r, &sp->out_w)) != 0)
		return (stage_fail(&sp->fail, -r, "make the stdout pipe"));
	if (!sp->spec.job.merge_output &&
	    (r = output_pipe(&sp->spec, &sp->err_r, &sp->err_w)) != 0)
		return (stage_fail(&sp->fail, -r, "make the stderr pipe"));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		return (stage_fail(&sp->fail, errno, "make the start-up channel"));
	sp->sync = fds[0];
	sp->sync_child = fds[1];
	return (0);
}
