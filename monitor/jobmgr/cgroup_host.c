/* SPDX-License-Identifier: ISC */

/*
 * Where the cgroup hierarchies are mounted, and this process's own group in
 * each. A host is unified (v2 has all controllers) or hybrid (v2 is mounted
 * beside v1 hierarchies that have some); see cgroups(7).
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdio.h"
#include "monitor/jobmgr/cgroup_priv.h"

#define PROC_TEXT_MAX	(4 * 1024 * 1024)	/* a host with many mounts */

const char *const cg_v2_name[CG_NCONTROLLERS] = {
	[CG_CPU] = "cpu", [CG_MEMORY] = "memory", [CG_IO] = "io", [CG_PIDS] = "pids",
};
const char *const cg_v1_name[CG_NCONTROLLERS] = {
	[CG_CPU] = "cpu", [CG_MEMORY] = "memory", [CG_IO] = "blkio", [CG_PIDS] = "pids",
};

/* The path of a group below a mount of its hierarchy; *path stays NULL if the
   mount does not show it. 0 or -ENOMEM. */
static int
group_path(char **path, const struct cg_mount *m, const char *group)
{
	const char *rest;

	if (group == NULL || (rest = cg_below(m->root, group)) == NULL)
		return (0);
	if (asprintf(path, "%s%s", m->point, rest) == -1) {
		*path = NULL;
		return (-ENOMEM);
	}
	return (0);
}

/* Own groups by hierarchy, borrowed from the text. */
struct own {
	const char *v2;
	const char *v1[CG_NCONTROLLERS];
};

static void
parse_own(struct own *own, char *self)
{
	struct cg_member m;
	int i;

	memset(own, 0, sizeof(*own));
	while (cg_next_member(&self, &m)) {
		if (m.controllers[0] == '\0')
			own->v2 = m.path;
		for (i = 0; i < CG_NCONTROLLERS; i++)
			if (cg_in_list(m.controllers, cg_v1_name[i]))
				own->v1[i] = m.path;
	}
}

/* The first mount that shows our group counts. */
static int
take_mount(struct cg_host *h, const struct cg_mount *m, const struct own *own)
{
	int i, r;

	if (m->v2) {
		if (h->v2_own != NULL)
			return (0);
		if ((r = group_path(&h->v2_own, m, own->v2)) != 0)
			return (r);
		/* Without our own group in it it still serves a configured parent. */
		if (h->v2_own != NULL || h->v2_mount == NULL) {
			free(h->v2_mount);
			if ((h->v2_mount = strdup(m->point)) == NULL)
				return (-ENOMEM);
		}
		return (0);
	}
	for (i = 0; i < CG_NCONTROLLERS; i++)
		if (h->v1_own[i] == NULL && cg_in_list(m->options, cg_v1_name[i]) &&
		    (r = group_path(&h->v1_own[i], m, own->v1[i])) != 0)
			return (r);
	return (0);
}

int
cg_host_parse(struct cg_host *h, char *mountinfo, char *self)
{
	struct cg_mount m;
	struct own own;
	int r;

	memset(h, 0, sizeof(*h));
	parse_own(&own, self);
	while (cg_next_mount(&mountinfo, &m))
		if ((r = take_mount(h, &m, &own)) != 0) {
			cg_host_free(h);
			return (r);
		}
	return (0);
}

static int
read_text(const char *path, char **text)
{
	size_t len;
	int fd, r;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (-errno);
	r = read_file(fd, PROC_TEXT_MAX, text, &len);
	close_fd(&fd);
	return (r);
}

int
cg_host_find(struct cg_host *h)
{
	char *mountinfo = NULL, *self = NULL;
	int r;

	memset(h, 0, sizeof(*h));
	if ((r = read_text("/proc/self/mountinfo", &mountinfo)) == 0 &&
	    (r = read_text("/proc/self/cgroup", &self)) == 0)
		r = cg_host_parse(h, mountinfo, self);
	free(mountinfo);
	free(self);
	return (r);
}

void
cg_host_free(struct cg_host *h)
{
	int i;

	free(h->v2_mount);
	free(h->v2_own);
	for (i = 0; i < CG_NCONTROLLERS; i++)
		free(h->v1_own[i]);
	memset(h, 0, sizeof(*h));
}

bool
cg_host_unified(const struct cg_host *h)
{
	int i;

	for (i = 0; i < CG_NCONTROLLERS; i++)
		if (h->v1_own[i] != NULL)
			return (false);
	return (h->v2_mount != NULL);
}
