/*
 * The running daemon: what its parts share. Each part's functions are in its
 * own header.
 */
#ifndef MONITOR_DAEMON_H
#define MONITOR_DAEMON_H

#include <sys/queue.h>

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "monitor/cgroup.h"
#include "monitor/jobmgr.h"
#include "monitor/listen.h"
#include "monitor/runner.h"
#include "monitor/session.h"
#include "monitor/setup.h"

struct netd;
struct prepare;
struct arrival;
TAILQ_HEAD(netd_list, netd);
TAILQ_HEAD(arrival_list, arrival);

/* Descriptors that the daemon holds for its whole life; -1: not open. */
struct places {
	int state;			/* StateDirectory, locked against a second daemon */
	int empty;			/* RuntimeDirectory/empty: netd's root */
	int null;			/* /dev/null */
	int netd, spawner;		/* O_PATH of the helper programs */
};

struct daemon {
	struct config_source source;	/* to read the configuration again */
	bool debug;			/* -d */
	sd_event *event;
	struct places places;
	struct setup *setup;		/* the current one; NULL until the start is done */

	struct ids *ids;
	struct cgtree *tree;
	struct runner *runner;
	struct services services;	/* holds the job manager */

	struct listeners listeners;
	struct arrival_list arrivals;	/* accepted, waiting for a netd */
	unsigned int narrivals;
	sd_event_source *accept_again;	/* after the descriptors ran out */
	struct {
		uint64_t told;		/* when the last was logged; 0: none yet */
		unsigned int untold;	/* since then */
	} refusals;

	struct netd_list netds;
	unsigned int nconnections;	/* netds that have one */
	unsigned int early_deaths;	/* netds in a row that were never ready */
	sd_event_source *spawn_again;	/* NULL: no pause after such a death */

	struct prepare *prepare;	/* a setup in the making */
	bool reload_again;		/* SIGHUP came while one was */
	bool stopping;
	bool jobs_done;			/* while stopping: no job is left */
	sd_event_source *deadline;
};

/* Wakes those who wait for what has just become free. (monitor/accept) */
void arrivals_serve(struct daemon *);

#endif
