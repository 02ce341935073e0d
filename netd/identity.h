/* SPDX-License-Identifier: ISC */

/*
 * Who a verified certificate says its holder is.
 */
#ifndef NETD_IDENTITY_H
#define NETD_IDENTITY_H

#include <openssl/x509.h>

#include "common/ipc.h"

#define SERIAL_MAX	64		/* hex digits; RFC 5280 allows 40 */
#define FINGERPRINT_LEN	64		/* SHA-256 */

struct identity {
	char user[JOB_USER_MAX + 1];
	char serial[SERIAL_MAX + 1];
	char fingerprint[FINGERPRINT_LEN + 1];
};

/* NULL, or why the certificate names no user. */
const char *identity_get(X509 *, const struct netd_init *, struct identity *);

/* True if its extended key usage is there and says clientAuth. */
bool identity_may_authenticate(X509 *);

#endif
