import type { Descriptor } from '#core';
import { type ByteStream, type OperationOptions, type Repository, verifyStream } from '#oci/image';
import { type MirrorContent, resolveRepositories, type SnapshotPorts } from '../snapshot.ts';
import type { MirrorSpec } from '../spec.ts';

/** Media type of blobs, whose own one only their manifests know. */
const BLOB = 'application/octet-stream';

/** The repositories that a kit's contents come from, each opened when it is first needed. */
export class KitSources {
  readonly #spec: MirrorSpec;
  readonly #ports: SnapshotPorts;
  readonly #open = new Map<string, Promise<Repository>>();
  #names: Promise<ReadonlyMap<string, string>> | undefined;

  constructor(spec: MirrorSpec, ports: SnapshotPorts) {
    this.#spec = spec;
    this.#ports = ports;
  }

  /** A repository by its name in the zone. */
  repository(name: string): Promise<Repository> {
    const open = this.#open.get(name) ?? this.#openNew(name);
    this.#open.set(name, open);
    // What failed once is tried anew: a server keeps this for as long as a plan.
    open.catch(() => this.#open.get(name) === open && this.#open.delete(name));
    return open;
  }

  /** The bytes of a content, checked against digest and size. */
  async *read(content: MirrorContent, options: OperationOptions): ByteStream {
    const repository = await this.repository(content.repository);
    const asManifest = content.mediaType !== undefined;
    yield* await repository.fetch(descriptorOf(content), { ...options, asManifest });
  }

  /** Whether the source has a content. */
  async has(content: MirrorContent, options: OperationOptions): Promise<boolean> {
    const repository = await this.repository(content.repository);
    return await repository.exists(descriptorOf(content), options);
  }

  /** The bytes of a content from an offset on, which only a reader of the whole can check. */
  async *readFrom(content: MirrorContent, offset: number, options: OperationOptions): ByteStream {
    const repository = await this.repository(content.repository);
    const range = { start: offset, end: content.sizeBytes - 1 };
    const asManifest = content.mediaType !== undefined;
    yield* await repository.fetch(descriptorOf(content), { ...options, asManifest, range });
  }

  async close(): Promise<void> {
    for (const open of this.#open.values()) await (await open.catch(() => undefined))?.close();
  }

  async #openNew(name: string): Promise<Repository> {
    const { snapshots, source } = this.#spec;
    if (name === snapshots.repository) return this.#ports.open(snapshots);
    const sourceName = (await this.#sourceNames()).get(name) ?? name;
    const repository = `${source.prefix}${sourceName}`;
    return this.#ports.open({ kind: 'registry', registry: source.registry, repository });
  }

  #sourceNames(): Promise<ReadonlyMap<string, string>> {
    const names = this.#names ?? this.#readNames();
    this.#names = names;
    names.catch(() => {
      if (this.#names === names) this.#names = undefined;
    });
    return names;
  }

  async #readNames(): Promise<ReadonlyMap<string, string>> {
    const mirrored = await resolveRepositories(this.#spec, () => this.#ports.list(this.#spec.source.registry));
    return new Map(mirrored.map(({ name, sourceName }) => [name, sourceName]));
  }
}

/** The descriptor of a content. */
export function descriptorOf({ digest, sizeBytes, mediaType = BLOB }: Omit<MirrorContent, 'repository'>): Descriptor {
  return { mediaType, digest, size: sizeBytes };
}

/** A content read from a file of a kit, checked against digest and size. */
export function checkedContent(content: MirrorContent, bytes: ByteStream, place: string): ByteStream {
  return verifyStream(descriptorOf(content), bytes, place);
}
