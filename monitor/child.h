/*
 * Children of the monitor, watched by pidfd: no SIGCHLD, no pid that could be
 * another's by the time it is used.
 */
#ifndef MONITOR_CHILD_H
#define MONITOR_CHILD_H

#include <sys/types.h>

#include <stddef.h>

struct child {
	pid_t pid;		/* for the log */
	int pidfd;		/* -1: none */
	int reaped;
};

/*
 * As fork(2): 0 in the child, which has default signals and none blocked, or
 * the parent's 1 with *c set. -errno: no child.
 */
int child_fork(struct child *c);

/*
 * Runs an O_PATH descriptor's program: fd 3 is channel, fd 2 our stderr, 0 and 1
 * are /dev/null, dir is its working directory. Its environment is what helpers
 * may have, not ours. The descriptors stay the caller's. 0 or -errno.
 */
int child_exec(struct child *c, int program_fd, char *const argv[], int channel, int dir_fd,
    int null_fd);

void child_kill(const struct child *c);	/* SIGKILL; harmless when it is gone */

enum child_state {
	CHILD_RUNS,
	CHILD_OK,			/* exit status 0 */
	CHILD_FAILED,			/* another */
	CHILD_KILLED,			/* by a signal, its own fault or ours */
};

/*
 * Reaps if it has ended. The pidfd stays open until child_end: an event source on
 * it must be gone first, or a copy in a process just forked would keep it in
 * epoll(7). how: "exit status 1", "killed by signal 9 (SIGKILL)".
 */
enum child_state child_reap(struct child *c, char *how, size_t size);

/*
 * Kills and reaps if need be, and closes the pidfd. Waits for the kernel at most a
 * second: one that hangs in it stays behind as a zombie rather than hold us up.
 */
void child_end(struct child *c);

#endif
