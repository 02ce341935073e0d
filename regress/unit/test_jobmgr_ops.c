/* SPDX-License-Identifier: ISC */

/*
 * The job manager's asynchronous operations: start, wait and follow; called
 * back exactly once, never before the call returned, safe against callbacks
 * that cancel, delete and begin others.
 */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_backend.h"

static void
start_w(struct world *w, const struct uuid *id, struct seen *s)
{
	assert_int_equal(jobmgr_start(w->mgr, "alice", id, on_info, s, &s->op, &w->st), ST_OK);
}

static void
wait_w(struct world *w, const struct uuid *id, struct seen *s)
{
	assert_int_equal(jobmgr_wait(w->mgr, "alice", id, on_info, s, &s->op, &w->st), ST_OK);
}

static void
follow_w(struct world *w, const struct uuid *id, struct seen *s)
{
	assert_int_equal(jobmgr_follow(w->mgr, "alice", id, on_follow, s, &s->op, &w->st), ST_OK);
}

static void
start_is_answered_at_exec(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 };

	start_w(w, &id, &s);
	assert_int_equal(state_of(w, "alice", &id), JOB_STARTING);
	assert_int_equal(jobmgr_running(w->mgr), 1);
	pump(w);
	assert_int_equal(s.calls, 0);
	fake_started(w->fake.runs[0]);
	assert_int_equal(s.calls, 0);	/* not from inside */
	pump(w);
	assert_int_equal(s.calls, 1);
	assert_int_equal(s.state, JOB_RUNNING);
	fake_exited(w->fake.runs[0], 0);
	pump(w);
	assert_int_equal(s.calls, 1);
	assert_int_equal(state_of(w, "alice", &id), JOB_EXITED);
	assert_int_equal(w->fake.freed, 1);
}

static void
start_twice(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 };
	struct job_run *run = start_job(w, "alice", &id);

	assert_int_equal(jobmgr_start(w->mgr, "alice", &id, on_info, &s, &s.op, &w->st),
	    ST_FAILED_PRECONDITION);
	fake_started(run);
	assert_int_equal(jobmgr_start(w->mgr, "alice", &id, on_info, &s, &s.op, &w->st),
	    ST_FAILED_PRECONDITION);
	fake_exited(run, 0);
	assert_int_equal(jobmgr_start(w->mgr, "alice", &id, on_info, &s, &s.op, &w->st),
	    ST_FAILED_PRECONDITION);
	pump(w);
	assert_int_equal(s.calls, 0);
	assert_int_equal(w->fake.nruns, 1);
}

static void
start_failure_is_told(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 }, waiter = { 0 }, follower = { 0 };
	struct job_run *run;

	wait_w(w, &id, &waiter);
	follow_w(w, &id, &follower);
	start_w(w, &id, &s);
	run = w->fake.runs[0];
	run->events->failed(run->job, "exec /bin/nope", ENOENT);
	pump(w);
	assert_int_equal(s.st.code, ST_FAILED_PRECONDITION);
	assert_string_equal(s.st.message, "exec /bin/nope: No such file or directory");
	assert_int_equal(waiter.st.code, ST_OK);
	assert_int_equal(waiter.state, JOB_FAILED);
	assert_int_equal(waiter.end.reason, END_FAILED_TO_START);
	assert_string_equal(waiter.end.stage, "exec /bin/nope");
	assert_int_equal(waiter.end.error, ENOENT);
	assert_false(waiter.end.has_status);
	assert_int_equal(follower.st.code, ST_OK);
	assert_true(follower.fds[0] == -1 && follower.fds[1] == -1 && follower.fds[2] == -1);
	assert_int_equal(w->fake.removed, 1);
	assert_int_equal(jobmgr_running(w->mgr), 0);
}

/* The backend could not even begin: the job may be started again. */
static void
start_not_begun(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 };

	w->fake.start_error = -EMFILE;
	assert_int_equal(jobmgr_start(w->mgr, "alice", &id, on_info, &s, &s.op, &w->st),
	    ST_RESOURCE_EXHAUSTED);
	pump(w);
	assert_int_equal(s.calls, 0);
	assert_int_equal(state_of(w, "alice", &id), JOB_CREATED);
	assert_int_equal(jobmgr_running(w->mgr), 0);
	w->fake.start_error = 0;
	fake_exited(run_job(w, "alice", &id), 0);
}

/* Started and ended before the answer was given: it did start. */
static void
start_of_a_short_job(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 };

	start_w(w, &id, &s);
	fake_started(w->fake.runs[0]);
	fake_exited(w->fake.runs[0], 7);
	pump(w);
	assert_int_equal(s.calls, 1);
	assert_int_equal(s.st.code, ST_OK);
	assert_int_equal(s.state, JOB_EXITED);
}

static void
supervisor_lost(void **state)
{
	struct world *w = *state;
	struct uuid a = make_job(w, "alice"), b = make_job(w, "alice");
	struct seen s = { 0 }, waiter = { 0 };
	struct job_run *run = run_job(w, "alice", &a);

	wait_w(w, &a, &waiter);
	fake_lost(run);
	pump(w);
	assert_int_equal(waiter.state, JOB_FAILED);
	assert_int_equal(waiter.end.reason, END_SUPERVISOR_LOST);
	start_w(w, &b, &s);
	fake_lost(w->fake.runs[1]);
	pump(w);
	assert_int_equal(s.st.code, ST_INTERNAL);
}

static void
fifty_waiters(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s[50];
	struct job_run *run;
	size_t i;

	memset(s, 0, sizeof(s));
	for (i = 0; i < 25; i++)
		wait_w(w, &id, &s[i]);
	run = run_job(w, "alice", &id);
	for (; i < 50; i++)
		wait_w(w, &id, &s[i]);
	jobop_cancel(s[0].op);
	jobop_cancel(s[30].op);
	pump(w);
	for (i = 0; i < 50; i++)
		assert_int_equal(s[i].calls, 0);
	fake_exited(run, 5);
	jobop_cancel(s[49].op);		/* due, but not yet called */
	pump(w);
	for (i = 0; i < 50; i++) {
		if (i == 0 || i == 30 || i == 49) {
			assert_int_equal(s[i].calls, 0);
			continue;
		}
		assert_int_equal(s[i].calls, 1);
		assert_int_equal(s[i].state, JOB_EXITED);
		assert_int_equal(s[i].end.wait_status, 5 << 8);
	}
}

static void
wait_of_an_ended_job(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 };

	fake_exited(run_job(w, "alice", &id), 0);
	wait_w(w, &id, &s);
	assert_int_equal(s.calls, 0);
	pump(w);
	assert_int_equal(s.calls, 1);
}

/* A callback that deletes the job, cancels another, begins a third. */
struct wild {
	struct world *w;
	struct uuid id;
	struct seen victim, late;
	int calls;
};

static void
on_wild(void *arg, const struct status *st, const struct jobinfo *info)
{
	struct wild *x = arg;
	struct uuid other;

	x->calls++;
	assert_int_equal(st->code, ST_OK);
	assert_int_equal(jobmgr_delete(x->w->mgr, "alice", &x->id, &x->w->st), ST_OK);
	assert_memory_equal(&info->id, &x->id, sizeof(x->id));
	assert_string_equal(info->argv[0], "true");
	jobop_cancel(x->victim.op);
	other = make_job(x->w, "alice");
	fake_exited(run_job(x->w, "alice", &other), 0);
	wait_w(x->w, &other, &x->late);
}

static void
wild_callback(void **state)
{
	struct world *w = *state;
	struct wild x = { .w = w };
	struct seen after = { 0 }, follower = { 0 };
	struct job_run *run;
	struct jobop *op;

	x.id = make_job(w, "alice");
	assert_int_equal(jobmgr_wait(w->mgr, "alice", &x.id, on_wild, &x, &op, &w->st), ST_OK);
	wait_w(w, &x.id, &x.victim);
	wait_w(w, &x.id, &after);
	run = run_job(w, "alice", &x.id);
	fake_exited(run, 9);
	follow_w(w, &x.id, &follower);
	pump(w);
	assert_int_equal(x.calls, 1);
	assert_int_equal(x.victim.calls, 0);
	assert_int_equal(after.calls, 1);
	assert_int_equal(after.end.wait_status, 9 << 8);
	assert_int_equal(x.late.calls, 1);
	assert_int_equal(follower.st.code, ST_FAILED_PRECONDITION);
}

static void
deleting_a_created_job_answers_its_waiters(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 }, follower = { 0 };

	wait_w(w, &id, &s);
	follow_w(w, &id, &follower);
	assert_int_equal(jobmgr_delete(w->mgr, "alice", &id, &w->st), ST_OK);
	assert_int_equal(s.calls, 0);
	pump(w);
	assert_int_equal(s.st.code, ST_FAILED_PRECONDITION);
	assert_int_equal(follower.st.code, ST_FAILED_PRECONDITION);
	assert_true(follower.fds[0] == -1);
}

static void
follow_waits_for_the_start(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen early = { 0 }, live = { 0 }, late = { 0 };
	struct job_run *run;

	follow_w(w, &id, &early);
	run = start_job(w, "alice", &id);
	pump(w);
	assert_int_equal(early.calls, 0);
	fake_started(run);
	pump(w);
	assert_int_equal(early.calls, 1);
	assert_int_not_equal(early.fds[2], -1);
	follow_w(w, &id, &live);
	assert_int_equal(live.calls, 0);
	pump(w);
	assert_int_not_equal(live.fds[2], -1);
	fake_exited(run, 0);
	follow_w(w, &id, &late);
	pump(w);
	assert_int_equal(late.calls, 1);
	assert_true(late.fds[0] != -1 && late.fds[1] != -1 && late.fds[2] == -1);
	assert_int_equal(w->fake.followed, 2);
	assert_int_equal(w->fake.opened, 1);
}

/* Due for a live job, answered when it has ended: the files, no doorbell. */
static void
follow_across_the_end(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 };
	struct job_run *run = run_job(w, "alice", &id);

	follow_w(w, &id, &s);
	fake_exited(run, 0);
	pump(w);
	assert_int_equal(w->fake.opened, 1);
	assert_true(s.fds[0] != -1 && s.fds[2] == -1);
}

static void
follow_errors(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	static const struct { int error; enum status_code code; } cases[] = {
		{ -EAGAIN, ST_UNAVAILABLE }, { -EMFILE, ST_RESOURCE_EXHAUSTED },
		{ -EIO, ST_INTERNAL },
	};
	struct job_run *run = run_job(w, "alice", &id);
	struct seen s = { 0 };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w->fake.follow_error = cases[i].error;
		follow_w(w, &id, &s);
		pump(w);
		assert_int_equal(s.st.code, cases[i].code);
		assert_int_equal(s.fds[0], -1);
	}
	fake_exited(run, 0);
}

static void
quota_of_followers(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s[4];
	struct job_run *run;

	memset(s, 0, sizeof(s));
	w->config.max_followers_job = 2;
	jobmgr_reconfigure(w->mgr, &w->config);
	follow_w(w, &id, &s[0]);
	follow_w(w, &id, &s[1]);
	assert_int_equal(jobmgr_follow(w->mgr, "alice", &id, on_follow, &s[2], &s[2].op,
	    &w->st), ST_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(w->st.message, "MaxFollowersPerJob"));
	jobop_cancel(s[0].op);
	follow_w(w, &id, &s[2]);
	run = run_job(w, "alice", &id);
	assert_int_equal(run->followers, 2);
	assert_int_equal(jobmgr_follow(w->mgr, "alice", &id, on_follow, &s[3], &s[3].op,
	    &w->st), ST_RESOURCE_EXHAUSTED);
	run->followers = 1;		/* one went away */
	follow_w(w, &id, &s[3]);
	pump(w);
	assert_int_equal(s[3].calls, 1);
	fake_exited(run, 0);
	follow_w(w, &id, &s[0]);	/* an ended job has no such limit */
	pump(w);
	assert_int_equal(s[0].calls, 1);
}

static void
cancelled_start_goes_on(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 };

	start_w(w, &id, &s);
	jobop_cancel(s.op);
	fake_started(w->fake.runs[0]);
	pump(w);
	assert_int_equal(s.calls, 0);
	assert_int_equal(state_of(w, "alice", &id), JOB_RUNNING);
	fake_killed(w->fake.runs[0], SIGSEGV, END_SIGNALED);
}

/* jobmgr_free with operations under way, waiting and due: none is called. */
static void
free_forgets_operations(void **state)
{
	struct world *w = *state;
	struct uuid a = make_job(w, "alice"), b = make_job(w, "alice");
	static struct seen s[3];

	memset(s, 0, sizeof(s));
	wait_w(w, &a, &s[0]);
	start_w(w, &b, &s[1]);
	fake_started(w->fake.runs[0]);
	follow_w(w, &b, &s[2]);
	jobmgr_free(w->mgr);
	w->mgr = NULL;
	pump(w);
	assert_int_equal(s[0].calls + s[1].calls + s[2].calls, 0);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(start_is_answered_at_exec),
		T(start_twice),
		T(start_failure_is_told),
		T(start_not_begun),
		T(start_of_a_short_job),
		T(supervisor_lost),
		T(fifty_waiters),
		T(wait_of_an_ended_job),
		T(wild_callback),
		T(deleting_a_created_job_answers_its_waiters),
		T(follow_waits_for_the_start),
		T(follow_across_the_end),
		T(follow_errors),
		T(quota_of_followers),
		T(cancelled_start_goes_on),
		T(free_forgets_operations),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
