/* SPDX-License-Identifier: ISC */

/*
 * All that a connection's process can make root do. Nothing else is done for
 * it, and nothing of this in another state than its row says.
 */

#include "common/ipc.h"
#include "monitor/request.h"

/* Bodies without a list of strings: fixed fields and their length prefixes. */
#define SMALL	512

const struct request_row request_table[] = {
	/* the life of the connection; these are not answered by NETD_REPLY */
	{ NETD_READY, REQUEST_ONCE, SESSION_STARTING, "NETD_READY", NULL, 4,
	    decode_ready, NULL, note_ready },
	{ NETD_AUTH, REQUEST_ONCE, SESSION_LOGIN, "NETD_AUTH", NULL, SMALL,
	    decode_auth, NULL, note_auth },
	{ NETD_CANCEL, 0, SESSION_OPEN, "NETD_CANCEL", NULL, 0,
	    decode_nothing, NULL, note_cancel },

	/* the RPCs */
	{ NETD_CREATE, 0, SESSION_OPEN, "NETD_CREATE", "CreateJob", MSG_BODY_MAX,
	    decode_create, act_create, NULL },
	{ NETD_START, REQUEST_OF_JOB, SESSION_OPEN, "NETD_START", "StartJob", UUID_LEN,
	    decode_job, act_start, NULL },
	{ NETD_STOP, REQUEST_OF_JOB, SESSION_OPEN, "NETD_STOP", "StopJob", UUID_LEN + 4,
	    decode_stop, act_stop, NULL },
	{ NETD_STATUS, REQUEST_OF_JOB, SESSION_OPEN, "NETD_STATUS", "GetJobStatus", UUID_LEN,
	    decode_job, act_status, NULL },
	{ NETD_WAIT, REQUEST_OF_JOB, SESSION_OPEN, "NETD_WAIT", "WaitJob", UUID_LEN,
	    decode_job, act_wait, NULL },
	{ NETD_LIST, 0, SESSION_OPEN, "NETD_LIST", "ListJobs", 12,
	    decode_list, act_list, NULL },
	{ NETD_DELETE, REQUEST_OF_JOB, SESSION_OPEN, "NETD_DELETE", "DeleteJob", UUID_LEN,
	    decode_job, act_delete, NULL },
	{ NETD_LOGS, REQUEST_OF_JOB, SESSION_OPEN, "NETD_LOGS", "StreamLogs", UUID_LEN,
	    decode_job, act_logs, NULL },
};

const size_t request_nrows = sizeof(request_table) / sizeof(request_table[0]);

_Static_assert(sizeof(request_table) / sizeof(request_table[0]) <= 64,
    "struct session's seen has a bit for each row");
