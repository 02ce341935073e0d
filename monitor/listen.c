/* SPDX-License-Identifier: ISC */

/*
 * The listening sockets. Binding and listening are apart, so that an address
 * that is taken is found at once, yet nobody waits in the queue of a daemon
 * that cannot serve.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "monitor/listen.h"

#define BACKLOG	512

static const char *
format_v6(const struct sockaddr_in6 *sin6, char *dst, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "?", name[IF_NAMESIZE] = "";

	inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
	if (sin6->sin6_scope_id != 0 && if_indextoname(sin6->sin6_scope_id, name) == NULL)
		snprintf(name, sizeof(name), "%u", sin6->sin6_scope_id);
	snprintf(dst, size, "[%s%s%s]:%u", host, name[0] != '\0' ? "%" : "", name,
	    ntohs(sin6->sin6_port));
	return (dst);
}

const char *
address_format(const struct sockaddr_storage *ss, char *dst, size_t size)
{
	const struct sockaddr_in *sin = (const struct sockaddr_in *)ss;
	char host[INET_ADDRSTRLEN] = "?";

	if (ss->ss_family == AF_INET6)
		return (format_v6((const struct sockaddr_in6 *)ss, dst, size));
	if (ss->ss_family == AF_INET)
		inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
	snprintf(dst, size, "%s:%u", host, ss->ss_family == AF_INET ? ntohs(sin->sin_port) : 0);
	return (dst);
}

static int
bind_new(const struct config_listen *at)
{
	int fd, on = 1, r;

	fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return (-errno);
	/* Its own socket for each family: [::] does not take IPv4 as well. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (at->addr.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1) ||
	    bind(fd, (const struct sockaddr *)&at->addr, at->len) == -1) {
		r = -errno;
		close(fd);
		return (r);
	}
	return (fd);
}

/* An address that stays keeps its socket, and with it who waits there. */
static int
bind_one(const struct config_listen *at, const struct listeners *old)
{
	size_t i;
	int fd;

	for (i = 0; old != NULL && i < old->n; i++)
		if (old->list[i].at.len == at->len &&
		    memcmp(&old->list[i].at.addr, &at->addr, at->len) == 0) {
			fd = fcntl(old->list[i].fd, F_DUPFD_CLOEXEC, 0);
			return (fd == -1 ? -errno : fd);
		}
	return (bind_new(at));
}

int
listeners_bind(struct listeners *ls, const struct config *c, const struct listeners *old,
    char *why, size_t size)
{
	char text[ADDRESS_STRLEN];
	size_t i;
	int fd;

	ls->n = 0;
	if ((ls->list = calloc(c->nlisten, sizeof(*ls->list))) == NULL) {
		snprintf(why, size, "out of memory");
		return (-ENOMEM);
	}
	for (i = 0; i < c->nlisten; i++) {
		if ((fd = bind_one(&c->listen[i], old)) < 0) {
			if (c->listen[i].optional &&
			    (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL))
				continue;
			snprintf(why, size, "ListenAddress %s: %s", address_format(
			    &c->listen[i].addr, text, sizeof(text)), strerror(-fd));
			listeners_close(ls);
			return (fd);
		}
		ls->list[ls->n].at = c->listen[i];
		ls->list[ls->n++].fd = fd;
	}
	if (ls->n > 0)
		return (0);
	snprintf(why, size, "this host has no address family to listen on");
	listeners_close(ls);
	return (-EAFNOSUPPORT);
}

int
listeners_start(struct listeners *ls, sd_event *event, sd_event_io_handler_t ready, void *arg)
{
	size_t i;
	int r;

	for (i = 0; i < ls->n; i++) {
		if (listen(ls->list[i].fd, BACKLOG) == -1)
			return (-errno);
		if ((r = sd_event_add_io(event, &ls->list[i].source, ls->list[i].fd, EPOLLIN,
		    ready, arg)) < 0)
			return (r);
	}
	return (0);
}

void
listeners_pause(struct listeners *ls, int pause)
{
	size_t i;

	for (i = 0; i < ls->n; i++)
		if (ls->list[i].source != NULL)
			sd_event_source_set_enabled(ls->list[i].source,
			    pause ? SD_EVENT_OFF : SD_EVENT_ON);
}

void
listeners_close(struct listeners *ls)
{
	size_t i;

	for (i = 0; i < ls->n; i++) {
		ls->list[i].source = sd_event_source_disable_unref(ls->list[i].source);
		close_fd(&ls->list[i].fd);
	}
	free(ls->list);
	ls->list = NULL;
	ls->n = 0;
}
