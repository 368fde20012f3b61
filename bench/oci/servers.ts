import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseKnownJson } from '#core';
import { startDockerRegistry } from '../../test/peers/peers.ts';
import { cleanEnvironment, launcher } from './clients.ts';

/** A registry on loopback that holds nothing yet. */
export interface Server {
  /** `127.0.0.1:PORT`, plain http. */
  readonly host: string;
  /** The process, where its memory is of interest. */
  readonly pid?: number | undefined;
  /** Ends it and removes what it holds. */
  stop(): Promise<void>;
}

export type ServerName = 'docker-registry' | 'ours';

/** Starts one of the two servers on a free port. */
export function startServer(name: ServerName, work: string): Promise<Server> {
  return name === 'ours' ? startOurs(work) : startDockerRegistry({ deletes: true });
}

/** Runs `work` with a server that is there for it alone. */
export async function withServer<T>(name: ServerName, folder: string, work: (host: string) => Promise<T>): Promise<T> {
  const server = await startServer(name, folder);
  try {
    return await work(server.host);
  } finally {
    await server.stop();
  }
}

async function startOurs(work: string): Promise<Server> {
  const data = await mkdtemp(join(work, 'serve-'));
  const args = ['serve', '--data', data, '--listen', '127.0.0.1:0', '--output', 'json'];
  const child = spawn(launcher, args, { env: cleanEnvironment(work), stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await rm(data, { recursive: true, force: true });
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = parseKnownJson(line) as { url: string };
    return { host: new URL(url).host, pid: child.pid, stop };
  }
  await stop();
  throw new Error('export-center serve ended before it said where it listens');
}
