/*
 * The messages between the monitor and its children: types and fixed numbers.
 * Framing is common/msg, bodies are common/buf; each body is written here in
 * the order of its fields. An id of 0 is used for what is no request.
 */
#ifndef COMMON_IPC_H
#define COMMON_IPC_H

#include <stdint.h>

#include "buf.h"
#include "jobspec.h"
#include "status.h"
#include "uuid.h"

#define IPC_FD		3	/* a child finds its channel to the monitor here */
#define IPC_VERSION	1

/*
 * netd. It is exec'd with IPC_FD and stderr only, and stands in the empty
 * directory that becomes its root ("."); it drops its privileges, then waits
 * for INIT.
 */
enum netd_msg {
	/* monitor -> netd */
	NETD_INIT = 1,		/* struct netd_init; fds: as flagged there */
	NETD_CONN = 2,		/* str peer address; fd: the accepted TCP socket */
	NETD_AUTH_OK = 3,	/* empty: requests may be sent */
	NETD_REPLY = 4,		/* struct status, then what the request's row says */
	NETD_DRAIN = 5,		/* empty: finish streams, take no new ones (GOAWAY) */

	/* netd -> monitor, none with descriptors */
	NETD_READY = 32,	/* u32 IPC_VERSION; keys are loaded */
	NETD_AUTH = 33,		/* str user, str serial (hex), str SHA-256 fingerprint (hex) */

	/* requests, each with an id that is not in use on this connection */
	NETD_CREATE = 48,	/* str request_id, jobspec	-> uuid raw */
	NETD_START = 49,	/* uuid raw			-> jobinfo */
	NETD_STOP = 50,		/* uuid, u32 grace seconds or IPC_DEFAULT -> jobinfo */
	NETD_STATUS = 51,	/* uuid				-> jobinfo */
	NETD_WAIT = 52,		/* uuid				-> jobinfo, when it ended */
	NETD_LIST = 53,		/* u32 page size, u64 cursor (0: first) -> u64 next cursor
				   (0: last page), u32 count, brief jobinfos */
	NETD_DELETE = 54,	/* uuid				-> empty */
	NETD_LOGS = 55,		/* uuid -> u8 ipc_logs; fds as it says, when it started */
	NETD_CANCEL = 56,	/* empty; id is the request's that is no longer wanted.
				   Not answered; the request may be answered yet. */
};

#define IPC_DEFAULT	0xffffffffu

/* What a NETD_LOGS reply carries. */
enum ipc_logs {
	IPC_LOGS_LIVE = 1,	/* fds: output, index, doorbell's read end */
	IPC_LOGS_ENDED = 2,	/* fds: output, index */
	IPC_LOGS_EMPTY = 3,	/* none: it ended without ever having run */
};

enum ipc_identity {
	IPC_IDENTITY_URI = 1,	/* spiffe://TRUST_DOMAIN/user/NAME */
	IPC_IDENTITY_CN = 2,	/* subject common name */
};

#define TRUST_DOMAIN_MAX	255

/* Descriptors follow in this order: certificate chain, key, client CA, [CRL]. */
struct netd_init {
	char trust_domain[TRUST_DOMAIN_MAX + 1];
	uint8_t identity;		/* enum ipc_identity */
	uint8_t has_crl;
	uint32_t uid, gid;		/* what netd becomes */
	uint32_t max_streams;		/* HTTP/2 streams at once */
	uint32_t max_header_bytes;	/* sum of name + value + 32 */
	uint32_t max_message_bytes;	/* one gRPC message received */
	uint32_t login_grace;		/* seconds from the connection to AUTH */
	uint32_t idle_timeout;		/* seconds without a stream; 0: none */
};

int netd_init_put(struct buf *, const struct netd_init *);
int netd_init_get(struct rbuf *, struct netd_init *);
int status_put(struct buf *, const struct status *);
int status_get(struct rbuf *, struct status *);

/*
 * The spawner, which becomes the job's supervisor. Exec'd in the job's `sup`
 * cgroup with IPC_FD and stderr only.
 */
enum spawner_msg {
	/* monitor -> spawner */
	SPAWN_SPEC = 1,		/* struct spawn_spec; fds by its roles */
	SPAWN_GO = 2,		/* empty: the monitor holds the job's pidfd now */
	SPAWN_DOORBELL = 3,	/* fd: non-blocking write end of a follower's pipe */

	/* spawner -> monitor */
	SPAWN_CLONED = 32,	/* empty: one process is in the job's cgroup, and waits */
	SPAWN_STARTED = 33,	/* empty: the job's program was executed */
	SPAWN_FAILED = 34,	/* str stage, u32 errno: it never ran; the spawner exits */
	SPAWN_ENDED = 35,	/* u32 wait status, u8 oom, usage; all output and the
				   end record are on disk; the supervisor exits */
};

/* What each descriptor of SPAWN_SPEC is; one u8 each, in the order sent. */
enum spawn_role {
	ROLE_OUTPUT = 1,	/* read-write, new and empty */
	ROLE_INDEX = 2,		/* read-write, new and empty */
	ROLE_END = 3,		/* write, new and empty */
	ROLE_CGROUP = 4,	/* directory of the job's cgroup (v2), for clone3 */
	ROLE_CGROUP_KILL = 5,	/* write */
	ROLE_CGROUP_EVENTS = 6,	/* read: populated */
	ROLE_CPU_STAT = 7,	/* read: usage_usec */
	ROLE_MEMORY_EVENTS = 8,	/* read: oom_kill (v2) */
	ROLE_MEMORY_CURRENT = 9,
	ROLE_MEMORY_PEAK = 10,	/* v2 memory.peak or v1 memory.max_usage_in_bytes */
	ROLE_IO_STAT = 11,	/* v2 io.stat */
	ROLE_V1_IO_BYTES = 12,	/* v1 blkio.throttle.io_service_bytes */
	ROLE_V1_PROCS = 13,	/* write, one for each v1 controller to join */
	ROLE_V1_OOM_CONTROL = 14,	/* read-write: memory.oom_control */
	ROLE_V1_EVENT_CONTROL = 15,	/* write: cgroup.event_control */
	ROLE_PIDS_CURRENT = 16,
};

/* On disk, `end` is this: SPAWN_ENDED's body, then u32 CRC-32C of it. */

struct spawn_spec {
	struct uuid id;
	struct jobspec job;
	char owner[JOB_USER_MAX + 1];
	char home[JOB_PATH_MAX + 1];	/* HOME; "/" if none */
	uint32_t uid, gid;		/* root in the job; never 0 */
	uint32_t sup_uid, sup_gid;	/* the supervisor's own */
	uint64_t log_max;		/* bytes of output kept; 0: all */
	uint8_t log_block;		/* on a full disk: 1 block the job, 0 drop */
	uint64_t nproc;			/* RLIMIT_NPROC, or NO_LIMIT */
	uint8_t nroles;
	uint8_t roles[24];		/* enum spawn_role */
};

int spawn_spec_put(struct buf *, const struct spawn_spec *);
/* On success the caller ends with jobspec_free(&spec->job). */
int spawn_spec_get(struct rbuf *, struct spawn_spec *);

#endif
