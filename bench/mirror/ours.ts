import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Timed } from '../measure.ts';
import { cleanEnvironment, launcher } from '../oci/clients.ts';
import type { MirrorTool } from './tools.ts';

/** Ours as one of the tools, and a snapshot of what has not changed. */
export interface Ours {
  readonly tool: MirrorTool;
  readonly rerun: readonly Timed[];
}

/** Makes keys, a TUF repository and a spec; the first snapshot is taken in the first turn. */
export async function prepareOurs(work: string, source: string, repositories: readonly string[]): Promise<Ours> {
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
  await writeFile(spec, specOf(source, repositories));
  const signers = ['--key', key('cosign'), '--stream-key', key('stream'), ...roles];
  const snapshot: Timed = { argv: [launcher, 'mirror', 'snapshot', spec, '--quiet', ...signers], env };
  const root = join(tuf, 'metadata', '1.root.json');
  const tool: MirrorTool = {
    name: 'ours',
    mirror: (out) => [
      snapshot,
      { argv: [launcher, 'mirror', 'export', spec, '--quiet', '--to', join(out, 'kit')], env },
    ],
    load: (out, target) => [
      {
        argv: [
          launcher,
          'mirror',
          'import',
          join(out, 'kit'),
          '--quiet',
          '--to',
          target,
          '--trust',
          root,
          '--state',
          join(out, 'state'),
        ],
        env,
      },
    ],
  };
  return { tool, rerun: [snapshot] };
}

function specOf(source: string, repositories: readonly string[]): string {
  const entries = repositories.map((name) => `  - { name: ${name}, signatures: none }`);
  return `version: 1
stream: bench
source: ${source}
snapshots: ${source}/mirrors/bench
tuf: tuf
repositories:
${entries.join('\n')}
`;
}
