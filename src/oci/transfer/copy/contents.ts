import { type Descriptor, type Digest, isManifestType } from '#core';
import { bareDescriptor, type GraphNodeKey, nodeKey, type PushOutcome } from '#oci/image';

/** How far a copy has come, in bytes of content. */
export interface CopyProgress {
  /** Of all that was found so far; grows as manifests are read. */
  readonly knownBytes: number;
  /** Of what is at the target, sent or found there. */
  readonly completedBytes: number;
  /** Sent of contents that are under way. */
  readonly movingBytes: number;
  /** Contents that are being sent now, of which something was sent. */
  readonly underWay: number;
}

/** Called with the bytes that have just been sent. */
export type OnCopyProgress = (sentBytes: number, progress: CopyProgress) => void;

/** The contents of a copy: which were found, how much of them was sent, and what became of each. */
export class CopiedContents {
  readonly #onProgress: OnCopyProgress | undefined;
  readonly #known = new Map<GraphNodeKey, Descriptor>();
  readonly #outcomes = new Map<GraphNodeKey, PushOutcome>();
  /** Bytes sent of each content that is under way. */
  readonly #moving = new Map<GraphNodeKey, number>();
  #bytesSent = 0;
  #knownBytes = 0;
  #completedBytes = 0;

  constructor(onProgress: OnCopyProgress | undefined) {
    this.#onProgress = onProgress;
  }

  /** Bytes of the contents that were uploaded. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** What became of each content, in the order in which it was found. */
  outcomes(): Map<Digest, PushOutcome> {
    const found = new Map<Digest, PushOutcome>();
    for (const [key, { digest }] of this.#known) {
      const outcome = this.#outcomes.get(key);
      if (outcome !== undefined && found.get(digest) !== 'uploaded') found.set(digest, outcome);
    }
    return found;
  }

  /** The descriptors of all that is at the target. */
  completed(): Descriptor[] {
    return [...this.#known].filter(([key]) => this.#outcomes.has(key)).map(([, descriptor]) => descriptor);
  }

  /** Notes a content, so that progress counts with it. */
  find(descriptor: Descriptor): void {
    const key = keyOf(descriptor);
    if (this.#known.has(key)) return;
    this.#known.set(key, bareDescriptor(descriptor));
    this.#knownBytes += descriptor.size;
  }

  /** Notes that some more bytes of a content were sent. */
  move(descriptor: Descriptor, sentBytes: number): void {
    const key = keyOf(descriptor);
    // What is sent again after a failure brings it no further.
    this.#moving.set(key, Math.min((this.#moving.get(key) ?? 0) + sentBytes, descriptor.size));
    this.#tell(sentBytes);
  }

  /** Notes that a content is under way no more. */
  stop(descriptor: Descriptor): void {
    this.#moving.delete(keyOf(descriptor));
  }

  /** Notes that a content is at the target. */
  complete(descriptor: Descriptor, outcome: PushOutcome): void {
    this.find(descriptor);
    const key = keyOf(descriptor);
    if (!this.#outcomes.has(key)) this.#completedBytes += descriptor.size;
    this.#outcomes.set(key, outcome);
    if (outcome === 'uploaded') this.#bytesSent += descriptor.size;
    this.#tell(0);
  }

  #tell(sentBytes: number): void {
    this.#onProgress?.(sentBytes, {
      knownBytes: this.#knownBytes,
      completedBytes: this.#completedBytes,
      movingBytes: [...this.#moving.values()].reduce((sum, moved) => sum + moved, 0),
      underWay: this.#moving.size,
    });
  }
}

/** A manifest that is a layer of another artifact too is copied in each role. */
function keyOf(descriptor: Descriptor): GraphNodeKey {
  return nodeKey({ kind: isManifestType(descriptor.mediaType) ? 'manifest' : 'blob', descriptor });
}
