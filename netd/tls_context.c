/* SPDX-License-Identifier: ISC */

/*
 * What TLS may be here, and whom we trust: everything is set, nothing is left to
 * a configuration file of OpenSSL. The keys come as open files, which are read after
 * this process gave up its privileges. One connection is one full handshake: no
 * tickets, no resumption, no early data.
 */

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>

#include "common/fdio.h"
#include "common/log.h"
#include "netd/identity.h"
#include "netd/tls.h"

#define PEM_MAX		(1024 * 1024)
#define CRL_MAX		(16 * 1024 * 1024)
#define CHAIN_MAX	(16 * 1024)	/* of the client's certificates, in bytes */
#define DEPTH_MAX	4
#define SECURITY_LEVEL	2		/* RSA of 2048 bits, no SHA-1 */

static const char suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

/* --- PEM files --- */

struct pem {
	char *data;
	size_t len;
	BIO *bio;
};

static int
pem_open(struct pem *p, int fd, size_t max, const char *what)
{
	int r;

	p->bio = NULL;
	if ((r = read_file(fd, max, &p->data, &p->len)) != 0) {
		log_error("%s: %s", what, strerror(-r));
		return (-1);
	}
	if ((p->bio = BIO_new_mem_buf(p->data, (int)p->len)) == NULL) {
		free(p->data);
		return (-1);
	}
	return (0);
}

static void
pem_close(struct pem *p)
{
	BIO_free(p->bio);
	OPENSSL_cleanse(p->data, p->len);
	free(p->data);
}

/* No password is ever asked for: nobody is there to answer. */
static int
no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return (-1);
}

/* True if reading stopped because the file ended, and not at a damaged block. */
static bool
at_end(void)
{
	unsigned long e = ERR_peek_last_error();

	ERR_clear_error();
	return (ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE);
}

static X509 *
next_cert(struct pem *p)
{
	return (PEM_read_bio_X509(p->bio, NULL, no_password, NULL));
}

/* --- our own certificate and key --- */

static int
read_chain(SSL_CTX *ctx, struct pem *p)
{
	X509 *cert;
	int ok;

	if ((cert = next_cert(p)) == NULL) {
		log_error("ServerCertificate: no certificate in it");
		return (-1);
	}
	ok = SSL_CTX_use_certificate(ctx, cert);
	X509_free(cert);
	while (ok == 1 && (cert = next_cert(p)) != NULL) {
		ok = SSL_CTX_add1_chain_cert(ctx, cert) == 1;
		X509_free(cert);
	}
	if (ok != 1 || !at_end()) {
		log_error("ServerCertificate: a certificate in it cannot be used");
		return (-1);
	}
	return (0);
}

static int
use_chain(SSL_CTX *ctx, int fd)
{
	struct pem p;
	int r;

	if (pem_open(&p, fd, PEM_MAX, "ServerCertificate") != 0)
		return (-1);
	r = read_chain(ctx, &p);
	pem_close(&p);
	return (r);
}

static int
check_key(SSL_CTX *ctx, EVP_PKEY *key)
{
	int type = EVP_PKEY_get_base_id(key);

	/* Its signatures are not random; the proof of who signed needs that. */
	if (type != EVP_PKEY_EC && type != EVP_PKEY_RSA && type != EVP_PKEY_RSA_PSS) {
		log_error("ServerKey: an ECDSA or RSA key is expected, since other keys' "
		    "signatures repeat (Ed25519)");
		return (-1);
	}
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
		log_error("ServerKey: it is not the key of ServerCertificate");
		return (-1);
	}
	return (0);
}

static int
use_key(SSL_CTX *ctx, int fd)
{
	struct pem p;
	EVP_PKEY *key;
	int r = -1;

	if (pem_open(&p, fd, PEM_MAX, "ServerKey") != 0)
		return (-1);
	if ((key = PEM_read_bio_PrivateKey(p.bio, NULL, no_password, NULL)) == NULL)
		log_error("ServerKey: no private key without a password in it");
	else
		r = check_key(ctx, key);
	EVP_PKEY_free(key);
	pem_close(&p);
	return (r);
}

/* --- whom we trust --- */

static int
read_cas(SSL_CTX *ctx, struct pem *p)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509 *cert;
	int n = 0, ok = 1;

	while (ok == 1 && (cert = next_cert(p)) != NULL) {
		ok = X509_STORE_add_cert(store, cert) == 1 &&
		    SSL_CTX_add_client_CA(ctx, cert) == 1;
		X509_free(cert);
		n++;
	}
	if (ok != 1 || !at_end() || n == 0) {
		log_error("ClientCA: %s", n == 0 ? "no certificate in it" :
		    "a certificate in it cannot be used");
		return (-1);
	}
	return (0);
}

static int
read_crls(SSL_CTX *ctx, struct pem *p)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_CRL *crl;
	int n = 0, ok = 1;

	while (ok == 1 && (crl = PEM_read_bio_X509_CRL(p->bio, NULL, no_password, NULL)) != NULL) {
		ok = X509_STORE_add_crl(store, crl);
		X509_CRL_free(crl);
		n++;
	}
	if (ok != 1 || !at_end() || n == 0 ||
	    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) != 1) {
		log_error("ClientCRL: %s", n == 0 ? "no CRL in it" : "a CRL in it cannot be used");
		return (-1);
	}
	return (0);
}

static int
trust(SSL_CTX *ctx, int ca_fd, int crl_fd)
{
	struct pem p;
	int r;

	if (pem_open(&p, ca_fd, PEM_MAX, "ClientCA") != 0)
		return (-1);
	r = read_cas(ctx, &p);
	pem_close(&p);
	if (r != 0 || crl_fd == -1)
		return (r);
	if (pem_open(&p, crl_fd, CRL_MAX, "ClientCRL") != 0)
		return (-1);
	r = read_crls(ctx, &p);
	pem_close(&p);
	return (r);
}

/* --- what may be negotiated --- */

/* OpenSSL takes a certificate without extended key usage for anything; we do not. */
static int
verify(int ok, X509_STORE_CTX *store)
{
	if (ok == 1 && X509_STORE_CTX_get_error_depth(store) == 0 &&
	    !identity_may_authenticate(X509_STORE_CTX_get_current_cert(store))) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_PURPOSE);
		return (0);
	}
	return (ok);
}

/* The callback below is only called for a client that offers something. */
static int
demand_alpn(SSL *ssl, int *alert, void *arg)
{
	const unsigned char *ext;
	size_t len;

	(void)arg;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
	    &ext, &len) == 1)
		return (SSL_CLIENT_HELLO_SUCCESS);
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return (SSL_CLIENT_HELLO_ERROR);
}

static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned int inlen, void *arg)
{
	static const unsigned char h2[] = { 2, 'h', '2' };
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, outlen, h2, sizeof(h2), in, inlen) !=
	    OPENSSL_NPN_NEGOTIATED)
		return (SSL_TLSEXT_ERR_ALERT_FATAL);
	*out = chosen;
	return (SSL_TLSEXT_ERR_OK);
}

static int
settings(SSL_CTX *ctx)
{
	SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, suites) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, groups) != 1 ||
	    SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
	    SSL_CTX_set_max_early_data(ctx, 0) != 1 ||
	    SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT) != 1)
		return (-1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_max_cert_list(ctx, CHAIN_MAX);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verify);
	SSL_CTX_set_verify_depth(ctx, DEPTH_MAX);
	SSL_CTX_set_client_hello_cb(ctx, demand_alpn, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, TLS_BUFFER);
	return (0);
}

SSL_CTX *
tls_context(const struct tls_files *files)
{
	SSL_CTX *ctx;

	if ((ctx = SSL_CTX_new(TLS_server_method())) == NULL || settings(ctx) != 0)
		log_error("OpenSSL cannot be set up: %s",
		    ERR_reason_error_string(ERR_peek_last_error()));
	else if (use_chain(ctx, files->chain) == 0 && use_key(ctx, files->key) == 0 &&
	    trust(ctx, files->ca, files->crl) == 0)
		return (ctx);
	SSL_CTX_free(ctx);
	return (NULL);
}
