/* SPDX-License-Identifier: ISC */

/*
 * A job as a user asked for it, on the wire and in memory. The bytes may come
 * from a process that a stranger has taken over: what decodes is well formed,
 * but says nothing of sense; that is jobspec_check's.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/jobspec.h"
#include "common/strv.h"

void
limits_init(struct limits *l)
{
	memset(l, 0, sizeof(*l));
	l->swap_bytes = NO_LIMIT;
}

void
jobspec_init(struct jobspec *s)
{
	memset(s, 0, sizeof(*s));
	limits_init(&s->limits);
}

void
jobspec_free(struct jobspec *s)
{
	strv_free(s->argv);
	strv_free(s->env);
	free(s->workdir);
	jobspec_init(s);
}

int
limits_put(struct buf *b, const struct limits *l)
{
	int r;

	if ((r = buf_put_u32(b, l->cpu_millis)) != 0 ||
	    (r = buf_put_u64(b, l->memory_bytes)) != 0 ||
	    (r = buf_put_u64(b, l->swap_bytes)) != 0 ||
	    (r = buf_put_u64(b, l->io_rbps)) != 0 ||
	    (r = buf_put_u64(b, l->io_wbps)) != 0 ||
	    (r = buf_put_u64(b, l->io_riops)) != 0 ||
	    (r = buf_put_u64(b, l->io_wiops)) != 0 ||
	    (r = buf_put_u64(b, l->pids)) != 0)
		return (r);
	return (0);
}

int
limits_get(struct rbuf *b, struct limits *l)
{
	int r;

	if ((r = rbuf_get_u32(b, &l->cpu_millis)) != 0 ||
	    (r = rbuf_get_u64(b, &l->memory_bytes)) != 0 ||
	    (r = rbuf_get_u64(b, &l->swap_bytes)) != 0 ||
	    (r = rbuf_get_u64(b, &l->io_rbps)) != 0 ||
	    (r = rbuf_get_u64(b, &l->io_wbps)) != 0 ||
	    (r = rbuf_get_u64(b, &l->io_riops)) != 0 ||
	    (r = rbuf_get_u64(b, &l->io_wiops)) != 0 ||
	    (r = rbuf_get_u64(b, &l->pids)) != 0)
		return (r);
	return (0);
}

int
jobspec_put(struct buf *b, const struct jobspec *s)
{
	int r;

	if ((r = strv_put(b, s->argv)) != 0 ||
	    (r = strv_put(b, s->env)) != 0 ||
	    (r = buf_put_str(b, s->workdir)) != 0 ||
	    (r = limits_put(b, &s->limits)) != 0 ||
	    (r = buf_put_u8(b, s->merge_output)) != 0)
		return (r);
	return (0);
}

int
jobspec_get(struct rbuf *b, struct jobspec *s)
{
	uint8_t merge;
	int r;

	jobspec_init(s);
	if ((r = strv_get(b, &s->argv, JOB_ARGS_MAX, JOB_STRINGS_MAX)) != 0 ||
	    (r = strv_get(b, &s->env, JOB_ARGS_MAX, JOB_STRINGS_MAX)) != 0 ||
	    (r = rbuf_get_str(b, &s->workdir, JOB_PATH_MAX)) != 0 ||
	    (r = limits_get(b, &s->limits)) != 0 ||
	    (r = rbuf_get_u8(b, &merge)) != 0 ||
	    (r = merge <= 1 ? 0 : -EBADMSG) != 0) {
		jobspec_free(s);
		return (r);
	}
	s->merge_output = merge;
	if (s->workdir[0] == '\0') {
		free(s->workdir);
		s->workdir = NULL;
	}
	return (0);
}

int
user_name_valid(const char *s)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz_0123456789-";
	size_t n = strlen(s);

	return (n >= 1 && n <= JOB_USER_MAX && strchr(first, s[0]) != NULL &&
	    strspn(s, rest) == n);
}
