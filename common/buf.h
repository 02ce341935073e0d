/*
 * Bounded, length-prefixed encoding of the messages between our processes.
 *
 * Every put and get returns 0 or a negative errno, so that
 *	if ((r = buf_get_u32(b, &a)) != 0 || (r = buf_get_str(b, &s, 64)) != 0)
 * reads as the declaration of the wire form. Integers are big-endian. A string
 * is a u32 length and that many bytes.
 *	-ENOSPC		a put would pass the buffer's maximum
 *	-ENOMEM		out of memory
 *	-EBADMSG	a get ran past the end, a string holds a NUL or is not
 *			UTF-8, or bytes are left at buf_end
 *	-EMSGSIZE	a string is longer than the caller allows
 * After an error the buffer's content is unspecified, but it may be freed or reset.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "utf8.h"

struct buf;

/* max: the most bytes it will ever hold. NULL when out of memory. */
struct buf *buf_new(size_t max);
void buf_free(struct buf *);			/* NULL is allowed */
void buf_reset(struct buf *);			/* empties it */
const uint8_t *buf_data(const struct buf *);
size_t buf_len(const struct buf *);

int buf_put_u8(struct buf *, uint8_t);
int buf_put_u16(struct buf *, uint16_t);
int buf_put_u32(struct buf *, uint32_t);
int buf_put_u64(struct buf *, uint64_t);
int buf_put_i64(struct buf *, int64_t);
int buf_put_raw(struct buf *, const void *, size_t);	/* no length prefix */
int buf_put_bytes(struct buf *, const void *, size_t);	/* u32 length, bytes */
int buf_put_str(struct buf *, const char *);		/* NULL counts as "" */

/* A reader over borrowed bytes; it owns nothing and never allocates, but for str. */
struct rbuf {
	const uint8_t *p;
	size_t left;
};

void rbuf_init(struct rbuf *, const void *, size_t);
int rbuf_get_u8(struct rbuf *, uint8_t *);
int rbuf_get_u16(struct rbuf *, uint16_t *);
int rbuf_get_u32(struct rbuf *, uint32_t *);
int rbuf_get_u64(struct rbuf *, uint64_t *);
int rbuf_get_i64(struct rbuf *, int64_t *);
int rbuf_get_raw(struct rbuf *, void *, size_t);	/* copies exactly that many */

/* Borrowed: *p points into the reader's bytes. At most max bytes. */
int rbuf_get_bytes(struct rbuf *, const uint8_t **p, size_t *len, size_t max);

/*
 * A string of at most max bytes (without the NUL), valid UTF-8, no NUL inside.
 * get_str allocates; the caller frees. get_strbuf copies to dst[size].
 */
int rbuf_get_str(struct rbuf *, char **, size_t max);
int rbuf_get_strbuf(struct rbuf *, char *dst, size_t size);

/* 0 if all was read, else -EBADMSG: a message is consumed to its last byte. */
int rbuf_end(const struct rbuf *);

#endif
