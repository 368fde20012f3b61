import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The program as it stands in the checkout. */
export const program = join(import.meta.dirname, '../../src/cli/main.ts');

/** The sample that is shipped. */
export const sample = join(import.meta.dirname, '../../examples/evidence');

/** How a command ended, and all that it said. */
export interface Outcome {
  /** Null where a signal ended it. */
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What is different about one command. */
export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment; a variable that is undefined is taken away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Octal, as a shell takes it. */
  readonly umask?: string;
  /** Modules that are loaded before the program. */
  readonly preload?: readonly string[];
  /** What the command reads; nothing unless told. */
  readonly input?: string;
}

/** Files by relative path; objects become JSON. */
export type Files = Readonly<Record<string, string | Uint8Array | object>>;

const PATIENCE_MS = 120_000;

/** A command that runs. */
export class Running {
  readonly child: ChildProcess;
  readonly #out: Buffer[] = [];
  readonly #err: Buffer[] = [];
  readonly #closed: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (chunk: Buffer) => this.#out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.#err.push(chunk));
    this.#closed = once(child, 'close');
  }

  get stdout(): string {
    return Buffer.concat(this.#out).toString('utf8');
  }

  get stderr(): string {
    return Buffer.concat(this.#err).toString('utf8');
  }

  /** Waits for the end; a command that hangs is killed, and fails the test. */
  async outcome(patienceMs: number = PATIENCE_MS): Promise<Outcome> {
    const late = new AbortController();
    const hangs = sleep(patienceMs, true, { signal: late.signal }).catch(() => false);
    const hung = await Promise.race([hangs, this.#closed.then(() => false)]);
    late.abort();
    if (hung) {
      this.child.kill('SIGKILL');
      await this.#closed;
      throw new Error(`${this.child.spawnargs.join(' ')} did not end within ${patienceMs} ms\n${this.stderr}`);
    }
    return { exit: this.child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  /** Waits until the command has said something on stdout. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const match = pattern.exec(this.stdout);
      if (match !== null) return match;
      if (this.child.exitCode !== null || performance.now() > deadline)
        throw new Error(`never said ${pattern}:\n${this.stdout}${this.stderr}`);
      await sleep(20);
    }
  }
}

/** A home, a working folder and a folder for temporary files, in which commands run. */
export class CliFixture implements AsyncDisposable {
  /** The working folder of commands, and the place for files of the test. */
  readonly path: string;
  /** TMPDIR of commands. */
  readonly temp: string;
  readonly home: string;
  readonly #root: string;
  readonly #running = new Set<Running>();
  #count = 0;

  private constructor(root: string) {
    this.#root = root;
    this.path = join(root, 'fixture');
    this.temp = join(root, 'temp');
    this.home = join(root, 'home');
  }

  static async open(): Promise<CliFixture> {
    const fixture = new CliFixture(await mkdtemp(join(tmpdir(), 'fixture-')));
    for (const path of [fixture.path, fixture.temp, fixture.home]) await mkdir(path);
    return fixture;
  }

  /** Runs `export-center` to its end. */
  run(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
    return this.start(args, options).outcome();
  }

  /** Starts `export-center`; what still runs when the fixture is cleared is killed. */
  start(args: readonly string[], options: CommandOptions = {}): Running {
    const { cwd = this.path, umask, preload = [], input } = options;
    const node = [process.execPath, ...preload.flatMap((path) => ['--import', path]), program, ...args];
    const argv = umask === undefined ? node : ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh', ...node];
    const [file = '', ...rest] = argv;
    const child = spawn(file, rest, { cwd, env: this.#environment(options.env), stdio: ['pipe', 'pipe', 'pipe'] });
    // A command that ends without reading its input closes the pipe.
    child.stdin.on('error', () => undefined).end(input);
    const running = new Running(child);
    this.#running.add(running);
    child.once('close', () => this.#running.delete(running));
    return running;
  }

  /** What lies in the folder for temporary files now. */
  leftovers(): Promise<string[]> {
    return readdir(this.temp, { recursive: true });
  }

  /** What lies in the working folder now, the home included. */
  async made(): Promise<string[]> {
    return [...(await readdir(this.path, { recursive: true })), ...(await readdir(this.home, { recursive: true }))];
  }

  /** A new folder with these files, made in this order. */
  async folder(files: Files): Promise<string> {
    const folder = join(this.path, `folder-${this.#count++}`);
    await mkdir(folder);
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), bytesOf(content));
    }
    return folder;
  }

  /** A new file of this name, in a folder of its own. */
  async file(name: string, content: string | Uint8Array | object): Promise<string> {
    return join(await this.folder({ [name]: content }), name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of [...this.#running]) {
      running.child.kill('SIGKILL');
      await once(running.child, 'close');
    }
    await rm(this.#root, { recursive: true, force: true });
  }

  /** Nothing of the person who runs the tests reaches a command, and the password of keys is empty unless told. */
  #environment(added: CommandOptions['env'] = {}): NodeJS.ProcessEnv {
    const { PATH } = process.env;
    const env = { PATH, HOME: this.home, TMPDIR: this.temp, LC_ALL: 'C.UTF-8', COSIGN_PASSWORD: '', ...added };
    return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
  }
}

/** The bytes of a file in a test. */
export function bytesOf(content: string | Uint8Array | object): string | Uint8Array {
  return typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content);
}
