/* SPDX-License-Identifier: ISC */

/*
 * Reads the DNS names and IP addresses of a certificate's subject alternative
 * names. The certificate may be a stranger's: what comes out is for people.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>

#include <openssl/x509v3.h>

#include "cli/lib/certhost.h"

/* 1 if the name is one of a host and fits. */
static int
host_text(const GENERAL_NAME *g, char *dst, size_t size)
{
	const ASN1_STRING *s;
	int len;

	if (g->type == GEN_DNS) {
		s = g->d.dNSName;
		len = snprintf(dst, size, "%.*s", ASN1_STRING_length(s),
		    (const char *)ASN1_STRING_get0_data(s));
		return (len > 0 && (size_t)len < size);
	}
	if (g->type != GEN_IPADD)
		return (0);
	s = g->d.iPAddress;
	len = ASN1_STRING_length(s);
	if (len != 4 && len != 16)
		return (0);
	return (inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(s), dst,
	    (socklen_t)size) != NULL);
}

int
cert_host(const X509 *cert, int index, char dst[CERT_HOST_SIZE])
{
	GENERAL_NAMES *names;
	int i, found = 0;

	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (i = 0; !found && i < sk_GENERAL_NAME_num(names); i++)
		if (host_text(sk_GENERAL_NAME_value(names, i), dst, CERT_HOST_SIZE))
			found = index-- == 0;
	GENERAL_NAMES_free(names);
	return (found);
}
