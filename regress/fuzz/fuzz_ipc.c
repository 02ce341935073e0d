/* SPDX-License-Identifier: ISC */

/*
 * The decoders of messages between our processes. The first byte chooses one;
 * what it takes must encode to the same bytes again, so that nothing is read
 * as what it is not, and no two forms mean the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc.h"
#include "common/jobinfo.h"
#include "common/msg.h"
#include "common/strv.h"

#define BRIEF_MAX	256

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct buf *
new_buf(void)
{
	struct buf *b = buf_new(MSG_BODY_MAX);

	if (b == NULL)
		abort();
	return (b);
}

static void
must_equal(const struct buf *b, const uint8_t *data, size_t n)
{
	if (buf_len(b) != n || (n > 0 && memcmp(buf_data(b), data, n) != 0))
		abort();
}

/* A refusal names its field and fits its own message. */
static void
check_spec(const struct jobspec *s)
{
	struct buf *b = new_buf();
	struct status st, back;
	struct rbuf rb;

	memset(&st, 0, sizeof(st));
	if ((jobspec_check(s, &st) == ST_OK) != (st.field[0] == '\0'))
		abort();
	if (st.field[0] != '\0' && strstr(st.message, st.field) == NULL &&
	    strstr(st.message, "args and env") == NULL)
		abort();
	if (status_put(b, &st) != 0)
		abort();
	rbuf_init(&rb, buf_data(b), buf_len(b));
	if (status_get(&rb, &back) != 0 || rbuf_end(&rb) != 0)
		abort();
	buf_free(b);
}

static void
one_jobspec(const uint8_t *data, size_t n)
{
	struct buf *b = new_buf();
	struct jobspec s;
	struct rbuf rb;

	rbuf_init(&rb, data, n);
	if (jobspec_get(&rb, &s) == 0) {
		check_spec(&s);
		if (rbuf_end(&rb) == 0) {
			if (jobspec_put(b, &s) != 0)
				abort();
			must_equal(b, data, n);
		}
		jobspec_free(&s);
	}
	buf_free(b);
}

/* The brief form decodes, and its argv is a beginning of the whole one. */
static void
check_brief(const struct jobinfo *j)
{
	struct buf *b = new_buf();
	struct jobinfo k;
	struct rbuf rb;
	size_t i, n, bytes = 0;

	if (jobinfo_put(b, j, true) != 0)
		abort();
	rbuf_init(&rb, buf_data(b), buf_len(b));
	if (jobinfo_get(&rb, &k) != 0 || rbuf_end(&rb) != 0)
		abort();
	n = strv_count(k.argv);
	for (i = 0; i < n; i++) {
		bytes += strlen(k.argv[i]) + 1;
		if (strncmp(k.argv[i], j->argv[i], strlen(k.argv[i])) != 0)
			abort();
		if (strcmp(k.argv[i], j->argv[i]) != 0 && (i + 1 < n || !k.argv_truncated))
			abort();
	}
	if (bytes > BRIEF_MAX || (n < strv_count(j->argv) && !k.argv_truncated))
		abort();
	jobinfo_free(&k);
	buf_free(b);
}

static void
one_jobinfo(const uint8_t *data, size_t n)
{
	struct buf *b = new_buf();
	struct jobinfo j;
	struct rbuf rb;

	rbuf_init(&rb, data, n);
	if (jobinfo_get(&rb, &j) == 0) {
		if (*job_state_name(j.state) == 'U')
			abort();
		if (rbuf_end(&rb) == 0) {
			if (jobinfo_put(b, &j, false) != 0)
				abort();
			must_equal(b, data, n);
			check_brief(&j);
		}
		jobinfo_free(&j);
	}
	buf_free(b);
}

static void
one_spawn_spec(const uint8_t *data, size_t n)
{
	struct buf *b = new_buf();
	struct spawn_spec s;
	struct rbuf rb;

	rbuf_init(&rb, data, n);
	if (spawn_spec_get(&rb, &s) == 0) {
		if (rbuf_end(&rb) == 0) {
			if (spawn_spec_put(b, &s) != 0)
				abort();
			must_equal(b, data, n);
		}
		jobspec_free(&s.job);
	}
	buf_free(b);
}

static void
one_netd_init(const uint8_t *data, size_t n)
{
	struct buf *b = new_buf();
	struct netd_init init;
	struct rbuf rb;

	rbuf_init(&rb, data, n);
	if (netd_init_get(&rb, &init) == 0 && rbuf_end(&rb) == 0) {
		if (netd_init_put(b, &init) != 0)
			abort();
		must_equal(b, data, n);
	}
	buf_free(b);
}

static void
one_status(const uint8_t *data, size_t n)
{
	struct buf *b = new_buf();
	struct status st;
	struct rbuf rb;

	rbuf_init(&rb, data, n);
	if (status_get(&rb, &st) == 0 && rbuf_end(&rb) == 0) {
		if (status_put(b, &st) != 0)
			abort();
		must_equal(b, data, n);
	}
	buf_free(b);
}

/* SPAWN_ENDED's body, which is also the file `end`. */
static void
one_end(const uint8_t *data, size_t n)
{
	struct buf *b = new_buf();
	struct job_end e;
	struct usage u;
	struct rbuf rb;

	rbuf_init(&rb, data, n);
	if (job_end_get(&rb, &e) == 0 && usage_get(&rb, &u) == 0 && rbuf_end(&rb) == 0) {
		if (job_end_put(b, &e) != 0 || usage_put(b, &u) != 0)
			abort();
		must_equal(b, data, n);
	}
	buf_free(b);
}

static void (*const decoders[])(const uint8_t *, size_t) = {
	one_jobspec,
	one_jobinfo,
	one_spawn_spec,
	one_netd_init,
	one_status,
	one_end,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0 || n - 1 > MSG_BODY_MAX)
		return (0);
	decoders[data[0] % (sizeof(decoders) / sizeof(decoders[0]))](data + 1, n - 1);
	return (0);
}
