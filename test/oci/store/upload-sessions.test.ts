import { expect, test } from 'vitest';
import { type Turn, UploadSessions } from '../../../src/oci/store/upload-sessions.ts';

const limits = { stalledAfterMs: 30_000, maxWaitMs: 30_000, waiting: 4 };
const locked = { code: 'ERR_EXPORT_LOCKED' };

/** A request that is at work until the test ends it, or somebody tells it to stop. */
function work(sessions: UploadSessions, path = 'a') {
  const begun = Promise.withResolvers<Turn>();
  const end = Promise.withResolvers<string>();
  const done = sessions.enter(path, async (_, turn) => {
    turn.signal.addEventListener('abort', () => end.resolve('stopped'));
    begun.resolve(turn);
    return await end.promise;
  });
  return { begun: begun.promise, end: () => end.resolve('ended'), done };
}

test('one request at a time; those that come wait for it and are told so', async () => {
  const sessions = new UploadSessions(limits);
  const first = work(sessions);
  expect((await first.begun).waited).toBe(false);
  let running = 0;
  const others = Array.from({ length: 4 }, () =>
    sessions.enter('a', async (_, { waited }) => {
      expect(++running).toBe(1);
      await Promise.resolve();
      running--;
      return waited;
    }),
  );
  const elsewhere = work(sessions, 'b');
  await elsewhere.begun;
  elsewhere.end();
  first.end();
  expect([await first.done, await elsewhere.done]).toEqual(['ended', 'ended']);
  expect(await Promise.all(others)).toEqual([true, true, true, true]);
});

test('a request is refused when the other goes on for too long, which is not disturbed', async () => {
  const sessions = new UploadSessions({ ...limits, maxWaitMs: 20 });
  const first = work(sessions);
  await first.begun;
  await expect(sessions.enter('a', async () => 'in')).rejects.toMatchObject(locked);
  first.end();
  expect(await first.done).toBe('ended');
  expect(await sessions.enter('a', async () => 'in')).toBe('in');
});

test('a request that gets no more bytes is stopped by the next', async () => {
  const sessions = new UploadSessions({ ...limits, stalledAfterMs: 20 });
  const first = work(sessions);
  await first.begun;
  expect(await sessions.enter('a', async () => 'in')).toBe('in');
  expect(await first.done).toBe('stopped');
});

test('no more wait for one upload than may', async () => {
  const sessions = new UploadSessions(limits);
  const first = work(sessions);
  await first.begun;
  const waiting = Array.from({ length: limits.waiting }, () => sessions.enter('a', async () => 'in'));
  await expect(sessions.enter('a', async () => 'in')).rejects.toMatchObject(locked);
  first.end();
  expect(await Promise.all(waiting)).toEqual(waiting.map(() => 'in'));
});

test('whoever ends an upload stops the request at work', async () => {
  const sessions = new UploadSessions(limits);
  const first = work(sessions);
  await first.begun;
  expect(await sessions.enter('a', async () => 'in', { endOther: true })).toBe('in');
  expect(await first.done).toBe('stopped');
});

test('an action that fails gives its turn back', async () => {
  const sessions = new UploadSessions(limits);
  await expect(sessions.enter('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await sessions.enter('a', async (_, { waited }) => waited)).toBe(false);
});
