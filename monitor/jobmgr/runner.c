/* SPDX-License-Identifier: ISC */

/*
 * The real backend of the job manager: the object that all runs share, and the
 * calls that need no event loop. Whatever it reads of a supervisor is a bounded
 * message; it takes no pid from one, and never waits for one.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/jobmgr/runner_internal.h"

static int
told(const char *what, int r)
{
	if (r != 0)
		log_error("%s in the state directory: %s", what, strerror(-r));
	return (r);
}

static int
open_jobs(struct runner *r, int state_fd)
{
	if (mkdirat(state_fd, "jobs", 0700) == -1 && errno != EEXIST)
		return (-errno);
	r->jobs_fd = openat(state_fd, "jobs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return (r->jobs_fd == -1 ? -errno : 0);
}

/* Before any job of ours has files: later what lies there may be in use. */
static int
sweep(struct runner *r)
{
	int n = files_sweep(r->jobs_fd, r->remover);

	if (n < 0)
		return (n);
	if (n > 0)
		log_warn("files of an earlier telepilotd's jobs are removed: %d", n);
	return (0);
}

static int
open_files(struct runner *r, int state_fd)
{
	int error;

	if ((error = told("jobs", open_jobs(r, state_fd))) != 0 ||
	    (error = told("jobs/removed", remover_new(&r->remover, r->event,
	    r->jobs_fd))) != 0)
		return (error);
	return (told("jobs", sweep(r)));
}

int
runner_new(struct runner **out, sd_event *event, int state_fd, int spawner_fd,
    struct cgtree *tree)
{
	struct runner *r;
	int error;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (-ENOMEM);
	r->event = sd_event_ref(event);
	r->spawner_fd = spawner_fd;
	r->tree = tree;
	r->jobs_fd = -1;
	spawner_env_make(r);
	if ((r->msg = malloc(sizeof(*r->msg))) == NULL) {
		error = -ENOMEM;
		goto fail;
	}
	if ((error = open_files(r, state_fd)) != 0)
		goto fail;
	*out = r;
	return (0);
fail:
	runner_free(r);
	return (error);
}

void
runner_free(struct runner *r)
{
	if (r == NULL)
		return;
	remover_free(r->remover);
	close_fd(&r->jobs_fd);
	spawner_env_free(r);
	free(r->msg);
	sd_event_unref(r->event);
	free(r);
}

static enum status_code
run_admit(void *ctx, struct limits *limits, char *warnings[JOB_WARNINGS_MAX + 1],
    struct status *st)
{
	struct runner *r = ctx;

	return (cgtree_admit(r->tree, limits, warnings, st));
}

/*
 * Before the spawner has said that the job's process is there, that process
 * may not be there yet, or may be unseen: then the spawner goes with it.
 */
int
run_kill(struct job_run *run)
{
	int r;

	if (run->sup_pidfd == -1 || run->phase >= RUN_FAILED)
		return (0);
	if (run->phase == RUN_BEGUN) {
		run->killed = true;
		r = cgjob_kill_all(run->cg);
	} else
		r = cgjob_kill(run->cg);
	run_kill_later(run);
	return (r);
}

/* What the disk refused is known only to the supervisor, who tells it at the end. */
void
run_usage(struct job_run *run, struct usage *usage)
{
	usage_init(usage);
	cgjob_usage(run->cg, usage);
	usage->output_bytes = files_output_size(run->runner->jobs_fd, run->id);
}

/* A supervisor that lives yet is killed, and init or the next reaper waits for it. */
void
run_free(struct job_run *run)
{
	if (run->sup_pidfd != -1) {
		log_warn("job %s: its supervisor is killed", run->id);
		(void)cgjob_kill_all(run->cg);
	}
	sd_event_source_disable_unref(run->control_source);
	sd_event_source_disable_unref(run->exit_source);
	sd_event_source_disable_unref(run->timer);
	followers_free(run);
	close_fd(&run->control);
	close_fd(&run->sup_pidfd);
	close_fd(&run->init_pidfd);
	cgjob_free(run->cg);
	free(run);
}

static int
run_open_output(void *ctx, const struct uuid *uuid, int fds[2])
{
	struct runner *r = ctx;
	char id[UUID_STRLEN + 1];

	uuid_format(uuid, id);
	return (files_open(r->jobs_fd, id, fds));
}

static int
run_remove(void *ctx, const struct uuid *uuid)
{
	struct runner *r = ctx;
	char id[UUID_STRLEN + 1];

	uuid_format(uuid, id);
	return (remover_take(r->remover, id));
}

const struct job_backend runner_backend = {
	.admit = run_admit,
	.start = run_start,
	.signal = run_signal,
	.kill = run_kill,
	.usage = run_usage,
	.follow = run_follow,
	.followers = run_followers,
	.free = run_free,
	.open_output = run_open_output,
	.remove = run_remove,
};
