/*
 * The canonical status codes, numbered as google.rpc.Code (google/rpc/code.proto).
 * They are TelePilot's one list of outcomes: the monitor answers with them, netd
 * puts them on the wire as grpc-status, the client reads them back.
 */
#ifndef COMMON_STATUS_H
#define COMMON_STATUS_H

enum status_code {
	ST_OK = 0,
	ST_CANCELLED = 1,
	ST_UNKNOWN = 2,
	ST_INVALID_ARGUMENT = 3,
	ST_DEADLINE_EXCEEDED = 4,
	ST_NOT_FOUND = 5,
	ST_ALREADY_EXISTS = 6,
	ST_PERMISSION_DENIED = 7,
	ST_RESOURCE_EXHAUSTED = 8,
	ST_FAILED_PRECONDITION = 9,
	ST_ABORTED = 10,
	ST_OUT_OF_RANGE = 11,
	ST_UNIMPLEMENTED = 12,
	ST_INTERNAL = 13,
	ST_UNAVAILABLE = 14,
	ST_DATA_LOSS = 15,
	ST_UNAUTHENTICATED = 16,
};

#define STATUS_FIELD_MAX	64
#define STATUS_MESSAGE_MAX	512

/*
 * An outcome with its words. field is the API field at fault (e.g.
 * "limits.cpu_cores") or empty. Texts are UTF-8, NUL-terminated, and name no
 * path or internal of the server.
 */
struct status {
	enum status_code code;
	char field[STATUS_FIELD_MAX];
	char message[STATUS_MESSAGE_MAX];
};

void status_ok(struct status *);

/*
 * Fills in an outcome and returns its code, so that a function can end with
 * `return (status_set(st, ST_NOT_FOUND, NULL, "..."))`. field may be NULL.
 * Overlong texts are cut at a character's boundary.
 */
enum status_code status_set(struct status *, enum status_code, const char *field,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* "INVALID_ARGUMENT" for ST_INVALID_ARGUMENT; "UNKNOWN" for what is no code. */
const char *status_name(enum status_code);

#endif
