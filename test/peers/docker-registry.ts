import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { requirePeer } from './find.ts';

const startTimeoutMs = 15_000;

/** What a registry started with `htpasswd` asks for. */
export const registryLogin = { username: 'peer', password: 'registry-password' } as const;
// docker-registry reads bcrypt hashes only.
const htpasswdLine = 'peer:$2y$05$abcdefghijklmnopqrstuux7DVfxfgfXTmp/9Tsk6HzX2QQGjxePG\n';

export interface DockerRegistry {
  /** `127.0.0.1:PORT`, plain http. */
  readonly host: string;
  /** The folder of its files. */
  readonly storage: string;
  stop(): Promise<void>;
}

export interface DockerRegistryOptions {
  /** Accept DELETE; the registry's own default is to refuse it. */
  readonly deletes?: boolean;
  /** Ask for {@link registryLogin} by HTTP Basic. */
  readonly htpasswd?: boolean;
}

/** Starts docker-registry on a free port of loopback with empty storage in a temporary directory. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const { PATH = '' } = process.env;
  const dir = await mkdtemp(join(tmpdir(), 'docker-registry-'));
  const config = join(dir, 'config.json');
  await writeFile(join(dir, 'htpasswd'), htpasswdLine);
  await writeFile(config, JSON.stringify(registryConfig(dir, '127.0.0.1:0', options)));
  const server = spawn(requirePeer('docker-registry'), ['serve', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH },
  });
  const stop = async (): Promise<void> => {
    await end(server);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const host = await listeningAddress(server);
    const { status } = await fetch(`http://${host}/v2/`);
    if (status !== (options.htpasswd ? 401 : 200)) throw new Error(`docker-registry answers ${status} on /v2/`);
    return { host, storage: join(dir, 'storage'), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The registry's configuration, as JSON, which is YAML too. */
export function registryConfig(dir: string, address: string, options: DockerRegistryOptions = {}): object {
  const auth = { htpasswd: { realm: 'peers', path: join(dir, 'htpasswd') } };
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(dir, 'storage') },
      delete: { enabled: options.deletes ?? false },
    },
    http: { addr: address },
    ...(options.htpasswd ? { auth } : {}),
  };
}

async function listeningAddress(server: ChildProcess): Promise<string> {
  if (server.stderr === null) throw new TypeError('the server needs a pipe for stderr');
  const timer = setTimeout(() => server.kill('SIGKILL'), startTimeoutMs);
  const seen: string[] = [];
  try {
    for await (const line of createInterface({ input: server.stderr })) {
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (address !== undefined) {
        // Nobody reads on: without this a registry that says much would stand still when the pipe is full.
        server.stderr.resume();
        return address;
      }
      seen.push(line);
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error(`docker-registry did not start:\n${seen.slice(-20).join('\n')}`);
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL');
  await exited;
}
