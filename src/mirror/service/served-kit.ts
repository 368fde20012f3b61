import { addSeconds, CodedError, compareInstants, type Digest, Digester, hexOf, type Instant } from '#core';
import type { ByteRange, ByteStream, OperationOptions } from '#oci/image';
import { factsOf, type GatheredKit, type KitFiles, type KitSources, kitTarBytes, streamKit } from '../kit.ts';
import type { MirrorContent } from '../snapshot.ts';
import type { DeltaPlan } from './delta-plan.generated.ts';

/** How long a plan is kept. */
const KEPT_SECONDS = 24 * 60 * 60;
/** What a content of a plan takes in memory, about. */
const CONTENT_BYTES = 300;

/** What the tar of a kit consists of, and where its contents come from. */
interface KitParts {
  readonly contents: readonly MirrorContent[];
  /** With a signature, if the kit is signed. */
  readonly files: KitFiles;
  readonly sources: KitSources;
}

/** A kit that was planned for clients to fetch: the same bytes for each of them, and as `mirror export` writes it. */
export class ServedKit {
  /** Of the plan: the hex digits of the kit's id. */
  readonly id: string;
  readonly tarBytes: number;
  /** What it takes in memory, about. */
  readonly memoryBytes: number;
  readonly #plan: DeltaPlan;
  readonly #parts: KitParts;
  #keptUntil: Instant;
  #tarDigest: Digest | undefined;
  #isHashing = false;

  private constructor(plan: DeltaPlan, parts: KitParts) {
    this.id = plan.id;
    this.tarBytes = plan.tarBytes;
    const fileBytes = [...parts.files.values()].reduce((total, { byteLength }) => total + byteLength, 0);
    this.memoryBytes = fileBytes + parts.contents.length * CONTENT_BYTES;
    this.#plan = plan;
    this.#keptUntil = plan.keptUntil;
    this.#parts = parts;
  }

  /**
   * @param plan only what the tar consists of is kept of it
   * @param files those of the plan, with a signature if the kit is signed
   */
  static async of(plan: GatheredKit, files: KitFiles, sources: KitSources, now: Instant): Promise<ServedKit> {
    const described = await describe(plan, files, addSeconds(now, KEPT_SECONDS));
    return new ServedKit(described, { contents: plan.contents, files, sources });
  }

  get kit(): Digest {
    return this.#plan.kit;
  }

  get keptUntil(): Instant {
    return this.#keptUntil;
  }

  /** Has it kept for longer, for a client that has just planned it again. */
  keepUntil(time: Instant): void {
    if (compareInstants(time, this.#keptUntil) > 0) this.#keptUntil = time;
  }

  /** The digest of the whole tar; undefined until it was sent once as a whole. */
  get tarDigest(): Digest | undefined {
    return this.#tarDigest;
  }

  /** What the API says of it. */
  describe(): DeltaPlan {
    const plan = { ...this.#plan, keptUntil: this.#keptUntil };
    return { ...plan, ...(this.#tarDigest === undefined ? {} : { tarDigest: this.#tarDigest }) };
  }

  /**
   * Asks the registry behind it for the first content that a range needs, so that a registry that is down is known
   * before a response begins.
   *
   * @throws CodedError of that registry, ERR_EXPORT_SOURCE_MOVED
   */
  async probe({ start }: ByteRange, options: OperationOptions): Promise<void> {
    const { contents, sources } = this.#parts;
    const [first] = contents;
    // A range within the contents is read from them at once.
    if (start > 0 || first === undefined) return;
    if (await sources.has(first, options)) return;
    throw new CodedError('ERR_EXPORT_SOURCE_MOVED', `${first.repository} no longer has ${first.digest}`, {
      hint: 'take a new snapshot with: export-center mirror snapshot',
      details: { digest: first.digest },
    });
  }

  /**
   * A range of the tar. If it begins within a blob, the rest of that blob is not checked against its digest: the client
   * checks the kit when it is whole.
   *
   * @throws CodedError of the registry behind it, ERR_EXPORT_SOURCE_MOVED; also while the stream is read
   */
  async *read({ start, end }: ByteRange, options: OperationOptions): ByteStream {
    const { files, sources } = this.#parts;
    const isWhole = start === 0 && end === this.tarBytes - 1;
    // One client's download is enough to know it.
    const digester = isWhole && this.#tarDigest === undefined && !this.#isHashing ? new Digester() : undefined;
    this.#isHashing ||= digester !== undefined;
    try {
      let left = end - start + 1;
      for await (const chunk of streamKit(this.#parts, files, sources, start, { ...options, unchecked: true })) {
        const part = chunk.byteLength <= left ? chunk : chunk.subarray(0, left);
        digester?.update(part);
        left -= part.byteLength;
        if (left === 0 && digester !== undefined) this.#tarDigest = digester.digest();
        if (part.byteLength > 0) yield part;
        if (left === 0) return;
      }
    } finally {
      if (digester !== undefined) this.#isHashing = false;
    }
  }
}

async function describe(plan: GatheredKit, files: KitFiles, keptUntil: Instant): Promise<DeltaPlan> {
  const facts = await factsOf(plan);
  const { kit, stream, sequence, snapshot, manifests, blobs, contentBytes, reliedOn, tags, expiry } = facts;
  const id = hexOf(kit);
  return {
    ...{
      id,
      kit,
      stream,
      sequence,
      snapshot,
      bases: plan.snapshot.kit.bases,
      manifests,
      blobs,
      contentBytes,
      reliedOn,
    },
    ...(tags === null
      ? {}
      : { tags: { new: tags.new.length, moved: tags.moved.length, removed: tags.removed.length } }),
    tarBytes: await kitTarBytes(plan, files),
    expiry,
    keptUntil,
    href: `/v1/mirrors/${stream}/deltas/${id}/kit`,
  };
}
