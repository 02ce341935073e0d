/* SPDX-License-Identifier: ISC */

/*
 * Nothing of our own environment reaches a job unless it is named. A file is
 * taken as it is, as docker does: no quotes, no variables, no shell.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/env.h"
#include "common/fdio.h"

#define ENV_FILE_MAX	(256 * 1024)

/* A name as jobspec_check() wants it, so that the message can say where it was. */
static int
name_valid(const char *s, size_t len)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	size_t n = strspn(s, first);

	while (n > 0 && n < len && s[n] >= '0' && s[n] <= '9')
		n += 1 + strspn(s + n + 1, first);
	return (len > 0 && n == len);
}

static int
out_of_memory(char *why)
{
	snprintf(why, ENV_WHY_SIZE, "out of memory");
	return (-1);
}

/* Takes entry over. */
static int
put(struct env *e, char *entry, size_t name_len, char *why)
{
	char **v;
	size_t i;

	for (i = 0; i < e->n; i++)
		if (strncmp(e->v[i], entry, name_len + 1) == 0) {
			free(e->v[i]);
			e->v[i] = entry;
			return (0);
		}
	if ((v = reallocarray(e->v, e->n + 1, sizeof(*v))) == NULL) {
		free(entry);
		return (out_of_memory(why));
	}
	e->v = v;
	e->v[e->n++] = entry;
	return (0);
}

int
env_add(struct env *e, const char *text, char why[ENV_WHY_SIZE])
{
	size_t len = strcspn(text, "=");
	const char *value;
	char *entry;

	if (!name_valid(text, len)) {
		snprintf(why, ENV_WHY_SIZE, "\"%.*s\" is no variable's name; give NAME=value or "
		    "NAME", (int)(len < 100 ? len : 100), text);
		return (-1);
	}
	if (text[len] == '=')
		entry = strdup(text);
	else if ((value = getenv(text)) == NULL)
		return (0);
	else if (asprintf(&entry, "%s=%s", text, value) == -1)
		entry = NULL;
	return (entry == NULL ? out_of_memory(why) : put(e, entry, len, why));
}

int
env_add_text(struct env *e, const char *file, const char *text, size_t len,
    char why[ENV_WHY_SIZE])
{
	char *copy, *line, *rest, reason[ENV_WHY_SIZE];
	unsigned int number = 0;
	int r = 0;

	if (memchr(text, '\0', len) != NULL) {
		snprintf(why, ENV_WHY_SIZE, "%s: is not text", file);
		return (-1);
	}
	if ((copy = strndup(text, len)) == NULL)
		return (out_of_memory(why));
	rest = copy;
	while (r == 0 && (line = strsep(&rest, "\n")) != NULL) {
		number++;
		line[strcspn(line, "\r")] = '\0';
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if ((r = env_add(e, line, reason)) != 0)
			snprintf(why, ENV_WHY_SIZE, "%.200s:%u: %.200s", file, number,
			    reason);
	}
	free(copy);
	return (r);
}

int
env_add_file(struct env *e, const char *file, char why[ENV_WHY_SIZE])
{
	char *text;
	size_t len;
	int fd, r;

	if ((fd = open(file, O_RDONLY | O_CLOEXEC)) == -1) {
		snprintf(why, ENV_WHY_SIZE, "%s: %s", file, strerror(errno));
		return (-1);
	}
	r = read_file(fd, ENV_FILE_MAX, &text, &len);
	close(fd);
	if (r != 0) {
		snprintf(why, ENV_WHY_SIZE, "%s: %s", file, strerror(-r));
		return (-1);
	}
	r = env_add_text(e, file, text, len, why);
	free(text);
	return (r);
}

void
env_free(struct env *e)
{
	while (e->n > 0)
		free(e->v[--e->n]);
	free(e->v);
	e->v = NULL;
}
