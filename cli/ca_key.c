/* SPDX-License-Identifier: ISC */

/*
 * Makes key pairs.
 */

#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "cli/ca.h"
#include "cli/cli.h"

static EVP_PKEY *
make_p256(void)
{
	return (EVP_EC_gen("P-256"));
}

static EVP_PKEY *
make_p384(void)
{
	return (EVP_EC_gen("P-384"));
}

static EVP_PKEY *
make_ed25519(void)
{
	return (EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

static EVP_PKEY *
make_rsa2048(void)
{
	return (EVP_RSA_gen(2048));
}

static EVP_PKEY *
make_rsa3072(void)
{
	return (EVP_RSA_gen(3072));
}

static const struct key_type {
	const char *name;
	bool randomised;	/* its signatures never repeat */
	EVP_PKEY *(*make)(void);
} types[] = {
	{ "p256", true, make_p256 },
	{ "p384", true, make_p384 },
	{ "ed25519", false, make_ed25519 },
	{ "rsa2048", true, make_rsa2048 },
	{ "rsa3072", true, make_rsa3072 },
};

static const struct key_type *
find(const char *name)
{
	size_t i;

	if (name == NULL)
		return (&types[0]);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return (&types[i]);
	return (NULL);
}

int
ca_key_type_check(const char *name, enum ca_use use)
{
	const struct key_type *type = find(name);

	if (type == NULL)
		return (complain("--key-type: \"%s\" is no kind of key; there are p256, p384, "
		    "%srsa2048 and rsa3072", name, use == CA_USE_CLIENT ? "ed25519, " : ""));
	/* Clients are identified over the server's signature, as a value never seen before. */
	if (use == CA_USE_SERVER && !type->randomised)
		return (complain("--key-type: a server cannot have an %s key: its signatures must "
		    "be randomised, so that none ever repeats; use p256, p384, rsa2048 or rsa3072",
		    name));
	return (0);
}

EVP_PKEY *
ca_key_new(const char *name, enum ca_use use)
{
	EVP_PKEY *key;

	if (ca_key_type_check(name, use) != 0)
		return (NULL);
	if ((key = find(name)->make()) == NULL)
		complain("cannot make a key: %s", ERR_reason_error_string(ERR_peek_last_error()));
	return (key);
}
