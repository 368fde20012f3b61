import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PeerName, requirePeer } from './find.ts';

const maxOutputBytes = 64 * 1024 * 1024;

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the environment of {@link runCommand}. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the command reads; nothing by default. */
  readonly input?: string | Uint8Array;
  /** 300,000 by default; a command that takes longer is killed and the promise rejects. */
  readonly timeoutMs?: number;
}

/** A command that ended by itself, whatever its exit code. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs an installed peer; see {@link runCommand}. */
export function runPeer(name: PeerName, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return runCommand(requirePeer(name), args, options);
}

/**
 * Runs a command to its end. Its environment is PATH, TMPDIR, a UTF-8 locale, an empty COSIGN_PASSWORD, a HOME
 * of its own that is removed afterwards, and `options.env`: no login, database or setting of the person who
 * runs the tests reaches a peer. To keep state between commands, pass a HOME.
 */
export async function runCommand(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const home = await mkdtemp(join(tmpdir(), 'peer-home-'));
  try {
    return await execute(file, args, { ...options, env: { ...cleanEnvironment(home), ...options.env } });
  } finally {
    // go leaves a process of its own behind, which may still be writing there.
    await rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

function cleanEnvironment(home: string): Record<string, string> {
  const { PATH = '', TMPDIR = tmpdir() } = process.env;
  return { PATH, TMPDIR, HOME: home, LC_ALL: 'C.UTF-8', COSIGN_PASSWORD: '' };
}

function execute(file: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  const { cwd, env, input, timeoutMs = 300_000 } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      { cwd, env, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: maxOutputBytes },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === 'number') {
          resolve({ code, stdout, stderr });
          return;
        }
        const reason = error?.killed ? `did not end within ${timeoutMs} ms` : `failed (${code ?? error?.signal})`;
        reject(new Error(`${[file, ...args].join(' ')} ${reason}\n${stderr.slice(-2000)}`, { cause: error }));
      },
    );
    // A command that ends without reading its input closes the pipe; its exit code says the rest.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
