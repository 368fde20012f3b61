import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseReference, type Repository } from '#oci/image';
import { type OpenOptions, openRepository } from '#oci/transfer';
import { storedCredentials } from '../../src/oci/registry/auth.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise, pushArtifact, readAll } from './content.ts';
import { RegistryDouble, send } from './registry-double.ts';
import { basic, TokenService } from './token-service.ts';

let double: RegistryDouble;
let service: TokenService;
let folder: string;
const opened: Repository[] = [];

beforeEach(async () => {
  double = await RegistryDouble.start();
  service = await TokenService.start(double);
  folder = await makeTempDir();
});

afterEach(async () => {
  for (const repository of opened.splice(0)) await repository.close();
  await double.close();
  await service.close();
});

async function open(options: OpenOptions = {}): Promise<Repository> {
  const reference = parseReference(`${double.host}/team/app`);
  const env = { HOME: folder, DOCKER_CONFIG: folder, ...options.env };
  const repository = await openRepository(reference, { retry: { attempts: 2, firstMs: 10 }, ...options, env });
  opened.push(repository);
  return repository;
}

async function dockerConfig(config: unknown, path = 'config.json'): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), JSON.stringify(config));
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

test('bearer: as anybody, for reading only, and one token for many requests at once', async () => {
  const repository = await open();
  await Promise.all(Array.from({ length: 10 }, (_, i) => repository.resolve(`v${i}`)));
  expect(service.asked).toHaveLength(1);
  expect(service.asked[0]).toMatchObject({
    method: 'GET',
    scopes: ['repository:team/app:pull'],
    authorization: undefined,
  });
});

test('bearer: with the login that docker keeps, for writing from the first request on', async () => {
  service.login = 'me:pass:word';
  await dockerConfig({ auths: { [`https://${double.host}/v1/`]: { auth: base64('me:pass:word') } } });
  const repository = await open();
  const manifest = await pushArtifact(repository, 'x');
  await repository.tag(manifest, 'v1');
  expect(service.asked.map(({ scopes }) => scopes)).toEqual([['repository:team/app:pull,push']]);
  expect((await repository.resolve('v1'))?.digest).toBe(manifest.digest);
  expect(service.asked).toHaveLength(1);
  await repository.delete(manifest);
  expect(service.asked.at(-1)?.scopes).toEqual(['repository:team/app:delete,pull']);
});

test('bearer: a mount asks for the right to read at the other repository', async () => {
  await (await open()).push(describe(noise(10)), inPieces(noise(10), 10), { mountFrom: 'other/app' });
  expect(service.asked.map(({ scopes }) => scopes)).toContainEqual([
    'repository:team/app:pull,push',
    'repository:other/app:pull',
  ]);
});

test('bearer: an identity token goes in a form, and in a GET where the service knows no forms', async () => {
  await dockerConfig({ auths: { [double.host]: { identitytoken: 'refresh me', auth: base64('<token>:') } } });
  service.refreshToken = 'refresh me';
  await (await open()).resolve('v1');
  expect(service.asked).toHaveLength(1);
  const { form, authorization } = service.asked[0] as (typeof service.asked)[0];
  expect(authorization).toBeUndefined();
  expect(Object.fromEntries(form)).toMatchObject({
    grant_type: 'refresh_token',
    refresh_token: 'refresh me',
    service: 'the registry',
    scope: 'repository:team/app:pull',
  });
  service.refreshToken = undefined;
  await (await open()).resolve('v1');
  expect(service.asked.slice(1).map(({ method }) => method)).toEqual(['POST', 'GET']);
});

test('bearer: a registry token goes as it is', async () => {
  service.valid.add('given');
  await dockerConfig({ auths: { [double.host]: { registrytoken: 'given' } } });
  expect(await (await open()).resolve('v1')).toBeUndefined();
  expect(service.asked).toEqual([]);
  service.valid.clear();
  await expect((await open()).resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_UNAUTHORIZED' });
});

test.each([100, 3_000_000])('bearer: a token that ends in the middle of an upload of %i bytes', async (size) => {
  const bytes = noise(size);
  const repository = await open();
  await repository.resolve('v1');
  double.fault = (request, response) => {
    if (request.method === 'PUT' && request.headers.authorization === 'Bearer token-2') service.valid.delete('token-2');
    return service.guard(request, response);
  };
  expect(await repository.push(describe(bytes), inPieces(bytes, 100_000))).toBe('uploaded');
  expect(Buffer.compare(double.blobs.get(`team/app ${describe(bytes).digest}`) as Buffer, bytes)).toBe(0);
  expect(service.valid.has('token-3')).toBe(true);
});

test('bearer: scopes that a registry asks for beyond ours are asked for too', async () => {
  const wanted = 'repository:team/app:pull repository:base:pull';
  double.fault = (request, response) => {
    if (service.asked.at(-1)?.scopes.includes('repository:base:pull')) return service.guard(request, response);
    send(response, 401, { 'www-authenticate': `Bearer realm="http://${service.double.host}/token",scope="${wanted}"` });
    return true;
  };
  expect(await (await open()).resolve('v1')).toBeUndefined();
  expect(service.asked.at(-1)?.scopes).toEqual(['repository:base:pull', 'repository:team/app:pull']);
});

test('bearer: a registry that takes no token is not asked for ever', async () => {
  double.fault = (request, response) => {
    service.valid.clear();
    return service.guard(request, response);
  };
  await expect((await open()).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_UNAUTHORIZED',
    hint: expect.stringContaining('log in'),
  });
  expect(double.seen.length).toBeLessThanOrEqual(3);
});

test('bearer: a wrong password names no secret', async () => {
  service.login = 'me:right';
  const credential = { kind: 'password', username: 'me', password: 'wr0ng-s3cret' } as const;
  const error = await (await open({ credential })).resolve('v1').catch((fault: unknown) => fault);
  expect(error).toMatchObject({ code: 'ERR_EXPORT_UNAUTHORIZED' });
  const { message, hint, details } = error as { message: string; hint: string; details: unknown };
  expect(JSON.stringify({ message, hint, details })).not.toMatch(/wr0ng|me:|d3Iwbm/);
});

test.each([
  ['no JSON', (response: ServerResponse) => send(response, 200, {}, '<html>'), 'ERR_EXPORT_REGISTRY_PROTOCOL'],
  ['no token', (response: ServerResponse) => send(response, 200, {}, '{}'), 'ERR_EXPORT_REGISTRY_PROTOCOL'],
  [
    'a token with a line end',
    (response: ServerResponse) => send(response, 200, {}, '{"token":"a\\r\\nb"}'),
    'ERR_EXPORT_REGISTRY_PROTOCOL',
  ],
  [
    'a token of a megabyte',
    (response: ServerResponse) => send(response, 200, {}, JSON.stringify({ token: 'x'.repeat(1_000_000) })),
    'ERR_EXPORT_REGISTRY_PROTOCOL',
  ],
  ['403', (response: ServerResponse) => send(response, 403, {}), 'ERR_EXPORT_FORBIDDEN'],
  ['500', (response: ServerResponse) => send(response, 500, {}), 'ERR_EXPORT_REGISTRY_UNAVAILABLE'],
  ['429', (response: ServerResponse) => send(response, 429, { 'retry-after': '3600' }), 'ERR_EXPORT_RATE_LIMITED'],
])('bearer: a token service that answers %s', async (_, answer, code) => {
  service.answer = answer;
  await expect((await open()).resolve('v1')).rejects.toMatchObject({ code });
  expect(service.asked.length).toBeLessThanOrEqual(2);
});

test.each([
  ['http://10.0.0.1/token', 'private address'],
  ['http://169.254.169.254/token', 'private address'],
  ['http://localhost/token', 'private address'],
  ['file:///etc/passwd', 'not an http'],
  ['/token', 'not an http'],
  ['https://u:p@auth.example.com/token', 'user name'],
])('bearer: the realm %s is not trusted with a login', async (realm, why) => {
  double.fault = (_, response) => {
    send(response, 401, { 'www-authenticate': `Bearer realm="${realm}"` });
    return true;
  };
  const credential = { kind: 'password', username: 'me', password: 'secret' } as const;
  await expect((await open({ credential })).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
    message: expect.stringContaining(why),
  });
});

test('basic: the login goes with each request, and a wrong one is tried once', async () => {
  double.fault = (request, response) => {
    if (request.headers.authorization === basic('me:s3cret')) return false;
    send(response, 401, { 'www-authenticate': 'Basic realm="registry"' });
    return true;
  };
  await dockerConfig({ auths: { [double.host]: { username: 'me', password: 's3cret' } } });
  const repository = await open();
  const manifest = await pushArtifact(repository, 'x');
  expect((await repository.resolve(manifest.digest))?.size).toBe(manifest.size);
  const before = double.seen.length;
  const wrong = await open({ credential: { kind: 'password', username: 'me', password: 'other' } });
  await expect(wrong.resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_UNAUTHORIZED' });
  expect(double.seen.length - before).toBe(2);
  await rm(join(folder, 'config.json'));
  await expect((await open()).resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_UNAUTHORIZED' });
});

const elsewhere = () => service.double.seen.map(({ headers }) => headers.authorization);

test('redirects: a blob at another port gets no Authorization', async () => {
  const bytes = noise(100_000);
  const repository = await open({ credential: { kind: 'password', username: 'me', password: 'x' } });
  await repository.push(describe(bytes), inPieces(bytes, 1000));
  const storage = await RegistryDouble.start();
  storage.fault = (_, response) => {
    send(response, 200, {}, Buffer.from(bytes));
    return true;
  };
  double.fault = (request, response, path) => {
    if (request.method !== 'GET' || !path.includes('/blobs/')) return service.guard(request, response);
    expect(request.headers.authorization).toMatch(/^Bearer /);
    send(response, 307, { location: `http://${storage.host}/data?signature=s` });
    return true;
  };
  expect(Buffer.compare(await readAll(await repository.fetch(describe(bytes))), bytes)).toBe(0);
  expect(storage.seen).toHaveLength(1);
  expect(storage.seen[0]?.headers.authorization).toBeUndefined();
  expect(storage.seen[0]?.path).toBe('/data?signature=s');
  await storage.close();
});

test('redirects: a challenge from elsewhere gets no login, and coming back home gets none either', async () => {
  const credential = { kind: 'password', username: 'me', password: 'x' } as const;
  const repository = await open({ credential });
  await repository.resolve('v1');
  const storage = await RegistryDouble.start();
  storage.fault = (_, response, path) => {
    if (path === '/back') send(response, 307, { location: `http://${double.host}/v2/team/app/home` });
    else send(response, 401, { 'www-authenticate': `Basic realm="give it to me"` });
    return true;
  };
  const target = { path: '/data' };
  double.fault = (request, response, path) => {
    if (path.endsWith('/home')) send(response, 200, {}, 'x');
    else if (path.includes('/blobs/')) send(response, 307, { location: `http://${storage.host}${target.path}` });
    else return service.guard(request, response);
    return true;
  };
  const one = describe(Buffer.from('x'));
  await expect(readAll(await repository.fetch(one))).rejects.toMatchObject({ code: 'ERR_EXPORT_UNAUTHORIZED' });
  target.path = '/back';
  await readAll(await repository.fetch(one));
  const home = double.seen.filter(({ path }) => path.endsWith('/home'));
  expect(home.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  expect(storage.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  await storage.close();
});

test('redirects: an upload at another port gets the bytes and no Authorization', async () => {
  const bytes = noise(2_000_000);
  const storage = await RegistryDouble.start();
  storage.fault = async (request, response) => {
    let size = 0;
    for await (const part of request) size += (part as Buffer).length;
    send(response, size === bytes.length ? 201 : 400, {});
    return true;
  };
  double.fault = (request, response) => {
    if (request.method !== 'POST') return service.guard(request, response);
    send(response, 202, { location: `http://${storage.host}/upload?state=x` });
    return true;
  };
  const repository = await open({ credential: { kind: 'password', username: 'me', password: 'x' } });
  await repository.resolve('v1');
  expect(await repository.push(describe(bytes), inPieces(bytes, 100_000))).toBe('uploaded');
  expect(storage.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  await storage.close();
});

test.each(['http://10.1.2.3/upload', 'http://localhost:1/upload', '//192.168.0.1/x'])(
  'redirects: an upload to %s is refused',
  async (location) => {
    double.fault = (request, response) => {
      if (request.method !== 'POST') return false;
      send(response, 202, { location });
      return true;
    };
    const bytes = noise(10);
    await expect((await open()).push(describe(bytes), inPieces(bytes, 10))).rejects.toMatchObject({
      code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
      message: expect.stringContaining('private address'),
    });
  },
);

test('redirects: a token service that sends a form elsewhere gets no further, a GET leaves its login behind', async () => {
  const thief = await RegistryDouble.start();
  thief.fault = (_, response) => {
    send(response, 200, {}, '{"token":"stolen"}');
    return true;
  };
  service.answer = (response) => send(response, 307, { location: `http://${thief.host}/token` });
  await dockerConfig({ auths: { [double.host]: { identitytoken: 'secret' } } });
  await expect((await open()).resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
  expect(thief.seen).toEqual([]);
  const credential = { kind: 'password', username: 'me', password: 'x' } as const;
  await (await open({ credential })).resolve('v1').catch(() => undefined);
  expect(elsewhere().at(-1)).toBe(basic('me:x'));
  expect(thief.seen.length).toBeGreaterThan(0);
  expect(thief.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  await thief.close();
});

test('redirects: in a circle', async () => {
  double.fault = (_, response, path) => {
    send(response, 307, { location: path });
    return true;
  };
  await expect(listAll((await open()).tags())).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
});

async function helper(name: string, script: string): Promise<void> {
  await writeFile(join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, `docker-credential-${name}`), 0o755);
}

async function withHelpers<T>(work: () => Promise<T>): Promise<T> {
  const { PATH } = process.env;
  process.env['PATH'] = `${folder}${delimiter}${PATH}`;
  try {
    return await work();
  } finally {
    process.env['PATH'] = PATH;
  }
}

const source = (env: Record<string, string> = {}) =>
  storedCredentials({ env: { HOME: folder, DOCKER_CONFIG: folder, ...env } });

test('helpers: the one for the registry, then the general one, then the file', async () => {
  await helper(
    'special',
    'read server; echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"u\\",\\"Secret\\":\\"for $server\\"}"',
  );
  await helper(
    'store',
    'read server; test "$server" = b.io && echo \'{"Username":"<token>","Secret":"id"}\' || { echo "credentials not found in native keychain"; exit 1; }',
  );
  await dockerConfig({
    auths: { 'c.io': { auth: base64('file:pw') }, 'a.io': { auth: base64('not:this') } },
    credHelpers: { 'a.io': 'special' },
    credsStore: 'store',
  });
  const found = await withHelpers(async () =>
    Promise.all(['a.io', 'b.io', 'c.io', 'd.io'].map((host) => source()(host, 'x'))),
  );
  expect(found).toEqual([
    { kind: 'password', username: 'u', password: 'for a.io' },
    { kind: 'identity', token: 'id' },
    { kind: 'password', username: 'file', password: 'pw' },
    undefined,
  ]);
});

test('helpers: passwords of other programs are not in their environment', async () => {
  await helper('env', `env > ${folder}/seen; echo '{"Username":"u","Secret":"p"}'`);
  await dockerConfig({ credsStore: 'env' });
  vi.stubEnv('COSIGN_PASSWORD', 'canary-password');
  vi.stubEnv('TRIVY_PASSWORD', 'canary-trivy');
  vi.stubEnv('NODE_OPTIONS', '');
  vi.stubEnv('AWS_REGION', 'eu-test-1');
  try {
    await withHelpers(() => source()('a.io', 'x'));
  } finally {
    vi.unstubAllEnvs();
  }
  const seen = await readFile(join(folder, 'seen'), 'utf8');
  expect(seen).not.toMatch(/canary|COSIGN|TRIVY|NODE_OPTIONS/);
  expect(seen).toMatch(/^AWS_REGION=eu-test-1$/m);
  expect(seen).toMatch(/^PATH=/m);
});

test.each([
  ['is not there', undefined, 'cannot be run'],
  ['fails with what looks like an answer', `echo '{"Username":"u","Secret":"s3cret"}'; exit 3`, 'status 3'],
  ['speaks no JSON', 'echo s3cret', 'invalid JSON'],
  ['gives no login', 'echo {}', 'no login'],
])('helpers: one that %s is an error without what it said', async (_, script, what) => {
  if (script !== undefined) await helper('bad', script);
  await dockerConfig({ credsStore: 'bad' });
  const error = await withHelpers(() => source()('a.io', 'x').catch((fault: unknown) => fault));
  expect(error).toMatchObject({
    code: 'ERR_EXPORT_USAGE',
    message: expect.stringContaining(what),
    hint: expect.stringMatching(/./),
  });
  expect((error as Error).message).not.toMatch(/secret|s3cret/);
});

test.each([
  [
    'on stdout',
    'echo "You do not have an active account selected."',
    'status 1: You do not have an active account selected.',
  ],
  ['on stderr', 'echo "gcloud: command not found" >&2', 'status 1: gcloud: command not found'],
  ['on both', 'echo "the store is locked"; echo noise >&2', 'status 1: the store is locked'],
  ['in several lines', "printf 'no \\033login\\nrun gcloud auth login\\n'", 'login run gcloud auth login'],
  ['of paths and hosts', 'echo "cannot read /home/user1234567890abc/x of registry1.example.com/team"', '/home/user'],
])('helpers: one that fails says why, %s', async (_, script, words) => {
  await helper('bad', `${script}; exit 1`);
  await dockerConfig({ credsStore: 'bad' });
  const error = await withHelpers(() => source()('a.io', 'x').catch((fault: unknown) => fault));
  expect(error).toMatchObject({ code: 'ERR_EXPORT_USAGE', message: expect.stringContaining(words) });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be shown
  expect((error as Error).message).not.toMatch(/[\x00-\x1f]/);
});

test.each([
  ['a named token', 'echo "bad token: s3cr3t"'],
  ['a password', 'echo "login failed for u, password=s3cr3t, try again"'],
  ['a header', 'echo "401 for Authorization: Bearer s3cr3t"'],
  ['a URL with a login', 'echo "cannot reach https://u:s3cr3t@h.io/x"'],
  ['a long token', 'echo "rejected: s3cr3tABCDEFGHIJKLMNOPQRSTU0123"'],
  ['a JSON web token', 'echo "expired eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzM2NyM3QifQ.s3cr3ts3cr3ts3cr3t"'],
  ['an answer cut short', `printf '{"ServerURL":"a.io","Secret":"s3cr3t'`],
  ['a token after two kilobytes of words', `head -c 3000 /dev/zero | tr '\\0' x; echo s3cr3t`],
])('helpers: of what one says when it fails, %s is not shown', async (_, script) => {
  for (const where of ['', '>&2']) {
    await helper('bad', `{ ${script}; } ${where}; exit 1`);
    await dockerConfig({ credsStore: 'bad' });
    const error = await withHelpers(() => source()('a.io', 'x').catch((fault: unknown) => fault));
    expect((error as Error).message).toContain('status 1');
    expect((error as Error).message).not.toMatch(/s3cr3t/);
    expect((error as Error).message.length).toBeLessThan(600);
  }
});

test('files: podman keeps logins by repository, the most specific counts', async () => {
  await dockerConfig(
    {
      auths: {
        'h.io': { auth: base64('host:1') },
        'h.io/team': { auth: base64('team:2') },
        'h.io/team/app': { auth: base64('app:3') },
      },
    },
    'containers/auth.json',
  );
  const lookUp = source({ XDG_RUNTIME_DIR: folder });
  const users = await Promise.all(
    ['team/app', 'team/other', 'else', 'team/app/sub'].map((name) => lookUp('h.io', name)),
  );
  expect(users.map((user) => (user?.kind === 'password' ? user.username : undefined))).toEqual([
    'app',
    'team',
    'host',
    'app',
  ]);
});

test('files: the first that knows the registry, REGISTRY_AUTH_FILE before all', async () => {
  await dockerConfig({ auths: { 'h.io': { auth: base64('docker:1') } } });
  await dockerConfig({ auths: { 'h.io': { auth: base64('named:1') } } }, 'named.json');
  expect(await source()('h.io', 'x')).toMatchObject({ username: 'docker' });
  expect(await source({ REGISTRY_AUTH_FILE: join(folder, 'named.json') })('h.io', 'x')).toMatchObject({
    username: 'named',
  });
  expect(await source({ DOCKER_CONFIG: join(folder, 'none') })('h.io', 'x')).toBeUndefined();
});

test('files: those of podman that live on, after that of docker', async () => {
  await dockerConfig({ auths: { 'a.io': { auth: base64('home:1') } } }, '.config/containers/auth.json');
  await dockerConfig({ auths: { 'a.io': { auth: base64('named:1') } } }, 'xdg/containers/auth.json');
  const lookUp = (env: Record<string, string>) => source({ DOCKER_CONFIG: '', ...env })('a.io', 'x');
  expect(await lookUp({})).toMatchObject({ username: 'home' });
  expect(await lookUp({ XDG_CONFIG_HOME: join(folder, 'xdg') })).toMatchObject({ username: 'named' });
  await dockerConfig({ auths: { 'a.io': { auth: base64('docker:1') } } }, '.docker/config.json');
  expect(await lookUp({ XDG_CONFIG_HOME: join(folder, 'xdg') })).toMatchObject({ username: 'docker' });
});

test('files: Docker Hub under its old name', async () => {
  await dockerConfig({ auths: { 'https://index.docker.io/v1/': { auth: base64('hub:1') } } });
  expect(await source()('docker.io', 'library/x')).toMatchObject({ username: 'hub' });
  expect(await source()('h.io', 'x')).toBeUndefined();
});

test('files: what cannot be read names the file and shows nothing of it', async () => {
  await writeFile(join(folder, 'config.json'), '{"auths": s3cret');
  const error = await source()('h.io', 'x').catch((fault: unknown) => fault);
  expect(error).toMatchObject({ code: 'ERR_EXPORT_JSON_INVALID', message: expect.stringContaining('config.json') });
  expect((error as Error).message).not.toContain('s3cret');
  await dockerConfig({ auths: { 'h.io': { auth: base64('no colon s3cret') } } });
  await expect(source()('h.io', 'x')).rejects.toMatchObject({
    code: 'ERR_EXPORT_USAGE',
    message: expect.not.stringContaining('s3cret'),
  });
});
