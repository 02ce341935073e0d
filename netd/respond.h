/* SPDX-License-Identifier: ISC */

/*
 * What of a call's response only netd/call.c needs.
 */
#ifndef NETD_RESPOND_H
#define NETD_RESPOND_H

#include "netd/call.h"

/* Not gRPC at all: a bare HTTP status. */
void respond_http(struct call *, const char *http_status);

/* RST_STREAM(CANCEL): its response can be brought to no good end in time. */
void respond_abort(struct call *);

#endif
