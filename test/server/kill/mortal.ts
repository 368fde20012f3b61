import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkStore, type DiskStore, openStore } from '#oci/store';
import { listAll } from '../../oci/content.ts';

/**
 * KILL_ROUNDS says how often a server is killed in the middle of pushes, and how often in the middle of copies and
 * pulls together: 10 unless told, 200 for the proof that a release is given (some fifteen minutes). KILL_SEED gives the
 * moments of an earlier run again.
 */
const { KILL_ROUNDS, KILL_SEED } = process.env;
export const rounds = Number(KILL_ROUNDS ?? 10);
export const seed = KILL_SEED ?? createHash('sha256').update(String(Math.random())).digest('hex').slice(0, 8);

/** Numbers from 0 to 1, the same for the same seed and name. */
export function randomOf(name: string): () => number {
  let count = 0;
  return () => createHash('sha256').update(`${seed} ${name} ${count++}`).digest().readUInt32BE(0) / 2 ** 32;
}

const script = join(import.meta.dirname, '../serve.process.ts');

/** A server in a process of its own that dies when it is told to, and comes back at the same port with the same data. */
export class Mortal {
  readonly dataDir: string;
  #server: ChildProcess | undefined;
  #port = 0;

  constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const args = [script, this.dataDir, String(this.#port)];
    this.#server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (this.#server.stdout === null) throw new TypeError('the server needs a pipe for stdout');
    const lines = createInterface({ input: this.#server.stdout });
    const [address] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as [string | undefined];
    if (address === undefined) throw new Error(`no server at ${this.address}`);
    this.#port = Number(address.split(':')[1]);
  }

  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  }

  /** What lies on the disk. */
  store(): Promise<DiskStore> {
    return openStore(join(this.dataDir, 'registry'), { tenant: 'default', readOnly: true });
  }

  /** What is not as it should be on the disk; what is unreachable is no fault. */
  async faults(): Promise<unknown[]> {
    const findings = await listAll(checkStore(await this.store()));
    return findings.filter(({ kind }) => kind !== 'unreachable');
  }
}
