import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { instantOf } from '#core';
import { encodePublicKey } from '#signing';
import { forge } from '../../export/forge.ts';
import { advisory, newParty, openScene, requestFor, type Scene } from '../../export/scene.ts';
import { cli } from '../command-line.ts';

let scene: Scene;
let line: string[];
beforeEach(async () => {
  scene = await openScene();
  const party = newParty();
  const key = join(scene.dir, 'cosign.pub');
  await writeFile(key, encodePublicKey(party.verifier.publicKey));
  const layout = await scene.layout();
  const hourAgo = instantOf(new Date(Date.now() - 3_600_000));
  const source = await scene.source([advisory('GO-2026-0001')]);
  await forge(scene, layout, requestFor(source, { asOf: hourAgo }), party);
  await layout.close();
  line = ['verify', `${layout.name}:1`, '--key', key];
});
afterEach(() => scene.remove());

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
