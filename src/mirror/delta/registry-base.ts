import { CodedError, type Digest, isCoded } from '#core';
import { isRegistryReference, parseReference, type RegistryReference } from '#oci/image';
import { Semaphore } from '#oci/transfer';
import type { RepositoryState, SnapshotPorts } from '../snapshot.ts';
import type { Base, BaseContext, BaseForm } from './base.ts';
import { digestOfList } from './digest-list.ts';
import { DigestSet } from './digest-set.ts';
import { findHolders, type PresencePlace } from './presence.ts';

const TAGS_AT_A_TIME = 8;

/** `HOST[:PORT][/PREFIX]`: a registry with the repositories of the mirror, which is asked for each content. */
export const registryForm: BaseForm = {
  kind: 'registry',
  form: 'HOST[:PORT][/PREFIX]',
  parse(text, { ports }) {
    const [host = '', ...path] = (text.endsWith('/') ? text.slice(0, -1) : text).split('/');
    const prefix = path.length === 0 ? '' : `${path.join('/')}/`;
    const registry = registryOf(`${host}/${prefix}x`);
    if (registry === undefined) return undefined;
    const at = (name: string): RegistryReference => ({ kind: 'registry', registry, repository: `${prefix}${name}` });
    const place = { find: (name: string) => ports.open(at(name)) };
    return { name: text, resolve: (context) => ask(text, place, context) };
  },
};

/** Undefined where the text is not a repository of a registry. */
function registryOf(text: string): string | undefined {
  try {
    const example = parseReference(text);
    const isWhole = isRegistryReference(example) && example.tag === undefined && example.digest === undefined;
    return isWhole ? example.registry : undefined;
  } catch (error) {
    if (isCoded(error, 'ERR_EXPORT_REFERENCE_INVALID')) return undefined;
    throw error;
  }
}

/** The answers say nothing of what was not asked: only contents of the snapshot, in repositories that it has. */
async function ask(
  name: string,
  place: { find: (name: string) => ReturnType<SnapshotPorts['open']> },
  context: BaseContext,
): Promise<Base> {
  const { repositories, signal } = context;
  const holders = await findHolders(place, repositories, () => true, { signal });
  const set = new DigestSet(holders.keys());
  const digests = await resolveTags(place, repositories, context);
  if (digests.size === 0 && set.size === 0) {
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${name}: has nothing of the mirror ${context.spec.stream}`, {
      hint: 'check HOST[:PORT][/PREFIX]; for a zone that has nothing, omit --base',
      details: { base: name },
    });
  }
  return {
    kind: 'registry',
    digest: digestOfList(set),
    name,
    has: (digest) => set.has(digest),
    tags: { known: 'asked', digests },
  };
}

async function resolveTags(
  place: PresencePlace,
  repositories: readonly RepositoryState[],
  { signal }: BaseContext,
): Promise<Map<string, Digest>> {
  const semaphore = new Semaphore(TAGS_AT_A_TIME);
  const digests = new Map<string, Digest>();
  for (const { name, tags } of repositories) {
    const repository = await place.find(name);
    if (repository === undefined) continue;
    try {
      const resolve = async (tag: string) => {
        const found = await repository.resolve(tag, { signal });
        if (found !== undefined) digests.set(`${name}:${tag}`, found.digest);
      };
      await Promise.all(tags.map(({ tag }) => semaphore.run(() => resolve(tag))));
    } finally {
      await repository.close();
    }
  }
  return digests;
}
