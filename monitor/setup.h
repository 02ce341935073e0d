/*
 * What one configuration makes of the daemon: the configuration itself, the
 * accounts it names, the keys and certificates as they were when it was read, the
 * sockets it listens on. Made whole or not at all, and swapped whole on SIGHUP;
 * connections keep the one that they began with.
 */
#ifndef MONITOR_SETUP_H
#define MONITOR_SETUP_H

#include <systemd/sd-event.h>

#include "common/ipc.h"
#include "monitor/accounts.h"
#include "monitor/config.h"
#include "monitor/listen.h"

/* In NETD_INIT's order. */
enum setup_file { FILE_CERTIFICATE, FILE_KEY, FILE_CLIENT_CA, FILE_CLIENT_CRL, SETUP_FILES };

struct setup {
	unsigned int refs;
	struct config *config;
	struct accounts *accounts;
	struct netd_init init;
	int files[SETUP_FILES];		/* sealed copies in memory; -1: no CRL */
	struct listeners listeners;	/* moved to the daemon when it becomes current */
};

/* Takes config. NULL: out of memory (config is then freed). */
struct setup *setup_new(struct config *);
struct setup *setup_ref(struct setup *);
void setup_unref(struct setup *);		/* NULL is allowed */

/* Copies the files, checking owner and mode of the key. All errors are told; 0 or -EINVAL. */
int setup_read_files(struct setup *, config_error *, void *arg);
/* Fills in what netd gets, once the accounts are known. */
void setup_fill_init(struct setup *);
/*
 * New descriptors of the files for one netd, each with an offset of its own.
 * Count or -errno.
 */
int setup_open_files(const struct setup *, int fds[SETUP_FILES]);

#endif
