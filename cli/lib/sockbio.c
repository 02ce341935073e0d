/* SPDX-License-Identifier: ISC */

/*
 * OpenSSL's own socket BIO uses write(2), which raises SIGPIPE in the program
 * that uses the library. This one sends with MSG_NOSIGNAL. It does not own its
 * descriptor.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stdint.h>

#include "cli/lib/internal.h"

static int
fd_of(BIO *b)
{
	return ((int)(intptr_t)BIO_get_data(b));
}

static int
sock_write(BIO *b, const char *data, int len)
{
	ssize_t n;

	BIO_clear_retry_flags(b);
	n = send(fd_of(b), data, (size_t)len, MSG_NOSIGNAL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(b);
	return ((int)n);
}

static int
sock_read(BIO *b, char *data, int len)
{
	ssize_t n;

	BIO_clear_retry_flags(b);
	n = recv(fd_of(b), data, (size_t)len, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(b);
	else if (n == 0)
		BIO_set_flags(b, BIO_FLAGS_IN_EOF);
	return ((int)n);
}

static long
sock_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return (1);
	case BIO_CTRL_EOF:
		return (BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0);
	default:
		return (0);
	}
}

static BIO_METHOD *method;

static void
make_method(void)
{
	BIO_METHOD *m;

	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "telepilot socket");
	if (m != NULL && BIO_meth_set_write(m, sock_write) == 1 &&
	    BIO_meth_set_read(m, sock_read) == 1 && BIO_meth_set_ctrl(m, sock_ctrl) == 1)
		method = m;
	else
		BIO_meth_free(m);
}

BIO *
sockbio_new(int fd)
{
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	BIO *b;

	/* Clients of several threads may come here at once. */
	if (CRYPTO_THREAD_run_once(&once, make_method) != 1 || method == NULL ||
	    (b = BIO_new(method)) == NULL)
		return (NULL);
	BIO_set_data(b, (void *)(intptr_t)fd);
	BIO_set_init(b, 1);
	return (b);
}
