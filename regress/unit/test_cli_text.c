/* SPDX-License-Identifier: ISC */

/*
 * What telepilot(1) shows: others' text made safe, columns, a job in words, in
 * JSON, and as an exit code.
 */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/jobtext.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"

/* --- text --------------------------------------------------------------------- */

static void
test_escape(void **state)
{
	static const struct {
		const char *in, *out;
		size_t len;
	} cases[] = {
		{ "", "", 0 },
		{ "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x88", "plain \xc3\xa4 \xe2\x82\xac "
		    "\xf0\x9f\x98\x88", 17 },
		{ "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m", 12 },
		{ "a\tb\r\n", "a\\tb\\r\\n", 5 },
		{ "a\0b", "a\\x00b", 3 },
		{ "\x7f", "\\x7f", 1 },
		{ "\xc2\x9b" "31m", "\\xc2\\x9b31m", 5 },	/* CSI in one character */
		{ "\xe2\x80\xae" "x", "\\xe2\\x80\\xaex", 4 },	/* right to left */
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6", 3 },
		{ "\xff\xc3", "\\xff\\xc3", 2 },			/* no UTF-8 */
		{ "\xc3", "\\xc3", 1 },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", 3 },	/* a surrogate */
	};
	size_t i;
	char *s;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_non_null(s = text_escape(cases[i].in, cases[i].len));
		assert_string_equal(s, cases[i].out);
		free(s);
	}
}

static void
test_quote(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "/bin/ls", "/bin/ls" },
		{ "", "''" },
		{ "echo Hello", "'echo Hello'" },
		{ "it's", "'it'\\''s'" },
		{ "$x", "'$x'" },
		{ "a\nb", "'a\\nb'" },
	};
	size_t i;
	char *s;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_non_null(s = text_quote(cases[i].in));
		assert_string_equal(s, cases[i].out);
		free(s);
	}
}

static void
test_cut_counts_characters(void **state)
{
	char s[] = "\xc3\xa4\xc3\xb6\xc3\xbc" "abc", t[] = "abc";

	(void)state;
	assert_int_equal(text_width(s), 6);
	text_cut(s, 6);
	assert_int_equal(strlen(s), 9);
	text_cut(s, 3);
	assert_string_equal(s, "\xc3\xa4\xc3\xb6+");
	text_cut(t, 1);
	assert_string_equal(t, "+");
}

static void
test_table(void **state)
{
	static const char *const headings[] = { "A", "LONG", "C" };
	char *one[] = { strdup("\xc3\xa4\xc3\xa4\xc3\xa4"), strdup("x"), strdup("last") };
	char *two[] = { strdup("b"), strdup("longer"), strdup("") };
	char *bad[] = { strdup("b"), NULL, strdup("") };
	struct table *t;
	char *out = NULL;
	size_t size;
	FILE *f;

	(void)state;
	assert_non_null(t = table_new(headings, 3));
	assert_int_equal(table_add(t, one), 0);
	assert_int_equal(table_add(t, two), 0);
	assert_int_equal(table_add(t, bad), -ENOMEM);
	assert_non_null(f = open_memstream(&out, &size));
	assert_int_equal(table_print(t, f), 0);
	fclose(f);
	assert_string_equal(out,
	    "A    LONG    C\n"
	    "\xc3\xa4\xc3\xa4\xc3\xa4  x       last\n"
	    "b    longer  \n");
	free(out);
	table_free(t);
}

/* --- jobs ---------------------------------------------------------------------- */

static Telepilot__V1__Job job;
static Telepilot__V1__JobEnd job_end;
static Telepilot__V1__StartFailure failure;

static char *
borrow(const char *s)
{
	return ((char *)(uintptr_t)s);
}

static int
reset(void **state)
{
	(void)state;
	telepilot__v1__job__init(&job);
	telepilot__v1__job_end__init(&job_end);
	telepilot__v1__start_failure__init(&failure);
	job.id = borrow("0198");
	job.command = borrow("true");
	job.state = TELEPILOT__V1__JOB_STATE__JOB_STATE_EXITED;
	job.end = &job_end;
	return (0);
}

static void
ended(Telepilot__V1__EndReason reason, int code, int signo)
{
	job_end.reason = reason;
	job_end.status_case = TELEPILOT__V1__JOB_END__STATUS__NOT_SET;
	if (code >= 0) {
		job_end.status_case = TELEPILOT__V1__JOB_END__STATUS_EXIT_CODE;
		job_end.exit_code = code;
	} else if (signo > 0) {
		job_end.status_case = TELEPILOT__V1__JOB_END__STATUS_SIGNAL;
		job_end.signal = signo;
	}
}

static void
expect(int code, const char *words)
{
	char *s = job_outcome(&job);

	assert_int_equal(job_exit_code(&job), code);
	assert_non_null(s);
	assert_string_equal(s, words);
	free(s);
}

static void
test_ends(void **state)
{
	(void)state;
	ended(TELEPILOT__V1__END_REASON__END_REASON_EXITED, 0, 0);
	expect(0, "exited (0)");
	ended(TELEPILOT__V1__END_REASON__END_REASON_EXITED, 255, 0);
	expect(255, "exited (255)");
	ended(TELEPILOT__V1__END_REASON__END_REASON_SIGNALED, -1, SIGSEGV);
	expect(139, "killed by SIGSEGV");
	ended(TELEPILOT__V1__END_REASON__END_REASON_SIGNALED, -1, 40);
	expect(168, "killed by signal 40");
	ended(TELEPILOT__V1__END_REASON__END_REASON_OUT_OF_MEMORY, -1, SIGKILL);
	expect(137, "out of memory");
	job_end.stopped_by = borrow("al\x1b" "ice");
	ended(TELEPILOT__V1__END_REASON__END_REASON_STOPPED, -1, SIGTERM);
	expect(143, "stopped by al\\x1bice");
	ended(TELEPILOT__V1__END_REASON__END_REASON_STOPPED, 9, 0);
	expect(9, "stopped by al\\x1bice");
	ended(TELEPILOT__V1__END_REASON__END_REASON_STOPPED, -1, 0);	/* never ran */
	expect(125, "stopped by al\\x1bice");
	ended(TELEPILOT__V1__END_REASON__END_REASON_SUPERVISOR_LOST, -1, SIGKILL);
	expect(125, "killed: its supervisor was lost");
}

static void
test_no_end(void **state)
{
	(void)state;
	job.end = NULL;
	job.state = TELEPILOT__V1__JOB_STATE__JOB_STATE_RUNNING;
	expect(125, "running");
	assert_false(job_ended(&job));
	job.state = TELEPILOT__V1__JOB_STATE__JOB_STATE_LOST;
	expect(125, "lost");
	assert_true(job_ended(&job));
	job.state = (Telepilot__V1__JobState)77;
	expect(125, "unknown");
}

/* By errno and stage, never by words. */
static void
test_start_failures(void **state)
{
	static const struct {
		const char *stage;
		int error, code;
	} cases[] = {
		{ "exec /bin/nope", ENOENT, 127 },
		{ "exec /etc", EACCES, 126 },
		{ "exec /bin/text", ENOEXEC, 126 },
		{ "chdir /nope", ENOENT, 125 },
		{ "execute", ENOENT, 125 },
		{ "", 0, 125 },
	};
	size_t i;

	(void)state;
	ended(TELEPILOT__V1__END_REASON__END_REASON_FAILED_TO_START, -1, 0);
	expect(125, "failed: could not start");
	job_end.failure = &failure;
	failure.message = borrow("exec x: Why");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		failure.stage = borrow(cases[i].stage);
		failure.errno_number = cases[i].error;
		expect(cases[i].code, "failed: exec x: Why");
	}
}

static void
test_command_line(void **state)
{
	char *args[] = { borrow("-c"), borrow("echo \x1b[1m") };
	char *s;

	(void)state;
	job.args = args;
	job.n_args = 2;
	job.args_truncated = true;
	assert_non_null(s = job_command(&job));
	assert_string_equal(s, "true -c 'echo \\x1b[1m' ...");
	free(s);
}

static void
test_times(void **state)
{
	Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	char s[40];

	(void)state;
	t.seconds = 1000;
	format_ago(&t, 1000, s, sizeof(s));
	assert_string_equal(s, "0 s ago");
	format_ago(&t, 900, s, sizeof(s));		/* clocks differ */
	assert_string_equal(s, "0 s ago");
	format_ago(&t, 1119, s, sizeof(s));
	assert_string_equal(s, "119 s ago");
	format_ago(&t, 1120, s, sizeof(s));
	assert_string_equal(s, "2 min ago");
	format_ago(&t, 1000 + 7200, s, sizeof(s));
	assert_string_equal(s, "2 h ago");
	format_ago(&t, 1000 + 2 * 86400, s, sizeof(s));
	assert_string_equal(s, "2 d ago");
	t.seconds = INT64_MIN;
	format_ago(&t, INT64_MAX, s, sizeof(s));
	format_usec(1234567, s, sizeof(s));
	assert_string_equal(s, "1.234 s");
	format_usec(125000000, s, sizeof(s));
	assert_string_equal(s, "2 min 5 s");
	format_usec(7320000000, s, sizeof(s));
	assert_string_equal(s, "2 h 2 min");
}

static char *
as_json(void)
{
	json_t *o = json_job(&job);
	char *s;

	assert_non_null(o);
	s = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(o);
	assert_non_null(s);
	return (s);
}

static void
test_json_leaves_out_what_is_unknown(void **state)
{
	Telepilot__V1__Usage usage = TELEPILOT__V1__USAGE__INIT;
	Telepilot__V1__Limits limits = TELEPILOT__V1__LIMITS__INIT;
	char *s;

	(void)state;
	job.end = NULL;
	job.owner = borrow("alice");
	job.state = TELEPILOT__V1__JOB_STATE__JOB_STATE_RUNNING;
	s = as_json();
	assert_string_equal(s, "{\"id\":\"0198\",\"owner\":\"alice\",\"state\":\"running\","
	    "\"command\":\"true\",\"args\":[],\"args_truncated\":false,\"warnings\":[]}");
	free(s);
	job.usage = &usage;
	usage.cpu_case = TELEPILOT__V1__USAGE__CPU_CPU_USEC;
	job.limits = &limits;
	limits.swap_case = TELEPILOT__V1__LIMITS__SWAP_SWAP_BYTES;
	s = as_json();
	assert_non_null(strstr(s, "\"limits\":{\"swap_bytes\":0},\"usage\":{\"cpu_usec\":0,"
	    "\"output_bytes\":0,\"output_dropped_bytes\":0}"));
	free(s);
}

static void
test_json_of_an_end(void **state)
{
	Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	char *args[] = { borrow("\xff\x1b\xc3\xa4") }, *s;

	(void)state;
	t.seconds = 86400;
	t.nanos = 5;
	job.end_time = &t;
	job.args = args;
	job.n_args = 1;
	job_end.failure = &failure;
	failure.stage = borrow("exec x");
	failure.errno_number = 2;
	ended(TELEPILOT__V1__END_REASON__END_REASON_SIGNALED, -1, SIGKILL);
	s = as_json();
	assert_non_null(strstr(s, "\"args\":[\"\\\\xff\\\\x1b\\u00E4\"]"));
	assert_non_null(strstr(s, "\"end_time\":\"1970-01-02T00:00:00.000000005Z\""));
	assert_non_null(strstr(s, "\"end\":{\"reason\":\"signaled\",\"signal\":9,"
	    "\"signal_name\":\"SIGKILL\",\"failure\":{\"stage\":\"exec x\",\"errno\":2,"
	    "\"message\":\"\"}}"));
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_cut_counts_characters),
		cmocka_unit_test(test_table),
		cmocka_unit_test_setup(test_ends, reset),
		cmocka_unit_test_setup(test_no_end, reset),
		cmocka_unit_test_setup(test_start_failures, reset),
		cmocka_unit_test_setup(test_command_line, reset),
		cmocka_unit_test_setup(test_times, reset),
		cmocka_unit_test_setup(test_json_leaves_out_what_is_unknown, reset),
		cmocka_unit_test_setup(test_json_of_an_end, reset),
	};

	return (cmocka_run_group_tests_name("cli_text", tests, NULL, NULL));
}
