import type { Descriptor, Digest } from '#core';
import {
  cosignTagLinks,
  type GraphLink,
  type GraphNode,
  GraphWalk,
  type OperationOptions,
  type Repository,
  referrerLinks,
  rootLink,
} from '#oci/image';

/** A manifest and what hangs on it. */
export interface ReferrerTree {
  /** As it was listed, with artifactType and annotations. */
  readonly descriptor: Descriptor;
  /** How it was found: `subject` for the root, `referrer` by the referrers list, a tag for cosign's older form. */
  readonly found: 'subject' | 'referrer' | string;
  /** `missing`: listed, and not there; `cut`: what refers to it is too far from the root to be looked for. */
  readonly state?: 'missing' | 'cut' | undefined;
  /** In byte order of digest, tags last. */
  readonly children: readonly ReferrerTree[];
}

type State = ReferrerTree['state'];

/** Referrers of referrers of referrers: nobody goes further, and a chain must end. */
const MAX_DEPTH = 16;

/** All that hangs on a manifest, by referrers and by cosign's tags, each manifest once. */
export async function discover(
  repository: Repository,
  subject: Descriptor,
  options: OperationOptions = {},
): Promise<ReferrerTree> {
  const expand = async (node: GraphNode) => ({
    links: node.depth === MAX_DEPTH ? [] : await attachedTo(repository, node, options),
    value: await stateOf(repository, node, options),
  });
  const walk = new GraphWalk<State>({ expand }, options);
  const childrenOf = new Map<Digest, ReferrerTree[]>();
  for await (const { node, value } of walk.from([rootLink(subject)])) {
    const { descriptor, reason } = node;
    const children: ReferrerTree[] = [];
    childrenOf.set(descriptor.digest, children);
    if (reason.kind === 'root') continue;
    const found = reason.kind === 'cosignTag' ? reason.tag : reason.kind;
    const state = value === undefined ? {} : { state: value };
    childrenOf.get(reason.of)?.push({ descriptor, found, ...state, children });
  }
  return { descriptor: subject, found: 'subject', children: childrenOf.get(subject.digest) ?? [] };
}

async function attachedTo(
  repository: Repository,
  { kind, descriptor }: GraphNode,
  options: OperationOptions,
): Promise<GraphLink[]> {
  if (kind === 'unknown') return [];
  const referrers = await referrerLinks(repository, descriptor.digest, options);
  referrers.sort((a, b) => (a.descriptor.digest < b.descriptor.digest ? -1 : 1));
  return [...referrers, ...(await cosignTagLinks(repository, descriptor.digest, options))];
}

/** A tag was resolved just now; a list may name what was deleted since. */
async function stateOf(
  repository: Repository,
  { descriptor, reason, depth }: GraphNode,
  options: OperationOptions,
): Promise<State> {
  if (reason.kind === 'referrer' && !(await repository.exists(descriptor, options))) return 'missing';
  return depth === MAX_DEPTH ? 'cut' : undefined;
}
