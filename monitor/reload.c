/* SPDX-License-Identifier: ISC */

/*
 * SIGHUP: reads the configuration, makes a whole new setup of it, and swaps when
 * that works. If anything is wrong the old one stays, and the log says what.
 */

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "monitor/accept.h"
#include "monitor/host.h"
#include "monitor/netd.h"
#include "monitor/notify.h"
#include "monitor/prepare.h"
#include "monitor/serve.h"

static void reload(struct daemon *);

static void
log_listeners(const struct listeners *ls)
{
	char text[ADDRESS_STRLEN];
	size_t i;

	for (i = 0; i < ls->n; i++)
		log_info("listening on %s",
		    address_format(&ls->list[i].at.addr, text, sizeof(text)));
}

/* The new sockets are bound already; those that stay are shared with the old ones. */
void
setup_install(struct daemon *d, struct setup *setup)
{
	struct setup *old = d->setup;
	int r;

	if ((r = listeners_start(&setup->listeners, d->event, accept_ready, d)) != 0) {
		log_error("cannot listen: %s", strerror(-r));
		setup_unref(setup);
		return;
	}
	listeners_close(&d->listeners);
	d->accept_again = sd_event_source_disable_unref(d->accept_again);
	d->listeners = setup->listeners;
	setup->listeners.list = NULL;
	setup->listeners.n = 0;
	d->setup = setup;
	d->services.users.accounts = setup->accounts;
	host_reconfigure(d, setup->config);
	log_set_max(d->debug ? LOG_DEBUG : (int)setup->config->log_level);
	log_listeners(&d->listeners);
	pool_retire(d);
	setup_unref(old);
	d->early_deaths = 0;
	d->spawn_again = sd_event_source_disable_unref(d->spawn_again);
	pool_fill(d);
}

/* The way out of a reload, good or bad. */
static void
finish(struct daemon *d, const char *result)
{
	log_at(LOG_NOTICE, "%s", result);
	notify_ready((unsigned int)d->listeners.n);
	if (d->reload_again) {
		d->reload_again = false;
		reload(d);
	}
}

static void
keep_old(struct daemon *d)
{
	finish(d, "configuration not reloaded: the old one stays");
}

static void
reloaded(struct daemon *d, struct setup *setup)
{
	if (setup == NULL) {
		keep_old(d);
		return;
	}
	setup_install(d, setup);
	if (d->setup == setup)
		finish(d, "configuration reloaded");
	else
		keep_old(d);
}

static void
tell_log(void *arg, const char *text)
{
	(void)arg;
	log_error("reload: %s", text);
}

static int
begin(struct daemon *d)
{
	const char *fixed;
	struct setup *setup;
	struct config *c;
	int r;

	if ((r = config_load(&c, &d->source, tell_log, d)) != 0)
		return (r);
	if ((fixed = config_fixed_change(d->setup->config, c)) != NULL) {
		log_error("reload: %s cannot be changed while telepilotd runs; restart it", fixed);
		config_free(c);
		return (-EINVAL);
	}
	if ((setup = setup_new(c)) == NULL)
		return (-ENOMEM);
	return (prepare_start(d, setup, true, tell_log, reloaded));
}

static void
reload(struct daemon *d)
{
	notify_reloading();
	if (begin(d) != 0)
		keep_old(d);
}

int
on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	struct daemon *d = arg;

	(void)source;
	(void)si;
	if (d->stopping)
		return (0);
	if (d->prepare != NULL)
		d->reload_again = true;
	else if (d->setup != NULL) {
		log_info("reloading the configuration");
		reload(d);
	}
	return (0);
}
