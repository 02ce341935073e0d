/* SPDX-License-Identifier: ISC */

/*
 * Messages about the connection itself: netd is ready, the client is known, an
 * answer is no longer wanted. Until the identity is proven outside netd, the
 * name of NETD_AUTH is netd's own word.
 */

#include <string.h>

#include "common/ipc.h"
#include "monitor/audit.h"
#include "monitor/request.h"

const char *
note_ready(struct session *s, uint32_t id, const struct request_args *a)
{
	if (id != 0)
		return ("its id is not 0");
	if (a->version != IPC_VERSION)
		return ("telepilot-netd is of another version than telepilotd");
	s->state = SESSION_WAITING;
	s->events->ready(s->arg);
	return (NULL);
}

const char *
note_auth(struct session *s, uint32_t id, const struct request_args *a)
{
	if (id != 0)
		return ("its id is not 0");
	memcpy(s->user, a->user, sizeof(s->user));
	memcpy(s->serial, a->serial, sizeof(s->serial));
	memcpy(s->fingerprint, a->fingerprint, sizeof(s->fingerprint));
	if (msg_send(s->fd, NETD_AUTH_OK, 0, NULL) != 0)
		return ("NETD_AUTH_OK cannot be sent");
	s->state = SESSION_OPEN;
	audit_login(s);
	s->events->authenticated(s->arg);
	return (NULL);
}

/* The answer may be on its way already: an id that is not in flight is no fault. */
const char *
note_cancel(struct session *s, uint32_t id, const struct request_args *a)
{
	struct request *rq;

	(void)a;
	if (id == 0)
		return ("its id is 0");
	if ((rq = request_find(s, id)) != NULL)
		request_cancel(rq);
	return (NULL);
}
