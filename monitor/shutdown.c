/* SPDX-License-Identifier: ISC */

/*
 * SIGTERM: nothing new is taken, jobs are stopped, connections finish what they
 * were told to wait for. All of it has a deadline.
 */

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "monitor/accept.h"
#include "monitor/netd.h"
#include "monitor/notify.h"
#include "monitor/prepare.h"
#include "monitor/serve.h"

/* After the jobs' own deadline: their last bytes are on their way to clients. */
#define LAST_BYTES	(2 * 1000000ULL)	/* µs */
/* After that, for what was killed to be gone. */
#define LAST_KILL	(3 * 1000000ULL)

void
shutdown_check_done(struct daemon *d)
{
	if (d->stopping && d->jobs_done && TAILQ_EMPTY(&d->netds))
		sd_event_exit(d->event, EXIT_SUCCESS);
}

static void
jobs_ended(void *arg)
{
	struct daemon *d = arg;

	d->jobs_done = true;
	shutdown_check_done(d);
}

static int
on_last(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;

	(void)source;
	(void)usec;
	log_error("%s not end; telepilotd stops without waiting longer",
	    d->jobs_done ? "a connection does" : "some jobs do");
	sd_event_exit(d->event, EXIT_SUCCESS);
	return (0);
}

static int
set_deadline(struct daemon *d, uint64_t usec, sd_event_time_handler_t then)
{
	d->deadline = sd_event_source_disable_unref(d->deadline);
	return (sd_event_add_time_relative(d->event, &d->deadline, CLOCK_MONOTONIC, usec, 0, then,
	    d));
}

static int
on_deadline(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	struct netd *n;

	(void)source;
	(void)usec;
	for (n = TAILQ_FIRST(&d->netds); n != NULL; n = TAILQ_NEXT(n, entry))
		netd_kill(n);
	if (set_deadline(d, LAST_KILL, on_last) < 0)
		sd_event_exit(d->event, EXIT_SUCCESS);
	return (0);
}

static void
stop(struct daemon *d)
{
	uint32_t grace = d->setup->config->shutdown_grace;
	struct netd *n;
	int r;

	listeners_close(&d->listeners);
	arrivals_close(d);
	prepare_cancel(d->prepare);
	d->spawn_again = sd_event_source_disable_unref(d->spawn_again);
	for (n = TAILQ_FIRST(&d->netds); n != NULL; n = TAILQ_NEXT(n, entry)) {
		if (n->has_connection)
			netd_drain(n);
		else if (!n->session.over)
			netd_dismiss(n);
	}
	if ((r = set_deadline(d, grace * 1000000ULL + LAST_BYTES, on_deadline)) < 0) {
		log_error("no timer for the shutdown: %s", strerror(-r));
		grace = 0;
	}
	jobmgr_shutdown(d->services.jobs, grace, jobs_ended, d);
}

int
on_stop(sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	struct daemon *d = arg;

	(void)source;
	if (d->stopping)
		return (0);
	d->stopping = true;
	notify_stopping();
	if (d->setup == NULL) {		/* not even started */
		sd_event_exit(d->event, EXIT_SUCCESS);
		return (0);
	}
	log_info("SIG%s: stopping; %u jobs run", sigabbrev_np((int)si->ssi_signo),
	    jobmgr_running(d->services.jobs));
	stop(d);
	return (0);
}
