/*
 * Logging of the daemons: one line a record on stderr, "prog: message", at most
 * 4 KiB. Control characters, backslashes and bytes that are not UTF-8 are
 * escaped, so anything that came from outside may be logged. errno is kept.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <syslog.h>

/*
 * prog stands before each line ("telepilotd", "netd"); verbose lets LOG_DEBUG
 * through. With journal (JOURNAL_STREAM names our stderr) lines carry the <N>
 * priority prefix of sd-daemon(3). The only global state of common/.
 */
void log_init(const char *prog, int verbose);

/* Only priorities up to this one are written: LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG. */
void log_set_max(int priority);

void log_at(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...)	log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)	log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)	log_at(LOG_WARNING, __VA_ARGS__)
#define log_error(...)	log_at(LOG_ERR, __VA_ARGS__)

/* Logs and exits 1: only for the edges (main and its start-up). */
void fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
