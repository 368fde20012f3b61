import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readJson } from '../core/read-json.ts';
import { startDockerRegistry } from '../peers/peers.ts';
import { cliMain } from './cli.ts';

/** Somewhere artifacts are published, whose files a test may look at and damage. */
export interface Place {
  readonly name: 'docker-registry' | 'serve' | 'layout';
  /** The artifact as export-center names it. */
  reference(repository: string, tag: string): string;
  /** The file that holds the bytes of a digest. */
  blobFile(digest: string, repository: string): string;
  close(): Promise<void>;
}

/** A place that stock tools reach by plain http. */
export interface Registry extends Place {
  /** `127.0.0.1:PORT` */
  readonly host: string;
}

/** docker-registry with nothing in it; it deletes when asked to. */
export async function openDockerRegistry(): Promise<Registry> {
  const { host, storage, stop } = await startDockerRegistry({ deletes: true });
  return {
    name: 'docker-registry',
    host,
    reference: (repository, tag) => `${host}/${repository}:${tag}`,
    blobFile: (digest) => {
      const hex = hexOf(digest);
      return join(storage, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    },
    close: stop,
  };
}

/** An empty place of that kind, with whatever it keeps below `dir`. */
export function openPlace(name: Place['name'], dir: string): Promise<Place> {
  if (name === 'docker-registry') return openDockerRegistry();
  return name === 'serve' ? openServe(join(dir, 'data')) : Promise.resolve(openLayouts(join(dir, 'layouts')));
}

/** `export-center serve` over an empty folder, in a process of its own. */
export async function openServe(dataDir: string): Promise<Registry> {
  const { PATH = '' } = process.env;
  const args = [cliMain, 'serve', '--data', dataDir, '--listen', '127.0.0.1:0', '--output', 'json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { PATH } });
  const host = await announcedHost(child);
  return {
    name: 'serve',
    host,
    reference: (repository, tag) => `${host}/${repository}:${tag}`,
    blobFile: (digest) => {
      const hex = hexOf(digest);
      return join(dataDir, 'registry/default/blobs/sha256', hex.slice(0, 2), hex);
    },
    close: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function announcedHost(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new TypeError('the server needs a pipe for stdout');
  for await (const line of createInterface({ input: child.stdout })) {
    return (readJson(line) as { url: string }).url.replace('http://', '');
  }
  throw new Error('the server ended before it said where it listens');
}

/** A folder of layouts, one for each repository. */
export function openLayouts(dir: string): Place & { path(repository: string): string } {
  const path = (repository: string): string => join(dir, repository.replaceAll('/', '-'));
  return {
    name: 'layout',
    path,
    reference: (repository, tag) => `oci:${path(repository)}:${tag}`,
    blobFile: (digest, repository) => join(path(repository), 'blobs/sha256', hexOf(digest)),
    close: () => Promise.resolve(),
  };
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}
