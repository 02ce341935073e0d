/* SPDX-License-Identifier: ISC */

/*
 * A request's way through netd/prescan and protobuf-c with an arena: what was let
 * through has only strings without NUL that are UTF-8, and memory is bounded. The
 * first byte says which request it is.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "netd/arena.h"
#include "netd/prescan.h"
#include "telepilot/v1/telepilot.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const char *s)
{
	if (!utf8_valid(s, strlen(s)))
		abort();
}

static void
check_create(const Telepilot__V1__CreateJobRequest *r)
{
	size_t i;

	check(r->command);
	check(r->request_id);
	check(r->workdir);
	for (i = 0; i < r->n_args; i++)
		check(r->args[i]);
	for (i = 0; i < r->n_env; i++)
		check(r->env[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const ProtobufCMessageDescriptor *const descs[] = {
		&telepilot__v1__create_job_request__descriptor,
		&telepilot__v1__stop_job_request__descriptor,
		&telepilot__v1__list_jobs_request__descriptor,
		&grpc__reflection__v1__server_reflection_request__descriptor,
	};
	const ProtobufCMessageDescriptor *desc;
	ProtobufCMessage *m;
	struct arena arena;
	char field[64];

	if (size == 0)
		return (0);
	desc = descs[data[0] % 4];
	if (prescan(desc, data + 1, size - 1, field, sizeof(field)) != 0)
		return (0);
	arena_init(&arena, 64 * 1024);
	m = protobuf_c_message_unpack(desc, &arena.allocator, size - 1, data + 1);
	if (m != NULL && desc == descs[0])
		check_create((Telepilot__V1__CreateJobRequest *)m);
	arena_free(&arena);
	return (0);
}
