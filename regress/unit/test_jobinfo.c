/* SPDX-License-Identifier: ISC */

/* common/jobinfo: the wire, whole and brief. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/jobinfo.h"
#include "common/strv.h"
#include "common/utf8.h"

#define STATE_OFFSET	(UUID_LEN + 4 + 5)	/* after the id and "alice" */

static char *
dup_text(const char *s)
{
	char *p = strdup(s);

	assert_non_null(p);
	return (p);
}

static void
set_argv(struct jobinfo *j, const char *const *v, size_t n)
{
	size_t i;

	strv_free(j->argv);
	j->argv = calloc(n + 1, sizeof(*j->argv));
	assert_non_null(j->argv);
	for (i = 0; i < n; i++)
		j->argv[i] = dup_text(v[i]);
}

static void
fill(struct jobinfo *j)
{
	static const char *const argv[] = { "sh", "-c", "exit 3" };
	static const struct limits limits = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const struct usage usage = { 11, 12, 13, 14, 15, 16, 17, 18 };
	static const struct job_end end = {
		.reason = END_FAILED_TO_START,
		.has_status = true,
		.wait_status = 0x7f00,
		.stopped_by = "bob",
		.stage = "exec /bin/nope",
		.error = ENOENT,
	};

	jobinfo_init(j);
	memset(j->id.b, 0xab, sizeof(j->id.b));
	strcpy(j->owner, "alice");
	j->state = JOB_EXITED;
	set_argv(j, argv, 3);
	j->argv_truncated = true;
	j->created = 1;
	j->started = -2;
	j->ended = INT64_MAX;
	j->limits = limits;
	j->has_usage = true;
	j->usage = usage;
	j->end = end;
	j->warnings[0] = dup_text("no swap limit on this host");
	j->warnings[1] = dup_text("");
}

static struct buf *
encode(const struct jobinfo *j, bool brief)
{
	struct buf *b = buf_new(65536);

	assert_non_null(b);
	assert_int_equal(jobinfo_put(b, j, brief), 0);
	return (b);
}

static int
decode(const uint8_t *data, size_t n, struct jobinfo *j)
{
	struct rbuf rb;
	int r;

	rbuf_init(&rb, data, n);
	if ((r = jobinfo_get(&rb, j)) == 0 && (r = rbuf_end(&rb)) != 0)
		jobinfo_free(j);
	return (r);
}

static void
test_round_trip(void **state)
{
	struct jobinfo j, k;
	struct buf *b;

	(void)state;
	fill(&j);
	b = encode(&j, false);
	assert_int_equal(decode(buf_data(b), buf_len(b), &k), 0);
	assert_memory_equal(k.id.b, j.id.b, sizeof(j.id.b));
	assert_string_equal(k.owner, "alice");
	assert_int_equal(k.state, JOB_EXITED);
	assert_int_equal(strv_count(k.argv), 3);
	assert_string_equal(k.argv[2], "exit 3");
	assert_true(k.argv_truncated);
	assert_true(k.created == 1 && k.started == -2 && k.ended == INT64_MAX);
	assert_true(k.limits.cpu_millis == 1 && k.limits.pids == 8);
	assert_true(k.has_usage);
	assert_memory_equal(&k.usage, &j.usage, sizeof(j.usage));
	assert_int_equal(k.end.reason, END_FAILED_TO_START);
	assert_true(k.end.has_status);
	assert_int_equal(k.end.wait_status, 0x7f00);
	assert_string_equal(k.end.stopped_by, "bob");
	assert_string_equal(k.end.stage, "exec /bin/nope");
	assert_int_equal(k.end.error, ENOENT);
	assert_int_equal(strv_count(k.warnings), 2);
	assert_string_equal(k.warnings[0], j.warnings[0]);
	assert_string_equal(k.warnings[1], "");
	jobinfo_free(&k);
	assert_null(k.argv);
	assert_null(k.warnings[0]);
	jobinfo_free(&k);
	jobinfo_free(&j);
	buf_free(b);
}

static void
test_fresh_round_trip(void **state)
{
	struct jobinfo j, k;
	struct buf *b;

	(void)state;
	jobinfo_init(&j);
	b = encode(&j, false);
	assert_int_equal(decode(buf_data(b), buf_len(b), &k), 0);
	assert_int_equal(k.state, JOB_CREATED);
	assert_false(k.has_usage);
	assert_true(k.usage.cpu_usec == USAGE_UNKNOWN && k.usage.pids == USAGE_UNKNOWN &&
	    k.usage.memory_bytes == USAGE_UNKNOWN && k.usage.memory_peak_bytes == USAGE_UNKNOWN &&
	    k.usage.io_read_bytes == USAGE_UNKNOWN && k.usage.io_write_bytes == USAGE_UNKNOWN);
	assert_true(k.usage.output_bytes == 0 && k.usage.output_dropped == 0);
	assert_int_equal(k.end.reason, END_NONE);
	assert_true(k.limits.swap_bytes == NO_LIMIT);
	assert_int_equal(strv_count(k.argv), 0);
	jobinfo_free(&k);
	buf_free(b);
}

/* Brief forms of argv; what is cut says so. */
static void
brief(const char *const *argv, size_t n, const char *const *want, size_t want_n, bool cut)
{
	struct jobinfo j, k;
	struct buf *b;
	size_t i;

	jobinfo_init(&j);
	set_argv(&j, argv, n);
	b = encode(&j, true);
	assert_int_equal(decode(buf_data(b), buf_len(b), &k), 0);
	assert_int_equal(k.argv_truncated, cut);
	assert_int_equal(strv_count(k.argv), want_n);
	for (i = 0; i < want_n; i++)
		assert_string_equal(k.argv[i], want[i]);
	jobinfo_free(&k);
	jobinfo_free(&j);
	buf_free(b);
}

static void
test_brief(void **state)
{
	char a255[256], a256[257], a254e[260], a100[101];
	const char *const short_argv[] = { "ls", "-l", "" };
	const char *fits[] = { a255 }, *over[] = { a256 }, *euro[] = { a254e };
	const char *many[] = { a100, a100, a100, "x" };
	const char *want_many[] = { a100, a100, NULL };
	const char *full[] = { a255, "x" };
	char want[260];
	const char *torn[] = { want };

	(void)state;
	memset(a255, 'a', 255);
	a255[255] = '\0';
	memset(a256, 'a', 256);
	a256[256] = '\0';
	memset(a254e, 'a', 254);
	memcpy(a254e + 254, "\xe2\x82\xac", 4);
	memset(a100, 'a', 100);
	a100[100] = '\0';
	brief(short_argv, 3, short_argv, 3, false);
	brief(NULL, 0, NULL, 0, false);
	brief(fits, 1, fits, 1, false);
	brief(over, 1, fits, 1, true);
	brief(full, 2, fits, 1, true);
	/* The character that would be torn is left out whole. */
	memset(want, 'a', 254);
	want[254] = '\0';
	brief(euro, 1, torn, 1, true);
	/* 256 - 2 * 101 = 54 bytes with the NUL are left for the third. */
	memset(want, 'a', 53);
	want[53] = '\0';
	want_many[2] = want;
	brief(many, 4, want_many, 3, true);
}

/* What was truncated stays so, even if it fits. */
static void
test_brief_keeps_the_flag(void **state)
{
	struct jobinfo j, k;
	struct buf *b;

	(void)state;
	fill(&j);
	b = encode(&j, true);
	assert_int_equal(decode(buf_data(b), buf_len(b), &k), 0);
	assert_true(k.argv_truncated);
	assert_int_equal(strv_count(k.argv), 3);
	jobinfo_free(&k);
	jobinfo_free(&j);
	buf_free(b);
}

static void
test_long_warning_is_cut(void **state)
{
	struct jobinfo j, k;
	struct buf *b;
	char *w;

	(void)state;
	jobinfo_init(&j);
	w = malloc(1000);
	memset(w, 'w', 1000);
	memcpy(w + 511, "\xc3\xa9", 3);
	j.warnings[0] = w;
	b = encode(&j, false);
	assert_int_equal(decode(buf_data(b), buf_len(b), &k), 0);
	assert_int_equal(strlen(k.warnings[0]), 511);
	jobinfo_free(&k);
	jobinfo_free(&j);
	buf_free(b);
}

static void
test_every_truncation_is_refused(void **state)
{
	struct jobinfo j, k;
	struct buf *b;
	uint8_t *copy;
	size_t n;

	(void)state;
	fill(&j);
	b = encode(&j, false);
	for (n = 0; n < buf_len(b); n++) {
		copy = malloc(n + 1);
		memcpy(copy, buf_data(b), n);
		assert_int_equal(decode(copy, n, &k), -EBADMSG);
		free(copy);
	}
	jobinfo_free(&j);
	buf_free(b);
}

static void
test_bad_values(void **state)
{
	static const uint8_t bad_states[] = { 0, JOB_LOST + 1, 255 };
	struct jobinfo j, k;
	struct job_end e;
	struct buf *b;
	struct rbuf rb;
	uint8_t *bytes, end[64] = { 0 };
	size_t i;

	(void)state;
	fill(&j);
	b = encode(&j, false);
	bytes = malloc(buf_len(b));
	memcpy(bytes, buf_data(b), buf_len(b));
	assert_int_equal(bytes[STATE_OFFSET], JOB_EXITED);
	for (i = 0; i < sizeof(bad_states); i++) {
		bytes[STATE_OFFSET] = bad_states[i];
		assert_int_equal(decode(bytes, buf_len(b), &k), -EBADMSG);
	}
	jobinfo_free(&j);
	buf_free(b);
	free(bytes);
	/* reason, has_status, u32, two empty strings, u32 */
	rbuf_init(&rb, end, 18);
	assert_int_equal(job_end_get(&rb, &e), 0);
	assert_int_equal(rbuf_end(&rb), 0);
	end[0] = END_SUPERVISOR_LOST + 1;
	rbuf_init(&rb, end, 18);
	assert_int_equal(job_end_get(&rb, &e), -EBADMSG);
	end[0] = 0;
	end[1] = 2;
	rbuf_init(&rb, end, 18);
	assert_int_equal(job_end_get(&rb, &e), -EBADMSG);
	end[1] = 0;
	end[14] = 0x80;			/* a negative errno */
	rbuf_init(&rb, end, 18);
	assert_int_equal(job_end_get(&rb, &e), -EBADMSG);
}

static void
test_overlong_owner(void **state)
{
	struct buf *b = buf_new(1000);
	struct jobinfo k;
	uint8_t id[UUID_LEN] = { 0 };

	(void)state;
	assert_int_equal(buf_put_raw(b, id, sizeof(id)), 0);
	assert_int_equal(buf_put_str(b, "a23456789012345678901234567890123"), 0);
	assert_int_equal(decode(buf_data(b), buf_len(b), &k), -EMSGSIZE);
	buf_free(b);
}

static void
test_states(void **state)
{
	static const char *const names[] = {
		"UNKNOWN", "CREATED", "STARTING", "RUNNING", "PAUSED", "STOPPING", "EXITED",
		"FAILED", "LOST", "UNKNOWN"
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_string_equal(job_state_name(i), names[i]);
		assert_int_equal(job_state_ended(i), i >= JOB_EXITED && i <= JOB_LOST);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_fresh_round_trip),
		cmocka_unit_test(test_brief),
		cmocka_unit_test(test_brief_keeps_the_flag),
		cmocka_unit_test(test_long_warning_is_cut),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_overlong_owner),
		cmocka_unit_test(test_states)
	};

	return (cmocka_run_group_tests_name("jobinfo", tests, NULL, NULL));
}
