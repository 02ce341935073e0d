/* SPDX-License-Identifier: ISC */

/*
 * The pure parts of libtelepilot: addresses, and what an ended call says.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/lib/internal.h"

static void
test_addresses(void **state)
{
	static const struct {
		const char *in, *host, *port, *peer;
	} good[] = {
		{ "h", "h", "7443", "h:7443" },
		{ "h.example:1", "h.example", "1", "h.example:1" },
		{ "127.0.0.1:65535", "127.0.0.1", "65535", "127.0.0.1:65535" },
		{ "[::1]:80", "::1", "80", "[::1]:80" },
		{ "[::1]", "::1", "7443", "[::1]:7443" },
		{ "fe80::1", "fe80::1", "7443", "[fe80::1]:7443" },
	};
	static const char *const bad[] = {
		"", ":1", "h:", "h:0", "h:65536", "h:x", "h: 1", "[::1", "[]:1", "[::1]x", "[::1]:",
		"a b:1", "a/b:1", "u@h:1", "h\n:1",
	};
	char host[HOST_SIZE], port[PORT_SIZE], peer[PEER_SIZE], longest[HOST_SIZE + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(address_parse(good[i].in, host, port), 0);
		assert_string_equal(host, good[i].host);
		assert_string_equal(port, good[i].port);
		address_format(host, port, peer);
		assert_string_equal(peer, good[i].peer);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (address_parse(bad[i], host, port) != -EINVAL)
			fail_msg("\"%s\" was taken for an address", bad[i]);
	memset(longest, 'a', sizeof(longest));
	longest[HOST_SIZE] = '\0';
	assert_int_equal(address_parse(longest, host, port), -EINVAL);
	longest[HOST_SIZE - 1] = '\0';
	assert_int_equal(address_parse(longest, host, port), 0);
}

/* google.rpc.Status with a BadRequest of one field. */
static const uint8_t bad_request[] =
    "\x08\x03"			/* code */
    "\x12\x01m"			/* message */
    "\x1a\x05\x0a\x03xyz"	/* a detail of another type */
    "\x1a\x3d"			/* Any */
	"\x0a\x29type.googleapis.com/google.rpc.BadRequest"
	"\x12\x10"		/* BadRequest */
	    "\x0a\x0e"		/* FieldViolation */
		"\x12\x01" "d"	/* description */
		"\x0a\x09" "limits.io";

static void
test_field_of_a_bad_request(void **state)
{
	char field[STATUS_FIELD_MAX], tiny[4];
	uint8_t copy[sizeof(bad_request)];
	size_t len = sizeof(bad_request) - 1, i;

	(void)state;
	details_field(bad_request, len, field, sizeof(field));
	assert_string_equal(field, "limits.io");
	details_field(bad_request, len, tiny, sizeof(tiny));
	assert_string_equal(tiny, "");
	details_field(bad_request, 0, field, sizeof(field));
	assert_string_equal(field, "");
	/* Cut short anywhere, it gives nothing and reads nothing beyond. */
	for (i = 0; i < len; i++) {
		uint8_t *part = malloc(i > 0 ? i : 1);

		memcpy(part, bad_request, i);
		details_field(part, i, field, sizeof(field));
		assert_string_equal(field, "");
		free(part);
	}
	memcpy(copy, bad_request, sizeof(copy));
	copy[len - 1] = 0xff;			/* no UTF-8 */
	details_field(copy, len, field, sizeof(field));
	assert_string_equal(field, "");
}

static struct telepilot client;
static struct call call;

static int
reset(void **state)
{
	(void)state;
	memset(&client, 0, sizeof(client));
	memset(&call, 0, sizeof(call));
	strcpy(client.peer, "h:1");
	call.client = &client;
	call.grpc_status = -1;
	call.http_status = 200;
	call.grpc_content = true;
	grpc_deframer_init(&call.deframer, REPLY_MAX);
	return (0);
}

static void
header(const char *name, const char *value)
{
	assert_int_equal(call_header(&call, (const uint8_t *)name, strlen(name),
	    (const uint8_t *)value, strlen(value)), 0);
}

static void
free_call(void)
{
	free(call.grpc_message);
	free(call.details);
	call.grpc_message = call.details = NULL;
}

static void
test_status_of_trailers(void **state)
{
	char *coded = grpc_base64_encode(bad_request, sizeof(bad_request) - 1);

	(void)state;
	header("grpc-status", "0");
	assert_int_equal(outcome(&client, &call), ST_OK);
	header("grpc-status", "3");
	header("grpc-message", "a%20b%E2%98%BA%zz");
	header("grpc-status-details-bin", coded);
	assert_int_equal(outcome(&client, &call), ST_INVALID_ARGUMENT);
	assert_string_equal(client.status.message, "a b\xe2\x98\xba%zz");
	assert_string_equal(client.status.field, "limits.io");
	header("grpc-status-details-bin", "!!!");
	assert_int_equal(outcome(&client, &call), ST_INVALID_ARGUMENT);
	assert_string_equal(client.status.field, "");
	free_call();
	assert_int_equal(outcome(&client, &call), ST_INVALID_ARGUMENT);
	assert_string_equal(client.status.message, "INVALID_ARGUMENT");
	free(coded);
}

static void
test_status_that_is_none(void **state)
{
	static const char *const bad[] = { "", "17", "-1", "1x", "007", "99" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		header("grpc-status", bad[i]);
		assert_int_equal(outcome(&client, &call), ST_UNKNOWN);
	}
}

static void
test_no_status(void **state)
{
	static const struct {
		int http, code;
	} https[] = {
		{ 400, ST_INTERNAL }, { 401, ST_UNAUTHENTICATED }, { 403, ST_PERMISSION_DENIED },
		{ 404, ST_UNIMPLEMENTED }, { 429, ST_UNAVAILABLE }, { 431, ST_INTERNAL },
		{ 502, ST_UNAVAILABLE }, { 503, ST_UNAVAILABLE }, { 504, ST_UNAVAILABLE },
		{ 200, ST_UNKNOWN }, { 500, ST_UNKNOWN }, { 418, ST_UNKNOWN },
	};
	static const struct {
		uint32_t h2;
		int code;
	} resets[] = {
		{ NGHTTP2_PROTOCOL_ERROR, ST_INTERNAL }, { NGHTTP2_INTERNAL_ERROR, ST_INTERNAL },
		{ NGHTTP2_REFUSED_STREAM, ST_UNAVAILABLE }, { NGHTTP2_CANCEL, ST_CANCELLED },
		{ NGHTTP2_ENHANCE_YOUR_CALM, ST_RESOURCE_EXHAUSTED },
		{ NGHTTP2_INADEQUATE_SECURITY, ST_PERMISSION_DENIED }, { 0xffff, ST_INTERNAL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(https) / sizeof(https[0]); i++) {
		call.http_status = https[i].http;
		assert_int_equal(outcome(&client, &call), https[i].code);
	}
	call.http_status = 200;
	for (i = 0; i < sizeof(resets) / sizeof(resets[0]); i++) {
		call.h2_error = resets[i].h2;
		assert_int_equal(outcome(&client, &call), resets[i].code);
	}
	call.h2_error = NGHTTP2_REFUSED_STREAM;
	client.going_away = true;
	assert_int_equal(outcome(&client, &call), ST_UNAVAILABLE);
	assert_non_null(strstr(client.status.message, "shutting down"));
}

static int got;

static int
count(void *arg, struct telepilot *c, const uint8_t *data, size_t len)
{
	(void)arg;
	(void)c;
	assert_int_equal(len, 2);
	assert_memory_equal(data, "ab", 2);
	return (++got == 3 ? ST_CANCELLED : 0);
}

static void
test_messages(void **state)
{
	static const uint8_t three[] = "\0\0\0\0\2ab\0\0\0\0\2ab\0\0\0\0\2ab\0\0\0\0\2ab";
	static const uint8_t half[] = "\0\0\0\0\2a";
	static const uint8_t huge[] = "\0\xff\xff\xff\xff";
	size_t i;

	(void)state;
	got = 0;
	call.message = count;
	for (i = 0; i < sizeof(three) - 1; i++)
		call_data(&call, three + i, 1);
	assert_int_equal(got, 3);		/* the fourth came after the end */
	assert_int_equal(call.failed, ST_CANCELLED);
	grpc_deframer_free(&call.deframer);

	reset(NULL);
	header("grpc-status", "0");
	call_data(&call, half, sizeof(half) - 1);
	assert_int_equal(outcome(&client, &call), ST_INTERNAL);
	grpc_deframer_free(&call.deframer);

	reset(NULL);
	call_data(&call, huge, sizeof(huge) - 1);
	assert_int_equal(call.failed, ST_RESOURCE_EXHAUSTED);
	reset(NULL);
	call_data(&call, (const uint8_t *)"\1\0\0\0\0", 5);
	assert_int_equal(call.failed, ST_INTERNAL);
	reset(NULL);
	header("content-type", "text/html");
	call_data(&call, (const uint8_t *)"<html>", 6);
	assert_int_equal(call.failed, 0);
}

static void
test_spans(void **state)
{
	char s[32];

	(void)state;
	span_words(5, s, sizeof(s));
	assert_string_equal(s, "5 s");
	span_words(-5, s, sizeof(s));
	assert_string_equal(s, "-5 s");
	span_words(3 * 3600 + 1800, s, sizeof(s));
	assert_string_equal(s, "3 h");
	span_words(2 * 86400, s, sizeof(s));
	assert_string_equal(s, "2 d");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_field_of_a_bad_request),
		cmocka_unit_test_setup(test_status_of_trailers, reset),
		cmocka_unit_test_setup(test_status_that_is_none, reset),
		cmocka_unit_test_setup(test_no_status, reset),
		cmocka_unit_test_setup(test_messages, reset),
		cmocka_unit_test(test_spans),
	};

	return (cmocka_run_group_tests_name("cli_lib", tests, NULL, NULL));
}
