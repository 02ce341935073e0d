/* SPDX-License-Identifier: ISC */

/*
 * The monitor's side of looking accounts up: starts the child, gathers its
 * records from a pipe without ever waiting for it, and ends it when it takes
 * too long.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "monitor/accounts.h"
#include "monitor/child.h"

#define LOOKUP_TIMEOUT	(30 * 1000000ULL)	/* a directory service may be slow */
#define FIXED_RECORDS	2			/* NetUser, IdRange; then the users */

struct lookup {
	const struct config *config;
	struct child child;
	int fd;
	sd_event_source *io, *timer;
	struct account_record *records;
	size_t nrecords, have;			/* have: bytes */
	unsigned int errors;
	config_error *error;
	lookup_done *done;
	void *arg;
};

void
lookup_cancel(struct lookup *l)
{
	if (l == NULL)
		return;
	sd_event_source_disable_unref(l->io);
	sd_event_source_disable_unref(l->timer);
	close_fd(&l->fd);
	child_end(&l->child);
	free(l->records);
	free(l);
}

static void
complain(struct lookup *l, const char *where, const char *why)
{
	char text[1024];

	if (where != NULL)
		snprintf(text, sizeof(text), "%s: %s", where, why);
	else
		snprintf(text, sizeof(text), "%s", why);
	l->errors++;
	l->error(l->arg, text);
}

/* The child is ours, yet what it says ends where its field ends. */
static void
terminate(struct account_record *rec)
{
	rec->home[sizeof(rec->home) - 1] = '\0';
	rec->why[sizeof(rec->why) - 1] = '\0';
}

static struct accounts *
take_records(struct lookup *l)
{
	struct account_record *rec = l->records;
	struct accounts *a;
	size_t i;

	for (i = 0; i < l->nrecords; i++) {
		terminate(&rec[i]);
		if (rec[i].why[0] != '\0')
			complain(l, i < FIXED_RECORDS ? NULL :
			    l->config->users[i - FIXED_RECORDS].where, rec[i].why);
	}
	if (l->errors != 0)
		return (NULL);
	if ((a = calloc(1, sizeof(*a))) == NULL ||
	    (a->list = calloc(l->config->nusers + 1, sizeof(*a->list))) == NULL)
		goto fail;
	a->net_uid = rec[0].uid;
	a->net_gid = rec[0].gid;
	for (rec += FIXED_RECORDS, i = 0; i < l->config->nusers; i++, a->n++) {
		snprintf(a->list[i].user, sizeof(a->list[i].user), "%s",
		    l->config->users[i].name);
		a->list[i].uid = rec[i].uid;
		a->list[i].gid = rec[i].gid;
		if ((a->list[i].home = strdup(rec[i].home)) == NULL)
			goto fail;
	}
	return (a);
fail:
	complain(l, NULL, "out of memory");
	accounts_free(a);
	return (NULL);
}

static void
finish(struct lookup *l, const char *why)
{
	struct accounts *a = NULL;
	lookup_done *done = l->done;
	void *arg = l->arg;

	if (why != NULL)
		complain(l, NULL, why);
	else
		a = take_records(l);
	lookup_cancel(l);
	done(arg, a);
}

static int
on_readable(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	struct lookup *l = arg;
	size_t want = l->nrecords * sizeof(*l->records);
	ssize_t n;

	(void)s;
	(void)revents;
	n = read(fd, (char *)l->records + l->have, want - l->have);
	if (n == -1) {
		if (errno != EINTR && errno != EAGAIN)
			finish(l, "the lookup of accounts failed");
		return (0);
	}
	l->have += (size_t)n;
	if (l->have == want)
		finish(l, NULL);
	else if (n == 0)
		finish(l, "the lookup of accounts ended too early");
	return (0);
}

static int
on_timeout(sd_event_source *s, uint64_t usec, void *arg)
{
	(void)s;
	(void)usec;
	finish(arg, "the lookup of accounts took more than 30 s");
	return (0);
}

static int
start_child(struct lookup *l)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return (-errno);
	if ((r = child_fork(&l->child)) == 0) {
		/* Below 3 only stderr is of use; all above is not for it. */
		if (dup2(fds[1], STDIN_FILENO) == -1 || close_from(STDERR_FILENO + 1) != 0)
			_exit(1);
		_exit(lookup_child(l->config, STDIN_FILENO) == 0 ? 0 : 1);
	}
	close(fds[1]);
	l->fd = fds[0];
	if (r < 0)
		return (r);
	return (fcntl(l->fd, F_SETFL, O_NONBLOCK) == -1 ? -errno : 0);
}

int
lookup_start(struct lookup **out, sd_event *event, const struct config *c,
    config_error *error, lookup_done *done, void *arg)
{
	struct lookup *l;
	int r;

	*out = NULL;
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (-ENOMEM);
	l->config = c;
	l->fd = l->child.pidfd = -1;
	l->error = error;
	l->done = done;
	l->arg = arg;
	l->nrecords = FIXED_RECORDS + c->nusers;
	r = -ENOMEM;
	if ((l->records = calloc(l->nrecords, sizeof(*l->records))) == NULL)
		goto fail;
	if ((r = start_child(l)) != 0 ||
	    (r = sd_event_add_io(event, &l->io, l->fd, EPOLLIN, on_readable, l)) < 0 ||
	    (r = sd_event_add_time_relative(event, &l->timer, CLOCK_MONOTONIC, LOOKUP_TIMEOUT,
	    0, on_timeout, l)) < 0)
		goto fail;
	*out = l;
	return (0);
fail:
	lookup_cancel(l);
	return (r);
}
