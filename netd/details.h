/* SPDX-License-Identifier: ISC */

/*
 * An outcome as trailers: grpc-message and grpc-status-details-bin.
 */
#ifndef NETD_DETAILS_H
#define NETD_DETAILS_H

#include <stddef.h>

#include "common/status.h"

#define DETAILS_TEXT_MAX	(STATUS_FIELD_MAX + STATUS_MESSAGE_MAX + 2)

/* The message for people; it names the field at fault. */
void details_text(const struct status *, char dst[DETAILS_TEXT_MAX]);

/*
 * base64 of a google.rpc.Status that holds a google.rpc.BadRequest with the
 * one field at fault. A new string, or NULL when out of memory.
 */
char *details_encode(const struct status *);

#endif
