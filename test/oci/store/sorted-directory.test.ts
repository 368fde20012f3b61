import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeKey, encodeKey } from '../../../src/oci/store/disk/key-name.ts';
import { KeyedLock } from '../../../src/oci/store/disk/keyed-lock.ts';
import { SortedDirectory } from '../../../src/oci/store/disk/sorted-directory.ts';
import { StoreFiles } from '../../../src/oci/store/disk/store-files.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { listAll } from '../content.ts';

const key = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,12}$/);
/** Few letters, so that keys are prefixes of one another and folders split deep. */
const crowdedKey = fc.stringMatching(/^[aAb]{1,6}$/);

async function openFolder(splitAbove?: number): Promise<{ folder: SortedDirectory; root: string; temp: string }> {
  const base = await makeTempDir();
  const [root, temp] = [join(base, 'root'), join(base, 'temp')];
  return { folder: new SortedDirectory(root, new StoreFiles(base, temp), new KeyedLock(), splitAbove), root, temp };
}

async function textUnder(folder: SortedDirectory, name: string): Promise<string | undefined> {
  const bytes = await folder.read(name);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

test('key names: different keys stay different where case is ignored, and come back', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/), (text) => {
      const name = encodeKey(text);
      expect(name).toBe(name.toLowerCase());
      expect(name.length).toBeLessThanOrEqual(255);
      expect(decodeKey(name)).toBe(text);
    }),
  );
  expect(new Set(['V1', 'v1', 'vV', 'Vv', 'VV', 'vv'].map(encodeKey)).size).toBe(6);
  for (const name of ['V1', 'v1^', 'v1^0', 'v1^2', 'v1^x', 'a^2']) expect(decodeKey(name)).toBeUndefined();
});

test('a folder behaves as a sorted map, whatever is written and deleted', async () => {
  const step = fc.record({
    action: fc.constantFrom('write', 'write', 'write', 'delete'),
    key: fc.oneof(key, crowdedKey),
    value: fc.string({ maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), crowdedKey, async (steps, after) => {
      const { folder } = await openFolder(3);
      const model = new Map<string, string>();
      for (const { action, key: name, value } of steps) {
        if (action === 'write') await folder.write(name, value);
        else expect(await folder.delete(name)).toBe(model.has(name));
        if (action === 'write') model.set(name, value);
        else model.delete(name);
      }
      const sorted = [...model.keys()].sort();
      expect(await listAll(folder.keys())).toEqual(sorted);
      expect(await listAll(folder.keys(after))).toEqual(sorted.filter((name) => name > after));
      for (const [name, value] of model) expect(await textUnder(folder, name)).toBe(value);
      for (const { key: name } of steps) if (!model.has(name)) expect(await folder.read(name)).toBeUndefined();
    }),
    { numRuns: 40 },
  );
});

test('a crowded folder splits, an emptied one goes away', async () => {
  const { folder, root } = await openFolder(4);
  const names = Array.from({ length: 40 }, (_, i) => `v${i}`);
  for (const name of names) await folder.write(name, name);
  expect((await readdir(root)).filter((name) => !name.startsWith('+')).length).toBeLessThanOrEqual(4);
  expect(await readdir(root)).toContain('+v');
  expect(await listAll(folder.keys())).toEqual(names.toSorted());
  for (const name of names) expect(await folder.delete(name)).toBe(true);
  expect(await readdir(root)).toEqual([]);
});

test('a split that was cut short is no fault, and what is above hides what is below', async () => {
  const { folder, root } = await openFolder(100);
  for (const name of ['aa', 'ab', 'b']) await folder.write(name, `new ${name}`);
  await mkdir(join(root, '+a'));
  await rename(join(root, 'ab'), join(root, '+a', 'ab'));
  await writeFile(join(root, '+a', 'aa'), 'old aa');
  expect(await listAll(folder.keys())).toEqual(['aa', 'ab', 'b']);
  expect(await textUnder(folder, 'aa')).toBe('new aa');
  expect(await textUnder(folder, 'ab')).toBe('new ab');
  await folder.write('aa', 'newer');
  expect(await textUnder(folder, 'aa')).toBe('newer');
  expect(await folder.delete('aa')).toBe(true);
  expect(await folder.read('aa')).toBeUndefined();
  expect(await listAll(folder.keys())).toEqual(['ab', 'b']);
});

test('readers lose nothing while others write and folders split', async () => {
  const { folder } = await openFolder(3);
  await folder.write('k-first', 'x');
  let busy = true;
  const reading = (async () => {
    while (busy) {
      expect(await textUnder(folder, 'k-first')).toBe('x');
      expect(await listAll(folder.keys())).toContain('k-first');
    }
  })();
  await Promise.all(Array.from({ length: 60 }, (_, i) => folder.write(`k-${i}`, 'y')));
  busy = false;
  await reading;
  expect((await listAll(folder.keys())).length).toBe(61);
});

test('a page in the middle of many costs a few folders, not all', async () => {
  const { folder, root } = await openFolder();
  const names = Array.from({ length: 1200 }, (_, i) => `tag-${String(i).padStart(5, '0')}`);
  await mkdir(root, { recursive: true });
  for (const name of names) await writeFile(join(root, name), '');
  await folder.write('tag-x', '');
  const seen: string[] = [];
  for await (const name of folder.keys('tag-00900')) {
    seen.push(name);
    if (seen.length === 3) break;
  }
  expect(seen).toEqual(['tag-00901', 'tag-00902', 'tag-00903']);
  const largest = await largestFolder(root);
  expect(largest).toBeLessThanOrEqual(256);
});

async function largestFolder(path: string): Promise<number> {
  const entries = await readdir(path, { withFileTypes: true });
  const below = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => largestFolder(join(path, entry.name))),
  );
  return Math.max(entries.filter((entry) => entry.isFile()).length, ...below);
}
