/*
 * Job ids: UUIDs, version 4 (RFC 9562), from getrandom(2).
 */
#ifndef COMMON_UUID_H
#define COMMON_UUID_H

#include <stdint.h>

#define UUID_LEN	16
#define UUID_STRLEN	36

struct uuid {
	uint8_t b[UUID_LEN];
};

int uuid_generate(struct uuid *);			/* 0 or -errno */
void uuid_format(const struct uuid *, char s[UUID_STRLEN + 1]);
/* Only the canonical form, 8-4-4-4-12 lower-case hex digits. 0 or -EINVAL. */
int uuid_parse(const char *, struct uuid *);

#endif
