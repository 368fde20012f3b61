import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LoginThrottle } from '../../../src/server/access/login-throttle.ts';

/** What a check with bcrypt takes here, in milliseconds of the fake clock. */
const CHECK_MS = 100;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A throttle with the limits of production, whose checks take time and are counted. */
function flooded() {
  const throttle = new LoginThrottle({}, () => Date.now());
  const checked: string[] = [];
  const login = (address: string, user: string, isRight: boolean, isUser = isRight, signal?: AbortSignal) =>
    throttle.check(
      { address, user },
      async () => {
        checked.push(`${address}/${user}`);
        await new Promise((done) => setTimeout(done, CHECK_MS));
        return isRight;
      },
      { isUser, signal },
    );
  let names = 0;
  /** Keeps so many guesses under ever-new names waiting until the signal is aborted. */
  const flood = (address: string, atOnce: number, signal: AbortSignal) => {
    for (let i = 0; i < atOnce; i++) {
      const again = (): void => {
        if (!signal.aborted) void login(address, `invented-${names++}`, false, false, signal).then(again, again);
      };
      again();
    }
  };
  /** How long a login takes. */
  const timeOf = async (answer: Promise<unknown>): Promise<number> => {
    const start = Date.now();
    let took: number | undefined;
    void answer.then(() => {
      took = Date.now() - start;
    });
    for (let ms = 0; took === undefined && ms < 120_000; ms += 10) await vi.advanceTimersByTimeAsync(10);
    return took ?? Number.POSITIVE_INFINITY;
  };
  const mistype = async (address: string, times: number) => {
    for (let i = 0; i < times; i++) await timeOf(login(address, 'bob', false, true));
  };
  return { throttle, checked, login, flood, timeOf, mistype };
}

test.each([0, 1, 5, 6])(
  'a flood of invented names leaves a user at another address who mistyped %i times alone',
  async (times) => {
    const { login, flood, timeOf, mistype } = flooded();
    const stop = new AbortController();
    await mistype('home', times);
    // The delay of the user's own failures is over.
    await vi.advanceTimersByTimeAsync(2000);
    flood('attacker', 300, stop.signal);
    await vi.advanceTimersByTimeAsync(1);
    // The check that runs, one turn of the attacker, and bob's own.
    expect(await timeOf(login('home', 'bob', true))).toBeLessThanOrEqual(3 * CHECK_MS + 100);
    stop.abort();
  },
);

test('each of several flooding addresses gets one turn before a user who has mistyped', async () => {
  const { login, flood, timeOf, mistype } = flooded();
  const stop = new AbortController();
  await mistype('home', 5);
  await vi.advanceTimersByTimeAsync(2000);
  for (let i = 0; i < 8; i++) flood(`attacker-${i}`, 50, stop.signal);
  await vi.advanceTimersByTimeAsync(1);
  expect(await timeOf(login('home', 'bob', true))).toBeLessThanOrEqual(10 * CHECK_MS + 100);
  stop.abort();
});

test.each([0, 1, 5])('a flood from the same address does not starve its user who mistyped %i times', async (times) => {
  const { login, flood, timeOf, mistype } = flooded();
  const stop = new AbortController();
  await mistype('office', times);
  await vi.advanceTimersByTimeAsync(2000);
  flood('office', 300, stop.signal);
  await vi.advanceTimersByTimeAsync(1);
  // At first the names that are free have a turn each; then those that fail share one.
  expect(await timeOf(login('office', 'bob', true))).toBeLessThanOrEqual(24 * CHECK_MS);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await timeOf(login('office', 'carol', true))).toBeLessThanOrEqual(3 * CHECK_MS + 100);
  stop.abort();
});

test('ever-new names from one address are checked at the slow rate', async () => {
  const { checked, flood } = flooded();
  const stop = new AbortController();
  flood('attacker', 50, stop.signal);
  await vi.advanceTimersByTimeAsync(60_000);
  checked.length = 0;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(checked.length).toBeGreaterThan(25);
  expect(checked.length).toBeLessThanOrEqual(31);
  stop.abort();
});

test('after many names a wrong login takes as long for a user as for an invented name', async () => {
  const times: number[] = [];
  for (const isUser of [true, false]) {
    const { login, timeOf } = flooded();
    for (let i = 0; i < 26; i++) await timeOf(login('a', `invented-${i}`, false));
    times.push(await timeOf(login('a', 'carol', false, isUser)));
  }
  expect(times[0]).toBeGreaterThan(1000);
  expect(times[0]).toBe(times[1]);
});

test('a login whose client has gone is never checked, and does not wait any more', async () => {
  const { throttle, checked, login, flood, timeOf, mistype } = flooded();
  const stop = new AbortController();
  await mistype('home', 5);
  flood('attacker', 300, stop.signal);
  await vi.advanceTimersByTimeAsync(5000);
  expect(throttle.waiting).toBeGreaterThan(10);
  stop.abort();
  expect(throttle.waiting).toBe(0);
  await vi.advanceTimersByTimeAsync(CHECK_MS);
  checked.length = 0;
  expect(await timeOf(login('home', 'bob', true))).toBeLessThanOrEqual(CHECK_MS + 10);
  expect(checked).toEqual(['home/bob']);
  const gone = login('home', 'bob', true, true, AbortSignal.abort(new Error('gone')));
  await expect(gone).rejects.toThrow('gone');
});
