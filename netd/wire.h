/* SPDX-License-Identifier: ISC */

/*
 * Protocol buffers' wire form, read by hand where protobuf-c is not asked: a
 * walk over the fields of one message, bounds-checked.
 */
#ifndef NETD_WIRE_H
#define NETD_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5,
};

struct wire {
	const uint8_t *p;
	size_t left;
};

struct wire_field {
	uint32_t number;
	enum wire_type type;
	const uint8_t *data;		/* WIRE_BYTES; borrowed */
	size_t len;
};

void wire_init(struct wire *, const uint8_t *, size_t);

/* 1: *f is the next field; 0: the end; -EBADMSG. */
int wire_next(struct wire *, struct wire_field *f);

#endif
