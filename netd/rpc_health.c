/* SPDX-License-Identifier: ISC */

/*
 * grpc.health.v1.Health (grpc's doc/health-checking.md). We serve, until we drain.
 */

#include <stdlib.h>
#include <string.h>

#include "grpc/health/v1/health.pb-c.h"
#include "netd/rpc.h"

/* Numbered as ServingStatus in health.proto. */
enum serving {
	SERVING = 1,
	NOT_SERVING = 2,
	SERVICE_UNKNOWN = 3,
};

/* "" is the server as a whole. */
static bool
is_ours(const char *service)
{
	return (service[0] == '\0' || strcmp(service, "telepilot.v1.TelePilot") == 0);
}

static const char *
service_of(const ProtobufCMessage *req)
{
	return (((const Grpc__Health__V1__HealthCheckRequest *)req)->service);
}

static void
send_status(struct call *c, enum serving status)
{
	Grpc__Health__V1__HealthCheckResponse r = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	r.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
	call_send(c, &r.base);
}

static void
check(struct call *c, const ProtobufCMessage *req)
{
	if (!is_ours(service_of(req))) {
		call_fail(c, ST_NOT_FOUND, NULL, "unknown service");
		return;
	}
	send_status(c, c->conn->draining ? NOT_SERVING : SERVING);
	call_finish(c);
}

static void
watch(struct call *c, const ProtobufCMessage *req)
{
	if (c->conn->draining)
		c->method->drain(c);
	else
		send_status(c, is_ours(service_of(req)) ? SERVING : SERVICE_UNKNOWN);
}

/* Also for a service that is unknown: what does not serve serves nothing. */
static void
watch_drain(struct call *c)
{
	send_status(c, NOT_SERVING);
	call_fail(c, ST_UNAVAILABLE, NULL, "the server is shutting down");
}

const struct method rpc_health[] = {
	{ .path = "/grpc.health.v1.Health/Check",
	    .request = &grpc__health__v1__health_check_request__descriptor,
	    .handle = check, .while_draining = true },
	{ .path = "/grpc.health.v1.Health/Watch",
	    .request = &grpc__health__v1__health_check_request__descriptor,
	    .handle = watch, .while_draining = true, .drain = watch_drain },
	{ .path = NULL },
};
