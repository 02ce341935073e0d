/* SPDX-License-Identifier: ISC */

/*
 * grpc.reflection: one method, under the name of v1 and of v1alpha. The two
 * packages' messages have the same form on the wire, so v1's serve both. What
 * cannot be found is said in the answer, and the stream goes on.
 */

#include <string.h>

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "netd/reflection.h"
#include "netd/rpc.h"

#define SERVICES_MAX	16

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

/* The oneofs' cases are field numbers; their generated names are longer than a line. */
enum {
	ASKS_NOTHING = 0,
	ASKS_FILE = 3,
	ASKS_SYMBOL = 4,
	ASKS_SERVICES = 7,
	ANSWERS_FILES = 4,
	ANSWERS_SERVICES = 6,
	ANSWERS_ERROR = 7,
};

static void
begin(response *r, request *req, int answers)
{
	grpc__reflection__v1__server_reflection_response__init(r);
	r->valid_host = req->host;
	r->original_request = req;
	r->message_response_case = answers;
}

static void
answer_error(struct call *c, request *req, enum status_code code, const char *text)
{
	Grpc__Reflection__V1__ErrorResponse e = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
	response r;

	e.error_code = (int32_t)code;
	e.error_message = (char *)(uintptr_t)text;	/* only read */
	begin(&r, req, ANSWERS_ERROR);
	r.error_response = &e;
	call_send(c, &r.base);
}

static void
answer_files(struct call *c, request *req, int file)
{
	Grpc__Reflection__V1__FileDescriptorResponse f =
	    GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
	ProtobufCBinaryData data[REFLECTION_FILES_MAX];
	int files[REFLECTION_FILES_MAX];
	response r;
	size_t i;

	if (file == -1) {
		answer_error(c, req, ST_NOT_FOUND, "not found");
		return;
	}
	f.n_file_descriptor_proto = reflection_closure(c->conn->reflection, file, files);
	for (i = 0; i < f.n_file_descriptor_proto; i++)
		data[i].data = (uint8_t *)(uintptr_t)reflection_file(c->conn->reflection,
		    files[i], &data[i].len);		/* only read */
	f.file_descriptor_proto = data;
	begin(&r, req, ANSWERS_FILES);
	r.file_descriptor_response = &f;
	call_send(c, &r.base);
}

static void
answer_services(struct call *c, request *req)
{
	Grpc__Reflection__V1__ListServiceResponse l =
	    GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	Grpc__Reflection__V1__ServiceResponse services[SERVICES_MAX];
	Grpc__Reflection__V1__ServiceResponse *list[SERVICES_MAX];
	const char *name;
	response r;
	size_t n;

	for (n = 0; n < SERVICES_MAX; n++) {
		if ((name = reflection_service(c->conn->reflection, n)) == NULL)
			break;
		grpc__reflection__v1__service_response__init(&services[n]);
		services[n].name = (char *)(uintptr_t)name;	/* only read */
		list[n] = &services[n];
	}
	l.n_service = n;
	l.service = list;
	begin(&r, req, ANSWERS_SERVICES);
	r.list_services_response = &l;
	call_send(c, &r.base);
}

static void
info(struct call *c, const ProtobufCMessage *message)
{
	const struct reflection *index = c->conn->reflection;
	request *req = (request *)(uintptr_t)message;	/* the response only reads it */

	switch ((int)req->message_request_case) {
	case ASKS_FILE:
		answer_files(c, req, reflection_by_name(index, req->file_by_filename));
		break;
	case ASKS_SYMBOL:
		answer_files(c, req, reflection_by_symbol(index, req->file_containing_symbol));
		break;
	case ASKS_SERVICES:
		answer_services(c, req);
		break;
	case ASKS_NOTHING:
		answer_error(c, req, ST_INVALID_ARGUMENT, "message_request is not set");
		break;
	default:
		answer_error(c, req, ST_NOT_FOUND, "this server's messages have no extensions");
		break;
	}
}

/* It has no end of its own. */
static void
info_drain(struct call *c)
{
	call_fail(c, ST_UNAVAILABLE, NULL, "the server is shutting down");
}

const struct method rpc_reflection[] = {
	{ .path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	    .request = &grpc__reflection__v1__server_reflection_request__descriptor,
	    .stream_in = true, .handle = info, .drain = info_drain },
	{ .path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	    .request = &grpc__reflection__v1__server_reflection_request__descriptor,
	    .stream_in = true, .handle = info, .drain = info_drain },
	{ .path = NULL },
};
