/* SPDX-License-Identifier: ISC */

/*
 * The tables of jobs, users and request ids, and the one place where it is
 * decided whether a user may touch a job. Trees of tsearch(3): each key is the
 * first member of what it finds.
 */

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/jobmgr/jobmgr_internal.h"

static int
by_uuid(const void *a, const void *b)
{
	return (memcmp(a, b, sizeof(struct uuid)));
}

static int
by_string(const void *a, const void *b)
{
	return (strcmp(a, b));
}

static void *
tree_find(void *const *root, const void *key, int (*cmp)(const void *, const void *))
{
	void *node = tfind(key, root, cmp);

	return (node == NULL ? NULL : *(void **)node);
}

/*
 * The ownership check of all of TelePilot. Another's job and an unknown id must
 * not differ in a single byte.
 */
struct job *
table_find(struct jobmgr *mgr, const char *user, const struct uuid *id,
    struct status *st)
{
	struct job *job = tree_find(&mgr->jobs, id, by_uuid);

	if (job == NULL || strcmp(job->user->name, user) != 0) {
		status_set(st, ST_PERMISSION_DENIED, NULL, "no such job, or not yours");
		return (NULL);
	}
	return (job);
}

struct user *
table_user(struct jobmgr *mgr, const char *name)
{
	return (tree_find(&mgr->users, name, by_string));
}

struct user *
table_user_make(struct jobmgr *mgr, const char *name)
{
	struct user *u;

	if ((u = table_user(mgr, name)) != NULL)
		return (u);
	if ((u = calloc(1, sizeof(*u))) == NULL)
		return (NULL);
	snprintf(u->name, sizeof(u->name), "%s", name);
	if (tsearch(u, &mgr->users, by_string) == NULL) {
		free(u);
		return (NULL);
	}
	return (u);
}

void
table_user_drop(struct jobmgr *mgr, struct user *u)
{
	if (u->njobs != 0)
		return;
	tdelete(u, &mgr->users, by_string);
	joblist_free(&u->list);
	free(u);
}

struct request *
table_request(struct user *u, const char *id)
{
	return (tree_find(&u->requests, id, by_string));
}

int
table_add(struct user *u, struct job *job)
{
	struct jobmgr *mgr = job->mgr;

	if (tsearch(job, &mgr->jobs, by_uuid) == NULL)
		return (-ENOMEM);
	if (job->request != NULL && tsearch(job->request, &u->requests, by_string) == NULL)
		goto no_request;
	if (joblist_add(&u->list, mgr->last_seq + 1, job) != 0)
		goto no_slot;
	job->user = u;
	job->seq = ++mgr->last_seq;
	job->memory = job_memory(job);
	u->memory += job->memory;
	u->njobs++;
	mgr->njobs++;
	return (0);
no_slot:
	if (job->request != NULL)
		tdelete(job->request, &u->requests, by_string);
no_request:
	tdelete(job, &mgr->jobs, by_uuid);
	return (-ENOMEM);
}

void
table_remove(struct job *job)
{
	struct jobmgr *mgr = job->mgr;
	struct user *u = job->user;

	tdelete(job, &mgr->jobs, by_uuid);
	if (job->request != NULL)
		tdelete(job->request, &u->requests, by_string);
	joblist_remove(&u->list, job->seq);
	job->user = NULL;
	u->memory -= job->memory;
	u->njobs--;
	mgr->njobs--;
	table_user_drop(mgr, u);
}

static void
forget_node(void *node)
{
	(void)node;
}

static void
drop_job(void *node)
{
	job_unref(node);
}

static void
free_user(void *node)
{
	struct user *u = node;

	tdestroy(u->requests, forget_node);
	joblist_free(&u->list);
	free(u);
}

void
table_free(struct jobmgr *mgr)
{
	tdestroy(mgr->users, free_user);
	tdestroy(mgr->jobs, drop_job);
	mgr->users = mgr->jobs = NULL;
}
