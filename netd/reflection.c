/* SPDX-License-Identifier: ISC */

/*
 * The walk over google/protobuf/descriptor.proto's messages, as far as names go.
 * The bytes are our own, made when netd was built; still every step is checked.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "netd/reflection.h"
#include "netd/wire.h"

#define SYMBOLS_MAX	1024
#define DEPTH_MAX	16

/* Kinds of descriptors, and in which field of each which others are nested. */
enum kind {
	KIND_FILE,		/* never nested: 0 in the table means nothing */
	KIND_MESSAGE,
	KIND_ENUM,
	KIND_SERVICE,
	KIND_LEAF,		/* a method, an enum's value */
};

#define NESTED_MAX	8	/* the highest field number of any below, and one */

static const uint8_t nested[][NESTED_MAX] = {
	[KIND_FILE] = { [4] = KIND_MESSAGE, [5] = KIND_ENUM, [6] = KIND_SERVICE },
	[KIND_MESSAGE] = { [3] = KIND_MESSAGE, [4] = KIND_ENUM },
	[KIND_ENUM] = { [2] = KIND_LEAF },
	[KIND_SERVICE] = { [2] = KIND_LEAF },
	[KIND_LEAF] = { 0 },
};

#define FIELD_NAME	1
#define FILE_PACKAGE	2
#define FILE_DEPENDENCY	3

struct file {
	const uint8_t *pb;
	size_t len;
	char *name;
};

struct symbol {
	char *name;
	int file;
	bool service;
};

struct reflection {
	struct file files[REFLECTION_FILES_MAX];
	struct symbol symbols[SYMBOLS_MAX];
	size_t nfiles, nsymbols;
};

/* --- building --- */

/* The first length-delimited field of that number as a new string; "" if there is none. */
static char *
get_text(const uint8_t *p, size_t len, uint32_t number)
{
	struct wire_field f;
	struct wire w;
	int r;

	wire_init(&w, p, len);
	while ((r = wire_next(&w, &f)) == 1)
		if (f.number == number && f.type == WIRE_BYTES)
			return (strndup((const char *)f.data, f.len));
	return (r == 0 ? strdup("") : NULL);
}

static char *
join(const char *scope, const char *name)
{
	size_t n = strlen(scope), m = strlen(name);
	char *s;

	if ((s = malloc(n + m + 2)) == NULL)
		return (NULL);
	memcpy(s, scope, n);
	if (n > 0)
		s[n++] = '.';
	memcpy(s + n, name, m + 1);
	return (s);
}

static int
add_symbol(struct reflection *r, char *name, enum kind kind)
{
	struct symbol *s;

	if (r->nsymbols == SYMBOLS_MAX) {
		free(name);
		return (-E2BIG);
	}
	s = &r->symbols[r->nsymbols++];
	s->name = name;
	s->file = (int)r->nfiles;
	s->service = kind == KIND_SERVICE;
	return (0);
}

static int walk(struct reflection *, enum kind, const uint8_t *, size_t, const char *,
    unsigned int);

/* One named thing in a scope, and all that is in it. */
static int
walk_named(struct reflection *r, enum kind kind, const uint8_t *p, size_t len,
    const char *scope, unsigned int depth)
{
	char *name, *full;
	int error;

	if ((name = get_text(p, len, FIELD_NAME)) == NULL)
		return (-EBADMSG);
	full = join(scope, name);
	free(name);
	if (full == NULL)
		return (-ENOMEM);
	if ((error = add_symbol(r, full, kind)) != 0)
		return (error);
	/* An enum's values are named in the scope that the enum is in. */
	return (walk(r, kind, p, len, kind == KIND_ENUM ? scope : full, depth + 1));
}

static int
walk(struct reflection *r, enum kind kind, const uint8_t *p, size_t len,
    const char *scope, unsigned int depth)
{
	struct wire_field f;
	struct wire w;
	enum kind inner;
	int error, got;

	if (depth > DEPTH_MAX)
		return (-EBADMSG);
	wire_init(&w, p, len);
	while ((got = wire_next(&w, &f)) == 1) {
		if (f.type != WIRE_BYTES || f.number >= NESTED_MAX)
			continue;
		if ((inner = (enum kind)nested[kind][f.number]) == KIND_FILE)
			continue;
		if ((error = walk_named(r, inner, f.data, f.len, scope, depth)) != 0)
			return (error);
	}
	return (got);
}

static int
add_file(struct reflection *r, const uint8_t *p, size_t len)
{
	struct file *f;
	char *package;
	int error;

	if (r->nfiles == REFLECTION_FILES_MAX)
		return (-E2BIG);
	f = &r->files[r->nfiles];
	f->pb = p;
	f->len = len;
	if ((f->name = get_text(p, len, FIELD_NAME)) == NULL)
		return (-EBADMSG);
	if ((package = get_text(p, len, FILE_PACKAGE)) == NULL) {
		free(f->name);
		return (-EBADMSG);
	}
	error = walk(r, KIND_FILE, p, len, package, 0);
	free(package);
	r->nfiles++;		/* with its symbols, whether or not they are whole */
	return (error);
}

struct reflection *
reflection_new(const uint8_t *set, size_t len)
{
	struct wire_field f;
	struct reflection *r;
	struct wire w;
	int got, error = 0;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	wire_init(&w, set, len);
	while ((got = wire_next(&w, &f)) == 1 && error == 0)
		if (f.number == 1 && f.type == WIRE_BYTES)
			error = add_file(r, f.data, f.len);
	if (got != 0 || error != 0) {
		reflection_free(r);
		return (NULL);
	}
	return (r);
}

void
reflection_free(struct reflection *r)
{
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->nfiles; i++)
		free(r->files[i].name);
	for (i = 0; i < r->nsymbols; i++)
		free(r->symbols[i].name);
	free(r);
}

/* --- looking up --- */

static int
find_file(const struct reflection *r, const void *name, size_t len)
{
	size_t i;

	for (i = 0; i < r->nfiles; i++)
		if (strlen(r->files[i].name) == len && memcmp(r->files[i].name, name, len) == 0)
			return ((int)i);
	return (-1);
}

int
reflection_by_name(const struct reflection *r, const char *file)
{
	return (find_file(r, file, strlen(file)));
}

int
reflection_by_symbol(const struct reflection *r, const char *symbol)
{
	size_t i;

	for (i = 0; i < r->nsymbols; i++)
		if (strcmp(r->symbols[i].name, symbol) == 0)
			return (r->symbols[i].file);
	return (-1);
}

static bool
contains(const int *files, size_t n, int file)
{
	while (n > 0)
		if (files[--n] == file)
			return (true);
	return (false);
}

size_t
reflection_closure(const struct reflection *r, int file, int files[REFLECTION_FILES_MAX])
{
	const struct file *from;
	struct wire_field f;
	struct wire w;
	size_t i, n = 0;
	int dep;

	files[n++] = file;
	for (i = 0; i < n; i++) {
		from = &r->files[files[i]];
		wire_init(&w, from->pb, from->len);
		while (wire_next(&w, &f) == 1) {
			if (f.number != FILE_DEPENDENCY || f.type != WIRE_BYTES)
				continue;
			dep = find_file(r, f.data, f.len);
			/* Each at most once, so there is room for every file. */
			if (dep != -1 && !contains(files, n, dep))
				files[n++] = dep;
		}
	}
	return (n);
}

const uint8_t *
reflection_file(const struct reflection *r, int file, size_t *len)
{
	*len = r->files[file].len;
	return (r->files[file].pb);
}

const char *
reflection_service(const struct reflection *r, size_t i)
{
	size_t s;

	for (s = 0; s < r->nsymbols; s++)
		if (r->symbols[s].service && i-- == 0)
			return (r->symbols[s].name);
	return (NULL);
}
