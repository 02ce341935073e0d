/* SPDX-License-Identifier: ISC */

/*
 * What a spec must look like before anybody acts on it. A user reads the
 * answers: each names the field, says what is wrong with it and what is
 * expected, and repeats nothing of what was sent but numbers.
 */

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/jobspec.h"
#include "common/strv.h"
#include "common/utf8.h"

/* NUL and length prefix, so that what is accepted fits one message. */
#define STRING_OVERHEAD		5

#define BYTES_MAX	((uint64_t)INT64_MAX)	/* so that memory and swap add up */

/* Each may also be 0, for "not asked for". */
static const struct limit_rule {
	const char *field;
	size_t offset;
	uint64_t min, max;
	const char *expected;
} limit_rules[] = {
	{ "limits.memory_bytes", offsetof(struct limits, memory_bytes),
	    256 * 1024, BYTES_MAX, "at least 262144 (256 KiB)" },
	{ "limits.io_read_bytes_per_second", offsetof(struct limits, io_rbps),
	    4096, BYTES_MAX, "at least 4096" },
	{ "limits.io_write_bytes_per_second", offsetof(struct limits, io_wbps),
	    4096, BYTES_MAX, "at least 4096" },
	{ "limits.io_read_iops", offsetof(struct limits, io_riops),
	    1, BYTES_MAX, "at least 1" },
	{ "limits.io_write_iops", offsetof(struct limits, io_wiops),
	    1, BYTES_MAX, "at least 1" },
	{ "limits.pids", offsetof(struct limits, pids),
	    1, 4194304, "1 to 4194304" },
};

static enum status_code
invalid(struct status *st, const char *field, const char *what)
{
	return (status_set(st, ST_INVALID_ARGUMENT, field, "%s: %s", field, what));
}

static enum status_code
invalid_element(struct status *st, const char *list, size_t i, const char *what)
{
	char field[STATUS_FIELD_MAX];

	snprintf(field, sizeof(field), "%s[%zu]", list, i);
	return (invalid(st, field, what));
}

static enum status_code
check_args(char *const *argv, struct status *st)
{
	size_t i, n = strv_count(argv);

	if (n == 0 || argv[0][0] == '\0')
		return (invalid(st, "command",
		    "is empty; a path or the name of a program is expected"));
	if (n > JOB_ARGS_MAX)
		return (status_set(st, ST_INVALID_ARGUMENT, "args",
		    "args: %zu arguments are too many; at most %d are allowed",
		    n - 1, JOB_ARGS_MAX - 1));
	if (!utf8_valid(argv[0], strlen(argv[0])))
		return (invalid(st, "command", "is not valid UTF-8; UTF-8 is expected"));
	for (i = 1; i < n; i++)
		if (!utf8_valid(argv[i], strlen(argv[i])))
			return (invalid_element(st, "args", i - 1,
			    "is not valid UTF-8; UTF-8 is expected"));
	return (ST_OK);
}

/* NAME=value, NAME as a shell takes it. */
static int
env_entry_valid(const char *s)
{
	static const char first[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	static const char rest[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	return (s[0] != '\0' && strchr(first, s[0]) != NULL && s[strspn(s, rest)] == '=');
}

static enum status_code
check_env(char *const *env, struct status *st)
{
	size_t i, n = strv_count(env);

	if (n > JOB_ARGS_MAX)
		return (status_set(st, ST_INVALID_ARGUMENT, "env",
		    "env: %zu entries are too many; at most %d are allowed", n, JOB_ARGS_MAX));
	for (i = 0; i < n; i++) {
		if (!utf8_valid(env[i], strlen(env[i])))
			return (invalid_element(st, "env", i,
			    "is not valid UTF-8; UTF-8 is expected"));
		if (!env_entry_valid(env[i]))
			return (invalid_element(st, "env", i,
			    "NAME=value is expected, with letters, digits and _ in NAME, "
			    "and no digit first"));
	}
	return (ST_OK);
}

/* Adds what the strings take to *total, which stays below the sum of what is in memory. */
static void
count_bytes(char *const *v, size_t *total)
{
	size_t i, n = strv_count(v);

	for (i = 0; i < n; i++)
		*total += strlen(v[i]) + STRING_OVERHEAD;
}

static enum status_code
check_total(const struct jobspec *s, struct status *st)
{
	size_t args = 0, all;

	count_bytes(s->argv, &args);
	all = args;
	count_bytes(s->env, &all);
	if (all <= JOB_STRINGS_MAX)
		return (ST_OK);
	/* The field at fault is the one that takes most of it. */
	return (status_set(st, ST_INVALID_ARGUMENT, args > all - args ? "args" : "env",
	    "command, args and env take %zu bytes together (each its length and %d); "
	    "at most %d are allowed",
	    all, STRING_OVERHEAD, JOB_STRINGS_MAX));
}

static enum status_code
check_workdir(const char *dir, struct status *st)
{
	if (dir == NULL || dir[0] == '\0')
		return (ST_OK);
	if (strlen(dir) > JOB_PATH_MAX)
		return (status_set(st, ST_INVALID_ARGUMENT, "workdir",
		    "workdir: %zu bytes are too many; at most %d are allowed",
		    strlen(dir), JOB_PATH_MAX));
	if (!utf8_valid(dir, strlen(dir)))
		return (invalid(st, "workdir", "is not valid UTF-8; UTF-8 is expected"));
	if (dir[0] != '/')
		return (invalid(st, "workdir",
		    "is not absolute; a path that begins with / is expected"));
	return (ST_OK);
}

static enum status_code
check_swap(const struct limits *l, struct status *st)
{
	if (l->swap_bytes == NO_LIMIT)
		return (ST_OK);
	if (l->memory_bytes == 0)
		return (invalid(st, "limits.swap_bytes",
		    "stands alone; it is expected only beside limits.memory_bytes"));
	if (l->swap_bytes > BYTES_MAX)
		return (status_set(st, ST_INVALID_ARGUMENT, "limits.swap_bytes",
		    "limits.swap_bytes: %ju is out of range; at most %ju is expected",
		    (uintmax_t)l->swap_bytes, (uintmax_t)BYTES_MAX));
	return (ST_OK);
}

static enum status_code
check_limits(const struct limits *l, struct status *st)
{
	const struct limit_rule *rule;
	size_t i;
	uint64_t v;

	if (l->cpu_millis != 0 && (l->cpu_millis < 10 || l->cpu_millis > 1024000))
		return (status_set(st, ST_INVALID_ARGUMENT, "limits.cpu_cores",
		    "limits.cpu_cores: %u.%03u is out of range; 0.01 to 1024 is expected",
		    l->cpu_millis / 1000, l->cpu_millis % 1000));
	for (i = 0; i < sizeof(limit_rules) / sizeof(limit_rules[0]); i++) {
		rule = &limit_rules[i];
		memcpy(&v, (const char *)l + rule->offset, sizeof(v));
		if (v != 0 && (v < rule->min || v > rule->max))
			return (status_set(st, ST_INVALID_ARGUMENT, rule->field,
			    "%s: %ju is out of range; %s is expected", rule->field,
			    (uintmax_t)v, rule->expected));
	}
	return (check_swap(l, st));
}

enum status_code
jobspec_check(const struct jobspec *s, struct status *st)
{
	enum status_code code;

	if ((code = check_args(s->argv, st)) != ST_OK ||
	    (code = check_env(s->env, st)) != ST_OK ||
	    (code = check_total(s, st)) != ST_OK ||
	    (code = check_workdir(s->workdir, st)) != ST_OK ||
	    (code = check_limits(&s->limits, st)) != ST_OK)
		return (code);
	status_ok(st);
	return (ST_OK);
}
