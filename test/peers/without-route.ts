import { join } from 'node:path';
import { type RunOptions, type RunResult, runCommand } from './run.ts';

/** A server for the inside of the namespace, where every port is free. */
export interface InnerServer {
  readonly argv: readonly [string, ...string[]];
  /** The port of 127.0.0.1 that answers once the server is ready. */
  readonly port: number;
}

/**
 * Runs a command in a network namespace with loopback and nothing else, after `server` (if any) answers in the
 * same namespace. Exit code 125 says that the server did not come up. Needs the peers `unshare` and `ip`.
 * A script is `['bash', '-euc', script]`.
 */
export function runWithoutRoute(
  argv: readonly [string, ...string[]],
  options: RunOptions & { readonly server?: InnerServer } = {},
): Promise<RunResult> {
  const { server, ...rest } = options;
  if (server?.argv.includes('--')) throw new RangeError('argv of a server may not hold "--"');
  const serve = server === undefined ? [] : ['--serve', String(server.port), ...server.argv, '--'];
  return runCommand(join(import.meta.dirname, 'without-route'), [...serve, ...argv], rest);
}
