/* SPDX-License-Identifier: ISC */

/*
 * The one place that says as whom a user's jobs run.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "monitor/users.h"

static enum status_code
no_block(const char *user, int r, struct status *st)
{
	if (r == -ERANGE) {
		log_error("IdRange is used up: no ids for the new user %s", user);
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
		    "the server has no ids left for a new user"));
	}
	log_error("cannot give ids to the new user %s: %s", user, strerror(-r));
	if (r == -ENOSPC || r == -EDQUOT)
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
		    "the server's disk is full: it cannot record ids for a new user"));
	return (status_set(st, ST_INTERNAL, NULL,
	    "the server cannot record ids for a new user"));
}

enum status_code
users_owner(const struct users *u, const char *user, struct job_owner *owner,
    struct status *st)
{
	const struct account *account;
	uint32_t first;
	int r;

	if ((r = ids_block(u->ids, user, &first)) != 0)
		return (no_block(user, r, st));
	memset(owner, 0, sizeof(*owner));
	snprintf(owner->user, sizeof(owner->user), "%s", user);
	owner->uid = owner->gid = first;
	owner->sup_uid = owner->sup_gid = first + IDS_BLOCK - 1;
	if ((account = accounts_find(u->accounts, user)) != NULL) {
		owner->uid = account->uid;
		owner->gid = account->gid;
		owner->home = account->home;
	}
	return (ST_OK);
}
