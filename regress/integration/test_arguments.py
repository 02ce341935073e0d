# SPDX-License-Identifier: ISC
"""CreateJob's fields: every wrong value is INVALID_ARGUMENT that names the field, in the
words and in a BadRequest detail; every value at its limit is taken."""

import grpc
import pytest

from protos import pb
from rpc import refused

KIB = 1024


def limits(**fields):
    return {"limits": fields}


WRONG = {
    "no_command": ("command", {"command": ""}),
    "cpu_negative": ("limits.cpu_cores", limits(cpu_cores=-1.0)),
    "cpu_nan": ("limits.cpu_cores", limits(cpu_cores=float("nan"))),
    "cpu_infinite": ("limits.cpu_cores", limits(cpu_cores=float("inf"))),
    "cpu_tiny": ("limits.cpu_cores", limits(cpu_cores=0.009)),
    "cpu_huge": ("limits.cpu_cores", limits(cpu_cores=1e6)),
    "cpu_more_than_the_host": ("limits.cpu_cores", limits(cpu_cores=1024.0)),
    "memory_tiny": ("limits.memory_bytes", limits(memory_bytes=256 * KIB - 1)),
    "swap_without_memory": ("limits.swap_bytes", limits(swap_bytes=1 << 20)),
    "io_read_tiny": ("limits.io_read_bytes_per_second", limits(io_read_bytes_per_second=4095)),
    "io_write_tiny": ("limits.io_write_bytes_per_second", limits(io_write_bytes_per_second=1)),
    "pids_huge": ("limits.pids", limits(pids=4194305)),
    "env_without_value": ("env[0]", {"env": ["A"]}),
    "env_empty": ("env[0]", {"env": [""]}),
    "env_empty_name": ("env[0]", {"env": ["=x"]}),
    "env_digit_first": ("env[0]", {"env": ["1A=x"]}),
    "env_space": ("env[0]", {"env": ["A B=x"]}),
    "workdir_relative": ("workdir", {"workdir": "tmp"}),
    "workdir_too_long": ("workdir", {"workdir": "/" + "a" * 4095}),
    "request_id_too_long": ("request_id", {"request_id": "x" * 65}),
    "args_too_large": ("args", {"args": ["x" * (49 * KIB)]}),
    "args_too_many": ("args", {"args": ["x"] * 4097}),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(alice, name):
    field, fields = WRONG[name]
    fields = dict(fields)
    args, command = fields.pop("args", []), fields.pop("command", "/bin/true")
    before = len(alice.list(page_size=1000).jobs)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, field=field):
        alice.create(command, *args, **fields)
    assert len(alice.list(page_size=1000).jobs) == before


RIGHT = {
    "env_utf8": {"env": ["A=\u263a"]},
    "env_empty_value": {"env": ["A="]},
    "env_equals": {"env": ["A=b=c"]},
    "request_id_64": {"request_id": "y" * 64},
    "args_4095": {"args": ["x"] * 4095},
    "args_48_kib": {"args": ["x" * (48 * KIB - 100)]},
    "workdir_root": {"workdir": "/"},
}


@pytest.mark.parametrize("name", RIGHT)
def test_right(alice, name):
    fields = dict(RIGHT[name])
    job_id = alice.create("/bin/true", *fields.pop("args", []), **fields)
    alice.start(job_id)
    assert alice.wait(job_id).end.exit_code == 0


def test_several_errors_name_at_least_the_first(alice):
    with refused(grpc.StatusCode.INVALID_ARGUMENT) as got:
        alice.create("", limits={"cpu_cores": -1}, workdir="x")
    assert any(f in got.error.details() for f in ("command", "limits.cpu_cores", "workdir"))


def test_no_message_shows_a_path_of_the_server(daemon, alice):
    for bad in ({"limits": {"memory_bytes": 1}}, {"workdir": "x"}, {"request_id": "x" * 100}):
        with pytest.raises(grpc.RpcError) as got:
            alice.create("/bin/true", **bad)
        assert str(daemon.dir) not in got.value.details()
        assert "cgroup/" not in got.value.details()


def test_limits_come_back_as_asked(alice):
    asked = {"pids": 77}
    job = alice.status(alice.create("/bin/true", limits=asked))
    assert job.limits.pids == 77 and job.limits.cpu_cores == 0


def test_grace_may_be_zero_or_absent(alice):
    assert pb.StopJobRequest(grace_seconds=0).WhichOneof("grace") == "grace_seconds"
    assert alice.stop(alice.create("/bin/true"), grace=0).state == pb.JOB_STATE_EXITED
    assert alice.stop(alice.create("/bin/true")).state == pb.JOB_STATE_EXITED
