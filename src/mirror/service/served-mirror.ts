import { type Clock, CodedError, type Digest, encodeCanonical, instantOf, type JsonObject } from '#core';
import { bareDescriptor, fetchBytes, type OperationOptions, type Repository } from '#oci/image';
import { Semaphore } from '#oci/transfer';
import type { Signer } from '#signing';
import { directorySource, targetsOf } from '#tuf';
import { type BaseRequest, receiptBase, registryForm, snapshotBase } from '../delta.ts';
import { gatherKit, KitSources, signedFilesOf } from '../kit.ts';
import { maxSnapshotBytes, type SnapshotPorts, snapshotLayer } from '../snapshot.ts';
import type { MirrorSpec } from '../spec.ts';
import { cachedByDigest, DigestCache } from './by-digest.ts';
import type { DeltaRequest } from './delta-request.generated.ts';
import type { MirrorSnapshots } from './mirror-snapshots.generated.ts';
import { Plans } from './plans.ts';
import { ServedKit } from './served-kit.ts';

/** A mirror that a server offers. */
export interface MirrorOffer {
  readonly spec: MirrorSpec;
  readonly ports: SnapshotPorts;
  /** Signs the kits; they are unsigned without it, and TUF covers their content. */
  readonly signer?: Signer | undefined;
  /** Registries as `HOST[:PORT]` that clients may have asked for what they have; none unless given. */
  readonly allowedRegistries?: ReadonlySet<string> | undefined;
  readonly clock: Clock;
}

type ListedSnapshot = MirrorSnapshots['snapshots'][number];

const PLANS = { count: 256, memoryBytes: 128 * 1024 * 1024 };
/** Each holds the snapshot, and what its bases have, in memory. */
const PLANS_AT_A_TIME = 4;
const CACHE_BYTES = 64 * 1024 * 1024;
/** As much as any client reads of a file of a TUF repository. */
const MAX_TUF_FILE_BYTES = 64 * 1024 * 1024;
/** A file of `metadata/` or `targets/`, as TUF repositories name them. */
const TUF_FILE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/;

/** A mirror as a server reads it: snapshots as TUF lists them, contents from the registry behind it. */
export class ServedMirror {
  /** The stream. */
  readonly name: string;
  readonly #offer: MirrorOffer;
  readonly #plans = new Plans(PLANS);
  readonly #planning = new Semaphore(PLANS_AT_A_TIME);
  readonly #cache = new DigestCache(CACHE_BYTES);
  #snapshots: Promise<Repository> | undefined;

  constructor(offer: MirrorOffer) {
    this.name = offer.spec.stream;
    this.#offer = offer;
  }

  /** All snapshots that TUF lists, the newest first. */
  async listSnapshots(): Promise<readonly ListedSnapshot[]> {
    const { tuf, stream } = this.#offer.spec;
    const targets = [...(await targetsOf(tuf, stream)).values()];
    return targets.toSorted((a, b) => b.sequence - a.sequence).map(({ sequence, digest }) => ({ sequence, digest }));
  }

  /** The bytes of the document of a snapshot; undefined if TUF does not list it. */
  async readDocument(digest: Digest, options: OperationOptions): Promise<Uint8Array | undefined> {
    if (!(await this.listSnapshots()).some((each) => each.digest === digest)) return undefined;
    const repository = await this.#repository();
    const descriptor = await repository.resolve(digest, options);
    if (descriptor === undefined) throw gone(repository.name, digest);
    const layer = snapshotLayer(await fetchBytes(repository, descriptor, options), `${repository.name}@${digest}`);
    return await fetchBytes(repository, bareDescriptor(layer), { ...options, maxBytes: maxSnapshotBytes });
  }

  /**
   * The bases that a client names.
   *
   * @throws CodedError ERR_EXPORT_USAGE, ERR_EXPORT_FORBIDDEN for a registry that is not allowed
   */
  basesOf({ bases }: DeltaRequest): BaseRequest[] {
    return bases.map(({ snapshot, receipt, registry = '' }, i) => {
      if (snapshot !== undefined) return snapshotBase(snapshot);
      if (receipt === undefined) return this.#registryBase(registry);
      return receiptBase(encodeCanonical(receipt as unknown as JsonObject), `bases/${i}/receipt`);
    });
  }

  /**
   * Plans a kit of the newest snapshot, with what any of some bases lacks, and keeps it for clients. A few are planned at
   * a time, whatever the number of clients; others wait.
   *
   * @param bases none for a full kit
   * @throws CodedError as gatherKit does
   */
  plan(bases: readonly BaseRequest[], options: OperationOptions): Promise<ServedKit> {
    return this.#planning.run(() => this.#plan(bases, options));
  }

  async #plan(bases: readonly BaseRequest[], options: OperationOptions): Promise<ServedKit> {
    options.signal?.throwIfAborted();
    const { spec, ports, signer } = this.#offer;
    const plan = await gatherKit(spec, await this.#repository(), { ...options, bases });
    const files = await signedFilesOf(plan, signer);
    const kit = await ServedKit.of(plan, files, new KitSources(spec, ports), this.#now());
    return this.#plans.add(kit, this.#now());
  }

  /** A kit that was planned; undefined if the server has forgotten it, or it never was. */
  kitOf(id: string): ServedKit | undefined {
    return this.#plans.get(id, this.#now());
  }

  /**
   * A file of the TUF repository, exactly as it was signed; undefined if there is none of this name.
   *
   * @param name of the file, without directory
   */
  async readTuf(folder: 'metadata' | 'targets', name: string): Promise<Uint8Array | undefined> {
    if (!TUF_FILE.test(name)) return undefined;
    return await directorySource(this.#offer.spec.tuf).read(folder, name, MAX_TUF_FILE_BYTES);
  }

  async close(): Promise<void> {
    await (await this.#snapshots?.catch(() => undefined))?.close();
  }

  /** A client must not make this server send requests to any host that it likes. */
  #registryBase(text: string): BaseRequest {
    const { spec, ports, allowedRegistries } = this.#offer;
    const [host = ''] = text.split('/');
    if (allowedRegistries?.has(host.toLowerCase()) !== true) {
      throw new CodedError('ERR_EXPORT_FORBIDDEN', `${JSON.stringify(host)}: this server may not ask that registry`, {
        hint: 'specify a snapshot or a digest list as the base, or ask the operator for --allow-registry',
      });
    }
    const base = registryForm.parse(text, { stream: spec.stream, ports });
    if (base !== undefined) return base;
    const hint = `write ${registryForm.form}`;
    throw new CodedError('ERR_EXPORT_USAGE', `${JSON.stringify(text)}: not a registry`, { hint });
  }

  #now() {
    return instantOf(this.#offer.clock.now());
  }

  #repository(): Promise<Repository> {
    const { ports, spec } = this.#offer;
    const opening =
      this.#snapshots ?? ports.open(spec.snapshots).then((repository) => cachedByDigest(repository, this.#cache));
    this.#snapshots = opening;
    opening.catch(() => {
      if (this.#snapshots === opening) this.#snapshots = undefined;
    });
    return opening;
  }
}

function gone(repository: string, digest: Digest): CodedError {
  return new CodedError('ERR_EXPORT_SOURCE_MOVED', `${repository}@${digest}: not found, but TUF lists it`, {
    hint: 'take a new snapshot with: export-center mirror snapshot',
    details: { repository, digest },
  });
}
