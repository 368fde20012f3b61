import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directorySource } from '../../src/tuf/client/source.ts';
import { directoryState } from '../../src/tuf/client/state.ts';
import { refusal } from './refusal.ts';
import { clientOf, LATER, NOW, Simulator } from './simulator.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tuf-directory-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('a directory as a source', () => {
  it('gives files, and undefined for what is not there', async () => {
    await mkdir(join(dir, 'metadata'));
    await writeFile(join(dir, 'metadata/timestamp.json'), '{}');
    const source = directorySource(dir);
    expect(Buffer.from((await source.read('metadata', 'timestamp.json', 2)) ?? []).toString()).toBe('{}');
    expect(await source.read('metadata', '2.root.json', 2)).toBeUndefined();
    expect(await source.read('metadata', 'timestamp.json/x', 2)).toBeUndefined();
  });

  it('refuses files that are too large, and waits for no pipe', async () => {
    await mkdir(join(dir, 'metadata/folder.json'), { recursive: true });
    await writeFile(join(dir, 'metadata/timestamp.json'), '{  }');
    execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(dir, 'metadata/pipe.json')]);
    const source = directorySource(dir);
    const read = (name: string) => source.read('metadata', name, 2);
    await expect(read('timestamp.json')).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', '4 bytes, more than 2'));
    await expect(read('pipe.json')).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', 'not a regular file'));
    await expect(read('folder.json')).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', 'not a regular file'));
  });
});

describe('a directory as a state', () => {
  it('keeps documents, roots and the latest time, and is used again', async () => {
    const simulator = new Simulator();
    simulator.publishRoot();
    await clientOf(simulator, directoryState(dir)).refresh(LATER);
    expect((await readdir(dir, { recursive: true })).sort()).toEqual([
      ...['latest-known-time', 'root.json', 'root_history', 'root_history/2.root.json'],
      ...['snapshot.json', 'targets.json', 'timestamp.json'],
    ]);
    const again = clientOf(simulator, directoryState(dir));
    await expect(again.refresh(NOW)).rejects.toThrow(refusal('ERR_EXPORT_TUF_CLOCK'));
    await again.refresh(LATER);
  });

  it('is used by one process at a time', async () => {
    const state = directoryState(dir);
    const attempt = state.exclusively(() => clientOf(new Simulator(), directoryState(dir)).refresh());
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_LOCKED'));
  });

  it.each(['', 'never', '2026-13-01T00:00:00Z'])('with %j as its latest time knows none', async (text) => {
    await writeFile(join(dir, 'latest-known-time'), text);
    await clientOf(new Simulator(), directoryState(dir)).refresh();
  });

  it('in which something else lies in place of a document is not trusted, and says so', async () => {
    const simulator = new Simulator();
    await mkdir(join(dir, 'timestamp.json'));
    await expect(clientOf(simulator, directoryState(dir)).refresh()).rejects.toThrow(refusal('ERR_EXPORT_IO'));
  });
});
