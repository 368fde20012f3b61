import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { algorithmOf, CodedError, Digester, fileError, isCoded, isSystemError, writeFileDurable } from '#core';
import type { OperationOptions } from '#oci/image';
import { blobPath, openFiles, openLayout } from '#oci/layout';
import { type CopyOptions, copy } from '#oci/transfer';
import { kitFault } from '../faults.ts';
import { repositoriesOf } from './contents.ts';
import { type KitFiles, type KitPlan, kitPaths } from './plan.ts';
import { descriptorOf, type KitSources } from './sources.ts';
import { writeCarried } from './write-carried.ts';

/** How a kit is written. */
export interface WriteOptions extends OperationOptions {
  readonly onProgress?: CopyOptions['onProgress'];
}

/**
 * Writes a kit into a directory: contents first, then the files beside them, checksums.txt last. What is there already
 * and undamaged is not fetched again, so that a killed export goes on, and a finished one does nothing.
 *
 * @returns how many bytes of contents were read from the source
 * @throws CodedError ERR_EXPORT_USAGE where the directory holds something else, ERR_EXPORT_SOURCE_MOVED where the source
 *   no longer has what the snapshot lists
 */
export async function writeKitDirectory(
  plan: KitPlan,
  files: KitFiles,
  dir: string,
  sources: KitSources,
  options: WriteOptions,
): Promise<number> {
  await claimDirectory(plan, dir);
  await removeTemporary(files, dir);
  await removeDamaged(plan, dir, options);
  if (await isComplete(plan, files, dir)) return 0;
  const written = await writeContents(plan, dir, sources, options);
  await requireContents(plan, dir);
  for (const [path, bytes] of files) await writeChanged(join(dir, path), bytes);
  return written;
}

/** Makes the directory that of this kit, or finds that it is. */
async function claimDirectory({ files }: KitPlan, dir: string): Promise<void> {
  const kit = files.get(kitPaths.kit) as Uint8Array;
  const found = await readIfThere(join(dir, kitPaths.kit));
  if (found !== undefined && Buffer.from(found).equals(kit)) return;
  const names = (await listIfThere(dir)).filter((name) => !TEMPORARY.test(name));
  if (names.length > 0) {
    const what = found === undefined ? `not empty: it contains ${names[0]}` : 'it contains another kit';
    const hint = 'specify a new or an empty directory for each kit';
    throw new CodedError('ERR_EXPORT_USAGE', `${dir}: ${what}`, { hint, details: { path: dir } });
  }
  await mkdir(dir, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, dir);
  });
  await writeFileDurable(join(dir, kitPaths.kit), kit);
  await writeFileDurable(join(dir, 'oci-layout'), files.get('oci-layout') as Uint8Array);
}

/** How a file is called while it is written. */
const TEMPORARY = /^\.[0-9a-f]{18}\.tmp$/;

/** Removes what a killed export has left of the files beside the blobs; those have a folder of their own for that. */
async function removeTemporary(files: KitFiles, dir: string): Promise<void> {
  const folders = new Set([...files.keys()].map((path) => dirname(join(dir, path))));
  for (const folder of folders) {
    for (const name of await listIfThere(folder)) {
      if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true });
    }
  }
}

/** Removes contents that have their size but not their digest: a copy takes what is in a layout as it is. */
async function removeDamaged({ contents }: KitPlan, dir: string, { signal }: OperationOptions): Promise<void> {
  const held = await openFiles(dir);
  const layout = await openLayout(dir, { create: true });
  try {
    for (const content of contents) {
      const path = blobPath(content.digest);
      if ((await held.sizeOf(path)) !== content.sizeBytes) continue;
      const digester = new Digester(algorithmOf(content.digest));
      for await (const chunk of held.read(path, undefined, true)) {
        signal?.throwIfAborted();
        digester.update(chunk);
      }
      if (digester.digest() !== content.digest) await layout.delete(descriptorOf(content), { signal });
    }
  } finally {
    await layout.close();
  }
}

async function isComplete(plan: KitPlan, files: KitFiles, dir: string): Promise<boolean> {
  for (const [path, bytes] of files) {
    const found = await readIfThere(join(dir, path));
    if (found === undefined || !Buffer.from(found).equals(bytes)) return false;
  }
  return (await missingContents(plan, dir)).length === 0;
}

async function writeContents(
  plan: KitPlan,
  dir: string,
  sources: KitSources,
  { signal, onProgress }: WriteOptions,
): Promise<number> {
  let bytesWritten = 0;
  await using resources = new AsyncDisposableStack();
  const layout = await openLayout(dir, { create: true });
  resources.defer(() => layout.close());
  if (plan.delta.reliedOn.length > 0) {
    return writeCarried(plan.contents, layout, sources, { signal, onProgress, onGone: sourceMoved });
  }
  for (const { name, manifests } of repositoriesOf(plan.snapshot)) {
    const source = await sources.repository(name);
    try {
      const report = await copy(source, layout, manifests.map(descriptorOf), { checkAll: true, signal, onProgress });
      bytesWritten += report.bytesSent;
    } catch (error) {
      throw isGone(error) ? sourceMoved(source.name, error) : error;
    }
  }
  return bytesWritten;
}

function isGone(error: unknown): error is CodedError {
  return isCoded(error, 'ERR_EXPORT_NOT_FOUND') && error.details['side'] === 'source';
}

/** The error where the source has lost what a snapshot lists. */
export function sourceMoved(name: string, cause: CodedError): CodedError {
  return new CodedError('ERR_EXPORT_SOURCE_MOVED', `${name} no longer has what the snapshot lists: ${cause.message}`, {
    hint: 'take a new snapshot with: export-center mirror snapshot; then export again',
    details: { ...cause.details },
    cause,
  });
}

async function requireContents(plan: KitPlan, dir: string): Promise<void> {
  const missing = await missingContents(plan, dir);
  if (missing.length === 0) return;
  throw kitFault('ERR_EXPORT_KIT_INCOMPLETE', dir, `missing after the copy: ${missing.join(', ')}`, 'run it again');
}

async function missingContents({ contents }: KitPlan, dir: string): Promise<string[]> {
  const files = await openFiles(dir);
  const missing: string[] = [];
  for (const { digest, sizeBytes } of contents) {
    if ((await files.sizeOf(blobPath(digest))) !== sizeBytes) missing.push(digest);
  }
  return missing;
}

async function writeChanged(path: string, bytes: Uint8Array): Promise<void> {
  const found = await readIfThere(path);
  if (found === undefined || !Buffer.from(found).equals(bytes)) await writeFileDurable(path, bytes);
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fileError(error, path);
  }
}

async function listIfThere(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    if (isSystemError(error, 'ENOTDIR')) {
      const hint = 'specify a directory, or a file that ends with .tar';
      throw new CodedError('ERR_EXPORT_USAGE', `${dir}: a file, not a directory`, { hint, cause: error });
    }
    throw fileError(error, dir);
  }
}
