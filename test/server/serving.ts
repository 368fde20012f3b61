import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type RunningServer, type ServerOptions, startServer } from '#server';

/** Servers and folders for a test, ended and removed after it. */
export interface Serving {
  /** A fresh folder. */
  folder(): Promise<string>;
  /** A server on a free port of loopback, over a fresh folder unless told. A fault of its own side fails the test. */
  start(options?: Partial<ServerOptions>): Promise<RunningServer & { readonly dataDir: string }>;
}

export function serving(): Serving {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  const folder = async (): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'server-test-'));
    ends.push(() => rm(path, { recursive: true, force: true }));
    return path;
  };
  return {
    folder,
    async start(options = {}) {
      const dataDir = options.dataDir ?? (await folder());
      const faults: unknown[] = [];
      const server = await startServer({ port: 0, report: (error) => faults.push(error), ...options, dataDir });
      ends.push(async () => {
        await server.close(100);
        if (faults.length > 0) throw new AggregateError(faults, 'the server had faults of its own');
      });
      return { ...server, dataDir };
    },
  };
}
