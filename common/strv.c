/* SPDX-License-Identifier: ISC */

/*
 * Arrays of strings on the wire. The count comes from outside: it is checked
 * against the bytes that are really there before anything is allocated.
 */

#include <errno.h>
#include <stdlib.h>

#include "common/strv.h"

size_t
strv_count(char *const *v)
{
	size_t n = 0;

	while (v != NULL && v[n] != NULL)
		n++;
	return (n);
}

void
strv_free(char **v)
{
	size_t i;

	if (v == NULL)
		return;
	for (i = 0; v[i] != NULL; i++)
		free(v[i]);
	free(v);
}

int
strv_put(struct buf *b, char *const *v)
{
	size_t i, n = strv_count(v);
	int r;

	if (n > UINT32_MAX)
		return (-ENOSPC);
	r = buf_put_u32(b, (uint32_t)n);
	for (i = 0; r == 0 && i < n; i++)
		r = buf_put_str(b, v[i]);
	return (r);
}

int
strv_get(struct rbuf *b, char ***dst, size_t max_count, size_t max_len)
{
	char **v;
	uint32_t i, n;
	int r;

	if ((r = rbuf_get_u32(b, &n)) != 0)
		return (r);
	if (n > max_count || n > b->left / sizeof(uint32_t))
		return (-EBADMSG);
	if ((v = calloc((size_t)n + 1, sizeof(*v))) == NULL)
		return (-ENOMEM);
	for (i = 0; i < n; i++)
		if ((r = rbuf_get_str(b, &v[i], max_len)) != 0) {
			strv_free(v);
			return (r);
		}
	*dst = v;
	return (0);
}
