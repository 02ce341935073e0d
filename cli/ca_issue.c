/* SPDX-License-Identifier: ISC */

/*
 * ca issue: a user's certificate, as a profile that telepilot can connect with.
 */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509v3.h>

#include "cli/ca.h"
#include "cli/cli.h"
#include "cli/lib/address.h"
#include "cli/lib/certhost.h"
#include "common/jobspec.h"

#define DAYS_MAX	36500
#define DOMAIN_SIZE	256

static const char *dir = TELEPILOT_SYSCONFDIR;
static const char *server, *key_type;
static uint64_t days = NOT_GIVEN;

static const struct opt issue_options[] = {
	{ 0, OPT_TEXT, "dir", &dir, "DIR", "the CAs' place; else " TELEPILOT_SYSCONFDIR },
	{ 0, OPT_TEXT, "server", &server, "HOST:PORT",
	    "the server to write into the profile; else the first name of its certificate" },
	{ 0, OPT_TEXT, "key-type", &key_type, "TYPE",
	    "p256 (default), p384, ed25519, rsa2048, rsa3072" },
	{ 0, OPT_COUNT, "days", &days, "N", "how long it is valid; else 365" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

/* What is read before, and made in, one issue. */
struct issue {
	X509 *ca, *server_ca;
	EVP_PKEY *ca_key, *key;
	X509 *cert;
	char host[HOST_SIZE], port[PORT_SIZE];
	char server_name[CERT_HOST_SIZE];	/* "": the host is in the certificate */
};

static int
check(const char *name)
{
	if (!user_name_valid(name))
		return (complain("\"%s\" is no user's name; give lower-case letters, digits, _ and "
		    "-, not beginning with a digit or -, at most 32", name));
	if (days != NOT_GIVEN && days > DAYS_MAX)
		return (complain("--days: at most %d", DAYS_MAX));
	return (ca_key_type_check(key_type, CA_USE_CLIENT));
}

static int
read_cas(const struct ca_files *f, struct issue *is)
{
	if ((is->ca = ca_files_get_cert(f, "ca/client-ca.pem")) == NULL ||
	    (is->ca_key = ca_files_get_key(f, "ca/client-ca.key")) == NULL ||
	    (is->server_ca = ca_files_get_cert(f, "ca/server-ca.pem")) == NULL)
		return (EXIT_TELEPILOT);
	if (X509_check_private_key(is->ca, is->ca_key) != 1)
		return (complain("%s/ca: client-ca.key does not belong to client-ca.pem", dir));
	if (X509_cmp_current_time(X509_get0_notAfter(is->ca)) < 0)
		return (complain("%s/ca/client-ca.pem: this CA has expired", dir));
	return (0);
}

static int
host_matches(X509 *cert, const char *host)
{
	return ((address_is_ip(host) ? X509_check_ip_asc(cert, host, 0) :
	    X509_check_host(cert, host, 0, 0, NULL)) == 1);
}

/* The server of the profile, and the name to expect if that is another. */
static int
find_server(const struct ca_files *f, struct issue *is)
{
	char first[CERT_HOST_SIZE], own[HOST_NAME_MAX + 1] = "localhost";
	const char *wanted = server;
	X509 *cert = NULL;
	int known;

	if (faccessat(f->dirs[0], "server.pem", R_OK, 0) == 0 &&
	    (cert = ca_files_get_cert(f, "server.pem")) == NULL)
		return (EXIT_TELEPILOT);
	known = cert != NULL && cert_host(cert, 0, first);
	if (wanted == NULL && known)
		wanted = first;
	else if (wanted == NULL) {
		(void)gethostname(own, sizeof(own));
		wanted = own;
	}
	if (address_parse(wanted, is->host, is->port) != 0) {
		X509_free(cert);
		return (complain("--server: \"%s\" is no server; give HOST, HOST:PORT or "
		    "[IPV6]:PORT", wanted));
	}
	if (known && !host_matches(cert, is->host))
		memcpy(is->server_name, first, sizeof(first));
	X509_free(cert);
	return (0);
}

static int
make_cert(struct issue *is, const char *name)
{
	char domain[DOMAIN_SIZE], uri[DOMAIN_SIZE + 64];
	struct ca_spec spec = { .kind = CA_CLIENT, .name = name, .uri = uri,
	    .issuer = is->ca, .issuer_key = is->ca_key };

	snprintf(uri, sizeof(uri), "spiffe://%s/user/%s",
	    ca_trust_domain(is->ca, domain, sizeof(domain)), name);
	spec.days = days != NOT_GIVEN ? (int)days : CA_CLIENT_DAYS;
	if ((is->key = ca_key_new(key_type, CA_USE_CLIENT)) == NULL)
		return (EXIT_TELEPILOT);
	spec.key = is->key;
	return ((is->cert = ca_cert_new(&spec)) == NULL ? EXIT_TELEPILOT : 0);
}

static int
put_config(struct ca_files *f, int profile, const char *place, const struct issue *is)
{
	char peer[PEER_SIZE], *text;
	int n, r;

	address_format(is->host, is->port, peer);
	if (is->server_name[0] != '\0')
		n = asprintf(&text, "server %s\nserver-name %s\n", peer, is->server_name);
	else
		n = asprintf(&text, "server %s\n", peer);
	if (n == -1)
		return (complain("out of memory"));
	r = ca_files_put(f, profile, place, "config", 0644, text, (size_t)n);
	free(text);
	return (r);
}

static int
write_profile(struct ca_files *f, const struct issue *is, const char *name)
{
	char place[64];
	int profiles, profile, r;

	snprintf(place, sizeof(place), "profiles/%s/", name);
	if ((r = ca_files_dir(f, f->dirs[0], "profiles", 0755, &profiles)) != 0 ||
	    (r = ca_files_dir(f, profiles, name, 0700, &profile)) != 0 ||
	    (r = ca_files_put_key(f, profile, place, "key.pem", is->key)) != 0 ||
	    (r = ca_files_put_cert(f, profile, place, "cert.pem", is->cert)) != 0 ||
	    (r = ca_files_put_cert(f, profile, place, "ca.pem", is->server_ca)) != 0 ||
	    (r = put_config(f, profile, place, is)) != 0)
		return (r);
	return (0);
}

static void
tell(const char *name)
{
	printf("%s/profiles/%s is the profile of the user %s. Give it to them, as\n"
	    "  ~/.config/telepilot/default\n"
	    "or use it from here:\n"
	    "  telepilot --profile %s/profiles/%s run echo hello\n", dir, name, name, dir, name);
}

static int
run_issue(int argc, char **argv)
{
	struct issue is = { 0 };
	const char *name = argv[0];
	struct ca_files f;
	int r;

	(void)argc;
	if ((r = check(name)) != 0)
		return (r);
	if ((r = ca_files_begin(&f, dir, false)) == 0 &&
	    (r = read_cas(&f, &is)) == 0 &&
	    (r = find_server(&f, &is)) == 0 &&
	    (r = make_cert(&is, name)) == 0)
		r = write_profile(&f, &is, name);
	if ((r = ca_files_end(&f, r)) == 0)
		tell(name);
	X509_free(is.ca);
	X509_free(is.server_ca);
	X509_free(is.cert);
	EVP_PKEY_free(is.ca_key);
	EVP_PKEY_free(is.key);
	return (r);
}

const struct command cmd_ca_issue = {
	.name = "ca issue",
	.operands = "NAME",
	.summary = "make a user: a certificate and a profile",
	.options = { issue_options },
	.min = 1,
	.max = 1,
	.run = run_issue,
};
