/* SPDX-License-Identifier: ISC */

/*
 * One user's jobs in the order of their creation: an array sorted by sequence
 * number, so that a page of a long list is found by halving. A removed entry
 * keeps its number; when half of the array is such holes, they are squeezed out.
 */

#include <errno.h>
#include <stdlib.h>

#include "monitor/jobmgr/jobmgr_internal.h"

#define SLOTS_MIN	8

static int
joblist_grow(struct joblist *l)
{
	struct slot *p;
	size_t size;

	if (l->n < l->size)
		return (0);
	size = l->size == 0 ? SLOTS_MIN : l->size * 2;
	if ((p = reallocarray(l->slots, size, sizeof(*p))) == NULL)
		return (-ENOMEM);
	l->slots = p;
	l->size = size;
	return (0);
}

/* seq must be larger than all before. 0 or -ENOMEM. */
int
joblist_add(struct joblist *l, uint64_t seq, struct job *job)
{
	int r;

	if ((r = joblist_grow(l)) != 0)
		return (r);
	l->slots[l->n].seq = seq;
	l->slots[l->n].job = job;
	l->n++;
	return (0);
}

size_t
joblist_below(const struct joblist *l, uint64_t seq)
{
	size_t lo = 0, hi = l->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (l->slots[mid].seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

static void
joblist_squeeze(struct joblist *l)
{
	size_t from, to = 0;

	for (from = 0; from < l->n; from++)
		if (l->slots[from].job != NULL)
			l->slots[to++] = l->slots[from];
	l->n = to;
	l->holes = 0;
}

void
joblist_remove(struct joblist *l, uint64_t seq)
{
	size_t i = joblist_below(l, seq);

	if (i == l->n || l->slots[i].seq != seq || l->slots[i].job == NULL)
		return;
	l->slots[i].job = NULL;
	l->holes++;
	if (l->holes > SLOTS_MIN && l->holes > l->n / 2)
		joblist_squeeze(l);
}

void
joblist_free(struct joblist *l)
{
	free(l->slots);
	l->slots = NULL;
	l->n = l->size = l->holes = 0;
}
