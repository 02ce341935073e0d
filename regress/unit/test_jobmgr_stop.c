/* SPDX-License-Identifier: ISC */

/*
 * Stop and shutdown: what is sent when, and whose end it then was.
 */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/ipc.h"
#include "fake_backend.h"

static void
stop_w(struct world *w, const struct uuid *id, uint32_t grace, struct seen *s)
{
	assert_int_equal(jobmgr_stop(w->mgr, "alice", id, grace, on_info, s, &s->op, &w->st),
	    ST_OK);
}

static void
stop_of_created(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 }, f = { 0 };

	assert_int_equal(jobmgr_follow(w->mgr, "alice", &id, on_follow, &f, &f.op, &w->st), ST_OK);
	stop_w(w, &id, IPC_DEFAULT, &s);
	assert_int_equal(s.calls, 0);
	pump(w);
	assert_int_equal(s.calls, 1);
	assert_int_equal(s.state, JOB_EXITED);
	assert_int_equal(s.end.reason, END_STOPPED);
	assert_string_equal(s.end.stopped_by, "alice");
	assert_false(s.end.has_status);
	assert_int_equal(f.calls, 1);
	assert_true(f.fds[0] == -1 && f.fds[1] == -1 && f.fds[2] == -1);
	assert_int_equal(jobmgr_start(w->mgr, "alice", &id, on_info, &s, &s.op, &w->st),
	    ST_FAILED_PRECONDITION);
}

static void
stop_of_ended_changes_nothing(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 };

	fake_exited(run_job(w, "alice", &id), 3);
	stop_w(w, &id, 0, &s);
	pump(w);
	assert_int_equal(s.st.code, ST_OK);
	assert_int_equal(s.end.reason, END_EXITED);
	assert_string_equal(s.end.stopped_by, "");
}

static void
stop_by_term(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = run_job(w, "alice", &id);
	struct seen s = { 0 };

	stop_w(w, &id, IPC_DEFAULT, &s);
	assert_int_equal(run->signals, 1);
	assert_int_equal(run->kills, 0);
	assert_int_equal(state_of(w, "alice", &id), JOB_STOPPING);
	pump(w);
	assert_int_equal(s.calls, 0);
	fake_killed(run, SIGTERM, END_SIGNALED);
	pump(w);
	assert_int_equal(s.end.reason, END_STOPPED);
	assert_true(s.end.has_status && s.end.wait_status == SIGTERM);
	assert_string_equal(s.end.stopped_by, "alice");
}

/* Its handler ran and it exited: still our stop, and its exit status is kept. */
static void
stop_by_handler(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = run_job(w, "alice", &id);
	struct seen s = { 0 };

	stop_w(w, &id, IPC_DEFAULT, &s);
	fake_exited(run, 143);
	pump(w);
	assert_int_equal(s.end.reason, END_STOPPED);
	assert_int_equal(s.end.wait_status, 143 << 8);
}

static void
stop_with_grace_zero(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = run_job(w, "alice", &id);
	struct seen s = { 0 };

	stop_w(w, &id, 0, &s);
	assert_int_equal(run->signals, 0);
	assert_int_equal(run->kills, 1);
	fake_killed(run, SIGKILL, END_SIGNALED);
	pump(w);
	assert_int_equal(s.end.reason, END_STOPPED);
}

static void
stop_without_handler_does_not_wait(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 };
	struct job_run *run;

	w->fake.signal_result = 1;
	run = run_job(w, "alice", &id);
	stop_w(w, &id, 3600, &s);
	assert_int_equal(run->kills, 1);
	fake_killed(run, SIGKILL, END_SIGNALED);
	pump(w);
	assert_int_equal(s.end.reason, END_STOPPED);
}

static void
stop_kills_after_grace(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = run_job(w, "alice", &id);
	struct seen s = { 0 };

	stop_w(w, &id, 1, &s);
	pump(w);
	assert_int_equal(run->kills, 0);
	pump_until(w, &run->kills, 1);
	fake_killed(run, SIGKILL, END_SIGNALED);
	pump(w);
	assert_int_equal(s.end.reason, END_STOPPED);
	assert_int_equal(s.end.wait_status, SIGKILL);
}

static void
second_stop_shortens(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = run_job(w, "alice", &id);
	struct seen a = { 0 }, b = { 0 }, c = { 0 };

	stop_w(w, &id, 3600, &a);
	stop_w(w, &id, 1, &b);
	stop_w(w, &id, 7200, &c);	/* does not lengthen */
	assert_int_equal(run->signals, 1);
	pump_until(w, &run->kills, 1);
	fake_killed(run, SIGKILL, END_SIGNALED);
	pump(w);
	assert_int_equal(a.calls + b.calls + c.calls, 3);
}

static void
second_stop_kills(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = run_job(w, "alice", &id);
	struct seen a = { 0 }, b = { 0 };

	stop_w(w, &id, 3600, &a);
	stop_w(w, &id, 0, &b);
	assert_int_equal(run->kills, 1);
	fake_killed(run, SIGKILL, END_SIGNALED);
	pump(w);
	assert_int_equal(a.calls + b.calls, 2);
}

static void
stop_while_starting(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 }, st = { 0 };
	struct job_run *run;

	assert_int_equal(jobmgr_start(w->mgr, "alice", &id, on_info, &st, &st.op, &w->st), ST_OK);
	run = w->fake.runs[0];
	stop_w(w, &id, 3600, &s);
	assert_int_equal(run->kills, 1);
	assert_int_equal(run->signals, 0);
	run->events->failed(run->job, "start the job", ECANCELED);
	pump(w);
	assert_int_equal(s.state, JOB_EXITED);
	assert_int_equal(s.end.reason, END_STOPPED);
	assert_string_equal(s.end.stopped_by, "alice");
	assert_int_equal(st.st.code, ST_FAILED_PRECONDITION);
	assert_non_null(strstr(st.st.message, "alice"));
}

/* The exec won the race: the job is killed all the same. */
static void
stop_while_starting_too_late(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = start_job(w, "alice", &id);
	struct seen s = { 0 };

	stop_w(w, &id, 3600, &s);
	fake_started(run);
	assert_int_equal(run->kills, 2);
	assert_int_equal(state_of(w, "alice", &id), JOB_STOPPING);
	fake_killed(run, SIGKILL, END_SIGNALED);
	pump(w);
	assert_int_equal(s.end.reason, END_STOPPED);
}

/* Each ended by itself: the signal never reached it, or was not what ended it. */
static void
ends_that_are_not_ours(void **state)
{
	struct world *w = *state;
	struct seen s = { 0 };
	struct uuid id;
	struct job_run *run;

	w->fake.signal_result = -ESRCH;
	id = make_job(w, "alice");
	run = run_job(w, "alice", &id);
	stop_w(w, &id, 10, &s);
	assert_int_equal(run->kills, 0);
	fake_exited(run, 0);
	pump(w);
	assert_int_equal(s.end.reason, END_EXITED);

	id = make_job(w, "alice");
	run = run_job(w, "alice", &id);
	stop_w(w, &id, 0, &s);
	fake_exited(run, 1);
	pump(w);
	assert_int_equal(s.end.reason, END_EXITED);
	assert_string_equal(s.end.stopped_by, "");

	w->fake.signal_result = 0;
	id = make_job(w, "alice");
	run = run_job(w, "alice", &id);
	stop_w(w, &id, 10, &s);
	fake_killed(run, SIGSEGV, END_SIGNALED);
	pump(w);
	assert_int_equal(s.end.reason, END_SIGNALED);

	id = make_job(w, "alice");
	run = run_job(w, "alice", &id);
	stop_w(w, &id, 10, &s);
	fake_killed(run, SIGKILL, END_OOM);
	pump(w);
	assert_int_equal(s.end.reason, END_OOM);
	assert_int_equal(s.calls, 4);
}

static void
signal_error_kills(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct seen s = { 0 };
	struct job_run *run;

	w->fake.signal_result = -EPERM;
	run = run_job(w, "alice", &id);
	stop_w(w, &id, 3600, &s);
	assert_int_equal(run->kills, 1);
	fake_killed(run, SIGKILL, END_SIGNALED);
	pump(w);
	assert_int_equal(s.end.reason, END_STOPPED);
}

static void
cancelled_stop_goes_on(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = run_job(w, "alice", &id);
	struct seen s = { 0 };

	stop_w(w, &id, 1, &s);
	jobop_cancel(s.op);
	pump_until(w, &run->kills, 1);
	fake_killed(run, SIGKILL, END_SIGNALED);
	pump(w);
	assert_int_equal(s.calls, 0);
}

static void
on_drained(void *arg)
{
	(*(int *)arg)++;
}

static void
shutdown_of_nothing(void **state)
{
	struct world *w = *state;
	int drained = 0;

	jobmgr_shutdown(w->mgr, 30, on_drained, &drained);
	assert_int_equal(drained, 0);
	pump(w);
	assert_int_equal(drained, 1);
}

static void
shutdown_stops_all(void **state)
{
	struct world *w = *state;
	struct uuid created = make_job(w, "bob"), a = make_job(w, "alice"), id;
	struct job_run *run = run_job(w, "alice", &a);
	struct uuid b = make_job(w, "alice");
	struct job_run *starting = start_job(w, "alice", &b);
	struct seen s = { 0 };
	int drained = 0;

	assert_int_equal(jobmgr_wait(w->mgr, "alice", &a, on_info, &s, &s.op, &w->st), ST_OK);
	jobmgr_shutdown(w->mgr, 30, on_drained, &drained);
	assert_int_equal(run->signals, 1);
	assert_int_equal(starting->kills, 1);
	assert_int_equal(state_of(w, "bob", &created), JOB_EXITED);
	assert_int_equal(create(w, "alice", "", NULL, &id), ST_UNAVAILABLE);
	starting->events->failed(starting->job, "start the job", ECANCELED);
	pump(w);
	assert_int_equal(drained, 0);
	fake_killed(run, SIGTERM, END_SIGNALED);
	pump(w);
	assert_int_equal(drained, 1);
	assert_int_equal(s.end.reason, END_STOPPED);
	assert_string_equal(s.end.stopped_by, "telepilotd");
}

static void
shutdown_kills_at_the_deadline(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = run_job(w, "alice", &id);
	struct seen s = { 0 };
	int drained = 0;

	stop_w(w, &id, 3600, &s);
	jobmgr_shutdown(w->mgr, 1, on_drained, &drained);
	pump_until(w, &run->kills, 1);
	assert_int_equal(drained, 0);
	fake_killed(run, SIGKILL, END_SIGNALED);
	pump(w);
	assert_int_equal(drained, 1);
	/* Who asked first has stopped it. */
	assert_string_equal(s.end.stopped_by, "alice");
}

struct last {
	struct world *w;
	struct seen s;
	int drained;
};

/* Answers come before done, and done may be the manager's end. */
static void
on_drained_free(void *arg)
{
	struct last *l = arg;

	assert_int_equal(l->s.calls, 1);
	jobmgr_free(l->w->mgr);
	l->w->mgr = NULL;
	l->drained++;
}

static void
shutdown_done_may_free(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = run_job(w, "alice", &id);
	struct last l = { .w = w };

	jobmgr_shutdown(w->mgr, 30, on_drained_free, &l);
	fake_exited(run, 0);
	assert_int_equal(jobmgr_wait(w->mgr, "alice", &id, on_info, &l.s, &l.s.op, &w->st), ST_OK);
	pump(w);
	assert_int_equal(l.drained, 1);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(stop_of_created),
		T(stop_of_ended_changes_nothing),
		T(stop_by_term),
		T(stop_by_handler),
		T(stop_with_grace_zero),
		T(stop_without_handler_does_not_wait),
		T(stop_kills_after_grace),
		T(second_stop_shortens),
		T(second_stop_kills),
		T(stop_while_starting),
		T(stop_while_starting_too_late),
		T(ends_that_are_not_ours),
		T(signal_error_kills),
		T(cancelled_stop_goes_on),
		T(shutdown_of_nothing),
		T(shutdown_stops_all),
		T(shutdown_kills_at_the_deadline),
		T(shutdown_done_may_free),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
