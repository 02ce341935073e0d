/* SPDX-License-Identifier: ISC */

/*
 * Receives SPAWN_SPEC: what to run, and the descriptors it is done with, each
 * with its role. Checked as a whole before anything is done: every needed role
 * once, none twice, files that splice(2) can write, and never uid or gid 0,
 * with which a job could open the host's core_pattern for writing.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg.h"
#include "spawner/spawner.h"

enum {
	NEEDED = 0x1,
	FILE_NEW = 0x2,		/* a regular file, empty, not O_APPEND */
	DIRECTORY = 0x4,
	WRITABLE = 0x8,
};

static const struct role_rule {
	uint8_t role;
	uint8_t flags;
} role_rules[] = {
	{ ROLE_OUTPUT,		NEEDED | FILE_NEW | WRITABLE },
	{ ROLE_INDEX,		NEEDED | FILE_NEW | WRITABLE },
	{ ROLE_END,		NEEDED | FILE_NEW | WRITABLE },
	{ ROLE_CGROUP,		NEEDED | DIRECTORY },
	{ ROLE_CGROUP_KILL,	NEEDED | WRITABLE },
	{ ROLE_CGROUP_EVENTS,	NEEDED },
	{ ROLE_V1_EVENT_CONTROL, WRITABLE },
};

static int
check_role_fd(const struct role_rule *rule, int fd)
{
	struct stat st;
	bool usable;
	int flags;

	if (fd == -1)
		return ((rule->flags & NEEDED) != 0 ? -EBADMSG : 0);
	if (fstat(fd, &st) == -1 || (flags = fcntl(fd, F_GETFL)) == -1)
		return (-errno);
	if ((rule->flags & DIRECTORY) != 0 && !S_ISDIR(st.st_mode))
		return (-ENOTDIR);
	usable = S_ISREG(st.st_mode) && st.st_size == 0 && (flags & O_APPEND) == 0;
	if ((rule->flags & FILE_NEW) != 0 && !usable)
		return (-EINVAL);
	if ((rule->flags & WRITABLE) != 0 && (flags & O_ACCMODE) == O_RDONLY)
		return (-EACCES);
	return (0);
}

/* Every descriptor of the message goes to its role: none is left, none is missing. */
static int
bind_roles(struct spawner *sp, struct msg *m)
{
	size_t i;
	uint8_t role;
	int *slot;

	if (m->nfds != sp->spec.nroles)
		return (-EBADMSG);
	for (i = 0; i < m->nfds; i++) {
		role = sp->spec.roles[i];
		if (role == 0 || role > ROLE_LAST)
			return (-EBADMSG);
		slot = &sp->role[role];
		if (role == ROLE_V1_PROCS) {
			if (sp->nv1_procs == V1_PROCS_MAX)
				return (-EBADMSG);
			slot = &sp->v1_procs[sp->nv1_procs++];
		} else if (*slot != -1)
			return (-EBADMSG);
		*slot = msg_take_fd(m, i);
	}
	return (0);
}

static int
check_spec(const struct spawner *sp)
{
	const struct spawn_spec *s = &sp->spec;
	size_t i;
	int r;

	if (s->uid == 0 || s->gid == 0 || s->sup_uid == 0 || s->sup_gid == 0 ||
	    s->uid == (uint32_t)-1 || s->gid == (uint32_t)-1 ||
	    s->sup_uid == (uint32_t)-1 || s->sup_gid == (uint32_t)-1)
		return (-EPERM);
	/* A job with its supervisor's uid could send it signals. */
	if (s->sup_uid == s->uid)
		return (-EPERM);
	if (s->job.argv == NULL || s->job.argv[0] == NULL || s->job.argv[0][0] == '\0')
		return (-EBADMSG);
	if ((sp->role[ROLE_V1_OOM_CONTROL] == -1) != (sp->role[ROLE_V1_EVENT_CONTROL] == -1))
		return (-EBADMSG);
	for (i = 0; i < sizeof(role_rules) / sizeof(role_rules[0]); i++)
		if ((r = check_role_fd(&role_rules[i], sp->role[role_rules[i].role])) != 0)
			return (r);
	return (0);
}

static int
receive(int fd, struct msg *m)
{
	struct pollfd p;
	int r;

	p.fd = fd;
	p.events = POLLIN;
	while ((r = msg_recv(fd, m, MSG_FDS_MAX)) == -EAGAIN)
		if (poll(&p, 1, -1) == -1 && errno != EINTR)
			return (-errno);
	return (r);
}

int
spec_receive(struct spawner *sp)
{
	struct msg *m;
	int r;

	if ((m = malloc(sizeof(*m))) == NULL)
		return (stage_fail(&sp->fail, ENOMEM, "receive the job"));
	if ((r = receive(sp->control, m)) != 0)
		goto out;
	if (m->type != SPAWN_SPEC)
		r = -EPROTO;
	else if ((r = spawn_spec_get(&m->body, &sp->spec)) == 0 &&
	    (r = rbuf_end(&m->body)) == 0 &&
	    (r = bind_roles(sp, m)) == 0)
		r = check_spec(sp);
	msg_close_fds(m);
out:
	free(m);
	malloc_trim(0);		/* the message's 64 KiB would stay for the job's life */
	if (r != 0)
		return (stage_fail(&sp->fail, -r, "receive the job"));
	return (0);
}
