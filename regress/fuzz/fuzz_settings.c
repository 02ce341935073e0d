/* SPDX-License-Identifier: ISC */

/*
 * A profile's config and an --env-file are files that others may have written.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/env.h"
#include "cli/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char why[SETTINGS_WHY_SIZE];
	struct settings s = { 0 };
	struct env e = { 0 };
	size_t i;

	if (settings_parse("F", (const char *)data, len, &s, why) == 0) {
		/* What was taken is one line's: no control of the next. */
		if (s.server != NULL && (s.server[0] == '\0' || strpbrk(s.server, "\n\"") != NULL))
			abort();
	} else if (strncmp(why, "F:", 2) != 0)
		abort();
	settings_free(&s);
	if (env_add_text(&e, "F", (const char *)data, len, why) != 0 &&
	    strncmp(why, "F:", 2) != 0)
		abort();
	for (i = 0; i < e.n; i++)
		if (strchr(e.v[i], '=') == NULL || strchr(e.v[i], '\n') != NULL)
			abort();
	env_free(&e);
	return (0);
}
