import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseReference, type Repository } from '#oci/image';
import { type OpenOptions, openRepository } from '#oci/transfer';
import { describe, inPieces, noise } from '../content.ts';
import { RegistryDouble, send, sendError } from '../registry-double.ts';
import { basic, TokenService } from '../token-service.ts';
import { type Journey, startJourney } from './journey.ts';

let double: RegistryDouble;
let service: TokenService;
const ends: (() => Promise<void>)[] = [];

beforeEach(async () => {
  double = await RegistryDouble.start();
  service = await TokenService.start(double);
  ends.push(
    () => double.close(),
    () => service.close(),
  );
});

afterEach(async () => {
  vi.useRealTimers();
  for (const end of ends.splice(0).reverse()) await end();
});

async function open(options: OpenOptions = {}): Promise<Repository> {
  const reference = parseReference(`${double.host}/team/app`);
  const repository = await openRepository(reference, { env: {}, retry: { attempts: 3, firstMs: 5 }, ...options });
  ends.push(() => repository.close());
  return repository;
}

const login = { kind: 'password', username: 'me', password: 'pass:word' } as const;
const identity = { kind: 'identity', token: 'first' } as const;

test('several challenges, each in a header of its own: the one with a token is taken', async () => {
  double.fault = (request, response) => {
    if (service.valid.has(request.headers.authorization?.replace('Bearer ', '') ?? '')) return false;
    const bearer = `bearer service="s", realm="http://${service.double.host}/token"`;
    response.setHeader('www-authenticate', ['Negotiate', 'Basic realm="x", charset="UTF-8"', bearer]);
    sendError(response, 401, 'UNAUTHORIZED');
    return true;
  };
  service.login = 'me:pass:word';
  expect(await (await open({ credential: login })).resolve('v1')).toBeUndefined();
  expect(double.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Bearer token-1']);
});

test('challenges that are of no use are UNAUTHORIZED, and get no login', async () => {
  for (const challenge of [['Negotiate'], ['Digest realm="x"'], ['Bearer service="no realm"'], [], ['Basic']]) {
    double.seen.length = 0;
    double.fault = (_, response) => {
      response.setHeader('www-authenticate', challenge);
      sendError(response, 401, 'UNAUTHORIZED');
      return true;
    };
    const credential = challenge[0] === 'Basic' ? identity : login;
    await expect((await open({ credential })).resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_UNAUTHORIZED' });
    expect(double.seen.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  }
});

test('a refresh token that comes with a token is used from then on', async () => {
  service.refreshToken = 'first';
  service.nextRefreshToken = 'second';
  const repository = await open({ credential: identity });
  await repository.resolve('v1');
  await repository.push(describe(noise(10)), inPieces(noise(10), 10));
  expect(service.asked.map(({ form }) => form.get('refresh_token'))).toEqual(['first', 'second']);
});

test('a service that knows forms only gets the login in one', async () => {
  service.answer = (response) => {
    const asked = service.asked.at(-1);
    if (asked?.method === 'GET') send(response, 405, {});
    else {
      service.valid.add('form');
      send(response, 200, {}, '{"access_token":"form"}');
    }
  };
  expect(await (await open({ credential: login })).resolve('v1')).toBeUndefined();
  expect(service.asked.map(({ method }) => method)).toEqual(['GET', 'POST']);
  expect(Object.fromEntries(service.asked[1]?.form ?? [])).toMatchObject({
    grant_type: 'password',
    username: 'me',
    password: 'pass:word',
    scope: 'repository:team/app:pull',
  });
});

test('a token is used until shortly before its end, one that names no end for a minute', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-01T00:00:00Z') });
  for (const [expiresIn, lifeSeconds] of [
    [300, 300],
    [undefined, 60],
    [5, 60],
  ]) {
    service.answer = (response) => {
      service.valid.add('t');
      send(response, 200, {}, JSON.stringify({ token: 't', expires_in: expiresIn }));
    };
    service.asked = [];
    const repository = await open();
    const askedAfter = async (seconds: number) => {
      vi.setSystemTime(new Date(Date.parse('2026-01-01T00:00:00Z') + seconds * 1000));
      await repository.resolve('v1');
      return service.asked.length;
    };
    expect(await askedAfter(0)).toBe(1);
    expect(await askedAfter((lifeSeconds as number) - 15)).toBe(1);
    expect(await askedAfter((lifeSeconds as number) - 5)).toBe(2);
  }
});

/** Guards the target of a journey; `isSpent` says before each request whether its token ends now. */
async function guarded(isSpent: (step: number) => boolean): Promise<{ journey: Journey; steps: () => number }> {
  const journey = await startJourney(false);
  const guard = await TokenService.start(journey.target);
  ends.push(
    () => guard.close(),
    () => journey.close(),
  );
  let steps = 0;
  journey.target.fault = (request, response) => {
    if (isSpent(steps++)) guard.valid.clear();
    return guard.guard(request, response);
  };
  return { journey, steps: () => steps };
}

test('copy: a token that ends at any step is got over', { timeout: 60_000 }, async () => {
  for (let step = 0, last = 1; step < last; step++) {
    const { journey, steps } = await guarded((at) => at === step);
    await journey.copy();
    journey.checkTarget('moved');
    last = steps();
    expect(last).toBeGreaterThan(15);
  }
});

test('copy: tokens that are good for one request each are enough', async () => {
  const { journey } = await guarded(() => false);
  const { fault } = journey.target;
  let before: string | undefined;
  journey.target.fault = async (request, response, path) => {
    const { authorization } = request.headers;
    const again = authorization !== undefined && authorization === before;
    before = authorization;
    if (again) delete request.headers.authorization;
    return fault?.(request, response, path);
  };
  await journey.copy();
  journey.checkTarget('moved');
});

test.each([
  ['a chunk in the middle', (request: IncomingMessage) => request.headers['content-range']?.startsWith('4194304-')],
  [
    'the last request',
    (request: IncomingMessage) => request.method === 'PUT' && request.headers['content-length'] === '0',
  ],
])('an upload in chunks whose token ends before %s is completed', async (_, isMoment) => {
  const bytes = noise(9_000_000);
  let ended = false;
  double.fault = (request, response) => {
    if (!ended && isMoment(request) === true) {
      ended = true;
      service.valid.clear();
    }
    if (service.guard(request, response)) return true;
    if (request.method !== 'PUT' || request.headers['content-length'] === '0') return false;
    request.resume();
    sendError(response, 413, 'SIZE_INVALID');
    return true;
  };
  const outcome = await (await open()).push(describe(bytes), inPieces(bytes, 100_000));
  expect([outcome, ended]).toEqual(['uploaded', true]);
  expect(double.blobs.get(`team/app ${describe(bytes).digest}`)?.equals(bytes)).toBe(true);
});

test('a token service that is silent, cut or busy for a while is waited for', async () => {
  const acts: ((response: ServerResponse) => unknown)[] = [
    (response) => response.destroy(),
    (response) => send(response, 503, {}),
    (response) => send(response, 429, { 'retry-after': '0' }),
    () => undefined,
  ];
  for (const act of acts) {
    service.valid.clear();
    service.answer = (response) => {
      service.answer = undefined;
      act(response);
    };
    expect(await (await open({ idleTimeoutMs: 300 })).resolve('v1')).toBeUndefined();
  }
});

test('basic: a login that is withdrawn in the middle is UNAUTHORIZED, and no tag has moved', async () => {
  const journey = await startJourney(true);
  ends.push(() => journey.close());
  let requests = 0;
  journey.target.fault = (request, response) => {
    if (request.headers.authorization === basic('me:pass:word') && requests++ < 8) return false;
    send(response, 401, { 'www-authenticate': 'Basic realm="x"' });
    return true;
  };
  await expect(journey.copy({ credential: login })).rejects.toMatchObject({ code: 'ERR_EXPORT_UNAUTHORIZED' });
  journey.checkTarget('stays');
});
