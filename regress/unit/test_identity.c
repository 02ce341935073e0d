/* SPDX-License-Identifier: ISC */

/* netd/identity: which certificates name a user, and above all which do not. */

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "netd/identity.h"

static EVP_PKEY *key;

static int
setup(void **state)
{
	(void)state;
	return ((key = EVP_EC_gen("P-256")) == NULL);
}

static int
teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return (0);
}

static X509 *
new_cert(void)
{
	X509 *c = X509_new();

	assert_non_null(c);
	assert_int_equal(X509_set_version(c, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set_uint64(X509_get_serialNumber(c), 0x1234abcd), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(c), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(c), 3600));
	assert_int_equal(X509_set_pubkey(c, key), 1);
	return (c);
}

/* By value, so that a NUL may be in it. */
static void
add_name(GENERAL_NAMES *names, int type, const char *s, size_t len)
{
	GENERAL_NAME *n = GENERAL_NAME_new();
	ASN1_IA5STRING *ia5 = ASN1_IA5STRING_new();

	assert_int_equal(ASN1_STRING_set(ia5, s, (int)len), 1);
	GENERAL_NAME_set0_value(n, type, ia5);
	assert_true(sk_GENERAL_NAME_push(names, n) > 0);
}

static X509 *
sign(X509 *c)
{
	assert_true(X509_sign(c, key, EVP_sha256()) > 0);
	return (c);
}

static void
init_uri(struct netd_init *init)
{
	memset(init, 0, sizeof(*init));
	init->identity = IPC_IDENTITY_URI;
	(void)strcpy(init->trust_domain, "telepilot");
}

/* The user named by one URI, or NULL. */
static const char *
user_of(const char *uri, size_t len)
{
	static struct identity id;
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct netd_init init;
	X509 *c = new_cert();
	const char *why;

	init_uri(&init);
	add_name(names, GEN_DNS, "host.example", 12);
	add_name(names, GEN_URI, uri, len);
	assert_int_equal(X509_add1_ext_i2d(c, NID_subject_alt_name, names, 0, 0), 1);
	why = identity_get(sign(c), &init, &id);
	GENERAL_NAMES_free(names);
	X509_free(c);
	return (why == NULL ? id.user : NULL);
}

#define USER(s)		user_of(s, sizeof(s) - 1)

static void
test_one_uri(void **state)
{
	(void)state;
	assert_string_equal(USER("spiffe://telepilot/user/alice"), "alice");
	assert_string_equal(USER("spiffe://telepilot/user/_a-1"), "_a-1");
	assert_string_equal(USER("spiffe://telepilot/user/a234567890123456789012345678901"
	    "2"), "a2345678901234567890123456789012");
}

static void
test_other_uris(void **state)
{
	(void)state;
	assert_null(USER("spiffe://telepilot/user/"));
	assert_null(USER("spiffe://telepilot/user/Alice"));
	assert_null(USER("spiffe://telepilot/user/alice/"));
	assert_null(USER("spiffe://telepilot/user/alice/../bob"));
	assert_null(USER("spiffe://telepilot/user/al%69ce"));
	assert_null(USER("spiffe://telepilot/user/alice?x"));
	assert_null(USER("spiffe://telepilot/users/alice"));
	assert_null(USER("spiffe://telepilot.example/user/alice"));
	assert_null(USER("spiffe://TELEPILOT/user/alice"));
	assert_null(USER("https://telepilot/user/alice"));
	assert_null(USER(" spiffe://telepilot/user/alice"));
	assert_null(USER("spiffe://telepilot/user/a2345678901234567890123456789012x"));
	assert_null(USER(""));
}

static void
test_nul_in_the_uri(void **state)
{
	(void)state;
	assert_null(USER("spiffe://telepilot/user/alice\0"));
	assert_null(USER("spiffe://telepilot/user/alice\0.example"));
	assert_null(USER("spiffe://telepilot/user/\0"));
}

static void
test_two_uris(void **state)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct netd_init init;
	struct identity id;
	X509 *c = new_cert();

	(void)state;
	init_uri(&init);
	add_name(names, GEN_URI, "spiffe://telepilot/user/alice", 29);
	add_name(names, GEN_URI, "spiffe://telepilot/user/alice", 29);
	assert_int_equal(X509_add1_ext_i2d(c, NID_subject_alt_name, names, 0, 0), 1);
	assert_non_null(identity_get(sign(c), &init, &id));
	GENERAL_NAMES_free(names);
	X509_free(c);
}

static void
test_two_extensions(void **state)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct netd_init init;
	struct identity id;
	X509 *c = new_cert();

	(void)state;
	init_uri(&init);
	add_name(names, GEN_URI, "spiffe://telepilot/user/alice", 29);
	assert_int_equal(X509_add1_ext_i2d(c, NID_subject_alt_name, names, 0, 0), 1);
	assert_int_equal(X509_add1_ext_i2d(c, NID_subject_alt_name, names, 0,
	    X509V3_ADD_APPEND), 1);
	assert_non_null(identity_get(sign(c), &init, &id));
	GENERAL_NAMES_free(names);
	X509_free(c);
}

static void
test_no_uri(void **state)
{
	struct netd_init init;
	struct identity id;
	X509 *c = sign(new_cert());

	(void)state;
	init_uri(&init);
	assert_non_null(identity_get(c, &init, &id));
	X509_free(c);
}

/* --- common names --- */

static const char *
user_of_cn(int type, const char *cn, int len, int times)
{
	static struct identity id;
	struct netd_init init;
	X509 *c = new_cert();
	const char *why;

	init_uri(&init);
	init.identity = IPC_IDENTITY_CN;
	while (times-- > 0)
		assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(c),
		    NID_commonName, type, (const unsigned char *)cn, len, -1, 0), 1);
	why = identity_get(sign(c), &init, &id);
	X509_free(c);
	return (why == NULL ? id.user : NULL);
}

static void
test_common_name(void **state)
{
	(void)state;
	assert_string_equal(user_of_cn(MBSTRING_ASC, "alice", 5, 1), "alice");
	assert_string_equal(user_of_cn(V_ASN1_BMPSTRING, "\0b\0o\0b", 6, 1), "bob");
	assert_null(user_of_cn(MBSTRING_ASC, "alice", 5, 0));
	assert_null(user_of_cn(MBSTRING_ASC, "alice", 5, 2));
	assert_null(user_of_cn(MBSTRING_ASC, "Alice Example", 13, 1));
	assert_null(user_of_cn(V_ASN1_UTF8STRING, "alice\0x", 7, 1));
}

static void
test_serial_and_fingerprint(void **state)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct netd_init init;
	struct identity id;
	X509 *c = new_cert();

	(void)state;
	init_uri(&init);
	add_name(names, GEN_URI, "spiffe://telepilot/user/alice", 29);
	assert_int_equal(X509_add1_ext_i2d(c, NID_subject_alt_name, names, 0, 0), 1);
	assert_null(identity_get(sign(c), &init, &id));
	assert_string_equal(id.serial, "1234abcd");
	assert_int_equal(strlen(id.fingerprint), FINGERPRINT_LEN);
	assert_int_equal(strspn(id.fingerprint, "0123456789abcdef"), FINGERPRINT_LEN);
	GENERAL_NAMES_free(names);
	X509_free(c);
}

static bool
may(const char *usage)
{
	X509 *c = new_cert();
	X509_EXTENSION *ext;
	bool r;

	if (usage != NULL) {
		assert_non_null(ext = X509V3_EXT_nconf_nid(NULL, NULL, NID_ext_key_usage, usage));
		assert_int_equal(X509_add_ext(c, ext, -1), 1);
		X509_EXTENSION_free(ext);
	}
	r = identity_may_authenticate(sign(c));
	X509_free(c);
	return (r);
}

static void
test_extended_key_usage(void **state)
{
	(void)state;
	assert_true(may("clientAuth"));
	assert_true(may("serverAuth,clientAuth"));
	assert_false(may("serverAuth"));
	assert_false(may("anyExtendedKeyUsage"));
	assert_false(may(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_uri),
		cmocka_unit_test(test_other_uris),
		cmocka_unit_test(test_nul_in_the_uri),
		cmocka_unit_test(test_two_uris),
		cmocka_unit_test(test_two_extensions),
		cmocka_unit_test(test_no_uri),
		cmocka_unit_test(test_common_name),
		cmocka_unit_test(test_serial_and_fingerprint),
		cmocka_unit_test(test_extended_key_usage),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
