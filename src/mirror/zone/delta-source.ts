import { CodedError, type Descriptor, type Digest } from '#core';
import type { ByteStream, FetchOptions, OperationOptions, PushOutcome, Repository } from '#oci/image';
import type { RepositoryState } from '../snapshot.ts';
import type { ZonePlace } from './place.ts';

/**
 * A kit and the target in one: what a delta does not carry is read from the repository of the target that has it, so
 * that an import copies a delta as it copies a full kit. It is only read.
 */
export class DeltaSource implements Repository {
  readonly name: string;
  readonly #kit: Repository;
  readonly #place: ZonePlace;
  /** Which repository of the zone has each content that the kit does not carry. */
  readonly #holders: ReadonlyMap<Digest, string>;
  /** What the snapshot says is a manifest. */
  readonly #manifests: ReadonlySet<Digest>;
  readonly #open = new Map<string, Promise<Repository>>();

  constructor(
    kit: Repository,
    place: ZonePlace,
    holders: ReadonlyMap<Digest, string>,
    states: readonly RepositoryState[],
  ) {
    this.name = kit.name;
    this.#kit = kit;
    this.#place = place;
    this.#holders = holders;
    this.#manifests = new Set(states.flatMap(({ manifests }) => manifests.map(({ digest }) => digest)));
  }

  async resolve(name: string, options?: OperationOptions): Promise<Descriptor | undefined> {
    const holder = this.#holders.get(name as Digest);
    return holder === undefined ? this.#kit.resolve(name, options) : (await this.#at(holder)).resolve(name, options);
  }

  async fetch(descriptor: Descriptor, options?: FetchOptions): Promise<ByteStream> {
    return (await this.#sideOf(descriptor)).fetch(descriptor, options);
  }

  async exists(descriptor: Descriptor, options?: OperationOptions): Promise<boolean> {
    return (await this.#sideOf(descriptor)).exists(descriptor, options);
  }

  async isManifest({ digest }: Descriptor): Promise<boolean> {
    return this.#manifests.has(digest);
  }

  tags(options?: OperationOptions): AsyncIterable<string> {
    return this.#kit.tags(options);
  }

  referrers(subject: Digest, options?: OperationOptions): AsyncIterable<Descriptor> {
    return this.#kit.referrers(subject, options);
  }

  async push(): Promise<PushOutcome> {
    throw this.#readOnly();
  }

  async tag(): Promise<void> {
    throw this.#readOnly();
  }

  async untag(): Promise<boolean> {
    throw this.#readOnly();
  }

  async close(): Promise<void> {
    for (const open of this.#open.values()) await (await open.catch(() => undefined))?.close();
    await this.#kit.close();
  }

  async delete(): Promise<boolean> {
    throw this.#readOnly();
  }

  async #sideOf({ digest }: Descriptor): Promise<Repository> {
    const holder = this.#holders.get(digest);
    return holder === undefined ? this.#kit : this.#at(holder);
  }

  #at(repository: string): Promise<Repository> {
    const open = this.#open.get(repository) ?? this.#openNew(repository);
    this.#open.set(repository, open);
    return open;
  }

  async #openNew(name: string): Promise<Repository> {
    const repository = await this.#place.find(name);
    if (repository !== undefined) return repository;
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${this.#place.name}: removed while a kit was imported`, {
      hint: 'run it again; keep the target as it is meanwhile',
      details: { target: this.#place.name },
    });
  }

  #readOnly(): CodedError {
    return new CodedError('ERR_EXPORT_UNSUPPORTED', `${this.name}: a kit is read-only`);
  }
}
