import { mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requirePeer } from '../../test/peers/peers.ts';
import type { Timed } from '../measure.ts';

/** A tool that moves the image of a layout, tagged `v1`, to a registry on loopback, and back. */
export interface Client {
  readonly name: ClientName;
  /** @param to `HOST:PORT/REPOSITORY:TAG` */
  push(layout: string, to: string): Timed;
  pull(from: string, layout: string): Timed;
}

export type ClientName = 'ours' | 'oras' | 'crane' | 'skopeo' | 'regctl';

interface Way {
  readonly push: (layout: string, to: string) => readonly string[];
  readonly pull: (from: string, layout: string) => readonly string[];
}

const asItIs = ['--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false'];

const ways: Record<ClientName, Way> = {
  ours: {
    push: (layout, to) => ['copy', '--quiet', `oci:${layout}:v1`, to],
    pull: (from, layout) => ['copy', '--quiet', from, `oci:${layout}:v1`],
  },
  oras: {
    push: (layout, to) => ['cp', '--from-oci-layout', `${layout}:v1`, '--to-plain-http', to, '--no-tty'],
    pull: (from, layout) => ['cp', '--from-plain-http', from, '--to-oci-layout', `${layout}:v1`, '--no-tty'],
  },
  crane: {
    push: (layout, to) => ['push', '--insecure', layout, to],
    pull: (from, layout) => ['pull', '--insecure', '--format=oci', from, layout],
  },
  skopeo: {
    push: (layout, to) => ['--insecure-policy', 'copy', ...asItIs, `oci:${layout}:v1`, `docker://${to}`],
    pull: (from, layout) => ['--insecure-policy', 'copy', ...asItIs, `docker://${from}`, `oci:${layout}:v1`],
  },
  regctl: {
    push: (layout, to) => [...regctlHost(to), 'image', 'copy', `ocidir://${layout}:v1`, to],
    pull: (from, layout) => [...regctlHost(from), 'image', 'copy', from, `ocidir://${layout}:v1`],
  },
};

/** The launcher: it sets what keeps memory flat, and ends in exec, so that the process measured is Node itself. */
export const launcher: string = fileURLToPath(new URL('../../bin/export-center', import.meta.url));

/** What every process of the bench sees: no login or setting of whoever runs it. */
export function cleanEnvironment(work: string): NodeJS.ProcessEnv {
  const home = join(work, 'home');
  mkdirSync(home, { recursive: true });
  const { PATH = '', TMPDIR } = process.env;
  return { PATH, HOME: home, LC_ALL: 'C.UTF-8', ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}

/**
 * One of the tools.
 *
 * @throws Error where it is absent
 */
export function clientNamed(name: ClientName, work: string): Client {
  const env = cleanEnvironment(work);
  const command = name === 'ours' ? launcher : requirePeer(name);
  const { push, pull } = ways[name];
  return {
    name,
    push: (layout, to) => ({ argv: [command, ...push(layout, to)], env }),
    pull: (from, layout) => ({ argv: [command, ...pull(from, layout)], env }),
  };
}

/** Pushes the blobs of a layout as files, as whoever has files and no layout does it. */
export async function orasPush(layout: string, to: string, work: string): Promise<Timed> {
  const folder = join(layout, 'blobs/sha256');
  const files = (await readdir(folder)).map((name) => `${join(folder, name)}:application/octet-stream`);
  const options = ['--plain-http', '--disable-path-validation', '--no-tty'];
  return { argv: [requirePeer('oras'), 'push', ...options, to, ...files], env: cleanEnvironment(work) };
}

function regctlHost(reference: string): string[] {
  return ['--host', `reg=${reference.slice(0, reference.indexOf('/'))},tls=disabled`];
}
