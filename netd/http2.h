/* SPDX-License-Identifier: ISC */

/*
 * The HTTP/2 session below a connection's calls.
 */
#ifndef NETD_HTTP2_H
#define NETD_HTTP2_H

#include <stdint.h>

#include "netd/conn.h"

/* Makes conn->session with all limits, our SETTINGS first. 0 or -ENOMEM. */
int http2_start(struct conn *);

/* The code for a GOAWAY after nghttp2 gave up with this error. */
uint32_t http2_error_of(int nghttp2_error);

#endif
