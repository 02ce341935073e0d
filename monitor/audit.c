/* SPDX-License-Identifier: ISC */

/*
 * Audit lines: key=value, in one order, no value with a blank in it. User names,
 * serials and fingerprints were checked when they came; the log escapes the
 * rest.
 */

#include "common/log.h"
#include "monitor/audit.h"

static void
audit(const struct session *s, const char *op, const char *job, enum status_code code)
{
	log_at(LOG_NOTICE, "audit: user=%s peer=%s serial=%s fp=%s op=%s%s%s code=%s",
	    s->user, s->peer, s->serial, s->fingerprint, op,
	    job != NULL ? " job=" : "", job != NULL ? job : "", status_name(code));
}

void
audit_rpc(const struct session *s, const char *op, const struct uuid *job,
    enum status_code code)
{
	char id[UUID_STRLEN + 1];

	if (job != NULL)
		uuid_format(job, id);
	audit(s, op, job != NULL ? id : NULL, code);
}

void
audit_login(const struct session *s)
{
	audit(s, "Login", NULL, ST_OK);
}
