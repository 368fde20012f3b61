import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, type Digest, Digester, isCoded } from '#core';
import { isAlive, ownerIn } from '../owner.ts';
import { blobPath, FolderFiles } from './files.ts';
import { LayoutGraph, listBlobs } from './graph.ts';
import type { LayoutIndex } from './index-file.ts';
import { IndexSource, indexPath, lacksIndex } from './index-source.ts';
import { tempFolder } from './ingest.ts';
import { checkIsLayout } from './layout.ts';

/** Something in a layout that is not as it should be. */
export interface LayoutFinding {
  /**
   * `missing`: named and not there; `damaged`: not what its name says; `unreachable`: there, and named by nothing;
   * `leftover`: of a process that has ended, or no part of a layout.
   */
  readonly kind: 'missing' | 'damaged' | 'unreachable' | 'leftover';
  readonly object: 'blob' | 'manifest' | 'file';
  /** A digest, or a path below the layout. */
  readonly name: string;
  /** The manifest that names it; absent where the index does. */
  readonly namedBy?: Digest | undefined;
}

/** How a check is watched and ended. */
export interface LayoutCheckOptions {
  /** Called with the number of bytes that have just been hashed. */
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads all of a layout and tells what is not as it should be; nothing is changed. What is unreachable or left over is
 * no fault: a push under way looks like that, and garbage collection takes it in time.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_LAYOUT_INVALID where there is no layout
 */
export async function* checkLayout(root: string, options: LayoutCheckOptions = {}): AsyncGenerator<LayoutFinding> {
  const files = new FolderFiles(root);
  await checkIsLayout(files);
  const { index, fault } = await readIndex(files);
  if (fault !== undefined) yield { kind: fault, object: 'file', name: indexPath };
  const { blobs, strangers } = await listBlobs(root);
  const damaged = new Set<Digest>();
  for (const digest of blobs.keys()) {
    if ((await hash(files, digest, options)) === digest) continue;
    damaged.add(digest);
    yield { kind: 'damaged', object: 'blob', name: digest };
  }
  const graph = new LayoutGraph(root, blobs, options.signal);
  await graph.follow(index?.entries ?? []);
  yield* misled(graph, damaged);
  // Without an index nothing leads anywhere, which says nothing of what is there.
  for (const digest of index === undefined ? [] : blobs.keys()) {
    if (graph.reached.has(digest) || damaged.has(digest)) continue;
    yield { kind: 'unreachable', object: 'blob', name: digest };
  }
  for (const name of [...strangers, ...(await leftovers(root))]) yield { kind: 'leftover', object: 'file', name };
}

/** Who names what is not there, or with another size than it has. */
function* misled({ absent, misnamed }: LayoutGraph, damaged: ReadonlySet<Digest>): Generator<LayoutFinding> {
  for (const { digest, isManifest, namedBy } of absent) {
    yield { kind: 'missing', object: isManifest ? 'manifest' : 'blob', name: digest, ...(namedBy && { namedBy }) };
  }
  for (const { digest, namedBy } of misnamed) {
    // Where the content is sound, it is the one who names it with another size that errs.
    if (damaged.has(digest)) continue;
    if (namedBy === undefined) yield { kind: 'damaged', object: 'file', name: indexPath };
    else yield { kind: 'damaged', object: 'manifest', name: namedBy };
  }
}

/** Temporary files that no running process has, by their paths below the layout. */
export async function leftovers(root: string): Promise<string[]> {
  const names = await readdir(join(root, tempFolder)).catch(() => []);
  const abandoned = names.filter((name) => {
    const owner = ownerIn(name.replace(/^lock\./, ''));
    return name !== 'lock' && (owner === undefined || isAlive(owner) === false);
  });
  return abandoned.sort().map((name) => `${tempFolder}/${name}`);
}

async function readIndex(
  files: FolderFiles,
): Promise<{ readonly index?: LayoutIndex; readonly fault?: 'missing' | 'damaged' }> {
  if (await lacksIndex(files)) return { fault: 'missing' };
  try {
    return { index: await new IndexSource(files, `oci:${files.root}`).current() };
  } catch (error) {
    if (isCoded(error, 'ERR_EXPORT_LAYOUT_INVALID')) return { fault: 'damaged' };
    throw error;
  }
}

async function hash(files: FolderFiles, digest: Digest, { onBytes, signal }: LayoutCheckOptions): Promise<Digest> {
  const digester = new Digester(algorithmOf(digest));
  for await (const chunk of files.read(blobPath(digest))) {
    signal?.throwIfAborted();
    digester.update(chunk);
    onBytes?.(chunk.byteLength);
  }
  return digester.digest();
}
