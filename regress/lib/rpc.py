# SPDX-License-Identifier: ISC
"""The API through python3-grpcio, with stubs made by hand from one table."""

import contextlib
import hashlib

import grpc

from protos import health_pb, pb, reflection_alpha_pb, reflection_pb, rpc_pb

SERVICE = "telepilot.v1.TelePilot"
# name: request, response, what of the request is the job's id
METHODS = {
    "CreateJob": (pb.CreateJobRequest, pb.CreateJobResponse, None),
    "StartJob": (pb.StartJobRequest, pb.StartJobResponse, "job_id"),
    "StopJob": (pb.StopJobRequest, pb.StopJobResponse, "job_id"),
    "GetJobStatus": (pb.JobStatusRequest, pb.JobStatusResponse, "job_id"),
    "StreamLogs": (pb.LogRequest, pb.LogEntry, "job_id"),
    "WaitJob": (pb.WaitJobRequest, pb.WaitJobResponse, "job_id"),
    "ListJobs": (pb.ListJobsRequest, pb.ListJobsResponse, None),
    "DeleteJob": (pb.DeleteJobRequest, pb.DeleteJobResponse, "job_id"),
}
JOB_METHODS = [m for m, row in METHODS.items() if row[2]]
UNKNOWN_ID = "01234567-89ab-4def-8123-456789abcdef"

STDOUT, STDERR, SYSTEM = pb.STREAM_STDOUT, pb.STREAM_STDERR, pb.STREAM_SYSTEM

# Any call of a test ends by itself: a hang is a failure, not a lost CI run.
DEADLINE = 60.0


def shell(script):
    """command and args of a CreateJobRequest that runs a shell script."""
    return ["/bin/sh", "-c", script]


class Output:
    """What StreamLogs gave of a job, taken apart."""

    def __init__(self):
        self.entries = 0
        self.all = bytearray()
        self.streams = {STDOUT: bytearray(), STDERR: bytearray(), SYSTEM: bytearray()}
        self.gaps = []
        self.times = []

    def add(self, entry):
        self.entries += 1
        self.times.append(entry.time.ToNanoseconds())
        if entry.WhichOneof("content") == "gap":
            self.gaps.append((entry.offset, entry.gap.bytes, entry.gap.reason))
            return
        assert entry.WhichOneof("content") == "data"
        if not self.gaps:
            assert entry.offset == len(self.all), "an offset that skips or repeats bytes"
        self.all += entry.data
        self.streams[entry.stream] += entry.data

    @property
    def stdout(self):
        return bytes(self.streams[STDOUT])

    @property
    def stderr(self):
        return bytes(self.streams[STDERR])


class Api:
    def __init__(self, channel):
        self.channel = channel
        for name, (request, response, _) in METHODS.items():
            kind = channel.unary_stream if name == "StreamLogs" else channel.unary_unary
            setattr(self, name, kind(
                f"/{SERVICE}/{name}", request_serializer=request.SerializeToString,
                response_deserializer=response.FromString))
        self.Check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb.HealthCheckResponse.FromString)
        self.Watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb.HealthCheckResponse.FromString)

    @classmethod
    def connect(cls, daemon, user, cert=None, key=None, options=()):
        files = daemon.cert(user) if cert is None else (cert, key)
        creds = grpc.ssl_channel_credentials(
            daemon.server_ca.read_bytes(), files[1].read_bytes(), files[0].read_bytes())
        # A subchannel pool of its own: one Api is one connection.
        channel = grpc.secure_channel(daemon.addr, creds, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0),
            ("grpc.max_receive_message_length", 16 << 20), *options])
        return cls(channel)

    def close(self):
        self.channel.close()

    def reflection(self, version):
        m = {"v1": reflection_pb, "v1alpha": reflection_alpha_pb}[version]
        return m, self.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=m.ServerReflectionRequest.SerializeToString,
            response_deserializer=m.ServerReflectionResponse.FromString)

    # -- the short forms --

    def create(self, command, *args, limits=None, **fields):
        request = pb.CreateJobRequest(command=command, args=args, **fields)
        if limits:
            request.limits.CopyFrom(pb.Limits(**limits))
        return self.CreateJob(request, timeout=DEADLINE).job_id

    def start(self, job_id):
        return self.StartJob(pb.StartJobRequest(job_id=job_id), timeout=DEADLINE).job

    def run(self, command, *args, **fields):
        """Creates and starts; the job's id."""
        job_id = self.create(command, *args, **fields)
        self.start(job_id)
        return job_id

    def stop(self, job_id, grace=None, timeout=DEADLINE):
        request = pb.StopJobRequest(job_id=job_id)
        if grace is not None:
            request.grace_seconds = grace
        return self.StopJob(request, timeout=timeout).job

    def status(self, job_id):
        return self.GetJobStatus(pb.JobStatusRequest(job_id=job_id), timeout=DEADLINE).job

    def wait(self, job_id, timeout=DEADLINE):
        return self.WaitJob(pb.WaitJobRequest(job_id=job_id), timeout=timeout).job

    def delete(self, job_id):
        self.DeleteJob(pb.DeleteJobRequest(job_id=job_id), timeout=DEADLINE)

    def logs(self, job_id, offset=0, timeout=DEADLINE):
        """The stream itself."""
        return self.StreamLogs(pb.LogRequest(job_id=job_id, offset=offset), timeout=timeout)

    def output(self, job_id, offset=0, timeout=DEADLINE):
        """All the output to the job's end."""
        out = Output()
        if offset:
            out.gaps.append(None)       # offsets do not begin at 0
        for entry in self.logs(job_id, offset, timeout):
            out.add(entry)
        if offset:
            out.gaps.remove(None)
        return out

    def digest(self, job_id, timeout=DEADLINE):
        """(sha256 hex, bytes) of all the output, for what is too big to hold."""
        sha, n = hashlib.sha256(), 0
        for entry in self.logs(job_id, timeout=timeout):
            assert entry.WhichOneof("content") == "data" and entry.offset == n
            sha.update(entry.data)
            n += len(entry.data)
        return sha.hexdigest(), n

    def finished(self, command, *args, **fields):
        """Runs to the end: (Job, Output)."""
        job_id = self.run(command, *args, **fields)
        out = self.output(job_id)
        return self.wait(job_id), out

    def sh(self, script, **fields):
        """Runs a shell script to the end; it must succeed. Its stdout."""
        job, out = self.finished(*shell(script), **fields)
        assert job.end.exit_code == 0, (job.end, out.stderr)
        return out.stdout

    def list(self, page_size=0, page_token=""):
        return self.ListJobs(pb.ListJobsRequest(page_size=page_size, page_token=page_token),
                             timeout=DEADLINE)

    def list_all(self, page_size=0):
        jobs, token = [], ""
        while True:
            page = self.list(page_size, token)
            jobs += page.jobs
            token = page.next_page_token
            if not token:
                return jobs


# --- errors ------------------------------------------------------------------

def wire_error(error):
    """All that a client can see of a failed call, as it came: (code, message,
    trailers but those that differ from call to call)."""
    trailers = sorted((k, v) for k, v in (error.trailing_metadata() or ())
                      if k not in ("date",))
    return error.code(), error.details(), trailers


def rich_status(error):
    """google.rpc.Status of grpc-status-details-bin, or None."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = rpc_pb.Status.FromString(value)
            assert status.code == error.code().value[0]
            assert status.message == error.details()
            return status
    return None


def violations(error):
    """[(field, description)] of the google.rpc.BadRequest detail."""
    status = rich_status(error)
    assert status is not None, f"no grpc-status-details-bin: {error}"
    found = []
    for detail in status.details:
        bad = rpc_pb.BadRequest()
        if detail.type_url == "type.googleapis.com/google.rpc.BadRequest":
            bad.ParseFromString(detail.value)
            found += [(v.field, v.description) for v in bad.field_violations]
    assert found, f"no BadRequest detail in {status}"
    return found


@contextlib.contextmanager
def refused(code, *words, field=None):
    """The block must fail with this status code and these words. With field, the
    message and a BadRequest detail name it. Gives the RpcError."""
    class Box:
        error = None
    try:
        yield Box
    except grpc.RpcError as e:
        Box.error = e
    assert Box.error is not None, f"succeeded, but {code} was expected"
    assert Box.error.code() == code, f"{Box.error.code()}: {Box.error.details()}"
    for word in words:
        assert word in Box.error.details(), Box.error.details()
    if field is not None:
        assert field in Box.error.details(), Box.error.details()
        assert field in [f for f, _ in violations(Box.error)]
