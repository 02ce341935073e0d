/* SPDX-License-Identifier: ISC */

/*
 * Followers of a running job. Each gets the files opened for it alone, and a
 * doorbell that the supervisor rings. We keep the doorbell's other end as well,
 * unwritten: it tells when a follower has gone, and while it is open a follower
 * does not take a lost supervisor for the end before we have settled the job.
 */

#include <sys/epoll.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/ipc.h"
#include "monitor/jobmgr/runner_internal.h"

static void
follower_free(struct follower *f)
{
	LIST_REMOVE(f, entry);
	f->run->nfollowers--;
	sd_event_source_disable_unref(f->gone);
	close_fd(&f->fd);
	free(f);
}

void
followers_free(struct job_run *run)
{
	struct follower *f, *next;

	for (f = LIST_FIRST(&run->followers); f != NULL; f = next) {
		next = LIST_NEXT(f, entry);
		follower_free(f);
	}
}

static int
on_gone(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	(void)source;
	(void)fd;
	(void)events;
	follower_free(arg);
	return (0);
}

/* Takes fd over, also when it fails. An error on it is told without being asked for. */
static int
follower_add(struct job_run *run, int fd)
{
	struct follower *f;
	int r;

	if ((f = calloc(1, sizeof(*f))) == NULL) {
		close_fd(&fd);
		return (-ENOMEM);
	}
	f->run = run;
	f->fd = fd;
	LIST_INSERT_HEAD(&run->followers, f, entry);
	run->nfollowers++;
	r = sd_event_add_io(run->runner->event, &f->gone, fd, 0, on_gone, f);
	if (r < 0) {
		follower_free(f);
		return (r);
	}
	return (0);
}

/* A supervisor that is gone rings no more, but its end is on the way. */
static int
give_doorbell(struct job_run *run, int fd)
{
	int r;

	if (run->control == -1)
		return (0);
	r = msg_send_fds(run->control, SPAWN_DOORBELL, 0, NULL, &fd, 1);
	return (r == -EPIPE || r == -ECONNRESET ? 0 : r);
}

static int
make_doorbell(struct job_run *run, int *bell)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return (-errno);
	if ((r = give_doorbell(run, fds[1])) != 0)
		close_fd(&fds[1]);
	else
		r = follower_add(run, fds[1]);
	if (r != 0) {
		close_fd(&fds[0]);
		return (r);
	}
	*bell = fds[0];
	return (0);
}

int
run_follow(struct job_run *run, int fds[3])
{
	int files[2], r;

	if ((r = files_open(run->runner->jobs_fd, run->id, files)) != 0)
		return (r);
	if ((r = make_doorbell(run, &fds[2])) != 0) {
		close_fd(&files[0]);
		close_fd(&files[1]);
		return (r);
	}
	fds[0] = files[0];
	fds[1] = files[1];
	return (0);
}

uint32_t
run_followers(struct job_run *run)
{
	return (run->nfollowers);
}
