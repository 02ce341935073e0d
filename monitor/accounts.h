/*
 * The host accounts that the configuration names, looked up in a short-lived
 * child: the name services' code, which may be anyone's, never loads into
 * the monitor.
 */
#ifndef MONITOR_ACCOUNTS_H
#define MONITOR_ACCOUNTS_H

#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "common/jobspec.h"
#include "monitor/config.h"

struct account {
	char user[JOB_USER_MAX + 1];
	uint32_t uid, gid;
	char *home;
};

struct accounts {
	uint32_t net_uid, net_gid;
	struct account *list;
	size_t n;
};

struct lookup;				/* under way */

/*
 * Looks all up, and has IdRange checked against the host's ids. errors are told
 * one by one; then done gets the accounts (its own now), or NULL when there were
 * errors. Called once, from the event loop, unless cancelled before. 0 or -errno.
 */
typedef void lookup_done(void *arg, struct accounts *);
int lookup_start(struct lookup **, sd_event *, const struct config *, config_error *,
    lookup_done *, void *arg);
void lookup_cancel(struct lookup *);		/* NULL is allowed */

const struct account *accounts_find(const struct accounts *, const char *user);
void accounts_free(struct accounts *);		/* NULL is allowed */

/* What the child sends for each account: a fixed form, nothing to parse. */
#define ACCOUNT_HOME_MAX	255
#define ACCOUNT_WHY_MAX		255
struct account_record {
	uint32_t uid, gid;
	char home[ACCOUNT_HOME_MAX + 1];
	char why[ACCOUNT_WHY_MAX + 1];	/* not empty: refused */
};

/* The child's part (monitor/accounts_child): writes 2 + nusers records to fd. */
int lookup_child(const struct config *, int fd);

#endif
