/* SPDX-License-Identifier: ISC */

/*
 * The file `ids`: the only record of which ids of the host are whose. It is read
 * once, wholly and strictly, and then only appended to. A block is in use from
 * the moment that its line may be on disk: better one lost than one given twice.
 * A line whose write failed is taken off again before anything else is written.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/jobspec.h"
#include "common/log.h"
#include "common/units.h"
#include "monitor/ids.h"

#define IDS_FILE_MAX	(1024 * 1024)
#define IDS_LINE_MAX	64		/* a name, two ids, and what joins them */

struct entry {
	char user[JOB_USER_MAX + 1];
	uint32_t first;
};

struct ids {
	int state_fd;			/* borrowed */
	int fd;
	off_t size;			/* of the file, as we left it */
	int broken;			/* -errno: what is on disk is not known */
	struct id_range range;
	uint32_t next;			/* the number of the first block never given */
	struct entry *entries;
	size_t n;
};

static struct entry *
find(const struct ids *ids, const char *user)
{
	size_t i;

	for (i = 0; i < ids->n; i++)
		if (strcmp(ids->entries[i].user, user) == 0)
			return (&ids->entries[i]);
	return (NULL);
}

static int
add(struct ids *ids, const char *user, uint32_t first)
{
	struct entry *grown;
	uint32_t block;

	grown = reallocarray(ids->entries, ids->n + 1, sizeof(*grown));
	if (grown == NULL)
		return (-ENOMEM);
	ids->entries = grown;
	memset(&grown[ids->n], 0, sizeof(*grown));
	snprintf(grown[ids->n].user, sizeof(grown[ids->n].user), "%s", user);
	grown[ids->n++].first = first;
	block = (first - ids->range.first) / IDS_BLOCK;
	if (block >= ids->next)
		ids->next = block + 1;
	return (0);
}

/* What is wrong with a line, or NULL having taken it. line is cut to pieces. */
static const char *
take_line(struct ids *ids, char *line)
{
	char *first, *last;
	uint64_t a, b;
	size_t i;

	if ((first = strchr(line, ' ')) == NULL || (last = strchr(first, '-')) == NULL)
		return ("it is damaged (expected NAME FIRST-LAST)");
	*first++ = '\0';
	*last++ = '\0';
	if (!user_name_valid(line) || parse_u64(first, 0, UINT32_MAX, &a) != 0 ||
	    parse_u64(last, 0, UINT32_MAX, &b) != 0 || b < a || b - a + 1 != IDS_BLOCK)
		return ("it is damaged (expected NAME FIRST-LAST, a block of 65536 ids)");
	if (a < ids->range.first || b > ids->range.last ||
	    (a - ids->range.first) % IDS_BLOCK != 0)
		return ("it lies out of IdRange, which may be extended but not moved");
	if (find(ids, line) != NULL)
		return ("its user has a line already");
	for (i = 0; i < ids->n; i++)
		if (ids->entries[i].first == (uint32_t)a)
			return ("its block is another user's already");
	return (add(ids, line, (uint32_t)a) == 0 ? NULL : "out of memory");
}

static int
take_text(struct ids *ids, char *text, size_t len, unsigned int *number, char *why,
    size_t size)
{
	const char *wrong = NULL;
	char *line, *end;

	for (line = text; line < text + len; line = end + 1) {
		++*number;
		if ((end = memchr(line, '\n', (size_t)(text + len - line))) == NULL)
			wrong = "it has no end; if it was cut by a crash, no job has "
			    "used it and it may be removed";
		else {
			*end = '\0';
			if (strlen(line) != (size_t)(end - line))
				wrong = "it holds a NUL";
			else
				wrong = take_line(ids, line);
		}
		if (wrong != NULL) {
			snprintf(why, size, "%s", wrong);
			return (-EBADMSG);
		}
	}
	*number = 0;
	return (0);
}

static int
check_file(int fd, char *why, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		snprintf(why, size, "%s", strerror(errno));
		return (-errno);
	}
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		snprintf(why, size, "it must be a file of root's that nobody else may write");
		return (-EPERM);
	}
	return (0);
}

/* The file's name must outlast a crash, or blocks would be given again. */
static int
open_file(int state_fd, char *why, size_t size)
{
	int fd, r;

	fd = openat(state_fd, IDS_FILE, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK, 0600);
	if (fd == -1) {
		r = -errno;
		snprintf(why, size, "%s", strerror(-r));
		return (r);
	}
	if ((r = check_file(fd, why, size)) == 0 && fsync(state_fd) == -1) {
		r = -errno;
		snprintf(why, size, "cannot sync its directory: %s", strerror(-r));
	}
	if (r == 0)
		return (fd);
	close(fd);
	return (r);
}

int
ids_open(struct ids **out, int state_fd, const struct id_range *range, unsigned int *line,
    char *why, size_t size)
{
	struct ids *ids;
	char *text = NULL;
	size_t len;
	int r;

	*out = NULL;
	*line = 0;
	if ((ids = calloc(1, sizeof(*ids))) == NULL)
		return (-ENOMEM);
	ids->range = *range;
	ids->state_fd = state_fd;
	if ((ids->fd = r = open_file(state_fd, why, size)) < 0)
		goto fail;
	if ((r = read_file(ids->fd, IDS_FILE_MAX, &text, &len)) != 0) {
		snprintf(why, size, "%s", strerror(-r));
		goto fail;
	}
	ids->size = (off_t)len;
	r = take_text(ids, text, len, line, why, size);
	free(text);
	if (r != 0)
		goto fail;
	*out = ids;
	return (0);
fail:
	ids_free(ids);
	return (r);
}

void
ids_free(struct ids *ids)
{
	if (ids == NULL)
		return;
	if (ids->fd >= 0)
		close(ids->fd);
	free(ids->entries);
	free(ids);
}

/*
 * An editor writes a new file and gives it our file's name: what we append to
 * the old one would be lost with it, and its blocks given again by the next
 * daemon. The name must still be our file's, which must be as we left it.
 */
static int
check_unchanged(const struct ids *ids)
{
	struct stat own, named;

	if (fstat(ids->fd, &own) == -1)
		return (-errno);
	if (fstatat(ids->state_fd, IDS_FILE, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    named.st_dev == own.st_dev && named.st_ino == own.st_ino &&
	    own.st_size == ids->size)
		return (0);
	log_error("the file " IDS_FILE " of the state directory was replaced or changed while "
	    "telepilotd runs: no new user is given ids; restart telepilotd when it has a line "
	    "for each user");
	return (-ESTALE);
}

/* Half a line would keep the next daemon from starting. 0 or -errno. */
static int
take_back(const struct ids *ids)
{
	if (ftruncate(ids->fd, ids->size) == -1 || fdatasync(ids->fd) == -1)
		return (-errno);
	return (0);
}

/*
 * The sync makes the whole daemon wait for the disk, but only once in a user's
 * life. After one that failed nobody knows what the disk has.
 */
static int
append(struct ids *ids, const char *user, uint32_t first)
{
	char line[IDS_LINE_MAX];
	int n, r;

	n = snprintf(line, sizeof(line), "%s %" PRIu32 "-%" PRIu32 "\n", user, first,
	    first + IDS_BLOCK - 1);
	if (n < 0 || (size_t)n >= sizeof(line))
		return (-EINVAL);
	if ((r = check_unchanged(ids)) != 0)
		return (r);
	if ((r = write_full(ids->fd, line, (size_t)n)) != 0) {
		ids->broken = take_back(ids);
		return (r);
	}
	if (fdatasync(ids->fd) == -1) {
		ids->broken = -errno;
		(void)take_back(ids);
		return (ids->broken);
	}
	ids->size += n;
	return (0);
}

int
ids_block(struct ids *ids, const char *user, uint32_t *first)
{
	const struct entry *e;
	uint32_t blocks;
	int r;

	if (!user_name_valid(user))
		return (-EINVAL);
	if ((e = find(ids, user)) != NULL) {
		*first = e->first;
		return (0);
	}
	if (ids->broken != 0)
		return (ids->broken);
	blocks = (ids->range.last - ids->range.first + 1) / IDS_BLOCK;
	if (ids->next >= blocks)
		return (-ERANGE);
	*first = ids->range.first + ids->next * IDS_BLOCK;
	if ((r = append(ids, user, *first)) != 0)
		return (r);
	return (add(ids, user, *first));
}
