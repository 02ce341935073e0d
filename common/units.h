/*
 * Numbers with units, as people write them. Every parser takes the whole
 * string, checks overflow, and returns 0, -EINVAL (form) or -ERANGE (size).
 */
#ifndef COMMON_UNITS_H
#define COMMON_UNITS_H

#include <stddef.h>
#include <stdint.h>

int parse_u64(const char *, uint64_t min, uint64_t max, uint64_t *);	/* decimal digits only */

/*
 * "512", "512B", "512k", "512kB" (10^3), "512KiB" (2^10), "512MB", "512MiB",
 * "1.5G", "2T". A bare k, m, g, t is, as with docker, a power of 1024; so is
 * KiB; kB, MB, GB, TB are powers of 1000. Upper and lower case are the same.
 */
int parse_size(const char *, uint64_t *bytes);
/* A size, optionally followed by "/s". */
int parse_rate(const char *, uint64_t *bytes_per_second);
/* "0.5", "2", "1.25": thousandths of a core, at least 0.001. */
int parse_cpu(const char *, uint32_t *millis);
/* "90", "90s", "10m", "1h30m", "2d": seconds. */
int parse_duration(const char *, uint64_t *seconds);

/* "1.5GiB", "512MiB", "10B"; dst is returned. 16 bytes are enough. */
char *format_size(uint64_t, char *dst, size_t size);

#endif
