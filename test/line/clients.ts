import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunResult, runPeer } from '../peers/peers.ts';

/** Stock clients that take an artifact from a registry or a layout into a folder. */
export const clientNames = ['oras', 'crane', 'skopeo', 'regctl'] as const;
export type Client = (typeof clientNames)[number];

/** Takes `host/repository:tag` into a folder, each client in its own shape. */
export async function pull(client: Client, reference: string, folder: string): Promise<RunResult> {
  switch (client) {
    case 'oras':
      return await runPeer('oras', ['pull', '--plain-http', reference, '--output', folder]);
    case 'crane':
      return await runPeer('crane', ['pull', '--insecure', '--format=oci', reference, folder]);
    case 'skopeo':
      return await skopeo(['--src-tls-verify=false', `docker://${reference}`, `dir:${folder}`]);
    case 'regctl':
      await mkdir(folder, { recursive: true });
      return await regctl(reference, ['artifact', 'get', reference, '--output', folder]);
  }
}

/** The clients that read layouts. */
export const layoutClients = ['oras', 'skopeo', 'regctl'] as const;

/** Takes the artifact of a tag out of a layout into a folder. */
export async function pullLayout(
  client: (typeof layoutClients)[number],
  layout: string,
  tag: string,
  folder: string,
): Promise<RunResult> {
  switch (client) {
    case 'oras':
      return await runPeer('oras', ['pull', '--oci-layout', `${layout}:${tag}`, '--output', folder]);
    case 'skopeo':
      return await skopeo([`oci:${layout}:${tag}`, `dir:${folder}`]);
    case 'regctl':
      await mkdir(folder, { recursive: true });
      return await runPeer('regctl', ['artifact', 'get', `ocidir://${layout}:${tag}`, '--output', folder]);
  }
}

/** Copies by skopeo, which may change no digest. */
export function skopeo(args: readonly string[]): Promise<RunResult> {
  const policy = join(import.meta.dirname, 'skopeo-policy.json');
  return runPeer('skopeo', ['--policy', policy, 'copy', '--quiet', '--preserve-digests', ...args]);
}

function regctl(reference: string, args: readonly string[]): Promise<RunResult> {
  const host = reference.slice(0, reference.indexOf('/'));
  return runPeer('regctl', ['--host', `reg=${host},tls=disabled`, ...args]);
}

/** The digests of all files in a folder, at any depth, by path. */
export async function digestsIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const digests = new Map<string, string>();
  for (const file of files.sort()) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
    digests.set(file.slice(folder.length + 1), `sha256:${hash.digest('hex')}`);
  }
  return digests;
}
