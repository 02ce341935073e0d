/* SPDX-License-Identifier: ISC */

/*
 * The loop over an authenticated connection.
 */
#ifndef NETD_SERVE_H
#define NETD_SERVE_H

#include "common/msg.h"
#include "netd/conn.h"
#include "netd/tls.h"

/* Until either side is done. m is for receiving. */
void serve(struct conn *, struct tls *, int tcp, int channel, struct msg *m);

#endif
