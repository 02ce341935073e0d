/* SPDX-License-Identifier: ISC */

/*
 * Makes certificates by RFC 5280 and, for clients, SPIFFE's X.509-SVID: one
 * purpose each, random serials, and every name put in by itself, never parsed
 * out of a string.
 */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "cli/ca.h"
#include "cli/cli.h"

#define SERIAL_BITS	128
#define BACKDATE_S	300	/* clocks differ */
#define SPIFFE		"spiffe://"

struct extension {
	int nid;
	const char *value;
};

#define EXTENSIONS_MAX	5

/* The last row of each has no value. */
static const struct extension extensions[][EXTENSIONS_MAX + 1] = {
	[CA_AUTHORITY] = {
		{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
		{ NID_key_usage, "critical,keyCertSign,cRLSign" },
		{ NID_subject_key_identifier, "hash" },
		{ NID_authority_key_identifier, "keyid:always" },
	},
	[CA_SERVER] = {
		{ NID_basic_constraints, "critical,CA:FALSE" },
		{ NID_key_usage, "critical,digitalSignature" },
		{ NID_ext_key_usage, "serverAuth" },
		{ NID_subject_key_identifier, "hash" },
		{ NID_authority_key_identifier, "keyid:always" },
	},
	[CA_CLIENT] = {
		{ NID_basic_constraints, "critical,CA:FALSE" },
		{ NID_key_usage, "critical,digitalSignature" },
		{ NID_ext_key_usage, "clientAuth" },
		{ NID_subject_key_identifier, "hash" },
		{ NID_authority_key_identifier, "keyid:always" },
	},
};

static int
set_serial(X509 *x)
{
	BIGNUM *n = BN_new();
	int ok;

	ok = n != NULL && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
	    BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return (ok);
}

/* A certificate never outlives its issuer. */
static int
set_validity(X509 *x, const struct ca_spec *spec)
{
	const ASN1_TIME *last;

	if (X509_time_adj_ex(X509_getm_notBefore(x), 0, -BACKDATE_S, NULL) == NULL ||
	    X509_time_adj_ex(X509_getm_notAfter(x), spec->days, -BACKDATE_S, NULL) == NULL)
		return (0);
	if (spec->issuer == NULL)
		return (1);
	last = X509_get0_notAfter(spec->issuer);
	if (ASN1_TIME_compare(last, X509_get0_notAfter(x)) >= 0)
		return (1);
	return (X509_set1_notAfter(x, last) == 1);
}

static int
set_subject(X509 *x, const struct ca_spec *spec)
{
	X509_NAME *name = X509_get_subject_name(x);

	return (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)spec->name, -1, -1, 0) == 1 &&
	    X509_set_issuer_name(x, spec->issuer != NULL ?
	    X509_get_subject_name(spec->issuer) : name) == 1);
}

static int
add_extensions(X509 *x, const struct ca_spec *spec)
{
	const struct extension *e;
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	int ok = 1;

	X509V3_set_ctx(&ctx, spec->issuer != NULL ? spec->issuer : x, x, NULL, NULL, 0);
	for (e = extensions[spec->kind]; ok && e->value != NULL; e++) {
		ext = X509V3_EXT_conf_nid(NULL, &ctx, e->nid, e->value);
		ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
		X509_EXTENSION_free(ext);
	}
	return (ok);
}

/* Takes the value over. */
static int
push_name(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
	GENERAL_NAME *g = GENERAL_NAME_new();

	if (g == NULL || value == NULL) {
		GENERAL_NAME_free(g);
		ASN1_STRING_free(value);
		return (0);
	}
	GENERAL_NAME_set0_value(g, type, value);
	if (sk_GENERAL_NAME_push(names, g) == 0) {
		GENERAL_NAME_free(g);
		return (0);
	}
	return (1);
}

static int
push_text(GENERAL_NAMES *names, int type, const char *text)
{
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();

	if (s != NULL && ASN1_STRING_set(s, text, -1) != 1) {
		ASN1_STRING_free(s);
		s = NULL;
	}
	return (push_name(names, type, s));
}

static int
push_host(GENERAL_NAMES *names, const char *host)
{
	ASN1_OCTET_STRING *ip;

	if ((ip = a2i_IPADDRESS(host)) != NULL)
		return (push_name(names, GEN_IPADD, ip));
	return (push_text(names, GEN_DNS, host));
}

static int
add_names(X509 *x, const struct ca_spec *spec)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	size_t i;
	int ok = names != NULL;

	for (i = 0; ok && spec->hosts != NULL && i < spec->hosts->n; i++)
		ok = push_host(names, spec->hosts->v[i]);
	if (ok && spec->uri != NULL)
		ok = push_text(names, GEN_URI, spec->uri);
	if (ok && sk_GENERAL_NAME_num(names) > 0)
		ok = X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(names);
	return (ok);
}

static const EVP_MD *
digest_for(const EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
		return (NULL);
	return (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() :
	    EVP_sha256());
}

X509 *
ca_cert_new(const struct ca_spec *spec)
{
	EVP_PKEY *signer = spec->issuer != NULL ? spec->issuer_key : spec->key;
	X509 *x = X509_new();

	if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
	    set_validity(x, spec) && set_subject(x, spec) &&
	    X509_set_pubkey(x, spec->key) == 1 && add_extensions(x, spec) &&
	    add_names(x, spec) && X509_sign(x, signer, digest_for(signer)) != 0)
		return (x);
	complain("cannot make the certificate of %s: %s", spec->name,
	    ERR_reason_error_string(ERR_peek_last_error()));
	X509_free(x);
	return (NULL);
}

const char *
ca_trust_domain(const X509 *ca, char *dst, size_t size)
{
	GENERAL_NAMES *names;
	const GENERAL_NAME *g;
	int i, len;

	snprintf(dst, size, "%s", CA_TRUST_DOMAIN);
	names = X509_get_ext_d2i(ca, NID_subject_alt_name, NULL, NULL);
	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		g = sk_GENERAL_NAME_value(names, i);
		if (g->type != GEN_URI)
			continue;
		len = ASN1_STRING_length(g->d.uniformResourceIdentifier) - (int)strlen(SPIFFE);
		if (len > 0 && (size_t)len < size &&
		    memcmp(ASN1_STRING_get0_data(g->d.uniformResourceIdentifier), SPIFFE,
		    strlen(SPIFFE)) == 0)
			snprintf(dst, size, "%.*s", len, (const char *)
			    ASN1_STRING_get0_data(g->d.uniformResourceIdentifier) +
			    strlen(SPIFFE));
	}
	GENERAL_NAMES_free(names);
	return (dst);
}
