/* SPDX-License-Identifier: ISC */

/*
 * Every keyword of telepilotd.conf(5): its kind, place, default and bounds.
 * telepilotd -T prints in this order.
 */

#include <stddef.h>
#include <syslog.h>

#include "common/ipc.h"
#include "monitor/config_table.h"

#define FIELD(name)	offsetof(struct config, name)

static const struct choice identities[] = {
	{ "uri", IPC_IDENTITY_URI }, { "cn", IPC_IDENTITY_CN }, { NULL, 0 },
};
static const struct choice weak_limits[] = {
	{ "none", 0 }, { "io", 1 }, { NULL, 0 },
};
static const struct choice log_levels[] = {
	{ "info", LOG_INFO }, { "debug", LOG_DEBUG }, { "warning", LOG_WARNING },
	{ "error", LOG_ERR }, { NULL, 0 },
};
static const struct choice log_full[] = {
	{ "drop", 0 }, { "block", 1 }, { NULL, 0 },
};

#define DAY	86400u
#define KIB	1024u
#define MIB	(1024u * 1024u)

const struct keyword config_keywords[] = {
	/* the network */
	{ "ListenAddress", &type_listen, FIELD(listen), "0.0.0.0:7443 [::]:7443",
	    0, 0, NULL, KW_MANY },
	{ "ServerCertificate", &type_path, FIELD(server_certificate),
	    TELEPILOT_SYSCONFDIR "/server.pem", 0, 0, NULL, 0 },
	{ "ServerKey", &type_path, FIELD(server_key),
	    TELEPILOT_SYSCONFDIR "/server.key", 0, 0, NULL, 0 },
	{ "ClientCA", &type_path, FIELD(client_ca),
	    TELEPILOT_SYSCONFDIR "/client-ca.pem", 0, 0, NULL, 0 },
	{ "ClientCRL", &type_path, FIELD(client_crl), "none", 0, 0, NULL, KW_NONE },
	{ "TrustDomain", &type_domain, FIELD(trust_domain), "telepilot", 0, 0, NULL, 0 },
	{ "Identity", &type_choice, FIELD(identity), "uri", 0, 0, identities, 0 },
	{ "MaxConnections", &type_number, FIELD(max_connections), "256",
	    1, 100000, NULL, 0 },
	{ "MaxConnectionsPerSource", &type_number, FIELD(max_connections_source), "64",
	    1, 100000, NULL, 0 },
	{ "MaxUnauthenticated", &type_number, FIELD(max_unauthenticated), "32",
	    1, 10000, NULL, 0 },
	{ "SpareConnections", &type_number, FIELD(spare_connections), "3",
	    1, 100, NULL, 0 },
	{ "LoginGraceTime", &type_duration, FIELD(login_grace), "20s", 1, 3600, NULL, 0 },
	{ "IdleTimeout", &type_duration, FIELD(idle_timeout), "0", 0, 30 * DAY, NULL, 0 },
	{ "MaxStreams", &type_number, FIELD(max_streams), "100", 1, 1000, NULL, 0 },
	{ "MaxHeaderSize", &type_size32, FIELD(max_header_size), "8KiB",
	    1 * KIB, 1 * MIB, NULL, 0 },
	{ "MaxMessageSize", &type_size32, FIELD(max_message_size), "64KiB",
	    1 * KIB, 64 * KIB, NULL, 0 },

	/* the users */
	{ "User", &type_user, FIELD(users), NULL, 0, 0, NULL, KW_MANY },
	{ "IdRange", &type_id_range, FIELD(ids), "1879048192-2147352575",
	    0, 0, NULL, KW_FIXED },

	/* the jobs */
	{ "MaxJobs", &type_number, FIELD(max_jobs), "100000", 1, 10000000, NULL, 0 },
	{ "MaxJobsPerUser", &type_number, FIELD(max_jobs_user), "20000",
	    1, 10000000, NULL, 0 },
	{ "MaxRunningPerUser", &type_number, FIELD(max_running_user), "1000",
	    1, 100000, NULL, 0 },
	/* A supervisor has room for DOORBELLS_MAX; one that it drops is never rung. */
	{ "MaxFollowersPerJob", &type_number, FIELD(max_followers_job), "256",
	    1, 1024, NULL, 0 },
	{ "StopGrace", &type_duration, FIELD(stop_grace), "10s", 0, DAY, NULL, 0 },
	{ "ShutdownGrace", &type_duration, FIELD(shutdown_grace), "30s", 0, DAY, NULL, 0 },
	{ "LogMax", &type_size64, FIELD(log_max), "0", 0, INT64_MAX, NULL, 0 },
	{ "LogFull", &type_choice, FIELD(log_block), "drop", 0, 0, log_full, 0 },
	{ "DefaultPids", &type_number, FIELD(default_pids), "4096",
	    0, 4194304, NULL, 0 },
	{ "WeakLimits", &type_choice, FIELD(weak_io), "none", 0, 0, weak_limits, 0 },
	{ "CgroupParent", &type_path, FIELD(cgroup_parent), "none",
	    0, 0, NULL, KW_NONE | KW_FIXED },

	/* the daemon itself */
	{ "StateDirectory", &type_path, FIELD(state_directory), "/var/lib/telepilot",
	    0, 0, NULL, KW_FIXED },
	{ "RuntimeDirectory", &type_path, FIELD(runtime_directory), "/run/telepilot",
	    0, 0, NULL, KW_FIXED },
	{ "LibexecDirectory", &type_path, FIELD(libexec_directory), NULL,
	    0, 0, NULL, KW_FIXED },
	{ "NetUser", &type_net_user, FIELD(net_user), "_telepilot-net", 0, 0, NULL, 0 },
	{ "LogLevel", &type_choice, FIELD(log_level), "info", 0, 0, log_levels, 0 },
};

const size_t config_nkeywords = sizeof(config_keywords) / sizeof(config_keywords[0]);

_Static_assert(sizeof(config_keywords) / sizeof(config_keywords[0]) <= CONFIG_KEYWORDS_MAX,
    "struct config_parser has too few places");
