/* SPDX-License-Identifier: ISC */

/*
 * Log lines on stderr, which may be the journal's, a terminal or a pipe shared
 * with other processes: each line is one write(2) of at most PIPE_BUF bytes, so
 * lines never mix. What a line says may come from a stranger: after escaping
 * it holds no control character and only valid UTF-8, so nobody can forge a
 * second line, a priority or a terminal's sequence.
 */

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/utf8.h"

#define LINE_MAX_BYTES	PIPE_BUF
#define CUT_MARK	"...\n"

static struct {
	const char *prog;
	int max;		/* the least urgent priority that is written */
	int journal;
} state = { "telepilot", LOG_INFO, 0 };

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
	int cut;
};

/* JOURNAL_STREAM is "device:inode" of the stream; see systemd.exec(5). */
static int
stderr_is_journal(void)
{
	const char *s;
	char want[64];
	struct stat st;

	if ((s = getenv("JOURNAL_STREAM")) == NULL || fstat(STDERR_FILENO, &st) == -1)
		return (0);
	snprintf(want, sizeof(want), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return (strcmp(s, want) == 0);
}

void
log_init(const char *prog, int verbose)
{
	state.prog = prog;
	state.max = verbose ? LOG_DEBUG : LOG_INFO;
	state.journal = stderr_is_journal();
}

void
log_set_max(int priority)
{
	state.max = priority;
}

/* Adds n bytes, all or none; the end of the line always has room left. */
static void
add(struct line *l, const char *p, size_t n)
{
	if (l->cut || n > sizeof(l->text) - strlen(CUT_MARK) - l->len) {
		l->cut = 1;
		return;
	}
	memcpy(l->text + l->len, p, n);
	l->len += n;
}

/* C0 and DEL; the C1 characters are c2 80 to c2 9f. */
static int
is_control(const uint8_t *p, size_t n)
{
	return (n == 1 ? p[0] < 0x20 || p[0] == 0x7f : p[0] == 0xc2 && p[1] < 0xa0);
}

static void
add_escaped_byte(struct line *l, uint8_t c)
{
	char s[8];

	snprintf(s, sizeof(s), "\\x%02x", c);
	add(l, s, 4);
}

/* A backslash is doubled, so that an escape cannot be mistaken for the text. */
static void
add_text(struct line *l, const char *s)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t n, i, left;

	for (left = strlen(s); left > 0; p += n, left -= n) {
		n = utf8_char(p, left);
		if (n == 1 && *p == '\\')
			add(l, "\\\\", 2);
		else if (n > 0 && !is_control(p, n))
			add(l, (const char *)p, n);
		else {
			n = n > 0 ? n : 1;
			for (i = 0; i < n; i++)
				add_escaped_byte(l, p[i]);
		}
	}
}

static void
write_line(struct line *l)
{
	const char *end = l->cut ? CUT_MARK : "\n";

	memcpy(l->text + l->len, end, strlen(end));
	l->len += strlen(end);
	/* A line that stderr does not take is lost: there is nobody to tell. */
	while (write(STDERR_FILENO, l->text, l->len) == -1 && errno == EINTR)
		continue;
}

static void
log_va(int priority, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void
log_va(int priority, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES], prefix[8];
	struct line l;
	int saved = errno;

	priority = LOG_PRI(priority);
	if (priority > state.max)
		return;
	l.len = 0;
	l.cut = 0;
	if (state.journal) {
		snprintf(prefix, sizeof(prefix), "<%d>", priority);
		add(&l, prefix, strlen(prefix));
	}
	add_text(&l, state.prog);
	add(&l, ": ", 2);
	/* What is cut here is still more than a line holds. */
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		snprintf(text, sizeof(text), "(a message that cannot be formatted)");
	add_text(&l, text);
	write_line(&l);
	errno = saved;
}

void
log_at(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(priority, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(LOG_CRIT, fmt, ap);
	va_end(ap);
	exit(1);
}
