import { type CodedError, type Digest, Digester, digestOf, hexOf, isCoded } from '#core';
import type { OperationOptions } from '#oci/image';
import { blobPath, layoutMarker } from '#oci/layout';
import { Semaphore } from '#oci/transfer';
import { kitFault } from '../faults.ts';
import { namingDamaged } from '../parts.ts';
import { contentsOf, type MirrorContent } from '../snapshot.ts';
import { encodeKitIndex, type KitSnapshot, ownRepository, repositoriesOf } from './contents.ts';
import { requireEvidence } from './evidence.ts';
import { type OpenKit, readKitFile } from './open.ts';
import { kitPaths } from './plan.ts';
import { checkedContent } from './sources.ts';

/** How a proof is watched. */
export interface ProveOptions extends OperationOptions {
  /** Called with the bytes that have just been read, and how many there are in all. */
  readonly onBytes?: ((sizeBytes: number, totalBytes: number) => void) | undefined;
}

/** A line takes some 140 bytes: of a million files. */
const MAX_CHECKSUMS_BYTES = 256 * 1024 * 1024;
const FILES_AT_A_TIME = 2;
/** Most digests that one message names. */
const MAX_NAMED = 1000;

/** The contents of a snapshot, by where an import takes them from. */
export interface SplitContents {
  readonly carried: readonly MirrorContent[];
  /** What a delta leaves out, since the zone is to have it; none in a full kit. */
  readonly reliedOn: readonly MirrorContent[];
}

/**
 * Which contents of its snapshot a kit carries, by its own word: only a delta may leave any out, never those of the
 * snapshot itself, and what checksums.txt lists is carried.
 *
 * @param snapshot the one that TUF covers
 * @throws CodedError ERR_EXPORT_KIT_INCOMPLETE, ERR_EXPORT_KIT_INVALID for a checksums.txt that cannot be read
 */
export function splitContents(open: OpenKit, snapshot: KitSnapshot): Promise<SplitContents> {
  return namingDamaged(open.parts, () => split(open, snapshot));
}

async function split(open: OpenKit, snapshot: KitSnapshot): Promise<SplitContents> {
  const contents = contentsOf(repositoriesOf(snapshot));
  if (snapshot.kit.bases.length === 0) return { carried: contents, reliedOn: [] };
  const own = ownRepository(snapshot);
  const needed = new Set([...own.manifests, ...own.blobs].map(({ digest }) => digest));
  const listed = [await readChecksums(open, kitPaths.checksums, 64), await readChecksums512(open)];
  const carried: MirrorContent[] = [];
  const reliedOn: MirrorContent[] = [];
  for (const content of contents) {
    const path = blobPath(content.digest);
    const isCarried =
      needed.has(content.digest) ||
      listed.some((each) => each.has(path)) ||
      (await open.files.sizeOf(path)) !== undefined;
    (isCarried ? carried : reliedOn).push(content);
  }
  return { carried, reliedOn };
}

/**
 * Proves that a kit is complete and unchanged before anything of it is used: that all contents that it carries are there
 * and what their digests say, that `index.json` names them as the snapshot does, and that every other file is as
 * checksums.txt says.
 *
 * @param snapshot the one that TUF covers
 * @param contents what splitContents found
 * @throws CodedError ERR_EXPORT_KIT_INCOMPLETE with every missing digest, ERR_EXPORT_KIT_INVALID with every damaged file
 */
export async function proveKit(
  open: OpenKit,
  snapshot: KitSnapshot,
  { carried }: SplitContents,
  options: ProveOptions,
): Promise<void> {
  await requireParts(open, carried, options);
  await requireAll(open, carried);
  await requireEvidence(open, snapshot);
  const digests = new Set(carried.map(({ digest }) => digest));
  await requireFiles(open, encodeKitIndex(repositoriesOf(snapshot), digests), carried);
  await requireUndamaged(open, carried, options);
}

/** A kit in parts is read once more: each part has its own digest, and the number of one that is damaged is to be named. */
async function requireParts(
  { parts, files }: OpenKit,
  contents: readonly MirrorContent[],
  { signal, onBytes }: ProveOptions,
): Promise<void> {
  if (parts === undefined) return;
  const totalBytes = parts.kit.tarBytes + contentBytesOf(contents);
  await parts.requireUndamaged({ signal, onBytes: (sizeBytes) => onBytes?.(sizeBytes, totalBytes) });
  const digester = new Digester();
  for await (const chunk of files.read(kitPaths.checksums, undefined, true)) digester.update(chunk);
  parts.requireChecksums(digester.digest());
}

function contentBytesOf(contents: readonly MirrorContent[]): number {
  return contents.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
}

async function requireAll({ path, files }: OpenKit, contents: readonly MirrorContent[]): Promise<void> {
  const missing: Digest[] = [];
  const damaged: string[] = [];
  for (const { digest, sizeBytes } of contents) {
    const size = await files.sizeOf(blobPath(digest));
    if (size === undefined) missing.push(digest);
    else if (size !== sizeBytes) damaged.push(`${digest} (${size} bytes, expected ${sizeBytes})`);
  }
  if (missing.length > 0) throw incomplete(path, missing);
  if (damaged.length > 0) throw invalid(path, damaged);
}

/** Checks everything but the contents, which are under their own digests. */
async function requireFiles(open: OpenKit, index: Uint8Array, contents: readonly MirrorContent[]): Promise<void> {
  const { kit, id } = open;
  const listed = await readChecksums(open, kitPaths.checksums, 64);
  const known = new Map<string, string>([
    [kitPaths.kit, hexOf(id)],
    [kitPaths.index, hexOf(digestOf(index))],
    [layoutMarker.path, hexOf(digestOf(Buffer.from(layoutMarker.text)))],
    ...kit.files.map(({ path, digest }) => [path, hexOf(digest)] as const),
    ...contents
      .map(({ digest }) => [blobPath(digest), hexOf(digest)] as const)
      .filter(([path]) => path.startsWith('blobs/sha256/')),
  ]);
  const damaged = [
    ...[...known]
      .filter(([path, hex]) => listed.get(path) !== hex)
      .map(([path]) => `${path} (in ${kitPaths.checksums})`),
    ...NEEDED_TEXTS.filter((path) => !listed.has(path)).map((path) => `${path} (not in ${kitPaths.checksums})`),
  ];
  const missing: string[] = [];
  for (const [path, hex] of listed) {
    if (path.startsWith('blobs/') && known.has(path)) continue;
    const isExpected = known.has(path) || NEEDED_TEXTS.includes(path) || path === kitPaths.checksums512;
    const found = isExpected ? await hashOf(open, path) : undefined;
    if (!isExpected) damaged.push(`${path} (not part of a kit)`);
    else if (found === undefined) missing.push(path);
    else if (found !== hex) damaged.push(path);
  }
  if (missing.length > 0) throw incomplete(open.path, missing);
  if (damaged.length > 0) throw invalid(open.path, damaged);
}

/** What people read and run; their text may change with the version that wrote the kit. */
const NEEDED_TEXTS: readonly string[] = ['README.txt', 'verify.sh'];

/** Whatever its size, a file is hashed as it is read. @returns undefined where there is none */
async function hashOf({ files }: OpenKit, path: string): Promise<string | undefined> {
  if ((await files.sizeOf(path)) === undefined) return undefined;
  const digester = new Digester();
  for await (const chunk of files.read(path, undefined, true)) digester.update(chunk);
  return hexOf(digester.digest());
}

/** The list of blobs under a sha512 digest: hex by path; empty where there are none. */
export async function readChecksums512(open: OpenKit): Promise<ReadonlyMap<string, string>> {
  const size = await open.files.sizeOf(kitPaths.checksums512);
  return size === undefined ? new Map() : readChecksums(open, kitPaths.checksums512, 128);
}

/** A list of checksums of a kit: hex by path. @param digits of each hash */
export async function readChecksums(open: OpenKit, name: string, digits: number): Promise<ReadonlyMap<string, string>> {
  const bytes = await readKitFile(open, name, MAX_CHECKSUMS_BYTES);
  if (bytes === undefined) throw incomplete(open.path, [name]);
  const listed = new Map<string, string>();
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  for (const line of lines.slice(0, -1)) {
    const match = /^([0-9a-f]{64,128}) {2}([!-~]{1,512})$/.exec(line);
    if (match?.[1]?.length !== digits || listed.has(match[2] as string)) throw invalid(open.path, [name]);
    listed.set(match[2] as string, match[1] as string);
  }
  if (lines.at(-1) !== '') throw invalid(open.path, [name]);
  return listed;
}

async function requireUndamaged(
  open: OpenKit,
  contents: readonly MirrorContent[],
  options: ProveOptions,
): Promise<void> {
  const totalBytes = (open.parts?.kit.tarBytes ?? 0) + contentBytesOf(contents);
  const semaphore = new Semaphore(FILES_AT_A_TIME);
  const damaged: string[] = [];
  const prove = async (content: MirrorContent) => {
    const path = blobPath(content.digest);
    try {
      for await (const chunk of checkedContent(content, open.files.read(path, undefined, true), open.path)) {
        options.signal?.throwIfAborted();
        options.onBytes?.(chunk.byteLength, totalBytes);
      }
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_DIGEST_MISMATCH', 'ERR_EXPORT_SIZE_MISMATCH')) throw error;
      damaged.push(content.digest);
    }
  };
  await Promise.all(contents.map((content) => semaphore.run(() => prove(content))));
  if (damaged.length > 0) throw invalid(open.path, damaged.sort());
}

function incomplete(path: string, missing: readonly string[]): CodedError {
  return kitFault('ERR_EXPORT_KIT_INCOMPLETE', path, `missing: ${listOf(missing)}`);
}

function invalid(path: string, damaged: readonly string[]): CodedError {
  return kitFault('ERR_EXPORT_KIT_INVALID', path, `damaged: ${listOf(damaged)}`);
}

function listOf(names: readonly string[]): string {
  const rest = names.length > MAX_NAMED ? `, and ${names.length - MAX_NAMED} more` : '';
  return `${names.slice(0, MAX_NAMED).join(', ')}${rest}`;
}
