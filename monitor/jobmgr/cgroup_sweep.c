/* SPDX-License-Identifier: ISC */

/*
 * Ends and removes what an earlier daemon's jobs left. Only what has our form is
 * touched: users/NAME/UUID on v2, NAME/UUID on v1, NAME being a user's and UUID a
 * job's. CgroupParent may be shared, and whatever else is there is somebody's.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/jobmgr/cgroup_priv.h"

#define SWEEP_MS	5000
#define STEP_MS		10

/* act(DIR, NAME): 0 or -errno. */
typedef int action(int, const char *);

static bool
is_user(const char *name)
{
	return (user_name_valid(name) != 0);
}

static bool
is_job(const char *name)
{
	struct uuid id;

	return (uuid_parse(name, &id) == 0);
}

struct pick {
	bool (*ours)(const char *);
	bool wanted;
	action *act;
};

static int
picked(const void *arg, int dir, const char *name)
{
	const struct pick *p = arg;

	return (name[0] != '.' && p->ours(name) == p->wanted ? p->act(dir, name) : 0);
}

/* Of the groups in dir those that are ours, or those that are not. The last error. */
static int
each(int dir, bool (*ours)(const char *), bool wanted, action *act)
{
	const struct pick p = { ours, wanted, act };

	return (cg_each(dir, picked, &p));
}

static int
in_user(int users, const char *user, bool wanted, action *act)
{
	int fd, r;

	if ((fd = cg_open_dir(users, user)) < 0)
		return (fd);
	r = each(fd, is_job, wanted, act);
	close_fd(&fd);
	return (r);
}

/* --- what is done to each -------------------------------------------------- */

static int
kill_job(int user, const char *id)
{
	int fd, populated, r = 0;

	if ((fd = cg_open_dir(user, id)) < 0)
		return (fd);
	populated = cg_populated(fd);
	if (populated != 0)
		r = cg_kill(fd);
	log_warn("job %s: left by an earlier telepilotd%s", id, populated == 1 ? ", killed" : "");
	close_fd(&fd);
	return (r);
}

static int
kill_user(int users, const char *user)
{
	return (in_user(users, user, true, kill_job));
}

static int
remove_user(int users, const char *user)
{
	int r = in_user(users, user, true, cg_remove);

	if (r == 0)
		(void)unlinkat(users, user, AT_REMOVEDIR);
	return (r);
}

static int
say_foreign(int dir, const char *name)
{
	(void)dir;
	log_warn("cgroups: %s, found below users, is no job's group of ours; it is left alone",
	    name);
	return (0);
}

static int
say_foreign_in_user(int users, const char *user)
{
	return (in_user(users, user, false, say_foreign));
}

/* --- from outside ---------------------------------------------------------- */

/* What was killed may take a moment to be gone. */
int
cg_sweep_users(int users)
{
	static const struct timespec step = { 0, STEP_MS * 1000 * 1000 };
	int ms, r;

	(void)each(users, is_user, false, say_foreign);
	(void)each(users, is_user, true, say_foreign_in_user);
	if ((r = each(users, is_user, true, kill_user)) != 0)
		return (r);
	for (ms = 0; (r = each(users, is_user, true, remove_user)) == -EBUSY && ms < SWEEP_MS;
	    ms += STEP_MS)
		(void)nanosleep(&step, NULL);
	return (r);
}

void
cg_sweep_v1(int root)
{
	(void)each(root, is_user, true, remove_user);
}
