/* SPDX-License-Identifier: ISC */

/*
 * Removal of groups. A group that has just lost its last process may be busy
 * for a moment, and one with a process in an uninterruptible wait for long:
 * what cannot be removed is tried again, for ever, and killed each time.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/jobmgr/cgroup_priv.h"

#define RETRY_MIN_USEC	(10 * 1000)
#define RETRY_MAX_USEC	(1000 * 1000)
#define SAY_AFTER	12	/* tries: some seconds */
#define FINISH_MS	2000
#define STEP_MS		10

/* BASE/USER/ID with what is below it, then USER if that was its last. */
static int
remove_below(int base, const char *user, const char *id)
{
	int fd, r;

	if ((fd = cg_open_dir(base, user)) < 0)
		return (fd == -ENOENT ? 0 : fd);
	r = cg_remove(fd, id);
	close_fd(&fd);
	if (r == 0)
		(void)unlinkat(base, user, AT_REMOVEDIR);
	return (r);
}

/* The two groups that each job has, before anything is looked for. */
static void
remove_known(int users, const char *user, const char *id)
{
	int dir, fd;

	if ((fd = cg_open_dir(users, user)) < 0)
		return;
	if ((dir = cg_open_dir(fd, id)) >= 0) {
		(void)unlinkat(dir, "job", AT_REMOVEDIR);
		(void)unlinkat(dir, "sup", AT_REMOVEDIR);
		close_fd(&dir);
	}
	close_fd(&fd);
}

static void
kill_job(int users, const char *user, const char *id)
{
	int dir, fd;

	if ((fd = cg_open_dir(users, user)) < 0)
		return;
	if ((dir = cg_open_dir(fd, id)) >= 0) {
		(void)cg_kill(dir);
		close_fd(&dir);
	}
	close_fd(&fd);
}

/* v1 first: its processes are in the v2 group as well, which keeps them known. */
static int
remove_job(struct cgtree *t, const char *user, const char *id)
{
	int c, one, r = 0;

	for (c = 0; c < CG_NCONTROLLERS; c++)
		if (t->v1_root_fd[c] != -1 &&
		    (one = remove_below(t->v1_root_fd[c], user, id)) != 0)
			r = one;
	remove_known(t->users_fd, user, id);
	one = remove_below(t->users_fd, user, id);
	return (one != 0 ? one : r);
}

static void
try_again(struct cgtree *t, struct cg_reap *reap)
{
	int r;

	kill_job(t->users_fd, reap->user, reap->id);
	if ((r = remove_job(t, reap->user, reap->id)) == 0) {
		if (reap->tries > SAY_AFTER)
			log_info("job %s: its cgroup is removed now", reap->id);
		TAILQ_REMOVE(&t->reaps, reap, entry);
		free(reap);
	} else if (reap->tries++ == SAY_AFTER)
		log_warn("job %s: its cgroup cannot be removed yet: %s", reap->id,
		    strerror(-r));
}

static void
try_all(struct cgtree *t)
{
	struct cg_reap *reap, *next;

	for (reap = TAILQ_FIRST(&t->reaps); reap != NULL; reap = next) {
		next = TAILQ_NEXT(reap, entry);
		try_again(t, reap);
	}
}

static int on_retry(sd_event_source *, uint64_t, void *);

static void
arm(struct cgtree *t)
{
	int r;

	if (t->event == NULL || TAILQ_EMPTY(&t->reaps))
		return;
	if (t->retry == NULL)
		r = sd_event_add_time_relative(t->event, &t->retry, CLOCK_MONOTONIC,
		    t->retry_usec, 1000, on_retry, t);
	else if ((r = sd_event_source_set_time_relative(t->retry, t->retry_usec)) >= 0)
		r = sd_event_source_set_enabled(t->retry, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("cgroups: no timer to remove groups by: %s", strerror(-r));
}

static int
on_retry(sd_event_source *source, uint64_t usec, void *arg)
{
	struct cgtree *t = arg;

	(void)source;
	(void)usec;
	try_all(t);
	if ((t->retry_usec *= 2) > RETRY_MAX_USEC)
		t->retry_usec = RETRY_MAX_USEC;
	arm(t);
	return (0);
}

void
cg_reap_job(struct cgtree *t, const char *user, const char *id)
{
	struct cg_reap *reap;
	int r;

	if ((r = remove_job(t, user, id)) == 0)
		return;
	if ((reap = calloc(1, sizeof(*reap))) == NULL) {
		log_error("job %s: its cgroup stays: %s", id, strerror(-r));
		return;
	}
	(void)strncpy(reap->user, user, sizeof(reap->user) - 1);
	(void)strncpy(reap->id, id, sizeof(reap->id) - 1);
	TAILQ_INSERT_TAIL(&t->reaps, reap, entry);
	t->retry_usec = RETRY_MIN_USEC;
	arm(t);
}

void
cg_reap_finish(struct cgtree *t)
{
	static const struct timespec step = { 0, STEP_MS * 1000 * 1000 };
	struct cg_reap *reap;
	int ms;

	t->retry = sd_event_source_disable_unref(t->retry);
	for (ms = 0; !TAILQ_EMPTY(&t->reaps) && ms < FINISH_MS; ms += STEP_MS) {
		try_all(t);
		if (!TAILQ_EMPTY(&t->reaps))
			(void)nanosleep(&step, NULL);
	}
	while ((reap = TAILQ_FIRST(&t->reaps)) != NULL) {
		log_warn("job %s: its cgroup stays behind", reap->id);
		TAILQ_REMOVE(&t->reaps, reap, entry);
		free(reap);
	}
}
