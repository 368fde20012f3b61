import type * as fs from 'node:fs/promises';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { emptyTrustedRoot, encodePublicKey, generateKeyPair, type KeyPair, writeKeyPair } from '#signing';
import { makeTempDir } from '../fixtures/temp-dir.ts';

/** The file system, which can be told to stop for good at the n-th change, as if the process had been killed there. */
const disk = vi.hoisted(() => ({ calls: 0, stopAt: Number.POSITIVE_INFINITY, stopped: () => {} }));

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof fs>();
  const watched =
    (name: 'link' | 'mkdir' | 'open' | 'rename' | 'rm') =>
    (...args: never[]): Promise<unknown> => {
      if (++disk.calls < disk.stopAt) return (actual[name] as (...args: never[]) => Promise<unknown>)(...args);
      disk.stopped();
      return new Promise(() => {});
    };
  const changes = { link: watched('link'), mkdir: watched('mkdir'), open: watched('open') };
  return { ...actual, ...changes, rename: watched('rename'), rm: watched('rm') };
});

// Sealing a key takes a sixth of a second and is tested elsewhere; here it is the files that count.
vi.mock('../../src/signing/private-key.ts', () => ({
  encodePrivateKey: async (key: { export(options: object): string }) => key.export({ format: 'pem', type: 'pkcs8' }),
  decodePrivateKey: () => expect.unreachable(),
}));

const NAMES = ['cosign.key', 'cosign.pub', 'trusted_root.json'];
let parent: string;
let pair: KeyPair;

beforeEach(async () => {
  parent = await makeTempDir();
  pair = generateKeyPair();
});

afterEach(async () => {
  disk.stopAt = Number.POSITIVE_INFINITY;
});

/** Runs writeKeyPair until it ends, or until the n-th change to the disk. */
async function killedAt(change: number, dir: string, keys: KeyPair): Promise<boolean> {
  disk.calls = 0;
  disk.stopAt = change;
  const killed = new Promise<boolean>((resolve) => {
    disk.stopped = () => resolve(true);
  });
  const ended = writeKeyPair(dir, keys, '').then(() => false);
  const result = await Promise.race([killed, ended]);
  disk.stopAt = Number.POSITIVE_INFINITY;
  return result;
}

async function expectWhole(dir: string, keys: KeyPair): Promise<void> {
  expect(await readFile(join(dir, 'cosign.pub'), 'utf8')).toBe(encodePublicKey(keys.publicKey));
  expect(await readFile(join(dir, 'cosign.key'), 'utf8')).toBe(
    keys.privateKey.export({ format: 'pem', type: 'pkcs8' }),
  );
  expect(await readFile(join(dir, 'trusted_root.json'), 'utf8')).toBe(emptyTrustedRoot);
}

const namesIn = async (dir: string) => (await readdir(dir)).sort();

describe('writing a key pair', () => {
  it('makes the folder and three files, the private key for its owner alone', async () => {
    const dir = join(parent, 'a', 'keys');
    const files = await writeKeyPair(dir, pair, '');
    expect(files).toEqual({
      privateKey: join(dir, 'cosign.key'),
      publicKey: join(dir, 'cosign.pub'),
      trustedRoot: join(dir, 'trusted_root.json'),
    });
    await expectWhole(dir, pair);
    const modes = await Promise.all(NAMES.map(async (name) => (await stat(join(dir, name))).mode & 0o777));
    expect(modes).toEqual([0o600, 0o644, 0o644]);
    expect(await namesIn(dir)).toEqual(NAMES);
    expect(await namesIn(join(parent, 'a'))).toEqual(['keys']);
  });

  it('writes into a folder that is there, beside what is in it', async () => {
    await writeFile(join(parent, 'other'), 'kept');
    await writeKeyPair(parent, pair, '');
    await expectWhole(parent, pair);
    expect(await namesIn(parent)).toEqual([...NAMES.slice(0, 2), 'other', 'trusted_root.json']);
    expect((await stat(join(parent, 'cosign.key'))).mode & 0o777).toBe(0o600);
  });

  it('takes an empty trusted root that is there already', async () => {
    await writeFile(join(parent, 'trusted_root.json'), emptyTrustedRoot);
    await writeKeyPair(parent, pair, '');
    await expectWhole(parent, pair);
  });

  it.each(NAMES)('never overwrites %s, and leaves everything as it was', async (name) => {
    await writeFile(join(parent, name), 'precious');
    await expect(writeKeyPair(parent, pair, '')).rejects.toMatchObject({
      code: 'ERR_EXPORT_KEY_EXISTS',
      message: expect.stringContaining(join(parent, name)),
      hint: expect.any(String),
    });
    expect(await readFile(join(parent, name), 'utf8')).toBe('precious');
    expect(await namesIn(parent)).toEqual([name]);
  });

  it('never writes through a link that leads nowhere', async () => {
    await symlink(join(parent, 'elsewhere'), join(parent, 'cosign.key'));
    await expect(writeKeyPair(parent, pair, '')).rejects.toMatchObject({ code: 'ERR_EXPORT_KEY_EXISTS' });
    expect(await namesIn(parent)).toEqual(['cosign.key']);
  });

  it('says which folder cannot be made', async () => {
    await writeFile(join(parent, 'file'), '');
    const dir = join(parent, 'file', 'keys');
    await expect(writeKeyPair(dir, pair, '')).rejects.toMatchObject({
      code: 'ERR_EXPORT_IO',
      message: expect.stringContaining(dir),
    });
  });
});

describe('a run that is killed', () => {
  it('leaves no folder or a whole one, wherever it was killed, and the next run succeeds', async () => {
    let kills = 0;
    for (let change = 1; ; change++) {
      const dir = join(parent, `keys-${change}`);
      const killed = await killedAt(change, dir, pair);
      const there = (await readdir(parent)).includes(`keys-${change}`);
      if (there) await expectWhole(dir, pair);
      if (!killed) break;
      kills++;
      const next = generateKeyPair();
      if (there) await expect(writeKeyPair(dir, next, '')).rejects.toMatchObject({ code: 'ERR_EXPORT_KEY_EXISTS' });
      else await writeKeyPair(dir, next, '');
      await expectWhole(dir, there ? pair : next);
      expect((await readdir(parent)).filter((name) => name.startsWith('.'))).toEqual([]);
    }
    expect(kills).toBeGreaterThan(10);
  });

  it('leaves a part that the next run takes away, in a folder that was there', async () => {
    let kills = 0;
    let parts = 0;
    for (let change = 1; ; change++) {
      const dir = join(parent, `keys-${change}`);
      await mkdir(dir);
      await writeFile(join(dir, 'other'), 'kept');
      if (!(await killedAt(change, dir, pair))) break;
      kills++;
      const left = (await readdir(dir)).filter((name) => NAMES.includes(name));
      if (left.length > 0 && left.length < 3) parts++;
      const next = generateKeyPair();
      if (left.length === 3) {
        await expect(writeKeyPair(dir, next, '')).rejects.toMatchObject({ code: 'ERR_EXPORT_KEY_EXISTS' });
      } else await writeKeyPair(dir, next, '');
      await expectWhole(dir, left.length === 3 ? pair : next);
      expect(await namesIn(dir)).toEqual([...NAMES.slice(0, 2), 'other', 'trusted_root.json']);
    }
    expect(kills).toBeGreaterThan(10);
    expect(parts).toBeGreaterThan(0);
  });
});
