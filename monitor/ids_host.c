/* SPDX-License-Identifier: ISC */

/*
 * Does the host use an id of our range? Asked once at start and at each reload,
 * in the child of monitor/accounts: it parses files that others write and calls
 * the name services.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/units.h"
#include "monitor/ids.h"

#define SUBID_FILE_MAX	(16 * 1024 * 1024)

static int
in_range(const struct id_range *range, uint32_t id)
{
	return (id >= range->first && id <= range->last);
}

/* "name:first:count"; what cannot be read is no claim to any id. */
static int
claims(const struct id_range *range, char *line)
{
	char *first, *count;
	uint64_t a, n;

	if ((first = strchr(line, ':')) == NULL || (count = strchr(first + 1, ':')) == NULL)
		return (0);
	*first++ = '\0';
	*count++ = '\0';
	if (parse_u64(first, 0, UINT32_MAX, &a) != 0 || parse_u64(count, 1, UINT32_MAX, &n) != 0)
		return (0);
	return (a <= range->last && a + n - 1 >= range->first);
}

int
ids_check_subids(const struct id_range *range, const char *path, char *why, size_t size)
{
	char *text = NULL, *line, *rest;
	unsigned int number = 0;
	size_t len;
	int fd, r;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		if (errno == ENOENT)
			return (0);
		r = -errno;
	} else {
		r = read_file(fd, SUBID_FILE_MAX, &text, &len);
		close(fd);
	}
	if (r != 0) {
		snprintf(why, size, "%s: %s", path, strerror(-r));
		return (r);
	}
	for (rest = text; (line = strsep(&rest, "\n")) != NULL && r == 0;) {
		number++;
		if (!claims(range, line))
			continue;
		snprintf(why, size, "IdRange %" PRIu32 "-%" PRIu32 " overlaps %s:%u (of %s)",
		    range->first, range->last, path, number, line);
		r = -EEXIST;
	}
	free(text);
	return (r);
}

static int
check_accounts(const struct id_range *range, char *why, size_t size)
{
	const struct passwd *pw;
	const struct group *gr;
	int r = 0;

	setpwent();
	while (r == 0 && (pw = getpwent()) != NULL)
		if (in_range(range, pw->pw_uid) || in_range(range, pw->pw_gid)) {
			snprintf(why, size, "IdRange holds the ids of account %s", pw->pw_name);
			r = -EEXIST;
		}
	endpwent();
	setgrent();
	while (r == 0 && (gr = getgrent()) != NULL)
		if (in_range(range, gr->gr_gid)) {
			snprintf(why, size, "IdRange holds the id of group %s", gr->gr_name);
			r = -EEXIST;
		}
	endgrent();
	return (r);
}

int
ids_check_host(const struct id_range *range, char *why, size_t size)
{
	int r;

	if ((r = check_accounts(range, why, size)) != 0 ||
	    (r = ids_check_subids(range, "/etc/subuid", why, size)) != 0 ||
	    (r = ids_check_subids(range, "/etc/subgid", why, size)) != 0)
		return (r);
	return (0);
}
