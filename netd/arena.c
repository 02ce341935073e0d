/* SPDX-License-Identifier: ISC */

/*
 * The arena: pieces are cut from chunks one after the other and freed all
 * together. protobuf-c copes with a refusal at every point (NULL), and so a
 * hostile request costs its budget and no more.
 */

#include <stdalign.h>
#include <stdlib.h>

#include "netd/arena.h"

#define CHUNK		16384

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	alignas(max_align_t) unsigned char data[];
};

static struct arena_chunk *
add_chunk(struct arena *a, size_t size)
{
	struct arena_chunk *c;

	if (size < CHUNK)
		size = CHUNK;
	if (size > a->left)
		size = a->left;
	if ((c = malloc(sizeof(*c) + size)) == NULL)
		return (NULL);
	c->size = size;
	c->next = a->chunks;
	a->chunks = c;
	a->used = 0;
	a->left -= size;
	return (c);
}

static void *
arena_alloc(void *arg, size_t size)
{
	struct arena *a = arg;
	struct arena_chunk *c = a->chunks;
	const size_t align = alignof(max_align_t);
	void *p;

	if (size > SIZE_MAX - align)
		goto refuse;
	size = (size + align - 1) / align * align;
	if (c == NULL || size > c->size - a->used) {
		if (size > a->left || (c = add_chunk(a, size)) == NULL)
			goto refuse;
	}
	p = c->data + a->used;
	a->used += size;
	return (p);
refuse:
	a->exhausted = true;
	return (NULL);
}

static void
arena_keep(void *arg, void *p)
{
	(void)arg;
	(void)p;
}

void
arena_init(struct arena *a, size_t budget)
{
	a->allocator.alloc = arena_alloc;
	a->allocator.free = arena_keep;
	a->allocator.allocator_data = a;
	a->chunks = NULL;
	a->used = 0;
	/* Whole units, so that what is left is always cut at an aligned place. */
	a->left = budget / alignof(max_align_t) * alignof(max_align_t);
	a->exhausted = false;
}

void
arena_free(struct arena *a)
{
	struct arena_chunk *c;

	while ((c = a->chunks) != NULL) {
		a->chunks = c->next;
		free(c);
	}
}
