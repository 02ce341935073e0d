/* SPDX-License-Identifier: ISC */

/*
 * Command lines of telepilot(1): every form of an option, where options end, and
 * what is said of a wrong value.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"

static bool flag, other;
static const char *text;
static struct strlist list;
static uint64_t size, count, seconds, offset, cpu, rate, swap;

static const struct opt first[] = {
	{ 'f', OPT_FLAG, "flag", &flag, NULL, "" },
	{ 'x', OPT_TEXT, "text", &text, "TEXT", "" },
	{ 'e', OPT_LIST, "list", &list, "TEXT", "" },
	{ 'm', OPT_SIZE, "memory", &size, "SIZE", "" },
	{ 0, OPT_SIZE0, "swap", &swap, "SIZE", "" },
	{ 0, OPT_CPU, "cpu", &cpu, "CORES", "" },
	{ 0, OPT_RATE, "io", &rate, "RATE", "" },
	{ 0, OPT_COUNT, "count", &count, "N", "" },
	{ 't', OPT_TIME, "time", &seconds, "TIME", "" },
	{ 0, OPT_OFFSET, "offset", &offset, "N", "" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

static const struct opt second[] = {
	{ 'h', OPT_FLAG, "help", &other, NULL, "" },
	{ 'f', OPT_TEXT, "flag", NULL, "never used: the first table wins", "" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

static const struct opt *const tables[] = { first, second, NULL };

static char why[OPT_WHY_SIZE];

static int
reset(void **state)
{
	(void)state;
	free(list.v);
	memset(&list, 0, sizeof(list));
	flag = other = false;
	text = NULL;
	size = count = seconds = offset = cpu = rate = swap = NOT_GIVEN;
	why[0] = '\0';
	return (0);
}

/* Takes words apart; argv must have room for them. */
static int
parse(bool posix, char **argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	return (options_parse(tables, posix, argc, argv, why));
}

#define WORDS(...)	(char *[]){ __VA_ARGS__, NULL }

static void
test_every_form_of_a_value(void **state)
{
	char eq[] = "--text=v", joined[] = "-xv", name[] = "--text", letter[] = "-x", v[] = "v";
	char *const forms[][2] = {
		{ eq, NULL },
		{ joined, NULL },
		{ name, v },
		{ letter, v },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char *argv[] = { forms[i][0], forms[i][1], NULL };

		text = NULL;
		assert_int_equal(parse(false, argv), 0);
		assert_string_equal(text, "v");
	}
}

static void
test_letters_in_a_cluster(void **state)
{
	char a[] = "-fhx", b[] = "v", c[] = "-fxh";

	(void)state;
	assert_int_equal(parse(false, WORDS(a, b)), 0);
	assert_true(flag && other);
	assert_string_equal(text, "v");
	assert_int_equal(parse(false, WORDS(c)), 0);
	assert_string_equal(text, "h");
}

static void
test_operands_are_moved_to_the_front(void **state)
{
	char a[] = "one", b[] = "-f", c[] = "two", d[] = "--text", e[] = "v", f[] = "-";
	char *argv[] = { a, b, c, d, e, f, NULL };

	(void)state;
	assert_int_equal(parse(false, argv), 3);
	assert_string_equal(argv[0], "one");
	assert_string_equal(argv[1], "two");
	assert_string_equal(argv[2], "-");
	assert_true(flag);
}

static void
test_posix_ends_at_the_first_operand(void **state)
{
	char a[] = "-f", b[] = "bash", c[] = "-h", d[] = "--", e[] = "--nonsense";
	char *argv[] = { a, b, c, d, e, NULL };

	(void)state;
	assert_int_equal(parse(true, argv), 4);
	assert_string_equal(argv[0], "bash");
	assert_string_equal(argv[1], "-h");
	assert_string_equal(argv[2], "--");
	assert_true(flag && !other);
}

static void
test_two_dashes_end_the_options(void **state)
{
	char a[] = "--", b[] = "-f", c[] = "--";
	char *argv[] = { a, b, c, NULL };

	(void)state;
	assert_int_equal(parse(false, argv), 2);
	assert_string_equal(argv[0], "-f");
	assert_string_equal(argv[1], "--");
	assert_false(flag);
}

static void
test_a_list_keeps_the_order(void **state)
{
	char a[] = "-e1", b[] = "--list=2", c[] = "-e", d[] = "";
	char *argv[] = { a, b, c, d, NULL };

	(void)state;
	assert_int_equal(parse(false, argv), 0);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.v[0], "1");
	assert_string_equal(list.v[1], "2");
	assert_string_equal(list.v[2], "");
}

static void
test_numbers(void **state)
{
	char a[] = "-m512MB", b[] = "--swap=0", c[] = "--cpu=0.5", d[] = "--io=10MB/s",
	    e[] = "--count=1", f[] = "-t90s", g[] = "--offset=0";

	(void)state;
	assert_int_equal(parse(false, WORDS(a, b, c, d, e, f, g)), 0);
	assert_int_equal(size, 512000000);
	assert_int_equal(swap, 0);
	assert_int_equal(cpu, 500);
	assert_int_equal(rate, 10000000);
	assert_int_equal(count, 1);
	assert_int_equal(seconds, 90);
	assert_int_equal(offset, 0);
}

static void
expect_wrong(const char *word, const char *said)
{
	char *argv[] = { strdup(word), NULL };

	why[0] = '\0';
	assert_int_equal(parse(false, argv), -1);
	if (strstr(why, said) == NULL)
		fail_msg("%s: says \"%s\", not \"%s\"", word, why, said);
	free(argv[0]);
}

static void
test_what_is_wrong_is_named(void **state)
{
	(void)state;
	expect_wrong("--memory=5XB", "--memory: \"5XB\" is not a size; give a number with a unit, "
	    "such as 512MB, 512MiB or 1.5G");
	expect_wrong("-m5XB", "-m: \"5XB\" is not a size");
	expect_wrong("--memory=0", "--memory: \"0\" is out of range");
	expect_wrong("--memory=99999999999999999999G", "out of range");
	expect_wrong("--cpu=half", "such as 0.5 or 2");
	expect_wrong("--io=10MB/m", "10MB/s");
	expect_wrong("--count=0", "from 1 on");
	expect_wrong("--count=-1", "not a count");
	expect_wrong("--offset=18446744073709551615", "out of range");
	expect_wrong("--offset=x", "not an offset");
	expect_wrong("--time=5y", "5m");
	expect_wrong("--nonsense", "there is no option --nonsense");
	expect_wrong("--nonsense=1", "there is no option --nonsense");
	expect_wrong("--tex=v", "there is no option --tex");	/* no abbreviations */
	expect_wrong("--=v", "there is no option --");
	expect_wrong("-fz", "there is no option -z");
	expect_wrong("--flag=yes", "--flag takes no value");
	expect_wrong("--text", "--text needs a value: TEXT");
	expect_wrong("-fx", "-x needs a value: TEXT");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_form_of_a_value, reset),
		cmocka_unit_test_setup(test_letters_in_a_cluster, reset),
		cmocka_unit_test_setup(test_operands_are_moved_to_the_front, reset),
		cmocka_unit_test_setup(test_posix_ends_at_the_first_operand, reset),
		cmocka_unit_test_setup(test_two_dashes_end_the_options, reset),
		cmocka_unit_test_setup_teardown(test_a_list_keeps_the_order, reset, reset),
		cmocka_unit_test_setup(test_numbers, reset),
		cmocka_unit_test_setup(test_what_is_wrong_is_named, reset),
	};

	return (cmocka_run_group_tests_name("cli_options", tests, NULL, NULL));
}
