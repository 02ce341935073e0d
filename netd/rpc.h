/* SPDX-License-Identifier: ISC */

/*
 * The methods that this server has: a table for each group, in a file of its own.
 */
#ifndef NETD_RPC_H
#define NETD_RPC_H

#include <stddef.h>

#include "common/uuid.h"
#include "netd/call.h"

extern const struct method rpc_jobs[];		/* each ends with a NULL path */
extern const struct method rpc_logs[];
extern const struct method rpc_health[];
extern const struct method rpc_reflection[];

/* NULL: no such method. */
const struct method *rpc_find(const char *path, size_t len);

/* The field job_id of a request; -EINVAL: the call has failed. */
int rpc_job_id(struct call *, const char *text, struct uuid *);

#endif
