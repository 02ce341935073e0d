# SPDX-License-Identifier: ISC
"""The official gRPC interop cases (grpc/doc/interop-test-descriptions.md) that the API
can express, under their own names, with python3-grpcio as the client. Where a case
needs an echo service, what stands for it is said in the test."""

import threading
import time

import grpc
import pytest

from protos import health_pb, pb
from rpc import SERVICE, UNKNOWN_ID, refused, rich_status, shell

SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"


def raw_unary(api, path):
    return api.channel.unary_unary(path, request_serializer=None, response_deserializer=None)


def test_empty_unary(alice):
    """Check of the whole server: an empty request, a small answer."""
    assert alice.Check(health_pb.HealthCheckRequest(), timeout=5).status == 1


def test_large_unary(alice):
    """27 KiB of arguments there, and all of them back."""
    args = [f"{i:05d}" + "a" * 265 for i in range(100)]
    job_id = alice.create("/bin/true", *args)
    assert list(alice.status(job_id).args) == args


@pytest.mark.parametrize("sizes", [(31415, 9, 2653, 58979)])
def test_server_streaming(alice, sizes):
    """Blocks of the official sizes, each arriving whole and in order."""
    script = "; ".join(f"head -c {n} /dev/zero | tr '\\0' {c}; sleep 0.05"
                       for n, c in zip(sizes, "abcd"))
    _, out = alice.finished(*shell(script))
    assert out.stdout == b"".join(c * n for n, c in zip(sizes, (b"a", b"b", b"c", b"d")))


def test_ping_pong(alice):
    """Question and answer on one stream: the API's bidi method is reflection."""
    m, call = alice.reflection("v1")
    questions = [m.ServerReflectionRequest(list_services="x") for _ in range(4)]
    ready = threading.Semaphore(1)

    def one_by_one():
        for q in questions:
            assert ready.acquire(timeout=5)
            yield q

    got = 0
    for answer in call(one_by_one(), timeout=10):
        assert answer.list_services_response.service
        got += 1
        ready.release()
    assert got == 4


def test_empty_stream(alice):
    m, call = alice.reflection("v1")
    del m
    assert not list(call(iter(()), timeout=10))


def test_status_code_and_message(alice):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, field="command") as got:
        alice.create("")
    assert rich_status(got.error).message == got.error.details()


def test_special_status_message(alice):
    """Whitespace and characters beyond the BMP come back whole in an error's words:
    in the failure of a command of that name."""
    job_id = alice.create("/" + SPECIAL)
    with refused(grpc.StatusCode.FAILED_PRECONDITION) as got:
        alice.start(job_id)
    failure = alice.status(job_id).end.failure
    assert failure.stage == f"exec /{SPECIAL}"
    assert failure.message == f"exec /{SPECIAL}: No such file or directory"
    assert failure.message in got.error.details()


def test_unimplemented_method(alice):
    with refused(grpc.StatusCode.UNIMPLEMENTED):
        raw_unary(alice, f"/{SERVICE}/UnimplementedCall")(b"", timeout=5)


def test_unimplemented_service(alice):
    with refused(grpc.StatusCode.UNIMPLEMENTED):
        raw_unary(alice, "/grpc.testing.UnimplementedService/UnimplementedCall")(b"", timeout=5)


def test_cancel_after_begin(alice):
    job_id = alice.create("/bin/true")
    call = alice.WaitJob.future(pb.WaitJobRequest(job_id=job_id))
    time.sleep(0.1)
    call.cancel()
    assert call.cancelled() and call.code() == grpc.StatusCode.CANCELLED
    assert alice.status(job_id).state == pb.JOB_STATE_CREATED


def test_cancel_after_first_response(alice):
    job_id = alice.run(*shell("echo first; sleep 30"))
    stream = alice.logs(job_id)
    assert next(stream).data == b"first\n"
    stream.cancel()
    with pytest.raises(grpc.RpcError) as got:
        next(stream)
    assert got.value.code() == grpc.StatusCode.CANCELLED
    # The job knows nothing of its readers.
    assert alice.status(job_id).state == pb.JOB_STATE_RUNNING
    assert alice.stop(job_id, grace=0).state == pb.JOB_STATE_EXITED


def test_timeout_on_sleeping_server(alice):
    """1 ms, as the official case has it, on a call that never ends by itself."""
    job_id = alice.create("/bin/true")
    for call in (lambda: alice.wait(job_id, timeout=0.001),
                 lambda: list(alice.logs(job_id, timeout=0.001))):
        with refused(grpc.StatusCode.DEADLINE_EXCEEDED):
            call()


def test_server_streaming_deadline(alice):
    job_id = alice.run(*shell("echo x; sleep 30"))
    begun = time.monotonic()
    with refused(grpc.StatusCode.DEADLINE_EXCEEDED):
        list(alice.logs(job_id, timeout=0.5))
    assert time.monotonic() - begun < 5
    alice.stop(job_id, grace=0)


def test_custom_metadata(alice):
    """Metadata of our own, binary too, disturbs no call. (Nothing is echoed.)"""
    metadata = (("x-grpc-test-echo-initial", "test_initial_metadata_value"),
                ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))
    assert alice.Check(health_pb.HealthCheckRequest(), timeout=5, metadata=metadata).status == 1


def test_concurrent_large_unary(alice):
    """Answers of many calls at once on one connection are not mixed up."""
    ids = [alice.create("/bin/echo", str(i), "x" * 5000) for i in range(20)]
    calls = [(i, alice.GetJobStatus.future(pb.JobStatusRequest(job_id=ids[i % 20]), timeout=30))
             for i in range(90)]
    for i, call in calls:
        job = call.result().job
        assert job.id == ids[i % 20] and job.args[0] == str(i % 20)


def test_channel_soak(daemon):
    """A connection a call, one after the other."""
    for _ in range(20):
        api = daemon.api("alice")
        with refused(grpc.StatusCode.PERMISSION_DENIED):
            api.status(UNKNOWN_ID)
        api.close()


def test_client_compression_is_refused_by_name(daemon):
    """A client that compresses learns that this server does not (compression.md)."""
    api = daemon.api("alice", options=[("grpc.default_compression_algorithm", 2)])
    with refused(grpc.StatusCode.UNIMPLEMENTED):
        api.create("/bin/echo", "a" * 5000)
