/* SPDX-License-Identifier: ISC */

/*
 * The monitor's end of one netd's channel. The peer is not trusted: it is read
 * in small turns, so that it cannot starve others, and never waited for. How a
 * session ends is decided in one place and told from the event loop, so that no
 * handler's ground is pulled away under it.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/fdio.h"
#include "monitor/request.h"
#include "monitor/session.h"

#define READ_TURN	16		/* messages at once */

static int
on_channel(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	(void)source;
	(void)fd;
	(void)revents;
	session_read(arg);
	return (0);
}

static int
on_retry(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	session_flush(arg);
	return (0);
}

static int
on_ending(sd_event_source *source, void *arg)
{
	struct session *s = arg;

	(void)source;
	s->events->over(s->arg, s->why[0] != '\0' ? s->why : NULL);
	return (0);
}

static int
add_sources(struct session *s)
{
	sd_event *event = s->services->event;
	int r;

	if ((r = sd_event_add_io(event, &s->io, s->fd, EPOLLIN, on_channel, s)) < 0 ||
	    (r = sd_event_add_time_relative(event, &s->retry, CLOCK_MONOTONIC, 0, 1, on_retry,
	    s)) < 0 ||
	    (r = sd_event_source_set_enabled(s->retry, SD_EVENT_OFF)) < 0 ||
	    (r = sd_event_add_defer(event, &s->ending, on_ending, s)) < 0 ||
	    (r = sd_event_source_set_enabled(s->ending, SD_EVENT_OFF)) < 0)
		return (r);
	return (0);
}

static void
drop_sources(struct session *s)
{
	s->io = sd_event_source_disable_unref(s->io);
	s->retry = sd_event_source_disable_unref(s->retry);
	s->ending = sd_event_source_disable_unref(s->ending);
}

int
session_init(struct session *s, const struct services *services, int fd,
    uint32_t max_requests, const struct session_events *events, void *arg)
{
	int r;

	memset(s, 0, sizeof(*s));
	s->services = services;
	s->events = events;
	s->arg = arg;
	s->fd = fd;
	s->state = SESSION_STARTING;
	s->max_requests = max_requests;
	TAILQ_INIT(&s->requests);
	TAILQ_INIT(&s->answers);
	/* Not every kernel can refuse descriptors: msg_recv closes them, too. */
	if ((r = msg_refuse_fds(fd)) == 0 && (r = add_sources(s)) == 0)
		return (0);
	drop_sources(s);
	s->fd = -1;
	return (r);
}

void
session_close(struct session *s)
{
	struct request *rq;

	s->over = true;
	drop_sources(s);
	while ((rq = TAILQ_FIRST(&s->requests)) != NULL)
		request_cancel(rq);
	close_fd(&s->fd);
}

static void
end(struct session *s)
{
	s->over = true;
	sd_event_source_set_enabled(s->io, SD_EVENT_OFF);
	sd_event_source_set_enabled(s->retry, SD_EVENT_OFF);
	sd_event_source_set_enabled(s->ending, SD_EVENT_ONESHOT);
}

void
session_fail(struct session *s, const char *fmt, ...)
{
	va_list ap;

	if (s->over)
		return;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	end(s);
}

void
session_hangup(struct session *s)
{
	if (!s->over)
		end(s);
}

int
session_read(struct session *s)
{
	struct msg *m = s->services->msg;
	int i, r;

	for (i = 0; i < READ_TURN && !s->over; i++) {
		if ((r = msg_recv(s->fd, m, 0)) == 0)
			request_dispatch(s, m);
		else if (r == -EAGAIN)
			return (r);
		else if (r == -EPIPE)
			session_hangup(s);
		else
			session_fail(s, "a message cannot be received: %s", strerror(-r));
	}
	return (s->over ? -EPIPE : 0);
}
