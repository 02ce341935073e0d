/* SPDX-License-Identifier: ISC */

/*
 * The job's environment: made from nothing, so that none of the daemon's
 * leaks. What the user asked for comes last and wins.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spawner/spawner.h"

#define DEFAULT_PATH	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define NDEFAULTS	7

/* Puts entry ("NAME=value") in the place of one with its name, or at the end. */
static void
env_set(char **envp, size_t *n, char *entry)
{
	size_t i, len;

	len = strcspn(entry, "=") + 1;
	for (i = 0; i < *n; i++)
		if (strncmp(envp[i], entry, len) == 0) {
			envp[i] = entry;
			return;
		}
	envp[(*n)++] = entry;
}

static int
env_default(char **envp, size_t *n, const char *name, const char *value)
{
	char *entry;

	if (asprintf(&entry, "%s=%s", name, value) == -1)
		return (-ENOMEM);
	env_set(envp, n, entry);
	return (0);
}

/*
 * The strings live as long as this process does, which becomes the supervisor:
 * spec.job's own are borrowed.
 */
int
env_build(struct spawner *sp)
{
	const struct spawn_spec *s = &sp->spec;
	char id[UUID_STRLEN + 1];
	size_t i, n;
	int r;

	for (n = 0; s->job.env != NULL && s->job.env[n] != NULL; n++)
		;
	if ((sp->envp = calloc(NDEFAULTS + n + 1, sizeof(*sp->envp))) == NULL)
		return (stage_fail(&sp->fail, ENOMEM, "make the environment"));
	uuid_format(&s->id, id);
	i = 0;
	if ((r = env_default(sp->envp, &i, "PATH", DEFAULT_PATH)) != 0 ||
	    (r = env_default(sp->envp, &i, "HOME", s->home[0] != '\0' ? s->home : "/")) != 0 ||
	    (r = env_default(sp->envp, &i, "USER", s->owner)) != 0 ||
	    (r = env_default(sp->envp, &i, "LOGNAME", s->owner)) != 0 ||
	    (r = env_default(sp->envp, &i, "SHELL", "/bin/sh")) != 0 ||
	    (r = env_default(sp->envp, &i, "LANG", "C.UTF-8")) != 0 ||
	    (r = env_default(sp->envp, &i, "TELEPILOT_JOB_ID", id)) != 0)
		return (stage_fail(&sp->fail, -r, "make the environment"));
	for (n = 0; s->job.env != NULL && s->job.env[n] != NULL; n++)
		env_set(sp->envp, &i, s->job.env[n]);
	return (0);
}
