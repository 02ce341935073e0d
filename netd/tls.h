/* SPDX-License-Identifier: ISC */

/*
 * TLS 1.3 with client certificates, on a non-blocking socket.
 */
#ifndef NETD_TLS_H
#define NETD_TLS_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_BUFFER	65536		/* four whole records */

struct tls_files {
	int chain, key, ca, crl;	/* crl: -1 if there is none */
};

/* All settings, keys and trust. NULL: what is wrong was logged. The files stay open. */
SSL_CTX *tls_context(const struct tls_files *);

struct tls {
	SSL *ssl;
	bool want_write;		/* the last call could not write */
	bool established;		/* the handshake is done */
	bool fatal;			/* no further call is allowed */
	bool got;			/* the last read gave something */
	uint64_t written;		/* bytes under the present key */
	unsigned int handshakes;	/* messages of the peer after the handshake */
	size_t out_off, out_len;	/* what waits in out */
	uint8_t in[TLS_BUFFER];
	uint8_t out[TLS_BUFFER];
};

/* fd: connected, non-blocking; it stays the caller's. 0 or -ENOMEM. */
int tls_init(struct tls *, SSL_CTX *, int fd);
void tls_free(struct tls *);

/* 0: done; -EAGAIN; -EPROTO: what failed was logged. */
int tls_handshake(struct tls *);

/* Bytes in tls->in; 0 at the end; -EAGAIN or -EPROTO. */
ssize_t tls_read(struct tls *);
/* There are bytes that poll(2) does not know of. */
bool tls_buffered(const struct tls *);

/* Writes what waits in tls->out. 0, -EAGAIN or -EPROTO. */
int tls_flush(struct tls *);

/* close_notify, as far as it can be sent at once. */
void tls_bye(struct tls *);

#endif
