/* SPDX-License-Identifier: ISC */

/*
 * The whole of what a netd can make the monitor do, over a backend that runs
 * nothing: the input is a list of messages and of things that happen meanwhile.
 * Each is a byte: what, a byte: id, two bytes: length, and that many bytes.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/ipc.h"
#include "common/log.h"
#include "common/msg.h"
#include "monitor/request.h"
#include "monitor/session.h"

#define WHAT_READ	0xf0		/* netd reads what it was sent */
#define WHAT_STARTED	0xf1		/* the newest run: id of the run is its body's first byte */
#define WHAT_ENDED	0xf2
#define RUNS_MAX	64

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct job_run {
	const struct job_backend_events *events;
	void *job;
	int started, over;
};

static struct job_run *runs[RUNS_MAX];
static size_t nruns;

static enum status_code
admit(void *ctx, struct limits *l, char *warnings[JOB_WARNINGS_MAX + 1], struct status *st)
{
	(void)ctx;
	(void)l;
	(void)warnings;
	status_ok(st);
	return (ST_OK);
}

static int
start(void *ctx, const struct uuid *id, const struct job_owner *owner,
    const struct jobspec *spec, const struct jobmgr_config *config,
    const struct job_backend_events *events, void *job, struct job_run **out,
    struct status *st)
{
	(void)ctx;
	(void)id;
	(void)spec;
	(void)config;
	if (owner->uid == 0 || owner->gid == 0 || owner->sup_uid == 0)
		abort();
	if (nruns == RUNS_MAX || (runs[nruns] = calloc(1, sizeof(**runs))) == NULL) {
		status_set(st, ST_RESOURCE_EXHAUSTED, NULL, "too many");
		return (-EAGAIN);
	}
	runs[nruns]->events = events;
	runs[nruns]->job = job;
	*out = runs[nruns++];
	return (0);
}

static int
run_signal(struct job_run *run, int sig)
{
	(void)run;
	(void)sig;
	return (0);
}

static int
run_kill(struct job_run *run)
{
	(void)run;
	return (0);
}

static void
run_usage(struct job_run *run, struct usage *u)
{
	(void)run;
	usage_init(u);
}

static int
follow(struct job_run *run, int fds[3])
{
	int i;

	(void)run;
	for (i = 0; i < 3; i++)
		if ((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1)
			abort();
	return (0);
}

static uint32_t
followers(struct job_run *run)
{
	(void)run;
	return (0);
}

static void
run_free(struct job_run *run)
{
	size_t i;

	for (i = 0; i < nruns; i++)
		if (runs[i] == run) {
			free(run);
			runs[i] = NULL;
		}
}

static int
open_output(void *ctx, const struct uuid *id, int fds[2])
{
	int i;

	(void)ctx;
	(void)id;
	for (i = 0; i < 2; i++)
		if ((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1)
			abort();
	return (0);
}

static int
remove_files(void *ctx, const struct uuid *id)
{
	(void)ctx;
	(void)id;
	return (0);
}

static const struct job_backend backend = {
	.admit = admit,
	.start = start,
	.signal = run_signal,
	.kill = run_kill,
	.usage = run_usage,
	.follow = follow,
	.followers = followers,
	.free = run_free,
	.open_output = open_output,
	.remove = remove_files,
};

/* --- the world around one session --- */

static sd_event *event;
static struct ids *ids;
static struct accounts nobody;
static struct msg *received;
static int over;

static void
ignore(void *arg)
{
	(void)arg;
}

static void
on_over(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	if (++over > 1)
		abort();
}

static const struct session_events events = { ignore, ignore, on_over };

static void
pump(void)
{
	while (sd_event_run(event, 0) > 0)
		;
}

static void
prepare(struct services *sv)
{
	const struct id_range range = { 65536, 65536 * 100 - 1 };
	char dir[] = "/tmp/telepilot-fuzz-XXXXXX", why[256];
	unsigned int line;
	int fd;

	log_set_max(LOG_EMERG);
	if (mkdtemp(dir) == NULL || (fd = open(dir, O_RDONLY | O_DIRECTORY)) == -1 ||
	    sd_event_new(&event) < 0 || ids_open(&ids, fd, &range, &line, why, sizeof(why)) != 0 ||
	    (sv->msg = malloc(sizeof(*sv->msg))) == NULL ||
	    (received = malloc(sizeof(*received))) == NULL)
		abort();
	unlinkat(fd, IDS_FILE, 0);
	close(fd);
	rmdir(dir);
	sv->event = event;
	sv->users.ids = ids;
	sv->users.accounts = &nobody;
}

static void
read_all(int peer)
{
	while (msg_recv(peer, received, 3) == 0)
		msg_close_fds(received);
}

static void
end_run(struct job_run *run)
{
	struct job_end end;
	struct usage usage;

	if (run == NULL || run->over)
		return;
	run->over = 1;
	memset(&end, 0, sizeof(end));
	end.reason = END_EXITED;
	end.has_status = true;
	usage_init(&usage);
	run->events->ended(run->job, &end, &usage);
}

static void
start_run(struct job_run *run)
{
	if (run == NULL || run->started || run->over)
		return;
	run->started = 1;
	run->events->started(run->job);
}

/* The first job's id, so that an input can name one: all zeros stands for it. */
static struct uuid newest;

static void
note_created(int peer)
{
	struct status st;

	while (msg_recv(peer, received, 3) == 0) {
		msg_close_fds(received);
		if (received->type == NETD_REPLY && status_get(&received->body, &st) == 0 &&
		    st.code == ST_OK && received->body.left == UUID_LEN)
			memcpy(newest.b, received->body.p, UUID_LEN);
	}
}

static void
say(int peer, uint8_t what, uint8_t id, const uint8_t *body, size_t len)
{
	static const uint8_t zeros[UUID_LEN];
	struct buf *b;

	if ((b = buf_new(MSG_BODY_MAX)) == NULL)
		abort();
	if (len >= UUID_LEN && memcmp(body, zeros, UUID_LEN) == 0) {
		(void)buf_put_raw(b, newest.b, UUID_LEN);
		body += UUID_LEN;
		len -= UUID_LEN;
	}
	(void)buf_put_raw(b, body, len);
	(void)msg_send(peer, what, id, b);
	buf_free(b);
	pump();
	if (what == NETD_CREATE)
		note_created(peer);
}

static void
play(int peer, const uint8_t *p, size_t left)
{
	size_t len;
	uint8_t what, id;

	while (left >= 4) {
		what = p[0];
		id = p[1];
		len = (size_t)p[2] << 8 | p[3];
		p += 4;
		left -= 4;
		if (len > left)
			len = left;
		if (what == WHAT_READ)
			read_all(peer);
		else if (what == WHAT_STARTED && id < nruns)
			start_run(runs[id]);
		else if (what == WHAT_ENDED && id < nruns)
			end_run(runs[id]);
		else
			say(peer, what, id, p, len);
		pump();
		p += len;
		left -= len;
	}
}

static void
end_all(void)
{
	size_t i;

	for (i = 0; i < nruns; i++)
		end_run(runs[i]);
	pump();
	nruns = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct jobmgr_config config = { 100, 50, 20, 5, 10, 0, false };
	static struct services sv;
	struct session s;
	int fds[2];

	if (size == 0)
		return (0);
	if (event == NULL)
		prepare(&sv);
	if (jobmgr_new(&sv.jobs, event, &config, &backend, NULL) != 0 || msg_pair(fds) != 0 ||
	    session_init(&s, &sv, fds[0], 8, &events, NULL) != 0)
		abort();
	over = 0;
	memset(&newest, 0, sizeof(newest));
	if (data[0] % 4 != 0)
		s.state = (enum session_state)(1 << data[0] % 4);
	if (s.state == SESSION_OPEN)
		strcpy(s.user, "alice");
	play(fds[1], data + 1, size - 1);
	session_close(&s);
	close(fds[1]);
	end_all();
	jobmgr_free(sv.jobs);
	return (0);
}
