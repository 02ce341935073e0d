/* SPDX-License-Identifier: ISC */

/*
 * The tree as a whole: opened when the daemon starts, closed when it ends. See
 * monitor/cgroup.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/jobmgr/cgroup_priv.h"
#include "monitor/jobmgr/disk.h"

struct cgtree *
cg_tree_new(sd_event *event, const struct cgtree_config *config)
{
	struct cgtree *t;
	int c;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->above_fd = t->root_fd = t->users_fd = -1;
	for (c = 0; c < CG_NCONTROLLERS; c++)
		t->v1_own_fd[c] = t->v1_root_fd[c] = -1;
	TAILQ_INIT(&t->reaps);
	t->event = sd_event_ref(event);
	t->state_in_memory = config->state_in_memory;
	cgtree_reconfigure(t, config);
	return (t);
}

int
cgtree_open(struct cgtree **tp, sd_event *event, const struct cgtree_config *config,
    char *why, size_t size)
{
	struct cg_host host;
	struct cgtree *t;
	int r;

	why[0] = '\0';
	if ((r = cg_host_find(&host)) != 0) {
		(void)snprintf(why, size, "read /proc/self/mountinfo and cgroup: %s",
		    strerror(-r));
		return (r);
	}
	if ((t = cg_tree_new(event, config)) == NULL)
		r = -ENOMEM;
	else if ((r = cg_root_open(t, &host, config->parent, why, size)) == 0)
		r = cg_detect(t, &host, why, size);
	cg_host_free(&host);
	if (r == 0) {
		if (t->state_in_memory && t->where[CG_MEMORY] == CG_V2)
			log_warn("the state directory is on tmpfs: output counts as its "
			    "supervisor's memory, which is therefore not limited");
		*tp = t;
		return (0);
	}
	if (why[0] == '\0')
		(void)snprintf(why, size, "make the jobs' cgroups: %s", strerror(-r));
	cgtree_close(t);
	return (r);
}

static void
remove_v1_roots(struct cgtree *t)
{
	int c;

	for (c = 0; c < CG_NCONTROLLERS; c++) {
		if (t->v1_root_fd[c] != -1 &&
		    unlinkat(t->v1_own_fd[c], t->name, AT_REMOVEDIR) == -1 && errno != ENOENT)
			log_warn("cgroup v1 %s/%s stays: %s", cg_v1_name[c], t->name,
			    strerror(errno));
		close_fd(&t->v1_root_fd[c]);
		close_fd(&t->v1_own_fd[c]);
	}
}

void
cgtree_close(struct cgtree *t)
{
	if (t == NULL)
		return;
	cg_reap_finish(t);
	remove_v1_roots(t);
	if (t->users_fd != -1 && unlinkat(t->root_fd, "users", AT_REMOVEDIR) == -1)
		log_warn("cgroup %s/users stays: %s", t->path, strerror(errno));
	close_fd(&t->users_fd);
	cg_root_close(t);
	free(t->path);
	free(t->name);
	sd_event_unref(t->event);
	free(t);
}

enum cg_where
cgtree_where(const struct cgtree *t, enum cg_controller c)
{
	return (t->where[c]);
}

void
cgtree_reconfigure(struct cgtree *t, const struct cgtree_config *config)
{
	t->weak_io = config->weak_io;
	t->default_pids = config->default_pids;
}

/* "vda (254:0), vdb (254:16)", cut where the line ends. */
static void
describe_disks(void (*line)(void *, const char *), void *arg)
{
	char text[512] = "limit io: on ";
	struct disk *disks;
	size_t i, len, n;

	if (disk_list_host(&disks, &n) != 0)
		return;
	for (i = 0; i < n; i++) {
		len = strlen(text);
		(void)snprintf(text + len, sizeof(text) - len, "%s%s (%u:%u)",
		    i == 0 ? "" : ", ", disks[i].name, disks[i].major, disks[i].minor);
	}
	free(disks);
	line(arg, n == 0 ? "limit io: this host has no disk that can be limited" : text);
}

void
cgtree_describe(const struct cgtree *t, void (*line)(void *, const char *), void *arg)
{
	char text[512], words[400];
	int c;

	(void)snprintf(text, sizeof(text), "cgroup %s", t->path);
	line(arg, text);
	for (c = 0; c < CG_NCONTROLLERS; c++) {
		cg_where_words(t, (enum cg_controller)c, words, sizeof(words));
		(void)snprintf(text, sizeof(text), "limit %s: %s", cg_v2_name[c], words);
		line(arg, text);
	}
	if (t->where[CG_IO] != CG_ABSENT)
		describe_disks(line, arg);
}
