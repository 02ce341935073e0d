/* SPDX-License-Identifier: ISC */

/*
 * Says what an exit code cannot say.
 */

#include <stdlib.h>

#include "cli/cli.h"
#include "cli/jobtext.h"
#include "cli/report.h"
#include "cli/signals.h"

static bool
needs_words(const Telepilot__V1__Job *job)
{
	if (job->end == NULL)
		return (true);
	switch (job->end->reason) {
	case TELEPILOT__V1__END_REASON__END_REASON_EXITED:
	case TELEPILOT__V1__END_REASON__END_REASON_SIGNALED:
		return (false);
	case TELEPILOT__V1__END_REASON__END_REASON_STOPPED:
		return (signals_caught() == 0);
	default:
		return (true);
	}
}

int
report_end(const Telepilot__V1__Job *job)
{
	char *words;

	if (needs_words(job)) {
		words = job_outcome(job);
		say("job %s: %s", job->id, words != NULL ? words : "out of memory");
		free(words);
	}
	return (job_exit_code(job));
}
