import { expect, test } from 'vitest';
import { CodedError, ThreadTask, type ThreadTaskOptions } from '#core';
import { workerUrl } from './thread-task-worker.ts';

const role = 'test/task';

async function resultOf(task: string, options?: ThreadTaskOptions<string>): Promise<string | undefined> {
  const thread = await ThreadTask.start<string, string>(workerUrl, role, task, options);
  if (thread === undefined) throw new Error('no thread started');
  try {
    return await thread.result();
  } finally {
    await thread.close();
  }
}

test('gives the notes and the result of a thread, which begins once its module is evaluated', async () => {
  const notes: string[] = [];
  expect(await resultOf('work', { onNote: (note) => notes.push(note) })).toBe('done');
  expect(notes).toEqual(['begun']);
});

test('throws the coded error of a thread', async () => {
  const failure = resultOf('coded');
  await expect(failure).rejects.toBeInstanceOf(CodedError);
  await expect(failure).rejects.toMatchObject({
    code: 'ERR_EXPORT_DISK_FULL',
    message: 'x: no space left',
    hint: 'free some',
    details: { path: 'x' },
  });
});

test('throws an error without a code, which is a fault of the program', async () => {
  await expect(resultOf('fault')).rejects.toThrow(new TypeError('not a function'));
});

test.each(['memory', 'exit'])('has no result of a thread that ends without one: %s', async (task) => {
  expect(await resultOf(task)).toBeUndefined();
});

test('a module ignores tasks of other roles', async () => {
  const thread = await ThreadTask.start<string>(workerUrl, 'test/other', 'work');
  expect(await thread?.result()).toBeUndefined();
});

test('a signal ends the wait, and close ends the thread', async () => {
  const stop = new AbortController();
  const onNote = () => stop.abort(new Error('enough'));
  await expect(resultOf('wait', { onNote, signal: stop.signal })).rejects.toThrow('enough');
});

test('a signal that was given before the thread has started ends the wait too', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(resultOf('wait', { signal })).rejects.toThrow('enough');
});
