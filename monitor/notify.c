/* SPDX-License-Identifier: ISC */

/*
 * sd_notify(3) messages. systemd needs the time of a reload to match its end to
 * its beginning (Type=notify-reload).
 */

#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "common/log.h"
#include "monitor/notify.h"

static void
check(int r)
{
	if (r < 0)
		log_warn("the service manager cannot be told: %s", strerror(-r));
}

void
notify_ready(unsigned int listeners)
{
	check(sd_notifyf(0, "READY=1\nSTATUS=Serving on %u address%s", listeners,
	    listeners == 1 ? "" : "es"));
}

void
notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	check(sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reloading",
	    (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000));
}

void
notify_stopping(void)
{
	check(sd_notify(0, "STOPPING=1\nSTATUS=Stopping"));
}
