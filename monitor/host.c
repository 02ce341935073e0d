/* SPDX-License-Identifier: ISC */

/*
 * Opens what runs the jobs, and says what this host can and cannot do for them.
 */

#include <sys/resource.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "monitor/host.h"

#define CONNECTION_FDS	3		/* socket, channel to netd, pidfd */
#define FIXED_FDS	128		/* all else, and what fds_scarce() keeps */

static void
fill_tree_config(struct cgtree_config *t, const struct config *c)
{
	memset(t, 0, sizeof(*t));
	t->parent = c->cgroup_parent;
	t->weak_io = c->weak_io != 0;
	t->default_pids = c->default_pids;
}

static void
fill_job_config(struct jobmgr_config *j, const struct config *c)
{
	memset(j, 0, sizeof(*j));
	j->max_jobs = c->max_jobs;
	j->max_jobs_user = c->max_jobs_user;
	j->max_running_user = c->max_running_user;
	j->max_followers_job = c->max_followers_job;
	j->stop_grace = c->stop_grace;
	j->log_max = c->log_max;
	j->log_block = c->log_block != 0;
}

static int
tell(config_error *error, void *arg, const char *what, int r, const char *why)
{
	char text[PATH_MAX + 1024];

	snprintf(text, sizeof(text), "%s: %s", what, why[0] != '\0' ? why : strerror(-r));
	error(arg, text);
	return (-EINVAL);
}

static int
open_ids(struct daemon *d, const struct config *c, config_error *error, void *arg)
{
	char where[PATH_MAX + 32], why[512] = "";
	unsigned int line;
	int r;

	if ((r = ids_open(&d->ids, d->places.state, &c->ids, &line, why, sizeof(why))) == 0)
		return (0);
	if (line != 0)
		snprintf(where, sizeof(where), "%s/" IDS_FILE ":%u", c->state_directory, line);
	else
		snprintf(where, sizeof(where), "%s/" IDS_FILE, c->state_directory);
	return (tell(error, arg, where, r, why));
}

/* Without a limit on all users together one user's jobs are what can be counted. */
static void
check_descriptors(const struct config *c)
{
	uint64_t jobs, conns;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == -1)
		return;
	jobs = (uint64_t)c->max_running_user * RUNNER_FDS_MAX;
	conns = (uint64_t)(c->max_connections + c->spare_connections) * CONNECTION_FDS;
	if (FIXED_FDS + jobs + conns <= l.rlim_cur)
		return;
	log_warn("the limit of descriptors (RLIMIT_NOFILE) is %llu, too low for "
	    "MaxRunningPerUser %u (%d each) and MaxConnections %u (%d each): starts will be "
	    "refused before; remedy: LimitNOFILE=%llu in the unit file, or ulimit -Hn",
	    (unsigned long long)l.rlim_cur, c->max_running_user, RUNNER_FDS_MAX,
	    c->max_connections, CONNECTION_FDS,
	    (unsigned long long)(FIXED_FDS + jobs + conns));
}

int
host_open(struct daemon *d, const struct config *c, config_error *error, void *arg)
{
	struct jobmgr_config jobs;
	struct cgtree_config tree;
	char why[512] = "";
	int r;

	fill_tree_config(&tree, c);
	tree.state_in_memory = runner_state_in_memory(d->places.state);
	fill_job_config(&jobs, c);
	if ((r = open_ids(d, c, error, arg)) != 0)
		return (r);
	if ((r = cgtree_open(&d->tree, d->event, &tree, why, sizeof(why))) != 0)
		return (tell(error, arg, "cgroups", r, why));
	if ((r = runner_new(&d->runner, d->event, d->places.state, d->places.spawner,
	    d->tree)) != 0)
		return (tell(error, arg, c->state_directory, r, ""));
	if ((r = jobmgr_new(&d->services.jobs, d->event, &jobs, &runner_backend, d->runner)) != 0)
		return (tell(error, arg, "job manager", r, ""));
	d->services.users.ids = d->ids;
	check_descriptors(c);
	return (0);
}

void
host_close(struct daemon *d)
{
	jobmgr_free(d->services.jobs);
	runner_free(d->runner);
	cgtree_close(d->tree);
	ids_free(d->ids);
	d->services.jobs = NULL;
	d->runner = NULL;
	d->tree = NULL;
	d->ids = NULL;
}

void
host_reconfigure(struct daemon *d, const struct config *c)
{
	struct jobmgr_config jobs;
	struct cgtree_config tree;

	fill_tree_config(&tree, c);
	fill_job_config(&jobs, c);
	cgtree_reconfigure(d->tree, &tree);
	jobmgr_reconfigure(d->services.jobs, &jobs);
	check_descriptors(c);
}

/* --- what this host can do --- */

struct lines {
	void (*line)(void *arg, const char *text);
	void *arg;
};

/* Our own defaults that it cannot hold: what a job without limits is told. */
static void
describe_defaults(struct cgtree *t, const struct lines *to)
{
	char *warnings[JOB_WARNINGS_MAX + 1] = { NULL };
	struct limits none;
	struct status st;
	char text[1024];
	size_t i;

	limits_init(&none);
	status_ok(&st);
	if (cgtree_admit(t, &none, warnings, &st) != ST_OK)
		to->line(to->arg, st.message);
	for (i = 0; i < JOB_WARNINGS_MAX && warnings[i] != NULL; i++) {
		snprintf(text, sizeof(text), "default not held: %s", warnings[i]);
		to->line(to->arg, text);
		free(warnings[i]);
	}
}

static void
describe(struct cgtree *t, const struct lines *to)
{
	cgtree_describe(t, to->line, to->arg);
	describe_defaults(t, to);
}

static void
log_line(void *arg, const char *text)
{
	(void)arg;
	log_info("%s", text);
}

void
host_log(const struct daemon *d)
{
	const struct lines to = { log_line, NULL };

	describe(d->tree, &to);
	log_warn("jobs are not fully isolated yet: a job sees the host's files, with the "
	    "rights of its owner's ids");
}

static void
print_line(void *arg, const char *text)
{
	fprintf(arg, "# %s\n", text);
}

void
host_print(FILE *f, const struct config *c)
{
	const struct lines to = { print_line, f };
	struct cgtree_config config;
	struct cgtree *t = NULL;
	char why[512] = "";
	int r;

	fill_tree_config(&config, c);
	if ((r = cgtree_probe(&t, &config, why, sizeof(why))) != 0) {
		fprintf(f, "# limits of this host: %s\n", why[0] != '\0' ? why : strerror(-r));
		return;
	}
	describe(t, &to);
	cgtree_close(t);
}
