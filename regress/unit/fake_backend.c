/* SPDX-License-Identifier: ISC */

/*
 * The fake backend and what the tests of the job manager share. Runs are kept
 * until the world ends, so that a test may look at a freed one.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_backend.h"

static enum status_code
fake_admit(void *ctx, struct limits *l, char *warnings[JOB_WARNINGS_MAX + 1],
    struct status *st)
{
	struct fake *f = ctx;

	if (f->admit != ST_OK)
		return (status_set(st, f->admit, "limits.cpu_cores", "no cpu controller"));
	if (l->pids == 0)
		l->pids = f->default_pids;
	if (f->warning != NULL)
		warnings[0] = strdup(f->warning);
	status_ok(st);
	return (ST_OK);
}

static int
fake_start(void *ctx, const struct uuid *id, const struct job_owner *owner,
    const struct jobspec *spec, const struct jobmgr_config *config,
    const struct job_backend_events *events, void *job, struct job_run **out,
    struct status *st)
{
	struct fake *f = ctx;
	struct job_run *run;

	(void)config;
	assert_string_equal(owner->home, "/home/x");
	if (f->start_error != 0) {
		status_set(st, ST_RESOURCE_EXHAUSTED, NULL, "no descriptors");
		return (f->start_error);
	}
	assert_true(f->nruns < FAKE_RUNS_MAX);
	assert_non_null(run = calloc(1, sizeof(*run)));
	run->fake = f;
	run->id = *id;
	run->events = events;
	run->job = job;
	run->limits = spec->limits;
	run->signal_result = f->signal_result;
	f->runs[f->nruns++] = run;
	*out = run;
	return (0);
}

static int
fake_signal(struct job_run *run, int sig)
{
	assert_false(run->freed);
	assert_int_equal(sig, SIGTERM);
	run->signals++;
	return (run->signal_result);
}

static int
fake_kill(struct job_run *run)
{
	assert_false(run->freed);
	run->kills++;
	return (0);
}

static void
fake_usage(struct job_run *run, struct usage *u)
{
	assert_false(run->freed);
	usage_init(u);
	u->cpu_usec = 4711;
}

static int
fake_follow(struct job_run *run, int fds[3])
{
	int i;

	assert_false(run->freed);
	if (run->fake->follow_error != 0)
		return (run->fake->follow_error);
	for (i = 0; i < 3; i++)
		assert_true((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1);
	run->followers++;
	run->fake->followed++;
	return (0);
}

static uint32_t
fake_followers(struct job_run *run)
{
	assert_false(run->freed);
	return (run->followers);
}

static void
fake_free(struct job_run *run)
{
	assert_false(run->freed);
	run->freed = true;
	run->fake->freed++;
}

static int
fake_open_output(void *ctx, const struct uuid *id, int fds[2])
{
	struct fake *f = ctx;
	int i;

	(void)id;
	for (i = 0; i < 2; i++)
		assert_true((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1);
	f->opened++;
	return (0);
}

static int
fake_remove(void *ctx, const struct uuid *id)
{
	struct fake *f = ctx;

	(void)id;
	if (f->remove_error != 0)
		return (f->remove_error);
	f->removed++;
	return (0);
}

const struct job_backend fake_backend = {
	.admit = fake_admit,
	.start = fake_start,
	.signal = fake_signal,
	.kill = fake_kill,
	.usage = fake_usage,
	.follow = fake_follow,
	.followers = fake_followers,
	.free = fake_free,
	.open_output = fake_open_output,
	.remove = fake_remove,
};

void
fake_started(struct job_run *run)
{
	run->events->started(run->job);
}

static void
fake_end(struct job_run *run, enum end_reason reason, bool has_status, int status)
{
	struct job_end end;
	struct usage usage;

	memset(&end, 0, sizeof(end));
	end.reason = reason;
	end.has_status = has_status;
	end.wait_status = status;
	usage_init(&usage);
	usage.output_bytes = 42;
	run->events->ended(run->job, &end, &usage);
}

void
fake_exited(struct job_run *run, int code)
{
	fake_end(run, END_EXITED, true, code << 8);
}

void
fake_killed(struct job_run *run, int sig, enum end_reason reason)
{
	fake_end(run, reason, true, sig);
}

void
fake_lost(struct job_run *run)
{
	fake_end(run, END_SUPERVISOR_LOST, false, 0);
}

int
world_setup(void **state)
{
	struct world *w;

	if ((w = calloc(1, sizeof(*w))) == NULL || sd_event_new(&w->event) < 0)
		return (-1);
	w->config.max_jobs = 100000;
	w->config.max_jobs_user = 100000;
	w->config.max_running_user = 1000;
	w->config.max_followers_job = 100;
	w->config.stop_grace = 10;
	if (jobmgr_new(&w->mgr, w->event, &w->config, &fake_backend, &w->fake) != 0)
		return (-1);
	*state = w;
	return (0);
}

int
world_teardown(void **state)
{
	struct world *w = *state;
	size_t i;

	jobmgr_free(w->mgr);
	for (i = 0; i < w->fake.nruns; i++) {
		assert_true(w->fake.runs[i]->freed);
		free(w->fake.runs[i]);
	}
	sd_event_unref(w->event);
	free(w);
	return (0);
}

void
pump(struct world *w)
{
	while (sd_event_run(w->event, 0) > 0)
		;
}

void
pump_until(struct world *w, const int *counter, int value)
{
	uint64_t start, now;

	assert_true(sd_event_now(w->event, CLOCK_MONOTONIC, &start) >= 0);
	while (*counter < value) {
		assert_true(sd_event_run(w->event, 100000) >= 0);
		assert_true(sd_event_now(w->event, CLOCK_MONOTONIC, &now) >= 0);
		assert_true(now - start < 5000000);
	}
}

enum status_code
create(struct world *w, const char *user, const char *request_id, const char *command,
    struct uuid *id)
{
	char cmd[] = "true", arg[] = "an argument", *argv[] = { cmd, arg, NULL };
	char env0[] = "A=b", *env[] = { env0, NULL };
	struct job_owner owner;
	struct jobspec spec;

	memset(&owner, 0, sizeof(owner));
	snprintf(owner.user, sizeof(owner.user), "%s", user);
	owner.uid = owner.gid = 100000;
	owner.sup_uid = owner.sup_gid = 165535;
	owner.home = "/home/x";
	jobspec_init(&spec);
	spec.argv = argv;
	spec.env = env;
	if (command != NULL)
		argv[0] = (char *)(uintptr_t)command;
	return (jobmgr_create(w->mgr, &owner, request_id, &spec, id, &w->st));
}

struct uuid
make_job(struct world *w, const char *user)
{
	struct uuid id;

	assert_int_equal(create(w, user, "", NULL, &id), ST_OK);
	return (id);
}

static void
ignore(void *arg, const struct status *st, const struct jobinfo *info)
{
	(void)arg;
	(void)st;
	(void)info;
}

struct job_run *
start_job(struct world *w, const char *user, const struct uuid *id)
{
	struct jobop *op;

	assert_int_equal(jobmgr_start(w->mgr, user, id, ignore, NULL, &op, &w->st), ST_OK);
	return (w->fake.runs[w->fake.nruns - 1]);
}

struct job_run *
run_job(struct world *w, const char *user, const struct uuid *id)
{
	struct job_run *run = start_job(w, user, id);

	fake_started(run);
	pump(w);
	return (run);
}

enum job_state
state_of(struct world *w, const char *user, const struct uuid *id)
{
	struct jobinfo info;
	enum job_state state;

	assert_int_equal(jobmgr_status(w->mgr, user, id, &info, &w->st), ST_OK);
	state = info.state;
	jobinfo_free(&info);
	return (state);
}

void
on_info(void *arg, const struct status *st, const struct jobinfo *info)
{
	struct seen *s = arg;

	s->calls++;
	s->st = *st;
	s->has_info = info != NULL;
	assert_true(s->has_info == (st->code == ST_OK));
	if (info != NULL) {
		s->state = info->state;
		s->end = info->end;
	}
	s->op = NULL;
}

void
on_follow(void *arg, const struct status *st, const int fds[3])
{
	struct seen *s = arg;
	int i;

	s->calls++;
	s->st = *st;
	for (i = 0; i < 3; i++) {
		s->fds[i] = fds[i];
		if (fds[i] != -1)
			close(fds[i]);
	}
	s->op = NULL;
}
