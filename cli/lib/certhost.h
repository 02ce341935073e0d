/*
 * The hosts that a server's certificate was made for.
 */
#ifndef CLI_LIB_CERTHOST_H
#define CLI_LIB_CERTHOST_H

#include <stddef.h>

#include <openssl/x509.h>

#define CERT_HOST_SIZE	256

/* The index-th name or IP address as text: 1, or 0 if there are no more. */
int cert_host(const X509 *, int index, char dst[CERT_HOST_SIZE]);

#endif
