import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../../src/cli/main.ts');

/** A run of the command line as a process of its own, which can be killed. */
export interface Client {
  readonly child: ChildProcess;
  readonly ended: Promise<{ status: number | null; err: string }>;
}

/** Starts one for a user whose home is `root`. */
export function startClient(root: string, args: readonly string[]): Client {
  const env = { ...process.env, HOME: root, XDG_STATE_HOME: join(root, 'state') };
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'], env });
  let err = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    err += part;
  });
  return { child, ended: once(child, 'close').then(([status]) => ({ status: status as number | null, err })) };
}
