/* SPDX-License-Identifier: ISC */

/*
 * The configuration file: any bytes are refused or make a configuration that
 * prints as text, which makes the same configuration again.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
ignore(void *arg, const char *text)
{
	(void)arg;
	if (strlen(text) == 0)
		abort();
}

static char *
print(const struct config *c, size_t *len)
{
	char *text = NULL;
	FILE *f;

	if ((f = open_memstream(&text, len)) == NULL)
		return (NULL);
	if (config_print(f, c) != 0 || fclose(f) != 0)
		abort();
	return (text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config_source none;
	struct config *c, *again;
	char *text, *second;
	size_t len, len2;

	if (config_load_text(&c, &none, "f", (const char *)data, size, ignore, NULL) != 0)
		return (0);
	if ((text = print(c, &len)) != NULL) {
		if (config_load_text(&again, &none, "f", text, len, ignore, NULL) != 0)
			abort();
		second = print(again, &len2);
		if (second != NULL && strcmp(text, second) != 0)
			abort();
		free(second);
		config_free(again);
	}
	free(text);
	config_free(c);
	return (0);
}
