import { lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  algorithmOf,
  annotationKeys,
  CodedError,
  type Descriptor,
  Digester,
  fileError,
  hexOf,
  isSystemError,
  makeFolder,
  syncFolder,
} from '#core';
import type { OperationOptions, Repository } from './ports.ts';

/** How a pull is watched and stopped. */
export interface PullOptions extends OperationOptions {
  /** Called with the bytes that have just been fetched. */
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
  /** Called with the bytes that were there already, of whole files and of those that are gone on with. */
  readonly onFound?: ((sizeBytes: number) => void) | undefined;
}

/** What became of one file. */
export interface PulledFile {
  readonly path: string;
  readonly descriptor: Descriptor;
  /** `present` where a file of this content was there already. */
  readonly state: 'fetched' | 'resumed' | 'present';
}

/**
 * Lays down the titled layers of an artifact below a folder, each file whole and checked before it has its name.
 * What a killed pull had fetched lies in `.<hex>.partial` files, and the next pull goes on from there.
 *
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID for titles that would leave the folder, ERR_EXPORT_DIGEST_MISMATCH,
 *   ERR_EXPORT_SIZE_MISMATCH, and the codes of Repository.fetch and of files
 */
export async function pullFiles(
  repository: Repository,
  layers: readonly Descriptor[],
  folder: string,
  options: PullOptions = {},
): Promise<PulledFile[]> {
  const titled = layers.filter((layer) => layer.annotations?.[annotationKeys.title] !== undefined);
  const pulled: PulledFile[] = [];
  for (const layer of titled) checkTitle(layer);
  for (const layer of titled) {
    options.signal?.throwIfAborted();
    const path = layer.annotations?.[annotationKeys.title] as string;
    pulled.push({ path, descriptor: layer, state: await pullFile(repository, layer, folder, path, options) });
  }
  return pulled;
}

function checkTitle({ annotations, digest }: Descriptor): void {
  const title = annotations?.[annotationKeys.title] as string;
  const parts = title.split('/');
  const fine = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part));
  if (fine && !/^[A-Za-z]:/.test(title)) return;
  throw new CodedError(
    'ERR_EXPORT_MANIFEST_INVALID',
    `layer ${digest}: its title ${JSON.stringify(title)} is no path`,
    {
      hint: 'do not use this artifact: a file of this name would leave the folder',
      details: { digest, title },
    },
  );
}

async function pullFile(
  repository: Repository,
  layer: Descriptor,
  folder: string,
  title: string,
  options: PullOptions,
): Promise<PulledFile['state']> {
  const path = join(folder, title);
  try {
    await makeParents(folder, title);
    if ((await digestOfFile(path, layer)) === layer.digest) {
      options.onFound?.(layer.size);
      return 'present';
    }
    const partial = join(dirname(path), `.${hexOf(layer.digest)}.partial`);
    const state = await fetchInto(repository, layer, partial, options);
    await rename(partial, path);
    await syncFolder(dirname(path));
    return state;
  } catch (error) {
    throw fileError(error, path);
  }
}

/** Makes the folders of a file one by one, and follows no link that somebody left among them. */
async function makeParents(folder: string, title: string): Promise<void> {
  await makeFolder(folder);
  let path = folder;
  for (const part of title.split('/').slice(0, -1)) {
    path = join(path, part);
    await mkdir(path).catch((error: unknown) => {
      if (!isSystemError(error, 'EEXIST')) throw error;
    });
    if (!(await lstat(path)).isDirectory()) {
      throw new CodedError('ERR_EXPORT_IO', `${path}: a link or a file stands where a folder should be`, {
        hint: 'take it away, or pull into an empty folder',
        details: { path },
      });
    }
  }
}

/** The digest of a file of the layer's size; undefined where there is none. */
async function digestOfFile(path: string, { size, digest }: Descriptor): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() || found.size !== size) return undefined;
  const digester = new Digester(algorithmOf(digest));
  await readInto(digester, path);
  return digester.digest();
}

async function fetchInto(
  repository: Repository,
  layer: Descriptor,
  partial: string,
  { signal, onBytes, onFound }: PullOptions,
): Promise<PulledFile['state']> {
  const digester = new Digester(algorithmOf(layer.digest));
  const before = await stat(partial).catch(() => undefined);
  const resumes = before?.isFile() === true && before.size > 0 && before.size <= layer.size;
  if (resumes) {
    await readInto(digester, partial);
    onFound?.(digester.size);
  }
  await using file = await open(partial, resumes ? 'a' : 'w', 0o644);
  if (digester.size < layer.size) {
    const range = resumes ? { start: digester.size, end: layer.size - 1 } : undefined;
    for await (const chunk of await repository.fetch(layer, { signal, range })) {
      await file.writeFile(chunk);
      digester.update(chunk);
      onBytes?.(chunk.byteLength);
    }
  }
  await file.sync();
  await settle(digester, layer, partial);
  return resumes ? 'resumed' : 'fetched';
}

async function settle(digester: Digester, layer: Descriptor, partial: string): Promise<void> {
  const [size, digest] = [digester.size, digester.digest()];
  if (size === layer.size && digest === layer.digest) return;
  await rm(partial, { force: true });
  throw new CodedError('ERR_EXPORT_DIGEST_MISMATCH', `${layer.digest}: what was fetched is ${digest}, ${size} bytes`, {
    hint: 'pull again; if it stays so, the registry or something on the way changes the content',
    details: { digest: layer.digest },
  });
}

async function readInto(digester: Digester, path: string): Promise<void> {
  await using file = await open(path, 'r');
  for await (const chunk of file.createReadStream({ highWaterMark: 256 * 1024, autoClose: false })) {
    digester.update(chunk as Uint8Array);
  }
}
