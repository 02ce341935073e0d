/* SPDX-License-Identifier: ISC */

/*
 * The start of a run: files, cgroups, the spawner, the job's spec. A step that
 * fails is told as every failure is, by the event `failed`, so that its stage
 * and errno reach the user; only a start that cannot be begun is an error.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdio.h"
#include "common/ipc.h"
#include "common/log.h"
#include "monitor/jobmgr/runner_internal.h"

/* What the steps share. fds are those of SPAWN_SPEC, owned until it was sent. */
struct start {
	struct job_run *run;
	const struct uuid *id;
	const struct job_owner *owner;
	const struct jobspec *job;
	const struct jobmgr_config *config;
	struct spawn_spec spec;
	int fds[MSG_FDS_MAX];
	size_t nfds;
};

static const uint8_t file_roles[NFILES] = {
	[FILE_OUTPUT] = ROLE_OUTPUT,
	[FILE_INDEX] = ROLE_INDEX,
	[FILE_END] = ROLE_END,
};

static int
stage(struct job_run *run, const char *what, int r)
{
	if (r != 0 && run->stage[0] == '\0')
		snprintf(run->stage, sizeof(run->stage), "%s", what);
	return (r);
}

static int
make_files(struct start *s)
{
	int r;

	r = files_make(s->run->runner->jobs_fd, s->run->id, s->fds);
	if (r != 0)
		return (stage(s->run, "make the job's files", r));
	memcpy(s->spec.roles, file_roles, sizeof(file_roles));
	s->nfds = NFILES;
	return (0);
}

static int
make_cgroup(struct start *s)
{
	struct job_run *run = s->run;
	int r;

	r = cgjob_new(&run->cg, run->runner->tree, s->owner->user, s->id,
	    &s->job->limits, run->stage, sizeof(run->stage));
	return (stage(run, "make the job's cgroup", r));
}

static int
open_cgroup_files(struct start *s)
{
	int n;

	n = cgjob_spawn_fds(s->run->cg, s->spec.roles + s->nfds, s->fds + s->nfds,
	    MSG_FDS_MAX - s->nfds, &s->spec.nproc);
	if (n < 0)
		return (stage(s->run, "open the job's cgroup", n));
	s->nfds += (size_t)n;
	s->spec.nroles = (uint8_t)s->nfds;
	return (0);
}

static int
exec_spawner(struct start *s)
{
	struct job_run *run = s->run;

	return (stage(run, "start the supervisor", spawner_exec(run->runner,
	    cgjob_sup_fd(run->cg), &run->control, &run->sup_pidfd)));
}

/* The strings stay the job manager's: the spec is only written out from here. */
static void
fill_spec(struct start *s)
{
	struct spawn_spec *spec = &s->spec;

	spec->id = *s->id;
	spec->job = *s->job;
	memcpy(spec->owner, s->owner->user, sizeof(spec->owner));
	snprintf(spec->home, sizeof(spec->home), "%s",
	    s->owner->home != NULL ? s->owner->home : "/");
	spec->uid = s->owner->uid;
	spec->gid = s->owner->gid;
	spec->sup_uid = s->owner->sup_uid;
	spec->sup_gid = s->owner->sup_gid;
	spec->log_max = s->config->log_max;
	spec->log_block = s->config->log_block;
}

static int
send_spec(struct start *s)
{
	struct buf *body;
	int r = -ENOMEM;

	fill_spec(s);
	if ((body = buf_new(MSG_BODY_MAX)) != NULL &&
	    (r = spawn_spec_put(body, &s->spec)) == 0)
		r = msg_send_fds(s->run->control, SPAWN_SPEC, 0, body, s->fds, s->nfds);
	buf_free(body);
	/* It is dead already: that is told when it was reaped. */
	if (r == -EPIPE || r == -ECONNRESET)
		r = 0;
	return (stage(s->run, "send the job to its supervisor", r));
}

static int
watch(struct start *s)
{
	return (stage(s->run, "watch the supervisor", run_watch(s->run)));
}

static int (*const steps[])(struct start *) = {
	make_files, make_cgroup, open_cgroup_files, exec_spawner, watch, send_spec,
};

static int
do_steps(struct start *s)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = steps[i](s);
	for (i = 0; i < s->nfds; i++)
		close_fd(&s->fds[i]);
	return (r);
}

static struct job_run *
run_new(struct runner *r, const struct uuid *id, const struct job_backend_events *events,
    void *job)
{
	struct job_run *run;

	if ((run = calloc(1, sizeof(*run))) == NULL)
		return (NULL);
	run->runner = r;
	uuid_format(id, run->id);
	run->events = events;
	run->job = job;
	run->control = run->sup_pidfd = run->init_pidfd = -1;
	LIST_INIT(&run->followers);
	if (run_prepare(run) != 0) {
		run_free(run);
		return (NULL);
	}
	return (run);
}

int
run_start(void *ctx, const struct uuid *id, const struct job_owner *owner,
    const struct jobspec *spec, const struct jobmgr_config *config,
    const struct job_backend_events *events, void *job, struct job_run **out,
    struct status *st)
{
	struct start *s;
	struct job_run *run;
	int r;

	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (run = run_new(ctx, id, events, job)) == NULL) {
		free(s);
		status_set(st, ST_RESOURCE_EXHAUSTED, NULL, "the server is out of memory");
		return (-ENOMEM);
	}
	s->run = run;
	s->id = id;
	s->owner = owner;
	s->job = spec;
	s->config = config;
	if ((r = do_steps(s)) != 0) {
		log_warn("job %s: %s: %s", run->id, run->stage, strerror(-r));
		run->error = -r;
		run_fail_later(run);
	}
	free(s);
	*out = run;
	return (0);
}
