import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ErrorCode } from '#core';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { RegistryDouble, send, sendError } from '../oci/registry-double.ts';
import { expectFailure, type Failure } from './failures.ts';
import { CliFixture, type Outcome, sample } from './fixture.ts';
import { prove } from './proof.ts';

let fixture: CliFixture;
let registry: RegistryDouble;
beforeAll(async () => {
  fixture = await CliFixture.open();
  const { exit, stderr } = await fixture.run(['keys', 'generate', '--out', 'keys']);
  if (exit !== 0) throw new Error(stderr);
});
beforeEach(async () => {
  registry = await RegistryDouble.start();
});
afterEach(() => registry.close());
afterAll(() => fixture[Symbol.asyncDispose]());

const exporting = (repository: string, ...more: string[]) =>
  fixture.run([
    ...['export', '--profile', 'json:raw', '--source', sample, '--key', 'keys/cosign.key'],
    ...['--to', `${registry.host}/${repository}:1`, ...more],
  ]);
const verifying = (repository: string, ...more: string[]) =>
  fixture.run(['verify', `${registry.host}/${repository}:1`, '--key', 'keys/cosign.pub', ...more]);

const isTagged = (repository: string) => registry.tags.has(`${repository} 1`);

async function expectRepair(repository: string): Promise<void> {
  registry.fault = undefined;
  expect(await exporting(repository)).toMatchObject({ exit: 0, stderr: '' });
  expect(await prove(`${registry.host}/${repository}:1`, `${fixture.path}/keys/cosign.pub`)).toMatchObject({
    profile: 'json:raw',
  });
}

/** A step of an export, by the requests it consists of. */
const steps: Readonly<Record<string, readonly [method: string, path: RegExp]>> = {
  'whether a blob is there': ['HEAD', /\/blobs\/sha256:/],
  'the begin of an upload': ['POST', /\/blobs\/uploads\//],
  'the bytes of a blob': ['PUT', /\/blobs\/uploads\//],
  'whether a manifest is there': ['HEAD', /\/manifests\/sha256:/],
  'a manifest': ['PUT', /\/manifests\/sha256:/],
  'the list of referrers': ['GET', /\/referrers\//],
  'the tag of the signature': ['PUT', /\/manifests\/sha256-\w+\.sig$/],
  'what the tag names': ['HEAD', /\/manifests\/1$/],
  'the tag': ['PUT', /\/manifests\/1$/],
};

const statuses: Readonly<Record<number, readonly [ErrorCode, RegExp]>> = {
  401: ['ERR_EXPORT_UNAUTHORIZED', /log in/],
  403: ['ERR_EXPORT_FORBIDDEN', /access to this repository/],
  404: ['ERR_EXPORT_NOT_FOUND', /check the reference/],
  429: ['ERR_EXPORT_RATE_LIMITED', /later/],
  500: ['ERR_EXPORT_REGISTRY_UNAVAILABLE', /run it again later/],
};

describe('a registry that refuses', () => {
  test.each(Object.entries(steps))(
    '%s: 401, 403, 404, 429 and 500',
    async (_, [method, path]) => {
      // 404 says to these that it is not there, which is an answer.
      const asked = Object.entries(statuses).filter(
        ([status]) => status !== '404' || method === 'POST' || method === 'PUT',
      );
      registry.fault = (request, response, at) => {
        const status = Number(/^\/v2\/s(\d+)\//.exec(at)?.[1]);
        if (request.method !== method || !path.test(at)) return false;
        request.resume();
        response.setHeader('retry-after', status === 429 ? '3600' : '0');
        sendError(response, status, `CODE_${status}`, 'so there');
        return true;
      };
      const outcomes = await Promise.all(asked.map(([status]) => exporting(`s${status}/feed`)));
      for (const [i, [status, [code, hint]]] of asked.entries()) {
        const says = new RegExp(`${method} http://.*: the registry answered ${status}`);
        await expectFailure(fixture, outcomes[i] as Outcome, { code, says, hint });
        expect(isTagged(`s${status}/feed`)).toBe(false);
      }
      await expectRepair('s500/feed');
    },
    180_000,
  );

  test('what it says is shown, without what could be a secret or an order to a terminal', async () => {
    registry.fault = (request, response) => {
      if (request.method !== 'POST') return false;
      sendError(
        response,
        403,
        'DENIED',
        'no: Bearer canary-token \u001b[2J https://user:canary-word@example.com/?t=canary-query',
      );
      return true;
    };
    const outcome = await exporting('told/feed');
    await expectFailure(fixture, outcome, { code: 'ERR_EXPORT_FORBIDDEN', says: /DENIED: no: Bearer … / });
    expect(outcome.stderr).not.toMatch(/canary/);
    for (const control of ['\u001b', '\\u001b']) expect(outcome.stderr).not.toContain(control);
  });

  test('once only: the run goes through', async () => {
    const seen = new Set<string>();
    registry.fault = (request, response, at) => {
      const step = `${request.method} ${at.replace(/[0-9a-f]{64}.*|u\d+.*/, '')}`;
      if (seen.has(step)) return false;
      seen.add(step);
      request.resume();
      response.setHeader('retry-after', '0');
      sendError(response, seen.size % 2 === 0 ? 503 : 429, 'BUSY');
      return true;
    };
    expect(await exporting('once/feed')).toMatchObject({ exit: 0, stderr: '' });
    expect(seen.size).toBeGreaterThan(6);
    await prove(`${registry.host}/once/feed:1`, `${fixture.path}/keys/cosign.pub`);
  });
});

test('one place that refuses: no tag moves at the others', async () => {
  registry.fault = (request, response, at) =>
    request.method === 'POST' && at.includes('/refused/') && Boolean(sendError(response, 403, 'DENIED'));
  const outcome = await exporting('first/feed', '--to', 'oci:layout:1', '--to', `${registry.host}/refused/feed:1`);
  await expectFailure(fixture, outcome, { code: 'ERR_EXPORT_FORBIDDEN', says: /refused\/feed/ });
  expect(isTagged('first/feed')).toBe(false);
  const layout = await openRepository(parseReference(`oci:${fixture.path}/layout:1`));
  expect(await layout.resolve('1')).toBeUndefined();
  await layout.close();
  await expectRepair('first/feed');
});

describe('a registry that closes half-way', () => {
  const network: Failure = { code: 'ERR_EXPORT_NETWORK', says: /the connection broke/, hint: /run it again/ };

  test.each(['PUT blob', 'PUT manifest', 'PUT tag'])('%s', async (what) => {
    const path = { 'PUT blob': /uploads/, 'PUT manifest': /manifests\/sha256:/, 'PUT tag': /manifests\/1$/ }[what];
    registry.fault = (request, _, at) => {
      if (request.method !== 'PUT' || path?.test(at) !== true) return false;
      request.once('data', () => request.socket.destroy());
      return true;
    };
    await expectFailure(fixture, await exporting('cut/feed'), network);
    expect(isTagged('cut/feed')).toBe(false);
    await expectRepair('cut/feed');
  });

  test('an answer that is cut short: verify says so, and does not believe it', async () => {
    await expectRepair('short/feed');
    registry.fault = (request, response, at) => {
      if (request.method !== 'GET' || !/\/blobs\//.test(at)) return false;
      const bytes = registry.blobs.get(`short/feed ${at.split('/').at(-1)}`) ?? Buffer.alloc(0);
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
      return true;
    };
    await expectFailure(fixture, await verifying('short/feed'), network);
  });

  test('nobody is there, and no such host', async () => {
    const { host } = registry;
    await registry.close();
    const refused = await fixture.run(['verify', `${host}/x:1`, '--key', 'keys/cosign.pub']);
    await expectFailure(fixture, refused, {
      code: 'ERR_EXPORT_NETWORK',
      says: /connection refused/,
      hint: /runs there/,
    });
    const unknown = await fixture.run(['verify', 'registry.invalid/x:1', '--key', 'keys/cosign.pub']);
    await expectFailure(fixture, unknown, {
      code: 'ERR_EXPORT_NETWORK',
      says: /host registry\.invalid not found/,
      hint: /host name/,
    });
    registry = await RegistryDouble.start();
  });

  test('plain http where TLS is asked for', async () => {
    const outcome = await verifying('x', '--plain-http=false');
    await expectFailure(fixture, outcome, { code: 'ERR_EXPORT_NETWORK', says: /TLS/, hint: /--plain-http/ });
  });
});

/** Answers what the double would, but for one thing. */
type Lie = (request: IncomingMessage, response: ServerResponse, at: string) => boolean;

const other = `sha256:${'0'.repeat(64)}`;
const mismatch = (code: ErrorCode): Failure => ({ code, hint: /./ });

describe('a registry that lies to an export', () => {
  const lies: Record<string, readonly [Lie, Failure]> = {
    'a blob is there, and of another size': [
      ({ method }, response, at) => method === 'HEAD' && /blobs/.test(at) && Boolean(send(response, 200, {}, 7)),
      mismatch('ERR_EXPORT_SIZE_MISMATCH'),
    ],
    'a manifest is there, and another': [
      ({ method }, response, at) =>
        method === 'PUT' &&
        /manifests\/sha256:/.test(at) &&
        Boolean(send(response, 201, { 'docker-content-digest': other })),
      mismatch('ERR_EXPORT_REGISTRY_PROTOCOL'),
    ],
    'the upload goes on nowhere': [
      ({ method }, response) => method === 'POST' && Boolean(send(response, 202, {})),
      mismatch('ERR_EXPORT_REGISTRY_PROTOCOL'),
    ],
    'every page is a page to log in at': [
      (_, response) => Boolean(send(response, 200, { 'content-type': 'text/html' }, '<html>hello</html>')),
      mismatch('ERR_EXPORT_SIZE_MISMATCH'),
    ],
    'the tag was set, to something else': [
      ({ method }, response, at) =>
        method === 'PUT' &&
        /manifests\/1$/.test(at) &&
        Boolean(send(response, 201, { 'docker-content-digest': other })),
      mismatch('ERR_EXPORT_REGISTRY_PROTOCOL'),
    ],
  };

  test.each(Object.entries(lies))('%s', async (_, [lie, failure]) => {
    registry.fault = lie;
    await expectFailure(fixture, await exporting('lies/feed'), failure);
    expect(isTagged('lies/feed')).toBe(false);
    registry.fault = undefined;
    await expectRepair('lies/feed');
  });
});

describe('a registry that lies to a verification', () => {
  const spoil = (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.of((bytes.at(-1) ?? 0) ^ 1)]);
  const longer = (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')]);
  const serve =
    (path: RegExp, change: (bytes: Buffer) => Buffer): Lie =>
    (request, response, at) => {
      if (request.method !== 'GET' || !path.test(at)) return false;
      const digest = at.split('/').at(-1) ?? '';
      const stored = registry.manifests.get(`known/feed ${digest}`);
      const bytes = stored?.bytes ?? registry.blobs.get(`known/feed ${digest}`);
      if (bytes === undefined) return false;
      return Boolean(
        send(response, 200, { 'content-type': stored?.type ?? 'application/octet-stream' }, change(bytes)),
      );
    };
  const lies: Record<string, readonly [Lie, Failure]> = {
    'other bytes in a layer': [serve(/blobs/, spoil), mismatch('ERR_EXPORT_DIGEST_MISMATCH')],
    'more bytes in a layer': [serve(/blobs/, longer), mismatch('ERR_EXPORT_SIZE_MISMATCH')],
    'other bytes in a manifest': [serve(/manifests/, spoil), mismatch('ERR_EXPORT_DIGEST_MISMATCH')],
    'more bytes in a manifest': [serve(/manifests/, longer), mismatch('ERR_EXPORT_SIZE_MISMATCH')],
    'the tag names what is not there': [
      ({ method }, response, at) =>
        method === 'HEAD' &&
        /manifests\/1$/.test(at) &&
        Boolean(
          send(
            response,
            200,
            { 'content-type': 'application/vnd.oci.image.manifest.v1+json', 'docker-content-digest': other },
            9,
          ),
        ),
      mismatch('ERR_EXPORT_SIGNATURE_MISSING'),
    ],
    'a layer is not there': [
      ({ method }, response, at) =>
        method === 'GET' && /blobs/.test(at) && Boolean(sendError(response, 404, 'BLOB_UNKNOWN')),
      mismatch('ERR_EXPORT_CONTENT_MISMATCH'),
    ],
  };

  /** What the first of these tests pushed; the others begin with it. */
  let pushed: Pick<RegistryDouble, 'blobs' | 'manifests' | 'tags'> | undefined;

  test.each(Object.entries(lies))('%s', async (_, [lie, failure]) => {
    if (pushed === undefined) await expectRepair('known/feed');
    const { blobs, manifests, tags } = registry;
    pushed ??= { blobs: new Map(blobs), manifests: new Map(manifests), tags: new Map(tags) };
    for (const [digest, bytes] of pushed.blobs) blobs.set(digest, bytes);
    for (const [digest, manifest] of pushed.manifests) manifests.set(digest, manifest);
    for (const [name, digest] of pushed.tags) tags.set(name, digest);
    registry.fault = lie;
    await expectFailure(fixture, await verifying('known/feed'), failure);
  });
});
