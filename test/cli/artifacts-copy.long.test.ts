import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { type Layout, openLayout } from '#oci/layout';
import { run } from '../../src/cli/run.ts';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describe, pushArtifact } from '../oci/content.ts';
import { serverIdentity } from '../oci/identities.ts';
import { RegistryDouble, sendError } from '../oci/registry-double.ts';
import { cli, cliJson, cliReading } from './command-line.ts';
import { fakeIo } from './fake-io.ts';

let dir: string;
let source: Layout;
let place: string;
let artifact: Descriptor;
let referrer: Descriptor;
let double: RegistryDouble;

beforeEach(async () => {
  dir = await makeTempDir();
  place = `oci:${dir}/source`;
  source = await openLayout(join(dir, 'source'), { create: true });
  artifact = await pushArtifact(source, 'artifact');
  referrer = await pushArtifact(source, 'referrer', { subject: artifact });
  await source.tag(artifact, 'v1');
  double = await RegistryDouble.start();
});

afterEach(async () => {
  await source.close();
  await double.close();
});

const blob = (at: string, text: string) => join(dir, at, 'blobs/sha256', describe(Buffer.from(text)).digest.slice(7));

test('copy: reports what is missing at the source, exit status 1', async () => {
  const broken = await pushArtifact(source, 'broken');
  await source.tag(broken, 'broken');
  await rm(blob('source', 'broken'));
  const { status, out, err } = await cli('copy', '--all-tags', place, `oci:${dir}/copy`, '--output', 'json');
  expect(status).toBe(1);
  expect(readJson(err)).toMatchObject({
    error: { code: 'ERR_EXPORT_NOT_FOUND', details: { missing: 1, refused: 0 } },
  });
  const lost = describe(Buffer.from('broken')).digest;
  expect((readJson(out) as Record<string, unknown>)['fidelity']).toEqual({
    complete: false,
    assumed: 0,
    missing: [
      {
        digest: lost,
        tag: null,
        namedBy: broken.digest,
        code: 'ERR_EXPORT_NOT_FOUND',
        message: expect.stringContaining(lost),
      },
    ],
    unsupported: [],
    refused: [],
    conflicts: [],
    incomplete: [
      { tag: null, digest: broken.digest, lacks: lost },
      { tag: 'broken', digest: broken.digest, lacks: lost },
    ],
    excluded: [],
    gone: null,
    damaged: null,
  });
  const { tags } = await cliJson('ls', `oci:${dir}/copy`);
  expect(tags).toMatchObject([{ tag: 'v1' }]);
  const text = await cli('copy', '--all-tags', place, `oci:${dir}/copy`);
  expect(text.out).toContain('copied 2 of 3 artifacts and 1 referrer');
  expect(text.err).toContain('push missing content to the source again, then copy again');
  expect(text.out).toContain(`missing at the source: ${lost}, named by ${broken.digest}: ERR_EXPORT_NOT_FOUND`);
  expect(text.out).toContain(`tag broken not set: ${broken.digest} lacks ${lost}`);
});

test('copy: what the target refuses is another word, with its own code and message', async () => {
  double.fault = (request, response, path) => {
    if (request.method !== 'PUT' || !path.endsWith(referrer.digest)) return false;
    sendError(response, 400, 'MANIFEST_INVALID', 'no subjects please');
    return true;
  };
  const { status, out, err } = await cli('copy', `${place}:v1`, `${double.host}/team/app`);
  expect(status).toBe(1);
  expect(err).toContain('error ERR_EXPORT_REGISTRY_REFUSED');
  expect(out).toMatch(new RegExp(`refused by the target: ${referrer.digest}: .*MANIFEST_INVALID: no subjects please`));
  expect(out).not.toContain('missing at the source');
  expect(out).toContain('copied 1 artifact and 0 referrers');
  expect(err).toMatch(/hint: ask the operator of the target about refused content/);
});

test('copy: ends with exit status 5 if a rerun may complete it', async () => {
  let failing = true;
  double.fault = (request, response, path) => {
    if (!failing || request.method !== 'GET' || !path.includes('/referrers/')) return false;
    response.setHeader('content-type', 'application/vnd.oci.image.index.v1+json');
    response.end('{"schemaVersion":2,"manifests":[]}');
    return true;
  };
  const args = ['copy', `${place}:v1`, `${double.host}/team/app`] as const;
  const { status, err } = await cli(...args);
  expect([status, err]).toEqual([5, expect.stringContaining('ERR_EXPORT_INCOMPLETE')]);
  failing = false;
  expect((await cli(...args)).status).toBe(0);
});

test('copy --verify: reads back, and exit status 3 names what is damaged', async () => {
  const args = ['copy', '--verify', `${place}:v1`, `oci:${dir}/copy`] as const;
  expect(await cliJson(...args)).toMatchObject({ fidelity: { complete: true, damaged: [] } });
  await writeFile(blob('copy', 'artifact'), 'ARTIFACT');
  expect((await cli('copy', `${place}:v1`, `oci:${dir}/copy`)).status).toBe(0);
  const { status, out } = await cli(...args);
  expect(status).toBe(3);
  const { digest } = describe(Buffer.from('artifact'));
  expect(out).toContain(`damaged at the target: ${digest}: ERR_EXPORT_DIGEST_MISMATCH`);
});

test('copy: a second one takes a registry at its word, --check-all does not', async () => {
  const args = ['copy', `${place}:v1`, `${double.host}/team/app`] as const;
  await cli(...args);
  double.blobs.delete(`team/app ${describe(Buffer.from('artifact')).digest}`);
  const asked = double.count('HEAD', /\/blobs\//);
  expect(await cliJson(...args)).toMatchObject({ bytesSent: 0, fidelity: { complete: true, assumed: 3 } });
  expect(double.count('HEAD', /\/blobs\//)).toBe(asked);
  expect(await cliJson(...args, '--check-all')).toMatchObject({ bytesSent: 'artifact'.length });
});

test('copy: where some is missing and some refused, there is a next step for each', async () => {
  const broken = await pushArtifact(source, 'broken');
  await source.tag(broken, 'broken');
  await rm(blob('source', 'broken'));
  double.fault = (request, response, path) => {
    if (request.method !== 'PUT' || !path.endsWith('/manifests/v1')) return false;
    sendError(response, 400, 'TAG_INVALID', 'no such tags please');
    return true;
  };
  const { status, out, err } = await cli('copy', '--all-tags', place, `${double.host}/team/app`);
  expect(status).toBe(1);
  expect(out).toContain('copied 1 of 3 artifacts and 1 referrer');
  expect(err).toMatch(/hint: push missing content .* and ask the operator of the target about refused content/);
});

test('copy: blobs that a registry lost below a manifest are reported as assumed, and sent again with --check-all', async () => {
  const args = ['copy', `${place}:v1`, `${double.host}/team/app`] as const;
  expect((await cli(...args)).out).not.toContain('assumed present');
  const { digest } = describe(Buffer.from('artifact'));
  double.blobs.delete(`team/app ${digest}`);
  expect((await cli(...args)).out).toMatch(/3 blobs assumed present, .*--check-all .*--verify/);
  const read = await cli(...args, '--verify');
  expect(read.status).toBe(3);
  expect(read.out).toContain(`missing at the target: ${digest}: ERR_EXPORT_NOT_FOUND`);
  expect(read.out).not.toMatch(/damaged at the target|assumed present|read back/);
  expect(read.err).toMatch(
    /error ERR_EXPORT_CONTENT_MISMATCH: .*1 missing and 0 damaged\nhint: copy again with --check-all/,
  );
  const found = await cli(...args, '--verify', '--output', 'json');
  expect(readJson(found.out)).toMatchObject({
    fidelity: { complete: false, assumed: 0, gone: [{ digest }], damaged: [] },
  });
  expect((await cli(...args, '--check-all')).status).toBe(0);
  expect(await cliJson(...args, '--verify')).toMatchObject({ fidelity: { complete: true, assumed: 0, gone: [] } });
});

test('copy --verify: what is damaged and what is gone are two things', async () => {
  const args = ['copy', '--verify', `${place}:v1`, `${double.host}/team/app`] as const;
  expect((await cli(...args)).status).toBe(0);
  const [gone, damaged] = ['artifact', 'referrer'].map((text) => describe(Buffer.from(text)).digest);
  double.blobs.delete(`team/app ${gone}`);
  double.blobs.set(`team/app ${damaged}`, Buffer.from('REFERRER'));
  const { status, out, err } = await cli(...args);
  expect(status).toBe(3);
  expect(out).toContain(`missing at the target: ${gone}: ERR_EXPORT_NOT_FOUND`);
  expect(out).toContain(`damaged at the target: ${damaged}: ERR_EXPORT_DIGEST_MISMATCH`);
  expect(err).toMatch(
    /1 missing and 1 damaged\nhint: delete the damaged content there, then copy again with --check-all/,
  );
});

test('copy: manifests without a tag go along with --all-tags', async () => {
  const untagged = await pushArtifact(source, 'untagged');
  await source.flush();
  await cliJson('copy', '--all-tags', place, `oci:${dir}/copy`);
  expect(await cliJson('inspect', `oci:${dir}/copy@${untagged.digest}`)).toMatchObject({
    descriptor: { digest: untagged.digest },
  });
});

/** Runs the command line as a process, with bytes in and bytes out. */
async function pipe(input: Uint8Array, ...args: string[]): Promise<{ status: number; out: Buffer; err: string }> {
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const child = spawn(process.execPath, [main, ...args], { stdio: 'pipe' });
  const out: Buffer[] = [];
  let err = '';
  child.stdout.on('data', (part: Buffer) => out.push(part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    err += part;
  });
  child.stdin.end(input);
  const [status] = (await once(child, 'close')) as [number];
  return { status, out: Buffer.concat(out), err };
}

test('copy: a layout goes through a pipe as one tar', async () => {
  const sent = await pipe(Buffer.alloc(0), 'copy', `${place}:v1`, 'oci-archive:-:one', '--output', 'json');
  expect(sent.status, sent.err).toBe(0);
  expect(readJson(sent.err)).toMatchObject({ target: 'oci-archive:-', fidelity: { complete: true } });
  expect((await pipe(Buffer.alloc(0), 'copy', `${place}:v1`, 'oci-archive:-:one')).out.equals(sent.out)).toBe(true);
  const got = await pipe(sent.out, 'copy', 'oci-archive:-:one', `oci:${dir}/copy:two`, '--output', 'json');
  expect(got.status, got.err).toBe(0);
  expect(readJson(got.out.toString())).toMatchObject({
    referrers: [{ digest: referrer.digest }],
    tagged: [{ tag: 'two', digest: artifact.digest }],
  });
  await writeFile(join(dir, 'piped.tar'), sent.out);
  expect((await cliJson('ls', `oci-archive:${dir}/piped.tar`))['tags']).toMatchObject([{ tag: 'one' }]);
  const cut = await pipe(sent.out.subarray(0, 3000), 'copy', 'oci-archive:-:one', `oci:${dir}/none:two`);
  expect([cut.status, cut.err]).toEqual([2, expect.stringContaining('ERR_EXPORT_ARCHIVE_INVALID')]);
  expect((await cli('copy', '--verify', `${place}:v1`, 'oci-archive:-')).status).toBe(2);
});

test('export: into a pipe goes the tar alone, and one of them', async () => {
  const sample = join(import.meta.dirname, '../../examples/evidence');
  const args = ['export', '--profile', 'json:raw', '--source', sample, '--unsigned', '--output', 'json'];
  const sent = await pipe(Buffer.alloc(0), ...args, '--to', 'oci-archive:-:1');
  expect(sent.status, sent.err).toBe(0);
  expect(readJson(sent.err)).toMatchObject({ profile: 'json:raw' });
  expect(sent.out.length % 512).toBe(0);
  expect(sent.out.subarray(-1024).every((byte) => byte === 0)).toBe(true);
  const twice = await cli(...args, '--to', 'oci-archive:-:1', '--to', 'oci-archive:-:2');
  expect([twice.status, twice.out]).toEqual([2, '']);
});

test('--username, --password-stdin: log in to the one registry, and to no second', async () => {
  double.fault = (request, response) => {
    const expected = `Basic ${Buffer.from('anna:s e\tcret').toString('base64')}`;
    if (request.headers.authorization === expected) return false;
    response.setHeader('www-authenticate', 'Basic realm="double"');
    sendError(response, 401, 'UNAUTHORIZED');
    return true;
  };
  const target = `${double.host}/team/app`;
  const login = ['--username', 'anna', '--password-stdin'] as const;
  expect((await cliReading('s e\tcret\n', 'copy', `${place}:v1`, target, ...login)).status).toBe(0);
  const listed = await cliReading('s e\tcret\r\n', 'ls', '--long', target, ...login);
  expect([listed.status, listed.out]).toEqual([0, expect.stringContaining(artifact.digest)]);
  const wrong = await cliReading('secret\n', 'inspect', `${target}:v1`, ...login);
  expect(wrong).toMatchObject({ status: 4, out: '' });
  expect(wrong.err).not.toContain('secret');
  for (const args of [['--username', 'anna'], ['--password-stdin']]) {
    expect((await cliReading('x', 'ls', target, ...args)).status).toBe(2);
  }
  expect((await cliReading('', 'ls', target, ...login)).status).toBe(2);
  expect((await cliReading('a\nb\n', 'ls', target, ...login)).status).toBe(2);
  const two = await cliReading('x', 'copy', `${target}:v1`, 'registry.example/a', ...login);
  expect([two.status, two.err]).toEqual([2, expect.stringContaining('registry.example')]);
});

test('waiting for a registry is told, with the host and the reason', async () => {
  let left = 1;
  double.fault = (request, response, path) => {
    if (request.method !== 'GET' || !path.includes('/tags/list') || left-- <= 0) return false;
    response.setHeader('retry-after', '1');
    sendError(response, 429, 'TOOMANYREQUESTS', 'slowly');
    return true;
  };
  const { status, err } = await cli('ls', `${double.host}/team/app`);
  expect(status).toBe(0);
  expect(err).toMatch(new RegExp(`^waiting \\d s for ${double.host}: .*429 TOOMANYREQUESTS: slowly\n$`));
});

test('--ca-cert: a file without a certificate is refused', async () => {
  await writeFile(join(dir, 'none.pem'), 'hello');
  const { status, err } = await cli('ls', 'localhost:1/a', '--ca-cert', join(dir, 'none.pem'));
  expect([status, err]).toEqual([2, expect.stringContaining('none.pem')]);
  expect((await cli('ls', 'localhost:1/a', '--ca-cert', join(dir, 'absent.pem'))).status).not.toBe(0);
  expect(await readFile(join(dir, 'none.pem'), 'utf8')).toBe('hello');
});

test('--ca-cert: an authority of the file is trusted, and no other', async () => {
  await writeFile(join(dir, 'ca.pem'), serverIdentity.cert);
  const secure = await RegistryDouble.start({ tls: serverIdentity });
  try {
    const args = ['copy', `${place}:v1`, `${secure.host}/team/app`] as const;
    const { status, err } = await cli(...args, '--no-plain-http');
    expect([status, err]).toEqual([75, expect.stringContaining('--ca-cert')]);
    const both = await cli(...args, '--plain-http', '--ca-cert', join(dir, 'ca.pem'));
    expect([both.status, both.err]).toEqual([2, expect.stringContaining("--plain-http can't be used with --ca-cert")]);
    expect(await cliJson(...args, '--ca-cert', join(dir, 'ca.pem'))).toMatchObject({ fidelity: { complete: true } });
  } finally {
    await secure.close();
  }
});

test('copy, pull: an interruption says that the next run goes on: exit status 5', async () => {
  const io = fakeIo();
  double.fault = (request) => {
    if (request.method === 'PUT') io.interrupt();
    return false;
  };
  const args = ['copy', `${place}:v1`, `${double.host}/team/app:v1`];
  expect(await run(args, io)).toBe(5);
  expect(io.err()).toMatch(/^error ERR_EXPORT_INCOMPLETE: interrupted.*\nhint: run the same command again/);
  expect(double.tags.size).toBe(0);
  double.fault = undefined;
  expect(await cliJson(...args)).toMatchObject({ tagged: [{ tag: 'v1', digest: artifact.digest }] });
  const second = fakeIo();
  double.fault = (request, _, path) => {
    if (request.method === 'GET' && path.includes('/manifests/')) second.interrupt();
    return false;
  };
  expect(await run(['pull', `${double.host}/team/app:v1`, '-o', join(dir, 'out')], second)).toBe(5);
});
