import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliFixture } from '../bad-input/fixture.ts';
import { exportBundle, profiles } from './bundle.ts';

const data = join(import.meta.dirname, '../../../shared/data');
const present = existsSync(data);
if (!present) console.warn(`skipped: real evidence is absent (${data})`);

test.runIf(process.env['CI'] === 'true')('CI has the real evidence', () => {
  expect(present).toBe(true);
});

describe.runIf(present)('real evidence, which passes through files and many pieces', () => {
  test.each(profiles)(
    '%s: an archive, and a folder with short reads, another zone, date and thread count',
    async (profile) => {
      await using fixture = await CliFixture.open();
      const [go, pypi] = ['osv-go-2026-08-22', 'osv-pypi-2024-10-11'].map((name) => join(data, `${name}.zip`)) as [
        string,
        string,
      ];
      const folder = join(fixture.path, 'go');
      execFileSync('unzip', ['-q', go, '-d', folder]);
      const { layout: _, ...wanted } = await exportBundle(fixture, profile, [go, pypi]);
      const { layout: __, ...found } = await exportBundle(fixture, profile, [pypi, folder], {
        preload: ['unkind-files', 'other-date'].map((name) => join(import.meta.dirname, `${name}.process.ts`)),
        env: {
          UNKIND_SEED: '7',
          OTHER_DATE: '2041-06-15T06:00:00Z',
          TZ: 'Asia/Kathmandu',
          LC_ALL: 'tr_TR.UTF-8',
          UV_THREADPOOL_SIZE: '1',
        },
        umask: '077',
      });
      expect(found).toEqual(wanted);
      expect(await fixture.leftovers()).toEqual([]);
    },
    240_000,
  );
});
