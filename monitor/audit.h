/*
 * Who did what, as one log line each, made here and never by netd.
 */
#ifndef MONITOR_AUDIT_H
#define MONITOR_AUDIT_H

#include "monitor/session.h"

/* One line an RPC; job may be NULL. */
void audit_rpc(const struct session *, const char *op, const struct uuid *job,
    enum status_code);
/* The session's user is known from here on. */
void audit_login(const struct session *);

#endif
