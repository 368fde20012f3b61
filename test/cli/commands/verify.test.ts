import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { instantOf } from '#core';
import { encodePublicKey } from '#signing';
import { type ExportFixture, newSignerFixture, openFixture, requestFor } from '../../export/fixture.ts';
import { forge } from '../../export/forge.ts';
import { goAdvisory } from '../../fixtures/records.ts';
import { cli } from '../command-line.ts';

let fixture: ExportFixture;
let line: string[];
beforeEach(async () => {
  fixture = await openFixture();
  const keys = newSignerFixture();
  const key = join(fixture.dir, 'cosign.pub');
  await writeFile(key, encodePublicKey(keys.verifier.publicKey));
  const layout = await fixture.layout();
  const hourAgo = instantOf(new Date(Date.now() - 3_600_000));
  const source = await fixture.source([goAdvisory('GO-2026-0001')]);
  await forge(fixture, layout, requestFor(source, { asOf: hourAgo }), keys);
  await layout.close();
  line = ['verify', `${layout.name}:1`, '--key', key];
});

test.each([
  [['--max-age', '2h'], 0],
  [['--max-age', '30m'], 3],
  [['--max-age', '2h', '--min-as-of', '2020-01-01T00:00:00Z'], 0],
  [['--max-age', '30m', '--min-as-of', '2020-01-01T00:00:00Z'], 3],
  [['--max-age', '7d', '--min-as-of', '2999-01-01T00:00:00Z'], 3],
  [['--profile', 'json:raw', '--tenant', 'default'], 0],
  [['--profile', 'trivy:db'], 3],
  [['--tenant', 'other'], 3],
  [['--profile', 'json:other'], 2],
  [['--tenant', 'No Tenant'], 2],
  [['--min-as-of', 'yesterday'], 2],
  [['--max-age', '0h'], 2],
])('verify %j ends with status %d', async (options, status) => {
  const run = await cli(...line, ...options);
  expect(run.status, run.err).toBe(status);
  if (status === 3) expect(run.err).toContain('ERR_EXPORT_EXPECTATION_MISMATCH');
});
