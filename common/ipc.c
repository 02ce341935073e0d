/* SPDX-License-Identifier: ISC */

/*
 * The bodies of messages that are more than a field or two. Each put and its
 * get stand together and read as the same list.
 */

#include <errno.h>

#include "common/ipc.h"

int
netd_init_put(struct buf *b, const struct netd_init *n)
{
	int r;

	if ((r = buf_put_str(b, n->trust_domain)) != 0 ||
	    (r = buf_put_u8(b, n->identity)) != 0 ||
	    (r = buf_put_u8(b, n->has_crl)) != 0 ||
	    (r = buf_put_u32(b, n->uid)) != 0 ||
	    (r = buf_put_u32(b, n->gid)) != 0 ||
	    (r = buf_put_u32(b, n->max_streams)) != 0 ||
	    (r = buf_put_u32(b, n->max_header_bytes)) != 0 ||
	    (r = buf_put_u32(b, n->max_message_bytes)) != 0 ||
	    (r = buf_put_u32(b, n->login_grace)) != 0 ||
	    (r = buf_put_u32(b, n->idle_timeout)) != 0)
		return (r);
	return (0);
}

int
netd_init_get(struct rbuf *b, struct netd_init *n)
{
	int r;

	if ((r = rbuf_get_strbuf(b, n->trust_domain, sizeof(n->trust_domain))) != 0 ||
	    (r = rbuf_get_u8(b, &n->identity)) != 0 ||
	    (r = rbuf_get_u8(b, &n->has_crl)) != 0 ||
	    (r = rbuf_get_u32(b, &n->uid)) != 0 ||
	    (r = rbuf_get_u32(b, &n->gid)) != 0 ||
	    (r = rbuf_get_u32(b, &n->max_streams)) != 0 ||
	    (r = rbuf_get_u32(b, &n->max_header_bytes)) != 0 ||
	    (r = rbuf_get_u32(b, &n->max_message_bytes)) != 0 ||
	    (r = rbuf_get_u32(b, &n->login_grace)) != 0 ||
	    (r = rbuf_get_u32(b, &n->idle_timeout)) != 0)
		return (r);
	if ((n->identity != IPC_IDENTITY_URI && n->identity != IPC_IDENTITY_CN) ||
	    n->has_crl > 1)
		return (-EBADMSG);
	return (0);
}

int
status_put(struct buf *b, const struct status *st)
{
	int r;

	if ((r = buf_put_u8(b, (uint8_t)st->code)) != 0 ||
	    (r = buf_put_str(b, st->field)) != 0 ||
	    (r = buf_put_str(b, st->message)) != 0)
		return (r);
	return (0);
}

int
status_get(struct rbuf *b, struct status *st)
{
	uint8_t code;
	int r;

	if ((r = rbuf_get_u8(b, &code)) != 0 ||
	    (r = rbuf_get_strbuf(b, st->field, sizeof(st->field))) != 0 ||
	    (r = rbuf_get_strbuf(b, st->message, sizeof(st->message))) != 0)
		return (r);
	if (code > ST_UNAUTHENTICATED)
		return (-EBADMSG);
	st->code = code;
	return (0);
}

int
spawn_spec_put(struct buf *b, const struct spawn_spec *s)
{
	int r;

	if (s->nroles > sizeof(s->roles))
		return (-EINVAL);
	if ((r = buf_put_raw(b, s->id.b, sizeof(s->id.b))) != 0 ||
	    (r = jobspec_put(b, &s->job)) != 0 ||
	    (r = buf_put_str(b, s->owner)) != 0 ||
	    (r = buf_put_str(b, s->home)) != 0 ||
	    (r = buf_put_u32(b, s->uid)) != 0 ||
	    (r = buf_put_u32(b, s->gid)) != 0 ||
	    (r = buf_put_u32(b, s->sup_uid)) != 0 ||
	    (r = buf_put_u32(b, s->sup_gid)) != 0 ||
	    (r = buf_put_u64(b, s->log_max)) != 0 ||
	    (r = buf_put_u8(b, s->log_block)) != 0 ||
	    (r = buf_put_u64(b, s->nproc)) != 0 ||
	    (r = buf_put_u8(b, s->nroles)) != 0 ||
	    (r = buf_put_raw(b, s->roles, s->nroles)) != 0)
		return (r);
	return (0);
}

/* All of it but the job, which is the one part that owns memory. */
static int
get_rest(struct rbuf *b, struct spawn_spec *s)
{
	int r;

	if ((r = rbuf_get_strbuf(b, s->owner, sizeof(s->owner))) != 0 ||
	    (r = rbuf_get_strbuf(b, s->home, sizeof(s->home))) != 0 ||
	    (r = rbuf_get_u32(b, &s->uid)) != 0 ||
	    (r = rbuf_get_u32(b, &s->gid)) != 0 ||
	    (r = rbuf_get_u32(b, &s->sup_uid)) != 0 ||
	    (r = rbuf_get_u32(b, &s->sup_gid)) != 0 ||
	    (r = rbuf_get_u64(b, &s->log_max)) != 0 ||
	    (r = rbuf_get_u8(b, &s->log_block)) != 0 ||
	    (r = rbuf_get_u64(b, &s->nproc)) != 0 ||
	    (r = rbuf_get_u8(b, &s->nroles)) != 0)
		return (r);
	if (s->log_block > 1 || s->nroles > sizeof(s->roles))
		return (-EBADMSG);
	return (rbuf_get_raw(b, s->roles, s->nroles));
}

int
spawn_spec_get(struct rbuf *b, struct spawn_spec *s)
{
	int r;

	if ((r = rbuf_get_raw(b, s->id.b, sizeof(s->id.b))) != 0 ||
	    (r = jobspec_get(b, &s->job)) != 0)
		return (r);
	if ((r = get_rest(b, s)) != 0)
		jobspec_free(&s->job);
	return (r);
}
