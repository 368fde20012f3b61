import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Timed } from '../measure.ts';
import { cleanEnvironment, launcher } from '../oci/clients.ts';
import type { MirrorTool } from './tools.ts';

/** Ours as one of the tools, and what it is made of. */
export interface Ours {
  readonly tool: MirrorTool;
  /** Ships what has come since the first snapshot, where `out` has the state of an earlier load. */
  readonly delta: MirrorTool;
  readonly snapshot: Timed;
  /** The mirror spec, and the private key of its kits. */
  readonly spec: string;
  readonly streamKey: string;
  readonly root: string;
}

/**
 * Makes keys, a TUF repository and a spec; the first snapshot is taken in the first turn.
 *
 * @param work a directory for it alone
 * @param stream the name of the mirror
 */
export async function prepareOurs(
  work: string,
  stream: string,
  source: string,
  repositories: readonly string[],
): Promise<Ours> {
  mkdirSync(work, { recursive: true });
  const env = { ...cleanEnvironment(work), COSIGN_PASSWORD: '' };
  const run = (...args: string[]) => execFileSync(launcher, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const key = (name: string, file = 'cosign.key') => join(work, 'keys', name, file);
  run('keys', 'generate', '--out', join(work, 'keys', 'cosign'));
  for (const name of ['root', 'targets', 'online', 'stream']) {
    run('keys', 'generate', '--type', 'ed25519', '--out', join(work, 'keys', name));
  }
  const tuf = join(work, 'tuf');
  const publicKeys = ['--root-key', key('root', 'cosign.pub'), '--targets-key', key('targets', 'cosign.pub')];
  run('tuf', 'init', tuf, ...publicKeys, '--online-key', key('online', 'cosign.pub'));
  const roles = ['--targets-key', key('targets'), '--online-key', key('online')];
  run('tuf', 'root', 'sign', tuf, '--key', key('root'), ...roles);
  const spec = join(work, 'mirror.yaml');
  await writeFile(spec, specOf(stream, source, repositories));
  const signers = ['--key', key('cosign'), '--stream-key', key('stream'), ...roles];
  const snapshot: Timed = { argv: [launcher, 'mirror', 'snapshot', spec, '--quiet', ...signers], env };
  const root = join(tuf, 'metadata', '1.root.json');
  const ours = (name: string, kit: string, base: readonly string[]): MirrorTool => ({
    name,
    mirror: (out) => [
      snapshot,
      { argv: [launcher, 'mirror', 'export', spec, '--quiet', ...base, '--to', join(out, kit)], env },
    ],
    load: (out, target) => {
      const to = ['--to', target, '--trust', root, '--state', join(out, 'state')];
      return [{ argv: [launcher, 'mirror', 'import', join(out, kit), '--quiet', ...to], env }];
    },
  });
  return {
    tool: ours('ours', 'kit', []),
    delta: ours('ours', 'delta', ['--base', `${stream}.1`]),
    snapshot,
    spec,
    streamKey: key('stream'),
    root,
  };
}

function specOf(stream: string, source: string, repositories: readonly string[]): string {
  const entries = repositories.map((name) => `  - { name: ${name}, signatures: none }`);
  return `version: 1
stream: ${stream}
source: ${source}
snapshots: ${source}/mirrors/${stream}
tuf: tuf
repositories:
${entries.join('\n')}
`;
}
