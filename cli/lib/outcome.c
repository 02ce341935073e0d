/* SPDX-License-Identifier: ISC */

/*
 * What an ended call says, by gRPC's rules: the status in the trailers; without
 * one, what HTTP/2 or HTTP said instead.
 */

#include <stdlib.h>
#include <string.h>

#include "cli/lib/internal.h"

int
outcome_of_http(int http_status)
{
	switch (http_status) {
	case 400:
	case 431:
		return (ST_INTERNAL);
	case 401:
		return (ST_UNAUTHENTICATED);
	case 403:
		return (ST_PERMISSION_DENIED);
	case 404:
		return (ST_UNIMPLEMENTED);
	case 429:
	case 502:
	case 503:
	case 504:
		return (ST_UNAVAILABLE);
	default:
		return (ST_UNKNOWN);
	}
}

int
outcome_of_h2(uint32_t h2_error)
{
	switch (h2_error) {
	case NGHTTP2_REFUSED_STREAM:
		return (ST_UNAVAILABLE);
	case NGHTTP2_CANCEL:
		return (ST_CANCELLED);
	case NGHTTP2_ENHANCE_YOUR_CALM:
		return (ST_RESOURCE_EXHAUSTED);
	case NGHTTP2_INADEQUATE_SECURITY:
		return (ST_PERMISSION_DENIED);
	default:
		return (ST_INTERNAL);
	}
}

static int
no_status(struct telepilot *c, const struct call *call)
{
	if (call->h2_error == NGHTTP2_REFUSED_STREAM && c->going_away)
		return (status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "the server %s is shutting down", c->peer));
	if (call->h2_error != NGHTTP2_NO_ERROR)
		return (status_set(&c->status, (enum status_code)outcome_of_h2(call->h2_error),
		    NULL, "the server reset the call: %s",
		    nghttp2_http2_strerror(call->h2_error)));
	if (call->http_status != 200)
		return (status_set(&c->status,
		    (enum status_code)outcome_of_http(call->http_status), NULL,
		    "%s answers with HTTP status %d: is it telepilotd?", c->peer,
		    call->http_status));
	return (status_set(&c->status, ST_UNKNOWN, NULL, "%s ended the call without a status%s",
	    c->peer, call->grpc_content ? "" : ": is it telepilotd?"));
}

static void
read_details(const char *base64, char field[STATUS_FIELD_MAX])
{
	uint8_t *raw;
	size_t len;

	field[0] = '\0';
	if (base64 == NULL || (raw = grpc_base64_decode(base64, strlen(base64),
	    &len)) == NULL)
		return;
	details_field(raw, len, field, STATUS_FIELD_MAX);
	free(raw);
}

int
outcome(struct telepilot *c, const struct call *call)
{
	const char *coded = call->grpc_message != NULL ? call->grpc_message : "";
	char field[STATUS_FIELD_MAX], *words;
	enum status_code code;

	if (call->grpc_status == -1)
		return (no_status(c, call));
	if (call->grpc_status == ST_OK) {
		if (!grpc_deframer_idle(&call->deframer))
			return (status_set(&c->status, ST_INTERNAL, NULL,
			    "the server ended the call in the middle of a message"));
		return (0);
	}
	code = (enum status_code)call->grpc_status;
	read_details(call->details, field);
	words = grpc_percent_decode(coded, strlen(coded));
	status_set(&c->status, code, field, "%s",
	    words == NULL || words[0] == '\0' ? status_name(code) : words);
	free(words);
	return (code);
}
