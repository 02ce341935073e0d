/* SPDX-License-Identifier: ISC */

/*
 * netd/wire, netd/prescan, netd/arena, netd/details: what stands between a
 * stranger's request and protobuf-c, and what goes back about it.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/grpc.h"
#include "netd/arena.h"
#include "netd/details.h"
#include "netd/prescan.h"
#include "netd/wire.h"
#include "telepilot/v1/telepilot.pb-c.h"

#define BYTES(s)	(const uint8_t *)(s), sizeof(s) - 1
#define CREATE		&telepilot__v1__create_job_request__descriptor

/* On the heap, so that ASan sees a step past the end. */
static int
scan(const ProtobufCMessageDescriptor *desc, const uint8_t *p, size_t len, char field[64])
{
	uint8_t *copy = malloc(len + 1);
	int r;

	assert_non_null(copy);
	memmove(copy + 1, p, len);
	field[0] = '\0';
	r = prescan(desc, copy + 1, len, field, 64);
	free(copy);
	return (r);
}

static void
test_good_strings(void **state)
{
	char field[64];

	(void)state;
	assert_int_equal(scan(CREATE, BYTES(""), field), 0);
	assert_int_equal(scan(CREATE, BYTES("\x0a\x02ls\x12\x02-l\x2a\x03""A=1"), field), 0);
	assert_int_equal(scan(CREATE, BYTES("\x0a\x03\xe2\x98\xba"), field), 0);
	/* Unknown fields are skipped, whatever is in them. */
	assert_int_equal(scan(CREATE, BYTES("\xfa\x06\x02\xff\x00"), field), 0);
	/* limits { cpu_cores, swap }, merge_output */
	assert_int_equal(scan(CREATE, BYTES("\x1a\x0b\x09\0\0\0\0\0\0\0\0\x18\x01\x38\x01"),
	    field), 0);
}

static void
test_bad_strings_are_named(void **state)
{
	char field[64];

	(void)state;
	assert_int_equal(scan(CREATE, BYTES("\x0a\x03""a\0b"), field), -EILSEQ);
	assert_string_equal(field, "command");
	assert_int_equal(scan(CREATE, BYTES("\x0a\x01\xff"), field), -EILSEQ);
	assert_string_equal(field, "command");
	assert_int_equal(scan(CREATE, BYTES("\x12\x01""a\x2a\x01""b\x12\x02\xc0\x80"), field),
	    -EILSEQ);
	assert_string_equal(field, "args[1]");
	assert_int_equal(scan(CREATE, BYTES("\x2a\x01\0"), field), -EILSEQ);
	assert_string_equal(field, "env[0]");
}

static void
test_bad_wire(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} bad[] = {
		{ "\x0a", 1 },			/* no length */
		{ "\x0a\x05""ab", 4 },		/* longer than what is there */
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
		{ "\x02\x00", 2 },		/* field 0 */
		{ "\x0b", 1 },			/* a group */
		{ "\x0c", 1 },
		{ "\x0f", 1 },			/* no wire type */
		{ "\x09\x01\x02", 3 },		/* half a fixed64 */
		{ "\x0d\x01\x02", 3 },		/* half a fixed32 */
		{ "\x08\x80", 2 },		/* half a varint */
		{ "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12 },
		{ "\x1a\x02\x08\x80", 4 },	/* in a nested message */
	};
	char field[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(scan(CREATE, (const uint8_t *)bad[i].p, bad[i].n, field),
		    -EBADMSG);
}

/* Every prefix of a good request is walked without a step too far. */
static void
test_cut_anywhere(void **state)
{
	static const char good[] = "\x0a\x02ls\x12\x02-l\x1a\x02\x40\x05\x2a\x03""A=1";
	char field[64];
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(good); n++)
		(void)scan(CREATE, (const uint8_t *)good, n, field);
}

/* --- the arena --- */

static void
test_arena_aligns_and_ends(void **state)
{
	struct arena a;
	size_t i, sum = 0;
	char *p;

	(void)state;
	arena_init(&a, 100000);
	for (i = 0; (p = a.allocator.alloc(&a, i % 100)) != NULL; i++) {
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		memset(p, 0x55, i % 100);
		sum += i % 100;
	}
	assert_true(a.exhausted);
	assert_true(sum > 50000 && sum <= 100000);
	arena_free(&a);
}

static void
test_arena_refuses_the_impossible(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1000);
	assert_null(a.allocator.alloc(&a, SIZE_MAX));
	assert_null(a.allocator.alloc(&a, 1001));
	assert_true(a.exhausted);
	assert_non_null(a.allocator.alloc(&a, 900));
	assert_null(a.allocator.alloc(&a, 900));
	arena_free(&a);
}

/* 64 KiB of empty strings would be a hundred times as large when decoded. */
static void
test_arena_bounds_a_decode(void **state)
{
	uint8_t *wire = malloc(65536);
	ProtobufCMessage *m;
	struct arena a;
	size_t i, budget;

	(void)state;
	assert_non_null(wire);
	for (i = 0; i < 65536; i += 2) {
		wire[i] = 0x12;		/* args */
		wire[i + 1] = 0;
	}
	arena_init(&a, 256 * 1024);
	m = protobuf_c_message_unpack(CREATE, &a.allocator, 65536, wire);
	assert_null(m);
	assert_true(a.exhausted);
	arena_free(&a);
	/* A refusal at any point leaves nothing behind that ASan would find. */
	for (budget = 0; budget < 20000; budget += 16) {
		arena_init(&a, budget);
		(void)protobuf_c_message_unpack(CREATE, &a.allocator, 200, wire);
		arena_free(&a);
	}
	free(wire);
}

/* --- the details of an error --- */

static void
test_text_names_the_field_once(void **state)
{
	char text[DETAILS_TEXT_MAX];
	struct status st;

	(void)state;
	(void)status_set(&st, ST_INVALID_ARGUMENT, "args", "is too long");
	details_text(&st, text);
	assert_string_equal(text, "args: is too long");
	(void)status_set(&st, ST_INVALID_ARGUMENT, "args", "args: too long");
	details_text(&st, text);
	assert_string_equal(text, "args: too long");
	(void)status_set(&st, ST_NOT_FOUND, NULL, "nothing");
	details_text(&st, text);
	assert_string_equal(text, "nothing");
}

static void
expect(struct wire *w, uint32_t number, const char *text, struct wire *inner)
{
	struct wire_field f;

	assert_int_equal(wire_next(w, &f), 1);
	assert_int_equal(f.number, number);
	if (text != NULL) {
		assert_int_equal(f.len, strlen(text));
		assert_memory_equal(f.data, text, f.len);
	}
	if (inner != NULL)
		wire_init(inner, f.data, f.len);
}

static void
test_details_are_a_bad_request(void **state)
{
	struct wire status, any, request, violation;
	struct wire_field f;
	struct status st;
	uint8_t *p;
	char *s;
	size_t n;

	(void)state;
	(void)status_set(&st, ST_INVALID_ARGUMENT, "limits.pids", "too many");
	assert_non_null(s = details_encode(&st));
	assert_null(strchr(s, '='));
	assert_non_null(p = grpc_base64_decode(s, strlen(s), &n));
	assert_memory_equal(p, "\x08\x03", 2);
	wire_init(&status, p, n);
	expect(&status, 1, NULL, NULL);
	expect(&status, 2, "limits.pids: too many", NULL);
	expect(&status, 3, NULL, &any);
	assert_int_equal(wire_next(&status, &f), 0);
	expect(&any, 1, "type.googleapis.com/google.rpc.BadRequest", NULL);
	expect(&any, 2, NULL, &request);
	expect(&request, 1, NULL, &violation);
	expect(&violation, 1, "limits.pids", NULL);
	expect(&violation, 2, "too many", NULL);
	assert_int_equal(wire_next(&violation, &f), 0);
	free(p);
	free(s);
}

static void
test_details_of_the_longest_texts(void **state)
{
	struct status st;
	char *s;

	(void)state;
	memset(&st, 0, sizeof(st));
	st.code = ST_INVALID_ARGUMENT;
	memset(st.field, 'f', sizeof(st.field) - 1);
	memset(st.message, 'm', sizeof(st.message) - 1);
	assert_non_null(s = details_encode(&st));
	assert_true(strlen(s) < 4096);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_strings),
		cmocka_unit_test(test_bad_strings_are_named),
		cmocka_unit_test(test_bad_wire),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_arena_aligns_and_ends),
		cmocka_unit_test(test_arena_refuses_the_impossible),
		cmocka_unit_test(test_arena_bounds_a_decode),
		cmocka_unit_test(test_text_names_the_field_once),
		cmocka_unit_test(test_details_are_a_bad_request),
		cmocka_unit_test(test_details_of_the_longest_texts),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
