import { CodedError, type Descriptor, type Digest } from '#core';

/** What may be known of content before it is read: its digest, and the rest where whoever names it says so. */
export interface NamedContent {
  readonly digest: Digest;
  readonly mediaType?: string | undefined;
  /** In bytes. */
  readonly size?: number | undefined;
}

/**
 * What a node is taken for, by its media type and by whoever names it; `unknown` for a media type that is not supported
 * where a manifest may be named, so that it may be a manifest or a blob.
 */
export type GraphNodeKind = 'index' | 'manifest' | 'blob' | 'unknown';

/** Why a node was reached, and from which one. */
export type GraphReason =
  | { readonly kind: 'root' }
  | { readonly kind: 'child' | 'referrer'; readonly of: Digest }
  | { readonly kind: 'cosignTag'; readonly of: Digest; readonly tag: string };

/** One mention of a node. */
export interface GraphLink<C extends NamedContent = Descriptor> {
  readonly kind: GraphNodeKind;
  readonly descriptor: C;
  readonly reason: GraphReason;
}

/** What tells a node from others: content that is named as a blob and as what may be a manifest is two of them. */
export type GraphNodeKey = Digest | `blob ${Digest}`;

/** The key of the node that a link leads to. */
export function nodeKey({ kind, descriptor }: Pick<GraphLink<NamedContent>, 'kind' | 'descriptor'>): GraphNodeKey {
  return kind === 'blob' ? `blob ${descriptor.digest}` : descriptor.digest;
}

/** A node, by the link that it was reached by first. */
export interface GraphNode<C extends NamedContent = Descriptor> extends GraphLink<C> {
  /** Links between this node and the ones that the walk began at. */
  readonly depth: number;
}

/** What a node leads to. */
export interface GraphExpansion<T, C extends NamedContent = Descriptor> {
  readonly links: readonly GraphLink<C>[];
  /** What the walk yields with the node. */
  readonly value: T;
}

/** A node that the walk has passed, with what its visitor made of it. */
export interface GraphVisit<T, C extends NamedContent = Descriptor> {
  readonly node: GraphNode<C>;
  readonly value: T;
}

/** Where a walk gets its links from: a repository, the files of a layout, a table in memory. */
export interface GraphVisitor<T, C extends NamedContent = Descriptor> {
  /**
   * What a node leads to; called once for each node, with the links of `expand` followed in their order. What it throws
   * ends the walk.
   *
   * @param signal ends as soon as the walk does
   */
  expand(node: GraphNode<C>, signal: AbortSignal): GraphExpansion<T, C> | Promise<GraphExpansion<T, C>>;

  /**
   * Told of each link in the order in which it is followed, also of those to nodes that were reached before.
   *
   * @param isReached as a blob for the link to a blob, else as what may be a manifest
   * @returns whether the node is expanded; unless told, where it was not reached before
   */
  admit?(link: GraphLink<C>, isReached: boolean): boolean;
}

/** How much a walk follows before it takes what it was given for a trap. */
interface GraphLimits {
  /** Links between a node and the one that the walk began at. */
  readonly maxDepth?: number | undefined;
  /** Contents of all kinds, each counted once. */
  readonly maxNodes?: number | undefined;
  /** Of the manifests and indexes that are expanded, in bytes. */
  readonly maxManifestBytes?: number | undefined;
}

/** How a walk is bounded. */
export interface GraphWalkOptions {
  readonly limits?: GraphLimits | undefined;
  /** Nodes that are expanded at a time; 1 unless told, which makes the order of the walk that of its links. */
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Follows a graph of content, depth first, each node once. Content addresses cannot form a circle, but lists of
 * referrers and tags can, and an index can name another a thousand times: a node is known by its digest. What is a layer
 * of one artifact can be the manifest of another, and is then a node in each role: a blob leads to nothing.
 *
 * Nothing is held but the digests that were reached, and the links that wait. It reads ahead of whoever iterates by
 * `concurrency` nodes at most.
 */
export class GraphWalk<T, C extends NamedContent = Descriptor> {
  readonly #visitor: GraphVisitor<T, C>;
  readonly #options: GraphWalkOptions;
  readonly #reached = new Set<Digest>();
  /** Of these, what may be manifests. */
  readonly #manifests = new Set<Digest>();
  /** Of these in turn, what was reached as a blob too. */
  readonly #inBothRoles = new Set<Digest>();
  #manifestBytes = 0;

  constructor(visitor: GraphVisitor<T, C>, options: GraphWalkOptions = {}) {
    this.#visitor = visitor;
    this.#options = options;
  }

  /** The digests of all nodes that were reached so far. */
  get reached(): ReadonlySet<Digest> {
    return this.#reached;
  }

  /** Lets a node be reached once more, where the link to it proved to be wrong. */
  forget(digest: Digest): void {
    for (const digests of [this.#reached, this.#manifests, this.#inBothRoles]) digests.delete(digest);
  }

  /**
   * Walks from some links, at depth 0; what an earlier walk reached is not visited again. With a concurrency of 1 a
   * node comes before what it leads to; with more it comes as soon as it is expanded.
   *
   * @throws CodedError ERR_EXPORT_TOO_LARGE at a limit, and whatever the visitor throws
   */
  async *from(links: readonly GraphLink<C>[]): AsyncGenerator<GraphVisit<T, C>> {
    const { signal, concurrency = 1 } = this.#options;
    const stop = new AbortController();
    const abort = () => stop.abort(signal?.reason);
    signal?.addEventListener('abort', abort);
    // The next one is the last of the list.
    const waiting = links.map((link) => ({ ...link, depth: 0 })).reverse();
    const expanding = new Expanding<T, C>();
    try {
      for (;;) {
        signal?.throwIfAborted();
        while (expanding.count < concurrency) {
          const node = this.#next(waiting);
          if (node === undefined) break;
          expanding.add(node, async () => this.#visitor.expand(node, stop.signal));
        }
        const done = await expanding.next();
        if (done === undefined) return;
        const { node, expansion } = done;
        const depth = node.depth + 1;
        for (const link of expansion.links.toReversed()) waiting.push({ ...link, depth });
        yield { node, value: expansion.value };
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      stop.abort();
      await expanding.end();
    }
  }

  /** As `from`, for a visitor that keeps what it needs. */
  async run(links: readonly GraphLink<C>[]): Promise<void> {
    const visits = this.from(links);
    while (!(await visits.next()).done);
  }

  /** The next node that is to be expanded. */
  #next(waiting: GraphNode<C>[]): GraphNode<C> | undefined {
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      const isReached = this.#isReached(node);
      const isAdmitted = this.#visitor.admit?.(node, isReached) ?? !isReached;
      if (!isReached) this.#count(node);
      if (isAdmitted) return node;
    }
    return undefined;
  }

  #isReached({ kind, descriptor: { digest } }: GraphNode<C>): boolean {
    if (kind !== 'blob') return this.#manifests.has(digest);
    return this.#reached.has(digest) && (!this.#manifests.has(digest) || this.#inBothRoles.has(digest));
  }

  #count({ kind, descriptor, depth }: GraphNode<C>): void {
    const { maxDepth = Infinity, maxNodes = Infinity, maxManifestBytes = Infinity } = this.#options.limits ?? {};
    if (this.#reached.has(descriptor.digest)) this.#inBothRoles.add(descriptor.digest);
    this.#reached.add(descriptor.digest);
    if (kind !== 'blob') this.#manifests.add(descriptor.digest);
    // What an index lists under an unknown type may be a blob of any size.
    if (kind === 'index' || kind === 'manifest') this.#manifestBytes += descriptor.size ?? 0;
    if (depth > maxDepth) throw graphTooLarge(descriptor, maxDepth, 'levels of nesting');
    if (this.#reached.size > maxNodes) throw graphTooLarge(descriptor, maxNodes, 'blobs and manifests');
    if (this.#manifestBytes > maxManifestBytes) {
      throw graphTooLarge(descriptor, maxManifestBytes, 'bytes of manifests');
    }
  }
}

interface Expanded<T, C extends NamedContent> {
  readonly node: GraphNode<C>;
  readonly expansion: GraphExpansion<T, C>;
}

/** Expansions that are under way, and those that are done and have not been looked at. */
class Expanding<T, C extends NamedContent> {
  readonly #done: (() => Expanded<T, C>)[] = [];
  readonly #running = new Set<Promise<void>>();
  #wake: () => void = () => undefined;

  get count(): number {
    return this.#running.size + this.#done.length;
  }

  add(node: GraphNode<C>, expand: () => Promise<GraphExpansion<T, C>>): void {
    const task = expand()
      .then(
        (expansion) => this.#done.push(() => ({ node, expansion })),
        (error: unknown) =>
          this.#done.push(() => {
            throw error;
          }),
      )
      .then(() => {
        this.#running.delete(task);
        this.#wake();
      });
    this.#running.add(task);
  }

  /** The next that is done; undefined where none is under way. */
  async next(): Promise<Expanded<T, C> | undefined> {
    if (this.#done.length === 0 && this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#done.shift()?.();
  }

  async end(): Promise<void> {
    await Promise.all(this.#running);
  }
}

/** The error for an artifact that exceeds a limit of a walk. */
export function graphTooLarge({ digest }: NamedContent, limit: number, what: string): CodedError {
  return new CodedError('ERR_EXPORT_TOO_LARGE', `${digest}: more than ${limit.toLocaleString('en')} ${what}`, {
    hint: 'check that this is the artifact you meant; copy its parts one by one',
    details: { digest },
  });
}
