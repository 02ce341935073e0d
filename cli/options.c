/* SPDX-License-Identifier: ISC */

/*
 * Parses a command line by its tables. Whatever is wrong is named together with
 * the form that would be right. Nothing is guessed: a long option must be
 * spelt out, and a value that is not whole is refused.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "common/units.h"

static int
parse_cpu64(const char *s, uint64_t *n)
{
	uint32_t millis;
	int r;

	if ((r = parse_cpu(s, &millis)) == 0)
		*n = millis;
	return (r);
}

static int
parse_count(const char *s, uint64_t *n)
{
	return (parse_u64(s, 1, UINT32_MAX, n));
}

static int
parse_offset(const char *s, uint64_t *n)
{
	return (parse_u64(s, 0, UINT64_MAX - 1, n));
}

static const struct {
	int (*parse)(const char *, uint64_t *);
	uint64_t min;
	const char *what;
} numbers[] = {
	[OPT_CPU] = { parse_cpu64, 1, "number of CPU cores; give one such as 0.5 or 2" },
	[OPT_SIZE] = { parse_size, 1,
	    "size; give a number with a unit, such as 512MB, 512MiB or 1.5G" },
	[OPT_SIZE0] = { parse_size, 0,
	    "size; give 0 or a number with a unit, such as 512MB, 512MiB or 1.5G" },
	[OPT_RATE] = { parse_rate, 1,
	    "rate; give bytes a second with a unit, such as 10MB/s or 1.5MiB/s" },
	[OPT_COUNT] = { parse_count, 1, "count; give a whole number from 1 on" },
	[OPT_OFFSET] = { parse_offset, 0, "offset; give a whole number of bytes" },
	[OPT_TIME] = { parse_duration, 0, "time; give seconds or a unit, such as 90, 30s or 5m" },
};

/* "-m" or "--memory", as the user wrote it. */
struct seen {
	const struct opt *opt;
	const char *value;	/* glued on with = or behind the letter, or NULL */
	char as[64];
};

int
strlist_add(struct strlist *l, const char *s)
{
	const char **v;

	if ((v = reallocarray(l->v, l->n + 1, sizeof(*v))) == NULL)
		return (-ENOMEM);
	l->v = v;
	l->v[l->n++] = s;
	return (0);
}

static int
set(const struct seen *seen, const char *value, char *why)
{
	const struct opt *o = seen->opt;
	uint64_t n;
	int r;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)o->to = true;
		return (0);
	case OPT_TEXT:
		*(const char **)o->to = value;
		return (0);
	case OPT_LIST:
		if (strlist_add(o->to, value) == 0)
			return (0);
		snprintf(why, OPT_WHY_SIZE, "out of memory");
		return (-1);
	default:
		r = numbers[o->type].parse(value, &n);
		if (r == 0 && n >= numbers[o->type].min && n != NOT_GIVEN) {
			*(uint64_t *)o->to = n;
			return (0);
		}
		snprintf(why, OPT_WHY_SIZE, "%s: \"%.200s\" is %s %s", seen->as, value,
		    r == 0 || r == -ERANGE ? "out of range for a" :
		    o->type == OPT_OFFSET ? "not an" : "not a", numbers[o->type].what);
		return (-1);
	}
}

static const struct opt *
find(const struct opt *const *tables, char letter, const char *name, size_t len)
{
	const struct opt *o;

	for (; *tables != NULL; tables++)
		for (o = *tables; o->name != NULL; o++)
			if (letter != 0 ? o->letter == letter :
			    strlen(o->name) == len && strncmp(o->name, name, len) == 0)
				return (o);
	return (NULL);
}

static int
parse_long(const struct opt *const *tables, const char *arg, struct seen *seen, char *why)
{
	size_t len = strcspn(arg + 2, "=");

	snprintf(seen->as, sizeof(seen->as), "%.*s", (int)len + 2, arg);
	seen->value = arg[2 + len] == '=' ? arg + 2 + len + 1 : NULL;
	if ((seen->opt = find(tables, 0, arg + 2, len)) == NULL)
		snprintf(why, OPT_WHY_SIZE, "there is no option %s", seen->as);
	else if (seen->opt->type == OPT_FLAG && seen->value != NULL)
		snprintf(why, OPT_WHY_SIZE, "%s takes no value", seen->as);
	else
		return (0);
	return (-1);
}

/* One letter of a cluster; *arg moves on to the next, or to the end. */
static int
parse_letter(const struct opt *const *tables, const char **arg, struct seen *seen, char *why)
{
	char letter = *(*arg)++;

	snprintf(seen->as, sizeof(seen->as), "-%c", letter);
	seen->value = NULL;
	if ((seen->opt = find(tables, letter, "", 0)) == NULL) {
		snprintf(why, OPT_WHY_SIZE, "there is no option %s", seen->as);
		return (-1);
	}
	if (seen->opt->type != OPT_FLAG && **arg != '\0') {
		seen->value = *arg;
		*arg += strlen(*arg);
	}
	return (0);
}

/* Sets the option just seen; *i moves over its value, if that is an argument. */
static int
apply(struct seen *seen, int argc, char **argv, int *i, char *why)
{
	const char *value = seen->value;

	if (seen->opt->type != OPT_FLAG && value == NULL) {
		if (*i + 1 >= argc) {
			snprintf(why, OPT_WHY_SIZE, "%s needs a value: %s", seen->as,
			    seen->opt->arg);
			return (-1);
		}
		value = argv[++*i];
	}
	return (set(seen, value, why));
}

static int
parse_argument(const struct opt *const *tables, int argc, char **argv, int *i, char *why)
{
	struct seen seen;
	const char *p;

	if (argv[*i][1] == '-') {
		if (parse_long(tables, argv[*i], &seen, why) != 0)
			return (-1);
		return (apply(&seen, argc, argv, i, why));
	}
	for (p = argv[*i] + 1; *p != '\0';)
		if (parse_letter(tables, &p, &seen, why) != 0 ||
		    apply(&seen, argc, argv, i, why) != 0)
			return (-1);
	return (0);
}

int
options_parse(const struct opt *const *tables, bool posix, int argc, char **argv,
    char why[OPT_WHY_SIZE])
{
	int i, left = 0;

	for (i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			if (posix)
				break;
			argv[left++] = argv[i];
		} else if (parse_argument(tables, argc, argv, &i, why) != 0)
			return (-1);
	}
	while (i < argc)
		argv[left++] = argv[i++];
	return (left);
}
