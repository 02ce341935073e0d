/* SPDX-License-Identifier: ISC */

/*
 * From a configuration to a daemon that serves, and back to nothing. All that
 * can be found wrong is found before the first connection is taken.
 */

#include <sys/resource.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "monitor/accept.h"
#include "monitor/host.h"
#include "monitor/netd.h"
#include "monitor/notify.h"
#include "monitor/places.h"
#include "monitor/prepare.h"
#include "monitor/serve.h"

void
tell_stderr(void *arg, const char *text)
{
	(void)arg;
	log_error("%s", text);
}

/* Each running job and each connection takes a few. */
static void
raise_fd_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == -1)
		return;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) == -1)
		log_warn("the limit of descriptors cannot be raised: %s", strerror(errno));
}

/* Signals come by the event loop; a client that goes away raises none. */
static int
add_signals(struct daemon *d)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return (-errno);
	signal(SIGPIPE, SIG_IGN);
	if ((r = sd_event_add_signal(d->event, NULL, SIGTERM, on_stop, d)) < 0 ||
	    (r = sd_event_add_signal(d->event, NULL, SIGINT, on_stop, d)) < 0 ||
	    (r = sd_event_add_signal(d->event, NULL, SIGHUP, on_reload, d)) < 0)
		return (r);
	return (0);
}

static int
daemon_init(struct daemon *d, const struct config_source *source, bool debug)
{
	int r;

	memset(d, 0, sizeof(*d));
	places_init(&d->places);
	TAILQ_INIT(&d->arrivals);
	TAILQ_INIT(&d->netds);
	d->source = *source;
	d->debug = debug;
	if ((r = sd_event_new(&d->event)) < 0)
		return (r);
	d->services.event = d->event;
	if ((d->services.msg = malloc(sizeof(*d->services.msg))) == NULL)
		return (-ENOMEM);
	return (0);
}

static void
daemon_close(struct daemon *d)
{
	prepare_cancel(d->prepare);
	listeners_close(&d->listeners);
	arrivals_close(d);
	netds_end(d);
	host_close(d);
	places_close(&d->places);
	setup_unref(d->setup);
	sd_event_source_disable_unref(d->spawn_again);
	sd_event_source_disable_unref(d->deadline);
	free(d->services.msg);
	sd_event_unref(d->event);
}

/* The first setup works, or there is nothing to serve with. */
static void
started(struct daemon *d, struct setup *setup)
{
	if (setup == NULL) {
		sd_event_exit(d->event, EXIT_FAILURE);
		return;
	}
	setup_install(d, setup);
	if (d->setup == NULL) {
		sd_event_exit(d->event, EXIT_FAILURE);
		return;
	}
	notify_ready((unsigned int)d->listeners.n);
}

static int
start(struct daemon *d, struct config *c)
{
	struct setup *setup;

	if (places_open(&d->places, c, true, tell_stderr, d) != 0 ||
	    host_open(d, c, tell_stderr, d) != 0) {
		config_free(c);
		return (-EINVAL);
	}
	log_info("telepilotd " TELEPILOT_VERSION);
	host_log(d);
	if ((setup = setup_new(c)) == NULL)
		return (-ENOMEM);
	return (prepare_start(d, setup, true, tell_stderr, started));
}

int
serve(struct config *c, const struct config_source *source, bool debug)
{
	struct daemon d;
	int r, status = EXIT_FAILURE;

	if (geteuid() != 0) {
		log_error("telepilotd must be started by root: it makes cgroups and namespaces, "
		    "and runs jobs as other users");
		config_free(c);
		return (EXIT_FAILURE);
	}
	raise_fd_limit();
	if ((r = daemon_init(&d, source, debug)) == 0)
		r = add_signals(&d);
	if (r == 0 && sd_event_set_watchdog(d.event, true) < 0)
		log_warn("the service manager's watchdog cannot be served");
	if (r == 0)
		r = start(&d, c);
	else
		config_free(c);
	if (r == 0 && (r = sd_event_loop(d.event)) >= 0)
		status = r;
	else if (r != -EINVAL)
		log_error("cannot start: %s", strerror(-r));
	daemon_close(&d);
	if (status == EXIT_SUCCESS)
		log_info("stopped");
	return (status);
}

static void
checked(struct daemon *d, struct setup *setup)
{
	sd_event_exit(d->event, setup != NULL ? EXIT_SUCCESS : EXIT_FAILURE);
	setup_unref(setup);
}

int
serve_check(struct config *c, const struct config_source *source)
{
	struct setup *setup;
	struct daemon d;
	int r, bad, status = EXIT_FAILURE;

	if (daemon_init(&d, source, false) != 0) {
		log_error("out of memory");
		config_free(c);
		return (EXIT_FAILURE);
	}
	bad = places_open(&d.places, c, false, tell_stderr, &d);
	if ((setup = setup_new(c)) != NULL &&
	    prepare_start(&d, setup, false, tell_stderr, checked) == 0 &&
	    (r = sd_event_loop(d.event)) >= 0)
		status = r;
	daemon_close(&d);
	return (bad != 0 ? EXIT_FAILURE : status);
}
