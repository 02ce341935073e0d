/*
 * A certificate authority in files: keys, certificates, and their places.
 */
#ifndef CLI_CA_H
#define CLI_CA_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "cli/options.h"

#define CA_TRUST_DOMAIN		"telepilot"
#define CA_DAYS			3650
#define CA_SERVER_DAYS		825
#define CA_CLIENT_DAYS		365

/* ca_key.c. All say what is wrong, and then return NULL. */
enum ca_use { CA_USE_SERVER, CA_USE_CLIENT };
/* "p256", "p384", "ed25519", "rsa2048", "rsa3072"; NULL is p256. */
EVP_PKEY *ca_key_new(const char *type, enum ca_use);
/* The same check alone, before anything is made. 0 or EXIT_TELEPILOT. */
int ca_key_type_check(const char *type, enum ca_use);

/* ca_cert.c */
enum ca_kind { CA_AUTHORITY, CA_SERVER, CA_CLIENT };
struct ca_spec {
	enum ca_kind kind;
	const char *name;		/* the subject's CN */
	EVP_PKEY *key;
	int days;
	X509 *issuer;			/* NULL: it signs itself */
	EVP_PKEY *issuer_key;
	const struct strlist *hosts;	/* names and addresses, or NULL */
	const char *uri;		/* or NULL */
};
X509 *ca_cert_new(const struct ca_spec *);
/* The trust domain that a client CA was made for; dst is returned. */
const char *ca_trust_domain(const X509 *, char *dst, size_t size);

/*
 * ca_files.c: whatever is made is taken back by ca_files_end unless it is told
 * to keep it. All functions that can fail say why, and return 0 or EXIT_TELEPILOT.
 */
#define CA_FILES_MAX	16

struct ca_files {
	struct ca_made {
		int dir;		/* borrowed */
		char *name;
		bool is_dir;
	} made[CA_FILES_MAX];
	size_t n;
	char *base;			/* the directory's path, for messages */
	int dirs[4];			/* open directories, the base first */
	size_t ndirs;
};

int ca_files_begin(struct ca_files *, const char *path, bool create);
/* Makes or opens base/name; its descriptor is the files' own. */
int ca_files_dir(struct ca_files *, int parent, const char *name, mode_t, int *fd);
/* Never writes over anything. place is "ca/", for messages. */
int ca_files_put(struct ca_files *, int dir, const char *place, const char *name, mode_t,
    const void *, size_t);
int ca_files_put_key(struct ca_files *, int dir, const char *place, const char *name,
    EVP_PKEY *);
int ca_files_put_cert(struct ca_files *, int dir, const char *place, const char *name,
    X509 *);
/* r is 0 to keep all; returns r, or EXIT_TELEPILOT if it cannot be made durable. */
int ca_files_end(struct ca_files *, int r);
X509 *ca_files_get_cert(const struct ca_files *, const char *path);
EVP_PKEY *ca_files_get_key(const struct ca_files *, const char *path);

#endif
