import { CodedError, compareText } from '#core';
import { isRepositoryName, type OperationOptions } from '#oci/image';
import type { Scopes } from './auth.ts';
import { protocolError, refusal } from './faults.ts';
import type { WireResponse } from './http/message.ts';
import type { RegistryClient } from './http/registry-client.ts';
import { type ListingBounds, readPages } from './pages.ts';

const BOUNDS: ListingBounds = { what: 'repositories', maxItems: 1_000_000, maxBytes: 256 * 1024 * 1024 };
const SCOPES: Scopes = new Map([['registry:catalog', new Set(['*'])]]);

/** How repositories are listed. */
export interface CatalogOptions extends OperationOptions {
  /** Told of each name that is listed and cannot be that of a repository. */
  readonly onInvalid?: ((name: string) => void) | undefined;
}

/** All repositories that a registry lists (`/v2/_catalog`), in byte order. */
export async function readCatalog(
  client: RegistryClient,
  registry: string,
  { signal, onInvalid }: CatalogOptions,
): Promise<string[]> {
  const names = new Set<string>();
  const take = ({ repositories }: { readonly repositories?: unknown }, response: WireResponse) => {
    if (repositories !== null && !Array.isArray(repositories)) {
      throw protocolError(response.url, 'answered with something that is not a list of repositories');
    }
    const before = names.size;
    for (const name of repositories ?? []) names.add(typeof name === 'string' ? name : (JSON.stringify(name) ?? ''));
    return names.size - before;
  };
  const url = new URL('/v2/_catalog?n=1000', client.origin);
  const other = await readPages(client, { method: 'GET', url, scopes: SCOPES, signal }, () => true, take, BOUNDS);
  if (other === undefined) {
    const sorted = [...names].sort(compareText);
    for (const name of sorted) if (!isRepositoryName(name)) onInvalid?.(name);
    return sorted.filter(isRepositoryName);
  }
  const cause = await refusal(other, 'GET');
  if (![404, 405, 501].includes(other.status)) throw cause;
  throw new CodedError('ERR_EXPORT_UNSUPPORTED', `${registry}: it does not list its repositories`, {
    hint: 'write the names of repositories without * and ?',
    details: { registry },
    cause,
  });
}
