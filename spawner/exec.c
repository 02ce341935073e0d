/* SPDX-License-Identifier: ISC */

/*
 * Finds the job's command as a shell would, by the job's own PATH and with the
 * job's own rights, and executes it. The errno that comes back decides between
 * "not found" (127) and "cannot be executed" (126), so it must be exact.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "spawner/spawner.h"

static const char *
path_of(char *const envp[])
{
	size_t i;

	for (i = 0; envp[i] != NULL; i++)
		if (strncmp(envp[i], "PATH=", 5) == 0)
			return (envp[i] + 5);
	return ("");
}

/* Go on with the next directory: there is no such file in this one. */
static bool
not_here(int error)
{
	return (error == ENOENT || error == ENOTDIR || error == ESTALE ||
	    error == ENODEV || error == ETIMEDOUT || error == ENAMETOOLONG ||
	    error == ELOOP);
}

int
exec_search(char *const argv[], char *const envp[])
{
	char file[PATH_MAX];
	const char *dir;
	size_t dirlen, namelen;
	int error = ENOENT;

	if (strchr(argv[0], '/') != NULL) {
		execve(argv[0], argv, envp);
		return (-errno);
	}
	namelen = strlen(argv[0]);
	for (dir = path_of(envp);; dir += dirlen + 1) {
		dirlen = strcspn(dir, ":");
		if (dirlen + namelen + 2 <= sizeof(file)) {
			/* An empty element is the working directory. */
			memcpy(file, dir, dirlen);
			file[dirlen] = '/';
			memcpy(file + dirlen + (dirlen > 0), argv[0], namelen + 1);
			execve(file, argv, envp);
			/* Found but not executable: remembered, should nothing better come. */
			if (errno == EACCES)
				error = EACCES;
			else if (!not_here(errno))
				return (-errno);
		}
		if (dir[dirlen] == '\0')
			return (-error);
	}
}
