/* SPDX-License-Identifier: ISC */

/*
 * The kernel's texts about cgroups: mountinfo, /proc/PID/cgroup, cgroup.procs.
 * Pure functions on memory. The kernel writes these, but mount points and group
 * names in them are chosen by others, so nothing is assumed of their form.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "monitor/jobmgr/cgroup_priv.h"

/* mountinfo writes space, tab, newline and backslash as \ooo. In place. */
static void
unescape(char *s)
{
	char *d = s;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*d++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else
			*d++ = *s++;
	}
	*d = '\0';
}

/* proc(5): id parent major:minor root point options [tags] - type source super */
static int
parse_mount(char *line, struct cg_mount *m)
{
	char *field, *type;
	int i;

	for (i = 0; (field = strsep(&line, " ")) != NULL; i++) {
		if (i == 3)
			m->root = field;
		else if (i == 4)
			m->point = field;
		else if (i >= 6 && strcmp(field, "-") == 0)
			break;
	}
	if (field == NULL)
		return (0);
	type = strsep(&line, " ");
	(void)strsep(&line, " ");
	if (line == NULL)
		return (0);
	m->options = line;
	m->v2 = strcmp(type, "cgroup2") == 0;
	if (!m->v2 && strcmp(type, "cgroup") != 0)
		return (0);
	unescape((char *)(uintptr_t)m->root);
	unescape((char *)(uintptr_t)m->point);
	return (m->root[0] == '/' && m->point[0] == '/');
}

int
cg_next_mount(char **text, struct cg_mount *m)
{
	char *line;

	while ((line = strsep(text, "\n")) != NULL)
		if (parse_mount(line, m))
			return (1);
	return (0);
}

int
cg_next_member(char **text, struct cg_member *m)
{
	char *line;

	while ((line = strsep(text, "\n")) != NULL) {
		(void)strsep(&line, ":");
		if (line == NULL)
			continue;
		m->controllers = strsep(&line, ":");
		if (line == NULL || line[0] != '/')
			continue;
		m->path = line;
		return (1);
	}
	return (0);
}

bool
cg_in_list(const char *list, const char *word)
{
	static const char sep[] = ", \t\n";
	size_t len = strlen(word);

	for (;;) {
		list += strspn(list, sep);
		if (*list == '\0')
			return (false);
		if (strcspn(list, sep) == len && memcmp(list, word, len) == 0)
			return (true);
		list += strcspn(list, sep);
	}
}

const char *
cg_below(const char *root, const char *path)
{
	size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(path, root, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return (NULL);
	path += len;
	/* A group outside of our cgroup namespace: we cannot see where. */
	if (strncmp(path, "/..", 3) == 0 && (path[3] == '/' || path[3] == '\0'))
		return (NULL);
	return (strcmp(path, "/") == 0 ? "" : path);
}

int
cg_only_pid(const char *text, pid_t *pid)
{
	long n = 0;
	size_t i;

	if (text[0] == '\0')
		return (0);
	for (i = 0; text[i] >= '0' && text[i] <= '9'; i++) {
		n = n * 10 + (text[i] - '0');
		if (n > INT_MAX)
			return (-EBADMSG);
	}
	/* A process of another pid namespace reads as 0. */
	if (i == 0 || n == 0 || text[i] != '\n')
		return (-EBADMSG);
	if (text[i + 1] != '\0')
		return (-EBUSY);
	*pid = (pid_t)n;
	return (1);
}
