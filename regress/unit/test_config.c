/* SPDX-License-Identifier: ISC */

/*
 * monitor/config: every keyword's good and bad values, all errors told with their
 * place, the first value wins, -o before the file, and what -T prints is read
 * back as the same.
 */

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ipc.h"
#include "monitor/config.h"
#include "monitor/config_table.h"

struct told {
	unsigned int n;
	char text[16][512];
};

static void
tell(void *arg, const char *text)
{
	struct told *t = arg;

	assert_true(t->n < 16);
	snprintf(t->text[t->n++], sizeof(t->text[0]), "%s", text);
}

static int
load(struct config **c, const char *text, struct told *t)
{
	static const struct config_source none;

	memset(t, 0, sizeof(*t));
	return (config_load_text(c, &none, "file", text, strlen(text), tell, t));
}

static struct config *
good(const char *text)
{
	struct config *c;
	struct told t;

	if (load(&c, text, &t) != 0)
		fail_msg("\"%s\": %s", text, t.text[0]);
	return (c);
}

static char *
printed(const struct config *c)
{
	char *text = NULL;
	size_t len;
	FILE *f;

	assert_non_null(f = open_memstream(&text, &len));
	assert_int_equal(config_print(f, c), 0);
	assert_int_equal(fclose(f), 0);
	return (text);
}

/* line: as one may write it; shown: as -T prints it. */
static const struct {
	const char *line, *shown;
} good_lines[] = {
	{ "ListenAddress 192.0.2.1", "ListenAddress 192.0.2.1:7443" },
	{ "ListenAddress 192.0.2.1:80", "ListenAddress 192.0.2.1:80" },
	{ "ListenAddress [2001:db8::1]:80", "ListenAddress [2001:db8::1]:80" },
	{ "ListenAddress [2001:DB8::1]", "ListenAddress [2001:db8::1]:7443" },
	{ "ListenAddress 2001:db8::1", "ListenAddress [2001:db8::1]:7443" },
	{ "ListenAddress ::", "ListenAddress [::]:7443" },
	{ "ListenAddress [fe80::1%lo]:1", "ListenAddress [fe80::1%lo]:1" },
	{ "listenaddress\t 127.0.0.1:1 # here", "ListenAddress 127.0.0.1:1" },
	{ "ServerCertificate \"/a b/#c\"", "ServerCertificate \"/a b/#c\"" },
	{ "ServerKey /k#y", "ServerKey /k#y" },
	{ "ClientCA /ca", "ClientCA /ca" },
	{ "ClientCRL /crl", "ClientCRL /crl" },
	{ "ClientCRL none", "ClientCRL none" },
	{ "TrustDomain example.org", "TrustDomain example.org" },
	{ "Identity CN", "Identity cn" },
	{ "MaxConnections 1", "MaxConnections 1" },
	{ "MaxConnectionsPerSource 100000", "MaxConnectionsPerSource 100000" },
	{ "MaxUnauthenticated 7", "MaxUnauthenticated 7" },
	{ "SpareConnections 1", "SpareConnections 1" },
	{ "LoginGraceTime 1m", "LoginGraceTime 60s" },
	{ "IdleTimeout 1h30m", "IdleTimeout 5400s" },
	{ "MaxStreams 1000", "MaxStreams 1000" },
	{ "MaxHeaderSize 16k", "MaxHeaderSize 16KiB" },
	{ "MaxMessageSize 1025", "MaxMessageSize 1025" },
	{ "User alice account=al", "User alice account=al" },
	{ "IdRange 65536-131071", "IdRange 65536-131071" },
	{ "MaxJobs 5", "MaxJobs 5" },
	{ "MaxJobsPerUser 5", "MaxJobsPerUser 5" },
	{ "MaxRunningPerUser 5", "MaxRunningPerUser 5" },
	{ "MaxFollowersPerJob 5", "MaxFollowersPerJob 5" },
	{ "StopGrace 0", "StopGrace 0s" },
	{ "ShutdownGrace 2m", "ShutdownGrace 120s" },
	{ "LogMax 1.5GiB", "LogMax 1536MiB" },
	{ "LogMax 1GB", "LogMax 1000000000" },
	{ "LogFull block", "LogFull block" },
	{ "DefaultPids 0", "DefaultPids 0" },
	{ "WeakLimits io", "WeakLimits io" },
	{ "CgroupParent /sys/fs/cgroup/x", "CgroupParent /sys/fs/cgroup/x" },
	{ "StateDirectory /s", "StateDirectory /s" },
	{ "RuntimeDirectory /r", "RuntimeDirectory /r" },
	{ "LibexecDirectory /l", "LibexecDirectory /l" },
	{ "NetUser net", "NetUser net" },
	{ "NetUser 77:78", "NetUser 77:78" },
	{ "LogLevel warning", "LogLevel warning" },
};

/* Each gives exactly one error, which holds the text. */
static const struct {
	const char *line, *error;
} bad_lines[] = {
	{ "Port 22", "unknown keyword \"Port\"" },
	{ "ListenAddress", "a value is missing" },
	{ "ListenAddress localhost:1", "no numeric address" },
	{ "ListenAddress 127.0.0.1:0", "no numeric address" },
	{ "ListenAddress 127.0.0.1:65536", "no numeric address" },
	{ "ListenAddress 127.0.0.1:", "no numeric address" },
	{ "ListenAddress [::1", "no numeric address" },
	{ "ListenAddress [::1]7443", "no numeric address" },
	{ "ListenAddress [127.0.0.1]:1", "no numeric address" },
	{ "ListenAddress [fe80::1%nosuchlink]:1", "no numeric address" },
	{ "ListenAddress 1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
	    "no numeric address" },
	{ "ServerKey", "a value is missing" },
	{ "ServerKey a", "no absolute path" },
	{ "ServerKey none", "no absolute path" },
	{ "ServerKey /a /b", "one value is expected" },
	{ "TrustDomain Example", "no trust domain" },
	{ "TrustDomain a/b", "no trust domain" },
	{ "Identity dn", "\"dn\" is none of uri, cn" },
	{ "MaxConnections 0", "out of bounds (1 to 100000)" },
	{ "MaxConnections -1", "no number" },
	{ "MaxConnections 1x", "no number" },
	{ "MaxConnections 99999999999999999999", "out of bounds" },
	{ "LoginGraceTime 0", "out of bounds" },
	{ "LoginGraceTime 1y", "no duration" },
	{ "IdleTimeout 31d", "out of bounds" },
	{ "MaxMessageSize 65KiB", "out of bounds" },
	{ "MaxHeaderSize 8Q", "no size" },
	{ "LogMax 16777216T", "out of bounds" },
	{ "LogFull wait", "none of drop, block" },
	{ "WeakLimits cpu", "none of none, io" },
	{ "LogLevel loud", "none of info, debug, warning, error" },
	{ "User alice", "expected NAME account=ACCOUNT" },
	{ "User alice al", "expected NAME account=ACCOUNT" },
	{ "User Alice account=al", "no user's name" },
	{ "User alice account=", "no account's name" },
	{ "User alice account=1000", "no account's name" },
	{ "User alice account=a:b", "no account's name" },
	{ "IdRange 65536-131070", "whole number of blocks" },
	{ "IdRange 131072-131071", "whole number of blocks" },
	{ "IdRange 0-65535", "expected FIRST-LAST" },
	{ "IdRange 65536", "expected FIRST-LAST" },
	{ "IdRange 4294901760-4294967295", "expected FIRST-LAST" },
	{ "NetUser", "expected NAME or UID:GID" },
	{ "NetUser 0:5", "other than root's" },
	{ "NetUser 5:0", "other than root's" },
	{ "NetUser 1000", "other than root's" },
	{ "NetUser root", "other than root's" },
	{ "NetUser 1879048192:5", "lies in IdRange" },
	{ "ServerKey \"/a", "a quote is not closed" },
	{ "ServerKey \"/a\"b", "text follows a closing quote" },
	{ "ServerKey /a\"b\"", "quote in the middle of a word" },
	{ "ServerKey /a\x01", "control character 0x01" },
	{ "ServerKey /\xff", "not UTF-8" },
	{ "User a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g",
	    "more than 32 words" },
};

static void
test_good(void **state)
{
	struct config *c, *again;
	char *text, want[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good_lines) / sizeof(good_lines[0]); i++) {
		c = good(good_lines[i].line);
		text = printed(c);
		snprintf(want, sizeof(want), "%s\n", good_lines[i].shown);
		if (strstr(text, want) == NULL)
			fail_msg("\"%s\" is not in:\n%s", good_lines[i].shown, text);
		again = good(text);
		assert_null(config_fixed_change(c, again));
		config_free(c);
		config_free(again);
		free(text);
	}
}

static void
test_bad(void **state)
{
	struct config *c;
	struct told t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
		assert_int_equal(load(&c, bad_lines[i].line, &t), -EINVAL);
		assert_null(c);
		if (t.n != 1 || strstr(t.text[0], bad_lines[i].error) == NULL)
			fail_msg("\"%s\": %u errors, \"%s\"", bad_lines[i].line, t.n, t.text[0]);
		assert_int_equal(strncmp(t.text[0], "file", 4), 0);
	}
}

/* The tables above are complete. */
static void
test_every_keyword(void **state)
{
	size_t i, j, len;

	(void)state;
	for (i = 0; i < config_nkeywords; i++) {
		len = strlen(config_keywords[i].name);
		for (j = 0; j < sizeof(good_lines) / sizeof(good_lines[0]); j++)
			if (strncmp(good_lines[j].shown, config_keywords[i].name, len) == 0 &&
			    good_lines[j].shown[len] == ' ')
				break;
		if (j == sizeof(good_lines) / sizeof(good_lines[0]))
			fail_msg("no good line of %s", config_keywords[i].name);
	}
}

static void
test_defaults(void **state)
{
	struct config *c = good("");

	(void)state;
	assert_int_equal(c->nlisten, 2);
	assert_true(c->listen[0].optional && c->listen[1].optional);
	assert_int_equal(c->listen[1].addr.ss_family, AF_INET6);
	assert_string_equal(c->server_key, TELEPILOT_SYSCONFDIR "/server.key");
	assert_null(c->client_crl);
	assert_null(c->cgroup_parent);
	assert_int_equal(c->identity, IPC_IDENTITY_URI);
	assert_int_equal(c->ids.first, 1879048192);
	assert_int_equal(c->ids.last, 2147352575);
	assert_int_equal(c->max_message_size, 65536);
	assert_int_equal(c->login_grace, 20);
	assert_int_equal(c->log_level, LOG_INFO);
	assert_int_equal(c->log_max, 0);
	assert_string_equal(c->net_user.name, "_telepilot-net");
	assert_non_null(c->libexec_directory);
	config_free(c);
}

static void
test_all_errors(void **state)
{
	struct config *c;
	struct told t;

	(void)state;
	assert_int_equal(load(&c, "Nope\n\n# comment\nMaxJobs x\r\nMaxJobs 0\n  Identity a",
	    &t), -EINVAL);
	assert_int_equal(t.n, 4);
	assert_int_equal(strncmp(t.text[0], "file:1: ", 8), 0);
	assert_int_equal(strncmp(t.text[1], "file:4: ", 8), 0);
	assert_int_equal(strncmp(t.text[2], "file:5: ", 8), 0);
	assert_int_equal(strncmp(t.text[3], "file:6: ", 8), 0);
}

/* Also a value that comes too late is checked. */
static void
test_first_wins(void **state)
{
	struct config *c;
	struct told t;

	(void)state;
	c = good("MaxJobs 1\nMaxJobs 2\nServerKey /a\nServerKey /b\nNetUser x\nNetUser y\n"
	    "User alice account=a\nUser alice account=b\nUser bob account=c\n"
	    "ListenAddress 127.0.0.1:1\nListenAddress 127.0.0.1:1 127.0.0.1:2\n");
	assert_int_equal(c->max_jobs, 1);
	assert_string_equal(c->server_key, "/a");
	assert_string_equal(c->net_user.name, "x");
	assert_int_equal(c->nusers, 2);
	assert_string_equal(c->users[0].account, "a");
	assert_string_equal(c->users[0].where, "file:7");
	assert_string_equal(c->users[1].account, "c");
	assert_int_equal(c->nlisten, 2);
	assert_false(c->listen[0].optional);
	config_free(c);
	assert_int_equal(load(&c, "MaxJobs 1\nMaxJobs x\n", &t), -EINVAL);
	assert_int_equal(t.n, 1);
}

static void
test_options(void **state)
{
	char a[] = "MaxJobs=3", b[] = "stopgrace 4s", d[] = "User=al account=x";
	char *options[] = { a, b, d };
	struct config_source source = { NULL, options, 3 };
	static const char text[] = "MaxJobs 1\nUser al account=y\nMaxStreams 2\n";
	struct config *c;
	struct told t;

	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(config_load_text(&c, &source, "file", text, strlen(text), tell, &t), 0);
	assert_int_equal(c->max_jobs, 3);
	assert_int_equal(c->stop_grace, 4);
	assert_int_equal(c->max_streams, 2);
	assert_int_equal(c->nusers, 1);
	assert_string_equal(c->users[0].account, "x");
	config_free(c);
}

static void
test_bad_options(void **state)
{
	char a[] = "MaxJobs", b[] = "", d[] = "x=y", e[] = "MaxJobs=1\nUser=x";
	char *options[] = { a, b, d, e };
	struct config_source source = { NULL, options, 4 };
	struct config *c;
	struct told t;

	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(config_load_text(&c, &source, "file", "", 0, tell, &t), -EINVAL);
	assert_int_equal(t.n, 4);
	assert_int_equal(strncmp(t.text[0], "-o MaxJobs: ", 12), 0);
}

static void
test_nul(void **state)
{
	static const struct config_source none;
	struct config *c;
	struct told t;

	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(config_load_text(&c, &none, "file", "MaxJobs 1\0", 10, tell, &t), -EINVAL);
	assert_int_equal(t.n, 1);
}

static void
test_fixed(void **state)
{
	struct config *a = good("MaxJobs 1\nStateDirectory /a\n"), *b;

	(void)state;
	b = good("MaxJobs 2\nStateDirectory /a\nListenAddress 127.0.0.1\nUser a account=b\n");
	assert_null(config_fixed_change(a, b));
	config_free(b);
	b = good("StateDirectory /b\n");
	assert_string_equal(config_fixed_change(a, b), "StateDirectory");
	config_free(b);
	b = good("StateDirectory /a\nIdRange 65536-131071\n");
	assert_string_equal(config_fixed_change(a, b), "IdRange");
	config_free(b);
	config_free(a);
}

/* The file that was named must be there; the usual one need not be. */
static void
test_files(void **state)
{
	char path[] = "/tmp/telepilot-test-XXXXXX";
	struct config_source source = { NULL, NULL, 0 };
	struct config *c;
	struct told t;
	int fd;

	(void)state;
	memset(&t, 0, sizeof(t));
	assert_true((fd = mkstemp(path)) != -1);
	assert_int_equal(write(fd, "MaxJobs 9\n", 10), 10);
	close(fd);
	source.file = path;
	assert_int_equal(config_load(&c, &source, tell, &t), 0);
	assert_int_equal(c->max_jobs, 9);
	config_free(c);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(config_load(&c, &source, tell, &t), -EINVAL);
	assert_int_equal(t.n, 1);
	assert_non_null(strstr(t.text[0], "No such file"));
}

/* The example that is installed shows the defaults: with its comments taken away... */
static char *
uncommented(const char *path, size_t *len)
{
	char line[512], *text = NULL;
	FILE *in, *out;

	if ((in = fopen(path, "r")) == NULL)
		return (NULL);
	assert_non_null(out = open_memstream(&text, len));
	while (fgets(line, sizeof(line), in) != NULL)
		fputs(line[0] == '#' && line[1] >= 'A' && line[1] <= 'Z' ? line + 1 : line, out);
	fclose(in);
	assert_int_equal(fclose(out), 0);
	return (text);
}

/* ... it is the same as an empty one. */
static void
test_example(void **state)
{
	static const struct config_source none;
	struct config *c, *empty = good("");
	char *text, *a, *b;
	struct told t;
	size_t len;

	(void)state;
	memset(&t, 0, sizeof(t));
	if ((text = uncommented("etc/telepilotd.conf", &len)) == NULL)
		skip();
	assert_int_equal(config_load_text(&c, &none, "example", text, len, tell, &t), 0);
	assert_false(c->listen[0].optional);	/* it was not all comments */
	a = printed(c);
	b = printed(empty);
	assert_string_equal(a, b);
	free(a);
	free(b);
	free(text);
	config_free(c);
	config_free(empty);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_every_keyword),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_errors),
		cmocka_unit_test(test_first_wins),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_example),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
