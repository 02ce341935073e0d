/* SPDX-License-Identifier: ISC */

/*
 * The configuration as text (telepilotd -T), and the comparison of two, which
 * is made on that text.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/config_table.h"

static void
print_keyword(FILE *f, const struct keyword *k, const struct config *c)
{
	k->type->print(f, k, (const char *)c + k->offset);
}

int
config_print(FILE *f, const struct config *c)
{
	size_t i;

	for (i = 0; i < config_nkeywords; i++)
		print_keyword(f, &config_keywords[i], c);
	return (ferror(f) ? -EIO : 0);
}

static char *
keyword_text(const struct keyword *k, const struct config *c)
{
	char *text = NULL;
	size_t len;
	FILE *f;

	if ((f = open_memstream(&text, &len)) == NULL)
		return (NULL);
	print_keyword(f, k, c);
	if (fclose(f) != 0) {
		free(text);
		return (NULL);
	}
	return (text);
}

/* Out of memory counts as a change: the caller then keeps what it has. */
const char *
config_fixed_change(const struct config *a, const struct config *b)
{
	const struct keyword *k;
	char *ta, *tb;
	size_t i;
	int same;

	for (i = 0; i < config_nkeywords; i++) {
		k = &config_keywords[i];
		if ((k->flags & KW_FIXED) == 0)
			continue;
		ta = keyword_text(k, a);
		tb = keyword_text(k, b);
		same = ta != NULL && tb != NULL && strcmp(ta, tb) == 0;
		free(ta);
		free(tb);
		if (!same)
			return (k->name);
	}
	return (NULL);
}
