# SPDX-License-Identifier: ISC
"""grpc.health.v1 and server reflection, v1 and v1alpha."""

import grpc
import pytest

from protos import health_pb
from rpc import METHODS, SERVICE, refused

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


@pytest.mark.parametrize("service", ["", SERVICE])
def test_check(alice, service):
    assert alice.Check(health_pb.HealthCheckRequest(service=service), timeout=5).status == SERVING


def test_check_of_unknown_service(alice):
    with refused(grpc.StatusCode.NOT_FOUND):
        alice.Check(health_pb.HealthCheckRequest(service="no.such"), timeout=5)


def test_watch_says_the_state_at_once_and_stays_open(alice):
    stream = alice.Watch(health_pb.HealthCheckRequest(service=SERVICE), timeout=1)
    assert next(stream).status == SERVING
    with pytest.raises(grpc.RpcError) as got:
        next(stream)
    assert got.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_watch_of_unknown_service_stays_open(alice):
    stream = alice.Watch(health_pb.HealthCheckRequest(service="no.such"), timeout=1)
    assert next(stream).status == SERVICE_UNKNOWN
    with pytest.raises(grpc.RpcError) as got:
        next(stream)
    assert got.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


# --- reflection --------------------------------------------------------------

@pytest.fixture(params=["v1", "v1alpha"])
def ask(request, alice):
    m, call = alice.reflection(request.param)

    def ask(**question):
        answers = list(call(iter([m.ServerReflectionRequest(host="h", **question)]), timeout=10))
        assert len(answers) == 1
        assert answers[0].original_request == m.ServerReflectionRequest(host="h", **question)
        assert answers[0].valid_host == "h"
        return answers[0]

    return ask


def files(answer):
    from google.protobuf import descriptor_pb2
    found = {}
    for raw in answer.file_descriptor_response.file_descriptor_proto:
        one = descriptor_pb2.FileDescriptorProto.FromString(raw)
        found[one.name] = one
    return found


def test_list_services(ask):
    names = {s.name for s in ask(list_services="").list_services_response.service}
    assert names == {SERVICE, "grpc.health.v1.Health",
                     "grpc.reflection.v1.ServerReflection",
                     "grpc.reflection.v1alpha.ServerReflection"}


@pytest.mark.parametrize("symbol", [
    SERVICE, SERVICE + ".CreateJob", "telepilot.v1.Job", "telepilot.v1.Gap.Reason",
    "telepilot.v1.JobState"])
def test_file_containing_symbol(ask, symbol):
    found = files(ask(file_containing_symbol=symbol))
    assert "telepilot/v1/telepilot.proto" in found
    methods = found["telepilot/v1/telepilot.proto"].service[0].method
    assert {m.name for m in methods} == set(METHODS)


def test_file_by_filename(ask):
    assert "grpc/health/v1/health.proto" in files(ask(
        file_by_filename="grpc/health/v1/health.proto"))


def test_imports_can_be_had(ask):
    found = files(ask(file_by_filename="telepilot/v1/telepilot.proto"))
    for name in found["telepilot/v1/telepilot.proto"].dependency:
        assert name in found or name in files(ask(file_by_filename=name))


@pytest.mark.parametrize("question", [
    {"file_containing_symbol": "no.such.Thing"}, {"file_by_filename": "no/such.proto"},
    {"file_containing_symbol": ""}, {"file_containing_symbol": "telepilot.v1.Jo"}])
def test_what_is_not_there_is_an_answer_not_the_end(ask, question):
    assert ask(**question).error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_a_client_built_from_reflection_alone_works(alice):
    """All that a tool like grpcurl knows comes from here: make the classes of the
    descriptors and call with them."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    m, call = alice.reflection("v1")
    answer = next(call(iter([m.ServerReflectionRequest(file_containing_symbol=SERVICE)]),
                       timeout=10))
    pool = descriptor_pool.DescriptorPool()
    todo = list(files(answer).values())
    for one in sorted(todo, key=lambda f: len(f.dependency)):
        pool.Add(descriptor_pb2.FileDescriptorProto.FromString(one.SerializeToString()))
    make = message_factory.MessageFactory(pool).GetPrototype
    request = make(pool.FindMessageTypeByName("telepilot.v1.CreateJobRequest"))
    response = make(pool.FindMessageTypeByName("telepilot.v1.CreateJobResponse"))
    create = alice.channel.unary_unary(f"/{SERVICE}/CreateJob",
                                       request_serializer=request.SerializeToString,
                                       response_deserializer=response.FromString)
    assert len(create(request(command="/bin/true"), timeout=10).job_id) == 36
