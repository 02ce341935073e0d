/* SPDX-License-Identifier: ISC */

/*
 * The kinds of value of telepilotd.conf that are one word: paths, numbers,
 * sizes, durations, choices. A parser writes its field only on success and
 * frees what stood there.
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc.h"
#include "common/units.h"
#include "monitor/config_table.h"

static int
one_word(struct config_parser *p, const struct keyword *k, size_t n)
{
	if (n == 1)
		return (0);
	return (config_complain(p, "%s: %s", k->name,
	    n == 0 ? "a value is missing" : "one value is expected"));
}

static int
set_string(struct config_parser *p, const struct keyword *k, char **field,
    const char *word)
{
	char *copy;

	if ((copy = strdup(word)) == NULL)
		return (config_complain(p, "%s: out of memory", k->name));
	free(*field);
	*field = copy;
	return (0);
}

/* As it can be read again: quoted where it must be. */
static void
print_string(FILE *f, const struct keyword *k, const void *field)
{
	const char *s = *(char *const *)field;

	if (s == NULL)
		s = "none";
	if (*s == '#' || *s == '\0' || strpbrk(s, " \t") != NULL)
		fprintf(f, "%s \"%s\"\n", k->name, s);
	else
		fprintf(f, "%s %s\n", k->name, s);
}

static void
release_string(void *field)
{
	free(*(char **)field);
}

/* --- paths --- */

static int
parse_path(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	char **path = field;

	if (one_word(p, k, n) != 0)
		return (-1);
	if ((k->flags & KW_NONE) != 0 && strcmp(words[0], "none") == 0) {
		free(*path);
		*path = NULL;
		return (0);
	}
	if (words[0][0] != '/')
		return (config_complain(p, "%s: %s is no absolute path", k->name, words[0]));
	if (strlen(words[0]) >= PATH_MAX)
		return (config_complain(p, "%s: the path is too long", k->name));
	return (set_string(p, k, path, words[0]));
}

const struct config_type type_path = { parse_path, print_string, release_string };

/* --- a SPIFFE trust domain --- */

static int
parse_domain(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	size_t len;

	if (one_word(p, k, n) != 0)
		return (-1);
	len = strlen(words[0]);
	if (len == 0 || len > TRUST_DOMAIN_MAX ||
	    strspn(words[0], "abcdefghijklmnopqrstuvwxyz0123456789.-_") != len)
		return (config_complain(p, "%s: \"%s\" is no trust domain (1 to %d of a-z, "
		    "0-9, '.', '-', '_')", k->name, words[0], TRUST_DOMAIN_MAX));
	return (set_string(p, k, field, words[0]));
}

const struct config_type type_domain = { parse_domain, print_string, release_string };

/* --- one of a few words --- */

static int
parse_choice(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	char all[128];
	const struct choice *c;
	size_t len = 0;

	if (one_word(p, k, n) != 0)
		return (-1);
	all[0] = '\0';
	for (c = k->choices; c->word != NULL; c++) {
		if (strcasecmp(c->word, words[0]) == 0) {
			*(uint32_t *)field = c->value;
			return (0);
		}
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s",
		    len == 0 ? "" : ", ", c->word);
	}
	return (config_complain(p, "%s: \"%s\" is none of %s", k->name, words[0], all));
}

static void
print_choice(FILE *f, const struct keyword *k, const void *field)
{
	const struct choice *c;

	for (c = k->choices; c->word != NULL; c++)
		if (c->value == *(const uint32_t *)field)
			fprintf(f, "%s %s\n", k->name, c->word);
}

const struct config_type type_choice = { parse_choice, print_choice, NULL };

/* --- numbers --- */

static int
complain_bounds(struct config_parser *p, const struct keyword *k, const char *word,
    int r, const char *form)
{
	if (r == -EINVAL)
		return (config_complain(p, "%s: \"%s\" is no %s", k->name, word, form));
	return (config_complain(p, "%s: %s is out of bounds (%" PRIu64 " to %" PRIu64 ")",
	    k->name, word, k->min, k->max));
}

static int
parse_number(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	uint64_t v;
	int r;

	if (one_word(p, k, n) != 0)
		return (-1);
	if ((r = parse_u64(words[0], k->min, k->max, &v)) != 0)
		return (complain_bounds(p, k, words[0], r, "number"));
	*(uint32_t *)field = (uint32_t)v;
	return (0);
}

static void
print_number(FILE *f, const struct keyword *k, const void *field)
{
	fprintf(f, "%s %" PRIu32 "\n", k->name, *(const uint32_t *)field);
}

const struct config_type type_number = { parse_number, print_number, NULL };

static int
parse_bounded_size(struct config_parser *p, const struct keyword *k, uint64_t *v,
    char *const *words, size_t n)
{
	int r;

	if (one_word(p, k, n) != 0)
		return (-1);
	if ((r = parse_size(words[0], v)) == 0 && (*v < k->min || *v > k->max))
		r = -ERANGE;
	if (r != 0)
		return (complain_bounds(p, k, words[0], r, "size, as 64KiB or 1GB"));
	return (0);
}

static int
parse_size32(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	uint64_t v;

	if (parse_bounded_size(p, k, &v, words, n) != 0)
		return (-1);
	*(uint32_t *)field = (uint32_t)v;
	return (0);
}

static int
parse_size64(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	return (parse_bounded_size(p, k, field, words, n));
}

/* The largest unit that shows it exactly. */
static void
print_exact(FILE *f, const struct keyword *k, uint64_t v)
{
	static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	while (v != 0 && v % 1024 == 0 && i + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		i++;
	}
	fprintf(f, "%s %" PRIu64 "%s\n", k->name, v, units[i]);
}

static void
print_size32(FILE *f, const struct keyword *k, const void *field)
{
	print_exact(f, k, *(const uint32_t *)field);
}

static void
print_size64(FILE *f, const struct keyword *k, const void *field)
{
	print_exact(f, k, *(const uint64_t *)field);
}

const struct config_type type_size32 = { parse_size32, print_size32, NULL };
const struct config_type type_size64 = { parse_size64, print_size64, NULL };

static int
parse_seconds(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	uint64_t v;
	int r;

	if (one_word(p, k, n) != 0)
		return (-1);
	if ((r = parse_duration(words[0], &v)) == 0 && (v < k->min || v > k->max))
		r = -ERANGE;
	if (r != 0)
		return (complain_bounds(p, k, words[0], r, "duration, as 20s or 1h30m"));
	*(uint32_t *)field = (uint32_t)v;
	return (0);
}

static void
print_seconds(FILE *f, const struct keyword *k, const void *field)
{
	fprintf(f, "%s %" PRIu32 "s\n", k->name, *(const uint32_t *)field);
}

const struct config_type type_duration = { parse_seconds, print_seconds, NULL };
