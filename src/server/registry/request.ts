import { type Digest, parseDigest } from '#core';
import { isRepositoryName, isTag } from '#oci/image';
import type { RegistryStore, StoredRepository } from '#oci/store';
import type { RegistryContext, ServerRequest } from '../context.ts';
import { RegistryProblem } from './problem.ts';

/** The store of the request's tenant. @throws RegistryProblem NAME_UNKNOWN if the tenant does not exist */
export function storeOf(c: ServerRequest, { storeFor }: RegistryContext): RegistryStore {
  const store = storeFor(c.get('principal').tenant);
  if (store === undefined) throw new RegistryProblem('NAME_UNKNOWN');
  return store;
}

/** The repository that a request names. @throws RegistryProblem NAME_INVALID, NAME_UNKNOWN */
export function repositoryOf(c: ServerRequest, context: RegistryContext): StoredRepository {
  const name = c.req.param('name') ?? '';
  if (isRepositoryName(name)) return storeOf(c, context).repository(name);
  throw new RegistryProblem('NAME_INVALID', undefined, { detail: { name: name.slice(0, 300) } });
}

/** The digest or tag in the path of a manifest. @throws RegistryProblem DIGEST_INVALID, MANIFEST_INVALID */
export function manifestNameOf(c: ServerRequest): { readonly digest: Digest } | { readonly tag: string } {
  const reference = c.req.param('reference') ?? '';
  if (reference.includes(':')) return { digest: digestFrom(reference) };
  return { tag: tagFrom(reference) };
}

/** The digest in a path or query. @throws RegistryProblem DIGEST_INVALID */
export function digestFrom(text: string | undefined): Digest {
  try {
    return parseDigest(text ?? '');
  } catch (cause) {
    const detail = { digest: (text ?? '').slice(0, 200) };
    throw new RegistryProblem('DIGEST_INVALID', 'expected a sha256 or sha512 digest', { detail, cause });
  }
}

/** The tag in a path or query. @throws RegistryProblem MANIFEST_INVALID */
export function tagFrom(text: string): string {
  if (isTag(text)) return text;
  throw new RegistryProblem('MANIFEST_INVALID', 'not a valid tag or digest', {
    detail: { reference: text.slice(0, 200) },
  });
}

/** How many entries a page may have: what `n` asks for, within bounds. @throws RegistryProblem */
export function pageSizeOf(c: ServerRequest, { usual, max }: { usual: number; max: number }): number {
  const text = c.req.query('n');
  if (text === undefined) return usual;
  // Clients that want the whole list ask for very large pages.
  if (/^\d+$/.test(text)) return Math.min(Number(text), max);
  throw new RegistryProblem('UNSUPPORTED', 'n must be a number of entries', {
    status: 400,
    detail: { n: text.slice(0, 100) },
  });
}

/** A link to the next page (RFC 8288). */
export function nextLink(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return `<${path}?${new URLSearchParams(pairs).toString()}>; rel="next"`;
}
