/* SPDX-License-Identifier: ISC */

/*
 * A few netds that wait ready, so that no client waits for an exec and for keys
 * to be read. When they die before they are ready, starting more of them is
 * put off, longer each time.
 */

#include "common/log.h"
#include "monitor/netd.h"
#include "monitor/prepare.h"
#include "monitor/serve.h"

#define PAUSE_FIRST	(100 * 1000ULL)		/* µs */
#define PAUSE_DOUBLINGS	7			/* at most 12.8 s */

static bool
is_spare(const struct netd *n)
{
	return (!n->session.over &&
	    (n->session.state == SESSION_STARTING || n->session.state == SESSION_WAITING));
}

static unsigned int
count_spares(const struct daemon *d)
{
	const struct netd *n;
	unsigned int count = 0;

	TAILQ_FOREACH(n, &d->netds, entry)
		if (n->setup == d->setup && is_spare(n))
			count++;
	return (count);
}

static int
on_spawn_again(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;

	(void)source;
	(void)usec;
	d->spawn_again = sd_event_source_disable_unref(d->spawn_again);
	pool_fill(d);
	return (0);
}

static void
pause_spawning(struct daemon *d)
{
	unsigned int n = d->early_deaths < PAUSE_DOUBLINGS ? d->early_deaths : PAUSE_DOUBLINGS;

	d->early_deaths++;
	if (d->spawn_again != NULL)
		return;
	if (sd_event_add_time_relative(d->event, &d->spawn_again, CLOCK_MONOTONIC,
	    PAUSE_FIRST << n, 0, on_spawn_again, d) < 0)
		log_error("out of memory: no more connections are served");
}

void
pool_fill(struct daemon *d)
{
	unsigned int want, have;

	if (d->setup == NULL || d->stopping || d->spawn_again != NULL)
		return;
	want = d->setup->config->spare_connections;
	for (have = count_spares(d); have < want; have++)
		if (netd_start(d, d->setup) == NULL) {
			pause_spawning(d);
			return;
		}
}

struct netd *
pool_take(struct daemon *d)
{
	struct netd *n;

	TAILQ_FOREACH(n, &d->netds, entry)
		if (n->setup == d->setup && !n->session.over &&
		    n->session.state == SESSION_WAITING)
			return (n);
	return (NULL);
}

void
pool_retire(struct daemon *d)
{
	struct netd *n;

	TAILQ_FOREACH(n, &d->netds, entry)
		if (n->setup != d->setup && is_spare(n))
			netd_dismiss(n);
}

void
pool_ready(struct netd *n)
{
	struct daemon *d = n->daemon;

	d->early_deaths = 0;
	if (d->prepare != NULL)
		prepare_netd_ready(d->prepare, n);
	arrivals_serve(d);
}

void
pool_ended(struct netd *n, const char *how)
{
	struct daemon *d = n->daemon;

	if (d->prepare != NULL && prepare_netd_ended(d->prepare, n, how))
		return;
	if (d->stopping) {
		shutdown_check_done(d);
		return;
	}
	if (n->session.state == SESSION_STARTING && n->setup == d->setup) {
		log_error("telepilot-netd ended before it was ready: %s", how);
		pause_spawning(d);
	}
	pool_fill(d);
}
