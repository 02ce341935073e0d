/*
 * telepilotd's configuration: what telepilotd.conf(5) describes. A struct
 * config is complete and checked, and never changes once it is loaded.
 */
#ifndef MONITOR_CONFIG_H
#define MONITOR_CONFIG_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/jobspec.h"

#define CONFIG_FILE	TELEPILOT_SYSCONFDIR "/telepilotd.conf"

struct config_listen {
	struct sockaddr_storage addr;
	socklen_t len;
	bool optional;			/* a default: the host may lack IPv6 */
};

/* User NAME account=ACCOUNT; where: "file:line", for errors found later. */
struct config_user {
	char name[JOB_USER_MAX + 1];
	char *account;
	char *where;
};

struct net_user {
	char *name;			/* NULL: given as UID:GID */
	uint32_t uid, gid;
};

struct id_range {
	uint32_t first, last;
};

struct config {
	struct config_listen *listen;
	size_t nlisten;
	char *server_certificate, *server_key, *client_ca;
	char *client_crl;		/* NULL: none */
	char *trust_domain;
	uint32_t identity;		/* enum ipc_identity */
	char *state_directory, *runtime_directory, *libexec_directory;
	struct net_user net_user;
	char *cgroup_parent;		/* NULL: chosen by monitor/cgroup */
	uint32_t weak_io;
	uint32_t default_pids;
	uint32_t log_level;		/* as syslog(3) */
	struct config_user *users;
	size_t nusers;
	struct id_range ids;
	uint32_t max_connections, max_connections_source, max_unauthenticated;
	uint32_t spare_connections;
	uint32_t login_grace, idle_timeout;
	uint32_t max_streams, max_header_size, max_message_size;
	uint32_t max_jobs, max_jobs_user, max_running_user, max_followers_job;
	uint32_t stop_grace, shutdown_grace;
	uint64_t log_max;
	uint32_t log_block;
};

/* Each error as one line without newline: "FILE:LINE: what is wrong". */
typedef void config_error(void *arg, const char *text);

struct config_source {
	const char *file;		/* NULL: CONFIG_FILE, which may be missing */
	char *const *options;		/* "Keyword=value"; they come before the file */
	size_t noptions;
};

/* All errors are told, not only the first. 0, or -EINVAL when there were some. */
int config_load(struct config **, const struct config_source *, config_error *, void *arg);
/* The same from text already in memory; name stands for the file. */
int config_load_text(struct config **, const struct config_source *, const char *name,
    const char *text, size_t len, config_error *, void *arg);
void config_free(struct config *);		/* NULL is allowed */

/* "Keyword value" lines in the table's order, as they may be read again. */
int config_print(FILE *, const struct config *);
/*
 * The first keyword whose value differs and that only a restart can change,
 * or NULL.
 */
const char *config_fixed_change(const struct config *, const struct config *);

#endif
