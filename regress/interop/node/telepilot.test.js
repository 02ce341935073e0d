// SPDX-License-Identifier: ISC
//
// The API through @grpc/grpc-js, a client of other people's make: the main job, errors,
// deadlines, cancellation, flow control (its windows are 64 KiB), the interop cases.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const env = process.env;
const options = { keepCase: true, longs: Number, enums: String, oneofs: true, defaults: true,
  includeDirs: [env.TP_PROTO, '/usr/share/grpc-proto', '/usr/include'] };
const load = (file) => grpc.loadPackageDefinition(loader.loadSync(file, options));
const api = load('telepilot/v1/telepilot.proto').telepilot.v1;
const health = load('grpc/health/v1/health.proto').grpc.health.v1;
const reflection = load('grpc/reflection/v1/reflection.proto').grpc.reflection.v1;

const credentials = grpc.credentials.createSsl(
  fs.readFileSync(env.TP_CA), fs.readFileSync(env.TP_KEY), fs.readFileSync(env.TP_CERT));
const client = new api.TelePilot(env.TP_ADDR, credentials);
const deadline = (ms) => ({ deadline: Date.now() + ms });

// A unary call as a promise; the error has code and details.
function call(stub, method, request, ms = 30000, metadata = new grpc.Metadata()) {
  return new Promise((resolve, reject) => stub[method](request, metadata, deadline(ms),
    (err, answer) => (err ? reject(err) : resolve(answer))));
}

async function run(command, ...args) {
  const { job_id } = await call(client, 'CreateJob', { command, args });
  await call(client, 'StartJob', { job_id });
  return job_id;
}

function read(job_id, onEntry = () => {}) {
  return new Promise((resolve, reject) => {
    const out = { STREAM_STDOUT: [], STREAM_STDERR: [], offset: 0 };
    const stream = client.StreamLogs({ job_id }, deadline(60000));
    stream.on('data', (entry) => {
      if (entry.content !== 'data' || entry.offset !== out.offset)
        reject(new Error(`not at ${out.offset}: ${JSON.stringify(entry)}`));
      out.offset += entry.data.length;
      out[entry.stream].push(entry.data);
      onEntry(entry, stream);
    });
    stream.on('error', reject);
    stream.on('end', () => resolve({ ...out, stdout: Buffer.concat(out.STREAM_STDOUT),
      stderr: Buffer.concat(out.STREAM_STDERR) }));
  });
}

const sh = (script) => ['/bin/sh', '-c', script];
const fails = (promise, code) => assert.rejects(promise, (err) => {
  assert.strictEqual(err.code, code, `${err.code}: ${err.details}`);
  return true;
});

test('the main job: create, start, status, logs, wait, delete', async () => {
  const { job_id } = await call(client, 'CreateJob', {
    command: '/bin/sh', args: ['-c', 'echo Hello; echo err >&2; exit 3'],
    limits: { cpu_cores: 0.5, memory_bytes: 512000000, pids: 20 } });
  assert.match(job_id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.strictEqual((await call(client, 'StartJob', { job_id })).job.owner, 'alice');
  const out = await read(job_id);
  assert.strictEqual(out.stdout.toString(), 'Hello\n');
  assert.strictEqual(out.stderr.toString(), 'err\n');
  const { job } = await call(client, 'WaitJob', { job_id });
  assert.strictEqual(job.state, 'JOB_STATE_EXITED');
  assert.strictEqual(job.end.exit_code, 3);
  assert.strictEqual(job.limits.cpu_cores, 0.5);
  const again = await call(client, 'GetJobStatus', { job_id });
  assert.deepStrictEqual(again.job.end, job.end);
  await call(client, 'DeleteJob', { job_id });
  await fails(call(client, 'GetJobStatus', { job_id }), grpc.status.PERMISSION_DENIED);
});

test('stop', async () => {
  const job_id = await run('/bin/sleep', '1000');
  const { job } = await call(client, 'StopJob', { job_id, grace_seconds: 0 });
  assert.strictEqual(job.end.reason, 'END_REASON_STOPPED');
  assert.strictEqual(job.end.stopped_by, 'alice');
});

test('8 MiB of output through windows of 64 KiB are byte-equal', async () => {
  const size = 8 << 20;
  const python = 'import sys\nfor i in range(131072): sys.stdout.write("%064d" % i)';
  const job_id = await run('/usr/bin/python3', '-c', python);
  const out = await read(job_id);
  const want = crypto.createHash('sha256');
  for (let i = 0; i < 131072; i++)
    want.update(String(i).padStart(64, '0'));
  assert.strictEqual(out.stdout.length, size);
  assert.strictEqual(crypto.createHash('sha256').update(out.stdout).digest('hex'),
    want.digest('hex'));
});

test('a paused reader stalls nobody and loses nothing', async () => {
  const job_id = await run(...sh('head -c 4000000 /dev/zero'));
  let paused = false;
  const out = await read(job_id, (_entry, stream) => {
    if (!paused) {
      paused = true;
      stream.pause();
      call(client, 'WaitJob', { job_id }).then(() => setTimeout(() => stream.resume(), 300));
    }
  });
  assert.strictEqual(out.stdout.length, 4000000);
});

test('many calls at once on one connection', async () => {
  const ids = await Promise.all([...Array(20).keys()].map((i) =>
    call(client, 'CreateJob', { command: '/bin/echo', args: [String(i)] })));
  const jobs = await Promise.all(ids.map(({ job_id }) => call(client, 'GetJobStatus', { job_id })));
  jobs.forEach(({ job }, i) => assert.deepStrictEqual(job.args, [String(i)]));
});

test('list pages', async () => {
  const seen = new Set();
  let page_token = '';
  do {
    const page = await call(client, 'ListJobs', { page_size: 5, page_token });
    page.jobs.forEach((job) => {
      assert.ok(!seen.has(job.id));
      assert.strictEqual(job.owner, 'alice');
      seen.add(job.id);
    });
    page_token = page.next_page_token;
  } while (page_token !== '');
  assert.ok(seen.size >= 20);
});

test('empty_unary', async () => {
  const stub = new health.Health(env.TP_ADDR, credentials);
  assert.strictEqual((await call(stub, 'Check', {})).status, 'SERVING');
  await fails(call(stub, 'Check', { service: 'no.such' }), grpc.status.NOT_FOUND);
  stub.close();
});

test('status_code_and_message, with details', async () => {
  await assert.rejects(call(client, 'CreateJob', { command: '' }), (err) => {
    assert.strictEqual(err.code, grpc.status.INVALID_ARGUMENT);
    assert.match(err.details, /command/);
    const [details] = err.metadata.get('grpc-status-details-bin');
    assert.ok(Buffer.isBuffer(details));
    assert.ok(details.includes(err.details));
    assert.ok(details.includes('google.rpc.BadRequest'));
    return true;
  });
});

test('special_status_message', async () => {
  const words = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';
  const { job_id } = await call(client, 'CreateJob', { command: `/${words}` });
  await assert.rejects(call(client, 'StartJob', { job_id }), (err) => {
    assert.strictEqual(err.code, grpc.status.FAILED_PRECONDITION);
    assert.ok(err.details.includes(`exec /${words}: No such file or directory`), err.details);
    return true;
  });
});

test('unimplemented_method and unimplemented_service', async () => {
  for (const name of ['/telepilot.v1.TelePilot/UnimplementedCall', '/grpc.testing.No/Call']) {
    const raw = (x) => x;
    await fails(new Promise((resolve, reject) => client.makeUnaryRequest(name, raw, raw,
      Buffer.alloc(0), new grpc.Metadata(), deadline(5000),
      (err, answer) => (err ? reject(err) : resolve(answer)))), grpc.status.UNIMPLEMENTED);
  }
});

test('timeout_on_sleeping_server', async () => {
  const { job_id } = await call(client, 'CreateJob', { command: '/bin/true' });
  await fails(call(client, 'WaitJob', { job_id }, 300), grpc.status.DEADLINE_EXCEEDED);
});

test('cancel_after_begin', async () => {
  const { job_id } = await call(client, 'CreateJob', { command: '/bin/true' });
  await fails(new Promise((resolve, reject) => {
    const c = client.WaitJob({ job_id }, (err, answer) => (err ? reject(err) : resolve(answer)));
    setTimeout(() => c.cancel(), 100);
  }), grpc.status.CANCELLED);
});

test('cancel_after_first_response', async () => {
  const job_id = await run(...sh('echo first; sleep 100'));
  await fails(read(job_id, (_entry, stream) => stream.cancel()), grpc.status.CANCELLED);
  assert.strictEqual((await call(client, 'GetJobStatus', { job_id })).job.state,
    'JOB_STATE_RUNNING');
  await call(client, 'StopJob', { job_id, grace_seconds: 0 });
});

test('binary metadata', async () => {
  const metadata = new grpc.Metadata();
  metadata.set('x-test-bin', Buffer.from([0xab, 0xab, 0xab, 0xab]));
  metadata.set('x-test', 'value');
  await call(client, 'ListJobs', { page_size: 1 }, 5000, metadata);
});

test('a client that compresses is told', async () => {
  const other = new api.TelePilot(env.TP_ADDR, credentials,
    { 'grpc.default_compression_algorithm': 2 });
  await fails(call(other, 'CreateJob', { command: '/bin/echo', args: ['x'.repeat(5000)] }),
    grpc.status.UNIMPLEMENTED);
  other.close();
});

test('ping_pong: reflection', async () => {
  const stub = new reflection.ServerReflection(env.TP_ADDR, credentials);
  const stream = stub.ServerReflectionInfo(deadline(10000));
  const answers = [];
  await new Promise((resolve, reject) => {
    stream.on('data', (answer) => {
      answers.push(answer);
      if (answers.length === 3)
        stream.end();
      else
        stream.write({ list_services: '' });
    });
    stream.on('error', reject);
    stream.on('end', resolve);
    stream.write({ list_services: '' });
  });
  assert.strictEqual(answers.length, 3);
  const names = answers[0].list_services_response.service.map((s) => s.name);
  assert.ok(names.includes('telepilot.v1.TelePilot'));
  stub.close();
});

test('no certificate is no connection', async () => {
  const bare = new api.TelePilot(env.TP_ADDR, grpc.credentials.createSsl(
    fs.readFileSync(env.TP_CA)));
  await fails(call(bare, 'ListJobs', {}, 5000), grpc.status.UNAVAILABLE);
  bare.close();
});

test.after(() => client.close());
