/* SPDX-License-Identifier: ISC */

/*
 * A user's name is in exactly one URI among the subject alternative names,
 * spiffe://TRUST_DOMAIN/user/NAME, or, if so configured, the subject's one common
 * name. Two of them, or a NUL in one, are no name: a CA that signs such a thing was
 * tricked, and another reader might see the other half.
 */

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>

#include "netd/identity.h"

static const char *
set_user(const char *name, size_t len, struct identity *id)
{
	if (len > JOB_USER_MAX)
		return ("the user's name is too long");
	memcpy(id->user, name, len);
	id->user[len] = '\0';
	if (strlen(id->user) != len || !user_name_valid(id->user))
		return ("the user's name has a form that is not allowed");
	return (NULL);
}

/* The one URI, or NULL. */
static const ASN1_IA5STRING *
only_uri(const GENERAL_NAMES *names)
{
	const ASN1_IA5STRING *uri = NULL;
	const GENERAL_NAME *n;
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		n = sk_GENERAL_NAME_value(names, i);
		if (n->type != GEN_URI)
			continue;
		if (uri != NULL)
			return (NULL);
		uri = n->d.uniformResourceIdentifier;
	}
	return (uri);
}

static const char *
user_of_uri(const ASN1_IA5STRING *uri, const char *trust_domain, struct identity *id)
{
	char prefix[sizeof("spiffe://") + TRUST_DOMAIN_MAX + sizeof("/user/")];
	const char *s = (const char *)ASN1_STRING_get0_data(uri);
	size_t n, len = (size_t)ASN1_STRING_length(uri);

	(void)snprintf(prefix, sizeof(prefix), "spiffe://%s/user/", trust_domain);
	n = strlen(prefix);
	if (len <= n || memcmp(s, prefix, n) != 0)
		return ("the URI is not spiffe://TRUST_DOMAIN/user/NAME of this trust domain");
	return (set_user(s + n, len - n, id));
}

static const char *
get_uri(X509 *cert, const char *trust_domain, struct identity *id)
{
	const ASN1_IA5STRING *uri;
	GENERAL_NAMES *names;
	const char *why;

	/* NULL also if the extension is there twice. */
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	if (names == NULL || (uri = only_uri(names)) == NULL)
		why = "the certificate has not exactly one URI as subject alternative name";
	else
		why = user_of_uri(uri, trust_domain, id);
	GENERAL_NAMES_free(names);
	return (why);
}

static const char *
get_cn(X509 *cert, struct identity *id)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	const ASN1_STRING *cn;
	unsigned char *text = NULL;
	const char *why;
	int i, len;

	i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (i < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, i) >= 0)
		return ("the certificate's subject has not exactly one common name");
	cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i));
	if ((len = ASN1_STRING_to_UTF8(&text, cn)) < 0)
		return ("the certificate's common name cannot be read");
	why = set_user((const char *)text, (size_t)len, id);
	OPENSSL_free(text);
	return (why);
}

static void
hex(char *dst, const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		(void)snprintf(dst + 2 * i, 3, "%02x", p[i]);
	dst[2 * n] = '\0';
}

static const char *
get_serial(const X509 *cert, struct identity *id)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	size_t len = (size_t)ASN1_STRING_length(serial);

	if (2 * len > SERIAL_MAX)
		return ("the certificate's serial number is too long");
	hex(id->serial, ASN1_STRING_get0_data(serial), len);
	return (NULL);
}

static const char *
get_fingerprint(const X509 *cert, struct identity *id)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int len;

	if (X509_digest(cert, EVP_sha256(), md, &len) != 1 || 2 * len != FINGERPRINT_LEN)
		return ("the certificate's fingerprint cannot be made");
	hex(id->fingerprint, md, len);
	return (NULL);
}

const char *
identity_get(X509 *cert, const struct netd_init *init, struct identity *id)
{
	const char *why;

	memset(id, 0, sizeof(*id));
	if (init->identity == IPC_IDENTITY_CN)
		why = get_cn(cert, id);
	else
		why = get_uri(cert, init->trust_domain, id);
	if (why != NULL || (why = get_serial(cert, id)) != NULL ||
	    (why = get_fingerprint(cert, id)) != NULL)
		return (why);
	return (NULL);
}

bool
identity_may_authenticate(X509 *cert)
{
	return ((X509_get_extension_flags(cert) & EXFLAG_XKUSAGE) != 0 &&
	    (X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT) != 0);
}
