import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { RegistryDouble, send, sendError } from '../oci/registry-double.ts';
import { CliFixture, type Outcome, sample } from './fixture.ts';

/** Each is looked for in everything that is printed, as it stands and in the forms in which it travels. */
const canaries = {
  keyPassword: 'canary-key-password',
  loginPassword: 'canary-login-password',
  token: 'canary-token-of-the-service',
  identity: 'canary-identity-token',
  urlPassword: 'canary-url-password',
} as const;

let fixture: CliFixture;
let registry: RegistryDouble;
beforeAll(async () => {
  fixture = await CliFixture.open();
  const env = { COSIGN_PASSWORD: canaries.keyPassword };
  expectNoCanary(await fixture.run(['keys', 'generate', '--out', 'keys', '--output', 'json'], { env }));
});
beforeEach(async () => {
  registry = await RegistryDouble.start();
});
afterEach(() => registry.close());
afterAll(() => fixture[Symbol.asyncDispose]());

function expectNoCanary({ stdout, stderr }: Outcome): void {
  const said = stdout + stderr;
  for (const canary of Object.values(canaries)) {
    const login = `somebody:${canary}`;
    for (const form of [
      canary,
      encodeURIComponent(canary),
      Buffer.from(canary).toString('hex'),
      ...[canary, login].map(base64),
    ])
      expect(said).not.toContain(form);
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64').replace(/=+$/, '');
}

/** What `docker login` leaves behind. */
async function logIn(entry: object): Promise<void> {
  await mkdir(join(fixture.home, '.docker'), { recursive: true });
  await writeFile(join(fixture.home, '.docker/config.json'), JSON.stringify({ auths: { [registry.host]: entry } }));
}

const exporting = (output: string) =>
  fixture.run(
    [
      ...['export', '--profile', 'json:raw', '--source', sample, '--key', 'keys/cosign.key', '--output', output],
      ...['--to', `${registry.host}/private/feed:1`],
    ],
    { env: { COSIGN_PASSWORD: canaries.keyPassword } },
  );

let echoes = 0;

/** Tells back all that it was told, in one form after the other, as a debugging proxy would. */
function echo(request: IncomingMessage, response: ServerResponse, status: number): true {
  const { authorization = 'nothing' } = request.headers;
  const value = authorization.replace(/^\w+ /, '');
  const decoded = Buffer.from(value, 'base64').toString('latin1');
  const forms = [decoded, encodeURIComponent(decoded), Buffer.from(value).toString('hex'), value, authorization];
  response.setHeader('warning', `299 - "${forms[echoes % forms.length]?.replace(/[^ -~]/g, '?')}"`);
  const text = `you sent ${forms[echoes++ % forms.length]}, ${JSON.stringify(request.headers)}`;
  sendError(response, status, 'DENIED', text);
  return true;
}

/** Makes the registry an empty one. */
function forget(): void {
  for (const kept of [registry.blobs, registry.manifests, registry.tags]) kept.clear();
}

const login = { auth: Buffer.from(`somebody:${canaries.loginPassword}`).toString('base64') };
const basic = `Basic ${login.auth}`;

test('Basic: a run that succeeds, and runs at which the registry echoes the login', async () => {
  await logIn(login);
  registry.fault = ({ headers }, response) => {
    if (headers.authorization === basic) return false;
    response.setHeader('www-authenticate', 'Basic realm="here"');
    sendError(response, 401, 'UNAUTHORIZED');
    return true;
  };
  const done = await exporting('json');
  expect(done).toMatchObject({ exit: 0 });
  expectNoCanary(done);
  for (const [status, exit] of [
    [403, 4],
    [400, 1],
    [404, 1],
    [500, 75],
  ] as const) {
    registry.fault = (request, response) => request.method === 'POST' && echo(request, response, status);
    forget();
    for (const output of ['text', 'json']) {
      const failed = await exporting(output);
      expect(failed.exit).toBe(exit);
      expectNoCanary(failed);
    }
  }
}, 120_000);

test('a password from standard input', async () => {
  for (const [status, exit] of [
    [200, 1],
    [403, 4],
  ] as const) {
    registry.fault = (request, response) => {
      if (request.headers.authorization !== basic) {
        response.setHeader('www-authenticate', 'Basic realm="here"');
        return Boolean(sendError(response, 401, 'UNAUTHORIZED'));
      }
      return status === 403 && echo(request, response, status);
    };
    const args = ['verify', `${registry.host}/private/feed:1`, '--key', 'keys/cosign.pub', '--username', 'somebody'];
    const outcome = await fixture.run([...args, '--password-stdin'], { input: `${canaries.loginPassword}\n` });
    expect(outcome.exit).toBe(exit);
    expectNoCanary(outcome);
  }
});

test('a login that is not taken', async () => {
  await logIn(login);
  registry.fault = (request, response) => {
    response.setHeader('www-authenticate', 'Basic realm="here"');
    return echo(request, response, 401);
  };
  for (const output of ['text', 'json']) {
    const outcome = await exporting(output);
    expect(outcome.exit).toBe(4);
    expect(outcome.stderr).toContain('ERR_EXPORT_UNAUTHORIZED');
    expectNoCanary(outcome);
  }
});

test('Bearer: tokens of the token service, and the identity token that got them', async () => {
  await logIn({ identitytoken: canaries.identity });
  const serveToken = async (request: IncomingMessage, response: ServerResponse, at: string) => {
    if (at.startsWith('/token')) {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      if (!body.includes(canaries.identity)) return Boolean(sendError(response, 401, 'UNAUTHORIZED', body));
      return Boolean(
        send(response, 200, { 'content-type': 'application/json' }, JSON.stringify({ access_token: canaries.token })),
      );
    }
    if (request.headers.authorization === `Bearer ${canaries.token}`) return false;
    response.setHeader('www-authenticate', `Bearer realm="http://${registry.host}/token",service="it"`);
    return Boolean(sendError(response, 401, 'UNAUTHORIZED'));
  };
  registry.fault = serveToken;
  const done = await exporting('json');
  expect(done).toMatchObject({ exit: 0 });
  expectNoCanary(done);
  forget();
  registry.fault = async (request, response, at) =>
    (await serveToken(request, response, at)) || (request.method === 'POST' && echo(request, response, 403));
  const failed = await exporting('text');
  expect(failed.exit).toBe(4);
  expectNoCanary(failed);
  registry.fault = (request, response, at) => {
    if (at.startsWith('/token')) return echo(request, response, 500);
    response.setHeader(
      'www-authenticate',
      `Bearer realm="http://${registry.host}/token?x=${canaries.urlPassword}",service="it"`,
    );
    return Boolean(sendError(response, 401, 'UNAUTHORIZED'));
  };
  const broken = await exporting('json');
  expect(broken.exit).toBe(75);
  expectNoCanary(broken);
}, 120_000);

test('a password in a reference, which does not belong there', async () => {
  for (const to of [
    `https://somebody:${canaries.urlPassword}@registry.example/feed:1`,
    `somebody:${canaries.urlPassword}@registry.example/feed:1`,
    `somebody:${canaries.urlPassword}@registry.example/feed`,
  ]) {
    for (const args of [
      ['export', '--profile', 'json:raw', '--source', sample, '--unsigned', '--to', to],
      ['verify', to, '--key', 'keys/cosign.pub', '--output', 'json'],
    ]) {
      const outcome = await fixture.run(args);
      expect(outcome.exit).toBe(2);
      expectNoCanary(outcome);
    }
  }
});

test('login files that are damaged', async () => {
  await mkdir(join(fixture.home, '.docker'), { recursive: true });
  const path = join(fixture.home, '.docker/config.json');
  registry.fault = (_, response) => {
    response.setHeader('www-authenticate', 'Basic realm="here"');
    return Boolean(sendError(response, 401, 'UNAUTHORIZED'));
  };
  for (const text of [
    `{"auths":{"${registry.host}":{"password":"${canaries.loginPassword}"`,
    `{"auths":{"${registry.host}":{"auth":"${base64(canaries.loginPassword)}"}}}`,
    `{"auths":{"${registry.host}":{"username":"a\\n","password":"${canaries.loginPassword}"}}}`,
  ]) {
    await writeFile(path, text);
    for (const output of ['text', 'json']) {
      const outcome = await exporting(output);
      expect(outcome.exit).toBe(2);
      expect(outcome.stderr).toContain('config.json');
      expectNoCanary(outcome);
    }
  }
});

test('the password of a key, right and wrong', async () => {
  for (const password of [canaries.keyPassword, `${canaries.keyPassword}-not`]) {
    for (const args of [
      ['keys', 'public', '--key', 'keys/cosign.key'],
      ['keys', 'generate', '--out', 'keys', '--output', 'json'],
    ]) {
      expectNoCanary(await fixture.run(args, { env: { COSIGN_PASSWORD: password } }));
    }
  }
});
