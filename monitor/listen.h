/*
 * The listening sockets, and addresses as text.
 */
#ifndef MONITOR_LISTEN_H
#define MONITOR_LISTEN_H

#include <sys/socket.h>

#include <stddef.h>

#include <systemd/sd-event.h>

#include "monitor/config.h"

/* "[v6%scope]:port" and its NUL */
#define ADDRESS_STRLEN	96

/* dst is returned; 0.0.0.0:7443, [::]:7443 */
const char *address_format(const struct sockaddr_storage *, char *dst, size_t size);

struct listener {
	struct config_listen at;
	int fd;
	sd_event_source *source;
};

struct listeners {
	struct listener *list;
	size_t n;
};

/*
 * Binds what the configuration names, without listening yet. Sockets that old
 * (may be NULL) has on the same address are shared by duplicating. 0, or -errno with words.
 */
int listeners_bind(struct listeners *, const struct config *, const struct listeners *old,
    char *why, size_t size);
/* Listens, and calls ready for each connection that waits. 0 or -errno. */
int listeners_start(struct listeners *, sd_event *, sd_event_io_handler_t ready, void *arg);
void listeners_pause(struct listeners *, int pause);	/* 1: take none for now */
void listeners_close(struct listeners *);

#endif
