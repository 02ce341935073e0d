/* SPDX-License-Identifier: ISC */

/*
 * One TLS connection. OpenSSL's errors become ours at this border: a call
 * would block, or the connection is at its end.
 */

#include <openssl/err.h>

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "netd/tls.h"

/* KeyUpdate is the only message a client has a use for, once in a long while. */
#define HANDSHAKES_MAX	64

/* RFC 8446 section 5.5 allows 2^24.5 records of 16 KiB to one AES-GCM key. */
#define KEY_BYTES_MAX	(UINT64_C(1) << 37)

/*
 * After the handshake each further message of that layer is counted: OpenSSL 3.0
 * limits KeyUpdates no more than TLS does.
 */
static void
on_message(int writing, int version, int type, const void *p, size_t len, SSL *ssl, void *arg)
{
	struct tls *t = arg;

	(void)version;
	(void)p;
	(void)len;
	(void)ssl;
	if (!writing && type == SSL3_RT_HANDSHAKE && t->established)
		t->handshakes++;
}

int
tls_init(struct tls *t, SSL_CTX *ctx, int fd)
{
	t->want_write = t->established = t->fatal = t->got = false;
	t->written = 0;
	t->handshakes = 0;
	t->out_off = t->out_len = 0;
	if ((t->ssl = SSL_new(ctx)) == NULL)
		return (-ENOMEM);
	if (SSL_set_fd(t->ssl, fd) != 1) {
		tls_free(t);
		return (-ENOMEM);
	}
	SSL_set_msg_callback(t->ssl, on_message);
	SSL_set_msg_callback_arg(t->ssl, t);
	SSL_set_accept_state(t->ssl);
	return (0);
}

void
tls_free(struct tls *t)
{
	SSL_free(t->ssl);
	t->ssl = NULL;
}

/* The connection cannot go on. An end without close_notify is usual, and no news. */
static int
failed(struct tls *t, const char *doing)
{
	unsigned long e = ERR_peek_last_error();
	long verified = SSL_get_verify_result(t->ssl);

	t->fatal = true;
	log_at(ERR_GET_REASON(e) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? LOG_DEBUG : LOG_INFO,
	    "%s failed: %s%s%s", doing, e != 0 ? ERR_reason_error_string(e) : "TLS",
	    verified != X509_V_OK ? ": " : "",
	    verified != X509_V_OK ? X509_verify_cert_error_string(verified) : "");
	return (-EPROTO);
}

/* What OpenSSL's last call means; ret is what it returned. */
static int
result(struct tls *t, int ret, const char *doing)
{
	int saved = errno;

	switch (SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return (-EAGAIN);
	case SSL_ERROR_WANT_WRITE:
		t->want_write = true;
		return (-EAGAIN);
	case SSL_ERROR_ZERO_RETURN:
		return (0);
	case SSL_ERROR_SYSCALL:
		t->fatal = true;
		log_debug("%s: %s", doing, saved != 0 ? strerror(saved) : "connection lost");
		return (-EPROTO);
	default:
		return (failed(t, doing));
	}
}

static void
before_call(struct tls *t)
{
	ERR_clear_error();
	errno = 0;
	t->want_write = false;
}

int
tls_handshake(struct tls *t)
{
	int n;

	before_call(t);
	if ((n = SSL_do_handshake(t->ssl)) == 1) {
		t->established = true;
		return (0);
	}
	n = result(t, n, "handshake");
	return (n == 0 ? -EPROTO : n);
}

ssize_t
tls_read(struct tls *t)
{
	int n;

	before_call(t);
	n = SSL_read(t->ssl, t->in, sizeof(t->in));
	if (t->handshakes > HANDSHAKES_MAX) {
		log_info("closing the connection: too many key updates");
		return (-EPROTO);
	}
	if (!(t->got = n > 0))
		return (result(t, n, "reading"));
	return (n);
}

bool
tls_buffered(const struct tls *t)
{
	/* Pending may be half a record: that is found out by one more read. */
	return (t->got && SSL_has_pending(t->ssl) == 1);
}

int
tls_flush(struct tls *t)
{
	int n;

	while (t->out_off < t->out_len) {
		before_call(t);
		n = SSL_write(t->ssl, t->out + t->out_off, (int)(t->out_len - t->out_off));
		if (n <= 0) {
			n = result(t, n, "writing");
			return (n == 0 ? -EPROTO : n);
		}
		t->out_off += (size_t)n;
		t->written += (uint64_t)n;
	}
	if (t->written > KEY_BYTES_MAX &&
	    SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
		t->written = 0;
	t->out_off = t->out_len = 0;
	return (0);
}

void
tls_bye(struct tls *t)
{
	if (t->fatal)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
}
