/* SPDX-License-Identifier: ISC */

/*
 * Accounts that are known already: plain data.
 */

#include <stdlib.h>
#include <string.h>

#include "monitor/accounts.h"

void
accounts_free(struct accounts *a)
{
	size_t i;

	if (a == NULL)
		return;
	for (i = 0; i < a->n; i++)
		free(a->list[i].home);
	free(a->list);
	free(a);
}

const struct account *
accounts_find(const struct accounts *a, const char *user)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (strcmp(a->list[i].user, user) == 0)
			return (&a->list[i]);
	return (NULL);
}
