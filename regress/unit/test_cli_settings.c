/* SPDX-License-Identifier: ISC */

/*
 * Where telepilot(1) connects and as whom: profiles, environment, flags, and
 * which of them wins; and the environment of jobs.
 */

#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/env.h"
#include "cli/settings.h"

static char why[SETTINGS_WHY_SIZE];

/* --- the config of a profile ----------------------------------------------------- */

static int
parse(const char *text, struct settings *s)
{
	memset(s, 0, sizeof(*s));
	why[0] = '\0';
	return (settings_parse("F", text, strlen(text), s, why));
}

static void
test_config_forms(void **state)
{
	static const struct {
		const char *text, *server, *name;
	} cases[] = {
		{ "", NULL, NULL },
		{ "server h:1", "h:1", NULL },
		{ "server h:1\n", "h:1", NULL },
		{ "# c\n\n \t\r\nserver\t h:1 \t\r\n  server-name  n # c\n", "h:1", "n" },
		{ "SERVER \"h:1\"#c\nServer-Name \"a b\"", "h:1", "a b" },
		{ "server [::1]:7443#c", "[::1]:7443", NULL },
	};
	struct settings s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text, &s), 0);
		if (cases[i].server == NULL)
			assert_null(s.server);
		else
			assert_string_equal(s.server, cases[i].server);
		if (cases[i].name == NULL)
			assert_null(s.server_name);
		else
			assert_string_equal(s.server_name, cases[i].name);
		settings_free(&s);
	}
}

static void
test_config_errors_name_the_line(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "\nserver", "F:2: server needs one value" },
		{ "server #x", "F:1: server needs one value" },
		{ "server a b", "F:1: server needs one value" },
		{ "server \"a", "F:1: server needs one value" },
		{ "server \"\"", "F:1: server needs one value" },
		{ "server \"a\"b", "F:1: server needs one value" },
		{ "server a\"b\"", "F:1: server needs one value" },
		{ "server a\nserver b", "F:2: server is there twice" },
		{ "servers a", "F:1: unknown keyword \"servers\"" },
		{ "nonsense", "F:1: unknown keyword \"nonsense\"" },
		{ "server \xff", "F: is not text" },
	};
	struct settings s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text, &s), -1);
		if (strstr(why, cases[i].said) == NULL)
			fail_msg("%s: says \"%s\"", cases[i].text, why);
		settings_free(&s);
	}
}

/* --- who wins ---------------------------------------------------------------- */

static char home[64];

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A home with the profile "default" of server d:1 and "work" of server w:1. */
/* Not clearenv(3): the runner's own variables, cmocka's among them, must stay. */
static void
forget_environment(void)
{
	static const char *const names[] = { "HOME", "XDG_CONFIG_HOME", "TELEPILOT_PROFILE",
		"TELEPILOT_SERVER", "TELEPILOT_CERT", "TELEPILOT_KEY", "TELEPILOT_CA" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

static int
make_home(void **state)
{
	char path[128];

	(void)state;
	strcpy(home, "/tmp/telepilot-settings-XXXXXX");
	assert_non_null(mkdtemp(home));
	snprintf(path, sizeof(path), "%s/telepilot", home);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/telepilot/default", home);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/telepilot/default/config", home);
	write_file(path, "server d:1\nserver-name dn\n");
	snprintf(path, sizeof(path), "%s/telepilot/work", home);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/telepilot/work/config", home);
	write_file(path, "server w:1\n");
	forget_environment();
	setenv("XDG_CONFIG_HOME", home, 1);
	return (0);
}

static int
remove_home(void **state)
{
	static const char *const made[] = { "telepilot/default/config", "telepilot/default",
	    "telepilot/work/config", "telepilot/work", "telepilot", "" };
	char path[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", home, made[i]);
		(void)remove(path);
	}
	return (0);
}

static void
test_default_profile(void **state)
{
	struct settings_given g = { 0 };
	struct settings s;
	char path[128];

	(void)state;
	assert_int_equal(settings_find(&g, &s, why), 0);
	assert_string_equal(s.server, "d:1");
	assert_string_equal(s.server_name, "dn");
	snprintf(path, sizeof(path), "%s/telepilot/default/cert.pem", home);
	assert_string_equal(s.cert, path);
	snprintf(path, sizeof(path), "%s/telepilot/default/key.pem", home);
	assert_string_equal(s.key, path);
	snprintf(path, sizeof(path), "%s/telepilot/default/ca.pem", home);
	assert_string_equal(s.ca, path);
	settings_free(&s);
}

static void
test_flag_beats_environment_beats_profile(void **state)
{
	struct settings_given g = { 0 };
	struct settings s;

	(void)state;
	setenv("TELEPILOT_PROFILE", "work", 1);
	setenv("TELEPILOT_CERT", "/env/cert", 1);
	setenv("TELEPILOT_KEY", "", 1);		/* empty is as good as unset */
	assert_int_equal(settings_find(&g, &s, why), 0);
	assert_string_equal(s.server, "w:1");
	assert_string_equal(s.cert, "/env/cert");
	assert_non_null(strstr(s.key, "work/key.pem"));
	settings_free(&s);

	g.profile = "default";
	g.cert = "/flag/cert";
	assert_int_equal(settings_find(&g, &s, why), 0);
	assert_string_equal(s.server, "d:1");
	assert_string_equal(s.cert, "/flag/cert");
	settings_free(&s);
}

static void
test_another_server_drops_the_profiles_name(void **state)
{
	struct settings_given g = { .server = "x:1" };
	struct settings s;

	(void)state;
	assert_int_equal(settings_find(&g, &s, why), 0);
	assert_string_equal(s.server, "x:1");
	assert_null(s.server_name);
	settings_free(&s);
	g.server_name = "n";
	assert_int_equal(settings_find(&g, &s, why), 0);
	assert_string_equal(s.server_name, "n");
	settings_free(&s);
}

static void
test_no_profile_is_needed_when_all_is_given(void **state)
{
	struct settings_given g = { .server = "x:1", .cert = "c", .key = "k" };
	struct settings s;

	(void)state;
	forget_environment();
	setenv("TELEPILOT_CA", "a", 1);
	setenv("TELEPILOT_PROFILE", "nope", 1);
	assert_int_equal(settings_find(&g, &s, why), 0);
	assert_string_equal(s.ca, "a");
	settings_free(&s);
}

static void
test_what_is_missing_is_said(void **state)
{
	struct settings_given g = { .profile = "nope" };
	struct settings s;
	char path[128];

	(void)state;
	assert_int_equal(settings_find(&g, &s, why), -1);
	settings_free(&s);
	assert_non_null(strstr(why, "no profile \"nope\""));
	assert_non_null(strstr(why, "telepilot ca issue"));

	snprintf(path, sizeof(path), "%s/telepilot/work//", home);
	g.profile = path;
	assert_int_equal(settings_find(&g, &s, why), 0);
	assert_null(strstr(s.cert, "//"));
	settings_free(&s);
	snprintf(path, sizeof(path), "%s/telepilot/work/config", home);
	write_file(path, "");
	assert_int_equal(settings_find(&(struct settings_given){ .profile = "work" }, &s, why), -1);
	settings_free(&s);
	assert_non_null(strstr(why, "names no server"));

	forget_environment();
	assert_int_equal(settings_find(&(struct settings_given){ 0 }, &s, why), -1);
	settings_free(&s);
	assert_non_null(strstr(why, "HOME"));
}

/* --- a job's environment ------------------------------------------------------- */

static void
test_env(void **state)
{
	struct env e = { 0 };

	(void)state;
	setenv("OWN", "v", 1);
	unsetenv("NOT_OWN");
	assert_int_equal(env_add(&e, "A=1", why), 0);
	assert_int_equal(env_add(&e, "AB=", why), 0);
	assert_int_equal(env_add(&e, "OWN", why), 0);
	assert_int_equal(env_add(&e, "NOT_OWN", why), 0);
	assert_int_equal(env_add(&e, "A=2=3", why), 0);
	assert_int_equal(e.n, 3);
	assert_string_equal(e.v[0], "A=2=3");
	assert_string_equal(e.v[1], "AB=");
	assert_string_equal(e.v[2], "OWN=v");
	assert_int_equal(env_add(&e, "=1", why), -1);
	assert_int_equal(env_add(&e, "", why), -1);
	assert_int_equal(env_add(&e, "1A=1", why), -1);
	assert_int_equal(env_add(&e, "A B=1", why), -1);
	assert_non_null(strstr(why, "\"A B\""));
	env_free(&e);
}

static void
test_env_file(void **state)
{
	static const char text[] = "# comment\n\nA=x # no comment\r\nB=\"quoted\"\nA=y";
	struct env e = { 0 };

	(void)state;
	assert_int_equal(env_add_text(&e, "F", text, strlen(text), why), 0);
	assert_int_equal(e.n, 2);
	assert_string_equal(e.v[0], "A=y");
	assert_string_equal(e.v[1], "B=\"quoted\"");
	assert_int_equal(env_add_text(&e, "F", "A=1\n B=2", 8, why), -1);
	assert_non_null(strstr(why, "F:2: \" B\""));
	assert_int_equal(env_add_text(&e, "F", "A=\0", 3, why), -1);
	assert_int_equal(env_add_file(&e, "/nonexistent/env", why), -1);
	assert_non_null(strstr(why, "/nonexistent/env: No such file"));
	env_free(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_forms),
		cmocka_unit_test(test_config_errors_name_the_line),
		cmocka_unit_test_setup_teardown(test_default_profile, make_home, remove_home),
		cmocka_unit_test_setup_teardown(test_flag_beats_environment_beats_profile,
		    make_home, remove_home),
		cmocka_unit_test_setup_teardown(test_another_server_drops_the_profiles_name,
		    make_home, remove_home),
		cmocka_unit_test_setup_teardown(test_no_profile_is_needed_when_all_is_given,
		    make_home, remove_home),
		cmocka_unit_test_setup_teardown(test_what_is_missing_is_said, make_home,
		    remove_home),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_env_file),
	};

	return (cmocka_run_group_tests_name("cli_settings", tests, NULL, NULL));
}
