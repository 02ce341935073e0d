/* SPDX-License-Identifier: ISC */

/*
 * Reads numbers out of cgroup files that were opened before: it needs no right
 * to open anything, and allocates nothing. The kernel writes these files; what
 * does not look as documented (admin-guide/cgroup-v2.rst,
 * cgroup-v1/blkio-controller.rst) counts as unknown.
 */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/cgusage.h"
#include "common/fdio.h"
#include "common/units.h"

/* A file with a line for each of some fifty disks fits. */
#define CG_FILE_MAX	8192

/* The file's whole lines, NUL-terminated. Length or -errno. */
static ssize_t
read_lines(int fd, char *text, size_t size)
{
	char *last;
	ssize_t n;

	if ((n = pread_full(fd, text, size - 1, 0)) < 0)
		return (n);
	text[n] = '\0';
	/* A cut line would give a wrong number. */
	if (n == (ssize_t)size - 1 && (last = strrchr(text, '\n')) != NULL) {
		last[1] = '\0';
		n = last + 1 - text;
	}
	return (n);
}

/* Cuts the next field off *text at one of the separators. NULL: no more. */
static char *
next_field(char **text, const char *separators)
{
	char *field;

	while ((field = strsep(text, separators)) != NULL && *field == '\0')
		;
	return (field);
}

static void
add(uint64_t *sum, uint64_t n)
{
	if (__builtin_add_overflow(*sum, n, sum))
		*sum = USAGE_UNKNOWN - 1;
}

int
cg_read_key(int fd, const char *key, uint64_t *value)
{
	char text[CG_FILE_MAX], *rest = text, *line, *name;
	ssize_t n;

	if ((n = read_lines(fd, text, sizeof(text))) < 0)
		return ((int)n);
	while ((line = next_field(&rest, "\n")) != NULL) {
		name = strsep(&line, " ");
		if (strcmp(name, key) != 0)
			continue;
		if (line == NULL || parse_u64(line, 0, UINT64_MAX, value) != 0)
			return (-EBADMSG);
		return (0);
	}
	return (-ENOENT);
}

int
cg_read_u64(int fd, uint64_t *value)
{
	char text[32];
	ssize_t n;

	if ((n = pread_full(fd, text, sizeof(text) - 1, 0)) < 0)
		return ((int)n);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "max") == 0) {
		*value = NO_LIMIT;
		return (0);
	}
	return (parse_u64(text, 0, UINT64_MAX, value) == 0 ? 0 : -EBADMSG);
}

/* "8:0 rbytes=1 wbytes=2 rios=3 ...", a line for each device. */
static int
read_io_stat(int fd, uint64_t *rbytes, uint64_t *wbytes)
{
	char text[CG_FILE_MAX], *rest = text, *field;
	uint64_t n;
	ssize_t got;

	if ((got = read_lines(fd, text, sizeof(text))) < 0)
		return ((int)got);
	*rbytes = *wbytes = 0;
	while ((field = next_field(&rest, " \n")) != NULL) {
		if (strncmp(field, "rbytes=", 7) == 0 &&
		    parse_u64(field + 7, 0, UINT64_MAX, &n) == 0)
			add(rbytes, n);
		else if (strncmp(field, "wbytes=", 7) == 0 &&
		    parse_u64(field + 7, 0, UINT64_MAX, &n) == 0)
			add(wbytes, n);
	}
	return (0);
}

/* cgroup v1: "8:0 Read 1", "8:0 Write 2", ... "Total 3". */
static int
read_v1_io_bytes(int fd, uint64_t *rbytes, uint64_t *wbytes)
{
	char text[CG_FILE_MAX], *rest = text, *line, *what;
	uint64_t n;
	ssize_t got;

	if ((got = read_lines(fd, text, sizeof(text))) < 0)
		return ((int)got);
	*rbytes = *wbytes = 0;
	while ((line = next_field(&rest, "\n")) != NULL) {
		(void)strsep(&line, " ");
		what = strsep(&line, " ");
		if (what == NULL || line == NULL || parse_u64(line, 0, UINT64_MAX, &n) != 0)
			continue;
		if (strcmp(what, "Read") == 0)
			add(rbytes, n);
		else if (strcmp(what, "Write") == 0)
			add(wbytes, n);
	}
	return (0);
}

void
usage_fds_init(struct usage_fds *f)
{
	f->cpu_stat = -1;
	f->memory_current = -1;
	f->memory_peak = -1;
	f->io_stat = -1;
	f->v1_io_bytes = -1;
	f->pids_current = -1;
}

void
usage_read(const struct usage_fds *f, struct usage *u)
{
	uint64_t n, r, w;

	if (f->cpu_stat != -1 && cg_read_key(f->cpu_stat, "usage_usec", &n) == 0)
		u->cpu_usec = n;
	if (f->memory_current != -1 && cg_read_u64(f->memory_current, &n) == 0)
		u->memory_bytes = n;
	if (f->memory_peak != -1 && cg_read_u64(f->memory_peak, &n) == 0)
		u->memory_peak_bytes = n;
	if (f->pids_current != -1 && cg_read_u64(f->pids_current, &n) == 0)
		u->pids = n;
	if ((f->io_stat != -1 && read_io_stat(f->io_stat, &r, &w) == 0) ||
	    (f->v1_io_bytes != -1 && read_v1_io_bytes(f->v1_io_bytes, &r, &w) == 0)) {
		u->io_read_bytes = r;
		u->io_write_bytes = w;
	}
}
