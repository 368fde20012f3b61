import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, type Digest, Digester, isAlive, isCoded, ownerIn } from '#core';
import { blobPath, FolderFiles } from './files.ts';
import { LayoutGraph, listBlobs } from './graph.ts';
import type { LayoutIndex } from './index-file.ts';
import { IndexSource, indexPath, lacksIndex } from './index-source.ts';
import { tempFolder } from './ingest.ts';
import { checkIsLayout } from './layout.ts';

/** Something in a layout that is not as it should be. */
export interface LayoutFinding {
  /**
   * `missing`: named and not there; `damaged`: not what its digest says, or no valid manifest; `unreadable`: there, and this user or the disk
   * does not let it be read; `wrongSize`: right, and named with another size; `unreachable`: there, and named by
   * nothing; `leftover`: of a process that has ended, or no part of a layout.
   */
  readonly kind: 'missing' | 'damaged' | 'unreadable' | 'wrongSize' | 'unreachable' | 'leftover';
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
  const { blobs, others } = await listBlobs(root);
  const faulty = new Set<Digest>();
  for (const digest of blobs.keys()) {
    const kind = await faultOf(files, digest, options);
    if (kind === undefined) continue;
    faulty.add(digest);
    yield { kind, object: 'blob', name: digest };
  }
  const graph = new LayoutGraph(root, blobs, options.signal);
  await graph.follow(index?.entries ?? []);
  yield* misled(graph, faulty);
  // Without an index nothing leads anywhere, which says nothing of what is there.
  for (const digest of index === undefined ? [] : blobs.keys()) {
    if (graph.reached.has(digest) || faulty.has(digest)) continue;
    yield { kind: 'unreachable', object: 'blob', name: digest };
  }
  for (const name of [...others, ...(await leftovers(root))]) yield { kind: 'leftover', object: 'file', name };
}

/** What is malformed, named and not there, or named with another size than it has. */
function* misled({ absent, misnamed, malformed }: LayoutGraph, faulty: ReadonlySet<Digest>): Generator<LayoutFinding> {
  for (const digest of malformed) yield { kind: 'damaged', object: 'manifest', name: digest };
  for (const { digest, isManifest, namedBy } of absent) {
    yield { kind: 'missing', object: isManifest ? 'manifest' : 'blob', name: digest, ...(namedBy && { namedBy }) };
  }
  for (const { digest, isManifest, namedBy } of misnamed) {
    // Of what is damaged that has been said.
    if (faulty.has(digest)) continue;
    yield { kind: 'wrongSize', object: isManifest ? 'manifest' : 'blob', name: digest, ...(namedBy && { namedBy }) };
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
): Promise<{ readonly index?: LayoutIndex; readonly fault?: 'missing' | 'damaged' | 'unreadable' }> {
  if (await lacksIndex(files)) return { fault: 'missing' };
  try {
    return { index: await new IndexSource(files, `oci:${files.root}`).current() };
  } catch (error) {
    if (isCoded(error, 'ERR_EXPORT_LAYOUT_INVALID')) return { fault: 'damaged' };
    if (isCoded(error, 'ERR_EXPORT_SOURCE_UNREADABLE')) return { fault: 'unreadable' };
    throw error;
  }
}

/** What is wrong with a blob by itself; undefined where nothing is. */
async function faultOf(
  files: FolderFiles,
  digest: Digest,
  options: LayoutCheckOptions,
): Promise<'damaged' | 'unreadable' | undefined> {
  try {
    return (await hash(files, digest, options)) === digest ? undefined : 'damaged';
  } catch (error) {
    if (isCoded(error, 'ERR_EXPORT_SOURCE_UNREADABLE', 'ERR_EXPORT_IO')) return 'unreadable';
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
