/*
 * From a user's name to the ids that their jobs run with.
 */
#ifndef MONITOR_USERS_H
#define MONITOR_USERS_H

#include "monitor/accounts.h"
#include "monitor/ids.h"
#include "monitor/jobmgr.h"

/* Both are borrowed; accounts changes when the configuration does. */
struct users {
	struct ids *ids;
	const struct accounts *accounts;
};

/*
 * A mapped user runs as their account, anyone else as the first id of their own
 * block; the supervisor is always the last id of the block. home is borrowed
 * from accounts. On the user's very first call a block is given and synced.
 */
enum status_code users_owner(const struct users *, const char *user, struct job_owner *,
    struct status *);

#endif
