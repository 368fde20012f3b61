import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Descriptor, type Digest, digestOf } from '#core';
import {
  cosignTagLinks,
  cosignTagOf,
  fetchBytes,
  type GraphLink,
  type GraphNode,
  GraphWalk,
  type NamedContent,
  packIndex,
  parseManifest,
  type Repository,
  referrerLinks,
  rootLink,
  successorLinks,
} from '#oci/image';
import { openLayout } from '#oci/layout';
import { inPieces, listAll, pushArtifact } from '../content.ts';

const digest = (name: string): Digest => digestOf(Buffer.from(name));
const root = (name: string): GraphLink<NamedContent> => {
  return { kind: 'index', descriptor: { digest: digest(name), size: 100 }, reason: { kind: 'root' } };
};
const child = (of: string, name: string): GraphLink<NamedContent> => {
  return { ...root(name), reason: { kind: 'child', of: digest(of) } };
};

/** A walk over nodes by name; what is not named leads nowhere. */
function walkOf(graph: Record<string, string[]>, options: ConstructorParameters<typeof GraphWalk>[1] = {}) {
  const names = new Map(
    Object.entries(graph).flatMap(([name, to]) => [name, ...to].map((each) => [digest(each), each])),
  );
  const expanded: string[] = [];
  const expand = ({ descriptor }: GraphNode<NamedContent>) => {
    const name = names.get(descriptor.digest) ?? '';
    expanded.push(name);
    return { links: (graph[name] ?? []).map((each) => child(name, each)), value: name };
  };
  return { walk: new GraphWalk<string, NamedContent>({ expand }, options), expanded };
}

async function order(walk: GraphWalk<string, NamedContent>, ...roots: string[]): Promise<string[]> {
  return (await listAll(walk.from(roots.map(root)))).map(({ node, value }) => `${value}${node.depth}`);
}

test('visits depth first, in the order of the links, each node once', async () => {
  const { walk } = walkOf({ a: ['b', 'c'], b: ['d', 'c'], c: ['e'], f: ['a', 'g'] });
  expect(await order(walk, 'a', 'f', 'a')).toEqual(['a0', 'b1', 'd2', 'c2', 'e3', 'f0', 'g1']);
  expect(await order(walk, 'f', 'h')).toEqual(['0']);
  expect(walk.reached.size).toBe(8);
});

test('ends where links lead in a circle, as lists of referrers and tags can', async () => {
  expect(await order(walkOf({ a: ['b'], b: ['c'], c: ['a', 'b', 'c'] }).walk, 'a')).toEqual(['a0', 'b1', 'c2']);
});

test('indexes that name each of the next level a thousand times are expanded once each', async () => {
  const levels = Array.from({ length: 17 }, (_, i) => `level ${i}`);
  const graph = Object.fromEntries(levels.slice(0, 16).map((name, i) => [name, Array(1000).fill(levels[i + 1])]));
  const { walk, expanded } = walkOf(graph, { limits: { maxDepth: 16, maxNodes: 17 } });
  await walk.run([root('level 0')]);
  expect(expanded).toEqual(levels);
});

test.each([
  ['maxDepth', 1, 'more than 1 levels of nesting', 2],
  ['maxNodes', 2, 'more than 2 blobs and manifests', 2],
  ['maxManifestBytes', 299, 'more than 299 bytes of manifests', 2],
])('stops at %s before it expands more', async (limit, value, message, expansions) => {
  const { walk, expanded } = walkOf({ a: ['b'], b: ['c'], c: ['d'] }, { limits: { [limit]: value } });
  await expect(order(walk, 'a')).rejects.toMatchObject({
    code: 'ERR_EXPORT_TOO_LARGE',
    message: expect.stringContaining(message),
    details: { digest: digest('c') },
  });
  expect(expanded).toHaveLength(expansions);
});

test('blobs, and what may be one, do not count as bytes of manifests', async () => {
  const expand = () => ({ links: [], value: undefined });
  const walk = new GraphWalk<undefined, NamedContent>({ expand }, { limits: { maxManifestBytes: 200 } });
  const large = (['blob', 'unknown'] as const).map((kind) => ({ ...root(kind), kind }));
  await walk.run([...large, root('index')]);
  expect(walk.reached.size).toBe(3);
});

test('expands as many at a time as it is told, and reads no further ahead of its consumer', async () => {
  const waiting: (() => void)[] = [];
  const started: Digest[] = [];
  const expand = async ({ descriptor }: GraphNode<NamedContent>) => {
    started.push(descriptor.digest);
    await new Promise<void>((resolve) => waiting.push(resolve));
    return { links: [], value: undefined };
  };
  const walk = new GraphWalk<undefined, NamedContent>({ expand }, { concurrency: 3 });
  const visits = walk.from(['a', 'b', 'c', 'd', 'e'].map(root));
  const first = visits.next();
  expect(started).toHaveLength(3);
  for (const resolve of waiting.splice(0)) resolve();
  await first;
  expect(started).toHaveLength(3);
  const second = visits.next();
  expect(started).toHaveLength(4);
  await second;
  const end = visits.return(undefined);
  for (const resolve of waiting.splice(0)) resolve();
  await end;
  expect(started.length).toBeLessThanOrEqual(5);
});

test('a failure ends the walk and what is under way, and is what it throws', async () => {
  const failure = new Error('unreadable');
  const signals: AbortSignal[] = [];
  const expand = async ({ descriptor }: GraphNode<NamedContent>, signal: AbortSignal) => {
    signals.push(signal);
    if (descriptor.digest === digest('b')) throw failure;
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    return { links: [], value: undefined };
  };
  const walk = new GraphWalk<undefined, NamedContent>({ expand }, { concurrency: 4 });
  await expect(walk.run(['a', 'b', 'c'].map(root))).rejects.toBe(failure);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
});

test('ends when its signal does, with its reason', async () => {
  const controller = new AbortController();
  const expand = (_: GraphNode<NamedContent>, signal: AbortSignal) => {
    controller.abort(new Error('enough'));
    signal.throwIfAborted();
    return { links: [], value: undefined };
  };
  const walk = new GraphWalk<undefined, NamedContent>({ expand }, { signal: controller.signal });
  await expect(walk.run([root('a'), root('b')])).rejects.toThrow('enough');
  await expect(walk.run([root('b')])).rejects.toThrow('enough');
});

test('a visitor sees every link, may look at a node again, and may forget one', async () => {
  const links: [Digest, boolean][] = [];
  const values: Digest[] = [];
  const visitor = {
    admit: ({ descriptor }: GraphLink<NamedContent>, isReached: boolean) => {
      links.push([descriptor.digest, isReached]);
      return !isReached || links.length === 2;
    },
    expand: ({ descriptor }: GraphNode<NamedContent>) => {
      values.push(descriptor.digest);
      return { links: [], value: undefined };
    },
  };
  const walk = new GraphWalk<undefined, NamedContent>(visitor);
  await walk.run([root('a'), root('a'), root('a')]);
  expect(links.map(([, isReached]) => isReached)).toEqual([false, true, true]);
  expect(values).toHaveLength(2);
  walk.forget(digest('a'));
  await walk.run([root('a')]);
  expect(values).toHaveLength(3);
});

test('what is a layer of one artifact and the manifest of another is a node in each role, in any order', async () => {
  const asLayer = { ...child('artifact', 'image'), kind: 'blob' } as const;
  for (const links of [
    [asLayer, root('image'), asLayer, root('image')],
    [root('image'), asLayer, root('image'), asLayer],
  ]) {
    const expand = ({ kind }: GraphNode<NamedContent>) => ({
      links: kind === 'blob' ? [] : [{ ...child('image', 'layer'), kind: 'blob' } as const],
      value: kind,
    });
    const walk = new GraphWalk<string, NamedContent>({ expand }, { limits: { maxNodes: 2, maxManifestBytes: 200 } });
    const seen = await listAll(walk.from(links));
    expect(seen.map(({ value }) => value).sort()).toEqual(['blob', 'blob', 'index']);
    expect([...walk.reached].sort()).toEqual([digest('image'), digest('layer')].sort());
    walk.forget(digest('image'));
    expect(await listAll(walk.from(links))).toHaveLength(2);
  }
});

let dir: string;
let repository: Repository;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'graph-'));
  repository = await openLayout(dir, { create: true, durable: false });
});

afterEach(async () => {
  await repository.close();
  await rm(dir, { recursive: true, force: true });
});

/** All that a repository has below its roots, as a mirror of it plans it. */
async function everythingBelow(...roots: Descriptor[]): Promise<string[]> {
  const names = new Map<Digest, string>();
  const nameOf = (of: Digest) => names.get(of) ?? of;
  const walk = new GraphWalk({
    expand: async ({ kind, descriptor }: GraphNode) => {
      if (kind === 'blob') return { links: [], value: undefined };
      const bytes = await fetchBytes(repository, descriptor);
      const { digest: of } = descriptor;
      const manifest = parseManifest(bytes, descriptor.mediaType, of);
      names.set(of, manifest.annotations['name'] ?? 'index');
      const attached = [...(await referrerLinks(repository, of)), ...(await cosignTagLinks(repository, of))];
      return { links: [...successorLinks(of, manifest), ...attached], value: undefined };
    },
  });
  const seen: string[] = [];
  for await (const { node } of walk.from(roots.map(rootLink))) {
    const { kind, descriptor, depth, reason } = node;
    const why = reason.kind === 'root' ? 'root' : `${reason.kind} of ${nameOf(reason.of)}`;
    if (kind !== 'blob') seen.push(`${depth} ${kind} ${nameOf(descriptor.digest)}: ${why}`);
    else seen.push(`${depth} blob of ${descriptor.size}: ${why}`);
  }
  return seen;
}

test('over a repository: manifests, blobs, referrers and cosign tags, each with why it was reached', async () => {
  const push = (name: string, subject?: Descriptor) => {
    return pushArtifact(repository, name, { annotations: { name }, ...(subject && { subject }) });
  };
  const image = await push('image');
  const { descriptor: index, bytes } = packIndex({ manifests: [image] });
  await repository.push(index, inPieces(bytes, 1000));
  const signature = await push('signature', index);
  await push('countersignature', signature);
  await repository.tag(await push('legacy'), cosignTagOf(image.digest, 'sig'));
  expect(await everythingBelow(index, image)).toEqual([
    '0 index index: root',
    '1 manifest image: child of index',
    '2 blob of 2: child of image',
    '2 blob of 5: child of image',
    '2 manifest legacy: cosignTag of image',
    '3 blob of 6: child of legacy',
    '1 manifest signature: referrer of index',
    '2 blob of 9: child of signature',
    '2 manifest countersignature: referrer of signature',
    '3 blob of 16: child of countersignature',
  ]);
});

test('more referrers than allowed are too large an artifact', async () => {
  const subject = await pushArtifact(repository, 'subject');
  await pushArtifact(repository, 'one', { subject });
  await pushArtifact(repository, 'two', { subject });
  expect(await referrerLinks(repository, subject.digest, { maxReferrers: 2 })).toHaveLength(2);
  await expect(referrerLinks(repository, subject.digest, { maxReferrers: 1 })).rejects.toMatchObject({
    code: 'ERR_EXPORT_TOO_LARGE',
    message: `${subject.digest}: more than 1 referrers`,
  });
});
