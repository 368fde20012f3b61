import { type Descriptor, type Digest, isManifestType } from '#core';
import {
  bareDescriptor,
  fetchBytes,
  isForeign,
  type OperationOptions,
  parseManifest,
  type Repository,
  successorLinks,
} from '#oci/image';
import { checkNamesNothing, readUnknown } from '#oci/transfer';
import type { Repository as RepositoryState } from './mirror-snapshot.generated.ts';

/** A manifest, and what it names. */
export interface ManifestNode {
  readonly descriptor: Descriptor;
  readonly subject: Digest | undefined;
  /** Manifests that it lists. */
  readonly manifests: readonly Descriptor[];
  /** What else it names; of an index, blobs that it lists. */
  readonly blobs: readonly Descriptor[];
  /** Layers that stay at their publisher's place. */
  readonly foreign: readonly Digest[];
}

/** Reads manifests of a repository, each once; those of an earlier snapshot are not read again. */
export class NodeReader {
  readonly #source: Repository;
  readonly #options: OperationOptions;
  readonly #nodes = new Map<Digest, Promise<ManifestNode | undefined>>();
  #fetched = 0;

  constructor(source: Repository, known: RepositoryState | undefined, options: OperationOptions) {
    this.#source = source;
    this.#options = options;
    for (const node of known === undefined ? [] : nodesOf(known)) {
      this.#nodes.set(node.descriptor.digest, Promise.resolve(node));
    }
  }

  /** How many manifests were asked of the source. */
  get fetched(): number {
    return this.#fetched;
  }

  /**
   * What a manifest names.
   *
   * @param isListed whether an index lists it, which may list blobs too
   * @returns undefined for a blob
   * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_MANIFEST_INVALID, ERR_EXPORT_UNSUPPORTED for a type whose contents
   *   cannot be found
   */
  read(descriptor: Descriptor, isListed: boolean): Promise<ManifestNode | undefined> {
    const known = this.#nodes.get(descriptor.digest);
    if (known !== undefined) return known;
    this.#fetched++;
    const node = isManifestType(descriptor.mediaType) ? this.#parse(descriptor) : this.#inspect(descriptor, isListed);
    this.#nodes.set(descriptor.digest, node);
    return node;
  }

  async #parse(descriptor: Descriptor): Promise<ManifestNode> {
    const name = `${this.#source.name}@${descriptor.digest}`;
    const bytes = await fetchBytes(this.#source, bareDescriptor(descriptor), this.#options);
    const manifest = parseManifest(bytes, descriptor.mediaType, name);
    const links = successorLinks(descriptor.digest, manifest);
    const foreign = links.filter((link) => isForeign(link.descriptor)).map((link) => link.descriptor.digest);
    const kept = links.filter((link) => !isForeign(link.descriptor));
    const listed = await Promise.all(kept.map(async (link) => ({ ...link, isBlob: await this.#isBlob(link) })));
    return {
      descriptor: bareDescriptor(descriptor),
      subject: manifest.subject?.digest,
      manifests: listed.filter(({ isBlob }) => !isBlob).map((link) => bareDescriptor(link.descriptor)),
      blobs: listed.filter(({ isBlob }) => isBlob).map((link) => bareDescriptor(link.descriptor)),
      foreign,
    };
  }

  async #isBlob({ kind, descriptor }: ReturnType<typeof successorLinks>[number]): Promise<boolean> {
    if (kind !== 'unknown') return kind === 'blob';
    return (await this.read(descriptor, true)) === undefined;
  }

  async #inspect(descriptor: Descriptor, isListed: boolean): Promise<ManifestNode | undefined> {
    const unknown = await readUnknown(this.#source, descriptor, isListed ? 'listed' : 'manifest', this.#options);
    if (unknown === undefined) return undefined;
    await checkNamesNothing(this.#source, descriptor, unknown);
    const none = { manifests: [], blobs: [], foreign: [] };
    return { descriptor: bareDescriptor(descriptor), subject: unknown.subject, ...none };
  }
}

function nodesOf({ manifests, blobs }: RepositoryState): ManifestNode[] {
  const described = new Map<Digest, Descriptor>(
    manifests.map(({ digest, mediaType, sizeBytes }) => [digest, { digest, mediaType, size: sizeBytes }]),
  );
  const mediaType = 'application/octet-stream';
  const sizes = new Map<Digest, Descriptor>(
    blobs.map(({ digest, sizeBytes }) => [digest, { digest, mediaType, size: sizeBytes }]),
  );
  const from = (table: ReadonlyMap<Digest, Descriptor>, digests: readonly Digest[] = []) =>
    digests.map((digest) => table.get(digest)).filter((descriptor) => descriptor !== undefined);
  return manifests.map((manifest) => ({
    descriptor: described.get(manifest.digest) as Descriptor,
    subject: manifest.subject,
    manifests: from(described, manifest.manifests),
    blobs: from(sizes, manifest.blobs),
    foreign: manifest.foreign ?? [],
  }));
}
