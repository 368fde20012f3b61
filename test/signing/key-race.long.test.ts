import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, it } from 'vitest';
import { decodePrivateKey, encodePublicKey, generateKeyPair, writeKeyPair } from '#signing';
import { makeTempDir } from '../fixtures/temp-dir.ts';

const run = promisify(execFile);
/** Writes a key pair into the folder that is named, and says how it went. */
const SCRIPT = `
  import { generateKeyPair, writeKeyPair } from '#signing';
  const outcome = await writeKeyPair(process.argv[1], generateKeyPair(), 'p').then(() => 'written', ({ code }) => code);
  process.stdout.write(String(outcome));
`;
const ROOT = join(import.meta.dirname, '../..');
const NAMES = ['cosign.key', 'cosign.pub', 'trusted_root.json'];
let parent: string;

beforeEach(async () => {
  parent = await makeTempDir();
});

it.each([true, false])('lets one of several processes win at most, folder there: %s', async (there) => {
  const dir = join(parent, 'keys');
  if (there) await mkdir(dir);
  const runs = Array.from({ length: 4 }, () =>
    run(process.execPath, ['--input-type=module', '-e', SCRIPT, dir], { cwd: ROOT }),
  );
  const outcomes = (await Promise.all(runs)).map(({ stdout }) => stdout);
  const won = outcomes.filter((outcome) => outcome === 'written').length;
  expect(won).toBeLessThanOrEqual(1);
  const lost = ['written', 'ERR_EXPORT_KEY_EXISTS', 'ERR_EXPORT_LOCKED'];
  expect(outcomes.filter((outcome) => !lost.includes(outcome))).toEqual([]);
  const names = (await readdir(parent)).includes('keys') ? (await readdir(dir)).sort() : [];
  expect(names).toEqual(won === 1 ? NAMES : []);
  if (won === 0) return;
  const key = await decodePrivateKey(await readFile(join(dir, 'cosign.key'), 'utf8'), 'p', 'cosign.key');
  expect(encodePublicKey(key)).toBe(await readFile(join(dir, 'cosign.pub'), 'utf8'));
  expect(await readdir(parent)).toEqual(['keys']);
});

it('waits for a process that is at it, and names it', async () => {
  const dir = join(parent, 'keys');
  await mkdir(join(dir, `.cosign-pair.${process.ppid}`), { recursive: true });
  await expect(writeKeyPair(dir, generateKeyPair(), '')).rejects.toMatchObject({
    code: 'ERR_EXPORT_LOCKED',
    message: expect.stringContaining(`process ${process.ppid}`),
  });
  expect(await readdir(dir)).toEqual([`.cosign-pair.${process.ppid}`]);
});

it('clears away what a process left that runs no more', async () => {
  const dir = join(parent, 'keys');
  const { child } = run(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('close', resolve));
  await mkdir(join(dir, `.cosign-pair.${child.pid}`), { recursive: true });
  await writeKeyPair(dir, generateKeyPair(), '');
  expect((await readdir(dir)).sort()).toEqual(NAMES);
});
