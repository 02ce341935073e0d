/* SPDX-License-Identifier: ISC */

/*
 * What protobuf-c 1.4 does not check, checked before it decodes: strings are
 * UTF-8 and hold no NUL, at which it would silently cut them.
 */
#ifndef NETD_PRESCAN_H
#define NETD_PRESCAN_H

#include <protobuf-c/protobuf-c.h>

#include <stddef.h>
#include <stdint.h>

/*
 * 0, -EBADMSG (no such message on the wire), or -EILSEQ with the string's name
 * in field, as in "limits.name".
 */
int prescan(const ProtobufCMessageDescriptor *, const uint8_t *, size_t,
    char *field, size_t size);

#endif
