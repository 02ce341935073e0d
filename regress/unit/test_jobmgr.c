/* SPDX-License-Identifier: ISC */

/*
 * The job manager: creation, ownership, request ids, quotas, lists, deletion,
 * and what status tells.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_backend.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static void
created_job_is_told(void **state)
{
	struct world *w = *state;
	struct jobinfo info;
	struct uuid id;

	w->fake.default_pids = 4096;
	w->fake.warning = "no pids controller here";
	id = make_job(w, "alice");
	assert_int_equal(jobmgr_status(w->mgr, "alice", &id, &info, &w->st), ST_OK);
	assert_memory_equal(&info.id, &id, sizeof(id));
	assert_string_equal(info.owner, "alice");
	assert_int_equal(info.state, JOB_CREATED);
	assert_string_equal(info.argv[0], "true");
	assert_string_equal(info.argv[1], "an argument");
	assert_null(info.argv[2]);
	assert_true(info.created > 0 && info.started == 0 && info.ended == 0);
	assert_false(info.has_usage);
	assert_int_equal(info.limits.pids, 4096);
	assert_string_equal(info.warnings[0], "no pids controller here");
	assert_int_equal(info.end.reason, END_NONE);
	jobinfo_free(&info);
}

static void
bad_requests_are_refused(void **state)
{
	struct world *w = *state;
	char long_id[JOB_REQUEST_ID_MAX + 2];
	struct uuid id;

	assert_int_equal(create(w, "alice", "", "", &id), ST_INVALID_ARGUMENT);
	assert_string_equal(w->st.field, "command");
	memset(long_id, 'x', sizeof(long_id));
	long_id[sizeof(long_id) - 1] = '\0';
	assert_int_equal(create(w, "alice", long_id, NULL, &id), ST_INVALID_ARGUMENT);
	assert_string_equal(w->st.field, "request_id");
	long_id[JOB_REQUEST_ID_MAX] = '\0';
	assert_int_equal(create(w, "alice", long_id, NULL, &id), ST_OK);
	assert_int_equal(create(w, "Alice", "", NULL, &id), ST_INTERNAL);
}

static void
root_never_owns_a_job(void **state)
{
	struct world *w = *state;
	char cmd[] = "true", *argv[] = { cmd, NULL }, *env[] = { NULL };
	struct job_owner owner;
	struct jobspec spec;
	struct uuid id;

	jobspec_init(&spec);
	spec.argv = argv;
	spec.env = env;
	memset(&owner, 0, sizeof(owner));
	strcpy(owner.user, "alice");
	owner.gid = owner.sup_uid = owner.sup_gid = 1;
	assert_int_equal(jobmgr_create(w->mgr, &owner, "", &spec, &id, &w->st), ST_INTERNAL);
	owner.uid = 1;
	owner.sup_uid = 0;
	assert_int_equal(jobmgr_create(w->mgr, &owner, "", &spec, &id, &w->st), ST_INTERNAL);
}

static void
what_the_host_cannot_hold_is_refused(void **state)
{
	struct world *w = *state;
	struct uuid id;

	w->fake.admit = ST_FAILED_PRECONDITION;
	assert_int_equal(create(w, "alice", "", NULL, &id), ST_FAILED_PRECONDITION);
	assert_string_equal(w->st.message, "no cpu controller");
}

/* Every call, for another's job and for no job: the same bytes. */
static void
strangers_learn_nothing(void **state)
{
	struct world *w = *state;
	struct status st[14];
	struct uuid ids[2];
	struct jobinfo info;
	struct jobop *op;
	size_t i, n = 0;

	ids[0] = make_job(w, "alice");
	memset(&ids[1], 0x5a, sizeof(ids[1]));
	memset(st, 0xff, sizeof(st));
	for (i = 0; i < 2; i++) {
		jobmgr_status(w->mgr, "bob", &ids[i], &info, &st[n++]);
		jobmgr_delete(w->mgr, "bob", &ids[i], &st[n++]);
		jobmgr_start(w->mgr, "bob", &ids[i], on_info, NULL, &op, &st[n++]);
		jobmgr_stop(w->mgr, "bob", &ids[i], 0, on_info, NULL, &op, &st[n++]);
		jobmgr_wait(w->mgr, "bob", &ids[i], on_info, NULL, &op, &st[n++]);
		jobmgr_follow(w->mgr, "bob", &ids[i], on_follow, NULL, &op, &st[n++]);
	}
	for (i = 0; i < n; i++) {
		assert_int_equal(st[i].code, ST_PERMISSION_DENIED);
		assert_memory_equal(&st[i], &st[0], sizeof(st[0]));
	}
	assert_int_equal(state_of(w, "alice", &ids[0]), JOB_CREATED);
	assert_int_equal(w->fake.nruns, 0);
}

static void
strangers_learn_nothing_while_draining(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct jobop *op;

	jobmgr_shutdown(w->mgr, 1, (void (*)(void *))pump, w);
	assert_int_equal(jobmgr_start(w->mgr, "bob", &id, on_info, NULL, &op, &w->st),
	    ST_PERMISSION_DENIED);
	assert_int_equal(jobmgr_start(w->mgr, "alice", &id, on_info, NULL, &op, &w->st),
	    ST_UNAVAILABLE);
}

static void
request_id_repeats(void **state)
{
	struct world *w = *state;
	struct uuid a, b;

	w->fake.default_pids = 10;	/* a filled-in default is no difference */
	assert_int_equal(create(w, "alice", "r1", NULL, &a), ST_OK);
	assert_int_equal(create(w, "alice", "r1", NULL, &b), ST_OK);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(create(w, "alice", "r1", "false", &b), ST_ALREADY_EXISTS);
	assert_string_equal(w->st.field, "request_id");
	assert_non_null(strstr(w->st.message, "command"));
	assert_int_equal(create(w, "alice", "r2", NULL, &b), ST_OK);
	assert_memory_not_equal(&a, &b, sizeof(a));
	/* Another user's ids are another space. */
	assert_int_equal(create(w, "bob", "r1", "false", &b), ST_OK);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

static void
request_id_outlives_the_run(void **state)
{
	struct world *w = *state;
	struct uuid a, b;

	assert_int_equal(create(w, "alice", "r1", NULL, &a), ST_OK);
	fake_exited(run_job(w, "alice", &a), 0);
	assert_int_equal(create(w, "alice", "r1", NULL, &b), ST_OK);
	assert_memory_equal(&a, &b, sizeof(a));
	/* It ends with the job. */
	assert_int_equal(jobmgr_delete(w->mgr, "alice", &a, &w->st), ST_OK);
	assert_int_equal(create(w, "alice", "r1", "false", &b), ST_OK);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

static enum status_code
create_spec(struct world *w, const struct jobspec *spec)
{
	struct job_owner owner;
	struct uuid id;

	memset(&owner, 0, sizeof(owner));
	strcpy(owner.user, "alice");
	owner.uid = owner.gid = owner.sup_uid = owner.sup_gid = 1;
	return (jobmgr_create(w->mgr, &owner, "r", spec, &id, &w->st));
}

static void
request_id_names_the_difference(void **state)
{
	struct world *w = *state;
	char cmd[] = "true", a1[] = "1", dir[] = "/tmp", e[] = "A=b";
	char *argv[] = { cmd, NULL }, *argv2[] = { cmd, a1, NULL };
	char *env[] = { NULL }, *env2[] = { e, NULL };
	struct jobspec base, other[6];
	static const char *const names[] = { "args", "env", "workdir",
	    "limits.cpu_cores", "limits.memory_bytes", "merge_output" };
	size_t i;

	jobspec_init(&base);
	base.argv = argv;
	base.env = env;
	assert_int_equal(create_spec(w, &base), ST_OK);
	for (i = 0; i < N(other); i++)
		other[i] = base;
	other[0].argv = argv2;
	other[1].env = env2;
	other[2].workdir = dir;
	other[3].limits.cpu_millis = 500;
	other[4].limits.memory_bytes = 1 << 20;
	other[5].merge_output = true;
	for (i = 0; i < N(other); i++) {
		assert_int_equal(create_spec(w, &other[i]), ST_ALREADY_EXISTS);
		assert_non_null(strstr(w->st.message, names[i]));
	}
}

static void
quota_of_jobs(void **state)
{
	struct world *w = *state;
	struct uuid id, first;

	w->config.max_jobs = 5;
	w->config.max_jobs_user = 3;
	jobmgr_reconfigure(w->mgr, &w->config);
	first = make_job(w, "alice");
	make_job(w, "alice");
	assert_int_equal(create(w, "alice", "r", NULL, &id), ST_OK);
	assert_int_equal(create(w, "alice", "", NULL, &id), ST_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(w->st.message, "MaxJobsPerUser"));
	/* The repeated request makes nothing, so it meets no quota. */
	assert_int_equal(create(w, "alice", "r", NULL, &id), ST_OK);
	make_job(w, "bob");
	make_job(w, "bob");
	assert_int_equal(create(w, "carol", "", NULL, &id), ST_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(w->st.message, "(MaxJobs)"));
	assert_int_equal(jobmgr_delete(w->mgr, "alice", &first, &w->st), ST_OK);
	assert_int_equal(create(w, "carol", "", NULL, &id), ST_OK);
}

/* Many strings of one byte: 20,000 such jobs took six gigabytes of root's memory. */
static void
quota_of_memory(void **state)
{
	static char one[] = "x", *argv[JOB_ARGS_MAX + 1], *env[] = { NULL };
	struct world *w = *state;
	struct job_owner owner;
	struct jobspec spec;
	struct uuid first, id;
	uint32_t n;

	for (n = 0; n < JOB_ARGS_MAX; n++)
		argv[n] = one;
	memset(&owner, 0, sizeof(owner));
	strcpy(owner.user, "alice");
	owner.uid = owner.gid = owner.sup_uid = owner.sup_gid = 1;
	jobspec_init(&spec);
	spec.argv = argv;
	spec.env = env;
	assert_int_equal(jobmgr_create(w->mgr, &owner, "", &spec, &first, &w->st), ST_OK);
	for (n = 0; n < 1000; n++)
		if (jobmgr_create(w->mgr, &owner, "", &spec, &id, &w->st) != ST_OK)
			break;
	assert_in_range(n, 64, 999);
	assert_int_equal(w->st.code, ST_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(w->st.message, "64 MiB"));
	make_job(w, "bob");
	make_job(w, "alice");		/* a small one finds room yet */
	assert_int_equal(jobmgr_delete(w->mgr, "alice", &first, &w->st), ST_OK);
	assert_int_equal(jobmgr_create(w->mgr, &owner, "", &spec, &id, &w->st), ST_OK);
}

static void
quota_of_running(void **state)
{
	struct world *w = *state;
	struct uuid a = make_job(w, "alice"), b = make_job(w, "alice"), c = make_job(w, "bob");
	struct seen seen = { 0 };
	struct job_run *run;

	w->config.max_running_user = 1;
	jobmgr_reconfigure(w->mgr, &w->config);
	run = run_job(w, "alice", &a);
	assert_int_equal(jobmgr_start(w->mgr, "alice", &b, on_info, &seen, &seen.op, &w->st),
	    ST_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(w->st.message, "MaxRunningPerUser"));
	assert_int_equal(state_of(w, "alice", &b), JOB_CREATED);
	fake_exited(run_job(w, "bob", &c), 0);
	fake_exited(run, 0);
	fake_exited(run_job(w, "alice", &b), 0);
	assert_int_equal(jobmgr_running(w->mgr), 0);
}

struct page {
	struct uuid ids[64];
	size_t n, max;
};

static int
to_page(void *arg, const struct jobinfo *info)
{
	struct page *p = arg;

	if (p->n == p->max)
		return (1);
	p->ids[p->n++] = info->id;
	return (0);
}

static void
list_pages_newest_first(void **state)
{
	struct world *w = *state;
	struct uuid ids[20];
	struct page p = { .max = 7 };
	uint64_t cursor = 0;
	size_t i, seen = 0, pages = 0;

	for (i = 0; i < N(ids); i++) {
		ids[i] = make_job(w, "alice");
		make_job(w, "bob");
	}
	do {
		p.n = 0;
		jobmgr_list(w->mgr, "alice", cursor, to_page, &p, &cursor);
		for (i = 0; i < p.n; i++)
			assert_memory_equal(&p.ids[i], &ids[N(ids) - 1 - seen++], UUID_LEN);
		pages++;
	} while (cursor != 0);
	assert_int_equal(seen, N(ids));
	assert_int_equal(pages, 3);
	p.n = 0;
	jobmgr_list(w->mgr, "nobody", 0, to_page, &p, &cursor);
	assert_true(p.n == 0 && cursor == 0);
}

/* A cursor stays good when what it points to is deleted, and newer jobs come. */
static void
list_cursor_survives_changes(void **state)
{
	struct world *w = *state;
	struct uuid ids[40];
	struct page p = { .max = 4 };
	uint64_t cursor;
	size_t i;

	for (i = 0; i < N(ids); i++)
		ids[i] = make_job(w, "alice");
	jobmgr_list(w->mgr, "alice", 0, to_page, &p, &cursor);
	for (i = 10; i < N(ids); i++)
		assert_int_equal(jobmgr_delete(w->mgr, "alice", &ids[i], &w->st), ST_OK);
	make_job(w, "alice");
	p.n = 0;
	p.max = 64;
	jobmgr_list(w->mgr, "alice", cursor, to_page, &p, &cursor);
	assert_int_equal(p.n, 10);
	assert_int_equal(cursor, 0);
	for (i = 0; i < p.n; i++)
		assert_memory_equal(&p.ids[i], &ids[9 - i], UUID_LEN);
}

static void
list_page_of_nothing(void **state)
{
	struct world *w = *state;
	struct page p = { .max = 0 };
	uint64_t cursor;

	make_job(w, "alice");
	jobmgr_list(w->mgr, "alice", 0, to_page, &p, &cursor);
	assert_int_not_equal(cursor, 0);
	p.max = 1;
	jobmgr_list(w->mgr, "alice", cursor, to_page, &p, &cursor);
	assert_true(p.n == 1 && cursor == 0);
}

static void
delete_by_state(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct jobinfo info;
	struct job_run *run;

	run = run_job(w, "alice", &id);
	assert_int_equal(jobmgr_delete(w->mgr, "alice", &id, &w->st), ST_FAILED_PRECONDITION);
	fake_exited(run, 0);
	w->fake.remove_error = -EIO;
	assert_int_equal(jobmgr_delete(w->mgr, "alice", &id, &w->st), ST_INTERNAL);
	assert_int_equal(state_of(w, "alice", &id), JOB_EXITED);
	w->fake.remove_error = 0;
	assert_int_equal(jobmgr_delete(w->mgr, "alice", &id, &w->st), ST_OK);
	assert_int_equal(w->fake.removed, 1);
	assert_int_equal(jobmgr_status(w->mgr, "alice", &id, &info, &w->st),
	    ST_PERMISSION_DENIED);
	/* One that never started has no files. */
	id = make_job(w, "alice");
	assert_int_equal(jobmgr_delete(w->mgr, "alice", &id, &w->st), ST_OK);
	assert_int_equal(w->fake.removed, 1);
}

static void
usage_live_and_last(void **state)
{
	struct world *w = *state;
	struct uuid id = make_job(w, "alice");
	struct job_run *run = run_job(w, "alice", &id);
	struct jobinfo info;

	assert_int_equal(jobmgr_status(w->mgr, "alice", &id, &info, &w->st), ST_OK);
	assert_true(info.has_usage);
	assert_int_equal(info.usage.cpu_usec, 4711);
	jobinfo_free(&info);
	fake_exited(run, 3);
	assert_int_equal(jobmgr_status(w->mgr, "alice", &id, &info, &w->st), ST_OK);
	assert_true(info.has_usage && info.usage.output_bytes == 42);
	assert_true(info.started > 0 && info.ended >= info.started);
	assert_int_equal(info.end.reason, END_EXITED);
	assert_true(info.end.has_status && info.end.wait_status == 3 << 8);
	jobinfo_free(&info);
}

/* 20,000 jobs made, listed by pages, found, deleted: no step may be quadratic. */
static void
many_jobs(void **state)
{
	enum { MANY = 20000 };
	static struct uuid ids[MANY];
	struct world *w = *state;
	struct page p = { .max = 64 };
	uint64_t cursor = 0;
	size_t i, seen = 0;

	for (i = 0; i < MANY; i++)
		ids[i] = make_job(w, "alice");
	do {
		p.n = 0;
		jobmgr_list(w->mgr, "alice", cursor, to_page, &p, &cursor);
		seen += p.n;
	} while (cursor != 0);
	assert_int_equal(seen, MANY);
	for (i = 0; i < MANY; i++)
		assert_int_equal(jobmgr_delete(w->mgr, "alice", &ids[i], &w->st), ST_OK);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(created_job_is_told),
		T(bad_requests_are_refused),
		T(root_never_owns_a_job),
		T(what_the_host_cannot_hold_is_refused),
		T(strangers_learn_nothing),
		T(strangers_learn_nothing_while_draining),
		T(request_id_repeats),
		T(request_id_outlives_the_run),
		T(request_id_names_the_difference),
		T(quota_of_jobs),
		T(quota_of_memory),
		T(quota_of_running),
		T(list_pages_newest_first),
		T(list_cursor_survives_changes),
		T(list_page_of_nothing),
		T(delete_by_state),
		T(usage_live_and_last),
		T(many_jobs),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
