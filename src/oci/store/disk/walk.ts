import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, fileError, isDigest } from '#core';
import { isRepositoryName } from '#oci/image';
import { pageOf } from '../pages.ts';
import type { Page, PageQuery } from '../registry-store.ts';
import { isMissing } from './files.ts';
import type { TenantPaths } from './paths.ts';

/** A file named by a digest: a blob, or a link to one. */
export interface DigestFile {
  readonly digest: Digest;
  readonly path: string;
}

/** The names of all repositories, those of one directory in byte order. */
export async function* repositoryNames(tenant: TenantPaths, parent = ''): AsyncGenerator<string> {
  const names = await listFolder(join(tenant.repositories, ...parent.split('/')));
  if (names.some((name) => name.startsWith('_'))) yield parent;
  for (const name of names) {
    if (!name.startsWith('_')) yield* repositoryNames(tenant, parent === '' ? name : `${parent}/${name}`);
  }
}

/** The subdirectories of a repository that exist once something was pushed to it. */
const CONTENT_DIRECTORIES = ['_blobs', '_manifests'];

/**
 * The names of repositories in byte order, only those after `after`, at most `limit` of them. Skips directories in which
 * all names come before `after`.
 */
export async function listRepositories(tenant: TenantPaths, { after = '', limit }: PageQuery): Promise<Page<string>> {
  return await pageOf(namesAfter(tenant.repositories, '', after), limit);
}

/** @param prefix of all names in the directory: empty, or ends with a slash */
async function* namesAfter(root: string, prefix: string, after: string): AsyncGenerator<string> {
  const components = (await listFolder(join(root, prefix))).filter((name) => !name.startsWith('_'));
  // `a-b` sorts between `a` and `a/b`, so a directory's name and its contents are two entries.
  const entries = components.flatMap((name) => [`${prefix}${name}`, `${prefix}${name}/`]).sort();
  for (const entry of entries) {
    if (!entry.endsWith('/')) {
      if (entry > after && (await isRepository(root, entry))) yield entry;
    } else if (entry > after || after.startsWith(entry)) yield* namesAfter(root, entry, after);
  }
}

async function isRepository(root: string, name: string): Promise<boolean> {
  return (
    isRepositoryName(name) && (await listFolder(join(root, name))).some((entry) => CONTENT_DIRECTORIES.includes(entry))
  );
}

/** The files of a directory that is sharded by digest; ignores all others. */
export async function* digestFiles(root: string): AsyncGenerator<DigestFile> {
  for await (const { name, path, algorithm } of sharded(root)) {
    const digest = `${algorithm}:${name}`;
    if (isDigest(digest)) yield { digest, path };
  }
}

/** The files that an interrupted garbage collection had renamed, under their former names. */
export async function* trashedFiles(root: string): AsyncGenerator<string> {
  for await (const { name, path } of sharded(root)) {
    if (name.endsWith(TRASH_SUFFIX)) yield path.slice(0, -TRASH_SUFFIX.length);
  }
}

/** The suffix of a file that garbage collection has renamed, to delete it or rename it back next. */
export const TRASH_SUFFIX = '.gone';

/** The names in a directory in byte order; none if it does not exist. */
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
