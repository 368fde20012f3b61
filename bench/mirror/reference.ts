import { execFile } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseKnownJson } from '#core';
import type { PeerName } from '../../test/peers/find.ts';
import { requirePeer } from '../../test/peers/peers.ts';

/** What a reference mirror is made with. */
export interface ReferenceOptions {
  /** The directory with `data` and `tools`. */
  readonly shared: string;
  /** An empty registry that allows deletes. */
  readonly host: string;
  readonly work: string;
  /** A few MiB in place of some 180. */
  readonly small: boolean;
}

/** The tools by the names under which the maker of the mirror calls them. */
const TOOLS: Readonly<Record<string, PeerName>> = {
  oras: 'oras',
  bbolt: 'bbolt',
  cosign2: 'cosign25',
  cosign3: 'cosign3',
};

/** How much moving on to the second day adds, as the maker of the mirror counts it. */
export interface BlobFloor {
  readonly newBlobs: number;
  readonly newBlobBytes: number;
}

/**
 * Fills a registry with the reference mirror of its first day.
 *
 * @returns its repositories
 */
export async function fillReference(options: ReferenceOptions): Promise<readonly string[]> {
  await prepareTools(join(options.work, 'tools'));
  const { repositories } = (await make('day1', options)) as { repositories: Record<string, unknown> };
  return Object.keys(repositories).sort();
}

/** Moves the registry that fillReference has filled on to the second day: a new database, new, moved and deleted tags. */
export async function moveReference(options: ReferenceOptions): Promise<BlobFloor> {
  return (await make('day2', options)) as BlobFloor;
}

async function prepareTools(tools: string): Promise<void> {
  await mkdir(tools, { recursive: true });
  for (const [name, peer] of Object.entries(TOOLS)) await symlink(requirePeer(peer), join(tools, name));
  // Ours takes the ecosystem, three texts and a directory for each source.
  const script = `#!/bin/sh
out=$1 base=$2
shift 2
set -- $(for pair; do echo "\${pair%%=*} \${pair%%=*} \${pair%%=*} https://osv.dev $base/\${pair#*=}"; done)
exec '${requirePeer('trivydb-ref')}' "$out" "$@"
`;
  await writeFile(join(tools, 'trivydb-ref'), script);
  await chmod(join(tools, 'trivydb-ref'), 0o755);
}

async function make(day: 'day1' | 'day2', { shared, host, work, small }: ReferenceOptions): Promise<unknown> {
  const args = [
    join(shared, 'tools', 'make-reference-mirror'),
    ...(small ? ['--small'] : []),
    ...['--tools', join(work, 'tools'), '--data', join(shared, 'data'), day, host, join(work, 'reference')],
  ];
  const env = { ...process.env, COSIGN_PASSWORD: '', PYTHONDONTWRITEBYTECODE: '1' };
  // The registry writes its log into a pipe of this process, which therefore must go on reading.
  const { stdout } = await promisify(execFile)('python3', args, { env, maxBuffer: 256 * 1024 * 1024 });
  return parseKnownJson(stdout);
}
