/* SPDX-License-Identifier: ISC */

/*
 * The encoder and the decoder of everything our processes tell each other. The
 * decoder is what root reads a stranger's process with: it may assume nothing
 * of its bytes, reads none past their end, and allocates no more than arrived.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define BUF_FIRST	256	/* the first allocation */

struct buf {
	uint8_t *data;
	size_t len, size, max;
};

struct buf *
buf_new(size_t max)
{
	struct buf *b;

	if ((b = calloc(1, sizeof(*b))) != NULL)
		b->max = max;
	return (b);
}

void
buf_free(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->data);
	free(b);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
}

const uint8_t *
buf_data(const struct buf *b)
{
	return (b->data);
}

size_t
buf_len(const struct buf *b)
{
	return (b->len);
}

/* Room for n more bytes; *at is where they go. */
static int
reserve(struct buf *b, size_t n, uint8_t **at)
{
	uint8_t *data;
	size_t need, size;

	if (n > b->max - b->len)
		return (-ENOSPC);
	need = b->len + n;
	if (need > b->size) {
		size = b->size == 0 ? BUF_FIRST : b->size;
		while (size < need && size <= b->max / 2)
			size *= 2;
		if (size < need || size > b->max)
			size = b->max;
		if ((data = realloc(b->data, size)) == NULL)
			return (-ENOMEM);
		b->data = data;
		b->size = size;
	}
	*at = b->data + b->len;
	b->len = need;
	return (0);
}

/* The lowest n bytes of v, the highest first. */
static int
put_int(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *p;
	int r;

	if ((r = reserve(b, n, &p)) != 0)
		return (r);
	while (n-- > 0)
		*p++ = (uint8_t)(v >> (8 * n));
	return (0);
}

int
buf_put_u8(struct buf *b, uint8_t v)
{
	return (put_int(b, v, 1));
}

int
buf_put_u16(struct buf *b, uint16_t v)
{
	return (put_int(b, v, 2));
}

int
buf_put_u32(struct buf *b, uint32_t v)
{
	return (put_int(b, v, 4));
}

int
buf_put_u64(struct buf *b, uint64_t v)
{
	return (put_int(b, v, 8));
}

int
buf_put_i64(struct buf *b, int64_t v)
{
	return (put_int(b, (uint64_t)v, 8));
}

int
buf_put_raw(struct buf *b, const void *data, size_t n)
{
	uint8_t *p;
	int r;

	if (n == 0)
		return (0);
	if ((r = reserve(b, n, &p)) != 0)
		return (r);
	memcpy(p, data, n);
	return (0);
}

int
buf_put_bytes(struct buf *b, const void *data, size_t n)
{
	int r;

	if (n > UINT32_MAX)
		return (-ENOSPC);
	if ((r = buf_put_u32(b, (uint32_t)n)) != 0)
		return (r);
	return (buf_put_raw(b, data, n));
}

int
buf_put_str(struct buf *b, const char *s)
{
	if (s == NULL)
		s = "";
	return (buf_put_bytes(b, s, strlen(s)));
}

void
rbuf_init(struct rbuf *b, const void *data, size_t n)
{
	b->p = data;
	b->left = n;
}

/* The next n bytes; *p is where they are. */
static int
take(struct rbuf *b, size_t n, const uint8_t **p)
{
	if (n > b->left)
		return (-EBADMSG);
	*p = b->p;
	if (n > 0) {		/* an empty reader may have no bytes to point to */
		b->p += n;
		b->left -= n;
	}
	return (0);
}

static int
get_int(struct rbuf *b, uint64_t *v, size_t n)
{
	const uint8_t *p;
	int r;

	if ((r = take(b, n, &p)) != 0)
		return (r);
	*v = 0;
	while (n-- > 0)
		*v = *v << 8 | *p++;
	return (0);
}

int
rbuf_get_u8(struct rbuf *b, uint8_t *v)
{
	uint64_t n;
	int r;

	if ((r = get_int(b, &n, 1)) == 0)
		*v = (uint8_t)n;
	return (r);
}

int
rbuf_get_u16(struct rbuf *b, uint16_t *v)
{
	uint64_t n;
	int r;

	if ((r = get_int(b, &n, 2)) == 0)
		*v = (uint16_t)n;
	return (r);
}

int
rbuf_get_u32(struct rbuf *b, uint32_t *v)
{
	uint64_t n;
	int r;

	if ((r = get_int(b, &n, 4)) == 0)
		*v = (uint32_t)n;
	return (r);
}

int
rbuf_get_u64(struct rbuf *b, uint64_t *v)
{
	return (get_int(b, v, 8));
}

int
rbuf_get_i64(struct rbuf *b, int64_t *v)
{
	uint64_t n;
	int r;

	if ((r = get_int(b, &n, 8)) == 0)
		*v = (int64_t)n;
	return (r);
}

int
rbuf_get_raw(struct rbuf *b, void *dst, size_t n)
{
	const uint8_t *p;
	int r;

	if ((r = take(b, n, &p)) == 0 && n > 0)
		memcpy(dst, p, n);
	return (r);
}

int
rbuf_get_bytes(struct rbuf *b, const uint8_t **p, size_t *len, size_t max)
{
	uint32_t n;
	int r;

	if ((r = rbuf_get_u32(b, &n)) != 0)
		return (r);
	if (n > b->left)
		return (-EBADMSG);
	if (n > max)
		return (-EMSGSIZE);
	*len = n;
	return (take(b, n, p));
}

/* Borrows the text of a string. */
static int
get_text(struct rbuf *b, const uint8_t **p, size_t *len, size_t max)
{
	int r;

	if ((r = rbuf_get_bytes(b, p, len, max)) != 0)
		return (r);
	return (utf8_valid(*p, *len) ? 0 : -EBADMSG);
}

int
rbuf_get_str(struct rbuf *b, char **dst, size_t max)
{
	const uint8_t *p;
	size_t n;
	char *s;
	int r;

	if ((r = get_text(b, &p, &n, max)) != 0)
		return (r);
	if ((s = malloc(n + 1)) == NULL)
		return (-ENOMEM);
	if (n > 0)
		memcpy(s, p, n);
	s[n] = '\0';
	*dst = s;
	return (0);
}

int
rbuf_get_strbuf(struct rbuf *b, char *dst, size_t size)
{
	const uint8_t *p;
	size_t n;
	int r;

	if (size == 0)
		return (-EMSGSIZE);
	if ((r = get_text(b, &p, &n, size - 1)) != 0)
		return (r);
	if (n > 0)
		memcpy(dst, p, n);
	dst[n] = '\0';
	return (0);
}

int
rbuf_end(const struct rbuf *b)
{
	return (b->left == 0 ? 0 : -EBADMSG);
}
