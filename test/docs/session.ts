import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { copyCheckout, makeScratch, type Scratch } from '../packaging/checkout.ts';

/** How a block ended, and all that it printed. */
export interface Outcome {
  readonly exit: number | null;
  readonly output: string;
}

const READY_TIMEOUT_MS = 240_000;
const STOP_TIMEOUT_MS = 15_000;
const DEFAULT_PORT = ':8080';
/** The ports of more servers on a page. */
const OTHER_PORTS = [':5000', ':8090'];

/**
 * A reader who works through a page: one copy of the checkout, one home, one terminal whose variables and folder
 * last from block to block. Port 8080 becomes one that is free, or the one that a server of the page has chosen; ports
 * 5000 and 8090 become other free ones.
 */
export class Session {
  readonly #scratch: Scratch;
  readonly #groups: ChildProcess[] = [];
  #port: number;
  /** Free ones for OTHER_PORTS. */
  readonly #others: readonly number[];

  private constructor(scratch: Scratch, port: number, others: readonly number[]) {
    this.#scratch = scratch;
    this.#port = port;
    this.#others = others;
  }

  /** @param installs whether the page itself installs; then nothing is there before. */
  static async open(installs: boolean): Promise<Session> {
    const scratch = await makeScratch('docs');
    await copyCheckout(join(scratch.path, 'checkout'), installs ? 'absent' : 'linked');
    for (const folder of ['home', 'tools']) await mkdir(join(scratch.path, folder));
    await writeFile(join(scratch.path, 'state'), `cd '${scratch.path}/checkout'\n`);
    return new Session(scratch, await freePort(), [await freePort(), await freePort()]);
  }

  /** Puts a tool on the path under the name by which the page calls it. */
  async provide(command: string, path: string): Promise<void> {
    await symlink(path, join(this.#scratch.path, 'tools', command)).catch(() => undefined);
  }

  /** Runs commands to their end. What they leave in the background stays until the session is closed. */
  async run(commands: string): Promise<Outcome> {
    const state = join(this.#scratch.path, 'state');
    const keep = `{ export -p; printf "cd '%s'\\n" "$PWD"; } >'${state}'`;
    const { child, output } = this.#start(`${commands}\n${keep}`);
    const [exit] = (await once(child, 'exit')) as [number | null];
    // What was printed before the end is still on its way through the pipe.
    await sleep(50);
    return { exit, output: output() };
  }

  /** Starts commands that serve, and waits for the text that says they do. */
  async serve(commands: string, ready: string): Promise<Outcome> {
    const { child, output } = this.#start(commands);
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (!output().includes(ready)) {
      if (child.exitCode !== null) return { exit: child.exitCode, output: output() };
      if (performance.now() > deadline) throw new Error(`not ready (${ready}):\n${output()}`);
      await sleep(50);
    }
    const chosen = /127\.0\.0\.1:(\d+)/.exec(output())?.[1];
    const isTold = [DEFAULT_PORT, ...OTHER_PORTS].some((port) => commands.includes(port));
    if (!isTold && chosen !== undefined) this.#port = Number(chosen);
    return { exit: null, output: output() };
  }

  /** Ends what still runs, as Ctrl-C would, and removes every trace. */
  async close(): Promise<void> {
    for (const child of this.#groups) await endGroup(child);
    await this.#scratch[Symbol.asyncDispose]();
  }

  #start(commands: string): { readonly child: ChildProcess; readonly output: () => string } {
    const text = OTHER_PORTS.reduce(
      (replaced, port, i) => replaced.replaceAll(port, `:${this.#others[i]}`),
      commands.replaceAll(DEFAULT_PORT, `:${this.#port}`),
    );
    const script = `set -eu\n. '${join(this.#scratch.path, 'state')}'\n${text}`;
    const child = spawn('sh', ['-c', script], {
      cwd: this.#scratch.path,
      detached: true,
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#groups.push(child);
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
    return { child, output: () => Buffer.concat(chunks).toString('utf8') };
  }

  /** A reader's world: none of this project's tools on the path, none of npm's variables, but npm's own settings. */
  #environment(): NodeJS.ProcessEnv {
    const { PATH = '', npm_config_registry: registry, CI } = process.env;
    const path = PATH.split(':').filter((folder) => !folder.includes('node_modules'));
    return {
      PATH: [join(this.#scratch.path, 'tools'), ...path].join(':'),
      HOME: join(this.#scratch.path, 'home'),
      npm_config_userconfig: join(homedir(), '.npmrc'),
      npm_config_cache: join(homedir(), '.npm'),
      npm_config_prefer_offline: 'true',
      ...(registry === undefined ? {} : { npm_config_registry: registry }),
      ...(CI === undefined ? {} : { CI }),
    };
  }
}

async function endGroup(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    try {
      process.kill(-pid, signal);
    } catch {
      return;
    }
    const deadline = performance.now() + STOP_TIMEOUT_MS;
    while (groupLives(pid) && performance.now() < deadline) await sleep(20);
  }
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
