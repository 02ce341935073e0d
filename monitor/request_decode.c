/* SPDX-License-Identifier: ISC */

/*
 * The bodies of netd's messages, field by field as common/ipc.h lists them. Pure
 * functions: what they check is form; whether it is allowed is not their matter.
 * That nothing follows the last field is checked by the dispatcher, for all.
 */

#include <errno.h>
#include <string.h>

#include "common/ipc.h"
#include "monitor/request.h"

static int
check_hex(const char *s)
{
	size_t len = strlen(s);

	return (len > 0 && strspn(s, "0123456789abcdefABCDEF") == len ? 0 : -EBADMSG);
}

int
decode_nothing(struct rbuf *b, struct request_args *a)
{
	(void)b;
	(void)a;
	return (0);
}

int
decode_ready(struct rbuf *b, struct request_args *a)
{
	return (rbuf_get_u32(b, &a->version));
}

int
decode_auth(struct rbuf *b, struct request_args *a)
{
	int r;

	if ((r = rbuf_get_strbuf(b, a->user, sizeof(a->user))) != 0 ||
	    (r = rbuf_get_strbuf(b, a->serial, sizeof(a->serial))) != 0 ||
	    (r = rbuf_get_strbuf(b, a->fingerprint, sizeof(a->fingerprint))) != 0 ||
	    (r = check_hex(a->serial)) != 0 ||
	    (r = check_hex(a->fingerprint)) != 0)
		return (r);
	return (user_name_valid(a->user) ? 0 : -EBADMSG);
}

int
decode_create(struct rbuf *b, struct request_args *a)
{
	int r;

	if ((r = rbuf_get_strbuf(b, a->request_id, sizeof(a->request_id))) != 0 ||
	    (r = jobspec_get(b, &a->spec)) != 0)
		return (r);
	return (0);
}

int
decode_job(struct rbuf *b, struct request_args *a)
{
	return (rbuf_get_raw(b, a->job.b, sizeof(a->job.b)));
}

int
decode_stop(struct rbuf *b, struct request_args *a)
{
	int r;

	if ((r = decode_job(b, a)) != 0 ||
	    (r = rbuf_get_u32(b, &a->grace)) != 0)
		return (r);
	return (0);
}

int
decode_list(struct rbuf *b, struct request_args *a)
{
	int r;

	if ((r = rbuf_get_u32(b, &a->page_size)) != 0 ||
	    (r = rbuf_get_u64(b, &a->cursor)) != 0)
		return (r);
	return (0);
}
