/* SPDX-License-Identifier: ISC */

/*
 * Our own certificate and key, looked at before anything is sent: a server
 * could only answer an expired certificate with an alert, and that says
 * neither whose it was nor when it ended.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "cli/lib/internal.h"
#include "common/fdio.h"

#define PEM_FILE_MAX	(256 * 1024)

static int
failed(struct telepilot *c, const char *what, const char *file, const char *why)
{
	status_set(&c->status, ST_UNAUTHENTICATED, NULL, "%s %s: %s", what, file, why);
	return (ST_UNAUTHENTICATED);
}

/* A whole file, so that its errors are the file's and not OpenSSL's. */
static int
read_pem(struct telepilot *c, const char *what, const char *file, char **text, BIO **bio)
{
	size_t len;
	int fd, r;

	*text = NULL;
	*bio = NULL;
	if ((fd = open(file, O_RDONLY | O_CLOEXEC)) == -1)
		return (failed(c, what, file, strerror(errno)));
	r = read_file(fd, PEM_FILE_MAX, text, &len);
	close(fd);
	if (r != 0)
		return (failed(c, what, file, strerror(-r)));
	if ((*bio = BIO_new_mem_buf(*text, (int)len)) == NULL) {
		OPENSSL_cleanse(*text, len);
		free(*text);
		return (failed(c, what, file, "out of memory"));
	}
	return (0);
}

static void
free_pem(char *text, BIO *bio)
{
	BIO_free(bio);
	OPENSSL_cleanse(text, strlen(text));
	free(text);
}

/* The user's name as the server will read it: for words only. */
static void
find_user(struct telepilot *c, const X509 *cert)
{
	GENERAL_NAMES *names;
	const GENERAL_NAME *name;
	const ASN1_IA5STRING *uri;
	const char *s, *slash;
	int i, len;

	if (X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, c->user,
	    sizeof(c->user)) <= 0)
		memcpy(c->user, "?", sizeof("?"));
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_URI)
			continue;
		uri = name->d.uniformResourceIdentifier;
		s = (const char *)ASN1_STRING_get0_data(uri);
		len = ASN1_STRING_length(uri);
		slash = memrchr(s, '/', (size_t)len);
		len = slash == NULL ? 0 : len - (int)(slash + 1 - s);
		if (len > 0 && (size_t)len < sizeof(c->user)) {
			memcpy(c->user, slash + 1, (size_t)len);
			c->user[len] = '\0';
		}
	}
	GENERAL_NAMES_free(names);
}

/* b - a in seconds. */
static int64_t
seconds_between(const ASN1_TIME *a, const ASN1_TIME *b)
{
	int days, seconds;

	if (ASN1_TIME_diff(&days, &seconds, a, b) != 1)
		return (0);
	return ((int64_t)days * 86400 + seconds);
}

static int
check_validity(struct telepilot *c, const char *file, const X509 *cert)
{
	const ASN1_TIME *begin = X509_get0_notBefore(cert), *end = X509_get0_notAfter(cert);
	char span[32];

	/* NULL is the present time. */
	if (X509_cmp_current_time(end) < 0) {
		span_words(seconds_between(end, NULL), span, sizeof(span));
		return (status_set(&c->status, ST_UNAUTHENTICATED, NULL,
		    "the certificate of %s (%s) expired %s ago; ask whoever keeps the CA for a "
		    "new one (telepilot ca issue)", c->user, file, span));
	}
	if (X509_cmp_current_time(begin) > 0) {
		span_words(seconds_between(NULL, begin), span, sizeof(span));
		return (status_set(&c->status, ST_UNAUTHENTICATED, NULL,
		    "the certificate of %s (%s) is not valid yet, only in %s; is this machine's "
		    "clock right?", c->user, file, span));
	}
	return (0);
}

/* The certificates after the first: those between it and the CA. */
static int
load_chain(struct telepilot *c, const char *file, BIO *bio)
{
	X509 *x;

	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(c->ctx, x) != 1) {
			X509_free(x);
			return (failed(c, "certificate", file, "out of memory"));
		}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return (failed(c, "certificate", file, "a certificate in it is damaged"));
	ERR_clear_error();
	return (0);
}

static int
load_certificate(struct telepilot *c, const char *file)
{
	X509 *cert;
	BIO *bio;
	char *text;
	int r;

	if ((r = read_pem(c, "certificate", file, &text, &bio)) != 0)
		return (r);
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (cert == NULL)
		r = failed(c, "certificate", file, "holds no certificate in PEM form");
	else {
		find_user(c, cert);
		if ((r = check_validity(c, file, cert)) == 0) {
			if (SSL_CTX_use_certificate(c->ctx, cert) != 1)
				r = failed(c, "certificate", file,
				    "is of a kind that TLS 1.3 cannot use");
			else
				r = load_chain(c, file, bio);
		}
	}
	X509_free(cert);
	free_pem(text, bio);
	return (r);
}

/* Instead of OpenSSL's question on the terminal, which a library must not ask. */
static int
no_passphrase(char *buf, int size, int writing, void *asked)
{
	(void)buf;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return (-1);
}

static int
load_key(struct telepilot *c, const char *file, const char *cert_file)
{
	EVP_PKEY *key;
	bool asked = false;
	BIO *bio;
	char *text;
	int r;

	if ((r = read_pem(c, "key", file, &text, &bio)) != 0)
		return (r);
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
	if (key == NULL)
		r = failed(c, "key", file, asked ? "is locked by a passphrase; telepilot needs "
		    "one without" : "holds no private key in PEM form");
	else if (SSL_CTX_use_PrivateKey(c->ctx, key) != 1 ||
	    SSL_CTX_check_private_key(c->ctx) != 1)
		r = status_set(&c->status, ST_UNAUTHENTICATED, NULL,
		    "key %s does not belong to the certificate %s", file, cert_file);
	EVP_PKEY_free(key);
	free_pem(text, bio);
	return (r);
}

static int
load_ca(struct telepilot *c, const char *file)
{
	if (access(file, R_OK) == -1)
		return (failed(c, "CA certificate", file, strerror(errno)));
	if (SSL_CTX_load_verify_file(c->ctx, file) != 1)
		return (failed(c, "CA certificate", file, "holds no certificate in PEM form"));
	return (0);
}

int
credentials_load(struct telepilot *c, const struct telepilot_settings *set)
{
	int r;

	if ((r = load_certificate(c, set->cert_file)) != 0 ||
	    (r = load_key(c, set->key_file, set->cert_file)) != 0 ||
	    (r = load_ca(c, set->ca_file)) != 0)
		ERR_clear_error();
	return (r);
}
