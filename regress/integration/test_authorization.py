# SPDX-License-Identifier: ISC
"""Only the owner: every RPC on another's job, and on an id that does not exist, gets
the same answer to its last byte; lists show only one's own."""

import time

import grpc
import pytest

import h2raw as h2
from protos import pb
from rpc import JOB_METHODS, METHODS, UNKNOWN_ID, refused, wire_error

STATES = ["created", "running", "ended"]


@pytest.fixture(scope="module")
def jobs(alice):
    """One job of alice's in each state."""
    ids = {"created": alice.create("/bin/true"),
           "running": alice.run("/bin/sleep", "1000"),
           "ended": alice.run("/bin/echo", "secret of alice")}
    alice.wait(ids["ended"])
    yield ids
    alice.stop(ids["running"], grace=0)


def call(api, method, job_id):
    request = METHODS[method][0](job_id=job_id)
    answer = getattr(api, method)(request, timeout=30)
    return list(answer) if method == "StreamLogs" else answer


@pytest.mark.parametrize("method", JOB_METHODS)
def test_anothers_job_and_an_unknown_id_are_the_same(jobs, bob, method):
    errors = set()
    for job_id in [UNKNOWN_ID, *jobs.values()]:
        with refused(grpc.StatusCode.PERMISSION_DENIED) as got:
            call(bob, method, job_id)
        errors.add(repr(wire_error(got.error)))
        assert job_id not in got.error.details()
    assert len(errors) == 1, errors


@pytest.mark.parametrize("method", JOB_METHODS)
def test_the_same_bytes_on_the_wire(daemon, jobs, method):
    """grpcio might hide a difference: here are the header blocks themselves."""
    path = h2.SERVICE + method
    seen = set()
    for job_id in [UNKNOWN_ID, *jobs.values()]:
        with h2.Connection(daemon, "bob") as c:
            answer = c.call(path, METHODS[method][0](job_id=job_id).SerializeToString())
        assert answer.status == 7
        fields = [sorted((k, v) for k, v in b.items() if k != "date") for b in answer.blocks]
        seen.add(repr((fields, answer.data, answer.reset)))
    assert len(seen) == 1, seen


def test_refusals_changed_nothing(jobs, alice):
    assert alice.status(jobs["created"]).state == pb.JOB_STATE_CREATED
    assert alice.status(jobs["running"]).state == pb.JOB_STATE_RUNNING
    assert alice.output(jobs["ended"]).stdout == b"secret of alice\n"


@pytest.mark.parametrize("method", JOB_METHODS)
@pytest.mark.parametrize("bad", ["", "x", UNKNOWN_ID[:-1], UNKNOWN_ID.upper(), UNKNOWN_ID + "0",
                                 UNKNOWN_ID.replace("-", ""), "../" + UNKNOWN_ID[3:],
                                 UNKNOWN_ID[:35] + "\n"],
                         ids=["empty", "x", "short", "upper", "long", "no_dashes", "dots",
                              "newline"])
def test_what_is_no_uuid_is_an_invalid_job_id(alice, method, bad):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, field="job_id"):
        call(alice, method, bad)


def test_list_shows_only_ones_own(jobs, alice, bob):
    own = bob.create("/bin/true")
    of_bob = {j.id for j in bob.list_all()}
    assert own in of_bob and not of_bob & set(jobs.values())
    assert all(j.owner == "bob" for j in bob.list_all())
    of_alice = {j.id for j in alice.list_all()}
    assert set(jobs.values()) <= of_alice and own not in of_alice


def test_list_page_token_of_another_shows_nothing_of_his(jobs, alice, bob):
    for _ in range(3):
        alice.create("/bin/true")
    token = alice.list(page_size=1).next_page_token
    assert token
    try:
        page = bob.list(page_size=100, page_token=token)
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.INVALID_ARGUMENT
    else:
        assert not [j for j in page.jobs if j.owner != "bob"]


def test_request_id_of_another_is_free(alice, bob):
    first = alice.create("/bin/true", request_id="shared-name")
    second = bob.create("/bin/false", request_id="shared-name")
    assert first != second
    assert bob.status(second).command == "/bin/false"


def test_three_users_by_cli(daemon, jobs):
    for user in ("bob", "dave"):
        for args in (["status"], ["logs"], ["stop"], ["wait"], ["start"], ["rm"]):
            done = daemon.cli(user, *args, jobs["ended"])
            assert done.returncode == 125, (args, done)
            assert b"secret" not in done.stdout + done.stderr


def test_refusal_takes_as_long(jobs, bob):
    """No lookup on disk tells an ended job of another's from nothing: medians within
    a factor that a stat(2) or a query would not hide in (a coarse alarm)."""
    def median(job_id):
        took = []
        for _ in range(60):
            begun = time.perf_counter()
            with refused(grpc.StatusCode.PERMISSION_DENIED):
                bob.status(job_id)
            took.append(time.perf_counter() - begun)
        return sorted(took)[30]

    assert median(jobs["ended"]) < 5 * median(UNKNOWN_ID) + 0.002


def test_audit_of_a_refusal(daemon, jobs, bob):
    with refused(grpc.StatusCode.PERMISSION_DENIED):
        bob.status(jobs["running"])
    lines = [x for x in daemon.log().splitlines() if "audit:" in x and jobs["running"] in x
             and "user=bob" in x and "op=GetJobStatus" in x]
    assert lines and "code=PERMISSION_DENIED" in lines[-1]
