/* SPDX-License-Identifier: ISC */

/*
 * The TLS 1.3 connection: the server is believed only if its certificate is
 * signed by the settings' CA and made for the name that is expected. The
 * system's own list of CAs is never asked.
 */

#include <poll.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "cli/lib/internal.h"

static const unsigned char alpn_h2[] = { 2, 'h', '2' };

/* Keeps what was wrong with which certificate, for the words. */
static int
remember(int ok, X509_STORE_CTX *store)
{
	struct telepilot *c;
	SSL *ssl;

	if (ok == 1)
		return (1);
	ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	c = SSL_get_app_data(ssl);
	c->verify_error = X509_STORE_CTX_get_error(store);
	X509_free(c->verify_cert);
	c->verify_cert = X509_STORE_CTX_get_current_cert(store);
	if (c->verify_cert != NULL)
		X509_up_ref(c->verify_cert);
	return (0);
}

int
tls_context(struct telepilot *c)
{
	if ((c->ctx = SSL_CTX_new(TLS_client_method())) == NULL ||
	    SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_alpn_protos(c->ctx, alpn_h2, sizeof(alpn_h2)) != 0)
		return (status_set(&c->status, ST_INTERNAL, NULL, "OpenSSL does not start: %s",
		    ERR_reason_error_string(ERR_peek_last_error())));
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, remember);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(c->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
	SSL_CTX_set_read_ahead(c->ctx, 1);
	SSL_CTX_set_default_read_buffer_len(c->ctx, IO_IN_SIZE);
	return (0);
}

static int
expect_name(SSL *ssl, const char *name)
{
	if (address_is_ip(name))
		return (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name));
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return (SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1);
}

static int
make_ssl(struct telepilot *c, const char *name)
{
	BIO *bio;

	if ((c->ssl = SSL_new(c->ctx)) == NULL || (bio = sockbio_new(c->fd)) == NULL)
		return (status_set(&c->status, ST_RESOURCE_EXHAUSTED, NULL, "out of memory"));
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_app_data(c->ssl, c);
	if (expect_name(c->ssl, name) != 1)
		return (status_set(&c->status, ST_INVALID_ARGUMENT, NULL,
		    "\"%s\" can be no server's name", name));
	return (0);
}

static int
handshake(struct telepilot *c, const struct telepilot_settings *set, const char *name,
    int64_t deadline)
{
	short events;
	int error, r;

	for (;;) {
		ERR_clear_error();
		if ((r = SSL_connect(c->ssl)) == 1)
			return (0);
		error = SSL_get_error(c->ssl, r);
		if (error == SSL_ERROR_WANT_READ)
			events = POLLIN;
		else if (error == SSL_ERROR_WANT_WRITE)
			events = POLLOUT;
		else
			return (tls_handshake_failed(c, set, name, error));
		if ((r = io_poll(c, events, deadline)) != 0)
			return (status_set(&c->status, r == ST_CANCELLED ? r : ST_UNAVAILABLE,
			    NULL, r == ST_CANCELLED ? "interrupted" :
			    "%s does not answer the TLS handshake", c->peer));
	}
}

int
tls_open(struct telepilot *c, const struct telepilot_settings *set, const char *host,
    int64_t deadline)
{
	const char *name = set->server_name != NULL ? set->server_name : host;
	const unsigned char *alpn;
	unsigned int len;
	int r;

	if ((r = make_ssl(c, name)) != 0 || (r = handshake(c, set, name, deadline)) != 0)
		return (r);
	SSL_get0_alpn_selected(c->ssl, &alpn, &len);
	if (len != sizeof(alpn_h2) - 1 || memcmp(alpn, alpn_h2 + 1, len) != 0)
		return (status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "%s does not speak HTTP/2: is it telepilotd?", c->peer));
	return (0);
}
