/* SPDX-License-Identifier: ISC */

/*
 * The steps from a configuration to a setup that works: copy the files, look
 * the accounts up in a child, bind the sockets, start a netd with it all and
 * wait until that has loaded the keys.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/netd.h"
#include "monitor/prepare.h"

struct prepare {
	struct daemon *daemon;
	struct setup *setup;
	struct lookup *lookup;
	struct netd *netd;		/* is to become ready */
	bool with_netd;
	bool bad;			/* an error was told already */
	config_error *error;
	prepare_done *done;
};

void
prepare_cancel(struct prepare *p)
{
	if (p == NULL)
		return;
	p->daemon->prepare = NULL;
	lookup_cancel(p->lookup);
	if (p->netd != NULL)
		netd_kill(p->netd);
	setup_unref(p->setup);
	free(p);
}

static void
finish(struct prepare *p, bool success)
{
	struct setup *setup = success ? setup_ref(p->setup) : NULL;
	struct daemon *d = p->daemon;
	prepare_done *done = p->done;

	if (success)
		p->netd = NULL;
	prepare_cancel(p);
	done(d, setup);
}

static void
fail(struct prepare *p, const char *why)
{
	p->error(p->daemon, why);
	finish(p, false);
}

void
prepare_netd_ready(struct prepare *p, const struct netd *n)
{
	if (n == p->netd)
		finish(p, true);
}

bool
prepare_netd_ended(struct prepare *p, const struct netd *n, const char *how)
{
	char text[256];

	if (n != p->netd)
		return (false);
	p->netd = NULL;
	snprintf(text, sizeof(text), "telepilot-netd cannot work with this configuration (%s); "
	    "the lines above say why", how);
	fail(p, text);
	return (true);
}

static void
accounts_known(void *arg, struct accounts *accounts)
{
	struct daemon *d = arg;
	struct prepare *p = d->prepare;
	char why[256];

	p->lookup = NULL;
	p->setup->accounts = accounts;
	if (accounts == NULL || p->bad) {
		finish(p, false);
		return;
	}
	setup_fill_init(p->setup);
	if (!p->with_netd)
		finish(p, true);
	else if (listeners_bind(&p->setup->listeners, p->setup->config, &d->listeners, why,
	    sizeof(why)) != 0)
		fail(p, why);
	else if ((p->netd = netd_start(d, p->setup)) == NULL)
		fail(p, "telepilot-netd cannot be started");
}

int
prepare_start(struct daemon *d, struct setup *setup, bool netd, config_error *error,
    prepare_done *done)
{
	struct prepare *p;
	int r;

	if ((p = calloc(1, sizeof(*p))) == NULL) {
		setup_unref(setup);
		return (-ENOMEM);
	}
	d->prepare = p;
	p->daemon = d;
	p->setup = setup;
	p->with_netd = netd;
	p->error = error;
	p->done = done;
	/* All that is wrong is told, not only the files. */
	p->bad = setup_read_files(setup, error, d) != 0;
	if ((r = lookup_start(&p->lookup, d->event, setup->config, error, accounts_known,
	    d)) != 0)
		prepare_cancel(p);
	return (r);
}
