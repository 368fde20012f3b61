import type { Digest } from '#core';
import type { Delta, TagChanges } from '../delta.ts';
import { encodeSignature } from '../signatures.ts';
import type { MirrorContent, RepositoryState } from '../snapshot.ts';
import type { GatheredKit } from './gather.ts';
import { type KitFiles, kitPaths } from './plan.ts';

import { kitTarBytes } from './write-tar.ts';

/** A number of files and their bytes. */
interface FileCount {
  readonly files: number;
  readonly sizeBytes: number;
}

/** What a kit consists of, exact to the byte for the export of it. */
export interface KitFacts {
  /** The kit's id. */
  readonly kit: Digest;
  readonly stream: string;
  readonly sequence: number;
  /** Of its manifest. */
  readonly snapshot: Digest;
  readonly bases: readonly { readonly kind: string; readonly digest: Digest }[];
  readonly repositories: number;
  readonly manifests: number;
  readonly blobs: number;
  readonly contentBytes: number;
  /** All files of the kit by what they are. */
  readonly classes: {
    readonly manifests: FileCount;
    readonly blobs: FileCount;
    /** TUF metadata, trust/, checksums and texts, without a signature. */
    readonly metadata: FileCount;
  };
  /** Manifests and blobs of repositories that hold bundles of one profile, by its name. */
  readonly bundles: Readonly<Record<string, FileCount>>;
  /** What the kit does not carry, since the zone has it. */
  readonly reliedOn: FileCount;
  /** Null where the bases do not tell. */
  readonly tags: TagChanges | null;
  /** As a tar, without and with a signature (`--kit-key`). */
  readonly tarBytes: number;
  readonly signedTarBytes: number;
  readonly expiry: GatheredKit['expiry'];
}

/** What is known of a kit before it is written. */
export async function factsOf(plan: GatheredKit): Promise<KitFacts> {
  const { stream, sequence, snapshot, bases } = plan.snapshot.kit;
  const { repositories } = plan.snapshot.snapshot;
  const { contents, delta } = plan;
  const manifests = countOf(contents.filter(({ mediaType }) => mediaType !== undefined));
  const blobs = countOf(contents.filter(({ mediaType }) => mediaType === undefined));
  const metadata = countOf([...plan.files.values()].map(({ byteLength }) => ({ sizeBytes: byteLength })));
  return {
    kit: plan.id,
    stream,
    sequence,
    snapshot: snapshot.digest,
    bases,
    repositories: repositories.length,
    manifests: manifests.files,
    blobs: blobs.files,
    contentBytes: manifests.sizeBytes + blobs.sizeBytes,
    classes: { manifests, blobs, metadata },
    bundles: bundlesOf(repositories, delta),
    reliedOn: countOf(delta.reliedOn),
    tags: delta.tags ?? null,
    tarBytes: await kitTarBytes(plan, plan.files),
    signedTarBytes: await kitTarBytes(plan, withSignature(plan.files)),
    expiry: plan.expiry,
  };
}

function countOf(files: readonly Pick<MirrorContent, 'sizeBytes'>[]): FileCount {
  return { files: files.length, sizeBytes: files.reduce((total, { sizeBytes }) => total + sizeBytes, 0) };
}

/** Signatures by Ed25519 are all of one length. */
function withSignature(files: KitFiles): KitFiles {
  return new Map([...files, [kitPaths.signature, encodeSignature(new Uint8Array(64))]]);
}

function bundlesOf(repositories: readonly RepositoryState[], { carried }: Delta): Record<string, FileCount> {
  const byProfile = Map.groupBy(
    repositories.filter(({ profile }) => profile !== undefined),
    ({ profile }) => profile as string,
  );
  return Object.fromEntries(
    [...byProfile].map(([profile, states]) => {
      const digests = new Set(
        states.flatMap(({ manifests, blobs }) => [...manifests, ...blobs].map(({ digest }) => digest)),
      );
      return [profile, countOf(carried.filter(({ digest }) => digests.has(digest)))];
    }),
  );
}
