/* SPDX-License-Identifier: ISC */

/*
 * run: create, start, logs and wait in one. It ends as the job did, and only
 * when every byte of the job's output was written. The first SIGINT, SIGTERM or
 * SIGHUP stops the job, and its output is followed to its end; a second one
 * leaves.
 */

#include <stdio.h>
#include <string.h>

#include "cli/jobtext.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/request.h"
#include "cli/signals.h"
#include "common/status.h"

#define STOP_ASK_MS	1000	/* the stop goes on when we no longer wait for its answer */
#define STOP_ASK_MAX_MS	8000

static bool detach, remove_after;

static const struct opt run_options[] = {
	{ 'd', OPT_FLAG, "detach", &detach, NULL, "only start the job, and print its id" },
	{ 0, OPT_FLAG, "rm", &remove_after, NULL, "delete the job when it has ended" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

/*
 * Asks for the stop but does not wait for the job's end, whose output is still
 * to be shown. A code.
 */
static int
ask_stop(struct telepilot *c, const char *id)
{
	telepilot_job *job;
	uint64_t ms;
	bool heard = false;
	int r = ST_DEADLINE_EXCEEDED;

	for (ms = STOP_ASK_MS; r == ST_DEADLINE_EXCEEDED && !heard && ms <= STOP_ASK_MAX_MS;
	    ms *= 2) {
		telepilot_set_timeout(c, ms);
		if ((r = telepilot_stop(c, id, TELEPILOT_GRACE_DEFAULT, NULL)) !=
		    ST_DEADLINE_EXCEEDED || telepilot_status(c, id, &job) != 0)
			continue;
		heard = job_ended(job) ||
		    job->state == TELEPILOT__V1__JOB_STATE__JOB_STATE_STOPPING;
		telepilot_job_free(job);
	}
	client_reset_timeout(c);
	return (heard ? 0 : r);
}

/*
 * What a call said: 0 to go on with what comes after it. If a signal cut it
 * short, the job is stopped and *again says to repeat the call.
 */
static int
after_call(struct telepilot *c, const char *id, int code, bool *again)
{
	*again = false;
	if (code != ST_CANCELLED || signals_caught() == 0 || signals_taken())
		return (code);
	signals_take();
	say("stopping the job %s; interrupt again to leave without waiting", id);
	*again = true;
	return (ask_stop(c, id));
}

static int
follow(struct telepilot *c, const char *id)
{
	struct output out = { 0, 0, 0 };
	bool again;
	int code;

	do {
		code = telepilot_logs(c, id, out.offset, output_entry, &out);
		if (out.error != 0) {
			/* Nobody is there to read on: the job goes as with a closed pipe. */
			signals_take();
			(void)ask_stop(c, id);
			return (output_failed(out.error));
		}
		code = after_call(c, id, code, &again);
	} while (code == 0 && again);
	if (code != 0) {
		client_failed(c);
		return (complain("the job %s may still run", id));
	}
	return (0);
}

static int
finish(struct telepilot *c, const char *id)
{
	telepilot_job *job;
	bool again;
	int r;

	do {
		if (after_call(c, id, telepilot_wait(c, id, &job), &again) != 0)
			return (client_failed(c));
	} while (again);
	r = signals_caught() != 0 && !job_has_run(job) ? 128 + signals_caught() :
	    report_end(job);
	telepilot_job_free(job);
	return (r);
}

/* A start that failed: the job knows why, in numbers. */
static int
start_failed(struct telepilot *c, const char *id)
{
	telepilot_job *job;
	int r = EXIT_TELEPILOT;

	client_failed(c);
	if (telepilot_status(c, id, &job) == 0) {
		r = job_exit_code(job);
		telepilot_job_free(job);
	}
	return (r);
}

static int
run_job(struct telepilot *c, const char *id)
{
	bool again;
	int code, r;

	code = after_call(c, id, telepilot_start(c, id, NULL), &again);
	if (code != 0)
		r = start_failed(c, id);
	else if (detach) {
		puts(id);
		return (again ? 128 + signals_caught() : 0);
	} else if ((r = follow(c, id)) == 0)
		r = finish(c, id);
	else
		return (r);
	if (remove_after && telepilot_delete(c, id) != 0)
		client_failed(c);
	return (r);
}

static int
run_run(int argc, char **argv)
{
	struct telepilot *c = NULL;
	char id[37];
	int r;

	if (detach && remove_after)
		r = complain("--rm cannot be used with --detach: nobody would be there to do it");
	else if ((r = request_check()) == 0 && (r = client_open(&c)) == 0) {
		if ((r = signals_install(c)) != 0)
			r = complain("signals: %s", strerror(-r));
		else if (request_create(c, argc, argv, id) != 0)
			r = signals_caught() != 0 ? 128 + signals_caught() : client_failed(c);
		else
			r = run_job(c, id);
		signals_detach();
	}
	telepilot_close(c);
	request_free();
	return (r);
}

const struct command cmd_run = {
	.name = "run",
	.operands = "COMMAND [ARG...]",
	.summary = "create and start a job, show its output, exit as it did",
	.options = { run_options, request_options },
	.min = 1,
	.max = -1,
	.posix = true,
	.run = run_run,
};
