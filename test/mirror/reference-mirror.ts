import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { peerPath, type RunResult, requirePeer, runCommand } from '../peers/peers.ts';

const shared = join(import.meta.dirname, '../../../shared');

/** What the maker of the mirror calls its tools, and what they are here. */
export const makerTools = { oras: 'oras', cosign2: 'cosign25', cosign3: 'cosign3', bbolt: 'bbolt' } as const;

/** What the reference mirror has. */
export const repositories = ['security/trivy-db', 'apps/web', 'apps/api', 'evidence/sboms'];

/** The builder as the maker of the mirror calls it: the folder for the database, that of the records, their ecosystems. */
const referenceDb = `#!/bin/sh
exec '${peerPath('trivydb-ref')}' "$1" go go go https://osv.dev "$2/go" pip pip pip https://osv.dev "$2/pip"
`;

/**
 * Fills a registry with the small reference mirror.
 *
 * @returns the public key of its signatures
 */
export async function fillReferenceMirror(dir: string, host: string): Promise<string> {
  const bin = join(dir, 'tools');
  await mkdir(bin);
  for (const [name, peer] of Object.entries(makerTools)) await symlink(requirePeer(peer), join(bin, name));
  await writeFile(join(bin, 'trivydb-ref'), referenceDb, { mode: 0o755 });
  await makeDay('day1', dir, host);
  return join(dir, 'mirror/cosign.pub');
}

/** Moves a registry that was filled on to day 2: new, moved and removed tags, new layers, new signatures. */
export function advanceReferenceMirror(dir: string, host: string): Promise<void> {
  return makeDay('day2', dir, host);
}

async function makeDay(day: 'day1' | 'day2', dir: string, host: string): Promise<void> {
  const place = [host, join(dir, 'mirror')];
  const args = ['--tools', join(dir, 'tools'), '--data', join(shared, 'data'), '--small', day, ...place];
  const made = await runCommand(join(shared, 'tools/make-reference-mirror'), args, { timeoutMs: 240_000 });
  expect(made.code, made.stderr).toBe(0);
}

/** Counts what a registry or a layout lacks of the reference mirror in another registry. */
export function countMirror(source: string, target: string): Promise<RunResult> {
  const args = ['--repos', repositories.join(','), '-v', source, target];
  return runCommand(join(shared, 'tools/count-mirror'), args);
}
