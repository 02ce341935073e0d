/* SPDX-License-Identifier: ISC */

/*
 * The job's process from its birth to its exec. It is in the job's cgroup and
 * namespaces already, with a copy of the spawner's memory that nobody may look
 * into (not dumpable); what it does it does with the rights of the job's
 * owner. It must never return into the spawner's code, and no descriptor of
 * the spawner's may reach the exec. It has no parent-death signal: the
 * supervisor, of another uid and without rights, cannot send one. Should that
 * be killed, the monitor kills the cgroup.
 */

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "spawner/spawner.h"

/*
 * First of all, so that this process keeps no end of the monitor's socket open
 * when the spawner dies. All sources lie above 3, the monitor's socket.
 */
static int
take_fds(const struct spawner *sp)
{
	int err_w = sp->spec.job.merge_output ? sp->out_w : sp->err_w;
	int in;

	if ((in = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1)
		return (-errno);
	if (dup2(in, STDIN_FILENO) == -1 ||
	    dup2(sp->out_w, STDOUT_FILENO) == -1 ||
	    dup2(err_w, STDERR_FILENO) == -1 ||
	    dup3(sp->sync_child, CHILD_SYNC_FD, O_CLOEXEC) == -1)
		return (-errno);
	return (close_from(CHILD_SYNC_FD + 1));
}

/* End of file means that the spawner is gone: nobody will map our ids. */
static int
await_release(const struct spawner *sp)
{
	ssize_t n;
	char go;

	(void)sp;
	while ((n = recv(CHILD_SYNC_FD, &go, 1, 0)) == -1)
		if (errno != EINTR)
			return (-errno);
	return (n == 1 ? 0 : -ECANCELED);
}

static int
take_ids(const struct spawner *sp)
{
	(void)sp;
	if (setresgid(0, 0, 0) == -1 || setresuid(0, 0, 0) == -1)
		return (-errno);
	/* A supplementary group of the host's would survive setgroups "deny". */
	if (getgroups(0, NULL) != 0)
		return (-EPERM);
	return (0);
}

/*
 * Not with clone3: the namespace's root would be the cgroup of the caller, sup,
 * and the job would see "/../job". Here the caller is in its own already.
 */
static int
own_cgroup_view(const struct spawner *sp)
{
	(void)sp;
	return (unshare(CLONE_NEWCGROUP) == -1 ? -errno : 0);
}

static int
private_mounts(const struct spawner *sp)
{
	(void)sp;
	return (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ? -errno : 0);
}

static int
own_proc(const struct spawner *sp)
{
	(void)sp;
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == -1)
		return (-errno);
	return (0);
}

static int
own_loopback(const struct spawner *sp)
{
	(void)sp;
	return (loopback_up());
}

static int
own_session(const struct spawner *sp)
{
	(void)sp;
	return (setsid() == -1 ? -errno : 0);
}

/* The dispositions are the default already (main); ours were all blocked. */
static int
default_signals(const struct spawner *sp)
{
	sigset_t none;

	(void)sp;
	sigemptyset(&none);
	return (sigprocmask(SIG_SETMASK, &none, NULL) == -1 ? -errno : 0);
}

static int
no_new_privs(const struct spawner *sp)
{
	(void)sp;
	umask(022);
	return (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ? -errno : 0);
}

/* In this order, which matters. */
static const struct step {
	const char *stage;
	int (*run)(const struct spawner *);
} steps[] = {
	{ "connect input and output",		take_fds },
	{ "wait for the supervisor",		await_release },
	{ "take the job's ids",			take_ids },
	{ "unshare the cgroup namespace",	own_cgroup_view },
	{ "make the mounts private",		private_mounts },
	{ "mount /proc",			own_proc },
	{ "bring up the loopback interface",	own_loopback },
	{ "setsid",				own_session },
	{ "set no_new_privs",			no_new_privs },
	{ "reset signals",			default_signals },
};

/* As the job's root: a directory that is shut for its owner stays so. */
static int
enter_workdir(const struct spawner *sp, struct failure *f)
{
	const char *dir = sp->spec.job.workdir;

	if (dir == NULL || dir[0] == '\0')
		dir = "/";
	if (chdir(dir) == -1)
		return (stage_fail(f, errno, "chdir %s", dir));
	return (0);
}

static int
start(const struct spawner *sp, struct failure *f)
{
	size_t i;
	int r;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if ((r = steps[i].run(sp)) != 0)
			return (stage_fail(f, -r, "%s", steps[i].stage));
	if ((r = enter_workdir(sp, f)) != 0)
		return (r);
	/* error 0: without it the supervisor knows that we were killed before exec. */
	if (send(CHILD_SYNC_FD, f, sizeof(*f), MSG_NOSIGNAL) == -1)
		return (-errno);
	r = exec_search(sp->spec.job.argv, sp->envp);
	return (stage_fail(f, -r, "exec %s", sp->spec.job.argv[0]));
}

void
child_main(const struct spawner *sp)
{
	struct failure f;
	int fd;

	memset(&f, 0, sizeof(f));
	start(sp, &f);
	/* The first step moves the channel to its place; it may have failed. */
	fd = fcntl(sp->sync_child, F_GETFD) != -1 ? sp->sync_child : CHILD_SYNC_FD;
	(void)send(fd, &f, sizeof(f), MSG_NOSIGNAL);
	_exit(125);
}
