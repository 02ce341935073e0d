/* SPDX-License-Identifier: ISC */

/*
 * What went wrong with a TLS connection, for people: whose certificate was
 * not accepted by whom, why, and what helps.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "cli/lib/certhost.h"
#include "cli/lib/internal.h"

#define NAMES_SIZE	160

void
span_words(int64_t seconds, char *dst, size_t size)
{
	static const struct {
		int64_t from, unit;
		const char *name;
	} spans[] = {
		{ 2 * 86400, 86400, "d" },
		{ 2 * 3600, 3600, "h" },
		{ 2 * 60, 60, "min" },
		{ INT64_MIN, 1, "s" },
	};
	size_t i = 0;

	while (seconds < spans[i].from)
		i++;
	snprintf(dst, size, "%lld %s", (long long)(seconds / spans[i].unit), spans[i].name);
}

/* "a, b, 10.0.0.1", as far as they fit. */
static void
cert_names(const X509 *cert, char *dst, size_t size)
{
	char host[CERT_HOST_SIZE];
	size_t len = 0;
	int i, n;

	snprintf(dst, size, "no host");
	for (i = 0; cert != NULL && cert_host(cert, i, host); i++) {
		n = snprintf(dst + len, size - len, "%s%s", i > 0 ? ", " : "", host);
		if (n < 0 || (size_t)n >= size - len)
			break;
		len += (size_t)n;
	}
}

static int
server_not_believed(struct telepilot *c, const struct telepilot_settings *set, const char *name)
{
	char names[NAMES_SIZE], span[32];
	int days = 0, seconds = 0;

	switch (c->verify_error) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		cert_names(c->verify_cert, names, sizeof(names));
		return (status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "the certificate of %s is for %s, not for %s (see --server-name)",
		    c->peer, names, name));
	case X509_V_ERR_CERT_HAS_EXPIRED:
		if (c->verify_cert != NULL)
			(void)ASN1_TIME_diff(&days, &seconds,
			    X509_get0_notAfter(c->verify_cert), NULL);
		span_words((int64_t)days * 86400 + seconds, span, sizeof(span));
		return (status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "the certificate of the server %s expired %s ago", c->peer, span));
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return (status_set(&c->status, ST_UNAVAILABLE, NULL, "the certificate of the "
		    "server %s is not valid yet; is this machine's clock right?", c->peer));
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return (status_set(&c->status, ST_UNAVAILABLE, NULL, "the certificate of the "
		    "server %s is not trusted: no CA in %s signed it", c->peer, set->ca_file));
	default:
		return (status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "the certificate of the server %s is not trusted: %s", c->peer,
		    X509_verify_cert_error_string(c->verify_error)));
	}
}

/* The alert that the server sent, or -1. */
static int
alert_received(void)
{
	unsigned long error = ERR_peek_error();
	int reason = ERR_GET_REASON(error);

	if (ERR_GET_LIB(error) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET ||
	    reason > SSL_AD_REASON_OFFSET + 255)
		return (-1);
	return (reason - SSL_AD_REASON_OFFSET);
}

static int
refused_by_alert(struct telepilot *c, int alert)
{
	static const struct {
		int alert;
		const char *why;
	} refusals[] = {
		{ SSL_AD_UNKNOWN_CA, "it is signed by no CA that the server trusts" },
		{ SSL_AD_CERTIFICATE_EXPIRED, "it has expired" },
		{ SSL_AD_CERTIFICATE_REVOKED, "it has been revoked" },
		{ SSL_AD_CERTIFICATE_UNKNOWN, "it names no user, or not in the right form" },
		{ SSL_AD_BAD_CERTIFICATE, "the server cannot use it" },
		{ SSL_AD_UNSUPPORTED_CERTIFICATE, "it is not made for clients" },
		{ SSL_AD_CERTIFICATE_REQUIRED, "the server wants one and got none" },
		{ SSL_AD_ACCESS_DENIED, "access denied" },
		{ SSL_AD_DECRYPT_ERROR, "its signature is wrong" },
	};
	const char *name = SSL_alert_desc_string_long(alert);
	size_t i;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (refusals[i].alert == alert)
			return (status_set(&c->status, ST_UNAUTHENTICATED, NULL,
			    "%s refuses the certificate of %s: %s (alert: %s)", c->peer,
			    c->user, refusals[i].why, name));
	if (alert == SSL_AD_PROTOCOL_VERSION)
		return (status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "%s does not speak TLS 1.3", c->peer));
	return (status_set(&c->status, ST_UNAVAILABLE, NULL,
	    "%s ended the TLS connection (alert: %s)", c->peer, name));
}

/* The end of a connection without any word of TLS. */
static int
lost(struct telepilot *c, int ssl_error, int error)
{
	const char *why = ERR_reason_error_string(ERR_peek_error());

	if (c->going_away)
		return (status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "the server %s is shutting down or full%s%s", c->peer,
		    c->goodbye[0] != '\0' ? ": " : "", c->goodbye));
	if (ssl_error == SSL_ERROR_ZERO_RETURN || (ssl_error == SSL_ERROR_SYSCALL && error == 0) ||
	    ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		why = "the server closed it";
	else if (ssl_error == SSL_ERROR_SYSCALL)
		why = strerror(error);
	return (status_set(&c->status, ST_UNAVAILABLE, NULL,
	    "the connection to %s was lost: %s", c->peer, why != NULL ? why : "unknown error"));
}

int
tls_handshake_failed(struct telepilot *c, const struct telepilot_settings *set,
    const char *name, int ssl_error)
{
	int error = errno, alert = alert_received();

	if (c->verify_error != X509_V_OK)
		return (server_not_believed(c, set, name));
	if (alert != -1)
		return (refused_by_alert(c, alert));
	switch (ERR_GET_REASON(ERR_peek_error())) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_UNEXPECTED_MESSAGE:
		return (status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "%s does not speak TLS: is it telepilotd?", c->peer));
	case SSL_R_UNSUPPORTED_PROTOCOL:
		return (status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "%s does not speak TLS 1.3", c->peer));
	default:
		return (lost(c, ssl_error, error));
	}
}

int
tls_connection_failed(struct telepilot *c, int ssl_error)
{
	int error = errno, alert = alert_received();

	return (alert != -1 ? refused_by_alert(c, alert) : lost(c, ssl_error, error));
}
