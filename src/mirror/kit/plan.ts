import { algorithmOf, compareText, type Digest, digestOf, hexOf } from '#core';
import { blobPath, layoutMarker } from '#oci/layout';
import type { RepositoryFile } from '#tuf';
import { type Base, type Delta, deltaOf } from '../delta.ts';
import type { MirrorContent } from '../snapshot.ts';
import { encodeKit, encodeKitIndex, type KitSnapshot, ownRepository } from './contents.ts';
import { encodeReadme, verifyScript } from './texts.ts';

/** The files of a kit beside its blobs, by path. */
export type KitFiles = ReadonlyMap<string, Uint8Array>;

/** All that a kit consists of. It depends on the snapshot, its evidence, the bases, the TUF metadata and trust/ alone. */
export interface KitPlan {
  /** The digest of kit.json. */
  readonly id: Digest;
  readonly snapshot: KitSnapshot;
  /** In the order in which they are written; checksums.txt last. */
  readonly files: KitFiles;
  /** What it carries, in byte order of digest. */
  readonly contents: readonly MirrorContent[];
  /** What it leaves out, and what happens to tags. */
  readonly delta: Delta;
}

export const kitPaths = {
  kit: 'kit.json',
  index: 'index.json',
  checksums: 'checksums.txt',
  checksums512: 'checksums-sha512.txt',
  signature: 'checksums.txt.sig',
} as const;

/**
 * Plans a kit: a full one, or, for bases, one that carries what not all of them have.
 *
 * @param extra the files in `tuf/` and `trust/`, by path
 * @param bases those that `snapshot.kit` names
 */
export function planKit(snapshot: KitSnapshot, extra: KitFiles, bases: readonly Base[]): KitPlan {
  const mirrored = snapshot.snapshot.repositories;
  const own = ownRepository(snapshot);
  const delta = deltaOf(mirrored, own, bases);
  const contents = delta.carried;
  const carried = new Set(contents.map(({ digest }) => digest));
  const kit = encodeKit(snapshot.kit);
  const id = digestOf(kit);
  const files = new Map<string, Uint8Array>([
    [layoutMarker.path, Buffer.from(layoutMarker.text)],
    [kitPaths.kit, kit],
    [kitPaths.index, encodeKitIndex([...mirrored, own], carried)],
    ['README.txt', Buffer.from(encodeReadme({ kit: snapshot.kit, id, roots: rootsIn(extra) }))],
    ['verify.sh', Buffer.from(verifyScript)],
    ...[...extra].sort(([a], [b]) => compareText(a, b)),
  ]);
  const others = contents.filter(({ digest }) => algorithmOf(digest) !== 'sha256');
  if (others.length > 0) files.set(kitPaths.checksums512, Buffer.from(others.map(lineOf).join('')));
  files.set(kitPaths.checksums, Buffer.from(encodeChecksums(files, contents)));
  return { id, snapshot, files, contents, delta };
}

/** As sha256sum reads them, in byte order of path; blobs under a sha512 digest have a list of their own. */
function encodeChecksums(files: KitFiles, contents: readonly MirrorContent[]): string {
  const own = [...files].map(([path, bytes]) => ({ path, hex: hexOf(digestOf(bytes)) }));
  const blobs = contents
    .filter(({ digest }) => algorithmOf(digest) === 'sha256')
    .map(({ digest }) => ({ path: blobPath(digest), hex: hexOf(digest) }));
  const all = [...own, ...blobs].toSorted((a, b) => compareText(a.path, b.path));
  return all.map(({ path, hex }) => `${hex}  ${path}\n`).join('');
}

function lineOf({ digest }: MirrorContent): string {
  return `${hexOf(digest)}  ${blobPath(digest)}\n`;
}

const ROOT = /^tuf\/metadata\/(\d+)\.root\.json$/;

/** The first root and the newest one. */
function rootsIn(files: KitFiles): { version: number; sha256: string }[] {
  const roots = [...files].flatMap(([path, bytes]) => {
    const version = ROOT.exec(path)?.[1];
    return version === undefined ? [] : [{ version: Number(version), sha256: hexOf(digestOf(bytes)) }];
  });
  const versions = roots.map(({ version }) => version);
  const ends = [Math.min(...versions), Math.max(...versions)];
  return roots.filter(({ version }) => ends.includes(version)).toSorted((a, b) => a.version - b.version);
}

/** Where the files of a TUF repository lie in a kit. */
export function tufFilesOf(files: readonly RepositoryFile[]): Map<string, Uint8Array> {
  return new Map(files.map(({ path, bytes }) => [`tuf/${path}`, bytes]));
}
