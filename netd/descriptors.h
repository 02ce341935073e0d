/* SPDX-License-Identifier: ISC */

/*
 * The .proto files of every service that netd has, as a FileDescriptorSet made
 * by protoc when netd is built.
 */
#ifndef NETD_DESCRIPTORS_H
#define NETD_DESCRIPTORS_H

#include <stddef.h>

extern const unsigned char descriptors_pb[];
extern const size_t descriptors_pb_len;

#endif
