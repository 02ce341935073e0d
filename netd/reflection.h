/* SPDX-License-Identifier: ISC */

/*
 * An index of a FileDescriptorSet: which file has which name and which symbols.
 * It decodes no descriptor, it only finds names in them.
 */
#ifndef NETD_REFLECTION_H
#define NETD_REFLECTION_H

#include <stddef.h>
#include <stdint.h>

#define REFLECTION_FILES_MAX	16

struct reflection;

/* set is borrowed and must outlive the index. NULL: no memory, or no such set. */
struct reflection *reflection_new(const uint8_t *set, size_t len);
void reflection_free(struct reflection *);

/* A file's number, or -1. Symbols are full names without a dot before them. */
int reflection_by_name(const struct reflection *, const char *file);
int reflection_by_symbol(const struct reflection *, const char *symbol);

/* The file and all that it imports, itself first; how many. */
size_t reflection_closure(const struct reflection *, int file,
    int files[REFLECTION_FILES_MAX]);

/* A file's FileDescriptorProto. */
const uint8_t *reflection_file(const struct reflection *, int file, size_t *len);

/* The full name of service i, or NULL after the last. */
const char *reflection_service(const struct reflection *, size_t i);

#endif
