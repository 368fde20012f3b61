import { afterEach } from 'vitest';
import { type RunningServer, type ServerOptions, startServer } from '#server';
import { makeTempDir } from '../fixtures/temp-dir.ts';

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
  return {
    folder: makeTempDir,
    async start(options = {}) {
      const dataDir = options.dataDir ?? (await makeTempDir());
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
