/* SPDX-License-Identifier: ISC */

/*
 * From the first byte of a stranger to a user whom the monitor knows.
 */
#ifndef NETD_LOGIN_H
#define NETD_LOGIN_H

#include "common/ipc.h"
#include "common/msg.h"
#include "netd/tls.h"

/*
 * Handshake, NETD_AUTH, NETD_AUTH_OK, all within init->login_grace. 0, or the
 * connection is to be dropped; why was logged.
 */
int login(struct tls *, const struct netd_init *, int tcp, int channel, struct msg *);

int64_t clock_now(void);	/* CLOCK_MONOTONIC, ns */
/* Milliseconds for poll(2) until a time, rounded up; -1 for INT64_MAX. */
int clock_wait(int64_t until, int64_t now);

#endif
