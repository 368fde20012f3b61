import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CanonicalReader, encodeCanonical, parseJson } from '#core';
import { EvidenceFixture } from './fixture.ts';

const data = join(import.meta.dirname, '../../../shared/data');
const present = existsSync(data);
if (!present) console.warn(`skipped: real evidence is absent (${data})`);
const source = (name: string) => join(data, `${name}.zip`);

test.runIf(process.env['CI'] === 'true')('CI has the real evidence', () => {
  expect(present).toBe(true);
});

describe.runIf(present)('real evidence', () => {
  test.each([
    ['osv-go-2026-08-14', 4155, '2026-04-08T13:33:56Z'],
    ['osv-go-2026-08-20', 4291, '2026-08-18T20:23:02Z'],
    ['osv-go-2026-08-22', 4291, '2026-08-18T20:23:02Z'],
    ['osv-pypi-2024-10-03', 2655, undefined],
    ['osv-pypi-2024-10-11', 2661, '2024-10-10T17:22:00.587279Z'],
  ])('%s: all %i records are valid', async (name, count, newest) => {
    await using fixture = await EvidenceFixture.make();
    const set = await fixture.collect([source(name)]);
    expect(set).toMatchObject({ kept: count, withheld: [], ignored: [] });
    if (newest !== undefined) expect(set.newest).toBe(newest);
    await set.close();
  });

  test('VEX Hub: of 116 files 59 are documents, 57 of them different, and 57 are manifests', async () => {
    await using fixture = await EvidenceFixture.make();
    const set = await fixture.collect([source('openvex-vexhub-2026-03-23')]);
    expect(set).toMatchObject({ kept: 57, withheld: [] });
    expect(Object.keys(set.classes)).toEqual(['vex']);
    expect(set.ignored.map(({ name }) => name.split('/').at(-1))).toEqual(Array(57).fill('manifest.json'));
    await set.close();
  });

  test('a folder gives what the archive gives', async () => {
    await using fixture = await EvidenceFixture.make();
    const folder = join(fixture.path, 'pypi');
    await mkdir(folder);
    execFileSync('unzip', ['-q', source('osv-pypi-2024-10-11'), '-d', folder]);
    const sets = [await fixture.collect([folder]), await fixture.collect([source('osv-pypi-2024-10-11')])];
    expect(sets[0]?.classes).toEqual(sets[1]?.classes);
    for (const set of sets) await set.close();
  });

  test('the quick way to canonical bytes gives what the plain way gives', async () => {
    await using fixture = await EvidenceFixture.make();
    for (const name of ['osv-go-2026-08-22', 'osv-pypi-2024-10-11', 'openvex-vexhub-2026-03-23']) {
      execFileSync('unzip', ['-q', source(name), '-d', join(fixture.path, name)]);
    }
    const files = (await readdir(fixture.path, { recursive: true })).filter((path) => path.endsWith('.json'));
    expect(files.length).toBe(4291 + 2661 + 116);
    const reader = new CanonicalReader();
    const [quick, plain] = [createHash('sha256'), createHash('sha256')];
    for (const file of files) {
      const bytes = await readFile(join(fixture.path, file));
      quick.update(reader.read(bytes, file).bytes);
      plain.update(encodeCanonical(parseJson(bytes, file)));
    }
    expect(quick.digest('hex')).toBe(plain.digest('hex'));
  });

  test('a selector splits a feed: by severity, package and time, every record counted once', async () => {
    await using fixture = await EvidenceFixture.make();
    const feeds = [source('osv-go-2026-08-22'), source('osv-pypi-2024-10-11')];
    const set = await fixture.collect(feeds, {
      selector: { ecosystems: ['PyPI'], packages: ['django*'], minimumSeverity: 'critical' },
    });
    const leftOut = Object.values(set.leftOut).reduce((sum, count) => sum + count, 0);
    expect(set.kept + leftOut).toBe(4291 + 2661);
    expect(set.leftOut['ecosystems']).toBe(4291);
    expect(set.kept).toBeGreaterThan(100);
    expect(set.unscored).toBeLessThanOrEqual(set.kept);
    await set.close();
  });
});
