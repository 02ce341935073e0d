/* SPDX-License-Identifier: ISC */

/*
 * Holds each message of a netd against the request table. The netd may have
 * been taken over by a stranger: a message that is not exactly as its row says
 * ends it, and nothing is done before the whole message has been checked.
 */

#include <errno.h>
#include <string.h>

#include "monitor/request.h"

static const struct request_row *
find_row(uint16_t type)
{
	size_t i;

	for (i = 0; i < request_nrows; i++)
		if (request_table[i].type == type)
			return (&request_table[i]);
	return (NULL);
}

/* Why the row forbids this message now, or NULL. */
static const char *
forbidden(const struct session *s, const struct request_row *row, const struct msg *m)
{
	if ((row->states & s->state) == 0)
		return ("it may not come in this state");
	if ((row->flags & REQUEST_ONCE) != 0 && (s->seen & (1ULL << (row - request_table))) != 0)
		return ("it may come only once");
	if (m->body.left > row->max_body)
		return ("it is too long");
	if (m->nfds != 0)
		return ("it carries descriptors");
	return (NULL);
}

/* The same for what is answered: ids and how many at once. */
static const char *
forbidden_request(struct session *s, uint32_t id)
{
	if (id == 0)
		return ("its id is 0");
	if (request_find(s, id) != NULL)
		return ("its id is in use");
	if (s->nrequests >= s->max_requests)
		return ("too many requests are in flight");
	return (NULL);
}

static void
act(struct session *s, const struct request_row *row, uint32_t id,
    const struct request_args *args)
{
	struct request *rq;

	if ((rq = request_new(s, row->name, id)) == NULL) {
		session_fail(s, "%s: out of memory", row->message);
		return;
	}
	if ((row->flags & REQUEST_OF_JOB) != 0) {
		rq->has_job = true;
		rq->job = args->job;
	}
	row->act(rq, args);
}

static void
carry_out(struct session *s, const struct request_row *row, uint32_t id,
    const struct request_args *args)
{
	const char *why;

	s->seen |= 1ULL << (row - request_table);
	if (row->act != NULL)
		act(s, row, id, args);
	else if ((why = row->note(s, id, args)) != NULL)
		session_fail(s, "%s: %s", row->message, why);
}

void
request_dispatch(struct session *s, struct msg *m)
{
	const struct request_row *row;
	struct request_args args;
	const char *why;
	int r;

	if ((row = find_row(m->type)) == NULL) {
		session_fail(s, "message %u is unknown", m->type);
		return;
	}
	if ((why = forbidden(s, row, m)) != NULL ||
	    (row->act != NULL && (why = forbidden_request(s, m->id)) != NULL)) {
		session_fail(s, "%s: %s", row->message, why);
		return;
	}
	memset(&args, 0, sizeof(args));
	jobspec_init(&args.spec);
	if ((r = row->decode(&m->body, &args)) != 0 || (r = rbuf_end(&m->body)) != 0)
		session_fail(s, "%s: malformed (%s)", row->message, strerror(-r));
	else
		carry_out(s, row, m->id, &args);
	jobspec_free(&args.spec);
}

static const char *
state_names(unsigned int states, char *dst, size_t size)
{
	static const char *const names[] = { "STARTING", "WAITING", "LOGIN", "OPEN" };
	size_t i, len = 0;

	dst[0] = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((states & (1U << i)) != 0 && len < size)
			len += (size_t)snprintf(dst + len, size - len, "%s%s",
			    len > 0 ? "," : "", names[i]);
	return (dst);
}

int
request_table_print(FILE *f)
{
	const struct request_row *row;
	char states[64];
	size_t i;

	for (i = 0; i < request_nrows; i++) {
		row = &request_table[i];
		fprintf(f, "%-12s %-9s %-5s %6zu  %s\n", row->message,
		    state_names(row->states, states, sizeof(states)),
		    (row->flags & REQUEST_ONCE) != 0 ? "once" : "-", row->max_body,
		    row->name != NULL ? row->name : "-");
	}
	return (ferror(f) ? -EIO : 0);
}
