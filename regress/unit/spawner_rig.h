/*
 * A job's spawner with the test in the monitor's place: makes a cgroup, sends
 * the spec, lets the job run and reads what came of it. Needs root and a cgroup
 * v2 mount (a hybrid one will do). What goes wrong fails the test.
 */
#ifndef REGRESS_SPAWNER_RIG_H
#define REGRESS_SPAWNER_RIG_H

#include <sys/types.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/ipc.h"
#include "common/jobinfo.h"
#include "common/msg.h"

#define OWNER		1900000000u	/* nobody's on any host */
#define OWNER_GROUP	1900000001u
#define SUPERVISOR	1900065535u

/* Our own group of cgroup v1's memory controller; empty where there is none. */
extern char memory_root[PATH_MAX];

struct job {
	struct spawn_spec spec;
	pid_t pid;			/* the spawner */
	int control;
	int output, index, end;
	int fds[MSG_FDS_MAX];
	char cgroup[PATH_MAX + 32];
	struct msg m;			/* the last one received */
	/* of SPAWN_ENDED and the output */
	uint32_t wait_status;
	uint8_t oom;
	struct usage usage;
	char out[256 * 1024], err[64 * 1024];	/* with a NUL each */
	size_t nout, nerr;
	uint64_t gaps;
	bool ended;
};

/* For a cmocka group. teardown removes what a failed test left behind. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* Files of a cgroup's directory. */
int open_in(const char *dir, const char *name, int flags);
void write_text(const char *dir, const char *name, const char *text);
void remove_group(const char *dir);

/* A new job and its cgroup; argv ends with NULL. sh -c script. */
struct job *job_new(const char *const *argv);
struct job *job_sh(const char *script);
void add_role(struct job *j, uint8_t role, int fd);

void job_spawn(struct job *j);		/* starts the spawner, sends SPAWN_SPEC */
void job_start(struct job *j);		/* the same, and GO, and waits for STARTED */
void job_finish(struct job *j);	/* to SPAWN_ENDED, checks all that is on disk */
void reap(struct job *j, int code);	/* the spawner exits with code, soon */
void job_free(struct job *j);
/* It runs to its end with this output and status 0. */
void expect_sh(const char *script, const char *out);

int receive(struct job *j);		/* the next message: as msg_recv, with a timeout */
void expect_msg(struct job *j, uint16_t type);
void expect_failed(struct job *j, const char *stage, int error);
void read_output(struct job *j);
/* The file is whole, and holds what was told (NULL: not known). */
void check_end_file(struct job *j, const uint8_t *told, size_t len);
bool populated(const struct job *j);
pid_t job_pid(const struct job *j);

#endif
