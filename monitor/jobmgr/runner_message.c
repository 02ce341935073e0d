/* SPDX-License-Identifier: ISC */

/*
 * What a supervisor may say, and when: one table. The supervisor is the owner's
 * as soon as the job runs, so nothing it says is believed beyond that job: the
 * job's first process is looked up in the job's cgroup, not taken from it.
 */

#include <sys/wait.h>

#include <errno.h>
#include <string.h>

#include "common/ipc.h"
#include "common/log.h"
#include "common/utf8.h"
#include "monitor/jobmgr/runner_internal.h"

static int
on_cloned(struct job_run *run, struct rbuf *body)
{
	int fd, r;

	if ((r = rbuf_end(body)) != 0)
		return (r);
	if (run->killed)		/* and so is the spawner */
		return (0);
	if ((fd = cgjob_open_init(run->cg)) < 0) {
		log_warn("job %s: its first process cannot be found: %s", run->id,
		    strerror(-fd));
		return (-EBADMSG);
	}
	run->init_pidfd = fd;
	run->phase = RUN_CLONED;
	/* One that is gone cannot be told; its exit is on the way. */
	r = msg_send(run->control, SPAWN_GO, 0, NULL);
	return (r == 0 || r == -EPIPE || r == -ECONNRESET ? 0 : -EBADMSG);
}

static int
on_started(struct job_run *run, struct rbuf *body)
{
	int r;

	if ((r = rbuf_end(body)) != 0)
		return (r);
	run->phase = RUN_STARTED;
	run->events->started(run->job);
	return (0);
}

/* The stage may name a command of the user's, cut anywhere. */
static int
on_failed(struct job_run *run, struct rbuf *body)
{
	const uint8_t *stage;
	uint32_t error;
	size_t len;
	int r;

	if ((r = rbuf_get_bytes(body, &stage, &len, JOB_STAGE_MAX - 1)) != 0 ||
	    (r = rbuf_get_u32(body, &error)) != 0 ||
	    (r = rbuf_end(body)) != 0)
		return (r);
	len = utf8_cut((const char *)stage, len);
	if (!utf8_valid(stage, len) || error == 0 || error > 4095)
		return (-EBADMSG);
	memcpy(run->stage, stage, len);
	run->stage[len] = '\0';
	run->error = (int)error;
	run->phase = RUN_FAILED;
	return (0);
}

static int
on_ended(struct job_run *run, struct rbuf *body)
{
	uint32_t status;
	uint8_t oom;
	int r;

	if ((r = rbuf_get_u32(body, &status)) != 0 ||
	    (r = rbuf_get_u8(body, &oom)) != 0 ||
	    (r = usage_get(body, &run->usage)) != 0 ||
	    (r = rbuf_end(body)) != 0)
		return (r);
	if (status > 0xffff || oom > 1 || (!WIFEXITED(status) && !WIFSIGNALED(status)))
		return (-EBADMSG);
	run->end.has_status = true;
	run->end.wait_status = (int)status;
	run->end.reason = oom ? END_OOM : WIFEXITED(status) ? END_EXITED : END_SIGNALED;
	run->phase = RUN_ENDED;
	return (0);
}

static const struct rule {
	uint16_t type;
	uint8_t phases;			/* bits: when it may be said */
	int (*handler)(struct job_run *, struct rbuf *);
} rules[] = {
	{ SPAWN_CLONED,		1 << RUN_BEGUN,				on_cloned },
	{ SPAWN_STARTED,	1 << RUN_CLONED,			on_started },
	{ SPAWN_FAILED,		1 << RUN_BEGUN | 1 << RUN_CLONED,	on_failed },
	{ SPAWN_ENDED,		1 << RUN_STARTED,			on_ended },
};

int
run_message(struct job_run *run, struct msg *m)
{
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].type == m->type && (rules[i].phases & 1 << run->phase) != 0)
			return (rules[i].handler(run, &m->body));
	return (-EBADMSG);
}
