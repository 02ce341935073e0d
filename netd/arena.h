/* SPDX-License-Identifier: ISC */

/*
 * Memory for one decoded request, with a budget: what protobuf-c makes of a few
 * bytes may be fifty times as large.
 */
#ifndef NETD_ARENA_H
#define NETD_ARENA_H

#include <protobuf-c/protobuf-c.h>

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
	ProtobufCAllocator allocator;	/* for protobuf_c_message_unpack() */
	struct arena_chunk *chunks;
	size_t used;			/* of the newest chunk */
	size_t left;			/* of the budget */
	bool exhausted;			/* an allocation was refused */
};

void arena_init(struct arena *, size_t budget);
void arena_free(struct arena *);	/* everything at once */

#endif
