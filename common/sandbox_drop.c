/* SPDX-License-Identifier: ISC */

/*
 * From root to a user that owns nothing: groups, ids, and every capability set.
 * Each loss is proved by looking at what is left and by trying to undo it.
 */

#include <sys/capability.h>

#include <errno.h>
#include <grp.h>
#include <unistd.h>

#include "common/sandbox.h"

static int
drop_bounding_set(void)
{
	int cap;

	for (cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (cap_get_bound(cap) != 0 && cap_drop_bound(cap) == -1)
			return (-errno);
	return (0);
}

/* 0 if this process has the very capabilities of want. */
static int
check_capabilities(cap_t want)
{
	cap_t now;
	int r;

	if ((now = cap_get_proc()) == NULL)
		return (-errno);
	r = cap_compare(want, now) == 0 ? 0 : -EPERM;
	cap_free(now);
	return (r);
}

static int
clear_capabilities(void)
{
	cap_t none;
	int r;

	if ((none = cap_init()) == NULL)
		return (-errno);
	if (cap_set_proc(none) == -1 || cap_reset_ambient() == -1)
		r = -errno;
	else
		r = check_capabilities(none);
	cap_free(none);
	return (r);
}

static int
change_ids(uid_t uid, gid_t gid)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return (-errno);
	if (getresgid(&rg, &eg, &sg) == -1 || getresuid(&ru, &eu, &su) == -1)
		return (-errno);
	if (rg != gid || eg != gid || sg != gid || ru != uid || eu != uid || su != uid ||
	    getgroups(0, NULL) != 0)
		return (-EPERM);
	return (0);
}

/* 0 if root is out of reach. */
static int
prove(void)
{
	if (setresuid((uid_t)-1, 0, (uid_t)-1) != -1 || setuid(0) != -1 ||
	    setresgid((gid_t)-1, 0, (gid_t)-1) != -1 || setgid(0) != -1 ||
	    setgroups(0, NULL) != -1)
		return (-EPERM);
	return (0);
}

int
sandbox_drop_to(uid_t uid, gid_t gid)
{
	int r;

	if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
		return (-EPERM);
	if ((r = sandbox_own_keyring()) != 0 ||
	    (r = drop_bounding_set()) != 0 ||
	    (r = change_ids(uid, gid)) != 0 ||
	    (r = clear_capabilities()) != 0 ||
	    (r = prove()) != 0)
		return (r);
	return (0);
}
