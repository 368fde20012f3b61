import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { networkOf } from '../../../src/server/access/client-address.ts';
import type { ThrottleLimits } from '../../../src/server/access/login-history.ts';
import { LoginThrottle } from '../../../src/server/access/login-throttle.ts';

const limits: ThrottleLimits = {
  free: 3,
  firstDelayMs: 1000,
  maxDelayMs: 8000,
  sharedDelayMs: 10,
  forgottenAfterMs: 60_000,
  freeNames: 100,
  refusedAfterMs: 1000,
  queues: 4,
  waitingPerQueue: 5,
  waiting: 8,
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function throttled(changes: Partial<ThrottleLimits> = {}) {
  const throttle = new LoginThrottle({ ...limits, ...changes }, () => Date.now());
  const order: string[] = [];
  const login = (user: string, isRight: boolean, address = 'a') =>
    throttle.check({ address, user }, async () => {
      order.push(`${address}/${user}`);
      return isRight;
    });
  /** How long a login takes in milliseconds, when nothing else runs. */
  const timeOf = async (user: string, isRight: boolean, address = 'a'): Promise<number> => {
    const start = Date.now();
    let took: number | undefined;
    void login(user, isRight, address).then(() => {
      took = Date.now() - start;
    });
    while (took === undefined) await vi.advanceTimersByTimeAsync(1);
    return took;
  };
  return { throttle, order, login, timeOf };
}

test('each failure beyond the free ones puts the next check off twice as long, up to a limit', async () => {
  const { timeOf } = throttled();
  const times: number[] = [];
  for (let i = 0; i < 8; i++) times.push(await timeOf('alice', false));
  expect(times.map((ms) => Math.round(ms / 1000))).toEqual([0, 0, 0, 1, 2, 4, 8, 8]);
});

test('a right password is put off by its own failures, and never refused for them', async () => {
  const { login, timeOf } = throttled();
  for (let i = 0; i < 5; i++) await timeOf('alice', false);
  const right = login('alice', true);
  await vi.advanceTimersByTimeAsync(8000);
  expect(await right).toMatchObject({ matches: true });
});

test('another user behind the same address, and the same user at another, do not wait', async () => {
  const { timeOf } = throttled();
  for (let i = 0; i < 8; i++) await timeOf('alice', false);
  expect(await timeOf('bob', true)).toBeLessThan(5);
  expect(await timeOf('alice', true, 'b')).toBeLessThan(5);
});

test('a right password that comes behind many guesses waits for one turn', async () => {
  const { login, timeOf } = throttled({ maxDelayMs: 1000 });
  for (let i = 0; i < 3; i++) await timeOf('alice', false);
  const guesses = Array.from({ length: 4 }, () => login('alice', false));
  const right = login('alice', true);
  await vi.advanceTimersByTimeAsync(1001);
  expect(await right).toMatchObject({ matches: true });
  await vi.advanceTimersByTimeAsync(5000);
  await Promise.all(guesses);
});

test('one check at a time, addresses in turn', async () => {
  const { throttle, order } = throttled({ waiting: 100 });
  let running = 0;
  const check = (address: string, user: string) =>
    throttle.check({ address, user }, async () => {
      expect(++running).toBe(1);
      order.push(`${address}/${user}`);
      await Promise.resolve();
      running--;
      return true;
    });
  await Promise.all([
    ...['1', '2', '3', '4'].map((user) => check('flood', user)),
    check('x', 'alice'),
    check('y', 'alice'),
  ]);
  // The first was alone when it came.
  expect(order.indexOf('x/alice')).toBeLessThan(3);
  expect(order.indexOf('y/alice')).toBeLessThan(4);
  expect(order).toHaveLength(6);
});

test('those who guess come after all others, and share a rate', async () => {
  const { timeOf, login, order } = throttled({ sharedDelayMs: 500 });
  for (const address of ['a', 'b']) for (let i = 0; i < 3; i++) await timeOf('alice', false, address);
  await vi.advanceTimersByTimeAsync(10_000);
  order.length = 0;
  const guesses = [login('alice', false, 'a'), login('alice', false, 'b')];
  const right = login('bob', true, 'c');
  await vi.advanceTimersByTimeAsync(0);
  await right;
  expect(order).toEqual(['a/alice', 'c/bob']);
  await vi.advanceTimersByTimeAsync(500);
  await Promise.all(guesses);
  expect(order).toEqual(['a/alice', 'c/bob', 'b/alice']);
});

test('a flood of one address is refused, not the others', async () => {
  const { throttle, login } = throttled({ queues: 100 });
  const held = Promise.withResolvers<boolean>();
  const first = throttle.check({ address: 'a', user: 'x' }, () => held.promise);
  const flood = Array.from({ length: 30 }, (_, i) => login(`u${i}`, false, 'a'));
  const refused = Promise.all(
    flood.map((one) =>
      one.then(
        () => 0,
        (error: { status: number; headers: Record<string, string> }) => {
          expect(Number(error.headers['Retry-After'])).toBeGreaterThan(0);
          return error.status;
        },
      ),
    ),
  );
  const others = [login('alice', true, 'b'), login('bob', true, 'c')];
  held.resolve(true);
  await first;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await Promise.all(others)).toEqual([
    { matches: true, failures: 0 },
    { matches: true, failures: 0 },
  ]);
  const statuses = await refused;
  expect(statuses.filter((status) => status === 0)).toHaveLength(limits.waiting - 2);
  expect(statuses.filter((status) => status === 429)).toHaveLength(30 - limits.waiting + 2);
});

test('one user from one address has so many waiting, and no more', async () => {
  const { throttle, login } = throttled();
  const held = Promise.withResolvers<boolean>();
  const first = throttle.check({ address: 'a', user: 'x' }, () => held.promise);
  const [oldest, ...waiting] = Array.from({ length: limits.waitingPerQueue + 1 }, () => login('alice', true));
  await expect(oldest).rejects.toThrow(/pending logins/);
  held.resolve(true);
  await first;
  await Promise.all(waiting);
  expect(waiting).toHaveLength(limits.waitingPerQueue);
});

test('failures are forgotten after a while without one; a success wipes nothing out', async () => {
  const { timeOf } = throttled();
  for (let i = 0; i < 4; i++) await timeOf('alice', false);
  await timeOf('alice', true);
  await timeOf('alice', false);
  expect(await timeOf('alice', false)).toBeGreaterThan(3500);
  await vi.advanceTimersByTimeAsync(limits.forgottenAfterMs + 10_000);
  expect(await timeOf('alice', false)).toBeLessThan(5);
  expect(await timeOf('alice', false)).toBeLessThan(5);
});

test('a check that fails of itself counts for nothing and holds nobody up', async () => {
  const { throttle, timeOf } = throttled();
  const broken = throttle.check({ address: 'a', user: 'alice' }, () => Promise.reject(new Error('no thread')));
  await expect(broken).rejects.toThrow('no thread');
  expect(await timeOf('alice', true)).toBeLessThan(5);
});

test('the table has a bound; who was unseen for longest is forgotten first', async () => {
  const { throttle, timeOf } = throttled();
  for (let i = 0; i < 4; i++) await timeOf('alice', false);
  for (const user of ['b', 'c', 'd']) await timeOf(user, false);
  expect(throttle.size).toBe(limits.queues);
  expect(await timeOf('alice', false)).toBeGreaterThan(500);
  for (let i = 0; i < 50; i++) await timeOf(`x${i}`, false);
  expect(throttle.size).toBe(limits.queues);
  expect(await timeOf('alice', false)).toBeLessThan(5);
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:1:2:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s is of the client %s', (address, client) => {
  expect(networkOf(address)).toBe(client);
});
