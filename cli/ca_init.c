/* SPDX-License-Identifier: ISC */

/*
 * ca init: two CAs, one that signs servers and one that signs users, so that
 * neither's certificates can pass for the other's; and a server's certificate.
 */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ca.h"
#include "cli/cli.h"
#include "cli/lib/address.h"

static const char *dir = TELEPILOT_SYSCONFDIR;
static const char *trust_domain = CA_TRUST_DOMAIN;
static const char *key_type;
static struct strlist hosts;

static const struct opt init_options[] = {
	{ 0, OPT_TEXT, "dir", &dir, "DIR", "where the files go; else " TELEPILOT_SYSCONFDIR },
	{ 0, OPT_LIST, "host", &hosts, "NAME|IP",
	    "a name or address of the server; else this host's" },
	{ 0, OPT_TEXT, "key-type", &key_type, "TYPE", "p256 (default), p384, rsa2048, rsa3072" },
	{ 0, OPT_TEXT, "trust-domain", &trust_domain, "NAME",
	    "in users' names; else " CA_TRUST_DOMAIN },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

/* A key and a certificate that belong together. */
struct pair {
	EVP_PKEY *key;
	X509 *cert;
};

#define DOMAIN_CHARS	"abcdefghijklmnopqrstuvwxyz0123456789.-_"
#define HOST_CHARS	DOMAIN_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
#define DOMAIN_MAX	255

static int
valid(const char *s, const char *chars)
{
	return (s[0] != '\0' && s[strspn(s, chars)] == '\0' && strlen(s) <= DOMAIN_MAX);
}

static int
check(void)
{
	size_t i;

	if (!valid(trust_domain, DOMAIN_CHARS))
		return (complain("--trust-domain: \"%s\" is no domain; give lower-case letters, "
		    "digits, dots and dashes", trust_domain));
	for (i = 0; i < hosts.n; i++)
		if (!address_is_ip(hosts.v[i]) && !valid(hosts.v[i], HOST_CHARS))
			return (complain("--host: \"%s\" is no host's name or address",
			    hosts.v[i]));
	return (ca_key_type_check(key_type, CA_USE_SERVER));
}

static int
default_hosts(char name[HOST_NAME_MAX + 1])
{
	static const char *const local[] = { "localhost", "127.0.0.1", "::1" };
	size_t i;
	int r = 0;

	if (hosts.n > 0)
		return (0);
	if (gethostname(name, HOST_NAME_MAX + 1) == 0 && valid(name, HOST_CHARS) &&
	    strcmp(name, "localhost") != 0)
		r = strlist_add(&hosts, name);
	for (i = 0; r == 0 && i < sizeof(local) / sizeof(local[0]); i++)
		r = strlist_add(&hosts, local[i]);
	return (r == 0 ? 0 : complain("out of memory"));
}

static int
make_pair(struct pair *p, struct ca_spec *spec)
{
	if ((p->key = ca_key_new(key_type, CA_USE_SERVER)) == NULL)
		return (EXIT_TELEPILOT);
	spec->key = p->key;
	return ((p->cert = ca_cert_new(spec)) == NULL ? EXIT_TELEPILOT : 0);
}

static int
make_all(struct pair *client_ca, struct pair *server_ca, struct pair *server)
{
	char uri[sizeof("spiffe://") + DOMAIN_MAX];
	struct ca_spec spec = { .kind = CA_AUTHORITY, .days = CA_DAYS };
	int r;

	snprintf(uri, sizeof(uri), "spiffe://%s", trust_domain);
	spec.name = "TelePilot client CA";
	spec.uri = uri;
	if ((r = make_pair(client_ca, &spec)) != 0)
		return (r);
	spec.name = "TelePilot server CA";
	spec.uri = NULL;
	if ((r = make_pair(server_ca, &spec)) != 0)
		return (r);
	spec.kind = CA_SERVER;
	spec.name = "TelePilot server";
	spec.days = CA_SERVER_DAYS;
	spec.hosts = &hosts;
	spec.issuer = server_ca->cert;
	spec.issuer_key = server_ca->key;
	return (make_pair(server, &spec));
}

static int
write_all(struct ca_files *f, const struct pair *client_ca, const struct pair *server_ca,
    const struct pair *server)
{
	int base = f->dirs[0], ca, r;

	if ((r = ca_files_dir(f, base, "ca", 0700, &ca)) != 0 ||
	    (r = ca_files_put_key(f, ca, "ca/", "client-ca.key", client_ca->key)) != 0 ||
	    (r = ca_files_put_cert(f, ca, "ca/", "client-ca.pem", client_ca->cert)) != 0 ||
	    (r = ca_files_put_key(f, ca, "ca/", "server-ca.key", server_ca->key)) != 0 ||
	    (r = ca_files_put_cert(f, ca, "ca/", "server-ca.pem", server_ca->cert)) != 0 ||
	    (r = ca_files_put_key(f, base, "", "server.key", server->key)) != 0 ||
	    (r = ca_files_put_cert(f, base, "", "server.pem", server->cert)) != 0 ||
	    (r = ca_files_put_cert(f, base, "", "client-ca.pem", client_ca->cert)) != 0)
		return (r);
	return (0);
}

static void
free_pair(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}

static void
tell(void)
{
	size_t i;

	printf("In %s there are now\n"
	    "  server.pem, server.key  the server's certificate, for", dir);
	for (i = 0; i < hosts.n; i++)
		printf("%s %s", i > 0 ? "," : "", hosts.v[i]);
	printf("\n  client-ca.pem           whose signature makes a user\n"
	    "  ca/                     both CAs with their keys: keep it secret\n"
	    "A user is made by: telepilot ca issue NAME");
	if (strcmp(dir, TELEPILOT_SYSCONFDIR) != 0)
		printf(" --dir %s", dir);
	putchar('\n');
}

static int
run_init(int argc, char **argv)
{
	struct pair client_ca = { 0 }, server_ca = { 0 }, server = { 0 };
	char name[HOST_NAME_MAX + 1];
	struct ca_files f;
	int r;

	(void)argc;
	(void)argv;
	if ((r = check()) != 0 || (r = default_hosts(name)) != 0)
		goto out;
	if ((r = ca_files_begin(&f, dir, true)) == 0 &&
	    (r = make_all(&client_ca, &server_ca, &server)) == 0)
		r = write_all(&f, &client_ca, &server_ca, &server);
	if ((r = ca_files_end(&f, r)) == 0)
		tell();
out:
	free_pair(&client_ca);
	free_pair(&server_ca);
	free_pair(&server);
	free(hosts.v);
	return (r);
}

const struct command cmd_ca_init = {
	.name = "ca init",
	.operands = "",
	.summary = "make the CAs and a server's certificate",
	.options = { init_options },
	.min = 0,
	.max = 0,
	.run = run_init,
};
