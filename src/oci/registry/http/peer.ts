import { isIP } from 'node:net';
import type { Peer } from '#oci/image';
import { addressesOf, type Lookup, systemLookup } from './pinned-lookup.ts';

/**
 * The other end of a connection of another thread. Its name is resolved here, where the addresses that it may have are
 * known.
 *
 * @param lookup the system's unless told
 * @throws what the lookup says, or the reason of `signal`
 */
export async function resolvePeer(url: URL, { lookup = systemLookup, signal, ...more }: PeerOptions): Promise<Peer> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const addresses = isIP(host) === 0 ? await unlessAborted(addressesOf(host, lookup), signal) : undefined;
  signal.throwIfAborted();
  return { host, port, addresses, ...more };
}

interface PeerOptions extends Pick<Peer, 'connectMs' | 'idleMs' | 'tls'> {
  readonly lookup?: Lookup | undefined;
  readonly signal: AbortSignal;
}

/** A lookup cannot be stopped, but need not be waited for. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
