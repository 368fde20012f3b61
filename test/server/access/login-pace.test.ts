import { expect, test } from 'vitest';
import { networkOf } from '../../../src/server/access/client-address.ts';
import { LoginPace } from '../../../src/server/access/login-pace.ts';

const limits = { free: 3, firstMs: 1000, longestMs: 8000, forgottenAfterMs: 60_000, clients: 4 };

function paced() {
  let now = 1000;
  const pace = new LoginPace(limits, () => now);
  const fail = (address = 'a'): void => {
    pace.begin(address);
    pace.ended(address, false);
  };
  /** The whole seconds that a client is told to wait for; 0 when it may try. */
  const wait = (address = 'a'): number => {
    try {
      pace.begin(address);
    } catch (error) {
      return Number((error as { headers: Record<string, string> }).headers['Retry-After']);
    }
    pace.ended(address, undefined);
    return 0;
  };
  return { pace, fail, wait, pass: (ms: number) => (now += ms) };
}

test('each failure beyond the free ones waits twice as long, up to a limit; others do not wait', () => {
  const { fail, wait, pass } = paced();
  fail();
  fail();
  expect(wait()).toBe(0);
  const waits = Array.from({ length: 6 }, () => {
    fail();
    const seconds = wait();
    pass(seconds * 1000);
    return seconds;
  });
  expect(waits).toEqual([1, 2, 4, 8, 8, 8]);
  fail();
  expect(wait()).toBe(8);
  expect(wait('b')).toBe(0);
  pass(limits.forgottenAfterMs + 1);
  fail();
  expect(wait()).toBe(0);
});

test('a success wipes nothing out and costs nothing', () => {
  const { pace, fail, wait } = paced();
  fail();
  fail();
  for (let i = 0; i < 10; i++) {
    pace.begin('a');
    pace.ended('a', true);
  }
  fail();
  expect(wait()).toBe(1);
  pace.begin('b');
  pace.ended('b', true);
  expect(pace.size).toBe(1);
});

test('no more are tried at once than may fail', () => {
  const { pace, fail, pass } = paced();
  for (let i = 0; i < limits.free; i++) pace.begin('a');
  expect(() => pace.begin('a')).toThrow(/try again/);
  for (let i = 0; i < limits.free; i++) pace.ended('a', true);
  for (let i = 0; i < limits.free; i++) fail();
  pass(1000);
  pace.begin('a');
  expect(() => pace.begin('a')).toThrow(/try again/);
});

test('the table has a bound; the client unseen for longest is forgotten first', () => {
  const { pace, fail, wait } = paced();
  for (const address of ['a', 'a', 'a', 'b', 'c', 'd']) fail(address);
  expect([pace.size, wait('a')]).toEqual([4, 1]);
  fail('b');
  for (let i = 0; i < 1000; i++) fail(`x${i}`);
  expect([pace.size, wait('a')]).toEqual([4, 0]);
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
