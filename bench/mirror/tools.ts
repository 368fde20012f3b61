import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseKnownJson } from '#core';
import { requirePeer } from '../../test/peers/peers.ts';
import type { Timed } from '../measure.ts';
import { cleanEnvironment } from '../oci/clients.ts';

/** A tool that mirrors repositories into files, and loads these into a registry on loopback. */
export interface MirrorTool {
  readonly name: string;
  /** @param out an empty directory */
  mirror(out: string): readonly Timed[];
  load(out: string, target: string): readonly Timed[];
}

/** oras in both of its ways, regctl and skopeo, with the options that lose least. */
export async function peerTools(source: string, repositories: readonly string[], work: string): Promise<MirrorTool[]> {
  const env = cleanEnvironment(work);
  const oras = requirePeer('oras');
  const tags = new Map<string, readonly string[]>();
  for (const name of repositories) tags.set(name, await tagsOf(oras, `${source}/${name}`));
  const context = { source, repositories, tags, env };
  return [orasBackup(oras, context), orasCopy(oras, context), regctl(context), skopeo(context)];
}

interface Context {
  readonly source: string;
  readonly repositories: readonly string[];
  /** Without those that belong to a manifest. */
  readonly tags: ReadonlyMap<string, readonly string[]>;
  readonly env: NodeJS.ProcessEnv;
}

async function tagsOf(oras: string, repository: string): Promise<string[]> {
  const options = ['repo', 'tags', '--plain-http', '--format', 'json', repository];
  const { stdout } = await promisify(execFile)(oras, options);
  const { tags } = parseKnownJson(stdout) as { tags: string[] };
  return tags.filter((tag) => !tag.startsWith('sha256-'));
}

const flat = (name: string) => name.replaceAll('/', '_');

function orasBackup(oras: string, { source, repositories, env }: Context): MirrorTool {
  return {
    name: 'oras backup',
    mirror: (out) =>
      repositories.map((name) => {
        const options = ['backup', '--plain-http', '--include-referrers', '--no-tty'];
        return { argv: [oras, ...options, '-o', join(out, flat(name)), `${source}/${name}`], env };
      }),
    load: (out, target) =>
      repositories.map((name) => {
        const options = ['restore', '--plain-http', '--no-tty', '--input', join(out, flat(name))];
        return { argv: [oras, ...options, `${target}/${name}`], env };
      }),
  };
}

function orasCopy(oras: string, { source, tags, env }: Context): MirrorTool {
  const each = (make: (name: string, tag: string) => readonly string[]): Timed[] =>
    [...tags].flatMap(([name, list]) => list.map((tag) => ({ argv: [oras, ...make(name, tag)], env })));
  return {
    name: 'oras cp, one layout',
    mirror: (out) =>
      each((name, tag) => {
        const layout = `${join(out, 'layout')}:${flat(name)}.${tag}`;
        return ['cp', '-r', '--no-tty', '--from-plain-http', '--to-oci-layout', `${source}/${name}:${tag}`, layout];
      }),
    load: (out, target) =>
      each((name, tag) => {
        const layout = `${join(out, 'layout')}:${flat(name)}.${tag}`;
        return ['cp', '-r', '--no-tty', '--from-oci-layout', '--to-plain-http', layout, `${target}/${name}:${tag}`];
      }),
  };
}

function regctl({ source, tags, env }: Context): MirrorTool {
  const command = requirePeer('regctl');
  const each = (make: (name: string, tag: string) => readonly [string, string], host: string): Timed[] =>
    [...tags].flatMap(([name, list]) =>
      list.map((tag) => {
        const options = ['--host', `reg=${host},tls=disabled`, 'image', 'copy', '--referrers', '--digest-tags'];
        return { argv: [command, ...options, ...make(name, tag)], env };
      }),
    );
  const place = (out: string, name: string, tag: string) => `ocidir://${join(out, flat(name))}:${tag}`;
  return {
    name: 'regctl, ocidir',
    mirror: (out) => each((name, tag) => [`${source}/${name}:${tag}`, place(out, name, tag)], source),
    load: (out, target) => each((name, tag) => [place(out, name, tag), `${target}/${name}:${tag}`], target),
  };
}

function skopeo({ source, repositories, env }: Context): MirrorTool {
  const command = requirePeer('skopeo');
  const namespaces = [...new Set(repositories.map((name) => name.split('/')[0] as string))];
  const options = ['--insecure-policy', 'sync', '--all'];
  return {
    name: 'skopeo sync',
    mirror: (out) =>
      repositories.map((name) => {
        const ends = ['--scoped', '--src', 'docker', '--dest', 'dir', '--src-tls-verify=false'];
        return { argv: [command, ...options, ...ends, `${source}/${name}`, out], env };
      }),
    load: (out, target) =>
      namespaces.map((name) => {
        const ends = ['--src', 'dir', '--dest', 'docker', '--dest-tls-verify=false'];
        return { argv: [command, ...options, ...ends, join(out, source, name), `${target}/${name}`], env };
      }),
  };
}
