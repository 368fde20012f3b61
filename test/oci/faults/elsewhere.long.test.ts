import { afterEach, beforeEach, expect, test } from 'vitest';
import { describe, inPieces, listAll, noise, pushArtifact, readAll } from '../content.ts';
import { RegistryDouble, send, sendError } from '../registry-double.ts';
import { basic } from '../token-service.ts';
import { useFaulty } from './faulty.ts';

const faulty = useFaulty();
const credential = { kind: 'password', username: 'me', password: 's3cret' } as const;
/** Another host, as far as credentials go: another port. */
let other: RegistryDouble;

beforeEach(async () => {
  other = await RegistryDouble.start();
});

afterEach(async () => {
  // Whatever a test is about: no login has come here, in whatever form.
  expect(JSON.stringify(other.seen)).not.toMatch(/authorization|cookie|bWU6czNjcmV0|s3cret/i);
  await other.close();
});

/** Demands the login at the registry, and answers to some requests by a way elsewhere. */
function lead(
  isLed: (method: string, path: string) => boolean,
  status: number,
  location: (path: string) => string,
): void {
  faulty.double.fault = (request, response, path) => {
    if (request.headers.authorization !== basic('me:s3cret')) {
      send(response, 401, { 'www-authenticate': 'Basic realm="x"' });
      return true;
    }
    if (!isLed(request.method ?? '', path)) return false;
    request.resume();
    send(response, status, { location: location(path) });
    return true;
  };
}

const bytes = noise(9_000_000);
const blob = describe(bytes);

test('an upload in chunks that is led elsewhere is completed there without a login', async () => {
  lead(
    (method, path) => method === 'POST' && path.includes('/uploads/'),
    202,
    () => `http://${other.host}/v2/x/blobs/uploads/u1?state=a%2Bb`,
  );
  other.fault = (request, response) => {
    if (!other.uploads.has('u1')) other.uploads.set('u1', Buffer.alloc(0));
    if (request.method !== 'PUT' || request.headers['content-length'] === '0') return false;
    request.resume();
    sendError(response, 413, 'SIZE_INVALID');
    return true;
  };
  const repository = await faulty.open({ credential });
  expect(await repository.push(blob, inPieces(bytes, 100_000))).toBe('uploaded');
  expect(other.blobs.get(`x ${blob.digest}`)?.equals(bytes)).toBe(true);
  expect(other.seen.map(({ method }) => method)).toEqual(['PUT', 'DELETE', 'PATCH', 'PATCH', 'PATCH', 'PUT']);
});

test('an upload that breaks elsewhere goes on there without a login', async () => {
  lead(
    (method) => method === 'POST',
    202,
    () => `http://${other.host}/v2/x/blobs/uploads/u1?state=a%2Bb`,
  );
  other.uploads.set('u1', Buffer.alloc(0));
  other.fault = async (request) => {
    if (request.method !== 'PUT') return false;
    other.fault = undefined;
    const parts: Buffer[] = [];
    for await (const part of request) {
      parts.push(part as Buffer);
      // Leaving the loop breaks the connection, and the client asks at once what is there.
      other.uploads.set('u1', Buffer.concat(parts));
      if (Buffer.concat(parts).length > 6_000_000) break;
    }
    request.socket.destroy();
    return true;
  };
  const repository = await faulty.open({ credential });
  expect(await repository.push(blob, inPieces(bytes, 100_000))).toBe('uploaded');
  expect(other.blobs.get(`x ${blob.digest}`)?.equals(bytes)).toBe(true);
  expect(other.seen.map(({ method }) => method)).toContain('GET');
});

test.each(['Basic realm="give"', 'Bearer realm="http://127.0.0.1:1/token"'])(
  'a host elsewhere that asks for a login by %s gets none',
  async (challenge) => {
    lead(
      (method, path) => method === 'POST' || (method === 'GET' && path.includes('/blobs/')),
      307,
      () => `http://${other.host}/there`,
    );
    other.fault = (request, response) => {
      request.resume();
      send(response, 401, { 'www-authenticate': challenge });
      return true;
    };
    const held = faulty.hold(bytes);
    const repository = await faulty.open({ credential });
    await expect(repository.push(describe(noise(5)), inPieces(noise(5), 5))).rejects.toMatchObject({
      code: 'ERR_EXPORT_UNAUTHORIZED',
    });
    await expect(readAll(await repository.fetch(held))).rejects.toMatchObject({ code: 'ERR_EXPORT_UNAUTHORIZED' });
    expect(other.seen).toHaveLength(2);
  },
);

test('manifests, tags and deletes that are led elsewhere carry no login', async () => {
  const manifest = await pushArtifact(await faulty.open(), 'x');
  lead(
    (method, path) => method !== 'HEAD' && /manifests/.test(path),
    307,
    (path) => `http://${other.host}${path}`,
  );
  const held = faulty.double.manifests.get(`a ${manifest.digest}`);
  if (held !== undefined) other.manifests.set(`a ${manifest.digest}`, held);
  const repository = await faulty.open({ credential });
  const got = await readAll(await repository.fetch(manifest));
  expect(describe(got).digest).toBe(manifest.digest);
  expect(await repository.delete(manifest)).toBe(true);
  expect(other.seen.map(({ method }) => method)).toEqual(['GET', 'DELETE']);
});

test('pages of tags and referrers elsewhere are not read', async () => {
  const subject = describe(noise(9));
  lead(
    () => false,
    200,
    () => '',
  );
  const { fault } = faulty.double;
  faulty.double.fault = async (request, response, path) => {
    if ((await fault?.(request, response, path)) === true) return true;
    const type = path.includes('/tags/') ? 'application/json' : 'application/vnd.oci.image.index.v1+json';
    const link = `<http://${other.host}${path}?page=2>; rel="next"`;
    send(response, 200, { 'content-type': type, link }, '{"tags":["v1"],"manifests":[],"schemaVersion":2}');
    return true;
  };
  const repository = await faulty.open({ credential });
  await expect(listAll(repository.tags())).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
  await expect(listAll(repository.referrers(subject.digest))).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
  });
  expect(other.seen).toEqual([]);
});

test.each([
  'http://10.0.0.1/x',
  'http://192.168.1.1:5000/x',
  'http://169.254.169.254/latest/meta-data',
  'http://[fd00::1]/x',
  'http://[::1]:1/x',
  'http://0x7f000001:1/x',
  'http://localhost:1/x',
  'http://me:s3cret@example.com/x',
  'ftp://example.com/x',
])('a way to %s is not gone, whatever is asked for', async (location) => {
  const manifest = await pushArtifact(await faulty.open(), 'x');
  const held = faulty.hold(bytes);
  // 0x7f000001 is the double's own host in other digits, so it is let through and leads to nobody.
  const code = location.includes('0x7f') ? 'ERR_EXPORT_NETWORK' : 'ERR_EXPORT_REGISTRY_PROTOCOL';
  const fails = { code, message: expect.not.stringContaining('s3cret') };
  lead(
    () => true,
    307,
    () => location,
  );
  const repository = await faulty.open({ credential, retry: { attempts: 1 } });
  await expect(repository.resolve('v1')).rejects.toMatchObject(fails);
  await expect(readAll(await repository.fetch(manifest))).rejects.toMatchObject(fails);
  await expect(readAll(await repository.fetch(held))).rejects.toMatchObject(fails);
  await expect(repository.tag(manifest, 'v2')).rejects.toMatchObject(fails);
  lead(
    (method) => method === 'POST',
    202,
    () => location,
  );
  await expect(repository.push(describe(noise(4)), inPieces(noise(4), 4))).rejects.toMatchObject(fails);
});
