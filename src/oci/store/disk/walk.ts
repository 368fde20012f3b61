import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, fileError, isDigest } from '#core';
import { isRepositoryName } from '#oci/image';
import { pageOf } from '../pages.ts';
import type { Page, PageQuery } from '../registry-store.ts';
import { isMissing } from './files.ts';
import type { TenantPaths } from './paths.ts';

/** A file that stands for a digest: a blob, or a link to one. */
export interface DigestFile {
  readonly digest: Digest;
  readonly path: string;
}

/** The names of all repositories, those of one folder in byte order. */
export async function* repositoryNames(tenant: TenantPaths, parent = ''): AsyncGenerator<string> {
  const names = await listFolder(join(tenant.repositories, ...parent.split('/')));
  if (names.some((name) => name.startsWith('_'))) yield parent;
  for (const name of names) {
    if (!name.startsWith('_')) yield* repositoryNames(tenant, parent === '' ? name : `${parent}/${name}`);
  }
}

/** What a repository's folder holds as soon as anything was pushed to it. */
const MARKS = ['_blobs', '_manifests'];

/**
 * The names of repositories in byte order, those after `after` only, at most `limit` of them. Folders in which all
 * names come before `after` are not read.
 */
export async function listRepositories(tenant: TenantPaths, { after = '', limit }: PageQuery): Promise<Page<string>> {
  return await pageOf(namesAfter(tenant.repositories, '', after), limit);
}

/** @param prefix of all names in the folder: empty, or ends with a slash */
async function* namesAfter(root: string, prefix: string, after: string): AsyncGenerator<string> {
  const components = (await listFolder(join(root, prefix))).filter((name) => !name.startsWith('_'));
  // `a-b` comes between `a` and `a/b`, so a folder's own name and what is below it are two entries.
  const entries = components.flatMap((name) => [`${prefix}${name}`, `${prefix}${name}/`]).sort();
  for (const entry of entries) {
    if (!entry.endsWith('/')) {
      if (entry > after && (await isRepository(root, entry))) yield entry;
    } else if (entry > after || after.startsWith(entry)) yield* namesAfter(root, entry, after);
  }
}

async function isRepository(root: string, name: string): Promise<boolean> {
  return isRepositoryName(name) && (await listFolder(join(root, name))).some((entry) => MARKS.includes(entry));
}

/** The files of a folder that is sharded by digest; whatever else lies there is passed over. */
export async function* digestFiles(root: string): AsyncGenerator<DigestFile> {
  for await (const { name, path, algorithm } of sharded(root)) {
    const digest = `${algorithm}:${name}`;
    if (isDigest(digest)) yield { digest, path };
  }
}

/** The files that garbage collection had moved aside when it was cut short, under their former names. */
export async function* goneFiles(root: string): AsyncGenerator<string> {
  for await (const { name, path } of sharded(root)) {
    if (name.endsWith(GONE)) yield path.slice(0, -GONE.length);
  }
}

/** The ending of a file that has been moved aside, and is deleted or moved back next. */
export const GONE = '.gone';

/** The names in a folder in byte order; none where there is no folder. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError(error, path);
  }
}

async function* sharded(root: string): AsyncGenerator<{ algorithm: string; name: string; path: string }> {
  for (const algorithm of await listFolder(root)) {
    for (const shard of await listFolder(join(root, algorithm))) {
      const folder = join(root, algorithm, shard);
      for (const name of await listFolder(folder)) yield { algorithm, name, path: join(folder, name) };
    }
  }
}
