/* SPDX-License-Identifier: ISC */

/*
 * What a process gives up by plain system calls. Capabilities and seccomp are
 * files of their own, so that who links libcommon without libcap or
 * libseccomp does not need them.
 */

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/sandbox.h"

/* 0 if there is nothing in it but itself and its parent. */
static int
check_empty(DIR *d)
{
	const struct dirent *e;

	errno = 0;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return (-ENOTEMPTY);
	return (-errno);
}

/* What was checked is what becomes the root: by descriptor, not by name. */
static int
enter(DIR *d)
{
	struct stat st;
	int r;

	if (fstat(dirfd(d), &st) == -1)
		return (-errno);
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return (-EPERM);
	if ((r = check_empty(d)) != 0)
		return (r);
	if (fchdir(dirfd(d)) == -1 || chroot(".") == -1 || chdir("/") == -1)
		return (-errno);
	return (0);
}

int
sandbox_chroot(const char *dir)
{
	DIR *d;
	int fd, r;

	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return (-errno);
	if ((d = fdopendir(fd)) == NULL) {
		r = -errno;
		close(fd);
		return (r);
	}
	r = enter(d);
	closedir(d);		/* an open directory would be a way out */
	return (r);
}

/* ENOSYS, EPERM: the kernel, or a filter around us, knows no keys at all. */
int
sandbox_own_keyring(void)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) == -1 &&
	    errno != ENOSYS && errno != EPERM)
		return (-errno);
	return (0);
}

int
sandbox_harden(void)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 ||
	    setrlimit(RLIMIT_CORE, &none) == -1)
		return (-errno);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return (-EPERM);
	return (0);
}
